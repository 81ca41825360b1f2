/* Making a model: its encodings, the list of its blocks, and their first numbers. */
#include "model/inside.h"
#include "base/memory.h"
#include "base/names.h"
#include "core/gradient.h"
#include "core/lent.h"
#include "core/stream.h"

#include <stdio.h>
#include <string.h>

enum { WIDEST = 1 << 16, VOCABULARY_MOST = 1 << 24 };

/* ---- configuration -------------------------------------------------------------------------- */

static pe_status check_sizes(const pe_model_config *c, pe_error *err)
{
    const struct {
        const char *name;
        int64_t value, least, most;
    } limits[] = {{"layers", c->layers, 1, PE_MODEL_LAYERS},
                  {"width", c->width, 1, WIDEST},
                  {"heads", c->heads, 1, 1024},
                  {"head_dim", c->head_dim, 0, WIDEST},
                  {"mlp", c->mlp, 0, 4 * WIDEST},
                  {"vocabulary", c->vocabulary, 1, VOCABULARY_MOST},
                  {"classes", c->classes, 0, VOCABULARY_MOST},
                  {"length", c->length, 0, 1 << 24}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value < limits[i].least || limits[i].value > limits[i].most)
            return pe_fail(err, PE_USAGE, "model: %s is %lld, but must be from %lld to %lld",
                           limits[i].name, (long long)limits[i].value, (long long)limits[i].least,
                           (long long)limits[i].most);
    if (c->head_dim == 0 && c->width % c->heads != 0)
        return pe_fail(err, PE_USAGE,
                       "model: %d heads do not divide the width %d; choose others, or give "
                       "head_dim",
                       c->heads, c->width);
    if (!(c->dropout >= 0 && c->dropout < 1) ||
        !(c->embedding_deviation >= 0 && c->embedding_deviation < 1e3))
        return pe_fail(err, PE_USAGE,
                       "model: dropout is from 0 to below 1, and embedding_deviation from 0 to "
                       "below 1000");
    if (c->precision != PE_FLOAT && c->precision != PE_DOUBLE)
        return pe_fail(err, PE_USAGE, "model: a network computes in f32 or f64");
    return PE_OK;
}

static void fill_defaults(pe_model *model)
{
    pe_model_config *c = &model->config;
    c->head_dim = c->head_dim ? c->head_dim : c->width / c->heads;
    c->mlp = c->mlp ? c->mlp : 4 * c->width;
    c->classes = c->classes ? c->classes : c->vocabulary;
    c->embedding_deviation = c->embedding_deviation > 0 ? c->embedding_deviation : 0.1;
    model->I = c->heads * c->head_dim;
    model->F = c->mlp;
    model->C = c->classes;
}

/* ---- encodings --------------------------------------------------------------------------------
 */

static bool code_is_beside(const pe_instance *instance)
{
    return instance->info.embed_width > 0 && (instance->info.flags & PE_CONCATENATE);
}

static pe_status make_encodings(pe_model *model, pe_error *err)
{
    const pe_model_config *c = &model->config;
    const pe_dims dims = {.heads = c->heads,
                          .head_dim = c->head_dim,
                          .model_dim = c->width,
                          .layers = c->layers,
                          .max_len = c->length};
    bool uses[PE_MODEL_LAYERS];
    pe_status status = pe_schedule_read(c->schedule, c->layers, uses, err);
    for (int l = 0; status == PE_OK && l < c->layers; l++) {
        const bool own = uses[l];
        status = pe_instance_create(own ? c->variant : &pe_model_plain, &dims,
                                    own ? c->settings : NULL, own ? c->setting_count : 0,
                                    c->seed + (uint64_t)l, &model->encoding[l], err);
    }
    if (status == PE_OK && c->map) {
        if (!c->map->positions)
            return pe_fail(err, PE_USAGE, "%s has no positions hook, so it is no position map",
                           c->map->id);
        status = pe_instance_create(c->map, &dims, c->map_settings, c->map_setting_count, c->seed,
                                    &model->map, err);
    }
    if (status != PE_OK)
        return status;
    model->X = c->width;
    if (code_is_beside(model->encoding[0]))
        model->X += model->encoding[0]->info.embed_width;
    if (c->tied && (model->X != c->width || model->C != c->vocabulary))
        return pe_fail(err, PE_USAGE,
                       "model: a tied head needs as many classes as tokens, and a code that is "
                       "added, not beside the rows");
    for (int l = 0; l < c->layers; l++)
        if (model->encoding[l]->info.flags & PE_EMBED_EVERY_LAYER)
            return pe_fail(err, PE_USAGE,
                           "%s adds its code in every layer, which this model does not do",
                           c->variant->id);
        else if ((model->encoding[l]->info.flags & PE_NEEDS_HIDDEN) && model->X != c->width)
            return pe_fail(err, PE_USAGE, "%s reads hidden states of width %d, but rows have %d",
                           c->variant->id, c->width, model->X);
    return PE_OK;
}

