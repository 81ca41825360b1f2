#include "judge.h"
#include "numbers/exact.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPFR bits: 113 of a quad, 60 of a phase, 120 of cancellation, and as many to spare. */
enum { BITS = 600, DRAWS = 20000 };

typedef struct judge {
    mpfr_t frequency, phase, sine, cosine;
} judge;

static void judge_init(judge *j)
{
    mpfr_inits2(BITS, j->frequency, j->phase, j->sine, j->cosine, (mpfr_ptr)0);
}

static void judge_clear(judge *j)
{
    mpfr_clears(j->frequency, j->phase, j->sine, j->cosine, (mpfr_ptr)0);
}

static void judge_frequency(judge *j, const pe_frequency *f)
{
    mpfr_set_d(j->phase, f->base, MPFR_RNDN);
    mpfr_set_d(j->frequency, -f->numerator, MPFR_RNDN);
    mpfr_div_d(j->frequency, j->frequency, f->denominator, MPFR_RNDN);
    mpfr_pow(j->frequency, j->phase, j->frequency, MPFR_RNDN);
    mpfr_mul_d(j->frequency, j->frequency, f->scale, MPFR_RNDN);
}

/* Towards zero, so that the sine of a tiny phase stays below the phase and is no tie. */
static void judge_position(judge *j, double position)
{
    mpfr_mul_d(j->phase, j->frequency, position, MPFR_RNDN);
    mpfr_sin_cos(j->sine, j->cosine, j->phase, MPFR_RNDZ);
}

/* |got - want| in ulps of a quad at want. */
static double quad_error(pe_quad got, const mpfr_t want)
{
    if (mpfr_zero_p(want))
        return got == 0 ? 0 : HUGE_VAL;
    mpfr_t difference;
    mpfr_init2(difference, BITS);
    set_quad(difference, got);
    mpfr_sub(difference, difference, want, MPFR_RNDN);
    mpfr_mul_2si(difference, difference, (long)PE_QUAD_DIGITS - mpfr_get_exp(want), MPFR_RNDN);
    double error = fabs(mpfr_get_d(difference, MPFR_RNDN));
    mpfr_clear(difference);
    return error;
}

/* How many of the six results are not as they must be: correctly rounded, and a quad to 0.501 ulp
 * as exact.h promises. */
static unsigned wrong_results(judge *j, const pe_turns *turns, double position)
{
    double s, c;
    float fs, fc;
    pe_quad qs, qc;
    pe_exact_f64(turns, 1, &position, &s, &c, 1);
    pe_exact_f32(turns, 1, &position, &fs, &fc, 1);
    pe_exact_f128(turns, 1, &position, &qs, &qc, 1);
    judge_position(j, position);
    return (unsigned)!same(s, mpfr_get_d(j->sine, MPFR_RNDN)) +
           (unsigned)!same(c, mpfr_get_d(j->cosine, MPFR_RNDN)) +
           (unsigned)!same((double)fs, (double)mpfr_get_flt(j->sine, MPFR_RNDN)) +
           (unsigned)!same((double)fc, (double)mpfr_get_flt(j->cosine, MPFR_RNDN)) +
           (unsigned)(quad_error(qs, j->sine) > 0.501) +
           (unsigned)(quad_error(qc, j->cosine) > 0.501);
}

static unsigned wrong_at(const pe_frequency *f, size_t n, const double *position)
{
    judge j;
    pe_turns turns;
    unsigned wrong = 0;
    judge_init(&j);
    judge_frequency(&j, f);
    pe_turns_prepare(&turns, f);
    for (size_t i = 0; i < n; i++)
        wrong += wrong_results(&j, &turns, position[i]);
    judge_clear(&j);
    return wrong;
}

/* ---- the golden tables ---- */

/* The data of a version 1 .npy file: count items of `size` bytes behind the header. */
static void *golden(const char *folder, const char *name, size_t size, size_t count)
{
    char path[4096];
    unsigned char head[10] = {0};
    snprintf(path, sizeof path, "%s/tests/golden/%s/%s.npy", POSENC_SOURCE_DIR, folder, name);
    FILE *file = fopen(path, "rb");
    void *data = calloc(count, size);
    CU_ASSERT_FATAL(file && data && fread(head, 1, 10, file) == 10);
    CU_ASSERT_FATAL(memcmp(head, "\x93NUMPY\x01", 7) == 0);
    CU_ASSERT_FATAL(fseek(file, head[8] + 256L * head[9], SEEK_CUR) == 0);
    CU_ASSERT_FATAL(fread(data, size, count, file) == count && fgetc(file) == EOF);
    fclose(file);
    return data;
}

