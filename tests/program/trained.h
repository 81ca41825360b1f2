/* Running an experiment on trained encodings with trainings of seconds. What they say about the
 * exact parts (floor, horizons, sameness of memory, unused rows) must hold at any size. */
#ifndef TESTS_PROGRAM_TRAINED_H
#define TESTS_PROGRAM_TRAINED_H

#include "analysis/start.h"
#include "base/memory.h"
#include "lab/lab.h"
#include "lab/training.h"
#include "registry/registry.h"
#include "report/report.h"
#include "testing.h"

#include <string.h>

static const pe_lab_size small = {.length = 32,
                                  .heads = 4,
                                  .head_dim = 8,
                                  .draws = 4,
                                  .seed = 3,
                                  .text = POSENC_SOURCE_DIR "/LICENSE",
                                  .quick = true};

static inline const pe_experiment *find(const char *id)
{
    for (size_t i = 0; pe_experiments[i]; i++)
        if (strcmp(pe_experiments[i]->id, id) == 0)
            return pe_experiments[i];
    return NULL;
}

static inline void open_lab(pe_lab *lab, const char *const *ids, int count)
{
    pe_lab_choice choices[8] = {{0}};
    pe_error err = {0};
    for (int i = 0; i < count; i++)
        CU_ASSERT_EQUAL_FATAL(pe_registry_find(ids[i], &choices[i].variant, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(lab, &small, choices, count, &err), PE_OK);
}

/* Runs an experiment and gives its JSON; every verdict must pass. */
static inline void run(const char *id, const char *const *ids, int count, size_t passes,
                       pe_buffer *json)
{
    const pe_experiment *experiment = find(id);
    pe_lab lab;
    pe_error err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(experiment);
    open_lab(&lab, ids, count);
    pe_result *result =
        pe_result_new(experiment->id, experiment->title, experiment->question, &err);
    CU_ASSERT_EQUAL_FATAL(experiment->run(&lab, result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT_TRUE(pe_result_count(result, PE_VERDICT_PASS) >= passes);
    CU_ASSERT_EQUAL_FATAL(pe_report_json(result, json, &err), PE_OK);
    pe_result_release(result);
    pe_lab_close(&lab);
}

#endif
