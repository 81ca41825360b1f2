/* The left neighbour in a random sequence: the exact floor of a bidirectional model without
 * positions, and models that are trained on it (METRICS 2.4). */
#include "probes.h"

#include "analysis/floor.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { SYMBOLS = 8, LENGTH = 16, LAYERS = 2, WIDTH = 32, HEADS = 2, SCORES = 16, SCORE_BATCH = 32 };

/* ---- the floor itself ---------------------------------------------------------------------------
 */

/* METRICS 2.4 [computed here], 200 000 draws, printed with three decimals. */
static const struct {
    size_t V, T;
    double accuracy, loss;
} published[] = {{4, 16, 0.388, 1.278},  {4, 32, 0.345, 1.337},  {4, 64, 0.316, 1.362},
                 {8, 16, 0.267, 1.807},  {8, 32, 0.222, 1.959},  {8, 64, 0.192, 2.022},
                 {16, 16, 0.197, 2.190}, {16, 32, 0.153, 2.494}, {16, 64, 0.124, 2.645},
                 {32, 16, 0.155, 2.428}, {32, 32, 0.112, 2.888}, {32, 64, 0.085, 3.184}};

static pe_status show_floor(pe_lab *lab, pe_section *section, pe_floor *used, pe_error *err)
{
    static const pe_sheet_column columns[] = {{"symbols V", NULL, 0, 3},
                                              {"length T", NULL, 0, 3},
                                              {"best accuracy", NULL, 0, 4},
                                              {"standard error", NULL, 0, 2},
                                              {"METRICS accuracy", NULL, 0, 3},
                                              {"least loss", "nats", 0, 4},
                                              {"standard error of it", NULL, 0, 2},
                                              {"METRICS loss", "nats", 0, 4}};
    pe_sheet *sheet = pe_section_table(
        section, "floor", "The best that a bidirectional model without positions can do", 8,
        columns);
    const size_t draws = (size_t)pe_lab_by_effort(lab, 4000, 40000, 200000);
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < sizeof published / sizeof published[0]; i++) {
        pe_floor floor;
        char quantity[96];
        status = pe_left_neighbour_floor(published[i].V, published[i].T, draws, lab->size.seed,
                                         &floor, err);
        if (status != PE_OK)
            break;
        const double row[] = {(double)published[i].V, (double)published[i].T, floor.accuracy,
                              floor.accuracy_se,      published[i].accuracy,  floor.cross_entropy,
                              floor.cross_entropy_se, published[i].loss};
        for (size_t c = 0; c < 8; c++)
            pe_sheet_number(sheet, row[c]);
        snprintf(quantity, sizeof quantity, "floor of accuracy, V = %zu, T = %zu", published[i].V,
                 published[i].T);
        pe_expect(section, "S6", NULL, quantity, floor.accuracy, published[i].accuracy,
                  5e-4 + 3 * floor.accuracy_se, "METRICS 2.4, three decimals");
        snprintf(quantity, sizeof quantity, "floor of the loss, V = %zu, T = %zu", published[i].V,
                 published[i].T);
        pe_expect(section, "S6", NULL, quantity, floor.cross_entropy, published[i].loss,
                  5e-4 + 3 * floor.cross_entropy_se, "METRICS 2.4, three decimals");
        if (published[i].V == SYMBOLS && published[i].T == LENGTH)
            *used = floor;
    }
    return status;
}

/* ---- training on it -----------------------------------------------------------------------------
 */

typedef struct trained_score {
    int seeds;
    double accuracy[PROBES_SEEDS], accuracy_se[PROBES_SEEDS];
    double loss[PROBES_SEEDS], loss_se[PROBES_SEEDS];
    double position[PROBES_SEEDS]; /* error of position after the last layer, over chance */
} trained_score;

typedef struct view {
    pe_lab *lab;
    pe_section *section;
    pe_sheet *sheet;
    pe_floor floor;
    size_t n;
    const char *name[PE_FIGURE_NAMES];
    size_t slot[PE_FIGURE_NAMES];
    double mean[PE_FIGURE_NAMES], low[PE_FIGURE_NAMES], high[PE_FIGURE_NAMES];
    char label[PE_FIGURE_NAMES][64];
    double control, causal; /* mean accuracies of the control, NaN without one */
    double control_position, causal_position;
    double worst; /* smallest mean accuracy of an encoding */
    int encodings, reached;
} view;

