/* Does a nearer position score higher? Exact counts over all triples (METRICS D3).
 *
 * Triples (i; a, b): a, b != i and |a-i| < |b-i|. Concordant when m_ia > m_ib, discordant when
 * m_ia < m_ib, tied when equal. tau = C - D, as Kendall's tau-a on the pairs of unequal distance.
 * Tie rule: equality of doubles, bit for bit (0 and -0 are equal); a tolerance would not be
 * transitive. Round the matrix first when rounding noise should count as a tie. */
#ifndef PE_ANALYSIS_CONCORDANCE_H
#define PE_ANALYSIS_CONCORDANCE_H

#include "analysis/region.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pe_concordance {
    uint64_t triples;                    /* 0 when no two distances differ: then the shares are 0 */
    double concordant, discordant, tied; /* shares, add to 1 */
    double tau;                          /* [-1, 1]; 0 = no sense of distance */
} pe_concordance;

/* m is (T,T), region ALL (both sides together) or CAUSAL (j < i only); the diagonal never counts.
 * O(T^2 log T) time, O(T) memory. PE_FORMAT for NaN or infinity in the region. */
pe_status pe_concordance_of(const double *m, size_t T, pe_region region, pe_concordance *out,
                            pe_error *err);

/* The one-sided version on a curve b(0..n-1): pairs 0 <= k < l < n, concordant when b(k) > b(l). */
pe_status pe_curve_concordance(const double *b, size_t n, pe_concordance *out, pe_error *err);

#endif
