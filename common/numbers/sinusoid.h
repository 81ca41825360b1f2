/* Sinusoids as programs in the field form them, rounding errors included, for measuring those
 * errors. Table of Vaswani et al. 2017, section 3.5: phase(t, i) = t * base^(-2i / width). */
#ifndef PE_NUMBERS_SINUSOID_H
#define PE_NUMBERS_SINUSOID_H

#include "posenc_types.h"

/* How the frequency of pair i comes about. All but the last work in float. */
typedef enum pe_path {
    PE_PATH_EXP_STEP,       /* expf(2i * c), c = -logf(base) / width rounded: the tutorials */
    PE_PATH_EXP_LOG,        /* expf(-(2i / width) * logf(base)) */
    PE_PATH_RECIPROCAL_POW, /* 1 / powf(base, 2i / width) */
    PE_PATH_POW,            /* powf(base, -(2i / width)) */
    PE_PATH_PRODUCT,        /* the one before times powf(base, -2 / width) */
    PE_PATH_DOUBLE,         /* pow in double, rounded once */
    PE_PATH_COUNT
} pe_path;

/* Where float enters the phase and its sine. */
typedef enum pe_angle {
    PE_ANGLE_FLOAT,   /* float position * float frequency in float, sinf */
    PE_ANGLE_ROUNDED, /* double position * double frequency, rounded to float, sinf */
    PE_ANGLE_DOUBLE,  /* all in double, the sine rounded to float */
    PE_ANGLE_COUNT
} pe_angle;

const char *pe_path_name(pe_path path);                /* NULL for no path */
const char *pe_angle_name(pe_angle angle);             /* NULL for no angle */
bool pe_path_by_name(const char *name, pe_path *path); /* false: *path is left alone */
bool pe_angle_by_name(const char *name, pe_angle *angle);

/* Frequencies of pairs 0 .. pairs-1 in radians per token; width > 0, base > 0. */
void pe_path_frequencies(pe_path path, size_t pairs, size_t width, double base, float *frequency);

/* sine and cosine (pairs) of one position, along a path. PE_ANGLE_FLOAT uses `frequency` (what
 * pe_path_frequencies gave); the other two form their frequencies in double from width and base and
 * accept NULL for it. */
void pe_path_row(pe_angle angle, double position, size_t pairs, const float *frequency,
                 size_t width, double base, float *sine, float *cosine);

/* One sine and cosine in float, each result on the way rounded further to `format` where `places`
 * has the bit 1u << place, place one of PE_AT_POSITION, PE_AT_FREQUENCY, PE_AT_PHASE, PE_AT_TABLE:
 * what a program does that keeps those tensors in the format and computes in float. */
void pe_rounded_sinusoid(pe_format format, unsigned places, double position, double frequency,
                         float *sine, float *cosine);

enum {
    PE_ROUND_ALL = 1 << PE_AT_POSITION | 1 << PE_AT_FREQUENCY | 1 << PE_AT_PHASE | 1 << PE_AT_TABLE
};

#endif
