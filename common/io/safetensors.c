#include "io/safetensors.h"

#include "base/memory.h"
#include "base/names.h"
#include "io/input.h"
#include "io/json.h"
#include "io/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER ((size_t)16 << 20) /* bytes */
enum { LENGTH_BYTES = 8, SHOWN = 100 /* bytes of a foreign name in a sentence */ };

struct pe_safetensors {
    char *name;
    pe_input input;             /* closed (-1) for a file in memory */
    const unsigned char *bytes; /* a file in memory, lent; NULL otherwise */
    size_t size, data_start;
    int partial; /* may end early */
    json_t *header;
    size_t count;
    pe_safetensors_entry *entries;
};

/* Every type of the format has a size, which is checked; kind is PE_DTYPE_COUNT when not ours. */
static const struct {
    const char *name;
    size_t size;
    pe_dtype kind;
} types[] = {
    {"F64", 8, PE_DTYPE_F64},   {"F32", 4, PE_DTYPE_F32},       {"F16", 2, PE_DTYPE_F16},
    {"BF16", 2, PE_DTYPE_BF16}, {"I64", 8, PE_DTYPE_I64},       {"I32", 4, PE_DTYPE_I32},
    {"U8", 1, PE_DTYPE_U8},     {"BOOL", 1, PE_DTYPE_U8},       {"I8", 1, PE_DTYPE_COUNT},
    {"I16", 2, PE_DTYPE_COUNT}, {"U16", 2, PE_DTYPE_COUNT},     {"U32", 4, PE_DTYPE_COUNT},
    {"U64", 8, PE_DTYPE_COUNT}, {"F8_E4M3", 1, PE_DTYPE_COUNT}, {"F8_E5M2", 1, PE_DTYPE_COUNT},
};
enum { TYPES = sizeof types / sizeof types[0] };

/* ---- reading ---- */

static pe_status read_bytes(const pe_safetensors *f, size_t offset, void *to, size_t size,
                            pe_error *err)
{
    if (!f->bytes)
        return pe_input_read(&f->input, offset, to, size, err);
    memcpy(to, f->bytes + offset, size);
    return PE_OK;
}

static pe_status refuse(const pe_safetensors *f, const char *tensor, const char *why, pe_error *err)
{
    return pe_fail(err, PE_FORMAT, "%s: tensor \"%.*s\": %s", f->name, SHOWN, tensor, why);
}

static int whole_number(const json_t *value, size_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return 0;
    *number = (size_t)json_integer_value(value);
    return 1;
}

/* The product over all axes, however many; only the first eight are kept. */
static int take_shape(const json_t *shape, size_t size, pe_safetensors_entry *e, size_t *bytes)
{
    size_t product = size, length, axes = json_array_size(shape);
    int empty = 0;
    for (size_t axis = 0; axis < axes; axis++) {
        if (!whole_number(json_array_get(shape, axis), &length))
            return 0;
        if (axis < PE_SHAPE_RANK)
            e->shape[axis] = length;
        empty |= length == 0;
        if (__builtin_mul_overflow(product, length ? length : 1, &product))
            return 0;
    }
    *bytes = empty ? 0 : product;
    e->readable = axes <= PE_SHAPE_RANK;
    e->rank = e->readable ? (int)axes : 0;
    return json_is_array(shape);
}

static pe_status take_entry(const pe_safetensors *f, const char *name, const json_t *info,
                            pe_safetensors_entry *e, pe_error *err)
{
    const json_t *range = json_object_get(info, "data_offsets");
    size_t bytes = 0, type = 0;
    e->name = name;
    e->dtype = json_string_value(json_object_get(info, "dtype"));
    if (!e->dtype || json_object_size(info) != 3)
        return refuse(f, name, "needs dtype, shape and data_offsets, and nothing else", err);
    if (json_array_size(range) != 2 || !whole_number(json_array_get(range, 0), &e->begin) ||
        !whole_number(json_array_get(range, 1), &e->end) || e->begin > e->end)
        return refuse(f, name, "data_offsets must be [begin, end], begin <= end", err);
    while (type < TYPES && strcmp(types[type].name, e->dtype) != 0)
        type++;
    if (!take_shape(json_object_get(info, "shape"), type < TYPES ? types[type].size : 1, e, &bytes))
        return refuse(f, name, "shape must be a list of lengths whose product fits", err);
    if (type < TYPES && bytes != e->end - e->begin)
        return refuse(f, name, "shape times element size is not its range of bytes", err);
    e->kind = type < TYPES ? types[type].kind : PE_DTYPE_COUNT;
    e->readable = e->readable && e->kind != PE_DTYPE_COUNT;
    return PE_OK;
}

