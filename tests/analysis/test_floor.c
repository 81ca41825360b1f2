/* METRICS 2.4, and the same numbers without drawing: sums over all histograms. */
#include "tables.h"

#include "analysis/floor.h"

/* E[entropy] = V E[-(n/N) ln(n/N)], n binomial (N, 1/V). */
static double exact_entropy(int V, int N)
{
    double sum = 0.0;
    for (int n = 1; n <= N; n++) {
        double log_p = lgamma(N + 1) - lgamma(n + 1) - lgamma(N - n + 1) - n * log(V) +
                       (N - n) * (V > 1 ? log1p(-1.0 / V) : 0.0);
        sum -= exp(log_p) * n / N * log((double)n / N);
    }
    return V * sum;
}

/* E[max] = sum_m P(max > m); P(max <= m) = N! V^-N [x^N] (sum_{n<=m} x^n/n!)^V, one factor at a
 * time, each scaled by V^-n so that nothing overflows. */
static double exact_accuracy(int V, int N)
{
    double expected = 0.0;
    for (int m = 0; m < N; m++) {
        double row[64] = {1.0}, next[64];
        for (int v = 0; v < V; v++) {
            for (int n = 0; n <= N; n++) {
                next[n] = 0.0;
                for (int k = 0; k <= n && k <= m; k++)
                    next[n] += row[n - k] * exp(-lgamma(k + 1) - k * log(V));
            }
            for (int n = 0; n <= N; n++)
                row[n] = next[n];
        }
        expected += 1.0 - row[N] * exp(lgamma(N + 1));
    }
    return expected / N;
}

static void the_floor_is_every_entry_of_table_2_4(void)
{
    static const int V[] = {4, 8, 16, 32}, T[] = {16, 32, 64};
    static const double accuracy[4][3] = {
        {0.388, 0.345, 0.316}, {0.267, 0.222, 0.192}, {0.197, 0.153, 0.124}, {0.155, 0.112, 0.085}};
    static const double nats[4][3] = {
        {1.278, 1.337, 1.362}, {1.807, 1.959, 2.022}, {2.190, 2.494, 2.645}, {2.428, 2.888, 3.184}};
    double start = seconds();
    for (int v = 0; v < 4; v++)
        for (int t = 0; t < 3; t++) {
            pe_floor got;
            OK(pe_left_neighbour_floor((size_t)V[v], (size_t)T[t], 200000, 1, &got, NULL));
            double exact = exact_accuracy(V[v], T[t] - 1), entropy = exact_entropy(V[v], T[t] - 1);
            PE_NEAR("accuracy, table", got.accuracy, accuracy[v][t],
                    3.0 * got.accuracy_se + PRINTED(3));
            PE_NEAR("cross-entropy, table", got.cross_entropy, nats[v][t],
                    3.0 * got.cross_entropy_se + PRINTED(3));
            PE_NEAR("accuracy, exact", got.accuracy, exact, 3.0 * got.accuracy_se);
            PE_NEAR("cross-entropy, exact", got.cross_entropy, entropy, 3.0 * got.cross_entropy_se);
        }
    printf("    12 floors of 200 000 draws: %.1f s\n", seconds() - start);
}

static void one_symbol_is_always_right_and_two_tokens_never_doubt(void)
{
    pe_floor got;
    OK(pe_left_neighbour_floor(1, 9, 10, 1, &got, NULL));
    CU_ASSERT_EQUAL(got.accuracy, 1.0);
    CU_ASSERT_EQUAL(got.cross_entropy, 0.0);
    OK(pe_left_neighbour_floor(7, 2, 10, 1, &got, NULL));
    CU_ASSERT_EQUAL(got.accuracy, 1.0);
    CU_ASSERT_EQUAL(got.accuracy_se, 0.0);
}

static void the_same_seed_gives_the_same_bytes(void)
{
    pe_floor a, b, c;
    OK(pe_left_neighbour_floor(5, 9, 100, 1, &a, NULL));
    OK(pe_left_neighbour_floor(5, 9, 100, 1, &b, NULL));
    OK(pe_left_neighbour_floor(5, 9, 100, 2, &c, NULL));
    CU_ASSERT_EQUAL(a.accuracy, b.accuracy);
    CU_ASSERT_EQUAL(a.cross_entropy, b.cross_entropy);
    CU_ASSERT_NOT_EQUAL(a.accuracy, c.accuracy);
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    pe_floor got;
    REFUSED(pe_left_neighbour_floor(0, 9, 100, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_left_neighbour_floor(4, 1, 100, 1, &got, NULL), PE_USAGE);
    REFUSED(pe_left_neighbour_floor(4, 9, 1, 1, &got, NULL), PE_USAGE);
    FAIL_EVERY_ALLOCATION(pe_left_neighbour_floor(4, 9, 10, 1, &got, NULL), );
}

PE_TEST_MAIN("analysis: floor", PE_TEST(the_floor_is_every_entry_of_table_2_4),
             PE_TEST(one_symbol_is_always_right_and_two_tokens_never_doubt),
             PE_TEST(the_same_seed_gives_the_same_bytes),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
