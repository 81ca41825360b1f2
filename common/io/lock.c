/* flock(2) on the folder itself, and /proc/locks to say who is in the way. */
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The process that holds a lock on this file, 0 when /proc/locks does not say. Its lines read
 * "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF", with the device and the inode. */
static long holder_of(const struct stat *info)
{
    FILE *locks = fopen("/proc/locks", "r");
    char line[256];
    long holder = 0;
    while (locks && !holder && fgets(line, sizeof line, locks)) {
        long process;
        unsigned long inode;
        if (sscanf(line, "%*d: FLOCK %*s %*s %ld %*x:%*x:%lu", &process, &inode) == 2 &&
            inode == (unsigned long)info->st_ino && process > 0)
            holder = process;
    }
    if (locks)
        fclose(locks);
    return holder;
}

static pe_status in_use(const char *folder, int descriptor, pe_error *err)
{
    struct stat info;
    const long holder = fstat(descriptor, &info) == 0 ? holder_of(&info) : 0;
    if (holder)
        return pe_fail(err, PE_WRITE,
                       "%s: in use by process %ld; wait for its end, or give another folder",
                       folder, holder);
    return pe_fail(err, PE_WRITE,
                   "%s: in use by another process; wait for its end, or give another folder",
                   folder);
}

pe_status pe_folder_lock_take(const char *folder, pe_folder_lock *lock, pe_error *err)
{
    *lock = (pe_folder_lock){open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (lock->descriptor < 0)
        return pe_fail(err, PE_WRITE, "%s: cannot write: %s", folder, strerror(errno));
    if (flock(lock->descriptor, LOCK_EX | LOCK_NB) == 0)
        return PE_OK;
    pe_status status = PE_OK; /* some network file systems have no locks */
    if (errno == EWOULDBLOCK)
        status = in_use(folder, lock->descriptor, err);
    pe_folder_unlock(lock);
    return status;
}

void pe_folder_unlock(pe_folder_lock *lock)
{
    if (lock->descriptor > 0)
        close(lock->descriptor);
    *lock = (pe_folder_lock){-1};
}
