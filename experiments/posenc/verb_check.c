#include "verbs.h"

#include "case_compare.h"
#include "case_open.h"
#include "check_layouts.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "io/json.h"
#include "io/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const pe_cli_option options[] = {
    {"tolerance", 0, PE_CLI_REAL, "X", "-1", -1, 1e9, false,
     "allowed: X (1 + max|ref|); -1: what each case states"},
    {"files", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "one line for each file, also with several cases"},
    {"layouts", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "two tables instead of cases: are their columns the same in another order?"},
};
static const pe_cli_group check_options = PE_CLI_GROUP("Comparison", options);

/* ---- one case as JSON ---- */

/* null for a file that was not compared. */
static json_t *number(const case_difference *d, double x)
{
    return d->where[0] ? pe_json_real(x) : json_null();
}

static json_t *file_row(const case_difference *d)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "file", d->name, "verdict",
                     case_verdict_name(d->verdict), "largest", number(d, d->largest), "allowed",
                     number(d, d->allowed), "got", number(d, d->got), "expected",
                     number(d, d->expected), "where", d->where[0] ? d->where : d->why);
}

static json_t *case_row(const char *folder, const case_report *report)
{
    json_t *files = json_array();
    for (int i = 0; i < report->count; i++)
        json_array_append_new(files, file_row(&report->item[i]));
    files = pe_rows_complete(files, (size_t)report->count);
    return json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:o}", "case", folder, "passed",
                     report->differing == 0, "same", report->same, "differing", report->differing,
                     "skipped", report->skipped, "worst", report->worst, "files", files);
}

/* ---- all cases ---- */

typedef struct checking {
    const pe_cli *cli;
    json_t *cases;
    int failed;
    char worst_where[512]; /* FOLDER/FILE.npy[i][j], of the worst file of all */
    double worst_share, worst_largest, worst_allowed;
} checking;

static void keep_worst(checking *all, const char *folder, const case_report *report)
{
    const case_difference *d = &report->item[report->worst];
    const double share = case_share(d);
    if (all->worst_where[0] && share <= all->worst_share)
        return;
    all->worst_share = share;
    all->worst_largest = d->largest;
    all->worst_allowed = d->allowed;
    int length = (int)strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    snprintf(all->worst_where, sizeof all->worst_where, "%.*s/%s.npy%s%s%s", length, folder,
             d->name, d->where, d->why[0] ? ": " : "", d->why);
}

static pe_status check_one(checking *all, const char *folder, pe_error *err)
{
    pe_case *c;
    case_run run;
    case_report report = {0};
    pe_status status = case_open_and_compute(all->cli, folder, &c, &run, err);
    if (status == PE_OK)
        status = case_compare(&run, pe_cli_real(all->cli, "tolerance"), &report, err);
    if (status == PE_OK) {
        if (json_array_append_new(all->cases, case_row(folder, &report)) != 0)
            status = pe_fail(err, PE_MEMORY, "no memory for the results");
        all->failed += report.differing > 0;
        keep_worst(all, folder, &report);
    }
    case_report_release(&report);
    case_run_release(&run);
    pe_case_close(c);
    return status;
}

static pe_status check_all(checking *all, pe_error *err)
{
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, all->cli, "checking cases", (size_t)all->cli->word_count);
    for (int i = 0; status == PE_OK && i < all->cli->word_count; i++) {
        status = check_one(all, all->cli->words[i], err);
        if (status == PE_OK)
            status = pe_signals_check(err);
        pe_progress_step(&progress, (size_t)i + 1);
    }
    pe_progress_end(&progress);
    return status;
}

/* ---- printing ---- */

static void print_case_line(FILE *out, const json_t *row)
{
    fprintf(out, "%-7s %s: %d files the same, %d differ, %d not compared\n",
            json_is_true(json_object_get(row, "passed")) ? "ok" : "DIFFERS",
            json_string_value(json_object_get(row, "case")),
            (int)json_integer_value(json_object_get(row, "same")),
            (int)json_integer_value(json_object_get(row, "differing")),
            (int)json_integer_value(json_object_get(row, "skipped")));
}

static pe_status print_cases(FILE *out, const checking *all, pe_error *err)
{
    static const char *const columns[] = {"file", "verdict",  "largest", "allowed",
                                          "got",  "expected", "where"};
    const bool files = json_array_size(all->cases) == 1 || pe_cli_flag(all->cli, "files");
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < json_array_size(all->cases); i++) {
        const json_t *row = json_array_get(all->cases, i);
        if (files)
            status = pe_print_table(out, json_object_get(row, "files"), 7, columns, err);
        print_case_line(out, row);
    }
    fprintf(out, "largest difference %.3g (allowed: %.3g) at %s\n", all->worst_largest,
            all->worst_allowed, all->worst_where);
    return status;
}

static pe_status print_text(const checking *all, pe_error *err)
{
    pe_output *out = pe_output_begin("-", err);
    if (!out)
        return pe_print_status(PE_WRITE);
    const pe_status status = print_cases(pe_output_stream(out), all, err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    return pe_print_status(pe_output_commit(out, err));
}

static pe_status print_json(const checking *all, pe_error *err)
{
    json_t *value =
        json_pack("{s:O, s:i, s:{s:o, s:o, s:s}}", "cases", all->cases, "failed", all->failed,
                  "largest", "difference", pe_json_real(all->worst_largest), "allowed",
                  pe_json_real(all->worst_allowed), "where", all->worst_where);
    const pe_status status = pe_print_json(value, err);
    json_decref(value);
    return status;
}

static pe_status verdict(const checking *all, pe_error *err)
{
    if (all->failed == 0)
        return PE_OK;
    return pe_fail(err, PE_DIFFERS, "%d of %d cases differ; the largest difference is at %s",
                   all->failed, all->cli->word_count, all->worst_where);
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    if (pe_cli_flag(cli, "layouts"))
        return check_layouts(cli, err);
    checking all = {.cli = cli, .cases = json_array()};
    pe_status status = all.cases ? case_replace_variants(cli, err)
                                 : pe_fail(err, PE_MEMORY, "no memory for the results");
    if (status == PE_OK)
        status = check_all(&all, err);
    if (status == PE_OK)
        status = pe_cli_flag(cli, "json") ? print_json(&all, err) : print_text(&all, err);
    if (status == PE_OK)
        status = verdict(&all, err);
    json_decref(all.cases);
    return status;
}

const pe_cli_verb verb_check = {
    .name = "check",
    .arguments = "CASEDIR...|--layouts TABLE TABLE",
    .summary = "compute cases and compare with the results they hold",
    .description =
        "A case is a folder with case.json and .npy files; tests/golden/README.md has the format. "
        "Every output, every intermediate that can be made, and the gradients of an attention or "
        "layer "
        "that has G.npy (L = sum(out * G)) are compared: max|x - ref| may be "
        "tolerance (1 + max|ref|). The last line has the largest difference, measured by what is "
        "allowed. Exit code 0: all the same, 1: something differs. With --layouts the words are "
        "two "
        "tables (.npy, CSV, .safetensors): are their columns the same in another order? Then the "
        "order is printed, and what to do with W_q and W_k; else the column without a partner.",
    .examples = "posenc check tests/golden/*/\n"
                "posenc check my_case --precision f32 --method tiled\n"
                "posenc check my_case --tolerance 1e-6 --json\n"
                "posenc check --layouts mine.npy theirs.npy   # interleaved against concatenated?",
    .least = 1,
    .most = -1,
    .groups = {&check_options, &case_options},
    .run = run,
};
