/* Codes for programs, one optional sentence for people.
 *
 * A function that can fail returns a pe_status and takes a `pe_error *err` as its last parameter.
 * A NULL err is always fine. On failure the sentence says what is wrong, where, and what would be
 * right; on success err is left alone. */
#ifndef PE_BASE_STATUS_H
#define PE_BASE_STATUS_H

#include <stddef.h>

/* name, exit code of a program that ends with it, meaning. The list of codes is written once. */
#define PE_STATUS_MAP(X)                                                                           \
    X(OK, 0, "done")                                                                               \
    X(DIFFERS, 1, "a check failed or a result differs")                                            \
    X(USAGE, 2, "wrong use")                                                                       \
    X(TOOL, 3, "a tool is missing or failed")                                                      \
    X(FORMAT, 4, "bad input file")                                                                 \
    X(WRITE, 5, "cannot write")                                                                    \
    X(MEMORY, 6, "out of memory or over a limit")                                                  \
    X(PLUGIN, 7, "plug-in refused or crashed")                                                     \
    X(INTERRUPTED, 130, "interrupted")                                                             \
    X(TERMINATED, 143, "terminated")

typedef enum pe_status {
#define X(name, code, text) PE_##name,
    PE_STATUS_MAP(X)
#undef X
} pe_status;

enum { PE_ERROR_TEXT = 1024 };

typedef struct pe_error {
    pe_status status;
    char text[PE_ERROR_TEXT]; /* one sentence, no newline */
} pe_error;

/* Fill err (when not NULL) and return status, so that `return pe_fail(...)` reads as one thought.
 * Control characters that come from outside (file names) are replaced by '?'. */
pe_status pe_fail(pe_error *err, pe_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int pe_exit_code(pe_status status);
const char *pe_status_text(pe_status status);

#endif
