/* D2: where similarity first rises with distance, and other marks of the curve. */
#include "distance_sensitivity.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* METRICS.md 1.2, computed here; base 10000, frequencies of the paper. */
typedef struct width_marks {
    size_t width, first_rise, half, tenth, negative, rises;
    double least; /* within 5000 tokens, FIELD.md bug 20; NaN: not listed */
} width_marks;
#define UNLISTED ((double)NAN)
static const width_marks published[] = {
    {8, 3, 3, 22, 91, 254, UNLISTED},         {16, 3, 9, 90, 91, 258, -0.67},
    {32, 4, 16, 267, 474, 253, UNLISTED},     {64, 5, 28, 406, 725, 244, -0.24},
    {128, 11, 46, 721, 1707, 239, -0.15},     {256, 24, 53, 1119, 2653, 222, UNLISTED},
    {512, 43, 54, 1291, 3284, 201, -0.05},    {768, 43, 55, 1579, 3659, 186, UNLISTED},
    {1024, 68, 55, 1719, 4075, 164, UNLISTED}};
enum { WIDTHS = sizeof published / sizeof published[0], REACH = 5001, RISES = 512 };

/* ---- all subjects ---- */

static void write_row(pe_sheet *sheet, const distance_subject *d, const pe_curve_marks *m)
{
    pe_sheet_text(sheet, distance_label(d));
    distance_number_or_never(sheet, m->first_rise);
    distance_number_or_never(sheet, m->half);
    distance_number_or_never(sheet, m->tenth);
    distance_number_or_never(sheet, m->negative);
    pe_sheet_number(sheet, (double)m->rises);
}

static pe_status show_subjects(distance_run *run, pe_section *section, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},        {"falls up to k*", "tokens", 0, 0},
        {"g ≤ 0.5 at", "tokens", 0, 0}, {"g ≤ 0.1 at", "tokens", 0, 0},
        {"g < 0 at", "tokens", 0, 0},   {"rises", "steps", 0, 0}};
    char caption[256];
    snprintf(caption, sizeof caption,
             "Marks of g(r), 0 ≤ r < %zu, head 0, into the past. An empty cell: not within this "
             "length. k* is the last distance before g first rises.",
             run->T);
    pe_sheet *sheet = pe_section_table(section, "marks", caption, 6, columns);
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        pe_curve_marks m;
        if (!d->S)
            continue;
        pe_status status = pe_curve_marks_of(d->shown, run->T, &m, err);
        if (status != PE_OK)
            return status;
        write_row(sheet, d, &m);
        run->ordered++;
        if (d == run->cosine && m.first_rise != PE_NEVER)
            run->first_rise = (double)m.first_rise;
        run->monotone += m.rises == 0;
        pe_verdict v = distance_verdict("D2", d, "steps at which g rises", (double)m.rises);
        v.unit = "steps";
        distance_info(section, &v,
                      m.rises == 0 ? (d->flat ? "it never rises, and never falls"
                                              : "it never rises within this length")
                                   : "similarity does not always fall with distance");
    }
    return PE_OK;
}

/* ---- widths, for codes that are the closed form ---- */

static double least_of(const double *G, size_t n)
{
    double least = G[0];
    for (size_t k = 1; k < n; k++)
        least = fmin(least, G[k]);
    return least / G[0];
}

static void judge_mark(pe_section *section, const distance_subject *d, size_t width,
                       const char *what, size_t value, size_t expected, const char *source)
{
    char quantity[96];
    snprintf(quantity, sizeof quantity, "%s, d = %zu", what, width);
    pe_verdict v =
        distance_verdict("D2", d, quantity, value == PE_NEVER ? HUGE_VAL : (double)value);
    v.unit = "tokens";
    const double e = expected == PE_NEVER ? HUGE_VAL : (double)expected;
    if (isinf(e) && isinf(v.value))
        distance_info(section, &v, "expected, too: not within the distances looked at");
    else
        distance_closed_form(section, d, &v, e, 0, source);
}

