#include "testing.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[4096];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    if (folder[0])
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *pe_test_folder(void)
{
    if (folder[0])
        return folder;
    snprintf(folder, sizeof folder, "test-XXXXXX");
    char *absolute = mkdtemp(folder) ? realpath(folder, NULL) : NULL;
    if (!absolute) {
        perror("cannot make a folder for the test");
        exit(1);
    }
    snprintf(folder, sizeof folder, "%s", absolute);
    free(absolute);
    atexit(remove_folder);
    return folder;
}

int pe_report_near(const char *what, double got, double want, double tolerance)
{
    double difference = fabs(got - want);
    if (difference <= tolerance || (isinf(want) && got == want))
        return 1;
    printf("\n    %s: got %.17g, want %.17g, difference %.3g, tolerance %.3g", what, got, want,
           difference, tolerance);
    return 0;
}

int pe_report_contains(const char *text, const char *part)
{
    if (text && strstr(text, part))
        return 1;
    printf("\n    \"%s\" does not contain \"%s\"", text ? text : "(null)", part);
    return 0;
}

int pe_run_tests(const char *suite, const pe_test *tests, size_t count, int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    if (only && strcmp(only, "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        return 0;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite group = CU_add_suite(suite, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        if (!only || strstr(tests[i].name, only))
            if (!group || !CU_add_test(group, tests[i].name, tests[i].run))
                return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned bad = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return bad != 0 || run == 0;
}
