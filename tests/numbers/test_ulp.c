#include "judge.h"
#include "numbers/ulp.h"
#include "testing.h"

#include <float.h>

static const double pi = 3.14159265358979323846;

static void ulps_at_known_places(void)
{
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, 1, 0), DBL_EPSILON);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, 1, 1e-30), DBL_EPSILON);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, 1, -1e-30), DBL_EPSILON / 2);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, -1, 1e-30), DBL_EPSILON / 2);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP32, 1.99, 0), (double)FLT_EPSILON);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP32, -2, 0), 2 * (double)FLT_EPSILON);
    CU_ASSERT_EQUAL(pe_ulp(PE_BF16, 15962, 0), 64);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP16, 2049, 0), 2);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP16, 1e-6, 0), 0x1p-24);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP16, 0, 0), 0x1p-24);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, 1e-310, 0), 0x1p-1074);
    CU_ASSERT_EQUAL(pe_ulp(PE_FP64, DBL_MAX, 0), 0x1p971);
    CU_ASSERT_EQUAL(pe_ulp(PE_UNROUNDED, 1, 0), 0);
}

static void the_ulp_is_the_distance_to_the_next_number(void)
{
    int wrong = 0;
    for (unsigned bits = 0; bits < 0x7bff; bits++) { /* all finite halves but the last */
        double x = pe_from_half_bits((uint16_t)bits);
        double next = pe_from_half_bits((uint16_t)(bits + 1));
        wrong += pe_ulp(PE_FP16, x, 0) != next - x;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Real numbers of 106 bits, near powers of two as well. */
static void a_rounded_number_is_off_by_at_most_half_an_ulp(void)
{
    uint64_t state = 5;
    double worst = 0;
    for (int k = 0; k < 200000; k++) {
        pe_format format = (pe_format)(PE_FP64 + (int)draw_below(&state, PE_FORMAT_COUNT - 1));
        int least = pe_format_least_exponent(format);
        double hi = draw_double(&state, least > -900 ? least - 4 : -900, 6);
        if (draw_below(&state, 4) == 0)
            hi = ldexp(1.0, ilogb(hi));
        double lo = hi * draw_double(&state, -70, -55);
        worst = fmax(worst, pe_error_ulp(format, pe_round_to_format(format, hi), hi, lo));
    }
    /* hi alone is rounded here; at a tie the tail adds 2^-54 of the number, in fp32 2^-30 ulp. */
    CU_ASSERT(worst <= 0.5 + 0x1p-30);
    CU_ASSERT(worst > 0.499);
}

static void the_neighbour_of_a_rounded_number_is_off_by_one_ulp_and_its_tail(void)
{
    uint64_t state = 6;
    for (int k = 0; k < 10000; k++) {
        double hi = draw_double(&state, -20, 20), lo = hi * draw_double(&state, -80, -60);
        double error = pe_error_ulp(PE_FP64, nextafter(hi, HUGE_VAL), hi, lo);
        if (!(fabs(error - 1) <= 0x1p-6)) {
            CU_FAIL("neighbour");
        }
    }
}

static void errors_far_below_the_last_bit_are_seen(void)
{
    PE_NEAR("1/3", pe_error_absolute(1.0 / 3, 1.0 / 3, 1e-25), 1e-25, 1e-25 * DBL_EPSILON);
    PE_NEAR("in ulp", pe_error_ulp(PE_FP64, 1, 1, 0x1p-60), 0x1p-8, 0);
    PE_NEAR("just below 1", pe_error_ulp(PE_FP64, 1, 1, -0x1p-60), 0x1p-7, 0);
    PE_NEAR("float", pe_error_ulp(PE_FP32, (double)0.1f, 0.1, 0), 0.2, 1e-6);
}

static void what_is_not_finite_is_told_apart(void)
{
    const double nan = (double)NAN;
    CU_ASSERT(isnan(pe_ulp(PE_FP64, nan, 0)) && isnan(pe_ulp(PE_FP64, HUGE_VAL, 0)));
    CU_ASSERT(isnan(pe_error_ulp(PE_FP32, nan, 1, 0)) && isnan(pe_error_ulp(PE_FP32, 1, nan, 0)));
    CU_ASSERT(isnan(pe_error_ulp(PE_FP32, 1, 1, nan)));
    CU_ASSERT_EQUAL(pe_error_ulp(PE_FP16, HUGE_VAL, HUGE_VAL, 0), 0);
    CU_ASSERT(isinf(pe_error_ulp(PE_FP16, HUGE_VAL, -HUGE_VAL, 0)));
    CU_ASSERT(isinf(pe_error_ulp(PE_FP16, HUGE_VAL, 70000, 0)));
    CU_ASSERT(isinf(pe_error_ulp(PE_FP16, 1, HUGE_VAL, 0)));
}

static void differences_are_wrapped_to_half_a_turn(void)
{
    PE_NEAR("small", pe_wrapped_difference(1.25, 1), 0.25, 0);
    PE_NEAR("small, other way", pe_wrapped_difference(1, 1.25), 0.25, 0);
    PE_NEAR("5.009", pe_wrapped_difference(5.009, 0), 2 * pi - 5.009, 4 * DBL_EPSILON);
    PE_NEAR("half a turn", pe_wrapped_difference(pi, 0), pi, 0);
    PE_NEAR("turns", pe_wrapped_difference(100 * pi + 0.5, 0), 0.5, 200 * pi * DBL_EPSILON);
    CU_ASSERT(isnan(pe_wrapped_difference(HUGE_VAL, 0)));
}

static void phase_errors_are_angles_between_directions(void)
{
    uint64_t state = 7;
    for (int k = 0; k < 10000; k++) {
        double a = draw_double(&state, -10, 10), b = draw_double(&state, -10, 10);
        double got = pe_phase_error(sin(a), cos(a), sin(b), cos(b));
        PE_NEAR("wrapped", got, pe_wrapped_difference(a, b), 2048 * DBL_EPSILON);
        if (!(got >= 0 && got <= pi)) {
            CU_FAIL("outside [0, pi]");
        }
    }
    PE_NEAR("tiny", pe_phase_error(1e-9, 1, 0, 1), 1e-9, 1e-24);
    PE_NEAR("length does not matter", pe_phase_error(2, 2, 0, 3), pi / 4, 2 * DBL_EPSILON);
    PE_NEAR("opposite", pe_phase_error(0, -1, 0, 1), pi, 0);
}

PE_TEST_MAIN("numbers: ulp", PE_TEST(ulps_at_known_places),
             PE_TEST(the_ulp_is_the_distance_to_the_next_number),
             PE_TEST(a_rounded_number_is_off_by_at_most_half_an_ulp),
             PE_TEST(the_neighbour_of_a_rounded_number_is_off_by_one_ulp_and_its_tail),
             PE_TEST(errors_far_below_the_last_bit_are_seen),
             PE_TEST(what_is_not_finite_is_told_apart),
             PE_TEST(differences_are_wrapped_to_half_a_turn),
             PE_TEST(phase_errors_are_angles_between_directions))
