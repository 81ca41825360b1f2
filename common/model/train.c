/* The training loop: draw, pass, AdamW, and now and then a measure or a checkpoint. */
#include "model/train.h"
#include "base/memory.h"
#include "io/output.h"
#include "kernels/elementwise.h"
#include "model/checkpoint.h"
#include "model/train_inside.h"

#include <math.h>
#include <string.h>

enum { HELD_OUT_BATCHES = 4, PIECE_OF_BLOCK = 1 << 14 };

/* ---- life cycle ---------------------------------------------------------------------------------
 */

static pe_status check_config(const pe_training_config *c, pe_error *err)
{
    const pe_model_config *m = pe_model_config_of(c->model);
    const pe_optimiser *o = &c->optimiser;
    if (c->steps < 1 || c->steps > (1 << 24))
        return pe_fail(err, PE_USAGE, "training: %lld steps, but 1 to 2^24 are possible",
                       (long long)c->steps);
    if (!(o->rate >= 0 && o->rate < 1e3 && o->beta1 >= 0 && o->beta1 < 1 && o->beta2 >= 0 &&
          o->beta2 < 1 && o->epsilon > 0 && o->decay >= 0 && o->clip >= 0 && o->least_rate >= 0 &&
          o->least_rate <= 1 && o->warm_up >= 0))
        return pe_fail(err, PE_USAGE,
                       "training: the rate and the decay must not be negative, betas from 0 to "
                       "below 1, the least rate from 0 to 1, epsilon positive");
    if (m->precision != PE_FLOAT)
        return pe_fail(err, PE_USAGE, "training: a model is trained in f32");
    if (pe_task_config_of(c->task)->causal != m->causal)
        return pe_fail(err, PE_USAGE, "training: the task was made for a %s model",
                       m->causal ? "bidirectional" : "causal");
    const int wanted = pe_task_vocabulary(c->task);
    if (m->vocabulary < wanted || m->classes < wanted)
        return pe_fail(err, PE_USAGE,
                       "training: the task has %d tokens, the model %d and %d classes", wanted,
                       m->vocabulary, m->classes);
    return pe_model_trainable(c->model, err);
}

static void fill_defaults(pe_training_config *c)
{
    if (c->optimiser.steps == 0)
        c->optimiser.steps = c->steps;
    if (c->held_out_batches == 0)
        c->held_out_batches = HELD_OUT_BATCHES;
}

/* Sequences of training must fit the encoding: one evaluation of a batch finds out. */
static pe_status try_length(pe_training *t, pe_error *err)
{
    pe_evaluation job = {.batch = 1,
                         .n = t->batch.n,
                         .tokens = t->batch.tokens,
                         .targets = t->batch.targets,
                         .check = t->config.check};
    pe_status status = pe_task_draw(t->config.task, PE_TRAIN, t->config.seed, 0, 0, &t->batch, err);
    return status == PE_OK ? pe_model_evaluate(t->config.model, &job, err) : status;
}

/* Trained blocks in pieces that are shared out among threads. */
static pe_status cut_blocks(pe_training *t, pe_error *err)
{
    const pe_model *m = t->config.model;
    const size_t most = m->size / PIECE_OF_BLOCK + m->block_count;
    t->pieces = pe_allocate(most, sizeof *t->pieces, "list of parameters", err);
    if (!t->pieces)
        return PE_MEMORY;
    for (size_t i = 0; i < m->block_count; i++) {
        const pe_model_block *b = &m->blocks[i];
        for (size_t at = 0; !b->frozen && at < b->count; at += PIECE_OF_BLOCK)
            t->pieces[t->piece_count++] = (pe_training_piece){
                .block = b,
                .from = b->from + at,
                .count = b->count - at < PIECE_OF_BLOCK ? b->count - at : PIECE_OF_BLOCK};
    }
    return PE_OK;
}

