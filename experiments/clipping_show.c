/* Heat maps over distance and bound under the line that is predicted, and verdicts. */
#include "clipping.h"

#include <math.h>
#include <stdio.h>

static const double passes_from = 0.9;

/* Offsets 0 .. k-1 have a row of their own, and k stands for itself and all beyond: one layer can
 * point at m < k, N layers can add up N such steps. */
static bool predicted(const cl_case *c, int m, int k)
{
    return m <= c->depth * (k - 1);
}

typedef struct extremes {
    double within, beyond; /* least accuracy where it should pass, largest where it cannot */
    int agree, all;
} extremes;

static extremes extremes_of(const cl_run *run, const cl_case *c)
{
    extremes e = {(double)NAN, (double)NAN, 0, 0};
    for (int m = 1; m <= run->distances; m++)
        for (int k = 0; k < run->clips; k++) {
            const double a = c->accuracy[m - 1][k];
            if (predicted(c, m, k))
                e.within = fmin(e.within, a);
            else if (m > c->depth * k || c->depth == 1)
                e.beyond = fmax(e.beyond, a);
            e.all++;
            e.agree += (a > passes_from) == predicted(c, m, k);
        }
    return e;
}

static void name_of(const cl_case *c, char *text, size_t room)
{
    snprintf(text, room, "%.40s, %s, %d layer%s", c->subject->title, cl_rows_text(c->rows),
             c->depth, c->depth == 1 ? "" : "s");
}

/* ---- figures --------------------------------------------------------------------------------- */

/* Between the last distance that should pass and the first that should not. */
static double predicted_edge(const cl_run *run, const cl_case *c, int k)
{
    int passing = 0;
    while (passing < run->distances && predicted(c, passing + 1, k))
        passing++;
    return passing + 0.5;
}

static void add_measured(const cl_run *run, const cl_case *c, pe_figure *figure)
{
    double values[CL_DISTANCES * CL_CLIPS], edge[CL_CLIPS];
    char title[160];
    for (int k = 0; k < run->clips; k++) {
        edge[k] = predicted_edge(run, c, k);
        for (int m = 1; m <= run->distances; m++)
            values[(m - 1) * run->clips + k] = c->accuracy[m - 1][k];
    }
    name_of(c, title, sizeof title);
    pe_figure_add_matrix(figure, &(pe_matrix_panel){.title = title,
                                                    .rows = (size_t)run->distances,
                                                    .columns = (size_t)run->clips,
                                                    .values = values,
                                                    .x0 = 0,
                                                    .dx = 1,
                                                    .y0 = 1,
                                                    .dy = 1,
                                                    .edge = edge});
}

static void draw(const cl_run *run, int depth, pe_section *section, pe_error *err)
{
    int agree = 0, all = 0;
    char id[16];
    for (int i = 0; i < run->cases; i++)
        if (run->at[i].depth == depth && cl_selects(&run->at[i])) {
            agree += extremes_of(run, &run->at[i]).agree;
            all += extremes_of(run, &run->at[i]).all;
        }
    snprintf(id, sizeof id, "depth%d", depth);
    pe_figure *figure = pe_figure_titled(
        PE_HEATMAPS, id, err,
        depth == 1 ? "One layer fetches the token m back only while m < k: %d of %d fields with "
                     "key rows agree"
                   : "Two layers reach 2(k - 1) tokens back: %d of %d fields with key rows agree",
        agree, all);
    pe_figure_x(figure, "clipping distance k (tokens)", PE_LINEAR);
    pe_figure_y(figure, "distance asked, m (tokens)", PE_LINEAR);
    pe_figure_colours(figure, PE_AMOUNTS, "accuracy", PE_LINEAR);
    pe_figure_colour_range(figure, 0, 1);
    for (int i = 0; i < run->cases; i++)
        if (run->at[i].depth == depth)
            add_measured(run, &run->at[i], figure);
    pe_figure_describe(figure,
                       "Heat maps: accuracy of recall by distance and clipping distance, one for "
                       "each encoding and choice of rows, with a line where the prediction ends.",
                       depth == 1 ? "Rows: distance asked; columns: clipping distance. Bright: "
                                    "solved. Above the white line m < k, where one layer should "
                                    "pass; below it, it cannot."
                                  : "Rows: distance asked; columns: clipping distance. Bright: "
                                    "solved. Above the white line m <= 2(k - 1), where two layers "
                                    "can pass in two steps.");
    pe_section_figure(section, figure);
}

/* ---- words and verdicts ---------------------------------------------------------------------- */

