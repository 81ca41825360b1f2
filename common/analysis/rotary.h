/* The decay bound of rotary logits (METRICS D6): RoFormer, arXiv:2104.09864, section 3.4.3.
 * |A(k)| <= max_i |h_{i+1} - h_i| * sum_j |S_j|,  S_j = sum_{i<j} exp(i k w_i), j = 1..h.
 * It bounds the worst case for smooth h, is not monotone and has a floor. */
#ifndef PE_ANALYSIS_ROTARY_H
#define PE_ANALYSIS_ROTARY_H

#include "analysis/kernel.h"
#include "base/status.h"

#include <stddef.h>

/* bound[m] = (1/h) sum_{j=1..h} |S_j| at offset k[m], m = 0..n-1; (h+1)/2 at k = 0. PE_FORMAT when
 * an offset is not finite; arguments as pe_frequencies. */
pe_status pe_rotary_bound(size_t d, double base, pe_frequency_rule rule, const double *k,
                          double *bound, size_t n, pe_error *err);

#endif
