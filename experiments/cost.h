/* What the sections of the experiment `cost` share. */
#ifndef PE_COST_H
#define PE_COST_H

#include "lab/lab.h"
#include "lab/words.h"

enum { COST_LENGTHS = 6, COST_SUBJECTS = 64 };

/* One subject at one length, causal, one sequence, float. */
typedef struct cost_point {
    double fused, naive;             /* seconds, of the fastest call; naive NaN where not run */
    double slowest;                  /* of the fused form: the fastest call of the slowest round */
    double fused_bytes, naive_bytes; /* held at most during the call, beside inputs and outputs */
    double difference, bound;        /* of the outputs, and what rounding allows; NaN likewise */
} cost_point;

typedef struct cost_run {
    int64_t length[COST_LENGTHS];
    size_t lengths, naive_lengths; /* the naive form is run for the first of them */
    int heads, head_dim;
    cost_point point[COST_SUBJECTS][COST_LENGTHS];
} cost_run;

/* Measure every subject at every length. */
pe_status cost_measure(pe_lab *lab, cost_run *run, pe_error *err);

pe_status cost_show_agreement(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err);
pe_status cost_show_time(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err);
pe_status cost_show_memory(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err);
pe_status cost_roofline(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err);

/* 4 L^2/2 H D: two products, half of the pairs under a causal mask. */
double cost_operations(const cost_run *run, int64_t length);

#endif
