/* SPDX-License-Identifier: MIT
 *
 * Transformer-XL's shift of a matrix as it went wrong in public code (../exhibits.h). Right is
 * Dai et al. 2019, arXiv:1901.02860, section 3.3: (q_i + v) . r_n with n = i - j.
 *
 * The authors compute x[i][m] = (q_i + v) . r_(K-1-m), m = 0 .. K-1 (appendix B), put a column of
 * zeros on the left, read the memory of T rows of K+1 as K+1 rows of T, drop the first of these
 * rows, and read again as T rows of K. For n >= 0 the result is (q_i + v) . r_n. Above the diagonal
 * the memory has moved on to the next query: with T = K,
 *
 *   n = -1   0                       n < -1   (q_(i+1) + v) . r_(K+1+n)
 *
 *   unmasked   this, used where keys to the right are seen
 *   slice      the last row is dropped instead of the first: the diagonal is 0, a key to the left
 *              has (q_(i-1) + v) . r_(n-1), a key to the right (q_i + v) . r_(K+n)
 *
 * The queries of other tokens are kept as the state of a token. */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG };
enum { UNMASKED, SLICE };
static const pe_option options[] = {
    {"bug", PE_CHOICE, UNMASKED, 0, 0, "unmasked|slice", "what is wrong"}};

enum { U, VBIAS, WKR };
static const int64_t none = INT64_MIN; /* no distance yet */

static bool setup(pe_setup *s)
{
    const int heads = s->dims->heads, width = s->dims->head_dim, model = s->dims->model_dim;
    if (model % 2 != 0)
        return pe_refuse(s, "model_dim is %d, but must be even", model);
    s->u = pe_add_param(s, "u", PE_INIT_NORMAL, 0.02, 2, heads, width, 0);
    pe_add_param(s, "vbias", PE_INIT_NORMAL, 0.02, 2, heads, width, 0);
    pe_add_param(s, "WkR", PE_INIT_XAVIER, 0, 2, model, (int64_t)heads * width, 0);
    s->param[U].per_model = s->param[VBIAS].per_model = true;
    s->state = heads * width;
    s->flags = PE_WHOLE_ROWS;
    s->plan = (size_t)(model / 2);
    s->scratch = (size_t)(model + 2 * width); /* r_n, its gradient, R_n */
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY |
                PE_CLAIM_DIRECTION_AWARE;
    return true;
}
#endif

/* A token keeps its query, all heads: (H, D). */
static void PE(state)(const pe_call *c, const pe_run *run, pe_real *state)
{
    const int H = c->dims->heads, D = c->dims->head_dim;
    for (int t = 0; t < run->n; t++)
        for (int h = 0; h < H; h++)
            for (int d = 0; d < D; d++)
                state[(t * H + h) * D + d] = run->q ? run->q[(h * run->n + t) * D + d] : 0;
}

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    for (int k = 0; k < (int)c->info->plan; k++)
        plan[k] = pe_inverse_frequency(10000, k, c->dims->model_dim);
}

/* R_n = [sin(n w) | cos(n w)] (d). */
static pe_real *PE(sinusoid_of)(const pe_call *c)
{
    return c->scratch + 2 * c->dims->head_dim;
}

/* r_n = R_n WkR of one head, in the first D numbers of the scratch; R_n stays behind. */
static void PE(make_row)(const pe_call *c, int head, int64_t n)
{
    const int width = c->dims->model_dim, half = width / 2, D = c->dims->head_dim;
    const int all = c->dims->heads * D;
    pe_real *sinusoid = PE(sinusoid_of)(c);
    for (int k = 0; k < half; k++)
        sinusoid[half + k] = pe_num(n) * c->plan[k];
    c->lent->turn(half, sinusoid + half, sinusoid, sinusoid + half);
    c->lent->gemm(false, false, 1, D, width, 1, sinusoid, width, c->w[WKR] + head * D, all, 0,
                  c->scratch, D);
}

/* Which query and which row the shifted matrix holds at (i, j); false: a zero. */
static bool PE(found_at)(const pe_call *c, int64_t i, int64_t j, int64_t *query, int64_t *distance)
{
    const int64_t K = c->length, n = i - j;
    const bool slice = pe_opt_int(c, BUG) == SLICE;
    if (slice) {
        *query = n > 0 ? i - 1 : i;
        *distance = n > 0 ? n - 1 : K + n;
        return n != 0;
    }
    *query = n >= 0 ? i : i + 1;
    *distance = n >= 0 ? n : K + 1 + n;
    return n != -1;
}

/* The place of a token among the keys, -1 when it is none of them: keys need not be neighbours. */
static int PE(place_of)(const pe_tile *tile, int64_t token)
{
    const int64_t guess = token - tile->kj[0];
    if (guess >= 0 && guess < tile->nk && tile->kj[guess] == token)
        return (int)guess;
    for (int j = 0; j < tile->nk; j++)
        if (tile->kj[j] == token)
            return j;
    return -1;
}