static pe_status score_model(pe_trained *trained, uint64_t seed, trained_score *s, pe_error *err)
{
    double accuracy[SCORES], loss[SCORES];
    for (int i = 0; i < SCORES; i++) {
        pe_score score;
        pe_status status = pe_score_task(trained->model, trained->task, 0, SCORE_BATCH, 1,
                                         seed * 1000 + (uint64_t)i, NULL, &score, err);
        if (status != PE_OK)
            return status;
        accuracy[i] = score.accuracy;
        loss[i] = score.loss;
    }
    const probes_spread a = probes_spread_of(accuracy, SCORES), l = probes_spread_of(loss, SCORES);
    s->accuracy[s->seeds] = a.mean, s->accuracy_se[s->seeds] = a.error;
    s->loss[s->seeds] = l.mean, s->loss_se[s->seeds] = l.error;
    return PE_OK;
}

static pe_status probe_last_layer(pe_trained *trained, uint64_t seed, double *share, pe_error *err)
{
    probes_rows train[LAYERS + 1] = {0}, test[LAYERS + 1] = {0};
    probes_found found;
    pe_status status =
        probes_hidden_rows(trained->model, trained->task, PE_TRAIN, 64, seed, train, err);
    if (status == PE_OK)
        status =
            probes_hidden_rows(trained->model, trained->task, PE_HELD_OUT, 64, seed, test, err);
    if (status == PE_OK)
        status = probes_measure(&train[LAYERS], &test[LAYERS], 1e-3, seed, &found, err);
    if (status == PE_OK)
        *share = found.mae / found.chance;
    for (int l = 0; l <= LAYERS; l++) {
        probes_rows_release(&train[l]);
        probes_rows_release(&test[l]);
    }
    return status;
}

static pe_status train_seeds(const view *v, const pe_subject *subject, bool causal, double share,
                             trained_score *s, pe_error *err)
{
    const pe_task_config task = {
        .kind = PE_TASK_LEFT, .length = LENGTH, .symbols = SYMBOLS, .causal = causal};
    pe_lab_recipe recipe = pe_lab_recipe_of(v->lab, &task, LAYERS, WIDTH, HEADS);
    recipe.steps = pe_lab_by_effort(v->lab, 400, 400, 3000);
    recipe.what = "probes: left neighbour";
    recipe.share = recipe.share_done = share;
    pe_status status = PE_OK;
    for (*s = (trained_score){0}; status == PE_OK && s->seeds < probes_seeds(v->lab); s->seeds++) {
        pe_trained trained;
        recipe.seed = v->lab->size.seed + (uint64_t)s->seeds;
        status = pe_lab_train(v->lab, subject, &recipe, &trained, err);
        if (status == PE_OK)
            status = score_model(&trained, recipe.seed, s, err);
        if (status == PE_OK)
            status = probe_last_layer(&trained, recipe.seed, &s->position[s->seeds], err);
        pe_lab_trained_release(&trained);
    }
    return status;
}

/* ---- judging and showing ------------------------------------------------------------------------
 */

static double together(double a, double b)
{
    return 3 * sqrt(a * a + b * b);
}

/* No seed of the control may beat the floor: that would be a leak of positions. */
static void judge_control(const view *v, const char *id, const trained_score *s)
{
    for (int i = 0; i < s->seeds; i++) {
        char quantity[96];
        snprintf(quantity, sizeof quantity, "accuracy of the left neighbour, no mask, seed %d", i);
        pe_check_at_most(
            v->section,
            &(pe_check){.id = "S6",
                        .variant = id,
                        .quantity = quantity,
                        .value = s->accuracy[i],
                        .expected =
                            v->floor.accuracy + together(s->accuracy_se[i], v->floor.accuracy_se),
                        .source = "floor + 3 standard errors, METRICS 2.4",
                        .because = "no positions: the histogram of the others is all there is"});
        snprintf(quantity, sizeof quantity, "loss of the left neighbour, no mask, seed %d", i);
        pe_check_at_least(
            v->section, &(pe_check){.id = "S6",
                                    .variant = id,
                                    .quantity = quantity,
                                    .unit = "nats",
                                    .value = s->loss[i],
                                    .expected = v->floor.cross_entropy -
                                                together(s->loss_se[i], v->floor.cross_entropy_se),
                                    .source = "floor - 3 standard errors, METRICS 2.4"});
    }
}

