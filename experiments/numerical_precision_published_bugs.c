/* METRICS.md 3.6, and the figures of the bug gallery that are about formation paths. */
#include "numerical_precision_published.h"

#include "analysis/random.h"
#include "base/memory.h"
#include "gallery/gallery.h"

#include <math.h>
#include <stdio.h>

/* ---- METRICS.md 3.6 ---- */

enum { TOKENS = 64, WIDTH = 128, SHIFTS = 5, DRAWS = 4 };

static const struct {
    const char *path;
    pe_format rotation, vectors;
    double expected[SHIFTS];
} shifted[] = {
    {"double-then-round", PE_FP32, PE_FP32, {8e-8, 8e-8, 8e-8, 8e-8, 8e-8}},
    {"pow", PE_FP32, PE_FP32, {4.8e-7, 7.8e-6, 3.2e-5, 2.3e-4, 9.7e-4}},
    {"pow", PE_FP32, PE_BF16, {3.2e-3, 3.3e-3, 3.2e-3, 3.3e-3, 3.4e-3}},
    {"position=fp32,frequency=pow:fp32,angle=fp32,sine=fp32,store=bf16",
     PE_FP32,
     PE_BF16,
     {4.0e-3, 4.2e-3, 4.2e-3, 4.2e-3, 4.2e-3}},
    {"all-bf16", PE_FP32, PE_BF16, {2.8e-2, 0.58, 0.78, 0.85, 0.85}},
};

/* RMS over draws of the RMS logit change. */
static pe_status shift_change(const precision_run *run, const pe_formed *formed, size_t path,
                              double shift, double *content, double *rms, pe_error *err)
{
    const size_t values = (size_t)TOKENS * WIDTH;
    double squares = 0;
    pe_status status = PE_OK;
    for (uint64_t d = 0; status == PE_OK && d < DRAWS; d++) {
        pe_stream stream = pe_stream_open(run->lab->size.seed, "published shifts", d);
        pe_fill_normal(&stream, content, 2 * values, 0, 1);
        const pe_rotary rotary = {TOKENS, content, content + values, shifted[path].rotation,
                                  shifted[path].vectors};
        pe_shift_change change;
        status = pe_formation_shift(formed, &rotary, shift, &change, err);
        if (status == PE_OK)
            squares += change.logit_rms * change.logit_rms / DRAWS;
    }
    *rms = sqrt(squares);
    return status;
}

static void add_shift_row(pe_sheet *sheet, size_t path, double shift, double expected, double value,
                          agreement *a)
{
    char setting[96];
    const bool close = value <= 1.3 * expected && value >= expected / 1.3;
    snprintf(setting, sizeof setting, "shift %.0f, q and k in %s", shift,
             pe_format_name(shifted[path].vectors));
    pe_sheet_text(sheet, "3.6");
    pe_sheet_text(sheet, shifted[path].path);
    pe_sheet_text(sheet, setting);
    pe_sheet_text(sheet, "RMS logit change");
    pe_sheet_number(sheet, expected);
    pe_sheet_number(sheet, value);
    pe_sheet_number(sheet, 0.3 * expected);
    pe_sheet_text(sheet, pe_judgement_text(close ? PE_VERDICT_PASS : PE_VERDICT_FAIL));
    a->rows++;
    a->close += close;
}

pe_status published_shifts(const precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err)
{
    static const double by[SHIFTS] = {16, 1024, 4096, 32768, 131072};
    const pe_spectrum spectrum = {10000, WIDTH / 2, WIDTH};
    double *content =
        pe_allocate((size_t)2 * TOKENS * WIDTH, sizeof *content, "queries and keys", err);
    pe_status status = content ? PE_OK : PE_MEMORY;
    for (size_t p = 0; status == PE_OK && p < sizeof shifted / sizeof shifted[0]; p++) {
        pe_formation path;
        pe_formed formed;
        status = pe_formation_parse(shifted[p].path, &path, err);
        if (status == PE_OK)
            status = pe_formed_make(&path, &spectrum, &formed, err);
        if (status != PE_OK)
            break;
        for (int s = 0; status == PE_OK && s < SHIFTS; s++) {
            double value;
            status = shift_change(run, &formed, p, by[s], content, &value, err);
            if (status == PE_OK)
                add_shift_row(sheet, p, by[s], shifted[p].expected[s], value, a);
        }
        pe_formed_release(&formed);
    }
    pe_release(content);
    return status;
}

/* ---- the gallery's exhibits that are formation paths ---- */

static bool is_of_a_path(const pe_stated *figure)
{
    return figure->what <= PE_MEASURED_COSINE_OF;
}

static void add_report(pe_sheet *sheet, const pe_exhibit *e, const pe_stated *f, double value,
                       agreement *a)
{
    char setting[96];
    const bool close = pe_stated_agrees(f, value);
    const pe_judgement verdict = f->why_not ? PE_VERDICT_NOT_APPLICABLE
                                 : close    ? PE_VERDICT_PASS
                                            : PE_VERDICT_FAIL;
    snprintf(setting, sizeof setting, "d = %d, %lld position%s from %.10g", f->width,
             (long long)f->n, f->n == 1 ? "" : "s", f->from);
    pe_sheet_text(sheet, f->source ? f->source : e->reference);
    pe_sheet_text(sheet, f->of_twin ? e->twin.path : e->bug.path);
    pe_sheet_text(sheet, setting);
    pe_sheet_text(sheet, pe_measured_text(f->what));
    pe_sheet_number(sheet, f->reported);
    pe_sheet_number(sheet, value);
    pe_sheet_number(sheet, pe_stated_tolerance(f));
    pe_sheet_text(sheet, pe_judgement_text(verdict));
    a->rows += f->why_not ? 0 : 1;
    a->close += !f->why_not && close ? 1 : 0;
}

pe_status published_reports(const precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < pe_gallery_count(); i++) {
        const pe_exhibit *e = pe_gallery_at(i);
        for (int f = 0; status == PE_OK && f < e->figure_count; f++) {
            const pe_stated *figure = &e->figure[f];
            double value = (double)NAN;
            const pe_form *form = figure->of_twin ? &e->twin : &e->bug;
            if (!is_of_a_path(figure) || !form->path || form->unit > 0)
                continue;
            status = pe_gallery_figure(e, figure, run->lab->size.seed, &value, err);
            if (status == PE_OK)
                add_report(sheet, e, figure, value, a);
        }
    }
    return status;
}
