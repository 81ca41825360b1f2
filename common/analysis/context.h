/* How far back a model looks, from the gradients of its last output (METRICS 4.5; Chi, Fan,
 * Rudnicky, Ramadge 2023, arXiv:2212.10356, section 5). */
#ifndef PE_ANALYSIS_CONTEXT_H
#define PE_ANALYSIS_CONTEXT_H

#include "base/status.h"

#include <stddef.h>

/* norm[m] >= 0 is the size of the gradient by the row of token m, m = n-1 the most recent.
 * share (n, or NULL): share[w-1] is what the most recent w tokens have of the sum. *window: the
 * smallest w whose share exceeds the threshold, 0 < threshold < 1.
 *   PE_USAGE, PE_FORMAT when a norm is negative or not finite, or all are 0 */
pe_status pe_effective_context(const double *norm, size_t n, double threshold, double *share,
                               size_t *window, pe_error *err);

#endif
