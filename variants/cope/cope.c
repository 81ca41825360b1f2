/* SPDX-License-Identifier: MIT
 *
 * Golovneva et al. 2024, CoPE (contextual position encoding), arXiv:2405.18719, section 4: a
 * position counts the keys that a gate lets through,
 *
 *   g_it     = sigmoid(q_i . k_t)
 *   p_ij     = min(sum_{t = j .. i} g_it, npos_max - 1)
 *   logit_ij = q_i . k_j + q_i . e[p_ij]
 *
 * with e[p] interpolated between the rows below and above p. Keys that may not be seen do not
 * count; the token itself does: p_ii = g_ii.
 * Conventions in the wild:
 *   - the paper's formulas have no scale. Its code divides q_i . k_j by sqrt(D), takes the gates
 *     from that, and adds q_i . e undivided: our default. `scaled_gates` false takes the gates from
 *     q_i . k_j itself, `scaled_positions` true divides q_i . e, too;
 *   - e is (D, npos_max) there, (npos_max, D) here; one for all heads, zero at first (`init_std` 0;
 * ours starts from noise, so that an untrained one can be seen);
 *   - the paper is causal. For keys to the right, `future` chooses; under a causal mask all agree:
 *       none    the sum is empty, p = 0: the formula, read literally;
 *       mirror  counts from the query to the key, both included;
 *       row     p_ij = sum_{t >= j} g_it for every key: the published code when its mask is left
 *               off. Positions of earlier keys then depend on later ones, too.
 * Keys must stand in a tile in the order of their indices. */
#include "posenc.h"

#include <string.h>

#ifdef PE_FIRST
enum { NPOS_MAX, SCALED_GATES, SCALED_POSITIONS, FUTURE, INIT_STD };
enum { NONE, MIRROR, ROW };
static const pe_option options[] = {
    {"npos_max", PE_INT, 64, 1, 65536, NULL, "rows of e; counts beyond npos_max - 1 count as it"},
    {"scaled_gates", PE_BOOL, 1, 0, 0, NULL, "gates from the scaled logit, not from q . k"},
    {"scaled_positions", PE_BOOL, 0, 0, 0, NULL, "q . e is divided by sqrt(D) like q . k"},
    {"future", PE_CHOICE, NONE, 0, 0, "none|mirror|row",
     "how keys to the right of the query count, when there is no causal mask"},
    {"init_std", PE_REAL, 0.02, 0, 100, NULL, "deviation of e at the start; published: 0"}};

enum { E };
enum { TOGETHER = 16 }; /* queries whose products with e are one product of matrices */

static bool setup(pe_setup *s)
{
    const int64_t rows = pe_setup_int(s->opt, NPOS_MAX);
    pe_add_param(s, "e", PE_INIT_NORMAL, pe_setup_real(s->opt, INIT_STD), 2, rows,
                 s->dims->head_dim, 0);
    s->param[E].meaning = "dotted with the query, by counted position";
    s->scratch = 2 * TOGETHER * (size_t)rows; /* products q . e[m], and their gradients */
    s->flags = PE_WHOLE_ROWS;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    if (rows > 1)
        s->claims |= pe_setup_int(s->opt, FUTURE) == MIRROR ? (unsigned)PE_CLAIM_SYMMETRIC
                                                            : PE_CLAIM_DIRECTION_AWARE;
    return true;
}
#endif

static pe_real PE(root_of_width)(const pe_call *c)
{
    return pe_sqrt(pe_num(c->dims->head_dim));
}

static pe_real PE(gate)(const pe_call *c, pe_real logit)
{
    const pe_real x = pe_opt_bool(c, SCALED_GATES) ? logit : logit * PE(root_of_width)(c);
    return 1 / (1 + pe_exp(-x));
}

/* q . e[p] from products[m] = q . e[m]. NaN stays: it lands in the weight of the two rows. */
static pe_real PE(interpolate)(const pe_call *c, const pe_real *products, pe_real position)
{
    const int last = (int)pe_opt_int(c, NPOS_MAX) - 1;
    const pe_real at = pe_at(c, PE_AT_POSITION, position);
    const pe_real p = at > pe_num(last) ? pe_num(last) : at;
    const int below = p < pe_num(last) ? (int)p : last;
    const int above = below < last ? below + 1 : last;
    const pe_real share = p - pe_num(below);
    return share * products[above] + (1 - share) * products[below];
}

