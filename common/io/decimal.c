#include "io/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale(void)
{
    /* glibc and musl keep the C locale as a constant: nothing is allocated, nothing can fail. */
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static const char *print(double value, int digits, char text[PE_DECIMAL_TEXT])
{
    if (isnan(value))
        return strcpy(text, "nan");
    locale_t before = uselocale(c_locale());
    snprintf(text, PE_DECIMAL_TEXT, "%.*g", digits, value);
    uselocale(before);
    return text;
}

const char *pe_f64_text(double value, char text[PE_DECIMAL_TEXT])
{
    return print(value, 17, text);
}

const char *pe_f32_text(float value, char text[PE_DECIMAL_TEXT])
{
    return print((double)value, 9, text);
}

static int parse_word(const char *text, size_t size, double *value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", (double)NAN}, {"inf", (double)INFINITY}, {"-inf", -(double)INFINITY}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == size && memcmp(words[i].word, text, size) == 0) {
            *value = words[i].value;
            return 1;
        }
    return 0;
}

/* strtod would take blanks, hexadecimal, "infinity" and "nan(1)", too. */
static int only_decimal_characters(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr("0123456789+-.eE", text[i]) || !text[i])
            return 0;
    return size > 0;
}

int pe_parse_f64(const char *text, size_t size, double *value)
{
    char copy[512];
    if (parse_word(text, size, value))
        return 1;
    if (size >= sizeof copy || !only_decimal_characters(text, size))
        return 0;
    memcpy(copy, text, size);
    copy[size] = 0;
    char *end;
    double parsed = strtod_l(copy, &end, c_locale());
    if (end != copy + size || isinf(parsed))
        return 0;
    *value = parsed;
    return 1;
}
