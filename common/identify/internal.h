/* What the files of this room share. */
#ifndef PE_IDENTIFY_INTERNAL_H
#define PE_IDENTIFY_INTERNAL_H

#include "identify/identify.h"

enum { PE_WAVE_PAIRS = 1 << 14 }; /* more pairs than any table has */

/* ---- waves: tables of sines and cosines ---- */

/* Which pair a column belongs to, and whether it is its cosine. */
typedef struct pe_wave_column {
    size_t pair;
    bool cosine;
} pe_wave_column;
pe_wave_column pe_wave_column_at(pe_layout layout, size_t columns, size_t column);

/* numerator / denominator of the exponent of 1 / base. */
double pe_wave_numerator(const pe_finding *wave, pe_wave_column column);
double pe_wave_denominator(const pe_finding *wave);

/* The same frequencies as pairs of a formation, and which of them a column has: its pair, or its
 * channel where sine and cosine differ. */
pe_spectrum pe_wave_spectrum(const pe_finding *wave);
size_t pe_wave_index(const pe_finding *wave, pe_wave_column column);

double pe_wave_frequency(const pe_finding *wave, pe_wave_column column);
double pe_wave_position(const pe_finding *wave, size_t row);

/* Candidates nearest in a few rows, best first; returns how many, at most `room`. */
size_t pe_wave_search(const pe_matrix *m, pe_finding *found, size_t room);

/* The way a wave was computed whose values are nearest to the matrix in all entries. */
pe_status pe_wave_formation(const pe_matrix *m, pe_finding *wave, pe_error *err);

/* ---- the others: each appends what it finds; 0 or 1 finding, or several for slopes ---- */
size_t pe_slopes_search(const pe_matrix *m, pe_finding *found, size_t room);
pe_status pe_bias_search(const pe_matrix *m, pe_finding *found, size_t room, size_t *count,
                         pe_error *err);
bool pe_is_attention(const pe_matrix *m);
bool pe_is_random(const pe_matrix *m, double *deviation);

/* The slopes of `heads` heads by a rule. */
void pe_slopes_by_rule(pe_rule rule, size_t heads, double base, double *slope);

/* ---- residuals ---- */

/* Compare every entry with `expected` (layers, rows, columns), both as stored; fills the residual
 * members of *finding. */
void pe_residual(const pe_matrix *m, const double *expected, pe_finding *finding);

/* The largest finite magnitude, and the root of the mean square of the finite entries. */
double pe_matrix_largest(const pe_matrix *m);
double pe_matrix_rms(const pe_matrix *m);

#endif
