/* Token ids to rows: table row, scaled or not, plus (or beside) the variant's code, dropout.
 * Vaswani et al. 2017, arXiv:1706.03762, sections 3.4 and 3.5. The scale acts on the token's row
 * only, never on the position. */
#include "core/run.h"
#include "base/memory.h"
#include "core/quad.h"
#include "core/stream.h"

#include <string.h>

static pe_status check_ids(const pe_embedding_job *job, pe_error *err)
{
    if (job->n < 1)
        return pe_fail(err, PE_USAGE, "an embedding needs at least one token, not %lld",
                       (long long)job->n);
    if (job->dropout < 0 || job->dropout >= 1)
        return pe_fail(err, PE_USAGE, "dropout is %g, but must be at least 0 and below 1",
                       job->dropout);
    for (int64_t t = 0; t < job->n; t++)
        if (job->ids[t] < 0 || job->ids[t] >= job->vocabulary)
            return pe_fail(err, PE_USAGE,
                           "token %lld has id %lld, but the table has rows 0 to %lld", (long long)t,
                           (long long)job->ids[t], (long long)job->vocabulary - 1);
    return PE_OK;
}

/* Coordinates of real tokens count from the first of them; a padding token takes that of the next
 * one, and its code is dropped later. */
static pe_status find_coordinates(const pe_embedding_job *job, double *coord, pe_error *err)
{
    const size_t axes = (size_t)job->instance->dims.axes;
    if (job->coord) {
        memcpy(coord, job->coord, (size_t)job->n * axes * sizeof *coord);
        return PE_OK;
    }
    double *natural = pe_allocate((size_t)job->n * axes, sizeof *natural, "positions", err);
    if (!natural)
        return PE_MEMORY;
    int64_t real = 0;
    for (int64_t t = 0; t < job->n; t++) {
        pe_natural_place(&job->instance->dims, job->start + real, natural + (size_t)t * axes);
        real += job->ids[t] != job->padding_id;
    }
    const pe_places_request request = {
        .n = job->n,
        .length = real,
        .in = natural,
        .start = job->start,
        .ids = job->ids,
        .training = job->training,
        .seed = job->seed,
        .sequence = job->sequence,
    };
    pe_status status = pe_instance_coordinates(job->instance, job->map, &request, coord, err);
    pe_release(natural);
    return status;
}

/* Rows (n, width) in the precision `real`. The code comes as hi + lo, which holds every precision.
 */
#define ADD_ROWS(suffix, real, root)                                                               \
    static void add_rows_##suffix(const pe_embedding_job *job, const pe_wide *codes, int width,    \
                                  real *rows)                                                      \
    {                                                                                              \
        const int d = job->instance->dims.model_dim, e = job->instance->info.embed_width;          \
        const int beside = width - d;                                                              \
        const real factor = job->scale_sqrt_d ? root : 1;                                          \
        for (int64_t t = 0; t < job->n; t++) {                                                     \
            const double *row = job->table + job->ids[t] * d;                                      \
            for (int c = 0; c < d; c++)                                                            \
                rows[t * width + c] = (real)row[c] * factor;                                       \
            if (e == 0 || job->ids[t] == job->padding_id)                                          \
                continue;                                                                          \
            for (int c = 0; c < e; c++) {                                                          \
                const real code = (real)codes->hi[t * e + c] + (real)codes->lo[t * e + c];         \
                if (beside)                                                                        \
                    rows[t * width + d + c] = code;                                                \
                else                                                                               \
                    rows[t * width + c] += code;                                                   \
            }                                                                                      \
        }                                                                                          \
    }
ADD_ROWS(f64, double, sqrt((double)d))
ADD_ROWS(f32, float, sqrtf((float)d))
ADD_ROWS(f128, pe_quad, pe_quad_sqrt((pe_quad)d))

static void add_rows(const pe_embedding_job *job, const pe_wide *codes, int width, void *rows)
{
    if (job->precision == PE_DOUBLE)
        add_rows_f64(job, codes, width, rows);
    else if (job->precision == PE_FLOAT)
        add_rows_f32(job, codes, width, rows);
    else
        add_rows_f128(job, codes, width, rows);
}

