/* FIRE against its formula written out pair by pair, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_fire;

enum { C, L_MULTIPLIER, W1, B1, W2, B2 };

static lab make(int heads, int width, double threshold)
{
    lab l = lab_make(&pe_variant_fire, (pe_dims){.heads = heads, .head_dim = 5});
    lab_set(&l, "width", width);
    lab_set(&l, "threshold", threshold);
    return l;
}

/* One unit and one head that let the share of the distance through: the bias is psi / psi. */
static lab transparent(double threshold)
{
    lab l = make(1, 1, threshold);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.param[C][0] = 0.5;
    l.param[L_MULTIPLIER][0] = l.param[W1][0] = l.param[W2][0] = 1;
    l.param[B1][0] = l.param[B2][0] = 0;
    return l;
}
#endif

/* The bias of tokens at coordinates x: (heads, n, n); pair (i, j) may be seen unless i + j is a
 * multiple of `gaps`. */
static pe_real *PE(biases_but)(lab *l, int n, const double *x, int gaps)
{
    const pe_call c = PE(lab_call)(l);
    unsigned char *allowed = lab_keep((size_t)(n * n), 1);
    for (int at = 0; at < n * n; at++)
        allowed[at] = gaps == 0 || (at / n + at % n) % gaps != 0;
    const pe_tile tile = {.nq = n, .nk = n, .head = -1, .qx = x, .kx = x, .allowed = allowed};
    pe_real *bias = lab_keep((size_t)(l->dims.heads * n * n), sizeof *bias);
    l->variant->PE_OPS->pair(&c, &tile, bias);
    return bias;
}

static pe_real *PE(biases)(lab *l, int n, const double *x)
{
    return PE(biases_but)(l, n, x, 0);
}

/* The paper's formula for one pair, with log(c x + 1) as it stands there. */
static pe_real PE(formula)(const lab *l, int h, double i, double j)
{
    const pe_real c = pe_num(l->param[C][0]);
    const pe_real threshold = pe_num(l->param[L_MULTIPLIER][0]) * pe_num(l->number[2]);
    const pe_real from = pe_num(i) > threshold ? pe_num(i) : threshold;
    const pe_real x = pe_log(c * pe_fabs(pe_num(i) - pe_num(j)) + 1) / pe_log(c * from + 1);
    pe_real sum = pe_num(l->param[B2][h]);
    for (int k = 0; k < (int)l->number[0]; k++) {
        const pe_real unit = pe_num(l->param[W1][k]) * x + pe_num(l->param[B1][k]);
        sum += unit > 0 ? pe_num(l->param[W2][k * l->dims.heads + h]) * unit : 0;
    }
    return sum;
}

/* 13 tokens, 3 heads, 7 units, a threshold in the middle (its multiplier is 0.1 .. 0.9), whole and
 * fractional coordinates, negative ones as well. */
static void PE(is_formula)(double step, double start)
{
    enum { N = 13, HEADS = 3 };
    lab l = make(HEADS, 7, 12);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    double x[N];
    for (int i = 0; i < N; i++)
        x[i] = start + step * i;
    const pe_real *bias = PE(biases)(&l, N, x);
    lab_error e = {0};
    for (int at = 0; at < HEADS * N * N; at++)
        PE(lab_meet)(&e, bias[at], PE(formula)(&l, at / (N * N), x[at / N % N], x[at % N]));
    PE_NEAR("bias", e.worst, 0, 64 * (double)PE_EPS * (1 + e.largest));
    lab_end();
}

/* Beyond the threshold the share of the first token is 1 and the own one is 0, at any length; the
 * share never passes 1 for keys that are not later than the query. */
static void PE(interpolates)(void)
{
    enum { N = 40 };
    lab l = transparent(8);
    double x[N];
    for (int i = 0; i < N; i++)
        x[i] = i;
    const pe_real *bias = PE(biases)(&l, N, x);
    for (int i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(bias[i * N + i], 0);
        CU_ASSERT_TRUE(i < 8 || bias[i * N] == 1);
        for (int j = 0; j < i; j++)
            CU_ASSERT_TRUE(bias[i * N + j] > bias[i * N + j + 1] && bias[i * N + j] <= 1);
    }
    lab_end();
}

/* Up to the threshold b(i,j) = b(j,i) and only i - j matters; beyond it neither is true. */
static void PE(mirrors)(void)
{
    enum { N = 20 };
    lab l = transparent(10);
    double x[N];
    for (int i = 0; i < N; i++)
        x[i] = i;
    const pe_real *b = PE(biases)(&l, N, x);
    for (int i = 0; i <= 10; i++)
        for (int j = 0; j <= 10; j++) {
            CU_ASSERT_EQUAL(b[i * N + j], b[j * N + i]);
            CU_ASSERT_EQUAL(b[i * N + j], b[abs(i - j) * N]);
        }
    CU_ASSERT_TRUE(b[15 * N + 12] < b[12 * N + 15]);
    CU_ASSERT_TRUE(b[15 * N + 12] < b[3 * N]);
    CU_ASSERT_TRUE(b[0 * N + 15] > 1); /* a key beyond L, to the right */
    lab_end();
}

