/* posenc run: experiments by name, from options to a saved folder. */
#include "verbs.h"

#include "analysis/start.h"
#include "base/memory.h"
#include "base/names.h"
#include "cli/progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "core/lent.h"
#include "io/lock.h"
#include "io/output.h"
#include "lab/lab.h"
#include "plot/gnuplot.h"
#include "registry/registry.h"
#include "report/report.h"

#include <string.h>
#include <unistd.h>

static const pe_cli_option options[] = {
    {"out", 'o', PE_CLI_TEXT, "DIR", "notebooks_out", 0, 0, false,
     "folder that gets one folder per experiment and an index"},
    {"plot", 0, PE_CLI_CHOICE, "all|svg|png|ascii|none", "all", 0, 0, false,
     "pictures to make; all is SVG and PNG, ascii draws on the terminal, none needs no gnuplot"},
    {"plot-timeout", 0, PE_CLI_REAL, "SECONDS", "30", 0.1, 3600, false,
     "when a picture takes longer, gnuplot is stopped"},
    {"png-width", 0, PE_CLI_INT, "W", "1920", 320, 3840, false,
     "width of PNG pictures, in pixels; the height is 9/16 of it"},
    {"length", 'L', PE_CLI_INT, "T", "128", 8, 4096, false, "tokens in a sequence"},
    {"heads", 0, PE_CLI_INT, "H", "4", 1, 256, false, "attention heads"},
    {"head-dim", 0, PE_CLI_INT, "D", "32", 1, 1024, false,
     "width of one head; d_model is H times D"},
    {"draws", 0, PE_CLI_INT, "N", "20", 2, 10000, false,
     "random draws behind every confidence interval"},
    {"text", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false,
     "real text, read as bytes (default: the licence text that comes with posenc)"},
    {"quick", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "fewer sizes in the long parts"},
    {"preset", 0, PE_CLI_CHOICE, "quick|full", "quick", 0, 0, false,
     "how long trained experiments train: minutes, or a night that can be gone on with"},
    {"dry-run", 'n', PE_CLI_FLAG, NULL, NULL, 0, 0, false, "say what would be run, and stop"},
};
static const pe_cli_group experiment_options = PE_CLI_GROUP("Experiment", options);

static const char *text_path(const pe_cli *cli)
{
    const char *given = pe_cli_text(cli, "text");
    if (given)
        return given;
    return access(POSENC_DEFAULT_TEXT, R_OK) == 0 ? POSENC_DEFAULT_TEXT : POSENC_INSTALLED_TEXT;
}

static bool is_full(const pe_cli *cli)
{
    return pe_cli_choice(cli, "preset") == 1 && !pe_cli_flag(cli, "quick");
}

static pe_lab_size size_of(const pe_cli *cli)
{
    return (pe_lab_size){
        .length = pe_cli_int(cli, "length"),
        .heads = (int)pe_cli_int(cli, "heads"),
        .head_dim = (int)pe_cli_int(cli, "head-dim"),
        .draws = (int)pe_cli_int(cli, "draws"),
        .seed = (uint64_t)pe_cli_int(cli, "seed"),
        .text = text_path(cli),
        .quick = pe_cli_flag(cli, "quick"),
        .full = is_full(cli),
    };
}

/* ---- which experiments, which variants --------------------------------------------------------
 */

static pe_status find_experiment(const char *name, const pe_experiment **found, pe_error *err)
{
    const char *known[64];
    size_t count = 0;
    for (; pe_experiments[count] && count < 64; count++) {
        known[count] = pe_experiments[count]->id;
        if (strcmp(known[count], name) == 0) {
            *found = pe_experiments[count];
            return PE_OK;
        }
    }
    char advice[PE_ERROR_TEXT / 2];
    pe_name_advice(name, count, known, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "there is no experiment %s; %s", name, advice);
}

enum { MOST_CHOICES = 64 };

typedef struct chosen {
    int count;
    pe_choice choice[MOST_CHOICES];
    pe_lab_choice lab[MOST_CHOICES];
} chosen;

