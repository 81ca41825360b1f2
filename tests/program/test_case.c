/* The case logic and the questions to hooks, in this process, so that every allocation can fail. */
#include "ask.h"
#include "base/memory.h"
#include "case_compare.h"
#include "case_run.h"
#include "registry/registry.h"
#include "table.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define GOLDEN POSENC_SOURCE_DIR "/tests/golden/"

static void ready(void)
{
    if (pe_registry_count() == 0)
        pe_registry_start();
}

/* ---- cases ---- */

/* Open, compute, compare, release; *differing is how many files differ. */
static pe_status whole_check(const char *folder, pe_precision precision, pe_method method,
                             int *differing, pe_error *err)
{
    pe_case *c = NULL;
    case_run run = {0};
    case_report report = {.worst = -1};
    pe_status status = pe_case_open(folder, &c, err);
    if (status == PE_OK)
        status = case_run_begin(c, precision, method, &run, err);
    if (status == PE_OK)
        status = case_run_compute(&run, err);
    if (status == PE_OK)
        status = case_compare(&run, -1, &report, err);
    *differing = report.differing;
    case_report_release(&report);
    case_run_release(&run);
    pe_case_close(c);
    return status;
}

static void checking_survives_every_failed_allocation(void)
{
    static const char *const folders[] = {GOLDEN "shaw_padded_b3_L7_k2",
                                          GOLDEN "shaw_cached_q2_kv9_k3_causal",
                                          GOLDEN "txl_L1_M6_h2_b1", GOLDEN "embedding_none_L1"};
    ready();
    for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++) {
        const long before = pe_live_blocks();
        pe_status status = PE_MEMORY;
        int differing = -1;
        long allowed = 0;
        for (; status == PE_MEMORY && allowed < 20000; allowed++) {
            pe_error err = {0};
            pe_fail_allocations_after(allowed);
            status = whole_check(folders[f], PE_DOUBLE, PE_REFERENCE, &differing, &err);
            pe_fail_allocations_after(-1);
            CU_ASSERT_EQUAL(pe_live_blocks(), before);
        }
        CU_ASSERT_EQUAL(status, PE_OK);
        CU_ASSERT_EQUAL(differing, 0);
        CU_ASSERT_TRUE(allowed > 30);
    }
}

static void blocks_leave_no_logits_but_the_same_outputs(void)
{
    pe_case *c = NULL;
    case_run run;
    pe_status status;
    ready();
    CU_ASSERT_EQUAL_FATAL(pe_case_open(GOLDEN "shaw_padded_b3_L7_k2", &c, NULL), PE_OK);
    CU_ASSERT_EQUAL_FATAL(case_run_begin(c, PE_DOUBLE, PE_TILED, &run, NULL), PE_OK);
    CU_ASSERT_EQUAL_FATAL(case_run_compute(&run, NULL), PE_OK);
    CU_ASSERT_PTR_NULL(case_run_find(&run, "logits", &status, NULL));
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT_PTR_NOT_NULL(case_run_find(&run, "out", &status, NULL));
    case_run_release(&run);
    pe_case_close(c);
}

/* ---- rows by offset, on the variant that the cases above use ---- */

static pe_instance *relative_instance(const char *clip)
{
    const pe_variant *variant = NULL;
    const pe_dims dims = {.heads = 2, .head_dim = 3, .model_dim = 6};
    const pe_setting setting = {"clip", clip};
    pe_instance *instance = NULL;
    ready();
    CU_ASSERT_EQUAL_FATAL(pe_registry_find("shaw", &variant, NULL), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_instance_create(variant, &dims, &setting, 1, 7, &instance, NULL),
                          PE_OK);
    return instance;
}

static void rows_beyond_the_edge_repeat_it_in_every_precision(void)
{
    static const double offsets[] = {-2, -100, 2, 100, 0};
    pe_instance *instance = relative_instance("2");
    for (int precision = 0; precision < PE_PRECISION_COUNT; precision++) {
        pe_wide rows = {0};
        CU_ASSERT_EQUAL_FATAL(
            ask_rows(instance, (pe_precision)precision, PE_ROWS_VALUE, 5, offsets, &rows, NULL),
            PE_OK);
        CU_ASSERT_EQUAL_FATAL(rows.count, 5 * 3);
        /* Offset n reads row clip - n of the table; offset 2 the first one. */
        const double *table = instance->master[pe_instance_param(instance, "rel_v")];
        for (int c = 0; c < 3; c++) {
            PE_NEAR("clipped below", rows.hi[3 + c], rows.hi[c], 0);
            PE_NEAR("clipped above", rows.hi[9 + c], rows.hi[6 + c], 0);
            PE_NEAR("first row", rows.hi[6 + c], table[c], fabs(table[c]) * (double)FLT_EPSILON);
            PE_NEAR("middle row", rows.hi[12 + c], table[6 + c],
                    fabs(table[6 + c]) * (double)FLT_EPSILON);
        }
        pe_wide_release(&rows);
    }
    pe_instance_release(instance);
}

