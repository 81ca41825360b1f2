#include "analysis/probe.h"

#include "analysis/random.h"
#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_linalg.h>
#include <math.h>

/* The augmented least-squares system [X; sqrt(ridge) I] w = [y; 0] of rows = trained + d. */
typedef struct probe {
    const double *P;
    size_t T, d, trained, tested;
    size_t *test;    /* rising rows that are held out */
    double *mean;    /* d: column means of the training rows */
    double *A;       /* (rows, d) */
    double *reflect; /* (d, d): block reflectors of the QR */
    double *vectors; /* y (rows), w (rows), work (d) */
    double mean_position;
} probe;

static void free_probe(probe *p)
{
    pe_release(p->test);
    pe_release(p->mean);
    pe_release(p->A);
    pe_release(p->reflect);
    pe_release(p->vectors);
}

static pe_status allocate_probe(probe *p, pe_error *err)
{
    size_t rows = p->trained + p->d, d = p->d;
    p->test = pe_allocate(p->tested, sizeof *p->test, "held-out rows", err);
    if (p->test)
        p->mean = pe_allocate(d, sizeof *p->mean, "column means", err);
    if (p->mean)
        p->A = pe_allocate(rows, d * sizeof *p->A, "ridge system", err);
    if (p->A)
        p->reflect = pe_allocate(d, d * sizeof *p->reflect, "reflectors", err);
    if (p->reflect)
        p->vectors = pe_allocate(2 * rows + d, sizeof *p->vectors, "ridge vectors", err);
    return p->vectors ? PE_OK : PE_MEMORY;
}

/* The training rows are those that p->test, rising, jumps over. */
static size_t next_training_row(const probe *p, size_t t, size_t *skipped)
{
    while (*skipped < p->tested && p->test[*skipped] == t) {
        t++;
        ++*skipped;
    }
    return t;
}

static void find_means(probe *p)
{
    size_t skipped = 0, t = 0;
    for (size_t n = 0; n < p->trained; n++, t++) {
        t = next_training_row(p, t, &skipped);
        p->mean_position += (double)t / (double)p->trained;
        for (size_t c = 0; c < p->d; c++)
            p->mean[c] += p->P[t * p->d + c] / (double)p->trained;
    }
}

static void fill_system(probe *p, double ridge)
{
    size_t skipped = 0, t = 0, d = p->d;
    for (size_t n = 0; n < p->trained; n++, t++) {
        t = next_training_row(p, t, &skipped);
        p->vectors[n] = (double)t - p->mean_position;
        for (size_t c = 0; c < d; c++)
            p->A[n * d + c] = p->P[t * d + c] - p->mean[c];
    }
    for (size_t c = 0; c < d; c++)
        p->A[(p->trained + c) * d + c] = sqrt(ridge);
}

/* No normal equations: their condition number is the square, and a ridge of 1e-8 would drown. */
static pe_status solve(probe *p, pe_error *err)
{
    size_t rows = p->trained + p->d, d = p->d;
    gsl_matrix_view A = gsl_matrix_view_array(p->A, rows, d);
    gsl_matrix_view reflect = gsl_matrix_view_array(p->reflect, d, d);
    gsl_vector_view y = gsl_vector_view_array(p->vectors, rows);
    gsl_vector_view w = gsl_vector_view_array(p->vectors + rows, rows);
    gsl_vector_view work = gsl_vector_view_array(p->vectors + 2 * rows, d);
    int code = gsl_linalg_QR_decomp_r(&A.matrix, &reflect.matrix);
    if (!code)
        code =
            gsl_linalg_QR_lssolve_r(&A.matrix, &reflect.matrix, &y.vector, &w.vector, &work.vector);
    return pe_gsl(code, "position probe", err);
}

static void test_rows(const probe *p, pe_position_probe *out)
{
    const double *w = p->vectors + p->trained + p->d;
    for (size_t n = 0; n < p->tested; n++) {
        size_t t = p->test[n];
        double gap = p->mean_position - (double)t;
        out->chance += fabs(gap) / (double)p->tested;
        for (size_t c = 0; c < p->d; c++)
            gap += w[c] * (p->P[t * p->d + c] - p->mean[c]);
        out->mae += fabs(gap) / (double)p->tested;
        out->worst = fmax(out->worst, fabs(gap));
    }
}

static pe_status count_rows(size_t T, size_t d, double held_out, double ridge, size_t *tested,
                            pe_error *err)
{
    if (!(held_out > 0.0 && held_out < 1.0) || !(ridge > 0.0 && isfinite(ridge)) || d == 0)
        return pe_fail(err, PE_USAGE,
                       "position probe: needs 0 < held_out < 1, ridge > 0 and a column, got %g, %g "
                       "and %zu",
                       held_out, ridge, d);
    *tested = (size_t)(held_out * (double)T + 0.5);
    if (*tested < 1)
        *tested = 1;
    if (T < *tested + 2)
        return pe_fail(err, PE_USAGE, "position probe: %zu of %zu rows held out leaves too few",
                       *tested, T);
    return PE_OK;
}

pe_status pe_probe_position(const double *P, size_t T, size_t d, double held_out, double ridge,
                            uint64_t seed, pe_position_probe *out, pe_error *err)
{
    probe p = {.P = P, .T = T, .d = d};
    pe_status st = count_rows(T, d, held_out, ridge, &p.tested, err);
    if (st == PE_OK)
        st = pe_require_finite(P, T * d, "table", err);
    if (st != PE_OK)
        return st;
    p.trained = T - p.tested;
    st = allocate_probe(&p, err);
    if (st == PE_OK) {
        pe_stream stream = pe_stream_open(seed, "held-out positions", 0);
        pe_choose(&stream, p.test, p.tested, T);
        find_means(&p);
        fill_system(&p, ridge);
        st = solve(&p, err);
    }
    if (st == PE_OK) {
        *out = (pe_position_probe){.ridge = ridge, .trained = p.trained, .tested = p.tested};
        test_rows(&p, out);
    }
    free_probe(&p);
    return st;
}
