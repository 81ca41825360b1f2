#include "judge.h"
#include "testing.h"

#include <float.h>
#include <string.h>

typedef struct narrow_format {
    pe_format format;
    int digits, least, greatest; /* from the specifications, not from the code under test */
    double largest;
    bool infinite;
    unsigned patterns;
} narrow_format;

static const narrow_format narrow[] = {
    {PE_FP32, 24, -126, 127, (double)FLT_MAX, true, 0},
    {PE_TF32, 11, -126, 127, 0x1.ffcp127, true, 0},
    {PE_FP16, 11, -14, 15, 65504, true, 65536},
    {PE_BF16, 8, -126, 127, 0x1.fep127, true, 65536},
    {PE_FP8_E4M3, 4, -6, 8, 448, false, 256},
    {PE_FP8_E5M2, 3, -14, 15, 57344, true, 256},
};
enum { NARROW = sizeof narrow / sizeof narrow[0], RANDOM_DRAWS = 100000 };

static double decoded(pe_format format, unsigned bits)
{
    switch (format) {
    case PE_FP16:
        return pe_from_half_bits((uint16_t)bits);
    case PE_BF16:
        return pe_from_bf16_bits((uint16_t)bits);
    case PE_FP8_E4M3:
        return pe_from_e4m3_bits((uint8_t)bits);
    default:
        return pe_from_e5m2_bits((uint8_t)bits);
    }
}

static unsigned encoded(pe_format format, double x)
{
    switch (format) {
    case PE_FP16:
        return pe_to_half_bits(x);
    case PE_BF16:
        return pe_to_bf16_bits(x);
    case PE_FP8_E4M3:
        return pe_to_e4m3_bits(x);
    default:
        return pe_to_e5m2_bits(x);
    }
}

/* The judge: MPFR with the format's precision and exponent range. */
static double by_mpfr(const narrow_format *f, const mpfr_t exact, mpfr_rnd_t mode)
{
    mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
    mpfr_t y;
    mpfr_init2(y, f->digits);
    int ternary = mpfr_set(y, exact, mode);
    mpfr_set_emin(f->least - f->digits + 2); /* MPFR's numbers are 0.1xxx * 2^e */
    mpfr_set_emax(f->greatest + 1);
    ternary = mpfr_check_range(y, ternary, mode);
    mpfr_subnormalize(y, ternary, mode);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    double rounded = mpfr_get_d(y, MPFR_RNDN);
    mpfr_clear(y);
    if (!f->infinite && fabs(rounded) > f->largest)
        return (double)NAN;
    return rounded;
}

static mpfr_t held; /* one number wide enough for every quad */

static bool agrees(const narrow_format *f, double x, mpfr_rnd_t mode)
{
    mpfr_set_d(held, x, MPFR_RNDN);
    return same(pe_round_to_format(f->format, x), by_mpfr(f, held, mode));
}

/* A number and its doubles above and below, with both signs. */
static int disagreements_around(const narrow_format *f, double x, mpfr_rnd_t mode)
{
    const double near[] = {x, nextafter(x, HUGE_VAL), nextafter(x, -HUGE_VAL)};
    int wrong = 0;
    for (int i = 0; i < 3; i++)
        wrong += !agrees(f, near[i], mode) + !agrees(f, -near[i], mode);
    return wrong;
}

/* All numbers of the format and all ties between neighbours. */
static int disagreements_at_patterns(const narrow_format *f, mpfr_rnd_t mode)
{
    int wrong = 0;
    for (unsigned bits = 0; bits + 1 < f->patterns / 2; bits++) {
        double x = decoded(f->format, bits), next = decoded(f->format, bits + 1);
        if (isnan(x))
            continue;
        wrong += disagreements_around(f, x, mode);
        if (isfinite(x) && isfinite(next))
            wrong += disagreements_around(f, x + (next - x) / 2, mode);
    }
    return wrong + disagreements_around(f, f->largest, mode) +
           disagreements_around(f, f->largest + ldexp(1.0, f->greatest - f->digits), mode);
}

static void every_number_and_every_tie_is_rounded_as_by_mpfr(void)
{
    mpfr_init2(held, 20000);
    for (int i = 0; i < NARROW; i++)
        CU_ASSERT_EQUAL(disagreements_at_patterns(&narrow[i], MPFR_RNDN), 0);
    mpfr_clear(held);
}

