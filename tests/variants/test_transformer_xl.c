/* Transformer-XL's rows and parameters against the golden cases, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_transformer_xl;

static const char *const cases[] = {
    "txl_L13_M0_h4_b3",         "txl_L1_M0_h1_b1", "txl_L1_M6_h2_b1",         "txl_L4_M8_clamp5",
    "txl_L5_M3_h1_b3_headdim7", "txl_L6_M9_h4_b1", "txl_L7_M0_bidirectional",
};

static lab make(int heads, int head_dim, int model_dim, double clamp_len, double base)
{
    lab l = lab_make(&pe_variant_transformer_xl,
                     (pe_dims){.heads = heads, .head_dim = head_dim, .model_dim = model_dim});
    lab_set(&l, "clamp_len", clamp_len);
    lab_set(&l, "base", base);
    return l;
}

static lab of_case(const char *name)
{
    return make((int)lab_case(name, "heads", 0), (int)lab_case(name, "head_dim", 0),
                (int)lab_case(name, "d", 0), lab_case(name, "clamp_len", -1),
                lab_case(name, "base", 0));
}

/* Projection by the identity: one head as wide as the model, so that r_n is R_n. */
static lab bare(int model_dim, double clamp_len, double base)
{
    lab l = make(1, model_dim, model_dim, clamp_len, base);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const int w = lab_param(&l, "WkR");
    for (int r = 0; r < model_dim; r++)
        for (int c = 0; c < model_dim; c++)
            l.param[w][r * model_dim + c] = r == c;
    return l;
}

typedef struct golden_case {
    int64_t B, H, D, d, nq, nk;
    const double *x, *Wq, *term_b, *term_d, *mask;
} golden_case;

/* The case's inputs and terms, and its parameters, each of the shape that setup declares. */
static golden_case load_case(lab *l, const char *name)
{
    size_t tokens, pairs, count;
    golden_case g = {.H = l->dims.heads, .D = l->dims.head_dim, .d = l->dims.model_dim};
    g.x = lab_npy(name, "x", &tokens);
    g.Wq = lab_npy(name, "Wq", NULL);
    g.term_b = lab_npy(name, "term_b", &pairs); /* B H nq nk of them */
    g.term_d = lab_npy(name, "term_d", NULL);
    g.mask = lab_npy(name, "mask", NULL); /* the same for every batch item */
    const int64_t memory = (int64_t)lab_case(name, "memory", 0);
    g.nk = (int64_t)pairs * g.d / ((int64_t)tokens * g.H);
    g.nq = g.nk - memory;
    g.B = (int64_t)tokens / (g.nq * g.d);
    for (int p = 0; p < l->info.param_count; p++) {
        const int64_t *shape = l->info.param[p].shape;
        l->param[p] = lab_npy(name, l->info.param[p].name, &count);
        CU_ASSERT_EQUAL_FATAL(count, (size_t)(shape[0] * shape[1]));
    }
    return g;
}

static double clamped(const pe_setup *s, int64_t n)
{
    return (double)(n < s->low ? s->low : n > s->high ? s->high : n);
}
#endif

static void PE(row)(const lab *l, const pe_call *c, double offset, pe_real *out)
{
    l->variant->PE_OPS->relative(c, 1, &offset, &(pe_rows){.query = out});
}

static void PE(golden_sinusoid)(const char *name, const char *precision)
{
    size_t count;
    const double *want = lab_npy(name, "R", &count);
    const int d = (int)lab_case(name, "d", 0);
    lab l = bare(d, lab_case(name, "clamp_len", -1), lab_case(name, "base", 0));
    const pe_call c = PE(lab_call)(&l);
    pe_real *r = lab_keep((size_t)d, sizeof *r);
    lab_error e = {0};
    for (int64_t m = 0, rows = (int64_t)count / d; m < rows; m++) {
        PE(row)(&l, &c, clamped(&l.info, rows - 1 - m), r);
        for (int k = 0; k < d; k++)
            PE(lab_meet)(&e, r[k], pe_num(want[m * d + k]));
    }
    PE_NEAR(name, e.worst, 0, lab_case(name, precision, 0) * (1 + e.largest));
    lab_end();
}

