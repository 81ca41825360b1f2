#include "cli/suggest.h"

#include "base/names.h"

#include <string.h>

const char *pe_cli_suggest(const char *wrong, size_t count, const char *const *known)
{
    const char *near = pe_nearest_name(wrong, count, known);
    if (!near)
        return NULL;
    const size_t a = strlen(wrong), b = strlen(near), longer = a > b ? a : b;
    const size_t allowed = longer / 3 > 1 ? longer / 3 : 1;
    return pe_name_distance(wrong, near) <= allowed ? near : NULL;
}
