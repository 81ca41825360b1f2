/* The page of a family: every exhibit with its figures, its damage, and the claims that it breaks.
 */
#include "show.h"

#include "base/memory.h"
#include "lab/words.h"

#include <stdio.h>
#include <string.h>

void gallery_broken(const pe_damage *d, char *text, size_t room)
{
    size_t used = 0;
    snprintf(text, room, "none");
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        if ((d->broken & (1u << c)) && used < room)
            used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "",
                                     pe_claim_name(1u << c));
}

void gallery_damage_table(pe_section *section, size_t n, const gallery_seen *seen)
{
    pe_sheet_column columns[PE_DAMAGE_COUNT + 2] = {{"exhibit", NULL, 1, 0}};
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++)
        columns[kind + 1] = (pe_sheet_column){pe_damage_text((pe_damage_kind)kind), NULL, 0, 3};
    columns[PE_DAMAGE_COUNT + 1] = (pe_sheet_column){"claims broken", NULL, 1, 0};
    pe_sheet *sheet = pe_section_table(section, "damage", "Damage against the right twin",
                                       PE_DAMAGE_COUNT + 2, columns);
    for (size_t i = 0; i < n; i++) {
        char broken[256];
        gallery_broken(seen[i].damage, broken, sizeof broken);
        pe_sheet_text(sheet, seen[i].exhibit->id);
        for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++) {
            if (isnan(seen[i].damage->value[kind]))
                pe_sheet_missing(sheet);
            else
                pe_sheet_number(sheet, seen[i].damage->value[kind]);
        }
        pe_sheet_text(sheet, broken);
    }
}

/* ---- one exhibit ---- */

static const char *form_words(const pe_form *form)
{
    return form->variant ? form->variant : form->path;
}

static void judge_figure(pe_section *section, const pe_exhibit *e, const pe_stated *f, double value)
{
    char quantity[160];
    pe_verdict v = pe_verdict_blank();
    int used = snprintf(quantity, sizeof quantity, "%s%s", f->of_twin ? "right twin: " : "",
                        pe_measured_text(f->what));
    if (f->n > 1)
        used += snprintf(quantity + used, sizeof quantity - (size_t)used, ", n = %lld",
                         (long long)f->n);
    if (f->from > 0)
        used += snprintf(quantity + used, sizeof quantity - (size_t)used, ", at %.10g", f->from);
    snprintf(quantity + used, sizeof quantity - (size_t)used, ", width %d", f->width);
    v.id = e->id;
    v.quantity = quantity;
    v.value = value;
    v.expected = f->reported;
    v.tolerance = pe_stated_tolerance(f);
    v.source = f->source ? f->source : e->reference;
    v.judgement = pe_judge(value, v.expected, v.tolerance);
    v.because = v.judgement == PE_VERDICT_PASS ? NULL : "the figure is not what it should be";
    if (f->why_not) { /* reported, but not ours; that it agrees after all would be a failure */
        v.judgement = v.judgement == PE_VERDICT_PASS ? PE_VERDICT_FAIL : PE_VERDICT_NOT_APPLICABLE;
        v.because = f->why_not;
    }
    pe_section_verdict(section, &v);
}

static void say_claims(pe_section *section, const pe_damage *d)
{
    char names[256];
    gallery_broken(d, names, sizeof names);
    if (!d->broken) {
        pe_say(section, "It breaks none of the claims of its twin, so no test of properties would "
                        "find it: only values do.");
        return;
    }
    pe_say(section, "Claims of the twin that break: %s.", names);
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        if (d->broken & (1u << c))
            pe_say(section, "Counter-example to “%s”: %s.", pe_claim_name(1u << c), d->counter[c]);
}

static void say_split(pe_section *section, const pe_damage *d)
{
    pe_say(section,
           "Three-part split of the positional share, twin → bug: even Toeplitz %.3f → %.3f, odd "
           "Toeplitz %.3f → %.3f, not Toeplitz %.3f → %.3f%s.",
           d->twin_share[0], d->bug_share[0], d->twin_share[1], d->bug_share[1],
           d->twin_share[2] + d->twin_share[3], d->bug_share[2] + d->bug_share[3],
           d->bug_share[4] > 0 ? "; with the bug nothing varies at all" : "");
}

