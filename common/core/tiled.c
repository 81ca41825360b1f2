/* Tiled attention: blocks of queries and keys, an online softmax (Milakov and Gimelshein 2018,
 * arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135, algorithm 1), so that no array grows with
 * nq * nk. Compiled in three precisions (posenc_pass.h).
 *
 * One work item is (batch item, group of heads, block of queries). A group is one head, or all
 * heads when the variant's `pair` or `logits` hook serves all heads of a tile at once. Items are
 * independent and write disjoint outputs, so the result has the same bytes at any number of
 * threads. */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/lent.h"
#include "core/parts.h"
#include "core/quad.h"

#include <omp.h>
#include <string.h>

#ifdef PE_FIRST
enum {
    QUERIES = 64,     /* rows of a tile */
    KEYS = 128,       /* columns of a tile */
    LANES = 8,        /* partial results of a row, so that it can be done in vector registers */
    ROWS_PER_PAIR = 4 /* a tile whose offsets span more rows than this times its sides gathers */
};
#endif

/* Buffers of one worker. Sizes: G heads in a group, tk columns of a tile. */
typedef struct PE(worker) {
    const PE(pe_parts) * p;
    int group, tk, span;    /* span: most rows of the relative table that a tile's products cover */
    unsigned char *allowed; /* (QUERIES, tk) */
    int32_t *row;           /* (QUERIES, tk) row of each pair, from the span's first, or PE_NONE */
    pe_real *raw, *s;       /* (G, QUERIES, tk) */
    pe_real *pair;          /* (H, QUERIES, tk) */
    pe_real *shifted;       /* (QUERIES, W) q + u or q + v */
    pe_real *products;      /* (max(QUERIES, tk), span) vectors times rows, or weights by row */
    pe_real *sum, *largest; /* (G, QUERIES) */
    pe_real *acc;           /* (G, QUERIES, D) */
    pe_real *rows;          /* rows of PE_ROWS_AT_ONCE real offsets */
    pe_real *scratch;
    void *block;
} PE(worker);

/* The tile in hand. */
typedef struct PE(place) {
    int64_t b, i0, j0;
    int head, tq, tk;          /* head: first of the group */
    bool whole;                /* every pair may be seen */
    int64_t row_low, row_high; /* table rows that the tile's offsets span */
} PE(place);

/* ---- memory -------------------------------------------------------------------------------- */

static size_t PE(worker_numbers)(const PE(worker) * w)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const size_t tile = (size_t)QUERIES * (size_t)w->tk, group = (size_t)w->group;
    const size_t side = (size_t)(w->tk > QUERIES ? w->tk : QUERIES);
    size_t count = 2 * group * tile + (size_t)QUERIES * (size_t)p->W;
    count += instance->variant->PE_OPS->pair ? (size_t)p->H * tile : 0;
    count += side * (size_t)w->span;
    count += group * (size_t)QUERIES * (2 + (size_t)p->D);
    count += p->real_offsets ? (size_t)PE_ROWS_AT_ONCE * (size_t)(3 * p->D + 1) *
                                   (size_t)instance->info.row_heads
                             : 0;
    return count + instance->info.scratch;
}

static pe_status PE(worker_start)(PE(worker) * w, pe_error *err)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const size_t tile = (size_t)QUERIES * (size_t)w->tk, group = (size_t)w->group;
    const size_t side = (size_t)(w->tk > QUERIES ? w->tk : QUERIES);
    pe_real *at = pe_allocate(PE(worker_numbers)(w), sizeof *at, "tiles", err);
    w->block = at;
    w->allowed = at ? pe_allocate(tile, 1, "mask of a tile", err) : NULL;
    w->row = w->allowed ? pe_allocate(tile, sizeof *w->row, "rows of a tile", err) : NULL;
    if (!w->row)
        return PE_MEMORY;
    w->raw = at;
    w->s = w->raw + group * tile;
    w->shifted = w->s + group * tile;
    w->products = w->shifted + QUERIES * p->W;
    w->sum = w->products + side * (size_t)w->span;
    w->largest = w->sum + w->group * QUERIES;
    w->acc = w->largest + w->group * QUERIES;
    w->scratch = w->acc + w->group * QUERIES * p->D;
    w->rows = w->scratch + instance->info.scratch;
    w->pair = w->rows +
              (p->real_offsets ? PE_ROWS_AT_ONCE * (3 * p->D + 1) * instance->info.row_heads : 0);
    return PE_OK;
}

