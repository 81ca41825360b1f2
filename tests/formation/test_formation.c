/* Paths as text, and what they form. Expected values are C's own float functions written out,
 * MPFR, or published. */
#include "base/memory.h"
#include "formation/formation.h"
#include "testing.h"

#include <math.h>
#include <mpfr.h>
#include <string.h>

enum { PAIRS = 64 };
static const pe_spectrum usual = {10000, PAIRS, 2 * PAIRS};

static pe_formed make(const char *text, const pe_spectrum *spectrum)
{
    pe_formation path;
    pe_formed formed = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_formation_parse(text, &path, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_formed_make(&path, spectrum, &formed, &err), PE_OK);
    return formed;
}

static void every_shipped_path_survives_writing_and_parsing(void)
{
    CU_ASSERT(pe_formation_count >= 12);
    for (size_t i = 0; i < pe_formation_count; i++) {
        char text[PE_FORMATION_TEXT], again[PE_FORMATION_TEXT];
        pe_formation path;
        pe_formation_write(&pe_formations[i], text);
        CU_ASSERT_EQUAL(pe_formation_parse(text, &path, NULL), PE_OK);
        pe_formation_write(&path, again);
        CU_ASSERT_STRING_EQUAL(text, again);
        CU_ASSERT_EQUAL(path.position, pe_formations[i].position);
        CU_ASSERT_EQUAL(path.store, pe_formations[i].store);
        CU_ASSERT_EQUAL(memcmp(&path.frequency, &pe_formations[i].frequency, sizeof path.frequency),
                        0);
        CU_ASSERT_EQUAL(memcmp(&path.angle, &pe_formations[i].angle, sizeof path.angle), 0);
        CU_ASSERT_EQUAL(memcmp(&path.sine, &pe_formations[i].sine, sizeof path.sine), 0);
        CU_ASSERT_PTR_EQUAL(pe_formation_by_name(pe_formations[i].name), &pe_formations[i]);
    }
}

static void a_path_of_ones_own_is_read_step_by_step(void)
{
    pe_formation path;
    CU_ASSERT_EQUAL(pe_formation_parse("position=bf16,frequency=exp-log:fp32,angle=fp32,"
                                       "sine=native:fp32:e4m3,store=bf16",
                                       &path, NULL),
                    PE_OK);
    CU_ASSERT_EQUAL(path.position, PE_BF16);
    CU_ASSERT_EQUAL(path.frequency.formula, PE_FREQUENCY_EXP_LOG);
    CU_ASSERT_EQUAL(path.frequency.arithmetic, PE_FP32);
    CU_ASSERT_EQUAL(path.angle.formula, PE_ANGLE_PRODUCT);
    CU_ASSERT_EQUAL(path.angle.arithmetic, PE_FP32);
    CU_ASSERT_EQUAL(path.sine.result, PE_FP8_E4M3);
    CU_ASSERT_EQUAL(path.store, PE_BF16);
    CU_ASSERT_STRING_EQUAL(path.name, "custom");
    CU_ASSERT_EQUAL(pe_formation_parse("frequency=exact:bf16", &path, NULL), PE_OK);
    CU_ASSERT_EQUAL(path.frequency.formula, PE_FREQUENCY_EXACT);
    CU_ASSERT_EQUAL(path.frequency.result, PE_BF16);
    CU_ASSERT_EQUAL(path.position, PE_UNROUNDED);
}

static void what_is_wrong_in_a_path_is_named(void)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "there is no path"},
        {"exp-lg", "did you mean exp-log?"},
        {"position", "there is no path"},
        {"positon=bf16", "did you mean position?"},
        {"position=bf61", "no format 'bf61'"},
        {"position=bf16,", "a step is NAME=VALUE"},
        {"position=bf16,position=fp16", "given twice"},
        {"position=pow:bf16", "no formula 'pow'"},
        {"store=exact:bf16", "no format after it"},
        {"frequency=pow", "needs a format"},
        {"frequency=", "no format ''"},
        {"frequency=pow:fp32:bf16:bf16", "FORMULA:FORMAT"},
        {"frequency=exact:fp32:bf16", "one format after it"},
        {"angle=prodct:fp32", "did you mean product?"},
        {"sine=native:", "no format ''"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pe_formation path = {.name = "untouched"};
        pe_error err = {0};
        CU_ASSERT_EQUAL(pe_formation_parse(wrong[i].text, &path, &err), PE_USAGE);
        PE_CONTAINS(err.text, wrong[i].says);
        CU_ASSERT_STRING_EQUAL(path.name, "untouched");
    }
    char longest[4096];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    longest[200] = '=';
    CU_ASSERT_EQUAL(pe_formation_parse(longest, &(pe_formation){0}, NULL), PE_USAGE);
}

