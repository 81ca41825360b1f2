/* What the parts of this experiment share: the subjects with their shares and curves, and short
 * ways of saying and judging. Private to distance_sensitivity*.c. */
#ifndef DISTANCE_SENSITIVITY_H
#define DISTANCE_SENSITIVITY_H

#include "analysis/kernel.h"
#include "analysis/profile.h"
#include "analysis/summary.h"
#include "lab/lab.h"
#include "lab/words.h"

/* Is a curve of similarity the closed form G(k) = sum_i cos(w_i k) of what the subject declares? */
typedef enum distance_kernel {
    DISTANCE_KERNEL,       /* within 1e-6 of G(0) */
    DISTANCE_KERNEL_NEAR,  /* within 0.01: it looks like a mistake */
    DISTANCE_KERNEL_OTHER, /* plainly another thing */
    DISTANCE_KERNEL_NONE   /* it declares no base, or acts on logits by something else */
} distance_kernel;

/* A subject and what it does to a distance. r counts tokens into the past, r = i - j. */
typedef struct distance_subject {
    const pe_subject *subject;
    const char *id, *title;
    size_t slot;
    unsigned can;
    pe_probe probe;
    bool content; /* its share depends on q, k or x */
    pe_region region;
    double *S;       /* (T,T) of head 0, without the constant that the probe's own q . k adds; NULL
                      * when the subject has none at this size (because says why) */
    double *past;    /* (T) b(0), b(-1), b(-2), ... rounded to 2^-40 of the largest entry */
    double *ahead;   /* (T) b(0), b(1), ...; NULL for a causal share */
    double *shown;   /* (T) g(r): b(r)/b(0) of a kernel, exp(b(r) - b(0)) of logits */
    bool ratio;      /* g is b(r)/b(0) */
    bool flat;       /* b is constant */
    double toeplitz; /* R^2 off the diagonal; NaN for a constant or causal share */
    double base;     /* the option `base`; NaN without one */
    size_t width;    /* columns that make the kernel; 0: there is no kernel */
    distance_kernel kernel;
    pe_frequency_rule rule; /* of the nearest closed form */
    double kernel_gap;      /* largest |g - closed form| */
    char because[PE_ERROR_TEXT];
} distance_subject;

typedef struct distance_run {
    pe_lab *lab;
    pe_result *result;
    size_t T;
    int count;
    distance_subject *subject;
    const distance_subject *cosine; /* the first whose codes are the closed form, or NULL */
    /* Numbers that the finding quotes; NaN until found. */
    double first_rise, horizon_low, horizon_high, projected_r2, text_near, text_far;
    const char *text_near_title, *text_far_title;
    int monotone, ordered; /* subjects that never rise; that have a tau at all */
} distance_run;

/* distance_sensitivity_share.c */
pe_status distance_measure_shares(distance_run *run, pe_error *err);
void distance_release_shares(distance_run *run);
/* The share of one head by a probe, with the constant taken off; `instance` of the lab's length. */
pe_status distance_share(const distance_run *run, const distance_subject *d, pe_instance *instance,
                         pe_probe probe, uint64_t draw, double *S, pe_error *err);
/* Entries rounded to 2^-40 of the largest: rounding noise becomes a tie. */
void distance_round(double *x, size_t n);
/* G(k) = PE(0) . PE(k), k = 0 .. n-1, of the subject's codes at another width. base: NaN for its
 * own, else that of an instance with all other options at their defaults. */
pe_status distance_code_curve(const distance_run *run, const distance_subject *d, size_t width,
                              double base, size_t n, double *G, pe_error *err);
pe_status distance_codes(const distance_run *run, pe_instance *instance, size_t n, pe_wide *codes,
                         pe_error *err);
/* A sentence instead of the end of the run: wrong use and the like. Memory, signals and files end
 * it. */
bool distance_tolerable(pe_status status);

/* The sections, in the order of the report. */
pe_status distance_sources(distance_run *run, pe_error *err);
pe_status distance_profiles(distance_run *run, pe_error *err);
pe_status distance_breaks(distance_run *run, pe_error *err);
pe_status distance_order(distance_run *run, pe_error *err);
pe_status distance_norms(distance_run *run, pe_error *err);
pe_status distance_rotary(distance_run *run, pe_error *err);
pe_status distance_bias(distance_run *run, pe_error *err);
pe_status distance_projections(distance_run *run, pe_error *err);
pe_status distance_same_word(distance_run *run, pe_error *err);
pe_status distance_locality(distance_run *run, pe_error *err);

/* ---- judging a curve (distance_sensitivity_judge.c) ---- */

enum { DISTANCE_TEXT = 1600 };
/* A verdict with an id, a subject (or NULL) and a value; the quantity is copied when it is given.
 */
pe_verdict distance_verdict(const char *id, const distance_subject *d, const char *quantity,
                            double value);
/* Passes within the tolerance, else fails; `because` may be NULL. */
void distance_expect(pe_section *section, pe_verdict *v, double expected, double tolerance,
                     const char *source, const char *because);
void distance_info(pe_section *section, pe_verdict *v, const char *because);
/* expected of a closed form: judged when the subject is it, fails when it is near, else a note. */
void distance_closed_form(pe_section *section, const distance_subject *d, pe_verdict *v,
                          double expected, double tolerance, const char *source);
void distance_number_or_never(pe_sheet *sheet, size_t value); /* PE_NEVER: an empty cell */
const char *distance_label(const distance_subject *d); /* title, "(untrained)" added; static */
const char *distance_rule_text(pe_frequency_rule rule);

#endif
