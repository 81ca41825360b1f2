/* One attention layer: projections, attention, output projection; all in the job's precision. */
#include "core/run.h"
#include "core/run_typed.h"
#include "base/memory.h"
#include "core/lent.h"

#include <string.h>

void pe_layered_release(pe_layered *result)
{
    pe_attended_release(&result->attended);
    pe_wide_release(&result->joined);
    pe_wide_release(&result->out);
    *result = (pe_layered){0};
}

/* y (rows, columns) = x (rows, width) W (width, columns), in the precision. */
static void multiply(pe_precision precision, int rows, int columns, int width, const void *x,
                     const void *weight, void *y)
{
    if (precision == PE_DOUBLE)
        pe_lend_f64.gemm(false, false, rows, columns, width, 1, x, width, weight, columns, 0, y,
                         columns);
    else if (precision == PE_FLOAT)
        pe_lend_f32.gemm(false, false, rows, columns, width, 1, x, width, weight, columns, 0, y,
                         columns);
    else
        pe_lend_f128.gemm(false, false, rows, columns, width, 1, x, width, weight, columns, 0, y,
                          columns);
}

/* (B, n, heads, D) to (B, heads, n, D), or back. */
static void swap_heads(size_t size, int64_t batch, int64_t n, int64_t heads, int64_t D,
                       const char *from, char *to, bool back)
{
    const size_t bytes = (size_t)D * size;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < n; t++)
            for (int64_t h = 0; h < heads; h++) {
                const size_t token = (size_t)((b * n + t) * heads + h) * bytes;
                const size_t head = (size_t)((b * heads + h) * n + t) * bytes;
                memcpy(to + (back ? token : head), from + (back ? head : token), bytes);
            }
}

/* x (B, n, width) times a weight given in double, split into heads: (B, heads, n, D). Owned. */
static void *project(const pe_layer_job *job, const void *x, int64_t n, const double *weight,
                     int heads, pe_error *err)
{
    const pe_precision precision = job->attention.precision;
    const size_t size = pe_precision_size(precision);
    const int D = job->attention.instance->dims.head_dim, columns = heads * D;
    const int64_t batch = job->attention.batch;
    const size_t count = (size_t)(batch * n) * (size_t)columns;
    void *w = pe_narrow(precision, (size_t)job->width * (size_t)columns, weight, "weights", err);
    void *flat = pe_allocate(count, size, "projection", err);
    void *split = pe_allocate(count, size, "projection", err);
    if (w && flat && split) {
        multiply(precision, (int)(batch * n), columns, job->width, x, w, flat);
        swap_heads(size, batch, n, heads, D, flat, split, false);
    } else {
        pe_release(split);
        split = NULL;
    }
    pe_release(w);
    pe_release(flat);
    return split;
}

/* [past ; x] (B, M + L, width). Owned. */
static void *join_memory(const pe_layer_job *job, const void *x, pe_error *err)
{
    const pe_precision precision = job->attention.precision;
    const size_t row = (size_t)job->width * pe_precision_size(precision);
    const size_t M = (size_t)job->memory, L = (size_t)job->length;
    const size_t batch = (size_t)job->attention.batch;
    void *past = pe_narrow(precision, batch * M * (size_t)job->width,
                           job->past ? job->past : job->x, "memory", err);
    char *all = past ? pe_allocate(batch * (M + L), row, "memory and tokens", err) : NULL;
    for (size_t b = 0; all && b < batch; b++) {
        memcpy(all + b * (M + L) * row, (char *)past + b * M * row, M * row);
        memcpy(all + (b * (M + L) + M) * row, (const char *)x + b * L * row, L * row);
    }
    pe_release(past);
    return all;
}

static pe_status finish(const pe_layer_job *job, pe_layered *result, pe_error *err)
{
    const pe_precision precision = job->attention.precision;
    const pe_dims *dims = &job->attention.instance->dims;
    const int columns = dims->heads * dims->head_dim;
    const int64_t tokens = job->attention.batch * job->length;
    const size_t size = pe_precision_size(precision), count = (size_t)tokens * (size_t)columns;
    const size_t out_count = job->Wo ? (size_t)tokens * (size_t)job->columns_out : 0;
    void *heads = pe_narrow_wide(precision, count, result->attended.out.hi, result->attended.out.lo,
                                 "heads", err);
    void *joined = pe_allocate(count, size, "joined heads", err);
    void *w = pe_narrow(precision, (size_t)columns * (size_t)(job->Wo ? job->columns_out : 0),
                        job->Wo ? job->Wo : job->Wv, "Wo", err);
    void *out = pe_allocate(out_count, size, "layer output", err);
    pe_status status = heads && joined && w && out ? PE_OK : PE_MEMORY;
    if (status == PE_OK) {
        swap_heads(size, job->attention.batch, job->length, dims->heads, dims->head_dim, heads,
                   joined, true);
        status = pe_wide_allocate(&result->joined, count, "joined heads", err);
    }
    if (status == PE_OK) {
        pe_widen(precision, count, joined, result->joined.hi, result->joined.lo);
        status = pe_wide_allocate(&result->out, out_count, "layer output", err);
    }
    if (status == PE_OK && job->Wo) {
        multiply(precision, (int)tokens, job->columns_out, columns, joined, w, out);
        pe_widen(precision, out_count, out, result->out.hi, result->out.lo);
    }
    pe_release(heads);
    pe_release(joined);
    pe_release(w);
    pe_release(out);
    return status;
}

pe_status pe_run_layer(const pe_layer_job *job, pe_layered *result, pe_error *err)
{
    *result = (pe_layered){0};
    if (job->length < 1 || job->memory < 0 || job->width < 1 || job->attention.batch < 1 ||
        job->attention.batch * (job->length + job->memory) > INT32_MAX / 2)
        return pe_fail(err, PE_USAGE,
                       "a layer needs length and batch of at least 1 and no negative memory, not "
                       "%lld, %d, %lld",
                       (long long)job->length, job->attention.batch, (long long)job->memory);
    pe_job attention = job->attention;
    const pe_dims *dims = &attention.instance->dims;
    const size_t count = (size_t)attention.batch * (size_t)job->length * (size_t)job->width;
    attention.nq = job->length;
    attention.nk = job->length + job->memory;
    void *x = pe_narrow_wide(attention.precision, count, job->x, job->x_lo, "layer input", err);
    void *all = x ? join_memory(job, x, err) : NULL;
    void *q = all ? project(job, x, attention.nq, job->Wq, dims->heads, err) : NULL;
    void *k = q ? project(job, all, attention.nk, job->Wk, dims->kv_heads, err) : NULL;
    void *v = k ? project(job, all, attention.nk, job->Wv, dims->kv_heads, err) : NULL;
    pe_status status = v ? PE_OK : PE_MEMORY;
    if (status == PE_OK) {
        const void *const in[4] = {q, k, v, job->width == dims->model_dim ? all : NULL};
        status = pe_run_attention_typed(&attention, in, &result->attended, err);
    }
    if (status == PE_OK)
        status = finish(job, result, err);
    void *const blocks[] = {x, all, q, k, v};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        pe_release(blocks[i]);
    if (status != PE_OK)
        pe_layered_release(result);
    return status;
}
