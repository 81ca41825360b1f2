/* A training step: 4 layers, width 128, 4 heads, 32 sequences of 128 tokens, vocabulary 256, AdamW.
 */
#include "base/memory.h"
#include "bench/workload_make.h"
#include "model/train.h"

enum { STEPS_MOST = 1 << 16, LENGTH = 128, SYMBOLS = 253 }; /* and three tokens more */

struct pe_bench_training {
    pe_task *task;
    pe_model *model;
    pe_training *training;
};

void pe_workload_training_release(struct pe_bench_training *t)
{
    if (!t)
        return;
    pe_training_release(t->training);
    pe_model_release(t->model);
    pe_task_release(t->task);
    pe_release(t);
}

static pe_status run_step(pe_workload *w, double *checksum, pe_error *err)
{
    pe_training *training = w->training->training;
    pe_status status = pe_training_run(training, pe_training_step(training) + 1, err);
    if (checksum)
        *checksum = pe_training_loss(training);
    return status;
}

pe_status pe_workload_train(pe_workload *w, const pe_variant *variant, uint64_t seed, pe_error *err)
{
    struct pe_bench_training *t = w->training = pe_allocate(1, sizeof *t, "training", err);
    if (!t)
        return PE_MEMORY;
    const pe_task_config task = {
        .kind = PE_TASK_RECALL, .symbols = SYMBOLS, .length = LENGTH, .causal = true};
    pe_status status = pe_task_create(&task, &t->task, err);
    if (status != PE_OK)
        return status;
    const pe_model_config model = {.layers = 4,
                                   .width = 128,
                                   .heads = 4,
                                   .vocabulary = pe_task_vocabulary(t->task),
                                   .length = LENGTH,
                                   .causal = true,
                                   .seed = seed,
                                   .precision = PE_FLOAT,
                                   .variant = variant};
    status = pe_model_create(&model, &t->model, err);
    if (status != PE_OK)
        return status;
    const pe_training_config config = {.model = t->model,
                                       .task = t->task,
                                       .optimiser = pe_optimiser_standard(),
                                       .batch = 32,
                                       .steps = STEPS_MOST,
                                       .seed = seed,
                                       .held_out_every = -1};
    w->run = run_step;
    return pe_training_create(&config, &t->training, err);
}
