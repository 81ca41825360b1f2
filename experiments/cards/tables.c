/* Cards about the columns of a table: their order, their frequencies, an odd number of them. */
#include "cards/cards.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

static const char no_table[] =
    "no variant of this run has code rows with the options layout and rule";

static double correlation(size_t n, const double *a, const double *b)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++)
        aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
    return ab / sqrt(aa * bb);
}

/* ---- order ---- */

enum { ORDER_ROWS = 128, ORDER_WIDTH = 64 };

/* S = P W P^T for one random W: what trained weights see of a table. */
static void through_weights(const double *P, const double *W, double *S)
{
    static double PW[ORDER_ROWS * ORDER_WIDTH];
    for (size_t t = 0; t < ORDER_ROWS; t++)
        for (size_t c = 0; c < ORDER_WIDTH; c++) {
            PW[t * ORDER_WIDTH + c] = 0;
            for (size_t k = 0; k < ORDER_WIDTH; k++)
                PW[t * ORDER_WIDTH + c] += P[t * ORDER_WIDTH + k] * W[k * ORDER_WIDTH + c];
        }
    for (size_t i = 0; i < ORDER_ROWS; i++)
        for (size_t j = 0; j < ORDER_ROWS; j++) {
            S[i * ORDER_ROWS + j] = 0;
            for (size_t c = 0; c < ORDER_WIDTH; c++)
                S[i * ORDER_ROWS + j] += PW[i * ORDER_WIDTH + c] * P[j * ORDER_WIDTH + c];
        }
}

static pe_status order_measured(const pe_lab *lab, const double *a, const double *b,
                                pe_result *result, pe_error *err)
{
    enum { N = ORDER_ROWS * ORDER_ROWS };
    double kernel = 0, entries = 0, mean = 0;
    double *work = pe_allocate(2 * N + ORDER_WIDTH * ORDER_WIDTH, sizeof *work, "scores", err);
    if (!work)
        return PE_MEMORY;
    for (size_t i = 0; i < ORDER_ROWS; i++)
        for (size_t j = 0; j < ORDER_ROWS; j++)
            kernel = fmax(
                kernel, fabs(cards_kernel(a + i * ORDER_WIDTH, a + j * ORDER_WIDTH, ORDER_WIDTH) -
                             cards_kernel(b + i * ORDER_WIDTH, b + j * ORDER_WIDTH, ORDER_WIDTH)));
    for (size_t at = 0; at < ORDER_ROWS * ORDER_WIDTH; at++)
        entries = fmax(entries, fabs(a[at] - b[at]));
    for (int draw = 0; draw < lab->size.draws; draw++) {
        pe_stream s = pe_stream_open(lab->size.seed, "card order", (uint64_t)draw);
        pe_fill_normal(&s, work + 2 * N, ORDER_WIDTH * ORDER_WIDTH, 0, 1);
        through_weights(a, work + 2 * N, work);
        through_weights(b, work + 2 * N, work + N);
        mean += correlation(N, work, work + N) / lab->size.draws;
    }
    pe_release(work);
    pe_section *numbers = pe_result_section(result, "Numbers");
    pe_give(numbers, "card", NULL, "largest difference of an entry between the layouts", entries,
            NULL);
    pe_expect(numbers, "card", NULL, "largest difference of the kernel between the layouts", kernel,
              0, 1e-12, "a permutation of the columns keeps every dot product");
    pe_give(numbers, "card", NULL,
            "correlation of position logits, weights of one layout on the table of the other", mean,
            NULL);
    cards_text(
        result, "When the answer flips",
        "With weights that were trained on the other layout. One random $W$ for both tables: the "
        "logits $P W P^T$ of the two layouts then correlate by %.3f (mean of %d draws). `posenc "
        "check --layouts` prints the order of the rows of $W_q$ and $W_k$ that puts it right.",
        mean, lab->size.draws);
    cards_finding(
        result,
        "No, when you train from the start: entries differ by up to %.2f, dot products by "
        "%.1g. Yes, when you load weights: correlation %.2f.",
        entries, kernel, mean);
    return PE_OK;
}

