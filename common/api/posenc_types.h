/* SPDX-License-Identifier: MIT
 *
 * Everything in the plug-in contract that does not depend on the precision, and the three sets of
 * hook types. Included once; a variant includes posenc.h instead.
 *
 * Words used throughout:
 *   n, i, j    i is a query, j a key, n = i - j their offset in tokens: n >= 0 is the past.
 *   index      int64_t, counts the tokens of one sequence. Offsets are differences of indices.
 *   coordinate double[axes], what a position map made of the index (or of a time, a pixel).
 *              Coordinates are double in every precision, because rounding a position is something
 *              that we measure and must not happen by accident.
 *   (n, D)     row-major array, element [r][c] at r * D + c. Arrays never overlap.
 *   lent       valid during the call only; a variant owns nothing and frees nothing. */
#ifndef POSENC_TYPES_H
#define POSENC_TYPES_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Raised with every change that an old module would misread. The descriptor may grow at its end
 * without raising it: `size` tells. */
#define PE_ABI 1u

enum {
    PE_MAX_AXES = 4,
    PE_MAX_PARAMS = 8,
    PE_MAX_RANK = 4,
    PE_MAX_OPTIONS = 24,
    PE_ROWS_AT_ONCE = 64, /* `relative` is never asked for more offsets in one call */
    PE_REFUSAL_TEXT = 256
};

/* ---- numbers ----------------------------------------------------------------------------- */

/* Storage formats. Narrow formats are storage: arithmetic is done in pe_real, and the host rounds,
 * to nearest even, wherever a framework would have written a tensor. */
#ifndef PE_FORMAT_DECLARED
#define PE_FORMAT_DECLARED
typedef enum pe_format {
    PE_UNROUNDED, /* leave as computed */
    PE_FP64,
    PE_FP32,
    PE_TF32, /* 8 exponent bits, 10 stored mantissa bits */
    PE_FP16,
    PE_BF16,
    PE_FP8_E4M3, /* OCP "fn": no infinity, largest 448 */
    PE_FP8_E5M2,
    PE_FORMAT_COUNT
} pe_format;
#endif

/* Where a value is stored. The first four are inside a hook: the variant marks them with pe_at() or
 * pe_store(), because only it sees them. The core rounds at all others itself. */
typedef enum pe_place {
    PE_AT_POSITION,  /* a coordinate, before it is multiplied */
    PE_AT_FREQUENCY, /* an entry of a frequency table */
    PE_AT_PHASE,     /* position times frequency */
    PE_AT_TABLE,     /* a sine, a cosine, a slope, a bias: what a framework keeps as a buffer */
    PE_AT_PARAMETER,
    PE_AT_CODE, /* rows written by `embed` */
    PE_AT_ROWS, /* rows written by `relative` */
    PE_AT_QUERY,
    PE_AT_KEY,
    PE_AT_VALUE,
    PE_AT_LOGITS,
    PE_AT_WEIGHTS,
    PE_AT_OUTPUT,
    PE_PLACE_COUNT
} pe_place;

/* An exact real number, the frequency scale * base^(-numerator / denominator) in radians per unit
 * of the coordinate. Kept as its four parts so that the host can form it without rounding. */
#ifndef PE_FREQUENCY_DECLARED
#define PE_FREQUENCY_DECLARED
typedef struct pe_frequency {
    double scale, base, numerator, denominator;
} pe_frequency;
#endif

/* Quad: IEEE binary128 where the compiler has it, otherwise long double. A module states how many
 * bits its own quad has; on a mismatch the host uses its float and double hooks and says so. */
#if defined(__SIZEOF_FLOAT128__) && !defined(PE_QUAD_IS_LONG_DOUBLE)
__extension__ typedef __float128 pe_quad;
#define PE_QUAD_DIGITS 113u
#define PE_QUAD_C(x)   (__extension__ x##Q)
#else
typedef long double pe_quad;
#define PE_QUAD_DIGITS (LDBL_MANT_DIG + 0u) /* usable in #if */
#define PE_QUAD_C(x)   x##L
#include <float.h>
#endif

/* Quad mathematics, lent by the host, so that a module links libm and nothing else. */
#define PE_QUAD_MATH_1(X)                                                                          \
    X(sin) X(cos) X(tan) X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(fabs) X(floor) X(tanh) X(erf)
