/* D9: identical-word probing. One random word at every position through one random layer; what its
 * attention weights still show is position. Wang et al., ICLR 2021. */
#include "distance_sensitivity.h"

#include "analysis/attention_measures.h"
#include "analysis/concordance.h"
#include "analysis/decompose.h"
#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { WORDS = 100, QUICK_WORDS = 20 };

typedef struct word_layer {
    int64_t *ids;
    double *word, *Wq, *Wk, *Wv; /* weights stay, words change */
    int width;                   /* columns of a row: model_dim, and the code beside it */
    double *mean;                /* (T,T) weights of head 0, averaged over words */
} word_layer;

static void release_layer(word_layer *layer)
{
    pe_release(layer->ids);
    pe_release(layer->word);
    pe_release(layer->Wq);
    pe_release(layer->mean);
    *layer = (word_layer){0};
}

static pe_status make_layer(const distance_run *run, const pe_instance *instance, word_layer *layer,
                            pe_error *err)
{
    const pe_setup *s = &instance->info;
    const size_t heads = (size_t)instance->dims.heads * (size_t)instance->dims.head_dim;
    layer->width = instance->dims.model_dim + (s->flags & PE_CONCATENATE ? s->embed_width : 0);
    const size_t cells = (size_t)layer->width * heads;
    layer->ids = pe_allocate(run->T, sizeof *layer->ids, "token ids", err);
    layer->word = pe_allocate((size_t)instance->dims.model_dim, sizeof *layer->word, "word", err);
    layer->Wq = pe_allocate(3 * cells, sizeof *layer->Wq, "weights", err);
    layer->mean = pe_allocate(run->T * run->T, sizeof *layer->mean, "mean weights", err);
    if (!layer->ids || !layer->word || !layer->Wq || !layer->mean)
        return PE_MEMORY;
    layer->Wk = layer->Wq + cells;
    layer->Wv = layer->Wk + cells;
    pe_stream stream = pe_stream_open(run->lab->size.seed, "one word weights", 0);
    pe_fill_normal(&stream, layer->Wq, 3 * cells, 0, 1 / sqrt((double)layer->width));
    return PE_OK;
}

static pe_status attend_to_word(const distance_run *run, pe_instance *instance, word_layer *layer,
                                uint64_t draw, bool causal, pe_layered *layered, pe_error *err)
{
    const size_t d = (size_t)instance->dims.model_dim;
    pe_stream stream = pe_stream_open(run->lab->size.seed, "one word", draw);
    pe_fill_normal(&stream, layer->word, d, 0, 1);
    const pe_embedding_job embedding = {.instance = instance,
                                        .precision = PE_DOUBLE,
                                        .n = (int64_t)run->T,
                                        .ids = layer->ids,
                                        .table = layer->word,
                                        .vocabulary = 1,
                                        .padding_id = -1};
    pe_wide rows = {0};
    int width = 0;
    pe_status status = pe_run_embedding(&embedding, &rows, &width, err);
    if (status != PE_OK)
        return status;
    const pe_layer_job job = {.attention = {.instance = instance,
                                            .precision = PE_DOUBLE,
                                            .batch = 1,
                                            .causal = causal,
                                            .want_weights = true},
                              .length = (int64_t)run->T,
                              .x = rows.hi,
                              .width = width,
                              .Wq = layer->Wq,
                              .Wk = layer->Wk,
                              .Wv = layer->Wv};
    status = pe_run_layer(&job, layered, err);
    pe_wide_release(&rows);
    return status;
}

static pe_status average_words(distance_run *run, const distance_subject *d, word_layer *layer,
                               size_t words, bool causal, pe_error *err)
{
    const size_t cells = run->T * run->T;
    pe_status status = make_layer(run, d->subject->instance, layer, err);
    for (size_t w = 0; status == PE_OK && w < words; w++) {
        pe_layered layered = {0};
        if (w % 10 == 0)
            status = pe_lab_step(run->lab, d->title, 0.75, err);
        if (status == PE_OK)
            status = attend_to_word(run, d->subject->instance, layer, w, causal, &layered, err);
        for (size_t i = 0; status == PE_OK && i < cells; i++)
            layer->mean[i] += layered.attended.weights.hi[i] / (double)words;
        pe_layered_release(&layered);
    }
    return status;
}

/* ---- measures ---- */

