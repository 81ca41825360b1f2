/* D4, D5: contrast of a kernel; norms of codes and of their steps. */
#include "distance_sensitivity.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { CONTRAST_REACH = 512, WIDTHS = 3 };

/* METRICS.md 1.4, computed here; base 10000, frequencies of the paper. */
static const struct {
    size_t width;
    double contrast, step;
} published[WIDTHS] = {{64, 2.84, 1.47185}, {128, 2.77, 1.95260}, {512, 2.73, 3.71427}};

/* ---- contrast ---- */

static pe_status contrast_of_closed_form(const distance_subject *d, size_t width, double *E,
                                         double *contrast, pe_error *err)
{
    pe_status status = pe_cosine_kernel(width, d->base, d->rule, E, CONTRAST_REACH, err);
    return status == PE_OK ? pe_curve_contrast(E, CONTRAST_REACH, contrast, err) : status;
}

static pe_status contrasts_of(const distance_run *run, const distance_subject *d,
                              pe_section *section, double contrast[WIDTHS], double *G,
                              pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t w = 0; status == PE_OK && w < WIDTHS; w++) {
        const size_t width = published[w].width;
        char quantity[96];
        double expected = (double)NAN;
        status = distance_code_curve(run, d, width, (double)NAN, CONTRAST_REACH, G, err);
        if (status == PE_OK)
            status = pe_curve_contrast(G, CONTRAST_REACH, &contrast[w], err);
        const bool listed = d->base == 10000 && d->rule == PE_FREQUENCIES_PAPER;
        if (status == PE_OK && listed)
            expected = published[w].contrast;
        else if (status == PE_OK && d->kernel <= DISTANCE_KERNEL_NEAR)
            status = contrast_of_closed_form(d, width, G, &expected, err);
        if (status != PE_OK)
            return status;
        snprintf(quantity, sizeof quantity, "G(0) / mean |G(k)|, 1 ≤ k < %d, d = %zu",
                 CONTRAST_REACH, width);
        pe_verdict v = distance_verdict("D4", d, quantity, contrast[w]);
        distance_closed_form(section, d, &v, expected, 0.01,
                             listed ? "METRICS.md 1.4 [computed here]" : "closed form");
    }
    return status;
}

static void write_contrast(pe_sheet *sheet, const distance_subject *d, const double *contrast)
{
    pe_sheet_text(sheet, distance_label(d));
    for (size_t w = 0; w < WIDTHS; w++)
        pe_sheet_number(sheet, contrast[w]);
}

static pe_status show_contrast(const distance_run *run, pe_section *section, pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"d = 64", NULL, 0, 4},
                                              {"d = 128", NULL, 0, 4},
                                              {"d = 512", NULL, 0, 4}};
    enum { MOST = 24 };
    const char *names[MOST];
    double values[WIDTHS][MOST], G[CONTRAST_REACH];
    size_t n = 0;
    pe_sheet *sheet = pe_section_table(
        section, "contrast",
        "How far a position's similarity to itself stands out: PE(0)·PE(0) over the mean size of "
        "PE(0)·PE(k), 1 ≤ k < 512.",
        4, columns);
    for (int i = 0; i < run->count && n < MOST; i++) {
        const distance_subject *d = &run->subject[i];
        double contrast[WIDTHS];
        pe_error own = {0};
        if (!d->S || d->probe != PE_PROBE_CODES)
            continue;
        pe_status status = contrasts_of(run, d, section, contrast, G, &own);
        if (status == PE_OK) {
            write_contrast(sheet, d, contrast);
            for (size_t w = 0; w < WIDTHS; w++)
                values[w][n] = contrast[w];
            names[n++] = d->title;
        } else if (distance_tolerable(status))
            pe_section_not_applicable(section, d->id, own.text);
        else
            return pe_fail(err, status, "%s", own.text);
    }
    if (n == 0)
        return PE_OK;
    size_t least = 0, most = 0;
    for (size_t i = 1; i < n; i++) {
        least = values[1][i] < values[1][least] ? i : least;
        most = values[1][i] > values[1][most] ? i : most;
    }
    pe_figure *figure =
        n == 1
            ? pe_figure_titled(PE_DOTS, "contrast_dots", err,
                               "A position stands out from the next 511 by a factor of %.2f (%s, "
                               "d = 128)",
                               values[1][0], names[0])
            : pe_figure_titled(PE_DOTS, "contrast_dots", err,
                               "A position stands out from the next 511 by a factor of %.2f with "
                               "%s and %.1f with %s (d = 128)",
                               values[1][least], names[least], values[1][most], names[most]);
    pe_figure_x(figure, "contrast G(0) / mean |G(k)|", PE_LINEAR);
    pe_figure_categories(figure, n, names, NULL);
    for (size_t w = 0; w < WIDTHS; w++) {
        char name[32];
        snprintf(name, sizeof name, "d = %zu", published[w].width);
        pe_figure_add_series(figure, &(pe_series){.name = name, .slot = w, .n = n, .y = values[w]});
    }
    pe_figure_describe(figure, "Dots: contrast of every variant with codes, for three widths.",
                       "Random tables grow with the root of the width: their rows are nearly "
                       "orthogonal. Codes that know about distance must not be.");
    pe_section_figure(section, figure);
    return PE_OK;
}

