/* How often pe_identify is right, on matrices made for the purpose. */
#ifndef PE_IDENTIFY_SELFTEST_H
#define PE_IDENTIFY_SELFTEST_H

#include "identify/identify.h"

#include <stdint.h>

/* What is generated. The kinds below PE_KIND_RANDOM are waves. */
#define PE_KIND_MAP(X)                                                                             \
    X(INTERLEAVED, "interleaved table")                                                            \
    X(INTERLEAVED_COS, "interleaved table, cosine first")                                          \
    X(CONCAT, "sines then cosines")                                                                \
    X(CONCAT_COS, "cosines then sines")                                                            \
    X(ENDPOINT, "endpoint rule, sines then cosines")                                               \
    X(DOUBLED, "bug: exponent doubled")                                                            \
    X(DOUBLED_CHANNEL, "bug: channel for pair, doubled")                                           \
    X(CHANNEL, "bug: channel exponent")                                                            \
    X(STEP, "bug: floor division")                                                                 \
    X(ONE, "bug: integer division")                                                                \
    X(RISING, "bug: rising frequencies")                                                           \
    X(DEGREES, "bug: degrees")                                                                     \
    X(CONSTANT, "bug: constant rows")                                                              \
    X(CLAMPED, "bug: clamped rows")                                                                \
    X(RESTARTED, "bug: restarted rows")                                                            \
    X(LOW_POSITION, "bug: 16-bit positions")                                                       \
    X(LOW_FREQUENCY, "bug: 16-bit frequencies")                                                    \
    X(ROTARY_COS, "rotary cosines")                                                                \
    X(ROTARY_SIN, "rotary sines")                                                                  \
    X(ROTARY_HALVES, "rotary cosines, halves")                                                     \
    X(ROTARY_REPEATED, "rotary sines, each twice")                                                 \
    X(SLOPES, "slopes")                                                                            \
    X(SLOPES_PLAIN, "bug: plain slopes")                                                           \
    X(SLOPES_EARLY, "bug: early slopes")                                                           \
    X(LINEAR, "linear bias")                                                                       \
    X(LINEAR_OFF, "bug: distance off by one")                                                      \
    X(BUCKETS, "bucketed bias")                                                                    \
    X(PRODUCTS, "products of a table")                                                             \
    X(MASKED_LOGITS, "masked logits")                                                              \
    X(ATTENTION, "attention")                                                                      \
    X(RANDOM, "random table")                                                                      \
    X(SMOOTH, "unknown: smooth bumps")                                                             \
    X(CHIRP, "unknown: chirps")                                                                    \
    X(WALK, "unknown: random walk")

typedef enum pe_kind {
#define X(name, text) PE_KIND_##name,
    PE_KIND_MAP(X)
#undef X
        PE_KIND_COUNT
} pe_kind;

const char *pe_kind_name(pe_kind kind);

/* One generated matrix and what is true of it. */
typedef struct pe_sample {
    pe_kind kind;
    pe_format stored;
    double noise;
    double base, first, scale; /* of waves */
    size_t period;             /* rows before a clamp or a restart */
    pe_matrix matrix;
    double *values; /* owned: matrix.values */
} pe_sample;

/* Sample number `index` of a seed; kinds take turns. Owned until pe_sample_release. */
pe_status pe_sample_make(uint64_t seed, size_t index, pe_sample *sample, pe_error *err);
void pe_sample_release(pe_sample *sample);

/* Whether the answer names what is true: family, layout, rule, base, first position, scale and
 * bug of a wave; family, rule and bug of the others. */
bool pe_sample_right(const pe_sample *sample, const pe_identification *answer);

/* Which kind an answer amounts to; PE_KIND_COUNT for none of them. */
pe_kind pe_kind_of(const pe_identification *answer);

typedef struct pe_selftest {
    size_t cases, right;
    size_t confident_wrong; /* a wrong answer that is given as known */
    size_t confusion[PE_KIND_COUNT][PE_KIND_COUNT + 1]; /* truth, answer; the last: unknown */
    size_t right_of[PE_KIND_COUNT];
} pe_selftest;

/* PE_USAGE for no cases; PE_MEMORY. `each`, when not NULL, is told every sample and its answer. */
pe_status pe_selftest_run(uint64_t seed, size_t cases, pe_selftest *out,
                          void (*each)(void *data, size_t index, const pe_sample *sample,
                                       const pe_identification *answer),
                          void *data, pe_error *err);

#endif
