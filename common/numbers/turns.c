/* A frequency scale * base^(-numerator / denominator) in turns, to 384 bits: logarithm and
 * exponential of fixed-point numbers by their power series. */
#include "numbers/exact.h"
#include "numbers/limbs.h"

#include <stdlib.h>

/* Fixed point: 448 fractional bits and one limb of whole numbers; differences in two's
 * complement. */
enum { FRACTION = 7, FIXED = FRACTION + 1, FRACTION_BITS = 64 * FRACTION };
typedef uint64_t fixed[FIXED];

/* floor(2^448 ln 2) and floor(2^448 / (2 pi)). */
static const fixed ln2 = {
    0xed2eae35c1382144, 0x559552fb4afa1b10, 0xe7b876206debac98, 0x8a0d175b8baafa2b,
    0x40f343267298b62d, 0xc9e3b39803f2f6af, 0xb17217f7d1cf79ab, 0};
static const uint64_t per_turn[FRACTION] = {
    0x3f877ac72c4a69cf, 0x01924bba82746487, 0x6dc91b8e909374b8, 0x7f9458eaf7aef158,
    0x36d8a5664f10e410, 0x7f09d5f47d4d3770, 0x28be60db9391054a};

static const double ln2_double = 0.69314718055994530942;

/* Frequencies outside 2^-32768 .. 2^32768 are not represented. */
enum { WIDEST_LOG_BITS = 15 };

static void fixed_multiply(uint64_t *out, const uint64_t *a, const uint64_t *b)
{
    uint64_t product[2 * FIXED];
    limbs_multiply(FIXED, a, FIXED, b, product);
    memcpy(out, product + FRACTION, sizeof(fixed));
}

/* x = mantissa * 2^exponent, mantissa with 53 bits, for x > 0. */
static uint64_t split(double x, int *exponent)
{
    uint64_t mantissa = (uint64_t)ldexp(frexp(x, exponent), 53);
    *exponent -= 53;
    return mantissa;
}

/* atanh(p / q) for p / q < 1/5: z + z^3/3 + z^5/5 + ... */
static void inverse_tanh(uint64_t p, uint64_t q, uint64_t *sum)
{
    fixed power = {0}, square, term;
    power[FRACTION] = p;
    limbs_divide(FIXED, power, q);
    fixed_multiply(square, power, power);
    memcpy(sum, power, sizeof(fixed));
    for (uint32_t k = 3; !limbs_are_zero(FIXED, power); k += 2) {
        fixed_multiply(power, power, square);
        memcpy(term, power, sizeof term);
        limbs_divide_small(FIXED, term, k);
        limbs_add(FIXED, sum, term);
    }
}

/* |ln x| for x > 0; true when ln x < 0. With x = m 2^e, m around 1:
 * ln x = e ln 2 + 2 atanh((m - 1) / (m + 1)). */
static bool logarithm(double x, uint64_t *out)
{
    const uint64_t one = (uint64_t)1 << 53;
    int exponent;
    uint64_t m = split(x, &exponent);
    exponent += 53;
    if ((double)m < 0.70710678 * (double)one) {
        m *= 2;
        exponent--;
    }
    inverse_tanh(m < one ? one - m : m - one, m + one, out);
    limbs_shift_left(FIXED, out, 1);
    if (m < one)
        limbs_negate(FIXED, out);
    fixed whole;
    memcpy(whole, ln2, sizeof whole);
    limbs_scale(FIXED, whole, (uint64_t)abs(exponent));
    if (exponent < 0)
        limbs_subtract(FIXED, out, whole);
    else
        limbs_add(FIXED, out, whole);
    bool negative = out[FRACTION] >> 63;
    if (negative)
        limbs_negate(FIXED, out);
    return negative;
}

/* exp(r) for 0 <= r < 0.7: the series at r / 2^16, then 16 squarings. */
static void exponential(uint64_t *r)
{
    enum { HALVINGS = 16 };
    fixed sum = {0}, term = {0};
    sum[FRACTION] = term[FRACTION] = 1;
    limbs_shift_right(FIXED, r, HALVINGS);
    for (uint32_t k = 1; !limbs_are_zero(FIXED, term); k++) {
        fixed_multiply(term, term, r);
        limbs_divide_small(FIXED, term, k);
        limbs_add(FIXED, sum, term);
    }
    for (int i = 0; i < HALVINGS; i++)
        fixed_multiply(sum, sum, sum);
    memcpy(r, sum, sizeof sum);
}

