/* The gradient of reference attention: the whole matrix, plain loops, straight from the formulas in
 * gradient.h. Compiled in three precisions (posenc_pass.h); it judges the tiled way.
 *
 * draw is ds behind the twin of `logits`, t_ij = scale * draw_ij, and sums are over all pairs:
 *
 *   dq_i   = sum_j t_ij (k_j + rq_n),      dk_j     = sum_i t_ij (q_i + u + rk_n)
 *   drq_n  = sum   t_ij (q_i + v),         drk_n    = sum   t_ij k_j
 *   du     = sum   t_ij k_j,               dv       = sum   t_ij rq_n
 *   drv_n  = sum   w_ij dout_i,            dvalue_j = sum_i w_ij dout_i
 *   dbias_n = sum  draw_ij */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/backward.h"
#include "core/lent.h"
#include "core/quad.h"
#include "core/quad_dot.h"

#include <string.h>

#include "core/reference_steps.h"

/* Beside the matrices of an item: their gradients. */
typedef struct PE(reversed) {
    PE(pe_backward) w;
    PE(matrices) m;
    pe_real *ds, *draw;  /* (H, nq, nk) */
    const pe_real *rows; /* all relative rows, as they lie in memory: rq, rk, rv, bias */
    pe_real *drows;      /* the same for their gradients */
    size_t row_numbers;
    const pe_real *dout;
    pe_real *unmapped;  /* (B, H, nq, D) output before `map`, or NULL */
    pe_real *djoined_k; /* gradients by m.joined_k, or NULL */
    void *owned[5];
} PE(reversed);

static size_t PE(numbers_of_rows)(const PE(pe_parts) * p)
{
    const size_t N = p->real_offsets ? 1 : (size_t)(p->last - p->first + 1);
    const size_t heads = (size_t)p->a->instance->info.row_heads;
    return p->rows ? N * heads * (size_t)(3 * p->D + 1) : 0;
}

static pe_status PE(allocate_reversed)(PE(reversed) * r, pe_error *err)
{
    const PE(pe_parts) *p = r->w.p;
    const size_t queries = (size_t)p->H * (size_t)p->a->nq, all = queries * (size_t)p->a->nk;
    const pe_rows *t = &p->table;
    r->rows = p->real_offsets ? r->m.row
              : t->query      ? t->query
              : t->key        ? t->key
              : t->value      ? t->value
                              : t->bias;
    r->row_numbers = PE(numbers_of_rows)(p);
    r->owned[0] = r->ds = pe_allocate(all, sizeof(pe_real), "gradients by logits", err);
    if (r->ds)
        r->owned[1] = r->draw = pe_allocate(all, sizeof(pe_real), "gradients by logits", err);
    if (r->draw)
        r->owned[2] = r->drows = pe_allocate(r->row_numbers, sizeof(pe_real), "gradients", err);
    if (!r->drows)
        return PE_MEMORY;
    if (r->m.joined_k) {
        const size_t keys = (size_t)p->H * (size_t)p->a->nk * (size_t)p->D;
        r->owned[4] = r->djoined_k = pe_allocate(keys, sizeof(pe_real), "gradients by keys", err);
        if (!r->djoined_k)
            return PE_MEMORY;
    }
    r->dout = r->w.g->dout;
    if (r->w.dout) {
        r->owned[3] = r->unmapped = pe_allocate((size_t)p->a->batch * queries * (size_t)p->D,
                                                sizeof(pe_real), "output", err);
        r->dout = r->w.dout;
    }
    return r->w.dout && !r->unmapped ? PE_MEMORY : PE_OK;
}

static void PE(release_reversed)(PE(reversed) * r)
{
    for (size_t i = 0; i < sizeof r->owned / sizeof r->owned[0]; i++)
        pe_release(r->owned[i]);
    PE(release_matrices)(&r->m);
    PE(pe_backward_release)(&r->w);
}

/* Logits, and weights in their place, of a batch item. */
static void PE(repeat_forward)(PE(reversed) * r, int64_t b)
{
    const PE(pe_parts) *p = r->w.p;
    PE(fill_raw)(p, &r->m, b);
    PE(finish_logits)(p, &r->m, b);
    for (int h = 0; h < p->H; h++)
        for (int64_t i = 0; i < p->a->nq; i++) {
            pe_real log_sum;
            const pe_real *row = PE(weigh_row)(p, &r->m, h, i, &log_sum);
            if (r->unmapped)
                PE(add_values)
            (p, &r->m, b, h, i, row, r->unmapped + ((b * p->H + h) * p->a->nq + i) * p->D);
        }
}

