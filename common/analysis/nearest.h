/* Uniqueness of codes: how far apart are the two closest positions? */
#ifndef PE_ANALYSIS_NEAREST_H
#define PE_ANALYSIS_NEAREST_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pe_nearest_pair {
    double
        distance; /* smallest Euclidean distance between two rows; 0: two positions share a code */
    size_t first, second; /* the rows, first < second; one such pair when several are equal */
} pe_nearest_pair;

/* Uniqueness. Exact for every T >= 2: all pairs up to T = 4096; beyond, rows sorted along a random
 * unit vector, where rows further apart than the best pair so far cannot improve it. */
pe_status pe_nearest_rows(const double *P, size_t T, size_t d, uint64_t seed, pe_nearest_pair *out,
                          pe_error *err);

#endif
