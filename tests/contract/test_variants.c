/* What holds for every variant, tested the day it is listed. Nothing here knows a name. */
#include "base/memory.h"
#include "conformance/claims.h"
#include "conformance/conformance.h"
#include "conformance/trial.h"
#include "registry/module.h"
#include "registry/registry.h"
#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20181 };

/* Any test may be run alone. */
static size_t variants(void)
{
    pe_registry_start();
    CU_ASSERT_FATAL(pe_registry_count() > 0);
    return pe_registry_count();
}

static void show_failures(const pe_conformance *report)
{
    for (int f = 0; f < report->count; f++)
        if (report->finding[f].outcome == PE_CHECK_FAILED)
            printf("\n    %s: %s: %s", report->id, report->finding[f].name,
                   report->finding[f].text);
}

static void passes(const pe_variant *variant)
{
    static pe_conformance report;
    pe_error err = {0};
    const pe_conformance_options options = {.seed = SEED};
    const pe_status status = pe_conformance_run(variant, &options, &report, &err);
    if (status != PE_OK)
        printf("\n    %s", err.text);
    show_failures(&report);
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(report.count > 20);
    CU_ASSERT(report.count < PE_FINDINGS);
}

static void every_variant_keeps_the_contract(void)
{
    for (size_t v = 0; v < variants(); v++)
        passes(pe_registry_at(v));
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* ---- modules --------------------------------------------------------------------------------- */

static int is_module(const struct dirent *file)
{
    const size_t length = strlen(file->d_name);
    return length > 3 && strcmp(file->d_name + length - 3, ".so") == 0;
}

/* Those that are built but not listed (the template) must keep the contract too. */
static void every_module_that_was_built_keeps_the_contract(void)
{
    struct dirent **files;
    const int count = scandir(POSENC_BINARY_DIR "/modules", &files, is_module, alphasort);
    CU_ASSERT(count > (int)variants());
    for (int f = 0; f < count; f++) {
        char path[4600];
        pe_error err = {0};
        pe_module module;
        snprintf(path, sizeof path, "%s/modules/%s", POSENC_BINARY_DIR, files[f]->d_name);
        const pe_status status = pe_module_open(path, &module, &err);
        if (status != PE_OK)
            printf("\n    %s", err.text);
        CU_ASSERT_EQUAL(status, PE_OK);
        const pe_variant *listed;
        if (status == PE_OK && pe_registry_find(module.variant->id, &listed, NULL) != PE_OK)
            passes(module.variant);
        pe_module_close(&module);
        free(files[f]);
    }
    free(files);
}

static bool same_bytes(const pe_wide *a, const pe_wide *b)
{
    return a->count == b->count && memcmp(a->hi, b->hi, a->count * sizeof *a->hi) == 0 &&
           memcmp(a->lo, b->lo, a->count * sizeof *a->lo) == 0;
}

static void compare_runs(const pe_trial *built_in, const pe_trial *loaded, pe_precision precision,
                         pe_method method)
{
    pe_error err = {0};
    pe_attended a, b;
    pe_job job = pe_trial_job(built_in, precision, method);
    job.want_logits = method == PE_REFERENCE;
    CU_ASSERT_EQUAL(pe_run_attention(&job, &a, &err), PE_OK);
    job.instance = loaded->instance;
    CU_ASSERT_EQUAL(pe_run_attention(&job, &b, &err), PE_OK);
    CU_ASSERT(a.out.count > 0 && same_bytes(&a.out, &b.out));
    CU_ASSERT(a.logits.count == 0 || same_bytes(&a.logits, &b.logits));
    pe_attended_release(&a);
    pe_attended_release(&b);
}

static void compare_codes(const pe_trial *built_in, const pe_trial *loaded, pe_precision precision)
{
    pe_wide a = {0}, b = {0};
    if (built_in->instance->info.embed_width == 0)
        return;
    CU_ASSERT_EQUAL(pe_instance_codes(built_in->instance, precision, built_in->tokens,
                                      built_in->coord, &a, NULL),
                    PE_OK);
    CU_ASSERT_EQUAL(
        pe_instance_codes(loaded->instance, precision, built_in->tokens, built_in->coord, &b, NULL),
        PE_OK);
    CU_ASSERT(same_bytes(&a, &b));
    pe_wide_release(&a);
    pe_wide_release(&b);
}

/* Shapes that one variant or another takes; each takes at least one of them. */
static const pe_dims shapes[] = {
    {.heads = 3, .head_dim = 7, .max_len = 37},
    {.heads = 4, .head_dim = 8, .max_len = 37},
    {.heads = 2, .head_dim = 8, .axes = 2, .max_len = 36, .grid = {6, 6}},
    {.heads = 2, .head_dim = 12, .axes = 3, .max_len = 60, .grid = {3, 4, 5}}};

static pe_status first_trial(const pe_variant *variant, pe_trial *trial, pe_error *err)
{
    pe_status status = PE_USAGE;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0] && status == PE_USAGE; s++)
        status = pe_trial_begin(variant, &shapes[s], NULL, 0, SEED, trial, err);
    return status;
}

