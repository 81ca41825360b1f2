#include "registry/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The head of this very program tells what machine, word size and byte order are right. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

typedef struct object {
    const char *path;
    int file;
    off_t size; /* bytes */
    ElfW(Ehdr) head;
} object;

static bool read_at(const object *o, off_t from, void *to, size_t bytes)
{
    return pread(o->file, to, bytes, from) == (ssize_t)bytes;
}

static pe_status check_head(object *o, pe_error *err)
{
    if (!read_at(o, 0, &o->head, sizeof o->head))
        return pe_fail(err, PE_PLUGIN,
                       "%s: found a file of %lld bytes, expected a shared object (its head alone "
                       "has %zu)",
                       o->path, (long long)o->size, sizeof o->head);
    if (memcmp(o->head.e_ident, ELFMAG, SELFMAG) != 0)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found a file that does not begin like ELF, expected a shared object "
                       "(cc -shared -fPIC)",
                       o->path);
    if (o->head.e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        o->head.e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        o->head.e_machine != __ehdr_start.e_machine)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found an ELF file for machine %u, class %u; expected machine %u, class "
                       "%u, as this program",
                       o->path, o->head.e_machine, o->head.e_ident[EI_CLASS],
                       __ehdr_start.e_machine, __ehdr_start.e_ident[EI_CLASS]);
    if (o->head.e_type != ET_DYN || o->head.e_phentsize != sizeof(ElfW(Phdr)))
        return pe_fail(err, PE_PLUGIN,
                       "%s: found an ELF file of type %u, expected a shared object (type %u)",
                       o->path, o->head.e_type, ET_DYN);
    return PE_OK;
}

static pe_status check_segments(const object *o, pe_error *err)
{
    for (unsigned i = 0; i < o->head.e_phnum; i++) {
        ElfW(Phdr) segment;
        const off_t at = (off_t)(o->head.e_phoff + i * sizeof segment);
        ElfW(Off) end;
        if (!read_at(o, at, &segment, sizeof segment))
            return pe_fail(err, PE_PLUGIN,
                           "%s: found %lld bytes, expected %u program headers from byte %lld on: "
                           "the file was cut short",
                           o->path, (long long)o->size, o->head.e_phnum,
                           (long long)o->head.e_phoff);
        if (__builtin_add_overflow(segment.p_offset, segment.p_filesz, &end) ||
            end > (ElfW(Off))o->size)
            return pe_fail(err, PE_PLUGIN,
                           "%s: found %lld bytes, expected %llu, as its program header promises: "
                           "the file was cut short",
                           o->path, (long long)o->size, (unsigned long long)end);
    }
    return PE_OK;
}

pe_status pe_elf_check(const char *path, pe_error *err)
{
    struct stat info;
    object o = {.path = path, .file = open(path, O_RDONLY | O_CLOEXEC)};
    if (o.file < 0)
        return pe_fail(err, PE_PLUGIN, "%s: found: %s; expected a module", path, strerror(errno));
    pe_status status = PE_OK;
    if (fstat(o.file, &info) != 0 || !S_ISREG(info.st_mode))
        status = pe_fail(err, PE_PLUGIN,
                         "%s: found something that is not a file, expected a module", path);
    o.size = info.st_size;
    if (status == PE_OK)
        status = check_head(&o, err);
    if (status == PE_OK)
        status = check_segments(&o, err);
    close(o.file);
    return status;
}
