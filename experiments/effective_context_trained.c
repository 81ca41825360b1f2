/* The effective context of trained models, by the gradients of their last output (Chi et al. 2023),
 * at the trained length and far beyond it. */
#include "effective_context.h"

#include "analysis/context.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { TRAINED = 64, FAR = 256, LAYERS = 2, WIDTH = 32, HEADS = 4, SEQUENCES = 16, MOST_SEEDS = 5 };

typedef struct reach {
    int seeds;
    double window[2][MOST_SEEDS]; /* effective context at TRAINED and at FAR tokens */
    double loss[2][MOST_SEEDS];
    double share[FAR]; /* mean over seeds, at FAR */
} reach;

static int seeds_of(const pe_lab *lab)
{
    return (int)pe_lab_by_effort(lab, 2, 3, MOST_SEEDS);
}

/* ---- one model ----------------------------------------------------------------------------------
 */

/* By the logit that is largest at the last token: 1 there, 0 elsewhere. */
static pe_status pull_last_logit(pe_model *model, const pe_batch *batch, const int32_t *best,
                                 double *dlogits, double *dinput, pe_error *err)
{
    const size_t n = (size_t)batch->n, C = (size_t)pe_model_config_of(model)->classes;
    for (size_t b = 0; b < (size_t)batch->batch; b++)
        dlogits[(b * n + n - 1) * C + (size_t)best[b * n + n - 1]] = 1;
    const pe_pullback pull = {.batch = batch->batch,
                              .n = batch->n,
                              .tokens = batch->tokens,
                              .dlogits = dlogits,
                              .dinput = dinput};
    return pe_model_pullback(model, &pull, err);
}

/* Norms by token, each sequence divided by its sum, averaged. */
static void average_norms(const double *dinput, size_t B, size_t n, size_t X, double *norm)
{
    for (size_t m = 0; m < n; m++)
        norm[m] = 0;
    for (size_t b = 0; b < B; b++) {
        double sum = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t m = 0; m < n; m++) {
                double squares = 0;
                for (size_t c = 0; c < X; c++)
                    squares += dinput[(b * n + m) * X + c] * dinput[(b * n + m) * X + c];
                if (pass == 0)
                    sum += sqrt(squares);
                else if (sum > 0)
                    norm[m] += sqrt(squares) / sum / (double)B;
            }
    }
}

static pe_status measure(pe_model *model, const char *path, size_t n, uint64_t seed, double *share,
                         size_t *window, double *loss, pe_error *err)
{
    const pe_task_config config = {
        .kind = PE_TASK_TEXT, .path = path, .length = (int64_t)n, .causal = true};
    const size_t X = (size_t)pe_model_row_width(model), B = SEQUENCES;
    const size_t C = (size_t)pe_model_config_of(model)->classes;
    pe_task *task = NULL;
    pe_batch batch = {0};
    int32_t *best = pe_allocate(B * n, sizeof *best, "best classes", err);
    double *room = pe_allocate(B * n, (C + X) * sizeof *room, "gradients", err);
    pe_status status = best && room ? pe_task_create(&config, &task, err) : PE_MEMORY;
    if (status == PE_OK)
        status = pe_batch_create(task, SEQUENCES, 0, &batch, err);
    if (status == PE_OK)
        status = pe_task_draw(task, PE_HELD_OUT, seed, 0, 0, &batch, err);
    pe_evaluation job = {.batch = SEQUENCES,
                         .n = (int64_t)n,
                         .tokens = batch.tokens,
                         .targets = batch.targets,
                         .best = best};
    if (status == PE_OK)
        status = pe_model_evaluate(model, &job, err);
    double *dinput = room ? room + B * n * C : NULL;
    if (status == PE_OK)
        status = pull_last_logit(model, &batch, best, room, dinput, err);
    if (status == PE_OK) {
        average_norms(dinput, B, n, X, room);
        status = pe_effective_context(room, n, CONTEXT_THRESHOLD, share, window, err);
    }
    *loss = job.mean_loss;
    pe_batch_release(&batch);
    pe_task_release(task);
    pe_release(best);
    pe_release(room);
    return status;
}