static void judge_case(const cl_run *run, const cl_case *c, pe_section *section)
{
    char name[160];
    const extremes e = extremes_of(run, c);
    name_of(c, name, sizeof name);
    if (c->because[0]) {
        pe_section_not_applicable(section, name, c->because);
        return;
    }
    pe_check within = {.id = "clip",
                       .variant = name,
                       .quantity = "least accuracy where m <= N (k - 1)",
                       .value = e.within,
                       .expected = passes_from,
                       .source = "offsets below k have rows of their own"};
    pe_check beyond = {.id = "clip",
                       .variant = name,
                       .quantity = c->depth == 1 ? "largest accuracy where m >= k"
                                                 : "largest accuracy where m > N k",
                       .value = e.beyond,
                       .expected = passes_from,
                       .source = "offsets from k on share one row"};
    if (cl_selects(c) && c->depth == 1) {
        pe_check_at_least(section, &within);
        pe_check_at_most(section, &beyond);
        return;
    }
    within.because = "measured, not judged: whether training finds it is luck";
    beyond.because = within.because;
    pe_check_info(section, &within);
    pe_check_info(section, &beyond);
}

static void show_table(const cl_run *run, pe_section *section)
{
    const pe_sheet_column columns[] = {{"encoding", NULL, 1, 0},  {"rows", NULL, 1, 0},
                                       {"layers", NULL, 0, 0},    {"m", "tokens", 0, 0},
                                       {"k = m - 1", NULL, 0, 3}, {"k = m", NULL, 0, 3},
                                       {"k = m + 1", NULL, 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "boundary", "Accuracy around the bound", 7, columns);
    for (int i = 0; i < run->cases; i++)
        for (int m = 1; m <= run->distances; m++) {
            const cl_case *c = &run->at[i];
            pe_sheet_text(sheet, c->subject->title);
            pe_sheet_text(sheet, cl_rows_text(c->rows));
            pe_sheet_number(sheet, c->depth);
            pe_sheet_number(sheet, m);
            for (int k = m - 1; k <= m + 1; k++)
                if (k < run->clips && !isnan(c->accuracy[m - 1][k]))
                    pe_sheet_number(sheet, c->accuracy[m - 1][k]);
                else
                    pe_sheet_missing(sheet);
        }
}

static void say_modes(const cl_run *run, pe_section *section)
{
    for (int i = 0; i < run->cases; i++) {
        char name[160];
        const extremes e = extremes_of(run, &run->at[i]);
        name_of(&run->at[i], name, sizeof name);
        pe_say(section,
               "%s: %d of %d fields agree with the prediction; accuracy is at least %.3f "
               "where it should pass and at most %.3f where it cannot.",
               name, e.agree, e.all, e.within, e.beyond);
    }
}

static void find(const cl_run *run, pe_result *result)
{
    char text[300];
    int agree = 0, all = 0;
    for (int i = 0; i < run->cases; i++)
        if (run->at[i].depth == 1 && cl_selects(&run->at[i])) {
            agree += extremes_of(run, &run->at[i]).agree;
            all += extremes_of(run, &run->at[i]).all;
        }
    snprintf(text, sizeof text,
             "One layer with rows clipped at k fetches the token m back if and only if m < k (%d "
             "of %d trained models agree): at m = k the row is shared with all tokens further "
             "back.",
             agree, all);
    pe_result_finding(result, text);
}

pe_status cl_show(const cl_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Recall behind a bound");
    pe_say(
        section,
        "At every token the answer is the token m back, in sequences of %lld; a decoder of "
        "width 32 with 4 heads is trained for %lld steps, %d seed%s, for each k and m, and asked "
        "in the second half of new sequences. Offsets 0 to k - 1 have rows of their own; the "
        "row of k stands for k and everything further back, so that a query cannot point at it "
        "alone. METRICS.md 4.3 lets one layer pass from k = m on; by this argument k = m "
        "should fail, too, and the table shows which is right.",
        (long long)run->length, (long long)run->steps, run->seeds, run->seeds == 1 ? "" : "s");
    if (run->cases == 0) {
        pe_say(section, "No encoding here has such a bound.");
        return pe_result_check(result, err);
    }
    draw(run, 1, section, err);
    if (run->depths > 1)
        draw(run, 2, section, err);
    say_modes(run, section);
    pe_say(section,
           "Rows for values only do not tell attention where to look. They mark what is fetched "
           "with its offset, and heads that prefer certain symbols tie symbol and offset "
           "together, which can be enough in a short text.");
    show_table(run, section);
    for (int i = 0; i < run->cases; i++)
        judge_case(run, &run->at[i], section);
    find(run, result);
    return pe_result_check(result, err);
}
