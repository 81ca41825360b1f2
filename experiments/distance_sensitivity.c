/* Experiment: does attention know near from far? METRICS.md section 1, D1 to D10. */
#include "distance_sensitivity.h"

#include <math.h>
#include <stdio.h>

/* ---- section 1: where each share comes from ---- */

static void write_source_row(pe_sheet *sheet, const distance_subject *d)
{
    pe_sheet_text(sheet, d->title);
    pe_sheet_text(sheet, d->subject->instance ? pe_lab_hooks_text(d->can) : "");
    pe_sheet_text(sheet, d->S ? pe_probe_text(d->probe) : "");
    pe_sheet_text(sheet, d->subject->random_table ? "random" : "");
    pe_sheet_text(sheet, d->content ? "yes" : "no");
    if (d->S && isfinite(d->toeplitz))
        pe_sheet_number(sheet, d->toeplitz);
    else
        pe_sheet_missing(sheet);
}

static void write_sources(const distance_run *run, pe_section *section)
{
    static const pe_sheet_column columns[] = {{"variant", NULL, 1, 0},
                                              {"hooks", NULL, 1, 0},
                                              {"probe", NULL, 1, 0},
                                              {"trainable table", NULL, 1, 0},
                                              {"share needs content", NULL, 1, 0},
                                              {"R² of the diagonals", NULL, 0, 4}};
    pe_sheet *sheet = pe_section_table(section, "sources",
                                       "How the positional share S of each variant is asked for. A "
                                       "random table is untrained: what "
                                       "it shows is the noise of that size.",
                                       6, columns);
    for (int i = 0; i < run->count; i++)
        write_source_row(sheet, &run->subject[i]);
}

static void count_kinds(const distance_run *run, int *shown, int *striped, int *flat,
                        int *untrained)
{
    for (int i = 0; i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        *shown += d->S != NULL;
        *striped += d->S && d->toeplitz > 0.9999;
        *flat += d->S && d->flat && !isfinite(d->toeplitz);
        *untrained += d->S && d->subject->random_table;
    }
}

static pe_status draw_shares(const distance_run *run, pe_section *section, int shown, int striped,
                             pe_error *err)
{
    pe_figure *figure = pe_figure_titled(
        PE_HEATMAPS, "shares", err,
        "%d of %d positional shares are the same along every diagonal (R² above 0.9999): they "
        "depend on the offset j − i alone",
        striped, shown);
    pe_figure_x(figure, "key j (token)", PE_LINEAR);
    pe_figure_y(figure, "query i (token)", PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "S(i, j)", PE_LINEAR);
    pe_figure_own_ranges(figure);
    int panels = 0;
    for (int i = 0; i < run->count && panels < PE_FIGURE_PANELS; i++) {
        const distance_subject *d = &run->subject[i];
        if (!d->S)
            continue;
        pe_figure_add_matrix(
            figure, &(pe_matrix_panel){
                        .title = d->title, .rows = run->T, .columns = run->T, .values = d->S});
        panels++;
    }
    char alt[256];
    snprintf(alt, sizeof alt,
             "Heat maps of the positional share of %d variants, %zu queries by %zu keys.", panels,
             run->T, run->T);
    pe_figure_describe(figure, alt,
                       "Rows are queries, columns keys, each panel with its own range. Stripes "
                       "along the diagonal: only the distance counts. Blue is negative, vermilion "
                       "positive, white zero. The constant that the probe's own q·k adds is taken "
                       "off. Head 0.");
    pe_section_figure(section, figure);
    return PE_OK;
}