const pe_instance *pe_model_code(const pe_model *model)
{
    const pe_instance *first = model->encoding[0];
    return first->info.embed_width > 0 && first->variant->f64->embed ? first : NULL;
}

bool pe_model_has_positions(const pe_model *model)
{
    return model->map || model->encoding[0]->variant->positions != NULL;
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

enum { BLOCKS_OF_LAYER = 16 };

/* The next block; the caller fills the rest. */
static pe_model_block *add_block(pe_model *model, const char *prefix, const char *name, int rank,
                                 int64_t rows, int64_t columns)
{
    pe_model_block *b = &model->blocks[model->block_count++];
    snprintf(b->name, sizeof b->name, "%.31s%.60s", prefix, name);
    b->from = model->size;
    b->rank = rank;
    b->shape[0] = rows;
    b->shape[1] = columns;
    b->count = (size_t)rows * (rank > 1 ? (size_t)columns : 1);
    model->size += b->count;
    return b;
}

static size_t add_vector(pe_model *model, const char *prefix, const char *name, int64_t n)
{
    return add_block(model, prefix, name, 1, n, 1)->from;
}

static size_t add_matrix(pe_model *model, const char *prefix, const char *name, int64_t rows,
                         int64_t columns)
{
    pe_model_block *b = add_block(model, prefix, name, 2, rows, columns);
    b->decays = true;
    return b->from;
}

static size_t add_encoding_block(pe_model *model, const char *prefix, const pe_param *p)
{
    pe_model_block *b = add_block(model, prefix, p->name, 1, 0, 1);
    b->rank = p->rank;
    memcpy(b->shape, p->shape, sizeof b->shape);
    b->count = pe_param_count(p);
    b->frozen = p->frozen;
    b->low = p->low;
    b->high = p->high;
    model->size += b->count;
    return b->from;
}

/* Blocks of the encoding in layer l; one for all layers where it says so. */
static void add_encoding_blocks(pe_model *model, int l)
{
    const pe_setup *s = &model->encoding[l]->info;
    const bool own = model->encoding[l]->variant != &pe_model_plain;
    int first = 0;
    while (own && model->encoding[first]->variant == &pe_model_plain)
        first++;
    char prefix[32];
    for (int p = 0; own && p < s->param_count; p++) {
        if (s->param[p].per_model && first < l) {
            model->at[l].pe[p] = model->at[first].pe[p];
            continue;
        }
        if (s->param[p].per_model)
            snprintf(prefix, sizeof prefix, "pe.");
        else
            snprintf(prefix, sizeof prefix, "layers.%d.pe.", l);
        model->at[l].pe[p] = add_encoding_block(model, prefix, &s->param[p]);
    }
}

static void add_layer(pe_model *model, int l)
{
    pe_layer_places *at = &model->at[l];
    const int X = model->X, I = model->I, F = model->F;
    char layer[32];
    snprintf(layer, sizeof layer, "layers.%d.", l);
    at->norm1 = add_vector(model, layer, "attention.norm.weight", X);
    at->shift1 = add_vector(model, layer, "attention.norm.bias", X);
    at->qkv = add_matrix(model, layer, "attention.query.weight", I, X);
    add_matrix(model, layer, "attention.key.weight", I, X);
    add_matrix(model, layer, "attention.value.weight", I, X);
    at->qkv_bias = add_vector(model, layer, "attention.query.bias", I);
    add_vector(model, layer, "attention.key.bias", I);
    add_vector(model, layer, "attention.value.bias", I);
    at->out = add_matrix(model, layer, "attention.output.weight", X, I);
    at->out_bias = add_vector(model, layer, "attention.output.bias", X);
    at->norm2 = add_vector(model, layer, "mlp.norm.weight", X);
    at->shift2 = add_vector(model, layer, "mlp.norm.bias", X);
    at->up = add_matrix(model, layer, "mlp.up.weight", F, X);
    at->up_bias = add_vector(model, layer, "mlp.up.bias", F);
    at->down = add_matrix(model, layer, "mlp.down.weight", X, F);
    at->down_bias = add_vector(model, layer, "mlp.down.bias", X);
    add_encoding_blocks(model, l);
}

static pe_status list_blocks(pe_model *model, pe_error *err)
{
    const pe_model_config *c = &model->config;
    const size_t most = 4 + (size_t)c->layers * (BLOCKS_OF_LAYER + PE_MAX_PARAMS);
    model->blocks = pe_allocate(most, sizeof *model->blocks, "list of parameters", err);
    model->at = pe_allocate((size_t)c->layers, sizeof *model->at, "list of parameters", err);
    if (!model->blocks || !model->at)
        return PE_MEMORY;
    model->embedding = add_block(model, "", "embedding.weight", 2, c->vocabulary, c->width)->from;
    for (int l = 0; l < c->layers; l++)
        add_layer(model, l);
    model->norm = add_vector(model, "", "norm.weight", model->X);
    model->shift = add_vector(model, "", "norm.bias", model->X);
    model->head = model->embedding;
    if (!c->tied)
        model->head = add_matrix(model, "", "head.weight", model->C, model->X);
    model->w = pe_allocate(model->size, pe_precision_size(c->precision), "parameters", err);
    return model->w ? PE_OK : PE_MEMORY;
}

/* ---- first numbers ------------------------------------------------------------------------------
 */

static void put(pe_model *model, size_t at, double x)
{
    if (model->config.precision == PE_FLOAT)
        ((float *)model->w)[at] = (float)x;
    else
        ((double *)model->w)[at] = x;
}

static double got(const pe_model *model, size_t at)
{
    return model->config.precision == PE_FLOAT ? (double)((const float *)model->w)[at]
                                               : ((const double *)model->w)[at];
}

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The uniform law of PyTorch's nn.Linear, within 1/sqrt(in) for weight and bias, so that the same
 * model there starts alike; E is normal. A bias has as many inputs as its weight. */
static double reach_of(const pe_model *model, const pe_model_block *b)
{
    const bool down = strstr(b->name, "mlp.down.") != NULL;
    const bool out = strstr(b->name, "attention.output.") != NULL;
    return 1 / sqrt((double)(down ? model->F : out ? model->I : model->X));
}

static void initialise(pe_model *model, const pe_model_block *b)
{
    pe_core_stream stream;
    pe_core_stream_start(&stream, model->config.seed, b->name, 0);
    const bool norm = strstr(b->name, "norm.") != NULL, embedding = b->from == model->embedding;
    const double reach = reach_of(model, b);
    for (size_t i = 0; i < b->count; i++) {
        double x;
        if (norm)
            x = ends_in(b->name, ".weight");
        else if (embedding)
            x = model->config.embedding_deviation * pe_core_normal(&stream);
        else
            x = reach * (2 * pe_core_uniform(&stream) - 1);
        put(model, b->from + i, x);
    }
}

static void initialise_all(pe_model *model)
{
    for (size_t i = 0; i < model->block_count; i++)
        if (!strstr(model->blocks[i].name, "pe."))
            initialise(model, &model->blocks[i]);
    /* Layers share their per-model blocks, and the first one's numbers count. */
    for (int l = model->config.layers - 1; l >= 0; l--) {
        const pe_instance *instance = model->encoding[l];
        for (int p = 0; p < instance->info.param_count; p++)
            for (size_t i = 0; i < pe_param_count(&instance->info.param[p]); i++)
                put(model, model->at[l].pe[p] + i, instance->master[p][i]);
    }
}

/* ---- life cycle -------------------------------------------------------------------------------
 */

pe_status pe_model_create(const pe_model_config *config, pe_model **model, pe_error *err)
{
    pe_status status = check_sizes(config, err);
    if (status != PE_OK)
        return status;
    pe_model *made = pe_allocate(1, sizeof *made, "model", err);
    if (!made)
        return PE_MEMORY;
    made->config = *config;
    fill_defaults(made);
    made->encoding =
        pe_allocate((size_t)config->layers, sizeof(pe_instance *), "list of layers", err);
    status = made->encoding ? make_encodings(made, err) : PE_MEMORY;
    if (status == PE_OK)
        status = list_blocks(made, err);
    if (status == PE_OK) {
        initialise_all(made);
        made->masters_stale = true;
        status = pe_model_refresh(made, err);
    }
    if (status == PE_OK)
        *model = made;
    else
        pe_model_release(made);
    return status;
}

void pe_model_release(pe_model *model)
{
    if (!model)
        return;
    for (int l = 0; model->encoding && l < model->config.layers; l++)
        pe_instance_release(model->encoding[l]);
    pe_instance_release(model->map);
    pe_release(model->encoding);
    pe_release(model->blocks);
    pe_release(model->at);
    pe_release(model->w);
    pe_release(model);
}

pe_status pe_model_trainable(const pe_model *model, pe_error *err)
{
    for (int l = 0; l < model->config.layers; l++) {
        const char *hook = pe_instance_untrainable(model->encoding[l]);
        if (hook)
            return pe_fail(err, PE_USAGE,
                           "%s cannot be trained: its hook %s has no backward twin %s_vjp",
                           model->encoding[l]->variant->id, hook, hook);
    }
    return PE_OK;
}

/* ---- numbers in and out -------------------------------------------------------------------------
 */

const pe_model_config *pe_model_config_of(const pe_model *model)
{
    return &model->config;
}

int pe_model_row_width(const pe_model *model)
{
    return model->X;
}

size_t pe_model_block_count(const pe_model *model)
{
    return model->block_count;
}

const pe_model_block *pe_model_block_at(const pe_model *model, size_t at)
{
    return &model->blocks[at];
}

const pe_model_block *pe_model_find(const pe_model *model, const char *name)
{
    for (size_t i = 0; i < model->block_count; i++)
        if (strcmp(model->blocks[i].name, name) == 0)
            return &model->blocks[i];
    return NULL;
}

size_t pe_model_size(const pe_model *model)
{
    return model->size;
}

static pe_status find_counted(const pe_model *model, const char *name, size_t count,
                              const pe_model_block **found, pe_error *err)
{
    *found = pe_model_find(model, name);
    if (!*found) {
        const char *nearest = NULL;
        size_t least = strlen(name);
        for (size_t i = 0; i < model->block_count; i++) {
            const size_t distance = pe_name_distance(name, model->blocks[i].name);
            if (distance < least) {
                least = distance;
                nearest = model->blocks[i].name;
            }
        }
        return pe_fail(err, PE_USAGE, "the model has no parameters %s; did you mean %s?", name,
                       nearest ? nearest : model->blocks[0].name);
    }
    if ((*found)->count != count)
        return pe_fail(err, PE_USAGE, "parameters %s are %zu numbers, not %zu", name,
                       (*found)->count, count);
    return PE_OK;
}

pe_status pe_model_get(const pe_model *model, const char *name, size_t count, double *x,
                       pe_error *err)
{
    const pe_model_block *b;
    pe_status status = find_counted(model, name, count, &b, err);
    for (size_t i = 0; status == PE_OK && i < count; i++)
        x[i] = got(model, b->from + i);
    return status;
}

pe_status pe_model_set(pe_model *model, const char *name, size_t count, const double *x,
                       pe_error *err)
{
    const pe_model_block *b;
    pe_status status = find_counted(model, name, count, &b, err);
    for (size_t i = 0; status == PE_OK && i < count; i++)
        if (!isfinite(x[i]))
            return pe_fail(err, PE_USAGE, "parameters %s: number %zu is not finite", name, i);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        put(model, b->from + i, x[i]);
    model->masters_stale = true;
    return pe_model_refresh(model, err);
}

/* ---- the encodings follow
 * ------------------------------------------------------------------------ */

#define RUN_PLAN(suffix, precision)                                                                \
    do {                                                                                           \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);           \
        c.random = instance->info.plan_depends & PE_ON_RANDOM ? &random : NULL;                    \
        c.scratch = scratch;                                                                       \
        instance->variant->suffix->plan(&c, instance->plan[precision]);                            \
    } while (0)

