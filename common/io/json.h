/* Small helpers over jansson. Linking this file makes jansson take its memory from base/memory.h,
 * so that the limit, the injected failures and the leak count hold for JSON, too. Values are
 * jansson's: json_incref, json_decref. */
#ifndef PE_IO_JSON_H
#define PE_IO_JSON_H

#include "io/output.h"

#include <jansson.h>

#define PE_JSON_MAX_BYTES ((size_t)1 << 20) /* what programs allow for a configuration */

/* An object or array; a new reference, NULL on failure. Refused besides what is not JSON: a key
 * twice, integers beyond 64 bits, reals beyond double, NUL in a text, invalid UTF-8, anything after
 * the end.
 *   PE_FORMAT  with path:line:column
 *   PE_MEMORY  more than max_bytes, or no memory */
json_t *pe_json_load(const char *path, size_t max_bytes, pe_error *err);
json_t *pe_json_load_memory(const char *text, size_t size, const char *name, pe_error *err);

/* Sorted keys, indented by one blank, %.17g, a newline at the end: the same value gives the same
 * bytes. PE_WRITE as in output.h; PE_MEMORY; PE_USAGE when value is NULL (a construction failed).
 */
pe_status pe_json_write(pe_output *out, const json_t *value, pe_error *err);
pe_status pe_json_save(const char *path, const json_t *value, pe_error *err);

/* A new reference: the number, or null for a NaN or an infinity, which JSON cannot hold. */
json_t *pe_json_real(double value);

/* A new reference to a text; NULL on failure: PE_USAGE when it is not UTF-8, PE_MEMORY. */
json_t *pe_json_text(const char *text, pe_error *err);

/* object[key] = value, moved, also on failure. PE_MEMORY, also when value is NULL (its construction
 * failed); PE_USAGE when the key is not UTF-8. */
pe_status pe_json_set(json_t *object, const char *key, json_t *value, pe_error *err);

#endif
