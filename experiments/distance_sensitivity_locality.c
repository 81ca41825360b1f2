/* D10 and attended distances: how near attention looks, on matrices made by hand and on real text.
 */
#include "distance_sensitivity.h"

#include "analysis/attention_measures.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* ---- known values ---- */

typedef enum hand_made {
    HAND_IDENTITY,
    HAND_UNIFORM,
    HAND_CAUSAL,
    HAND_PREVIOUS,
    HAND_LINE,
    HAND_CAUSAL_LINE,
    HAND_CODES,
    HAND_COUNT
} hand_made;

/* METRICS.md 1.9, computed here; T = 128. */
enum { HAND_T = 128 };
static const struct {
    const char *name;
    double locality;
} published[HAND_COUNT] = {{"identity", 1},
                           {"uniform", 0.023193},
                           {"causal uniform", 0.074062},
                           {"previous token", 0.503906},
                           {"softmax of −|i−j|/2", 0.463789},
                           {"softmax of −|i−j|/2, causal", 0.572769},
                           {"softmax of the sinusoid's P Pᵀ/√d, d = 128", 0.149392}};

static pe_status make_by_hand(hand_made which, const double *G, double *a, pe_error *err)
{
    const size_t T = HAND_T;
    const bool causal = which == HAND_CAUSAL || which == HAND_CAUSAL_LINE;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++) {
            const size_t r = i > j ? i - j : j - i;
            const size_t before = i > 0 ? i - 1 : 0; /* the first token looks at itself */
            double x = 0;
            if (which == HAND_IDENTITY)
                x = i == j ? 0 : -HUGE_VAL;
            else if (which == HAND_PREVIOUS)
                x = j == before ? 0 : -HUGE_VAL;
            else if (which == HAND_LINE || which == HAND_CAUSAL_LINE)
                x = -0.5 * (double)r;
            else if (which == HAND_CODES)
                x = G[r] / sqrt(128.0);
            a[i * T + j] = x;
        }
    return pe_softmax_rows(a, T, causal ? PE_REGION_CAUSAL : PE_REGION_ALL, a, err);
}

static pe_status judge_hand_made(pe_section *section, pe_error *err)
{
    double *a = pe_allocate(HAND_T * HAND_T + HAND_T, sizeof *a, "hand-made weights", err);
    if (!a)
        return PE_MEMORY;
    double *G = a + HAND_T * HAND_T;
    pe_status status = pe_cosine_kernel(128, 10000, PE_FREQUENCIES_PAPER, G, HAND_T, err);
    for (int which = 0; status == PE_OK && which < HAND_COUNT; which++) {
        char quantity[128];
        double value = (double)NAN;
        status = make_by_hand((hand_made)which, G, a, err);
        if (status == PE_OK)
            status = pe_locality(a, HAND_T, &value, err);
        snprintf(quantity, sizeof quantity, "locality of %s, T = 128", published[which].name);
        pe_verdict v = distance_verdict("D10", NULL, quantity, value);
        if (status == PE_OK)
            distance_expect(section, &v, published[which].locality, 1e-6,
                            "METRICS.md 1.9 [computed here]",
                            "a check of the measure on a matrix made by hand");
    }
    pe_release(a);
    return status;
}

/* ---- real text ---- */

typedef struct text_row {
    const distance_subject *d;
    double *share; /* (T) by distance, causal, mean over draws */
    double distance;
    pe_interval causal, both;
} text_row;

/* Mean over heads of the weights of one pass: (T,T), rows sum to one. */
static pe_status weights_on_text(const distance_run *run, const distance_subject *d, uint64_t draw,
                                 bool causal, double *a, pe_error *err)
{
    const size_t cells = run->T * run->T, heads = (size_t)d->subject->instance->dims.heads;
    const pe_text_job job = {.instance = d->subject->instance,
                             .precision = PE_DOUBLE,
                             .first = (int64_t)(draw * run->T),
                             .n = (int64_t)run->T,
                             .draw = draw,
                             .causal = causal};
    pe_attended attended;
    pe_status status = pe_lab_run_text(run->lab, &job, &attended, err);
    for (size_t i = 0; i < cells; i++)
        a[i] = 0;
    for (size_t h = 0; status == PE_OK && h < heads; h++)
        for (size_t i = 0; i < cells; i++)
            a[i] += attended.weights.hi[h * cells + i] / (double)heads;
    pe_attended_release(&attended);
    return status;
}

