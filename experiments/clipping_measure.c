/* Cases by capability, and one training for each clipping distance and each distance asked. */
#include "base/memory.h"
#include "clipping.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- who has a bound that an option moves -----------------------------------------------------
 */

/* What setup answers with one option changed; false: refused. */
static bool setup_with(const pe_lab *lab, const pe_subject *subject, const char *name,
                       const char *text, pe_setup *info)
{
    const pe_setting setting = {name, text};
    const pe_dims dims = {
        .heads = lab->size.heads, .head_dim = lab->size.head_dim, .max_len = lab->size.length};
    pe_instance *instance;
    if (pe_instance_create(subject->variant, &dims, &setting, 1, 1, &instance, NULL) != PE_OK)
        return false;
    *info = instance->info;
    pe_instance_release(instance);
    return true;
}

static bool is_bound(const pe_lab *lab, const pe_subject *subject, const char *option)
{
    static const int64_t tried[] = {0, 3, 7};
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        char text[8];
        pe_setup info;
        snprintf(text, sizeof text, "%d", (int)tried[i]);
        if (!setup_with(lab, subject, option, text, &info) || info.edge != PE_EDGE_REPEAT ||
            info.high != tried[i] || !info.rows)
            return false;
    }
    return true;
}

static const char *find_bound(const pe_lab *lab, const pe_subject *subject)
{
    const pe_variant *variant = subject->variant;
    for (int o = 0; o < variant->option_count; o++)
        if (variant->options[o].kind == PE_INT && is_bound(lab, subject, variant->options[o].name))
            return variant->options[o].name;
    return NULL;
}

bool cl_selects(const cl_case *c)
{
    return c->rows & (PE_ROWS_BIAS | PE_ROWS_QUERY | PE_ROWS_KEY);
}

const char *cl_rows_text(unsigned rows)
{
    const bool keys = rows & (PE_ROWS_BIAS | PE_ROWS_QUERY | PE_ROWS_KEY);
    if (keys)
        return rows & PE_ROWS_VALUE ? "rows for keys and values" : "rows for keys only";
    return rows & PE_ROWS_VALUE ? "rows for values only" : "no rows";
}

static void add_case(cl_run *run, const cl_case *c)
{
    for (int depth = 1; depth <= run->depths && run->cases < CL_CASES; depth++) {
        run->at[run->cases] = *c;
        run->at[run->cases++].depth = depth;
    }
}

/* The rows as they come, and what is left when an option turns some of them off. */
static void add_modes(const pe_lab *lab, const pe_subject *subject, const char *clip, cl_run *run)
{
    const pe_variant *variant = subject->variant;
    cl_case c = {.subject = subject, .clip = clip, .rows = subject->instance->info.rows};
    add_case(run, &c);
    for (int o = 0; o < variant->option_count; o++) {
        pe_setup info;
        const bool can = variant->options[o].kind == PE_BOOL &&
                         setup_with(lab, subject, variant->options[o].name, "false", &info);
        if (!can || !info.rows || (info.rows & ~c.rows) || info.rows == c.rows)
            continue;
        cl_case less = c;
        less.off = variant->options[o].name;
        less.rows = info.rows;
        add_case(run, &less);
    }
}

void cl_find_cases(const pe_lab *lab, cl_run *run, pe_section *section)
{
    for (int s = 0; s < lab->subject_count; s++) {
        const pe_subject *subject = &lab->subjects[s];
        const char *clip = subject->instance ? find_bound(lab, subject) : NULL;
        if (clip)
            add_modes(lab, subject, clip, run);
        else
            pe_section_not_applicable(section, subject->name,
                                      subject->instance
                                          ? "no option of it is the offset whose row repeats"
                                          : subject->because);
    }
}

/* ---- trainings ------------------------------------------------------------------------------- */

typedef struct cell {
    cl_case *of;
    int m, k;
    char clip[8];
    pe_setting setting[2];
    double accuracy;
} cell;

enum { TEST_BATCH = 32 };

