/* SPDX-License-Identifier: MIT
 *
 * The hook types of one precision: included three times by posenc_types.h with PE_H(name) and
 * PE_H_REAL set. Inside a variant they read pe_call, pe_tile, pe_ops, ... and pe_real.
 *
 * Rules for every hook:
 *   - pure: the same input gives the same output; no writable state of its own; any hook may run at
 *     the same time as any other, on different pe_calls (`plan` runs alone);
 *   - returns void: everything that can be refused was refused in setup or by the core;
 *   - an output array is overwritten completely, but for gradients, which are ADDED to;
 *   - NaN in gives NaN out; -inf is never passed: masks are bytes;
 *   - an absent hook is NULL, and the core does what a transformer without it does.
 * The backward twin NAME_vjp of a hook takes the gradient of the loss by the hook's outputs and
 * adds the gradients by its inputs and parameters; coordinates and offsets have none.
 *   - `g` has a block for every parameter, frozen ones too; none that has numbers is NULL;
 *   - rounding counts as the identity: a twin differentiates at the values that were stored;
 *   - gradients that were not asked for (members of pe_tile_gradient, pe_run_gradient) are NULL;
 *   - din of map_vjp gets the whole gradient, that of pass-through columns too;
 *   - dbias of pair_vjp and ds of logits_vjp are 0 where a pair is not allowed, and draw there is
 *     ignored;
 *   - plan_vjp runs once, after all others, on what they added to dplan.
 * A twin may be NULL where it could add nothing: those of embed, relative and pair when the variant
 * has no parameters but frozen ones, that of plan without PE_ON_PARAMETERS. A variant that lacks
 * another is usable, but not trainable. */

/* What the host lends for computing. */
typedef struct PE_H(pe_lent) {
    /* c (m,n) = alpha * op(a) op(b) + beta * c; op transposes when asked; ld* are row strides. */
    void (*gemm)(bool transpose_a, bool transpose_b, int m, int n, int k, PE_H_REAL alpha,
                 const PE_H_REAL *a, int lda, const PE_H_REAL *b, int ldb, PE_H_REAL beta,
                 PE_H_REAL *c, int ldc);
    /* Round n numbers in place to a storage format, to nearest even. */
    void (*round)(pe_format format, size_t n, PE_H_REAL *x);
    /* Sine and cosine of position * frequency as if computed with infinite precision and rounded
     * once, for n positions; results are `stride` elements apart. */
    void (*exact)(const pe_frequency *frequency, size_t n, const double *position, PE_H_REAL *sine,
                  PE_H_REAL *cosine, size_t stride);
    /* Sine and cosine of n angles in radians, either of which may take the place of the angles:
     * what pe_sin and pe_cos give one by one, faster, within 0.501 ulp in float. */
    void (*turn)(int n, const PE_H_REAL *angle, PE_H_REAL *sine, PE_H_REAL *cosine);
} PE_H(pe_lent);

/* One call, lent to one worker. */
typedef struct PE_H(pe_call) {
    const pe_dims *dims;
    const pe_value *opt;
    const pe_setup *info;
    const PE_H_REAL *const *w; /* parameters, in the order of setup */
    PE_H_REAL *const *g;       /* their gradients, in backward twins only: add, never set */
    const PE_H_REAL *plan;     /* what `plan` wrote */
    PE_H_REAL *dplan;          /* gradient by the plan, when it depends on parameters */
    PE_H_REAL *scratch;        /* info->scratch numbers, undefined at entry */
    const PE_H(pe_lent) * lent;
    const unsigned char *formats; /* pe_format by pe_place, or NULL: nothing is rounded */
    pe_random *random;            /* for a plan that depends on PE_ON_RANDOM, else NULL */
    int layer;
    int64_t length; /* keys in the sequence at this moment: dynamic scalings look at it */
} PE_H(pe_call);

/* Rows by offset; members that setup did not declare are NULL. H' = info->row_heads. */
typedef struct PE_H(pe_rows) {
    PE_H_REAL *bias;  /* (n, H')    added to the logit, after the scale */
    PE_H_REAL *query; /* (n, H', D) dotted with the (mapped) query, inside the scale */
    PE_H_REAL *key;   /* (n, H', D) dotted with the (mapped) key, inside the scale */
    PE_H_REAL *value; /* (n, H', D) added to the value */
} PE_H(pe_rows);

/* One tile of the logit matrix. One tile can be the whole matrix, one block of a fused loop, or the
 * one row of a decoding step. */
typedef struct PE_H(pe_tile) {
    int nq, nk;
    int head;               /* 0 .. H-1; in `pair` and with PE_HEADS_TOGETHER: -1, all heads */
    const int64_t *qi, *kj; /* (nq), (nk) token indices */
    const double *qx, *kx;  /* (nq, axes), (nk, axes) coordinates */
    const unsigned char *allowed;       /* (nq, nk), 1: the key may be seen */
    const PE_H_REAL *q, *k;             /* (nq, D), (nk, D) before `map`; all heads: (H, nq, D).
                                         * NULL in `pair` */
    const PE_H_REAL *q_state, *k_state; /* (nq, state), (nk, state), or NULL */
} PE_H(pe_tile);

