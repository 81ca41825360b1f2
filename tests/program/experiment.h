/* Running an experiment inside the test's own process: experiments and variants by id, and a lab
 * that is small enough for a test. */
#ifndef TESTS_PROGRAM_EXPERIMENT_H
#define TESTS_PROGRAM_EXPERIMENT_H

#include "analysis/start.h"
#include "base/memory.h"
#include "lab/lab.h"
#include "registry/registry.h"
#include "report/report.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

/* The least that the experiments accept; change what differs. */
static inline pe_lab_size small_lab(void)
{
    return (pe_lab_size){.length = 32,
                         .heads = 2,
                         .head_dim = 8,
                         .draws = 4,
                         .seed = 3,
                         .text = POSENC_SOURCE_DIR "/LICENSE",
                         .quick = true};
}

static inline const pe_experiment *experiment_of(const char *id)
{
    for (size_t i = 0; pe_experiments[i]; i++)
        if (strcmp(pe_experiments[i]->id, id) == 0)
            return pe_experiments[i];
    CU_FAIL_FATAL("the experiment is not listed");
    return NULL;
}

static inline const pe_variant *variant_of(const char *id)
{
    const pe_variant *variant = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_registry_find(id, &variant, NULL), PE_OK);
    return variant;
}

/* Choices of variants by id, without settings. */
static inline void choices_of(const char *const *ids, int count, pe_lab_choice *choices)
{
    for (int i = 0; i < count; i++)
        choices[i] = (pe_lab_choice){.variant = variant_of(ids[i])};
}

/* Run an experiment on some choices, or on all variants (NULL, 0). The caller releases *result,
 * which is NULL when nobody could be asked. */
static inline pe_status run_experiment(const char *id, const pe_lab_size *size,
                                       const pe_lab_choice *choices, int count,
                                       pe_status (*check)(pe_error *), pe_result **result,
                                       pe_error *err)
{
    const pe_experiment *e = experiment_of(id);
    pe_lab lab = {0};
    *result = NULL;
    pe_status status = pe_lab_open(&lab, size, choices, count, err);
    lab.check = check;
    if (status == PE_OK)
        *result = pe_result_new(e->id, e->title, e->question, err);
    if (status == PE_OK)
        status = *result ? e->run(&lab, *result, err) : PE_MEMORY;
    pe_lab_close(&lab);
    return status;
}

/* The same where nothing may go wrong, and the report must be sound. */
static inline pe_result *result_of(const char *id, const pe_lab_size *size,
                                   const pe_lab_choice *choices, int count)
{
    pe_result *result;
    pe_error err = {0};
    const pe_status status = run_experiment(id, size, choices, count, NULL, &result, &err);
    if (status != PE_OK)
        printf("\n    %s: %s\n", id, err.text);
    CU_ASSERT_EQUAL_FATAL(status, PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    return result;
}

/* A signal that has come before anything began. */
static inline pe_status interrupted_at_once(pe_error *err)
{
    return pe_fail(err, PE_INTERRUPTED, "interrupted");
}

/* PE_TEST_MAIN for tests that run experiments. */
#define PE_EXPERIMENT_TEST_MAIN(suite, ...)                                                        \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const pe_test tests[] = {__VA_ARGS__};                                              \
        pe_analysis_start();                                                                       \
        pe_registry_start();                                                                       \
        return pe_run_tests(suite, tests, sizeof tests / sizeof tests[0], argc, argv);             \
    }

#endif
