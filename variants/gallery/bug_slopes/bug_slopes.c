/* SPDX-License-Identifier: MIT
 *
 * Linear biases as they went wrong in public code (../exhibits.h). Right is Press et al. 2022,
 * arXiv:2108.12409, section 3, and the authors' code: -m_h |i - j|, m_h = 2^(-8h/H), h = 1 .. H,
 * with a list made of two when H is no power of two.
 *
 *   geometric    2^(-8h/H) for every H
 *   exponent     h from 0: the first slope is 1
 *   off_by_one   distance |i - j| + 1
 *   key_index    m_h j for -m_h (i - j): rows differ by a constant, which softmax does not see
 *   bf16         the same with slope, j and product each stored in bf16
 *   sign         + m_h |i - j|: what is far counts more */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG };
enum { GEOMETRIC, EXPONENT, OFF_BY_ONE, KEY_INDEX, BF16, SIGN };
static const pe_option options[] = {{"bug", PE_CHOICE, GEOMETRIC, 0, 0,
                                     "geometric|exponent|off_by_one|key_index|bf16|sign",
                                     "what is wrong"}};

static bool setup(pe_setup *s)
{
    s->plan = (size_t)s->dims->heads;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}
#endif

/* The slopes of the authors' code: those of the power of two p below H, then every other of 2p. */
static pe_real PE(authors_slope)(int h, int heads)
{
    int p = 1;
    while (2 * p <= heads)
        p *= 2;
    const int numerator = h < p ? 8 * (h + 1) : 8 * (2 * (h - p) + 1);
    return pe_pow(2, -(pe_num(numerator) / pe_num(h < p ? p : 2 * p)));
}

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int H = c->dims->heads;
    for (int h = 0; h < H; h++) {
        const int64_t bug = pe_opt_int(c, BUG);
        const int place = bug == EXPONENT ? h : h + 1;
        plan[h] = bug == GEOMETRIC || bug == EXPONENT ? pe_pow(2, -(pe_num(8 * place) / pe_num(H)))
                                                      : PE(authors_slope)(h, H);
    }
}

static pe_real PE(bf16)(const pe_call *c, pe_real x)
{
    c->lent->round(PE_BF16, 1, &x);
    return x;
}

/* What a slope is multiplied with. */
static pe_real PE(distance)(const pe_call *c, int64_t i, int64_t j)
{
    const pe_real n = pe_num(i < j ? j - i : i - j);
    switch (pe_opt_int(c, BUG)) {
    case OFF_BY_ONE:
        return -(n + 1);
    case KEY_INDEX:
        return pe_num(j);
    case BF16:
        return PE(bf16)(c, pe_num(j));
    case SIGN:
        return n;
    default:
        return -n;
    }
}

static void PE(pair)(const pe_call *c, const pe_tile *tile, pe_real *bias)
{
    const bool narrow = pe_opt_int(c, BUG) == BF16;
    for (int h = 0; h < c->dims->heads; h++) {
        const pe_real slope = narrow ? PE(bf16)(c, c->plan[h]) : c->plan[h];
        for (int i = 0; i < tile->nq; i++)
            for (int j = 0; j < tile->nk; j++, bias++) {
                *bias = slope * PE(distance)(c, tile->qi[i], tile->kj[j]);
                if (narrow)
                    *bias = PE(bf16)(c, *bias);
            }
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .pair = PE(pair)};

PE_VARIANT(bug_slopes, .title = "ALiBi with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "Linear biases as they went wrong in public code.",
           .formula = "b_{ij} \\ne -m_h |i - j|", PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("bug_slopes.c")
