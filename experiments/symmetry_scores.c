/* S3: the published symmetry score beside the raw mirror gap, with the cases that fool it.
 * S4: direction balance, on real text. */
#include "symmetry.h"

#include "analysis/attention_measures.h"
#include "analysis/summary.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 128, CASES = 4, MOST_SUBJECTS = 64 };

/* ---- cases made by hand
 * ----------------------------------------------------------------------------- */

static void causal_uniform(double *a)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            a[i * SIDE + j] = j <= i ? 1.0 / (i + 1) : 0;
}

static void previous_token(double *a)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            a[i * SIDE + j] = j == (i > 0 ? i - 1 : 0);
}

static void linear_bias(double *a, bool causal)
{
    for (int i = 0; i < SIDE; i++) {
        double sum = 0;
        for (int j = 0; j < SIDE; j++) {
            const bool seen = !causal || j <= i;
            a[i * SIDE + j] = seen ? exp(-0.5 * abs(i - j)) : 0;
            sum += a[i * SIDE + j];
        }
        for (int j = 0; j < SIDE; j++)
            a[i * SIDE + j] /= sum;
    }
}

static void causal_linear(double *a)
{
    linear_bias(a, true);
}

static void two_sided_linear(double *a)
{
    linear_bias(a, false);
}

static const struct {
    const char *name;
    void (*fill)(double *a);
    double published, gap;
} made[CASES] = {{"causal, uniform", causal_uniform, 1.0000, 0.0207},
                 {"previous token only", previous_token, 0.9692, 0.0313},
                 {"causal, linear bias 1/2", causal_linear, 0.9246, 0.0186},
                 {"two-sided, linear bias 1/2", two_sided_linear, 1.0000, 0}};

pe_status pe_symmetry_scores(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "A score that is easily fooled (S3)");
    pe_section_formula(section,
                       "\\text{gap} = \\operatorname{mean}_{i, r} |a_{i, i-r} - a_{i, i+r}|",
                       "$a$ are attention weights; the published score (Chen, Varoquaux, Suchanek "
                       "2023) scales the gaps of each row to 0..1 before it averages, and takes "
                       "them from 1");
    const pe_sheet_column columns[] = {{"attention", NULL, 1, 0},
                                       {"published score", NULL, 0, 4},
                                       {"mirror gap", NULL, 0, 4},
                                       {"direction balance", NULL, 0, 4}};
    pe_sheet *sheet =
        pe_section_table(section, "fooled", "Four attentions made by hand, T = 128", 4, columns);
    double *a = pe_allocate(SIDE * SIDE, sizeof *a, "attention", err);
    if (!a)
        return PE_MEMORY;
    const char *names[CASES];
    double score[CASES], asymmetry[CASES], balance;
    pe_status status = PE_OK;
    for (int c = 0; status == PE_OK && c < CASES; c++) {
        double gap = 0;
        char quantity[128];
        made[c].fill(a);
        status = pe_published_symmetry(a, SIDE, &score[c], err);
        if (status == PE_OK)
            status = pe_mirror_gap(a, SIDE, &gap, err);
        if (status == PE_OK)
            status = pe_direction_balance(a, SIDE, &balance, err);
        names[c] = made[c].name;
        asymmetry[c] = fabs(balance);
        pe_sheet_text(sheet, names[c]);
        pe_sheet_number(sheet, score[c]);
        pe_sheet_number(sheet, gap);
        pe_sheet_number(sheet, balance);
        snprintf(quantity, sizeof quantity, "published symmetry score: %s", names[c]);
        pe_expect(section, "S3", NULL, quantity, score[c], made[c].published, 1e-4, "METRICS 2.3");
        snprintf(quantity, sizeof quantity, "mirror gap: %s", names[c]);
        pe_expect(section, "S3", NULL, quantity, gap, made[c].gap, 1e-4, "METRICS 2.3");
    }
    pe_release(a);
    char title[256];
    snprintf(title, sizeof title,
             "The published score calls attention symmetric (%.4f) that looks only to the left "
             "(balance %.2f)",
             score[0], asymmetry[0]);
    pe_figure *figure = pe_figure_new(PE_DOTS, "fooled_dots", title, err);
    pe_figure_x(figure, "score, and size of the direction balance (0 to 1)", PE_LINEAR);
    pe_figure_x_range(figure, 0, 1.05);
    pe_figure_categories(figure, CASES, names, NULL);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "published symmetry score", .slot = 1, .n = CASES, .y = score});
    pe_figure_add_series(figure, &(pe_series){.name = "|direction balance|: 1 is one-sided",
                                              .slot = 0,
                                              .n = CASES,
                                              .y = asymmetry});
    pe_figure_describe(
        figure, "Paired dots: the published score and the direction balance.",
        "If the score measured symmetry, one-sided attention (balance near 1) would "
        "score near 0. A constant gap within a row is scaled away, whatever its size.");
    pe_section_figure(section, figure);
    pe_say(section,
           "Causal uniform attention sees nothing to the right, yet scores %.4f; attention to the "
           "previous token alone scores %.4f. The reason is the scaling within each row: when all "
           "gaps of a row are equal they become 0, whatever their size. The raw gap and the "
           "direction balance are not fooled.",
           score[0], score[1]);
    return status == PE_OK ? pe_lab_step(lab, "symmetry: scores", 0.4, err) : status;
}

/* ---- every subject, on real text
 * ------------------------------------------------------------------------- */

typedef struct measured {
    double *balance, *gap, *score; /* one for each window */
} measured;

