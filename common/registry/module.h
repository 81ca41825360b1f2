/* One shared object that holds one variant, opened and checked but not registered.
 *
 * Nothing of the module is called here. What is read of the descriptor is read in this order, and
 * the first disagreement is the refusal: tag, abi, size, dims_size, then its members. (The dynamic
 * linker itself runs constructors, if a module has any; a variant in C has none of its own.) */
#ifndef PE_REGISTRY_MODULE_H
#define PE_REGISTRY_MODULE_H

#include "base/status.h"
#include "posenc_types.h"

typedef struct pe_module {
    const pe_variant *variant; /* lent, valid until pe_module_close */
    char *path;                /* absolute, owned */
    void *handle;              /* of the dynamic linker */
} pe_module;

/* Open `path`, whose name must be ID.so, and lend its variant the host's quad mathematics (unless
 * its quad has another number of digits: then only its float and double hooks are usable).
 *   PE_PLUGIN   not there, not a shared object of this machine, cut short, unresolved symbol, no
 *               entry pe_variant_ID, other ABI, other struct sizes, id that is not the file's name,
 *               no setup, no hooks, malformed option table
 *   PE_MEMORY
 * The caller owns *module until pe_module_close, which does nothing after a failure. */
pe_status pe_module_open(const char *path, pe_module *module, pe_error *err);
void pe_module_close(pe_module *module);

/* Is `name` [a-z][a-z0-9_]*, as ids, options and parameters are? */
bool pe_is_plain_name(const char *name);

/* The part of the checks that needs no file: id, texts, hooks, options. `who` begins the sentence.
 *   PE_PLUGIN */
pe_status pe_descriptor_check(const pe_variant *variant, const char *who, pe_error *err);

#endif
