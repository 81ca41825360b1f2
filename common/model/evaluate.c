/* Evaluation, gradients and pulled-back cotangents, for experiments. */
#include "model/evaluate.h"
#include "base/memory.h"
#include "core/gradient.h"
#include "model/inside.h"

#include <math.h>
#include <string.h>

/* ---- the past ---------------------------------------------------------------------------------
 */

static void *keep_room(const pe_model *model, int64_t rows, int64_t width, pe_error *err)
{
    size_t count;
    if (__builtin_mul_overflow((size_t)rows, (size_t)width, &count))
        count = SIZE_MAX / 64;
    return pe_allocate(count, pe_precision_size(model->config.precision), "memory of a layer", err);
}

static pe_status make_layers(pe_past *past, pe_error *err)
{
    const pe_model *m = past->model;
    const size_t layers = (size_t)m->config.layers;
    const int64_t rows = past->batch * past->capacity;
    past->k = pe_allocate(layers, sizeof *past->k, "memory", err);
    past->v = pe_allocate(layers, sizeof *past->v, "memory", err);
    past->hidden = pe_allocate(layers, sizeof *past->hidden, "memory", err);
    if (!past->k || !past->v || !past->hidden)
        return PE_MEMORY;
    for (size_t l = 0; l < layers; l++) {
        past->k[l] = keep_room(m, rows, m->I, err);
        past->v[l] = keep_room(m, rows, m->I, err);
        const bool hidden = m->encoding[l]->info.flags & PE_NEEDS_HIDDEN;
        if (hidden)
            past->hidden[l] = keep_room(m, rows, m->X, err);
        if (!past->k[l] || !past->v[l] || (hidden && !past->hidden[l]))
            return PE_MEMORY;
    }
    return PE_OK;
}

pe_status pe_past_create(const pe_model *model, int batch, int64_t capacity, pe_past **past,
                         pe_error *err)
{
    if (!model->config.causal)
        return pe_fail(err, PE_USAGE, "only a causal model can keep keys of the past");
    if (batch < 1 || capacity < 1 || capacity > (1 << 24))
        return pe_fail(err, PE_USAGE, "memory needs a batch and 1 to 2^24 tokens, not %d and %lld",
                       batch, (long long)capacity);
    pe_past *made = pe_allocate(1, sizeof *made, "memory", err);
    if (!made)
        return PE_MEMORY;
    *made = (pe_past){.model = model, .batch = batch, .capacity = capacity};
    pe_status status = make_layers(made, err);
    if (status == PE_OK)
        *past = made;
    else
        pe_past_release(made);
    return status;
}

void pe_past_release(pe_past *past)
{
    if (!past)
        return;
    void **const lists[] = {past->k, past->v, past->hidden};
    for (int i = 0; i < 3; i++) {
        for (int l = 0; lists[i] && l < past->model->config.layers; l++)
            pe_release(lists[i][l]);
        pe_release(lists[i]);
    }
    pe_release(past);
}

void pe_past_clear(pe_past *past)
{
    past->held = past->start = 0;
}

int64_t pe_past_held(const pe_past *past)
{
    return past->held;
}

int64_t pe_past_start(const pe_past *past)
{
    return past->start;
}

/* ---- evaluation -------------------------------------------------------------------------------
 */

/* What the results need that the caller may not have wanted: losses and best classes. */
typedef struct own_results {
    double *loss;
    int32_t *best;
} own_results;

static pe_status lend_results(pe_evaluation *job, own_results *own, pe_error *err)
{
    const size_t tokens = (size_t)job->batch * (size_t)job->n;
    *own = (own_results){0};
    if (job->targets && !job->loss)
        job->loss = own->loss = pe_allocate(tokens, sizeof *own->loss, "losses", err);
    if (job->targets && !job->best)
        job->best = own->best = pe_allocate(tokens, sizeof *own->best, "best classes", err);
    return job->targets && (!job->loss || !job->best) ? PE_MEMORY : PE_OK;
}

static void sum_up(pe_evaluation *job)
{
    double sum = 0;
    job->asked = job->correct = 0;
    for (int64_t i = 0; job->targets && i < job->batch * job->n; i++)
        if (job->targets[i] != PE_IGNORE) {
            sum += job->loss[i];
            job->asked++;
            job->correct += job->best[i] == job->targets[i];
        }
    job->mean_loss = job->asked ? sum / (double)job->asked : 0;
}

