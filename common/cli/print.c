#include "cli/print.h"

#include "base/memory.h"
#include "io/json.h"
#include "io/output.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL = 512 };

/* ---- standard output ---- */

static bool reader_has_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

pe_status pe_print_status(pe_status status)
{
    return status == PE_WRITE && reader_has_left() ? PE_OK : status;
}

pe_status pe_print_text(void (*fill)(FILE *out, const void *data), const void *data, pe_error *err)
{
    pe_output *out = pe_output_begin("-", err);
    if (!out)
        return pe_print_status(PE_WRITE);
    fill(pe_output_stream(out), data);
    return pe_print_status(pe_output_commit(out, err));
}

pe_status pe_print_bytes(const void *bytes, size_t size, pe_error *err)
{
    pe_output *out = pe_output_begin("-", err);
    if (!out)
        return pe_print_status(PE_WRITE);
    pe_output_write(out, bytes, size, NULL);
    return pe_print_status(pe_output_commit(out, err));
}

pe_status pe_print_json(const json_t *value, pe_error *err)
{
    if (!value)
        return pe_fail(err, PE_MEMORY, "no memory for the results");
    return pe_print_status(pe_json_save("-", value, err));
}

bool pe_print_colours(const pe_cli *cli)
{
    enum { AUTO, ALWAYS };
    const int choice = pe_cli_choice(cli, "color");
    if (choice != AUTO)
        return choice == ALWAYS;
    const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");
    return !(refused && *refused) && terminal && strcmp(terminal, "dumb") != 0 &&
           isatty(STDOUT_FILENO);
}

/* ---- tables ---- */

static void join_texts(const json_t *list, char cell[CELL])
{
    size_t at, used = 0;
    const json_t *item;
    cell[0] = 0;
    json_array_foreach((json_t *)list, at, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "?";
        const int n = snprintf(cell + used, CELL - used, "%s%s", at ? " " : "", text);
        used = used + (size_t)n < CELL ? used + (size_t)n : CELL - 1;
    }
    if (!used)
        strcpy(cell, "-");
}

static void cell_text(const json_t *value, char cell[CELL])
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING:
        snprintf(cell, CELL, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        snprintf(cell, CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(cell, CELL, "%.6g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        strcpy(cell, json_is_true(value) ? "yes" : "no");
        break;
    case JSON_ARRAY:
        join_texts(value, cell);
        break;
    default:
        strcpy(cell, "-");
    }
}

int pe_print_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void measure(const json_t *rows, int columns, const char *const *names, int *width)
{
    char cell[CELL];
    size_t at;
    const json_t *row;
    for (int c = 0; c < columns; c++)
        width[c] = pe_print_width(names[c]);
    json_array_foreach((json_t *)rows, at, row)
    {
        for (int c = 0; c < columns; c++) {
            cell_text(json_object_get(row, names[c]), cell);
            const int w = pe_print_width(cell);
            width[c] = w > width[c] ? w : width[c];
        }
    }
}

static bool in_colour;

void pe_print_use_colours(bool yes)
{
    in_colour = yes;
}

/* Green for what is well, red for what is not; other words keep the terminal's colour. */
static const char *colour_of(const char *text)
{
    static const char *const good[] = {"ok", "same", "pass", "held", "PASS"};
    static const char *const bad[] = {"missing", "DIFFERS", "fail", "BROKEN", "FAIL"};
    for (size_t i = 0; in_colour && i < sizeof good / sizeof good[0]; i++) {
        if (strcmp(text, good[i]) == 0)
            return "\033[32m";
        if (strcmp(text, bad[i]) == 0)
            return "\033[31m";
    }
    return NULL;
}

static void print_cell(FILE *out, const char *text, int width, bool right, bool last)
{
    const int blanks = width - pe_print_width(text);
    const char *colour = colour_of(text);
    const char *on = colour ? colour : "", *off = colour ? "\033[0m" : "";
    if (right)
        fprintf(out, "%*s%s%s%s", blanks, "", on, text, off);
    else
        fprintf(out, "%s%s%s%*s", on, text, off, last ? 0 : blanks, "");
    fputs(last ? "\n" : "  ", out);
}

pe_status pe_print_table(FILE *out, const json_t *rows, int columns, const char *const *names,
                         pe_error *err)
{
    int *width = pe_allocate((size_t)columns, sizeof *width, "the widths of a table", err);
    if (!width)
        return PE_MEMORY;
    measure(rows, columns, names, width);
    const json_t *first = json_array_get(rows, 0), *row;
    for (int c = 0; c < columns; c++)
        print_cell(out, names[c], width[c], json_is_number(json_object_get(first, names[c])),
                   c == columns - 1);
    size_t at;
    char cell[CELL];
    json_array_foreach((json_t *)rows, at, row)
    {
        for (int c = 0; c < columns; c++) {
            const json_t *value = json_object_get(row, names[c]);
            cell_text(value, cell);
            print_cell(out, cell, width[c], json_is_number(value), c == columns - 1);
        }
    }
    pe_release(width);
    return PE_OK;
}

json_t *pe_rows_complete(json_t *rows, size_t expected)
{
    if (rows && json_array_size(rows) == expected)
        return rows;
    json_decref(rows);
    return NULL;
}

static pe_status print_rows_as_table(const json_t *rows, int columns, const char *const *names,
                                     pe_error *err)
{
    pe_output *out = pe_output_begin("-", err);
    if (!out)
        return pe_print_status(PE_WRITE);
    const pe_status status = pe_print_table(pe_output_stream(out), rows, columns, names, err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    return pe_print_status(pe_output_commit(out, err));
}

pe_status pe_print_rows(const pe_cli *cli, const json_t *rows, int columns,
                        const char *const *names, pe_error *err)
{
    if (!rows)
        return pe_fail(err, PE_MEMORY, "no memory for the results");
    if (pe_cli_flag(cli, "json"))
        return pe_print_json(rows, err);
    return print_rows_as_table(rows, columns, names, err);
}
