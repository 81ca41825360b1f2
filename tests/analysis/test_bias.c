/* METRICS 1.6. */
#include "tables.h"

#include "analysis/bias.h"

static void the_horizon_of_a_slope_is_that_of_section_1_6(void)
{
    static const size_t want[] = {10, 19, 37, 74, 148, 295, 590, 1179};
    enum { N = 20000 };
    double *b = numbers(N);
    for (int n = 0; n < 8; n++) {
        for (int r = 0; r < N; r++)
            b[r] = -ldexp(1.0, -n - 1) * r;
        size_t window = 0;
        OK(pe_bias_horizon(b, N, 0.99, &window, NULL));
        CU_ASSERT_EQUAL(window, want[n]);
    }
    free(b);
}

/* The released rule: distances below `exact` have a bucket each, the rest share as many on a
 * logarithmic scale up to exact * ratio. 1e-9 keeps exact powers on their own side. */
static unsigned bucket(unsigned n, unsigned exact, unsigned ratio)
{
    if (n < exact)
        return n;
    unsigned step = 0;
    for (unsigned s = 1; s < exact; s++)
        if (exact * log2((double)n / exact) >= s * log2((double)ratio) - 1e-9)
            step = s;
    return exact + step;
}

static void expect_starts(unsigned exact, const size_t *want, size_t wanted)
{
    double b[512];
    size_t starts[512], count = 0, resolution = 0;
    for (unsigned n = 0; n < 512; n++)
        b[n] = -sqrt(bucket(n, exact, 128 / exact)); /* any value per bucket */
    OK(pe_bias_steps(b, 512, 0.0, starts, &count, NULL));
    CU_ASSERT_EQUAL_FATAL(count, wanted);
    for (size_t s = 0; s < count; s++)
        CU_ASSERT_EQUAL(starts[s], want[s]);
    OK(pe_bias_resolution(b, 512, 0.0, &resolution, NULL));
    CU_ASSERT_EQUAL(resolution, want[wanted - 1]);
}

static void the_starts_of_logarithmic_buckets_are_those_of_section_1_6(void)
{
    static const size_t two_sided[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    static const size_t causal[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                    11, 12, 13, 14, 15, 16, 19, 21, 24, 27, 31,
                                    35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
    expect_starts(8, two_sided, 16);
    expect_starts(16, causal, 32);
}

static void a_clipped_bias_resolves_up_to_its_clip(void)
{
    double b[64];
    size_t distance = 0;
    for (int r = 0; r < 64; r++)
        b[r] = sin(fmin(r, 16));
    OK(pe_bias_resolution(b, 64, 0.0, &distance, NULL));
    CU_ASSERT_EQUAL(distance, 16);
    OK(pe_bias_resolution(b, 10, 0.0, &distance, NULL));
    CU_ASSERT_EQUAL(distance, 9); /* still changing at the end */
    b[40] += 1e-9;
    OK(pe_bias_resolution(b, 64, 0.0, &distance, NULL));
    CU_ASSERT_EQUAL(distance, 41);
    OK(pe_bias_resolution(b, 64, 1e-8, &distance, NULL));
    CU_ASSERT_EQUAL(distance, 16);
}

static void a_slow_drift_is_not_taken_for_constant(void)
{
    double b[100]; /* each step within the tolerance, the whole not */
    size_t distance = 0;
    for (int r = 0; r < 100; r++)
        b[r] = 0.01 * r;
    OK(pe_bias_resolution(b, 100, 0.015, &distance, NULL));
    CU_ASSERT_EQUAL(distance, 98);
}

static void a_uniform_bias_needs_its_share_of_the_distances(void)
{
    double b[200] = {0};
    size_t window = 0;
    OK(pe_bias_horizon(b, 200, 0.75, &window, NULL));
    CU_ASSERT_EQUAL(window, 150);
    for (int r = 100; r < 200; r++)
        b[r] = -HUGE_VAL;
    OK(pe_bias_horizon(b, 200, 0.75, &window, NULL));
    CU_ASSERT_EQUAL(window, 75);
}

static void bad_input_is_refused(void)
{
    double nan[2] = {0, PE_NAN}, masked[2] = {-HUGE_VAL, -HUGE_VAL}, fine[2] = {0, 1};
    size_t window, starts[2];
    REFUSED(pe_bias_horizon(nan, 2, 0.99, &window, NULL), PE_FORMAT);
    REFUSED(pe_bias_horizon(masked, 2, 0.99, &window, NULL), PE_FORMAT);
    REFUSED(pe_bias_horizon(fine, 0, 0.99, &window, NULL), PE_USAGE);
    REFUSED(pe_bias_horizon(fine, 2, 1.0, &window, NULL), PE_USAGE);
    REFUSED(pe_bias_steps(nan, 2, 0.0, starts, &window, NULL), PE_FORMAT);
    REFUSED(pe_bias_steps(fine, 2, -1.0, starts, &window, NULL), PE_USAGE);
    REFUSED(pe_bias_resolution(nan, 2, 0.0, &window, NULL), PE_FORMAT);
}

PE_TEST_MAIN("analysis: bias", PE_TEST(the_horizon_of_a_slope_is_that_of_section_1_6),
             PE_TEST(the_starts_of_logarithmic_buckets_are_those_of_section_1_6),
             PE_TEST(a_clipped_bias_resolves_up_to_its_clip),
             PE_TEST(a_slow_drift_is_not_taken_for_constant),
             PE_TEST(a_uniform_bias_needs_its_share_of_the_distances),
             PE_TEST(bad_input_is_refused))
