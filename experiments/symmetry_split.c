/* The orthogonal split of a T x T matrix into three parts, for every subject: by position alone,
 * and on real text. S1 and S2 stand beside. */
#include "symmetry.h"

#include "analysis/decompose.h"
#include "analysis/noise.h"
#include "analysis/summary.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SUBJECTS = 64 };

/* ---- one matrix, drawn as its four parts
 * ---------------------------------------------------------- */

pe_status pe_symmetry_example(pe_lab *lab, pe_result *result, pe_error *err)
{
    enum { SIDE = 48, CELLS = SIDE * SIDE };
    pe_section *section = pe_result_section(result, "One matrix, four parts");
    pe_section_formula(
        section,
        "M - \\bar{M} = \\text{even}(b) + \\text{odd}(b) + \\text{symmetric rest} + "
        "\\text{antisymmetric rest}, \\quad b(k) = \\frac{1}{T - |k|}\\sum_{j - i = k} M_{ij}",
        "$b(k)$ is the mean of the diagonal at offset $k$, even and odd its halves under $k \\to "
        "-k$, $T$ the number of tokens");
    double *block = pe_allocate((size_t)5 * CELLS, sizeof *block, "example", err);
    if (!block)
        return PE_MEMORY;
    double *part[5];
    for (int p = 0; p < 5; p++)
        part[p] = block + (size_t)p * CELLS;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            part[0][i * SIDE + j] = -0.05 * abs(i - j) + 0.5 * sin(0.35 * (i - j)) +
                                    0.6 * cos(0.2 * i) * cos(0.2 * j) + 0.3 * sin(0.15 * i);
    pe_split split;
    pe_status status = pe_split_parts(part[0], SIDE, part[1], part[2], part[3], part[4], err);
    if (status == PE_OK)
        status = pe_split_of(part[0], SIDE, PE_REGION_ALL, PE_MEAN_REMOVED, &split, err);
    if (status == PE_OK) {
        double gap = 0;
        for (int at = 0; at < CELLS; at++)
            gap = fmax(gap, fabs(part[0][at] - split.mean - part[1][at] - part[2][at] -
                                 part[3][at] - part[4][at]));
        const double sum = split.toeplitz_even + split.toeplitz_odd + split.rest;
        pe_expect(section, "S1", NULL, "largest gap between the example and the sum of its parts",
                  gap, 0, 1e-12, "orthogonal decomposition");
        pe_expect(section, "S1", NULL, "sum of the energy fractions of the example", sum, 1, 1e-12,
                  "diagonals k and -k have equally many entries");
        char title[256];
        snprintf(
            title, sizeof title,
            "Any matrix is a sum of parts at right angles: this one is %.0f %% relative and even, "
            "%.0f %% directional, %.0f %% absolute",
            100 * split.toeplitz_even, 100 * split.toeplitz_odd, 100 * split.rest);
        static const char *const names[] = {"the matrix", "relative, even", "relative, odd",
                                            "absolute, symmetric", "absolute, antisymmetric"};
        pe_figure *figure = pe_figure_new(PE_HEATMAPS, "split_example", title, err);
        pe_figure_x(figure, "key j (token)", PE_LINEAR);
        pe_figure_y(figure, "query i (token)", PE_LINEAR);
        pe_figure_colours(figure, PE_SIGNED, "entry", PE_LINEAR);
        for (int p = 0; p < 5; p++)
            pe_figure_add_matrix(
                figure, &(pe_matrix_panel){
                            .title = names[p], .rows = SIDE, .columns = SIDE, .values = part[p]});
        pe_figure_describe(
            figure, "A made-up matrix and its four orthogonal parts.",
            "A matrix made for this picture, and the four parts whose sum it is (up to "
            "its mean). All panels share one colour range.");
        pe_section_figure(section, figure);
        pe_say(
            section,
            "Replace every entry by the mean of its diagonal, and what only depends on the offset "
            "is left: the relative part. Its even half treats left and right alike, its odd half "
            "is directional. What remains is bound to absolute places. The parts are "
            "orthogonal because the diagonals $k$ and $-k$ have equally many entries, so their "
            "energies, the sums of squares, add up: here %.3f + %.3f + %.3f = %.3f. The mean is "
            "taken off first, because softmax does not see it.",
            split.toeplitz_even, split.toeplitz_odd, split.rest, sum);
    }
    pe_release(block);
    return status == PE_OK ? pe_lab_step(lab, "symmetry: example", 0.02, err) : status;
}

