/* The shape of a table of codes P (T,d), row t the code of position t (METRICS 4.1, 4.2, 6): its
 * Gram matrix, spectrum, rank, components, and how unique its rows are. Every entry must be finite:
 * PE_FORMAT. T, d >= 1: PE_USAGE. */
#ifndef PE_ANALYSIS_TABLE_H
#define PE_ANALYSIS_TABLE_H

#include "analysis/decompose.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* G = P P^T, (T,T), the caller's; bitwise symmetric. */
pe_status pe_gram(const double *P, size_t T, size_t d, double *G, pe_error *err);

/* G_ij / (|P_i| |P_j|), clamped to [-1,1]; PE_FORMAT when a row is zero. */
pe_status pe_cosine_similarity(const double *P, size_t T, size_t d, double *C, pe_error *err);

/* Translation invariance of P P^T; noise scores 2/T. */
pe_status pe_gram_toeplitz(const double *P, size_t T, size_t d, pe_toeplitz_fit *out,
                           pe_error *err);

/* sigma[0..min(T,d)-1], falling. Small ones are accurate to eps * sigma[0] (QR, then Golub-Kahan on
 * the factor; no squaring). About 3 s for a 2048 x 512 table. */
pe_status pe_singular_values(const double *P, size_t T, size_t d, double *sigma, pe_error *err);

/* |P|_F^2 / sigma_max^2, in [1, min(T,d)]; centred: the column means are taken off first.
 * PE_FORMAT when nothing is left (all zero, or all rows equal and centred). */
pe_status pe_stable_rank(const double *P, size_t T, size_t d, int centred, double *out,
                         pe_error *err);

/* The first n principal components, n <= min(T,d): scores (T,n) of the centred rows, axes (n,d) of
 * length 1, and share[n] of the variance each carries. Any of the three may be NULL. Sign: the
 * entry of an axis largest in size is positive. PE_FORMAT when all rows are equal. */
pe_status pe_principal_components(const double *P, size_t T, size_t d, size_t n, double *scores,
                                  double *axes, double *share, pe_error *err);

/* amplitude (T/2+1, d): of frequency f/T (f turns over the table) in each column, scaled so that
 * A cos(2 pi f t/T + phi) gives A: |X_0|/T, 2|X_f|/T, |X_{T/2}|/T. */
pe_status pe_amplitude_spectrum(const double *P, size_t T, size_t d, double *amplitude,
                                pe_error *err);

typedef struct pe_nearest_pair {
    double
        distance; /* smallest Euclidean distance between two rows; 0: two positions share a code */
    size_t first, second; /* the rows, first < second; the lowest such pair among equals */
} pe_nearest_pair;

/* Uniqueness. Exact for every T >= 2: all pairs up to T = 4096; beyond, rows sorted along a random
 * unit vector, where rows further apart than the best pair so far cannot improve it. */
pe_status pe_nearest_rows(const double *P, size_t T, size_t d, uint64_t seed, pe_nearest_pair *out,
                          pe_error *err);

#endif
