/* The damage of an exhibit against its twin, in the measures that every encoding is measured with.
 */
#include "forms.h"

#include "analysis/decompose.h"
#include "analysis/profile.h"
#include "analysis/random.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

const char *pe_damage_text(pe_damage_kind kind)
{
    static const char *const texts[PE_DAMAGE_COUNT] = {
        "table, largest", "table, mean",      "far row, 1 - cosine",
        "kernel D(k)",    "three-part split", "logits, random",
        "logits, text",   "attention, mean",  "attention, largest"};
    return texts[kind];
}

static void not_applicable(pe_damage *d, pe_damage_kind kind, const char *because)
{
    d->value[kind] = (double)NAN;
    snprintf(d->because[kind], PE_BECAUSE, "%s", because);
}

/* ---- codes ---- */

static double row_dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++)
        sum += x[c] * y[c];
    return sum;
}

static void compare_tables(const pe_wide *bug, const pe_wide *twin, size_t width, pe_damage *d)
{
    double most = 0, sum = 0;
    for (size_t at = 0; at < bug->count; at++) {
        const double apart = fabs(bug->hi[at] - twin->hi[at]);
        most = fmax(most, apart);
        sum += apart;
    }
    d->value[PE_DAMAGE_TABLE_MOST] = most;
    d->value[PE_DAMAGE_TABLE_MEAN] = sum / (double)bug->count;
    const double *x = bug->hi + bug->count - width, *y = twin->hi + twin->count - width;
    const double lengths = sqrt(row_dot(x, x, width) * row_dot(y, y, width));
    if (lengths > 0)
        d->value[PE_DAMAGE_FAR_ROW] = 1 - row_dot(x, y, width) / lengths;
    else
        not_applicable(d, PE_DAMAGE_FAR_ROW, "the last row is zero in one of the two");
}

static pe_status codes_at(const pe_lab *lab, const pe_exhibit *e, pe_instance *instance,
                          pe_wide *codes, pe_error *err)
{
    const int64_t T = lab->size.length;
    double *coord = pe_allocate((size_t)T, sizeof *coord, "coordinates", err);
    if (!coord)
        return PE_MEMORY;
    for (int64_t t = 0; t < T; t++)
        coord[t] = (double)(e->first + t);
    const pe_status status = pe_instance_codes(instance, PE_DOUBLE, T, coord, codes, err);
    pe_release(coord);
    return status;
}

static pe_status measure_tables(const pe_lab *lab, const pe_exhibit *e, const pe_exhibited *pair,
                                pe_damage *d, pe_error *err)
{
    if (pair->bug->info.embed_width == 0 || pair->twin->info.embed_width == 0) {
        for (int kind = PE_DAMAGE_TABLE_MOST; kind <= PE_DAMAGE_FAR_ROW; kind++)
            not_applicable(d, (pe_damage_kind)kind, "it has no table of codes");
        return PE_OK;
    }
    pe_wide bug = {0}, twin = {0};
    pe_status status = codes_at(lab, e, pair->bug, &bug, err);
    if (status == PE_OK)
        status = codes_at(lab, e, pair->twin, &twin, err);
    if (status == PE_OK)
        compare_tables(&bug, &twin, (size_t)pair->twin->info.embed_width, d);
    pe_wide_release(&bug);
    pe_wide_release(&twin);
    return status;
}

/* ---- the positional share ---- */

static pe_status logits_of_constant(const pe_lab *lab, const pe_exhibit *e, pe_instance *instance,
                                    double value, double *S, pe_error *err)
{
    const size_t T = (size_t)lab->size.length, d = (size_t)instance->dims.model_dim;
    double *content = pe_allocate(T * d, sizeof *content, "content", err);
    int64_t *index = pe_allocate(T, sizeof *index, "indices", err);
    double *coord = pe_allocate(T, sizeof *coord, "coordinates", err);
    pe_attended attended = {0};
    pe_status status = content && index && coord ? PE_OK : PE_MEMORY;
    for (size_t at = 0; status == PE_OK && at < T * d; at++)
        content[at] = value;
    for (size_t t = 0; status == PE_OK && t < T; t++)
        coord[t] = (double)(index[t] = e->first + (int64_t)t);
    const pe_job job = {.instance = instance,
                        .precision = PE_DOUBLE,
                        .batch = 1,
                        .nq = (int64_t)T,
                        .nk = (int64_t)T,
                        .q_index = index,
                        .k_index = index,
                        .q_coord = coord,
                        .k_coord = coord,
                        .q = content,
                        .k = content,
                        .v = content,
                        .x = content,
                        .want_logits = true};
    if (status == PE_OK)
        status = pe_run_attention(&job, &attended, err);
    for (size_t at = 0; status == PE_OK && at < T * T; at++)
        S[at] = attended.logits.hi[at];
    pe_attended_release(&attended);
    pe_release(content);
    pe_release(index);
    pe_release(coord);
    return status;
}