/* Share of right answers in the second half: near the start few tokens lie beyond the bound. */
static double late_accuracy(const pe_batch *batch, const int32_t *best)
{
    double right = 0, asked = 0;
    for (int b = 0; b < batch->batch; b++)
        for (int64_t t = batch->n / 2; t < batch->n; t++) {
            const int64_t at = b * batch->n + t;
            asked += batch->targets[at] != PE_IGNORE;
            right += batch->targets[at] != PE_IGNORE && best[at] == batch->targets[at];
        }
    return right / asked;
}

static pe_status test_model(pe_trained *trained, pe_fleet_job *job, pe_error *err)
{
    cell *c = job->into;
    pe_batch batch;
    pe_status status = pe_batch_create(trained->task, TEST_BATCH, 0, &batch, err);
    if (status != PE_OK)
        return status;
    int32_t *best = pe_allocate(TEST_BATCH * (size_t)batch.n, sizeof *best, "best classes", err);
    status = best ? pe_task_draw(trained->task, PE_HELD_OUT, 1, 0, 0, &batch, err) : PE_MEMORY;
    pe_evaluation run = {.batch = TEST_BATCH,
                         .n = batch.n,
                         .tokens = batch.tokens,
                         .targets = batch.targets,
                         .best = best};
    if (status == PE_OK)
        status = pe_model_evaluate(trained->model, &run, err);
    if (status == PE_OK)
        c->accuracy = late_accuracy(&batch, best);
    pe_release(best);
    pe_batch_release(&batch);
    return status;
}

static void fill_job(const pe_lab *lab, const cl_run *run, int seed, cell *c, pe_fleet_job *job)
{
    const pe_task_config task = {
        .kind = PE_TASK_RECALL, .length = run->length, .distance = c->m, .causal = true};
    snprintf(c->clip, sizeof c->clip, "%d", c->k);
    c->setting[0] = (pe_setting){c->of->clip, c->clip};
    c->setting[1] = (pe_setting){c->of->off, "false"};
    c->accuracy = (double)NAN;
    job->subject = c->of->subject;
    job->into = c;
    job->recipe = pe_lab_recipe_of(lab, &task, c->of->depth, 32, 4);
    job->recipe.model.embedding_deviation = 0.5;
    job->recipe.model.settings = c->setting;
    job->recipe.model.setting_count = c->of->off ? 2 : 1;
    job->recipe.optimiser.rate = 1e-2;
    job->recipe.batch = 16;
    job->recipe.steps = run->steps;
    job->recipe.held_out_every = -1;
    job->recipe.seed = lab->size.seed + (uint64_t)seed;
}

static void collect(const cl_run *run, const cell *cells, const pe_fleet_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cl_case *c = cells[i].of;
        c->accuracy[cells[i].m - 1][cells[i].k] += cells[i].accuracy / run->seeds;
        if (jobs[i].status != PE_OK)
            memcpy(c->because, jobs[i].because, sizeof c->because);
    }
}

pe_status cl_measure(pe_lab *lab, cl_run *run, pe_error *err)
{
    const size_t grid = (size_t)(run->clips * run->distances);
    const size_t count = grid * (size_t)(run->seeds * run->cases);
    cell *cells = pe_allocate(count + 1, sizeof *cells, "trainings", err);
    pe_fleet_job *jobs = pe_allocate(count + 1, sizeof *jobs, "trainings", err);
    pe_status status = cells && jobs ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        cells[i].of = &run->at[i % (size_t)run->cases];
        cells[i].k = (int)(i / (size_t)run->cases % (size_t)run->clips);
        cells[i].m = 1 + (int)(i / (size_t)(run->cases * run->clips) % (size_t)run->distances);
        fill_job(lab, run, (int)(i / ((size_t)run->cases * grid)), &cells[i], &jobs[i]);
    }
    if (status == PE_OK)
        status = pe_lab_train_all(lab, "recall behind a bound", 0, 1, count, jobs, test_model, err);
    if (status == PE_OK)
        collect(run, cells, jobs, count);
    pe_release(cells);
    pe_release(jobs);
    return status;
}
