/* Cards about lengths and distances: scaling, adding, the base, decay. */
#include "cards/cards.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

static const char no_codes[] =
    "no variant of this run has code rows with the options layout and rule";

static double length_of(size_t n, const double *x)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += x[j] * x[j];
    return sqrt(sum);
}

/* ---- scaling ---- */

pe_status cards_scaling(const pe_lab *lab, pe_result *result, pe_error *err)
{
    enum { WIDTH = 512, TOKENS = 200 };
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double *codes = NULL, token[WIDTH], mean = 0;
    if (!s)
        return cards_none(result, no_codes);
    const pe_status status = cards_codes(s, 1, WIDTH, (cards_set){.name = NULL}, &codes, err);
    if (status != PE_OK)
        return status;
    pe_stream stream = pe_stream_open(lab->size.seed, "card scaling", 0);
    for (int t = 0; t < TOKENS; t++) {
        pe_fill_normal(&stream, token, WIDTH, 0, 1);
        mean += length_of(WIDTH, token) / TOKENS;
    }
    const double code = length_of(WIDTH, codes), small = code / (0.02 * mean);
    const double scaled = small / sqrt(WIDTH), normal = code / mean;
    pe_release(codes);
    cards_text(
        result, "Experiment",
        "Length of a code row of %s over the mean length of %d random token vectors, d = %d, for "
        "the two usual starts of an embedding table, N(0, 0.02) and N(0, 1).",
        s->variant->title, TOKENS, WIDTH);
    pe_section *numbers = pe_result_section(result, "Numbers");
    pe_expect(numbers, "card", NULL, "code / token, N(0, 0.02), as it is", small, 35.4, 0.5,
              "FIELD.md 3, row 21: 35");
    pe_expect(numbers, "card", NULL, "code / token, N(0, 0.02), times sqrt(512)", scaled, 1.56,
              0.02, "FIELD.md 3, row 21");
    pe_expect(numbers, "card", NULL, "code / token, N(0, 1), as it is", normal, 0.71, 0.01,
              "FIELD.md 3, row 21");
    static const char *const names[] = {"N(0, 0.02)", "N(0, 0.02) times sqrt(d)", "N(0, 1)"};
    const double ratios[] = {small, scaled, normal};
    pe_figure *figure =
        pe_figure_titled(PE_BARS_GROUPED, "lengths", err,
                         "Without sqrt(d), the code is %.0f times as long as a token of "
                         "N(0, 0.02); with it, %.2f times",
                         small, scaled);
    pe_figure_categories(figure, 3, names, NULL);
    pe_figure_x(figure, "length of the code / length of the token", PE_LINEAR);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "ratio", .slot = s->slot, .n = 3, .y = ratios});
    pe_figure_describe(figure, "Three bars, the first far longer than the others.",
                       "What is longer dominates the sum at the start of training.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "With the start of the table. For N(0, 1) tokens the code is shorter than the token "
        "without any factor (%.2f), and sqrt(d) would bury it (%.3f); for N(0, 0.02) it drowns "
        "the token unless the factor is there.",
        normal, normal / sqrt(WIDTH));
    cards_finding(result,
                  "Yes, with small tokens: the code is %.0f times as long without the factor and "
                  "%.2f times with it. With N(0, 1) tokens it is %.2f times without.",
                  small, scaled, normal);
    return PE_OK;
}

/* ---- add or concatenate ---- */

enum { ADD_ROWS = 128, ADD_WIDTHS = 6 };

/* Share of random tokens, added to the code of a random position, whose sum still is nearest to
 * that position: argmax over s of (e + p_t) . p_s, all codes being equally long. Concatenated, this
 * is 1. */
