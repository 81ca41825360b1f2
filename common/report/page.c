/* The page of one result: everything in one file, nothing loaded from anywhere. */
#include "report/page.h"
#include "report/mathml.h"
#include "report/report.h"
#include "report/result_data.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void element(pe_buffer *out, const char *tag, const char *attributes, const char *text)
{
    pe_buffer_format(out, "<%s%s>", tag, attributes);
    pe_html_inline(out, text);
    pe_buffer_format(out, "</%s>\n", tag);
}

/* ---- head ---- */

static void fact(pe_buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    pe_buffer_format(out, "<tr><th scope=\"row\">%s</th><td>", name);
    pe_html_text(out, value);
    pe_buffer_text(out, "</td></tr>\n");
}

static void put_facts(pe_buffer *out, const pe_result *r)
{
    char seed[24], threads[16];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    snprintf(threads, sizeof threads, "%u", r->threads);
    pe_buffer_text(out, "<h2>How this was made</h2>\n<div class=\"wide\"><table>\n");
    fact(out, "command", r->command);
    fact(out, "seed", seed);
    fact(out, "version", r->version);
    fact(out, "precision", r->precision);
    fact(out, "BLAS", r->blas);
    fact(out, "threads", threads);
    fact(out, "compiler", r->compiler);
    pe_buffer_text(out, "</table></div>\n");
}

static void put_parameters(pe_buffer *out, const pe_result *r)
{
    pe_buffer_text(out, "<div class=\"wide\"><table>\n<caption>Parameters</caption>\n<thead><tr>"
                        "<th>name</th><th>value</th><th>meaning</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < r->parameters; i++) {
        pe_buffer_text(out, "<tr><td><code>");
        pe_html_text(out, r->parameter[i].name);
        pe_buffer_text(out, "</code></td><td>");
        pe_html_text(out, r->parameter[i].value);
        pe_buffer_text(out, "</td><td>");
        pe_html_inline(out, r->parameter[i].meaning);
        pe_buffer_text(out, "</td></tr>\n");
    }
    pe_buffer_text(out, "</tbody></table></div>\n");
}

/* ---- blocks ---- */

static void put_sheet(pe_buffer *out, const pe_sheet *sheet)
{
    pe_buffer_text(out, "<div class=\"wide\"><table>\n<caption>");
    pe_html_inline(out, sheet->caption);
    pe_buffer_text(out, "</caption>\n<thead><tr>");
    for (size_t c = 0; c < sheet->columns; c++) {
        pe_buffer_text(out, sheet->column[c].is_text ? "<th>" : "<th class=\"number\">");
        pe_html_inline(out, sheet->column[c].name);
        if (*sheet->column[c].unit) {
            pe_buffer_text(out, " <span class=\"unit\">(");
            pe_html_inline(out, sheet->column[c].unit);
            pe_buffer_text(out, ")</span>");
        }
        pe_buffer_text(out, "</th>");
    }
    pe_buffer_text(out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < pe_sheet_rows(sheet); r++) {
        pe_buffer_text(out, "<tr>");
        for (size_t c = 0; c < sheet->columns; c++) {
            char number[PE_SHOWN_NUMBER];
            const char *text;
            pe_shown_cell(sheet, r, c, &text, number);
            pe_buffer_text(out, sheet->column[c].is_text ? "<td>" : "<td class=\"number\">");
            pe_html_text(out, text);
            pe_buffer_text(out, "</td>");
        }
        pe_buffer_text(out, "</tr>\n");
    }
    pe_buffer_text(out, "</tbody></table></div>\n");
}

static void number_cell(pe_buffer *out, double value, const char *unit)
{
    char text[PE_SHOWN_NUMBER];
    pe_shown_number(value, 6, text);
    pe_buffer_format(out, "<td class=\"number\">%s", text);
    if (*text && *unit) {
        pe_buffer_text(out, " <span class=\"unit\">");
        pe_html_inline(out, unit);
        pe_buffer_text(out, "</span>");
    }
    pe_buffer_text(out, "</td>");
}

