/* Prepare one attention call: states, mapped queries, keys and values, the table of relative rows.
 * Compiled in three precisions (posenc_pass.h). */
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
enum { OWN_Q, OWN_K, OWN_V, OWN_STATE, OWN_QSTATE, OWN_INDEX, OWN_TABLE, OWN_SCRATCH, OWN_OUTPUT };

const char *pe_term_name(pe_term term)
{
    static const char *const names[PE_TERM_COUNT] = {"content",     "query rows", "global content",
                                                     "global rows", "key rows",   "bias",
                                                     "pair",        "logits hook"};
    return names[term];
}

int64_t pe_slot_of_index(const int64_t *k_index, int64_t nk, int64_t index, int64_t from)
{
    for (int64_t tried = 0, j = from; tried < nk; tried++, j = (j + 1) % nk)
        if (k_index[j] == index)
            return j;
    return PE_NONE;
}

static int64_t least(const int64_t *x, int64_t n)
{
    int64_t found = x[0];
    for (int64_t i = 1; i < n; i++)
        found = x[i] < found ? x[i] : found;
    return found;
}

static int64_t most(const int64_t *x, int64_t n)
{
    int64_t found = x[0];
    for (int64_t i = 1; i < n; i++)
        found = x[i] > found ? x[i] : found;
    return found;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static bool all_whole(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] != floor(x[i]) || fabs(x[i]) > 0x1p53)
            return false;
    return true;
}
#endif

pe_call PE(pe_parts_call)(const PE(pe_parts) * parts, pe_real *scratch)
{
    pe_call c = PE(pe_instance_call)(parts->a->instance, parts->a->nk);
    c.scratch = scratch;
    return c;
}

pe_call PE(pe_parts_own_call)(const PE(pe_parts) * parts)
{
    return PE(pe_parts_call)(parts, parts->scratch + (size_t)omp_get_thread_num() *
                                                         parts->a->instance->info.scratch);
}

static pe_real *PE(own)(PE(pe_parts) * parts, int slot, size_t count, const char *what,
                        pe_error *err)
{
    parts->owned[slot] = pe_allocate_unset(count, sizeof(pe_real), what, err);
    return parts->owned[slot];
}

/* ---- states --------------------------------------------------------------------------------- */

static void PE(run_state)(const PE(pe_parts) * parts, int64_t b, pe_real *out)
{
    const PE(pe_attention) *a = parts->a;
    const pe_call c = PE(pe_parts_call)(parts, parts->scratch);
    const size_t nk = (size_t)a->nk, width = (size_t)parts->D;
    const bool same = a->nq == a->nk;
    const pe_run run = {
        .n = (int)a->nk,
        .index = a->k_index,
        .coord = a->k_coord + (a->coord_per_batch ? (size_t)b * nk * (size_t)parts->axes : 0),
        .x = a->x ? a->x + (size_t)b * nk * (size_t)a->instance->dims.model_dim : NULL,
        .q = same ? a->q + (size_t)b * (size_t)parts->H * nk * width : NULL,
        .k = a->k + (size_t)b * (size_t)parts->kv_heads * nk * width,
    };
    a->instance->variant->PE_OPS->state(&c, &run, out);
}

/* The state of a query is that of the key slot with the same index: queries are tokens, too. */
static pe_status PE(gather_query_states)(PE(pe_parts) * parts, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    const size_t S = (size_t)parts->S;
    pe_real *out =
        PE(own)(parts, OWN_QSTATE, (size_t)a->batch * (size_t)a->nq * S, "query states", err);
    if (!out)
        return PE_MEMORY;
    parts->q_state = out;
    for (int64_t i = 0, j = 0; i < a->nq; i++) {
        j = pe_slot_of_index(a->k_index, a->nk, a->q_index[i], j);
        if (j == PE_NONE)
            return pe_fail(err, PE_USAGE,
                           "%s: query %lld has index %lld, but no key has it, so it has no state",
                           a->instance->variant->id, (long long)i, (long long)a->q_index[i]);
        for (int64_t b = 0; b < a->batch; b++)
            memcpy(out + (size_t)(b * a->nq + i) * S, parts->k_state + (size_t)(b * a->nk + j) * S,
                   S * sizeof *out);
    }
    return PE_OK;
}

