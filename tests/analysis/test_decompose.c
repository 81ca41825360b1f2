/* METRICS 2.1, 2.2 and the orthogonal split. */
#include "tables.h"

#include "analysis/decompose.h"
#include "analysis/random.h"
#include "analysis/summary.h"

enum { T = 128 };

static double *noise_matrix(size_t n, uint64_t draw)
{
    double *M = numbers(n * n);
    pe_stream s = pe_stream_open(11, "noise matrix", draw);
    pe_fill_normal(&s, M, n * n, 0.0, 1.0);
    return M;
}

static void expect_split(const double *M, size_t n, double te, double to, double re, double ro,
                         double tolerance)
{
    pe_split s;
    OK(pe_split_of(M, n, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    PE_NEAR("even Toeplitz", s.toeplitz_even, te, tolerance);
    PE_NEAR("odd Toeplitz", s.toeplitz_odd, to, tolerance);
    PE_NEAR("even rest", s.rest_even, re, tolerance);
    PE_NEAR("odd rest", s.rest_odd, ro, tolerance);
}

static void the_fractions_add_to_one_in_every_region(void)
{
    static const size_t sizes[] = {2, 3, 37, 128, 2048};
    for (size_t n = 0; n < 5; n++) {
        double *M = noise_matrix(sizes[n], n);
        for (size_t i = 0; i < sizes[n] * sizes[n]; i++)
            M[i] += 1000.0; /* a mean far from zero */
        for (int region = 0; region < 4; region++)
            for (int mean = 0; mean < 2; mean++) {
                pe_split s;
                if (sizes[n] == 2 && region == PE_REGION_CAUSAL_STRICT)
                    continue; /* one entry: constant */
                OK(pe_split_of(M, sizes[n], (pe_region)region, (pe_split_mean)mean, &s, NULL));
                PE_NEAR("toeplitz + rest", s.toeplitz + s.rest, 1.0, 1e-12);
                if (region <= PE_REGION_OFF_DIAGONAL)
                    PE_NEAR("four parts",
                            s.toeplitz_even + s.toeplitz_odd + s.rest_even + s.rest_odd, 1.0,
                            1e-12);
                else
                    CU_ASSERT_TRUE(isnan(s.toeplitz_even) && isnan(s.rest_odd));
            }
        free(M);
    }
}

static void the_parts_add_up_and_are_orthogonal(void)
{
    double *M = noise_matrix(T, 7), *part[4];
    for (int p = 0; p < 4; p++)
        part[p] = numbers(T * T);
    OK(pe_split_parts(M, T, part[0], part[1], part[2], part[3], NULL));
    pe_split s;
    OK(pe_split_of(M, T, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    for (size_t i = 0; i < T * T; i++)
        PE_NEAR("sum of parts", s.mean + part[0][i] + part[1][i] + part[2][i] + part[3][i], M[i],
                16 * DBL_EPSILON);
    const double fraction[4] = {s.toeplitz_even, s.toeplitz_odd, s.rest_even, s.rest_odd};
    for (int p = 0; p < 4; p++)
        for (int q = 0; q < 4; q++) {
            double dot = 0.0;
            for (size_t i = 0; i < T * T; i++)
                dot += part[p][i] * part[q][i];
            PE_NEAR("product of parts", dot / s.energy, p == q ? fraction[p] : 0.0, 1e-12);
        }
    for (int p = 0; p < 4; p++)
        free(part[p]);
    free(M);
}

static void planted_structures_are_recognised(void)
{
    double even[37 * 37], odd[37 * 37], rest_even[37 * 37], rest_odd[37 * 37];
    for (int i = 0; i < 37; i++)
        for (int j = 0; j < 37; j++) {
            double u = i - 18, v = j - 18; /* centred positions */
            even[i * 37 + j] = exp(-0.1 * abs(i - j));
            odd[i * 37 + j] = sin(0.3 * (j - i));
            rest_odd[i * 37 + j] = u * v * v * v - u * u * u * v;
            rest_even[i * 37 + j] = (i * 7 + 3) % 11 * ((j * 7 + 3) % 11);
        }
    expect_split(even, 37, 1, 0, 0, 0, 1e-15);
    expect_split(odd, 37, 0, 1, 0, 0, 1e-15);
    pe_split s;
    OK(pe_split_of(rest_even, 37, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    PE_NEAR("symmetric matrices have no odd half", s.toeplitz_odd + s.rest_odd, 0.0, 1e-15);
    OK(pe_split_of(rest_odd, 37, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    PE_NEAR("antisymmetric matrices have no even half", s.toeplitz_even + s.rest_even, 0.0, 1e-15);
    PE_NEAR("diagonals of u v^3 - u^3 v add to zero", s.toeplitz_odd, 0.0, 1e-15);
}

static void noise_splits_by_the_count_of_its_free_numbers(void)
{
    /* T(T+1)/2 symmetric and T(T-1)/2 antisymmetric directions; T-1 even Toeplitz ones beside the
     * mean, T-1 odd ones. */
    double te[20], to[20], re[20], n = T * T - 1;
    for (uint64_t draw = 0; draw < 20; draw++) {
        double *M = noise_matrix(T, draw);
        pe_split s;
        OK(pe_split_of(M, T, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
        te[draw] = s.toeplitz_even;
        to[draw] = s.toeplitz_odd;
        re[draw] = s.rest_even;
        free(M);
    }
    pe_summary sum;
    OK(pe_summarise(te, 20, &sum, NULL));
    PE_NEAR("even Toeplitz", sum.mean, (T - 1) / n, 3.0 * sum.sd / sqrt(20.0));
    OK(pe_summarise(to, 20, &sum, NULL));
    PE_NEAR("odd Toeplitz", sum.mean, (T - 1) / n, 3.0 * sum.sd / sqrt(20.0));
    OK(pe_summarise(re, 20, &sum, NULL));
    PE_NEAR("even rest", sum.mean, (T * (T + 1) / 2 - T) / n, 3.0 * sum.sd / sqrt(20.0));
}

static void a_constant_added_changes_nothing_when_the_mean_is_removed(void)
{
    double *M = noise_matrix(37, 3);
    pe_split before, after, kept;
    OK(pe_split_of(M, 37, PE_REGION_ALL, PE_MEAN_REMOVED, &before, NULL));
    for (int i = 0; i < 37 * 37; i++)
        M[i] += 64.0;
    OK(pe_split_of(M, 37, PE_REGION_ALL, PE_MEAN_REMOVED, &after, NULL));
    OK(pe_split_of(M, 37, PE_REGION_ALL, PE_MEAN_KEPT, &kept, NULL));
    PE_NEAR("toeplitz", after.toeplitz, before.toeplitz, 1e-12);
    PE_NEAR("odd rest", after.rest_odd, before.rest_odd, 1e-12);
    CU_ASSERT_TRUE(kept.toeplitz_even > 0.999);
    free(M);
}

static void a_constant_matrix_has_no_fractions(void)
{
    double M[9];
    pe_split s;
    pe_toeplitz_fit fit;
    pe_symmetry symmetry;
    for (int i = 0; i < 9; i++)
        M[i] = 1.0 / 3.0 + (i % 2) * DBL_EPSILON / 4.0;
    OK(pe_split_of(M, 3, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    CU_ASSERT_TRUE(s.constant);
    CU_ASSERT_TRUE(isnan(s.toeplitz));
    OK(pe_split_of(M, 3, PE_REGION_ALL, PE_MEAN_KEPT, &s, NULL));
    CU_ASSERT_FALSE(s.constant);
    PE_NEAR("toeplitz", s.toeplitz, 1.0, 1e-15);
    OK(pe_toeplitz_fit_of(M, 3, &fit, NULL));
    CU_ASSERT_TRUE(isnan(fit.r2));
    OK(pe_symmetry_of(M, 3, &symmetry, NULL));
    CU_ASSERT_TRUE(isnan(symmetry.rho));
    PE_NEAR("alpha", symmetry.alpha, 0.0, 1e-15);
}

static void a_causal_region_has_a_toeplitz_share_alone(void)
{
    double M[16 * 16];
    pe_split s;
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            M[i * 16 + j] = j > i ? -HUGE_VAL : -0.25 * (i - j);
    OK(pe_split_of(M, 16, PE_REGION_CAUSAL, PE_MEAN_REMOVED, &s, NULL));
    PE_NEAR("toeplitz", s.toeplitz, 1.0, 1e-15);
    PE_NEAR("rest", s.rest, 0.0, 1e-15);
    M[5 * 16 + 2] += 1.0;
    OK(pe_split_of(M, 16, PE_REGION_CAUSAL_STRICT, PE_MEAN_REMOVED, &s, NULL));
    /* one entry of 13 on its diagonal moved by 1: 12/13 of it is off the mean */
    PE_NEAR("rest energy", s.rest * s.energy, 12.0 / 13.0, 1e-12);
}

static void exact_rows_of_section_2_1_come_out(void)
{
    double *P = sine_table(T, T, 1e4), *M = products(P, P, T, T), *line = linear_bias(T, 0.1);
    pe_toeplitz_fit fit;
    OK(pe_toeplitz_fit_of(M, T, &fit, NULL));
    PE_NEAR("R2 of sines", fit.r2, 1.0, 1e-9);
    PE_NEAR("deviation of sines", fit.deviation, 0.0, 1e-9);
    CU_ASSERT_TRUE(fit.deviation <= 1.8e-13); /* METRICS 0, row 1 */
    PE_NEAR("chance", fit.chance, 0.015625, 0.0);
    OK(pe_toeplitz_fit_of(line, T, &fit, NULL));
    CU_ASSERT_EQUAL(fit.deviation, 0.0);
    PE_NEAR("R2 of a line", fit.r2, 1.0, 1e-9);
    free(P);
    free(M);
    free(line);
}

static void untrained_tables_score_the_chance_level_off_the_diagonal_and_half_with_it(void)
{
    double off[20], with[20], rho[20], alpha[20];
    for (uint64_t draw = 0; draw < 20; draw++) {
        double *P = noise_matrix(T, 100 + draw), *M = products(P, P, T, T);
        pe_toeplitz_fit fit;
        pe_split s;
        pe_symmetry y;
        OK(pe_toeplitz_fit_of(M, T, &fit, NULL));
        OK(pe_split_of(M, T, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
        OK(pe_symmetry_of(M, T, &y, NULL));
        off[draw] = fit.r2;
        with[draw] = s.toeplitz;
        PE_NEAR("rho of a Gram matrix", y.rho, 1.0, 1e-12);
        CU_ASSERT_EQUAL(y.alpha, 0.0);
        OK(pe_symmetry_of(P, T, &y, NULL));
        rho[draw] = y.rho;
        alpha[draw] = y.alpha;
        free(P);
        free(M);
    }
    pe_summary sum;
    OK(pe_summarise(off, 20, &sum, NULL));
    printf("    R2 off the diagonal: mean %.4f, sd %.4f, range %.4f..%.4f\n", sum.mean, sum.sd,
           sum.min, sum.max);
    /* T-1 free pairs of offsets less the mean, over T(T-1)/2 - 1 pairs of entries: 0.0155, which
     * METRICS rounds to 2/T. */
    PE_NEAR("R2 off the diagonal", sum.mean, 2.0 / T, 3.0 * sum.sd / sqrt(20.0));
    OK(pe_summarise(with, 20, &sum, NULL));
    printf("    R2 with the diagonal: mean %.4f, sd %.4f\n", sum.mean, sum.sd);
    PE_NEAR("R2 with the diagonal", sum.mean, 0.50, 3.0 * sum.sd / sqrt(20.0) + PRINTED(2));
    OK(pe_summarise(rho, 20, &sum, NULL));
    PE_NEAR("rho of noise", sum.mean, 0.0, 3.0 * sum.sd / sqrt(20.0));
    OK(pe_summarise(alpha, 20, &sum, NULL));
    PE_NEAR("alpha of noise", sum.mean, 0.5, 3.0 * sum.sd / sqrt(20.0));
}

static void a_quarter_turn_of_each_pair_makes_the_products_antisymmetric(void)
{
    double *W = numbers(T * T);
    for (size_t i = 0; i < T; i += 2) {
        W[i * T + i + 1] = -1.0;
        W[(i + 1) * T + i] = 1.0;
    }
    double *M = projected(W, T);
    pe_symmetry y;
    pe_toeplitz_fit fit;
    OK(pe_symmetry_of(M, T, &y, NULL));
    OK(pe_toeplitz_fit_of(M, T, &fit, NULL));
    PE_NEAR("alpha", y.alpha, 1.0, 1e-12);
    PE_NEAR("rho", y.rho, -1.0, 1e-12);
    PE_NEAR("R2", fit.r2, 1.0, 1e-9);
    pe_split s;
    OK(pe_split_of(M, T, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    PE_NEAR("odd Toeplitz", s.toeplitz_odd, 1.0, 1e-12);
    free(M);
    free(W);
}

/* One q and one k at every position, each pair turned by w_i t: M_ij = sum over pairs of the
 * rotated q at i times the rotated k at j (METRICS 2.2). */
static double *turned_products(const double *q, const double *k)
{
    double *Q = numbers(T * T), *K = numbers(T * T);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < T; i += 2) {
            double angle = (double)t * pow(1e4, -(double)i / T), c = cos(angle), s = sin(angle);
            Q[t * T + i] = c * q[i] - s * q[i + 1];
            Q[t * T + i + 1] = s * q[i] + c * q[i + 1];
            K[t * T + i] = c * k[i] - s * k[i + 1];
            K[t * T + i + 1] = s * k[i] + c * k[i + 1];
        }
    double *M = products(Q, K, T, T);
    free(Q);
    free(K);
    return M;
}

static void turned_vectors_are_symmetric_when_equal_and_a_quarter_odd_when_random(void)
{
    double q[T], k[T], alpha[20];
    pe_symmetry y;
    pe_toeplitz_fit fit;
    for (uint64_t draw = 0; draw < 20; draw++) {
        pe_stream s = pe_stream_open(12, "q and k", draw);
        pe_fill_normal(&s, q, T, 0.0, 1.0);
        pe_fill_normal(&s, k, T, 0.0, 1.0);
        double *M = turned_products(q, k), *equal = turned_products(q, q);
        OK(pe_toeplitz_fit_of(M, T, &fit, NULL));
        PE_NEAR("R2", fit.r2, 1.0, 1e-9);
        PE_NEAR("deviation", fit.deviation, 0.0, 1e-9);
        OK(pe_symmetry_of(equal, T, &y, NULL));
        PE_NEAR("alpha, q = k", y.alpha, 0.0, 1e-12);
        PE_NEAR("rho, q = k", y.rho, 1.0, 1e-12);
        OK(pe_symmetry_of(M, T, &y, NULL));
        alpha[draw] = y.alpha;
        free(M);
        free(equal);
    }
    pe_summary sum;
    OK(pe_summarise(alpha, 20, &sum, NULL));
    printf("    alpha of random q, k: mean %.3f, sd %.3f\n", sum.mean, sum.sd);
    /* two independent means of 20 draws */
    PE_NEAR("alpha", sum.mean, 0.27, 3.0 * sqrt(2.0) * sum.sd / sqrt(20.0));
}

/* METRICS 0, row 4, and 1.7: R2 0.13 (mean of 20 draws), rho 0.01 (-0.2 .. 0.4). */
static void a_random_projection_destroys_the_toeplitz_structure(void)
{
    double r2[20], rho[20];
    for (uint64_t draw = 0; draw < 20; draw++) {
        double *W = noise_matrix(T, 200 + draw), *M = projected(W, T);
        pe_toeplitz_fit fit;
        pe_symmetry y;
        OK(pe_toeplitz_fit_of(M, T, &fit, NULL));
        OK(pe_symmetry_of(M, T, &y, NULL));
        r2[draw] = fit.r2;
        rho[draw] = y.rho;
        free(M);
        free(W);
    }
    pe_summary sum;
    OK(pe_summarise(r2, 20, &sum, NULL));
    printf("    R2 after a random projection: mean %.3f, sd %.3f\n", sum.mean, sum.sd);
    /* two independent means of 20 draws */
    PE_NEAR("R2", sum.mean, 0.13, 3.0 * sqrt(2.0) * sum.sd / sqrt(20.0));
    OK(pe_summarise(rho, 20, &sum, NULL));
    PE_NEAR("rho", sum.mean, 0.01, 3.0 * sqrt(2.0) * sum.sd / sqrt(20.0));
}

static void bad_input_is_refused(void)
{
    double M[4] = {1, PE_NAN, 3, 4}, huge[4] = {0, 1e300, -1e300, 0}, out[4];
    pe_split s;
    pe_toeplitz_fit fit;
    pe_symmetry y;
    REFUSED(pe_split_of(M, 2, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL), PE_FORMAT);
    REFUSED(pe_split_of(M, 0, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL), PE_USAGE);
    REFUSED(pe_split_of(huge, 1, PE_REGION_OFF_DIAGONAL, PE_MEAN_REMOVED, &s, NULL), PE_USAGE);
    REFUSED(pe_split_of(huge, 2, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL), PE_FORMAT);
    REFUSED(pe_split_parts(M, 2, out, out, out, out, NULL), PE_FORMAT);
    REFUSED(pe_toeplitz_fit_of(M, 2, &fit, NULL), PE_FORMAT);
    REFUSED(pe_toeplitz_fit_of(huge, 1, &fit, NULL), PE_USAGE);
    REFUSED(pe_symmetry_of(M, 2, &y, NULL), PE_FORMAT);
    REFUSED(pe_symmetry_of(huge, 1, &y, NULL), PE_USAGE);
}

static void failed_allocations_leave_nothing_behind(void)
{
    double M[4] = {1, 2, 3, 4}, a[4], b[4], c[4], d[4];
    pe_split s;
    pe_toeplitz_fit fit;
    FAIL_EVERY_ALLOCATION(pe_split_of(M, 2, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL), );
    FAIL_EVERY_ALLOCATION(pe_split_parts(M, 2, a, b, c, d, NULL), );
    FAIL_EVERY_ALLOCATION(pe_toeplitz_fit_of(M, 2, &fit, NULL), );
}

static void two_thousand_positions_take_less_than_a_few_seconds(void)
{
    double *M = noise_matrix(2048, 0), start = seconds();
    pe_split s;
    OK(pe_split_of(M, 2048, PE_REGION_ALL, PE_MEAN_REMOVED, &s, NULL));
    printf("    T = 2048: split in %.2f s\n", seconds() - start);
    free(M);
}

PE_TEST_MAIN("analysis: decompose", PE_TEST(the_fractions_add_to_one_in_every_region),
             PE_TEST(the_parts_add_up_and_are_orthogonal),
             PE_TEST(planted_structures_are_recognised),
             PE_TEST(noise_splits_by_the_count_of_its_free_numbers),
             PE_TEST(a_constant_added_changes_nothing_when_the_mean_is_removed),
             PE_TEST(a_constant_matrix_has_no_fractions),
             PE_TEST(a_causal_region_has_a_toeplitz_share_alone),
             PE_TEST(exact_rows_of_section_2_1_come_out),
             PE_TEST(untrained_tables_score_the_chance_level_off_the_diagonal_and_half_with_it),
             PE_TEST(a_quarter_turn_of_each_pair_makes_the_products_antisymmetric),
             PE_TEST(turned_vectors_are_symmetric_when_equal_and_a_quarter_odd_when_random),
             PE_TEST(a_random_projection_destroys_the_toeplitz_structure),
             PE_TEST(bad_input_is_refused), PE_TEST(failed_allocations_leave_nothing_behind),
             PE_TEST(two_thousand_positions_take_less_than_a_few_seconds))
