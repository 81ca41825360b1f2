/* METRICS 1.3. */
#include "tables.h"

#include "analysis/concordance.h"
#include "analysis/random.h"
#include "analysis/summary.h"

enum { T = 128 };

static void expect_table_row(const double *M, double C, double D, double tied, double tau)
{
    pe_concordance got;
    OK(pe_concordance_of(M, T, PE_REGION_ALL, &got, NULL));
    PE_NEAR("C", got.concordant, C, 1e-4);
    PE_NEAR("D", got.discordant, D, 1e-4);
    PE_NEAR("tie", got.tied, tied, 1e-4);
    PE_NEAR("tau", got.tau, tau, 1e-4);
}

static void the_exact_rows_of_table_1_3_come_out(void)
{
    double *line = linear_bias(T, 1.0), *steep = linear_bias(T, 0.5);
    double *P = sine_table(T, 128, 1e4), *M = products(P, P, T, 128),
           *clipped = linear_bias(T, 1.0);
    for (size_t i = 0; i < T * T; i++)
        clipped[i] = fmax(clipped[i], -16.0);
    expect_table_row(line, 1, 0, 0, 1);
    expect_table_row(steep, 1, 0, 0, 1);
    expect_table_row(M, 0.9243, 0.0757, 0, 0.8485);
    expect_table_row(clipped, 0.3942, 0, 0.6058, 0.3942);
    free(line);
    free(steep);
    free(P);
    free(M);
    free(clipped);
}

/* METRICS: C = 0.50 +- 0.01, tau = 0.00 +- 0.01. Without ties tau = 2C - 1, so the two cannot both
 * bound every draw: C is held to each draw, tau as a mean with a standard deviation. */
static void an_untrained_table_has_no_sense_of_distance(void)
{
    double tau[20];
    for (uint64_t draw = 0; draw < 20; draw++) {
        double *P = numbers(T * T);
        pe_stream s = pe_stream_open(3, "concordance", draw);
        pe_fill_normal(&s, P, T * T, 0.0, 0.02);
        double *M = products(P, P, T, T);
        pe_concordance got;
        OK(pe_concordance_of(M, T, PE_REGION_ALL, &got, NULL));
        PE_NEAR("C", got.concordant, 0.50, 0.01);
        tau[draw] = got.tau;
        free(M);
        free(P);
    }
    pe_summary summary;
    OK(pe_summarise(tau, 20, &summary, NULL));
    PE_NEAR("mean tau", summary.mean, 0.0, 3.0 * summary.sd / sqrt(20.0));
    CU_ASSERT_TRUE(summary.sd < 0.01);
    printf("    tau of 20 untrained tables: mean %.4f, sd %.4f\n", summary.mean, summary.sd);
}

/* METRICS: four draws gave tau -0.10 .. 0.12; its mean is 0 by the symmetry of W and -W. */
static void a_random_projection_takes_the_sense_of_distance_away(void)
{
    double tau[20];
    for (uint64_t draw = 0; draw < 20; draw++) {
        double *W = numbers(T * T);
        pe_stream s = pe_stream_open(3, "projection", draw);
        pe_fill_normal(&s, W, T * T, 0.0, 1.0 / sqrt(T));
        double *M = projected(W, T);
        pe_concordance got;
        OK(pe_concordance_of(M, T, PE_REGION_ALL, &got, NULL));
        tau[draw] = got.tau;
        free(M);
        free(W);
    }
    pe_summary summary;
    OK(pe_summarise(tau, 20, &summary, NULL));
    printf("    tau after 20 random projections: mean %.3f, sd %.3f\n", summary.mean, summary.sd);
    PE_NEAR("mean tau", summary.mean, 0.0, 3.0 * summary.sd / sqrt(20.0));
    CU_ASSERT_TRUE(summary.max < 0.8485); /* that of W = I */
}

