/* A file as a matrix of numbers. */
#include "identify.h"

#include "base/memory.h"
#include "inspect/inspect.h"
#include "io/csv.h"
#include "io/npy.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_NUMBERS ((size_t)1 << 26)
#define MOST_BYTES   (8 * MOST_NUMBERS)

typedef enum kind { KIND_NPY, KIND_SAFETENSORS, KIND_CSV } kind;

/* safetensors: eight bytes of length, then an object; anything else is taken for text. */
static kind kind_of(const char *path)
{
    char head[9] = "";
    FILE *f = fopen(path, "rb");
    const size_t got = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    if (got >= 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        return KIND_NPY;
    const size_t n = strlen(path);
    const bool named = n > 12 && strcmp(path + n - 12, ".safetensors") == 0;
    const bool npy = n > 4 && strcmp(path + n - 4, ".npy") == 0;
    return named || (got == sizeof head && head[8] == '{') ? KIND_SAFETENSORS
           : npy                                           ? KIND_NPY
                                                           : KIND_CSV;
}

/* ---- tensors ---- */

/* bfloat16 is written as '<u2', which numpy would take for whole numbers. */
static pe_status read_npy(const char *path, pe_tensor *t, pe_error *err)
{
    pe_error first = {0};
    pe_status status = pe_npy_read(path, MOST_BYTES, t, &first);
    if (status == PE_FORMAT && pe_npy_read_bf16(path, MOST_BYTES, t, NULL) == PE_OK)
        return PE_OK;
    if (status != PE_OK && err)
        *err = first;
    return status;
}

static pe_status read_safetensors(const char *path, const char *tensor, identify_file *out,
                                  pe_tensor *t, pe_error *err)
{
    pe_safetensors *file = NULL;
    pe_status status = pe_safetensors_open_partial(path, &file, err);
    if (status != PE_OK)
        return status;
    if (tensor)
        snprintf(out->name, sizeof out->name, "%s", tensor);
    else if (pe_safetensors_count(file) == 1)
        snprintf(out->name, sizeof out->name, "%s", pe_safetensors_at(file, 0)->name);
    else
        status = pe_inspect_choose(file, path, out->name, err);
    if (status == PE_OK)
        status = pe_safetensors_read(file, out->name, MOST_BYTES, t, err);
    pe_safetensors_close(file);
    return status;
}

static pe_format format_of(pe_dtype dtype)
{
    return dtype == PE_DTYPE_F32    ? PE_FP32
           : dtype == PE_DTYPE_F16  ? PE_FP16
           : dtype == PE_DTYPE_BF16 ? PE_BF16
                                    : PE_FP64;
}

static pe_status take_shape(const char *path, const pe_tensor *t, pe_matrix *m, pe_error *err)
{
    size_t axis[3] = {1, 1, 1};
    int axes = 0;
    char text[PE_SHAPE_TEXT];
    for (int i = t->rank; i-- > 0;)
        if (t->shape[i] != 1) {
            if (axes < 3)
                axis[2 - axes] = t->shape[i];
            axes++;
        }
    pe_shape_text(t->rank, t->shape, text);
    if (t->count == 0)
        return pe_fail(err, PE_FORMAT, "%s: there are no numbers in it, its shape is %s", path,
                       text);
    if (axes > 3)
        return pe_fail(err, PE_FORMAT,
                       "%s: shape %s has %d axes longer than 1; a matrix has rows and columns, and "
                       "one for each head at most",
                       path, text, axes);
    *m = (pe_matrix){NULL, axis[0], axis[1], axis[2], format_of(t->dtype)};
    return PE_OK;
}

static pe_status open_tensor(kind which, const char *path, const char *tensor, identify_file *out,
                             pe_error *err)
{
    pe_tensor t = {0};
    double *values = NULL;
    pe_status status =
        which == KIND_NPY ? read_npy(path, &t, err) : read_safetensors(path, tensor, out, &t, err);
    if (status == PE_OK)
        status = take_shape(path, &t, &out->matrix, err);
    if (status == PE_OK)
        status = pe_tensor_as_doubles(&t, path, &values, NULL, err);
    out->matrix.values = values;
    snprintf(out->dtype, sizeof out->dtype, "%s", pe_dtype_name(t.dtype));
    pe_tensor_release(&t);
    return status;
}

/* ---- CSV ---- */

/* What `posenc table` and data frames write before the numbers. */
static bool is_index(const char *name)
{
    return name[0] == 0 || strcmp(name, "position") == 0 || strcmp(name, "offset") == 0 ||
           strcmp(name, "index") == 0;
}

static pe_status open_csv(const char *path, identify_file *out, pe_error *err)
{
    pe_csv_table csv = {0};
    pe_status status = pe_csv_read(path, MOST_BYTES, &csv, err);
    if (status != PE_OK)
        return status;
    const size_t first = csv.names && csv.columns > 1 && is_index(csv.names[0]) ? 1 : 0;
    const size_t columns = csv.columns - first;
    double *values = pe_allocate(csv.rows * columns, sizeof *values, "numbers of a file", err);
    for (size_t t = 0; values && t < csv.rows; t++)
        memcpy(values + t * columns, csv.values + t * csv.columns + first,
               columns * sizeof *values);
    out->matrix = (pe_matrix){values, 1, csv.rows, columns, PE_FP64};
    out->left_out = first == 1;
    snprintf(out->dtype, sizeof out->dtype, "text");
    pe_csv_table_release(&csv);
    return values ? PE_OK : PE_MEMORY;
}

/* ---- all ---- */

static pe_status check_numbers(const char *path, const identify_file *file, pe_error *err)
{
    const pe_matrix *m = &file->matrix;
    const size_t n = m->layers * m->rows * m->columns;
    if (n > MOST_NUMBERS)
        return pe_fail(err, PE_MEMORY, "%s: %zu numbers; at most 2^26 are identified", path, n);
    size_t bad = 0, first = 0;
    for (size_t i = n; i-- > 0;)
        if (isnan(m->values[i]) || m->values[i] == HUGE_VAL)
            bad++, first = i;
    if (bad == 0)
        return PE_OK;
    return pe_fail(err, PE_FORMAT,
                   "%s: %zu of %zu entries are NaN or +infinity, the first in row %zu, column %zu; "
                   "-infinity, a mask, is the only one that means something here",
                   path, bad, n, first / m->columns % m->rows, first % m->columns);
}

pe_status identify_open(const char *path, const char *tensor, identify_file *out, pe_error *err)
{
    *out = (identify_file){0};
    const kind which = kind_of(path);
    pe_status status = PE_OK;
    if (tensor && which != KIND_SAFETENSORS)
        status = pe_fail(err, PE_USAGE,
                         "%s: only a .safetensors file has tensors with names; leave out "
                         "--tensor %s",
                         path, tensor);
    else
        status = which == KIND_CSV ? open_csv(path, out, err)
                                   : open_tensor(which, path, tensor, out, err);
    if (status == PE_OK)
        status = check_numbers(path, out, err);
    if (status != PE_OK)
        identify_close(out);
    return status;
}

void identify_close(identify_file *file)
{
    pe_release((void *)(uintptr_t)file->matrix.values);
    *file = (identify_file){0};
}
