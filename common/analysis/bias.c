#include "analysis/bias.h"

#include "analysis/start.h"

#include <math.h>

/* The largest finite entry; -inf when there is none. */
static pe_status peak_of(const double *b, size_t n, double *peak, pe_error *err)
{
    *peak = -HUGE_VAL;
    for (size_t r = 0; r < n; r++) {
        if (isnan(b[r]) || b[r] == HUGE_VAL)
            return pe_fail(err, PE_FORMAT, "bias: the entry at distance %zu is %g", r, b[r]);
        *peak = fmax(*peak, b[r]);
    }
    if (*peak == -HUGE_VAL)
        return pe_fail(err, PE_FORMAT, "bias: none of the %zu entries is finite", n);
    return PE_OK;
}

pe_status pe_bias_horizon(const double *b, size_t n, double share, size_t *window, pe_error *err)
{
    double peak;
    if (n == 0 || !(share > 0.0 && share < 1.0))
        return pe_fail(err, PE_USAGE,
                       "horizon: needs entries and a share between 0 and 1, got %zu and %g", n,
                       share);
    pe_status st = peak_of(b, n, &peak, err);
    if (st != PE_OK)
        return st;
    double total = 0.0, reached = 0.0;
    for (size_t r = 0; r < n; r++)
        total += exp(b[r] - peak);
    size_t w = 0;
    while (w < n && reached < share * total)
        reached += exp(b[w++] - peak);
    *window = w;
    return PE_OK;
}

static pe_status check_staircase(const double *b, size_t n, double tolerance, pe_error *err)
{
    if (n == 0 || !(tolerance >= 0.0))
        return pe_fail(err, PE_USAGE,
                       "staircase: needs entries and a tolerance of at least 0, got %zu and %g", n,
                       tolerance);
    return pe_require_finite(b, n, "staircase", err);
}

pe_status pe_bias_steps(const double *b, size_t n, double tolerance, size_t *starts, size_t *count,
                        pe_error *err)
{
    pe_status st = check_staircase(b, n, tolerance, err);
    if (st != PE_OK)
        return st;
    *count = 0;
    for (size_t r = 0; r < n; r++)
        if (r == 0 || fabs(b[r] - b[r - 1]) > tolerance)
            starts[(*count)++] = r;
    return PE_OK;
}

/* From the end backwards, as long as the range of what lies behind stays within the tolerance. */
pe_status pe_bias_resolution(const double *b, size_t n, double tolerance, size_t *distance,
                             pe_error *err)
{
    pe_status st = check_staircase(b, n, tolerance, err);
    if (st != PE_OK)
        return st;
    double low = b[n - 1], high = b[n - 1];
    *distance = n - 1;
    for (size_t r = n - 1; r-- > 0;) {
        low = fmin(low, b[r]);
        high = fmax(high, b[r]);
        if (high - low > tolerance)
            break;
        *distance = r;
    }
    return PE_OK;
}
