/* What each subject does to a distance: its share S, the curve b(r), and whether that is the closed
 * form of the frequencies that it declares. */
#include "distance_sensitivity.h"

#include "analysis/decompose.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

bool distance_tolerable(pe_status status)
{
    return status == PE_USAGE || status == PE_FORMAT || status == PE_PLUGIN || status == PE_DIFFERS;
}

void distance_round(double *x, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            largest = fmax(largest, fabs(x[i]));
    if (!(largest > 0))
        return;
    const double grid = ldexp(1, ilogb(largest) - 40);
    for (size_t i = 0; i < n; i++)
        x[i] = isfinite(x[i]) ? nearbyint(x[i] / grid) * grid : x[i];
}

/* ---- codes at any width ---- */

pe_status distance_codes(const distance_run *run, pe_instance *instance, size_t n, pe_wide *codes,
                         pe_error *err)
{
    double *coord = pe_allocate(n * (size_t)instance->dims.axes, sizeof *coord, "coordinates", err);
    if (!coord)
        return PE_MEMORY;
    const pe_places_request request = {.n = (int64_t)n, .seed = run->lab->size.seed};
    pe_status status = pe_instance_coordinates(instance, NULL, &request, coord, err);
    if (status == PE_OK)
        status = pe_instance_codes(instance, PE_DOUBLE, (int64_t)n, coord, codes, err);
    pe_release(coord);
    return status;
}

static void dot_with_first(const double *first, const double *rows, size_t n, size_t width,
                           double *G)
{
    for (size_t k = 0; k < n; k++) {
        G[k] = 0;
        for (size_t c = 0; c < width; c++)
            G[k] += first[c] * rows[k * width + c];
    }
}

enum { BLOCK = 512 };

/* In blocks, so that no table of all positions is held; coordinates in one go, because a map of
 * positions may look at the whole sequence. */
static pe_status curve_of_codes(pe_instance *instance, uint64_t seed, size_t n, double *G,
                                pe_error *err)
{
    const size_t width = (size_t)instance->info.embed_width, axes = (size_t)instance->dims.axes;
    double *coord = pe_allocate(n * axes, sizeof *coord, "coordinates", err);
    if (!coord)
        return PE_MEMORY;
    const pe_places_request request = {.n = (int64_t)n, .seed = seed};
    pe_wide first = {0}, rows = {0};
    pe_status status = pe_instance_coordinates(instance, NULL, &request, coord, err);
    for (size_t from = 0; status == PE_OK && from < n; from += BLOCK) {
        const size_t count = n - from < BLOCK ? n - from : BLOCK;
        status = pe_instance_codes(instance, PE_DOUBLE, (int64_t)count, coord + from * axes,
                                   from ? &rows : &first, err);
        if (status == PE_OK)
            dot_with_first(first.hi, from ? rows.hi : first.hi, count, width, G + from);
        pe_wide_release(&rows);
    }
    pe_wide_release(&first);
    pe_release(coord);
    return status;
}

pe_status distance_code_curve(const distance_run *run, const distance_subject *d, size_t width,
                              double base, size_t n, double *G, pe_error *err)
{
    const pe_dims dims = {.heads = 1,
                          .head_dim = (int)width,
                          .model_dim = (int)width,
                          .axes = d->subject->instance->dims.axes,
                          .max_len = (int64_t)n};
    const uint64_t seed = run->lab->size.seed;
    pe_instance *instance = NULL;
    char text[32];
    const pe_setting setting = {"base", text};
    pe_status status;
    snprintf(text, sizeof text, "%.17g", base);
    if (isnan(base))
        status = pe_lab_instance(run->lab, d->subject, &dims, seed, &instance, err);
    else
        status = pe_instance_create(d->subject->variant, &dims, &setting, 1, seed, &instance, err);
    if (status == PE_OK)
        status = curve_of_codes(instance, seed, n, G, err);
    pe_instance_release(instance);
    return status;
}

/* ---- the share of a subject ---- */

