/* Which entries (i, j) of a T x T matrix, row i query, column j key, a measure looks at. */
#ifndef PE_ANALYSIS_REGION_H
#define PE_ANALYSIS_REGION_H

#include "base/status.h"

#include <stddef.h>

typedef enum pe_region {
    PE_REGION_ALL,           /* every i, j */
    PE_REGION_OFF_DIAGONAL,  /* i != j */
    PE_REGION_CAUSAL,        /* j <= i */
    PE_REGION_CAUSAL_STRICT, /* j < i */
} pe_region;

/* First and one-past-last column of row i in the region, the diagonal included. */
static inline size_t pe_region_end(pe_region region, size_t T, size_t i)
{
    return region == PE_REGION_CAUSAL ? i + 1 : region == PE_REGION_CAUSAL_STRICT ? i : T;
}

static inline int pe_region_skips_diagonal(pe_region region)
{
    return region == PE_REGION_OFF_DIAGONAL || region == PE_REGION_CAUSAL_STRICT;
}

static inline int pe_region_is_causal(pe_region region)
{
    return region == PE_REGION_CAUSAL || region == PE_REGION_CAUSAL_STRICT;
}

static inline int pe_in_region(pe_region region, size_t T, size_t i, size_t j)
{
    return j < pe_region_end(region, T, i) && !(i == j && pe_region_skips_diagonal(region));
}

/* Number of entries in the region. */
size_t pe_region_size(pe_region region, size_t T);

/* PE_FORMAT when an entry of m (T,T) inside the region is NaN or infinite; entries outside may be
 * anything, so a matrix masked with -inf can be given as it is. PE_USAGE for T = 0. */
pe_status pe_require_finite_region(const double *m, size_t T, pe_region region, pe_error *err);

#endif
