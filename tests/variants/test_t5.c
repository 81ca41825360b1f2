/* Buckets against the golden list, the published starts and the definition by whole powers, in
 * three precisions. */
#include "calls.h"

#ifdef PE_FIRST
#include <mpfr.h>

extern const pe_variant pe_variant_t5;

static lab with_options(bool both, int buckets, int most)
{
    lab l = lab_make(&pe_variant_t5, (pe_dims){.heads = 1, .head_dim = 4});
    lab_set(&l, "bidirectional", both);
    lab_set(&l, "num_buckets", buckets);
    lab_set(&l, "max_distance", most);
    return l;
}

/* The refusal of these settings, or "" when they are accepted. */
static const char *refusal(bool both, int buckets, int most)
{
    static char text[PE_REFUSAL_TEXT];
    lab l = with_options(both, buckets, most);
    snprintf(text, sizeof text, "%s", lab_setup(&l) ? "" : l.info.refusal);
    lab_end();
    return text;
}
#endif

/* Buckets of n offsets: a table of one head that holds its own row numbers shows them. */
static pe_real *PE(buckets)(lab *l, int n, const double *offset)
{
    CU_ASSERT_EQUAL_FATAL(l->info.param_count, 1);
    for (int64_t row = 0; row < l->info.param[0].shape[0]; row++)
        l->param[0][row] = (double)row;
    const pe_call c = PE(lab_call)(l);
    pe_real *bias = lab_keep((size_t)n, sizeof *bias);
    for (int r = 0; r < n; r += PE_ROWS_AT_ONCE)
        l->variant->PE_OPS->relative(&c, n - r < PE_ROWS_AT_ONCE ? n - r : PE_ROWS_AT_ONCE,
                                     offset + r, &(pe_rows){.bias = bias + r});
    return bias;
}

/* All |rel| <= 300 of the golden file; the core never asks beyond the last bucket's start, and the
 * buckets there are right all the same. */
static void PE(golden_list)(int combo, bool both, int count, int most)
{
    size_t n;
    double *rel = lab_npy("t5_buckets", "rel", &n);
    const double *want = lab_npy("t5_buckets", "buckets", NULL);
    CU_ASSERT_TRUE_FATAL(rel && want && n == 601);
    for (size_t i = 0; i < n; i++)
        rel[i] = -rel[i]; /* the file counts key - query */
    lab l = with_options(both, count, most);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *got = PE(buckets)(&l, (int)n, rel);
    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL((double)got[i], want[(size_t)combo * n + i]);
    lab_end();
}

/* Logits of a case: q . k, over sqrt(D) if asked for, plus the row. */
static void PE(golden)(const char *name, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    lab l =
        with_options(lab_case(name, "bidirectional", 0) > 0, (int)lab_case(name, "num_buckets", 0),
                     (int)lab_case(name, "max_distance", 0));
    l.dims.heads = l.dims.kv_heads = (int)lab_case(name, "heads", 0);
    l.dims.head_dim = (int)lab_case(name, "head_dim", 0);
    lab_set(&l, "scale_logits", lab_case(name, "scale_logits", 0));
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && tolerance > 0);
    size_t count, numbers;
    l.param[0] = lab_npy(name, "table", &numbers);
    const double *q = lab_npy(name, "q", &count), *k = lab_npy(name, "k", NULL);
    const double *mask = lab_npy(name, "mask", NULL), *want = lab_npy(name, "logits", NULL);
    const double *bucket = lab_npy(name, "buckets", NULL);
    const int H = l.dims.heads, D = l.dims.head_dim, L = 13;
    CU_ASSERT_EQUAL_FATAL(numbers, (size_t)(l.info.param[0].shape[0] * H));
    const pe_call c = PE(lab_call)(&l);
    const pe_real scale = l.info.scale > 0 ? pe_num(l.info.scale) : 1 / pe_sqrt(pe_num(D));
    lab_error e = {0};
    for (int at = 0; at < (int)count / D * L; at++) {
        const int j = at % L, i = at / L % L, h = at / L / L % H, batch = at / L / L / H;
        if (mask[(batch * L + i) * L + j] < 1)
            continue;
        const double offset = i - j;
        pe_real row[8], sum = 0;
        l.variant->PE_OPS->relative(&c, 1, &offset, &(pe_rows){.bias = row});
        CU_ASSERT_EQUAL(row[h], (pe_real)l.param[0][(int)bucket[i * L + j] * H + h]);
        for (int d = 0; d < D; d++)
            sum += pe_num(q[at / L * D + d]) * pe_num(k[((batch * H + h) * L + j) * D + d]);
        PE(lab_meet)(&e, scale * sum + row[h], pe_num(want[at]));
    }
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* Each bucket begins at its published distance, and one token nearer is the bucket before. */
static void PE(starts)(bool both, const int *start, int count)
{
    lab l = with_options(both, 32, 128);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    for (int i = 0; i < count; i++) {
        const double offset[2] = {start[i], start[i] - 1};
        const pe_real *got = PE(buckets)(&l, 2, offset);
        CU_ASSERT_EQUAL(got[0], pe_num(i));
        if (i > 0)
            CU_ASSERT_EQUAL(got[1], pe_num(i - 1));
        if (both && start[i] > 0) {
            const double right = -start[i];
            CU_ASSERT_EQUAL(*PE(buckets)(&l, 1, &right), pe_num(16 + i));
        }
    }
    lab_end();
}

