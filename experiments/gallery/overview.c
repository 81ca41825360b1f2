/* The overview: all exhibits by all measures, the worst first. */
#include "show.h"

#include "base/memory.h"
#include "lab/words.h"

#include <stdio.h>
#include <stdlib.h>

/* By the mean change of attention on text; then by logits. */
static int by_damage(const void *a, const void *b)
{
    const pe_damage *x = ((const gallery_seen *)a)->damage, *y = ((const gallery_seen *)b)->damage;
    const int attention = (x->value[PE_DAMAGE_ATTENTION] < y->value[PE_DAMAGE_ATTENTION]) -
                          (x->value[PE_DAMAGE_ATTENTION] > y->value[PE_DAMAGE_ATTENTION]);
    const int logits = (x->value[PE_DAMAGE_TEXT] < y->value[PE_DAMAGE_TEXT]) -
                       (x->value[PE_DAMAGE_TEXT] > y->value[PE_DAMAGE_TEXT]);
    return attention ? attention : logits;
}

static pe_status collect(pe_lab *lab, size_t n, gallery_seen *seen, pe_error *err)
{
    for (size_t at = 0; at < n; at++) {
        pe_status status = gallery_measured(lab, at, &seen[at], err);
        if (status == PE_OK)
            status = pe_lab_step(lab, pe_gallery_at(at)->id, (double)at / (double)n, err);
        if (status != PE_OK)
            return status;
    }
    qsort(seen, n, sizeof *seen, by_damage);
    return PE_OK;
}

/* Shares of measures that have no upper end are shown up to 1: more is as bad. */
static pe_status draw_matrix(pe_section *section, size_t n, const gallery_seen *seen, pe_error *err)
{
    const char *rows[GALLERY_MOST], *columns[PE_DAMAGE_COUNT];
    double *value = pe_allocate(n * PE_DAMAGE_COUNT, sizeof *value, "damage matrix", err);
    if (!value)
        return PE_MEMORY;
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++)
        columns[kind] = pe_damage_text((pe_damage_kind)kind);
    for (size_t i = 0; i < n; i++) {
        rows[i] = seen[i].exhibit->id;
        for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++) {
            const double x = seen[i].damage->value[kind];
            value[i * PE_DAMAGE_COUNT + (size_t)kind] = isnan(x) ? x : fmin(x, 1);
        }
    }
    pe_figure *figure =
        pe_figure_titled(PE_HEATMAPS, "damage_matrix", err,
                         "%s moves %.0f %% of the attention, %s nothing: %zu bugs by nine measures",
                         rows[0], 100 * seen[0].damage->value[PE_DAMAGE_ATTENTION], rows[n - 1], n);
    pe_figure_x(figure, "measure", PE_LINEAR);
    pe_figure_y(figure, "exhibit", PE_LINEAR);
    pe_figure_colours(figure, PE_PAPER, "damage, cut at 1", PE_LINEAR);
    pe_figure_colour_range(figure, 0, 1);
    pe_figure_add_matrix(figure, &(pe_matrix_panel){.rows = n,
                                                    .columns = PE_DAMAGE_COUNT,
                                                    .values = value,
                                                    .row_names = rows,
                                                    .column_names = columns});
    pe_figure_describe(figure,
                       "A heat map: a row for each exhibit, a column for each measure, darker is "
                       "more damage; rows are sorted by the mean change of attention.",
                       "Empty cells: the measure does not apply. The table has the numbers.");
    pe_section_figure(section, figure);
    pe_release(value);
    return PE_OK;
}

static pe_status draw_claims(pe_section *section, size_t n, const gallery_seen *seen, pe_error *err)
{
    const char *name[PE_CLAIM_COUNT];
    double count[PE_CLAIM_COUNT];
    size_t claims = 0, silent = 0;
    for (size_t i = 0; i < n; i++)
        silent += !seen[i].damage->broken;
    for (int c = 0; c < PE_CLAIM_COUNT; c++) {
        double broken = 0;
        for (size_t i = 0; i < n; i++)
            broken += (seen[i].damage->broken & (1u << c)) != 0;
        if (broken > 0) {
            name[claims] = pe_claim_name(1u << c);
            count[claims++] = broken;
        }
    }
    if (claims == 0)
        return PE_OK;
    pe_figure *figure = pe_figure_titled(
        PE_BARS_GROUPED, "claims_broken", err,
        "Claims that are checked find %zu of %zu bugs; %zu break none", n - silent, n, silent);
    pe_figure_x(figure, "exhibits that break the claim", PE_LINEAR);
    pe_figure_categories(figure, claims, name, NULL);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "exhibits", .slot = 0, .n = claims, .y = count});
    pe_figure_describe(figure, "Bars: how many exhibits break each claim of their twin.",
                       "A claim counts when it holds for the twin and a counter-example was found "
                       "for the bug.");
    pe_section_figure(section, figure);
    return PE_OK;
}

