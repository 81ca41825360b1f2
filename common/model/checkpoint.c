/* Parameters and trainings on disk. */
#include "model/checkpoint.h"
#include "base/memory.h"
#include "io/csv.h"
#include "io/safetensors.h"
#include "model/train_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_ROOM = PE_MODEL_NAME + 16, PATH_ROOM = 4096, KEYS_MOST = 64, VALUE_ROOM = 1024 };
#define LARGEST_TENSOR ((size_t)1 << 40)

/* ---- a file being put together
 * -------------------------------------------------------------------- */

typedef struct bundle {
    size_t count;
    pe_tensor *tensors;
    char (*names)[NAME_ROOM];
    pe_safetensors_item *items;
} bundle;

static pe_status begin_bundle(bundle *b, size_t most, pe_error *err)
{
    *b = (bundle){0};
    b->tensors = pe_allocate(most, sizeof *b->tensors, "tensors", err);
    b->names = pe_allocate(most, sizeof *b->names, "tensors", err);
    b->items = pe_allocate(most, sizeof *b->items, "tensors", err);
    return b->tensors && b->names && b->items ? PE_OK : PE_MEMORY;
}

/* A tensor over memory that is lent. */
static void add_tensor(bundle *b, const char *prefix, const char *name, pe_dtype dtype, int rank,
                       const int64_t *shape, size_t count, const void *data)
{
    pe_tensor *t = &b->tensors[b->count];
    *t = (pe_tensor){.rank = rank, .dtype = dtype, .count = count};
    for (int r = 0; r < rank; r++)
        t->shape[r] = (size_t)shape[r];
    memcpy(&t->data, &data, sizeof data); /* tensors are not const, and nobody writes to this one */
    snprintf(b->names[b->count], NAME_ROOM, "%s%s", prefix, name);
    b->items[b->count] = (pe_safetensors_item){b->names[b->count], t};
    b->count++;
}

static void end_bundle(bundle *b)
{
    pe_release(b->tensors);
    pe_release(b->names);
    pe_release(b->items);
}

/* Every block out of an array like the parameters. */
static void add_blocks(bundle *b, const pe_model *model, const char *prefix, pe_dtype dtype,
                       const void *numbers)
{
    const size_t size = pe_dtype_size(dtype);
    for (size_t i = 0; i < model->block_count; i++) {
        const pe_model_block *block = &model->blocks[i];
        if (block->count > 0)
            add_tensor(b, prefix, block->name, dtype, block->rank, block->shape, block->count,
                       (const char *)numbers + block->from * size);
    }
}

pe_status pe_model_save(const pe_model *model, const char *path, pe_error *err)
{
    bundle b;
    pe_status status = begin_bundle(&b, model->block_count, err);
    const pe_dtype dtype = model->config.precision == PE_FLOAT ? PE_DTYPE_F32 : PE_DTYPE_F64;
    const pe_safetensors_text text = {"format", "posenc model"};
    if (status == PE_OK) {
        add_blocks(&b, model, "", dtype, model->w);
        status = pe_safetensors_write(path, b.items, b.count, &text, 1, err);
    }
    end_bundle(&b);
    return status;
}

/* ---- reading
 * ---------------------------------------------------------------------------------------- */

static pe_status shape_differs(const pe_model_block *block, const char *name, const char *path,
                               pe_error *err)
{
    return pe_fail(err, PE_FORMAT, "%s: tensor %s has another shape than the model's %zu numbers",
                   path, name, block->count);
}

/* One tensor into floats or doubles. */
static pe_status read_block(const pe_safetensors *file, const char *path,
                            const pe_model_block *block, const char *prefix, pe_precision precision,
                            void *numbers, pe_error *err)
{
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "%s%s", prefix, block->name);
    pe_tensor tensor = {0};
    double *x = NULL;
    pe_status status = pe_safetensors_read(file, name, LARGEST_TENSOR, &tensor, err);
    if (status == PE_USAGE) /* no such tensor: the file's fault, not the caller's */
        return pe_fail(err, PE_FORMAT, "%s has no tensor %s", path, name);
    bool fits = status == PE_OK && tensor.rank == block->rank;
    for (int r = 0; fits && r < block->rank; r++)
        fits = tensor.shape[r] == (size_t)block->shape[r];
    if (status == PE_OK && !fits)
        status = shape_differs(block, name, path, err);
    if (status == PE_OK)
        status = pe_tensor_as_doubles(&tensor, name, &x, NULL, err);
    for (size_t i = 0; status == PE_OK && i < block->count; i++)
        if (precision == PE_FLOAT)
            ((float *)numbers)[block->from + i] = (float)x[i];
        else
            ((double *)numbers)[block->from + i] = x[i];
    pe_release(x);
    pe_tensor_release(&tensor);
    return status;
}

