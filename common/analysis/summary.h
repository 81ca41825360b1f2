/* A column of numbers in a few: mean, spread, quantiles, and how far the mean can be trusted.
 * A NaN or an infinity is never averaged: every function here refuses it by count and place. */
#ifndef PE_ANALYSIS_SUMMARY_H
#define PE_ANALYSIS_SUMMARY_H

#include "analysis/random.h"
#include "base/status.h"

#include <stddef.h>

enum { PE_FEW_DRAWS = 20 }; /* below this, an interval rests on the draws being normal */

typedef struct pe_summary {
    size_t count;
    size_t not_finite; /* NaN and infinite entries; when > 0 the other members are NaN */
    double mean, sd;   /* sd with n-1; 0 for one number */
    double min, q05, q25, median, q75, q95, max;
} pe_summary;

/* x is n >= 1 numbers, lent. On PE_FORMAT (something is not finite) *out still carries count and
 * not_finite. PE_USAGE for n = 0, PE_MEMORY. */
pe_status pe_summarise(const double *x, size_t n, pe_summary *out, pe_error *err);

/* The quantile p in [0,1] by linear interpolation at (n-1)p (type 7 of Hyndman and Fan 1996). */
pe_status pe_quantile(const double *x, size_t n, double p, double *out, pe_error *err);

typedef struct pe_interval {
    double centre, low, high;
    double level; /* as asked for, for example 0.95 */
    int few;      /* 1 when it rests on fewer than PE_FEW_DRAWS numbers: print it with a warning */
} pe_interval;

/* Interval for the mean of independent draws: mean -+ t_{n-1} sd / sqrt(n). n >= 2,
 * 0 < level < 1. */
pe_status pe_mean_interval(const double *x, size_t n, double level, pe_interval *out,
                           pe_error *err);

/* The same by resampling (percentile bootstrap, Efron 1979): no normality assumed.
 * n >= 2, resamples >= 100. */
pe_status pe_bootstrap_interval(const double *x, size_t n, double level, size_t resamples,
                                pe_stream *s, pe_interval *out, pe_error *err);

#endif
