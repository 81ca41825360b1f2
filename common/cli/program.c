#include "cli/program.h"

#include "cli/help.h"
#include "cli/limits.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/version.h"

#include <stdio.h>
#include <string.h>

/* ---- help and version ---- */

typedef struct help_request {
    const pe_cli_program *program;
    const pe_cli_verb *verb;
    pe_cli_form form;
} help_request;

static void fill_help(FILE *out, const void *data)
{
    const help_request *request = data;
    pe_cli_help(out, request->program, request->verb, request->form);
}

pe_status pe_cli_print_help(const pe_cli_program *program, const pe_cli_verb *verb,
                            const char *form, pe_error *err)
{
    if (strcmp(form, "json") == 0) {
        json_t *help = pe_cli_help_json(program, verb);
        const pe_status status = pe_print_json(help, err);
        json_decref(help);
        return status;
    }
    const help_request request = {program, verb,
                                  strcmp(form, "man") == 0    ? PE_HELP_MAN
                                  : strcmp(form, "bash") == 0 ? PE_HELP_BASH
                                                              : PE_HELP_TEXT};
    return pe_print_text(fill_help, &request, err);
}

static void fill_version(FILE *out, const void *data)
{
    const json_t *version = data;
    const char *gsl = json_string_value(json_object_get(version, "gsl"));
    fprintf(out, "posenc %s\n", PE_VERSION);
    fprintf(out, "compiler  %s\n", json_string_value(json_object_get(version, "compiler")));
    fprintf(out, "GSL       %s\n", gsl ? gsl : "not linked");
    fprintf(out, "BLAS      %s\n", json_string_value(json_object_get(version, "blas")));
    fprintf(out, "SIMD      %s\n", json_string_value(json_object_get(version, "simd")));
    fprintf(out, "quad      %s\n", json_is_true(json_object_get(version, "quad")) ? "yes" : "no");
    fprintf(out, "OpenMP    %" JSON_INTEGER_FORMAT "\n",
            json_integer_value(json_object_get(version, "openmp")));
}

pe_status pe_cli_print_version(const pe_cli_program *program, bool json, pe_error *err)
{
    (void)program;
    json_t *version = pe_version();
    pe_status status;
    if (!version)
        status = pe_fail(err, PE_MEMORY, "no memory for the version");
    else
        status = json ? pe_print_json(version, err) : pe_print_text(fill_version, version, err);
    json_decref(version);
    return status;
}

/* ---- running ---- */

/* --help with --json, on whichever side of it, is --help=json. */
static const char *form_of_help(const pe_cli *cli)
{
    const char *form = pe_cli_text(cli, "help");
    return pe_cli_flag(cli, "json") && strcmp(form, "text") == 0 ? "json" : form;
}

/* PE_OK and *done when --help or --version was all that was wanted. */
static pe_status answer_help(const pe_cli *cli, bool *done, pe_error *err)
{
    *done = true;
    if (pe_cli_given(cli, "help"))
        return pe_cli_print_help(cli->program, cli->verb, form_of_help(cli), err);
    if (pe_cli_flag(cli, "version"))
        return pe_cli_print_version(cli->program, pe_cli_flag(cli, "json"), err);
    *done = false;
    return PE_OK;
}

static pe_status run(const pe_cli *cli, int *refused, pe_error *err)
{
    bool done;
    pe_status status = answer_help(cli, &done, err);
    if (done || status != PE_OK)
        return status;
    status = pe_session_begin(cli, refused, err);
    if (status == PE_OK)
        pe_print_use_colours(pe_print_colours(cli));
    status = cli->verb->run(cli, err);
    return status;
}

static int finish(const char *who, pe_status status, const pe_error *err, int refused)
{
    if (status != PE_OK && err->text[0])
        fprintf(stderr, "%s: %s\n", who, err->text);
    return pe_exit_code(refused ? PE_PLUGIN : status);
}

/* argv[0] is the verb's name, argv[1] .. its words and options. */
static int run_verb(const pe_cli_program *program, const pe_cli_verb *verb, int argc, char **argv)
{
    pe_error err = {0};
    pe_cli cli;
    int refused = 0;
    char who[128];
    snprintf(who, sizeof who, "%s %s", program->name, verb->name);
    pe_status status = pe_cli_parse(program, verb, argc, argv, &cli, &err);
    if (status == PE_OK) {
        status = run(&cli, &refused, &err);
        pe_cli_release(&cli);
    }
    return finish(who, status, &err, refused);
}

static void start(void)
{
    pe_signals_start();
    pe_limit_memory();
}

int pe_cli_main_verb(const pe_cli_program *program, const char *verb, int argc, char **argv)
{
    pe_error err = {0};
    const pe_cli_verb *found;
    start();
    const pe_status status = pe_cli_find_verb(program, verb, &found, &err);
    return status == PE_OK ? run_verb(program, found, argc, argv)
                           : finish(program->name, status, &err, 0);
}

/* No verb: the program's own --help[=FORM], --version [--json]. */
static int run_program(const pe_cli_program *program, int argc, char **argv)
{
    static const pe_cli_verb none = {.name = "", .arguments = "", .most = -1};
    pe_error err = {0};
    pe_cli cli;
    bool done = false;
    pe_status status = pe_cli_parse(program, &none, argc, argv, &cli, &err);
    if (status == PE_OK) {
        cli.verb = &none;
        if (pe_cli_given(&cli, "help"))
            status = pe_cli_print_help(program, NULL, form_of_help(&cli), &err);
        else
            status = answer_help(&cli, &done, &err);
        if (status == PE_OK && !done && !pe_cli_given(&cli, "help"))
            status =
                pe_fail(&err, PE_USAGE, "a verb comes first: '%s help' lists them", program->name);
        pe_cli_release(&cli);
    }
    return finish(program->name, status, &err, 0);
}

int pe_cli_main(const pe_cli_program *program, int argc, char **argv)
{
    pe_error err = {0};
    const pe_cli_verb *verb;
    start();
    if (argc < 2 || argv[1][0] == '-')
        return run_program(program, argc, argv);
    const pe_status status = pe_cli_find_verb(program, argv[1], &verb, &err);
    return status == PE_OK ? run_verb(program, verb, argc - 1, argv + 1)
                           : finish(program->name, status, &err, 0);
}