/* ---- norms ---- */

typedef struct norm_curves {
    double *norm, *step; /* (T), (T-1) */
    pe_summary norms, steps;
} norm_curves;

static pe_status measure_norms(const distance_run *run, const distance_subject *d, norm_curves *c,
                               pe_error *err)
{
    const size_t width = (size_t)d->subject->instance->info.embed_width;
    pe_wide codes = {0};
    pe_status status = distance_codes(run, d->subject->instance, run->T, &codes, err);
    if (status == PE_OK)
        status = pe_row_norms(codes.hi, run->T, width, c->norm, err);
    if (status == PE_OK)
        status = pe_step_norms(codes.hi, run->T, width, c->step, err);
    pe_wide_release(&codes);
    if (status == PE_OK)
        status = pe_summarise(c->norm, run->T, &c->norms, err);
    return status == PE_OK ? pe_summarise(c->step, run->T - 1, &c->steps, err) : status;
}

static double relative_range(const pe_summary *s)
{
    return (s->max - s->min) / s->mean;
}

static pe_status judge_norms(pe_section *section, const distance_subject *d, const norm_curves *c,
                             pe_error *err)
{
    const double factor = c->norms.mean / sqrt((double)d->width / 2);
    double G[2] = {1, 1};
    pe_verdict v =
        distance_verdict("D5", d, "range of |PE(t)| over t / mean", relative_range(&c->norms));
    distance_closed_form(section, d, &v, 0, 1e-6, "closed form: |PE(t)| = sqrt(d/2)");
    v = distance_verdict("D5", d, "range of |PE(t+1) − PE(t)| over t / mean",
                         relative_range(&c->steps));
    distance_closed_form(section, d, &v, 0, 1e-6, "closed form");
    if (d->kernel > DISTANCE_KERNEL_NEAR)
        return PE_OK;
    v = distance_verdict("D5", d, "|PE(t)|", c->norms.mean);
    if (fabs(factor - 1) <= 0.01)
        distance_closed_form(section, d, &v, sqrt((double)d->width / 2), 1e-6, "sqrt(d/2)");
    else
        distance_info(section, &v, "its codes carry a factor, so their norm is not sqrt(d/2)");
    pe_status status = pe_cosine_kernel(d->width, d->base, d->rule, G, 2, err);
    if (status != PE_OK)
        return status;
    const double h = (double)d->width / 2;
    v = distance_verdict("D5", d, "|PE(t+1) − PE(t)| / |PE(t)|", c->steps.mean / c->norms.mean);
    distance_closed_form(section, d, &v, sqrt(2 * (h - G[1]) / h), 1e-6,
                         "sqrt(2(h − G(1)) / h), h = d/2");
    for (size_t w = 0; w < WIDTHS; w++)
        if (d->width == published[w].width && d->base == 10000 && fabs(factor - 1) <= 1e-6 &&
            d->rule == PE_FREQUENCIES_PAPER) {
            v = distance_verdict("D5", d, "|PE(t+1) − PE(t)|", c->steps.mean);
            distance_closed_form(section, d, &v, published[w].step, 1e-5,
                                 "METRICS.md 1.4 [computed here], 5 decimals");
        }
    return PE_OK;
}

