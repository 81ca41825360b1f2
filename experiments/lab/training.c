#include "lab/training.h"
#include "base/memory.h"
#include "io/output.h"
#include "model/checkpoint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

pe_effort pe_lab_effort(const pe_lab *lab)
{
    if (lab->size.quick)
        return PE_EFFORT_LEAST;
    return lab->size.full ? PE_EFFORT_FULL : PE_EFFORT_QUICK;
}

int64_t pe_lab_by_effort(const pe_lab *lab, int64_t least, int64_t quick, int64_t full)
{
    const int64_t choice[] = {least, quick, full};
    return choice[pe_lab_effort(lab)];
}

bool pe_lab_declined(pe_status status)
{
    return status == PE_USAGE || status == PE_FORMAT;
}

pe_lab_recipe pe_lab_recipe_of(const pe_lab *lab, const pe_task_config *task, int layers, int width,
                               int heads)
{
    pe_lab_recipe recipe = {.model = {.layers = layers, .width = width, .heads = heads},
                            .task = *task,
                            .optimiser = pe_optimiser_standard(),
                            .batch = 16,
                            .steps = 300,
                            .seed = lab->size.seed,
                            .share_done = 1};
    if (task->kind == PE_TASK_TEXT && !task->path)
        recipe.task.path = lab->size.text;
    recipe.optimiser.rate = 3e-3;
    recipe.optimiser.beta2 = 0.98;
    return recipe;
}

/* ---- where a training is kept -------------------------------------------------------------------
 */

enum { PATH = 4096, KEY = 8192 };

/* Everything that decides the numbers, as text; what is kept is looked for by its hash, and the
 * checkpoint itself is asked again whether it was made with these settings. */
typedef struct key {
    char text[KEY];
    size_t used;
} key;

__attribute__((format(printf, 2, 3))) static void add_to_key(key *k, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int wrote = vsnprintf(k->text + k->used, KEY - k->used, format, args);
    va_end(args);
    if (wrote > 0)
        k->used = k->used + (size_t)wrote < KEY ? k->used + (size_t)wrote : KEY - 1;
}

static void add_settings(key *k, const pe_variant *variant, const pe_setting *settings, int count)
{
    add_to_key(k, "%s;", variant ? variant->id : "");
    for (int i = 0; i < count; i++)
        add_to_key(k, "%s=%s;", settings[i].name, settings[i].text ? settings[i].text : "");
}

static uint64_t hash_of(const key *k)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < k->used; i++)
        hash = (hash ^ (unsigned char)k->text[i]) * 1099511628211u;
    return hash;
}

static uint64_t key_of(const pe_lab_recipe *r)
{
    const pe_model_config *m = &r->model;
    const pe_task_config *t = &r->task;
    const pe_optimiser *o = &r->optimiser;
    key k = {.used = 0};
    add_settings(&k, m->variant, m->settings, m->setting_count);
    add_settings(&k, m->map, m->map_settings, m->map_setting_count);
    add_to_key(&k, "model %d %d %d %d %d %d %d %" PRId64 " %d %d %d %.17g %.17g %s;", m->layers,
               m->width, m->heads, m->head_dim, m->mlp, m->vocabulary, m->classes, m->length,
               m->causal, m->tied, m->scale_embedding, m->dropout, m->embedding_deviation,
               m->schedule ? m->schedule : "");
    add_to_key(&k, "task %d %s %.17g %" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 " %d %d;",
               (int)t->kind, t->path ? t->path : "", t->held_out, t->length, t->symbols,
               t->shortest, t->longest, t->distance, t->reversed, t->causal);
    add_to_key(&k, "adam %.17g %.17g %" PRId64 " %" PRId64 " %.17g %.17g %.17g %.17g %.17g;",
               o->rate, o->least_rate, o->warm_up, o->steps, o->beta1, o->beta2, o->epsilon,
               o->decay, o->clip);
    add_to_key(&k, "run %d %" PRId64 " %" PRIu64 " %" PRId64, r->batch, r->steps, r->seed,
               r->held_out_every);
    if (r->mark)
        add_to_key(&k, ";%s", r->mark);
    return hash_of(&k);
}

/* ---- settings -----------------------------------------------------------------------------------
 */

