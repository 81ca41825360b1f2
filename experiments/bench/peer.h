/* A peer of a workload: peers.py in a Python of its own, which does the work once whenever it is
 * asked, so that its runs and ours alternate. */
#ifndef PE_BENCH_PEER_H
#define PE_BENCH_PEER_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Surroundings under which libraries may be faster; a comparison must use the best. */
typedef struct pe_peer_setting {
    const char *name;
    const char *environment[3]; /* "NAME=value" ..., NULL after the last */
} pe_peer_setting;
extern const pe_peer_setting pe_peer_settings[];
extern const int pe_peer_setting_count;

typedef struct pe_peer {
    pid_t process;
    FILE *ask, *answer;
    double base_mb, peak_mb; /* resident, before and at most during the work */
} pe_peer;

/* Start `python -c peers.py workload` and wait until it has done the work once. A peer that keeps
 * its memory does not give it back to the system between two runs (glibc's malloc is told so), in
 * huge pages where the system has them: its times are then without the first touch of fresh pages,
 * which on some virtual machines costs more than the work. It has settled after PE_PEER_SETTLES
 * runs. PE_TOOL     no such program, or it has no torch or NumPy, or it ended early: its last words
 *   PE_MEMORY   the system gives no pipe or process */
enum { PE_PEER_SETTLES = 3 };
pe_status pe_peer_start(const char *python, const char *workload, const pe_peer_setting *setting,
                        bool keeps_memory, int threads, pe_peer *peer, pe_error *err);

/* Do the work once; PE_TOOL   when the peer has died. */
pe_status pe_peer_run(pe_peer *peer, double *seconds, pe_error *err);

void pe_peer_stop(pe_peer *peer); /* an empty one: nothing */

#endif
