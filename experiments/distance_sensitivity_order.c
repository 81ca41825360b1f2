/* D3: over all triples, does the nearer key score higher? */
#include "distance_sensitivity.h"

#include "analysis/concordance.h"
#include "analysis/noise.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct order_row {
    const distance_subject *d;
    pe_concordance c;
    pe_interval tau; /* over draws; low = NaN: none */
} order_row;

static pe_status concordance_of(const distance_run *run, const distance_subject *d, double *S,
                                pe_concordance *c, pe_error *err)
{
    distance_round(S, run->T * run->T);
    return pe_concordance_of(
        S, run->T, d->region == PE_REGION_CAUSAL ? PE_REGION_CAUSAL : PE_REGION_ALL, c, err);
}

/* Fresh random tables and, where content matters, a fresh random word at every position. */
static pe_status tau_of_draw(const distance_run *run, const distance_subject *d, uint64_t draw,
                             double *S, double *tau, pe_error *err)
{
    const pe_probe probe = d->content ? PE_PROBE_SAME : d->probe;
    pe_instance *instance = NULL;
    pe_concordance c;
    pe_status status = pe_lab_instance(run->lab, d->subject, &d->subject->instance->dims,
                                       run->lab->size.seed + draw + 1, &instance, err);
    if (status == PE_OK)
        status = distance_share(run, d, instance, probe, draw, S, err);
    if (status == PE_OK)
        status = concordance_of(run, d, S, &c, err);
    if (status == PE_OK)
        *tau = c.tau;
    pe_instance_release(instance);
    return status;
}

static bool varies(const distance_subject *d)
{
    return d->content || d->subject->random_table;
}

static pe_status measure_row(const distance_run *run, order_row *row, double *S, double *taus,
                             pe_error *err)
{
    const distance_subject *d = row->d;
    const int draws = run->lab->size.draws;
    memcpy(S, d->S, run->T * run->T * sizeof *S);
    pe_status status = concordance_of(run, d, S, &row->c, err);
    row->tau = (pe_interval){.centre = row->c.tau, .low = (double)NAN, .high = (double)NAN};
    for (int i = 0; status == PE_OK && varies(d) && i < draws; i++)
        status = tau_of_draw(run, d, (uint64_t)i, S, &taus[i], err);
    if (status == PE_OK && varies(d))
        status = pe_mean_interval(taus, (size_t)draws, 0.95, &row->tau, err);
    return status;
}

/* ---- judging ---- */

static pe_status tau_of_closed_form(const distance_run *run, const distance_subject *d, double *S,
                                    pe_concordance *c, pe_error *err)
{
    const size_t T = run->T;
    double *G = pe_allocate(T, sizeof *G, "closed form", err);
    pe_status status = G ? pe_cosine_kernel(d->width, d->base, d->rule, G, T, err) : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < T; i++)
        for (size_t j = 0; j < T; j++)
            S[i * T + j] = G[i > j ? i - j : j - i];
    pe_release(G);
    return status == PE_OK ? concordance_of(run, d, S, c, err) : status;
}

static pe_status judge_row(const distance_run *run, pe_section *section, const order_row *row,
                           double *S, pe_error *err)
{
    const distance_subject *d = row->d;
    pe_concordance closed;
    pe_verdict v = distance_verdict("D3", d, "τ = C − D", row->c.tau);
    if (d->kernel <= DISTANCE_KERNEL_NEAR) {
        pe_status status = tau_of_closed_form(run, d, S, &closed, err);
        if (status != PE_OK)
            return status;
        distance_closed_form(section, d, &v, closed.tau, 1e-4, "closed form");
        const bool listed = run->T == 128 && d->width == 128 && d->base == 10000;
        if (listed && d->rule == PE_FREQUENCIES_PAPER) {
            pe_verdict table = distance_verdict("D3", d, "τ, against the table", row->c.tau);
            distance_closed_form(section, d, &table, 0.8485, 1e-4,
                                 "METRICS.md 1.3 [computed here]");
        }
    } else
        distance_info(section, &v,
                      row->c.tied == 1 ? "all triples are tied: nothing tells distances"
                                       : "no closed form is known for it");
    if (isnan(row->tau.low))
        return PE_OK;
    pe_verdict draws = distance_verdict(
        "D3", d, d->content ? "τ, mean over random words" : "τ, mean over random tables",
        row->tau.centre);
    draws.ci_low = row->tau.low;
    draws.ci_high = row->tau.high;
    distance_info(section, &draws,
                  row->tau.low <= 0 && row->tau.high >= 0
                      ? "the 95 % interval of the mean holds 0: on average no sense of distance"
                      : "the 95 % interval of the mean does not hold 0");
    return PE_OK;
}

