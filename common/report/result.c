#include "report/result_data.h"

#include "base/clock.h"
#include "base/memory.h"
#include "plot/axis.h"
#include "plot/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_ID = 64, MOST_TEXT = 1 << 16 };

/* ---- errors and copies ---- */

static int is_well(const pe_result *result)
{
    return result && result->error.status == PE_OK;
}

/* Copies of text: NULL is "". The sentence of a refusal waits in the result. */
static char *copy_text(pe_result *result, const char *text, const char *what)
{
    if (!is_well(result))
        return NULL;
    if (!text)
        text = "";
    if (strnlen(text, MOST_TEXT) == MOST_TEXT) {
        pe_fail(&result->error, PE_USAGE, "%s: a text of over %d bytes", what, MOST_TEXT);
        return NULL;
    }
    if (pe_utf8_check(text, what, &result->error) != PE_OK)
        return NULL;
    return pe_copy_text(text, what, &result->error);
}

static void replace_text(pe_result *result, char **place, const char *text, const char *what)
{
    char *copy = copy_text(result, text, what);
    if (!copy)
        return;
    pe_release(*place);
    *place = copy;
}

/* One more element at the end of an array, all zero. */
static void *add_element(pe_result *result, void *array, size_t *count, size_t size,
                         const char *what)
{
    void *grown = pe_grow(array, *count, *count + 1, size, what, &result->error);
    if (grown)
        (*count)++;
    return grown;
}

static void check_id(pe_result *result, const char *id, int for_folder)
{
    size_t length = strnlen(id, LONGEST_ID + 1);
    int good = length > 0 && length <= LONGEST_ID && isalnum((unsigned char)id[0]);
    for (size_t i = 0; good && i < length; i++)
        good = for_folder ? islower((unsigned char)id[i]) || (i && isdigit((unsigned char)id[i])) ||
                                (i && id[i] == '_')
                          : isalnum((unsigned char)id[i]) || strchr("_-", id[i]) != NULL;
    if (!good)
        pe_fail(&result->error, PE_USAGE, "id '%.70s': wanted 1 to %d of %s", id, LONGEST_ID,
                for_folder ? "a-z, 0-9 and _, a letter first"
                           : "A-Z, a-z, 0-9, _ and -, a letter or digit first");
}

/* ---- life ---- */

pe_result *pe_result_new(const char *id, const char *title, const char *question, pe_error *err)
{
    pe_result *result = pe_allocate(1, sizeof *result, "result", err);
    if (!result)
        return NULL;
    result->began = pe_seconds();
    char **empty[] = {&result->finding,   &result->command, &result->version,
                      &result->precision, &result->blas,    &result->compiler};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
        replace_text(result, empty[i], "", "result");
    replace_text(result, &result->id, id, "result id");
    replace_text(result, &result->title, title, "title");
    replace_text(result, &result->question, question, "question");
    if (is_well(result))
        check_id(result, result->id, 1);
    if (result->error.status == PE_MEMORY) {
        pe_fail(err, PE_MEMORY, "%s", result->error.text);
        pe_result_release(result);
        return NULL;
    }
    return result;
}

static void release_sheet(pe_sheet *sheet)
{
    if (!sheet)
        return;
    for (size_t i = 0; i < sheet->columns; i++) {
        pe_release(sheet->column[i].name);
        pe_release(sheet->column[i].unit);
    }
    for (size_t i = 0; i < sheet->cells; i++)
        pe_release(sheet->cell[i].text);
    pe_release(sheet->column);
    pe_release(sheet->cell);
    pe_release(sheet->id);
    pe_release(sheet->caption);
    pe_release(sheet);
}

static void release_block(pe_block *block)
{
    pe_release(block->a);
    pe_release(block->b);
    pe_figure_release(block->figure);
    release_sheet(block->sheet);
    for (size_t i = 0; i < block->numbers; i++)
        pe_release(block->number[i].name);
    pe_release(block->number);
    for (size_t i = 0; i < block->arguments; i++)
        pe_release(block->argument[i]);
    pe_release(block->argument);
}

