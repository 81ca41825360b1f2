#include "core/quad_dot.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static pe_quad plain_dot(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y,
                         ptrdiff_t y_step)
{
    pe_quad sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i * x_step] * y[i * y_step];
    return sum;
}

#if PE_QUAD_DIGITS == 113u && defined(__SIZEOF_INT128__) && __SIZEOF_POINTER__ == 8 &&             \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

__extension__ typedef unsigned __int128 two_limbs;

enum {
    EXPONENT = 0x7fff, /* all ones: infinity or NaN */
    LIMBS = 5,
    PLACE = 62,   /* where the last bit of the product with the largest exponent stands */
    BIAS = 16607, /* of a leading bit at 0: 2 (16383 + 112) - 16383 */
};

/* A number as bits: sign and exponent in front of the 48 high ones of the fraction. */
typedef struct bits {
    uint64_t low, high;
} bits;

static inline bits bits_of(const pe_quad *x)
{
    bits b;
    memcpy(&b, x, sizeof b);
    return b;
}

static inline int exponent_of(bits b)
{
    return (int)(b.high >> 48) & EXPONENT;
}

/* The largest sum of exponents of a product that is not 0; -1: all are 0; -2: not for this way. */
static int largest_exponent(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y,
                            ptrdiff_t y_step)
{
    int largest = -1;
    for (int i = 0; i < n; i++) {
        const bits a = bits_of(x + i * x_step), b = bits_of(y + i * y_step);
        const int ea = exponent_of(a), eb = exponent_of(b);
        if (ea == EXPONENT || eb == EXPONENT)
            return -2;
        if (ea == 0 || eb == 0) {
            const bool zero_a = !(a.low | a.high << 1), zero_b = !(b.low | b.high << 1);
            if ((ea == 0 && !zero_a) || (eb == 0 && !zero_b))
                return -2; /* subnormal */
            continue;
        }
        largest = ea + eb > largest ? ea + eb : largest;
    }
    return largest;
}

/* The product of two significands, of 113 bits each. */
static inline void multiply(bits a, bits b, uint64_t product[4])
{
    const uint64_t fraction = ((uint64_t)1 << 48) - 1, one = (uint64_t)1 << 48;
    const uint64_t ah = (a.high & fraction) | one, bh = (b.high & fraction) | one;
    const two_limbs low = (two_limbs)a.low * b.low, high = (two_limbs)ah * bh;
    const two_limbs cross = (two_limbs)a.low * bh, other = (two_limbs)ah * b.low;
    const two_limbs second = (low >> 64) + (uint64_t)cross + (uint64_t)other;
    const two_limbs third = (second >> 64) + (cross >> 64) + (other >> 64) + (uint64_t)high;
    product[0] = (uint64_t)low;
    product[1] = (uint64_t)second;
    product[2] = (uint64_t)third;
    product[3] = (uint64_t)(high >> 64) + (uint64_t)(third >> 64);
}

/* Shifted to its place below the largest: left by 62 at most, right by as much as there is. */
static inline void place(const uint64_t product[4], int below, uint64_t limb[LIMBS])
{
    const int left = PLACE - below;
    if (left > 0) {
        limb[0] = product[0] << left;
        for (int i = 1; i < 4; i++)
            limb[i] = product[i] << left | product[i - 1] >> (64 - left);
        limb[4] = product[3] >> (64 - left);
        return;
    }
    const int whole = -left / 64, part = -left % 64;
    for (int i = 0; i < LIMBS; i++) {
        const uint64_t from = i + whole < 4 ? product[i + whole] : 0;
        const uint64_t next = i + whole + 1 < 4 ? product[i + whole + 1] : 0;
        limb[i] = part ? from >> part | next << (64 - part) : from;
    }
}

/* A whole number of LIMBS limbs, in two's complement. Carries wait in the upper halves. */
typedef struct total {
    two_limbs column[LIMBS];
} total;

