#include "io/json.h"

#include "base/memory.h"
#include "io/input.h"

#include <math.h>
#include <string.h>

/* jansson 2.14 ignores a refused block in places (lexer, string buffer); whether one was refused
 * while a text was parsed is therefore remembered here. */
static _Thread_local int memory_refused;

static void *json_block(size_t size)
{
    void *block = pe_allocate(size, 1, "JSON", NULL);
    memory_refused |= !block;
    return block;
}

__attribute__((constructor)) static void use_our_memory(void)
{
    json_set_alloc_funcs(json_block, pe_release);
}

json_t *pe_json_load_memory(const char *text, size_t size, const char *name, pe_error *err)
{
    json_error_t error;
    memory_refused = 0;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (memory_refused) {
        json_decref(value);
        pe_fail(err, PE_MEMORY, "%s: no memory to read it", name);
        return NULL;
    }
    if (!value)
        pe_fail(err, PE_FORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);
    return value;
}

json_t *pe_json_load(const char *path, size_t max_bytes, pe_error *err)
{
    char *text = NULL;
    size_t size = 0;
    if (pe_input_load(path, max_bytes, &text, &size, err) != PE_OK)
        return NULL;
    json_t *value = pe_json_load_memory(text, size, path, err);
    pe_release(text);
    return value;
}

pe_status pe_json_write(pe_output *out, const json_t *value, pe_error *err)
{
    if (!value)
        return pe_fail(err, PE_MEMORY, "there is no JSON value to write: no memory to make it");
    memory_refused = 0;
    int bad = json_dumpf(value, pe_output_stream(out),
                         JSON_SORT_KEYS | JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    if (memory_refused)
        return pe_fail(err, PE_MEMORY, "no memory to write JSON");
    pe_status status = pe_output_write(out, "\n", 1, err);
    if (status == PE_OK && bad)
        status =
            pe_fail(err, PE_USAGE, "this JSON value refers to itself or is no object or array");
    return status;
}

pe_status pe_json_save(const char *path, const json_t *value, pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err->status;
    pe_status status = pe_json_write(out, value, err);
    if (status == PE_OK)
        return pe_output_commit(out, err);
    pe_output_abandon(out);
    return status;
}

json_t *pe_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *pe_json_text(const char *text, pe_error *err)
{
    memory_refused = 0;
    json_t *value = json_string(text);
    if (!value && memory_refused)
        pe_fail(err, PE_MEMORY, "no memory for a text of %zu bytes", strlen(text));
    else if (!value)
        pe_fail(err, PE_USAGE, "\"%.100s\": is not UTF-8, which JSON must be", text);
    return value;
}

pe_status pe_json_set(json_t *object, const char *key, json_t *value, pe_error *err)
{
    if (!value)
        return pe_fail(err, PE_MEMORY, "\"%.100s\": no memory to make its value", key);
    memory_refused = 0;
    if (json_object_set_new(object, key, value) == 0)
        return PE_OK;
    if (memory_refused)
        return pe_fail(err, PE_MEMORY, "\"%.100s\": no memory to store it", key);
    return pe_fail(err, PE_USAGE, "\"%.100s\": a key must be UTF-8", key);
}
