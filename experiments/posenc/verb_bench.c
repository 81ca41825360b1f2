/* posenc bench: workloads under the names of the peers' script, with the same JSON members. */
#include "verbs.h"

#include "bench_goals.h"

#include "analysis/start.h"
#include "analysis/summary.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bench/against.h"
#include "bench/process.h"
#include "bench/workload.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "io/json.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

static const pe_cli_option options[] = {
    {"reps", 0, PE_CLI_INT, "N", "15", 3, 10000, false, "timed repetitions"},
    {"max-seconds", 0, PE_CLI_REAL, "S", "20", 0.1, 3600, false,
     "stop repeating after this long, but not before the third time"},
    {"against-torch", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "run the peers in PyTorch and NumPy, too, in turn with ours; without names, every goal: the "
     "machine's limits, our ratios to them, and all peers"},
    {"ratios", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "the goals without peers: limits of the machine and ratios among our own workloads; with "
     "names, the goals whose workload begins with one"},
    {"slack", 0, PE_CLI_REAL, "F", "1", 1, 100, false,
     "loosen goals by this factor, and let the fastest runs meet them, too"},
    {"out", 'o', PE_CLI_TEXT, "DIR", NULL, 0, 0, false,
     "write the goals as CSV, JSON, notebook, page and figures"},
    {"python", 0, PE_CLI_TEXT, "PROGRAM", "python3", 0, 0, false,
     "the Python that has torch and NumPy"},
    {"list", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "name the workloads and stop"},
};
static const pe_cli_group bench_options = PE_CLI_GROUP("Benchmark", options);

/* Time the workload; times has room for reps + 1, the first is the warm-up, with the checksum. */
static pe_status time_workload(pe_workload *w, int64_t reps, double most, double *times,
                               size_t *count, double *checksum, pe_error *err)
{
    const double begin = pe_seconds();
    for (*count = 0; *count <= (size_t)reps; (*count)++) {
        const double start = pe_seconds();
        pe_status status = w->run(w, *count == 0 ? checksum : NULL, err);
        times[*count] = pe_seconds() - start;
        if (status == PE_OK)
            status = pe_signals_check(err);
        if (status != PE_OK)
            return status;
        if (pe_seconds() - begin > most && *count >= 3) {
            (*count)++;
            break;
        }
    }
    return PE_OK;
}

static pe_status add_row(json_t *rows, const char *name, const double *times, size_t count,
                         double base, double checksum, pe_error *err)
{
    pe_summary summary;
    pe_status status = pe_summarise(times + 1, count - 1, &summary, err);
    if (status != PE_OK)
        return status;
    const double peak = pe_bench_status_mb("VmHWM");
    json_t *row = json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:i, s:f, s:f, s:f, s:f}", "workload",
                            name, "median_s", summary.median, "min_s", summary.min, "max_s",
                            summary.max, "first_s", times[0], "reps", (json_int_t)(count - 1),
                            "threads", omp_get_max_threads(), "rss_base_mb", base, "rss_peak_mb",
                            peak, "rss_delta_mb", peak - base, "checksum", checksum);
    if (!row || json_array_append_new(rows, row) != 0)
        return pe_fail(err, PE_MEMORY, "no memory for the row of %s", name);
    return PE_OK;
}

static pe_status bench_one(const pe_cli *cli, const char *name, json_t *rows, pe_error *err)
{
    const int64_t reps = pe_cli_int(cli, "reps");
    pe_workload w;
    pe_status status = pe_workload_make(name, (uint64_t)pe_cli_int(cli, "seed"), &w, err);
    if (status != PE_OK)
        return status;
    double *times = pe_allocate((size_t)reps + 1, sizeof *times, "times", err);
    size_t count = 0;
    double checksum = 0;
    pe_bench_reset_peak();
    const double base = pe_bench_status_mb("VmRSS");
    status = times ? time_workload(&w, reps, pe_cli_real(cli, "max-seconds"), times, &count,
                                   &checksum, err)
                   : PE_MEMORY;
    if (status == PE_OK)
        status = add_row(rows, name, times, count, base, checksum, err);
    pe_release(times);
    pe_workload_release(&w);
    return status;
}

/* ---- against the peers ------------------------------------------------------------------------
 */

static pe_status add_comparison(const pe_cli *cli, const char *name, json_t *rows, pe_error *err)
{
    pe_against r;
    const pe_against_job job = {.workload = name,
                                .python = pe_cli_text(cli, "python"),
                                .threads = omp_get_max_threads(),
                                .reps = pe_cli_int(cli, "reps"),
                                .seed = pe_cli_int(cli, "seed"),
                                .seconds = pe_cli_real(cli, "max-seconds"),
                                .check = pe_signals_check};
    pe_status status = pe_against_run(&job, &r, err);
    if (status != PE_OK)
        return status;
    json_t *row = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "workload", name,
                            "ours_s", r.ours, "peer_s", r.peer, "ratio", r.peer / r.ours,
                            "keeper_s", r.keeper, "keeper_ratio", r.keeper / r.ours, "ours_mb",
                            r.ours_mb, "peer_mb", r.peer_mb, "peer_setting", r.setting);
    if (!row || json_array_append_new(rows, row) != 0)
        return pe_fail(err, PE_MEMORY, "no memory for the row of %s", name);
    return PE_OK;
}

