/* Run something that may crash, hang, leave or scribble in a child process, so that its end is a
 * sentence and not the end of the run.
 *
 * Fork before threads exist: a child of a process with an OpenMP team has no team and waits for it
 * for ever. So call this before the first parallel region of the program (a child may start its own
 * team). Cost: about a millisecond for a process that has touched little memory. */
#ifndef PE_REGISTRY_SANDBOX_H
#define PE_REGISTRY_SANDBOX_H

#include "base/status.h"

#include <stddef.h>

typedef struct pe_limits {
    int cpu_seconds;     /* of the child, all its threads together; > 0 */
    double wall_seconds; /* then it is killed; > 0 */
} pe_limits;

/* Runs in the child. Fills `answer` (plain data without pointers) and returns its status; a
 * sentence in err travels to the parent too. */
typedef pe_status (*pe_sandboxed)(void *context, void *answer, pe_error *err);

/* Run work(context, answer) in a child of this process. The child's standard output goes to
 * standard error, so that a printing module cannot spoil a result that is being written; its files,
 * memory and exit handlers touch nothing of the parent. On PE_OK, and when `work` itself failed,
 * `answer`
 * (`answer_size` bytes) is what the child filled in; otherwise it is untouched.
 *   PE_PLUGIN   crashed (the signal is named), used up its time, left by itself, or gave no whole
 *               answer; the sentence begins with `what`
 *   PE_TOOL     no pipe or no process to be had
 *   PE_MEMORY   no room for the answer
 * and any status that `work` returned. */
pe_status pe_sandbox_run(const char *what, const pe_limits *limits, pe_sandboxed work,
                         void *context, void *answer, size_t answer_size, pe_error *err);

#endif
