/* P4: exact values stored in a format. P5: which whole numbers a format can tell apart. */
#include "numerical_precision.h"

#include "base/memory.h"
#include "numbers/exact.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 128, PAIRS = WIDTH / 2, POSITIONS = 4096, QUARTERS = 4 };

/* ---- P4 ---- */

static const double pi = 3.14159265358979323846;

typedef struct stored {
    double largest, rms;
    double quarter[QUARTERS]; /* largest, by quarter of the positions */
    double fast_drift; /* RMS of the last quarter over that of the first, minus 1: pairs that */
    double slow_drift; /* turn at least 4 times in a quarter, and the others */
} stored;

/* Pairs that turn at least 4 times in a quarter have seen all their phases evenly in each. */
static int fast_pairs(void)
{
    int n = 0;
    while (n < PAIRS && pow(10000, -2.0 * n / WIDTH) * (POSITIONS / QUARTERS) >= 4 * 2 * pi)
        n++;
    return n;
}

static stored store(pe_format format, const double *exact)
{
    stored s = {0};
    double squares[2][QUARTERS] = {{0}}, all = 0;
    const int fast = fast_pairs();
    for (int t = 0; t < POSITIONS; t++)
        for (int c = 0; c < WIDTH; c++) {
            const double x = exact[t * WIDTH + c];
            const double error = fabs(pe_round_to_format(format, x) - x);
            const int q = t / (POSITIONS / QUARTERS);
            s.largest = fmax(s.largest, error);
            s.quarter[q] = fmax(s.quarter[q], error);
            squares[c / 2 >= fast][q] += error * error;
            all += error * error;
        }
    s.rms = sqrt(all / ((double)POSITIONS * WIDTH));
    s.fast_drift = sqrt(squares[0][QUARTERS - 1] / squares[0][0]) - 1;
    s.slow_drift = sqrt(squares[1][QUARTERS - 1] / squares[1][0]) - 1;
    return s;
}

static void judge_storage(pe_section *section, pe_format format, const stored *s)
{
    static const double rms[PE_FORMAT_COUNT] = {
        [PE_FP32] = 1.45e-8, [PE_FP16] = 1.18e-4, [PE_BF16] = 9.41e-4};
    char quantity[128];
    snprintf(quantity, sizeof quantity, "largest error of an exact entry stored in %s",
             pe_format_name(format));
    pe_check check = {.id = "P4",
                      .quantity = quantity,
                      .value = s->largest,
                      .expected = pe_format_epsilon(format) / 4,
                      .source = "half a step just below 1"};
    pe_check_within(section, &check, 0.02 * check.expected);
    if (rms[format] == 0)
        return;
    snprintf(quantity, sizeof quantity, "RMS error of an exact entry stored in %s",
             pe_format_name(format));
    check.value = s->rms;
    check.expected = rms[format];
    check.source = "METRICS.md 3.3 [computed here]";
    pe_check_within(section, &check, 0.02 * check.expected);
}