static void text_cell(pe_buffer *out, const char *text, int is_inline)
{
    pe_buffer_text(out, "<td>");
    if (is_inline)
        pe_html_inline(out, text);
    else
        pe_html_text(out, text);
    pe_buffer_text(out, "</td>");
}

static void interval_cell(pe_buffer *out, double low, double high)
{
    char a[PE_SHOWN_NUMBER], b[PE_SHOWN_NUMBER];
    pe_shown_number(low, 4, a);
    pe_shown_number(high, 4, b);
    if (*a || *b)
        pe_buffer_format(out, "<td class=\"number\">[%s, %s]</td>", a, b);
    else
        pe_buffer_text(out, "<td></td>");
}

static void put_verdict(pe_buffer *out, const pe_verdict_row *v)
{
    static const char *const css[] = {"pass", "fail", "info", "not"};
    pe_buffer_text(out, "<tr>");
    text_cell(out, v->id, 0);
    text_cell(out, v->variant, 0);
    text_cell(out, v->quantity, 1);
    number_cell(out, v->value, v->unit);
    interval_cell(out, v->ci_low, v->ci_high);
    number_cell(out, v->expected, "");
    number_cell(out, v->tolerance, "");
    text_cell(out, v->source, 1);
    pe_buffer_format(out, "<td class=\"%s\">%s</td>", css[v->judgement],
                     pe_judgement_text(v->judgement));
    pe_buffer_text(out, "</tr>\n");
    if (!*v->because)
        return;
    pe_buffer_text(out, "<tr class=\"because\"><td></td><td colspan=\"8\">");
    pe_html_inline(out, v->because);
    pe_buffer_text(out, "</td></tr>\n");
}

static void put_verdicts(pe_buffer *out, const pe_section *section)
{
    pe_buffer_text(
        out,
        "<div class=\"wide\"><table class=\"verdicts\">\n<caption>Verdicts</caption>\n<thead><tr>"
        "<th>id</th><th>variant</th><th>quantity</th><th class=\"number\">value</th>"
        "<th class=\"number\">interval</th><th class=\"number\">expected</th>"
        "<th class=\"number\">tolerance</th><th>source</th><th>verdict</th>"
        "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < section->verdicts; i++)
        put_verdict(out, &section->verdict[i]);
    pe_buffer_text(out, "</tbody></table></div>\n");
}

static void put_figure(pe_buffer *out, const pe_figure *figure, const pe_picture_shelf *pictures)
{
    const pe_buffer *svg = pe_picture_find(pictures, pe_figure_id(figure), PE_SVG);
    pe_buffer_text(out, "<figure>\n");
    if (svg) {
        pe_buffer_text(out, "<div class=\"card\" role=\"img\" aria-label=\"");
        pe_html_text(out, pe_figure_alt(figure));
        pe_buffer_text(out, "\">\n");
        pe_page_svg(out, svg, pe_figure_id(figure));
        pe_buffer_text(out, "</div>\n");
    } else {
        pe_buffer_text(out, "<p class=\"missing\">This picture was not drawn. It shows: ");
        pe_html_text(out, pe_figure_title(figure));
        pe_buffer_format(out, ". Its numbers are in %s.csv.</p>\n", pe_figure_id(figure));
    }
    element(out, "figcaption", "", pe_figure_caption(figure));
    pe_buffer_text(out, "</figure>\n");
}

static void put_formula(pe_buffer *out, const pe_block *block)
{
    pe_buffer_text(out, "<div class=\"formula\">");
    pe_mathml(block->a, 1, out, NULL, NULL);
    pe_buffer_text(out, "</div>\n");
    if (*block->b)
        element(out, "p", "", block->b);
}

static void put_note(pe_buffer *out, const pe_block *block)
{
    pe_buffer_text(out, "<p class=\"note\">");
    if (*block->a) {
        pe_buffer_text(out, "<code>");
        pe_html_text(out, block->a);
        pe_buffer_text(out, "</code>: ");
    }
    pe_buffer_text(out, "not applicable, because ");
    pe_html_inline(out, block->b);
    pe_buffer_text(out, "</p>\n");
}

static void put_exercise(pe_buffer *out, const pe_block *block)
{
    pe_buffer_text(out, "<div class=\"exercise\">\n<p><strong>Exercise.</strong> ");
    pe_html_inline(out, block->a);
    pe_buffer_text(out, "</p>\n");
    if (*block->b) {
        pe_buffer_text(out, "<details><summary>Hint</summary>\n");
        element(out, "p", "", block->b);
        pe_buffer_text(out, "</details>\n");
    }
    if (block->numbers) {
        pe_buffer_text(out, "<details><summary>Numbers to compare with</summary>\n<ul>\n");
        for (size_t i = 0; i < block->numbers; i++) {
            char text[PE_SHOWN_NUMBER];
            pe_shown_number(block->number[i].value, 6, text);
            pe_buffer_format(out, "<li><code>%s</code> = %s</li>\n", block->number[i].name, text);
        }
        pe_buffer_text(out, "</ul>\n</details>\n");
    }
    pe_buffer_text(out, "</div>\n");
}

/* In single quotes for a shell, where it needs them. */
static void put_argument(pe_buffer *out, const char *argument)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:+@%";
    pe_buffer_text(out, " ");
    if (*argument && argument[strspn(argument, plain)] == '\0') {
        pe_html_text(out, argument);
        return;
    }
    pe_buffer_text(out, "&#39;");
    for (; *argument; argument++)
        pe_html_text(out, *argument == '\'' ? "'\\''" : (const char[]){*argument, '\0'});
    pe_buffer_text(out, "&#39;");
}

