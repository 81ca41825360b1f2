/* Figures of additive terms: biases, relative rows, the shift of a matrix. */
#include "figures.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <string.h>

/* One attention of n tokens, random but for what is set to zero. */
typedef struct asked {
    pe_instance *instance;
    int64_t n, nq;
    double *q, *k, *v, *x;
    const int64_t *q_index; /* or NULL: the last nq */
    bool causal;
} asked;

static pe_status draw(const figure_task *task, int64_t n, int heads, asked *a, pe_error *err)
{
    const size_t values = (size_t)n * (size_t)task->stated->width;
    (void)heads; /* heads times their width is the width of x */
    *a = (asked){.n = n, .nq = n};
    a->q = pe_allocate(4 * values, sizeof *a->q, "tokens", err);
    if (!a->q)
        return PE_MEMORY;
    a->k = a->q + values;
    a->v = a->k + values;
    a->x = a->v + values;
    pe_stream stream = pe_stream_open(task->seed, "gallery terms", 0);
    pe_fill_normal(&stream, a->q, 4 * values, 0, 1);
    return PE_OK;
}

static void zero(double *x, int64_t count)
{
    memset(x, 0, (size_t)count * sizeof *x);
}

static pe_status ask(const asked *a, pe_attended *attended, pe_error *err)
{
    double *coord = NULL;
    pe_status status = PE_OK;
    if (a->q_index) {
        coord = pe_allocate((size_t)a->nq, sizeof *coord, "coordinates", err);
        if (!coord)
            return PE_MEMORY;
        for (int64_t i = 0; i < a->nq; i++)
            coord[i] = (double)a->q_index[i];
    }
    const pe_job job = {.instance = a->instance,
                        .precision = PE_DOUBLE,
                        .batch = 1,
                        .nq = a->nq,
                        .nk = a->n,
                        .q_index = a->q_index,
                        .q_coord = coord,
                        .causal = a->causal,
                        .q = a->q,
                        .k = a->k,
                        .v = a->v,
                        .x = a->x,
                        .want_logits = true,
                        .want_weights = true};
    status = pe_run_attention(&job, attended, err);
    pe_release(coord);
    return status;
}

/* ---- biases ---- */

static pe_status last_row(const figure_task *task, const pe_exhibited *pair, asked *a,
                          double *value, pe_error *err)
{
    const pe_stated *f = task->stated;
    pe_attended bug = {0}, twin = {0};
    if (f->what != PE_MEASURED_OFFSETS)
        zero(a->q, a->n * f->width);
    zero(a->k, a->n * f->width);
    a->nq = 1;
    a->instance = pair->bug;
    pe_status status = ask(a, &bug, err);
    a->instance = pair->twin;
    if (status == PE_OK)
        status = ask(a, &twin, err);
    if (status == PE_OK && f->what == PE_MEASURED_BIAS_ERROR) {
        *value = 0;
        for (size_t at = 0; at < bug.logits.count; at++)
            *value = fmax(*value, fabs(bug.logits.hi[at] - twin.logits.hi[at]));
    } else if (status == PE_OK) {
        *value = (double)count_different((size_t)a->n, bug.logits.hi);
    }
    pe_attended_release(&bug);
    pe_attended_release(&twin);
    return status;
}

static pe_status slope(const figure_task *task, asked *a, double *value, pe_error *err)
{
    pe_attended attended = {0};
    const int64_t n = a->n;
    zero(a->q, n * task->stated->width);
    zero(a->k, n * task->stated->width);
    const pe_status status = ask(a, &attended, err);
    if (status == PE_OK) {
        const double *S = attended.logits.hi + (int64_t)task->stated->from * n * n;
        *value = S[n + 1] - S[n];
    }
    pe_attended_release(&attended);
    return status;
}

/* ---- whole matrices ---- */

static double weight_change(const pe_attended *bug, const pe_attended *twin)
{
    double most = 0;
    for (size_t at = 0; at < bug->weights.count; at++)
        most = fmax(most, fabs(bug->weights.hi[at] - twin->weights.hi[at]));
    return most;
}

static double mirror_gap(const pe_attended *bug, const pe_attended *twin, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            most = fmax(most, fabs(bug->logits.hi[i * n + j] - twin->logits.hi[j * n + i]));
    return most;
}

static double share_right(const pe_attended *bug, const pe_attended *twin, int64_t n, bool above)
{
    double right = 0, all = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = above ? i + 1 : 0; j < (above ? n : i + 1); j++) {
            all++;
            right += fabs(bug->logits.hi[i * n + j] - twin->logits.hi[i * n + j]) < 1e-12;
        }
    return right / all;
}

