/* Results on standard output: the same rows as an aligned table for people or as JSON. */
#ifndef PE_CLI_PRINT_H
#define PE_CLI_PRINT_H

#include "cli/options.h"

#include <jansson.h>
#include <stdio.h>

/* rows: an array of objects (lent). As a table: the given columns in this order, under their names,
 * numbers to the right, texts to the left, lists of texts joined by blanks, null and absent members
 * as "-". As JSON (--json): the whole array.
 *   PE_WRITE   standard output cannot be written; not when its reader has left
 *   PE_MEMORY  rows is NULL: their construction failed */
pe_status pe_print_rows(const pe_cli *cli, const json_t *rows, int columns,
                        const char *const *names, pe_error *err);

/* rows, which is moved, when it has `expected` items; otherwise NULL, for the function above: an
 * item that could not be made for lack of memory must not be missing silently. */
json_t *pe_rows_complete(json_t *rows, size_t expected);

/* One value as JSON; errors as above. */
pe_status pe_print_json(const json_t *value, pe_error *err);

/* The table of pe_print_rows on any stream, for a verb that prints more around it. */
pe_status pe_print_table(FILE *out, const json_t *rows, int columns, const char *const *names,
                         pe_error *err);

/* Text on standard output through one function: `fill` writes to the stream. Errors as above. */
pe_status pe_print_text(void (*fill)(FILE *out, const void *data), const void *data, pe_error *err);

/* Columns that a UTF-8 text takes: characters, not bytes. */
int pe_print_width(const char *text);

/* The same for bytes that are ready. */
pe_status pe_print_bytes(const void *bytes, size_t size, pe_error *err);

/* What a failed write to standard output means: nothing, when it is a pipe whose reader has left
 * ("posenc list | head -1"); otherwise `status`, as it is. */
pe_status pe_print_status(pe_status status);

/* --color, NO_COLOR, TERM and whether standard output is a terminal, in this order. */
bool pe_print_colours(const pe_cli *cli);

/* From now on, words of judgement in tables ("ok", "DIFFERS", ...) are coloured. */
void pe_print_use_colours(bool yes);

#endif
