/* Cards about rounding, through formation paths (common/formation). */
#include "cards/cards.h"

#include "base/memory.h"
#include "formation/measure.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 128 };

static pe_status form(const char *path, double base, pe_formed *formed, pe_error *err)
{
    pe_formation formation;
    const pe_spectrum spectrum = {base, WIDTH / 2, WIDTH};
    const pe_status status = pe_formation_parse(path, &formation, err);
    return status == PE_OK ? pe_formed_make(&formation, &spectrum, formed, err) : status;
}

static double *counted(size_t n, double first, double step, pe_error *err)
{
    double *position = pe_allocate(n, sizeof *position, "positions", err);
    for (size_t t = 0; position && t < n; t++)
        position[t] = first + step * (double)t;
    return position;
}

/* ---- positions in bf16 ---- */

static pe_status distinct_below(const pe_formed *formed, size_t n, pe_formation_rows *rows,
                                pe_error *err)
{
    double *position = counted(n, 0, 1, err);
    const pe_status status =
        position ? pe_formation_distinct(formed, n, position, rows, err) : PE_MEMORY;
    pe_release(position);
    return status;
}

pe_status cards_positions(const pe_lab *lab, pe_result *result, pe_error *err)
{
    enum { LENGTHS = 4 };
    static const size_t lengths[LENGTHS] = {256, 2048, 4096, 32768};
    static const double published[LENGTHS] = {256, 641, 769, 1153};
    (void)lab;
    pe_formed formed;
    pe_formation_rows rows[LENGTHS];
    double x[LENGTHS], share[LENGTHS];
    pe_status status = form("positions-bf16", 10000, &formed, err);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; status == PE_OK && i < LENGTHS; i++)
        status = distinct_below(&formed, lengths[i], &rows[i], err);
    pe_formed_release(&formed);
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "A table of sines and cosines, width %d, whose positions were stored in bf16 before they "
        "were multiplied, everything else in float: how many different rows does it have?",
        WIDTH);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (size_t i = 0; i < LENGTHS; i++) {
        char what[96];
        snprintf(what, sizeof what, "different rows among the first %zu", lengths[i]);
        pe_expect(numbers, "card", NULL, what, (double)rows[i].distinct, published[i], 0,
                  "FIELD.md 3, row 6; 256 before the first collision");
        x[i] = (double)lengths[i];
        share[i] = (double)rows[i].distinct / (double)lengths[i];
    }
    pe_expect(numbers, "card", NULL, "first position with the row of an earlier one",
              rows[1].repeats, 257, 0, "FIELD.md 3, row 6: 257 with 256");
    pe_figure *figure =
        pe_figure_titled(PE_CURVES, "distinct", err,
                         "With positions in bf16, %zu of the first 2048 rows are different, "
                         "%zu of 32768",
                         rows[1].distinct, rows[3].distinct);
    pe_figure_x(figure, "length (tokens)", PE_LOG2);
    pe_figure_y(figure, "share of different rows", PE_LINEAR);
    pe_figure_y_range(figure, 0, 1);
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "positions in bf16", .slot = 0, .n = LENGTHS, .x = x, .y = share});
    pe_figure_describe(figure, "A curve that falls from 1.",
                       "Tokens with the same row cannot be told apart by position.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "Up to 256 tokens it does not matter: bf16 has 8 bits of mantissa and holds every whole "
        "number to 256. Beyond, hold positions as integers or in float, and round the finished "
        "sine.");
    cards_finding(result,
                  "Yes, from position %.0f on: of 2048 positions %zu stay different, of 32768 %zu.",
                  rows[1].repeats, rows[1].distinct, rows[3].distinct);
    return PE_OK;
}

/* ---- exp-log or pow ---- */

enum { PATHS = 4, AT = 131072, SAMPLE = 4096 };
static const char *const paths[PATHS] = {"pow", "exp-step", "exp-log", "double-angle"};

static pe_status worst_of(const char *path, double base, double *worst, pe_error *err)
{
    pe_formed formed;
    pe_formation_found found;
    double *position = counted(SAMPLE, AT - SAMPLE, 1, err);
    pe_status status = position ? form(path, base, &formed, err) : PE_MEMORY;
    if (status == PE_OK) {
        status = pe_formation_measure(&formed, SAMPLE, position, &found, err);
        *worst = found.absolute.value;
        pe_formed_release(&formed);
    }
    pe_release(position);
    return status;
}

