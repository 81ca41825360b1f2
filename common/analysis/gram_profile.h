/* The Gram matrix of a table by distance, without the matrix (METRICS D1): for P (T,d), row t the
 * code of position t, and every distance k, mean and second moment of P_i . P_{i+k} over i. */
#ifndef PE_ANALYSIS_GRAM_PROFILE_H
#define PE_ANALYSIS_GRAM_PROFILE_H

#include "base/status.h"

#include <stddef.h>

/* mean and second: T numbers each, the caller's; k = 0 .. T-1. Products are summed in float, so
 * that one is off by at most (d + 2) 2^-24 |P_i| |P_j|; sums over i are in double. Half the
 * products of the matrix, by all threads; the bytes do not depend on their number. Memory: a copy
 * of the table and 16 accumulators of 2 T doubles. PE_USAGE    T or d is 0, or beyond 2^31
 *   PE_FORMAT   a product is not finite: the first distance is named
 *   PE_MEMORY */
pe_status pe_gram_profile(const float *P, size_t T, size_t d, double *mean, double *second,
                          pe_error *err);

#endif
