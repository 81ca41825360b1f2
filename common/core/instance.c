#include "core/instance.h"
#include "base/memory.h"
#include "core/lent.h"
#include "core/quad.h"
#include "core/settings.h"
#include "core/stream.h"

#include <string.h>

/* ---- dimensions and setup ---------------------------------------------------------------- */

enum { WIDEST = 1 << 20 }; /* columns, heads: far above any model, far below overflow */

static pe_status check_dims(const pe_variant *variant, pe_dims *dims, pe_error *err)
{
    if (dims->kv_heads == 0)
        dims->kv_heads = dims->heads;
    if (dims->model_dim == 0)
        dims->model_dim = dims->heads * dims->head_dim;
    if (dims->axes == 0)
        dims->axes = 1;
    if (dims->layers == 0)
        dims->layers = 1;
    const struct {
        const char *name;
        int64_t value, most;
    } limits[] = {{"heads", dims->heads, 4096},         {"kv_heads", dims->kv_heads, 4096},
                  {"head_dim", dims->head_dim, WIDEST}, {"model_dim", dims->model_dim, WIDEST},
                  {"axes", dims->axes, PE_MAX_AXES},    {"layers", dims->layers, 4096}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value < 1 || limits[i].value > limits[i].most)
            return pe_fail(err, PE_USAGE, "%s: %s is %lld, but must be from 1 to %lld", variant->id,
                           limits[i].name, (long long)limits[i].value, (long long)limits[i].most);
    if (dims->heads % dims->kv_heads != 0)
        return pe_fail(err, PE_USAGE, "%s: kv_heads is %d, but must divide heads, %d", variant->id,
                       dims->kv_heads, dims->heads);
    if (dims->max_len < 0)
        return pe_fail(err, PE_USAGE, "%s: max_len is %lld, but must be 0 or more", variant->id,
                       (long long)dims->max_len);
    return PE_OK;
}

static pe_status broken_contract(const pe_variant *variant, const char *what, pe_error *err)
{
    return pe_fail(err, PE_PLUGIN, "%s: setup breaks the contract: %s", variant->id, what);
}

/* Numbers in a block, or false when no memory could hold them. */
static bool count_numbers(const pe_param *p, size_t *count)
{
    *count = 1;
    for (int r = 0; r < p->rank; r++)
        if (__builtin_mul_overflow(*count, (size_t)p->shape[r], count))
            return false;
    return *count < ((size_t)1 << 40);
}

static bool param_is_sound(const pe_param *p)
{
    if (!p->name || !p->name[0] || p->rank < 1 || p->rank > PE_MAX_RANK || p->low > p->high)
        return false;
    for (int r = 0; r < p->rank; r++)
        if (p->shape[r] < 0)
            return false;
    return true;
}

static pe_status check_info(const pe_variant *variant, const pe_setup *s, const pe_dims *dims,
                            pe_error *err)
{
    if (s->param_count < 0 || s->param_count > PE_MAX_PARAMS)
        return broken_contract(variant, "param_count is not from 0 to 8", err);
    for (int p = 0; p < s->param_count; p++)
        if (!param_is_sound(&s->param[p]))
            return broken_contract(variant, "a parameter has no name, a bad shape or bad bounds",
                                   err);
    for (int p = 0; p < s->param_count; p++) {
        size_t count;
        if (!count_numbers(&s->param[p], &count))
            return pe_fail(err, PE_MEMORY,
                           "%s: parameter %s of these sizes is more than memory "
                           "can hold",
                           variant->id, s->param[p].name);
    }
    if (s->embed_width < 0 || s->embed_width > WIDEST)
        return broken_contract(variant, "embed_width is negative or huge", err);
    if (s->embed_width > 0 && !(s->flags & PE_CONCATENATE) && s->embed_width != dims->model_dim)
        return broken_contract(variant, "an added code must be as wide as model_dim", err);
    if (s->rows && (s->low > s->high || (s->row_heads != 1 && s->row_heads != dims->heads)))
        return broken_contract(variant, "rows need low <= high and row_heads 1 or heads", err);
    if (s->mapped_width < 0 || s->mapped_width > WIDEST || s->state < 0 || s->state > WIDEST)
        return broken_contract(variant, "mapped_width or state is negative or huge", err);
    if (s->mapped_width && s->mapped_width != dims->head_dim &&
        ((s->rows & (PE_ROWS_QUERY | PE_ROWS_KEY)) || s->u != PE_NONE || s->v != PE_NONE))
        return broken_contract(variant, "rows and u, v meet q and k of width head_dim only", err);
    const int vectors[2] = {s->u, s->v};
    for (int i = 0; i < 2; i++)
        if (vectors[i] != PE_NONE &&
            (vectors[i] < 0 || vectors[i] >= s->param_count || s->param[vectors[i]].rank != 2 ||
             s->param[vectors[i]].shape[0] != dims->heads ||
             s->param[vectors[i]].shape[1] != dims->head_dim))
            return broken_contract(variant, "u and v must be parameters (heads, head_dim)", err);
    return PE_OK;
}

