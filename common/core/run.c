#include "core/run.h"
#include "core/run_typed.h"
#include "base/memory.h"
#include "core/gradient.h"

#include <string.h>

/* ---- defaults of a job --------------------------------------------------------------------------
 */

/* Indices and coordinates that a job left open, owned by the run. */
typedef struct filled {
    int64_t *q_index, *k_index;
    double *q_coord, *k_coord;
} filled;

static void release_filled(filled *f)
{
    pe_release(f->q_index);
    pe_release(f->k_index);
    pe_release(f->q_coord);
    pe_release(f->k_coord);
}

static pe_status fill_indices(pe_job *job, filled *f, pe_error *err)
{
    if (!job->k_index) {
        f->k_index = pe_allocate((size_t)job->nk, sizeof *f->k_index, "key indices", err);
        if (!f->k_index)
            return PE_MEMORY;
        for (int64_t j = 0; j < job->nk; j++)
            f->k_index[j] = j;
        job->k_index = f->k_index;
    }
    if (!job->q_index) {
        f->q_index = pe_allocate((size_t)job->nq, sizeof *f->q_index, "query indices", err);
        if (!f->q_index)
            return PE_MEMORY;
        for (int64_t i = 0; i < job->nq; i++)
            f->q_index[i] = job->k_index[job->nk - 1] - (job->nq - 1) + i;
        job->q_index = f->q_index;
    }
    return PE_OK;
}

static bool has_map(const pe_job *job)
{
    return job->map || job->instance->variant->positions;
}

/* Coordinates of keys by the position map; a query takes those of the key with its index, and where
 * there is none (cross-attention) it is mapped by itself. */
static pe_status fill_coordinates(pe_job *job, filled *f, pe_error *err)
{
    const size_t axes = (size_t)job->instance->dims.axes;
    if (job->q_coord && job->k_coord)
        return PE_OK;
    f->k_coord = pe_allocate((size_t)job->nk * axes, sizeof(double), "key coordinates", err);
    f->q_coord = pe_allocate((size_t)job->nq * axes, sizeof(double), "query coordinates", err);
    if (!f->k_coord || !f->q_coord)
        return PE_MEMORY;
    double *natural = NULL;
    if (!job->places && axes == 1) {
        natural = pe_allocate((size_t)(job->nk + job->nq), sizeof *natural, "places", err);
        if (!natural)
            return PE_MEMORY;
        for (int64_t j = 0; j < job->nk; j++)
            natural[j] = (double)job->k_index[j];
        for (int64_t i = 0; i < job->nq; i++)
            natural[job->nk + i] = (double)job->q_index[i];
    }
    pe_places_request request = {
        .n = job->nk,
        .in = job->places ? job->places : natural,
        .training = job->training,
        .seed = job->instance->seed,
    };
    pe_status status = pe_instance_coordinates(job->instance, job->map, &request, f->k_coord, err);
    if (status == PE_OK && job->cross) {
        request.n = job->nq;
        request.in = natural ? natural + job->nk : NULL;
        request.sequence = 1;
        status = pe_instance_coordinates(job->instance, job->map, &request, f->q_coord, err);
    }
    pe_release(natural);
    for (int64_t i = 0; status == PE_OK && !job->cross && i < job->nq; i++) {
        int64_t j = 0;
        while (j < job->nk && job->k_index[j] != job->q_index[i])
            j++;
        if (j == job->nk)
            return pe_fail(err, PE_USAGE,
                           "query %lld has index %lld, which no key has; say that this is "
                           "cross-attention, or give its coordinates",
                           (long long)i, (long long)job->q_index[i]);
        memcpy(f->q_coord + (size_t)i * axes, f->k_coord + (size_t)j * axes, axes * sizeof(double));
    }
    job->k_coord = f->k_coord;
    job->q_coord = f->q_coord;
    return status;
}

/* ---- results
 * ------------------------------------------------------------------------------------- */