static void PE(worker_end)(PE(worker) * w)
{
    pe_release(w->block);
    pe_release(w->allowed);
    pe_release(w->row);
}

/* ---- masks and places -------------------------------------------------------------------------
 */

/* Fill the mask of the tile; false when nothing in it may be seen. Most tiles of a long sequence
 * are seen whole, and t->whole lets the inner loops go without the mask. */
static bool PE(fill_mask)(PE(worker) * w, PE(place) * t)
{
    const PE(pe_attention) *a = w->p->a;
    const int pairs = t->tq * t->tk;
    int seen = 0;
    t->whole = !a->causal && !a->key_starts && !a->key_lengths && !a->allowed;
    if (t->whole) {
        memset(w->allowed, 1, (size_t)pairs);
        return true;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            unsigned char may = PE_MAY_SEE(a, t->b, t->i0 + i, t->j0 + j);
            w->allowed[i * t->tk + j] = may;
            seen += may;
        }
    t->whole = seen == pairs;
    return seen > 0;
}

static const pe_real *PE(query_of)(const PE(pe_parts) * p, int64_t b, int h, int64_t i)
{
    return p->q + ((b * p->H + h) * p->a->nq + i) * p->W;
}

static const pe_real *PE(key_of)(const PE(pe_parts) * p, const pe_real *k, int width, int64_t b,
                                 int h, int64_t j)
{
    return k + ((b * p->kv_heads + h / (p->H / p->kv_heads)) * p->a->nk + j) * width;
}

/* First and last table row that pairs of the tile can name. */
static void PE(find_span)(const PE(pe_parts) * p, PE(place) * t)
{
    int64_t qlow = p->qi[t->i0], qhigh = qlow, klow = p->kj[t->j0], khigh = klow;
    for (int i = 1; i < t->tq; i++) {
        int64_t x = p->qi[t->i0 + i];
        qlow = x < qlow ? x : qlow;
        qhigh = x > qhigh ? x : qhigh;
    }
    for (int j = 1; j < t->tk; j++) {
        int64_t x = p->kj[t->j0 + j];
        klow = x < klow ? x : klow;
        khigh = x > khigh ? x : khigh;
    }
    int64_t low = qlow - khigh, high = qhigh - klow;
    low = low < p->first ? p->first : low > p->last ? p->last : low;
    high = high < p->first ? p->first : high > p->last ? p->last : high;
    t->row_low = low - p->first;
    t->row_high = high - p->first;
}

/* The row of each pair, once for all products of the tile. A pair that may not be seen can lie
 * outside the table, and gets none. */
static void PE(find_rows)(PE(worker) * w, PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_setup *info = &p->a->instance->info;
    PE(find_span)(p, t);
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int at = i * t->tk + j;
            const int64_t offset = p->qi[t->i0 + i] - p->kj[t->j0 + j];
            const int64_t row = w->allowed[at] ? pe_row_of(info, p->first, offset) : PE_NONE;
            w->row[at] = row == PE_NONE ? PE_NONE : (int32_t)(row - t->row_low);
        }
}

/* All pairs of the tile have one and the same row: beyond the clipping distance most tiles do. */
static bool PE(one_row)(const PE(pe_parts) * p, const PE(place) * t)
{
    return t->whole && t->row_low == t->row_high && p->a->instance->info.edge == PE_EDGE_REPEAT;
}

/* ---- logits of a tile
 * ---------------------------------------------------------------------------- */

