#include "analysis/rotary.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <math.h>

static double mean_partial_sum(const double *w, size_t h, double k)
{
    double re = 0.0, im = 0.0, sum = 0.0;
    for (size_t i = 0; i < h; i++) {
        re += cos(k * w[i]);
        im += sin(k * w[i]);
        sum += hypot(re, im);
    }
    return sum / (double)h;
}

pe_status pe_rotary_bound(size_t d, double base, pe_frequency_rule rule, const double *k,
                          double *bound, size_t n, pe_error *err)
{
    double *w = pe_allocate(d / 2, sizeof *w, "frequencies", err);
    if (!w)
        return PE_MEMORY;
    pe_status st = pe_frequencies(d, base, rule, w, err);
    if (st == PE_OK)
        st = pe_require_finite(k, n, "offsets", err);
    for (size_t m = 0; st == PE_OK && m < n; m++)
        bound[m] = mean_partial_sum(w, d / 2, k[m]);
    pe_release(w);
    return st;
}
