/* Agreement, time and memory as tables and figures. */
#include "cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The subject without any hook, which the others are compared with; none: the first. */
static size_t baseline_of(const pe_lab *lab)
{
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (lab->subjects[s].instance && pe_lab_capabilities(lab->subjects[s].instance) == 0)
            return s;
    return 0;
}

static bool measured(const pe_lab *lab, size_t s)
{
    return s < COST_SUBJECTS && lab->subjects[s].instance;
}

pe_status cost_show_agreement(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "The fused form computes the same");
    const size_t l = run->naive_lengths - 1;
    pe_say(
        section,
        "The naive form makes every matrix whole, as the papers write it. The fused form goes "
        "through blocks of keys, keeps a running largest logit and sum for each query, and never "
        "holds more than one block of logits. Both add the same numbers in another order, so "
        "their outputs differ by rounding alone. Here at %lld tokens, %d heads of %d, causal, "
        "float.",
        (long long)run->length[l], run->heads, run->head_dim);
    const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},         {"largest difference", NULL, 0, 3},
        {"rounding allows", NULL, 0, 3}, {"naive", "ms", 0, 4},
        {"fused", "ms", 0, 4},           {"naive / fused", NULL, 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "agreement", "Naive against fused form", 6, columns);
    for (size_t s = 0; s < (size_t)lab->subject_count; s++) {
        const pe_subject *subject = &lab->subjects[s];
        if (!measured(lab, s)) {
            pe_section_not_applicable(section, subject->name, subject->because);
            continue;
        }
        const cost_point *p = &run->point[s][l];
        pe_sheet_text(sheet, subject->title);
        pe_sheet_number(sheet, p->difference);
        pe_sheet_number(sheet, p->bound);
        pe_sheet_number(sheet, 1e3 * p->naive);
        pe_sheet_number(sheet, 1e3 * p->fused);
        pe_sheet_number(sheet, p->naive / p->fused);
        pe_check_at_most(section,
                         &(pe_check){.id = "fused",
                                     .variant = subject->name,
                                     .quantity = "largest difference of fused and naive output",
                                     .value = p->difference,
                                     .expected = p->bound,
                                     .source = "rounding bound from D and L"});
    }
    return pe_result_check(result, err);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Measured as far as it was run, then by its square. */
static void naive_curve(const cost_run *run, size_t base, pe_figure *figure)
{
    const size_t both = run->naive_lengths - 1;
    double x[COST_LENGTHS], y[COST_LENGTHS];
    for (size_t l = 0; l < run->lengths; l++) {
        const size_t from = l < both ? l : both;
        x[l] = (double)run->length[l];
        y[l] = 1e3 * run->point[base][from].naive * pow(x[l] / (double)run->length[from], 2);
    }
    pe_figure_add_series(figure, &(pe_series){.name = "naive, no encoding",
                                              .look = PE_LOOK_REFERENCE,
                                              .n = run->lengths,
                                              .x = x,
                                              .y = y});
}

static void time_curves(const pe_lab *lab, const cost_run *run, pe_section *section, pe_error *err)
{
    const size_t base = baseline_of(lab), last = run->lengths - 1;
    size_t dearest = base;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s) && run->point[s][last].fused > run->point[dearest][last].fused)
            dearest = s;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "time", err, "At %lld tokens %s takes %.1f times as long as %s",
        (long long)run->length[last], lab->subjects[dearest].title,
        run->point[dearest][last].fused / run->point[base][last].fused, lab->subjects[base].title);
    pe_figure_x(figure, "length L (tokens)", PE_LOG2);
    pe_figure_y(figure, "time of one call (milliseconds)", PE_LOG10);
    for (size_t s = 0; s < (size_t)lab->subject_count; s++) {
        double x[COST_LENGTHS], y[COST_LENGTHS];
        for (size_t l = 0; l < run->lengths; l++) {
            x[l] = (double)run->length[l];
            y[l] = 1e3 * run->point[s][l].fused;
        }
        if (measured(lab, s))
            pe_figure_add_series(figure, &(pe_series){.name = lab->subjects[s].title,
                                                      .slot = lab->subjects[s].slot,
                                                      .n = run->lengths,
                                                      .x = x,
                                                      .y = y});
    }
    naive_curve(run, base, figure);
    pe_figure_describe(figure,
                       "Curves: time of the fused form against the length, one per variant, and of "
                       "the naive form.",
                       "The fastest of several calls on this machine. A line of slope 2 is the "
                       "square of attention; what "
                       "lies above the lowest curve is the price of the encoding. The grey line is "
                       "the naive form without an encoding, beyond the lengths of the "
                       "table below by its slope.");
    pe_section_figure(section, figure);
}