/* At both lengths; an encoding that has no rows so far keeps NaN there. */
static pe_status measure_both(const pe_lab *lab, pe_model *model, reach *r, pe_error *err)
{
    const size_t lengths[] = {TRAINED, FAR};
    double share[FAR];
    for (int at = 0; at < 2; at++) {
        size_t window = 0;
        pe_error own = {0};
        pe_status status = measure(model, lab->size.text, lengths[at], lab->size.seed, share,
                                   &window, &r->loss[at][r->seeds], &own);
        r->window[at][r->seeds] = status == PE_OK ? (double)window : (double)NAN;
        if (status != PE_OK)
            r->loss[at][r->seeds] = (double)NAN;
        if (status != PE_OK && !(at == 1 && pe_lab_declined(status)))
            return pe_fail(err, status, "%s", own.text);
        for (size_t w = 0; at == 1 && w < FAR; w++)
            r->share[w] += (status == PE_OK ? share[w] : (double)NAN) / seeds_of(lab);
    }
    r->seeds++;
    return PE_OK;
}

static pe_status train_seeds(pe_lab *lab, const pe_subject *subject, double share, reach *r,
                             pe_error *err)
{
    const pe_task_config task = {.kind = PE_TASK_TEXT, .length = TRAINED, .causal = true};
    pe_lab_recipe recipe = pe_lab_recipe_of(lab, &task, LAYERS, WIDTH, HEADS);
    recipe.steps = pe_lab_by_effort(lab, 40, 150, 5000);
    recipe.batch = 8;
    recipe.what = "effective context: training";
    recipe.share = recipe.share_done = share;
    pe_status status = PE_OK;
    for (*r = (reach){0}; status == PE_OK && r->seeds < seeds_of(lab);) {
        pe_trained trained;
        recipe.seed = lab->size.seed + (uint64_t)r->seeds;
        status = pe_lab_train(lab, subject, &recipe, &trained, err);
        if (status == PE_OK)
            status = measure_both(lab, trained.model, r, err);
        pe_lab_trained_release(&trained);
    }
    return status;
}

/* ---- showing ------------------------------------------------------------------------------------
 */

typedef struct view {
    pe_section *section;
    pe_sheet *sheet;
    int n, short_sighted, short_steady, far_sighted, far_steady;
    const pe_subject *subject[PE_FIGURE_PANELS];
    reach reach[PE_FIGURE_PANELS];
} view;

static double mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] / n;
    return sum;
}

static void number_or_missing(pe_sheet *sheet, double x)
{
    if (isfinite(x))
        pe_sheet_number(sheet, x);
    else
        pe_sheet_missing(sheet);
}

static void reach_of(const reach *r, int at, double *low, double *high)
{
    *low = *high = r->window[at][0];
    for (int i = 1; i < r->seeds; i++) {
        *low = fmin(*low, r->window[at][i]);
        *high = fmax(*high, r->window[at][i]);
    }
}

static void give_windows(const view *v, const char *id, const reach *r)
{
    static const char *const what[] = {"effective context at 64 tokens, the trained length",
                                       "effective context at 256 tokens"};
    for (int at = 0; at < 2; at++) {
        double low, high;
        reach_of(r, at, &low, &high);
        if (isfinite(low))
            pe_give_interval(v->section, "4.5", id, what[at], mean(r->window[at], r->seeds), low,
                             high, "from the smallest to the largest seed");
        else
            pe_section_not_applicable(v->section, id, "it has no positions as far as 256 tokens");
    }
}

static void show(view *v, const pe_subject *subject, const reach *r)
{
    double low, high;
    const double near = mean(r->loss[0], r->seeds), far = mean(r->loss[1], r->seeds);
    reach_of(r, 1, &low, &high);
    pe_sheet_text(v->sheet, subject->title);
    const double row[] = {
        mean(r->window[0], r->seeds), mean(r->window[1], r->seeds), low, high, near, far};
    for (int c = 0; c < 6; c++)
        number_or_missing(v->sheet, row[c]);
    give_windows(v, subject->name, r);
    if (isfinite(row[1])) {
        const bool covered = row[1] <= TRAINED, steady = far <= 1.02 * near;
        *(covered ? &v->short_sighted : &v->far_sighted) += 1;
        *(covered ? &v->short_steady : &v->far_steady) += steady;
    }
    if (v->n < PE_FIGURE_PANELS) {
        v->subject[v->n] = subject;
        v->reach[v->n++] = *r;
    }
}

