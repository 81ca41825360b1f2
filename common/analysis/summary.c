#include "analysis/summary.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

static size_t count_not_finite(const double *x, size_t n)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += isfinite(x[i]) ? 0 : 1;
    return bad;
}

static double *sorted_copy(const double *x, size_t n, pe_error *err)
{
    double *sorted = pe_allocate(n, sizeof *sorted, "sorted copy", err);
    if (!sorted)
        return NULL;
    memcpy(sorted, x, n * sizeof *sorted);
    gsl_sort(sorted, 1, n);
    return sorted;
}

static double quantile(const double *sorted, size_t n, double p)
{
    return gsl_stats_quantile_from_sorted_data(sorted, 1, n, p);
}

pe_status pe_summarise(const double *x, size_t n, pe_summary *out, pe_error *err)
{
    if (n == 0)
        return pe_fail(err, PE_USAGE, "summary: there are no numbers");
    *out = (pe_summary){n,      count_not_finite(x, n),
                        PE_NAN, PE_NAN,
                        PE_NAN, PE_NAN,
                        PE_NAN, PE_NAN,
                        PE_NAN, PE_NAN,
                        PE_NAN};
    pe_status st = pe_require_finite(x, n, "summary", err);
    if (st != PE_OK)
        return st;
    double *sorted = sorted_copy(x, n, err);
    if (!sorted)
        return PE_MEMORY;
    out->mean = gsl_stats_mean(x, 1, n);
    out->sd = n > 1 ? gsl_stats_sd_m(x, 1, n, out->mean) : 0.0;
    out->min = sorted[0];
    out->q05 = quantile(sorted, n, 0.05);
    out->q25 = quantile(sorted, n, 0.25);
    out->median = quantile(sorted, n, 0.5);
    out->q75 = quantile(sorted, n, 0.75);
    out->q95 = quantile(sorted, n, 0.95);
    out->max = sorted[n - 1];
    pe_release(sorted);
    return PE_OK;
}

pe_status pe_quantile(const double *x, size_t n, double p, double *out, pe_error *err)
{
    if (n == 0 || !(p >= 0.0 && p <= 1.0))
        return pe_fail(err, PE_USAGE, "quantile: needs numbers and 0 <= p <= 1, got %zu and %g", n,
                       p);
    pe_status st = pe_require_finite(x, n, "quantile", err);
    if (st != PE_OK)
        return st;
    double *sorted = sorted_copy(x, n, err);
    if (!sorted)
        return PE_MEMORY;
    *out = quantile(sorted, n, p);
    pe_release(sorted);
    return PE_OK;
}

static pe_status check_interval(const double *x, size_t n, double level, pe_error *err)
{
    if (n < 2)
        return pe_fail(err, PE_USAGE, "interval: needs at least 2 draws, got %zu", n);
    if (!(level > 0.0 && level < 1.0))
        return pe_fail(err, PE_USAGE, "interval: the level must be between 0 and 1, got %g", level);
    return pe_require_finite(x, n, "interval", err);
}

pe_status pe_mean_interval(const double *x, size_t n, double level, pe_interval *out, pe_error *err)
{
    pe_status st = check_interval(x, n, level, err);
    if (st != PE_OK)
        return st;
    double mean = gsl_stats_mean(x, 1, n);
    double error = gsl_stats_sd_m(x, 1, n, mean) / sqrt((double)n);
    double reach = gsl_cdf_tdist_Pinv(0.5 + level / 2.0, (double)(n - 1)) * error;
    *out = (pe_interval){mean, mean - reach, mean + reach, level, n < PE_FEW_DRAWS};
    return PE_OK;
}

static double resampled_mean(const double *x, size_t n, pe_stream *s)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[pe_stream_below(s, (uint32_t)n)];
    return sum / (double)n;
}

pe_status pe_bootstrap_interval(const double *x, size_t n, double level, size_t resamples,
                                pe_stream *s, pe_interval *out, pe_error *err)
{
    pe_status st = check_interval(x, n, level, err);
    if (st != PE_OK)
        return st;
    if (resamples < 100 || n > UINT32_MAX)
        return pe_fail(err, PE_USAGE,
                       "bootstrap: needs at least 100 resamples of fewer than 2^32 numbers, got "
                       "%zu of %zu",
                       resamples, n);
    double *means = pe_allocate(resamples, sizeof *means, "bootstrap means", err);
    if (!means)
        return PE_MEMORY;
    for (size_t r = 0; r < resamples; r++)
        means[r] = resampled_mean(x, n, s);
    gsl_sort(means, 1, resamples);
    *out = (pe_interval){gsl_stats_mean(x, 1, n), quantile(means, resamples, 0.5 - level / 2.0),
                         quantile(means, resamples, 0.5 + level / 2.0), level, n < PE_FEW_DRAWS};
    pe_release(means);
    return PE_OK;
}
