#include "io/names.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t pe_edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), table[3][PE_NAME_LONGEST + 1];
    if (n > PE_NAME_LONGEST || m > PE_NAME_LONGEST)
        return n > m ? n : m;
    size_t *before = table[0], *last = table[1], *row = table[2]; /* of a[..i-2], [..i-1], [..i] */
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last, last = row, row = oldest;
    }
    return last[m];
}

const char *pe_nearest_name(const char *wrong, size_t n, const char *const *known)
{
    const char *nearest = NULL;
    size_t best = (size_t)-1;
    for (size_t i = 0; i < n; i++) {
        size_t a = strlen(wrong), b = strlen(known[i]), longer = a > b ? a : b;
        size_t near = longer < 3 ? 1 : longer / 3, difference = a > b ? a - b : b - a;
        if (difference > near || difference >= best) /* the distance is at least that */
            continue;
        size_t distance = pe_edit_distance(wrong, known[i]);
        if (distance <= near && distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest;
}
