/* SPDX-License-Identifier: MIT
 *
 * T5's bias as it went wrong in public code (../exhibits.h). Right is Raffel et al. 2020,
 * arXiv:1910.10683: table[bucket(j - i), h], 32 buckets on two sides up to distance 128.
 *
 *   cache   a decoding step takes its query for row 0: tokens from `row` on have i = 0
 *   sign    bucket(i - j): keys to the left and to the right change places */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG, ROW };
enum { CACHE, SIGN };
enum { BUCKETS = 32, SIDE = BUCKETS / 2, EXACT = SIDE / 2, FARTHEST = 128, TABLE = 0 };
static const pe_option options[] = {
    {"bug", PE_CHOICE, CACHE, 0, 0, "cache|sign", "what is wrong"},
    {"row", PE_INT, 64, 0, 1 << 30, NULL, "first token that is decoded by itself"}};

static bool setup(pe_setup *s)
{
    pe_add_param(s, "table", PE_INIT_NORMAL, 0.5, 2, BUCKETS, s->dims->heads, 0);
    s->param[TABLE].meaning = "bias by bucket and head";
    s->param[TABLE].per_model = true;
    s->scale = 1;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_CONTENT_FREE | PE_CLAIM_DIRECTION_AWARE |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}

/* Of a distance: its own up to EXACT, then 2^(1/2) more with each bucket: 8 (2^(1/2))^m = 128 at
 * m = 8, so bucket m begins at the first whole x with x^2 >= 64 2^m. */
static int bucket_of(int64_t x)
{
    if (x < EXACT)
        return (int)x;
    const int64_t far = x < FARTHEST ? x : FARTHEST;
    int m = 0;
    while (m + 1 < SIDE - EXACT && far * far >= (int64_t)EXACT * EXACT << (m + 1))
        m++;
    return EXACT + m;
}

/* n = j - i: keys to the right in the upper half. */
static int two_sided(int64_t n)
{
    return n > 0 ? SIDE + bucket_of(n) : bucket_of(-n);
}
#endif

static int PE(bucket_of_pair)(const pe_call *c, int64_t query, int64_t key)
{
    if (pe_opt_int(c, BUG) == SIGN)
        return two_sided(query - key);
    return two_sided(key - (query >= pe_opt_int(c, ROW) ? 0 : query));
}

static void PE(pair)(const pe_call *c, const pe_tile *tile, pe_real *bias)
{
    const int H = c->dims->heads;
    const size_t pairs = (size_t)tile->nq * (size_t)tile->nk;
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++, bias++) {
            const int bucket = PE(bucket_of_pair)(c, tile->qi[i], tile->kj[j]);
            for (int h = 0; h < H; h++)
                bias[(size_t)h * pairs] = c->w[TABLE][bucket * H + h];
        }
}

static void PE(pair_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *dbias)
{
    const int H = c->dims->heads;
    const size_t pairs = (size_t)tile->nq * (size_t)tile->nk;
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++, dbias++) {
            const int bucket = PE(bucket_of_pair)(c, tile->qi[i], tile->kj[j]);
            for (int h = 0; h < H; h++)
                c->g[TABLE][bucket * H + h] += dbias[(size_t)h * pairs];
        }
}

static const pe_ops PE(ops) = {.pair = PE(pair), .pair_vjp = PE(pair_vjp)};

PE_VARIANT(bug_buckets, .title = "T5 with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "T5's bias as it went wrong in public code.",
           .formula = "b_{ij} \\ne b_{\\operatorname{bucket}(j - i)}", PE_OPTIONS(options),
           .setup = setup);

#include PE_NEXT("bug_buckets.c")