typedef struct word_measures {
    double distance; /* of a row from uniform: half the sum of |a − 1/T|, mean over rows */
    double worst;    /* largest |a − 1/T| */
    pe_toeplitz_fit fit;
    pe_symmetry symmetry;
    pe_concordance order;
    double direction;
} word_measures;

static pe_status measure(const distance_run *run, double *a, word_measures *m, pe_error *err)
{
    const size_t T = run->T;
    m->distance = m->worst = 0;
    for (size_t i = 0; i < T * T; i++) {
        const double gap = fabs(a[i] - 1 / (double)T);
        m->distance += gap / 2 / (double)T;
        m->worst = fmax(m->worst, gap);
    }
    pe_status status = pe_direction_balance(a, T, &m->direction, err);
    if (m->worst < 1e-12) { /* uniform but for rounding: nothing varies */
        for (size_t i = 0; i < T * T; i++)
            a[i] = 1 / (double)T;
    }
    if (status == PE_OK)
        status = pe_toeplitz_fit_of(a, T, &m->fit, err);
    if (status == PE_OK)
        status = pe_symmetry_of(a, T, &m->symmetry, err);
    distance_round(a, T * T);
    return status == PE_OK ? pe_concordance_of(a, T, PE_REGION_ALL, &m->order, err) : status;
}

static void number_or_missing(pe_sheet *sheet, double x)
{
    if (isfinite(x))
        pe_sheet_number(sheet, x);
    else
        pe_sheet_missing(sheet);
}

static void write_row(pe_sheet *sheet, const distance_subject *d, const word_measures *m)
{
    pe_sheet_text(sheet, distance_label(d));
    pe_sheet_number(sheet, m->distance);
    number_or_missing(sheet, m->fit.r2);
    pe_sheet_number(sheet, m->order.tau);
    number_or_missing(sheet, m->symmetry.rho);
    pe_sheet_number(sheet, m->direction);
}

static void judge(pe_section *section, const distance_run *run, const distance_subject *d,
                  const word_measures *m)
{
    pe_verdict v =
        distance_verdict("D9", d, "largest |a(i,j) − 1/T|, one word everywhere", m->worst);
    if (d->can == 0)
        distance_expect(section, &v, 0, 1e-6, "no position: 1/T (closed form)",
                        "the control: nothing tells positions apart");
    else
        distance_info(section, &v,
                      m->worst <= 1e-6 ? "no more than the control shows"
                                       : "position moves weight, with no content to move it");
    if (d->can == 0)
        return;
    v = distance_verdict("D9", d, "R² of the diagonals of mean weights", m->fit.r2);
    if (!isfinite(m->fit.r2)) {
        v.judgement = PE_VERDICT_NOT_APPLICABLE;
        v.because = "the weights do not vary";
        pe_section_verdict(section, &v);
        return;
    }
    char because[96];
    snprintf(because, sizeof because, "noise would give 2/T = %.4f", 2 / (double)run->T);
    distance_info(section, &v, because);
}

/* ---- the control with a causal mask ---- */

static pe_status judge_causal_control(distance_run *run, pe_section *section,
                                      const distance_subject *d, pe_error *err)
{
    word_layer layer = {0};
    double worst = 0;
    pe_status status = average_words(run, d, &layer, 1, true, err);
    for (size_t i = 0; status == PE_OK && i < run->T; i++)
        for (size_t j = 0; j <= i; j++)
            worst = pe_worse(worst, fabs(layer.mean[i * run->T + j] - 1 / ((double)i + 1)));
    if (status == PE_OK) {
        pe_verdict v = distance_verdict("D9", d, "largest |a(i,j) − 1/(i+1)|, causal", worst);
        distance_expect(section, &v, 0, 1e-6, "METRICS.md 1.8 (closed form)",
                        "the mask alone makes rows of 1/(i+1)");
    }
    release_layer(&layer);
    return status;
}

/* ---- the section ---- */

typedef struct word_view {
    pe_figure *figure;
    pe_sheet *sheet;
    int panels, moved, shown;
    double least, most;
    const char *most_title;
} word_view;