/* Gradients by what a tile holds; add. NULL where not wanted. */
typedef struct PE_H(pe_tile_gradient) {
    PE_H_REAL *q, *k, *q_state, *k_state;
} PE_H(pe_tile_gradient);

/* A run of consecutive tokens of one sequence, in causal order, for `state`. */
typedef struct PE_H(pe_run) {
    int n;
    const int64_t *index;    /* (n) */
    const double *coord;     /* (n, axes) */
    const PE_H_REAL *x;      /* (n, model_dim) hidden states, or NULL without PE_NEEDS_HIDDEN */
    const PE_H_REAL *q;      /* (H, n, D) before `map`, or NULL when only keys come in */
    const PE_H_REAL *k;      /* (kv_heads, n, D) before `map` */
    const PE_H_REAL *before; /* (state) of the token before the first, or NULL at the start */
} PE_H(pe_run);

typedef struct PE_H(pe_run_gradient) {
    PE_H_REAL *x, *q, *k, *before; /* add; NULL where not wanted */
} PE_H(pe_run_gradient);

typedef struct PE_H(pe_ops) {
    /* Tables from dims and options (frequencies), info->plan numbers. Once, or again when something
     * in info->plan_depends changed. */
    void (*plan)(const PE_H(pe_call) * c, PE_H_REAL *plan);
    void (*plan_vjp)(const PE_H(pe_call) * c, const PE_H_REAL *dplan);

    /* The code of n coordinates (n, axes): rows (n, embed_width). The core adds or concatenates it,
     * scales the token's row, zeroes padding rows. */
    void (*embed)(const PE_H(pe_call) * c, int n, const double *coord, PE_H_REAL *rows);
    void (*embed_vjp)(const PE_H(pe_call) * c, int n, const double *coord, const PE_H_REAL *drows);

    /* Transform one head's n vectors at their coordinates: in (n, D), out (n, mapped_width) for
     * query and key, (n, D) for value and output. `state` (n, info->state) or NULL. The core has
     * copied in to out where the widths agree, so pass-through columns need no line. */
    void (*map)(const PE_H(pe_call) * c, pe_role role, int head, int n, const double *coord,
                const PE_H_REAL *state, const PE_H_REAL *in, PE_H_REAL *out);
    void (*map_vjp)(const PE_H(pe_call) * c, pe_role role, int head, int n, const double *coord,
                    const PE_H_REAL *state, const PE_H_REAL *in, const PE_H_REAL *dout,
                    PE_H_REAL *din, PE_H_REAL *dstate);

    /* Rows of n offsets i - j, n <= PE_ROWS_AT_ONCE, all heads in one call. Offsets are inside
     * [low, high]; whole numbers unless PE_REAL_OFFSETS. The core does the rest: edge, masks, the
     * products with query, key and value, and their gradients. */
    void (*relative)(const PE_H(pe_call) * c, int n, const double *offset, PE_H(pe_rows) * rows);
    void (*relative_vjp)(const PE_H(pe_call) * c, int n, const double *offset,
                         const PE_H(pe_rows) * drows);

    /* A content-free bias of a tile from coordinates alone: bias (H, nq, nk), after the scale.
     * Entries that are not allowed are ignored. */
    void (*pair)(const PE_H(pe_call) * c, const PE_H(pe_tile) * tile, PE_H_REAL *bias);
    void (*pair_vjp)(const PE_H(pe_call) * c, const PE_H(pe_tile) * tile, const PE_H_REAL *dbias);

    /* Numbers per token from content in causal order: state (n, info->state). */
    void (*state)(const PE_H(pe_call) * c, const PE_H(pe_run) * run, PE_H_REAL *state);
    void (*state_vjp)(const PE_H(pe_call) * c, const PE_H(pe_run) * run, const PE_H_REAL *state,
                      const PE_H_REAL *dstate, PE_H(pe_run_gradient) * g);

    /* Anything else: write the final logits s (nq, nk) from raw (nq, nk), which holds the scaled
     * logits with all other terms; with PE_HEADS_TOGETHER both are (H, nq, nk). Entries that are
     * not allowed hold 0 in raw and are ignored in s. */
    void (*logits)(const PE_H(pe_call) * c, const PE_H(pe_tile) * tile, const PE_H_REAL *raw,
                   PE_H_REAL *s);
    /* draw is overwritten, the gradients in g are added to. */
    void (*logits_vjp)(const PE_H(pe_call) * c, const PE_H(pe_tile) * tile, const PE_H_REAL *raw,
                       const PE_H_REAL *ds, PE_H_REAL *draw, PE_H(pe_tile_gradient) * g);
} PE_H(pe_ops);
