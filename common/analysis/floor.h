/* The floor of a network without positions (METRICS 2.4, S6): predict the left neighbour in a
 * sequence of T independent tokens over V symbols, seeing all tokens but no order. The posterior is
 * the histogram of the other T-1 tokens: best accuracy E[largest count]/(T-1), best cross-entropy
 * the mean entropy of that histogram. A run that scores better leaks position. */
#ifndef PE_ANALYSIS_FLOOR_H
#define PE_ANALYSIS_FLOOR_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pe_floor {
    double accuracy, accuracy_se;           /* [1/V, 1] and its standard error */
    double cross_entropy, cross_entropy_se; /* nats, [0, ln V] */
    size_t draws;
} pe_floor;

/* V >= 1, T >= 2, draws >= 2; V, T < 2^32. Depends on seed alone. */
pe_status pe_left_neighbour_floor(size_t V, size_t T, size_t draws, uint64_t seed, pe_floor *out,
                                  pe_error *err);

#endif