/* S (T,T) of head 0 by the probe of the twin, so that both are asked the same. */
static pe_status share_of(const pe_lab *lab, const pe_exhibit *e, pe_instance *instance,
                          pe_probe probe, double *S, pe_error *err)
{
    if (probe != PE_PROBE_CODES)
        return logits_of_constant(lab, e, instance, probe == PE_PROBE_ONES ? 1 : 0, S, err);
    pe_wide codes = {0};
    pe_status status = codes_at(lab, e, instance, &codes, err);
    if (status == PE_OK)
        status =
            pe_gram(codes.hi, (size_t)lab->size.length, (size_t)instance->info.embed_width, S, err);
    pe_wide_release(&codes);
    return status;
}

static pe_status shares_of(const double *S, size_t T, double share[PE_SHARES], pe_error *err)
{
    pe_split split;
    const pe_status status = pe_split_of(S, T, PE_REGION_ALL, PE_MEAN_REMOVED, &split, err);
    if (status != PE_OK)
        return status;
    const double part[PE_SHARES] = {split.toeplitz_even, split.toeplitz_odd, split.rest_even,
                                    split.rest_odd, 0};
    for (int p = 0; p < PE_SHARES; p++)
        share[p] = split.constant ? (p == PE_SHARES - 1 ? 1 : 0) : part[p];
    return PE_OK;
}

static pe_status curve_of(const double *S, size_t T, double **curve, pe_error *err)
{
    pe_profile profile;
    *curve = pe_allocate(T, sizeof **curve, "distance kernel", err);
    if (!*curve)
        return PE_MEMORY;
    const pe_status status = pe_profile_of(S, T, PE_REGION_ALL, &profile, err);
    if (status != PE_OK)
        return status;
    for (size_t k = 0; k < T; k++) /* queries look back: j = i - k */
        (*curve)[k] = profile.mean[pe_profile_at(&profile, -(ptrdiff_t)k)];
    pe_profile_free(&profile);
    return PE_OK;
}

static void compare_curves(pe_damage *d)
{
    double apart = 0, size = 0;
    for (size_t k = 0; k < d->length; k++) {
        apart = fmax(apart, fabs(d->bug_curve[k] - d->twin_curve[k]));
        size = fmax(size, fabs(d->twin_curve[k]));
    }
    if (size > 0)
        d->value[PE_DAMAGE_KERNEL] = apart / size;
    else
        not_applicable(d, PE_DAMAGE_KERNEL, "the twin's kernel is zero at every distance");
    double moved = 0;
    for (int p = 0; p < PE_SHARES; p++)
        moved += fabs(d->bug_share[p] - d->twin_share[p]) / 2;
    d->value[PE_DAMAGE_SPLIT] = moved;
}

static pe_status measure_shares(const pe_lab *lab, const pe_exhibit *e, const pe_exhibited *pair,
                                pe_damage *d, pe_error *err)
{
    const size_t T = (size_t)lab->size.length;
    const pe_probe probe = pe_lab_natural_probe(pe_lab_capabilities(pair->twin));
    double *S = pe_allocate(T * T, sizeof *S, "positional share", err);
    if (!S)
        return PE_MEMORY;
    d->length = T;
    pe_status status = share_of(lab, e, pair->bug, probe, S, err);
    if (status == PE_OK)
        status = shares_of(S, T, d->bug_share, err);
    if (status == PE_OK)
        status = curve_of(S, T, &d->bug_curve, err);
    if (status == PE_OK)
        status = share_of(lab, e, pair->twin, probe, S, err);
    if (status == PE_OK)
        status = shares_of(S, T, d->twin_share, err);
    if (status == PE_OK)
        status = curve_of(S, T, &d->twin_curve, err);
    if (status == PE_OK)
        compare_curves(d);
    pe_release(S);
    return status;
}

/* ---- logits and attention ---- */

typedef struct moments {
    double n, sum, squares;
} moments;

static double spread_of(const moments *m)
{
    const double mean = m->sum / m->n;
    return sqrt(fmax(m->squares / m->n - mean * mean, 0));
}

