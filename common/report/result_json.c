/* result.json: the whole document but the numbers behind the figures, which are in their CSV. */
#include "report/make_json.h"
#include "report/report.h"
#include "report/result_data.h"

#include <stdio.h>

static json_t *facts_of(pe_maker *m, const pe_result *r)
{
    json_t *facts = pe_make_object(m);
    pe_put_text(m, facts, "blas", r->blas);
    pe_put_text(m, facts, "command", r->command);
    pe_put_text(m, facts, "compiler", r->compiler);
    pe_put_text(m, facts, "precision", r->precision);
    char seed[24]; /* as text: JSON readers lose integers beyond 2^53 */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    pe_put_text(m, facts, "seed", seed);
    pe_put(m, facts, "threads", json_integer((json_int_t)r->threads));
    pe_put_text(m, facts, "version", r->version);
    return facts;
}

static json_t *parameters_of(pe_maker *m, const pe_result *r)
{
    json_t *list = pe_make_array(m);
    for (size_t i = 0; i < r->parameters; i++) {
        json_t *p = pe_make_object(m);
        pe_put_text(m, p, "name", r->parameter[i].name);
        pe_put_text(m, p, "value", r->parameter[i].value);
        pe_put_text(m, p, "meaning", r->parameter[i].meaning);
        pe_push(m, list, p);
    }
    return list;
}

static json_t *cell_of(const pe_cell *cell)
{
    switch (cell->kind) {
    case PE_CELL_NUMBER:
        return pe_json_real(cell->number);
    case PE_CELL_TEXT:
        return json_string(cell->text);
    case PE_CELL_MISSING:
        break;
    }
    return json_null();
}

static void put_sheet(pe_maker *m, json_t *object, const pe_sheet *sheet)
{
    pe_put_text(m, object, "id", sheet->id);
    pe_put_text(m, object, "caption", sheet->caption);
    json_t *columns = pe_make_array(m), *rows = pe_make_array(m);
    for (size_t i = 0; i < sheet->columns; i++) {
        json_t *column = pe_make_object(m);
        pe_put_text(m, column, "name", sheet->column[i].name);
        pe_put_text(m, column, "unit", sheet->column[i].unit);
        pe_put_text(m, column, "type", sheet->column[i].is_text ? "text" : "number");
        pe_push(m, columns, column);
    }
    for (size_t r = 0; r < pe_sheet_rows(sheet); r++) {
        json_t *row = pe_make_array(m);
        for (size_t c = 0; c < sheet->columns; c++)
            pe_push(m, row, cell_of(&sheet->cell[r * sheet->columns + c]));
        pe_push(m, rows, row);
    }
    pe_put(m, object, "columns", columns);
    pe_put(m, object, "rows", rows);
}

static void put_figure(pe_maker *m, json_t *object, const pe_figure *figure)
{
    pe_put_text(m, object, "id", pe_figure_id(figure));
    pe_put_text(m, object, "title", pe_figure_title(figure));
    pe_put_text(m, object, "alt", pe_figure_alt(figure));
    pe_put_text(m, object, "caption", pe_figure_caption(figure));
    json_t *files = pe_make_array(m);
    for (size_t i = 0; i < pe_figure_data_files(figure); i++) {
        char name[128];
        pe_figure_data_name(figure, i, name, sizeof name);
        pe_push(m, files, json_string(name));
    }
    pe_put(m, object, "data", files);
}

static json_t *verdict_of(pe_maker *m, const pe_verdict_row *v)
{
    json_t *object = pe_make_object(m);
    pe_put_text(m, object, "id", v->id);
    pe_put_text(m, object, "variant", v->variant);
    pe_put_text(m, object, "quantity", v->quantity);
    pe_put_text(m, object, "unit", v->unit);
    pe_put_number(m, object, "value", v->value);
    pe_put_number(m, object, "expected", v->expected);
    pe_put_number(m, object, "tolerance", v->tolerance);
    pe_put_text(m, object, "source", v->source);
    pe_put_number(m, object, "ci_low", v->ci_low);
    pe_put_number(m, object, "ci_high", v->ci_high);
    pe_put_text(m, object, "verdict", pe_judgement_text(v->judgement));
    pe_put_text(m, object, "because", v->because);
    return object;
}

