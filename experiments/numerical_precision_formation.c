/* Formation paths: where each is wrong, which step is to blame, how far it can be trusted. */
#include "numerical_precision.h"

#include "base/memory.h"
#include "formation/safe.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 128, PAIRS = WIDTH / 2, POSITIONS = 4096, BLOCK = 32, BLOCKS = POSITIONS / BLOCK };

static const pe_spectrum spectrum = {10000, PAIRS, WIDTH};

static const char *const shown[] = {
    "pow", "repeated-angle", "angle-addition", "positions-bf16", "frequencies-bf16", "all-bf16"};
enum { SHOWN = sizeof shown / sizeof shown[0] };

/* ---- error by position and pair ---- */

/* block (PAIRS, BLOCKS): largest phase error of BLOCK positions; NaN, a gap, where it is 0. */
static pe_status fill_blocks(const pe_formed *formed, const double *position, double *block,
                             double *worst, pe_error *err)
{
    pe_entry_error *error = pe_allocate(POSITIONS, sizeof *error, "errors of a path", err);
    pe_status status = error ? PE_OK : PE_MEMORY;
    *worst = 0;
    for (size_t i = 0; status == PE_OK && i < PAIRS; i++) {
        status = pe_formation_errors(formed, i, POSITIONS, position, error, err);
        for (size_t b = 0; status == PE_OK && b < BLOCKS; b++) {
            double most = 0;
            for (size_t t = b * BLOCK; t < (b + 1) * BLOCK; t++)
                most = fmax(most, error[t].phase);
            block[i * BLOCKS + b] = most > 0 ? most : (double)NAN;
            *worst = fmax(*worst, most);
        }
    }
    pe_release(error);
    return status;
}

static pe_status show_map(precision_run *run, pe_section *section, const double *position,
                          pe_error *err)
{
    double *block = pe_allocate((size_t)SHOWN * PAIRS * BLOCKS, sizeof *block, "heat maps", err);
    double worst[SHOWN];
    pe_status status = block ? PE_OK : PE_MEMORY;
    for (size_t p = 0; status == PE_OK && p < SHOWN; p++) {
        pe_formed formed;
        status = pe_formed_make(pe_formation_by_name(shown[p]), &spectrum, &formed, err);
        if (status != PE_OK)
            break;
        status = fill_blocks(&formed, position, block + p * PAIRS * BLOCKS, &worst[p], err);
        pe_formed_release(&formed);
        if (status == PE_OK)
            status =
                pe_lab_step(run->lab, "maps of formation paths", 0.18 + 0.003 * (double)p, err);
    }
    if (status == PE_OK) {
        pe_figure *figure = pe_figure_titled(
            PE_HEATMAPS, "path_maps", err,
            "Below 4096, float paths miss the phase by at most %.1g to %.1g radians; bf16 "
            "frequencies by %.2g, bf16 positions by %.2g, both on the fast pairs",
            fmin(worst[0], fmin(worst[1], worst[2])), fmax(worst[0], fmax(worst[1], worst[2])),
            worst[4], worst[3]);
        pe_figure_x(figure, "position (thousands of tokens)", PE_LINEAR);
        pe_figure_y(figure, "pair (0 is the fastest)", PE_LINEAR);
        pe_figure_colours(figure, PE_AMOUNTS, "largest phase error (radians)", PE_LOG10);
        pe_figure_colour_range(figure, 1e-9, 3.2);
        for (size_t p = 0; p < SHOWN; p++)
            pe_figure_add_matrix(figure, &(pe_matrix_panel){.title = shown[p],
                                                            .rows = PAIRS,
                                                            .columns = BLOCKS,
                                                            .values = block + p * PAIRS * BLOCKS,
                                                            .dx = BLOCK / 1000.0,
                                                            .dy = 1});
        pe_figure_describe(figure,
                           "Six heat maps of the phase error by position and pair: it grows to the "
                           "right and towards the fast pairs.",
                           "Width 128, base 10000; each cell is the largest error of 32 positions. "
                           "`posenc precision list` spells the paths out.");
        pe_section_figure(section, figure);
    }
    pe_release(block);
    return status;
}

/* ---- blame ---- */

