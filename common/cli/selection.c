#include "cli/selection.h"

#include "base/memory.h"
#include "base/names.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "numbers/format.h"
#include "registry/registry.h"

#include <string.h>

static const pe_cli_option variant_options[] = {
    {"variant", 'v', PE_CLI_TEXT, "ID[:option=value,...]", NULL, 0, 0, true,
     "the encoding; 'all' for every one"},
};
const pe_cli_group pe_cli_variant = PE_CLI_GROUP("Variant", variant_options);

static const pe_cli_option selection_options[] = {
    {"option", 'O', PE_CLI_TEXT, "NAME=VALUE", NULL, 0, 0, true, "an option of the variant"},
    {"param", 'P', PE_CLI_TEXT, "NAME=FILE[:TENSOR]", NULL, 0, 0, true,
     "load a parameter from FILE.npy or from a tensor of FILE.safetensors"},
    {"format", 0, PE_CLI_TEXT, "PLACE=FORMAT", NULL, 0, 0, true,
     "round to a storage format at a place: table=bf16"},
    {"positions", 0, PE_CLI_TEXT, "ID[:option=value,...]", NULL, 0, 0, false,
     "a position map that comes before the encoding"},
};
const pe_cli_group pe_cli_selection = PE_CLI_GROUP("What is computed", selection_options);

static const pe_cli_option dims_options[] = {
    {"width", 'd', PE_CLI_INT, "N", "64", 1, 1 << 20, false, "width of the model, d_model"},
    {"heads", 'H', PE_CLI_INT, "N", "1", 1, 4096, false, "query heads"},
    {"kv-heads", 0, PE_CLI_INT, "N", "0", 0, 4096, false, "key and value heads; 0: as many"},
    {"head-dim", 'D', PE_CLI_INT, "N", "0", 0, 1 << 16, false,
     "width of one head; 0: width / heads"},
    {"axes", 0, PE_CLI_INT, "N", "1", 1, PE_MAX_AXES, false, "numbers in one position"},
    {"max-len", 0, PE_CLI_INT, "N", "512", 0, 1073741824.0, false, "training length in tokens"},
};
const pe_cli_group pe_cli_dims = PE_CLI_GROUP("Dimensions", dims_options);

/* ---- ID:name=value,name=value ---- */

/* Where the next setting begins: after the comma that is followed by a name and '='. */
static char *next_setting(char *from)
{
    for (char *comma = strchr(from, ','); comma; comma = strchr(comma + 1, ',')) {
        const size_t name = strcspn(comma + 1, ",=");
        if (comma[1 + name] == '=')
            return comma;
    }
    return NULL;
}

static pe_status add_setting(pe_choice *choice, char *text, pe_error *err)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return pe_fail(err, PE_USAGE, "'%s' is not name=value", text);
    *equals = 0;
    choice->settings[choice->setting_count].name = text;
    choice->settings[choice->setting_count++].text = equals + 1;
    return PE_OK;
}

/* Text of everything in one block, pieces separated by NUL: the words point into it. */
static char *join(const char *text, int count, const char *const *more, pe_error *err)
{
    size_t size = strlen(text) + 1;
    for (int i = 0; i < count; i++)
        size += strlen(more[i]) + 1;
    char *block = pe_allocate(size, 1, "settings", err), *at = block;
    if (!block)
        return NULL;
    memcpy(at, text, strlen(text));
    at += strlen(text) + 1;
    for (int i = 0; i < count; i++) {
        memcpy(at, more[i], strlen(more[i]));
        at += strlen(more[i]) + 1;
    }
    return block;
}

static int most_settings(const char *text, int count)
{
    int most = count + 1;
    for (; *text; text++)
        most += *text == '=';
    return most;
}

static pe_status cut(pe_choice *choice, int count, pe_error *err)
{
    char *end = choice->text + strlen(choice->text), *at = strchr(choice->text, ':');
    if (at)
        *at++ = 0;
    pe_status status = pe_registry_find(choice->text, &choice->variant, err);
    while (status == PE_OK && at && *at) {
        char *comma = next_setting(at);
        if (comma)
            *comma = 0;
        status = add_setting(choice, at, err);
        at = comma ? comma + 1 : NULL;
    }
    for (int i = 0; status == PE_OK && i < count; i++) {
        char *more = end + 1;
        end = more + strlen(more);
        status = add_setting(choice, more, err);
    }
    return status;
}

