/* An inspected table as a document. */
#include "inspect/inspect.h"

#include "analysis/profile.h"
#include "base/memory.h"
#include "lab/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 300, CELLS = 256, PATH_ROWS = 96 };

static const char *row_word(const pe_inspect_table *t)
{
    static const char *const word[] = {"position (row)", "offset (row)", "bucket (row)"};
    return word[t->kind];
}

/* Coordinates of the rows: a table of offsets has its middle at 0. */
static void fill_rows(const pe_inspect_table *t, double *x)
{
    for (size_t i = 0; i < t->rows; i++)
        x[i] = (double)i - (t->kind == PE_INSPECT_OFFSETS ? (double)(t->rows / 2) : 0);
}

/* ---- rows ---- */

static void show_norms(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                       pe_section *section, pe_error *err)
{
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "norms", err,
        "Row %.0f stands out: its norm is %.3g, the median %.3g (%.1f robust deviations)",
        x[f->special], f->norm[f->special], f->norm_median, f->special_by);
    pe_figure_x(figure, row_word(t), PE_LINEAR);
    pe_figure_y(figure, "norm of the row", PE_LINEAR);
    pe_figure_add_series(
        figure, &(pe_series){.name = "norm", .slot = 0, .n = t->rows, .x = x, .y = f->norm});
    pe_figure_mark_y(figure, f->norm_median, "median");
    pe_figure_describe(figure, "Norm of each row against its number, with the median as a line.",
                       "Special rows are often those of the first token or of padding.");
    pe_section_figure(section, figure);
}

static void show_untrained(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                           pe_section *section, pe_error *err)
{
    char title[TEXT];
    if (f->untrained_rows == 0)
        snprintf(title, sizeof title,
                 "No row looks untrained: each is related to its neighbours, above noise (%.2f)",
                 f->near_noise);
    else
        snprintf(title, sizeof title,
                 "%zu of %zu rows cannot be told from noise; the longest run is %zu rows from %.0f",
                 f->untrained_rows, t->rows, f->run_rows, x[f->run_first]);
    pe_figure *figure = pe_figure_new(PE_CURVES, "neighbours", title, err);
    pe_figure_x(figure, row_word(t), PE_LINEAR);
    pe_figure_y(figure, "RMS cosine with 4 rows on each side", PE_LINEAR);
    pe_figure_add_series(
        figure, &(pe_series){.name = "cosine", .slot = 0, .n = t->rows, .x = x, .y = f->near});
    pe_figure_mark_y(figure, f->near_noise, "noise");
    pe_figure_describe(
        figure, "RMS cosine of each row with its eight neighbours.",
        "Rows below the line cannot be told from independent random ones (they stay below "
        "it with probability 0.99865): positions that training never reached keep such "
        "rows.");
    pe_section_figure(section, figure);
}

static void show_rows(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                      pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Rows");
    pe_say(section,
           "Norms are %.6f on average with a standard deviation of %.6f; the median is %.6f. Row "
           "%.0f is the farthest from it, at %.4f.",
           f->norm_mean, f->norm_sd, f->norm_median, x[f->special], f->norm[f->special]);
    pe_give(section, "D5", NULL, "mean norm of a row", f->norm_mean, NULL);
    pe_give(section, "D5", NULL, "standard deviation of the norms", f->norm_sd, NULL);
    pe_give(section, "D5", NULL, "largest deviation of a norm, in robust deviations", f->special_by,
            "from the median, in units of 1.4826 times the median deviation");
    show_norms(t, f, x, section, err);
    pe_give(
        section, "4.2", NULL, "rows that cannot be told from noise", (double)f->untrained_rows,
        "the RMS cosine with their up to eight neighbours is one that random rows stay below with "
        "probability 0.99865");
    show_untrained(t, f, x, section, err);
}

/* ---- distances ---- */

