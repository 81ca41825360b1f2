/* Gradients of attention (attention.h), in three precisions and the same two ways.
 *
 * With a loss whose gradient by `out` is given, they add its gradients by q, k, v, by the hidden
 * states that `state` reads, and by every parameter of the variant. With w the weights, s the
 * logits after the `logits` hook, and f_j = value_j + rv_n what weight j multiplies:
 *
 *   dw_ij = dout_i . f_j,   ds_ij = w_ij (dw_ij - sum_l w_il dw_il)
 *
 * (ds_ij = w_ij dw_ij with PE_NO_SOFTMAX_SUM), and from there back through every hook by its twin.
 * Storage rounding counts as the identity: gradients are taken at the values that were stored. A
 * query that may see no key gets 0. NaN in gives NaN out. */
#ifndef PE_CORE_GRADIENT_H
#define PE_CORE_GRADIENT_H

#include "core/attention.h"

/* NULL when the instance can be trained with its options as they are; otherwise the name of the
 * first hook in use that lacks a backward twin (posenc_hooks.h says when it may). Lent for ever. */
const char *pe_instance_untrainable(const pe_instance *instance);

#define PE_THRICE "core/gradient_types.h"
#include "posenc_thrice.h"

#endif
