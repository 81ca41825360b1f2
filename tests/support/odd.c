/* SPDX-License-Identifier: MIT
 *
 * A variant for tests of the core: it uses the parts of the contract that no shipped variant needs.
 * Its rows have closed forms, so that the tests can write the expected logits down plainly.
 * */
#include "posenc.h"

#include "odd.h"

#ifdef PE_FIRST
static const pe_option odd_options[] = {
    {"edge", PE_CHOICE, 0, 0, 0, "repeat|zero|undefined", "what lies beyond the reach"},
    {"real_offsets", PE_BOOL, 0, 0, 0, NULL, "rows exist at fractions"},
    {"heads_together", PE_BOOL, 0, 0, 0, NULL, "logits of head h get those of head h+1 added"},
    {"no_softmax_sum", PE_BOOL, 0, 0, 0, NULL, "weights are exp(s)"},
    {"map_output", PE_BOOL, 0, 0, 0, NULL, "outputs are multiplied by 1 + coordinate"},
    {"values", PE_BOOL, 0, 0, 0, NULL, "rows are added to the values, too"},
    {"reach", PE_INT, 3, 1, 1000, NULL, "largest distance with a row of its own"},
    {"numbers", PE_LIST, 0, -5, 5, NULL, "not used"},
    {"content", PE_BOOL, 0, 0, 0, NULL, "logits get q.k/8 of the tile added"},
};

static bool odd_setup(pe_setup *s)
{
    if (s->dims->head_dim > 1000)
        return pe_refuse(s, "head_dim is %d, but at most 1000 fit", s->dims->head_dim);
    s->rows = PE_ROWS_BIAS | PE_ROWS_KEY | PE_ROWS_QUERY;
    if (pe_setup_bool(s->opt, ODD_VALUES))
        s->rows |= PE_ROWS_VALUE;
    s->row_heads = s->dims->heads;
    s->edge = (pe_edge)pe_setup_int(s->opt, ODD_EDGE);
    s->high = pe_setup_int(s->opt, ODD_REACH);
    s->low = -s->high;
    if (pe_setup_bool(s->opt, ODD_REAL))
        s->flags |= PE_REAL_OFFSETS;
    if (pe_setup_bool(s->opt, ODD_TOGETHER))
        s->flags |= PE_HEADS_TOGETHER;
    if (pe_setup_bool(s->opt, ODD_NO_SUM))
        s->flags |= PE_NO_SOFTMAX_SUM;
    if (pe_setup_bool(s->opt, ODD_OUTPUT))
        s->maps = PE_MAPS(PE_ROLE_OUTPUT);
    s->scale = 0.25;
    pe_add_param(s, "strength", PE_INIT_CONSTANT, 1, 1, 1, 0, 0);
    return true;
}

/* With real_offsets set, positions are quarters. */
static void odd_positions(const pe_places *p, double *out)
{
    for (int64_t t = 0; t < p->n; t++)
        out[t] = pe_setup_bool(p->opt, ODD_REAL) ? p->in[t] / 4 : p->in[t];
}
#endif

/* All times the parameter `strength`, which is 1 unless a test changes it: bias = n/8 + head; query
 * rows are all n (1 + head/4), key rows all 2n, value rows all n; n is the offset in units of a
 * third of the reach. */
static void PE(odd_relative)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    const int H = c->info->row_heads, D = c->dims->head_dim;
    const pe_real unit = pe_num(pe_opt_int(c, ODD_REACH)) / 3, strength = c->w[0][0];
    for (int r = 0; r < n; r++)
        for (int h = 0; h < H; h++) {
            const pe_real x = pe_num(offset[r]) / unit;
            rows->bias[r * H + h] = strength * (x / 8 + pe_num(h));
            for (int d = 0; d < D; d++) {
                rows->query[(r * H + h) * D + d] = strength * (x * (1 + pe_num(h) / 4));
                rows->key[(r * H + h) * D + d] = strength * (2 * x);
                if (rows->value)
                    rows->value[(r * H + h) * D + d] = strength * x;
            }
        }
}