static int by_range(const void *left, const void *right)
{
    const pe_safetensors_entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return strcmp(a->name, b->name);
}

static pe_status check_ranges(const pe_safetensors *f, pe_error *err)
{
    size_t next = 0, data = f->size - f->data_start;
    for (size_t i = 0; i < f->count; i++) {
        pe_safetensors_entry *e = &f->entries[i];
        if (e->begin < next)
            return refuse(f, e->name, "its bytes overlap those of another tensor", err);
        if (e->begin > next)
            return refuse(f, e->name, "there is a gap before its bytes", err);
        next = e->end;
        e->inside = next <= data;
    }
    if (next != data && !(f->partial && next > data))
        return pe_fail(err, PE_FORMAT,
                       "%s: the tensors end at byte %zu of the data, the file at "
                       "%zu: it is %s",
                       f->name, next, data,
                       next > data ? "cut off" : "longer than its header says");
    return PE_OK;
}

static pe_status check_metadata(const pe_safetensors *f, const json_t *metadata, pe_error *err)
{
    const char *key;
    json_t *value;
    if (metadata && !json_is_object(metadata))
        return pe_fail(err, PE_FORMAT, "%s: __metadata__ must be an object", f->name);
    json_object_foreach((json_t *)metadata, key, value) if (!json_is_string(value)) return pe_fail(
        err, PE_FORMAT, "%s: __metadata__ \"%.*s\" must be a text", f->name, SHOWN, key);
    return PE_OK;
}

static pe_status take_header(pe_safetensors *f, pe_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(f->header))
        return pe_fail(err, PE_FORMAT, "%s: the header must be an object", f->name);
    f->entries = pe_allocate(json_object_size(f->header), sizeof *f->entries, "tensor list", err);
    if (!f->entries)
        return PE_MEMORY;
    pe_status status = check_metadata(f, json_object_get(f->header, "__metadata__"), err);
    json_object_foreach(f->header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0)
            continue;
        if (status == PE_OK)
            status = take_entry(f, key, value, &f->entries[f->count++], err);
    }
    if (status != PE_OK)
        return status;
    qsort(f->entries, f->count, sizeof *f->entries, by_range);
    return check_ranges(f, err);
}

static pe_status header_length(const pe_safetensors *f, size_t *length, pe_error *err)
{
    uint64_t claimed;
    if (f->size < LENGTH_BYTES)
        return pe_fail(err, PE_FORMAT, "%s: %zu bytes are too few for a safetensors file", f->name,
                       f->size);
    pe_status status = read_bytes(f, 0, &claimed, sizeof claimed, err);
    if (status != PE_OK)
        return status;
    if (claimed > MAX_HEADER)
        return pe_fail(err, PE_FORMAT,
                       "%s: not a safetensors file: its header would have %" PRIu64
                       " bytes, %zu are allowed",
                       f->name, claimed, MAX_HEADER);
    if (claimed > f->size - LENGTH_BYTES)
        return pe_fail(err, PE_FORMAT, "%s: the header has %" PRIu64 " bytes, the file only %zu",
                       f->name, claimed, f->size);
    *length = (size_t)claimed;
    return PE_OK;
}

static pe_status load_header(pe_safetensors *f, pe_error *err)
{
    size_t length = 0;
    pe_error own;
    err = err ? err : &own;
    pe_status status = header_length(f, &length, err);
    if (status != PE_OK)
        return status;
    char *text = pe_allocate(length, 1, "safetensors header", err);
    if (!text)
        return PE_MEMORY;
    f->data_start = LENGTH_BYTES + length;
    status = read_bytes(f, LENGTH_BYTES, text, length, err);
    if (status == PE_OK) {
        f->header = pe_json_load_memory(text, length, f->name, err);
        status = f->header ? PE_OK : err->status;
    }
    pe_release(text);
    return status == PE_OK ? take_header(f, err) : status;
}

static pe_safetensors *make(const char *name, pe_error *err)
{
    pe_safetensors *f = pe_allocate(1, sizeof *f, "safetensors file", err);
    if (!f)
        return NULL;
    f->input.descriptor = -1;
    f->name = pe_copy_text(name, "file name", err);
    if (f->name)
        return f;
    pe_release(f);
    return NULL;
}

