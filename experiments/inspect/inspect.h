/* Tables of positions out of somebody's checkpoint: found by their usual names, measured like our
 * own (METRICS.md 4.2), and told from noise. */
#ifndef PE_INSPECT_H
#define PE_INSPECT_H

#include "io/safetensors.h"
#include "report/result.h"

#include <stdbool.h>
#include <stdint.h>

/* What one row stands for. */
typedef enum pe_inspect_kind {
    PE_INSPECT_POSITIONS, /* row t: position t */
    PE_INSPECT_OFFSETS,   /* row r of 2k+1: offset r - k */
    PE_INSPECT_BUCKETS    /* row b: a bucket of offsets, one column per head */
} pe_inspect_kind;
const char *pe_inspect_kind_text(pe_inspect_kind kind);

enum { PE_INSPECT_NAME = 256 };

typedef struct pe_inspect_table {
    char name[PE_INSPECT_NAME]; /* of the tensor; the file's for a .npy */
    char dtype[16];
    char found[256]; /* how it was chosen, one phrase */
    pe_inspect_kind kind;
    size_t rows, columns;
    double *values; /* (rows, columns), owned */
} pe_inspect_table;

/* Read a table from a .npy (by its first bytes) or a .safetensors file, which may be cut off behind
 * the tensor. tensor NULL: the first whose name is one of the usual ones. Axes of length 1 are
 * dropped; two must be left. The caller owns *out until pe_inspect_release.
 *   PE_USAGE   no such tensor, or none with a usual name: the sentence lists what there is
 *   PE_FORMAT  not such a file, not two axes, a NaN or infinity (with its place), fewer than 4 rows
 *              or more than 8192
 *   PE_MEMORY */
pe_status pe_inspect_open(const char *path, const char *tensor, pe_inspect_table *out,
                          pe_error *err);
void pe_inspect_release(pe_inspect_table *table);

/* Which tensor of a file holds positions, by the usual names; PE_USAGE: none, and what there is. */
pe_status pe_inspect_choose(const pe_safetensors *file, const char *path,
                            char name[PE_INSPECT_NAME], pe_error *err);

enum { PE_INSPECT_PEAKS = 6 };

/* What was measured. Arrays are owned: pe_inspect_forget. T = rows, d = columns. */
typedef struct pe_inspect_found {
    double *norm;                           /* (T) */
    double norm_mean, norm_sd, norm_median; /* over rows, sd with n */
    double *near;      /* (T) RMS cosine with the rows 1 .. 4 before and behind */
    double near_noise; /* what independent random rows stay below with probability 0.99865 */
    bool *untrained;   /* (T) cannot be told from noise: not above near_noise */
    size_t untrained_rows, run_first, run_rows; /* all; the longest run */
    size_t special;                             /* row whose norm is farthest from the median */
    double special_by; /* in units of 1.4826 times the median absolute deviation */
    double *cosine;    /* (T, T) */
    double *g;         /* (T) mean cosine by distance */
    double g_noise;    /* three standard deviations of g(1) for random rows */
    size_t first_rise; /* PE_NEVER: none */
    double r2, chance; /* translation invariance of P P^T off the diagonal; what noise scores */
    double even, odd, rest_even, rest_odd; /* shares of the cosine matrix's energy */
    double stable_rank, stable_rank_centred;
    size_t ranks;           /* min(T, d) */
    double *singular;       /* (ranks) */
    double share[3];        /* of the variance in the first components */
    double *score;          /* (T, 3) */
    size_t frequencies;     /* T / 2 + 1 */
    double *amplitude;      /* (frequencies) RMS over columns, whole turns over the table */
    double amplitude_noise; /* of a noise table with the same variance about the column means */
    int peaks;
    size_t peak[PE_INSPECT_PEAKS]; /* turns over the table, by falling amplitude */
    double wave_share; /* of the columns that are one sinusoid: second differences explain it */
} pe_inspect_found;

/* PE_FORMAT when all rows are equal or one is zero throughout (its number is named). */
pe_status pe_inspect_measure(const pe_inspect_table *table, pe_inspect_found *found, pe_error *err);
void pe_inspect_forget(pe_inspect_found *found);

/* The same as a document with tables, figures and sentences. */
void pe_inspect_show(const pe_inspect_table *table, const pe_inspect_found *found,
                     pe_result *result, pe_error *err);

#endif
