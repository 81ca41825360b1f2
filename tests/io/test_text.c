#include "base/memory.h"
#include "io/text.h"
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *save(const char *name, const void *bytes, size_t size)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, f), size);
    fclose(f);
    return path;
}

static void any_byte_is_a_token(void)
{
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i; /* NUL and broken UTF-8 are among them */
    pe_text *text = NULL;
    const unsigned char *bytes = NULL;
    size_t count = 0;
    CU_ASSERT_EQUAL_FATAL(pe_text_open(save("all.txt", all, 256), &text, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_text_next(text, &bytes, &count, NULL), PE_OK);
    CU_ASSERT_EQUAL(count, 256);
    CU_ASSERT_EQUAL(memcmp(bytes, all, 256), 0);
    CU_ASSERT_EQUAL(pe_text_next(text, &bytes, &count, NULL), PE_OK);
    CU_ASSERT_EQUAL(count, 0);
    pe_text_close(text);
    pe_text_close(NULL);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void what_has_no_token_is_refused(void)
{
    pe_text *text = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_text_open(save("empty.txt", "", 0), &text, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "empty.txt: is empty");
    CU_ASSERT_EQUAL(pe_text_open("/no/such.txt", &text, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "No such file");
    CU_ASSERT_EQUAL(pe_text_open(pe_test_folder(), &text, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "Is a directory");
    CU_ASSERT_PTR_NULL(text);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void the_first_tokens_are_as_many_as_there_are(void)
{
    static unsigned char long_text[200000];
    unsigned char *tokens = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof long_text; i++)
        long_text[i] = (unsigned char)(i % 251);
    const char *path = save("long.txt", long_text, sizeof long_text);
    const size_t wanted[] = {1, 65536, 65537, 199999, 200000, 300000, (size_t)-1};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        size_t want = wanted[i] < sizeof long_text ? wanted[i] : sizeof long_text;
        CU_ASSERT_EQUAL_FATAL(pe_text_first(path, wanted[i], &tokens, &count, NULL), PE_OK);
        CU_ASSERT_EQUAL(count, want);
        CU_ASSERT_EQUAL(memcmp(tokens, long_text, want), 0);
        pe_release(tokens);
    }
    CU_ASSERT_EQUAL(pe_text_first(path, 0, &tokens, &count, NULL), PE_USAGE);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* A child counts a sparse file of 1 GiB in one line; its peak memory tells. */
static void a_gibibyte_line_needs_constant_memory(void)
{
    const char *path = save("gibibyte.txt", "x", 1);
    CU_ASSERT_EQUAL(truncate(path, 1 << 30), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pe_text *text = NULL;
        const unsigned char *bytes;
        size_t count = 1, sum = 0;
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        if (pe_text_open(path, &text, NULL) != PE_OK)
            _exit(1);
        while (count && pe_text_next(text, &bytes, &count, NULL) == PE_OK)
            sum += count;
        getrusage(RUSAGE_SELF, &after);
        _exit(sum == 1 << 30 && after.ru_maxrss - before.ru_maxrss < 4096 ? 0 : 2); /* KiB */
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void standard_input_and_pipes_are_streams_too(void)
{
    int ends[2];
    unsigned char *tokens = NULL;
    size_t count = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    int before = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    CU_ASSERT_EQUAL(pe_text_first("-", 99, &tokens, &count, NULL), PE_OK);
    CU_ASSERT_EQUAL(count, 3);
    pe_release(tokens);
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_text_first("-", 99, &tokens, &count, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "standard input: is empty");
    if (before >= 0) {
        dup2(before, STDIN_FILENO);
        close(before);
    }
}

static void every_failed_allocation_is_reported(void)
{
    const char *path = save("memory.txt", "abc", 3);
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        unsigned char *tokens = NULL;
        size_t count = 0;
        pe_fail_allocations_after(allowed);
        status = pe_text_first(path, 3, &tokens, &count, NULL);
        pe_fail_allocations_after(-1);
        pe_release(tokens);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: text", PE_TEST(any_byte_is_a_token), PE_TEST(what_has_no_token_is_refused),
             PE_TEST(the_first_tokens_are_as_many_as_there_are),
             PE_TEST(a_gibibyte_line_needs_constant_memory),
             PE_TEST(standard_input_and_pipes_are_streams_too),
             PE_TEST(every_failed_allocation_is_reported))
