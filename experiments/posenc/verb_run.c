/* posenc run: experiments by name, from options to a saved folder. */
#include "crew.h"
#include "verbs.h"

#include "analysis/start.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/names.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "core/lent.h"
#include "io/json.h"
#include "io/lock.h"
#include "io/output.h"
#include "lab/lab.h"
#include "plot/gnuplot.h"
#include "registry/registry.h"
#include "report/report.h"

#include <limits.h>
#include <omp.h>
#include <stdio.h>
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

static bool given_before(const pe_cli *cli, int at, const char *text)
{
    for (int i = 0; i < at; i++)
        if (strcmp(pe_cli_each(cli, "variant", i), text) == 0)
            return true;
    return false;
}

/* The same words twice are one variant, as a name of an experiment given twice is run once. */
static pe_status read_variants(const pe_cli *cli, chosen *c, pe_error *err)
{
    const char *text;
    for (int at = 0; (text = pe_cli_each(cli, "variant", at)) != NULL; at++) {
        if (given_before(cli, at, text))
            continue;
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

/* A blank and a word as a shell reads it: in single quotes unless every character is plain. */
static size_t append_word(char *text, size_t room, size_t used, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    if (*word && strspn(word, plain) == strlen(word))
        return append(text, room, used, " %s", word);
    used = append(text, room, used, "%s", " '");
    for (; *word; word++) {
        const char one[2] = {*word, '\0'};
        used = append(text, room, used, "%s", *word == '\'' ? "'\\''" : one);
    }
    return append(text, room, used, "%s", "'");
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
    const char *word;
    static const char *const words[] = {"variant", "plugin", "variant-path"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int at = 0; (word = pe_cli_each(cli, words[i], at)) != NULL; at++) {
            used = append(text, room, used, " --%s", words[i]);
            used = append_word(text, room, used, word);
        }
    if (pe_cli_text(cli, "text")) {
        used = append(text, room, used, "%s", " --text");
        used = append_word(text, room, used, pe_cli_text(cli, "text"));
    }
    if (pe_cli_flag(cli, "quick"))
        used = append(text, room, used, "%s", " --quick");
    if (is_full(cli))
        append(text, room, used, "%s", " --preset full");
}

static void state_facts(const pe_cli *cli, const pe_experiment *experiment, pe_result *result)
{
    char command[16384]; /* paths may be long */
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

/* The sizes of an experiment that asks instances of the lab. */
static void state_lab_sizes(const pe_lab *lab, pe_result *result)
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
}

/* Different values of one size of the models that were trained, as "16, 32". */
static void list_values(const long long *value, int count, char *text, size_t room)
{
    size_t used = 0;
    long long last = -1;
    text[0] = '\0';
    for (;;) {
        long long next = LLONG_MAX;
        for (int i = 0; i < count; i++)
            next = value[i] > last && value[i] < next ? value[i] : next;
        if (next == LLONG_MAX || used >= room)
            return;
        used += (size_t)snprintf(text + used, room - used, "%s%lld", used ? ", " : "", next);
        last = next;
    }
}

/* Those of an experiment that trained models of its own. */
static void state_trained_sizes(const pe_lab_models *models, pe_result *result)
{
    static const struct {
        const char *name, *meaning;
    } rows[] = {{"T", "tokens in a sequence of training"}, {"layers", "of the trained models"},
                {"d_model", "width of a token's row"},     {"heads", "attention heads of a layer"},
                {"batch", "sequences of a step"},          {"steps", "of a training"}};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    long long value[ROWS][PE_LAB_MODELS];
    for (int i = 0; i < models->count; i++) {
        const pe_lab_model *m = &models->at[i];
        const long long own[ROWS] = {(long long)m->length, m->layers, m->width, m->heads, m->batch,
                                     (long long)m->steps};
        for (int r = 0; r < ROWS; r++)
            value[r][i] = own[r];
    }
    for (int r = 0; r < ROWS; r++) {
        char text[256];
        list_values(value[r], models->count, text, sizeof text);
        pe_result_parameter(result, rows[r].name, text, rows[r].meaning);
    }
}

/* After the run, which says whether models were trained. */
static void state_parameters(const pe_lab *lab, pe_result *result)
{
    if (lab->models->count > 0)
        state_trained_sizes(lab->models, result);
    else
        state_lab_sizes(lab, result);
    const char *name = strrchr(lab->size.text, '/');
    pe_result_parameter(result, "text", name ? name + 1 : lab->size.text, "real text, as bytes");
}

/* ---- one experiment
 * ---------------------------------------------------------------------------------- */

typedef struct plan {
    const pe_cli *cli;
    pe_lab *lab;
    size_t count;
    const pe_experiment *list[CREW_JOBS];
    crew_job jobs[CREW_JOBS]; /* in the same order */
} plan;

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

/* As text; JSON is one value for all experiments, printed when all have ended. */
static pe_status print_result(const pe_cli *cli, const pe_result *result, pe_error *err)
{
    if (pe_cli_flag(cli, "quiet") || pe_cli_flag(cli, "json"))
        return PE_OK;
    pe_buffer text = {0};
    pe_status status = pe_report_text(result, &text, err);
    if (status == PE_OK && pe_cli_choice(cli, "plot") == PLOT_ASCII)
        status = pe_report_drawn(result, &text, err);
    if (status == PE_OK)
        status = pe_print_bytes(text.bytes, text.size, err);
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

static void folder_of(const pe_cli *cli, const pe_experiment *experiment, char *folder, size_t room)
{
    snprintf(folder, room, "%s/%s", pe_cli_text(cli, "out"), experiment->id);
}

/* Print and save what came out. */
static pe_status keep_result(const pe_cli *cli, const pe_result *result, const char *id,
                             const char *folder, pe_error *err)
{
    pe_status status = print_result(cli, result, err);
    if (status == PE_OK)
        status = pe_report_save(result, folder, formats_of(cli), err);
    if (status == PE_OK && pe_result_count(result, PE_VERDICT_FAIL) > 0)
        status = pe_fail(err, PE_DIFFERS, "%s: %zu verdicts failed; %s/verdicts.csv lists them", id,
                         pe_result_count(result, PE_VERDICT_FAIL), folder);
    return status;
}

/* The lab knows already how to tell progress and whom to ask whether to go on. */
static pe_status run_one(const pe_cli *cli, pe_lab *lab, const pe_experiment *experiment,
                         pe_error *err)
{
    char folder[4096], keep[sizeof folder + 16];
    folder_of(cli, experiment, folder, sizeof folder);
    snprintf(keep, sizeof keep, "%s/trained", folder);
    lab->keep = is_full(cli) ? keep : NULL;
    pe_lab_models models = {0};
    lab->models = &models;
    pe_result *result = pe_result_new(experiment->id, experiment->title, experiment->question, err);
    if (!result)
        return err->status;
    state_facts(cli, experiment, result);
    pe_status status = experiment->run(lab, result, err);
    state_parameters(lab, result);
    if (lab->keep && (status == PE_INTERRUPTED || status == PE_TERMINATED))
        pe_fail(err, status, "interrupted; %s keeps what was trained, and the same command goes on",
                keep);
    if (status == PE_OK)
        status = keep_result(cli, result, experiment->id, folder, err);
    pe_result_release(result);
    lab->keep = NULL;
    lab->models = NULL;
    return status;
}

/* ---- several: one after the other, or side by side ----------------------------------------------
 */

/* A missing picture or a failed verdict does not keep the others from running. */
static bool goes_on(pe_status status)
{
    return status == PE_OK || status == PE_DIFFERS || status == PE_TOOL;
}

static pe_status run_here(plan *p, pe_error *err)
{
    (void)err;
    p->lab->check = pe_signals_check;
    p->lab->progress = pe_progress_share;
    for (size_t i = 0; i < p->count; i++) {
        crew_job *job = &p->jobs[i];
        pe_progress progress;
        const double begun = pe_seconds();
        pe_progress_begin(&progress, p->cli, p->list[i]->title, PE_PROGRESS_PARTS);
        p->lab->progress_context = &progress;
        job->status = run_one(p->cli, p->lab, p->list[i], &job->err);
        pe_progress_end(&progress);
        job->seconds = pe_seconds() - begun;
        job->ended = true;
        if (!goes_on(job->status))
            break;
    }
    return PE_OK;
}

static void tell_crew(void *context, const char *what, double share)
{
    (void)context;
    (void)what;
    crew_share(share);
}

static pe_status work_in_crew(void *context, size_t which, pe_error *err)
{
    plan *p = context;
    p->lab->check = crew_check;
    p->lab->progress = tell_crew;
    return run_one(p->cli, p->lab, p->list[which], err);
}

static bool one_by_one(size_t count, int threads)
{
    return count < 2 || threads < 2;
}

/* "posenc run: 15 experiments in 143 s: symmetry 31.2, cost 5.0, ..." */
static void say_times(const plan *p, double seconds)
{
    size_t ended = 0;
    for (size_t i = 0; i < p->count; i++)
        ended += p->jobs[i].ended;
    if (ended == 0 || pe_cli_flag(p->cli, "quiet"))
        return;
    fprintf(stderr, "posenc run: %zu experiment%s in %.1f s", ended, ended == 1 ? "" : "s",
            seconds);
    for (size_t i = 0, shown = 0; ended > 1 && i < p->count; i++)
        if (p->jobs[i].ended)
            fprintf(stderr, "%s %s %.1f", shown++ ? "," : ":", p->jobs[i].name, p->jobs[i].seconds);
    fputs("\n", stderr);
}

/* The first failure, in the order of the list, decides the exit code. */
static pe_status first_failure(const plan *p, pe_error *err)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->jobs[i].ended && p->jobs[i].status != PE_OK) {
            if (err)
                *err = p->jobs[i].err;
            return p->jobs[i].status;
        }
    return PE_OK;
}

/* One experiment is one object, several are a list: what their folders hold. */
static pe_status print_saved(const plan *p, pe_error *err)
{
    enum { MOST = 1 << 28 };
    char path[4096 + 16];
    json_t *results = json_array();
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < p->count; i++) {
        if (!p->jobs[i].ended || !goes_on(p->jobs[i].status))
            continue;
        folder_of(p->cli, p->list[i], path, 4096);
        strcat(path, "/result.json");
        pe_error why = {0};
        json_t *result = pe_json_load(path, MOST, &why);
        if (!result || json_array_append_new(results, result) != 0)
            status = pe_fail(err, PE_MEMORY, "%s", result ? "no memory for the results" : why.text);
    }
    if (status == PE_OK && json_array_size(results) > 0)
        status = pe_print_json(p->count == 1 ? json_array_get(results, 0) : results, err);
    json_decref(results);
    return status;
}

