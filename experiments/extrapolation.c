/* Extrapolation: trained on short sequences, tested on up to eight times as long ones
 * (METRICS.md 4.4 and 5; Kazemnejad et al. 2023, arXiv:2305.19466; Press et al. 2022,
 * arXiv:2108.12409; Likhomanenko et al. 2021, arXiv:2106.03143). */
#include "base/memory.h"
#include "extrapolation.h"

#include <stdio.h>
#include <string.h>

/* ---- tasks ----------------------------------------------------------------------------------- */

static ex_task of_tokens(pe_task_kind kind, const char *id, const char *title, int64_t length,
                         int64_t distance)
{
    return (ex_task){
        .id = id,
        .title = title,
        .config = {.kind = kind, .length = length, .distance = distance, .causal = true},
        .trained = length,
        .by_token = true,
        .layers = 1,
        .batch = 16,
        .rate = 1e-2,
        .deviation = 0.5};
}

static ex_task of_questions(pe_task_kind kind, const char *id, const char *title, int symbols,
                            int64_t longest)
{
    return (ex_task){.id = id,
                     .title = title,
                     .config = {.kind = kind,
                                .symbols = symbols,
                                .shortest = 1,
                                .longest = longest,
                                .reversed = true,
                                .causal = true},
                     .trained = longest,
                     .layers = 2,
                     .batch = 32,
                     .rate = 1e-2,
                     .deviation = 0.5};
}

static void choose_tasks(const pe_lab *lab, ex_run *run)
{
    const ex_task tasks[EX_TASKS] = {
        of_tokens(PE_TASK_RECALL, "near", "Recall of the left neighbour", 16, 1),
        of_tokens(PE_TASK_RECALL, "far", "Recall at distance 12", 16, 12),
        of_questions(PE_TASK_COPY, "copy", "Copy", 8, 8),
        of_questions(PE_TASK_ADDITION, "addition", "Addition", 10, pe_lab_by_effort(lab, 2, 2, 6)),
        of_tokens(PE_TASK_TEXT, "text", "Next byte of text", 32, 0)};
    static const int64_t steps[EX_TASKS][3] = {
        {120, 250, 2000}, {150, 300, 3000}, {40, 500, 8000}, {20, 300, 20000}, {20, 200, 4000}};
    run->fields = EX_TASKS;
    for (int f = 0; f < EX_TASKS; f++) {
        ex_field *field = &run->field[f];
        field->task = tasks[f];
        field->task.steps = pe_lab_by_effort(lab, steps[f][0], steps[f][1], steps[f][2]);
        field->seeds = (int)pe_lab_by_effort(lab, 1, 3, EX_SEEDS);
        ex_choose_lengths(field);
    }
    ex_field *text = &run->field[EX_TASKS - 1];
    text->task.layers = 2;
    text->task.rate = 6e-3;
    run->headline =
        (ex_field){.task = of_tokens(PE_TASK_RECALL, "headline", "Recall at distance 4", 32, 4),
                   .seeds = run->field[0].seeds};
    run->headline.task.steps = pe_lab_by_effort(lab, 60, 400, 4000);
    ex_choose_lengths(&run->headline);
    run->headline.lengths = 7; /* to 128 = 4 L */
}

/* ---- runners --------------------------------------------------------------------------------- */

static ex_runner *add_runner(ex_field *field, const pe_subject *subject)
{
    if (field->runners == EX_SUBJECTS)
        return NULL;
    ex_runner *r = &field->runner[field->runners++];
    *r = (ex_runner){
        .subject = subject, .slot = subject->slot, .group = ex_group_of(subject->instance)};
    snprintf(r->name, sizeof r->name, "%s", subject->title);
    return r;
}

static bool has_word(const char *choices, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == '|' || at[n] == '\0'))
            return true;
    return false;
}

/* The option that repeats the last row of a table that ends, where the variant has one. */
static const char *clamping_option(const pe_variant *variant)
{
    for (int o = 0; o < variant->option_count; o++)
        if (variant->options[o].kind == PE_CHOICE && has_word(variant->options[o].choices, "clamp"))
            return variant->options[o].name;
    return NULL;
}

static void add_clamped(const pe_subject *subject, ex_run *run, ex_field *field)
{
    const char *option = clamping_option(subject->variant);
    if (!option || !ex_table_ends(subject->instance) || field->runners == EX_SUBJECTS)
        return;
    pe_setting *clamp = &run->clamp[field->runners];
    *clamp = (pe_setting){option, "clamp"};
    ex_runner *r = add_runner(field, subject);
    r->settings = clamp;
    r->setting_count = 1;
    snprintf(r->name, sizeof r->name, "%.60s, %.20s=clamp", subject->title, option);
}

static void add_everybody(const pe_lab *lab, ex_run *run, pe_section *section)
{
    for (int s = 0; s < lab->subject_count; s++) {
        const pe_subject *subject = &lab->subjects[s];
        if (!subject->instance) {
            pe_section_not_applicable(section, subject->name, subject->because);
            continue;
        }
        for (int f = 0; f < run->fields; f++) {
            add_runner(&run->field[f], subject);
            if (run->field[f].task.by_token)
                add_clamped(subject, run, &run->field[f]);
        }
    }
}

/* ---- the headline: a code alone, behind a map, and a linear bias ------------------------------
 */

static bool takes_any_coordinate(const pe_instance *instance)
{
    const unsigned can = pe_lab_capabilities(instance);
    if (can & PE_CAN_POSITIONS || instance->info.flags & PE_WHOLE_COORDINATES)
        return false;
    if (can & PE_CAN_EMBED)
        return instance->info.max_coord <= instance->info.min_coord;
    return can & PE_CAN_MAP && instance->info.max_coord <= instance->info.min_coord;
}

