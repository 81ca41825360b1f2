/* Tables, progress, limits and signals. */
#include "cli/limits.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/version.h"

#include "base/memory.h"
#include "testing.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *table_of(const json_t *rows, int columns, const char *const *names)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CU_ASSERT_EQUAL(pe_print_table(out, rows, columns, names, NULL), PE_OK);
    fclose(out);
    return text;
}

static void columns_line_up_by_characters_not_bytes(void)
{
    static const char *const names[] = {"id", "size", "what"};
    json_t *rows = json_pack("[{s:s, s:i, s:[ss]}, {s:s, s:i, s:n}]", "id", "a", "size", 12345,
                             "what", "x", "y", "id", "\xc3\xa9t\xc3\xa9", "size", 7, "what");
    char *text = table_of(rows, 3, names);
    CU_ASSERT_STRING_EQUAL(text, "id    size  what\n"
                                 "a    12345  x y\n"
                                 "\xc3\xa9t\xc3\xa9      7  -\n");
    free(text);
    json_decref(rows);
}

static void judgements_are_coloured_only_when_asked_and_columns_stay_in_line(void)
{
    static const char *const names[] = {"state", "what"};
    json_t *rows = json_pack("[{s:s, s:s}, {s:s, s:s}]", "state", "ok", "what", "font", "state",
                             "missing", "what", "ok then");
    char *plain = table_of(rows, 2, names);
    CU_ASSERT_STRING_EQUAL(plain, "state    what\nok       font\nmissing  ok then\n");
    pe_print_use_colours(true);
    char *coloured = table_of(rows, 2, names);
    pe_print_use_colours(false);
    CU_ASSERT_STRING_EQUAL(coloured, "state    what\n\033[32mok\033[0m       font\n"
                                     "\033[31mmissing\033[0m  ok then\n");
    free(plain);
    free(coloured);
    json_decref(rows);
}

static void an_empty_table_is_its_header(void)
{
    static const char *const names[] = {"one", "two"};
    json_t *rows = json_array();
    char *text = table_of(rows, 2, names);
    CU_ASSERT_STRING_EQUAL(text, "one  two\n");
    free(text);
    json_decref(rows);
}

static void a_table_survives_a_failed_allocation(void)
{
    static const char *const names[] = {"one"};
    json_t *rows = json_array();
    pe_error err = {0};
    const long before = pe_live_blocks();
    pe_fail_allocations_after(0);
    CU_ASSERT_EQUAL(pe_print_table(stdout, rows, 1, names, &err), PE_MEMORY);
    pe_fail_allocations_after(-1);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
    json_decref(rows);
}

/* ---- progress ---- */

static void progress_waits_two_seconds_and_then_speaks_ten_times_a_second(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    pe_progress p;
    pe_progress_begin_at(&p, out, "sorting", 1000, 50.0);
    for (int tick = 0; tick < 400; tick++) /* 4 s in steps of 10 ms */
        pe_progress_step_at(&p, (size_t)tick, 50.0 + 0.01 * tick);
    pe_progress_end(&p);
    fclose(out);
    int lines = 0;
    for (const char *at = text; (at = strstr(at, "\rsorting")); at++)
        lines++;
    CU_ASSERT_TRUE(lines >= 18 && lines <= 21);
    PE_CONTAINS(text, "of 1000");
    CU_ASSERT_PTR_NULL(strstr(text, "sorting: 199 ")); /* 1.99 s: not yet */
    /* Wiped away by blanks: "sorting: 399 of 1000, 4 s" has 25 columns. No escape sequence. */
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - 27, "\r                         \r");
    CU_ASSERT_PTR_NULL(strchr(text, '\033'));
    CU_ASSERT_PTR_NULL(strchr(text, '\n'));
    free(text);
}

static void short_work_shows_no_progress_at_all(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    pe_progress p;
    pe_progress_begin_at(&p, out, "sorting", 3, 0);
    pe_progress_step_at(&p, 3, 1.9);
    pe_progress_end(&p);
    fclose(out);
    CU_ASSERT_EQUAL(size, 0);
    free(text);
}

