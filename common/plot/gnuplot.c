#include "plot/gnuplot.h"

#include "plot/utf8.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_MARK "DONE-posenc"

enum {
    MOST_PICTURE = 64 << 20, /* bytes */
    MOST_MESSAGES = 1 << 20, /* bytes */
    LEAST_PICTURE = 500,     /* bytes: a picture without a single mark on it is larger */
    DEFAULT_SECONDS = 30
};

static _Atomic double deadline_seconds = DEFAULT_SECONDS;

void pe_gnuplot_set_deadline(double seconds)
{
    atomic_store(&deadline_seconds, seconds > 0 ? seconds : DEFAULT_SECONDS);
}

static const char *program(void)
{
    const char *name = getenv("POSENC_GNUPLOT");
    return name && *name ? name : "gnuplot";
}

/* ---- the script ---- */

pe_status pe_gp_quote(pe_buffer *script, const char *text, pe_error *err)
{
    pe_status status = pe_utf8_check(text, "text for a figure", err);
    if (status != PE_OK)
        return status;
    if (!*text)
        pe_buffer_text(script, "''");
    while (*text) {
        size_t plain = strcspn(text, "'"), quotes = strspn(text + plain, "'");
        if (plain) {
            pe_buffer_text(script, "'");
            pe_buffer_append(script, text, plain);
            pe_buffer_text(script, quotes ? "'." : "'");
        }
        if (quotes) {
            pe_buffer_text(script, "\"");
            pe_buffer_append(script, text + plain, quotes);
            pe_buffer_text(script, text[plain + quotes] ? "\"." : "\"");
        }
        text += plain + quotes;
    }
    return PE_OK;
}

#define BINARY_NOTE "# the next line is followed by bytes: "

void pe_gnuplot_binary(pe_buffer *script, const char *line, const void *bytes, size_t size)
{
    pe_buffer_format(script, BINARY_NOTE "%zu\n%s\n", size, line);
    pe_buffer_append(script, bytes, size);
}

/* The line with this number as gnuplot counts, lent; *size is 0 when there is none. */
static const char *script_line(const pe_buffer *script, long number, size_t *size)
{
    const char *at = script->bytes, *end = at + script->size;
    size_t skip = 0; /* bytes after the current line */
    *size = 0;
    for (long line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        if (line == number) {
            *size = length;
            return at;
        }
        size_t jump = length + 1 + skip;
        skip = 0;
        if (strncmp(at, BINARY_NOTE, strlen(BINARY_NOTE)) == 0)
            skip = strtoul(at + strlen(BINARY_NOTE), NULL, 10);
        at = jump < (size_t)(end - at) ? at + jump : end;
    }
    return end;
}

/* ---- the process ---- */

typedef struct child {
    pid_t pid;
    int in, out, messages; /* our ends of its streams; -1 once closed */
} child;

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* Three pipes that no other child inherits and whose ends are not 0, 1 or 2, so that dup2 in the
 * child always makes a fresh descriptor (our own standard streams may be closed). */
static int open_pipes(int ends[3][2])
{
    for (int p = 0; p < 3; p++)
        ends[p][0] = ends[p][1] = -1;
    for (int p = 0; p < 3; p++) {
        int raw[2];
        if (pipe2(raw, O_CLOEXEC) != 0)
            return 0;
        for (int side = 0; side < 2; side++) {
            ends[p][side] = fcntl(raw[side], F_DUPFD_CLOEXEC, 3);
            close(raw[side]);
        }
        if (ends[p][0] < 0 || ends[p][1] < 0)
            return 0;
    }
    return 1;
}

static void keep_variable(char *entry, size_t room, const char *name, const char *fallback)
{
    const char *value = getenv(name);
    if (!value || snprintf(entry, room, "%s=%s", name, value) >= (int)room)
        snprintf(entry, room, "%s=%s", name, fallback);
}

/* Where programs and fonts are found is the machine's business; everything else is fixed. */
static int spawn_in(int ends[3][2], char *const *arguments, pid_t *pid)
{
    char path[4096], home[4096];
    keep_variable(path, sizeof path, "PATH", "/usr/local/bin:/usr/bin:/bin");
    keep_variable(home, sizeof home, "HOME", "/nonexistent");
    char *const environment[] = {path, home, "LC_ALL=C.UTF-8", "TERM=dumb", "GNUTERM=dumb", NULL};

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, ends[0][0], 0);
    posix_spawn_file_actions_adddup2(&files, ends[1][1], 1);
    posix_spawn_file_actions_adddup2(&files, ends[2][1], 2);
    sigfillset(&defaults);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    int failure = posix_spawnp(pid, arguments[0], &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failure;
}

