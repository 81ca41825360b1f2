/* What both ways of the gradient share: the gradients by mapped q, k, v and by states, and the way
 * back from them through the twins of `map`, `state` and `plan`. */
#ifndef PE_CORE_BACKWARD_H
#define PE_CORE_BACKWARD_H

#include "core/gradient.h"
#include "core/parts.h"

/* Work whose twins add to parameters is cut into this many parts at most, each with a block of its
 * own, whatever the number of threads: sums have one order. */
enum { PE_CHUNKS = 16 };

/* Chunk c of n units: from .. to - 1. */
typedef struct pe_chunk {
    int64_t from, to;
} pe_chunk;
static inline int pe_chunk_count(int64_t units)
{
    return units < PE_CHUNKS ? (int)units : PE_CHUNKS;
}
static inline pe_chunk pe_chunk_at(int64_t units, int count, int c)
{
    return (pe_chunk){units * c / count, units * (c + 1) / count};
}

#define PE_THRICE "core/backward_types.h"
#include "posenc_thrice.h"

#endif
