/* S5: does a layer change when all positions move? S6: does it change when its tokens swap places,
 * and what could the best model without positions still know? */
#include "symmetry.h"

#include "analysis/floor.h"
#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* On a logarithmic axis a zero is a gap; exact zeros are drawn here, and the caption says so. */
static const double drawn_zero = 1e-18;

static double drawable(double gap)
{
    return fmax(gap, drawn_zero); /* NaN becomes zero, too: such rows are left out before */
}

/* ---- S5 ------------------------------------------------------------------------------------- */

enum { SHIFTS = 3, LONGEST_TEXT = 128 };
static const int64_t shifts[SHIFTS] = {1, 17, 1009};
static const double rounding_level = 1e-9; /* METRICS.md 2.4: rotations at rounding level */

typedef struct moved {
    const pe_subject *subject;
    double size;                                /* largest |output|, unmoved, in double */
    double in_double[SHIFTS], in_float[SHIFTS]; /* NaN: refused */
    char refusal[PE_ERROR_TEXT];
} moved;

typedef enum promise { BIT_FOR_BIT, UP_TO_ROUNDING, NOTHING } promise;

/* What the scheme can keep at best: indices alone leave no trace of the shift, turned vectors are
 * rounded anew, and a code that is added to the token is another input. */
static promise promise_of(const pe_subject *subject)
{
    const unsigned can = pe_lab_capabilities(subject->instance);
    if ((can & PE_CAN_EMBED) || !(subject->instance->info.claims & PE_CLAIM_TRANSLATION_INVARIANT))
        return NOTHING;
    return can & (PE_CAN_MAP | PE_CAN_POSITIONS) ? UP_TO_ROUNDING : BIT_FOR_BIT;
}

static const char *promise_text(promise p)
{
    static const char *const texts[] = {"bit for bit", "up to rounding", "nothing"};
    return texts[p];
}

static double largest(const pe_wide *x)
{
    double most = 0;
    for (size_t at = 0; at < x->count; at++)
        most = fmax(most, fabs(x->hi[at]));
    return most;
}

static double largest_change(const pe_wide *a, const pe_wide *b)
{
    double most = 0;
    for (size_t at = 0; at < a->count; at++)
        most = fmax(most, fabs(pe_wide_difference(a, b, at)));
    return most;
}

static int64_t text_tokens(const pe_lab *lab)
{
    const int64_t half = lab->size.length / 2; /* the rest leaves room for a shift in a table */
    return half < LONGEST_TEXT ? half : LONGEST_TEXT;
}

/* gap[s]: what shift s changes; a shift that the subject refuses is NaN, with its sentence. */
static pe_status measure_shifts(const pe_lab *lab, pe_precision precision, moved *m, double *gap,
                                pe_error *err)
{
    pe_text_job job = {.instance = m->subject->instance,
                       .precision = precision,
                       .n = text_tokens(lab),
                       .causal = true};
    pe_attended still;
    pe_status status = pe_lab_run_text(lab, &job, &still, err);
    if (status == PE_OK && precision == PE_DOUBLE)
        m->size = largest(&still.out);
    for (int s = 0; s < SHIFTS && status == PE_OK; s++) {
        pe_attended shifted;
        pe_error refusal = {0};
        job.shift = shifts[s];
        status = pe_lab_run_text(lab, &job, &shifted, &refusal);
        gap[s] = status == PE_OK ? largest_change(&shifted.out, &still.out) : (double)NAN;
        pe_attended_release(&shifted);
        if (status == PE_USAGE) {
            if (!m->refusal[0])
                snprintf(m->refusal, sizeof m->refusal, "%s", refusal.text);
            status = PE_OK;
        } else if (status != PE_OK && err)
            *err = refusal;
    }
    pe_attended_release(&still);
    return status;
}

static double worst_shift(const double gap[SHIFTS])
{
    return fmax(gap[0], fmax(gap[1], gap[2])); /* fmax passes over NaN */
}