/* Terms b = q . r and d = vbias . r of every pair, q = x Wq. */
static void PE(golden_terms)(const char *name, const char *precision)
{
    lab l = of_case(name);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const golden_case g = load_case(&l, name);
    const pe_call c = PE(lab_call)(&l);
    const int64_t all = g.H * g.D;
    pe_real *q = lab_keep((size_t)(g.B * g.nq * all), sizeof *q);
    pe_real *r = lab_keep((size_t)all, sizeof *r);
    PE(lab_gemm)
    (false, false, (int)(g.B * g.nq), (int)all, (int)g.d, 1,
     PE(lab_cast)(g.x, (size_t)(g.B * g.nq * g.d)), (int)g.d,
     PE(lab_cast)(g.Wq, (size_t)(g.d * all)), (int)all, 0, q, (int)all);
    lab_error e_b = {0}, e_d = {0};
    for (int64_t pair = 0; pair < g.nq * g.nk; pair++) {
        const int64_t i = pair / g.nk, j = pair % g.nk;
        PE(row)(&l, &c, clamped(&l.info, g.nk - g.nq + i - j), r);
        for (int64_t bh = 0; g.mask[pair] > 0 && bh < g.B * g.H; bh++) {
            const pe_real *qi = q + ((bh / g.H) * g.nq + i) * all + bh % g.H * g.D;
            const pe_real *v = c.w[l.info.v] + bh % g.H * g.D, *rh = r + bh % g.H * g.D;
            pe_real b = 0, d = 0;
            for (int64_t w = 0; w < g.D; w++) {
                b += qi[w] * rh[w];
                d += v[w] * rh[w];
            }
            PE(lab_meet)(&e_b, b, pe_num(g.term_b[bh * g.nq * g.nk + pair]));
            PE(lab_meet)(&e_d, d, pe_num(g.term_d[bh * g.nq * g.nk + pair]));
        }
    }
    PE_NEAR(name, e_b.worst, 0, lab_case(name, precision, 0) * (1 + e_b.largest));
    PE_NEAR(name, e_d.worst, 0, lab_case(name, precision, 0) * (1 + e_d.largest));
    lab_end();
}

/* sin(-x) = -sin(x), cos(-x) = cos(x), and a column of zeros where the width is odd; METRICS 2.5
 * asks for values at -1, 0, +1. */
static void PE(signs)(void)
{
    enum { WIDTH = 7, HALF = 3 };
    lab l = bare(WIDTH, -1, 100);
    const pe_call c = PE(lab_call)(&l);
    pe_real zero[WIDTH], plus[WIDTH], minus[WIDTH];
    PE(row)(&l, &c, 0, zero);
    PE(row)(&l, &c, 1, plus);
    PE(row)(&l, &c, -1, minus);
    for (int k = 0; k < HALF; k++) {
        const pe_real w = pe_exp(pe_log(100) * pe_num(-2 * k) / WIDTH);
        CU_ASSERT_EQUAL(zero[k], 0);
        CU_ASSERT_EQUAL(zero[HALF + k], 1);
        CU_ASSERT_EQUAL(minus[k], -plus[k]);
        CU_ASSERT_EQUAL(minus[HALF + k], plus[HALF + k]);
        CU_ASSERT_TRUE(pe_fabs(plus[k] - pe_sin(w)) <= 16 * PE_EPS);
        CU_ASSERT_TRUE(pe_fabs(plus[HALF + k] - pe_cos(w)) <= 16 * PE_EPS);
    }
    CU_ASSERT_EQUAL(zero[WIDTH - 1], 0);
    CU_ASSERT_EQUAL(plus[WIDTH - 1], 0);
    lab_end();
}

