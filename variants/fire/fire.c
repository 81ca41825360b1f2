/* SPDX-License-Identifier: MIT
 *
 * Li et al. 2023, FIRE (functional interpolation for relative positions), arXiv:2310.04418,
 * section 3; added to the scaled logit:
 *
 *   b_h(i, j) = f_h(psi(i - j) / psi(max(L, i))),   psi(x) = log(c x + 1),  c > 0
 *   f(x)      = W2 relu(W1 x + b1) + b2             1, `width`, H units
 *
 * L = L_multiplier * `threshold` is learned. i and j are coordinates of one axis, counted from 0 at
 * the start of the sequence.
 * Conventions in the wild:
 *   - the paper has j <= i. The published code takes |i - j|, so without a causal mask a key to the
 *     right counts as one as far to the left; so do we. The quotient then passes 1 where j - i is
 *     beyond max(L, i), and the network continues along its last linear piece;
 *   - the published code adds 1e-6 to the denominator (`eps`) and takes absolute values of c and L;
 *     here bounds keep both positive, and the formula needs no eps;
 *   - counting from 1 instead of 0 shifts i by one beyond the threshold; below it, nothing changes;
 *   - copies that subtract the logarithms, or leave out the + 1, are other functions. */
#include "posenc.h"

#include <string.h>

#ifdef PE_FIRST
enum { WIDTH, INIT_C, THRESHOLD, EPS };
static const pe_option options[] = {
    {"width", PE_INT, 32, 1, 4096, NULL, "hidden units of the network"},
    {"init_c", PE_REAL, 0.1, 1e-6, 1e6, NULL, "first value of c, per token"},
    {"threshold", PE_REAL, 512, 1e-6, 1e12, NULL, "threshold L at L_multiplier = 1, in tokens"},
    {"eps", PE_REAL, 0, 0, 1, NULL, "added to the denominator; 1e-6 in the published code"}};

enum { C, L_MULTIPLIER, W1, B1, W2, B2 };
enum { TOGETHER = 64 };

static void add_positive(pe_setup *s, const char *name, double value, const char *meaning)
{
    pe_param *p = &s->param[pe_add_param(s, name, PE_INIT_CONSTANT, value, 1, 1, 0, 0)];
    p->low = 1e-6;
    p->high = 1e6;
    p->meaning = meaning;
}

/* Uniform between +-1 / sqrt(inputs), as a linear layer of the published code starts. */
static void add_layer(pe_setup *s, const char *weight, const char *bias, int inputs, int outputs)
{
    const double reach = 1 / sqrt((double)inputs);
    s->param[pe_add_param(s, weight, PE_INIT_UNIFORM, -reach, 2, inputs, outputs, 0)].b = reach;
    s->param[pe_add_param(s, bias, PE_INIT_UNIFORM, -reach, 1, outputs, 0, 0)].b = reach;
}

static bool setup(pe_setup *s)
{
    const int width = (int)pe_setup_int(s->opt, WIDTH);
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but distances are along one axis: axes must be 1",
                         s->dims->axes);
    add_positive(s, "c", pe_setup_real(s->opt, INIT_C),
                 "factor of a distance inside the logarithm");
    add_positive(s, "L_multiplier", 1, "threshold L in units of the option threshold");
    add_layer(s, "W1", "b1", 1, width);
    add_layer(s, "W2", "b2", width, s->dims->heads);
    /* hidden units, their gradients, biases */
    s->scratch = TOGETHER * (2 * (size_t)width + (size_t)s->dims->heads);
    s->claims = PE_CLAIM_CONTENT_FREE | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}
#endif

static pe_real PE(psi)(const pe_call *c, pe_real x)
{
    return pe_log1p(c->w[C][0] * x);
}

/* psi(max(L, i)) */
static pe_real PE(normaliser)(const pe_call *c, pe_real i)
{
    const pe_real threshold = c->w[L_MULTIPLIER][0] * pe_opt_real(c, THRESHOLD);
    return PE(psi)(c, i > threshold ? i : threshold) + pe_opt_real(c, EPS);
}

/* Pairs whose key may be seen go through the network TOGETHER at a time: its layers are then
 * products of matrices. */
typedef struct PE(pairs) {
    int n;
    size_t place[TOGETHER]; /* i * nk + j */
    pe_real at[TOGETHER];   /* i */
    pe_real distance[TOGETHER], top[TOGETHER], whole[TOGETHER];
    pe_real share[TOGETHER]; /* top / whole: psi(distance) / psi(max(L, i)) */
} PE(pairs);

/* The next pairs of the tile from place *next on. */
static void PE(take_pairs)(const pe_call *c, const pe_tile *tile, size_t *next, PE(pairs) * some)
{
    const size_t nk = (size_t)tile->nk, end = (size_t)tile->nq * nk;
    size_t row = end;
    pe_real at = 0, whole = 0;
    some->n = 0;
    for (; *next < end && some->n < TOGETHER; ++*next) {
        if (!tile->allowed[*next])
            continue;
        if (row != *next / nk) {
            row = *next / nk;
            at = pe_at(c, PE_AT_POSITION, pe_num(tile->qx[row]));
            whole = PE(normaliser)(c, at);
        }
        const pe_real key = pe_at(c, PE_AT_POSITION, pe_num(tile->kx[*next % nk]));
        const int p = some->n++;
        some->place[p] = *next;
        some->at[p] = at;
        some->whole[p] = whole;
        some->distance[p] = pe_fabs(at - key);
        some->top[p] = PE(psi)(c, some->distance[p]);
        some->share[p] = pe_at(c, PE_AT_PHASE, some->top[p] / whole);
    }
}

