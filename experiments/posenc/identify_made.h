/* Matrices with known answers, for `posenc identify --self-test`: written from plain formulas, from
 * what registered variants compute and from the bugs of the gallery, never from the identifier's
 * own synthesis, so that a mistake there cannot confirm itself. */
#ifndef POSENC_IDENTIFY_MADE_H
#define POSENC_IDENTIFY_MADE_H

#include "identify.h"

#include "analysis/random.h"

/* What an answer is held to. */
typedef struct made_truth {
    bool known; /* false: there is no right answer but "unknown" */
    pe_family family;
    pe_layout layout; /* PE_LAYOUT_NONE: any */
    pe_rule rule;     /* PE_RULE_NONE: any */
    pe_bug bug;
    double base;  /* 0: any */
    double first; /* NaN: any */
    bool command; /* a command must be found that makes it */
    bool low_bug; /* any of the bugs of 16-bit arithmetic */
} made_truth;

typedef struct made {
    char kind[64], name[160];
    double *values; /* owned; NULL: there is no such case (a variant without this form) */
    pe_matrix matrix;
    made_truth truth;
} made;

size_t made_count(void);
/* Case `index` of made_count(): the same for the same seed. PE_MEMORY */
pe_status made_case(size_t index, uint64_t seed, made *out, pe_error *err);
void made_release(made *m);

/* The parts, one file each: fill *out from the stream of its case. */

typedef struct made_kind {
    const char *name;
    size_t count;
    pe_status (*make)(size_t index, pe_stream *stream, made *out, pe_error *err);
} made_kind;
extern const made_kind made_tables[], made_biases[], made_others[], made_variants[];
extern const size_t made_table_kinds, made_bias_kinds, made_other_kinds, made_variant_kinds;

/* Shared by the parts: room for a matrix; its rounding and noise. */
pe_status made_allocate(made *out, size_t layers, size_t rows, size_t columns, pe_error *err);
/* Noise of this standard deviation on finite entries, then each rounded to the format. */
void made_finish(made *out, pe_stream *stream, double noise, pe_format format);

#endif