static void show_profile(const pe_inspect_table *t, const pe_inspect_found *f, pe_section *section,
                         pe_error *err)
{
    char rise[64] = "never rises";
    if (f->first_rise != PE_NEVER)
        snprintf(rise, sizeof rise, "rises first after distance %zu", f->first_rise);
    double *low = pe_allocate(2 * t->rows, sizeof *low, "noise band", err);
    if (!low)
        return;
    for (size_t k = 0; k < t->rows; k++) {
        const double sd = k ? 1 / sqrt((double)(t->rows - k) * (double)t->columns) : 0;
        low[k] = (k ? 0 : 1) - 3 * sd;
        low[t->rows + k] = (k ? 0 : 1) + 3 * sd;
    }
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "profile", err,
                         "Neighbours have cosine %.3f; with distance it %s", f->g[1], rise);
    pe_figure_x(figure, "distance k (rows)", PE_LINEAR);
    pe_figure_y(figure, "mean cosine of rows k apart", PE_LINEAR);
    pe_figure_add_series(figure, &(pe_series){.name = "table", .slot = 0, .n = t->rows, .y = f->g});
    pe_figure_add_series(
        figure, &(pe_series){.name = "noise", .look = PE_LOOK_REFERENCE, .n = t->rows, .y = low});
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "noise", .look = PE_LOOK_REFERENCE, .n = t->rows, .y = low + t->rows});
    pe_figure_describe(figure,
                       "Mean cosine of two rows against their distance, with the band in "
                       "which random tables of this size lie.",
                       "The band is three standard deviations wide on each side; it opens where "
                       "few pairs of rows are left.");
    pe_section_figure(section, figure);
    pe_release(low);
}

/* At most CELLS cells on a side: means of blocks. */
static void show_map(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                     pe_section *section, pe_error *err)
{
    const size_t T = t->rows, block = (T + CELLS - 1) / CELLS, n = (T + block - 1) / block;
    double *cell = pe_allocate(n * n, sizeof *cell, "cosine map", err);
    if (!cell)
        return;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            double sum = 0, count = 0;
            for (size_t i = a * block; i < (a + 1) * block && i < T; i++)
                for (size_t j = b * block; j < (b + 1) * block && j < T; j++)
                    sum += f->cosine[i * T + j], count++;
            cell[a * n + b] = sum / count;
        }
    pe_figure *figure = pe_figure_titled(
        PE_HEATMAPS, "cosines", err,
        "Distance alone explains %.0f %% of P P^T off the diagonal (noise: %.1f %%)", 100 * f->r2,
        100 * f->chance);
    pe_figure_x(figure, row_word(t), PE_LINEAR);
    pe_figure_y(figure, row_word(t), PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "cosine of two rows", PE_LINEAR);
    pe_figure_add_matrix(figure, &(pe_matrix_panel){.rows = n,
                                                    .columns = n,
                                                    .values = cell,
                                                    .x0 = x[0],
                                                    .dx = (double)block,
                                                    .y0 = x[0],
                                                    .dy = (double)block});
    pe_figure_describe(figure, "Cosine of every pair of rows.",
                       block > 1 ? "Each cell is the mean of a block of pairs." : "");
    pe_section_figure(section, figure);
    pe_release(cell);
}

static void show_distances(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                           pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Distance");
    pe_give(section, "D1", NULL, "g(1), mean cosine of neighbouring rows", f->g[1], NULL);
    pe_give(section, "D1", NULL, "the same for noise, at most", f->g_noise,
            "three standard deviations for independent random rows");
    if (f->first_rise != PE_NEVER)
        pe_give(section, "D2", NULL, "distance after which g first rises", (double)f->first_rise,
                NULL);
    pe_give(section, "S1", NULL, "share of P P^T that distance explains, off the diagonal", f->r2,
            NULL);
    pe_give(section, "S1", NULL, "the same for noise", f->chance, "2 / T");
    pe_give(section, "S2", NULL, "cosine matrix: even Toeplitz share", f->even, NULL);
    pe_give(section, "S2", NULL, "cosine matrix: rest", f->rest_even + f->rest_odd,
            "a matrix of cosines is symmetric: it has no odd part");
    show_profile(t, f, section, err);
    show_map(t, f, x, section, err);
}

