#include "io/output.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct pe_output {
    const char *path; /* "standard output" for "-" */
    char *temporary;  /* NULL: written directly */
    char *folder;
    FILE *stream;
    int descriptor;
    int error;      /* errno of the first failed write, 0 */
    size_t written; /* bytes the system has taken */
    char buffer[1 << 16];
};

/* ---- steps that can fail, by themselves or on demand ---- */

static atomic_long failures_after = -1;

void pe_fail_writes_after(long allowed)
{
    atomic_store(&failures_after, allowed);
}

/* Sets errno and answers 1 for the one step that was asked to fail. */
static int fails_on_demand(void)
{
    long left = atomic_load(&failures_after);
    while (left >= 0 && !atomic_compare_exchange_weak(&failures_after, &left, left - 1))
        ;
    if (left != 0)
        return 0;
    errno = ENOSPC;
    return 1;
}

/* write(2), except that a file size limit gives EFBIG and no signal. */
static ssize_t write_without_signal(int descriptor, const char *bytes, size_t size)
{
    sigset_t limit, before;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &before);
    ssize_t done = write(descriptor, bytes, size);
    int reason = errno;
    if (done < 0 && reason == EFBIG && !sigismember(&before, SIGXFSZ))
        sigtimedwait(&limit, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = reason;
    return done;
}