static pe_status measure_window(const pe_lab *lab, const pe_subject *subject, int draw, bool causal,
                                const measured *m, pe_error *err)
{
    const int64_t T = lab->size.length;
    const int H = subject->instance->dims.heads;
    const pe_text_job job = {.instance = subject->instance,
                             .precision = PE_DOUBLE,
                             .first = (int64_t)draw * T,
                             .n = T,
                             .draw = (uint64_t)draw,
                             .causal = causal};
    pe_attended attended;
    pe_status status = pe_lab_run_text(lab, &job, &attended, err);
    m->balance[draw] = m->gap[draw] = m->score[draw] = 0;
    for (int h = 0; status == PE_OK && h < H; h++) {
        const double *a = attended.weights.hi + (int64_t)h * T * T;
        double balance = 0, gap = 0, score = 0;
        status = pe_direction_balance(a, (size_t)T, &balance, err);
        if (status == PE_OK)
            status = pe_mirror_gap(a, (size_t)T, &gap, err);
        if (status == PE_OK)
            status = pe_published_symmetry(a, (size_t)T, &score, err);
        m->balance[draw] += balance / H;
        m->gap[draw] += gap / H;
        m->score[draw] += score / H;
    }
    pe_attended_release(&attended);
    return status;
}

pe_status pe_symmetry_direction(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section =
        pe_result_section(result, "Which way does it look? On real text (S3, S4)");
    pe_section_formula(section, "DB = \\sum_{j<i} a_{ij} - \\sum_{j>i} a_{ij}",
                       "the mean over rows in the middle half; 1 looks only back, -1 only ahead");
    const size_t n = (size_t)lab->size.draws;
    double *block = pe_allocate(3 * n, sizeof *block, "measures", err);
    if (!block)
        return PE_MEMORY;
    const measured m = {block, block + n, block + 2 * n};
    const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                       {"direction balance", NULL, 0, 4},
                                       {"mirror gap", NULL, 0, 4},
                                       {"published score", NULL, 0, 4}};
    pe_sheet *sheet = pe_section_table(
        section, "direction", "Weights of a random layer on text, no mask: means over windows", 4,
        columns);
    const char *names[MOST_SUBJECTS];
    double value[MOST_SUBJECTS], low[MOST_SUBJECTS], high[MOST_SUBJECTS];
    size_t slots[MOST_SUBJECTS], shown = 0, beside = 0;
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count && shown < MOST_SUBJECTS; i++) {
        const pe_subject *subject = &lab->subjects[i];
        if (!subject->instance) {
            pe_section_not_applicable(section, subject->name, subject->because);
            continue;
        }
        for (int draw = 0; status == PE_OK && draw < lab->size.draws; draw++)
            status = measure_window(lab, subject, draw, false, &m, err);
        pe_interval balance = {0}, gap = {0}, score = {0};
        if (status == PE_OK)
            status = pe_mean_interval(m.balance, n, 0.95, &balance, err);
        if (status == PE_OK)
            status = pe_mean_interval(m.gap, n, 0.95, &gap, err);
        if (status == PE_OK)
            status = pe_mean_interval(m.score, n, 0.95, &score, err);
        if (status != PE_OK)
            break;
        pe_sheet_text(sheet, subject->title);
        pe_sheet_number(sheet, balance.centre);
        pe_sheet_number(sheet, gap.centre);
        pe_sheet_number(sheet, score.centre);
        pe_give_interval(section, "S4", subject->name, "direction balance on text", balance.centre,
                         balance.low, balance.high,
                         subject->random_table ? "untrained; 95 % interval of the mean over windows"
                                               : "95 % interval of the mean over windows");
        pe_give_interval(section, "S3", subject->name, "mirror gap on text", gap.centre, gap.low,
                         gap.high, "95 % interval of the mean over windows");
        names[shown] = subject->title;
        value[shown] = balance.centre;
        low[shown] = balance.low;
        high[shown] = balance.high;
        slots[shown] = subject->slot;
        beside += balance.low > 0 || balance.high < 0;
        shown++;
        status = pe_lab_step(lab, "symmetry: direction", 0.4 + 0.1 * i / lab->subject_count, err);
    }
    pe_release(block);
    if (status != PE_OK || shown == 0)
        return status;
    char title[256];
    snprintf(title, sizeof title,
             "Untrained and without a mask, direction is chance: %zu of %zu intervals leave 0 out, "
             "and %.1f would by luck alone",
             beside, shown, 0.05 * (double)shown);
    pe_figure *figure = pe_figure_new(PE_BARS_GROUPED, "direction_bars", title, err);
    pe_figure_x(figure, "direction balance (1: all weight to the left)", PE_LINEAR);
    pe_figure_categories(figure, shown, names, slots);
    pe_figure_add_series(
        figure, &(pe_series){
                    .name = "direction balance", .n = shown, .y = value, .low = low, .high = high});
    pe_figure_describe(figure, "Diverging bars of the direction balance.",
                       "Bars: means over windows of text and heads; lines: 95 % intervals. Random "
                       "weights and random tables can lean either way by chance, which a new seed "
                       "turns round.");
    pe_section_figure(section, figure);
    pe_say(section,
           "%zu of %zu intervals leave 0 out. With a causal mask every balance would be near 1, "
           "and the "
           "encoding could not be told from the mask, so no mask is used here.",
           beside, shown);
    pe_section_exercise(
        section,
        "How large would the direction balance of causal uniform attention be in the "
        "row $i = 64$ of 128? (Its own token counts for neither side.)",
        "row $i$ has $i$ keys to the left, each of weight $1/(i+1)$", 1,
        &(pe_checkable){"balance", 64.0 / 65.0, 1e-3});
    return status;
}
