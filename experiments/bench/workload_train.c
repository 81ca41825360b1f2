/* A training step: 4 layers, width 128, 4 heads, vocabulary 256, AdamW, and as the peers do it 32
 * sequences of 128 tokens. The peer of Transformer-XL (peers.py, as the authors' `untie_r`) has u
 * and v in each layer, so ours has, too: the list of workloads sets tie_uv to false. */
#include "base/memory.h"
#include "bench/workload_make.h"
#include "model/train.h"

#include <stdio.h>
#include <string.h>

enum {
    STEPS_MOST = 1 << 16,
    LENGTH = 128,
    BATCH = 32,
    SYMBOLS = 253 /* and three tokens more */
};

struct pe_bench_training {
    char text[128]; /* of the setting, which is lent to the model */
    pe_setting setting;
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

static void copy_setting(struct pe_bench_training *t, const pe_setting *setting)
{
    const size_t name = strlen(setting->name) + 1;
    snprintf(t->text, sizeof t->text, "%s%c%s", setting->name, '\0', setting->text);
    t->setting = (pe_setting){t->text, t->text + name};
}

pe_status pe_workload_train(pe_workload *w, const pe_variant *variant, const pe_setting *setting,
                            uint64_t seed, pe_error *err)
{
    const int64_t length = w->argument[0] ? w->argument[0] : LENGTH;
    const int batch = w->argument[1] ? (int)w->argument[1] : BATCH;
    struct pe_bench_training *t = w->training = pe_allocate(1, sizeof *t, "training", err);
    if (!t)
        return PE_MEMORY;
    if (setting)
        copy_setting(t, setting);
    const pe_task_config task = {
        .kind = PE_TASK_RECALL, .symbols = SYMBOLS, .length = length, .causal = true};
    pe_status status = pe_task_create(&task, &t->task, err);
    if (status != PE_OK)
        return status;
    const pe_model_config model = {.layers = 4,
                                   .width = 128,
                                   .heads = 4,
                                   .vocabulary = pe_task_vocabulary(t->task),
                                   .length = length,
                                   .causal = true,
                                   .seed = seed,
                                   .precision = PE_FLOAT,
                                   .variant = variant,
                                   .settings = &t->setting,
                                   .setting_count = setting != NULL};
    status = pe_model_create(&model, &t->model, err);
    if (status != PE_OK)
        return status;
    const pe_training_config config = {.model = t->model,
                                       .task = t->task,
                                       .optimiser = pe_optimiser_standard(),
                                       .batch = batch,
                                       .steps = STEPS_MOST,
                                       .seed = seed,
                                       .held_out_every = -1};
    w->run = run_step;
    return pe_training_create(&config, &t->training, err);
}
