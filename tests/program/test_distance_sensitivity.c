/* The experiment distance_sensitivity on small labs: whoever is in them, every section is there,
 * nothing fails that should not, and a wrong kernel does. */
#include "experiment.h"
#include "report/result_data.h"

#include <math.h>

/* Run on one variant with settings, or on all (id NULL). The caller releases *result. */
static pe_status run_on(const char *id, const pe_setting *settings, int count, int64_t length,
                        int head_dim, pe_result **result, pe_error *err)
{
    pe_lab_size size = small_lab();
    pe_lab_choice choice = {.settings = settings, .setting_count = count};
    size.length = length, size.heads = 4, size.head_dim = head_dim, size.draws = 3, size.seed = 5;
    *result = NULL;
    pe_status status = id ? pe_registry_find(id, &choice.variant, err) : PE_OK;
    if (status == PE_OK)
        status = run_experiment("distance_sensitivity", &size, id ? &choice : NULL, 1, NULL, result,
                                err);
    return status;
}

/* By its id, with or without options: "rope" also finds "rope:base=100". */
static bool of_variant(const pe_verdict_row *row, const char *id)
{
    const size_t n = strlen(id);
    return strncmp(row->variant, id, n) == 0 && (row->variant[n] == '\0' || row->variant[n] == ':');
}

static const pe_verdict_row *find(const pe_result *r, const char *variant, const char *quantity)
{
    for (size_t s = 0; s < r->sections; s++)
        for (size_t v = 0; v < r->section[s]->verdicts; v++) {
            const pe_verdict_row *row = &r->section[s]->verdict[v];
            if (of_variant(row, variant) && strcmp(row->quantity, quantity) == 0)
                return row;
        }
    return NULL;
}

static double value(const pe_result *r, const char *variant, const char *quantity)
{
    const pe_verdict_row *row = find(r, variant, quantity);
    if (!row)
        printf("\n    no verdict \"%s\" of %s\n", quantity, variant);
    return row ? row->value : (double)NAN;
}

static void all_variants_pass_at_the_size_of_the_tables(void)
{
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on(NULL, NULL, 0, 128, 32, &r, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
    CU_ASSERT(pe_result_count(r, PE_VERDICT_PASS) > 100);
    CU_ASSERT_EQUAL(r->sections, 10);
    /* METRICS.md 1.2, 1.3, 1.6, 1.8 */
    PE_NEAR("k*", value(r, "sinusoidal", "k*, d = 128"), 11, 0);
    PE_NEAR("tau", value(r, "sinusoidal", "τ = C − D"), 0.8485, 1e-4);
    PE_NEAR("horizon", value(r, "alibi", "window of 99 % of the weight, head 0"), 19, 0);
    PE_NEAR("horizon", value(r, "alibi", "window of 99 % of the weight, head 3"), 1179, 0);
    PE_NEAR("buckets", value(r, "t5", "bucket starts that agree with the list, head 0"), 16, 0);
    PE_NEAR("clip", value(r, "shaw", "resolution distance within T"), 16, 0);
    PE_NEAR("control", value(r, "none", "largest |a(i,j) − 1/T|, one word everywhere"), 0, 1e-15);
    PE_NEAR("ties", value(r, "none", "τ = C − D"), 0, 0);
    pe_result_release(r);
}

static void another_base_and_rule_are_judged_by_their_own_closed_form(void)
{
    static const pe_setting settings[] = {{"base", "500"}, {"rule", "t2t"}};
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on("sinusoidal", settings, 2, 40, 8, &r, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
    const pe_verdict_row *row = find(r, "sinusoidal", "g(1), d = 64");
    CU_ASSERT_FATAL(row != NULL);
    /* w_i = 500^(-i/31) */
    double g = 0;
    for (int i = 0; i < 32; i++)
        g += cos(pow(500, -i / 31.0)) / 32;
    PE_NEAR("g(1)", row->value, g, 1e-12);
    CU_ASSERT_EQUAL(row->judgement, PE_VERDICT_PASS);
    CU_ASSERT_STRING_EQUAL(row->source, "closed form");
    pe_result_release(r);
}

static void a_position_map_that_looks_at_the_whole_sequence_keeps_the_kernel(void)
{
    static const pe_setting settings[] = {{"normalize", "true"}};
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on("cape", settings, 1, 40, 8, &r, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
    PE_NEAR("first negative", value(r, "cape", "g < 0 at, d = 64"), 725, 0);
    pe_result_release(r);
}

static void a_kernel_that_is_almost_the_declared_one_fails(void)
{
    static const pe_setting settings[] = {{"freq_scale", "1.001"}}; /* base stays 10000 */
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on("cape", settings, 1, 40, 8, &r, &err), PE_OK);
    const pe_verdict_row *row = find(r, "cape", "g(1), d = 64");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->judgement, PE_VERDICT_FAIL);
    PE_CONTAINS(row->because, "not the same");
    pe_result_release(r);
}

static void a_plainly_different_kernel_is_a_note(void)
{
    static const pe_setting settings[] = {{"freq_scale", "3"}};
    pe_result *r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run_on("cape", settings, 1, 40, 8, &r, &err), PE_OK);
    const pe_verdict_row *row = find(r, "cape", "g(1), d = 64");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->judgement, PE_VERDICT_INFO);
    CU_ASSERT_EQUAL(pe_result_count(r, PE_VERDICT_FAIL), 0);
    pe_result_release(r);
}