static void show_storage(pe_section *section, const double *exact, pe_error *err)
{
    const pe_sheet_column columns[] = {{"format", NULL, 1, 0},
                                       {"largest", NULL, 0, 4},
                                       {"RMS", NULL, 0, 4},
                                       {"largest, first quarter", NULL, 0, 4},
                                       {"largest, last quarter", NULL, 0, 4}};
    const char *names[PE_FORMAT_COUNT];
    double largest[PE_FORMAT_COUNT], rms[PE_FORMAT_COUNT], fast = 0, slow = 0, gap = 0;
    size_t n = 0;
    pe_sheet *sheet =
        pe_section_table(section, "storage_table", "Exact entries, stored once", 5, columns);
    for (int f = PE_FP32; f < PE_FORMAT_COUNT; f++, n++) {
        const stored s = store((pe_format)f, exact);
        names[n] = pe_format_name((pe_format)f);
        largest[n] = s.largest;
        rms[n] = s.rms;
        fast = fmax(fast, fabs(s.fast_drift));
        slow = fmax(slow, fabs(s.slow_drift));
        gap = fmax(gap, fabs(s.quarter[QUARTERS - 1] / s.quarter[0] - 1));
        pe_sheet_text(sheet, names[n]);
        pe_sheet_number(sheet, s.largest);
        pe_sheet_number(sheet, s.rms);
        pe_sheet_number(sheet, s.quarter[0]);
        pe_sheet_number(sheet, s.quarter[QUARTERS - 1]);
        judge_storage(section, (pe_format)f, &s);
    }
    pe_say(
        section,
        "The largest error of the last quarter of the %d positions differs from that of the first "
        "by at most %.1g %%, in every format. The RMS of pairs that turn often differs by at most "
        "%.2g %%. That of slow pairs differs by up to %.2g %%, not because their position is "
        "larger but because they have not yet gone around: their entries are other numbers. "
        "Storing an exact table is not the problem, at any position; forming it in a narrow "
        "format is.",
        POSITIONS, 100 * gap, 100 * fast, 100 * slow);
    char title[300];
    snprintf(title, sizeof title,
             "Storing an exact entry costs at most a quarter of epsilon: %.2g in bf16, %.2g in "
             "fp16, at every position alike",
             largest[PE_BF16 - PE_FP32], largest[PE_FP16 - PE_FP32]);
    pe_figure *figure = pe_figure_new(PE_BARS_GROUPED, "storage", title, err);
    pe_figure_x(figure, "error of an entry", PE_LOG10);
    pe_figure_categories(figure, n, names, NULL);
    pe_figure_add_series(figure, &(pe_series){.name = "largest", .slot = 1, .n = n, .y = largest});
    pe_figure_add_series(figure, &(pe_series){.name = "RMS", .slot = 0, .n = n, .y = rms});
    pe_figure_describe(figure, "Bars: largest and RMS storage error for each format.",
                       "Exact sines and cosines, width 128, base 10000, 4096 positions.");
    pe_section_figure(section, figure);
}

pe_status precision_storage(precision_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "Storing exact values (P4)");
    double *exact = pe_allocate((size_t)POSITIONS * WIDTH, sizeof *exact, "an exact table", err);
    double *position = pe_allocate(POSITIONS, sizeof *position, "positions", err);
    pe_status status = exact && position ? PE_OK : PE_MEMORY;
    if (status == PE_OK) {
        for (int t = 0; t < POSITIONS; t++)
            position[t] = t;
        for (int i = 0; i < PAIRS; i++) {
            const pe_frequency frequency = {1, 10000, 2 * i, WIDTH};
            pe_turns turns;
            pe_turns_prepare(&turns, &frequency);
            pe_exact_f64(&turns, POSITIONS, position, exact + 2 * i, exact + 2 * i + 1, WIDTH);
        }
        show_storage(section, exact, err);
        status = pe_lab_step(run->lab, "storage", 0.23, err);
    }
    pe_release(exact);
    pe_release(position);
    return status;
}

/* ---- P5 ---- */

enum { LENGTHS = 10, LONGEST = 131072 };

/* distinct[l]: how many values 0 .. 256 * 2^l - 1 have in the format; an infinity counts as one,
 * NaN as none. Rounding keeps the order, so a new value differs from the one before. */
static void count_distinct(pe_format format, double *distinct, double *first_collision)
{
    double last = (double)NAN, count = 0;
    *first_collision = (double)NAN;
    for (int t = 0, l = 0; t < LONGEST; t++) {
        const double x = pe_round_to_format(format, t);
        if (!isnan(x) && x != last)
            count++;
        else if (isnan(*first_collision))
            *first_collision = t;
        last = x;
        if (t + 1 == 256 << l)
            distinct[l++] = count;
    }
}

static void judge_integers(pe_section *section, pe_format format, const double *distinct,
                           double collision)
{
    static const double bf16[LENGTHS] = {256, 385, 513, 641, 769, 897, 1025, 1153, 1281, 1409};
    static const double fp16[LENGTHS] = {256, 512, 1024, 2048, 3073, 4097, 5121, 6145, 7169, 7169};
    const double *expected = format == PE_BF16 ? bf16 : format == PE_FP16 ? fp16 : NULL;
    char quantity[128];
    for (int l = 0; l < LENGTHS && expected; l++) {
        snprintf(quantity, sizeof quantity, "distinct values of 0 .. %d in %s", (256 << l) - 1,
                 pe_format_name(format));
        pe_check_within(section,
                        &(pe_check){.id = "P5",
                                    .quantity = quantity,
                                    .value = distinct[l],
                                    .expected = expected[l],
                                    .source = "METRICS.md 3.4 [computed here]"},
                        0);
    }
    snprintf(quantity, sizeof quantity, "first position equal to the one before, %s",
             pe_format_name(format));
    pe_check check = {.id = "P5",
                      .quantity = quantity,
                      .value = collision,
                      .expected = exp2((double)pe_format_digits(format)) + 1,
                      .source = "2^digits + 1"};
    if (isnan(collision)) {
        check.because = "none below 131072";
        check.value = LONGEST;
        pe_check_info(section, &check);
    } else
        pe_check_within(section, &check, 0);
}

