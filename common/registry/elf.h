/* Is a file a whole shared object of this machine? Asked before the dynamic linker maps it, because
 * a file that ends before its program header says so would kill the process with SIGBUS. */
#ifndef PE_REGISTRY_ELF_H
#define PE_REGISTRY_ELF_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* PE_PLUGIN: not ELF, too short, of another machine or word size, not a shared object, cut short.
 */
pe_status pe_elf_check(const char *path, pe_error *err);

/* The first `bytes` of the exported constant `symbol`, as the file of a checked object holds them:
 * numbers only, pointers are filled in by the linker. Lets a descriptor be judged while no code of
 * the module, not even a constructor, has run. false: it is not there, or not to be found without
 * the linker (no section headers). */
bool pe_elf_peek(const char *path, const char *symbol, void *to, size_t bytes);

#endif
