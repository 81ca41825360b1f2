#include "tables.h"

#include "analysis/summary.h"

static void a_summary_is_what_is_counted_by_hand(void)
{
    const double x[5] = {4, 1, 3, 2, 10};
    pe_summary s;
    OK(pe_summarise(x, 5, &s, NULL));
    CU_ASSERT_EQUAL(s.count, 5);
    CU_ASSERT_EQUAL(s.not_finite, 0);
    PE_NEAR("mean", s.mean, 4.0, 1e-15);
    PE_NEAR("sd", s.sd, sqrt(50.0 / 4.0), 1e-14);
    CU_ASSERT_EQUAL(s.min, 1.0);
    CU_ASSERT_EQUAL(s.q25, 2.0);
    CU_ASSERT_EQUAL(s.median, 3.0);
    CU_ASSERT_EQUAL(s.q75, 4.0);
    PE_NEAR("95 %", s.q95, 4.0 + 0.8 * 6.0, 1e-14);
    CU_ASSERT_EQUAL(s.max, 10.0);
    OK(pe_summarise(x, 1, &s, NULL));
    CU_ASSERT_EQUAL(s.sd, 0.0);
    CU_ASSERT_EQUAL(s.median, 4.0);
}

static void a_nan_is_counted_and_never_averaged(void)
{
    const double x[4] = {1, PE_NAN, 3, HUGE_VAL};
    pe_summary s;
    pe_error err;
    double q;
    REFUSED(pe_summarise(x, 4, &s, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "2 of 4");
    CU_ASSERT_EQUAL(s.count, 4);
    CU_ASSERT_EQUAL(s.not_finite, 2);
    CU_ASSERT_TRUE(isnan(s.mean) && isnan(s.median));
    REFUSED(pe_quantile(x, 4, 0.5, &q, NULL), PE_FORMAT);
}

/* Student's t, 97.5 %: 2.093024 with 19 degrees of freedom, 12.706205 with one (any table). */
static void the_interval_of_a_mean_uses_students_t(void)
{
    double x[20];
    for (int i = 0; i < 20; i++)
        x[i] = i % 2 ? 1.0 : -1.0; /* sd^2 = 20/19 */
    pe_interval got;
    OK(pe_mean_interval(x, 20, 0.95, &got, NULL));
    PE_NEAR("high", got.high, 2.093024 * sqrt(20.0 / 19.0 / 20.0), 1e-6);
    PE_NEAR("low", got.low, -got.high, 1e-15);
    CU_ASSERT_EQUAL(got.few, 0);
    OK(pe_mean_interval(x, 2, 0.95, &got, NULL));
    PE_NEAR("two draws", got.high, 12.706205, 1e-6); /* sd = sqrt 2, over sqrt 2 */
    CU_ASSERT_EQUAL(got.few, 1);
}

static void the_interval_covers_the_mean_as_often_as_it_says(void)
{
    int student = 0, bootstrap = 0;
    for (uint64_t run = 0; run < 400; run++) {
        double x[25];
        pe_interval got;
        pe_stream s = pe_stream_open(run, "coverage", 0);
        pe_fill_normal(&s, x, 25, 3.0, 2.0);
        OK(pe_mean_interval(x, 25, 0.9, &got, NULL));
        student += got.low <= 3.0 && got.high >= 3.0;
        OK(pe_bootstrap_interval(x, 25, 0.9, 500, &s, &got, NULL));
        bootstrap += got.low <= 3.0 && got.high >= 3.0;
        CU_ASSERT_TRUE(got.low < got.centre && got.centre < got.high);
    }
    PE_NEAR("Student", student / 400.0, 0.9, 3.0 * sqrt(0.09 / 400.0));
    /* the percentile interval is short by sqrt(24/25) and has no t: 0.87 at n = 25 */
    PE_NEAR("bootstrap", bootstrap / 400.0, 0.87, 3.0 * sqrt(0.87 * 0.13 / 400.0));
}

static void the_bootstrap_repeats_with_its_stream(void)
{
    double x[30];
    pe_stream s = pe_stream_open(1, "x", 0), a = s, b = s;
    pe_interval first, second;
    pe_fill_uniform(&s, x, 30, 0.0, 1.0);
    OK(pe_bootstrap_interval(x, 30, 0.95, 200, &a, &first, NULL));
    OK(pe_bootstrap_interval(x, 30, 0.95, 200, &b, &second, NULL));
    CU_ASSERT_EQUAL(first.low, second.low);
    CU_ASSERT_EQUAL(first.high, second.high);
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    double x[3] = {1, 2, PE_NAN}, q;
    pe_summary s;
    pe_interval i;
    pe_stream stream = pe_stream_open(1, "x", 0);
    REFUSED(pe_summarise(x, 0, &s, NULL), PE_USAGE);
    REFUSED(pe_quantile(x, 0, 0.5, &q, NULL), PE_USAGE);
    REFUSED(pe_quantile(x, 2, 1.5, &q, NULL), PE_USAGE);
    REFUSED(pe_quantile(x, 2, PE_NAN, &q, NULL), PE_USAGE);
    REFUSED(pe_mean_interval(x, 1, 0.95, &i, NULL), PE_USAGE);
    REFUSED(pe_mean_interval(x, 2, 1.0, &i, NULL), PE_USAGE);
    REFUSED(pe_mean_interval(x, 3, 0.95, &i, NULL), PE_FORMAT);
    REFUSED(pe_bootstrap_interval(x, 2, 0.95, 99, &stream, &i, NULL), PE_USAGE);
    REFUSED(pe_bootstrap_interval(x, 3, 0.95, 100, &stream, &i, NULL), PE_FORMAT);
    FAIL_EVERY_ALLOCATION(pe_summarise(x, 2, &s, NULL), );
    FAIL_EVERY_ALLOCATION(pe_quantile(x, 2, 0.5, &q, NULL), );
    FAIL_EVERY_ALLOCATION(pe_bootstrap_interval(x, 2, 0.95, 100, &stream, &i, NULL), );
}

PE_TEST_MAIN("analysis: summary", PE_TEST(a_summary_is_what_is_counted_by_hand),
             PE_TEST(a_nan_is_counted_and_never_averaged),
             PE_TEST(the_interval_of_a_mean_uses_students_t),
             PE_TEST(the_interval_covers_the_mean_as_often_as_it_says),
             PE_TEST(the_bootstrap_repeats_with_its_stream),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
