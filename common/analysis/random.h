/* Seeded streams. A stream is keyed by (seed, purpose, index), so that a draw added for one purpose
 * does not shift the numbers of another, and draw 17 is the same whether or not draw 16 was made.
 *
 * The distributions are GSL's. The generator below them is xoshiro256++ (Blackman and Vigna 2021,
 * doi:10.1145/3460772), made known to GSL as a gsl_rng_type, because every generator that GSL
 * brings takes a seed of at most 32 bits: two of a few thousand keyed streams could be the same. */
#ifndef PE_ANALYSIS_RANDOM_H
#define PE_ANALYSIS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A plain value: copy it to replay from here; nothing to release. */
typedef struct pe_stream {
    uint64_t state[4];
} pe_stream;

pe_stream pe_stream_open(uint64_t seed, const char *purpose, uint64_t index);

double pe_stream_uniform(pe_stream *s);             /* [0, 1), multiples of 2^-53 */
double pe_stream_normal(pe_stream *s);              /* N(0,1) */
uint32_t pe_stream_below(pe_stream *s, uint32_t n); /* 0..n-1, each equally likely; n >= 1 */

void pe_fill_uniform(pe_stream *s, double *x, size_t n, double low, double high);
void pe_fill_normal(pe_stream *s, double *x, size_t n, double mean, double sigma);

/* A random order of 0..n-1 in order[0..n-1]; n < 2^32. */
void pe_permute(pe_stream *s, size_t *order, size_t n);

/* k different members of 0..n-1 in rising order in chosen[0..k-1]; k <= n < 2^32. */
void pe_choose(pe_stream *s, size_t *chosen, size_t k, size_t n);

#endif
