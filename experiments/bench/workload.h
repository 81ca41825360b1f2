/* A workload of the benchmark: what to time, made ready so that run() does only the timed work. */
#ifndef PE_BENCH_WORKLOAD_H
#define PE_BENCH_WORKLOAD_H

#include "core/run.h"

typedef struct pe_workload {
    pe_instance *instance;
    struct pe_table *table;
    struct pe_bench_training *training;
    int64_t argument[4];
    bool gradient;            /* forward and backward: the name ends in ":grad" */
    double bytes, operations; /* written; additions and multiplications. 0: not what counts */
    /* Do the work once, into buffers that exist already; with a checksum, sum up what came out. */
    pe_status (*run)(struct pe_workload *w, double *checksum, pe_error *err);
    void *block[16]; /* owned buffers, by kind */
} pe_workload;

/* The lines of workloads.txt, for --list. */
const char *pe_workload_list(void);

/* Make the workload that `text` names: "shaw_good:512:16".
 *   PE_USAGE   unknown name ("did you mean"), or wrong arguments
 *   PE_MEMORY */
pe_status pe_workload_make(const char *text, uint64_t seed, pe_workload *w, pe_error *err);
void pe_workload_release(pe_workload *w);

#endif
