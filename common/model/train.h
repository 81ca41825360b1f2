/* Training: a model, a task, an optimiser, and what must survive an interruption.
 *
 * The same seed gives the same bytes at any number of threads: a batch is cut into chunks that
 * depend on its shape alone, every chunk has its own gradients, and they are summed in the order of
 * the chunks. Nothing depends on time, and every draw is keyed by (seed, step). */
#ifndef PE_MODEL_TRAIN_H
#define PE_MODEL_TRAIN_H

#include "model/evaluate.h"
#include "model/optimiser.h"
#include "model/task.h"

typedef struct pe_training pe_training;

/* After a step: callback of pe_training_run. Tables as they learn: pe_model_get, pe_model_encoding,
 * pe_model_evaluate on pe_training_model. A status other than PE_OK ends the run with it. */
typedef pe_status (*pe_training_watch)(pe_training *training, void *context, pe_error *err);

typedef struct pe_training_config {
    pe_model *model; /* lent, trained in place */
    pe_task *task;   /* lent */
    pe_optimiser optimiser;
    int batch;              /* sequences of a step */
    int64_t steps;          /* of the whole training; optimiser.steps = 0 takes it */
    uint64_t seed;          /* of data, dropout and position maps */
    int64_t held_out_every; /* steps between held-out losses; 0: only at the end; < 0: never */
    int held_out_batches;   /* batches of each; 0: 4 */
    pe_status (*check)(pe_error *err); /* asked many times in a step, for signals; or NULL */
    int64_t watch_every;               /* the watch is called at step 0, every k steps and at the
                                        * end; 0: never */
    pe_training_watch watch;
    void *context;            /* lent to the watch */
    const char *folder;       /* for checkpoints a and b and the log; NULL: none */
    int64_t checkpoint_every; /* steps; 0: only at the end and when interrupted */
} pe_training_config;

/* Owned by the caller until pe_training_release; the model is not. Several may live and run one
 * after the other in one process.
 *   PE_USAGE   a member out of range, a model that cannot be trained, sequences longer than the
 *              encoding accepts, or a vocabulary that does not fit the task
 *   PE_MEMORY */
pe_status pe_training_create(const pe_training_config *config, pe_training **training,
                             pe_error *err);
void pe_training_release(pe_training *training);

/* Go on until `steps` steps are done (0: config.steps). Interrupted by `check`: the step that was
 * begun is forgotten, a checkpoint is written, and its status (PE_INTERRUPTED) comes back.
 *   PE_FORMAT  a loss that is not finite: which step; the parameters are those before it
 *   PE_WRITE   a checkpoint cannot be written */
pe_status pe_training_run(pe_training *training, int64_t steps, pe_error *err);

pe_model *pe_training_model(pe_training *training);
int64_t pe_training_step(const pe_training *training);    /* steps done */
double pe_training_loss(const pe_training *training);     /* of the last step, nats */
double pe_training_held_out(const pe_training *training); /* the last one, or NaN */
double pe_training_norm(const pe_training *training);     /* of the last gradients */

/* The record so far: row i is (step, loss, held-out loss or NaN), one for each step. Lent. */
typedef struct pe_training_row {
    double step, loss, held_out;
} pe_training_row;
size_t pe_training_rows(const pe_training *training, const pe_training_row **rows);

/* How well the model does on a task, by drawing `batches` batches of `batch` sequences from the
 * held-out split. m: the length of questions, or 0: as in training. check: for signals, or NULL. */
typedef struct pe_score {
    double loss;     /* mean, nats per asked token */
    double accuracy; /* share of asked tokens whose best class is the target */
    double exact;    /* share of sequences of which all asked tokens are right */
    int64_t tokens, sequences;
} pe_score;
/* Answers are scored with the right answer before them (teacher forcing): a sequence is exact if
 * and only if greedy decoding gives it, since that goes on as long as each token is right. */
pe_status pe_score_task(pe_model *model, pe_task *task, int64_t m, int batch, int batches,
                        uint64_t seed, pe_status (*check)(pe_error *err), pe_score *score,
                        pe_error *err);

#endif
