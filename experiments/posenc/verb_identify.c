/* posenc identify: what is this matrix, and how was it computed? */
#include "verbs.h"

#include "cli/print.h"
#include "cli/signals.h"
#include "identify.h"
#include "io/output.h"

#include <stdio.h>

static const pe_cli_option options[] = {
    {"tensor", 't', PE_CLI_TEXT, "NAME", NULL, 0, 0, false,
     "tensor of a safetensors file (default: its only one, or the first with a usual name)"},
};
static const pe_cli_option grading[] = {
    {"expect", 'e', PE_CLI_TEXT, "ID[:option=value,...]", NULL, 0, 0, false,
     "grade every file against this variant: one line each, exit code 1 when one fails"},
    {"from", 0, PE_CLI_REAL, "X", "0", 0, 0, false, "position that row 0 should have"},
    {"tolerance", 0, PE_CLI_REAL, "X", "-1", -1, 1e9, false,
     "what an entry may be off by; -1: what float arithmetic may do at its position"},
    {"csv", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false, "write the lines to a CSV file, too"},
};
static const pe_cli_option testing[] = {
    {"self-test", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "identify generated matrices with known answers and print how often it is right"},
    {"cases", 0, PE_CLI_INT, "N", "0", 0, 100000, false,
     "how many of them, spread over all kinds; 0: all"},
};
static const pe_cli_group identify_options = PE_CLI_GROUP("Identification", options);
static const pe_cli_group grading_options = PE_CLI_GROUP("Grading", grading);
static const pe_cli_group testing_options = PE_CLI_GROUP("Self-test", testing);

typedef struct found_file {
    const char *path;
    identify_file file;
    pe_identification what;
    identify_command command;
} found_file;

static pe_status find(const pe_cli *cli, const char *path, found_file *f, pe_error *err)
{
    f->path = path;
    pe_status status = identify_open(path, pe_cli_text(cli, "tensor"), &f->file, err);
    if (status == PE_OK)
        status = pe_identify(&f->file.matrix, &f->what, err);
    if (status == PE_OK)
        status = identify_find_command(&f->file.matrix, &f->what, &f->command, err);
    return status;
}

typedef struct shown {
    const found_file *found;
    bool first;
} shown;

static void fill(FILE *out, const void *data)
{
    const shown *s = data;
    const found_file *f = s->found;
    if (!s->first)
        fputc('\n', out);
    identify_print(out, f->path, &f->file, &f->what, &f->command);
}

static pe_status show(const pe_cli *cli, const found_file *f, json_t *all, pe_error *err)
{
    const shown s = {f, f->path == cli->words[0]};
    if (pe_cli_flag(cli, "json"))
        return json_array_append_new(
                   all, identify_as_json(f->path, &f->file, &f->what, &f->command)) == 0
                   ? PE_OK
                   : pe_fail(err, PE_MEMORY, "no memory for the results");
    return pe_print_text(fill, &s, err);
}

static pe_status identify_each(const pe_cli *cli, json_t *all, pe_error *err)
{
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < cli->word_count; i++) {
        found_file f = {0};
        status = find(cli, cli->words[i], &f, err);
        if (status == PE_OK)
            status = show(cli, &f, all, err);
        identify_close(&f.file);
        if (status == PE_OK)
            status = pe_signals_check(err);
    }
    return status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    if (pe_cli_flag(cli, "self-test"))
        return identify_self_test(cli, err);
    if (cli->word_count == 0)
        return pe_fail(err, PE_USAGE, "identify wants a FILE, or --self-test");
    if (pe_cli_text(cli, "expect"))
        return identify_grade(cli, err);
    json_t *all = json_array();
    pe_status status =
        all ? identify_each(cli, all, err) : pe_fail(err, PE_MEMORY, "no memory for the results");
    if (status == PE_OK && pe_cli_flag(cli, "json"))
        status = pe_print_json(cli->word_count == 1 ? json_array_get(all, 0) : all, err);
    json_decref(all);
    return status;
}

const pe_cli_verb verb_identify = {
    .name = "identify",
    .arguments = "FILE... | --self-test",
    .summary = "what is this matrix: encoding, convention, arithmetic, known bug",
    .description =
        "FILE is .npy, CSV or .safetensors and holds a position table, cosines or sines of a "
        "rotation, slopes, or T x T biases, logits or attention weights, for one head or several. "
        "Says layout, frequency rule, base, first position, scale, angle unit, the format and the "
        "path of the arithmetic, the residual, the known bug it may be, and the command that makes "
        "the same numbers. What nothing explains is unknown, with the nearest candidates. With "
        "--expect it grades: exit code 1 when a file is not what it should be; a file that cannot "
        "be read is a failed line.",
    .examples =
        "posenc identify mine.npy\n"
        "posenc identify model.safetensors --tensor encoder.pos --json\n"
        "posenc identify --expect sinusoidal:layout=concat handed_in/*.npy --csv marks.csv\n"
        "posenc identify --self-test --cases 100   # how often is it right?",
    .least = 0,
    .most = -1,
    .groups = {&identify_options, &grading_options, &testing_options},
    .run = run,
};
