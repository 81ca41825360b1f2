/* Section 8: what is measured for one subject, and how it is shown. Private. */
#ifndef NUMERICAL_PRECISION_MATTER_H
#define NUMERICAL_PRECISION_MATTER_H

#include "analysis/summary.h"
#include "numerical_precision.h"

enum {
    MATTER_TOKENS = 64,
    MATTER_HEADS = 2,
    MATTER_WIDTH = 32,
    MATTER_STARTS = 5,
    MATTER_FAR_DRAWS = 4
};

/* Ways of computing that are compared with quad. */
typedef enum matter_way {
    MATTER_DOUBLE,
    MATTER_FLOAT,
    MATTER_TF32,
    MATTER_FP16,
    MATTER_BF16,
    MATTER_E4M3,
    MATTER_E5M2,
    MATTER_BF16_POSITIONAL, /* bf16 at the places of the encoding alone */
    MATTER_BF16_CONTENT,    /* bf16 at all other places */
    MATTER_WAYS
} matter_way;
const char *matter_way_name(matter_way way);

enum { MATTER_RANDOM, MATTER_TEXT, MATTER_CONTENTS };

/* RMS error of a logit; total variation of a row of weights; error of the output by its length. */
enum { MATTER_LOGITS, MATTER_WEIGHTS, MATTER_OUTPUT, MATTER_MEASURES };

typedef struct matter_found {
    const pe_subject *subject;
    bool measured;
    int draws, far_draws;        /* far_draws: of by_start and by_place */
    char because[PE_ERROR_TEXT]; /* when not */
    pe_interval of[MATTER_CONTENTS][MATTER_WAYS][MATTER_MEASURES];
    int not_finite[MATTER_CONTENTS][MATTER_WAYS]; /* draws with a NaN or infinity: no mean then */
    double by_query[MATTER_WAYS][MATTER_TOKENS];  /* total variation, text */
    double by_start[MATTER_WAYS][MATTER_STARTS];  /* total variation, text; NaN: not reachable */
    double by_place[PE_PLACE_COUNT];              /* total variation, text, bf16 at one place */
} matter_found;

extern const double matter_start[MATTER_STARTS];
/* Position of the last token of a sequence from each start. */
extern const double matter_end[MATTER_STARTS];

/* Each draw has its own words, projections and parameters of the variant. */
pe_status matter_measure(const pe_lab *lab, const pe_subject *subject, matter_found *found,
                         pe_error *err);
pe_status matter_show(precision_run *run, const matter_found *list, pe_error *err);

#endif
