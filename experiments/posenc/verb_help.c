#include "verbs.h"

#include "cli/program.h"

static pe_status run(const pe_cli *cli, pe_error *err)
{
    const pe_cli_verb *verb = NULL;
    if (cli->word_count) {
        const pe_status status = pe_cli_find_verb(cli->program, cli->words[0], &verb, err);
        if (status != PE_OK)
            return status;
    }
    return pe_cli_print_help(cli->program, verb, pe_cli_flag(cli, "json") ? "json" : "text", err);
}

const pe_cli_verb verb_help = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "what a verb does, and its options",
    .examples = "posenc help table\nposenc table --help=man > posenc-table.1\n"
                "source <(posenc --help=bash)  # completion",
    .most = 1,
    .run = run,
};
