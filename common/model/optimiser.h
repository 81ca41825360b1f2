/* AdamW (Kingma and Ba 2015, arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101,
 * algorithm 2) with a warm-up, a cosine and clipping by the global norm.
 *
 *   g <- g min(1, clip / |g|)
 *   m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g g
 *   w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) - rate decay w
 *
 * The decay acts on linear weights and the head, and not on norms, biases, token rows and
 * encodings (pe_model_block.decays). Frozen blocks stay; others are put back into their bounds. */
#ifndef PE_MODEL_OPTIMISER_H
#define PE_MODEL_OPTIMISER_H

#include <stdint.h>

typedef struct pe_optimiser {
    double rate;         /* at the end of the warm-up */
    double least_rate;   /* at the end of the cosine, as a share of rate */
    int64_t warm_up;     /* steps from 0 to rate, linear */
    int64_t steps;       /* of the whole training; the cosine ends there. 0: constant rate */
    double beta1, beta2; /* 0.9, 0.95 are usual; PyTorch's default is 0.9, 0.999 */
    double epsilon;
    double decay;
    double clip; /* largest norm of all gradients together; 0: no clipping */
} pe_optimiser;

/* 1e-3, 0.1, 0, 0, 0.9, 0.999, 1e-8, 0.01, 1: PyTorch's AdamW, clipped at norm 1. */
pe_optimiser pe_optimiser_standard(void);

/* The rate of step 1, 2, ...: warm-up to `rate`, then half a cosine to rate * least_rate. */
double pe_optimiser_rate(const pe_optimiser *optimiser, int64_t step);

#endif
