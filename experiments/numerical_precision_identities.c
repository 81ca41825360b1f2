/* P8: identities as probes of precision, and why one of them is a trap. */
#include "numerical_precision.h"

#include "base/memory.h"
#include "formation/formation.h"

#include <math.h>
#include <stdio.h>

enum { OCTAVES = 20, PER_OCTAVE = 8, MOST = 64 * PER_OCTAVE, LAG = 17 };

enum {
    PHASED = 1 << PE_AT_POSITION | 1 << PE_AT_FREQUENCY | 1 << PE_AT_PHASE | 1 << PE_AT_TABLE |
             1 << PE_AT_CODE
};

/* Largest in each octave. */
typedef struct trap {
    int octaves;
    double t[OCTAVES], entry[2][OCTAVES], norm[2][OCTAVES]; /* 0: float, 1: all bf16 */
    bool constant; /* the norm is the same everywhere, on the quad build */
} trap;

static double square_of_norm(const pe_wide *values, size_t row, size_t columns)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++)
        sum += values->hi[row * columns + c] * values->hi[row * columns + c];
    return sum;
}

static void follow(const pe_wide *got, const pe_wide *want, size_t n, size_t columns,
                   const double *position, double *entry, double *norm)
{
    for (size_t t = 0; t < n; t++) {
        const int octave = ilogb(position[t]);
        const double true_norm = square_of_norm(want, t, columns);
        const double e = fabs(square_of_norm(got, t, columns) / true_norm - 1);
        if (!(e <= norm[octave]))
            norm[octave] = e;
        for (size_t c = 0; c < columns; c++) {
            const double d = fabs(pe_wide_difference(got, want, t * columns + c));
            if (!(d <= entry[octave]))
                entry[octave] = d;
        }
    }
}

static pe_status measure(const pe_lab *lab, const pe_subject *subject, precision_kind kind, trap *x,
                         pe_error *err)
{
    double position[MOST];
    size_t columns;
    pe_wide want = {0}, got = {0};
    pe_instance *instance = NULL;
    *x = (trap){0};
    pe_status status = precision_with(subject, &subject->instance->dims, lab->size.seed, NULL, NULL,
                                      &instance, err);
    if (status != PE_OK)
        return status;
    const double limit = precision_limit(instance, kind, exp2(OCTAVES) - 1);
    const size_t n = precision_spread(lab, limit, PER_OCTAVE, position);
    x->octaves = n ? ilogb(position[n - 1]) + 1 : 0;
    for (int m = 0; m < x->octaves; m++)
        x->t[m] = exp2(m);
    status = precision_ask(lab, instance, kind, PE_QUADRUPLE, n, position, &want, &columns, err);
    x->constant = status == PE_OK && n > 8;
    for (size_t t = 1; t < n && x->constant; t++)
        x->constant =
            fabs(square_of_norm(&want, t, columns) / square_of_norm(&want, 0, columns) - 1) < 1e-12;
    for (int w = 0; status == PE_OK && x->constant && w < 2; w++) {
        if (w == 1)
            status = precision_set_formats(instance, PHASED, PE_BF16, err);
        if (status == PE_OK)
            status = precision_ask(lab, instance, kind, PE_FLOAT, n, position, &got, &columns, err);
        if (status == PE_OK)
            follow(&got, &want, n, columns, position, x->entry[w], x->norm[w]);
        pe_wide_release(&got);
    }
    pe_wide_release(&want);
    pe_instance_release(instance);
    return status;
}

static double largest(const double *x, int n)
{
    double worst = 0;
    for (int i = 0; i < n; i++)
        worst = x[i] <= worst ? worst : x[i];
    return worst;
}

/* Entries off by a relative e change a squared norm by 2 e at most, and a turned vector's norm is
 * that of its sine and cosine. e is one ulp of float (sinf), twice for the products of a map, and
 * half a step of bf16. */
static void judge_trap(pe_section *section, const pe_subject *subject, const trap *x)
{
    pe_check_at_most(section, &(pe_check){.id = "P8",
                                          .variant = subject->name,
                                          .quantity = "norm residual in float, every position",
                                          .value = largest(x->norm[0], x->octaves),
                                          .expected = 0x1p-21,
                                          .source = "twice an ulp of float, doubled for a map"});
    pe_check_at_most(section, &(pe_check){.id = "P8",
                                          .variant = subject->name,
                                          .quantity = "norm residual, all in bf16, every position",
                                          .value = largest(x->norm[1], x->octaves),
                                          .expected = 0x1p-7 + 0x1p-14,
                                          .source = "twice half a step of bf16",
                                          .because = "although the phase is lost"});
    pe_check_info(section, &(pe_check){.id = "P8",
                                       .variant = subject->name,
                                       .quantity = "largest entry error, all in bf16",
                                       .value = largest(x->entry[1], x->octaves),
                                       .because = "the same vectors whose norms are right"});
}