static void more_rows_than_one_call_gives_are_asked_for_in_blocks(void)
{
    enum { N = 3 * PE_ROWS_AT_ONCE + 5 };
    double offsets[N];
    pe_instance *instance = relative_instance("200");
    pe_wide rows = {0};
    for (int i = 0; i < N; i++)
        offsets[i] = 100 - i;
    CU_ASSERT_EQUAL_FATAL(ask_rows(instance, PE_DOUBLE, PE_ROWS_VALUE, N, offsets, &rows, NULL),
                          PE_OK);
    const double *table = instance->master[pe_instance_param(instance, "rel_v")];
    for (int i = 0; i < N; i++)
        PE_NEAR("row", rows.hi[3 * i + 1], table[3 * (200 - 100 + i) + 1], 0);
    pe_wide_release(&rows);
    pe_instance_release(instance);
}

static void what_a_variant_does_not_have_is_refused(void)
{
    static const double half = 0.5, whole = 1;
    pe_instance *instance = relative_instance("2");
    pe_wide rows = {0};
    ask_turns turns;
    pe_error err = {0};
    CU_ASSERT_EQUAL(ask_rows(instance, PE_DOUBLE, PE_ROWS_BIAS, 1, &whole, &rows, &err), PE_USAGE);
    PE_CONTAINS(err.text, "has no such relative rows");
    CU_ASSERT_EQUAL(ask_rows(instance, PE_DOUBLE, PE_ROWS_VALUE, 1, &half, &rows, &err), PE_USAGE);
    PE_CONTAINS(err.text, "whole offsets only");
    CU_ASSERT_EQUAL(ask_pair(instance, PE_DOUBLE, 3, 1, &whole, &rows, &err), PE_USAGE);
    CU_ASSERT_EQUAL(ask_map(instance, PE_DOUBLE, 1, &whole, &turns, &err), PE_USAGE);
    CU_ASSERT_EQUAL(ask_frequencies(instance, PE_DOUBLE, &rows, &err), PE_USAGE);
    pe_instance_release(instance);
}

static void asking_survives_every_failed_allocation(void)
{
    static const double offsets[] = {-1, 0, 1};
    pe_instance *instance = relative_instance("2");
    const long before = pe_live_blocks();
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 40; allowed++) {
        pe_wide rows = {0};
        pe_fail_allocations_after(allowed);
        status = ask_rows(instance, PE_QUADRUPLE, PE_ROWS_VALUE, 3, offsets, &rows, NULL);
        pe_fail_allocations_after(-1);
        pe_wide_release(&rows);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    pe_instance_release(instance);
}

/* ---- points of a table ---- */

static void points_are_a_list_or_a_range(void)
{
    table_points points;
    CU_ASSERT_EQUAL_FATAL(table_points_read("0,-1,2.5,1e6", 0, 0, 1, 1, &points, NULL), PE_OK);
    CU_ASSERT_EQUAL(points.n, 4);
    PE_NEAR("third", points.x[2], 2.5, 0);
    PE_NEAR("fourth", points.x[3], 1e6, 0);
    table_points_release(&points);
    CU_ASSERT_EQUAL_FATAL(table_points_read("0:1,2:3", 0, 0, 1, 2, &points, NULL), PE_OK);
    CU_ASSERT_EQUAL(points.n, 2);
    PE_NEAR("second axis", points.x[3], 3, 0);
    table_points_release(&points);
    /* 0.1 + 0.1 + 0.1 > 0.3 in binary; the last step still counts. */
    CU_ASSERT_EQUAL_FATAL(table_points_read(NULL, 0, 0.3, 0.1, 1, &points, NULL), PE_OK);
    CU_ASSERT_EQUAL(points.n, 4);
    table_points_release(&points);
    CU_ASSERT_EQUAL_FATAL(table_points_read(NULL, 3, -3, -2, 1, &points, NULL), PE_OK);
    CU_ASSERT_EQUAL(points.n, 4);
    PE_NEAR("last", points.x[3], -3, 0);
    table_points_release(&points);
}

static void lists_that_are_none_are_refused(void)
{
    static const struct {
        const char *list;
        int axes;
    } wrong[] = {{"", 1},    {"1,", 1},    {",1", 1},    {"1,,2", 1}, {"1 2", 1}, {"inf", 1},
                 {"1:2", 1}, {"1,2:3", 2}, {"1:2:3", 2}, {"1:", 2},   {"0x1", 1}, {"one", 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        table_points points;
        pe_error err = {0};
        CU_ASSERT_EQUAL(table_points_read(wrong[i].list, 0, 0, 1, wrong[i].axes, &points, &err),
                        PE_USAGE);
        PE_CONTAINS(err.text, "positions-list");
        CU_ASSERT_PTR_NULL(points.x);
    }
}

PE_TEST_MAIN("program: cases and questions", PE_TEST(checking_survives_every_failed_allocation),
             PE_TEST(blocks_leave_no_logits_but_the_same_outputs),
             PE_TEST(rows_beyond_the_edge_repeat_it_in_every_precision),
             PE_TEST(more_rows_than_one_call_gives_are_asked_for_in_blocks),
             PE_TEST(what_a_variant_does_not_have_is_refused),
             PE_TEST(asking_survives_every_failed_allocation),
             PE_TEST(points_are_a_list_or_a_range), PE_TEST(lists_that_are_none_are_refused))
