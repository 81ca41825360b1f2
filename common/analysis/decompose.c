#include "analysis/decompose.h"

#include "analysis/profile.h"
#include "analysis/start.h"

#include <float.h>
#include <math.h>

/* Any entry that lies in every non-empty region: below the diagonal, or the corner. */
static double sample_of(const double *m, size_t T, pe_region region)
{
    return m[pe_region_skips_diagonal(region) ? T : 0];
}

/* Differences to one entry are summed, so that a constant matrix has exactly that mean. */
static double mean_of_region(const double *m, size_t T, pe_region region)
{
    double shift = sample_of(m, T, region), sum = 0.0;
    for (size_t i = 0; i < T; i++) {
        double row = 0.0;
        for (size_t j = 0; j < pe_region_end(region, T, i); j++)
            if (pe_in_region(region, T, i, j))
                row += m[i * T + j] - shift;
        sum += row;
    }
    return shift + sum / (double)pe_region_size(region, T);
}

/* The four parts of one entry, from it, its mirror image and the means of both diagonals. */
typedef struct parts {
    double toeplitz_even, toeplitz_odd, rest_even, rest_odd;
} parts;

static parts parts_at(const double *m, const pe_profile *p, double mean, size_t i, size_t j)
{
    size_t T = p->T;
    double b = p->mean[j + T - 1 - i], mirrored = p->mean[i + T - 1 - j];
    double rest = m[i * T + j] - b, rest_mirrored = m[j * T + i] - mirrored;
    return (parts){0.5 * (b + mirrored) - mean, 0.5 * (b - mirrored), 0.5 * (rest + rest_mirrored),
                   0.5 * (rest - rest_mirrored)};
}

static double square(double x)
{
    return x * x;
}

/* Energies of one row; adding row by row keeps the rounding of long sums small. */
static void add_row_two_sided(const double *m, const pe_profile *p, pe_region region, double mean,
                              size_t i, pe_split *sum)
{
    pe_split row = {0};
    for (size_t j = 0; j < p->T; j++) {
        if (!pe_in_region(region, p->T, i, j))
            continue;
        parts x = parts_at(m, p, mean, i, j);
        row.toeplitz_even += square(x.toeplitz_even);
        row.toeplitz_odd += square(x.toeplitz_odd);
        row.rest_even += square(x.rest_even);
        row.rest_odd += square(x.rest_odd);
        row.energy += square(m[i * p->T + j] - mean);
    }
    sum->toeplitz_even += row.toeplitz_even;
    sum->toeplitz_odd += row.toeplitz_odd;
    sum->rest_even += row.rest_even;
    sum->rest_odd += row.rest_odd;
    sum->energy += row.energy;
}

static void add_row_causal(const double *m, const pe_profile *p, pe_region region, double mean,
                           size_t i, pe_split *sum)
{
    size_t T = p->T;
    pe_split row = {0};
    for (size_t j = 0; j < pe_region_end(region, T, i); j++) {
        double b = p->mean[j + T - 1 - i];
        row.toeplitz += square(b - mean);
        row.rest += square(m[i * T + j] - b);
        row.energy += square(m[i * T + j] - mean);
    }
    sum->toeplitz += row.toeplitz;
    sum->rest += row.rest;
    sum->energy += row.energy;
}

/* What is left of a constant matrix is rounding noise, whose fractions would mean nothing: 8 eps
 * per entry is what a softmax or a product leaves. */
static int nothing_varies(double energy, double mean, size_t entries)
{
    return energy <= (double)entries * square(8.0 * DBL_EPSILON * mean);
}

static void scale_split(pe_split *s, int causal, size_t entries)
{
    s->constant = nothing_varies(s->energy, s->mean, entries);
    double scale = s->constant ? PE_NAN : 1.0 / s->energy;
    double scale_halves = causal ? PE_NAN : scale;
    if (!causal) {
        s->toeplitz = s->toeplitz_even + s->toeplitz_odd;
        s->rest = s->rest_even + s->rest_odd;
    }
    s->toeplitz *= scale;
    s->rest *= scale;
    s->toeplitz_even *= scale_halves;
    s->toeplitz_odd *= scale_halves;
    s->rest_even *= scale_halves;
    s->rest_odd *= scale_halves;
}

