/* The random streams that the core lends: parameters, position maps, dropout. A stream is keyed by
 * (seed, purpose, number), so that a new parameter block or sequence does not shift the others.
 * The generator is splitmix64 (Steele, Lea, Flood 2014): core may not use GSL, whose generators
 * serve the experiments. */
#ifndef PE_CORE_STREAM_H
#define PE_CORE_STREAM_H

#include "posenc_types.h"

typedef struct pe_core_stream {
    uint64_t counter;
    double spare; /* the second normal of a pair */
    bool has_spare;
} pe_core_stream;

void pe_core_stream_start(pe_core_stream *stream, uint64_t seed, const char *purpose,
                          uint64_t number);
double pe_core_uniform(void *stream); /* [0, 1), 53 bits */
double pe_core_normal(void *stream);  /* mean 0, standard deviation 1 */

/* The stream as hooks see it; `stream` is lent to the result. */
pe_random pe_core_random(pe_core_stream *stream);

#endif
