#include "table.h"

#include "ask.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

table_view table_best_view(const pe_instance *instance)
{
    if (instance->info.embed_width > 0)
        return TABLE_CODES;
    if (instance->info.rows)
        return TABLE_ROWS;
    if (instance->variant->f64->pair)
        return TABLE_PAIR;
    return instance->info.maps ? TABLE_TURNS : TABLE_AUTO;
}

const char *table_view_note(table_view view)
{
    switch (view) {
    case TABLE_ROWS:
        return "it adds no code to the tokens: these are its rows by offset, query minus key";
    case TABLE_PAIR:
        return "it adds no code to the tokens: this is its bias by offset, query minus key";
    case TABLE_TURNS:
        return "it adds no code to the tokens: these are the cosines and sines by which it turns "
               "pairs of columns";
    case TABLE_AUTO:
    case TABLE_CODES:
        break;
    }
    return NULL;
}

static pe_status start(table_data *data, table_view view, const char *point_name, int64_t rows,
                       int columns, pe_error *err)
{
    size_t count;
    *data = (table_data){.view = view, .point_name = point_name, .rows = rows, .columns = columns};
    if (__builtin_mul_overflow((size_t)rows, (size_t)columns, &count))
        return pe_fail(err, PE_MEMORY, "%lld rows of %d columns are more than memory can hold",
                       (long long)rows, columns);
    data->names = pe_allocate((size_t)columns, sizeof *data->names, "column names", err);
    return data->names ? pe_wide_allocate(&data->values, count, "a table", err) : PE_MEMORY;
}

static void copy_cell(table_data *data, int64_t row, int column, const pe_wide *from, size_t at)
{
    const size_t to = (size_t)row * (size_t)data->columns + (size_t)column;
    data->values.hi[to] = from->hi[at];
    data->values.lo[to] = from->lo[at];
}

/* ---- by position ---- */

static pe_status compute_codes(pe_instance *instance, const double *coord, pe_precision precision,
                               int64_t n, table_data *data, pe_error *err)
{
    pe_wide codes = {0};
    pe_status status = pe_instance_codes(instance, precision, n, coord, &codes, err);
    if (status == PE_OK)
        status = start(data, TABLE_CODES, "position", n, instance->info.embed_width, err);
    for (int c = 0; status == PE_OK && c < data->columns; c++)
        snprintf(data->names[c], TABLE_NAME, "c%d", c);
    for (size_t i = 0; status == PE_OK && i < codes.count; i++) {
        data->values.hi[i] = codes.hi[i];
        data->values.lo[i] = codes.lo[i];
    }
    pe_wide_release(&codes);
    return status;
}

static pe_status compute_turns(pe_instance *instance, const double *coord, pe_precision precision,
                               int64_t n, table_data *data, pe_error *err)
{
    ask_turns turns;
    pe_status status = ask_map(instance, precision, n, coord, &turns, err);
    if (status != PE_OK)
        return status;
    status = start(data, TABLE_TURNS, "position", n, 2 * turns.pairs, err);
    for (int p = 0; status == PE_OK && p < turns.pairs; p++) {
        const int a = turns.first[p], b = turns.second[p];
        snprintf(data->names[p], TABLE_NAME, "cos_%d_%d", a, b);
        snprintf(data->names[turns.pairs + p], TABLE_NAME, "sin_%d_%d", a, b);
        for (int64_t t = 0; t < n; t++) {
            const size_t at = (size_t)(t * turns.pairs + p);
            copy_cell(data, t, p, &turns.cosine, at);
            copy_cell(data, t, turns.pairs + p, &turns.sine, at);
        }
    }
    ask_turns_release(&turns);
    return status;
}

static pe_status compute_by_position(pe_instance *instance, const pe_instance *map,
                                     pe_precision precision, table_view view,
                                     const table_points *points, table_data *data, pe_error *err)
{
    const pe_places_request request = {.n = points->n, .in = points->x};
    double *coord =
        pe_allocate((size_t)points->n * (size_t)points->axes, sizeof *coord, "coordinates", err);
    pe_status status =
        coord ? pe_instance_coordinates(instance, map, &request, coord, err) : PE_MEMORY;
    if (status == PE_OK)
        status = (view == TABLE_CODES ? compute_codes : compute_turns)(instance, coord, precision,
                                                                       points->n, data, err);
    pe_release(coord);
    return status;
}

/* ---- by offset ---- */

