/* Principal components of a table of codes P (T,d), row t the code of position t (METRICS 4.2). */
#ifndef PE_ANALYSIS_COMPONENTS_H
#define PE_ANALYSIS_COMPONENTS_H

#include "base/status.h"

#include <stddef.h>

/* The first n principal components, n <= min(T,d): scores (T,n) of the centred rows, axes (n,d) of
 * length 1, and share[n] of the variance each carries. Any of the three may be NULL. Sign: the
 * entry of an axis largest in size is positive. PE_FORMAT when all rows are equal. */
pe_status pe_principal_components(const double *P, size_t T, size_t d, size_t n, double *scores,
                                  double *axes, double *share, pe_error *err);

#endif
