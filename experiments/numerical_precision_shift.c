/* P7: what a shift of all positions does to logits that should not change. */
#include "numerical_precision.h"

#include "analysis/fit.h"
#include "analysis/summary.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

enum { TOKENS = 64, WIDTH = 128, SHIFTS = 5, PATHS = 5 };

static const double shifts[SHIFTS] = {16, 1024, 4096, 32768, 131072};

enum { STORED_VECTORS = 1 << PE_AT_QUERY | 1 << PE_AT_KEY, STORED_TABLE = 1 << PE_AT_TABLE };
static const struct {
    const char *name;
    pe_precision precision;
    pe_format format;
    unsigned places;
    double expected[SHIFTS]; /* METRICS.md 3.6 */
} paths[PATHS] = {
    {"double angle, fp32 stored",
     PE_DOUBLE,
     PE_FP32,
     STORED_TABLE | STORED_VECTORS,
     {8e-8, 8e-8, 8e-8, 8e-8, 8e-8}},
    {"float throughout", PE_FLOAT, PE_UNROUNDED, 0, {4.8e-7, 7.8e-6, 3.2e-5, 2.3e-4, 9.7e-4}},
    {"q, k in bf16", PE_FLOAT, PE_BF16, STORED_VECTORS, {3.2e-3, 3.3e-3, 3.2e-3, 3.3e-3, 3.4e-3}},
    {"cos, sin, q, k in bf16",
     PE_FLOAT,
     PE_BF16,
     STORED_TABLE | STORED_VECTORS,
     {4.0e-3, 4.2e-3, 4.2e-3, 4.2e-3, 4.2e-3}},
    {"all bf16, positions too",
     PE_FLOAT,
     PE_BF16,
     STORED_TABLE | STORED_VECTORS | 1 << PE_AT_POSITION | 1 << PE_AT_FREQUENCY | 1 << PE_AT_PHASE,
     {2.8e-2, 0.58, 0.78, 0.85, 0.85}},
};

typedef struct shift_found {
    double mean[PATHS][SHIFTS], low[PATHS][SHIFTS], high[PATHS][SHIFTS];
} shift_found;

/* Logits of TOKENS tokens from position `start` on: indices and coordinates both. */
static pe_status logits_at(pe_instance *instance, pe_precision precision, const pe_content *content,
                           double start, pe_attended *attended, pe_error *err)
{
    int64_t index[TOKENS];
    double natural[TOKENS], coord[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
        natural[t] = start + t;
        index[t] = (int64_t)natural[t];
    }
    const pe_places_request request = {.n = TOKENS, .in = natural, .seed = instance->seed};
    pe_status status = pe_instance_coordinates(instance, NULL, &request, coord, err);
    if (status != PE_OK)
        return status;
    const pe_job job = {.instance = instance,
                        .precision = precision,
                        .batch = 1,
                        .nq = TOKENS,
                        .nk = TOKENS,
                        .q_index = index,
                        .k_index = index,
                        .q_coord = coord,
                        .k_coord = coord,
                        .causal = true,
                        .q = content->q,
                        .k = content->k,
                        .v = content->v,
                        .x = content->x,
                        .want_logits = true};
    return pe_run_attention(&job, attended, err);
}

/* RMS and largest change of the allowed logits. */
static void compare(const pe_attended *a, const pe_attended *b, double *rms, double *largest)
{
    double squares = 0, n = 0;
    *largest = 0;
    for (size_t at = 0; at < a->logits.count; at++) {
        if (!a->allowed[at % (TOKENS * TOKENS)])
            continue;
        const double d = pe_wide_difference(&b->logits, &a->logits, at);
        squares += d * d;
        n++;
        if (!(fabs(d) <= *largest))
            *largest = fabs(d);
    }
    *rms = sqrt(squares / n);
}

