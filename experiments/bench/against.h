/* A workload and its peer, side by side in one run. */
#ifndef PE_BENCH_AGAINST_H
#define PE_BENCH_AGAINST_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pe_against {
    double ours, peer, keeper; /* medians in seconds; keeper: the peer that keeps its memory */
    double ours_least, peer_least;
    double ours_mb, peer_mb; /* memory on top of inputs and outputs of a first run, at most */
    const char *setting;     /* under which the peer was fastest; static text */
} pe_against;

typedef struct pe_against_job {
    const char *workload, *python;
    int threads;
    int64_t reps, seed;
    double seconds; /* stop taking turns after this long, but not before the third */
    pe_status (*check)(pe_error *err); /* PE_INTERRUPTED after SIGINT */
} pe_against_job;

/* First the peer alone under each of pe_peer_settings, its memory kept, three times once it has
 * settled (once when that takes more than a second); then, under the setting with the fastest run,
 * ours, the peer as it is installed and the peer that keeps its memory in turn, up to `reps` times.
 *   PE_USAGE    no such workload
 *   PE_TOOL     no Python with torch and NumPy, or a peer without this workload */
pe_status pe_against_run(const pe_against_job *job, pe_against *result, pe_error *err);

#endif
