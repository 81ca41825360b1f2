/* Effective context against the closed form of exponential weights (METRICS 1.6). */
#include "tables.h"

#include "analysis/context.h"

static void weights_that_fall_exponentially_have_the_published_horizons(void)
{
    static const size_t horizon[] = {10, 19, 37, 74, 148, 295};
    enum { N = 2048 };
    double *norm = numbers(N), *share = numbers(N);
    for (int h = 0; h < 6; h++) {
        const double slope = ldexp(1, -1 - h);
        for (int m = 0; m < N; m++)
            norm[m] = 7 * exp(-slope * (N - 1 - m));
        size_t window;
        OK(pe_effective_context(norm, N, 0.99, share, &window, NULL));
        CU_ASSERT_EQUAL(window, horizon[h]);
        CU_ASSERT_EQUAL(window, (size_t)ceil(log(100) / slope));
        PE_NEAR("share of all", share[N - 1], 1, 1e-12);
        PE_NEAR("share of the last", share[0], 1 - exp(-slope), 1e-9);
    }
    free(norm);
    free(share);
}

static void even_weights_need_almost_all(void)
{
    double norm[100];
    for (int m = 0; m < 100; m++)
        norm[m] = 1;
    size_t window;
    OK(pe_effective_context(norm, 100, 0.5, NULL, &window, NULL));
    CU_ASSERT_EQUAL(window, 51); /* 50 have half and do not exceed it */
    OK(pe_effective_context(norm, 100, 0.995, NULL, &window, NULL));
    CU_ASSERT_EQUAL(window, 100);
}

static void wrong_use_is_a_sentence(void)
{
    static const double none[] = {0, 0}, bad[] = {1, -1};
    size_t window;
    CU_ASSERT_EQUAL(pe_effective_context(none, 0, 0.9, NULL, &window, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_effective_context(none, 2, 1, NULL, &window, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_effective_context(none, 2, 0.9, NULL, &window, NULL), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_effective_context(bad, 2, 0.9, NULL, &window, NULL), PE_FORMAT);
}

int main(int argc, char **argv)
{
    static const pe_test tests[] = {
        PE_TEST(weights_that_fall_exponentially_have_the_published_horizons),
        PE_TEST(even_weights_need_almost_all), PE_TEST(wrong_use_is_a_sentence)};
    return pe_run_tests("analysis: context", tests, sizeof tests / sizeof tests[0], argc, argv);
}
