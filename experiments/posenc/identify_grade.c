/* posenc identify --expect: a folder of matrices against what one variant computes. */
#include "identify.h"

#include "base/memory.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "io/csv.h"
#include "io/json.h"
#include "io/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct mark {
    const char *path;
    const char *verdict; /* "ok", "DIFFERS", "UNREADABLE", "WRONG SHAPE" */
    char what[IDENTIFY_CLASS];
    char because[PE_ERROR_TEXT]; /* of the last two */
    bool compared;
    identify_form form;
    identify_difference d;
} mark;

typedef struct grading {
    const pe_cli *cli;
    pe_choice choice;
    size_t count, failed;
    mark *marks;
} grading;

/* ---- one file ---- */

/* One unit of the format, what float arithmetic does to values, and to phases in proportion to the
 * position: rounding of the product and of a frequency, 2^-24 each, and two of a power function. */
static identify_allowance allowance(const pe_cli *cli, pe_format stored, double largest)
{
    const double asked = pe_cli_real(cli, "tolerance");
    if (asked >= 0)
        return (identify_allowance){asked, 0};
    return (identify_allowance){(1e-6 + pe_format_epsilon(stored)) * fmax(1, largest), 0x1p-22};
}

static double largest_of(size_t n, const double *x)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(x[i]));
    return largest;
}

/* The form in which the variant comes nearest. PE_USAGE: it has none of this shape. */
static pe_status nearest_form(grading *g, mark *m, const pe_matrix *matrix, double *values,
                              pe_error *err)
{
    const size_t n = matrix->layers * matrix->rows * matrix->columns;
    const identify_rows rows = {pe_cli_real(g->cli, "from"), 1, PE_DOUBLE};
    pe_error why = {0};
    for (int form = 0; form < IDENTIFY_FORMS; form++) {
        if (!identify_form_fits(g->choice.variant, (identify_form)form, matrix))
            continue;
        const pe_status status =
            identify_form_values(g->choice.variant, g->choice.settings, g->choice.setting_count,
                                 (identify_form)form, matrix, &rows, values, &why);
        if (status == PE_MEMORY) {
            *err = why;
            return status;
        }
        if (status != PE_OK)
            continue;
        const identify_allowance allowed = allowance(g->cli, matrix->stored, largest_of(n, values));
        const identify_difference d = identify_compare(matrix, values, &rows, allowed);
        if (!m->compared || d.differing < m->d.differing ||
            (d.differing == m->d.differing && d.share < m->d.share))
            m->d = d, m->form = (identify_form)form, m->compared = true;
    }
    if (m->compared)
        return PE_OK;
    return pe_fail(err, PE_USAGE, "%s",
                   why.text[0] ? why.text : "the variant makes no matrix of this shape");
}

static pe_status compare(grading *g, mark *m, const identify_file *file, pe_error *err)
{
    pe_identification what;
    pe_matrix matrix = file->matrix;
    pe_status status = pe_identify(&matrix, &what, err);
    if (status != PE_OK)
        return status;
    identify_class(&what, m->what);
    matrix.stored = what.stored;
    if (matrix.columns == 1 && matrix.rows > 1 && matrix.layers == 1)
        matrix.columns = matrix.rows, matrix.rows = 1;
    double *values = pe_allocate(matrix.layers * matrix.rows * matrix.columns, sizeof *values,
                                 "expected values", err);
    if (!values)
        return PE_MEMORY;
    status = nearest_form(g, m, &matrix, values, err);
    pe_release(values);
    m->verdict = m->d.differing ? "DIFFERS" : "ok";
    return status;
}

static pe_status grade_one(grading *g, mark *m, pe_error *err)
{
    identify_file file;
    pe_error why = {0};
    pe_status status = identify_open(m->path, pe_cli_text(g->cli, "tensor"), &file, &why);
    m->verdict = "UNREADABLE";
    if (status == PE_OK) {
        status = compare(g, m, &file, &why);
        if (status == PE_USAGE)
            m->verdict = "WRONG SHAPE";
        identify_close(&file);
    }
    if (status == PE_OK && m->d.differing == 0)
        return PE_OK;
    g->failed++;
    const size_t name = strlen(m->path); /* sentences about a file begin with its name */
    const bool named = strncmp(why.text, m->path, name) == 0 && why.text[name] == ':';
    snprintf(m->because, sizeof m->because, "%s", why.text + (named ? name + 2 : 0));
    /* One bad file is a failed line; running out of memory on one that is too large is, too. */
    (void)err;
    return PE_OK;
}

static pe_status grade_all(grading *g, pe_error *err)
{
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, g->cli, "grading", g->count);
    for (size_t i = 0; status == PE_OK && i < g->count; i++) {
        g->marks[i].path = g->cli->words[i];
        status = grade_one(g, &g->marks[i], err);
        if (status == PE_OK)
            status = pe_signals_check(err);
        pe_progress_step(&progress, i + 1);
    }
    pe_progress_end(&progress);
    return status;
}

/* ---- out ---- */

