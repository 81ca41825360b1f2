#include "conformance/gradients.h"
#include "base/memory.h"
#include "conformance/report.h"
#include "core/gradient.h"

#include <float.h>
#include <string.h>

/* q, k, v, x, the parameters: what a loss depends on, with its gradients by five programs. */
enum { Q, K, V, X, FIRST_PARAM, BLOCKS = FIRST_PARAM + PE_MAX_PARAMS };
enum { REFERENCE_F64, TILED_F64, REFERENCE_F32, TILED_F32, WAYS };

typedef struct block {
    const char *name;
    size_t count;
    double *x; /* owned, but for parameters */
    double *g[WAYS];
} block;

typedef struct study {
    const pe_trial *trial;
    const pe_gradient_case *k;
    block block[BLOCKS];
    int64_t *index; /* (nk) */
    double *coord;  /* (nk, axes) */
    int64_t *starts;
    double *dout, *out;
    size_t outputs;
    pe_attention_f64 a;
} study;

static void end_study(study *s)
{
    for (int b = 0; b < BLOCKS; b++) {
        if (b < FIRST_PARAM)
            pe_release(s->block[b].x);
        for (int w = 0; w < WAYS; w++)
            pe_release(s->block[b].g[w]);
    }
    void *const owned[] = {s->index, s->coord, s->starts, s->dout, s->out};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        pe_release(owned[i]);
}

static pe_status draw_block(study *s, int b, const char *name, size_t count, pe_error *err)
{
    block *x = &s->block[b];
    x->name = name;
    x->count = count;
    if (b < FIRST_PARAM)
        x->x = pe_draw_normal(s->trial, count, name, 1, err);
    else
        x->x = s->trial->instance->master[b - FIRST_PARAM];
    for (int w = 0; w < WAYS && x->x; w++) {
        x->g[w] = pe_allocate(count, sizeof(double), "gradients", err);
        if (!x->g[w])
            return PE_MEMORY;
    }
    return x->x ? PE_OK : PE_MEMORY;
}

static pe_status draw_blocks(study *s, pe_error *err)
{
    const pe_instance *instance = s->trial->instance;
    const pe_dims *d = &instance->dims;
    const size_t B = (size_t)s->k->batch, D = (size_t)d->head_dim, nk = (size_t)s->k->nk;
    const size_t keys = B * (size_t)d->kv_heads * nk * D;
    s->outputs = B * (size_t)d->heads * (size_t)s->k->nq * D;
    pe_status status = draw_block(s, Q, "q", s->outputs, err);
    if (status == PE_OK)
        status = draw_block(s, K, "k", keys, err);
    if (status == PE_OK)
        status = draw_block(s, V, "v", keys, err);
    if (status == PE_OK && (instance->info.flags & PE_NEEDS_HIDDEN))
        status = draw_block(s, X, "x", B * nk * (size_t)d->model_dim, err);
    for (int p = 0; p < instance->info.param_count && status == PE_OK; p++)
        status = draw_block(s, FIRST_PARAM + p, instance->info.param[p].name,
                            pe_param_count(&instance->info.param[p]), err);
    s->dout = pe_draw_normal(s->trial, s->outputs, "gradient by the output", 1, err);
    s->out = pe_allocate(s->outputs, sizeof *s->out, "output", err);
    return status == PE_OK && (!s->dout || !s->out) ? PE_MEMORY : status;
}

