/* Tables that no formula explains: the right answer is "unknown", or that entries are independent.
 */
#include "identify_made.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const pe_format formats[] = {PE_FP64, PE_FP32, PE_FP16, PE_BF16};
enum { ROWS = 48, COLUMNS = 32 };

static double wave(double position, size_t column, size_t columns, double base)
{
    const double w = pow(base, -2 * (double)(column / 2) / (double)columns);
    return column % 2 ? cos(position * w) : sin(position * w);
}

static void random_walks(made *m, pe_stream *s)
{
    for (size_t j = 0; j < COLUMNS; j++) {
        double at = pe_stream_normal(s);
        for (size_t t = 0; t < ROWS; t++)
            m->values[t * COLUMNS + j] = at += 0.2 * pe_stream_normal(s);
    }
}

static void permuted(made *m, pe_stream *s)
{
    size_t order[COLUMNS];
    pe_permute(s, order, COLUMNS);
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = wave((double)(at / COLUMNS), order[at % COLUMNS], COLUMNS, 10000);
}

static void rows_permuted(made *m, pe_stream *s)
{
    size_t order[ROWS];
    pe_permute(s, order, ROWS);
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = wave((double)order[at / COLUMNS], at % COLUMNS, COLUMNS, 10000);
}

static void random_waves(made *m, pe_stream *s)
{
    double w[COLUMNS];
    pe_fill_uniform(s, w, COLUMNS, 0, 3);
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = at % 2 ? cos((double)(at / COLUMNS) * w[at % COLUMNS / 2])
                               : sin((double)(at / COLUMNS) * w[at % COLUMNS / 2]);
}

static void two_tables(made *m, pe_stream *s)
{
    (void)s;
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = wave((double)(at / COLUMNS), at % COLUMNS, COLUMNS, 10000) +
                        0.5 * wave((double)(at / COLUMNS), at % COLUMNS, COLUMNS, 50);
}

static void jittered(made *m, pe_stream *s)
{
    for (size_t t = 0; t < ROWS; t++) {
        const double position = (double)t + 0.8 * pe_stream_normal(s);
        for (size_t j = 0; j < COLUMNS; j++)
            m->values[t * COLUMNS + j] = wave(position, j, COLUMNS, 10000);
    }
}

/* A few smooth directions and noise: what a trained table looks like. */
static void trained(made *m, pe_stream *s)
{
    enum { DIRECTIONS = 4 };
    double direction[DIRECTIONS * COLUMNS];
    pe_fill_normal(s, direction, DIRECTIONS * COLUMNS, 0, 0.1);
    for (size_t at = 0; at < ROWS * COLUMNS; at++) {
        const double x = (double)(at / COLUMNS) / ROWS;
        m->values[at] = 0.02 * pe_stream_normal(s);
        for (size_t k = 0; k < DIRECTIONS; k++)
            m->values[at] += direction[k * COLUMNS + at % COLUMNS] *
                             cos(3.14159265358979 * x * ((double)k + 0.37 * (double)(k % 2)));
    }
}

static void binary(made *m, pe_stream *s)
{
    (void)s;
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = (double)((at / COLUMNS) >> (at % COLUMNS % 6) & 1);
}

static void noisy_wave(made *m, pe_stream *s)
{
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] =
            wave((double)(at / COLUMNS), at % COLUMNS, COLUMNS, 10000) + 0.1 * pe_stream_normal(s);
}

static void falling(made *m, pe_stream *s)
{
    const double rate = 0.02 + 0.05 * pe_stream_uniform(s);
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        m->values[at] = exp(-rate * (double)(at / COLUMNS)) *
                        wave((double)(at / COLUMNS), at % COLUMNS, COLUMNS, 10000);
}

static const struct {
    const char *name;
    void (*fill)(made *m, pe_stream *s);
} strangers[] = {{"random walks", random_walks},         {"columns permuted", permuted},
                 {"rows permuted", rows_permuted},       {"random frequencies", random_waves},
                 {"two tables added", two_tables},       {"jittered positions", jittered},
                 {"like a trained table", trained},      {"binary digits", binary},
                 {"a wave in noise of 0.1", noisy_wave}, {"damped waves", falling}};
enum { STRANGERS = sizeof strangers / sizeof strangers[0] };

static pe_status stranger(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const pe_status status = made_allocate(out, 1, ROWS, COLUMNS, err);
    if (status != PE_OK)
        return status;
    strangers[index % STRANGERS].fill(out, s);
    snprintf(out->name, sizeof out->name, "%s", strangers[index % STRANGERS].name);
    made_finish(out, s, index / STRANGERS % 2 ? 1e-3 : 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

static pe_status strange_vector(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const pe_status status = made_allocate(out, 1, 1, 8 + 4 * (index % 3), err);
    if (status != PE_OK)
        return status;
    double at = 1;
    for (size_t k = 0; k < out->matrix.columns; k++)
        out->values[k] = at *= index % 2 ? pe_stream_uniform(s) : 0.97 - 0.05 * (double)k;
    snprintf(out->name, sizeof out->name, "a vector of %s",
             index % 2 ? "falling numbers" : "no rule");
    made_finish(out, s, 0, formats[pe_stream_below(s, 2)]);
    return PE_OK;
}

/* A square without any structure of offsets. */
static pe_status strange_square(size_t index, pe_stream *s, made *out, pe_error *err)
{
    enum { T = 20, RANK = 3 };
    double left[RANK * T], right[RANK * T];
    const pe_status status = made_allocate(out, 1, T, T, err);
    if (status != PE_OK)
        return status;
    pe_fill_normal(s, left, RANK * T, 0, 1);
    pe_fill_normal(s, right, RANK * T, 0, 1);
    for (size_t at = 0; at < T * T; at++)
        for (size_t k = 0; k < RANK; k++)
            out->values[at] +=
                left[k * T + at / T] * right[k * T + at % T] * (1 + 0.1 * (double)index);
    snprintf(out->name, sizeof out->name, "a square of rank %d", RANK);
    made_finish(out, s, 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

static pe_status independent(size_t index, pe_stream *s, made *out, pe_error *err)
{
    static const size_t rows[] = {16, 48, 100}, columns[] = {16, 32};
    const pe_status status = made_allocate(out, 1, rows[index % 3], columns[index / 3 % 2], err);
    if (status != PE_OK)
        return status;
    const size_t n = out->matrix.rows * out->matrix.columns;
    if (index % 4 == 0)
        pe_fill_uniform(s, out->values, n, -0.1, 0.1);
    else
        pe_fill_normal(s, out->values, n, 0, 0.02);
    out->truth =
        (made_truth){.known = true, .family = PE_FAMILY_RANDOM_TABLE, .first = (double)NAN};
    snprintf(out->name, sizeof out->name, "independent entries, %zu x %zu", out->matrix.rows,
             out->matrix.columns);
    made_finish(out, s, 0, formats[pe_stream_below(s, 4)]);
    return PE_OK;
}

const made_kind made_others[] = {{"strangers", 80, stranger},
                                 {"strange vectors", 12, strange_vector},
                                 {"strange squares", 8, strange_square},
                                 {"independent entries", 24, independent}};
const size_t made_other_kinds = sizeof made_others / sizeof made_others[0];
