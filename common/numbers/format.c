#include "numbers/format.h"

#include <float.h>
#include <string.h>

typedef struct shape {
    const char *name;
    int digits, least, greatest; /* finite numbers lie below 2^(greatest + 1) */
    double largest;
    double beyond; /* what a number above the largest becomes */
} shape;

static const shape shapes[PE_FORMAT_COUNT] = {
    [PE_UNROUNDED] = {"unrounded", 0, 0, 0, HUGE_VAL, HUGE_VAL},
    [PE_FP64] = {"fp64", DBL_MANT_DIG, DBL_MIN_EXP - 1, DBL_MAX_EXP - 1, DBL_MAX, HUGE_VAL},
    [PE_FP32] = {"fp32", FLT_MANT_DIG, FLT_MIN_EXP - 1, FLT_MAX_EXP - 1, (double)FLT_MAX, HUGE_VAL},
    [PE_TF32] = {"tf32", 11, -126, 127, 0x1.ffcp127, HUGE_VAL},
    [PE_FP16] = {"fp16", 11, -14, 15, 65504, HUGE_VAL},
    [PE_BF16] = {"bf16", 8, -126, 127, 0x1.fep127, HUGE_VAL},
    [PE_FP8_E4M3] = {"fp8_e4m3", 4, -6, 8, 448, (double)NAN},
    [PE_FP8_E5M2] = {"fp8_e5m2", 3, -14, 15, 57344, HUGE_VAL},
};

static bool is_format(pe_format format)
{
    return (unsigned)format < PE_FORMAT_COUNT;
}

static int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

/* Adding 2^(digits of the arithmetic - 1) * q to a smaller number >= 0 and subtracting it again
 * rounds to a multiple of q, to nearest even. This is that power of two, q being the format's
 * spacing at `size` >= 0. A double's exponent will do for a quad too: it differs only where both
 * spacings give the same power of two. */
static inline double anchor(const shape *s, double size, int arithmetic_digits)
{
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    int exponent = clamp((int)(bits >> 52) - 1023, s->least, s->greatest);
    bits = (uint64_t)(exponent - s->digits + arithmetic_digits + 1023) << 52;
    double big;
    memcpy(&big, &bits, sizeof big);
    return big;
}

/* x in a format narrower than double; NaN passes through every line. */
static inline double narrow(const shape *s, double x)
{
    double size = fabs(x);
    double big = anchor(s, size, DBL_MANT_DIG);
    double rounded = (size + big) - big;
    return copysign(rounded > s->largest ? s->beyond : rounded, x);
}

static double narrow_quad(const shape *s, pe_quad x)
{
    double near = (double)x;
    pe_quad size = x < 0 ? -x : x;
    pe_quad big = (pe_quad)anchor(s, fabs(near), (int)PE_QUAD_DIGITS);
    double rounded = (double)((size + big) - big);
    return copysign(rounded > s->largest ? s->beyond : rounded, near);
}

double pe_round_to_format(pe_format format, double x)
{
    if (!is_format(format) || format == PE_UNROUNDED || format == PE_FP64)
        return x;
    return format == PE_FP32 ? (double)(float)x : narrow(&shapes[format], x);
}

void pe_round_array_f64(pe_format format, size_t n, double *x)
{
    if (!is_format(format) || format == PE_UNROUNDED || format == PE_FP64)
        return;
    if (format == PE_FP32)
        for (size_t i = 0; i < n; i++)
            x[i] = (double)(float)x[i];
    else
        for (size_t i = 0; i < n; i++)
            x[i] = narrow(&shapes[format], x[i]);
}

/* A float is a double, so nothing is rounded twice; and the narrow formats' numbers are floats. */
void pe_round_array_f32(pe_format format, size_t n, float *x)
{
    if (!is_format(format) || format == PE_UNROUNDED || format == PE_FP64 || format == PE_FP32)
        return;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)narrow(&shapes[format], (double)x[i]);
}

void pe_round_array_f128(pe_format format, size_t n, pe_quad *x)
{
    if (!is_format(format) || format == PE_UNROUNDED)
        return;
    for (size_t i = 0; i < n; i++)
        if (format == PE_FP64)
            x[i] = (pe_quad)(double)x[i];
        else if (format == PE_FP32)
            x[i] = (pe_quad)(float)x[i];
        else
            x[i] = (pe_quad)narrow_quad(&shapes[format], x[i]);
}

