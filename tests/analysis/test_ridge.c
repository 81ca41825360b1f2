/* Ridge regression against its closed form in one column, and against a line that is exact. */
#include "tables.h"

#include "analysis/ridge.h"

static void one_column_shrinks_as_the_closed_form_says(void)
{
    static const double x[] = {1, 2, 4, 9}, y[] = {3, 1, 5, 2};
    const double mean_x = 4, mean_y = 2.75;
    double xx = 0, xy = 0, w[2];
    for (int i = 0; i < 4; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    static const double ridge[] = {1e-9, 0.5, 30};
    for (int r = 0; r < 3; r++) {
        OK(pe_ridge_fit(x, y, 4, 1, ridge[r], w, NULL));
        const double slope = xy / (xx + ridge[r]);
        PE_NEAR("slope", w[0], slope, 1e-14);
        PE_NEAR("intercept", w[1], mean_y - slope * mean_x, 1e-14);
        PE_NEAR("prediction", pe_ridge_predict(w, x + 3, 1), mean_y + slope * 5, 1e-13);
    }
}

static void more_columns_than_rows_still_have_an_answer(void)
{
    static const double X[] = {1, 0, 2, 0, 1, 1}, y[] = {1, 2};
    double w[4];
    OK(pe_ridge_fit(X, y, 2, 3, 1e-10, w, NULL));
    PE_NEAR("first row", pe_ridge_predict(w, X, 3), 1, 1e-9);
    PE_NEAR("second row", pe_ridge_predict(w, X + 3, 3), 2, 1e-9);
}

static void wrong_use_is_a_sentence(void)
{
    static const double x[] = {1, 2}, bad[] = {1, PE_NAN};
    double w[2];
    CU_ASSERT_EQUAL(pe_ridge_fit(x, x, 2, 1, 0, w, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_ridge_fit(x, x, 1, 1, 1, w, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_ridge_fit(bad, x, 2, 1, 1, w, NULL), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_ridge_fit(x, bad, 2, 1, 1, w, NULL), PE_FORMAT);
}

int main(int argc, char **argv)
{
    static const pe_test tests[] = {PE_TEST(one_column_shrinks_as_the_closed_form_says),
                                    PE_TEST(more_columns_than_rows_still_have_an_answer),
                                    PE_TEST(wrong_use_is_a_sentence)};
    return pe_run_tests("analysis: ridge", tests, sizeof tests / sizeof tests[0], argc, argv);
}