static void PE(odd_relative_vjp)(const pe_call *c, int n, const double *offset,
                                 const pe_rows *drows)
{
    const int H = c->info->row_heads, D = c->dims->head_dim;
    const pe_real unit = pe_num(pe_opt_int(c, ODD_REACH)) / 3;
    for (int r = 0; r < n; r++)
        for (int h = 0; h < H; h++) {
            const pe_real x = pe_num(offset[r]) / unit;
            pe_real sum = drows->bias[r * H + h] * (x / 8 + pe_num(h));
            for (int d = 0; d < D; d++) {
                const int at = (r * H + h) * D + d;
                sum += drows->query[at] * (x * (1 + pe_num(h) / 4)) + drows->key[at] * (2 * x);
                if (drows->value)
                    sum += drows->value[at] * x;
            }
            c->g[0][0] += sum;
        }
}

static void PE(odd_map)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, pe_real *out)
{
    (void)role, (void)head, (void)state;
    for (int t = 0; t < n; t++)
        for (int d = 0; d < c->dims->head_dim; d++)
            out[t * c->dims->head_dim + d] =
                in[t * c->dims->head_dim + d] * (1 + pe_num(coord[t * c->dims->axes]));
}

static void PE(odd_map_vjp)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                            const pe_real *state, const pe_real *in, const pe_real *dout,
                            pe_real *din, pe_real *dstate)
{
    (void)role, (void)head, (void)state, (void)in, (void)dstate;
    for (int t = 0; t < n; t++)
        pe_add_scaled(din + t * c->dims->head_dim, 1 + pe_num(coord[t * c->dims->axes]),
                      dout + t * c->dims->head_dim, c->dims->head_dim);
}

/* Of pair `at` of a head in the tile, which holds q and k of every head. */
static pe_real PE(odd_content)(const pe_call *c, const pe_tile *tile, int h, int at)
{
    const int D = c->dims->head_dim;
    const pe_real *q = tile->q + (h * tile->nq + at / tile->nk) * D;
    const pe_real *k = tile->k + (h * tile->nk + at % tile->nk) * D;
    pe_real sum = 0;
    for (int d = 0; d < D; d++)
        sum += q[d] * k[d];
    return sum / 8;
}

static void PE(odd_content_vjp)(const pe_call *c, const pe_tile *tile, int h, int at, pe_real ds,
                                pe_tile_gradient *g)
{
    const int D = c->dims->head_dim;
    const int64_t q = (h * tile->nq + at / tile->nk) * D, k = (h * tile->nk + at % tile->nk) * D;
    pe_add_scaled(g->q + q, ds / 8, tile->k + k, D);
    pe_add_scaled(g->k + k, ds / 8, tile->q + q, D);
}

static void PE(odd_logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const int heads = tile->head < 0 ? c->dims->heads : 1, pairs = tile->nq * tile->nk;
    for (int h = 0; h < heads; h++)
        for (int at = 0; at < pairs; at++) {
            s[h * pairs + at] =
                raw[h * pairs + at] + (heads > 1 ? raw[(h + 1) % heads * pairs + at] : 0);
            if (pe_opt_int(c, ODD_CONTENT))
                s[h * pairs + at] += PE(odd_content)(c, tile, h, at);
        }
}

static void PE(odd_logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                               const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    (void)raw;
    const int heads = tile->head < 0 ? c->dims->heads : 1, pairs = tile->nq * tile->nk;
    for (int h = 0; h < heads; h++)
        for (int at = 0; at < pairs; at++) {
            draw[h * pairs + at] =
                ds[h * pairs + at] + (heads > 1 ? ds[(h + heads - 1) % heads * pairs + at] : 0);
            if (pe_opt_int(c, ODD_CONTENT))
                PE(odd_content_vjp)(c, tile, h, at, ds[h * pairs + at], g);
        }
}

static const pe_ops PE(ops) = {.relative = PE(odd_relative),
                               .relative_vjp = PE(odd_relative_vjp),
                               .map = PE(odd_map),
                               .map_vjp = PE(odd_map_vjp),
                               .logits = PE(odd_logits),
                               .logits_vjp = PE(odd_logits_vjp)};

PE_VARIANT(odd, .title = "Odd", .source = "tests", .summary = "For tests of the core.",
           .formula = "n", PE_OPTIONS(odd_options), .setup = odd_setup, .positions = odd_positions);

#include PE_NEXT("odd.c")