/* The hidden layer of each pair, unit (n, width). Written so that NaN stays NaN, where fmax(x, 0)
 * would lose it. */
static void PE(hidden)(const pe_call *c, const PE(pairs) * some, pe_real *unit)
{
    const int width = (int)pe_opt_int(c, WIDTH);
    const pe_real *w = c->w[W1], *b = c->w[B1];
    for (int p = 0; p < some->n; p++, unit += width)
        for (int k = 0; k < width; k++) {
            const pe_real before = w[k] * some->share[p] + b[k];
            unit[k] = before < 0 ? 0 : before;
        }
}

static void PE(pair)(const pe_call *c, const pe_tile *tile, pe_real *bias)
{
    const size_t all = (size_t)tile->nq * (size_t)tile->nk;
    const int width = (int)pe_opt_int(c, WIDTH), heads = c->dims->heads;
    pe_real *unit = c->scratch, *sum = unit + 2 * TOGETHER * width;
    PE(pairs) some;
    memset(bias, 0, (size_t)heads * all * sizeof *bias); /* pairs that may not be seen */
    for (size_t next = 0; PE(take_pairs)(c, tile, &next, &some), some.n > 0;) {
        PE(hidden)(c, &some, unit);
        c->lent->gemm(false, false, some.n, heads, width, 1, unit, width, c->w[W2], heads, 0, sum,
                      heads);
        for (int p = 0; p < some.n; p++)
            for (int h = 0; h < heads; h++)
                bias[(size_t)h * all + some.place[p]] =
                    pe_at(c, PE_AT_TABLE, sum[p * heads + h] + c->w[B2][h]);
    }
}

/* d log(c x + 1) / dc */
static pe_real PE(psi_by_c)(const pe_call *c, pe_real x)
{
    return x / (1 + c->w[C][0] * x);
}

/* What the quotient psi(distance) / (psi(at least L) + eps) passes on to c and L_multiplier. */
static void PE(share_vjp)(const pe_call *c, pe_real at, pe_real distance, pe_real top,
                          pe_real whole, pe_real dshare)
{
    const pe_real unit = pe_opt_real(c, THRESHOLD), threshold = c->w[L_MULTIPLIER][0] * unit;
    const pe_real reach = at > threshold ? at : threshold;
    const pe_real dwhole = -dshare * top / (whole * whole);
    c->g[C][0] += dshare / whole * PE(psi_by_c)(c, distance) + dwhole * PE(psi_by_c)(c, reach);
    if (!(at > threshold))
        c->g[L_MULTIPLIER][0] += dwhole * unit * c->w[C][0] / (1 + c->w[C][0] * threshold);
}

/* From the gradients of the hidden units (n, width) to W1 and b1, and on through the shares. */
static void PE(hidden_vjp)(const pe_call *c, const PE(pairs) * some, const pe_real *unit,
                           pe_real *dunit)
{
    const int width = (int)pe_opt_int(c, WIDTH);
    pe_real *dw = c->g[W1], *db = c->g[B1], dshare[TOGETHER];
    for (int p = 0; p < some->n; p++)
        for (int k = p * width; k < (p + 1) * width; k++)
            dunit[k] = unit[k] == 0 ? 0 : dunit[k]; /* relu */
    c->lent->gemm(false, false, 1, width, some->n, 1, some->share, some->n, dunit, width, 1, dw,
                  width);
    for (int p = 0; p < some->n; p++)
        for (int k = 0; k < width; k++)
            db[k] += dunit[p * width + k];
    c->lent->gemm(false, false, some->n, 1, width, 1, dunit, width, c->w[W1], 1, 0, dshare, 1);
    for (int p = 0; p < some->n; p++)
        PE(share_vjp)(c, some->at[p], some->distance[p], some->top[p], some->whole[p], dshare[p]);
}

/* Gradients of the pairs by their biases (n, H), from the tile's (H, nq, nk). */
static void PE(gather)(const pe_call *c, const PE(pairs) * some, const pe_real *dbias, size_t all,
                       pe_real *dsum)
{
    const int heads = c->dims->heads;
    for (int p = 0; p < some->n; p++)
        for (int h = 0; h < heads; h++) {
            dsum[p * heads + h] = dbias[(size_t)h * all + some->place[p]];
            c->g[B2][h] += dsum[p * heads + h];
        }
}

static void PE(pair_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *dbias)
{
    const size_t all = (size_t)tile->nq * (size_t)tile->nk;
    const int width = (int)pe_opt_int(c, WIDTH), heads = c->dims->heads;
    pe_real *unit = c->scratch, *dunit = unit + TOGETHER * width, *dsum = dunit + TOGETHER * width;
    PE(pairs) some;
    for (size_t next = 0; PE(take_pairs)(c, tile, &next, &some), some.n > 0;) {
        PE(hidden)(c, &some, unit);
        PE(gather)(c, &some, dbias, all, dsum);
        c->lent->gemm(true, false, width, heads, some.n, 1, unit, width, dsum, heads, 1, c->g[W2],
                      heads);
        c->lent->gemm(false, true, some.n, width, heads, 1, dsum, heads, c->w[W2], heads, 0, dunit,
                      width);
        PE(hidden_vjp)(c, &some, unit, dunit);
    }
}

static const pe_ops PE(ops) = {.pair = PE(pair), .pair_vjp = PE(pair_vjp)};

PE_VARIANT(fire, .title = "FIRE", .source = "arXiv:2310.04418, section 3", PE_OPTIONS(options),
           .summary = "A small network reads the distance as a share of the query's position.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} + f_\\theta\\!\\left("
                      "\\frac{\\log(c|i-j|+1)}{\\log(c\\max(L,i)+1)}\\right)",
           .setup = setup);

#include PE_NEXT("fire.c")
