/* Showing what numerical_precision_matter.c measured. */
#include "numerical_precision_matter.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { FIRST_FORMAT = MATTER_FLOAT, LAST_FORMAT = MATTER_E5M2 };

static const char *const content_names[] = {"random words", "real text"};

static double weight(const matter_found *f, matter_way way)
{
    return f->of[MATTER_TEXT][way][MATTER_WEIGHTS].centre;
}

/* ---- numbers ---- */

static void number(pe_sheet *sheet, double value)
{
    if (isnan(value))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, value);
}

static void long_table(pe_section *section, const matter_found *list, int count, int content)
{
    const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                       {"stored as", NULL, 1, 0},
                                       {"logits, RMS", "nats", 0, 3},
                                       {"low", "nats", 0, 3},
                                       {"high", "nats", 0, 3},
                                       {"weights, total variation", NULL, 0, 3},
                                       {"low", NULL, 0, 3},
                                       {"high", NULL, 0, 3},
                                       {"output, relative", NULL, 0, 3},
                                       {"low", NULL, 0, 3},
                                       {"high", NULL, 0, 3},
                                       {"draws not finite", NULL, 0, 3}};
    char caption[160];
    snprintf(caption, sizeof caption,
             "Error against quad, %s: means and 95 %% intervals over draws",
             content_names[content]);
    pe_sheet *sheet = pe_section_table(
        section, content == MATTER_TEXT ? "matter_text" : "matter_random", caption, 12, columns);
    for (int s = 0; s < count; s++)
        for (int w = 0; list[s].measured && w < MATTER_WAYS; w++) {
            pe_sheet_text(sheet, list[s].subject->title);
            pe_sheet_text(sheet, matter_way_name((matter_way)w));
            for (int m = 0; m < MATTER_MEASURES; m++) {
                const pe_interval *i = &list[s].of[content][w][m];
                number(sheet, i->centre);
                number(sheet, i->low);
                number(sheet, i->high);
            }
            pe_sheet_number(sheet, list[s].not_finite[content][w]);
        }
}

static void place_table(pe_section *section, const matter_found *list, int count)
{
    static const char *const names[PE_PLACE_COUNT] = {
        "position", "frequency", "phase", "table",  "parameter", "code",  "rows",
        "query",    "key",       "value", "logits", "weights",   "output"};
    pe_sheet_column columns[PE_PLACE_COUNT + 1] = {{"variant", NULL, 1, 0}};
    for (int p = 0; p < PE_PLACE_COUNT; p++)
        columns[p + 1] = (pe_sheet_column){names[p], NULL, 0, 2};
    pe_sheet *sheet = pe_section_table(section, "by_place",
                                       "Total variation of the weights when bf16 stands at one "
                                       "place alone; where a variant stores nothing there, what "
                                       "remains is float's own error",
                                       PE_PLACE_COUNT + 1, columns);
    for (int s = 0; s < count; s++)
        if (list[s].measured) {
            pe_sheet_text(sheet, list[s].subject->title);
            for (int p = 0; p < PE_PLACE_COUNT; p++)
                number(sheet, list[s].by_place[p]);
        }
}

static void verdicts(pe_section *section, const matter_found *list, int count)
{
    static const matter_way shown[] = {MATTER_FLOAT, MATTER_FP16, MATTER_BF16};
    for (int s = 0; s < count; s++)
        for (size_t w = 0; list[s].measured && w < 3; w++) {
            const pe_interval *i = &list[s].of[MATTER_TEXT][shown[w]][MATTER_WEIGHTS];
            char quantity[128];
            pe_verdict v = pe_verdict_blank();
            snprintf(quantity, sizeof quantity, "weight moved by %s at every place, real text",
                     matter_way_name(shown[w]));
            v.id = "TV";
            v.variant = list[s].subject->name;
            v.quantity = quantity;
            v.unit = "total variation";
            v.value = i->centre;
            v.ci_low = i->low;
            v.ci_high = i->high;
            v.because = list[s].subject->random_table ? "untrained: random parameters"
                                                      : "no value is published for it";
            pe_section_verdict(section, &v);
        }
}

/* ---- figures ---- */

