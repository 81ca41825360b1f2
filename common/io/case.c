#include "io/case.h"

#include "base/memory.h"
#include "base/names.h"
#include "io/input.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/output.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 64 /* bytes of a file name with ".npy" */, SUFFIX = 4, SHOWN = 100 };

struct pe_case {
    char *folder, *where; /* where: FOLDER/case.json, for sentences */
    json_t *root;
    json_t *options; /* an empty object when there are none */
    size_t count;
    pe_case_file *files;
    char (*names)[NAME + 1];
};

/* "FOLDER/NAME", owned. */
static char *join(const char *folder, const char *name, pe_error *err)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = pe_allocate(size, 1, "file name", err);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* [A-Za-z0-9._-]{1,64}, no leading dot, ends in .npy: no separator, no "..", nothing hidden. */
static int allowed_name(const char *name)
{
    size_t length = strlen(name);
    const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return length > SUFFIX && length <= NAME && name[0] != '.' && strspn(name, letters) == length &&
           strcmp(name + length - SUFFIX, ".npy") == 0;
}

/* ---- case.json ---- */

static pe_status bad(const pe_case *c, const char *what, const char *why, pe_error *err)
{
    return pe_fail(err, PE_FORMAT, "%s: \"%.*s\" %s", c->where, SHOWN, what, why);
}

static int take_dtype(const char *text, pe_dtype *dtype)
{
    if (!text)
        return 0;
    if (strcmp(text, "|b1") == 0) {
        *dtype = PE_DTYPE_U8;
        return 1;
    }
    for (int d = 0; d < PE_DTYPE_COUNT; d++) {
        const char *known = d == PE_DTYPE_BF16 ? "bf16" : pe_npy_descr((pe_dtype)d);
        if (strcmp(text, known) == 0) {
            *dtype = (pe_dtype)d;
            return 1;
        }
    }
    return 0;
}

static int take_shape(const json_t *shape, pe_case_file *f)
{
    size_t rank = json_array_size(shape), count;
    if (!json_is_array(shape) || rank > PE_SHAPE_RANK)
        return 0;
    for (size_t axis = 0; axis < rank; axis++) {
        const json_t *length = json_array_get(shape, axis);
        if (!json_is_integer(length) || json_integer_value(length) < 0)
            return 0;
        f->shape[axis] = (size_t)json_integer_value(length);
    }
    f->rank = (int)rank;
    return pe_shape_count(f->rank, f->shape, pe_dtype_size(f->dtype), &count);
}

/* A text that may be absent; NULL when it is something else. */
static const char *text_or_empty(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value ? json_string_value(value) : "";
}

static pe_status take_file(pe_case *c, const char *name, const json_t *info, pe_error *err)
{
    pe_case_file *f = &c->files[c->count];
    if (!allowed_name(name))
        return bad(c, name,
                   "is not a file name that a case may have: letters, digits, . _ -, at "
                   "most 64, no leading dot, ending in .npy",
                   err);
    if (!json_is_object(info))
        return bad(c, name, "must be an object", err);
    if (!take_dtype(json_string_value(json_object_get(info, "dtype")), &f->dtype))
        return bad(c, name, "needs a dtype: <f8 <f4 <f2 bf16 <i8 <i4 |u1 |b1", err);
    if (!take_shape(json_object_get(info, "shape"), f))
        return bad(c, name, "needs a shape: a list of at most 8 lengths", err);
    f->axes = text_or_empty(info, "axes");
    f->role = text_or_empty(info, "role");
    if (!f->axes || !f->role)
        return bad(c, name, "has axes or a role that is no text", err);
    memcpy(c->names[c->count], name, strlen(name) - SUFFIX);
    f->name = c->names[c->count++];
    return PE_OK;
}

