/* Building jansson values without a check after each step: the maker remembers a failure. */
#ifndef PE_REPORT_MAKE_JSON_H
#define PE_REPORT_MAKE_JSON_H

#include "io/json.h"
#include "plot/buffer.h"

typedef struct pe_maker {
    int failed;
} pe_maker;

json_t *pe_make_object(pe_maker *m);
json_t *pe_make_array(pe_maker *m);
void pe_put(pe_maker *m, json_t *object, const char *key, json_t *value); /* value moves */
void pe_put_text(pe_maker *m, json_t *object, const char *key, const char *text);
void pe_put_number(pe_maker *m, json_t *object, const char *key,
                   double value);                        /* null: not finite */
void pe_push(pe_maker *m, json_t *array, json_t *value); /* value moves */

/* Sorted keys, one blank of indent, a newline at the end; root moves. PE_MEMORY */
pe_status pe_make_text(pe_maker *m, json_t *root, pe_buffer *out, const char *what, pe_error *err);

#endif
