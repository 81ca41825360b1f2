/* The rows that stand for positions, and what noise of their size shows. */
#include "learning.h"

#include "analysis/noise.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <string.h>

static bool learns(const pe_instance *instance)
{
    for (int p = 0; p < instance->info.param_count; p++)
        if (!instance->info.param[p].frozen && pe_param_count(&instance->info.param[p]) > 0)
            return true;
    return false;
}

enum { ROWS_OF_VECTORS = PE_ROWS_QUERY | PE_ROWS_KEY | PE_ROWS_VALUE };

learning_kind learning_kind_of(const pe_instance *instance)
{
    const unsigned can = pe_lab_capabilities(instance);
    if (!learns(instance))
        return LEARNING_NO_TABLE;
    if (can & PE_CAN_EMBED)
        return LEARNING_CODES;
    if (instance->info.rows & ROWS_OF_VECTORS)
        return LEARNING_OFFSETS;
    return can & PE_CAN_BIAS ? LEARNING_BIASES : LEARNING_NO_TABLE;
}

bool learning_has_rows(learning_kind kind)
{
    return kind == LEARNING_CODES || kind == LEARNING_OFFSETS;
}

static pe_status make_table(pe_inspect_table *t, size_t rows, size_t columns, pe_inspect_kind kind,
                            pe_error *err)
{
    *t = (pe_inspect_table){.kind = kind, .rows = rows, .columns = columns};
    t->values = pe_allocate(rows, columns * sizeof *t->values, "table", err);
    return t->values ? PE_OK : PE_MEMORY;
}

static pe_status code_table(const pe_instance *instance, int64_t first, int64_t rows,
                            pe_inspect_table *t, pe_error *err)
{
    double *coord = pe_allocate((size_t)rows, sizeof *coord, "positions", err);
    pe_status status = coord ? make_table(t, (size_t)rows, (size_t)instance->info.embed_width,
                                          PE_INSPECT_POSITIONS, err)
                             : PE_MEMORY;
    for (int64_t i = 0; coord && i < rows; i++)
        coord[i] = (double)(first + i);
    if (status == PE_OK)
        status = pe_instance_code_rows(instance, PE_DOUBLE, rows, coord, t->values, err);
    pe_release(coord);
    return status;
}

/* Rows of offsets 0 .. high, the past: those that meet the query, else the key, else the value. */
static pe_status offset_table(const pe_instance *instance, int64_t rows, pe_inspect_table *t,
                              pe_error *err)
{
    const pe_setup *s = &instance->info;
    const int64_t high = s->high < rows - 1 ? s->high : rows - 1;
    const size_t width = (size_t)s->row_heads * (size_t)instance->dims.head_dim;
    const size_t piece = PE_ROWS_AT_ONCE * width;
    pe_status status = make_table(t, (size_t)(high + 1), width, PE_INSPECT_POSITIONS, err);
    double *room = pe_allocate(4 * piece + s->scratch + 1, sizeof *room, "rows", err);
    if (status != PE_OK || !room) {
        pe_release(room);
        return PE_MEMORY;
    }
    pe_rows_f64 out = {.bias = s->rows & PE_ROWS_BIAS ? room : NULL,
                       .query = s->rows & PE_ROWS_QUERY ? room + piece : NULL,
                       .key = s->rows & PE_ROWS_KEY ? room + 2 * piece : NULL,
                       .value = s->rows & PE_ROWS_VALUE ? room + 3 * piece : NULL};
    const double *wanted = out.query ? out.query : out.key ? out.key : out.value;
    pe_call_f64 call = pe_instance_call_f64(instance, rows);
    call.scratch = room + 4 * piece;
    for (int64_t at = 0; at <= high; at += PE_ROWS_AT_ONCE) {
        double offset[PE_ROWS_AT_ONCE];
        int n = 0;
        for (; n < PE_ROWS_AT_ONCE && at + n <= high; n++)
            offset[n] = (double)(at + n);
        instance->variant->f64->relative(&call, n, offset, &out);
        memcpy(t->values + (size_t)at * width, wanted, (size_t)n * width * sizeof *wanted);
    }
    pe_release(room);
    return PE_OK;
}

pe_status learning_table(const pe_instance *instance, int64_t first, int64_t rows,
                         pe_inspect_table *table, pe_error *err)
{
    *table = (pe_inspect_table){0};
    pe_status status = learning_kind_of(instance) == LEARNING_CODES
                           ? code_table(instance, first, rows, table, err)
                           : offset_table(instance, rows, table, err);
    if (status != PE_OK)
        pe_inspect_release(table);
    return status;
}

static pe_status r2_of(const double *P, size_t T, size_t d, void *context, double *value,
                       pe_error *err)
{
    pe_toeplitz_fit fit;
    (void)context;
    pe_status status = pe_gram_toeplitz(P, T, d, &fit, err);
    *value = fit.r2;
    return status;
}

pe_status learning_band_of(const pe_lab *lab, size_t rows, size_t columns, learning_band *band,
                           pe_error *err)
{
    pe_noise_band noise;
    pe_status status =
        pe_noise_band_of(rows, columns, 1, 200, 0.99, lab->size.seed, r2_of, NULL, &noise, err);
    if (status == PE_OK)
        *band = (learning_band){2 / (double)rows, noise.low, noise.high};
    return status;
}