/* Whoever has positions goes above: the worst seed, by more than three standard errors. */
static void judge_encoding(const view *v, const char *id, const char *quantity,
                           const trained_score *s)
{
    int worst = 0;
    for (int i = 1; i < s->seeds; i++)
        worst = s->accuracy[i] < s->accuracy[worst] ? i : worst;
    pe_check_at_least(v->section,
                      &(pe_check){.id = "S6",
                                  .variant = id,
                                  .quantity = quantity,
                                  .value = s->accuracy[worst],
                                  .expected = v->floor.accuracy +
                                              together(s->accuracy_se[worst], v->floor.accuracy_se),
                                  .source = "floor + 3 standard errors, METRICS 2.4"});
}

static void show(view *v, const pe_subject *subject, bool causal, const trained_score *s)
{
    const probes_spread a = probes_spread_of(s->accuracy, (size_t)s->seeds);
    const probes_spread l = probes_spread_of(s->loss, (size_t)s->seeds);
    const probes_spread p = probes_spread_of(s->position, (size_t)s->seeds);
    pe_sheet_text(v->sheet, subject->title);
    pe_sheet_text(v->sheet, causal ? "causal" : "none");
    const double row[] = {a.mean, a.low, a.high, l.mean, p.mean};
    for (int c = 0; c < 5; c++)
        pe_sheet_number(v->sheet, row[c]);
    if (v->n == PE_FIGURE_NAMES)
        return;
    snprintf(v->label[v->n], sizeof v->label[0], "%s%s", subject->title,
             causal ? ", causal mask" : "");
    v->name[v->n] = v->label[v->n];
    v->slot[v->n] = subject->slot;
    v->mean[v->n] = a.mean, v->low[v->n] = a.low, v->high[v->n++] = a.high;
    if (pe_lab_capabilities(subject->instance) == 0) {
        *(causal ? &v->causal : &v->control) = a.mean;
        *(causal ? &v->causal_position : &v->control_position) = p.mean;
        return;
    }
    v->encodings++;
    v->reached += a.mean > 0.9;
    v->worst = fmin(v->worst, a.mean);
}

static pe_status one_subject(view *v, const pe_subject *subject, double share, pe_error *err)
{
    const bool control = pe_lab_capabilities(subject->instance) == 0;
    const char *id = subject->name;
    trained_score s;
    pe_error own = {0};
    pe_status status = train_seeds(v, subject, false, share, &s, &own);
    if (pe_lab_declined(status)) {
        pe_section_not_applicable(v->section, id, own.text);
        return PE_OK;
    }
    if (status != PE_OK)
        return pe_fail(err, status, "%s", own.text);
    show(v, subject, false, &s);
    if (!control) {
        judge_encoding(v, id, "accuracy of the left neighbour, no mask, worst seed", &s);
        return PE_OK;
    }
    judge_control(v, id, &s);
    const probes_spread p = probes_spread_of(s.position, (size_t)s.seeds);
    pe_check_at_least(v->section,
                      &(pe_check){.id = "S6",
                                  .variant = id,
                                  .quantity = "error of position after the last layer over chance, "
                                              "no mask",
                                  .value = p.mean,
                                  .expected = 0.95,
                                  .source = "no mask, no encoding: a token has no place"});
    status = train_seeds(v, subject, true, share, &s, err);
    if (status != PE_OK)
        return status;
    show(v, subject, true, &s);
    judge_encoding(v, id, "accuracy of the left neighbour, causal mask, worst seed", &s);
    const probes_spread q = probes_spread_of(s.position, (size_t)s.seeds);
    pe_check_at_most(v->section,
                     &(pe_check){.id = "S6",
                                 .variant = id,
                                 .quantity = "error of position after the last layer over chance, "
                                             "causal mask",
                                 .value = q.mean,
                                 .expected = 0.95 - 3 * q.error,
                                 .source = "a mask tells positions, Haviv et al. 2022"});
    return PE_OK;
}

