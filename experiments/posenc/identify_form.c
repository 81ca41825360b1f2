/* What a variant says should stand in a matrix of a given shape. */
#include "identify.h"

#include "ask.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

const char *identify_form_text(identify_form form)
{
    static const char *const text[IDENTIFY_FORMS] = {"its code rows",
                                                     "cosines of all pairs, then sines",
                                                     "cosines, one column per pair",
                                                     "sines, one column per pair",
                                                     "cosines, one column per column of a head",
                                                     "sines, one column per column of a head",
                                                     "slopes, one per head",
                                                     "biases by offset, query minus key"};
    return text[form];
}

static bool is_turn(identify_form form)
{
    return form >= IDENTIFY_TURNS && form <= IDENTIFY_SIN_COLUMNS;
}

bool identify_form_fits(const pe_variant *variant, identify_form form, const pe_matrix *m)
{
    const bool vector = m->layers == 1 && m->rows == 1;
    if (form == IDENTIFY_CODES)
        return variant->f64->embed && m->layers == 1;
    if (is_turn(form))
        return variant->f64->map && m->layers == 1 && m->columns <= 4096 &&
               (m->columns % 2 == 0 || form == IDENTIFY_COS_PAIRS || form == IDENTIFY_SIN_PAIRS);
    if (form == IDENTIFY_SLOPES)
        return variant->f64->relative && vector && m->columns <= 1024;
    return variant->f64->relative && m->rows == m->columns && m->rows > 1 && m->layers <= 1024;
}

/* Every form has the dims in which it is as wide as the matrix. */
static pe_dims dims_of(identify_form form, const pe_matrix *m)
{
    const int columns = (int)m->columns;
    pe_dims dims = {.heads = 1, .head_dim = columns, .max_len = (int64_t)m->rows};
    if (form == IDENTIFY_COS_PAIRS || form == IDENTIFY_SIN_PAIRS)
        dims.head_dim = 2 * columns;
    if (form == IDENTIFY_SLOPES)
        dims = (pe_dims){.heads = columns, .head_dim = 2};
    if (form == IDENTIFY_BIAS)
        dims = (pe_dims){.heads = (int)m->layers, .head_dim = 2, .max_len = (int64_t)m->rows};
    return dims;
}

/* ---- by position ---- */

static pe_status fill_codes(pe_instance *instance, const pe_matrix *m, pe_precision precision,
                            const double *coord, double *values, pe_error *err)
{
    pe_wide codes = {0};
    if (instance->info.embed_width != (int)m->columns)
        return pe_fail(err, PE_USAGE, "%s has code rows of width %d, not %zu",
                       instance->variant->id, instance->info.embed_width, m->columns);
    const pe_status status =
        pe_instance_codes(instance, precision, (int64_t)m->rows, coord, &codes, err);
    if (status == PE_OK)
        memcpy(values, codes.hi, codes.count * sizeof *values);
    pe_wide_release(&codes);
    return status;
}

/* Which pair a column of the form has, and whether it is its cosine. */
static int pair_at(const ask_turns *turns, identify_form form, int column, bool *cosine)
{
    *cosine = form == IDENTIFY_COS_PAIRS || form == IDENTIFY_COS_COLUMNS;
    if (form == IDENTIFY_TURNS) {
        *cosine = column < turns->pairs;
        return column % turns->pairs;
    }
    if (form == IDENTIFY_COS_PAIRS || form == IDENTIFY_SIN_PAIRS)
        return column;
    for (int p = 0; p < turns->pairs; p++)
        if (turns->first[p] == column || turns->second[p] == column)
            return p;
    return -1;
}

static pe_status fill_turns(pe_instance *instance, identify_form form, const pe_matrix *m,
                            pe_precision precision, const double *coord, double *values,
                            pe_error *err)
{
    ask_turns turns;
    pe_status status = ask_map(instance, precision, (int64_t)m->rows, coord, &turns, err);
    if (status != PE_OK)
        return status;
    if (2 * turns.pairs != instance->dims.head_dim)
        status = pe_fail(err, PE_USAGE, "%s does not turn all columns", instance->variant->id);
    for (size_t j = 0; status == PE_OK && j < m->columns; j++) {
        bool cosine;
        const int p = pair_at(&turns, form, (int)j, &cosine);
        const pe_wide *from = cosine ? &turns.cosine : &turns.sine;
        for (size_t t = 0; t < m->rows; t++)
            values[t * m->columns + j] = from->hi[t * (size_t)turns.pairs + (size_t)p];
    }
    ask_turns_release(&turns);
    return status;
}

