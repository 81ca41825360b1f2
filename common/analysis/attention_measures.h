/* Measures on attention weights: a is (T,T), a[i*T + j] >= 0, every row sums to one (METRICS D10,
 * S3, S4, section 4.4). All functions but the softmax return PE_FORMAT when an entry is negative or
 * not finite, or when a row does not sum to one within PE_ROW_SUM_SLACK: logits given by mistake
 * are refused. PE_USAGE for T = 0. */
#ifndef PE_ANALYSIS_ATTENTION_MEASURES_H
#define PE_ANALYSIS_ATTENTION_MEASURES_H

#include "analysis/region.h"
#include "base/status.h"

#include <stddef.h>

#define PE_ROW_SUM_SLACK                                                                           \
    0.02 /* weights stored in bf16 are off by up to 2^-9 each, at worst 2^-8                       \
          */

/* a_ij = exp(l_ij - max_i) / sum, row by row over the columns of the region (ALL or CAUSAL); 0
 * outside. -inf is a masked entry; NaN, +inf or a row without any finite entry is PE_FORMAT;
 * another region is PE_USAGE. a may be the same array as logits. */
pe_status pe_softmax_rows(const double *logits, size_t T, pe_region region, double *a,
                          pe_error *err);

/* Locality (1/T) sum_i sum_j a_ij 2^-|i-j|, in (0,1]; Chen, Varoquaux, Suchanek 2023, official
 * code. */
pe_status pe_locality(const double *a, size_t T, double *out, pe_error *err);

/* Gaps |a_{i,i-r} - a_{i,i+r}|, 1 <= r <= min(i, T-1-i): mean over all (i, r). [0,1], 0 =
 * mirror-symmetric. T >= 3, else there is no gap: PE_USAGE. */
pe_status pe_mirror_gap(const double *a, size_t T, double *out, pe_error *err);

/* The published symmetry score (Chen et al. 2023, rule of the official code): the same gaps, but
 * min-max scaled within each row first, then 1 - mean. Unsound: a row of equal gaps scales to 0
 * whatever their size, so causal uniform attention scores 1.0. Print it beside the mirror gap. */
pe_status pe_published_symmetry(const double *a, size_t T, double *out, pe_error *err);

/* sum_{j<i} a_ij - sum_{j>i} a_ij, mean over the middle half T/4 <= i < T - T/4, which is
 * mirror-symmetric (all rows for T < 4).
 * [-1,1]; > 0 looks back. */
pe_status pe_direction_balance(const double *a, size_t T, double *out, pe_error *err);

/* share[r] = (1/T) sum_i of the weight at distance |i-j| = r, r = 0..T-1: adds to one.
 * *mean_distance (may be NULL) = sum_r r share[r]. */
pe_status pe_distance_histogram(const double *a, size_t T, double *share, double *mean_distance,
                                pe_error *err);

/* Shannon entropy in nats, mean over rows; [0, ln T]. rows (may be NULL) gets the T values. */
pe_status pe_attention_entropy(const double *a, size_t T, double *rows, double *out, pe_error *err);

/* (1/T) sum_t JSD(a_t || b_t) in nats, [0, ln 2]: the head distance of Kazemnejad et al. 2023,
 * section 4.4 of METRICS. Exactly 0 for equal matrices. */
pe_status pe_attention_divergence(const double *a, const double *b, size_t T, double *out,
                                  pe_error *err);

#endif
