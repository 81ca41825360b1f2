/* Waves against the golden cases and the formula in one to three axes, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_fourier;

enum { SIN_COS, COS_SIN };

static lab with_options(int features, int axes, int model_dim, int order)
{
    lab l = lab_make(&pe_variant_fourier, (pe_dims){.heads = 1, .head_dim = model_dim});
    l.dims.axes = axes;
    lab_set(&l, "features", features);
    lab_set(&l, "order", order);
    return l;
}
#endif

/* Rows of n coordinates (n, axes). */
static pe_real *PE(rows_of)(lab *l, int n, const double *coord)
{
    const pe_call c = PE(lab_call)(l);
    pe_real *rows = lab_keep((size_t)(n * l->info.embed_width), sizeof *rows);
    l->variant->PE_OPS->embed(&c, n, coord, rows);
    return rows;
}

static void PE(golden)(const char *name, int order, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    const int axes = (int)lab_case(name, "inputs", 0),
              features = (int)lab_case(name, "features", 0);
    lab l = with_options(features, axes, 2 * features, order);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && tolerance > 0);
    size_t count, waves, points;
    const double *v = lab_npy(name, "v", &points), *pe = lab_npy(name, "pe", &count);
    l.param[0] = lab_npy(name, "B", &waves);
    CU_ASSERT_EQUAL_FATAL(waves, (size_t)(l.info.param[0].shape[0] * l.info.param[0].shape[1]));
    const pe_real *rows = PE(rows_of)(&l, (int)points / axes, v);
    lab_error e = {0};
    for (size_t i = 0; i < count; i++)
        PE(lab_meet)(&e, rows[i], pe_num(pe[i]));
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* Both orders in any number of axes, from the formula. */
static void PE(is_formula)(int axes, int order)
{
    enum { N = 4, F = 3 };
    static const double coord[N * 3] = {0, 0, 0, 1, -0.5, 0.25, 7, 3, -2, 0.125, 30, -11};
    lab l = with_options(F, axes, 20, order);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *rows = PE(rows_of)(&l, N, coord);
    lab_error e = {0};
    for (int t = 0; t < N; t++)
        for (int f = 0; f < F; f++) {
            pe_real turns = 0;
            for (int a = 0; a < axes; a++)
                turns += (pe_real)l.param[0][f * axes + a] * pe_num(coord[t * axes + a]);
            const pe_real sine = pe_sin(2 * PE_PI * turns), cosine = pe_cos(2 * PE_PI * turns);
            const pe_real *row = rows + t * 2 * F;
            PE(lab_meet)(&e, row[f], order == SIN_COS ? sine : cosine);
            PE(lab_meet)(&e, row[F + f], order == SIN_COS ? cosine : sine);
        }
    CU_ASSERT_EQUAL(e.worst, 0);
    lab_end();
}

/* The product of two codes depends on the difference of their coordinates alone: every wave gives
 * cos 2 pi b (v - w). */
static void PE(kernel_is_stationary)(int axes)
{
    enum { F = 8 };
    static const double coord[4 * 3] = {1, 2, 3, 3, 1, 4, 0.5, 2.5, 3.5, 2.5, 1.5, 4.5};
    double shifted[4 * 3];
    lab l = with_options(F, axes, 2 * F, SIN_COS);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    for (int i = 0; i < 2 * axes; i++)
        shifted[i] = coord[i] + 5;
    const pe_real *here = PE(rows_of)(&l, 2, coord), *there = PE(rows_of)(&l, 2, shifted);
    pe_real one = 0, other = 0, length = 0;
    for (int k = 0; k < 2 * F; k++) {
        one += here[k] * here[2 * F + k];
        other += there[k] * there[2 * F + k];
        length += here[k] * here[k];
    }
    /* phases up to 2 pi 27, each good to 4 units, in 16 products */
    PE_NEAR("stationary", other, one, (double)(2 * F * 4 * 170 * PE_EPS));
    PE_NEAR("length", length, F, (double)(2 * F * 4 * PE_EPS));
    lab_end();
}

/* x, as float32 if it is stored so. Through memory: gcc 12 at -O2 drops a conversion to float and
 * back when it vectorizes two of them. */
static pe_real PE(stored)(bool narrow, pe_real x)
{
    const volatile float kept = (float)x;
    return narrow ? (pe_real)kept : x;
}