static void the_check_against_mpfr_sees_truncation(void)
{
    mpfr_init2(held, 20000);
    for (int i = 0; i < NARROW; i++)
        CU_ASSERT_NOT_EQUAL(disagreements_at_patterns(&narrow[i], MPFR_RNDZ), 0);
    mpfr_clear(held);
}

/* Exponents from far below the format's smallest number to above its largest. */
static double draw_for(const narrow_format *f, uint64_t *state)
{
    double x = draw_double(state, f->least - f->digits - 3, f->greatest + 2);
    int kind = (int)draw_below(state, 4);
    if (kind == 0) /* a tie, or one of a few bits more than the format */
        return ldexp(rint(ldexp(frexp(x, &kind), f->digits + 1)), kind - f->digits - 1);
    return kind == 1 ? (double)(float)x : x;
}

static void random_doubles_and_floats_are_rounded_as_by_mpfr(void)
{
    uint64_t state = 1;
    mpfr_init2(held, 20000);
    for (int i = 0; i < NARROW; i++) {
        int wrong = 0;
        for (int k = 0; k < RANDOM_DRAWS; k++)
            wrong += !agrees(&narrow[i], draw_for(&narrow[i], &state), MPFR_RNDN);
        CU_ASSERT_EQUAL(wrong, 0);
    }
    mpfr_clear(held);
}

/* Ties moved by less than a double can see: rounding through double would get half of them wrong.
 */
static void quads_are_rounded_once(void)
{
    uint64_t state = 2;
    int twice_would_differ = 0;
    mpfr_init2(held, 20000);
    for (int i = 0; i < NARROW; i++) {
        int wrong = 0;
        for (int k = 0; k < RANDOM_DRAWS / 4; k++) {
            pe_quad x = (pe_quad)draw_for(&narrow[i], &state);
            pe_quad rounded = x += x * (pe_quad)draw_double(&state, -100, -60);
            pe_round_array_f128(narrow[i].format, 1, &rounded);
            set_quad(held, x);
            double want = by_mpfr(&narrow[i], held, MPFR_RNDN);
            wrong += !same((double)rounded, want);
            twice_would_differ += !same(pe_round_to_format(narrow[i].format, (double)x), want);
        }
        CU_ASSERT_EQUAL(wrong, 0);
    }
    if (PE_QUAD_DIGITS > 100)
        CU_ASSERT(twice_would_differ > 1000);
    mpfr_clear(held);
}

static void quads_keep_zeros_infinities_and_go_to_double_once(void)
{
    const pe_quad infinity = (pe_quad)HUGE_VAL;
    for (int i = 0; i < NARROW; i++) {
        pe_quad x[] = {-(pe_quad)0, infinity, -infinity, (pe_quad)NAN};
        pe_round_array_f128(narrow[i].format, 4, x);
        CU_ASSERT(same((double)x[0], -0.0));
        double largest = narrow[i].infinite ? HUGE_VAL : (double)NAN;
        CU_ASSERT(same((double)x[1], largest) && same((double)x[2], -largest));
        CU_ASSERT(isnan((double)x[3]));
    }
    pe_quad x[] = {1 + (pe_quad)0x1p-53, 1 + (pe_quad)0x1p-53 + (pe_quad)0x1p-60};
    pe_round_array_f128(PE_FP64, 2, x);
    CU_ASSERT(x[0] == 1 && x[1] == 1 + (pe_quad)DBL_EPSILON);
}

static void every_pattern_survives_decoding_and_encoding(void)
{
    for (int i = 0; i < NARROW; i++)
        for (unsigned bits = 0; bits < narrow[i].patterns; bits++) {
            double x = decoded(narrow[i].format, bits);
            unsigned again = encoded(narrow[i].format, x);
            if (isnan(x) ? !isnan(decoded(narrow[i].format, again)) : again != bits) {
                CU_FAIL("a pattern changed");
            }
        }
}

/* Counted from the specifications: NaNs of both signs. */
static void formats_have_as_many_nans_as_their_specifications_say(void)
{
    const unsigned want[NARROW] = {0, 0, 2 * 1023, 2 * 127, 2, 2 * 3};
    for (int i = 0; i < NARROW; i++) {
        unsigned nans = 0;
        for (unsigned bits = 0; bits < narrow[i].patterns; bits++)
            nans += isnan(decoded(narrow[i].format, bits)) != 0;
        CU_ASSERT_EQUAL(nans, want[i]);
    }
}