pe_status cards_order(const pe_lab *lab, pe_result *result, pe_error *err)
{
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double *a = NULL, *b = NULL;
    if (!s)
        return cards_none(result, no_table);
    cards_text(
        result, "Experiment",
        "%s with alternating columns and with two blocks, %d positions, width %d: entries, dot "
        "products of rows, and logits through the same random weights.",
        s->variant->title, ORDER_ROWS, ORDER_WIDTH);
    pe_status status = cards_codes(s, ORDER_ROWS, ORDER_WIDTH, (cards_set){.name = NULL}, &a, err);
    if (status == PE_OK)
        status = cards_codes(s, ORDER_ROWS, ORDER_WIDTH,
                             (cards_set){"layout", "concat", NULL, NULL}, &b, err);
    if (status == PE_OK)
        status = order_measured(lab, a, b, result, err);
    pe_release(a);
    pe_release(b);
    return status;
}

/* ---- paper or tensor2tensor ---- */

enum { RULE_LAGS = 513, RULE_WIDTHS = 6 };

/* Largest difference of the two kernels within the lags, and of entries. */
static pe_status rule_at(const pe_subject *s, size_t width, double *kernel, double *entries,
                         pe_error *err)
{
    double *a = NULL, *b = NULL;
    pe_status status = cards_codes(s, RULE_LAGS, width, (cards_set){.name = NULL}, &a, err);
    if (status == PE_OK)
        status = cards_codes(s, RULE_LAGS, width, (cards_set){"rule", "t2t", NULL, NULL}, &b, err);
    *kernel = *entries = 0;
    for (size_t k = 0; status == PE_OK && k < RULE_LAGS; k++) {
        *kernel = fmax(*kernel, fabs(cards_kernel(a, a + k * width, width) -
                                     cards_kernel(b, b + k * width, width)));
        for (size_t j = 0; j < width; j++)
            *entries = fmax(*entries, fabs(a[k * width + j] - b[k * width + j]));
    }
    pe_release(a);
    pe_release(b);
    return status;
}

pe_status cards_rule(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const size_t widths[RULE_WIDTHS] = {16, 32, 64, 128, 256, 512};
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double width[RULE_WIDTHS], kernel[RULE_WIDTHS], entries[RULE_WIDTHS];
    pe_status status = PE_OK;
    if (!s)
        return cards_none(result, no_table);
    for (size_t i = 0; status == PE_OK && i < RULE_WIDTHS; i++) {
        width[i] = (double)widths[i];
        status = rule_at(s, widths[i], &kernel[i], &entries[i], err);
    }
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "%s with both rules at six widths: the largest difference of an entry, and of the "
        "similarity $g(k)$ of two codes at distance $k \\le %d$, where $g(0) = 1$. Attention "
        "sees the similarity, not the entries.",
        s->variant->title, RULE_LAGS - 1);
    pe_section *numbers = pe_result_section(result, "Numbers");
    static const double published[] = {0.72, 0, 0.32, 0.17, 0, 0.019};
    for (size_t i = 0; i < RULE_WIDTHS; i++) {
        char what[96];
        snprintf(what, sizeof what, "largest difference of the kernel, d = %zu", widths[i]);
        if (published[i] > 0)
            pe_expect(numbers, "card", s->variant->id, what, kernel[i], published[i],
                      published[i] < 0.1 ? 0.0005 : 0.005, "FIELD.md 3, row 1");
        else
            pe_give(numbers, "card", s->variant->id, what, kernel[i], NULL);
    }
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "kernel_difference", err,
                         "The two rules give similarities that differ by up to %.2f at d = %zu and "
                         "%.3f at d = %zu",
                         kernel[0], widths[0], kernel[RULE_WIDTHS - 1], widths[RULE_WIDTHS - 1]);
    pe_figure_x(figure, "width d (columns)", PE_LOG2);
    pe_figure_y(figure, "largest difference", PE_LOG10);
    pe_figure_add_series(
        figure,
        &(pe_series){
            .name = "similarity g(k)", .slot = 0, .n = RULE_WIDTHS, .x = width, .y = kernel});
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "an entry", .slot = 1, .n = RULE_WIDTHS, .x = width, .y = entries});
    pe_figure_describe(figure,
                       "Two curves against the width: similarities differ less than entries, and "
                       "more so the wider",
                       "Comparing entries says that the tables are different everywhere; comparing "
                       "what attention sees says that only narrow ones are.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "At small widths, and with weights that were trained on the other table: entries differ "
        "by up to %.2f at d = %zu and %.2f at d = %zu.",
        entries[0], widths[0], entries[RULE_WIDTHS - 1], widths[RULE_WIDTHS - 1]);
    cards_finding(
        result, "Hardly at d = %zu (similarities differ by %.3f at most), much at d = %zu (%.2f).",
        widths[RULE_WIDTHS - 1], kernel[RULE_WIDTHS - 1], widths[0], kernel[0]);
    return PE_OK;
}

