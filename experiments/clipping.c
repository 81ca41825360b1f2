/* Clipping: what one layer and two can fetch from m tokens back when offsets beyond k are one
 * (METRICS.md 4.3; Shaw et al. 2018, arXiv:1803.02155, section 3.2 and table 3). */
#include "base/memory.h"
#include "clipping.h"

static pe_status find_and_measure(pe_lab *lab, cl_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "A bound on the offset");
    run->clips = (int)pe_lab_by_effort(lab, 4, 6, CL_CLIPS);
    run->distances = (int)pe_lab_by_effort(lab, 2, 4, CL_DISTANCES);
    run->seeds = (int)pe_lab_by_effort(lab, 1, 1, 5);
    run->depths = (int)pe_lab_by_effort(lab, 1, 2, CL_DEPTHS);
    run->steps = pe_lab_by_effort(lab, 150, 200, 2000);
    run->length = 16;
    cl_find_cases(lab, run, section);
    pe_status status = cl_measure(lab, run, err);
    return status == PE_OK ? cl_show(run, result, err) : status;
}

static pe_status run_clipping(pe_lab *lab, pe_result *result, pe_error *err)
{
    cl_run *run = pe_allocate(1, sizeof *run, "accuracies", err);
    if (!run)
        return PE_MEMORY;
    pe_status status = find_and_measure(lab, run, result, err);
    pe_release(run);
    return status;
}

extern const pe_experiment pe_experiment_clipping;
const pe_experiment pe_experiment_clipping = {
    .id = "clipping",
    .title = "Clipped offsets and what they can reach",
    .question = "Which tokens back can a layer still fetch when all offsets beyond k are one, and "
                "how far do two layers reach?",
    .weight = 120,
    .run = run_clipping,
};
