/* SPDX-License-Identifier: MIT
 *
 * Raffel et al. 2020, T5, arXiv:1910.10683, section 2.1 and the released code: one learned number
 * for each head and each bucket of offsets,
 *
 *   A_ij = q_i . k_j + table[bucket(j - i), h]
 *
 * Small distances have a bucket of their own; beyond e = half of them the buckets grow
 * logarithmically up to max_distance:
 *
 *   bucket(x) = x for x < e, else min(nb - 1, e + floor(ln(x/e) / ln(max/e) (nb - e)))
 *
 * Bidirectional: half of the buckets for each side, keys to the right in the upper half.
 * Unidirectional: keys to the right count as distance 0. T5 does not divide by sqrt(D): the factor
 * is in its initialisation; `scale_logits` true divides as others do. The released code takes the
 * floor of a quotient of float logarithms, which at the edges of buckets is right only by luck of
 * rounding. Here the floor is that of the exact value, by whole numbers. */
#include "posenc.h"

#ifdef PE_FIRST
enum { BIDIRECTIONAL, NUM_BUCKETS, MAX_DISTANCE, SCALE_LOGITS };
static const pe_option options[] = {
    {"bidirectional", PE_BOOL, 1, 0, 0, NULL, "own buckets for keys to the right"},
    {"num_buckets", PE_INT, 32, 2, 512, NULL, "rows of the table"},
    {"max_distance", PE_INT, 128, 2, 65536, NULL, "tokens from which all share the last bucket"},
    {"scale_logits", PE_BOOL, 0, 0, 0, NULL, "divide q . k by sqrt(D); T5 does not"}};

enum { TABLE };

static bool setup(pe_setup *s)
{
    const int64_t buckets = pe_setup_int(s->opt, NUM_BUCKETS);
    const int64_t most = pe_setup_int(s->opt, MAX_DISTANCE);
    const bool both = pe_setup_bool(s->opt, BIDIRECTIONAL);
    const int64_t side = both ? buckets / 2 : buckets;
    if (side < 2 || (both && buckets % 2 != 0))
        return pe_refuse(s, "num_buckets is %d, but must be %s", (int)buckets,
                         both ? "even and at least 4 for two sides" : "at least 2");
    if (most <= side / 2)
        return pe_refuse(s, "max_distance is %d, but must be above %d, where the logarithm starts",
                         (int)most, (int)(side / 2));
    pe_add_param(s, "table", PE_INIT_NORMAL, 0.5, 2, buckets, s->dims->heads, 0);
    s->param[TABLE].meaning = "bias by bucket and head";
    s->param[TABLE].per_model = true;
    s->rows = PE_ROWS_BIAS;
    s->row_heads = s->dims->heads;
    s->high = most;
    s->low = both ? -most : 0; /* beyond, the last bucket repeats; to the right, bucket 0 */
    s->scale = pe_setup_bool(s->opt, SCALE_LOGITS) ? 0 : 1;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_CONTENT_FREE | PE_CLAIM_DIRECTION_AWARE |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}

/* Whole numbers of up to LIMBS * 32 bits: max_distance^256 e^256 has at most 256 * (16 + 8) bits.
 */
enum { LIMBS = 208 };
typedef struct whole {
    uint32_t limb[LIMBS];
} whole;

static void multiply(whole *x, uint32_t factor, int64_t times)
{
    for (; times > 0; times--) {
        uint64_t carry = 0;
        for (int i = 0; i < LIMBS; i++) {
            carry += (uint64_t)x->limb[i] * factor;
            x->limb[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
}

static bool at_least(const whole *x, const whole *y)
{
    for (int i = LIMBS - 1; i >= 0; i--)
        if (x->limb[i] != y->limb[i])
            return x->limb[i] > y->limb[i];
    return true;
}

/* ln(x/e) / ln(max/e) * steps >= m  if and only if  x^steps e^m >= max^m e^steps. */
static bool reaches(int64_t x, int64_t e, int64_t most, int64_t steps, int64_t m)
{
    whole left = {{1}}, right = {{1}};
    multiply(&left, (uint32_t)x, steps);
    multiply(&left, (uint32_t)e, m);
    multiply(&right, (uint32_t)most, m);
    multiply(&right, (uint32_t)e, steps);
    return at_least(&left, &right);
}

/* Bucket of a distance x >= 0 among `side` buckets. */
static int64_t bucket_of(int64_t x, int64_t side, int64_t most)
{
    const int64_t e = side / 2, steps = side - e;
    if (x < e)
        return x;
    if (x >= most)
        return side - 1;
    const double steps_up =
        log((double)x / (double)e) / log((double)most / (double)e) * (double)steps;
    const double doubt = 1e-9; /* rounding moves the quotient by less than 1e-10 */
    const int64_t m = (int64_t)(steps_up + doubt);
    const bool settled = steps_up - (double)m > doubt || reaches(x, e, most, steps, m);
    return settled ? e + m : e + m - 1;
}

/* Bucket of the offset n = i - j, n > 0: the key is to the left. */
static int64_t bucket_of_offset(const pe_value *opt, int64_t n)
{
    const int64_t buckets = pe_setup_int(opt, NUM_BUCKETS);
    const int64_t most = pe_setup_int(opt, MAX_DISTANCE);
    if (!pe_setup_bool(opt, BIDIRECTIONAL))
        return bucket_of(n > 0 ? n : 0, buckets, most);
    return bucket_of(n > 0 ? n : -n, buckets / 2, most) + (n < 0 ? buckets / 2 : 0);
}
#endif

static void PE(relative)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    const int H = c->dims->heads;
    for (int r = 0; r < n; r++) {
        const int64_t bucket = bucket_of_offset(c->opt, (int64_t)offset[r]);
        for (int h = 0; h < H; h++)
            rows->bias[r * H + h] = c->w[TABLE][bucket * H + h];
    }
}

static void PE(relative_vjp)(const pe_call *c, int n, const double *offset, const pe_rows *drows)
{
    const int H = c->dims->heads;
    for (int r = 0; r < n; r++) {
        const int64_t bucket = bucket_of_offset(c->opt, (int64_t)offset[r]);
        pe_add_scaled(c->g[TABLE] + bucket * H, 1, drows->bias + (size_t)r * (size_t)H, H);
    }
}

static const pe_ops PE(ops) = {.relative = PE(relative), .relative_vjp = PE(relative_vjp)};

PE_VARIANT(t5, .title = "T5 buckets", .source = "arXiv:1910.10683, section 2.1",
           .summary = "A learned bias for each head and each logarithmic bucket of distance.",
           .formula = "A_{ij} = q_i \\cdot k_j + b_{h, \\operatorname{bucket}(j - i)}",
           .cases = "t5_buckets", PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("t5.c")
