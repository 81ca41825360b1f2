/* Tiled attention: blocks of queries and keys, an online softmax (Milakov and Gimelshein 2018,
 * arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135, algorithm 1), so that no array grows with
 * nq * nk. Compiled in three precisions (posenc_pass.h).
 *
 * One work item is (batch item, group of heads, block of queries). A group is one head, or all
 * heads when the variant's `pair` or `logits` hook serves all heads of a tile at once. Items are
 * independent and write disjoint outputs, and what a worker keeps from one item to the next are
 * copies of inputs, so the result has the same bytes at any number of threads. */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/lent.h"
#include "core/backward.h"
#include "core/quad.h"

#include <omp.h>
#include <string.h>

#include "core/tiled_worker.h"

#include "core/tiled_gather.h"
#include "core/tiled_rows.h"
#include "core/tiled_softmax.h"

/* ---- masks ---------------------------------------------------------------------------------- */

#ifdef PE_FIRST
static int within(int64_t x, int most)
{
    return x < 0 ? 0 : x < most ? (int)x : most;
}
#endif

/* One row of the mask: keys low .. high - 1 of the tile, and of those what the index and the given
 * mask let be seen. */
static void PE(mask_query)(const PE(worker) * w, const PE(place) * t, int i, int low, int high,
                           unsigned char *allowed)
{
    const PE(pe_attention) *a = w->p->a;
    const int64_t own = a->q_index[t->i0 + i], *index = a->k_index + t->j0;
    if (a->causal && w->consecutive)
        high = within(own - index[0] + 1, high);
    memset(allowed, 0, (size_t)t->tk);
    if (high > low)
        memset(allowed + low, 1, (size_t)(high - low));
    for (int j = low; a->causal && !w->consecutive && j < high; j++)
        allowed[j] = index[j] <= own;
    const unsigned char *given =
        a->allowed ? a->allowed + (t->b * a->nq + t->i0 + i) * a->nk + t->j0 : NULL;
    for (int j = low; given && j < high; j++)
        allowed[j] = allowed[j] && given[j];
}

/* What the index alone says of a tile of consecutive tokens under a causal mask. */
static bool PE(is_future)(const PE(pe_attention) * a, const PE(place) * t)
{
    return a->k_index[t->j0] > a->q_index[t->i0 + t->tq - 1];
}

static bool PE(is_past)(const PE(pe_attention) * a, const PE(place) * t)
{
    return a->k_index[t->j0 + t->tk - 1] <= a->q_index[t->i0];
}

/* The mask of a tile that is seen whole; one such tile mostly follows another. */
static void PE(fill_with_ones)(PE(worker) * w, size_t pairs)
{
    if (w->ones < pairs)
        memset(w->allowed + w->ones, 1, pairs - w->ones);
    w->ones = w->ones < pairs ? pairs : w->ones;
}

/* Fill the mask of the tile (PE_MAY_SEE, all pairs); false when nothing in it may be seen. Most
 * tiles of a long sequence are seen whole, and t->whole lets the inner loops go without the mask.
 */
static bool PE(fill_mask)(PE(worker) * w, PE(place) * t)
{
    const PE(pe_attention) *a = w->p->a;
    const int low = a->key_starts ? within(a->key_starts[t->b] - t->j0, t->tk) : 0;
    const int high = a->key_lengths ? within(a->key_lengths[t->b] - t->j0, t->tk) : t->tk;
    const size_t pairs = (size_t)t->tq * (size_t)t->tk;
    if (low >= high || (a->causal && w->consecutive && PE(is_future)(a, t)))
        return false;
    t->whole = !a->allowed && low == 0 && high == t->tk &&
               (!a->causal || (w->consecutive && PE(is_past)(a, t)));
    if (t->whole) {
        PE(fill_with_ones)(w, pairs);
        return true;
    }
    w->ones = 0;
    for (int i = 0; i < t->tq; i++)
        PE(mask_query)(w, t, i, low, high, w->allowed + i * t->tk);
    t->whole = !memchr(w->allowed, 0, pairs);
    return t->whole || memchr(w->allowed, 1, pairs);
}

/* ---- logits of a tile -------------------------------------------------------------------------
 */