#define PE_QUAD_MATH_2(X) X(pow) X(fmin) X(fmax) X(atan2)
typedef struct pe_quad_math {
#define X(f) pe_quad (*f)(pe_quad);
    PE_QUAD_MATH_1(X)
#undef X
#define X(f) pe_quad (*f)(pe_quad, pe_quad);
    PE_QUAD_MATH_2(X)
#undef X
} pe_quad_math;

/* ---- what a variant is asked with ------------------------------------------------------------ */

/* Shapes of the model around the encoding. All > 0 unless stated. */
typedef struct pe_dims {
    int heads;                 /* H, query heads */
    int kv_heads;              /* key and value heads; divides H; = H without grouped queries */
    int head_dim;              /* D, width of one head */
    int model_dim;             /* d_model, width of a token's row */
    int axes;                  /* numbers in one coordinate: 1 text, 2 image, 3 video */
    int layers;                /* how many layers use the encoding */
    int64_t max_len;           /* training length in tokens; 0: not stated */
    int64_t grid[PE_MAX_AXES]; /* points per axis for 2-D and 3-D data, or all 0 */
} pe_dims;

typedef enum pe_kind {
    PE_INT,    /* a whole number */
    PE_REAL,   /* a finite number */
    PE_BOOL,   /* 0 or 1; "true" and "false" outside */
    PE_CHOICE, /* index into `choices` */
    PE_LIST    /* up to 512 numbers, for example one factor per pair */
} pe_kind;

/* One option. --help, validation, case folders and notebooks are generated from this table. */
typedef struct pe_option {
    const char *name; /* [a-z][a-z0-9_]*, the name used in papers and case folders */
    pe_kind kind;
    double standard;     /* default; a list is empty by default */
    double low, high;    /* inclusive range, unused by PE_BOOL and PE_CHOICE */
    const char *choices; /* PE_CHOICE: "interleaved|concat" */
    const char *meaning; /* one sentence, with the unit */
} pe_option;

/* The value of an option: n numbers (n = 1 but for lists), lent. */
typedef struct pe_value {
    int n;
    const double *x;
} pe_value;

/* ---- what setup answers ------------------------------------------------------------------------
 */

typedef enum pe_initialiser {
    PE_INIT_ZERO,
    PE_INIT_CONSTANT, /* a */
    PE_INIT_NORMAL,   /* mean 0, standard deviation a */
    PE_INIT_UNIFORM,  /* from a to b */
    PE_INIT_XAVIER,   /* uniform, +-sqrt(6 / (rows + columns)) */
    PE_INIT_HOOK      /* the descriptor's `init` fills it */
} pe_initialiser;

/* A named block of trainable numbers. The core owns it: one master copy in double, cast for each
 * precision, one gradient block per worker, projected to [low, high] after each training step. */
typedef struct pe_param {
    const char *name; /* "rel_k"; its file in a case folder is rel_k.npy */
    int rank;         /* 1 .. PE_MAX_RANK */
    int64_t shape[PE_MAX_RANK];
    pe_initialiser init;
    double a, b;      /* of the initialiser */
    double low, high; /* bounds; low = high = 0 means none */
    bool frozen;      /* saved with the model, not trained */
    bool per_model;   /* one block for all layers instead of one per layer */
    const char *meaning;
} pe_param;

/* What the plan depends on beyond dims and options: it is made again when that changes. */
enum { PE_ON_LENGTH = 1, PE_ON_PARAMETERS = 2, PE_ON_RANDOM = 4 };

/* Which rows `relative` gives, and which roles `map` transforms. */
enum { PE_ROWS_BIAS = 1, PE_ROWS_QUERY = 2, PE_ROWS_KEY = 4, PE_ROWS_VALUE = 8 };
typedef enum pe_role { PE_ROLE_QUERY, PE_ROLE_KEY, PE_ROLE_VALUE, PE_ROLE_OUTPUT } pe_role;
#define PE_MAPS(role) (1u << (role))

/* What lies beyond the offsets [low, high] for which `relative` has rows. */
typedef enum pe_edge {
    PE_EDGE_REPEAT,   /* the row at the edge (clipping) */
    PE_EDGE_ZERO,     /* nothing is added */
    PE_EDGE_UNDEFINED /* the core refuses, naming the pair */
} pe_edge;

