/* Inner products in quad against MPFR, which adds up exactly. */
#include "core/quad_dot.h"
#include "judge.h"
#include "testing.h"

#include <math.h>
#include <mpfr.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 300, EXACT_BITS = 4000 };

static uint64_t state = 20260101;

/* 113 random bits, either sign, an exponent of 0 .. -spread. */
static pe_quad draw_quad(int spread)
{
    const pe_quad x = (pe_quad)draw_double(&state, 0, 0) + (pe_quad)draw_double(&state, -53, -53) +
                      (pe_quad)draw_double(&state, -106, -106);
    const int down = (int)draw_below(&state, (uint64_t)spread + 1);
    return x * (pe_quad)ldexp(1, -down);
}

static void exact_dot(int n, const pe_quad *x, ptrdiff_t x_step, const pe_quad *y, ptrdiff_t y_step,
                      mpfr_t sum, mpfr_t largest)
{
    mpfr_t a, b;
    mpfr_inits2(EXACT_BITS, a, b, (mpfr_ptr)0);
    mpfr_set_zero(sum, 1);
    mpfr_set_zero(largest, 1);
    for (int i = 0; i < n; i++) {
        set_quad(a, x[i * x_step]);
        set_quad(b, y[i * y_step]);
        mpfr_mul(a, a, b, MPFR_RNDN);
        mpfr_add(sum, sum, a, MPFR_RNDN);
        if (mpfr_cmpabs(a, largest) > 0)
            mpfr_abs(largest, a, MPFR_RNDN);
    }
    mpfr_clears(a, b, (mpfr_ptr)0);
}

/* |got - sum| over the bound of quad_dot.h. */
static double over_bound(pe_quad got, int n, const mpfr_t sum, const mpfr_t largest)
{
    mpfr_t error, bound;
    mpfr_inits2(EXACT_BITS, error, bound, (mpfr_ptr)0);
    set_quad(error, got);
    mpfr_sub(error, error, sum, MPFR_RNDN);
    mpfr_mul_2si(bound, largest, -286, MPFR_RNDN);
    mpfr_mul_si(bound, bound, n, MPFR_RNDN);
    mpfr_t half;
    mpfr_init2(half, EXACT_BITS);
    mpfr_mul_2si(half, sum, -113, MPFR_RNDN);
    mpfr_abs(half, half, MPFR_RNDN);
    mpfr_add(bound, bound, half, MPFR_RNDN);
    mpfr_abs(error, error, MPFR_RNDN);
    const double share = mpfr_zero_p(error) ? 0
                                            : (mpfr_div(error, error, bound, MPFR_RNDN),
                                               mpfr_get_d(error, MPFR_RNDN));
    mpfr_clears(error, bound, half, (mpfr_ptr)0);
    return share;
}

static double worst_of(int trials, int n, int spread, ptrdiff_t x_step, ptrdiff_t y_step)
{
    static pe_quad x[3 * MOST], y[3 * MOST];
    double worst = 0;
    mpfr_t sum, largest;
    mpfr_inits2(EXACT_BITS, sum, largest, (mpfr_ptr)0);
    for (int k = 0; k < trials; k++) {
        for (int i = 0; i < 3 * n; i++) {
            x[i] = draw_below(&state, 16) ? draw_quad(spread) : 0;
            y[i] = draw_quad(spread);
        }
        exact_dot(n, x, x_step, y, y_step, sum, largest);
        worst = fmax(worst, over_bound(pe_quad_dot(n, x, x_step, y, y_step), n, sum, largest));
    }
    mpfr_clears(sum, largest, (mpfr_ptr)0);
    return worst;
}

static bool is_binary128(void)
{
    return PE_QUAD_DIGITS == 113u;
}

