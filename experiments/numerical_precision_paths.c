/* P2 in the field's own programs: the plain table of sines and cosines along each formation path,
 * against exact values; and the angle by repeated multiplication. */
#include "numerical_precision.h"

#include "base/memory.h"
#include "formation/formation.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 128, PAIRS = WIDTH / 2, LENGTHS = 5, COLUMNS = 5, EVERY = 512 };

static const double lengths[LENGTHS] = {512, 4096, 32768, 131072, 1000000};

/* The columns of METRICS.md 3.2. */
static const struct {
    const char *name, *path;
    double expected[LENGTHS];
} columns[COLUMNS] = {
    {"exp step, float", "exp-step", {3.01e-5, 2.31e-4, 1.93e-3, 7.78e-3, 6.05e-2}},
    {"1/powf, float", "reciprocal-pow", {2.85e-5, 2.39e-4, 1.92e-3, 7.72e-3, 6.01e-2}},
    {"double angle, sinf", "double-angle", {1.51e-5, 1.22e-4, 9.76e-4, 3.90e-3, 3.12e-2}},
    {"all double, stored", "double-then-round", {2.98e-8, 2.98e-8, 2.98e-8, 2.98e-8, 2.99e-8}},
    {"running product", "running-product", {4.87e-5, 4.10e-4, 3.32e-3, 1.32e-2, 1.02e-1}},
};

/* Positions below the largest length: all up to EVERY, then EVERY (a quarter of them in a quick
 * run) evenly in each octave, of both parities. */
static size_t choose(bool quick, double *position)
{
    size_t n = 0;
    for (size_t t = 0; t < EVERY; t++)
        position[n++] = (double)t;
    const double each = quick ? EVERY / 4 : EVERY;
    for (double low = EVERY; low < lengths[LENGTHS - 1]; low *= 2)
        for (double i = 0; i < each; i++) {
            const double t = low + floor((i + 0.999) * low / each) - fmod(i, 2);
            if (t < lengths[LENGTHS - 1])
                position[n++] = t;
        }
    return n;
}

typedef struct tables {
    size_t n;
    double *position, *sine, *cosine; /* (n), (n, PAIRS) exact, rounded once to double */
} tables;

static pe_status fill_exact(tables *x, bool quick, pe_error *err)
{
    x->position = pe_allocate((size_t)EVERY * 13, sizeof *x->position, "positions", err);
    if (!x->position)
        return PE_MEMORY;
    x->n = choose(quick, x->position);
    x->sine = pe_allocate(x->n * PAIRS, sizeof *x->sine, "exact sines", err);
    x->cosine = pe_allocate(x->n * PAIRS, sizeof *x->cosine, "exact cosines", err);
    if (!x->sine || !x->cosine)
        return PE_MEMORY;
    for (int i = 0; i < PAIRS; i++) {
        const pe_frequency frequency = {1, 10000, 2 * i, WIDTH};
        pe_turns turns;
        pe_turns_prepare(&turns, &frequency);
        pe_exact_f64(&turns, x->n, x->position, x->sine + i, x->cosine + i, PAIRS);
    }
    return PE_OK;
}