/* ---- the noise band of a table that holds nothing ---- */

static pe_status tau_of_table(const double *P, size_t T, size_t d, void *context, double *value,
                              pe_error *err)
{
    pe_concordance c;
    pe_status status = pe_gram(P, T, d, context, err);
    if (status == PE_OK)
        status = pe_concordance_of(context, T, PE_REGION_ALL, &c, err);
    *value = status == PE_OK ? c.tau : (double)NAN;
    return status;
}

static pe_status judge_noise(const distance_run *run, pe_section *section, double *S, pe_error *err)
{
    const size_t width = (size_t)run->lab->size.heads * (size_t)run->lab->size.head_dim;
    const size_t draws = run->lab->size.draws < 20 ? 20 : (size_t)run->lab->size.draws;
    pe_noise_band band;
    pe_status status = pe_noise_band_of(run->T, width, 1, draws, 0.9, run->lab->size.seed,
                                        tau_of_table, S, &band, err);
    if (status != PE_OK)
        return status;
    pe_say(section,
           "The noise band: nine of ten random tables of %zu rows and %zu columns have τ "
           "between %.4f and %.4f. A table inside it has learned nothing about distance.",
           run->T, width, band.low, band.high);
    pe_verdict v = distance_verdict("D3", NULL, "τ of random tables, mean", band.mean);
    v.ci_low = band.low;
    v.ci_high = band.high;
    const bool listed = run->T == 128 && width == 128;
    distance_expect(section, &v, 0, listed ? 0.01 : 4 * band.sd / sqrt((double)draws),
                    listed ? "METRICS.md 1.3 [computed here]" : "rows are exchangeable",
                    listed ? "90 % noise band"
                           : "90 % noise band; accepted within 4 standard errors of the mean");
    return PE_OK;
}

/* ---- showing ---- */

static void write_rows(pe_section *section, const order_row *rows, int count)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},   {"nearer is higher, C", NULL, 0, 4},
        {"tied", NULL, 0, 4},      {"nearer is lower, D", NULL, 0, 4},
        {"τ = C − D", NULL, 0, 4}, {"τ over draws", NULL, 0, 4},
        {"95 % from", NULL, 0, 4}, {"95 % to", NULL, 0, 4}};
    pe_sheet *sheet = pe_section_table(
        section, "concordance",
        "Shares of all triples (query; nearer key, farther key), both sides together. Over draws: "
        "fresh random tables and, where content matters, one random word at every position.",
        8, columns);
    for (int i = 0; i < count; i++) {
        const order_row *row = &rows[i];
        pe_sheet_text(sheet, distance_label(row->d));
        pe_sheet_number(sheet, row->c.concordant);
        pe_sheet_number(sheet, row->c.tied);
        pe_sheet_number(sheet, row->c.discordant);
        pe_sheet_number(sheet, row->c.tau);
        if (isnan(row->tau.low)) {
            for (int empty = 0; empty < 3; empty++)
                pe_sheet_missing(sheet);
            continue;
        }
        pe_sheet_number(sheet, row->tau.centre);
        pe_sheet_number(sheet, row->tau.low);
        pe_sheet_number(sheet, row->tau.high);
    }
}

enum { NAME = 160 };