pe_status distance_sources(distance_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "What is asked, and of whom");
    int shown = 0, striped = 0, flat = 0, untrained = 0;
    count_kinds(run, &shown, &striped, &flat, &untrained);
    pe_section_paragraph(
        section,
        "A positional encoding shall tell attention how far apart two tokens are. Whether it does "
        "can be measured: take from each encoding its own share $S(i,j)$ of the attention logit of "
        "query $i$ and key $j$, and look at it as a function of the offset $k = j - i$ alone.");
    pe_section_formula(section, "b(k) = \\frac{1}{T - |k|} \\sum_{i} S(i, i + k)",
                       "$T$ tokens; $k < 0$ is the past; $r = |k|$ is the distance in tokens.");
    pe_section_paragraph(
        section,
        "What $S$ is depends on what the encoding does. Codes that are added to the tokens give "
        "$S = P P^{\\top}$, attention between codes alone, with both projections the identity. "
        "Biases are asked with $q = k = 0$. Whatever acts through $q$ and $k$ is asked with "
        "all-ones vectors, and the constant that $q \\cdot k$ adds to every logit is then taken "
        "off.");
    write_sources(run, section);
    pe_say(section,
           "%d of the %d variants have a share at this size; %d of them hold random, "
           "untrained tables, marked so wherever they appear; %d change%s no logit at all.",
           shown, run->count, untrained, flat, flat == 1 ? "s" : "");
    for (int i = 0; i < run->count; i++)
        if (!run->subject[i].S)
            pe_section_not_applicable(section, run->subject[i].id, run->subject[i].because);
    return draw_shares(run, section, shown, striped, err);
}

/* ---- all sections ---- */

static void say_finding(distance_run *run)
{
    char text[DISTANCE_TEXT];
    size_t used = 0;
    if (isfinite(run->first_rise))
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "Sinusoidal similarity follows the logarithm of distance, but "
                                 "falls without a rise only up to %.0f tokens (d = %zu)",
                                 run->first_rise, run->cosine->width);
    else
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%d of %d shares never rise with distance", run->monotone,
                                 run->ordered);
    if (isfinite(run->projected_r2))
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "; random projections leave %.0f %% of its dependence on the "
                                 "offset",
                                 100 * run->projected_r2);
    if (isfinite(run->horizon_low))
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "; straight-line biases hold 99 %% of the weight within %.0f to "
                                 "%.0f tokens, by head",
                                 run->horizon_low, run->horizon_high);
    snprintf(text + used, sizeof text - used, ".");
    pe_result_finding(run->result, text);
}

static pe_status run_sections(distance_run *run, pe_error *err)
{
    static const struct {
        const char *what;
        pe_status (*section)(distance_run *run, pe_error *err);
    } sections[] = {
        {"shares", distance_sources},     {"profiles", distance_profiles},
        {"first rises", distance_breaks}, {"concordance", distance_order},
        {"norms", distance_norms},        {"rotary bound", distance_rotary},
        {"biases", distance_bias},        {"projections", distance_projections},
        {"one word", distance_same_word}, {"locality", distance_locality},
    };
    const size_t count = sizeof sections / sizeof sections[0];
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        status =
            pe_lab_step(run->lab, sections[i].what, 0.1 + 0.9 * (double)i / (double)count, err);
        if (status == PE_OK)
            status = sections[i].section(run, err);
    }
    return status;
}

static pe_status run_experiment(pe_lab *lab, pe_result *result, pe_error *err)
{
    const double unknown = (double)NAN;
    distance_run run = {.lab = lab,
                        .result = result,
                        .T = (size_t)lab->size.length,
                        .first_rise = unknown,
                        .horizon_low = unknown,
                        .horizon_high = unknown,
                        .projected_r2 = unknown,
                        .text_near = unknown,
                        .text_far = unknown};
    pe_status status = distance_measure_shares(&run, err);
    if (status == PE_OK)
        status = run_sections(&run, err);
    if (status == PE_OK)
        say_finding(&run);
    distance_release_shares(&run);
    return status == PE_OK ? pe_result_check(result, err) : status;
}

const pe_experiment pe_experiment_distance_sensitivity = {
    .id = "distance_sensitivity",
    .title = "Distance sensitivity",
    .question = "Does attention tell a near token from a far one, and up to which distance?",
    .weight = 15,
    .run = run_experiment,
};
