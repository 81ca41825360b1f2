/* METRICS 1.1, 1.2, 1.4: the closed forms and the marks on their curves. */
#include "tables.h"

#include "analysis/concordance.h"
#include "analysis/kernel.h"
#include "analysis/profile.h"

static double *kernel(size_t d, double base, pe_frequency_rule rule, size_t n)
{
    double *G = numbers(n);
    OK(pe_cosine_kernel(d, base, rule, G, n, NULL));
    return G;
}

static void the_kernel_gives_every_row_of_table_1_1(void)
{
    static const size_t k[] = {1, 2, 5, 10, 50, 100, 128, 512, 1000, 2048, 10000};
    static const size_t d[] = {64, 128, 512};
    static const double g[][3] = {
        {0.966151, 0.970214, 0.973055},   {0.884496, 0.896592, 0.905209},
        {0.734499, 0.737266, 0.740612},   {0.657863, 0.669063, 0.678866},
        {0.489806, 0.546172, 0.512073},   {0.558583, 0.477241, 0.437306},
        {0.283853, 0.332794, 0.405892},   {0.185369, 0.219424, 0.276313},
        {0.278936, 0.159027, 0.175670},   {-0.039701, 0.119284, 0.096111},
        {0.049351, -0.027894, -0.064416},
    };
    for (size_t c = 0; c < 3; c++) {
        double *G = kernel(d[c], 1e4, PE_FREQUENCIES_PAPER, 10001);
        for (size_t r = 0; r < 11; r++)
            PE_NEAR("g(k)", G[k[r]] / G[0], g[r][c], 1e-6);
        free(G);
    }
}

static void the_limit_of_wide_tables_is_a_difference_of_cosine_integrals(void)
{
    static const double k[] = {1, 2, 5, 10, 50, 100, 128, 512, 1000, 2048, 10000};
    static const double g[] = {0.973963, 0.907997, 0.741955, 0.682394, 0.511977, 0.436773,
                               0.411148, 0.260101, 0.187691, 0.110617, -0.036637};
    for (size_t r = 0; r < 11; r++) {
        double got = PE_NAN;
        OK(pe_kernel_limit(1e4, k[r], &got, NULL));
        PE_NEAR("limit", got, g[r], 1e-6);
    }
    double start = PE_NAN;
    OK(pe_kernel_limit(1e4, 0.0, &start, NULL));
    CU_ASSERT_EQUAL(start, 1.0);
}

static void the_middle_of_the_limit_is_a_logarithm(void)
{
    static const double k[] = {10, 100, 512, 1000, 2048};
    static const double g[] = {0.6873, 0.4373, 0.2600, 0.1873, 0.1095};
    for (size_t r = 0; r < 5; r++) {
        double got = PE_NAN;
        OK(pe_kernel_log_law(1e4, k[r], &got, NULL));
        PE_NEAR("log law", got, g[r], PRINTED(4));
    }
}

static void the_other_divisor_is_told_apart_at_the_first_step(void)
{
    double *paper = kernel(128, 1e4, PE_FREQUENCIES_PAPER, 2);
    double *other = kernel(128, 1e4, PE_FREQUENCIES_HALF_MINUS_ONE, 2);
    PE_NEAR("paper", paper[1] / paper[0], 0.970214, 1e-6);
    PE_NEAR("h - 1", other[1] / other[0], 0.970618, 1e-6);
    double w[32];
    OK(pe_frequencies(64, 1e4, PE_FREQUENCIES_HALF_MINUS_ONE, w, NULL));
    PE_NEAR("longest wavelength", 2.0 * acos(-1.0) / w[31], 62831.9, PRINTED(1));
    free(paper);
    free(other);
}

typedef struct marks_row {
    size_t d, first_rise;
    double here, next;
    size_t half, tenth, negative, rises;
} marks_row;

static void the_marks_are_every_row_of_table_1_2(void)
{
    static const marks_row rows[] = {
        {8, 3, 0.491222, 0.566652, 3, 22, 91, 254},
        {16, 3, 0.692888, 0.694960, 9, 90, 91, 258},
        {32, 4, 0.728844, 0.736086, 16, 267, 474, 253},
        {64, 5, 0.734499, 0.736231, 28, 406, 725, 244},
        {128, 11, 0.661630, 0.662209, 46, 721, 1707, 239},
        {256, 24, 0.586942, 0.587241, 53, 1119, 2653, 222},
        {512, 43, 0.526401, 0.526447, 54, 1291, 3284, 201},
        {768, 43, 0.526443, 0.526451, 55, 1579, 3659, 186},
        {1024, 68, 0.477397, 0.477433, 55, 1719, 4075, 164},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const marks_row *row = &rows[r];
        double *G = kernel(row->d, 1e4, PE_FREQUENCIES_PAPER, 5000);
        pe_curve_marks long_curve, to_511;
        OK(pe_curve_marks_of(G, 5000, &long_curve, NULL));
        OK(pe_curve_marks_of(G, 512, &to_511, NULL));
        CU_ASSERT_EQUAL(long_curve.first_rise, row->first_rise);
        PE_NEAR("g(k*)", G[row->first_rise] / G[0], row->here, 1e-6);
        PE_NEAR("g(k*+1)", G[row->first_rise + 1] / G[0], row->next, 1e-6);
        CU_ASSERT_EQUAL(long_curve.half, row->half);
        CU_ASSERT_EQUAL(long_curve.tenth, row->tenth);
        CU_ASSERT_EQUAL(long_curve.negative, row->negative);
        PE_NEAR("rises in k=1..511", to_511.rises, row->rises, 0);
        free(G);
    }
}