/* One draw: change[SHIFTS] against shift 0. */
static pe_status one_draw(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                          uint64_t draw, double *rms, double *largest, pe_error *err)
{
    pe_content content = {0};
    pe_attended still = {0}, moved = {0};
    pe_status status = pe_lab_random_content(lab, &instance->dims, TOKENS, draw, &content, err);
    if (status == PE_OK)
        status = logits_at(instance, precision, &content, 0, &still, err);
    for (int s = 0; status == PE_OK && s < SHIFTS; s++) {
        status = logits_at(instance, precision, &content, shifts[s], &moved, err);
        if (status == PE_OK)
            compare(&still, &moved, &rms[s], &largest[s]);
        pe_attended_release(&moved);
    }
    pe_attended_release(&still);
    pe_content_release(&content);
    return status;
}

/* ---- variants that turn q and k ---- */

static pe_status one_path(const pe_lab *lab, pe_instance *instance, int path, shift_found *found,
                          pe_error *err)
{
    const int draws = lab->size.draws;
    double *rms = pe_allocate((size_t)draws * SHIFTS, sizeof *rms, "changes", err);
    double *column = pe_allocate((size_t)draws, sizeof *column, "changes", err), largest[SHIFTS];
    pe_status status = rms && column ? PE_OK : PE_MEMORY;
    if (status == PE_OK)
        status = precision_set_formats(instance, paths[path].places, paths[path].format, err);
    for (int d = 0; status == PE_OK && d < draws; d++)
        status = one_draw(lab, instance, paths[path].precision, (uint64_t)d,
                          rms + (size_t)d * SHIFTS, largest, err);
    for (int s = 0; status == PE_OK && s < SHIFTS; s++) {
        pe_interval interval = {0};
        for (int d = 0; d < draws; d++)
            column[d] = rms[d * SHIFTS + s];
        status = pe_mean_interval(column, (size_t)draws, 0.95, &interval, err);
        found->mean[path][s] = interval.centre;
        found->low[path][s] = interval.low;
        found->high[path][s] = interval.high;
    }
    pe_release(rms);
    pe_release(column);
    return status;
}

/* At shift 16 the sequence's own 64 positions count as much as the shift: the fit leaves it out. */
static pe_line float_growth(const shift_found *found)
{
    pe_line line = {.slope = (double)NAN};
    pe_fit_power(shifts + 1, found->mean[1] + 1, SHIFTS - 1, &line, NULL);
    return line;
}

/* The published table is for base 10000 and a width of 128, all columns turned. */
static bool like_published(const pe_instance *instance)
{
    double base, turned = 0;
    return precision_option(instance, "base", &base) && base == 10000 &&
           (!precision_option(instance, "rotary_dim", &turned) || turned == 0) &&
           (instance->info.claims & PE_CLAIM_TRANSLATION_INVARIANT);
}

static void judge_shift(pe_section *section, const pe_subject *subject, const shift_found *found)
{
    if (like_published(subject->instance))
        pe_check_within(section,
                        &(pe_check){.id = "P7",
                                    .variant = subject->name,
                                    .quantity = "exponent of the float change in the shift",
                                    .value = float_growth(found).slope,
                                    .expected = 1,
                                    .source = "METRICS.md 3.6: slope 1",
                                    .because = "fitted from shift 1024 on"},
                        0.1);
    for (int p = 0; p < PATHS; p++)
        for (int s = 0; s < SHIFTS; s++) {
            char quantity[128], because[160];
            pe_verdict v = pe_verdict_blank();
            const double ratio = found->mean[p][s] / paths[p].expected[s];
            snprintf(quantity, sizeof quantity, "RMS logit change at shift %.0f: %s", shifts[s],
                     paths[p].name);
            v.id = "P7";
            v.variant = subject->name;
            v.quantity = quantity;
            v.value = found->mean[p][s];
            v.ci_low = found->low[p][s];
            v.ci_high = found->high[p][s];
            if (like_published(subject->instance)) {
                v.expected = paths[p].expected[s];
                v.tolerance = 0.3 * v.expected;
                v.source = "METRICS.md 3.6 [computed here]";
                v.judgement = ratio <= 1.3 && ratio >= 1 / 1.3 ? PE_VERDICT_PASS : PE_VERDICT_FAIL;
                snprintf(because, sizeof because,
                         "%.2f times the expected value; accepted within a factor of 1.3", ratio);
            } else
                snprintf(because, sizeof because,
                         "its frequencies are not those of the expected table");
            v.because = because;
            pe_section_verdict(section, &v);
        }
}

