/* The limb arithmetic against GMP, with the product that works without a 128-bit type; exact.c and
 * turns.c use the other one, and test_exact.c judges it. */
#define PE_NO_INT128
#include "judge.h"
#include "numbers/limbs.h"
#include "testing.h"

#include <gmp.h>

enum { LIMBS = 7, DRAWS = 2000 };

/* Random limbs with long runs of ones and zeros, where carries hide. */
static void draw_limbs(uint64_t *state, unsigned n, uint64_t *x)
{
    static const uint64_t special[] = {
        0, 1, UINT64_MAX, (uint64_t)1 << 63, UINT32_MAX, UINT64_MAX - UINT32_MAX};
    for (unsigned i = 0; i < n; i++)
        x[i] = draw(state) & 1 ? draw(state) : special[draw_below(state, 6)];
}

static void import(mpz_t to, unsigned n, const uint64_t *x)
{
    mpz_import(to, n, -1, sizeof *x, 0, 0, x);
}

/* x == n limbs of `want`, the higher ones cut off; `want` may be negative (two's complement). */
static bool is(unsigned n, const uint64_t *x, const mpz_t want)
{
    mpz_t got, cut;
    mpz_inits(got, cut, (mpz_ptr)0);
    import(got, n, x);
    mpz_fdiv_r_2exp(cut, want, 64 * n);
    bool equal = mpz_cmp(got, cut) == 0;
    mpz_clears(got, cut, (mpz_ptr)0);
    return equal;
}

static void sums_shifts_and_quotients_are_those_of_gmp(void)
{
    uint64_t state = 8, a[LIMBS], b[LIMBS], x[LIMBS];
    int wrong = 0;
    mpz_t A, B, R;
    mpz_inits(A, B, R, (mpz_ptr)0);
    for (int k = 0; k < DRAWS; k++) {
        unsigned n = 1 + (unsigned)draw_below(&state, LIMBS);
        unsigned bits = (unsigned)draw_below(&state, 64 * n + 80);
        uint64_t d = 1 + (draw(&state) >> (1 + draw_below(&state, 62)));
        uint32_t small = 1 + (uint32_t)draw_below(&state, UINT32_MAX);
        draw_limbs(&state, n, a), draw_limbs(&state, n, b);
        import(A, n, a), import(B, n, b);
#define CHECK(call, ...) memcpy(x, a, sizeof x), call, __VA_ARGS__, wrong += !is(n, x, R)
        CHECK(limbs_add(n, x, b), mpz_add(R, A, B));
        CHECK(limbs_subtract(n, x, b), mpz_sub(R, A, B));
        CHECK(limbs_subtract_from(n, x, b), mpz_sub(R, B, A));
        CHECK(limbs_negate(n, x), mpz_neg(R, A));
        CHECK(limbs_shift_left(n, x, bits), mpz_mul_2exp(R, A, bits));
        CHECK(limbs_shift_right(n, x, bits), mpz_fdiv_q_2exp(R, A, bits));
        CHECK(limbs_divide(n, x, d), mpz_fdiv_q_ui(R, A, d));
        CHECK(limbs_divide_small(n, x, small), mpz_fdiv_q_ui(R, A, small));
#undef CHECK
        int size = mpz_sgn(A) ? (int)mpz_sizeinbase(A, 2) : 0;
        wrong += limbs_leading_zeros(n, a) != 64 * (int)n - size;
        wrong += limbs_are_zero(n, a) != (mpz_sgn(A) == 0);
    }
    mpz_clears(A, B, R, (mpz_ptr)0);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void products_are_those_of_gmp(void)
{
    uint64_t state = 9, a[LIMBS], b[LIMBS], x[2 * LIMBS];
    int wrong = 0;
    mpz_t A, B, R;
    mpz_inits(A, B, R, (mpz_ptr)0);
    for (int k = 0; k < DRAWS; k++) {
        unsigned n = 1 + (unsigned)draw_below(&state, LIMBS);
        unsigned m = 1 + (unsigned)draw_below(&state, LIMBS);
        draw_limbs(&state, n, a), draw_limbs(&state, m, b);
        import(A, n, a), import(B, m, b);
        mpz_mul(R, A, B);
        limbs_multiply(n, a, m, b, x);
        wrong += !is(n + m, x, R);
        memcpy(x, a, sizeof a);
        x[n] = limbs_scale(n, x, b[0]);
        mpz_mul_ui(R, A, b[0]);
        wrong += !is(n + 1, x, R);
    }
    mpz_clears(A, B, R, (mpz_ptr)0);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void high_products_are_low_by_less_than_2n_units(void)
{
    uint64_t state = 10, a[3], b[3], full[6];
    int wrong = 0;
    for (int k = 0; k < DRAWS; k++)
        for (unsigned n = 2; n <= 3; n++) {
            draw_limbs(&state, n, a), draw_limbs(&state, n, b);
            limbs_multiply(n, a, n, b, full);
            limbs_multiply_high(n, a, a, b);
            limbs_subtract(n, full + n, a);
            wrong += full[n] >= 2 * n || !limbs_are_zero(n - 1, full + n + 1);
        }
    CU_ASSERT_EQUAL(wrong, 0);
}

PE_TEST_MAIN("numbers: limbs", PE_TEST(sums_shifts_and_quotients_are_those_of_gmp),
             PE_TEST(products_are_those_of_gmp),
             PE_TEST(high_products_are_low_by_less_than_2n_units))
