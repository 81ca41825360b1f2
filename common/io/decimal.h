/* Numbers as text, the same in every locale. */
#ifndef PE_IO_DECIMAL_H
#define PE_IO_DECIMAL_H

#include <stddef.h>

enum { PE_DECIMAL_TEXT = 32 };

/* "%.17g" and "%.9g": enough digits to give back the same bits; "nan", "inf", "-inf" otherwise (the
 * sign of a NaN is dropped). Returns text. */
const char *pe_f64_text(double value, char text[PE_DECIMAL_TEXT]);
const char *pe_f32_text(float value, char text[PE_DECIMAL_TEXT]);

/* The number that exactly these `size` characters are: an optional sign, decimal digits with an
 * optional point and exponent, or nan, inf, -inf as written above. No blanks, no hexadecimal, no
 * value too large for a double. 1 when *value was set, 0 otherwise. */
int pe_parse_f64(const char *text, size_t size, double *value);

#endif
