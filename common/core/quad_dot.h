/* Inner products in quad, four times as fast as a loop over software arithmetic, and closer. */
#ifndef PE_CORE_QUAD_DOT_H
#define PE_CORE_QUAD_DOT_H

#include "posenc_types.h"

#include <stddef.h>

/* sum_i x[i * x_step] * y[i * y_step], i = 0 .. n-1; n <= 0 gives 0.
 *
 * Where quad is IEEE binary128, products are whole numbers of 226 bits that are added up in a fixed
 * point of 320 bits under the largest of them, and rounded once (Kulisch and Miranker 1981 with a
 * shorter accumulator): with s the exact sum, |result - s| <= 2^-113 |s| + n 2^-286 max |x_i y_i|.
 * The order of the terms does not matter. Infinities, NaN, subnormal numbers and sums beyond the
 * range go through the plain loop, as does everything where quad is another type. */
pe_quad pe_quad_dot(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y, ptrdiff_t y_step);

#endif