/* All queries the first one, no keys: only the places differ. */
static void make_same(const figure_task *task, asked *a)
{
    const int width = task->stated->width;
    zero(a->k, a->n * width);
    for (int64_t i = 1; i < a->n; i++)
        memcpy(a->q + i * width, a->q, (size_t)width * sizeof *a->q);
}

static pe_status matrices(const figure_task *task, const pe_exhibited *pair, asked *a,
                          double *value, pe_error *err)
{
    pe_attended bug = {0}, twin = {0};
    const pe_measured what = task->stated->what;
    if (what == PE_MEASURED_MIRRORED)
        make_same(task, a);
    a->causal = what == PE_MEASURED_ATTENTION && task->exhibit->causal;
    a->instance = pair->bug;
    pe_status status = ask(a, &bug, err);
    a->instance = pair->twin;
    if (status == PE_OK)
        status = ask(a, &twin, err);
    if (status == PE_OK)
        *value = what == PE_MEASURED_ATTENTION ? weight_change(&bug, &twin)
                 : what == PE_MEASURED_MIRRORED
                     ? mirror_gap(&bug, &twin, a->n)
                     : share_right(&bug, &twin, a->n, what == PE_MEASURED_RIGHT_ABOVE);
    pe_attended_release(&bug);
    pe_attended_release(&twin);
    return status;
}

/* ---- the shift ---- */

/* X[i][m]: what query i says to distance K-1-m. All queries stand at the last place. */
static pe_status raw_scores(pe_instance *twin, asked *a, double *X, pe_error *err)
{
    pe_attended attended = {0};
    int64_t *index = pe_allocate((size_t)a->n, sizeof *index, "indices", err);
    if (!index)
        return PE_MEMORY;
    for (int64_t i = 0; i < a->n; i++)
        index[i] = a->n - 1;
    a->instance = twin;
    a->q_index = index;
    const pe_status status = ask(a, &attended, err);
    if (status == PE_OK)
        memcpy(X, attended.logits.hi, (size_t)(a->n * a->n) * sizeof *X);
    a->q_index = NULL;
    pe_attended_release(&attended);
    pe_release(index);
    return status;
}

/* A column of zeros on the left, the memory read with rows of n, then the first (keep [1:]) or the
 * last row (keep [:-1]) dropped: kept[at] of the (n, n) result. */
static double shifted_entry(const double *X, int64_t n, bool keep_first, int64_t at)
{
    const int64_t flat = keep_first ? at : at + n, row = flat / (n + 1), column = flat % (n + 1);
    return column == 0 ? 0 : X[row * n + column - 1];
}

static pe_status shifted(const figure_task *task, const pe_exhibited *pair, asked *a, double *value,
                         pe_error *err)
{
    const int64_t n = a->n;
    pe_attended bug = {0};
    double *X = pe_allocate((size_t)(n * n), sizeof *X, "scores", err);
    if (!X)
        return PE_MEMORY;
    zero(a->k, n * task->stated->width);
    pe_status status = raw_scores(pair->twin, a, X, err);
    a->instance = pair->bug;
    if (status == PE_OK)
        status = ask(a, &bug, err);
    *value = 0;
    for (int64_t at = 0; status == PE_OK && at < n * n; at++)
        *value =
            fmax(*value, fabs(bug.logits.hi[at] - shifted_entry(X, n, task->stated->from > 0, at)));
    pe_attended_release(&bug);
    pe_release(X);
    return status;
}

pe_status figure_of_terms(const figure_task *task, double *value, pe_error *err)
{
    const pe_stated *f = task->stated;
    const int heads = task->exhibit->heads ? task->exhibit->heads : 1;
    pe_exhibited pair;
    asked a;
    pe_status status = figure_open(task, heads, &pair, err);
    if (status != PE_OK)
        return status;
    status = draw(task, f->what == PE_MEASURED_SLOPE ? 2 : f->n, heads, &a, err);
    if (status == PE_OK) {
        a.instance = pair.bug;
        if (f->what == PE_MEASURED_SLOPE)
            status = slope(task, &a, value, err);
        else if (f->what == PE_MEASURED_SHIFTED)
            status = shifted(task, &pair, &a, value, err);
        else if (f->what >= PE_MEASURED_ATTENTION)
            status = matrices(task, &pair, &a, value, err);
        else
            status = last_row(task, &pair, &a, value, err);
        pe_release(a.q);
    }
    pe_exhibit_close(&pair);
    return status;
}
