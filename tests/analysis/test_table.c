/* METRICS 4.2. */
#include "tables.h"

#include "analysis/random.h"
#include "analysis/table.h"

static void stable_ranks_are_those_of_section_4_2(void)
{
    static const size_t T[] = {128, 512, 1024}, d[] = {64, 128, 512};
    static const double plain[3][3] = {{1.79, 1.77, 1.75}, {2.45, 2.40, 2.37}, {3.00, 2.93, 2.88}};
    static const double centred[3][3] = {
        {5.21, 5.11, 5.04}, {6.99, 6.88, 6.81}, {7.83, 7.77, 7.70}};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            double *P = sine_table(T[r], d[c], 1e4), rank = PE_NAN;
            OK(pe_stable_rank(P, T[r], d[c], 0, &rank, NULL));
            PE_NEAR("stable rank", rank, plain[r][c], PRINTED(2));
            OK(pe_stable_rank(P, T[r], d[c], 1, &rank, NULL));
            PE_NEAR("centred", rank, centred[r][c], PRINTED(2));
            free(P);
        }
}

/* Rows and columns of two orthonormal cosine bases, joined by the planted values. */
static double *planted(size_t T, size_t d, const double *sigma, size_t n)
{
    double *P = numbers(T * d), pi = acos(-1.0);
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < d; c++)
            for (size_t a = 0; a < n; a++)
                P[t * d + c] += sigma[a] * sqrt(2.0 / (double)T) * sqrt(2.0 / (double)d) *
                                cos(pi * ((double)a + 1.0) * ((double)t + 0.5) / (double)T) *
                                cos(pi * ((double)a + 1.0) * ((double)c + 0.5) / (double)d);
    return P;
}

static void planted_singular_values_come_back_in_falling_order(void)
{
    const double sigma[5] = {3.0, 7.0, 0.5, 1e-9, 2.0}, want[5] = {7.0, 3.0, 2.0, 0.5, 1e-9};
    double tall_values[11], wide_values[11], rank = PE_NAN;
    double *tall = planted(37, 11, sigma, 5), *wide = planted(11, 37, sigma, 5);
    OK(pe_singular_values(tall, 37, 11, tall_values, NULL));
    OK(pe_singular_values(wide, 11, 37, wide_values, NULL));
    for (int a = 0; a < 11; a++) {
        PE_NEAR("tall", tall_values[a], a < 5 ? want[a] : 0.0, 64 * DBL_EPSILON);
        PE_NEAR("wide", wide_values[a], a < 5 ? want[a] : 0.0, 64 * DBL_EPSILON);
    }
    OK(pe_stable_rank(wide, 11, 37, 0, &rank, NULL));
    PE_NEAR("stable rank", rank, (9.0 + 49.0 + 0.25 + 4.0) / 49.0, 1e-14);
    free(tall);
    free(wide);
}

static void one_column_has_its_length_as_singular_value(void)
{
    const double P[3] = {1, 2, 2};
    double sigma = PE_NAN, rank = PE_NAN;
    OK(pe_singular_values(P, 3, 1, &sigma, NULL));
    PE_NEAR("column", sigma, 3.0, 8 * DBL_EPSILON);
    OK(pe_singular_values(P, 1, 3, &sigma, NULL));
    PE_NEAR("row", sigma, 3.0, 8 * DBL_EPSILON);
    OK(pe_stable_rank(P, 3, 1, 0, &rank, NULL));
    PE_NEAR("rank", rank, 1.0, 4 * DBL_EPSILON);
}

static void the_gram_matrix_is_the_plain_product_and_bitwise_symmetric(void)
{
    double P[37 * 6], G[37 * 37], C[37 * 37];
    pe_stream s = pe_stream_open(2, "gram", 0);
    pe_fill_normal(&s, P, 37 * 6, 0.0, 1.0);
    OK(pe_gram(P, 37, 6, G, NULL));
    OK(pe_cosine_similarity(P, 37, 6, C, NULL));
    double *want = products(P, P, 37, 6);
    for (int i = 0; i < 37; i++)
        for (int j = 0; j < 37; j++) {
            PE_NEAR("G", G[i * 37 + j], want[i * 37 + j], 64 * DBL_EPSILON);
            CU_ASSERT_EQUAL(G[i * 37 + j], G[j * 37 + i]);
            PE_NEAR("C", C[i * 37 + j],
                    want[i * 37 + j] / sqrt(want[i * 37 + i] * want[j * 37 + j]), 16 * DBL_EPSILON);
        }
    free(want);
}

static void the_products_of_a_table_of_sines_are_toeplitz(void)
{
    double *P = sine_table(200, 64, 1e4);
    pe_toeplitz_fit fit;
    OK(pe_gram_toeplitz(P, 200, 64, &fit, NULL));
    PE_NEAR("R2", fit.r2, 1.0, 1e-9);
    free(P);
}