/* What q . k of the probe adds to every logit where nothing is done to q and k. */
static double own_product(const pe_instance *instance, pe_probe probe)
{
    const double D = instance->dims.head_dim;
    const double scale = instance->info.scale > 0 ? instance->info.scale : 1 / sqrt(D);
    return probe == PE_PROBE_ONES ? D * scale : 0;
}

pe_status distance_share(const distance_run *run, const distance_subject *d, pe_instance *instance,
                         pe_probe probe, uint64_t draw, double *S, pe_error *err)
{
    pe_status status = pe_lab_share(run->lab, instance, probe, 0, draw,
                                    d->region == PE_REGION_CAUSAL, PE_DOUBLE, S, err);
    const double own = d->can & PE_CAN_MAP ? 0 : own_product(instance, probe);
    for (size_t at = 0; status == PE_OK && at < run->T * run->T; at++)
        S[at] -= own;
    return status;
}

/* Everything at once, or only the past for a variant whose future has no value. */
static pe_status share_in_some_region(const distance_run *run, distance_subject *d, pe_error *err)
{
    static const pe_region regions[] = {PE_REGION_ALL, PE_REGION_CAUSAL};
    pe_status status = PE_OK;
    for (int r = 0; r < 2; r++) {
        d->region = regions[r];
        status = distance_share(run, d, d->subject->instance, d->probe, 0, d->S, err);
        if (status == PE_OK)
            status = pe_require_finite_region(d->S, run->T, d->region, err);
        if (status == PE_OK || !distance_tolerable(status))
            return status;
    }
    return status;
}

static void show_curve(const distance_run *run, distance_subject *d)
{
    d->ratio = d->past[0] > 0 && (d->probe == PE_PROBE_CODES || (d->can & PE_CAN_MAP) != 0);
    d->flat = true;
    for (size_t r = 0; r < run->T; r++) {
        d->shown[r] = d->ratio ? d->past[r] / d->past[0] : exp(d->past[r] - d->past[0]);
        d->flat = d->flat && d->past[r] == d->past[0];
    }
}

static pe_status take_curves(const distance_run *run, distance_subject *d, pe_error *err)
{
    pe_profile profile;
    pe_toeplitz_fit fit;
    pe_status status = pe_profile_of(d->S, run->T, d->region, &profile, err);
    if (status != PE_OK)
        return status;
    status = pe_profile_one_sided(&profile, -1, d->past, err);
    if (status == PE_OK && d->region == PE_REGION_ALL)
        status = pe_profile_one_sided(&profile, 1, d->ahead, err);
    pe_profile_free(&profile);
    d->toeplitz = (double)NAN;
    if (status == PE_OK && d->region == PE_REGION_ALL) {
        status = pe_toeplitz_fit_of(d->S, run->T, &fit, err);
        d->toeplitz = status == PE_OK ? fit.r2 : (double)NAN;
    }
    distance_round(d->past, run->T);
    distance_round(d->ahead, run->T);
    if (d->region != PE_REGION_ALL) {
        pe_release(d->ahead);
        d->ahead = NULL;
    }
    show_curve(run, d);
    return status;
}

/* ---- the closed form ---- */

static double option_base(const pe_instance *instance)
{
    const pe_variant *variant = instance->variant;
    for (int i = 0; i < variant->option_count; i++)
        if (strcmp(variant->options[i].name, "base") == 0 && instance->opt[i].n == 1)
            return instance->opt[i].x[0];
    return (double)NAN;
}

static pe_status compare_with_rule(const distance_run *run, distance_subject *d,
                                   pe_frequency_rule rule, double *G, pe_error *err)
{
    double gap = 0;
    pe_status status = pe_cosine_kernel(d->width, d->base, rule, G, run->T, err);
    for (size_t r = 0; status == PE_OK && r < run->T; r++)
        gap = fmax(gap, fabs(d->shown[r] - G[r] / G[0]));
    if (status == PE_OK && !(gap >= d->kernel_gap)) {
        d->kernel_gap = gap;
        d->rule = rule;
    }
    return status;
}