/* Inverted dropout (Srivastava et al. 2014): kept entries are divided by the share that is kept. */
static void drop_out(const pe_embedding_job *job, pe_wide *rows)
{
    if (job->dropout == 0)
        return;
    pe_core_stream stream;
    pe_core_stream_start(&stream, job->seed, "dropout", job->sequence);
    for (size_t i = 0; i < rows->count; i++) {
        const bool keep = pe_core_uniform(&stream) >= job->dropout;
        rows->hi[i] = keep ? rows->hi[i] / (1 - job->dropout) : 0;
        rows->lo[i] = keep ? rows->lo[i] / (1 - job->dropout) : 0;
    }
}

pe_status pe_run_embedding(const pe_embedding_job *job, pe_wide *rows, int *width, pe_error *err)
{
    const pe_instance *instance = job->instance;
    const int e = instance->info.embed_width;
    *rows = (pe_wide){0};
    *width = instance->dims.model_dim + (instance->info.flags & PE_CONCATENATE ? e : 0);
    pe_status status = check_ids(job, err);
    if (status != PE_OK)
        return status;
    const size_t count = (size_t)job->n * (size_t)*width;
    double *coord = pe_allocate((size_t)job->n * (size_t)instance->dims.axes, sizeof *coord,
                                "coordinates", err);
    void *typed = pe_allocate(count, pe_precision_size(job->precision), "embedded tokens", err);
    pe_wide codes = {0};
    status = coord && typed ? find_coordinates(job, coord, err) : PE_MEMORY;
    if (status == PE_OK && e > 0)
        status = pe_instance_codes(job->instance, job->precision, job->n, coord, &codes, err);
    if (status == PE_OK)
        status = pe_wide_allocate(rows, count, "embedded tokens", err);
    if (status == PE_OK) {
        add_rows(job, &codes, *width, typed);
        pe_widen(job->precision, count, typed, rows->hi, rows->lo);
        drop_out(job, rows);
    }
    pe_wide_release(&codes);
    pe_release(typed);
    pe_release(coord);
    return status;
}

/* ---- gradients ------------------------------------------------------------------------------ */

/* Working memory of the way back through a code, in the precision of the job. */
typedef struct code_gradient {
    void *drows; /* (n, embed_width) gradient by the code */
    void *block[PE_MAX_PARAMS];
    void *plan, *scratch;
} code_gradient;

static void release_code_gradient(code_gradient *g)
{
    for (int p = 0; p < PE_MAX_PARAMS; p++)
        pe_release(g->block[p]);
    pe_release(g->drows);
    pe_release(g->plan);
    pe_release(g->scratch);
}

enum { ROWS_PER_CALL = 256 };

#define CODE_BACKWARD(suffix, real)                                                                \
    static bool has_twin_##suffix(const pe_instance *instance)                                     \
    {                                                                                              \
        return instance->variant->suffix && instance->variant->suffix->embed_vjp;                  \
    }                                                                                              \
    static void code_backward_##suffix(const pe_embedding_job *job, const double *coord,           \
                                       const code_gradient *g)                                     \
    {                                                                                              \
        const pe_setup *info = &job->instance->info;                                               \
        const pe_ops_##suffix *ops = job->instance->variant->suffix;                               \
        const real *drows = g->drows;                                                              \
        real *block[PE_MAX_PARAMS];                                                                \
        for (int p = 0; p < PE_MAX_PARAMS; p++)                                                    \
            block[p] = g->block[p];                                                                \
        pe_call_##suffix c = pe_instance_call_##suffix(job->instance, job->instance->plan_length); \
        c.g = block;                                                                               \
        c.dplan = g->plan;                                                                         \
        c.scratch = g->scratch;                                                                    \
        for (int64_t t = 0; t < job->n; t += ROWS_PER_CALL)                                        \
            ops->embed_vjp(&c, (int)(job->n - t < ROWS_PER_CALL ? job->n - t : ROWS_PER_CALL),     \
                           coord + t * job->instance->dims.axes, drows + t * info->embed_width);   \
        if ((info->plan_depends & PE_ON_PARAMETERS) && ops->plan_vjp)                              \
            ops->plan_vjp(&c, g->plan);                                                            \
    }
CODE_BACKWARD(f64, double)
CODE_BACKWARD(f32, float)
CODE_BACKWARD(f128, pe_quad)

static bool has_twin(const pe_embedding_job *job)
{
    if (job->instance->info.embed_width == 0)
        return false;
    if (job->precision == PE_QUADRUPLE)
        return job->instance->has_quad && has_twin_f128(job->instance);
    return job->precision == PE_DOUBLE ? has_twin_f64(job->instance) : has_twin_f32(job->instance);
}

