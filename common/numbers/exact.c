#include "numbers/exact.h"
#include "numbers/limbs.h"

#include <float.h>

/* A phase, reduced: |phase| = (quadrant + f) * pi/2 with |f| <= 1/2, and |f| * pi/2 =
 * angle * 2^(-192 - shift), angle >= 2^190. */
enum { SLOW = 3, FAST = 2 }; /* limbs of the two evaluations */
typedef struct phase {
    uint64_t angle[SLOW];
    int shift;
    unsigned quadrant;
    bool below; /* f < 0 */
    bool negative;
    bool zero, undefined;
} phase;

/* floor(2^192 pi/4). */
static const uint64_t quarter_pi[SLOW] = {0x29024e088a67cc74, 0xc4c6628b80dc1cd1,
                                          0xc90fdaa22168c234};

/* floor(2^192 / k!) for k = 2 .. 46, and floor(log2 k!). */
enum { FIRST = 2, LAST = 46 };
static const uint64_t inverse_factorial[LAST - FIRST + 1][SLOW] = {
    {0x0000000000000000, 0x0000000000000000, 0x8000000000000000},
    {0xaaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa, 0x2aaaaaaaaaaaaaaa},
    {0xaaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa, 0x0aaaaaaaaaaaaaaa},
    {0x2222222222222222, 0x2222222222222222, 0x0222222222222222},
    {0x5b05b05b05b05b05, 0x05b05b05b05b05b0, 0x005b05b05b05b05b},
    {0x0d00d00d00d00d00, 0x00d00d00d00d00d0, 0x000d00d00d00d00d},
    {0x01a01a01a01a01a0, 0xa01a01a01a01a01a, 0x0001a01a01a01a01},
    {0xe3bc74aad8e671f5, 0x671f5583911ca002, 0x00002e3bc74aad8e},
    {0xe392d8777c170b65, 0xd71cbbc05b4fa999, 0x0000049f93edde27},
    {0x71c7880adcbc46da, 0x138e3f9d1f92e0df, 0x0000006b99159fd5},
    {0xf425f600e7ba5b3c, 0x6c4bdaa26d4c3d67, 0x00000008f76c77fc},
    {0xd7b4269d9babdfa2, 0x43684be51c198e91, 0x00000000b092309d},
    {0xfd1f2754668c46d4, 0x603e4e905d6f8a2e, 0x000000000c9cba54},
    {0x774657f48f5eaf63, 0x399dc0f88ec32b58, 0x0000000000d73f9f},
    {0x8774657f48f5eaf6, 0xf399dc0f88ec32b5, 0x00000000000d73f9},
    {0xcbbb8d7ff53ba468, 0x3b81856a53593028, 0x000000000000ca96},
    {0x4435161554bc33cc, 0x3c31dcbecbbdd802, 0x0000000000000b41},
    {0xf61dbdcb3a5abf5b, 0xa4da340a0ab92650, 0x0000000000000097},
    {0x72b4afe3c2eaeff7, 0x950ae900808941ea, 0x0000000000000007},
    {0xbc51bf3b9b914861, 0x5c6e3bdb73d5c62f, 0x0000000000000000},
    {0x143242dfcce3b1d5, 0x04338e5b6dfe14a5, 0x0000000000000000},
    {0xb2f70e09bafec4f3, 0x002ec368262c7033, 0x0000000000000000},
    {0x7cca4b4067ca9d8a, 0x0001f2cf01972f57, 0x0000000000000000},
    {0xa8d4e44a419776f1, 0x000013f3ccdd165f, 0x0000000000000000},
    {0x72cd1c790285d358, 0x000000c4742fe352, 0x0000000000000000},
    {0x33a8c82a6863c575, 0x0000000746ac70b7, 0x0000000000000000},
    {0xd42174dcf171470d, 0x0000000042862898, 0x0000000000000000},
    {0x686b15af57c61cee, 0x00000000024b3f31, 0x0000000000000000},
    {0x5047d60e60caded4, 0x000000000013932c, 0x0000000000000000},
    {0x973c1fade2170f72, 0x000000000000a1a6, 0x0000000000000000},
    {0x34b9e0fd6f10b87b, 0x000000000000050d, 0x0000000000000000},
    {0x3024a9ba1aa36a70, 0x0000000000000027, 0x0000000000000000},
    {0x2710231c0fd7a13f, 0x0000000000000001, 0x0000000000000000},
    {0x086e2ce38b6c8f94, 0x0000000000000000, 0x0000000000000000},
    {0x003bf30652185952, 0x0000000000000000, 0x0000000000000000},
    {0x00019ec8d1c94e85, 0x0000000000000000, 0x0000000000000000},
    {0x00000aea565ce061, 0x0000000000000000, 0x0000000000000000},
    {0x00000047a6512692, 0x0000000000000000, 0x0000000000000000},
    {0x00000001ca8ed42a, 0x0000000000000000, 0x0000000000000000},
    {0x000000000b2f30e1, 0x0000000000000000, 0x0000000000000000},
    {0x0000000000442bd4, 0x0000000000000000, 0x0000000000000000},
    {0x00000000000195db, 0x0000000000000000, 0x0000000000000000},
    {0x0000000000000939, 0x0000000000000000, 0x0000000000000000},
    {0x0000000000000034, 0x0000000000000000, 0x0000000000000000},
    {0x0000000000000001, 0x0000000000000000, 0x0000000000000000},
};
static const unsigned char log2_factorial[LAST - FIRST + 1] = {
    1,   2,   4,   6,   9,   12,  15,  18,  21,  25,  28,  32,  36,  40,  44,
    48,  52,  56,  61,  65,  69,  74,  79,  83,  88,  93,  97,  102, 107, 112,
    117, 122, 127, 132, 138, 143, 148, 153, 159, 164, 169, 175, 180, 186, 191};

