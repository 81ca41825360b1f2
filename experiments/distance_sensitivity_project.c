/* D8: what projections leave of the dependence on the offset (TENER, section 3). */
#include "distance_sensitivity.h"

#include "analysis/decompose.h"
#include "analysis/random.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

typedef enum projection { IDENTITY, RANDOM, TIED, TURNED, PROJECTIONS } projection;
static const char *const names[PROJECTIONS] = {"W = I", "W random", "W = V Vᵀ (tied)",
                                               "W turns each pair by 90°"};

typedef struct projected {
    const distance_subject *d;
    size_t T, width;
    double *P, *W, *PW, *S;     /* (T,d), (d,d), (T,d), (T,T) */
    double *shown[PROJECTIONS]; /* (T,T) for the picture */
    double r2[PROJECTIONS], rho[PROJECTIONS];
    pe_interval r2_over[PROJECTIONS], rho_over[PROJECTIONS]; /* of RANDOM and TIED */
    double r2_sd;
    bool halves; /* the pair of column i is i + d/2, not i + 1 */
} projected;

/* C (n, m) = A (n, k) B (k, m) */
static void multiply(const double *A, const double *B, size_t n, size_t k, size_t m, double *C)
{
    for (size_t i = 0; i < n * m; i++)
        C[i] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < m; j++)
                C[i * m + j] += A[i * k + l] * B[l * m + j];
}

/* S = (P W) P^T */
static void project(projected *p)
{
    multiply(p->P, p->W, p->T, p->width, p->width, p->PW);
    for (size_t i = 0; i < p->T; i++)
        for (size_t j = 0; j < p->T; j++) {
            double sum = 0;
            for (size_t c = 0; c < p->width; c++)
                sum += p->PW[i * p->width + c] * p->P[j * p->width + c];
            p->S[i * p->T + j] = sum;
        }
}

static void fill_turn(projected *p, bool halves)
{
    const size_t d = p->width, h = d / 2;
    for (size_t i = 0; i < d * d; i++)
        p->W[i] = 0;
    for (size_t i = 0; i < h; i++) {
        const size_t a = halves ? i : 2 * i, b = halves ? h + i : 2 * i + 1;
        p->W[a * d + b] = 1;
        p->W[b * d + a] = -1;
    }
}

static pe_status judge_matrix(const projected *p, double *r2, double *rho, pe_error *err)
{
    pe_toeplitz_fit fit;
    pe_symmetry symmetry;
    pe_status status = pe_toeplitz_fit_of(p->S, p->T, &fit, err);
    if (status == PE_OK)
        status = pe_symmetry_of(p->S, p->T, &symmetry, err);
    if (status == PE_OK) {
        *r2 = fit.r2;
        *rho = symmetry.rho;
    }
    return status;
}

static void keep(projected *p, projection which)
{
    for (size_t i = 0; i < p->T * p->T; i++)
        p->shown[which][i] = p->S[i];
}

static pe_status plain(projected *p, pe_error *err)
{
    pe_status status = pe_gram(p->P, p->T, p->width, p->S, err);
    if (status == PE_OK)
        status = judge_matrix(p, &p->r2[IDENTITY], &p->rho[IDENTITY], err);
    keep(p, IDENTITY);
    return status;
}

/* The layout of the pairs is not known: the one that keeps more of the offset is it. */
static pe_status turned(projected *p, pe_error *err)
{
    p->r2[TURNED] = -HUGE_VAL;
    for (int halves = 0; halves < 2; halves++) {
        double r2, rho;
        fill_turn(p, halves);
        project(p);
        pe_status status = judge_matrix(p, &r2, &rho, err);
        if (status != PE_OK)
            return status;
        if (!(r2 > p->r2[TURNED]))
            continue;
        p->r2[TURNED] = r2;
        p->rho[TURNED] = rho;
        p->halves = halves;
        keep(p, TURNED);
    }
    return PE_OK;
}

static pe_status over_draws(const distance_run *run, projected *p, projection which, double *values,
                            pe_error *err)
{
    const size_t draws = (size_t)run->lab->size.draws, cells = p->width * p->width;
    double *r2 = values, *rho = values + draws;
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < draws; i++) {
        pe_stream stream = pe_stream_open(run->lab->size.seed, "projection", i);
        pe_fill_normal(&stream, p->W, cells, 0, 1 / sqrt((double)p->width));
        if (which == RANDOM)
            project(p);
        else {
            multiply(p->P, p->W, p->T, p->width, p->width, p->PW);
            status = pe_gram(p->PW, p->T, p->width, p->S, err);
        }
        if (status == PE_OK)
            status = judge_matrix(p, &r2[i], &rho[i], err);
        if (i == 0)
            keep(p, which);
    }
    pe_summary spread;
    if (status == PE_OK)
        status = pe_mean_interval(r2, draws, 0.95, &p->r2_over[which], err);
    if (status == PE_OK)
        status = pe_mean_interval(rho, draws, 0.95, &p->rho_over[which], err);
    if (status == PE_OK && which == RANDOM) {
        status = pe_summarise(r2, draws, &spread, err);
        p->r2_sd = spread.sd;
    }
    p->r2[which] = p->r2_over[which].centre;
    p->rho[which] = p->rho_over[which].centre;
    return status;
}

