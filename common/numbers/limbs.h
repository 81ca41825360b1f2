/* Whole numbers of n limbs of 64 bits, least significant limb first: what exact.c and turns.c need
 * and no more. Private to this folder and its test. Without a 128-bit type (or with
 * PE_NO_INT128, for the test) products are put together from 32-bit halves. */
#ifndef PE_NUMBERS_LIMBS_H
#define PE_NUMBERS_LIMBS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The low limb of a * b; the high one goes to *high. */
static inline uint64_t limb_multiply(uint64_t a, uint64_t b, uint64_t *high)
{
#if defined(__SIZEOF_INT128__) && !defined(PE_NO_INT128)
    __extension__ typedef unsigned __int128 two_limbs;
    two_limbs product = (two_limbs)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
#else
    const uint64_t mask = 0xffffffffu;
    uint64_t low = (a & mask) * (b & mask), cross = (a >> 32) * (b & mask);
    uint64_t middle = (a & mask) * (b >> 32) + (low >> 32) + (cross & mask);
    *high = (a >> 32) * (b >> 32) + (cross >> 32) + (middle >> 32);
    return middle << 32 | (low & mask);
#endif
}

static inline int limb_leading_zeros(uint64_t x) /* x != 0 */
{
    return __builtin_clzll(x);
}

/* x += y + carry; the new carry. */
static inline uint64_t limb_add(uint64_t *x, uint64_t y, uint64_t carry)
{
    uint64_t sum = *x + y, total = sum + carry;
    carry = (uint64_t)(sum < y) + (uint64_t)(total < sum);
    *x = total;
    return carry;
}

/* x -= y + borrow; the new borrow. */
static inline uint64_t limb_subtract(uint64_t *x, uint64_t y, uint64_t borrow)
{
    uint64_t difference = *x - y, total = difference - borrow;
    borrow = (uint64_t)(*x < y) + (uint64_t)(difference < borrow);
    *x = total;
    return borrow;
}

static inline void limbs_add(unsigned n, uint64_t *x, const uint64_t *y)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n; i++)
        carry = limb_add(&x[i], y[i], carry);
}

static inline void limbs_subtract(unsigned n, uint64_t *x, const uint64_t *y)
{
    uint64_t borrow = 0;
    for (unsigned i = 0; i < n; i++)
        borrow = limb_subtract(&x[i], y[i], borrow);
}

/* x = y - x. */
static inline void limbs_subtract_from(unsigned n, uint64_t *x, const uint64_t *y)
{
    uint64_t borrow = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t difference = y[i];
        borrow = limb_subtract(&difference, x[i], borrow);
        x[i] = difference;
    }
}

static inline void limbs_negate(unsigned n, uint64_t *x) /* 2^(64n) - x */
{
    uint64_t carry = 1;
    for (unsigned i = 0; i < n; i++) {
        x[i] = ~x[i] + carry;
        carry = carry && x[i] == 0;
    }
}

static inline bool limbs_are_zero(unsigned n, const uint64_t *x)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < n; i++)
        any |= x[i];
    return any == 0;
}

static inline int limbs_leading_zeros(unsigned n, const uint64_t *x) /* 64n for 0 */
{
    for (unsigned i = n; i-- > 0;)
        if (x[i])
            return 64 * (int)(n - 1 - i) + limb_leading_zeros(x[i]);
    return 64 * (int)n;
}

/* x * 2^bits without what leaves at the top; bits >= 0. */
static inline void limbs_shift_left(unsigned n, uint64_t *x, unsigned bits)
{
    unsigned limbs = bits / 64, rest = bits % 64;
    for (unsigned i = n; i-- > 0;) {
        uint64_t upper = i >= limbs ? x[i - limbs] : 0;
        uint64_t lower = i > limbs ? x[i - limbs - 1] : 0;
        x[i] = rest ? upper << rest | lower >> (64 - rest) : upper;
    }
}

