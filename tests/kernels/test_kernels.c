/* Every kind of kernels that this processor has, against plain double loops. */
#include "kernels/kernels.h"

#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 80, ROOM = MOST * (MOST + 40) };

static float noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1;
}

static void fill(float *x, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = noise(&seed);
}

/* Sizes below, at and beyond the blocks of all kinds. */
static const int sizes[] = {1, 2, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void each_kind(void (*check)(const pe_kernels *kernels))
{
    const char *first = pe_kernels_name(0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    for (size_t i = 0; pe_kernels_name(i); i++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(i)));
        CU_ASSERT_STRING_EQUAL(pe_kernels_now()->name, pe_kernels_name(i));
        check(pe_kernels_now());
    }
    CU_ASSERT_TRUE(pe_kernels_use(first));
}

/* How many elements of c are not `before` (m, ldn) + a . b (k, ldn), where element (i, p) of a
 * stands at i row + p step; beyond the n columns nothing was to be added. */
static int wrong_sums(int m, int n, int k, const float *a, int row, int step, const float *b,
                      int ldn, const float *before, const float *c)
{
    int wrong = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldn; j++) {
            double sum = (double)before[i * ldn + j], size = fabs(sum);
            for (int p = 0; j < n && p < k; p++) {
                const double term = (double)a[i * row + p * step] * (double)b[p * ldn + j];
                sum += term;
                size += fabs(term);
            }
            wrong += !(fabs((double)c[i * ldn + j] - sum) <= (k + 2) * 6e-8 * size);
        }
    return wrong;
}

/* |got - sum| <= (k + 2) eps sum |terms|: the bound of a sum in any order, and of alpha. */
static void check_products(const pe_kernels *kernels)
{
    static float a[ROOM], b[ROOM], c[ROOM], panels[ROOM], before[ROOM];
    int wrong = 0;
    for (int s = 0; s < SIZES * SIZES * SIZES; s++) {
        const int m = sizes[s % SIZES], n = sizes[s / SIZES % SIZES], k = sizes[s / SIZES / SIZES];
        const int lda = k + 3, ldn = n + 5, ldk = k + 2;
        const float alpha = 0.37f;
        fill(a, ROOM, 1u + (uint32_t)s);
        fill(b, ROOM, 7u + (uint32_t)s);
        fill(before, ROOM, 9u);
        memcpy(c, before, sizeof c);
        kernels->add_product(m, n, k, a, lda, b, ldn, c, ldn);
        wrong += wrong_sums(m, n, k, a, lda, 1, b, ldn, before, c);
        memcpy(c, before, sizeof c);
        kernels->add_transposed(m, n, k, a, m + 3, b, ldn, c, ldn);
        wrong += wrong_sums(m, n, k, a, 1, m + 3, b, ldn, before, c);
        kernels->pack(n, k, b, ldk, panels);
        memcpy(c, before, sizeof c);
        kernels->times_panels(m, n, k, alpha, a, lda, panels, c, ldn);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < ldn; j++) {
                double sum = 0, size = 0;
                for (int p = 0; p < k; p++) {
                    const double term = (double)a[i * lda + p] * (double)b[j * ldk + p];
                    sum += (double)alpha * term;
                    size += fabs(term);
                }
                if (j >= n) { /* beyond the matrix nothing is touched */
                    wrong += c[i * ldn + j] != before[i * ldn + j];
                    continue;
                }
                wrong += !(fabs((double)c[i * ldn + j] - sum) <= (k + 2) * 6e-8 * size);
            }
    }
    if (wrong)
        printf("\n    %s: %d entries outside the bound", kernels->name, wrong);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void products_are_within_the_rounding_bound_at_every_size(void)
{
    each_kind(check_products);
}