static pe_status draw_rows(pe_section *section, const order_row *rows, int count, pe_error *err)
{
    const size_t n = (size_t)count;
    double *share = pe_allocate(3 * n, sizeof *share, "shares", err);
    const char **names = pe_allocate(n, sizeof *names, "names", err);
    char(*texts)[NAME] = pe_allocate(n, sizeof *texts, "names", err);
    if (!share || !names || !texts) {
        pe_release(share), pe_release(names), pe_release(texts);
        return PE_MEMORY;
    }
    int perfect = 0, blind = 0;
    for (size_t i = 0; i < n; i++) {
        const pe_concordance *c = &rows[i].c;
        share[i] = c->concordant;
        share[n + i] = c->tied;
        share[2 * n + i] = c->discordant;
        snprintf(texts[i], NAME, "%s, τ = %.2f", distance_label(rows[i].d), c->tau);
        names[i] = texts[i];
        perfect += c->tau == 1;
        blind += fabs(c->tau) < 0.05;
    }
    pe_figure *figure = pe_figure_titled(
        PE_BARS_STACKED, "concordance_bars", err,
        "%d of %d shares order all distances rightly (τ = 1); %d hardly order them (|τ| < 0.05)",
        perfect, count, blind);
    pe_figure_x(figure, "share of triples", PE_LINEAR);
    pe_figure_x_range(figure, 0, 1);
    pe_figure_categories(figure, n, names, NULL);
    pe_figure_add_series(figure,
                         &(pe_series){.name = "nearer is higher", .slot = 0, .n = n, .y = share});
    pe_figure_add_series(figure, &(pe_series){.name = "tied", .slot = 5, .n = n, .y = share + n});
    pe_figure_add_series(
        figure, &(pe_series){.name = "nearer is lower", .slot = 1, .n = n, .y = share + 2 * n});
    pe_figure_describe(figure,
                       "Stacked bars: shares of concordant, tied and discordant triples for every "
                       "variant.",
                       "A tie is no fault: a clipped table is flat beyond its clip. Half and half "
                       "is chance.");
    pe_section_figure(section, figure);
    pe_release(share), pe_release(names), pe_release(texts);
    return PE_OK;
}

static pe_status add_exercise(const distance_run *run, pe_section *section, double *S,
                              pe_error *err)
{
    const size_t T = run->T, clip = 16;
    pe_concordance c;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++) {
            const size_t r = i > j ? i - j : j - i;
            S[i * T + j] = -(double)(r < clip ? r : clip);
        }
    pe_status status = pe_concordance_of(S, T, PE_REGION_ALL, &c, err);
    if (status != PE_OK)
        return status;
    if (T == 128) {
        pe_verdict v = distance_verdict("D3", NULL, "τ of −min(|i−j|, 16)", c.tau);
        distance_expect(section, &v, 0.3942, 1e-4, "METRICS.md 1.3 [computed here]",
                        "a check of the measure on a matrix made by hand");
    }
    char question[384];
    snprintf(question, sizeof question,
             "A score that is $-\\min(|i-j|, %zu)$ for %zu tokens is never wrong about distance. "
             "What is its $\\tau$, and which share of the triples is tied?",
             clip, T);
    const pe_checkable answers[] = {{"tau", c.tau, 1e-3}, {"tied", c.tied, 1e-3}};
    pe_section_exercise(section, question,
                        "Count, for each query, the pairs of keys that are both at or beyond the "
                        "clip and at different distances.",
                        2, answers);
    return PE_OK;
}

static pe_status show_order(distance_run *run, pe_section *section, double *S, double *taus,
                            order_row *rows, pe_error *err)
{
    int count = 0;
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        pe_error own = {0};
        if (!d->S)
            continue;
        status = pe_lab_step(run->lab, d->title, 0.35, err);
        if (status != PE_OK)
            break;
        rows[count].d = d;
        status = measure_row(run, &rows[count], S, taus, &own);
        if (status == PE_OK)
            status = judge_row(run, section, &rows[count++], S, err);
        else if (distance_tolerable(status)) {
            pe_section_not_applicable(section, d->id, own.text);
            status = PE_OK;
        } else
            status = pe_fail(err, status, "%s", own.text);
    }
    if (status == PE_OK && count > 0) {
        write_rows(section, rows, count);
        status = draw_rows(section, rows, count, err);
    }
    if (status == PE_OK)
        status = judge_noise(run, section, S, err);
    return status == PE_OK ? add_exercise(run, section, S, err) : status;
}

pe_status distance_order(distance_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "Is the nearer one higher? (D3)");
    double *S = pe_allocate(run->T * run->T, sizeof *S, "share", err);
    double *taus = pe_allocate((size_t)run->lab->size.draws, sizeof *taus, "draws", err);
    order_row *rows = pe_allocate((size_t)run->count, sizeof *rows, "rows", err);
    pe_status status = S && taus && rows ? PE_OK : PE_MEMORY;
    pe_section_paragraph(
        section,
        "Take every query and every two keys at different distances from it. The share of triples "
        "where the nearer key scores higher is $C$, lower $D$, and $\\tau = C - D$ lies between -1 "
        "and 1; 0 is no sense of distance. Entries that differ by less than $2^{-40}$ of the "
        "largest count as tied, so that rounding decides nothing.");
    if (status == PE_OK)
        status = show_order(run, section, S, taus, rows, err);
    pe_release(S);
    pe_release(taus);
    pe_release(rows);
    return status;
}
