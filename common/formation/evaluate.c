/* Evaluating a path: every operation in its format. */
#include "formation/formation.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* ---- arithmetic in a format: operands rounded to it, then the result ---- */

/* pe_round_to_format, with the compiler's own conversion for the formats it has. */
static inline double in(pe_format format, double x)
{
    if (format == PE_UNROUNDED || format == PE_FP64)
        return x;
    return format == PE_FP32 ? (double)(float)x : pe_round_to_format(format, x);
}

/* An operation, given as an expression of doubles a, b and as one of floats x, y. */
#define OPERATION(name, in_double, in_float)                                                       \
    static double name(pe_format format, double a, double b)                                       \
    {                                                                                              \
        a = in(format, a);                                                                         \
        b = in(format, b);                                                                         \
        if (format == PE_FP64)                                                                     \
            return in_double;                                                                      \
        const float x = (float)a, y = (float)b;                                                    \
        (void)y;                                                                                   \
        return in(format, (double)(in_float));                                                     \
    }
OPERATION(product, a *b, x *y)
OPERATION(quotient, a / b, x / y)
OPERATION(sum, a + b, x + y)
OPERATION(power, pow(a, b), powf(x, y))
OPERATION(exponential, exp(a), expf(x))
OPERATION(logarithm, log(a), logf(x))
OPERATION(native_sine, sin(a), sinf(x))
OPERATION(native_cosine, cos(a), cosf(x))

/* ---- frequencies ---- */

/* w = mantissa * 2^exponent * 2 pi from whole numbers: the top two limbs are 128 bits. */
static void exact_frequency(const pe_turns *turns, double *high, double *low)
{
    static const pe_quad two_pi = (pe_quad)6.283185307179586 + (pe_quad)2.4492935982947064e-16 +
                                  (pe_quad)-5.989539619436679e-33; /* 2 pi as a sum of doubles */
    const uint64_t *limb = turns->mantissa + PE_TURNS_LIMBS - 2;
    pe_quad w = (pe_quad)limb[1] * (pe_quad)0x1p64 + (pe_quad)limb[0];
    w *= two_pi;
    const int exponent = turns->exponent + 64 * (PE_TURNS_LIMBS - 2);
    /* in two halves: 2^exponent alone may be below the smallest double */
    w *= (pe_quad)ldexp(1, exponent / 2);
    w *= (pe_quad)ldexp(1, exponent - exponent / 2);
    *high = (double)w;
    *low = (double)(w - (pe_quad)*high);
}

static double exponent_of(pe_format format, size_t pair, double divisor)
{
    return quotient(format, 2 * (double)pair, divisor);
}

/* Frequency of a pair by a formula that is not exact; `before` is that of the pair before. */
static double formed_frequency(const pe_formation_step *step, const pe_spectrum *s, size_t pair,
                               double before)
{
    const pe_format f = step->arithmetic;
    switch (step->formula) {
    case PE_FREQUENCY_POW:
        return power(f, s->base, -exponent_of(f, pair, s->divisor));
    case PE_FREQUENCY_RECIPROCAL_POW:
        return quotient(f, 1, power(f, s->base, exponent_of(f, pair, s->divisor)));
    case PE_FREQUENCY_EXP_STEP: {
        const double c = quotient(f, -logarithm(f, s->base, 0), s->divisor);
        return exponential(f, product(f, 2 * (double)pair, c), 0);
    }
    case PE_FREQUENCY_EXP_LOG:
        return exponential(
            f, product(f, -exponent_of(f, pair, s->divisor), logarithm(f, s->base, 0)), 0);
    default: /* PE_FREQUENCY_PRODUCT */
        return pair == 0 ? 1
                         : product(f, before, power(f, s->base, -exponent_of(f, 1, s->divisor)));
    }
}

static void prepare_exact(pe_formed *formed)
{
    const pe_spectrum *s = &formed->spectrum;
    for (size_t i = 0; i < s->pairs; i++) {
        const pe_frequency frequency = {1, s->base, 2 * (double)i, s->divisor};
        pe_turns_prepare(&formed->turns[i], &frequency);
        exact_frequency(&formed->turns[i], &formed->exact_high[i], &formed->exact_low[i]);
    }
}

