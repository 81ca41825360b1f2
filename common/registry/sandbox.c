#include "registry/sandbox.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What comes through the pipe before the answer itself. */
typedef struct head {
    char word[8]; /* "answer": a module that writes to a wrong descriptor is not an answer */
    pe_status status;
    pe_error err;
} head;
static const char ANSWER[8] = "answer";

/* ---- the child ------------------------------------------------------------------------------- */

static void restore_signals(void)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP,  SIGSEGV, SIGBUS, SIGFPE,
                              SIGILL, SIGABRT, SIGPIPE, SIGXCPU, SIGALRM};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        signal(all[i], SIG_DFL);
}

/* The parent's exit handlers remove its temporary files: they must not run here. Handlers run last
 * in, first out, so this one comes first and ends the process. */
#ifdef __GLIBC__
static void leave_at_once(int code, void *unused)
{
    (void)unused;
    _exit(code);
}
#else
static void leave_at_once(void)
{
    _exit(0);
}
#endif

static void confine(const pe_limits *limits)
{
    const rlim_t seconds = (rlim_t)limits->cpu_seconds;
    setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, seconds + 1});
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    restore_signals();
    dup2(STDERR_FILENO, STDOUT_FILENO);
#ifdef __GLIBC__
    on_exit(leave_at_once, NULL);
#else
    atexit(leave_at_once);
#endif
}

static bool write_all(int file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t wrote = write(file, at, count);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        count -= (size_t)wrote;
    }
    return true;
}

static void be_child(int pipe_end, const pe_limits *limits, pe_sandboxed work, void *context,
                     void *answer, size_t answer_size)
{
    confine(limits);
    head h = {0};
    h.status = work(context, answer, &h.err);
    memcpy(h.word, ANSWER, sizeof h.word);
    fflush(NULL); /* what the module printed, to standard error */
    const bool told = write_all(pipe_end, &h, sizeof h) && write_all(pipe_end, answer, answer_size);
    _exit(told ? 0 : 1);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Read until `bytes` are there, the other end is closed, or the time is up; gives how many came. */
static size_t read_until(int file, char *to, size_t bytes, double deadline, bool *late)
{
    size_t got = 0;
    while (got < bytes) {
        const double left = deadline - pe_seconds();
        if (left <= 0) {
            *late = true;
            break;
        }
        struct pollfd wait = {.fd = file, .events = POLLIN};
        const int ready = poll(&wait, 1, (int)(left * 1000) + 1);
        if (ready <= 0)
            continue;
        const ssize_t more = read(file, to + got, bytes - got);
        if (more == 0 || (more < 0 && errno != EINTR))
            break;
        got += more > 0 ? (size_t)more : 0;
    }
    return got;
}

static int end_child(pid_t child, bool by_force)
{
    int how = 0;
    if (by_force)
        kill(child, SIGKILL);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        continue;
    return how;
}

static pe_status say_how_it_ended(const char *what, const pe_limits *limits, bool late, int how,
                                  pe_error *err)
{
    if (late)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found no answer after %.1f s, expected one within them: stopped", what,
                       limits->wall_seconds);
    if (WIFSIGNALED(how) && (WTERMSIG(how) == SIGXCPU || WTERMSIG(how) == SIGKILL))
        return pe_fail(err, PE_PLUGIN,
                       "%s: found %d s of processor time used up, expected an answer within them: "
                       "stopped",
                       what, limits->cpu_seconds);
    if (WIFSIGNALED(how))
        return pe_fail(err, PE_PLUGIN, "%s: crashed in its first use (%s), expected an answer",
                       what, strsignal(WTERMSIG(how)));
    return pe_fail(err, PE_PLUGIN,
                   "%s: ended the process (exit %d) without an answer, expected a return", what,
                   WEXITSTATUS(how));
}

/* The child wrote head and answer in one go: everything or nothing counts. */
static pe_status listen_to(int pipe_end, pid_t child, const char *what, const pe_limits *limits,
                           void *answer, size_t answer_size, pe_error *err)
{
    const size_t bytes = sizeof(head) + answer_size;
    char *message = pe_allocate(bytes, 1, "answer of a module", err);
    bool late = false;
    size_t got = 0;
    if (message)
        got = read_until(pipe_end, message, bytes, pe_seconds() + limits->wall_seconds, &late);
    close(pipe_end);
    const int how = end_child(child, late || !message);
    if (!message)
        return PE_MEMORY;
    pe_status status;
    const head *h = (const head *)message; /* pe_allocate aligns */
    if (got < bytes || memcmp(h->word, ANSWER, sizeof h->word) != 0) {
        status = say_how_it_ended(what, limits, late, how, err);
    } else {
        status = h->status;
        if (status != PE_OK && err)
            *err = h->err;
        memcpy(answer, message + sizeof *h, answer_size);
    }
    pe_release(message);
    return status;
}

pe_status pe_sandbox_run(const char *what, const pe_limits *limits, pe_sandboxed work,
                         void *context, void *answer, size_t answer_size, pe_error *err)
{
    int ends[2];
    fflush(NULL); /* or the child would print again what waits in the parent's buffers */
    if (pipe2(ends, O_CLOEXEC) != 0)
        return pe_fail(err, PE_TOOL, "%s: no pipe for its first use: %s", what, strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        be_child(ends[1], limits, work, context, answer, answer_size);
    }
    close(ends[1]);
    if (child < 0) {
        const int why = errno;
        close(ends[0]);
        return pe_fail(err, PE_TOOL, "%s: no process for its first use: %s", what, strerror(why));
    }
    return listen_to(ends[0], child, what, limits, answer, answer_size, err);
}
