/* Which positional encoding is this? From the numbers of a matrix to the family, the convention and
 * the arithmetic that made it.
 *
 * The method: every plausible layout of sines and cosines gives phase advances from row to row;
 * their logarithms against the pair index give the frequency rule and the base, which are snapped
 * to the values people use; each candidate is then computed again, and the one that is nearest to
 * the matrix is the answer, if it is near enough. Nothing is an answer only because nothing else
 * was nearer. Slopes, biases and attention are tested for their own structure. */
#ifndef PE_IDENTIFY_IDENTIFY_H
#define PE_IDENTIFY_IDENTIFY_H

#include "base/status.h"
#include "formation/formation.h"
#include "numbers/format.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum pe_family {
    PE_FAMILY_UNKNOWN,
    PE_FAMILY_POSITION_TABLE, /* sine and cosine columns, added to embeddings */
    PE_FAMILY_ROTARY_TABLE,   /* cosines or sines of a rotation */
    PE_FAMILY_SLOPES,         /* one number per head */
    PE_FAMILY_BIAS,           /* T x T, a function of the offset (or of the key) */
    PE_FAMILY_LOGITS,         /* T x T: a causal mask of -infinity, or the products of a table */
    PE_FAMILY_ATTENTION,      /* rows sum to 1 */
    PE_FAMILY_RANDOM_TABLE,   /* independent entries: a learned table at its start */
    PE_FAMILY_COUNT
} pe_family;

typedef enum pe_layout {
    PE_LAYOUT_NONE,
    PE_LAYOUT_INTERLEAVED,     /* sin 0, cos 0, sin 1, cos 1, ... */
    PE_LAYOUT_INTERLEAVED_COS, /* cos 0, sin 0, ... */
    PE_LAYOUT_CONCAT,          /* sin 0, sin 1, ..., cos 0, cos 1, ... */
    PE_LAYOUT_CONCAT_COS,      /* cos 0, cos 1, ..., sin 0, ... */
    PE_LAYOUT_COS,             /* cos 0, cos 1, ... */
    PE_LAYOUT_SIN,
    PE_LAYOUT_COS_HALVES, /* cos 0 .. cos h-1, and once more */
    PE_LAYOUT_SIN_HALVES,
    PE_LAYOUT_COS_REPEATED, /* cos 0, cos 0, cos 1, cos 1, ... */
    PE_LAYOUT_SIN_REPEATED,
    PE_LAYOUT_COUNT
} pe_layout;

/* Frequencies: i is the pair, h the number of pairs, d the width, c the channel. Slopes: k is the
 * head from 0, H their number. */
typedef enum pe_rule {
    PE_RULE_NONE,
    PE_RULE_PAPER,           /* base^(-2i/d), Vaswani et al. 2017, section 3.5 */
    PE_RULE_ENDPOINT,        /* base^(-i/(h-1)), tensor2tensor, fairseq */
    PE_RULE_DOUBLED,         /* base^(-4i/d) */
    PE_RULE_DOUBLED_CHANNEL, /* base^(-2c/d): the channel where the pair is meant */
    PE_RULE_CHANNEL,         /* base^(-c/d): sine and cosine of a pair differ */
    PE_RULE_STEP,            /* exp(-2i) */
    PE_RULE_ONE,             /* 1 for every pair */
    PE_RULE_RISING,          /* base^(+2i/d) */
    PE_RULE_SLOPES,          /* 2^(-8(k+1)/n), n a power of two, the rest from 2n (Press et al.) */
    PE_RULE_SLOPES_PLAIN,    /* 2^(-8(k+1)/H) for an H that is no power of two */
    PE_RULE_SLOPES_EARLY,    /* 2^(-8k/H) */
    PE_RULE_SLOPES_SORTED,   /* those of Press et al., sorted */
    PE_RULE_SLOPES_LAYER,    /* any other geometric series */
    PE_RULE_LINEAR,          /* -slope |i - j|, one head */
    PE_RULE_LINEAR_OFF,      /* -slope (|i - j| + 1) */
    PE_RULE_LINEAR_KEY,      /* slope j + a constant */
    PE_RULE_LINEAR_SIGNED,   /* -slope (i - j) on both sides */
    PE_RULE_BUCKETS,         /* one value per bucket of distances (Raffel et al. 2020) */
    PE_RULE_CLIPPED,         /* one value per offset, clipped (Shaw et al. 2018) */
    PE_RULE_OFFSET,          /* one value per offset */
    PE_RULE_PRODUCTS,        /* products of the rows of a sine table */
    PE_RULE_COUNT
} pe_rule;

