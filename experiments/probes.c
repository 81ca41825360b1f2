/* Probes: position and order read from codes and from hidden states, and the floor of a model that
 * has no positions (METRICS 2.4, 4.1). */
#include "probes.h"

#include "analysis/random.h"
#include "analysis/ridge.h"
#include "base/memory.h"

#include <math.h>

enum { PAIRS = 1500 };

/* ---- rows and what is read from them ------------------------------------------------------------
 */

pe_status probes_rows_make(probes_rows *rows, size_t groups, size_t per_group, size_t d,
                           pe_error *err)
{
    *rows = (probes_rows){.groups = groups, .per_group = per_group, .d = d};
    rows->x = pe_allocate(groups * per_group, d * sizeof *rows->x, "rows to probe", err);
    rows->t = pe_allocate(groups * per_group, sizeof *rows->t, "positions to probe", err);
    return rows->x && rows->t ? PE_OK : PE_MEMORY;
}

void probes_rows_release(probes_rows *rows)
{
    pe_release(rows->x);
    pe_release(rows->t);
    *rows = (probes_rows){0};
}

static pe_status probe_position(const probes_rows *train, const probes_rows *test, double ridge,
                                double *w, probes_found *found, pe_error *err)
{
    const size_t n = train->groups * train->per_group, m = test->groups * test->per_group;
    pe_status status = pe_ridge_fit(train->x, train->t, n, train->d, ridge, w, err);
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += train->t[i] / (double)n;
    found->mae = found->chance = 0;
    for (size_t i = 0; status == PE_OK && i < m; i++) {
        const double told = pe_ridge_predict(w, test->x + i * test->d, test->d);
        found->mae += fabs(told - test->t[i]) / (double)m;
        found->chance += fabs(mean - test->t[i]) / (double)m;
    }
    return status;
}

/* Pair number p: two different rows of one group, their difference, and +1 when the first is later.
 */
static double draw_pair(const probes_rows *rows, pe_stream *stream, double *difference)
{
    const size_t group = pe_stream_below(stream, (uint32_t)rows->groups) * rows->per_group;
    const size_t a = pe_stream_below(stream, (uint32_t)rows->per_group);
    size_t b = pe_stream_below(stream, (uint32_t)rows->per_group - 1);
    b += b >= a;
    for (size_t c = 0; c < rows->d; c++)
        difference[c] = rows->x[(group + a) * rows->d + c] - rows->x[(group + b) * rows->d + c];
    return rows->t[group + a] > rows->t[group + b] ? 1 : -1;
}

static pe_status probe_order(const probes_rows *train, const probes_rows *test, double ridge,
                             uint64_t seed, double *w, probes_found *found, pe_error *err)
{
    const size_t d = train->d;
    double *x = pe_allocate(PAIRS, (d + 1) * sizeof *x, "pairs", err);
    if (!x)
        return PE_MEMORY;
    double *y = x + PAIRS * d;
    pe_stream stream = pe_stream_open(seed, "pairs to train an order probe", 0);
    for (size_t p = 0; p < PAIRS; p++)
        y[p] = draw_pair(train, &stream, x + p * d);
    pe_status status = pe_ridge_fit(x, y, PAIRS, d, ridge, w, err);
    stream = pe_stream_open(seed, "pairs to test an order probe", 0);
    found->order = 0;
    for (size_t p = 0; status == PE_OK && p < PAIRS; p++) {
        const double truth = draw_pair(test, &stream, x);
        const double told = pe_ridge_predict(w, x, d) * truth;
        /* "cannot tell" is worth a coin */
        found->order += (told > 0 ? 0.0 : told < 0 ? 1.0 : 0.5) / PAIRS;
    }
    pe_release(x);
    return status;
}

pe_status probes_measure(const probes_rows *train, const probes_rows *test, double ridge,
                         uint64_t seed, probes_found *found, pe_error *err)
{
    double *w = pe_allocate(train->d + 1, sizeof *w, "probe", err);
    if (!w)
        return PE_MEMORY;
    pe_status status = probe_position(train, test, ridge, w, found, err);
    if (status == PE_OK)
        status = probe_order(train, test, ridge, seed, w, found, err);
    pe_release(w);
    return status;
}

/* ---- hidden rows --------------------------------------------------------------------------------
 */

static void copy_hidden(const double *hidden, size_t tokens, size_t from, probes_rows *rows)
{
    for (size_t i = 0; i < tokens; i++) {
        rows->t[from + i] = (double)(i % rows->per_group);
        for (size_t c = 0; c < rows->d; c++)
            rows->x[(from + i) * rows->d + c] = hidden[i * rows->d + c];
    }
}

pe_status probes_hidden_rows(pe_model *model, pe_task *task, pe_task_split split, size_t groups,
                             uint64_t seed, probes_rows *rows, pe_error *err)
{
    const size_t layers = (size_t)pe_model_config_of(model)->layers;
    const size_t d = (size_t)pe_model_row_width(model);
    pe_batch batch = {0};
    pe_status status = pe_batch_create(task, (int)groups, 0, &batch, err);
    if (status != PE_OK)
        return status;
    const size_t n = (size_t)batch.n, tokens = groups * n;
    double *hidden = pe_allocate((layers + 1) * tokens, d * sizeof *hidden, "hidden rows", err);
    status = hidden ? pe_task_draw(task, split, seed, 0, 0, &batch, err) : PE_MEMORY;
    pe_evaluation job = {
        .batch = (int)groups, .n = batch.n, .tokens = batch.tokens, .hidden = hidden};
    if (status == PE_OK)
        status = pe_model_evaluate(model, &job, err);
    for (size_t l = 0; status == PE_OK && l <= layers; l++) {
        status = probes_rows_make(&rows[l], groups, n, d, err);
        if (status == PE_OK)
            copy_hidden(hidden + l * tokens * d, tokens, 0, &rows[l]);
    }
    pe_release(hidden);
    pe_batch_release(&batch);
    return status;
}

/* ---- seeds --------------------------------------------------------------------------------------
 */

int probes_seeds(const pe_lab *lab)
{
    return (int)pe_lab_by_effort(lab, 2, 3, PROBES_SEEDS);
}

probes_spread probes_spread_of(const double *x, size_t n)
{
    probes_spread s = {.mean = 0, .low = x[0], .high = x[0]};
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        s.mean += x[i] / (double)n;
        s.low = fmin(s.low, x[i]);
        s.high = fmax(s.high, x[i]);
    }
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - s.mean) * (x[i] - s.mean);
    s.error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : 0;
    return s;
}

/* ---- the experiment -----------------------------------------------------------------------------
 */

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_status status = probes_codes(lab, result, err);
    if (status == PE_OK)
        status = probes_floor(lab, result, err);
    if (status == PE_OK)
        status = probes_hidden(lab, result, err);
    return status;
}

extern const pe_experiment pe_experiment_probes;
const pe_experiment pe_experiment_probes = {
    .id = "probes",
    .title = "Reading positions back",
    .question = "Can a linear map read the position, and which of two tokens comes first, from the "
                "encoding and from each layer of a trained model; and what can a model do that has "
                "no positions at all?",
    .weight = 60,
    .run = run,
};
