/* The gradient call of one precision; included three times by gradient.h. */

/* All arrays are added to, as sums over batches and layers want it; clear them first. NULL where
 * not wanted. After a failure they hold nothing of use. */
typedef struct PE_H(pe_attention_gradient) {
    const PE_H_REAL *dout;    /* (B,H,nq,D) gradient by pe_attention.out */
    PE_H_REAL *dq, *dk, *dv;  /* (B,H,nq,D), (B,kv_heads,nk,D), (B,kv_heads,nk,D) */
    PE_H_REAL *dx;            /* (B,nk,model_dim), by the hidden states that `state` reads */
    PE_H_REAL *const *dparam; /* one block per parameter of setup, each may be NULL; or NULL */
} PE_H(pe_attention_gradient);

/* Whole matrix, plain loops. Of `a` only inputs are read, and no result is written.
 *   PE_USAGE   as the forward call; or a hook in use has no backward twin, which the sentence names
 *   PE_MEMORY */
pe_status PE_H(pe_attend_reference_gradient)(const PE_H(pe_attention) * a,
                                             const PE_H(pe_attention_gradient) * g, pe_error *err);
/* Blocks, no array that grows with nq * nk. Reads a->out and a->row_log_sum as the forward call
 * left them; where one is NULL, the forward call is repeated. The same bytes at any number of
 * threads. */
pe_status PE_H(pe_attend_tiled_gradient)(const PE_H(pe_attention) * a,
                                         const PE_H(pe_attention_gradient) * g, pe_error *err);