/* Each formula in float as its line of C, to the last bit. */
static void float_frequencies_are_those_of_the_c_library(void)
{
    static const char *const names[] = {"pow", "reciprocal-pow", "exp-step", "exp-log",
                                        "running-product"};
    const float b = 10000, d = 128;
    for (size_t k = 0; k < 5; k++) {
        pe_formed formed = make(names[k], &usual);
        float running = 1;
        for (int i = 0; i < PAIRS; i++) {
            const float e = (float)(2 * i) / d;
            const float want[] = {powf(b, -e), 1.0f / powf(b, e),
                                  expf((float)(2 * i) * (-logf(b) / d)), expf(-e * logf(b)),
                                  running};
            PE_NEAR(names[k], formed.high[i], want[k], 0);
            running *= powf(b, -2.0f / d);
        }
        pe_formed_release(&formed);
    }
}

static void exact_frequencies_are_good_to_100_bits(void)
{
    static const double bases[] = {10000, 500000, 1e6, 2.5};
    mpfr_t w, e;
    mpfr_inits2(300, w, e, (mpfr_ptr)0);
    for (int b = 0; b < 4; b++) {
        const pe_spectrum spectrum = {bases[b], 48, 96};
        pe_formed formed = make("exact", &spectrum);
        for (unsigned long i = 0; i < 48; i++) {
            mpfr_set_d(e, -2.0 * (double)i, MPFR_RNDN);
            mpfr_div_ui(e, e, 96, MPFR_RNDN);
            mpfr_set_d(w, bases[b], MPFR_RNDN);
            mpfr_pow(w, w, e, MPFR_RNDN);
            const double size = mpfr_get_d(w, MPFR_RNDN);
            mpfr_sub_d(w, w, formed.high[i], MPFR_RNDN);
            mpfr_sub_d(w, w, formed.low[i], MPFR_RNDN);
            PE_NEAR("high + low", mpfr_get_d(w, MPFR_RNDN) / size, 0, 0x1p-100);
        }
        pe_formed_release(&formed);
    }
    mpfr_clears(w, e, (mpfr_ptr)0);
}

/* The pow path, written out in C. */
static void float_tables_are_those_of_a_float_program(void)
{
    pe_formed formed = make("pow", &usual);
    for (int i = 0; i < PAIRS; i += 7) {
        static const double positions[] = {0, 1, 77, 4095, 131071, 16777217};
        double s[6], c[6];
        pe_formed_column(&formed, (size_t)i, 6, positions, s, c, 1);
        for (int t = 0; t < 6; t++) {
            const float angle = (float)positions[t] * powf(10000, -(float)(2 * i) / 128);
            PE_NEAR("sine", s[t], sinf(angle), 0);
            PE_NEAR("cosine", c[t], cosf(angle), 0);
        }
    }
    pe_formed_release(&formed);
}

/* EleutherAI/gpt-neox#1003: everything in fp16, dim 32, position 1857, pair 1. */
static void the_published_angle_in_fp16_is_1045(void)
{
    const pe_spectrum spectrum = {10000, 16, 32};
    pe_formed formed = make("all-fp16", &spectrum), exact = make("exact", &spectrum);
    double low;
    PE_NEAR("all-fp16", pe_formed_angle(&formed, 1, 1857, &low), 1045, 0);
    PE_NEAR("exact", pe_formed_angle(&exact, 1, 1857, &low), 1044.2678, 5e-5);
    pe_formed_release(&formed);
    pe_formed_release(&exact);
}

/* sin and cos of the angle sum, in float, by a loop of our own. */
static void angle_addition_is_one_rotation_per_position(void)
{
    pe_formed formed = make("angle-addition", &usual);
    static const double positions[] = {0, 1, 2, 300, 300, 17, 2.5, -1, 33554432};
    double s[9], c[9];
    const float w = powf(10000, -6.0f / 128), s1 = sinf(w), c1 = cosf(w);
    pe_formed_column(&formed, 3, 9, positions, s, c, 1);
    for (int k = 0; k < 6; k++) {
        float x = 1, y = 0;
        for (int t = 0; t < (int)positions[k]; t++) {
            const float turned = y * c1 + x * s1;
            x = x * c1 - y * s1;
            y = turned;
        }
        PE_NEAR("sine", s[k], y, 0);
        PE_NEAR("cosine", c[k], x, 0);
    }
    for (int k = 6; k < 9; k++)
        CU_ASSERT(isnan(s[k]) && isnan(c[k]));
    pe_formed_release(&formed);
}

