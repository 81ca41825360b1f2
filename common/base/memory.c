#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__ /* known since stdlib.h */
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

enum {
    ALIGNMENT = 64,        /* bytes: one cache line, one AVX-512 register */
    LARGE_PAGE = 1 << 21,  /* of x86-64 and arm64 */
    LARGE_BLOCK = 1 << 22, /* from here on a block asks for large pages */
};

static size_t limit_bytes;
static atomic_long failures_after = -1;
static atomic_long live_blocks;

static int refused_on_demand(void)
{
    if (atomic_load(&failures_after) < 0)
        return 0;
    long left = atomic_fetch_sub(&failures_after, 1);
    if (left > 0)
        return 0;
    atomic_store(&failures_after, 0);
    return 1;
}

static atomic_size_t held_bytes, peak_bytes;

static size_t size_of(void *block)
{
#ifdef __GLIBC__
    return malloc_usable_size(block);
#else
    (void)block;
    return 0;
#endif
}

static void count_in(void *block)
{
    const size_t held = atomic_fetch_add(&held_bytes, size_of(block)) + size_of(block);
    size_t peak = atomic_load(&peak_bytes);
    while (held > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, held))
        ;
    atomic_fetch_add(&live_blocks, 1);
}

size_t pe_memory_held(void)
{
    return atomic_load(&held_bytes);
}

size_t pe_memory_peak(void)
{
    return atomic_load(&peak_bytes);
}

void pe_memory_restart_peak(void)
{
    atomic_store(&peak_bytes, atomic_load(&held_bytes));
}

/* One entry of the processor's address cache covers a large page, and the kernel gives it in one
 * step in place of 512. Where it has none to give, nothing is lost. */
static void *allocate_large(size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    void *block = aligned_alloc(LARGE_PAGE, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
    if (block)
        madvise(block, bytes, MADV_HUGEPAGE);
    return block;
#else
    return aligned_alloc(ALIGNMENT, bytes);
#endif
}

static size_t rounded_up(size_t bytes)
{
    return bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
}

void *pe_allocate_unset(size_t count, size_t size, const char *what, pe_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        pe_fail(err, PE_MEMORY, "%s: %zu elements of %zu bytes are more than any address space",
                what, count, size);
        return NULL;
    }
    if (limit_bytes && bytes > limit_bytes) {
        pe_fail(err, PE_MEMORY, "%s: needs %.1f MiB, but only %.1f MiB may be used", what,
                (double)bytes / 1048576.0, (double)limit_bytes / 1048576.0);
        return NULL;
    }
    void *block = NULL;
    if (!refused_on_demand())
        block = bytes < LARGE_BLOCK ? aligned_alloc(ALIGNMENT, rounded_up(bytes))
                                    : allocate_large(rounded_up(bytes));
    if (!block) {
        pe_fail(err, PE_MEMORY, "%s: no memory for %zu bytes", what, bytes);
        return NULL;
    }
    count_in(block);
    return block;
}

void *pe_allocate(size_t count, size_t size, const char *what, pe_error *err)
{
    void *block = pe_allocate_unset(count, size, what, err);
    if (block)
        memset(block, 0, rounded_up(count * size));
    return block;
}

void *pe_grow(void *block, size_t old_count, size_t new_count, size_t size, const char *what,
              pe_error *err)
{
    void *grown = pe_allocate(new_count, size, what, err);
    if (!grown)
        return NULL;
    if (block)
        memcpy(grown, block, (old_count < new_count ? old_count : new_count) * size);
    pe_release(block);
    return grown;
}

char *pe_copy_text(const char *text, const char *what, pe_error *err)
{
    size_t bytes = strlen(text) + 1;
    char *copy = pe_allocate(bytes, 1, what, err);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void pe_release(void *block)
{
    if (!block)
        return;
    atomic_fetch_sub(&live_blocks, 1);
    atomic_fetch_sub(&held_bytes, size_of(block));
    free(block);
}

void pe_set_memory_limit(size_t bytes)
{
    limit_bytes = bytes;
}

void pe_fail_allocations_after(long allowed)
{
    atomic_store(&failures_after, allowed);
}

long pe_live_blocks(void)
{
    return atomic_load(&live_blocks);
}
