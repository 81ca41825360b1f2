/* METRICS.md, section 3: every table that is about the sinusoid. "Within the spread of libms" is
 * 2 % of a figure; bounds are those of the derivations there. */
#include "judge.h"
#include "numbers/exact.h"
#include "numbers/sinusoid.h"
#include "testing.h"

#include <string.h>

enum { MOST_PAIRS = 512 };
static const double base = 10000, u = 0x1p-24, spread = 0.02;

/* ---- 3.1 frequencies ---- */

typedef struct frequency_error {
    double worst; /* relative, in u */
    int right;    /* correctly rounded */
} frequency_error;

static frequency_error measure_frequencies(pe_path path, size_t width)
{
    static float got[MOST_PAIRS];
    frequency_error e = {0};
    mpfr_t w, exponent;
    mpfr_inits2(200, w, exponent, (mpfr_ptr)0);
    pe_path_frequencies(path, width / 2, width, base, got);
    for (size_t i = 0; i < width / 2; i++) {
        mpfr_set_d(exponent, -2.0 * (double)i, MPFR_RNDN);
        mpfr_div_ui(exponent, exponent, width, MPFR_RNDN);
        mpfr_set_d(w, base, MPFR_RNDN);
        mpfr_pow(w, w, exponent, MPFR_RNDN);
        e.right += got[i] == mpfr_get_flt(w, MPFR_RNDN);
        mpfr_d_div(w, (double)got[i], w, MPFR_RNDN);
        mpfr_sub_ui(w, w, 1, MPFR_RNDN);
        e.worst = fmax(e.worst, fabs(mpfr_get_d(w, MPFR_RNDN)) / u);
    }
    mpfr_clears(w, exponent, (mpfr_ptr)0);
    return e;
}

static void exp_log_frequencies_are_off_by_more_than_4_u_and_at_most_19_4_u(void)
{
    static const size_t widths[] = {64, 128, 512};
    static const double figures[] = {8.24, 8.24, 9.49};
    for (int k = 0; k < 3; k++)
        for (int path = PE_PATH_EXP_STEP; path <= PE_PATH_EXP_LOG; path++) {
            frequency_error e = measure_frequencies((pe_path)path, widths[k]);
            CU_ASSERT(e.worst > 4 && e.worst <= 19.4);
            PE_NEAR("published here", e.worst, figures[k], spread * figures[k]);
        }
}

static void pow_frequencies_are_off_by_at_most_2_u_when_the_width_is_a_power_of_two(void)
{
    static const size_t widths[] = {64, 128, 512, 1024};
    for (int k = 0; k < 4; k++) {
        CU_ASSERT(measure_frequencies(PE_PATH_RECIPROCAL_POW, widths[k]).worst <= 2);
        CU_ASSERT(measure_frequencies(PE_PATH_POW, widths[k]).worst <= 2);
    }
    /* 768 is not: the exponent is rounded, e_i ln B u = 9.21 u, and pow and reciprocal add 2 u. */
    CU_ASSERT(measure_frequencies(PE_PATH_POW, 768).worst > 2);
    CU_ASSERT(measure_frequencies(PE_PATH_RECIPROCAL_POW, 768).worst <= 9.21 + 2);
}

static void frequencies_formed_in_double_are_all_correctly_rounded(void)
{
    static const size_t widths[] = {64, 128, 512, 768, 1024};
    for (int k = 0; k < 5; k++)
        CU_ASSERT_EQUAL(measure_frequencies(PE_PATH_DOUBLE, widths[k]).right, (int)widths[k] / 2);
}

/* Every step adds the error of the ratio and of one product. */
static void running_products_lose_accuracy_with_every_pair(void)
{
    static const size_t widths[] = {64, 128, 512, 768, 1024};
    static const double figures[] = {4.58, 36.2, 106.6, 144.9, 20.1};
    for (int k = 0; k < 5; k++) {
        double worst = measure_frequencies(PE_PATH_PRODUCT, widths[k]).worst;
        PE_NEAR("published here", worst, figures[k], spread * figures[k]);
        CU_ASSERT(worst <= (double)widths[k]);
    }
}

/* ---- 3.2 tables, 3.3 storage ---- */

