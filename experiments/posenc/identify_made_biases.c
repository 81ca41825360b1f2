/* Slopes, biases, logits and attention weights, by the formulas of the papers. */
#include "identify_made.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const pe_format formats[] = {PE_FP64, PE_FP32, PE_FP16, PE_BF16};

/* ---- slopes ---- */

enum { MOST_HEADS = 64 };

/* The list of the authors' code for a power of two, and its recursion for other numbers. */
static void authors_slopes(size_t heads, double *slope)
{
    size_t p = 1;
    while (2 * p <= heads)
        p *= 2;
    const double ratio = pow(2, -8 / (double)p);
    for (size_t k = 0; k < p; k++)
        slope[k] = pow(ratio, (double)k + 1);
    double twice[2 * MOST_HEADS];
    if (p == heads)
        return;
    authors_slopes(2 * p, twice);
    for (size_t k = p; k < heads; k++)
        slope[k] = twice[2 * (k - p)];
}

static void slopes_of(pe_rule rule, size_t heads, double *slope)
{
    if (rule == PE_RULE_SLOPES) {
        authors_slopes(heads, slope);
        return;
    }
    for (size_t k = 0; k < heads; k++)
        slope[k] = pow(2, -8 * ((double)k + (rule == PE_RULE_SLOPES_PLAIN)) / (double)heads);
}

static pe_bug slopes_bug(pe_rule rule)
{
    return rule == PE_RULE_SLOPES_PLAIN   ? PE_BUG_PLAIN_SLOPES
           : rule == PE_RULE_SLOPES_EARLY ? PE_BUG_EARLY_SLOPES
                                          : PE_BUG_NONE;
}

/* The plain rule is wrong only where it is another one. */
static pe_rule draw_rule(pe_stream *s, size_t heads)
{
    static const pe_rule rules[] = {PE_RULE_SLOPES, PE_RULE_SLOPES_PLAIN, PE_RULE_SLOPES_EARLY};
    const pe_rule rule = rules[pe_stream_below(s, 3)];
    return rule == PE_RULE_SLOPES_PLAIN && (heads & (heads - 1)) == 0 ? PE_RULE_SLOPES : rule;
}

