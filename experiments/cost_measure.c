/* Time, memory and results of both forms. */
#include "cost.h"

#include "base/clock.h"
#include "base/memory.h"
#include "bench/process.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Other programs only ever make a call slower, so the fastest of several is the best estimate; in
 * rounds over all subjects, so that a disturbance does not meet the same one each time. */
enum { ROUNDS = 3, REPEATS = 3, MOST_REPEATS = 10 };
static const double enough_seconds = 0.01;

double cost_operations(const cost_run *run, int64_t length)
{
    return 2.0 * (double)length * (double)length * (double)run->heads * (double)run->head_dim;
}

/* ---- one call ------------------------------------------------------------------------------- */

/* Everything that a call reads and writes. */
typedef struct arrays {
    float *q, *k, *v, *x, *out[2]; /* out: naive, fused */
    int64_t *index;
    double *coord;
} arrays;

static void release_arrays(arrays *a)
{
    void *const all[] = {a->q, a->k, a->v, a->x, a->out[0], a->out[1], a->index, a->coord};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        pe_release(all[i]);
}

static float *narrow(const double *from, size_t count, pe_error *err)
{
    float *to = pe_allocate(count, sizeof *to, "content", err);
    for (size_t i = 0; to && i < count; i++)
        to[i] = (float)from[i];
    return to;
}

static pe_status fill_arrays(const pe_lab *lab, const pe_dims *dims, int64_t n, arrays *a,
                             pe_error *err)
{
    const size_t H = (size_t)dims->heads, D = (size_t)dims->head_dim, N = (size_t)n;
    pe_content content;
    *a = (arrays){0};
    pe_status status = pe_lab_random_content(lab, dims, n, 0, &content, err);
    if (status != PE_OK)
        return status;
    a->q = narrow(content.q, H * N * D, err);
    a->k = narrow(content.k, (size_t)dims->kv_heads * N * D, err);
    a->v = narrow(content.v, (size_t)dims->kv_heads * N * D, err);
    a->x = narrow(content.x, N * (size_t)dims->model_dim, err);
    pe_content_release(&content);
    a->out[0] = pe_allocate(H * N * D, sizeof(float), "output", err);
    a->out[1] = pe_allocate(H * N * D, sizeof(float), "output", err);
    a->index = pe_allocate(N, sizeof *a->index, "indices", err);
    a->coord = pe_allocate(N, sizeof *a->coord, "coordinates", err);
    if (!a->q || !a->k || !a->v || !a->x || !a->out[0] || !a->out[1] || !a->index || !a->coord)
        return PE_MEMORY;
    for (int64_t t = 0; t < n; t++)
        a->coord[t] = (double)(a->index[t] = t);
    return PE_OK;
}

static pe_status call(pe_instance *instance, const arrays *a, int64_t n, pe_method method,
                      pe_error *err)
{
    const pe_attention_f32 job = {.instance = instance,
                                  .batch = 1,
                                  .nq = n,
                                  .nk = n,
                                  .q_index = a->index,
                                  .k_index = a->index,
                                  .q_coord = a->coord,
                                  .k_coord = a->coord,
                                  .causal = true,
                                  .q = a->q,
                                  .k = a->k,
                                  .v = a->v,
                                  .x = a->x,
                                  .out = a->out[method]};
    return method == PE_TILED ? pe_attend_tiled_f32(&job, err) : pe_attend_reference_f32(&job, err);
}

/* The first call warms up and tells the memory; *seconds only ever falls. */
static pe_status time_call(pe_instance *instance, const arrays *a, int64_t n, pe_method method,
                           double *seconds, double *bytes, pe_error *err)
{
    double total = 0;
    pe_memory_restart_peak();
    const double before = (double)pe_memory_held();
    pe_status status = call(instance, a, n, method, err);
    *bytes = (double)pe_memory_peak() - before;
    const int least = method == PE_TILED ? REPEATS : 1;
    for (int i = 0; status == PE_OK && i < MOST_REPEATS && (i < least || total < enough_seconds);
         i++) {
        const double begin = pe_seconds();
        status = call(instance, a, n, method, err);
        const double taken = pe_seconds() - begin;
        total += taken;
        *seconds = fmin(*seconds, taken);
    }
    return status;
}

/* ---- do both forms agree? ------------------------------------------------------------------- */

