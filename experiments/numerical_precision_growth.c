/* P2, P3: the error of float against quad, as a function of position, for every subject. */
#include "numerical_precision.h"

#include "analysis/fit.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OCTAVES = 20, PER_OCTAVE = 24, MOST = 64 * PER_OCTAVE, FIT_FROM = 5 };

/* Running maximum of the error below L = 2^(m+1), m = 0 .. octaves-1. */
typedef struct growth {
    int octaves;
    double limit; /* positions asked lie at or below it */
    double L[OCTAVES], float_error[OCTAVES], double_error[OCTAVES], bound[OCTAVES];
    double speed; /* largest |change per token| of an entry, measured on the quad build; or NaN */
    double declared; /* largest frequency that is not exact, from the option `base`; or NaN */
    bool grows;
    pe_line line;
} growth;

/* ---- measuring ---- */

static void running_maximum(const pe_wide *got, const pe_wide *want, size_t n, size_t columns,
                            const double *position, growth *g, double *error)
{
    memset(error, 0, OCTAVES * sizeof *error);
    for (size_t t = 0; t < n; t++) {
        const int octave = ilogb(position[t]);
        for (size_t c = 0; c < columns; c++) {
            const double e = fabs(pe_wide_difference(got, want, t * columns + c));
            if (!(e <= error[octave])) /* a NaN stays in sight */
                error[octave] = e;
        }
    }
    for (int m = 1; m < g->octaves; m++)
        if (error[m] < error[m - 1])
            error[m] = error[m - 1];
}

/* The largest change of an entry per token, from positions a thousandth apart. */
static pe_status measure_speed(const pe_lab *lab, pe_instance *instance, precision_kind kind,
                               size_t n, const double *position, growth *g, pe_error *err)
{
    const double step = 0x1p-10;
    double near[MOST];
    pe_wide a = {0}, b = {0};
    size_t columns;
    g->speed = (double)NAN;
    if (!precision_real_positions(instance, kind) || n < 2)
        return PE_OK;
    n -= 1; /* the last one may be the last that is allowed */
    n = n < 64 ? n : 64;
    for (size_t t = 0; t < n; t++)
        near[t] = position[t] + step;
    pe_status status =
        precision_ask(lab, instance, kind, PE_QUADRUPLE, n, position, &a, &columns, err);
    if (status == PE_OK)
        status = precision_ask(lab, instance, kind, PE_QUADRUPLE, n, near, &b, &columns, err);
    for (size_t i = 0; status == PE_OK && i < a.count; i++)
        g->speed = fmax(g->speed, fabs(pe_wide_difference(&b, &a, i)) / step);
    pe_wide_release(&a);
    pe_wide_release(&b);
    return status;
}

/* Only rows of code say how wide their frequencies are spaced: w_1 = base^(-2/width). */
static double declared_frequency(const pe_instance *instance, precision_kind kind)
{
    double base;
    if (kind != PRECISION_CODES || !precision_option(instance, "base", &base))
        return (double)NAN;
    return pow(base, -2.0 / instance->info.embed_width);
}

static void fit(growth *g)
{
    int from = FIT_FROM < g->octaves ? FIT_FROM : 0, to = g->octaves;
    while (to > from && !(g->float_error[to - 1] < 0.3))
        to--; /* beyond, a sine cannot be more wrong than 2 */
    g->line = (pe_line){.slope = (double)NAN};
    const size_t n = (size_t)(to - from);
    if (n < 5 || g->float_error[from] <= 0 ||
        pe_fit_power(g->L + from, g->float_error + from, n, &g->line, NULL) != PE_OK)
        return;
    g->grows = g->line.slope > 0.5;
}