static void the_first_rise_is_the_same_under_both_divisors_from_width_32(void)
{
    for (size_t d = 32; d <= 1024; d *= 2) {
        pe_curve_marks marks[2];
        for (int rule = 0; rule < 2; rule++) {
            double *G = kernel(d, 1e4, (pe_frequency_rule)rule, 512);
            OK(pe_curve_marks_of(G, 512, &marks[rule], NULL));
            free(G);
        }
        CU_ASSERT_EQUAL(marks[0].first_rise, marks[1].first_rise);
    }
}

static void the_base_moves_the_marks(void)
{
    static const struct {
        double base;
        size_t first_rise, half, negative;
    } rows[] = {{100.0, 18, 5, 59}, {500000.0, 11, 166, 18438}, {1e6, 5, 197, PE_NEVER}};
    for (size_t r = 0; r < 3; r++) {
        double *G = kernel(128, rows[r].base, PE_FREQUENCIES_PAPER, 20001);
        pe_curve_marks marks;
        OK(pe_curve_marks_of(G, 20001, &marks, NULL));
        CU_ASSERT_EQUAL(marks.first_rise, rows[r].first_rise);
        CU_ASSERT_EQUAL(marks.half, rows[r].half);
        CU_ASSERT_EQUAL(marks.negative, rows[r].negative);
        free(G);
    }
}

/* 10.1 and 12.3 are printed with one decimal: half a unit of it. */
static void contrast_is_that_of_section_1_4(void)
{
    static const struct {
        size_t d;
        double base, contrast, tolerance;
    } rows[] = {{64, 1e4, 2.84, 0.01},
                {128, 1e4, 2.77, 0.01},
                {512, 1e4, 2.73, 0.01},
                {64, 100.0, 10.1, 0.05},
                {128, 100.0, 12.3, 0.05}};
    for (size_t r = 0; r < 5; r++) {
        double *G = kernel(rows[r].d, rows[r].base, PE_FREQUENCIES_PAPER, 512), contrast = PE_NAN;
        OK(pe_curve_contrast(G, 512, &contrast, NULL));
        PE_NEAR("contrast", contrast, rows[r].contrast, rows[r].tolerance);
        free(G);
    }
}

static void one_sided_concordance_is_that_of_section_1_3(void)
{
    static const size_t d[] = {64, 128, 512};
    static const double to_128[] = {0.844, 0.886, 0.993}, to_512[] = {0.781, 0.837, 0.937};
    for (size_t c = 0; c < 3; c++) {
        double *G = kernel(d[c], 1e4, PE_FREQUENCIES_PAPER, 512);
        pe_concordance near, far;
        OK(pe_curve_concordance(G, 128, &near, NULL));
        OK(pe_curve_concordance(G, 512, &far, NULL));
        CU_ASSERT_EQUAL(near.triples, 128 * 127 / 2);
        PE_NEAR("0 <= k < 128", near.concordant, to_128[c], PRINTED(3));
        PE_NEAR("0 <= k < 512", far.concordant, to_512[c], PRINTED(3));
        free(G);
    }
}

static void wrong_arguments_are_refused(void)
{
    double w[4], g;
    REFUSED(pe_frequencies(7, 1e4, PE_FREQUENCIES_PAPER, w, NULL), PE_USAGE);
    REFUSED(pe_frequencies(0, 1e4, PE_FREQUENCIES_PAPER, w, NULL), PE_USAGE);
    REFUSED(pe_frequencies(2, 1e4, PE_FREQUENCIES_HALF_MINUS_ONE, w, NULL), PE_USAGE);
    REFUSED(pe_frequencies(8, 1.0, PE_FREQUENCIES_PAPER, w, NULL), PE_USAGE);
    REFUSED(pe_frequencies(8, PE_NAN, PE_FREQUENCIES_PAPER, w, NULL), PE_USAGE);
    REFUSED(pe_cosine_kernel(7, 1e4, PE_FREQUENCIES_PAPER, w, 4, NULL), PE_USAGE);
    REFUSED(pe_kernel_limit(1e4, -1.0, &g, NULL), PE_USAGE);
    REFUSED(pe_kernel_limit(1e4, PE_NAN, &g, NULL), PE_USAGE);
    REFUSED(pe_kernel_limit(0.5, 1.0, &g, NULL), PE_USAGE);
    REFUSED(pe_kernel_log_law(1e4, 0.0, &g, NULL), PE_USAGE);
}

static void failed_allocations_leave_nothing_behind(void)
{
    double G[5];
    FAIL_EVERY_ALLOCATION(pe_cosine_kernel(8, 1e4, PE_FREQUENCIES_PAPER, G, 5, NULL), );
}

PE_TEST_MAIN("analysis: kernel", PE_TEST(the_kernel_gives_every_row_of_table_1_1),
             PE_TEST(the_limit_of_wide_tables_is_a_difference_of_cosine_integrals),
             PE_TEST(the_middle_of_the_limit_is_a_logarithm),
             PE_TEST(the_other_divisor_is_told_apart_at_the_first_step),
             PE_TEST(the_marks_are_every_row_of_table_1_2),
             PE_TEST(the_first_rise_is_the_same_under_both_divisors_from_width_32),
             PE_TEST(the_base_moves_the_marks), PE_TEST(contrast_is_that_of_section_1_4),
             PE_TEST(one_sided_concordance_is_that_of_section_1_3),
             PE_TEST(wrong_arguments_are_refused), PE_TEST(failed_allocations_leave_nothing_behind))
