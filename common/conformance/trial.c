#include "conformance/trial.h"
#include "base/memory.h"
#include "core/quad.h"
#include "core/stream.h"

#include <float.h>
#include <string.h>

enum { TOKENS = 23 };

double pe_rounding_bound(double eps, double largest_coordinate, double largest_value)
{
    return 64 * eps * (1 + largest_coordinate) * (1 + largest_value);
}

double pe_largest(const double *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (isnan(x[i]))
            return x[i];
        else if (fabs(x[i]) > most)
            most = fabs(x[i]);
    return most;
}

/* ---- random numbers -------------------------------------------------------------------------- */

static double exact_in_float(double x)
{
    return (double)(float)x;
}

double *pe_draw_normal(const pe_trial *trial, size_t count, const char *purpose, uint64_t draw,
                       pe_error *err)
{
    double *x = pe_allocate(count, sizeof *x, purpose, err);
    pe_core_stream stream;
    pe_core_stream_start(&stream, trial->seed, purpose, draw);
    for (size_t i = 0; x && i < count; i++)
        x[i] = exact_in_float(pe_core_normal(&stream));
    return x;
}

pe_status pe_content_draw(const pe_trial *trial, int64_t tokens, uint64_t draw,
                          pe_trial_content *content, pe_error *err)
{
    const pe_dims *d = &trial->instance->dims;
    const size_t head = (size_t)tokens * (size_t)d->head_dim;
    content->q = pe_draw_normal(trial, head * (size_t)d->heads, "test q", draw, err);
    content->k = pe_draw_normal(trial, head * (size_t)d->kv_heads, "test k", draw, err);
    content->v = pe_draw_normal(trial, head * (size_t)d->kv_heads, "test v", draw, err);
    content->x = pe_draw_normal(trial, (size_t)tokens * (size_t)d->model_dim, "test x", draw, err);
    if (content->q && content->k && content->v && content->x)
        return PE_OK;
    pe_trial_content_release(content);
    return PE_MEMORY;
}

void pe_trial_content_release(pe_trial_content *content)
{
    pe_release(content->q);
    pe_release(content->k);
    pe_release(content->v);
    pe_release(content->x);
    *content = (pe_trial_content){0};
}

/* A value that is legal for the block and, where bounds allow, neither 0 nor 1. */
static double draw_within(const pe_param *p, pe_core_stream *stream)
{
    if (p->low == p->high)
        return exact_in_float(pe_core_normal(stream) / 2);
    const double low = p->low > -1 ? p->low : p->high < -1 ? p->high - 1 : -1;
    const double high = p->high < low + 2 ? p->high : low + 2;
    const double x = exact_in_float(low + (high - low) * pe_core_uniform(stream));
    return x < p->low ? p->low : x > p->high ? p->high : x;
}

