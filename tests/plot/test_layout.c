#include "plot/axis.h"
#include "plot/layout.h"
#include "plot/text.h"
#include "plot/utf8.h"

#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *shown(double value, int digits)
{
    static char text[PE_TIC_TEXT];
    pe_axis_number(value, digits, text);
    return text;
}

static void numbers_are_short_and_have_real_minus_signs(void)
{
    CU_ASSERT_STRING_EQUAL(shown(0, 3), "0");
    CU_ASSERT_STRING_EQUAL(shown(-0.25, 3), "−0.25");
    CU_ASSERT_STRING_EQUAL(shown(1500, 3), "1500");
    CU_ASSERT_STRING_EQUAL(shown(1.5e-6, 3), "1.5·10⁻⁶");
    CU_ASSERT_STRING_EQUAL(shown(-2e12, 2), "−2·10¹²");
    CU_ASSERT_STRING_EQUAL(shown(0.1 + 0.2, 6), "0.3");
    CU_ASSERT_STRING_EQUAL(shown((double)NAN, 6), "no value");
    CU_ASSERT_STRING_EQUAL(shown(-(double)INFINITY, 6), "−∞");
}

/* Inside the range, ascending, labelled, and none of them "-0". */
static void check_tics(pe_range range, pe_scale scale)
{
    pe_tics tics;
    size_t labelled = 0;
    pe_tics_choose(range, scale, 6, &tics);
    for (size_t i = 0; i < tics.n; i++) {
        double slack = 1e-9 * (range.high - range.low);
        CU_ASSERT(tics.at[i] >= range.low - slack && tics.at[i] <= range.high + slack);
        CU_ASSERT(i == 0 || tics.at[i] > tics.at[i - 1]);
        CU_ASSERT(strncmp(tics.text[i], "−0", strlen("−0")) || strlen(tics.text[i]) > 4);
        labelled += tics.text[i][0] != '\0';
    }
    CU_ASSERT(labelled >= 2 && labelled <= 13);
    if (labelled < 2 || labelled > 13)
        printf("  %zu tics in [%g, %g] on scale %d\n", labelled, range.low, range.high, (int)scale);
}

static void tics_are_few_and_inside_the_range(void)
{
    static const double ends[][2] = {{0, 1},      {-1, 1},       {-0.83, 0.97}, {1e-12, 3e-12},
                                     {0, 512},    {-1e9, 2.5e9}, {99.5, 100.5}, {1e300, 2e300},
                                     {0.03, 0.9}, {-5e-324, 1}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        check_tics((pe_range){ends[i][0], ends[i][1]}, PE_LINEAR);
    static const double powers[][2] = {
        {1, 4096}, {0.5, 1.8}, {1e-16, 1e3}, {1e-300, 1e300}, {3, 30}};
    for (size_t i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        check_tics((pe_range){powers[i][0], powers[i][1]}, PE_LOG10);
        check_tics((pe_range){powers[i][0], powers[i][1]}, PE_LOG2);
    }
}

static void a_range_of_one_value_becomes_a_range(void)
{
    static const double values[] = {0, 1, -3, 1e-300, 1e300};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        pe_range range = pe_range_padded((pe_range){values[i], values[i]}, PE_LINEAR, 0.04);
        CU_ASSERT(range.low < values[i] && values[i] < range.high);
        CU_ASSERT(isfinite(range.low) && isfinite(range.high));
    }
    pe_range none = pe_range_padded(PE_RANGE_EMPTY, PE_LOG10, 0.04);
    CU_ASSERT(none.low > 0 && none.low < none.high);
    pe_range wide = pe_range_padded((pe_range){-1.7e308, 1.7e308}, PE_LINEAR, 0.04);
    CU_ASSERT(isfinite(wide.low) && isfinite(wide.high) && wide.low < wide.high);
}

static void gaps_do_not_reach_a_range(void)
{
    pe_range range = PE_RANGE_EMPTY;
    pe_range_add(&range, PE_LINEAR, (double)NAN);
    pe_range_add(&range, PE_LINEAR, (double)INFINITY);
    pe_range_add(&range, PE_LOG10, -1);
    pe_range_add(&range, PE_LOG10, 0);
    CU_ASSERT(pe_range_is_empty(range));
    pe_range_add(&range, PE_LOG10, 2.385);
    CU_ASSERT(range.low == 2.385 && range.high == 2.385);
}

/* Against the definition: gaps kept, inside, and no single place could move nearer to its wish
 * without touching a neighbour (each block is centred on its wishes). */
