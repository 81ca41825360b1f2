/* Tables of sines and cosines, right ones and wrong ones, by the formulas of papers and tutorials,
 * one column after the other. */
#include "identify_made.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct recipe {
    pe_layout layout;
    pe_rule rule;
    pe_bug bug;
    double base, first, scale;
    size_t rows, pairs;
    size_t turn;   /* row at which positions go wrong */
    bool single;   /* float arithmetic */
    pe_format low; /* of positions, frequencies, phases, where the bug says so */
} recipe;

static bool low_at(const recipe *r, pe_bug one, pe_bug both)
{
    return r->bug == one || (both && r->bug == both);
}

/* channel: 2 pair, or 2 pair + 1 for the cosine. */
static double frequency(const recipe *r, size_t pair, bool cosine)
{
    const double i = (double)pair, d = 2 * (double)r->pairs, c = 2 * i + (cosine ? 1 : 0);
    double w = pow(r->base, -2 * i / d);
    switch (r->rule) {
    case PE_RULE_ENDPOINT:
        w = exp(-i * log(r->base) / ((double)r->pairs - 1));
        break;
    case PE_RULE_DOUBLED:
        w = pow(r->base, -4 * i / d);
        break;
    case PE_RULE_DOUBLED_CHANNEL:
        w = pow(r->base, -2 * c / d);
        break;
    case PE_RULE_CHANNEL:
        w = pow(r->base, -c / d);
        break;
    case PE_RULE_STEP:
        w = exp(-2 * i);
        break;
    case PE_RULE_ONE:
        w = 1;
        break;
    case PE_RULE_RISING:
        w = pow(r->base, 2 * i / d);
        break;
    default:
        break;
    }
    if (r->single)
        w = (double)expf((float)(2 * i) * (float)(-log(r->base) / d)) *
            (w / pow(r->base, -2 * i / d));
    if (low_at(r, PE_BUG_LOW_FREQUENCY, PE_BUG_LOW_BOTH))
        w = pe_round_to_format(r->low, w);
    return w;
}

static double position(const recipe *r, size_t row)
{
    if (r->bug == PE_BUG_CLAMPED_ROWS && row >= r->turn)
        row = r->turn - 1;
    if (r->bug == PE_BUG_RESTARTED_ROWS && row >= r->turn)
        row -= r->turn;
    if (r->bug == PE_BUG_CACHED_ROWS && row >= r->turn)
        row = 0;
    if (r->bug == PE_BUG_CONSTANT_ROWS)
        row = 3;
    const double p = r->first + (double)row;
    return low_at(r, PE_BUG_LOW_POSITION, PE_BUG_LOW_BOTH) ? pe_round_to_format(r->low, p) : p;
}

static double entry(const recipe *r, size_t row, size_t pair, bool cosine)
{
    double phase = position(r, row) * frequency(r, pair, cosine);
    if (r->single)
        phase = (double)((float)position(r, row) * (float)frequency(r, pair, cosine));
    if (r->bug == PE_BUG_LOW_PHASE)
        phase = pe_round_to_format(r->low, phase);
    if (r->bug == PE_BUG_DEGREES)
        phase *= 57.29577951308232;
    if (r->bug == PE_BUG_REPLACED && cosine)
        phase = sin(phase);
    if (r->single)
        return (double)((float)r->scale * (cosine ? cosf((float)phase) : sinf((float)phase)));
    return r->scale * (cosine ? cos(phase) : sin(phase));
}

static void put(const recipe *r, made *out, size_t *column, size_t pair, bool cosine)
{
    for (size_t t = 0; t < r->rows; t++)
        out->values[t * out->matrix.columns + *column] = entry(r, t, pair, cosine);
    ++*column;
}

static void run_of(const recipe *r, made *out, size_t *column, bool cosine)
{
    for (size_t i = 0; i < r->pairs; i++)
        put(r, out, column, i, cosine);
}

