#include "base/memory.h"
#include "testing.h"

#include <stdint.h>
#include <string.h>

static void a_block_is_zero_and_aligned(void)
{
    unsigned char *block = pe_allocate(37, 3, "block", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    CU_ASSERT_EQUAL((uintptr_t)block % 64, 0);
    for (int i = 0; i < 111; i++)
        CU_ASSERT_EQUAL(block[i], 0);
    pe_release(block);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_product_that_overflows_is_refused(void)
{
    pe_error err = {0};
    CU_ASSERT_PTR_NULL(pe_allocate(SIZE_MAX / 2, 3, "logits", &err));
    CU_ASSERT_EQUAL(err.status, PE_MEMORY);
    PE_CONTAINS(err.text, "logits");
}

static void a_block_over_the_limit_is_refused_by_size(void)
{
    pe_error err = {0};
    pe_set_memory_limit(1 << 20);
    CU_ASSERT_PTR_NULL(pe_allocate(3 << 20, 1, "table", &err));
    PE_CONTAINS(err.text, "table: needs 3.0 MiB, but only 1.0 MiB may be used");
    pe_set_memory_limit(0);
}

static void allocations_fail_on_demand_and_growing_keeps_the_old_block(void)
{
    int *numbers = pe_allocate(2, sizeof *numbers, "numbers", NULL);
    numbers[1] = 2385;
    pe_fail_allocations_after(0);
    CU_ASSERT_PTR_NULL(pe_grow(numbers, 2, 9, sizeof *numbers, "numbers", NULL));
    pe_fail_allocations_after(-1);
    CU_ASSERT_EQUAL(numbers[1], 2385);
    numbers = pe_grow(numbers, 2, 9, sizeof *numbers, "numbers", NULL);
    CU_ASSERT_EQUAL(numbers[1], 2385);
    CU_ASSERT_EQUAL(numbers[8], 0);
    pe_release(numbers);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_sentence_holds_no_control_characters(void)
{
    pe_error err;
    CU_ASSERT_EQUAL(pe_fail(&err, PE_FORMAT, "%s: not a table", "a\nb\033[31m"), PE_FORMAT);
    CU_ASSERT_STRING_EQUAL(err.text, "a?b?[31m: not a table");
    CU_ASSERT_EQUAL(pe_exit_code(PE_FORMAT), 4);
    CU_ASSERT_EQUAL(pe_exit_code(PE_INTERRUPTED), 130);
}

static void held_bytes_and_their_peak_are_counted(void)
{
    const size_t before = pe_memory_held();
    if (before == 0 && pe_live_blocks() > 0)
        return; /* a C library that does not tell */
    pe_memory_restart_peak();
    void *a = pe_allocate(1000, 8, "a", NULL), *b = pe_allocate(2000, 8, "b", NULL);
    pe_release(a);
    CU_ASSERT(pe_memory_held() >= before + 16000);
    CU_ASSERT(pe_memory_held() < before + 17000);
    CU_ASSERT(pe_memory_peak() >= before + 24000);
    pe_release(b);
    CU_ASSERT_EQUAL(pe_memory_held(), before);
    pe_memory_restart_peak();
    CU_ASSERT_EQUAL(pe_memory_peak(), before);
}

PE_TEST_MAIN("base", PE_TEST(a_block_is_zero_and_aligned),
             PE_TEST(a_product_that_overflows_is_refused),
             PE_TEST(a_block_over_the_limit_is_refused_by_size),
             PE_TEST(allocations_fail_on_demand_and_growing_keeps_the_old_block),
             PE_TEST(held_bytes_and_their_peak_are_counted),
             PE_TEST(a_sentence_holds_no_control_characters))