static pe_status PE(prepare_states)(PE(pe_parts) * parts, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    if (parts->S == 0)
        return PE_OK;
    if (a->cross)
        return pe_fail(err, PE_USAGE, "%s keeps a state along one sequence: no cross-attention",
                       a->instance->variant->id);
    if ((a->instance->info.flags & PE_NEEDS_HIDDEN) && !a->x && !a->k_state)
        return pe_fail(err, PE_USAGE, "%s reads the hidden states x, and none were given",
                       a->instance->variant->id);
    parts->k_state = a->k_state;
    if (!a->k_state) {
        pe_real *out = PE(own)(parts, OWN_STATE,
                               (size_t)a->batch * (size_t)a->nk * (size_t)parts->S, "states", err);
        if (!out)
            return PE_MEMORY;
        for (int64_t b = 0; b < a->batch; b++)
            PE(run_state)(parts, b, out + b * a->nk * parts->S);
        parts->k_state = out;
    }
    if (a->states)
        memcpy(a->states, parts->k_state,
               (size_t)a->batch * (size_t)a->nk * (size_t)parts->S * sizeof *a->states);
    return PE(gather_query_states)(parts, err);
}

/* ---- q, k, v as they enter the products --------------------------------------------------------
 */

/* Where the vectors of a role come from, and what shall become of them. */
typedef struct PE(source) {
    const pe_real *in; /* (B, heads, n, D) */
    const double *coord;
    const pe_real *state;
    int heads, width;
    int64_t n;
    pe_place place;
} PE(source);

static PE(source) PE(source_of)(const PE(pe_parts) * parts, pe_role role)
{
    const PE(pe_attention) *a = parts->a;
    if (role == PE_ROLE_QUERY)
        return (PE(source)){a->q,     a->q_coord, parts->q_state, parts->H,
                            parts->W, a->nq,      PE_AT_QUERY};
    const bool key = role == PE_ROLE_KEY;
    return (PE(source)){key ? a->k : a->v,
                        a->k_coord,
                        parts->k_state,
                        parts->kv_heads,
                        key ? parts->W : parts->D,
                        a->nk,
                        key ? PE_AT_KEY : PE_AT_VALUE};
}

void PE(pe_map_tokens)(const PE(pe_parts) * parts, const pe_call *c, pe_role role, int64_t b,
                       int head, int64_t from, int n, pe_real *out)
{
    const pe_instance *instance = parts->a->instance;
    const PE(source) x = PE(source_of)(parts, role);
    const pe_format format = (pe_format)instance->formats[x.place];
    const pe_real *in = x.in + ((b * x.heads + head) * x.n + from) * parts->D;
    const int64_t first = (parts->a->coord_per_batch ? b * x.n : 0) + from;
    const size_t count = (size_t)n * (size_t)x.width;
    if (x.width == parts->D)
        memcpy(out, in, count * sizeof *out);
    if (instance->info.maps & PE_MAPS(role))
        instance->variant->PE_OPS->map(c, role, head, n, x.coord + first * parts->axes,
                                       x.state ? x.state + (b * x.n + from) * parts->S : NULL, in,
                                       out);
    if (format != PE_UNROUNDED)
        PE(pe_lend).round(format, count, out);
}

static bool PE(changes)(const PE(pe_parts) * parts, pe_role role)
{
    const pe_instance *instance = parts->a->instance;
    return (instance->info.maps & PE_MAPS(role)) ||
           instance->formats[PE(source_of)(parts, role).place] != PE_UNROUNDED;
}

/* One role: (B, heads, n, D) to (B, heads, n, width), mapped where the variant maps, then rounded
 * to the storage format of its place. Gives the input itself when there is nothing to do. */
static const pe_real *PE(prepare_role)(PE(pe_parts) * parts, int slot, pe_role role, pe_error *err)
{
    const PE(source) x = PE(source_of)(parts, role);
    if (!PE(changes)(parts, role))
        return x.in;
    const int64_t all = (int64_t)parts->a->batch * x.heads,
                  blocks = (x.n + PE_MAPPED_AT_ONCE - 1) / PE_MAPPED_AT_ONCE;
    const size_t total = (size_t)all * (size_t)x.n * (size_t)x.width;
    pe_real *out = PE(own)(parts, slot, total, "mapped vectors", err);
    if (!out)
        return NULL;
#pragma omp parallel for collapse(2)
    for (int64_t item = 0; item < all; item++)
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t from = block * PE_MAPPED_AT_ONCE, left = x.n - from;
            const pe_call c = PE(pe_parts_own_call)(parts);
            PE(pe_map_tokens)
            (parts, &c, role, item / x.heads, (int)(item % x.heads), from,
             (int)(left < PE_MAPPED_AT_ONCE ? left : PE_MAPPED_AT_ONCE),
             out + (item * x.n + from) * x.width);
        }
    return out;
}