static void fill_frequencies(pe_formed *formed)
{
    const pe_formation_step *step = &formed->formation.frequency;
    const pe_spectrum *s = &formed->spectrum;
    double before = 1;
    for (size_t i = 0; i < s->pairs; i++) {
        formed->low[i] = 0;
        if (step->formula == PE_FREQUENCY_EXACT) {
            formed->high[i] = formed->exact_high[i];
            formed->low[i] = formed->exact_low[i];
        } else if (step->formula == PE_FREQUENCY_TABLE) {
            formed->high[i] = in(step->arithmetic, formed->exact_high[i]);
        } else {
            before = formed_frequency(step, s, i, before);
            formed->high[i] = before;
        }
        if (step->result != PE_UNROUNDED) {
            formed->high[i] = in(step->result, formed->high[i]);
            formed->low[i] = 0;
        }
    }
}

void pe_formed_change(pe_formed *formed, const pe_formation *formation)
{
    const pe_spectrum *s = &formed->spectrum;
    const pe_format f = formation->angle.arithmetic;
    formed->formation = *formation;
    fill_frequencies(formed);
    if (formation->angle.formula == PE_ANGLE_REPEATED)
        formed->ratio = power(f, s->base, -exponent_of(f, 1, s->divisor));
}

pe_status pe_formed_make(const pe_formation *formation, const pe_spectrum *spectrum,
                         pe_formed *formed, pe_error *err)
{
    const size_t n = spectrum->pairs;
    *formed = (pe_formed){.formation = *formation, .spectrum = *spectrum};
    if (!(spectrum->base > 0 && spectrum->base < HUGE_VAL) || n == 0 ||
        !(spectrum->divisor > 0 && spectrum->divisor < HUGE_VAL))
        return pe_fail(err, PE_USAGE,
                       "frequencies need a base and a divisor above 0 and at least one pair");
    formed->turns = pe_allocate(n, sizeof *formed->turns, "exact frequencies", err);
    formed->high = pe_allocate(4 * n, sizeof *formed->high, "frequencies", err);
    if (!formed->turns || !formed->high) {
        pe_formed_release(formed);
        return PE_MEMORY;
    }
    formed->low = formed->high + n;
    formed->exact_high = formed->high + 2 * n;
    formed->exact_low = formed->high + 3 * n;
    prepare_exact(formed);
    pe_formed_change(formed, formation);
    return PE_OK;
}

void pe_formed_release(pe_formed *formed)
{
    pe_release(formed->turns);
    pe_release(formed->high);
    *formed = (pe_formed){0};
}

/* ---- angles ---- */

/* p (high + low), to about 2^-105: a product and its error, by fused multiply-add. */
static double exact_product(double p, double high, double low, double *rest)
{
    const double product_high = p * high;
    const double product_low = fma(p, high, -product_high) + p * low;
    const double total = product_high + product_low;
    *rest = product_low - (total - product_high);
    return total;
}

static double angle_of(const pe_formed *formed, size_t pair, double p, double *low)
{
    const pe_formation_step *step = &formed->formation.angle;
    double angle, rest;
    *low = 0;
    switch (step->formula) {
    case PE_ANGLE_EXACT:
        angle = exact_product(p, formed->high[pair], formed->low[pair], low);
        break;
    case PE_ANGLE_PRODUCT:
        if (formed->formation.wide_operands)
            angle = in(step->arithmetic,
                       exact_product(p, formed->high[pair], formed->low[pair], &rest));
        else
            angle = product(step->arithmetic, p, formed->high[pair]);
        break;
    case PE_ANGLE_REPEATED:
        angle = in(step->arithmetic, p);
        for (size_t i = 0; i < pair; i++)
            angle = product(step->arithmetic, angle, formed->ratio);
        break;
    default:
        angle = (double)NAN;
    }
    if (step->result != PE_UNROUNDED) {
        angle = in(step->result, angle);
        *low = 0;
    }
    return angle;
}

double pe_formed_angle(const pe_formed *formed, size_t pair, double position, double *low)
{
    return angle_of(formed, pair, in(formed->formation.position, position), low);
}

