/* Position and order read from the hidden rows after each layer of causal models of text (Haviv et
 * al. 2022), before and after training. */
#include "probes.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { LENGTH = 64, LAYERS = 2, WIDTH = 32, HEADS = 2, SEQUENCES = 48, STAGES = 2 };
static const double ridge = 1e-3;

/* What was found, [stage][layer][seed]; stage 0 is before training. */
typedef struct reading {
    pe_lab *lab;
    int seed;
    pe_task *task;
    uint64_t draw;
    double position[STAGES][LAYERS + 1][PROBES_SEEDS]; /* over chance */
    double order[STAGES][LAYERS + 1][PROBES_SEEDS];
    double mae[LAYERS + 1][PROBES_SEEDS]; /* trained, in positions */
} reading;

static pe_status read_layers(pe_model *model, int stage, int64_t step, void *context, pe_error *err)
{
    reading *r = context;
    probes_rows train[LAYERS + 1] = {0}, test[LAYERS + 1] = {0};
    (void)step;
    pe_status status = probes_hidden_rows(model, r->task, PE_TRAIN, SEQUENCES, r->draw, train, err);
    if (status == PE_OK)
        status = probes_hidden_rows(model, r->task, PE_HELD_OUT, SEQUENCES, r->draw, test, err);
    for (int l = 0; l <= LAYERS; l++) {
        probes_found found = {0};
        if (status == PE_OK)
            status = probes_measure(&train[l], &test[l], ridge, r->draw, &found, err);
        r->position[stage][l][r->seed] = found.mae / found.chance;
        r->order[stage][l][r->seed] = found.order;
        r->mae[l][r->seed] = found.mae;
        probes_rows_release(&train[l]);
        probes_rows_release(&test[l]);
    }
    return status;
}

static pe_status train_seeds(pe_lab *lab, const pe_subject *subject, double share, reading *r,
                             pe_error *err)
{
    const pe_task_config task = {
        .kind = PE_TASK_TEXT, .path = lab->size.text, .length = LENGTH, .causal = true};
    pe_lab_recipe recipe = pe_lab_recipe_of(lab, &task, LAYERS, WIDTH, HEADS);
    recipe.steps = pe_lab_by_effort(lab, 60, 150, 5000);
    recipe.batch = 8;
    const int64_t stages[STAGES] = {0, recipe.steps};
    recipe.stages = stages, recipe.stage_count = STAGES;
    recipe.look = read_layers, recipe.context = r;
    recipe.what = "probes: hidden rows";
    recipe.share = recipe.share_done = share;
    *r = (reading){.lab = lab};
    pe_status status = pe_task_create(&task, &r->task, err);
    for (; status == PE_OK && r->seed < probes_seeds(lab); r->seed++) {
        pe_trained trained;
        recipe.seed = r->draw = lab->size.seed + (uint64_t)r->seed;
        status = pe_lab_train(lab, subject, &recipe, &trained, err);
        pe_lab_trained_release(&trained);
    }
    pe_task_release(r->task);
    r->task = NULL;
    return status;
}

/* ---- showing ------------------------------------------------------------------------------------
 */

/* One panel: what one encoding showed. */
typedef struct panel {
    const pe_subject *subject;
    double y[LAYERS + 1], low[LAYERS + 1], high[LAYERS + 1], fresh[LAYERS + 1];
} panel;

typedef struct view {
    pe_section *section;
    pe_sheet *sheet;
    int panels;
    panel panel[PE_FIGURE_PANELS];
    const panel *control; /* NULL without one */
} view;

static void show(view *v, const pe_subject *subject, const reading *r)
{
    const size_t n = (size_t)r->seed;
    panel p = {.subject = subject};
    for (int l = 0; l <= LAYERS; l++) {
        const probes_spread position = probes_spread_of(r->position[1][l], n);
        p.y[l] = position.mean, p.low[l] = position.low, p.high[l] = position.high;
        p.fresh[l] = probes_spread_of(r->position[0][l], n).mean;
        const double row[] = {
            l,          probes_spread_of(r->mae[l], n).mean,     p.y[l], p.low[l], p.high[l],
            p.fresh[l], probes_spread_of(r->order[1][l], n).mean};
        pe_sheet_text(v->sheet, subject->title);
        for (int c = 0; c < 7; c++)
            pe_sheet_number(v->sheet, row[c]);
    }
    if (v->panels == PE_FIGURE_PANELS)
        return;
    v->panel[v->panels] = p;
    if (pe_lab_capabilities(subject->instance) == 0)
        v->control = &v->panel[v->panels];
    v->panels++;
}

/* Haviv et al. 2022: causal models without codes learn positions. Where that does not appear at
 * this scale, the row says so; it is no fault of the program. */
static void judge_control(const view *v, const char *id, const reading *r)
{
    const size_t n = (size_t)r->seed;
    const probes_spread first = probes_spread_of(r->position[1][0], n);
    const probes_spread last = probes_spread_of(r->position[1][LAYERS], n);
    const double bound = first.mean - 3 * last.error;
    const bool there = last.mean <= bound;
    char because[160];
    snprintf(because, sizeof because,
             "published: falls layer by layer (Haviv et al. 2022); here it would have to be below "
             "%.3f, layer 0 less 3 standard errors: %s",
             bound, there ? "it appears" : "it does not appear at this scale");
    pe_give_interval(v->section, "2.4", id, "error of position after the last layer over chance",
                     last.mean, last.low, last.high, because);
}

