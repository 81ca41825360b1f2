/* Gradients of the scalar L = sum(out * G) of a case. Those of an attention are computed in the
 * precision and by the method of the run; the products with the weights of a layer around it are
 * plain loops in double. */
#include "case_run.h"

#include "base/memory.h"
#include "core/gradient.h"

#include <stdio.h>
#include <string.h>

bool case_wants_gradients(const case_run *run)
{
    return pe_case_find(run->c, "G") && !pe_instance_untrainable(run->instance);
}

static pe_status add(case_run *run, const char *of, int rank, const size_t *shape,
                     const pe_wide *gradient, pe_error *err)
{
    char name[CASE_NAME];
    snprintf(name, sizeof name, "grad_%s", of);
    return case_add_wide(run, name, "gradient", "as the input", rank, shape, gradient, err);
}

/* Those of a code get 0 here, and what they are through an embedding is added later. */
static pe_status add_parameters(case_run *run, const pe_gradients *g, pe_error *err)
{
    const pe_setup *s = &run->instance->info;
    pe_status status = PE_OK;
    for (int p = 0; status == PE_OK && p < s->param_count; p++) {
        size_t shape[PE_MAX_RANK];
        for (int r = 0; r < s->param[p].rank; r++)
            shape[r] = (size_t)s->param[p].shape[r];
        status = add(run, s->param[p].name, s->param[p].rank, shape, &g->param[p], err);
    }
    return status;
}

pe_status case_read_upstream(const case_run *run, size_t count, case_table *G, pe_error *err)
{
    const pe_status status = case_read(run, "G", G, err);
    if (status == PE_OK && G->count != count)
        return pe_fail(err, PE_FORMAT, "%s: G.npy has not the shape of out", pe_case_name(run->c));
    return status;
}

pe_status case_add_gradients(case_run *run, const pe_job *job, pe_error *err)
{
    const pe_dims *d = &run->instance->dims;
    const size_t q[4] = {(size_t)job->batch, (size_t)d->heads, (size_t)job->nq,
                         (size_t)d->head_dim};
    const size_t k[4] = {q[0], (size_t)d->kv_heads, (size_t)job->nk, q[3]};
    case_table G = {0};
    pe_gradients g = {0};
    if (!case_wants_gradients(run))
        return PE_OK;
    pe_status status = case_read_upstream(run, q[0] * q[1] * q[2] * q[3], &G, err);
    if (status == PE_OK)
        status = pe_run_gradient(job, G.values, &g, err);
    if (status == PE_OK)
        status = add(run, "q", 4, q, &g.q, err);
    if (status == PE_OK)
        status = add(run, "k", 4, k, &g.k, err);
    if (status == PE_OK)
        status = add(run, "v", 4, k, &g.v, err);
    if (status == PE_OK)
        status = add_parameters(run, &g, err);
    pe_gradients_release(&g);
    case_table_release(&G);
    return status;
}

/* ---- a layer --------------------------------------------------------------------------------- */

/* A matrix (rows, columns) in double, owned. */
typedef struct matrix {
    size_t rows, columns;
    double *x;
} matrix;

static bool make(matrix *m, size_t rows, size_t columns, pe_error *err)
{
    *m = (matrix){rows, columns, pe_allocate(rows * columns, sizeof(double), "gradients", err)};
    return m->x != NULL;
}

/* c += a b; each of a and b transposed when asked. */
static void multiply(const double *a, bool ta, const double *b, bool tb, size_t inner, matrix *c)
{
    for (size_t i = 0; i < c->rows; i++)
        for (size_t p = 0; p < inner; p++)
            for (size_t j = 0; j < c->columns; j++)
                c->x[i * c->columns + j] += a[ta ? p * c->rows + i : i * inner + p] *
                                            b[tb ? j * inner + p : p * c->columns + j];
}

/* (B, n, heads, D) to (B, heads, n, D), or back. */
static void swap(size_t batch, size_t n, size_t heads, size_t D, const double *from, double *to,
                 bool back)
{
    for (size_t b = 0; b < batch; b++)
        for (size_t t = 0; t < n; t++)
            for (size_t h = 0; h < heads; h++) {
                const size_t token = ((b * n + t) * heads + h) * D;
                const size_t head = ((b * heads + h) * n + t) * D;
                memcpy(to + (back ? token : head), from + (back ? head : token),
                       D * sizeof(double));
            }
}

