/* Straight lines: y = intercept + slope x by least squares, also on logarithms. Every x and y must
 * be finite (PE_FORMAT), n >= 3 (so that an error can be stated) and x not all equal (PE_FORMAT).
 */
#ifndef PE_ANALYSIS_FIT_H
#define PE_ANALYSIS_FIT_H

#include "base/status.h"

#include <stddef.h>

typedef struct pe_line {
    double intercept, slope;
    double intercept_se, slope_se; /* standard errors from the residuals, n-2 degrees of freedom */
    double r2;                     /* 1 - residual/total; 1 when all y are equal */
} pe_line;

pe_status pe_fit_line(const double *x, const double *y, size_t n, pe_line *out, pe_error *err);

/* y = c x^slope: a line through (ln x, ln y); intercept = ln c. x, y > 0, else PE_FORMAT. The
 * exponent of a power-law decay is -slope. */
pe_status pe_fit_power(const double *x, const double *y, size_t n, pe_line *out, pe_error *err);

/* y = c exp(slope x): a line through (x, ln y); intercept = ln c. y > 0. The decay length is
 * -1/slope. */
pe_status pe_fit_exponential(const double *x, const double *y, size_t n, pe_line *out,
                             pe_error *err);

/* y = c + slope ln x: the logarithmic decay of a table of sines and cosines. x > 0. */
pe_status pe_fit_logarithm(const double *x, const double *y, size_t n, pe_line *out, pe_error *err);

#endif