/* Bytes that differ are differing results: the tables hold no zero of a negative position. */
static void check_golden(const char *folder, size_t width)
{
    enum { POSITIONS = 12 };
    int64_t *position = golden(folder, "positions", sizeof *position, POSITIONS);
    double *want = golden(folder, "pe_f64", sizeof *want, POSITIONS * width);
    float *want_f32 = golden(folder, "pe_f32", sizeof *want_f32, POSITIONS * width);
    double *got = calloc(POSITIONS * width, sizeof *got), p[POSITIONS];
    float *got_f32 = calloc(POSITIONS * width, sizeof *got_f32);
    CU_ASSERT_FATAL(got && got_f32);
    for (int t = 0; t < POSITIONS; t++)
        p[t] = (double)position[t];
    for (size_t c = 0; c < width; c += 2) {
        pe_turns turns;
        pe_turns_prepare(&turns, &(pe_frequency){1, 10000, (double)c, (double)width});
        pe_exact_f64(&turns, POSITIONS, p, got + c, got + c + 1, width);
        pe_exact_f32(&turns, POSITIONS, p, got_f32 + c, got_f32 + c + 1, width);
    }
    CU_ASSERT_EQUAL(memcmp(got, want, POSITIONS * width * sizeof *got), 0);
    CU_ASSERT_EQUAL(memcmp(got_f32, want_f32, POSITIONS * width * sizeof *got_f32), 0);
    free(position), free(want), free(want_f32), free(got), free(got_f32);
}

static void the_golden_tables_come_out_bit_for_bit(void)
{
    check_golden("sinusoidal_exact_d64", 64);
    check_golden("sinusoidal_exact_d512", 512);
}

/* ---- random draws ---- */

static double draw_position(uint64_t *state)
{
    static const double starts[] = {0, 0x1p24, 0x1p31, 0x1p40, 0x1p53 - 5000};
    double position = starts[draw_below(state, 5)] + (double)draw_below(state, 5000);
    if (draw_below(state, 4) == 0)
        position *= draw_unit(state);
    if (draw_below(state, 16) == 0)
        position = ldexp(position, -(int)draw_below(state, 1100));
    return draw_below(state, 3) == 0 ? -position : position;
}

/* Wrong results for one width: 25 positions for every frequency that is drawn. `planted` is added
 * to the last limbs of the prepared frequency. */
static unsigned wrong_for_width(size_t width, uint64_t planted, int draws)
{
    static const double bases[] = {1e4, 5e5, 1e6, 500};
    uint64_t state = width;
    unsigned wrong = 0;
    judge j;
    judge_init(&j);
    for (int k = 0; k < draws; k += 25) {
        pe_frequency f = {1, bases[draw_below(&state, 4)],
                          2.0 * (double)draw_below(&state, width / 2), (double)width};
        pe_turns turns;
        judge_frequency(&j, &f);
        pe_turns_prepare(&turns, &f);
        turns.mantissa[PE_TURNS_LIMBS - 2] += planted;
        for (int i = 0; i < 25; i++)
            wrong += wrong_results(&j, &turns, draw_position(&state));
    }
    judge_clear(&j);
    return wrong;
}

static void random_draws_agree_with_mpfr_at_every_width(void)
{
    static const size_t widths[] = {64, 128, 512, 768, 1024};
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(wrong_for_width(widths[i], 0, DRAWS), 0);
}

/* 2^20 in the fifth limb is 2^-107 of the frequency: seen by quads and at 2^53 by doubles. */
static void the_check_against_mpfr_sees_a_planted_error(void)
{
    CU_ASSERT(wrong_for_width(64, (uint64_t)1 << 20, 1000) > 100);
}

static void any_scale_base_and_exponent_agrees_with_mpfr(void)
{
    uint64_t state = 77;
    judge j;
    judge_init(&j);
    unsigned wrong = 0;
    for (int k = 0; k < 4000; k++) {
        pe_frequency f = {draw_double(&state, -30, 30), fabs(draw_double(&state, -20, 40)),
                          draw_double(&state, -10, 6), draw_double(&state, 2, 10)};
        pe_turns turns;
        judge_frequency(&j, &f);
        if (mpfr_get_exp(j.frequency) > 45)
            continue; /* beyond 2^100 radians at the largest position */
        pe_turns_prepare(&turns, &f);
        wrong += wrong_results(&j, &turns, draw_position(&state));
    }
    judge_clear(&j);
    CU_ASSERT_EQUAL(wrong, 0);
}

/* ---- places where it is hard ---- */

