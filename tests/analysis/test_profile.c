#include "tables.h"

#include "analysis/profile.h"
#include "analysis/random.h"

enum { T = 37 };

static void the_profile_of_a_table_of_sines_is_the_kernel_at_every_signed_offset(void)
{
    double *P = sine_table(128, 128, 1e4), *M = products(P, P, 128, 128);
    pe_profile p;
    OK(pe_profile_of(M, 128, PE_REGION_ALL, &p, NULL));
    for (ptrdiff_t k = -127; k <= 127; k++) {
        double G = 0.0;
        for (int i = 0; i < 64; i++)
            G += cos((double)k * pow(1e4, -2.0 * i / 128.0));
        /* METRICS 0, row 1: departure 1.8e-13 at T = d = 128 */
        PE_NEAR("b(k)", p.mean[pe_profile_at(&p, k)], G, 4e-13);
        CU_ASSERT_EQUAL(p.count[pe_profile_at(&p, k)], (size_t)(128 - labs(k)));
        CU_ASSERT_TRUE(p.deviation[pe_profile_at(&p, k)] < 4e-13);
        CU_ASSERT_TRUE(p.spread[pe_profile_at(&p, k)] <= p.deviation[pe_profile_at(&p, k)]);
    }
    pe_profile_free(&p);
    free(M);
    free(P);
}

static void mean_and_spread_are_those_of_plain_loops(void)
{
    double *M = numbers(T * T);
    pe_stream s = pe_stream_open(1, "profile test", 0);
    pe_fill_normal(&s, M, T * T, 3.0, 2.0);
    pe_profile p;
    OK(pe_profile_of(M, T, PE_REGION_ALL, &p, NULL));
    for (int k = -(T - 1); k < T; k++) {
        double sum = 0.0, squares = 0.0, n = T - abs(k);
        for (int i = 0; i < T; i++)
            if (i + k >= 0 && i + k < T) {
                sum += M[i * T + i + k];
                squares += M[i * T + i + k] * M[i * T + i + k];
            }
        size_t at = pe_profile_at(&p, k);
        PE_NEAR("mean", p.mean[at], sum / n, 64 * DBL_EPSILON);
        PE_NEAR("spread", p.spread[at], sqrt(fmax(squares / n - sum / n * (sum / n), 0.0)), 1e-7);
    }
    pe_profile_free(&p);
    free(M);
}

static void a_causal_profile_reads_nothing_above_the_diagonal(void)
{
    double M[9] = {1, PE_NAN, PE_NAN, 2, 1, PE_NAN, 3, 4, 1}, curve[3];
    pe_profile p;
    OK(pe_profile_of(M, 3, PE_REGION_CAUSAL, &p, NULL));
    OK(pe_profile_one_sided(&p, -1, curve, NULL));
    CU_ASSERT_EQUAL(curve[0], 1.0);
    CU_ASSERT_EQUAL(curve[1], 3.0);
    CU_ASSERT_EQUAL(curve[2], 3.0);
    CU_ASSERT_EQUAL(p.count[pe_profile_at(&p, 1)], 0);
    CU_ASSERT_TRUE(isnan(p.mean[pe_profile_at(&p, 1)]));
    OK(pe_profile_one_sided(&p, 1, curve, NULL));
    CU_ASSERT_TRUE(isnan(curve[2]));
    REFUSED(pe_profile_one_sided(&p, 0, curve, NULL), PE_USAGE);
    pe_profile_free(&p);
    OK(pe_profile_of(M, 3, PE_REGION_CAUSAL_STRICT, &p, NULL));
    CU_ASSERT_EQUAL(p.count[pe_profile_at(&p, 0)], 0);
    CU_ASSERT_EQUAL(p.mean[pe_profile_at(&p, -1)], 3.0);
    pe_profile_free(&p);
    pe_profile_free(&p);
    pe_profile_free(NULL);
}

static void a_diagonal_of_equal_numbers_has_exactly_that_mean(void)
{
    double *M = linear_bias(T, 0.1); /* 0.1 k is not a dyadic number */
    pe_profile p;
    OK(pe_profile_of(M, T, PE_REGION_ALL, &p, NULL));
    for (int k = -(T - 1); k < T; k++) {
        CU_ASSERT_EQUAL(p.mean[pe_profile_at(&p, k)], -0.1 * abs(k));
        CU_ASSERT_EQUAL(p.deviation[pe_profile_at(&p, k)], 0.0);
    }
    pe_profile_free(&p);
    free(M);
}