static pe_status read_blocks(const pe_safetensors *file, const char *path, const pe_model *model,
                             const char *prefix, void *numbers, pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < model->block_count; i++)
        if (model->blocks[i].count > 0)
            status = read_block(file, path, &model->blocks[i], prefix, model->config.precision,
                                numbers, err);
    return status;
}

static pe_status take_parameters(pe_model *model, const void *numbers, pe_error *err)
{
    memcpy(model->w, numbers, model->size * pe_precision_size(model->config.precision));
    model->masters_stale = true;
    return pe_model_refresh(model, err);
}

pe_status pe_model_load(pe_model *model, const char *path, pe_error *err)
{
    pe_safetensors *file = NULL;
    pe_status status = pe_safetensors_open(path, &file, err);
    if (status != PE_OK)
        return status;
    void *numbers =
        pe_allocate(model->size, pe_precision_size(model->config.precision), "parameters", err);
    status = numbers ? read_blocks(file, path, model, "", numbers, err) : PE_MEMORY;
    if (status == PE_OK)
        status = take_parameters(model, numbers, err);
    pe_release(numbers);
    pe_safetensors_close(file);
    return status;
}

/* ---- what decides the course of a training
 * ------------------------------------------------------------ */

typedef struct settings {
    size_t count;
    pe_safetensors_text text[KEYS_MOST];
    char value[KEYS_MOST][VALUE_ROOM];
} settings;

__attribute__((format(printf, 3, 4))) static void set(settings *s, const char *key,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->value[s->count], VALUE_ROOM, format, args);
    va_end(args);
    s->text[s->count] = (pe_safetensors_text){key, s->value[s->count]};
    s->count++;
}

static void set_variant(settings *s, const char *key, const pe_variant *variant,
                        const pe_setting *given, int count)
{
    char text[VALUE_ROOM];
    int used = snprintf(text, sizeof text, "%s", variant ? variant->id : "");
    for (int i = 0; variant && i < count && used > 0 && used < (int)sizeof text; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s=%s", i ? "," : ":",
                         given[i].name, given[i].text);
    set(s, key, "%s", text);
}

static void set_model(settings *s, const pe_model_config *c)
{
    set_variant(s, "variant", c->variant, c->settings, c->setting_count);
    set_variant(s, "positions", c->map, c->map_settings, c->map_setting_count);
    set(s, "layers_with_encoding", "%s", c->schedule ? c->schedule : "");
    set(s, "layers", "%d", c->layers);
    set(s, "width", "%d", c->width);
    set(s, "heads", "%d", c->heads);
    set(s, "head_dim", "%d", c->head_dim);
    set(s, "mlp", "%d", c->mlp);
    set(s, "vocabulary", "%d", c->vocabulary);
    set(s, "classes", "%d", c->classes);
    set(s, "length", "%lld", (long long)c->length);
    set(s, "causal", "%d", c->causal);
    set(s, "tied", "%d", c->tied);
    set(s, "scale_embedding", "%d", c->scale_embedding);
    set(s, "dropout", "%.17g", c->dropout);
    set(s, "embedding_deviation", "%.17g", c->embedding_deviation);
    set(s, "model_seed", "%" PRIu64, c->seed);
}

static void set_task(settings *s, const pe_task *task)
{
    const pe_task_config *c = pe_task_config_of(task);
    set(s, "task", "%s", pe_task_name(c->kind));
    set(s, "train_bytes", "%lld", (long long)pe_task_bytes(task, PE_TRAIN));
    set(s, "held_out_bytes", "%lld", (long long)pe_task_bytes(task, PE_HELD_OUT));
    set(s, "task_length", "%lld", (long long)c->length);
    set(s, "symbols", "%d", c->symbols);
    set(s, "shortest", "%lld", (long long)c->shortest);
    set(s, "longest", "%lld", (long long)c->longest);
    set(s, "distance", "%lld", (long long)c->distance);
    set(s, "reversed", "%d", c->reversed);
}