/* A plan that depends on parameters, in the model's precision alone: all others follow when
 * somebody looks (pe_model_encoding). */
static pe_status plan_again(const pe_model *model, pe_instance *instance, pe_error *err)
{
    if (!(instance->info.plan_depends & PE_ON_PARAMETERS) || instance->info.plan == 0)
        return PE_OK;
    void *scratch = pe_allocate(instance->info.scratch, sizeof(double), "scratch of the plan", err);
    if (!scratch)
        return PE_MEMORY;
    pe_core_stream stream;
    pe_core_stream_start(&stream, instance->seed, "plan", 0);
    pe_random random = pe_core_random(&stream);
    if (model->config.precision == PE_FLOAT)
        RUN_PLAN(f32, PE_FLOAT);
    else
        RUN_PLAN(f64, PE_DOUBLE);
    pe_release(scratch);
    return PE_OK;
}

pe_status pe_model_refresh(pe_model *model, pe_error *err)
{
    const pe_precision precision = model->config.precision;
    const size_t size = pe_precision_size(precision);
    pe_status status = PE_OK;
    for (int l = 0; status == PE_OK && l < model->config.layers; l++) {
        pe_instance *instance = model->encoding[l];
        for (int p = 0; p < instance->info.param_count; p++)
            memcpy(instance->w[precision][p], (char *)model->w + model->at[l].pe[p] * size,
                   pe_param_count(&instance->info.param[p]) * size);
        status = plan_again(model, instance, err);
    }
    return status;
}

