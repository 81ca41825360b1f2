/* posenc inspect: a table of positions out of a checkpoint, measured like our own. */
#include "verbs.h"

#include "analysis/start.h"
#include "cli/print.h"
#include "cli/version.h"
#include "core/lent.h"
#include "inspect/inspect.h"
#include "io/output.h"
#include "report/report.h"

static const pe_cli_option options[] = {
    {"tensor", 't', PE_CLI_TEXT, "NAME", NULL, 0, 0, false,
     "tensor of a safetensors file (default: the first with a usual name)"},
    {"out", 'o', PE_CLI_TEXT, "DIR", NULL, 0, 0, false,
     "folder for tables, figures, notebook and page (default: print only)"},
};
static const pe_cli_group inspect_options = PE_CLI_GROUP("Inspection", options);

static pe_status print(const pe_cli *cli, const pe_result *result, pe_error *err)
{
    if (pe_cli_flag(cli, "quiet") && !pe_cli_flag(cli, "json"))
        return PE_OK;
    pe_buffer text = {0};
    pe_status status = pe_cli_flag(cli, "json") ? pe_report_json(result, &text, err)
                                                : pe_report_text(result, &text, err);
    if (status == PE_OK)
        status = pe_print_bytes(text.bytes, text.size, err);
    pe_buffer_release(&text);
    return status;
}

static void state_facts(const pe_cli *cli, pe_result *result)
{
    char command[1024];
    const char *tensor = pe_cli_text(cli, "tensor");
    json_t *version = pe_version();
    snprintf(command, sizeof command, "posenc inspect %s%s%s", cli->words[0],
             tensor ? " --tensor " : "", tensor ? tensor : "");
    pe_result_facts(result, &(pe_run_facts){
                                .command = command,
                                .version = PE_VERSION,
                                .precision = "double",
                                .blas = pe_blas_name(),
                                .compiler = json_string_value(json_object_get(version, "compiler")),
                                .threads = (unsigned)pe_cli_int(cli, "threads"),
                            });
    json_decref(version);
}

static pe_status document(const pe_cli *cli, const pe_inspect_table *table,
                          const pe_inspect_found *found, pe_error *err)
{
    const char *folder = pe_cli_text(cli, "out");
    pe_result *result = pe_result_new("inspect", "An inspected table",
                                      "What has this table of positions learned?", err);
    if (!result)
        return err->status;
    state_facts(cli, result);
    pe_inspect_show(table, found, result, err);
    pe_status status = pe_result_check(result, err);
    if (status == PE_OK)
        status = print(cli, result, err);
    if (status == PE_OK && folder)
        status = pe_report_save(result, folder, PE_REPORT_ALL, err);
    pe_result_release(result);
    return status;
}

static pe_status run_verb(const pe_cli *cli, pe_error *err)
{
    pe_inspect_table table;
    pe_inspect_found found;
    pe_analysis_start();
    const char *folder = pe_cli_text(cli, "out");
    pe_status status = pe_inspect_open(cli->words[0], pe_cli_text(cli, "tensor"), &table, err);
    if (status != PE_OK)
        return status;
    if (folder)
        status = pe_output_folder(folder, err);
    if (status == PE_OK)
        status = pe_inspect_measure(&table, &found, err);
    if (status == PE_OK) {
        status = document(cli, &table, &found, err);
        pe_inspect_forget(&found);
    }
    pe_inspect_release(&table);
    return status;
}

const pe_cli_verb verb_inspect = {
    .name = "inspect",
    .arguments = "FILE.safetensors|FILE.npy",
    .summary = "look into a position table out of a real checkpoint",
    .description =
        "Finds the table by the usual names (wpe.weight, position_embeddings.weight, ...), in F32, "
        "F16 or BF16, also in a download that broke off behind it. Says which rows look untrained, "
        "whether the table is sinusoidal, how far distance alone explains it, and where its power "
        "lies, each beside what noise of the same size would show.",
    .examples = "posenc inspect model.safetensors\n"
                "posenc inspect model.safetensors --tensor encoder.pos --out inspected\n"
                "posenc inspect table.npy --json",
    .least = 1,
    .most = 1,
    .groups = {&inspect_options},
    .run = run_verb,
};