static const pe_real *PE(with_vector)(PE(worker) * w, const PE(place) * t, int h,
                                      const pe_real *add)
{
    const PE(pe_parts) *p = w->p;
    const pe_real *q = PE(query_of)(p, t->b, h, t->i0);
    if (!add)
        return q;
    for (int i = 0; i < t->tq; i++)
        for (int c = 0; c < p->W; c++)
            w->shifted[i * p->W + c] = q[(int64_t)i * p->W + c] + add[h * p->D + c];
    return w->shifted;
}

/* s += scale * vectors . rows, gathered by offset: one product with all rows that the tile's
 * offsets span, then one look-up per pair. by_key: the vectors belong to keys. */
static void PE(add_row_products)(PE(worker) * w, const PE(place) * t, int h, const pe_real *vectors,
                                 bool by_key, const pe_real *table, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    const int span = (int)(t->row_high - t->row_low + 1), side = by_key ? t->tk : t->tq;
    const pe_real *rows = table + (t->row_low * heads + head) * p->D;
    const bool gathered = span > w->span;
    if (!gathered)
        PE(pe_lend).gemm(false, true, side, span, p->D, 1, vectors, p->D, rows, heads * p->D, 0,
                         w->products, span);
    if (PE(one_row)(p, t)) {
        for (int i = 0; i < t->tq; i++)
            for (int j = 0; j < t->tk; j++)
                s[i * t->tk + j] += p->scale * w->products[by_key ? j : i];
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row == PE_NONE)
                continue;
            const int64_t vector = by_key ? j : i;
            pe_real product = 0;
            if (gathered)
                for (int c = 0; c < p->D; c++)
                    product += vectors[vector * p->D + c] * rows[row * heads * p->D + c];
            else
                product = w->products[vector * span + row];
            s[i * t->tk + j] += p->scale * product;
        }
}

static void PE(add_biases)(PE(worker) * w, const PE(place) * t, int h, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row != PE_NONE)
                s[i * t->tk + j] += p->table.bias[(t->row_low + row) * heads + head];
        }
}

/* Rows at real offsets: asked for pair by pair, PE_ROWS_AT_ONCE keys of one query in a call. Does
 * the logit's terms, or with `weights` the value's, into out (tq, D). */
static void PE(real_rows)(PE(worker) * w, const PE(place) * t, int h, pe_real *s,
                          const pe_real *weights, pe_real *out)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const pe_setup *info = &a->instance->info;
    const int heads = info->row_heads, head = heads == 1 ? 0 : h, wide = heads * p->D;
    const pe_call c = PE(pe_parts_call)(p, w->scratch);
    pe_rows rows = {.query = p->rows & PE_ROWS_QUERY ? w->rows : NULL,
                    .key = p->rows & PE_ROWS_KEY ? w->rows + PE_ROWS_AT_ONCE * wide : NULL,
                    .value = p->rows & PE_ROWS_VALUE ? w->rows + 2 * PE_ROWS_AT_ONCE * wide : NULL,
                    .bias = p->rows & PE_ROWS_BIAS ? w->rows + 3 * PE_ROWS_AT_ONCE * wide : NULL};
    for (int i = 0; i < t->tq; i++)
        for (int j0 = 0; j0 < t->tk; j0 += PE_ROWS_AT_ONCE) {
            double offset[PE_ROWS_AT_ONCE];
            bool inside[PE_ROWS_AT_ONCE];
            int n = 0;
            for (; n < PE_ROWS_AT_ONCE && j0 + n < t->tk; n++) {
                double x = a->q_coord[t->i0 + i] - a->k_coord[t->j0 + j0 + n];
                inside[n] = info->edge == PE_EDGE_REPEAT ||
                            (x >= (double)info->low && x <= (double)info->high);
                offset[n] = fmin(fmax(x, (double)info->low), (double)info->high);
            }
            a->instance->variant->PE_OPS->relative(&c, n, offset, &rows);
            if (a->instance->formats[PE_AT_ROWS] != PE_UNROUNDED)
                PE(pe_lend).round((pe_format)a->instance->formats[PE_AT_ROWS],
                                  (size_t)(PE_ROWS_AT_ONCE * (3 * wide + heads)), w->rows);
            const pe_real *q = PE(query_of)(p, t->b, h, t->i0 + i);
            for (int m = 0; m < n; m++) {
                const int64_t at = (int64_t)i * t->tk + j0 + m;
                if (!w->allowed[at] || !inside[m])
                    continue;
                const int64_t vector = (int64_t)(m * heads + head) * p->D;
                if (weights) {
                    pe_add_scaled(out + (int64_t)i * p->D, weights[at], rows.value + vector, p->D);
                    continue;
                }
                const pe_real *k = PE(key_of)(p, p->k, p->W, t->b, h, t->j0 + j0 + m);
                pe_real product = 0;
                for (int d = 0; d < p->D; d++) {
                    if (rows.query)
                        product +=
                            (q[d] + (p->vb ? p->vb[h * p->D + d] : 0)) * rows.query[vector + d];
                    if (rows.key)
                        product += k[d] * rows.key[vector + d];
                }
                s[at] += p->scale * product + (rows.bias ? rows.bias[m * heads + head] : 0);
            }
        }
}

