/* A result for a terminal: verdicts and tables, in columns. */
#include "plot/utf8.h"
#include "report/report.h"
#include "report/result_data.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { WIDEST = 60 };

static size_t characters(const char *text)
{
    unsigned code;
    size_t n = 0;
    for (size_t step; (step = pe_utf8_next(text, &code)) > 0; text += step)
        n++;
    return n;
}

static void pad(pe_buffer *out, const char *text, size_t width, int right)
{
    size_t have = characters(text), blanks = have < width ? width - have : 0;
    if (!right)
        pe_buffer_text(out, text);
    for (size_t i = 0; i < blanks; i++)
        pe_buffer_text(out, " ");
    if (right)
        pe_buffer_text(out, text);
    pe_buffer_text(out, "  ");
}

static void cell_text(const pe_sheet *sheet, size_t row, size_t column, const char **text,
                      char number[PE_SHOWN_NUMBER])
{
    if (row == 0)
        *text = sheet->column[column].name;
    else
        pe_shown_cell(sheet, row - 1, column, text, number);
}

static size_t column_width(const pe_sheet *sheet, size_t column)
{
    size_t widest = 0;
    for (size_t r = 0; r <= pe_sheet_rows(sheet); r++) {
        char number[PE_SHOWN_NUMBER];
        const char *text;
        cell_text(sheet, r, column, &text, number);
        size_t n = characters(text);
        widest = n > widest ? n : widest;
    }
    return widest < WIDEST ? widest : WIDEST;
}

static void put_sheet(pe_buffer *out, const pe_sheet *sheet)
{
    size_t *width = pe_allocate(sheet->columns, sizeof *width, "table", NULL);
    if (!width) {
        out->status = PE_MEMORY;
        return;
    }
    for (size_t c = 0; c < sheet->columns; c++)
        width[c] = column_width(sheet, c);
    pe_buffer_format(out, "\n%s\n", sheet->caption);
    for (size_t r = 0; r <= pe_sheet_rows(sheet); r++) {
        pe_buffer_text(out, "  ");
        for (size_t c = 0; c < sheet->columns; c++) {
            char number[PE_SHOWN_NUMBER];
            const char *text;
            cell_text(sheet, r, c, &text, number);
            pad(out, text, width[c], !sheet->column[c].is_text);
        }
        pe_buffer_text(out, "\n");
    }
    pe_release(width);
}

static void put_verdict(pe_buffer *out, const pe_verdict_row *v)
{
    char value[PE_SHOWN_NUMBER], expected[PE_SHOWN_NUMBER], tolerance[PE_SHOWN_NUMBER];
    pe_shown_number(v->value, 6, value);
    pe_shown_number(v->expected, 6, expected);
    pe_shown_number(v->tolerance, 3, tolerance);
    pe_buffer_text(out, "  ");
    pad(out, pe_judgement_text(v->judgement), 14, 0);
    pad(out, v->id, 4, 0);
    pad(out, v->variant, 14, 0);
    pe_buffer_format(out, "%s = %s", v->quantity, *value ? value : "?");
    if (*v->unit)
        pe_buffer_format(out, " %s", v->unit);
    if (*expected)
        pe_buffer_format(out, ", expected %s", expected);
    if (*tolerance)
        pe_buffer_format(out, " ± %s", tolerance);
    if (*v->source)
        pe_buffer_format(out, " (%s)", v->source);
    if (*v->because)
        pe_buffer_format(out, ": %s", v->because);
    pe_buffer_text(out, "\n");
}

static void put_block(pe_buffer *out, const pe_section *section, const pe_block *block)
{
    if (block->kind == PE_BLOCK_TABLE)
        put_sheet(out, block->sheet);
    else if (block->kind == PE_BLOCK_NOTE)
        pe_buffer_format(out, "  %s%snot applicable, because %s\n", block->a, *block->a ? ": " : "",
                         block->b);
    else if (block->kind == PE_BLOCK_FIGURE)
        pe_buffer_format(out, "  figure %s: %s\n", pe_figure_id(block->figure),
                         pe_figure_title(block->figure));
    else if (block->kind == PE_BLOCK_VERDICTS)
        for (size_t i = 0; i < section->verdicts; i++)
            put_verdict(out, &section->verdict[i]);
}

pe_status pe_report_text(const pe_result *r, pe_buffer *out, pe_error *err)
{
    pe_status status = pe_result_check(r, err);
    if (status != PE_OK)
        return status;
    pe_buffer_format(out, "%s\n%s\n", r->title, r->question);
    if (*r->finding)
        pe_buffer_format(out, "=> %s\n", r->finding);
    for (size_t s = 0; s < r->sections; s++) {
        pe_buffer_format(out, "\n%s\n", r->section[s]->title);
        for (size_t b = 0; b < r->section[s]->blocks; b++)
            put_block(out, r->section[s], &r->section[s]->block[b]);
    }
    return pe_buffer_check(out, "text", err);
}

pe_status pe_report_drawn(const pe_result *r, pe_buffer *out, pe_error *err)
{
    pe_status status = pe_result_check(r, err);
    for (size_t s = 0; status == PE_OK && s < r->sections; s++)
        for (size_t b = 0; status == PE_OK && b < r->section[s]->blocks; b++)
            if (r->section[s]->block[b].kind == PE_BLOCK_FIGURE) {
                status = pe_figure_render(r->section[s]->block[b].figure, PE_ASCII, out, err);
                pe_buffer_text(out, "\n");
            }
    return status == PE_OK ? pe_buffer_check(out, "drawings", err) : status;
}
