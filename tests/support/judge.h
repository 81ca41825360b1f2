/* A reproducible stream of numbers, and MPFR as the judge. */
#ifndef PE_TESTS_SUPPORT_JUDGE_H
#define PE_TESTS_SUPPORT_JUDGE_H

#include "numbers/format.h"

#include <mpfr.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t draw_below(uint64_t *state, uint64_t n)
{
    return draw(state) % n;
}

static inline double draw_unit(uint64_t *state) /* in [0, 1) */
{
    return (double)(draw(state) >> 11) * 0x1p-53;
}

/* Either sign, exponents from low to high, 53 random bits. */
static inline double draw_double(uint64_t *state, int low, int high)
{
    int exponent = low + (int)draw_below(state, (uint64_t)(high - low + 1));
    double x = ldexp(1 + draw_unit(state), exponent);
    return draw(state) & 1 ? -x : x;
}

/* The same number or both NaN; zeros of different sign are different. */
static inline bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

/* x exactly, as the sum of three doubles: raised first, so that none of them is subnormal. Needs
 * |x| < 2^1000 or x infinite. */
static inline void set_quad(mpfr_t to, pe_quad x)
{
    long raised = 0;
    for (; x != 0 && x < (pe_quad)0x1p-500 && x > (pe_quad)-0x1p-500; raised += 500)
        x *= (pe_quad)0x1p500;
    mpfr_set_d(to, (double)x, MPFR_RNDN);
    for (int part = 1; part < 3 && mpfr_number_p(to); part++) {
        x -= (pe_quad)(double)x;
        if (x != 0) /* -0 + 0 would be 0 */
            mpfr_add_d(to, to, (double)x, MPFR_RNDN);
    }
    mpfr_div_2si(to, to, raised, MPFR_RNDN);
}

#endif