static void release_chosen(chosen *c)
{
    for (int i = 0; i < c->count; i++)
        pe_choice_release(&c->choice[i]);
}

static pe_status read_variants(const pe_cli *cli, chosen *c, pe_error *err)
{
    const char *text;
    while ((text = pe_cli_each(cli, "variant", c->count)) != NULL) {
        if (strcmp(text, "all") == 0) {
            release_chosen(c);
            c->count = 0;
            return PE_OK;
        }
        if (c->count == MOST_CHOICES)
            return pe_fail(err, PE_USAGE, "more than %d variants in one run", MOST_CHOICES);
        pe_status status = pe_choice_parse(text, 0, NULL, &c->choice[c->count], err);
        if (status != PE_OK)
            return status;
        c->lab[c->count] =
            (pe_lab_choice){c->choice[c->count].variant, c->choice[c->count].settings,
                            c->choice[c->count].setting_count};
        c->count++;
    }
    return PE_OK;
}

/* ---- facts
 * ------------------------------------------------------------------------------------------ */

static size_t append(char *text, size_t room, size_t used, const char *format, const char *value)
{
    int wrote = used < room ? snprintf(text + used, room - used, format, value) : 0;
    return used + (size_t)(wrote > 0 ? wrote : 0);
}

/* The command that gives the same bytes again: all that changes a number, in one order. */
static void write_command(const pe_cli *cli, const char *id, char *text, size_t room)
{
    static const char *const numbers[] = {"length", "heads", "head-dim", "draws", "seed"};
    size_t used = append(text, room, 0, "posenc run %s", id);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char value[32];
        snprintf(value, sizeof value, "%lld", (long long)pe_cli_int(cli, numbers[i]));
        used = append(text, room, used, " --%s", numbers[i]);
        used = append(text, room, used, " %s", value);
    }
    const char *variant;
    for (int at = 0; (variant = pe_cli_each(cli, "variant", at)) != NULL; at++)
        used = append(text, room, used, " --variant %s", variant);
    static const char *const loading[] = {"plugin", "variant-path"};
    for (size_t i = 0; i < sizeof loading / sizeof loading[0]; i++)
        for (int at = 0; (variant = pe_cli_each(cli, loading[i], at)) != NULL; at++) {
            used = append(text, room, used, " --%s", loading[i]);
            used = append(text, room, used, " %s", variant);
        }
    if (pe_cli_text(cli, "text"))
        used = append(text, room, used, " --text %s", pe_cli_text(cli, "text"));
    if (pe_cli_flag(cli, "quick"))
        used = append(text, room, used, "%s", " --quick");
    if (is_full(cli))
        append(text, room, used, "%s", " --preset full");
}

static void state_facts(const pe_cli *cli, const pe_experiment *experiment, pe_result *result)
{
    char command[1024];
    json_t *version = pe_version();
    write_command(cli, experiment->id, command, sizeof command);
    const pe_run_facts facts = {
        .command = command,
        .seed = (uint64_t)pe_cli_int(cli, "seed"),
        .version = PE_VERSION,
        .precision = "double, judged by quad",
        .blas = pe_blas_name(),
        .compiler = json_string_value(json_object_get(version, "compiler")),
        .threads = (unsigned)pe_cli_int(cli, "threads"),
    };
    pe_result_facts(result, &facts);
    json_decref(version);
}

