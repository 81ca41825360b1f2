#include "analysis/context.h"

#include <math.h>

pe_status pe_effective_context(const double *norm, size_t n, double threshold, double *share,
                               size_t *window, pe_error *err)
{
    if (n == 0 || !(threshold > 0 && threshold < 1))
        return pe_fail(err, PE_USAGE,
                       "effective context: needs a token and 0 < threshold < 1, got %zu and %g", n,
                       threshold);
    double total = 0, sum = 0;
    for (size_t m = 0; m < n; m++) {
        if (!(norm[m] >= 0 && isfinite(norm[m])))
            return pe_fail(err, PE_FORMAT, "effective context: norm %zu is %g", m, norm[m]);
        total += norm[m];
    }
    if (!(total > 0))
        return pe_fail(err, PE_FORMAT, "effective context: no gradient reaches any token");
    *window = n;
    for (size_t w = 1; w <= n; w++) {
        sum += norm[n - w];
        if (*window == n && w < n && sum / total > threshold)
            *window = w;
        if (share)
            share[w - 1] = sum / total;
    }
    return PE_OK;
}