static pe_status update_masters(pe_model *model, pe_instance *instance, int layer, pe_error *err)
{
    pe_status status = PE_OK;
    for (int p = 0; status == PE_OK && p < instance->info.param_count; p++) {
        const size_t count = pe_param_count(&instance->info.param[p]);
        double *x = pe_allocate(count, sizeof *x, "parameters", err);
        if (!x)
            return PE_MEMORY;
        for (size_t i = 0; i < count; i++)
            x[i] = got(model, model->at[layer].pe[p] + i);
        status = pe_instance_set_param(instance, p, 0, NULL, count, x, err);
        pe_release(x);
    }
    return status;
}

pe_status pe_model_encoding(pe_model *model, int layer, const pe_instance **instance, pe_error *err)
{
    if (layer < 0 || layer >= model->config.layers)
        return pe_fail(err, PE_USAGE, "layer %d: the model has layers 0 to %d", layer,
                       model->config.layers - 1);
    pe_status status = PE_OK;
    for (int l = 0; model->masters_stale && status == PE_OK && l < model->config.layers; l++)
        status = update_masters(model, model->encoding[l], l, err);
    model->masters_stale = status != PE_OK;
    *instance = model->encoding[layer];
    return status;
}

const pe_instance *pe_model_map(const pe_model *model)
{
    return model->map;
}