static void PE(add_rows)(PE(worker) * w, const PE(place) * t, int g, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    if (p->real_offsets) {
        PE(real_rows)(w, t, h, s, NULL, NULL);
        return;
    }
    const pe_real *q = PE(queries_of)(w, t, g, 1);
    const pe_real *k = PE(key_of)(p, p->k, p->W, t->b, h, t->j0);
    if ((p->rows & PE_ROWS_QUERY) && w->steps)
        PE(add_query_rows)(w, t, g, s);
    else if (p->rows & PE_ROWS_QUERY)
        PE(gather_products)(w, t, h, q, false, p->table.query, s);
    if ((p->rows & PE_ROWS_KEY) && w->steps)
        PE(add_key_rows)(w, t, g, s);
    else if (p->rows & PE_ROWS_KEY)
        PE(gather_products)(w, t, h, k, true, p->table.key, s);
    if ((p->rows & PE_ROWS_BIAS) && w->steps)
        PE(add_biases)(w, t, g, s);
    else if (p->rows & PE_ROWS_BIAS)
        PE(gather_biases)(w, t, h, s);
}

static void PE(fill_logits)(PE(worker) * w, const PE(place) * t, int g, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g, pairs = t->tq * t->tk;
    PE_TILE(times_panels)
    (t->tq, t->tk, p->W, p->scale, PE(queries_of)(w, t, g, 0), p->W, PE(packed_keys_of)(w, t, h), s,
     t->tk);
    if (p->rows)
        PE(add_rows)(w, t, g, s);
    if (p->a->instance->variant->PE_OPS->pair && !p->no_pair)
        PE_TILE(add)(s, w->pair + (int64_t)h * pairs, pairs);
}

/* Queries and keys of all heads for a hook that sees them side by side; grouped keys stand once for
 * each of their heads. */
static void PE(join_heads)(const PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const int64_t queries = (int64_t)t->tq * p->D, keys = (int64_t)t->tk * p->D;
    for (int h = 0; h < p->H; h++) {
        memcpy(w->joined_q + h * queries, a->q + ((t->b * p->H + h) * a->nq + t->i0) * p->D,
               (size_t)queries * sizeof *a->q);
        memcpy(w->joined_k + h * keys, PE(key_of)(p, a->k, p->D, t->b, h, t->j0),
               (size_t)keys * sizeof *a->k);
    }
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
        .q = head < 0 ? w->joined_q : a->q + ((t->b * p->H + h) * a->nq + t->i0) * p->D,
        .k = head < 0 ? w->joined_k : PE(key_of)(p, a->k, p->D, t->b, h, t->j0),
        .q_state = p->q_state ? p->q_state + (t->b * a->nq + t->i0) * p->S : NULL,
        .k_state = p->k_state ? p->k_state + (t->b * a->nk + t->j0) * p->S : NULL,
    };
}

/* x (G, tq, tk) = 0 where a pair may not be seen. */
static void PE(clear_masked)(const PE(worker) * w, const PE(place) * t, pe_real *x)
{
    const int pairs = t->tq * t->tk;
    for (int g = 0; !t->whole && g < w->group; g++, x += pairs)
        for (int at = 0; at < pairs; at++)
            x[at] = w->allowed[at] ? x[at] : 0;
}

/* The `logits` hook: it reads 0 where a pair may not be seen. */
static void PE(finish_logits)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const int pairs = t->tq * t->tk;
    const pe_call c = PE(pe_parts_call)(p, w->scratch);
    PE(clear_masked)(w, t, w->raw);
    if (instance->info.flags & PE_HEADS_TOGETHER) {
        PE(join_heads)(w, t);
        const pe_tile tile = PE(tile_for_hooks)(w, t, -1);
        instance->variant->PE_OPS->logits(&c, &tile, w->raw, w->s);
        return;
    }
    for (int g = 0; g < w->group; g++) {
        const pe_tile tile = PE(tile_for_hooks)(w, t, t->head + g);
        const int64_t from = (int64_t)g * pairs;
        instance->variant->PE_OPS->logits(&c, &tile, w->raw + from, w->s + from);
    }
}

/* The pair bias of the tile. It depends on coordinates alone: where all batch items have the same,
 * and the same mask, a worker that comes to the same tile of the next item has it already. */
