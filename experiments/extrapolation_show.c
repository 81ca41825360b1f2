/* Curves and tables, task by task, and the text. */
#include "extrapolation.h"

#include <math.h>
#include <stdio.h>

/* ---- curves ---------------------------------------------------------------------------------- */

static bool any_trained(const ex_field *field, const ex_runner *r)
{
    return !isnan(ex_at(field, r, field->own).mean);
}

void ex_add_curve(const ex_field *field, const ex_runner *r, bool grey, pe_figure *figure)
{
    double x[EX_LENGTHS], y[EX_LENGTHS], low[EX_LENGTHS], high[EX_LENGTHS];
    for (int l = 0; l < field->lengths; l++) {
        const ex_spread s = ex_at(field, r, l);
        x[l] = (double)field->length[l] / (double)field->task.trained;
        y[l] = s.mean;
        low[l] = s.low;
        high[l] = s.high;
    }
    pe_figure_add_series(figure, &(pe_series){.name = grey ? "" : r->name,
                                              .slot = r->slot,
                                              .look = grey ? PE_LOOK_REFERENCE : PE_LOOK_LINE,
                                              .n = (size_t)field->lengths,
                                              .x = x,
                                              .y = y,
                                              .low = grey ? NULL : low,
                                              .high = grey ? NULL : high});
}

static bool group_has(const ex_field *field, ex_group group)
{
    for (int i = 0; i < field->runners; i++)
        if (field->runner[i].group == group && any_trained(field, &field->runner[i]))
            return true;
    return false;
}

/* One panel for each group, with all others in grey behind it. */
void ex_figure(const ex_field *field, pe_section *section, pe_figure *figure)
{
    pe_figure_x(figure, "length over trained length, n / L", PE_LOG2);
    for (int group = EX_CODES; group < EX_GROUPS; group++) {
        const ex_group g = (ex_group)group;
        if (!group_has(field, g))
            continue;
        pe_figure_panel(figure, ex_group_title(g));
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < field->runners; i++) {
                const ex_runner *r = &field->runner[i];
                if (any_trained(field, r) && (r->group == g) == (pass == 1))
                    ex_add_curve(field, r, pass == 0, figure);
            }
        pe_figure_mark_x(figure, 1, NULL);
    }
    pe_section_figure(section, figure);
}

/* ---- a task ---------------------------------------------------------------------------------- */

typedef struct tally {
    int learned, at_double, at_end, refused, all;
} tally;

static tally count_keepers(const ex_field *field)
{
    tally t = {0};
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        if (!any_trained(field, r))
            continue;
        t.all++;
        if (ex_learned(field, r) == 0)
            continue;
        t.learned++;
        t.refused += ex_all_refused(field, r);
        t.at_double += ex_reach(field, r).mean > 2;
        t.at_end += ex_at(field, r, field->lengths - 1).mean > 0.9;
    }
    return t;
}

static void sheet_spread(pe_sheet *sheet, ex_spread s)
{
    const double x[3] = {s.mean, s.low, s.high};
    for (int i = 0; i < 3; i++)
        if (isnan(x[i]))
            pe_sheet_missing(sheet);
        else
            pe_sheet_number(sheet, x[i]);
}

static void show_row(const ex_field *field, const ex_runner *r, pe_sheet *sheet)
{
    pe_sheet_text(sheet, r->name);
    pe_sheet_text(sheet, ex_group_title(r->group));
    pe_sheet_number(sheet, ex_learned(field, r));
    pe_sheet_number(sheet, ex_at(field, r, field->own).mean);
    if (ex_all_refused(field, r))
        pe_sheet_text(sheet, "undefined beyond");
    else {
        char text[32];
        snprintf(text, sizeof text, "%.3f", ex_at(field, r, field->lengths - 1).mean);
        pe_sheet_text(sheet, text);
    }
    sheet_spread(sheet, ex_area(field, r));
    sheet_spread(sheet, ex_reach(field, r));
}

