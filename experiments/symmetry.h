/* What the parts of this experiment share. Private to symmetry*.c. */
#ifndef SYMMETRY_H
#define SYMMETRY_H

#include "conformance/claims.h"
#include "lab/lab.h"
#include "lab/words.h"

/* The sections, in the order of the report. */
pe_status pe_symmetry_example(pe_lab *lab, pe_result *result, pe_error *err);     /* four parts */
pe_status pe_symmetry_split(pe_lab *lab, pe_result *result, pe_error *err);       /* S1, S2 */
pe_status pe_symmetry_text(pe_lab *lab, pe_result *result, pe_error *err);        /* on text */
pe_status pe_symmetry_scores(pe_lab *lab, pe_result *result, pe_error *err);      /* S3 */
pe_status pe_symmetry_direction(pe_lab *lab, pe_result *result, pe_error *err);   /* S3, S4 */
pe_status pe_symmetry_shift(pe_lab *lab, pe_result *result, pe_error *err);       /* S5 */
pe_status pe_symmetry_permutation(pe_lab *lab, pe_result *result, pe_error *err); /* S6 */
pe_status pe_symmetry_terms(pe_lab *lab, pe_result *result, pe_error *err);       /* S7 */
pe_status pe_symmetry_claims(pe_lab *lab, pe_result *result, pe_error *err);

/* What an encoding claims, and what the best build of it shows. */
typedef struct symmetry_claimed {
    const pe_subject *subject;
    unsigned claims; /* PE_CLAIM_... made at the size of the check */
    pe_claim_result result[PE_CLAIM_COUNT];
} symmetry_claimed;
extern const pe_dims symmetry_claim_dims;

/* Encodings x claims as a matrix, and the same claims in float and double beside quad. */
pe_status symmetry_claims_matrix(pe_lab *lab, pe_section *section, const symmetry_claimed *all,
                                 int count, pe_error *err);

#endif
