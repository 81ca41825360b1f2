/* The experiment distance_sensitivity on small labs: whoever is in them, every section is there,
 * nothing fails that should not, and a wrong kernel does. */
#include "testing.h"

#include "analysis/start.h"
#include "base/memory.h"
#include "lab/lab.h"
#include "registry/registry.h"
#include "report/report.h"
#include "report/result_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const text_path = POSENC_SOURCE_DIR "/LICENSE";

static const pe_experiment *experiment(void)
{
    for (size_t i = 0; pe_experiments[i]; i++)
        if (strcmp(pe_experiments[i]->id, "distance_sensitivity") == 0)
            return pe_experiments[i];
    CU_FAIL_FATAL("the experiment is not listed");
    return NULL;
}

/* Run on one variant with settings, or on all (id NULL). The caller releases *result. */
static pe_status run_on(const char *id, const pe_setting *settings, int count, int64_t length,
                        int head_dim, pe_result **result, pe_error *err)
{
    const pe_experiment *e = experiment();
    const pe_lab_size size = {.length = length,
                              .heads = 4,
                              .head_dim = head_dim,
                              .draws = 3,
                              .seed = 5,
                              .text = text_path,
                              .quick = true};
    pe_lab_choice choice = {.settings = settings, .setting_count = count};
    pe_lab lab = {0};
    pe_analysis_start();
    pe_registry_start();
    *result = NULL;
    pe_status status = id ? pe_registry_find(id, &choice.variant, err) : PE_OK;
    if (status == PE_OK)
        status = pe_lab_open(&lab, &size, id ? &choice : NULL, 1, err);
    if (status == PE_OK) {
        *result = pe_result_new(e->id, e->title, e->question, err);
        status = *result ? e->run(&lab, *result, err) : PE_MEMORY;
    }
    pe_lab_close(&lab);
    return status;
}

static const pe_verdict_row *find(const pe_result *r, const char *variant, const char *quantity)
{
    for (size_t s = 0; s < r->sections; s++)
        for (size_t v = 0; v < r->section[s]->verdicts; v++) {
            const pe_verdict_row *row = &r->section[s]->verdict[v];
            if (strcmp(row->variant, variant) == 0 && strcmp(row->quantity, quantity) == 0)
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
    pe_registry_start();
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

static pe_status stop_at_once(pe_error *err)
{
    return pe_fail(err, PE_INTERRUPTED, "interrupted");
}

static void a_signal_ends_it_without_a_leak(void)
{
    const pe_lab_size size = {.length = 16,
                              .heads = 2,
                              .head_dim = 4,
                              .draws = 2,
                              .seed = 1,
                              .text = text_path,
                              .quick = true};
    pe_error err = {0};
    pe_lab lab;
    pe_registry_start();
    const long before = pe_live_blocks();
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(&lab, &size, NULL, 0, &err), PE_OK);
    lab.check = stop_at_once;
    pe_result *r = pe_result_new("distance_sensitivity", "t", "q", &err);
    CU_ASSERT_EQUAL(experiment()->run(&lab, r, &err), PE_INTERRUPTED);
    pe_result_release(r);
    pe_lab_close(&lab);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

/* Far too many allocations for all of them: the first ones, then ever wider steps. */
static void a_failed_allocation_anywhere_is_reported_and_nothing_leaks(void)
{
    pe_registry_start();
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

PE_TEST_MAIN("program: distance sensitivity", PE_TEST(all_variants_pass_at_the_size_of_the_tables),
             PE_TEST(another_base_and_rule_are_judged_by_their_own_closed_form),
             PE_TEST(a_position_map_that_looks_at_the_whole_sequence_keeps_the_kernel),
             PE_TEST(a_kernel_that_is_almost_the_declared_one_fails),
             PE_TEST(a_plainly_different_kernel_is_a_note),
             PE_TEST(every_variant_alone_gives_a_sound_report),
             PE_TEST(two_runs_give_the_same_numbers), PE_TEST(a_signal_ends_it_without_a_leak),
             PE_TEST(a_failed_allocation_anywhere_is_reported_and_nothing_leaks))