static void check_panels(const pe_kernels *kernels)
{
    static float b[ROOM], got[ROOM];
    fill(b, ROOM, 3);
    for (int s = 0; s < SIZES; s++) {
        const int n = sizes[s], k = 7, ldb = 9, padded = (n + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
        memset(got, 0xff, sizeof got);
        kernels->pack(n, k, b, ldb, got);
        int wrong = 0;
        for (int j = 0; j < padded; j++)
            for (int c = 0; c < k; c++) {
                const float x = got[(j / PE_PANEL * k + c) * PE_PANEL + j % PE_PANEL];
                wrong += !(x == (j < n ? b[j * ldb + c] : 0));
            }
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT_TRUE(isnan(got[padded * k])); /* not written */
    }
}

static void panels_hold_the_rows_and_zeros(void)
{
    each_kind(check_panels);
}

/* Up to where the sum of a hundred is still finite. */
static void check_exponentials(const pe_kernels *kernels)
{
    float x[100], worst_at = 0;
    double worst = 0;
    for (double from = -87; from < 83; from += 0.01) {
        for (int i = 0; i < 100; i++)
            x[i] = (float)(from + 0.0001 * i) + 0.25f;
        float in[100];
        memcpy(in, x, sizeof x);
        double want = 0;
        const float sum = kernels->exponentiate(x, 100, 0.25f);
        for (int i = 0; i < 100; i++) {
            const double e = exp((double)(in[i] - 0.25f)), error = fabs((double)x[i] / e - 1);
            want += (double)x[i];
            if (!(error <= worst)) {
                worst = error;
                worst_at = in[i];
            }
        }
        if (!(fabs((double)sum / want - 1) < 100 * 6e-8))
            CU_FAIL("the sum is not that of the exponentials");
    }
    if (!(worst < 2e-7))
        printf("\n    %s: relative error %.3g at %g", kernels->name, worst, (double)worst_at);
    CU_ASSERT(worst < 2e-7);
}

static void exponentials_are_within_two_ten_millionths(void)
{
    each_kind(check_exponentials);
}

static void check_edges(const pe_kernels *kernels)
{
    const float nan = (float)(double)NAN, inf = (float)HUGE_VAL;
    float x[19];
    for (int at = 0; at < 19; at++) {
        for (int i = 0; i < 19; i++)
            x[i] = -1;
        x[at] = nan;
        CU_ASSERT_TRUE(isnan(kernels->exponentiate(x, 19, 0)));
        CU_ASSERT_TRUE(isnan(x[at]));
        for (int i = 0; i < 19; i++)
            x[i] = -1;
        x[at] = -inf;
        CU_ASSERT_EQUAL(kernels->largest(x, 19), -1);
        CU_ASSERT_FALSE(isnan(kernels->exponentiate(x, 19, 0)));
        CU_ASSERT_EQUAL(x[at], 0);
        for (int i = 0; i < 19; i++)
            x[i] = -3;
        x[at] = 2;
        x[(at + 5) % 19] = at ? nan : -3; /* not first */
        if ((at + 5) % 19 != 0)
            CU_ASSERT_EQUAL(kernels->largest(x, 19), 2);
    }
    x[0] = 200;
    x[1] = -200;
    x[2] = -100; /* a subnormal number */
    kernels->exponentiate(x, 3, 0);
    CU_ASSERT_TRUE(isinf(x[0]));
    CU_ASSERT_EQUAL(x[1], 0);
    PE_NEAR("exp(-100)", x[2], exp(-100), 1.5e-45);
}

static void what_is_not_finite_stays_so_and_minus_infinity_weighs_nothing(void)
{
    each_kind(check_edges);
}

static void check_sums(const pe_kernels *kernels)
{
    float x[MOST], y[MOST], before[MOST];
    fill(x, MOST, 5);
    fill(before, MOST, 6);
    for (int n = 0; n <= 70; n++) {
        double want = 0;
        int wrong = 0;
        memcpy(y, before, sizeof y);
        kernels->add(y, x, n);
        for (int j = 0; j < MOST; j++)
            wrong += y[j] != (j < n ? before[j] + x[j] : before[j]);
        memcpy(y, before, sizeof y);
        kernels->add_constant(y, 0.3f, n);
        for (int j = 0; j < MOST; j++)
            wrong += y[j] != (j < n ? before[j] + 0.3f : before[j]);
        CU_ASSERT_EQUAL(wrong, 0);
        for (int j = 0; j < n; j++)
            want += (double)x[j];
        double sums[MOST] = {0}, squares[MOST] = {0};
        kernels->add_moments(sums, squares, x, n);
        kernels->add_moments(sums, squares, before, n);
        for (int j = 0; j < MOST; j++) { /* squares of floats have no more than 48 bits */
            const double a = j < n ? (double)x[j] : 0, b = j < n ? (double)before[j] : 0;
            wrong += sums[j] != a + b || fabs(squares[j] - (a * a + b * b)) > 3e-16;
        }
        CU_ASSERT_EQUAL(wrong, 0);
        PE_NEAR("sum", kernels->sum(x, n), want, n * 6e-8 * n);
    }
}

static void sums_take_all_numbers_and_no_more(void)
{
    each_kind(check_sums);
}

/* Angles of every size, beyond the range of the vector code and around multiples of pi/2. libm's
 * double results are within 2^-53 of the truth, relatively. */
static void check_turns(const pe_kernels *kernels)
{
    enum { COUNT = 1000 };
    static float angle[COUNT], sine[COUNT], cosine[COUNT];
    uint32_t state = 1;
    double worst = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < COUNT; i++) {
            const double x = (double)noise(&state);
            angle[i] = i % 2 ? (float)(x * ldexp(1, round % 40 - 10))
                             : (float)(rint(x * 100000) * 1.5707963267948966);
        }
        const int n = COUNT - round % 9;
        sine[n % COUNT] = 7;
        kernels->turn(n, angle, sine, cosine);
        CU_ASSERT_TRUE(n == COUNT || sine[n] == 7);
        for (int i = 0; i < n; i++) {
            const double s = sin((double)angle[i]), c = cos((double)angle[i]);
            const double us = s == 0 ? 1 : ldexp(1, ilogb(s) - 23), uc = ldexp(1, ilogb(c) - 23);
            worst = fmax(worst, fabs((double)sine[i] - s) / us);
            worst = fmax(worst, fabs((double)cosine[i] - c) / uc);
        }
    }
    if (!(worst <= 0.501))
        printf("\n    %s: %.6g ulp", kernels->name, worst);
    CU_ASSERT(worst <= 0.501);
    angle[0] = (float)HUGE_VAL;
    angle[1] = (float)(double)NAN;
    angle[2] = 0;
    kernels->turn(3, angle, sine, cosine);
    CU_ASSERT_TRUE(isnan(sine[0]) && isnan(cosine[0]) && isnan(sine[1]) && isnan(cosine[1]));
    CU_ASSERT_TRUE(sine[2] == 0 && cosine[2] == 1);
}

static void angles_turn_within_half_an_ulp(void)
{
    each_kind(check_turns);
}

static void an_unknown_kind_is_refused(void)
{
    const char *before = pe_kernels_now()->name;
    CU_ASSERT_FALSE(pe_kernels_use("mmx"));
    CU_ASSERT_STRING_EQUAL(pe_kernels_now()->name, before);
    CU_ASSERT_TRUE(pe_kernels_use("portable"));
    CU_ASSERT_TRUE(pe_kernels_use(before));
}

PE_TEST_MAIN("kernels", PE_TEST(products_are_within_the_rounding_bound_at_every_size),
             PE_TEST(panels_hold_the_rows_and_zeros),
             PE_TEST(exponentials_are_within_two_ten_millionths),
             PE_TEST(what_is_not_finite_stays_so_and_minus_infinity_weighs_nothing),
             PE_TEST(sums_take_all_numbers_and_no_more), PE_TEST(angles_turn_within_half_an_ulp),
             PE_TEST(an_unknown_kind_is_refused))