/* ---- bit patterns ---- */

/* All exponent bits set, fraction zero: infinity where the format has one. */
static unsigned top_binade(const shape *s)
{
    return (unsigned)(s->greatest - s->least + (isinf(s->beyond) ? 2 : 1)) << (s->digits - 1);
}

static unsigned quiet_nan(const shape *s)
{
    unsigned fraction = (1u << (s->digits - 1)) - 1;
    return isinf(s->beyond) ? top_binade(s) | 1u << (s->digits - 2) : top_binade(s) | fraction;
}

/* A number m * 2^(e - digits + 1) with the least possible e >= least has the pattern
 * (e - least) * 2^(digits - 1) + m: the hidden bit of m raises the exponent field by itself. */
static unsigned encode(pe_format format, unsigned sign_bit, double x)
{
    const shape *s = &shapes[format];
    double rounded = narrow(s, x);
    if (isnan(rounded))
        return quiet_nan(s);
    unsigned sign = signbit(rounded) ? sign_bit : 0;
    if (isinf(rounded))
        return sign | top_binade(s);
    int e = rounded != 0 ? clamp(ilogb(rounded), s->least, s->greatest) : s->least;
    unsigned m = (unsigned)ldexp(fabs(rounded), s->digits - 1 - e);
    return sign | (((unsigned)(e - s->least) << (s->digits - 1)) + m);
}

static double decode(pe_format format, unsigned sign_bit, unsigned bits)
{
    const shape *s = &shapes[format];
    unsigned field = bits & (sign_bit - 1), hidden = 1u << (s->digits - 1);
    double size;
    if (isinf(s->beyond) ? field > top_binade(s) : field == quiet_nan(s))
        return (double)NAN;
    if (isinf(s->beyond) && field == top_binade(s))
        size = s->beyond;
    else if (field < hidden)
        size = ldexp(field, s->least - s->digits + 1);
    else
        size = ldexp(field % hidden + hidden, (int)(field / hidden) - 1 + s->least - s->digits + 1);
    return bits & sign_bit ? -size : size;
}

uint16_t pe_to_half_bits(double x)
{
    return (uint16_t)encode(PE_FP16, 0x8000u, x);
}

double pe_from_half_bits(uint16_t bits)
{
    return decode(PE_FP16, 0x8000u, bits);
}

uint16_t pe_to_bf16_bits(double x)
{
    return (uint16_t)encode(PE_BF16, 0x8000u, x);
}

double pe_from_bf16_bits(uint16_t bits)
{
    return decode(PE_BF16, 0x8000u, bits);
}

uint8_t pe_to_e4m3_bits(double x)
{
    return (uint8_t)encode(PE_FP8_E4M3, 0x80u, x);
}

double pe_from_e4m3_bits(uint8_t bits)
{
    return decode(PE_FP8_E4M3, 0x80u, bits);
}

uint8_t pe_to_e5m2_bits(double x)
{
    return (uint8_t)encode(PE_FP8_E5M2, 0x80u, x);
}

double pe_from_e5m2_bits(uint8_t bits)
{
    return decode(PE_FP8_E5M2, 0x80u, bits);
}

/* ---- names and properties ---- */

const char *pe_format_name(pe_format format)
{
    return is_format(format) ? shapes[format].name : NULL;
}

bool pe_format_by_name(const char *name, pe_format *format)
{
    for (int f = 0; f < PE_FORMAT_COUNT; f++)
        if (strcmp(shapes[f].name, name) == 0) {
            *format = (pe_format)f;
            return true;
        }
    return false;
}

int pe_format_digits(pe_format format)
{
    return is_format(format) ? shapes[format].digits : 0;
}

int pe_format_least_exponent(pe_format format)
{
    return is_format(format) ? shapes[format].least : 0;
}

double pe_format_epsilon(pe_format format)
{
    int digits = pe_format_digits(format);
    return digits > 0 ? ldexp(1.0, 1 - digits) : 0;
}

double pe_format_smallest(pe_format format)
{
    int digits = pe_format_digits(format);
    return digits > 0 ? ldexp(1.0, shapes[format].least - digits + 1) : 0;
}

double pe_format_largest(pe_format format)
{
    return is_format(format) ? shapes[format].largest : HUGE_VAL;
}