/* A pair that may not be seen is left out, and the others do not notice. */
static void PE(leaves_out)(void)
{
    enum { N = 13, HEADS = 3, GAPS = 3 };
    lab l = make(HEADS, 7, 12);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    double x[N];
    for (int i = 0; i < N; i++)
        x[i] = i;
    const pe_real *bias = PE(biases_but)(&l, N, x, GAPS);
    lab_error e = {0};
    for (int at = 0; at < HEADS * N * N; at++) {
        const int i = at / N % N, j = at % N;
        if ((i + j) % GAPS == 0)
            CU_ASSERT_EQUAL(bias[at], 0);
        PE(lab_meet)(&e, bias[at], (i + j) % GAPS ? PE(formula)(&l, at / (N * N), i, j) : 0);
    }
    PE_NEAR("bias", e.worst, 0, 64 * (double)PE_EPS * (1 + e.largest));
    lab_end();
}

static void PE(nan_stays)(void)
{
    const double x[2] = {3, 1};
    for (int p = C; p <= B2; p++) {
        lab l = transparent(1);
        l.param[p][0] = (double)NAN;
        const pe_real *bias = PE(biases)(&l, 2, x);
        CU_ASSERT_TRUE(bias[1] != bias[1]);
        lab_end();
    }
}

static void PE(stores)(pe_place place)
{
    const double x[3] = {0, 1 + 0x1p-40, 5};
    lab exact = transparent(2), stored = transparent(2);
    stored.formats[place] = PE_FP32;
    const pe_real *want = PE(biases)(&exact, 3, x), *got = PE(biases)(&stored, 3, x);
    lab_error e = {0};
    for (int at = 0; at < 9; at++)
        PE(lab_meet)(&e, got[at], want[at]);
    CU_ASSERT_EQUAL(e.worst > 0, sizeof(pe_real) > sizeof(float));
    PE_NEAR("one rounding to float", e.worst, 0, 1.2e-7 * (1 + e.largest));
    lab_end();
}

#include PE_NEXT("test_fire.c")

#ifndef TESTS
#define TESTS
static void the_bias_is_the_papers_formula(void)
{
    const double step[] = {1, 0.75, 100}, start[] = {0, -3, 0};
    for (int i = 0; i < 3; i++) {
        is_formula_f64(step[i], start[i]);
        is_formula_f32(step[i], start[i]);
        is_formula_f128(step[i], start[i]);
    }
}

static void distances_are_interpolated_between_zero_and_one_at_any_length(void)
{
    interpolates_f64();
    interpolates_f32();
    interpolates_f128();
}

static void up_to_the_threshold_it_is_symmetric_and_relative_beyond_it_is_neither(void)
{
    mirrors_f64();
    mirrors_f32();
    mirrors_f128();
}

static void pairs_that_may_not_be_seen_are_left_out(void)
{
    leaves_out_f64();
    leaves_out_f32();
    leaves_out_f128();
}

static void nan_in_a_parameter_is_nan_in_the_bias(void)
{
    nan_stays_f64();
    nan_stays_f32();
    nan_stays_f128();
}

static void positions_shares_and_biases_are_stored_where_the_host_says(void)
{
    const pe_place place[] = {PE_AT_POSITION, PE_AT_PHASE, PE_AT_TABLE};
    for (int i = 0; i < 3; i++) {
        stores_f64(place[i]);
        stores_f32(place[i]);
        stores_f128(place[i]);
    }
}

static void parameters_have_the_shapes_of_a_two_layer_network(void)
{
    lab l = make(3, 32, 512);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.param_count, 6);
    CU_ASSERT_EQUAL(l.info.param[W1].shape[1], 32);
    CU_ASSERT_EQUAL(l.info.param[W2].shape[0], 32);
    CU_ASSERT_EQUAL(l.info.param[W2].shape[1], 3);
    CU_ASSERT_EQUAL(l.info.param[B2].shape[0], 3);
    CU_ASSERT_TRUE(l.info.param[C].low > 0 && l.info.param[L_MULTIPLIER].low > 0);
    CU_ASSERT_TRUE(fabs(l.info.param[W2].a + 1 / sqrt(32.0)) < 1e-15);
    lab_end();
}

static void several_axes_are_refused_by_a_sentence(void)
{
    lab l = lab_make(&pe_variant_fire, (pe_dims){.heads = 1, .head_dim = 2, .axes = 2});
    CU_ASSERT_FALSE(lab_setup(&l));
    PE_CONTAINS(l.info.refusal, "axes is 2");
    PE_CONTAINS(l.info.refusal, "must be 1");
    lab_end();
}

PE_TEST_MAIN("variants: fire", PE_TEST(the_bias_is_the_papers_formula),
             PE_TEST(distances_are_interpolated_between_zero_and_one_at_any_length),
             PE_TEST(up_to_the_threshold_it_is_symmetric_and_relative_beyond_it_is_neither),
             PE_TEST(pairs_that_may_not_be_seen_are_left_out),
             PE_TEST(nan_in_a_parameter_is_nan_in_the_bias),
             PE_TEST(positions_shares_and_biases_are_stored_where_the_host_says),
             PE_TEST(parameters_have_the_shapes_of_a_two_layer_network),
             PE_TEST(several_axes_are_refused_by_a_sentence))
#endif
