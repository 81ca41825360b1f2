#include "io/input.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

pe_status pe_input_open(const char *path, pe_input *in, pe_error *err)
{
    /* O_NONBLOCK: opening a pipe nobody writes to must not wait for ever. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return pe_fail(err, PE_FORMAT, "%s: cannot read: %s", path, strerror(errno));
    struct stat info;
    pe_status status = PE_OK;
    if (fstat(descriptor, &info) != 0)
        status = pe_fail(err, PE_FORMAT, "%s: cannot read: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = pe_fail(err, PE_FORMAT, "%s: is %s, not a file", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "a pipe or a device");
    if (status != PE_OK) {
        close(descriptor);
        return status;
    }
    *in = (pe_input){.descriptor = descriptor, .size = (size_t)info.st_size, .path = path};
    return PE_OK;
}

void pe_input_close(pe_input *in)
{
    close(in->descriptor);
    in->descriptor = -1;
}

pe_status pe_input_read(const pe_input *in, size_t offset, void *buffer, size_t size, pe_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t got =
            pread(in->descriptor, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pe_fail(err, PE_FORMAT, "%s: cannot read: %s", in->path, strerror(errno));
        if (got == 0)
            return pe_fail(err, PE_FORMAT, "%s: ends at byte %zu, %zu bytes too early", in->path,
                           offset + done, size - done);
        done += (size_t)got;
    }
    return PE_OK;
}

pe_status pe_input_load(const char *path, size_t max_bytes, char **bytes, size_t *size,
                        pe_error *err)
{
    pe_input in = {0};
    pe_status status = pe_input_open(path, &in, err);
    if (status != PE_OK)
        return status;
    char *all = NULL;
    if (in.size > max_bytes)
        status = pe_fail(err, PE_MEMORY, "%s: is %zu bytes long, more than the %zu allowed", path,
                         in.size, max_bytes);
    else if (!(all = pe_allocate(in.size + 1, 1, path, err)))
        status = PE_MEMORY;
    else
        status = pe_input_read(&in, 0, all, in.size, err);
    pe_input_close(&in);
    if (status != PE_OK) {
        pe_release(all);
        return status;
    }
    *bytes = all;
    *size = in.size;
    return PE_OK;
}