static void put_try(pe_buffer *out, const pe_block *block)
{
    element(out, "p", "", block->a);
    pe_buffer_text(out, "<pre>posenc");
    for (size_t i = 0; i < block->arguments; i++)
        put_argument(out, block->argument[i]);
    pe_buffer_text(out, "</pre>\n");
}

static void put_block(pe_buffer *out, const pe_section *section, const pe_block *block,
                      const pe_picture_shelf *pictures)
{
    switch (block->kind) {
    case PE_BLOCK_PARAGRAPH:
        element(out, "p", "", block->a);
        break;
    case PE_BLOCK_FORMULA:
        put_formula(out, block);
        break;
    case PE_BLOCK_NOTE:
        put_note(out, block);
        break;
    case PE_BLOCK_FIGURE:
        put_figure(out, block->figure, pictures);
        break;
    case PE_BLOCK_TABLE:
        put_sheet(out, block->sheet);
        break;
    case PE_BLOCK_VERDICTS:
        put_verdicts(out, section);
        break;
    case PE_BLOCK_EXERCISE:
        put_exercise(out, block);
        break;
    case PE_BLOCK_TRY:
        put_try(out, block);
        break;
    }
}

pe_status pe_report_page(const pe_result *r, const pe_picture_shelf *pictures, pe_buffer *out,
                         pe_error *err)
{
    pe_status status = pe_result_check(r, err);
    if (status != PE_OK)
        return status;
    pe_page_begin(out, r->title);
    element(out, "h1", "", r->title);
    element(out, "p", " class=\"question\"", r->question);
    if (*r->finding)
        element(out, "p", " class=\"finding\"", r->finding);
    if (r->parameters)
        put_parameters(out, r);
    for (size_t s = 0; s < r->sections; s++) {
        element(out, "h2", "", r->section[s]->title);
        for (size_t b = 0; b < r->section[s]->blocks; b++)
            put_block(out, r->section[s], &r->section[s]->block[b], pictures);
    }
    if (r->has_facts)
        put_facts(out, r);
    pe_page_end(out);
    return pe_buffer_check(out, "page", err);
}