void pe_attended_release(pe_attended *result)
{
    pe_wide_release(&result->out);
    pe_wide_release(&result->logits);
    pe_wide_release(&result->weights);
    pe_wide_release(&result->mapped_q);
    pe_wide_release(&result->mapped_k);
    for (int t = 0; t < PE_TERM_COUNT; t++)
        pe_wide_release(&result->term[t]);
    pe_release(result->allowed);
    *result = (pe_attended){0};
}

static bool term_exists(const pe_instance *instance, pe_term term)
{
    const pe_setup *s = &instance->info;
    switch (term) {
    case PE_TERM_CONTENT:
        return true;
    case PE_TERM_QUERY_ROWS:
        return (s->rows & PE_ROWS_QUERY) != 0;
    case PE_TERM_GLOBAL_CONTENT:
        return s->u != PE_NONE;
    case PE_TERM_GLOBAL_ROWS:
        return s->v != PE_NONE && (s->rows & PE_ROWS_QUERY);
    case PE_TERM_KEY_ROWS:
        return (s->rows & PE_ROWS_KEY) != 0;
    case PE_TERM_BIAS:
        return (s->rows & PE_ROWS_BIAS) != 0;
    case PE_TERM_PAIR:
        return instance->variant->f64->pair != NULL;
    case PE_TERM_LOGITS:
        return instance->variant->f64->logits != NULL;
    default:
        return false;
    }
}

/* Arrays of the job's precision that become results. */
enum { OUT, LOGITS, WEIGHTS, MAPPED_Q, MAPPED_K, FIRST_TERM, ARRAYS = FIRST_TERM + PE_TERM_COUNT };

typedef struct array {
    void *data; /* owned */
    size_t count;
    pe_wide *to;
} array;

static void list_arrays(const pe_job *job, pe_attended *result, array *arrays)
{
    const pe_instance *instance = job->instance;
    const size_t B = (size_t)job->batch, H = (size_t)instance->dims.heads;
    const size_t D = (size_t)instance->dims.head_dim, nq = (size_t)job->nq, nk = (size_t)job->nk;
    const size_t W = instance->info.mapped_width ? (size_t)instance->info.mapped_width : D;
    arrays[OUT] = (array){.count = B * H * nq * D, .to = &result->out};
    if (job->want_logits)
        arrays[LOGITS] = (array){.count = B * H * nq * nk, .to = &result->logits};
    if (job->want_weights)
        arrays[WEIGHTS] = (array){.count = B * H * nq * nk, .to = &result->weights};
    if (job->want_mapped) {
        arrays[MAPPED_Q] = (array){.count = B * H * nq * W, .to = &result->mapped_q};
        arrays[MAPPED_K] =
            (array){.count = B * (size_t)instance->dims.kv_heads * nk * W, .to = &result->mapped_k};
    }
    for (int t = 0; job->want_terms && t < PE_TERM_COUNT; t++)
        if (term_exists(instance, (pe_term)t))
            arrays[FIRST_TERM + t] = (array){.count = B * H * nq * nk, .to = &result->term[t]};
}

static pe_status keep_mask(const pe_job *job, pe_attended *result, pe_error *err)
{
    result->allowed =
        pe_allocate((size_t)job->batch * (size_t)job->nq * (size_t)job->nk, 1, "mask", err);
    if (!result->allowed)
        return PE_MEMORY;
    for (int64_t b = 0; b < job->batch; b++)
        for (int64_t i = 0; i < job->nq; i++)
            for (int64_t j = 0; j < job->nk; j++)
                result->allowed[(b * job->nq + i) * job->nk + j] = PE_MAY_SEE(job, b, i, j);
    return PE_OK;
}

/* ---- the call itself
 * ---------------------------------------------------------------------------------- */

