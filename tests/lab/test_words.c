#include "testing.h"

#include "lab/words.h"

#include <math.h>

static void a_largest_difference_that_met_no_number_is_no_number(void)
{
    const double nothing = (double)NAN;
    CU_ASSERT_EQUAL(pe_worse(1, 2), 2);
    CU_ASSERT_EQUAL(pe_worse(2, 1), 2);
    CU_ASSERT_TRUE(isnan(pe_worse(1, nothing)));
    CU_ASSERT_TRUE(isnan(pe_worse(nothing, 1)));
    CU_ASSERT_TRUE(isnan(pe_worse(pe_worse(0, nothing), 3)));
}

PE_TEST_MAIN("lab: words", PE_TEST(a_largest_difference_that_met_no_number_is_no_number))