static void PE(fill_logits)(PE(worker) * w, const PE(place) * t, int h, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    PE(pe_lend).gemm(false, true, t->tq, t->tk, p->W, p->scale, PE(with_vector)(w, t, h, p->u),
                     p->W, PE(key_of)(p, p->k, p->W, t->b, h, t->j0), p->W, 0, s, t->tk);
    if (p->real_offsets)
        PE(real_rows)(w, t, h, s, NULL, NULL);
    else {
        if (p->rows & PE_ROWS_QUERY)
            PE(add_row_products)
        (w, t, h, PE(with_vector)(w, t, h, p->vb), false, p->table.query, s);
        if (p->rows & PE_ROWS_KEY)
            PE(add_row_products)
        (w, t, h, PE(key_of)(p, p->k, p->W, t->b, h, t->j0), true, p->table.key, s);
        if (p->rows & PE_ROWS_BIAS)
            PE(add_biases)(w, t, h, s);
    }
    if (p->a->instance->variant->PE_OPS->pair && !p->no_pair)
        for (int64_t at = 0; at < (int64_t)t->tq * t->tk; at++)
            s[at] += w->pair[(int64_t)h * t->tq * t->tk + at];
    for (int64_t at = 0; !t->whole && at < (int64_t)t->tq * t->tk; at++)
        if (!w->allowed[at])
            s[at] = 0;
}

static pe_tile PE(tile_for_hooks)(const PE(worker) * w, const PE(place) * t, int head)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const int h = head < 0 ? 0 : head;
    return (pe_tile){
        .nq = t->tq,
        .nk = t->tk,
        .head = head,
        .qi = a->q_index + t->i0,
        .kj = a->k_index + t->j0,
        .qx = a->q_coord + ((a->coord_per_batch ? t->b * a->nq : 0) + t->i0) * p->axes,
        .kx = a->k_coord + ((a->coord_per_batch ? t->b * a->nk : 0) + t->j0) * p->axes,
        .allowed = w->allowed,
        .q = a->q + ((t->b * p->H + h) * a->nq + t->i0) * p->D,
        .k = PE(key_of)(p, a->k, p->D, t->b, h, t->j0),
        .q_state = p->q_state ? p->q_state + (t->b * a->nq + t->i0) * p->S : NULL,
        .k_state = p->k_state ? p->k_state + (t->b * a->nk + t->j0) * p->S : NULL,
    };
}