static pe_status blame_of(const char *name, const double *position, pe_formation_blame *blame,
                          pe_error *err)
{
    pe_formed formed;
    pe_status status = pe_formed_make(pe_formation_by_name(name), &spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    status = pe_formation_find_blame(&formed, POSITIONS, position, blame, err);
    pe_formed_release(&formed);
    return status;
}

static void show_blame(pe_section *section, const char *const *names, size_t n,
                       const pe_formation_blame *blame, pe_error *err)
{
    const pe_formation_blame *power = &blame[0], *narrow = &blame[n - 1];
    double only[PE_STEP_COUNT][SHOWN];
    pe_say(
        section,
        "Blame: one step is kept as the path has it, and all others are made exact. In `%s`, the "
        "float frequency alone costs %.3g radians and the float product alone %.3g: half and "
        "half, so neither a better frequency nor a better product is enough; both must be "
        "formed in double (what is left without either: sine %.2g, store %.2g). All in bf16, "
        "positions, frequencies and products are each enough to lose the phase (%.3g, %.3g, "
        "%.3g), while the narrow sine and the narrow table cost %.2g and %.2g.",
        names[0], power->only[PE_STEP_FREQUENCY], power->only[PE_STEP_ANGLE],
        power->only[PE_STEP_SINE], power->only[PE_STEP_STORE], narrow->only[PE_STEP_POSITION],
        narrow->only[PE_STEP_FREQUENCY], narrow->only[PE_STEP_ANGLE], narrow->only[PE_STEP_SINE],
        narrow->only[PE_STEP_STORE]);
    pe_figure *figure = pe_figure_titled(
        PE_BARS_GROUPED, "path_blame", err,
        "All in bf16, position, frequency and angle each lose nearly half a turn below 4096 "
        "(%.2f, %.2f, %.2f rad); sine and table cost %.1g",
        narrow->only[PE_STEP_POSITION], narrow->only[PE_STEP_FREQUENCY],
        narrow->only[PE_STEP_ANGLE], fmax(narrow->only[PE_STEP_SINE], narrow->only[PE_STEP_STORE]));
    pe_figure_x(figure, "largest phase error with this step alone (radians)", PE_LOG10);
    pe_figure_categories(figure, n, names, NULL);
    for (int s = 0; s < PE_STEP_COUNT; s++) {
        for (size_t p = 0; p < n; p++)
            only[s][p] = blame[p].only[s] > 0 ? blame[p].only[s] : (double)NAN;
        pe_figure_add_series(
            figure, &(pe_series){
                        .name = pe_step_name((pe_step)s), .slot = (size_t)s, .n = n, .y = only[s]});
    }
    pe_figure_describe(
        figure,
        "One group of bars per path, one bar per step: how much phase that step "
        "loses alone.",
        "Width 128, base 10000, 4096 positions. \"No value\": the step loses nothing. "
        "Lengths are logarithms.");
    pe_section_figure(section, figure);
}

static pe_status find_blame(precision_run *run, pe_section *section, const double *position,
                            pe_error *err)
{
    static const char *const names[] = {"pow", "double-angle", "all-fp16", "positions-bf16",
                                        "all-bf16"};
    enum { NAMES = sizeof names / sizeof names[0] };
    pe_formation_blame blame[NAMES];
    pe_status status = PE_OK;
    for (size_t p = 0; status == PE_OK && p < NAMES; p++) {
        status = blame_of(names[p], position, &blame[p], err);
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "blame", 0.2 + 0.003 * (double)p, err);
    }
    if (status == PE_OK)
        show_blame(section, names, NAMES, blame, err);
    return status;
}

/* ---- safe context ---- */

enum { BASES = 3, WIDTHS = 2, FORMATS = 3, ROWS = BASES * WIDTHS };
static const double bases[BASES] = {1e4, 5e5, 1e6};
static const size_t widths[WIDTHS] = {64, 128};
static const struct {
    const char *name, *path;
} formats[FORMATS] = {{"fp32", "pow"}, {"fp16", "all-fp16"}, {"bf16", "all-bf16"}};
static const double accepted = 0.1; /* radians */

static pe_status search(pe_safe found[FORMATS][ROWS], double most, pe_error *err)
{
    pe_status status = PE_OK;
    for (int f = 0; f < FORMATS; f++)
        for (int r = 0; status == PE_OK && r < ROWS; r++) {
            const size_t width = widths[r % WIDTHS];
            const pe_spectrum s = {bases[r / WIDTHS], width / 2, (double)width};
            pe_formed formed;
            status = pe_formed_make(pe_formation_by_name(formats[f].path), &s, &formed, err);
            if (status != PE_OK)
                break;
            status = pe_safe_phase(&formed, accepted, most, &found[f][r], err);
            pe_formed_release(&formed);
        }
    return status;
}