static void show_table(const ex_field *field, pe_section *section)
{
    const pe_sheet_column columns[] = {{"encoding", NULL, 1, 0},
                                       {"acts by", NULL, 1, 0},
                                       {"seeds that learned L", NULL, 0, 0},
                                       {"accuracy at L", NULL, 0, 3},
                                       {"at the longest", NULL, 1, 0},
                                       {"mean from L to 2L", NULL, 0, 3},
                                       {"lowest", NULL, 0, 3},
                                       {"highest", NULL, 0, 3},
                                       {"below 0.9 from", "L", 0, 3},
                                       {"earliest", "L", 0, 3},
                                       {"latest", "L", 0, 3}};
    char id[48];
    snprintf(id, sizeof id, "%s_table", field->task.id);
    pe_sheet *sheet = pe_section_table(section, id, field->task.title,
                                       sizeof columns / sizeof columns[0], columns);
    for (int i = 0; i < field->runners; i++)
        if (any_trained(field, &field->runner[i]))
            show_row(field, &field->runner[i], sheet);
}

static void give_verdicts(const ex_field *field, pe_section *section)
{
    char area_text[96], reach_text[96];
    snprintf(area_text, sizeof area_text, "%s: mean accuracy from L to 2L", field->task.title);
    snprintf(reach_text, sizeof reach_text, "%s: accuracy below 0.9 from n / L", field->task.title);
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        const ex_spread a = ex_area(field, r), reach = ex_reach(field, r);
        if (!any_trained(field, r)) {
            pe_section_not_applicable(section, r->subject->name, r->curve[0].because);
            continue;
        }
        pe_give_interval(section, field->task.id, r->name, area_text, a.mean, a.low, a.high,
                         "least and most over seeds");
        if (!isnan(reach.mean))
            pe_give_interval(section, field->task.id, r->name, reach_text, reach.mean, reach.low,
                             reach.high, "seeds that learned L; the longest tested if never");
    }
}

/* The names of those that did not learn even the trained length. */
static void say_failures(const ex_field *field, pe_section *section)
{
    char names[1024] = "";
    size_t used = 0;
    int n = 0;
    for (int i = 0; i < field->runners; i++)
        if (any_trained(field, &field->runner[i]) && ex_learned(field, &field->runner[i]) == 0) {
            const int wrote = snprintf(names + used, sizeof names - used, "%s%s", n++ ? "; " : "",
                                       field->runner[i].name);
            used = used + (size_t)wrote < sizeof names ? used + (size_t)wrote : sizeof names - 1;
        }
    if (n)
        pe_say(section,
               "Not even the trained length was learned in %lld steps by %d: %s. What these do "
               "further out says nothing about extrapolation.",
               (long long)field->task.steps, n, names);
    else
        pe_say(section, "Everybody learned the trained length in %lld steps.",
               (long long)field->task.steps);
}

static const char *explain(const ex_field *field)
{
    switch (field->task.config.kind) {
    case PE_TASK_RECALL:
        return "At every token the answer is the token some steps back. One layer has to look at "
               "exactly one offset, so only the encoding can help; accuracy is counted by the "
               "token's place in one sequence of 8L tokens.";
    case PE_TASK_COPY:
        return "Random symbols, a separator, and the same symbols again. Two layers can look for "
               "the place where the last symbols stood before, or count back; the distance to look "
               "back grows with the length.";
    default:
        return "Two numbers and their sum, the last digit first, so that each digit needs two "
               "digits and a carry. Where the digits of the second number stand depends on the "
               "length.";
    }
}

static void show_task(const ex_field *field, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, field->task.title);
    const tally t = count_keepers(field);
    pe_section_paragraph(section, explain(field));
    say_failures(field, section);
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, field->task.id, err,
        "%s: of %d that learned L = %lld, %d %s still above 0.9 at 2L, %d at 8L; %d end at L",
        field->task.title, t.learned, (long long)field->task.trained, t.at_double,
        t.at_double == 1 ? "is" : "are", t.at_end, t.refused);
    pe_figure_y(figure, "accuracy (share of tokens)", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1);
    pe_figure_describe(figure,
                       "Small multiples: accuracy against the length over the trained length, one "
                       "panel for each way of acting.",
                       "Each panel shows its own group in colour, the mean over seeds and a band "
                       "from the worst to the best seed, with all others in grey. The vertical "
                       "line is the trained length. Where nothing is defined the accuracy is 0.");
    ex_figure(field, section, figure);
    show_table(field, section);
    give_verdicts(field, section);
}

