/* Ranks over tasks, the published orders, and the headline of CAPE. */
#include "extrapolation.h"

#include <math.h>
#include <stdio.h>

/* ---- mean reciprocal rank -------------------------------------------------------------------- */

/* How good a seed is from L to 2L; more is better. */
static double goodness(const ex_field *field, const ex_runner *r, int seed)
{
    const ex_curve *c = &r->curve[seed];
    const bool text = field->task.config.kind == PE_TASK_TEXT;
    double sum = 0;
    int n = 0;
    if (!c->trained)
        return (double)NAN;
    if (c->refused)
        return text ? -(double)INFINITY : 0;
    for (int l = field->own + 1; l < field->lengths && field->length[l] <= 2 * field->task.trained;
         l++, n++)
        sum += c->at[l];
    return (text ? -sum : sum) / n;
}

static double reciprocal_rank(const ex_field *field, int i, int seed)
{
    const double own = goodness(field, &field->runner[i], seed);
    int better = 0;
    for (int k = 0; k < field->runners; k++)
        better += !field->runner[k].settings && goodness(field, &field->runner[k], seed) > own;
    return isnan(own) ? (double)NAN : 1.0 / (1 + better);
}

/* The runner of a subject as it comes, in another field. */
static int find_runner(const ex_field *field, const pe_subject *subject)
{
    for (int i = 0; i < field->runners; i++)
        if (field->runner[i].subject == subject && !field->runner[i].settings &&
            !field->runner[i].map)
            return i;
    return -1;
}

/* Over the tasks that the subject could do. */
static ex_spread mean_rank(const ex_run *run, const pe_subject *subject)
{
    ex_spread s = {0, (double)NAN, (double)NAN};
    const int seeds = run->field[0].seeds;
    for (int k = 0; k < seeds; k++) {
        double sum = 0;
        int n = 0;
        for (int f = 0; f < run->fields; f++) {
            const int i = find_runner(&run->field[f], subject);
            const double rank = i < 0 ? (double)NAN : reciprocal_rank(&run->field[f], i, k);
            if (!isnan(rank)) {
                sum += rank;
                n++;
            }
        }
        const double mean = sum / n;
        s.mean += mean / seeds;
        s.low = fmin(s.low, mean);
        s.high = fmax(s.high, mean);
    }
    return s;
}

pe_status ex_show_ranks(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "All tasks together");
    const char *names[EX_SUBJECTS];
    size_t slots[EX_SUBJECTS], n = 0, best = 0;
    double mean[EX_SUBJECTS], low[EX_SUBJECTS], high[EX_SUBJECTS];
    pe_say(section,
           "On each task and seed the encodings are ranked by what they do from just after L to "
           "2L (accuracy, or loss of text). The mean of 1/rank over the %d tasks is the measure of "
           "Kazemnejad et al.; they report 0.69 for nothing, 0.55 for trained biases, 0.50 for "
           "linear ones, 0.33 for turned vectors, 0.22 for sinusoids.",
           run->fields);
    pe_section_formula(section,
                       "\\mathrm{MRR} = \\frac{1}{|\\mathrm{tasks}|}\\sum 1/\\mathrm{rank}", NULL);
    for (int s = 0; s < lab->subject_count && n < EX_SUBJECTS; s++) {
        const pe_subject *subject = &lab->subjects[s];
        if (!subject->instance || find_runner(&run->field[0], subject) < 0)
            continue;
        const ex_spread m = mean_rank(run, subject);
        if (isnan(m.mean))
            continue;
        names[n] = subject->title;
        slots[n] = subject->slot;
        mean[n] = m.mean;
        low[n] = m.low;
        high[n] = m.high;
        if (mean[n] > mean[best])
            best = n;
        n++;
        pe_give_interval(section, "MRR", subject->name, "mean reciprocal rank over tasks", m.mean,
                         m.low, m.high, "least and most over seeds");
    }
    if (n == 0)
        return pe_result_check(result, err);
    pe_figure *figure = pe_figure_titled(PE_BARS_GROUPED, "ranks", err,
                                         "%s ranks best from L to 2L: mean reciprocal rank %.2f "
                                         "(%.2f to %.2f over seeds)",
                                         names[best], mean[best], low[best], high[best]);
    pe_figure_x(figure, "mean reciprocal rank over tasks", PE_LINEAR);
    pe_figure_categories(figure, n, names, slots);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "rank", .n = n, .y = mean, .low = low, .high = high});
    pe_figure_describe(figure, "Bars: mean reciprocal rank of each encoding, with error bars.",
                       "Error bars go from the worst seed to the best. 1 would be the first place "
                       "on every task.");
    pe_section_figure(section, figure);
    return pe_result_check(result, err);
}

