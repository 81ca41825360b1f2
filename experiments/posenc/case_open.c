#include "case_open.h"

#include "registry/registry.h"

#include <stdio.h>

static const pe_cli_option options[] = {
    {"precision", 'p', PE_CLI_CHOICE, "f32|f64", "f64", 0, 0, false, "of the computation"},
    {"method", 'm', PE_CLI_CHOICE, "reference|tiled", "reference", 0, 0, false,
     "of the attention: the whole matrix, or blocks (which have no logits to show)"},
    {"replace", 0, PE_CLI_TEXT, "FILE.so", NULL, 0, 0, true,
     "a module whose variant takes the place of the built-in one"},
};
const pe_cli_group case_options = PE_CLI_GROUP("Computation", options);

pe_status case_replace_variants(const pe_cli *cli, pe_error *err)
{
    pe_status status = PE_OK;
    const char *file;
    for (int i = 0; status == PE_OK && (file = pe_cli_each(cli, "replace", i)); i++)
        status = pe_registry_replace(file, err);
    return status;
}

static pe_status compute(const pe_cli *cli, const pe_case *c, case_run *run, pe_error *err)
{
    static const pe_precision precisions[] = {PE_FLOAT, PE_DOUBLE};
    static const pe_method methods[] = {PE_REFERENCE, PE_TILED};
    pe_status status = case_run_begin(c, precisions[pe_cli_choice(cli, "precision")],
                                      methods[pe_cli_choice(cli, "method")], run, err);
    return status == PE_OK ? case_run_compute(run, err) : status;
}

pe_status case_open_and_compute(const pe_cli *cli, const char *folder, pe_case **c, case_run *run,
                                pe_error *err)
{
    *c = NULL;
    *run = (case_run){0};
    pe_error why = {0};
    pe_status status = pe_case_open(folder, c, &why);
    if (status == PE_OK)
        status = compute(cli, *c, run, &why);
    if (status == PE_USAGE)
        status = PE_FORMAT;
    if (status != PE_OK)
        pe_fail(err, status, "%s", why.text);
    return status;
}
