/* A learned table against the golden cases and against its own rows, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_learned, pe_variant_sinusoidal;

enum { NORMAL, UNIFORM, SINUSOIDAL };
enum { REFUSE, CLAMP, WRAP };
enum { ROWS = 5, WIDTH = 3 };

static lab of_width(const pe_variant *variant, int width)
{
    return lab_make(variant, (pe_dims){.heads = 1, .head_dim = width});
}

static lab small(int beyond)
{
    lab l = of_width(&pe_variant_learned, WIDTH);
    lab_set(&l, "max_len", ROWS);
    lab_set(&l, "beyond", beyond);
    return l;
}

typedef struct golden_case {
    const char *name;
    int batch;
    const char *output; /* tok[ids] (times sqrt(d)) + pos[start + t] */
} golden_case;

static const golden_case cases[] = {
    {"embedding_learned_d8", 1, "out"},
    {"embedding_learned_scaled_start2_d6", 3, "out"},
    {"absolute_learned_bidirectional_h1", 1, "x"},
};
#endif

static pe_real *PE(rows_of)(lab *l, int n, const double *coord)
{
    const pe_call c = PE(lab_call)(l);
    pe_real *rows = lab_keep((size_t)n * (size_t)l->dims.model_dim, sizeof *rows);
    l->variant->PE_OPS->embed(&c, n, coord, rows);
    return rows;
}

static void PE(golden)(const golden_case *g, const char *precision)
{
    const double tolerance = lab_case(g->name, precision, 0);
    const int d = (int)lab_case(g->name, "d", 0),
              start = (int)lab_case(g->name, "start_position", 0);
    lab l = of_width(&pe_variant_learned, d);
    lab_set(&l, "max_len", lab_case(g->name, "max_len", 0));
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && tolerance > 0);
    size_t count, tokens, numbers;
    l.param[0] = lab_npy(g->name, "pos", &count);
    CU_ASSERT_EQUAL(count, (size_t)(l.info.param[0].shape[0] * l.info.param[0].shape[1]));
    const double *ids = lab_npy(g->name, "ids", &tokens), *table = lab_npy(g->name, "tok", NULL);
    const double *want = lab_npy(g->name, g->output, &numbers);
    CU_ASSERT_EQUAL_FATAL(numbers, tokens * (size_t)d);
    const int length = (int)tokens / g->batch;
    double position[32];
    for (int t = 0; t < length; t++)
        position[t] = start + t;
    const pe_real *rows = PE(rows_of)(&l, length, position);
    const pe_real scale = lab_case(g->name, "scale_sqrt_d", 0) > 0 ? pe_sqrt(pe_num(d)) : 1;
    lab_error e = {0};
    for (int i = 0; i < (int)numbers; i++) {
        const int token = i / d, column = i % d;
        const pe_real word = pe_num(table[(int)ids[token] * d + column]);
        PE(lab_meet)(&e, word * scale + rows[token % length * d + column], pe_num(want[i]));
    }
    PE_NEAR(g->name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* The rows at these positions are copies of the table's rows. */
static void PE(rows_are)(int beyond, int n, const double *position, const int *row)
{
    lab l = small(beyond);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *got = PE(rows_of)(&l, n, position);
    for (int i = 0; i < n * WIDTH; i++)
        CU_ASSERT_EQUAL(got[i], (pe_real)l.param[0][row[i / WIDTH] * WIDTH + i % WIDTH]);
    lab_end();
}

static void PE(nan_stays)(void)
{
    static const double position[] = {0, 1, 2};
    lab l = small(REFUSE);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.param[0][WIDTH + 1] = (double)NAN;
    const pe_real *rows = PE(rows_of)(&l, 3, position);
    for (int i = 0; i < 3 * WIDTH; i++)
        CU_ASSERT_EQUAL(rows[i] != rows[i], i == WIDTH + 1);
    lab_end();
}

#include PE_NEXT("test_learned.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void tokens_plus_rows_are_the_golden_embeddings(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_f64(&cases[i], "f64");
        golden_f32(&cases[i], "f32");
        golden_f128(&cases[i], "f64");
    }
}

static void inside_the_table_a_position_has_its_own_row(void)
{
    static const double position[] = {4, 0, 3, 3, 1};
    static const int row[] = {4, 0, 3, 3, 1};
    for (int beyond = REFUSE; beyond <= WRAP; beyond++)
        THRICE(rows_are, (beyond, 5, position, row));
}

static void clamp_repeats_the_rows_at_the_ends(void)
{
    static const double position[] = {-1, -7, 5, 6, 1e15, -1e15, 1e300, -1e300};
    static const int row[] = {0, 0, 4, 4, 4, 0, 4, 0};
    THRICE(rows_are, (CLAMP, 8, position, row));
}

