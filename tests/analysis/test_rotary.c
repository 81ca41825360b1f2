/* METRICS 1.5. */
#include "tables.h"

#include "analysis/rotary.h"

static void the_bound_is_the_list_of_section_1_5(void)
{
    static const double k[] = {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4096};
    static const double want[] = {32.5000, 31.5382, 28.9560, 20.8454, 17.9541, 15.2424, 12.6295,
                                  10.2273, 7.2448,  6.1898,  4.4708,  5.0468,  4.8828};
    double got[13];
    OK(pe_rotary_bound(128, 1e4, PE_FREQUENCIES_PAPER, k, got, 13, NULL));
    for (size_t m = 0; m < 13; m++)
        PE_NEAR("bound", got[m], want[m], 1e-4);
    CU_ASSERT_EQUAL(got[0], 32.5);
    CU_ASSERT_TRUE(got[11] > got[10]); /* not monotone */
}

static void bad_input_is_refused(void)
{
    double k = PE_NAN, bound;
    REFUSED(pe_rotary_bound(8, 1e4, PE_FREQUENCIES_PAPER, &k, &bound, 1, NULL), PE_FORMAT);
    k = 1.0;
    REFUSED(pe_rotary_bound(7, 1e4, PE_FREQUENCIES_PAPER, &k, &bound, 1, NULL), PE_USAGE);
    FAIL_EVERY_ALLOCATION(pe_rotary_bound(8, 1e4, PE_FREQUENCIES_PAPER, &k, &bound, 1, NULL), );
}

PE_TEST_MAIN("analysis: rotary", PE_TEST(the_bound_is_the_list_of_section_1_5),
             PE_TEST(bad_input_is_refused))
