/* Training short, testing long. */
#include "base/memory.h"
#include "extrapolation.h"

#include <math.h>
#include <string.h>

enum { TEST_BATCH = 32, TEST_BATCHES = 2 };
static const double learned_from = 0.95, falls_below = 0.9; /* METRICS.md 4.4 */

/* ---- groups ---------------------------------------------------------------------------------- */

const char *ex_group_title(ex_group group)
{
    static const char *const titles[EX_GROUPS] = {"rows added to tokens", "queries and keys turned",
                                                  "content decides",      "vectors by offset",
                                                  "numbers by offset",    "nothing"};
    return titles[group];
}

ex_group ex_group_of(const pe_instance *instance)
{
    const unsigned can = pe_lab_capabilities(instance);
    if (can & PE_CAN_EMBED)
        return EX_CODES;
    if (can & PE_CAN_MAP)
        return EX_TURNS;
    if (can & (PE_CAN_STATE | PE_CAN_LOGITS))
        return EX_CONTENT;
    if (can & PE_CAN_ROWS)
        return EX_RELATIVE;
    return can & PE_CAN_BIAS ? EX_BIAS : EX_NOTHING;
}

bool ex_table_ends(const pe_instance *instance)
{
    return ex_group_of(instance) == EX_CODES && instance->info.max_coord > instance->info.min_coord;
}

/* ---- one trained model ----------------------------------------------------------------------- */

void ex_choose_lengths(ex_field *field)
{
    static const double parts[] = {0.5, 1, 1.25, 1.5, 2, 3, 4, 6, 8};
    field->own = 1;
    field->lengths = 0;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        const int64_t n = (int64_t)(parts[p] * (double)field->task.trained + 0.5);
        if (field->lengths == 0 || n > field->length[field->lengths - 1])
            field->length[field->lengths++] = n;
    }
}

typedef struct place {
    const ex_field *field;
    ex_curve *curve;
} place;

/* Sums over the tokens from length l - 1 (exclusive) to length l. */
static void share_out(const ex_field *field, const pe_batch *batch, const pe_evaluation *job,
                      double sum[EX_LENGTHS], double asked[EX_LENGTHS])
{
    for (int b = 0; b < batch->batch; b++)
        for (int l = 0; l < field->lengths; l++)
            for (int64_t t = l ? field->length[l - 1] : 0; t < field->length[l] && t < job->n;
                 t++) {
                const int64_t at = b * batch->n + t;
                if (batch->targets[at] == PE_IGNORE)
                    continue;
                asked[l] += 1;
                sum[l] += job->loss ? job->loss[at] : job->best[at] == batch->targets[at];
            }
}

static pe_status evaluate_tokens(pe_trained *trained, pe_task *task, int64_t n,
                                 const ex_field *field, double at[EX_LENGTHS], pe_error *err)
{
    pe_batch batch;
    pe_status status = pe_batch_create(task, TEST_BATCH, 0, &batch, err);
    if (status != PE_OK)
        return status;
    const size_t tokens = (size_t)batch.n * TEST_BATCH;
    const bool text = field->task.config.kind == PE_TASK_TEXT;
    double *loss = text ? pe_allocate(tokens, sizeof *loss, "losses", err) : NULL;
    int32_t *best = text ? NULL : pe_allocate(tokens, sizeof *best, "best classes", err);
    double sum[EX_LENGTHS] = {0}, asked[EX_LENGTHS] = {0};
    pe_evaluation job = {.batch = TEST_BATCH,
                         .n = n,
                         .tokens = batch.tokens,
                         .targets = batch.targets,
                         .loss = loss,
                         .best = best};
    status = loss || best ? PE_OK : PE_MEMORY;
    for (int i = 0; status == PE_OK && i < TEST_BATCHES; i++) {
        status = pe_task_draw(task, PE_HELD_OUT, 1, (uint64_t)i, 0, &batch, err);
        if (status == PE_OK)
            status = pe_model_evaluate(trained->model, &job, err);
        if (status == PE_OK)
            share_out(field, &batch, &job, sum, asked);
    }
    for (int l = 0; l < field->lengths; l++)
        at[l] = asked[l] > 0 ? sum[l] / asked[l] : (double)NAN;
    pe_release(loss);
    pe_release(best);
    pe_batch_release(&batch);
    return status;
}