static void set_training(settings *s, const pe_training_config *c)
{
    const pe_optimiser *o = &c->optimiser;
    set(s, "batch", "%d", c->batch);
    set(s, "steps", "%lld", (long long)c->steps);
    set(s, "seed", "%" PRIu64, c->seed);
    set(s, "held_out_every", "%lld", (long long)c->held_out_every);
    set(s, "held_out_batches", "%d", c->held_out_batches);
    set(s, "learning_rate", "%.17g", o->rate);
    set(s, "least_rate", "%.17g", o->least_rate);
    set(s, "warm_up", "%lld", (long long)o->warm_up);
    set(s, "cosine_steps", "%lld", (long long)o->steps);
    set(s, "beta1", "%.17g", o->beta1);
    set(s, "beta2", "%.17g", o->beta2);
    set(s, "epsilon", "%.17g", o->epsilon);
    set(s, "decay", "%.17g", o->decay);
    set(s, "clip", "%.17g", o->clip);
}

static settings *settings_of(const pe_training *t, pe_error *err)
{
    settings *s = pe_allocate(1, sizeof *s, "settings", err);
    if (s) {
        set_model(s, pe_model_config_of(t->config.model));
        set_task(s, t->config.task);
        set_training(s, &t->config);
    }
    return s;
}

/* ---- writing a training
 * --------------------------------------------------------------------------------- */

/* Fowler, Noll, Vo (FNV-1a, 64 bits) over the bytes of all tensors, eight bytes at a time. */
static uint64_t checksum_of(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum = (sum ^ word) * 0x100000001b3u;
        sum ^= sum >> 29;
    }
    for (; size > 0; at++, size--)
        sum = (sum ^ *at) * 0x100000001b3u;
    return sum;
}

static uint64_t checksum_of_state(const void *w, const void *m, const void *v, size_t size,
                                  const void *rows, size_t row_bytes, int64_t step)
{
    uint64_t sum = checksum_of(0xcbf29ce484222325u, &step, sizeof step);
    sum = checksum_of(sum, w, size);
    sum = checksum_of(sum, m, size);
    sum = checksum_of(sum, v, size);
    return checksum_of(sum, rows, row_bytes);
}

static void path_in(const pe_training *t, const char *name, char *path)
{
    snprintf(path, PATH_ROOM, "%s/%s", t->folder, name);
}

static const char *const file_names[2] = {"checkpoint.a.safetensors", "checkpoint.b.safetensors"};

static pe_status write_log(const pe_training *t, pe_error *err)
{
    static const char *const columns[] = {"step", "loss", "held_out"};
    char path[PATH_ROOM];
    path_in(t, "log.csv", path);
    pe_csv *csv = pe_csv_begin(path, 3, columns, err);
    if (!csv)
        return err ? err->status : PE_WRITE;
    for (size_t i = 0; i < t->row_count; i++) {
        pe_csv_i64(csv, (int64_t)t->rows[i].step);
        pe_csv_f64(csv, t->rows[i].loss);
        if (t->rows[i].held_out == t->rows[i].held_out)
            pe_csv_f64(csv, t->rows[i].held_out);
        else
            pe_csv_empty(csv);
        pe_csv_end_row(csv);
    }
    return pe_csv_commit(csv, err);
}

static pe_status write_state(const pe_training *t, settings *s, bundle *b, pe_error *err)
{
    const pe_model *model = t->config.model;
    const size_t bytes = model->size * sizeof(float);
    const int64_t shape[2] = {(int64_t)t->row_count, 3};
    char path[PATH_ROOM];
    add_blocks(b, model, "", PE_DTYPE_F32, model->w);
    add_blocks(b, model, "optimiser.m.", PE_DTYPE_F32, t->m);
    add_blocks(b, model, "optimiser.v.", PE_DTYPE_F32, t->v);
    if (t->row_count > 0)
        add_tensor(b, "", "record", PE_DTYPE_F64, 2, shape, 3 * t->row_count, t->rows);
    const uint64_t sum = checksum_of_state(model->w, t->m, t->v, bytes, t->rows,
                                           t->row_count * sizeof *t->rows, t->step);
    set(s, "format", "posenc training");
    set(s, "step", "%lld", (long long)t->step);
    set(s, "checksum", "%016" PRIx64, sum);
    path_in(t, file_names[t->next_file], path);
    return pe_safetensors_write(path, b->items, b->count, s->text, s->count, err);
}

