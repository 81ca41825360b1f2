/* What one more token costs: pairs of query and key, counted where attention forms them, and time
 * of one processor. */
#include "effective_context.h"

#include "analysis/fit.h"
#include "analysis/summary.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { FIRST = 256, LAST = FIRST << (CONTEXT_LENGTHS - 1), ROUNDS = 7, TOGETHER = 8 };

/* ---- pairs --------------------------------------------------------------------------------------
 */

/* A variant whose `logits` hook counts what it is shown, and then does what the hook did before. */
typedef struct counter {
    pe_variant variant;
    pe_ops_f32 ops;
} counter;

static const pe_ops_f32 *watched;
static long long formed;

static void count_pairs(const pe_call_f32 *c, const pe_tile_f32 *tile, const float *raw, float *s)
{
    const size_t pairs = (size_t)tile->nq * (size_t)tile->nk;
    const size_t heads = tile->head < 0 ? (size_t)c->dims->heads : 1;
    long long seen = 0;
    for (size_t at = 0; at < pairs; at++)
        seen += tile->allowed[at];
#pragma omp atomic
    formed += seen * (long long)heads;
    if (watched->logits)
        watched->logits(c, tile, raw, s);
    else
        memcpy(s, raw, heads * pairs * sizeof *s);
}

static void watch(const pe_variant *variant, counter *c)
{
    *c = (counter){.variant = *variant, .ops = *variant->f32};
    c->ops.logits = count_pairs;
    c->variant.f32 = &c->ops;
    watched = variant->f32;
}

static double take_formed(void)
{
    const double pairs = (double)formed;
    formed = 0;
    return pairs;
}

/* ---- both ways ----------------------------------------------------------------------------------
 */

/* Fill the memory with the first tokens. */
static pe_status fill(pe_model *model, const int32_t *tokens, int64_t length, pe_past **past,
                      pe_error *err)
{
    pe_status status = pe_past_create(model, 1, length, past, err);
    pe_evaluation job = {.batch = 1, .n = length, .tokens = tokens, .past = *past};
    return status == PE_OK ? pe_model_evaluate(model, &job, err) : status;
}

static pe_status ask_kept(pe_model *model, const int32_t *tokens, pe_past *past, int times,
                          pe_error *err)
{
    double row[256];
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < times; i++) {
        pe_evaluation one = {.batch = 1, .n = 1, .tokens = tokens, .past = past, .logits = row};
        status = pe_model_evaluate(model, &one, err);
    }
    return status;
}

static pe_status ask_anew(pe_model *model, const int32_t *tokens, int64_t n, pe_error *err)
{
    pe_evaluation window = {.batch = 1, .n = n, .tokens = tokens};
    return pe_model_evaluate(model, &window, err);
}

static pe_status count_length(pe_model *model, const int32_t *tokens, int at, context_costs *c,
                              pe_error *err)
{
    const int64_t length = FIRST << at;
    pe_past *past = NULL;
    pe_status status = fill(model, tokens, length, &past, err);
    take_formed();
    if (status == PE_OK)
        status = ask_kept(model, tokens, past, 1, err);
    c->pairs_kept[at] = take_formed();
    if (status == PE_OK)
        status = ask_anew(model, tokens, length + 1, err);
    c->pairs_anew[at] = take_formed();
    pe_past_release(past);
    return status;
}

static pe_status slope_of(const double *length, const double *kept, const double *anew,
                          double *slope, pe_error *err)
{
    double ratio[CONTEXT_LENGTHS];
    pe_line line = {0};
    for (int i = 0; i < CONTEXT_LENGTHS; i++)
        ratio[i] = anew[i] / kept[i];
    pe_status status = pe_fit_power(length, ratio, CONTEXT_LENGTHS, &line, err);
    *slope = line.slope;
    return status;
}