/* ---- sines ---- */

/* Sine and cosine of high + low. An exact one: the double's, and the first term of Taylor's series
 * for low, whose square is below 2^-106 of the angle's. */
static void sine_of(const pe_formation *path, double high, double low, double *sine, double *cosine)
{
    const pe_formation_step *step = &path->sine;
    double s, c;
    if (step->formula == PE_SINE_NATIVE && !path->wide_operands) {
        s = native_sine(step->arithmetic, high, 0);
        c = native_cosine(step->arithmetic, high, 0);
    } else {
        const double s0 = sin(high), c0 = cos(high);
        s = in(step->arithmetic, s0 + low * c0); /* an exact sine has no format */
        c = in(step->arithmetic, c0 - low * s0);
    }
    *sine = in(step->result, s);
    *cosine = in(step->result, c);
}

/* (cosine, sine) turned by (c1, s1). */
static void turn(pe_format f, double c1, double s1, double *sine, double *cosine)
{
    const double s = sum(f, product(f, *sine, c1), product(f, *cosine, s1));
    const double c = sum(f, product(f, *cosine, c1), -product(f, *sine, s1));
    *sine = s;
    *cosine = c;
}

static void by_addition(const pe_formed *formed, size_t pair, size_t n, const double *position,
                        double *sine, double *cosine, size_t stride)
{
    enum { FARTHEST = 1 << 24 };
    const pe_formation *path = &formed->formation;
    const pe_format f = path->angle.arithmetic;
    double s1, c1, s = 0, c = 1, at = 0;
    sine_of(path, formed->high[pair], formed->low[pair], &s1, &c1);
    for (size_t i = 0; i < n; i++) {
        const double p = in(path->position, position[i]);
        double *to_s = &sine[i * stride], *to_c = &cosine[i * stride];
        if (!(p >= 0 && p <= FARTHEST && p == floor(p))) {
            *to_s = *to_c = (double)NAN;
            continue;
        }
        if (p < at)
            s = 0, c = 1, at = 0;
        for (; at < p; at++)
            turn(f, c1, s1, &s, &c);
        *to_s = in(path->store, in(path->angle.result, s));
        *to_c = in(path->store, in(path->angle.result, c));
    }
}

static bool all_exact(const pe_formation *path)
{
    return path->frequency.formula == PE_FREQUENCY_EXACT &&
           path->frequency.result == PE_UNROUNDED && path->angle.formula == PE_ANGLE_EXACT &&
           path->angle.result == PE_UNROUNDED && path->sine.formula == PE_SINE_EXACT;
}

static void exactly(const pe_formed *formed, size_t pair, size_t n, const double *position,
                    double *sine, double *cosine, size_t stride)
{
    const pe_formation *path = &formed->formation;
    for (size_t i = 0; i < n; i++) {
        const double p = in(path->position, position[i]);
        double *to_s = &sine[i * stride], *to_c = &cosine[i * stride];
        pe_exact_f64(&formed->turns[pair], 1, &p, to_s, to_c, 1);
        *to_s = in(path->store, in(path->sine.result, *to_s));
        *to_c = in(path->store, in(path->sine.result, *to_c));
    }
}

void pe_formed_column(const pe_formed *formed, size_t pair, size_t n, const double *position,
                      double *sine, double *cosine, size_t stride)
{
    const pe_formation *path = &formed->formation;
    if (path->angle.formula == PE_ANGLE_ADDITION) {
        by_addition(formed, pair, n, position, sine, cosine, stride);
        return;
    }
    if (all_exact(path)) {
        exactly(formed, pair, n, position, sine, cosine, stride);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double low, s, c;
        const double high = pe_formed_angle(formed, pair, position[i], &low);
        sine_of(path, high, low, &s, &c);
        sine[i * stride] = in(path->store, s);
        cosine[i * stride] = in(path->store, c);
    }
}

void pe_formed_reference(const pe_formed *formed, size_t pair, size_t n, const double *position,
                         double *sine, double *cosine, size_t stride)
{
    pe_exact_f64(&formed->turns[pair], n, position, sine, cosine, stride);
}
