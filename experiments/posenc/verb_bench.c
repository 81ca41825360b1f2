/* posenc bench: workloads under the names of the peers' script, with the same JSON members. */
#include "verbs.h"

#include "analysis/start.h"
#include "analysis/summary.h"
#include "base/memory.h"
#include "bench/workload.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "io/json.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const pe_cli_option options[] = {
    {"reps", 0, PE_CLI_INT, "N", "15", 3, 10000, false, "timed repetitions"},
    {"max-seconds", 0, PE_CLI_REAL, "S", "20", 0.1, 3600, false,
     "stop repeating after this long, but not before the third time"},
    {"list", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "name the workloads and stop"},
};
static const pe_cli_group bench_options = PE_CLI_GROUP("Benchmark", options);

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A member of /proc/self/status in MB, 0 where there is no such file. */
static double status_mb(const char *member)
{
    FILE *file = fopen("/proc/self/status", "r");
    char row[256];
    long kilobytes = 0;
    while (file && fgets(row, sizeof row, file))
        if (strncmp(row, member, strlen(member)) == 0)
            sscanf(row + strlen(member), ": %ld", &kilobytes);
    if (file)
        fclose(file);
    return (double)kilobytes / 1024;
}

static void reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file)
        return;
    fputs("5", file);
    fclose(file);
}

/* Time the workload; times has room for reps + 1, the first is the warm-up, with the checksum. */
static pe_status time_workload(pe_workload *w, int64_t reps, double most, double *times,
                               size_t *count, double *checksum, pe_error *err)
{
    const double begin = seconds();
    for (*count = 0; *count <= (size_t)reps; (*count)++) {
        const double start = seconds();
        pe_status status = w->run(w, *count == 0 ? checksum : NULL, err);
        times[*count] = seconds() - start;
        if (status == PE_OK)
            status = pe_signals_check(err);
        if (status != PE_OK)
            return status;
        if (seconds() - begin > most && *count >= 3) {
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
    const double peak = status_mb("VmHWM");
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
    reset_peak();
    const double base = status_mb("VmRSS");
    status = times ? time_workload(&w, reps, pe_cli_real(cli, "max-seconds"), times, &count,
                                   &checksum, err)
                   : PE_MEMORY;
    if (status == PE_OK)
        status = add_row(rows, name, times, count, base, checksum, err);
    pe_release(times);
    pe_workload_release(&w);
    return status;
}

static void print_list(FILE *out, const void *data)
{
    fputs(data, out);
}

static pe_status bench(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"workload", "median_s", "min_s",       "max_s",
                                          "reps",     "threads",  "rss_peak_mb", "rss_delta_mb"};
    if (pe_cli_flag(cli, "list"))
        return pe_print_text(print_list, pe_workload_list(), err);
    if (cli->word_count == 0)
        return pe_fail(err, PE_USAGE,
                       "bench wants a workload such as plain:512; --list names them");
    pe_analysis_start();
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
    .arguments = "WORKLOAD...",
    .summary = "time workloads under the names of the peers' script",
    .description =
        "Medians of wall-clock seconds, float, into buffers that exist already; --json prints the "
        "members that shared/bench/peers_torch.py prints. Compare only what ran side by side.",
    .examples = "posenc bench --list                     # what can be timed\n"
                "posenc bench plain:512 shaw_good:512:16 # two workloads\n"
                "posenc bench txl:2048:2048 --threads 2 --json",
    .least = 0,
    .most = 64,
    .groups = {&bench_options, NULL},
    .run = bench,
};
