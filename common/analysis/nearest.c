#include "analysis/nearest.h"

#include "analysis/random.h"
#include "analysis/start.h"
#include "base/memory.h"

#include <float.h>
#include <gsl/gsl_sort.h>
#include <math.h>

enum { ALL_PAIRS_UP_TO = 4096, BLOCK = 16 };

typedef struct search {
    const double *P;
    size_t d;
    double best; /* squared distance */
    size_t first, second;
} search;

/* The squared distance of rows a and b, given up as soon as it cannot be the smallest. */
static void try_pair(search *s, size_t a, size_t b)
{
    const double *x = s->P + a * s->d, *y = s->P + b * s->d;
    double sum = 0.0;
    for (size_t c = 0; c < s->d && sum < s->best; c += BLOCK)
        for (size_t e = c; e < s->d && e < c + BLOCK; e++)
            sum += (x[e] - y[e]) * (x[e] - y[e]);
    if (sum >= s->best)
        return;
    s->best = sum;
    s->first = a < b ? a : b;
    s->second = a < b ? b : a;
}

static void try_all_pairs(search *s, size_t T)
{
    for (size_t a = 0; a < T && s->best > 0.0; a++)
        for (size_t b = a + 1; b < T; b++)
            try_pair(s, a, b);
}

/* projected[t] = u . P[t] for a random unit vector u; returns the largest |P[t]|. */
static double project_rows(const search *s, size_t T, pe_stream *stream, double *u,
                           double *projected)
{
    double length = 0.0, largest = 0.0;
    pe_fill_normal(stream, u, s->d, 0.0, 1.0);
    for (size_t c = 0; c < s->d; c++)
        length += u[c] * u[c];
    for (size_t t = 0; t < T; t++) {
        double dot = 0.0, norm = 0.0;
        for (size_t c = 0; c < s->d; c++) {
            dot += u[c] * s->P[t * s->d + c];
            norm += s->P[t * s->d + c] * s->P[t * s->d + c];
        }
        projected[t] = dot / sqrt(length);
        largest = fmax(largest, norm);
    }
    return sqrt(largest);
}

/* |u.(x - y)| <= |x - y|: rows whose projections are further apart than the best pair are out.
 * slack covers the rounding of the projections. */
static void sweep(search *s, size_t T, const double *projected, const size_t *order, double slack)
{
    for (size_t t = 0; t + 1 < T; t++) {
        try_pair(s, t, t + 1);
        try_pair(s, order[t], order[t + 1]);
    }
    for (size_t m = 0; m < T && s->best > 0.0; m++)
        for (size_t n = m + 1;
             n < T && projected[order[n]] - projected[order[m]] <= sqrt(s->best) + slack; n++)
            try_pair(s, order[m], order[n]);
}

static pe_status search_sorted(search *s, size_t T, uint64_t seed, pe_error *err)
{
    double *u = pe_allocate(s->d, sizeof *u, "random direction", err);
    double *projected = u ? pe_allocate(T, sizeof *projected, "projections", err) : NULL;
    size_t *order = projected ? pe_allocate(T, sizeof *order, "order of rows", err) : NULL;
    if (order) {
        pe_stream stream = pe_stream_open(seed, "nearest rows", 0);
        double largest = project_rows(s, T, &stream, u, projected);
        gsl_sort_index(order, projected, 1, T);
        sweep(s, T, projected, order, 4.0 * DBL_EPSILON * (double)s->d * largest);
    }
    pe_release(order);
    pe_release(projected);
    pe_release(u);
    return order ? PE_OK : PE_MEMORY;
}

pe_status pe_nearest_rows(const double *P, size_t T, size_t d, uint64_t seed, pe_nearest_pair *out,
                          pe_error *err)
{
    if (T < 2 || d == 0)
        return pe_fail(err, PE_USAGE, "nearest rows: needs 2 rows and 1 column, got %zu x %zu", T,
                       d);
    pe_status st = pe_require_finite(P, T * d, "table", err);
    if (st != PE_OK)
        return st;
    search s = {.P = P, .d = d, .best = HUGE_VAL};
    if (T <= ALL_PAIRS_UP_TO)
        try_all_pairs(&s, T);
    else
        st = search_sorted(&s, T, seed, err);
    if (st == PE_OK)
        *out = (pe_nearest_pair){sqrt(s.best), s.first, s.second};
    return st;
}
