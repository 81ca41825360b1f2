/* METRICS 4.1: printed with one or two digits and without the split that was used, so the sine rows
 * are held to a factor of 2 (an order of magnitude is what the ridge moves). */
#include "tables.h"

#include "analysis/probe.h"
#include "analysis/random.h"

static void expect_mae(const double *P, size_t T, size_t d, double ridge, double want)
{
    pe_position_probe got;
    OK(pe_probe_position(P, T, d, 0.2, ridge, 1, &got, NULL));
    printf("    d = %zu, ridge %g: held-out MAE %.3g (METRICS %.3g), worst %.3g, chance %.1f\n", d,
           ridge, got.mae, want, got.worst, got.chance);
    PE_NEAR("log2 of MAE against METRICS", log2(got.mae / want), 0.0, 1.0);
    CU_ASSERT_EQUAL(got.ridge, ridge);
    CU_ASSERT_EQUAL(got.tested, 102);
    CU_ASSERT_EQUAL(got.trained, 410);
}

static void the_position_is_read_from_sines_as_in_section_4_1(void)
{
    static const size_t d[] = {32, 64, 128, 256};
    static const double ridge[] = {1e-8, 1e-3, 1.0};
    static const double mae[3][4] = {
        {9e-5, 2e-4, 6e-5, 2e-5}, {0.032, 0.034, 0.009, 0.008}, {3.0, 1.4, 0.43, 0.28}};
    for (int c = 0; c < 4; c++) {
        double *P = sine_table(512, d[c], 1e4);
        for (int r = 0; r < 3; r++)
            expect_mae(P, 512, d[c], ridge[r], mae[r][c]);
        free(P);
    }
}

static void a_random_table_says_nothing_about_rows_not_seen(void)
{
    double *P = numbers(512 * 64);
    pe_stream s = pe_stream_open(4, "probe", 0);
    pe_fill_normal(&s, P, 512 * 64, 0.0, 1.0);
    pe_position_probe got;
    OK(pe_probe_position(P, 512, 64, 0.2, 1e-3, 1, &got, NULL));
    PE_NEAR("chance", got.chance, 128.0, 20.0);
    CU_ASSERT_TRUE(got.mae > 0.9 * got.chance);
    free(P);
}

static void a_column_that_counts_is_read_off_exactly(void)
{
    double P[40 * 2];
    for (int t = 0; t < 40; t++) {
        P[2 * t] = 5.0 - 0.5 * t;
        P[2 * t + 1] = 1.0;
    }
    pe_position_probe got;
    OK(pe_probe_position(P, 40, 2, 0.25, 1e-12, 9, &got, NULL));
    CU_ASSERT_EQUAL(got.tested, 10);
    PE_NEAR("MAE", got.mae, 0.0, 1e-11);
}

static void the_same_seed_holds_out_the_same_rows(void)
{
    double *P = sine_table(64, 8, 1e4);
    pe_position_probe a, b, c;
    OK(pe_probe_position(P, 64, 8, 0.2, 1e-3, 1, &a, NULL));
    OK(pe_probe_position(P, 64, 8, 0.2, 1e-3, 1, &b, NULL));
    OK(pe_probe_position(P, 64, 8, 0.2, 1e-3, 2, &c, NULL));
    CU_ASSERT_EQUAL(a.mae, b.mae);
    CU_ASSERT_NOT_EQUAL(a.mae, c.mae);
    free(P);
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    double P[8] = {1, 2, 3, 4, 5, 7, 9, PE_NAN};
    pe_position_probe got;
    REFUSED(pe_probe_position(P, 4, 2, 0.2, 1.0, 1, &got, NULL), PE_FORMAT);
    REFUSED(pe_probe_position(P, 2, 2, 0.2, 1.0, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_probe_position(P, 4, 0, 0.2, 1.0, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_probe_position(P, 4, 2, 0.0, 1.0, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_probe_position(P, 4, 2, 0.2, 0.0, 1, &got, NULL), PE_USAGE);
    P[7] = 8;
    FAIL_EVERY_ALLOCATION(pe_probe_position(P, 4, 2, 0.2, 1.0, 1, &got, NULL), );
}

PE_TEST_MAIN("analysis: probe", PE_TEST(the_position_is_read_from_sines_as_in_section_4_1),
             PE_TEST(a_random_table_says_nothing_about_rows_not_seen),
             PE_TEST(a_column_that_counts_is_read_off_exactly),
             PE_TEST(the_same_seed_holds_out_the_same_rows),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