static pe_status allocate(pe_training *t, pe_error *err)
{
    const pe_training_config *c = &t->config;
    const size_t size = pe_model_size(c->model);
    t->m = pe_allocate(size, sizeof *t->m, "moments", err);
    t->v = pe_allocate(size, sizeof *t->v, "moments", err);
    t->rows = pe_allocate((size_t)c->steps, sizeof *t->rows, "record", err);
    if (!t->m || !t->v || !t->rows || cut_blocks(t, err) != PE_OK)
        return PE_MEMORY;
    if (c->folder && !(t->folder = pe_copy_text(c->folder, "folder", err)))
        return PE_MEMORY;
    if (t->folder && pe_output_folder(t->folder, err) != PE_OK)
        return PE_WRITE;
    if (t->folder && pe_output_remove_leftovers(t->folder, NULL, err) != PE_OK)
        return PE_WRITE; /* of a run that was killed while it wrote */
    pe_status status = pe_batch_create(c->task, c->batch, 0, &t->batch, err);
    if (status == PE_OK && c->held_out_every >= 0)
        status = pe_batch_create(c->task, c->batch, 0, &t->held_out, err);
    return status;
}

pe_status pe_training_create(const pe_training_config *config, pe_training **training,
                             pe_error *err)
{
    pe_status status = check_config(config, err);
    if (status != PE_OK)
        return status;
    pe_training *made = pe_allocate(1, sizeof *made, "training", err);
    if (!made)
        return PE_MEMORY;
    made->config = *config;
    made->loss = made->held_out_loss = made->norm = (double)NAN;
    fill_defaults(&made->config);
    status = allocate(made, err);
    if (status == PE_OK)
        status = try_length(made, err);
    if (status == PE_OK)
        *training = made;
    else
        pe_training_release(made);
    return status;
}

void pe_training_release(pe_training *training)
{
    if (!training)
        return;
    pe_pass_room_release(&training->room);
    pe_batch_release(&training->batch);
    pe_batch_release(&training->held_out);
    pe_release(training->m);
    pe_release(training->v);
    pe_release(training->rows);
    pe_release(training->pieces);
    pe_release(training->folder);
    pe_release(training);
}

/* ---- one step
 * ------------------------------------------------------------------------------------ */

static void keep_bounds(const pe_model_block *b, float *w, size_t count)
{
    if (b->low == 0 && b->high == 0)
        return;
    const float low = (float)b->low, high = (float)b->high;
    for (size_t i = 0; i < count; i++)
        w[i] = w[i] < low ? low : w[i] > high ? high : w[i];
}

static void update_piece(pe_training *t, const pe_training_piece *piece, const pe_adam_f32 *adam)
{
    const pe_model_block *b = piece->block;
    pe_adam_f32 own = *adam;
    float *w = (float *)t->config.model->w + piece->from;
    if (!b->decays)
        own.shrink = 0;
    pe_elementwise_now_f32()->adam(piece->count, &own, (const float *)t->room.lane[0] + piece->from,
                                   w, t->m + piece->from, t->v + piece->from);
    keep_bounds(b, w, piece->count);
}

/* AdamW for step number `step`, 1, 2, ... */
static pe_status update(pe_training *t, int64_t step, pe_error *err)
{
    const pe_optimiser *o = &t->config.optimiser;
    pe_model *model = t->config.model;
    const double rate = pe_optimiser_rate(o, step), norm = t->norm;
    const pe_adam_f32 adam = {.beta1 = (float)o->beta1,
                              .beta2 = (float)o->beta2,
                              .bias1 = (float)(1 / (1 - pow(o->beta1, (double)step))),
                              .bias2 = (float)(1 / (1 - pow(o->beta2, (double)step))),
                              .rate = (float)rate,
                              .epsilon = (float)o->epsilon,
                              .shrink = (float)(rate * o->decay),
                              .scale = o->clip > 0 && norm > o->clip ? (float)(o->clip / norm) : 1};
    /* One region for all blocks: where other programs run, every barrier waits for them. */
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < t->piece_count; i++)
        update_piece(t, &t->pieces[i], &adam);
    model->masters_stale = true;
    return pe_model_refresh(model, err);
}

static pe_status take_step(pe_training *t, pe_error *err)
{
    const pe_training_config *c = &t->config;
    const uint64_t number = (uint64_t)t->step;
    pe_status status = pe_task_draw(c->task, PE_TRAIN, c->seed, number, 0, &t->batch, err);
    pe_pass pass = {.model = c->model,
                    .batch = t->batch.batch,
                    .n = t->batch.n,
                    .tokens = t->batch.tokens,
                    .targets = t->batch.targets,
                    .lengths = t->batch.lengths,
                    .training = true,
                    .seed = c->seed,
                    .step = number,
                    .check = c->check};
    if (status == PE_OK)
        status = pe_pass_gradient_f32(&pass, &t->room, err);
    if (status != PE_OK)
        return status;
    if (!isfinite(pass.loss) || !isfinite(pass.norm))
        return pe_fail(err, PE_FORMAT,
                       "step %lld: the loss is %g and the norm of its gradient %g; a smaller "
                       "learning rate or clipping may help",
                       (long long)t->step + 1, pass.loss, pass.norm);
    t->loss = pass.loss;
    t->norm = pass.norm;
    status = update(t, t->step + 1, err);
    t->step++;
    t->rows[t->row_count++] =
        (pe_training_row){.step = (double)t->step, .loss = t->loss, .held_out = (double)NAN};
    return status;
}

