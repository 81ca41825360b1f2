/* Bugs that people reported, with their figures: PRECISION_BUGS.md, the rows marked "yes". The name
 * of the thread stands at each. */
#include "judge.h"
#include "numbers/ulp.h"
#include "testing.h"

static double bf16(double x)
{
    return pe_round_to_format(PE_BF16, x);
}

static double fp16(double x)
{
    return pe_round_to_format(PE_FP16, x);
}

/* x where the place is not listed, x in the format where it is. */
static float keep(pe_format format, unsigned places, pe_place place, float x)
{
    return places & 1u << place ? (float)pe_round_to_format(format, (double)x) : x;
}

/* A program that keeps the listed tensors in the format and computes in float. */
static void rounded_sinusoid(pe_format format, unsigned places, int position, double frequency,
                             float *sine, float *cosine)
{
    const float p = keep(format, places, PE_AT_POSITION, (float)position);
    const float w = keep(format, places, PE_AT_FREQUENCY, (float)frequency);
    const float phase = keep(format, places, PE_AT_PHASE, p * w);
    *sine = keep(format, places, PE_AT_TABLE, sinf(phase));
    *cosine = keep(format, places, PE_AT_TABLE, cosf(phase));
}

enum { ALL = 1 << PE_AT_POSITION | 1 << PE_AT_FREQUENCY | 1 << PE_AT_PHASE | 1 << PE_AT_TABLE };

typedef struct worst_cosine {
    double error;
    int position, pair;
} worst_cosine;

/* Dim 32, positions below 2048: everything in the format against everything in float. */
static worst_cosine gpt_neox_table(pe_format format)
{
    worst_cosine worst = {0};
    for (int p = 0; p < 2048; p++)
        for (int i = 0; i < 16; i++) {
            float w = 1.0f / powf(10000.0f, (float)(2 * i) / 32), s, c;
            rounded_sinusoid(format, ALL, p, (double)w, &s, &c);
            double error = fabs((double)c - (double)cosf((float)p * w));
            if (error > worst.error)
                worst = (worst_cosine){error, p, i};
        }
    return worst;
}

static void gpt_neox_1003_a_table_in_fp16_has_a_cosine_off_by_0_7819(void)
{
    worst_cosine half = gpt_neox_table(PE_FP16);
    PE_NEAR("largest cosine error", half.error, 0.7819, 5e-5);
    CU_ASSERT(half.position == 2008 && half.pair == 1);
    PE_NEAR("bf16 in its place", gpt_neox_table(PE_BF16).error, 1.9968, 5e-5);
    double w = pow(10000, -2.0 / 32);
    PE_NEAR("phase", 1857 * w, 1044.2678, 5e-5);
    CU_ASSERT_EQUAL(fp16(fp16(1857) * fp16(w)), 1045);
}

static void gpt_neox_1016_positions_256_and_257_are_equal_in_bf16(void)
{
    CU_ASSERT(bf16(256) == 256 && bf16(257) == 256);
}

/* Head width 128: only the frequency and the table in bf16, or (fixed) only the table. */
static double modalities_phase_error(unsigned places, int length)
{
    double worst = 0;
    for (int p = 0; p < length; p++)
        for (int i = 0; i < 64; i++) {
            double w = pow(10000, -2.0 * i / 128);
            float s, c;
            rounded_sinusoid(PE_BF16, places, p, w, &s, &c);
            double error = pe_wrapped_difference(atan2((double)s, (double)c), p * w);
            worst = fmax(worst, error);
        }
    return worst;
}

static void modalities_462_frequencies_in_bf16_turn_phases_by_up_to_half_a_turn(void)
{
    const unsigned table = 1u << PE_AT_TABLE, both = table | 1u << PE_AT_FREQUENCY;
    PE_NEAR("512", modalities_phase_error(both, 512), 0.6248, 5e-5);
    PE_NEAR("2048", modalities_phase_error(both, 2048), 2.5039, 5e-5);
    PE_NEAR("4096", modalities_phase_error(both, 4096), 3.1415, 5e-5);
    PE_NEAR("512, fixed", modalities_phase_error(table, 512), 2.72e-3, 5e-6);
    PE_NEAR("2048, fixed", modalities_phase_error(table, 2048), 2.75e-3, 5e-6);
    PE_NEAR("4096, fixed", modalities_phase_error(table, 4096), 2.79e-3, 5e-6);
    const unsigned position = 1u << PE_AT_POSITION, phase = 1u << PE_AT_PHASE;
    PE_NEAR("512, all", modalities_phase_error(both | position | phase, 512), 2.42, 5e-3);
    CU_ASSERT(modalities_phase_error(both | position, 512) > 2 * 0.6248);
    CU_ASSERT(modalities_phase_error(both | phase, 512) > 2 * 0.6248);
}

static void transformers_25681_cos_of_0_1032_loses_digits(void)
{
    PE_NEAR("float", cos(0.1032), 0.9947, 5e-5);
    PE_NEAR("bf16", bf16(cos(0.1032)), 0.9961, 5e-5);
    PE_NEAR("fp16", fp16(cos(0.1032)), 0.9946, 5e-5);
}

static void diffusers_13920_positions_collapse_to_two_values(void)
{
    for (int k = 0; k < 512; k++) {
        double want = k <= 256 ? 65536 : 66048;
        if (bf16(65536.0 + k) != want) {
            CU_FAIL("another value");
        }
    }
}

static int distinct(pe_format format, int length)
{
    int count = 1;
    for (int t = 1; t < length; t++)
        count += pe_round_to_format(format, t) != pe_round_to_format(format, t - 1);
    return count;
}

