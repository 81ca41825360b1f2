/* The paths that programs in the field follow. */
#include "formation/formation.h"

#include <string.h>

#define STEP(kind, arithmetic, result)                                                             \
    {                                                                                              \
        kind, arithmetic, result                                                                   \
    }
#define EXACT                                                                                      \
    {                                                                                              \
        0, PE_UNROUNDED, PE_UNROUNDED                                                              \
    }
/* Angle, sine and table in float: what most programs do once they have a frequency. */
#define FLOAT_REST                                                                                 \
    .position = PE_FP32, .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, PE_UNROUNDED),                   \
    .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED), .store = PE_FP32
#define FLOAT_FREQUENCY(formula) .frequency = STEP(formula, PE_FP32, PE_UNROUNDED)
/* All steps of a float path in one narrow format. */
#define ALL_IN(format)                                                                             \
    .position = format, .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, format),                      \
    .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, format),                                              \
    .sine = STEP(PE_SINE_NATIVE, PE_FP32, format), .store = format

const pe_formation pe_formations[] = {
    {.name = "exact", .summary = "no rounding at all but that of the reader", .frequency = EXACT},
    {.name = "pow",
     .summary = "powf(base, -2i/d), all in float",
     FLOAT_FREQUENCY(PE_FREQUENCY_POW),
     FLOAT_REST},
    {.name = "reciprocal-pow",
     .summary = "1 / powf(base, 2i/d), all in float",
     FLOAT_FREQUENCY(PE_FREQUENCY_RECIPROCAL_POW),
     FLOAT_REST},
    {.name = "exp-step",
     .summary = "expf(2i c), c = -logf(base)/d, all in float: the tutorials",
     FLOAT_FREQUENCY(PE_FREQUENCY_EXP_STEP),
     FLOAT_REST},
    {.name = "exp-log",
     .summary = "expf(-(2i/d) logf(base)), all in float",
     FLOAT_FREQUENCY(PE_FREQUENCY_EXP_LOG),
     FLOAT_REST},
    {.name = "running-product",
     .summary = "each frequency the one before times powf(base, -2/d), in float",
     FLOAT_FREQUENCY(PE_FREQUENCY_PRODUCT),
     FLOAT_REST},
    {.name = "repeated-angle",
     .summary = "each angle the one before times powf(base, -2/d), in float: ggml",
     .position = PE_FP32,
     .frequency = EXACT,
     .angle = STEP(PE_ANGLE_REPEATED, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "angle-addition",
     .summary = "each row the one before turned by the frequency, in float",
     .position = PE_FP32,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, PE_UNROUNDED),
     .angle = STEP(PE_ANGLE_ADDITION, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "double-then-round",
     .summary = "all in double, the finished sine rounded to float",
     .position = PE_FP64,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP64, PE_UNROUNDED),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP64, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP64, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "double-angle",
     .summary = "the angle in double, rounded to float before the sine",
     .position = PE_FP64,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP64, PE_UNROUNDED),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP64, PE_FP32),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "table-lookup",
     .summary = "a table of correctly rounded float frequencies, then float",
     FLOAT_FREQUENCY(PE_FREQUENCY_TABLE),
     FLOAT_REST},
    {.name = "all-bf16",
     .summary = "every result of a float program kept in bf16",
     ALL_IN(PE_BF16)},
    {.name = "all-fp16",
     .summary = "every result of a float program kept in fp16",
     ALL_IN(PE_FP16)},
    {.name = "frequencies-bf16",
     .summary = "frequencies kept in bf16, the rest in float",
     .position = PE_FP32,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, PE_BF16),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "frequencies-fp16",
     .summary = "frequencies kept in fp16, the rest in float",
     .position = PE_FP32,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, PE_FP16),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "positions-bf16",
     .summary = "positions kept in bf16, the rest in float",
     .position = PE_BF16,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, PE_UNROUNDED),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
    {.name = "positions-fp16",
     .summary = "positions kept in fp16, the rest in float",
     .position = PE_FP16,
     .frequency = STEP(PE_FREQUENCY_POW, PE_FP32, PE_UNROUNDED),
     .angle = STEP(PE_ANGLE_PRODUCT, PE_FP32, PE_UNROUNDED),
     .sine = STEP(PE_SINE_NATIVE, PE_FP32, PE_UNROUNDED),
     .store = PE_FP32},
};
const size_t pe_formation_count = sizeof pe_formations / sizeof pe_formations[0];

const pe_formation *pe_formation_by_name(const char *name)
{
    for (size_t i = 0; i < pe_formation_count; i++)
        if (strcmp(pe_formations[i].name, name) == 0)
            return &pe_formations[i];
    return NULL;
}

static void copy_step(pe_formation *to, const pe_formation *from, pe_step step)
{
    switch (step) {
    case PE_STEP_POSITION:
        to->position = from->position;
        break;
    case PE_STEP_FREQUENCY:
        to->frequency = from->frequency;
        break;
    case PE_STEP_ANGLE:
        to->angle = from->angle;
        break;
    case PE_STEP_SINE:
        to->sine = from->sine;
        break;
    default:
        to->store = from->store;
    }
}

pe_formation pe_formation_without(const pe_formation *formation, pe_step step)
{
    const pe_formation exact = {0};
    pe_formation changed = *formation;
    copy_step(&changed, &exact, step);
    changed.wide_operands = true;
    return changed;
}

pe_formation pe_formation_only(const pe_formation *formation, pe_step step)
{
    pe_formation changed = {.summary = formation->summary, .wide_operands = true};
    memcpy(changed.name, formation->name, sizeof changed.name);
    copy_step(&changed, formation, step);
    return changed;
}