static pe_status against(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"workload", "ours_s",   "peer_s",
                                          "ratio",    "keeper_s", "keeper_ratio",
                                          "ours_mb",  "peer_mb",  "peer_setting"};
    const int count = cli->word_count;
    json_t *rows = json_array();
    pe_status status = PE_OK;
    pe_progress progress;
    pe_progress_begin(&progress, cli, "comparing with the peers", (size_t)count);
    for (int i = 0; status == PE_OK && i < count; i++) {
        status = add_comparison(cli, cli->words[i], rows, err);
        pe_progress_step(&progress, (size_t)i + 1);
    }
    pe_progress_end(&progress);
    if (status == PE_OK)
        status = pe_print_rows(cli, rows, (int)(sizeof columns / sizeof columns[0]), columns, err);
    json_decref(rows);
    return status;
}

static void print_list(FILE *out, const void *data)
{
    fputs(data, out);
}

/* The lines of the list as rows, for programs. */
static pe_status print_list_rows(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"workload", "kind", "arguments", "variant", "settings"};
    json_t *rows = json_array();
    const char *end;
    for (const char *at = pe_workload_list(); (end = strchr(at, '\n')) != NULL; at = end + 1) {
        char line[256], word[5][64] = {{0}};
        snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
        if (*line == '#' || sscanf(line, "%63s %63s %63s %63s %63[^\n]", word[0], word[1], word[2],
                                   word[3], word[4]) < 4)
            continue;
        json_t *row = json_object();
        for (int c = 0; c < 5; c++)
            json_object_set_new(row, columns[c], json_string(word[c]));
        json_array_append_new(rows, row);
    }
    pe_status status = pe_print_rows(cli, rows, 5, columns, err);
    json_decref(rows);
    return status;
}

static pe_status bench(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"workload", "median_s", "min_s",       "max_s",
                                          "reps",     "threads",  "rss_peak_mb", "rss_delta_mb"};
    if (pe_cli_flag(cli, "list"))
        return pe_cli_flag(cli, "json") ? print_list_rows(cli, err)
                                        : pe_print_text(print_list, pe_workload_list(), err);
    pe_analysis_start();
    if (pe_cli_flag(cli, "ratios") || (pe_cli_flag(cli, "against-torch") && cli->word_count == 0))
        return bench_goals(cli, err);
    if (pe_cli_flag(cli, "against-torch"))
        return against(cli, err);
    if (cli->word_count == 0)
        return pe_fail(err, PE_USAGE,
                       "bench wants a workload such as plain:512; --list names them");
    pe_status status = PE_OK;
    json_t *rows = json_array();
    for (int i = 0; status == PE_OK && i < cli->word_count; i++)
        status = bench_one(cli, cli->words[i], rows, err);
    if (status == PE_OK)
        status = pe_print_rows(cli, rows, (int)(sizeof columns / sizeof columns[0]), columns, err);
    json_decref(rows);
    return status;
}

const pe_cli_verb verb_bench = {
    .name = "bench",
    .arguments = "[WORKLOAD...]",
    .summary = "time workloads under the names of the peers' script",
    .description =
        "Medians of wall-clock seconds, float, into buffers that exist already. Compare only what "
        "ran side by side: --against-torch tries each peer under five settings of its threads and "
        "then takes turns with it under the fastest, once as it is installed and once with its "
        "malloc told to keep its memory (keeper, keeping). write, copy and sgemm are what the "
        "machine can do at most. Both sides use the kernels of OpenBLAS that OPENBLAS_CORETYPE "
        "names; without it, OpenBLAS chooses for the processor. "
        "Goals stand in experiments/bench/goals.txt; the exit code is 1 when one is missed.",
    .examples = "posenc bench --list                     # what can be timed\n"
                "posenc bench plain:512 shaw_good:512:16 # two workloads\n"
                "posenc bench attention:2048@t5           # any variant, also one of --plugin\n"
                "posenc bench txl:2048:2048 --threads 2 --json\n"
                "posenc bench shaw_good:512:16 --against-torch --python /usr/bin/python3\n"
                "posenc bench --ratios                    # against the machine and ourselves\n"
                "posenc bench --ratios plain --slack 2    # some of them, with room for noise\n"
                "posenc bench --against-torch --out bench # every goal, as one table",
    .least = 0,
    .most = 64,
    .groups = {&bench_options, NULL},
    .run = bench,
};
