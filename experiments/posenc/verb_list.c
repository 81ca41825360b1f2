#include "verbs.h"

#include "cli/print.h"
#include "describe.h"
#include "registry/registry.h"

#include <stdbool.h>

static pe_status run(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"id", "title", "hooks", "source", "from"};
    json_t *rows = json_array();
    bool loaded = false;
    for (size_t i = 0; i < pe_registry_count(); i++) {
        json_array_append_new(rows, describe_variant(pe_registry_at(i)));
        loaded |= pe_registry_path(pe_registry_at(i)) != NULL;
    }
    rows = pe_rows_complete(rows, pe_registry_count());
    const pe_status status = pe_print_rows(cli, rows, loaded ? 5 : 4, columns, err);
    json_decref(rows);
    return status;
}

const pe_cli_verb verb_list = {
    .name = "list",
    .arguments = "",
    .summary = "the variants that are here, with their papers",
    .examples = "posenc list\n"
                "posenc list --plugin ./mine.so   # with one of your own\n"
                "posenc list --json",
    .run = run,
};