static void state_parameters(const pe_lab *lab, pe_result *result)
{
    const struct {
        const char *name;
        long long value;
        const char *meaning;
    } rows[] = {
        {"T", (long long)lab->size.length, "tokens in a sequence"},
        {"heads", lab->size.heads, "attention heads"},
        {"d_head", lab->size.head_dim, "width of one head"},
        {"d_model", (long long)lab->size.heads * lab->size.head_dim, "width of a token's row"},
        {"draws", lab->size.draws, "random draws behind each interval"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[32];
        snprintf(value, sizeof value, "%lld", rows[i].value);
        pe_result_parameter(result, rows[i].name, value, rows[i].meaning);
    }
    const char *name = strrchr(lab->size.text, '/');
    pe_result_parameter(result, "text", name ? name + 1 : lab->size.text, "real text, as bytes");
}

/* ---- one experiment
 * ---------------------------------------------------------------------------------- */

static void show_progress(void *context, const char *what, double share)
{
    pe_progress *progress = context;
    progress->what = what;
    pe_progress_step(progress, (size_t)(1000 * share));
}

enum { PLOT_ALL, PLOT_SVG, PLOT_PNG, PLOT_ASCII, PLOT_NONE };

static unsigned formats_of(const pe_cli *cli)
{
    const unsigned data = PE_REPORT_CSV | PE_REPORT_JSON;
    const unsigned pages = PE_REPORT_NOTEBOOK | PE_REPORT_PAGE;
    switch (pe_cli_choice(cli, "plot")) {
    case PLOT_ALL:
        return PE_REPORT_ALL;
    case PLOT_SVG:
        return data | pages | PE_REPORT_SVG;
    case PLOT_PNG:
        return data | pages | PE_REPORT_PNG;
    default:
        return data | pages | PE_REPORT_UNDRAWN;
    }
}

static pe_status print_result(const pe_cli *cli, const pe_result *result, pe_error *err)
{
    if (pe_cli_flag(cli, "quiet"))
        return PE_OK;
    pe_buffer text = {0};
    pe_status status = pe_cli_flag(cli, "json") ? pe_report_json(result, &text, err)
                                                : pe_report_text(result, &text, err);
    if (status == PE_OK && pe_cli_choice(cli, "plot") == PLOT_ASCII && !pe_cli_flag(cli, "json"))
        status = pe_report_drawn(result, &text, err);
    if (status == PE_OK)
        fwrite(text.bytes, 1, text.size, stdout);
    pe_buffer_release(&text);
    return status;
}

/* What a run that was killed or lost its power left half-written in this folder goes. */
static void say_leftovers(const pe_cli *cli, const char *folder)
{
    size_t removed = 0;
    if (access(folder, F_OK) == 0 && pe_output_remove_leftovers(folder, &removed, NULL) == PE_OK &&
        removed > 0 && !pe_cli_flag(cli, "quiet"))
        fprintf(
            stderr,
            "posenc run: %s: an earlier run ended in the middle; %zu temporary file%s removed\n",
            folder, removed, removed == 1 ? "" : "s");
}

static pe_status run_one(const pe_cli *cli, pe_lab *lab, const pe_experiment *experiment,
                         pe_error *err)
{
    char folder[4096], keep[sizeof folder + 16];
    snprintf(folder, sizeof folder, "%s/%s", pe_cli_text(cli, "out"), experiment->id);
    say_leftovers(cli, folder);
    snprintf(keep, sizeof keep, "%s/trained", folder);
    lab->keep = is_full(cli) ? keep : NULL;
    pe_result *result = pe_result_new(experiment->id, experiment->title, experiment->question, err);
    if (!result)
        return err->status;
    state_facts(cli, experiment, result);
    state_parameters(lab, result);
    pe_progress progress;
    pe_progress_begin(&progress, cli, experiment->title, 1000);
    lab->progress = show_progress;
    lab->progress_context = &progress;
    pe_status status = experiment->run(lab, result, err);
    pe_progress_end(&progress);
    if (status == PE_OK)
        status = print_result(cli, result, err);
    if (status == PE_OK)
        status = pe_report_save(result, folder, formats_of(cli), err);
    if (status == PE_OK && pe_result_count(result, PE_VERDICT_FAIL) > 0)
        status = pe_fail(err, PE_DIFFERS, "%s: %zu verdicts failed; %s/verdicts.csv lists them",
                         experiment->id, pe_result_count(result, PE_VERDICT_FAIL), folder);
    pe_result_release(result);
    lab->keep = NULL;
    return status;
}

/* The first failure decides the exit code; a missing picture or a failed verdict does not keep the
 * other experiments from running. */
static pe_status run_all(const pe_cli *cli, pe_lab *lab, const pe_experiment *const *list,
                         size_t count, pe_error *err)
{
    pe_status first = PE_OK;
    for (size_t i = 0; i < count; i++) {
        pe_error own = {0};
        pe_status status = run_one(cli, lab, list[i], &own);
        if (status != PE_OK && first == PE_OK) {
            first = status;
            if (err)
                *err = own;
        }
        if (status != PE_OK && status != PE_DIFFERS && status != PE_TOOL)
            return first;
    }
    pe_error own = {0};
    pe_status status = pe_report_index(pe_cli_text(cli, "out"), NULL, &own);
    if (status != PE_OK && first == PE_OK) {
        first = status;
        if (err)
            *err = own;
    }
    return first;
}

/* Can be written, and nobody else writes there: found out before the work, not after it. */
static pe_status hold_folder(const char *folder, pe_folder_lock *lock, pe_error *err)
{
    pe_status status = pe_output_folder(folder, err);
    return status == PE_OK ? pe_folder_lock_take(folder, lock, err) : status;
}

static pe_status run_verb(const pe_cli *cli, pe_error *err)
{
    const pe_experiment *list[64];
    size_t count = 0;
    for (int w = 0; w < cli->word_count; w++) {
        if (strcmp(cli->words[w], "all") == 0) {
            for (count = 0; pe_experiments[count]; count++)
                list[count] = pe_experiments[count];
            break;
        }
        pe_status status = find_experiment(cli->words[w], &list[count], err);
        if (status != PE_OK)
            return status;
        count++;
    }
    pe_analysis_start();
    pe_gnuplot_set_deadline(pe_cli_real(cli, "plot-timeout"));
    pe_figure_set_png_width((int)pe_cli_int(cli, "png-width"));
    chosen variants = {0};
    pe_status status = read_variants(cli, &variants, err);
    pe_folder_lock lock = {0};
    if (status == PE_OK && !pe_cli_flag(cli, "dry-run"))
        status = hold_folder(pe_cli_text(cli, "out"), &lock, err);
    pe_lab lab = {0};
    const pe_lab_size size = size_of(cli);
    if (status == PE_OK)
        status =
            pe_lab_open(&lab, &size, variants.count ? variants.lab : NULL, variants.count, err);
    if (status == PE_OK && pe_cli_flag(cli, "dry-run")) {
        for (size_t i = 0; i < count; i++)
            printf("%s on %d variants, T = %lld, into %s/%s\n", list[i]->id, lab.subject_count,
                   (long long)size.length, pe_cli_text(cli, "out"), list[i]->id);
    } else if (status == PE_OK) {
        lab.check = pe_signals_check;
        status = run_all(cli, &lab, list, count, err);
    }
    pe_lab_close(&lab);
    pe_folder_unlock(&lock);
    release_chosen(&variants);
    return status;
}

const pe_cli_verb verb_run = {
    .name = "run",
    .arguments = "EXPERIMENT...",
    .summary = "run experiments and write tables, figures, notebooks and pages",
    .description =
        "EXPERIMENT is distance_sensitivity, symmetry, numerical_precision, cost, extrapolation, "
        "clipping, learning, probes, effective_context, one of the pages of the bug gallery "
        "(bugs_in_angles, bugs_in_conventions, "
        "bugs_in_offsets, bugs_in_shifts, "
        "bugs_in_slopes, gallery) or all. Every number in a report comes from this run, and every "
        "report names its command.",
    .examples = "posenc run all                            # every experiment, all variants\n"
                "posenc run symmetry --length 64 --plot svg # one, smaller, SVG only\n"
                "posenc run all --plugin ./mine.so          # with an encoding of your own",
    .least = 1,
    .most = 64,
    .groups = {&experiment_options, &pe_cli_variant, NULL},
    .run = run_verb,
};