/* Time and memory of every variant in both forms, at the lengths where both were run. */
static void both_forms(const pe_lab *lab, const cost_run *run, pe_section *section)
{
    const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},    {"L", "tokens", 0, 4},         {"naive time", "ms", 0, 3},
        {"fused time", "ms", 0, 3}, {"naive memory", "MiB", 0, 3}, {"fused memory", "MiB", 0, 3}};
    pe_sheet *sheet = pe_section_table(
        section, "forms", "Time, and memory beside inputs and outputs, of both forms", 6, columns);
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        for (size_t l = 0; measured(lab, s) && l < run->naive_lengths; l++) {
            const cost_point *p = &run->point[s][l];
            pe_sheet_text(sheet, lab->subjects[s].variant->title);
            pe_sheet_number(sheet, (double)run->length[l]);
            pe_sheet_number(sheet, 1e3 * p->naive);
            pe_sheet_number(sheet, 1e3 * p->fused);
            pe_sheet_number(sheet, p->naive_bytes / 1048576);
            pe_sheet_number(sheet, p->fused_bytes / 1048576);
        }
}

static void price_bars(const pe_lab *lab, const cost_run *run, pe_section *section, pe_error *err)
{
    const size_t base = baseline_of(lab), last = run->lengths - 1;
    const char *names[COST_SUBJECTS];
    double price[COST_SUBJECTS];
    size_t slots[COST_SUBJECTS], n = 0, cheap = 0;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s) && s != base) {
            names[n] = lab->subjects[s].title;
            slots[n] = lab->subjects[s].slot;
            price[n] = run->point[s][last].fused / run->point[base][last].fused;
            cheap += price[n++] < 1.25;
        }
    if (n == 0)
        return; /* nobody to compare */
    pe_figure *figure =
        pe_figure_titled(PE_BARS_GROUPED, "price", err,
                         "%zu of %zu encodings cost less than a quarter more at %lld tokens", cheap,
                         n, (long long)run->length[last]);
    pe_figure_x(figure, "time over that of attention without an encoding", PE_LINEAR);
    pe_figure_categories(figure, n, names, slots);
    pe_figure_add_series(figure, &(pe_series){.name = "price", .n = n, .y = price});
    pe_figure_mark_x(figure, 1, NULL);
    pe_figure_describe(
        figure, "Bars: time of each variant relative to no encoding.",
        "Encodings that act on the embeddings cost attention nothing; rows and biases "
        "by offset cost a product more; those that look at content pair by pair cost "
        "most.");
    pe_section_figure(section, figure);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How far the slowest round lies above the fastest at the last length, median over the subjects:
 * what other programs on this machine do to the numbers. 0: nothing. */
static double disturbance(const pe_lab *lab, const cost_run *run)
{
    double share[COST_SUBJECTS];
    size_t n = 0;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s)) {
            const cost_point *p = &run->point[s][run->lengths - 1];
            share[n++] = p->slowest / p->fused - 1;
        }
    qsort(share, n, sizeof *share, ascending);
    return n > 0 ? share[n / 2] : 0;
}

