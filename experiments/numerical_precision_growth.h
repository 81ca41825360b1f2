/* P2, P3: the error of one quantity of one variant, as a function of position. Private. */
#ifndef NUMERICAL_PRECISION_GROWTH_H
#define NUMERICAL_PRECISION_GROWTH_H

#include "analysis/fit.h"
#include "numerical_precision.h"

enum { GROWTH_OCTAVES = 20 };

typedef enum growth_kind {
    GROWTH_FLAT, /* the error does not depend on the position, or too little is there for a fit */
    GROWTH_SLOW, /* an exponent between 0.3 and 0.8: roundings add up like a random walk */
    GROWTH_PROPORTIONAL /* an exponent near 1: a phase */
} growth_kind;

/* Errors are running maxima below L = 2^(m+1), m = 0 .. octaves-1. */
typedef struct growth {
    int octaves;
    double limit; /* positions asked lie at or below it */
    double L[GROWTH_OCTAVES], float_error[GROWTH_OCTAVES], double_error[GROWTH_OCTAVES];
    double bound[GROWTH_OCTAVES]; /* 2^-23 L w_max */
    double speed; /* largest |change per token| of an entry, measured on the quad build; or NaN */
    double declared; /* largest frequency that is not exact, from the option `base`; or NaN */
    growth_kind kind;
    pe_line line; /* slope NaN: no fit */
} growth;

pe_status growth_measure(const pe_lab *lab, pe_instance *instance, precision_kind kind, growth *g,
                         pe_error *err);
/* The float error below L, NaN when it was not measured there. */
double growth_below(const growth *g, double L);

/* Verdicts against METRICS.md 3.2 where it applies: code rows of width 128 and base 10000. `path`
 * is the choice in force, or NULL. */
void growth_judge_published(pe_section *section, const pe_subject *subject,
                            const pe_instance *instance, const char *path, const growth *g,
                            bool quick);

/* The choices of the subject's option called `path`, as extra lines and verdicts. */
const char *growth_path_choices(const pe_instance *instance);
pe_status growth_show_paths(precision_run *run, pe_section *section, const pe_subject *subject,
                            pe_error *err);

#endif
