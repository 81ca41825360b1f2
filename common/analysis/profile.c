#include "analysis/profile.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <math.h>

void pe_profile_free(pe_profile *p)
{
    if (!p)
        return;
    pe_release(p->mean);
    pe_release(p->spread);
    pe_release(p->deviation);
    pe_release(p->count);
    *p = (pe_profile){0};
}

static pe_status allocate_profile(size_t T, pe_profile *p, pe_error *err)
{
    size_t offsets = 2 * T - 1;
    *p = (pe_profile){.T = T};
    p->mean = pe_allocate(offsets, sizeof *p->mean, "profile means", err);
    if (p->mean)
        p->spread = pe_allocate(offsets, sizeof *p->spread, "profile spreads", err);
    if (p->spread)
        p->deviation = pe_allocate(offsets, sizeof *p->deviation, "profile deviations", err);
    if (p->deviation)
        p->count = pe_allocate(offsets, sizeof *p->count, "profile counts", err);
    if (p->count)
        return PE_OK;
    pe_profile_free(p);
    return PE_MEMORY;
}

/* The first entry of diagonal k: row 0 to the right of the corner, column 0 below it. */
static double first_of_diagonal(const double *m, size_t T, size_t index)
{
    return index >= T - 1 ? m[index - (T - 1)] : m[(T - 1 - index) * T];
}

/* Sums are taken of the differences to the first entry, so that a diagonal of equal numbers has
 * exactly that number as its mean and a deviation of exactly 0. */
static void add_means(const double *m, pe_region region, pe_profile *p)
{
    size_t T = p->T;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < pe_region_end(region, T, i); j++) {
            size_t k = j + T - 1 - i;
            p->mean[k] += m[i * T + j] - first_of_diagonal(m, T, k);
            p->count[k]++;
        }
    if (pe_region_skips_diagonal(region))
        p->count[T - 1] = 0;
    for (size_t k = 0; k < 2 * T - 1; k++)
        p->mean[k] =
            p->count[k] ? first_of_diagonal(m, T, k) + p->mean[k] / (double)p->count[k] : PE_NAN;
}

static void add_spreads(const double *m, pe_region region, pe_profile *p)
{
    size_t T = p->T;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < pe_region_end(region, T, i); j++) {
            size_t k = j + T - 1 - i;
            double gap = fabs(m[i * T + j] - p->mean[k]);
            p->spread[k] += gap * gap;
            p->deviation[k] = fmax(p->deviation[k], gap);
        }
    for (size_t k = 0; k < 2 * T - 1; k++) {
        p->spread[k] = p->count[k] ? sqrt(p->spread[k] / (double)p->count[k]) : PE_NAN;
        if (!p->count[k])
            p->deviation[k] = PE_NAN;
    }
}

pe_status pe_profile_of(const double *m, size_t T, pe_region region, pe_profile *out, pe_error *err)
{
    pe_profile p;
    pe_status st = pe_require_finite_region(m, T, region, err);
    if (st == PE_OK)
        st = allocate_profile(T, &p, err);
    if (st != PE_OK)
        return st;
    add_means(m, region, &p);
    add_spreads(m, region, &p);
    *out = p;
    return PE_OK;
}

pe_status pe_profile_one_sided(const pe_profile *p, int direction, double *curve, pe_error *err)
{
    if (direction != 1 && direction != -1)
        return pe_fail(err, PE_USAGE, "profile: the direction is +1 or -1, got %d", direction);
    for (size_t r = 0; r < p->T; r++)
        curve[r] = p->mean[direction > 0 ? p->T - 1 + r : p->T - 1 - r];
    return PE_OK;
}

static pe_status check_curve(const double *b, size_t n, size_t least, pe_error *err)
{
    if (n < least)
        return pe_fail(err, PE_USAGE, "curve: needs at least %zu points, got %zu", least, n);
    return pe_require_finite(b, n, "curve", err);
}

pe_status pe_normalise_curve(const double *b, size_t n, double *g, pe_error *err)
{
    pe_status st = check_curve(b, n, 1, err);
    if (st != PE_OK)
        return st;
    double start = b[0]; /* kept: g may be b */
    if (start == 0.0)
        return pe_fail(err, PE_FORMAT, "curve: b(0) is 0, so b(k)/b(0) says nothing");
    for (size_t k = 0; k < n; k++)
        g[k] = b[k] / start;
    return PE_OK;
}

static void note_first(size_t *mark, size_t k, int reached)
{
    if (reached && *mark == PE_NEVER)
        *mark = k;
}

pe_status pe_curve_marks_of(const double *b, size_t n, pe_curve_marks *out, pe_error *err)
{
    pe_status st = check_curve(b, n, 1, err);
    if (st != PE_OK)
        return st;
    *out = (pe_curve_marks){PE_NEVER, 0, PE_NEVER, PE_NEVER, PE_NEVER};
    for (size_t k = 1; k < n; k++) {
        int rise = b[k] > b[k - 1];
        out->rises += (size_t)rise;
        note_first(&out->first_rise, k - 1, rise);
    }
    if (!(b[0] > 0.0))
        return PE_OK;
    for (size_t k = 0; k < n; k++) {
        note_first(&out->half, k, b[k] <= 0.5 * b[0]);
        note_first(&out->tenth, k, b[k] <= 0.1 * b[0]);
        note_first(&out->negative, k, b[k] < 0.0);
    }
    return PE_OK;
}

pe_status pe_curve_contrast(const double *b, size_t n, double *out, pe_error *err)
{
    pe_status st = check_curve(b, n, 2, err);
    if (st != PE_OK)
        return st;
    double sum = 0.0;
    for (size_t k = 1; k < n; k++)
        sum += fabs(b[k]);
    if (sum == 0.0)
        return pe_fail(err, PE_FORMAT, "contrast: the curve is 0 everywhere but at k = 0");
    *out = b[0] * (double)(n - 1) / sum;
    return PE_OK;
}

static pe_status check_rows(const double *P, size_t T, size_t d, size_t least, pe_error *err)
{
    if (T < least || d == 0)
        return pe_fail(err, PE_USAGE, "table: needs %zu rows and 1 column, got %zu x %zu", least, T,
                       d);
    return pe_require_finite(P, T * d, "table", err);
}

pe_status pe_row_norms(const double *P, size_t T, size_t d, double *norms, pe_error *err)
{
    pe_status st = check_rows(P, T, d, 1, err);
    for (size_t t = 0; st == PE_OK && t < T; t++) {
        double square = 0.0;
        for (size_t c = 0; c < d; c++)
            square += P[t * d + c] * P[t * d + c];
        norms[t] = sqrt(square);
    }
    return st;
}

pe_status pe_step_norms(const double *P, size_t T, size_t d, double *steps, pe_error *err)
{
    pe_status st = check_rows(P, T, d, 2, err);
    for (size_t t = 0; st == PE_OK && t + 1 < T; t++) {
        double square = 0.0;
        for (size_t c = 0; c < d; c++) {
            double gap = P[(t + 1) * d + c] - P[t * d + c];
            square += gap * gap;
        }
        steps[t] = sqrt(square);
    }
    return st;
}