/* ---- position alone
 * ------------------------------------------------------------------------------------ */

typedef struct bars {
    size_t n;
    const char *name[MOST_SUBJECTS];
    double even[MOST_SUBJECTS], odd[MOST_SUBJECTS], rest[MOST_SUBJECTS];
} bars;

static void add_bars(bars *b, const char *name, double even, double odd, double rest)
{
    if (b->n == MOST_SUBJECTS)
        return;
    b->name[b->n] = name;
    b->even[b->n] = even;
    b->odd[b->n] = odd;
    b->rest[b->n++] = rest;
}

static void draw_bars(pe_section *section, const bars *b, const char *id, const char *title,
                      const char *caption, pe_error *err)
{
    pe_figure *figure = pe_figure_new(PE_BARS_STACKED, id, title, err);
    pe_figure_x(figure, "share of the energy (fraction of 1)", PE_LINEAR);
    pe_figure_x_range(figure, 0, 1);
    pe_figure_categories(figure, b->n, (const char *const *)b->name, NULL);
    pe_figure_add_series(
        figure, &(pe_series){.name = "relative, even", .slot = 0, .n = b->n, .y = b->even});
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "relative, odd (directional)", .slot = 1, .n = b->n, .y = b->odd});
    pe_figure_add_series(figure,
                         &(pe_series){.name = "absolute", .slot = 2, .n = b->n, .y = b->rest});
    pe_figure_describe(figure, "Stacked bars of three energy fractions for each encoding.",
                       caption);
    pe_section_figure(section, figure);
}

static pe_status gram_r2(const double *P, size_t T, size_t d, void *context, double *value,
                         pe_error *err)
{
    (void)context;
    pe_toeplitz_fit fit;
    pe_status status = pe_gram_toeplitz(P, T, d, &fit, err);
    *value = fit.r2;
    return status;
}

/* Do two positions share a row of the table, as behind its end when it is clamped or wrapped? Then
 * their products with all others are the same, to the bit. */
static bool rows_repeat(const double *S, size_t T)
{
    for (size_t i = 1; i < T; i++)
        for (size_t j = 0; j < i; j++)
            if (memcmp(S + i * T, S + j * T, T * sizeof *S) == 0)
                return true;
    return false;
}

/* Why the band of independent random rows says nothing about this table, or NULL. */
static const char *not_noise(const pe_instance *instance, const double *S, size_t T)
{
    if (rows_repeat(S, T))
        return "rows of the table repeat, so that the noise band of independent rows says nothing "
               "about it";
    for (int p = 0; p < instance->info.param_count; p++)
        if (instance->info.param[p].init == PE_INIT_HOOK)
            return "the table starts from a formula, so that the noise band of random rows says "
                   "nothing about it";
    return NULL;
}