static pe_status write_csv(const grading *g, const char *path, pe_error *err)
{
    static const char *const names[] = {"file",    "verdict",   "what",   "head",
                                        "row",     "column",    "found",  "expected",
                                        "largest", "differing", "because"};
    pe_csv *csv = pe_csv_begin(path, sizeof names / sizeof names[0], names, err);
    if (!csv)
        return err->status;
    for (size_t i = 0; i < g->count; i++) {
        const mark *m = &g->marks[i];
        pe_csv_text(csv, m->path);
        pe_csv_text(csv, m->verdict);
        pe_csv_text(csv, m->what);
        const bool where = m->compared && m->d.differing;
        const size_t place[] = {m->d.layer, m->d.row, m->d.column};
        for (int k = 0; k < 3; k++)
            where ? pe_csv_i64(csv, (int64_t)place[k]) : pe_csv_empty(csv);
        where ? pe_csv_f64(csv, m->d.found) : pe_csv_empty(csv);
        where ? pe_csv_f64(csv, m->d.expected) : pe_csv_empty(csv);
        m->compared ? pe_csv_f64(csv, m->d.worst) : pe_csv_empty(csv);
        m->compared ? pe_csv_i64(csv, (int64_t)m->d.differing) : pe_csv_empty(csv);
        pe_csv_text(csv, m->because);
        pe_csv_end_row(csv);
    }
    return pe_csv_commit(csv, err);
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *mark_as_json(const mark *m)
{
    json_t *row = json_pack("{s:s, s:s, s:o, s:o}", "file", m->path, "verdict", m->verdict, "what",
                            text_or_null(m->what), "because", text_or_null(m->because));
    if (row && m->compared) {
        json_object_set_new(row, "compared_with", json_string(identify_form_text(m->form)));
        json_object_set_new(row, "largest", pe_json_real(m->d.worst));
        json_object_set_new(row, "differing", json_integer((json_int_t)m->d.differing));
    }
    if (row && m->d.differing)
        json_object_set_new(row, "first_difference",
                            json_pack("{s:I, s:I, s:I, s:o, s:o}", "head", (json_int_t)m->d.layer,
                                      "row", (json_int_t)m->d.row, "column",
                                      (json_int_t)m->d.column, "found", pe_json_real(m->d.found),
                                      "expected", pe_json_real(m->d.expected)));
    return row;
}

static pe_status print_json(const grading *g, pe_error *err)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < g->count; i++)
        json_array_append_new(rows, mark_as_json(&g->marks[i]));
    rows = pe_rows_complete(rows, g->count);
    const pe_status status = pe_print_rows(g->cli, rows, 0, NULL, err);
    json_decref(rows);
    return status;
}

static void print_line(FILE *out, const mark *m)
{
    fprintf(out, "%-11s %s", m->verdict, m->path);
    if (m->what[0])
        fprintf(out, ": %s", m->what);
    if (m->because[0])
        fprintf(out, ": %s", m->because);
    if (m->d.differing && m->d.layer)
        fprintf(out, "; head %zu", m->d.layer);
    if (m->d.differing)
        fprintf(out, "; row %zu, column %zu is %.9g, not %.9g", m->d.row, m->d.column, m->d.found,
                m->d.expected);
    fputc('\n', out);
}

static void print_lines(FILE *out, const void *data)
{
    const grading *g = data;
    for (size_t i = 0; i < g->count; i++)
        print_line(out, &g->marks[i]);
    fprintf(out, "%zu of %zu are %s\n", g->count - g->failed, g->count,
            pe_cli_text(g->cli, "expect"));
}

static pe_status put_out(const grading *g, pe_error *err)
{
    const char *csv = pe_cli_text(g->cli, "csv");
    pe_status status = csv ? write_csv(g, csv, err) : PE_OK;
    if (status == PE_OK && pe_cli_flag(g->cli, "json"))
        status = print_json(g, err);
    else if (status == PE_OK && !pe_cli_flag(g->cli, "quiet"))
        status = pe_print_text(print_lines, g, err);
    if (status == PE_OK && g->failed)
        status = pe_fail(err, PE_DIFFERS, "%zu of %zu files are not %s", g->failed, g->count,
                         pe_cli_text(g->cli, "expect"));
    return status;
}

pe_status identify_grade(const pe_cli *cli, pe_error *err)
{
    grading g = {.cli = cli, .count = (size_t)cli->word_count};
    pe_status status = pe_choice_parse(pe_cli_text(cli, "expect"), 0, NULL, &g.choice, err);
    if (status != PE_OK)
        return status;
    const char *csv = pe_cli_text(cli, "csv");
    g.marks = pe_allocate(g.count, sizeof *g.marks, "marks", err);
    status = g.marks ? PE_OK : PE_MEMORY;
    if (status == PE_OK && csv)
        status = pe_output_possible(csv, err);
    if (status == PE_OK)
        status = grade_all(&g, err);
    if (status == PE_OK)
        status = put_out(&g, err);
    pe_release(g.marks);
    pe_choice_release(&g.choice);
    return status;
}
