/* A training from inside. Private to this room. */
#ifndef PE_MODEL_TRAIN_INSIDE_H
#define PE_MODEL_TRAIN_INSIDE_H

#include "model/inside.h"
#include "model/train.h"

/* Parameters from .. from + count - 1 of the array, within one block. */
typedef struct pe_training_piece {
    const pe_model_block *block;
    size_t from, count;
} pe_training_piece;

struct pe_training {
    pe_training_config config;
    int64_t step;              /* done */
    float *m, *v;              /* (size) moments of AdamW */
    pe_training_piece *pieces; /* (piece_count) what is trained */
    size_t piece_count;
    pe_pass_room room;
    pe_batch batch, held_out; /* held_out is empty when there is nothing to measure */
    pe_training_row *rows;    /* (steps) */
    size_t row_count;
    double loss, held_out_loss, norm;
    char *folder;  /* owned, or NULL */
    int next_file; /* 0: checkpoint.a is written next, 1: b */
};

#endif
