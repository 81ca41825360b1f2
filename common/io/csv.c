#include "io/csv.h"

#include "base/memory.h"
#include "io/decimal.h"
#include "io/input.h"
#include "io/output.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- writing ---- */

struct pe_csv {
    pe_output *out;
    size_t columns, field, row; /* row 0 is the header */
    int bad;                    /* a row was ragged; the two below say which */
    size_t bad_row, bad_fields;
};

static FILE *next_field(pe_csv *csv)
{
    FILE *stream = pe_output_stream(csv->out);
    if (csv->field++)
        fputc(',', stream);
    return stream;
}

void pe_csv_f64(pe_csv *csv, double value)
{
    char text[PE_DECIMAL_TEXT];
    fputs(pe_f64_text(value, text), next_field(csv));
}

void pe_csv_f32(pe_csv *csv, float value)
{
    char text[PE_DECIMAL_TEXT];
    fputs(pe_f32_text(value, text), next_field(csv));
}

void pe_csv_i64(pe_csv *csv, int64_t value)
{
    fprintf(next_field(csv), "%" PRId64, value);
}

void pe_csv_empty(pe_csv *csv)
{
    next_field(csv);
}

static int needs_quotes(const char *text)
{
    size_t length = strlen(text);
    return strpbrk(text, ",\"\r\n") || text[0] == ' ' || (length && text[length - 1] == ' ');
}

void pe_csv_text(pe_csv *csv, const char *text)
{
    FILE *stream = next_field(csv);
    int quoted = needs_quotes(text);
    if (quoted)
        fputc('"', stream);
    if (*text && strchr("=+-@", *text))
        fputc('\'', stream);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputc('"', stream);
        fputc(*c, stream);
    }
    if (quoted)
        fputc('"', stream);
}

static void check_row(pe_csv *csv)
{
    if (csv->field == csv->columns || csv->bad)
        return;
    csv->bad = 1;
    csv->bad_row = csv->row;
    csv->bad_fields = csv->field;
}

void pe_csv_end_row(pe_csv *csv)
{
    check_row(csv);
    fputc('\n', pe_output_stream(csv->out));
    csv->field = 0;
    csv->row++;
}

pe_csv *pe_csv_begin(const char *path, size_t columns, const char *const *names, pe_error *err)
{
    if (columns == 0) {
        pe_fail(err, PE_USAGE, "%s: a table needs at least one column", path);
        return NULL;
    }
    pe_csv *csv = pe_allocate(1, sizeof *csv, "table", err);
    if (!csv)
        return NULL;
    csv->columns = columns;
    csv->out = pe_output_begin(path, err);
    if (!csv->out) {
        pe_release(csv);
        return NULL;
    }
    for (size_t c = 0; c < columns; c++)
        pe_csv_text(csv, names[c]);
    pe_csv_end_row(csv);
    return csv;
}

pe_status pe_csv_commit(pe_csv *csv, pe_error *err)
{
    pe_status status;
    if (csv->field)
        check_row(csv);
    if (csv->bad || csv->field) {
        status = pe_fail(err, PE_USAGE, "row %zu of a table of %zu columns has %zu fields%s",
                         csv->bad ? csv->bad_row : csv->row, csv->columns,
                         csv->bad ? csv->bad_fields : csv->field, csv->bad ? "" : " and no end");
        pe_output_abandon(csv->out);
    } else {
        status = pe_output_commit(csv->out, err);
    }
    pe_release(csv);
    return status;
}

void pe_csv_abandon(pe_csv *csv)
{
    if (!csv)
        return;
    pe_output_abandon(csv->out);
    pe_release(csv);
}

/* ---- reading ---- */

typedef struct reader {
    const char *name;
    const char *at, *line, *line_end, *next, *end;
    size_t number; /* of the line, from 1 */
    int more;      /* a comma was read: another field follows */
    size_t room;   /* values that fit */
    pe_csv_table table;
    pe_error *err;
} reader;

typedef struct field {
    const char *start, *text; /* text: without the quotes */
    size_t size;
} field;

static pe_status bad(const reader *r, const char *where, const char *what)
{
    return pe_fail(r->err, PE_FORMAT, "%s:%zu:%td: %s", r->name, r->number, where - r->line + 1,
                   what);
}

static pe_status bad_number(const reader *r, const field *f)
{
    return pe_fail(r->err, PE_FORMAT, "%s:%zu:%td: \"%.*s\" is not a number", r->name, r->number,
                   f->start - r->line + 1, (int)(f->size < 40 ? f->size : 40), f->text);
}

static int is_number(const field *f, double *value)
{
    return pe_parse_f64(f->text, f->size, value);
}

/* The closing quote, stepping over doubled ones; NULL when the line ends first. */
static const char *closing_quote(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at != '"')
            continue;
        if (at + 1 == end || at[1] != '"')
            return at;
        at++;
    }
    return NULL;
}

static pe_status take_field(reader *r, field *f)
{
    f->start = f->text = r->at;
    const char *stop;
    if (r->at < r->line_end && *r->at == '"') {
        f->text++;
        stop = closing_quote(f->text, r->line_end);
        if (!stop)
            return bad(r, f->start, "this quote has no end on its line");
        r->at = stop + 1;
    } else {
        stop = memchr(r->at, ',', (size_t)(r->line_end - r->at));
        stop = stop ? stop : r->line_end;
        r->at = stop;
    }
    f->size = (size_t)(stop - f->text);
    if (r->at < r->line_end && *r->at != ',')
        return bad(r, r->at, "a comma is expected after the closing quote");
    if (f->size == 0)
        return bad(r, f->start, "this field is empty");
    r->more = r->at < r->line_end;
    r->at += r->more;
    return PE_OK;
}