pe_status pe_choice_parse(const char *text, int count, const char *const *more, pe_choice *choice,
                          pe_error *err)
{
    *choice = (pe_choice){0};
    choice->text = join(text, count, more, err);
    choice->settings = choice->text ? pe_allocate((size_t)most_settings(text, count),
                                                  sizeof *choice->settings, "settings", err)
                                    : NULL;
    const pe_status status = choice->settings ? cut(choice, count, err) : PE_MEMORY;
    if (status != PE_OK)
        pe_choice_release(choice);
    return status;
}

void pe_choice_release(pe_choice *choice)
{
    pe_release(choice->text);
    pe_release(choice->settings);
    *choice = (pe_choice){0};
}

/* ---- dims ---- */

pe_status pe_cli_read_dims(const pe_cli *cli, pe_dims *dims, pe_error *err)
{
    *dims = (pe_dims){
        .heads = (int)pe_cli_int(cli, "heads"),
        .kv_heads = (int)pe_cli_int(cli, "kv-heads"),
        .head_dim = (int)pe_cli_int(cli, "head-dim"),
        .model_dim = (int)pe_cli_int(cli, "width"),
        .axes = (int)pe_cli_int(cli, "axes"),
        .max_len = pe_cli_int(cli, "max-len"),
    };
    if (dims->head_dim == 0 && dims->model_dim % dims->heads != 0)
        return pe_fail(err, PE_USAGE, "%d heads do not divide a width of %d: give --head-dim",
                       dims->heads, dims->model_dim);
    if (dims->head_dim == 0)
        dims->head_dim = dims->model_dim / dims->heads;
    return PE_OK;
}

/* ---- parameters from files ---- */

static pe_status read_table(const char *path, pe_tensor *tensor, pe_error *err)
{
    static const char mark[] = ".safetensors:";
    const char *colon = strstr(path, mark);
    if (!colon)
        return pe_npy_read(path, PE_NPY_MAX_BYTES, tensor, err);
    const char *name = colon + sizeof mark - 1;
    char *file_name = pe_copy_text(path, "a file name", err);
    if (!file_name)
        return PE_MEMORY;
    file_name[name - 1 - path] = 0;
    pe_safetensors *file = NULL;
    pe_status status = pe_safetensors_open(file_name, &file, err);
    if (status == PE_OK)
        status = pe_safetensors_read(file, name, PE_NPY_MAX_BYTES, tensor, err);
    pe_safetensors_close(file);
    pe_release(file_name);
    return status;
}

static pe_status set_table(pe_instance *instance, int which, const char *path,
                           const pe_tensor *tensor, pe_error *err)
{
    double *values = NULL;
    size_t nonfinite = 0;
    pe_status status = pe_tensor_as_doubles(tensor, path, &values, &nonfinite, err);
    if (status == PE_OK && nonfinite)
        status = pe_fail(err, PE_FORMAT, "%s: %zu of %zu numbers are not finite", path, nonfinite,
                         tensor->count);
    if (status == PE_OK) {
        int64_t shape[PE_SHAPE_RANK];
        for (int a = 0; a < tensor->rank; a++)
            shape[a] = (int64_t)tensor->shape[a];
        status =
            pe_instance_set_param(instance, which, tensor->rank, shape, tensor->count, values, err);
    }
    pe_release(values);
    return status;
}

