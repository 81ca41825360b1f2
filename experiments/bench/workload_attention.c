/* Tiled attention of any variant. */
#include "bench/workload_make.h"

#include "core/attention.h"
#include "core/instance.h"

enum { Q, K, V, OUT, HIDDEN, Q_INDEX, K_INDEX, Q_COORD, K_COORD };

/* Of the queries, keys or values of n tokens. */
static size_t numbers(const pe_workload *w, int64_t n)
{
    return (size_t)(PE_BENCH_BATCH * w->instance->dims.model_dim * n);
}

/* Of the two products with what a query may see. */
static double operations(const pe_workload *w, int64_t L, int64_t M, bool causal)
{
    const double pairs =
        (double)L * (double)(causal ? M : L + M) + (causal ? 0.5 * (double)L * (double)(L + 1) : 0);
    return 4 * pairs * (double)numbers(w, 1);
}

static pe_status run_attention(pe_workload *w, double *checksum, pe_error *err)
{
    const int64_t L = w->argument[0], M = w->argument[2];
    const pe_attention_f32 a = {.instance = w->instance,
                                .batch = PE_BENCH_BATCH,
                                .nq = L,
                                .nk = L + M,
                                .q_index = w->block[Q_INDEX],
                                .k_index = w->block[K_INDEX],
                                .q_coord = w->block[Q_COORD],
                                .k_coord = w->block[K_COORD],
                                .causal = w->argument[3] != 0,
                                .q = w->block[Q],
                                .k = w->block[K],
                                .v = w->block[V],
                                .x = w->block[HIDDEN],
                                .out = w->block[OUT]};
    pe_status status = pe_attend_tiled_f32(&a, err);
    if (checksum)
        *checksum = pe_workload_sum(a.out, numbers(w, L));
    return status;
}

pe_status pe_workload_attention(pe_workload *w, int64_t M, bool causal, uint64_t seed,
                                pe_error *err)
{
    const int64_t L = w->argument[0], nk = L + M;
    const size_t queries = numbers(w, L), keys = numbers(w, nk);
    w->argument[2] = M;
    w->argument[3] = causal;
    w->operations = operations(w, L, M, causal);
    w->run = run_attention;
    int64_t *qi = pe_workload_block(w, Q_INDEX, (size_t)L, sizeof *qi, err);
    int64_t *kj = pe_workload_block(w, K_INDEX, (size_t)nk, sizeof *kj, err);
    double *qx = pe_workload_block(w, Q_COORD, (size_t)L, sizeof *qx, err);
    double *kx = pe_workload_block(w, K_COORD, (size_t)nk, sizeof *kx, err);
    if (!qi || !kj || !qx || !kx || !pe_workload_normals(w, Q, queries, seed, err) ||
        !pe_workload_normals(w, K, keys, seed, err) ||
        !pe_workload_normals(w, V, keys, seed, err) ||
        !pe_workload_normals(w, HIDDEN, keys, seed, err) ||
        !pe_workload_block(w, OUT, queries, sizeof(float), err))
        return PE_MEMORY;
    for (int64_t j = 0; j < nk; j++)
        kx[j] = (double)(kj[j] = j);
    for (int64_t i = 0; i < L; i++)
        qx[i] = (double)(qi[i] = M + i);
    return PE_OK;
}
