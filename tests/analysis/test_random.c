#include "tables.h"

#include "analysis/random.h"

#include <string.h>

static void a_stream_is_the_same_on_every_run(void)
{
    pe_stream a = pe_stream_open(42, "weights", 3), b = pe_stream_open(42, "weights", 3);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(pe_stream_normal(&a), pe_stream_normal(&b));
    CU_ASSERT_EQUAL(memcmp(&a, &b, sizeof a), 0);
}

/* xoshiro256++ from state 1, 2, 3, 4: the first three words follow from the definition by hand,
 * rotl(s0 + s3, 23) + s0: 5 << 23 | 1 = 41943041, then the state moves on. */
static void the_generator_is_xoshiro_plus_plus(void)
{
    pe_stream s = {{1, 2, 3, 4}};
    PE_NEAR("first word", pe_stream_uniform(&s), ldexp(41943041 >> 11, -53), 0.0);
    CU_ASSERT_EQUAL(s.state[0], (uint64_t)(1 ^ 4 ^ 2)); /* s0 ^ (s3 ^ s1) */
    CU_ASSERT_EQUAL(s.state[1], (uint64_t)(2 ^ 3 ^ 1)); /* s1 ^ (s2 ^ s0) */
    CU_ASSERT_EQUAL(s.state[2], (uint64_t)(3 ^ 1 ^ (2u << 17)));
    CU_ASSERT_EQUAL(s.state[3], (uint64_t)(4 ^ 2) << 45);
}

static void every_part_of_the_key_makes_another_stream(void)
{
    pe_stream s[6] = {pe_stream_open(1, "a", 0), pe_stream_open(2, "a", 0),
                      pe_stream_open(1, "b", 0), pe_stream_open(1, "a", 1),
                      pe_stream_open(0, "a", 1), pe_stream_open(1, "", 0)};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(memcmp(&s[i], &s[j], sizeof s[i]), 0);
}

static void neighbouring_streams_are_not_correlated(void)
{
    double sum = 0.0;
    for (uint64_t i = 0; i < 10000; i++) {
        pe_stream a = pe_stream_open(1, "a", i), b = pe_stream_open(1, "a", i + 1);
        sum += pe_stream_normal(&a) * pe_stream_normal(&b);
    }
    PE_NEAR("correlation", sum / 10000.0, 0.0, 3.0 / 100.0);
}

static void uniform_and_normal_have_their_moments(void)
{
    enum { N = 200000 };
    double *x = numbers(N), mean = 0.0, square = 0.0, fourth = 0.0;
    pe_stream s = pe_stream_open(7, "moments", 0);
    pe_fill_uniform(&s, x, N, -2.0, 4.0);
    for (int i = 0; i < N; i++) {
        CU_ASSERT_TRUE_FATAL(x[i] >= -2.0 && x[i] < 4.0);
        mean += x[i] / N;
    }
    PE_NEAR("uniform mean", mean, 1.0, 3.0 * sqrt(3.0 / N));
    pe_fill_normal(&s, x, N, 5.0, 2.0);
    mean = 0.0;
    for (int i = 0; i < N; i++) {
        double z = (x[i] - 5.0) / 2.0;
        mean += z / N;
        square += z * z / N;
        fourth += z * z * z * z / N;
    }
    PE_NEAR("mean", mean, 0.0, 3.0 * sqrt(1.0 / N));
    PE_NEAR("variance", square, 1.0, 3.0 * sqrt(2.0 / N));
    PE_NEAR("fourth moment", fourth, 3.0, 3.0 * sqrt(96.0 / N));
    free(x);
}

static void below_reaches_every_number_equally(void)
{
    int count[7] = {0};
    double chi = 0.0;
    pe_stream s = pe_stream_open(7, "below", 0);
    for (int i = 0; i < 70000; i++)
        count[pe_stream_below(&s, 7)]++;
    for (int v = 0; v < 7; v++)
        chi += (count[v] - 1e4) * (count[v] - 1e4) / 1e4;
    CU_ASSERT_TRUE(chi < 22.5); /* 0.1 % point of chi squared with 6 degrees of freedom */
}

static void a_permutation_holds_every_number_once(void)
{
    size_t order[100];
    int seen[100] = {0}, moved = 0;
    pe_stream s = pe_stream_open(7, "order", 0);
    pe_permute(&s, order, 100);
    for (size_t i = 0; i < 100; i++) {
        seen[order[i]]++;
        moved += order[i] != i;
    }
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(seen[i], 1);
    CU_ASSERT_TRUE(moved > 80);
}

static void a_choice_rises_and_is_fair(void)
{
    size_t chosen[3];
    int count[10] = {0};
    pe_stream s = pe_stream_open(7, "choice", 0);
    for (int n = 0; n < 10000; n++) {
        pe_choose(&s, chosen, 3, 10);
        CU_ASSERT_TRUE(chosen[0] < chosen[1] && chosen[1] < chosen[2] && chosen[2] < 10);
        for (int k = 0; k < 3; k++)
            count[chosen[k]]++;
    }
    for (int v = 0; v < 10; v++)
        PE_NEAR("share", count[v] / 1e4, 0.3, 4.0 * sqrt(0.3 * 0.7 / 1e4));
    size_t all[4];
    pe_choose(&s, all, 4, 4);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(all[i], i);
}

PE_TEST_MAIN("analysis: random", PE_TEST(a_stream_is_the_same_on_every_run),
             PE_TEST(the_generator_is_xoshiro_plus_plus),
             PE_TEST(every_part_of_the_key_makes_another_stream),
             PE_TEST(neighbouring_streams_are_not_correlated),
             PE_TEST(uniform_and_normal_have_their_moments),
             PE_TEST(below_reaches_every_number_equally),
             PE_TEST(a_permutation_holds_every_number_once), PE_TEST(a_choice_rises_and_is_fair))
