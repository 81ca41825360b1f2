/* Exact sinusoids: sine and cosine of position * frequency as if computed with infinite precision
 * and rounded once. The frequency is a real number, scale * base^(-numerator / denominator) radians
 * per unit of the position, never rounded to a double. No library: whole-number arithmetic only.
 *
 * How (the usual large-argument reduction, Payne and Hanek 1983, with a frequency in place of 1):
 * the frequency is kept in turns, frequency / (2 pi), with 384 significant bits. position times
 * turns is then exact but for these, whole turns are dropped, and what is left to the nearest
 * quarter turn is normalised, so that its relative accuracy does not suffer near a zero. Its sine
 * and cosine come from their power series on 128 bits; when those do not decide the rounding, on
 * 192.
 *
 * Accuracy: every result differs from the exact value, before its one rounding, by less than 2^-120
 * of itself for phases below 2^100 radians. Such a phase that is
 * not 0 is an algebraic number, so its sine and cosine are never ties (Lindemann 1882), and a float
 * or double is misrounded only when the exact value lies that close to a tie: about once in 2^60
 * doubles, if digits are random. Quads are good to 0.501 ulp. */
#ifndef PE_NUMBERS_EXACT_H
#define PE_NUMBERS_EXACT_H

#include "posenc_types.h"

enum { PE_TURNS_LIMBS = 6 };

/* A prepared frequency: |frequency| / (2 pi) = mantissa * 2^exponent, mantissa a whole number with
 * its top bit set, least significant limb first. Plain data; read it, but do not make one up. */
typedef struct pe_turns {
    uint64_t mantissa[PE_TURNS_LIMBS];
    int32_t exponent;
    bool negative; /* the sign of scale */
    bool zero;     /* scale is 0, or the frequency is below 2^-32768 */
    bool undefined;
} pe_turns;

/* About 15 microseconds. Undefined (all results NaN) when a part is not finite, base <= 0,
 * denominator = 0, or the frequency is above 2^32768. */
void pe_turns_prepare(pe_turns *turns, const pe_frequency *frequency);

/* sine[i * stride] and cosine[i * stride], i = 0 .. n-1, of position[i] * frequency. Positions are
 * any finite numbers, whole or not, of either sign; NaN comes out for one that is not finite and
 * for a phase of 2^103 radians or more (from 2^101 on, it may). sine or cosine may be NULL when it
 * is not wanted. A zero phase gives a zero sine with the sign of position * scale. */
void pe_exact_f32(const pe_turns *turns, size_t n, const double *position, float *sine,
                  float *cosine, size_t stride);
void pe_exact_f64(const pe_turns *turns, size_t n, const double *position, double *sine,
                  double *cosine, size_t stride);
void pe_exact_f128(const pe_turns *turns, size_t n, const double *position, pe_quad *sine,
                   pe_quad *cosine, size_t stride);

#endif
