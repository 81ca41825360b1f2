/* Memory for the whole project: zeroed, 64-byte aligned, checked for overflow and against a limit,
 * and able to fail on demand so that running out of memory can be tested. */
#ifndef PE_BASE_MEMORY_H
#define PE_BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>

/* `count` elements of `size` bytes, all zero, aligned to 64 bytes; the caller owns the block and
 * gives it to pe_release. count = 0 is legal and gives a block that must also be released.
 * NULL on failure, with a sentence that names `what` and the size:
 *   PE_MEMORY   count * size overflows, exceeds the limit, or the system refuses. */
void *pe_allocate(size_t count, size_t size, const char *what, pe_error *err);

/* Like pe_allocate, but holding anything: for large arrays that are written whole before they are
 * read, where clearing would touch all their pages once more. */
void *pe_allocate_unset(size_t count, size_t size, const char *what, pe_error *err);

/* Like pe_allocate, for a block that grows: the first min(old, new) elements are kept, the rest is
 * zero. On failure the old block is untouched and still owned. */
void *pe_grow(void *block, size_t old_count, size_t new_count, size_t size, const char *what,
              pe_error *err);

/* A copy of `text` that the caller owns. */
char *pe_copy_text(const char *text, const char *what, pe_error *err);

void pe_release(void *block); /* NULL does nothing */

/* No single block may exceed this many bytes (0: no limit). The programs set it from the memory
 * that is available at start, since Linux would promise more than it has. */
void pe_set_memory_limit(size_t bytes);

/* For tests: let `allowed` allocations through and make every later one fail; negative: never. */
void pe_fail_allocations_after(long allowed);
/* Bytes in blocks that are owned now, and the most there were since pe_memory_restart_peak; 0 where
 * the C library does not tell the size of a block. */
size_t pe_memory_held(void);
size_t pe_memory_peak(void);
void pe_memory_restart_peak(void);

long pe_live_blocks(void); /* blocks owned now: 0 at the end proves that nothing leaked */

#endif
