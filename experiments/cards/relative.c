/* Cards about relative encodings: which columns turn together, where offsets are clipped. */
#include "cards/cards.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* ---- pairing ---- */

enum { PAIR_WIDTH = 128, LAGS = 6 };
static const int64_t lags[LAGS] = {0, 1, 4, 16, 64, 1024};

/* Logits of `draws` queries, each `lag` behind its key. */
static pe_status logits_at(pe_instance *instance, int draws, int64_t lag, const double *q,
                           const double *k, double *logit, pe_error *err)
{
    const int64_t index[2] = {0, lag};
    const double coord[2] = {0, (double)lag};
    const pe_job job = {.instance = instance,
                        .precision = PE_DOUBLE,
                        .batch = draws,
                        .nq = 1,
                        .nk = 1,
                        .q_index = index + 1,
                        .k_index = index,
                        .q_coord = coord + 1,
                        .k_coord = coord,
                        .q = q,
                        .k = k,
                        .v = k,
                        .want_logits = true};
    pe_attended got;
    const pe_status status = pe_run_attention(&job, &got, err);
    for (int b = 0; status == PE_OK && b < draws; b++)
        logit[b] = got.logits.hi[b];
    if (status == PE_OK)
        pe_attended_release(&got);
    return status;
}

/* All products of unit vectors are the matrix R of q . R k, and over independent normal q and k the
 * correlation of two such logits is the sum of R_a R_b over both lengths: exact, without a draw. */
static pe_status correlations(const pe_subject *s, double *found, pe_error *err)
{
    enum { DRAWS = PAIR_WIDTH * PAIR_WIDTH };
    static const pe_setting ways[2] = {{"pairing", "interleaved"}, {"pairing", "half"}};
    const pe_dims dims = {.heads = 1, .head_dim = PAIR_WIDTH};
    pe_instance *instance[2] = {NULL, NULL};
    double *q = pe_allocate(2 * DRAWS * PAIR_WIDTH + 2 * DRAWS, sizeof *q, "queries", err);
    pe_status status = q ? PE_OK : PE_MEMORY;
    for (int w = 0; status == PE_OK && w < 2; w++)
        status = pe_instance_create(s->variant, &dims, &ways[w], 1, 1, &instance[w], err);
    for (int b = 0; status == PE_OK && b < DRAWS; b++) {
        q[b * PAIR_WIDTH + b / PAIR_WIDTH] = 1;
        q[(DRAWS + b) * PAIR_WIDTH + b % PAIR_WIDTH] = 1;
    }
    for (int l = 0; status == PE_OK && l < LAGS; l++) {
        double *logit = q + 2 * DRAWS * PAIR_WIDTH, aa = 0, bb = 0, ab = 0;
        for (int w = 0; status == PE_OK && w < 2; w++)
            status = logits_at(instance[w], DRAWS, lags[l], q, q + DRAWS * PAIR_WIDTH,
                               logit + w * DRAWS, err);
        for (int b = 0; status == PE_OK && b < DRAWS; b++) {
            const double x = logit[b], y = logit[DRAWS + b];
            aa += x * x, bb += y * y, ab += x * y;
        }
        found[l] = ab / sqrt(aa * bb);
    }
    pe_instance_release(instance[0]);
    pe_instance_release(instance[1]);
    pe_release(q);
    return status;
}

/* Column c turns by w(c / 2) in one pairing and by w(c mod d/2) in the other. */
static double closed_form(int64_t lag)
{
    double sum = 0;
    for (int c = 0; c < PAIR_WIDTH; c++) {
        const double a = pow(10000, -2.0 * (c / 2) / PAIR_WIDTH);
        const double b = pow(10000, -2.0 * (c % (PAIR_WIDTH / 2)) / PAIR_WIDTH);
        sum += cos((double)lag * a) * cos((double)lag * b) / PAIR_WIDTH;
    }
    return sum;
}

pe_status cards_pairing(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const double published[LAGS] = {1.000, 0.946, 0.725, 0.394, 0.212, 0.024};
    const pe_subject *s = cards_subject(lab, PE_CAN_MAP, "pairing", "base");
    double found[LAGS], x[LAGS];
    if (!s)
        return cards_none(result,
                          "no variant of this run turns columns and has the option pairing");
    const pe_status status = correlations(s, found, err);
    if (status != PE_OK)
        return status;
    cards_text(result, "Experiment",
               "%s with pairs (2i, 2i+1) and with pairs (i, i + d/2), d = %d, on the same random "
               "queries and keys: how far do the two logits agree, by offset? The correlation is "
               "formed exactly, from all products of unit vectors.",
               s->variant->title, PAIR_WIDTH);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (int l = 0; l < LAGS; l++) {
        char what[96];
        snprintf(what, sizeof what, "correlation of the logits at offset %lld", (long long)lags[l]);
        pe_expect(numbers, "card", s->variant->id, what, found[l], closed_form(lags[l]), 1e-12,
                  "the diagonals of both matrices: no other entry is in both");
        snprintf(what, sizeof what, "the same beside a published sample, offset %lld",
                 (long long)lags[l]);
        pe_expect(numbers, "card", s->variant->id, what, found[l], published[l], 0.03,
                  "FIELD.md 3, row 5; exact is the closed form above");
        x[l] = (double)lags[l] + 1;
    }
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "pairing_logits", err,
                         "The same weights under the other pairing: logits agree at "
                         "offset 0 (%.2f), half at 16 (%.2f), not at 1024 (%.2f)",
                         found[0], found[3], found[5]);
    pe_figure_x(figure, "offset + 1 (tokens)", PE_LOG2);
    pe_figure_y(figure, "correlation of the logits", PE_LINEAR);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = s->variant->title, .slot = s->slot, .n = LAGS, .x = x, .y = found});
    pe_figure_describe(figure, "A curve that falls from 1 to 0 with the offset.",
                       "Short prompts hide the mistake; long ones do not.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "When weights move between programs. Trained from the start, the two pairings are the "
        "same model with its columns in another order; with weights of the other one, logits "
        "agree by %.3f at offset 1 and by %.3f at offset 1024.",
        found[1], found[5]);
    cards_finding(result,
                  "No, for a new model; yes, for loaded weights: logits correlate by %.2f at "
                  "offset 1, %.2f at 64, %.2f at 1024.",
                  found[1], found[4], found[5]);
    return PE_OK;
}

