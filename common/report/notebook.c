/* A Jupyter notebook (nbformat 4.5): pictures are in it as outputs, so that it can be read without
 * running anything; its cells need Python's standard library only, and use more when it is there.
 */
#include "report/make_json.h"
#include "report/report.h"
#include "report/result_data.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ROWS = 40 }; /* of a table in the notebook; the file has all */

typedef struct notebook {
    pe_maker m;
    json_t *cells;
    unsigned count;
    pe_status status;
} notebook;

/* ---- cells ---- */

/* nbformat wants a list of lines, each with its line break. */
static json_t *lines_of(pe_maker *m, const char *text)
{
    json_t *lines = pe_make_array(m);
    while (*text) {
        const char *stop = strchr(text, '\n');
        size_t size = stop ? (size_t)(stop - text) + 1 : strlen(text);
        pe_push(m, lines, json_stringn(text, size));
        text += size;
    }
    return lines;
}

static json_t *new_cell(notebook *n, const char *type, pe_buffer *source)
{
    char id[16];
    snprintf(id, sizeof id, "c%02u", ++n->count);
    /* Jupyter drops the last line break of a cell; so do we, to be stable under its rewriting. */
    if (source->size && source->bytes[source->size - 1] == '\n')
        source->bytes[--source->size] = '\0';
    if (source->status != PE_OK)
        n->status = source->status;
    json_t *cell = pe_make_object(&n->m);
    pe_put_text(&n->m, cell, "cell_type", type);
    pe_put_text(&n->m, cell, "id", id);
    pe_put(&n->m, cell, "metadata", pe_make_object(&n->m));
    pe_put(&n->m, cell, "source", lines_of(&n->m, source->bytes ? source->bytes : ""));
    pe_buffer_release(source);
    return cell;
}

static void add_markdown(notebook *n, pe_buffer *source)
{
    pe_push(&n->m, n->cells, new_cell(n, "markdown", source));
}

/* output is NULL, or moves. */
static void add_code(notebook *n, pe_buffer *source, json_t *output)
{
    json_t *cell = new_cell(n, "code", source), *outputs = pe_make_array(&n->m);
    if (output)
        pe_push(&n->m, outputs, output);
    pe_put(&n->m, cell, "execution_count", json_null());
    pe_put(&n->m, cell, "outputs", outputs);
    pe_push(&n->m, n->cells, cell);
}

/* ---- head ---- */

static void fact(pe_buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    pe_buffer_format(out, "| %s | ", name);
    pe_markdown_text(out, value);
    pe_buffer_text(out, " | |\n");
}

static void add_head(notebook *n, const pe_result *r)
{
    pe_buffer out = {0};
    pe_buffer_text(&out, "# ");
    pe_markdown_inline(&out, r->title);
    pe_buffer_text(&out, "\n\n");
    pe_markdown_inline(&out, r->question);
    if (*r->finding) {
        pe_buffer_text(&out, "\n\n**");
        pe_markdown_inline(&out, r->finding);
        pe_buffer_text(&out, "**");
    }
    add_markdown(n, &out);
}

static void add_parameters(notebook *n, const pe_result *r)
{
    char seed[24], threads[16];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    snprintf(threads, sizeof threads, "%u", r->threads);
    pe_buffer out = {0};
    pe_buffer_text(&out, "## Parameters\n\n| name | value | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < r->parameters; i++) {
        pe_buffer_text(&out, "| ");
        pe_markdown_text(&out, r->parameter[i].name);
        pe_buffer_text(&out, " | ");
        pe_markdown_text(&out, r->parameter[i].value);
        pe_buffer_text(&out, " | ");
        pe_markdown_inline(&out, r->parameter[i].meaning);
        pe_buffer_text(&out, " |\n");
    }
    if (r->has_facts) {
        fact(&out, "command", r->command);
        fact(&out, "seed", seed);
        fact(&out, "version", r->version);
        fact(&out, "precision", r->precision);
        fact(&out, "BLAS", r->blas);
        fact(&out, "threads", threads);
        fact(&out, "compiler", r->compiler);
    }
    add_markdown(n, &out);
}