static void say_lists(pe_section *section, size_t n, const gallery_seen *seen)
{
    const pe_sheet_column columns[] = {{"exhibit", NULL, 1, 0},    {"what is wrong", NULL, 1, 0},
                                       {"reference", NULL, 1, 0},  {"stated figures", NULL, 0, 3},
                                       {"reproduced", NULL, 0, 3}, {"page", NULL, 1, 0}};
    pe_sheet *sheet =
        pe_section_table(section, "exhibits", "The exhibits, the worst first", 6, columns);
    for (size_t i = 0; i < n; i++) {
        const pe_exhibit *e = seen[i].exhibit;
        int agree = 0;
        for (int f = 0; f < e->figure_count; f++)
            agree += pe_stated_agrees(&e->figure[f], seen[i].value[f]);
        pe_sheet_text(sheet, e->id);
        pe_sheet_text(sheet, e->title);
        pe_sheet_text(sheet, e->reference);
        pe_sheet_number(sheet, e->figure_count);
        pe_sheet_number(sheet, agree);
        pe_sheet_text(sheet, pe_family_id(e->family));
    }
}

static void judge_all(pe_result *result, pe_section *section, size_t n, const gallery_seen *seen)
{
    size_t figures = 0, agree = 0, explained = 0, silent = 0, recorded = 0;
    char text[400];
    for (size_t i = 0; i < n; i++) {
        const pe_exhibit *e = seen[i].exhibit;
        for (int f = 0; f < e->figure_count; f++) {
            figures++;
            agree += pe_stated_agrees(&e->figure[f], seen[i].value[f]);
            explained += e->figure[f].why_not != NULL;
        }
        silent += !seen[i].damage->broken;
        recorded += seen[i].damage->broken == e->breaks;
    }
    pe_require(section, "gallery", NULL, "stated figures that are reproduced", (double)agree,
               agree == figures - explained, "all but those that the pages explain",
               "the references of the exhibits");
    pe_require(section, "gallery", NULL, "exhibits whose broken claims are those on record",
               (double)recorded, recorded == n, "all of them", "variants/gallery/exhibits_*.c");
    snprintf(text, sizeof text,
             "%zu bugs of public projects: %zu of %zu stated figures reproduced, %zu explained; "
             "checked claims find %zu of the bugs, and %zu change no property at all.",
             n, agree, figures, explained, n - silent, silent);
    pe_result_finding(result, text);
}

static void say_training(pe_section *section, size_t n, const gallery_seen *seen)
{
    size_t trained = 0;
    for (size_t i = 0; i < n; i++)
        trained += seen[i].exhibit->trained != 0;
    pe_say(section,
           "Would a loss have shown it? The page bugs_in_training trains small models with %zu of "
           "them and with their twins, and says why the other %zu cannot be trained.",
           trained, n - trained);
    pe_section_try(section, "Would the loss show it?", 2,
                   (const char *const[]){"run", "bugs_in_training"});
}

pe_status pe_gallery_overview(pe_lab *lab, pe_result *result, pe_error *err)
{
    gallery_seen seen[GALLERY_MOST];
    const size_t n = pe_gallery_count();
    pe_status status = collect(lab, n, seen, err);
    if (status != PE_OK)
        return status;
    pe_section *section = pe_result_section(result, "All exhibits by all measures");
    pe_say(section,
           "Each row is a defect of a public project, measured against its right twin. "
           "Tables are compared entry by entry; the kernel is the mean of a diagonal, over "
           "the twin's largest; the split is half the sum of the changes of its shares; "
           "logits are RMS changes over the spread of the twin's; attention is the total "
           "variation of a query's weights on real text.");
    status = draw_matrix(section, n, seen, err);
    gallery_damage_table(section, n, seen);
    if (status == PE_OK)
        status =
            draw_claims(pe_result_section(result, "Which claims find which bugs"), n, seen, err);
    section = pe_result_section(result, "The list");
    say_lists(section, n, seen);
    judge_all(result, section, n, seen);
    say_training(section, n, seen);
    return status;
}
