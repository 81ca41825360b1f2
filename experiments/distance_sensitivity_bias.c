/* D7: biases on logits, read from their numbers alone: horizon, steps, resolution. */
#include "distance_sensitivity.h"

#include "analysis/attention_measures.h"
#include "analysis/bias.h"
#include "analysis/fit.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROW = 8192, STAIRS = 256, STEPS = 64 };
static const double share = 0.99;

typedef struct bias_rows {
    size_t n;
    int heads;
    double *b; /* (heads, n): bias at distance r, asked by the last of n queries */
} bias_rows;

/* ---- asking ---- */

static pe_status ask(const distance_run *run, const distance_subject *d, bias_rows *rows,
                     pe_error *err)
{
    pe_dims dims = d->subject->instance->dims;
    pe_instance *instance = NULL;
    dims.max_len = (int64_t)rows->n;
    rows->heads = dims.heads;
    rows->b = pe_allocate((size_t)dims.heads * rows->n, sizeof *rows->b, "bias rows", err);
    if (!rows->b)
        return PE_MEMORY;
    pe_status status =
        pe_lab_instance(run->lab, d->subject, &dims, run->lab->size.seed, &instance, err);
    if (status == PE_OK)
        status = pe_lab_biases(instance, (int64_t)rows->n, rows->b, err);
    pe_instance_release(instance);
    return status;
}

/* ---- one head ---- */

typedef struct head_marks {
    size_t horizon, resolution, steps, start[STEPS];
    double slope; /* of an exact falling line; NaN: it is none */
    size_t expected;
    bool endless; /* the row ends before the weight does */
} head_marks;

static double largest_of(const double *b, size_t n)
{
    double largest = 0;
    for (size_t r = 0; r < n; r++)
        largest = fmax(largest, fabs(b[r]));
    return largest;
}

static pe_status fit_head(const double *b, size_t n, double *x, head_marks *m, pe_error *err)
{
    pe_line line;
    double worst = 0;
    for (size_t r = 0; r < n; r++)
        x[r] = (double)r;
    pe_status status = pe_fit_line(x, b, n, &line, err);
    for (size_t r = 0; status == PE_OK && r < n; r++)
        worst = fmax(worst, fabs(b[r] - line.intercept - line.slope * x[r]));
    m->slope = (double)NAN;
    if (status != PE_OK || worst > 1e-10 * largest_of(b, n) || !(line.slope < 0))
        return status;
    m->slope = (b[0] - b[n - 1]) / (double)(n - 1); /* exact where the fit rounds */
    m->expected = (size_t)ceil(log(1 / (1 - share)) / m->slope);
    return PE_OK;
}

static pe_status mark_head(const double *b, size_t n, double *x, head_marks *m, pe_error *err)
{
    const double tolerance = 1e-12 * largest_of(b, n);
    size_t *starts = pe_allocate(n, sizeof *starts, "steps", err);
    if (!starts)
        return PE_MEMORY;
    *m = (head_marks){0};
    pe_status status = fit_head(b, n, x, m, err);
    if (status == PE_OK)
        status = pe_bias_horizon(b, n, share, &m->horizon, err);
    if (status == PE_OK)
        status = pe_bias_resolution(b, n, tolerance, &m->resolution, err);
    if (status == PE_OK)
        status = pe_bias_steps(b, n, tolerance, starts, &m->steps, err);
    m->endless = m->horizon > n / 2;
    for (size_t s = 0; status == PE_OK && s < m->steps && s < STEPS; s++)
        m->start[s] = starts[s];
    pe_release(starts);
    return status;
}

static bool is_staircase(const head_marks *m)
{
    return m->steps > 1 && m->steps <= STEPS && m->resolution < STAIRS;
}

/* ---- judging ---- */