static void state_finding(const view *v, pe_result *result)
{
    char finding[300];
    if (!isfinite(v->control))
        return;
    snprintf(finding, sizeof finding,
             "Without mask and encoding no left neighbour is found beyond the exact floor (%.3f "
             "against %.3f); a causal mask alone is a position code: %.3f, and the error of "
             "position falls to %.2f of chance.",
             v->control, v->floor.accuracy, v->causal, v->causal_position);
    pe_result_finding(result, finding);
}

static void finish(view *v, pe_error *err)
{
    pe_figure *figure = pe_figure_titled(
        PE_DOTS, "left_neighbour", err,
        "Without positions and mask, %.3f of left neighbours are found, the floor being %.3f; a "
        "causal mask alone gives %.3f, and the worst encoding %.3f",
        v->control, v->floor.accuracy, v->causal, v->worst);
    pe_figure_x(figure, "accuracy (share of tokens)", PE_LINEAR);
    pe_figure_x_range(figure, 0, 1);
    pe_figure_categories(figure, v->n, v->name, v->slot);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "mean", .n = v->n, .y = v->mean, .low = v->low, .high = v->high});
    pe_figure_mark_x(figure, v->floor.accuracy, "floor");
    pe_figure_describe(figure, "Dots: accuracy of each encoding on the left neighbour.",
                       "Mean over seeds; the bar reaches from the worst to the best seed. The line "
                       "is the best that a model without positions and without a mask can do.");
    pe_section_figure(v->section, figure);
    pe_say(v->section,
           "%d of %d encodings find more than 90 %% of left neighbours without a mask; the worst "
           "%.1f %%. An encoding that is even in the offset, so that left and right look the same "
           "to it, can be right only about half the time. Training is short here: %lld steps.",
           v->reached, v->encodings, 100 * v->worst,
           (long long)pe_lab_by_effort(v->lab, 400, 400, 3000));
    if (isfinite(v->control))
        pe_say(v->section,
               "The control without mask: accuracy %.3f against the floor %.3f, and its hidden "
               "rows say no more about position than chance (error %.2f of it). The same model "
               "with a causal mask: accuracy %.3f, error of position %.2f of chance. The mask is "
               "a position code (Haviv et al. 2022).",
               v->control, v->floor.accuracy, v->control_position, v->causal, v->causal_position);
}

pe_status probes_floor(pe_lab *lab, pe_result *result, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},
        {"mask", NULL, 1, 0},
        {"accuracy", NULL, 0, 4},
        {"worst seed", NULL, 0, 4},
        {"best seed", NULL, 0, 4},
        {"loss", "nats", 0, 4},
        {"error of position after the last layer / chance", NULL, 0, 3}};
    view v = {.lab = lab, .control = (double)NAN, .causal = (double)NAN, .worst = 1};
    v.section = pe_result_section(result, "The left neighbour, and the floor without positions");
    pe_section_formula(v.section,
                       "\\mathrm{acc}^* = \\frac{E[\\max_v c_v]}{T - 1},\\quad \\mathrm{CE}^* = "
                       "E\\left[-\\sum_v \\frac{c_v}{T-1} \\ln \\frac{c_v}{T-1}\\right]",
                       "$c_v$ how often symbol $v$ is among the other $T-1$ tokens: without "
                       "positions and mask, their histogram is all that can be known.");
    pe_status status = show_floor(lab, v.section, &v.floor, err);
    if (status != PE_OK)
        return status;
    v.sheet = pe_section_table(v.section, "left_neighbour_runs",
                               "Trained on the left neighbour, V = 8, T = 16, by mask", 7, columns);
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++)
        if (lab->subjects[i].instance)
            status = one_subject(&v, &lab->subjects[i], 0.05 + 0.4 * i / lab->subject_count, err);
        else
            pe_section_not_applicable(v.section, lab->subjects[i].name, lab->subjects[i].because);
    if (status == PE_OK && v.n > 0) {
        finish(&v, err);
        state_finding(&v, result);
    }
    return status;
}
