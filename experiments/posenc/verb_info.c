#include "verbs.h"

#include "cli/print.h"
#include "cli/selection.h"
#include "describe.h"
#include "io/output.h"

static json_t *describe(const pe_instance *instance)
{
    const pe_variant *v = instance->variant;
    json_t *all = describe_variant(v);
    json_t *more =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "summary", v->summary ? v->summary : "",
                  "formula", v->formula ? v->formula : "", "options", describe_options(v),
                  "parameters", describe_params(instance), "claims", describe_claims(instance),
                  "views", describe_views(instance));
    const bool whole = all && more && json_object_update(all, more) == 0;
    json_decref(more);
    if (whole)
        return all;
    json_decref(all);
    return NULL;
}

static void print_line(FILE *out, const json_t *all, const char *name)
{
    const char *text = json_string_value(json_object_get(all, name));
    if (text && *text)
        fprintf(out, "%-10s%s\n", name, text);
}

static void print_list(FILE *out, const json_t *all, const char *name)
{
    const json_t *list = json_object_get(all, name);
    fprintf(out, "%-10s", name);
    for (size_t i = 0; i < json_array_size(list); i++)
        fprintf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
    fprintf(out, json_array_size(list) ? "\n" : "none\n");
}

static pe_status print_section(FILE *out, const json_t *all, const char *name, int columns,
                               const char *const *names, pe_error *err)
{
    const json_t *rows = json_object_get(all, name);
    if (json_array_size(rows) == 0)
        return PE_OK;
    fputc('\n', out);
    return pe_print_table(out, rows, columns, names, err);
}

static pe_status print_all(FILE *out, const json_t *all, pe_error *err)
{
    static const char *const options[] = {"option", "kind", "default", "range", "meaning"};
    static const char *const params[] = {"parameter", "shape", "starts", "trained", "meaning"};
    static const char *const views[] = {"what", "how"};
    static const char *const lines[] = {"id", "title", "source", "from", "summary", "formula"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        print_line(out, all, lines[i]);
    print_list(out, all, "hooks");
    print_list(out, all, "claims");
    pe_status status = print_section(out, all, "options", 5, options, err);
    if (status == PE_OK)
        status = print_section(out, all, "parameters", 5, params, err);
    return status == PE_OK ? print_section(out, all, "views", 2, views, err) : status;
}

static pe_status print_text(const json_t *all, pe_error *err)
{
    pe_output *out = pe_output_begin("-", err);
    if (!out)
        return pe_print_status(PE_WRITE);
    const pe_status status = print_all(pe_output_stream(out), all, err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    return pe_print_status(pe_output_commit(out, err));
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    pe_dims dims;
    pe_instance *instance = NULL;
    pe_status status = pe_cli_read_dims(cli, &dims, err);
    if (status == PE_OK)
        status = pe_cli_instance(cli, cli->words[0], &dims, &instance, err);
    if (status != PE_OK)
        return status;
    json_t *all = describe(instance);
    if (!all)
        status = pe_fail(err, PE_MEMORY, "no memory for the description");
    else
        status = pe_cli_flag(cli, "json") ? pe_print_json(all, err) : print_text(all, err);
    json_decref(all);
    pe_instance_release(instance);
    return status;
}

const pe_cli_verb verb_info = {
    .name = "info",
    .arguments = "VARIANT",
    .summary = "one variant: formula, options, parameters, claims, hooks",
    .description = "Shapes of parameters and claims depend on dimensions and options; they are "
                   "those of the dimensions given here.",
    .examples = "posenc info rope --heads 8 --width 512\n"
                "posenc info t5 --json",
    .least = 1,
    .most = 1,
    .groups = {&pe_cli_selection, &pe_cli_dims},
    .run = run,
};