static pe_status start(child *c, char *const *arguments, pe_error *err)
{
    int ends[3][2];
    int failure = open_pipes(ends) ? spawn_in(ends, arguments, &c->pid) : errno;
    close_end(&ends[0][0]);
    close_end(&ends[1][1]);
    close_end(&ends[2][1]);
    if (failure) {
        close_end(&ends[0][1]);
        close_end(&ends[1][0]);
        close_end(&ends[2][0]);
        if (failure == ENOENT)
            return pe_fail(err, PE_TOOL,
                           "%s: not found; the pictures need gnuplot (Debian package gnuplot-nox)",
                           arguments[0]);
        return pe_fail(err, PE_TOOL, "%s: cannot be started: %s", arguments[0], strerror(failure));
    }
    *c = (child){.pid = c->pid, .in = ends[0][1], .out = ends[1][0], .messages = ends[2][0]};
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    return PE_OK;
}

/* ---- the talk ---- */

/* A write into a pipe that nobody reads raises SIGPIPE for this thread: hold it back, and take it
 * away before it can arrive, unless it was on its way already. */
static ssize_t write_without_signal(int to, const void *bytes, size_t size)
{
    sigset_t pipe_signal, old, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    int was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    ssize_t written = write(to, bytes, size);
    int reason = errno;
    if (written < 0 && reason == EPIPE && !was_pending)
        while (sigtimedwait(&pipe_signal, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = reason;
    return written;
}

static void give(child *c, const pe_buffer *script, size_t *given)
{
    ssize_t n = write_without_signal(c->in, script->bytes + *given, script->size - *given);
    if (n > 0)
        *given += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        close_end(&c->in); /* it reads no more: what it said and its status tell why */
    if (*given == script->size)
        close_end(&c->in);
}

/* 0 when the stream has exceeded its limit. */
static int take(int *from, pe_buffer *into, size_t most)
{
    char block[1 << 16];
    ssize_t n = read(*from, block, sizeof block);
    if (n > 0)
        pe_buffer_append(into, block, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(from);
    return into->size <= most;
}

typedef enum talk_end { TALK_ENDED, TALK_LATE, TALK_FLOODED, TALK_NO_MEMORY } talk_end;

static talk_end talk(child *c, const pe_buffer *script, double until, pe_buffer *picture,
                     pe_buffer *messages)
{
    size_t given = 0;
    while (c->out >= 0 || c->messages >= 0) {
        double left = until - pe_seconds();
        if (left <= 0)
            return TALK_LATE;
        struct pollfd ends[] = {{.fd = c->in, .events = POLLOUT},
                                {.fd = c->out, .events = POLLIN},
                                {.fd = c->messages, .events = POLLIN}};
        poll(ends, 3, left > 60 ? 60000 : (int)(left * 1000) + 1);
        if (ends[0].revents)
            give(c, script, &given);
        if (ends[1].revents && !take(&c->out, picture, MOST_PICTURE))
            return TALK_FLOODED;
        if (ends[2].revents && !take(&c->messages, messages, MOST_MESSAGES))
            return TALK_FLOODED;
        if (picture->status != PE_OK || messages->status != PE_OK)
            return TALK_NO_MEMORY;
    }
    return TALK_ENDED;
}

/* 1 when it has ended; it stays a zombie, so that its process group keeps its number. */
static int has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Its status, or -1 when it had not ended by itself before the deadline. The whole group goes, so
 * that nothing it started stays behind. */
static int finish(child *c, talk_end end, double until)
{
    int status = 0, ended = 0;
    while (end == TALK_ENDED && !(ended = has_ended(c->pid)) && pe_seconds() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close_end(&c->in);
    close_end(&c->out);
    close_end(&c->messages);
    return ended ? status : -1;
}

/* ---- what came of it ---- */

/* What gnuplot said, in one line, without the end mark and the leading blanks; the last part of it
 * when it is long. */
static void one_line(const pe_buffer *messages, char *line, size_t room)
{
    size_t used = 0;
    const char *at = messages->bytes ? messages->bytes : "";
    size_t size = messages->size, most = room / 2;
    if (size > most) {
        at += size - most;
        size = most;
    }
    for (size_t i = 0; i < size && used + 2 < room; i++) {
        int blank = isspace((unsigned char)at[i]) || at[i] == '\0';
        if (!blank)
            line[used++] = at[i];
        else if (used && line[used - 1] != ' ')
            line[used++] = ' ';
    }
    line[used] = '\0';
    char *mark = strstr(line, END_MARK);
    if (mark)
        *mark = '\0';
}

/* gnuplot says  "/dev/stdin" line 12: ...  at its first error, and ends. */
static void name_line(const pe_buffer *script, const char *said, char *text, size_t room)
{
    text[0] = '\0';
    const char *where = strstr(said, "\" line ");
    if (!where)
        return;
    long number = strtol(where + 7, NULL, 10);
    size_t size;
    const char *line = script_line(script, number, &size);
    if (size)
        snprintf(text, room, "; script line %ld is: %.*s", number, size > 200 ? 200 : (int)size,
                 line);
}

static int complete(const pe_buffer *picture, pe_picture kind)
{
    static const unsigned char png_end[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    size_t size = picture->size;
    const char *bytes = picture->bytes;
    if (kind == PE_ASCII)
        return size > 0;
    if (size <= LEAST_PICTURE)
        return 0;
    if (kind == PE_PNG)
        return memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0 &&
               memcmp(bytes + size - sizeof png_end, png_end, sizeof png_end) == 0;
    while (isspace((unsigned char)bytes[size - 1]))
        size--;
    return memcmp(bytes + size - 6, "</svg>", 6) == 0;
}

static pe_status judge_status(const pe_buffer *script, int status, const char *said, pe_error *err)
{
    char where[256];
    name_line(script, said, where, sizeof where);
    if (WIFSIGNALED(status))
        return pe_fail(err, PE_TOOL, "%s died (%s); it said: %s%s", program(),
                       strsignal(WTERMSIG(status)), *said ? said : "nothing", where);
    if (WEXITSTATUS(status) == 127 && !*said)
        return pe_fail(err, PE_TOOL,
                       "%s: could not be started; the pictures need gnuplot (Debian package "
                       "gnuplot-nox)",
                       program());
    if (WEXITSTATUS(status) != 0)
        return pe_fail(err, PE_TOOL, "%s ended with status %d; it said: %s%s", program(),
                       WEXITSTATUS(status), *said ? said : "nothing", where);
    return PE_OK;
}

static pe_status judge(const pe_buffer *script, talk_end end, int status, const pe_buffer *messages,
                       pe_error *err)
{
    char said[600];
    one_line(messages, said, sizeof said);
    if (end == TALK_NO_MEMORY)
        return pe_fail(err, PE_MEMORY, "%s: no memory for its picture", program());
    if (end == TALK_FLOODED)
        return pe_fail(err, PE_TOOL,
                       "%s sent more than %d MiB of picture or %d MiB of messages and was stopped",
                       program(), MOST_PICTURE >> 20, MOST_MESSAGES >> 20);
    if (end == TALK_LATE || status < 0)
        return pe_fail(err, PE_TOOL, "%s was stopped after %g s; it said: %s", program(),
                       atomic_load(&deadline_seconds), *said ? said : "nothing");
    return judge_status(script, status, said, err);
}

static int has_end_mark(const pe_buffer *messages)
{
    return messages->size && memmem(messages->bytes, messages->size, END_MARK, strlen(END_MARK));
}

/* Start, talk, end; what it sent is in the two buffers. */
static pe_status run(char *const *arguments, const pe_buffer *script, pe_buffer *picture,
                     pe_buffer *messages, pe_error *err)
{
    child c;
    double until = pe_seconds() + atomic_load(&deadline_seconds);
    pe_status status = start(&c, arguments, err);
    if (status != PE_OK)
        return status;
    talk_end end = talk(&c, script, until, picture, messages);
    int ended = finish(&c, end, until);
    return judge(script, end, ended, messages, err);
}

pe_status pe_gnuplot_run(const pe_buffer *script, pe_picture kind, pe_buffer *picture,
                         pe_error *err)
{
    /* From a named file, and not from a terminal, gnuplot ends at its first error and counts lines.
     */
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s", program()) >= (int)sizeof name)
        return pe_fail(err, PE_TOOL, "POSENC_GNUPLOT is longer than a path may be");
    char *const arguments[] = {name, "-d", "/dev/stdin", NULL};

    pe_buffer input = {0}, got = {0}, messages = {0};
    pe_buffer_append(&input, script->bytes, script->size);
    pe_buffer_text(&input, "\nunset output\nprint '" END_MARK "'\n");
    pe_status status = pe_buffer_check(&input, "script", err);
    if (status == PE_OK)
        status = run(arguments, &input, &got, &messages, err);
    if (status == PE_OK && !(has_end_mark(&messages) && complete(&got, kind)))
        status = pe_fail(err, PE_TOOL, "%s ended without a complete picture (%zu bytes)", name,
                         got.size);
    if (status == PE_OK) {
        pe_buffer_append(picture, got.bytes, got.size);
        status = pe_buffer_check(picture, "picture", err);
    }
    pe_buffer_release(&input);
    pe_buffer_release(&got);
    pe_buffer_release(&messages);
    return status;
}

pe_status pe_gnuplot_version(int *major, int *minor, pe_error *err)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s", program()) >= (int)sizeof name)
        return pe_fail(err, PE_TOOL, "POSENC_GNUPLOT is longer than a path may be");
    char *const arguments[] = {name, "--version", NULL};
    pe_buffer nothing = {0}, answer = {0}, messages = {0};
    pe_buffer_text(&nothing, "\n");
    pe_status status = run(arguments, &nothing, &answer, &messages, err);
    if (status == PE_OK &&
        (!answer.bytes || sscanf(answer.bytes, "gnuplot %d.%d", major, minor) != 2))
        status = pe_fail(err, PE_TOOL, "%s --version does not answer like gnuplot", name);
    else if (status == PE_OK && (*major < 5 || (*major == 5 && *minor < 2)))
        status = pe_fail(err, PE_TOOL, "%s is version %d.%d; 5.2 or later is needed", name, *major,
                         *minor);
    pe_buffer_release(&nothing);
    pe_buffer_release(&answer);
    pe_buffer_release(&messages);
    return status;
}