static void show_safe(pe_section *section, pe_safe found[FORMATS][ROWS], pe_error *err)
{
    const pe_sheet_column columns[] = {{"base", NULL, 0, 7},
                                       {"width", "columns", 0, 4},
                                       {"fp32", "last position", 0, 9},
                                       {"fp16", "last position", 0, 9},
                                       {"bf16", "last position", 0, 9}};
    pe_sheet *sheet = pe_section_table(
        section, "safe_context", "Last position with all phases within 0.1 radians", 5, columns);
    char text[ROWS][40];
    const char *names[ROWS];
    double y[FORMATS][ROWS], low[FORMATS], high[FORMATS];
    for (int f = 0; f < FORMATS; f++) {
        low[f] = HUGE_VAL;
        high[f] = 0;
        for (int r = 0; r < ROWS; r++) {
            y[f][r] = found[f][r].position;
            low[f] = fmin(low[f], y[f][r]);
            high[f] = fmax(high[f], y[f][r]);
        }
    }
    for (int r = 0; r < ROWS; r++) {
        snprintf(text[r], sizeof text[r], "base %.0f, width %zu", bases[r / WIDTHS],
                 widths[r % WIDTHS]);
        names[r] = text[r];
        pe_sheet_number(sheet, bases[r / WIDTHS]);
        pe_sheet_number(sheet, (double)widths[r % WIDTHS]);
        for (int f = 0; f < FORMATS; f++)
            pe_sheet_number(sheet, y[f][r]);
    }
    pe_say(section,
           "Safe context: the last position up to which no pair's phase is off by more than 0.1 "
           "radians. With every result in bf16 that is position %.0f to %.0f, in fp16 %.0f to "
           "%.0f, in float %.0f to %.0f. A larger base does not help: the fast pairs fail first, "
           "and they hardly depend on it. Positions were all looked at one by one, except where a "
           "bound shows that nothing can have happened yet.",
           low[2], high[2], low[1], high[1], low[0], high[0]);
    pe_figure *figure = pe_figure_titled(
        PE_DOTS, "path_safe", err,
        "Phases stay within 0.1 radians up to position %.0f at most all in bf16, %.0f all in fp16, "
        "and at least %.0f in float, whatever the base",
        high[2], high[1], low[0]);
    pe_figure_x(figure, "last safe position (tokens)", PE_LOG10);
    pe_figure_categories(figure, ROWS, names, NULL);
    for (int f = 0; f < FORMATS; f++)
        pe_figure_add_series(
            figure, &(pe_series){.name = formats[f].name, .slot = (size_t)f, .n = ROWS, .y = y[f]});
    pe_figure_describe(figure,
                       "Dots by base and width: bf16 near 50, fp16 near 250, float beyond a "
                       "million.",
                       "Position, frequency, product, sine and table in the named format.");
    pe_section_figure(section, figure);
}

static pe_status find_safe(precision_run *run, pe_section *section, pe_error *err)
{
    pe_safe found[FORMATS][ROWS];
    pe_status status = search(found, 0x1p24, err);
    if (status == PE_OK)
        show_safe(section, found, err);
    return status == PE_OK ? pe_lab_step(run->lab, "safe context", 0.22, err) : status;
}

pe_status precision_formation(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Formation paths: where, which step, how far");
    double *position = pe_allocate(POSITIONS, sizeof *position, "positions", err);
    pe_status status = position ? PE_OK : PE_MEMORY;
    for (size_t i = 0; position && i < POSITIONS; i++)
        position[i] = (double)i;
    if (status == PE_OK) {
        pe_say(section,
               "A path is five steps: position, frequency, angle, sine, store; each has a formula "
               "and a format. `posenc precision` measures any of them, also one of your own.");
        status = show_map(run, section, position, err);
    }
    if (status == PE_OK)
        status = find_blame(run, section, position, err);
    if (status == PE_OK)
        status = find_safe(run, section, err);
    static const char *const measure[] = {"precision", "measure", "pow", "exp-step", "all-bf16"};
    static const char *const safe[] = {"precision", "safe",   "pow",         "all-bf16",
                                       "--base",    "500000", "--tolerance", "0.01"};
    pe_section_try(section, "The figures of three paths side by side", 5, measure);
    pe_section_try(section, "How far two paths can be trusted with a larger base", 8, safe);
    pe_release(position);
    return status;
}
