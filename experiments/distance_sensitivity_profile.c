/* D1: the distance profile b(k), signed and one-sided, against its closed form. */
#include "distance_sensitivity.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { PANEL_CURVES = 8, WIDTHS = 3, DISTANCES = 11, DRAWN = 2048 };

/* METRICS.md 1.1, computed here; base 10000, frequencies of the paper. */
static const size_t widths[WIDTHS] = {64, 128, 512};
static const double distances[DISTANCES] = {1, 2, 5, 10, 50, 100, 128, 512, 1000, 2048, 10000};
static const double published[WIDTHS][DISTANCES] = {
    {0.966151, 0.884496, 0.734499, 0.657863, 0.489806, 0.558583, 0.283853, 0.185369, 0.278936,
     -0.039701, 0.049351},
    {0.970214, 0.896592, 0.737266, 0.669063, 0.546172, 0.477241, 0.332794, 0.219424, 0.159027,
     0.119284, -0.027894},
    {0.973055, 0.905209, 0.740612, 0.678866, 0.512073, 0.437306, 0.405892, 0.276313, 0.175670,
     0.096111, -0.064416}};

/* ---- all subjects at the lab's size ---- */

static void add_references(pe_figure *figure, double base, size_t width, pe_frequency_rule rule,
                           size_t n, const double *x, double *y, pe_error *err)
{
    double *G = pe_allocate(n + 1, sizeof *G, "closed form", err);
    if (G && pe_cosine_kernel(width, base, rule, G, n + 1, err) == PE_OK) {
        for (size_t i = 0; i < n; i++)
            y[i] = G[i + 1] / G[0];
        pe_figure_add_series(
            figure,
            &(pe_series){.name = "closed form", .look = PE_LOOK_REFERENCE, .n = n, .x = x, .y = y});
    }
    for (size_t i = 0; i < n; i++)
        if (pe_kernel_limit(base, x[i], &y[i], NULL) != PE_OK)
            y[i] = (double)NAN;
    pe_figure_add_series(
        figure,
        &(pe_series){
            .name = "limit of large d (Ci)", .look = PE_LOOK_REFERENCE, .n = n, .x = x, .y = y});
    for (size_t i = 0; i < n; i++)
        if (pe_kernel_log_law(base, x[i], &y[i], NULL) != PE_OK)
            y[i] = (double)NAN;
    pe_figure_add_series(
        figure, &(pe_series){.name = "log law", .look = PE_LOOK_REFERENCE, .n = n, .x = x, .y = y});
    pe_release(G);
}

static void add_curve(pe_figure *figure, const distance_subject *d, size_t n, const double *x)
{
    pe_figure_add_series(
        figure, &(pe_series){
                    .name = distance_label(d), .slot = d->slot, .n = n, .x = x, .y = d->shown + 1});
}

static int count_ratio(const distance_run *run, bool ratio)
{
    int count = 0;
    for (int i = 0; i < run->count; i++)
        count += run->subject[i].S && run->subject[i].ratio == ratio;
    return count;
}

static void draw_curves(const distance_run *run, pe_figure *figure, bool ratio, const double *x,
                        double *y, pe_error *err)
{
    int drawn = 0;
    const int all = count_ratio(run, ratio);
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        if (!d->S || d->ratio != ratio)
            continue;
        if (all > PANEL_CURVES && drawn % PANEL_CURVES == 0) {
            char title[64];
            snprintf(title, sizeof title, "variants %d to %d", drawn + 1,
                     all < drawn + PANEL_CURVES ? all : drawn + PANEL_CURVES);
            pe_figure_panel(figure, title);
        }
        add_curve(figure, d, run->T - 1, x);
        drawn++;
    }
    if (ratio && run->cosine)
        add_references(figure, run->cosine->base, run->cosine->width, run->cosine->rule, run->T - 1,
                       x, y, err);
}