/* Can whoever goes through tiles map them? Not where rows are multiplied by whole heads, or where
 * one tile of keys serves all heads at once and is gone before the next queries come. */
static bool PE(maps_by_tile)(const PE(pe_parts) * parts)
{
    const PE(pe_attention) *a = parts->a;
    const pe_setup *s = &a->instance->info;
    const pe_ops *ops = a->instance->variant->PE_OPS;
    return (PE(changes)(parts, PE_ROLE_QUERY) || PE(changes)(parts, PE_ROLE_KEY)) && !s->rows &&
           !ops->pair && !(s->flags & (PE_HEADS_TOGETHER | PE_WHOLE_ROWS)) && !a->mapped_q &&
           !a->mapped_k;
}

static pe_status PE(prepare_roles)(PE(pe_parts) * parts, bool by_tile, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    parts->unmapped = by_tile && PE(maps_by_tile)(parts);
    parts->q = parts->unmapped ? a->q : PE(prepare_role)(parts, OWN_Q, PE_ROLE_QUERY, err);
    parts->k = parts->unmapped ? a->k : PE(prepare_role)(parts, OWN_K, PE_ROLE_KEY, err);
    parts->v = PE(prepare_role)(parts, OWN_V, PE_ROLE_VALUE, err);
    if (!parts->q || !parts->k || !parts->v)
        return PE_MEMORY;
    const size_t W = (size_t)parts->W, B = (size_t)a->batch;
    if (a->mapped_q)
        memcpy(a->mapped_q, parts->q, B * (size_t)parts->H * (size_t)a->nq * W * sizeof(pe_real));
    if (a->mapped_k)
        memcpy(a->mapped_k, parts->k,
               B * (size_t)parts->kv_heads * (size_t)a->nk * W * sizeof(pe_real));
    return PE_OK;
}

/* ---- relative rows
 * --------------------------------------------------------------------------------- */

/* Offsets come from token indices, or, under a position map, from its coordinates. */
static pe_status PE(prepare_offsets)(PE(pe_parts) * parts, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    parts->qi = a->q_index;
    parts->kj = a->k_index;
    if (!a->offsets_from_coordinates)
        return PE_OK;
    const char *id = a->instance->variant->id;
    if (parts->axes != 1 || a->coord_per_batch)
        return pe_fail(err, PE_USAGE, "%s takes offsets along one axis shared by the batch", id);
    if (!all_whole(a->q_coord, a->nq) || !all_whole(a->k_coord, a->nk)) {
        if (!(a->instance->info.flags & PE_REAL_OFFSETS))
            return pe_fail(
                err, PE_USAGE,
                "%s has rows at whole offsets only, and the position map makes fractions", id);
        parts->real_offsets = true;
        return PE_OK;
    }
    int64_t *index = pe_allocate((size_t)(a->nq + a->nk), sizeof *index, "offsets", err);
    if (!index)
        return PE_MEMORY;
    parts->owned[OWN_INDEX] = index;
    for (int64_t i = 0; i < a->nq; i++)
        index[i] = (int64_t)a->q_coord[i];
    for (int64_t j = 0; j < a->nk; j++)
        index[a->nq + j] = (int64_t)a->k_coord[j];
    parts->qi = index;
    parts->kj = index + a->nq;
    return PE_OK;
}

static pe_status PE(refuse_undefined)(const PE(pe_parts) * parts, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    const pe_setup *s = &a->instance->info;
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t i = 0; i < a->nq; i++)
            for (int64_t j = 0; j < a->nk; j++) {
                int64_t n = parts->qi[i] - parts->kj[j];
                if (PE_MAY_SEE(a, b, i, j) && (n < s->low || n > s->high))
                    return pe_fail(err, PE_USAGE,
                                   "%s: query %lld and key %lld are %lld tokens apart, but rows "
                                   "exist only from %lld to %lld",
                                   a->instance->variant->id, (long long)i, (long long)j,
                                   (long long)n, (long long)s->low, (long long)s->high);
            }
    return PE_OK;
}

