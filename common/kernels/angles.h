/* Sine and cosine by vectors: include with HERE, HERE_INLINE and turn_eight set, which does eight
 * angles up to PE_NEAR_ANGLE. Private to this room. */
#ifndef PE_KERNELS_ANGLES_H
#define PE_KERNELS_ANGLES_H

#include <math.h>
#include <string.h>

/* An angle is k pi/2 + r, |r| <= pi/4; pi/2 in two doubles, so that k pi/2 has 106 bits, and r a
 * relative error of 2^-52 for every float up to here. */
#define PE_NEAR_ANGLE   0x1p20f
#define PE_TWO_OVER_PI  0x1.45f306dc9c883p-1
#define PE_HALF_PI      0x1.921fb54442d18p+0
#define PE_HALF_PI_REST 0x1.1a62633145c07p-54

/* sin r = r (1 - r^2/3! + ...) to r^13, cos r to r^12, the last term first: remainders 2e-14 and
 * 4e-13, a hundred-thousandth of an ulp of a float. */
enum { PE_SERIES = 7 };
static const double pe_sine_series[PE_SERIES] = {
    1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1};
static const double pe_cosine_series[PE_SERIES] = {
    1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2, 1};

#endif

/* The quadrant, k modulo 4: odd ones exchange sine and cosine, and two of four turn the sign. */
HERE_INLINE void to_quadrant(__m256i quadrant, __m256 s, __m256 c, __m256 *sine, __m256 *cosine)
{
    const __m256i one = _mm256_set1_epi32(1), two = _mm256_set1_epi32(2);
    const __m256 odd =
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(quadrant, one), one));
    const __m256i minus_s = _mm256_slli_epi32(_mm256_and_si256(quadrant, two), 30);
    const __m256i minus_c =
        _mm256_slli_epi32(_mm256_and_si256(_mm256_add_epi32(quadrant, one), two), 30);
    *sine = _mm256_xor_ps(_mm256_blendv_ps(s, c, odd), _mm256_castsi256_ps(minus_s));
    *cosine = _mm256_xor_ps(_mm256_blendv_ps(c, s, odd), _mm256_castsi256_ps(minus_c));
}