static pe_status finish_open(pe_safetensors *f, pe_status status, pe_safetensors **out,
                             pe_error *err)
{
    if (status == PE_OK)
        status = load_header(f, err);
    if (status == PE_OK)
        *out = f;
    else
        pe_safetensors_close(f);
    return status;
}

static pe_status open_file(const char *path, int partial, pe_safetensors **out, pe_error *err)
{
    pe_safetensors *f = make(path, err);
    if (!f)
        return PE_MEMORY;
    pe_status status = pe_input_open(f->name, &f->input, err);
    f->size = f->input.size;
    f->partial = partial;
    return finish_open(f, status, out, err);
}

pe_status pe_safetensors_open(const char *path, pe_safetensors **out, pe_error *err)
{
    return open_file(path, 0, out, err);
}

pe_status pe_safetensors_open_partial(const char *path, pe_safetensors **out, pe_error *err)
{
    return open_file(path, 1, out, err);
}

pe_status pe_safetensors_open_memory(const void *bytes, size_t size, const char *name,
                                     pe_safetensors **out, pe_error *err)
{
    pe_safetensors *f = make(name, err);
    if (!f)
        return PE_MEMORY;
    f->bytes = bytes;
    f->size = size;
    return finish_open(f, PE_OK, out, err);
}

void pe_safetensors_close(pe_safetensors *file)
{
    if (!file)
        return;
    if (file->input.descriptor >= 0)
        pe_input_close(&file->input);
    json_decref(file->header);
    pe_release(file->entries);
    pe_release(file->name);
    pe_release(file);
}

size_t pe_safetensors_count(const pe_safetensors *file)
{
    return file->count;
}

const pe_safetensors_entry *pe_safetensors_at(const pe_safetensors *file, size_t index)
{
    return &file->entries[index];
}

const char *pe_safetensors_metadata(const pe_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

static pe_status unknown_name(const pe_safetensors *f, const char *name, pe_error *err)
{
    const char **names = pe_allocate(f->count, sizeof *names, "names", err);
    if (!names)
        return PE_MEMORY;
    for (size_t i = 0; i < f->count; i++)
        names[i] = f->entries[i].name;
    const char *near = pe_nearest_name(name, f->count, names);
    pe_fail(err, PE_USAGE, "%s: no tensor \"%.*s\" among its %zu%s%.*s%s", f->name, SHOWN, name,
            f->count, near ? "; did you mean \"" : "", SHOWN, near ? near : "", near ? "\"?" : "");
    pe_release(names);
    return PE_USAGE;
}

static pe_status read_entry(const pe_safetensors *f, const pe_safetensors_entry *e, pe_tensor *out,
                            pe_error *err)
{
    pe_tensor t = {0};
    pe_status status = pe_tensor_allocate(e->kind, e->rank, e->shape, &t, err);
    if (status != PE_OK)
        return status;
    status = read_bytes(f, f->data_start + e->begin, t.data, e->end - e->begin, err);
    if (status == PE_OK)
        *out = t;
    else
        pe_tensor_release(&t);
    return status;
}

pe_status pe_safetensors_read(const pe_safetensors *file, const char *name, size_t max_bytes,
                              pe_tensor *out, pe_error *err)
{
    size_t i = 0;
    while (i < file->count && strcmp(file->entries[i].name, name) != 0)
        i++;
    if (i == file->count)
        return unknown_name(file, name, err);
    const pe_safetensors_entry *e = &file->entries[i];
    if (!e->readable)
        return pe_fail(err, PE_FORMAT,
                       "%s: tensor \"%.*s\": type %.*s with this many axes is not read here (read "
                       "are F64 F32 F16 BF16 I64 I32 U8 BOOL, up to 8 axes)",
                       file->name, SHOWN, name, SHOWN, e->dtype);
    if (!e->inside)
        return pe_fail(err, PE_FORMAT,
                       "%s: tensor \"%.*s\" ends at byte %zu of the data, the file at %zu: it is "
                       "cut off",
                       file->name, SHOWN, name, e->end, file->size - file->data_start);
    if (e->end - e->begin > max_bytes)
        return pe_fail(err, PE_MEMORY, "%s: tensor \"%.*s\": %zu bytes, more than the %zu allowed",
                       file->name, SHOWN, name, e->end - e->begin, max_bytes);
    return read_entry(file, e, out, err);
}

/* ---- writing ---- */

static size_t tensor_bytes(const pe_tensor *t)
{
    return t->count * pe_dtype_size(t->dtype);
}

static int by_size_and_name(const void *left, const void *right)
{
    const pe_safetensors_item *a = left, *b = right;
    size_t wide = pe_dtype_size(a->tensor->dtype), other = pe_dtype_size(b->tensor->dtype);
    if (wide != other)
        return wide > other ? -1 : 1;
    return strcmp(a->name, b->name);
}

static const char *type_name(pe_dtype kind)
{
    size_t type = 0;
    while (types[type].kind != kind)
        type++;
    return types[type].name;
}

static pe_status add_item(json_t *header, const pe_safetensors_item *item, size_t *offset,
                          pe_error *err)
{
    const pe_tensor *t = item->tensor;
    size_t end = *offset + tensor_bytes(t);
    if (strcmp(item->name, "__metadata__") == 0 || json_object_get(header, item->name))
        return pe_fail(err, PE_USAGE, "a safetensors file cannot hold a%s tensor \"%s\"",
                       item->name[0] == '_' ? "" : " second", item->name);
    json_t *shape = json_array();
    for (int axis = 0; axis < t->rank; axis++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->shape[axis])) != 0) {
            json_decref(shape);
            return pe_fail(err, PE_MEMORY, "no memory for a safetensors header");
        }
    json_t *info = json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_name(t->dtype), "shape", shape,
                             "data_offsets", (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    return pe_json_set(header, item->name, info, err);
}