pe_status cards_exp_log(const pe_lab *lab, pe_result *result, pe_error *err)
{
    static const double bases[2] = {10000, 500000};
    double worst[2][PATHS];
    pe_status status = PE_OK;
    (void)lab;
    for (int b = 0; b < 2; b++)
        for (int p = 0; status == PE_OK && p < PATHS; p++)
            status = worst_of(paths[p], bases[b], &worst[b][p], err);
    if (status != PE_OK)
        return status;
    cards_text(
        result, "Experiment",
        "Largest error of a sine or cosine over the %d positions before %d, width %d, frequencies "
        "by pow, by the tutorials' exp(2i c), by exp of a logarithm, all in float; and with the "
        "frequency and the angle in double, rounded to float only before the sine.",
        SAMPLE, AT, WIDTH);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (int b = 0; b < 2; b++)
        for (int p = 0; p < PATHS; p++) {
            char what[96];
            snprintf(what, sizeof what, "largest error, base %.0f, %s", bases[b], paths[p]);
            pe_give(numbers, "card", NULL, what, worst[b][p], NULL);
        }
    pe_figure *figure = pe_figure_titled(
        PE_BARS_GROUPED, "sine_errors", err,
        "Base 10000: pow %.2g, exp-log %.2g, and %.2g when only the angle is rounded", worst[0][0],
        worst[0][2], worst[0][3]);
    pe_figure_categories(figure, PATHS, paths, NULL);
    pe_figure_x(figure, "largest error of a sine", PE_LINEAR);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "base 10000", .slot = 0, .n = PATHS, .y = worst[0]});
    pe_figure_add_series(figure,
                         &(pe_series){.name = "base 500000", .slot = 1, .n = PATHS, .y = worst[1]});
    pe_figure_describe(
        figure, "Bars of four paths, for two bases.",
        "Most of the error is there even when the frequency is exact to double: it is the "
        "rounding of the angle.");
    pe_section_figure(numbers, figure);
    const double ratio[2] = {worst[0][2] / worst[0][0], worst[1][2] / worst[1][0]};
    cards_text(
        result, "When the answer flips",
        "With base, width and position. Exp-log has %.2f times the error of pow at base 10000 and "
        "%.2f times at base 500000. The angle rounded once already costs %.2g: who wants digits "
        "forms the angle in double.",
        ratio[0], ratio[1], worst[0][3]);
    cards_finding(result,
                  "No: before position %d exp-log is off by %.2g and pow by %.2g; rounding the "
                  "angle alone costs %.2g.",
                  AT, worst[0][2], worst[0][0], worst[0][3]);
    return PE_OK;
}

/* ---- norm ---- */

pe_status cards_norm(const pe_lab *lab, pe_result *result, pe_error *err)
{
    enum { ROWS = 4096, TRIED = 4 };
    static const char *const tried[TRIED] = {"pow", "positions-bf16", "frequencies-bf16",
                                             "all-fp16"};
    double norm[TRIED], phase[TRIED];
    (void)lab;
    double *position = counted(ROWS, 0, 1, err);
    pe_status status = position ? PE_OK : PE_MEMORY;
    for (int p = 0; status == PE_OK && p < TRIED; p++) {
        pe_formed formed;
        pe_formation_found found;
        status = form(tried[p], 10000, &formed, err);
        if (status != PE_OK)
            break;
        status = pe_formation_measure(&formed, ROWS, position, &found, err);
        norm[p] = found.norm.value, phase[p] = found.phase.value;
        pe_formed_release(&formed);
    }
    pe_release(position);
    if (status != PE_OK)
        return status;
    cards_text(result, "Experiment",
               "Four ways of forming a table, %d positions, width %d: the largest $|\\sin^2 + "
               "\\cos^2 - 1|$ "
               "of a pair, which makes the length of a row, and the largest error of a phase.",
               ROWS, WIDTH);
    pe_section *numbers = pe_result_section(result, "Numbers");
    for (int p = 0; p < TRIED; p++) {
        char what[112];
        snprintf(what, sizeof what, "largest |sin^2 + cos^2 - 1|, %s", tried[p]);
        pe_give(numbers, "card", NULL, what, norm[p], NULL);
        snprintf(what, sizeof what, "largest phase error in radians, %s", tried[p]);
        pe_give(numbers, "card", NULL, what, phase[p], NULL);
    }
    pe_require(numbers, "card", NULL, "norm error of bf16 positions over that of float",
               norm[1] / norm[0], norm[1] < 2 * norm[0] && phase[1] > 1000 * phase[0],
               "the norms cannot be told apart and the phases can",
               "sin^2 + cos^2 = 1 for any phase");
    pe_figure *figure =
        pe_figure_titled(PE_DOTS, "norm_and_phase", err,
                         "Positions in bf16: phases are off by up to %.2g radians, norms "
                         "by %.1g, as in float (%.1g)",
                         phase[1], norm[1], norm[0]);
    pe_figure_categories(figure, TRIED, tried, NULL);
    pe_figure_x(figure, "largest error", PE_LOG10);
    pe_figure_add_series(figure, &(pe_series){.name = "norm", .slot = 0, .n = TRIED, .y = norm});
    pe_figure_add_series(
        figure, &(pe_series){.name = "phase (radians)", .slot = 1, .n = TRIED, .y = phase});
    pe_figure_describe(figure, "Two dots for each of four paths, far apart for the wrong ones.",
                       "A wrong phase is still a point on the circle.");
    pe_section_figure(numbers, figure);
    cards_text(
        result, "When the answer flips",
        "Only where the sine itself is rounded: with everything in fp16 the norm is off by %.1g. "
        "The norm tests the last step, the sine, and none before it.",
        norm[3]);
    cards_finding(result,
                  "No: with positions in bf16 phases are off by up to %.2g radians and norms by "
                  "%.1g, no more than in float (%.1g).",
                  phase[1], norm[1], norm[0]);
    return PE_OK;
}