/* ---- published orders ------------------------------------------------------------------------ */

typedef bool (*member)(const ex_runner *r);
static bool is_code(const ex_runner *r)
{
    return r->group == EX_CODES && !ex_table_ends(r->subject->instance) &&
           !r->subject->variant->positions; /* its positions move in training: another matter */
}
static bool is_turn(const ex_runner *r)
{
    return r->group == EX_TURNS;
}
static bool is_relative(const ex_runner *r)
{
    return r->group == EX_RELATIVE || r->group == EX_BIAS || r->group == EX_NOTHING;
}
static bool is_fixed(const ex_runner *r)
{
    return r->group == EX_BIAS && !r->subject->random_table;
}

/* Mean of the lengths at which accuracy falls below 0.9, over members that learned; NaN: none. */
static double mean_reach(const ex_field *field, member is, int *count)
{
    double sum = 0;
    *count = 0;
    for (int i = 0; i < field->runners; i++) {
        const double x = ex_reach(field, &field->runner[i]).mean;
        if (!is(&field->runner[i]) || field->runner[i].settings || isnan(x))
            continue;
        sum += x;
        ++*count;
    }
    return *count ? sum / *count : (double)NAN;
}

static void judge_order(pe_section *section, const char *quantity, const char *variant,
                        double value, bool holds, const char *numbers, const char *source)
{
    char text[PE_ERROR_TEXT + 64];
    pe_verdict v = pe_verdict_blank();
    v.id = "order";
    v.variant = variant;
    v.quantity = quantity;
    v.value = value;
    v.source = source;
    v.judgement = holds ? PE_VERDICT_PASS : PE_VERDICT_INFO;
    snprintf(text, sizeof text, "%s: %s", holds ? "holds here" : "does not hold here", numbers);
    v.because = text;
    pe_section_verdict(section, &v);
}

/* Of n / L: less is no order, one way or the other. */
static const double least_difference = 0.01;
static const char *const expected_order = "METRICS.md 4.4, expected order";

static void compare(const ex_field *field, pe_section *section, const char *first, member a,
                    const char *second, member b)
{
    int na, nb;
    const double x = mean_reach(field, a, &na), y = mean_reach(field, b, &nb);
    char quantity[200], numbers[300];
    snprintf(quantity, sizeof quantity, "%s: %s fail before %s (difference in n / L)",
             field->task.title, first, second);
    if (!na || !nb) {
        snprintf(numbers, sizeof numbers,
                 "%d %s and %d %s learned L, so there is nothing to "
                 "compare",
                 na, first, nb, second);
        pe_section_not_applicable(section, NULL, numbers);
        return;
    }
    snprintf(numbers, sizeof numbers,
             "below 0.9 from %.2f L (%s, %d learned L), from %.2f L (%s, %d)", x, first, na, y,
             second, nb);
    const bool holds = y - x > least_difference;
    judge_order(section, quantity, NULL, y - x, holds, numbers, expected_order);
    pe_say(section, "%s: %s %s before %s. Accuracy falls %s.", field->task.title, first,
           holds ? "do fail" : "do not fail", second, numbers);
}

