/* Which path is meant. */
#include "precision.h"

#include "io/json.h"

#include <stdio.h>
#include <string.h>

pe_status precision_spectrum(const pe_cli *cli, pe_spectrum *spectrum, pe_error *err)
{
    const int64_t width = pe_cli_int(cli, "width");
    if (width % 2)
        return pe_fail(err, PE_USAGE,
                       "--width is the number of sines and cosines, an even number, not %lld",
                       (long long)width);
    *spectrum = (pe_spectrum){.base = pe_cli_real(cli, "base"),
                              .pairs = (size_t)width / 2,
                              .divisor = pe_cli_given(cli, "divisor") ? pe_cli_real(cli, "divisor")
                                                                      : (double)width};
    return PE_OK;
}

static bool is_step(const char *key)
{
    for (int s = 0; s < PE_STEP_COUNT; s++)
        if (strcmp(key, pe_step_name((pe_step)s)) == 0)
            return true;
    return false;
}

/* "key=value," appended to text; false when it does not fit. */
static bool append(char *text, size_t room, const char *key, const char *value)
{
    const size_t used = strlen(text);
    const int n = snprintf(text + used, room - used, "%s%s=%s", used ? "," : "", key, value);
    return n >= 0 && (size_t)n < room - used;
}

static pe_status from_object(const char *file, json_t *object, pe_formation *path, pe_error *err)
{
    char text[PE_FORMATION_TEXT] = "";
    const char *key, *name = "custom";
    json_t *value;
    if (!json_is_object(object))
        return pe_fail(err, PE_FORMAT, "%s: a path is one object", file);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value) || (!is_step(key) && strcmp(key, "name") != 0))
            return pe_fail(err, PE_FORMAT,
                           "%s: '%s' is not one of the texts name, position, frequency, angle, "
                           "sine, store",
                           file, key);
        if (!is_step(key))
            name = json_string_value(value);
        else if (strchr(json_string_value(value), ',') ||
                 !append(text, sizeof text, key, json_string_value(value)))
            return pe_fail(err, PE_FORMAT, "%s: the value of '%s' is no step", file, key);
    }
    const pe_status status = pe_formation_parse(*text ? text : "position=exact", path, err);
    if (status == PE_OK)
        snprintf(path->name, sizeof path->name, "%s", name);
    return status;
}

pe_status precision_path(const char *word, pe_formation *path, pe_error *err)
{
    const size_t n = strlen(word);
    if (n < 5 || strcmp(word + n - 5, ".json") != 0)
        return pe_formation_parse(word, path, err);
    json_t *object = pe_json_load(word, PE_JSON_MAX_BYTES, err);
    if (!object)
        return err->status;
    const pe_status status = from_object(word, object, path, err);
    json_decref(object);
    return status;
}

pe_status precision_formed(const pe_cli *cli, const char *word, pe_formed *formed, pe_error *err)
{
    pe_formation path;
    pe_spectrum spectrum;
    pe_status status = precision_spectrum(cli, &spectrum, err);
    if (status == PE_OK)
        status = precision_path(word, &path, err);
    return status == PE_OK ? pe_formed_make(&path, &spectrum, formed, err) : status;
}
