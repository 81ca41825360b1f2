/* Figures of rotations of queries and keys. */
#include "figures.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <string.h>

/* Tokens with standard normal q and k, one head, at places of their own. */
typedef struct tokens {
    int64_t n;
    int width;
    double *q, *k, *v, *x;
    int64_t *q_index, *k_index;
    double *q_coord, *k_coord;
} tokens;

static void release_tokens(tokens *t)
{
    pe_release(t->q);
    pe_release(t->q_index);
    pe_release(t->q_coord);
}

static pe_status make_tokens(const figure_task *task, int64_t n, tokens *t, pe_error *err)
{
    const size_t values = (size_t)n * (size_t)task->stated->width;
    *t = (tokens){.n = n, .width = task->stated->width};
    t->q = pe_allocate(4 * values, sizeof *t->q, "tokens", err);
    t->q_index = pe_allocate(2 * (size_t)n, sizeof *t->q_index, "indices", err);
    t->q_coord = pe_allocate(2 * (size_t)n, sizeof *t->q_coord, "coordinates", err);
    if (!t->q || !t->q_index || !t->q_coord) {
        release_tokens(t);
        return PE_MEMORY;
    }
    t->k = t->q + values;
    t->v = t->k + values;
    t->x = t->v + values;
    t->k_index = t->q_index + n;
    t->k_coord = t->q_coord + n;
    pe_stream stream = pe_stream_open(task->seed, "gallery tokens", 0);
    pe_fill_normal(&stream, t->q, 4 * values, 0, 1);
    return PE_OK;
}

static void place(tokens *t, int64_t q_first, int64_t q_step, int64_t k_first, int64_t k_step)
{
    for (int64_t i = 0; i < t->n; i++) {
        t->q_coord[i] = (double)(t->q_index[i] = q_first + i * q_step);
        t->k_coord[i] = (double)(t->k_index[i] = k_first + i * k_step);
    }
}

static pe_status attend(const tokens *t, pe_instance *instance, pe_attended *attended,
                        pe_error *err)
{
    const pe_job job = {.instance = instance,
                        .precision = PE_DOUBLE,
                        .batch = 1,
                        .nq = t->n,
                        .nk = t->n,
                        .q_index = t->q_index,
                        .k_index = t->k_index,
                        .q_coord = t->q_coord,
                        .k_coord = t->k_coord,
                        .q = t->q,
                        .k = t->k,
                        .v = t->v,
                        .x = t->x,
                        .want_logits = true,
                        .want_mapped = true};
    return pe_run_attention(&job, attended, err);
}

static double length(const double *x, int width)
{
    double sum = 0;
    for (int c = 0; c < width; c++)
        sum += x[c] * x[c];
    return sqrt(sum);
}

/* ---- lengths ---- */

static pe_status lengths(const figure_task *task, pe_instance *instance, double *value,
                         pe_error *err)
{
    tokens t;
    pe_attended a = {0};
    double mean = 0, most = 0, ratio = 0;
    pe_status status = make_tokens(task, task->stated->n, &t, err);
    if (status != PE_OK)
        return status;
    place(&t, 0, 1, 0, 1);
    status = attend(&t, instance, &a, err);
    for (int64_t i = 0; status == PE_OK && i < t.n; i++) {
        const double r =
            length(a.mapped_q.hi + i * t.width, t.width) / length(t.q + i * t.width, t.width);
        mean += 100 * fabs(r - 1) / (double)t.n;
        most = fmax(most, 100 * fabs(r - 1));
        ratio += r / (double)t.n;
    }
    *value = task->stated->what == PE_MEASURED_TURN_MEAN   ? mean
             : task->stated->what == PE_MEASURED_TURN_MOST ? most
                                                           : ratio;
    pe_attended_release(&a);
    release_tokens(&t);
    return status;
}

/* ---- a query and a key move together ---- */

enum { MOVED_TOKENS = 64, MOVES = 8 };

static pe_status moved(const figure_task *task, pe_instance *instance, double *value, pe_error *err)
{
    tokens t;
    pe_attended here = {0};
    const int64_t span = task->stated->n;
    double sum = 0;
    pe_status status = make_tokens(task, MOVED_TOKENS, &t, err);
    if (status != PE_OK)
        return status;
    place(&t, 0, 1, 0, 1);
    status = attend(&t, instance, &here, err);
    for (int64_t m = 1; status == PE_OK && m <= MOVES; m++) {
        pe_attended there = {0};
        const int64_t by = m * span / MOVES;
        place(&t, by, 1, by, 1);
        status = attend(&t, instance, &there, err);
        for (size_t at = 0; status == PE_OK && at < here.logits.count; at++)
            sum += fabs(there.logits.hi[at] - here.logits.hi[at]);
        pe_attended_release(&there);
    }
    *value = sum / ((double)MOVES * (double)here.logits.count);
    pe_attended_release(&here);
    release_tokens(&t);
    return status;
}

/* ---- correlation of logits, exactly ---- */

/* A logit is q^T A k, and over independent normal q and k two of them correlate by
 * <A, B> / (|A| |B|). A is found with unit vectors as queries and keys. */
static pe_status correlation(const figure_task *task, const pe_exhibited *pair, double *value,
                             pe_error *err)
{
    tokens t;
    pe_attended a = {0}, b = {0};
    double both = 0, bug = 0, twin = 0;
    pe_status status = make_tokens(task, task->stated->width, &t, err);
    if (status != PE_OK)
        return status;
    memset(t.q, 0, 2 * (size_t)(t.n * t.n) * sizeof *t.q);
    for (int64_t i = 0; i < t.n; i++)
        t.q[i * t.n + i] = t.k[i * t.n + i] = 1;
    place(&t, (int64_t)task->stated->from, 0, 0, 0);
    status = attend(&t, pair->bug, &a, err);
    if (status == PE_OK)
        status = attend(&t, pair->twin, &b, err);
    for (size_t at = 0; status == PE_OK && at < a.logits.count; at++) {
        both += a.logits.hi[at] * b.logits.hi[at];
        bug += a.logits.hi[at] * a.logits.hi[at];
        twin += b.logits.hi[at] * b.logits.hi[at];
    }
    *value = both / sqrt(bug * twin);
    pe_attended_release(&a);
    pe_attended_release(&b);
    release_tokens(&t);
    return status;
}

pe_status figure_of_turns(const figure_task *task, double *value, pe_error *err)
{
    pe_exhibited pair;
    pe_status status = figure_open(task, 1, &pair, err);
    if (status != PE_OK)
        return status;
    if (task->stated->what == PE_MEASURED_CORRELATION)
        status = correlation(task, &pair, value, err);
    else if (task->stated->what == PE_MEASURED_MOVED_MEAN)
        status = moved(task, pair.bug, value, err);
    else
        status = lengths(task, pair.bug, value, err);
    pe_exhibit_close(&pair);
    return status;
}
