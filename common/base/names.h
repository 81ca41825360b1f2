/* "Did you mean": the nearest of a list of known names. */
#ifndef PE_BASE_NAMES_H
#define PE_BASE_NAMES_H

#include <stddef.h>

/* Fewest insertions, deletions, substitutions and swaps of neighbours that turn a into b (Damerau
 * 1964, restricted form), with the first 63 characters of each. */
size_t pe_name_distance(const char *a, const char *b);

/* The known name with the smallest distance, the first of several, when it is near: at most a third
 * of the longer name's letters differ (one letter always may). NULL otherwise. Lent. */
const char *pe_nearest_name(const char *wrong, size_t count, const char *const *known);

/* The end of a sentence about a wrong name: "did you mean NAME?", or "there are NAME, NAME". */
void pe_name_advice(const char *wrong, size_t count, const char *const *known, char *text,
                    size_t room);

#endif