#ifdef __FLT16_MANT_DIG__
__extension__ typedef _Float16 half;

static void all_halves_are_those_of_the_compiler(void)
{
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t pattern = (uint16_t)bits;
        half h;
        memcpy(&h, &pattern, sizeof h);
        if (!same(pe_from_half_bits(pattern), (double)h)) {
            CU_FAIL("a half is decoded wrongly");
        }
    }
    uint64_t state = 3;
    int wrong = 0;
    for (int k = 0; k < RANDOM_DRAWS; k++) {
        double x = draw_for(&narrow[2], &state);
        half h = (half)x;
        uint16_t pattern;
        memcpy(&pattern, &h, sizeof pattern);
        wrong += pattern != pe_to_half_bits(x);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}
#define COMPILER_HALVES PE_TEST(all_halves_are_those_of_the_compiler),
#else
#define COMPILER_HALVES
#endif

/* A bfloat16 is the upper half of a float. */
static void bf16_patterns_are_the_upper_halves_of_floats(void)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint32_t pattern = bits << 16;
        float x;
        memcpy(&x, &pattern, sizeof x);
        if (!same(pe_from_bf16_bits((uint16_t)bits), (double)x)) {
            CU_FAIL("a bfloat16 is decoded wrongly");
        }
    }
}

static void known_values(void)
{
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP16, 65519.99), 65504);
    CU_ASSERT(isinf(pe_round_to_format(PE_FP16, 65520)));
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP16, 2049), 2048);
    CU_ASSERT_EQUAL(pe_round_to_format(PE_BF16, 257), 256);
    CU_ASSERT_EQUAL(pe_round_to_format(PE_BF16, 259), 260);
    CU_ASSERT_EQUAL(pe_round_to_format(PE_TF32, 2049), 2048);
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP8_E4M3, 464), 448);
    CU_ASSERT(isnan(pe_round_to_format(PE_FP8_E4M3, nextafter(464, 500))));
    CU_ASSERT(isnan(pe_round_to_format(PE_FP8_E4M3, HUGE_VAL)));
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP8_E5M2, nextafter(61440, 0)), 57344);
    CU_ASSERT(isinf(pe_round_to_format(PE_FP8_E5M2, 61440)));
    CU_ASSERT(same(pe_round_to_format(PE_FP16, -0x1p-25), -0.0));
    CU_ASSERT_EQUAL(pe_round_to_format(PE_FP16, nextafter(0x1p-25, 1)), 0x1p-24);
    CU_ASSERT_EQUAL(pe_to_half_bits(1), 0x3c00);
    CU_ASSERT_EQUAL(pe_to_bf16_bits(-2), 0xc000);
    CU_ASSERT_EQUAL(pe_to_e4m3_bits(448), 0x7e);
    CU_ASSERT_EQUAL(pe_to_e4m3_bits(1e9), 0x7f);
    CU_ASSERT_EQUAL(pe_to_e5m2_bits(-HUGE_VAL), 0xfc);
    CU_ASSERT_EQUAL(pe_to_half_bits((double)NAN), 0x7e00);
}

static void arrays_are_rounded_as_single_numbers_are(void)
{
    enum { N = 4099 };
    static double x[N], y[N];
    static float z[N];
    static pe_quad w[N];
    uint64_t state = 4;
    for (int f = 0; f < PE_FORMAT_COUNT; f++) {
        int wrong = 0;
        for (int i = 0; i < N; i++) {
            x[i] = y[i] = (double)(float)draw_double(&state, -140, 120);
            z[i] = (float)x[i];
            w[i] = (pe_quad)x[i];
        }
        pe_round_array_f64((pe_format)f, N, y);
        pe_round_array_f32((pe_format)f, N, z);
        pe_round_array_f128((pe_format)f, N, w);
        for (int i = 0; i < N; i++) {
            double want = pe_round_to_format((pe_format)f, x[i]);
            wrong += !same(y[i], want) + !same((double)z[i], want) + !same((double)w[i], want);
        }
        CU_ASSERT_EQUAL(wrong, 0);
    }
}