static pe_status judge_width(pe_section *section, const distance_subject *d,
                             const width_marks *listed, const double *G, double *E,
                             pe_curve_marks *m, pe_error *err)
{
    const bool table = d->base == 10000 && d->rule == PE_FREQUENCIES_PAPER;
    const char *source = table ? "METRICS.md 1.2 [computed here]" : "closed form";
    pe_curve_marks e, rises, expected_rises;
    pe_status status = pe_cosine_kernel(listed->width, d->base, d->rule, E, REACH, err);
    if (status == PE_OK)
        status = pe_curve_marks_of(E, REACH, &e, err);
    if (status == PE_OK)
        status = pe_curve_marks_of(E, RISES, &expected_rises, err);
    if (status == PE_OK)
        status = pe_curve_marks_of(G, REACH, m, err);
    if (status == PE_OK)
        status = pe_curve_marks_of(G, RISES, &rises, err);
    if (status != PE_OK)
        return status;
    m->rises = rises.rises;
    if (table) {
        e = (pe_curve_marks){.first_rise = listed->first_rise,
                             .half = listed->half,
                             .tenth = listed->tenth,
                             .negative = listed->negative};
        expected_rises.rises = listed->rises;
    }
    judge_mark(section, d, listed->width, "k*", m->first_rise, e.first_rise, source);
    judge_mark(section, d, listed->width, "g ≤ 0.5 at", m->half, e.half, source);
    judge_mark(section, d, listed->width, "g ≤ 0.1 at", m->tenth, e.tenth, source);
    judge_mark(section, d, listed->width, "g < 0 at", m->negative, e.negative, source);
    judge_mark(section, d, listed->width, "rises in k = 1..511", m->rises, expected_rises.rises,
               source);
    if (table && !isnan(listed->least)) {
        char quantity[96];
        snprintf(quantity, sizeof quantity, "least g within 5000 tokens, d = %zu", listed->width);
        pe_verdict v = distance_verdict("D2", d, quantity, least_of(G, REACH));
        distance_closed_form(section, d, &v, listed->least, 0.005, "FIELD.md 3, bug 20");
    }
    return PE_OK;
}

static void write_width(pe_sheet *sheet, const distance_subject *d, size_t width,
                        const pe_curve_marks *m, const double *G)
{
    pe_sheet_text(sheet, d->title);
    pe_sheet_number(sheet, (double)width);
    distance_number_or_never(sheet, m->first_rise);
    if (m->first_rise == PE_NEVER) {
        pe_sheet_missing(sheet);
        pe_sheet_missing(sheet);
    } else {
        pe_sheet_number(sheet, G[m->first_rise] / G[0]);
        pe_sheet_number(sheet, G[m->first_rise + 1] / G[0]);
    }
    distance_number_or_never(sheet, m->half);
    distance_number_or_never(sheet, m->tenth);
    distance_number_or_never(sheet, m->negative);
    pe_sheet_number(sheet, (double)m->rises);
    pe_sheet_number(sheet, least_of(G, REACH));
}

/* The first rise of three widths, for the picture. */
typedef struct shown_widths {
    size_t n, width[3], rise[3];
    double *x, *y[3];
} shown_widths;

enum { PICTURE = 256 };

static void keep_for_picture(shown_widths *s, size_t width, size_t rise, const double *G)
{
    if ((width != 64 && width != 128 && width != 512) || s->n == 3)
        return;
    s->width[s->n] = width;
    s->rise[s->n] = rise;
    for (size_t k = 1; k < PICTURE; k++) {
        s->x[k - 1] = (double)k;
        s->y[s->n][k - 1] = G[k] / G[0];
    }
    s->n++;
}

static void draw_breaks(const distance_subject *d, pe_section *section, const shown_widths *s,
                        pe_error *err)
{
    if (s->n < 3 || s->rise[0] == PE_NEVER || s->rise[1] == PE_NEVER || s->rise[2] == PE_NEVER)
        return;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "first_rises", err,
        "“Similarity decays with distance” is false: %s first rises after %zu tokens at d = %zu, "
        "after %zu at d = %zu, after %zu at d = %zu",
        d->title, s->rise[0], s->width[0], s->rise[1], s->width[1], s->rise[2], s->width[2]);
    pe_figure_x(figure, "distance r (tokens)", PE_LOG2);
    pe_figure_y(figure, "g(r)", PE_LINEAR);
    for (size_t w = 0; w < 3; w++) {
        char name[64];
        snprintf(name, sizeof name, "d = %zu", s->width[w]);
        pe_figure_add_series(
            figure,
            &(pe_series){.name = name, .slot = w, .n = PICTURE - 1, .x = s->x, .y = s->y[w]});
        snprintf(name, sizeof name, "k* = %zu", s->rise[w]);
        pe_figure_mark_x(figure, (double)s->rise[w], name);
    }
    pe_figure_describe(figure,
                       "The kernel of three widths against distance, with a vertical mark where "
                       "each first rises.",
                       "Thin grey lines: k*, the last distance before the curve of that width "
                       "first rises. The first rises are tiny; the ripples after them are not.");
    pe_section_figure(section, figure);
}