/* ---- clip ---- */

enum { CLIPS = 5 };

/* Share of causal pairs whose logit is that of the farthest pair, with one word at every position;
 * and how many different logits the last query sees. */
static pe_status clipped_at(const pe_lab *lab, const pe_subject *s, const char *clip, double *share,
                            double *different, pe_error *err)
{
    const size_t T = (size_t)lab->size.length;
    const pe_setting set = {"clip", clip};
    pe_instance *instance = NULL;
    double *S = pe_allocate(T * T, sizeof *S, "scores", err);
    pe_status status = S ? pe_instance_create(s->variant, &s->instance->dims, &set, 1,
                                              lab->size.seed, &instance, err)
                         : PE_MEMORY;
    if (status == PE_OK)
        status = pe_lab_share(lab, instance, PE_PROBE_SAME, 0, 0, true, PE_DOUBLE, S, err);
    if (status == PE_OK) {
        const double *row = S + (T - 1) * T, tiny = 1e-12;
        size_t alike = 0;
        *different = 1;
        for (size_t j = 1; j < T; j++)
            *different += fabs(row[j] - row[j - 1]) > tiny;
        for (size_t i = 0; i < T; i++)
            for (size_t j = 0; j <= i; j++)
                alike += fabs(S[i * T + j] - S[(T - 1) * T]) <= tiny;
        *share = (double)alike / ((double)T * (double)(T + 1) / 2);
    }
    pe_instance_release(instance);
    pe_release(S);
    return status;
}

pe_status cards_clip(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const char *const clips[CLIPS] = {"2", "4", "8", "16", "32"};
    static const double at[CLIPS] = {2, 4, 8, 16, 32};
    const pe_subject *s = cards_subject(lab, PE_CAN_ROWS, "clip", NULL);
    double share[CLIPS], different[CLIPS];
    pe_status status = PE_OK;
    if (!s)
        return cards_none(result, "no variant of this run has relative rows and the option clip");
    for (int c = 0; status == PE_OK && c < CLIPS; c++)
        status = clipped_at(lab, s, clips[c], &share[c], &different[c], err);
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "%s, untrained, one word at every position, so that a logit depends on the offset alone, "
        "%lld tokens, causal: how many different logits does the last query see, and which share "
        "of all pairs looks like the farthest pair of all?",
        s->variant->title, (long long)lab->size.length);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (int c = 0; c < CLIPS; c++) {
        char what[96];
        const double T = (double)lab->size.length;
        snprintf(what, sizeof what, "different logits of the last query, clip %s", clips[c]);
        pe_expect(numbers, "card", s->variant->id, what, different[c], fmin(at[c] + 1, T), 0,
                  "offsets 0 .. clip");
        snprintf(what, sizeof what,
                 "share of causal pairs that look like the farthest one, clip %s", clips[c]);
        pe_give(numbers, "card", s->variant->id, what, share[c], NULL);
    }
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "clipped_pairs", err,
                         "Clip 2 makes %.0f %% of all pairs of %lld tokens alike, clip 32 %.0f %%",
                         100 * share[0], (long long)lab->size.length, 100 * share[CLIPS - 1]);
    pe_figure_x(figure, "clipping distance (tokens)", PE_LOG2);
    pe_figure_y(figure, "share of pairs that look alike", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = s->variant->title, .slot = s->slot, .n = CLIPS, .x = at, .y = share});
    pe_figure_describe(figure, "A curve that falls with the clipping distance.",
                       "What is beyond the clip is one distance to the model.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "When the task asks for order farther back than the clip. Within it all offsets have their "
        "own vector, whatever the clip is; beyond it, %.0f %% of the pairs (clip 16) have one and "
        "the same, and the layers above must find the order another way. What training makes of "
        "that, this card does not measure.",
        100 * share[3]);
    cards_finding(result,
                  "Only for order beyond it: with clip 16, %.0f %% of the pairs of %lld tokens "
                  "share one vector, with clip 2 %.0f %%.",
                  100 * share[3], (long long)lab->size.length, 100 * share[0]);
    return PE_OK;
}
