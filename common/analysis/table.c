#include "analysis/table.h"

#include "analysis/profile.h"
#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_fft_real.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_matrix.h>
#include <math.h>
#include <string.h>

static pe_status check_table(const double *P, size_t T, size_t d, pe_error *err)
{
    if (T == 0 || d == 0)
        return pe_fail(err, PE_USAGE, "table: there is nothing in %zu x %zu", T, d);
    return pe_require_finite(P, T * d, "table", err);
}

/* Sums are taken of differences to the first row: exact for a constant column. */
pe_status pe_centre_columns(const double *P, size_t T, size_t d, double *X, pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    for (size_t c = 0; st == PE_OK && c < d; c++) {
        double sum = 0.0, first = P[c];
        for (size_t t = 0; t < T; t++)
            sum += P[t * d + c] - first;
        for (size_t t = 0; t < T; t++)
            X[t * d + c] = P[t * d + c] - first - sum / (double)T;
    }
    return st;
}

static void mirror_lower(double *G, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            G[j * n + i] = G[i * n + j];
}

/* P P^T (rows) or P^T P (columns). */
static pe_status product_with_itself(const double *P, size_t T, size_t d, CBLAS_TRANSPOSE_t side,
                                     double *G, pe_error *err)
{
    size_t n = side == CblasNoTrans ? T : d;
    gsl_matrix_const_view p = gsl_matrix_const_view_array(P, T, d);
    gsl_matrix_view g = gsl_matrix_view_array(G, n, n);
    int code = gsl_blas_dsyrk(CblasLower, side, 1.0, &p.matrix, 0.0, &g.matrix);
    mirror_lower(G, n);
    return pe_gsl(code, "Gram matrix", err);
}

pe_status pe_gram(const double *P, size_t T, size_t d, double *G, pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    return st == PE_OK ? product_with_itself(P, T, d, CblasNoTrans, G, err) : st;
}

pe_status pe_cosine_similarity(const double *P, size_t T, size_t d, double *C, pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    double *norms = st == PE_OK ? pe_allocate(T, sizeof *norms, "row norms", err) : NULL;
    if (!norms)
        return st == PE_OK ? PE_MEMORY : st;
    st = pe_row_norms(P, T, d, norms, err);
    for (size_t t = 0; st == PE_OK && t < T; t++)
        if (norms[t] == 0.0)
            st = pe_fail(err, PE_FORMAT, "cosine similarity: row %zu of the table is zero", t);
    if (st == PE_OK)
        st = pe_gram(P, T, d, C, err);
    for (size_t i = 0; st == PE_OK && i < T; i++)
        for (size_t j = 0; j < T; j++)
            C[i * T + j] = fmax(-1.0, fmin(1.0, C[i * T + j] / (norms[i] * norms[j])));
    pe_release(norms);
    return st;
}

pe_status pe_gram_toeplitz(const double *P, size_t T, size_t d, pe_toeplitz_fit *out, pe_error *err)
{
    double *G = pe_allocate(T, T * sizeof *G, "Gram matrix", err);
    if (!G)
        return PE_MEMORY;
    pe_status st = pe_gram(P, T, d, G, err);
    if (st == PE_OK)
        st = pe_toeplitz_fit_of(G, T, out, err);
    pe_release(G);
    return st;
}

/* A copy with at least as many rows as columns: P or its transpose, which has the same singular
 * values. */
static double *tall_copy(const double *P, size_t T, size_t d, pe_error *err)
{
    double *X = pe_allocate(T, d * sizeof *X, "copy of the table", err);
    if (X && T >= d)
        memcpy(X, P, T * d * sizeof *X);
    for (size_t i = 0; X && T < d && i < T; i++)
        for (size_t j = 0; j < d; j++)
            X[j * T + i] = P[i * d + j];
    return X;
}

static void clear_below_diagonal(double *R, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            R[i * n + j] = 0.0;
}

/* X is (rows, n), rows >= n; destroyed. Its factor R has the same singular values and is small.
 * work is (n, n + 1). */
static pe_status singular_values_of(double *X, size_t rows, size_t n, double *work, double *sigma,
                                    pe_error *err)
{
    gsl_matrix_view x = gsl_matrix_view_array(X, rows, n);
    gsl_matrix_view r = gsl_matrix_view_array(X, n, n); /* the first n rows are contiguous */
    gsl_matrix_view square = gsl_matrix_view_array(work, n, n);
    gsl_vector_view row = gsl_vector_view_array(work + n * n, n);
    gsl_vector_view values = gsl_vector_view_array(sigma, n);
    pe_status st =
        pe_gsl(gsl_linalg_QR_decomp_r(&x.matrix, &square.matrix), "QR of the table", err);
    if (st != PE_OK)
        return st;
    clear_below_diagonal(X, n);
    int code = gsl_linalg_SV_decomp(&r.matrix, &square.matrix, &values.vector, &row.vector);
    return pe_gsl(code, "singular values", err);
}

