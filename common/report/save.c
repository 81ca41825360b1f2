/* A result becomes a folder; run.json says so last. */
#include "report/make_json.h"
#include "report/report.h"
#include "report/result_data.h"
#include "report/sha256.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/csv.h"
#include "io/input.h"
#include "io/output.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_NAME = 128 };

typedef struct run_folder {
    const pe_result *result;
    const char *path;
    unsigned formats;
    pe_picture_shelf pictures;
    size_t files, room;
    char (*file)[FILE_NAME]; /* written so far, for run.json */
    pe_error *err;
} run_folder;

/* ---- files ---- */

static pe_status path_of(const run_folder *run, const char *name, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s/%s", run->path, name) >= PATH_MAX)
        return pe_fail(run->err, PE_WRITE, "%.200s...: path too long", run->path);
    return PE_OK;
}

static pe_status remember(run_folder *run, const char *name)
{
    if (run->files == run->room) {
        size_t room = run->room ? 2 * run->room : 32;
        void *grown = pe_grow(run->file, run->files, room, FILE_NAME, "list of files", run->err);
        if (!grown)
            return run->err->status;
        run->file = grown;
        run->room = room;
    }
    snprintf(run->file[run->files++], FILE_NAME, "%s", name);
    return PE_OK;
}

static pe_status write_bytes(run_folder *run, const char *name, const pe_buffer *bytes)
{
    char path[PATH_MAX];
    pe_status status = path_of(run, name, path);
    if (status != PE_OK)
        return status;
    pe_output *out = pe_output_begin(path, run->err);
    if (!out)
        return run->err->status;
    status = pe_output_write(out, bytes->bytes, bytes->size, run->err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    status = pe_output_commit(out, run->err);
    return status == PE_OK ? remember(run, name) : status;
}

/* ---- tables ---- */

static pe_status write_sheet(run_folder *run, const pe_sheet *sheet)
{
    char path[PATH_MAX], name[FILE_NAME];
    snprintf(name, sizeof name, "%s.csv", sheet->id);
    pe_status status = path_of(run, name, path);
    if (status != PE_OK)
        return status;
    const char **names = pe_allocate(sheet->columns, sizeof *names, "table", run->err);
    if (!names)
        return run->err->status;
    for (size_t c = 0; c < sheet->columns; c++)
        names[c] = sheet->column[c].name;
    pe_csv *csv = pe_csv_begin(path, sheet->columns, names, run->err);
    pe_release(names);
    if (!csv)
        return run->err->status;
    for (size_t i = 0; i < sheet->cells; i++) {
        if (sheet->cell[i].kind == PE_CELL_NUMBER)
            pe_csv_f64(csv, sheet->cell[i].number);
        else if (sheet->cell[i].kind == PE_CELL_TEXT)
            pe_csv_text(csv, sheet->cell[i].text);
        else
            pe_csv_empty(csv);
        if ((i + 1) % sheet->columns == 0)
            pe_csv_end_row(csv);
    }
    status = pe_csv_commit(csv, run->err);
    return status == PE_OK ? remember(run, name) : status;
}

static void number(pe_csv *csv, double value)
{
    if (isnan(value))
        pe_csv_empty(csv);
    else
        pe_csv_f64(csv, value);
}

static void write_verdict(pe_csv *csv, const pe_section *section, const pe_verdict_row *v)
{
    pe_csv_text(csv, section->title);
    pe_csv_text(csv, v->id);
    pe_csv_text(csv, v->variant);
    pe_csv_text(csv, v->quantity);
    pe_csv_text(csv, v->unit);
    number(csv, v->value);
    number(csv, v->expected);
    number(csv, v->tolerance);
    pe_csv_text(csv, v->source);
    number(csv, v->ci_low);
    number(csv, v->ci_high);
    pe_csv_text(csv, pe_judgement_text(v->judgement));
    pe_csv_text(csv, v->because);
    pe_csv_end_row(csv);
}

static pe_status write_verdicts(run_folder *run)
{
    static const char *const names[] = {"section", "id",       "variant",   "quantity", "unit",
                                        "value",   "expected", "tolerance", "source",   "ci_low",
                                        "ci_high", "verdict",  "because"};
    char path[PATH_MAX];
    pe_status status = path_of(run, "verdicts.csv", path);
    if (status != PE_OK)
        return status;
    pe_csv *csv = pe_csv_begin(path, sizeof names / sizeof names[0], names, run->err);
    if (!csv)
        return run->err->status;
    for (size_t s = 0; s < run->result->sections; s++)
        for (size_t v = 0; v < run->result->section[s]->verdicts; v++)
            write_verdict(csv, run->result->section[s], &run->result->section[s]->verdict[v]);
    status = pe_csv_commit(csv, run->err);
    return status == PE_OK ? remember(run, "verdicts.csv") : status;
}

/* ---- figures ---- */

static pe_status write_data(run_folder *run, const pe_figure *figure)
{
    pe_status status = pe_figure_save_data(figure, run->path, run->err);
    for (size_t i = 0; status == PE_OK && i < pe_figure_data_files(figure); i++) {
        char name[FILE_NAME];
        pe_figure_data_name(figure, i, name, sizeof name);
        status = remember(run, name);
    }
    return status;
}

static pe_status write_picture(run_folder *run, const pe_figure *figure, pe_picture kind,
                               const char *suffix)
{
    const pe_buffer *bytes = pe_picture_find(&run->pictures, pe_figure_id(figure), kind);
    char name[FILE_NAME];
    snprintf(name, sizeof name, "%s.%s", pe_figure_id(figure), suffix);
    return bytes ? write_bytes(run, name, bytes) : PE_OK;
}

static pe_status write_script(run_folder *run, const pe_figure *figure)
{
    pe_buffer script = {0};
    char name[FILE_NAME];
    snprintf(name, sizeof name, "%s.gp", pe_figure_id(figure));
    pe_picture kind = run->formats & PE_REPORT_SVG ? PE_SVG : PE_PNG;
    pe_status status = pe_figure_script(figure, kind, &script, run->err);
    if (status == PE_OK)
        status = write_bytes(run, name, &script);
    pe_buffer_release(&script);
    return status;
}

static pe_status write_figure(run_folder *run, const pe_figure *figure)
{
    pe_status status = PE_OK;
    if (run->formats & PE_REPORT_CSV)
        status = write_data(run, figure);
    if (status == PE_OK && run->formats & (PE_REPORT_SVG | PE_REPORT_PNG))
        status = write_script(run, figure);
    if (status == PE_OK && run->formats & PE_REPORT_SVG)
        status = write_picture(run, figure, PE_SVG, "svg");
    if (status == PE_OK && run->formats & PE_REPORT_PNG)
        status = write_picture(run, figure, PE_PNG, "png");
    return status;
}

static pe_status write_blocks(run_folder *run)
{
    pe_status status = PE_OK;
    for (size_t s = 0; s < run->result->sections; s++)
        for (size_t b = 0; b < run->result->section[s]->blocks && status == PE_OK; b++) {
            const pe_block *block = &run->result->section[s]->block[b];
            if (block->figure)
                status = write_figure(run, block->figure);
            else if (block->sheet && run->formats & PE_REPORT_CSV)
                status = write_sheet(run, block->sheet);
        }
    if (status == PE_OK && run->formats & PE_REPORT_CSV)
        status = write_verdicts(run);
    return status;
}

/* ---- documents ---- */

typedef pe_status document(const pe_result *r, const pe_picture_shelf *pictures, pe_buffer *out,
                           pe_error *err);

static pe_status json_document(const pe_result *r, const pe_picture_shelf *pictures, pe_buffer *out,
                               pe_error *err)
{
    (void)pictures;
    return pe_report_json(r, out, err);
}

static pe_status write_document(run_folder *run, unsigned format, const char *name, document *make)
{
    if (!(run->formats & format))
        return PE_OK;
    pe_buffer bytes = {0};
    pe_status status = make(run->result, &run->pictures, &bytes, run->err);
    if (status == PE_OK)
        status = write_bytes(run, name, &bytes);
    pe_buffer_release(&bytes);
    return status;
}

static pe_status write_documents(run_folder *run)
{
    char notebook[FILE_NAME], page[FILE_NAME];
    snprintf(notebook, sizeof notebook, "%s.ipynb", run->result->id);
    snprintf(page, sizeof page, "%s.html", run->result->id);
    pe_status status = write_document(run, PE_REPORT_JSON, "result.json", json_document);
    if (status == PE_OK)
        status = write_document(run, PE_REPORT_NOTEBOOK, notebook, pe_report_notebook);
    if (status == PE_OK)
        status = write_document(run, PE_REPORT_PAGE, page, pe_report_page);
    return status;
}

/* ---- run.json ---- */

/* From the disk, so that run.json speaks of what is there. */
static pe_status put_digest(const run_folder *run, pe_maker *m, json_t *files, const char *name)
{
    char path[PATH_MAX], digest[PE_SHA256_TEXT], *bytes = NULL;
    size_t size = 0;
    pe_status status = path_of(run, name, path);
    if (status == PE_OK)
        status = pe_input_load(path, SIZE_MAX / 4, &bytes, &size, run->err);
    if (status != PE_OK)
        return status == PE_FORMAT ? pe_fail(run->err, PE_WRITE, "%s: not as it was written", path)
                                   : status;
    pe_sha256(bytes, size, digest);
    pe_release(bytes);
    pe_put_text(m, files, name, digest);
    return PE_OK;
}

static pe_status make_run(const run_folder *run, pe_buffer *out)
{
    const pe_result *r = run->result;
    pe_maker m = {0};
    json_t *root = pe_make_object(&m), *files = pe_make_object(&m);
    pe_status status = PE_OK;
    for (size_t i = 0; i < run->files && status == PE_OK; i++)
        status = put_digest(run, &m, files, run->file[i]);
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    pe_put(&m, root, "schema", json_integer(PE_REPORT_SCHEMA));
    pe_put_text(&m, root, "id", r->id);
    pe_put_text(&m, root, "title", r->title);
    pe_put_text(&m, root, "question", r->question);
    pe_put_text(&m, root, "finding", r->finding);
    pe_put_text(&m, root, "command", r->command);
    pe_put_text(&m, root, "seed", seed);
    pe_put_text(&m, root, "version", r->version);
    pe_put_text(&m, root, "precision", r->precision);
    pe_put_text(&m, root, "blas", r->blas);
    pe_put_text(&m, root, "compiler", r->compiler);
    pe_put(&m, root, "threads", json_integer((json_int_t)r->threads));
    pe_put_number(&m, root, "seconds", round(1000 * (pe_seconds() - r->began)) / 1000);
    pe_put(
        &m, root, "pictures",
        json_boolean(run->pictures.missing.status == PE_OK && !(run->formats & PE_REPORT_UNDRAWN)));
    pe_put(&m, root, "passed", json_integer((json_int_t)pe_result_count(r, PE_VERDICT_PASS)));
    pe_put(&m, root, "failed", json_integer((json_int_t)pe_result_count(r, PE_VERDICT_FAIL)));
    pe_put(&m, root, "files", files);
    pe_put(&m, root, "complete", json_true());
    if (status != PE_OK) {
        json_decref(root);
        return status;
    }
    return pe_make_text(&m, root, out, "run.json", run->err);
}

static pe_status write_run(run_folder *run)
{
    pe_buffer bytes = {0};
    pe_status status = make_run(run, &bytes);
    if (status == PE_OK)
        status = write_bytes(run, "run.json", &bytes);
    pe_buffer_release(&bytes);
    return status;
}

/* ---- the whole ---- */

static unsigned pictures_for(unsigned formats)
{
    if (formats & PE_REPORT_UNDRAWN)
        return 0;
    return (formats & (PE_REPORT_SVG | PE_REPORT_PAGE) ? 1u << PE_SVG : 0) |
           (formats & (PE_REPORT_PNG | PE_REPORT_NOTEBOOK) ? 1u << PE_PNG : 0);
}

/* From here on the run.json of an earlier run would vouch for files that are no longer its own. */
static pe_status forget_earlier_run(const run_folder *run)
{
    char path[PATH_MAX];
    pe_status status = path_of(run, "run.json", path);
    if (status == PE_OK && unlink(path) != 0 && errno != ENOENT)
        status = pe_fail(run->err, PE_WRITE, "%s: cannot replace: %s", path, strerror(errno));
    return status;
}

static pe_status write_all(run_folder *run)
{
    pe_status status = pe_output_folder(run->path, run->err);
    if (status == PE_OK)
        status = forget_earlier_run(run);
    if (status == PE_OK)
        status = write_blocks(run);
    if (status == PE_OK)
        status = write_documents(run);
    if (status == PE_OK)
        status = write_run(run);
    if (status == PE_OK && run->pictures.missing.status != PE_OK)
        status = pe_fail(run->err, PE_TOOL, "%s", run->pictures.missing.text);
    return status;
}

pe_status pe_report_save(const pe_result *result, const char *folder, unsigned formats,
                         pe_error *err)
{
    pe_error local = {0};
    run_folder run = {
        .result = result, .path = folder, .formats = formats, .err = err ? err : &local};
    pe_status status = pe_result_check(result, run.err);
    if (status == PE_OK)
        status = pe_picture_shelf_fill(result, pictures_for(formats), &run.pictures, run.err);
    if (status == PE_OK)
        status = write_all(&run);
    pe_picture_shelf_release(&run.pictures);
    pe_release(run.file);
    return status;
}
