/* Sinusoids against golden tables, MPFR, the formula written out and published figures, in three
 * precisions. */
#include "calls.h"

#ifdef PE_FIRST
#include <mpfr.h>

extern const pe_variant pe_variant_sinusoidal;

enum { INTERLEAVED, CONCAT };
enum { PAPER, T2T };
enum { POW, EXP_LOG, EXACT };

static const char *const cases[] = {
    "sinusoidal_concat_d16_P21",
    "sinusoidal_concat_d7_P9",
    "sinusoidal_interleaved_d12_base500",
    "sinusoidal_interleaved_d16_real_positions",
    "sinusoidal_interleaved_d4_P1",
    "sinusoidal_interleaved_d512_P64",
    "sinusoidal_interleaved_d7_P13",
    "sinusoidal_interleaved_d8_P16",
    "sinusoidal_padded_b3_L6_d12",
    "sinusoidal_t2t_d10_timescales",
    "sinusoidal_t2t_d2_P5",
    "sinusoidal_t2t_d7_from3",
    "sinusoidal_t2t_d8_P10",
};
static const char *const exact_cases[] = {"sinusoidal_exact_d64", "sinusoidal_exact_d512"};

/* case.json holds "key": "word". */
static bool case_says(const char *folder, const char *key, const char *word)
{
    size_t size;
    char text[128];
    const char *json = lab_read(folder, "case.json", &size);
    snprintf(text, sizeof text, "\"%s\": \"%s\"", key, word);
    return json && strstr(json, text) != NULL;
}

static lab of_width(int width)
{
    return lab_make(&pe_variant_sinusoidal, (pe_dims){.heads = 1, .head_dim = width});
}

static lab of_case(const char *name)
{
    lab l = of_width((int)lab_case(name, "d", 0));
    lab_set(&l, "layout", case_says(name, "layout", "concat") ? CONCAT : INTERLEAVED);
    lab_set(&l, "rule", case_says(name, "rule", "t2t") ? T2T : PAPER);
    lab_set(&l, "base", lab_case(name, "base", 0));
    lab_set(&l, "padding_idx", lab_case(name, "padding_idx", -1));
    lab_set(&l, "min_timescale", lab_case(name, "min_timescale", 1));
    lab_set(&l, "max_timescale", lab_case(name, "max_timescale", 0));
    return l;
}

/* The refusal of these settings, or "" when they are accepted. */
static const char *refusal(lab l)
{
    static char text[PE_REFUSAL_TEXT];
    snprintf(text, sizeof text, "%s", lab_setup(&l) ? "" : l.info.refusal);
    return text;
}

enum { BITS = 1024 };

/* Sine or cosine of position * scale * base^(-numerator / denominator), to hundreds of digits. */
static void true_sinusoid(const pe_frequency *w, double position, bool cosine, mpfr_t out)
{
    mpfr_t power;
    mpfr_init2(power, BITS);
    mpfr_set_d(power, -w->numerator, MPFR_RNDN);
    mpfr_div_d(power, power, w->denominator, MPFR_RNDN);
    mpfr_set_d(out, w->base, MPFR_RNDN);
    mpfr_pow(out, out, power, MPFR_RNDN);
    mpfr_mul_d(out, out, w->scale, MPFR_RNDN);
    mpfr_mul_d(out, out, position, MPFR_RNDN);
    if (cosine)
        mpfr_cos(out, out, MPFR_RNDN);
    else
        mpfr_sin(out, out, MPFR_RNDN);
    mpfr_clear(power);
}

/* The float32 numbers of pe_f32.npy, as double. */
static double *float_table(const char *folder, size_t count)
{
    size_t size = 0;
    const char *bytes = lab_read(folder, "pe_f32.npy", &size);
    double *x = lab_keep(count, sizeof *x);
    CU_ASSERT_TRUE_FATAL(bytes != NULL && size > 4 * count);
    for (size_t i = 0; i < count; i++) {
        float one;
        memcpy(&one, bytes + size - 4 * (count - i), sizeof one);
        x[i] = (double)one;
    }
    return x;
}
#endif

/* MPFR's number rounded once; to quad as a sum of three doubles. */
static pe_real PE(from_mpfr)(mpfr_t x)
{
    if (sizeof(pe_real) == sizeof(float))
        return (pe_real)mpfr_get_flt(x, MPFR_RNDN);
    pe_real sum = 0;
    double part[3];
    for (int i = 0; i < 3; i++) {
        part[i] = mpfr_get_d(x, MPFR_RNDN);
        mpfr_sub_d(x, x, part[i], MPFR_RNDN);
    }
    for (int i = 2; i >= 0; i--)
        sum += pe_num(part[i]);
    return sum;
}