static void row_and_step_norms_of_a_table_of_sines_are_constant(void)
{
    static const size_t d[] = {64, 128, 512};
    static const double step[] = {1.47185, 1.95260, 3.71427};
    for (size_t c = 0; c < 3; c++) {
        double *P = sine_table(300, d[c], 1e4), norms[300], steps[299];
        OK(pe_row_norms(P, 300, d[c], norms, NULL));
        OK(pe_step_norms(P, 300, d[c], steps, NULL));
        for (size_t t = 0; t < 300; t++)
            PE_NEAR("norm", norms[t], sqrt((double)d[c] / 2.0), 1e-6);
        for (size_t t = 0; t < 299; t++)
            PE_NEAR("step", steps[t], step[c], PRINTED(5));
        for (size_t t = 0; t < 299; t++)
            PE_NEAR("step against step 0", steps[t], steps[0], 1e-6);
        free(P);
    }
}

static void marks_of_small_curves_are_those_counted_by_hand(void)
{
    const double b[] = {4, 3, 2, 2.5, 0.4, -1, -0.5}, falling[] = {3, 2, 1}, bias[] = {0, -1, -2};
    pe_curve_marks m;
    OK(pe_curve_marks_of(b, 7, &m, NULL));
    CU_ASSERT_EQUAL(m.first_rise, 2);
    CU_ASSERT_EQUAL(m.rises, 2);
    CU_ASSERT_EQUAL(m.half, 2);
    CU_ASSERT_EQUAL(m.tenth, 4);
    CU_ASSERT_EQUAL(m.negative, 5);
    OK(pe_curve_marks_of(falling, 3, &m, NULL));
    CU_ASSERT_EQUAL(m.first_rise, PE_NEVER);
    CU_ASSERT_EQUAL(m.half, 2);
    CU_ASSERT_EQUAL(m.negative, PE_NEVER);
    OK(pe_curve_marks_of(bias, 3, &m, NULL)); /* b(0) = 0: no share of it exists */
    CU_ASSERT_EQUAL(m.half, PE_NEVER);
}

static void a_curve_is_normalised_in_place(void)
{
    double b[] = {4, 2, -1};
    OK(pe_normalise_curve(b, 3, b, NULL));
    CU_ASSERT_EQUAL(b[0], 1.0);
    CU_ASSERT_EQUAL(b[1], 0.5);
    CU_ASSERT_EQUAL(b[2], -0.25);
}

static void bad_input_is_refused(void)
{
    double M[4] = {1, 2, PE_NAN, 4}, x[4], zero[3] = {0, 1, 2}, flat[3] = {1, 0, 0};
    pe_profile p;
    pe_curve_marks m;
    pe_error err;
    REFUSED(pe_profile_of(M, 2, PE_REGION_ALL, &p, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "row 1, column 0");
    REFUSED(pe_profile_of(M, 0, PE_REGION_ALL, &p, NULL), PE_USAGE);
    REFUSED(pe_normalise_curve(zero, 3, x, NULL), PE_FORMAT);
    REFUSED(pe_normalise_curve(M, 4, x, NULL), PE_FORMAT);
    REFUSED(pe_curve_marks_of(M, 0, &m, NULL), PE_USAGE);
    REFUSED(pe_curve_marks_of(M, 4, &m, NULL), PE_FORMAT);
    REFUSED(pe_curve_contrast(M, 1, x, NULL), PE_USAGE);
    REFUSED(pe_curve_contrast(flat, 3, x, NULL), PE_FORMAT);
    REFUSED(pe_row_norms(M, 2, 2, x, NULL), PE_FORMAT);
    REFUSED(pe_row_norms(M, 2, 0, x, NULL), PE_USAGE);
    REFUSED(pe_step_norms(zero, 1, 3, x, NULL), PE_USAGE);
}

static void failed_allocations_leave_nothing_behind(void)
{
    double M[4] = {1, 2, 3, 4};
    pe_profile p;
    FAIL_EVERY_ALLOCATION(pe_profile_of(M, 2, PE_REGION_ALL, &p, NULL), pe_profile_free(&p));
}

PE_TEST_MAIN("analysis: profile",
             PE_TEST(the_profile_of_a_table_of_sines_is_the_kernel_at_every_signed_offset),
             PE_TEST(mean_and_spread_are_those_of_plain_loops),
             PE_TEST(a_causal_profile_reads_nothing_above_the_diagonal),
             PE_TEST(a_diagonal_of_equal_numbers_has_exactly_that_mean),
             PE_TEST(row_and_step_norms_of_a_table_of_sines_are_constant),
             PE_TEST(marks_of_small_curves_are_those_counted_by_hand),
             PE_TEST(a_curve_is_normalised_in_place), PE_TEST(bad_input_is_refused),
             PE_TEST(failed_allocations_leave_nothing_behind))
