/* Exhibits and their twins as trained models. */
#include "gallery/trained.h"

#include "base/memory.h"
#include "forms.h"
#include "lab/fleet.h"

#include <string.h>

enum { MARK = FORM_TEXT + 320, TEST_BATCH = 32, TEST_SEED = 1 };
static const double level = 0.95;

pe_course pe_gallery_course(const pe_lab *lab)
{
    return (pe_course){.length = pe_lab_by_effort(lab, 16, 32, 64),
                       .far = pe_lab_by_effort(lab, 64, 128, 256),
                       .seeds = (int)pe_lab_by_effort(lab, 2, 3, 5),
                       .layers = (int)pe_lab_by_effort(lab, 1, 1, 2),
                       .width = (int)pe_lab_by_effort(lab, 32, 32, 64),
                       .heads = 4,
                       .batch = (int)pe_lab_by_effort(lab, 4, 4, 16),
                       .steps = pe_lab_by_effort(lab, 250, 450, 3000)};
}

const char *pe_shown_text(pe_shown shown)
{
    static const char *const texts[PE_SHOWN_COUNT] = {"the loss", "only extrapolation", "neither"};
    return texts[shown];
}

const char *pe_trained_kind_text(unsigned kind)
{
    return kind == PE_TRAINED_TEXT ? "text" : "left neighbour";
}

/* ---- who is trained ---- */

/* One way of doing it on one task. Ways with the same mark are the same. */
typedef struct trainee {
    const pe_exhibit *exhibit;
    const pe_form *form;
    unsigned kind;
    char mark[MARK];
    pe_subject subject; /* owns its instance here */
    int64_t rows;       /* of tables: positions first .. first + rows - 1 are its 0 .. rows - 1 */
    double near[PE_TRAINED_SEEDS], far[PE_TRAINED_SEEDS];
    bool declined;
    char because[PE_ERROR_TEXT];
} trainee;

typedef struct school {
    const pe_course *course;
    size_t count;
    trainee *trainees;
    size_t pairs;
    size_t *bug, *twin; /* (pairs) numbers of trainees */
    double *loaded;     /* (pairs, PE_TRAINED_SEEDS) loss of the twin's weights with the bug */
} school;

static int heads_of(const pe_course *course, const pe_exhibit *e)
{
    return e->heads ? e->heads : course->heads;
}

/* A head has at least 4 columns, so that rotations have two pairs. */
static int width_of(const pe_course *course, const pe_exhibit *e)
{
    const int heads = heads_of(course, e), columns = course->width / heads;
    return heads * (columns > 4 ? columns : 4);
}

/* All that tells two ways apart. */
static void write_mark(const pe_course *course, trainee *t)
{
    const pe_exhibit *e = t->exhibit;
    if (t->form->variant)
        snprintf(t->mark, MARK, "%s; %d heads; task %u", t->form->variant, heads_of(course, e),
                 t->kind);
    else
        snprintf(t->mark, MARK, "%s; unit %.17g; %s%s from %lld; %d heads; task %u", t->form->path,
                 t->form->unit, e->rotary ? "turns" : "codes", e->concat_rule ? ", ends meet" : "",
                 (long long)e->first, heads_of(course, e), t->kind);
}

static pe_status open_subject(const pe_lab *lab, const pe_course *course, trainee *t, pe_error *err)
{
    form_choice choice;
    char text[FORM_TEXT];
    const int heads = heads_of(course, t->exhibit);
    const pe_dims dims = {.heads = heads,
                          .head_dim = width_of(course, t->exhibit) / heads,
                          .max_len = course->length};
    form_text(t->exhibit, t->form, t->exhibit->rotary, 0, t->rows, text);
    pe_status status = form_read(text, &choice, err);
    if (status != PE_OK)
        return status;
    t->subject.variant = choice.variant;
    t->subject.name = t->subject.file = choice.variant->id;
    t->subject.title = choice.variant->title;
    return pe_instance_create(choice.variant, &dims, choice.setting, choice.setting_count,
                              lab->size.seed, &t->subject.instance, err);
}

