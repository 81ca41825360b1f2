#include "analysis/region.h"

#include <math.h>

size_t pe_region_size(pe_region region, size_t T)
{
    size_t whole = pe_region_is_causal(region) ? T * (T + 1) / 2 : T * T;
    return pe_region_skips_diagonal(region) ? whole - T : whole;
}

pe_status pe_require_finite_region(const double *m, size_t T, pe_region region, pe_error *err)
{
    if (T == 0)
        return pe_fail(err, PE_USAGE, "matrix: T is 0");
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < pe_region_end(region, T, i); j++)
            if (!isfinite(m[i * T + j]) && pe_in_region(region, T, i, j))
                return pe_fail(err, PE_FORMAT,
                               "matrix of %zu x %zu: the entry at row %zu, column %zu is %g, which "
                               "is not finite",
                               T, T, i, j, m[i * T + j]);
    return PE_OK;
}