static void judge_horizon(distance_run *run, pe_section *section, const distance_subject *d, int h,
                          const head_marks *m, size_t n)
{
    char quantity[96], because[160];
    snprintf(quantity, sizeof quantity, "window of 99 %% of the weight, head %d", h);
    pe_verdict v = distance_verdict("D7", d, quantity, (double)m->horizon);
    v.unit = "tokens";
    if (!isnan(m->slope) && m->slope * (double)n > 20) {
        snprintf(because, sizeof because, "a straight line of slope %.6g per token", -m->slope);
        distance_expect(section, &v, (double)m->expected, 0, "ceil(ln 100 / m), closed form",
                        because);
        run->horizon_low = fmin(isnan(run->horizon_low) ? HUGE_VAL : run->horizon_low, v.value);
        run->horizon_high = fmax(isnan(run->horizon_high) ? 0 : run->horizon_high, v.value);
    } else if (m->endless)
        distance_info(section, &v,
                      "no horizon: the weight is spread over the whole row, however long it is");
    else
        distance_info(section, &v,
                      isnan(m->slope) ? "not a straight line, so no closed form"
                                      : "a straight line, but so flat that the row ends before "
                                        "its weight does");
}

static double option(const distance_subject *d, const char *name)
{
    const pe_variant *variant = d->subject->variant;
    for (int i = 0; i < variant->option_count; i++)
        if (strcmp(variant->options[i].name, name) == 0 && d->subject->instance->opt[i].n == 1)
            return d->subject->instance->opt[i].x[0];
    return (double)NAN;
}

/* METRICS.md 1.6, computed here from the released rule: 32 buckets, distance 128. */
static const size_t two_sided[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
static const size_t one_sided[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                   16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};

static void judge_steps(pe_section *section, const distance_subject *d, const head_marks *m)
{
    const bool listed = option(d, "num_buckets") == 32 && option(d, "max_distance") == 128;
    const bool both = option(d, "bidirectional") == 1;
    const size_t *expected = both ? two_sided : one_sided;
    const size_t count =
        both ? sizeof two_sided / sizeof *two_sided : sizeof one_sided / sizeof *one_sided;
    if (!listed || !is_staircase(m))
        return;
    size_t same = m->steps == count ? 0 : SIZE_MAX;
    for (size_t s = 0; m->steps == count && s < count; s++)
        same += m->start[s] == expected[s];
    pe_verdict v = distance_verdict("D7", d, "bucket starts that agree with the list, head 0",
                                    same == SIZE_MAX ? 0 : (double)same);
    distance_expect(section, &v, (double)count, 0, "METRICS.md 1.6 [computed here]",
                    "32 buckets, distance 128, as its options say");
}

static pe_status judge_resolutions(const distance_run *run, pe_section *section, pe_error *err)
{
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        size_t distance;
        if (!d->S)
            continue;
        pe_status status = pe_bias_resolution(
            d->past, run->T, 1e-10 * fabs(largest_of(d->past, run->T)), &distance, err);
        if (status != PE_OK)
            return status;
        pe_verdict v = distance_verdict("D7", d, "resolution distance within T", (double)distance);
        v.unit = "tokens";
        const double clip = option(d, "clip");
        if (clip >= 0 && clip < (double)run->T - 1)
            distance_expect(section, &v, clip, 0, "its option clip",
                            "beyond the clip all offsets are one class");
        else
            distance_info(section, &v,
                          distance == run->T - 1 ? "it still changes at the last distance"
                          : distance == 0        ? "it does not change at all"
                                                 : "constant from there on");
    }
    return PE_OK;
}

/* ---- drawing ---- */

static void draw_stairs(pe_section *section, const distance_subject *d, const bias_rows *rows,
                        const head_marks *first, double *x, pe_error *err)
{
    char id[64];
    snprintf(id, sizeof id, "stairs_%.40s", d->subject->file);
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, id, err,
        "%s: %zu steps, the last begins at %zu tokens; beyond, all distances are one",
        distance_label(d), first->steps, first->start[first->steps - 1]);
    pe_figure_x(figure, "distance r (tokens)", PE_LOG2);
    pe_figure_y(figure, "bias b(r) (logit)", PE_LINEAR);
    const size_t n = rows->n < STAIRS ? rows->n : STAIRS;
    for (int h = 0; h < rows->heads && h < 8; h++) {
        char name[32];
        snprintf(name, sizeof name, "head %d", h);
        pe_figure_add_series(figure, &(pe_series){.name = name,
                                                  .slot = (size_t)h,
                                                  .look = PE_LOOK_STEPS,
                                                  .n = n - 1,
                                                  .x = x + 1,
                                                  .y = rows->b + (size_t)h * rows->n + 1});
    }
    pe_figure_describe(figure, "Staircase of the bias against distance, one line per head.",
                       "Each step is one bucket: distances on it cannot be told apart. The heights "
                       "are whatever the table holds.");
    pe_section_figure(section, figure);
}

