/* Positions and codes against the golden cases, the sinusoidal variant and the stated ranges, in
 * three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_cape, pe_variant_sinusoidal;

enum { MOST = 64 };

static lab of_width(int width, int axes)
{
    lab l = lab_make(&pe_variant_cape, (pe_dims){.heads = 1, .head_dim = width});
    l.dims.axes = axes;
    return l;
}

/* Numbers in [0, 1) in the order given, again and again; how many were asked for. */
typedef struct fixed_draws {
    const double *u;
    int count, used;
} fixed_draws;

static double next_draw(void *state)
{
    fixed_draws *f = state;
    return f->u[f->used++ % f->count];
}

/* Positions of n tokens with these coordinates (n, axes). */
static void place(const lab *l, int64_t n, const double *in, const double *local, fixed_draws *f,
                  double *out)
{
    pe_random random = {.state = f, .uniform = next_draw};
    const pe_places p = {.dims = &l->dims,
                         .opt = l->opt,
                         .info = &l->info,
                         .n = n,
                         .in = in,
                         .length = n,
                         .training = f != NULL,
                         .random = f ? &random : NULL,
                         .local = local};
    l->variant->positions(&p, out);
}

static void count_up(int n, double *x)
{
    for (int t = 0; t < n; t++)
        x[t] = t;
}
#endif

static pe_real *PE(rows_of)(lab *l, int n, const double *coord)
{
    const pe_call c = PE(lab_call)(l);
    pe_real *rows = lab_keep((size_t)n * (size_t)l->dims.model_dim, sizeof *rows);
    l->variant->PE_OPS->embed(&c, n, coord, rows);
    return rows;
}

static void PE(golden_line)(const char *name, const char *precision)
{
    static const char *const same[] = {"delta", "normalize",  "shift",
                                       "scale", "freq_scale", "base"};
    const double tolerance = lab_case(name, precision, 0);
    lab l = of_width((int)lab_case(name, "d", 0), 1);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        lab_set(&l, same[i], lab_case(name, same[i], (double)NAN));
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && tolerance > 0);
    size_t n, count;
    const double *local = lab_npy(name, "local", &n), *want = lab_npy(name, "positions", NULL);
    const double *pe = lab_npy(name, "pe", &count);
    double in[MOST], got[MOST];
    lab_error places = {0}, codes = {0};
    count_up((int)n, in);
    place(&l, (int64_t)n, in, local, NULL, got);
    for (size_t t = 0; t < n; t++)
        PE(lab_meet)(&places, pe_num(got[t]), pe_num(want[t]));
    PE_NEAR("positions", places.worst, 0, tolerance * (1 + places.largest));
    const pe_real *rows = PE(rows_of)(&l, (int)n, want); /* of exactly the stored positions */
    for (size_t i = 0; i < count; i++)
        PE(lab_meet)(&codes, rows[i], pe_num(pe[i]));
    PE_NEAR(name, codes.worst, 0, tolerance * (1 + codes.largest));
    lab_end();
}

static void PE(golden_plane)(const char *precision)
{
    static const char name[] = "cape2d_4x5_d8";
    const double tolerance = lab_case(name, precision, 0);
    const int nx = (int)lab_case(name, "nx", 0), ny = (int)lab_case(name, "ny", 0);
    lab l = of_width((int)lab_case(name, "d", 0), 2);
    l.dims.grid[0] = nx;
    l.dims.grid[1] = ny;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && nx * ny == 20);
    double in[40], out[40];
    for (int t = 0; t < nx * ny; t++) {
        in[2 * t] = t / ny;
        in[2 * t + 1] = t % ny;
    }
    place(&l, nx * ny, in, NULL, NULL, out);
    size_t count;
    const double *pe = lab_npy(name, "pe", &count);
    const pe_real *rows = PE(rows_of)(&l, nx * ny, out);
    lab_error e = {0};
    for (size_t i = 0; i < count; i++)
        PE(lab_meet)(&e, rows[i], pe_num(pe[i]));
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* With everything off, positions and codes are those of the sinusoidal variant, bit for bit. */
static void PE(is_sinusoidal)(int width, double base)
{
    enum { N = 40 };
    lab cape = of_width(width, 1);
    lab plain = lab_make(&pe_variant_sinusoidal, (pe_dims){.heads = 1, .head_dim = width});
    lab_set(&cape, "base", base);
    lab_set(&plain, "base", base);
    CU_ASSERT_TRUE_FATAL(lab_setup(&cape) && lab_setup(&plain));
    double in[N], out[N];
    for (int t = 0; t < N; t++)
        in[t] = t < 20 ? t : 1000.25 * (t - 30);
    place(&cape, N, in, NULL, NULL, out);
    CU_ASSERT_EQUAL(memcmp(in, out, sizeof in), 0);
    const pe_real *got = PE(rows_of)(&cape, N, out), *want = PE(rows_of)(&plain, N, in);
    for (int i = 0; i < N * width; i++)
        CU_ASSERT_EQUAL(got[i], want[i]);
    lab_end();
}

