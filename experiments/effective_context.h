/* What the parts of this experiment share. Private to effective_context*.c. */
#ifndef EFFECTIVE_CONTEXT_H
#define EFFECTIVE_CONTEXT_H

#include "lab/lab.h"
#include "lab/training.h"
#include "lab/words.h"

#define CONTEXT_THRESHOLD 0.99

/* ---- what a token costs -----------------------------------------------------------------------
 */

enum { CONTEXT_LENGTHS = 4 };
#define CONTEXT_STEADY 0.2 /* exponents of the rounds that lie farther apart are not judged */

/* One more token after `length` others: with keys and values kept, or by a window computed anew. */
typedef struct context_costs {
    double length[CONTEXT_LENGTHS];
    double pairs_kept[CONTEXT_LENGTHS], pairs_anew[CONTEXT_LENGTHS]; /* query and key, all heads */
    double pairs_slope;                                  /* exponent of anew/kept over the length */
    double kept[CONTEXT_LENGTHS], anew[CONTEXT_LENGTHS]; /* seconds of a processor, median */
    double slope, low, high; /* exponent of anew/kept: median of the rounds, least, most */
} context_costs;
pe_status context_cost(const pe_lab *lab, const pe_subject *subject, context_costs *costs,
                       pe_error *err);

/* An untrained causal model of bytes with the subject's settings: costs and sameness do not depend
 * on what was learned. The variant is the subject's or one made from it. */
pe_status context_model(const pe_lab *lab, const pe_subject *subject, const pe_variant *variant,
                        int layers, int64_t length, pe_precision precision, pe_model **model,
                        pe_error *err);
/* The lab's text, n tokens of it, from the beginning again where it ends; owned by the caller. */
int32_t *context_tokens(const pe_lab *lab, size_t n, pe_error *err);

/* ---- the parts, and what each adds to the finding ---------------------------------------------
 */

typedef struct context_found {
    int heads, exact;       /* with a linear bias; of these, whose horizon is the closed form's */
    int models;             /* evaluated both with kept keys and values and by whole windows */
    double gap;             /* largest difference of a logit between the two */
    int encodings, covered; /* trained; of these, with a context of at most the trained length */
    int64_t trained;        /* that length, in tokens */
} context_found;
pe_status context_horizons(pe_lab *lab, pe_result *result, context_found *found, pe_error *err);
pe_status context_trained(pe_lab *lab, pe_result *result, context_found *found, pe_error *err);
pe_status context_memory(pe_lab *lab, pe_result *result, context_found *found, pe_error *err);

#endif