static pe_status add_metadata(json_t *header, const pe_safetensors_text *metadata, size_t count,
                              pe_error *err)
{
    if (count == 0)
        return PE_OK;
    json_t *all = json_object();
    pe_status status = pe_json_set(header, "__metadata__", all, err);
    for (size_t i = 0; i < count && status == PE_OK; i++) {
        pe_error own;
        if (json_object_get(all, metadata[i].key))
            return pe_fail(err, PE_USAGE, "metadata \"%s\" is given twice", metadata[i].key);
        json_t *text = pe_json_text(metadata[i].value, err = err ? err : &own);
        status = text ? pe_json_set(all, metadata[i].key, text, err) : err->status;
    }
    return status;
}

/* The header text, padded with blanks to a multiple of 8, owned by pe_release. */
static char *header_text(const json_t *header, size_t *length, pe_error *err)
{
    char *text = json_dumps(header, JSON_COMPACT), *padded = NULL;
    if (!text) {
        pe_fail(err, PE_MEMORY, "no memory for a safetensors header");
        return NULL;
    }
    size_t used = strlen(text);
    *length = (used + 7) / 8 * 8;
    padded = pe_allocate(*length, 1, "safetensors header", err);
    if (padded) {
        memset(padded, ' ', *length);
        memcpy(padded, text, used);
    }
    pe_release(text);
    return padded;
}

static pe_status write_all(const char *path, const char *header, size_t length,
                           const pe_safetensors_item *items, size_t count, pe_error *err)
{
    const uint64_t claimed = length;
    pe_error own;
    err = err ? err : &own;
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err->status;
    pe_status status = pe_output_write(out, &claimed, sizeof claimed, err);
    if (status == PE_OK)
        status = pe_output_write(out, header, length, err);
    for (size_t i = 0; i < count && status == PE_OK; i++)
        status = pe_output_write(out, items[i].tensor->data, tensor_bytes(items[i].tensor), err);
    if (status == PE_OK)
        return pe_output_commit(out, err);
    pe_output_abandon(out);
    return status;
}

pe_status pe_safetensors_write(const char *path, const pe_safetensors_item *items, size_t count,
                               const pe_safetensors_text *metadata, size_t metadata_count,
                               pe_error *err)
{
    pe_safetensors_item *sorted = pe_allocate(count, sizeof *sorted, "tensor list", err);
    if (!sorted)
        return PE_MEMORY;
    memcpy(sorted, items, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size_and_name);
    char *text = NULL;
    size_t length = 0, offset = 0;
    json_t *header = json_object();
    pe_status status = header ? add_metadata(header, metadata, metadata_count, err)
                              : pe_fail(err, PE_MEMORY, "no memory for a safetensors header");
    for (size_t i = 0; i < count && status == PE_OK; i++)
        status = add_item(header, &sorted[i], &offset, err);
    if (status == PE_OK && !(text = header_text(header, &length, err)))
        status = PE_MEMORY;
    if (status == PE_OK)
        status = write_all(path, text, length, sorted, count, err);
    pe_release(text);
    json_decref(header);
    pe_release(sorted);
    return status;
}