/* The same for pair (i, j) of a tile, with the place of that query; -1: a zero. */
static int PE(query_at)(const pe_call *c, const pe_tile *tile, int i, int j, int64_t *distance)
{
    int64_t query;
    if (!tile->allowed[(size_t)i * (size_t)tile->nk + (size_t)j] ||
        !PE(found_at)(c, tile->qi[i], tile->kj[j], &query, distance))
        return -1;
    return PE(place_of)(tile, query);
}

/* Pairs are taken by diagonals, on which the distance stays, so that each row is made once. */
static void PE(logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const int H = c->dims->heads, D = c->dims->head_dim, h = tile->head;
    const pe_real *v = c->w[VBIAS] + h * D, *row = c->scratch;
    for (size_t at = 0; at < (size_t)tile->nq * (size_t)tile->nk; at++)
        s[at] = raw[at];
    for (int diagonal = 1 - tile->nq; diagonal < tile->nk; diagonal++) {
        int64_t made = none, distance = 0;
        for (int i = diagonal < 0 ? -diagonal : 0; i < tile->nq && i + diagonal < tile->nk; i++) {
            const int place = PE(query_at)(c, tile, i, i + diagonal, &distance);
            if (place < 0)
                continue;
            if (distance != made)
                PE(make_row)(c, h, made = distance);
            const pe_real *q = tile->k_state + ((int64_t)place * H + h) * D;
            pe_real sum = 0;
            for (int d = 0; d < D; d++)
                sum += (q[d] + v[d]) * row[d];
            s[(size_t)i * (size_t)tile->nk + (size_t)(i + diagonal)] += sum / pe_sqrt(pe_num(D));
        }
    }
}

/* ---- the way back ---- */

static void PE(state_vjp)(const pe_call *c, const pe_run *run, const pe_real *state,
                          const pe_real *dstate, pe_run_gradient *g)
{
    (void)state;
    const int H = c->dims->heads, D = c->dims->head_dim;
    for (int t = 0; run->q && g->q && t < run->n; t++)
        for (int h = 0; h < H; h++)
            pe_add_scaled(g->q + (h * run->n + t) * D, 1, dstate + (t * H + h) * D, D);
}

/* The gradient of r_n, the second D numbers of the scratch, to WkR, and forgotten. */
static void PE(leave_row)(const pe_call *c, int head)
{
    const int width = c->dims->model_dim, D = c->dims->head_dim, all = c->dims->heads * D;
    pe_real *drow = c->scratch + D;
    c->lent->gemm(true, false, width, D, 1, 1, PE(sinusoid_of)(c), width, drow, D, 1,
                  c->g[WKR] + head * D, all);
    for (int d = 0; d < D; d++)
        drow[d] = 0;
}

/* One pair: d is the gradient of (q + v) . r_n. */
static void PE(pair_vjp)(const pe_call *c, const pe_tile *tile, int place, pe_real d,
                         pe_tile_gradient *g)
{
    const int D = c->dims->head_dim, h = tile->head;
    const int64_t from = ((int64_t)place * c->dims->heads + h) * D;
    const pe_real *row = c->scratch;
    pe_add_scaled(c->scratch + D, d, tile->k_state + from, D);
    pe_add_scaled(c->scratch + D, d, c->w[VBIAS] + h * D, D);
    pe_add_scaled(c->g[VBIAS] + h * D, d, row, D);
    if (g->k_state)
        pe_add_scaled(g->k_state + from, d, row, D);
}

static void PE(logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                           const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    const int D = c->dims->head_dim, h = tile->head;
    (void)raw;
    for (size_t at = 0; at < (size_t)tile->nq * (size_t)tile->nk; at++)
        draw[at] = ds[at];
    for (int d = 0; d < D; d++)
        c->scratch[D + d] = 0;
    for (int diagonal = 1 - tile->nq; diagonal < tile->nk; diagonal++) {
        int64_t made = none, distance = 0;
        for (int i = diagonal < 0 ? -diagonal : 0; i < tile->nq && i + diagonal < tile->nk; i++) {
            const int place = PE(query_at)(c, tile, i, i + diagonal, &distance);
            if (place < 0)
                continue;
            if (distance != made) {
                if (made != none)
                    PE(leave_row)(c, h);
                PE(make_row)(c, h, made = distance);
            }
            const pe_real d = ds[(size_t)i * (size_t)tile->nk + (size_t)(i + diagonal)];
            PE(pair_vjp)(c, tile, place, d / pe_sqrt(pe_num(D)), g);
        }
        if (made != none)
            PE(leave_row)(c, h);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan),
                               .state = PE(state),
                               .state_vjp = PE(state_vjp),
                               .logits = PE(logits),
                               .logits_vjp = PE(logits_vjp)};

PE_VARIANT(bug_shift, .title = "Transformer-XL with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "The shift of a matrix of relative scores as it went wrong in public code.",
           .formula = "B_{ij} \\ne (q_i + v) \\cdot r_{i-j}", PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("bug_shift.c")
