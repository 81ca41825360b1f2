/* Effective context: how far back outputs depend on inputs, and what it costs to keep the past
 * (METRICS 1.6, 4.5). */
#include "effective_context.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_status status = context_horizons(lab, result, err);
    if (status == PE_OK)
        status = context_memory(lab, result, err);
    if (status == PE_OK)
        status = context_trained(lab, result, err);
    return status;
}

extern const pe_experiment pe_experiment_effective_context;
const pe_experiment pe_experiment_effective_context = {
    .id = "effective_context",
    .title = "Effective context and memory",
    .question = "How many of the most recent tokens does the last output depend on, and does "
                "evaluation with kept keys and values give the same numbers for less work?",
    .weight = 50,
    .run = run,
};