static pe_status found_again(const pe_lab *lab, const pe_subject *s, size_t width, double *share,
                             double *cosine, pe_error *err)
{
    enum { DRAWS = 2000, MOST = 1024 };
    double *P = NULL, e[MOST];
    size_t right = 0;
    const pe_status status = cards_codes(s, ADD_ROWS, width, (cards_set){.name = NULL}, &P, err);
    pe_stream stream = pe_stream_open(lab->size.seed, "card add", width);
    *cosine = 0;
    for (int draw = 0; status == PE_OK && draw < DRAWS; draw++) {
        const size_t t = pe_stream_below(&stream, ADD_ROWS);
        size_t best = 0;
        double most = -HUGE_VAL;
        pe_fill_normal(&stream, e, width, 0, 1);
        const double along = cards_kernel(e, P + t * width, width) * (double)width / 2;
        *cosine += fabs(along) / length_of(width, e) / length_of(width, P + t * width) / DRAWS;
        for (size_t k = 0; k < ADD_ROWS; k++) {
            const double x = cards_kernel(e, P + k * width, width) +
                             cards_kernel(P + t * width, P + k * width, width);
            if (x > most)
                most = x, best = k;
        }
        right += best == t;
    }
    *share = (double)right / DRAWS;
    pe_release(P);
    return status;
}

pe_status cards_add(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const size_t widths[ADD_WIDTHS] = {32, 64, 128, 256, 512, 1024};
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double width[ADD_WIDTHS], share[ADD_WIDTHS], cosine[ADD_WIDTHS];
    pe_status status = PE_OK;
    if (!s)
        return cards_none(result, no_codes);
    for (size_t i = 0; status == PE_OK && i < ADD_WIDTHS; i++) {
        width[i] = (double)widths[i];
        status = found_again(lab, s, widths[i], &share[i], &cosine[i], err);
    }
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "A random N(0, 1) token plus the code of a random one of %d positions (%s): is the "
        "position still the one whose code has the largest product with the sum? Beside each "
        "other, nothing is lost, at the price of twice the width.",
        ADD_ROWS, s->variant->title);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (size_t i = 0; i < ADD_WIDTHS; i++) {
        char what[96];
        snprintf(what, sizeof what, "share of positions found in the sum, d = %zu", widths[i]);
        pe_give(numbers, "card", s->variant->id, what, share[i], NULL);
        snprintf(what, sizeof what, "mean |cosine| of token and code, d = %zu", widths[i]);
        pe_expect(numbers, "card", s->variant->id, what, cosine[i],
                  sqrt(2 / (3.14159265358979 * (double)widths[i])), 0.01,
                  "random directions: sqrt(2 / (pi d))");
    }
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "found_again", err,
        "In the sum of token and code, the exact position is found in "
        "%.0f %% at d = %zu, in %.0f %% at d = %zu",
        100 * share[0], widths[0], 100 * share[ADD_WIDTHS - 1], widths[ADD_WIDTHS - 1]);
    pe_figure_x(figure, "width d (columns)", PE_LOG2);
    pe_figure_y(figure, "share of positions found", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1);
    pe_figure_add_series(
        figure,
        &(pe_series){
            .name = s->variant->title, .slot = s->slot, .n = ADD_WIDTHS, .x = width, .y = share});
    pe_figure_mark_y(figure, 1, "concatenated");
    pe_figure_describe(figure, "A rising curve towards 1.",
                       "Chance is 1/128. Neighbours are what is confused.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "At small widths. Random directions in a wide space are nearly at right angles (mean "
        "cosine %.3f at d = %zu), so that a sum of two keeps both; at d = %zu the exact position "
        "is found in %.0f %% only.",
        cosine[ADD_WIDTHS - 1], widths[ADD_WIDTHS - 1], widths[0], 100 * share[0]);
    cards_finding(result,
                  "Little in wide models: the position is read off the sum in %.1f %% at d = "
                  "%zu, in %.0f %% at d = %zu; concatenated, always.",
                  100 * share[4], widths[4], 100 * share[0], widths[0]);
    return PE_OK;
}

/* ---- base ---- */

enum { BASE_ROWS = 4096, BASE_WIDTH = 512, BASES = 6 };

/* How far similarity reaches: the first lag at which it is below one half; and how many sines do
 * not even finish a quarter turn, and so only say "later". */