/* ---- batches -----------------------------------------------------------------------------------
 */

pe_status pe_model_check_batch(const pe_model *model, int batch, int64_t n, const int32_t *tokens,
                               const int32_t *targets, const int64_t *lengths, pe_error *err)
{
    const pe_model_config *c = &model->config;
    if (batch < 1 || n < 1 || n > (1 << 24) || (int64_t)batch * n > INT32_MAX / 4)
        return pe_fail(err, PE_USAGE,
                       "%d sequences of %lld tokens: at least 1, and at most 2^29 "
                       "tokens altogether",
                       batch, (long long)n);
    for (int64_t i = 0; i < batch * n; i++) {
        const long long row = i / n, at = i % n;
        if (tokens[i] < 0 || tokens[i] >= c->vocabulary)
            return pe_fail(err, PE_USAGE,
                           "sequence %lld, token %lld is %d, but tokens go from 0 to %d", row, at,
                           tokens[i], c->vocabulary - 1);
        if (targets && targets[i] != PE_IGNORE && (targets[i] < 0 || targets[i] >= c->classes))
            return pe_fail(err, PE_USAGE,
                           "sequence %lld, target %lld is %d, but classes go from 0 to %d", row, at,
                           targets[i], c->classes - 1);
    }
    for (int b = 0; lengths && b < batch; b++)
        if (lengths[b] < 1 || lengths[b] > n)
            return pe_fail(err, PE_USAGE, "sequence %d has length %lld, but 1 to %lld are possible",
                           b, (long long)lengths[b], (long long)n);
    return PE_OK;
}