static pe_figure *kernel_figure(const distance_run *run, pe_error *err)
{
    const distance_subject *c = run->cosine;
    double law = (double)NAN;
    const size_t at = run->T > 100 ? 100 : run->T - 1;
    if (!c || pe_kernel_log_law(c->base, (double)at, &law, NULL) != PE_OK)
        return pe_figure_titled(PE_CURVES, "profile_kernels", err,
                                "Similarity of positions against distance: %d kernels",
                                count_ratio(run, true));
    return pe_figure_titled(PE_CURVES, "profile_kernels", err,
                            "%s: similarity falls with the logarithm of distance, %.3f at 1 token, "
                            "%.3f at %zu (log law: %.3f)",
                            c->title, c->shown[1], c->shown[at], at, law);
}

/* An untrained table only when there is nothing else. */
static const distance_subject *steepest(const distance_run *run)
{
    const distance_subject *found = NULL;
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        if (!d->S || d->ratio || d->flat)
            continue;
        const bool better = !found || (d->subject->random_table == found->subject->random_table
                                           ? d->shown[run->T / 8] < found->shown[run->T / 8]
                                           : found->subject->random_table);
        found = better ? d : found;
    }
    return found;
}

static void draw_one_sided(const distance_run *run, pe_section *section, const double *x, double *y,
                           pe_error *err)
{
    if (count_ratio(run, true) > 0) {
        pe_figure *figure = kernel_figure(run, err);
        pe_figure_x(figure, "distance r (tokens)", PE_LOG2);
        pe_figure_y(figure, "g(r) = b(r) / b(0)", PE_LINEAR);
        draw_curves(run, figure, true, x, y, err);
        pe_figure_describe(
            figure,
            "Normalised similarity of two positions against their distance on a "
            "logarithmic axis, one curve per variant with a kernel.",
            "Curves: variants whose share is a product of codes or of turned "
            "vectors. Thin grey: the closed form of the declared base and width, "
            "its limit for large width, and the logarithm that the limit follows. At the "
            "far right few pairs are averaged.");
        pe_section_figure(section, figure);
    }
    const distance_subject *least = steepest(run);
    if (!least)
        return;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "profile_logits", err,
        "Content aside, %s gives a key %zu tokens back %.3g times the weight of the query's own "
        "place",
        distance_label(least), run->T / 8, least->shown[run->T / 8]);
    pe_figure_x(figure, "distance r (tokens)", PE_LOG2);
    pe_figure_y(figure, "g(r) = exp(b(r) − b(0))", PE_LINEAR);
    draw_curves(run, figure, false, x, y, err);
    pe_figure_describe(figure,
                       "Factor on the attention weight against distance on a logarithmic axis, one "
                       "curve per variant that acts on logits.",
                       "What the positional share alone does to a weight, against the query's own "
                       "place, head 0. Untrained tables scatter about 1.");
    pe_section_figure(section, figure);
}