/* error[l], rms[l]: largest error and RMS below lengths[l]. */
static pe_status follow(const tables *x, int column, double *error, double *rms, pe_error *err)
{
    const pe_spectrum spectrum = {10000, PAIRS, WIDTH};
    double largest = 0, squares = 0;
    size_t t = 0;
    pe_formed formed;
    pe_status status =
        pe_formed_make(pe_formation_by_name(columns[column].path), &spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    for (int l = 0; l < LENGTHS; l++) {
        for (; t < x->n && x->position[t] < lengths[l]; t++)
            for (size_t i = 0; i < PAIRS; i++) {
                double sine, cosine;
                pe_formed_column(&formed, i, 1, &x->position[t], &sine, &cosine, 1);
                const double s = sine - x->sine[t * PAIRS + i];
                const double c = cosine - x->cosine[t * PAIRS + i];
                largest = fmax(largest, fmax(fabs(s), fabs(c)));
                squares += s * s + c * c;
            }
        error[l] = largest;
        rms[l] = sqrt(squares / (2.0 * PAIRS * (double)t)); /* even weights only up to EVERY */
    }
    pe_formed_release(&formed);
    return PE_OK;
}

static void judge(pe_section *section, double error[COLUMNS][LENGTHS])
{
    for (int c = 0; c < COLUMNS; c++)
        for (int l = 0; l < LENGTHS; l++) {
            char quantity[128];
            snprintf(quantity, sizeof quantity, "largest error below %.0f: %s", lengths[l],
                     columns[c].name);
            pe_check_factor(section,
                            &(pe_check){.id = "P2",
                                        .quantity = quantity,
                                        .value = error[c][l],
                                        .expected = columns[c].expected[l],
                                        .source = "METRICS.md 3.2 [computed here]"},
                            2);
        }
}

static void show(pe_section *section, double error[COLUMNS][LENGTHS], pe_error *err)
{
    char title[300];
    double bound[LENGTHS];
    const double w = pow(10000, -2.0 / WIDTH);
    snprintf(
        title, sizeof title,
        "Below a million positions float angles leave entries wrong by %.1g to %.1g; in double "
        "until the sine is formed, by %.1g",
        fmin(error[2][4], fmin(error[0][4], error[1][4])), error[4][4], error[3][4]);
    pe_figure *figure = pe_figure_new(PE_CURVES, "field_paths", title, err);
    pe_figure_x(figure, "positions below L (tokens)", PE_LOG10);
    pe_figure_y(figure, "largest error of a table entry", PE_LOG10);
    for (int l = 0; l < LENGTHS; l++)
        bound[l] = 0x1p-23 * lengths[l] * w;
    pe_figure_add_series(
        figure,
        &(pe_series){
            .name = "bound", .look = PE_LOOK_REFERENCE, .n = LENGTHS, .x = lengths, .y = bound});
    for (int c = 0; c < COLUMNS; c++)
        pe_figure_add_series(figure, &(pe_series){.name = columns[c].name,
                                                  .slot = (size_t)c,
                                                  .n = LENGTHS,
                                                  .x = lengths,
                                                  .y = error[c]});
    pe_figure_describe(figure,
                       "Largest error of a sine and cosine table against the number of positions: "
                       "four lines rise with slope 1, one is flat.",
                       "Width 128, base 10000. Exact values come from whole-number arithmetic, "
                       "rounded once. The running product is not covered by the bound.");
    pe_section_figure(section, figure);
}

/* ---- one position: repeated multiplication of the angle (FIELD.md section 3, bug 7) ---- */

typedef struct one_position {
    double position, base;
    const char *path;
    double expected;
} one_position;

/* Largest error of a sine at one position. */
static pe_status error_at(const one_position *q, double *worst, pe_error *err)
{
    const pe_spectrum spectrum = {q->base, PAIRS, WIDTH};
    pe_formed formed;
    const pe_status status = pe_formed_make(pe_formation_by_name(q->path), &spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    *worst = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        double sine, cosine, exact, unused;
        pe_formed_column(&formed, i, 1, &q->position, &sine, &cosine, 1);
        pe_formed_reference(&formed, i, 1, &q->position, &exact, &unused, 1);
        *worst = fmax(*worst, fabs(sine - exact));
    }
    pe_formed_release(&formed);
    return PE_OK;
}

static pe_status single_positions(pe_section *section, pe_error *err)
{
    static const one_position rows[] = {
        {131072, 10000, "repeated-angle", 9.1e-3}, {131072, 10000, "pow", 1.9e-3},
        {131072, 10000, "exp-step", 2.8e-3},       {131072, 10000, "double-angle", 1.9e-3},
        {5000, 10000, "repeated-angle", 7.5e-4},   {5000, 10000, "pow", 1.3e-4},
        {5000, 10000, "exp-step", 2.5e-4},         {1000000, 10000, "pow", 5.2e-2},
        {1000000, 10000, "exp-step", 3.0e-2},      {131072, 500000, "pow", 2.2e-3},
        {131072, 500000, "exp-step", 5.1e-3},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    double error[ROWS];
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < ROWS; i++)
        status = error_at(&rows[i], &error[i], err);
    if (status != PE_OK)
        return status;
    pe_say(
        section,
        "One position alone can be lucky or unlucky: at 131072 power is off by %.2g and exp-log by "
        "%.2g, at 1000000 it is %.2g and %.2g. Repeated multiplication of the angle, as some "
        "inference engines do, is off by %.2g at 131072.",
        error[1], error[2], error[7], error[8], error[0]);
    for (size_t i = 0; i < ROWS; i++) {
        char quantity[128];
        snprintf(quantity, sizeof quantity, "worst sine at position %.0f, base %.0f: %s",
                 rows[i].position, rows[i].base, rows[i].path);
        pe_check_factor(section,
                        &(pe_check){.id = "P2",
                                    .quantity = quantity,
                                    .value = error[i],
                                    .expected = rows[i].expected,
                                    .source = "FIELD.md 3, bug 7 [measured]"},
                        1.3);
    }
    return PE_OK;
}

pe_status precision_paths(precision_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "The same table along the field's paths");
    double error[COLUMNS][LENGTHS], rms[COLUMNS][LENGTHS];
    tables x = {0};
    pe_status status = fill_exact(&x, run->lab->size.quick, err);
    for (int c = 0; status == PE_OK && c < COLUMNS; c++) {
        status = follow(&x, c, error[c], rms[c], err);
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "paths of a sinusoid", 0.15 + 0.01 * c, err);
    }
    if (status == PE_OK) {
        pe_say(section,
               "Both float formulas give nearly the same table below 32768 (%.3g and %.3g): "
               "the rounding of the angle hides that of the frequency. An angle formed in "
               "double and rounded once to float still costs half of it (%.3g). Only the "
               "path that stays in double until the sine is formed is flat (%.3g). RMS below "
               "512: %.3g exp, %.3g power, %.3g double.",
               error[0][2], error[1][2], error[2][2], error[3][2], rms[0][0], rms[1][0], rms[3][0]);
        show(section, error, err);
        judge(section, error);
        static const double expected[COLUMNS] = {1.93e-6, 1.60e-6, (double)NAN, 1.40e-8,
                                                 (double)NAN};
        for (int c = 0; c < COLUMNS; c++)
            if (!isnan(expected[c]))
                pe_check_factor(section,
                                &(pe_check){.id = "P2",
                                            .quantity = c == 0   ? "RMS below 512: exp step"
                                                        : c == 1 ? "RMS below 512: 1/powf"
                                                                 : "RMS below 512: all double",
                                            .value = rms[c][0],
                                            .expected = expected[c],
                                            .source = "METRICS.md 3.2 [computed here]"},
                                1.3);
        status = single_positions(section, err);
        const pe_checkable number = {"largest_error_below_32768", error[1][2], 0.5 * error[1][2]};
        pe_section_exercise(section,
                            "From the bound $2^{-23} L \\omega_1$ with $\\omega_1 = "
                            "10000^{-2/128}$, estimate the largest float error below 32768. The "
                            "measured value should be about half of it.",
                            "$2^{15-23} = 1/256$", 1, &number);
    }
    pe_release(x.position);
    pe_release(x.sine);
    pe_release(x.cosine);
    return status;
}