static void release_verdict(pe_verdict_row *row)
{
    char *texts[] = {row->id, row->variant, row->quantity, row->unit, row->source, row->because};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pe_release(texts[i]);
}

static void release_section(pe_section *section)
{
    for (size_t i = 0; i < section->blocks; i++)
        release_block(&section->block[i]);
    for (size_t i = 0; i < section->verdicts; i++)
        release_verdict(&section->verdict[i]);
    pe_release(section->block);
    pe_release(section->verdict);
    pe_release(section->title);
    pe_release(section);
}

void pe_result_release(pe_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->sections; i++)
        release_section(result->section[i]);
    pe_release(result->section);
    for (size_t i = 0; i < result->parameters; i++) {
        pe_release(result->parameter[i].name);
        pe_release(result->parameter[i].value);
        pe_release(result->parameter[i].meaning);
    }
    pe_release(result->parameter);
    char *texts[] = {result->id,        result->title,   result->question,
                     result->finding,   result->command, result->version,
                     result->precision, result->blas,    result->compiler};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pe_release(texts[i]);
    pe_release(result);
}

/* ---- the head ---- */

void pe_result_finding(pe_result *result, const char *sentence)
{
    if (result)
        replace_text(result, &result->finding, sentence, "finding");
}

void pe_result_facts(pe_result *result, const pe_run_facts *facts)
{
    if (!result)
        return;
    replace_text(result, &result->command, facts->command, "command line");
    replace_text(result, &result->version, facts->version, "version");
    replace_text(result, &result->precision, facts->precision, "precision");
    replace_text(result, &result->blas, facts->blas, "BLAS");
    replace_text(result, &result->compiler, facts->compiler, "compiler");
    result->seed = facts->seed;
    result->threads = facts->threads;
    result->has_facts = 1;
}

void pe_result_parameter(pe_result *result, const char *name, const char *value,
                         const char *meaning)
{
    if (!is_well(result))
        return;
    pe_parameter *grown =
        add_element(result, result->parameter, &result->parameters, sizeof *grown, "parameter");
    if (!grown)
        return;
    result->parameter = grown;
    pe_parameter *p = &grown[result->parameters - 1];
    p->name = copy_text(result, name, "parameter");
    p->value = copy_text(result, value, "parameter");
    p->meaning = copy_text(result, meaning, "parameter");
}

pe_section *pe_result_section(pe_result *result, const char *title)
{
    if (!is_well(result))
        return NULL;
    pe_section *section = pe_allocate(1, sizeof *section, "section", &result->error);
    pe_section **grown =
        section ? add_element(result, result->section, &result->sections, sizeof *grown, "section")
                : NULL;
    if (!grown) {
        pe_release(section);
        return NULL;
    }
    result->section = grown;
    grown[result->sections - 1] = section;
    section->result = result;
    section->title = copy_text(result, title, "section title");
    return section;
}

/* ---- blocks ---- */

static pe_block *add_block(pe_section *section, pe_block_kind kind, const char *a, const char *b)
{
    if (!section || !is_well(section->result))
        return NULL;
    pe_block *grown =
        add_element(section->result, section->block, &section->blocks, sizeof *grown, "section");
    if (!grown)
        return NULL;
    section->block = grown;
    pe_block *block = &grown[section->blocks - 1];
    block->kind = kind;
    block->a = copy_text(section->result, a, "text of a section");
    block->b = copy_text(section->result, b, "text of a section");
    return is_well(section->result) ? block : NULL;
}

void pe_section_paragraph(pe_section *section, const char *text)
{
    add_block(section, PE_BLOCK_PARAGRAPH, text, NULL);
}

void pe_section_formula(pe_section *section, const char *tex, const char *where)
{
    add_block(section, PE_BLOCK_FORMULA, tex, where);
}