/* 2^70 = 4 (mod 5), as powers of 2 go 2, 4, 3, 1. */
static void wrap_starts_again_on_both_sides(void)
{
    static const double position[] = {5, 6, 12, -1, -5, -6, 0x1p70, -0x1p70};
    static const int row[] = {0, 1, 2, 4, 0, 4, 4, 1};
    THRICE(rows_are, (WRAP, 8, position, row));
}

static void nan_in_the_table_is_nan_in_its_row_only(void)
{
    THRICE(nan_stays, ());
}

static void only_refuse_bounds_the_positions_and_only_it_cannot_extrapolate(void)
{
    for (int beyond = REFUSE; beyond <= WRAP; beyond++) {
        lab l = small(beyond);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL(l.info.min_coord, 0);
        CU_ASSERT_EQUAL(l.info.max_coord, beyond == REFUSE ? ROWS - 1 : 0);
        CU_ASSERT_EQUAL((l.info.claims & PE_CLAIM_EXTRAPOLATES) != 0, beyond != REFUSE);
        CU_ASSERT_TRUE(l.info.flags & PE_WHOLE_COORDINATES);
        lab_end();
    }
}

/* Bounds that are both 0 would mean: any position. */
static void a_table_of_one_row_accepts_position_0_alone(void)
{
    lab l = of_width(&pe_variant_learned, WIDTH);
    lab_set(&l, "max_len", 1);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_TRUE(l.info.min_coord < 0 && l.info.min_coord > -1);
    CU_ASSERT_EQUAL(l.info.max_coord, 0);
    lab_end();
}

static int64_t table_length(double option, int64_t stated)
{
    lab l = of_width(&pe_variant_learned, WIDTH);
    lab_set(&l, "max_len", option);
    l.dims.max_len = stated;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const int64_t rows = l.info.param[0].shape[0];
    CU_ASSERT_EQUAL(l.info.param[0].shape[1], WIDTH);
    lab_end();
    return rows;
}

static void the_table_has_the_rows_asked_for_else_the_training_length_else_512(void)
{
    CU_ASSERT_EQUAL(table_length(7, 9), 7);
    CU_ASSERT_EQUAL(table_length(0, 9), 9);
    CU_ASSERT_EQUAL(table_length(0, 0), 512);
}

static void sigma_is_a_deviation_or_half_a_width(void)
{
    lab l = small(REFUSE);
    lab_set(&l, "sigma", 0.25);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.param[0].init, PE_INIT_NORMAL);
    CU_ASSERT_EQUAL(l.info.param[0].a, 0.25);
    CU_ASSERT_TRUE(l.info.param[0].per_model);
    lab_set(&l, "init", UNIFORM);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.param[0].init, PE_INIT_UNIFORM);
    CU_ASSERT_EQUAL(l.info.param[0].a, -0.25);
    CU_ASSERT_EQUAL(l.info.param[0].b, 0.25);
    lab_end();
}

/* Bit for bit, for an even and an odd width. */
static void init_sinusoidal_is_the_sinusoidal_variant(void)
{
    for (int width = 6; width <= 7; width++) {
        double position[100], *table = lab_keep((size_t)(100 * width), sizeof *table);
        for (int t = 0; t < 100; t++)
            position[t] = t;
        lab learned = of_width(&pe_variant_learned, width);
        lab fixed = of_width(&pe_variant_sinusoidal, width);
        lab_set(&learned, "max_len", 100);
        lab_set(&learned, "init", SINUSOIDAL);
        CU_ASSERT_TRUE_FATAL(lab_setup(&learned) && lab_setup(&fixed));
        CU_ASSERT_EQUAL(learned.info.param[0].init, PE_INIT_HOOK);
        learned.variant->init(&learned.info, 0, NULL, table);
        const double *want = rows_of_f64(&fixed, 100, position);
        CU_ASSERT_EQUAL(memcmp(table, want, (size_t)(100 * width) * sizeof *want), 0);
        lab_end();
    }
}

static void more_than_one_axis_is_refused_in_a_sentence(void)
{
    lab l = small(REFUSE);
    l.dims.axes = 3;
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal,
                           "axes is 3, but the table has one row for each position of one axis");
    lab_end();
}

PE_TEST_MAIN("variants: learned", PE_TEST(tokens_plus_rows_are_the_golden_embeddings),
             PE_TEST(inside_the_table_a_position_has_its_own_row),
             PE_TEST(clamp_repeats_the_rows_at_the_ends), PE_TEST(wrap_starts_again_on_both_sides),
             PE_TEST(nan_in_the_table_is_nan_in_its_row_only),
             PE_TEST(only_refuse_bounds_the_positions_and_only_it_cannot_extrapolate),
             PE_TEST(a_table_of_one_row_accepts_position_0_alone),
             PE_TEST(the_table_has_the_rows_asked_for_else_the_training_length_else_512),
             PE_TEST(sigma_is_a_deviation_or_half_a_width),
             PE_TEST(init_sinusoidal_is_the_sinusoidal_variant),
             PE_TEST(more_than_one_axis_is_refused_in_a_sentence))
#endif
