#include "numbers/sinusoid.h"
#include "numbers/format.h"

#include <string.h>

static const char *const path_names[PE_PATH_COUNT] = {
    "exp-step", "exp-log", "reciprocal-pow", "pow", "running-product", "double",
};
static const char *const angle_names[PE_ANGLE_COUNT] = {"float", "rounded", "double"};

/* The index of name, or -1. */
static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *pe_path_name(pe_path path)
{
    return (unsigned)path < PE_PATH_COUNT ? path_names[path] : NULL;
}

const char *pe_angle_name(pe_angle angle)
{
    return (unsigned)angle < PE_ANGLE_COUNT ? angle_names[angle] : NULL;
}

bool pe_path_by_name(const char *name, pe_path *path)
{
    int found = find(path_names, PE_PATH_COUNT, name);
    if (found >= 0)
        *path = (pe_path)found;
    return found >= 0;
}

bool pe_angle_by_name(const char *name, pe_angle *angle)
{
    int found = find(angle_names, PE_ANGLE_COUNT, name);
    if (found >= 0)
        *angle = (pe_angle)found;
    return found >= 0;
}

static double frequency_in_double(size_t i, size_t width, double base)
{
    return pow(base, -(2.0 * (double)i / (double)width));
}

void pe_path_frequencies(pe_path path, size_t pairs, size_t width, double base, float *frequency)
{
    const float b = (float)base, d = (float)width;
    const float step = -logf(b) / d, ratio = powf(b, -2.0f / d);
    for (size_t i = 0; i < pairs; i++) {
        const float exponent = (float)(2 * i) / d;
        switch (path) {
        case PE_PATH_EXP_STEP:
            frequency[i] = expf((float)(2 * i) * step);
            break;
        case PE_PATH_EXP_LOG:
            frequency[i] = expf(-exponent * logf(b));
            break;
        case PE_PATH_RECIPROCAL_POW:
            frequency[i] = 1.0f / powf(b, exponent);
            break;
        case PE_PATH_POW:
            frequency[i] = powf(b, -exponent);
            break;
        case PE_PATH_PRODUCT:
            frequency[i] = i == 0 ? 1.0f : frequency[i - 1] * ratio;
            break;
        default:
            frequency[i] = (float)frequency_in_double(i, width, base);
        }
    }
}

void pe_path_row(pe_angle angle, double position, size_t pairs, const float *frequency,
                 size_t width, double base, float *sine, float *cosine)
{
    for (size_t i = 0; i < pairs; i++) {
        if (angle == PE_ANGLE_DOUBLE) {
            double phase = position * frequency_in_double(i, width, base);
            sine[i] = (float)sin(phase);
            cosine[i] = (float)cos(phase);
        } else {
            float phase = angle == PE_ANGLE_FLOAT
                              ? (float)position * frequency[i]
                              : (float)(position * frequency_in_double(i, width, base));
            sine[i] = sinf(phase);
            cosine[i] = cosf(phase);
        }
    }
}

/* x where the place is not listed, x in the format where it is. */
static float keep(pe_format format, unsigned places, pe_place place, float x)
{
    return places & 1u << place ? (float)pe_round_to_format(format, (double)x) : x;
}

void pe_rounded_sinusoid(pe_format format, unsigned places, double position, double frequency,
                         float *sine, float *cosine)
{
    float p = keep(format, places, PE_AT_POSITION, (float)position);
    float w = keep(format, places, PE_AT_FREQUENCY, (float)frequency);
    float phase = keep(format, places, PE_AT_PHASE, p * w);
    *sine = keep(format, places, PE_AT_TABLE, sinf(phase));
    *cosine = keep(format, places, PE_AT_TABLE, cosf(phase));
}
