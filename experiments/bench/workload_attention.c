/* Tiled attention of any variant, forward, or forward and backward. */
#include "bench/workload_make.h"

#include "core/gradient.h"
#include "core/instance.h"

#include <string.h>

enum { Q, K, V, OUT, HIDDEN, Q_INDEX, K_INDEX, Q_COORD, K_COORD };
enum { LOG_SUM = K_COORD + 1, DQ, DK, DV, DX, DPARAM };

/* Of the queries, keys or values of n tokens. */
static size_t numbers(const pe_workload *w, int64_t n)
{
    return (size_t)(PE_BENCH_BATCH * w->instance->dims.model_dim * n);
}

/* Of the two products with what a query may see, and of five more for the gradients. */
static double operations(const pe_workload *w, int64_t L, int64_t M, bool causal)
{
    const double pairs =
        (double)L * (double)(causal ? M : L + M) + (causal ? 0.5 * (double)L * (double)(L + 1) : 0);
    return (w->gradient ? 14 : 4) * pairs * (double)numbers(w, 1);
}

static size_t parameters(const pe_workload *w)
{
    const pe_setup *s = &w->instance->info;
    size_t count = 0;
    for (int p = 0; p < s->param_count; p++)
        count += pe_param_count(&s->param[p]);
    return count;
}

/* As the peers: the gradient by the output is the output, and gradients start from nothing. */
static pe_status run_backward(pe_workload *w, const pe_attention_f32 *a, pe_error *err)
{
    const pe_setup *s = &w->instance->info;
    const size_t queries = numbers(w, a->nq), keys = numbers(w, a->nk);
    const size_t counts[] = {queries, keys, keys, keys, parameters(w)};
    float *at = w->block[DPARAM], *dparam[PE_MAX_PARAMS];
    for (int p = 0; p < s->param_count; p++) {
        dparam[p] = at;
        at += pe_param_count(&s->param[p]);
    }
    for (int i = 0; i < 5; i++)
        memset(w->block[DQ + i], 0, counts[i] * sizeof(float));
    const pe_attention_gradient_f32 g = {.dout = a->out,
                                         .dq = w->block[DQ],
                                         .dk = w->block[DK],
                                         .dv = w->block[DV],
                                         .dx = w->block[DX],
                                         .dparam = dparam};
    return pe_attend_tiled_gradient_f32(a, &g, err);
}

static pe_status add_gradients(pe_workload *w, size_t queries, size_t keys, pe_error *err)
{
    const size_t counts[] = {
        queries / (size_t)w->instance->dims.head_dim, queries, keys, keys, keys, parameters(w)};
    for (int i = 0; i < 6; i++)
        if (!pe_workload_block(w, LOG_SUM + i, counts[i], sizeof(float), err))
            return PE_MEMORY;
    return PE_OK;
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
                                .out = w->block[OUT],
                                .row_log_sum = w->block[LOG_SUM]};
    pe_status status = pe_attend_tiled_f32(&a, err);
    if (status == PE_OK && w->gradient)
        status = run_backward(w, &a, err);
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
    return w->gradient ? add_gradients(w, queries, keys, err) : PE_OK;
}
