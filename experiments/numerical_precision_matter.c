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

/* ---- one draw's instances ---- */

/* Two instances with the parameters of this draw: one left exact, one that is rounded. */
typedef struct pair {
    pe_instance *exact, *rounded;
    pe_text_weights weights; /* of this draw */
} pair;

static void close_pair(pair *p)
{
    pe_instance_release(p->exact);
    pe_instance_release(p->rounded);
    pe_text_weights_release(&p->weights);
    *p = (pair){0};
}

static pe_status open_pair(const pe_lab *lab, const pe_subject *subject, int draw, pair *p,
                           pe_error *err)
{
    const uint64_t seed = lab->size.seed + (uint64_t)draw;
    const int64_t most = lab->size.length;
    const pe_dims dims = {.heads = MATTER_HEADS,
                          .head_dim = MATTER_WIDTH,
                          .model_dim = MATTER_HEADS * MATTER_WIDTH,
                          .max_len = most > MATTER_TOKENS ? most : MATTER_TOKENS};
    *p = (pair){0};
    pe_status status = precision_with(subject, &dims, seed, NULL, NULL, &p->exact, err);
    if (status == PE_OK)
        status = precision_with(subject, &dims, seed, NULL, NULL, &p->rounded, err);
    if (status == PE_OK && !p->exact->has_quad)
        status = pe_fail(err, PE_USAGE, "its module has another quad type: no judge");
    if (status == PE_OK)
        status = pe_lab_text_weights(lab, p->exact, (uint64_t)draw, &p->weights, err);
    if (status != PE_OK)
        close_pair(p);
    return status;
}

/* ---- one layer ---- */

/* Text: 64 bytes from another place for each draw. Random: 64 bytes all different, so that every
 * token is its own random vector. */