static pe_status show_subject(distance_run *run, const distance_subject *d, size_t words,
                              pe_section *section, word_view *view, pe_error *err)
{
    word_layer layer = {0};
    word_measures m = {0};
    pe_status status = average_words(run, d, &layer, words, d->region == PE_REGION_CAUSAL, err);
    if (status == PE_OK && view->panels < PE_FIGURE_PANELS) {
        pe_figure_add_matrix(view->figure, &(pe_matrix_panel){.title = d->title,
                                                              .rows = run->T,
                                                              .columns = run->T,
                                                              .values = layer.mean});
        view->panels++;
    }
    if (status == PE_OK)
        status = measure(run, layer.mean, &m, err);
    if (status == PE_OK) {
        write_row(view->sheet, d, &m);
        judge(section, run, d, &m);
        view->shown++;
        view->moved += m.distance > 0.01;
        if (m.distance > view->most) {
            view->most = m.distance;
            view->most_title = d->title;
        }
    }
    if (status == PE_OK && d->can == 0)
        status = judge_causal_control(run, section, d, err);
    release_layer(&layer);
    return status;
}

static void finish_figure(pe_section *section, const word_view *view, size_t words)
{
    char caption[256];
    snprintf(
        caption, sizeof caption,
        "Attention weights of head 0, mean over %zu random words, no mask; each panel with its "
        "own range from zero. The control shows one even colour.",
        words);
    pe_figure_x(view->figure, "key j (token)", PE_LINEAR);
    pe_figure_y(view->figure, "query i (token)", PE_LINEAR);
    pe_figure_colours(view->figure, PE_AMOUNTS, "mean weight", PE_LINEAR);
    pe_figure_own_ranges(view->figure);
    pe_figure_describe(view->figure,
                       "Heat maps of mean attention weights with one word at every position, one "
                       "per variant.",
                       caption);
    pe_section_figure(section, view->figure);
}

static pe_status show_all(distance_run *run, pe_section *section, size_t words, word_view *view,
                          pe_error *err)
{
    pe_status status = PE_OK;
    for (int control = 1; control >= 0; control--) /* the control comes first */
        for (int i = 0; status == PE_OK && i < run->count; i++) {
            const distance_subject *d = &run->subject[i];
            pe_error own = {0};
            if (!d->S || (d->can == 0) != control)
                continue;
            status = show_subject(run, d, words, section, view, &own);
            if (status != PE_OK && distance_tolerable(status)) {
                pe_section_not_applicable(section, d->id, own.text);
                status = PE_OK;
            } else if (status != PE_OK)
                status = pe_fail(err, status, "%s", own.text);
        }
    return status;
}

pe_status distance_same_word(distance_run *run, pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"moved weight", NULL, 0, 4},
                                              {"R² of the diagonals", NULL, 0, 4},
                                              {"τ", NULL, 0, 4},
                                              {"symmetry correlation", NULL, 0, 4},
                                              {"direction balance", NULL, 0, 4}};
    pe_section *section = pe_result_section(run->result, "One word everywhere (D9)");
    const size_t words = run->lab->size.quick ? QUICK_WORDS : WORDS;
    word_view view = {.most_title = ""};
    pe_say(section,
           "Put one word at every position: content is then the same everywhere, and what "
           "attention still prefers is position. One layer with random projections "
           "$N(0, 1/d)$, %zu random words from $N(0, 1)$, weights averaged (after Wang et "
           "al., ICLR 2021, who used trained models). The control has no encoding.",
           words);
    view.sheet = pe_section_table(
        section, "one_word",
        "Mean attention weights with one word at every position, head 0, no mask. Moved weight: "
        "half the sum of |a − 1/T| over a row, mean over rows; 0 is uniform, 1 is the most.",
        6, columns);
    bool control = false;
    for (int i = 0; i < run->count; i++)
        control = control || (run->subject[i].S && run->subject[i].can == 0);
    view.figure = pe_figure_titled(PE_HEATMAPS, "one_word_maps", err,
                                   "With one word everywhere, what is left is position%s: mean "
                                   "weights over %zu words, 1/T = %.4f",
                                   control ? "; the control, without any, stays even" : "", words,
                                   1 / (double)run->T);
    pe_status status = show_all(run, section, words, &view, err);
    if (status != PE_OK) {
        pe_figure_release(view.figure);
        return status;
    }
    finish_figure(section, &view, words);
    pe_say(section,
           "%d of %d variants move more than 1 %% of the weight; %s moves the most, %.0f %%. "
           "A share that is flat here may still be learned later: nothing is trained.",
           view.moved, view.shown, view.most_title, 100 * view.most);
    if (!control)
        pe_section_not_applicable(section, NULL,
                                  "the control (a variant without any hook) is not among the "
                                  "variants of this run");
    return PE_OK;
}
