#include "bench/against.h"
#include "analysis/summary.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bench/peer.h"
#include "bench/process.h"
#include "bench/workload.h"

#include <time.h>

enum { TRIALS = 3, FEWEST = 3 };
static const double long_trial = 1; /* seconds: after one as long there is no other */

/* Threads of both sides spin for some milliseconds before they sleep, and would take the other's
 * processors. */
static void let_settle(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    nanosleep(&pause, NULL);
}

static pe_status median_of(const double *x, int64_t n, double *median, double *least, pe_error *err)
{
    pe_summary summary;
    pe_status status = pe_summarise(x, (size_t)n, &summary, err);
    *median = status == PE_OK ? summary.median : 0;
    *least = status == PE_OK ? summary.min : 0;
    return status;
}

/* Runs that are not counted: until memory has settled, or, to choose a setting only, until one was
 * long. */
static pe_status start_keeper(const pe_against_job *job, const pe_peer_setting *setting,
                              bool to_choose, pe_peer *keeper, pe_error *err)
{
    double seconds = 0;
    pe_status status =
        pe_peer_start(job->python, job->workload, setting, true, job->threads, keeper, err);
    for (int i = 0; status == PE_OK && i < PE_PEER_SETTLES; i++)
        if (!to_choose || seconds < long_trial)
            status = pe_peer_run(keeper, &seconds, err);
    return status;
}

static pe_status try_setting(const pe_against_job *job, const pe_peer_setting *setting,
                             double *least, pe_error *err)
{
    pe_peer keeper;
    double seconds = 0;
    int count = 0;
    pe_status status = start_keeper(job, setting, true, &keeper, err);
    while (status == PE_OK && count < TRIALS && seconds < long_trial) {
        status = pe_peer_run(&keeper, &seconds, err);
        *least = count++ == 0 || seconds < *least ? seconds : *least;
    }
    pe_peer_stop(&keeper);
    return status;
}

static pe_status find_best(const pe_against_job *job, const pe_peer_setting **best, pe_error *err)
{
    double least = 0;
    pe_status status = PE_OK;
    *best = NULL;
    for (int s = 0; status == PE_OK && s < pe_peer_setting_count; s++) {
        double seconds = 0;
        status = job->check(err);
        if (status == PE_OK)
            status = try_setting(job, &pe_peer_settings[s], &seconds, err);
        if (status == PE_OK && (!*best || seconds < least)) {
            least = seconds;
            *best = &pe_peer_settings[s];
        }
    }
    return status;
}

/* times: ours, the peer's, the keeper's, `reps` each. */
static pe_status take_turns(const pe_against_job *job, pe_workload *w, pe_peer *peer,
                            pe_peer *keeper, double *times, int64_t *count, pe_error *err)
{
    const double start = pe_seconds();
    pe_status status = PE_OK;
    for (*count = 0; status == PE_OK && *count < job->reps; (*count)++) {
        const int64_t i = *count;
        if (i >= FEWEST && pe_seconds() - start > job->seconds)
            break;
        let_settle();
        const double begin = pe_seconds();
        status = w->run(w, NULL, err);
        times[i] = pe_seconds() - begin;
        let_settle();
        if (status == PE_OK)
            status = pe_peer_run(peer, &times[job->reps + i], err);
        let_settle();
        if (status == PE_OK)
            status = pe_peer_run(keeper, &times[2 * job->reps + i], err);
        if (status == PE_OK)
            status = job->check(err);
    }
    return status;
}

static pe_status summarise(const pe_against_job *job, const double *times, int64_t count,
                           pe_against *result, pe_error *err)
{
    double least;
    pe_status status = median_of(times, count, &result->ours, &result->ours_least, err);
    if (status == PE_OK)
        status = median_of(times + job->reps, count, &result->peer, &result->peer_least, err);
    if (status == PE_OK)
        status = median_of(times + 2 * job->reps, count, &result->keeper, &least, err);
    return status;
}

static pe_status compare(const pe_against_job *job, pe_workload *w, const pe_peer_setting *best,
                         pe_against *result, pe_error *err)
{
    pe_peer peer = {.process = -1}, keeper = {.process = -1};
    int64_t count = 0;
    double sum, *times = pe_allocate(3 * (size_t)job->reps, sizeof *times, "times", err);
    pe_status status = times ? PE_OK : PE_MEMORY;
    pe_bench_reset_peak();
    const double base = pe_bench_status_mb("VmRSS");
    if (status == PE_OK)
        status = w->run(w, &sum, err); /* to warm up */
    if (status == PE_OK)
        status = pe_peer_start(job->python, job->workload, best, false, job->threads, &peer, err);
    if (status == PE_OK)
        status = start_keeper(job, best, false, &keeper, err);
    if (status == PE_OK)
        status = take_turns(job, w, &peer, &keeper, times, &count, err);
    result->ours_mb = pe_bench_status_mb("VmHWM") - base;
    result->peer_mb = peer.peak_mb - peer.base_mb;
    result->setting = best->name;
    pe_peer_stop(&peer);
    pe_peer_stop(&keeper);
    if (status == PE_OK)
        status = summarise(job, times, count, result, err);
    pe_release(times);
    return status;
}

pe_status pe_against_run(const pe_against_job *job, pe_against *result, pe_error *err)
{
    const pe_peer_setting *best;
    pe_workload w;
    pe_status status = find_best(job, &best, err);
    if (status == PE_OK)
        status = pe_workload_make(job->workload, (uint64_t)job->seed, &w, err);
    if (status != PE_OK)
        return status;
    status = compare(job, &w, best, result, err);
    pe_workload_release(&w);
    return status;
}
