/* The way back of one precision; included three times by backward.h. */

typedef struct PE_H(pe_backward) {
    const PE_H(pe_parts) * p;
    const PE_H(pe_attention_gradient) * g;
    int copies;                     /* of gradients by states, for heads that work at one time */
    PE_H_REAL *dout;                /* (B,H,nq,D) by the output before `map`; NULL: as given */
    PE_H_REAL *dq, *dk;             /* by q and k before `map`, as `logits` sees them */
    PE_H_REAL *mq, *mk, *mv;        /* (B,H,nq,W), (B,kv,nk,W), (B,kv,nk,D) after it */
    PE_H_REAL *dv;                  /* before it */
    PE_H_REAL *dq_state, *dk_state; /* (copies,B,nq,S), (copies,B,nk,S), or NULL */
    size_t plan;                    /* where in a block the gradient by the plan starts */
    size_t block;                   /* numbers of a block: all parameters, and the plan */
    PE_H_REAL *blocks;              /* (PE_CHUNKS, block) */
    PE_H_REAL *param[PE_CHUNKS][PE_MAX_PARAMS];
    bool used[PE_CHUNKS];
    void *owned[10];
} PE_H(pe_backward);

/* Check that everything has a twin, and make the arrays; prepared parts are lent until the end.
 * Release also after a failure. */
pe_status PE_H(pe_backward_begin)(PE_H(pe_backward) * w, const PE_H(pe_parts) * p,
                                  const PE_H(pe_attention_gradient) * g, int copies, pe_error *err);
void PE_H(pe_backward_release)(PE_H(pe_backward) * w);

/* A call of a twin whose gradients by parameters go to the block of a chunk. */
PE_H(pe_call) PE_H(pe_backward_call)(PE_H(pe_backward) * w, int chunk, PE_H_REAL *scratch);

/* Where `map` has the role of the output: fill dout; `out` (B,H,nq,D) is the output before it. */
void PE_H(pe_backward_output)(PE_H(pe_backward) * w, const PE_H_REAL *out);

/* Through `map`, `state` and `plan`, and everything to the caller's arrays. */
void PE_H(pe_backward_end)(PE_H(pe_backward) * w);