static bool is_fixed_bias(const pe_subject *subject)
{
    return ex_group_of(subject->instance) == EX_BIAS && !subject->random_table;
}

static bool has_option(const pe_variant *variant, const char *name)
{
    for (int o = 0; o < variant->option_count; o++)
        if (strcmp(variant->options[o].name, name) == 0)
            return true;
    return false;
}

/* Behind the map as it comes, and with shifts as far as the longest text. */
static void add_mapped(const pe_subject *subject, const pe_variant *map, ex_run *run)
{
    ex_field *field = &run->headline;
    ex_runner *r = add_runner(field, subject);
    if (!r)
        return;
    r->map = map;
    snprintf(r->name, sizeof r->name, "%.44s + %.40s", subject->title, map->title);
    if (!has_option(map, "max_shift") || !(r = add_runner(field, subject)))
        return;
    snprintf(run->far_text[0], sizeof run->far_text[0], "%lld",
             (long long)field->length[field->lengths - 1]);
    run->far_map[0] = (pe_setting){"max_shift", run->far_text[0]};
    r->map = map;
    r->map_settings = run->far_map;
    r->map_setting_count = 1;
    snprintf(r->name, sizeof r->name, "%.36s + %.30s, shift %.8s", subject->title, map->title,
             run->far_text[0]);
}

static void add_headline(const pe_lab *lab, ex_run *run)
{
    for (int s = 0; s < lab->subject_count; s++) {
        const pe_subject *subject = &lab->subjects[s];
        if (!subject->instance)
            continue;
        if (is_fixed_bias(subject))
            add_runner(&run->headline, subject);
        if (!takes_any_coordinate(subject->instance))
            continue;
        add_runner(&run->headline, subject);
        for (int m = 0; m < lab->subject_count; m++)
            if (lab->subjects[m].instance && lab->subjects[m].variant->positions)
                add_mapped(subject, lab->subjects[m].variant, run);
    }
}

/* ---- the experiment -------------------------------------------------------------------------- */

static pe_status measure(pe_lab *lab, ex_run *run, pe_error *err)
{
    static const double begins[EX_TASKS + 2] = {0, 0.08, 0.16, 0.46, 0.7, 0.88, 1};
    pe_status status = PE_OK;
    for (int f = 0; status == PE_OK && f < run->fields; f++)
        status = ex_measure(lab, &run->field[f], begins[f], begins[f + 1], err);
    if (status == PE_OK)
        status = ex_measure(lab, &run->headline, begins[EX_TASKS], 1, err);
    return status;
}

static void say_how(const ex_run *run, pe_section *section)
{
    pe_say(section,
           "Every encoding is trained in the same small decoder (width 32, 4 heads, 1 or 2 layers, "
           "float) with %d seed%s, on sequences of at most $L$ tokens, and is then asked at up to "
           "$8L$, with nothing changed. A curve is the mean over the seeds; its band goes from the "
           "worst seed to the best. An encoding that learned the trained length has an accuracy "
           "above 0.95 there; what falls below 0.9 further out has failed. Answers are scored with "
           "the right answer before them.",
           run->field[0].seeds, run->field[0].seeds == 1 ? "" : "s");
    const pe_sheet_column columns[] = {{"task", NULL, 1, 0},      {"trained to L", NULL, 0, 0},
                                       {"tested to", NULL, 0, 0}, {"layers", NULL, 0, 0},
                                       {"steps", NULL, 0, 0},     {"sequences a step", NULL, 0, 0}};
    pe_sheet *sheet = pe_section_table(section, "tasks", "What was trained", 6, columns);
    for (int f = 0; f <= run->fields; f++) {
        const ex_field *field = f < run->fields ? &run->field[f] : &run->headline;
        pe_sheet_text(sheet, field->task.title);
        pe_sheet_number(sheet, (double)field->task.trained);
        pe_sheet_number(sheet, (double)field->length[field->lengths - 1]);
        pe_sheet_number(sheet, field->task.layers);
        pe_sheet_number(sheet, (double)field->task.steps);
        pe_sheet_number(sheet, field->task.batch);
    }
}

static pe_status show(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err)
{
    static pe_status (*const sections[])(pe_lab *, const ex_run *, pe_result *, pe_error *) = {
        ex_show_tasks, ex_show_text, ex_show_ranks, ex_show_orders, ex_show_headline};
    pe_status status = PE_OK;
    for (size_t s = 0; status == PE_OK && s < sizeof sections / sizeof sections[0]; s++)
        status = sections[s](lab, run, result, err);
    return status;
}

static pe_status run_extrapolation(pe_lab *lab, pe_result *result, pe_error *err)
{
    ex_run *run = pe_allocate(1, sizeof *run, "curves", err);
    if (!run)
        return PE_MEMORY;
    pe_section *section = pe_result_section(result, "Trained short, tested long");
    choose_tasks(lab, run);
    add_everybody(lab, run, section);
    add_headline(lab, run);
    say_how(run, section);
    pe_status status = measure(lab, run, err);
    if (status == PE_OK)
        status = show(lab, run, result, err);
    pe_release(run);
    return status;
}

extern const pe_experiment pe_experiment_extrapolation;
const pe_experiment pe_experiment_extrapolation = {
    .id = "extrapolation",
    .title = "Trained short, tested long",
    .question = "Which encodings still do at eight times the trained length what they learned, and "
                "on which tasks?",
    .weight = 200,
    .run = run_extrapolation,
};