static pe_status fill_by_position(pe_instance *instance, identify_form form, const pe_matrix *m,
                                  const identify_rows *rows, double *values, pe_error *err)
{
    double *coord = pe_allocate(2 * m->rows, sizeof *coord, "positions", err);
    if (!coord)
        return PE_MEMORY;
    for (size_t t = 0; t < m->rows; t++)
        coord[m->rows + t] = rows->first + (double)t * rows->step;
    const pe_places_request request = {.n = (int64_t)m->rows, .in = coord + m->rows};
    pe_status status = pe_instance_coordinates(instance, NULL, &request, coord, err);
    if (status == PE_OK)
        status = form == IDENTIFY_CODES
                     ? fill_codes(instance, m, rows->precision, coord, values, err)
                     : fill_turns(instance, form, m, rows->precision, coord, values, err);
    pe_release(coord);
    return status;
}

/* ---- by offset ---- */

static pe_status fill_bias(pe_instance *instance, identify_form form, const pe_matrix *m,
                           pe_precision precision, double *values, pe_error *err)
{
    const size_t T = form == IDENTIFY_SLOPES ? 1 : m->rows, n = 2 * T - 1;
    const size_t heads = form == IDENTIFY_SLOPES ? m->columns : m->layers;
    pe_wide bias = {0};
    if (!(instance->info.rows & PE_ROWS_BIAS) || instance->info.row_heads != (int)heads)
        return pe_fail(err, PE_USAGE, "%s has no bias by offset for each of %zu heads",
                       instance->variant->id, heads);
    double *offset = pe_allocate(n, sizeof *offset, "offsets", err);
    if (!offset)
        return PE_MEMORY;
    for (size_t i = 0; i < n; i++)
        offset[i] = form == IDENTIFY_SLOPES ? 1 : (double)i - (double)(T - 1);
    const pe_status status =
        ask_rows(instance, precision, PE_ROWS_BIAS, (int)n, offset, &bias, err);
    for (size_t h = 0; status == PE_OK && h < heads; h++) {
        if (form == IDENTIFY_SLOPES)
            values[h] = -bias.hi[h];
        for (size_t at = 0; form == IDENTIFY_BIAS && at < T * T; at++)
            values[h * T * T + at] = bias.hi[(at / T + T - 1 - at % T) * heads + h];
    }
    pe_wide_release(&bias);
    pe_release(offset);
    return status;
}

pe_status identify_form_values(const pe_variant *variant, const pe_setting *settings, int count,
                               identify_form form, const pe_matrix *shape,
                               const identify_rows *rows, double *values, pe_error *err)
{
    pe_instance *instance = NULL;
    if (!identify_form_fits(variant, form, shape))
        return pe_fail(err, PE_USAGE, "%s does not make a matrix of shape (%zu, %zu, %zu)",
                       variant->id, shape->layers, shape->rows, shape->columns);
    const pe_dims dims = dims_of(form, shape);
    pe_status status = pe_instance_create(variant, &dims, settings, count, 1, &instance, err);
    if (status == PE_OK)
        status = pe_instance_prepare(instance, (int64_t)shape->rows, err);
    if (status == PE_OK)
        status = form >= IDENTIFY_SLOPES
                     ? fill_bias(instance, form, shape, rows->precision, values, err)
                     : fill_by_position(instance, form, shape, rows, values, err);
    pe_instance_release(instance);
    return status;
}

/* ---- comparing ---- */

/* A mask, or the zeros of a lower triangle. */
static bool is_masked(double x, bool above)
{
    return x < -1e30 || x == -65504 || (above && x == 0);
}

static bool masked_above(const pe_matrix *m)
{
    if (m->rows != m->columns || m->rows < 2)
        return false;
    for (size_t at = 0; at < m->layers * m->rows * m->columns; at++)
        if (at % m->columns > at / m->columns % m->rows && !is_masked(m->values[at], true))
            return false;
    return true;
}

static void note_worst(identify_difference *d, double off, double may)
{
    d->worst = fmax(d->worst, off);
    d->share = fmax(d->share, may > 0 ? off / may : off > 0 ? HUGE_VAL : 0);
}

identify_difference identify_compare(const pe_matrix *m, const double *expected,
                                     const identify_rows *rows, identify_allowance allowed)
{
    identify_difference d = {0};
    const bool triangle = masked_above(m);
    for (size_t at = 0; at < m->layers * m->rows * m->columns; at++) {
        const size_t t = at / m->columns % m->rows, j = at % m->columns;
        const double x = m->values[at];
        if (triangle && j > t)
            continue;
        const double may =
            allowed.base + allowed.slope * fabs(rows->first + (double)t * rows->step);
        const double off = isfinite(x) ? fabs(x - expected[at]) : HUGE_VAL;
        note_worst(&d, off, may);
        d.unequal += pe_round_to_format(m->stored, expected[at]) != x;
        if (!(off > may))
            continue;
        if (d.differing++ == 0) {
            d.layer = at / (m->rows * m->columns), d.row = t, d.column = j;
            d.found = x, d.expected = expected[at];
        }
    }
    return d;
}