/* The first of its family leads, and its weight is that of all. */
static void make_jobs(plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const char *family = p->list[i]->family;
        size_t leader = 0;
        while (leader < i &&
               !(family && p->list[leader]->family && strcmp(p->list[leader]->family, family) == 0))
            leader++;
        p->jobs[i] =
            (crew_job){.name = p->list[i]->id, .alone = p->list[i]->alone, .leader = leader};
        p->jobs[leader].weight += p->list[i]->weight;
    }
}

static pe_status run_all(plan *p, int threads, pe_error *err)
{
    const double begun = pe_seconds();
    char folder[4096];
    make_jobs(p);
    for (size_t i = 0; i < p->count; i++) {
        folder_of(p->cli, p->list[i], folder, sizeof folder);
        say_leftovers(p->cli, folder);
    }
    pe_status status = one_by_one(p->count, threads) ? run_here(p, err)
                                                     : crew_run(p->cli, threads, p->count, p->jobs,
                                                                work_in_crew, goes_on, p, err);
    say_times(p, pe_seconds() - begun);
    if (status != PE_OK)
        return status;
    status = first_failure(p, err);
    if (!goes_on(status))
        return status;
    pe_error own = {0};
    pe_status listed = pe_report_index(pe_cli_text(p->cli, "out"), NULL, &own);
    if (listed != PE_OK && status == PE_OK) {
        status = listed;
        if (err)
            *err = own;
    }
    if (!pe_cli_flag(p->cli, "json"))
        return status;
    listed = print_saved(p, status == PE_OK ? err : &own);
    return status == PE_OK ? listed : status;
}