static pe_status slopes(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const size_t heads[] = {4, 6, 8, 12, 16, 20, 32, 40};
    const size_t H = heads[index % 8];
    const pe_rule rule = draw_rule(s, H);
    const pe_status status = made_allocate(out, 1, index % 2 ? 1 : H, index % 2 ? H : 1, err);
    if (status != PE_OK)
        return status;
    slopes_of(rule, H, out->values);
    for (size_t k = 0; index % 3 == 0 && k < H; k++)
        out->values[k] = -out->values[k];
    out->truth = (made_truth){.known = true,
                              .family = PE_FAMILY_SLOPES,
                              .rule = rule,
                              .bug = slopes_bug(rule),
                              .base = 8,
                              .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "slopes, %zu heads, %s", H, pe_rule_name(rule));
    made_finish(out, s, index % 5 == 0 ? 1e-4 : 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

/* ---- linear biases ---- */

typedef enum line { LINE, LINE_OFF, LINE_KEY, LINE_SIGN, LINE_SIGNED, LINES } line;

static double line_value(line kind, double slope, double i, double j)
{
    switch (kind) {
    case LINE_OFF:
        return -slope * (fabs(i - j) + 1);
    case LINE_KEY:
        return slope * j;
    case LINE_SIGN:
        return slope * fabs(i - j);
    case LINE_SIGNED:
        return -slope * (i - j);
    default:
        return -slope * fabs(i - j);
    }
}

static void fill_lines(made *out, line kind, bool causal, const double *slope)
{
    const size_t T = out->matrix.rows;
    for (size_t at = 0; at < out->matrix.layers * T * T; at++) {
        const size_t h = at / (T * T), i = at / T % T, j = at % T;
        out->values[at] =
            causal && j > i ? -HUGE_VAL : line_value(kind, slope[h], (double)i, (double)j);
    }
}

static pe_status lines(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const size_t heads[] = {1, 8, 12, 4}, length[] = {8, 16, 40};
    static const pe_bug bugs[] = {PE_BUG_NONE, PE_BUG_DISTANCE_OFF, PE_BUG_NONE, PE_BUG_SIGN,
                                  PE_BUG_NONE};
    static const pe_rule rules[] = {PE_RULE_NONE, PE_RULE_LINEAR_OFF, PE_RULE_LINEAR_KEY,
                                    PE_RULE_NONE, PE_RULE_LINEAR_SIGNED};
    const line kind = (line)(index % LINES);
    const size_t H = heads[index / LINES % 4], T = length[pe_stream_below(s, 3)];
    const bool causal = kind != LINE_SIGNED && pe_stream_below(s, 2) != 0;
    double slope[MOST_HEADS] = {0.25};
    const pe_status status = made_allocate(out, H, T, T, err);
    if (status != PE_OK)
        return status;
    if (H > 1)
        authors_slopes(H, slope);
    fill_lines(out, kind, causal, slope);
    out->truth = (made_truth){.known = true,
                              .family = PE_FAMILY_BIAS,
                              .rule = rules[kind],
                              .bug = bugs[kind],
                              .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "linear bias %d, %zu heads, %zu x %zu%s", (int)kind, H, T,
             T, causal ? ", causal" : "");
    made_finish(out, s, index % 3 == 0 ? 1e-3 : 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

/* ---- one value per group of offsets ---- */

/* Raffel et al. 2020: half of the buckets for whole distances, the rest in equal ratios. */
static int t5_bucket(long past, bool both, int buckets, int farthest)
{
    const int side = both ? buckets / 2 : buckets, whole = side / 2;
    const long n = both ? labs(past) : past > 0 ? past : 0;
    const int first = both && past < 0 ? side : 0;
    if (n < whole)
        return first + (int)n;
    const double ratio = log((double)n / whole) / log((double)farthest / whole);
    const int far = whole + (int)(ratio * (side - whole));
    return first + (far > side - 1 ? side - 1 : far);
}

static pe_status groups(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const int kind = (int)(index % 3); /* buckets, clipped, every offset its own */
    const size_t T = kind == 0 ? 64 + 32 * (index / 3 % 2) : 24, H = index / 6 % 2 ? 4 : 1;
    const bool both = index / 12 % 2 != 0;
    double value[4][256];
    const pe_status status = made_allocate(out, H, T, T, err);
    if (status != PE_OK)
        return status;
    pe_fill_normal(s, &value[0][0], 4 * 256, 0, 1);
    for (size_t at = 0; at < H * T * T; at++) {
        const size_t h = at / (T * T);
        const long past = (long)(at / T % T) - (long)(at % T);
        const int group = kind == 0   ? t5_bucket(past, both, 32, 128)
                          : kind == 1 ? (int)(past > 6    ? 6
                                              : past < -6 ? -6
                                                          : past) +
                                            6
                                      : (int)(past + (long)T);
        out->values[at] = value[h][group];
    }
    static const pe_rule rules[] = {PE_RULE_BUCKETS, PE_RULE_CLIPPED, PE_RULE_OFFSET};
    out->truth = (made_truth){
        .known = true, .family = PE_FAMILY_BIAS, .rule = rules[kind], .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "%s, %zu heads, %zu x %zu", pe_rule_name(rules[kind]), H,
             T, T);
    made_finish(out, s, index % 4 == 0 ? 1e-3 : 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

/* ---- attention and logits ---- */

static void softmax_rows(made *out)
{
    const size_t n = out->matrix.columns;
    for (size_t t = 0; t < out->matrix.layers * out->matrix.rows; t++) {
        double sum = 0, *x = out->values + t * n, most = -HUGE_VAL;
        for (size_t j = 0; j < n; j++)
            most = fmax(most, x[j]);
        for (size_t j = 0; j < n; j++)
            sum += x[j] = exp(x[j] - most);
        for (size_t j = 0; j < n; j++)
            x[j] /= sum;
    }
}

static pe_status attention(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const size_t T = 8 + 8 * (index % 3);
    const bool causal = index % 2 != 0, biased = index / 2 % 2 != 0;
    const double slope = 0.125;
    const pe_status status = made_allocate(out, 1, T, T, err);
    if (status != PE_OK)
        return status;
    if (biased)
        fill_lines(out, LINE, causal, &slope);
    else
        for (size_t at = 0; at < T * T; at++)
            out->values[at] = causal && at % T > at / T ? -HUGE_VAL : pe_stream_normal(s);
    softmax_rows(out);
    out->truth = (made_truth){.known = true,
                              .family = PE_FAMILY_ATTENTION,
                              .rule = biased ? PE_RULE_LINEAR : PE_RULE_NONE,
                              .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "attention%s%s, %zu x %zu", causal ? ", causal" : "",
             biased ? ", linear bias" : "", T, T);
    made_finish(out, s, 0, formats[pe_stream_below(s, 2)]);
    return PE_OK;
}

static pe_status logits(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const size_t T = 12 + 6 * (index % 4), pairs = 8 + 8 * (index / 2 % 3);
    const bool products = index % 2 != 0;
    const pe_status status = made_allocate(out, 1, T, T, err);
    if (status != PE_OK)
        return status;
    for (size_t at = 0; at < T * T; at++) {
        const double i = (double)(at / T), j = (double)(at % T);
        out->values[at] = 0;
        for (size_t k = 0; products && k < pairs; k++) {
            const double w = pow(10000, -(double)k / (double)pairs);
            out->values[at] += sin(i * w) * sin(j * w) + cos(i * w) * cos(j * w);
        }
        if (!products)
            out->values[at] = j > i ? -HUGE_VAL : 2 * pe_stream_normal(s);
    }
    out->truth = (made_truth){.known = true,
                              .family = PE_FAMILY_LOGITS,
                              .rule = products ? PE_RULE_PRODUCTS : PE_RULE_NONE,
                              .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "logits, %s, %zu x %zu",
             products ? "products of a table" : "causal, content alone", T, T);
    made_finish(out, s, 0, formats[pe_stream_below(s, 2)]);
    return PE_OK;
}

const made_kind made_biases[] = {{"slopes", 40, slopes},
                                 {"linear biases", 60, lines},
                                 {"biases in groups", 36, groups},
                                 {"attention", 16, attention},
                                 {"logits", 16, logits}};
const size_t made_bias_kinds = sizeof made_biases / sizeof made_biases[0];
