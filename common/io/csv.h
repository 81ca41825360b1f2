/* Comma-separated values (RFC 4180): numbers that read back to the same bits, in every locale. */
#ifndef PE_IO_CSV_H
#define PE_IO_CSV_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define PE_CSV_MAX_BYTES ((size_t)1 << 30)
enum { PE_CSV_MAX_LINE = 1 << 20 }; /* bytes */

/* ---- writing ---- */

/* A table being written: first the header row, then one field after the other. Errors wait for
 * pe_csv_commit, so the calls in between need no checking. */
typedef struct pe_csv pe_csv;

/* Starts the file (output.h says how it is written; "-" is standard output) and writes the header
 * row. NULL on failure: PE_WRITE, PE_MEMORY, or PE_USAGE for no column at all. */
pe_csv *pe_csv_begin(const char *path, size_t columns, const char *const *names, pe_error *err);

void pe_csv_f64(pe_csv *csv, double value); /* %.17g */
void pe_csv_f32(pe_csv *csv, float value);  /* %.9g */
void pe_csv_i64(pe_csv *csv, int64_t value);
void pe_csv_empty(pe_csv *csv);

/* Quoted where needed. Text that begins with = + - or @ gets a leading ' so that no spreadsheet
 * takes it for a formula. */
void pe_csv_text(pe_csv *csv, const char *text);
void pe_csv_end_row(pe_csv *csv);

/* Ends csv either way. PE_USAGE when a row had too few or too many fields (the first such row is
 * named and nothing is written), PE_WRITE as in output.h. */
pe_status pe_csv_commit(pe_csv *csv, pe_error *err);
void pe_csv_abandon(pe_csv *csv); /* NULL does nothing */

/* ---- reading ---- */

typedef struct pe_csv_table {
    size_t rows, columns;
    char **names;   /* columns names as they stand in the file; NULL without a header row */
    double *values; /* (rows, columns) */
    size_t nonfinite;
} pe_csv_table;

/* A table of numbers, owned by *out (pe_csv_table_release). The first row is a header when none of
 * its fields is a number. A byte order mark, CRLF line ends and quotes are understood; an empty
 * field, a ragged row, an empty line, blanks around a number or a line over 1 MiB are not, and the
 * sentence names path:line:column (columns count bytes, from 1).
 *   PE_FORMAT  not readable or not such a table, or a header without any row
 *   PE_MEMORY  more than max_bytes, or no memory */
pe_status pe_csv_read(const char *path, size_t max_bytes, pe_csv_table *out, pe_error *err);
pe_status pe_csv_read_memory(const char *bytes, size_t size, const char *name, pe_csv_table *out,
                             pe_error *err);
void pe_csv_table_release(pe_csv_table *table);

#endif