/* What the host lends, by another road than the host's own. */
static void PE(lend_exact)(const pe_frequency *w, size_t n, const double *position, pe_real *sine,
                           pe_real *cosine, size_t stride)
{
    mpfr_t x;
    mpfr_init2(x, BITS);
    for (size_t t = 0; t < n; t++) {
        true_sinusoid(w, position[t], false, x);
        sine[t * stride] = PE(from_mpfr)(x);
        true_sinusoid(w, position[t], true, x);
        cosine[t * stride] = PE(from_mpfr)(x);
    }
    mpfr_clear(x);
}

/* Rows of n coordinates, (n, d). */
static pe_real *PE(rows_of)(lab *l, int n, const double *coord)
{
    static const pe_lent lent = {.gemm = PE(lab_gemm),
                                 .round = PE(lab_round),
                                 .exact = PE(lend_exact),
                                 .turn = PE(lab_turn)};
    pe_call c = PE(lab_call)(l);
    pe_real *rows = lab_keep((size_t)n * (size_t)l->dims.model_dim, sizeof *rows);
    memset(rows, 0x7f, (size_t)n * (size_t)l->dims.model_dim * sizeof *rows);
    c.lent = &lent;
    l->variant->PE_OPS->embed(&c, n, coord, rows);
    return rows;
}

static void PE(golden)(const char *name, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    const double padding = lab_case(name, "padding_idx", (double)NAN);
    lab l = of_case(name);
    size_t n;
    double *position = lab_npy(name, "positions", &n);
    const double *pe = lab_npy(name, "pe", NULL);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && position && pe && tolerance > 0);
    const double first = padding >= 0 ? padding + 1 : 0;
    for (size_t t = 0; t < n; t++)
        position[t] -= first;
    const int d = l.dims.model_dim;
    const pe_real *rows = PE(rows_of)(&l, (int)n, position);
    lab_error e = {0};
    for (size_t t = 0; t < n; t++)
        for (int k = 0; k < d; k++) {
            const size_t at = t * (size_t)d + (size_t)k;
            if (padding >= 0 && position[t] < 0) /* the core zeroes rows of padding */
                CU_ASSERT_EQUAL(pe[at], 0)
            else
                PE(lab_meet)(&e, rows[at], pe_num(pe[at]));
        }
    PE_NEAR(name, e.worst, 0, tolerance * (1 + e.largest));
    lab_end();
}

/* Positions up to 2^53: every entry is the true value rounded once, so it is equal to the stored
 * one. */
static void PE(golden_exact)(const char *name)
{
    lab l = of_case(name);
    lab_set(&l, "path", EXACT);
    size_t n, count;
    const double *position = lab_npy(name, "positions", &n);
    const double *pe = lab_npy(name, "pe_f64", &count);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && position && pe);
    if (sizeof(pe_real) == sizeof(float))
        pe = float_table(name, count);
    const pe_real *rows = PE(rows_of)(&l, (int)n, position);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL((double)rows[i], pe[i]);
    lab_end();
}

/* One column of the code, from the formula. */
static pe_real PE(column)(const lab *l, int column, double position, int layout, int rule)
{
    const int d = l->dims.model_dim, half = d / 2;
    if (layout == CONCAT && column == 2 * half)
        return 0;
    const int k = layout == CONCAT ? column % half : column / 2;
    const bool cosine = layout == CONCAT ? column >= half : column % 2 == 1;
    const pe_real ratio = half > 1 ? pe_num(k) / pe_num(half - 1) : 0;
    const pe_real w = rule == T2T ? PE_C(0.5) / pe_pow(1000, ratio)
                                  : 1 / pe_pow(10000, pe_num(2 * k) / pe_num(d));
    return cosine ? pe_cos(pe_num(position) * w) : pe_sin(pe_num(position) * w);
}

