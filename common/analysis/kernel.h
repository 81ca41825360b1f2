/* Closed forms of the distance kernel of a table of sines and cosines: what D1 must give.
 * h = d/2 pairs, base B, frequencies w_i, k an offset in positions. */
#ifndef PE_ANALYSIS_KERNEL_H
#define PE_ANALYSIS_KERNEL_H

#include "base/status.h"

#include <stddef.h>

typedef enum pe_frequency_rule {
    PE_FREQUENCIES_PAPER,          /* w_i = B^(-2i/d), Vaswani et al. 2017, section 3.5 */
    PE_FREQUENCIES_HALF_MINUS_ONE, /* w_i = B^(-i/(h-1)), the tensor2tensor code */
} pe_frequency_rule;

/* w[0..h-1]. d even and >= 2 (>= 4 for the second rule), base > 1 and finite; else PE_USAGE. */
pe_status pe_frequencies(size_t d, double base, pe_frequency_rule rule, double *w, pe_error *err);

/* G(k) = sum_i cos(w_i k) for k = 0..n-1: PE(t).PE(t+k) for every t. */
pe_status pe_cosine_kernel(size_t d, double base, pe_frequency_rule rule, double *G, size_t n,
                           pe_error *err);

/* g(k) for d to infinity: [Ci(k) - Ci(k/B)] / ln B; 1 at k = 0. k >= 0. */
pe_status pe_kernel_limit(double base, double k, double *g, pe_error *err);

/* Its middle range 1 << k << B: 1 - (ln k + gamma) / ln B, gamma = 0.5772.. (Euler). k > 0. */
pe_status pe_kernel_log_law(double base, double k, double *g, pe_error *err);

#endif
