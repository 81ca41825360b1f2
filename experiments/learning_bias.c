/* Biases by distance as they are trained: one number for each distance and head (METRICS 1.6, 4.2).
 */
#include "learning.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { T = LEARNING_LENGTH, H = LEARNING_HEADS, NEAR = 4, FAR = LEARNING_LENGTH / 2 };

/* ---- asking -------------------------------------------------------------------------------------
 */

/* An instance of our own with the trained numbers: the model's belongs to the model. */
static pe_status copy_trained(const pe_lab *lab, const pe_subject *subject,
                              const pe_instance *trained, pe_instance **copy, pe_error *err)
{
    pe_status status = pe_lab_instance(lab, subject, &trained->dims, lab->size.seed, copy, err);
    for (int p = 0; status == PE_OK && p < trained->info.param_count; p++)
        status = pe_instance_set_param(*copy, p, 0, NULL, pe_param_count(&trained->info.param[p]),
                                       trained->master[p], err);
    return status;
}

pe_status learning_biases(const pe_lab *lab, const pe_subject *subject, const pe_instance *trained,
                          double *b, pe_error *err)
{
    pe_instance *copy = NULL;
    pe_status status = copy_trained(lab, subject, trained, &copy, err);
    if (status == PE_OK)
        status = pe_lab_biases(copy, T, b, err);
    pe_instance_release(copy);
    return status;
}

static double mean_of(const double *x, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += x[i] / (to - from);
    return sum;
}

/* Tokens 1 .. 4 back less the farther half: how much a head is drawn to what is near. */
double learning_nearness(const double *bias)
{
    return mean_of(bias, 1, 1 + NEAR) - mean_of(bias, FAR, T);
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

/* A constant added to all logits of a query changes nothing: curves are shown less their mean. */
static void without_mean(const double *bias, double *y)
{
    const double mean = mean_of(bias, 0, T);
    for (int r = 0; r < T; r++)
        y[r] = bias[r] - mean;
}

static double range_of(const double *bias)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int r = 0; r < T; r++) {
        low = fmin(low, bias[r]);
        high = fmax(high, bias[r]);
    }
    return high - low;
}

/* Widest range of a head, and how many heads are drawn to near tokens. */
typedef struct stage_marks {
    double range;
    int drawn;
} stage_marks;

static stage_marks marks_at(const learning_run *run, int stage)
{
    stage_marks m = {0};
    for (int h = 0; h < H; h++) {
        const double *b = run->bias[stage] + (ptrdiff_t)h * T;
        m.range = fmax(m.range, range_of(b));
        m.drawn += learning_nearness(b) > 0;
    }
    return m;
}

static void fill_sheet(const learning_run *run, pe_section *section)
{
    static const pe_sheet_column columns[] = {
        {"step", NULL, 0, 6},          {"near less far, mean", NULL, 0, 3},
        {"smallest seed", NULL, 0, 3}, {"largest seed", NULL, 0, 3},
        {"widest range", NULL, 0, 3},  {"heads drawn to near tokens", NULL, 0, 2}};
    char id[64], caption[200];
    snprintf(id, sizeof id, "%.40s_stages", run->subject->file);
    snprintf(caption, sizeof caption,
             "%s, biases of the first layer by distance, mean over %d heads; the last two columns "
             "from the first seed",
             run->subject->title, H);
    pe_sheet *sheet = pe_section_table(section, id, caption, 6, columns);
    for (int s = 0; s < run->stage_count; s++) {
        double low = HUGE_VAL, high = -HUGE_VAL, mean = 0;
        for (int i = 0; i < run->seeds; i++) {
            low = fmin(low, run->near[s][i]);
            high = fmax(high, run->near[s][i]);
            mean += run->near[s][i] / run->seeds;
        }
        const stage_marks m = marks_at(run, s);
        const double row[] = {(double)run->stages[s], mean, low, high, m.range, m.drawn};
        for (int c = 0; c < 6; c++)
            pe_sheet_number(sheet, row[c]);
    }
}

static void judge(const learning_run *run, pe_section *section)
{
    const int last = run->stage_count - 1;
    const char *id = run->subject->name;
    double moved = 0;
    for (int at = 0; at < H * T; at++)
        moved = fmax(moved, fabs(run->bias[last][at] - run->bias[0][at]));
    pe_require(section, "4.2", id, "largest change of a bias by training", moved, moved > 0,
               "biases are trained", "its parameters have a gradient");
    double low = HUGE_VAL, high = -HUGE_VAL, mean = 0;
    for (int i = 0; i < run->seeds; i++) {
        low = fmin(low, run->near[last][i]);
        high = fmax(high, run->near[last][i]);
        mean += run->near[last][i] / run->seeds;
    }
    pe_give_interval(section, "4.2", id, "bias of near tokens less that of far ones, trained", mean,
                     low, high, "from the smallest to the largest seed, mean over heads");
}

/* ---- showing ------------------------------------------------------------------------------------
 */

static void draw(const learning_run *run, pe_section *section, pe_error *err)
{
    char id[64], title[64], name[24];
    double x[T], y[T];
    const int last = run->stage_count - 1;
    const stage_marks first = marks_at(run, 0), end = marks_at(run, last);
    snprintf(id, sizeof id, "%.40s_biases", run->subject->file);
    for (int r = 0; r < T; r++)
        x[r] = r;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, id, err,
        "%s: the widest bias curve of a head spans %.2f before training and %.2f after %lld steps, "
        "when %d of %d heads are drawn to near tokens",
        run->subject->title, first.range, end.range, (long long)run->stages[last], end.drawn, H);
    for (int s = 0; s <= last; s++) {
        const long long step = (long long)run->stages[s];
        snprintf(title, sizeof title, step ? "after %lld steps" : "before training", step);
        pe_figure_panel(figure, title);
        for (int h = 0; h < H; h++) {
            snprintf(name, sizeof name, "head %d", h + 1);
            without_mean(run->bias[s] + (ptrdiff_t)h * T, y);
            pe_figure_add_series(
                figure, &(pe_series){.name = name, .slot = (size_t)h, .n = T, .x = x, .y = y});
        }
    }
    pe_figure_x(figure, "distance k (tokens back)", PE_LINEAR);
    pe_figure_y(figure, "D(k): bias less its mean", PE_LINEAR);
    pe_figure_describe(figure,
                       "Small multiples over training: bias of the first layer against distance, "
                       "one curve for each head.",
                       "First seed, the last of 64 queries, no content. A constant over all keys "
                       "changes no weight, so every curve is shown less its mean.");
    pe_section_figure(section, figure);
}

void learning_show_biases(const learning_run *run, pe_result *result, pe_error *err)
{
    char heading[160];
    snprintf(heading, sizeof heading, "%s: a bias for each distance and head", run->subject->title);
    pe_section *section = pe_result_section(result, heading);
    const int last = run->stage_count - 1;
    pe_say(
        section,
        "The held-out loss ends at %.3f nats. Here no rows are learned but one number for each "
        "distance and head. Tokens 1 to %d back get %.2f more than those %d and more back, mean "
        "over heads and first seed (%.2f before training): a difference of 1 is a factor of e in "
        "the weight.",
        run->held_out[0], NEAR, run->near[last][0], FAR, run->near[0][0]);
    fill_sheet(run, section);
    judge(run, section);
    draw(run, section, err);
}