/* The place of a way among the trainees, where it is put when it is new. */
static pe_status enrol(const pe_lab *lab, school *s, const pe_exhibit *e, const pe_form *form,
                       unsigned kind, size_t *at, pe_error *err)
{
    trainee *t = &s->trainees[s->count];
    *t = (trainee){.exhibit = e, .form = form, .kind = kind, .rows = s->course->far};
    write_mark(s->course, t);
    for (*at = 0; *at < s->count; (*at)++)
        if (strcmp(s->trainees[*at].mark, t->mark) == 0)
            return PE_OK;
    s->count++;
    return open_subject(lab, s->course, t, err);
}

size_t pe_gallery_pairs(size_t n, const pe_exhibit *const *list)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < PE_TRAINED_KINDS; k++)
            count += (list[i]->trained >> k) & 1;
    return count;
}

static pe_status enrol_all(const pe_lab *lab, school *s, size_t n, const pe_exhibit *const *list,
                           pe_trained_pair *pairs, pe_error *err)
{
    size_t at = 0;
    pe_status status = PE_OK;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < PE_TRAINED_KINDS && status == PE_OK; k++) {
            const unsigned kind = 1u << k;
            if (!(list[i]->trained & kind))
                continue;
            pairs[at] = (pe_trained_pair){.exhibit = list[i], .kind = kind};
            status = enrol(lab, s, list[i], &list[i]->twin, kind, &s->twin[at], err);
            if (status == PE_OK)
                status = enrol(lab, s, list[i], &list[i]->bug, kind, &s->bug[at], err);
            at++;
        }
    return status;
}

/* ---- one training ---- */

/* Tables that are given, in the place of those that a model begins with. */
static pe_status fill_tables(pe_model *model, void *context, pe_error *err)
{
    const trainee *t = context;
    const pe_model_block *block = pe_model_find(model, "pe.sine");
    if (!t->form->path || !block)
        return PE_OK;
    const form_span span = {t->exhibit->first, block->shape[0], (size_t)block->shape[1]};
    double *sine = pe_allocate(2 * block->count, sizeof *sine, "sines and cosines", err);
    if (!sine)
        return PE_MEMORY;
    double *cosine = sine + block->count;
    pe_status status = form_tables(t->exhibit, t->form, &span, sine, cosine, err);
    if (status == PE_OK)
        status = pe_model_set(model, "pe.sine", block->count, sine, err);
    if (status == PE_OK)
        status = pe_model_set(model, "pe.cosine", block->count, cosine, err);
    pe_release(sine);
    return status;
}

static pe_status test(pe_trained *trained, int64_t tokens, int batches, double *loss, pe_error *err)
{
    pe_task_config config = *pe_task_config_of(trained->task);
    pe_task *task;
    pe_score score;
    config.length = tokens;
    pe_status status = pe_task_create(&config, &task, err);
    if (status != PE_OK)
        return status;
    status =
        pe_score_task(trained->model, task, 0, TEST_BATCH, batches, TEST_SEED, NULL, &score, err);
    *loss = score.loss;
    pe_task_release(task);
    return status;
}

/* Where a training puts its losses. */
typedef struct place {
    school *school;
    size_t trainee;
    int seed;
} place;

/* About the same number of tokens at either length. */
static int batches_of(const pe_course *course)
{
    return (int)(course->far / course->length);
}

/* Weights of the same name; what one of the two does not have stays as it begins. */
static pe_status copy_weights(const pe_model *from, pe_model *to, pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t i = 0; i < pe_model_block_count(to) && status == PE_OK; i++) {
        const pe_model_block *block = pe_model_block_at(to, i);
        const pe_model_block *source = pe_model_find(from, block->name);
        if (!source || source->count != block->count || block->frozen)
            continue;
        double *x = pe_allocate(block->count + 1, sizeof *x, "weights", err);
        status = x ? pe_model_get(from, block->name, block->count, x, err) : PE_MEMORY;
        if (status == PE_OK)
            status = pe_model_set(to, block->name, block->count, x, err);
        pe_release(x);
    }
    return status;
}

