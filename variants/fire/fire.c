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

#ifdef PE_FIRST
enum { WIDTH, INIT_C, THRESHOLD, EPS };
static const pe_option options[] = {
    {"width", PE_INT, 32, 1, 4096, NULL, "hidden units of the network"},
    {"init_c", PE_REAL, 0.1, 1e-6, 1e6, NULL, "first value of c, per token"},
    {"threshold", PE_REAL, 512, 1e-6, 1e12, NULL, "threshold L at L_multiplier = 1, in tokens"},
    {"eps", PE_REAL, 0, 0, 1, NULL, "added to the denominator; 1e-6 in the published code"}};

enum { C, L_MULTIPLIER, W1, B1, W2, B2 };

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
    s->scratch = 2 * (size_t)width; /* hidden units, and their gradients */
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

/* The hidden layer at x. Written so that NaN stays NaN, where fmax(x, 0) would lose it. */
static void PE(hidden)(const pe_call *c, pe_real x, pe_real *unit)
{
    const int width = (int)pe_opt_int(c, WIDTH);
    for (int k = 0; k < width; k++) {
        const pe_real before = c->w[W1][k] * x + c->w[B1][k];
        unit[k] = before < 0 ? 0 : before;
    }
}

/* Biases of all heads, `stride` apart; heads side by side, so that their sums need not wait for one
 * another. */
static void PE(biases)(const pe_call *c, const pe_real *unit, size_t stride, pe_real *bias)
{
    enum { AT_ONCE = 8 };
    const int width = (int)pe_opt_int(c, WIDTH), heads = c->dims->heads;
    for (int from = 0; from < heads; from += AT_ONCE) {
        const int count = heads - from < AT_ONCE ? heads - from : AT_ONCE;
        pe_real sum[AT_ONCE];
        for (int h = 0; h < count; h++)
            sum[h] = c->w[B2][from + h];
        for (int k = 0; k < width; k++)
            for (int h = 0; h < count; h++)
                sum[h] += c->w[W2][k * heads + from + h] * unit[k];
        for (int h = 0; h < count; h++)
            bias[(size_t)(from + h) * stride] = pe_at(c, PE_AT_TABLE, sum[h]);
    }
}

static void PE(pair)(const pe_call *c, const pe_tile *tile, pe_real *bias)
{
    const size_t nq = (size_t)tile->nq, nk = (size_t)tile->nk;
    for (size_t i = 0; i < nq; i++) {
        const pe_real at = pe_at(c, PE_AT_POSITION, pe_num(tile->qx[i]));
        const pe_real whole = PE(normaliser)(c, at);
        for (size_t j = 0; j < nk; j++) {
            const pe_real distance = at - pe_at(c, PE_AT_POSITION, pe_num(tile->kx[j]));
            const pe_real share = PE(psi)(c, pe_fabs(distance)) / whole;
            PE(hidden)(c, pe_at(c, PE_AT_PHASE, share), c->scratch);
            PE(biases)(c, c->scratch, nq * nk, bias + i * nk + j);
        }
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

/* From the gradients of the hidden units to W1 and b1; returns the one of the share. */
static pe_real PE(hidden_vjp)(const pe_call *c, pe_real share, const pe_real *unit,
                              const pe_real *dunit)
{
    pe_real dshare = 0;
    for (int k = 0; k < (int)pe_opt_int(c, WIDTH); k++) {
        const pe_real dbefore = unit[k] == 0 ? 0 : dunit[k]; /* relu */
        c->g[W1][k] += dbefore * share;
        c->g[B1][k] += dbefore;
        dshare += dbefore * c->w[W1][k];
    }
    return dshare;
}

/* From the biases of all heads, `stride` apart, to W2, b2 and the hidden units. */
static void PE(heads_vjp)(const pe_call *c, const pe_real *dbias, size_t stride,
                          const pe_real *unit, pe_real *dunit)
{
    const int width = (int)pe_opt_int(c, WIDTH), heads = c->dims->heads;
    for (int h = 0; h < heads; h++)
        c->g[B2][h] += dbias[(size_t)h * stride];
    for (int k = 0; k < width; k++) {
        const pe_real *w = c->w[W2] + k * heads;
        pe_real *g = c->g[W2] + k * heads, sum = 0;
        for (int h = 0; h < heads; h++) {
            g[h] += dbias[(size_t)h * stride] * unit[k];
            sum += dbias[(size_t)h * stride] * w[h];
        }
        dunit[k] = sum;
    }
}

static void PE(pair_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *dbias)
{
    const size_t nq = (size_t)tile->nq, nk = (size_t)tile->nk;
    pe_real *unit = c->scratch, *dunit = c->scratch + pe_opt_int(c, WIDTH);
    for (size_t i = 0; i < nq; i++) {
        const pe_real at = pe_at(c, PE_AT_POSITION, pe_num(tile->qx[i]));
        const pe_real whole = PE(normaliser)(c, at);
        for (size_t j = 0; j < nk; j++) {
            const pe_real key = pe_at(c, PE_AT_POSITION, pe_num(tile->kx[j]));
            const pe_real distance = pe_fabs(at - key);
            const pe_real top = PE(psi)(c, distance);
            const pe_real share = pe_at(c, PE_AT_PHASE, top / whole);
            PE(hidden)(c, share, unit);
            PE(heads_vjp)(c, dbias + i * nk + j, nq * nk, unit, dunit);
            PE(share_vjp)(c, at, distance, top, whole, PE(hidden_vjp)(c, share, unit, dunit));
        }
    }
}

static const pe_ops PE(ops) = {.pair = PE(pair), .pair_vjp = PE(pair_vjp)};

PE_VARIANT(fire, .title = "FIRE", .source = "arXiv:2310.04418, section 3", PE_OPTIONS(options),
           .summary = "A small network reads the distance as a share of the query's position.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} + f_\\theta\\!\\left("
                      "\\frac{\\log(c|i-j|+1)}{\\log(c\\max(L,i)+1)}\\right)",
           .setup = setup);

#include PE_NEXT("fire.c")