static pe_status check_past(const pe_model *model, const pe_evaluation *job, pe_error *err)
{
    const pe_past *past = job->past;
    if (past && (past->model != model || past->batch != job->batch))
        return pe_fail(err, PE_USAGE, "the memory was made for another model or for %d sequences",
                       past->batch);
    if (past && job->lengths)
        return pe_fail(err, PE_USAGE, "with memory all sequences have %lld tokens: no lengths",
                       (long long)job->n);
    if (job->loss && !job->targets)
        return pe_fail(err, PE_USAGE, "a loss needs targets");
    return PE_OK;
}

pe_status pe_model_evaluate(pe_model *model, pe_evaluation *job, pe_error *err)
{
    own_results own;
    pe_status status = pe_model_check_batch(model, job->batch, job->n, job->tokens, job->targets,
                                            job->lengths, err);
    if (status == PE_OK)
        status = check_past(model, job, err);
    if (status != PE_OK)
        return status;
    status = lend_results(job, &own, err);
    if (status == PE_OK && model->config.precision == PE_FLOAT)
        status = pe_pass_evaluate_f32(model, job, err);
    else if (status == PE_OK)
        status = pe_pass_evaluate_f64(model, job, err);
    if (status == PE_OK)
        sum_up(job);
    if (status == PE_OK && job->past) {
        pe_past *past = job->past;
        past->start += job->n;
        past->held += job->n;
        past->held = past->held < past->capacity ? past->held : past->capacity;
    }
    if (own.loss)
        job->loss = NULL;
    if (own.best)
        job->best = NULL;
    pe_release(own.loss);
    pe_release(own.best);
    return status;
}

/* ---- gradients --------------------------------------------------------------------------------
 */

static pe_status run_pass(pe_pass *pass, double *gradient, pe_error *err)
{
    pe_pass_room room = {0};
    pe_model *m = pass->model;
    const bool single = m->config.precision == PE_FLOAT;
    pe_status status = pe_model_trainable(m, err);
    if (status == PE_OK)
        status = single ? pe_pass_gradient_f32(pass, &room, err)
                        : pe_pass_gradient_f64(pass, &room, err);
    for (size_t i = 0; status == PE_OK && gradient && i < m->size; i++)
        gradient[i] = single ? (double)((float *)room.lane[0])[i] : ((double *)room.lane[0])[i];
    pe_pass_room_release(&room);
    return status;
}

void pe_pass_room_release(pe_pass_room *room)
{
    for (size_t i = 0; i < room->lanes; i++)
        pe_release(room->lane[i]);
    for (size_t i = 0; i < room->workers; i++)
        pe_release(room->arena[i]);
    pe_release(room->arena);
    pe_release(room->arena_bytes);
    pe_release(room->squares);
    *room = (pe_pass_room){0};
}

pe_status pe_model_gradient(pe_model *model, pe_gradient_job *job, pe_error *err)
{
    if (!job->targets)
        return pe_fail(err, PE_USAGE, "a loss needs targets");
    pe_status status = pe_model_check_batch(model, job->batch, job->n, job->tokens, job->targets,
                                            job->lengths, err);
    if (status != PE_OK)
        return status;
    pe_pass pass = {.model = model,
                    .batch = job->batch,
                    .n = job->n,
                    .tokens = job->tokens,
                    .targets = job->targets,
                    .lengths = job->lengths,
                    .training = job->training,
                    .seed = job->seed,
                    .step = job->step};
    status = run_pass(&pass, job->gradient, err);
    job->loss = pass.loss;
    return status;
}

pe_status pe_model_pullback(pe_model *model, const pe_pullback *job, pe_error *err)
{
    if (!job->dlogits == !job->dhidden)
        return pe_fail(err, PE_USAGE, "give the gradient by the logits or by the hidden rows, one");
    pe_status status =
        pe_model_check_batch(model, job->batch, job->n, job->tokens, NULL, job->lengths, err);
    if (status != PE_OK)
        return status;
    pe_pass pass = {.model = model,
                    .batch = job->batch,
                    .n = job->n,
                    .tokens = job->tokens,
                    .lengths = job->lengths,
                    .dlogits = job->dlogits,
                    .dhidden = job->dhidden,
                    .dinput = job->dinput};
    return run_pass(&pass, NULL, err);
}