static void PE(find_pair)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_attention) *a = w->p->a;
    const int64_t tile_number = t->i0 * a->nk + t->j0 + 1;
    const bool alike = !(a->coord_per_batch || a->key_starts || a->key_lengths || a->allowed);
    if (alike && w->pair_tile == tile_number)
        return;
    const pe_call c = PE(pe_parts_call)(w->p, w->scratch);
    pe_tile tile = PE(tile_for_hooks)(w, t, -1);
    tile.q = tile.k = NULL;
    a->instance->variant->PE_OPS->pair(&c, &tile, w->pair);
    w->pair_tile = tile_number;
}

/* Final logits of all heads of the group, in w->s; what stands where a pair may not be seen is
 * nobody's business. */
static void PE(group_logits)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const int64_t pairs = (int64_t)t->tq * t->tk;
    if (ops->pair && !p->no_pair)
        PE(find_pair)(w, t);
    for (int g = 0; g < w->group; g++)
        PE(fill_logits)(w, t, g, (ops->logits ? w->raw : w->s) + g * pairs);
    if (ops->logits)
        PE(finish_logits)(w, t);
    if (instance->formats[PE_AT_LOGITS] != PE_UNROUNDED)
        PE(pe_lend).round((pe_format)instance->formats[PE_AT_LOGITS], (size_t)(w->group * pairs),
                          w->s);
}

/* ---- values --------------------------------------------------------------------------------- */

/* A masked key has weight 0, but 0 times a value that is not finite would be NaN: such a product
 * must not happen, as it does not in the reference. */
static bool PE(are_finite)(const pe_real *x, size_t count)
{
    pe_real zero[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++)
            zero[l] += x[i + (size_t)l] * 0;
    for (; i < count; i++)
        zero[0] += x[i] * 0;
    for (int l = 1; l < LANES; l++)
        zero[0] += zero[l];
    return zero[0] == 0;
}

static void PE(add_plain_values)(PE(worker) * w, const PE(place) * t, int g, const pe_real *weights,
                                 pe_real *acc)
{
    const int D = w->p->D;
    const pe_real *v = PE(key_of)(w->p, w->p->v, D, t->b, t->head + g, t->j0);
    if (w->finite) {
        PE_TILE(add_product)(t->tq, D, t->tk, weights, t->tk, v, D, acc, D);
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++)
            if (w->allowed[i * t->tk + j])
                pe_add_scaled(acc + i * D, weights[i * t->tk + j], v + (int64_t)j * D, D);
}

static void PE(add_values)(PE(worker) * w, const PE(place) * t, int g)
{
    const PE(pe_parts) *p = w->p;
    const pe_real *weights = w->s + (int64_t)g * t->tq * t->tk;
    pe_real *acc = w->acc + g * QUERIES * p->D;
    PE(add_plain_values)(w, t, g, weights, acc);
    if (!(p->rows & PE_ROWS_VALUE))
        return;
    if (p->real_offsets)
        PE(real_rows)(w, t, t->head + g, NULL, weights, acc);
    else if (!w->steps)
        PE(gather_value_rows)(w, t, t->head + g, weights, acc);
    else if (!w->finite)
        PE(add_value_rows_plainly)(w, t, g, weights, acc);
    else
        PE(add_value_rows)(w, t, g, weights, acc);
}

/* ---- one work item ----------------------------------------------------------------------------
 */

/* Rows of the buffers (G, QUERIES, ...) from the first to the last that the item has. */
static size_t PE(rows_in_use)(const PE(worker) * w, const PE(place) * t)
{
    return (size_t)((w->group - 1) * QUERIES + t->tq);
}

static void PE(start_item)(PE(worker) * w, const PE(place) * t)
{
    const size_t group = PE(rows_in_use)(w, t);
    memset(w->sum, 0, group * sizeof *w->sum);
    memset(w->seen, 0, group);
    memset(w->acc, 0, group * (size_t)w->p->D * sizeof *w->acc);
    if (w->band)
        memset(w->band, 0, group * (size_t)w->rows * sizeof *w->band);
    memset(w->query_rows.from, 0, 2 * (size_t)w->group * sizeof *w->query_rows.from);
    PE(map_queries)(w, t);
    PE(shift_queries)(w, t);
}