/* Can be written, and nobody else writes there: found out before the work, not after it. */
static pe_status hold_folder(const char *folder, pe_folder_lock *lock, pe_error *err)
{
    pe_status status = pe_output_folder(folder, err);
    return status == PE_OK ? pe_folder_lock_take(folder, lock, err) : status;
}

/* In the order of the words, each once. */
static pe_status choose_experiments(const pe_cli *cli, plan *p, pe_error *err)
{
    for (int w = 0; w < cli->word_count; w++) {
        const pe_experiment *found = NULL;
        if (strcmp(cli->words[w], "all") == 0) {
            for (p->count = 0; pe_experiments[p->count]; p->count++)
                p->list[p->count] = pe_experiments[p->count];
            return PE_OK;
        }
        pe_status status = find_experiment(cli->words[w], &found, err);
        if (status != PE_OK)
            return status;
        size_t at = 0;
        while (at < p->count && p->list[at] != found)
            at++;
        p->list[at] = found;
        p->count += at == p->count;
    }
    return PE_OK;
}

static pe_status say_plan(const plan *p, pe_error *err)
{
    static const char *const columns[] = {"experiment", "variants", "tokens", "folder"};
    const char *out = pe_cli_text(p->cli, "out");
    json_t *rows = json_array();
    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:i, s:I, s:o}", "experiment", p->list[i]->id,
                                              "variants", p->lab->subject_count, "tokens",
                                              (json_int_t)p->lab->size.length, "folder",
                                              json_sprintf("%s/%s", out, p->list[i]->id)));
    rows = pe_rows_complete(rows, p->count);
    const pe_status status = pe_print_rows(p->cli, rows, 4, columns, err);
    json_decref(rows);
    return status;
}

