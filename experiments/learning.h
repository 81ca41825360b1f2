/* What the parts of this experiment share. Private to learning*.c. */
#ifndef LEARNING_H
#define LEARNING_H

#include "analysis/decompose.h"
#include "inspect/inspect.h"
#include "lab/lab.h"
#include "lab/training.h"
#include "lab/words.h"

enum {
    LEARNING_LENGTH = 64,
    LEARNING_LAYERS = 2,
    LEARNING_WIDTH = 64,
    LEARNING_HEADS = 4,
    LEARNING_SEEDS = 5,
    LEARNING_STAGES = 6,
    LEARNING_WORDS = 32
};

/* What stands for positions in an encoding that learns it: rows of code, rows by offset, or one
 * number by distance and head. */
typedef enum learning_kind {
    LEARNING_NO_TABLE,
    LEARNING_CODES,
    LEARNING_OFFSETS,
    LEARNING_BIASES
} learning_kind;
learning_kind learning_kind_of(const pe_instance *instance);
bool learning_has_rows(learning_kind kind); /* a table: codes or offsets */

/* Rows of layer 0's encoding as they are now: codes of positions first .. first + rows - 1, or all
 * offsets into the past that a sequence of `rows` tokens has. Released with pe_inspect_release. */
pe_status learning_table(const pe_instance *instance, int64_t first, int64_t rows,
                         pe_inspect_table *table, pe_error *err);

/* R2 of the diagonals of P P', and the 99 % band of random tables of that size. */
typedef struct learning_band {
    double chance, low, high;
} learning_band;
pe_status learning_band_of(const pe_lab *lab, size_t rows, size_t columns, learning_band *band,
                           pe_error *err);

/* Attention of a trained model by layer and head (D10, S4), and with one word everywhere (D9). */
typedef struct learning_attention {
    double locality[LEARNING_LAYERS][LEARNING_HEADS], direction[LEARNING_LAYERS][LEARNING_HEADS];
    double *word;    /* (T, T) weights of layer 0, mean over words and heads; owned */
    double moved;    /* half the sum of |a - 1/(i+1)| over a row, mean over rows */
    double worst;    /* largest |a - 1/(i+1)| */
    double toeplitz; /* share of the diagonals, causal region */
} learning_attention;
pe_status learning_attend(pe_model *model, pe_task *task, learning_attention *found, pe_error *err);

/* Biases of layer 0 as they are now, b (LEARNING_HEADS, LEARNING_LENGTH): of a key so many tokens
 * back. */
pe_status learning_biases(const pe_lab *lab, const pe_subject *subject, const pe_instance *trained,
                          double *b, pe_error *err);

/* One subject: all seeds, the tables of the first seed at every stage. */
typedef struct learning_run {
    pe_lab *lab;
    const pe_subject *subject;
    learning_kind kind;
    int stage_count, seeds; /* seeds: how many are done */
    int64_t stages[LEARNING_STAGES];
    pe_task *task;
    learning_band band;
    size_t rows, columns;
    double r2[LEARNING_STAGES][LEARNING_SEEDS], rank[LEARNING_STAGES][LEARNING_SEEDS];
    pe_inspect_table table[LEARNING_STAGES]; /* of the first seed */
    pe_inspect_found found[LEARNING_STAGES];
    pe_split split[LEARNING_STAGES]; /* of the cosines off the diagonal */
    bool has_unused;
    double unused_r2, unused_moved; /* rows past the trained length, the first seed */
    double *unused;                 /* as they were at first, owned */
    double bias[LEARNING_STAGES][LEARNING_HEADS * LEARNING_LENGTH]; /* of the first seed */
    double near[LEARNING_STAGES][LEARNING_SEEDS]; /* near less far, mean over heads */
    double held_out[LEARNING_SEEDS];
    learning_attention before, after; /* the first seed */
} learning_run;
int learning_seeds(const pe_lab *lab);

void learning_show_table(const learning_run *run, pe_result *result, pe_error *err);
void learning_show_biases(const learning_run *run, pe_result *result, pe_error *err);
double learning_nearness(const double *bias); /* of one head (LEARNING_LENGTH): near less far */
void learning_show_attention(pe_result *result, const learning_run *const *runs, int count,
                             pe_error *err);

#endif