static void PE(run_item)(PE(worker) * w, int64_t b, int head, int64_t i0)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    PE(place) t = {.b = b, .i0 = i0, .head = head};
    t.tq = (int)(a->nq - i0 < QUERIES ? a->nq - i0 : QUERIES);
    PE(start_item)(w, &t);
    for (t.j0 = 0; t.j0 < a->nk; t.j0 += w->tk) {
        t.tk = (int)(a->nk - t.j0 < w->tk ? a->nk - t.j0 : w->tk);
        if (!PE(fill_mask)(w, &t))
            continue;
        if (w->steps)
            PE(find_columns)(w, &t);
        else if (p->rows && !p->real_offsets)
            PE(find_rows)(w, &t);
        PE(group_logits)(w, &t);
        for (int g = 0; g < w->group; g++) {
            PE(update_softmax)(w, &t, g);
            PE(add_values)(w, &t, g);
        }
    }
    if (w->band && w->finite)
        PE(finish_bands)(w, &t);
    PE(write_out)(w, &t);
}

/* ---- all items ------------------------------------------------------------------------------ */

#ifdef PE_FIRST
static bool consecutive(const int64_t *index, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (index[i] != index[0] + i)
            return false;
    return true;
}
#endif

/* Exchange rows from both ends of a table (N, width). */
static void PE(reverse_rows)(pe_real *table, int64_t N, int64_t width)
{
#pragma omp parallel for
    for (int64_t row = 0; row < N / 2; row++)
        for (int64_t c = 0; c < width; c++) {
            pe_real *a = table + row * width + c, *b = table + (N - 1 - row) * width + c;
            const pe_real x = *a;
            *a = *b;
            *b = x;
        }
}

/* The tables of this call, largest offset first; biases head by head. */
static pe_status PE(reverse_tables)(const PE(pe_parts) * p, int64_t N, pe_real **bias,
                                    pe_error *err)
{
    const int64_t heads = p->a->instance->info.row_heads;
    pe_real *const table[] = {p->table.query, p->table.key, p->table.value};
    for (int m = 0; m < 3; m++)
        if (table[m])
            PE(reverse_rows)(table[m], N, heads * p->D);
    if (!p->table.bias)
        return PE_OK;
    *bias = pe_allocate((size_t)(N * heads), sizeof **bias, "biases by offset", err);
    if (!*bias)
        return PE_MEMORY;
    for (int64_t h = 0; h < heads; h++)
        for (int64_t row = 0; row < N; row++)
            (*bias)[h * N + row] = p->table.bias[(N - 1 - row) * heads + h];
    return PE_OK;
}

static PE(worker) PE(describe_worker)(const PE(pe_parts) * p)
{
    const PE(pe_attention) *a = p->a;
    const pe_instance *instance = a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const bool together =
        (ops->pair && !p->no_pair) || (ops->logits && (instance->info.flags & PE_HEADS_TOGETHER));
    const bool whole = ops->logits && (instance->info.flags & PE_WHOLE_ROWS);
    const bool table = p->rows && !p->real_offsets;
    PE(worker) w = {.p = p, .group = together ? p->H : 1, .tk = whole ? (int)a->nk : KEYS};
    w.tk = w.tk > a->nk ? (int)a->nk : w.tk;
    w.rows = table ? p->last - p->first + 1 : 0;
    w.consecutive = consecutive(a->q_index, a->nq) && consecutive(a->k_index, a->nk);
    w.steps = table && consecutive(p->qi, a->nq) && consecutive(p->kj, a->nk);
    w.wide = QUERIES + w.tk + 2 * PE_PANEL;
    w.packed_tiles = together ? 1 : (int)((a->nk + w.tk - 1) / w.tk);
    const int64_t most = (int64_t)ROWS_PER_PAIR * (QUERIES + w.tk);
    w.span = w.steps ? 0 : (int)(w.rows < most ? w.rows : most);
    return w;
}

