/* P2, P3 for every subject: table, figure and verdicts of what numerical_precision_growth.c
 * measures. */
#include "numerical_precision_growth.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void number(pe_sheet *sheet, double value)
{
    if (isnan(value))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, value);
}

static void table_row(pe_sheet *sheet, const pe_subject *subject, const char *kind, const growth *g)
{
    static const double at[] = {512, 4096, 32768};
    pe_sheet_text(sheet, subject->title);
    pe_sheet_text(sheet, kind);
    for (size_t i = 0; i < 3; i++)
        number(sheet, growth_below(g, at[i]));
    pe_sheet_number(sheet, g->limit);
    pe_sheet_number(sheet, g->float_error[g->octaves - 1]);
    pe_sheet_number(sheet, g->double_error[g->octaves - 1]);
    number(sheet, g->line.slope);
}

/* A variant that states a base forms phases: once its error grows at all, it must grow like L. */
static void judge_exponent(pe_section *section, const pe_subject *subject, const char *kind,
                           const growth *g)
{
    double base;
    char quantity[128];
    const bool phases = precision_option(subject->instance, "base", &base);
    snprintf(quantity, sizeof quantity, "exponent of the float error in L, %s", kind);
    pe_check check = {.id = "P3",
                      .variant = subject->name,
                      .quantity = quantity,
                      .value = g->line.slope,
                      .expected = 1,
                      .source = "phase rounded to 24 digits"};
    if (g->kind != GROWTH_FLAT && phases) {
        pe_check_within(section, &check, 0.1);
        return;
    }
    static const char *const because[] = {
        [GROWTH_FLAT] = "the error does not grow with the position",
        [GROWTH_SLOW] = "slower than a phase: roundings of a sum add up",
        [GROWTH_PROPORTIONAL] = "it states no base, so nothing is expected of it"};
    check.because = isnan(g->line.slope) ? "too few positions, or no error at all, for a fit"
                                         : because[g->kind];
    pe_check_info(section, &check);
}

static void judge_growth(precision_run *run, pe_section *section, const pe_subject *subject,
                         const char *kind, const growth *g)
{
    double worst = 0;
    char quantity[128];
    judge_exponent(section, subject, kind, g);
    if (g->kind != GROWTH_PROPORTIONAL)
        return;
    run->growing++;
    run->growth_low = fmin(run->growth_low, g->line.slope);
    run->growth_high = fmax(run->growth_high, g->line.slope);
    for (int m = 0; m < g->octaves; m++)
        worst = fmax(worst, g->float_error[m] / g->bound[m]);
    snprintf(quantity, sizeof quantity, "float error / (2^-23 L w_max), %s", kind);
    pe_check check = {.id = "P2",
                      .variant = subject->name,
                      .quantity = quantity,
                      .value = worst,
                      .expected = 1,
                      .source = "METRICS.md 3.2"};
    if (!isnan(g->declared)) {
        pe_check_at_most(section, &check);
        return;
    }
    check.because = isnan(worst)
                        ? "its positions are whole numbers: no largest change could be measured"
                        : "w_max is here the measured largest change of an entry per token";
    pe_check_info(section, &check);
}

static void add_panel(pe_figure *figure, const pe_subject *subject, const char *kind,
                      const growth *g)
{
    char title[160];
    const bool none = g->float_error[g->octaves - 1] == 0;
    snprintf(title, sizeof title, "%s: %s%s", subject->title, kind, none ? ", no error" : "");
    pe_figure_panel(figure, title);
    const size_t n = (size_t)g->octaves;
    if (g->kind == GROWTH_PROPORTIONAL)
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = "bound", .look = PE_LOOK_REFERENCE, .n = n, .x = g->L, .y = g->bound});
    pe_figure_add_series(
        figure, &(pe_series){.name = "float", .slot = 1, .n = n, .x = g->L, .y = g->float_error});
    pe_figure_add_series(
        figure, &(pe_series){.name = "double", .slot = 0, .n = n, .x = g->L, .y = g->double_error});
}

typedef struct kept {
    const pe_subject *subject;
    precision_kind kind;
    growth g;
} kept;

typedef struct panels {
    kept *list;            /* (PE_FIGURE_PANELS), owned */
    int count;             /* panels of the figure */
    int flat, slow, unfit; /* unfit: no error at all, or too few positions for a fit */
    char slow_names[200];
    pe_sheet *sheet;
} panels;

static void note_slow(panels *p, const pe_subject *subject, precision_kind kind, const growth *g)
{
    const size_t used = strlen(p->slow_names);
    snprintf(p->slow_names + used, sizeof p->slow_names - used, "%s%s, %s (exponent %.2f)",
             p->slow++ ? "; " : "", subject->title, precision_kind_text(kind), g->line.slope);
}

