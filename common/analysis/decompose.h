/* The orthogonal split of a T x T matrix (METRICS S1, S2; the sound form of "how relative, how
 * directional, how absolute"):
 *
 *   M - mean = even Toeplitz + odd Toeplitz + even rest + odd rest
 *
 * Toeplitz part: every entry replaced by the mean b(k) of its diagonal, k = j - i; its even part
 * (b(k) + b(-k))/2, its odd part (b(k) - b(-k))/2; what is left split into its symmetric (even) and
 * antisymmetric (odd) half. Diagonals k and -k have equally many entries, so the four parts are
 * orthogonal in the Frobenius product and their energies add up to that of M - mean.
 *
 * The mean of the region is removed by default. A constant is both Toeplitz and symmetric and means
 * nothing (softmax does not see it), but kept it would make every matrix with a large offset look
 * "relative": with it removed, the fractions do not change when a constant is added to M, the two
 * Toeplitz fractions add up to R^2_T off the diagonal, and noise scores the chance level.
 * PE_MEAN_KEPT answers the other question, the share of ||M||^2 itself; alpha of METRICS 2.2 uses
 * it. */
#ifndef PE_ANALYSIS_DECOMPOSE_H
#define PE_ANALYSIS_DECOMPOSE_H

#include "analysis/region.h"
#include "base/status.h"

#include <stddef.h>

typedef enum pe_split_mean { PE_MEAN_REMOVED, PE_MEAN_KEPT } pe_split_mean;

/* Fractions of `energy`; they add to 1 within rounding (1e-12 at T = 2048). In a causal region an
 * entry has no mirror, so nothing is even or odd: the whole Toeplitz share is in `toeplitz`, the
 * remainder in `rest`, and the four halves are NaN. */
typedef struct pe_split {
    double mean;   /* of the region, removed or not */
    double energy; /* sum of squares that is split; 0 when nothing varies */
    int constant;  /* 1 when energy is 0 or at rounding level of mean^2: fractions are NaN */
    double toeplitz, rest;
    double toeplitz_even, toeplitz_odd;
    double rest_even, rest_odd;
} pe_split;

/* m is (T,T), lent. PE_FORMAT for NaN or infinity in the region, PE_USAGE when the region is empty
 * (T = 1 without the diagonal), PE_MEMORY. */
pe_status pe_split_of(const double *m, size_t T, pe_region region, pe_split_mean mean,
                      pe_split *out, pe_error *err);

/* The four parts themselves, (T,T) each, the caller's; region ALL, mean removed. */
pe_status pe_split_parts(const double *m, size_t T, double *toeplitz_even, double *toeplitz_odd,
                         double *rest_even, double *rest_odd, pe_error *err);

typedef struct pe_toeplitz_fit {
    double deviation; /* max |M_ij - mean of its diagonal|, the diagonal k = 0 included */
    double r2;        /* 1 - residual / total over i != j; NaN when off-diagonal M is constant */
    double chance;    /* what noise scores: 2/T, offsets over off-diagonal entries */
} pe_toeplitz_fit;

/* Translation invariance (S1). T >= 2. */
pe_status pe_toeplitz_fit_of(const double *m, size_t T, pe_toeplitz_fit *out, pe_error *err);

typedef struct pe_symmetry {
    double rho;   /* correlation of M_ij with M_ji over i != j, [-1,1]; NaN when constant */
    double alpha; /* ||(M - M^T)/2||^2 / ||M||^2 over i != j, [0,1]; NaN when all zero */
} pe_symmetry;

/* Symmetry (S2). Give logits: softmax makes rows unequal and breaks the symmetry of symmetric
 * logits. T >= 2, every entry finite (no causal mask). */
pe_status pe_symmetry_of(const double *m, size_t T, pe_symmetry *out, pe_error *err);

#endif