static void judge_shift(pe_section *section, const moved *m)
{
    const char *id = m->subject->name;
    const double in_double = worst_shift(m->in_double), in_float = worst_shift(m->in_float);
    if (m->refusal[0])
        pe_section_not_applicable(section, id, m->refusal);
    if (isnan(in_double))
        return;
    switch (promise_of(m->subject)) {
    case BIT_FOR_BIT:
        pe_expect(section, "S5", id, "largest change of an output when all positions move, double",
                  in_double, 0, 0, "METRICS.md 2.4: index-based schemes, exactly 0");
        pe_expect(section, "S5", id, "largest change of an output when all positions move, float",
                  in_float, 0, 0, "METRICS.md 2.4: index-based schemes, exactly 0");
        break;
    case UP_TO_ROUNDING:
        pe_expect(section, "S5", id, "largest change of an output when all positions move, double",
                  in_double, 0, rounding_level, "METRICS.md 2.4: rounding level");
        pe_give(section, "S5", id, "largest change of an output when all positions move, float",
                in_float, "rounding in float");
        break;
    case NOTHING:
        pe_give(section, "S5", id, "largest change of an output when all positions move, double",
                in_double, "no shift invariance is claimed");
        break;
    }
}

static void shift_row(pe_sheet *sheet, const moved *m)
{
    pe_sheet_text(sheet, m->subject->title);
    pe_sheet_text(sheet, pe_lab_hooks_text(pe_lab_capabilities(m->subject->instance)));
    pe_sheet_text(sheet, promise_text(promise_of(m->subject)));
    for (int precision = 0; precision < 2; precision++)
        for (int s = 0; s < SHIFTS; s++) {
            const double gap = precision ? m->in_float[s] : m->in_double[s];
            if (isnan(gap))
                pe_sheet_missing(sheet);
            else
                pe_sheet_number(sheet, gap);
        }
    pe_sheet_number(sheet, m->size);
}

static void show_shift_table(pe_section *section, const moved *all, int count)
{
    const pe_sheet_column columns[] = {
        {"encoding", NULL, 1, 0},       {"hooks", NULL, 1, 0},       {"keeps at best", NULL, 1, 0},
        {"double, +1", NULL, 0, 3},     {"double, +17", NULL, 0, 3}, {"double, +1009", NULL, 0, 3},
        {"float, +1", NULL, 0, 3},      {"float, +17", NULL, 0, 3},  {"float, +1009", NULL, 0, 3},
        {"largest output", NULL, 0, 3},
    };
    pe_sheet *sheet =
        pe_section_table(section, "later_text_gaps",
                         "Largest change of an output of one layer when all positions move",
                         sizeof columns / sizeof columns[0], columns);
    for (int i = 0; i < count; i++)
        shift_row(sheet, &all[i]);
}

typedef struct shift_tally {
    int exact, rounded, changed;
    double worst_rounding, worst_change;
} shift_tally;

static shift_tally tally_shifts(const moved *all, int count)
{
    shift_tally t = {0};
    for (int i = 0; i < count; i++) {
        const double gap = worst_shift(all[i].in_double);
        if (isnan(gap))
            continue;
        if (gap > rounding_level) {
            t.changed++;
            t.worst_change = fmax(t.worst_change, gap);
        } else if (gap > 0) {
            t.rounded++;
            t.worst_rounding = fmax(t.worst_rounding, gap);
        } else
            t.exact++;
    }
    return t;
}

static void draw_dots(pe_section *section, size_t n, const char *const *names,
                      const double *in_double, const double *in_float, const char *title,
                      pe_error *err)
{
    pe_figure *figure = pe_figure_new(PE_DOTS, "later_text", title, err);
    pe_figure_x(figure, "largest change of an output", PE_LOG10);
    pe_figure_x_range(figure, drawn_zero / 2, 10);
    pe_figure_categories(figure, n, names, NULL);
    pe_figure_add_series(figure, &(pe_series){.name = "double", .slot = 0, .n = n, .y = in_double});
    pe_figure_add_series(figure, &(pe_series){.name = "float", .slot = 1, .n = n, .y = in_float});
    pe_figure_describe(figure,
                       "One row per encoding: the largest change of an output in double and in "
                       "float when all positions move by 1, 17 or 1009.",
                       "The worst of the shifts 1, 17 and 1009; real text, one layer, causal mask. "
                       "Exact zeros are drawn at the left edge, at 1e-18. Where one point is seen, "
                       "both precisions agree.");
    pe_section_figure(section, figure);
}