static pe_status allocate_code_gradient(const pe_embedding_job *job, code_gradient *g,
                                        pe_error *err)
{
    const pe_setup *info = &job->instance->info;
    const size_t size = pe_precision_size(job->precision);
    bool whole = (g->plan = pe_allocate(info->plan, size, "plan's gradient", err)) &&
                 (g->scratch = pe_allocate(info->scratch, size, "scratch", err));
    for (int p = 0; whole && p < info->param_count; p++)
        whole = (g->block[p] =
                     pe_allocate(pe_param_count(&info->param[p]), size, "gradients", err)) != NULL;
    return whole ? PE_OK : PE_MEMORY;
}

/* Columns of `by` (n, width) that came from the code; a padding token had none. */
static pe_status take_codes(const pe_embedding_job *job, const double *by, int width,
                            code_gradient *g, pe_error *err)
{
    const int e = job->instance->info.embed_width;
    const int from = width > job->instance->dims.model_dim ? job->instance->dims.model_dim : 0;
    const size_t count = (size_t)job->n * (size_t)e;
    double *rows = pe_allocate(count, sizeof *rows, "gradient by code rows", err);
    if (!rows)
        return PE_MEMORY;
    for (int64_t t = 0; t < job->n; t++)
        if (job->ids[t] != job->padding_id)
            memcpy(rows + t * e, by + t * width + from, (size_t)e * sizeof *rows);
    g->drows = pe_narrow(job->precision, count, rows, "gradient by code rows", err);
    pe_release(rows);
    return g->drows ? PE_OK : PE_MEMORY;
}

static pe_status add_blocks(const pe_embedding_job *job, const code_gradient *g,
                            double *const dparam[PE_MAX_PARAMS], pe_error *err)
{
    const pe_setup *info = &job->instance->info;
    for (int p = 0; p < info->param_count; p++) {
        const size_t count = pe_param_count(&info->param[p]);
        pe_wide block = {0};
        if (!dparam[p] || count == 0)
            continue;
        const pe_status status = pe_wide_allocate(&block, count, "gradients", err);
        if (status != PE_OK)
            return status;
        pe_widen(job->precision, count, g->block[p], block.hi, block.lo);
        for (size_t i = 0; i < count; i++)
            dparam[p][i] += block.hi[i] + block.lo[i];
        pe_wide_release(&block);
    }
    return PE_OK;
}

static pe_status codes_backward(const pe_embedding_job *job, const double *by, int width,
                                double *const dparam[PE_MAX_PARAMS], pe_error *err)
{
    code_gradient g = {0};
    double *coord = pe_allocate((size_t)job->n * (size_t)job->instance->dims.axes, sizeof *coord,
                                "coordinates", err);
    pe_status status = coord ? find_coordinates(job, coord, err) : PE_MEMORY;
    if (status == PE_OK)
        status = allocate_code_gradient(job, &g, err);
    if (status == PE_OK)
        status = take_codes(job, by, width, &g, err);
    if (status == PE_OK) {
        if (job->precision == PE_DOUBLE)
            code_backward_f64(job, coord, &g);
        else if (job->precision == PE_FLOAT)
            code_backward_f32(job, coord, &g);
        else
            code_backward_f128(job, coord, &g);
        status = add_blocks(job, &g, dparam, err);
    }
    release_code_gradient(&g);
    pe_release(coord);
    return status;
}

pe_status pe_run_embedding_gradient(const pe_embedding_job *job, const double *drows,
                                    double *dtable, double *const dparam[PE_MAX_PARAMS],
                                    pe_error *err)
{
    const int d = job->instance->dims.model_dim, e = job->instance->info.embed_width;
    const int width = d + (job->instance->info.flags & PE_CONCATENATE ? e : 0);
    const double factor = job->scale_sqrt_d ? sqrt((double)d) : 1;
    pe_wide by = {0}; /* the rows before dropout */
    pe_status status = check_ids(job, err);
    if (status == PE_OK)
        status = pe_wide_allocate(&by, (size_t)job->n * (size_t)width, "gradients", err);
    if (status == PE_OK) {
        memcpy(by.hi, drows, by.count * sizeof *drows);
        drop_out(job, &by);
    }
    for (int64_t t = 0; status == PE_OK && dtable && t < job->n; t++)
        for (int c = 0; c < d; c++)
            dtable[job->ids[t] * d + c] += factor * by.hi[t * width + c];
    if (status == PE_OK && has_twin(job))
        status = codes_backward(job, by.hi, width, dparam, err);
    pe_wide_release(&by);
    return status;
}
