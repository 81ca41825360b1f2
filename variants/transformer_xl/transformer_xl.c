/* SPDX-License-Identifier: MIT
 *
 * Dai et al. 2019, Transformer-XL, arXiv:1901.02860, section 3.3 and appendix B:
 *
 *   logit_ij = (q_i . k_j + q_i . r_n + u . k_j + v . r_n) / sqrt(D),   n = i - j
 *   r_n = R_n WkR,  R_n = [sin(n w) | cos(n w)],  w_k = base^(-2k/d),  d the width of the model
 *
 * The rows r_n are made here; u and v are parameters that the host adds to the query.
 * Conventions in the wild:
 *   - sines first, then cosines, with the frequencies of Vaswani et al. 2017 (not tensor2tensor's):
 *     the authors' code. An odd d has d div 2 of each, and a last column of zeros;
 *   - that code finds the rows by shifting a matrix, which is wrong above the diagonal without a
 *     causal mask (its issue 132; espnet 2684, labml 185). Here n has its sign: sin(-x) = -sin(x);
 *   - `clamp_len`: distances beyond it count as it; ours clamps on both sides;
 *   - the paper's u and v have no layer index: one pair for all layers. The authors' `untie_r` is
 *     `tie_uv` false: a pair for each layer. */
#include "posenc.h"

#ifdef PE_FIRST
enum { CLAMP_LEN, BASE, TIE_UV };
static const pe_option options[] = {
    {"clamp_len", PE_INT, -1, -1, 1 << 30, NULL,
     "distances beyond this count as it, in tokens; -1: no limit"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies base^(-2k/d)"},
    {"tie_uv", PE_BOOL, 1, 0, 0, NULL, "one u and one v for all layers"}};

enum { U, VBIAS, WKR };
static const int64_t far = (int64_t)1 << 53; /* offsets are whole numbers in double */

static void add_params(pe_setup *s)
{
    const int heads = s->dims->heads, width = s->dims->head_dim;
    s->u = pe_add_param(s, "u", PE_INIT_NORMAL, 0.02, 2, heads, width, 0);
    s->v = pe_add_param(s, "vbias", PE_INIT_NORMAL, 0.02, 2, heads, width, 0);
    pe_add_param(s, "WkR", PE_INIT_XAVIER, 0, 2, s->dims->model_dim, (int64_t)heads * width, 0);
    s->param[U].meaning = "added to the query where it meets a key";
    s->param[VBIAS].meaning = "added to the query where it meets a row";
    s->param[WKR].meaning = "projects the sinusoid of an offset, (d, H D)";
    s->param[U].per_model = s->param[VBIAS].per_model = pe_setup_bool(s->opt, TIE_UV);
}

static bool setup(pe_setup *s)
{
    const int64_t clamp = pe_setup_int(s->opt, CLAMP_LEN);
    if (s->dims->model_dim < 2)
        return pe_refuse(s, "model_dim is %d, but a sine and a cosine need at least 2",
                         s->dims->model_dim);
    add_params(s);
    s->plan = (size_t)(s->dims->model_dim / 2);
    s->scratch = (size_t)PE_ROWS_AT_ONCE * (size_t)s->dims->model_dim;
    s->rows = PE_ROWS_QUERY;
    s->row_heads = s->dims->heads;
    s->edge = PE_EDGE_REPEAT;
    s->high = clamp < 0 ? far : clamp;
    s->low = -s->high;
    s->flags = PE_REAL_OFFSETS;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY |
                (s->high > 0 ? PE_CLAIM_DIRECTION_AWARE : (unsigned)PE_CLAIM_SYMMETRIC);
    return true;
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int width = c->dims->model_dim;
    for (int k = 0; k < width / 2; k++)
        plan[k] = pe_inverse_frequency(pe_opt_double(c, BASE), k, width);
    pe_store(c, PE_AT_FREQUENCY, (size_t)(width / 2), plan);
}

/* R_n = [sines | cosines | 0 when the width is odd]. */
static void PE(sinusoid)(const pe_call *c, double offset, pe_real *row)
{
    const int width = c->dims->model_dim, half = width / 2;
    const pe_real n = pe_at(c, PE_AT_POSITION, pe_num(offset));
    row[width - 1] = 0;
    for (int k = 0; k < half; k++)
        row[half + k] = n * c->plan[k];
    pe_store(c, PE_AT_PHASE, (size_t)half, row + half);
    c->lent->turn(half, row + half, row, row + half);
    pe_store(c, PE_AT_TABLE, (size_t)width, row);
}

/* The rows R_n of all offsets, in the call's scratch: (n, d). */
static void PE(sinusoids)(const pe_call *c, int n, const double *offset)
{
    for (int t = 0; t < n; t++)
        PE(sinusoid)(c, offset[t], c->scratch + (size_t)t * (size_t)c->dims->model_dim);
}

/* All heads at once: (n, d) times (d, H D) is (n, H, D). */
static void PE(relative)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    const int width = c->dims->model_dim, all = c->dims->heads * c->dims->head_dim;
    PE(sinusoids)(c, n, offset);
    c->lent->gemm(false, false, n, all, width, 1, c->scratch, width, c->w[WKR], all, 0, rows->query,
                  all);
}

/* Of WkR: the transposed sinusoids (d, n) times (n, H D). The core gives those of u and v. */
static void PE(relative_vjp)(const pe_call *c, int n, const double *offset, const pe_rows *drows)
{
    const int width = c->dims->model_dim, all = c->dims->heads * c->dims->head_dim;
    PE(sinusoids)(c, n, offset);
    c->lent->gemm(true, false, width, all, n, 1, c->scratch, width, drows->query, all, 1, c->g[WKR],
                  all);
}

static const pe_ops PE(ops) = {
    .plan = PE(plan), .relative = PE(relative), .relative_vjp = PE(relative_vjp)};

PE_VARIANT(
    transformer_xl, .title = "Transformer-XL",
    .source = "arXiv:1901.02860, section 3.3 and appendix B", PE_OPTIONS(options),
    .summary = "A projected sinusoid of the offset meets the query and a learned vector v.",
    .formula = "A_{ij} = \\frac{(q_i + u) \\cdot k_j + (q_i + v) \\cdot W R_{i-j}}{\\sqrt{D}}",
    .setup = setup);

#include PE_NEXT("transformer_xl.c")
