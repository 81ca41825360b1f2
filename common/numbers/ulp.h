/* How wrong a result is. The reference is an unevaluated sum hi + lo of two doubles (hi the sum
 * rounded to double), so that errors far below the last bit of a double can be seen. */
#ifndef PE_NUMBERS_ULP_H
#define PE_NUMBERS_ULP_H

#include "numbers/format.h"

/* |result - (hi + lo)|, correct to a few parts in 2^53 of itself. */
double pe_error_absolute(double result, double hi, double lo);

/* The unit in the last place of the format at the real number r = hi + lo, after Goldberg 1991,
 * carried over to real numbers:
 *     ulp(r) = 2^(max(e, least) - digits + 1),   2^e <= |r| < 2^(e+1).
 * So it is the spacing of the format's numbers around r, the constant spacing of the subnormal
 * numbers below 2^least, and at a power of two the spacing above it; hi = 2^e with lo < 0 lies
 * below it. A correctly rounded result is never off by more than 0.5. NaN when r is not finite, 0
 * for PE_UNROUNDED. */
double pe_ulp(pe_format format, double hi, double lo);

/* The absolute error divided by pe_ulp(format, hi, lo): +infinity when exactly one of result and
 * reference is finite, 0 for the same infinity, NaN when either is NaN. */
double pe_error_ulp(pe_format format, double result, double hi, double lo);

/* |a - b| in radians, brought to [0, pi] by whole turns. The turn is 2 pi as a double, so this
 * loses about 4e-17 radians per radian of a - b. */
double pe_wrapped_difference(double a, double b);

/* The angle in [0, pi] between the directions (cosine, sine) and (reference_cosine,
 * reference_sine): the phase error of a table's entry, without ever forming the two phases. */
double pe_phase_error(double sine, double cosine, double reference_sine, double reference_cosine);

#endif