static pe_status measure_text(distance_run *run, text_row *row, double *a, double *locality,
                              pe_error *err)
{
    const size_t draws = (size_t)run->lab->size.draws, T = run->T;
    double *both = locality + draws, *share = both + draws, mean = 0;
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < draws; i++) {
        status = pe_lab_step(run->lab, row->d->title, 0.9, err);
        if (status == PE_OK)
            status = weights_on_text(run, row->d, i, true, a, err);
        if (status == PE_OK)
            status = pe_locality(a, T, &locality[i], err);
        if (status == PE_OK)
            status = pe_distance_histogram(a, T, share, &mean, err);
        for (size_t r = 0; status == PE_OK && r < T; r++)
            row->share[r] += share[r] / (double)draws;
        row->distance += mean / (double)draws;
        if (status != PE_OK || row->d->region == PE_REGION_CAUSAL)
            continue;
        status = weights_on_text(run, row->d, i, false, a, err);
        if (status == PE_OK)
            status = pe_locality(a, T, &both[i], err);
    }
    if (status == PE_OK)
        status = pe_mean_interval(locality, draws, 0.95, &row->causal, err);
    row->both = (pe_interval){(double)NAN, (double)NAN, (double)NAN, 0.95, 0};
    if (status == PE_OK && row->d->region == PE_REGION_ALL)
        status = pe_mean_interval(both, draws, 0.95, &row->both, err);
    return status;
}

/* Uniform attention over the past: share of distance r is (1/T) sum_{i >= r} 1/(i+1). */
static void causal_uniform(size_t T, double *share, double *locality)
{
    double sum = 0;
    *locality = 0;
    for (size_t r = T; r-- > 0;) {
        sum += 1 / ((double)r + 1);
        share[r] = sum / (double)T;
        *locality += share[r] * exp2(-(double)r);
    }
}

/* ---- showing ---- */

static void write_row(pe_section *section, pe_sheet *sheet, const text_row *row, double uniform)
{
    pe_sheet_text(sheet, distance_label(row->d));
    pe_sheet_number(sheet, row->causal.centre);
    pe_sheet_number(sheet, row->causal.low);
    pe_sheet_number(sheet, row->causal.high);
    if (isfinite(row->both.centre))
        pe_sheet_number(sheet, row->both.centre);
    else
        pe_sheet_missing(sheet);
    pe_sheet_number(sheet, row->distance);
    pe_verdict v = distance_verdict("D10", row->d, "locality on text, causal", row->causal.centre);
    char because[128];
    v.ci_low = row->causal.low;
    v.ci_high = row->causal.high;
    snprintf(because, sizeof because, "uniform attention over the past would give %.6f", uniform);
    distance_info(section, &v, because);
    v = distance_verdict("D10", row->d, "mean attended distance on text, causal", row->distance);
    v.unit = "tokens";
    distance_info(section, &v, NULL);
}

static pe_status draw_locality(pe_section *section, const text_row *rows, size_t n, double uniform,
                               pe_error *err)
{
    double *y = pe_allocate(3 * n, sizeof *y, "locality", err);
    const char **names = pe_allocate(n, sizeof *names, "names", err);
    size_t *slots = pe_allocate(n, sizeof *slots, "slots", err);
    if (!y || !names || !slots) {
        pe_release(y), pe_release(names), pe_release(slots);
        return PE_MEMORY;
    }
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = rows[i].causal.centre;
        y[n + i] = rows[i].causal.low;
        y[2 * n + i] = rows[i].causal.high;
        names[i] = rows[i].d->title;
        slots[i] = rows[i].d->slot;
        if (y[i] > y[most])
            most = i;
    }
    pe_figure *figure = pe_figure_titled(
        PE_DOTS, "locality", err,
        "On real text, untrained, %s looks nearest: locality %.3f, where uniform attention over "
        "the past has %.3f",
        names[most], y[most], uniform);
    pe_figure_x(figure, "locality", PE_LINEAR);
    pe_figure_categories(figure, n, names, slots);
    pe_figure_add_series(
        figure, &(pe_series){.name = "causal", .n = n, .y = y, .low = y + n, .high = y + 2 * n});
    pe_figure_mark_x(figure, uniform, "uniform");
    pe_figure_describe(figure,
                       "Dots: locality of attention on real text for every variant, with 95 % "
                       "intervals of the mean over draws.",
                       "Random byte table and projections, causal mask, mean over heads. The line "
                       "is uniform attention over the past.");
    pe_section_figure(section, figure);
    pe_release(y), pe_release(names), pe_release(slots);
    return PE_OK;
}

