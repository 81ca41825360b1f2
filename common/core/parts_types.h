/* What both ways of computing attention share, in one precision; included three times by parts.h.
 */

typedef struct PE_H(pe_parts) {
    const PE_H(pe_attention) * a;
    int H, kv_heads, D, W, axes, S; /* W: width of mapped q and k; S: numbers of state per token */
    PE_H_REAL scale;
    const PE_H_REAL *q, *k, *v; /* mapped and rounded: (B,H,nq,W), (B,kv,nk,W), (B,kv,nk,D); q and
                                 * k as they came in, with D columns, when `unmapped` */
    bool unmapped;              /* q and k are for the caller to map, with pe_map_tokens */
    const PE_H_REAL *u, *vb;    /* (H,D) each, or NULL */
    const PE_H_REAL *k_state;   /* (B,nk,S) or NULL */
    const PE_H_REAL *q_state;   /* (B,nq,S) or NULL */
    unsigned rows;              /* PE_ROWS_... in force */
    const int64_t *qi, *kj;     /* indices from which offsets are taken */
    bool no_pair;               /* offsets between two sequences mean nothing here */
    bool real_offsets;          /* offsets are fractions: rows are asked pair by pair */
    int64_t first, last;        /* offsets of the first and last row of the table */
    PE_H(pe_rows) table;        /* (last - first + 1, H', ...) */
    PE_H_REAL *scratch;         /* for each thread's calls while preparing and finishing */
    void *owned[9];
} PE_H(pe_parts);

/* Fill parts for an attention call; with `by_tile`, q and k may stay unmapped, which saves a copy
 * of each. Release also after a failure. */
pe_status PE_H(pe_parts_prepare)(PE_H(pe_parts) * parts, const PE_H(pe_attention) * a, bool by_tile,
                                 pe_error *err);

/* out (n, W) = tokens from .. from + n - 1 of one head, the head-th of the queries or the keys of
 * batch item b, as they enter the products: mapped, and rounded to the storage format. n <=
 * PE_MAPPED_AT_ONCE. */
void PE_H(pe_map_tokens)(const PE_H(pe_parts) * parts, const PE_H(pe_call) * c, pe_role role,
                         int64_t b, int head, int64_t from, int n, PE_H_REAL *out);
void PE_H(pe_parts_release)(PE_H(pe_parts) * parts);

/* A call with scratch of its own for one worker; the scratch is parts' caller's. */
PE_H(pe_call) PE_H(pe_parts_call)(const PE_H(pe_parts) * parts, PE_H_REAL *scratch);

/* The call of a hook with scratch of the calling thread. */
PE_H(pe_call) PE_H(pe_parts_own_call)(const PE_H(pe_parts) * parts);

/* The last step of both ways: `map` with the role of the output, then storage rounding. */
void PE_H(pe_finish_output)(const PE_H(pe_parts) * parts);
