#include "cli/session.h"

#include "conformance/conformance.h"
#include "registry/registry.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static void refuse(const pe_cli *cli, const pe_error *why, int *refused)
{
    fprintf(stderr, "%s: %s\n", cli->program->name, why->text);
    ++*refused;
}

/* Modules stand behind the built-in variants, in the order they were loaded. */
static void try_new_modules(const pe_cli *cli, size_t first, int *refused)
{
    const pe_conformance_options options = {.seed = (uint64_t)pe_cli_int(cli, "seed"),
                                            .quick = true};
    for (size_t at = first; at < pe_registry_count();) {
        const pe_variant *variant = pe_registry_at(at);
        static pe_conformance report;
        pe_error why;
        const pe_status status =
            pe_conformance_run_apart(variant, pe_registry_path(variant), &options, &report, &why);
        if (status == PE_OK) {
            at++;
            continue;
        }
        refuse(cli, &why, refused);
        pe_registry_unload(variant);
    }
}

static pe_status load_folders(const pe_cli *cli, const char *path, int *refused, pe_error *err)
{
    pe_refusals refusals = {0};
    const pe_status status = pe_registry_load_path(path, &refusals, err);
    for (size_t i = 0; status == PE_OK && i < refusals.count; i++)
        refuse(cli, &refusals.list[i], refused);
    pe_refusals_release(&refusals);
    return status;
}

pe_status pe_session_begin(const pe_cli *cli, int *refused, pe_error *err)
{
    *refused = 0;
    pe_registry_start();
    const size_t built_in = pe_registry_count();
    const char *file;
    for (int i = 0; (file = pe_cli_each(cli, "plugin", i)); i++) {
        pe_error why;
        if (pe_registry_load(file, &why) != PE_OK)
            refuse(cli, &why, refused);
    }
    pe_status status = load_folders(cli, pe_cli_text(cli, "variant-path"), refused, err);
    if (status == PE_OK)
        status = load_folders(cli, getenv("POSENC_VARIANT_PATH"), refused, err);
    if (status == PE_OK && !pe_cli_flag(cli, "trust"))
        try_new_modules(cli, built_in, refused);
    const int threads = (int)pe_cli_int(cli, "threads");
    if (threads > 0)
        omp_set_num_threads(threads);
    return status;
}