/* Both directions, each scaled to its own range, since units differ. */
static void draw_signed(const distance_run *run, pe_section *section, pe_error *err)
{
    const size_t n = 2 * run->T - 1;
    double *x = pe_allocate(2 * n, sizeof *x, "signed profile", err), *y = x ? x + n : NULL;
    if (!x)
        return;
    int differ = 0, both = 0;
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        bool same = true;
        for (size_t r = 0; d->ahead && r < run->T; r++)
            same = same && fabs(d->past[r] - d->ahead[r]) <= 1e-9 * fabs(d->past[0]) + 1e-12;
        both += d->ahead != NULL;
        differ += d->ahead && !same;
    }
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "profile_signed", err,
        "Past and future differ for %d of %d shares; the others are even in the offset", differ,
        both);
    pe_figure_x(figure, "offset k = j − i (tokens)", PE_LINEAR);
    pe_figure_y(figure, "b(k), from its least (0) to its largest (1)", PE_LINEAR);
    for (int i = 0, panels = 0; i < run->count && panels < PE_FIGURE_PANELS; i++) {
        const distance_subject *d = &run->subject[i];
        double low = HUGE_VAL, high = -HUGE_VAL;
        char title[160];
        if (!d->S)
            continue;
        for (size_t at = 0; at < n; at++) {
            const size_t r = at < run->T ? run->T - 1 - at : at - (run->T - 1);
            x[at] = (double)at - (double)(run->T - 1);
            y[at] = at < run->T ? d->past[r] : d->ahead ? d->ahead[r] : (double)NAN;
            low = fmin(low, y[at]);
            high = fmax(high, y[at]);
        }
        for (size_t at = 0; at < n; at++)
            y[at] = high > low ? (y[at] - low) / (high - low) : isnan(y[at]) ? y[at] : 0.5;
        snprintf(title, sizeof title, "%s: %.3g to %.3g", d->title, low, high);
        pe_figure_panel(figure, title);
        pe_figure_add_series(figure,
                             &(pe_series){.name = "", .slot = d->slot, .n = n, .x = x, .y = y});
        panels++;
    }
    pe_figure_describe(figure,
                       "Small multiples of the mean share against the signed offset, one per "
                       "variant.",
                       "Left of zero is the past. Each panel says its own range; a flat line in "
                       "the middle is a share that does not change.");
    pe_section_figure(section, figure);
    pe_release(x);
}

/* ---- three widths ---- */

static double gap_to_published(const double *G, size_t w)
{
    double gap = 0;
    for (size_t k = 0; k < DISTANCES; k++)
        gap = fmax(gap, fabs(G[(size_t)distances[k]] / G[0] - published[w][k]));
    return gap;
}

static pe_status closed_form_at(const distance_subject *d, size_t width, size_t n, double *E,
                                pe_error *err)
{
    return pe_cosine_kernel(width, d->base, d->rule, E, n, err);
}

/* The table of METRICS where it applies, the closed form elsewhere. */
static pe_status judge_width(const distance_subject *d, pe_section *section, size_t w,
                             const double *G, double *E, size_t n, pe_error *err)
{
    char quantity[96];
    const bool listed = d->base == 10000 && d->rule == PE_FREQUENCIES_PAPER;
    snprintf(quantity, sizeof quantity, "g(1), d = %zu", widths[w]);
    pe_verdict one = distance_verdict("D1", d, quantity, G[1] / G[0]);
    if (d->kernel > DISTANCE_KERNEL_NEAR) {
        distance_closed_form(section, d, &one, (double)NAN, 0, NULL);
        return PE_OK;
    }
    pe_status status = closed_form_at(d, widths[w], n, E, err);
    if (status != PE_OK)
        return status;
    distance_closed_form(section, d, &one, listed ? published[w][0] : E[1] / E[0], 1e-6,
                         listed ? "METRICS.md 1.1 [computed here]" : "closed form");
    double gap = 0;
    for (size_t k = 0; k < n; k++)
        gap = fmax(gap, fabs(G[k] / G[0] - E[k] / E[0]));
    snprintf(quantity, sizeof quantity, "largest |g - closed form| below 10001, d = %zu",
             widths[w]);
    pe_verdict all = distance_verdict("D1", d, quantity, gap);
    distance_closed_form(section, d, &all, 0, 1e-6, "TENER, property 1 [published]");
    if (listed) {
        snprintf(quantity, sizeof quantity, "largest |g - table| over %d distances, d = %zu",
                 DISTANCES, widths[w]);
        pe_verdict table = distance_verdict("D1", d, quantity, gap_to_published(G, w));
        distance_closed_form(section, d, &table, 0, 1e-6, "METRICS.md 1.1 [computed here]");
    }
    return PE_OK;
}

