/* Is a file a whole shared object of this machine? Asked before the dynamic linker maps it, because
 * a file that ends before its program header says so would kill the process with SIGBUS. */
#ifndef PE_REGISTRY_ELF_H
#define PE_REGISTRY_ELF_H

#include "base/status.h"

/* PE_PLUGIN: not ELF, too short, of another machine or word size, not a shared object, cut short.
 */
pe_status pe_elf_check(const char *path, pe_error *err);

#endif
