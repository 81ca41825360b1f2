/* Does it matter? The error of every way of computing, against quad, through one attention layer:
 * in logits, in weights, in outputs. */
#include "numerical_precision_matter.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    pe_precision precision;
    pe_format format;
    unsigned places;
} ways[MATTER_WAYS] = {
    [MATTER_DOUBLE] = {"double", PE_DOUBLE, PE_UNROUNDED, 0},
    [MATTER_FLOAT] = {"float", PE_FLOAT, PE_UNROUNDED, 0},
    [MATTER_TF32] = {"tf32", PE_FLOAT, PE_TF32, PRECISION_EVERYWHERE},
    [MATTER_FP16] = {"fp16", PE_FLOAT, PE_FP16, PRECISION_EVERYWHERE},
    [MATTER_BF16] = {"bf16", PE_FLOAT, PE_BF16, PRECISION_EVERYWHERE},
    [MATTER_E4M3] = {"fp8 e4m3", PE_FLOAT, PE_FP8_E4M3, PRECISION_EVERYWHERE},
    [MATTER_E5M2] = {"fp8 e5m2", PE_FLOAT, PE_FP8_E5M2, PRECISION_EVERYWHERE},
    [MATTER_BF16_POSITIONAL] = {"bf16, encoding only", PE_FLOAT, PE_BF16, PRECISION_POSITIONAL},
    [MATTER_BF16_CONTENT] = {"bf16, all but it", PE_FLOAT, PE_BF16, PRECISION_CONTENT},
};

const double matter_start[MATTER_STARTS] = {0, 256, 1024, 4096, 16384};
const double matter_end[MATTER_STARTS] = {63, 319, 1087, 4159, 16447};

const char *matter_way_name(matter_way way)
{
    return ways[way].name;
}

/* ---- one layer ---- */

/* Text: 64 bytes from another place for each draw. Random: 64 bytes all different, so that every
 * token is its own random vector. */
static pe_status run_layer(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                           int content, int draw, int64_t shift, pe_attended *out, pe_error *err)
{
    pe_text_job job = {.instance = instance,
                       .precision = precision,
                       .n = MATTER_TOKENS,
                       .shift = shift,
                       .draw = (uint64_t)draw,
                       .causal = true};
    if (content == MATTER_TEXT) {
        job.first = (int64_t)draw * 3 * MATTER_TOKENS / 2;
        return pe_lab_run_text(lab, &job, out, err);
    }
    size_t order[256];
    unsigned char words[256];
    pe_stream stream = pe_stream_open(lab->size.seed, "different words", (uint64_t)draw);
    pe_permute(&stream, order, 256);
    for (int i = 0; i < 256; i++)
        words[i] = (unsigned char)order[i];
    pe_lab other = *lab;
    other.text = words;
    other.text_length = 256;
    return pe_lab_run_text(&other, &job, out, err);
}

/* ---- one comparison ---- */

typedef struct change {
    double of[MATTER_MEASURES];
    double row[MATTER_TOKENS]; /* total variation by query, mean over heads */
} change;

static change compare(const pe_attended *got, const pe_attended *want)
{
    enum { T = MATTER_TOKENS };
    change c = {{0}, {0}};
    double pairs = 0, error = 0, length = 0;
    const size_t heads = want->logits.count / (T * T);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < T; i++)
            for (size_t j = 0; j < T; j++) {
                const size_t at = (h * T + i) * T + j;
                if (!want->allowed[i * T + j])
                    continue;
                const double d = pe_wide_difference(&got->logits, &want->logits, at);
                c.of[MATTER_LOGITS] += d * d;
                pairs++;
                c.row[i] +=
                    fabs(pe_wide_difference(&got->weights, &want->weights, at)) / 2 / (double)heads;
            }
    for (size_t i = 0; i < T; i++)
        c.of[MATTER_WEIGHTS] += c.row[i] / T;
    for (size_t at = 0; at < want->out.count; at++) {
        const double d = pe_wide_difference(&got->out, &want->out, at);
        error += d * d;
        length += want->out.hi[at] * want->out.hi[at];
    }
    c.of[MATTER_LOGITS] = sqrt(c.of[MATTER_LOGITS] / pairs);
    c.of[MATTER_OUTPUT] = sqrt(error / length);
    return c;
}