/* One query, keys from right to left. Keys beyond the query count only in `whole_row`. */
static void PE(count_back)(const pe_call *c, const pe_tile *tile, int i, bool whole_row,
                           const pe_real *products, const pe_real *raw, pe_real *s)
{
    const unsigned char *allowed = tile->allowed + (size_t)i * (size_t)tile->nk;
    pe_real position = 0;
    for (int j = tile->nk - 1; j >= 0; j--) {
        s[j] = raw[j];
        if (!allowed[j])
            continue;
        if (whole_row || tile->kj[j] <= tile->qi[i])
            position += PE(gate)(c, raw[j]);
        s[j] += PE(interpolate)(c, products, position);
    }
}

/* Keys to the right of the query, counted from the query on. */
static void PE(count_forward)(const pe_call *c, const pe_tile *tile, int i, const pe_real *products,
                              const pe_real *raw, pe_real *s)
{
    const unsigned char *allowed = tile->allowed + (size_t)i * (size_t)tile->nk;
    pe_real position = 0;
    for (int j = 0; j < tile->nk; j++) {
        if (!allowed[j] || tile->kj[j] < tile->qi[i])
            continue;
        position += PE(gate)(c, raw[j]);
        if (tile->kj[j] > tile->qi[i])
            s[j] = raw[j] + PE(interpolate)(c, products, position);
    }
}

static pe_real PE(position_scale)(const pe_call *c)
{
    return pe_opt_bool(c, SCALED_POSITIONS) ? 1 / PE(root_of_width)(c) : 1;
}

/* q . e[m] of n queries for all m, scaled, in the call's scratch: (n, rows). */
static void PE(products)(const pe_call *c, int n, const pe_real *q, pe_real scale)
{
    const int width = c->dims->head_dim, rows = (int)pe_opt_int(c, NPOS_MAX);
    c->lent->gemm(false, true, n, rows, width, scale, q, width, c->w[E], width, 0, c->scratch,
                  rows);
}

static void PE(logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const int64_t future = pe_opt_int(c, FUTURE);
    const size_t width = (size_t)c->dims->head_dim, rows = (size_t)pe_opt_int(c, NPOS_MAX);
    const pe_real scale = PE(position_scale)(c);
    for (int first = 0; first < tile->nq; first += TOGETHER) {
        const int n = tile->nq - first < TOGETHER ? tile->nq - first : TOGETHER;
        PE(products)(c, n, tile->q + (size_t)first * width, scale);
        for (int i = 0; i < n; i++) {
            const size_t row = (size_t)(first + i) * (size_t)tile->nk;
            const pe_real *products = c->scratch + (size_t)i * rows;
            PE(count_back)(c, tile, first + i, future == ROW, products, raw + row, s + row);
            if (future == MIRROR)
                PE(count_forward)(c, tile, first + i, products, raw + row, s + row);
        }
    }
}

/* Adds to the gradients of the two products; returns the one of the position, which a clipped one
 * does not have. */
static pe_real PE(interpolate_vjp)(const pe_call *c, pe_real position, pe_real ds,
                                   const pe_real *products, pe_real *dproducts)
{
    const int last = (int)pe_opt_int(c, NPOS_MAX) - 1;
    const pe_real p = pe_at(c, PE_AT_POSITION, position);
    if (!(p < pe_num(last))) {
        dproducts[last] += ds;
        return 0;
    }
    const int below = (int)p;
    const pe_real share = p - pe_num(below);
    dproducts[below + 1] += share * ds;
    dproducts[below] += (1 - share) * ds;
    return ds * (products[below + 1] - products[below]);
}

/* d gate / d logit = g (1 - g), and the root of the width when the gate reads q . k. */
static pe_real PE(gate_slope)(const pe_call *c, pe_real logit)
{
    const pe_real g = PE(gate)(c, logit);
    return g * (1 - g) * (pe_opt_bool(c, SCALED_GATES) ? 1 : PE(root_of_width)(c));
}

/* Positions of all keys of one query, as `logits` counts them. */
static void PE(count)(const pe_call *c, const pe_tile *tile, int i, const pe_real *raw,
                      pe_real *position)
{
    const unsigned char *allowed = tile->allowed + (size_t)i * (size_t)tile->nk;
    const int64_t future = pe_opt_int(c, FUTURE), here = tile->qi[i];
    pe_real count = 0;
    for (int j = tile->nk - 1; j >= 0; j--) {
        if (allowed[j] && (future == ROW || tile->kj[j] <= here))
            count += PE(gate)(c, raw[j]);
        position[j] = count;
    }
    count = 0;
    for (int j = 0; future == MIRROR && j < tile->nk; j++) {
        if (allowed[j] && tile->kj[j] >= here)
            count += PE(gate)(c, raw[j]);
        if (tile->kj[j] > here)
            position[j] = count;
    }
}