/* ---- relative rows -------------------------------------------------------------------------- */

/* Where the gradient by a row belongs that stands at `row`. */
static pe_real *PE(gradient_by)(const PE(reversed) * r, const pe_real *row)
{
    return row ? r->drows + (row - r->rows) : NULL;
}

/* Rows of a pair and their gradients. At real offsets the latter start at 0, and give_rows takes
 * them on. */
static pe_rows PE(take_rows)(PE(reversed) * r, int64_t i, int64_t j, int h, pe_rows *d)
{
    const pe_rows rows =
        r->w.p->rows ? PE(rows_of_pair)(r->w.p, &r->m, i, j, h) : (pe_rows){.bias = NULL};
    *d = (pe_rows){.bias = PE(gradient_by)(r, rows.bias),
                   .query = PE(gradient_by)(r, rows.query),
                   .key = PE(gradient_by)(r, rows.key),
                   .value = PE(gradient_by)(r, rows.value)};
    return rows;
}

static pe_rows PE(split_rows)(const PE(pe_parts) * p, pe_real *at, int64_t N)
{
    const int64_t heads = p->a->instance->info.row_heads, wide = N * heads * p->D;
    pe_rows rows = {.bias = NULL};
    pe_real **const member[] = {&rows.query, &rows.key, &rows.value, &rows.bias};
    const unsigned kind[] = {PE_ROWS_QUERY, PE_ROWS_KEY, PE_ROWS_VALUE, PE_ROWS_BIAS};
    for (int m = 0; m < 4; m++) {
        if (p->rows & kind[m])
            *member[m] = at;
        if ((p->rows & kind[m]) || p->real_offsets)
            at += wide;
    }
    return rows;
}

static void PE(give_rows)(PE(reversed) * r, int64_t i, int64_t j)
{
    const PE(pe_parts) *p = r->w.p;
    const pe_ops *ops = p->a->instance->variant->PE_OPS;
    double offset;
    if (!p->rows || !p->real_offsets || !PE(real_offset)(p, i, j, &offset))
        return;
    const pe_rows d = PE(split_rows)(p, r->drows, 1);
    const pe_call c = PE(pe_backward_call)(&r->w, 0, r->m.scratch);
    if (ops->relative_vjp)
        ops->relative_vjp(&c, 1, &offset, &d);
    memset(r->drows, 0, r->row_numbers * sizeof *r->drows);
}

static void PE(give_table)(PE(reversed) * r)
{
    const PE(pe_parts) *p = r->w.p;
    const pe_ops *ops = p->a->instance->variant->PE_OPS;
    const int64_t heads = p->a->instance->info.row_heads, N = p->last - p->first + 1;
    if (!p->rows || p->real_offsets || !ops->relative_vjp)
        return;
    const pe_rows all = PE(split_rows)(p, r->drows, N);
    const pe_call c = PE(pe_backward_call)(&r->w, 0, r->m.scratch);
    for (int64_t at = 0; at < N; at += PE_ROWS_AT_ONCE) {
        const int n = (int)(N - at < PE_ROWS_AT_ONCE ? N - at : PE_ROWS_AT_ONCE);
        const int64_t vector = at * heads * p->D;
        double offset[PE_ROWS_AT_ONCE];
        for (int row = 0; row < n; row++)
            offset[row] = (double)(p->first + at + row);
        const pe_rows some = {.bias = all.bias ? all.bias + at * heads : NULL,
                              .query = all.query ? all.query + vector : NULL,
                              .key = all.key ? all.key + vector : NULL,
                              .value = all.value ? all.value + vector : NULL};
        ops->relative_vjp(&c, n, offset, &some);
    }
}

/* ---- softmax and values --------------------------------------------------------------------- */

