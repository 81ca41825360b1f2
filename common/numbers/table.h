/* The table of sinusoids, every entry correctly rounded: sin and cos of position * frequency for
 * consecutive whole positions (Vaswani et al. 2017, section 3.5), as if computed with infinite
 * precision and rounded once to the format of the output.
 *
 * How. Rows come in blocks of 64 and superblocks of 8192. The superblock's first row is exact
 * (exact.h, rounded to double); turning it by b = 64, 128, ... gives the first rows of the blocks,
 * turning those by s = 1 .. 63 all rows:
 *
 *   sin(a + s) = sin a cos s + cos a sin s,   cos(a + s) = cos a cos s - sin a sin s.
 *
 * Error, with u = 2^-54, half an ulp of a double below 1. The tables of b and s and the first row
 * are correctly rounded, so each is a vector (sin, cos) off by at most sqrt(2) u. Turning adds the
 * two errors of length, and the rounding of two products and a sum, 3 u a component (2 u with a
 * fused product): sqrt(2) (1 + 1 + 3) u for the first row of a block, then sqrt(2) u more and 3 u
 * in the component looked at: (6 sqrt(2) + 3) u < 11.5 u, plus second-order terms below 2^-100.
 * (A sum just above 1 rounds by 1 u more.) That is below PE_TABLE_BOUND = 16 u = 2^-50, with fused
 * products or without.
 *
 * Proof of each entry. Rounding is monotone: when computed - 2 * bound and computed + 2 * bound
 * round to the same number, so does the exact value (the factor 2 covers the rounding of these two
 * sums, at most 2 u). When they do not, about once in a million floats, the entry is formed
 * again by exact.h. So every kind of code (portable, AVX2, AVX-512) gives the same bits.
 *
 * float64 has no bits to spare for this proof: it is filled by exact.h, at its speed. */
#ifndef PE_NUMBERS_TABLE_H
#define PE_NUMBERS_TABLE_H

#include "base/status.h"
#include "posenc_types.h"

#include <stddef.h>

#define PE_TABLE_BOUND 0x1p-50

typedef enum pe_table_layout {
    PE_TABLE_INTERLEAVED, /* sin, cos, sin, cos, ...; an odd width ends with a sine */
    PE_TABLE_CONCAT       /* all sines, all cosines; an odd width ends with a column of zeros */
} pe_table_layout;

typedef struct pe_table pe_table;

/* The plan of a table of `width` columns: (width + 1) / 2 frequencies when interleaved, width / 2
 * when concatenated. The caller owns *plan; it may be shared by threads.
 *   PE_USAGE   width below 1 or above 2^24
 *   PE_MEMORY */
pe_status pe_table_create(const pe_frequency *frequency, int width, pe_table_layout layout,
                          pe_table **plan, pe_error *err);

/* The same with the frequencies base^(-2i / width) of the paper. */
pe_status pe_table_create_paper(double base, int width, pe_table_layout layout, pe_table **plan,
                                pe_error *err);
void pe_table_release(pe_table *plan); /* NULL does nothing */

/* out[r * row_stride + c], r = 0 .. rows-1: row r is position first + r. row_stride counts elements
 * and is at least the width; threads = 0 takes OpenMP's number. Large outputs whose rows are
 * aligned to 64 bytes are written past the caches.
 *   PE_USAGE   rows < 0, a row_stride below the width, or a position beyond 2^53 either way
 *   PE_MEMORY */
pe_status pe_table_fill_f32(const pe_table *plan, int64_t first, int64_t rows, float *out,
                            int64_t row_stride, int threads, pe_error *err);
pe_status pe_table_fill_f64(const pe_table *plan, int64_t first, int64_t rows, double *out,
                            int64_t row_stride, int threads, pe_error *err);
/* Bit patterns of fp16 and bf16. */
pe_status pe_table_fill_f16(const pe_table *plan, int64_t first, int64_t rows, uint16_t *out,
                            int64_t row_stride, int threads, pe_error *err);
pe_status pe_table_fill_bf16(const pe_table *plan, int64_t first, int64_t rows, uint16_t *out,
                             int64_t row_stride, int threads, pe_error *err);

/* Which code fills: "portable", "avx2", "avx512"; NULL: the fastest that the processor has, as at
 * the start unless the environment variable POSENC_KERNELS names one. False, and nothing changes,
 * when the processor lacks it. Not to be called while a table is being filled. */
bool pe_table_use(const char *kind);

/* For tests of the tests: an error added to the first row of every block. */
void pe_table_plant_error(pe_table *plan, double error);

#endif