/* ---- text blocks, gathered into one markdown cell until code comes ---- */

static void put_sheet(pe_buffer *out, const pe_sheet *sheet)
{
    size_t rows = pe_sheet_rows(sheet), shown = rows < MOST_ROWS ? rows : MOST_ROWS;
    pe_markdown_inline(out, sheet->caption);
    pe_buffer_text(out, "\n\n|");
    for (size_t c = 0; c < sheet->columns; c++) {
        pe_buffer_text(out, " ");
        pe_markdown_inline(out, sheet->column[c].name);
        if (*sheet->column[c].unit) {
            pe_buffer_text(out, " (");
            pe_markdown_inline(out, sheet->column[c].unit);
            pe_buffer_text(out, ")");
        }
        pe_buffer_text(out, " |");
    }
    pe_buffer_text(out, "\n|");
    for (size_t c = 0; c < sheet->columns; c++)
        pe_buffer_text(out, sheet->column[c].is_text ? "---|" : "---:|");
    for (size_t r = 0; r < shown; r++) {
        pe_buffer_text(out, "\n|");
        for (size_t c = 0; c < sheet->columns; c++) {
            char number[PE_SHOWN_NUMBER];
            const char *text;
            pe_shown_cell(sheet, r, c, &text, number);
            pe_buffer_text(out, " ");
            pe_markdown_text(out, text);
            pe_buffer_text(out, " |");
        }
    }
    pe_buffer_text(out, "\n\n");
    if (shown < rows)
        pe_buffer_format(out, "The first %zu of %zu rows; all are in `%s.csv`.\n\n", shown, rows,
                         sheet->id);
}

static void put_number(pe_buffer *out, double value)
{
    char text[PE_SHOWN_NUMBER];
    pe_shown_number(value, 6, text);
    pe_buffer_format(out, " %s |", text);
}

static void put_verdicts(pe_buffer *out, const pe_section *section)
{
    pe_buffer_text(out,
                   "| id | variant | quantity | value | expected | tolerance | source | verdict "
                   "| because |\n|---|---|---|---:|---:|---:|---|---|---|\n");
    for (size_t i = 0; i < section->verdicts; i++) {
        const pe_verdict_row *v = &section->verdict[i];
        pe_buffer_text(out, "| ");
        pe_markdown_text(out, v->id);
        pe_buffer_text(out, " | ");
        pe_markdown_text(out, v->variant);
        pe_buffer_text(out, " | ");
        pe_markdown_inline(out, v->quantity);
        if (*v->unit) {
            pe_buffer_text(out, ", ");
            pe_markdown_inline(out, v->unit);
        }
        pe_buffer_text(out, " |");
        put_number(out, v->value);
        put_number(out, v->expected);
        put_number(out, v->tolerance);
        pe_buffer_text(out, " ");
        pe_markdown_inline(out, v->source);
        pe_buffer_format(out, " | %s | ", pe_judgement_text(v->judgement));
        pe_markdown_inline(out, v->because);
        pe_buffer_text(out, " |\n");
    }
    pe_buffer_text(out, "\n");
}

