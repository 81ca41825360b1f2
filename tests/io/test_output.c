#include "base/memory.h"
#include "io/output.h"
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path_of(const char *name)
{
    static char paths[4][5000];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", pe_test_folder(), name);
    return path;
}

static void save(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static const char *content(const char *path)
{
    static char text[256];
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[got] = 0;
    if (f)
        fclose(f);
    return text;
}

/* Temporary files in the test's folder. */
static size_t temporaries(void)
{
    size_t count = 0;
    DIR *entries = opendir(pe_test_folder());
    for (struct dirent *e; (e = readdir(entries));)
        count += strstr(e->d_name, ".tmp") ? 1 : 0;
    closedir(entries);
    return count;
}

static void the_old_file_stays_until_commit(void)
{
    const char *path = path_of("old.txt");
    save(path, "old");
    pe_output *out = pe_output_begin(path, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fprintf(pe_output_stream(out), "new %d", 1);
    CU_ASSERT_EQUAL(pe_output_write(out, "!", 1, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path), "old");
    CU_ASSERT_EQUAL(temporaries(), 1);
    char name[64];
    snprintf(name, sizeof name, ".old.txt.%ld.tmp", (long)getpid());
    CU_ASSERT_EQUAL(access(path_of(name), F_OK), 0);
    CU_ASSERT_EQUAL(pe_output_commit(out, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path), "new 1!");
    CU_ASSERT_EQUAL(temporaries(), 0);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void abandoning_leaves_everything_as_it_was(void)
{
    const char *path = path_of("kept.txt"), *fresh = path_of("fresh.txt");
    save(path, "kept");
    pe_output *out = pe_output_begin(path, NULL), *other = pe_output_begin(fresh, NULL);
    CU_ASSERT_EQUAL(pe_output_write(out, "lost", 4, NULL), PE_OK);
    pe_output_abandon(out);
    pe_output_abandon(other);
    pe_output_abandon(NULL);
    CU_ASSERT_STRING_EQUAL(content(path), "kept");
    CU_ASSERT_NOT_EQUAL(access(fresh, F_OK), 0);
    CU_ASSERT_EQUAL(temporaries(), 0);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status write_in_three_parts(const char *path, size_t size, pe_error *err)
{
    static char block[70000];
    memset(block, 'n', sizeof block);
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err->status;
    for (size_t part = 0; part < 3; part++)
        fwrite(block, 1, size, pe_output_stream(out));
    return pe_output_commit(out, err);
}

/* Create, three writes (70,000 bytes are more than the buffer), fsync, close, rename, fsync. */
static void whichever_step_fails_the_old_file_is_intact_and_no_temporary_stays(void)
{
    const char *path = path_of("steps.txt");
    pe_error err = {0};
    pe_status status = PE_WRITE;
    long allowed = 0;
    for (; status == PE_WRITE && allowed < 99; allowed++) {
        save(path, "old");
        pe_fail_writes_after(allowed);
        status = write_in_three_parts(path, 70000, &err);
        pe_fail_writes_after(-1);
        CU_ASSERT_EQUAL(temporaries(), 0);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
        if (status == PE_OK)
            break;
        PE_CONTAINS(err.text, "steps.txt");
        PE_CONTAINS(err.text, "No space left on device");
        if (strstr(err.text, "may not survive a power cut"))
            CU_ASSERT_EQUAL(strlen(content(path)), 255)
        else
            CU_ASSERT_STRING_EQUAL(content(path), "old");
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed >= 8);
    struct stat info;
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    CU_ASSERT_EQUAL(info.st_size, 210000);
}

static void only_the_last_step_may_leave_the_new_file(void)
{
    const char *path = path_of("last.txt");
    pe_error err = {0};
    save(path, "old");
    pe_fail_writes_after(5); /* create, write, fsync, close, rename; then the folder */
    CU_ASSERT_EQUAL(write_in_three_parts(path, 1, &err), PE_WRITE);
    pe_fail_writes_after(-1);
    PE_CONTAINS(err.text, "is written, but may not survive a power cut");
    CU_ASSERT_STRING_EQUAL(content(path), "nnn");
}

static void a_full_disk_is_named_with_what_is_free(void)
{
    pe_error err = {0};
    pe_fail_writes_after(1);
    CU_ASSERT_EQUAL(write_in_three_parts(path_of("full.txt"), 70000, &err), PE_WRITE);
    pe_fail_writes_after(-1);
    PE_CONTAINS(err.text, "after 0 bytes");
    PE_CONTAINS(err.text, "MiB are free in ");
}

static void a_full_device_is_an_error_and_stays_a_device(void)
{
    pe_error err = {0};
    struct stat info;
    pe_output *out = pe_output_begin("/dev/full", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(pe_output_write(out, "x", 1, &err), PE_OK); /* still in the buffer */
    CU_ASSERT_EQUAL(pe_output_commit(out, &err), PE_WRITE);
    PE_CONTAINS(err.text, "/dev/full: cannot write: No space left on device");
    CU_ASSERT_EQUAL(stat("/dev/full", &info), 0);
    CU_ASSERT_TRUE(S_ISCHR(info.st_mode));
    out = pe_output_begin("/dev/null", NULL);
    CU_ASSERT_EQUAL(pe_output_commit(out, NULL), PE_OK);
    CU_ASSERT_EQUAL(stat("/dev/null", &info), 0);
    CU_ASSERT_TRUE(S_ISCHR(info.st_mode));
}

static void writing_reports_a_failure_as_soon_as_it_is_known(void)
{
    static char block[1 << 20];
    pe_error err = {0};
    pe_output *out = pe_output_begin("/dev/full", NULL);
    CU_ASSERT_EQUAL(pe_output_write(out, block, sizeof block, &err), PE_WRITE);
    CU_ASSERT_EQUAL(pe_output_write(out, "x", 1, &err), PE_WRITE);
    CU_ASSERT_EQUAL(pe_output_commit(out, &err), PE_WRITE);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* In a child, which a signal would end: 0 when everything is as it should be. */
static int over_the_file_size_limit(int ignore_the_signal)
{
    const char *path = path_of("limit.txt");
    pe_error err = {0};
    save(path, "old");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {1000, 1000};
        signal(SIGXFSZ, ignore_the_signal ? SIG_IGN : SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &limit);
        pe_status status = write_in_three_parts(path, 999, &err);
        _exit(status == PE_WRITE && strstr(err.text, "File too large") &&
                      strstr(err.text, "after 1000 bytes") && strstr(err.text, "ulimit -f") &&
                      strcmp(content(path), "old") == 0 && temporaries() == 0
                  ? 0
                  : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return status;
}

static void a_file_size_limit_is_an_error_and_no_signal(void)
{
    CU_ASSERT_EQUAL(over_the_file_size_limit(0), 0);
    CU_ASSERT_EQUAL(over_the_file_size_limit(1), 0);
}

/* A disk of 64 KiB that only the child sees; making one needs root, others are told and pass. */
static void a_really_full_disk_keeps_the_old_file(void)
{
    const char *folder = path_of("disk"), *path = path_of("disk/file");
    CU_ASSERT_EQUAL(mkdir(folder, 0755), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pe_error err = {0};
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", folder, "tmpfs", 0, "size=64k") != 0)
            _exit(77);
        char temporary[64];
        snprintf(temporary, sizeof temporary, "disk/.file.%ld.tmp", (long)getpid());
        save(path, "old");
        pe_status status = write_in_three_parts(path, 70000, &err);
        /* 64 KiB less the old file's page, once the temporary file is gone again */
        _exit(status == PE_WRITE && strstr(err.text, "No space left on device") &&
                      strstr(err.text, "0.1 MiB are free") && strcmp(content(path), "old") == 0 &&
                      access(path_of(temporary), F_OK) != 0
                  ? 0
                  : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("(no small disk here) ");
    else
        CU_ASSERT_EQUAL(status, 0);
}

static void folders_and_missing_folders_are_refused_at_once(void)
{
    pe_error err = {0};
    CU_ASSERT_PTR_NULL(pe_output_begin(pe_test_folder(), &err));
    CU_ASSERT_EQUAL(err.status, PE_WRITE);
    PE_CONTAINS(err.text, "is a folder");
    CU_ASSERT_PTR_NULL(pe_output_begin(path_of("no/such/file"), &err));
    PE_CONTAINS(err.text, "No such file or directory");
    CU_ASSERT_PTR_NULL(pe_output_begin(path_of("no/"), &err));
    PE_CONTAINS(err.text, "needs a name");
    CU_ASSERT_PTR_NULL(pe_output_begin("", &err));
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_link_is_replaced_and_its_target_untouched(void)
{
    const char *target = path_of("target.txt"), *name = path_of("link.txt");
    struct stat info;
    save(target, "target");
    CU_ASSERT_EQUAL(symlink("target.txt", name), 0);
    pe_error err = {0};
    CU_ASSERT_EQUAL(write_in_three_parts(name, 1, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(target), "target");
    CU_ASSERT_STRING_EQUAL(content(name), "nnn");
    CU_ASSERT_EQUAL(lstat(name, &info), 0);
    CU_ASSERT_TRUE(S_ISREG(info.st_mode));
}

static void the_same_file_cannot_be_written_twice_at_once(void)
{
    const char *path = path_of("twice.txt");
    pe_error err = {0};
    pe_output *first = pe_output_begin(path, NULL);
    CU_ASSERT_PTR_NULL(pe_output_begin(path, &err));
    PE_CONTAINS(err.text, "is being written already");
    CU_ASSERT_EQUAL(pe_output_write(first, "one", 3, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_output_commit(first, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path), "one");
}

static void a_temporary_of_a_dead_run_with_our_number_is_no_obstacle(void)
{
    char name[64];
    pe_error err = {0};
    snprintf(name, sizeof name, ".again.txt.%ld.tmp", (long)getpid());
    save(path_of(name), "half a fi");
    CU_ASSERT_EQUAL(write_in_three_parts(path_of("again.txt"), 1, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path_of("again.txt")), "nnn");
    CU_ASSERT_EQUAL(temporaries(), 0);
}

static pid_t a_dead_process(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void leftovers_of_dead_runs_are_removed_and_nothing_else(void)
{
    static const char *const strangers[] = {"notes.tmp",         ".hidden.tmp", ".a.12x.tmp",
                                            ".x..tmp",           ".5.tmp",      "a.1.tmp",
                                            ".a.99999999999.tmp"};
    char dead[64], alive[64];
    size_t removed = 99;
    snprintf(dead, sizeof dead, ".run.json.%ld.tmp", (long)a_dead_process());
    snprintf(alive, sizeof alive, ".parent.csv.%ld.tmp", (long)getppid());
    save(path_of(dead), "half");
    save(path_of(alive), "half");
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        save(path_of(strangers[i]), "mine");
    pe_output *ours = pe_output_begin(path_of("ours.txt"), NULL);
    CU_ASSERT_EQUAL(pe_output_remove_leftovers(pe_test_folder(), &removed, NULL), PE_OK);
    CU_ASSERT_EQUAL(removed, 1);
    CU_ASSERT_NOT_EQUAL(access(path_of(dead), F_OK), 0);
    CU_ASSERT_EQUAL(access(path_of(alive), F_OK), 0);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        CU_ASSERT_EQUAL(unlink(path_of(strangers[i])), 0);
    CU_ASSERT_EQUAL(unlink(path_of(alive)), 0);
    CU_ASSERT_EQUAL(pe_output_commit(ours, NULL), PE_OK);
    CU_ASSERT_EQUAL(temporaries(), 0);
    CU_ASSERT_EQUAL(pe_output_remove_leftovers(path_of("absent"), NULL, NULL), PE_WRITE);
}

static void a_folder_is_made_with_its_parents_and_probed(void)
{
    pe_error err = {0};
    struct stat info;
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a/b//c/"), &err), PE_OK);
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a/b/c"), &err), PE_OK);
    CU_ASSERT_EQUAL(stat(path_of("a/b/c"), &info), 0);
    CU_ASSERT_TRUE(S_ISDIR(info.st_mode));
    CU_ASSERT_EQUAL(rmdir(path_of("a/b/c")), 0); /* the probe is gone */
    save(path_of("a/file"), "x");
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a/file"), &err), PE_WRITE);
    PE_CONTAINS(err.text, "a/file: cannot make this folder: File exists");
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a/file/deeper"), &err), PE_WRITE);
    CU_ASSERT_EQUAL(pe_output_folder("", &err), PE_WRITE);
    CU_ASSERT_EQUAL(pe_output_folder("/proc/posenc", &err), PE_WRITE);
    pe_fail_writes_after(0);
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a"), &err), PE_WRITE);
    pe_fail_writes_after(1);
    CU_ASSERT_EQUAL(pe_output_folder(path_of("a"), &err), PE_WRITE);
    pe_fail_writes_after(-1);
    PE_CONTAINS(err.text, "cannot write in this folder");
    CU_ASSERT_EQUAL(temporaries(), 0);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* Permissions do not bind root; /proc refuses new files to everybody. */
static void a_folder_that_takes_no_files_is_refused(void)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_output_folder("/proc", &err), PE_WRITE);
    PE_CONTAINS(err.text, "/proc: cannot write in this folder");
    CU_ASSERT_PTR_NULL(pe_output_begin("/proc/posenc.csv", &err));
}

static void a_dash_is_standard_output_in_the_order_of_printing(void)
{
    const char *path = path_of("stdout.txt");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen(path, "w", stdout))
            _exit(1);
        printf("first ");
        pe_output *out = pe_output_begin("-", NULL);
        fprintf(pe_output_stream(out), "second ");
        pe_status status = pe_output_commit(out, NULL);
        printf("third");
        fflush(stdout);
        _exit(status == PE_OK ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_STRING_EQUAL(content(path), "first second third");
}

static void every_failed_allocation_is_reported(void)
{
    const char *path = path_of("memory.txt");
    pe_error err = {0};
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        pe_fail_allocations_after(allowed);
        status = write_in_three_parts(path, 1, &err);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
        CU_ASSERT_EQUAL(temporaries(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        pe_fail_allocations_after(allowed);
        status = pe_output_folder(path_of("memory"), &err);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: output", PE_TEST(the_old_file_stays_until_commit),
             PE_TEST(abandoning_leaves_everything_as_it_was),
             PE_TEST(whichever_step_fails_the_old_file_is_intact_and_no_temporary_stays),
             PE_TEST(only_the_last_step_may_leave_the_new_file),
             PE_TEST(a_full_disk_is_named_with_what_is_free),
             PE_TEST(a_full_device_is_an_error_and_stays_a_device),
             PE_TEST(writing_reports_a_failure_as_soon_as_it_is_known),
             PE_TEST(a_file_size_limit_is_an_error_and_no_signal),
             PE_TEST(a_really_full_disk_keeps_the_old_file),
             PE_TEST(folders_and_missing_folders_are_refused_at_once),
             PE_TEST(a_link_is_replaced_and_its_target_untouched),
             PE_TEST(the_same_file_cannot_be_written_twice_at_once),
             PE_TEST(a_temporary_of_a_dead_run_with_our_number_is_no_obstacle),
             PE_TEST(leftovers_of_dead_runs_are_removed_and_nothing_else),
             PE_TEST(a_folder_is_made_with_its_parents_and_probed),
             PE_TEST(a_folder_that_takes_no_files_is_refused),
             PE_TEST(a_dash_is_standard_output_in_the_order_of_printing),
             PE_TEST(every_failed_allocation_is_reported))
