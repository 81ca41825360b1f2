/* What the parts of this experiment share: one run, and short ways of saying and judging. Private
 * to numerical_precision*.c. */
#ifndef NUMERICAL_PRECISION_H
#define NUMERICAL_PRECISION_H

#include "lab/lab.h"
#include "lab/words.h"
#include "numbers/format.h"

/* Numbers that one section finds and another one (or the finding) quotes. NaN until found. */
typedef struct precision_run {
    pe_lab *lab;
    pe_result *result;
    int growing;                      /* quantities whose float error grows in proportion to L */
    double growth_low, growth_high;   /* their exponents */
    double worst_table;               /* P6: largest cosine error of the published fp16 table */
    double constant_share;            /* P7: q and k in bf16, mean over the shifts */
    double stored_share;              /* P7: finished cos, sin, q, k in bf16, largest shift */
    double growing_share;             /* P7: all in bf16 at the largest shift */
    double weight_float_far;          /* float, sequence starting far away */
    double weight_float, weight_bf16; /* section 8: largest total variation over subjects */
    const char *weight_worst;         /* title of the subject with that bf16 value */
    double weight_bf16_far;           /* the same, sequence starting far away */
    const char *weight_far_worst;
    double far;          /* where that sequence starts */
    double exp_over_pow; /* P1: error of the exp form over that of powf, d = 128 */
} precision_run;

/* The sections, in the order of the report. */
pe_status precision_places(precision_run *run, pe_error *err);
pe_status precision_growth(precision_run *run, pe_error *err);
pe_status precision_paths(precision_run *run, pe_error *err);
pe_status precision_storage(precision_run *run, pe_error *err);
pe_status precision_integers(precision_run *run, pe_error *err);
pe_status precision_narrow(precision_run *run, pe_error *err);
pe_status precision_shift(precision_run *run, pe_error *err);
pe_status precision_identities(precision_run *run, pe_error *err);
pe_status precision_matter(precision_run *run, pe_error *err);
pe_status precision_claim(precision_run *run, pe_error *err);
pe_status precision_formation(precision_run *run, pe_error *err);
pe_status precision_published(precision_run *run, pe_error *err);

/* ---- asking a subject (numerical_precision_ask.c) ---- */

/* The things of a variant that depend on a position. */
typedef enum precision_kind {
    PRECISION_CODES,  /* code rows */
    PRECISION_MAPPED, /* the all-ones vector, mapped */
    PRECISION_ROWS,   /* relative rows by offset */
    PRECISION_PAIR,   /* pair bias of query t and key t/2 */
    PRECISION_LAST,   /* logits of the last of many queries, by distance: content decides */
    PRECISION_KINDS
} precision_kind;
const char *precision_kind_text(precision_kind kind);
bool precision_has(const pe_instance *instance, precision_kind kind);
/* Largest whole position that may be asked, at most `most`. */
double precision_limit(const pe_instance *instance, precision_kind kind, double most);

/* Values (n, *columns) at n positions (whole, except where `precision_real_positions`). Owned by
 * the caller: pe_wide_release. */
pe_status precision_ask(const pe_lab *lab, pe_instance *instance, precision_kind kind,
                        pe_precision precision, size_t n, const double *position, pe_wide *values,
                        size_t *columns, pe_error *err);
bool precision_real_positions(const pe_instance *instance, precision_kind kind);

/* Positions spread over the octaves [2^m, 2^(m+1)) below limit: all when there are at most `each`,
 * else `each` at random places. Gives their number; position has room for 64 * each. */
size_t precision_spread(const pe_lab *lab, double limit, size_t each, double *position);

/* The value of an option of this kind by its name: false when the variant has none. */
bool precision_option(const pe_instance *instance, const char *name, double *value);
/* An instance like the subject's, with one option set to a text (NULL name: as it is). */
pe_status precision_with(const pe_subject *subject, const pe_dims *dims, uint64_t seed,
                         const char *name, const char *text, pe_instance **instance, pe_error *err);
pe_status precision_set_formats(pe_instance *instance, unsigned places, pe_format format,
                                pe_error *err);

enum {
    PRECISION_POSITIONAL = 1 << PE_AT_POSITION | 1 << PE_AT_FREQUENCY | 1 << PE_AT_PHASE |
                           1 << PE_AT_TABLE | 1 << PE_AT_PARAMETER | 1 << PE_AT_CODE |
                           1 << PE_AT_ROWS,
    PRECISION_EVERYWHERE = (1 << PE_PLACE_COUNT) - 1,
    PRECISION_CONTENT = PRECISION_EVERYWHERE & ~PRECISION_POSITIONAL
};

enum { PRECISION_TEXT = 1200 };

#endif
