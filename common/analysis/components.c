#include "analysis/components.h"

#include "analysis/start.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_eigen.h>
#include <math.h>

/* What the computation needs beside its results; all owned. */
typedef struct space {
    double *X;          /* (T,d), centred */
    double *covariance; /* (d,d) */
    double *axes;       /* (d,d), one axis per column */
    double *values;     /* (5,d): eigenvalues, then the four arrays of GSL's workspace */
} space;

static void free_space(space *s)
{
    pe_release(s->X);
    pe_release(s->covariance);
    pe_release(s->axes);
    pe_release(s->values);
}

static pe_status allocate_space(size_t T, size_t d, space *s, pe_error *err)
{
    *s = (space){0};
    s->X = pe_allocate(T, d * sizeof *s->X, "centred table", err);
    if (s->X)
        s->covariance = pe_allocate(d, d * sizeof *s->covariance, "covariance", err);
    if (s->covariance)
        s->axes = pe_allocate(d, d * sizeof *s->axes, "principal axes", err);
    if (s->axes)
        s->values = pe_allocate(d, 5 * sizeof *s->values, "eigenvalues", err);
    return s->values ? PE_OK : PE_MEMORY;
}

/* Eigenvectors of X^T X, falling eigenvalues. */
static pe_status find_axes(size_t T, size_t d, space *s, pe_error *err)
{
    gsl_matrix_view X = gsl_matrix_view_array(s->X, T, d);
    gsl_matrix_view C = gsl_matrix_view_array(s->covariance, d, d);
    gsl_matrix_view V = gsl_matrix_view_array(s->axes, d, d);
    gsl_vector_view values = gsl_vector_view_array(s->values, d);
    double *w = s->values + d;
    gsl_eigen_symmv_workspace work = {
        .size = d, .d = w, .sd = w + d, .gc = w + 2 * d, .gs = w + 3 * d};
    int code = gsl_blas_dsyrk(CblasLower, CblasTrans, 1.0, &X.matrix, 0.0, &C.matrix);
    if (!code)
        code = gsl_eigen_symmv(&C.matrix, &values.vector, &V.matrix, &work);
    if (!code)
        code = gsl_eigen_symmv_sort(&values.vector, &V.matrix, GSL_EIGEN_SORT_VAL_DESC);
    return pe_gsl(code, "principal components", err);
}

/* An eigenvector has no sign of its own: the entry largest in size is made positive. */
static void settle_sign(double *axes, size_t d, size_t a)
{
    size_t top = 0;
    for (size_t c = 1; c < d; c++)
        if (fabs(axes[c * d + a]) > fabs(axes[top * d + a]))
            top = c;
    double sign = axes[top * d + a] < 0.0 ? -1.0 : 1.0;
    for (size_t c = 0; c < d; c++)
        axes[c * d + a] *= sign;
}

static void write_component(const space *s, size_t T, size_t d, size_t n, size_t a, double *scores,
                            double *axes)
{
    for (size_t c = 0; axes && c < d; c++)
        axes[a * d + c] = s->axes[c * d + a];
    for (size_t t = 0; scores && t < T; t++) {
        double sum = 0.0;
        for (size_t c = 0; c < d; c++)
            sum += s->X[t * d + c] * s->axes[c * d + a];
        scores[t * n + a] = sum;
    }
}

static double sum_of_squares(const double *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

pe_status pe_principal_components(const double *P, size_t T, size_t d, size_t n, double *scores,
                                  double *axes, double *share, pe_error *err)
{
    if (n == 0 || n > T || n > d)
        return pe_fail(err, PE_USAGE, "principal components: %zu of a table of %zu x %zu", n, T, d);
    space s;
    double variance = 0.0;
    pe_status st = allocate_space(T, d, &s, err);
    if (st == PE_OK)
        st = pe_centre_columns(P, T, d, s.X, err);
    if (st == PE_OK && !((variance = sum_of_squares(s.X, T * d)) > 0.0))
        st = pe_fail(err, PE_FORMAT, "principal components: all rows are equal");
    if (st == PE_OK)
        st = find_axes(T, d, &s, err);
    for (size_t a = 0; st == PE_OK && a < n; a++) {
        settle_sign(s.axes, d, a);
        write_component(&s, T, d, n, a, scores, axes);
        if (share)
            share[a] = fmax(s.values[a], 0.0) / variance;
    }
    free_space(&s);
    return st;
}
