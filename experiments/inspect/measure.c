/* What a table of codes shows, and what noise of its size would show. */
#include "inspect/inspect.h"

#include "analysis/components.h"
#include "analysis/noise.h"
#include "analysis/profile.h"
#include "analysis/summary.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { NEAR = 4 };

static pe_status allocate(const pe_inspect_table *t, pe_inspect_found *f, pe_error *err)
{
    const size_t T = t->rows, d = t->columns;
    f->ranks = T < d ? T : d;
    f->frequencies = T / 2 + 1;
    f->norm = pe_allocate(T, sizeof *f->norm, "row norms", err);
    f->near = pe_allocate(T, sizeof *f->near, "neighbours", err);
    f->untrained = pe_allocate(T, sizeof *f->untrained, "row marks", err);
    f->cosine = pe_allocate(T * T, sizeof *f->cosine, "cosine matrix", err);
    f->g = pe_allocate(T, sizeof *f->g, "profile", err);
    f->singular = pe_allocate(f->ranks, sizeof *f->singular, "singular values", err);
    f->score = pe_allocate(T * 3, sizeof *f->score, "components", err);
    f->amplitude = pe_allocate(f->frequencies, sizeof *f->amplitude, "spectrum", err);
    return f->norm && f->near && f->untrained && f->cosine && f->g && f->singular && f->score &&
                   f->amplitude
               ? PE_OK
               : PE_MEMORY;
}

static pe_status measure_norms(const pe_inspect_table *t, pe_inspect_found *f, pe_error *err)
{
    const size_t T = t->rows;
    pe_summary s;
    pe_status status = pe_row_norms(t->values, T, t->columns, f->norm, err);
    if (status == PE_OK)
        status = pe_summarise(f->norm, T, &s, err);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < T; i++)
        if (f->norm[i] == 0)
            return pe_fail(err, PE_FORMAT,
                           "row %zu of %s is zero throughout: it has no direction to compare; cut "
                           "padding rows off before inspecting",
                           i, t->name);
    f->norm_mean = s.mean;
    f->norm_sd = s.sd * sqrt(((double)T - 1) / (double)T);
    f->norm_median = s.median;
    double *away = pe_allocate(T, sizeof *away, "distances from the median", err);
    if (!away)
        return PE_MEMORY;
    for (size_t i = 0; i < T; i++) {
        away[i] = fabs(f->norm[i] - s.median);
        if (away[i] > away[f->special])
            f->special = i;
    }
    const double farthest = away[f->special];
    status = pe_summarise(away, T, &s, err);
    pe_release(away);
    f->special_by = s.median > 0 ? farthest / (1.4826 * s.median) : 0;
    return status;
}

static void measure_neighbours(const pe_inspect_table *t, pe_inspect_found *f)
{
    const size_t T = t->rows;
    size_t run = 0;
    for (size_t i = 0; i < T; i++) {
        const size_t from = i < NEAR ? 0 : i - NEAR, to = i + NEAR < T ? i + NEAR : T - 1;
        double squares = 0;
        for (size_t j = from; j <= to; j++)
            if (j != i)
                squares += f->cosine[i * T + j] * f->cosine[i * T + j];
        f->near[i] = sqrt(squares / (double)(to - from));
        f->untrained[i] = f->near[i] <= pe_noise_cosine(to - from, t->columns);
        f->untrained_rows += f->untrained[i];
        run = f->untrained[i] ? run + 1 : 0;
        if (run > f->run_rows) {
            f->run_rows = run;
            f->run_first = i + 1 - run;
        }
    }
    f->near_noise = pe_noise_cosine(T > 2 * NEAR ? 2 * NEAR : T - 1, t->columns);
}

static pe_status measure_distances(const pe_inspect_table *t, pe_inspect_found *f, pe_error *err)
{
    const size_t T = t->rows;
    pe_curve_marks marks;
    pe_split split;
    pe_toeplitz_fit fit;
    pe_status status = pe_cosine_similarity(t->values, T, t->columns, f->cosine, err);
    if (status != PE_OK)
        return status;
    for (size_t k = 0; k < T; k++) {
        double sum = 0;
        for (size_t i = 0; i + k < T; i++)
            sum += f->cosine[i * T + i + k];
        f->g[k] = sum / (double)(T - k);
    }
    f->g_noise = 3 / sqrt((double)(T - 1) * (double)t->columns);
    status = pe_curve_marks_of(f->g, T, &marks, err);
    if (status == PE_OK)
        status = pe_gram_toeplitz(t->values, T, t->columns, &fit, err);
    if (status == PE_OK)
        status = pe_split_of(f->cosine, T, PE_REGION_ALL, PE_MEAN_REMOVED, &split, err);
    if (status != PE_OK)
        return status;
    f->first_rise = marks.first_rise;
    f->r2 = fit.r2;
    f->chance = fit.chance;
    f->even = split.toeplitz_even;
    f->odd = split.toeplitz_odd;
    f->rest_even = split.rest_even;
    f->rest_odd = split.rest_odd;
    measure_neighbours(t, f);
    return PE_OK;
}