pe_status pe_training_save(pe_training *t, pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    if (!t->folder)
        return pe_fail(err, PE_USAGE, "this training has no folder for checkpoints");
    bundle b = {0};
    settings *s = settings_of(t, err);
    pe_status status = s ? begin_bundle(&b, 3 * t->config.model->block_count + 1, err) : PE_MEMORY;
    if (status == PE_OK)
        status = write_state(t, s, &b, err);
    if (status == PE_OK) {
        t->next_file = 1 - t->next_file;
        status = write_log(t, err);
    }
    end_bundle(&b);
    pe_release(s);
    return status;
}

/* ---- going on
 * --------------------------------------------------------------------------------------------- */

/* One checkpoint, read and found whole. */
typedef struct state {
    bool whole;
    int64_t step;
    float *w, *m, *v;
    pe_training_row *rows;
    size_t row_count;
    char differs[256]; /* the first setting that is another one, or "" */
    pe_error trouble;
} state;

static void release_state(state *s)
{
    pe_release(s->w);
    pe_release(s->m);
    pe_release(s->v);
    pe_release(s->rows);
}

static void compare_settings(const pe_safetensors *file, const settings *now, state *s)
{
    for (size_t i = 0; i < now->count && !s->differs[0]; i++) {
        const char *then = pe_safetensors_metadata(file, now->text[i].key);
        if (!then || strcmp(then, now->text[i].value) != 0)
            snprintf(s->differs, sizeof s->differs, "%s was '%.80s' and is now '%.80s'",
                     now->text[i].key, then ? then : "", now->text[i].value);
    }
}

static pe_status read_record(const pe_safetensors *file, const char *path, state *s, pe_error *err)
{
    pe_tensor tensor = {0};
    if (s->step == 0)
        return PE_OK;
    pe_status status = pe_safetensors_read(file, "record", LARGEST_TENSOR, &tensor, err);
    if (status == PE_OK && (tensor.dtype != PE_DTYPE_F64 || tensor.rank != 2 ||
                            tensor.shape[1] != 3 || tensor.shape[0] != (size_t)s->step))
        status = pe_fail(err, PE_FORMAT, "%s: the record is not (step, 3) doubles", path);
    if (status == PE_OK) {
        s->rows = tensor.data;
        s->row_count = tensor.shape[0];
        tensor.data = NULL;
    }
    pe_tensor_release(&tensor);
    return status;
}

static pe_status read_numbers(const pe_safetensors *file, const char *path, const pe_model *model,
                              state *s, pe_error *err)
{
    s->w = pe_allocate(model->size, sizeof *s->w, "parameters", err);
    s->m = pe_allocate(model->size, sizeof *s->m, "moments", err);
    s->v = pe_allocate(model->size, sizeof *s->v, "moments", err);
    if (!s->w || !s->m || !s->v)
        return PE_MEMORY;
    pe_status status = read_blocks(file, path, model, "", s->w, err);
    if (status == PE_OK)
        status = read_blocks(file, path, model, "optimiser.m.", s->m, err);
    if (status == PE_OK)
        status = read_blocks(file, path, model, "optimiser.v.", s->v, err);
    return status == PE_OK ? read_record(file, path, s, err) : status;
}

static pe_status check_sum(const pe_safetensors *file, const char *path, const pe_model *model,
                           const state *s, pe_error *err)
{
    const char *written = pe_safetensors_metadata(file, "checksum");
    char now[32];
    snprintf(now, sizeof now, "%016" PRIx64,
             checksum_of_state(s->w, s->m, s->v, model->size * sizeof *s->w, s->rows,
                               s->row_count * sizeof *s->rows, s->step));
    if (written && strcmp(written, now) == 0)
        return PE_OK;
    return pe_fail(err, PE_FORMAT, "%s is damaged: its numbers have the checksum %s, not %s", path,
                   now, written ? written : "any");
}