/* The call that a job asks for, with its inputs; results are for the caller to add. */
#define ASKED(suffix)                                                                              \
    static pe_attention_##suffix asked_##suffix(const pe_job *job, const void *const in[4])        \
    {                                                                                              \
        return (pe_attention_##suffix){                                                            \
            .instance = job->instance,                                                             \
            .batch = job->batch,                                                                   \
            .nq = job->nq,                                                                         \
            .nk = job->nk,                                                                         \
            .q_index = job->q_index,                                                               \
            .k_index = job->k_index,                                                               \
            .q_coord = job->q_coord,                                                               \
            .k_coord = job->k_coord,                                                               \
            .offsets_from_coordinates = has_map(job) && job->instance->info.rows != 0,             \
            .cross = job->cross,                                                                   \
            .causal = job->causal,                                                                 \
            .key_starts = job->key_starts,                                                         \
            .key_lengths = job->key_lengths,                                                       \
            .allowed = job->allowed,                                                               \
            .q = in[0],                                                                            \
            .k = in[1],                                                                            \
            .v = in[2],                                                                            \
            .x = in[3],                                                                            \
        };                                                                                         \
    }
ASKED(f64)
ASKED(f32)
ASKED(f128)

#define ATTEND(suffix)                                                                             \
    static pe_status attend_##suffix(const pe_job *job, const void *const in[4],                   \
                                     const array *arrays, pe_error *err)                           \
    {                                                                                              \
        pe_attention_##suffix a = asked_##suffix(job, in);                                         \
        a.out = arrays[OUT].data;                                                                  \
        a.logits = arrays[LOGITS].data;                                                            \
        a.weights = arrays[WEIGHTS].data;                                                          \
        a.mapped_q = arrays[MAPPED_Q].data;                                                        \
        a.mapped_k = arrays[MAPPED_K].data;                                                        \
        for (int t = 0; t < PE_TERM_COUNT; t++)                                                    \
            a.term[t] = arrays[FIRST_TERM + t].data;                                               \
        return job->method == PE_TILED ? pe_attend_tiled_##suffix(&a, err)                         \
                                       : pe_attend_reference_##suffix(&a, err);                    \
    }
ATTEND(f64)
ATTEND(f32)
ATTEND(f128)

static pe_status attend(const pe_job *job, const void *const in[4], const array *arrays,
                        pe_error *err)
{
    if (job->precision == PE_DOUBLE)
        return attend_f64(job, in, arrays, err);
    if (job->precision == PE_FLOAT)
        return attend_f32(job, in, arrays, err);
    return attend_f128(job, in, arrays, err);
}

static pe_status check_job(const pe_job *job, pe_error *err)
{
    if (job->batch < 1 || job->nq < 1 || job->nk < 1)
        return pe_fail(err, PE_USAGE,
                       "attention needs batch, queries and keys of at least 1, not %d, %lld, %lld",
                       job->batch, (long long)job->nq, (long long)job->nk);
    if (job->precision == PE_QUADRUPLE && !job->instance->has_quad)
        return pe_fail(err, PE_USAGE, "%s was built with another quad type: no f128 here",
                       job->instance->variant->id);
    if (job->method == PE_TILED && (job->want_logits || job->want_weights || job->want_terms))
        return pe_fail(err, PE_USAGE,
                       "tiled attention keeps no whole matrix of logits, weights or terms; use the "
                       "reference method");
    const size_t sides[] = {(size_t)job->nq, (size_t)job->nk, (size_t)job->instance->dims.heads,
                            sizeof(pe_quad)};
    size_t total = (size_t)job->batch;
    for (int i = 0; i < 4; i++)
        if (__builtin_mul_overflow(total, sides[i], &total) && job->method == PE_REFERENCE)
            return pe_fail(err, PE_MEMORY,
                           "%lld queries times %lld keys are more than memory can hold",
                           (long long)job->nq, (long long)job->nk);
    return PE_OK;
}

