/* The shape of a table of codes P (T,d), row t the code of position t (METRICS 4.1, 4.2, 6): its
 * Gram matrix, singular values, stable rank and amplitude spectrum. Every entry must be finite:
 * PE_FORMAT. T, d >= 1: PE_USAGE. */
#ifndef PE_ANALYSIS_TABLE_H
#define PE_ANALYSIS_TABLE_H

#include "analysis/decompose.h"
#include "base/status.h"

#include <stddef.h>

/* X = P with the mean of each column taken off, (T,d), the caller's; a constant column becomes
 * exactly 0. */
pe_status pe_centre_columns(const double *P, size_t T, size_t d, double *X, pe_error *err);

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

/* amplitude (T/2+1, d): of frequency f/T (f turns over the table) in each column, scaled so that
 * A cos(2 pi f t/T + phi) gives A: |X_0|/T, 2|X_f|/T, |X_{T/2}|/T. */
pe_status pe_amplitude_spectrum(const double *P, size_t T, size_t d, double *amplitude,
                                pe_error *err);

#endif
