/* SPDX-License-Identifier: MIT
 *
 * The gallery: real defects of real projects, as data. An exhibit is a wrong way and a right way of
 * the same thing, what was reported, and figures that measuring the wrong way must give. Nothing
 * here computes; experiments/gallery measures. */
#ifndef POSENC_EXHIBITS_H
#define POSENC_EXHIBITS_H

#include "posenc_types.h"

typedef enum pe_exhibit_family {
    PE_BUGS_IN_ANGLES,      /* angles in low precision */
    PE_BUGS_IN_CONVENTIONS, /* frequencies, layouts, pairings */
    PE_BUGS_IN_OFFSETS,     /* axes, caches, padding, tables that are too short */
    PE_BUGS_IN_SHIFTS,      /* relative rows and the shift of a matrix */
    PE_BUGS_IN_SLOPES,      /* linear biases */
    PE_BUGS_FAMILIES
} pe_exhibit_family;

/* One way of doing it. */
typedef struct pe_form {
    const char *variant; /* "ID:option=value,...", of the gallery or of the registry; or NULL: */
    const char *path;    /* a formation path (common/formation) */
    double unit;         /* a position is stored as position / unit, then multiplied by unit in the
                          * path's position format; 0: as it comes */
} pe_form;

/* What a figure measures. P: table of codes; S: positional share; "twin": against the twin. */
typedef enum pe_measured {
    /* of a path, over positions from .. from + n - 1 */
    PE_MEASURED_ABSOLUTE,  /* largest error of a sine or cosine */
    PE_MEASURED_COSINE,    /* largest error of a cosine */
    PE_MEASURED_PHASE,     /* largest phase error, wrapped to [0, pi] */
    PE_MEASURED_SINE_AT,   /* largest error of a sine at position `from` */
    PE_MEASURED_DISTINCT,  /* different rows */
    PE_MEASURED_REPEATS,   /* first position whose row is that of an earlier one */
    PE_MEASURED_HELD,      /* position `from` as it is held */
    PE_MEASURED_ANGLE,     /* angle of pair 1 at position `from` */
    PE_MEASURED_COSINE_OF, /* cosine of the angle `from` as it is stored */
    /* of codes, n rows of a width */
    PE_MEASURED_TABLE_MOST, /* largest |P - twin's P| */
    PE_MEASURED_TABLE_MEAN, /* mean |P - twin's P| */
    PE_MEASURED_ROW_LIKE,   /* cosine similarity of row n-1 with the twin's */
    PE_MEASURED_KERNEL,     /* largest |g(k) - twin's g(k)|, lags 0 .. n-1, g(0) = 1 */
    PE_MEASURED_NORM_LEAST, /* smallest and largest squared norm of a row */
    PE_MEASURED_NORM_MOST,  /* */
    PE_MEASURED_SPREAD,     /* largest max - min of P_i . P_{i+k} along a diagonal */
    PE_MEASURED_STILL,      /* columns that move by less than 0.01 over the rows */
    PE_MEASURED_SLOW,       /* sine columns that stay below 0.01 rad, from a fastest of 1 */
    PE_MEASURED_ROWS,       /* different rows */
    PE_MEASURED_NONZERO,    /* rows that are not all zero */
    PE_MEASURED_ALIKE,      /* pairs of columns (2k, 2k+1) with the frequency of pair 0 */
    /* of rotations, one head of a width */
    PE_MEASURED_TURN_MEAN,   /* mean |length after / length before - 1|, in percent, n positions */
    PE_MEASURED_TURN_MOST,   /* largest */
    PE_MEASURED_MOVED_MEAN,  /* mean |change of a logit| when a query and a key move together */
    PE_MEASURED_MAGNITUDE,   /* length after / length before */
    PE_MEASURED_CORRELATION, /* of logits with the twin's, offset `from`, over all q and k */
    /* of additive terms */
    PE_MEASURED_SLOPE,       /* of head `from`: bias at offset 0 minus bias at offset 1 */
    PE_MEASURED_BIASES,      /* different biases of the last query, n keys, head 0 */
    PE_MEASURED_BIAS_ERROR,  /* largest |bias - twin's bias|, last query, all heads, n keys */
    PE_MEASURED_OFFSETS,     /* different positional logits of the last query, n keys, head 0 */
    PE_MEASURED_ATTENTION,   /* largest change of an attention weight, n random tokens */
    PE_MEASURED_MIRRORED,    /* largest |S(i,j) - twin's S(j,i)|, n tokens, random words */
    PE_MEASURED_SHIFTED,     /* largest gap to the authors' pad-and-reshape, n tokens */
    PE_MEASURED_RIGHT_ABOVE, /* share of the entries above the diagonal that are the twin's */
    PE_MEASURED_RIGHT_BELOW, /* share of those on and below it */
    PE_MEASURED_COUNT
} pe_measured;

typedef struct pe_stated {
    pe_measured what;
    int width;           /* of a row or a head */
    int64_t n;           /* positions, rows, lags, tokens */
    double from;         /* see above */
    double reported;     /* what others say */
    double tolerance;    /* absolute; negative: relative */
    bool of_twin;        /* the figure is about the right way */
    const char *source;  /* who says it; NULL: the reference of the exhibit */
    const char *why_not; /* the reported figure is not ours, because ...; NULL: it must be */
} pe_stated;

enum { PE_EXHIBIT_FIGURES = 8 };

/* What small models with the defect and with its twin are trained on. */
enum {
    PE_TRAINED_TEXT = 1, /* the next byte of real text; every token sees itself and the past */
    PE_TRAINED_LEFT = 2  /* the left neighbour; every token sees every other one */
};
enum { PE_TRAINED_KINDS = 2 };

typedef struct pe_exhibit {
    const char *id;        /* [a-z][a-z0-9_]* */
    const char *title;     /* what is wrong, in a few words */
    const char *reference; /* project/repository#number, blank separated */
    const char *reported;  /* what was said there */
    const char *lesson;    /* one sentence */
    pe_exhibit_family family;
    pe_form bug, twin;
    bool rotary;      /* a path turns queries and keys, else it is added to tokens */
    bool concat_rule; /* the path's frequencies are base^(-i/(d/2-1)) */
    int heads;        /* 0: as many as the run has */
    int64_t first;    /* first position of the damage measures */
    bool causal;      /* logits and attention under a causal mask, as in decoding */
    unsigned breaks;  /* PE_CLAIM_... of the twin that do not hold here: a test holds this record */
    unsigned trained; /* PE_TRAINED_..., or 0 */
    const char *why;  /* it was chosen for training; or it cannot be trained: because ... */
    int figure_count;
    pe_stated figure[PE_EXHIBIT_FIGURES];
} pe_exhibit;

/* An array of each family, ended by an exhibit without id. */
extern const pe_exhibit pe_exhibits_angles[], pe_exhibits_conventions[], pe_exhibits_offsets[],
    pe_exhibits_shift[], pe_exhibits_slopes[];

/* The defects that are sources of their own, ended by NULL. */
extern const pe_variant *const pe_gallery_sources[];

#endif