static void the_bound_of_the_header_holds(void)
{
    static const int spreads[] = {0, 10, 60, 200, 400};
    if (!is_binary128())
        return;
    for (size_t s = 0; s < sizeof spreads / sizeof spreads[0]; s++)
        for (int n = 1; n <= MOST; n += n < 8 ? 1 : 73) {
            CU_ASSERT(worst_of(10, n, spreads[s], 1, 1) <= 1);
            CU_ASSERT(worst_of(5, n, spreads[s], 3, 2) <= 1);
        }
}

static void what_cancels_is_not_lost(void)
{
    const pe_quad big = (pe_quad)0x1p30, small = 1 + (pe_quad)0x1p-100;
    const pe_quad x[] = {big, small, -big, 1}, y[] = {big, small, big, -1};
    const pe_quad want = (pe_quad)0x1p-99; /* small^2 - 1, less 2^-200 */
    if (!is_binary128())
        return;
    const double error = (double)((pe_quad_dot(4, x, 1, y, 1) - want) / want);
    CU_ASSERT_DOUBLE_EQUAL(error, 0x1p-101, 0x1p-150);
}

static void zeros_and_nothing_give_zero(void)
{
    const pe_quad zero[] = {0, -(pe_quad)0}, x[] = {3, 4}, y[] = {4, -3};
    CU_ASSERT(pe_quad_dot(0, x, 1, y, 1) == 0);
    CU_ASSERT(pe_quad_dot(2, zero, 1, y, 1) == 0);
    CU_ASSERT(pe_quad_dot(2, x, 1, y, 1) == 0);
    CU_ASSERT(1 / pe_quad_dot(2, x, 1, y, 1) > 0); /* and not -0 */
}

static void numbers_out_of_range_go_the_plain_way(void)
{
    const pe_quad infinity = (pe_quad)HUGE_VAL, nan = (pe_quad)NAN;
    const pe_quad x[] = {1, infinity}, y[] = {2, 3}, z[] = {1, nan}, w[] = {infinity, 0};
    CU_ASSERT(pe_quad_dot(2, x, 1, y, 1) == infinity);
    CU_ASSERT(pe_quad_dot(2, z, 1, y, 1) != pe_quad_dot(2, z, 1, y, 1));
    CU_ASSERT(pe_quad_dot(2, x, 1, w, 1) != pe_quad_dot(2, x, 1, w, 1)); /* infinity times 0 */
    pe_quad huge = 1, tiny = 1;
    for (int i = 0; i < 16; i++) {
        huge *= (pe_quad)0x1p1000;
        tiny *= (pe_quad)0x1p-1000;
    }
    const pe_quad up[] = {huge, 1}, down[] = {tiny, tiny}, less = tiny * (pe_quad)0x1p-400;
    CU_ASSERT(pe_quad_dot(1, up, 1, up, 1) == huge * huge);
    CU_ASSERT(pe_quad_dot(2, up, 1, down, 1) == huge * tiny + tiny);
    CU_ASSERT(pe_quad_dot(1, down, 1, down, 1) == tiny * tiny);
    CU_ASSERT(pe_quad_dot(1, &less, 1, up, 1) == less * huge); /* subnormal */
}

static void the_order_of_terms_does_not_matter(void)
{
    enum { N = 100 };
    static pe_quad x[N], y[N];
    for (int i = 0; i < N; i++) {
        x[i] = draw_quad(40);
        y[i] = draw_quad(40);
    }
    if (!is_binary128())
        return;
    CU_ASSERT(pe_quad_dot(N, x, 1, y, 1) == pe_quad_dot(N, x + N - 1, -1, y + N - 1, -1));
    CU_ASSERT(pe_quad_dot(N, x, 1, y, 1) == pe_quad_dot(N, y, 1, x, 1));
}

PE_TEST_MAIN("core: inner products in quad", PE_TEST(the_bound_of_the_header_holds),
             PE_TEST(what_cancels_is_not_lost), PE_TEST(zeros_and_nothing_give_zero),
             PE_TEST(numbers_out_of_range_go_the_plain_way),
             PE_TEST(the_order_of_terms_does_not_matter))
