#include "tables.h"

#include "analysis/components.h"
#include "analysis/random.h"

enum { T = 60, D = 5 };

/* A turn in columns 0 and 3 (a helix with the slope in column 4), on top of a constant. */
static void fill_helix(double *P)
{
    double turn = 2.0 * acos(-1.0) / 20.0;
    for (int t = 0; t < T; t++) {
        P[t * D] = 7.0 + 2.0 * cos(turn * t);
        P[t * D + 1] = -3.0;
        P[t * D + 2] = 0.0;
        P[t * D + 3] = 2.0 * sin(turn * t);
        P[t * D + 4] = 0.01 * (t - 29.5);
    }
}

static void a_helix_has_two_equal_components_and_a_slope(void)
{
    double P[T * D], scores[T * 3], axes[3 * D], share[3];
    fill_helix(P);
    OK(pe_principal_components(P, T, D, 3, scores, axes, share, NULL));
    double turning = 60.0 * 2.0, rising = 1e-4 * 60.0 * (3600.0 - 1.0) / 12.0;
    PE_NEAR("first", share[0], turning / (2.0 * turning + rising), 1e-3);
    PE_NEAR("second", share[1], turning / (2.0 * turning + rising), 1e-3);
    PE_NEAR("shares", share[0] + share[1] + share[2], 1.0, 1e-12);
    for (int t = 0; t < T; t++)
        PE_NEAR("radius", hypot(scores[t * 3], scores[t * 3 + 1]), 2.0, 0.05);
    for (int a = 0; a < 3; a++) {
        double top = 0.0;
        for (int c = 0; c < D; c++)
            top = fabs(axes[a * D + c]) > fabs(top) ? axes[a * D + c] : top;
        CU_ASSERT_TRUE(top > 0.0);
        for (int b = 0; b < 3; b++) {
            double dot = 0.0;
            for (int c = 0; c < D; c++)
                dot += axes[a * D + c] * axes[b * D + c];
            PE_NEAR("axes are orthonormal", dot, a == b, 1e-14);
        }
    }
}

static void all_components_together_rebuild_the_table(void)
{
    double P[7 * 4], scores[7 * 4], axes[4 * 4];
    pe_stream s = pe_stream_open(8, "components", 0);
    pe_fill_normal(&s, P, 28, 1.0, 2.0);
    OK(pe_principal_components(P, 7, 4, 4, scores, axes, NULL, NULL));
    for (int c = 0; c < 4; c++) {
        double mean = 0.0;
        for (int t = 0; t < 7; t++)
            mean += P[t * 4 + c] / 7.0;
        for (int t = 0; t < 7; t++) {
            double rebuilt = mean;
            for (int a = 0; a < 4; a++)
                rebuilt += scores[t * 4 + a] * axes[a * 4 + c];
            PE_NEAR("entry", rebuilt, P[t * 4 + c], 1e-13);
        }
    }
}

static void bad_input_is_refused_and_failed_allocations_leave_nothing(void)
{
    double P[6] = {1, 2, 1, 2, 1, 2}, share[2];
    REFUSED(pe_principal_components(P, 3, 2, 2, NULL, NULL, share, NULL), PE_FORMAT);
    REFUSED(pe_principal_components(P, 3, 2, 3, NULL, NULL, share, NULL), PE_USAGE);
    REFUSED(pe_principal_components(P, 3, 2, 0, NULL, NULL, share, NULL), PE_USAGE);
    P[3] = PE_NAN;
    REFUSED(pe_principal_components(P, 3, 2, 2, NULL, NULL, share, NULL), PE_FORMAT);
    P[3] = 5;
    FAIL_EVERY_ALLOCATION(pe_principal_components(P, 3, 2, 2, NULL, NULL, share, NULL), );
}

PE_TEST_MAIN("analysis: components", PE_TEST(a_helix_has_two_equal_components_and_a_slope),
             PE_TEST(all_components_together_rebuild_the_table),
             PE_TEST(bad_input_is_refused_and_failed_allocations_leave_nothing))