/* What a ratio of times is worth here, and the finding of the whole, which must not claim more. */
static void state_finding(const pe_lab *lab, const cost_run *run, pe_section *section,
                          pe_result *result)
{
    const size_t base = baseline_of(lab), last = run->lengths - 1;
    const double noise = disturbance(lab, run);
    size_t dearest = base;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s) && run->point[s][last].fused > run->point[dearest][last].fused)
            dearest = s;
    const double ratio = run->point[dearest][last].fused / run->point[base][last].fused;
    char finding[300], forms[128];
    double gap = 0;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s))
            gap = pe_worse(gap, run->point[s][run->naive_lengths - 1].difference);
    snprintf(
        forms, sizeof forms, "Outputs of fused and naive attention differ by at most %.1g, %s", gap,
        pe_result_count(result, PE_VERDICT_FAIL) == 0 ? "which is rounding" : "more than rounding");
    pe_say(section,
           "Three rounds over all subjects differ by %.0f %% (the slowest from the fastest, median "
           "over "
           "the subjects, %lld tokens). %s",
           100 * noise, (long long)run->length[last],
           noise > 0.25
               ? "The machine did other work: ratios that differ by less than that say nothing, "
                 "and a run on a quiet machine is worth more than this one."
               : "Ratios that differ by less than that are the same.");
    if (noise > 0.25)
        snprintf(finding, sizeof finding,
                 "%s. The times are rough: the machine was busy, and rounds differ by %.0f %%.",
                 forms, 100 * noise);
    else
        snprintf(finding, sizeof finding,
                 "%s; at %lld tokens the dearest encoding, %s, takes %.1f times as long as %s.",
                 forms, (long long)run->length[last], lab->subjects[dearest].title, ratio,
                 lab->subjects[base].title);
    pe_result_finding(result, finding);
}

pe_status cost_show_time(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Time");
    state_finding(lab, run, section, result);
    time_curves(lab, run, section, err);
    both_forms(lab, run, section);
    price_bars(lab, run, section, err);
    const size_t base = baseline_of(lab), last = run->lengths - 1;
    for (size_t s = 0; s < (size_t)lab->subject_count; s++)
        if (measured(lab, s) && s != base)
            pe_give(section, "time", lab->subjects[s].name,
                    "time over that of attention without an encoding",
                    run->point[s][last].fused / run->point[base][last].fused,
                    "measured on this machine, not judged");
    return pe_result_check(result, err);
}

/* ---- memory ---------------------------------------------------------------------------------- */

pe_status cost_show_memory(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Memory");
    const size_t base = baseline_of(lab), last = run->lengths - 1, both = run->naive_lengths - 1;
    const cost_point *p = &run->point[base][both];
    if (p->fused_bytes <= 0) {
        pe_say(section, "The C library of this system does not tell the size of a block, so memory "
                        "was not measured.");
        return pe_result_check(result, err);
    }
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "memory", err,
        "Naive attention holds %.0f times as much at %lld tokens and grows with the "
        "square of the length",
        p->naive_bytes / p->fused_bytes, (long long)run->length[both]);
    pe_figure_x(figure, "length L (tokens)", PE_LOG2);
    pe_figure_y(figure, "memory beside inputs and outputs (MiB)", PE_LOG10);
    for (size_t s = 0; s < (size_t)lab->subject_count; s++) {
        double x[COST_LENGTHS], y[COST_LENGTHS];
        for (size_t l = 0; l < run->lengths; l++) {
            x[l] = (double)run->length[l];
            y[l] = run->point[s][l].fused_bytes / 1048576;
        }
        if (measured(lab, s))
            pe_figure_add_series(figure, &(pe_series){.name = lab->subjects[s].title,
                                                      .slot = lab->subjects[s].slot,
                                                      .n = run->lengths,
                                                      .x = x,
                                                      .y = y});
    }
    double x[COST_LENGTHS], y[COST_LENGTHS];
    for (size_t l = 0; l < run->lengths; l++) {
        x[l] = (double)run->length[l];
        y[l] = p->naive_bytes * pow(x[l] / (double)run->length[both], 2) / 1048576;
    }
    pe_figure_add_series(figure, &(pe_series){.name = "naive: grows with L\302\262",
                                              .look = PE_LOOK_REFERENCE,
                                              .n = run->lengths,
                                              .x = x,
                                              .y = y});
    pe_figure_describe(figure,
                       "Curves: memory of the fused form against the length, and the naive.",
                       "Most bytes held at once during a call, by all threads together. The grey "
                       "line has the naive form's measured value and its slope.");
    pe_section_figure(section, figure);
    pe_check_at_most(section, &(pe_check){.id = "memory",
                                          .variant = lab->subjects[base].name,
                                          .quantity = "growth of the fused form's memory for the "
                                                      "last doubling of L",
                                          .value = run->point[base][last].fused_bytes /
                                                   run->point[base][last - 1].fused_bytes,
                                          .expected = 2.1,
                                          .source = "linear in L"});
    return pe_result_check(result, err);
}