static const struct {
    unsigned part;
    const char *name;
} parts[] = {{PE_ROWS_BIAS, "bias"},
             {PE_ROWS_QUERY, "query"},
             {PE_ROWS_KEY, "key"},
             {PE_ROWS_VALUE, "value"}};
enum { PART_COUNT = 4 };

static int part_width(const pe_instance *instance, int p)
{
    if (!(instance->info.rows & parts[p].part))
        return 0;
    return instance->info.row_heads * (p == 0 ? 1 : instance->dims.head_dim);
}

static void name_part(const pe_instance *instance, int p, char (*names)[TABLE_NAME])
{
    const int columns = p == 0 ? 1 : instance->dims.head_dim;
    for (int i = 0; i < part_width(instance, p); i++) {
        const int h = i / columns, c = i % columns;
        if (p == 0)
            snprintf(names[i], TABLE_NAME, "%s_h%d", parts[p].name, h);
        else
            snprintf(names[i], TABLE_NAME, "%s_h%d_c%d", parts[p].name, h, c);
    }
}

static pe_status compute_part(pe_instance *instance, pe_precision precision, int p,
                              const table_points *points, int first, table_data *data,
                              pe_error *err)
{
    const int width = part_width(instance, p);
    pe_wide rows = {0};
    if (width == 0)
        return PE_OK;
    const pe_status status =
        ask_rows(instance, precision, parts[p].part, (int)points->n, points->x, &rows, err);
    for (int64_t t = 0; status == PE_OK && t < points->n; t++)
        for (int c = 0; c < width; c++)
            copy_cell(data, t, first + c, &rows, (size_t)(t * width + c));
    name_part(instance, p, data->names + first);
    pe_wide_release(&rows);
    return status;
}

static pe_status compute_rows(pe_instance *instance, pe_precision precision,
                              const table_points *points, table_data *data, pe_error *err)
{
    int columns = 0, first = 0;
    for (int p = 0; p < PART_COUNT; p++)
        columns += part_width(instance, p);
    pe_status status = start(data, TABLE_ROWS, "offset", points->n, columns, err);
    for (int p = 0; status == PE_OK && p < PART_COUNT; first += part_width(instance, p++))
        status = compute_part(instance, precision, p, points, first, data, err);
    return status;
}

static pe_status compute_pair(pe_instance *instance, pe_precision precision,
                              const table_points *points, double query, table_data *data,
                              pe_error *err)
{
    const int H = instance->dims.heads;
    pe_wide bias = {0};
    double *key = pe_allocate((size_t)points->n, sizeof *key, "keys", err);
    if (!key)
        return PE_MEMORY;
    for (int64_t t = 0; t < points->n; t++)
        key[t] = query - points->x[t];
    pe_status status = ask_pair(instance, precision, query, (int)points->n, key, &bias, err);
    if (status == PE_OK)
        status = start(data, TABLE_PAIR, "offset", points->n, H, err);
    for (int h = 0; status == PE_OK && h < H; h++) {
        snprintf(data->names[h], TABLE_NAME, "pair_h%d", h);
        for (int64_t t = 0; t < points->n; t++)
            copy_cell(data, t, h, &bias, (size_t)(h * points->n + t));
    }
    pe_wide_release(&bias);
    pe_release(key);
    return status;
}

pe_status table_compute(pe_instance *instance, const pe_instance *map, pe_precision precision,
                        table_view view, const table_points *points, double query, table_data *data,
                        pe_error *err)
{
    pe_status status = PE_OK;
    *data = (table_data){0};
    if (view == TABLE_AUTO)
        view = table_best_view(instance);
    if (view == TABLE_AUTO)
        return pe_fail(err, PE_USAGE, "%s computes nothing from positions alone",
                       instance->variant->id);
    if (view == TABLE_ROWS && !instance->info.rows)
        return pe_fail(err, PE_USAGE, "%s has no relative rows", instance->variant->id);
    if (view == TABLE_ROWS)
        status = compute_rows(instance, precision, points, data, err);
    else if (view == TABLE_PAIR)
        status = compute_pair(instance, precision, points, query, data, err);
    else
        status = compute_by_position(instance, map, precision, view, points, data, err);
    if (status != PE_OK)
        table_data_release(data);
    return status;
}

void table_data_release(table_data *data)
{
    pe_release(data->names);
    pe_wide_release(&data->values);
    *data = (table_data){0};
}