static void repeated_angles_multiply_from_pair_to_pair(void)
{
    pe_formed formed = make("repeated-angle", &usual);
    float angle = 131072;
    double low;
    for (size_t i = 0; i < PAIRS; i++) {
        PE_NEAR("angle", pe_formed_angle(&formed, i, 131072, &low), angle, 0);
        angle *= powf(10000, -2.0f / 128);
    }
    pe_formed_release(&formed);
}

static void the_exact_path_is_the_reference_and_one_exact_step_more_changes_nothing_there(void)
{
    pe_formed formed = make("exact", &usual);
    static const double positions[] = {0, 1, 1e6, 9007199254740991.0};
    for (size_t i = 0; i < PAIRS; i++) {
        double s[4], c[4], rs[4], rc[4];
        pe_formed_column(&formed, i, 4, positions, s, c, 1);
        pe_formed_reference(&formed, i, 4, positions, rs, rc, 1);
        for (int t = 0; t < 4; t++) {
            PE_NEAR("sine", s[t], rs[t], 0);
            PE_NEAR("cosine", c[t], rc[t], 0);
        }
    }
    pe_formed_release(&formed);
}

/* An exact step after an inexact one: sine(exact) of a float angle, against MPFR. */
static void an_exact_sine_of_a_float_angle_is_good_to_one_ulp_of_double(void)
{
    pe_formed formed = make("frequency=pow:fp32,angle=exact,sine=exact", &usual);
    mpfr_t x;
    mpfr_init2(x, 300);
    for (size_t i = 0; i < PAIRS; i++) {
        const double p = 123457;
        double s, c;
        pe_formed_column(&formed, i, 1, &p, &s, &c, 1);
        mpfr_set_d(x, formed.high[i], MPFR_RNDN);
        mpfr_mul_d(x, x, p, MPFR_RNDN);
        mpfr_sin(x, x, MPFR_RNDN);
        const double want = mpfr_get_d(x, MPFR_RNDN);
        PE_NEAR("sine", s, want, 0x1p-52 * fabs(want));
    }
    mpfr_clear(x);
    pe_formed_release(&formed);
}

static void steps_can_be_taken_out_and_kept_alone(void)
{
    const pe_formation *path = pe_formation_by_name("all-bf16");
    char text[PE_FORMATION_TEXT];
    pe_formation changed = pe_formation_without(path, PE_STEP_POSITION);
    pe_formation_write(&changed, text);
    CU_ASSERT_STRING_EQUAL(text, "position=exact,frequency=pow:fp32:bf16,angle=product:fp32:bf16,"
                                 "sine=native:fp32:bf16,store=bf16");
    changed = pe_formation_only(path, PE_STEP_ANGLE);
    pe_formation_write(&changed, text);
    CU_ASSERT_STRING_EQUAL(
        text, "position=exact,frequency=exact,angle=product:fp32:bf16,sine=exact,store=exact");
}

static void impossible_spectra_and_failed_allocations_leave_nothing(void)
{
    static const pe_spectrum bad[] = {{0, 4, 8},   {-1, 4, 8},  {(double)NAN, 4, 8},
                                      {1e4, 0, 8}, {1e4, 4, 0}, {HUGE_VAL, 4, 8}};
    const long before = pe_live_blocks();
    pe_formed formed;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(pe_formed_make(&pe_formations[0], &bad[i], &formed, NULL), PE_USAGE);
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY; allowed++) {
        pe_fail_allocations_after(allowed);
        status = pe_formed_make(&pe_formations[0], &usual, &formed, NULL);
        pe_fail_allocations_after(-1);
        CU_ASSERT(status == PE_OK || pe_live_blocks() == before);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    pe_formed_release(&formed);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

PE_TEST_MAIN("formation: paths", PE_TEST(every_shipped_path_survives_writing_and_parsing),
             PE_TEST(a_path_of_ones_own_is_read_step_by_step),
             PE_TEST(what_is_wrong_in_a_path_is_named),
             PE_TEST(float_frequencies_are_those_of_the_c_library),
             PE_TEST(exact_frequencies_are_good_to_100_bits),
             PE_TEST(float_tables_are_those_of_a_float_program),
             PE_TEST(the_published_angle_in_fp16_is_1045),
             PE_TEST(angle_addition_is_one_rotation_per_position),
             PE_TEST(repeated_angles_multiply_from_pair_to_pair),
             PE_TEST(the_exact_path_is_the_reference_and_one_exact_step_more_changes_nothing_there),
             PE_TEST(an_exact_sine_of_a_float_angle_is_good_to_one_ulp_of_double),
             PE_TEST(steps_can_be_taken_out_and_kept_alone),
             PE_TEST(impossible_spectra_and_failed_allocations_leave_nothing))