static bool PE(values_are_finite)(const PE(pe_parts) * p, int64_t N)
{
    const int64_t heads = (int64_t)p->a->batch * p->kv_heads;
    const size_t per_head = (size_t)p->a->nk * (size_t)p->D;
    bool finite = true;
#pragma omp parallel for reduction(&& : finite)
    for (int64_t h = 0; h < heads; h++)
        finite = finite && PE(are_finite)(p->v + (size_t)h * per_head, per_head);
    const size_t rows = (size_t)(N * p->a->instance->info.row_heads * p->D);
    return finite && (!p->table.value || PE(are_finite)(p->table.value, rows));
}

/* Items of one head go to one worker in long runs, which packs the head's keys once; but every
 * worker should get several runs, since with a causal mask items differ. */
static int PE(run_length)(int64_t items, int64_t blocks)
{
    const int64_t fair = items / (4 * omp_get_max_threads());
    return (int)(fair < 1 ? 1 : fair < blocks ? fair : blocks);
}

/* Has somebody asked to stop? The first worker who hears it tells all. */
static bool PE(is_stopped)(const PE(pe_attention) * a, pe_status *stop, pe_error *err)
{
    pe_status now;
    pe_error own = {0};
#pragma omp atomic read
    now = *stop;
    if (now != PE_OK || !a->check)
        return now != PE_OK;
    now = a->check(&own);
    if (now != PE_OK) {
#pragma omp critical
        *stop = pe_fail(err, now, "%s", own.text);
    }
    return now != PE_OK;
}

static pe_status PE(run_items)(const PE(worker) * kind, pe_error *err)
{
    const PE(pe_attention) *a = kind->p->a;
    const int64_t blocks = (a->nq + QUERIES - 1) / QUERIES, groups = kind->p->H / kind->group;
    const int64_t items = a->batch * groups * blocks;
    const int run = PE(run_length)(items, blocks);
    pe_status status = PE_OK, stop = PE_OK;
#pragma omp parallel
    {
        PE(worker) w = *kind;
        pe_error own = {0};
        if (PE(worker_start)(&w, &own) != PE_OK) {
#pragma omp critical
            status = pe_fail(err, PE_MEMORY, "%s", own.text);
        }
#pragma omp barrier
        if (status == PE_OK) {
#pragma omp for schedule(dynamic, run)
            for (int64_t item = 0; item < items; item++) {
                if (PE(is_stopped)(a, &stop, err))
                    continue;
                const int64_t block = blocks - 1 - item % blocks, rest = item / blocks;
                PE(run_item)
                (&w, rest / groups, (int)(rest % groups) * kind->group, block * QUERIES);
            }
        }
        PE(worker_end)(&w);
    }
    return status == PE_OK ? stop : status;
}

static pe_status PE(attend)(const PE(pe_parts) * p, pe_error *err)
{
    PE(worker) kind = PE(describe_worker)(p);
    pe_real *bias = NULL;
    pe_status status = kind.steps ? PE(reverse_tables)(p, kind.rows, &bias, err) : PE_OK;
    kind.bias = bias;
    kind.finite = PE(values_are_finite)(p, kind.rows);
    if (status == PE_OK)
        status = PE(run_items)(&kind, err);
    pe_release(bias);
    return status;
}

static pe_status PE(check_tiled)(const PE(pe_attention) * a, pe_error *err)
{
    if (a->instance->formats[PE_AT_WEIGHTS] != PE_UNROUNDED)
        return pe_fail(err, PE_USAGE,
                       "tiled attention never stores the weights, so they cannot be rounded there; "
                       "use the reference method");
    if (a->logits || a->weights)
        return pe_fail(err, PE_USAGE,
                       "tiled attention keeps no whole matrix of logits or weights; use the "
                       "reference method");
    return PE_OK;
}

pe_status PE(pe_attend_tiled)(const PE(pe_attention) * a, pe_error *err)
{
    PE(pe_parts) parts;
    pe_status status = PE(check_tiled)(a, err);
    if (status != PE_OK)
        return status;
    status = PE(pe_parts_prepare)(&parts, a, true, err);
    if (status == PE_OK)
        status = PE(attend)(&parts, err);
    if (status == PE_OK)
        PE(pe_finish_output)(&parts);
    PE(pe_parts_release)(&parts);
    return status;
}

#include "core/tiled_pullback.h"
#include "core/tiled_pullrows.h"

#include "core/tiled_gradient.h"

#include PE_NEXT("tiled.c")