static void logit_figure(pe_section *section, const matter_found *list, int count, pe_error *err)
{
    const char *names[PE_FIGURE_NAMES];
    double values[PE_FIGURE_NAMES], least = HUGE_VAL, most = 0, most_float = 0;
    const char *best = NULL, *worst = NULL;
    size_t n = 0;
    char title[300];
    for (int s = 0; s < count && n < PE_FIGURE_NAMES; s++) {
        if (!list[s].measured)
            continue;
        names[n++] = list[s].subject->title;
        const double x = list[s].of[MATTER_RANDOM][MATTER_BF16][MATTER_LOGITS].centre;
        most_float =
            fmax(most_float, list[s].of[MATTER_RANDOM][MATTER_FLOAT][MATTER_LOGITS].centre);
        if (x < least) {
            least = x;
            best = list[s].subject->title;
        }
        if (x > most) {
            most = x;
            worst = list[s].subject->title;
        }
    }
    if (!best || !worst)
        return;
    snprintf(
        title, sizeof title,
        "All in bf16, a logit is off by %.2g with %s, by %.2g with %s; in float by at most %.1g",
        least, best, most, worst, most_float);
    pe_figure *figure = pe_figure_new(PE_DOTS, "logit_error", title, err);
    pe_figure_x(figure, "RMS logit error (nats), random words", PE_LOG10);
    pe_figure_categories(figure, n, names, NULL);
    for (int w = FIRST_FORMAT; w <= LAST_FORMAT; w++) {
        size_t at = 0;
        for (int s = 0; s < count && at < n; s++)
            if (list[s].measured)
                values[at++] = list[s].of[MATTER_RANDOM][w][MATTER_LOGITS].centre;
        pe_figure_add_series(figure, &(pe_series){.name = matter_way_name((matter_way)w),
                                                  .slot = (size_t)(w - FIRST_FORMAT),
                                                  .n = n,
                                                  .y = values});
    }
    pe_figure_describe(figure,
                       "Dots: RMS logit error for each variant, one dot per format, on a "
                       "logarithmic axis; the formats form columns.",
                       "64 tokens, positions 0 .. 63, 2 heads of width 32, causal; the format at "
                       "every place, arithmetic in float, against quad.");
    pe_section_figure(section, figure);
}

static void panels_by(pe_section *section, const matter_found *list, int count, const char *id,
                      const char *title, const char *x_label, pe_scale scale, const double *x,
                      size_t n, bool by_start, const char *caption, pe_error *err)
{
    pe_figure *figure = pe_figure_new(PE_CURVES, id, title, err);
    int panels = 0;
    pe_figure_x(figure, x_label, scale);
    pe_figure_y(figure, "weight moved (total variation)", PE_LOG10);
    for (int s = 0; s < count && panels < PE_FIGURE_PANELS; s++) {
        if (!list[s].measured)
            continue;
        panels++;
        pe_figure_panel(figure, list[s].subject->title);
        for (int w = FIRST_FORMAT; w <= LAST_FORMAT; w++)
            pe_figure_add_series(
                figure, &(pe_series){.name = matter_way_name((matter_way)w),
                                     .slot = (size_t)(w - FIRST_FORMAT),
                                     .n = n,
                                     .x = x,
                                     .y = by_start ? list[s].by_start[w] : list[s].by_query[w]});
    }
    pe_figure_describe(figure,
                       by_start ? "Small multiples by variant: weight moved against the position "
                                  "of the sequence, one line per format."
                                : "Small multiples by variant: weight moved against the query's "
                                  "index, one line per format.",
                       caption);
    pe_section_figure(section, figure);
}

/* ---- words ---- */

static const matter_found *worst_of(const matter_found *list, int count, int start)
{
    const matter_found *worst = NULL;
    double most = -1;
    for (int s = 0; s < count; s++) {
        if (!list[s].measured)
            continue;
        const double x =
            start < 0 ? weight(&list[s], MATTER_BF16) : list[s].by_start[MATTER_BF16][start];
        if (x > most) {
            most = x;
            worst = &list[s];
        }
    }
    return worst;
}

static const matter_found *baseline(const matter_found *list, int count)
{
    for (int s = 0; s < count; s++)
        if (list[s].measured && pe_lab_capabilities(list[s].subject->instance) == 0)
            return &list[s];
    return NULL;
}

static void near_start(precision_run *run, pe_section *section, const matter_found *list, int count)
{
    const matter_found *worst = worst_of(list, count, -1), *none = baseline(list, count);
    if (!worst)
        return;
    double float_most = 0, double_most = 0;
    for (int s = 0; s < count; s++)
        if (list[s].measured) {
            float_most = fmax(float_most, weight(&list[s], MATTER_FLOAT));
            double_most = fmax(double_most, weight(&list[s], MATTER_DOUBLE));
        }
    run->weight_float = float_most;
    run->weight_bf16 = weight(worst, MATTER_BF16);
    run->weight_worst = worst->subject->title;
    pe_say(section,
           "Positions 0 .. 63, real text. Float moves at most %.1g of a query's attention "
           "weight, whatever the variant: it does not matter. Double moves %.1g. bf16 at "
           "every place moves %.2g %% at most (%s).",
           float_most, double_most, 100 * run->weight_bf16, run->weight_worst);
    if (none)
        pe_say(section,
               "%s has no positional encoding at all, and bf16 still moves %.2g %%: that "
               "much is the price of storing q, k, logits and weights. For %s the places of "
               "the encoding alone cost %.2g %%, and all other places %.2g %%.",
               none->subject->title, 100 * weight(none, MATTER_BF16), worst->subject->title,
               100 * weight(worst, MATTER_BF16_POSITIONAL),
               100 * weight(worst, MATTER_BF16_CONTENT));
}

/* Variants that can be asked as far out as the last start, and those that do the same there. */
static int reached(const matter_found *list, int count)
{
    int n = 0;
    for (int s = 0; s < count; s++)
        n += list[s].measured && !isnan(list[s].by_start[MATTER_BF16][MATTER_STARTS - 1]);
    return n;
}