static pe_status count_all(const pe_lab *lab, const pe_subject *subject, const int32_t *tokens,
                           context_costs *c, pe_error *err)
{
    counter own;
    pe_model *model = NULL;
    watch(subject->variant, &own);
    pe_status status =
        context_model(lab, subject, &own.variant, 1, LAST + 1, PE_FLOAT, &model, err);
    for (int i = 0; status == PE_OK && i < CONTEXT_LENGTHS; i++)
        status = count_length(model, tokens, i, c, err);
    pe_model_release(model);
    return status == PE_OK ? slope_of(c->length, c->pairs_kept, c->pairs_anew, &c->pairs_slope, err)
                           : status;
}

/* ---- time ---------------------------------------------------------------------------------------
 */

/* Of this thread's processor and not of the clock on the wall: neither other programs count nor
 * experiments beside this one. One sequence is the work of the thread that asks. */
static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct rounds {
    double kept[CONTEXT_LENGTHS][ROUNDS], anew[CONTEXT_LENGTHS][ROUNDS], slope[ROUNDS];
} rounds;

/* All lengths in turn, so that what disturbs the machine meets all of them. */
static pe_status time_round(pe_model *model, const int32_t *tokens, pe_past *const *past, int round,
                            rounds *r, const context_costs *c, pe_error *err)
{
    double kept[CONTEXT_LENGTHS], anew[CONTEXT_LENGTHS];
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < CONTEXT_LENGTHS; i++) {
        const double from = processor_seconds();
        status = ask_kept(model, tokens, past[i], TOGETHER, err);
        const double between = processor_seconds();
        if (status == PE_OK)
            status = ask_anew(model, tokens, (FIRST << i) + 1, err);
        kept[i] = r->kept[i][round] = (between - from) / TOGETHER;
        anew[i] = r->anew[i][round] = processor_seconds() - between;
    }
    return status == PE_OK ? slope_of(c->length, kept, anew, &r->slope[round], err) : status;
}

static pe_status sum_up(const rounds *r, context_costs *c, pe_error *err)
{
    pe_summary s = {0};
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < CONTEXT_LENGTHS; i++) {
        status = pe_summarise(r->kept[i], ROUNDS, &s, err);
        c->kept[i] = s.median;
        if (status == PE_OK)
            status = pe_summarise(r->anew[i], ROUNDS, &s, err);
        c->anew[i] = s.median;
    }
    if (status == PE_OK)
        status = pe_summarise(r->slope, ROUNDS, &s, err);
    c->slope = s.median, c->low = s.min, c->high = s.max;
    return status;
}

static pe_status time_all(const pe_lab *lab, const pe_subject *subject, const int32_t *tokens,
                          context_costs *c, pe_error *err)
{
    const int64_t most = LAST + (ROUNDS + 1) * TOGETHER + 1;
    pe_model *model = NULL;
    pe_past *past[CONTEXT_LENGTHS] = {NULL};
    rounds r;
    pe_status status =
        context_model(lab, subject, subject->variant, 1, most, PE_FLOAT, &model, err);
    for (int i = 0; status == PE_OK && i < CONTEXT_LENGTHS; i++)
        status = fill(model, tokens, FIRST << i, &past[i], err);
    if (status == PE_OK)
        status = time_round(model, tokens, past, 0, &r, c, err); /* warm */
    for (int round = 0; status == PE_OK && round < ROUNDS; round++)
        status = time_round(model, tokens, past, round, &r, c, err);
    for (int i = 0; i < CONTEXT_LENGTHS; i++)
        pe_past_release(past[i]);
    pe_model_release(model);
    return status == PE_OK ? sum_up(&r, c, err) : status;
}

pe_status context_cost(const pe_lab *lab, const pe_subject *subject, context_costs *c,
                       pe_error *err)
{
    int32_t *tokens = context_tokens(lab, LAST + 1, err);
    for (int i = 0; i < CONTEXT_LENGTHS; i++)
        c->length[i] = FIRST << i;
    pe_status status = tokens ? count_all(lab, subject, tokens, c, err) : PE_MEMORY;
    if (status == PE_OK)
        status = time_all(lab, subject, tokens, c, err);
    pe_release(tokens);
    return status;
}