static pe_status read_step(const pe_safetensors *file, const char *path, const pe_training *t,
                           state *s, pe_error *err)
{
    const char *text = pe_safetensors_metadata(file, "step");
    long long step = -1;
    if (!text || sscanf(text, "%lld", &step) != 1 || step < 0)
        return pe_fail(err, PE_FORMAT, "%s is no checkpoint of a training", path);
    s->step = step;
    if (!s->differs[0] && step > t->config.steps)
        return pe_fail(err, PE_FORMAT, "%s: step %lld is beyond the last one, %lld", path, step,
                       (long long)t->config.steps);
    return PE_OK;
}

static void read_state(const pe_training *t, int which, const settings *now, state *s)
{
    char path[PATH_ROOM];
    pe_safetensors *file = NULL;
    *s = (state){0};
    path_in(t, file_names[which], path);
    pe_status status = pe_safetensors_open(path, &file, &s->trouble);
    if (status == PE_OK)
        compare_settings(file, now, s);
    if (status == PE_OK)
        status = read_step(file, path, t, s, &s->trouble);
    if (status == PE_OK && !s->differs[0]) {
        status = read_numbers(file, path, t->config.model, s, &s->trouble);
        if (status == PE_OK)
            status = check_sum(file, path, t->config.model, s, &s->trouble);
    }
    s->whole = status == PE_OK;
    pe_safetensors_close(file);
}

static pe_status take_state(pe_training *t, const state *s, int which, pe_error *err)
{
    const size_t size = t->config.model->size;
    memcpy(t->m, s->m, size * sizeof *t->m);
    memcpy(t->v, s->v, size * sizeof *t->v);
    memcpy(t->rows, s->rows ? s->rows : t->rows, s->row_count * sizeof *t->rows);
    t->row_count = s->row_count;
    t->step = s->step;
    t->loss = s->row_count ? s->rows[s->row_count - 1].loss : t->loss;
    for (size_t i = 0; i < s->row_count; i++)
        if (s->rows[i].held_out == s->rows[i].held_out)
            t->held_out_loss = s->rows[i].held_out;
    t->next_file = 1 - which;
    return take_parameters(t->config.model, s->w, err);
}

static bool file_exists(const pe_training *t, int which)
{
    char path[PATH_ROOM];
    path_in(t, file_names[which], path);
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

static pe_status choose_state(pe_training *t, const state *s, char *note, pe_error *err)
{
    const int newer = s[1].whole && (!s[0].whole || s[1].step > s[0].step);
    const int other = 1 - newer;
    if (!s[newer].whole)
        return pe_fail(err, PE_FORMAT, "no checkpoint in %s is whole: %s; %s", t->folder,
                       s[0].trouble.text, s[1].trouble.text);
    if (s[newer].differs[0])
        return pe_fail(err, PE_USAGE,
                       "the checkpoint in %s belongs to other settings: %s; give the same ones, or "
                       "another folder",
                       t->folder, s[newer].differs);
    if (note && !s[other].whole && file_exists(t, other))
        snprintf(note, PE_ERROR_TEXT, "%.700s; going on from %s, step %lld", s[other].trouble.text,
                 file_names[newer], (long long)s[newer].step);
    return take_state(t, &s[newer], newer, err);
}

pe_status pe_training_resume(pe_training *t, char *note, pe_error *err)
{
    if (note)
        note[0] = '\0';
    if (!t->folder)
        return pe_fail(err, PE_USAGE, "this training has no folder with checkpoints");
    settings *now = settings_of(t, err);
    state *s = now ? pe_allocate(2, sizeof *s, "checkpoints", err) : NULL;
    pe_status status = s ? PE_OK : PE_MEMORY;
    for (int i = 0; status == PE_OK && i < 2; i++)
        read_state(t, i, now, &s[i]);
    if (status == PE_OK)
        status = choose_state(t, s, note, err);
    for (int i = 0; s && i < 2; i++)
        release_state(&s[i]);
    pe_release(s);
    pe_release(now);
    return status;
}
