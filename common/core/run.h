/* The core as experiments, checks and tools use it: double arrays in, pe_wide out, precision and
 * method chosen by name. Inputs are rounded once to the precision. */
#ifndef PE_CORE_RUN_H
#define PE_CORE_RUN_H

#include "core/attention.h"

typedef enum pe_method { PE_REFERENCE, PE_TILED } pe_method;

/* One attention over given q, k, v. Members as in pe_attention_f64; zero members take defaults:
 * nk indices 0 .. nk-1, queries the last nq of them (query_offset = nk - nq), coordinates from the
 * positions hook (of `map`, else of the instance) or equal to the indices. */
typedef struct pe_job {
    pe_instance *instance;
    pe_instance *map; /* serves the positions, or NULL */
    pe_precision precision;
    pe_method method;
    int batch;
    int64_t nq, nk;
    const int64_t *q_index, *k_index;
    const double *q_coord, *k_coord;
    const double *places; /* (nk, axes) natural coordinates for the position map, or NULL */
    bool training;        /* position maps draw their augmentation */
    bool causal, cross;
    const int64_t *key_starts, *key_lengths;
    const unsigned char *allowed;
    const double *q, *k, *v, *x;
    bool want_logits, want_weights, want_terms, want_mapped; /* reference only, but for mapped */
} pe_job;

typedef struct pe_attended {
    pe_wide out, logits, weights, mapped_q, mapped_k;
    pe_wide term[PE_TERM_COUNT]; /* only those that the variant has; others have count 0 */
    unsigned char *allowed;      /* (B,nq,nk) the mask that was in force */
} pe_attended;

/* The caller owns *result until pe_attended_release, also after a failure (all empty then). */
pe_status pe_run_attention(const pe_job *job, pe_attended *result, pe_error *err);
void pe_attended_release(pe_attended *result);

/* Gradients of a loss by everything that an attention of the job reads, with `dout` (B,H,nq,D) that
 * by its output (core/gradient.h); x only where `state` reads it. The caller owns *result until
 * pe_gradients_release, also after a failure (all empty then). */
typedef struct pe_gradients {
    pe_wide q, k, v, x, param[PE_MAX_PARAMS];
} pe_gradients;
pe_status pe_run_gradient(const pe_job *job, const double *dout, pe_gradients *result,
                          pe_error *err);
void pe_gradients_release(pe_gradients *result);

/* Token ids (n) to rows (n, width): table row [* sqrt(d_model)], + or beside the variant's code,
 * dropout with a seed (inverted scaling; rate 0: none). ids equal to `padding_id` (< 0: none) get a
 * zero code, and coordinates count real tokens only.
 *   PE_USAGE   id outside the table, naming it */
typedef struct pe_embedding_job {
    pe_instance *instance, *map;
    pe_precision precision;
    int64_t n;
    const int64_t *ids;  /* (n) */
    const double *table; /* (vocabulary, model_dim) */
    int64_t vocabulary;
    int64_t padding_id;
    int64_t start;       /* coordinate of the first real token */
    const double *coord; /* (n, axes) given coordinates, or NULL */
    bool scale_sqrt_d;
    bool training;
    double dropout;
    uint64_t seed, sequence;
} pe_embedding_job;
/* rows: (n, width) with *width = model_dim or model_dim + embed_width. Owned by the caller. */
pe_status pe_run_embedding(const pe_embedding_job *job, pe_wide *rows, int *width, pe_error *err);

/* Gradients of a loss by what an embedding of the job reads, with `drows` (n, width) that by its
 * rows. They are added to dtable (vocabulary, model_dim) and, through the backward twin of the code
 * in the precision of the job, to dparam[p], in the shape of parameter p; NULL where not wanted.
 * Sums over tokens are in double, storage rounding counts as the identity, and a code without a
 * twin adds nothing (core/gradient.h tells whether it should have one).
 *   PE_USAGE   as above */
pe_status pe_run_embedding_gradient(const pe_embedding_job *job, const double *drows,
                                    double *dtable, double *const dparam[PE_MAX_PARAMS],
                                    pe_error *err);

/* One attention layer as in the golden cases: q = x Wq, k = [memory ; x] Wk, v = [memory ; x] Wv,
 * attention, heads joined, times Wo. Weights are (in, out), y = x W. Wo may be NULL (out = joined).
 */
typedef struct pe_layer_job {
    pe_job attention;           /* q, k, v, x, nq, nk are filled here from x and memory */
    int64_t length, memory;     /* L, M */
    const double *x;            /* (B, L, width) */
    const double *x_lo;         /* low parts of x when it came from a pe_wide, or NULL */
    const double *past;         /* (B, M, width) or NULL */
    int width;                  /* columns of x */
    const double *Wq, *Wk, *Wv; /* (width, H*D), (width, kv_heads*D) */
    const double *Wo;           /* (H*D, columns_out) or NULL */
    int columns_out;
} pe_layer_job;

typedef struct pe_layered {
    pe_attended attended;
    pe_wide joined; /* (B, L, H*D) */
    pe_wide out;    /* (B, L, columns_out), empty without Wo */
} pe_layered;
pe_status pe_run_layer(const pe_layer_job *job, pe_layered *result, pe_error *err);
void pe_layered_release(pe_layered *result);

#endif