/* Different values of TOKENS positions from `start` on, in bf16. */
static double stored_positions(double start)
{
    double last = (double)NAN, n = 0;
    for (int t = 0; t < TOKENS; t++) {
        const double x = pe_round_to_format(PE_BF16, start + t);
        n += x != last;
        last = x;
    }
    return n;
}

static void show_shift(pe_section *section, const pe_subject *subject, int number,
                       const shift_found *found, pe_error *err)
{
    char title[300], id[64];
    const pe_line line = float_growth(found);
    snprintf(id, sizeof id, "shift_%d", number);
    snprintf(title, sizeof title,
             "%s: storing q and k in bf16 costs %.1g per logit at every shift; only float angles "
             "(exponent %.2f) and bf16 positions grow",
             subject->title, found->mean[2][0], line.slope);
    pe_figure *figure = pe_figure_new(PE_CURVES, id, title, err);
    pe_figure_x(figure, "shift of all positions (tokens)", PE_LOG2);
    pe_figure_y(figure, "RMS logit change", PE_LOG10);
    for (int p = 0; p < PATHS; p++)
        pe_figure_add_series(figure, &(pe_series){.name = paths[p].name,
                                                  .slot = (size_t)p,
                                                  .n = SHIFTS,
                                                  .x = shifts,
                                                  .y = found->mean[p],
                                                  .low = found->low[p],
                                                  .high = found->high[p]});
    pe_figure_describe(figure,
                       "RMS logit change against shift on logarithmic axes, one line per path: "
                       "three are flat, float rises with slope 1, all-bf16 rises and saturates.",
                       "64 tokens, one head of width 128, q and k standard normal, causal. Logits "
                       "have RMS 1. The band is a 95 % interval over draws.");
    pe_section_figure(section, figure);
    pe_say(
        section,
        "%s: q and k in bf16 change a logit by %.2g at shift 16 and %.2g at 131072. This part is "
        "constant: with random content it does not grow with position. What grows is the float "
        "angle (%.2g to %.2g; exponent %.3f from shift 1024 on) and, much more, all in bf16 with "
        "positions (%.2g to %.2g; unrelated logits of RMS 1 would differ by 1.41). There the 64 "
        "tokens have %.0f different stored positions at shift 1024, and %.0f at 32768: order is "
        "gone.",
        subject->title, found->mean[2][0], found->mean[2][SHIFTS - 1], found->mean[1][0],
        found->mean[1][SHIFTS - 1], line.slope, found->mean[4][0], found->mean[4][SHIFTS - 1],
        stored_positions(1024), stored_positions(32768));
}

static pe_status turning(precision_run *run, pe_section *section, const pe_subject *subject,
                         pe_error *err)
{
    const pe_dims dims = {
        .heads = 1, .head_dim = WIDTH, .model_dim = WIDTH, .max_len = run->lab->size.length};
    pe_instance *instance = NULL;
    shift_found found = {0};
    pe_error own = {0};
    if (precision_with(subject, &dims, run->lab->size.seed, NULL, NULL, &instance, &own) != PE_OK) {
        pe_section_not_applicable(section, subject->name, own.text);
        return PE_OK;
    }
    pe_status status = PE_OK;
    if (precision_limit(instance, PRECISION_MAPPED, shifts[SHIFTS - 1] + TOKENS) <
        shifts[SHIFTS - 1] + TOKENS)
        pe_section_not_applicable(section, subject->name,
                                  "its positions end before the largest shift");
    else {
        for (int p = 0; status == PE_OK && p < PATHS; p++) {
            status = one_path(run->lab, instance, p, &found, err);
            if (status == PE_OK)
                status = pe_lab_step(run->lab, "shifted rotations", 0.3 + 0.02 * p, err);
        }
        if (status == PE_OK) {
            show_shift(section, subject, (int)(subject - run->lab->subjects), &found, err);
            judge_shift(section, subject, &found);
            double sum = 0;
            for (int s = 0; s < SHIFTS; s++)
                sum += found.mean[2][s] / SHIFTS;
            run->constant_share = sum;
            run->stored_share = found.mean[3][SHIFTS - 1];
            run->growing_share = found.mean[4][SHIFTS - 1];
        }
    }
    pe_instance_release(instance);
    return status;
}