static pe_status run_verb(const pe_cli *cli, pe_error *err)
{
    pe_lab lab = {0};
    plan p = {.cli = cli, .lab = &lab};
    pe_status status = choose_experiments(cli, &p, err);
    if (status != PE_OK)
        return status;
    const bool dry = pe_cli_flag(cli, "dry-run");
    const int threads = omp_get_max_threads();
    if (!one_by_one(p.count, threads))
        omp_set_num_threads(1); /* crew.h: no threads here before it forks */
    pe_analysis_start();
    pe_gnuplot_set_deadline(pe_cli_real(cli, "plot-timeout"));
    pe_figure_set_png_width((int)pe_cli_int(cli, "png-width"));
    chosen variants = {0};
    status = read_variants(cli, &variants, err);
    pe_folder_lock lock = {0};
    if (status == PE_OK && !dry)
        status = hold_folder(pe_cli_text(cli, "out"), &lock, err);
    const pe_lab_size size = size_of(cli);
    if (status == PE_OK)
        status =
            pe_lab_open(&lab, &size, variants.count ? variants.lab : NULL, variants.count, err);
    if (status == PE_OK && dry)
        status = say_plan(&p, err);
    else if (status == PE_OK)
        status = run_all(&p, threads, err);
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
        "bugs_in_slopes, bugs_in_training, gallery) or all. Every number in a report comes from "
        "this run, and every "
        "report names its command. Several experiments run side by side in processes of their own, "
        "as many as there are threads; the last line says how many seconds each took.",
    .examples = "posenc run all                            # every experiment, all variants\n"
                "posenc run symmetry --length 64 --plot svg # one, smaller, SVG only\n"
                "posenc run all --plugin ./mine.so          # with an encoding of your own",
    .least = 1,
    .most = 64,
    .groups = {&experiment_options, &pe_cli_variant, NULL},
    .run = run_verb,
};