enum { ALL, DALL, TQ, TK, TV, UP, DOUT, DWQ, DWK, DWV, DWO, MATRICES };

typedef struct layer {
    const pe_layer_job *job;
    size_t B, L, M, width, q, kv, D;
    matrix m[MATRICES];
} layer;

/* [memory ; x] (B (M + L), width). */
static void join(const layer *l)
{
    const size_t row = l->width, nk = l->M + l->L;
    for (size_t b = 0; b < l->B; b++) {
        if (l->M > 0)
            memcpy(l->m[ALL].x + b * nk * row, l->job->past + b * l->M * row,
                   l->M * row * sizeof(double));
        memcpy(l->m[ALL].x + (b * nk + l->M) * row, l->job->x + b * l->L * row,
               l->L * row * sizeof(double));
    }
}

/* Vectors that attention reads, from all tokens or (queries) from the last L of each item. */
static pe_status project(layer *l, int to, const double *weight, size_t columns, pe_error *err)
{
    const bool queries = to == TQ;
    const size_t n = queries ? l->L : l->L + l->M;
    matrix flat = {0};
    if (!make(&flat, l->B * n, columns, err) || !make(&l->m[to], l->B * n, columns, err)) {
        pe_release(flat.x);
        return PE_MEMORY;
    }
    multiply(queries ? l->job->x : l->m[ALL].x, false, weight, false, l->width, &flat);
    swap(l->B, n, columns / l->D, l->D, flat.x, l->m[to].x, false);
    pe_release(flat.x);
    return PE_OK;
}

/* From the gradient by projected vectors to those of the weight and of the tokens. */
static pe_status unproject(layer *l, int weight_to, const double *weight, const pe_wide *by,
                           bool queries, pe_error *err)
{
    const size_t n = queries ? l->L : l->L + l->M, columns = by->count / (l->B * n);
    matrix flat = {0}, tokens = {0};
    pe_status status = PE_MEMORY;
    if (make(&flat, l->B * n, columns, err) && make(&tokens, l->B * n, l->width, err) &&
        make(&l->m[weight_to], l->width, columns, err)) {
        swap(l->B, n, columns / l->D, l->D, by->hi, flat.x, true);
        multiply(queries ? l->job->x : l->m[ALL].x, true, flat.x, false, l->B * n,
                 &l->m[weight_to]);
        multiply(flat.x, false, weight, true, columns, &tokens);
        for (size_t t = 0; t < l->B * n; t++)
            for (size_t c = 0; c < l->width; c++) {
                const size_t at = queries ? t / l->L * (l->M + l->L) + l->M + t % l->L : t;
                l->m[DALL].x[at * l->width + c] += tokens.x[t * l->width + c];
            }
        status = PE_OK;
    }
    pe_release(flat.x);
    pe_release(tokens.x);
    return status;
}

static pe_status add_matrix(case_run *run, const char *of, const matrix *m, pe_error *err)
{
    const size_t shape[2] = {m->rows, m->columns};
    char name[CASE_NAME];
    snprintf(name, sizeof name, "grad_%s", of);
    if (!m->x)
        return PE_OK;
    double *to = case_add(run, name, "gradient", "as the weight", false, 2, shape, err);
    if (to)
        memcpy(to, m->x, m->rows * m->columns * sizeof *to);
    return to ? PE_OK : PE_MEMORY;
}

/* Tokens from .. from + n - 1 of every item. */
static pe_status add_tokens(case_run *run, const char *name, const layer *l, size_t from, size_t n,
                            pe_error *err)
{
    const size_t shape[3] = {l->B, n, l->width}, row = l->width;
    double *to = case_add(run, name, "gradient", "(B, L, d)", false, 3, shape, err);
    for (size_t b = 0; to && b < l->B; b++)
        memcpy(to + b * n * row, l->m[DALL].x + (b * (l->M + l->L) + from) * row,
               n * row * sizeof *to);
    return to ? PE_OK : PE_MEMORY;
}

