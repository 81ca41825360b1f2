#include "registry/module.h"
#include "base/memory.h"
#include "core/quad.h"
#include "registry/elf.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_ID = 48 }; /* bytes; ids are also names of files, folders and symbols */

/* "/a/b/NAME.so" -> "NAME" */
static pe_status read_stem(const char *path, char stem[LONGEST_ID + 1], pe_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const size_t length = strlen(name);
    if (length < 4 || length - 3 > LONGEST_ID || strcmp(name + length - 3, ".so") != 0)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found a file called \"%.64s\", expected ID.so, where ID is the id of "
                       "the variant in it (at most %d letters)",
                       path, name, (int)LONGEST_ID);
    memcpy(stem, name, length - 3);
    stem[length - 3] = '\0';
    if (!pe_is_plain_name(stem))
        return pe_fail(err, PE_PLUGIN,
                       "%s: found the name \"%s\", expected lower-case letters, digits and _, "
                       "with a letter first",
                       path, stem);
    return PE_OK;
}

/* Everything that can be said from plain numbers, before any pointer in it is followed. */
static pe_status check_layout(const char *path, const pe_variant *v, pe_error *err)
{
    static const char tag[sizeof v->tag] = "POSENC";
    if (memcmp(v->tag, tag, sizeof tag) != 0)
        return pe_fail(err, PE_PLUGIN,
                       "%s: the entry does not begin with the tag \"POSENC\", so it is no "
                       "descriptor; expected one written by PE_VARIANT",
                       path);
    if (v->abi != PE_ABI)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found ABI version %u, expected %u: compile it again "
                       "with the posenc.h of this program",
                       path, (unsigned)v->abi, PE_ABI);
    if (v->size < sizeof *v)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found a descriptor of %u bytes, expected at least %zu: compile it "
                       "again with the posenc.h of this program",
                       path, (unsigned)v->size, sizeof *v);
    if (v->dims_size != PE_DIMS_SIZE)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found pe_dims and pe_setup of %u bytes together, expected %u: its "
                       "posenc_types.h is not the one of this program",
                       path, (unsigned)v->dims_size, (unsigned)PE_DIMS_SIZE);
    return PE_OK;
}

static pe_status check_entry(const char *path, const char *stem, const pe_variant *v, pe_error *err)
{
    pe_status status = check_layout(path, v, err);
    if (status == PE_OK)
        status = pe_descriptor_check(v, path, err);
    if (status == PE_OK && strcmp(v->id, stem) != 0)
        status = pe_fail(err, PE_PLUGIN,
                         "%s: found the id \"%s\", expected \"%s\", the name of the file", path,
                         v->id, stem);
    return status;
}

static pe_status find_entry(pe_module *module, const char *stem, pe_error *err)
{
    char symbol[LONGEST_ID + sizeof "pe_variant_"];
    snprintf(symbol, sizeof symbol, "pe_variant_%s", stem);
    const pe_variant *entry = dlsym(module->handle, symbol);
    if (!entry)
        return pe_fail(
            err, PE_PLUGIN,
            "%s: found no entry, expected the symbol %s (written by PE_VARIANT(%s, ...))",
            module->path, symbol, stem);
    module->variant = entry;
    return check_entry(module->path, stem, entry, err);
}

/* The numbers at the head of the descriptor, read from the file: what another posenc.h made is
 * refused before any code of the module runs. find_entry asks again, of what was loaded. */
static pe_status check_before_loading(const pe_module *module, const char *stem, pe_error *err)
{
    pe_variant head = {.abi = 0};
    char symbol[LONGEST_ID + sizeof "pe_variant_"];
    snprintf(symbol, sizeof symbol, "pe_variant_%s", stem);
    if (!pe_elf_peek(module->path, symbol, &head, offsetof(pe_variant, id)))
        return PE_OK;
    return check_layout(module->path, &head, err);
}

static pe_status open_library(pe_module *module, pe_error *err)
{
    char found[PE_ERROR_TEXT / 2];
    module->handle = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
    if (module->handle)
        return PE_OK;
    const char *why = dlerror(); /* valid until the next call of the linker: copied at once */
    snprintf(found, sizeof found, "%s", why ? why : "no reason given");
    return pe_fail(
        err, PE_PLUGIN,
        "%s: cannot be loaded; found: %s; expected a module that needs libc and libm only",
        module->path, found);
}

/* dlopen searches the system for a name without a slash, and is vague about a file that is not
 * there: the absolute path settles both. */
static pe_status resolve(const char *path, pe_module *module, pe_error *err)
{
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return pe_fail(err, PE_PLUGIN, "%s: found: %s; expected a module", path, strerror(errno));
    module->path = pe_copy_text(absolute, "path of a module", err);
    free(absolute);
    return module->path ? PE_OK : PE_MEMORY;
}

pe_status pe_module_open(const char *path, pe_module *module, pe_error *err)
{
    char stem[LONGEST_ID + 1];
    *module = (pe_module){0};
    pe_status status = resolve(path, module, err);
    if (status == PE_OK)
        status = read_stem(path, stem, err);
    if (status == PE_OK)
        status = pe_elf_check(module->path, err);
    if (status == PE_OK)
        status = check_before_loading(module, stem, err);
    if (status == PE_OK)
        status = open_library(module, err);
    if (status == PE_OK)
        status = find_entry(module, stem, err);
    if (status != PE_OK) {
        pe_module_close(module);
        return status;
    }
    if (module->variant->quad_digits == PE_QUAD_DIGITS)
        *module->variant->quad_math = &pe_host_quad_math;
    return PE_OK;
}

void pe_module_close(pe_module *module)
{
    if (module->handle)
        dlclose(module->handle);
    pe_release(module->path);
    *module = (pe_module){0};
}
