/* Storage formats: rounding to them, their bit patterns, their properties.
 *
 * A format has `digits` significant bits (the hidden one included), a smallest normal number
 * 2^least and a largest finite number. Rounding is to nearest, ties to even, with subnormal numbers
 * kept; zeros keep their sign; NaN stays NaN.
 *
 *   format     digits  least  largest          beyond
 *   fp64         53    -1022  1.8e308          infinity
 *   fp32         24     -126  3.4e38           infinity
 *   tf32         11     -126  3.4e38           infinity
 *   fp16         11      -14  65504            infinity, from 65520 on
 *   bf16          8     -126  3.4e38           infinity
 *   fp8_e4m3      4       -6  448              NaN, above 464: the format has no infinity
 *   fp8_e5m2      3      -14  57344            infinity, from 61440 on
 *
 * fp64, fp32, fp16: IEEE 754-2019, table 3.5. bf16: IEEE 754's rules with 8 digits and the
 * exponents of fp32. The 8-bit formats: OCP 8-bit Floating Point Specification 1.0, table 1,
 * converted without saturation (section 5.2.1). tf32: the operand format of NVIDIA's A100 products;
 * the hardware may truncate instead. */
#ifndef PE_NUMBERS_FORMAT_H
#define PE_NUMBERS_FORMAT_H

#include "posenc_types.h"

/* x in the format. PE_UNROUNDED (and a value that is no format) gives x back. */
double pe_round_to_format(pe_format format, double x);

/* Round n numbers in place, each once, from the precision it has. */
void pe_round_array_f32(pe_format format, size_t n, float *x);
void pe_round_array_f64(pe_format format, size_t n, double *x);
void pe_round_array_f128(pe_format format, size_t n, pe_quad *x);

/* Bit patterns: sign, exponent, fraction from the top bit down. The `to` forms round as above, with
 * NaN as the quiet NaN with a zero sign; the `from` forms are exact. */
uint16_t pe_to_half_bits(double x);
double pe_from_half_bits(uint16_t bits);
uint16_t pe_to_bf16_bits(double x);
double pe_from_bf16_bits(uint16_t bits);
uint8_t pe_to_e4m3_bits(double x);
double pe_from_e4m3_bits(uint8_t bits);
uint8_t pe_to_e5m2_bits(double x);
double pe_from_e5m2_bits(uint8_t bits);

const char *pe_format_name(pe_format format); /* "unrounded", "fp64", ...; NULL for no format */
bool pe_format_by_name(const char *name, pe_format *format); /* false: *format is left alone */

/* Properties. PE_UNROUNDED has 0 digits, epsilon 0, no smallest number (0) and no largest. */
int pe_format_digits(pe_format format);
int pe_format_least_exponent(pe_format format); /* of the smallest normal number, 2^least */
double pe_format_epsilon(pe_format format);     /* 2^(1 - digits): from 1 to the next number */
double pe_format_smallest(pe_format format);    /* smallest positive number, subnormal */
double pe_format_largest(pe_format format);     /* largest finite number */

#endif
