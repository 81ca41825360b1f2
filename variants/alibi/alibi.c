/* SPDX-License-Identifier: MIT
 *
 * Press, Smith, Lewis 2022, Train Short, Test Long, arXiv:2108.12409, section 3:
 *
 *   A_ij = q_i . k_j / sqrt(D) - m_h |i - j|
 *
 * with one slope m_h for each head: 2^(-8h/H), h = 1 .. H, when H is a power of two. Otherwise (the
 * authors' code) those of the largest power of two p below H, followed by the 1st, 3rd, 5th, ...
 * slope of 2p heads: the list is not sorted. The bias comes after the division by sqrt(D). Under a
 * causal mask |i - j| = i - j is the paper's. Without one this symmetric form is one of several in
 * use; the authors propose others in their repository. Code that stores m_h j instead differs by a
 * constant in each row, which softmax does not see. */
#include "posenc.h"

#ifdef PE_FIRST
static const int64_t far = (int64_t)1 << 53; /* offsets are whole numbers in double */

static bool setup(pe_setup *s)
{
    s->rows = PE_ROWS_BIAS;
    s->row_heads = s->dims->heads;
    s->plan = (size_t)s->dims->heads;
    s->low = -far;
    s->high = far;
    s->flags = PE_REAL_OFFSETS;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}

static int power_of_two_below(int heads)
{
    int p = 1;
    while (2 * p <= heads)
        p *= 2;
    return p;
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int H = c->dims->heads, p = power_of_two_below(H);
    for (int h = 0; h < H; h++) {
        /* exponent 8 (h+1)/p; beyond p, the odd places 1, 3, 5, ... of a list of 2p */
        const int numerator = h < p ? 8 * (h + 1) : 8 * (2 * (h - p) + 1);
        const int denominator = h < p ? p : 2 * p;
        plan[h] = pe_pow(2, -(pe_num(numerator) / pe_num(denominator)));
    }
    pe_store(c, PE_AT_TABLE, (size_t)H, plan);
}

static void PE(relative)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    const int H = c->dims->heads;
    for (int r = 0; r < n; r++) {
        const pe_real distance = pe_at(c, PE_AT_POSITION, pe_fabs(pe_num(offset[r])));
        for (int h = 0; h < H; h++)
            rows->bias[r * H + h] = pe_at(c, PE_AT_PHASE, -c->plan[h] * distance);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .relative = PE(relative)};

PE_VARIANT(alibi, .title = "ALiBi", .source = "arXiv:2108.12409, section 3",
           .summary = "A penalty that grows by a fixed slope per token of distance.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} - m_h |i - j|, \\quad m_h = "
                      "2^{-8h/H} \\text{ when } H = 2^n",
           .cases = "alibi_slopes", .setup = setup);

#include PE_NEXT("alibi.c")
