#include "verbs.h"

#include "cli/print.h"
#include "conformance/conformance.h"
#include "conformance/skeleton.h"
#include "io/output.h"
#include "registry/module.h"

#include <stdio.h>
#include <string.h>

static const pe_cli_option options[] = {
    {"folder", 0, PE_CLI_TEXT, "DIR", ".", 0, 0, false, "new: where the folder NAME is made"},
    {"quick", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "check: descriptor, setup, hooks and claims only"},
};
static const pe_cli_group plugin_options = PE_CLI_GROUP("Plug-in", options);

/* ---- new ---- */

typedef struct made {
    const char *folder, *name;
} made;

static void say_what_next(FILE *out, const void *data)
{
    const made *m = data;
    fprintf(out, "%s/%s is there: read its README.md, change %s.c, build, then\n", m->folder,
            m->name, m->name);
    fprintf(out, "    posenc plugin check %s.so\n", m->name);
}

static pe_status print_made(const pe_cli *cli, const made *m, pe_error *err)
{
    if (!pe_cli_flag(cli, "json"))
        return pe_cli_flag(cli, "quiet") ? PE_OK : pe_print_text(say_what_next, m, err);
    json_t *row =
        json_pack("{s:s, s:o}", "name", m->name, "made", json_sprintf("%s/%s", m->folder, m->name));
    const pe_status status = pe_print_json(row, err);
    json_decref(row);
    return status;
}

static pe_status make_new(const pe_cli *cli, const char *name, pe_error *err)
{
    const made m = {pe_cli_text(cli, "folder"), name};
    const pe_status status = pe_plugin_new(m.folder, name, err);
    return status == PE_OK ? print_made(cli, &m, err) : status;
}

/* ---- check ---- */

static json_t *finding_rows(const pe_conformance *report)
{
    json_t *rows = json_array();
    for (int i = 0; i < report->count; i++) {
        const pe_finding *finding = &report->finding[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "result",
                                              pe_outcome_name(finding->outcome), "check",
                                              finding->name, "text", finding->text));
    }
    return pe_rows_complete(rows, (size_t)report->count);
}

static pe_status print_report(const pe_cli *cli, const pe_conformance *report, pe_error *err)
{
    static const char *const columns[] = {"result", "check", "text"};
    json_t *rows = finding_rows(report);
    const pe_status status = pe_print_rows(cli, rows, 3, columns, err);
    json_decref(rows);
    return status;
}

static pe_status check(const pe_cli *cli, const char *path, pe_error *err)
{
    static pe_conformance report;
    const pe_conformance_options how = {.seed = (uint64_t)pe_cli_int(cli, "seed"),
                                        .quick = pe_cli_flag(cli, "quick")};
    pe_module module;
    pe_status status = pe_module_open(path, &module, err);
    if (status != PE_OK)
        return status;
    status = pe_conformance_run_apart(module.variant, path, &how, &report, err);
    if (report.count) {
        const pe_status printed = print_report(cli, &report, status == PE_OK ? err : NULL);
        status = status == PE_OK ? printed : status;
    }
    pe_module_close(&module);
    return status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    const char *what = cli->words[0], *name = cli->words[1];
    if (strcmp(what, "new") == 0)
        return make_new(cli, name, err);
    if (strcmp(what, "check") == 0)
        return check(cli, name, err);
    return pe_fail(err, PE_USAGE, "plugin knows 'new NAME' and 'check FILE.so', not '%s'", what);
}

const pe_cli_verb verb_plugin = {
    .name = "plugin",
    .arguments = "new NAME | check FILE.so",
    .summary = "begin a variant of your own, or see whether one keeps the contract",
    .description = "check runs the conformance suite in a child process: shapes, finite values, "
                   "determinism, tiles, guard words, three precisions, every claim. A broken "
                   "contract or a crash is exit code 7.",
    .examples = "posenc plugin new mine\n"
                "posenc plugin check ./mine.so",
    .least = 2,
    .most = 2,
    .groups = {&plugin_options},
    .run = run,
};
