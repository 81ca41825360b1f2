/* The experiment `clipping` on small models: where a bound lets recall pass, and that a variant
 * whose rows say nothing is found. */
#include "experiment.h"

static pe_result *run(const pe_variant *variant)
{
    const pe_lab_size size = small_lab();
    const pe_lab_choice choice = {.variant = variant};
    return result_of("clipping", &size, &choice, 1);
}

/* Each mode with key rows has two verdicts: all k > m pass, all k <= m fail. */
static void recall_passes_beyond_the_bound_and_fails_up_to_it(void)
{
    pe_result *result = run(variant_of("shaw"));
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_PASS), 4); /* keys and values, keys only */
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_INFO), 2); /* values only */
    pe_result_release(result);
}

static void say_nothing(const pe_call_f32 *c, int n, const double *offset, pe_rows_f32 *rows)
{
    const size_t width = (size_t)c->info->row_heads * (size_t)c->dims->head_dim;
    (void)offset;
    if (rows->query)
        memset(rows->query, 0, (size_t)n * width * sizeof *rows->query);
    if (rows->value)
        memset(rows->value, 0, (size_t)n * width * sizeof *rows->value);
}

static void rows_that_say_nothing_fail(void)
{
    pe_variant empty = *variant_of("shaw");
    pe_ops_f32 ops = *empty.f32;
    ops.relative = say_nothing;
    empty.f32 = &ops;
    empty.id = "empty";
    pe_result *result = run(&empty);
    CU_ASSERT(pe_result_count(result, PE_VERDICT_FAIL) > 0);
    pe_result_release(result);
}

static void without_a_bound_nothing_is_judged(void)
{
    pe_result *result = run(variant_of("none"));
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_PASS), 0);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    pe_result_release(result);
}

PE_EXPERIMENT_TEST_MAIN("program: clipping",
                        PE_TEST(recall_passes_beyond_the_bound_and_fails_up_to_it),
                        PE_TEST(rows_that_say_nothing_fail),
                        PE_TEST(without_a_bound_nothing_is_judged))