/* First and last offset that some pair may need: a superset, from the ends of the index lists; a
 * causal call never asks for the future. */
static pe_status PE(prepare_range)(PE(pe_parts) * parts, pe_error *err)
{
    const PE(pe_attention) *a = parts->a;
    const pe_setup *s = &a->instance->info;
    int64_t low = least(parts->qi, a->nq) - most(parts->kj, a->nk);
    int64_t high = most(parts->qi, a->nq) - least(parts->kj, a->nk);
    if (a->causal && !a->offsets_from_coordinates && low < 0)
        low = 0;
    if (high < low)
        high = low;
    if (s->edge == PE_EDGE_UNDEFINED && (low < s->low || high > s->high)) {
        pe_status status = PE(refuse_undefined)(parts, err);
        if (status != PE_OK)
            return status;
    }
    parts->first = clamp(low, s->low, s->high);
    parts->last = clamp(high, s->low, s->high);
    return PE_OK;
}

static void PE(fill_table)(PE(pe_parts) * parts)
{
    const pe_setup *s = &parts->a->instance->info;
    const int64_t heads = s->row_heads, width = heads * parts->D;
    const pe_rows *t = &parts->table;
#pragma omp parallel for
    for (int64_t at = parts->first; at <= parts->last; at += PE_ROWS_AT_ONCE) {
        double offset[PE_ROWS_AT_ONCE];
        int n = 0;
        for (; n < PE_ROWS_AT_ONCE && at + n <= parts->last; n++)
            offset[n] = (double)(at + n);
        const int64_t row = at - parts->first;
        pe_rows out = {.bias = t->bias ? t->bias + row * heads : NULL,
                       .query = t->query ? t->query + row * width : NULL,
                       .key = t->key ? t->key + row * width : NULL,
                       .value = t->value ? t->value + row * width : NULL};
        const pe_call c = PE(pe_parts_own_call)(parts);
        parts->a->instance->variant->PE_OPS->relative(&c, n, offset, &out);
    }
}

static pe_status PE(prepare_rows)(PE(pe_parts) * parts, pe_error *err)
{
    const pe_setup *s = &parts->a->instance->info;
    parts->rows = parts->a->cross && !(s->flags & PE_CROSS) ? 0 : s->rows;
    if (parts->rows == 0)
        return PE_OK;
    pe_status status = PE(prepare_offsets)(parts, err);
    if (status != PE_OK || parts->real_offsets)
        return status;
    status = PE(prepare_range)(parts, err);
    if (status != PE_OK)
        return status;
    const size_t rows = (size_t)(parts->last - parts->first + 1), heads = (size_t)s->row_heads;
    const size_t width = heads * (size_t)parts->D;
    const unsigned kinds = parts->rows;
    const size_t vectors =
        (size_t)(!!(kinds & PE_ROWS_QUERY) + !!(kinds & PE_ROWS_KEY) + !!(kinds & PE_ROWS_VALUE));
    size_t total;
    if (__builtin_mul_overflow(rows, vectors * width + heads, &total))
        return pe_fail(err, PE_MEMORY, "a table of %zu relative rows is more than memory can hold",
                       rows);
    pe_real *block = PE(own)(parts, OWN_TABLE, total, "relative rows", err);
    if (!block)
        return PE_MEMORY;
    pe_real **const members[] = {&parts->table.query, &parts->table.key, &parts->table.value};
    const unsigned kind[] = {PE_ROWS_QUERY, PE_ROWS_KEY, PE_ROWS_VALUE};
    for (int m = 0; m < 3; m++)
        if (kinds & kind[m]) {
            *members[m] = block;
            block += rows * width;
        }
    if (kinds & PE_ROWS_BIAS)
        parts->table.bias = block;
    PE(fill_table)(parts);
    const pe_format format = (pe_format)parts->a->instance->formats[PE_AT_ROWS];
    if (format != PE_UNROUNDED)
        PE(pe_lend).round(format, total, parts->owned[OWN_TABLE]);
    return PE_OK;
}

/* ---- all together
 * --------------------------------------------------------------------------------------- */