static bool is_set(const pe_lab_recipe *recipe, const char *name)
{
    for (int i = 0; i < recipe->model.setting_count; i++)
        if (strcmp(recipe->model.settings[i].name, name) == 0)
            return true;
    return false;
}

/* The subject's settings without those that the recipe sets, then the recipe's. */
static pe_status join_settings(const pe_subject *subject, const pe_lab_recipe *recipe,
                               pe_trained *trained, pe_error *err)
{
    pe_setting *own;
    int count;
    pe_status status = pe_lab_settings(subject, recipe->model.setting_count, &own, &count, err);
    if (status != PE_OK)
        return status;
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!is_set(recipe, own[i].name))
            own[kept++] = own[i];
    for (int i = 0; i < recipe->model.setting_count; i++)
        own[kept++] = recipe->model.settings[i];
    trained->settings = own;
    trained->setting_count = (size_t)kept;
    return PE_OK;
}

/* ---- one training -------------------------------------------------------------------------------
 */

typedef struct work {
    pe_lab *lab;
    pe_lab_recipe recipe; /* with all members filled */
    pe_trained *trained;
    pe_training *training;
    char folder[PATH]; /* "" where nothing is kept */
    int looked;        /* stages done */
} work;

static pe_status show_step(pe_training *training, void *context, pe_error *err)
{
    const work *w = context;
    const double part = (double)pe_training_step(training) / (double)w->recipe.steps;
    return pe_lab_step(w->lab, w->recipe.what ? w->recipe.what : "training",
                       w->recipe.share + part * (w->recipe.share_done - w->recipe.share), err);
}

static void fill_recipe(work *w, const pe_subject *subject)
{
    pe_lab_recipe *r = &w->recipe;
    r->model.variant = subject->variant;
    r->model.settings = w->trained->settings;
    r->model.setting_count = (int)w->trained->setting_count;
    r->model.vocabulary = pe_task_vocabulary(w->trained->task);
    r->model.causal = r->task.causal;
    r->model.seed = r->seed;
    if (r->model.length == 0)
        r->model.length = pe_task_tokens(w->trained->task, 0);
    if (r->optimiser.warm_up == 0)
        r->optimiser.warm_up = r->steps / 10;
}

static void choose_folder(work *w, const pe_subject *subject)
{
    if (w->lab->keep)
        snprintf(w->folder, sizeof w->folder, "%s/%s-%016" PRIx64, w->lab->keep,
                 subject->variant->id, key_of(&w->recipe));
}

static pe_status begin(work *w, pe_error *err)
{
    const pe_lab_recipe *r = &w->recipe;
    pe_status status = pe_model_create(&r->model, &w->trained->model, err);
    if (status == PE_OK && r->prepare)
        status = r->prepare(w->trained->model, r->context, err);
    if (status != PE_OK)
        return status;
    const pe_training_config config = {.model = w->trained->model,
                                       .task = w->trained->task,
                                       .optimiser = r->optimiser,
                                       .batch = r->batch,
                                       .steps = r->steps,
                                       .seed = r->seed,
                                       .held_out_every = r->held_out_every,
                                       .check = w->lab->check,
                                       .watch_every = r->steps > 20 ? r->steps / 20 : 1,
                                       .watch = show_step,
                                       .context = w,
                                       .folder = w->folder[0] ? w->folder : NULL,
                                       .checkpoint_every = r->steps > 8 ? r->steps / 8 : 0};
    return pe_training_create(&config, &w->training, err);
}

static void forget(work *w)
{
    pe_training_release(w->training);
    pe_model_release(w->trained->model);
    w->training = NULL;
    w->trained->model = NULL;
}

static void snapshot_path(const work *w, int stage, char path[PATH + 64])
{
    snprintf(path, PATH + 64, "%s/stage.%06" PRId64 ".safetensors", w->folder,
             w->recipe.stages[stage]);
}

/* Stages that an earlier run has left behind, from its snapshots. */
static pe_status look_at_snapshots(work *w, pe_error *err)
{
    char path[PATH + 64];
    pe_status status = PE_OK;
    for (; status == PE_OK && w->looked < w->recipe.stage_count; w->looked++) {
        snapshot_path(w, w->looked, path);
        if (access(path, R_OK) != 0 || pe_model_load(w->trained->model, path, NULL) != PE_OK)
            return PE_OK;
        status = w->recipe.look(w->trained->model, w->looked, w->recipe.stages[w->looked],
                                w->recipe.context, err);
    }
    return status;
}