static pe_status draw_shifts(pe_section *section, const moved *all, int count, const shift_tally *t,
                             pe_error *err)
{
    const char **names = pe_allocate((size_t)count + 1, sizeof *names, "names", err);
    double *x = pe_allocate(2 * (size_t)count + 1, sizeof *x, "bars", err);
    if (!names || !x) {
        pe_release(names);
        pe_release(x);
        return PE_MEMORY;
    }
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        if (isnan(worst_shift(all[i].in_double)))
            continue;
        names[n] = all[i].subject->title;
        x[n] = drawable(worst_shift(all[i].in_double));
        x[count + (int)n++] = drawable(worst_shift(all[i].in_float));
    }
    char title[300];
    snprintf(title, sizeof title,
             "When all positions move, %d encodings give the same outputs bit for bit, %d up to "
             "rounding (%.1g); %d change by up to %.2g",
             t->exact, t->rounded, t->worst_rounding, t->changed, t->worst_change);
    if (n > 0)
        draw_dots(section, n, names, x, x + count, title, err);
    pe_release(names);
    pe_release(x);
    return PE_OK;
}

static void say_shifts(pe_section *section, const pe_lab *lab, const shift_tally *t)
{
    pe_say(section,
           "One attention layer reads %lld bytes of real text at the positions $s, s+1, \\ldots$, "
           "with the same tokens and weights, and $s$ is 0, 1, 17 or 1009. A causal mask is on, "
           "because some encodings exist only there. The start of a text should not matter; "
           "whether it does is decided by where the position enters.",
           (long long)text_tokens(lab));
    pe_section_formula(section,
                       "\\Delta = \\max_{t,c} \\left| f(x; s)_{tc} - f(x; 0)_{tc} \\right|",
                       "$f$: outputs of the layer before $W_o$; $s$: position of the first token");
    pe_say(
        section,
        "%d of the encodings do not change by a bit: they look at $i-j$ or at content, and neither "
        "knows of $s$. %d up to rounding, at most %.2g: a difference of two angles is taken "
        "after both were rounded. %d change by up to %.2g: codes, or biases, that hold the "
        "place itself.",
        t->exact, t->rounded, t->worst_rounding, t->changed, t->worst_change);
}

