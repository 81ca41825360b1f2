/* The three precisions in which everything can be computed, and the way between double arrays (what
 * experiments and files hold) and arrays of a precision. */
#ifndef PE_CORE_PRECISION_H
#define PE_CORE_PRECISION_H

#include "base/status.h"
#include "posenc_types.h"

typedef enum pe_precision { PE_FLOAT, PE_DOUBLE, PE_QUADRUPLE, PE_PRECISION_COUNT } pe_precision;

const char *pe_precision_name(pe_precision precision); /* "f32", "f64", "f128" */
bool pe_precision_by_name(const char *name, pe_precision *precision);
size_t pe_precision_size(pe_precision precision); /* bytes of one number */

/* Numbers of any precision as an unevaluated sum hi + lo of two doubles: exact for float and double
 * (lo = 0), 106 bits of a quad. Lets experiments subtract a quad reference without naming a quad
 * type. Owned; give back with pe_wide_release. */
typedef struct pe_wide {
    size_t count;
    double *hi;
    double *lo; /* never NULL once allocated */
} pe_wide;

pe_status pe_wide_allocate(pe_wide *wide, size_t count, const char *what, pe_error *err);
void pe_wide_release(pe_wide *wide);
/* (a - b)[at], in double, without cancellation loss. */
double pe_wide_difference(const pe_wide *a, const pe_wide *b, size_t at);

/* count doubles rounded to the precision; owned block. */
void *pe_narrow(pe_precision precision, size_t count, const double *x, const char *what,
                pe_error *err);
/* The same from hi + lo; lo may be NULL. */
void *pe_narrow_wide(pe_precision precision, size_t count, const double *hi, const double *lo,
                     const char *what, pe_error *err);
/* hi and lo of count numbers of the precision; lo may be NULL. */
void pe_widen(pe_precision precision, size_t count, const void *x, double *hi, double *lo);

#endif