/* 1 when the block was text. */
static int put_text_block(pe_buffer *out, const pe_section *section, const pe_block *block)
{
    switch (block->kind) {
    case PE_BLOCK_PARAGRAPH:
        pe_markdown_inline(out, block->a);
        pe_buffer_text(out, "\n\n");
        return 1;
    case PE_BLOCK_FORMULA:
        pe_buffer_format(out, "$$%s$$\n\n", block->a);
        pe_markdown_inline(out, block->b);
        pe_buffer_text(out, "\n\n");
        return 1;
    case PE_BLOCK_NOTE:
        pe_buffer_text(out, "> ");
        pe_markdown_text(out, block->a);
        pe_buffer_text(out, *block->a ? ": not applicable, because " : "not applicable, because ");
        pe_markdown_inline(out, block->b);
        pe_buffer_text(out, "\n\n");
        return 1;
    case PE_BLOCK_TABLE:
        put_sheet(out, block->sheet);
        return 1;
    case PE_BLOCK_VERDICTS:
        put_verdicts(out, section);
        return 1;
    case PE_BLOCK_FIGURE:
    case PE_BLOCK_EXERCISE:
    case PE_BLOCK_TRY:
        break;
    }
    return 0;
}

/* ---- figures ---- */

static const char draw_head[] = "import csv\n"
                                "\n"
                                "def number(text):\n"
                                "    return float(text) if text else float(\"nan\")\n"
                                "\n";

static const char draw_guard[] =
    "try:\n"
    "    import matplotlib.pyplot as plt\n"
    "except ImportError:\n"
    "    plt = None\n"
    "    print(\"matplotlib is not installed here; this is the picture that posenc drew:\")\n"
    "    try:\n"
    "        from IPython.display import Image, display\n"
    "        display(Image(picture))\n"
    "    except (ImportError, FileNotFoundError):\n"
    "        print(picture)\n"
    "\n";

static const char draw_curves[] =
    "with open(names[0], newline=\"\", encoding=\"utf-8\") as file:\n"
    "    rows = list(csv.DictReader(file))\n"
    "print(len(rows), \"points in\", names[0])\n"
    "curves = {}\n"
    "for row in rows:\n"
    "    curve = curves.setdefault((row[\"panel\"], row[\"series\"]), ([], []))\n"
    "    curve[0].append(number(row[\"x\"]))\n"
    "    curve[1].append(number(row[\"y\"]))\n"
    "if plt:\n"
    "    for key, (x, y) in curves.items():\n"
    "        plt.plot(x, y, label=\" \".join(key).strip())\n"
    "    plt.xlabel(x_label); plt.ylabel(y_label); plt.title(title, wrap=True)\n"
    "    plt.xscale(x_scale); plt.yscale(y_scale)\n"
    "    plt.legend(fontsize=\"small\")\n"
    "    plt.show()\n";

static const char draw_bars[] =
    "with open(names[0], newline=\"\", encoding=\"utf-8\") as file:\n"
    "    rows = list(csv.DictReader(file))\n"
    "for row in rows:\n"
    "    print(row[\"category\"], row[\"series\"], row[\"value\"])\n"
    "if plt:\n"
    "    labels = [(row[\"category\"] + \" \" + row[\"series\"]).strip() for row in rows]\n"
    "    plt.barh(labels[::-1], [number(row[\"value\"]) for row in rows][::-1])\n"
    "    plt.xlabel(x_label); plt.title(title, wrap=True)\n"
    "    plt.xscale(x_scale)\n"
    "    plt.show()\n";

static const char draw_maps[] =
    "for name in names:\n"
    "    with open(name, newline=\"\", encoding=\"utf-8\") as file:\n"
    "        rows = list(csv.reader(file))\n"
    "    matrix = [[number(cell) for cell in row[1:]] for row in rows[1:]]\n"
    "    print(name, len(matrix), \"x\", len(matrix[0]))\n"
    "    if plt:\n"
    "        plt.imshow(matrix, aspect=\"auto\", interpolation=\"nearest\")\n"
    "        plt.colorbar(); plt.xlabel(x_label); plt.ylabel(y_label); plt.title(title, "
    "wrap=True)\n"
    "        plt.show()\n";

static void assign(pe_buffer *out, const char *name, const char *text)
{
    pe_buffer_format(out, "%s = ", name);
    pe_python_string(out, text);
    pe_buffer_text(out, "\n");
}