static pe_status take_files(pe_case *c, const json_t *files, pe_error *err)
{
    const char *name;
    json_t *info;
    size_t count = json_object_size(files);
    if (!json_is_object(files) || count > PE_CASE_FILES)
        return bad(c, "files", "must be an object of at most 1024 files", err);
    c->files = pe_allocate(count, sizeof *c->files, "case files", err);
    c->names = pe_allocate(count, sizeof *c->names, "case file names", err);
    if (!c->files || !c->names)
        return PE_MEMORY;
    json_object_foreach((json_t *)files, name, info)
    {
        pe_status status = take_file(c, name, info, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static pe_status check_tolerance(const pe_case *c, pe_error *err)
{
    static const char *const precisions[] = {"f64", "f32"};
    const json_t *tolerance = json_object_get(c->root, "tolerance");
    if (tolerance && !json_is_object(tolerance))
        return bad(c, "tolerance", "must be an object with f64 and f32", err);
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(tolerance, precisions[i]);
        if (value && (!json_is_number(value) || json_number_value(value) < 0))
            return bad(c, precisions[i], "must be a tolerance: a number, not negative", err);
    }
    return PE_OK;
}

static pe_status take_options(pe_case *c, pe_error *err)
{
    json_t *options = json_object_get(c->root, "options");
    if (options && !json_is_object(options))
        return bad(c, "options", "must be an object", err);
    c->options = options ? json_incref(options) : json_object();
    return c->options ? PE_OK : pe_fail(err, PE_MEMORY, "%s: no memory for options", c->where);
}

static pe_status take_case(pe_case *c, pe_error *err)
{
    static const char *const required[] = {"name", "variant"};
    if (!json_is_object(c->root))
        return pe_fail(err, PE_FORMAT, "%s: must be an object", c->where);
    for (size_t i = 0; i < 2; i++)
        if (!json_is_string(json_object_get(c->root, required[i])))
            return bad(c, required[i], "must be there and a text", err);
    if (!text_or_empty(c->root, "formula"))
        return bad(c, "formula", "must be a text", err);
    const json_t *seed = json_object_get(c->root, "seed");
    if (seed && (!json_is_integer(seed) || json_integer_value(seed) < 0))
        return bad(c, "seed", "must be a whole number, not negative", err);
    pe_status status = check_tolerance(c, err);
    if (status == PE_OK)
        status = take_options(c, err);
    return status == PE_OK ? take_files(c, json_object_get(c->root, "files"), err) : status;
}

static pe_status check_files_exist(const pe_case *c, pe_error *err)
{
    char name[NAME + SUFFIX + 1];
    for (size_t i = 0; i < c->count; i++) {
        struct stat info;
        snprintf(name, sizeof name, "%s.npy", c->files[i].name);
        char *path = join(c->folder, name, err);
        if (!path)
            return PE_MEMORY;
        int missing = stat(path, &info) != 0 || !S_ISREG(info.st_mode);
        pe_release(path);
        if (missing)
            return bad(c, name, "is declared, but there is no such file in the folder", err);
    }
    return PE_OK;
}

static pe_case *make(const char *folder, pe_error *err)
{
    pe_case *c = pe_allocate(1, sizeof *c, "case", err);
    if (!c)
        return NULL;
    c->folder = pe_copy_text(folder, "folder name", err);
    c->where = c->folder ? join(folder, "case.json", err) : NULL;
    if (c->where)
        return c;
    pe_case_close(c);
    return NULL;
}

static pe_status finish_open(pe_case *c, pe_status status, pe_case **out)
{
    if (status == PE_OK)
        *out = c;
    else
        pe_case_close(c);
    return status;
}

pe_status pe_case_open(const char *folder, pe_case **out, pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    pe_case *c = make(folder, err);
    if (!c)
        return PE_MEMORY;
    c->root = pe_json_load(c->where, PE_JSON_MAX_BYTES, err);
    pe_status status = c->root ? take_case(c, err) : err->status;
    if (status == PE_OK)
        status = check_files_exist(c, err);
    return finish_open(c, status, out);
}

pe_status pe_case_open_memory(const char *text, size_t size, const char *folder, pe_case **out,
                              pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    pe_case *c = make(folder, err);
    if (!c)
        return PE_MEMORY;
    c->root = pe_json_load_memory(text, size, c->where, err);
    return finish_open(c, c->root ? take_case(c, err) : err->status, out);
}

void pe_case_close(pe_case *c)
{
    if (!c)
        return;
    json_decref(c->options);
    json_decref(c->root);
    pe_release(c->files);
    pe_release(c->names);
    pe_release(c->where);
    pe_release(c->folder);
    pe_release(c);
}

const char *pe_case_name(const pe_case *c)
{
    return json_string_value(json_object_get(c->root, "name"));
}

const char *pe_case_variant(const pe_case *c)
{
    return json_string_value(json_object_get(c->root, "variant"));
}

const char *pe_case_formula(const pe_case *c)
{
    return text_or_empty(c->root, "formula");
}

uint64_t pe_case_seed(const pe_case *c)
{
    return (uint64_t)json_integer_value(json_object_get(c->root, "seed"));
}

double pe_case_tolerance(const pe_case *c, pe_dtype precision)
{
    const json_t *all = json_object_get(c->root, "tolerance"), *value = NULL;
    if (precision == PE_DTYPE_F64 || precision == PE_DTYPE_F32)
        value = json_object_get(all, pe_dtype_name(precision));
    return value ? json_number_value(value) : (double)NAN;
}

/* ---- tensors ---- */

size_t pe_case_file_count(const pe_case *c)
{
    return c->count;
}

const pe_case_file *pe_case_file_at(const pe_case *c, size_t index)
{
    return &c->files[index];
}

const pe_case_file *pe_case_find(const pe_case *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->files[i].name, name) == 0)
            return &c->files[i];
    return NULL;
}

