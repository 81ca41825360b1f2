/* Running the real program through a shell, and looking at all that comes back. Commands run in the
 * test's own folder with $P, the program, $G, the golden cases, and $A, the plug-in headers. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include "testing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM_TEXT = 1 << 16 };

typedef struct outcome {
    int code; /* exit code; 128 + signal when one ended it */
    char out[PROGRAM_TEXT], err[PROGRAM_TEXT];
} outcome;

static inline void read_text(const char *path, char text[PROGRAM_TEXT])
{
    FILE *file = fopen(path, "r");
    const size_t size = file ? fread(text, 1, PROGRAM_TEXT - 1, file) : 0;
    text[size] = 0;
    if (file)
        fclose(file);
}

/* A .npy file of float64, version 1, opened at number `at`, behind its header (10 bytes and its
 * length); the caller closes it. */
static inline FILE *open_npy_at(const char *path, const char *mode, long at)
{
    unsigned char head[10];
    FILE *file = fopen(path, mode);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fread(head, 1, sizeof head, file), sizeof head);
    CU_ASSERT_EQUAL(fseek(file, 10 + head[8] + 256 * head[9] + 8 * at, SEEK_SET), 0);
    return file;
}

/* The folder of this test, entered, and the environment set; on every call after the first: nothing
 * new. */
static inline void enter_test_folder(void)
{
    if (getenv("P"))
        return;
    CU_ASSERT_EQUAL_FATAL(chdir(pe_test_folder()), 0);
    setenv("P", POSENC_BINARY_DIR "/posenc", 1);
    setenv("G", POSENC_SOURCE_DIR "/tests/golden", 1);
    setenv("M", POSENC_BINARY_DIR "/modules", 1);
    setenv("A", POSENC_SOURCE_DIR "/common/api", 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("POSENC_VARIANT_PATH");
}

/* Run a shell command; what it leaves on standard output and error comes back in a static block. */
__attribute__((format(printf, 1, 2))) static inline const outcome *run(const char *format, ...)
{
    static outcome result;
    static char command[PROGRAM_TEXT];
    enter_test_folder();
    const int used = snprintf(command, sizeof command, "( ");
    va_list args;
    va_start(args, format);
    const int body = vsnprintf(command + used, sizeof command - (size_t)used, format, args);
    va_end(args);
    snprintf(command + used + body, sizeof command - (size_t)(used + body),
             " ) >stdout.txt 2>stderr.txt");
    const int status = system(command);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_text("stdout.txt", result.out);
    read_text("stderr.txt", result.err);
    return &result;
}

/* The last line of a text, without its newline; lent, overwritten by the next call. */
static inline const char *last_line(const char *text)
{
    static char line[PROGRAM_TEXT];
    size_t end = strlen(text);
    while (end && text[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n')
        begin--;
    memcpy(line, text + begin, end - begin);
    line[end - begin] = 0;
    return line;
}

/* An exit code, with the command's own words when it is another one. */
static inline int has_code(const outcome *o, int code, const char *what)
{
    if (o->code == code)
        return 1;
    printf("\n    %s: exit code %d, not %d; it said: %s", what, o->code, code, o->err);
    return 0;
}
#define EXPECT_CODE(o, code, what) CU_ASSERT(has_code(o, code, what))

#endif
