/* The backward twins of a variant's hooks against central differences of the hooks themselves,
 * called directly, without the core.
 *
 * For every hook that the variant has for given dims and options, with random numbers x for all
 * that it reads (in, state, q, k, x, before, raw, every parameter block) and a random upstream u,
 *
 *     loss(x) = sum of u * output(x),     d loss / d x[i] ~ (loss(x + h e_i) - loss(x - h e_i)) /
 * 2h
 *
 * in double, h = 1e-5 * max(1, |x[i]|). */
#ifndef PE_TEST_HOOKS_BACKWARD_H
#define PE_TEST_HOOKS_BACKWARD_H

#include "posenc_types.h"

typedef struct pe_backward_case {
    const char *name; /* what the options are about, for failures */
    pe_dims dims;     /* members left 0: kv_heads = heads, model_dim = heads * head_dim, axes = 1 */
    struct {
        const char *option;
        double value;
    } set[6]; /* until the first NULL */
    bool causal;
} pe_backward_case;

typedef struct pe_backward_result {
    char failure[512]; /* the first thing that is wrong, empty when nothing is */
    double difference; /* largest |twin - differences| / max(1, largest gradient of the block) */
    double in_float;   /* largest |float twin - double twin|, the same way, in float epsilons */
    int hooks, blocks; /* hooks that have a twin; blocks of gradients compared */
} pe_backward_result;

/* Compare all twins of a variant. Wrong are: a hook without twin that is not excused by
 * posenc_hooks.h; a difference above 1e-7; a gradient that is set instead of added (within rounding
 * of what stood there); draw that is added instead of set; a float twin further than 256 float
 * epsilons from the double one. */
pe_backward_result pe_check_backward(const pe_variant *variant, const pe_backward_case *k);

#endif
