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

/* ---- one constant of a checked object ---- */

static bool read_section(const object *o, unsigned at, ElfW(Shdr) * section)
{
    return o->head.e_shentsize == sizeof *section && at < o->head.e_shnum &&
           read_at(o, (off_t)(o->head.e_shoff + at * sizeof *section), section, sizeof *section);
}

/* Where in the file the bytes lie that are mapped at `address`. */
static bool place_of(const object *o, ElfW(Addr) address, size_t bytes, off_t *place)
{
    for (unsigned i = 0; i < o->head.e_phnum; i++) {
        ElfW(Phdr) segment;
        if (!read_at(o, (off_t)(o->head.e_phoff + i * sizeof segment), &segment, sizeof segment))
            return false;
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
            address - segment.p_vaddr > segment.p_filesz ||
            segment.p_filesz - (address - segment.p_vaddr) < bytes)
            continue;
        *place = (off_t)(segment.p_offset + (address - segment.p_vaddr));
        return true;
    }
    return false;
}

static bool is_named(const object *o, const ElfW(Shdr) * names, const ElfW(Sym) * symbol,
                     const char *wanted)
{
    char name[256];
    const size_t size = strlen(wanted) + 1;
    return size <= sizeof name && symbol->st_name < names->sh_size &&
           read_at(o, (off_t)(names->sh_offset + symbol->st_name), name, size) &&
           memcmp(name, wanted, size) == 0;
}

static bool find_symbol(const object *o, const ElfW(Shdr) * table, const char *wanted,
                        ElfW(Sym) * symbol)
{
    ElfW(Shdr) names;
    if (!read_section(o, table->sh_link, &names) || table->sh_size > (ElfW(Off))o->size)
        return false;
    for (size_t i = 0; i < table->sh_size / sizeof *symbol; i++)
        if (!read_at(o, (off_t)(table->sh_offset + i * sizeof *symbol), symbol, sizeof *symbol))
            return false;
        else if (symbol->st_shndx != SHN_UNDEF && is_named(o, &names, symbol, wanted))
            return true;
    return false;
}

bool pe_elf_peek(const char *path, const char *symbol, void *to, size_t bytes)
{
    struct stat info;
    object o = {.path = path, .file = open(path, O_RDONLY | O_CLOEXEC)};
    bool found = o.file >= 0 && fstat(o.file, &info) == 0 && read_at(&o, 0, &o.head, sizeof o.head);
    if (found) {
        o.size = info.st_size;
        found = false;
        for (unsigned i = 0; i < o.head.e_shnum && !found; i++) {
            ElfW(Shdr) table;
            ElfW(Sym) entry;
            off_t place;
            found = read_section(&o, i, &table) && table.sh_type == SHT_DYNSYM &&
                    find_symbol(&o, &table, symbol, &entry) &&
                    place_of(&o, entry.st_value, bytes, &place) && read_at(&o, place, to, bytes);
        }
    }
    if (o.file >= 0)
        close(o.file);
    return found;
}