static void draw_histograms(distance_run *run, pe_section *section, const text_row *rows, size_t n,
                            const double *uniform, double *x, pe_error *err)
{
    size_t near = 0, far = 0;
    for (size_t i = 1; i < n; i++) {
        near = rows[i].distance < rows[near].distance ? i : near;
        far = rows[i].distance > rows[far].distance ? i : far;
    }
    run->text_near = rows[near].distance;
    run->text_far = rows[far].distance;
    for (size_t r = 0; r < run->T; r++)
        x[r] = (double)r + 1;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "attended_distance", err,
        "Before any training, attention on text reaches %.1f tokens back on average with %s and "
        "%.1f with %s",
        run->text_near, rows[near].d->title, run->text_far, rows[far].d->title);
    pe_figure_x(figure, "distance r + 1 (tokens)", PE_LOG2);
    pe_figure_y(figure, "share of the weight at r", PE_LOG10);
    pe_figure_y_range(figure, 1e-6, 1);
    for (size_t i = 0; i < n && i < PE_FIGURE_PANELS; i++) {
        pe_figure_panel(figure, rows[i].d->title);
        pe_figure_add_series(figure, &(pe_series){.name = "uniform over the past",
                                                  .look = PE_LOOK_REFERENCE,
                                                  .n = run->T,
                                                  .x = x,
                                                  .y = uniform});
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = "", .slot = rows[i].d->slot, .n = run->T, .x = x, .y = rows[i].share});
    }
    pe_figure_describe(figure,
                       "Small multiples: share of attention weight against distance, both axes "
                       "logarithmic, one panel per variant.",
                       "Causal mask, mean over heads and draws. Grey: uniform attention over the "
                       "past, (H_T − H_r) / T with harmonic numbers H; it falls with distance "
                       "because few queries can look far back.");
    pe_section_figure(section, figure);
}

/* ---- the section ---- */

static pe_status each_text(distance_run *run, pe_section *section, pe_sheet *sheet, text_row *rows,
                           size_t *n, double *a, double *locality, double uniform, pe_error *err)
{
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        text_row *row = &rows[*n];
        pe_error own = {0};
        row->d = &run->subject[i];
        if (!row->d->S)
            continue;
        row->share = pe_allocate(run->T, sizeof *row->share, "histogram", err);
        if (!row->share)
            return PE_MEMORY;
        status = measure_text(run, row, a, locality, &own);
        if (status == PE_OK) {
            write_row(section, sheet, row, uniform);
            (*n)++;
            continue;
        }
        pe_release(row->share);
        *row = (text_row){0};
        if (!distance_tolerable(status))
            return pe_fail(err, status, "%s", own.text);
        pe_section_not_applicable(section, run->subject[i].id, own.text);
        status = PE_OK;
    }
    return status;
}

static void say_text(const distance_run *run, pe_section *section, double uniform,
                     const text_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].d->can == 0)
            pe_say(section,
                   "Uniform attention over the past has locality %.6f at T = %zu; the "
                   "control, which sees content alone, has %.6f (95 %% interval %.6f to "
                   "%.6f) and looks %.1f tokens back on average. Against these two, not "
                   "against 0, the others must be read.",
                   uniform, run->T, rows[i].causal.centre, rows[i].causal.low, rows[i].causal.high,
                   rows[i].distance);
}

static pe_status show_text(distance_run *run, pe_section *section, double *block, text_row *rows,
                           size_t *n, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},           {"locality, causal", NULL, 0, 4},
        {"95 % from", NULL, 0, 4},         {"95 % to", NULL, 0, 4},
        {"locality, no mask", NULL, 0, 4}, {"mean distance, causal", "tokens", 0, 4}};
    const size_t T = run->T;
    double *a = block, *uniform = a + T * T, *x = uniform + T, *locality = x + T, level;
    causal_uniform(T, uniform, &level);
    pe_sheet *sheet = pe_section_table(
        section, "locality_on_text",
        "Real text through a random byte table and random projections, one layer, mean over heads; "
        "interval of the mean over draws of text, table and projections.",
        6, columns);
    pe_status status = each_text(run, section, sheet, rows, n, a, locality, level, err);
    if (status != PE_OK || *n == 0)
        return status;
    say_text(run, section, level, rows, *n);
    status = draw_locality(section, rows, *n, level, err);
    draw_histograms(run, section, rows, *n, uniform, x, err);
    return status;
}

pe_status distance_locality(distance_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Locality and attended distance on real text (D10)");
    const size_t T = run->T, draws = (size_t)run->lab->size.draws;
    double *block = pe_allocate(T * T + 3 * T + 2 * draws, sizeof *block, "weights", err);
    text_row *rows = pe_allocate((size_t)run->count, sizeof *rows, "rows", err);
    size_t n = 0;
    pe_section_formula(section, "\\mathrm{Loc}(a) = \\frac{1}{T} \\sum_i \\sum_j a_{ij} 2^{-|i-j|}",
                       "$a_{ij}$ attention weights; 1 when every token looks at itself alone. "
                       "Chen, Varoquaux, Suchanek 2023.");
    pe_status status = block && rows ? judge_hand_made(section, err) : PE_MEMORY;
    if (status == PE_OK)
        status = show_text(run, section, block, rows, &n, err);
    for (size_t i = 0; rows && i < n; i++)
        pe_release(rows[i].share);
    pe_release(rows);
    pe_release(block);
    return status;
}