static pe_status run_setup(pe_instance *instance, pe_error *err)
{
    const pe_variant *variant = instance->variant;
    pe_setup *s = &instance->info;
    *s = (pe_setup){.dims = &instance->dims, .opt = instance->opt, .u = PE_NONE, .v = PE_NONE};
    if (!variant->setup(s)) {
        s->refusal[PE_REFUSAL_TEXT - 1] = '\0';
        return pe_fail(err, PE_USAGE, "%s: %s", variant->id,
                       s->refusal[0] ? s->refusal : "setup refuses and gives no reason");
    }
    return check_info(variant, s, &instance->dims, err);
}

/* ---- calls -------------------------------------------------------------------------------- */

#define DEFINE_CALL(suffix, precision)                                                             \
    pe_call_##suffix pe_instance_call_##suffix(const pe_instance *instance, int64_t length)        \
    {                                                                                              \
        return (pe_call_##suffix){                                                                 \
            .dims = &instance->dims,                                                               \
            .opt = instance->opt,                                                                  \
            .info = &instance->info,                                                               \
            .w = (void *)(uintptr_t)instance->w[precision],                                        \
            .plan = instance->plan[precision],                                                     \
            .lent = &pe_lend_##suffix,                                                             \
            .formats = instance->rounds ? instance->formats : NULL,                                \
            .length = length,                                                                      \
        };                                                                                         \
    }
DEFINE_CALL(f64, PE_DOUBLE)
DEFINE_CALL(f32, PE_FLOAT)
DEFINE_CALL(f128, PE_QUADRUPLE)

#define RUN_PLAN(suffix, precision)                                                                \
    do {                                                                                           \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, length);                          \
        pe_core_stream stream;                                                                     \
        pe_core_stream_start(&stream, instance->seed, "plan", 0);                                  \
        pe_random random = pe_core_random(&stream);                                                \
        if (instance->info.plan_depends & PE_ON_RANDOM)                                            \
            c.random = &random;                                                                    \
        c.scratch = scratch;                                                                       \
        instance->variant->suffix->plan(&c, instance->plan[precision]);                            \
    } while (0)

static bool precision_exists(const pe_instance *instance, int precision)
{
    return precision != PE_QUADRUPLE || instance->has_quad;
}

static pe_status make_plans(pe_instance *instance, int64_t length, pe_error *err)
{
    instance->plan_length = length;
    if (instance->info.plan == 0 || !instance->variant->f64->plan)
        return PE_OK;
    void *scratch =
        pe_allocate(instance->info.scratch, sizeof(pe_quad), "scratch of the plan", err);
    if (!scratch)
        return PE_MEMORY;
    RUN_PLAN(f64, PE_DOUBLE);
    RUN_PLAN(f32, PE_FLOAT);
    if (instance->has_quad)
        RUN_PLAN(f128, PE_QUADRUPLE);
    pe_release(scratch);
    return PE_OK;
}

pe_status pe_instance_prepare(pe_instance *instance, int64_t length, pe_error *err)
{
    if (!(instance->info.plan_depends & PE_ON_LENGTH) || length == instance->plan_length)
        return PE_OK;
    return make_plans(instance, length, err);
}

/* ---- parameters ----------------------------------------------------------------------------- */

size_t pe_param_count(const pe_param *param)
{
    size_t count = 1;
    for (int r = 0; r < param->rank; r++)
        count *= (size_t)param->shape[r];
    return count;
}

int pe_instance_param(const pe_instance *instance, const char *name)
{
    for (int p = 0; p < instance->info.param_count; p++)
        if (strcmp(instance->info.param[p].name, name) == 0)
            return p;
    return PE_NONE;
}

