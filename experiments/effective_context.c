/* Effective context: how far back outputs depend on inputs, and what it costs to keep the past
 * (METRICS 1.6, 4.5). */
#include "effective_context.h"

#include <stdio.h>

/* A sentence for each part that had something to measure. */
static void state_finding(const context_found *found, pe_result *result)
{
    char horizons[128] = "", trained[160] = "", memory[160] = "", all[512];
    if (found->heads > 0)
        snprintf(horizons, sizeof horizons,
                 "Gradients give the closed form's horizon for %d of %d heads with a linear bias. ",
                 found->exact, found->heads);
    if (found->encodings > 0)
        snprintf(trained, sizeof trained,
                 "After training on %lld tokens the effective context is no longer than that for "
                 "%d of %d encodings. ",
                 (long long)found->trained, found->covered, found->encodings);
    if (found->models > 0)
        snprintf(memory, sizeof memory,
                 "Logits from kept keys and values differ by at most %.1g from those of a "
                 "recomputed window (%d models).",
                 found->gap, found->models);
    snprintf(all, sizeof all, "%s%s%s", horizons, trained, memory);
    if (*all)
        pe_result_finding(result, all);
}

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    context_found found = {.heads = 0};
    pe_status status = context_horizons(lab, result, &found, err);
    if (status == PE_OK)
        status = context_memory(lab, result, &found, err);
    if (status == PE_OK)
        status = context_trained(lab, result, &found, err);
    if (status == PE_OK)
        state_finding(&found, result);
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
