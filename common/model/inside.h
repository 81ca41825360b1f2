/* What the files of this room share. Private to it. */
#ifndef PE_MODEL_INSIDE_H
#define PE_MODEL_INSIDE_H

#include "model/evaluate.h"

/* Where the blocks of a layer begin in the array of parameters. Query, key and value stand one
 * after the other, so that one product makes all three. */
typedef struct pe_layer_places {
    size_t norm1, shift1, qkv, qkv_bias, out, out_bias;
    size_t norm2, shift2, up, up_bias, down, down_bias;
    size_t pe[PE_MAX_PARAMS]; /* of the encoding; per-model blocks are the same in all layers */
} pe_layer_places;

struct pe_model {
    pe_model_config config;
    int X, I, F, C;         /* widths of a row, of all heads, of the MLP; classes */
    pe_instance **encoding; /* (L) owned */
    pe_instance *map;       /* owned, or NULL */
    pe_model_block *blocks;
    size_t block_count, size;
    pe_layer_places *at; /* (L) */
    size_t embedding, norm, shift, head;
    void *w;            /* (size) in the model's precision */
    bool masters_stale; /* the instances' double copies are older than w */
};

struct pe_past {
    const pe_model *model;
    int batch;
    int64_t capacity, held, start;
    void **k, **v, **hidden; /* (L) each (B, H, capacity, D), and (B, capacity, X) or NULL */
};

/* May the encoding of layer l use layer l's schedule? */
bool pe_model_has_positions(const pe_model *model);
/* The instance whose code rows act at the input, or NULL. */
const pe_instance *pe_model_code(const pe_model *model);

/* Make float (or double) copies and plans of the encodings follow w. Not while others compute. */
pe_status pe_model_refresh(pe_model *model, pe_error *err);

/* A model for a layer without encoding: a variant without hooks. */
extern const pe_variant pe_model_plain;

/* Layers of a schedule "0,2-5" into uses[0 .. layers-1]; NULL or "" means all. PE_USAGE. */
pe_status pe_schedule_read(const char *text, int layers, bool *uses, pe_error *err);

/* One pass over a batch, forward and backward. Chunks of whole sequences are the pieces of work. */
typedef struct pe_pass {
    pe_model *model;
    int batch;
    int64_t n;
    const int32_t *tokens, *targets;
    const int64_t *lengths;
    bool training;
    uint64_t seed, step;
    pe_status (*check)(pe_error *err); /* asked between and within chunks, or NULL */
    const double *dlogits, *dhidden;   /* instead of targets */
    double *dinput;
    double loss; /* out: sum over asked targets divided by their number */
    double norm; /* out: of all gradients together */
} pe_pass;

/* Room for the gradients of all lanes and of the workers, kept from step to step. */
typedef struct pe_pass_room {
    size_t lanes;
    void *lane[8]; /* (size) each */
    size_t workers;
    void **arena; /* one per worker */
    size_t *arena_bytes;
    double *squares; /* one per piece of the reduction */
} pe_pass_room;
void pe_pass_room_release(pe_pass_room *room);

/* The gradients end in room->lane[0]. The sums do not depend on the number of threads. */
pe_status pe_pass_gradient_f32(pe_pass *pass, pe_pass_room *room, pe_error *err);
pe_status pe_pass_gradient_f64(pe_pass *pass, pe_pass_room *room, pe_error *err);
pe_status pe_pass_evaluate_f32(pe_model *model, pe_evaluation *job, pe_error *err);
pe_status pe_pass_evaluate_f64(pe_model *model, pe_evaluation *job, pe_error *err);

/* Tokens and targets in range, lengths in 1 .. n; sizes that fit. */
pe_status pe_model_check_batch(const pe_model *model, int batch, int64_t n, const int32_t *tokens,
                               const int32_t *targets, const int64_t *lengths, pe_error *err);

#endif
