/* METRICS 1.9, 2.3 and the distances of section 4.4. */
#include "tables.h"

#include "analysis/attention_measures.h"
#include "analysis/random.h"

enum { T = 128 };

static double *weights_of(double *logits, pe_region region)
{
    OK(pe_softmax_rows(logits, T, region, logits, NULL));
    return logits;
}

static double *uniform(pe_region region)
{
    return weights_of(numbers(T * T), region);
}

static double *slope_half(pe_region region)
{
    return weights_of(linear_bias(T, 0.5), region);
}

static double *identity(void)
{
    double *a = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        a[i * T + i] = 1.0;
    return a;
}

/* Row 0 has no previous token and looks at itself. */
static double *previous_token(void)
{
    double *a = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        a[i * T + (i ? i - 1 : 0)] = 1.0;
    return a;
}

static void expect_locality(double *a, double want)
{
    double got = PE_NAN;
    OK(pe_locality(a, T, &got, NULL));
    PE_NEAR("locality", got, want, 1e-6);
    free(a);
}

static void locality_is_every_value_of_section_1_9(void)
{
    expect_locality(identity(), 1.0);
    expect_locality(uniform(PE_REGION_ALL), 0.023193);
    expect_locality(uniform(PE_REGION_CAUSAL), 0.074062);
    expect_locality(previous_token(), 0.503906);
    expect_locality(slope_half(PE_REGION_ALL), 0.463789);
    expect_locality(slope_half(PE_REGION_CAUSAL), 0.572769);
    double *P = sine_table(T, 128, 1e4), *M = products(P, P, T, 128);
    for (size_t i = 0; i < T * T; i++)
        M[i] /= sqrt(128.0);
    free(P);
    expect_locality(weights_of(M, PE_REGION_ALL), 0.149392);
}

static void expect_symmetry(double *a, double score, double gap)
{
    double published = PE_NAN, raw = PE_NAN;
    OK(pe_published_symmetry(a, T, &published, NULL));
    OK(pe_mirror_gap(a, T, &raw, NULL));
    PE_NEAR("published score", published, score, 1e-4);
    PE_NEAR("mirror gap", raw, gap, 1e-4);
    free(a);
}

static void the_published_score_passes_one_sided_attention_as_symmetric(void)
{
    expect_symmetry(uniform(PE_REGION_CAUSAL), 1.0000, 0.0207);
    expect_symmetry(previous_token(), 0.9692, 0.0313);
    expect_symmetry(slope_half(PE_REGION_CAUSAL), 0.9246, 0.0186);
    expect_symmetry(slope_half(PE_REGION_ALL), 1.0000, 0.0);
}

static void direction_is_balanced_for_symmetric_and_one_for_causal_less_the_self_weight(void)
{
    double *a = slope_half(PE_REGION_ALL), balance = PE_NAN, self = 0.0;
    OK(pe_direction_balance(a, T, &balance, NULL));
    PE_NEAR("two-sided", balance, 0.0, 1e-6);
    free(a);
    a = uniform(PE_REGION_CAUSAL);
    OK(pe_direction_balance(a, T, &balance, NULL));
    for (size_t i = T / 4; i < 3 * T / 4; i++)
        self += 1.0 / (double)(i + 1) / (T / 2);
    PE_NEAR("causal", balance, 1.0 - self, 1e-12);
    for (size_t i = 0; i < T; i++) /* looking ahead instead */
        for (size_t j = 0; j < T; j++)
            a[i * T + j] = j == (i + 1 < T ? i + 1 : i) ? 1.0 : 0.0;
    OK(pe_direction_balance(a, T, &balance, NULL));
    CU_ASSERT_EQUAL(balance, -1.0);
    free(a);
}

static void the_histogram_of_distances_adds_to_one(void)
{
    double *a = previous_token(), share[T], mean = PE_NAN, sum = 0.0;
    OK(pe_distance_histogram(a, T, share, &mean, NULL));
    PE_NEAR("distance 1", share[1], 127.0 / 128.0, 1e-15);
    PE_NEAR("distance 0", share[0], 1.0 / 128.0, 1e-15);
    PE_NEAR("mean distance", mean, 127.0 / 128.0, 1e-15);
    free(a);
    a = uniform(PE_REGION_ALL);
    OK(pe_distance_histogram(a, T, share, NULL, NULL));
    for (size_t r = 0; r < T; r++)
        sum += share[r];
    PE_NEAR("sum", sum, 1.0, 1e-12);
    PE_NEAR("distance 5", share[5], 2.0 * (T - 5) / (T * T), 1e-15);
    free(a);
}

static void entropy_runs_from_zero_to_the_logarithm_of_the_length(void)
{
    double *sharp = identity(), *flat = uniform(PE_REGION_ALL), *causal = uniform(PE_REGION_CAUSAL);
    double got = PE_NAN, rows[T];
    OK(pe_attention_entropy(sharp, T, NULL, &got, NULL));
    CU_ASSERT_EQUAL(got, 0.0);
    OK(pe_attention_entropy(flat, T, NULL, &got, NULL));
    PE_NEAR("flat", got, log(T), 1e-13);
    OK(pe_attention_entropy(causal, T, rows, &got, NULL));
    PE_NEAR("row 9", rows[9], log(10.0), 1e-14);
    free(sharp);
    free(flat);
    free(causal);
}

