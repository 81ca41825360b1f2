/* The experiment `numerical_precision` on small labs: the arithmetic itself is tested in
 * tests/numbers. */
#include "analysis/start.h"
#include "base/memory.h"
#include "lab/lab.h"
#include "registry/registry.h"
#include "report/result_data.h"
#include "testing.h"

#include <math.h>
#include <string.h>

static pe_status run_on(const char *id, pe_status (*check)(pe_error *), pe_result **result,
                        pe_error *err)
{
    const pe_lab_size size = {.length = 16,
                              .heads = 2,
                              .head_dim = 8,
                              .draws = 3,
                              .seed = 5,
                              .text = POSENC_SOURCE_DIR "/LICENSE",
                              .quick = true};
    pe_lab_choice choice = {0};
    CU_ASSERT_EQUAL_FATAL(pe_registry_find(id, &choice.variant, err), PE_OK);
    const pe_experiment *experiment = NULL;
    for (size_t i = 0; pe_experiments[i]; i++)
        if (strcmp(pe_experiments[i]->id, "numerical_precision") == 0)
            experiment = pe_experiments[i];
    CU_ASSERT_PTR_NOT_NULL_FATAL(experiment);
    pe_lab lab;
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(&lab, &size, &choice, 1, err), PE_OK);
    lab.check = check;
    *result = pe_result_new(experiment->id, experiment->title, experiment->question, err);
    pe_status status = experiment->run(&lab, *result, err);
    pe_lab_close(&lab);
    return status;
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

static pe_status interrupted(pe_error *err)
{
    return pe_fail(err, PE_INTERRUPTED, "interrupted");
}

static void an_interrupted_run_ends_and_leaks_nothing(void)
{
    const long before = pe_live_blocks();
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL(run_on("rope", interrupted, &r, &err), PE_INTERRUPTED);
    pe_result_release(r);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

int main(int argc, char **argv)
{
    static const pe_test tests[] = {PE_TEST(the_published_fp16_table_is_reproduced),
                                    PE_TEST(biases_rotations_and_the_control_pass_too),
                                    PE_TEST(an_interrupted_run_ends_and_leaks_nothing)};
    pe_analysis_start();
    pe_registry_start();
    return pe_run_tests("program: numerical precision", tests, sizeof tests / sizeof tests[0], argc,
                        argv);
}
