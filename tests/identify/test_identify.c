/* Tables written from formulas, and their wrong twins, into the identifier. */
#include "identify/identify.h"

#include "base/memory.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 100, COLUMNS = 32, PAIRS = COLUMNS / 2 };
static double values[ROWS * COLUMNS];

static pe_identification identify(size_t layers, size_t rows, size_t columns)
{
    pe_identification what;
    pe_error err = {0};
    const pe_matrix m = {values, layers, rows, columns, PE_FP64};
    CU_ASSERT_EQUAL_FATAL(pe_identify(&m, &what, &err), PE_OK);
    return what;
}

/* exponent: of 1 / base for pair i, by the rule; sines at 2i, cosines beside. */
static void fill(double base, double per_pair, double cosine_more, double first)
{
    for (size_t t = 0; t < ROWS; t++)
        for (size_t i = 0; i < PAIRS; i++) {
            const double e = per_pair * (double)i, p = first + (double)t;
            values[t * COLUMNS + 2 * i] = sin(p * pow(base, -e));
            values[t * COLUMNS + 2 * i + 1] = cos(p * pow(base, -(e + cosine_more)));
        }
}

static void layout_rule_base_and_first_position_are_read_off(void)
{
    fill(500000, 2.0 / COLUMNS, 0, 17);
    const pe_identification what = identify(1, ROWS, COLUMNS);
    CU_ASSERT_TRUE(what.known);
    CU_ASSERT_EQUAL(what.best[0].layout, PE_LAYOUT_INTERLEAVED);
    CU_ASSERT_EQUAL(what.best[0].rule, PE_RULE_PAPER);
    CU_ASSERT_EQUAL(what.best[0].bug, PE_BUG_NONE);
    PE_NEAR("base", what.best[0].base, 500000, 0);
    PE_NEAR("first", what.best[0].first, 17, 0);
    CU_ASSERT_EQUAL(what.best[0].differs, 0);
    CU_ASSERT_EQUAL(what.best[0].formation.frequency.formula, PE_FREQUENCY_POW);
    CU_ASSERT_EQUAL(what.best[0].formation.sine.arithmetic, PE_FP64);
}

static void a_base_that_nobody_uses_is_found_as_it_is(void)
{
    fill(12345, 2.0 / COLUMNS, 0, 0);
    const pe_identification what = identify(1, ROWS, COLUMNS);
    CU_ASSERT_TRUE(what.known);
    PE_NEAR("base", what.best[0].base, 12345, 1);
}

static void a_wrong_twin_is_told_from_the_right_one_both_ways(void)
{
    static const struct {
        double per_pair, cosine_more;
        pe_rule rule;
        pe_bug bug;
    } twins[] = {{2.0 / COLUMNS, 0, PE_RULE_PAPER, PE_BUG_NONE},
                 {1.0 / (PAIRS - 1), 0, PE_RULE_ENDPOINT, PE_BUG_NONE},
                 {4.0 / COLUMNS, 0, PE_RULE_DOUBLED, PE_BUG_DOUBLED_EXPONENT},
                 {4.0 / COLUMNS, 2.0 / COLUMNS, PE_RULE_DOUBLED_CHANNEL, PE_BUG_DOUBLED_EXPONENT},
                 {2.0 / COLUMNS, 1.0 / COLUMNS, PE_RULE_CHANNEL, PE_BUG_CHANNEL_EXPONENT},
                 {0, 0, PE_RULE_ONE, PE_BUG_INTEGER_DIVISION},
                 {-2.0 / COLUMNS, 0, PE_RULE_RISING, PE_BUG_RISING}};
    for (size_t k = 0; k < sizeof twins / sizeof twins[0]; k++) {
        fill(10000, twins[k].per_pair, twins[k].cosine_more, 0);
        const pe_identification what = identify(1, ROWS, COLUMNS);
        CU_ASSERT_TRUE(what.known);
        CU_ASSERT_EQUAL(what.best[0].rule, twins[k].rule);
        CU_ASSERT_EQUAL(what.best[0].bug, twins[k].bug);
    }
}