/* Final logits of all heads of the group, in w->s. */
static void PE(group_logits)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const int64_t pairs = (int64_t)t->tq * t->tk;
    const pe_call c = PE(pe_parts_call)(p, w->scratch);
    if (ops->pair && !p->no_pair) {
        pe_tile tile = PE(tile_for_hooks)(w, t, -1);
        tile.q = tile.k = NULL;
        ops->pair(&c, &tile, w->pair);
    }
    for (int g = 0; g < w->group; g++)
        PE(fill_logits)(w, t, t->head + g, (ops->logits ? w->raw : w->s) + g * pairs);
    if (ops->logits && (instance->info.flags & PE_HEADS_TOGETHER)) {
        const pe_tile tile = PE(tile_for_hooks)(w, t, -1);
        ops->logits(&c, &tile, w->raw, w->s);
    } else if (ops->logits)
        for (int g = 0; g < w->group; g++) {
            const pe_tile tile = PE(tile_for_hooks)(w, t, t->head + g);
            ops->logits(&c, &tile, w->raw + g * pairs, w->s + g * pairs);
        }
    if (instance->formats[PE_AT_LOGITS] != PE_UNROUNDED)
        PE(pe_lend).round((pe_format)instance->formats[PE_AT_LOGITS], (size_t)(w->group * pairs),
                          w->s);
}

/* ---- online softmax and values
 * ------------------------------------------------------------------------ */

/* Largest of n numbers. NaN is not taken: it comes back through exp and the sum. Lanes, because one
 * running maximum would make every step wait for the last; the result is the same in any order. */
static pe_real PE(largest_of)(const pe_real *x, int n)
{
    pe_real lane[LANES];
    int j = 0;
    for (int l = 0; l < LANES; l++)
        lane[l] = x[0];
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
    for (; j < n; j++)
        lane[0] = x[j] > lane[0] ? x[j] : lane[0];
    for (int l = 1; l < LANES; l++)
        lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
    return lane[0];
}

/* x = exp(x - top), and the sum, in a fixed order of lanes. */
static pe_real PE(exponentiate)(pe_real *x, int n, pe_real top)
{
    pe_real lane[LANES] = {0};
    for (int j = 0; j < n; j++)
        x[j] = pe_exp(x[j] - top);
    for (int j = 0; j < n; j++)
        lane[j % LANES] += x[j];
    for (int l = 1; l < LANES; l++)
        lane[0] += lane[l];
    return lane[0];
}

static pe_real PE(largest_allowed)(const pe_real *x, const unsigned char *allowed, int n, bool *any)
{
    pe_real largest = 0;
    for (int j = 0; j < n; j++)
        if (allowed[j] && (!*any || x[j] > largest)) {
            largest = x[j];
            *any = true;
        }
    return largest;
}

static pe_real PE(exponentiate_allowed)(pe_real *x, const unsigned char *allowed, int n,
                                        pe_real top)
{
    pe_real sum = 0;
    for (int j = 0; j < n; j++) {
        x[j] = allowed[j] ? pe_exp(x[j] - top) : 0;
        sum += x[j];
    }
    return sum;
}

/* Turn the tile's logits into weights relative to the largest so far, and rescale what was gathered
 * before. */
static void PE(update_softmax)(PE(worker) * w, const PE(place) * t, int g)
{
    const PE(pe_parts) *p = w->p;
    const bool divide = !(p->a->instance->info.flags & PE_NO_SOFTMAX_SUM);
    pe_real *s = w->s + (int64_t)g * t->tq * t->tk;
    for (int i = 0; i < t->tq; i++) {
        pe_real *largest = &w->largest[g * QUERIES + i], *sum = &w->sum[g * QUERIES + i];
        pe_real *row = s + (int64_t)i * t->tk, *acc = w->acc + (g * QUERIES + i) * p->D;
        const unsigned char *allowed = w->allowed + (int64_t)i * t->tk;
        bool any = t->whole;
        pe_real top =
            t->whole ? PE(largest_of)(row, t->tk) : PE(largest_allowed)(row, allowed, t->tk, &any);
        if (!any) {
            memset(row, 0, (size_t)t->tk * sizeof *row);
            continue;
        }
        if (*sum != 0 && !(top > *largest))
            top = *largest;
        if (!divide)
            top = 0;
        if (*sum != 0 && top != *largest) {
            const pe_real shrink = pe_exp(*largest - top);
            *sum *= shrink;
            for (int c = 0; c < p->D; c++)
                acc[c] *= shrink;
        }
        *largest = top;
        *sum += t->whole ? PE(exponentiate)(row, t->tk, top)
                         : PE(exponentiate_allowed)(row, allowed, t->tk, top);
    }
}