static pe_status show_one(distance_run *run, const distance_subject *d, pe_section *section,
                          pe_sheet *sheet, double *G, double *E, shown_widths *picture,
                          pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t w = 0; status == PE_OK && w < WIDTHS; w++) {
        pe_curve_marks m = {0};
        const size_t width = published[w].width;
        if (run->lab->size.quick && isnan(published[w].least))
            continue;
        status = pe_lab_step(run->lab, d->title, 0.25, err);
        if (status == PE_OK)
            status = distance_code_curve(run, d, width, (double)NAN, REACH, G, err);
        if (status == PE_OK)
            status = judge_width(section, d, &published[w], G, E, &m, err);
        if (status != PE_OK)
            break;
        write_width(sheet, d, width, &m, G);
        if (d == run->cosine)
            keep_for_picture(picture, width, m.first_rise, G);
    }
    return status;
}

static pe_status show_widths(distance_run *run, pe_section *section, double *G, double *E,
                             double *picture, pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"d", NULL, 0, 0},
                                              {"k*", "tokens", 0, 0},
                                              {"g(k*)", NULL, 0, 6},
                                              {"g(k*+1)", NULL, 0, 6},
                                              {"g ≤ 0.5 at", "tokens", 0, 0},
                                              {"g ≤ 0.1 at", "tokens", 0, 0},
                                              {"g < 0 at", "tokens", 0, 0},
                                              {"rises in 1..511", "steps", 0, 0},
                                              {"least g within 5000", NULL, 0, 3}};
    shown_widths s = {.x = picture,
                      .y = {picture + PICTURE, picture + 2 * PICTURE, picture + 3 * PICTURE}};
    pe_sheet *sheet = pe_section_table(
        section, "marks_by_width",
        "Marks of the kernel by width, for codes that are the closed form; 5000 tokens looked at.",
        10, columns);
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        if (d->S && d->probe == PE_PROBE_CODES && d->kernel <= DISTANCE_KERNEL_NEAR)
            status = show_one(run, d, section, sheet, G, E, &s, err);
    }
    if (status == PE_OK)
        draw_breaks(run->cosine, section, &s, err);
    return status;
}

/* ---- the base, and the rule of the exponent ---- */

static pe_status show_bases(distance_run *run, pe_section *section, double *G, pe_error *err)
{
    static const struct {
        double base;
        size_t first_rise, half, negative;
    } listed[] = {{100, 18, 5, 59}, {500000, 11, 166, 18438}, {1e6, 5, 197, PE_NEVER}};
    static const pe_sheet_column columns[] = {{"base", NULL, 0, 0},
                                              {"k*", "tokens", 0, 0},
                                              {"g ≤ 0.5 at", "tokens", 0, 0},
                                              {"g < 0 at", "tokens", 0, 0}};
    const size_t n = 20000;
    char caption[256];
    snprintf(caption, sizeof caption,
             "Effect of the base at d = 128 within %zu tokens, %s with all other options at their "
             "defaults.",
             n, run->cosine->title);
    pe_sheet *sheet = pe_section_table(section, "marks_by_base", caption, 4, columns);
    for (size_t b = 0; b < 3; b++) {
        pe_curve_marks m;
        distance_subject asked = *run->cosine;
        char what[64];
        asked.base = listed[b].base;
        pe_status status = distance_code_curve(run, &asked, 128, asked.base, n, G, err);
        if (status == PE_OK)
            status = pe_curve_marks_of(G, n, &m, err);
        if (status != PE_OK)
            return status;
        pe_sheet_number(sheet, asked.base);
        distance_number_or_never(sheet, m.first_rise);
        distance_number_or_never(sheet, m.half);
        distance_number_or_never(sheet, m.negative);
        const char *source = "METRICS.md 1.2 [computed here]";
        snprintf(what, sizeof what, "k* at base %g", asked.base);
        judge_mark(section, &asked, 128, what, m.first_rise, listed[b].first_rise, source);
        snprintf(what, sizeof what, "g ≤ 0.5 at base %g", asked.base);
        judge_mark(section, &asked, 128, what, m.half, listed[b].half, source);
        snprintf(what, sizeof what, "g < 0 at base %g", asked.base);
        judge_mark(section, &asked, 128, what, m.negative, listed[b].negative, source);
    }
    return PE_OK;
}