/* ---- variants that count by index ---- */

static pe_status counting(precision_run *run, pe_section *section, const pe_subject *subject,
                          pe_error *err)
{
    static const struct {
        const char *name;
        pe_format format;
    } ways[] = {{"float", PE_UNROUNDED}, {"bf16 at every place", PE_BF16}};
    pe_instance *instance = NULL;
    pe_status status = precision_with(subject, &subject->instance->dims, run->lab->size.seed, NULL,
                                      NULL, &instance, err);
    for (int w = 0; status == PE_OK && w < 2; w++) {
        double rms[SHIFTS], largest[SHIFTS], worst = 0;
        char quantity[128];
        status = precision_set_formats(instance, PRECISION_EVERYWHERE, ways[w].format, err);
        for (int d = 0; status == PE_OK && d < run->lab->size.draws; d++) {
            status = one_draw(run->lab, instance, PE_FLOAT, (uint64_t)d, rms, largest, err);
            for (int s = 0; status == PE_OK && s < SHIFTS; s++)
                worst = largest[s] <= worst ? worst : largest[s];
        }
        if (status != PE_OK)
            break;
        snprintf(quantity, sizeof quantity, "largest logit change over all shifts, %s",
                 ways[w].name);
        pe_check_within(section,
                        &(pe_check){.id = "P7",
                                    .variant = subject->name,
                                    .quantity = quantity,
                                    .value = worst,
                                    .expected = 0,
                                    .source = "offsets are differences of indices",
                                    .because = "a shift of all indices leaves them"},
                        0);
    }
    pe_instance_release(instance);
    return status;
}

static void explain(pe_section *section, const precision_run *run)
{
    pe_say(section,
           "With $\\Delta$ added to all positions, the logits of a relative encoding should "
           "not change. Indices of tokens are whole numbers, so an encoding that subtracts "
           "them first is exact in every format. One that turns q and k first, each by its "
           "own position, subtracts only in the product, after everything was rounded.");
    pe_say(section,
           "Wang et al. 2024 report that bf16 breaks the shift invariance of rotations, "
           "more after pretraining, dominated by the first token, and growing with the "
           "length of the text. This section reproduces the constant part of that effect, "
           "with random content and %d draws. It does not reproduce the trained part: that "
           "needs large-norm keys at the first token.",
           run->lab->size.draws);
}

pe_status precision_shift(precision_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "Shifting all positions (P7)");
    pe_status status = PE_OK;
    explain(section, run);
    for (int s = 0; status == PE_OK && s < run->lab->subject_count; s++) {
        const pe_subject *subject = &run->lab->subjects[s];
        const char *id = subject->name;
        if (!subject->instance)
            pe_section_not_applicable(section, id, subject->because);
        else if (precision_has(subject->instance, PRECISION_MAPPED))
            status = turning(run, section, subject, err);
        else if (subject->instance->info.claims & PE_CLAIM_TRANSLATION_INVARIANT)
            status = counting(run, section, subject, err);
        else
            pe_section_not_applicable(
                section, id, "it does not claim that a shift leaves the logits as they are");
        if (status == PE_OK)
            status = pe_lab_step(run->lab, "shifts", 0.3 + 0.15 * (s + 1) / run->lab->subject_count,
                                 err);
    }
    if (status == PE_OK && !isnan(run->constant_share)) {
        const pe_checkable number = {"rms_logit_change", run->constant_share,
                                     0.3 * run->constant_share};
        pe_section_exercise(
            section,
            "Predict the constant. A number stored in bf16 is wrong by a relative error that is "
            "uniform within half a step; weighted by size, its RMS is about $0.41 \\cdot 2^{-8}$. "
            "A logit is $\\sum_c q_c k_c / \\sqrt{128}$ over 128 products of independent standard "
            "normal numbers. Both q and k are rounded, and a shift draws all roundings anew. What "
            "is the RMS change of a logit?",
            "Variances add: two factors in each product, and two roundings in the difference.", 1,
            &number);
    }
    return status;
}