static bool is_finite(const change *c)
{
    return isfinite(c->of[0]) && isfinite(c->of[1]) && isfinite(c->of[2]);
}

/* ---- all draws ---- */

typedef struct references {
    int draws;
    pe_attended *of[MATTER_CONTENTS]; /* (draws) each, owned */
} references;

static void release_references(references *r)
{
    for (int c = 0; c < MATTER_CONTENTS; c++) {
        for (int d = 0; r->of[c] && d < r->draws; d++)
            pe_attended_release(&r->of[c][d]);
        pe_release(r->of[c]);
    }
}

static pe_status make_references(const pe_lab *lab, pe_instance *instance, references *r,
                                 pe_error *err)
{
    pe_status status = PE_OK;
    *r = (references){.draws = lab->size.draws};
    for (int c = 0; c < MATTER_CONTENTS; c++)
        if (!(r->of[c] = pe_allocate((size_t)r->draws, sizeof *r->of[c], "references", err)))
            return PE_MEMORY;
    for (int c = 0; c < MATTER_CONTENTS; c++)
        for (int d = 0; status == PE_OK && d < r->draws; d++) {
            status = run_layer(lab, instance, PE_QUADRUPLE, c, d, 0, &r->of[c][d], err);
            if (status == PE_OK && lab->check)
                status = lab->check(err);
        }
    return status;
}

static pe_status summarise(const double *x, int draws, pe_interval *interval, pe_error *err)
{
    return pe_mean_interval(x, (size_t)draws, 0.95, interval, err);
}

/* One way, one content: interval of each measure over the draws. */
static pe_status over_draws(const pe_lab *lab, pe_instance *instance, const references *r,
                            matter_way way, int content, double *column, matter_found *found,
                            pe_error *err)
{
    const int draws = r->draws;
    pe_status status = PE_OK;
    for (int d = 0; status == PE_OK && d < draws; d++) {
        pe_attended got = {0};
        status = run_layer(lab, instance, ways[way].precision, content, d, 0, &got, err);
        if (status == PE_OK) {
            const change c = compare(&got, &r->of[content][d]);
            found->not_finite[content][way] += !is_finite(&c);
            for (int m = 0; m < MATTER_MEASURES; m++)
                column[m * draws + d] = c.of[m];
            for (int i = 0; content == MATTER_TEXT && i < MATTER_TOKENS; i++)
                found->by_query[way][i] += c.row[i] / draws;
        }
        pe_attended_release(&got);
    }
    for (int m = 0; status == PE_OK && m < MATTER_MEASURES; m++) {
        pe_interval *interval = &found->of[content][way][m];
        *interval = (pe_interval){.centre = (double)NAN, .low = (double)NAN, .high = (double)NAN};
        if (!found->not_finite[content][way])
            status = summarise(column + m * draws, draws, interval, err);
    }
    return status;
}

/* ---- further along the sequence, and place by place ---- */

static bool reachable(const pe_instance *instance, double last)
{
    const pe_setup *s = &instance->info;
    return (s->min_coord == 0 && s->max_coord == 0) || last <= s->max_coord;
}

static pe_status over_starts(const pe_lab *lab, pe_instance *exact, pe_instance *instance,
                             matter_way way, matter_found *found, pe_error *err)
{
    pe_status status = PE_OK;
    const int draws = MATTER_FAR_DRAWS;
    for (int s = 0; status == PE_OK && s < MATTER_STARTS; s++) {
        found->by_start[way][s] = reachable(exact, matter_end[s]) ? 0 : (double)NAN;
        for (int d = 0; status == PE_OK && d < draws && !isnan(found->by_start[way][s]); d++) {
            pe_attended want = {0}, got = {0};
            const int64_t shift = (int64_t)matter_start[s];
            status = run_layer(lab, exact, PE_DOUBLE, MATTER_TEXT, d, shift, &want, err);
            if (status == PE_OK)
                status =
                    run_layer(lab, instance, ways[way].precision, MATTER_TEXT, d, shift, &got, err);
            if (status == PE_OK)
                found->by_start[way][s] += compare(&got, &want).of[MATTER_WEIGHTS] / draws;
            pe_attended_release(&want);
            pe_attended_release(&got);
        }
    }
    return status;
}

