/* What every test binary shares. A test is a function named by the sentence it proves; a binary is
 *     PE_TEST_MAIN("numbers: formats", {a_sentence, "a sentence"}, ...)
 * and returns non-zero when an assertion, a suite or the whole run fails (CU_basic_run_tests does
 * not), or when no test ran. */
#ifndef PE_TESTING_H
#define PE_TESTING_H

#include <CUnit/CUnit.h>
#include <stddef.h>

typedef struct pe_test {
    void (*run)(void);
    const char *name;
} pe_test;

#define PE_TEST(function)                                                                          \
    {                                                                                              \
        function, #function                                                                        \
    }

#define PE_TEST_MAIN(suite, ...)                                                                   \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const pe_test tests[] = {__VA_ARGS__};                                              \
        return pe_run_tests(suite, tests, sizeof tests / sizeof tests[0], argc, argv);             \
    }

/* argv: --list names the tests; any other argument runs only tests whose name contains it. */
int pe_run_tests(const char *suite, const pe_test *tests, size_t count, int argc, char **argv);

/* |got - want| <= tolerance, NaN never; a failure prints what, got, want, difference, tolerance. */
#define PE_NEAR(what, got, want, tolerance)                                                        \
    CU_assertImplementation(                                                                       \
        pe_report_near(what, (double)(got), (double)(want), (double)(tolerance)), __LINE__,        \
        "near: " #got ", " #want, __FILE__, "", CU_FALSE)
int pe_report_near(const char *what, double got, double want, double tolerance);

/* The text contains the part; a failure prints both. */
#define PE_CONTAINS(text, part)                                                                    \
    CU_assertImplementation(pe_report_contains(text, part), __LINE__, "contains: " #part,          \
                            __FILE__, "", CU_FALSE)
int pe_report_contains(const char *text, const char *part);

/* A fresh empty folder below the current one, removed with all it holds when the binary ends. */
const char *pe_test_folder(void);

#endif