static pe_status measure(const pe_lab *lab, pe_instance *instance, precision_kind kind, growth *g,
                         pe_error *err)
{
    const size_t each = lab->size.quick ? PER_OCTAVE / 3 : PER_OCTAVE;
    static const pe_precision precisions[] = {PE_FLOAT, PE_DOUBLE};
    double position[MOST];
    pe_wide reference = {0}, got = {0};
    size_t columns;
    *g = (growth){.limit = precision_limit(instance, kind, exp2(OCTAVES) - 1)};
    const size_t n = precision_spread(lab, g->limit, each, position);
    g->octaves = n ? ilogb(position[n - 1]) + 1 : 0;
    g->declared = declared_frequency(instance, kind);
    pe_status status =
        precision_ask(lab, instance, kind, PE_QUADRUPLE, n, position, &reference, &columns, err);
    for (int p = 0; status == PE_OK && p < 2; p++) {
        status =
            precision_ask(lab, instance, kind, precisions[p], n, position, &got, &columns, err);
        if (status == PE_OK)
            running_maximum(&got, &reference, n, columns, position, g,
                            p == 0 ? g->float_error : g->double_error);
        pe_wide_release(&got);
    }
    if (status == PE_OK)
        status = measure_speed(lab, instance, kind, n, position, g, err);
    const double w = isnan(g->declared) ? g->speed : g->declared;
    for (int m = 0; m < g->octaves; m++) {
        g->L[m] = fmin(exp2(m + 1), g->limit + 1);
        g->bound[m] = 0x1p-23 * g->L[m] * w;
    }
    fit(g);
    pe_wide_release(&reference);
    return status;
}

/* ---- showing ---- */

static double below(const growth *g, double L)
{
    for (int m = 0; m < g->octaves; m++)
        if (g->L[m] == L)
            return g->float_error[m];
    return (double)NAN;
}

static void table_row(pe_sheet *sheet, const pe_subject *subject, const char *kind, const growth *g)
{
    static const double at[] = {512, 4096, 32768, 1048576};
    pe_sheet_text(sheet, subject->variant->title);
    pe_sheet_text(sheet, kind);
    for (size_t i = 0; i < 4; i++)
        if (isnan(below(g, at[i])))
            pe_sheet_missing(sheet);
        else
            pe_sheet_number(sheet, below(g, at[i]));
    if (isnan(g->line.slope))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, g->line.slope);
    pe_sheet_number(sheet, g->octaves ? g->double_error[g->octaves - 1] : (double)NAN);
}

/* Published figures of METRICS.md 3.2 hold for width 128 and base 10000. */
static void judge_published(pe_section *section, const pe_subject *subject, const char *path,
                            const growth *g, bool exact)
{
    static const double at[] = {512, 4096, 32768, 131072};
    static const double powf_error[] = {2.85e-5, 2.39e-4, 1.92e-3, 7.72e-3};
    for (size_t i = 0; i < 4; i++) {
        char quantity[128];
        if (isnan(below(g, at[i])))
            continue;
        snprintf(quantity, sizeof quantity, "largest float error below %.0f%s%s", at[i],
                 path ? ", path " : "", path ? path : "");
        precision_factor(section,
                         &(precision_check){.id = "P2",
                                            .variant = subject->variant->id,
                                            .quantity = quantity,
                                            .value = below(g, at[i]),
                                            .expected = exact ? 0x1p-25 : powf_error[i],
                                            .source = "METRICS.md 3.2 [computed here]"},
                         2);
    }
}

static void judge_growth(precision_run *run, pe_section *section, const pe_subject *subject,
                         const char *kind, const growth *g)
{
    double base, worst = 0;
    char quantity[128];
    for (int m = 0; m < g->octaves; m++)
        worst = fmax(worst, g->float_error[m] / g->bound[m]);
    const bool frequencies = precision_option(subject->instance, "base", &base);
    snprintf(quantity, sizeof quantity, "exponent of the float error in L, %s", kind);
    precision_check check = {.id = "P3",
                             .variant = subject->variant->id,
                             .quantity = quantity,
                             .value = g->line.slope,
                             .expected = 1,
                             .source = "phase rounded to 24 digits"};
    if (g->grows && frequencies)
        precision_within(section, &check, 0.1);
    else {
        check.because = isnan(g->line.slope) ? "too few positions, or no error at all, for a fit"
                        : g->grows           ? "it states no base, so nothing is expected of it"
                                             : "no phase is formed: the error does not grow with L";
        precision_info(section, &check);
    }
    if (isnan(worst) || !g->grows)
        return;
    snprintf(quantity, sizeof quantity, "float error / (2^-23 L w_max), %s", kind);
    check.quantity = quantity;
    check.value = worst;
    check.source = "METRICS.md 3.2";
    if (!isnan(g->declared)) {
        check.id = "P2";
        precision_at_most(section, &check);
    } else {
        check.id = "P2";
        check.because = "w_max is here the measured largest change of an entry per token";
        precision_info(section, &check);
    }
    run->growing++;
    run->growth_low = fmin(run->growth_low, g->line.slope);
    run->growth_high = fmax(run->growth_high, g->line.slope);
}

