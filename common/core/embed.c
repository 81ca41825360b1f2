/* Compiled in three precisions (posenc_pass.h). */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/embed.h"
#include "core/quad.h"

#include <string.h>

#include "core/tile_math.h"

#ifdef PE_FIRST
enum {
    TOKENS = 64,          /* of one piece of work */
    CACHE_BYTES = 1 << 24 /* larger results are written past the caches */
};

static pe_status check_tokens(int batch, int64_t n, const int64_t *ids, int64_t vocabulary,
                              pe_error *err)
{
    if (batch < 1 || n < 1)
        return pe_fail(err, PE_USAGE, "an embedding needs at least one token, not %d times %lld",
                       batch, (long long)n);
    for (int64_t t = 0; t < batch * n; t++)
        if (ids[t] < 0 || ids[t] >= vocabulary)
            return pe_fail(err, PE_USAGE,
                           "token %lld of sequence %lld has id %lld, but the table has rows 0 to "
                           "%lld",
                           (long long)(t % n), (long long)(t / n), (long long)ids[t],
                           (long long)vocabulary - 1);
    return PE_OK;
}
#endif

/* The piece in hand: `count` tokens from t on (counted through the batch). */
static void PE(embed_run)(const PE(pe_embedding) * e, const pe_real *codes, int64_t t,
                          int64_t count, pe_real factor)
{
    const int d = e->instance->dims.model_dim, wide = e->instance->info.embed_width;
    const bool beside = codes && (e->instance->info.flags & PE_CONCATENATE);
    const int64_t width = d + (e->instance->info.flags & PE_CONCATENATE ? wide : 0);
    const bool stream =
        (double)e->batch * (double)e->n * (double)width * (double)sizeof(pe_real) > CACHE_BYTES;
    PE_TILE(gather)
    (count, d, e->ids + t, e->table, factor, beside ? NULL : codes, e->out + t * width, width,
     stream);
    for (int64_t i = 0; width > d && i < count; i++) {
        pe_real *to = e->out + (t + i) * width + d;
        if (codes)
            memcpy(to, codes + i * wide, (size_t)wide * sizeof *to);
        else
            memset(to, 0, (size_t)wide * sizeof *to);
    }
}

/* Padding tokens break a piece into runs with a code and runs without. */
static void PE(embed_piece)(const PE(pe_embedding) * e, const pe_real *codes, int64_t b,
                            int64_t from, int64_t to, pe_real factor)
{
    const int wide = e->instance->info.embed_width;
    const int64_t *ids = e->ids + b * e->n;
    for (int64_t t = from; t < to;) {
        const bool padding = ids[t] == e->padding_id;
        int64_t end = t + 1;
        while (end < to && (ids[end] == e->padding_id) == padding)
            end++;
        PE(embed_run)
        (e, codes && !padding ? codes + t * wide : NULL, b * e->n + t, end - t, factor);
        t = end;
    }
}

static pe_status PE(fill_codes)(const PE(pe_embedding) * e, pe_real **codes, pe_error *err)
{
    const pe_precision precision = sizeof(pe_real) == sizeof(float)    ? PE_FLOAT
                                   : sizeof(pe_real) == sizeof(double) ? PE_DOUBLE
                                                                       : PE_QUADRUPLE;
    const int64_t rows = e->n * (e->coord_per_batch ? e->batch : 1);
    *codes = pe_allocate_unset((size_t)rows * (size_t)e->instance->info.embed_width, sizeof **codes,
                               "code rows", err);
    return *codes ? pe_instance_code_rows(e->instance, precision, rows, e->coord, *codes, err)
                  : PE_MEMORY;
}

pe_status PE(pe_embed)(const PE(pe_embedding) * e, pe_error *err)
{
    const int64_t wide = e->instance->info.embed_width, pieces = (e->n + TOKENS - 1) / TOKENS;
    const pe_real factor =
        e->scale_sqrt_d ? pe_sqrt(pe_num(e->instance->dims.model_dim)) : PE_C(1.0);
    pe_real *codes = NULL;
    pe_status status = check_tokens(e->batch, e->n, e->ids, e->vocabulary, err);
    if (status == PE_OK && wide > 0)
        status = PE(fill_codes)(e, &codes, err);
    if (status == PE_OK)
#pragma omp parallel for collapse(2)
        for (int64_t piece = 0; piece < pieces; piece++) /* its codes stay in the nearest caches */
            for (int64_t b = 0; b < e->batch; b++) {
                const int64_t from = piece * TOKENS;
                const int64_t to = e->n - from < TOKENS ? e->n : from + TOKENS;
                const pe_real *own = codes && e->coord_per_batch ? codes + b * e->n * wide : codes;
                PE(embed_piece)(e, own, b, from, to, factor);
            }
    pe_release(codes);
    return status;
}

#include PE_NEXT("embed.c")