static pe_status run_layer(const pe_lab *lab, const pair *p, pe_instance *instance,
                           pe_precision precision, int content, int draw, int64_t shift,
                           pe_attended *out, pe_error *err)
{
    pe_text_job job = {.instance = instance,
                       .precision = precision,
                       .n = MATTER_TOKENS,
                       .shift = shift,
                       .draw = (uint64_t)draw,
                       .causal = true,
                       .weights = &p->weights};
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

/* ---- one draw ---- */

/* The change that a way makes, against a run that is given. */
static pe_status change_by(const pe_lab *lab, const pair *p, matter_way way, int content, int draw,
                           int64_t shift, const pe_attended *want, change *c, pe_error *err)
{
    pe_attended got = {0};
    pe_status status =
        run_layer(lab, p, p->rounded, ways[way].precision, content, draw, shift, &got, err);
    if (status == PE_OK)
        *c = compare(&got, want);
    pe_attended_release(&got);
    return status;
}

static bool reachable(const pe_instance *instance, double last)
{
    const pe_setup *s = &instance->info;
    return (s->min_coord == 0 && s->max_coord == 0) || last <= s->max_coord;
}

/* Every start here is judged by double. */
static pe_status run_starts(const pe_lab *lab, const pair *p, int draw,
                            pe_attended want[MATTER_STARTS], pe_error *err)
{
    pe_status status = PE_OK;
    for (int s = 0; status == PE_OK && s < MATTER_STARTS; s++)
        if (reachable(p->exact, matter_end[s]))
            status = run_layer(lab, p, p->exact, PE_DOUBLE, MATTER_TEXT, draw,
                               (int64_t)matter_start[s], &want[s], err);
    return status;
}

/* The rounded instance is set to the way already. */
static pe_status over_starts(const pe_lab *lab, const pair *p, matter_way way, int draw,
                             const pe_attended want[MATTER_STARTS], matter_found *found,
                             pe_error *err)
{
    pe_status status = PE_OK;
    for (int s = 0; status == PE_OK && s < MATTER_STARTS; s++) {
        change c;
        if (!reachable(p->exact, matter_end[s])) {
            found->by_start[way][s] = (double)NAN;
            continue;
        }
        status =
            change_by(lab, p, way, MATTER_TEXT, draw, (int64_t)matter_start[s], &want[s], &c, err);
        if (status == PE_OK)
            found->by_start[way][s] += c.of[MATTER_WEIGHTS] / found->far_draws;
    }
    return status;
}

static pe_status over_places(const pe_lab *lab, const pair *p, int draw, const pe_attended *want,
                             matter_found *found, pe_error *err)
{
    pe_status status = PE_OK;
    for (int place = 0; status == PE_OK && place < PE_PLACE_COUNT; place++) {
        change c;
        status = precision_set_formats(p->rounded, 1u << place, PE_BF16, err);
        if (status == PE_OK)
            status = change_by(lab, p, MATTER_FLOAT, MATTER_TEXT, draw, 0, want, &c, err);
        if (status == PE_OK)
            found->by_place[place] += c.of[MATTER_WEIGHTS] / found->far_draws;
    }
    return status;
}

/* column: [content][way][measure][draw] */
static double *cell(double *column, int draws, int content, int way, int measure)
{
    return column + ((content * MATTER_WAYS + way) * MATTER_MEASURES + measure) * draws;
}

/* One way of a draw on both contents; the rounded instance is set to the way already. */
static pe_status both_contents(const pe_lab *lab, const pair *p, matter_way way, int draw,
                               const pe_attended *want, double *column, matter_found *found,
                               pe_error *err)
{
    pe_status status = PE_OK;
    for (int c = 0; status == PE_OK && c < MATTER_CONTENTS; c++) {
        change x;
        status = change_by(lab, p, way, c, draw, 0, &want[c], &x, err);
        if (status != PE_OK)
            break;
        found->not_finite[c][way] += !is_finite(&x);
        for (int m = 0; m < MATTER_MEASURES; m++)
            cell(column, found->draws, c, (int)way, m)[draw] = x.of[m];
        for (int i = 0; c == MATTER_TEXT && i < MATTER_TOKENS; i++)
            found->by_query[way][i] += x.row[i] / found->draws;
    }
    return status;
}

static pe_status one_draw(const pe_lab *lab, const pair *p, int draw, double *column,
                          matter_found *found, pe_error *err)
{
    const bool further = draw < found->far_draws;
    pe_attended want[MATTER_CONTENTS] = {0}, far[MATTER_STARTS] = {0};
    pe_status status = PE_OK;
    for (int c = 0; status == PE_OK && c < MATTER_CONTENTS; c++)
        status = run_layer(lab, p, p->exact, PE_QUADRUPLE, c, draw, 0, &want[c], err);
    if (status == PE_OK && further)
        status = run_starts(lab, p, draw, far, err);
    for (int w = 0; status == PE_OK && w < MATTER_WAYS; w++) {
        status = precision_set_formats(p->rounded, ways[w].places, ways[w].format, err);
        if (status == PE_OK)
            status = both_contents(lab, p, (matter_way)w, draw, want, column, found, err);
        if (status == PE_OK && further && w != MATTER_DOUBLE)
            status = over_starts(lab, p, (matter_way)w, draw, far, found, err);
    }
    if (status == PE_OK && further)
        status = over_places(lab, p, draw, &want[MATTER_TEXT], found, err);
    for (int c = 0; c < MATTER_CONTENTS; c++)
        pe_attended_release(&want[c]);
    for (int s = 0; s < MATTER_STARTS; s++)
        pe_attended_release(&far[s]);
    return status;
}

/* ---- all draws ---- */

static pe_status summarise(double *column, matter_found *found, pe_error *err)
{
    pe_status status = PE_OK;
    for (int c = 0; c < MATTER_CONTENTS; c++)
        for (int w = 0; w < MATTER_WAYS; w++)
            for (int m = 0; status == PE_OK && m < MATTER_MEASURES; m++) {
                pe_interval *of = &found->of[c][w][m];
                *of = (pe_interval){.centre = (double)NAN, .low = (double)NAN, .high = (double)NAN};
                if (!found->not_finite[c][w])
                    status = pe_mean_interval(cell(column, found->draws, c, w, m),
                                              (size_t)found->draws, 0.95, of, err);
            }
    return status;
}

static pe_status all_draws(const pe_lab *lab, const pe_subject *subject, matter_found *found,
                           pe_error *err)
{
    const size_t cells = (size_t)MATTER_CONTENTS * MATTER_WAYS * MATTER_MEASURES;
    double *column = pe_allocate(cells * (size_t)found->draws, sizeof *column, "changes", err);
    pe_status status = column ? PE_OK : PE_MEMORY;
    for (int d = 0; status == PE_OK && d < found->draws; d++) {
        pair p;
        status = open_pair(lab, subject, d, &p, err);
        if (status == PE_OK)
            status = one_draw(lab, &p, d, column, found, err);
        close_pair(&p);
        if (status == PE_OK && lab->check)
            status = lab->check(err);
    }
    if (status == PE_OK)
        status = summarise(column, found, err);
    pe_release(column);
    return status;
}

/* A variant that refuses this size is not applicable, and says why; that is no failure. */
pe_status matter_measure(const pe_lab *lab, const pe_subject *subject, matter_found *found,
                         pe_error *err)
{
    pair p = {0};
    pe_error own = {0};
    const int draws = lab->size.draws;
    *found = (matter_found){.subject = subject,
                            .draws = draws,
                            .far_draws = draws < MATTER_FAR_DRAWS ? draws : MATTER_FAR_DRAWS};
    if (!subject->instance) {
        memcpy(found->because, subject->because, sizeof found->because);
        return PE_OK;
    }
    pe_status status = open_pair(lab, subject, 0, &p, &own);
    close_pair(&p);
    if (status == PE_USAGE) {
        memcpy(found->because, own.text, sizeof found->because);
        return PE_OK;
    }
    if (status != PE_OK)
        return pe_fail(err, status, "%s", own.text);
    status = all_draws(lab, subject, found, err);
    found->measured = status == PE_OK;
    return status;
}

/* Each variant is one thread's; what it finds does not depend on the others. */
static pe_status measure_all(precision_run *run, matter_found *list, pe_error *err)
{
    const int count = run->lab->subject_count;
    pe_status status = PE_OK;
    int done = 0;
#pragma omp parallel for schedule(dynamic, 1)
    for (int s = 0; s < count; s++) {
        pe_error own = {0};
        pe_status mine = PE_OK;
        bool stopped;
#pragma omp critical(matter_progress)
        stopped = status != PE_OK;
        if (stopped)
            continue;
        mine = matter_measure(run->lab, &run->lab->subjects[s], &list[s], &own);
#pragma omp critical(matter_progress)
        {
            done++;
            if (mine == PE_OK && status == PE_OK)
                status = mine =
                    pe_lab_step(run->lab, "does it matter", 0.5 + 0.47 * (double)done / count, err);
            else if (status == PE_OK)
                status = pe_fail(err, mine, "%s", own.text);
        }
    }
    return status;
}

pe_status precision_matter(precision_run *run, pe_error *err)
{
    matter_found *list = pe_allocate((size_t)run->lab->subject_count, sizeof *list, "effects", err);
    pe_status status = list ? measure_all(run, list, err) : PE_MEMORY;
    if (status == PE_OK)
        status = matter_show(run, list, err);
    pe_release(list);
    return status;
}