static pe_status PE(check_call)(const PE(pe_attention) * a, pe_error *err)
{
    const pe_instance *instance = a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const pe_setup *s = &instance->info;
    if (a->batch < 1 || a->nq < 1 || a->nk < 1 || a->nq > INT32_MAX || a->nk > INT32_MAX)
        return pe_fail(err, PE_USAGE,
                       "attention needs batch, queries and keys of at least 1, not %d, %lld, %lld",
                       a->batch, (long long)a->nq, (long long)a->nk);
    if ((s->rows && !ops->relative) || (s->maps && !ops->map) || (s->state && !ops->state))
        return pe_fail(err, PE_PLUGIN, "%s: setup declares a hook that the module does not have",
                       instance->variant->id);
    return PE_OK;
}

pe_status PE(pe_parts_prepare)(PE(pe_parts) * parts, const PE(pe_attention) * a, bool by_tile,
                               pe_error *err)
{
    const pe_instance *instance = a->instance;
    const pe_setup *s = &instance->info;
    *parts = (PE(pe_parts)){
        .a = a,
        .H = instance->dims.heads,
        .kv_heads = instance->dims.kv_heads,
        .D = instance->dims.head_dim,
        .W = s->mapped_width ? s->mapped_width : instance->dims.head_dim,
        .axes = instance->dims.axes,
        .S = s->state,
        .no_pair = a->cross && !(s->flags & PE_CROSS),
    };
    parts->scale = s->scale != 0 ? (pe_real)s->scale : 1 / pe_sqrt(pe_num(parts->D));
    if (s->u != PE_NONE)
        parts->u = (const pe_real *)PE(pe_instance_call)(instance, a->nk).w[s->u];
    if (s->v != PE_NONE)
        parts->vb = (const pe_real *)PE(pe_instance_call)(instance, a->nk).w[s->v];
    pe_status status = PE(check_call)(a, err);
    if (status == PE_OK)
        status =
            (parts->scratch = PE(own)(parts, OWN_SCRATCH,
                                      s->scratch * (size_t)omp_get_max_threads(), "scratch", err))
                ? PE_OK
                : PE_MEMORY;
    if (status == PE_OK)
        status = PE(prepare_states)(parts, err);
    if (status == PE_OK)
        status = PE(prepare_roles)(parts, by_tile, err);
    if (status == PE_OK)
        status = PE(prepare_rows)(parts, err);
    if (status == PE_OK && (s->maps & PE_MAPS(PE_ROLE_OUTPUT)) &&
        !PE(own)(parts, OWN_OUTPUT, (size_t)a->nq * (size_t)parts->D, "output of a head", err))
        status = PE_MEMORY;
    return status;
}

void PE(pe_finish_output)(const PE(pe_parts) * parts)
{
    const PE(pe_attention) *a = parts->a;
    const pe_instance *instance = a->instance;
    const size_t per_head = (size_t)a->nq * (size_t)parts->D;
    const pe_call c = PE(pe_parts_call)(parts, parts->scratch);
    for (int64_t b = 0; (instance->info.maps & PE_MAPS(PE_ROLE_OUTPUT)) && b < a->batch; b++)
        for (int h = 0; h < parts->H; h++) {
            pe_real *out = a->out + (size_t)(b * parts->H + h) * per_head;
            pe_real *copy = parts->owned[OWN_OUTPUT];
            memcpy(copy, out, per_head * sizeof *out);
            instance->variant->PE_OPS->map(
                &c, PE_ROLE_OUTPUT, h, (int)a->nq,
                a->q_coord + (a->coord_per_batch ? b * a->nq * parts->axes : 0),
                parts->q_state ? parts->q_state + b * a->nq * parts->S : NULL, copy, out);
        }
    if (instance->formats[PE_AT_OUTPUT] != PE_UNROUNDED)
        PE(pe_lend).round((pe_format)instance->formats[PE_AT_OUTPUT],
                          (size_t)a->batch * (size_t)parts->H * per_head, a->out);
}

void PE(pe_parts_release)(PE(pe_parts) * parts)
{
    for (size_t i = 0; i < sizeof parts->owned / sizeof parts->owned[0]; i++)
        pe_release(parts->owned[i]);
    *parts = (PE(pe_parts)){0};
}

#include PE_NEXT("parts.c")