/* freq_scale multiplies every frequency. */
static void PE(frequencies_scale)(void)
{
    lab scaled = of_width(7, 1), plain = of_width(7, 1);
    lab_set(&scaled, "freq_scale", 30);
    CU_ASSERT_TRUE_FATAL(lab_setup(&scaled) && lab_setup(&plain));
    const pe_call c = PE(lab_call)(&scaled), one = PE(lab_call)(&plain);
    CU_ASSERT_EQUAL(scaled.info.plan, 4);
    for (int k = 0; k < 4; k++)
        CU_ASSERT_EQUAL(c.plan[k], 30 * one.plan[k]);
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
static void PE(stores_on_a_line)(pe_place at)
{
    enum { D = 5 };
    static const double position = 16777217; /* 2^24 + 1, no float */
    lab l = of_width(D, 1), plain = of_width(D, 1);
    l.formats[at] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && lab_setup(&plain));
    const pe_real *frequency = PE(lab_call)(&plain).plan;
    const pe_real *row = PE(rows_of)(&l, 1, &position);
    for (int k = 0; k < (D + 1) / 2; k++) {
        pe_real p = pe_num(position), w = frequency[k];
        p = PE(stored)(at == PE_AT_POSITION, p);
        w = PE(stored)(at == PE_AT_FREQUENCY, w);
        pe_real phase = p * w;
        phase = PE(stored)(at == PE_AT_PHASE, phase);
        const pe_real pair[2] = {PE(stored)(at == PE_AT_TABLE, pe_sin(phase)),
                                 PE(stored)(at == PE_AT_TABLE, pe_cos(phase))};
        CU_ASSERT_EQUAL(row[2 * k], pair[0]);
        if (2 * k + 1 < D)
            CU_ASSERT_EQUAL(row[2 * k + 1], pair[1]);
    }
    lab_end();
}

/* Two axes: rho = 1 for the one wave of width 2, which looks along x. */
static void PE(stores_on_a_plane)(pe_place at)
{
    static const double position[2] = {1 + 0x1p-30, 77};
    lab l = of_width(2, 2);
    l.formats[at] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *row = PE(rows_of)(&l, 1, position);
    pe_real x = pe_num(position[0]), w = PE_PI;
    x = PE(stored)(at == PE_AT_POSITION, x);
    w = PE(stored)(at == PE_AT_FREQUENCY, w);
    pe_real phase = w * x;
    phase = PE(stored)(at == PE_AT_PHASE, phase);
    const pe_real pair[2] = {PE(stored)(at == PE_AT_TABLE, pe_cos(phase)),
                             PE(stored)(at == PE_AT_TABLE, pe_sin(phase))};
    CU_ASSERT_EQUAL(row[0], pair[0]);
    CU_ASSERT_EQUAL(row[1], pair[1]);
    lab_end();
}

static void PE(nan_stays)(int axes)
{
    static const double coord[4] = {(double)NAN, 1, 2, 3};
    lab l = of_width(4, axes);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *rows = PE(rows_of)(&l, 2, coord);
    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(rows[i] != rows[i], i < 4);
    lab_end();
}