static pe_status reach_of(const pe_subject *s, const char *base, double *reach, double *idle,
                          pe_error *err)
{
    double *P = NULL;
    const pe_status status =
        cards_codes(s, BASE_ROWS, BASE_WIDTH, (cards_set){"base", base, NULL, NULL}, &P, err);
    size_t k = 1;
    *idle = 0;
    while (status == PE_OK && k < BASE_ROWS &&
           cards_kernel(P, P + k * BASE_WIDTH, BASE_WIDTH) >= 0.5)
        k++;
    *reach = (double)k;
    for (size_t j = 0; status == PE_OK && j < BASE_WIDTH; j += 2) {
        size_t t = 1;
        while (t < BASE_ROWS && P[t * BASE_WIDTH + j] >= P[(t - 1) * BASE_WIDTH + j])
            t++;
        *idle += t == BASE_ROWS;
    }
    pe_release(P);
    return status;
}

/* Where the middle law 1 - (ln k + gamma) / ln B is one half. */
static double law(double base)
{
    return sqrt(base) * exp(-0.57721566490153286);
}

pe_status cards_base(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const char *const bases[BASES] = {"10", "100", "1000", "10000", "100000", "1000000"};
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double base[BASES], reach[BASES], idle[BASES], expected[BASES];
    pe_status status = PE_OK;
    if (!s)
        return cards_none(result, no_codes);
    for (int b = 0; status == PE_OK && b < BASES; b++) {
        base[b] = pow(10, b + 1);
        expected[b] = law(base[b]);
        status = reach_of(s, bases[b], &reach[b], &idle[b], err);
    }
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "%s, width %d, %d positions, six bases: the first lag at which two codes are less than "
        "half similar, and how many of the %d sines do not finish a quarter turn in all these "
        "positions. For large widths the first is $e^{-\\gamma} \\sqrt{B}$, with Euler's "
        "$\\gamma = 0.577$.",
        s->variant->title, BASE_WIDTH, BASE_ROWS, BASE_WIDTH / 2);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (int b = 0; b < BASES; b++) {
        char what[112];
        snprintf(what, sizeof what, "lag at which similarity is below 1/2, base %s", bases[b]);
        pe_give(numbers, "card", s->variant->id, what, reach[b], NULL);
        snprintf(what, sizeof what, "sines within a quarter turn, base %s", bases[b]);
        pe_give(numbers, "card", s->variant->id, what, idle[b], NULL);
    }
    pe_check_factor(numbers,
                    &(pe_check){.id = "card",
                                .variant = s->variant->id,
                                .quantity = "the lag at base 10000 against the law",
                                .value = reach[3],
                                .expected = expected[3],
                                .source = "closed form for large widths"},
                    1.25);
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "reach", err,
                         "Codes are half similar up to lag %.0f with base 100, %.0f with "
                         "10000, %.0f with 1000000: as the square root of the base",
                         reach[1], reach[3], reach[5]);
    pe_figure_x(figure, "base", PE_LOG10);
    pe_figure_y(figure, "first lag with similarity below 1/2 (tokens)", PE_LOG10);
    pe_figure_add_series(
        figure, &(pe_series){
                    .name = s->variant->title, .slot = s->slot, .n = BASES, .x = base, .y = reach});
    pe_figure_add_series(
        figure,
        &(pe_series){
            .name = "law", .look = PE_LOOK_REFERENCE, .n = BASES, .x = base, .y = expected});
    pe_figure_describe(figure,
                       "A rising line over the base, both axes logarithmic, beside the law.",
                       "A hundred times the base reaches ten times as far.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "With the length. What is farther apart than the reach looks alike, near or far: %.0f "
        "tokens at base 100, %.0f at 10000. A base far above the length leaves columns idle: %.0f "
        "of %d sines at 10000 and %.0f at 1000000 over %d positions. Nothing marks 10000 itself.",
        reach[1], reach[3], idle[3], BASE_WIDTH / 2, idle[5], BASE_ROWS);
    cards_finding(result,
                  "The number does not, its size does: codes are half similar up to lag %.0f with "
                  "base 100, %.0f with 10000, %.0f with 1000000, where %.0f of %d sines are idle.",
                  reach[1], reach[3], reach[5], idle[5], BASE_WIDTH / 2);
    return PE_OK;
}