pe_status precision_integers(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Positions that a format cannot tell apart (P5)");
    const pe_sheet_column columns[] = {
        {"format", NULL, 1, 0}, {"256", NULL, 0, 6},   {"512", NULL, 0, 6},   {"1024", NULL, 0, 6},
        {"2048", NULL, 0, 6},   {"4096", NULL, 0, 6},  {"8192", NULL, 0, 6},  {"16384", NULL, 0, 6},
        {"32768", NULL, 0, 6},  {"65536", NULL, 0, 6}, {"131072", NULL, 0, 6}};
    double L[LENGTHS], distinct[PE_FORMAT_COUNT][LENGTHS] = {{0}}, collision[PE_FORMAT_COUNT];
    pe_sheet *sheet = pe_section_table(section, "distinct_table",
                                       "Distinct values among the positions 0 .. L-1", 11, columns);
    for (int l = 0; l < LENGTHS; l++)
        L[l] = 256 << l;
    for (int f = PE_FP32; f < PE_FORMAT_COUNT; f++) {
        count_distinct((pe_format)f, distinct[f], &collision[f]);
        pe_sheet_text(sheet, pe_format_name((pe_format)f));
        for (int l = 0; l < LENGTHS; l++)
            pe_sheet_number(sheet, distinct[f][l]);
        judge_integers(section, (pe_format)f, distinct[f], collision[f]);
    }
    char title[300];
    snprintf(title, sizeof title,
             "Of 4096 positions bf16 tells %.0f apart and fp16 %.0f; of 131072, %.0f and %.0f",
             distinct[PE_BF16][4], distinct[PE_FP16][4], distinct[PE_BF16][9],
             distinct[PE_FP16][9]);
    pe_figure *figure = pe_figure_new(PE_CURVES, "distinct", title, err);
    pe_figure_x(figure, "positions 0 .. L-1 (tokens)", PE_LOG2);
    pe_figure_y(figure, "distinct values", PE_LOG2);
    for (int f = PE_FP32; f < PE_FORMAT_COUNT; f++)
        pe_figure_add_series(figure, &(pe_series){.name = pe_format_name((pe_format)f),
                                                  .slot = (size_t)(f - PE_FP32),
                                                  .look = PE_LOOK_STEPS,
                                                  .n = LENGTHS,
                                                  .x = L,
                                                  .y = distinct[f]});
    pe_figure_describe(figure,
                       "Distinct values against the number of positions, one staircase per format; "
                       "only fp32 stays on the diagonal.",
                       "Counted at every doubling of L. fp16 stops for good where it becomes "
                       "infinite (65520), fp8 e4m3 where it becomes NaN (465).");
    pe_section_figure(section, figure);
    pe_say(section,
           "Every octave above $2^p$ has the same number of values, $2^{p-1}$, while the "
           "number of positions in it doubles. So bf16 adds 128 values for each doubling of "
           "the context, however long it gets. The first collision is position %.0f in bf16 "
           "and %.0f in fp16 and tf32.",
           collision[PE_BF16], collision[PE_FP16]);
    const pe_checkable number = {"distinct_bf16_of_8192", distinct[PE_BF16][5], 0};
    pe_section_exercise(section,
                        "How many of the positions 0 .. 8191 does bf16 tell apart? Count by "
                        "octaves.",
                        "0 .. 256 are exact; each of the five octaves above adds 128 numbers, the "
                        "last of which is 8192, to which 8191 is rounded up.",
                        1, &number);
    return pe_lab_step(run->lab, "whole numbers", 0.25, err);
}
