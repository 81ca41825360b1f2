/* Learning: tables of positions that start as noise, as they are trained on real text (METRICS 4.2,
 * 1.8, 1.9, 2.1 to 2.3). Which encodings have such a table is asked by capability. */
#include "learning.h"

#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int learning_seeds(const pe_lab *lab)
{
    return (int)pe_lab_by_effort(lab, 1, 3, LEARNING_SEEDS);
}

static bool is_control(const pe_subject *subject)
{
    return pe_lab_capabilities(subject->instance) == 0;
}

/* ---- one stage of one training ------------------------------------------------------------------
 */

/* Rows past the trained length: the same numbers as before training, and what R2 they show. */
static pe_status look_at_unused(learning_run *run, const pe_instance *instance, int stage,
                                pe_error *err)
{
    pe_inspect_table t = {0};
    pe_toeplitz_fit fit;
    pe_status status = learning_table(instance, LEARNING_LENGTH, LEARNING_LENGTH, &t, err);
    if (status == PE_OK)
        status = pe_gram_toeplitz(t.values, t.rows, t.columns, &fit, err);
    if (status == PE_OK && stage == 0) {
        run->unused = t.values;
        t.values = NULL;
    } else if (status == PE_OK) {
        run->has_unused = true;
        run->unused_r2 = fit.r2;
        run->unused_moved = 0;
        for (size_t i = 0; i < t.rows * t.columns; i++)
            run->unused_moved = fmax(run->unused_moved, fabs(t.values[i] - run->unused[i]));
    }
    pe_inspect_release(&t);
    return status;
}

static pe_status look_at_table(learning_run *run, pe_model *model, int stage, pe_error *err)
{
    const pe_instance *instance;
    pe_inspect_table t = {0};
    pe_inspect_found f = {0};
    pe_status status = pe_model_encoding(model, 0, &instance, err);
    if (status == PE_OK)
        status = learning_table(instance, 0, LEARNING_LENGTH, &t, err);
    if (status == PE_OK)
        status = pe_inspect_measure(&t, &f, err);
    if (status == PE_OK) {
        run->rows = t.rows, run->columns = t.columns;
        run->r2[stage][run->seeds] = f.r2;
        run->rank[stage][run->seeds] = f.stable_rank_centred;
    }
    if (status == PE_OK && run->seeds == 0)
        status = pe_split_of(f.cosine, t.rows, PE_REGION_OFF_DIAGONAL, PE_MEAN_REMOVED,
                             &run->split[stage], err);
    if (status == PE_OK && run->seeds == 0) {
        run->table[stage] = t, run->found[stage] = f;
        t = (pe_inspect_table){0}, f = (pe_inspect_found){0};
        if (run->kind == LEARNING_CODES)
            status = look_at_unused(run, instance, stage, err);
    }
    pe_inspect_release(&t);
    pe_inspect_forget(&f);
    return status;
}

static pe_status look_at_biases(learning_run *run, pe_model *model, int stage, pe_error *err)
{
    const pe_instance *instance;
    double b[LEARNING_HEADS * LEARNING_LENGTH];
    pe_status status = pe_model_encoding(model, 0, &instance, err);
    if (status == PE_OK)
        status = learning_biases(run->lab, run->subject, instance, b, err);
    if (status != PE_OK)
        return status;
    for (int h = 0; h < LEARNING_HEADS; h++)
        run->near[stage][run->seeds] +=
            learning_nearness(b + (ptrdiff_t)h * LEARNING_LENGTH) / LEARNING_HEADS;
    if (run->seeds == 0)
        memcpy(run->bias[stage], b, sizeof b);
    return PE_OK;
}