/* Share of the weight in windows x, all up to 64 tokens and then 2 % apart: the curve is smooth. */
static size_t accumulate(const double *b, size_t n, double *x, double *sum)
{
    double total = 0, top = b[0], next = 1;
    size_t kept = 0;
    for (size_t r = 0; r < n; r++)
        top = fmax(top, b[r]);
    for (size_t r = 0; r < n; r++) {
        const double window = (double)r + 1;
        total += exp(b[r] - top);
        if (window < next)
            continue;
        x[kept] = window;
        sum[kept++] = total;
        next = window < 64 ? window + 1 : 1.02 * window;
    }
    for (size_t i = 0; i < kept; i++)
        sum[i] /= total;
    return kept;
}

static pe_status draw_horizons(pe_section *section, const distance_subject *d,
                               const bias_rows *rows, const head_marks *marks, double *x,
                               pe_error *err)
{
    char id[64], list[256] = "";
    size_t used = 0;
    double *sum = pe_allocate(rows->n, sizeof *sum, "weights", err);
    if (!sum)
        return PE_MEMORY;
    for (int h = 0; h < rows->heads && h < 8; h++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%zu", h ? ", " : "",
                                 marks[h].horizon);
    snprintf(id, sizeof id, "horizons_%.40s", d->subject->file);
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, id, err,
                         "%s: 99 %% of the content-free weight lies within %s tokens, head by head",
                         distance_label(d), list);
    pe_figure_x(figure, "window (tokens)", PE_LOG2);
    pe_figure_y(figure, "share of the weight inside", PE_LINEAR);
    for (int h = 0; h < rows->heads && h < 8; h++) {
        char name[32];
        const size_t n = accumulate(rows->b + (size_t)h * rows->n, rows->n, x, sum);
        snprintf(name, sizeof name, "head %d", h);
        pe_figure_add_series(
            figure, &(pe_series){.name = name, .slot = (size_t)h, .n = n, .x = x, .y = sum});
    }
    pe_figure_mark_y(figure, share, "99 %");
    pe_figure_describe(figure,
                       "Share of the attention weight inside a window against its size, one curve "
                       "per head.",
                       "The window of w tokens holds the distances 0 to w − 1; all content is "
                       "equal.");
    pe_section_figure(section, figure);
    pe_release(sum);
    return PE_OK;
}

/* ---- the section ---- */

static void write_head(pe_sheet *sheet, const distance_subject *d, int h, const head_marks *m)
{
    pe_sheet_text(sheet, distance_label(d));
    pe_sheet_number(sheet, h);
    if (isnan(m->slope))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, -m->slope);
    if (m->endless)
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, (double)m->horizon);
    if (isnan(m->slope))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, (double)m->expected);
    pe_sheet_number(sheet, (double)m->resolution);
    pe_sheet_number(sheet, (double)m->steps);
}

static void add_exercise(pe_section *section, const distance_subject *d, const head_marks *m)
{
    char question[384];
    snprintf(question, sizeof question,
             "A bias of $-m r$ with $m = %.10g$ and no content gives distance $r$ the weight "
             "$e^{-mr}$, up to a factor. Within how many tokens lie 99 %% of the weight?",
             m->slope);
    const pe_checkable answer = {"window", (double)m->horizon, 0};
    pe_section_exercise(section, question, "A geometric series; round up.", 1, &answer);
    const char *const try[] = {"table", d->id, "--heads", "8", "--to", "8"};
    pe_section_try(section, "The biases of eight heads", 6, try);
}