#include PE_NEXT("test_cape.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void positions_and_codes_on_a_line_are_the_golden_ones(void)
{
    static const char *const cases[] = {"cape1d_normalized_L9_d8", "cape1d_plain_L9_d8",
                                        "cape1d_shift_scale_L9_d7"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        golden_line_f64(cases[i], "f64");
        golden_line_f32(cases[i], "f32");
        golden_line_f128(cases[i], "f64");
    }
}

static void codes_on_a_grid_are_the_golden_ones(void)
{
    golden_plane_f64("f64");
    golden_plane_f32("f32");
    golden_plane_f128("f64");
}

static void with_everything_off_it_is_the_sinusoidal_variant_bit_for_bit(void)
{
    for (int width = 1; width <= 9; width++)
        THRICE(is_sinusoidal, (width, 10000));
    THRICE(is_sinusoidal, (64, 500));
}

static void freq_scale_multiplies_every_frequency(void)
{
    THRICE(frequencies_scale, ());
}

static void each_storage_mark_rounds_its_own_number(void)
{
    for (int at = PE_AT_POSITION; at <= PE_AT_TABLE; at++) {
        THRICE(stores_on_a_line, ((pe_place)at));
        THRICE(stores_on_a_plane, ((pe_place)at));
    }
    THRICE(stores_on_a_line, (PE_AT_CODE)); /* the core's business: nothing is rounded here */
}

static void nan_in_a_coordinate_is_nan_in_its_row_only(void)
{
    THRICE(nan_stays, (1));
    THRICE(nan_stays, (2));
}

/* While training: shift, then each token, then the stretch, each drawn from its stated range. */
static void training_moves_positions_within_the_stated_ranges(void)
{
    static const double u[] = {0.75, 0.25, 0, 0.5, 0.875}; /* stretch, shift, three tokens */
    static const double in[3] = {10, 11, 12};
    fixed_draws f = {u, 5, 0};
    double out[3];
    lab l = of_width(4, 1);
    lab_set(&l, "delta", 2);
    lab_set(&l, "max_shift", 8);
    lab_set(&l, "max_local", 0.25);
    lab_set(&l, "max_scale", 1.5);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    place(&l, 3, in, NULL, &f, out);
    const double stretch = sqrt(1.5), shift = -4, local[3] = {-0.5, 0, 0.375};
    for (int t = 0; t < 3; t++)
        PE_NEAR("position", out[t], (2 * in[t] + shift + local[t]) * stretch, 1e-14 * 32);
    CU_ASSERT_EQUAL(f.used, 5);
    lab_end();
}

/* Recorded draws stand in for the tokens' own; the others are drawn all the same. */
static void recorded_local_draws_replace_random_ones(void)
{
    static const double u[] = {0.5, 0.5}, in[3] = {0, 1, 2}, local[3] = {0.25, -0.5, 0};
    fixed_draws f = {u, 2, 0};
    double out[3];
    lab l = of_width(4, 1);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    place(&l, 3, in, local, &f, out);
    CU_ASSERT_EQUAL(f.used, 2);
    for (int t = 0; t < 3; t++)
        CU_ASSERT_EQUAL(out[t], in[t] + local[t]);
    lab_end();
}

/* The worst draws: one token as far right, the next as far left as may be. */
static void half_a_spacing_keeps_the_order_of_tokens(void)
{
    enum { N = 50 };
    static const double u[] = {0.125, 0.9, 0.999999, 0};
    fixed_draws f = {u, 4, 0};
    double in[N], out[N];
    lab l = of_width(4, 1);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    count_up(N, in);
    place(&l, N, in, NULL, &f, out);
    for (int t = 1; t < N; t++)
        CU_ASSERT_TRUE(out[t] > out[t - 1]);
    lab_end();
}