/* At 8 L on tasks with tokens: the place among all. */
static int place_of(const ex_field *field, const ex_runner *own)
{
    int better = 0;
    const double x = ex_at(field, own, field->lengths - 1).mean;
    for (int i = 0; i < field->runners; i++)
        better += !field->runner[i].settings &&
                  ex_at(field, &field->runner[i], field->lengths - 1).mean > x;
    return 1 + better;
}

static void judge_fixed_bias(const ex_run *run, pe_section *section)
{
    const ex_field *near = &run->field[0], *far = &run->field[1];
    for (int i = 0; i < near->runners; i++) {
        const ex_runner *r = &near->runner[i];
        char numbers[300];
        if (!is_fixed(r) || !r->curve[0].trained)
            continue;
        const int a = place_of(near, r), b = place_of(far, &far->runner[i]);
        const double x = ex_at(near, r, near->lengths - 1).mean,
                     y = ex_at(far, &far->runner[i], far->lengths - 1).mean;
        snprintf(numbers, sizeof numbers,
                 "accuracy %.3f at 8L, place %d; it has %.3f at L and %.3f at 2L", x, a,
                 ex_at(near, r, near->own).mean, ex_at(near, r, near->own + 3).mean);
        judge_order(section, "left neighbour: the linear bias wins at 8L (place)", r->name, a,
                    a == 1, numbers, expected_order);
        pe_say(section, "%s on the left neighbour: %s.", r->name, numbers);
        snprintf(numbers, sizeof numbers, "accuracy %.3f at 8L, place %d", y, b);
        judge_order(section, "recall far back: the linear bias loses at 8L (place)", r->name, b,
                    2 * b > far->runners, numbers, expected_order);
        pe_say(section, "%s on recall far back: %s.", r->name, numbers);
    }
}

static void judge_ends(const ex_run *run, pe_section *section)
{
    const ex_field *field = &run->field[1];
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        if (!r->curve[0].trained || !ex_table_ends(r->subject->instance))
            continue;
        char numbers[PE_ERROR_TEXT];
        if (r->settings) {
            snprintf(numbers, sizeof numbers, "accuracy %.3f at L, %.3f from L to 2L",
                     ex_at(field, r, field->own).mean, ex_area(field, r).mean);
            judge_order(section, "repeating the last row does not help (mean from L to 2L)",
                        r->name, ex_area(field, r).mean, ex_area(field, r).mean < 0.9, numbers,
                        "METRICS.md 4.4");
            continue;
        }
        snprintf(numbers, sizeof numbers, "%.200s", r->curve[0].because);
        pe_require(section, "order", r->name, "a table that ends is undefined beyond L",
                   ex_all_refused(field, r), ex_all_refused(field, r), numbers, expected_order);
        pe_say(section, "%s ends at once: beyond L it is undefined (%s).", r->name, numbers);
    }
}

pe_status ex_show_orders(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    (void)lab;
    pe_section *section = pe_result_section(result, "Published orders that hold, and that do not");
    pe_say(section, "Expected from the literature: tables end at once, codes by formula fail next, "
                    "turned vectors soon after, vectors and numbers by offset and no encoding at "
                    "all last; a linear bias wins where the answer is near and loses where it is "
                    "far. What does not hold at this scale is said so, with its numbers; only what "
                    "follows from the definition is judged.");
    judge_ends(run, section);
    for (int f = 0; f < run->fields; f++)
        if (run->field[f].task.config.kind != PE_TASK_TEXT) {
            compare(&run->field[f], section, "codes by formula", is_code, "turned vectors",
                    is_turn);
            compare(&run->field[f], section, "turned vectors", is_turn,
                    "encodings by offset and none", is_relative);
        }
    judge_fixed_bias(run, section);
    return pe_result_check(result, err);
}

/* ---- headline -------------------------------------------------------------------------------- */