static void no_numbers_and_no_format_are_left_alone(void)
{
    double x = 0.1;
    float y = 0.1f;
    pe_quad z = 1 + (pe_quad)0x1p-60;
    pe_round_array_f64(PE_FP8_E5M2, 0, NULL);
    pe_round_array_f32(PE_FP8_E5M2, 0, NULL);
    pe_round_array_f128(PE_FP8_E5M2, 0, NULL);
    for (int f = -1; f <= 100; f += 101) {
        pe_round_array_f64((pe_format)f, 1, &x);
        pe_round_array_f32((pe_format)f, 1, &y);
        pe_round_array_f128((pe_format)f, 1, &z);
    }
    pe_round_array_f128(PE_UNROUNDED, 1, &z);
    CU_ASSERT(x == 0.1 && y == 0.1f && z == 1 + (pe_quad)0x1p-60);
    CU_ASSERT_EQUAL(pe_round_to_format(PE_UNROUNDED, 0.1), 0.1);
    CU_ASSERT_PTR_NULL(pe_format_name(PE_FORMAT_COUNT));
    CU_ASSERT_EQUAL(pe_format_digits((pe_format)-1), 0);
}

static void names_lead_back_to_their_formats(void)
{
    for (int f = 0; f < PE_FORMAT_COUNT; f++) {
        pe_format found = PE_FORMAT_COUNT;
        CU_ASSERT(pe_format_by_name(pe_format_name((pe_format)f), &found));
        CU_ASSERT_EQUAL((int)found, f);
    }
    pe_format untouched = PE_BF16;
    CU_ASSERT_FALSE(pe_format_by_name("fp17", &untouched));
    CU_ASSERT_FALSE(pe_format_by_name("", &untouched));
    CU_ASSERT_EQUAL(untouched, PE_BF16);
}

static void properties_are_those_of_the_specifications(void)
{
    for (int i = 0; i < NARROW; i++) {
        const narrow_format *f = &narrow[i];
        CU_ASSERT_EQUAL(pe_format_digits(f->format), f->digits);
        CU_ASSERT_EQUAL(pe_format_least_exponent(f->format), f->least);
        CU_ASSERT_EQUAL(pe_format_largest(f->format), f->largest);
        double epsilon = pe_format_epsilon(f->format), smallest = pe_format_smallest(f->format);
        CU_ASSERT_EQUAL(pe_round_to_format(f->format, 1 + epsilon), 1 + epsilon);
        CU_ASSERT_EQUAL(pe_round_to_format(f->format, 1 + epsilon / 2), 1);
        CU_ASSERT_EQUAL(pe_round_to_format(f->format, smallest), smallest);
        CU_ASSERT_EQUAL(pe_round_to_format(f->format, smallest / 2), 0);
    }
    CU_ASSERT_EQUAL(pe_format_epsilon(PE_FP64), DBL_EPSILON);
    CU_ASSERT_EQUAL(pe_format_epsilon(PE_FP32), (double)FLT_EPSILON);
    CU_ASSERT_EQUAL(pe_format_smallest(PE_FP64), 0x1p-1074);
    CU_ASSERT_EQUAL(pe_format_largest(PE_FP64), DBL_MAX);
    CU_ASSERT_EQUAL(pe_format_epsilon(PE_UNROUNDED), 0);
    CU_ASSERT_EQUAL(pe_format_smallest(PE_UNROUNDED), 0);
    CU_ASSERT(isinf(pe_format_largest(PE_UNROUNDED)));
}

PE_TEST_MAIN("numbers: formats", PE_TEST(every_number_and_every_tie_is_rounded_as_by_mpfr),
             PE_TEST(the_check_against_mpfr_sees_truncation),
             PE_TEST(random_doubles_and_floats_are_rounded_as_by_mpfr),
             PE_TEST(quads_are_rounded_once),
             PE_TEST(quads_keep_zeros_infinities_and_go_to_double_once),
             PE_TEST(every_pattern_survives_decoding_and_encoding),
             PE_TEST(formats_have_as_many_nans_as_their_specifications_say),
             COMPILER_HALVES PE_TEST(bf16_patterns_are_the_upper_halves_of_floats),
             PE_TEST(known_values), PE_TEST(arrays_are_rounded_as_single_numbers_are),
             PE_TEST(no_numbers_and_no_format_are_left_alone),
             PE_TEST(names_lead_back_to_their_formats),
             PE_TEST(properties_are_those_of_the_specifications))