/* acc += weights . rows of the value, by offset: sum the weights of each row, then one product. */
static void PE(add_value_rows)(PE(worker) * w, const PE(place) * t, int h, const pe_real *weights,
                               pe_real *acc)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    const int span = (int)(t->row_high - t->row_low + 1);
    const pe_real *rows = p->table.value + (t->row_low * heads + head) * p->D;
    const bool gathered = span > w->span;
    if (PE(one_row)(p, t)) {
        for (int i = 0; i < t->tq; i++) {
            pe_real total = 0;
            for (int j = 0; j < t->tk; j++)
                total += weights[i * t->tk + j];
            pe_add_scaled(acc + i * p->D, total, rows, p->D);
        }
        return;
    }
    if (!gathered)
        memset(w->products, 0, (size_t)t->tq * (size_t)span * sizeof *w->products);
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row == PE_NONE)
                continue;
            if (gathered)
                pe_add_scaled(acc + i * p->D, weights[i * t->tk + j], rows + row * heads * p->D,
                              p->D);
            else
                w->products[i * span + row] += weights[i * t->tk + j];
        }
    if (!gathered)
        PE(pe_lend).gemm(false, false, t->tq, p->D, span, 1, w->products, span, rows, heads * p->D,
                         1, acc, p->D);
}

static void PE(add_values)(PE(worker) * w, const PE(place) * t, int g)
{
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    const pe_real *weights = w->s + (int64_t)g * t->tq * t->tk;
    pe_real *acc = w->acc + g * QUERIES * p->D;
    PE(pe_lend).gemm(false, false, t->tq, p->D, t->tk, 1, weights, t->tk,
                     PE(key_of)(p, p->v, p->D, t->b, h, t->j0), p->D, 1, acc, p->D);
    if ((p->rows & PE_ROWS_VALUE) && p->real_offsets)
        PE(real_rows)(w, t, h, NULL, weights, acc);
    else if (p->rows & PE_ROWS_VALUE)
        PE(add_value_rows)(w, t, h, weights, acc);
}

/* A masked key has weight 0, but 0 times a NaN value would still be NaN: such a product must not
 * happen, as it does not in the reference. */
static bool PE(values_are_finite)(const PE(pe_parts) * p)
{
    const size_t count =
        (size_t)p->a->batch * (size_t)p->kv_heads * (size_t)p->a->nk * (size_t)p->D;
    for (size_t i = 0; i < count; i++)
        if (p->v[i] - p->v[i] != 0)
            return false;
    return true;
}

static void PE(add_values_plainly)(PE(worker) * w, const PE(place) * t, int g)
{
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    const pe_real *weights = w->s + (int64_t)g * t->tq * t->tk;
    const pe_real *v = PE(key_of)(p, p->v, p->D, t->b, h, t->j0);
    pe_real *acc = w->acc + g * QUERIES * p->D;
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++)
            if (w->allowed[i * t->tk + j])
                pe_add_scaled(acc + i * p->D, weights[i * t->tk + j], v + (int64_t)j * p->D, p->D);
    if ((p->rows & PE_ROWS_VALUE) && p->real_offsets)
        PE(real_rows)(w, t, h, NULL, weights, acc);
    else if (p->rows & PE_ROWS_VALUE)
        PE(add_value_rows)(w, t, h, weights, acc);
}

static void PE(write_out)(const PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const bool divide = !(p->a->instance->info.flags & PE_NO_SOFTMAX_SUM);
    for (int g = 0; g < w->group; g++)
        for (int i = 0; i < t->tq; i++) {
            const pe_real sum = w->sum[g * QUERIES + i];
            const pe_real *acc = w->acc + (g * QUERIES + i) * p->D;
            pe_real *out = p->a->out + ((t->b * p->H + t->head + g) * p->a->nq + t->i0 + i) * p->D;
            for (int c = 0; c < p->D; c++)
                out[c] = sum == 0 ? 0 : divide ? acc[c] / sum : acc[c];
        }
}

/* ---- one work item
 * ------------------------------------------------------------------------------------ */