/* ---- reduction ---- */

enum {
    PRODUCT = PE_TURNS_LIMBS + 1, /* limbs of position * turns */
    FEWEST_FRACTION_BITS = 335    /* of quarter turns: the phase is below 2^103 radians */
};

/* product = the mantissas' product, a whole number; gives how many of its bits are fractional when
 * it is read as quarter turns. */
static int quarter_turns(const pe_turns *t, double position, uint64_t *product)
{
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(position), &exponent), 53);
    memcpy(product, t->mantissa, sizeof t->mantissa);
    product[PRODUCT - 1] = limbs_scale(PE_TURNS_LIMBS, product, mantissa);
    return -(t->exponent + exponent - 53 + 2);
}

static void reduce(const pe_turns *t, double position, phase *p)
{
    *p = (phase){.negative = (signbit(position) != 0) != t->negative,
                 .undefined = t->undefined || !isfinite(position),
                 .zero = t->zero || position == 0};
    if (p->undefined || p->zero)
        return;
    uint64_t x[PRODUCT + 1] = {0};
    int fraction_bits = quarter_turns(t, position, x), missing = fraction_bits - 64 * PRODUCT;
    p->undefined = fraction_bits < FEWEST_FRACTION_BITS;
    if (p->undefined)
        return;
    if (missing < 0) { /* there may be whole quarter turns: move them to the last limb */
        limbs_shift_left(PRODUCT + 1, x, (unsigned)-missing);
        p->below = x[PRODUCT - 1] >> 63;
        p->quadrant = ((unsigned)x[PRODUCT] + p->below) & 3;
        if (p->below)
            limbs_negate(PRODUCT, x);
        missing = 0;
    }
    int zeros = limbs_leading_zeros(PRODUCT, x);
    limbs_shift_left(PRODUCT, x, (unsigned)zeros);
    limbs_multiply_high(SLOW, p->angle, x + PRODUCT - SLOW, quarter_pi);
    p->shift = zeros + missing - 1;
}

/* ---- power series ---- */

/* The last term of the series that can reach 2^(-64 n). */
static int last_term(int first, int shift, int bits)
{
    int k = first;
    while (k + 2 <= LAST && (k + 2) * shift + log2_factorial[k + 2 - FIRST] < bits)
        k += 2;
    return k;
}

/* For the angle a: first = 2 gives v = 1 - cos(a) = a^2/2! - a^4/4! + ..., first = 3 gives
 * v = 1 - sin(a)/a = a^2/3! - a^4/5! + ..., by Horner's rule. */
static inline void series(unsigned n, int first, const uint64_t *angle, int shift, uint64_t *v)
{
    uint64_t square[SLOW];
    limbs_multiply_high(n, square, angle, angle);
    if (shift > 0)
        limbs_shift_right(n, square, 2 * (unsigned)(shift < 32 * SLOW ? shift : 32 * SLOW));
    int k = last_term(first, shift, 64 * (int)n);
    memcpy(v, inverse_factorial[k - FIRST] + SLOW - n, n * sizeof *v);
    for (k -= 2; k >= first; k -= 2) {
        limbs_multiply_high(n, v, v, square);
        limbs_subtract_from(n, v, inverse_factorial[k - FIRST] + SLOW - n);
    }
    limbs_multiply_high(n, v, v, square);
}

/* m (n limbs) and e: the sine or cosine of the reduced angle is m * 2^(e + 1 - 64 n), 2^(e) <= it <
 * 2^(e+1). */
static inline int evaluate(unsigned n, const phase *p, bool cosine, uint64_t *m)
{
    const uint64_t *angle = p->angle + SLOW - n;
    uint64_t v[SLOW];
    int e = -1;
    series(n, cosine ? 2 : 3, angle, p->shift, v);
    if (cosine) {
        limbs_negate(n, v);
        if (limbs_are_zero(n, v)) { /* 1 - v rounds to 1 */
            v[n - 1] = (uint64_t)1 << 63;
            e = 0;
        }
        memcpy(m, v, n * sizeof *m);
    } else {
        limbs_multiply_high(n, m, v, angle);
        limbs_subtract_from(n, m, angle);
        e -= p->shift;
    }
    int zeros = limb_leading_zeros(m[n - 1]);
    limbs_shift_left(n, m, (unsigned)zeros);
    return e - zeros;
}