static void write_norms(pe_sheet *sheet, const distance_subject *d, const norm_curves *c)
{
    pe_sheet_text(sheet, distance_label(d));
    pe_sheet_number(sheet, c->norms.mean);
    pe_sheet_number(sheet, c->norms.sd);
    pe_sheet_number(sheet, c->steps.mean);
    pe_sheet_number(sheet, c->steps.sd);
    pe_sheet_number(sheet, c->steps.mean / c->norms.mean);
}

static void add_curve(pe_figure *figure, const distance_subject *d, const double *y, size_t n,
                      double mean, double *scaled)
{
    for (size_t t = 0; t < n; t++)
        scaled[t] = y[t] / mean;
    pe_figure_add_series(figure,
                         &(pe_series){.name = d->title, .slot = d->slot, .n = n, .y = scaled});
}

static pe_status each_norm(const distance_run *run, pe_section *section, pe_sheet *sheet,
                           norm_curves *curves, const distance_subject **who, int *count,
                           pe_error *err)
{
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        norm_curves *c = &curves[*count];
        if (!d->S || d->probe != PE_PROBE_CODES)
            continue;
        c->norm = pe_allocate(2 * run->T, sizeof *c->norm, "norms", err);
        if (!c->norm)
            return PE_MEMORY;
        c->step = c->norm + run->T;
        who[(*count)++] = d;
        pe_status status = measure_norms(run, d, c, err);
        if (status == PE_OK)
            status = judge_norms(section, d, c, err);
        if (status != PE_OK)
            return status;
        write_norms(sheet, d, c);
    }
    return PE_OK;
}

static void draw_norms(const distance_run *run, pe_section *section, const norm_curves *curves,
                       const distance_subject *const *who, int count, double *scaled, pe_error *err)
{
    int least = 0, most = 0;
    for (int i = 1; i < count; i++) {
        if (relative_range(&curves[i].steps) < relative_range(&curves[least].steps))
            least = i;
        if (relative_range(&curves[i].steps) > relative_range(&curves[most].steps))
            most = i;
    }
    char first[256];
    snprintf(first, sizeof first, "%s", distance_label(who[least]));
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "norm_curves", err,
        "Every step of %s is equally long, to %.1g of the mean; those of %s differ by %.0f %%",
        first, relative_range(&curves[least].steps), distance_label(who[most]),
        100 * relative_range(&curves[most].steps));
    pe_figure_x(figure, "position t (tokens)", PE_LINEAR);
    pe_figure_y(figure, "size, in units of its mean", PE_LINEAR);
    for (int part = 0; part < 2; part++) {
        pe_figure_panel(figure, part == 0 ? "|PE(t)|" : "|PE(t+1) − PE(t)|");
        for (int i = 0; i < count && i < 8; i++)
            add_curve(figure, who[i], part == 0 ? curves[i].norm : curves[i].step,
                      run->T - (size_t)part,
                      part == 0 ? curves[i].norms.mean : curves[i].steps.mean, scaled);
    }
    pe_figure_describe(figure,
                       "Norm of the code and of its step to the next position, against position, "
                       "each in units of its mean.",
                       "Flat lines: the code moves on a sphere at constant speed. A random table "
                       "does neither.");
    pe_section_figure(section, figure);
}

static pe_status show_norms(const distance_run *run, pe_section *section, pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"|PE(t)|, mean", NULL, 0, 6},
                                              {"deviation of |PE(t)|", NULL, 0, 3},
                                              {"|step|, mean", NULL, 0, 6},
                                              {"deviation of |step|", NULL, 0, 3},
                                              {"step / norm", NULL, 0, 6}};
    norm_curves *curves = pe_allocate((size_t)run->count, sizeof *curves, "norms", err);
    const distance_subject **who = pe_allocate((size_t)run->count, sizeof *who, "norms", err);
    double *scaled = pe_allocate(run->T, sizeof *scaled, "norms", err);
    int count = 0;
    pe_status status = curves && who && scaled ? PE_OK : PE_MEMORY;
    if (status == PE_OK) {
        pe_sheet *sheet = pe_section_table(
            section, "norms", "Norm of each code and of the step to the next one.", 6, columns);
        status = each_norm(run, section, sheet, curves, who, &count, err);
    }
    if (status == PE_OK && count > 0)
        draw_norms(run, section, curves, who, count, scaled, err);
    for (int i = 0; curves && i < count; i++)
        pe_release(curves[i].norm);
    pe_release(curves);
    pe_release(who);
    pe_release(scaled);
    return status;
}