static pe_status curves_of_widths(const distance_run *run, const distance_subject *d,
                                  pe_section *section, double *G[WIDTHS], size_t n, pe_error *err)
{
    double *E = pe_allocate(n, sizeof *E, "closed form", err);
    pe_status status = E ? PE_OK : PE_MEMORY;
    for (size_t w = 0; status == PE_OK && w < WIDTHS; w++) {
        status = pe_lab_step(run->lab, d->title, 0.2, err);
        if (status == PE_OK)
            status = distance_code_curve(run, d, widths[w], (double)NAN, n, G[w], err);
        if (status == PE_OK && !(G[w][0] > 0))
            status =
                pe_fail(err, PE_FORMAT, "its code of position 0 is zero at d = %zu", widths[w]);
        if (status == PE_OK)
            status = judge_width(d, section, w, G[w], E, n, err);
    }
    pe_release(E);
    return status;
}

static void write_widths(pe_sheet *sheet, const distance_subject *d, double *const G[WIDTHS])
{
    const bool listed =
        d->kernel <= DISTANCE_KERNEL_NEAR && d->base == 10000 && d->rule == PE_FREQUENCIES_PAPER;
    for (size_t k = 0; k < DISTANCES; k++) {
        pe_sheet_text(sheet, distance_label(d));
        pe_sheet_number(sheet, distances[k]);
        for (size_t w = 0; w < WIDTHS; w++) {
            pe_sheet_number(sheet, G[w][(size_t)distances[k]] / G[w][0]);
            if (listed)
                pe_sheet_number(sheet, published[w][k]);
            else
                pe_sheet_missing(sheet);
        }
    }
}

static void draw_widths(const distance_subject *d, pe_section *section, double *const G[WIDTHS],
                        size_t n, double *x, double *y, pe_error *err)
{
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "profile_widths", err,
        "%s: width hardly matters near by (g(10) is %.3f, %.3f, %.3f at d = %zu, %zu, %zu) and "
        "decides where the ripples start",
        d->title, G[0][10] / G[0][0], G[1][10] / G[1][0], G[2][10] / G[2][0], widths[0], widths[1],
        widths[2]);
    pe_figure_x(figure, "distance r (tokens)", PE_LOG10);
    pe_figure_y(figure, "g(r) = G(r) / G(0)", PE_LINEAR);
    for (size_t k = 1; k < n; k++)
        x[k - 1] = (double)k;
    for (size_t w = 0; w < WIDTHS; w++) {
        char name[32];
        snprintf(name, sizeof name, "d = %zu", widths[w]);
        for (size_t k = 1; k < n; k++)
            y[k - 1] = G[w][k] / G[w][0];
        pe_figure_add_series(figure,
                             &(pe_series){.name = name, .slot = w, .n = n - 1, .x = x, .y = y});
    }
    for (size_t k = 0; k < n - 1; k++)
        if (pe_kernel_limit(d->base, x[k], &y[k], NULL) != PE_OK)
            y[k] = (double)NAN;
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "limit (Ci)", .look = PE_LOOK_REFERENCE, .n = n - 1, .x = x, .y = y});
    for (size_t k = 0; k < n - 1; k++)
        if (pe_kernel_log_law(d->base, x[k], &y[k], NULL) != PE_OK)
            y[k] = (double)NAN;
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "log law", .look = PE_LOOK_REFERENCE, .n = n - 1, .x = x, .y = y});
    pe_figure_describe(figure,
                       "Normalised kernel of three widths against distance up to 2048 on a "
                       "logarithmic axis, with the limit of large width and the log law.",
                       "All widths follow the straight grey logarithm; narrow codes leave it "
                       "first, in ripples.");
    pe_section_figure(section, figure);
}