void pe_section_not_applicable(pe_section *section, const char *variant, const char *because)
{
    add_block(section, PE_BLOCK_NOTE, variant, because);
}

void pe_section_figure(pe_section *section, pe_figure *figure)
{
    pe_error why = {0};
    pe_status status = pe_figure_check(figure, &why);
    if (status == PE_DIFFERS) /* a variant without one finite value is a finding, not our mistake */
        add_block(section, PE_BLOCK_NOTE, NULL, why.text);
    pe_block *block = status == PE_OK ? add_block(section, PE_BLOCK_FIGURE, NULL, NULL) : NULL;
    if (block)
        block->figure = figure;
    else
        pe_figure_release(figure);
    if (status != PE_OK && status != PE_DIFFERS && section && is_well(section->result))
        pe_fail(&section->result->error, status, "%s", why.text);
}

/* ---- tables ---- */

static void copy_columns(pe_sheet *sheet, size_t columns, const pe_sheet_column *column)
{
    pe_result *result = sheet->result;
    sheet->column = pe_allocate(columns, sizeof *sheet->column, "table", &result->error);
    if (!sheet->column)
        return;
    sheet->columns = columns;
    for (size_t i = 0; i < columns; i++) {
        sheet->column[i].name = copy_text(result, column[i].name, "column name");
        sheet->column[i].unit = copy_text(result, column[i].unit, "unit");
        sheet->column[i].is_text = column[i].is_text;
        sheet->column[i].digits = column[i].digits;
    }
}

pe_sheet *pe_section_table(pe_section *section, const char *id, const char *caption, size_t columns,
                           const pe_sheet_column *column)
{
    pe_block *block = add_block(section, PE_BLOCK_TABLE, NULL, NULL);
    if (!block)
        return NULL;
    pe_result *result = section->result;
    if (columns == 0) {
        pe_fail(&result->error, PE_USAGE, "table %s: no column", id);
        return NULL;
    }
    pe_sheet *sheet = pe_allocate(1, sizeof *sheet, "table", &result->error);
    if (!sheet)
        return NULL;
    block->sheet = sheet;
    sheet->result = result;
    sheet->id = copy_text(result, id, "table id");
    sheet->caption = copy_text(result, caption, "caption");
    if (is_well(result))
        check_id(result, sheet->id, 0);
    if (is_well(result))
        copy_columns(sheet, columns, column);
    return is_well(result) ? sheet : NULL;
}

static pe_cell *add_cell(pe_sheet *sheet, pe_cell_kind kind)
{
    if (!sheet || !is_well(sheet->result))
        return NULL;
    const pe_column *column = &sheet->column[sheet->cells % sheet->columns];
    if (kind != PE_CELL_MISSING && (kind == PE_CELL_TEXT) != (column->is_text != 0)) {
        pe_fail(&sheet->result->error, PE_USAGE, "table %s: column %s holds %s", sheet->id,
                column->name, column->is_text ? "text" : "numbers");
        return NULL;
    }
    if (sheet->cells == sheet->room) {
        size_t room = sheet->room ? 2 * sheet->room : 64;
        pe_cell *grown =
            pe_grow(sheet->cell, sheet->cells, room, sizeof *grown, "table", &sheet->result->error);
        if (!grown)
            return NULL;
        sheet->cell = grown;
        sheet->room = room;
    }
    pe_cell *cell = &sheet->cell[sheet->cells++];
    cell->kind = kind;
    return cell;
}

void pe_sheet_text(pe_sheet *sheet, const char *text)
{
    pe_cell *cell = add_cell(sheet, PE_CELL_TEXT);
    if (cell)
        cell->text = copy_text(sheet->result, text, "cell");
}

void pe_sheet_number(pe_sheet *sheet, double value)
{
    pe_cell *cell = add_cell(sheet, PE_CELL_NUMBER);
    if (cell)
        cell->number = value;
}

void pe_sheet_missing(pe_sheet *sheet)
{
    add_cell(sheet, PE_CELL_MISSING);
}