static const char *scale_name(pe_scale scale)
{
    return scale == PE_LINEAR ? "linear" : "log";
}

static void put_drawing(pe_buffer *out, const pe_figure *f)
{
    char name[128];
    pe_buffer_text(out, draw_head);
    pe_buffer_text(out, "names = [");
    for (size_t i = 0; i < pe_figure_data_files(f); i++) {
        pe_figure_data_name(f, i, name, sizeof name);
        pe_buffer_text(out, i ? ", " : "");
        pe_python_string(out, name);
    }
    pe_buffer_text(out, "]  # beside this notebook\n");
    snprintf(name, sizeof name, "%s.png", pe_figure_id(f));
    assign(out, "picture", name);
    assign(out, "title", pe_figure_title(f));
    assign(out, "x_label", pe_figure_x_label(f));
    assign(out, "y_label", pe_figure_y_label(f));
    assign(out, "x_scale", scale_name(pe_figure_x_scale(f)));
    assign(out, "y_scale", scale_name(pe_figure_y_scale(f)));
    pe_buffer_text(out, "\n");
    pe_buffer_text(out, draw_guard);
    pe_figure_kind kind = pe_figure_kind_of(f);
    pe_buffer_text(out, kind == PE_CURVES     ? draw_curves
                        : kind == PE_HEATMAPS ? draw_maps
                                              : draw_bars);
}

static json_t *picture_of(notebook *n, const pe_figure *f, const pe_picture_shelf *pictures)
{
    const pe_buffer *png = pe_picture_find(pictures, pe_figure_id(f), PE_PNG);
    if (!png)
        return NULL;
    pe_buffer text = {0};
    pe_base64(&text, png->bytes, png->size);
    pe_buffer_text(&text, "\n");
    if (text.status != PE_OK)
        n->status = text.status;
    json_t *output = pe_make_object(&n->m), *data = pe_make_object(&n->m);
    pe_put_text(&n->m, data, "image/png", text.bytes ? text.bytes : "");
    pe_put_text(&n->m, data, "text/plain", pe_figure_alt(f));
    pe_put_text(&n->m, output, "output_type", "display_data");
    pe_put(&n->m, output, "data", data);
    pe_put(&n->m, output, "metadata", pe_make_object(&n->m));
    pe_buffer_release(&text);
    return output;
}

static void add_figure(notebook *n, const pe_figure *f, const pe_picture_shelf *pictures)
{
    pe_buffer code = {0}, caption = {0};
    put_drawing(&code, f);
    add_code(n, &code, picture_of(n, f, pictures));
    if (!*pe_figure_caption(f))
        return;
    pe_markdown_inline(&caption, pe_figure_caption(f));
    add_markdown(n, &caption);
}

/* ---- exercises ---- */

static void add_exercise(notebook *n, const pe_block *block)
{
    pe_buffer text = {0}, answer = {0}, check = {0};
    pe_buffer_text(&text, "**Exercise.** ");
    pe_markdown_inline(&text, block->a);
    if (*block->b) {
        pe_buffer_text(&text, "\n\n<details><summary>Hint</summary>\n\n");
        pe_markdown_inline(&text, block->b);
        pe_buffer_text(&text, "\n\n</details>");
    }
    add_markdown(n, &text);
    if (!block->numbers)
        return;
    pe_buffer_text(&answer, "# Your answer: replace each None.\n");
    pe_buffer_text(&check, "# What this run found: name, value, tolerance.\nexpected = [\n");
    for (size_t i = 0; i < block->numbers; i++) {
        const pe_number_asked *asked = &block->number[i];
        pe_buffer_format(&answer, "%s = None\n", asked->name);
        pe_buffer_format(&check, "    (\"%s\", ", asked->name);
        pe_buffer_number(&check, asked->value);
        pe_buffer_text(&check, ", ");
        pe_buffer_number(&check, asked->tolerance);
        pe_buffer_text(&check, "),\n");
    }
    pe_buffer_text(&check, "]\n"
                           "for name, value, tolerance in expected:\n"
                           "    answer = globals().get(name)\n"
                           "    if answer is None:\n"
                           "        print(name, \"has no answer yet\")\n"
                           "    elif abs(answer - value) <= tolerance:\n"
                           "        print(name, \"is right\")\n"
                           "    else:\n"
                           "        print(name, \"is not right: off by more than\", tolerance)\n");
    add_code(n, &answer, NULL);
    add_code(n, &check, NULL);
}

