/* Distance profiles: what a T x T matrix says about the offset k = j - i (METRICS D1, D2, D4, D5).
 * m is (T,T), m[i*T + j], i query, j key; P is (T,d), row t the code of position t. */
#ifndef PE_ANALYSIS_PROFILE_H
#define PE_ANALYSIS_PROFILE_H

#include "analysis/region.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* One entry per signed offset k = -(T-1)..T-1, at index k + T - 1 (see pe_profile_at). Offsets
 * without an entry in the region have count 0 and mean NaN. The arrays are owned. */
typedef struct pe_profile {
    size_t T;
    double *mean;      /* b(k), the mean of diagonal k */
    double *spread;    /* standard deviation along the diagonal (divided by the count) */
    double *deviation; /* max |m_ij - b(k)| along the diagonal */
    size_t *count;     /* T - |k| inside the region */
} pe_profile;

/* PE_FORMAT for a NaN or an infinity inside the region, PE_MEMORY. *out is filled only on PE_OK. */
pe_status pe_profile_of(const double *m, size_t T, pe_region region, pe_profile *out,
                        pe_error *err);
void pe_profile_free(pe_profile *p); /* NULL does nothing; leaves *p empty */

static inline size_t pe_profile_at(const pe_profile *p, ptrdiff_t k)
{
    return (size_t)(k + (ptrdiff_t)p->T - 1);
}

/* A curve b(0), b(1), .. b(n-1) over one-sided distance: lent p->mean from k = 0 upwards for a
 * two-sided profile; for a causal one read k = 0, -1, -2, .. with pe_profile_one_sided. */
pe_status pe_profile_one_sided(const pe_profile *p, int direction, double *curve, pe_error *err);

/* g(k) = b(k)/b(0). PE_FORMAT when b(0) is 0 or anything is not finite. In place is fine. */
pe_status pe_normalise_curve(const double *b, size_t n, double *g, pe_error *err);

#define PE_NEVER SIZE_MAX /* a mark that the curve does not reach within its n points */

typedef struct pe_curve_marks {
    size_t first_rise; /* k* = min { k : b(k+1) > b(k) }: the curve falls up to here */
    size_t rises;      /* number of k in 1..n-1 with b(k) > b(k-1) */
    /* First k with g = b/b(0) <= 0.5, <= 0.1, < 0; all PE_NEVER unless b(0) > 0. */
    size_t half, tenth, negative;
} pe_curve_marks;

/* n >= 1, all finite. Exact comparisons: compute b in fp64, the steps near k* are ~1e-5 of b(0). */
pe_status pe_curve_marks_of(const double *b, size_t n, pe_curve_marks *out, pe_error *err);

/* b(0) / mean of |b(k)| over 1 <= k < n (D4); n >= 2; PE_FORMAT when the mean is 0. */
pe_status pe_curve_contrast(const double *b, size_t n, double *out, pe_error *err);

/* D5: |PE(t)| in norms[0..T-1]; |PE(t+1) - PE(t)| in steps[0..T-2]. Euclidean. */
pe_status pe_row_norms(const double *P, size_t T, size_t d, double *norms, pe_error *err);
pe_status pe_step_norms(const double *P, size_t T, size_t d, double *steps, pe_error *err);

#endif