/* Numerators of the convergents of pi (OEIS A002485): sines as small as 1e-16. */
static void positions_next_to_a_multiple_of_pi_keep_all_digits(void)
{
    static const double near[] = {3,
                                  22,
                                  333,
                                  355,
                                  103993,
                                  104348,
                                  208341,
                                  312689,
                                  833719,
                                  1146408,
                                  4272943,
                                  5419351,
                                  80143857,
                                  165707065,
                                  245850922,
                                  411557987,
                                  1068966896,
                                  2549491779,
                                  6167950454,
                                  14885392687,
                                  21053343141,
                                  1783366216531,
                                  3587785776203,
                                  5371151992734,
                                  8958937768937,
                                  139755218526789,
                                  428224593349304,
                                  5706674932067741,
                                  6134899525417045};
    const pe_frequency unit = {1, 10000, 0, 64}, half = {0.5, 10000, 0, 64}, back = {-1, 7, 0, 1};
    CU_ASSERT_EQUAL(wrong_at(&unit, sizeof near / sizeof *near, near), 0);
    CU_ASSERT_EQUAL(wrong_at(&half, sizeof near / sizeof *near, near), 0);
    CU_ASSERT_EQUAL(wrong_at(&back, sizeof near / sizeof *near, near), 0);
}

/* sin(x) = x - x^3/6 lies below x by less than any working precision sees; where x is halfway
 * between two floats, it must still go down. 10000^(-1/2) = 1/100 is rational too. */
static void tiny_phases_halfway_between_floats_are_rounded_down(void)
{
    static const pe_frequency frequencies[] = {
        {1, 10000, 0, 64}, {0.25, 10000, 0, 1}, {1, 10000, 1, 2}, {-1, 16, 1, 4}};
    for (int k = 0; k < 4; k++)
        for (int e = -20; e > -160; e -= 3) {
            double x[] = {ldexp(1 + 0x1p-24, e), ldexp(1 + 0x3p-24, e), ldexp(-1 - 0x5p-24, e),
                          ldexp(100 * (1 + 0x1p-24), e), ldexp(100 * (1 + 0x3p-24), e)};
            CU_ASSERT_EQUAL(wrong_at(&frequencies[k], 5, x), 0);
        }
}

static void subnormal_results_are_rounded_once(void)
{
    static const double x[] = {0x1p-1074,  0x3p-1074, 0x1.5p-1040, 0x1.fffffffffffffp-1030,
                               0x1p-149,   0x3p-150,  0x1p-150,    0x1.000001p-150,
                               0x1.8p-140, 0x1p-1022, -0x1p-1074,  -0x1.23456789abcdep-130};
    const pe_frequency unit = {1, 10000, 0, 64}, slow = {1, 10000, 63, 64}, half = {0.5, 2, 0, 1};
    CU_ASSERT_EQUAL(wrong_at(&unit, sizeof x / sizeof *x, x), 0);
    CU_ASSERT_EQUAL(wrong_at(&slow, sizeof x / sizeof *x, x), 0);
    CU_ASSERT_EQUAL(wrong_at(&half, sizeof x / sizeof *x, x), 0);
}

/* ---- the rest of the contract ---- */

static void equal_frequencies_written_differently_give_equal_results(void)
{
    static const pe_frequency same_number[] = {
        {1, 10000, 6, 64}, {1, 100, 12, 64}, {1, 10, -3, -8}, {1, 1e4, 0.375, 4}};
    const double position = 9007199254740991;
    for (int k = 0; k < 4; k++) {
        pe_turns turns;
        double s, c, first_s, first_c;
        pe_turns_prepare(&turns, &same_number[0]);
        pe_exact_f64(&turns, 1, &position, &first_s, &first_c, 1);
        pe_turns_prepare(&turns, &same_number[k]);
        pe_exact_f64(&turns, 1, &position, &s, &c, 1);
        CU_ASSERT(s == first_s && c == first_c);
    }
}