/* As somebody loads a checkpoint of the right code into the wrong one. */
static pe_status test_loaded(const pe_trained *twin, trainee *bug, const pe_course *course,
                             double *loss, pe_error *err)
{
    pe_trained loaded = {.task = twin->task};
    pe_model_config config = *pe_model_config_of(twin->model);
    pe_setting *settings;
    pe_status status = pe_lab_settings(&bug->subject, 0, &settings, &config.setting_count, err);
    if (status != PE_OK)
        return status;
    config.variant = bug->subject.variant;
    config.settings = settings;
    status = pe_model_create(&config, &loaded.model, err);
    if (status == PE_OK)
        status = fill_tables(loaded.model, bug, err);
    if (status == PE_OK)
        status = copy_weights(twin->model, loaded.model, err);
    if (status == PE_OK)
        status = test(&loaded, course->length, batches_of(course), loss, err);
    pe_model_release(loaded.model);
    pe_release(settings);
    return status;
}

static pe_status test_model(pe_trained *trained, pe_fleet_job *job, pe_error *err)
{
    const place *p = job->into;
    school *s = p->school;
    trainee *t = &s->trainees[p->trainee];
    const pe_course *course = s->course;
    pe_status status = test(trained, course->length, batches_of(course), &t->near[p->seed], err);
    if (status == PE_OK)
        status = test(trained, course->far, 1, &t->far[p->seed], err);
    for (size_t at = 0; status == PE_OK && at < s->pairs; at++)
        if (s->twin[at] == p->trainee)
            status = test_loaded(trained, &s->trainees[s->bug[at]], course,
                                 &s->loaded[at * PE_TRAINED_SEEDS + (size_t)p->seed], err);
    return status;
}

static pe_task_config task_of(const pe_course *course, unsigned kind)
{
    return (pe_task_config){.kind = kind == PE_TRAINED_TEXT ? PE_TASK_TEXT : PE_TASK_LEFT,
                            .length = course->length,
                            .causal = kind == PE_TRAINED_TEXT};
}

static pe_lab_recipe recipe_of(const pe_lab *lab, const pe_course *course, trainee *t, int seed)
{
    const pe_task_config task = task_of(course, t->kind);
    pe_lab_recipe recipe = pe_lab_recipe_of(
        lab, &task, course->layers, width_of(course, t->exhibit), heads_of(course, t->exhibit));
    recipe.model.length = course->length;
    recipe.model.embedding_deviation =
        0.5; /* about as large as codes, which drown them otherwise */
    recipe.optimiser.rate = t->kind == PE_TRAINED_TEXT ? 1e-2 : 2e-2;
    recipe.batch = course->batch;
    recipe.steps = course->steps;
    recipe.held_out_every = -1; /* tested at the end, all on the same sequences */
    recipe.seed = lab->size.seed + (uint64_t)seed;
    recipe.prepare = fill_tables;
    recipe.mark = t->mark;
    recipe.context = t;
    return recipe;
}

static pe_status train(pe_lab *lab, school *s, pe_error *err)
{
    const size_t seeds = (size_t)s->course->seeds, count = seeds * s->count;
    pe_fleet_job *jobs = pe_allocate(count + 1, sizeof *jobs, "trainings", err);
    place *places = pe_allocate(count + 1, sizeof *places, "losses", err);
    pe_status status = jobs && places ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        trainee *t = &s->trainees[i / seeds];
        const int seed = (int)(i % seeds);
        places[i] = (place){s, i / seeds, seed};
        jobs[i] = (pe_fleet_job){.subject = &t->subject,
                                 .recipe = recipe_of(lab, s->course, t, seed),
                                 .into = &places[i]};
    }
    if (status == PE_OK)
        status = pe_lab_train_all(lab, "training with bugs", 0, 1, count, jobs, test_model, err);
    for (size_t i = 0; status == PE_OK && i < count; i++)
        if (jobs[i].status != PE_OK && !s->trainees[i / seeds].declined) {
            s->trainees[i / seeds].declined = true;
            memcpy(s->trainees[i / seeds].because, jobs[i].because, PE_ERROR_TEXT);
        }
    pe_release(jobs);
    pe_release(places);
    return status;
}