static void add_panel(pe_figure *figure, const pe_subject *subject, const trap *x)
{
    static const char *const entries[] = {"entry, float", "entry, bf16"};
    static const char *const norms[] = {"norm, float", "norm, bf16"};
    pe_figure_panel(figure, subject->title);
    for (int w = 0; w < 2; w++) {
        const pe_series entry = {.name = entries[w],
                                 .slot = (size_t)w,
                                 .n = (size_t)x->octaves,
                                 .x = x->t,
                                 .y = x->entry[w]};
        const pe_series norm = {.name = norms[w],
                                .slot = (size_t)w + 2,
                                .n = (size_t)x->octaves,
                                .x = x->t,
                                .y = x->norm[w]};
        pe_figure_add_series(figure, &entry);
        pe_figure_add_series(figure, &norm);
    }
}

static pe_status the_trap(precision_run *run, pe_section *section, pe_error *err)
{
    char title[300];
    pe_status status = PE_OK;
    double entry = 0, norm = 0;
    int panels = 0;
    trap *list = pe_allocate(PE_FIGURE_PANELS, sizeof *list, "residuals", err);
    const pe_subject *who[PE_FIGURE_PANELS];
    if (!list)
        return PE_MEMORY;
    for (int s = 0; status == PE_OK && s < run->lab->subject_count; s++) {
        const pe_subject *subject = &run->lab->subjects[s];
        const char *id = subject->name;
        const bool codes = subject->instance && precision_has(subject->instance, PRECISION_CODES);
        const bool maps = subject->instance && precision_has(subject->instance, PRECISION_MAPPED);
        if (!subject->instance || !(codes || maps) || !subject->instance->has_quad ||
            panels == PE_FIGURE_PANELS) {
            pe_section_not_applicable(section, id,
                                      !subject->instance ? subject->because
                                                         : "it has no vectors with a norm to keep");
            continue;
        }
        trap *x = &list[panels];
        status = measure(run->lab, subject, codes ? PRECISION_CODES : PRECISION_MAPPED, x, err);
        if (status == PE_OK && !x->constant)
            pe_section_not_applicable(section, id, "its vectors do not all have the same norm");
        else if (status == PE_OK) {
            who[panels++] = subject;
            entry = fmax(entry, largest(x->entry[1], x->octaves));
            norm = fmax(norm, largest(x->norm[1], x->octaves));
            judge_trap(section, subject, x);
        }
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "identities", 0.46, err);
    }
    if (status == PE_OK && panels) {
        snprintf(title, sizeof title,
                 "The trap: in bf16 norms stay right to %.2g while entries are wrong by up to %.2f",
                 norm, entry);
        pe_figure *figure = pe_figure_new(PE_CURVES, "trap", title, err);
        pe_figure_x(figure, "position (tokens)", PE_LOG2);
        pe_figure_y(figure, "largest in each octave", PE_LOG10);
        for (int i = 0; i < panels; i++)
            add_panel(figure, who[i], &list[i]);
        pe_figure_describe(
            figure,
            "Small multiples by variant: the norm residual is flat, the entry error "
            "rises with position, in float and in bf16.",
            "Norm: relative residual of the squared norm. Entry: largest absolute "
            "error against quad; a turned all-ones vector has entries up to 1.41, so 2.83 is "
            "the most. bf16: position, frequency, phase, sine and cosine.");
        pe_section_figure(section, figure);
        pe_say(section,
               "$\\sin^2 + \\cos^2 = 1$ holds for the angle that was really used, right or "
               "wrong. A test that looks at norms alone passes a table whose entries are "
               "wrong by %.2f. It must never be the accuracy test.",
               entry);
    }
    pe_release(list);
    return status;
}

/* ---- the group law and the even kernel, on the plain table ---- */

enum { WIDTH = 128, PAIRS = WIDTH / 2, WAYS = 4 };
static const char *const way_paths[WAYS] = {"double-then-round", "pow", "all-fp16", "all-bf16"};
static const char *const way_names[WAYS] = {"all double, stored", "float", "fp16 everywhere",
                                            "bf16 everywhere"};

typedef struct row {
    double sine[PAIRS], cosine[PAIRS];
} row;

static void form(const pe_formed *formed, double position, row *r)
{
    for (size_t i = 0; i < PAIRS; i++)
        pe_formed_column(formed, i, 1, &position, &r->sine[i], &r->cosine[i], 1);
}

static double product(const row *a, const row *b)
{
    double sum = 0;
    for (int i = 0; i < PAIRS; i++)
        sum += a->sine[i] * b->sine[i] + a->cosine[i] * b->cosine[i];
    return sum;
}

