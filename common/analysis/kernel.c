#include "analysis/kernel.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_expint.h>
#include <math.h>

static pe_status check_base(double base, pe_error *err)
{
    if (base > 1.0 && isfinite(base))
        return PE_OK;
    return pe_fail(err, PE_USAGE, "frequencies: the base must be finite and above 1, got %g", base);
}

pe_status pe_frequencies(size_t d, double base, pe_frequency_rule rule, double *w, pe_error *err)
{
    size_t least = rule == PE_FREQUENCIES_PAPER ? 2 : 4;
    if (d < least || d % 2)
        return pe_fail(err, PE_USAGE, "frequencies: d must be even and at least %zu, got %zu",
                       least, d);
    pe_status st = check_base(base, err);
    if (st != PE_OK)
        return st;
    size_t h = d / 2;
    double divisor = (double)(rule == PE_FREQUENCIES_PAPER ? h : h - 1);
    for (size_t i = 0; i < h; i++)
        w[i] = pow(base, -(double)i / divisor);
    return PE_OK;
}

pe_status pe_cosine_kernel(size_t d, double base, pe_frequency_rule rule, double *G, size_t n,
                           pe_error *err)
{
    double *w = pe_allocate(d / 2, sizeof *w, "frequencies", err);
    if (!w)
        return PE_MEMORY;
    pe_status st = pe_frequencies(d, base, rule, w, err);
    for (size_t k = 0; st == PE_OK && k < n; k++) {
        G[k] = 0.0;
        for (size_t i = 0; i < d / 2; i++)
            G[k] += cos(w[i] * (double)k);
    }
    pe_release(w);
    return st;
}

pe_status pe_kernel_limit(double base, double k, double *g, pe_error *err)
{
    pe_status st = check_base(base, err);
    if (st != PE_OK)
        return st;
    if (!(k >= 0.0 && isfinite(k)))
        return pe_fail(err, PE_USAGE, "kernel limit: k must be finite and not negative, got %g", k);
    *g = 1.0;
    if (k == 0.0)
        return PE_OK;
    gsl_sf_result near, far;
    st = pe_gsl(gsl_sf_Ci_e(k, &near), "kernel limit, Ci(k)", err);
    if (st == PE_OK)
        st = pe_gsl(gsl_sf_Ci_e(k / base, &far), "kernel limit, Ci(k/B)", err);
    if (st == PE_OK)
        *g = (near.val - far.val) / log(base);
    return st;
}

pe_status pe_kernel_log_law(double base, double k, double *g, pe_error *err)
{
    pe_status st = check_base(base, err);
    if (st != PE_OK)
        return st;
    if (!(k > 0.0 && isfinite(k)))
        return pe_fail(err, PE_USAGE, "log law: k must be finite and positive, got %g", k);
    *g = 1.0 - (log(k) + M_EULER) / log(base);
    return PE_OK;
}