static void draw(const view *v, pe_error *err)
{
    double x[FAR];
    int least = -1, most = -1;
    for (int w = 0; w < FAR; w++)
        x[w] = w + 1;
    for (int i = 0; i < v->n; i++) {
        const double m = mean(v->reach[i].window[1], v->reach[i].seeds);
        if (!isfinite(m))
            continue;
        least = least < 0 || m < mean(v->reach[least].window[1], v->reach[least].seeds) ? i : least;
        most = most < 0 || m > mean(v->reach[most].window[1], v->reach[most].seeds) ? i : most;
    }
    if (least < 0)
        return;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "trained_context", err,
        "Trained on %d tokens, asked at %d: 99 %% of the gradient lies within %.0f tokens with %s "
        "and within %.0f with %s",
        TRAINED, FAR, mean(v->reach[least].window[1], v->reach[least].seeds),
        v->subject[least]->title, mean(v->reach[most].window[1], v->reach[most].seeds),
        v->subject[most]->title);
    for (int i = 0; i < v->n; i++) {
        if (!isfinite(v->reach[i].share[0]))
            continue;
        pe_figure_panel(figure, v->subject[i]->title);
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = "", .slot = v->subject[i]->slot, .n = FAR, .x = x, .y = v->reach[i].share});
        pe_figure_mark_x(figure, TRAINED, NULL);
    }
    pe_figure_x(figure, "most recent tokens w", PE_LOG2);
    pe_figure_y(figure, "share of the gradient", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1.02);
    pe_figure_describe(figure,
                       "Small multiples, one for each encoding: share of the gradient of the last "
                       "output that the most recent w tokens have.",
                       "Mean over held-out sequences and seeds. The line is the trained length.");
    pe_section_figure(v->section, figure);
}

static void say(const pe_lab *lab, const view *v)
{
    pe_say(v->section,
           "Chi et al. (2023) tie extrapolation to training lengths that cover the effective "
           "context. Here (%d layers of width %d, %lld steps on %d tokens): of %d encodings whose "
           "effective context at %d tokens is at most the trained length, %d keep their loss "
           "within 2 %% at %d tokens; of %d with a longer one, %d do.%s",
           LAYERS, WIDTH, (long long)pe_lab_by_effort(lab, 40, 150, 5000), TRAINED,
           v->short_sighted, FAR, v->short_steady, FAR, v->far_sighted, v->far_steady,
           v->short_sighted == 0 || v->far_sighted == 0
               ? " At this scale there is no such contrast to be seen."
               : "");
}

pe_status context_trained(pe_lab *lab, pe_result *result, context_found *found, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},          {"at 64", "tokens", 0, 4},
        {"at 256", "tokens", 0, 4},       {"smallest seed", "tokens", 0, 4},
        {"largest seed", "tokens", 0, 4}, {"loss at 64", "nats", 0, 4},
        {"loss at 256", "nats", 0, 4}};
    view *v = pe_allocate(1, sizeof *v, "effective contexts", err);
    if (!v)
        return PE_MEMORY;
    v->section = pe_result_section(result, "Effective context of trained models, on text");
    v->sheet = pe_section_table(v->section, "trained",
                                "Window that holds 99 % of the gradient of the last output, mean "
                                "over seeds, and held-out loss",
                                7, columns);
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++) {
        const pe_subject *subject = &lab->subjects[i];
        reach r;
        pe_error own = {0};
        status = train_seeds(lab, subject, 0.2 + 0.8 * i / lab->subject_count, &r, &own);
        if (status == PE_OK)
            show(v, subject, &r);
        else if (pe_lab_declined(status)) {
            pe_section_not_applicable(v->section, subject->name, own.text);
            status = PE_OK;
        } else
            status = pe_fail(err, status, "%s", own.text);
    }
    if (status == PE_OK && v->n > 0) {
        draw(v, err);
        say(lab, v);
    }
    found->trained = TRAINED;
    found->covered = v->short_sighted;
    found->encodings = v->short_sighted + v->far_sighted;
    pe_release(v);
    return status;
}