/* Claims must hold for any trained table, so initial values (often 0) prove nothing. */
static pe_status draw_parameters(pe_trial *trial, pe_error *err)
{
    pe_instance *instance = trial->instance;
    pe_status status = PE_OK;
    for (int which = 0; which < instance->info.param_count && status == PE_OK; which++) {
        const pe_param *p = &instance->info.param[which];
        if (p->frozen)
            continue;
        const size_t count = pe_param_count(p);
        double *x = pe_allocate(count, sizeof *x, p->name, err);
        if (!x)
            return PE_MEMORY;
        pe_core_stream stream;
        pe_core_stream_start(&stream, trial->seed, p->name, 1);
        for (size_t i = 0; i < count; i++)
            x[i] = draw_within(p, &stream);
        status = pe_instance_set_param(instance, which, 0, NULL, count, x, err);
        pe_release(x);
    }
    return status;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Token t of the grid in row-major order; the first axis takes what is beyond the grid. */
static void natural_place(const pe_dims *dims, int64_t t, double shift, double *place)
{
    for (int a = dims->axes - 1; a > 0; a--) {
        const int64_t points = dims->grid[a] > 0 ? dims->grid[a] : 5;
        place[a] = (double)(t % points) + shift;
        t /= points;
    }
    place[0] = (double)t + shift;
}

pe_status pe_trial_places(const pe_trial *trial, int64_t n, const int64_t *index, double shift,
                          double *coord, pe_error *err)
{
    const pe_dims *d = &trial->instance->dims;
    double *natural = pe_allocate((size_t)n * (size_t)d->axes, sizeof *natural, "places", err);
    if (!natural)
        return PE_MEMORY;
    for (int64_t t = 0; t < n; t++)
        natural_place(d, index[t], shift, natural + t * d->axes);
    const pe_places_request request = {.n = n, .in = natural, .seed = trial->seed};
    const pe_status status = pe_instance_coordinates(trial->instance, NULL, &request, coord, err);
    pe_release(natural);
    return status;
}

static pe_status find_places(pe_trial *trial, pe_error *err)
{
    const pe_setup *s = &trial->instance->info;
    trial->index = pe_allocate(TOKENS, sizeof *trial->index, "indices", err);
    trial->coord = pe_allocate(TOKENS * (size_t)trial->instance->dims.axes, sizeof *trial->coord,
                               "coordinates", err);
    if (!trial->index || !trial->coord)
        return PE_MEMORY;
    for (int64_t t = 0; t < TOKENS; t++)
        trial->index[t] = t;
    trial->tokens = TOKENS;
    if (s->rows && s->edge == PE_EDGE_UNDEFINED && s->high + 1 < TOKENS)
        trial->tokens = s->high + 1;
    trial->causal = s->rows && s->edge == PE_EDGE_UNDEFINED && s->low > 1 - trial->tokens;
    pe_status status = pe_trial_places(trial, trial->tokens, trial->index, 0, trial->coord, err);
    while (status == PE_USAGE && --trial->tokens > 0)
        status = pe_trial_places(trial, trial->tokens, trial->index, 0, trial->coord, err);
    return status;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

void pe_trial_judge(pe_trial *trial, pe_precision precision)
{
    trial->judge = precision;
    trial->eps = precision == PE_FLOAT       ? (double)FLT_EPSILON
                 : precision == PE_QUADRUPLE ? ldexp(1.0, 1 - (int)PE_QUAD_DIGITS)
                                             : DBL_EPSILON;
}

static pe_status begin(pe_trial *trial, pe_error *err)
{
    const bool quad = trial->instance->has_quad && pe_quad_is_reference();
    pe_trial_judge(trial, quad ? PE_QUADRUPLE : PE_DOUBLE);
    pe_status status = draw_parameters(trial, err);
    if (status == PE_OK)
        status = find_places(trial, err);
    if (status == PE_OK)
        status = pe_content_draw(trial, trial->tokens, 0, &trial->content, err);
    return status;
}

pe_status pe_trial_begin(const pe_variant *variant, const pe_dims *dims, const pe_setting *settings,
                         int setting_count, uint64_t seed, pe_trial *trial, pe_error *err)
{
    *trial = (pe_trial){.seed = seed};
    pe_status status =
        pe_instance_create(variant, dims, settings, setting_count, seed, &trial->instance, err);
    if (status == PE_OK)
        status = begin(trial, err);
    if (status != PE_OK)
        pe_trial_end(trial);
    return status;
}

void pe_trial_end(pe_trial *trial)
{
    pe_trial_content_release(&trial->content);
    pe_release(trial->index);
    pe_release(trial->coord);
    pe_instance_release(trial->instance);
    *trial = (pe_trial){0};
}

pe_job pe_trial_job(const pe_trial *trial, pe_precision precision, pe_method method)
{
    return (pe_job){
        .instance = trial->instance,
        .precision = precision,
        .method = method,
        .batch = 1,
        .nq = trial->tokens,
        .nk = trial->tokens,
        .q_index = trial->index,
        .k_index = trial->index,
        .q_coord = trial->coord,
        .k_coord = trial->coord,
        .causal = trial->causal,
        .q = trial->content.q,
        .k = trial->content.k,
        .v = trial->content.v,
        .x = trial->content.x,
    };
}