/* Every width in every layout, rule and path; t2t with the timescales 1/2 and 500. */
static void PE(is_formula)(int layout, int rule, int path)
{
    static const double position[] = {0, 1, 2.5, -3, 17};
    for (int d = rule == T2T ? 2 : 1; d <= 9; d++) {
        lab l = of_width(d);
        lab_set(&l, "layout", layout);
        lab_set(&l, "rule", rule);
        lab_set(&l, "path", path);
        lab_set(&l, "min_timescale", 0.5);
        lab_set(&l, "max_timescale", 500);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        const pe_real *rows = PE(rows_of)(&l, 5, position);
        lab_error e = {0};
        for (int i = 0; i < 5 * d; i++)
            PE(lab_meet)(&e, rows[i], PE(column)(&l, i % d, position[i / d], layout, rule));
        /* phase 17, frequencies good to 20 units (METRICS 3.1) on both sides, and the sine's own */
        PE_NEAR("formula", e.worst, 0, (double)(PE_EPS * 17 * 20));
        lab_end();
    }
}

/* rule t2t with one frequency: it is min_timescale, whatever max_timescale is. */
static void PE(one_frequency)(void)
{
    for (int d = 2; d <= 3; d++) {
        lab l = of_width(d);
        lab_set(&l, "rule", T2T);
        lab_set(&l, "layout", CONCAT);
        lab_set(&l, "min_timescale", 0.25);
        lab_set(&l, "max_timescale", 77);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        const pe_call c = PE(lab_call)(&l);
        CU_ASSERT_EQUAL(l.info.plan, 1);
        CU_ASSERT_EQUAL(c.plan[0], PE_C(0.25));
        lab_end();
    }
}

/* The last frequency of t2t is min^2 / max. */
static void PE(slowest)(double fastest, double longest)
{
    lab l = of_width(64);
    lab_set(&l, "rule", T2T);
    lab_set(&l, "min_timescale", fastest);
    lab_set(&l, "max_timescale", longest);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    const pe_real want = pe_num(fastest) * pe_num(fastest) / pe_num(longest);
    CU_ASSERT_EQUAL(l.info.plan, 32);
    PE_NEAR("slowest", c.plan[31] / want, 1, (double)(4 * PE_EPS));
    lab_end();
}

static void PE(padding_is_an_offset)(int path)
{
    static const double from_zero[] = {0, 3, 300}, later[] = {5, 8, 305};
    lab padded = of_width(7), plain = of_width(7);
    lab_set(&padded, "padding_idx", 4);
    lab_set(&padded, "path", path);
    lab_set(&plain, "path", path);
    CU_ASSERT_TRUE_FATAL(lab_setup(&padded) && lab_setup(&plain));
    const pe_real *got = PE(rows_of)(&padded, 3, from_zero), *want = PE(rows_of)(&plain, 3, later);
    for (int i = 0; i < 21; i++)
        CU_ASSERT_EQUAL(got[i], want[i]);
    lab_end();
}

static void PE(scale_is_a_factor)(int path)
{
    static const double position[] = {0, 1, 100};
    lab scaled = of_width(6), plain = of_width(6);
    lab_set(&scaled, "scale", 0.375);
    lab_set(&scaled, "path", path);
    lab_set(&plain, "path", path);
    CU_ASSERT_TRUE_FATAL(lab_setup(&scaled) && lab_setup(&plain));
    CU_ASSERT_EQUAL(scaled.info.bound, 0.375);
    const pe_real *got = PE(rows_of)(&scaled, 3, position),
                  *want = PE(rows_of)(&plain, 3, position);
    for (int i = 0; i < 18; i++)
        CU_ASSERT_EQUAL(got[i], PE_C(0.375) * want[i]);
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
    enum { D = 6 };
    static const double position = 16777217; /* 2^24 + 1, no float */
    lab l = of_width(D), plain = of_width(D);
    lab_set(&l, "scale", 3);
    l.formats[place] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && lab_setup(&plain));
    const pe_real *frequency = PE(lab_call)(&plain).plan;
    const pe_real *row = PE(rows_of)(&l, 1, &position);
    for (int k = 0; k < D / 2; k++) {
        pe_real p = pe_num(position), w = frequency[k];
        p = PE(stored)(place == PE_AT_POSITION, p);
        w = PE(stored)(place == PE_AT_FREQUENCY, w);
        pe_real phase = p * w;
        phase = PE(stored)(place == PE_AT_PHASE, phase);
        const pe_real pair[2] = {PE(stored)(place == PE_AT_TABLE, pe_sin(phase)),
                                 PE(stored)(place == PE_AT_TABLE, pe_cos(phase))};
        CU_ASSERT_EQUAL(row[2 * k], 3 * pair[0]);
        CU_ASSERT_EQUAL(row[2 * k + 1], 3 * pair[1]);
    }
    lab_end();
}

