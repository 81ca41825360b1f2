/* The experiment `numerical_precision` on small labs: the arithmetic itself is tested in
 * tests/numbers. */
#include "experiment.h"
#include "report/result_data.h"

#include <math.h>

static pe_status run_on(const char *id, pe_status (*check)(pe_error *), pe_result **result,
                        pe_error *err)
{
    pe_lab_size size = small_lab();
    size.length = 16;
    const pe_lab_choice choice = {.variant = variant_of(id)};
    return run_experiment("numerical_precision", &size, &choice, 1, check, result, err);
}

static void the_published_fp16_table_is_reproduced(void)
{
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on("sinusoidal", NULL, &r, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(r, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
    int found = 0;
    for (size_t s = 0; s < r->sections; s++)
        for (size_t v = 0; v < r->section[s]->verdicts; v++)
            found += fabs(r->section[s]->verdict[v].value - 0.7819) < 1e-4;
    CU_ASSERT_TRUE(found >= 1); /* gpt-neox issue 1003 */
    pe_result_release(r);
}

static void biases_rotations_and_the_control_pass_too(void)
{
    static const char *const ids[] = {"none", "alibi", "rope", "fox"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        pe_result *r;
        pe_error err = {0};
        CU_ASSERT_EQUAL_FATAL(run_on(ids[i], NULL, &r, &err), PE_OK);
        CU_ASSERT_EQUAL(pe_result_check(r, &err), PE_OK);
        CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
        pe_result_release(r);
    }
}

static void an_interrupted_run_ends_and_leaks_nothing(void)
{
    const long before = pe_live_blocks();
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL(run_on("rope", interrupted_at_once, &r, &err), PE_INTERRUPTED);
    pe_result_release(r);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

PE_EXPERIMENT_TEST_MAIN("program: numerical precision",
                        PE_TEST(the_published_fp16_table_is_reproduced),
                        PE_TEST(biases_rotations_and_the_control_pass_too),
                        PE_TEST(an_interrupted_run_ends_and_leaks_nothing))