static void add_panel(pe_figure *figure, const pe_subject *subject, const char *kind,
                      const growth *g)
{
    char title[160];
    snprintf(title, sizeof title, "%s: %s", subject->variant->title, kind);
    pe_figure_panel(figure, title);
    const size_t n = (size_t)g->octaves;
    if (g->grows)
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = "bound", .look = PE_LOOK_REFERENCE, .n = n, .x = g->L, .y = g->bound});
    pe_figure_add_series(
        figure, &(pe_series){.name = "float", .slot = 1, .n = n, .x = g->L, .y = g->float_error});
    pe_figure_add_series(
        figure, &(pe_series){.name = "double", .slot = 0, .n = n, .x = g->L, .y = g->double_error});
}

/* ---- the choices of an option called `path` ---- */

static const char *path_choices(const pe_instance *instance)
{
    for (int i = 0; i < instance->variant->option_count; i++)
        if (strcmp(instance->variant->options[i].name, "path") == 0 &&
            instance->variant->options[i].kind == PE_CHOICE)
            return instance->variant->options[i].choices;
    return NULL;
}

static pe_status one_path(precision_run *run, pe_section *section, const pe_subject *subject,
                          const char *name, size_t slot, pe_figure *figure, double *last,
                          pe_error *err)
{
    pe_instance *instance = NULL;
    growth g = {0};
    double base = 0;
    pe_status status = precision_with(subject, &subject->instance->dims, run->lab->size.seed,
                                      "path", name, &instance, err);
    if (status == PE_OK)
        status = measure(run->lab, instance, PRECISION_CODES, &g, err);
    if (status == PE_OK) {
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = name, .slot = slot, .n = (size_t)g.octaves, .x = g.L, .y = g.float_error});
        *last = g.octaves ? g.float_error[g.octaves - 1] : (double)NAN;
        if (precision_option(instance, "base", &base) && base == 10000 &&
            instance->info.embed_width == 128)
            judge_published(section, subject, name, &g, !g.grows);
    }
    pe_instance_release(instance);
    return status;
}

static pe_status show_paths(precision_run *run, pe_section *section, const pe_subject *subject,
                            pe_error *err)
{
    const char *choices = path_choices(subject->instance);
    char title[300], id[64], sentence[400] = "";
    size_t used = 0, slot = 0;
    pe_status status = PE_OK;
    snprintf(id, sizeof id, "paths_%s", subject->variant->id);
    snprintf(title, sizeof title,
             "%s: how the frequency is formed hardly matters; where the phase is rounded does",
             subject->variant->title);
    pe_figure *figure = pe_figure_new(PE_CURVES, id, title, err);
    pe_figure_x(figure, "positions below L (tokens)", PE_LOG2);
    pe_figure_y(figure, "largest error of a code entry, float", PE_LOG10);
    for (const char *at = choices; status == PE_OK && at; slot++) {
        char name[64];
        double last = (double)NAN;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "|"), at);
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
        status = one_path(run, section, subject, name, slot, figure, &last, err);
        used +=
            (size_t)snprintf(sentence + used, used < sizeof sentence ? sizeof sentence - used : 0,
                             "%s%s %.2g", slot ? ", " : "", name, last);
    }
    pe_figure_describe(figure,
                       "Largest float error of a code entry against the number of positions "
                       "on logarithmic axes, one line per way of forming the sinusoid.",
                       "The error is the largest so far, over all columns and over the positions "
                       "sampled below L, against the quad build.");
    if (status == PE_OK) {
        precision_say(section,
                      "%s has an option `path`. Largest error at the right end of the figure: %s.",
                      subject->variant->title, sentence);
        pe_section_figure(section, figure);
    } else
        pe_figure_release(figure);
    return status;
}

/* ---- the section ---- */

typedef struct kept {
    const pe_subject *subject;
    precision_kind kind;
    growth g;
} kept;

typedef struct panels {
    kept *list; /* (PE_FIGURE_PANELS), owned */
    int count;  /* panels of the figure */
    int flat;   /* quantities that do not grow */
    pe_sheet *sheet;
} panels;