static pe_status begin_study(study *s, pe_error *err)
{
    const pe_gradient_case *k = s->k;
    const int64_t axes = s->trial->instance->dims.axes;
    s->index = pe_allocate((size_t)k->nk, sizeof *s->index, "indices", err);
    s->coord = pe_allocate((size_t)(k->nk * axes), sizeof *s->coord, "coordinates", err);
    s->starts = pe_allocate((size_t)k->batch, sizeof *s->starts, "padding", err);
    if (!s->index || !s->coord || !s->starts)
        return PE_MEMORY;
    for (int64_t j = 0; j < k->nk; j++)
        s->index[j] = j + (k->gaps ? j / 3 : 0);
    for (int b = 0; b < k->batch; b++)
        s->starts[b] = b + 1;
    pe_status status = pe_trial_places(s->trial, k->nk, s->index, 0, s->coord, err);
    if (status == PE_OK)
        status = draw_blocks(s, err);
    s->a = (pe_attention_f64){.instance = s->trial->instance,
                              .batch = k->batch,
                              .nq = k->nq,
                              .nk = k->nk,
                              .q_index = s->index + (k->nk - k->nq),
                              .k_index = s->index,
                              .q_coord = s->coord + (k->nk - k->nq) * axes,
                              .k_coord = s->coord,
                              .offsets_from_coordinates =
                                  s->trial->instance->variant->positions != NULL &&
                                  s->trial->instance->info.rows != 0,
                              .cross = k->cross,
                              .causal = k->causal || s->trial->causal,
                              .key_starts = k->padded ? s->starts : NULL,
                              .q = s->block[Q].x,
                              .k = s->block[K].x,
                              .v = s->block[V].x,
                              .x = s->block[X].x,
                              .out = s->out};
    if (status == PE_OK && k->spoilt)
        s->block[k->spoilt - 1].x[s->block[k->spoilt - 1].count / 2] = (double)NAN;
    return status;
}

/* ---- the loss -------------------------------------------------------------------------------- */

static pe_status loss(study *s, double *value, pe_error *err)
{
    const pe_status status = pe_attend_reference_f64(&s->a, err);
    *value = 0;
    for (size_t i = 0; i < s->outputs; i++)
        *value += s->dout[i] * s->out[i];
    return status;
}

/* Parameters reach the hooks through casts and plans. */
static pe_status put(study *s, int b, size_t i, double x, pe_error *err)
{
    block *in = &s->block[b];
    in->x[i] = x;
    if (b < FIRST_PARAM)
        return PE_OK;
    pe_instance *instance = s->trial->instance;
    double *own = pe_allocate(in->count, sizeof *own, "parameter", err);
    if (!own)
        return PE_MEMORY;
    memcpy(own, in->x, in->count * sizeof *own);
    const pe_status status =
        pe_instance_set_param(instance, b - FIRST_PARAM, 0, NULL, in->count, own, err);
    pe_release(own);
    return status;
}

static pe_status central_difference(study *s, int b, size_t i, double *slope, pe_error *err)
{
    const double was = s->block[b].x[i], h = 1e-5 * fmax(1, fabs(was));
    const double high = was + h, low = was - h;
    double up = 0, down = 0;
    pe_status status = put(s, b, i, high, err);
    if (status == PE_OK)
        status = loss(s, &up, err);
    if (status == PE_OK)
        status = put(s, b, i, low, err);
    if (status == PE_OK)
        status = loss(s, &down, err);
    *slope = (up - down) / (high - low);
    const pe_status restored = put(s, b, i, was, err);
    return status == PE_OK ? restored : status;
}

/* ---- the gradients --------------------------------------------------------------------------- */

static pe_status differentiate_f64(study *s, int way, pe_error *err)
{
    double *param[PE_MAX_PARAMS];
    for (int p = 0; p < PE_MAX_PARAMS; p++)
        param[p] = s->block[FIRST_PARAM + p].g[way];
    const pe_attention_gradient_f64 g = {.dout = s->dout,
                                         .dq = s->block[Q].g[way],
                                         .dk = s->block[K].g[way],
                                         .dv = s->block[V].g[way],
                                         .dx = s->block[X].g[way],
                                         .dparam = param};
    return way == TILED_F64 ? pe_attend_tiled_gradient_f64(&s->a, &g, err)
                            : pe_attend_reference_gradient_f64(&s->a, &g, err);
}

