/* "Did you mean": the known name nearest to a wrong one. */
#ifndef PE_IO_NAMES_H
#define PE_IO_NAMES_H

#include <stddef.h>

enum { PE_NAME_LONGEST = 128 }; /* bytes; longer names are compared with nothing */

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b, each byte touched
 * once (optimal string alignment: Damerau 1964, Wagner and Fischer 1974); the longer length when
 * either name is over PE_NAME_LONGEST. */
size_t pe_edit_distance(const char *a, const char *b);

/* The nearest of n known names, lent, the first one of equals; NULL when none is near, that is,
 * within a third of the longer name's length (and at least 1). */
const char *pe_nearest_name(const char *wrong, size_t n, const char *const *known);

#endif