/* 64 offsets, some of them fractions, in one call and one by one. */
static void PE(blocks)(void)
{
    lab l = make(3, 5, 11, -1, 10000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    double offset[PE_ROWS_AT_ONCE];
    for (int t = 0; t < PE_ROWS_AT_ONCE; t++)
        offset[t] = t * 0.75 - 20;
    pe_real at_once[PE_ROWS_AT_ONCE * 15], one[15];
    l.variant->PE_OPS->relative(&c, PE_ROWS_AT_ONCE, offset, &(pe_rows){.query = at_once});
    for (int t = 0; t < PE_ROWS_AT_ONCE; t++) {
        PE(row)(&l, &c, offset[t], one);
        CU_ASSERT_EQUAL(memcmp(one, at_once + t * 15, sizeof one), 0);
    }
    lab_end();
}

static void PE(nan_stays)(void)
{
    lab l = make(2, 2, 4, -1, 10000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.param[lab_param(&l, "WkR")][1] = (double)NAN; /* row 0, column 1: head 0 */
    const pe_call c = PE(lab_call)(&l);
    pe_real r[4];
    PE(row)(&l, &c, 3, r);
    CU_ASSERT_TRUE(r[0] == r[0] && r[1] != r[1] && r[2] == r[2] && r[3] == r[3]);
    lab_end();
}

/* Rounding at one place moves the row by at most the offset times a rounding of float. */
static void PE(stores)(pe_place place)
{
    lab exact = bare(6, -1, 10000), stored = bare(6, -1, 10000);
    stored.formats[place] = PE_FP32;
    const pe_call plain = PE(lab_call)(&exact), rounded = PE(lab_call)(&stored);
    pe_real want[6], got[6];
    lab_error e = {0};
    PE(row)(&exact, &plain, 7, want);
    PE(row)(&stored, &rounded, 7, got);
    for (int k = 0; k < 6; k++) {
        PE(lab_meet)(&e, got[k], want[k]);
        CU_ASSERT_TRUE(place != PE_AT_TABLE || got[k] == pe_num((float)want[k]));
    }
    CU_ASSERT_EQUAL(e.worst > 0, sizeof(pe_real) > sizeof(float));
    PE_NEAR("one rounding to float", e.worst, 0, 7 * 1.2e-7);
    lab_end();
}

#include PE_NEXT("test_transformer_xl.c")

#ifndef TESTS
#define TESTS
static void rows_are_the_golden_sinusoids(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_sinusoid_f64(cases[i], "f64");
        golden_sinusoid_f32(cases[i], "f32");
        golden_sinusoid_f128(cases[i], "f64");
    }
}

static void rows_give_the_golden_terms_b_and_d(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_terms_f64(cases[i], "f64");
        golden_terms_f32(cases[i], "f32");
        golden_terms_f128(cases[i], "f64");
    }
}

static void the_sine_half_changes_sign_with_the_offset_and_the_cosine_half_does_not(void)
{
    signs_f64();
    signs_f32();
    signs_f128();
}

static void a_block_of_offsets_gives_the_rows_of_single_ones(void)
{
    blocks_f64();
    blocks_f32();
    blocks_f128();
}

static void nan_in_the_projection_stays_in_its_column(void)
{
    nan_stays_f64();
    nan_stays_f32();
    nan_stays_f128();
}

static void clamp_len_bounds_offsets_on_both_sides(void)
{
    lab l = make(1, 4, 4, 5, 10000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.low, -5);
    CU_ASSERT_EQUAL(l.info.high, 5);
    CU_ASSERT_EQUAL(l.info.edge, PE_EDGE_REPEAT);
    lab_end();
    l = make(1, 4, 4, -1, 10000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_TRUE(l.info.high >= INT64_C(1) << 53 && l.info.low == -l.info.high);
    lab_end();
}

static void u_and_v_are_parameters_of_heads_and_width(void)
{
    lab l = make(3, 5, 7, -1, 10000);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.u, lab_param(&l, "u"));
    CU_ASSERT_EQUAL(l.info.v, lab_param(&l, "vbias"));
    for (int p = 0; p < 2; p++) {
        CU_ASSERT_EQUAL(l.info.param[p].shape[0], 3);
        CU_ASSERT_EQUAL(l.info.param[p].shape[1], 5);
        CU_ASSERT_TRUE(l.info.param[p].per_model);
    }
    CU_ASSERT_FALSE(l.info.param[lab_param(&l, "WkR")].per_model);
    lab_end();
}

static void a_model_of_width_one_is_refused_by_a_sentence(void)
{
    lab l = make(1, 1, 1, -1, 10000);
    CU_ASSERT_FALSE(lab_setup(&l));
    PE_CONTAINS(l.info.refusal, "model_dim is 1");
    PE_CONTAINS(l.info.refusal, "at least 2");
    lab_end();
}

static void frequencies_phases_and_sines_are_stored_where_the_host_says(void)
{
    for (int place = PE_AT_FREQUENCY; place <= PE_AT_TABLE; place++) {
        stores_f64((pe_place)place);
        stores_f32((pe_place)place);
        stores_f128((pe_place)place);
    }
}

PE_TEST_MAIN("variants: transformer_xl", PE_TEST(rows_are_the_golden_sinusoids),
             PE_TEST(rows_give_the_golden_terms_b_and_d),
             PE_TEST(the_sine_half_changes_sign_with_the_offset_and_the_cosine_half_does_not),
             PE_TEST(a_block_of_offsets_gives_the_rows_of_single_ones),
             PE_TEST(nan_in_the_projection_stays_in_its_column),
             PE_TEST(clamp_len_bounds_offsets_on_both_sides),
             PE_TEST(u_and_v_are_parameters_of_heads_and_width),
             PE_TEST(a_model_of_width_one_is_refused_by_a_sentence),
             PE_TEST(frequencies_phases_and_sines_are_stored_where_the_host_says))
#endif