static pe_status unknown_tensor(const pe_case *c, const char *name, pe_error *err)
{
    const char **names = pe_allocate(c->count, sizeof *names, "names", err);
    if (!names)
        return PE_MEMORY;
    for (size_t i = 0; i < c->count; i++)
        names[i] = c->files[i].name;
    const char *near = pe_nearest_name(name, c->count, names);
    pe_fail(err, PE_USAGE, "%s: no file \"%.*s.npy\" in this case%s%s%s", c->where, SHOWN, name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    pe_release(names);
    return PE_USAGE;
}

static pe_status check_declaration(const pe_case *c, const pe_case_file *f, const pe_tensor *t,
                                   pe_error *err)
{
    char declared[PE_SHAPE_TEXT], found[PE_SHAPE_TEXT];
    size_t used = (size_t)f->rank * sizeof f->shape[0];
    if (f->rank == t->rank && f->dtype == t->dtype && memcmp(f->shape, t->shape, used) == 0)
        return PE_OK;
    return pe_fail(err, PE_FORMAT, "%s: \"%s.npy\" is declared as %s %s, the file has %s %s",
                   c->where, f->name, pe_dtype_name(f->dtype),
                   pe_shape_text(f->rank, f->shape, declared), pe_dtype_name(t->dtype),
                   pe_shape_text(t->rank, t->shape, found));
}

pe_status pe_case_tensor(const pe_case *c, const char *name, pe_tensor *out, pe_error *err)
{
    const pe_case_file *f = pe_case_find(c, name);
    if (!f)
        return unknown_tensor(c, name, err);
    char file[NAME + SUFFIX + 1];
    snprintf(file, sizeof file, "%s.npy", f->name);
    char *path = join(c->folder, file, err);
    if (!path)
        return PE_MEMORY;
    pe_tensor t = {0};
    pe_status status = f->dtype == PE_DTYPE_BF16 ? pe_npy_read_bf16(path, PE_NPY_MAX_BYTES, &t, err)
                                                 : pe_npy_read(path, PE_NPY_MAX_BYTES, &t, err);
    pe_release(path);
    if (status != PE_OK)
        return status;
    status = check_declaration(c, f, &t, err);
    if (status == PE_OK)
        *out = t;
    else
        pe_tensor_release(&t);
    return status;
}

/* ---- options ---- */

const json_t *pe_case_options(const pe_case *c)
{
    return c->options;
}

pe_option_kind pe_case_option_kind(const pe_case *c, const char *key)
{
    const json_t *value = json_object_get(c->options, key);
    if (!value)
        return PE_OPTION_ABSENT;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return PE_OPTION_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return PE_OPTION_BOOL;
    case JSON_INTEGER:
        return PE_OPTION_INT;
    case JSON_REAL:
        return PE_OPTION_REAL;
    case JSON_STRING:
        return PE_OPTION_STRING;
    case JSON_ARRAY:
        return PE_OPTION_LIST;
    case JSON_OBJECT:
        break;
    }
    return PE_OPTION_OBJECT;
}

