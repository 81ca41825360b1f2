#include "analysis/start.h"

#include <gsl/gsl_errno.h>
#include <math.h>

void pe_analysis_start(void)
{
    gsl_set_error_handler_off();
}

pe_status pe_gsl(int code, const char *what, pe_error *err)
{
    if (code == GSL_SUCCESS)
        return PE_OK;
    return pe_fail(err, code == GSL_ENOMEM ? PE_MEMORY : PE_FORMAT, "%s: GSL says: %s", what,
                   gsl_strerror(code));
}

pe_status pe_require_finite(const double *x, size_t n, const char *what, pe_error *err)
{
    size_t bad = 0, first = 0;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]) && bad++ == 0)
            first = i;
    if (bad == 0)
        return PE_OK;
    return pe_fail(err, PE_FORMAT, "%s: %zu of %zu numbers are not finite, the first is %g at %zu",
                   what, bad, n, x[first], first);
}
