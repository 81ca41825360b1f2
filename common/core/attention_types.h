/* The attention call of one precision; included three times by attention.h. */

typedef struct PE_H(pe_attention) {
    pe_instance *instance; /* prepared; gives H, kv_heads, D, axes */
    int batch;             /* B */
    int64_t nq, nk;

    /* Where the tokens are. Offsets are differences of indices; everything else uses coordinates.
     */
    const int64_t *q_index, *k_index; /* (nq), (nk), shared by the batch */
    const double *q_coord, *k_coord;  /* (nq, axes), (nk, axes); or (B, ...) with coord_per_batch */
    bool coord_per_batch;
    bool
        offsets_from_coordinates; /* a position map is in use: offsets are coordinate differences */
    bool cross;                   /* keys come from another sequence than queries */

    /* Who may see whom: all of these must agree. */
    bool causal;                  /* key index <= query index */
    const int64_t *key_starts;    /* (B) first key that is not padding, as a slot, or NULL */
    const int64_t *key_lengths;   /* (B) slots at or beyond are padding, or NULL */
    const unsigned char *allowed; /* (B, nq, nk) 1 = may be seen, or NULL */

    const PE_H_REAL *q, *k, *v; /* (B,H,nq,D), (B,kv_heads,nk,D), (B,kv_heads,nk,D) */
    const PE_H_REAL *x;         /* (B,nk,model_dim) hidden states of the keys, or NULL */
    const PE_H_REAL *k_state;   /* (B,nk,state) kept from earlier, or NULL: computed */

    /* Results; NULL where not wanted. `out` (B,H,nq,D) is required. Entries of logits, weights and
     * terms that are not allowed are 0. */
    PE_H_REAL *logits, *weights; /* (B,H,nq,nk), reference only */
    PE_H_REAL *out;
    PE_H_REAL *row_log_sum; /* (B,H,nq) log of the sum of exp(logit), for the gradient; 0 where
                             * weights are not divided by it, or no key may be seen */
    pe_status (*check)(
        pe_error *err);             /* tiled: asked between blocks of queries, for signals;
                                     * another status than PE_OK ends the call with it. Or NULL */
    PE_H_REAL *mapped_q, *mapped_k; /* (B,H,nq,W), (B,kv_heads,nk,W) */
    PE_H_REAL *states;              /* (B,nk,state) */
    PE_H_REAL *term[PE_TERM_COUNT]; /* (B,H,nq,nk) each, reference only */
} PE_H(pe_attention);

/* Whole matrix, plain loops, straight from the papers. */
pe_status PE_H(pe_attend_reference)(const PE_H(pe_attention) * a, pe_error *err);
/* Blocks of queries and keys with an online softmax; no array grows with nq * nk. */
pe_status PE_H(pe_attend_tiled)(const PE_H(pe_attention) * a, pe_error *err);