static pe_status show_subject(distance_run *run, const distance_subject *d, pe_section *section,
                              pe_sheet *sheet, bias_rows *rows, bool *exercised, pe_error *err)
{
    head_marks *marks = NULL;
    double *x = pe_allocate(rows->n, sizeof *x, "distances", err);
    pe_status status = x ? ask(run, d, rows, err) : PE_MEMORY;
    if (status == PE_OK) {
        marks = pe_allocate((size_t)rows->heads, sizeof *marks, "marks", err);
        status = marks ? PE_OK : PE_MEMORY;
    }
    bool lines = true;
    for (int h = 0; status == PE_OK && h < rows->heads; h++) {
        status = mark_head(rows->b + (size_t)h * rows->n, rows->n, x, &marks[h], err);
        lines = lines && status == PE_OK && !isnan(marks[h].slope);
    }
    for (int h = 0; status == PE_OK && h < rows->heads; h++) {
        write_head(sheet, d, h, &marks[h]);
        judge_horizon(run, section, d, h, &marks[h], rows->n);
    }
    if (status == PE_OK)
        judge_steps(section, d, &marks[0]);
    if (status == PE_OK && is_staircase(&marks[0]))
        draw_stairs(section, d, rows, &marks[0], x, err);
    if (status == PE_OK && lines)
        status = draw_horizons(section, d, rows, marks, x, err);
    if (status == PE_OK && lines && !*exercised) {
        add_exercise(section, d, &marks[0]);
        *exercised = true;
    }
    pe_release(marks);
    pe_release(x);
    pe_release(rows->b);
    rows->b = NULL;
    return status;
}

static bool has_bias(const distance_subject *d)
{
    return d->S && (d->can & PE_CAN_BIAS) && !(d->can & (PE_CAN_STATE | PE_CAN_LOGITS));
}

static const char *why_not(const distance_subject *d)
{
    if (d->can & (PE_CAN_STATE | PE_CAN_LOGITS))
        return "its bias is made from content, so there is none without";
    return d->can == 0 ? "it does nothing to logits" : "it adds no bias to logits";
}

pe_status distance_bias(distance_run *run, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},      {"head", NULL, 0, 0},
        {"slope", "1/token", 0, 6},   {"99 % window", "tokens", 0, 0},
        {"expected", "tokens", 0, 0}, {"resolution", "tokens", 0, 0},
        {"steps", NULL, 0, 0}};
    pe_section *section = pe_result_section(run->result, "Biases: horizon and resolution (D7)");
    const size_t n = ROW;
    bool exercised = false;
    pe_say(section,
           "A bias $b(r)$ on the logit gives, with all content equal, the weight "
           "$e^{b(r)} / \\sum e^{b}$. Everything here is read from the numbers, asked by the "
           "last of %zu queries; a straight line of slope $-m$ must have its 99 %% window at "
           "$\\lceil \\ln 100 / m \\rceil$. The resolution distance is where the bias stops "
           "changing.",
           n);
    pe_sheet *sheet = pe_section_table(section, "biases",
                                       "Content-free biases by head. An empty window: the weight "
                                       "is spread over the whole row.",
                                       7, columns);
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        bias_rows rows = {.n = n};
        pe_error own = {0};
        if (!d->S)
            continue;
        status = pe_lab_step(run->lab, d->title, 0.55, err);
        if (status != PE_OK)
            break;
        if (!has_bias(d)) {
            pe_section_not_applicable(section, d->id, why_not(d));
            continue;
        }
        status = show_subject(run, d, section, sheet, &rows, &exercised, &own);
        if (status != PE_OK && distance_tolerable(status)) {
            pe_section_not_applicable(section, d->id, own.text);
            status = PE_OK;
        } else if (status != PE_OK)
            status = pe_fail(err, status, "%s", own.text);
    }
    return status == PE_OK ? judge_resolutions(run, section, err) : status;
}