enum {
    PE_REAL_OFFSETS = 1,    /* rows exist at any real offset, so position maps may make fractions */
    PE_CROSS = 2,           /* offsets between two different sequences have a meaning */
    PE_WHOLE_ROWS = 4,      /* a tile of `logits` must hold all keys of its queries */
    PE_HEADS_TOGETHER = 8,  /* a tile of `logits` holds all heads */
    PE_NO_SOFTMAX_SUM = 16, /* weights are exp(s), not divided by their sum (stick breaking) */
    PE_NEEDS_HIDDEN = 32,   /* `state` reads the hidden states x */
    PE_CONCATENATE = 64,    /* the code stands beside the token's row instead of being added */
    PE_EMBED_EVERY_LAYER = 128,
    PE_WHOLE_COORDINATES = 256 /* coordinates must be whole numbers (a table row each) */
};

/* Claims are properties of the formula that the host verifies, on the quad build, with a
 * counter-example when one is false. They are set by `setup`, because options change them. */
enum {
    PE_CLAIM_TRANSLATION_INVARIANT = 1, /* a shift of all positions leaves every logit */
    PE_CLAIM_SYMMETRIC = 2,             /* the positional share has S(i,j) = S(j,i) */
    PE_CLAIM_DIRECTION_AWARE = 4,       /* some pair has S(i,j) != S(j,i) */
    PE_CLAIM_NORM_PRESERVING = 8,       /* |map(x)| = |x| */
    PE_CLAIM_CONTENT_FREE = 16,         /* the positional share does not depend on q and k */
    PE_CLAIM_BOUNDED = 32,              /* |positional entries| <= `bound`, at any position */
    PE_CLAIM_UNIQUE = 64,               /* the first `unique_up_to` codes differ pairwise */
    PE_CLAIM_EXTRAPOLATES = 128,        /* defined and finite at 8 times max_len */
    PE_CLAIM_CAUSAL_ONLY = 256,         /* keys after the query do not change allowed outputs */
    PE_CLAIM_NEEDS_EVEN_WIDTH = 512,    /* setup refuses an odd width with a sentence */
    PE_CLAIM_RELATIVE_CODES = 1024      /* p_i . p_j of two code rows depends on i - j alone */
};

enum { PE_NONE = -1 }; /* "no such parameter" */

/* setup reads the first part and fills the second, which the host has set to zero (u and v to
 * PE_NONE). Plain data, the same in all precisions. It may be called many times and must be a pure
 * function of dims and opt. */
typedef struct pe_setup {
    const pe_dims *dims;
    const pe_value *opt; /* in the order of the descriptor's options, validated against it */

    int param_count;
    pe_param param[PE_MAX_PARAMS];
    size_t plan, scratch;  /* pe_reals of the plan; of scratch memory lent to each hook call */
    unsigned plan_depends; /* PE_ON_... */
    unsigned flags;        /* PE_REAL_OFFSETS ... */

    int embed_width;             /* columns of the code; 0: no code. Added: = model_dim */
    double min_coord, max_coord; /* coordinates that `embed` and `map` accept, both 0: any */

    unsigned rows; /* PE_ROWS_... that `relative` fills */
    int row_heads; /* 1: shared by all heads, or H */
    pe_edge edge;
    int64_t low, high; /* offsets with rows of their own; low <= high */
    int u, v;          /* parameters (H,D) added to q where it meets k, and where it meets rows:
                        * Dai et al. 2019, arXiv:1901.02860, section 3.3 */

    unsigned maps;    /* PE_MAPS(role) that `map` transforms; absent roles are the identity */
    int mapped_width; /* width of mapped q and k; 0: head_dim. Value and output keep head_dim */

    int state; /* numbers per token kept by `state`; 0: none */

    double scale; /* factor on the logits; 0: 1/sqrt(head_dim), even when mapped_width differs */

    unsigned claims;
    double bound;
    int64_t unique_up_to;

    char refusal[PE_REFUSAL_TEXT]; /* written by pe_refuse */
} pe_setup;

/* Say why this combination cannot be, in one sentence that names the member and what would be
 * right; use as `return pe_refuse(s, "...")` from setup. */
__attribute__((format(printf, 2, 3))) static inline bool pe_refuse(pe_setup *s, const char *format,
                                                                   ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->refusal, sizeof s->refusal, format, args);
    va_end(args);
    return false;
}

