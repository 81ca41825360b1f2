/* Running an experiment on trained encodings with trainings of seconds. What they say about the
 * exact parts (floor, horizons, sameness of memory, unused rows) must hold at any size. */
#ifndef TESTS_PROGRAM_TRAINED_H
#define TESTS_PROGRAM_TRAINED_H

#include "experiment.h"
#include "lab/training.h"

static inline pe_lab_size trained_lab(void)
{
    pe_lab_size size = small_lab();
    size.heads = 4;
    return size;
}

static inline void open_lab(pe_lab *lab, const char *const *ids, int count)
{
    const pe_lab_size size = trained_lab();
    pe_lab_choice choices[8];
    pe_error err = {0};
    choices_of(ids, count, choices);
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(lab, &size, choices, count, &err), PE_OK);
}

/* Runs an experiment and gives its JSON; every verdict must pass. */
static inline void run(const char *id, const char *const *ids, int count, size_t passes,
                       pe_buffer *json)
{
    const pe_lab_size size = trained_lab();
    pe_lab_choice choices[8];
    pe_error err = {0};
    choices_of(ids, count, choices);
    pe_result *result = result_of(id, &size, choices, count);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT_TRUE(pe_result_count(result, PE_VERDICT_PASS) >= passes);
    CU_ASSERT_EQUAL_FATAL(pe_report_json(result, json, &err), PE_OK);
    pe_result_release(result);
}

#endif