/* G to the gradient by the heads' outputs, and by Wo. */
static pe_status begin(layer *l, const pe_layered *layered, const double *G, pe_error *err)
{
    const size_t rows = l->B * l->L, out = (size_t)l->job->columns_out;
    if (!make(&l->m[ALL], l->B * (l->M + l->L), l->width, err) ||
        !make(&l->m[DALL], l->B * (l->M + l->L), l->width, err) ||
        !make(&l->m[UP], rows, l->q, err) || !make(&l->m[DOUT], rows, l->q, err))
        return PE_MEMORY;
    join(l);
    if (!l->job->Wo)
        memcpy(l->m[UP].x, G, rows * l->q * sizeof *G);
    else {
        if (!make(&l->m[DWO], l->q, out, err))
            return PE_MEMORY;
        multiply(layered->joined.hi, true, G, false, rows, &l->m[DWO]);
        multiply(G, false, l->job->Wo, true, out, &l->m[UP]);
    }
    swap(l->B, l->L, l->q / l->D, l->D, l->m[UP].x, l->m[DOUT].x, false);
    pe_status status = project(l, TQ, l->job->Wq, l->q, err);
    if (status == PE_OK)
        status = project(l, TK, l->job->Wk, l->kv, err);
    return status == PE_OK ? project(l, TV, l->job->Wv, l->kv, err) : status;
}

static pe_status add_layer(case_run *run, layer *l, const pe_gradients *g, pe_error *err)
{
    const char *key = pe_case_find(run->c, "WkE") ? "WkE" : "Wk";
    const struct {
        const char *name;
        int to;
        const double *weight;
        const pe_wide *by;
    } weights[] = {{"Wq", DWQ, l->job->Wq, &g->q},
                   {key, DWK, l->job->Wk, &g->k},
                   {"Wv", DWV, l->job->Wv, &g->v}};
    pe_status status = PE_OK;
    for (int w = 0; status == PE_OK && w < 3; w++) {
        status = unproject(l, weights[w].to, weights[w].weight, weights[w].by, w == 0, err);
        if (status == PE_OK)
            status = add_matrix(run, weights[w].name, &l->m[weights[w].to], err);
    }
    if (status == PE_OK)
        status = add_matrix(run, "Wo", &l->m[DWO], err);
    for (size_t i = 0; status == PE_OK && i < g->x.count; i++)
        l->m[DALL].x[i] += g->x.hi[i];
    if (status == PE_OK)
        status = add_tokens(run, "grad_x", l, l->M, l->L, err);
    if (status == PE_OK && l->M > 0)
        status = add_tokens(run, "grad_mem", l, 0, l->M, err);
    return status == PE_OK ? add_parameters(run, g, err) : status;
}

pe_status case_add_layer_gradients(case_run *run, const pe_layer_job *job,
                                   const pe_layered *layered, pe_error *err)
{
    const pe_dims *d = &run->instance->dims;
    layer l = {.job = job,
               .B = (size_t)job->attention.batch,
               .L = (size_t)job->length,
               .M = (size_t)job->memory,
               .width = (size_t)job->width,
               .q = (size_t)d->heads * (size_t)d->head_dim,
               .kv = (size_t)d->kv_heads * (size_t)d->head_dim,
               .D = (size_t)d->head_dim};
    case_table G = {0};
    pe_gradients g = {0};
    if (!case_wants_gradients(run))
        return PE_OK;
    pe_status status =
        case_read_upstream(run, l.B * l.L * (job->Wo ? (size_t)job->columns_out : l.q), &G, err);
    if (status == PE_OK)
        status = begin(&l, layered, G.values, err);
    if (status == PE_OK) {
        pe_job attention = job->attention;
        attention.nq = job->length;
        attention.nk = job->length + job->memory;
        attention.q = l.m[TQ].x;
        attention.k = l.m[TK].x;
        attention.v = l.m[TV].x;
        attention.x = job->width == d->model_dim ? l.m[ALL].x : NULL;
        status = pe_run_gradient(&attention, l.m[DOUT].x, &g, err);
    }
    if (status == PE_OK)
        status = add_layer(run, &l, &g, err);
    for (int i = 0; i < MATRICES; i++)
        pe_release(l.m[i].x);
    pe_gradients_release(&g);
    case_table_release(&G);
    return status;
}
