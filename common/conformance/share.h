/* The positional share S(i,j) of a variant's logits, as claims.h defines it. Internal to the room.
 */
#ifndef PE_CONFORMANCE_SHARE_H
#define PE_CONFORMANCE_SHARE_H

#include "conformance/trial.h"

/* A T x T matrix per head, in quad; [(h T + i) T + j], 0 where not allowed. Owned. */
typedef struct pe_matrices {
    int heads;
    int64_t tokens;
    pe_quad *x;
    unsigned char *allowed; /* (T, T) */
} pe_matrices;
void pe_matrices_release(pe_matrices *m);
double pe_matrices_largest(const pe_matrices *m);

/* S of all tokens with this content. */
pe_status pe_share_of(const pe_trial *trial, const pe_trial_content *content, pe_matrices *share,
                      pe_error *err);

/* The logits of a job (batch 1, nq = nk). */
pe_status pe_logits_of(const pe_job *job, pe_matrices *logits, pe_error *err);

/* Two matrices and what makes their entries comparable: a(i,j) against b(i,j), or, mirrored,
 * b(j,i). */
typedef struct pe_deviation {
    double largest; /* of |a - b|; NaN when one is */
    bool found;     /* some deviation is over the tolerance (NaN always is) */
    int head;       /* where: the pair with the smallest i + j of those over the tolerance, */
    int64_t i, j;   /* or of the largest deviation when none is */
    double a, b;
} pe_deviation;
pe_deviation pe_deviation_of(const pe_matrices *a, const pe_matrices *b, bool mirrored,
                             double tolerance);

#endif