static void a_module_gives_the_same_bytes_as_the_built_in_variant(void)
{
    for (size_t v = 0; v < variants(); v++) {
        char path[4600];
        pe_error err = {0};
        pe_module module;
        pe_trial built_in, loaded;
        snprintf(path, sizeof path, "%s/modules/%s.so", POSENC_BINARY_DIR, pe_registry_at(v)->id);
        CU_ASSERT_EQUAL_FATAL(pe_module_open(path, &module, &err), PE_OK);
        CU_ASSERT_EQUAL_FATAL(first_trial(pe_registry_at(v), &built_in, &err), PE_OK);
        CU_ASSERT_EQUAL_FATAL(first_trial(module.variant, &loaded, &err), PE_OK);
        CU_ASSERT(module.variant != pe_registry_at(v));
        for (int p = 0; p < PE_PRECISION_COUNT; p++) {
            compare_runs(&built_in, &loaded, (pe_precision)p, PE_REFERENCE);
            compare_runs(&built_in, &loaded, (pe_precision)p, PE_TILED);
            compare_codes(&built_in, &loaded, (pe_precision)p);
        }
        pe_trial_end(&built_in);
        pe_trial_end(&loaded);
        pe_module_close(&module);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static pe_status use_once(const pe_variant *variant, pe_method method, pe_error *err)
{
    pe_trial trial;
    pe_attended a = {0};
    pe_wide codes = {0};
    pe_status status = first_trial(variant, &trial, err);
    if (status != PE_OK)
        return status;
    const pe_job job = pe_trial_job(&trial, PE_DOUBLE, method);
    status = pe_run_attention(&job, &a, err);
    if (status == PE_OK && trial.instance->info.embed_width > 0)
        status =
            pe_instance_codes(trial.instance, PE_DOUBLE, trial.tokens, trial.coord, &codes, err);
    pe_attended_release(&a);
    pe_wide_release(&codes);
    pe_trial_end(&trial);
    return status;
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void)
{
    const long blocks = pe_live_blocks();
    for (size_t v = 0; v < variants(); v++)
        for (int m = 0; m < 2; m++) {
            pe_status status = PE_MEMORY;
            long allowed = 0;
            for (; status == PE_MEMORY && allowed < 1000; allowed++) {
                pe_error err = {0};
                pe_fail_allocations_after(allowed);
                status = use_once(pe_registry_at(v), m ? PE_TILED : PE_REFERENCE, &err);
                pe_fail_allocations_after(-1);
                CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
                CU_ASSERT(status == PE_OK || err.status == PE_MEMORY);
            }
            CU_ASSERT_EQUAL(status, PE_OK);
            CU_ASSERT(allowed > 10);
        }
}

static void the_suite_itself_survives_failed_allocations(void)
{
    static pe_conformance report;
    const pe_conformance_options options = {.seed = SEED, .quick = true};
    const long blocks = pe_live_blocks();
    for (size_t v = 0; v < variants(); v++) {
        pe_status status = PE_MEMORY;
        long allowed = 0;
        for (; status == PE_MEMORY && allowed < 1 << 24; allowed += 1 + allowed / 4) {
            pe_fail_allocations_after(allowed);
            status = pe_conformance_run(pe_registry_at(v), &options, &report, NULL);
            pe_fail_allocations_after(-1);
            CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
        }
        CU_ASSERT_EQUAL(status, PE_OK);
        CU_ASSERT(allowed > 10);
    }
}

/* ---- first use, before any thread exists ----------------------------------------------------- */

static void the_suite_runs_in_a_child_and_its_report_comes_back(void)
{
    static pe_conformance there;
    const pe_conformance_options options = {.seed = SEED, .quick = true};
    for (size_t v = 0; v < variants(); v++) {
        pe_error err = {0};
        const pe_variant *variant = pe_registry_at(v);
        const pe_status status =
            pe_conformance_run_apart(variant, variant->id, &options, &there, &err);
        if (status != PE_OK)
            printf("\n    %s", err.text);
        CU_ASSERT_EQUAL(status, PE_OK);
        CU_ASSERT(there.count > 10);
    }
}

PE_TEST_MAIN("contract: every variant",
             PE_TEST(the_suite_runs_in_a_child_and_its_report_comes_back),
             PE_TEST(every_variant_keeps_the_contract),
             PE_TEST(every_module_that_was_built_keeps_the_contract),
             PE_TEST(a_module_gives_the_same_bytes_as_the_built_in_variant),
             PE_TEST(every_failed_allocation_is_reported_and_leaks_nothing),
             PE_TEST(the_suite_itself_survives_failed_allocations))