static void say_not_applicable(pe_section *section, const pe_damage *d)
{
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++)
        if (d->because[kind][0] &&
            (kind == 0 || strcmp(d->because[kind], d->because[kind - 1]) != 0))
            pe_say(section, "Not applicable: %s, because %s.", pe_damage_text((pe_damage_kind)kind),
                   d->because[kind]);
}

static void show_exhibit(pe_result *result, const gallery_seen *seen)
{
    const pe_exhibit *e = seen->exhibit;
    const pe_damage *d = seen->damage;
    char title[200];
    snprintf(title, sizeof title, "%s: %s", e->id, e->title);
    pe_section *section = pe_result_section(result, title);
    pe_say(section, "Reported in %s: %s. Wrong: %s. Right: %s.", e->reference, e->reported,
           form_words(&e->bug), form_words(&e->twin));
    for (int f = 0; f < e->figure_count; f++)
        judge_figure(section, e, &e->figure[f], seen->value[f]);
    pe_say(section,
           "Damage, positions from %lld%s: logits on text move by %.3g of their spread, %.3g of a "
           "query's attention moves on average, %.3g at most.",
           (long long)e->first, e->causal ? ", causal mask" : "", d->value[PE_DAMAGE_TEXT],
           d->value[PE_DAMAGE_ATTENTION], d->value[PE_DAMAGE_ATTENTION_MOST]);
    say_split(section, d);
    say_claims(section, d);
    say_not_applicable(section, d);
    pe_say(section, "%s", e->lesson);
    pe_section_try(section, "Measure it again", 3, (const char *const[]){"gallery", "run", e->id});
}

/* ---- the family ---- */

static double largest_of(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

static void add_curve(pe_figure *figure, const pe_damage *d, const double *curve, double size,
                      const char *name, size_t slot, double *room)
{
    for (size_t k = 0; k < d->length; k++)
        room[k] = curve[k] / size;
    pe_figure_add_series(figure,
                         &(pe_series){.name = name, .slot = slot, .n = d->length, .y = room});
}

/* Kernels of bug and twin, small multiples, each over the twin's largest. */
static pe_status draw_kernels(pe_section *section, size_t n, const gallery_seen *seen,
                              pe_error *err)
{
    size_t worst = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        length = seen[i].damage->length > length ? seen[i].damage->length : length;
        if (seen[i].damage->value[PE_DAMAGE_KERNEL] > seen[worst].damage->value[PE_DAMAGE_KERNEL])
            worst = i;
    }
    double *room = pe_allocate(length, sizeof *room, "curves", err);
    if (!room)
        return PE_MEMORY;
    pe_figure *figure = pe_figure_titled(
        PE_CURVES, "kernels", err,
        "What distance means, with the bug and without: %s changes the kernel most, by %.2g of it",
        seen[worst].exhibit->id, seen[worst].damage->value[PE_DAMAGE_KERNEL]);
    pe_figure_x(figure, "distance i - j (tokens)", PE_LINEAR);
    pe_figure_y(figure, "D(k) / largest of the twin", PE_LINEAR);
    for (size_t i = 0; i < n; i++) {
        const pe_damage *d = seen[i].damage;
        const double size = largest_of(d->twin_curve, d->length);
        pe_figure_panel(figure, seen[i].exhibit->id);
        add_curve(figure, d, d->twin_curve, size > 0 ? size : 1, "right", 0, room);
        add_curve(figure, d, d->bug_curve, size > 0 ? size : 1, "bug", 1, room);
    }
    pe_figure_describe(figure,
                       "Small multiples, one for each exhibit: the distance kernel of the right "
                       "way and of the bug over the distance.",
                       "The mean of each diagonal of the positional share, head 0. Where the two "
                       "curves lie on each other, distance means the same.");
    pe_section_figure(section, figure);
    pe_release(room);
    return PE_OK;
}

