/* What the machine can do at most: numbers moved, numbers multiplied, and where attention lies
 * (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785). */
#include "cost.h"
#include "base/clock.h"

#include "bench/process.h"
#include "bench/workload.h"

#include <math.h>
#include <stdio.h>

enum { REPEATS = 7, ROOF = 33, COPIED = 64 /* MiB */, SIDE = 1024, DEPTH = 256 };

/* The fastest of several runs. */
static pe_status time_workload(const char *name, double *seconds, pe_error *err)
{
    double sum;
    pe_workload w;
    pe_status status = pe_workload_make(name, 1, &w, err);
    if (status != PE_OK)
        return status;
    *seconds = HUGE_VAL;
    status = w.run(&w, &sum, err); /* to warm up */
    for (int i = 0; status == PE_OK && i < REPEATS; i++) {
        const double begin = pe_seconds();
        status = w.run(&w, NULL, err);
        *seconds = fmin(*seconds, pe_seconds() - begin);
    }
    pe_workload_release(&w);
    return status;
}

/* Operations for each byte of q, k, v and output, all read or written once. */
static double intensity(const cost_run *run, int64_t length)
{
    return cost_operations(run, length) /
           (4.0 * sizeof(float) * (double)length * (double)run->heads * (double)run->head_dim);
}

static void draw(const pe_lab *lab, const cost_run *run, double bandwidth, double rate,
                 pe_section *section, pe_error *err)
{
    const size_t last = run->lengths - 1;
    double x[ROOF], y[ROOF], best = 0;
    for (int i = 0; i < ROOF; i++) {
        x[i] = exp2(-2 + 14.0 * i / (ROOF - 1));
        y[i] = fmin(rate, bandwidth * x[i]);
    }
    for (size_t s = 0; s < (size_t)lab->subject_count && s < COST_SUBJECTS; s++)
        if (lab->subjects[s].instance)
            best = fmax(best, cost_operations(run, run->length[last]) / run->point[s][last].fused);
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "roofline", err,
                         "Memory would allow the BLAS's rate from %.0f tokens on; attention "
                         "reaches %.0f %% of it at %lld",
                         ceil(rate / bandwidth / intensity(run, 1)), 100 * best / rate,
                         (long long)run->length[last]);
    pe_figure_x(figure, "operations per byte that must be moved", PE_LOG2);
    pe_figure_y(figure, "billion operations per second", PE_LOG10);
    for (int i = 0; i < ROOF; i++)
        y[i] /= 1e9;
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "limit", .look = PE_LOOK_REFERENCE, .n = ROOF, .x = x, .y = y});
    for (size_t s = 0; s < (size_t)lab->subject_count && s < COST_SUBJECTS; s++) {
        double at[COST_LENGTHS], reached[COST_LENGTHS];
        for (size_t l = 0; l < run->lengths; l++) {
            at[l] = intensity(run, run->length[l]);
            reached[l] = cost_operations(run, run->length[l]) / run->point[s][l].fused / 1e9;
        }
        if (lab->subjects[s].instance)
            pe_figure_add_series(figure, &(pe_series){.name = lab->subjects[s].title,
                                                      .slot = lab->subjects[s].slot,
                                                      .n = run->lengths,
                                                      .x = at,
                                                      .y = reached});
    }
    pe_figure_describe(
        figure, "Roofline: operations per second against operations per byte.",
        "The grey line is the limit: on its slope memory is too slow, on its flat part arithmetic "
        "is, by the rates of copy and sgemm measured in this run. Only the two products of plain "
        "attention are counted, so an encoding's own work shows as a lower curve.");
    pe_section_figure(section, figure);
}

pe_status cost_roofline(pe_lab *lab, const cost_run *run, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "What the machine could do");
    char name[64];
    double copy = 0, product = 0;
    snprintf(name, sizeof name, "copy:%d", COPIED);
    pe_status status = time_workload(name, &copy, err);
    snprintf(name, sizeof name, "sgemm:%d:%d:%d", SIDE, SIDE, DEPTH);
    if (status == PE_OK)
        status = time_workload(name, &product, err);
    if (status != PE_OK)
        return status;
    const double bandwidth = 2.0 * COPIED * 1048576 / copy;
    const double rate = 2.0 * SIDE * SIDE * DEPTH / product;
    pe_say(
        section,
        "Copying %d MiB past the caches moves %.1f GB/s (read and written); a product of %d x %d "
        "by %d x %d numbers in the BLAS does %.0f billion operations per second. Whatever is "
        "computed lies below both.",
        COPIED, bandwidth / 1e9, SIDE, DEPTH, DEPTH, SIDE, rate / 1e9);
    draw(lab, run, bandwidth, rate, section, err);
    pe_give(section, "copy", NULL, "GB/s of a copy past the caches", bandwidth / 1e9,
            "measured on this machine, not judged");
    pe_give(section, "sgemm", NULL, "billion operations per second of the BLAS", rate / 1e9,
            "measured on this machine, not judged");
    return pe_lab_step(lab, "cost: limits of the machine", 1, err);
}
