#include "analysis/fit.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_fit.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

static int all_equal(const double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return 0;
    return 1;
}

pe_status pe_fit_line(const double *x, const double *y, size_t n, pe_line *out, pe_error *err)
{
    if (n < 3)
        return pe_fail(err, PE_USAGE, "line: needs at least 3 points, got %zu", n);
    pe_status st = pe_require_finite(x, n, "line, x", err);
    if (st == PE_OK)
        st = pe_require_finite(y, n, "line, y", err);
    if (st != PE_OK)
        return st;
    if (all_equal(x, n))
        return pe_fail(err, PE_FORMAT, "line: all x are %g, so there is no slope", x[0]);
    double c0, c1, cov00, cov01, cov11, residual;
    int code = gsl_fit_linear(x, 1, y, 1, n, &c0, &c1, &cov00, &cov01, &cov11, &residual);
    st = pe_gsl(code, "line", err);
    if (st != PE_OK)
        return st;
    double total = gsl_stats_tss(y, 1, n);
    *out = (pe_line){c0, c1, sqrt(cov00), sqrt(cov11), total > 0.0 ? 1.0 - residual / total : 1.0};
    return PE_OK;
}

static pe_status logarithms(const double *x, size_t n, const char *what, double *out, pe_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0.0))
            return pe_fail(err, PE_FORMAT, "%s: number %zu is %g, which has no logarithm", what, i,
                           x[i]);
        out[i] = log(x[i]);
    }
    return PE_OK;
}

/* A line through x or ln x, and y or ln y. */
static pe_status fit_logs(const double *x, int log_x, const double *y, int log_y, size_t n,
                          pe_line *out, pe_error *err)
{
    double *logs = pe_allocate(n, 2 * sizeof *logs, "logarithms", err);
    if (!logs)
        return PE_MEMORY;
    pe_status st = PE_OK;
    if (log_x)
        st = logarithms(x, n, "fit, x", logs, err);
    if (st == PE_OK && log_y)
        st = logarithms(y, n, "fit, y", logs + n, err);
    if (st == PE_OK)
        st = pe_fit_line(log_x ? logs : x, log_y ? logs + n : y, n, out, err);
    pe_release(logs);
    return st;
}

pe_status pe_fit_power(const double *x, const double *y, size_t n, pe_line *out, pe_error *err)
{
    return fit_logs(x, 1, y, 1, n, out, err);
}

pe_status pe_fit_exponential(const double *x, const double *y, size_t n, pe_line *out,
                             pe_error *err)
{
    return fit_logs(x, 0, y, 1, n, out, err);
}

pe_status pe_fit_logarithm(const double *x, const double *y, size_t n, pe_line *out, pe_error *err)
{
    return fit_logs(x, 1, y, 0, n, out, err);
}
