#include "analysis/gram_profile.h"
#include "base/memory.h"
#include "testing.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { MOST = 300, WIDEST = 70 };

static float P[MOST * WIDEST];
static double mean[MOST], second[MOST];

static void fill(size_t T, size_t d)
{
    for (size_t i = 0; i < T * d; i++)
        P[i] = (float)((double)(i * 2654435761u % 1000003) / 5e5 - 1);
}

static void means_and_second_moments_are_those_of_the_matrix(void)
{
    const size_t sizes[][2] = {{1, 1}, {2, 3}, {64, 64}, {65, 33}, {129, 7}, {300, 70}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t T = sizes[s][0], d = sizes[s][1];
        fill(T, d);
        CU_ASSERT_EQUAL_FATAL(pe_gram_profile(P, T, d, mean, second, NULL), PE_OK);
        for (size_t k = 0; k < T; k++) {
            double sum = 0, square = 0, largest = 0;
            for (size_t i = 0; i + k < T; i++) {
                double product = 0;
                for (size_t c = 0; c < d; c++)
                    product += (double)P[i * d + c] * (double)P[(i + k) * d + c];
                sum += product;
                square += product * product;
                largest = fmax(largest, fabs(product));
            }
            /* entries below 1: a product of rows is off by (d + 2) 2^-24 d at most */
            const double count = (double)(T - k), off = (double)((d + 2) * d) * ldexp(1, -24);
            PE_NEAR("mean", mean[k], sum / count, off);
            PE_NEAR("second", second[k], square / count, 2 * off * (largest + off));
        }
    }
}

static void the_bytes_are_the_same_at_any_number_of_threads(void)
{
    static double again[MOST], again_second[MOST];
    const int most = omp_get_max_threads();
    fill(MOST, WIDEST);
    CU_ASSERT_EQUAL_FATAL(pe_gram_profile(P, MOST, WIDEST, mean, second, NULL), PE_OK);
    for (int threads = 1; threads <= 5; threads++) {
        omp_set_num_threads(threads);
        CU_ASSERT_EQUAL_FATAL(pe_gram_profile(P, MOST, WIDEST, again, again_second, NULL), PE_OK);
        CU_ASSERT_EQUAL(memcmp(mean, again, sizeof mean), 0);
        CU_ASSERT_EQUAL(memcmp(second, again_second, sizeof second), 0);
    }
    omp_set_num_threads(most);
}

static void what_is_not_finite_is_refused_with_its_distance(void)
{
    pe_error err = {0};
    fill(100, 5);
    P[99 * 5] = (float)(double)NAN;
    CU_ASSERT_EQUAL(pe_gram_profile(P, 100, 5, mean, second, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "rows 0 apart is not finite");
    CU_ASSERT_EQUAL(pe_gram_profile(P, 0, 5, mean, second, &err), PE_USAGE);
    PE_CONTAINS(err.text, "not 0 x 5");
}

static void failed_allocations_leak_nothing(void)
{
    const long before = pe_live_blocks();
    fill(10, 5);
    for (long n = 0;; n++) {
        pe_fail_allocations_after(n);
        const pe_status status = pe_gram_profile(P, 10, 5, mean, second, NULL);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
        if (status == PE_OK)
            break;
        CU_ASSERT_EQUAL(status, PE_MEMORY);
    }
}

PE_TEST_MAIN("analysis: Gram matrix by distance",
             PE_TEST(means_and_second_moments_are_those_of_the_matrix),
             PE_TEST(the_bytes_are_the_same_at_any_number_of_threads),
             PE_TEST(what_is_not_finite_is_refused_with_its_distance),
             PE_TEST(failed_allocations_leak_nothing))
