#include "report/make_json.h"

static json_t *note(pe_maker *m, json_t *value)
{
    m->failed |= !value;
    return value;
}

json_t *pe_make_object(pe_maker *m)
{
    return note(m, json_object());
}

json_t *pe_make_array(pe_maker *m)
{
    return note(m, json_array());
}

void pe_put(pe_maker *m, json_t *object, const char *key, json_t *value)
{
    m->failed |= json_object_set_new(object, key, value) != 0;
}

void pe_put_text(pe_maker *m, json_t *object, const char *key, const char *text)
{
    pe_put(m, object, key, json_string(text));
}

void pe_put_number(pe_maker *m, json_t *object, const char *key, double value)
{
    pe_put(m, object, key, pe_json_real(value));
}

void pe_push(pe_maker *m, json_t *array, json_t *value)
{
    m->failed |= json_array_append_new(array, value) != 0;
}

static int append(const char *bytes, size_t size, void *out)
{
    pe_buffer *buffer = out;
    pe_buffer_append(buffer, bytes, size);
    return buffer->status == PE_OK ? 0 : -1;
}

pe_status pe_make_text(pe_maker *m, json_t *root, pe_buffer *out, const char *what, pe_error *err)
{
    if (!m->failed)
        m->failed =
            json_dump_callback(root, append, out,
                               JSON_SORT_KEYS | JSON_INDENT(1) | JSON_REAL_PRECISION(17)) != 0;
    json_decref(root);
    pe_buffer_text(out, "\n");
    if (m->failed)
        return pe_fail(err, PE_MEMORY, "%s: no memory", what);
    return pe_buffer_check(out, what, err);
}