static void outside_training_nothing_is_drawn(void)
{
    static const double in[2] = {3, 4};
    double out[2];
    lab l = of_width(4, 1);
    lab_set(&l, "max_shift", 1000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    place(&l, 2, in, NULL, NULL, out); /* no random stream is given at all */
    CU_ASSERT_TRUE(out[0] == 3 && out[1] == 4);
    lab_end();
}

/* The mean is that of the tokens that are no padding. */
static void normalize_takes_the_mean_of_the_real_tokens_off(void)
{
    static const double in[5] = {2, 4, 9, 100, 200};
    double out[5];
    lab l = of_width(4, 1);
    lab_set(&l, "normalize", 1);
    lab_set(&l, "shift", 0.5);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_places p = {
        .dims = &l.dims, .opt = l.opt, .info = &l.info, .n = 5, .in = in, .length = 3};
    l.variant->positions(&p, out);
    for (int t = 0; t < 5; t++)
        PE_NEAR("position", out[t], in[t] - 5 + 0.5, 1e-13);
    lab_end();
}

/* A grid of any number of points goes from -1 to 1, exactly, and a single point lies at 0. */
static void both_ends_of_an_axis_are_included(void)
{
    lab l = of_width(4, 2);
    l.dims.grid[1] = 1;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    for (int points = 2; points <= 300; points++) {
        l.dims.grid[0] = points;
        const double in[4] = {0, 0, points - 1, 0};
        double out[4];
        place(&l, 2, in, NULL, NULL, out);
        CU_ASSERT_TRUE(out[0] == -1 && out[2] == 1);
        CU_ASSERT_TRUE(out[1] == 0 && out[3] == 0);
    }
    lab_end();
}

/* Two numbers for two axes; without a grid coordinates are taken as they come. */
static void each_axis_has_its_own_shift_and_its_own_draws(void)
{
    static const double shifts[2] = {0.5, -0.25}, in[4] = {1, 2, 3, 4};
    static const double u[] = {0.5, 0.75, 0.5, 1, 0.25, 0.5, 0};
    double out[4];
    lab l = of_width(4, 2);
    lab_set(&l, "max_shift", 0.5);
    lab_set(&l, "max_local", 0.125);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.variant->options[2].name, "shift");
    l.opt[2] = (pe_value){2, shifts};
    place(&l, 2, in, NULL, NULL, out);
    CU_ASSERT_TRUE(out[0] == 1.5 && out[1] == 1.75 && out[2] == 3.5 && out[3] == 3.75);
    fixed_draws f = {u, 7, 0};
    place(&l, 2, in, NULL, &f, out);
    CU_ASSERT_EQUAL(f.used, 7);
    CU_ASSERT_TRUE(out[0] == 1.75 && out[1] == 1.5 && out[2] == 3.875 && out[3] == 3.375);
    lab_end();
}

static void what_cannot_be_is_refused_in_a_sentence(void)
{
    static const double shifts[2] = {1, 2};
    lab l = of_width(8, 3);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "axes is 3, but the code is defined for 1 and 2");
    l = of_width(7, 2);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "model_dim is 7, but with two axes it must be even");
    l = of_width(8, 1);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.opt[2] = (pe_value){2, shifts};
    CU_ASSERT_FALSE(l.variant->setup(&l.info));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "shift has 2 numbers, but there are 1 axes");
    lab_end();
}

PE_TEST_MAIN("variants: cape", PE_TEST(positions_and_codes_on_a_line_are_the_golden_ones),
             PE_TEST(codes_on_a_grid_are_the_golden_ones),
             PE_TEST(with_everything_off_it_is_the_sinusoidal_variant_bit_for_bit),
             PE_TEST(freq_scale_multiplies_every_frequency),
             PE_TEST(each_storage_mark_rounds_its_own_number),
             PE_TEST(nan_in_a_coordinate_is_nan_in_its_row_only),
             PE_TEST(training_moves_positions_within_the_stated_ranges),
             PE_TEST(recorded_local_draws_replace_random_ones),
             PE_TEST(half_a_spacing_keeps_the_order_of_tokens),
             PE_TEST(outside_training_nothing_is_drawn),
             PE_TEST(normalize_takes_the_mean_of_the_real_tokens_off),
             PE_TEST(both_ends_of_an_axis_are_included),
             PE_TEST(each_axis_has_its_own_shift_and_its_own_draws),
             PE_TEST(what_cannot_be_is_refused_in_a_sentence))
#endif