enum { WIDTH = 128, PAIRS = WIDTH / 2, COLUMNS = 5 };
typedef struct column {
    pe_path path;
    pe_angle angle;
} column;
static const column columns[COLUMNS] = {{PE_PATH_EXP_STEP, PE_ANGLE_FLOAT},
                                        {PE_PATH_RECIPROCAL_POW, PE_ANGLE_FLOAT},
                                        {PE_PATH_DOUBLE, PE_ANGLE_ROUNDED},
                                        {PE_PATH_DOUBLE, PE_ANGLE_DOUBLE},
                                        {PE_PATH_PRODUCT, PE_ANGLE_FLOAT}};

static void exact_row(const pe_turns *turns, size_t pairs, double position, double *sine,
                      double *cosine)
{
    for (size_t i = 0; i < pairs; i++)
        pe_exact_f64(&turns[i], 1, &position, &sine[i], &cosine[i], 1);
}

static void prepare(pe_turns *turns, size_t width)
{
    for (size_t i = 0; i < width / 2; i++)
        pe_turns_prepare(&turns[i], &(pe_frequency){1, base, 2.0 * (double)i, (double)width});
}

typedef struct table_error {
    double worst, squares;
    size_t count;
} table_error;

static void compare(table_error *e, double got, double want)
{
    double error = fabs(got - want);
    e->worst = fmax(e->worst, error);
    e->squares += error * error;
    e->count++;
}

static double rms(const table_error *e)
{
    return sqrt(e->squares / (double)e->count);
}

/* The errors of all columns over positions first, first + step, ... below end. */
static void add_positions(int first, int end, int step, table_error *errors)
{
    static float frequency[COLUMNS][PAIRS], s[PAIRS], c[PAIRS];
    static double want_s[PAIRS], want_c[PAIRS];
    static pe_turns turns[PAIRS];
    prepare(turns, WIDTH);
    for (int v = 0; v < COLUMNS; v++)
        pe_path_frequencies(columns[v].path, PAIRS, WIDTH, base, frequency[v]);
    for (int t = first; t < end; t += step) {
        exact_row(turns, PAIRS, t, want_s, want_c);
        for (int v = 0; v < COLUMNS; v++) {
            pe_path_row(columns[v].angle, t, PAIRS, frequency[v], WIDTH, base, s, c);
            for (int i = 0; i < PAIRS; i++) {
                compare(&errors[v], (double)s[i], want_s[i]);
                compare(&errors[v], (double)c[i], want_c[i]);
            }
        }
    }
}

/* Figures of the table, without the running product's bound, which it does not keep. */
static void check_row(int length, const table_error *errors, const double *figures)
{
    double bound = 0x1p-23 * length * pow(base, -2.0 / WIDTH);
    for (int v = 0; v < COLUMNS; v++) {
        PE_NEAR("largest error", errors[v].worst, figures[v], spread * figures[v]);
        if (v < 4)
            CU_ASSERT(errors[v].worst <= bound);
    }
}

static void table_errors_grow_with_length_unless_the_angle_is_double(void)
{
    static const int lengths[] = {512, 4096, 32768, 131072};
    static const double figures[][COLUMNS] = {{3.01e-5, 2.85e-5, 1.51e-5, 2.98e-8, 4.87e-5},
                                              {2.31e-4, 2.39e-4, 1.22e-4, 2.98e-8, 4.10e-4},
                                              {1.93e-3, 1.92e-3, 9.76e-4, 2.98e-8, 3.32e-3},
                                              {7.78e-3, 7.72e-3, 3.90e-3, 2.98e-8, 1.32e-2}};
    table_error errors[COLUMNS] = {0};
    int done = 0;
    for (int k = 0; k < 4; k++) {
        int step = k < 3 ? 1 : 7; /* as in METRICS.md */
        add_positions(done, lengths[k], step, errors);
        done = lengths[k];
        check_row(lengths[k], errors, figures[k]);
        if (k == 0) {
            PE_NEAR("RMS, exp-log", rms(&errors[0]), 1.93e-6, spread * 1.93e-6);
            PE_NEAR("RMS, pow", rms(&errors[1]), 1.60e-6, spread * 1.60e-6);
            PE_NEAR("RMS, double", rms(&errors[3]), 1.40e-8, spread * 1.40e-8);
        }
    }
}

static void table_errors_at_a_million_tokens(void)
{
    static const double figures[COLUMNS] = {6.05e-2, 6.01e-2, 3.12e-2, 2.99e-8, 1.02e-1};
    table_error errors[COLUMNS] = {0};
    add_positions(131072 + (7 - (131072 - 32768) % 7) % 7, 1000000, 7, errors);
    check_row(1000000, errors, figures);
}

