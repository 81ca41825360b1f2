/* The positional share S of a variant, by several probes. */
#include "lab/lab.h"
#include "analysis/table.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

static pe_status share_of_codes(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                                double *S, pe_error *err)
{
    const int64_t T = lab->size.length;
    double *coord =
        pe_allocate((size_t)T * (size_t)instance->dims.axes, sizeof *coord, "coordinates", err);
    if (!coord)
        return PE_MEMORY;
    const pe_places_request request = {.n = T, .seed = lab->size.seed};
    pe_wide codes = {0};
    pe_status status = pe_instance_coordinates(instance, NULL, &request, coord, err);
    if (status == PE_OK)
        status = pe_instance_codes(instance, precision, T, coord, &codes, err);
    if (status == PE_OK)
        status = pe_gram(codes.hi, (size_t)T, (size_t)instance->info.embed_width, S, err);
    pe_wide_release(&codes);
    pe_release(coord);
    return status;
}

/* Make every token's vector that of token 0, or a constant. */
static void repeat_first(double *x, int64_t heads, int64_t n, int64_t width)
{
    for (int64_t h = 0; h < heads; h++)
        for (int64_t t = 1; t < n; t++)
            memcpy(x + (h * n + t) * width, x + h * n * width, (size_t)width * sizeof *x);
}

static void fill(double *x, size_t count, double value)
{
    for (size_t i = 0; i < count; i++)
        x[i] = value;
}

static void shape_content(const pe_dims *dims, int64_t n, pe_probe probe, pe_content *content)
{
    const size_t q = (size_t)dims->heads * (size_t)n * (size_t)dims->head_dim;
    const size_t k = (size_t)dims->kv_heads * (size_t)n * (size_t)dims->head_dim;
    const size_t x = (size_t)n * (size_t)dims->model_dim;
    if (probe == PE_PROBE_SAME) {
        repeat_first(content->q, dims->heads, n, dims->head_dim);
        repeat_first(content->k, dims->kv_heads, n, dims->head_dim);
        repeat_first(content->x, 1, n, dims->model_dim);
    } else if (probe != PE_PROBE_WORDS) {
        const double value = probe == PE_PROBE_ONES ? 1 : 0;
        fill(content->q, q, value);
        fill(content->k, k, value);
        fill(content->x, x, value);
    }
}

pe_status pe_lab_share(const pe_lab *lab, pe_instance *instance, pe_probe probe, int head,
                       uint64_t draw, bool causal, pe_precision precision, double *S, pe_error *err)
{
    if (probe == PE_PROBE_CODES)
        return share_of_codes(lab, instance, precision, S, err);
    const int64_t T = lab->size.length;
    pe_content content;
    pe_status status = pe_lab_random_content(lab, &instance->dims, T, draw, &content, err);
    if (status != PE_OK)
        return status;
    shape_content(&instance->dims, T, probe, &content);
    const pe_job job = {.instance = instance,
                        .precision = precision,
                        .batch = 1,
                        .nq = T,
                        .nk = T,
                        .causal = causal,
                        .q = content.q,
                        .k = content.k,
                        .v = content.v,
                        .x = content.x,
                        .want_logits = true};
    pe_attended attended;
    status = pe_run_attention(&job, &attended, err);
    const double *logits = status == PE_OK ? attended.logits.hi + (int64_t)head * T * T : NULL;
    for (int64_t at = 0; status == PE_OK && at < T * T; at++)
        S[at] = attended.allowed[at] ? logits[at] : (double)NAN;
    pe_attended_release(&attended);
    pe_content_release(&content);
    return status;
}

/* The last query over n keys, with nothing in them. */
static pe_status ask_last(pe_instance *instance, int64_t n, const double *zero,
                          pe_attended *attended, pe_error *err)
{
    const pe_job job = {.instance = instance,
                        .precision = PE_DOUBLE,
                        .batch = 1,
                        .nq = 1,
                        .nk = n,
                        .causal = true,
                        .q = zero,
                        .k = zero,
                        .v = zero,
                        .x = zero,
                        .want_logits = true};
    return pe_run_attention(&job, attended, err);
}

pe_status pe_lab_biases(pe_instance *instance, int64_t n, double *b, pe_error *err)
{
    const pe_dims *dims = &instance->dims;
    const size_t keys = (size_t)dims->kv_heads * (size_t)n * (size_t)dims->head_dim;
    const size_t hidden = (size_t)n * (size_t)dims->model_dim;
    double *zero = pe_allocate(keys > hidden ? keys : hidden, sizeof *zero, "no content", err);
    if (!zero)
        return PE_MEMORY;
    pe_attended attended = {0};
    pe_status status = ask_last(instance, n, zero, &attended, err);
    for (int64_t h = 0; status == PE_OK && h < dims->heads; h++)
        for (int64_t r = 0; r < n; r++)
            b[h * n + r] = attended.logits.hi[h * n + n - 1 - r];
    pe_attended_release(&attended);
    pe_release(zero);
    return status;
}