/* |PE(t+k) - R(k) PE(t)|, largest entry, with an exact R(k). */
static double group_residual(const row *here, const row *later)
{
    double worst = 0;
    for (int i = 0; i < PAIRS; i++) {
        const double turn = LAG * pow(10000, -2.0 * i / WIDTH), s = sin(turn), c = cos(turn);
        const double x = here->sine[i], y = here->cosine[i];
        worst = pe_worse(worst, fabs(later->sine[i] - (x * c + y * s)));
        worst = pe_worse(worst, fabs(later->cosine[i] - (y * c - x * s)));
    }
    return worst;
}

static pe_status group_law(pe_section *section, const pe_lab *lab, pe_error *err)
{
    double position[MOST], t[OCTAVES], group[WAYS][OCTAVES] = {{0}}, even[WAYS][OCTAVES] = {{0}};
    const pe_spectrum spectrum = {10000, PAIRS, WIDTH};
    char title[300];
    const size_t n = precision_spread(lab, exp2(OCTAVES) - 1, PER_OCTAVE, position);
    for (int way = 0; way < WAYS; way++) {
        pe_formed formed;
        const pe_status status =
            pe_formed_make(pe_formation_by_name(way_paths[way]), &spectrum, &formed, err);
        if (status != PE_OK)
            return status;
        for (size_t i = 0; i < n; i++) {
            const int octave = ilogb(position[i]);
            row before, here, later;
            if (position[i] < LAG)
                continue;
            form(&formed, position[i] - LAG, &before);
            form(&formed, position[i], &here);
            form(&formed, position[i] + LAG, &later);
            group[way][octave] = fmax(group[way][octave], group_residual(&here, &later));
            even[way][octave] = fmax(
                even[way][octave], fabs(product(&here, &later) - product(&here, &before)) / PAIRS);
        }
        pe_formed_release(&formed);
    }
    for (int m = 0; m < OCTAVES; m++)
        t[m] = exp2(m);
    snprintf(title, sizeof title,
             "The group law and G(k) = G(-k) do see the phase: in bf16 they fail by up to %.2g and "
             "%.2g; formed in double they hold to %.1g",
             largest(group[3], OCTAVES), largest(even[3], OCTAVES), largest(group[0], OCTAVES));
    pe_figure *figure = pe_figure_new(PE_CURVES, "group_law", title, err);
    pe_figure_x(figure, "position t (tokens)", PE_LOG2);
    pe_figure_y(figure, "largest residual in each octave", PE_LOG10);
    pe_figure_panel(figure, "group law: PE(t+k) against R(k) PE(t)");
    for (int way = 0; way < WAYS; way++)
        pe_figure_add_series(figure, &(pe_series){.name = way_names[way],
                                                  .slot = (size_t)way,
                                                  .n = OCTAVES,
                                                  .x = t,
                                                  .y = group[way]});
    pe_figure_panel(figure, "even kernel: G(k) against G(-k), per pair");
    for (int way = 0; way < WAYS; way++)
        pe_figure_add_series(
            figure,
            &(pe_series){
                .name = way_names[way], .slot = (size_t)way, .n = OCTAVES, .x = t, .y = even[way]});
    pe_figure_describe(
        figure,
        "Two panels: residuals of two identities against position, for four "
        "ways of forming the table.",
        "Width 128, base 10000, k = 17. R(k) is exact. Residuals below position 17 "
        "are left out. Far out, bf16 positions t-17, t and t+17 are one number: then "
        "G(k) - G(-k) is exactly 0, a second trap.");
    pe_section_figure(section, figure);
    pe_check_at_most(section, &(pe_check){.id = "P8",
                                          .quantity = "group law residual, all double, stored fp32",
                                          .value = largest(group[0], OCTAVES),
                                          .expected = 3 * 0x1p-25,
                                          .source = "three roundings of an entry, half a step each",
                                          .because = "three stored entries take part"});
    pe_check_info(section, &(pe_check){.id = "P8",
                                       .quantity = "group law residual below 2^20, float",
                                       .value = largest(group[1], OCTAVES),
                                       .because = "it grows like the phase error"});
    pe_check_info(section,
                  &(pe_check){.id = "P8",
                              .quantity = "group law residual below 2^20, bf16",
                              .value = largest(group[3], OCTAVES),
                              .because = "two entries of unit vectors are about 2 apart at most"});
    return PE_OK;
}

pe_status precision_identities(precision_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "Identities as probes, and a trap (P8)");
    pe_say(section,
           "Exact tables obey $\\lVert PE(t) \\rVert^2 = d/2$, $PE(t+k) = R(k)\\,PE(t)$ and "
           "$G(k) = G(-k)$; a rotation keeps norms. It is tempting to use them as tests that "
           "need no reference.");
    pe_status status = the_trap(run, section, err);
    if (status == PE_OK)
        status = group_law(section, run->lab, err);
    if (status == PE_OK)
        status = pe_lab_step(run->lab, "identities", 0.48, err);
    return status;
}