static void exact_values_are_stored_to_half_a_step_below_one(void)
{
    static const struct {
        pe_format format;
        double worst, rms, last_digit;
    } cases[] = {{PE_FP32, 0x1p-25, 1.45e-8, 5e-11},
                 {PE_FP16, 0x1p-12, 1.18e-4, 5e-7},
                 {PE_BF16, 0x1p-9, 9.41e-4, 5e-7}};
    static double s[PAIRS], c[PAIRS];
    static pe_turns turns[PAIRS];
    table_error errors[3] = {0};
    prepare(turns, WIDTH);
    for (int t = 0; t < 4096; t++) {
        exact_row(turns, PAIRS, t, s, c);
        for (int i = 0; i < PAIRS; i++)
            for (int f = 0; f < 3; f++) {
                compare(&errors[f], pe_round_to_format(cases[f].format, s[i]), s[i]);
                compare(&errors[f], pe_round_to_format(cases[f].format, c[i]), c[i]);
            }
    }
    for (int f = 0; f < 3; f++) {
        CU_ASSERT(errors[f].worst <= cases[f].worst && errors[f].worst > 0.99 * cases[f].worst);
        PE_NEAR("RMS", rms(&errors[f]), cases[f].rms, cases[f].last_digit);
    }
}

/* ---- 3.4 collisions ---- */

static int distinct(pe_format format, int length)
{
    int count = 1;
    for (int t = 1; t < length; t++)
        count += pe_round_to_format(format, t) != pe_round_to_format(format, t - 1);
    return count;
}

static void distinct_positions_are_those_of_the_table(void)
{
    static const int bf16[] = {256, 385, 513, 641, 769, 897, 1025, 1153, 1281, 1409};
    static const int fp16[] = {256, 512, 1024, 2048, 3073, 4097, 5121, 6145, 7169, 7169};
    for (int k = 0; k < 10; k++) {
        CU_ASSERT_EQUAL(distinct(PE_BF16, 256 << k), bf16[k]);
        CU_ASSERT_EQUAL(distinct(PE_FP16, 256 << k), fp16[k]);
    }
    CU_ASSERT_EQUAL(distinct(PE_FP32, 4096), 4096);
    CU_ASSERT(isfinite(pe_round_to_format(PE_FP16, 65519)));
    CU_ASSERT(isinf(pe_round_to_format(PE_FP16, 65520)));
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP32, 0x1p24 + 1), 0x1p24);
}

/* ---- 3.5 everything in the format ---- */

typedef struct onset {
    int tenth, one; /* first position with an entry off by more than 0.1, than 1 */
    table_error all;
} onset;

static onset measure_onset(pe_format format, size_t width)
{
    static double s[MOST_PAIRS], c[MOST_PAIRS];
    static pe_turns turns[MOST_PAIRS];
    onset o = {.tenth = -1, .one = -1};
    prepare(turns, width);
    for (int t = 0; t < 4096; t++) {
        exact_row(turns, width / 2, t, s, c);
        for (size_t i = 0; i < width / 2; i++) {
            float gs, gc;
            pe_rounded_sinusoid(format, PE_ROUND_ALL, t,
                                pow(base, -2.0 * (double)i / (double)width), &gs, &gc);
            compare(&o.all, (double)gs, s[i]);
            compare(&o.all, (double)gc, c[i]);
        }
        o.tenth = o.tenth < 0 && o.all.worst > 0.1 ? t : o.tenth;
        o.one = o.one < 0 && o.all.worst > 1 ? t : o.one;
    }
    return o;
}

static void tables_formed_in_a_narrow_format_fail_where_the_table_says(void)
{
    static const struct {
        size_t width;
        int bf16, fp16;
    } cases[] = {{64, 58, 243}, {128, 40, 196}, {256, 38, 196}, {512, 38, 196}};
    for (int k = 0; k < 4; k++) {
        onset b = measure_onset(PE_BF16, cases[k].width),
              h = measure_onset(PE_FP16, cases[k].width);
        CU_ASSERT_EQUAL(b.tenth, cases[k].bf16);
        CU_ASSERT_EQUAL(h.tenth, cases[k].fp16);
        if (cases[k].width != 128)
            continue;
        CU_ASSERT_EQUAL(b.one, 271);
        CU_ASSERT_EQUAL(h.one, 2049);
        PE_NEAR("RMS, bf16", rms(&b.all), 0.414, 5e-4);
        PE_NEAR("RMS, fp16", rms(&h.all), 0.132, 5e-4);
    }
}

