/* From case.json to an instance: variant, dimensions, settings, parameters. */
#include "case_run.h"

#include "base/memory.h"
#include "registry/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Options that describe the shapes and the masks and not the encoding. A variant that has an option
 * of the same name gets it all the same (a plug-in may want to know `causal`); read_job sees to it
 * that padding_idx does not count twice. */
static const char *const shape_options[] = {"d",
                                            "heads",
                                            "head_dim",
                                            "V",
                                            "memory",
                                            "query_offset",
                                            "max_len",
                                            "inputs",
                                            "nx",
                                            "ny",
                                            "causal",
                                            "key_lengths",
                                            "start_position",
                                            "scale_sqrt_d",
                                            "position",
                                            "padding_idx",
                                            "exact"};

static bool is_shape_option(const char *name)
{
    for (size_t i = 0; i < sizeof shape_options / sizeof shape_options[0]; i++)
        if (strcmp(shape_options[i], name) == 0)
            return true;
    return false;
}

static bool variant_has(const pe_variant *variant, const char *option)
{
    for (int i = 0; i < variant->option_count; i++)
        if (strcmp(variant->options[i].name, option) == 0)
            return true;
    return false;
}

static bool is_list_of_objects(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* ---- settings ---- */

static void number_text(const json_t *value, char *text, size_t size)
{
    if (json_is_integer(value))
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, size, "%.17g", json_real_value(value));
}

static char *value_text(const char *name, const json_t *value, pe_error *err)
{
    enum { NUMBER = 40 };
    const size_t items = json_array_size(value);
    const size_t size =
        NUMBER * (items + 1) + (json_is_string(value) ? json_string_length(value) : 0);
    char *text = pe_allocate(size, 1, name, err);
    if (!text)
        return NULL;
    if (json_is_string(value))
        strcpy(text, json_string_value(value));
    else if (json_is_boolean(value))
        strcpy(text, json_is_true(value) ? "true" : "false");
    else if (json_is_number(value))
        number_text(value, text, size);
    else if (json_is_array(value))
        for (size_t i = 0, used = 0; i < items; i++, used = strlen(text)) {
            if (i)
                text[used++] = ',';
            number_text(json_array_get(value, i), text + used, size - used);
        }
    else
        strcpy(text, "null");
    return text;
}

typedef struct setting_list {
    pe_setting *item;
    int count;
} setting_list;

static void release_settings(setting_list *list)
{
    for (int i = 0; i < list->count; i++)
        pe_release((char *)list->item[i].text); /* allocated in add_setting */
    pe_release(list->item);
    *list = (setting_list){0};
}

static pe_status add_setting(setting_list *list, const char *name, const json_t *value,
                             pe_error *err)
{
    char *text = value_text(name, value, err);
    if (!text)
        return PE_MEMORY;
    list->item[list->count++] = (pe_setting){.name = name, .text = text};
    return PE_OK;
}

