/* Ridge regression: a linear map with an intercept, of which the size is penalised. */
#ifndef PE_ANALYSIS_RIDGE_H
#define PE_ANALYSIS_RIDGE_H

#include "base/status.h"

#include <stddef.h>

/* Minimises |y - w[d] - X w|^2 + ridge |w|^2 over w (d numbers and the intercept w[d]), by QR of
 * the augmented system with centred columns, so that the intercept is free of the penalty. No
 * normal equations: their condition number is the square, and a ridge of 1e-8 would drown.
 * X is (n,d), y (n), lent; ridge > 0, n >= 2, d >= 1.
 *   PE_USAGE, PE_MEMORY, PE_FORMAT for what is not finite */
pe_status pe_ridge_fit(const double *X, const double *y, size_t n, size_t d, double ridge,
                       double *w, pe_error *err);
double pe_ridge_predict(const double *w, const double *x, size_t d);

#endif