static void rows_that_stop_or_start_again_are_found_with_their_place(void)
{
    static const pe_bug bugs[] = {PE_BUG_CLAMPED_ROWS, PE_BUG_RESTARTED_ROWS, PE_BUG_CACHED_ROWS};
    for (int k = 0; k < 3; k++) {
        fill(10000, 2.0 / COLUMNS, 0, 0);
        for (size_t t = 40; t < ROWS; t++)
            memcpy(values + t * COLUMNS,
                   values + (k == 0   ? 39
                             : k == 1 ? t - 40
                                      : 0) *
                                COLUMNS,
                   COLUMNS * sizeof *values);
        if (k == 1)
            for (size_t t = 80; t < ROWS; t++) /* once, not twice */
                for (size_t i = 0; i < PAIRS; i++) {
                    const double w = pow(10000, -2.0 * (double)i / COLUMNS);
                    values[t * COLUMNS + 2 * i] = sin((double)(t - 40) * w);
                    values[t * COLUMNS + 2 * i + 1] = cos((double)(t - 40) * w);
                }
        const pe_identification what = identify(1, ROWS, COLUMNS);
        CU_ASSERT_TRUE(what.known);
        CU_ASSERT_EQUAL(what.best[0].bug, bugs[k]);
        CU_ASSERT_EQUAL(what.best[0].turn_row, 40);
    }
}

static void narrow_frequencies_are_told_from_narrow_positions(void)
{
    enum { LONG = 400, WIDTH = 8 }; /* bf16 counts to 256 */
    for (int positions = 0; positions < 2; positions++) {
        for (size_t t = 0; t < LONG; t++)
            for (size_t i = 0; i < WIDTH / 2; i++) {
                float w = 1 / powf(10000, (float)(2 * i) / WIDTH), p = (float)t;
                if (positions)
                    p = (float)pe_round_to_format(PE_BF16, (double)p);
                else
                    w = (float)pe_round_to_format(PE_BF16, (double)w);
                values[t * WIDTH + 2 * i] = (double)sinf(p * w);
                values[t * WIDTH + 2 * i + 1] = (double)cosf(p * w);
            }
        const pe_identification what = identify(1, LONG, WIDTH);
        const pe_formation *path = &what.best[0].formation;
        CU_ASSERT_TRUE(what.known);
        CU_ASSERT_EQUAL(what.best[0].bug, positions ? PE_BUG_LOW_POSITION : PE_BUG_LOW_FREQUENCY);
        CU_ASSERT_EQUAL(path->position, positions ? PE_BF16 : PE_FP32);
        CU_ASSERT_EQUAL(path->frequency.result, positions ? PE_UNROUNDED : PE_BF16);
        CU_ASSERT_EQUAL(what.best[0].differs, 0);
    }
}

static void what_nothing_explains_stays_unknown_with_candidates(void)
{
    fill(10000, 2.0 / COLUMNS, 0, 0);
    for (size_t t = 0; t < ROWS; t++)
        for (size_t j = 0; j < COLUMNS; j++)
            values[t * COLUMNS + j] *= exp(-0.03 * (double)t);
    const pe_identification what = identify(1, ROWS, COLUMNS);
    CU_ASSERT_FALSE(what.known);
    CU_ASSERT_TRUE(what.count > 0);
    CU_ASSERT_TRUE(what.best[0].rms > 0.05);
}

static void slopes_of_twelve_heads_by_two_recipes_are_two_answers(void)
{
    for (int h = 0; h < 12; h++)
        values[h] = exp2(-8.0 * (h + 1) / 12);
    const pe_identification plain = identify(1, 1, 12);
    CU_ASSERT_TRUE(plain.known);
    CU_ASSERT_EQUAL(plain.best[0].bug, PE_BUG_PLAIN_SLOPES);
    for (int h = 0; h < 12; h++)
        values[h] = h < 8 ? exp2(-(h + 1)) : exp2(-(2.0 * (h - 8) + 1) / 2);
    const pe_identification authors = identify(1, 1, 12);
    CU_ASSERT_TRUE(authors.known);
    CU_ASSERT_EQUAL(authors.best[0].bug, PE_BUG_NONE);
    CU_ASSERT_EQUAL(authors.best[0].differs, 0);
}

