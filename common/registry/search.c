/* The folders of POSENC_VARIANT_PATH. */
#include "base/memory.h"
#include "registry/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pe_refusals_release(pe_refusals *refusals)
{
    pe_release(refusals->list);
    *refusals = (pe_refusals){0};
}

static pe_status add_refusal(pe_refusals *refusals, const pe_error *refusal, pe_error *err)
{
    pe_error *grown = pe_grow(refusals->list, refusals->count, refusals->count + 1,
                              sizeof *refusals->list, "list of refused modules", err);
    if (!grown)
        return PE_MEMORY;
    refusals->list = grown;
    refusals->list[refusals->count++] = *refusal;
    return PE_OK;
}

static int is_shared_object(const struct dirent *file)
{
    const size_t length = strlen(file->d_name);
    return length > 3 && strcmp(file->d_name + length - 3, ".so") == 0;
}

static pe_status load_file(const char *folder, const char *name, pe_refusals *refusals,
                           pe_error *err)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = pe_allocate(bytes, 1, "path of a module", err);
    if (!path)
        return PE_MEMORY;
    snprintf(path, bytes, "%s/%s", folder, name);
    pe_error refusal;
    pe_status status = PE_OK;
    if (pe_registry_load(path, &refusal) != PE_OK)
        status = add_refusal(refusals, &refusal, err);
    pe_release(path);
    return status;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that follows the locale */
}

static pe_status load_folder(const char *folder, pe_refusals *refusals, pe_error *err)
{
    struct dirent **files;
    const int count = scandir(folder, &files, is_shared_object, by_bytes);
    if (count < 0) {
        pe_error refusal;
        pe_fail(&refusal, PE_PLUGIN, "%s: expected a folder of modules, found: %s", folder,
                strerror(errno));
        return add_refusal(refusals, &refusal, err);
    }
    pe_status status = PE_OK;
    for (int f = 0; f < count; f++) {
        if (status == PE_OK)
            status = load_file(folder, files[f]->d_name, refusals, err);
        free(files[f]);
    }
    free(files);
    return status;
}

pe_status pe_registry_load_path(const char *search_path, pe_refusals *refusals, pe_error *err)
{
    *refusals = (pe_refusals){0};
    char *folders = pe_copy_text(search_path ? search_path : "", "search path", err);
    if (!folders)
        return PE_MEMORY;
    pe_status status = PE_OK;
    char *rest = NULL;
    for (char *folder = strtok_r(folders, ":", &rest); folder && status == PE_OK;
         folder = strtok_r(NULL, ":", &rest))
        status = load_folder(folder, refusals, err);
    pe_release(folders);
    return status;
}