/* One place at a time is stored as float32: that number is rounded, and nothing else. */
static void PE(stores_at)(pe_place place)
{
    static const double position = 16777217; /* 2^24 + 1, no float */
    lab l = with_options(1, 1, 2, SIN_COS);
    l.formats[place] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *row = PE(rows_of)(&l, 1, &position);
    pe_real p = pe_num(position);
    p = PE(stored)(place == PE_AT_POSITION, p);
    pe_real phase = 2 * PE_PI * ((pe_real)l.param[0][0] * p);
    phase = PE(stored)(place == PE_AT_PHASE, phase);
    const pe_real pair[2] = {PE(stored)(place == PE_AT_TABLE, pe_sin(phase)),
                             PE(stored)(place == PE_AT_TABLE, pe_cos(phase))};
    CU_ASSERT_EQUAL(row[0], pair[0]);
    CU_ASSERT_EQUAL(row[1], pair[1]);
    lab_end();
}

static void PE(nan_stays)(void)
{
    static const double coord[4] = {1, (double)NAN, 2, 3};
    lab l = with_options(2, 2, 4, SIN_COS);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *rows = PE(rows_of)(&l, 2, coord);
    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(rows[i] != rows[i], i < 4);
    l.param[0][2] = (double)NAN; /* the second wave */
    const pe_real *other = PE(rows_of)(&l, 1, coord + 2);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(other[i] != other[i], i % 2 == 1);
    lab_end();
}

#include PE_NEXT("test_fourier.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void codes_are_the_golden_ones_with_the_waves_of_the_case(void)
{
    static const char *const cases[] = {"fourier_2inputs_m6_sin_cos", "fourier_1input_m5_cos_sin"};
    for (int order = SIN_COS; order <= COS_SIN; order++) {
        golden_f64(cases[order], order, "f64");
        golden_f32(cases[order], order, "f32");
        golden_f128(cases[order], order, "f64");
    }
}

static void one_to_three_axes_are_the_formula_in_both_orders(void)
{
    for (int axes = 1; axes <= 3; axes++)
        for (int order = SIN_COS; order <= COS_SIN; order++)
            THRICE(is_formula, (axes, order));
}

static void products_of_codes_depend_on_the_difference_alone(void)
{
    for (int axes = 1; axes <= 3; axes++)
        THRICE(kernel_is_stationary, (axes));
}

static void each_storage_mark_rounds_its_own_number(void)
{
    THRICE(stores_at, (PE_AT_POSITION));
    THRICE(stores_at, (PE_AT_PHASE));
    THRICE(stores_at, (PE_AT_TABLE));
    THRICE(stores_at, (PE_AT_FREQUENCY)); /* its frequencies are a parameter, the core's business */
    THRICE(stores_at, (PE_AT_CODE));
}

static void nan_stays_in_its_row_and_its_wave(void)
{
    THRICE(nan_stays, ());
}

static void a_code_that_is_not_as_wide_as_the_model_stands_beside_it(void)
{
    static const struct {
        int features, model_dim, width;
        bool beside;
    } known[] = {{0, 8, 8, false}, {4, 8, 8, false}, {3, 8, 6, true}, {9, 8, 18, true},
                 {0, 7, 6, true},  {0, 2, 2, false}, {1, 1, 2, true}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        lab l = with_options(known[i].features, 2, known[i].model_dim, SIN_COS);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL(l.info.embed_width, known[i].width);
        CU_ASSERT_EQUAL((l.info.flags & PE_CONCATENATE) != 0, known[i].beside);
        CU_ASSERT_EQUAL(l.info.param[0].shape[0], known[i].width / 2);
        CU_ASSERT_EQUAL(l.info.param[0].shape[1], 2);
        lab_end();
    }
}

static void the_waves_are_drawn_with_sigma_and_then_kept(void)
{
    lab l = with_options(4, 1, 8, SIN_COS);
    lab_set(&l, "sigma", 10);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.param[0].name, "B");
    CU_ASSERT_EQUAL(l.info.param[0].init, PE_INIT_NORMAL);
    CU_ASSERT_EQUAL(l.info.param[0].a, 10);
    CU_ASSERT_TRUE(l.info.param[0].frozen && l.info.param[0].per_model);
    lab_end();
}

static void what_cannot_be_is_refused_in_a_sentence(void)
{
    lab l = with_options(0, 4, 8, SIN_COS);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "axes is 4, but must be from 1 to 3");
    l = with_options(0, 1, 1, SIN_COS);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "model_dim is 1, but a wave needs 2 columns");
    lab_end();
}

PE_TEST_MAIN("variants: fourier", PE_TEST(codes_are_the_golden_ones_with_the_waves_of_the_case),
             PE_TEST(one_to_three_axes_are_the_formula_in_both_orders),
             PE_TEST(products_of_codes_depend_on_the_difference_alone),
             PE_TEST(each_storage_mark_rounds_its_own_number),
             PE_TEST(nan_stays_in_its_row_and_its_wave),
             PE_TEST(a_code_that_is_not_as_wide_as_the_model_stands_beside_it),
             PE_TEST(the_waves_are_drawn_with_sigma_and_then_kept),
             PE_TEST(what_cannot_be_is_refused_in_a_sentence))
#endif
