#include "plot/axis.h"

#include "plot/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ranges ---- */

int pe_range_is_empty(pe_range range)
{
    return range.low > range.high;
}

int pe_axis_can_show(pe_scale scale, double value)
{
    return isfinite(value) && (scale == PE_LINEAR || value > 0);
}

void pe_range_add(pe_range *range, pe_scale scale, double value)
{
    if (!pe_axis_can_show(scale, value))
        return;
    if (pe_range_is_empty(*range))
        *range = (pe_range){value, value};
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

static double inside(double value, pe_scale scale)
{
    return scale == PE_LINEAR ? value : log(value);
}

static double outside(double value, pe_scale scale)
{
    return fmax(-DBL_MAX / 4, fmin(DBL_MAX / 4, scale == PE_LINEAR ? value : exp(value)));
}

pe_range pe_range_padded(pe_range range, pe_scale scale, double share)
{
    if (pe_range_is_empty(range))
        return scale == PE_LINEAR ? (pe_range){0, 1} : (pe_range){1, 10};
    double low = inside(range.low, scale), high = inside(range.high, scale);
    double length = high - low;
    /* What differs by rounding only is one value. */
    if (length <= 1e-12 * fmax(fabs(low), fabs(high))) {
        double half = scale != PE_LINEAR ? log(2) : low != 0 ? fabs(low) / 2 : 1;
        return (pe_range){outside(low - half, scale), outside(high + half, scale)};
    }
    return (pe_range){share > 0 ? outside(low - share * length, scale) : range.low,
                      share > 0 ? outside(high + share * length, scale) : range.high};
}

double pe_axis_place(pe_range range, pe_scale scale, double value)
{
    double low = inside(range.low, scale), high = inside(range.high, scale);
    return (inside(value, scale) - low) / (high - low);
}

/* ---- numbers ---- */

static void superscript(int exponent, char *text)
{
    static const char *const digit[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char plain[16];
    snprintf(plain, sizeof plain, "%d", exponent);
    for (const char *c = plain; *c; c++)
        strcat(text, *c == '-' ? "⁻" : digit[*c - '0']);
}

/* A real minus sign, a point whatever the locale, no trailing zeros after a point. */
static void polish(const char *plain, char *text)
{
    text[0] = '\0';
    char rest[PE_TIC_TEXT - 8];
    snprintf(rest, sizeof rest, "%.23s", plain + (plain[0] == '-'));
    for (char *c = rest; *c; c++)
        if (*c == ',')
            *c = '.';
    if (strchr(rest, '.')) {
        size_t end = strlen(rest);
        while (rest[end - 1] == '0')
            end--;
        rest[rest[end - 1] == '.' ? end - 1 : end] = '\0';
    }
    snprintf(text, PE_TIC_TEXT, "%s%s", plain[0] == '-' ? "−" : "", rest);
}

void pe_axis_number(double value, int digits, char text[PE_TIC_TEXT])
{
    if (!isfinite(value)) {
        snprintf(text, PE_TIC_TEXT, "%s", isnan(value) ? "no value" : value > 0 ? "∞" : "−∞");
        return;
    }
    char plain[64];
    if (digits > 10)
        digits = 10;
    snprintf(plain, sizeof plain, "%.*e", digits - 1, value);
    char *e = strchr(plain, 'e');
    int exponent = atoi(e + 1);
    if (value == 0 || (exponent >= -4 && exponent < 6)) {
        int decimals = digits - 1 - exponent;
        snprintf(plain, sizeof plain, "%.*f", value == 0 || decimals < 0 ? 0 : decimals, value);
        polish(plain, text);
        return;
    }
    *e = '\0';
    polish(plain, text);
    strcat(text, "·10");
    superscript(exponent, text);
}

/* ---- tics ---- */

static void add_tic(pe_tics *tics, pe_range range, double at, const char *text)
{
    double length = range.high - range.low;
    double below = 1e-9 * fmin(length, fabs(range.low)),
           above = 1e-9 * fmin(length, fabs(range.high));
    if (tics->n == PE_TICS || at < range.low - below || at > range.high + above)
        return;
    tics->at[tics->n] = at;
    snprintf(tics->text[tics->n++], PE_TIC_TEXT, "%s", text);
}

/* Steps of 1, 2 or 5 times a power of ten (Heckbert, Graphics Gems 1990, "nice numbers"). */
static void choose_linear(pe_range range, size_t wanted, pe_tics *tics)
{
    double rough = (range.high / 2 - range.low / 2) / (double)wanted * 2;
    double power = pow(10, floor(log10(rough)));
    double share = rough / power;
    double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
    double largest = fmax(fabs(range.low), fabs(range.high));
    int digits = (int)fmax(1, floor(log10(largest) + 1e-9) - floor(log10(step) + 1e-9) + 1);
    double first = ceil(range.low / step - 1e-9);
    for (double i = first; i * step <= range.high + 1e-9 * step && tics->n < PE_TICS; i++) {
        char text[PE_TIC_TEXT];
        double at = i * step + 0.0; /* never -0 */
        /* fewer digits than the largest has: the same last place */
        int own =
            at == 0 ? 1
                    : digits - (int)(floor(log10(largest) + 1e-9) - floor(log10(fabs(at)) + 1e-9));
        pe_axis_number(at, own < 1 ? 1 : own, text);
        add_tic(tics, range, at, text);
    }
}

static void power_text(pe_scale scale, int exponent, int plain, char text[PE_TIC_TEXT])
{
    if (scale == PE_LOG2 && exponent >= 0 && exponent < 20) {
        snprintf(text, PE_TIC_TEXT, "%d", 1 << exponent);
    } else if (scale == PE_LOG10 && plain) {
        pe_axis_number(pow(10, exponent), 1, text);
    } else {
        snprintf(text, PE_TIC_TEXT, scale == PE_LOG2 ? "2" : "10");
        superscript(exponent, text);
    }
}

enum { MOST_MINOR = 40 }; /* powers; beyond, only those with a label have a tic */

static void choose_powers(pe_range range, pe_scale scale, size_t wanted, pe_tics *tics)
{
    double base = scale == PE_LOG2 ? 2 : 10, unit = log(base);
    int low = (int)ceil(log(range.low) / unit - 1e-9);
    int high = (int)floor(log(range.high) / unit + 1e-9);
    if (high - low < 1) { /* less than one whole step: round values say more */
        choose_linear(range, wanted, tics);
        return;
    }
    int step = 1;
    while ((size_t)((high - low) / step) + 1 > wanted + 1)
        step++;
    int plain = low >= -2 && high <= 5;
    for (int e = low - 1; e <= high; e++) {
        char text[PE_TIC_TEXT];
        int labelled = (e - low) % step == 0;
        power_text(scale, e, plain, text);
        if (labelled || high - low <= MOST_MINOR)
            add_tic(tics, range, pow(base, e), labelled ? text : "");
        for (int m = 2; m < 10 && scale == PE_LOG10 && high - low <= 5; m++)
            add_tic(tics, range, m * pow(10, e), "");
    }
}

void pe_tics_choose(pe_range range, pe_scale scale, size_t wanted, pe_tics *tics)
{
    tics->n = 0;
    if (scale == PE_LINEAR)
        choose_linear(range, wanted, tics);
    else
        choose_powers(range, scale, wanted, tics);
}

double pe_tics_width(const pe_tics *tics, double size)
{
    double widest = 0;
    for (size_t i = 0; i < tics->n; i++)
        widest = fmax(widest, pe_text_width(tics->text[i], size));
    return widest;
}