/* ---- code and token: who is longer? ---- */

static pe_status show_scale_myth(const distance_run *run, pe_section *section, pe_error *err)
{
    static const struct {
        double sigma, times, expected, tolerance;
        const char *what;
    } rows[] = {{0.02, 1, 35, 0.5, "code / token of N(0, 0.02²)"},
                {0.02, 22.627416997969522, 1.56, 0.005, "code / token of N(0, 0.02²) times √512"},
                {1, 1, 0.71, 0.005, "code / token of N(0, 1)"}};
    double G[1], ratio[3];
    pe_status status = distance_code_curve(run, run->cosine, 512, (double)NAN, 1, G, err);
    for (size_t i = 0; status == PE_OK && i < 3; i++) {
        char quantity[96];
        ratio[i] = sqrt(G[0]) / (rows[i].sigma * rows[i].times * sqrt(512.0));
        snprintf(quantity, sizeof quantity, "%s, d = 512", rows[i].what);
        pe_verdict v = distance_verdict("D5", run->cosine, quantity, ratio[i]);
        if (fabs(G[0] - 256) < 1e-6)
            distance_expect(section, &v, rows[i].expected, rows[i].tolerance, "FIELD.md 3, bug 21",
                            NULL);
        else
            distance_info(section, &v, "its codes carry a factor");
    }
    if (status == PE_OK)
        pe_say(section,
               "Codes have a length of their own. At d = 512 a code is %.1f times as long as "
               "a token row drawn from $N(0, 0.02^2)$; multiplied by $\\sqrt{512}$, the "
               "usual remedy, the token is still shorter (%.2f); against rows from $N(0, 1)$ "
               "the code is the shorter one (%.2f).",
               ratio[0], ratio[1], ratio[2]);
    return status;
}

static void add_exercise(const distance_run *run, pe_section *section)
{
    const distance_subject *d = run->cosine;
    char question[384];
    snprintf(question, sizeof question,
             "$g(1) = %.6f$ at $d = %zu$. How long is the step from one code to the next, in units "
             "of the length of a code?",
             d->shown[1], d->width);
    const pe_checkable answer = {"step_over_norm", sqrt(2 * (1 - d->shown[1])), 1e-4};
    pe_section_exercise(section, question, "$|a - b|^2 = |a|^2 + |b|^2 - 2 a \\cdot b$.", 1,
                        &answer);
    const char *const try[] = {"table", d->id, "--width", "8", "--to", "15"};
    pe_section_try(section, "The codes of sixteen positions", 6, try);
}

pe_status distance_norms(distance_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "Contrast and steps (D4, D5)");
    bool any = false;
    for (int i = 0; i < run->count; i++)
        any = any || (run->subject[i].S && run->subject[i].probe == PE_PROBE_CODES);
    pe_section_paragraph(section,
                         "How far does a position stand out from the others, and does the code "
                         "move evenly? A table of sines and cosines has constant norm and constant "
                         "step:");
    pe_section_formula(section,
                       "|PE(t)| = \\sqrt{d/2}, \\quad |PE(t+1) - PE(t)| = \\sqrt{2 (d/2 - G(1))}",
                       "$G(1) = PE(t) \\cdot PE(t+1)$, the same for every $t$.");
    if (!any) {
        pe_section_not_applicable(section, NULL, "no variant here has codes");
        return PE_OK;
    }
    pe_status status = show_contrast(run, section, err);
    if (status == PE_OK)
        status = show_norms(run, section, err);
    if (status == PE_OK && run->cosine) {
        status = show_scale_myth(run, section, err);
        add_exercise(run, section);
    }
    return status;
}