static void divergence_is_zero_for_equals_and_log_two_for_strangers(void)
{
    double *a = identity(), *b = slope_half(PE_REGION_ALL), shifted[4] = {0, 1, 1, 0}, got = PE_NAN;
    const double same[4] = {1, 0, 0, 1}, half[4] = {0.5, 0.5, 0.5, 0.5};
    OK(pe_attention_divergence(b, b, T, &got, NULL));
    CU_ASSERT_EQUAL(got, 0.0);
    OK(pe_attention_divergence(same, shifted, 2, &got, NULL));
    PE_NEAR("disjoint", got, log(2.0), 1e-15);
    OK(pe_attention_divergence(same, half, 2, &got, NULL));
    /* H(3/4, 1/4) - (0 + ln 2)/2 */
    PE_NEAR("by hand", got, -0.75 * log(0.75) - 0.25 * log(0.25) - 0.5 * log(2.0), 1e-15);
    double one_way = PE_NAN, other_way = PE_NAN;
    OK(pe_attention_divergence(a, b, T, &one_way, NULL));
    OK(pe_attention_divergence(b, a, T, &other_way, NULL));
    PE_NEAR("symmetric", one_way, other_way, 1e-14);
    free(a);
    free(b);
}

static void softmax_is_stable_and_keeps_masked_entries_at_zero(void)
{
    double x[9] = {1e6, 1e6 + 1, -HUGE_VAL, 0, 0, 0, -1e308, -1e308, 0};
    OK(pe_softmax_rows(x, 3, PE_REGION_ALL, x, NULL));
    PE_NEAR("a_01", x[1], 1.0 / (1.0 + exp(-1.0)), 4 * DBL_EPSILON);
    CU_ASSERT_EQUAL(x[2], 0.0);
    PE_NEAR("a_11", x[4], 1.0 / 3.0, DBL_EPSILON);
    CU_ASSERT_EQUAL(x[8], 1.0);
    double causal[4] = {3, PE_NAN, 1, 1};
    OK(pe_softmax_rows(causal, 2, PE_REGION_CAUSAL, causal, NULL));
    CU_ASSERT_EQUAL(causal[0], 1.0);
    CU_ASSERT_EQUAL(causal[1], 0.0);
    CU_ASSERT_EQUAL(causal[2], 0.5);
}

static void bad_input_is_refused(void)
{
    double nan[4] = {1, 0, PE_NAN, 1}, logits[4] = {3, 1, 0, 2}, negative[4] = {1.5, -0.5, 0, 1};
    double masked[4] = {0, 0, -HUGE_VAL, -HUGE_VAL}, fine[4] = {1, 0, 0, 1}, out[4], x;
    pe_error err;
    REFUSED(pe_softmax_rows(nan, 2, PE_REGION_ALL, out, NULL), PE_FORMAT);
    REFUSED(pe_softmax_rows(masked, 2, PE_REGION_ALL, out, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "row 1");
    REFUSED(pe_softmax_rows(fine, 2, PE_REGION_CAUSAL_STRICT, out, NULL), PE_USAGE);
    REFUSED(pe_softmax_rows(fine, 0, PE_REGION_ALL, out, NULL), PE_USAGE);
    REFUSED(pe_locality(nan, 2, &x, NULL), PE_FORMAT);
    REFUSED(pe_locality(negative, 2, &x, NULL), PE_FORMAT);
    REFUSED(pe_locality(logits, 2, &x, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "logits");
    REFUSED(pe_locality(fine, 0, &x, NULL), PE_USAGE);
    REFUSED(pe_mirror_gap(fine, 2, &x, NULL), PE_USAGE);
    REFUSED(pe_published_symmetry(fine, 2, &x, NULL), PE_USAGE);
    REFUSED(pe_direction_balance(logits, 2, &x, NULL), PE_FORMAT);
    REFUSED(pe_distance_histogram(logits, 2, out, NULL, NULL), PE_FORMAT);
    REFUSED(pe_attention_entropy(logits, 2, NULL, &x, NULL), PE_FORMAT);
    REFUSED(pe_attention_divergence(fine, nan, 2, &x, NULL), PE_FORMAT);
    REFUSED(pe_attention_divergence(nan, fine, 2, &x, NULL), PE_FORMAT);
}

PE_TEST_MAIN("analysis: attention measures", PE_TEST(locality_is_every_value_of_section_1_9),
             PE_TEST(the_published_score_passes_one_sided_attention_as_symmetric),
             PE_TEST(direction_is_balanced_for_symmetric_and_one_for_causal_less_the_self_weight),
             PE_TEST(the_histogram_of_distances_adds_to_one),
             PE_TEST(entropy_runs_from_zero_to_the_logarithm_of_the_length),
             PE_TEST(divergence_is_zero_for_equals_and_log_two_for_strangers),
             PE_TEST(softmax_is_stable_and_keeps_masked_entries_at_zero),
             PE_TEST(bad_input_is_refused))