static double past(const ex_field *field, const ex_runner *r)
{
    double sum = 0;
    for (int l = field->own + 1; l < field->lengths; l++)
        sum += ex_at(field, r, l).mean;
    return sum / (field->lengths - field->own - 1);
}

static bool alone(const ex_runner *r)
{
    return !r->map;
}

/* The best gain that a map brings to the code behind it. */
static const ex_runner *most_helped(const ex_field *field, double *gain)
{
    const ex_runner *found = NULL;
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        const int own = find_runner(field, r->subject);
        if (!r->map || own < 0 || !r->curve[0].trained || !ex_learned(field, r))
            continue;
        const double more = past(field, r) - past(field, &field->runner[own]);
        if (!found || more > *gain) {
            found = r;
            *gain = more;
        }
    }
    return found;
}

/* Alone, behind the map as it comes, behind the one with far shifts. */
static int column_of(const ex_runner *r)
{
    return !r->map ? 0 : r->map_setting_count ? 2 : 1;
}

static void draw_headline(const ex_field *field, pe_section *section, pe_figure *figure)
{
    static const char *const titles[] = {"alone", "behind a map that moves positions",
                                         "moved as far as the test is long"};
    pe_figure_x(figure, "length over trained length, n / L", PE_LOG2);
    for (int column = 0; column < 3; column++) {
        bool any = false;
        for (int i = 0; i < field->runners; i++) {
            const ex_runner *r = &field->runner[i];
            if (column_of(r) != column || !r->curve[0].trained)
                continue;
            if (!any)
                pe_figure_panel(figure, titles[column]);
            any = true;
            ex_runner plain = *r; /* under the name that it has in every panel */
            snprintf(plain.name, sizeof plain.name, "%s", r->subject->title);
            ex_add_curve(field, &plain, false, figure);
        }
        if (any)
            pe_figure_mark_x(figure, 1, NULL);
    }
    pe_section_figure(section, figure);
}

pe_status ex_show_headline(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    (void)lab;
    const ex_field *field = &run->headline;
    pe_section *section = pe_result_section(result, "Positions that move while training");
    double gain = 0;
    const ex_runner *helped = most_helped(field, &gain);
    pe_say(section,
           "A position map shifts, jitters and stretches the positions of every training sequence "
           "and leaves them alone in the test, where it costs nothing. Trained on %lld tokens, "
           "tested on %lld: codes alone, the same behind a map as it comes, behind a map whose "
           "shifts reach as far as the test (positions drawn from a range far larger than the "
           "text: Ruoss et al. 2023, arXiv:2305.16843), and a linear bias.",
           (long long)field->task.trained, (long long)field->length[field->lengths - 1]);
    if (helped)
        pe_say(section,
               "Most helped is %s: past L its accuracy is %.3f on average, against %.3f without "
               "the map.",
               helped->name, past(field, helped), past(field, helped) - gain);
    else
        pe_say(section, "Nobody learned the trained length behind a map.");
    pe_figure *figure =
        helped ? pe_figure_titled(PE_CURVES, "headline", err,
                                  "Moving positions add %.2f to the accuracy past L (%s)", gain,
                                  helped->name)
               : pe_figure_titled(PE_CURVES, "headline", err,
                                  "Behind a map that moves positions nobody learned L = %lld in "
                                  "%lld steps",
                                  (long long)field->task.trained, (long long)field->task.steps);
    pe_figure_y(figure, "accuracy (share of tokens)", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1);
    pe_figure_describe(figure, "Accuracy against length: codes with and without a position map.",
                       "Mean and range over seeds; the vertical line is the trained length.");
    draw_headline(field, section, figure);
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        if (!r->curve[0].trained) {
            pe_section_not_applicable(section, r->name, r->curve[0].because);
            continue;
        }
        pe_give(section, "CAPE", r->name,
                alone(r) ? "mean accuracy past L" : "mean accuracy past L, behind a map",
                past(field, r), ex_learned(field, r) ? "learned L" : "did not learn L");
    }
    return pe_result_check(result, err);
}