/* Options by index, inside setup and positions. */
static inline double pe_setup_real(const pe_value *opt, int which)
{
    return opt[which].x[0];
}
static inline int64_t pe_setup_int(const pe_value *opt, int which)
{
    return (int64_t)opt[which].x[0];
}
static inline bool pe_setup_bool(const pe_value *opt, int which)
{
    return opt[which].x[0] > 0;
}

/* Add a parameter block in setup; gives its index. The rest of the block is set through s->param.
 */
static inline int pe_add_param(pe_setup *s, const char *name, pe_initialiser init, double a,
                               int rank, int64_t rows, int64_t columns, int64_t depth)
{
    pe_param *p = &s->param[s->param_count];
    p->name = name;
    p->init = init;
    p->a = a;
    p->rank = rank;
    p->shape[0] = rows;
    p->shape[1] = columns;
    p->shape[2] = depth;
    return s->param_count++;
}

/* ---- random numbers, lent -----------------------------------------------------------------------
 */

/* A stream keyed by (seed, purpose, layer or sequence), so that a new use does not shift others. */
typedef struct pe_random {
    void *state;
    double (*uniform)(void *state); /* in [0, 1) */
    double (*normal)(void *state);  /* mean 0, standard deviation 1 */
} pe_random;

/* ---- positions: the one hook that needs no precision
 * --------------------------------------------- */

/* A position map turns natural coordinates into those that the encoding sees, for one sequence.
 * It composes with any encoding: a variant that has `positions` can be asked to serve another. */
typedef struct pe_places {
    const pe_dims *dims;
    const pe_value *opt;
    const pe_setup *info;
    int64_t n;           /* tokens */
    const double *in;    /* (n, axes): token index, grid index, seconds, ... */
    const int64_t *ids;  /* (n) token ids, or NULL when there are none */
    int64_t length;      /* tokens that are not padding */
    bool training;       /* augmentation acts only here */
    pe_random *random;   /* never NULL when training */
    const double *local; /* (n) per-token draws recorded earlier, to be used instead of random
                          * ones, in the unit of the coordinate; or NULL */
} pe_places;

/* ---- hooks in three precisions
 * -------------------------------------------------------------------- */

#define PE_THRICE "posenc_hooks.h"
#include "posenc_thrice.h"

/* ---- the descriptor
 * ---------------------------------------------------------------------------------- */

/* The only thing that a module exports, as `pe_variant_ID`, constant data. The host reads `tag`,
 * `abi` and `size` before it uses anything else, and runs no code of the module to do so. */
typedef struct pe_variant {
    char tag[8];          /* "POSENC" */
    uint32_t abi;         /* PE_ABI */
    uint32_t size;        /* sizeof(pe_variant) when the module was compiled */
    uint32_t quad_digits; /* PE_QUAD_DIGITS of the module */
    uint32_t dims_size;   /* sizeof(pe_dims) + sizeof(pe_setup): catches a header edited by hand */

    const char *id;      /* [a-z][a-z0-9_]*, the name of file, folder and symbol */
    const char *title;   /* plot legend: "Shaw relative" */
    const char *source;  /* where the formula stands: "arXiv:1803.02155, eqs. (3), (4)" */
    const char *summary; /* one sentence for a student */
    const char *formula; /* TeX, without $ */
    const char
        *cases; /* further names under which case folders know it, blank separated, or NULL */

    const pe_option *options;
    int option_count;

    /* Turn dims and options into plain data, or refuse them (return pe_refuse(...)). Required. */
    bool (*setup)(pe_setup *s);

    /* Fill parameter `which` (PE_INIT_HOOK), count numbers, master precision. NULL: never needed.
     */
    void (*init)(const pe_setup *s, int which, pe_random *random, double *out);

    /* Write out (n, axes). Must be finite for finite input. NULL: coordinates are as they come. */
    void (*positions)(const pe_places *p, double *out);

    const pe_ops_f64 *f64;
    const pe_ops_f32 *f32;
    const pe_ops_f128 *f128;
    const pe_quad_math **quad_math; /* the module's pointer; the host fills it before any call */
} pe_variant;

#define PE_COUNT(array)   ((int)(sizeof(array) / sizeof((array)[0])))
#define PE_DIMS_SIZE      ((uint32_t)(sizeof(pe_dims) + sizeof(pe_setup)))
#define PE_OPTIONS(array) .options = (array), .option_count = PE_COUNT(array)

#endif
