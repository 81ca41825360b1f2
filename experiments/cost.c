/* Cost: time and memory of attention with every encoding against the length, the naive form beside
 * the fused one, and what the machine could do at most. */
#include "cost.h"
#include "base/memory.h"

static pe_status measure_and_show(pe_lab *lab, cost_run *run, pe_result *result, pe_error *err)
{
    static pe_status (*const sections[])(pe_lab *, const cost_run *, pe_result *, pe_error *) = {
        cost_show_agreement, cost_show_time, cost_show_memory, cost_roofline};
    pe_status status = cost_measure(lab, run, err);
    for (size_t s = 0; status == PE_OK && s < sizeof sections / sizeof sections[0]; s++)
        status = sections[s](lab, run, result, err);
    return status;
}

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    cost_run *measured = pe_allocate(1, sizeof *measured, "costs", err);
    if (!measured)
        return PE_MEMORY;
    pe_status status = measure_and_show(lab, measured, result, err);
    pe_release(measured);
    return status;
}

extern const pe_experiment pe_experiment_cost;
const pe_experiment pe_experiment_cost = {
    .id = "cost",
    .title = "What an encoding costs",
    .question =
        "How much time and memory does each encoding add to attention, at which length, and "
        "how far is that from what the machine can do?",
    .alone = true,
    .run = run,
};