static pe_status check_region(size_t T, pe_region region, pe_error *err)
{
    if (T == 0 || pe_region_size(region, T) == 0)
        return pe_fail(err, PE_USAGE, "split: a matrix of %zu x %zu has nothing in this region", T,
                       T);
    return PE_OK;
}

pe_status pe_split_of(const double *m, size_t T, pe_region region, pe_split_mean mean,
                      pe_split *out, pe_error *err)
{
    pe_profile p;
    pe_status st = check_region(T, region, err);
    if (st == PE_OK)
        st = pe_profile_of(m, T, region, &p, err);
    if (st != PE_OK)
        return st;
    int causal = pe_region_is_causal(region);
    pe_split sum = {.mean = mean_of_region(m, T, region)};
    double removed = mean == PE_MEAN_REMOVED ? sum.mean : 0.0;
    for (size_t i = 0; i < T; i++) {
        if (causal)
            add_row_causal(m, &p, region, removed, i, &sum);
        else
            add_row_two_sided(m, &p, region, removed, i, &sum);
    }
    pe_profile_free(&p);
    if (!isfinite(sum.energy))
        return pe_fail(err, PE_FORMAT,
                       "split: the entries are so large that their squares overflow");
    scale_split(&sum, causal, pe_region_size(region, T));
    *out = sum;
    return PE_OK;
}

pe_status pe_split_parts(const double *m, size_t T, double *toeplitz_even, double *toeplitz_odd,
                         double *rest_even, double *rest_odd, pe_error *err)
{
    pe_profile p;
    pe_status st = pe_profile_of(m, T, PE_REGION_ALL, &p, err);
    if (st != PE_OK)
        return st;
    double mean = mean_of_region(m, T, PE_REGION_ALL);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++) {
            parts x = parts_at(m, &p, mean, i, j);
            toeplitz_even[i * T + j] = x.toeplitz_even;
            toeplitz_odd[i * T + j] = x.toeplitz_odd;
            rest_even[i * T + j] = x.rest_even;
            rest_odd[i * T + j] = x.rest_odd;
        }
    pe_profile_free(&p);
    return PE_OK;
}

pe_status pe_toeplitz_fit_of(const double *m, size_t T, pe_toeplitz_fit *out, pe_error *err)
{
    pe_split split = {0};
    pe_profile p;
    pe_status st = pe_split_of(m, T, PE_REGION_OFF_DIAGONAL, PE_MEAN_REMOVED, &split, err);
    if (st == PE_OK)
        st = pe_profile_of(m, T, PE_REGION_ALL, &p, err);
    if (st != PE_OK)
        return st;
    double deviation = 0.0;
    for (size_t k = 0; k < 2 * T - 1; k++)
        deviation = fmax(deviation, p.deviation[k]);
    pe_profile_free(&p);
    *out =
        (pe_toeplitz_fit){deviation, split.constant ? PE_NAN : 1.0 - split.rest, 2.0 / (double)T};
    return PE_OK;
}

pe_status pe_symmetry_of(const double *m, size_t T, pe_symmetry *out, pe_error *err)
{
    pe_status st = check_region(T, PE_REGION_OFF_DIAGONAL, err);
    if (st == PE_OK)
        st = pe_require_finite_region(m, T, PE_REGION_ALL, err);
    if (st != PE_OK)
        return st;
    double mean = mean_of_region(m, T, PE_REGION_OFF_DIAGONAL);
    double product = 0.0, variance = 0.0, odd = 0.0, energy = 0.0;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++) {
            if (i == j)
                continue;
            double x = m[i * T + j], y = m[j * T + i];
            product += (x - mean) * (y - mean);
            variance += square(x - mean);
            odd += square(0.5 * (x - y));
            energy += square(x);
        }
    int constant = nothing_varies(variance, mean, pe_region_size(PE_REGION_OFF_DIAGONAL, T));
    *out =
        (pe_symmetry){constant ? PE_NAN : product / variance, energy > 0.0 ? odd / energy : PE_NAN};
    return PE_OK;
}