/* Go on where an earlier run was left, or begin anew: also when what is kept is damaged, was made
 * with other settings, or lies behind a stage whose snapshot is gone. */
static pe_status resume(work *w, pe_error *err)
{
    pe_status status = w->recipe.look ? look_at_snapshots(w, err) : PE_OK;
    if (status != PE_OK)
        return status;
    const bool resumed = pe_training_resume(w->training, NULL, NULL) == PE_OK;
    const bool behind = w->recipe.look && w->looked < w->recipe.stage_count &&
                        pe_training_step(w->training) > w->recipe.stages[w->looked];
    if (resumed && !behind)
        return PE_OK;
    forget(w);
    return begin(w, err);
}

static pe_status pass_stage(work *w, pe_error *err)
{
    const int64_t step = w->recipe.stages[w->looked];
    pe_status status =
        pe_training_step(w->training) < step ? pe_training_run(w->training, step, err) : PE_OK;
    if (status == PE_OK && w->folder[0]) {
        char path[PATH + 64];
        snapshot_path(w, w->looked, path);
        status = pe_model_save(w->trained->model, path, err);
    }
    if (status == PE_OK)
        status = w->recipe.look(w->trained->model, w->looked, step, w->recipe.context, err);
    w->looked++;
    return status;
}

static pe_status keep_record(work *w, pe_error *err)
{
    const pe_training_row *rows;
    pe_trained *trained = w->trained;
    trained->loss = pe_training_loss(w->training);
    trained->held_out = pe_training_held_out(w->training);
    trained->row_count = pe_training_rows(w->training, &rows);
    trained->rows = pe_allocate(trained->row_count, sizeof *rows, "record", err);
    if (!trained->rows)
        return PE_MEMORY;
    memcpy(trained->rows, rows, trained->row_count * sizeof *rows);
    return PE_OK;
}

static pe_status train(work *w, pe_error *err)
{
    pe_status status = begin(w, err);
    if (status == PE_OK && w->folder[0])
        status = resume(w, err);
    while (status == PE_OK && w->recipe.look && w->looked < w->recipe.stage_count)
        status = pass_stage(w, err);
    if (status == PE_OK)
        status = pe_training_run(w->training, 0, err);
    if (status == PE_OK)
        status = keep_record(w, err);
    pe_training_release(w->training);
    return status;
}

static bool same_model(const pe_lab_model *a, const pe_lab_model *b)
{
    return a->length == b->length && a->steps == b->steps && a->layers == b->layers &&
           a->width == b->width && a->heads == b->heads && a->batch == b->batch;
}

static void note_model(pe_lab_models *models, const pe_lab_recipe *r, int64_t length)
{
    const pe_lab_model own = {.length = length,
                              .steps = r->steps,
                              .layers = r->model.layers,
                              .width = r->model.width,
                              .heads = r->model.heads,
                              .batch = r->batch};
#pragma omp critical(pe_lab_models)
    {
        bool known = false;
        for (int i = 0; i < models->count; i++)
            known = known || same_model(&models->at[i], &own);
        if (!known && models->count < PE_LAB_MODELS)
            models->at[models->count++] = own;
    }
}

pe_status pe_lab_train(pe_lab *lab, const pe_subject *subject, const pe_lab_recipe *recipe,
                       pe_trained *trained, pe_error *err)
{
    *trained = (pe_trained){0};
    if (!subject->instance)
        return pe_fail(err, PE_USAGE, "%s", subject->because);
    work w = {.lab = lab, .recipe = *recipe, .trained = trained};
    pe_status status = join_settings(subject, recipe, trained, err);
    if (status == PE_OK)
        status = pe_task_create(&recipe->task, &trained->task, err);
    if (status == PE_OK) {
        fill_recipe(&w, subject);
        if (lab->models)
            note_model(lab->models, recipe, pe_task_tokens(trained->task, 0));
        choose_folder(&w, subject);
        status = train(&w, err);
    }
    if (status != PE_OK)
        pe_lab_trained_release(trained);
    return status;
}

void pe_lab_trained_release(pe_trained *trained)
{
    pe_model_release(trained->model);
    pe_task_release(trained->task);
    pe_release(trained->rows);
    pe_release(trained->settings);
    *trained = (pe_trained){0};
}