/* ---- between the steps
 * ---------------------------------------------------------------------------- */

static pe_status measure(pe_training *t, pe_error *err)
{
    const pe_training_config *c = &t->config;
    double sum = 0, asked = 0;
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < c->held_out_batches; i++) {
        status = pe_task_draw(c->task, PE_HELD_OUT, c->seed, (uint64_t)i, 0, &t->held_out, err);
        pe_evaluation job = {.batch = t->held_out.batch,
                             .n = t->held_out.n,
                             .tokens = t->held_out.tokens,
                             .targets = t->held_out.targets,
                             .lengths = t->held_out.lengths,
                             .check = c->check};
        if (status == PE_OK)
            status = pe_model_evaluate(c->model, &job, err);
        sum += job.mean_loss * (double)job.asked;
        asked += (double)job.asked;
    }
    if (status != PE_OK)
        return status;
    t->held_out_loss = asked > 0 ? sum / asked : (double)NAN;
    t->rows[t->row_count - 1].held_out = t->held_out_loss;
    return PE_OK;
}

static bool is_due(int64_t step, int64_t every, int64_t last)
{
    return step == last || (every > 0 && step % every == 0);
}

/* Also of a step after which a run was interrupted, before its measure was done. */
static pe_status measure_if_due(pe_training *t, pe_error *err)
{
    const pe_training_config *c = &t->config;
    if (t->step == 0 || c->held_out_every < 0 || !is_due(t->step, c->held_out_every, c->steps) ||
        t->rows[t->row_count - 1].held_out == t->rows[t->row_count - 1].held_out)
        return PE_OK;
    return measure(t, err);
}

/* What is due after a step: the held-out loss, the watch, a checkpoint. */
static pe_status after_step(pe_training *t, pe_error *err)
{
    const pe_training_config *c = &t->config;
    pe_status status = measure_if_due(t, err);
    if (status == PE_OK && c->watch && c->watch_every > 0 &&
        is_due(t->step, c->watch_every, c->steps))
        status = c->watch(t, c->context, err);
    if (status == PE_OK && t->folder && is_due(t->step, c->checkpoint_every, c->steps))
        status = pe_training_save(t, err);
    return status;
}

static bool is_interruption(pe_status status)
{
    return status == PE_INTERRUPTED || status == PE_TERMINATED;
}

pe_status pe_training_run(pe_training *t, int64_t steps, pe_error *err)
{
    const pe_training_config *c = &t->config;
    const int64_t last = steps > 0 && steps < c->steps ? steps : c->steps;
    pe_status status = measure_if_due(t, err);
    if (status == PE_OK && t->step == 0 && c->watch && c->watch_every > 0)
        status = c->watch(t, c->context, err);
    while (status == PE_OK && t->step < last) {
        status = take_step(t, err);
        if (status == PE_OK)
            status = after_step(t, err);
    }
    if (is_interruption(status) && t->folder) {
        pe_error worse;
        const pe_status saved = pe_training_save(t, &worse);
        if (saved != PE_OK)
            return pe_fail(err, saved, "%s", worse.text);
    }
    return status;
}

/* ---- to look at
 * ------------------------------------------------------------------------------------ */

pe_model *pe_training_model(pe_training *training)
{
    return training->config.model;
}

int64_t pe_training_step(const pe_training *training)
{
    return training->step;
}

double pe_training_loss(const pe_training *training)
{
    return training->loss;
}

double pe_training_held_out(const pe_training *training)
{
    return training->held_out_loss;
}

double pe_training_norm(const pe_training *training)
{
    return training->norm;
}

size_t pe_training_rows(const pe_training *training, const pe_training_row **rows)
{
    *rows = training->rows;
    return training->row_count;
}