static void a_bias_with_the_wrong_sign_or_distance_is_called_so(void)
{
    enum { T = 20 };
    static const pe_bug bugs[] = {PE_BUG_NONE, PE_BUG_DISTANCE_OFF, PE_BUG_SIGN};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < T; i++)
            for (int j = 0; j < T; j++)
                values[i * T + j] = k == 2 ? 0.25 * abs(i - j) : -0.25 * (abs(i - j) + (k == 1));
        const pe_identification what = identify(1, T, T);
        CU_ASSERT_TRUE(what.known);
        CU_ASSERT_EQUAL(what.best[0].family, PE_FAMILY_BIAS);
        CU_ASSERT_EQUAL(what.best[0].bug, bugs[k]);
    }
}

static void nothing_at_all_and_what_is_no_number_are_refused(void)
{
    pe_identification what;
    pe_error err = {0};
    pe_matrix m = {values, 1, 0, 4, PE_FP64};
    CU_ASSERT_EQUAL(pe_identify(&m, &what, &err), PE_USAGE);
    m.rows = 4;
    memset(values, 0, sizeof values);
    values[6] = (double)NAN;
    CU_ASSERT_EQUAL(pe_identify(&m, &what, &err), PE_USAGE);
    PE_CONTAINS(err.text, "(1, 2)");
    values[6] = HUGE_VAL;
    CU_ASSERT_EQUAL(pe_identify(&m, &what, &err), PE_USAGE);
}

/* Shapes and contents that no table has must not crash, and must not be a position table. */
static void odd_shapes_and_constants_are_never_a_table(void)
{
    static const double constants[] = {0, 1, -1e300, 1e-310, 65504, -HUGE_VAL};
    for (size_t rows = 1; rows < 9; rows++)
        for (size_t columns = 1; columns < 9; columns++)
            for (size_t k = 0; k < sizeof constants / sizeof constants[0]; k++) {
                for (size_t i = 0; i < rows * columns; i++)
                    values[i] = constants[k];
                const pe_identification what = identify(1, rows, columns);
                const pe_bug bug = what.best[0].bug;
                CU_ASSERT_TRUE(!what.known || bug == PE_BUG_CONSTANT_ROWS ||
                               what.best[0].family > PE_FAMILY_ROTARY_TABLE);
            }
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    pe_status status = PE_MEMORY;
    long allowed = 0;
    fill(10000, 2.0 / COLUMNS, 0, 0);
    for (; status == PE_MEMORY && allowed < 999; allowed++) {
        pe_identification what;
        const pe_matrix m = {values, 1, ROWS, COLUMNS, PE_FP64};
        pe_fail_allocations_after(allowed);
        status = pe_identify(&m, &what, NULL);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 5);
}

PE_TEST_MAIN("identify", PE_TEST(layout_rule_base_and_first_position_are_read_off),
             PE_TEST(a_base_that_nobody_uses_is_found_as_it_is),
             PE_TEST(a_wrong_twin_is_told_from_the_right_one_both_ways),
             PE_TEST(rows_that_stop_or_start_again_are_found_with_their_place),
             PE_TEST(narrow_frequencies_are_told_from_narrow_positions),
             PE_TEST(what_nothing_explains_stays_unknown_with_candidates),
             PE_TEST(slopes_of_twelve_heads_by_two_recipes_are_two_answers),
             PE_TEST(a_bias_with_the_wrong_sign_or_distance_is_called_so),
             PE_TEST(nothing_at_all_and_what_is_no_number_are_refused),
             PE_TEST(odd_shapes_and_constants_are_never_a_table),
             PE_TEST(every_failed_allocation_is_told_and_leaves_nothing))