static void initialise(pe_instance *instance, int which)
{
    const pe_param *p = &instance->info.param[which];
    double *out = instance->master[which];
    size_t count = pe_param_count(p);
    pe_core_stream stream;
    pe_core_stream_start(&stream, instance->seed, p->name, 0);
    pe_random random = pe_core_random(&stream);
    double reach = 0;
    if (p->init == PE_INIT_XAVIER && p->rank >= 2)
        reach = sqrt(6.0 / (double)(p->shape[p->rank - 2] + p->shape[p->rank - 1]));
    if (p->init == PE_INIT_HOOK && instance->variant->init) {
        instance->variant->init(&instance->info, which, &random, out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        switch (p->init) {
        case PE_INIT_CONSTANT:
            out[i] = p->a;
            break;
        case PE_INIT_NORMAL:
            out[i] = p->a * pe_core_normal(&stream);
            break;
        case PE_INIT_UNIFORM:
            out[i] = p->a + (p->b - p->a) * pe_core_uniform(&stream);
            break;
        case PE_INIT_XAVIER:
            out[i] = reach * (2 * pe_core_uniform(&stream) - 1);
            break;
        default:
            out[i] = 0;
        }
}

/* Give every precision the same numbers: the master copy rounded once. */
static void cast_param(pe_instance *instance, int which)
{
    size_t count = pe_param_count(&instance->info.param[which]);
    const double *x = instance->master[which];
    float *f32 = instance->w[PE_FLOAT][which];
    double *f64 = instance->w[PE_DOUBLE][which];
    pe_quad *f128 = instance->w[PE_QUADRUPLE][which];
    for (size_t i = 0; i < count; i++) {
        f32[i] = (float)x[i];
        f64[i] = x[i];
        f128[i] = (pe_quad)x[i];
    }
    pe_format format = (pe_format)instance->formats[PE_AT_PARAMETER];
    if (format != PE_UNROUNDED) {
        pe_lend_f32.round(format, count, f32);
        pe_lend_f64.round(format, count, f64);
        pe_lend_f128.round(format, count, f128);
    }
}

pe_status pe_instance_set_param(pe_instance *instance, int which, int rank, const int64_t *shape,
                                size_t count, const double *x, pe_error *err)
{
    const pe_param *p = &instance->info.param[which];
    bool fits = count == pe_param_count(p) && (rank == 0 || rank == p->rank);
    for (int r = 0; fits && r < rank; r++)
        fits = shape[r] == p->shape[r];
    if (!fits) {
        char wanted[96] = "";
        for (int r = 0; r < p->rank; r++)
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%lld",
                     r ? ", " : "", (long long)p->shape[r]);
        return pe_fail(err, PE_USAGE, "%s: parameter %s has shape (%s), %zu numbers were given",
                       instance->variant->id, p->name, wanted, count);
    }
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return pe_fail(err, PE_USAGE, "%s: parameter %s: number %zu is not finite",
                           instance->variant->id, p->name, i);
    memcpy(instance->master[which], x, count * sizeof *x);
    cast_param(instance, which);
    if (instance->info.plan_depends & PE_ON_PARAMETERS)
        return make_plans(instance, instance->plan_length, err);
    return PE_OK;
}

pe_status pe_instance_set_format(pe_instance *instance, pe_place place, pe_format format,
                                 pe_error *err)
{
    instance->formats[place] = (unsigned char)format;
    instance->rounds = false;
    for (int at = 0; at < PE_PLACE_COUNT; at++)
        instance->rounds = instance->rounds || instance->formats[at] != PE_UNROUNDED;
    for (int which = 0; which < instance->info.param_count; which++)
        cast_param(instance, which);
    return make_plans(instance, instance->plan_length, err);
}

/* ---- life cycle --------------------------------------------------------------------------------
 */

static pe_status allocate_blocks(pe_instance *instance, pe_error *err)
{
    for (int which = 0; which < instance->info.param_count; which++) {
        size_t count = pe_param_count(&instance->info.param[which]);
        const char *name = instance->info.param[which].name;
        instance->master[which] = pe_allocate(count, sizeof(double), name, err);
        bool whole = instance->master[which] != NULL;
        for (int p = 0; whole && p < PE_PRECISION_COUNT; p++) {
            instance->w[p][which] =
                pe_allocate(count, pe_precision_size((pe_precision)p), name, err);
            whole = instance->w[p][which] != NULL;
        }
        if (!whole)
            return PE_MEMORY;
    }
    for (int p = 0; p < PE_PRECISION_COUNT; p++)
        if (precision_exists(instance, p)) {
            instance->plan[p] =
                pe_allocate(instance->info.plan, pe_precision_size((pe_precision)p), "plan", err);
            if (!instance->plan[p])
                return PE_MEMORY;
        }
    return PE_OK;
}

pe_status pe_instance_create(const pe_variant *variant, const pe_dims *dims,
                             const pe_setting *settings, int setting_count, uint64_t seed,
                             pe_instance **instance, pe_error *err)
{
    pe_instance *made = pe_allocate(1, sizeof *made, "encoding", err);
    if (!made)
        return PE_MEMORY;
    made->variant = variant;
    made->dims = *dims;
    made->seed = seed;
    made->has_quad = variant->quad_digits == PE_QUAD_DIGITS && variant->f128;
    pe_status status = check_dims(variant, &made->dims, err);
    if (status == PE_OK)
        status = pe_settings_read(variant, settings, setting_count, made->opt, err);
    if (status == PE_OK)
        status = run_setup(made, err);
    if (status == PE_OK)
        status = allocate_blocks(made, err);
    if (status != PE_OK) {
        pe_instance_release(made);
        return status;
    }
    for (int which = 0; which < made->info.param_count; which++) {
        initialise(made, which);
        cast_param(made, which);
    }
    status = make_plans(made, made->dims.max_len, err);
    if (status != PE_OK) {
        pe_instance_release(made);
        return status;
    }
    *instance = made;
    return PE_OK;
}

void pe_instance_release(pe_instance *instance)
{
    if (!instance)
        return;
    for (int which = 0; which < PE_MAX_PARAMS; which++) {
        pe_release(instance->master[which]);
        for (int p = 0; p < PE_PRECISION_COUNT; p++)
            pe_release(instance->w[p][which]);
    }
    for (int p = 0; p < PE_PRECISION_COUNT; p++)
        pe_release(instance->plan[p]);
    pe_settings_release(instance->opt);
    pe_release(instance);
}