static pe_status one_subject(precision_run *run, pe_section *section, const pe_subject *subject,
                             panels *p, pe_error *err)
{
    const char *id = subject->variant->id;
    pe_status status = PE_OK;
    int asked = 0;
    if (!subject->instance || !subject->instance->has_quad) {
        pe_section_not_applicable(section, id,
                                  subject->instance ? "its module has another quad type: no judge"
                                                    : subject->because);
        return PE_OK;
    }
    for (int k = 0; status == PE_OK && k < PRECISION_KINDS; k++) {
        const precision_kind kind = (precision_kind)k;
        growth g;
        if (!precision_has(subject->instance, kind))
            continue;
        status = measure(run->lab, subject->instance, kind, &g, err);
        if (status != PE_OK || g.octaves == 0)
            continue;
        asked++;
        p->flat += !g.grows;
        table_row(p->sheet, subject, precision_kind_text(kind), &g);
        judge_growth(run, section, subject, precision_kind_text(kind), &g);
        if (p->count < PE_FIGURE_PANELS)
            p->list[p->count++] = (kept){subject, kind, g};
    }
    if (asked == 0)
        pe_section_not_applicable(section, id, "nothing that it computes depends on a position");
    if (status == PE_OK && precision_has(subject->instance, PRECISION_CODES) &&
        path_choices(subject->instance))
        status = show_paths(run, section, subject, err);
    return status;
}

static void show_growth(precision_run *run, pe_section *section, const panels *p, pe_error *err)
{
    char title[300];
    const int all = run->growing + p->flat;
    if (run->growing)
        snprintf(title, sizeof title,
                 "%d of %d float errors grow in proportion to the position (exponents %.2f to "
                 "%.2f): those that form a phase; the other %d stay flat",
                 run->growing, all, run->growth_low, run->growth_high, p->flat);
    else
        snprintf(title, sizeof title, "None of the %d float errors grows with the position", all);
    pe_figure *figure = pe_figure_new(PE_CURVES, "growth", title, err);
    pe_figure_x(figure, "positions below L (tokens)", PE_LOG2);
    pe_figure_y(figure, "largest error so far", PE_LOG10);
    for (int i = 0; i < p->count; i++)
        add_panel(figure, p->list[i].subject, precision_kind_text(p->list[i].kind), &p->list[i].g);
    pe_figure_describe(
        figure,
        "Small multiples, one per variant and quantity: largest error of float and of double "
        "against the quad build, as a function of the number of positions, logarithmic axes.",
        "Errors are the largest so far, over all columns, at positions sampled in every octave. An "
        "error of exactly 0 cannot be drawn on a logarithmic axis and leaves a gap.");
    pe_section_figure(section, figure);
}

pe_status precision_growth(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Error as a function of position (P2, P3)");
    precision_say(
        section, "A float phase $\\hat\\varphi = fl(t\\,\\hat\\omega)$ carries a relative error of "
                 "about two roundings. Sine and cosine pass it on with a slope of at most 1, so "
                 "the error of an entry grows in proportion to the position:");
    pe_section_formula(section, "E(L) \\le 2^{-23}\\, L\\, \\omega_{\\max}",
                       "$\\omega_{\\max}$ is the largest frequency that a float does not hold "
                       "exactly; a frequency of exactly 1 has no error below $2^{24}$");
    const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},     {"what", NULL, 1, 0},
        {"below 512", NULL, 0, 3},   {"below 4096", NULL, 0, 3},
        {"below 32768", NULL, 0, 3}, {"below 2^20", NULL, 0, 3},
        {"exponent", NULL, 0, 4},    {"double, at the end", NULL, 0, 3}};
    panels p = {.list = pe_allocate(PE_FIGURE_PANELS, sizeof *p.list, "curves of error", err)};
    if (!p.list)
        return PE_MEMORY;
    p.sheet = pe_section_table(section, "growth_table",
                               "Largest error of the float build against quad", 8, columns);
    pe_status status = PE_OK;
    for (int s = 0; status == PE_OK && s < run->lab->subject_count; s++) {
        status = one_subject(run, section, &run->lab->subjects[s], &p, err);
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "error against position",
                                 0.02 + 0.13 * (s + 1) / run->lab->subject_count, err);
    }
    if (status == PE_OK && run->growing)
        precision_say(section,
                      "%d of %d quantities grow, with exponents from %.3f to %.3f. The other %d do "
                      "not: a stored table (trained or not) is as wrong at position 1000 as at "
                      "position 1, by half a unit in the last place.",
                      run->growing, run->growing + p.flat, run->growth_low, run->growth_high,
                      p.flat);
    if (status == PE_OK)
        show_growth(run, section, &p, err);
    pe_release(p.list);
    return status;
}
