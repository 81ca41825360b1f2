/* What the parts of this experiment share. Private to probes*.c. */
#ifndef PROBES_H
#define PROBES_H

#include "lab/lab.h"
#include "lab/training.h"
#include "lab/words.h"

/* Rows to read positions from: groups of `per_group` rows each (sequences), one position each. */
typedef struct probes_rows {
    size_t groups, per_group, d;
    double *x; /* (groups * per_group, d) owned */
    double *t; /* (groups * per_group) owned */
} probes_rows;
pe_status probes_rows_make(probes_rows *rows, size_t groups, size_t per_group, size_t d,
                           pe_error *err);
void probes_rows_release(probes_rows *rows);

/* What linear probes read from rows that they have not seen (METRICS 4.1). */
typedef struct probes_found {
    double mae;    /* mean |t - predicted|, in positions */
    double chance; /* of predicting the mean */
    double order;  /* share of pairs of one group whose order is told wrongly; chance 1/2 */
} probes_found;
pe_status probes_measure(const probes_rows *train, const probes_rows *test, double ridge,
                         uint64_t seed, probes_found *found, pe_error *err);

/* Hidden rows of a model on `groups` sequences of one split, after layer 0 .. L: rows[L + 1], each
 * to be released, also after a failure. */
pe_status probes_hidden_rows(pe_model *model, pe_task *task, pe_task_split split, size_t groups,
                             uint64_t seed, probes_rows *rows, pe_error *err);

/* Mean and reach of a few numbers, one for each seed. */
typedef struct probes_spread {
    double mean, low, high, error; /* error: standard error of the mean */
} probes_spread;
probes_spread probes_spread_of(const double *x, size_t n);

enum { PROBES_SEEDS = 5 };
int probes_seeds(const pe_lab *lab); /* 2, 3, 5 */

/* The sections, in the order of the report. */
pe_status probes_codes(pe_lab *lab, pe_result *result, pe_error *err);
pe_status probes_hidden(pe_lab *lab, pe_result *result, pe_error *err);
pe_status probes_floor(pe_lab *lab, pe_result *result, pe_error *err);

#endif