static void fill_columns(const recipe *r, made *out)
{
    size_t at = 0;
    switch (r->layout) {
    case PE_LAYOUT_INTERLEAVED:
    case PE_LAYOUT_INTERLEAVED_COS:
        for (size_t i = 0; i < r->pairs; i++)
            for (int k = 0; k < 2; k++)
                put(r, out, &at, i, (k == 1) == (r->layout == PE_LAYOUT_INTERLEAVED));
        break;
    case PE_LAYOUT_CONCAT:
    case PE_LAYOUT_CONCAT_COS:
        run_of(r, out, &at, r->layout == PE_LAYOUT_CONCAT_COS);
        run_of(r, out, &at, r->layout == PE_LAYOUT_CONCAT);
        break;
    case PE_LAYOUT_COS_REPEATED:
    case PE_LAYOUT_SIN_REPEATED:
        for (size_t i = 0; i < r->pairs; i++)
            for (int k = 0; k < 2; k++)
                put(r, out, &at, i, r->layout == PE_LAYOUT_COS_REPEATED);
        break;
    case PE_LAYOUT_COS_HALVES:
    case PE_LAYOUT_SIN_HALVES:
        run_of(r, out, &at, r->layout == PE_LAYOUT_COS_HALVES);
        run_of(r, out, &at, r->layout == PE_LAYOUT_COS_HALVES);
        break;
    default:
        run_of(r, out, &at, r->layout == PE_LAYOUT_COS);
        break;
    }
}

static bool in_pairs(pe_layout layout)
{
    return layout <= PE_LAYOUT_CONCAT_COS;
}

static pe_status make(const recipe *r, double noise, pe_format format, pe_stream *stream, made *out,
                      pe_error *err)
{
    const bool single_column = r->layout == PE_LAYOUT_COS || r->layout == PE_LAYOUT_SIN;
    const pe_status status =
        made_allocate(out, 1, r->rows, single_column ? r->pairs : 2 * r->pairs, err);
    if (status != PE_OK)
        return status;
    fill_columns(r, out);
    out->truth = (made_truth){.known = true,
                              .family = in_pairs(r->layout) ? PE_FAMILY_POSITION_TABLE
                                                            : PE_FAMILY_ROTARY_TABLE,
                              .layout = r->layout,
                              .rule = r->rule,
                              .bug = r->bug,
                              .base = r->rule >= PE_RULE_STEP ? 0 : r->base,
                              .first = r->bug == PE_BUG_CONSTANT_ROWS ? (double)NAN : r->first};
    snprintf(out->name, sizeof out->name, "%s, %s, base %g, first %g, scale %.3g, %zu x %zu%s",
             pe_layout_name(r->layout), pe_rule_name(r->rule), r->base, r->first, r->scale, r->rows,
             out->matrix.columns, r->single ? ", float" : "");
    made_finish(out, stream, noise * r->scale, format);
    return PE_OK;
}

/* ---- right ones ---- */

static const pe_format formats[] = {PE_FP64, PE_FP32, PE_FP16, PE_BF16};
static const double noises[] = {0, 0, 1e-4, 1e-3};

static pe_status right(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const double bases[] = {10000, 10000, 500000, 100, 1e6, 12345};
    static const size_t rows[] = {8, 12, 16, 33, 64, 100, 200}, pairs[] = {4, 8, 12, 16, 32};
    static const double firsts[] = {0, 0, 0, 1, 2, 17};
    recipe r = {.layout = (pe_layout)(PE_LAYOUT_INTERLEAVED + index % (PE_LAYOUT_COUNT - 1)),
                .rule = pe_stream_below(s, 3) ? PE_RULE_PAPER : PE_RULE_ENDPOINT,
                .base = bases[pe_stream_below(s, 6)],
                .first = firsts[pe_stream_below(s, 6)],
                .rows = rows[pe_stream_below(s, 7)],
                .pairs = pairs[pe_stream_below(s, 5)],
                .single = pe_stream_below(s, 2) != 0};
    const double d = 2 * (double)r.pairs, scales[] = {1, 1, 1, sqrt(d), 1 / sqrt(d), 0.5};
    r.scale = scales[pe_stream_below(s, 6)];
    const double noise = noises[pe_stream_below(s, 4)];
    pe_format format = formats[pe_stream_below(s, 4)];
    if (r.rule == PE_RULE_ENDPOINT || format == PE_FP64)
        r.single = false;
    if (r.base == 12345 && (r.rows < 16 || r.pairs < 8 || r.rule == PE_RULE_ENDPOINT))
        r.base = 10000; /* too little to tell such a base from its neighbours */
    if (r.base == 1e6 && r.pairs == 4 && r.rule == PE_RULE_ENDPOINT)
        r.base = 10000; /* the same numbers as 10000^(-4i/d): no answer is right */
    if (!in_pairs(r.layout) && r.first > 2)
        r.first = 0;
    return make(&r, noise, format, s, out, err);
}