static pe_status one_subject(precision_run *run, pe_section *section, const pe_subject *subject,
                             panels *p, pe_error *err)
{
    const char *id = subject->name;
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
        status = growth_measure(run->lab, subject->instance, kind, &g, err);
        if (status != PE_OK || g.octaves == 0)
            continue;
        asked++;
        p->flat += g.kind == GROWTH_FLAT && !isnan(g.line.slope);
        p->unfit += isnan(g.line.slope);
        if (g.kind == GROWTH_SLOW)
            note_slow(p, subject, kind, &g);
        if (kind == PRECISION_CODES && !growth_path_choices(subject->instance))
            growth_judge_published(section, subject, subject->instance, NULL, &g,
                                   run->lab->size.quick);
        table_row(p->sheet, subject, precision_kind_text(kind), &g);
        judge_growth(run, section, subject, precision_kind_text(kind), &g);
        if (p->count < PE_FIGURE_PANELS)
            p->list[p->count++] = (kept){subject, kind, g};
    }
    if (asked == 0)
        pe_section_not_applicable(section, id, "nothing that it computes depends on a position");
    if (status == PE_OK && precision_has(subject->instance, PRECISION_CODES) &&
        growth_path_choices(subject->instance))
        status = growth_show_paths(run, section, subject, err);
    return status;
}

static void show_growth(precision_run *run, pe_section *section, const panels *p, pe_error *err)
{
    char title[300];
    const int all = run->growing + p->slow + p->flat + p->unfit;
    if (run->growing)
        snprintf(title, sizeof title,
                 "%d of %d float errors grow in proportion to the position (exponents %.2f to "
                 "%.2f); %d more slowly, %d not at all, %d are 0 or end too early to tell",
                 run->growing, all, run->growth_low, run->growth_high, p->slow, p->flat, p->unfit);
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
        "error of exactly 0 cannot be drawn on a logarithmic axis. For the last query's logits, L "
        "counts back "
        "from token 4095.");
    pe_section_figure(section, figure);
}

pe_status precision_growth(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Error as a function of position (P2, P3)");
    pe_say(section,
           "A float phase $\\hat\\varphi = fl(t\\,\\hat\\omega)$ carries a relative error of "
           "about two roundings. Sine and cosine pass it on with a slope of at most 1, so "
           "the error of an entry grows in proportion to the position:");
    pe_section_formula(section, "E(L) \\le 2^{-23}\\, L\\, \\omega_{\\max}",
                       "$\\omega_{\\max}$ is the largest frequency that a float does not hold "
                       "exactly; a frequency of exactly 1 has no error below $2^{24}$");
    const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},     {"what", NULL, 1, 0},
        {"below 512", NULL, 0, 3},   {"below 4096", NULL, 0, 3},
        {"below 32768", NULL, 0, 3}, {"last position", "tokens", 0, 8},
        {"up to there", NULL, 0, 3}, {"double, up to there", NULL, 0, 3},
        {"exponent", NULL, 0, 4}};
    panels p = {.list = pe_allocate(PE_FIGURE_PANELS, sizeof *p.list, "curves of error", err)};
    if (!p.list)
        return PE_MEMORY;
    p.sheet =
        pe_section_table(section, "growth_table", "Largest error of the float build against quad",
                         sizeof columns / sizeof columns[0], columns);
    pe_status status = PE_OK;
    for (int s = 0; status == PE_OK && s < run->lab->subject_count; s++) {
        status = one_subject(run, section, &run->lab->subjects[s], &p, err);
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "error against position",
                                 0.02 + 0.13 * (s + 1) / run->lab->subject_count, err);
    }
    if (status == PE_OK && run->growing)
        pe_say(
            section,
            "%d of %d quantities grow in proportion to L, with exponents from %.3f to %.3f: those "
            "that multiply a position by a number which a float does not hold exactly. %d do not "
            "grow at all, and %d have no error or end too early for a fit: a stored table, "
            "trained or not, is wrong by the rounding of its entries, whatever their position.",
            run->growing, run->growing + p.slow + p.flat + p.unfit, run->growth_low,
            run->growth_high, p.flat, p.unfit);
    if (status == PE_OK && p.slow)
        pe_say(section,
               "In between: %s. No phase there, but sums over content that take up one "
               "more rounding with every token.",
               p.slow_names);
    if (status == PE_OK)
        show_growth(run, section, &p, err);
    pe_release(p.list);
    return status;
}