/* x * p / q for p, q > 0; false when the result is 2^15 or more. The product by a mantissa of 53
 * bits fits: |ln x| < 746 for every double x. */
static bool times_quotient(uint64_t *x, double p, double q)
{
    int up, down;
    uint64_t over = split(p, &up), under = split(q, &down);
    limbs_scale(FIXED, x, over);
    limbs_divide(FIXED, x, under);
    int shift = up - down, room = limbs_leading_zeros(FIXED, x) - (64 - WIDEST_LOG_BITS);
    if (limbs_are_zero(FIXED, x))
        return true;
    if (shift > room)
        return false;
    if (shift >= 0)
        limbs_shift_left(FIXED, x, (unsigned)shift);
    else
        limbs_shift_right(FIXED, x, (unsigned)-shift);
    return true;
}

/* y := m, exp(+-y) = m * 2^(result) with 1 <= m < 2.0001. The whole part is chosen a little low
 * (or high), so that what is left for the series is never negative. */
static int split_power(uint64_t *y, bool negative)
{
    const double margin = 1e-9;
    double estimate = ((double)y[FRACTION] + ldexp((double)y[FRACTION - 1], -64)) / ln2_double;
    double k = negative ? ceil(estimate + margin) : fmax(0, floor(estimate - margin));
    fixed whole;
    memcpy(whole, ln2, sizeof whole);
    limbs_scale(FIXED, whole, (uint64_t)k);
    limbs_subtract(FIXED, y, whole);
    if (negative)
        limbs_negate(FIXED, y);
    exponential(y);
    return negative ? -(int)k : (int)k;
}

/* turns := power * 2^exponent * |scale| / (2 pi), rounded down: the sine of a tiny phase lies just
 * below it, and so must what we make of it, where the phase is halfway between two floats. */
static void assemble(pe_turns *turns, const uint64_t *power, int exponent, double scale)
{
    uint64_t product[FIXED + FRACTION];
    int scale_exponent;
    uint64_t mantissa = split(fabs(scale), &scale_exponent);
    limbs_multiply(FIXED, power, FRACTION, per_turn, product);
    uint64_t *top = product + FRACTION; /* FRACTION_BITS fractional bits */
    limbs_scale(FIXED, top, mantissa);
    int zeros = limbs_leading_zeros(FIXED, top);
    limbs_shift_left(FIXED, top, (unsigned)zeros);
    const uint64_t slack[PE_TURNS_LIMBS] = {2};
    memcpy(turns->mantissa, top + FIXED - PE_TURNS_LIMBS, sizeof turns->mantissa);
    limbs_subtract(PE_TURNS_LIMBS, turns->mantissa, slack);
    turns->exponent =
        64 * (FIXED - PE_TURNS_LIMBS) - FRACTION_BITS - zeros + exponent + scale_exponent;
    turns->negative = signbit(scale);
}

void pe_turns_prepare(pe_turns *turns, const pe_frequency *f)
{
    *turns = (pe_turns){0};
    turns->undefined = !isfinite(f->scale) || !(f->base > 0) || !isfinite(f->base) ||
                       !isfinite(f->numerator) || !isfinite(f->denominator) || f->denominator == 0;
    turns->zero = f->scale == 0;
    turns->negative = signbit(f->scale);
    if (turns->undefined || turns->zero)
        return;
    fixed power = {0};
    bool shrinks = !logarithm(f->base, power);
    if (signbit(f->numerator) != signbit(f->denominator))
        shrinks = !shrinks;
    if (f->numerator == 0)
        memset(power, 0, sizeof power);
    else if (!times_quotient(power, fabs(f->numerator), fabs(f->denominator))) {
        turns->zero = shrinks;
        turns->undefined = !shrinks;
        return;
    }
    int exponent = split_power(power, shrinks && !limbs_are_zero(FIXED, power));
    assemble(turns, power, exponent, f->scale);
}
