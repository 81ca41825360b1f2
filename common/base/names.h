/* "Did you mean": the nearest of a list of known names. */
#ifndef PE_BASE_NAMES_H
#define PE_BASE_NAMES_H

#include <stddef.h>

/* Fewest insertions, deletions, substitutions and swaps of neighbours that turn a into b (Damerau
 * 1964, restricted form), with the first 63 characters of each. */
size_t pe_name_distance(const char *a, const char *b);

/* The known name with the smallest distance, the first of several; NULL when count is 0. */
const char *pe_nearest_name(const char *wrong, size_t count, const char *const *known);

#endif