/* Sequences of n tokens: longer than those of training, or as long. */
static pe_status test_tokens(pe_trained *trained, const ex_field *field, int64_t n,
                             double at[EX_LENGTHS], pe_error *err)
{
    pe_task_config config = *pe_task_config_of(trained->task);
    pe_task *task;
    config.length = n;
    pe_status status = pe_task_create(&config, &task, err);
    if (status != PE_OK)
        return status;
    status = evaluate_tokens(trained, task, n, field, at, err);
    pe_task_release(task);
    return status;
}

static pe_status test_all_tokens(pe_trained *trained, const place *p, pe_error *err)
{
    const ex_field *field = p->field;
    pe_error refusal = {0};
    pe_status status =
        test_tokens(trained, field, field->length[field->lengths - 1], p->curve->at, &refusal);
    if (status == PE_USAGE) {
        p->curve->refused = true;
        memcpy(p->curve->because, refusal.text, sizeof refusal.text);
        status = test_tokens(trained, field, field->task.trained, p->curve->at, err);
    } else if (status != PE_OK && err)
        *err = refusal;
    return status;
}

static pe_status test_questions(pe_trained *trained, const place *p, int l, pe_error *err)
{
    pe_task_config config = *pe_task_config_of(trained->task);
    pe_task *task;
    pe_score score;
    config.longest = p->field->length[l];
    config.shortest = config.longest;
    pe_status status = pe_task_create(&config, &task, err);
    if (status != PE_OK)
        return status;
    status = pe_score_task(trained->model, task, 0, TEST_BATCH, 1, 1, NULL, &score, err);
    p->curve->at[l] = score.accuracy;
    pe_task_release(task);
    return status;
}

static pe_status test_all_questions(pe_trained *trained, const place *p, pe_error *err)
{
    pe_status status = PE_OK;
    for (int l = 0; status == PE_OK && l < p->field->lengths; l++) {
        pe_error refusal = {0};
        p->curve->at[l] = (double)NAN;
        if (!p->curve->refused)
            status = test_questions(trained, p, l, &refusal);
        if (status == PE_USAGE && l > p->field->own) {
            p->curve->refused = true;
            p->curve->at[l] = (double)NAN;
            memcpy(p->curve->because, refusal.text, sizeof refusal.text);
            status = PE_OK;
        } else if (status != PE_OK && err)
            *err = refusal;
    }
    return status;
}

static pe_status test_model(pe_trained *trained, pe_fleet_job *job, pe_error *err)
{
    place *p = job->into;
    pe_status status = p->field->task.by_token ? test_all_tokens(trained, p, err)
                                               : test_all_questions(trained, p, err);
    p->curve->trained = status == PE_OK;
    return status;
}

/* ---- everybody ------------------------------------------------------------------------------- */

static pe_lab_recipe recipe_of(const pe_lab *lab, const ex_field *field, const ex_runner *r,
                               int seed)
{
    enum { WIDTH = 32, HEADS = 4 };
    const ex_task *task = &field->task;
    pe_lab_recipe recipe = pe_lab_recipe_of(lab, &task->config, task->layers, WIDTH, HEADS);
    recipe.model.embedding_deviation = task->deviation;
    recipe.model.length = task->by_token ? task->trained : 0; /* a table has no rows beyond L */
    recipe.model.map = r->map;
    recipe.model.map_settings = r->map_settings;
    recipe.model.map_setting_count = r->map_setting_count;
    recipe.model.settings = r->settings;
    recipe.model.setting_count = r->setting_count;
    recipe.optimiser.rate = task->rate;
    recipe.batch = task->batch;
    recipe.steps = task->steps;
    recipe.held_out_every = -1;
    recipe.seed = lab->size.seed + (uint64_t)seed;
    return recipe;
}

static void keep_reasons(const pe_fleet_job *jobs, place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!places[i].curve->trained)
            memcpy(places[i].curve->because, jobs[i].because, sizeof jobs[i].because);
}