/* In plain Python, so that a missing program is a sentence and not an error. */
static void add_try(notebook *n, const pe_block *block)
{
    pe_buffer text = {0}, code = {0};
    pe_markdown_inline(&text, block->a);
    add_markdown(n, &text);
    pe_buffer_text(&code, "import shutil\nimport subprocess\n\ncommand = [\"posenc\"");
    for (size_t i = 0; i < block->arguments; i++) {
        pe_buffer_text(&code, ", ");
        pe_python_string(&code, block->argument[i]);
    }
    pe_buffer_text(&code,
                   "]\n"
                   "if shutil.which(command[0]) is None:\n"
                   "    print(\"posenc is not on the PATH here; once it is, this cell runs:\")\n"
                   "    print(*command)\n"
                   "else:\n"
                   "    done = subprocess.run(command, capture_output=True, text=True)\n"
                   "    print(done.stdout + done.stderr)\n");
    add_code(n, &code, NULL);
}

/* ---- the whole ---- */

static void flush(notebook *n, pe_buffer *text)
{
    if (text->size)
        add_markdown(n, text);
    pe_buffer_release(text);
}

static void add_section(notebook *n, const pe_section *section, const pe_picture_shelf *pictures)
{
    pe_buffer text = {0};
    pe_buffer_text(&text, "## ");
    pe_markdown_inline(&text, section->title);
    pe_buffer_text(&text, "\n\n");
    for (size_t i = 0; i < section->blocks; i++) {
        const pe_block *block = &section->block[i];
        if (put_text_block(&text, section, block))
            continue;
        flush(n, &text);
        if (block->kind == PE_BLOCK_FIGURE)
            add_figure(n, block->figure, pictures);
        else if (block->kind == PE_BLOCK_EXERCISE)
            add_exercise(n, block);
        else
            add_try(n, block);
    }
    flush(n, &text);
}

static json_t *metadata_of(pe_maker *m)
{
    json_t *metadata = pe_make_object(m), *kernel = pe_make_object(m),
           *language = pe_make_object(m);
    pe_put_text(m, kernel, "display_name", "Python 3");
    pe_put_text(m, kernel, "language", "python");
    pe_put_text(m, kernel, "name", "python3");
    pe_put_text(m, language, "name", "python");
    pe_put(m, metadata, "kernelspec", kernel);
    pe_put(m, metadata, "language_info", language);
    return metadata;
}

pe_status pe_report_notebook(const pe_result *r, const pe_picture_shelf *pictures, pe_buffer *out,
                             pe_error *err)
{
    pe_status status = pe_result_check(r, err);
    if (status != PE_OK)
        return status;
    notebook n = {.status = PE_OK};
    n.cells = pe_make_array(&n.m);
    add_head(&n, r);
    add_parameters(&n, r);
    for (size_t i = 0; i < r->sections; i++)
        add_section(&n, r->section[i], pictures);
    json_t *root = pe_make_object(&n.m);
    pe_put(&n.m, root, "cells", n.cells);
    pe_put(&n.m, root, "metadata", metadata_of(&n.m));
    pe_put(&n.m, root, "nbformat", json_integer(4));
    pe_put(&n.m, root, "nbformat_minor", json_integer(5));
    n.m.failed |= n.status != PE_OK;
    return pe_make_text(&n.m, root, out, "notebook", err);
}