static pe_status look(pe_model *model, int stage, int64_t step, void *context, pe_error *err)
{
    learning_run *run = context;
    pe_status status = PE_OK;
    (void)step;
    if (learning_has_rows(run->kind))
        status = look_at_table(run, model, stage, err);
    else if (run->kind == LEARNING_BIASES)
        status = look_at_biases(run, model, stage, err);
    if (status == PE_OK && run->seeds == 0 && stage == 0)
        status = learning_attend(model, run->task, &run->before, err);
    if (status == PE_OK && run->seeds == 0 && stage == run->stage_count - 1)
        status = learning_attend(model, run->task, &run->after, err);
    return status;
}

/* ---- one subject --------------------------------------------------------------------------------
 */

/* Steps at which to look: 0, a few on the way, the end. */
static void choose_stages(learning_run *run, int64_t steps)
{
    run->stage_count = run->lab->size.quick ? 3 : LEARNING_STAGES;
    for (int s = 0; s < run->stage_count; s++)
        run->stages[s] = s == 0 ? 0 : steps >> (run->stage_count - 1 - s);
}

static pe_status train_seeds(learning_run *run, double share, double share_done, pe_error *err)
{
    pe_lab *lab = run->lab;
    const pe_task_config task = {
        .kind = PE_TASK_TEXT, .path = lab->size.text, .length = LEARNING_LENGTH, .causal = true};
    pe_lab_recipe recipe =
        pe_lab_recipe_of(lab, &task, LEARNING_LAYERS, LEARNING_WIDTH, LEARNING_HEADS);
    recipe.model.length = 2 * LEARNING_LENGTH; /* so that a table has rows that are never used */
    recipe.steps = pe_lab_by_effort(lab, 96, 320, 9600);
    recipe.batch = 8;
    choose_stages(run, recipe.steps);
    recipe.stages = run->stages, recipe.stage_count = run->stage_count;
    recipe.look = look, recipe.context = run;
    recipe.what = "learning";
    const int seeds = learning_seeds(lab);
    pe_status status = pe_task_create(&task, &run->task, err);
    while (status == PE_OK && run->seeds < seeds) {
        pe_trained trained;
        recipe.seed = lab->size.seed + (uint64_t)run->seeds;
        recipe.share = share + (share_done - share) * run->seeds / seeds;
        recipe.share_done = share + (share_done - share) * (run->seeds + 1) / seeds;
        status = pe_lab_train(lab, run->subject, &recipe, &trained, err);
        run->held_out[run->seeds] = trained.held_out;
        run->seeds += status == PE_OK;
        pe_lab_trained_release(&trained);
    }
    pe_task_release(run->task);
    run->task = NULL;
    if (status == PE_OK && learning_has_rows(run->kind))
        status = learning_band_of(lab, run->rows, run->columns, &run->band, err);
    return status;
}

static void release_run(learning_run *run)
{
    for (int s = 0; s < LEARNING_STAGES; s++) {
        pe_inspect_release(&run->table[s]);
        pe_inspect_forget(&run->found[s]);
    }
    pe_release(run->unused);
    pe_release(run->before.word);
    pe_release(run->after.word);
    pe_release(run);
}

/* ---- the experiment -----------------------------------------------------------------------------
 */

enum { MOST = PE_FIGURE_PANELS };

/* What the diagonals explain of a table's products at the end: mean, least and most of the seeds.
 */
static void end_of(const learning_run *run, double *mean, double *least, double *most)
{
    const double *r2 = run->r2[run->stage_count - 1];
    *mean = 0;
    *least = *most = r2[0];
    for (int s = 0; s < run->seeds; s++) {
        *mean += r2[s] / run->seeds;
        *least = fmin(*least, r2[s]);
        *most = fmax(*most, r2[s]);
    }
}