/* ---- shape ---- */

static void describe_peaks(const pe_inspect_table *t, const pe_inspect_found *f, char *text,
                           size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (int p = 0; p < f->peaks && used < room; p++)
        used += (size_t)snprintf(text + used, room - used, "%s%.3g", p ? ", " : "",
                                 (double)t->rows / (double)f->peak[p]);
}

static void show_spectrum(const pe_inspect_table *t, const pe_inspect_found *f, pe_section *section,
                          pe_error *err)
{
    char peaks[128];
    /* Half a turn per row has another amplitude for the same noise: it is left out. */
    const size_t count = (t->rows - 1) / 2;
    double *turns = pe_allocate(count, sizeof *turns, "numbers of turns", err);
    if (!turns)
        return;
    for (size_t w = 0; w < count; w++)
        turns[w] = (double)w + 1;
    describe_peaks(t, f, peaks, sizeof peaks);
    pe_figure *figure =
        f->peaks ? pe_figure_titled(PE_CURVES, "spectrum", err,
                                    "Power stands above noise, most at periods of %s rows", peaks)
                 : pe_figure_titled(PE_CURVES, "spectrum", err,
                                    "No period stands out of the noise twice or more");
    pe_figure_x(figure, "turns over the whole table", PE_LINEAR);
    pe_figure_y(figure, "amplitude, RMS over columns", PE_LOG10);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "table", .slot = 0, .n = count, .x = turns, .y = f->amplitude + 1});
    pe_figure_mark_y(figure, f->amplitude_noise, "white noise");
    pe_figure_describe(figure, "Amplitude spectrum of the columns against the number of turns.",
                       "The line is the amplitude of white noise with the same variance. The mean "
                       "of each column is taken off first.");
    pe_section_figure(section, figure);
    pe_release(turns);
}

static void show_path(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                      pe_section *section, pe_error *err)
{
    static const char *const name[] = {"first", "second", "third"};
    const size_t rows = t->rows < PATH_ROWS ? t->rows : PATH_ROWS;
    double *column = pe_allocate(t->rows, sizeof *column, "component", err);
    if (!column)
        return;
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "components", err,
                         "Three components carry %.0f, %.0f and %.0f %% of the variance",
                         100 * f->share[0], 100 * f->share[1], 100 * f->share[2]);
    pe_figure_x(figure, row_word(t), PE_LINEAR);
    pe_figure_y(figure, "score of the row", PE_LINEAR);
    for (size_t c = 0; c < 3 && c < f->ranks; c++) {
        for (size_t i = 0; i < rows; i++)
            column[i] = f->score[3 * i + c];
        pe_figure_add_series(
            figure, &(pe_series){.name = name[c], .slot = c, .n = rows, .x = x, .y = column});
    }
    pe_figure_describe(
        figure, "Scores of the first three principal components by row.",
        "Two sinusoids a quarter turn apart draw a circle; three such curves a "
        "helix, as has been reported for GPT-2. At most the first 96 rows are drawn.");
    pe_section_figure(section, figure);
    pe_release(column);
}

static void show_singular(const pe_inspect_found *f, pe_section *section, pe_error *err)
{
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "singular_values", err,
                         "The stable rank is %.2f of %zu; with column means taken off, %.2f",
                         f->stable_rank, f->ranks, f->stable_rank_centred);
    pe_figure_x(figure, "number of the singular value", PE_LINEAR);
    pe_figure_y(figure, "singular value", PE_LOG10);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "table", .slot = 0, .n = f->ranks, .y = f->singular});
    pe_figure_describe(figure, "Singular values of the table, falling.",
                       "The stable rank is the sum of their squares over the largest square.");
    pe_section_figure(section, figure);
}

