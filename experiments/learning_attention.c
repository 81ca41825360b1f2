/* Where trained heads look: locality and direction on text, and with one word everywhere. */
#include "learning.h"

#include "analysis/attention_measures.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { T = LEARNING_LENGTH, L = LEARNING_LAYERS, H = LEARNING_HEADS, B = LEARNING_WORDS };

static double *weights_of(double *weights, size_t l, size_t b, size_t h)
{
    return weights + ((l * B + b) * H + h) * T * T;
}

static pe_status average_heads(double *weights, learning_attention *found, pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t l = 0; l < L; l++)
        for (size_t h = 0; h < H; h++)
            for (size_t b = 0; status == PE_OK && b < B; b++) {
                double locality, direction;
                status = pe_locality(weights_of(weights, l, b, h), T, &locality, err);
                if (status == PE_OK)
                    status = pe_direction_balance(weights_of(weights, l, b, h), T, &direction, err);
                if (status != PE_OK)
                    break;
                found->locality[l][h] += locality / B;
                found->direction[l][h] += direction / B;
            }
    return status;
}

/* Mean over words and heads of the first layer's weights, beside even weights over the past. */
static pe_status measure_word(double *weights, learning_attention *found, pe_error *err)
{
    found->word = pe_allocate(T * T, sizeof *found->word, "weights", err);
    if (!found->word)
        return PE_MEMORY;
    for (size_t b = 0; b < B; b++)
        for (size_t h = 0; h < H; h++)
            for (size_t i = 0; i < T * T; i++)
                found->word[i] += weights_of(weights, 0, b, h)[i] / (B * H);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j <= i; j++) {
            const double gap = fabs(found->word[i * T + j] - 1 / ((double)i + 1));
            found->moved += gap / 2 / T;
            found->worst = pe_worse(found->worst, gap);
        }
    pe_split split;
    pe_status status = pe_split_of(found->word, T, PE_REGION_CAUSAL, PE_MEAN_REMOVED, &split, err);
    found->toeplitz = split.toeplitz;
    return status;
}

/* One word everywhere: each row of the batch is one letter, the printable ones from '0' on. */
static void repeat_words(pe_batch *batch)
{
    for (int b = 0; b < batch->batch; b++)
        for (int64_t i = 0; i < batch->n; i++)
            batch->tokens[b * batch->n + i] = 'A' + b;
}

pe_status learning_attend(pe_model *model, pe_task *task, learning_attention *found, pe_error *err)
{
    pe_batch batch = {0};
    *found = (learning_attention){0};
    double *weights = pe_allocate((size_t)L * B * H, T * T * sizeof *weights, "weights", err);
    pe_status status = weights ? pe_batch_create(task, B, 0, &batch, err) : PE_MEMORY;
    if (status == PE_OK)
        status = pe_task_draw(task, PE_HELD_OUT, 1, 0, 0, &batch, err);
    pe_evaluation job = {.batch = B, .n = T, .tokens = batch.tokens, .weights = weights};
    if (status == PE_OK)
        status = pe_model_evaluate(model, &job, err);
    if (status == PE_OK)
        status = average_heads(weights, found, err);
    if (status == PE_OK) {
        repeat_words(&batch);
        status = pe_model_evaluate(model, &job, err);
    }
    if (status == PE_OK)
        status = measure_word(weights, found, err);
    pe_batch_release(&batch);
    pe_release(weights);
    return status;
}

/* ---- showing ------------------------------------------------------------------------------------
 */

/* (1/T) sum_i sum_(r <= i) 2^-r / (i+1): locality of even attention over the past. */
static double even_locality(void)
{
    double sum = 0;
    for (int i = 0; i < T; i++)
        sum += (2 - exp2(-i)) / (i + 1) / T;
    return sum;
}