pe_status pe_run_attention_typed(const pe_job *open_job, const void *const in[4],
                                 pe_attended *result, pe_error *err)
{
    pe_job job = *open_job;
    filled f = {0};
    array arrays[ARRAYS] = {0};
    *result = (pe_attended){0};
    pe_status status = check_job(&job, err);
    if (status == PE_OK)
        status = fill_indices(&job, &f, err);
    if (status == PE_OK)
        status = fill_coordinates(&job, &f, err);
    if (status == PE_OK)
        status = pe_instance_prepare(job.instance, job.nk, err);
    list_arrays(&job, result, arrays);
    for (int i = 0; status == PE_OK && i < ARRAYS; i++)
        if (arrays[i].to) {
            arrays[i].data = pe_allocate(arrays[i].count, pe_precision_size(job.precision),
                                         "attention results", err);
            if (!arrays[i].data)
                status = PE_MEMORY;
        }
    if (status == PE_OK)
        status = attend(&job, in, arrays, err);
    for (int i = 0; i < ARRAYS; i++) {
        if (status == PE_OK && arrays[i].to) {
            status = pe_wide_allocate(arrays[i].to, arrays[i].count, "attention results", err);
            if (status == PE_OK)
                pe_widen(job.precision, arrays[i].count, arrays[i].data, arrays[i].to->hi,
                         arrays[i].to->lo);
        }
        pe_release(arrays[i].data);
    }
    if (status == PE_OK && job.method == PE_REFERENCE)
        status = keep_mask(&job, result, err);
    if (status != PE_OK)
        pe_attended_release(result);
    release_filled(&f);
    return status;
}

pe_status pe_run_attention(const pe_job *job, pe_attended *result, pe_error *err)
{
    *result = (pe_attended){0};
    const pe_dims *dims = &job->instance->dims;
    const size_t B = (size_t)job->batch, D = (size_t)dims->head_dim;
    const size_t keys = B * (size_t)dims->kv_heads * (size_t)job->nk * D;
    const size_t counts[4] = {B * (size_t)dims->heads * (size_t)job->nq * D, keys, keys,
                              B * (size_t)job->nk * (size_t)dims->model_dim};
    const double *const given[4] = {job->q, job->k, job->v, job->x};
    void *in[4] = {0};
    pe_status status = check_job(job, err);
    for (int i = 0; status == PE_OK && i < 4; i++)
        if (given[i]) {
            in[i] = pe_narrow(job->precision, counts[i], given[i], "attention inputs", err);
            if (!in[i])
                status = PE_MEMORY;
        } else if (i < 3)
            status = pe_fail(err, PE_USAGE, "attention needs q, k and v");
    if (status == PE_OK) {
        const void *const typed[4] = {in[0], in[1], in[2], in[3]};
        status = pe_run_attention_typed(job, typed, result, err);
    }
    for (int i = 0; i < 4; i++)
        pe_release(in[i]);
    return status;
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

/* q, k, v, x, the parameters; the gradient by the output. */
enum { BY_Q, BY_K, BY_V, BY_X, BY_PARAM, BY_ALL = BY_PARAM + PE_MAX_PARAMS };

typedef struct derivation {
    pe_job job;
    filled f;
    void *in[BY_PARAM], *dout;
    array by[BY_ALL];
} derivation;

#define DERIVE(suffix)                                                                             \
    static pe_status derive_##suffix(derivation *d, pe_error *err)                                 \
    {                                                                                              \
        const pe_job *job = &d->job;                                                               \
        const void *const in[4] = {d->in[BY_Q], d->in[BY_K], d->in[BY_V], d->in[BY_X]};            \
        const pe_attention_##suffix a = asked_##suffix(job, in);                                   \
        PE_REAL_##suffix *dparam[PE_MAX_PARAMS];                                                   \
        for (int p = 0; p < PE_MAX_PARAMS; p++)                                                    \
            dparam[p] = d->by[BY_PARAM + p].data;                                                  \
        const pe_attention_gradient_##suffix g = {.dout = d->dout,                                 \
                                                  .dq = d->by[BY_Q].data,                          \
                                                  .dk = d->by[BY_K].data,                          \
                                                  .dv = d->by[BY_V].data,                          \
                                                  .dx = d->by[BY_X].data,                          \
                                                  .dparam = dparam};                               \
        return job->method == PE_TILED ? pe_attend_tiled_gradient_##suffix(&a, &g, err)            \
                                       : pe_attend_reference_gradient_##suffix(&a, &g, err);       \
    }