/* ---- judging ---- */

static void judge_random(const distance_run *run, pe_section *section, const projected *p)
{
    const distance_subject *d = p->d;
    const double n = (double)run->lab->size.draws;
    pe_verdict v = distance_verdict("D8", d, "R² of the diagonals, random W, mean", p->r2[RANDOM]);
    v.ci_low = p->r2_over[RANDOM].low;
    v.ci_high = p->r2_over[RANDOM].high;
    const bool listed = p->T == 128 && p->width == 128 && d->base == 10000;
    if (listed && d->kernel == DISTANCE_KERNEL)
        distance_expect(
            section, &v, 0.13, 3 * p->r2_sd / sqrt(n) + 0.01,
            "METRICS.md 1.7 [computed here], 20 draws",
            "accepted within 3 standard errors and the printed digit; chance, 2/T, would fail");
    else
        distance_info(section, &v, "no listed value for this kernel and size");
    v = distance_verdict("D8", d, "symmetry correlation, random W, mean", p->rho[RANDOM]);
    v.ci_low = p->rho_over[RANDOM].low;
    v.ci_high = p->rho_over[RANDOM].high;
    distance_info(section, &v,
                  v.ci_low <= 0 && v.ci_high >= 0 ? "the 95 % interval holds 0, as for noise"
                                                  : "the 95 % interval does not hold 0");
}

static void judge_all(const distance_run *run, pe_section *section, const projected *p)
{
    const distance_subject *d = p->d;
    pe_verdict v = distance_verdict("D8", d, "R² of the diagonals, W = I", p->r2[IDENTITY]);
    distance_closed_form(section, d, &v, 1, 1e-9, "TENER, property 1 [published]");
    v = distance_verdict("D8", d, "symmetry correlation, W = I", p->rho[IDENTITY]);
    distance_expect(section, &v, 1, 1e-12, "Gram matrix (closed form)", NULL);
    judge_random(run, section, p);
    v = distance_verdict("D8", d, "symmetry correlation, tied W, mean", p->rho[TIED]);
    v.ci_low = p->rho_over[TIED].low;
    v.ci_high = p->rho_over[TIED].high;
    distance_expect(section, &v, 1, 1e-12, "Gram matrix (closed form)", NULL);
    v = distance_verdict("D8", d, "R² of the diagonals, tied W, mean", p->r2[TIED]);
    v.ci_low = p->r2_over[TIED].low;
    v.ci_high = p->r2_over[TIED].high;
    distance_info(section, &v, "tying keeps the symmetry, not the dependence on the offset alone");
    v = distance_verdict("D8", d, "R² of the diagonals, pairs turned by 90°", p->r2[TURNED]);
    distance_closed_form(section, d, &v, 1, 1e-9, "W commutes with a shift (closed form)");
    v = distance_verdict("D8", d, "symmetry correlation, pairs turned by 90°", p->rho[TURNED]);
    distance_closed_form(section, d, &v, -1, 1e-9, "METRICS.md 1.7 [computed here]");
}

static void write_rows(pe_sheet *sheet, const projected *p)
{
    for (int w = 0; w < PROJECTIONS; w++) {
        const bool drawn = w == RANDOM || w == TIED;
        pe_sheet_text(sheet, distance_label(p->d));
        pe_sheet_text(sheet, names[w]);
        pe_sheet_number(sheet, p->r2[w]);
        if (drawn) {
            pe_sheet_number(sheet, p->r2_over[w].low);
            pe_sheet_number(sheet, p->r2_over[w].high);
        } else {
            pe_sheet_missing(sheet);
            pe_sheet_missing(sheet);
        }
        pe_sheet_number(sheet, p->rho[w]);
    }
}

static void draw_maps(pe_section *section, const projected *p, pe_error *err)
{
    char id[64];
    snprintf(id, sizeof id, "projections_%.40s", p->d->subject->file);
    const double chance = 2 / (double)p->T;
    pe_figure *figure =
        p->r2[IDENTITY] > 3 * chance
            ? pe_figure_titled(PE_HEATMAPS, id, err,
                               "%s: a random projection leaves %.0f %% of the dependence on the "
                               "offset (R² %.3f → %.3f); turning pairs keeps %.0f %%",
                               distance_label(p->d), 100 * p->r2[RANDOM] / p->r2[IDENTITY],
                               p->r2[IDENTITY], p->r2[RANDOM],
                               100 * p->r2[TURNED] / p->r2[IDENTITY])
            : pe_figure_titled(
                  PE_HEATMAPS, id, err,
                  "%s: nothing for a projection to destroy, R² is %.3f before and %.3f "
                  "after, chance is %.3f",
                  distance_label(p->d), p->r2[IDENTITY], p->r2[RANDOM], chance);
    pe_figure_x(figure, "key j (token)", PE_LINEAR);
    pe_figure_y(figure, "query i (token)", PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "P W Pᵀ", PE_LINEAR);
    pe_figure_own_ranges(figure);
    for (int w = 0; w < PROJECTIONS; w++)
        pe_figure_add_matrix(
            figure, &(pe_matrix_panel){
                        .title = names[w], .rows = p->T, .columns = p->T, .values = p->shown[w]});
    pe_figure_describe(figure,
                       "Four heat maps of P W P transposed: W the identity, random, tied, and a "
                       "turn of every pair of columns.",
                       "Random and tied W: the first draw. Each panel has its own range.");
    pe_section_figure(section, figure);
}

