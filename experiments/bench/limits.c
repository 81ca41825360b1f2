/* What the machine can do at most, by the kernels that the work itself uses. */
#include "bench/limits.h"
#include "base/memory.h"
#include "core/lent.h"
#include "kernels/kernels.h"

#include <omp.h>

enum { A, B, C, IDS }; /* blocks */
enum { ROW = 1024 /* numbers of a row that is written or copied */ };

/* `rows` rows past the caches: from a table of as many rows, or all from its first. */
static pe_status run_stream(pe_workload *w, double *checksum, pe_error *err)
{
    const int64_t rows = w->argument[1];
    const int threads = omp_get_max_threads();
    float *out = w->block[C];
    (void)err;
#pragma omp parallel for
    for (int t = 0; t < threads; t++) {
        const int64_t from = rows * t / threads, to = rows * (t + 1) / threads;
        pe_kernels_now()->gather(to - from, ROW, (const int64_t *)w->block[IDS] + from, w->block[A],
                                 1, NULL, out + from * ROW, ROW, true);
    }
    if (checksum)
        *checksum = (double)out[0] + (double)out[rows * ROW - 1];
    return PE_OK;
}

static pe_status make_stream(pe_workload *w, bool copies, pe_error *err)
{
    const int64_t rows = (w->argument[0] << 20) / ROW / (int64_t)sizeof(float);
    int64_t *ids = w->block[IDS] = pe_allocate((size_t)rows, sizeof *ids, "rows", err);
    w->block[A] = pe_allocate((size_t)(copies ? rows : 1) * ROW, sizeof(float), "rows", err);
    w->block[C] = pe_allocate((size_t)rows * ROW, sizeof(float), "rows", err);
    if (!ids || !w->block[A] || !w->block[C])
        return PE_MEMORY;
    for (int64_t r = 0; copies && r < rows; r++)
        ids[r] = r;
    w->argument[1] = rows;
    w->bytes = (double)rows * ROW * (double)sizeof(float);
    w->run = run_stream;
    return PE_OK;
}

/* C (M,N) = A (M,K) B (K,N) by the BLAS, each thread a share of the rows. */
static pe_status run_product(pe_workload *w, double *checksum, pe_error *err)
{
    const int M = (int)w->argument[0], N = (int)w->argument[1], K = (int)w->argument[2];
    const int threads = omp_get_max_threads();
    const float *a = w->block[A];
    float *c = w->block[C];
    (void)err;
#pragma omp parallel for
    for (int t = 0; t < threads; t++) {
        const int from = (int)((int64_t)M * t / threads),
                  to = (int)((int64_t)M * (t + 1) / threads);
        pe_lend_f32.gemm(false, false, to - from, N, K, 1, a + (size_t)from * (size_t)K, K,
                         w->block[B], N, 0, c + (size_t)from * (size_t)N, N);
    }
    if (checksum)
        *checksum = (double)c[0];
    return PE_OK;
}

static pe_status make_product(pe_workload *w, pe_error *err)
{
    const size_t M = (size_t)w->argument[0], N = (size_t)w->argument[1], K = (size_t)w->argument[2];
    float *a = w->block[A] = pe_allocate(M * K, sizeof *a, "matrix", err);
    float *b = w->block[B] = pe_allocate(K * N, sizeof *b, "matrix", err);
    w->block[C] = pe_allocate(M * N, sizeof(float), "matrix", err);
    if (!a || !b || !w->block[C])
        return PE_MEMORY;
    for (size_t i = 0; i < M * K; i++)
        a[i] = (float)(i % 13) - 6;
    for (size_t i = 0; i < K * N; i++)
        b[i] = (float)(i % 17) - 8;
    w->operations = 2.0 * (double)M * (double)N * (double)K;
    w->run = run_product;
    return PE_OK;
}

pe_status pe_limit_make(pe_limit limit, pe_workload *w, pe_error *err)
{
    return limit == PE_LIMIT_PRODUCT ? make_product(w, err)
                                     : make_stream(w, limit == PE_LIMIT_COPY, err);
}