/* ---- rounding ---- */

/* 64 bits of m, from the bit that is `from` below its top. */
static inline uint64_t window(unsigned n, const uint64_t *m, unsigned from)
{
    unsigned limb = from / 64, rest = from % 64;
    uint64_t upper = limb < n ? m[n - 1 - limb] : 0;
    uint64_t lower = limb + 1 < n ? m[n - 2 - limb] : 0;
    return rest ? upper << rest | lower >> (64 - rest) : upper;
}

typedef struct rounded {
    uint64_t high, low; /* at most 113 bits */
    int exponent;       /* of the last bit */
} rounded;

/* The leading bits of m, as many as a number of size 2^e has in a format with `digits` and `least`,
 * to nearest. False when an error of m in its last 8 bits could change the result. */
static inline bool round_leading(unsigned n, const uint64_t *m, int e, int digits, int least,
                                 rounded *r)
{
    const uint64_t half = (uint64_t)1 << 63;
    int keep = e < least ? digits - (least - e) : digits;
    *r = (rounded){.exponent = e - keep + 1};
    if (keep < 0)
        return true;
    uint64_t rest = window(n, m, (unsigned)keep);
    if (keep > 64) {
        r->high = m[n - 1] >> (128 - keep);
        r->low = m[n - 1] << (keep - 64) | m[n - 2] >> (128 - keep);
    } else if (keep > 0)
        r->low = m[n - 1] >> (64 - keep);
    uint64_t up = rest >= half;
    r->high += limb_add(&r->low, up, 0);
    return rest - (half - 4) > 8;
}

static void round_value(const phase *p, bool cosine, int digits, int least, rounded *r)
{
    uint64_t m[SLOW];
    if (digits <= DBL_MANT_DIG) {
        int e = evaluate(FAST, p, cosine, m);
        if (round_leading(FAST, m, e, digits, least, r))
            return;
    }
    int e = evaluate(SLOW, p, cosine, m);
    (void)round_leading(SLOW, m, e, digits, least, r);
}

/* ---- the three precisions ---- */

static double assemble_f64(const rounded *r)
{
    return ldexp((double)r->low, r->exponent);
}

static float assemble_f32(const rounded *r)
{
    return (float)ldexp((double)r->low, r->exponent);
}

/* Powers of two, because the library of quads need not be there: each product is exact. */
static pe_quad assemble_f128(const rounded *r)
{
    pe_quad x = (pe_quad)r->high * (pe_quad)0x1p64 + (pe_quad)r->low;
    int exponent = r->exponent;
    for (; exponent < -512; exponent += 512)
        x *= (pe_quad)0x1p-512;
    return x * (pe_quad)ldexp(1.0, exponent);
}

enum { QUAD_LEAST = PE_QUAD_DIGITS == 113 ? -16382 : LDBL_MIN_EXP - 1 };

/* In odd quadrants sine and cosine change places. */
#define EXACT(suffix, real, digits, least)                                                         \
    static real part_##suffix(const phase *p, bool cosine)                                         \
    {                                                                                              \
        if (p->undefined)                                                                          \
            return (real)NAN;                                                                      \
        if (p->zero)                                                                               \
            return cosine ? 1 : p->negative ? -(real)0 : (real)0;                                  \
        bool swap = p->quadrant & 1, of_cosine = cosine != swap;                                   \
        bool minus = !of_cosine && p->below;                                                       \
        minus ^= cosine ? p->quadrant == 1 || p->quadrant == 2 : p->quadrant >= 2;                 \
        minus ^= !cosine && p->negative;                                                           \
        rounded r;                                                                                 \
        round_value(p, of_cosine, digits, least, &r);                                              \
        return minus ? -assemble_##suffix(&r) : assemble_##suffix(&r);                             \
    }                                                                                              \
    void pe_exact_##suffix(const pe_turns *turns, size_t n, const double *position, real *sine,    \
                           real *cosine, size_t stride)                                            \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            phase p;                                                                               \
            reduce(turns, position[i], &p);                                                        \
            if (sine)                                                                              \
                sine[i * stride] = part_##suffix(&p, false);                                       \
            if (cosine)                                                                            \
                cosine[i * stride] = part_##suffix(&p, true);                                      \
        }                                                                                          \
    }

EXACT(f32, float, FLT_MANT_DIG, FLT_MIN_EXP - 1)
EXACT(f64, double, DBL_MANT_DIG, DBL_MIN_EXP - 1)
EXACT(f128, pe_quad, (int)PE_QUAD_DIGITS, QUAD_LEAST)