/* dw into ds, and what values get. */
static void PE(values_backward)(PE(reversed) * r, int64_t b, int h, int64_t i, const pe_real *w,
                                pe_real *ds)
{
    const PE(pe_parts) *p = r->w.p;
    const PE(pe_attention) *a = p->a;
    const int64_t kv = (b * p->kv_heads + h / (p->H / p->kv_heads)) * a->nk;
    const pe_real *dout = r->dout + ((b * p->H + h) * a->nq + i) * p->D;
    for (int64_t j = 0; j < a->nk; j++) {
        ds[j] = 0;
        if (!r->m.allowed[i * a->nk + j])
            continue;
        ds[j] = PE(dot)(dout, p->v + (kv + j) * p->D, p->D);
        pe_add_scaled(r->w.mv + (kv + j) * p->D, w[j], dout, p->D);
        if (!(p->rows & PE_ROWS_VALUE))
            continue;
        pe_rows d;
        const pe_rows rows = PE(take_rows)(r, i, j, h, &d);
        if (rows.value) {
            ds[j] += PE(dot)(dout, rows.value, p->D);
            pe_add_scaled(d.value, w[j], dout, p->D);
        }
        PE(give_rows)(r, i, j);
    }
}

static void PE(softmax_backward)(const PE(reversed) * r, const pe_real *w, int64_t i, pe_real *ds)
{
    const PE(pe_attention) *a = r->w.p->a;
    const unsigned char *allowed = r->m.allowed + i * a->nk;
    pe_real mean = 0;
    if (!(a->instance->info.flags & PE_NO_SOFTMAX_SUM))
        mean = PE(dot)(w, ds, (int)a->nk);
    for (int64_t j = 0; j < a->nk; j++)
        ds[j] = allowed[j] ? w[j] * (ds[j] - mean) : 0;
}

/* ---- logits --------------------------------------------------------------------------------- */

/* A key takes the gradients of all heads that share it. */
static void PE(part_keys)(PE(reversed) * r, int64_t b)
{
    const PE(pe_parts) *p = r->w.p;
    const int64_t keys = p->a->nk * p->D;
    if (!r->djoined_k)
        return;
    for (int h = 0; h < p->H; h++)
        pe_add_scaled(r->w.dk + (b * p->kv_heads + h / (p->H / p->kv_heads)) * keys, 1,
                      r->djoined_k + h * keys, (int)keys);
    memset(r->djoined_k, 0, (size_t)(p->H * keys) * sizeof *r->djoined_k);
}

/* ds to draw, through the twin of `logits`. */
static void PE(logits_backward)(PE(reversed) * r, int64_t b)
{
    const PE(pe_parts) *p = r->w.p;
    const PE(pe_attention) *a = p->a;
    const pe_ops *ops = a->instance->variant->PE_OPS;
    const int64_t pairs = a->nq * a->nk;
    const bool together = (a->instance->info.flags & PE_HEADS_TOGETHER) != 0;
    const pe_call c = PE(pe_backward_call)(&r->w, 0, r->m.scratch);
    if (!ops->logits)
        memcpy(r->draw, r->ds, (size_t)(p->H * pairs) * sizeof *r->draw);
    for (int h = together ? -1 : 0; ops->logits && h < (together ? 0 : p->H); h++) {
        const int64_t head = h < 0 ? 0 : h, kv = head / (p->H / p->kv_heads);
        const pe_tile tile = PE(whole_tile)(p, &r->m, b, h);
        pe_tile_gradient g = {
            .q = r->w.dq + (b * p->H + head) * a->nq * p->D,
            .k = r->djoined_k ? r->djoined_k : r->w.dk + (b * p->kv_heads + kv) * a->nk * p->D,
            .q_state = r->w.dq_state ? r->w.dq_state + b * a->nq * p->S : NULL,
            .k_state = r->w.dk_state ? r->w.dk_state + b * a->nk * p->S : NULL,
        };
        ops->logits_vjp(&c, &tile, r->m.raw + head * pairs, r->ds + head * pairs,
                        r->draw + head * pairs, &g);
    }
    PE(part_keys)(r, b);
    for (int64_t at = 0; at < p->H * pairs; at++)
        if (!r->m.allowed[at % pairs])
            r->draw[at] = 0;
}

static void PE(pair_backward)(PE(reversed) * r, int64_t b)
{
    const PE(pe_parts) *p = r->w.p;
    const pe_ops *ops = p->a->instance->variant->PE_OPS;
    if (!r->m.pair || p->no_pair || !ops->pair_vjp)
        return;
    pe_tile tile = PE(whole_tile)(p, &r->m, b, -1);
    tile.q = tile.k = NULL;
    const pe_call c = PE(pe_backward_call)(&r->w, 0, r->m.scratch);
    ops->pair_vjp(&c, &tile, r->draw);
}

