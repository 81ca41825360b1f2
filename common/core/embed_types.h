/* The embedding of one precision; included three times by embed.h. */

typedef struct PE_H(pe_embedding) {
    const pe_instance *instance; /* prepared; gives model_dim d, axes and the code */
    int batch;                   /* B */
    int64_t n;                   /* tokens of a sequence */
    const int64_t *ids;          /* (B, n) */
    const PE_H_REAL *table;      /* (vocabulary, d) */
    int64_t vocabulary;
    int64_t padding_id;  /* ids equal to it get no code; negative: none */
    const double *coord; /* (n, axes), or (B, n, axes) with coord_per_batch */
    bool coord_per_batch;
    bool scale_sqrt_d; /* table rows times sqrt(d); the code is not scaled */
    PE_H_REAL *out;    /* (B, n, width): width d, or d + embed_width where codes stand beside */
} PE_H(pe_embedding);

/* All sequences at once, by all threads; the bytes do not depend on their number.
 *   PE_USAGE    no tokens, or an id outside the table: the first one is named
 *   PE_MEMORY */
pe_status PE_H(pe_embed)(const PE_H(pe_embedding) * e, pe_error *err);
