/* The runner against programs that behave badly: each is a shell script made here. */
#include "plot/gnuplot.h"

#include "base/memory.h"
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void use_fake(const char *body)
{
    char path[512], absolute[1024], here[512];
    snprintf(path, sizeof path, "%s/fake", pe_test_folder());
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, "#!/bin/sh\n%s\n", body);
    fclose(f);
    chmod(path, 0755);
    if (path[0] == '/')
        snprintf(absolute, sizeof absolute, "%s", path);
    else
        snprintf(absolute, sizeof absolute, "%s/%s", getcwd(here, sizeof here), path);
    setenv("POSENC_GNUPLOT", absolute, 1);
}

/* A script larger than a pipe holds. */
static pe_buffer large_script(void)
{
    pe_buffer script = {0};
    for (int i = 0; i < 30000; i++)
        pe_buffer_format(&script, "# line %d of a long script\n", i);
    return script;
}

static pe_status run(pe_picture kind, double *took, pe_error *err)
{
    pe_buffer script = large_script(), picture = {0};
    double start = seconds();
    pe_status status = pe_gnuplot_run(&script, kind, &picture, err);
    if (took)
        *took = seconds() - start;
    CU_ASSERT(status == PE_OK || picture.size == 0);
    pe_buffer_release(&script);
    pe_buffer_release(&picture);
    return status;
}

static void a_missing_program_is_one_sentence_with_the_package(void)
{
    pe_error err = {0};
    setenv("POSENC_GNUPLOT", "/nonexistent/gnuplot", 1);
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "gnuplot-nox");
    PE_CONTAINS(err.text, "/nonexistent/gnuplot");
}

static void a_program_that_dies_midway_does_not_take_us_with_it(void)
{
    pe_error err = {0};
    use_fake("head -c 1000 >/dev/null; echo '<svg'; kill -9 $$");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "died (Killed)");
}

/* What /proc says the process does: R, S, Z, …; Z too when there is no such process any more. */
static char process_state(long process)
{
    char path[64], line[512] = "", state = 'Z';
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *f = fopen(path, "r");
    if (!f)
        return state;
    if (fgets(line, sizeof line, f) && strrchr(line, ')'))
        state = strrchr(line, ')')[2];
    fclose(f);
    return state;
}

/* Gone, or a zombie that init has yet to take. A killed process needs a processor to die on, which
   a busy machine may not have at once. */
static bool ends_within(long process, double limit)
{
    double start = seconds();
    while (process_state(process) != 'Z' && seconds() - start < limit)
        usleep(10000);
    return process_state(process) == 'Z';
}

/* The process that the fake noted in a file, 0 when it did not come that far; the file goes. */
static long noted_process(const char *file)
{
    long process = 0;
    FILE *f = fopen(file, "r");
    if (f && fscanf(f, "%ld", &process) != 1)
        process = 0;
    if (f)
        fclose(f);
    remove(file);
    return process;
}

/* A busy machine may not have started the child when the first deadline comes; then a longer one.
 */
static void a_program_that_hangs_is_stopped_at_the_deadline_with_its_children(void)
{
    long child = 0;
    use_fake("trap '' TERM; sleep 1000 & echo $! >child; wait");
    for (int deadline = 1; !child && deadline <= 64; deadline *= 4) {
        pe_error err = {0};
        char sentence[64];
        double took;
        pe_gnuplot_set_deadline(deadline);
        CU_ASSERT_EQUAL(run(PE_SVG, &took, &err), PE_TOOL);
        pe_gnuplot_set_deadline(0);
        CU_ASSERT(took >= 0.9 * deadline && took < 900);
        snprintf(sentence, sizeof sentence, "stopped after %d s", deadline);
        PE_CONTAINS(err.text, sentence);
        child = noted_process("child");
    }
    CU_ASSERT_FATAL(child > 0);
    CU_ASSERT_TRUE(ends_within(child, 60));
}

static void a_program_that_closes_its_streams_and_stays_is_stopped(void)
{
    pe_error err = {0};
    double took;
    use_fake("exec >&- 2>&- <&-; sleep 100");
    pe_gnuplot_set_deadline(0.5);
    CU_ASSERT_EQUAL(run(PE_SVG, &took, &err), PE_TOOL);
    pe_gnuplot_set_deadline(0);
    CU_ASSERT(took < 50);
}

static void a_flood_is_stopped_at_the_limit(void)
{
    pe_error err = {0};
    use_fake("yes");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "64 MiB");
    use_fake("yes >&2");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "1 MiB");
}

static void what_it_says_and_the_script_line_are_in_the_sentence(void)
{
    pe_error err = {0};
    use_fake("cat >/dev/null; echo '\"/dev/stdin\" line 7: no such thing' >&2; exit 1");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "no such thing");
    PE_CONTAINS(err.text, "script line 7 is: # line 6 of a long script");
}

#define MARK "grep -o \"DONE-[a-z]*\" >&2"

static void half_a_picture_is_no_picture(void)
{
    pe_error err = {0};
    use_fake(MARK "; printf '\\211PNG\\r\\n\\032\\n'; head -c 5000 /dev/zero");
    CU_ASSERT_EQUAL(run(PE_PNG, NULL, &err), PE_TOOL);
    PE_CONTAINS(err.text, "complete picture");
    use_fake(MARK "; echo '<svg>'; head -c 5000 /dev/zero");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    use_fake(MARK "; echo '<svg></svg>'");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    /* whole, but the script was not read to its end */
    use_fake("cat >/dev/null; echo '<svg>'; head -c 5000 /dev/zero; echo '</svg>'");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_TOOL);
    /* the control: all of it */
    use_fake(MARK "; echo '<svg>'; head -c 5000 /dev/zero; echo '</svg>'");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, &err), PE_OK);
}

