#include "tables.h"

#include "analysis/fit.h"
#include "analysis/kernel.h"
#include "analysis/random.h"

static void a_line_through_its_own_points_is_found_exactly(void)
{
    double x[5] = {1, 2, 4, 8, 9}, y[5];
    pe_line l;
    for (int i = 0; i < 5; i++)
        y[i] = 3.0 - 0.5 * x[i];
    OK(pe_fit_line(x, y, 5, &l, NULL));
    PE_NEAR("intercept", l.intercept, 3.0, 1e-14);
    PE_NEAR("slope", l.slope, -0.5, 1e-14);
    PE_NEAR("slope error", l.slope_se, 0.0, 1e-14);
    PE_NEAR("r2", l.r2, 1.0, 1e-14);
    for (int i = 0; i < 5; i++)
        y[i] = 2.0;
    OK(pe_fit_line(x, y, 5, &l, NULL));
    CU_ASSERT_EQUAL(l.r2, 1.0);
}

/* x = 0..3, y = 0, 1, 1, 2: slope 0.6, intercept 0.1, residual 0.2, so s^2 = 0.1 and
 * se(slope) = sqrt(0.1/5), se(intercept) = sqrt(0.1 * 14/20), r2 = 1 - 0.2/2. */
static void standard_errors_are_those_worked_out_by_hand(void)
{
    const double x[4] = {0, 1, 2, 3}, y[4] = {0, 1, 1, 2};
    pe_line l;
    OK(pe_fit_line(x, y, 4, &l, NULL));
    PE_NEAR("slope", l.slope, 0.6, 1e-15);
    PE_NEAR("intercept", l.intercept, 0.1, 1e-15);
    PE_NEAR("slope error", l.slope_se, sqrt(0.02), 1e-15);
    PE_NEAR("intercept error", l.intercept_se, sqrt(0.07), 1e-15);
    PE_NEAR("r2", l.r2, 0.9, 1e-15);
}

static void powers_exponentials_and_logarithms_come_back(void)
{
    double x[40], y[40];
    pe_line l;
    for (int i = 0; i < 40; i++) {
        x[i] = i + 1.0;
        y[i] = 5.0 * pow(x[i], -1.5);
    }
    OK(pe_fit_power(x, y, 40, &l, NULL));
    PE_NEAR("exponent", l.slope, -1.5, 1e-13);
    PE_NEAR("factor", exp(l.intercept), 5.0, 1e-12);
    for (int i = 0; i < 40; i++)
        y[i] = 2.0 * exp(-x[i] / 7.0);
    OK(pe_fit_exponential(x, y, 40, &l, NULL));
    PE_NEAR("decay length", -1.0 / l.slope, 7.0, 1e-12);
    for (int i = 0; i < 40; i++)
        y[i] = 1.0 - 0.1 * log(x[i]);
    OK(pe_fit_logarithm(x, y, 40, &l, NULL));
    PE_NEAR("slope", l.slope, -0.1, 1e-14);
}

/* METRICS 1.1: the decay is logarithmic, 1 - (ln k + gamma)/ln B, over the middle decades. */
static void the_limit_of_the_kernel_falls_like_a_logarithm(void)
{
    double k[300], g[300];
    pe_line log_line, exponential;
    for (int i = 0; i < 300; i++) {
        k[i] = 5.0 + i;
        OK(pe_kernel_limit(1e4, k[i], &g[i], NULL));
    }
    OK(pe_fit_logarithm(k, g, 300, &log_line, NULL));
    OK(pe_fit_exponential(k, g, 300, &exponential, NULL));
    PE_NEAR("slope", log_line.slope, -1.0 / log(1e4), 1e-3);
    CU_ASSERT_TRUE(log_line.r2 > 0.999 && exponential.r2 < 0.98);
}

static void the_stated_error_is_the_spread_over_repetitions(void)
{
    double sum = 0.0, squares = 0.0, stated = 0.0;
    for (uint64_t run = 0; run < 500; run++) {
        double x[30], y[30];
        pe_line l;
        pe_stream s = pe_stream_open(run, "line", 0);
        for (int i = 0; i < 30; i++) {
            x[i] = i;
            y[i] = 2.0 + 0.3 * i + pe_stream_normal(&s);
        }
        OK(pe_fit_line(x, y, 30, &l, NULL));
        sum += l.slope - 0.3;
        squares += (l.slope - 0.3) * (l.slope - 0.3);
        stated += l.slope_se / 500.0;
    }
    double spread = sqrt(squares / 500.0);
    PE_NEAR("bias", sum / 500.0, 0.0, 3.0 * spread / sqrt(500.0));
    PE_NEAR("stated over actual", stated / spread, 1.0, 3.0 / sqrt(1000.0));
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    double x[3] = {1, 2, 3}, y[3] = {1, 0, 2}, same[3] = {2, 2, 2}, nan[3] = {1, PE_NAN, 2};
    pe_line l;
    pe_error err;
    REFUSED(pe_fit_line(x, y, 2, &l, NULL), PE_USAGE);
    REFUSED(pe_fit_line(same, y, 3, &l, NULL), PE_FORMAT);
    REFUSED(pe_fit_line(nan, y, 3, &l, NULL), PE_FORMAT);
    REFUSED(pe_fit_line(x, nan, 3, &l, NULL), PE_FORMAT);
    REFUSED(pe_fit_power(x, y, 3, &l, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "number 1 is 0");
    REFUSED(pe_fit_power(nan, x, 3, &l, NULL), PE_FORMAT);
    REFUSED(pe_fit_exponential(x, y, 3, &l, NULL), PE_FORMAT);
    REFUSED(pe_fit_logarithm(y, x, 3, &l, NULL), PE_FORMAT);
    FAIL_EVERY_ALLOCATION(pe_fit_power(x, x, 3, &l, NULL), );
}

PE_TEST_MAIN("analysis: fit", PE_TEST(a_line_through_its_own_points_is_found_exactly),
             PE_TEST(standard_errors_are_those_worked_out_by_hand),
             PE_TEST(powers_exponentials_and_logarithms_come_back),
             PE_TEST(the_limit_of_the_kernel_falls_like_a_logarithm),
             PE_TEST(the_stated_error_is_the_spread_over_repetitions),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
