/* One writer for a folder at a time. */
#include "io/lock.h"
#include "testing.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_second_lock_is_refused_with_the_process_until_the_first_is_released(void)
{
    pe_folder_lock first, second;
    pe_error err = {0};
    char process[64];
    CU_ASSERT_EQUAL_FATAL(pe_folder_lock_take(pe_test_folder(), &first, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_folder_lock_take(pe_test_folder(), &second, &err), PE_WRITE);
    PE_CONTAINS(err.text, "in use by process");
    snprintf(process, sizeof process, "process %ld;", (long)getpid());
    PE_CONTAINS(err.text, process);
    pe_folder_unlock(&first);
    CU_ASSERT_EQUAL(pe_folder_lock_take(pe_test_folder(), &second, &err), PE_OK);
    pe_folder_unlock(&second);
    pe_folder_unlock(&second);
}

static void a_killed_process_leaves_no_lock(void)
{
    int ends[2];
    char byte;
    pe_folder_lock lock;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const int held = pe_folder_lock_take(pe_test_folder(), &lock, NULL) == PE_OK;
        if (write(ends[1], held ? "y" : "n", 1) == 1)
            pause();
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    CU_ASSERT_EQUAL(byte, 'y');
    CU_ASSERT_EQUAL(pe_folder_lock_take(pe_test_folder(), &lock, &err), PE_WRITE);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CU_ASSERT_EQUAL(pe_folder_lock_take(pe_test_folder(), &lock, &err), PE_OK);
    pe_folder_unlock(&lock);
    close(ends[0]);
    close(ends[1]);
}

static void a_lock_leaves_no_file(void)
{
    pe_folder_lock lock;
    size_t entries = 0;
    CU_ASSERT_EQUAL(pe_folder_lock_take(pe_test_folder(), &lock, NULL), PE_OK);
    DIR *folder = opendir(pe_test_folder());
    for (struct dirent *e; folder && (e = readdir(folder));)
        entries += e->d_name[0] != '.';
    if (folder)
        closedir(folder);
    CU_ASSERT_EQUAL(entries, 0);
    pe_folder_unlock(&lock);
}

static void what_is_no_folder_cannot_be_held(void)
{
    pe_folder_lock lock;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_folder_lock_take("/nowhere/at/all", &lock, &err), PE_WRITE);
    PE_CONTAINS(err.text, "/nowhere/at/all");
    pe_folder_unlock(&lock);
}

PE_TEST_MAIN("io: lock",
             PE_TEST(a_second_lock_is_refused_with_the_process_until_the_first_is_released),
             PE_TEST(a_killed_process_leaves_no_lock), PE_TEST(a_lock_leaves_no_file),
             PE_TEST(what_is_no_folder_cannot_be_held))