/* More rows than one call of the lent function takes (256). */
static void PE(exact_in_runs)(void)
{
    enum { N = 600, D = 3 };
    lab l = of_width(D);
    lab_set(&l, "path", EXACT);
    lab_set(&l, "layout", CONCAT);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    double position[N];
    for (int t = 0; t < N; t++)
        position[t] = t;
    const pe_real *rows = PE(rows_of)(&l, N, position);
    lab_error e = {0};
    for (int t = 0; t < N; t++) {
        PE(lab_meet)(&e, rows[t * D], pe_sin(pe_num(t)));
        PE(lab_meet)(&e, rows[t * D + 1], pe_cos(pe_num(t)));
        CU_ASSERT_EQUAL(rows[t * D + 2], 0);
    }
    PE_NEAR("exact in runs", e.worst, 0, (double)PE_EPS);
    lab_end();
}

static void PE(nan_stays)(int path)
{
    static const double position[] = {(double)NAN, 1};
    lab l = of_width(3);
    lab_set(&l, "path", path);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *rows = PE(rows_of)(&l, 2, position);
    for (int i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(rows[i] != rows[i], i < 3);
    lab_end();
}

#include PE_NEXT("test_sinusoidal.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void tables_are_the_golden_ones(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_f64(cases[i], "f64");
        golden_f32(cases[i], "f32");
        golden_f128(cases[i], "f64");
    }
}

static void the_exact_path_is_the_true_value_rounded_once_up_to_2_to_the_53(void)
{
    for (size_t i = 0; i < sizeof exact_cases / sizeof exact_cases[0]; i++)
        THRICE(golden_exact, (exact_cases[i]));
}

static void every_width_layout_rule_and_path_is_the_formula(void)
{
    for (int layout = INTERLEAVED; layout <= CONCAT; layout++)
        for (int rule = PAPER; rule <= T2T; rule++)
            for (int path = POW; path <= EXACT; path++)
                THRICE(is_formula, (layout, rule, path));
}

static void t2t_with_one_frequency_has_the_fastest(void)
{
    THRICE(one_frequency, ());
}

static void t2t_ends_at_the_slowest_timescale(void)
{
    THRICE(slowest, (1, 10000));
    THRICE(slowest, (0.5, 700));
}

static void padding_idx_counts_from_one_above_it(void)
{
    for (int path = POW; path <= EXACT; path++)
        THRICE(padding_is_an_offset, (path));
}

static void scale_multiplies_every_entry_and_the_bound(void)
{
    for (int path = POW; path <= EXACT; path++)
        THRICE(scale_is_a_factor, (path));
}

static void each_storage_mark_rounds_its_own_number(void)
{
    for (int place = PE_AT_POSITION; place <= PE_AT_TABLE; place++)
        THRICE(stores_at, ((pe_place)place));
    THRICE(stores_at, (PE_AT_CODE)); /* the core's business: nothing is rounded here */
}

static void the_exact_path_fills_any_number_of_rows(void)
{
    THRICE(exact_in_runs, ());
}

static void nan_in_a_position_is_nan_in_its_row_only(void)
{
    THRICE(nan_stays, (POW));
    THRICE(nan_stays, (EXP_LOG));
}

/* Largest relative error of the float frequencies, in units of 2^-24. */
static double frequency_error(int width, int path)
{
    lab l = of_width(width);
    lab_set(&l, "path", path);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call_f32 narrow = lab_call_f32(&l);
    const pe_call_f128 wide = lab_call_f128(&l);
    double worst = 0;
    for (size_t k = 0; k < l.info.plan; k++) {
        const pe_quad error = ((pe_quad)narrow.plan[k] - wide.plan[k]) / wide.plan[k];
        worst = fmax(worst, fabs((double)error) * 16777216);
    }
    lab_end();
    return worst;
}

/* METRICS 3.1: what the tutorials call more accurate is less so. */
static void float_frequencies_by_exp_and_log_are_worse_than_by_pow(void)
{
    for (int width = 64; width <= 512; width = width == 64 ? 128 : width + 384) {
        const double power = frequency_error(width, POW), logs = frequency_error(width, EXP_LOG);
        CU_ASSERT_TRUE(power <= 2);
        CU_ASSERT_TRUE(logs > 4 && logs <= 19.4);
    }
}

enum { FAR = 100 };

