/* The experiment `cost` as a whole: that times and memory are there, and that a fused form which
 * computes something else is found. How long anything takes is not tested. */
#include "cost.h"
#include "experiment.h"

static pe_result *run(const pe_lab_choice *choices, int count)
{
    const pe_lab_size size = small_lab();
    return result_of("cost", &size, choices, count);
}

static void every_variant_has_a_price_and_both_forms_agree(void)
{
    pe_result *result = run(NULL, 0);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT(pe_result_count(result, PE_VERDICT_PASS) >= pe_registry_count());
    pe_buffer drawn = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_report_drawn(result, &drawn, &err), PE_OK);
    PE_CONTAINS(drawn.bytes, "operations per byte that must be moved");
    PE_CONTAINS(drawn.bytes, "naive: grows with");
    PE_CONTAINS(drawn.bytes, "naive, no encoding");
    pe_buffer_release(&drawn);
    pe_result_release(result);
}

/* Looks at the place within its tile, so that the result depends on how the matrix is cut. */
static void by_tile(const pe_call_f32 *c, const pe_tile_f32 *tile, const float *raw, float *s)
{
    (void)c;
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++)
            s[i * tile->nk + j] = raw[i * tile->nk + j] + (float)((i + j) % 7);
}

static void forms_that_differ_are_found(void)
{
    CU_ASSERT_FATAL(pe_registry_count() > 0);
    pe_variant wrong = *pe_registry_at(0);
    pe_ops_f32 ops = *wrong.f32;
    ops.logits = by_tile;
    wrong.f32 = &ops;
    wrong.id = "by_tile";
    const pe_lab_choice choice = {.variant = &wrong};
    pe_result *result = run(&choice, 1);
    CU_ASSERT(pe_result_count(result, PE_VERDICT_FAIL) > 0);
    pe_result_release(result);
}

/* The report of times of our own: every call takes as long, in all rounds but for a share in one.
 */
static void report_of(double disturbance, pe_buffer *text)
{
    static cost_run measured;
    const pe_lab_size size = small_lab();
    pe_lab lab;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(&lab, &size, NULL, 0, &err), PE_OK);
    measured.lengths = measured.naive_lengths = 1;
    measured.length[0] = 64;
    for (size_t s = 0; s < COST_SUBJECTS; s++)
        measured.point[s][0] =
            (cost_point){.fused = 1e-3, .naive = 1e-2, .slowest = 1e-3 * (1 + disturbance)};
    pe_result *result = pe_result_new("cost", "Cost", "What does it cost?", &err);
    CU_ASSERT_EQUAL(cost_show_time(&lab, &measured, result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_report_json(result, text, &err), PE_OK);
    pe_result_release(result);
    pe_lab_close(&lab);
}

static void a_busy_machine_is_said_and_nothing_is_claimed(void)
{
    pe_buffer quiet = {0}, busy = {0};
    report_of(0.05, &quiet);
    PE_CONTAINS(quiet.bytes, "takes 1.0 times as long as");
    PE_CONTAINS(quiet.bytes, "differ by 5 %");
    report_of(0.8, &busy);
    PE_CONTAINS(busy.bytes, "The times are rough: the machine was busy, and rounds differ by 80 %");
    pe_buffer_release(&quiet);
    pe_buffer_release(&busy);
}

PE_EXPERIMENT_TEST_MAIN("program: cost", PE_TEST(every_variant_has_a_price_and_both_forms_agree),
                        PE_TEST(forms_that_differ_are_found),
                        PE_TEST(a_busy_machine_is_said_and_nothing_is_claimed))