static pe_status show_widths(distance_run *run, pe_section *section, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},    {"distance r", "tokens", 0, 0},
        {"g, d = 64", NULL, 0, 6},  {"expected, d = 64", NULL, 0, 6},
        {"g, d = 128", NULL, 0, 6}, {"expected, d = 128", NULL, 0, 6},
        {"g, d = 512", NULL, 0, 6}, {"expected, d = 512", NULL, 0, 6}};
    const size_t n = 10001;
    double *block = pe_allocate((WIDTHS + 2) * n, sizeof *block, "curves of widths", err);
    if (!block)
        return PE_MEMORY;
    double *G[WIDTHS] = {block, block + n, block + 2 * n};
    pe_sheet *sheet = pe_section_table(section, "widths",
                                       "g(r) = PE(0)·PE(r) / PE(0)·PE(0) of three widths. "
                                       "Expected: METRICS.md 1.1, for base 10000 "
                                       "and exponents 2i/d.",
                                       8, columns);
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        pe_error own = {0};
        if (!d->S || d->probe != PE_PROBE_CODES)
            continue;
        status = curves_of_widths(run, d, section, G, n, &own);
        if (status == PE_OK) {
            write_widths(sheet, d, G);
            if (d == run->cosine)
                draw_widths(d, section, G, DRAWN + 1, block + 3 * n, block + 4 * n, err);
        } else if (distance_tolerable(status)) {
            pe_section_not_applicable(section, d->id, own.text);
            status = PE_OK;
        } else
            status = pe_fail(err, status, "%s", own.text);
    }
    pe_release(block);
    return status;
}

/* ---- the section ---- */

static void judge_mapped(const distance_run *run, pe_section *section)
{
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        char quantity[128];
        if (!d->S || d->probe == PE_PROBE_CODES || !(d->can & PE_CAN_MAP))
            continue;
        snprintf(quantity, sizeof quantity, "largest |g - closed form|, all-ones, width %zu",
                 d->width);
        pe_verdict v = distance_verdict("D1", d, quantity, d->kernel_gap);
        if (d->kernel == DISTANCE_KERNEL_NONE)
            v.value = d->shown[1];
        distance_closed_form(section, d, &v, 0, 1e-6, "the sinusoid's kernel (closed form)");
    }
}

pe_status distance_profiles(distance_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "The distance profile (D1)");
    double *x = pe_allocate(2 * run->T, sizeof *x, "profile", err);
    if (!x)
        return PE_MEMORY;
    for (size_t r = 1; r < run->T; r++)
        x[r - 1] = (double)r;
    pe_section_paragraph(section, "A table of sines and cosines has the same inner product for "
                                  "every pair of positions at the "
                                  "same offset, whatever the positions are:");
    pe_section_formula(
        section,
        "PE(t) \\cdot PE(t+k) = \\sum_{i=0}^{d/2-1} \\cos(\\omega_i k), \\quad "
        "g(k) \\approx 1 - \\frac{\\ln k + 0.5772}{\\ln B}",
        "$\\omega_i = B^{-2i/d}$; the right form is the middle range "
        "$1 \\ll k \\ll B$ of the limit $[Ci(k) - Ci(k/B)] / \\ln B$ for large $d$.");
    if (run->cosine) {
        double law = (double)NAN;
        const size_t at = run->T > 10 ? 10 : run->T - 1;
        pe_kernel_log_law(run->cosine->base, (double)at, &law, NULL);
        pe_say(section,
               "%s, d = %zu: g(1) = %.6f, g(%zu) = %.6f, where the log law says %.4f. The "
               "decay is logarithmic, not exponential: each factor of ten in distance costs "
               "about 1/log10 B = %.2f of the similarity.",
               run->cosine->title, run->cosine->width, run->cosine->shown[1], at,
               run->cosine->shown[at], law, 1 / log10(run->cosine->base));
    }
    draw_one_sided(run, section, x, x + run->T, err);
    draw_signed(run, section, err);
    pe_release(x);
    judge_mapped(run, section);
    pe_status status = show_widths(run, section, err);
    if (run->cosine) {
        const char *const try[] = {"run",           "distance_sensitivity", "--variant",
                                   run->cosine->id, "--head-dim",           "128"};
        pe_section_try(section, "The same for one variant, four times as wide", 6, try);
    }
    return status;
}
