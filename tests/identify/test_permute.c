/* Two layouts of one table: the order of columns that makes them equal, or the column that has
 * none. */
#include "identify/identify.h"

#include "testing.h"

#include <math.h>

enum { ROWS = 60, COLUMNS = 16, PAIRS = COLUMNS / 2 };
static double a[ROWS * COLUMNS], b[ROWS * COLUMNS];

static double wave(size_t t, size_t pair, bool cosine, bool endpoint)
{
    const double e = endpoint ? (double)pair / (PAIRS - 1) : (double)pair / PAIRS;
    const double phase = (double)t * pow(10000, -e);
    return cosine ? cos(phase) : sin(phase);
}

static void interleaved(double *x, bool endpoint)
{
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        x[at] = wave(at / COLUMNS, at % COLUMNS / 2, at % 2, endpoint);
}

static void concatenated(double *x, bool endpoint)
{
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        x[at] = wave(at / COLUMNS, at % COLUMNS % PAIRS, at % COLUMNS >= PAIRS, endpoint);
}

static pe_permutation find(void)
{
    const pe_matrix ma = {a, 1, ROWS, COLUMNS, PE_FP64}, mb = {b, 1, ROWS, COLUMNS, PE_FP64};
    pe_permutation order;
    CU_ASSERT_EQUAL_FATAL(pe_find_permutation(&ma, &mb, 1e-9, &order, NULL), PE_OK);
    return order;
}

static void the_order_that_is_found_makes_the_tables_equal(void)
{
    concatenated(a, false);
    interleaved(b, false);
    pe_permutation order = find();
    CU_ASSERT_TRUE_FATAL(order.exists);
    for (size_t at = 0; at < ROWS * COLUMNS; at++)
        PE_NEAR("entry", a[at], b[at / COLUMNS * COLUMNS + order.source[at % COLUMNS]], 1e-9);
    CU_ASSERT_EQUAL(order.source[1], 2);
    CU_ASSERT_EQUAL(order.source[PAIRS], 1);
    pe_permutation_release(&order);
}

/* The two columns of a rotation have the same cosines: the first must stay the first, or queries
 * would turn the other way. */
static void columns_that_occur_twice_keep_their_order(void)
{
    for (size_t at = 0; at < ROWS * COLUMNS; at++) {
        a[at] = wave(at / COLUMNS, at % COLUMNS % PAIRS, true, false);
        b[at] = wave(at / COLUMNS, at % COLUMNS / 2, true, false);
    }
    pe_permutation order = find();
    CU_ASSERT_TRUE_FATAL(order.exists);
    for (size_t j = 0; j < PAIRS; j++) {
        CU_ASSERT_EQUAL(order.source[j], 2 * j);
        CU_ASSERT_EQUAL(order.source[PAIRS + j], 2 * j + 1);
    }
    pe_permutation_release(&order);
}

static void two_frequency_rules_have_no_order_in_common(void)
{
    interleaved(a, false);
    interleaved(b, true);
    pe_permutation order = find();
    CU_ASSERT_FALSE(order.exists);
    CU_ASSERT_PTR_NULL(order.source);
    /* the distance is the true one of that pair of columns, and no column is nearer */
    double least = HUGE_VAL;
    for (size_t j = 0; j < COLUMNS; j++) {
        double worst = 0;
        for (size_t t = 0; t < ROWS; t++)
            worst = fmax(worst, fabs(a[t * COLUMNS + order.column] - b[t * COLUMNS + j]));
        least = fmin(least, worst);
        if (j == order.nearest)
            PE_NEAR("distance", order.distance, worst, 0);
    }
    PE_NEAR("nearest", order.distance, least, 0);
    CU_ASSERT(order.distance > 0.1);
}

static void other_shapes_are_refused(void)
{
    const pe_matrix ma = {a, 1, ROWS, COLUMNS, PE_FP64}, mb = {b, 1, ROWS - 1, COLUMNS, PE_FP64};
    pe_permutation order;
    CU_ASSERT_EQUAL(pe_find_permutation(&ma, &mb, 1e-9, &order, NULL), PE_USAGE);
}

PE_TEST_MAIN("identify: permutations", PE_TEST(the_order_that_is_found_makes_the_tables_equal),
             PE_TEST(columns_that_occur_twice_keep_their_order),
             PE_TEST(two_frequency_rules_have_no_order_in_common),
             PE_TEST(other_shapes_are_refused))
