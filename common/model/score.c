/* How well a model does a task: per token and per whole answer. */
#include "base/memory.h"
#include "model/train.h"

/* Sequences of the batch whose asked tokens are all right, and those with any. */
static void count_exact(const pe_batch *batch, const int32_t *best, pe_score *score)
{
    for (int b = 0; b < batch->batch; b++) {
        bool asked = false, right = true;
        for (int64_t i = b * batch->n; i < (b + 1) * batch->n; i++)
            if (batch->targets[i] != PE_IGNORE) {
                asked = true;
                right = right && best[i] == batch->targets[i];
            }
        score->sequences += asked;
        score->exact += asked && right;
    }
}

static pe_status score_batch(pe_model *model, pe_task *task, int64_t m, uint64_t seed,
                             uint64_t number, pe_status (*check)(pe_error *err), pe_batch *batch,
                             int32_t *best, pe_score *score, pe_error *err)
{
    pe_status status = pe_task_draw(task, PE_HELD_OUT, seed, number, m, batch, err);
    pe_evaluation job = {.batch = batch->batch,
                         .n = batch->n,
                         .tokens = batch->tokens,
                         .targets = batch->targets,
                         .lengths = batch->lengths,
                         .best = best,
                         .check = check};
    if (status == PE_OK)
        status = pe_model_evaluate(model, &job, err);
    if (status != PE_OK)
        return status;
    score->loss += job.mean_loss * (double)job.asked;
    score->accuracy += (double)job.correct;
    score->tokens += job.asked;
    count_exact(batch, best, score);
    return PE_OK;
}

pe_status pe_score_task(pe_model *model, pe_task *task, int64_t m, int batch, int batches,
                        uint64_t seed, pe_status (*check)(pe_error *err), pe_score *score,
                        pe_error *err)
{
    pe_batch drawn = {0};
    *score = (pe_score){0};
    pe_status status = pe_batch_create(task, batch, m, &drawn, err);
    if (status != PE_OK)
        return status;
    int32_t *best = pe_allocate((size_t)batch * (size_t)drawn.n, sizeof *best, "best classes", err);
    status = best ? PE_OK : PE_MEMORY;
    for (int i = 0; status == PE_OK && i < batches; i++)
        status = score_batch(model, task, m, seed, (uint64_t)i, check, &drawn, best, score, err);
    const double tokens = score->tokens ? (double)score->tokens : 1;
    score->loss /= tokens;
    score->accuracy /= tokens;
    score->exact /= score->sequences ? (double)score->sequences : 1;
    pe_release(best);
    pe_batch_release(&drawn);
    return status;
}