static pe_status add_members(const pe_variant *variant, setting_list *list, const json_t *options,
                             pe_error *err)
{
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)options, name, value)
    {
        if (is_list_of_objects(value))
            continue;
        if (is_shape_option(name) && !variant_has(variant, name))
            continue;
        const pe_status status = add_setting(list, name, value, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

/* Settings of the case and those of `more` (NULL: none), names lent by the JSON. */
static pe_status make_settings(const pe_case *c, const pe_variant *variant, const json_t *more,
                               setting_list *list, pe_error *err)
{
    const json_t *options = pe_case_options(c);
    const size_t most = json_object_size(options) + json_object_size(more) + 1;
    *list = (setting_list){.item = pe_allocate(most, sizeof *list->item, "settings", err)};
    if (!list->item)
        return PE_MEMORY;
    pe_status status = add_members(variant, list, options, err);
    if (status == PE_OK && more)
        status = add_members(variant, list, more, err);
    if (status == PE_OK && json_is_true(json_object_get(options, "exact")) &&
        variant_has(variant, "path")) {
        json_t *exact = json_string("exact");
        status = exact ? add_setting(list, "path", exact, err)
                       : pe_fail(err, PE_MEMORY, "no memory for a setting");
        json_decref(exact);
    }
    if (status != PE_OK)
        release_settings(list);
    return status;
}

/* ---- dimensions ---- */

static const pe_case_file *first_file(const pe_case *c, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        const pe_case_file *file = pe_case_find(c, names[i]);
        if (file && file->rank > 0)
            return file;
    }
    return NULL;
}

/* The width of a token's row as the case's files have it, 0 when none does. */
static int width_of_files(const pe_case *c)
{
    static const char *const names[] = {"x", "tok", "pe", "pe_f64", "pe_f32"};
    const pe_case_file *file = first_file(c, names, 5);
    return file ? (int)file->shape[file->rank - 1] : 0;
}

/* An integer option that must fit an int and be >= low; absent: fallback. */
static pe_status small_int(const pe_case *c, const char *key, int64_t low, int fallback, int *value,
                           pe_error *err)
{
    int64_t x;
    const pe_status status = pe_case_int(c, key, fallback, &x, err);
    if (status != PE_OK)
        return status;
    const bool stated = pe_case_option_kind(c, key) == PE_OPTION_INT;
    if (stated && (x < low || x > 1 << 24))
        return pe_fail(err, PE_FORMAT, "%s: option %s is %" PRId64 ", not %" PRId64 " to 2^24",
                       pe_case_name(c), key, x, low);
    *value = (int)x;
    return PE_OK;
}

static pe_status read_heads(const pe_case *c, pe_dims *dims, pe_error *err)
{
    const pe_case_file *q = pe_case_find(c, "q"), *k = pe_case_find(c, "k");
    const bool shaped = q && k && q->rank == 4 && k->rank == 4;
    dims->heads = shaped ? (int)q->shape[1] : 1;
    pe_status status = PE_OK;
    if (pe_case_option_kind(c, "heads") != PE_OPTION_LIST)
        status = small_int(c, "heads", 1, dims->heads, &dims->heads, err);
    if (status == PE_OK)
        status = small_int(c, "head_dim", 1, shaped ? (int)q->shape[3] : 0, &dims->head_dim, err);
    dims->kv_heads = shaped ? (int)k->shape[1] : 0;
    return status;
}

static pe_status read_grid(const pe_case *c, pe_dims *dims, pe_error *err)
{
    int nx = 0, ny = 0;
    pe_status status = small_int(c, "nx", 1, 0, &nx, err);
    if (status == PE_OK)
        status = small_int(c, "ny", 1, 0, &ny, err);
    if (status == PE_OK && nx && ny) {
        dims->axes = 2;
        dims->grid[0] = nx;
        dims->grid[1] = ny;
    }
    return status;
}

static pe_status read_dims(const pe_case *c, pe_dims *dims, pe_error *err)
{
    *dims = (pe_dims){0};
    pe_status status = read_heads(c, dims, err);
    if (status == PE_OK)
        status = small_int(c, "d", 1, width_of_files(c), &dims->model_dim, err);
    if (status == PE_OK)
        status = small_int(c, "inputs", 1, 1, &dims->axes, err);
    if (status == PE_OK)
        status = read_grid(c, dims, err);
    if (status == PE_OK)
        status = pe_case_int(c, "max_len", 0, &dims->max_len, err);
    if (status == PE_OK && dims->head_dim == 0)
        dims->head_dim = dims->model_dim ? dims->model_dim : 8; /* only offsets are looked at */
    return status;
}

/* ---- masks and positions ---- */

static pe_status read_key_lengths(case_run *run, pe_error *err)
{
    double *list = NULL;
    size_t count = 0;
    case_table file = {0};
    pe_status status = pe_case_list(run->c, "key_lengths", &list, &count, err);
    if (status == PE_OK && !list)
        status = case_read(run, "key_lengths", &file, err);
    const double *lengths = list ? list : file.values;
    count = list ? count : file.count;
    if (status == PE_OK && lengths) {
        run->key_lengths = pe_allocate(count, sizeof *run->key_lengths, "key lengths", err);
        for (size_t b = 0; run->key_lengths && b < count; b++)
            run->key_lengths[b] = (int64_t)lengths[b];
        status = run->key_lengths ? PE_OK : PE_MEMORY;
        run->key_length_count = count;
    }
    pe_release(list);
    case_table_release(&file);
    return status;
}

static pe_status read_job(case_run *run, pe_error *err)
{
    int causal = 0, scaled = 0;
    pe_status status = pe_case_bool(run->c, "causal", 0, &causal, err);
    if (status == PE_OK)
        status = pe_case_bool(run->c, "scale_sqrt_d", 0, &scaled, err);
    if (status == PE_OK)
        status = pe_case_int(run->c, "query_offset", -1, &run->query_offset, err);
    if (status == PE_OK)
        status = pe_case_int(run->c, "padding_idx", -1, &run->padding_id, err);
    /* The first real token stands right after the padding's position (README, sinusoidal): a
     * variant that knows the option does that itself, for any other one the coordinates begin
     * there. */
    const int64_t after_padding = run->padding_id < 0 ? 0 : run->padding_id + 1;
    const int64_t first = variant_has(run->variant, "padding_idx") ? 0 : after_padding;
    if (status == PE_OK)
        status = pe_case_int(run->c, "start_position", first, &run->start, err);
    run->first_position = run->start + after_padding - first;
    if (status == PE_OK)
        status = read_key_lengths(run, err);
    run->causal = causal;
    run->scale_sqrt_d = scaled;
    return status;
}

/* ---- variant and parameters ---- */

/* Some kinds of cases are about a model and name its encoding in the option `position`. */
static pe_status find_variant(case_run *run, pe_error *err)
{
    const char *named = NULL;
    const pe_status status = pe_case_string(run->c, "position", NULL, &named, err);
    if (status != PE_OK)
        return status;
    return pe_registry_find_case(named ? named : pe_case_variant(run->c), &run->variant, err);
}

static bool makes_several(const pe_case *c)
{
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)pe_case_options(c), name, value)
    {
        if (is_list_of_objects(value) || (strcmp(name, "heads") == 0 && json_is_array(value)))
            return true;
    }
    return false;
}

