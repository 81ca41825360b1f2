#include "registry/registry.h"
#include "base/memory.h"
#include "base/names.h"
#include "core/quad.h"
#include "registry/module.h"

#include <string.h>

/* Written by CMake (variants/builtin.c.in), NULL-terminated: the one place where the built-in
 * variants meet, without anybody here knowing their names. */
extern const pe_variant *const pe_builtin_variants[];

/* A loaded module has a slot of its own behind the built-in ones, or stands in for one of them. */
typedef struct entry {
    pe_module module;
    size_t slot;
} entry;

static size_t built_in; /* number of built-in variants, 0 before pe_registry_start */
static entry *loaded;   /* owned */
static size_t loaded_count;

void pe_registry_start(void)
{
    for (built_in = 0; pe_builtin_variants[built_in]; built_in++)
        *pe_builtin_variants[built_in]->quad_math = &pe_host_quad_math;
}

void pe_registry_stop(void)
{
    for (size_t e = 0; e < loaded_count; e++)
        pe_module_close(&loaded[e].module);
    pe_release(loaded);
    loaded = NULL;
    loaded_count = 0;
    built_in = 0;
}

size_t pe_registry_count(void)
{
    size_t count = built_in;
    for (size_t e = 0; e < loaded_count; e++)
        count += loaded[e].slot >= built_in;
    return count;
}

static entry *entry_in_slot(size_t slot)
{
    for (size_t e = 0; e < loaded_count; e++)
        if (loaded[e].slot == slot)
            return &loaded[e];
    return NULL;
}

const pe_variant *pe_registry_at(size_t at)
{
    const entry *module = entry_in_slot(at);
    if (module)
        return module->module.variant;
    return at < built_in ? pe_builtin_variants[at] : NULL;
}

size_t pe_registry_slot(const pe_variant *variant)
{
    size_t slot = 0;
    while (slot < pe_registry_count() && pe_registry_at(slot) != variant)
        slot++;
    return slot;
}

const char *pe_registry_path(const pe_variant *variant)
{
    const entry *module = entry_in_slot(pe_registry_slot(variant));
    return module ? module->module.path : NULL;
}

static size_t slot_of_id(const char *id)
{
    size_t slot = 0;
    while (slot < pe_registry_count() && strcmp(pe_registry_at(slot)->id, id) != 0)
        slot++;
    return slot;
}

/* "unknown variant "shw"; did you mean "..."? Known: a, b, c" */
static pe_status refuse_name(const char *name, pe_error *err)
{
    const size_t count = pe_registry_count();
    const char **ids = pe_allocate(count, sizeof *ids, "list of variants", err);
    if (!ids)
        return PE_MEMORY;
    char known[PE_ERROR_TEXT / 2] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof known; i++) {
        ids[i] = pe_registry_at(i)->id;
        int wrote = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", ids[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    const char *nearest = pe_nearest_name(name, count, ids);
    pe_fail(err, PE_USAGE, "unknown variant \"%.64s\"%s%s%s known: %s", name,
            nearest ? "; did you mean \"" : ";", nearest ? nearest : "",
            nearest ? "\"? These are" : "", known);
    pe_release(ids);
    return PE_USAGE;
}

pe_status pe_registry_find(const char *id, const pe_variant **variant, pe_error *err)
{
    const size_t slot = slot_of_id(id);
    if (slot == pe_registry_count())
        return refuse_name(id, err);
    *variant = pe_registry_at(slot);
    return PE_OK;
}

/* Is `name` one of the blank separated words? */
static bool is_word_of(const char *name, const char *words)
{
    const size_t length = strlen(name);
    for (const char *at = words; at && *at && length;) {
        at += strspn(at, " ");
        const size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, name, length) == 0)
            return true;
        at += word;
    }
    return false;
}

pe_status pe_registry_find_case(const char *name, const pe_variant **variant, pe_error *err)
{
    if (slot_of_id(name) < pe_registry_count())
        return pe_registry_find(name, variant, err);
    for (size_t i = 0; i < pe_registry_count(); i++)
        if (is_word_of(name, pe_registry_at(i)->cases)) {
            *variant = pe_registry_at(i);
            return PE_OK;
        }
    return refuse_name(name, err);
}

static pe_status add(const pe_module *module, size_t slot, pe_error *err)
{
    entry *grown = pe_grow(loaded, loaded_count, loaded_count + 1, sizeof *loaded,
                           "list of loaded variants", err);
    if (!grown)
        return PE_MEMORY;
    loaded = grown;
    loaded[loaded_count++] = (entry){.module = *module, .slot = slot};
    return PE_OK;
}

static pe_status refuse_taken(const pe_module *module, size_t slot, pe_error *err)
{
    const char *path = pe_registry_path(pe_registry_at(slot));
    return pe_fail(err, PE_PLUGIN,
                   "%s: found a variant \"%s\", but that id is already taken by %s; expected an id "
                   "of its own",
                   module->path, module->variant->id, path ? path : "a built-in variant");
}

static pe_status load(const char *path, bool may_replace, pe_error *err)
{
    pe_module module;
    pe_status status = pe_module_open(path, &module, err);
    if (status != PE_OK)
        return status;
    const size_t slot = slot_of_id(module.variant->id);
    entry *old = entry_in_slot(slot);
    if (slot < pe_registry_count() && !may_replace)
        status = refuse_taken(&module, slot, err);
    else if (!old)
        status = add(&module, slot, err);
    else {
        pe_module_close(&old->module);
        old->module = module;
    }
    if (status != PE_OK)
        pe_module_close(&module);
    return status;
}

pe_status pe_registry_load(const char *path, pe_error *err)
{
    return load(path, false, err);
}

pe_status pe_registry_replace(const char *path, pe_error *err)
{
    return load(path, true, err);
}

void pe_registry_unload(const pe_variant *variant)
{
    const size_t slot = pe_registry_slot(variant);
    entry *gone = entry_in_slot(slot);
    if (!gone)
        return;
    pe_module_close(&gone->module);
    const size_t at = (size_t)(gone - loaded);
    memmove(gone, gone + 1, (--loaded_count - at) * sizeof *loaded);
    for (size_t e = 0; e < loaded_count && slot >= built_in; e++)
        loaded[e].slot -= loaded[e].slot > slot;
    if (loaded_count == 0) {
        pe_release(loaded);
        loaded = NULL;
    }
}
