#include "base/names.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t pe_name_distance(const char *a, const char *b)
{
    size_t m = smaller(strlen(a), LONGEST), n = smaller(strlen(b), LONGEST);
    size_t cost[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= m; i++)
        cost[i][0] = i;
    for (size_t j = 0; j <= n; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= m; i++)
        for (size_t j = 1; j <= n; j++) {
            size_t best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = smaller(best, smaller(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = smaller(best, cost[i - 2][j - 2] + 1);
            cost[i][j] = best;
        }
    return cost[m][n];
}

const char *pe_nearest_name(const char *wrong, size_t count, const char *const *known)
{
    const char *nearest = NULL;
    size_t least = 0;
    for (size_t i = 0; i < count; i++) {
        size_t distance = pe_name_distance(wrong, known[i]);
        if (!nearest || distance < least) {
            nearest = known[i];
            least = distance;
        }
    }
    if (!nearest)
        return NULL;
    const size_t a = strlen(wrong), b = strlen(nearest), longer = a > b ? a : b;
    return least <= (longer / 3 > 1 ? longer / 3 : 1) ? nearest : NULL;
}

void pe_name_advice(const char *wrong, size_t count, const char *const *known, char *text,
                    size_t room)
{
    const char *nearest = pe_nearest_name(wrong, count, known);
    if (nearest) {
        snprintf(text, room, "did you mean %s?", nearest);
        return;
    }
    size_t used = (size_t)snprintf(text, room, "there %s", count ? "are" : "are none");
    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s %s", i ? "," : "", known[i]);
}