static void show_shape(const pe_inspect_table *t, const pe_inspect_found *f, const double *x,
                       pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Shape");
    pe_give(section, "4.2", NULL, "stable rank", f->stable_rank, NULL);
    pe_give(section, "4.2", NULL, "stable rank, column means taken off", f->stable_rank_centred,
            NULL);
    pe_give(section, "4.2", NULL, "share of columns that are one sinusoid", f->wave_share,
            "their second differences are proportional to them (R² >= 0.99; noise scores 0.67)");
    for (int p = 0; p < f->peaks; p++)
        pe_give(section, "4.2", NULL, "period of a peak of the spectrum, rows",
                (double)t->rows / (double)f->peak[p], NULL);
    show_singular(f, section, err);
    show_spectrum(t, f, section, err);
    show_path(t, f, x, section, err);
}

/* ---- buckets ---- */

static void show_heads(const pe_inspect_table *t, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Bias by head");
    double *column = pe_allocate(t->rows, sizeof *column, "bias of a head", err);
    if (!column)
        return;
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "heads", err, "Bias of %zu heads by bucket", t->columns);
    pe_figure_x(figure, row_word(t), PE_LINEAR);
    pe_figure_y(figure, "bias (added to the logit)", PE_LINEAR);
    for (size_t h = 0; h < t->columns && h < PE_FIGURE_PANELS; h++) {
        char name[32];
        snprintf(name, sizeof name, "head %zu", h);
        for (size_t b = 0; b < t->rows; b++)
            column[b] = t->values[b * t->columns + h];
        pe_figure_panel(figure, name);
        pe_figure_add_series(figure,
                             &(pe_series){.name = "bias", .slot = 0, .n = t->rows, .y = column});
    }
    pe_figure_describe(figure, "Small multiples, one per head: bias against the bucket.",
                       "At most 24 heads are drawn.");
    pe_section_figure(section, figure);
    pe_release(column);
}

static void say_finding(const pe_inspect_table *t, const pe_inspect_found *f, pe_result *result)
{
    char text[600], rows[120], kind[160];
    if (f->wave_share >= 0.5)
        snprintf(kind, sizeof kind, "it is sinusoidal (%.0f %% of its columns are one sinusoid)",
                 100 * f->wave_share);
    else
        snprintf(kind, sizeof kind, "it is not sinusoidal (%.0f %% of its columns are)",
                 100 * f->wave_share);
    if (f->untrained_rows == t->rows)
        snprintf(rows, sizeof rows, "all rows look untrained");
    else if (f->untrained_rows)
        snprintf(rows, sizeof rows, "%zu of %zu rows look untrained", f->untrained_rows, t->rows);
    else
        snprintf(rows, sizeof rows, "no row looks untrained");
    snprintf(text, sizeof text,
             "%s, %zu %s of width %zu: %s; %s; distance explains %.0f %% of P P^T, noise %.1f %%.",
             t->name, t->rows, pe_inspect_kind_text(t->kind), t->columns, kind, rows, 100 * f->r2,
             100 * f->chance);
    pe_result_finding(result, text);
}

void pe_inspect_show(const pe_inspect_table *table, const pe_inspect_found *found,
                     pe_result *result, pe_error *err)
{
    char shape[64];
    double *x = pe_allocate(table->rows, sizeof *x, "row numbers", err);
    if (!x)
        return;
    fill_rows(table, x);
    snprintf(shape, sizeof shape, "%zu x %zu", table->rows, table->columns);
    pe_result_parameter(result, "tensor", table->name, table->found);
    pe_result_parameter(result, "shape", shape, "rows x columns");
    pe_result_parameter(result, "dtype", table->dtype, "as stored");
    pe_result_parameter(result, "rows are", pe_inspect_kind_text(table->kind),
                        "from the usual meaning of the name");
    say_finding(table, found, result);
    show_rows(table, found, x, result, err);
    show_distances(table, found, x, result, err);
    show_shape(table, found, x, result, err);
    if (table->kind == PE_INSPECT_BUCKETS)
        show_heads(table, result, err);
    pe_release(x);
}
