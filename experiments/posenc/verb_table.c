#include "verbs.h"

#include "base/memory.h"
#include "cli/print.h"
#include "cli/selection.h"
#include "io/csv.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/output.h"
#include "numbers/format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static const pe_cli_option options[] = {
    {"positions-list", 0, PE_CLI_TEXT, "X,X,...", NULL, 0, 0, false,
     "positions (or offsets) to compute; several axes: X:Y,X:Y"},
    {"from", 0, PE_CLI_REAL, "X", "0", 0, 0, false, "first position"},
    {"to", 0, PE_CLI_REAL, "X", "15", 0, 0, false, "last position"},
    {"step", 0, PE_CLI_REAL, "X", "1", 0, 0, false, "from one position to the next"},
    {"what", 0, PE_CLI_CHOICE, "auto|codes|rows|pair|turns", "auto", 0, 0, false,
     "code rows, relative rows, pair bias, or cosines and sines; auto: what it has"},
    {"query", 0, PE_CLI_REAL, "X", "1024", 0, 0, false, "with a pair bias: where the query stands"},
    {"precision", 'p', PE_CLI_CHOICE, "f32|f64|f128", "f64", 0, 0, false, "of the computation"},
    {"dtype", 't', PE_CLI_CHOICE, "f64|f32|f16|bf16", "f64", 0, 0, false,
     "of the result, rounded once"},
    {"output", 'o', PE_CLI_TEXT, "FILE", "-", 0, 0, false,
     "FILE.npy, FILE.csv, or - for CSV on standard output"},
};
static const pe_cli_group table_options = PE_CLI_GROUP("Table", options);

/* ---- one rounding ---- */

static const struct {
    pe_dtype dtype;
    pe_format format;
} dtypes[] = {{PE_DTYPE_F64, PE_FP64},
              {PE_DTYPE_F32, PE_FP32},
              {PE_DTYPE_F16, PE_FP16},
              {PE_DTYPE_BF16, PE_BF16}};

/* hi becomes the value hi + lo rounded once to the format: through quad, which holds both. */
static pe_status round_once(pe_wide *values, pe_format format, pe_error *err)
{
    void *quads =
        pe_narrow_wide(PE_QUADRUPLE, values->count, values->hi, values->lo, "values to round", err);
    if (!quads)
        return PE_MEMORY;
    pe_round_array_f128(format, values->count, quads);
    pe_widen(PE_QUADRUPLE, values->count, quads, values->hi, values->lo);
    pe_release(quads);
    return PE_OK;
}

/* ---- out ---- */

static pe_status write_csv(const char *path, const table_points *points, const table_data *data,
                           bool single, pe_error *err)
{
    static const char *const axis_names[] = {"position0", "position1", "position2", "position3"};
    const size_t axes = (size_t)points->axes, columns = axes + (size_t)data->columns;
    const char **names = pe_allocate(columns, sizeof *names, "column names", err);
    if (!names)
        return PE_MEMORY;
    for (size_t c = 0; c < columns; c++)
        names[c] = c >= axes ? data->names[c - axes] : axes == 1 ? data->point_name : axis_names[c];
    pe_csv *csv = pe_csv_begin(path, columns, names, err);
    pe_release(names);
    if (!csv)
        return err->status;
    for (int64_t t = 0; t < data->rows; t++) {
        for (size_t a = 0; a < axes; a++)
            pe_csv_f64(csv, points->x[(size_t)t * axes + a]);
        const double *row = data->values.hi + t * data->columns;
        for (int c = 0; c < data->columns; c++)
            single ? pe_csv_f32(csv, (float)row[c]) : pe_csv_f64(csv, row[c]);
        pe_csv_end_row(csv);
    }
    return pe_csv_commit(csv, err);
}

static void store(pe_tensor *tensor, size_t i, double x)
{
    switch (tensor->dtype) {
    case PE_DTYPE_F32:
        ((float *)tensor->data)[i] = (float)x;
        break;
    case PE_DTYPE_F16:
        ((uint16_t *)tensor->data)[i] = pe_to_half_bits(x);
        break;
    case PE_DTYPE_BF16:
        ((uint16_t *)tensor->data)[i] = pe_to_bf16_bits(x);
        break;
    default:
        ((double *)tensor->data)[i] = x;
    }
}

static pe_status write_npy(const char *path, const table_data *data, pe_dtype dtype, pe_error *err)
{
    const size_t shape[2] = {(size_t)data->rows, (size_t)data->columns};
    pe_tensor tensor = {0};
    pe_status status = pe_tensor_allocate(dtype, 2, shape, &tensor, err);
    for (size_t i = 0; status == PE_OK && i < tensor.count; i++)
        store(&tensor, i, data->values.hi[i]);
    if (status == PE_OK)
        status = pe_npy_write(path, &tensor, err);
    pe_tensor_release(&tensor);
    return status;
}