static void the_spectrum_shows_the_planted_waves(void)
{
    enum { T = 60, D = 3 };
    double P[T * D], even[(T / 2 + 1) * D], odd[8 * D], pi = acos(-1.0);
    for (int t = 0; t < T; t++) {
        P[t * D] = 3.0 + 1.5 * cos(2.0 * pi * 7.0 * t / T + 0.4);
        P[t * D + 1] = t % 2 ? -2.0 : 2.0;
        P[t * D + 2] = 0.25 * sin(2.0 * pi * 29.0 * t / T);
    }
    OK(pe_amplitude_spectrum(P, T, D, even, NULL));
    for (int f = 0; f <= T / 2; f++) {
        PE_NEAR("wave 7", even[f * D], f == 0 ? 3.0 : f == 7 ? 1.5 : 0.0, 1e-14);
        PE_NEAR("alternating", even[f * D + 1], f == 30 ? 2.0 : 0.0, 1e-14);
        PE_NEAR("wave 29", even[f * D + 2], f == 29 ? 0.25 : 0.0, 1e-14);
    }
    for (int t = 0; t < 15; t++)
        for (int c = 0; c < D; c++)
            P[t * D + c] = cos(2.0 * pi * 7.0 * t / 15.0 + c);
    OK(pe_amplitude_spectrum(P, 15, D, odd, NULL));
    for (int f = 0; f < 8; f++)
        PE_NEAR("odd length", odd[f * D + 2], f == 7 ? 1.0 : 0.0, 1e-14);
    OK(pe_amplitude_spectrum(P, 1, D, odd, NULL));
    PE_NEAR("one row", odd[1], fabs(P[1]), 0.0);
}

static void centring_takes_the_column_means_off(void)
{
    double P[6] = {0.1, 1, 0.1, 2, 0.1, 6}, X[6];
    OK(pe_centre_columns(P, 3, 2, X, NULL));
    CU_ASSERT_EQUAL(X[0], 0.0);
    CU_ASSERT_EQUAL(X[1], -2.0);
    CU_ASSERT_EQUAL(X[3], -1.0);
    CU_ASSERT_EQUAL(X[5], 3.0);
}

static void bad_input_is_refused(void)
{
    double nan[4] = {1, 2, PE_NAN, 4}, equal[4] = {1, 2, 1, 2}, zero[4] = {0, 0, 1, 1}, out[9];
    double nothing[4] = {0};
    pe_toeplitz_fit fit;
    REFUSED(pe_gram(nan, 2, 2, out, NULL), PE_FORMAT);
    REFUSED(pe_gram(nan, 0, 2, out, NULL), PE_USAGE);
    REFUSED(pe_cosine_similarity(zero, 2, 2, out, NULL), PE_FORMAT);
    REFUSED(pe_cosine_similarity(nan, 2, 2, out, NULL), PE_FORMAT);
    REFUSED(pe_gram_toeplitz(nan, 2, 2, &fit, NULL), PE_FORMAT);
    REFUSED(pe_singular_values(nan, 2, 2, out, NULL), PE_FORMAT);
    REFUSED(pe_singular_values(nan, 2, 0, out, NULL), PE_USAGE);
    REFUSED(pe_stable_rank(nan, 2, 2, 1, out, NULL), PE_FORMAT);
    REFUSED(pe_stable_rank(equal, 2, 2, 1, out, NULL), PE_FORMAT);
    REFUSED(pe_stable_rank(nothing, 2, 2, 0, out, NULL), PE_FORMAT);
    REFUSED(pe_amplitude_spectrum(nan, 2, 2, out, NULL), PE_FORMAT);
    REFUSED(pe_centre_columns(nan, 2, 2, out, NULL), PE_FORMAT);
}

static void failed_allocations_leave_nothing_behind(void)
{
    double P[6] = {1, 2, 3, 4, 5, 7}, out[9];
    pe_toeplitz_fit fit;
    FAIL_EVERY_ALLOCATION(pe_cosine_similarity(P, 3, 2, out, NULL), );
    FAIL_EVERY_ALLOCATION(pe_gram_toeplitz(P, 3, 2, &fit, NULL), );
    FAIL_EVERY_ALLOCATION(pe_singular_values(P, 3, 2, out, NULL), );
    FAIL_EVERY_ALLOCATION(pe_stable_rank(P, 3, 2, 1, out, NULL), );
    FAIL_EVERY_ALLOCATION(pe_amplitude_spectrum(P, 3, 2, out, NULL), );
}

static void a_table_of_2048_by_512_takes_seconds(void)
{
    enum { T = 2048, D = 512 };
    double *P = sine_table(T, D, 1e4), *out = numbers((size_t)T * T), start = seconds();
    OK(pe_gram(P, T, D, out, NULL));
    printf("    2048 x 512: Gram %.2f s", seconds() - start);
    start = seconds();
    OK(pe_stable_rank(P, T, D, 1, out, NULL));
    printf(", stable rank %.2f s", seconds() - start);
    start = seconds();
    OK(pe_amplitude_spectrum(P, T, D, out, NULL));
    printf(", spectrum %.2f s", seconds() - start);
    start = seconds();
    OK(pe_singular_values(P, T, D, out, NULL));
    printf(", singular values %.2f s\n", seconds() - start);
    free(P);
    free(out);
}

PE_TEST_MAIN("analysis: table", PE_TEST(stable_ranks_are_those_of_section_4_2),
             PE_TEST(planted_singular_values_come_back_in_falling_order),
             PE_TEST(one_column_has_its_length_as_singular_value),
             PE_TEST(the_gram_matrix_is_the_plain_product_and_bitwise_symmetric),
             PE_TEST(the_products_of_a_table_of_sines_are_toeplitz),
             PE_TEST(the_spectrum_shows_the_planted_waves),
             PE_TEST(centring_takes_the_column_means_off), PE_TEST(bad_input_is_refused),
             PE_TEST(failed_allocations_leave_nothing_behind),
             PE_TEST(a_table_of_2048_by_512_takes_seconds))