/* S1 and S2 of one share. A claim of translation invariance is judged at rounding level. */
static pe_status judge_share(const pe_lab *lab, const pe_subject *subject, const double *S,
                             pe_section *section, pe_sheet *sheet, pe_error *err)
{
    const size_t T = (size_t)lab->size.length;
    const char *id = subject->name;
    pe_toeplitz_fit fit;
    pe_symmetry symmetry;
    pe_status status = pe_toeplitz_fit_of(S, T, &fit, err);
    if (status == PE_OK)
        status = pe_symmetry_of(S, T, &symmetry, err);
    if (status != PE_OK)
        return status;
    double largest = 0;
    for (size_t at = 0; at < T * T; at++)
        largest = fmax(largest, fabs(S[at]));
    pe_sheet_number(sheet, fit.deviation);
    pe_sheet_number(sheet, fit.r2);
    pe_sheet_number(sheet, symmetry.rho);
    pe_sheet_number(sheet, symmetry.alpha);
    const unsigned can = pe_lab_capabilities(subject->instance);
    if (subject->instance->info.claims & PE_CLAIM_TRANSLATION_INVARIANT)
        pe_expect(section, "S1", id, "largest departure from the mean of a diagonal", fit.deviation,
                  0, 1e-9 * fmax(1, largest), "translation invariance is claimed, METRICS 2.1");
    if (can & PE_CAN_EMBED) {
        pe_expect(section, "S2", id, "symmetry correlation of the Gram matrix", symmetry.rho, 1,
                  1e-12, "any P P' is symmetric, METRICS 2.2");
        pe_expect(section, "S2", id, "asymmetric energy of the Gram matrix", symmetry.alpha, 0,
                  1e-12, "any P P' is symmetric, METRICS 2.2");
    }
    if (!(can & PE_CAN_EMBED) || !subject->random_table)
        return PE_OK;
    const char *why = not_noise(subject->instance, S, T);
    if (why) {
        pe_give(section, "S1", id, "R2 of the Toeplitz part, untrained table", fit.r2, why);
    } else {
        pe_noise_band band;
        status = pe_noise_band_of(T, (size_t)subject->instance->info.embed_width, 1,
                                  (size_t)(lab->size.draws < 20 ? 20 : lab->size.draws), 0.99,
                                  lab->size.seed, gram_r2, NULL, &band, err);
        if (status == PE_OK) {
            char rule[160];
            snprintf(rule, sizeof rule,
                     "untrained: inside the 99 %% band of random tables, %.4f to %.4f, widened by "
                     "half its width; chance is 2/T = %.4f",
                     band.low, band.high, fit.chance);
            const double slack = (band.high - band.low) / 2;
            pe_require(section, "S1", id, "R2 of the Toeplitz part, untrained table", fit.r2,
                       fit.r2 >= band.low - slack && fit.r2 <= band.high + slack, rule,
                       "noise band");
        }
    }
    return status;
}

static pe_status one_share(pe_lab *lab, int at, double *S, pe_section *section, pe_sheet *sheet,
                           bars *b, pe_error *err)
{
    const pe_subject *subject = &lab->subjects[at];
    const char *id = subject->name;
    if (!subject->instance) {
        pe_section_not_applicable(section, id, subject->because);
        return PE_OK;
    }
    const unsigned can = pe_lab_capabilities(subject->instance);
    pe_probe probe = pe_lab_natural_probe(can);
    if (probe == PE_PROBE_ONES)
        probe = PE_PROBE_SAME; /* q and k differ: what is directional in content can show */
    const size_t T = (size_t)lab->size.length;
    const int draws = probe == PE_PROBE_SAME ? lab->size.draws : 1;
    double even = 0, odd = 0, rest = 0;
    int used = 0;
    pe_split split = {0};
    pe_status status = PE_OK;
    for (int draw = 0; status == PE_OK && draw < draws; draw++) {
        status = pe_lab_share(lab, subject->instance, probe, 0, (uint64_t)draw, false, PE_DOUBLE, S,
                              err);
        if (status == PE_OK)
            status = pe_split_of(S, T, PE_REGION_OFF_DIAGONAL, PE_MEAN_REMOVED, &split, err);
        if (status == PE_OK && !split.constant) {
            even += split.toeplitz_even;
            odd += split.toeplitz_odd;
            rest += split.rest;
            used++;
        }
    }
    if (status != PE_OK)
        return status;
    if (used == 0) {
        pe_section_not_applicable(section, id,
                                  "its share is the same for every pair of positions: there is "
                                  "nothing to split");
        return PE_OK;
    }
    even /= used, odd /= used, rest /= used;
    add_bars(b, subject->title, even, odd, rest);
    pe_sheet_text(sheet, subject->title);
    pe_sheet_text(sheet, pe_probe_text(probe));
    pe_sheet_number(sheet, even);
    pe_sheet_number(sheet, odd);
    pe_sheet_number(sheet, rest);
    pe_expect(section, "S2", id, "sum of the three fractions", even + odd + rest, 1, 1e-12,
              "orthogonal decomposition");
    return judge_share(lab, subject, S, section, sheet, err);
}