pe_status ex_measure(pe_lab *lab, ex_field *field, double share, double done, pe_error *err)
{
    const size_t count = (size_t)(field->seeds * field->runners);
    pe_fleet_job *jobs = pe_allocate(count + 1, sizeof *jobs, "trainings", err);
    place *places = pe_allocate(count + 1, sizeof *places, "curves", err);
    pe_status status = jobs && places ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        ex_runner *r = &field->runner[i / (size_t)field->seeds];
        const int seed = (int)(i % (size_t)field->seeds);
        places[i] = (place){field, &r->curve[seed]};
        jobs[i] = (pe_fleet_job){
            .subject = r->subject, .recipe = recipe_of(lab, field, r, seed), .into = &places[i]};
    }
    if (status == PE_OK)
        status =
            pe_lab_train_all(lab, field->task.title, share, done, count, jobs, test_model, err);
    if (status == PE_OK)
        keep_reasons(jobs, places, count);
    pe_release(jobs);
    pe_release(places);
    return status;
}

/* ---- measures over seeds --------------------------------------------------------------------- */

static ex_spread spread_of(const ex_field *field, const ex_runner *r,
                           double (*of)(const ex_field *, const ex_curve *, int), int argument)
{
    ex_spread s = {(double)NAN, (double)NAN, (double)NAN};
    double sum = 0;
    int n = 0;
    for (int k = 0; k < field->seeds; k++) {
        const double x = r->curve[k].trained ? of(field, &r->curve[k], argument) : (double)NAN;
        if (isnan(x))
            continue;
        sum += x;
        n++;
        s.low = fmin(s.low, x);
        s.high = fmax(s.high, x);
    }
    if (n)
        s.mean = sum / n;
    return s;
}

static double at_length(const ex_field *field, const ex_curve *c, int l)
{
    const bool text = field->task.config.kind == PE_TASK_TEXT;
    return c->refused && l > field->own ? (text ? (double)NAN : 0) : c->at[l];
}

ex_spread ex_at(const ex_field *field, const ex_runner *runner, int length)
{
    return spread_of(field, runner, at_length, length);
}

/* Where a line through the tested lengths crosses 0.9, of those that learned L; the longest tested
 * when it never does. */
static double reach(const ex_field *field, const ex_curve *c, int unused)
{
    const double own = (double)field->task.trained;
    (void)unused;
    if (!(c->at[field->own] > learned_from))
        return (double)NAN;
    if (c->refused)
        return 1;
    for (int l = field->own + 1; l < field->lengths; l++) {
        const double before = c->at[l - 1], after = c->at[l];
        const double step = (double)(field->length[l] - field->length[l - 1]);
        if (after < falls_below)
            return ((double)field->length[l - 1] +
                    step * (before - falls_below) / (before - after)) /
                   own;
    }
    return (double)field->length[field->lengths - 1] / own;
}

ex_spread ex_reach(const ex_field *field, const ex_runner *runner)
{
    return spread_of(field, runner, reach, 0);
}

/* By trapezoids over n / L from 1 to 2. */
static double area(const ex_field *field, const ex_curve *c, int unused)
{
    (void)unused;
    double sum = 0;
    for (int l = field->own; l + 1 < field->lengths; l++)
        if (field->length[l + 1] <= 2 * field->task.trained)
            sum += 0.5 * (at_length(field, c, l) + at_length(field, c, l + 1)) *
                   (double)(field->length[l + 1] - field->length[l]);
    return sum / (double)field->task.trained;
}

ex_spread ex_area(const ex_field *field, const ex_runner *runner)
{
    return spread_of(field, runner, area, 0);
}

int ex_learned(const ex_field *field, const ex_runner *runner)
{
    int n = 0;
    for (int k = 0; k < field->seeds; k++)
        n += runner->curve[k].trained && runner->curve[k].at[field->own] > learned_from;
    return n;
}

bool ex_all_refused(const ex_field *field, const ex_runner *runner)
{
    for (int k = 0; k < field->seeds; k++)
        if (runner->curve[k].trained && !runner->curve[k].refused)
            return false;
    return true;
}