/* G(k) of positions 3 and 3 + k over G(0), k = 0 .. FAR: METRICS 1.1. */
static void profile_of(int width, double *g)
{
    double position[FAR + 1];
    for (int k = 0; k <= FAR; k++)
        position[k] = 3 + k;
    lab l = of_width(width);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *rows = rows_of_f64(&l, FAR + 1, position);
    for (int k = 0; k <= FAR; k++) {
        g[k] = 0;
        for (int c = 0; c < width; c++)
            g[k] += rows[c] * rows[k * width + c];
        g[k] /= width / 2;
    }
    lab_end();
}

static void the_distance_profile_has_the_published_values_and_first_break(void)
{
    static const struct {
        int width;
        double one, five, hundred;
        int before_rise;
    } known[] = {{64, 0.966151, 0.734499, 0.558583, 5},
                 {128, 0.970214, 0.737266, 0.477241, 11},
                 {512, 0.973055, 0.740612, 0.437306, 43}};
    for (size_t i = 0; i < 3; i++) {
        double g[FAR + 1];
        int k = 0;
        profile_of(known[i].width, g);
        PE_NEAR("G(0) is half the width", g[0], 1, 1e-14);
        PE_NEAR("g(1)", g[1], known[i].one, 1e-6);
        PE_NEAR("g(5)", g[5], known[i].five, 1e-6);
        PE_NEAR("g(100)", g[100], known[i].hundred, 1e-6);
        while (g[k + 1] <= g[k])
            k++;
        CU_ASSERT_EQUAL(k, known[i].before_rise);
    }
}

static void what_cannot_be_is_refused_in_a_sentence(void)
{
    lab l = of_width(4);
    l.dims.axes = 2;
    CU_ASSERT_STRING_EQUAL(refusal(l), "axes is 2, but the code is of one axis");
    l = of_width(1);
    CU_ASSERT_STRING_EQUAL(refusal(l), "");
    lab_set(&l, "rule", T2T);
    CU_ASSERT_STRING_EQUAL(refusal(l), "model_dim is 1, but rule t2t needs at least 2");
    l = of_width(4);
    lab_set(&l, "min_timescale", 3);
    lab_set(&l, "max_timescale", 2.5);
    CU_ASSERT_STRING_EQUAL(refusal(l),
                           "max_timescale is 2.5, but must be at least min_timescale, 3");
    lab_end();
}

static bool claims_unique(double rule, double fastest, double scale, int width)
{
    lab l = of_width(width);
    lab_set(&l, "rule", rule);
    lab_set(&l, "min_timescale", fastest);
    lab_set(&l, "scale", scale);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const bool unique = (l.info.claims & PE_CLAIM_UNIQUE) != 0;
    lab_end();
    return unique;
}

/* A fastest frequency of 2 pi turns once per token, so that all codes of one pair are the same. */
static void codes_are_claimed_unique_only_where_the_fastest_pair_makes_them_so(void)
{
    CU_ASSERT_TRUE(claims_unique(PAPER, 1, 1, 2));
    CU_ASSERT_TRUE(claims_unique(PAPER, 6.283185307179586, 1, 2)); /* not used by the rule */
    CU_ASSERT_TRUE(claims_unique(T2T, 1, 1, 2));
    CU_ASSERT_FALSE(claims_unique(T2T, 6.283185307179586, 1, 2));
    CU_ASSERT_FALSE(claims_unique(PAPER, 1, 0, 8));
    CU_ASSERT_FALSE(claims_unique(PAPER, 1, 1, 1));
}

PE_TEST_MAIN("variants: sinusoidal", PE_TEST(tables_are_the_golden_ones),
             PE_TEST(the_exact_path_is_the_true_value_rounded_once_up_to_2_to_the_53),
             PE_TEST(every_width_layout_rule_and_path_is_the_formula),
             PE_TEST(t2t_with_one_frequency_has_the_fastest),
             PE_TEST(t2t_ends_at_the_slowest_timescale),
             PE_TEST(padding_idx_counts_from_one_above_it),
             PE_TEST(scale_multiplies_every_entry_and_the_bound),
             PE_TEST(each_storage_mark_rounds_its_own_number),
             PE_TEST(the_exact_path_fills_any_number_of_rows),
             PE_TEST(nan_in_a_position_is_nan_in_its_row_only),
             PE_TEST(float_frequencies_by_exp_and_log_are_worse_than_by_pow),
             PE_TEST(the_distance_profile_has_the_published_values_and_first_break),
             PE_TEST(what_cannot_be_is_refused_in_a_sentence),
             PE_TEST(codes_are_claimed_unique_only_where_the_fastest_pair_makes_them_so))
#endif
