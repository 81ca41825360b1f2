#ifndef PE_CORE_PARTS_H
#define PE_CORE_PARTS_H

#include "core/attention.h"

enum { PE_MAPPED_AT_ONCE = 256 /* tokens of one call of `map` */ };

#define PE_THRICE "core/parts_types.h"
#include "posenc_thrice.h"

/* May query slot i see key slot j of batch item b? The one place where masks are combined. */
#define PE_MAY_SEE(a, b, i, j)                                                                     \
    ((!(a)->causal || (a)->k_index[j] <= (a)->q_index[i]) &&                                       \
     (!(a)->key_starts || (j) >= (a)->key_starts[b]) &&                                            \
     (!(a)->key_lengths || (j) < (a)->key_lengths[b]) &&                                           \
     (!(a)->allowed || (a)->allowed[((b) * (a)->nq + (i)) * (a)->nk + (j)]))

/* First key slot at or after `from`, going round, whose index is `index`; PE_NONE when none has it.
 */
int64_t pe_slot_of_index(const int64_t *k_index, int64_t nk, int64_t index, int64_t from);

/* Row of an offset in a table that goes from first to last, or PE_NONE where nothing is added. */
static inline int64_t pe_row_of(const pe_setup *info, int64_t first, int64_t offset)
{
    if (offset < info->low || offset > info->high) {
        if (info->edge != PE_EDGE_REPEAT)
            return PE_NONE;
        offset = offset < info->low ? info->low : info->high;
    }
    return offset - first;
}

#endif