static inline void add_product(total *t, bits a, bits b, int below)
{
    uint64_t product[4], limb[LIMBS];
    const uint64_t negative = -((a.high ^ b.high) >> 63);
    multiply(a, b, product);
    place(product, below, limb);
    for (int i = 0; i < LIMBS; i++)
        t->column[i] += limb[i] ^ negative;
    t->column[0] += negative & 1;
}

/* Bits above the lead are 0. */
static int leading_bit(const uint64_t limb[LIMBS])
{
    for (int i = LIMBS - 1; i >= 0; i--)
        if (limb[i])
            return 64 * i + 63 - __builtin_clzll(limb[i]);
    return -1;
}

static uint64_t bit_range(const uint64_t limb[LIMBS], int from) /* 64 bits; zeros below bit 0 */
{
    if (from <= -64)
        return 0;
    if (from < 0)
        return limb[0] << -from;
    const int whole = from / 64, part = from % 64;
    const uint64_t next = whole + 1 < LIMBS ? limb[whole + 1] : 0;
    return part ? limb[whole] >> part | next << (64 - part) : limb[whole];
}

static bool any_below(const uint64_t limb[LIMBS], int bit)
{
    for (int i = 0; i < LIMBS && 64 * i < bit; i++)
        if (bit - 64 * i >= 64 ? limb[i] : limb[i] << (64 - (bit - 64 * i)))
            return true;
    return false;
}

/* Carries through, and the sign apart. */
static bool settle(const total *t, uint64_t limb[LIMBS])
{
    two_limbs carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        const two_limbs sum = (t->column[i] & UINT64_MAX) + carry;
        limb[i] = (uint64_t)sum;
        carry = (t->column[i] >> 64) + (sum >> 64);
    }
    const bool negative = limb[LIMBS - 1] >> 63;
    two_limbs more = negative;
    for (int i = 0; negative && i < LIMBS; i++) {
        more += (uint64_t)~limb[i];
        limb[i] = (uint64_t)more;
        more >>= 64;
    }
    return negative;
}

/* To the nearest, ties to even. False: beyond the range of normal numbers. */
static bool round_total(const total *t, int largest, pe_quad *result)
{
    uint64_t limb[LIMBS];
    const bool negative = settle(t, limb);
    const int lead = leading_bit(limb);
    *result = 0;
    if (lead < 0)
        return true;
    int exponent = lead + largest - PLACE - BIAS;
    bits b = {bit_range(limb, lead - 112), bit_range(limb, lead - 48)};
    b.high &= ((uint64_t)1 << 48) - 1;
    const bool half = bit_range(limb, lead - 113) & 1, rest = any_below(limb, lead - 113);
    if (half && (rest || (b.low & 1))) {
        b.low++;
        b.high += b.low == 0;
        exponent += (int)(b.high >> 48);
        b.high &= ((uint64_t)1 << 48) - 1;
    }
    if (exponent <= 0 || exponent >= EXPONENT)
        return false;
    b.high |= (uint64_t)exponent << 48 | (uint64_t)negative << 63;
    memcpy(result, &b, sizeof *result);
    return true;
}

pe_quad pe_quad_dot(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y, ptrdiff_t y_step)
{
    const int largest = largest_exponent(n, x, x_step, y, y_step);
    total t = {{0}};
    pe_quad result;
    if (largest == -1)
        return 0;
    for (int i = 0; largest > 0 && i < n; i++) {
        const bits a = bits_of(x + i * x_step), b = bits_of(y + i * y_step);
        const int ea = exponent_of(a), eb = exponent_of(b);
        if (ea && eb && largest - ea - eb < 226 + PLACE)
            add_product(&t, a, b, largest - ea - eb);
    }
    return largest > 0 && round_total(&t, largest, &result) ? result
                                                            : plain_dot(n, x, x_step, y, y_step);
}

#else

pe_quad pe_quad_dot(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y, ptrdiff_t y_step)
{
    return plain_dot(n, x, x_step, y, y_step);
}

#endif