static int unmoved(const matter_found *list, int count)
{
    int n = 0;
    for (int s = 0; s < count; s++)
        n += list[s].measured &&
             list[s].by_start[MATTER_BF16][MATTER_STARTS - 1] == list[s].by_start[MATTER_BF16][0];
    return n;
}

static void far_away(precision_run *run, pe_section *section, const matter_found *list, int count)
{
    const int last = MATTER_STARTS - 1;
    const matter_found *worst = worst_of(list, count, last);
    int not_finite = 0;
    for (int s = 0; s < count; s++)
        not_finite += list[s].measured && !isnan(list[s].by_start[MATTER_BF16][last]) &&
                      isnan(list[s].by_start[MATTER_E4M3][last]);
    if (!worst)
        return;
    run->weight_bf16_far = worst->by_start[MATTER_BF16][last];
    run->weight_far_worst = worst->subject->title;
    run->far = matter_start[last];
    for (int s = 0; s < count; s++)
        if (list[s].measured && list[s].by_start[MATTER_FLOAT][last] > run->weight_float_far)
            run->weight_float_far = list[s].by_start[MATTER_FLOAT][last];
    pe_say(section,
           "The same sequence starting at position %.0f (%d draws, judged by double, which "
           "is far more exact than any format here): %d of %d variants give bit for bit the "
           "same error as at 0, because they use index differences or content only. The "
           "worst, %s, moves %.0f %% of the weight in bf16 (%.2g %% at 0). In fp8 e4m3 "
           "positions beyond 464 are NaN: %d variants have no result there, shown as gaps. Float "
           "moves %.1g at most.",
           run->far, MATTER_FAR_DRAWS, unmoved(list, count), reached(list, count),
           run->weight_far_worst, 100 * run->weight_bf16_far, 100 * worst->by_start[MATTER_BF16][0],
           not_finite, run->weight_float_far);
    if (!isnan(run->growing_share))
        pe_say(
            section,
            "This answers the question asked most often in public trackers, whether rotary angles "
            "may be formed in bf16: no, not positions, frequencies and phases (section P7: %.2g "
            "per logit at the largest shift). Finished sines, cosines, q and k may be stored in "
            "bf16 at the same price everywhere (%.2g there, too).",
            run->growing_share, run->stored_share);
}

static void say_untrained(pe_section *section, const matter_found *list, int count)
{
    char names[600] = "";
    size_t used = 0;
    for (int s = 0; s < count && used < sizeof names; s++)
        if (list[s].measured && list[s].subject->random_table)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                     list[s].subject->title);
    if (used)
        pe_say(section,
               "Untrained: %s. Their parameters are random, and drawn anew with every draw, so an "
               "interval is the noise band of random tables of this size as well.",
               names);
}

pe_status matter_show(precision_run *run, const matter_found *list, pe_error *err)
{
    const int count = run->lab->subject_count;
    double query[MATTER_TOKENS];
    char title[300];
    pe_section *section =
        pe_result_section(run->result, "Does it matter? Every variant, every format");
    pe_say(section,
           "One attention layer: %d tokens, %d heads of width %d, causal, random vectors and "
           "random projections, %d draws, each against its own quad run. The unit is what a "
           "model would feel: total variation, half the sum of the changes of a query's "
           "weights, is the share of its attention that goes elsewhere. Every run in float "
           "or narrower also rounds the words' vectors and the projections to float.",
           MATTER_TOKENS, MATTER_HEADS, MATTER_WIDTH, run->lab->size.draws);
    say_untrained(section, list, count);
    for (int s = 0; s < count; s++)
        if (!list[s].measured)
            pe_section_not_applicable(section, list[s].subject->name, list[s].because);
    for (int i = 0; i < MATTER_TOKENS; i++)
        query[i] = i;
    near_start(run, section, list, count);
    logit_figure(section, list, count, err);
    if (run->weight_worst) {
        snprintf(title, sizeof title,
                 "Within 64 tokens float moves at most %.1g of a query's weight, bf16 up to %.2g "
                 "(mean over queries)",
                 run->weight_float, run->weight_bf16);
        panels_by(section, list, count, "by_query", title, "query index (tokens)", PE_LINEAR, query,
                  MATTER_TOKENS, false,
                  "Real text; mean over heads and draws. Query 0 sees only itself and cannot move.",
                  err);
        far_away(run, section, list, count);
        snprintf(title, sizeof title,
                 "All in bf16, from position %.0f on: %s moves %.0f %% of its weight, %d of %d "
                 "variants exactly as much as from 0 on",
                 run->far, run->weight_far_worst, 100 * run->weight_bf16_far, unmoved(list, count),
                 reached(list, count));
        panels_by(section, list, count, "by_start", title, "position of the last token", PE_LOG2,
                  matter_end, MATTER_STARTS, true,
                  "Real text, 64 tokens starting at 0, 256, 1024, 4096, 16384; a variant with a "
                  "table ends where its table ends.",
                  err);
    }
    place_table(section, list, count);
    verdicts(section, list, count);
    long_table(section, list, count, MATTER_RANDOM);
    long_table(section, list, count, MATTER_TEXT);
    return PE_OK;
}
