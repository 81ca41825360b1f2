#include "analysis/gram_profile.h"
#include "base/memory.h"
#include "kernels/kernels.h"

#include <limits.h>
#include <math.h>

enum {
    ROWS = 64,     /* of a block of products */
    COLUMNS = 128, /* whole panels */
    STRIPS = 16    /* accumulators: block r belongs to r modulo STRIPS, whoever computes it */
};

typedef struct strip {
    double *sum, *square; /* (T) each */
} strip;

/* What the products of rows from i on with rows from j on add to their distances; those below the
 * diagonal were met above it. */
static void add_block(const float *product, int rows, int columns, size_t i, size_t j, strip to)
{
    for (int r = 0; r < rows; r++) {
        const size_t row = i + (size_t)r;
        const int first = row > j ? (int)(row - j) : 0;
        const size_t distance = j + (size_t)first - row;
        pe_kernels_now()->add_moments(to.sum + distance, to.square + distance,
                                      product + r * COLUMNS + first, columns - first);
    }
}

static void add_rows(const float *P, const float *panels, size_t T, size_t d, size_t i, strip to)
{
    float product[ROWS * COLUMNS];
    const int rows = T - i < ROWS ? (int)(T - i) : ROWS;
    for (size_t j = i / COLUMNS * COLUMNS; j < T; j += COLUMNS) {
        const int columns = T - j < COLUMNS ? (int)(T - j) : COLUMNS;
        pe_kernels_now()->times_panels(rows, columns, (int)d, 1, P + i * d, (int)d, panels + j * d,
                                       product, COLUMNS);
        add_block(product, rows, columns, i, j, to);
    }
}

static void add_all(const float *P, float *panels, size_t T, size_t d, const strip *strips)
{
#pragma omp parallel
    {
#pragma omp for
        for (size_t j = 0; j < T; j += PE_PANEL)
            pe_kernels_now()->pack(T - j < PE_PANEL ? (int)(T - j) : PE_PANEL, (int)d, P + j * d,
                                   (int)d, panels + j * d);
#pragma omp for schedule(dynamic)
        for (size_t s = 0; s < STRIPS; s++)
            for (size_t i = s * ROWS; i < T; i += (size_t)STRIPS * ROWS)
                add_rows(P, panels, T, d, i, strips[s]);
    }
}

static pe_status finish(const strip *strips, size_t T, double *mean, double *second, pe_error *err)
{
    for (size_t k = 0; k < T; k++) {
        const double count = (double)(T - k);
        double sum = 0, square = 0;
        for (int s = 0; s < STRIPS; s++) {
            sum += strips[s].sum[k];
            square += strips[s].square[k];
        }
        if (!isfinite(sum) || !isfinite(square))
            return pe_fail(err, PE_FORMAT,
                           "Gram matrix by distance: a product of rows %zu apart is not finite", k);
        mean[k] = sum / count;
        second[k] = square / count;
    }
    return PE_OK;
}

pe_status pe_gram_profile(const float *P, size_t T, size_t d, double *mean, double *second,
                          pe_error *err)
{
    if (T == 0 || d == 0 || T > INT_MAX || d > INT_MAX)
        return pe_fail(err, PE_USAGE, "a table needs 1 to 2^31 - 1 rows and columns, not %zu x %zu",
                       T, d);
    const size_t padded = (T + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
    float *panels = pe_allocate_unset(padded * d, sizeof *panels, "packed table", err);
    double *sums =
        panels ? pe_allocate(2 * STRIPS * T, sizeof *sums, "sums by distance", err) : NULL;
    pe_status status = sums ? PE_OK : PE_MEMORY;
    if (status == PE_OK) {
        strip strips[STRIPS];
        for (size_t s = 0; s < STRIPS; s++)
            strips[s] = (strip){sums + 2 * s * T, sums + (2 * s + 1) * T};
        add_all(P, panels, T, d, strips);
        status = finish(strips, T, mean, second, err);
    }
    pe_release(sums);
    pe_release(panels);
    return status;
}