/* ---- limits ---- */

static void available_memory_is_read_from_the_line_that_says_so(void)
{
    CU_ASSERT_EQUAL_FATAL(chdir(pe_test_folder()), 0);
    FILE *file = fopen("meminfo", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("MemTotal:       24675336 kB\nMemFree: 1 kB\nMemAvailable:   12345 kB\n", file);
    fclose(file);
    CU_ASSERT_EQUAL(pe_memory_available("meminfo"), (size_t)12345 * 1024);
    remove("meminfo");
    CU_ASSERT_EQUAL(pe_memory_available("meminfo"), 0);
}

static void a_block_beyond_the_available_memory_is_refused(void)
{
    pe_error err = {0};
    pe_limit_memory();
    CU_ASSERT_PTR_NULL(pe_allocate((size_t)1 << 42, 1, "four tebibytes", &err));
    CU_ASSERT_EQUAL(err.status, PE_MEMORY);
    pe_set_memory_limit(0);
}

/* ---- signals, each in a child of its own ---- */

static int exit_code_of(void (*child)(void))
{
    int status = 0;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        child();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void one_interrupt(void)
{
    pe_error err = {0};
    pe_signals_start();
    if (pe_signals_check(&err) != PE_OK)
        _exit(1);
    raise(SIGINT);
    _exit(pe_exit_code(pe_signals_check(&err)));
}

static void one_termination(void)
{
    pe_signals_start();
    raise(SIGTERM);
    _exit(pe_exit_code(pe_signals_check(NULL)));
}

static void two_interrupts(void)
{
    pe_signals_start();
    raise(SIGINT);
    raise(SIGINT);
}

static void write_to_a_broken_pipe(void)
{
    int ends[2];
    pe_signals_start();
    if (pipe(ends) != 0 || close(ends[0]) != 0)
        _exit(1);
    _exit(write(ends[1], "x", 1) == -1 ? 42 : 2);
}

static void a_signal_is_a_flag_and_the_second_one_ends_the_process(void)
{
    CU_ASSERT_EQUAL(exit_code_of(one_interrupt), 130);
    CU_ASSERT_EQUAL(exit_code_of(one_termination), 143);
    CU_ASSERT_EQUAL(exit_code_of(two_interrupts), 130);
}

static void a_broken_pipe_is_a_failed_write(void)
{
    CU_ASSERT_EQUAL(exit_code_of(write_to_a_broken_pipe), 42);
}

/* ---- version ---- */

static void the_version_names_compiler_blas_and_quad(void)
{
    json_t *version = pe_version();
    CU_ASSERT_PTR_NOT_NULL_FATAL(version);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(version, "version")), PE_VERSION);
    CU_ASSERT_TRUE(json_is_string(json_object_get(version, "compiler")));
    CU_ASSERT_TRUE(json_is_string(json_object_get(version, "blas")));
    CU_ASSERT_TRUE(json_is_boolean(json_object_get(version, "quad")));
    json_decref(version);
}

PE_TEST_MAIN("cli: print, progress, limits, signals",
             PE_TEST(columns_line_up_by_characters_not_bytes),
             PE_TEST(judgements_are_coloured_only_when_asked_and_columns_stay_in_line),
             PE_TEST(an_empty_table_is_its_header), PE_TEST(a_table_survives_a_failed_allocation),
             PE_TEST(progress_waits_two_seconds_and_then_speaks_ten_times_a_second),
             PE_TEST(short_work_shows_no_progress_at_all),
             PE_TEST(available_memory_is_read_from_the_line_that_says_so),
             PE_TEST(a_block_beyond_the_available_memory_is_refused),
             PE_TEST(a_signal_is_a_flag_and_the_second_one_ends_the_process),
             PE_TEST(a_broken_pipe_is_a_failed_write),
             PE_TEST(the_version_names_compiler_blas_and_quad))