/* The option, or NULL when the caller's fallback holds. */
static const json_t *stated(const pe_case *c, const char *key)
{
    const json_t *value = json_object_get(c->options, key);
    return json_is_null(value) ? NULL : value;
}

pe_status pe_case_int(const pe_case *c, const char *key, int64_t fallback, int64_t *value,
                      pe_error *err)
{
    const json_t *option = stated(c, key);
    if (option && !json_is_integer(option))
        return bad(c, key, "must be a whole number", err);
    *value = option ? json_integer_value(option) : fallback;
    return PE_OK;
}

pe_status pe_case_real(const pe_case *c, const char *key, double fallback, double *value,
                       pe_error *err)
{
    const json_t *option = stated(c, key);
    if (option && !json_is_number(option))
        return bad(c, key, "must be a number", err);
    *value = option ? json_number_value(option) : fallback;
    return PE_OK;
}

pe_status pe_case_bool(const pe_case *c, const char *key, int fallback, int *value, pe_error *err)
{
    const json_t *option = stated(c, key);
    if (option && !json_is_boolean(option))
        return bad(c, key, "must be true or false", err);
    *value = option ? json_is_true(option) : fallback;
    return PE_OK;
}

pe_status pe_case_string(const pe_case *c, const char *key, const char *fallback,
                         const char **value, pe_error *err)
{
    const json_t *option = stated(c, key);
    if (option && !json_is_string(option))
        return bad(c, key, "must be a text", err);
    *value = option ? json_string_value(option) : fallback;
    return PE_OK;
}

pe_status pe_case_list(const pe_case *c, const char *key, double **values, size_t *count,
                       pe_error *err)
{
    const json_t *list = stated(c, key);
    if (!list) {
        *values = NULL;
        *count = 0;
        return PE_OK;
    }
    if (!json_is_array(list))
        return bad(c, key, "must be a list of numbers", err);
    size_t length = json_array_size(list);
    double *all = pe_allocate(length, sizeof *all, "option list", err);
    if (!all)
        return PE_MEMORY;
    for (size_t i = 0; i < length; i++) {
        if (!json_is_number(json_array_get(list, i))) {
            pe_release(all);
            return bad(c, key, "must be a list of numbers", err);
        }
        all[i] = json_number_value(json_array_get(list, i));
    }
    *values = all;
    *count = length;
    return PE_OK;
}

/* ---- writing ---- */

struct pe_case_writer {
    char *folder, *where; /* where: FOLDER/case.json */
    int made_folder;
    json_t *root;            /* owned */
    json_t *options, *files; /* lent by root */
};

static void release_writer(pe_case_writer *w)
{
    json_decref(w->root);
    pe_release(w->folder);
    pe_release(w->where);
    pe_release(w);
}

/* A new object under `key`, lent by root. */
static pe_status add_object(json_t *root, const char *key, json_t **object, pe_error *err)
{
    *object = json_object();
    return pe_json_set(root, key, *object, err);
}

static pe_status add_text(json_t *object, const char *key, const char *text, pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    json_t *value = pe_json_text(text, err);
    return value ? pe_json_set(object, key, value, err) : err->status;
}

static pe_status prepare(pe_case_writer *w, const char *folder, const char *name,
                         const char *variant, pe_error *err)
{
    w->folder = pe_copy_text(folder, "folder name", err);
    w->where = w->folder ? join(folder, "case.json", err) : NULL;
    if (!w->where)
        return PE_MEMORY;
    w->root = json_object();
    if (!w->root)
        return pe_fail(err, PE_MEMORY, "%s: no memory for a case", w->where);
    pe_status status = add_text(w->root, "name", name, err);
    if (status == PE_OK)
        status = add_text(w->root, "variant", variant, err);
    if (status == PE_OK)
        status = add_object(w->root, "options", &w->options, err);
    return status == PE_OK ? add_object(w->root, "files", &w->files, err) : status;
}

