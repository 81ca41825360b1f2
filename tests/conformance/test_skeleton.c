/* `plugin new`: what it writes builds with the stranger's command and keeps the contract. */
#include "base/memory.h"
#include "conformance/conformance.h"
#include "conformance/skeleton.h"
#include "registry/module.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

static const char *inside(const char *file)
{
    static char path[4600];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), file);
    return path;
}

static void the_skeleton_builds_and_passes_the_suite(void)
{
    static pe_conformance report;
    pe_error err = {0};
    pe_module module;
    char command[10000];
    CU_ASSERT_EQUAL_FATAL(pe_plugin_new(pe_test_folder(), "my_own2", &err), PE_OK);
    snprintf(command, sizeof command,
             "cd '%s/my_own2' && cc -shared -fPIC -Wall -Wextra -Wconversion -Wdouble-promotion "
             "-Werror -I '%s/common/api' my_own2.c -o my_own2.so -lm",
             pe_test_folder(), POSENC_SOURCE_DIR);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    CU_ASSERT_EQUAL_FATAL(pe_module_open(inside("my_own2/my_own2.so"), &module, &err), PE_OK);
    const pe_conformance_options options = {.seed = 5};
    const pe_status status =
        pe_conformance_run_apart(module.variant, module.path, &options, &report, &err);
    if (status != PE_OK)
        printf("\n    %s", err.text);
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT_STRING_EQUAL(report.id, "my_own2");
    CU_ASSERT(report.count > 30);
    pe_module_close(&module);
}

static void its_cmake_builds_against_a_header_in_a_tree(void)
{
    char command[14000];
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_plugin_new(pe_test_folder(), "by_cmake", &err), PE_OK);
    snprintf(
        command, sizeof command,
        "cd '%s/by_cmake' && cmake -S . -B build -DPOSENC_INCLUDE='%s/common/api' >log 2>&1 && "
        "cmake --build build >>log 2>&1 && test -f build/by_cmake.so && sh -n test.sh",
        pe_test_folder(), POSENC_SOURCE_DIR);
    CU_ASSERT_EQUAL(system(command), 0);
    CU_ASSERT_EQUAL(access(inside("by_cmake/README.md"), R_OK), 0);
}

static void bad_names_are_refused_with_the_rule(void)
{
    static const char *const bad[] = {"",
                                      "Big",
                                      "9lives",
                                      "with-dash",
                                      "a/b",
                                      "../up",
                                      "spa ce",
                                      "\xc3\xa9t\xc3\xa9",
                                      "a_name_that_is_longer_than_forty_letters_"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pe_error err = {0};
        CU_ASSERT_EQUAL(pe_plugin_new(pe_test_folder(), bad[i], &err), PE_USAGE);
        PE_CONTAINS(err.text, "expected lower-case letters");
    }
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_plugin_new(pe_test_folder(), "while", &err), PE_USAGE);
    PE_CONTAINS(err.text, "a word of C");
}

static void an_existing_folder_is_left_alone(void)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(mkdir(inside("there"), 0777), 0);
    CU_ASSERT_EQUAL(pe_plugin_new(pe_test_folder(), "there", &err), PE_USAGE);
    PE_CONTAINS(err.text, "already there");
    CU_ASSERT_EQUAL(rmdir(inside("there")), 0); /* still empty */
}

static void a_folder_that_is_not_there_cannot_be_written(void)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_plugin_new("/nowhere/at/all", "fine", &err), PE_WRITE);
    PE_CONTAINS(err.text, "/nowhere/at/all/fine");
}

/* A file size limit stands for a full disk. */
static void a_full_disk_leaves_nothing_behind(void)
{
    pe_error err = {0};
    struct rlimit old;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    fflush(NULL);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, old.rlim_max});
    const pe_status status = pe_plugin_new(pe_test_folder(), "too_big", &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    CU_ASSERT_EQUAL(status, PE_WRITE);
    PE_CONTAINS(err.text, "too_big.c");
    CU_ASSERT_EQUAL(access(inside("too_big"), F_OK), -1);
}

static void failed_allocations_leave_nothing_behind(void)
{
    const long blocks = pe_live_blocks();
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status == PE_MEMORY && allowed < 100; allowed++) {
        pe_error err = {0};
        pe_fail_allocations_after(allowed);
        status = pe_plugin_new(pe_test_folder(), "scarce", &err);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
        CU_ASSERT(status == PE_OK || err.status == PE_MEMORY);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 5);
}

PE_TEST_MAIN("conformance: plugin new", PE_TEST(the_skeleton_builds_and_passes_the_suite),
             PE_TEST(its_cmake_builds_against_a_header_in_a_tree),
             PE_TEST(bad_names_are_refused_with_the_rule),
             PE_TEST(an_existing_folder_is_left_alone),
             PE_TEST(a_folder_that_is_not_there_cannot_be_written),
             PE_TEST(a_full_disk_leaves_nothing_behind),
             PE_TEST(failed_allocations_leave_nothing_behind))