/* ---- wrong ones ---- */

static const pe_rule wrong_rules[] = {PE_RULE_DOUBLED, PE_RULE_DOUBLED_CHANNEL,
                                      PE_RULE_CHANNEL, PE_RULE_STEP,
                                      PE_RULE_ONE,     PE_RULE_RISING};
static const pe_bug rule_bugs[] = {PE_BUG_DOUBLED_EXPONENT, PE_BUG_DOUBLED_EXPONENT,
                                   PE_BUG_CHANNEL_EXPONENT, PE_BUG_FLOOR_DIVISION,
                                   PE_BUG_INTEGER_DIVISION, PE_BUG_RISING};

static pe_status wrong_frequency(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const size_t rows[] = {8, 16, 64, 150}, pairs[] = {4, 8, 16, 32};
    const recipe r = {.layout = (pe_layout)(PE_LAYOUT_INTERLEAVED + index / 6 % 4),
                      .rule = wrong_rules[index % 6],
                      .bug = rule_bugs[index % 6],
                      .base = 10000,
                      .scale = 1,
                      .rows = rows[pe_stream_below(s, 4)],
                      .pairs = pairs[pe_stream_below(s, 4)]};
    return make(&r, noises[pe_stream_below(s, 4)], formats[pe_stream_below(s, 4)], s, out, err);
}

static pe_status wrong_position(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const pe_bug bugs[] = {PE_BUG_DEGREES,        PE_BUG_CONSTANT_ROWS, PE_BUG_CLAMPED_ROWS,
                                  PE_BUG_RESTARTED_ROWS, PE_BUG_CACHED_ROWS,   PE_BUG_REPLACED};
    static const size_t rows[] = {16, 40, 100}, pairs[] = {4, 8, 16, 32};
    recipe r = {.layout = (pe_layout)(PE_LAYOUT_INTERLEAVED + index / 6 % 4),
                .rule = PE_RULE_PAPER,
                .bug = bugs[index % 6],
                .base = 10000,
                .scale = 1,
                .rows = rows[pe_stream_below(s, 3)],
                .pairs = pairs[pe_stream_below(s, 4)]};
    r.turn = r.rows / 2 + pe_stream_below(s, 4);
    const pe_status status =
        make(&r, noises[pe_stream_below(s, 4)], formats[pe_stream_below(s, 4)], s, out, err);
    if (r.bug == PE_BUG_CONSTANT_ROWS) /* one row does not tell a rule from another */
        out->truth.rule = PE_RULE_NONE, out->truth.base = 0;
    return status;
}

/* Long enough for the format to show: bf16 counts to 256, fp16 to 2048. */
static pe_status wrong_arithmetic(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const pe_bug bugs[] = {PE_BUG_LOW_POSITION, PE_BUG_LOW_FREQUENCY, PE_BUG_LOW_BOTH,
                                  PE_BUG_LOW_PHASE};
    static const size_t pairs[] = {8, 16, 32};
    recipe r = {.layout = index % 3 == 0   ? PE_LAYOUT_INTERLEAVED
                          : index % 3 == 1 ? PE_LAYOUT_CONCAT
                                           : PE_LAYOUT_COS_HALVES,
                .rule = PE_RULE_PAPER,
                .bug = bugs[index / 3 % 4],
                .base = 10000,
                .scale = 1,
                .pairs = pairs[pe_stream_below(s, 3)],
                .low = index / 12 % 2 ? PE_FP16 : PE_BF16};
    const bool counts = r.bug == PE_BUG_LOW_POSITION || r.bug == PE_BUG_LOW_BOTH;
    r.rows = !counts ? 300 : r.low == PE_FP16 ? 2600 : 600;
    return make(&r, 0, index / 24 % 2 ? PE_FP32 : PE_FP64, s, out, err);
}

const made_kind made_tables[] = {{"tables", 280, right},
                                 {"wrong frequencies", 60, wrong_frequency},
                                 {"wrong positions", 60, wrong_position},
                                 {"narrow arithmetic", 48, wrong_arithmetic}};
const size_t made_table_kinds = sizeof made_tables / sizeof made_tables[0];