/* Steps to the next line; 0 at the end of the file. A CR before the LF belongs to the line end. */
static int next_line(reader *r)
{
    r->line = r->at = r->next;
    if (r->line == r->end)
        return 0;
    const char *stop = memchr(r->line, '\n', (size_t)(r->end - r->line));
    r->line_end = stop ? stop : r->end;
    r->next = stop ? stop + 1 : r->end;
    if (r->line_end > r->line && r->line_end[-1] == '\r')
        r->line_end--;
    r->number++;
    return 1;
}

static pe_status check_line(const reader *r)
{
    if (r->line_end - r->line > PE_CSV_MAX_LINE)
        return bad(r, r->line, "this line is longer than 1 MiB");
    if (r->line == r->line_end)
        return bad(r, r->line, "this line is empty");
    return PE_OK;
}

/* Counts the fields of the first line and how many of them are numbers. */
static pe_status survey(reader *r, size_t *fields, size_t *numbers)
{
    field f, odd = {0};
    double value;
    do {
        pe_status status = take_field(r, &f);
        if (status != PE_OK)
            return status;
        ++*fields;
        if (is_number(&f, &value))
            ++*numbers;
        else if (!odd.start)
            odd = f;
    } while (r->more);
    r->at = r->line;
    if (*numbers && *numbers < *fields)
        return bad_number(r, &odd);
    return PE_OK;
}

static pe_status take_names(reader *r)
{
    pe_csv_table *t = &r->table;
    t->names = pe_allocate(t->columns, sizeof *t->names, "column names", r->err);
    if (!t->names)
        return PE_MEMORY;
    for (size_t c = 0; c < t->columns; c++) {
        field f;
        pe_status status = take_field(r, &f);
        if (status != PE_OK)
            return status;
        if (!(t->names[c] = pe_allocate(f.size + 1, 1, "column name", r->err)))
            return PE_MEMORY;
        size_t used = 0;
        for (size_t i = 0; i < f.size; i++) {
            t->names[c][used++] = f.text[i];
            i += f.start != f.text && f.text[i] == '"'; /* a doubled quote */
        }
    }
    return PE_OK;
}

static pe_status make_room(reader *r)
{
    pe_csv_table *t = &r->table;
    size_t used = t->rows * t->columns;
    if (used + t->columns <= r->room)
        return PE_OK;
    size_t room = 2 * r->room + t->columns;
    double *grown = pe_grow(t->values, used, room, sizeof *grown, "table", r->err);
    if (!grown)
        return PE_MEMORY;
    t->values = grown;
    r->room = room;
    return PE_OK;
}

static pe_status take_row(reader *r)
{
    pe_csv_table *t = &r->table;
    pe_status status = make_room(r);
    r->more = 1;
    for (size_t c = 0; c < t->columns && status == PE_OK; c++) {
        field f = {0};
        double value = 0;
        if (!r->more)
            return bad(r, r->line_end, "this row has fewer fields than the first");
        status = take_field(r, &f);
        if (status == PE_OK && !is_number(&f, &value))
            status = bad_number(r, &f);
        if (status == PE_OK)
            t->values[t->rows * t->columns + c] = value;
        t->nonfinite += isfinite(value) ? 0 : 1;
    }
    if (status == PE_OK && r->more)
        return bad(r, r->at, "this row has more fields than the first");
    t->rows++;
    return status;
}

static pe_status take_first_line(reader *r)
{
    size_t numbers = 0;
    if (!next_line(r))
        return pe_fail(r->err, PE_FORMAT, "%s: is empty", r->name);
    pe_status status = check_line(r);
    if (status == PE_OK)
        status = survey(r, &r->table.columns, &numbers);
    if (status != PE_OK)
        return status;
    return numbers ? take_row(r) : take_names(r);
}

static pe_status take_table(reader *r)
{
    pe_status status = take_first_line(r);
    while (status == PE_OK && next_line(r)) {
        status = check_line(r);
        if (status == PE_OK)
            status = take_row(r);
    }
    if (status == PE_OK && r->table.rows == 0)
        status = pe_fail(r->err, PE_FORMAT, "%s: has a header and no row", r->name);
    return status;
}

pe_status pe_csv_read_memory(const char *bytes, size_t size, const char *name, pe_csv_table *out,
                             pe_error *err)
{
    reader r = {.name = name, .next = bytes, .end = bytes + size, .err = err};
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        r.next += 3;
    pe_status status = take_table(&r);
    if (status == PE_OK)
        *out = r.table;
    else
        pe_csv_table_release(&r.table);
    return status;
}

pe_status pe_csv_read(const char *path, size_t max_bytes, pe_csv_table *out, pe_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    pe_status status = pe_input_load(path, max_bytes, &bytes, &size, err);
    if (status != PE_OK)
        return status;
    status = pe_csv_read_memory(bytes, size, path, out, err);
    pe_release(bytes);
    return status;
}

void pe_csv_table_release(pe_csv_table *table)
{
    if (!table)
        return;
    for (size_t c = 0; table->names && c < table->columns; c++)
        pe_release(table->names[c]);
    pe_release(table->names);
    pe_release(table->values);
    memset(table, 0, sizeof *table);
}