static pe_status set_parameter(case_run *run, int which, pe_error *err)
{
    const pe_param *param = &run->instance->info.param[which];
    case_table table;
    pe_status status = case_read(run, param->name, &table, err);
    if (status != PE_OK)
        return status;
    int64_t shape[PE_SHAPE_RANK];
    for (int a = 0; a < table.rank; a++)
        shape[a] = (int64_t)table.shape[a];
    if (table.values)
        status = pe_instance_set_param(run->instance, which, table.rank, shape, table.count,
                                       table.values, err);
    else if (pe_param_count(param) && !param->frozen && !makes_several(run->c))
        status = pe_fail(err, PE_FORMAT, "%s has no %s.npy, which %s needs", pe_case_name(run->c),
                         param->name, run->variant->id);
    case_table_release(&table);
    return status;
}

static pe_status make_instance(const case_run *run, const pe_dims *dims, const json_t *more,
                               pe_instance **instance, pe_error *err)
{
    setting_list list;
    pe_status status = make_settings(run->c, run->variant, more, &list, err);
    if (status != PE_OK)
        return status;
    status = pe_instance_create(run->variant, dims, list.item, list.count, pe_case_seed(run->c),
                                instance, err);
    release_settings(&list);
    return status;
}

pe_status case_another_instance(const case_run *run, int heads, const json_t *more,
                                pe_instance **instance, pe_error *err)
{
    pe_dims dims = run->instance->dims;
    if (heads) {
        dims.heads = dims.kv_heads = heads;
        dims.model_dim = heads * dims.head_dim;
    }
    return make_instance(run, &dims, more, instance, err);
}

pe_status case_run_begin(const pe_case *c, pe_precision precision, pe_method method, case_run *run,
                         pe_error *err)
{
    *run = (case_run){.c = c, .precision = precision, .method = method};
    pe_dims dims;
    pe_status status = find_variant(run, err);
    if (status == PE_OK)
        status = read_dims(c, &dims, err);
    if (status == PE_OK)
        status = read_job(run, err);
    if (status == PE_OK)
        status = make_instance(run, &dims, NULL, &run->instance, err);
    for (int i = 0; status == PE_OK && i < run->instance->info.param_count; i++)
        status = set_parameter(run, i, err);
    return status;
}

void case_run_release(case_run *run)
{
    pe_instance_release(run->instance);
    pe_release(run->key_lengths);
    for (int i = 0; i < run->result_count; i++)
        pe_release(run->result[i].values);
    *run = (case_run){0};
}