static pe_status measure_shape(const pe_inspect_table *t, pe_inspect_found *f, pe_error *err)
{
    const size_t T = t->rows, d = t->columns, n = f->ranks < 3 ? f->ranks : 3;
    pe_status status = pe_singular_values(t->values, T, d, f->singular, err);
    if (status == PE_OK)
        status = pe_stable_rank(t->values, T, d, 0, &f->stable_rank, err);
    if (status == PE_OK)
        status = pe_stable_rank(t->values, T, d, 1, &f->stable_rank_centred, err);
    double *score = pe_allocate(T * n, sizeof *score, "components", err);
    if (!score)
        return PE_MEMORY;
    if (status == PE_OK)
        status = pe_principal_components(t->values, T, d, n, score, NULL, f->share, err);
    for (size_t i = 0; status == PE_OK && i < T; i++)
        memcpy(f->score + 3 * i, score + n * i, n * sizeof *score);
    pe_release(score);
    return status;
}

static double variance(const pe_inspect_table *t, const double *centred)
{
    double sum = 0;
    for (size_t i = 0; i < t->rows * t->columns; i++)
        sum += centred[i] * centred[i];
    return sum / ((double)t->rows * (double)t->columns);
}

/* A local maximum of the spectrum, standing at least twice above the noise. */
static void find_peaks(pe_inspect_found *f, size_t T)
{
    for (size_t w = 1; 2 * w < T; w++) {
        const double a = f->amplitude[w];
        const bool left = w == 1 || a >= f->amplitude[w - 1];
        const bool right = 2 * (w + 1) >= T || a > f->amplitude[w + 1];
        if (!left || !right || a < 2 * f->amplitude_noise)
            continue;
        int at = f->peaks < PE_INSPECT_PEAKS ? f->peaks++ : PE_INSPECT_PEAKS;
        for (; at > 0 && f->amplitude[f->peak[at - 1]] < a; at--)
            if (at < PE_INSPECT_PEAKS)
                f->peak[at] = f->peak[at - 1];
        if (at < PE_INSPECT_PEAKS)
            f->peak[at] = w;
    }
}

/* White noise of variance s^2 has amplitudes whose mean square is 4 s^2 / T. */
static pe_status measure_spectrum(const pe_inspect_table *t, pe_inspect_found *f, double *centred,
                                  pe_error *err)
{
    const size_t d = t->columns;
    double *all = pe_allocate(f->frequencies * d, sizeof *all, "spectrum", err);
    if (!all)
        return PE_MEMORY;
    pe_status status = pe_amplitude_spectrum(centred, t->rows, d, all, err);
    for (size_t w = 0; status == PE_OK && w < f->frequencies; w++) {
        double squares = 0;
        for (size_t c = 0; c < d; c++)
            squares += all[w * d + c] * all[w * d + c];
        f->amplitude[w] = sqrt(squares / (double)d);
    }
    pe_release(all);
    f->amplitude_noise = sqrt(4 * variance(t, centred) / (double)t->rows);
    if (status == PE_OK)
        find_peaks(f, t->rows);
    return status;
}

/* x(t-1) - 2 x(t) + x(t+1) = -(2 - 2 cos w) x(t) for a sinusoid about 0, whatever its phase, and
 * for nothing else: noise explains 2/3 of its second differences in this way, a smooth curve less.
 */
static bool is_sinusoid(const pe_inspect_table *t, size_t column)
{
    double xx = 0, xd = 0, dd = 0;
    for (size_t i = 1; i + 1 < t->rows; i++) {
        const double *at = t->values + i * t->columns + column;
        const double x = at[0], second = at[-(ptrdiff_t)t->columns] - 2 * x + at[t->columns];
        xx += x * x;
        xd += x * second;
        dd += second * second;
    }
    return xx > 0 && dd > 0 && xd < 0 && xd * xd >= 0.99 * xx * dd;
}

pe_status pe_inspect_measure(const pe_inspect_table *table, pe_inspect_found *found, pe_error *err)
{
    *found = (pe_inspect_found){0};
    double *centred = NULL;
    pe_status status = allocate(table, found, err);
    if (status == PE_OK)
        status = measure_norms(table, found, err);
    if (status == PE_OK)
        status = measure_distances(table, found, err);
    if (status == PE_OK)
        status = measure_shape(table, found, err);
    if (status == PE_OK) {
        centred = pe_allocate(table->rows * table->columns, sizeof *centred, "centred table", err);
        status = centred ? PE_OK : PE_MEMORY;
    }
    if (status == PE_OK)
        status = pe_centre_columns(table->values, table->rows, table->columns, centred, err);
    if (status == PE_OK)
        status = measure_spectrum(table, found, centred, err);
    for (size_t c = 0; status == PE_OK && c < table->columns; c++)
        found->wave_share += is_sinusoid(table, c) / (double)table->columns;
    pe_release(centred);
    if (status != PE_OK)
        pe_inspect_forget(found);
    return status;
}

void pe_inspect_forget(pe_inspect_found *found)
{
    pe_release(found->norm);
    pe_release(found->near);
    pe_release(found->untrained);
    pe_release(found->cosine);
    pe_release(found->g);
    pe_release(found->singular);
    pe_release(found->score);
    pe_release(found->amplitude);
    *found = (pe_inspect_found){0};
}