static pe_status measure_all_shifts(pe_lab *lab, moved *all, int *count, pe_error *err)
{
    for (int i = 0; i < lab->subject_count; i++) {
        if (!lab->subjects[i].instance)
            continue;
        moved *m = &all[(*count)++];
        m->subject = &lab->subjects[i];
        pe_status status = measure_shifts(lab, PE_DOUBLE, m, m->in_double, err);
        if (status == PE_OK)
            status = measure_shifts(lab, PE_FLOAT, m, m->in_float, err);
        if (status == PE_OK)
            status = pe_lab_step(lab, "shifted text", 0.5 + 0.1 * i / lab->subject_count, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static void skip_absent(pe_section *section, const pe_lab *lab)
{
    for (int i = 0; i < lab->subject_count; i++)
        if (!lab->subjects[i].instance)
            pe_section_not_applicable(section, lab->subjects[i].name, lab->subjects[i].because);
}

pe_status pe_symmetry_shift(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "The same text, later (S5)");
    moved *all = pe_allocate((size_t)lab->subject_count + 1, sizeof *all, "shifts", err);
    int count = 0;
    if (!all)
        return PE_MEMORY;
    pe_status status = measure_all_shifts(lab, all, &count, err);
    if (status == PE_OK) {
        const shift_tally t = tally_shifts(all, count);
        say_shifts(section, lab, &t);
        status = draw_shifts(section, all, count, &t, err);
        show_shift_table(section, all, count);
        skip_absent(section, lab);
        for (int i = 0; i < count; i++)
            judge_shift(section, &all[i]);
    }
    pe_release(all);
    return status;
}

/* ---- S6: permuted tokens --------------------------------------------------------------------- */

enum { TOKENS = 32, TWIN = 5, OTHER_TWIN = 21 };
static const double summation_level = 1e-6; /* METRICS.md 2.4: f(Pi x) = Pi f(x), float */

typedef struct swapped {
    const pe_subject *subject;
    double gap;  /* largest |f(Pi x) - Pi f(x)|, float */
    double twin; /* largest difference of the outputs of two equal tokens */
} swapped;

/* The same random rows and weights for every subject of a width. */
typedef struct swap_layer {
    double *table, *W;
    size_t order[TOKENS];
} swap_layer;

static pe_status make_swap(const pe_lab *lab, const pe_instance *instance, int width,
                           swap_layer *layer, pe_error *err)
{
    const size_t d = (size_t)instance->dims.model_dim;
    const size_t columns = (size_t)instance->dims.heads * (size_t)instance->dims.head_dim;
    const size_t weights = 3 * (size_t)width * columns;
    layer->table = pe_allocate(TOKENS * d, sizeof *layer->table, "rows", err);
    layer->W = pe_allocate(weights, sizeof *layer->W, "weights", err);
    if (!layer->table || !layer->W)
        return PE_MEMORY;
    pe_stream stream = pe_stream_open(lab->size.seed, "permuted rows", 0);
    pe_fill_normal(&stream, layer->table, TOKENS * d, 0, 1);
    pe_permute(&stream, layer->order, TOKENS);
    stream = pe_stream_open(lab->size.seed, "permuted weights", 0);
    pe_fill_normal(&stream, layer->W, weights, 0, 1 / sqrt((double)width));
    return PE_OK;
}

/* y (H, TOKENS, D) = rows W, every row added up in the same order: a library may treat a row
 * differently by its place, and equal tokens would no longer be equal. */
static void project(const pe_dims *dims, const pe_wide *rows, int width, const double *W, double *y)
{
    const size_t D = (size_t)dims->head_dim, columns = (size_t)dims->heads * D;
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t column = 0; column < columns; column++) {
            double sum = 0;
            for (size_t c = 0; c < (size_t)width; c++)
                sum += rows->hi[t * (size_t)width + c] * W[c * columns + column];
            y[(column / D * TOKENS + t) * D + column % D] = sum;
        }
}

/* One layer over the table rows `ids`: outputs (H, TOKENS, D). */
static pe_status run_swap(const swap_layer *layer, pe_instance *instance, const int64_t *ids,
                          pe_attended *attended, pe_error *err)
{
    const pe_embedding_job embedding = {.instance = instance,
                                        .precision = PE_FLOAT,
                                        .n = TOKENS,
                                        .ids = ids,
                                        .table = layer->table,
                                        .vocabulary = TOKENS,
                                        .padding_id = -1};
    const size_t columns = (size_t)instance->dims.heads * (size_t)instance->dims.head_dim;
    const size_t vectors = TOKENS * columns;
    pe_wide rows = {0};
    int width = 0;
    *attended = (pe_attended){0};
    pe_status status = pe_run_embedding(&embedding, &rows, &width, err);
    double *qkv = status == PE_OK ? pe_allocate(3 * vectors, sizeof *qkv, "q, k, v", err) : NULL;
    if (status == PE_OK && !qkv)
        status = PE_MEMORY;
    if (status == PE_OK) {
        for (size_t m = 0; m < 3; m++)
            project(&instance->dims, &rows, width, layer->W + m * (size_t)width * columns,
                    qkv + m * vectors);
        const pe_job job = {.instance = instance,
                            .precision = PE_FLOAT,
                            .batch = 1,
                            .nq = TOKENS,
                            .nk = TOKENS,
                            .q = qkv,
                            .k = qkv + vectors,
                            .v = qkv + 2 * vectors,
                            .x = width == instance->dims.model_dim ? rows.hi : NULL};
        status = pe_run_attention(&job, attended, err);
    }
    pe_release(qkv);
    pe_wide_release(&rows);
    return status;
}

/* Largest difference of token a in `left` from token b in `right`, over all heads. */
static double token_gap(const pe_wide *left, size_t a, const pe_wide *right, size_t b, size_t D)
{
    double gap = 0;
    for (size_t h = 0; h < left->count / (TOKENS * D); h++)
        for (size_t d = 0; d < D; d++)
            gap = fmax(gap, fabs(left->hi[(h * TOKENS + a) * D + d] -
                                 right->hi[(h * TOKENS + b) * D + d]));
    return gap;
}

static pe_status compare_orders(const swap_layer *layer, swapped *s, pe_error *err)
{
    pe_instance *instance = s->subject->instance;
    int64_t ids[TOKENS], permuted[TOKENS], twins[TOKENS];
    for (size_t t = 0; t < TOKENS; t++) {
        ids[t] = (int64_t)t;
        permuted[t] = (int64_t)layer->order[t];
        twins[t] = t == OTHER_TWIN ? TWIN : (int64_t)t;
    }
    const size_t D = (size_t)instance->dims.head_dim;
    pe_attended still = {0}, moving = {0}, equal = {0};
    pe_status status = run_swap(layer, instance, ids, &still, err);
    if (status == PE_OK)
        status = run_swap(layer, instance, permuted, &moving, err);
    if (status == PE_OK)
        status = run_swap(layer, instance, twins, &equal, err);
    if (status == PE_OK) {
        s->gap = 0;
        for (size_t t = 0; t < TOKENS; t++)
            s->gap = fmax(s->gap, token_gap(&moving.out, t, &still.out, layer->order[t], D));
        s->twin = token_gap(&equal.out, TWIN, &equal.out, OTHER_TWIN, D);
    }
    pe_attended_release(&still);
    pe_attended_release(&moving);
    pe_attended_release(&equal);
    return status;
}

static pe_status measure_swap(const pe_lab *lab, swapped *s, pe_error *err)
{
    const pe_setup *info = &s->subject->instance->info;
    const int width = s->subject->instance->dims.model_dim +
                      (info->flags & PE_CONCATENATE ? info->embed_width : 0);
    swap_layer layer = {0};
    pe_status status = make_swap(lab, s->subject->instance, width, &layer, err);
    if (status == PE_OK)
        status = compare_orders(&layer, s, err);
    pe_release(layer.table);
    pe_release(layer.W);
    return status;
}

/* A subject that refuses these tokens is named with its sentence and not counted. */
static pe_status measure_all_swaps(pe_lab *lab, pe_section *section, swapped *all, int *count,
                                   pe_error *err)
{
    for (int i = 0; i < lab->subject_count; i++) {
        if (!lab->subjects[i].instance)
            continue;
        swapped *s = &all[*count];
        pe_error refusal = {0};
        s->subject = &lab->subjects[i];
        pe_status status = measure_swap(lab, s, &refusal);
        if (status == PE_OK)
            (*count)++;
        else if (status == PE_USAGE) {
            pe_section_not_applicable(section, s->subject->name, refusal.text);
            status = PE_OK;
        } else if (err)
            *err = refusal;
        if (status == PE_OK)
            status = pe_lab_step(lab, "permuted tokens", 0.6 + 0.05 * i / lab->subject_count, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static bool is_control(const pe_subject *subject)
{
    return pe_lab_capabilities(subject->instance) == 0;
}

static void judge_swap(pe_section *section, const swapped *s)
{
    const char *id = s->subject->name;
    const char *quantity = "largest |f(Πx) - Πf(x)|, no mask, float";
    if (is_control(s->subject)) {
        pe_expect(section, "S6", id, quantity, s->gap, 0, summation_level,
                  "METRICS.md 2.4: equal up to summation order");
        pe_expect(section, "S6", id, "difference of the outputs of two equal tokens", s->twin, 0, 0,
                  "METRICS.md 2.4: bitwise equal, the keys come in one order");
        return;
    }
    pe_require(section, "S6", id, quantity, s->gap, s->gap > summation_level,
               s->gap > summation_level ? "more than 1e-6: it breaks the symmetry, as it should"
                                        : "at most 1e-6: it does not see positions",
               "METRICS.md 2.4: any positional encoding must break it");
}

static void show_swaps(pe_section *section, const swapped *all, int count)
{
    const pe_sheet_column columns[] = {{"encoding", NULL, 1, 0},
                                       {"hooks", NULL, 1, 0},
                                       {"permutation gap", NULL, 0, 3},
                                       {"gap of equal tokens", NULL, 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "permuted_gaps",
                         "One layer without a mask, in float: tokens permuted, positions in place",
                         sizeof columns / sizeof columns[0], columns);
    for (int i = 0; i < count; i++) {
        pe_sheet_text(sheet, all[i].subject->title);
        pe_sheet_text(sheet, pe_lab_hooks_text(pe_lab_capabilities(all[i].subject->instance)));
        pe_sheet_number(sheet, all[i].gap);
        pe_sheet_number(sheet, all[i].twin);
    }
}

static void say_swaps(pe_section *section, const swapped *all, int count)
{
    int broken = 0, others = 0, controls = 0;
    double smallest = HUGE_VAL, control = 0, twin = 0;
    for (int i = 0; i < count; i++) {
        if (is_control(all[i].subject)) {
            controls++;
            control = fmax(control, all[i].gap);
            twin = fmax(twin, all[i].twin);
            continue;
        }
        others++;
        broken += all[i].gap > summation_level;
        smallest = fmin(smallest, all[i].gap);
    }
    pe_say(section,
           "Without a mask, attention is a function of a set: give it the tokens in another order "
           "and the outputs come in that order. Here %d random rows are permuted while the "
           "positions stay where they are. A positional encoding has one task, to break this.",
           TOKENS);
    pe_section_formula(section, "f(\\Pi x) = \\Pi f(x)",
                       "$\\Pi$: a random permutation of the tokens; $f$: one layer without a mask");
    if (controls > 0)
        pe_say(section,
               "Without any encoding the gap is %.2g in float, the order of summation. The outputs "
               "of two equal tokens at different places differ by %.2g: both add up the same keys "
               "in the same order, so not a bit may differ. (The projections are made row by row "
               "in a plain loop; a library's matrix product may round equal rows differently.)",
               control, twin);
    if (others > 0)
        pe_say(section,
               "%d of %d encodings break the symmetry; the smallest gap among them is "
               "%.2g.",
               broken, others, smallest);
}

/* ---- S6: the floor --------------------------------------------------------------------------- */

enum { SYMBOLS = 4, LENGTHS = 3 };
static const size_t symbols[SYMBOLS] = {4, 8, 16, 32};
static const size_t lengths[LENGTHS] = {16, 32, 64};

/* METRICS.md 2.4, printed with three digits after the point. */
static const double printed_accuracy[SYMBOLS][LENGTHS] = {
    {0.388, 0.345, 0.316}, {0.267, 0.222, 0.192}, {0.197, 0.153, 0.124}, {0.155, 0.112, 0.085}};
static const double printed_entropy[SYMBOLS][LENGTHS] = {
    {1.278, 1.337, 1.362}, {1.807, 1.959, 2.022}, {2.190, 2.494, 2.645}, {2.428, 2.888, 3.184}};

static void judge_floor(pe_section *section, int s, int l, const pe_floor *floor)
{
    const double half_digit = 0.0005;
    char quantity[128];
    snprintf(quantity, sizeof quantity, "best accuracy without positions, V = %zu, T = %zu",
             symbols[s], lengths[l]);
    pe_expect(section, "S6", NULL, quantity, floor->accuracy, printed_accuracy[s][l],
              3 * floor->accuracy_se + half_digit, "METRICS.md 2.4 [computed here]");
    snprintf(quantity, sizeof quantity, "best cross-entropy without positions, V = %zu, T = %zu",
             symbols[s], lengths[l]);
    pe_expect(section, "S6", NULL, quantity, floor->cross_entropy, printed_entropy[s][l],
              3 * floor->cross_entropy_se + half_digit, "METRICS.md 2.4 [computed here]");
}

static void floor_table(pe_section *section, pe_floor floor[SYMBOLS][LENGTHS])
{
    const pe_sheet_column columns[] = {{"V", "symbols", 0, 3},
                                       {"T", "tokens", 0, 3},
                                       {"best accuracy", NULL, 0, 3},
                                       {"s.e. of accuracy", NULL, 0, 2},
                                       {"best cross-entropy", "nats", 0, 4},
                                       {"s.e. of cross-entropy", "nats", 0, 2},
                                       {"chance", NULL, 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "neighbour_floor_values",
                         "Predict the left neighbour with neither positions nor a mask",
                         sizeof columns / sizeof columns[0], columns);
    for (int s = 0; s < SYMBOLS; s++)
        for (int l = 0; l < LENGTHS; l++) {
            pe_sheet_number(sheet, (double)symbols[s]);
            pe_sheet_number(sheet, (double)lengths[l]);
            pe_sheet_number(sheet, floor[s][l].accuracy);
            pe_sheet_number(sheet, floor[s][l].accuracy_se);
            pe_sheet_number(sheet, floor[s][l].cross_entropy);
            pe_sheet_number(sheet, floor[s][l].cross_entropy_se);
            pe_sheet_number(sheet, 1 / (double)symbols[s]);
        }
}

static void draw_floor(pe_section *section, pe_floor floor[SYMBOLS][LENGTHS], pe_error *err)
{
    char title[300];
    snprintf(title, sizeof title,
             "Without positions and without a mask, the left neighbour among %zu tokens over %zu "
             "symbols is named right %.1f %% of the time at best (chance %.1f %%)",
             lengths[LENGTHS - 1], symbols[SYMBOLS - 1],
             100 * floor[SYMBOLS - 1][LENGTHS - 1].accuracy, 100 / (double)symbols[SYMBOLS - 1]);
    pe_figure *figure = pe_figure_new(PE_CURVES, "neighbour_floor", title, err);
    pe_figure_x(figure, "length T (tokens)", PE_LOG2);
    pe_figure_y(figure, "best accuracy", PE_LINEAR);
    pe_figure_y_range(figure, 0, 0.45);
    for (int s = 0; s < SYMBOLS; s++) {
        double T[LENGTHS], accuracy[LENGTHS], low[LENGTHS], high[LENGTHS];
        char name[32];
        for (int l = 0; l < LENGTHS; l++) {
            T[l] = (double)lengths[l];
            accuracy[l] = floor[s][l].accuracy;
            low[l] = accuracy[l] - 3 * floor[s][l].accuracy_se;
            high[l] = accuracy[l] + 3 * floor[s][l].accuracy_se;
        }
        snprintf(name, sizeof name, "V = %zu", symbols[s]);
        pe_figure_add_series(figure, &(pe_series){.name = name,
                                                  .slot = (size_t)s,
                                                  .n = LENGTHS,
                                                  .x = T,
                                                  .y = accuracy,
                                                  .low = low,
                                                  .high = high});
        pe_figure_add_series(figure, &(pe_series){.name = "",
                                                  .slot = (size_t)s,
                                                  .look = PE_LOOK_POINTS,
                                                  .n = LENGTHS,
                                                  .x = T,
                                                  .y = accuracy});
    }
    pe_figure_describe(figure,
                       "Best possible accuracy against the length, one falling curve per size of "
                       "the vocabulary.",
                       "The best guess is the most frequent of the other tokens; bands are three "
                       "standard errors. The curves fall towards 1/V.");
    pe_section_figure(section, figure);
}

static pe_status measure_floor(pe_lab *lab, pe_section *section, pe_error *err)
{
    const size_t draws = lab->size.quick ? 4000 : 20000;
    pe_floor floor[SYMBOLS][LENGTHS];
    for (int s = 0; s < SYMBOLS; s++) {
        pe_status status = PE_OK;
        for (int l = 0; l < LENGTHS && status == PE_OK; l++)
            status = pe_left_neighbour_floor(symbols[s], lengths[l], draws, lab->size.seed,
                                             &floor[s][l], err);
        if (status == PE_OK)
            status = pe_lab_step(lab, "floor without positions", 0.66 + 0.01 * s, err);
        if (status != PE_OK)
            return status;
    }
    pe_say(section,
           "What is lost with the order has a price. Let a model without positions and without a "
           "mask name the left neighbour of a token in a random sequence: all that it can know is "
           "how often each symbol occurs among the other $T-1$ tokens (%zu draws). With %zu "
           "symbols and %zu tokens the best accuracy is %.3f, where any working encoding should "
           "reach 1. A network that scores above this floor without an encoding leaks positions "
           "through its mask or padding.",
           draws, symbols[1], lengths[1], floor[1][1].accuracy);
    draw_floor(section, floor, err);
    floor_table(section, floor);
    for (int s = 0; s < SYMBOLS; s++)
        for (int l = 0; l < LENGTHS; l++)
            judge_floor(section, s, l, &floor[s][l]);
    return PE_OK;
}

static pe_status draw_swaps(pe_section *section, const swapped *all, int count, pe_error *err)
{
    const char **names = pe_allocate((size_t)count + 1, sizeof *names, "names", err);
    size_t *slots = pe_allocate((size_t)count + 1, sizeof *slots, "slots", err);
    double *gap = pe_allocate((size_t)count + 1, sizeof *gap, "gaps", err);
    const pe_status status = names && slots && gap ? PE_OK : PE_MEMORY;
    int broken = 0;
    for (int i = 0; status == PE_OK && i < count; i++) {
        names[i] = all[i].subject->title;
        slots[i] = all[i].subject->slot;
        gap[i] = all[i].gap;
        broken += all[i].gap > summation_level;
    }
    if (status == PE_OK && count > 0) {
        char title[300];
        snprintf(title, sizeof title, "%d of %d layers notice that their tokens were permuted",
                 broken, count);
        pe_figure *figure = pe_figure_new(PE_BARS_GROUPED, "permuted", title, err);
        pe_figure_x(figure, "largest |f(Πx) - Πf(x)|", PE_LOG10);
        pe_figure_categories(figure, (size_t)count, names, slots);
        pe_figure_add_series(figure, &(pe_series){.name = "gap", .n = (size_t)count, .y = gap});
        pe_figure_mark_x(figure, summation_level, "summation order");
        pe_figure_describe(figure,
                           "Bars: the permutation gap of one layer for each encoding; the one "
                           "without an encoding stays below the line.",
                           "Float, no mask, 32 random tokens. Below 1e-6 is the order of "
                           "summation.");
        pe_section_figure(section, figure);
    }
    pe_release(names);
    pe_release(slots);
    pe_release(gap);
    return status;
}

pe_status pe_symmetry_permutation(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Tokens change places (S6)");
    swapped *all = pe_allocate((size_t)lab->subject_count + 1, sizeof *all, "permutations", err);
    int count = 0;
    if (!all)
        return PE_MEMORY;
    skip_absent(section, lab);
    pe_status status = measure_all_swaps(lab, section, all, &count, err);
    if (status == PE_OK) {
        say_swaps(section, all, count);
        status = draw_swaps(section, all, count, err);
        show_swaps(section, all, count);
        for (int i = 0; i < count; i++)
            judge_swap(section, &all[i]);
    }
    if (status == PE_OK)
        status = measure_floor(lab, section, err);
    pe_release(all);
    return status;
}
