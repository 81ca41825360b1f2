/* What the compiler must not do to rounding. Built with the flags of the whole project. */
#include "testing.h"

#include <float.h>

/* GCC 12.2 at -O2 makes nothing of this without -fno-tree-slp-vectorize. */
__attribute__((noinline)) static void round_two(double *x)
{
    x[0] = (double)(float)x[0];
    x[1] = (double)(float)x[1];
}

static void two_neighbours_are_rounded_to_float(void)
{
    double x[2] = {0.1, 0.2};
    round_two(x);
    CU_ASSERT_EQUAL(x[0], 0x1.99999ap-4);
    CU_ASSERT_EQUAL(x[1], 0x1.99999ap-3);
}

__attribute__((noinline)) static double product_less(double a, double b, double c)
{
    return a * b - c;
}

static void a_product_is_rounded_before_it_is_subtracted_from(void)
{
    const double a = 1 + DBL_EPSILON; /* a * a is not a double: fused, the rest would show */
    CU_ASSERT_EQUAL(product_less(a, a, 1 + 2 * DBL_EPSILON), 0);
}

__attribute__((noinline)) static int differs_from_itself(double x)
{
    return x != x;
}

static void nan_is_not_equal_to_itself(void)
{
    volatile double zero = 0;
    CU_ASSERT_TRUE(differs_from_itself(zero / zero));
}

PE_TEST_MAIN("numbers: compiler", PE_TEST(two_neighbours_are_rounded_to_float),
             PE_TEST(a_product_is_rounded_before_it_is_subtracted_from),
             PE_TEST(nan_is_not_equal_to_itself))
