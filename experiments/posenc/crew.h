/* Long jobs beside each other, each in a child process of its own. Most of what an experiment does
 * runs in one thread; with several experiments at once all cores have work, and each is as it would
 * be alone: a child shares nothing with the others but the folder that the parent has locked.
 *
 * What the jobs print comes out in their order. An interrupt reaches the parent alone; it tells the
 * children, and waits until they have ended. A parent that dies takes its children along. */
#ifndef POSENC_CREW_H
#define POSENC_CREW_H

#include "base/status.h"
#include "cli/options.h"

#include <stdbool.h>

enum { CREW_JOBS = 64 }; /* at most */

typedef struct crew_job {
    const char *name; /* for the progress line: "symmetry" */
    double weight;    /* how long it will take, in any unit: the longest begins first */
    bool alone;       /* its numbers are times: it begins when all others have ended */
    size_t leader;    /* the job in whose child it is done, after it: itself, or an earlier one */

    bool ended;       /* out: it has a status of its own */
    pe_status status; /* out */
    pe_error err;     /* out: its sentence, when the status is not PE_OK */
    double seconds;   /* out: wall time */
} crew_job;

/* Does job `which` in its child; between pieces of work it asks crew_check and tells crew_share. */
typedef pe_status (*crew_work)(void *context, size_t which, pe_error *err);
/* Can the others go on after this status? */
typedef bool (*crew_goes_on)(pe_status status);

/* Do all jobs with so many threads in all: at most one child for each, and a child has more than
 * one when there are fewer jobs. No OpenMP region with several threads may have run in the parent
 * before: its threads do not live on in a child.
 *   PE_INTERRUPTED, PE_TERMINATED  by a signal to the parent
 *   PE_MEMORY                      a child cannot be started, or something killed it
 * otherwise PE_OK: what became of each job is with the job. */
pe_status crew_run(const pe_cli *cli, int threads, size_t count, crew_job *jobs, crew_work work,
                   crew_goes_on goes_on, void *context, pe_error *err);

/* In a child: how much of its job is done, 0 to 1. Sets the number of threads, too: when others
 * have ended and none waits, there are more. */
void crew_share(double share);
/* In a child: PE_INTERRUPTED, also when another job cannot go on. */
pe_status crew_check(pe_error *err);

#endif
