/* Attention with a positional encoding, in three precisions and two ways that must agree.
 *
 *   logit_ij = scale * ((q_i + u) . k_j + (q_i + v) . rq_n + k_j . rk_n) + bias_n + pair_ij,  n = i
 * - j out_i    = sum_j softmax(logit)_ij (value_j + rv_n)
 *
 * with q, k (and values, and the output) mapped first where the variant maps, and its `logits` hook
 * last. Vaswani et al. 2017 eq. (1); rows: Shaw et al. 2018 eqs. (3)-(4); u, v: Dai et al. 2019
 * section 3.3. A query that may see no key gets out = 0 and weights 0. NaN in gives NaN out. */
#ifndef PE_CORE_ATTENTION_H
#define PE_CORE_ATTENTION_H

#include "core/instance.h"

/* The separately visible parts of a logit. The first five are dot products before `scale`. */
typedef enum pe_term {
    PE_TERM_CONTENT,        /* q . k after `map`  (Transformer-XL's a) */
    PE_TERM_QUERY_ROWS,     /* q . rq_n           (b) */
    PE_TERM_GLOBAL_CONTENT, /* u . k              (c) */
    PE_TERM_GLOBAL_ROWS,    /* v . rq_n           (d) */
    PE_TERM_KEY_ROWS,       /* k . rk_n */
    PE_TERM_BIAS,           /* bias_n */
    PE_TERM_PAIR,
    PE_TERM_LOGITS, /* what the `logits` hook changed */
    PE_TERM_COUNT
} pe_term;
const char *pe_term_name(pe_term term);

#define PE_THRICE "core/attention_types.h"
#include "posenc_thrice.h"

#endif
