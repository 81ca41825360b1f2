/* A small pre-norm transformer with any positional encoding, and its gradients by hand.
 *
 *   x_0     = E[token] (+ or beside the variant's code)
 *   x_mid   = x_l + W_o attention(W_q n1, W_k n1, W_v n1) + b_o,   n1 = norm(x_l)
 *   x_(l+1) = x_mid + W_down gelu(W_up n2 + b_up) + b_down,        n2 = norm(x_mid)
 *   logits  = W_head norm(x_L)
 *
 * Vaswani et al. 2017, arXiv:1706.03762; the norm before each part: Xiong et al. 2020,
 * arXiv:2002.04745; GELU with erf: Hendrycks and Gimpel 2016, arXiv:1606.08415. Linear maps have
 * biases, the head has none. All parameters stand in one array, each under a name (below).
 *
 * Letters: B sequences, n tokens each, X the width of a token's row, H heads of width D, V tokens
 * of the vocabulary, C classes that the head tells apart, L layers. */
#ifndef PE_MODEL_MODEL_H
#define PE_MODEL_MODEL_H

#include "core/instance.h"

enum { PE_IGNORE = -1, PE_MODEL_NAME = 96, PE_MODEL_LAYERS = 256 };

/* What a model is made from. Members that are 0 take the default that is named. */
typedef struct pe_model_config {
    int layers, width, heads;   /* L, d, H, all >= 1 */
    int head_dim;               /* D; 0: width / heads, which must then divide */
    int mlp;                    /* width of the hidden layer; 0: 4 width */
    int vocabulary;             /* V >= 1 */
    int classes;                /* C; 0: V */
    int64_t length;             /* tokens of a training sequence: dims.max_len of the encoding */
    bool causal;                /* decoder; otherwise every token sees every other one */
    bool tied;                  /* the head is E; needs C = V and no code beside the rows */
    bool scale_embedding;       /* token rows times sqrt(d), Vaswani et al. section 3.4 */
    double dropout;             /* of x_0 and of what each part adds, in [0, 1) */
    double embedding_deviation; /* of E at the start; 0: 0.1, between learned rows (0.02) and
                                 * sinusoids (0.7), so that neither drowns the tokens */
    uint64_t seed;              /* of the initial parameters */
    pe_precision precision;     /* PE_FLOAT, or PE_DOUBLE to check gradients */

    const pe_variant *variant; /* lent, must outlive the model */
    const pe_setting *settings;
    int setting_count;
    const char *schedule;  /* layers with the encoding, "0,2-5"; NULL or "": all. A code that is
                            * added to tokens acts when layer 0 is among them */
    const pe_variant *map; /* a position map before the encoding, or NULL */
    const pe_setting *map_settings;
    int map_setting_count;
} pe_model_config;

/* One named block of parameters, a part of the array. Linear weights are (out, in): y = x W^T + b,
 * as in PyTorch. Names, for layer 3 of 4:
 *
 *   embedding.weight (V, d)                       head.weight (C, X), unless tied
 *   layers.3.attention.norm.weight, .bias (X)     norm.weight, norm.bias (X)
 *   layers.3.attention.query.weight, key.weight, value.weight (H D, X), and .bias (H D)
 *   layers.3.attention.output.weight (X, H D), .bias (X)
 *   layers.3.mlp.norm.weight, .bias (X)
 *   layers.3.mlp.up.weight (mlp, X), up.bias, down.weight (X, mlp), down.bias
 *   layers.3.pe.NAME   a block of the encoding in layer 3;  pe.NAME  one for all layers */
typedef struct pe_model_block {
    char name[PE_MODEL_NAME];
    size_t from, count; /* numbers from .. from + count - 1 of the array */
    int rank;
    int64_t shape[PE_MAX_RANK];
    bool decays;      /* weight decay acts: linear weights and the head, nothing else */
    bool frozen;      /* never trained */
    double low, high; /* bounds; both 0: none */
} pe_model_block;

typedef struct pe_model pe_model;

/* Make a model with seeded parameters: linear weights and biases uniform within 1/sqrt(in), norms
 * 1 and 0, E normal, the encoding as it says itself. Owned by the caller until pe_model_release.
 *   PE_USAGE   a size out of range, heads that do not divide, a bad schedule, options that the
 *              variant refuses, or a map without a positions hook
 *   PE_MEMORY */
pe_status pe_model_create(const pe_model_config *config, pe_model **model, pe_error *err);
void pe_model_release(pe_model *model); /* NULL does nothing */

/* PE_OK, or PE_USAGE with the sentence that says which backward twin is missing. */
pe_status pe_model_trainable(const pe_model *model, pe_error *err);

/* As filled in: defaults replaced. Its pointers are the caller's of pe_model_create. */
const pe_model_config *pe_model_config_of(const pe_model *model);
int pe_model_row_width(const pe_model *model); /* X: d, or d + the width of a code beside it */

/* Blocks in the order of the array; lent. */
size_t pe_model_block_count(const pe_model *model);
const pe_model_block *pe_model_block_at(const pe_model *model, size_t at);
/* By name, or NULL. */
const pe_model_block *pe_model_find(const pe_model *model, const char *name);
size_t pe_model_size(const pe_model *model); /* numbers of all blocks */

/* Numbers of a block as doubles: `count` of them, in or out. After pe_model_set (and after
 * training) the encoding works with the new numbers.
 *   PE_USAGE   unknown name ("did you mean"), another count, a number that is not finite
 *   PE_MEMORY  a plan that depends on parameters could not be made again */
pe_status pe_model_get(const pe_model *model, const char *name, size_t count, double *x,
                       pe_error *err);
pe_status pe_model_set(pe_model *model, const char *name, size_t count, const double *x,
                       pe_error *err);

/* The encoding of a layer, with parameters as they are now: for tables, rows, codes. Lent until
 * the next training step. A layer outside the schedule has a variant without hooks. */
pe_status pe_model_encoding(pe_model *model, int layer, const pe_instance **instance,
                            pe_error *err);
/* The position map, or NULL; lent. */
const pe_instance *pe_model_map(const pe_model *model);

#endif