/* One logit's terms; d is draw_ij. */
static void PE(one_logit_backward)(PE(reversed) * r, int64_t b, int h, int64_t i, int64_t j,
                                   pe_real d)
{
    const PE(pe_parts) *p = r->w.p;
    const PE(pe_attention) *a = p->a;
    const pe_setup *s = &a->instance->info;
    const int64_t kv = h / (p->H / p->kv_heads);
    const int64_t at_q = ((b * p->H + h) * a->nq + i) * p->W;
    const int64_t at_k = ((b * p->kv_heads + kv) * a->nk + j) * p->W;
    const pe_real *q = p->q + at_q, *k = p->k + at_k, t = p->scale * d;
    pe_real *dq = r->w.mq + at_q, *dk = r->w.mk + at_k;
    const pe_call c = PE(pe_backward_call)(&r->w, 0, r->m.scratch);
    pe_add_scaled(dq, t, k, p->W);
    pe_add_scaled(dk, t, q, p->W);
    if (p->u) {
        pe_add_scaled(dk, t, p->u + h * p->D, p->D);
        pe_add_scaled(c.g[s->u] + h * p->D, t, k, p->D);
    }
    if (!p->rows)
        return;
    pe_rows g;
    const pe_rows rows = PE(take_rows)(r, i, j, h, &g);
    if (rows.query) {
        pe_add_scaled(dq, t, rows.query, p->D);
        pe_add_scaled(g.query, t, q, p->D);
    }
    if (rows.query && p->vb) {
        pe_add_scaled(g.query, t, p->vb + h * p->D, p->D);
        pe_add_scaled(c.g[s->v] + h * p->D, t, rows.query, p->D);
    }
    if (rows.key) {
        pe_add_scaled(dk, t, rows.key, p->D);
        pe_add_scaled(g.key, t, k, p->D);
    }
    if (rows.bias)
        *g.bias += d;
    PE(give_rows)(r, i, j);
}

/* ---- all together --------------------------------------------------------------------------- */

static void PE(item_backward)(PE(reversed) * r, int64_t b)
{
    const PE(pe_parts) *p = r->w.p;
    const int64_t nq = p->a->nq, nk = p->a->nk;
    PE(repeat_forward)(r, b);
    for (int h = 0; h < p->H; h++)
        for (int64_t i = 0; i < nq; i++) {
            const int64_t row = (h * nq + i) * nk;
            PE(values_backward)(r, b, h, i, r->m.s + row, r->ds + row);
            PE(softmax_backward)(r, r->m.s + row, i, r->ds + row);
        }
    PE(logits_backward)(r, b);
    PE(pair_backward)(r, b);
    for (int h = 0; h < p->H; h++)
        for (int64_t i = 0; i < nq; i++)
            for (int64_t j = 0; j < nk; j++)
                if (r->m.allowed[i * nk + j])
                    PE(one_logit_backward)(r, b, h, i, j, r->draw[(h * nq + i) * nk + j]);
}

pe_status PE(pe_attend_reference_gradient)(const PE(pe_attention) * given,
                                           const PE(pe_attention_gradient) * g, pe_error *err)
{
    PE(pe_attention) a = *given;
    a.logits = a.weights = a.out = a.row_log_sum = a.mapped_q = a.mapped_k = a.states = NULL;
    memset(a.term, 0, sizeof a.term);
    PE(pe_parts) parts;
    PE(reversed) r = {.rows = NULL};
    pe_status status = PE(pe_parts_prepare)(&parts, &a, false, err);
    if (status == PE_OK)
        status = PE(pe_backward_begin)(&r.w, &parts, g, 1, err);
    if (status == PE_OK)
        status = PE(allocate_matrices)(&r.m, &parts, err);
    if (status == PE_OK)
        status = PE(allocate_reversed)(&r, err);
    for (int64_t b = 0; status == PE_OK && r.unmapped && b < a.batch; b++)
        PE(repeat_forward)(&r, b);
    if (status == PE_OK && r.unmapped)
        PE(pe_backward_output)(&r.w, r.unmapped);
    for (int64_t b = 0; status == PE_OK && b < a.batch; b++)
        PE(item_backward)(&r, b);
    if (status == PE_OK) {
        PE(give_table)(&r);
        PE(pe_backward_end)(&r.w);
    }
    PE(release_reversed)(&r);
    PE(pe_parts_release)(&parts);
    return status;
}

#include PE_NEXT("reference_gradient.c")
