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
    s->scratch = (size_t)width;
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

static pe_real PE(bias_of_head)(const pe_call *c, int h, const pe_real *unit)
{
    const int width = (int)pe_opt_int(c, WIDTH), heads = c->dims->heads;
    pe_real sum = c->w[B2][h];
    for (int k = 0; k < width; k++)
        sum += c->w[W2][k * heads + h] * unit[k];
    return pe_at(c, PE_AT_TABLE, sum);
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
            for (int h = 0; h < c->dims->heads; h++)
                bias[((size_t)h * nq + i) * nk + j] = PE(bias_of_head)(c, h, c->scratch);
        }
    }
}

static const pe_ops PE(ops) = {.pair = PE(pair)};

PE_VARIANT(fire, .title = "FIRE", .source = "arXiv:2310.04418, section 3", PE_OPTIONS(options),
           .summary = "A small network reads the distance as a share of the query's position.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} + f_\\theta\\!\\left("
                      "\\frac{\\log(c(i-j)+1)}{\\log(c\\max(L,i)+1)}\\right)",
           .setup = setup);

#include PE_NEXT("fire.c")