/* The same in float, from inputs that are exact in it. */
static pe_status differentiate_f32(study *s, int way, pe_error *err)
{
    float *x[BLOCKS] = {0}, *g[BLOCKS] = {0};
    float *dout = pe_narrow(PE_FLOAT, s->outputs, s->dout, "gradient", err);
    pe_status status = dout ? PE_OK : PE_MEMORY;
    for (int b = 0; b < BLOCKS && status == PE_OK; b++)
        if (s->block[b].count > 0) {
            x[b] = pe_narrow(PE_FLOAT, s->block[b].count, s->block[b].x, "inputs", err);
            g[b] = pe_allocate(s->block[b].count, sizeof(float), "gradients", err);
            status = x[b] && g[b] ? PE_OK : PE_MEMORY;
        }
    if (status == PE_OK) {
        const pe_attention_f64 *a = &s->a;
        const pe_attention_f32 narrow = {.instance = a->instance,
                                         .batch = a->batch,
                                         .nq = a->nq,
                                         .nk = a->nk,
                                         .q_index = a->q_index,
                                         .k_index = a->k_index,
                                         .q_coord = a->q_coord,
                                         .k_coord = a->k_coord,
                                         .offsets_from_coordinates = a->offsets_from_coordinates,
                                         .cross = a->cross,
                                         .causal = a->causal,
                                         .key_starts = a->key_starts,
                                         .q = x[Q],
                                         .k = x[K],
                                         .v = x[V],
                                         .x = x[X]};
        const pe_attention_gradient_f32 to = {.dout = dout,
                                              .dq = g[Q],
                                              .dk = g[K],
                                              .dv = g[V],
                                              .dx = g[X],
                                              .dparam = g + FIRST_PARAM};
        status = way == TILED_F32 ? pe_attend_tiled_gradient_f32(&narrow, &to, err)
                                  : pe_attend_reference_gradient_f32(&narrow, &to, err);
    }
    for (int b = 0; b < BLOCKS; b++) {
        for (size_t i = 0; status == PE_OK && i < s->block[b].count; i++)
            s->block[b].g[way][i] = (double)g[b][i];
        pe_release(x[b]);
        pe_release(g[b]);
    }
    pe_release(dout);
    return status;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void keep_worst(const block *b, size_t i, double error, double *worst, char *where,
                       size_t size)
{
    if (!(error > *worst))
        return;
    *worst = error;
    snprintf(where, size, "%s[%zu]", b->name, i);
}

static void compare_ways(const block *b, double largest, pe_gradient_result *r)
{
    for (size_t i = 0; i < b->count; i++) {
        const double is = b->g[REFERENCE_F64][i];
        r->nan += isnan(is) ? 1 : 0;
        r->lost += isnan(is) && !(isnan(b->g[TILED_F64][i]) && isnan(b->g[TILED_F32][i])) ? 1 : 0;
        keep_worst(b, i, fabs(b->g[TILED_F64][i] - is) / largest / DBL_EPSILON, &r->tiled,
                   r->tiled_block, sizeof r->tiled_block);
        for (int w = REFERENCE_F32; w <= TILED_F32; w++)
            keep_worst(b, i, fabs(b->g[w][i] - is) / largest / (double)FLT_EPSILON, &r->in_float,
                       r->float_block, sizeof r->float_block);
    }
}

static pe_status compare_block(study *s, int which, pe_gradient_result *r, pe_error *err)
{
    const block *b = &s->block[which];
    double largest = 1;
    pe_status status = PE_OK;
    for (size_t i = 0; i < b->count; i++)
        largest = fmax(largest, fabs(b->g[REFERENCE_F64][i]));
    const size_t step = s->k->most && b->count > s->k->most ? b->count / s->k->most : 1;
    for (size_t i = 0; i < b->count && status == PE_OK && !s->k->no_differences; i += step) {
        double wanted = 0;
        status = central_difference(s, which, i, &wanted, err);
        const double got = b->g[REFERENCE_F64][i], before = r->difference;
        const double error = fabs(got - wanted) / largest;
        keep_worst(b, i,
                   error <= before ? 0
                   : isnan(error)  ? HUGE_VAL
                                   : error,
                   &r->difference, r->block, sizeof r->block);
        if (r->difference > before) {
            r->got = got;
            r->wanted = wanted;
        }
    }
    compare_ways(b, largest, r);
    r->blocks += b->count > 0;
    return status;
}

static bool is_frozen(const study *s, int which)
{
    const pe_setup *info = &s->trial->instance->info;
    const int param = which - FIRST_PARAM;
    return param >= 0 && param < info->param_count && info->param[param].frozen;
}

pe_status pe_gradient_measure(const pe_trial *trial, const pe_gradient_case *k,
                              pe_gradient_result *result, pe_error *err)
{
    study s = {.trial = trial, .k = k};
    *result = (pe_gradient_result){0};
    pe_status status = begin_study(&s, err);
    for (int way = 0; way < WAYS && status == PE_OK; way++)
        status =
            way < REFERENCE_F32 ? differentiate_f64(&s, way, err) : differentiate_f32(&s, way, err);
    for (int b = 0; b < BLOCKS && status == PE_OK; b++)
        if (!(k->trained && is_frozen(&s, b)))
            status = compare_block(&s, b, result, err);
    end_study(&s);
    return status;
}

double pe_gradient_bound(const pe_trial *trial, int64_t nk)
{
    return 8 * (double)(nk + trial->instance->dims.head_dim);
}

/* ---- codes ----------------------------------------------------------------------------------- */

static pe_status codes_loss(const study *s, size_t count, double *value, pe_error *err)
{
    const pe_status status = pe_instance_code_rows(s->trial->instance, PE_DOUBLE, s->trial->tokens,
                                                   s->trial->coord, s->out, err);
    *value = 0;
    for (size_t i = 0; i < count; i++)
        *value += s->dout[i] * s->out[i];
    return status;
}

static pe_status codes_block(study *s, int which, size_t most, pe_gradient_result *r, pe_error *err)
{
    const block *b = &s->block[which];
    const size_t step = most && b->count > most ? b->count / most : 1;
    double largest = 1;
    pe_status status = PE_OK;
    for (size_t i = 0; i < b->count; i++)
        largest = fmax(largest, fabs(b->g[REFERENCE_F64][i]));
    for (size_t i = 0; i < b->count && status == PE_OK; i += step) {
        /* A wave at coordinate x bends with (2 pi x)^3: a smaller step than in an attention. */
        const double was = b->x[i], h = 1e-6 * fmax(1, fabs(was)), got = b->g[REFERENCE_F64][i];
        double up = 0, down = 0;
        status = put(s, which, i, was + h, err);
        if (status == PE_OK)
            status = codes_loss(s, s->outputs, &up, err);
        if (status == PE_OK)
            status = put(s, which, i, was - h, err);
        if (status == PE_OK)
            status = codes_loss(s, s->outputs, &down, err);
        if (status == PE_OK)
            status = put(s, which, i, was, err);
        const double wanted = (up - down) / (was + h - (was - h)), before = r->difference;
        const double error = fabs(got - wanted) / largest;
        keep_worst(b, i, isnan(error) ? HUGE_VAL : error, &r->difference, r->block,
                   sizeof r->block);
        if (r->difference > before) {
            r->got = got;
            r->wanted = wanted;
        }
    }
    r->blocks += b->count > 0;
    return status;
}

static pe_status derive_codes(study *s, pe_error *err)
{
    const pe_instance *instance = s->trial->instance;
    double *g[PE_MAX_PARAMS], *dplan, *scratch;
    for (int p = 0; p < PE_MAX_PARAMS; p++)
        g[p] = s->block[FIRST_PARAM + p].g[REFERENCE_F64];
    dplan = pe_allocate(instance->info.plan, sizeof *dplan, "plan", err);
    scratch = dplan ? pe_allocate(instance->info.scratch, sizeof *scratch, "scratch", err) : NULL;
    if (scratch) {
        pe_call_f64 c = pe_instance_call_f64(instance, s->trial->tokens);
        c.g = g;
        c.dplan = dplan;
        c.scratch = scratch;
        instance->variant->f64->embed_vjp(&c, (int)s->trial->tokens, s->trial->coord, s->dout);
        if (instance->variant->f64->plan_vjp &&
            (instance->info.plan_depends & PE_ON_PARAMETERS) != 0)
            instance->variant->f64->plan_vjp(&c, dplan);
    }
    pe_release(dplan);
    pe_release(scratch);
    return scratch ? PE_OK : PE_MEMORY;
}

pe_status pe_gradient_measure_codes(const pe_trial *trial, size_t most, pe_gradient_result *result,
                                    pe_error *err)
{
    const pe_instance *instance = trial->instance;
    study s = {.trial = trial};
    *result = (pe_gradient_result){0};
    if (instance->info.embed_width == 0 || !instance->variant->f64->embed_vjp)
        return PE_OK;
    s.outputs = (size_t)trial->tokens * (size_t)instance->info.embed_width;
    s.dout = pe_draw_normal(trial, s.outputs, "gradient by the codes", 1, err);
    s.out = pe_allocate(s.outputs, sizeof *s.out, "codes", err);
    pe_status status = s.dout && s.out ? PE_OK : PE_MEMORY;
    for (int p = 0; p < instance->info.param_count && status == PE_OK; p++)
        status = draw_block(&s, FIRST_PARAM + p, instance->info.param[p].name,
                            pe_param_count(&instance->info.param[p]), err);
    if (status == PE_OK)
        status = derive_codes(&s, err);
    for (int p = 0; p < instance->info.param_count && status == PE_OK; p++)
        status = codes_block(&s, FIRST_PARAM + p, most, result, err);
    end_study(&s);
    return status;
}

/* ---- findings -------------------------------------------------------------------------------- */

enum { SOME = 6 /* numbers of a block that the suite takes differences by */ };

static void judge(pe_conformance *report, const char *name, const pe_gradient_result *r,
                  pe_status status, const pe_error *why)
{
    const bool good = status == PE_OK && r->difference <= 1e-7;
    if (status != PE_OK)
        pe_report_add(report, PE_CHECK_FAILED, name, "refused: %.300s", why->text);
    else if (!good)
        pe_report_add(report, PE_CHECK_FAILED, name,
                      "the gradient by %s is %.10g by the twins, %.10g by central differences",
                      r->block, r->got, r->wanted);
    else
        pe_report_add(report, PE_CHECK_PASSED, name,
                      "%d blocks against central differences: within %.2g", r->blocks,
                      r->difference);
}

pe_status pe_check_gradients(const pe_trial *trial, pe_conformance *report, pe_error *err)
{
    const char *missing = pe_instance_untrainable(trial->instance);
    const int64_t T = trial->tokens < 7 ? trial->tokens : 7;
    const pe_gradient_case k = {.batch = 2, .nq = T > 2 ? T - 2 : T, .nk = T, .most = SOME};
    pe_gradient_result r;
    pe_error why = {0};
    if (missing) {
        pe_report_add(report, PE_CHECK_SKIPPED, "gradients",
                      "usable, not trainable: %s has no twin", missing);
        return PE_OK;
    }
    pe_status status = pe_gradient_measure(trial, &k, &r, &why);
    if (status == PE_MEMORY)
        return pe_fail(err, status, "%s", why.text);
    judge(report, "gradients: attention", &r, status, &why);
    const double most = pe_gradient_bound(trial, T);
    if (status == PE_OK)
        pe_report_add(report,
                      r.tiled <= most && r.in_float <= most ? PE_CHECK_PASSED : PE_CHECK_FAILED,
                      "gradients: reference = tiled, f32 = f64",
                      "%.3g eps (%s) and %.3g float eps (%s); rounding explains %.3g", r.tiled,
                      r.tiled_block, r.in_float, r.float_block, most);
    if (trial->instance->info.embed_width == 0 || !trial->instance->variant->f64->embed_vjp)
        return PE_OK;
    status = pe_gradient_measure_codes(trial, SOME, &r, &why);
    if (status == PE_MEMORY)
        return pe_fail(err, status, "%s", why.text);
    judge(report, "gradients: codes", &r, status, &why);
    return PE_OK;
}
