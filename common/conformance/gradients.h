/* The gradients of a whole attention, and of codes, against central differences. For tests, and for
 * `posenc plugin check`. */
#ifndef PE_CONFORMANCE_GRADIENTS_H
#define PE_CONFORMANCE_GRADIENTS_H

#include "conformance/trial.h"

/* Who sees whom. Tokens have the indices 0 .. nk - 1, queries are the last nq of them. */
typedef struct pe_gradient_case {
    int batch;
    int64_t nq, nk;
    bool causal, cross;
    bool padded; /* of batch item b the first b + 1 keys are padding, so that a query may see none
                  */
    bool gaps;   /* indices have gaps, as in a packed batch */
    bool no_differences; /* compare the ways only: central differences take time with the square */
    size_t most;  /* numbers of each block, evenly spread, that differences are taken by; 0: all */
    bool trained; /* frozen blocks are left out: a twin may leave their gradients at 0 */
    int spoilt;   /* 1 + block (q, k, v) whose middle number is NaN, or 0; ways only */
} pe_gradient_case;

/* What was found for the worst number of all blocks: q, k, v, x and the parameters. */
typedef struct pe_gradient_result {
    int blocks;
    double difference;  /* largest |gradient - differences| / max(1, largest gradient of its block),
                         * in double by the reference */
    char block[64];     /* where that was: "rel_k[17]" */
    double got, wanted; /* there */
    double tiled;       /* largest |tiled - reference|, the same way, in double epsilons */
    char tiled_block[64];
    double in_float; /* largest |float - double| of both ways, in float epsilons */
    char float_block[64];
    size_t lost; /* gradients that are NaN by the reference and not by the tiled way */
    size_t nan;  /* that are NaN by the reference */
} pe_gradient_result;

/* For a loss that is a random linear function of the output, h = 1e-5 max(1, |x|).
 *   PE_USAGE   not trainable, or the variant refuses the case */
pe_status pe_gradient_measure(const pe_trial *trial, const pe_gradient_case *k,
                              pe_gradient_result *result, pe_error *err);

/* The gradients of codes by the parameters, embed_vjp, the same way; into result->difference. */
pe_status pe_gradient_measure_codes(const pe_trial *trial, size_t most, pe_gradient_result *result,
                                    pe_error *err);

/* What rounding explains of `tiled` and `in_float`: both ways sum up products of up to nk + D
 * terms, one upon the other. Measured over all variants: a tenth of it in double, a third in float.
 */
double pe_gradient_bound(const pe_trial *trial, int64_t nk);

#endif