#define PE_REAL_f64  double
#define PE_REAL_f32  float
#define PE_REAL_f128 pe_quad
DERIVE(f64)
DERIVE(f32)
DERIVE(f128)

static pe_status derive(derivation *d, pe_error *err)
{
    if (d->job.precision == PE_DOUBLE)
        return derive_f64(d, err);
    return d->job.precision == PE_FLOAT ? derive_f32(d, err) : derive_f128(d, err);
}

static void list_derivatives(derivation *d, pe_gradients *result)
{
    const pe_instance *instance = d->job.instance;
    const pe_dims *dims = &instance->dims;
    const size_t B = (size_t)d->job.batch, D = (size_t)dims->head_dim, nk = (size_t)d->job.nk;
    const size_t keys = B * (size_t)dims->kv_heads * nk * D;
    d->by[BY_Q] =
        (array){.count = B * (size_t)dims->heads * (size_t)d->job.nq * D, .to = &result->q};
    d->by[BY_K] = (array){.count = keys, .to = &result->k};
    d->by[BY_V] = (array){.count = keys, .to = &result->v};
    if (d->job.x)
        d->by[BY_X] = (array){.count = B * nk * (size_t)dims->model_dim, .to = &result->x};
    for (int p = 0; p < instance->info.param_count; p++)
        d->by[BY_PARAM + p] =
            (array){.count = pe_param_count(&instance->info.param[p]), .to = &result->param[p]};
}

static pe_status prepare_derivation(derivation *d, const double *dout, pe_error *err)
{
    pe_job *job = &d->job;
    const double *const given[BY_PARAM] = {job->q, job->k, job->v, job->x};
    pe_status status = check_job(job, err);
    if (status == PE_OK)
        status = fill_indices(job, &d->f, err);
    if (status == PE_OK)
        status = fill_coordinates(job, &d->f, err);
    if (status == PE_OK)
        status = pe_instance_prepare(job->instance, job->nk, err);
    for (int i = 0; status == PE_OK && i < BY_PARAM; i++)
        if (given[i] && !(d->in[i] = pe_narrow(job->precision, d->by[i].count, given[i],
                                               "attention inputs", err)))
            status = PE_MEMORY;
    if (status == PE_OK &&
        !(d->dout = pe_narrow(job->precision, d->by[BY_Q].count, dout, "gradient", err)))
        status = PE_MEMORY;
    for (int i = 0; status == PE_OK && i < BY_ALL; i++)
        if (d->by[i].to &&
            !(d->by[i].data =
                  pe_allocate(d->by[i].count, pe_precision_size(job->precision), "gradients", err)))
            status = PE_MEMORY;
    return status;
}

pe_status pe_run_gradient(const pe_job *job, const double *dout, pe_gradients *result,
                          pe_error *err)
{
    derivation d = {.job = *job};
    *result = (pe_gradients){0};
    d.job.want_logits = d.job.want_weights = d.job.want_terms = false;
    list_derivatives(&d, result);
    pe_status status = prepare_derivation(&d, dout, err);
    if (status == PE_OK)
        status = derive(&d, err);
    for (int i = 0; i < BY_ALL; i++) {
        array *by = &d.by[i];
        if (status == PE_OK && by->to)
            status = pe_wide_allocate(by->to, by->count, "gradients", err);
        if (status == PE_OK && by->to)
            pe_widen(d.job.precision, by->count, by->data, by->to->hi, by->to->lo);
        pe_release(by->data);
    }
    for (int i = 0; i < BY_PARAM; i++)
        pe_release(d.in[i]);
    pe_release(d.dout);
    release_filled(&d.f);
    if (status != PE_OK)
        pe_gradients_release(result);
    return status;
}

void pe_gradients_release(pe_gradients *result)
{
    pe_wide *const inputs[] = {&result->q, &result->k, &result->v, &result->x};
    for (int i = 0; i < 4; i++)
        pe_wide_release(inputs[i]);
    for (int p = 0; p < PE_MAX_PARAMS; p++)
        pe_wide_release(&result->param[p]);
}