/* x holds the gradients of the positions and then those of the logits: a gate gets those of all
 * positions that counted it, of its own key and to the left, or in `mirror` to the right. */
static void PE(gates_vjp)(const pe_call *c, const pe_tile *tile, int i, const pe_real *raw,
                          const pe_real *ds, pe_real *x)
{
    const int64_t future = pe_opt_int(c, FUTURE), here = tile->qi[i];
    pe_real sum = 0;
    for (int j = tile->nk - 1; future == MIRROR && j >= 0 && tile->kj[j] > here; j--) {
        sum += x[j];
        x[j] = ds[j] + sum * PE(gate_slope)(c, raw[j]);
    }
    const pe_real right = sum;
    sum = 0;
    for (int j = 0; j < tile->nk && (future == ROW || tile->kj[j] <= here); j++) {
        sum += x[j];
        x[j] = ds[j] + (sum + (tile->kj[j] == here ? right : 0)) * PE(gate_slope)(c, raw[j]);
    }
    for (int j = tile->nk - 1; future == NONE && j >= 0 && tile->kj[j] > here; j--)
        x[j] = ds[j];
}

/* dproducts (n, rows) to n queries and to e. */
static void PE(products_vjp)(const pe_call *c, int n, const pe_real *q, pe_real scale,
                             const pe_real *dproducts, pe_real *dq)
{
    const int width = c->dims->head_dim, rows = (int)pe_opt_int(c, NPOS_MAX);
    c->lent->gemm(true, false, rows, width, n, scale, dproducts, rows, q, width, 1, c->g[E], width);
    if (dq)
        c->lent->gemm(false, false, n, width, rows, scale, dproducts, rows, c->w[E], width, 1, dq,
                      width);
}

/* One query's gradients, but for what its products pass on. */
static void PE(query_vjp)(const pe_call *c, const pe_tile *tile, int i, const pe_real *products,
                          pe_real *dproducts, const pe_real *raw, const pe_real *ds, pe_real *draw)
{
    const unsigned char *allowed = tile->allowed + (size_t)i * (size_t)tile->nk;
    PE(count)(c, tile, i, raw, draw);
    for (int j = 0; j < tile->nk; j++)
        draw[j] = allowed[j] ? PE(interpolate_vjp)(c, draw[j], ds[j], products, dproducts) : 0;
    PE(gates_vjp)(c, tile, i, raw, ds, draw);
}

static void PE(logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                           const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    const size_t width = (size_t)c->dims->head_dim, rows = (size_t)pe_opt_int(c, NPOS_MAX);
    const pe_real scale = PE(position_scale)(c);
    pe_real *dproducts = c->scratch + TOGETHER * rows;
    for (int first = 0; first < tile->nq; first += TOGETHER) {
        const int n = tile->nq - first < TOGETHER ? tile->nq - first : TOGETHER;
        const pe_real *q = tile->q + (size_t)first * width;
        PE(products)(c, n, q, scale);
        memset(dproducts, 0, (size_t)n * rows * sizeof *dproducts);
        for (int i = 0; i < n; i++) {
            const size_t row = (size_t)(first + i) * (size_t)tile->nk, of_query = (size_t)i * rows;
            PE(query_vjp)
            (c, tile, first + i, c->scratch + of_query, dproducts + of_query, raw + row, ds + row,
             draw + row);
        }
        PE(products_vjp)
        (c, n, q, scale, dproducts, g->q ? g->q + (size_t)first * width : NULL);
    }
}

static const pe_ops PE(ops) = {.logits = PE(logits), .logits_vjp = PE(logits_vjp)};

PE_VARIANT(
    cope, .title = "CoPE", .source = "arXiv:2405.18719, section 4", PE_OPTIONS(options),
    .summary = "A position counts the keys in between that a gate, made of q and k, lets by.",
    .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} + q_i \\cdot e[p_{ij}],\\quad "
               "p_{ij} = \\min\\!\\left(p_{\\max}, \\sum_{t=j}^{i} \\sigma\\!\\left("
               "\\frac{q_i \\cdot k_t}{\\sqrt{D}}\\right)\\right)",
    .setup = setup);

#include PE_NEXT("cope.c")
