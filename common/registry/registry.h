/* Variants by id: the built-in ones, and those loaded from shared objects.
 *
 * A registry is filled once, before threads exist; afterwards it is only read. Positions are
 * stable: a variant keeps its slot, and so its colour, in every figure of a run. */
#ifndef PE_REGISTRY_REGISTRY_H
#define PE_REGISTRY_REGISTRY_H

#include "base/status.h"
#include "posenc_types.h"

/* Fill the registry with the built-in variants, and lend them the host's quad mathematics. Once, at
 * the start of a program; a second call changes nothing. */
void pe_registry_start(void);

/* Unload all modules and forget everything. Variants found earlier are no longer valid. */
void pe_registry_stop(void);

size_t pe_registry_count(void);
const pe_variant *pe_registry_at(size_t at);
/* NULL path for built-in ones. Lent until the module is unloaded. */
const char *pe_registry_path(const pe_variant *variant);
/* Position in the registry: the palette slot of a variant, the same in every figure. For a variant
 * that is not registered: pe_registry_count(). */
size_t pe_registry_slot(const pe_variant *variant);

/* By id; on a wrong name PE_USAGE with "did you mean" and the list of ids. */
pe_status pe_registry_find(const char *id, const pe_variant **variant, pe_error *err);
/* By id or by one of the names in `cases` (case folders know some variants under several names). */
pe_status pe_registry_find_case(const char *name, const pe_variant **variant, pe_error *err);

/* Load the module at `path` (NAME.so) and add its variant at the end. Every refusal is one sentence
 * that names the file, what was found and what was expected.
 *   PE_PLUGIN   the file is not a module of this contract (module.h lists the reasons), or a
 *               variant of that id is already there
 *   PE_MEMORY */
pe_status pe_registry_load(const char *path, pe_error *err);

/* The same, but a variant of that id that is already there gives way, and the module takes its
 * slot: how a test asks whether a built-in variant computes the same when it comes from a file. */
pe_status pe_registry_replace(const char *path, pe_error *err);

/* Undo the load of one variant: a built-in one that gave way is back in its slot, a module's own
 * slot is closed (later ones move down). Built-in variants stay. The variant is no longer valid. */
void pe_registry_unload(const pe_variant *variant);

/* What pe_registry_load_path could not load; one sentence each. Owned by the caller until
 * pe_refusals_release. */
typedef struct pe_refusals {
    size_t count;
    pe_error *list;
} pe_refusals;
void pe_refusals_release(pe_refusals *refusals);

/* Load every *.so in the folders of `search_path` (colon separated, as in POSENC_VARIANT_PATH; NULL
 * and empty parts are skipped), folders in the order given, files in the order of their names. One
 * bad module, or a folder that cannot be read, is one refusal and stops nothing else. *refusals is
 * overwritten.
 *   PE_MEMORY   no room for the list itself */
pe_status pe_registry_load_path(const char *search_path, pe_refusals *refusals, pe_error *err);

#endif