/* All bytes, or -1 with errno. */
static int write_all(int descriptor, const char *bytes, size_t size, size_t *written)
{
    if (fails_on_demand())
        return -1;
    while (size) {
        ssize_t done = write_without_signal(descriptor, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        bytes += done;
        size -= (size_t)done;
        *written += (size_t)done;
    }
    return 0;
}

static int sync_descriptor(int descriptor)
{
    if (fails_on_demand())
        return -1;
    /* EINVAL, ENOTSUP: a file system that has nothing to synchronise. */
    return fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

static int sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    int bad = sync_descriptor(descriptor), reason = errno;
    close(descriptor);
    errno = reason;
    return bad;
}

static int close_descriptor(int descriptor)
{
    int bad = fails_on_demand(), reason = errno;
    if (close(descriptor) != 0)
        return -1;
    errno = reason;
    return bad ? -1 : 0;
}

static int rename_file(const char *from, const char *to)
{
    return fails_on_demand() ? -1 : rename(from, to);
}

/* ---- temporary files ---- */

/* A run holds a lock on each of its temporary files; the system drops it when the run dies. */
static int nobody_writes(const char *temporary)
{
    int descriptor = open(temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return 0;
    int free = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    close(descriptor);
    return free;
}

static int create_and_lock(const char *temporary)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    if (fails_on_demand())
        return -1;
    pthread_mutex_lock(&one_at_a_time);
    int descriptor = open(temporary, flags, 0644);
    /* A dead run with our process id (ids come back, in containers soon) may have left one. */
    int reason = errno;
    if (descriptor < 0 && reason == EEXIST && nobody_writes(temporary) && unlink(temporary) == 0) {
        descriptor = open(temporary, flags, 0644);
        reason = errno;
    }
    if (descriptor >= 0)
        (void)flock(descriptor, LOCK_EX | LOCK_NB); /* some network file systems have no locks */
    pthread_mutex_unlock(&one_at_a_time);
    errno = reason;
    return descriptor;
}

/* "FOLDER/.NAME.PID.tmp", owned. */
static char *temporary_name(const char *folder, const char *name, pe_error *err)
{
    size_t size = strlen(folder) + strlen(name) + 32;
    char *temporary = pe_allocate(size, 1, "file name", err);
    if (temporary)
        snprintf(temporary, size, "%s/.%s.%ld.tmp", folder, name, (long)getpid());
    return temporary;
}

static long process_of(const char *entry)
{
    const char *end = strrchr(entry, '.');
    if (entry[0] != '.' || !end || strcmp(end, ".tmp") != 0)
        return 0;
    const char *digits = end;
    while (digits > entry && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    if (digits == end || end - digits > 10 || digits < entry + 3 || digits[-1] != '.')
        return 0;
    return strtol(digits, NULL, 10);
}

static int left_over(const char *entry, const char *path)
{
    long process = process_of(entry);
    if (process <= 0 || process > 0x7fffffff)
        return 0;
    int gone = kill((pid_t)process, 0) != 0 && errno == ESRCH;
    return (gone || process == (long)getpid()) && nobody_writes(path);
}

/* ---- begin ---- */

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    pe_output *out = cookie;
    if (out->error) /* after a gap nothing may follow */
        return 0;
    if (write_all(out->descriptor, bytes, size, &out->written) == 0)
        return (ssize_t)size;
    out->error = errno;
    return 0;
}

static void release(pe_output *out)
{
    pe_release(out->temporary);
    pe_release(out->folder);
    pe_release(out);
}

static pe_status split_path(pe_output *out, pe_error *err)
{
    const char *slash = strrchr(out->path, '/'), *name = slash ? slash + 1 : out->path;
    if (!*name)
        return pe_fail(err, PE_WRITE, "\"%s\": a file needs a name", out->path);
    out->folder = pe_copy_text(slash ? out->path : ".", "folder name", err);
    if (!out->folder)
        return PE_MEMORY;
    if (slash)
        out->folder[slash == out->path ? 1 : slash - out->path] = 0;
    out->temporary = temporary_name(out->folder, name, err);
    return out->temporary ? PE_OK : PE_MEMORY;
}

static pe_status open_temporary(pe_output *out, pe_error *err)
{
    pe_status status = split_path(out, err);
    if (status != PE_OK)
        return status;
    out->descriptor = create_and_lock(out->temporary);
    if (out->descriptor >= 0)
        return PE_OK;
    if (errno == EEXIST)
        return pe_fail(err, PE_WRITE, "%s: is being written already (%s)", out->path,
                       out->temporary);
    return pe_fail(err, PE_WRITE, "%s: cannot write: %s", out->path, strerror(errno));
}

static pe_status open_directly(pe_output *out, pe_error *err)
{
    out->descriptor = open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (out->descriptor >= 0)
        return PE_OK;
    return pe_fail(err, PE_WRITE, "%s: cannot write: %s", out->path, strerror(errno));
}

/* Renaming over /dev/stdout or a pipe would replace the device itself. */
static int is_a_stream(const char *path)
{
    struct stat info;
    return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/dev/std", 8) == 0 ||
           (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
}

static int is_a_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static pe_status open_target(pe_output *out, const char *path, pe_error *err)
{
    out->path = path;
    if (is_a_folder(path))
        return pe_fail(err, PE_WRITE, "%s: is a folder, not a file", path);
    if (is_a_stream(path))
        return open_directly(out, err);
    return open_temporary(out, err);
}

static pe_output *give_up(pe_output *out)
{
    if (out->descriptor > STDOUT_FILENO) {
        close(out->descriptor);
        if (out->temporary)
            unlink(out->temporary);
    }
    release(out);
    return NULL;
}

static int stream_close(void *cookie)
{
    pe_output *out = cookie;
    return out->descriptor == STDOUT_FILENO ? 0 : close_descriptor(out->descriptor);
}

pe_output *pe_output_begin(const char *path, pe_error *err)
{
    size_t length = strlen(path) + 1;
    pe_output *out = pe_allocate(sizeof *out + length, 1, "output", err);
    if (!out)
        return NULL;
    char *own_path = memcpy((char *)out + sizeof *out, path, length);
    out->descriptor = -1;
    if (strcmp(path, "-") == 0) {
        out->path = "standard output";
        out->descriptor = STDOUT_FILENO;
        fflush(stdout); /* keep the order of what was printed before */
    } else if (open_target(out, own_path, err) != PE_OK) {
        return give_up(out);
    }
    const cookie_io_functions_t functions = {.write = stream_write, .close = stream_close};
    out->stream = fopencookie(out, "w", functions);
    if (!out->stream) {
        pe_fail(err, PE_MEMORY, "%s: no memory for a stream", out->path);
        return give_up(out);
    }
    setvbuf(out->stream, out->buffer, _IOFBF, sizeof out->buffer);
    return out;
}

FILE *pe_output_stream(pe_output *out)
{
    return out->stream;
}

/* ---- write and end ---- */

static pe_status cannot_write(const pe_output *out, int reason, pe_error *err)
{
    struct statvfs disk;
    if ((reason == ENOSPC || reason == EDQUOT) && out->folder && statvfs(out->folder, &disk) == 0)
        return pe_fail(err, PE_WRITE,
                       "%s: cannot write: %s (after %zu bytes; %.1f MiB are free in %s)", out->path,
                       strerror(reason), out->written,
                       (double)disk.f_bavail * (double)disk.f_frsize / 1048576.0, out->folder);
    if (reason == EFBIG)
        return pe_fail(err, PE_WRITE,
                       "%s: cannot write: %s (after %zu bytes; see the limit ulimit -f)", out->path,
                       strerror(reason), out->written);
    return pe_fail(err, PE_WRITE, "%s: cannot write: %s", out->path, strerror(reason));
}

pe_status pe_output_write(pe_output *out, const void *bytes, size_t size, pe_error *err)
{
    if (size && fwrite(bytes, 1, size, out->stream) != size && !out->error)
        out->error = errno ? errno : EIO;
    return out->error ? cannot_write(out, out->error, err) : PE_OK;
}

/* Flush, synchronise, close; 0 or the errno of what failed first. The stream is gone either way. */
static int finish_stream(pe_output *out)
{
    int reason = 0;
    if (fflush(out->stream) != 0 || ferror(out->stream) || out->error)
        reason = out->error ? out->error : EIO;
    if (!reason && out->temporary && sync_descriptor(out->descriptor) != 0)
        reason = errno;
    if (fclose(out->stream) != 0 && !reason)
        reason = errno;
    return reason;
}

pe_status pe_output_commit(pe_output *out, pe_error *err)
{
    pe_status status = PE_OK;
    int reason = finish_stream(out);
    if (!reason && out->temporary && rename_file(out->temporary, out->path) != 0)
        reason = errno;
    if (reason) {
        if (out->temporary)
            unlink(out->temporary);
        status = cannot_write(out, reason, err);
    } else if (out->temporary && sync_folder(out->folder) != 0) {
        status = pe_fail(err, PE_WRITE, "%s: is written, but may not survive a power cut: %s",
                         out->path, strerror(errno));
    }
    release(out);
    return status;
}

void pe_output_abandon(pe_output *out)
{
    if (!out)
        return;
    if (out->temporary)
        out->error = ECANCELED; /* what is still in the buffer need not be written */
    fclose(out->stream);
    if (out->temporary)
        unlink(out->temporary);
    release(out);
}

/* ---- folders ---- */

static pe_status make_folder(const char *path, pe_error *err)
{
    if (mkdir(path, 0755) == 0)
        return PE_OK;
    int reason = errno;
    if (is_a_folder(path))
        return PE_OK;
    return pe_fail(err, PE_WRITE, "%s: cannot make this folder: %s", path, strerror(reason));
}

static pe_status make_parents(char *path, pe_error *err)
{
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        pe_status status = make_folder(path, err);
        *c = '/';
        if (status != PE_OK)
            return status;
    }
    return make_folder(path, err);
}

static pe_status probe(const char *folder, pe_error *err)
{
    static atomic_uint probes; /* a name of its own for each thread */
    char name[32];
    size_t written = 0;
    snprintf(name, sizeof name, "probe-%u", atomic_fetch_add(&probes, 1));
    char *temporary = temporary_name(folder, name, err);
    if (!temporary)
        return PE_MEMORY;
    int descriptor = create_and_lock(temporary), bad = descriptor < 0;
    bad = bad || write_all(descriptor, "\n", 1, &written) != 0;
    int reason = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(temporary);
    }
    pe_release(temporary);
    if (bad)
        return pe_fail(err, PE_WRITE, "%s: cannot write in this folder: %s", folder,
                       strerror(reason));
    return PE_OK;
}