static pe_status over_places(const pe_lab *lab, pe_instance *instance, const references *r,
                             matter_found *found, pe_error *err)
{
    pe_status status = PE_OK;
    const int draws = r->draws < MATTER_FAR_DRAWS ? r->draws : MATTER_FAR_DRAWS;
    for (int place = 0; status == PE_OK && place < PE_PLACE_COUNT; place++) {
        status = precision_set_formats(instance, 1u << place, PE_BF16, err);
        for (int d = 0; status == PE_OK && d < draws; d++) {
            pe_attended got = {0};
            status = run_layer(lab, instance, PE_FLOAT, MATTER_TEXT, d, 0, &got, err);
            if (status == PE_OK)
                found->by_place[place] +=
                    compare(&got, &r->of[MATTER_TEXT][d]).of[MATTER_WEIGHTS] / draws;
            pe_attended_release(&got);
        }
    }
    return status;
}

static pe_status measure_all(const pe_lab *lab, pe_instance *exact, pe_instance *instance,
                             matter_found *found, pe_error *err)
{
    references r = {0};
    double *column =
        pe_allocate((size_t)lab->size.draws * MATTER_MEASURES, sizeof *column, "changes", err);
    pe_status status = column ? make_references(lab, exact, &r, err) : PE_MEMORY;
    for (int w = 0; status == PE_OK && w < MATTER_WAYS; w++) {
        status = precision_set_formats(instance, ways[w].places, ways[w].format, err);
        for (int c = 0; status == PE_OK && c < MATTER_CONTENTS; c++)
            status = over_draws(lab, instance, &r, (matter_way)w, c, column, found, err);
        if (status == PE_OK && w != MATTER_DOUBLE)
            status = over_starts(lab, exact, instance, (matter_way)w, found, err);
    }
    if (status == PE_OK)
        status = over_places(lab, instance, &r, found, err);
    release_references(&r);
    pe_release(column);
    return status;
}

pe_status matter_measure(const pe_lab *lab, const pe_subject *subject, matter_found *found,
                         pe_error *err)
{
    const pe_dims dims = {.heads = MATTER_HEADS,
                          .head_dim = MATTER_WIDTH,
                          .model_dim = MATTER_HEADS * MATTER_WIDTH,
                          .max_len =
                              lab->size.length > MATTER_TOKENS ? lab->size.length : MATTER_TOKENS};
    pe_instance *exact = NULL, *instance = NULL;
    pe_error own = {0};
    *found = (matter_found){.subject = subject};
    if (!subject->instance) {
        memcpy(found->because, subject->because, sizeof found->because);
        return PE_OK;
    }
    pe_status status = precision_with(subject, &dims, lab->size.seed, NULL, NULL, &exact, &own);
    if (status == PE_OK)
        status = precision_with(subject, &dims, lab->size.seed, NULL, NULL, &instance, &own);
    if (status == PE_OK && !exact->has_quad)
        status = pe_fail(&own, PE_USAGE, "its module has another quad type: no judge");
    if (status == PE_USAGE)
        memcpy(found->because, own.text, sizeof found->because);
    else if (status != PE_OK) {
        if (err)
            *err = own;
    } else {
        status = measure_all(lab, exact, instance, found, err);
        found->measured = status == PE_OK;
    }
    pe_instance_release(exact);
    pe_instance_release(instance);
    return status == PE_USAGE && !found->measured && found->because[0] ? PE_OK : status;
}

pe_status precision_matter(precision_run *run, pe_error *err)
{
    const int count = run->lab->subject_count;
    matter_found *list = pe_allocate((size_t)count, sizeof *list, "effects", err);
    pe_status status = list ? PE_OK : PE_MEMORY;
    for (int s = 0; status == PE_OK && s < count; s++) {
        status = matter_measure(run->lab, &run->lab->subjects[s], &list[s], err);
        if (status == PE_OK)
            status =
                pe_lab_step(run->lab, "does it matter", 0.5 + 0.47 * (double)(s + 1) / count, err);
    }
    if (status == PE_OK)
        status = matter_show(run, list, err);
    pe_release(list);
    return status;
}