/* floor(x / 2^bits). */
static inline void limbs_shift_right(unsigned n, uint64_t *x, unsigned bits)
{
    unsigned limbs = bits / 64, rest = bits % 64;
    for (unsigned i = 0; i < n; i++) {
        uint64_t lower = limbs < n - i ? x[i + limbs] : 0;
        uint64_t upper = limbs + 1 < n - i ? x[i + limbs + 1] : 0;
        x[i] = rest ? lower >> rest | upper << (64 - rest) : lower;
    }
}

/* x *= m; what leaves at the top. */
static inline uint64_t limbs_scale(unsigned n, uint64_t *x, uint64_t m)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t high, low = limb_multiply(x[i], m, &high);
        low += carry;
        carry = high + (low < carry);
        x[i] = low;
    }
    return carry;
}

/* x = floor(x / d) for a small d, in halves so that 64-bit division does. */
static inline void limbs_divide_small(unsigned n, uint64_t *x, uint32_t d)
{
    uint64_t rest = 0;
    for (unsigned i = n; i-- > 0;) {
        uint64_t upper = rest << 32 | x[i] >> 32;
        uint64_t lower = upper % d << 32 | (x[i] & 0xffffffffu);
        x[i] = upper / d << 32 | lower / d;
        rest = lower % d;
    }
}

/* x = floor(x / d), d < 2^63, one bit at a time. */
static inline void limbs_divide(unsigned n, uint64_t *x, uint64_t d)
{
    uint64_t rest = 0;
    for (unsigned i = n; i-- > 0;)
        for (unsigned bit = 64; bit-- > 0;) {
            rest = rest << 1 | (x[i] >> bit & 1);
            uint64_t fits = rest >= d;
            rest -= fits ? d : 0;
            x[i] = (x[i] & ~((uint64_t)1 << bit)) | fits << bit;
        }
}

/* out (n + m limbs) = a (n) * b (m); out is neither a nor b. */
static inline void limbs_multiply(unsigned n, const uint64_t *a, unsigned m, const uint64_t *b,
                                  uint64_t *out)
{
    memset(out, 0, (n + m) * sizeof *out);
    for (unsigned j = 0; j < m; j++) {
        uint64_t carry = 0;
        for (unsigned i = 0; i < n; i++) {
            uint64_t high, low = limb_multiply(a[i], b[j], &high);
            high += limb_add(&low, carry, 0);
            high += limb_add(&out[i + j], low, 0);
            carry = high;
        }
        out[n + j] = carry;
    }
}

/* out = a * b / 2^(64n) for n = 2 or 3, rounded down by less than 2n units of its last limb: the
 * products that could only carry into it are left out. out may be a or b. Written out because all
 * the time of exact.c goes here. */
static inline void limbs_multiply_high(unsigned n, uint64_t *out, const uint64_t *a,
                                       const uint64_t *b)
{
    uint64_t x, y, z, low, carry;
    if (n == 2) {
        low = limb_multiply(a[1], b[1], &y);
        (void)limb_multiply(a[0], b[1], &x);
        y += limb_add(&low, x, 0);
        (void)limb_multiply(a[1], b[0], &x);
        y += limb_add(&low, x, 0);
        out[0] = low;
        out[1] = y;
        return;
    }
    uint64_t low0, low1, high0 = 0, high1;
    (void)limb_multiply(a[0], b[2], &low0);
    (void)limb_multiply(a[1], b[1], &x);
    high0 += limb_add(&low0, x, 0);
    (void)limb_multiply(a[2], b[0], &x);
    high0 += limb_add(&low0, x, 0);
    x = limb_multiply(a[1], b[2], &y);
    carry = limb_add(&low0, x, 0);
    low1 = limb_multiply(a[2], b[2], &high1);
    high1 += limb_add(&low1, y, carry);
    x = limb_multiply(a[2], b[1], &z);
    carry = limb_add(&low0, x, 0);
    high1 += limb_add(&low1, z, carry);
    high1 += limb_add(&low1, high0, 0);
    out[0] = low0;
    out[1] = low1;
    out[2] = high1;
}

#endif