static pe_status compare_with_closed_form(const distance_run *run, distance_subject *d,
                                          pe_error *err)
{
    const pe_instance *instance = d->subject->instance;
    d->width = d->probe == PE_PROBE_CODES ? (size_t)instance->info.embed_width
               : d->can & PE_CAN_MAP      ? (size_t)instance->dims.head_dim
                                          : 0;
    d->base = option_base(instance);
    d->kernel = DISTANCE_KERNEL_NONE;
    d->kernel_gap = HUGE_VAL;
    if (!d->ratio || isnan(d->base) || d->base <= 1 || d->width < 4 || d->width % 2)
        return PE_OK;
    double *G = pe_allocate(run->T, sizeof *G, "closed form", err);
    pe_status status = G ? PE_OK : PE_MEMORY;
    if (status == PE_OK)
        status = compare_with_rule(run, d, PE_FREQUENCIES_PAPER, G, err);
    if (status == PE_OK)
        status = compare_with_rule(run, d, PE_FREQUENCIES_HALF_MINUS_ONE, G, err);
    pe_release(G);
    d->kernel = d->kernel_gap <= 1e-6   ? DISTANCE_KERNEL
                : d->kernel_gap <= 1e-2 ? DISTANCE_KERNEL_NEAR
                                        : DISTANCE_KERNEL_OTHER;
    return status;
}

/* ---- all of them ---- */

static void drop_share(distance_subject *d)
{
    pe_release(d->S);
    pe_release(d->past);
    pe_release(d->ahead);
    pe_release(d->shown);
    d->S = d->past = d->ahead = d->shown = NULL;
}

static pe_status measure_share(distance_run *run, distance_subject *d, pe_error *err)
{
    const pe_instance *instance = d->subject->instance;
    pe_error own = {0};
    d->can = pe_lab_capabilities(instance);
    d->probe = pe_lab_natural_probe(d->can);
    d->content = (d->can & (PE_CAN_MAP | PE_CAN_ROWS | PE_CAN_STATE | PE_CAN_LOGITS)) != 0;
    d->S = pe_allocate(run->T * run->T, sizeof *d->S, "share", err);
    d->past = pe_allocate(run->T, sizeof *d->past, "curve", err);
    d->ahead = pe_allocate(run->T, sizeof *d->ahead, "curve", err);
    d->shown = pe_allocate(run->T, sizeof *d->shown, "curve", err);
    if (!d->S || !d->past || !d->ahead || !d->shown)
        return PE_MEMORY;
    pe_status status = share_in_some_region(run, d, &own);
    if (status == PE_OK)
        status = take_curves(run, d, &own);
    if (status == PE_OK)
        status = compare_with_closed_form(run, d, &own);
    if (status == PE_OK)
        return PE_OK;
    memcpy(d->because, own.text, sizeof d->because);
    drop_share(d);
    if (distance_tolerable(status))
        return PE_OK;
    return pe_fail(err, status, "%s", own.text);
}

pe_status distance_measure_shares(distance_run *run, pe_error *err)
{
    pe_lab *lab = run->lab;
    run->subject = pe_allocate((size_t)lab->subject_count, sizeof *run->subject, "subjects", err);
    if (!run->subject)
        return PE_MEMORY;
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < lab->subject_count; i++) {
        distance_subject *d = &run->subject[run->count++];
        const pe_subject *subject = &lab->subjects[i];
        *d = (distance_subject){.subject = subject,
                                .id = subject->name,
                                .title = subject->title,
                                .slot = subject->slot,
                                .kernel = DISTANCE_KERNEL_NONE,
                                .base = (double)NAN};
        status = pe_lab_step(lab, d->title, 0.1 * i / lab->subject_count, err);
        if (status == PE_OK && subject->instance)
            status = measure_share(run, d, err);
        else
            memcpy(d->because, subject->because, sizeof d->because);
        if (!run->cosine && d->S && d->probe == PE_PROBE_CODES && d->kernel == DISTANCE_KERNEL)
            run->cosine = d;
    }
    return status;
}

void distance_release_shares(distance_run *run)
{
    for (int i = 0; i < run->count; i++)
        drop_share(&run->subject[i]);
    pe_release(run->subject);
    run->subject = NULL;
    run->count = 0;
}