/* All triples, as the definition reads. */
static pe_concordance counted_plainly(const double *M, int n, int causal)
{
    double c = 0, d = 0, t = 0;
    for (int i = 0; i < n; i++)
        for (int a = 0; a < (causal ? i : n); a++)
            for (int b = 0; b < (causal ? i : n); b++) {
                if (a == i || b == i || abs(a - i) >= abs(b - i))
                    continue;
                double gap = M[i * n + a] - M[i * n + b];
                c += gap > 0;
                d += gap < 0;
                t += gap == 0;
            }
    double all = c + d + t;
    return (pe_concordance){(uint64_t)all, c / all, d / all, t / all, (c - d) / all};
}

static void counts_with_many_ties_agree_with_a_triple_loop(void)
{
    double M[23 * 23];
    pe_stream s = pe_stream_open(5, "ties", 0);
    for (int i = 0; i < 23 * 23; i++)
        M[i] = (double)pe_stream_below(&s, 6) - 2.0;
    for (int causal = 0; causal < 2; causal++) {
        pe_concordance got, want = counted_plainly(M, 23, causal);
        OK(pe_concordance_of(M, 23, causal ? PE_REGION_CAUSAL : PE_REGION_ALL, &got, NULL));
        CU_ASSERT_EQUAL(got.triples, want.triples);
        CU_ASSERT_EQUAL(got.concordant, want.concordant);
        CU_ASSERT_EQUAL(got.discordant, want.discordant);
        CU_ASSERT_EQUAL(got.tied, want.tied);
        CU_ASSERT_EQUAL(got.tau, want.tau);
    }
}

static void a_matrix_too_small_has_no_triples(void)
{
    double M[4] = {1, 2, 3, 4};
    pe_concordance got;
    OK(pe_concordance_of(M, 2, PE_REGION_ALL, &got, NULL));
    CU_ASSERT_EQUAL(got.triples, 0);
    CU_ASSERT_EQUAL(got.tau, 0.0);
}

static void bad_input_is_refused_but_the_diagonal_is_not_looked_at(void)
{
    double M[9] = {PE_NAN, 1, 2, 3, PE_NAN, 4, 5, 6, PE_NAN};
    pe_concordance got;
    OK(pe_concordance_of(M, 3, PE_REGION_ALL, &got, NULL));
    M[1] = PE_NAN;
    REFUSED(pe_concordance_of(M, 3, PE_REGION_ALL, &got, NULL), PE_FORMAT);
    REFUSED(pe_concordance_of(M, 0, PE_REGION_ALL, &got, NULL), PE_USAGE);
    REFUSED(pe_curve_concordance(M, 0, &got, NULL), PE_USAGE);
    REFUSED(pe_curve_concordance(M, 3, &got, NULL), PE_FORMAT);
}

static void failed_allocations_leave_nothing_behind(void)
{
    double M[9] = {0, 1, 2, 3, 0, 4, 5, 6, 0};
    pe_concordance got;
    FAIL_EVERY_ALLOCATION(pe_concordance_of(M, 3, PE_REGION_ALL, &got, NULL), );
    FAIL_EVERY_ALLOCATION(pe_curve_concordance(M, 9, &got, NULL), );
}

static void two_thousand_positions_take_seconds_not_hours(void)
{
    enum { N = 2048 };
    double *M = numbers((size_t)N * N), start;
    pe_stream s = pe_stream_open(5, "large", 0);
    pe_fill_normal(&s, M, (size_t)N * N, 0.0, 1.0);
    pe_concordance got;
    start = seconds();
    OK(pe_concordance_of(M, N, PE_REGION_ALL, &got, NULL));
    printf("    T = %d: %.2f s for %.3g triples\n", N, seconds() - start, (double)got.triples);
    PE_NEAR("tau", got.tau, 0.0, 0.01);
    free(M);
}

PE_TEST_MAIN("analysis: concordance", PE_TEST(the_exact_rows_of_table_1_3_come_out),
             PE_TEST(an_untrained_table_has_no_sense_of_distance),
             PE_TEST(a_random_projection_takes_the_sense_of_distance_away),
             PE_TEST(counts_with_many_ties_agree_with_a_triple_loop),
             PE_TEST(a_matrix_too_small_has_no_triples),
             PE_TEST(bad_input_is_refused_but_the_diagonal_is_not_looked_at),
             PE_TEST(failed_allocations_leave_nothing_behind),
             PE_TEST(two_thousand_positions_take_seconds_not_hours))