/* {"view", "columns": [..], "rows": [[position.., value..]..]} */
static pe_status print_json(const table_points *points, const table_data *data, pe_error *err)
{
    json_t *columns = json_array(), *rows = json_array();
    for (int c = 0; c < data->columns; c++)
        json_array_append_new(columns, json_string(data->names[c]));
    for (int64_t t = 0; t < data->rows; t++) {
        json_t *row = json_array();
        for (int a = 0; a < points->axes; a++)
            json_array_append_new(row, json_real(points->x[t * points->axes + a]));
        for (int c = 0; c < data->columns; c++)
            json_array_append_new(row, pe_json_real(data->values.hi[t * data->columns + c]));
        row = pe_rows_complete(row, (size_t)(points->axes + data->columns));
        json_array_append_new(rows, row);
    }
    columns = pe_rows_complete(columns, (size_t)data->columns);
    rows = pe_rows_complete(rows, (size_t)data->rows);
    json_t *all = json_pack("{s:s, s:i, s:o, s:o}", "points", data->point_name, "axes",
                            points->axes, "columns", columns, "rows", rows);
    const pe_status status = pe_print_json(all, err);
    json_decref(all);
    return status;
}

/* The values are in a file; a program still learns what was written. */
static pe_status print_written(const pe_cli *cli, const char *path, const table_points *points,
                               const table_data *data, pe_error *err)
{
    if (!pe_cli_flag(cli, "json"))
        return PE_OK;
    json_t *all =
        json_pack("{s:s, s:s, s:i, s:I, s:i}", "written", path, "points", data->point_name, "axes",
                  points->axes, "rows", (json_int_t)data->rows, "columns", data->columns);
    const pe_status status = pe_print_json(all, err);
    json_decref(all);
    return status;
}

static bool ends_in(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static pe_status write_out(const pe_cli *cli, const table_points *points, const table_data *data,
                           pe_error *err)
{
    const char *path = pe_cli_text(cli, "output");
    const pe_dtype dtype = dtypes[pe_cli_choice(cli, "dtype")].dtype;
    pe_status status;
    if (strcmp(path, "-") == 0 && pe_cli_flag(cli, "json"))
        return print_json(points, data, err);
    if (strcmp(path, "-") == 0)
        return pe_print_status(write_csv(path, points, data, dtype != PE_DTYPE_F64, err));
    if (ends_in(path, ".npy"))
        status = write_npy(path, data, dtype, err);
    else if (ends_in(path, ".csv"))
        status = write_csv(path, points, data, dtype != PE_DTYPE_F64, err);
    else
        return pe_fail(err, PE_USAGE, "--output is FILE.npy, FILE.csv or -, not '%s'", path);
    return status == PE_OK ? print_written(cli, path, points, data, err) : status;
}

/* ---- run ---- */

static pe_status make_table(const pe_cli *cli, pe_instance *instance, const pe_instance *map,
                            const table_points *points, pe_error *err)
{
    static const pe_precision precisions[] = {PE_FLOAT, PE_DOUBLE, PE_QUADRUPLE};
    table_data data;
    const char *path = pe_cli_text(cli, "output");
    pe_status status = PE_OK;
    if (ends_in(path, ".npy") || ends_in(path, ".csv"))
        status = pe_output_possible(path, err);
    if (status != PE_OK)
        return status;
    status = table_compute(instance, map, precisions[pe_cli_choice(cli, "precision")],
                           (table_view)pe_cli_choice(cli, "what"), points,
                           pe_cli_real(cli, "query"), &data, err);
    if (status != PE_OK)
        return status;
    status = round_once(&data.values, dtypes[pe_cli_choice(cli, "dtype")].format, err);
    if (status == PE_OK)
        status = write_out(cli, points, &data, err);
    const char *note = table_view_note(data.view);
    if (status == PE_OK && note && !pe_cli_flag(cli, "quiet"))
        fprintf(stderr, "%s: %s\n", instance->variant->id, note);
    table_data_release(&data);
    return status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    pe_dims dims;
    pe_instance *instance = NULL, *map = NULL;
    table_points points = {0};
    pe_status status = pe_cli_read_dims(cli, &dims, err);
    if (status == PE_OK)
        status = table_points_read(pe_cli_text(cli, "positions-list"), pe_cli_real(cli, "from"),
                                   pe_cli_real(cli, "to"), pe_cli_real(cli, "step"), dims.axes,
                                   &points, err);
    if (status == PE_OK)
        status = pe_cli_instance(cli, cli->words[0], &dims, &instance, err);
    if (status == PE_OK)
        status = pe_cli_position_map(cli, &dims, &map, err);
    if (status == PE_OK)
        status = make_table(cli, instance, map, &points, err);
    table_points_release(&points);
    pe_instance_release(instance);
    pe_instance_release(map);
    return status;
}

const pe_cli_verb verb_table = {
    .name = "table",
    .arguments = "VARIANT",
    .summary = "what a variant computes, at any positions",
    .description = "Code rows where there are any; otherwise relative rows or biases by offset "
                   "(query minus key), or the cosines and sines of a rotation. Values are computed "
                   "in --precision and rounded once to --dtype.",
    .examples =
        "posenc table sinusoidal --width 8\n"
        "posenc table sinusoidal --positions-list 0,1,2.5,1e6 --precision f128 --dtype f32\n"
        "posenc table sinusoidal:layout=concat --to 511 --dtype f16 -o table.npy",
    .least = 1,
    .most = 1,
    .groups = {&table_options, &pe_cli_selection, &pe_cli_dims},
    .run = run,
};