pe_status pe_symmetry_split(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section =
        pe_result_section(result, "Position alone: how relative, directional, absolute (S1, S2)");
    const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                       {"asked by", NULL, 1, 0},
                                       {"relative, even", NULL, 0, 4},
                                       {"relative, odd", NULL, 0, 4},
                                       {"absolute", NULL, 0, 4},
                                       {"departure from diagonals", NULL, 0, 3},
                                       {"R2 off the diagonal", NULL, 0, 4},
                                       {"symmetry rho", NULL, 0, 4},
                                       {"asymmetric alpha", NULL, 0, 4}};
    const size_t T = (size_t)lab->size.length;
    double *S = pe_allocate(T * T, sizeof *S, "share", err);
    if (!S)
        return PE_MEMORY;
    pe_sheet *sheet =
        pe_section_table(section, "split", "Energy fractions of the positional share", 9, columns);
    bars b = {0};
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++) {
        status = one_share(lab, i, S, section, sheet, &b, err);
        if (status == PE_OK)
            status = pe_lab_step(lab, "symmetry: shares", 0.02 + 0.1 * i / lab->subject_count, err);
    }
    pe_release(S);
    if (status != PE_OK)
        return status;
    if (b.n == 0) {
        pe_result_finding(result, "Nothing here has a positional share that varies; the published "
                                  "symmetry score calls one-sided attention symmetric.");
        return PE_OK;
    }
    int relative = 0, directional = 0;
    for (size_t i = 0; i < b.n; i++) {
        relative += b.rest[i] < 1e-9;
        directional += b.odd[i] > 0.01;
    }
    char title[256];
    snprintf(title, sizeof title,
             "By position alone, %d of %zu encodings are purely relative, and %d of them can tell "
             "left from right",
             relative, b.n, directional);
    draw_bars(
        section, &b, "split_bars", title,
        "Fractions of the energy of the positional share S(i,j), head 0, no mask. Shares that "
        "need content are means over random words (the same word at every position).",
        err);
    pe_say(
        section,
        "%d of the %zu shares are purely relative (absolute part below 1e-9); %d have more than 1 "
        "%% of their energy in the directional part. An untrained table is almost all absolute: "
        "it knows rows, not offsets, and the relative share that it shows is chance, 2/T = %.4f.",
        relative, b.n, directional, 2.0 / (double)T);
    char finding[300];
    snprintf(
        finding, sizeof finding,
        "By position alone %d of %zu encodings are purely relative and %d are directional; the "
        "published symmetry score calls one-sided attention symmetric.",
        relative, b.n, directional);
    pe_result_finding(result, finding);
    return status;
}

/* ---- whole logits on real text
 * ---------------------------------------------------------------------------- */

typedef struct fractions {
    double *even, *odd, *rest, *alpha; /* one number for each window */
    size_t used;                       /* windows so far */
} fractions;

/* One window more, unless a head's logits are all the same there: a short window of a text may
 * repeat one byte, and then there is no energy to split. */
static pe_status text_window(const pe_lab *lab, const pe_subject *subject, int draw, fractions *f,
                             pe_error *err)
{
    const size_t at = f->used;
    bool varies = true;
    const int64_t T = lab->size.length;
    const int H = subject->instance->dims.heads;
    const pe_text_job job = {.instance = subject->instance,
                             .precision = PE_DOUBLE,
                             .first = (int64_t)draw * T,
                             .n = T,
                             .draw = (uint64_t)draw};
    pe_attended attended;
    pe_status status = pe_lab_run_text(lab, &job, &attended, err);
    f->even[at] = f->odd[at] = f->rest[at] = f->alpha[at] = 0;
    for (int h = 0; status == PE_OK && h < H; h++) {
        const double *logits = attended.logits.hi + (int64_t)h * T * T;
        pe_split split;
        pe_symmetry symmetry;
        status =
            pe_split_of(logits, (size_t)T, PE_REGION_OFF_DIAGONAL, PE_MEAN_REMOVED, &split, err);
        if (status == PE_OK)
            status = pe_symmetry_of(logits, (size_t)T, &symmetry, err);
        if (status != PE_OK)
            break;
        varies = varies && !split.constant && isfinite(symmetry.alpha);
        f->even[at] += split.toeplitz_even / H;
        f->odd[at] += split.toeplitz_odd / H;
        f->rest[at] += split.rest / H;
        f->alpha[at] += symmetry.alpha / H;
    }
    f->used += status == PE_OK && varies;
    pe_attended_release(&attended);
    return status;
}