static void judge(const view *v, const pe_subject *subject, const reading *r)
{
    const char *id = subject->name;
    const unsigned can = pe_lab_capabilities(subject->instance);
    const probes_spread first = probes_spread_of(r->position[1][0], (size_t)r->seed);
    const probes_spread last = probes_spread_of(r->position[1][LAYERS], (size_t)r->seed);
    if (can & PE_CAN_EMBED)
        pe_give_interval(v->section, "2.4", id, "error of position before layer 1 over chance",
                         first.mean, first.low, first.high, "from the best to the worst seed");
    else
        pe_check_at_least(v->section,
                          &(pe_check){.id = "2.4",
                                      .variant = id,
                                      .quantity = "error of position before layer 1 over chance",
                                      .value = first.mean,
                                      .expected = 0.9,
                                      .source = "token rows alone: chance (Haviv et al. 2022)"});
    if (can == 0)
        judge_control(v, id, r);
    else
        pe_give_interval(v->section, "2.4", id,
                         "error of position after the last layer over chance", last.mean, last.low,
                         last.high, "from the best to the worst seed");
}

static pe_status each_subject(pe_lab *lab, view *v, reading *r, pe_error *err)
{
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++) {
        const pe_subject *subject = &lab->subjects[i];
        pe_error own = {0};
        status = train_seeds(lab, subject, 0.45 + 0.55 * i / lab->subject_count, r, &own);
        if (status == PE_OK) {
            show(v, subject, r);
            judge(v, subject, r);
        } else if (pe_lab_declined(status)) {
            pe_section_not_applicable(v->section, subject->name, own.text);
            status = PE_OK;
        } else
            return pe_fail(err, status, "%s", own.text);
    }
    return status;
}

static const panel *best_of(const view *v)
{
    const panel *best = &v->panel[0];
    for (int i = 1; i < v->panels; i++)
        best = v->panel[i].y[LAYERS] < best->y[LAYERS] ? &v->panel[i] : best;
    return best;
}

static void draw(const view *v, pe_error *err)
{
    static const double x[] = {0, 1, 2};
    _Static_assert(sizeof x / sizeof x[0] == LAYERS + 1, "one number for each layer");
    const panel *best = best_of(v), *c = v->control;
    char control[128] = "";
    if (c)
        snprintf(control, sizeof control, "; without any encoding %.2f, before training %.2f",
                 c->y[LAYERS], c->fresh[LAYERS]);
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "layers_error", err,
        "After %d trained layers the position is read within %.2f of chance with %s%s", LAYERS,
        best->y[LAYERS], best->subject->title, control);
    for (int i = 0; i < v->panels; i++) {
        const panel *p = &v->panel[i];
        pe_figure_panel(figure, p->subject->title);
        pe_figure_add_series(figure, &(pe_series){.name = "before training",
                                                  .look = PE_LOOK_REFERENCE,
                                                  .n = LAYERS + 1,
                                                  .x = x,
                                                  .y = p->fresh});
        pe_figure_add_series(figure, &(pe_series){.name = "",
                                                  .slot = p->subject->slot,
                                                  .n = LAYERS + 1,
                                                  .x = x,
                                                  .y = p->y,
                                                  .low = p->low,
                                                  .high = p->high});
    }
    pe_figure_x(figure, "layer", PE_LINEAR);
    pe_figure_y(figure, "held-out error / chance", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1.2);
    pe_figure_describe(figure,
                       "Small multiples, one for each encoding: error of the position probe over "
                       "chance against the layer.",
                       "Layer 0 is the embedding. Band: best to worst seed. Grey: before training. "
                       "1 is chance. Ridge 0.001, other sequences for training and test.");
    pe_section_figure(v->section, figure);
}

static void say_control(const pe_lab *lab, const view *v)
{
    const panel *c = v->control;
    if (!c) {
        pe_section_not_applicable(v->section, NULL,
                                  "the control (a variant without any hook) is not among the "
                                  "variants of this run");
        return;
    }
    pe_say(v->section,
           "Haviv et al. (2022) found that causal models of text without an encoding know "
           "positions: chance at layer 0, a tenth of it within a few layers. Here, %d layers of "
           "width %d after %lld steps, the error is %.2f of chance at layer 0, %.2f after layer 1 "
           "and %.2f after layer %d; before any training the last layer has %.2f. %s",
           LAYERS, WIDTH, (long long)pe_lab_by_effort(lab, 60, 150, 5000), c->y[0], c->y[1],
           c->y[LAYERS], LAYERS, c->fresh[LAYERS],
           c->y[LAYERS] < 0.9 * c->y[0]
               ? "The effect is there, at this scale weaker than published."
               : "At this scale the published effect does not appear: what the mask says by itself "
                 "is there before training, and a short training on text drowns it in content. On "
                 "a task that asks for positions it appears, see the section before.");
}

pe_status probes_hidden(pe_lab *lab, pe_result *result, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},         {"layer", NULL, 0, 2},
        {"error", "positions", 0, 3},    {"error / chance", NULL, 0, 3},
        {"best seed", NULL, 0, 3},       {"worst seed", NULL, 0, 3},
        {"before training", NULL, 0, 3}, {"pairs in the wrong order", NULL, 0, 3}};
    view v = {0};
    reading *r = pe_allocate(1, sizeof *r, "readings", err);
    if (!r)
        return PE_MEMORY;
    v.section = pe_result_section(result, "Position and order after each layer, causal, on text");
    v.sheet =
        pe_section_table(v.section, "layers",
                         "Linear probes of hidden rows, ridge 0.001, mean over seeds", 8, columns);
    pe_status status = each_subject(lab, &v, r, err);
    pe_release(r);
    if (status == PE_OK && v.panels > 0) {
        draw(&v, err);
        say_control(lab, &v);
    }
    return status;
}
