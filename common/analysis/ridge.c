#include "analysis/ridge.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_linalg.h>
#include <math.h>

/* The augmented least-squares system [X; sqrt(ridge) I] w = [y; 0] of rows = n + d. */
typedef struct ridge_system {
    size_t n, d;
    double *mean;    /* (d) of the columns */
    double *A;       /* (rows, d) */
    double *reflect; /* (d, d): block reflectors of the QR */
    double *vectors; /* y (rows), w (rows), work (d) */
    double mean_y;
} ridge_system;

static void free_system(ridge_system *s)
{
    pe_release(s->mean);
    pe_release(s->A);
    pe_release(s->reflect);
    pe_release(s->vectors);
}

static pe_status allocate_system(ridge_system *s, pe_error *err)
{
    const size_t rows = s->n + s->d, d = s->d;
    s->mean = pe_allocate(d, sizeof *s->mean, "column means", err);
    if (s->mean)
        s->A = pe_allocate(rows, d * sizeof *s->A, "ridge system", err);
    if (s->A)
        s->reflect = pe_allocate(d, d * sizeof *s->reflect, "reflectors", err);
    if (s->reflect)
        s->vectors = pe_allocate(2 * rows + d, sizeof *s->vectors, "ridge vectors", err);
    return s->vectors ? PE_OK : PE_MEMORY;
}

static void fill_system(ridge_system *s, const double *X, const double *y, double ridge)
{
    const size_t n = s->n, d = s->d;
    for (size_t i = 0; i < n; i++) {
        s->mean_y += y[i] / (double)n;
        for (size_t c = 0; c < d; c++)
            s->mean[c] += X[i * d + c] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        s->vectors[i] = y[i] - s->mean_y;
        for (size_t c = 0; c < d; c++)
            s->A[i * d + c] = X[i * d + c] - s->mean[c];
    }
    for (size_t c = 0; c < d; c++)
        s->A[(n + c) * d + c] = sqrt(ridge);
}

static pe_status solve(ridge_system *s, pe_error *err)
{
    const size_t rows = s->n + s->d, d = s->d;
    gsl_matrix_view A = gsl_matrix_view_array(s->A, rows, d);
    gsl_matrix_view reflect = gsl_matrix_view_array(s->reflect, d, d);
    gsl_vector_view y = gsl_vector_view_array(s->vectors, rows);
    gsl_vector_view w = gsl_vector_view_array(s->vectors + rows, rows);
    gsl_vector_view work = gsl_vector_view_array(s->vectors + 2 * rows, d);
    int code = gsl_linalg_QR_decomp_r(&A.matrix, &reflect.matrix);
    if (!code)
        code =
            gsl_linalg_QR_lssolve_r(&A.matrix, &reflect.matrix, &y.vector, &w.vector, &work.vector);
    return pe_gsl(code, "ridge regression", err);
}

pe_status pe_ridge_fit(const double *X, const double *y, size_t n, size_t d, double ridge,
                       double *w, pe_error *err)
{
    if (!(ridge > 0.0 && isfinite(ridge)) || d == 0 || n < 2)
        return pe_fail(err, PE_USAGE,
                       "ridge regression: needs a ridge above 0, two rows and a column, got %g, "
                       "%zu and %zu",
                       ridge, n, d);
    pe_status status = pe_require_finite(X, n * d, "table", err);
    if (status == PE_OK)
        status = pe_require_finite(y, n, "targets", err);
    if (status != PE_OK)
        return status;
    ridge_system s = {.n = n, .d = d};
    status = allocate_system(&s, err);
    if (status == PE_OK) {
        fill_system(&s, X, y, ridge);
        status = solve(&s, err);
    }
    if (status == PE_OK) {
        w[d] = s.mean_y;
        for (size_t c = 0; c < d; c++) {
            w[c] = s.vectors[n + d + c];
            w[d] -= w[c] * s.mean[c];
        }
    }
    free_system(&s);
    return status;
}

double pe_ridge_predict(const double *w, const double *x, size_t d)
{
    double sum = w[d];
    for (size_t c = 0; c < d; c++)
        sum += w[c] * x[c];
    return sum;
}