/* ---- the section ---- */

static void release(projected *p)
{
    pe_release(p->P);
    pe_release(p->W);
}

static pe_status prepare(const distance_run *run, projected *p, pe_error *err)
{
    const size_t T = run->T, d = p->width;
    pe_wide codes = {0};
    p->P = pe_allocate(2 * T * d, sizeof *p->P, "codes", err);
    p->W = pe_allocate(d * d + (PROJECTIONS + 1) * T * T, sizeof *p->W, "projections", err);
    if (!p->P || !p->W)
        return PE_MEMORY;
    p->PW = p->P + T * d;
    p->S = p->W + d * d;
    for (size_t w = 0; w < PROJECTIONS; w++)
        p->shown[w] = p->S + (w + 1) * T * T;
    pe_status status = distance_codes(run, p->d->subject->instance, T, &codes, err);
    for (size_t i = 0; status == PE_OK && i < T * d; i++)
        p->P[i] = codes.hi[i];
    pe_wide_release(&codes);
    return status;
}

static pe_status show_one(distance_run *run, const distance_subject *d, pe_section *section,
                          pe_sheet *sheet, bool picture, pe_error *err)
{
    const size_t draws = (size_t)run->lab->size.draws;
    projected p = {.d = d, .T = run->T, .width = (size_t)d->subject->instance->info.embed_width};
    double *values = pe_allocate(2 * draws, sizeof *values, "draws", err);
    pe_status status = values ? prepare(run, &p, err) : PE_MEMORY;
    if (status == PE_OK)
        status = plain(&p, err);
    if (status == PE_OK)
        status = over_draws(run, &p, RANDOM, values, err);
    if (status == PE_OK)
        status = over_draws(run, &p, TIED, values, err);
    if (status == PE_OK)
        status = turned(&p, err);
    if (status == PE_OK) {
        judge_all(run, section, &p);
        write_rows(sheet, &p);
        if (picture)
            draw_maps(section, &p, err);
        if (d == run->cosine) {
            run->projected_r2 = p.r2[RANDOM];
            pe_say(section,
                   "%s: R² of the diagonals is %.6f with W = I and %.3f on average over %zu "
                   "random W (95 %% interval of the mean %.3f to %.3f; chance is 2/T = "
                   "%.4f). The pairs that turn together are %s. A W that turns them commutes "
                   "with a shift of all positions, so it keeps R² = %.6f.",
                   d->title, p.r2[IDENTITY], p.r2[RANDOM], draws, p.r2_over[RANDOM].low,
                   p.r2_over[RANDOM].high, 2 / (double)run->T,
                   p.halves ? "half the width apart" : "neighbouring columns", p.r2[TURNED]);
        }
    }
    pe_release(values);
    release(&p);
    return status;
}

pe_status distance_projections(distance_run *run, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},   {"W", NULL, 1, 0},       {"R² of the diagonals", NULL, 0, 4},
        {"95 % from", NULL, 0, 4}, {"95 % to", NULL, 0, 4}, {"symmetry correlation", NULL, 0, 4}};
    pe_section *section = pe_result_section(run->result, "What projections leave of it (D8)");
    pe_section_paragraph(
        section,
        "In attention two codes never meet directly: between them stand the projections, in effect "
        "one matrix $W = W_q W_k^{\\top}$. A closed form of $P P^{\\top}$ says nothing about "
        "$P W P^{\\top}$. How much of it still depends on the offset alone is R², the share of its "
        "variation off the diagonal that the diagonal means explain.");
    pe_sheet *sheet = pe_section_table(
        section, "projections",
        "P W Pᵀ with W = I; W random, entries N(0, 1/d); W = V Vᵀ with the same random V; and W "
        "that turns each pair of columns by 90°. Random ones: mean over draws.",
        6, columns);
    const distance_subject *untrained = NULL;
    int codes = 0;
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->count; i++) {
        const distance_subject *d = &run->subject[i];
        if (!d->S)
            continue;
        if (d->probe != PE_PROBE_CODES) {
            pe_section_not_applicable(section, d->id, "it has no codes that a projection meets");
            continue;
        }
        const bool first_random = d->subject->random_table && !untrained;
        const bool picture = d == run->cosine || first_random || (!run->cosine && !codes);
        untrained = first_random ? d : untrained;
        codes++;
        status = pe_lab_step(run->lab, d->title, 0.65, err);
        if (status == PE_OK)
            status = show_one(run, d, section, sheet, picture, err);
    }
    return status;
}
