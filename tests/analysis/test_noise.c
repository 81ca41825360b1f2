#include "tables.h"

#include "analysis/noise.h"
#include "analysis/table.h"

static pe_status toeplitz_share(const double *P, size_t T, size_t d, void *context, double *value,
                                pe_error *err)
{
    pe_toeplitz_fit fit;
    pe_status st = pe_gram_toeplitz(P, T, d, &fit, err);
    ++*(size_t *)context;
    if (st == PE_OK)
        *value = fit.r2;
    return st;
}

static pe_status first_entry(const double *P, size_t T, size_t d, void *context, double *value,
                             pe_error *err)
{
    (void)T, (void)d, (void)context, (void)err;
    *value = P[0];
    return PE_OK;
}

static pe_status never_a_number(const double *P, size_t T, size_t d, void *context, double *value,
                                pe_error *err)
{
    (void)P, (void)T, (void)d, (void)context, (void)err;
    *value = PE_NAN;
    return PE_OK;
}

static pe_status always_failing(const double *P, size_t T, size_t d, void *context, double *value,
                                pe_error *err)
{
    (void)P, (void)T, (void)d, (void)context, (void)value;
    return pe_fail(err, PE_DIFFERS, "as planned");
}

static void noise_scores_two_over_T_and_sines_stand_far_outside(void)
{
    size_t calls = 0;
    pe_noise_band band;
    double sines = PE_NAN, *P = sine_table(128, 64, 1e4);
    OK(pe_noise_band_of(128, 64, 0.02, 40, 0.9, 1, toeplitz_share, &calls, &band, NULL));
    printf("    R2 of noise, T = 128: %.4f..%.4f, mean %.4f, sd %.4f\n", band.low, band.high,
           band.mean, band.sd);
    CU_ASSERT_EQUAL(calls, 40);
    CU_ASSERT_TRUE(band.low < 2.0 / 128.0 && 2.0 / 128.0 < band.high);
    PE_NEAR("mean", band.mean, 2.0 / 128.0, 3.0 * band.sd / sqrt(40.0));
    OK(toeplitz_share(P, 128, 64, &calls, &sines, NULL));
    CU_ASSERT_TRUE(sines > 10.0 * band.high);
    free(P);
}

static void the_band_of_a_normal_number_has_its_quantiles(void)
{
    pe_noise_band band;
    OK(pe_noise_band_of(1, 1, 2.0, 20000, 0.9, 1, first_entry, NULL, &band, NULL));
    /* 1.6449 sigma; standard error of that quantile: sqrt(p(1-p)/n)/density = 0.0149 sigma */
    PE_NEAR("low", band.low, -2.0 * 1.6449, 3.0 * 2.0 * 0.0149);
    PE_NEAR("high", band.high, 2.0 * 1.6449, 3.0 * 2.0 * 0.0149);
    PE_NEAR("sd", band.sd, 2.0, 3.0 * 2.0 / sqrt(40000.0));
    CU_ASSERT_TRUE(band.low < band.median && band.median < band.high);
}

static void bad_input_is_refused_and_failures_are_passed_on(void)
{
    pe_noise_band band;
    pe_error err;
    size_t calls = 0;
    REFUSED(pe_noise_band_of(2, 2, 1, 20, 0.9, 1, never_a_number, NULL, &band, NULL), PE_FORMAT);
    REFUSED(pe_noise_band_of(2, 2, 1, 20, 0.9, 1, always_failing, NULL, &band, &err), PE_DIFFERS);
    PE_CONTAINS(err.text, "as planned");
    REFUSED(pe_noise_band_of(0, 2, 1, 20, 0.9, 1, first_entry, NULL, &band, NULL), PE_USAGE);
    REFUSED(pe_noise_band_of(SIZE_MAX, 2, 1, 20, 0.9, 1, first_entry, NULL, &band, NULL), PE_USAGE);
    REFUSED(pe_noise_band_of(2, 2, 0, 20, 0.9, 1, first_entry, NULL, &band, NULL), PE_USAGE);
    REFUSED(pe_noise_band_of(2, 2, 1, 19, 0.9, 1, first_entry, NULL, &band, NULL), PE_USAGE);
    REFUSED(pe_noise_band_of(2, 2, 1, 20, 1.0, 1, first_entry, NULL, &band, NULL), PE_USAGE);
    FAIL_EVERY_ALLOCATION(
        pe_noise_band_of(3, 2, 1, 20, 0.9, 1, toeplitz_share, &calls, &band, NULL), );
}

PE_TEST_MAIN("analysis: noise", PE_TEST(noise_scores_two_over_T_and_sines_stand_far_outside),
             PE_TEST(the_band_of_a_normal_number_has_its_quantiles),
             PE_TEST(bad_input_is_refused_and_failures_are_passed_on))