static void find(const ex_field *field, pe_result *result)
{
    const tally t = count_keepers(field);
    char text[400];
    snprintf(text, sizeof text,
             "%s, trained to %lld tokens: of %d encodings that learned it, %d still do it at twice "
             "that length and %d at eight times; %d %s undefined beyond.",
             field->task.title, (long long)field->task.trained, t.learned, t.at_double, t.at_end,
             t.refused, t.refused == 1 ? "is" : "are");
    pe_result_finding(result, text);
}

pe_status ex_show_tasks(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    (void)lab;
    for (int f = 0; f < run->fields; f++)
        if (run->field[f].task.config.kind != PE_TASK_TEXT)
            show_task(&run->field[f], result, err);
    find(&run->field[1], result);
    return pe_result_check(result, err);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Loss at 8L less that at L, nats; NaN where not defined. */
static double rise(const ex_field *field, const ex_runner *r)
{
    return ex_at(field, r, field->lengths - 1).mean - ex_at(field, r, field->own).mean;
}

static void show_text_table(const ex_field *field, pe_section *section)
{
    const pe_sheet_column columns[] = {
        {"encoding", NULL, 1, 0},  {"perplexity, L/2 to L", NULL, 0, 4},
        {"after L", NULL, 0, 4},   {"before 2L", NULL, 0, 4},
        {"before 8L", NULL, 0, 4}, {"rise of the loss", "nats", 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "text_table", "Perplexity of held-out bytes", 6, columns);
    const int at[] = {field->own, field->own + 1, field->own + 3, field->lengths - 1};
    for (int i = 0; i < field->runners; i++) {
        const ex_runner *r = &field->runner[i];
        if (!any_trained(field, r))
            continue;
        pe_sheet_text(sheet, r->name);
        for (int k = 0; k < 4; k++)
            if (isnan(ex_at(field, r, at[k]).mean))
                pe_sheet_missing(sheet);
            else
                pe_sheet_number(sheet, exp(ex_at(field, r, at[k]).mean));
        if (isnan(rise(field, r)))
            pe_sheet_missing(sheet);
        else
            pe_sheet_number(sheet, rise(field, r));
        pe_give(section, "text", r->name, "rise of the loss from L to 8L, nats", rise(field, r),
                isnan(rise(field, r)) ? "undefined beyond L" : "held-out text");
    }
}

pe_status ex_show_text(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    (void)lab;
    const ex_field *field = &run->field[run->fields - 1];
    pe_section *section = pe_result_section(result, "Perplexity of text by position");
    int flat = 0, defined = 0;
    double worst = 0;
    for (int i = 0; i < field->runners; i++) {
        const double up = rise(field, &field->runner[i]);
        defined += !isnan(up);
        flat += up < 0.05;
        worst = fmax(worst, up);
    }
    pe_say(section,
           "The bytes of the text, the last tenth held out: sequences of %lld in training, of %lld "
           "in the test. A context that grows should make the loss fall; where it rises with the "
           "position, the encoding shows the model something that it has never seen.",
           (long long)field->task.trained, (long long)field->length[field->lengths - 1]);
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "text", err,
        "Text: the loss of %d of %d encodings rises by less than 0.05 nats from L to 8L, one by "
        "%.2f",
        flat, defined, worst);
    pe_figure_y(figure, "held-out loss (nats per byte)", PE_LINEAR);
    pe_figure_describe(figure,
                       "Small multiples: held-out loss against position over trained length.",
                       "As above. Curves that end at the vertical line are undefined beyond it.");
    ex_figure(field, section, figure);
    show_text_table(field, section);
    return pe_result_check(result, err);
}
