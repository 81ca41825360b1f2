#include "tables.h"

#include "analysis/nearest.h"
#include "analysis/random.h"

static double *random_table(size_t T, size_t d)
{
    double *P = numbers(T * d);
    pe_stream s = pe_stream_open(6, "nearest", 0);
    pe_fill_normal(&s, P, T * d, 0.0, 1.0);
    return P;
}

static double distance(const double *P, size_t d, size_t a, size_t b)
{
    double sum = 0.0;
    for (size_t c = 0; c < d; c++)
        sum += (P[a * d + c] - P[b * d + c]) * (P[a * d + c] - P[b * d + c]);
    return sqrt(sum);
}

static void the_closest_pair_of_a_small_table_is_that_of_all_pairs(void)
{
    double *P = random_table(200, 21), best = HUGE_VAL;
    pe_nearest_pair got;
    OK(pe_nearest_rows(P, 200, 21, 1, &got, NULL));
    for (size_t a = 0; a < 200; a++)
        for (size_t b = 0; b < a; b++)
            best = fmin(best, distance(P, 21, a, b));
    PE_NEAR("distance", got.distance, best, 1e-14);
    PE_NEAR("its pair", distance(P, 21, got.first, got.second), best, 1e-14);
    CU_ASSERT_TRUE(got.first < got.second);
    free(P);
}

static void neighbours_of_a_table_of_sines_are_its_closest_pairs(void)
{
    double *P = sine_table(300, 64, 1e4);
    pe_nearest_pair got;
    OK(pe_nearest_rows(P, 300, 64, 1, &got, NULL));
    PE_NEAR("step of METRICS 1.4", got.distance, 1.47185, PRINTED(5));
    CU_ASSERT_EQUAL(got.second, got.first + 1);
    free(P);
}

static void a_planted_pair_is_found_beyond_all_pairs_whatever_the_direction(void)
{
    enum { T = 20000, D = 12 };
    double *P = random_table(T, D);
    for (int c = 0; c < D; c++)
        P[17 * D + c] = P[19321 * D + c] + 1e-4;
    for (uint64_t seed = 0; seed < 3; seed++) {
        pe_nearest_pair got;
        double start = seconds();
        OK(pe_nearest_rows(P, T, D, seed, &got, NULL));
        printf("    %d x %d: %.2f s\n", T, D, seconds() - start);
        PE_NEAR("distance", got.distance, 1e-4 * sqrt(12.0), 1e-12);
        CU_ASSERT_EQUAL(got.first, 17);
        CU_ASSERT_EQUAL(got.second, 19321);
    }
    free(P);
}

static void the_sorted_search_agrees_with_all_pairs(void)
{
    enum { T = 5000, D = 6 };
    double *P = random_table(T, D), best = HUGE_VAL;
    pe_nearest_pair got;
    OK(pe_nearest_rows(P, T, D, 3, &got, NULL));
    for (size_t a = 0; a < T; a++)
        for (size_t b = 0; b < a; b++)
            best = fmin(best, distance(P, D, a, b));
    PE_NEAR("distance", got.distance, best, 1e-14);
    free(P);
}

static void two_positions_with_one_code_have_distance_zero(void)
{
    double *P = random_table(6000, 3);
    for (int c = 0; c < 3; c++)
        P[5999 * 3 + c] = P[4 * 3 + c];
    pe_nearest_pair got;
    OK(pe_nearest_rows(P, 6000, 3, 1, &got, NULL));
    CU_ASSERT_EQUAL(got.distance, 0.0);
    CU_ASSERT_EQUAL(got.first, 4);
    CU_ASSERT_EQUAL(got.second, 5999);
    OK(pe_nearest_rows(P + 3 * 3, 2, 3, 1, &got, NULL));
    CU_ASSERT_TRUE(got.distance > 0.0);
    free(P);
}

static void a_long_table_of_sines_is_searched_in_bearable_time(void)
{
    static const size_t T[] = {4096, 16384};
    for (int n = 0; n < 2; n++) {
        double *P = sine_table(T[n], 128, 1e4), start = seconds();
        pe_nearest_pair got;
        OK(pe_nearest_rows(P, T[n], 128, 1, &got, NULL));
        printf("    sines, %zu x 128: %.2f s, distance %.5f\n", T[n], seconds() - start,
               got.distance);
        CU_ASSERT_TRUE(got.distance <= 1.95260 + PRINTED(5));
        free(P);
    }
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    double P[4] = {1, 2, PE_NAN, 4};
    pe_nearest_pair got;
    REFUSED(pe_nearest_rows(P, 2, 2, 1, &got, NULL), PE_FORMAT);
    REFUSED(pe_nearest_rows(P, 1, 2, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_nearest_rows(P, 2, 0, 1, &got, NULL), PE_USAGE);
    double *large = random_table(4097, 2);
    FAIL_EVERY_ALLOCATION(pe_nearest_rows(large, 4097, 2, 1, &got, NULL), );
    free(large);
}

PE_TEST_MAIN("analysis: nearest", PE_TEST(the_closest_pair_of_a_small_table_is_that_of_all_pairs),
             PE_TEST(neighbours_of_a_table_of_sines_are_its_closest_pairs),
             PE_TEST(a_planted_pair_is_found_beyond_all_pairs_whatever_the_direction),
             PE_TEST(the_sorted_search_agrees_with_all_pairs),
             PE_TEST(two_positions_with_one_code_have_distance_zero),
             PE_TEST(a_long_table_of_sines_is_searched_in_bearable_time),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