static void an_old_version_is_refused(void)
{
    int major = 0, minor = 0;
    pe_error err = {0};
    use_fake("echo 'gnuplot 4.6 patchlevel 6'");
    CU_ASSERT_EQUAL(pe_gnuplot_version(&major, &minor, &err), PE_TOOL);
    PE_CONTAINS(err.text, "4.6");
    use_fake("echo 'something else'");
    CU_ASSERT_EQUAL(pe_gnuplot_version(&major, &minor, &err), PE_TOOL);
    use_fake("echo 'gnuplot 5.4 patchlevel 4'");
    CU_ASSERT_EQUAL(pe_gnuplot_version(&major, &minor, &err), PE_OK);
    CU_ASSERT(major == 5 && minor == 4);
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

/* Resident memory of this process, bytes; 0 where the kernel does not say. */
static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* POSENC_PLOTS=10000 in the environment makes a night of it. */
static void two_hundred_runs_leave_no_descriptor_zombie_or_block_and_no_more_memory(void)
{
    const char *asked = getenv("POSENC_PLOTS");
    const int runs = asked ? atoi(asked) : 200;
    double early = 0;
    use_fake("cat >/dev/null; exit 3");
    long blocks = pe_live_blocks();
    size_t before = open_descriptors();
    for (int i = 0; i < runs; i++) {
        CU_ASSERT_EQUAL(run(PE_SVG, NULL, NULL), PE_TOOL);
        if (i == runs / 4)
            early = resident();
    }
#ifdef __SANITIZE_ADDRESS__ /* it keeps what was freed for a while */
    (void)early;
#else
    PE_NEAR("resident memory", resident(), early, 0.05 * early);
#endif
    CU_ASSERT_EQUAL(open_descriptors(), before);
    CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void a_pending_sigpipe_of_the_caller_is_left_alone(void)
{
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    use_fake("exit 0");
    CU_ASSERT_EQUAL(run(PE_SVG, NULL, NULL), PE_TOOL);
    sigpending(&pending);
    CU_ASSERT(sigismember(&pending, SIGPIPE));
    sigtimedwait(&set, NULL, &(struct timespec){0});
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    use_fake(MARK "; echo '<svg>'; head -c 200000 /dev/zero; echo '</svg>'");
    pe_buffer script = {0};
    pe_buffer_text(&script, "# nothing\n");
    long blocks = pe_live_blocks();
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status == PE_MEMORY && allowed < 100; allowed++) {
        pe_buffer picture = {0};
        pe_error err = {0};
        pe_fail_allocations_after(allowed);
        status = pe_gnuplot_run(&script, PE_SVG, &picture, &err);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(err.status, status);
        pe_buffer_release(&picture);
        CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 3);
    pe_buffer_release(&script);
}

static void quoting_refuses_what_cannot_be_shown_and_sets_quotes_apart(void)
{
    static const char *const refused[] = {"a\nb", "a\tb",     "\x01",         "\x7f",
                                          "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                                          "\xc2", "\xc2\x85"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        pe_buffer script = {0};
        CU_ASSERT_EQUAL(pe_gp_quote(&script, refused[i], NULL), PE_USAGE);
        CU_ASSERT_EQUAL(script.size, 0);
    }
    pe_buffer script = {0};
    CU_ASSERT_EQUAL(pe_gp_quote(&script, "it's `id` \"@X\"", NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(script.bytes, "'it'.\"'\".'s `id` \"@X\"'");
    pe_buffer_release(&script);
}

static void a_buffer_number_reads_back_to_the_same_bits(void)
{
    static const double values[] = {0,      -0.0,  0.1,       1.0 / 3, 1e300,
                                    5e-324, 2.385, 123456789, -1e-7,   0.2 + 0.1};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        pe_buffer text = {0};
        pe_buffer_number(&text, values[i]);
        double back = strtod(text.bytes, NULL);
        CU_ASSERT(memcmp(&back, &values[i], sizeof back) == 0);
        pe_buffer_release(&text);
    }
    pe_buffer text = {0};
    pe_buffer_number(&text, 0.1);
    CU_ASSERT_STRING_EQUAL(text.bytes, "0.1");
    pe_buffer_release(&text);
}

PE_TEST_MAIN("plot: the gnuplot runner",
             PE_TEST(a_missing_program_is_one_sentence_with_the_package),
             PE_TEST(a_program_that_dies_midway_does_not_take_us_with_it),
             PE_TEST(a_program_that_hangs_is_stopped_at_the_deadline_with_its_children),
             PE_TEST(a_program_that_closes_its_streams_and_stays_is_stopped),
             PE_TEST(a_flood_is_stopped_at_the_limit),
             PE_TEST(what_it_says_and_the_script_line_are_in_the_sentence),
             PE_TEST(half_a_picture_is_no_picture), PE_TEST(an_old_version_is_refused),
             PE_TEST(two_hundred_runs_leave_no_descriptor_zombie_or_block_and_no_more_memory),
             PE_TEST(a_pending_sigpipe_of_the_caller_is_left_alone),
             PE_TEST(every_failed_allocation_is_told_and_leaves_nothing),
             PE_TEST(quoting_refuses_what_cannot_be_shown_and_sets_quotes_apart),
             PE_TEST(a_buffer_number_reads_back_to_the_same_bits))