static void state_finding(pe_result *result, const learning_run *const *runs, int count)
{
    char finding[600] = "";
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        const learning_run *run = runs[i];
        double mean, least, most;
        end_of(run, &mean, &least, &most);
        if (learning_has_rows(run->kind) && used < sizeof finding)
            used += (size_t)snprintf(
                finding + used, sizeof finding - used,
                "%s %s %.2f (%d seed%s: %.2f to %.2f; noise: at most %.2f)",
                used ? "," : "What the diagonals of a table's products explain after training:",
                run->subject->title, mean, run->seeds, run->seeds == 1 ? "" : "s", least, most,
                run->band.high);
    }
    if (used)
        pe_result_finding(result, finding);
}

static pe_status run_subject(pe_lab *lab, pe_section *section, int at, learning_run **out,
                             pe_error *err)
{
    const pe_subject *subject = &lab->subjects[at];
    const char *id = subject->name;
    *out = NULL;
    if (!subject->instance) {
        pe_section_not_applicable(section, id, subject->because);
        return PE_OK;
    }
    const learning_kind kind = learning_kind_of(subject->instance);
    if (kind == LEARNING_NO_TABLE && !is_control(subject)) {
        pe_section_not_applicable(
            section, id, "it trains neither rows by position or offset nor biases by distance");
        return PE_OK;
    }
    pe_error own = {0};
    learning_run *run = pe_allocate(1, sizeof *run, "a training", err);
    if (!run)
        return PE_MEMORY;
    *run = (learning_run){.lab = lab, .subject = subject, .kind = kind};
    const double n = lab->subject_count;
    pe_status status = train_seeds(run, at / n, (at + 1) / n, &own);
    if (status == PE_OK) {
        *out = run;
        return PE_OK;
    }
    release_run(run);
    if (!pe_lab_declined(status))
        return pe_fail(err, status, "%s", own.text);
    pe_section_not_applicable(section, id, own.text);
    return PE_OK;
}

static void introduce(const pe_lab *lab, pe_section *section)
{
    pe_say(
        section,
        "Before training a learned table is noise. Here tables are trained as parts of a causal "
        "model of bytes (%d layers, width %d, %d heads, %d tokens, %lld steps, %d seeds) on real "
        "text, and looked at on the way. What noise of the same size would show stands beside "
        "every number.",
        LEARNING_LAYERS, LEARNING_WIDTH, LEARNING_HEADS, LEARNING_LENGTH,
        (long long)pe_lab_by_effort(lab, 96, 320, 9600), learning_seeds(lab));
    pe_section_formula(
        section,
        "R^2_T = 1 - \\frac{\\sum_{i \\ne j} (G_{ij} - b(j - i))^2}{\\sum_{i \\ne j} "
        "(G_{ij} - \\bar G)^2},\\quad G = P P^T",
        "$P$ the table, $b(k)$ the mean of diagonal $k$; noise scores $2/T$.");
}

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    learning_run *runs[MOST];
    int count = 0;
    pe_status status = PE_OK;
    pe_section *section = pe_result_section(result, "Which tables are learned");
    introduce(lab, section);
    for (int i = 0; status == PE_OK && i < lab->subject_count && count < MOST; i++) {
        status = run_subject(lab, section, i, &runs[count], err);
        count += status == PE_OK && runs[count];
    }
    const learning_run *const *shown = (const learning_run *const *)runs;
    for (int i = 0; status == PE_OK && i < count; i++)
        if (learning_has_rows(runs[i]->kind))
            learning_show_table(runs[i], result, err);
        else if (runs[i]->kind == LEARNING_BIASES)
            learning_show_biases(runs[i], result, err);
    if (status == PE_OK && count > 0) {
        learning_show_attention(result, shown, count, err);
        state_finding(result, shown, count);
    }
    for (int i = 0; i < count; i++)
        release_run(runs[i]);
    return status;
}

extern const pe_experiment pe_experiment_learning;
const pe_experiment pe_experiment_learning = {
    .id = "learning",
    .title = "How position tables are learned",
    .question = "What becomes of a random table of positions or offsets when it is trained on real "
                "text: does it learn distance, and which rows stay noise?",
    .weight = 60,
    .run = run,
};
