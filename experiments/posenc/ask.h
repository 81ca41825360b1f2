/* Asking a variant for the pieces that the core puts together: rows by offset, a bias tile, what
 * `map` does to unit vectors, the frequencies behind a code. Each works in any precision. */
#ifndef POSENC_ASK_H
#define POSENC_ASK_H

#include "core/instance.h"

/* Row part `part` (one of PE_ROWS_...) at n offsets i - j: (n, H', c) numbers, c = 1 for a bias and
 * head_dim otherwise, H' = instance->info.row_heads. Beyond [low, high] the declared edge counts.
 * Owned by the caller.
 *   PE_USAGE   the variant has no such rows, an offset is beyond an edge that is undefined or is a
 *              fraction where only whole offsets have rows, or there is no quad build */
pe_status ask_rows(pe_instance *instance, pe_precision precision, unsigned part, int n,
                   const double *offset, pe_wide *rows, pe_error *err);

/* The bias of `pair` between one query coordinate and n key coordinates, (H, n). One axis. */
pe_status ask_pair(pe_instance *instance, pe_precision precision, double query, int n,
                   const double *key, pe_wide *bias, pe_error *err);

/* Cosine and sine of every pair of columns that `map` turns, at n coordinates: (n, pairs) each, in
 * the order of the pairs' first columns; found by mapping unit vectors. first and second, when not
 * NULL, receive the columns of each pair (at least head_dim / 2 ints).
 *   PE_USAGE   `map` does not turn pairs of columns */
typedef struct ask_turns {
    int pairs;
    int *first, *second;  /* (pairs) columns */
    pe_wide cosine, sine; /* (n, pairs) */
} ask_turns;
pe_status ask_map(pe_instance *instance, pe_precision precision, int64_t n, const double *coord,
                  ask_turns *turns, pe_error *err);
void ask_turns_release(ask_turns *turns);

/* Frequencies behind code rows, in radians per unit of the first coordinate: the slopes at 0 of the
 * columns that are 0 there. A sine of 2^-40 w is 2^-40 w to the last digit. */
pe_status ask_frequencies(pe_instance *instance, pe_precision precision, pe_wide *frequencies,
                          pe_error *err);

#endif