static void PE(run_item)(PE(worker) * w, int64_t b, int head, int64_t i0, bool finite)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    PE(place) t = {.b = b, .i0 = i0, .head = head};
    t.tq = (int)(a->nq - i0 < QUERIES ? a->nq - i0 : QUERIES);
    memset(w->sum, 0, (size_t)(w->group * QUERIES) * sizeof *w->sum);
    memset(w->acc, 0, (size_t)(w->group * QUERIES * p->D) * sizeof *w->acc);
    for (t.j0 = 0; t.j0 < a->nk; t.j0 += w->tk) {
        t.tk = (int)(a->nk - t.j0 < w->tk ? a->nk - t.j0 : w->tk);
        if (!PE(fill_mask)(w, &t))
            continue;
        if (p->rows && !p->real_offsets)
            PE(find_rows)(w, &t);
        PE(group_logits)(w, &t);
        for (int g = 0; g < w->group; g++) {
            PE(update_softmax)(w, &t, g);
            if (finite)
                PE(add_values)(w, &t, g);
            else
                PE(add_values_plainly)(w, &t, g);
        }
    }
    PE(write_out)(w, &t);
}

static PE(worker) PE(describe_worker)(const PE(pe_parts) * p)
{
    const pe_instance *instance = p->a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const bool together =
        (ops->pair && !p->no_pair) || (ops->logits && (instance->info.flags & PE_HEADS_TOGETHER));
    const bool whole = ops->logits && (instance->info.flags & PE_WHOLE_ROWS);
    PE(worker) w = {.p = p, .group = together ? p->H : 1, .tk = whole ? (int)p->a->nk : KEYS};
    w.tk = w.tk > p->a->nk ? (int)p->a->nk : w.tk;
    int64_t span = p->rows && !p->real_offsets ? p->last - p->first + 1 : 0;
    int64_t most = (int64_t)ROWS_PER_PAIR * (QUERIES + w.tk);
    w.span = (int)(span < most ? span : most);
    return w;
}

static pe_status PE(run_items)(const PE(pe_parts) * p, pe_error *err)
{
    const PE(pe_attention) *a = p->a;
    const PE(worker) kind = PE(describe_worker)(p);
    const int64_t blocks = (a->nq + QUERIES - 1) / QUERIES, groups = p->H / kind.group;
    const int64_t items = a->batch * groups * blocks;
    const bool finite = PE(values_are_finite)(p);
    pe_status status = PE_OK;
#pragma omp parallel
    {
        PE(worker) w = kind;
        pe_error own = {0};
        if (PE(worker_start)(&w, &own) != PE_OK) {
#pragma omp critical
            status = pe_fail(err, PE_MEMORY, "%s", own.text);
        }
#pragma omp barrier
        if (status == PE_OK) {
#pragma omp for schedule(dynamic)
            for (int64_t item = 0; item < items; item++) {
                const int64_t block = blocks - 1 - item % blocks, rest = item / blocks;
                PE(run_item)
                (&w, rest / groups, (int)(rest % groups) * kind.group, block * QUERIES, finite);
            }
        }
        PE(worker_end)(&w);
    }
    return status;
}

pe_status PE(pe_attend_tiled)(const PE(pe_attention) * a, pe_error *err)
{
    if (a->instance->formats[PE_AT_WEIGHTS] != PE_UNROUNDED)
        return pe_fail(err, PE_USAGE,
                       "tiled attention never stores the weights, so they cannot be rounded there; "
                       "use the reference method");
    if (a->logits || a->weights)
        return pe_fail(err, PE_USAGE,
                       "tiled attention keeps no whole matrix of logits or weights; use the "
                       "reference method");
    PE(pe_parts) parts;
    pe_status status = PE(pe_parts_prepare)(&parts, a, err);
    if (status == PE_OK)
        status = PE(run_items)(&parts, err);
    if (status == PE_OK)
        PE(pe_finish_output)(&parts);
    PE(pe_parts_release)(&parts);
    return status;
}

#include PE_NEXT("tiled.c")