static double largest(const float *x, size_t n)
{
    double found = 0;
    for (size_t i = 0; i < n; i++)
        found = fmax(found, fabs((double)x[i]));
    return found;
}

/* Two sums of the same n weighted values in different order, by weights whose logits are sums of D
 * products in different order: (D + 4) eps times the largest product moves a logit, twice that a
 * weight, and n + 16 roundings the sum. The values may be rows plus v, hence the output's own size.
 */
static double rounding_bound(const arrays *a, const pe_dims *dims, int64_t n)
{
    const size_t count = (size_t)dims->heads * (size_t)n * (size_t)dims->head_dim;
    const double product = largest(a->q, count) * largest(a->k, count) * sqrt(dims->head_dim);
    const double value = fmax(largest(a->v, count), largest(a->out[0], count));
    const double eps = (double)FLT_EPSILON;
    return (2 * (dims->head_dim + 4) * product + (double)n + 16) * eps * value;
}

static void compare(const arrays *a, const pe_dims *dims, int64_t n, cost_point *point)
{
    const size_t count = (size_t)dims->heads * (size_t)n * (size_t)dims->head_dim;
    point->difference = 0;
    for (size_t i = 0; i < count; i++)
        point->difference =
            pe_worse(point->difference, fabs((double)a->out[0][i] - (double)a->out[1][i]));
    point->bound = rounding_bound(a, dims, n);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static pe_status measure_length(pe_lab *lab, cost_run *run, size_t s, size_t l, bool first,
                                pe_instance *instance, pe_error *err)
{
    cost_point *point = &run->point[s][l];
    const int64_t n = run->length[l];
    arrays a;
    if (first)
        *point = (cost_point){.fused = HUGE_VAL,
                              .naive = l < run->naive_lengths ? HUGE_VAL : (double)NAN,
                              .naive_bytes = (double)NAN,
                              .difference = (double)NAN,
                              .bound = (double)NAN};
    pe_status status = fill_arrays(lab, &instance->dims, n, &a, err);
    if (status == PE_OK)
        status = pe_instance_prepare(instance, n, err);
    double fastest = HUGE_VAL;
    if (status == PE_OK)
        status = time_call(instance, &a, n, PE_TILED, &fastest, &point->fused_bytes, err);
    point->fused = fmin(point->fused, fastest);
    point->slowest = fmax(point->slowest, fastest);
    if (status == PE_OK && first && l < run->naive_lengths) {
        status = time_call(instance, &a, n, PE_REFERENCE, &point->naive, &point->naive_bytes, err);
        compare(&a, &instance->dims, n, point);
    }
    release_arrays(&a);
    return status;
}

static pe_status measure_subject(pe_lab *lab, cost_run *run, size_t s, bool first, pe_error *err)
{
    const pe_subject *subject = &lab->subjects[s];
    pe_instance *instance = NULL;
    pe_dims dims = subject->instance->dims;
    dims.max_len = run->length[run->lengths - 1];
    pe_status status = pe_lab_instance(lab, subject, &dims, lab->size.seed, &instance, err);
    for (size_t l = 0; status == PE_OK && l < run->lengths; l++)
        status = measure_length(lab, run, s, l, first, instance, err);
    pe_instance_release(instance);
    return status;
}

pe_status cost_measure(pe_lab *lab, cost_run *run, pe_error *err)
{
    const size_t subjects =
        lab->subject_count < COST_SUBJECTS ? (size_t)lab->subject_count : COST_SUBJECTS;
    run->heads = lab->size.heads;
    run->head_dim = lab->size.head_dim;
    run->lengths = lab->size.quick ? COST_LENGTHS - 2 : COST_LENGTHS;
    run->naive_lengths = lab->size.quick ? 2 : 3;
    for (size_t l = 0; l < run->lengths; l++)
        run->length[l] = (int64_t)64 << l;
    pe_status status = PE_OK;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t s = 0; status == PE_OK && s < subjects; s++) {
            if (lab->subjects[s].instance)
                status = measure_subject(lab, run, s, round == 0, err);
            if (status == PE_OK)
                status =
                    pe_lab_step(lab, "cost: time and memory",
                                0.9 * ((double)round + (double)s / (double)subjects) / ROUNDS, err);
        }
    return status;
}