/* ---- odd width ---- */

static pe_status norms_at(const pe_subject *s, size_t width, double *least, double *most,
                          pe_error *err)
{
    enum { ROWS = 512 };
    double *rows = NULL;
    const pe_status status = cards_codes(s, ROWS, width, (cards_set){.name = NULL}, &rows, err);
    *least = HUGE_VAL, *most = 0;
    for (size_t t = 0; status == PE_OK && t < ROWS; t++) {
        double squares = 0;
        for (size_t j = 0; j < width; j++)
            squares += rows[t * width + j] * rows[t * width + j];
        *least = fmin(*least, squares), *most = fmax(*most, squares);
    }
    pe_release(rows);
    return status;
}

pe_status cards_odd(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const size_t widths[] = {5, 9, 17, 33, 65};
    enum { WIDTHS = 5 };
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double odd[WIDTHS], even[WIDTHS], width[WIDTHS];
    pe_status status = PE_OK;
    if (!s)
        return cards_none(result, no_table);
    for (size_t i = 0; status == PE_OK && i < WIDTHS; i++) {
        double least, most;
        width[i] = (double)widths[i];
        status = norms_at(s, widths[i], &least, &most, err);
        odd[i] = most / least - 1;
        if (status == PE_OK)
            status = norms_at(s, widths[i] + 1, &least, &most, err);
        even[i] = most / least - 1;
    }
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "%s at odd widths, where the last sine has no cosine, and at the even width above: how "
        "much the squared length of a row varies over 512 positions.",
        s->variant->title);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (size_t i = 0; i < WIDTHS; i++) {
        char what[96];
        snprintf(what, sizeof what, "largest squared length over smallest, minus 1: d = %zu",
                 widths[i]);
        pe_give(numbers, "card", s->variant->id, what, odd[i], NULL);
        snprintf(what, sizeof what, "the same at d = %zu", widths[i] + 1);
        pe_expect(numbers, "card", s->variant->id, what, even[i], 0, 1e-12,
                  "sin^2 + cos^2 = 1 in every pair");
    }
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "row_lengths", err,
                         "With an odd width the squared length of a row varies: by "
                         "%.0f %% at d = %zu, by %.2g %% at d = %zu",
                         100 * odd[0], widths[0], 100 * odd[WIDTHS - 1], widths[WIDTHS - 1]);
    pe_figure_x(figure, "odd width d (columns)", PE_LOG2);
    pe_figure_y(figure, "largest squared length / smallest - 1", PE_LOG10);
    pe_figure_add_series(
        figure, &(pe_series){
                    .name = s->variant->title, .slot = s->slot, .n = WIDTHS, .x = width, .y = odd});
    pe_figure_describe(figure, "A falling curve over the odd widths.",
                       "The lonely last sine belongs to the slowest frequency.");
    pe_section_figure(numbers, figure);
    cards_text(result, "When the answer flips",
               "At small widths. Elsewhere the lonely sine is one of many columns; the blocks of "
               "tensor2tensor leave a zero column instead and keep the length constant.");
    cards_finding(result,
                  "A little: squared lengths vary by %.0f %% at d = %zu and %.2g %% at d = %zu; "
                  "an even width has none of it.",
                  100 * odd[0], widths[0], 100 * odd[WIDTHS - 1], widths[WIDTHS - 1]);
    return PE_OK;
}