static void check_spread(const double *wish, size_t n, double gap, double low, double high)
{
    double place[64];
    memcpy(place, wish, n * sizeof *wish);
    pe_spread(place, n, gap, low, high);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT(place[i] >= low - 1e-9 && place[i] <= high + 1e-9);
        CU_ASSERT(i == 0 || place[i] - place[i - 1] >= gap - 1e-9);
        int free_below = i == 0 ? place[i] > low + 1e-9 : place[i] - place[i - 1] > gap + 1e-9;
        int free_above = i + 1 == n ? place[i] < high - 1e-9 : place[i + 1] - place[i] > gap + 1e-9;
        if (free_below && free_above)
            PE_NEAR("a name with room on both sides", place[i], wish[i], 1e-9);
    }
}

static void names_move_apart_and_stay_near(void)
{
    check_spread((double[]){10, 50, 90}, 3, 20, 0, 100);
    check_spread((double[]){50, 50, 50, 50}, 4, 20, 0, 100);
    check_spread((double[]){0, 0, 0, 99, 99, 99}, 6, 15, 0, 100);
    check_spread((double[]){0, 30, 31, 32, 33, 70, 71, 99.5}, 8, 10, 0, 100);
    check_spread((double[]){100, 100, 100}, 3, 50, 0, 100);
    double two[] = {40, 44};
    pe_spread(two, 2, 10, 0, 100);
    PE_NEAR("lower of two", two[0], 37, 1e-9);
    PE_NEAR("upper of two", two[1], 47, 1e-9);
}

static void titles_are_wrapped_between_words_and_refused_when_endless(void)
{
    pe_title title;
    CU_ASSERT_EQUAL(pe_title_wrap("short", 1200, &title, NULL), PE_OK);
    CU_ASSERT(title.lines == 1 && title.size == 28);
    char text[2000] = "";
    for (int i = 0; i < 30; i++)
        strcat(text, "encoding ");
    CU_ASSERT_EQUAL(pe_title_wrap(text, 1200, &title, NULL), PE_OK);
    CU_ASSERT(title.lines > 1);
    for (size_t i = 0; i < title.lines; i++) {
        CU_ASSERT(pe_text_width(title.line[i], title.size) <= 1200);
        CU_ASSERT_EQUAL(strlen(title.line[i]) % strlen("encoding "), strlen("encoding"));
    }
    memset(text, 'W', sizeof text - 1);
    CU_ASSERT_EQUAL(pe_title_wrap(text, 1200, &title, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_title_wrap("", 1200, &title, NULL), PE_OK);
    CU_ASSERT_EQUAL(title.lines, 0);
}

static void a_text_that_cannot_fit_is_cut_between_characters(void)
{
    char fitted[PE_FITTED_TEXT], text[2000] = "";
    for (int i = 0; i < 300; i++)
        strcat(text, "漢é");
    for (double width = 0; width < 400; width += 7) {
        double size = pe_text_fit(text, width, 20, 11, fitted);
        CU_ASSERT_EQUAL(size, 11);
        CU_ASSERT_EQUAL(pe_utf8_check(fitted, "cut", NULL), PE_OK);
        CU_ASSERT(pe_text_width(fitted, size) <= width || width < 20);
    }
    CU_ASSERT_EQUAL(pe_text_fit("fits", 400, 20, 11, fitted), 20);
    CU_ASSERT_STRING_EQUAL(fitted, "fits");
}

static void grids_hold_all_boxes_inside_their_area(void)
{
    pe_box area = {100, 80, 1100, 600};
    for (size_t n = 1; n <= 24; n++)
        for (int square = 0; square < 2; square++) {
            pe_grid grid = pe_grid_choose(n, area, 20, 40, square);
            CU_ASSERT(grid.width > 50 && grid.height > 50);
            CU_ASSERT(grid.columns * grid.rows >= n);
            for (size_t i = 0; i < n; i++) {
                pe_box box = pe_grid_box(&grid, area, 20, 40, i);
                CU_ASSERT(box.left >= area.left - 1e-9 && box.right <= area.right + 1e-9);
                CU_ASSERT(box.top >= area.top - 1e-9 && box.bottom <= area.bottom + 1e-9);
                if (square)
                    PE_NEAR("square", box.right - box.left, box.bottom - box.top, 1e-9);
            }
        }
}

PE_TEST_MAIN("plot: layout", PE_TEST(numbers_are_short_and_have_real_minus_signs),
             PE_TEST(tics_are_few_and_inside_the_range),
             PE_TEST(a_range_of_one_value_becomes_a_range), PE_TEST(gaps_do_not_reach_a_range),
             PE_TEST(names_move_apart_and_stay_near),
             PE_TEST(titles_are_wrapped_between_words_and_refused_when_endless),
             PE_TEST(a_text_that_cannot_fit_is_cut_between_characters),
             PE_TEST(grids_hold_all_boxes_inside_their_area))
