/* Symmetry: how relative, how directional, how absolute an encoding is (METRICS S1 to S7). */
#include "symmetry.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    static pe_status (*const sections[])(pe_lab *, pe_result *, pe_error *) = {
        pe_symmetry_example,     pe_symmetry_split,     pe_symmetry_text,
        pe_symmetry_scores,      pe_symmetry_direction, pe_symmetry_shift,
        pe_symmetry_permutation, pe_symmetry_terms,     pe_symmetry_claims};
    pe_status status = PE_OK;
    for (size_t s = 0; status == PE_OK && s < sizeof sections / sizeof sections[0]; s++)
        status = sections[s](lab, result, err);
    return status;
}

extern const pe_experiment pe_experiment_symmetry;
const pe_experiment pe_experiment_symmetry = {
    .id = "symmetry",
    .title = "Symmetry, direction and translation invariance",
    .question =
        "Does attention see only the offset between two tokens, can it tell left from right, "
        "and how much of it is bound to absolute places?",
    .weight = 15,
    .run = run,
};