/* RMS of the changes over the spread of the twin's logits, where both masks allow. */
static double logit_change(const pe_attended *bug, const pe_attended *twin)
{
    const size_t square = (size_t)1 * twin->logits.count;
    moments change = {0}, own = {0};
    for (size_t at = 0; at < square; at++) {
        const double a = bug->logits.hi[at], b = twin->logits.hi[at];
        if (!isfinite(a) || !isfinite(b))
            continue;
        change.n++;
        change.squares += (a - b) * (a - b);
        own.n++;
        own.sum += b;
        own.squares += b * b;
    }
    return sqrt(change.squares / change.n) / spread_of(&own);
}

static void attention_change(const pe_attended *bug, const pe_attended *twin, int64_t T,
                             pe_damage *d)
{
    double mean = 0, most = 0;
    const size_t rows = twin->weights.count / (size_t)T;
    for (size_t r = 0; r < rows; r++) {
        double variation = 0;
        for (int64_t j = 0; j < T; j++)
            variation += fabs(bug->weights.hi[r * (size_t)T + (size_t)j] -
                              twin->weights.hi[r * (size_t)T + (size_t)j]) /
                         2;
        mean += variation / (double)rows;
        most = fmax(most, variation);
    }
    d->value[PE_DAMAGE_ATTENTION] = mean;
    d->value[PE_DAMAGE_ATTENTION_MOST] = most;
}

static pe_status run_both(const pe_lab *lab, const pe_exhibit *e, const pe_exhibited *pair,
                          pe_attended *bug, pe_attended *twin, pe_error *err)
{
    pe_text_job job = {.instance = pair->bug,
                       .precision = PE_DOUBLE,
                       .n = lab->size.length,
                       .shift = e->first,
                       .causal = e->causal};
    pe_status status = pe_lab_run_text(lab, &job, bug, err);
    job.instance = pair->twin;
    if (status == PE_OK)
        status = pe_lab_run_text(lab, &job, twin, err);
    return status;
}

/* Random tokens are random bytes instead of the text. */
static pe_status measure_content(const pe_lab *lab, const pe_exhibit *e, const pe_exhibited *pair,
                                 bool random, pe_damage *d, pe_error *err)
{
    pe_lab noise = *lab;
    pe_attended bug = {0}, twin = {0};
    const size_t T = (size_t)lab->size.length;
    if (random) {
        noise.text = pe_allocate(T, 1, "random tokens", err);
        noise.text_length = T;
        if (!noise.text)
            return PE_MEMORY;
        pe_stream stream = pe_stream_open(lab->size.seed, "gallery random tokens", 0);
        for (size_t t = 0; t < T; t++)
            noise.text[t] = (unsigned char)(256 * pe_stream_uniform(&stream));
    }
    const pe_status status = run_both(random ? &noise : lab, e, pair, &bug, &twin, err);
    if (status == PE_OK)
        d->value[random ? PE_DAMAGE_RANDOM : PE_DAMAGE_TEXT] = logit_change(&bug, &twin);
    if (status == PE_OK && !random)
        attention_change(&bug, &twin, (int64_t)T, d);
    pe_attended_release(&bug);
    pe_attended_release(&twin);
    if (random)
        pe_release(noise.text);
    return status;
}

/* ---- all of it ---- */

static pe_dims damage_dims(const pe_lab *lab, const pe_exhibit *e)
{
    return (pe_dims){.heads = e->heads ? e->heads : lab->size.heads,
                     .head_dim = lab->size.head_dim};
}

pe_status pe_gallery_damage(pe_lab *lab, const pe_exhibit *exhibit, pe_damage *damage,
                            pe_error *err)
{
    const pe_dims dims = damage_dims(lab, exhibit);
    pe_exhibited pair;
    *damage = (pe_damage){0};
    pe_status status = pe_exhibit_open(exhibit, &dims, exhibit->first, lab->size.length,
                                       lab->size.seed, &pair, err);
    if (status != PE_OK)
        return status;
    status = measure_tables(lab, exhibit, &pair, damage, err);
    if (status == PE_OK)
        status = measure_shares(lab, exhibit, &pair, damage, err);
    if (status == PE_OK)
        status = measure_content(lab, exhibit, &pair, true, damage, err);
    if (status == PE_OK)
        status = measure_content(lab, exhibit, &pair, false, damage, err);
    pe_exhibit_close(&pair);
    if (status != PE_OK)
        pe_damage_release(damage);
    return status;
}

void pe_damage_release(pe_damage *damage)
{
    pe_release(damage->bug_curve);
    pe_release(damage->twin_curve);
    damage->bug_curve = damage->twin_curve = NULL;
}