/* ---- what came out ---- */

static pe_status compare(int seeds, const double *bug, const double *twin, pe_paired *p,
                         pe_error *err)
{
    double difference[PE_TRAINED_SEEDS], low = twin[0], high = twin[0];
    for (int k = 0; k < seeds; k++) {
        p->bug[k] = bug[k];
        p->twin[k] = twin[k];
        p->bug_mean += bug[k] / seeds;
        p->twin_mean += twin[k] / seeds;
        difference[k] = bug[k] - twin[k];
        low = fmin(low, twin[k]);
        high = fmax(high, twin[k]);
    }
    p->band = high - low;
    const pe_status status =
        pe_mean_interval(difference, (size_t)seeds, level, &p->difference, err);
    p->beyond = status == PE_OK && fabs(p->difference.centre) > p->band &&
                (p->difference.low > 0 || p->difference.high < 0);
    return status;
}

static pe_status compare_pair(const school *s, size_t at, pe_trained_pair *pair, pe_error *err)
{
    const trainee *bug = &s->trainees[s->bug[at]], *twin = &s->trainees[s->twin[at]];
    const trainee *declined = bug->declined ? bug : twin->declined ? twin : NULL;
    if (declined) {
        pair->declined = true;
        memcpy(pair->because, declined->because, PE_ERROR_TEXT);
        return PE_OK;
    }
    pe_status status = compare(s->course->seeds, bug->near, twin->near, &pair->near, err);
    if (status == PE_OK)
        status = compare(s->course->seeds, bug->far, twin->far, &pair->far, err);
    if (status == PE_OK)
        status = compare(s->course->seeds, &s->loaded[at * PE_TRAINED_SEEDS], twin->near,
                         &pair->loaded, err);
    pair->shown = pair->near.beyond  ? PE_SHOWN_BY_LOSS
                  : pair->far.beyond ? PE_SHOWN_FAR
                                     : PE_SHOWN_BY_NONE;
    return status;
}

static void close_school(school *s)
{
    for (size_t i = 0; s->trainees && i < s->count; i++)
        pe_instance_release(s->trainees[i].subject.instance);
    pe_release(s->trainees);
    pe_release(s->bug);
    pe_release(s->loaded);
}

pe_status pe_gallery_train(pe_lab *lab, const pe_course *course, size_t n,
                           const pe_exhibit *const *list, pe_trained_pair *pairs, pe_error *err)
{
    const size_t count = pe_gallery_pairs(n, list);
    school s = {.course = course, .pairs = count};
    if (course->seeds < 2 || course->seeds > PE_TRAINED_SEEDS)
        return pe_fail(err, PE_USAGE, "%d seeds, but an interval needs 2 to %d", course->seeds,
                       PE_TRAINED_SEEDS);
    if (count == 0)
        return PE_OK;
    s.trainees = pe_allocate(2 * count + 1, sizeof *s.trainees, "models", err);
    s.bug = pe_allocate(2 * count, sizeof *s.bug, "pairs", err);
    s.twin = s.bug ? s.bug + count : NULL;
    s.loaded = pe_allocate(count * PE_TRAINED_SEEDS, sizeof *s.loaded, "losses", err);
    pe_status status = s.trainees && s.bug && s.loaded ? PE_OK : PE_MEMORY;
    if (status == PE_OK)
        status = enrol_all(lab, &s, n, list, pairs, err);
    if (status == PE_OK)
        status = train(lab, &s, err);
    for (size_t at = 0; status == PE_OK && at < count; at++)
        status = compare_pair(&s, at, &pairs[at], err);
    close_school(&s);
    return status;
}