static void zero_phases_have_the_sign_of_position_times_scale(void)
{
    const pe_frequency forward = {1, 10000, 2, 64}, backward = {-1, 10000, 2, 64};
    const pe_frequency none = {0, 10000, 2, 64}, vanishing = {1, 10000, 1e300, 64};
    const struct {
        const pe_frequency *f;
        double position, sine;
    } cases[] = {{&forward, 0, 0},     {&forward, -0.0, -0.0}, {&backward, 0, -0.0},
                 {&backward, -0.0, 0}, {&none, 5, 0},          {&none, -5, -0.0},
                 {&vanishing, 1e15, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        pe_turns turns;
        double s, c;
        float fs, fc;
        pe_quad qs, qc;
        pe_turns_prepare(&turns, cases[k].f);
        pe_exact_f64(&turns, 1, &cases[k].position, &s, &c, 1);
        pe_exact_f32(&turns, 1, &cases[k].position, &fs, &fc, 1);
        pe_exact_f128(&turns, 1, &cases[k].position, &qs, &qc, 1);
        CU_ASSERT(same(s, cases[k].sine) && same((double)fs, cases[k].sine));
        CU_ASSERT(same((double)qs, cases[k].sine));
        CU_ASSERT(c == 1 && fc == 1 && qc == 1);
    }
}

static bool all_nan(const pe_frequency *f, double position)
{
    pe_turns turns;
    double s = 0, c = 0;
    float fs = 0, fc = 0;
    pe_quad qs = 0, qc = 0;
    pe_turns_prepare(&turns, f);
    pe_exact_f64(&turns, 1, &position, &s, &c, 1);
    pe_exact_f32(&turns, 1, &position, &fs, &fc, 1);
    pe_exact_f128(&turns, 1, &position, &qs, &qc, 1);
    return isnan(s) && isnan(c) && isnan(fs) && isnan(fc) && isnan((double)qs) && isnan((double)qc);
}

static void what_has_no_value_gives_nan(void)
{
    const double nan = (double)NAN;
    const pe_frequency bad[] = {{nan, 1e4, 0, 1},      {HUGE_VAL, 1e4, 0, 1}, {1, nan, 0, 1},
                                {1, HUGE_VAL, 0, 1},   {1, 0, 1, 2},          {1, -2, 1, 2},
                                {1, 1e4, nan, 1},      {1, 1e4, HUGE_VAL, 1}, {1, 1e4, 1, 0},
                                {1, 1e4, 1, HUGE_VAL}, {1, 1e4, -1e300, 1},   {1, 1e-4, 1e300, 1}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        CU_ASSERT(all_nan(&bad[k], 1));
    const pe_frequency good = {1, 1e4, 2, 64}, fast = {0x1p60, 1e4, 0, 1};
    CU_ASSERT(all_nan(&good, nan) && all_nan(&good, HUGE_VAL) && all_nan(&good, -HUGE_VAL));
    CU_ASSERT(all_nan(&good, 1e300) && all_nan(&fast, 0x1p53) && !all_nan(&fast, 0x1p39));
}

static void a_base_of_one_and_the_largest_doubles_are_frequencies_too(void)
{
    const double x[] = {1, 3.25, -7, 1000};
    const pe_frequency f[] = {{1, 1, 5, 7},
                              {2, 0x1.fffffffffffffp1023, 1, 300},
                              {1, 0x1p-1074, -1, 500},
                              {1, 1e4, 1e-300, 64},
                              {1, 1e4, 40, 0.5},
                              {1e-300, 1e4, 1, 2},
                              {1, 1 + 0x1p-52, 0x1p55, 1}};
    for (size_t k = 0; k < sizeof f / sizeof f[0]; k++)
        CU_ASSERT_EQUAL(wrong_at(&f[k], 4, x), 0);
}

static void results_stand_a_stride_apart_and_either_may_be_left_out(void)
{
    const double x[] = {1, 2, 3};
    double both[7] = {9, 9, 9, 9, 9, 9, 9}, alone[3];
    pe_turns turns;
    pe_turns_prepare(&turns, &(pe_frequency){1, 10000, 2, 64});
    pe_exact_f64(&turns, 3, x, both, both + 1, 2);
    pe_exact_f64(&turns, 3, x, alone, NULL, 1);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(both[2 * i], alone[i]);
    pe_exact_f64(&turns, 3, x, NULL, alone, 1);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(both[2 * i + 1], alone[i]);
    CU_ASSERT_EQUAL(both[6], 9);
    pe_exact_f64(&turns, 0, NULL, NULL, NULL, 1);
}

PE_TEST_MAIN("numbers: exact sinusoids", PE_TEST(the_golden_tables_come_out_bit_for_bit),
             PE_TEST(random_draws_agree_with_mpfr_at_every_width),
             PE_TEST(the_check_against_mpfr_sees_a_planted_error),
             PE_TEST(any_scale_base_and_exponent_agrees_with_mpfr),
             PE_TEST(positions_next_to_a_multiple_of_pi_keep_all_digits),
             PE_TEST(tiny_phases_halfway_between_floats_are_rounded_down),
             PE_TEST(subnormal_results_are_rounded_once),
             PE_TEST(equal_frequencies_written_differently_give_equal_results),
             PE_TEST(zero_phases_have_the_sign_of_position_times_scale),
             PE_TEST(what_has_no_value_gives_nan),
             PE_TEST(a_base_of_one_and_the_largest_doubles_are_frequencies_too),
             PE_TEST(results_stand_a_stride_apart_and_either_may_be_left_out))
