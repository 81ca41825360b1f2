/* Formation paths: how a program forms a sinusoid of a position, as data.
 *
 * A path is five steps, each with a formula and the formats it works in:
 *
 *     position    as it comes, or stored in a format
 *     frequency   base^(-2i / divisor) of pair i, by one of several formulas
 *     angle       position * frequency, by one of several formulas
 *     sine        of the angle; and its cosine
 *     store       what the finished table is kept in
 *
 * Arithmetic "in a format": every operand is rounded to the format, and so is the result of every
 * single operation. fp64 computes in double; all narrower formats compute an operation in float and
 * round it to the format, which is what NumPy, PyTorch on a CPU and most kernels do. The result of
 * a step may be rounded once more, to a second format. Rounding is to nearest even
 * (numbers/format.h). A step that is `exact` has no rounding error; an exact result still may be
 * rounded once.
 *
 * As text, either the name of a shipped path, or a list of steps, all others being exact:
 *
 *     position=bf16,frequency=exp-log:fp32,angle=product:fp32,sine=fp32,store=bf16
 *
 * A step is FORMULA:FORMAT, FORMULA:ARITHMETIC:RESULT, `exact`, exact:RESULT, or FORMAT alone for
 * the usual formula (pow, product, native). position and store are a FORMAT or `exact`. */
#ifndef PE_FORMATION_FORMATION_H
#define PE_FORMATION_FORMATION_H

#include "base/status.h"
#include "numbers/exact.h"
#include "numbers/format.h"

typedef enum pe_frequency_formula {
    PE_FREQUENCY_EXACT,
    PE_FREQUENCY_POW,            /* pow(base, -(2i / d)) */
    PE_FREQUENCY_RECIPROCAL_POW, /* 1 / pow(base, 2i / d) */
    PE_FREQUENCY_EXP_STEP,       /* exp(2i * c), c = -log(base) / d: the tutorials */
    PE_FREQUENCY_EXP_LOG,        /* exp(-(2i / d) * log(base)) */
    PE_FREQUENCY_PRODUCT,        /* the one before times pow(base, -(2 / d)) */
    PE_FREQUENCY_TABLE,          /* a table of constants: the exact one, rounded once */
    PE_FREQUENCY_FORMULAS
} pe_frequency_formula;

typedef enum pe_angle_formula {
    PE_ANGLE_EXACT,
    PE_ANGLE_PRODUCT,  /* position * frequency */
    PE_ANGLE_REPEATED, /* angle of the pair before times pow(base, -(2 / d)): ggml. Forms its own
                          ratio; of the frequency step it uses nothing */
    PE_ANGLE_ADDITION, /* no angle: (cos, sin) of position t from those of t - 1, turned by those of
                          the frequency, four products and two sums. Whole positions from 0 to 2^24;
                          NaN elsewhere */
    PE_ANGLE_FORMULAS
} pe_angle_formula;

typedef enum pe_sine_formula { PE_SINE_EXACT, PE_SINE_NATIVE, PE_SINE_FORMULAS } pe_sine_formula;

typedef struct pe_formation_step {
    int formula;          /* one of the three enums above */
    pe_format arithmetic; /* PE_UNROUNDED when the formula is exact */
    pe_format result;     /* rounded once more; PE_UNROUNDED: left as it is */
} pe_formation_step;

typedef enum pe_step {
    PE_STEP_POSITION,
    PE_STEP_FREQUENCY,
    PE_STEP_ANGLE,
    PE_STEP_SINE,
    PE_STEP_STORE,
    PE_STEP_COUNT
} pe_step;

enum { PE_FORMATION_NAME = 64, PE_FORMATION_TEXT = 256 };

typedef struct pe_formation {
    char name[PE_FORMATION_NAME]; /* "custom" for a user's own */
    const char *summary;          /* static text */
    pe_format position;           /* PE_UNROUNDED: exact */
    pe_formation_step frequency, angle, sine;
    pe_format store;
    bool wide_operands; /* angle=product and sine=native take operands as they are and round their
                           result alone. For blame: the cast of an exact operand is no fault of the
                           step that reads it. No part of the text */
} pe_formation;

extern const pe_formation pe_formations[];
extern const size_t pe_formation_count;
const pe_formation *pe_formation_by_name(const char *name); /* NULL: there is none */

const char *pe_step_name(pe_step step); /* "position", ...; NULL for no step */
/* The word of a formula of a step, "exp-log"; NULL when there is none. */
const char *pe_step_formula_name(pe_step step, int formula);

/* A name or a list of steps, as above.
 *   PE_USAGE  what is wrong, and what there is instead */
pe_status pe_formation_parse(const char *text, pe_formation *formation, pe_error *err);
/* The steps as text that pe_formation_parse reads back to the same steps. */
void pe_formation_write(const pe_formation *formation, char text[PE_FORMATION_TEXT]);
/* The same path with one step exact, and wide operands. */
pe_formation pe_formation_without(const pe_formation *formation, pe_step step);
/* The exact path with one step of `formation`, and wide operands. */
pe_formation pe_formation_only(const pe_formation *formation, pe_step step);

/* The frequencies: base^(-2i / divisor), i = 0 .. pairs-1, in radians per token. divisor is
 * 2 * pairs in most programs, and 2 * pairs - 2 where the last wavelength is base exactly. */
typedef struct pe_spectrum {
    double base; /* > 0 */
    size_t pairs;
    double divisor; /* > 0 */
} pe_spectrum;

/* A path, ready to be evaluated. Owns its arrays. */
typedef struct pe_formed {
    pe_formation formation;
    pe_spectrum spectrum;
    pe_turns *turns; /* (pairs) the exact frequencies */
    double *high,
        *low; /* (pairs) the path's frequencies, high + low; low is 0 but for exact ones */
    double *exact_high, *exact_low; /* (pairs) the exact ones, to about 2^-105 of themselves */
    double ratio;                   /* of PE_ANGLE_REPEATED */
} pe_formed;

/* PE_USAGE a part of the spectrum is out of range; PE_MEMORY. On failure nothing is owned. */
pe_status pe_formed_make(const pe_formation *formation, const pe_spectrum *spectrum,
                         pe_formed *formed, pe_error *err);
void pe_formed_release(pe_formed *formed);

/* The same spectrum by another path, without forming the exact frequencies again, which is what
 * pe_formed_make takes its time for. */
void pe_formed_change(pe_formed *formed, const pe_formation *formation);

/* sine[i * stride], cosine[i * stride] of pair `pair` at position[i], i = 0 .. n-1, as the path
 * leaves them. Any order of positions; ascending ones make PE_ANGLE_ADDITION fast. An exact sine of
 * an inexact angle is good to 1 ulp of double; a path that is exact throughout is correctly rounded
 * to double before it is stored. */
void pe_formed_column(const pe_formed *formed, size_t pair, size_t n, const double *position,
                      double *sine, double *cosine, size_t stride);

/* The angle in radians that the path forms, high + low; NaN for PE_ANGLE_ADDITION. */
double pe_formed_angle(const pe_formed *formed, size_t pair, double position, double *low);

/* The exact sines and cosines, rounded once to double. */
void pe_formed_reference(const pe_formed *formed, size_t pair, size_t n, const double *position,
                         double *sine, double *cosine, size_t stride);

#endif