/* ---- the interface ---- */

static void no_place_listed_means_plain_float(void)
{
    uint64_t state = 11;
    for (int k = 0; k < 1000; k++) {
        double p = draw_double(&state, 0, 20), w = fabs(draw_double(&state, -14, 0));
        float s, c, phase = (float)p * (float)w;
        pe_rounded_sinusoid(PE_FP8_E5M2, 0, p, w, &s, &c);
        CU_ASSERT(s == sinf(phase) && c == cosf(phase));
    }
}

/* Chosen so that each place alone changes the result. */
static void each_place_is_rounded_by_itself(void)
{
    const double p = 1003, w = 0.7;
    const float q = (float)pe_round_to_format(PE_BF16, p),
                v = (float)pe_round_to_format(PE_BF16, (double)(float)w);
    const float plain = 1003.0f * 0.7f;
    const float phases[] = {q * 0.7f, 1003.0f * v,
                            (float)pe_round_to_format(PE_BF16, (double)plain), plain};
    for (int place = PE_AT_POSITION; place <= PE_AT_TABLE; place++) {
        float s, c, want = sinf(phases[place]);
        if (place == PE_AT_TABLE)
            want = (float)pe_round_to_format(PE_BF16, (double)want);
        pe_rounded_sinusoid(PE_BF16, 1u << place, p, w, &s, &c);
        CU_ASSERT_EQUAL(s, want);
        CU_ASSERT_NOT_EQUAL(s, sinf(plain));
    }
}

static void rows_in_double_need_no_frequencies(void)
{
    float s[PAIRS], c[PAIRS];
    pe_path_row(PE_ANGLE_DOUBLE, 3, PAIRS, NULL, WIDTH, base, s, c);
    CU_ASSERT(s[0] == (float)sin(3.0) && c[0] == (float)cos(3.0));
    pe_path_row(PE_ANGLE_ROUNDED, 3, PAIRS, NULL, WIDTH, base, s, c);
    CU_ASSERT(s[0] == sinf(3.0f) && c[0] == cosf(3.0f));
}

static void names_lead_back_to_paths_and_angles(void)
{
    for (int p = 0; p < PE_PATH_COUNT; p++) {
        pe_path found = PE_PATH_COUNT;
        CU_ASSERT(pe_path_by_name(pe_path_name((pe_path)p), &found) && (int)found == p);
    }
    for (int a = 0; a < PE_ANGLE_COUNT; a++) {
        pe_angle found = PE_ANGLE_COUNT;
        CU_ASSERT(pe_angle_by_name(pe_angle_name((pe_angle)a), &found) && (int)found == a);
    }
    pe_path path = PE_PATH_POW;
    pe_angle angle = PE_ANGLE_DOUBLE;
    CU_ASSERT(!pe_path_by_name("powf", &path) && path == PE_PATH_POW);
    CU_ASSERT(!pe_angle_by_name("", &angle) && angle == PE_ANGLE_DOUBLE);
    CU_ASSERT_PTR_NULL(pe_path_name(PE_PATH_COUNT));
    CU_ASSERT_PTR_NULL(pe_angle_name((pe_angle)-1));
}

PE_TEST_MAIN("numbers: sinusoids of the field",
             PE_TEST(exp_log_frequencies_are_off_by_more_than_4_u_and_at_most_19_4_u),
             PE_TEST(pow_frequencies_are_off_by_at_most_2_u_when_the_width_is_a_power_of_two),
             PE_TEST(frequencies_formed_in_double_are_all_correctly_rounded),
             PE_TEST(running_products_lose_accuracy_with_every_pair),
             PE_TEST(table_errors_grow_with_length_unless_the_angle_is_double),
             PE_TEST(table_errors_at_a_million_tokens),
             PE_TEST(exact_values_are_stored_to_half_a_step_below_one),
             PE_TEST(distinct_positions_are_those_of_the_table),
             PE_TEST(tables_formed_in_a_narrow_format_fail_where_the_table_says),
             PE_TEST(no_place_listed_means_plain_float), PE_TEST(each_place_is_rounded_by_itself),
             PE_TEST(rows_in_double_need_no_frequencies),
             PE_TEST(names_lead_back_to_paths_and_angles))
