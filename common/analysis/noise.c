#include "analysis/noise.h"

#include "analysis/random.h"
#include "analysis/summary.h"
#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static pe_status measure_draws(size_t T, size_t d, double sigma, size_t draws, uint64_t seed,
                               pe_table_measure measure, void *context, double *P, double *values,
                               pe_error *err)
{
    for (size_t i = 0; i < draws; i++) {
        pe_stream s = pe_stream_open(seed, "noise table", i);
        pe_fill_normal(&s, P, T * d, 0.0, sigma);
        pe_status st = measure(P, T, d, context, &values[i], err);
        if (st != PE_OK)
            return st;
    }
    return PE_OK;
}

static pe_status band_of(const double *values, size_t draws, double level, pe_noise_band *out,
                         pe_error *err)
{
    pe_summary summary;
    double low = PE_NAN, high = PE_NAN;
    pe_status st = pe_summarise(values, draws, &summary, err);
    if (st == PE_OK)
        st = pe_quantile(values, draws, 0.5 - level / 2.0, &low, err);
    if (st == PE_OK)
        st = pe_quantile(values, draws, 0.5 + level / 2.0, &high, err);
    if (st == PE_OK)
        *out = (pe_noise_band){draws, level, low, summary.median, high, summary.mean, summary.sd};
    return st;
}

pe_status pe_noise_band_of(size_t T, size_t d, double sigma, size_t draws, double level,
                           uint64_t seed, pe_table_measure measure, void *context,
                           pe_noise_band *out, pe_error *err)
{
    size_t entries;
    if (T == 0 || d == 0 || __builtin_mul_overflow(T, d, &entries))
        return pe_fail(err, PE_USAGE, "noise band: no table of %zu x %zu", T, d);
    if (!(sigma > 0.0 && isfinite(sigma)) || !(level > 0.0 && level < 1.0) || draws < PE_FEW_DRAWS)
        return pe_fail(err, PE_USAGE,
                       "noise band: needs sigma > 0, 0 < level < 1 and at least %d draws, got %g, "
                       "%g and %zu",
                       PE_FEW_DRAWS, sigma, level, draws);
    double *P = pe_allocate(entries, sizeof *P, "noise table", err);
    double *values = P ? pe_allocate(draws, sizeof *values, "noise values", err) : NULL;
    pe_status st = values ? PE_OK : PE_MEMORY;
    if (st == PE_OK)
        st = measure_draws(T, d, sigma, draws, seed, measure, context, P, values, err);
    if (st == PE_OK)
        st = band_of(values, draws, level, out, err);
    pe_release(values);
    pe_release(P);
    return st;
}

double pe_noise_cosine(size_t n, size_t d)
{
    return sqrt(gsl_cdf_chisq_Pinv(0.99865, (double)n) / ((double)n * (double)d));
}
