/* One goal measured. */
#ifndef PE_BENCH_SCORE_H
#define PE_BENCH_SCORE_H

#include "base/status.h"
#include "bench/goals.h"

#include <stdint.h>

typedef struct pe_score {
    pe_goal goal;
    double ours, other; /* medians in seconds; 0: there is none */
    double value;       /* what the goal is about, from the medians */
    double best;        /* the same from the fastest runs of both */
    double keeper;      /* value against a peer that keeps its memory; 0: no peer */
    double ours_mb, other_mb;
    const char *setting; /* of the peer, static text; NULL: no peer */
    bool met;
} pe_score;

typedef struct pe_score_job {
    const char *python;
    int threads;
    int64_t reps, seed;
    double seconds; /* stop taking turns after this long, but not before the third */
    double slack;   /* 1: as the goals stand. Above: either value or best has to meet them */
    pe_status (*check)(pe_error *err);
} pe_score_job;

/* Ours and the other in turn. The errors of pe_workload_make and pe_against_run. */
pe_status pe_score_measure(const pe_score_job *job, const pe_goal *goal, pe_score *score,
                           pe_error *err);

#endif