static pe_status unknown_param(const pe_instance *instance, const char *name, pe_error *err)
{
    const char *known[PE_MAX_PARAMS];
    const int count = instance->info.param_count;
    for (int i = 0; i < count; i++)
        known[i] = instance->info.param[i].name;
    const char *near = count ? pe_nearest_name(name, (size_t)count, known) : NULL;
    return pe_fail(err, PE_USAGE, "%s has no parameter '%s'%s%s%s", instance->variant->id, name,
                   near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

pe_status pe_load_param(pe_instance *instance, const char *text, pe_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return pe_fail(err, PE_USAGE, "--param needs NAME=FILE, not '%s'", text);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    const int which = pe_instance_param(instance, name);
    if (which == PE_NONE)
        return unknown_param(instance, name, err);
    pe_tensor tensor = {0};
    pe_status status = read_table(equals + 1, &tensor, err);
    if (status == PE_OK)
        status = set_table(instance, which, equals + 1, &tensor, err);
    pe_tensor_release(&tensor);
    return status;
}

/* ---- storage formats ---- */

static const char *const place_names[PE_PLACE_COUNT] = {
    [PE_AT_POSITION] = "position", [PE_AT_FREQUENCY] = "frequency", [PE_AT_PHASE] = "phase",
    [PE_AT_TABLE] = "table",       [PE_AT_PARAMETER] = "parameter", [PE_AT_CODE] = "code",
    [PE_AT_ROWS] = "rows",         [PE_AT_QUERY] = "query",         [PE_AT_KEY] = "key",
    [PE_AT_VALUE] = "value",       [PE_AT_LOGITS] = "logits",       [PE_AT_WEIGHTS] = "weights",
    [PE_AT_OUTPUT] = "output",
};

const char *pe_place_name(pe_place place)
{
    return place_names[place];
}

static pe_status find_name(const char *what, const char *name, int count, const char *const *known,
                           int *at, pe_error *err)
{
    for (*at = 0; *at < count; ++*at)
        if (strcmp(known[*at], name) == 0)
            return PE_OK;
    const char *near = pe_nearest_name(name, (size_t)count, known);
    char list[256] = "";
    for (int i = 0; !near && i < count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, " %s", known[i]);
    }
    return pe_fail(err, PE_USAGE, "unknown %s '%s': %s%s%s", what, name,
                   near ? "did you mean '" : "choose one of", near ? near : list, near ? "'?" : "");
}

pe_status pe_apply_format(pe_instance *instance, const char *text, pe_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return pe_fail(err, PE_USAGE, "--format needs PLACE=FORMAT, not '%s'", text);
    char place_name[32];
    snprintf(place_name, sizeof place_name, "%.*s", (int)(equals - text), text);
    const char *formats[PE_FORMAT_COUNT];
    for (int f = 0; f < PE_FORMAT_COUNT; f++)
        formats[f] = pe_format_name((pe_format)f);
    int place, format;
    pe_status status = find_name("place", place_name, PE_PLACE_COUNT, place_names, &place, err);
    if (status == PE_OK)
        status = find_name("format", equals + 1, PE_FORMAT_COUNT, formats, &format, err);
    if (status == PE_OK)
        status = pe_instance_set_format(instance, (pe_place)place, (pe_format)format, err);
    return status;
}

/* ---- instances ---- */

static int count_given(const pe_cli *cli, const char *name)
{
    int count = 0;
    while (pe_cli_each(cli, name, count))
        count++;
    return count;
}

static pe_status parse_with_options(const pe_cli *cli, const char *text, pe_choice *choice,
                                    pe_error *err)
{
    const int count = count_given(cli, "option");
    const char **more = pe_allocate((size_t)count, sizeof *more, "options", err);
    if (!more)
        return PE_MEMORY;
    for (int i = 0; i < count; i++)
        more[i] = pe_cli_each(cli, "option", i);
    const pe_status status = pe_choice_parse(text, count, more, choice, err);
    pe_release(more);
    return status;
}

static pe_status dress(const pe_cli *cli, pe_instance *instance, pe_error *err)
{
    pe_status status = PE_OK;
    const char *text;
    for (int i = 0; status == PE_OK && (text = pe_cli_each(cli, "param", i)); i++)
        status = pe_load_param(instance, text, err);
    for (int i = 0; status == PE_OK && (text = pe_cli_each(cli, "format", i)); i++)
        status = pe_apply_format(instance, text, err);
    return status;
}

pe_status pe_cli_instance(const pe_cli *cli, const char *text, const pe_dims *dims,
                          pe_instance **instance, pe_error *err)
{
    pe_choice choice;
    pe_status status = parse_with_options(cli, text, &choice, err);
    if (status != PE_OK)
        return status;
    status = pe_instance_create(choice.variant, dims, choice.settings, choice.setting_count,
                                (uint64_t)pe_cli_int(cli, "seed"), instance, err);
    pe_choice_release(&choice);
    if (status != PE_OK)
        return status;
    status = dress(cli, *instance, err);
    if (status != PE_OK) {
        pe_instance_release(*instance);
        *instance = NULL;
    }
    return status;
}

pe_status pe_cli_position_map(const pe_cli *cli, const pe_dims *dims, pe_instance **map,
                              pe_error *err)
{
    *map = NULL;
    const char *text = pe_cli_text(cli, "positions");
    if (!text)
        return PE_OK;
    pe_choice choice;
    pe_error own = {0};
    pe_status status = pe_choice_parse(text, 0, NULL, &choice, &own);
    if (status != PE_OK)
        return pe_fail(err, status, "--positions: %s", own.text);
    if (!choice.variant->positions)
        status = pe_fail(err, PE_USAGE, "%s is no position map: it leaves positions as they are",
                         choice.variant->id);
    else
        status = pe_instance_create(choice.variant, dims, choice.settings, choice.setting_count,
                                    (uint64_t)pe_cli_int(cli, "seed"), map, err);
    pe_choice_release(&choice);
    return status;
}
