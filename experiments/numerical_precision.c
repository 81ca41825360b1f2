/* Numerical precision (METRICS.md section 3): what rounding does to positions, where it happens,
 * how it grows, and whether attention notices. */
#include "numerical_precision.h"

#include <math.h>
#include <stdio.h>

/* Something to type, with a variant that has rows of code. */
static void try_it(precision_run *run)
{
    const pe_lab *lab = run->lab;
    pe_section *section = pe_result_section(run->result, "Try it");
    pe_say(section, "The numbers above come from these commands, with other settings.");
    static const char *const smaller[] = {"run", "numerical_precision", "--quick", "--plot", "svg"};
    pe_section_try(section, "The same, with fewer positions", 5, smaller);
    for (int s = 0; s < lab->subject_count; s++) {
        const pe_subject *subject = &lab->subjects[s];
        if (!subject->instance || !precision_has(subject->instance, PRECISION_CODES) ||
            precision_limit(subject->instance, PRECISION_CODES, 15962) < 15962)
            continue;
        const char *const table[] = {
            "table",       subject->variant->id, "--width", "4",       "--positions-list",
            "15936,15962", "--precision",        "f32",     "--dtype", "bf16"};
        pe_section_try(section, "What two positions that are one in bf16 ought to look like", 10,
                       table);
        break;
    }
}

static void say_finding(precision_run *run)
{
    char text[PRECISION_TEXT];
    size_t used = 0;
    if (run->weight_worst)
        used = (size_t)snprintf(text, sizeof text,
                                "Float moves at most %.1g of a query's attention weight within 64 "
                                "tokens, and bf16 %.2g; ",
                                run->weight_float, run->weight_bf16);
    if (run->weight_far_worst && run->weight_bf16_far > 2 * run->weight_bf16)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "but %.0f tokens on, all in bf16, %.0f %% moves (%s). ", run->far,
                                 100 * run->weight_bf16_far, run->weight_far_worst);
    snprintf(text + used, sizeof text - used,
             "Store positions and phases wide; the finished table may be narrow. That exp-log "
             "frequencies are more accurate is false: %.0f times less.",
             run->exp_over_pow);
    pe_result_finding(run->result, text);
}

static pe_status run_experiment(pe_lab *lab, pe_result *result, pe_error *err)
{
    static pe_status (*const sections[])(precision_run *, pe_error *) = {
        precision_places,     precision_growth,   precision_paths,     precision_formation,
        precision_storage,    precision_integers, precision_narrow,    precision_shift,
        precision_identities, precision_matter,   precision_published, precision_claim,
    };
    precision_run run = {.lab = lab,
                         .result = result,
                         .growth_low = HUGE_VAL,
                         .growth_high = -HUGE_VAL,
                         .constant_share = (double)NAN,
                         .stored_share = (double)NAN,
                         .growing_share = (double)NAN};
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < sizeof sections / sizeof sections[0]; i++)
        status = sections[i](&run, err);
    if (status != PE_OK)
        return status;
    try_it(&run);
    say_finding(&run);
    return pe_result_check(result, err);
}

const pe_experiment pe_experiment_numerical_precision = {
    .id = "numerical_precision",
    .title = "Numerical precision",
    .question = "What does rounding do to positions, and does attention notice?",
    .weight = 70,
    .run = run_experiment,
};