/* NaN in the table is NaN for its head and its bucket. */
static void PE(nan_stays)(void)
{
    static const double offset[3] = {1, 2, -1};
    lab l = with_options(true, 8, 16);
    l.dims.heads = l.dims.kv_heads = 2;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.param[0][1 * 2 + 1] = (double)NAN;
    const pe_call c = PE(lab_call)(&l);
    pe_real bias[6];
    l.variant->PE_OPS->relative(&c, 3, offset, &(pe_rows){.bias = bias});
    for (int i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(bias[i] != bias[i], i == 1);
    lab_end();
}

#include PE_NEXT("test_t5.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void buckets_are_the_golden_ones_up_to_300_tokens(void)
{
    THRICE(golden_list, (0, true, 32, 128));
    THRICE(golden_list, (1, false, 32, 128));
    THRICE(golden_list, (2, true, 8, 16));
    THRICE(golden_list, (3, false, 8, 16));
}

static void logits_are_the_golden_ones_with_and_without_the_division(void)
{
    static const char *const cases[] = {"t5_bidirectional_h4_L13",
                                        "t5_unidirectional_h4_L13_small"};
    for (size_t i = 0; i < 2; i++) {
        golden_f64(cases[i], "f64");
        golden_f32(cases[i], "f32");
        golden_f128(cases[i], "f64");
    }
}

/* METRICS 1.6. */
static void buckets_start_where_published(void)
{
    static const int two_sided[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    static const int causal[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                   16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
    THRICE(starts, (true, two_sided, 16));
    THRICE(starts, (false, causal, 32));
}

/* The bucket of x by its definition, the floor taken of 512 bits and a quotient that is whole
 * within 2^-400 taken as whole. */
static int true_bucket(int x, int side, int most)
{
    const int e = side / 2;
    if (x < e)
        return x;
    mpfr_t top, bottom;
    mpfr_inits2(512, top, bottom, (mpfr_ptr)NULL);
    mpfr_set_si(top, x, MPFR_RNDN);
    mpfr_div_si(top, top, e, MPFR_RNDN);
    mpfr_log(top, top, MPFR_RNDN);
    mpfr_set_si(bottom, most, MPFR_RNDN);
    mpfr_div_si(bottom, bottom, e, MPFR_RNDN);
    mpfr_log(bottom, bottom, MPFR_RNDN);
    mpfr_div(top, top, bottom, MPFR_RNDN);
    mpfr_mul_si(top, top, side - e, MPFR_RNDN);
    mpfr_set_ui_2exp(bottom, 1, -400, MPFR_RNDN);
    mpfr_add(top, top, bottom, MPFR_RNDN);
    const long steps = mpfr_get_si(top, MPFR_RNDD);
    mpfr_clears(top, bottom, (mpfr_ptr)NULL);
    return steps >= side - e ? side - 1 : e + (int)steps;
}

/* Every distance up to 1200 and strides beyond, in order: no bucket below the one before, all equal
 * to the definition, and the last one reached at max_distance at the latest. */
static void one_side_is_right(bool both, int count, int most)
{
    enum { LOTS = 4000 };
    lab l = with_options(both, count, most);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    double *offset = lab_keep(LOTS, sizeof *offset);
    const int side = both ? count / 2 : count;
    int n = 0;
    for (int x = 0; x <= most + 2 && n < LOTS; x += x < 1200 ? 1 : x + 97 < most - 3 ? 97 : 1)
        offset[n++] = x;
    const double *got = buckets_f64(&l, n, offset);
    int wrong = 0, falling = 0;
    for (int i = 0; i < n; i++) {
        wrong += (int)got[i] != true_bucket((int)offset[i], side, most);
        falling += i > 0 && got[i] < got[i - 1];
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(falling, 0);
    CU_ASSERT_EQUAL(got[0], 0);
    CU_ASSERT_EQUAL(got[n - 1], side - 1);
    for (int i = 0; i < n; i++)
        offset[i] = -offset[i];
    const double *right = buckets_f64(&l, n, offset);
    for (int i = 0; i < n; i++)
        wrong += both ? i > 0 && right[i] != side + got[i] : right[i] != 0;
    CU_ASSERT_EQUAL(wrong, 0);
    lab_end();
}

static void buckets_rise_and_are_exact_for_all_counts_and_distances(void)
{
    static const int counts[] = {4, 6, 8, 10, 16, 32, 34, 64, 100, 128};
    static const int distances[] = {33, 64, 81, 100, 128, 129, 243, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t j = 0; j < sizeof distances / sizeof *distances; j++)
            for (int both = 0; both < 2; both++)
                if (distances[j] > (both ? counts[i] / 4 : counts[i] / 2))
                    one_side_is_right(both, counts[i], distances[j]);
}

static void the_extremes_of_both_options_are_exact(void)
{
    one_side_is_right(false, 512, 65536);
    one_side_is_right(true, 512, 65536);
    one_side_is_right(false, 512, 257);
    one_side_is_right(false, 511, 65535);
    one_side_is_right(false, 2, 65536);
    one_side_is_right(false, 2, 2);
    one_side_is_right(false, 3, 65536);
    one_side_is_right(true, 4, 2);
    one_side_is_right(true, 4, 65536);
}

static void what_cannot_be_is_refused_in_a_sentence(void)
{
    CU_ASSERT_STRING_EQUAL(refusal(true, 2, 128),
                           "num_buckets is 2, but must be even and at least 4 for two sides");
    CU_ASSERT_STRING_EQUAL(refusal(true, 33, 128),
                           "num_buckets is 33, but must be even and at least 4 for two sides");
    CU_ASSERT_STRING_EQUAL(refusal(false, 32, 16),
                           "max_distance is 16, but must be above 16, where the logarithm starts");
    CU_ASSERT_STRING_EQUAL(
        refusal(true, 512, 128),
        "max_distance is 128, but must be above 128, where the logarithm starts");
    CU_ASSERT_STRING_EQUAL(refusal(false, 33, 17), "");
    CU_ASSERT_STRING_EQUAL(refusal(true, 4, 2), "");
    CU_ASSERT_STRING_EQUAL(refusal(false, 2, 2), "");
}

static void rows_end_where_the_last_bucket_starts_and_the_table_serves_all_layers(void)
{
    for (int both = 0; both < 2; both++) {
        lab l = with_options(both, 32, 128);
        l.dims.heads = l.dims.kv_heads = 6;
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL(l.info.high, 128);
        CU_ASSERT_EQUAL(l.info.low, both ? -128 : 0);
        CU_ASSERT_EQUAL(l.info.edge, PE_EDGE_REPEAT);
        CU_ASSERT_EQUAL(l.info.scale, 1);
        CU_ASSERT_EQUAL(l.info.param[0].shape[0], 32);
        CU_ASSERT_EQUAL(l.info.param[0].shape[1], 6);
        CU_ASSERT_TRUE(l.info.param[0].per_model);
        lab_set(&l, "scale_logits", 1);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL(l.info.scale, 0);
        lab_end();
    }
}

static void nan_in_the_table_stays_in_its_bucket_and_head(void)
{
    THRICE(nan_stays, ());
}

PE_TEST_MAIN("variants: t5", PE_TEST(buckets_are_the_golden_ones_up_to_300_tokens),
             PE_TEST(logits_are_the_golden_ones_with_and_without_the_division),
             PE_TEST(buckets_start_where_published),
             PE_TEST(buckets_rise_and_are_exact_for_all_counts_and_distances),
             PE_TEST(the_extremes_of_both_options_are_exact),
             PE_TEST(what_cannot_be_is_refused_in_a_sentence),
             PE_TEST(rows_end_where_the_last_bucket_starts_and_the_table_serves_all_layers),
             PE_TEST(nan_in_the_table_stays_in_its_bucket_and_head))
#endif
