/* Safe context against a search that looks at every position. */
#include "base/memory.h"
#include "formation/safe.h"
#include "numbers/ulp.h"
#include "testing.h"

#include <math.h>

static pe_formed make(const char *text, double base, size_t width)
{
    pe_formation path;
    pe_formed formed = {0};
    const pe_spectrum spectrum = {base, width / 2, (double)width};
    CU_ASSERT_EQUAL_FATAL(pe_formation_parse(text, &path, NULL), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_formed_make(&path, &spectrum, &formed, NULL), PE_OK);
    return formed;
}

/* Every position, every pair, one entry at a time. */
static double plainly(const pe_formed *formed, double tolerance, int most)
{
    for (int p = 0; p <= most; p++)
        for (size_t i = 0; i < formed->spectrum.pairs; i++) {
            const double position = p;
            double s, c, rs, rc;
            pe_formed_column(formed, i, 1, &position, &s, &c, 1);
            pe_formed_reference(formed, i, 1, &position, &rs, &rc, 1);
            if (!(pe_phase_error(s, c, rs, rc) <= tolerance))
                return p - 1;
        }
    return most;
}

static void the_safe_phase_is_the_one_a_plain_search_finds(void)
{
    static const struct {
        const char *path;
        double base, tolerance;
    } rows[] = {
        {"pow", 1e4, 1e-4},
        {"exp-step", 1e4, 1e-4},
        {"exp-log", 5e5, 3e-5},
        {"running-product", 1e4, 1e-4},
        {"repeated-angle", 1e4, 1e-4},
        {"angle-addition", 1e4, 1e-5},
        {"double-angle", 1e6, 1e-5},
        {"table-lookup", 1e4, 5e-5},
        {"all-bf16", 1e4, 0.1},
        {"all-fp16", 1e6, 0.1},
        {"frequencies-bf16", 1e4, 0.1},
        {"positions-fp16", 5e5, 0.3},
        {"positions-bf16", 1e4, 3},
        {"store=bf16", 1e4, 1e-3},
        {"store=e4m3", 1e4, 0.1},
        {"frequency=pow:fp16,angle=product:fp16", 1e6, 0.01},
        {"double-then-round", 1e4, 1e-6},
        {"position=fp16", 1e4, 2},
    };
    enum { MOST = 5000 };
    int reached = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pe_formed formed = make(rows[i].path, rows[i].base, 32);
        pe_safe safe;
        const double plain = plainly(&formed, rows[i].tolerance, MOST);
        CU_ASSERT_EQUAL(pe_safe_phase(&formed, rows[i].tolerance, MOST, &safe, NULL), PE_OK);
        PE_NEAR(rows[i].path, safe.position, plain, 0);
        CU_ASSERT_EQUAL(safe.reached, plain < MOST);
        reached += safe.reached;
        pe_formed_release(&formed);
    }
    CU_ASSERT(reached >= 12); /* both ends of the search are seen */
    CU_ASSERT(reached < (int)(sizeof rows / sizeof rows[0]));
}

/* fp16 ends at 65504; 65520 becomes infinity. A tolerance of 3 leaves wide positions safe. */
static void the_range_of_a_format_ends_its_context(void)
{
    pe_formed formed = make("position=fp16", 1e12, 4);
    pe_safe safe;
    CU_ASSERT_EQUAL(pe_safe_phase(&formed, 3.14159, 70000, &safe, NULL), PE_OK);
    CU_ASSERT(safe.position < 65520);
    CU_ASSERT(safe.reached);
    pe_formed_release(&formed);
}

enum { TOKENS = 16, WIDTH = 32 };

static void shifts_are_safe_for_float_long_after_they_are_not_for_bf16(void)
{
    static double q[TOKENS * WIDTH], k[TOKENS * WIDTH];
    for (int i = 0; i < TOKENS * WIDTH; i++) {
        q[i] = 1.5 * sin(i * 1.7);
        k[i] = 1.5 * cos(i * i * 0.9);
    }
    const pe_rotary rotary = {TOKENS, q, k, PE_FP32, PE_FP32};
    static const char *const paths[] = {"all-bf16", "pow", "exact"};
    double at[3];
    for (int i = 0; i < 3; i++) {
        pe_formed formed = make(paths[i], 1e4, WIDTH);
        pe_safe safe;
        pe_shift_change change;
        CU_ASSERT_EQUAL(pe_safe_shift(&formed, &rotary, PE_SAFE_LOGIT, 0.01, 0x1p22, &safe, NULL),
                        PE_OK);
        at[i] = safe.position;
        CU_ASSERT_EQUAL(safe.reached, i < 2);
        CU_ASSERT_EQUAL(pe_formation_shift(&formed, &rotary, at[i], &change, NULL), PE_OK);
        CU_ASSERT(change.logit_rms <= 0.01);
        CU_ASSERT_EQUAL(pe_safe_shift(&formed, &rotary, PE_SAFE_WEIGHT, 0.01, 1024, &safe, NULL),
                        PE_OK);
        CU_ASSERT_EQUAL(safe.reached, i == 0);
        pe_formed_release(&formed);
    }
    CU_ASSERT(at[0] < 64);
    CU_ASSERT(at[1] > 4096);
    PE_NEAR("exact", at[2], 0x1p22, 0);
}

static void bad_tolerances_and_failed_allocations_are_refused(void)
{
    static const struct {
        double tolerance, most;
        const char *says;
    } wrong[] = {{0, 10, "above 0"},           {-1, 10, "above 0"}, {4, 10, "below pi"},
                 {(double)NAN, 10, "above 0"}, {1, -1, "2^31"},     {1, 1e12, "2^31"}};
    pe_formed formed = make("pow", 1e4, 8), walk = make("angle-addition", 1e4, 8);
    static const double q[24];
    const pe_rotary rotary = {3, q, q, PE_FP32, PE_FP32};
    pe_safe safe;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pe_error err = {0};
        CU_ASSERT_EQUAL(pe_safe_phase(&formed, wrong[i].tolerance, wrong[i].most, &safe, &err),
                        PE_USAGE);
        PE_CONTAINS(err.text, wrong[i].says);
    }
    CU_ASSERT_EQUAL(pe_safe_shift(&formed, &rotary, PE_SAFE_LOGIT, 0, 10, &safe, NULL), PE_USAGE);
    const long before = pe_live_blocks();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        pe_fail_allocations_after(allowed);
        failed = pe_safe_phase(&formed, 0.1, 100, &safe, NULL) != PE_OK;
        failed |= pe_safe_phase(&walk, 0.1, 100, &safe, NULL) != PE_OK;
        failed |= pe_safe_shift(&formed, &rotary, PE_SAFE_LOGIT, 1, 3, &safe, NULL) != PE_OK;
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
    }
    pe_formed_release(&formed);
    pe_formed_release(&walk);
}

PE_TEST_MAIN("formation: safe context", PE_TEST(the_safe_phase_is_the_one_a_plain_search_finds),
             PE_TEST(the_range_of_a_format_ends_its_context),
             PE_TEST(shifts_are_safe_for_float_long_after_they_are_not_for_bf16),
             PE_TEST(bad_tolerances_and_failed_allocations_are_refused))