static pe_status show_rules(pe_section *section, double *G, double *E, pe_error *err)
{
    static const struct {
        size_t width;
        double gap, tolerance;
    } listed[] = {{16, 0.72, 0.005}, {64, 0.32, 0.005}, {128, 0.17, 0.005}, {512, 0.019, 0.0005}};
    double gaps[4] = {0};
    for (size_t w = 0; w < 4; w++) {
        const size_t n = 513;
        char quantity[160];
        pe_status status =
            pe_cosine_kernel(listed[w].width, 10000, PE_FREQUENCIES_PAPER, G, n, err);
        if (status == PE_OK)
            status =
                pe_cosine_kernel(listed[w].width, 10000, PE_FREQUENCIES_HALF_MINUS_ONE, E, n, err);
        if (status != PE_OK)
            return status;
        for (size_t k = 0; k < n; k++)
            gaps[w] = fmax(gaps[w], fabs(G[k] / G[0] - E[k] / E[0]));
        snprintf(quantity, sizeof quantity,
                 "largest difference of the two kernels within 512 tokens, d = %zu",
                 listed[w].width);
        pe_verdict v = distance_verdict("D1", NULL, quantity, gaps[w]);
        distance_expect(section, &v, listed[w].gap, listed[w].tolerance, "FIELD.md 3, bug 1", NULL);
    }
    pe_say(section,
           "Much code divides by $d/2 - 1$ where the paper divides by $d/2$. Entries of the "
           "tables then differ by up to 2, but what attention sees is the kernel: within 512 "
           "tokens the two kernels differ by %.2f at d = 16, %.2f at d = 64, %.2f at d = 128 "
           "and %.3f at d = 512. Compare kernels, not entries; small widths suffer.",
           gaps[0], gaps[1], gaps[2], gaps[3]);
    return PE_OK;
}

/* ---- the section ---- */

static void add_exercise(distance_run *run, pe_section *section)
{
    if (!isfinite(run->first_rise))
        return;
    char question[512];
    snprintf(question, sizeof question,
             "Compute $G(k) = \\sum_i \\cos(\\omega_i k)$ for $d = %zu$ and $B = %g$. What is the "
             "last distance before $G$ first rises?",
             run->cosine->width, run->cosine->base);
    const pe_checkable answer = {"first_rise", run->first_rise, 0};
    pe_section_exercise(section, question,
                        "Two lines of numpy: cosines of an outer product, then a difference.", 1,
                        &answer);
    char with[128];
    snprintf(with, sizeof with, "%s:base=100", run->cosine->id);
    const char *const try[] = {"run", "distance_sensitivity", "--variant", with};
    pe_section_try(section, "A base of 100: the half distance shrinks to a few tokens", 4, try);
}

pe_status distance_breaks(distance_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Does similarity decay? The first rise (D2)");
    const size_t room = 20000;
    double *G = pe_allocate(room + REACH + 4 * PICTURE, sizeof *G, "curves", err);
    if (!G)
        return PE_MEMORY;
    double *E = G + room;
    pe_section_paragraph(
        section,
        "Textbooks say that similarity decays with distance. For a sum of cosines that holds only "
        "near by: $k^* = \\min\\{k : G(k+1) > G(k)\\}$ is where it first ends. The steps near "
        "$k^*$ "
        "are some $10^{-5}$ of $G(0)$, so single precision can move it by one; here all is in "
        "double.");
    pe_status status = show_subjects(run, section, err);
    if (status == PE_OK)
        pe_say(section, "%d of %d shares never rise within %zu tokens.", run->monotone,
               run->ordered, run->T);
    if (status == PE_OK && run->cosine) {
        status = show_widths(run, section, G, E, E + REACH, err);
        if (status == PE_OK && run->cosine->rule == PE_FREQUENCIES_PAPER)
            status = show_bases(run, section, G, err);
    } else if (status == PE_OK)
        pe_section_not_applicable(section, NULL,
                                  "no variant here has codes that are the closed form of a "
                                  "declared base, so there is no table of widths");
    if (status == PE_OK)
        status = show_rules(section, G, E, err);
    add_exercise(run, section);
    pe_release(G);
    return status;
}
