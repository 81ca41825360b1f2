#include "verbs.h"

#include "cli/program.h"

static pe_status run(const pe_cli *cli, pe_error *err)
{
    return pe_cli_print_version(cli->program, pe_cli_flag(cli, "json"), err);
}

const pe_cli_verb verb_version = {
    .name = "version",
    .arguments = "",
    .summary = "version, compiler, libraries, and whether quad is a reference",
    .examples = "posenc version --json",
    .run = run,
};