static pe_status claim_folder(pe_case_writer *w, pe_error *err)
{
    struct stat info;
    if (lstat(w->where, &info) == 0)
        return pe_fail(err, PE_WRITE, "%s: exists already; choose another folder", w->where);
    w->made_folder = stat(w->folder, &info) != 0;
    return pe_output_folder(w->folder, err);
}

pe_case_writer *pe_case_write_begin(const char *folder, const char *name, const char *variant,
                                    pe_error *err)
{
    pe_case_writer *w = pe_allocate(1, sizeof *w, "case", err);
    if (!w)
        return NULL;
    pe_status status = prepare(w, folder, name, variant, err);
    if (status == PE_OK)
        status = claim_folder(w, err);
    if (status == PE_OK)
        return w;
    if (w->made_folder)
        rmdir(w->folder);
    release_writer(w);
    return NULL;
}

pe_status pe_case_write_member(pe_case_writer *w, const char *key, json_t *value, pe_error *err)
{
    static const char *const ours[] = {"name", "variant", "options", "files"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(ours[i], key) == 0) {
            json_decref(value);
            return pe_fail(err, PE_USAGE, "%s: \"%s\" is written by the case itself", w->where,
                           key);
        }
    return pe_json_set(w->root, key, value, err);
}

pe_status pe_case_write_option(pe_case_writer *w, const char *key, json_t *value, pe_error *err)
{
    return pe_json_set(w->options, key, value, err);
}

static pe_status declare(pe_case_writer *w, const char *file, const pe_tensor *t, const char *axes,
                         const char *role, pe_error *err)
{
    json_t *info, *shape = json_array();
    pe_status status = add_object(w->files, file, &info, err);
    for (int axis = 0; axis < t->rank && status == PE_OK; axis++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->shape[axis])) != 0)
            status = pe_fail(err, PE_MEMORY, "%s: no memory for a shape", w->where);
    if (status != PE_OK) {
        json_decref(shape);
        return status;
    }
    status = pe_json_set(info, "shape", shape, err);
    if (status == PE_OK)
        status = add_text(info, "dtype",
                          t->dtype == PE_DTYPE_BF16 ? "bf16" : pe_npy_descr(t->dtype), err);
    if (status == PE_OK)
        status = add_text(info, "axes", axes, err);
    return status == PE_OK ? add_text(info, "role", role, err) : status;
}

pe_status pe_case_write_add(pe_case_writer *w, const char *name, const pe_tensor *tensor,
                            const char *axes, const char *role, pe_error *err)
{
    char file[NAME + SUFFIX + 1];
    int length = snprintf(file, sizeof file, "%s.npy", name);
    if (length > NAME || !allowed_name(file) || json_object_get(w->files, file))
        return pe_fail(
            err, PE_USAGE,
            "%s: \"%.*s\" cannot be added: a name is letters, digits, . _ -, at most 60, "
            "without a leading dot, and used once",
            w->where, SHOWN, name);
    char *path = join(w->folder, file, err);
    if (!path)
        return PE_MEMORY;
    pe_status status = declare(w, file, tensor, axes, role, err);
    if (status == PE_OK)
        status = pe_npy_write(path, tensor, err);
    if (status != PE_OK) {
        json_object_del(w->files, file);
        unlink(path); /* in place when only the fsync of the folder failed */
    }
    pe_release(path);
    return status;
}

/* Nothing is allocated: this runs when memory is gone. */
static void remove_files(pe_case_writer *w)
{
    const char *file;
    json_t *info;
    int folder = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    json_object_foreach(w->files, file, info) unlinkat(folder, file, 0);
    close(folder);
    if (w->made_folder)
        rmdir(w->folder);
}

pe_status pe_case_write_commit(pe_case_writer *w, pe_error *err)
{
    pe_status status = pe_json_save(w->where, w->root, err);
    if (status != PE_OK) {
        unlink(w->where); /* it was not there before */
        remove_files(w);
    }
    release_writer(w);
    return status;
}

void pe_case_write_abandon(pe_case_writer *w)
{
    if (!w)
        return;
    remove_files(w);
    release_writer(w);
}
