/* Additive biases over distance, read from the numbers alone (METRICS D7): b[r] is the bias at
 * distance r = 0..n-1 (one side of a profile). */
#ifndef PE_ANALYSIS_BIAS_H
#define PE_ANALYSIS_BIAS_H

#include "base/status.h"

#include <stddef.h>

/* Smallest window w such that the softmax of b gives distances 0..w-1 at least `share` of the
 * weight, 0 < share < 1; between 1 and n. The row must be long enough to hold the rest of the
 * weight, or the horizon comes out short: for a slope m take n of several ln(1/(1-share))/m.
 * -inf entries weigh nothing; NaN, +inf or nothing finite is PE_FORMAT. */
pe_status pe_bias_horizon(const double *b, size_t n, double share, size_t *window, pe_error *err);

/* Starts of the steps of a staircase: start[0] = 0, then every r with |b[r] - b[r-1]| > tolerance.
 * starts has room for n; *count is how many were written. Finite b only; tolerance >= 0. */
pe_status pe_bias_steps(const double *b, size_t n, double tolerance, size_t *starts, size_t *count,
                        pe_error *err);

/* Resolution distance: the smallest r from which on b varies by no more than tolerance in all;
 * n - 1 means that it still changes at the last distance (never constant). */
pe_status pe_bias_resolution(const double *b, size_t n, double tolerance, size_t *distance,
                             pe_error *err);

#endif