pe_status pe_output_folder(const char *path, pe_error *err)
{
    if (!*path)
        return pe_fail(err, PE_WRITE, "\"\": a folder needs a name");
    char *copy = pe_copy_text(path, "folder name", err);
    if (!copy)
        return PE_MEMORY;
    pe_status status = make_parents(copy, err);
    pe_release(copy);
    return status == PE_OK ? probe(path, err) : status;
}

pe_status pe_output_possible(const char *path, pe_error *err)
{
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err && err->status != PE_OK ? err->status : PE_WRITE;
    pe_output_abandon(out);
    return PE_OK;
}

static pe_status remove_if_left_over(const char *folder, const char *entry, size_t *removed,
                                     pe_error *err)
{
    size_t size = strlen(folder) + strlen(entry) + 2;
    char *path = pe_allocate(size, 1, "file name", err);
    if (!path)
        return PE_MEMORY;
    pe_status status = PE_OK;
    snprintf(path, size, "%s/%s", folder, entry);
    if (left_over(entry, path)) {
        if (unlink(path) == 0)
            ++*removed;
        else
            status = pe_fail(err, PE_WRITE, "%s: cannot remove: %s", path, strerror(errno));
    }
    pe_release(path);
    return status;
}

pe_status pe_output_remove_leftovers(const char *folder, size_t *removed, pe_error *err)
{
    size_t count = 0;
    pe_status status = PE_OK;
    DIR *entries = opendir(folder);
    if (!entries)
        return pe_fail(err, PE_WRITE, "%s: cannot list: %s", folder, strerror(errno));
    for (struct dirent *entry; status == PE_OK && (entry = readdir(entries));)
        status = remove_if_left_over(folder, entry->d_name, &count, err);
    closedir(entries);
    if (removed)
        *removed = count;
    return status;
}
