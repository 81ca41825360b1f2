/* The noise band: what a measure says about tables that hold nothing, so that a pattern can be told
 * from chance. */
#ifndef PE_ANALYSIS_NOISE_H
#define PE_ANALYSIS_NOISE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* One number from a table P (T,d), lent. context is passed through. */
typedef pe_status (*pe_table_measure)(const double *P, size_t T, size_t d, void *context,
                                      double *value, pe_error *err);

typedef struct pe_noise_band {
    size_t draws;
    double level;             /* share of noise tables inside [low, high] */
    double low, median, high; /* quantiles (1-level)/2, 1/2, (1+level)/2 */
    double mean, sd;
} pe_noise_band;

/* Measures `draws` >= 20 tables with entries N(0, sigma^2); draw i is stream (seed, "noise table",
 * i), so more draws extend the same sequence. 0 < level < 1, sigma > 0. A failing measure stops the
 * run with its status; a value that is not finite is PE_FORMAT. */
pe_status pe_noise_band_of(size_t T, size_t d, double sigma, size_t draws, double level,
                           uint64_t seed, pe_table_measure measure, void *context,
                           pe_noise_band *out, pe_error *err);

/* What the RMS cosine of a row of width d with n independent random rows stays below with
 * probability 0.99865 (three standard deviations of a normal). d cos^2 of independent random
 * directions is close to chi-squared with one degree of freedom, the sum of n to that with n.
 * Squares, because in a mean cosines of both signs would cancel. n, d >= 1. */
double pe_noise_cosine(size_t n, size_t d);

#endif