static void put_exercise(pe_maker *m, json_t *object, const pe_block *block)
{
    pe_put_text(m, object, "question", block->a);
    pe_put_text(m, object, "hint", block->b);
    json_t *numbers = pe_make_array(m);
    for (size_t i = 0; i < block->numbers; i++) {
        json_t *number = pe_make_object(m);
        pe_put_text(m, number, "name", block->number[i].name);
        pe_put_number(m, number, "value", block->number[i].value);
        pe_put_number(m, number, "tolerance", block->number[i].tolerance);
        pe_push(m, numbers, number);
    }
    pe_put(m, object, "numbers", numbers);
}

static void put_try(pe_maker *m, json_t *object, const pe_block *block)
{
    pe_put_text(m, object, "what", block->a);
    json_t *arguments = pe_make_array(m);
    for (size_t i = 0; i < block->arguments; i++)
        pe_push(m, arguments, json_string(block->argument[i]));
    pe_put(m, object, "arguments", arguments);
}

static json_t *block_of(pe_maker *m, const pe_section *section, const pe_block *block)
{
    static const char *const kind[] = {"paragraph", "formula",  "not applicable", "figure",
                                       "table",     "verdicts", "exercise",       "try"};
    json_t *object = pe_make_object(m);
    pe_put_text(m, object, "kind", kind[block->kind]);
    switch (block->kind) {
    case PE_BLOCK_PARAGRAPH:
        pe_put_text(m, object, "text", block->a);
        break;
    case PE_BLOCK_FORMULA:
        pe_put_text(m, object, "tex", block->a);
        pe_put_text(m, object, "where", block->b);
        break;
    case PE_BLOCK_NOTE:
        pe_put_text(m, object, "variant", block->a);
        pe_put_text(m, object, "because", block->b);
        break;
    case PE_BLOCK_FIGURE:
        put_figure(m, object, block->figure);
        break;
    case PE_BLOCK_TABLE:
        put_sheet(m, object, block->sheet);
        break;
    case PE_BLOCK_VERDICTS: {
        json_t *list = pe_make_array(m);
        for (size_t i = 0; i < section->verdicts; i++)
            pe_push(m, list, verdict_of(m, &section->verdict[i]));
        pe_put(m, object, "verdicts", list);
        break;
    }
    case PE_BLOCK_EXERCISE:
        put_exercise(m, object, block);
        break;
    case PE_BLOCK_TRY:
        put_try(m, object, block);
        break;
    }
    return object;
}

static json_t *section_of(pe_maker *m, const pe_section *section)
{
    json_t *object = pe_make_object(m), *blocks = pe_make_array(m);
    for (size_t i = 0; i < section->blocks; i++)
        pe_push(m, blocks, block_of(m, section, &section->block[i]));
    pe_put_text(m, object, "title", section->title);
    pe_put(m, object, "blocks", blocks);
    return object;
}

pe_status pe_report_json(const pe_result *r, pe_buffer *out, pe_error *err)
{
    pe_status status = pe_result_check(r, err);
    if (status != PE_OK)
        return status;
    pe_maker m = {0};
    json_t *root = pe_make_object(&m), *sections = pe_make_array(&m);
    for (size_t i = 0; i < r->sections; i++)
        pe_push(&m, sections, section_of(&m, r->section[i]));
    pe_put(&m, root, "schema", json_integer(PE_REPORT_SCHEMA));
    pe_put_text(&m, root, "id", r->id);
    pe_put_text(&m, root, "title", r->title);
    pe_put_text(&m, root, "question", r->question);
    pe_put_text(&m, root, "finding", r->finding);
    pe_put(&m, root, "facts", facts_of(&m, r));
    pe_put(&m, root, "parameters", parameters_of(&m, r));
    pe_put(&m, root, "sections", sections);
    pe_put(&m, root, "passed", json_integer((json_int_t)pe_result_count(r, PE_VERDICT_PASS)));
    pe_put(&m, root, "failed", json_integer((json_int_t)pe_result_count(r, PE_VERDICT_FAIL)));
    return pe_make_text(&m, root, out, "result.json", err);
}
