/* The experiment `clipping` on small models: where a bound lets recall pass, and that a variant
 * whose rows say nothing is found. */
#include "analysis/start.h"
#include "lab/lab.h"
#include "registry/registry.h"
#include "report/report.h"
#include "testing.h"

#include <string.h>

static const pe_lab_size small = {.length = 32,
                                  .heads = 2,
                                  .head_dim = 8,
                                  .draws = 4,
                                  .seed = 3,
                                  .text = POSENC_SOURCE_DIR "/LICENSE",
                                  .quick = true};

static const pe_experiment *find(const char *id)
{
    for (size_t i = 0; pe_experiments[i]; i++)
        if (strcmp(pe_experiments[i]->id, id) == 0)
            return pe_experiments[i];
    return NULL;
}

static pe_result *run(const pe_variant *variant)
{
    const pe_experiment *experiment = find("clipping");
    CU_ASSERT_PTR_NOT_NULL_FATAL(experiment);
    CU_ASSERT_PTR_NOT_NULL_FATAL(variant);
    const pe_lab_choice choice = {.variant = variant};
    pe_lab lab;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(&lab, &small, &choice, 1, &err), PE_OK);
    pe_result *result =
        pe_result_new(experiment->id, experiment->title, experiment->question, NULL);
    CU_ASSERT_EQUAL_FATAL(experiment->run(&lab, result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    pe_lab_close(&lab);
    return result;
}

static const pe_variant *find_variant(const char *id)
{
    for (size_t i = 0; i < pe_registry_count(); i++)
        if (strcmp(pe_registry_at(i)->id, id) == 0)
            return pe_registry_at(i);
    return NULL;
}

/* Each mode with key rows has two verdicts: all k > m pass, all k <= m fail. */
static void recall_passes_beyond_the_bound_and_fails_up_to_it(void)
{
    pe_result *result = run(find_variant("shaw"));
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
    pe_variant empty = *find_variant("shaw");
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
    pe_result *result = run(find_variant("none"));
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_PASS), 0);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    pe_result_release(result);
}

int main(int argc, char **argv)
{
    static const pe_test tests[] = {PE_TEST(recall_passes_beyond_the_bound_and_fails_up_to_it),
                                    PE_TEST(rows_that_say_nothing_fail),
                                    PE_TEST(without_a_bound_nothing_is_judged)};
    pe_analysis_start();
    pe_registry_start();
    return pe_run_tests("program: clipping", tests, sizeof tests / sizeof tests[0], argc, argv);
}