void pe_section_series(pe_section *section, const char *id, const char *caption,
                       const pe_sheet_column column[2], size_t n, const double *x, const double *y)
{
    pe_sheet *sheet = pe_section_table(section, id, caption, 2, column);
    for (size_t i = 0; i < n; i++) {
        pe_sheet_number(sheet, x[i]);
        pe_sheet_number(sheet, y[i]);
    }
}

size_t pe_sheet_rows(const pe_sheet *sheet)
{
    return sheet->cells / sheet->columns;
}

void pe_shown_number(double value, int digits, char text[PE_SHOWN_NUMBER])
{
    if (isnan(value))
        text[0] = '\0';
    else
        pe_axis_number(value, digits > 0 ? digits : 6, text);
}

void pe_shown_cell(const pe_sheet *sheet, size_t row, size_t column, const char **text,
                   char number[PE_SHOWN_NUMBER])
{
    const pe_cell *cell = &sheet->cell[row * sheet->columns + column];
    number[0] = '\0';
    if (cell->kind == PE_CELL_NUMBER && isnan(cell->number))
        snprintf(number, PE_SHOWN_NUMBER, "NaN");
    else if (cell->kind == PE_CELL_NUMBER)
        pe_shown_number(cell->number, sheet->column[column].digits, number);
    *text = cell->kind == PE_CELL_TEXT ? cell->text : number;
}

/* ---- verdicts ---- */

pe_verdict pe_verdict_blank(void)
{
    return (pe_verdict){.value = (double)NAN,
                        .expected = (double)NAN,
                        .tolerance = (double)NAN,
                        .ci_low = (double)NAN,
                        .ci_high = (double)NAN,
                        .judgement = PE_VERDICT_INFO};
}

pe_judgement pe_judge(double value, double expected, double tolerance)
{
    return fabs(value - expected) <= tolerance ? PE_VERDICT_PASS : PE_VERDICT_FAIL;
}

const char *pe_judgement_text(pe_judgement judgement)
{
    switch (judgement) {
    case PE_VERDICT_PASS:
        return "PASS";
    case PE_VERDICT_FAIL:
        return "FAIL";
    case PE_VERDICT_INFO:
        return "INFO";
    case PE_VERDICT_NOT_APPLICABLE:
        break;
    }
    return "NOT APPLICABLE";
}

static int says_why(const pe_verdict *v)
{
    return (v->because && *v->because) ||
           (v->judgement != PE_VERDICT_FAIL && v->judgement != PE_VERDICT_NOT_APPLICABLE);
}

void pe_section_verdict(pe_section *section, const pe_verdict *verdict)
{
    if (!section || !is_well(section->result))
        return;
    pe_result *result = section->result;
    if (!verdict->id || !verdict->quantity || !says_why(verdict)) {
        pe_fail(&result->error, PE_USAGE,
                "verdict %s: it needs an id and a quantity, and a reason when it is %s",
                verdict->id ? verdict->id : "?", pe_judgement_text(verdict->judgement));
        return;
    }
    if (section->verdicts == 0 && !add_block(section, PE_BLOCK_VERDICTS, NULL, NULL))
        return;
    pe_verdict_row *grown =
        add_element(result, section->verdict, &section->verdicts, sizeof *grown, "verdict");
    if (!grown)
        return;
    section->verdict = grown;
    pe_verdict_row *row = &grown[section->verdicts - 1];
    *row = (pe_verdict_row){.value = verdict->value,
                            .expected = verdict->expected,
                            .tolerance = verdict->tolerance,
                            .ci_low = verdict->ci_low,
                            .ci_high = verdict->ci_high,
                            .judgement = verdict->judgement};
    row->id = copy_text(result, verdict->id, "verdict");
    row->variant = copy_text(result, verdict->variant, "verdict");
    row->quantity = copy_text(result, verdict->quantity, "verdict");
    row->unit = copy_text(result, verdict->unit, "verdict");
    row->source = copy_text(result, verdict->source, "verdict");
    row->because = copy_text(result, verdict->because, "verdict");
}