/* Every variant alone, at an odd and tiny size: a report, whatever it can or cannot do. */
static void every_variant_alone_gives_a_sound_report(void)
{
    for (size_t i = 0; i < pe_registry_count(); i++)
        for (int head_dim = 3; head_dim <= 4; head_dim++) {
            pe_result *r;
            pe_error err = {0};
            pe_status status = run_on(pe_registry_at(i)->id, NULL, 0, 9, head_dim, &r, &err);
            if (status != PE_OK || pe_result_count(r, PE_VERDICT_FAIL))
                printf("\n    %s, head_dim %d: %s\n", pe_registry_at(i)->id, head_dim, err.text);
            CU_ASSERT_EQUAL(status, PE_OK);
            CU_ASSERT(!r || pe_result_count(r, PE_VERDICT_FAIL) == 0);
            pe_result_release(r);
        }
}

static void two_runs_give_the_same_numbers(void)
{
    pe_buffer json[2] = {{0}};
    pe_error err = {0};
    for (int i = 0; i < 2; i++) {
        pe_result *r;
        CU_ASSERT_EQUAL_FATAL(run_on(NULL, NULL, 0, 16, 8, &r, &err), PE_OK);
        CU_ASSERT_EQUAL_FATAL(pe_report_json(r, &json[i], &err), PE_OK);
        pe_result_release(r);
    }
    CU_ASSERT_EQUAL_FATAL(json[0].size, json[1].size);
    CU_ASSERT_EQUAL(memcmp(json[0].bytes, json[1].bytes, json[0].size), 0);
    pe_buffer_release(&json[0]);
    pe_buffer_release(&json[1]);
}

static void a_signal_ends_it_without_a_leak(void)
{
    pe_lab_size size = small_lab();
    pe_error err = {0};
    pe_result *r;
    const long before = pe_live_blocks();
    size.length = 16;
    CU_ASSERT_EQUAL(
        run_experiment("distance_sensitivity", &size, NULL, 0, interrupted_at_once, &r, &err),
        PE_INTERRUPTED);
    pe_result_release(r);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

/* Far too many allocations for all of them: the first ones, then ever wider steps. */
static void a_failed_allocation_anywhere_is_reported_and_nothing_leaks(void)
{
    const long before = pe_live_blocks();
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status != PE_OK; allowed += 1 + allowed / 12) {
        pe_result *r;
        pe_error err = {0};
        pe_fail_allocations_after(allowed);
        status = run_on("sinusoidal", NULL, 0, 8, 2, &r, &err);
        pe_fail_allocations_after(-1);
        pe_result_release(r);
        CU_ASSERT(status == PE_OK || status == PE_MEMORY);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
        if (status != PE_OK && status != PE_MEMORY)
            break;
    }
}

PE_EXPERIMENT_TEST_MAIN("program: distance sensitivity",
                        PE_TEST(all_variants_pass_at_the_size_of_the_tables),
                        PE_TEST(another_base_and_rule_are_judged_by_their_own_closed_form),
                        PE_TEST(a_position_map_that_looks_at_the_whole_sequence_keeps_the_kernel),
                        PE_TEST(a_kernel_that_is_almost_the_declared_one_fails),
                        PE_TEST(a_plainly_different_kernel_is_a_note),
                        PE_TEST(every_variant_alone_gives_a_sound_report),
                        PE_TEST(two_runs_give_the_same_numbers),
                        PE_TEST(a_signal_ends_it_without_a_leak),
                        PE_TEST(a_failed_allocation_anywhere_is_reported_and_nothing_leaks))
