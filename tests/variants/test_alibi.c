/* Slopes and biases against the golden cases and the published lists, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_alibi;

static const char *const cases[] = {"alibi_h1_cached_q2_kv7", "alibi_h4_b3_L13_causal",
                                    "alibi_h6_L9_bidirectional"};

enum { MOST = 64 };

static lab of_heads(int heads)
{
    lab l = lab_make(&pe_variant_alibi, (pe_dims){.heads = heads, .head_dim = 4});
    CU_ASSERT_TRUE_FATAL(l.variant->option_count == 0);
    return l;
}
#endif

/* Slopes of a number of heads, in the plan. */
static const pe_real *PE(slopes)(lab *l)
{
    CU_ASSERT_TRUE_FATAL(lab_setup(l));
    return PE(lab_call)(l).plan;
}

static void PE(golden_slopes)(const char *precision)
{
    static const char name[] = "alibi_slopes_1_to_16";
    const double tolerance = lab_case(name, precision, 0);
    const double *heads = lab_npy(name, "heads", NULL), *want = lab_npy(name, "slopes", NULL);
    CU_ASSERT_TRUE_FATAL(heads && want && tolerance > 0);
    lab_error e = {0};
    for (int i = 0; i < 16; i++) {
        lab l = of_heads((int)heads[i]);
        const pe_real *m = PE(slopes)(&l);
        for (int h = 0; h < l.dims.heads; h++)
            PE(lab_meet)(&e, m[h], pe_num(*want++));
    }
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* The bias of all pairs, and the slopes. */
static void PE(golden)(const char *name, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    const int heads = (int)lab_case(name, "heads", 0),
              start = (int)lab_case(name, "query_offset", 0);
    size_t pairs;
    const double *bias = lab_npy(name, "bias", &pairs), *want = lab_npy(name, "slopes", NULL);
    CU_ASSERT_TRUE_FATAL(bias && want && tolerance > 0);
    int nq = 1;
    while (heads * nq * (nq + start) < (int)pairs)
        nq++;
    lab l = of_heads(heads);
    lab_error e = {0};
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    for (int h = 0; h < heads; h++)
        PE(lab_meet)(&e, c.plan[h], pe_num(want[h]));
    for (int i = 0; i < nq; i++)
        for (int j = 0; j < nq + start; j++) {
            /* A masked pair of a causal case holds slope * (j - i), the paper's line gone on. */
            const double offset = i + start - j;
            const bool masked = lab_case(name, "causal", 0) > 0 && offset < 0;
            pe_real got[MOST];
            l.variant->PE_OPS->relative(&c, 1, &offset, &(pe_rows){.bias = got});
            for (int h = 0; h < heads; h++)
                PE(lab_meet)
            (&e, masked ? -got[h] : got[h], pe_num(bias[(h * nq + i) * (nq + start) + j]));
        }
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* 2^(-8h/H) for powers of two: exact where the exponent is whole. */
static void PE(powers_of_two)(void)
{
    for (int heads = 1; heads <= MOST; heads *= 2) {
        lab l = of_heads(heads);
        const pe_real *m = PE(slopes)(&l);
        for (int h = 0; h < heads; h++) {
            pe_real power = 1; /* m^(H/8) = 2^-(h + 1); below 8 heads all exponents are whole */
            for (int i = 0; i < heads / 8; i++)
                power *= m[h];
            if (heads >= 8)
                PE_NEAR("m^(H/8)", power * pe_pow(2, pe_num(h + 1)), 1, heads * (double)PE_EPS);
            if (8 * (h + 1) % heads == 0)
                CU_ASSERT_EQUAL(m[h], 1 / pe_pow(2, pe_num(8 * (h + 1) / heads)));
        }
        CU_ASSERT_EQUAL(m[heads - 1], PE_C(0.00390625));
        lab_end();
    }
}

/* Otherwise: the slopes of p heads, then every other one of 2p heads. */
static void PE(other_counts)(void)
{
    for (int heads = 3; heads < MOST; heads++) {
        int p = 1;
        while (2 * p <= heads)
            p *= 2;
        lab l = of_heads(heads), lower = of_heads(p), upper = of_heads(2 * p);
        const pe_real *m = PE(slopes)(&l), *first = PE(slopes)(&lower), *then = PE(slopes)(&upper);
        for (int h = 0; h < heads; h++)
            CU_ASSERT_EQUAL(m[h], h < p ? first[h] : then[2 * (h - p)]);
        lab_end();
    }
}

/* -m |n| at any offset, whole or not, near or far. */
static void PE(is_formula)(void)
{
    enum { H = 12, N = 8 };
    static const double offset[N] = {0, 1, -1, 2.5, -2.5, 1000, -131071, 0x1p40};
    lab l = of_heads(H);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    pe_real bias[N * H];
    l.variant->PE_OPS->relative(&c, N, offset, &(pe_rows){.bias = bias});
    for (int r = 0; r < N; r++)
        for (int h = 0; h < H; h++) {
            CU_ASSERT_EQUAL(bias[r * H + h], -c.plan[h] * pe_fabs(pe_num(offset[r])));
            CU_ASSERT_TRUE(bias[r * H + h] <= 0);
        }
    CU_ASSERT_EQUAL(bias[H], -PE_C(0.5)); /* offset 1, head 1 */
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
    enum { H = 3 };
    static const double offset = -16777217; /* 2^24 + 1 tokens to the right, no float */
    lab l = of_heads(H);
    l.formats[place] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    pe_real bias[H];
    l.variant->PE_OPS->relative(&c, 1, &offset, &(pe_rows){.bias = bias});
    static const int eighths[H] = {32, 64, 16}; /* 2^-4, 2^-8, then the first of four heads, 2^-2 */
    for (int h = 0; h < H; h++) {
        pe_real n = pe_num(16777217), m = pe_pow(2, -(pe_num(eighths[h]) / 8));
        n = PE(stored)(place == PE_AT_POSITION, n);
        m = PE(stored)(place == PE_AT_TABLE, m);
        pe_real product = -m * n;
        product = PE(stored)(place == PE_AT_PHASE, product);
        CU_ASSERT_EQUAL(bias[h], product);
    }
    lab_end();
}

/* The ninth slope of twelve heads, 2^-0.5, is no float; the table holds it as one. */
static void PE(stores_slopes)(void)
{
    lab narrow = of_heads(12), wide = of_heads(12);
    narrow.formats[PE_AT_TABLE] = PE_FP32;
    const pe_real *got = PE(slopes)(&narrow), *full = PE(slopes)(&wide);
    for (int h = 0; h < 12; h++)
        CU_ASSERT_EQUAL(got[h], (pe_real)(float)full[h]);
    if (sizeof(pe_real) > sizeof(float))
        CU_ASSERT_NOT_EQUAL(got[8], full[8]);
    lab_end();
}

static void PE(nan_stays)(void)
{
    static const double offset[2] = {(double)NAN, 1};
    lab l = of_heads(2);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    pe_real bias[4];
    l.variant->PE_OPS->relative(&c, 2, offset, &(pe_rows){.bias = bias});
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(bias[i] != bias[i], i < 2);
    lab_end();
}

#include PE_NEXT("test_alibi.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void slopes_and_biases_are_the_golden_ones(void)
{
    golden_slopes_f64("f64");
    golden_slopes_f32("f32");
    golden_slopes_f128("f64");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_f64(cases[i], "f64");
        golden_f32(cases[i], "f32");
        golden_f128(cases[i], "f64");
    }
}

static void for_a_power_of_two_the_slopes_are_a_geometric_series(void)
{
    THRICE(powers_of_two, ());
}

static void other_head_counts_take_every_other_slope_of_the_next_power(void)
{
    THRICE(other_counts, ());
}

/* METRICS 1.6: 2^-1 .. 2^-8, then 0.70711, 0.35355, 0.17678, 0.08839. */
static void twelve_heads_have_the_published_unsorted_list(void)
{
    static const double last[4] = {0.70711, 0.35355, 0.17678, 0.08839};
    lab l = of_heads(12);
    const double *m = slopes_f64(&l);
    for (int h = 0; h < 8; h++)
        CU_ASSERT_EQUAL(m[h], ldexp(1, -1 - h));
    for (int h = 0; h < 4; h++)
        PE_NEAR("heads 9 to 12", m[8 + h], last[h], 5e-6);
    CU_ASSERT_TRUE(m[8] > m[7]);
    lab_end();
}

/* METRICS 1.6: ceil(ln 100 / m) tokens hold 99 % of the weight of a content-free head. */
static void the_horizons_of_eight_heads_are_the_published_ones(void)
{
    static const int tokens[8] = {10, 19, 37, 74, 148, 295, 590, 1179};
    lab l = of_heads(8);
    const double *m = slopes_f64(&l);
    for (int h = 0; h < 8; h++)
        CU_ASSERT_EQUAL((int)ceil(log(100) / m[h]), tokens[h]);
    lab_end();
}

static void the_bias_is_minus_slope_times_distance(void)
{
    THRICE(is_formula, ());
}

static void each_storage_mark_rounds_its_own_number(void)
{
    THRICE(stores_at, (PE_AT_POSITION));
    THRICE(stores_at, (PE_AT_PHASE));
    THRICE(stores_at, (PE_AT_TABLE));
    THRICE(stores_at, (PE_AT_FREQUENCY)); /* it has none: nothing is rounded */
    THRICE(stores_at, (PE_AT_ROWS));      /* the core's business */
    THRICE(stores_slopes, ());
}

static void nan_in_an_offset_is_nan_in_its_row_only(void)
{
    THRICE(nan_stays, ());
}

static void every_head_has_a_row_of_its_own_and_offsets_need_not_be_whole(void)
{
    lab l = of_heads(5);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.rows, PE_ROWS_BIAS);
    CU_ASSERT_EQUAL(l.info.row_heads, 5);
    CU_ASSERT_TRUE(l.info.flags & PE_REAL_OFFSETS);
    CU_ASSERT_TRUE(l.info.claims & PE_CLAIM_SYMMETRIC);
    CU_ASSERT_FALSE(l.info.claims & (PE_CLAIM_DIRECTION_AWARE | PE_CLAIM_BOUNDED));
    CU_ASSERT_EQUAL(l.info.scale, 0); /* q . k is divided by sqrt(D), the bias is not */
    lab_end();
}

PE_TEST_MAIN("variants: alibi", PE_TEST(slopes_and_biases_are_the_golden_ones),
             PE_TEST(for_a_power_of_two_the_slopes_are_a_geometric_series),
             PE_TEST(other_head_counts_take_every_other_slope_of_the_next_power),
             PE_TEST(twelve_heads_have_the_published_unsorted_list),
             PE_TEST(the_horizons_of_eight_heads_are_the_published_ones),
             PE_TEST(the_bias_is_minus_slope_times_distance),
             PE_TEST(each_storage_mark_rounds_its_own_number),
             PE_TEST(nan_in_an_offset_is_nan_in_its_row_only),
             PE_TEST(every_head_has_a_row_of_its_own_and_offsets_need_not_be_whole))
#endif