typedef enum pe_bug {
    PE_BUG_NONE,
    PE_BUG_DOUBLED_EXPONENT,
    PE_BUG_CHANNEL_EXPONENT,
    PE_BUG_FLOOR_DIVISION,
    PE_BUG_INTEGER_DIVISION,
    PE_BUG_RISING,
    PE_BUG_DEGREES,
    PE_BUG_CONSTANT_ROWS,
    PE_BUG_CLAMPED_ROWS,
    PE_BUG_RESTARTED_ROWS,
    PE_BUG_CACHED_ROWS,
    PE_BUG_REPLACED,
    PE_BUG_LOW_POSITION,
    PE_BUG_LOW_FREQUENCY,
    PE_BUG_LOW_BOTH,
    PE_BUG_LOW_PHASE,
    PE_BUG_PLAIN_SLOPES,
    PE_BUG_EARLY_SLOPES,
    PE_BUG_DISTANCE_OFF,
    PE_BUG_SIGN,
    PE_BUG_COUNT
} pe_bug;

typedef struct pe_finding {
    pe_family family;
    pe_layout layout;
    pe_rule rule;
    pe_bug bug;
    double base;            /* of the frequencies or of the slopes; 0: none */
    double first;           /* position of row 0 */
    double step;            /* positions per row */
    double unit;            /* factor on every phase: 1, pi / 180, 180 / pi, 2 pi */
    double scale;           /* factor on every entry; the slope of a single bias */
    size_t width;           /* d in the frequency rule */
    size_t pairs;           /* h */
    bool padded;            /* the last column is zero and belongs to no pair */
    size_t turn_row;        /* first row that is clamped, restarted or stuck; 0: none */
    bool periodic;          /* restarted at every multiple of turn_row */
    bool replaced;          /* cosines are taken of sines, not of phases */
    bool causal;            /* entries above the diagonal are masked */
    bool both;              /* a bias that tells future from past */
    int buckets;            /* of a bucketed bias */
    int distance;           /* farthest bucketed distance, or the clipping distance */
    pe_formation formation; /* how the values came about; name "": not asked */
    double rms, worst;      /* residual, absolute */
    double worst_ulp;       /* in units of the last place of `stored` */
    double identical;       /* share of the entries with the same bits, 0..1 */
    size_t differs;         /* entries that differ; where the first one is: */
    size_t layer, row, column;
    double found, expected;
} pe_finding;

enum { PE_FINDINGS = 5 };

typedef struct pe_identification {
    pe_format stored; /* the narrowest of fp64, fp32, fp16, bf16 that holds every entry */
    pe_finding best[PE_FINDINGS]; /* nearest first */
    int count;                    /* of best */
    bool known;                   /* best[0] is the answer; otherwise it is only the nearest */
    double confidence;            /* of that verdict, 0..1 */
    double rms;                   /* of the finite entries: what a distance is to be held against */
} pe_identification;

typedef struct pe_matrix {
    const double *values; /* (layers, rows, columns) */
    size_t layers, rows, columns;
    pe_format stored; /* what the file says */
} pe_matrix;

/* Fills *out. Entries may be -infinity (a mask), never NaN.
 *   PE_USAGE   no entries, more than 2^26 of them, or NaN among them
 *   PE_MEMORY */
pe_status pe_identify(const pe_matrix *matrix, pe_identification *out, pe_error *err);

/* Words for a report; never NULL. */
const char *pe_family_name(pe_family family);
const char *pe_layout_name(pe_layout layout);
const char *pe_rule_name(pe_rule rule);
const char *pe_bug_name(pe_bug bug);   /* what is wrong */
const char *pe_bug_source(pe_bug bug); /* repository#number; "" for PE_BUG_NONE */
/* Its id in the gallery of bugs; "" when it is not shown there. */
const char *pe_bug_exhibit(pe_bug bug);

enum { PE_IDENTIFY_TEXT = 1024 };

/* One sentence on a finding, without its residual; text has PE_IDENTIFY_TEXT bytes; returns it. */
const char *pe_finding_text(const pe_finding *finding, char *text);

/* Two layouts of one table. */
typedef struct pe_permutation {
    bool exists;
    size_t *source;  /* (columns): column j of A is column source[j] of B; NULL unless exists */
    double worst;    /* of A's columns from their partners */
    size_t column;   /* when none exists: this column of A ... */
    size_t nearest;  /* ... is nearest to this one of B, ... */
    double distance; /* ... and differs there by this much in some row */
} pe_permutation;

/* Whether the columns of A are those of B in another order, up to `tolerance` in every entry. The
 * columns are matched by augmenting paths, so near-equal columns do not hide a permutation.
 *   PE_USAGE   shapes differ, or more than one layer
 *   PE_MEMORY */
pe_status pe_find_permutation(const pe_matrix *a, const pe_matrix *b, double tolerance,
                              pe_permutation *out, pe_error *err);
void pe_permutation_release(pe_permutation *permutation);

#endif
