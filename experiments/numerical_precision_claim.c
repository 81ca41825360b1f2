/* P1: "the exp-log form avoids the numerical error of powers of 10000". */
#include "numerical_precision.h"

#include "numbers/sinusoid.h"

#include <math.h>
#include <stdio.h>

enum { WIDTHS = 5, MOST_PAIRS = 512 };
static const int widths[WIDTHS] = {64, 128, 512, 768, 1024};

typedef struct claim_found {
    double error[PE_PATH_COUNT][WIDTHS];       /* largest, in units of 2^-24 */
    double share[PE_PATH_COUNT][WIDTHS];       /* correctly rounded */
    double by_pair[PE_PATH_COUNT][MOST_PAIRS]; /* at width 128 */
} claim_found;

/* A double power is right to about 2^-52, a billionth of a unit here. */
static void measure(claim_found *f)
{
    for (int p = 0; p < PE_PATH_COUNT; p++)
        for (int w = 0; w < WIDTHS; w++) {
            float frequency[MOST_PAIRS];
            const int pairs = widths[w] / 2;
            int right = 0;
            f->error[p][w] = 0;
            pe_path_frequencies((pe_path)p, (size_t)pairs, (size_t)widths[w], 10000, frequency);
            for (int i = 0; i < pairs; i++) {
                const double exact = pow(10000, -2.0 * i / widths[w]);
                const double error = fabs((double)frequency[i] - exact) / exact * 0x1p24;
                f->error[p][w] = fmax(f->error[p][w], error);
                right += frequency[i] == (float)exact;
                if (widths[w] == 128)
                    f->by_pair[p][i] = error;
            }
            f->share[p][w] = (double)right / pairs;
        }
}

static void show_table(pe_section *section, const claim_found *f)
{
    const pe_sheet_column columns[] = {{"form", NULL, 1, 0},           {"d=64", "2^-24", 0, 3},
                                       {"d=128", "2^-24", 0, 3},       {"d=512", "2^-24", 0, 3},
                                       {"d=768", "2^-24", 0, 3},       {"d=1024", "2^-24", 0, 3},
                                       {"right at 128", "share", 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "frequency_table",
                         "Largest relative error of a float frequency, base 10000", 7, columns);
    for (int p = 0; p < PE_PATH_COUNT; p++) {
        pe_sheet_text(sheet, pe_path_name((pe_path)p));
        for (int w = 0; w < WIDTHS; w++)
            pe_sheet_number(sheet, f->error[p][w]);
        pe_sheet_number(sheet, f->share[p][1]);
    }
}

static void judge(pe_section *section, const claim_found *f)
{
    for (int w = 0; w < WIDTHS; w++) {
        char quantity[128];
        const bool power_of_two = widths[w] != 768;
        snprintf(quantity, sizeof quantity, "frequency error of exp-step, d = %d", widths[w]);
        pe_check check = {.id = "P1",
                          .quantity = quantity,
                          .unit = "2^-24",
                          .value = f->error[PE_PATH_EXP_STEP][w],
                          .expected = 19.4,
                          .source = "METRICS.md 3.1 [computed here]"};
        pe_check_at_most(section, &check);
        check.expected = 4;
        if (widths[w] <= 512)
            pe_check_at_least(section, &check);
        snprintf(quantity, sizeof quantity, "frequency error of pow, d = %d", widths[w]);
        check.value = f->error[PE_PATH_POW][w];
        check.expected = power_of_two ? 2 : 11;
        pe_check_at_most(section, &check);
    }
}

pe_status precision_claim(precision_run *run, pe_error *err)
{
    static const size_t exp_step = PE_PATH_EXP_STEP, power = PE_PATH_POW;
    pe_section *section = pe_result_section(
        run->result, "A claim: \"the exp-log form avoids the error of powers of 10000\" (P1)");
    claim_found f;
    measure(&f);
    run->exp_over_pow = f.error[exp_step][1] / f.error[power][1];
    pe_say(section,
           "Verdict: FALSE as a claim about accuracy. At width 128 the tutorial form "
           "exp(2i c), c = -ln(10000)/d, is wrong by up to %.2f units of $2^{-24}$, powf by "
           "up to %.2f: the form that is said to be safer is %.1f times less accurate. At "
           "width 768, where 2i/d is no short binary fraction, it is %.1f times less "
           "accurate.",
           f.error[exp_step][1], f.error[power][1], run->exp_over_pow,
           f.error[exp_step][3] / f.error[power][3]);
    pe_say(section,
           "Why: exp takes an argument up to 9.21 that was already rounded, twice, and "
           "exp turns an absolute error of its argument into a relative error of the "
           "result. powf keeps its own logarithm in extra digits. Nothing overflows either "
           "way: the powers lie between 1 and 10000. It is also harmless, since the "
           "rounding of the phase is larger (section on growth), and a fair choice for "
           "speed. Best practice: compute in double once, round once (%.2f units).",
           f.error[PE_PATH_DOUBLE][1]);
    show_table(section, &f);
    judge(section, &f);
    char title[300];
    double pair[64];
    for (int i = 0; i < 64; i++)
        pair[i] = i;
    snprintf(
        title, sizeof title,
        "The exp-log forms are off by up to %.2f units on the slow pairs, powf by at most %.2f",
        fmax(f.error[exp_step][1], f.error[PE_PATH_EXP_LOG][1]), f.error[power][1]);
    pe_figure *figure = pe_figure_new(PE_CURVES, "frequency_error", title, err);
    pe_figure_x(figure, "pair i", PE_LINEAR);
    pe_figure_y(figure, "relative error of the frequency (2^-24)", PE_LINEAR);
    static const pe_path drawn[] = {PE_PATH_EXP_STEP, PE_PATH_EXP_LOG, PE_PATH_RECIPROCAL_POW,
                                    PE_PATH_POW};
    for (size_t i = 0; i < 4; i++)
        pe_figure_add_series(figure, &(pe_series){.name = pe_path_name(drawn[i]),
                                                  .slot = i,
                                                  .n = 64,
                                                  .x = pair,
                                                  .y = f.by_pair[drawn[i]]});
    pe_figure_describe(figure,
                       "Error of the frequency by pair: the exp forms rise with the pair "
                       "index, the power forms stay near 1.",
                       "Width 128, base 10000, the C library's float functions.");
    pe_section_figure(section, figure);
    const pe_checkable number = {"times_less_accurate", run->exp_over_pow, 0.5};
    pe_section_exercise(section,
                        "Read the table: how many times larger is the worst frequency error of "
                        "exp-step than that of pow, at width 128?",
                        NULL, 1, &number);
    return pe_lab_step(run->lab, "a claim about powers", 0.99, err);
}