static void megatron_535_of_32768_positions_6145_stay_distinct_in_fp16(void)
{
    CU_ASSERT_EQUAL(distinct(PE_FP16, 32768), 6145);
    CU_ASSERT_EQUAL(distinct(PE_BF16, 32768), 1153);
    CU_ASSERT(isfinite(fp16(32768)));
    CU_ASSERT_EQUAL(pe_ulp(PE_FP16, 32767, 0), 16);
}

static void openvino_33214_positions_above_4096_are_multiples_of_four(void)
{
    static const double want[] = {4096, 4096, 4096, 4100, 4100, 4100, 4104};
    for (int k = 0; k < 7; k++)
        CU_ASSERT_EQUAL(fp16(4096 + k), want[k]);
}

/* The thread says 15936 or 15968, in steps of 16, and cosines of -0.547 and -0.882: all wrong. */
static void candle_3520_bf16_positions_near_16000_are_64_apart(void)
{
    CU_ASSERT_EQUAL(pe_ulp(PE_BF16, 15962, 0), 64);
    CU_ASSERT(bf16(15962) == 15936 && bf16(15969) == 16000);
    PE_NEAR("cos 15962", cos(15962), -0.9080, 5e-5);
    PE_NEAR("cos 15968", cos(15968), -0.755, 5e-4);
    PE_NEAR("cos 15936", cos(15936), -0.2680, 5e-5);
}

/* Slope, distance and product in bf16, 4096 keys. */
static void tensorrt_667_linear_biases_in_bf16_have_769_values(void)
{
    double worst = 0;
    int values = 1;
    for (int t = 1; t < 4096; t++) {
        double bias = bf16(bf16(0.5) * bf16(t));
        values += bias != bf16(bf16(0.5) * bf16(t - 1));
        worst = fmax(worst, fabs(bias - 0.5 * t));
    }
    CU_ASSERT_EQUAL(values, 769);
    PE_NEAR("eight heads", worst, 4.0, 0);
}

static void diffsynth_1025_and_mold_786_timesteps_move_to_the_next_bf16(void)
{
    static const double given[] = {998.3897, 999.3986, 988.4937, 987.1741, 937, 833, 750};
    static const double stored[] = {1000, 1000, 988, 988, 936, 832, 752};
    for (int k = 0; k < 7; k++)
        CU_ASSERT_EQUAL(bf16(given[k]), stored[k]);
}

static void unirl_438_scaling_after_rounding_moves_timesteps_by_two(void)
{
    CU_ASSERT_EQUAL(bf16(1000 * bf16(.97826087)), 976);
    CU_ASSERT_EQUAL(bf16(1000 * bf16(.68181819)), 684);
    PE_NEAR("fixed", 1000 * .97826087, 978.2609, 5e-5);
}

/* Sines and cosines with the divisor h - 1, positions from 1: every step in fp16. */
static void vllm_54620_every_step_in_fp16_is_off_by_0_42(void)
{
    enum { WIDTH = 560, LENGTH = 832, PAIRS = WIDTH / 2 };
    const double step = fp16(fp16(log(10000)) / (PAIRS - 1));
    double worst = 0, fixed = 0;
    for (int p = 1; p <= LENGTH; p++)
        for (int i = 0; i < PAIRS; i++) {
            double phase = fp16(fp16(p) * fp16(exp(fp16(-i * step))));
            double exact = p * pow(10000, -(double)i / (PAIRS - 1));
            worst = fmax(worst, fabs(fp16(sin(phase)) - sin(exact)));
            worst = fmax(worst, fabs(fp16(cos(phase)) - cos(exact)));
            fixed = fmax(fixed, fabs(fp16(sin(exact)) - sin(exact)));
        }
    PE_NEAR("reported, two digits", worst, 0.42, 5e-3);
    PE_NEAR("fixed", fixed, 0x1p-12, 0x1p-20);
}

static void transformers_48428_tf32_products_move_2049_to_2048(void)
{
    CU_ASSERT_EQUAL(pe_round_to_format(PE_TF32, 2049), 2048);
    for (int p = 0; p <= 2048; p++)
        if (pe_round_to_format(PE_TF32, p) != p) {
            CU_FAIL("positions up to 2048 are exact");
        }
}

static void pytorch_81926_a_range_in_fp16_ends_in_4096(void)
{
    CU_ASSERT(fp16(4091) == 4092 && fp16(4093) == 4092 && fp16(4094) == 4094);
    CU_ASSERT_EQUAL(fp16(4095), 4096);
}

PE_TEST_MAIN("numbers: published failures",
             PE_TEST(gpt_neox_1003_a_table_in_fp16_has_a_cosine_off_by_0_7819),
             PE_TEST(gpt_neox_1016_positions_256_and_257_are_equal_in_bf16),
             PE_TEST(modalities_462_frequencies_in_bf16_turn_phases_by_up_to_half_a_turn),
             PE_TEST(transformers_25681_cos_of_0_1032_loses_digits),
             PE_TEST(diffusers_13920_positions_collapse_to_two_values),
             PE_TEST(megatron_535_of_32768_positions_6145_stay_distinct_in_fp16),
             PE_TEST(openvino_33214_positions_above_4096_are_multiples_of_four),
             PE_TEST(candle_3520_bf16_positions_near_16000_are_64_apart),
             PE_TEST(tensorrt_667_linear_biases_in_bf16_have_769_values),
             PE_TEST(diffsynth_1025_and_mold_786_timesteps_move_to_the_next_bf16),
             PE_TEST(unirl_438_scaling_after_rounding_moves_timesteps_by_two),
             PE_TEST(vllm_54620_every_step_in_fp16_is_off_by_0_42),
             PE_TEST(transformers_48428_tf32_products_move_2049_to_2048),
             PE_TEST(pytorch_81926_a_range_in_fp16_ends_in_4096))