static pe_status report_text(const pe_lab *lab, const pe_subject *subject, const fractions *f,
                             pe_section *section, pe_sheet *sheet, bars *b, pe_error *err)
{
    char because[120];
    if (f->used < 2) {
        pe_section_not_applicable(section, subject->name,
                                  "its logits are the same for every pair of tokens in nearly all "
                                  "windows of the text: there is nothing to split");
        return PE_OK;
    }
    snprintf(because, sizeof because, "%s95 %% interval of the mean over %zu of %d windows",
             subject->random_table ? "untrained, " : "", f->used, lab->size.draws);
    static const char *const what[] = {
        "relative, even, of whole logits on text", "relative, odd, of whole logits on text",
        "absolute, of whole logits on text", "asymmetric energy of whole logits on text"};
    const double *const column[] = {f->even, f->odd, f->rest, f->alpha};
    double mean[4];
    pe_sheet_text(sheet, subject->title);
    for (int c = 0; c < 4; c++) {
        pe_interval interval;
        pe_status status = pe_mean_interval(column[c], f->used, 0.95, &interval, err);
        if (status != PE_OK)
            return status;
        mean[c] = interval.centre;
        pe_sheet_number(sheet, interval.centre);
        pe_give_interval(section, "S2", subject->name, what[c], interval.centre, interval.low,
                         interval.high, because);
    }
    add_bars(b, subject->title, mean[0], mean[1], mean[2]);
    return PE_OK;
}

pe_status pe_symmetry_text(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Whole logits on real text (S2)");
    const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                       {"relative, even", NULL, 0, 4},
                                       {"relative, odd", NULL, 0, 4},
                                       {"absolute", NULL, 0, 4},
                                       {"asymmetric alpha", NULL, 0, 4}};
    pe_sheet *sheet =
        pe_section_table(section, "split_text",
                         "Energy fractions of the logits of a random layer on text", 5, columns);
    const size_t n = (size_t)lab->size.draws;
    double *block = pe_allocate(4 * n, sizeof *block, "fractions", err);
    if (!block)
        return PE_MEMORY;
    fractions f = {block, block + n, block + 2 * n, block + 3 * n, 0};
    bars b = {0};
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++) {
        const pe_subject *subject = &lab->subjects[i];
        if (!subject->instance) {
            pe_section_not_applicable(section, subject->name, subject->because);
            continue;
        }
        f.used = 0;
        for (int draw = 0; status == PE_OK && draw < lab->size.draws; draw++) {
            status = text_window(lab, subject, draw, &f, err);
            if (status == PE_OK)
                status = pe_lab_step(lab, "symmetry: real text",
                                     0.12 + 0.25 * i / lab->subject_count, err);
        }
        if (status == PE_OK)
            status = report_text(lab, subject, &f, section, sheet, &b, err);
    }
    pe_release(block);
    size_t most = 0;
    for (size_t i = 1; i < b.n; i++)
        most = b.rest[i] < b.rest[most] ? i : most;
    if (status == PE_OK && b.n > 0) {
        char title[256];
        snprintf(
            title, sizeof title,
            "On real text content speaks louder: only %s keeps more than %.0f %% of its logits "
            "relative",
            b.name[most], 100 * (1 - b.rest[most]) - 1);
        draw_bars(section, &b, "split_text_bars", title,
                  "Logits of one layer with random weights on windows of the text, no mask; means "
                  "over windows and heads. The control, which sees no position, shows what content "
                  "alone looks like.",
                  err);
        pe_say(
            section,
            "The same split for whole logits: %d windows of %lld bytes of text through a random "
            "embedding and random projections. Content is bound to places, so it counts as "
            "absolute: even %s, the most relative here, has %.1f %% absolute energy, and the first "
            "subject, %s, %.1f %%.",
            lab->size.draws, (long long)lab->size.length, b.name[most], 100 * b.rest[most],
            b.name[0], 100 * b.rest[0]);
    }
    return status;
}