static void show_heads(pe_section *section, const learning_run *const *runs, int count,
                       pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"layer", NULL, 0, 2},
                                              {"head", NULL, 0, 2},
                                              {"locality before", NULL, 0, 4},
                                              {"locality after", NULL, 0, 4},
                                              {"direction balance before", NULL, 0, 4},
                                              {"direction balance after", NULL, 0, 4}};
    pe_sheet *sheet =
        pe_section_table(section, "heads", "Attention on held-out text, by head", 7, columns);
    char names[PE_FIGURE_NAMES][96];
    const char *name[PE_FIGURE_NAMES];
    double y[H][PE_FIGURE_NAMES], most = 0;
    const char *where = "";
    size_t n = 0;
    for (int r = 0; r < count; r++)
        for (int l = 0; l < L && n < PE_FIGURE_NAMES; l++, n++) {
            snprintf(names[n], sizeof names[0], "%s, layer %d", runs[r]->subject->title, l + 1);
            name[n] = names[n];
            for (int h = 0; h < H; h++) {
                const learning_attention *a = &runs[r]->before, *z = &runs[r]->after;
                const double row[] = {l + 1,
                                      h + 1,
                                      a->locality[l][h],
                                      z->locality[l][h],
                                      a->direction[l][h],
                                      z->direction[l][h]};
                y[h][n] = z->locality[l][h];
                pe_sheet_text(sheet, runs[r]->subject->title);
                for (int c = 0; c < 6; c++)
                    pe_sheet_number(sheet, row[c]);
                where = y[h][n] > most ? names[n] : where;
                most = fmax(most, y[h][n]);
            }
        }
    pe_figure *figure =
        pe_figure_titled(PE_DOTS, "head_locality", err,
                         "Heads specialise: the most local one (%s) has locality %.2f, even "
                         "attention over the past %.2f",
                         where, most, even_locality());
    pe_figure_x(figure, "locality", PE_LINEAR);
    pe_figure_categories(figure, n, name, NULL);
    for (int h = 0; h < H; h++) {
        char text[24];
        snprintf(text, sizeof text, "head %d", h + 1);
        pe_figure_add_series(figure,
                             &(pe_series){.name = text, .slot = (size_t)h, .n = n, .y = y[h]});
    }
    pe_figure_mark_x(figure, even_locality(), "even");
    pe_figure_describe(figure, "Dots: locality of each head, by encoding and layer.",
                       "After training, on held-out text, causal. 1 is attention to oneself, a "
                       "head that looks at the previous token has about 0.5.");
    pe_section_figure(section, figure);
}

static void judge_word(pe_section *section, const learning_run *run)
{
    const char *id = run->subject->name;
    const learning_attention *z = &run->after;
    if (pe_lab_capabilities(run->subject->instance) == 0)
        pe_expect(section, "D9", id, "largest |a(i,j) - 1/(i+1)|, trained, one word everywhere",
                  z->worst, 0, 1e-5, "METRICS 1.8: the mask alone makes rows of 1/(i+1)");
    else
        pe_require(section, "D9", id, "moved weight, trained, one word everywhere", z->moved,
                   z->moved > 1e-5, "more than the control, which has 0 within 1e-5",
                   "METRICS 1.8");
    pe_give(section, "D9", id, "share of the diagonals, one word everywhere", z->toeplitz,
            "causal region; even weights over the past have some of it, see the control");
}

static void show_word(pe_section *section, const learning_run *const *runs, int count,
                      pe_error *err)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"moved weight before", NULL, 0, 3},
                                              {"moved weight after", NULL, 0, 3},
                                              {"share of the diagonals after", NULL, 0, 3}};
    pe_sheet *sheet = pe_section_table(
        section, "one_word",
        "First layer with one letter everywhere, mean over letters and heads. Moved weight: half "
        "the sum of |a - 1/(i+1)| over a row, mean over rows.",
        4, columns);
    int most = 0;
    for (int r = 0; r < count; r++) {
        judge_word(section, runs[r]);
        pe_sheet_text(sheet, runs[r]->subject->title);
        pe_sheet_number(sheet, runs[r]->before.moved);
        pe_sheet_number(sheet, runs[r]->after.moved);
        pe_sheet_number(sheet, runs[r]->after.toeplitz);
        most = runs[r]->after.moved > runs[most]->after.moved ? r : most;
    }
    pe_figure *figure = pe_figure_titled(
        PE_HEATMAPS, "one_word_maps", err,
        "With one letter everywhere, training lets %s move %.0f %% of the weight (%.1f %% before)",
        runs[most]->subject->title, 100 * runs[most]->after.moved, 100 * runs[most]->before.moved);
    for (int r = 0; r < count; r++)
        pe_figure_add_matrix(figure, &(pe_matrix_panel){.title = runs[r]->subject->title,
                                                        .rows = T,
                                                        .columns = T,
                                                        .values = runs[r]->after.word});
    pe_figure_x(figure, "key j (token)", PE_LINEAR);
    pe_figure_y(figure, "query i (token)", PE_LINEAR);
    pe_figure_colours(figure, PE_PAPER, "mean weight", PE_LINEAR);
    pe_figure_colour_range(figure, 0, 0.25);
    pe_figure_describe(figure, "Heat maps of mean attention weights, one for each encoding.",
                       "Layer 1 after training. Darker than 0.25 is shown as 0.25. The control "
                       "shows what the mask does by itself: 1/(i+1) in row i.");
    pe_section_figure(section, figure);
}

void learning_show_attention(pe_result *result, const learning_run *const *runs, int count,
                             pe_error *err)
{
    pe_section *section = pe_result_section(result, "Where trained heads look (D9, D10, S4)");
    pe_say(
        section,
        "Locality is 1 for attention to oneself alone, and %.3f for even attention over the past "
        "(T = %d). Direction balance under a causal mask is 1 less the weight on oneself: it "
        "says how much a head looks at its own token. All after %lld steps, the first seed.",
        even_locality(), T, (long long)runs[0]->stages[runs[0]->stage_count - 1]);
    show_heads(section, runs, count, err);
    show_word(section, runs, count, err);
}