/* ---- decay ---- */

enum { DECAY_LAGS = 5001, DECAY_WIDTHS = 4 };

static pe_status decay_at(const pe_subject *s, size_t width, double *g, double *rise, double *least,
                          pe_error *err)
{
    double *P = NULL;
    const pe_status status = cards_codes(s, DECAY_LAGS, width, (cards_set){.name = NULL}, &P, err);
    *least = 1, *rise = 0;
    for (size_t k = 0; status == PE_OK && k < DECAY_LAGS; k++) {
        g[k] = cards_kernel(P, P + k * width, width);
        *least = fmin(*least, g[k]);
        if (*rise == 0 && k > 0 && g[k] > g[k - 1])
            *rise = (double)k;
    }
    pe_release(P);
    return status;
}

pe_status cards_decay(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const size_t widths[DECAY_WIDTHS] = {16, 64, 128, 512};
    static const double rises[DECAY_WIDTHS] = {4, 6, 12, 44},
                        minima[DECAY_WIDTHS] = {-0.67, -0.24, -0.15, -0.05};
    enum { SHOWN = 65 };
    const pe_subject *s = cards_subject(lab, PE_CAN_EMBED, "layout", "rule");
    double rise[DECAY_WIDTHS], least[DECAY_WIDTHS], lag[SHOWN];
    if (!s)
        return cards_none(result, no_codes);
    double *g = pe_allocate(DECAY_WIDTHS * DECAY_LAGS, sizeof *g, "kernels", err);
    pe_status status = g ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < DECAY_WIDTHS; i++)
        status = decay_at(s, widths[i], g + i * DECAY_LAGS, &rise[i], &least[i], err);
    if (status != PE_OK) {
        pe_release(g);
        return status;
    }
    cards_text(
        result, "Experiment",
        "%s: the similarity $g(k)$ of the codes of positions 0 and $k$, $g(0) = 1$, at four "
        "widths. Where does it first rise again, and how low does it go within 5000 positions?",
        s->variant->title);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (size_t i = 0; i < DECAY_WIDTHS; i++) {
        char what[96];
        snprintf(what, sizeof what, "lag of the first rise, d = %zu", widths[i]);
        pe_expect(numbers, "card", s->variant->id, what, rise[i], rises[i], 0,
                  "FIELD.md 3, row 20");
        snprintf(what, sizeof what, "smallest similarity within 5000 lags, d = %zu", widths[i]);
        pe_expect(numbers, "card", s->variant->id, what, least[i], minima[i], 0.005,
                  "FIELD.md 3, row 20");
    }
    pe_figure *figure = pe_figure_titled(PE_CURVES, "similarity", err,
                                         "Similarity falls, and rises again: first at lag %.0f (d "
                                         "= 16), %.0f (64), %.0f (128), %.0f (512)",
                                         rise[0], rise[1], rise[2], rise[3]);
    pe_figure_x(figure, "lag k (tokens)", PE_LINEAR);
    pe_figure_y(figure, "similarity g(k)", PE_LINEAR);
    for (size_t k = 0; k < SHOWN; k++)
        lag[k] = (double)k;
    static const char *const names[DECAY_WIDTHS] = {"d = 16", "d = 64", "d = 128", "d = 512"};
    for (size_t i = 0; i < DECAY_WIDTHS; i++)
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = names[i], .slot = i, .n = SHOWN, .x = lag, .y = g + i * DECAY_LAGS});
    pe_figure_describe(figure, "Four curves that fall steeply and then swing.",
                       "A sum of cosines falls while all of them fall, and not longer.");
    pe_section_figure(numbers, figure);
    pe_release(g);
    cards_text(
        result, "When the answer flips",
        "Only before the first rise: up to lag %.0f at d = 16, %.0f at d = 512. And it is the "
        "similarity of bare codes; between them, attention has its own weights.",
        rise[0] - 1, rise[3] - 1);
    cards_finding(
        result, "No: it first rises again at lag %.0f (d = 16), %.0f (64), %.0f (128), %.0f (512).",
        rise[0], rise[1], rise[2], rise[3]);
    return PE_OK;
}
