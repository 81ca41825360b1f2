/* One learned table, stage by stage: distance, split, spectrum, components, norms (METRICS 4.2). */
#include "learning.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 160 };

typedef struct view {
    const learning_run *run;
    pe_section *section;
    const char *id, *title, *row; /* row: "position" or "offset" */
    int last;                     /* stage */
    double x[2 * LEARNING_LENGTH];
} view;

static const pe_inspect_found *found_at(const view *v, int stage)
{
    return &v->run->found[stage];
}

static void stage_title(const view *v, int stage, char text[TEXT])
{
    const long long step = (long long)v->run->stages[stage];
    snprintf(text, TEXT, step ? "after %lld steps" : "before training", step);
}

static pe_figure *figure_of(const view *v, pe_figure_kind kind, const char *what,
                            const char *finding, pe_error *err)
{
    char id[64];
    snprintf(id, sizeof id, "%.40s_%s", v->run->subject->file, what);
    return pe_figure_new(kind, id, finding, err);
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

static void fill_stages(const view *v)
{
    static const pe_sheet_column columns[] = {
        {"step", NULL, 0, 6},           {"R2 of the diagonals", NULL, 0, 4},
        {"smallest seed", NULL, 0, 4},  {"largest seed", NULL, 0, 4},
        {"relative, even", NULL, 0, 3}, {"relative, odd", NULL, 0, 3},
        {"absolute", NULL, 0, 3},       {"stable rank, centred", NULL, 0, 3},
        {"mean norm", NULL, 0, 3},      {"variance in 2 components", NULL, 0, 3},
        {"rows like noise", NULL, 0, 3}};
    char id[64], caption[TEXT];
    snprintf(id, sizeof id, "%.40s_stages", v->run->subject->file);
    snprintf(caption, sizeof caption,
             "%s, %zu rows by %zu columns, as training goes on; all but R2 from the first seed",
             v->title, v->run->rows, v->run->columns);
    pe_sheet *sheet = pe_section_table(v->section, id, caption, 11, columns);
    for (int s = 0; s <= v->last; s++) {
        const pe_inspect_found *f = found_at(v, s);
        double low = HUGE_VAL, high = -HUGE_VAL, mean = 0;
        for (int i = 0; i < v->run->seeds; i++) {
            low = fmin(low, v->run->r2[s][i]);
            high = fmax(high, v->run->r2[s][i]);
            mean += v->run->r2[s][i] / v->run->seeds;
        }
        const double row[] = {(double)v->run->stages[s],
                              mean,
                              low,
                              high,
                              v->run->split[s].toeplitz_even,
                              v->run->split[s].toeplitz_odd,
                              v->run->split[s].rest,
                              f->stable_rank_centred,
                              f->norm_mean,
                              f->share[0] + f->share[1],
                              (double)f->untrained_rows};
        for (int c = 0; c < 11; c++)
            pe_sheet_number(sheet, row[c]);
    }
}

static void judge_start(const view *v)
{
    const learning_band *b = &v->run->band;
    const double start = v->run->r2[0][0], slack = (b->high - b->low) / 2;
    char rule[TEXT];
    snprintf(rule, sizeof rule,
             "before training: in the 99 %% band of random tables, %.4f to %.4f, widened by half "
             "its width; chance is 2/T = %.4f",
             b->low, b->high, b->chance);
    /* A projection of known waves is no random table: only independent rows are noise. */
    if (v->run->kind == LEARNING_CODES || v->run->found[0].r2 < b->high + slack)
        pe_require(v->section, "S1", v->id, "R2 of the diagonals before training", start,
                   start >= b->low - slack && start <= b->high + slack, rule, "noise band");
    else
        pe_give(v->section, "S1", v->id, "R2 of the diagonals before training", start,
                "above noise from the start: its rows are a random projection of known waves");
}

static void judge_end(const view *v)
{
    const learning_run *run = v->run;
    double worst = HUGE_VAL;
    for (int i = 0; i < run->seeds; i++)
        worst = fmin(worst, run->r2[v->last][i]);
    char because[TEXT];
    snprintf(because, sizeof because, "worst of %d seeds; chance 2/T = %.4f", run->seeds,
             run->band.chance);
    const pe_check check = {.id = "4.2",
                            .variant = v->id,
                            .quantity = "R2 of the diagonals after training",
                            .value = worst,
                            .expected = run->band.high,
                            .source = "upper end of the 99 % band of noise",
                            .because = because};
    if (run->kind == LEARNING_CODES)
        pe_check_at_least(v->section, &check); /* learning raises it */
    else
        pe_give(v->section, "4.2", v->id, check.quantity, worst,
                worst > run->band.high
                    ? "above the band of noise: near offsets became similar"
                    : "inside the band of noise; where few rows became much longer than the rest, "
                      "products tell those rows and not distance: see norms and cosines");
    const pe_split *split = &run->split[v->last];
    pe_expect(v->section, "S2", v->id, "sum of the parts after training",
              split->toeplitz_even + split->toeplitz_odd + split->rest, 1, 1e-10,
              "orthogonal decomposition");
    pe_expect(v->section, "S2", v->id, "relative and odd part after training", split->toeplitz_odd,
              0, 1e-10, "cosines are symmetric");
}

static void judge_unused(const view *v)
{
    const learning_run *run = v->run;
    if (!run->has_unused)
        return;
    const learning_band *b = &run->band;
    const double slack = (b->high - b->low) / 2;
    char rule[TEXT];
    snprintf(rule, sizeof rule, "still noise: in the band %.4f to %.4f, widened by half its width",
             b->low, b->high);
    pe_expect(v->section, "4.6", v->id, "largest change of a row past the trained length",
              run->unused_moved, 0, 0, "no gradient reaches it, and it does not decay");
    pe_require(v->section, "4.6", v->id, "R2 of the diagonals of rows past the trained length",
               run->unused_r2,
               run->unused_r2 >= b->low - slack && run->unused_r2 <= b->high + slack, rule,
               "METRICS 4.6: 2/T");
    pe_say(
        v->section,
        "The table has %d more rows, for positions that no training sequence reaches. They are "
        "what they were at first, to the last bit, and score $R^2_T$ = %.4f (chance %.4f), where "
        "the trained rows score %.4f. A model that is asked beyond its length meets noise.",
        LEARNING_LENGTH, run->unused_r2, b->chance, run->r2[v->last][0]);
}

/* ---- figures ------------------------------------------------------------------------------------
 */

static void draw_profile(const view *v, pe_error *err)
{
    char text[2 * TEXT];
    const pe_inspect_found *f = found_at(v, v->last);
    double band[LEARNING_LENGTH], low[LEARNING_LENGTH];
    const size_t n = v->run->rows;
    snprintf(text, sizeof text,
             "%s: rows at distance 1 have cosine %.2f before training and %.2f after %lld steps "
             "(noise within %.2f)",
             v->title, found_at(v, 0)->g[1], f->g[1], (long long)v->run->stages[v->last],
             f->g_noise);
    pe_figure *figure = figure_of(v, PE_CURVES, "distance", text, err);
    for (size_t k = 0; k < n; k++) {
        band[k] = 3 / sqrt((double)(n - k) * (double)v->run->columns);
        low[k] = -band[k];
    }
    for (int s = 0; s <= v->last; s++) {
        char title[TEXT];
        stage_title(v, s, title);
        pe_figure_panel(figure, title);
        pe_figure_add_series(figure, &(pe_series){.name = "3 deviations of noise",
                                                  .look = PE_LOOK_REFERENCE,
                                                  .n = n,
                                                  .x = v->x,
                                                  .y = band});
        pe_figure_add_series(
            figure,
            &(pe_series){.name = "", .look = PE_LOOK_REFERENCE, .n = n, .x = v->x, .y = low});
        pe_figure_add_series(figure, &(pe_series){.name = "",
                                                  .slot = v->run->subject->slot,
                                                  .n = n,
                                                  .x = v->x,
                                                  .y = found_at(v, s)->g});
    }
    pe_figure_x(figure, "distance k between rows", PE_LINEAR);
    pe_figure_y(figure, "D(k), mean cosine", PE_LINEAR);
    pe_figure_describe(figure,
                       "Small multiples over training: mean cosine of two rows against their "
                       "distance.",
                       "First seed. Between the grey curves nothing can be told from noise.");
    pe_section_figure(v->section, figure);
}

static void draw_cosines(const view *v, pe_error *err)
{
    char text[2 * TEXT];
    const double worst = v->run->band.high;
    snprintf(text, sizeof text,
             "%s: diagonals explain %.3f of its similarities before training and %.3f after "
             "(noise: up to %.3f)",
             v->title, v->run->r2[0][0], v->run->r2[v->last][0], worst);
    pe_figure *figure = figure_of(v, PE_HEATMAPS, "cosines", text, err);
    for (int s = 0; s <= v->last; s++) {
        char title[TEXT];
        stage_title(v, s, title);
        pe_figure_add_matrix(figure, &(pe_matrix_panel){.title = title,
                                                        .rows = v->run->rows,
                                                        .columns = v->run->rows,
                                                        .values = found_at(v, s)->cosine});
    }
    pe_figure_x(figure, v->row, PE_LINEAR);
    pe_figure_y(figure, v->row, PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "cosine", PE_LINEAR);
    pe_figure_colour_range(figure, -1, 1);
    pe_figure_describe(figure, "Heat maps over training: cosine of every two rows.",
                       "First seed. A band along the diagonal is a table that knows distance.");
    pe_section_figure(v->section, figure);
}

static void draw_spectrum(const view *v, pe_error *err)
{
    char text[2 * TEXT];
    double y[LEARNING_LENGTH], x[LEARNING_LENGTH];
    const size_t n = found_at(v, 0)->ranks;
    snprintf(
        text, sizeof text,
        "%s: stable rank of the centred table %.1f before training, %.1f after; few directions "
        "carry what is learned",
        v->title, v->run->rank[0][0], v->run->rank[v->last][0]);
    if (v->run->rank[v->last][0] > 0.9 * v->run->rank[0][0])
        snprintf(text, sizeof text,
                 "%s: stable rank of the centred table %.1f before training, %.1f after: no few "
                 "directions stand out",
                 v->title, v->run->rank[0][0], v->run->rank[v->last][0]);
    pe_figure *figure = figure_of(v, PE_CURVES, "spectrum", text, err);
    for (int s = 0; s <= v->last; s++) {
        char title[TEXT];
        for (size_t i = 0; i < n; i++) {
            x[i] = (double)i + 1;
            y[i] = found_at(v, s)->singular[i];
        }
        stage_title(v, s, title);
        pe_figure_add_series(figure, &(pe_series){.name = title,
                                                  .slot = (size_t)s,
                                                  .look = s == 0 ? PE_LOOK_REFERENCE : PE_LOOK_LINE,
                                                  .n = n,
                                                  .x = x,
                                                  .y = y});
    }
    pe_figure_x(figure, "number", PE_LINEAR);
    pe_figure_y(figure, "singular value", PE_LOG10);
    pe_figure_describe(figure, "Curves: singular values of the table, one curve for each stage.",
                       "First seed, columns not centred. Noise falls slowly; a steep beginning is "
                       "structure.");
    pe_section_figure(v->section, figure);
}

static void draw_components(const view *v, pe_error *err)
{
    char text[2 * TEXT];
    double a[LEARNING_LENGTH], b[LEARNING_LENGTH];
    const pe_inspect_found *f = found_at(v, v->last);
    snprintf(text, sizeof text,
             "%s: two components carry %.0f %% of the variance before training and %.0f %% after",
             v->title, 100 * (found_at(v, 0)->share[0] + found_at(v, 0)->share[1]),
             100 * (f->share[0] + f->share[1]));
    pe_figure *figure = figure_of(v, PE_CURVES, "components", text, err);
    const size_t n = v->run->rows;
    for (int s = 0; s <= v->last; s++) {
        char title[TEXT];
        stage_title(v, s, title);
        pe_figure_panel(figure, title);
        for (int half = 0; half < 2; half++) { /* early and late rows in two colours */
            const size_t from = half ? n / 2 : 0, to = half ? n : n / 2;
            for (size_t i = from; i < to; i++) {
                a[i - from] = found_at(v, s)->score[3 * i];
                b[i - from] = found_at(v, s)->score[3 * i + 1];
            }
            pe_figure_add_series(figure, &(pe_series){.name = half ? "later half" : "first half",
                                                      .slot = half ? 1 : 0,
                                                      .look = PE_LOOK_POINTS,
                                                      .n = to - from,
                                                      .x = a,
                                                      .y = b});
        }
    }
    pe_figure_x(figure, "first component", PE_LINEAR);
    pe_figure_y(figure, "second component", PE_LINEAR);
    pe_figure_describe(
        figure,
        "Small multiples over training: rows in the plane of the first two "
        "principal components.",
        "First seed; each stage has components of its own. Noise is a cloud in which "
        "both halves mix; a table that orders positions draws them apart.");
    pe_section_figure(v->section, figure);
}

static void draw_norms(const view *v, pe_error *err)
{
    char text[2 * TEXT];
    const pe_inspect_found *f = found_at(v, v->last);
    snprintf(text, sizeof text,
             "%s: the mean norm of a row goes from %.2f to %.2f, and %s %zu stands out most (%.1f "
             "robust deviations)",
             v->title, found_at(v, 0)->norm_mean, f->norm_mean, v->row, f->special, f->special_by);
    pe_figure *figure = figure_of(v, PE_CURVES, "norms", text, err);
    for (int s = 0; s <= v->last; s++) {
        char title[TEXT];
        stage_title(v, s, title);
        pe_figure_add_series(figure, &(pe_series){.name = title,
                                                  .slot = (size_t)s,
                                                  .look = s == 0 ? PE_LOOK_REFERENCE : PE_LOOK_LINE,
                                                  .n = v->run->rows,
                                                  .x = v->x,
                                                  .y = found_at(v, s)->norm});
    }
    pe_figure_x(figure, v->row, PE_LINEAR);
    pe_figure_y(figure, "norm of the row", PE_LINEAR);
    pe_figure_describe(figure, "Curves: norm of each row, one curve for each stage.",
                       "First seed. Rows that are seen in every sequence move first.");
    pe_section_figure(v->section, figure);
}

void learning_show_table(const learning_run *run, pe_result *result, pe_error *err)
{
    char heading[TEXT];
    view v = {.run = run,
              .id = run->subject->name,
              .title = run->subject->title,
              .row = run->kind == LEARNING_CODES ? "position" : "offset into the past",
              .last = run->stage_count - 1};
    for (size_t i = 0; i < run->rows; i++)
        v.x[i] = (double)i;
    snprintf(heading, sizeof heading, "%s: %zu rows by %s", v.title, run->rows, v.row);
    v.section = pe_result_section(result, heading);
    const pe_inspect_found *f = found_at(&v, v.last);
    pe_say(
        v.section,
        "The held-out loss ends at %.3f nats. $R^2_T$ of the diagonals goes from %.4f to %.4f "
        "(first seed; noise: %.4f to %.4f). Of the energy of the cosines off the diagonal, "
        "%.1f %% is relative and even (%.1f %% before training), none relative and odd, since "
        "cosines are symmetric, and the rest absolute. %zu of %zu rows cannot be told from noise "
        "by their neighbours, %zu before training.",
        run->held_out[0], run->r2[0][0], run->r2[v.last][0], run->band.low, run->band.high,
        100 * run->split[v.last].toeplitz_even, 100 * run->split[0].toeplitz_even,
        f->untrained_rows, run->rows, found_at(&v, 0)->untrained_rows);
    fill_stages(&v);
    judge_start(&v);
    judge_end(&v);
    judge_unused(&v);
    draw_profile(&v, err);
    draw_cosines(&v, err);
    draw_components(&v, err);
    draw_spectrum(&v, err);
    draw_norms(&v, err);
}