static pe_status draw_attention(pe_section *section, size_t n, const gallery_seen *seen,
                                pe_error *err)
{
    const char *name[GALLERY_MOST];
    double mean[GALLERY_MOST], most[GALLERY_MOST];
    size_t unseen = 0;
    for (size_t i = 0; i < n; i++) {
        name[i] = seen[i].exhibit->id;
        mean[i] = seen[i].damage->value[PE_DAMAGE_ATTENTION];
        most[i] = seen[i].damage->value[PE_DAMAGE_ATTENTION_MOST];
        unseen += most[i] < 1e-9;
    }
    char ending[64] = "";
    if (unseen)
        snprintf(ending, sizeof ending, ", and %zu %s not seen at all", unseen,
                 unseen == 1 ? "is" : "are");
    pe_figure *figure =
        pe_figure_titled(PE_DOTS, "attention", err,
                         "How much of a query's attention on text goes elsewhere: up to %.0f %%%s",
                         100 * largest_of(most, n), ending);
    pe_figure_x(figure, "total variation of a query's weights", PE_LINEAR);
    pe_figure_x_range(figure, 0, 1);
    pe_figure_categories(figure, n, name, NULL);
    pe_figure_add_series(figure, &(pe_series){.name = "mean", .slot = 0, .n = n, .y = mean});
    pe_figure_add_series(figure, &(pe_series){.name = "largest", .slot = 1, .n = n, .y = most});
    pe_figure_describe(figure, "Dots for each exhibit: mean and largest total variation.",
                       "0: the same attention. 1: all of it is elsewhere.");
    pe_section_figure(section, figure);
    return PE_OK;
}

static void say_finding(pe_result *result, size_t n, const gallery_seen *seen)
{
    size_t figures = 0, agree = 0, silent = 0, worst = 0;
    char text[400];
    for (size_t i = 0; i < n; i++) {
        for (int f = 0; f < seen[i].exhibit->figure_count; f++) {
            figures++;
            agree += pe_stated_agrees(&seen[i].exhibit->figure[f], seen[i].value[f]);
        }
        silent += !seen[i].damage->broken;
        if (seen[i].damage->value[PE_DAMAGE_ATTENTION] >
            seen[worst].damage->value[PE_DAMAGE_ATTENTION])
            worst = i;
    }
    snprintf(text, sizeof text,
             "%zu exhibits: %zu of %zu stated figures reproduced; %s moves most attention (%.0f %% "
             "on average). Only values find those that break no claim: %zu.",
             n, agree, figures, seen[worst].exhibit->id,
             100 * seen[worst].damage->value[PE_DAMAGE_ATTENTION], silent);
    pe_result_finding(result, text);
}

static pe_status collect(pe_lab *lab, pe_exhibit_family family, size_t *n, gallery_seen *seen,
                         pe_error *err)
{
    const size_t all = pe_gallery_count();
    *n = 0;
    for (size_t at = 0; at < all; at++) {
        if (pe_gallery_at(at)->family != family)
            continue;
        pe_status status = gallery_measured(lab, at, &seen[(*n)++], err);
        if (status == PE_OK)
            status = pe_lab_step(lab, pe_gallery_at(at)->id, (double)at / (double)all, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

pe_status pe_gallery_family_page(pe_lab *lab, pe_exhibit_family family, pe_result *result,
                                 pe_error *err)
{
    gallery_seen seen[GALLERY_MOST];
    size_t n;
    pe_status status = collect(lab, family, &n, seen, err);
    if (status != PE_OK)
        return status;
    say_finding(result, n, seen);
    pe_section *section = pe_result_section(result, "All of them, side by side");
    pe_say(
        section,
        "Each exhibit is a defect of a public project, as a small program beside its right "
        "twin, with the same parameters and the same content. Damage is measured on %lld tokens, "
        "from the position at which the bug shows.",
        (long long)lab->size.length);
    status = draw_attention(section, n, seen, err);
    if (status == PE_OK)
        status = draw_kernels(section, n, seen, err);
    gallery_damage_table(section, n, seen);
    for (size_t i = 0; i < n && status == PE_OK; i++)
        show_exhibit(result, &seen[i]);
    return status;
}