/* ---- exercises ---- */

static int is_identifier(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return 0;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return 0;
    return 1;
}

void pe_section_exercise(pe_section *section, const char *question, const char *hint, size_t n,
                         const pe_checkable *number)
{
    pe_block *block = add_block(section, PE_BLOCK_EXERCISE, question, hint);
    if (!block)
        return;
    pe_result *result = section->result;
    for (size_t i = 0; i < n; i++)
        if (!is_identifier(number[i].name) || !isfinite(number[i].value) ||
            !(number[i].tolerance >= 0)) {
            pe_fail(&result->error, PE_USAGE,
                    "exercise: '%.40s' wants the name of a variable, a finite value and a "
                    "tolerance >= 0",
                    number[i].name);
            return;
        }
    block->number = pe_allocate(n, sizeof *block->number, "exercise", &result->error);
    for (size_t i = 0; block->number && i < n; i++) {
        block->number[i].name = copy_text(result, number[i].name, "exercise");
        block->number[i].value = number[i].value;
        block->number[i].tolerance = number[i].tolerance;
        block->numbers++;
    }
}

void pe_section_try(pe_section *section, const char *what, size_t n, const char *const *argument)
{
    pe_block *block = add_block(section, PE_BLOCK_TRY, what, NULL);
    if (!block)
        return;
    pe_result *result = section->result;
    block->argument = pe_allocate(n, sizeof *block->argument, "command to try", &result->error);
    for (size_t i = 0; block->argument && i < n; i++) {
        block->argument[i] = copy_text(result, argument[i], "command to try");
        block->arguments++;
    }
}

/* ---- is it sound? ---- */

static const char *file_id(const pe_block *block)
{
    return block->figure ? pe_figure_id(block->figure) : block->sheet ? block->sheet->id : NULL;
}

/* Two blocks with the same id would write the same file; and some names are taken. */
static pe_status check_names(const pe_result *result, const char *id, const pe_block *self,
                             pe_error *err)
{
    if (strcmp(id, "verdicts") == 0 || strcmp(id, "result") == 0 || strcmp(id, "run") == 0 ||
        strcmp(id, result->id) == 0)
        return pe_fail(err, PE_USAGE, "id '%s' is taken by a file of every run", id);
    for (size_t s = 0; s < result->sections; s++)
        for (size_t b = 0; b < result->section[s]->blocks; b++) {
            const pe_block *other = &result->section[s]->block[b];
            if (other != self && file_id(other) && strcmp(file_id(other), id) == 0)
                return pe_fail(err, PE_USAGE, "id '%s' is used twice", id);
        }
    return PE_OK;
}

static pe_status check_block(const pe_result *result, const pe_block *block, pe_error *err)
{
    const pe_sheet *sheet = block->sheet;
    if (sheet && sheet->cells % sheet->columns)
        return pe_fail(err, PE_USAGE, "table %s: %zu cells do not fill rows of %zu", sheet->id,
                       sheet->cells, sheet->columns);
    return file_id(block) ? check_names(result, file_id(block), block, err) : PE_OK;
}

pe_status pe_result_check(const pe_result *result, pe_error *err)
{
    if (!result)
        return pe_fail(err, PE_MEMORY, "the result could not be made");
    if (result->error.status != PE_OK)
        return pe_fail(err, result->error.status, "%s", result->error.text);
    pe_status status = PE_OK;
    for (size_t s = 0; s < result->sections; s++)
        for (size_t b = 0; b < result->section[s]->blocks && status == PE_OK; b++)
            status = check_block(result, &result->section[s]->block[b], err);
    return status;
}

size_t pe_result_count(const pe_result *result, pe_judgement judgement)
{
    size_t n = 0;
    for (size_t s = 0; result && s < result->sections; s++)
        for (size_t v = 0; v < result->section[s]->verdicts; v++)
            n += result->section[s]->verdict[v].judgement == judgement;
    return n;
}