pe_status pe_singular_values(const double *P, size_t T, size_t d, double *sigma, pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    if (st != PE_OK)
        return st;
    size_t n = T < d ? T : d, rows = T < d ? d : T;
    double *X = tall_copy(P, T, d, err);
    double *work = X ? pe_allocate(n, (n + 1) * sizeof *work, "singular vectors", err) : NULL;
    st = work ? singular_values_of(X, rows, n, work, sigma, err) : PE_MEMORY;
    pe_release(work);
    pe_release(X);
    return st;
}

/* Largest eigenvalue of the symmetric G (n,n), which is destroyed. */
static pe_status largest_eigenvalue(double *G, size_t n, double *largest, pe_error *err)
{
    double *work = pe_allocate(n, 3 * sizeof *work, "eigenvalues", err);
    if (!work)
        return PE_MEMORY;
    /* GSL's workspace is a public struct of two arrays: ours, so that memory has one owner. */
    gsl_eigen_symm_workspace space = {.size = n, .d = work + n, .sd = work + 2 * n};
    gsl_matrix_view g = gsl_matrix_view_array(G, n, n);
    gsl_vector_view values = gsl_vector_view_array(work, n);
    pe_status st = pe_gsl(gsl_eigen_symm(&g.matrix, &values.vector, &space), "eigenvalues", err);
    if (st == PE_OK)
        *largest = gsl_vector_max(&values.vector);
    pe_release(work);
    return st;
}

/* The larger the table, the more the small Gram matrix saves; the top eigenvalue loses nothing by
 * the squaring. */
static pe_status stable_rank_of(const double *X, size_t T, size_t d, double *out, pe_error *err)
{
    size_t n = T < d ? T : d;
    double *G = pe_allocate(n, n * sizeof *G, "small Gram matrix", err);
    if (!G)
        return PE_MEMORY;
    double energy = 0.0, largest = 0.0;
    pe_status st = product_with_itself(X, T, d, T < d ? CblasNoTrans : CblasTrans, G, err);
    for (size_t i = 0; i < n; i++)
        energy += G[i * n + i];
    if (st == PE_OK && !(energy > 0.0))
        st = pe_fail(err, PE_FORMAT, "stable rank: the table is zero");
    if (st == PE_OK)
        st = largest_eigenvalue(G, n, &largest, err);
    if (st == PE_OK)
        *out = energy / largest;
    pe_release(G);
    return st;
}

pe_status pe_stable_rank(const double *P, size_t T, size_t d, int centred, double *out,
                         pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    if (st != PE_OK || !centred)
        return st == PE_OK ? stable_rank_of(P, T, d, out, err) : st;
    double *X = pe_allocate(T, d * sizeof *X, "centred table", err);
    st = X ? pe_centre_columns(P, T, d, X, err) : PE_MEMORY;
    if (st == PE_OK)
        st = stable_rank_of(X, T, d, out, err);
    pe_release(X);
    return st;
}

/* amplitude[f*d + c] from GSL's half-complex order of one transformed column: Re X_0, then pairs,
 * then Re X_{T/2} alone when T is even. */
static void read_amplitudes(const double *X, size_t T, size_t d, size_t c, double *amplitude)
{
    amplitude[c] = fabs(X[c]) / (double)T;
    for (size_t f = 1; f <= T / 2; f++) {
        if (2 * f == T)
            amplitude[f * d + c] = fabs(X[(T - 1) * d + c]) / (double)T;
        else
            amplitude[f * d + c] =
                2.0 * hypot(X[(2 * f - 1) * d + c], X[2 * f * d + c]) / (double)T;
    }
}

static pe_status transform_columns(double *X, size_t T, size_t d, double *amplitude, pe_error *err)
{
    gsl_fft_real_wavetable *wave = gsl_fft_real_wavetable_alloc(T);
    gsl_fft_real_workspace *space = gsl_fft_real_workspace_alloc(T);
    pe_status st = wave && space ? PE_OK : pe_fail(err, PE_MEMORY, "Fourier transform: no memory");
    for (size_t c = 0; st == PE_OK && c < d; c++) {
        st = pe_gsl(gsl_fft_real_transform(X + c, d, T, wave, space), "Fourier transform", err);
        if (st == PE_OK)
            read_amplitudes(X, T, d, c, amplitude);
    }
    if (space)
        gsl_fft_real_workspace_free(space);
    if (wave)
        gsl_fft_real_wavetable_free(wave);
    return st;
}

pe_status pe_amplitude_spectrum(const double *P, size_t T, size_t d, double *amplitude,
                                pe_error *err)
{
    pe_status st = check_table(P, T, d, err);
    if (st != PE_OK)
        return st;
    double *X = pe_allocate(T, d * sizeof *X, "copy of the table", err);
    if (!X)
        return PE_MEMORY;
    memcpy(X, P, T * d * sizeof *X);
    st = transform_columns(X, T, d, amplitude, err);
    pe_release(X);
    return st;
}
