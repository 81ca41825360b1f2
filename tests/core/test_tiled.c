/* Tiled attention against the reference in double, in every shape that has a path of its own. */
#include "fixtures.h"

#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

typedef struct shape {
    int64_t nq, nk;
    bool causal, padded, masked, shuffled;
} shape;

/* Below, at and beyond the sides of tiles (64 and 128) and of panels (32). */
static const shape shapes[] = {
    {1, 1, false, false, false, false},   {1, 300, true, false, false, false},
    {33, 63, false, false, false, false}, {65, 129, false, false, false, false},
    {64, 128, true, false, false, false}, {200, 200, true, false, false, false},
    {70, 400, true, false, false, false}, {200, 300, false, true, false, false},
    {130, 260, true, true, false, false}, {90, 190, false, false, true, false},
    {150, 150, true, false, true, false}, {100, 170, false, false, false, true},
    {140, 140, true, true, true, true},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The parts of a job that a shape asks for, owned. */
typedef struct extras {
    unsigned char *allowed;
    int64_t *index;
} extras;

static extras apply(const shape *s, pe_job *job)
{
    static const int64_t starts[B] = {3, 40}, lengths[B] = {135, 131};
    extras x = {NULL, NULL};
    job->causal = s->causal;
    if (s->padded) {
        job->key_starts = starts;
        job->key_lengths = lengths;
    }
    if (s->masked) {
        const size_t count = (size_t)(B * s->nq * s->nk);
        x.allowed = pe_allocate(count, 1, "mask", NULL);
        for (size_t i = 0; i < count; i++)
            x.allowed[i] = (i * 2654435761u >> 7) % 3 != 0;
        job->allowed = x.allowed;
    }
    if (s->shuffled) { /* neighbours are far apart; a query has the index of a key */
        x.index = pe_allocate((size_t)(s->nk + s->nq), sizeof *x.index, "indices", NULL);
        for (int64_t j = 0; j < s->nk; j++)
            x.index[j] = j * 9 % s->nk;
        for (int64_t i = 0; i < s->nq; i++)
            x.index[s->nk + i] = x.index[i];
        job->k_index = x.index;
        job->q_index = x.index + s->nk;
    }
    return x;
}

static double largest_size(const double *x, int64_t n)
{
    double found = 0;
    for (int64_t i = 0; i < n; i++)
        found = fmax(found, fabs(x[i]));
    return found;
}

/* A logit is a sum of fewer than 3 D + 4 products, none above `term`: its error is below
 * (3 D + 4)^2 eps term. A weight is then off by twice that, relatively, and by the nk + 8 roundings
 * of the sum, of exp and of rescaling; an output is a mean of values, none above `value`. */
static double bound_of(const inputs *in, double eps)
{
    const double q = largest_size(in->q, B * H * in->nq * D);
    const double k = largest_size(in->k, B * H * in->nk * D);
    const double value = largest_size(in->v, B * H * in->nk * D) + 3, terms = 3 * D + 4;
    const double term = fmax(fmax(0.25 * q * k, 0.25 * 3 * (1.5 * q + 2 * k)), 3);
    const double logit = terms * terms * eps * term;
    return (2 * logit + 2 * (double)(in->nk + 8) * eps) * value;
}

static void expect_as_reference(const shape *s, const pe_setting *settings, int count,
                                pe_precision precision)
{
    pe_instance *instance = make_odd(settings, count);
    inputs in = make_inputs(s->nq, s->nk);
    pe_job job = job_of(instance, &in);
    extras x = apply(s, &job);
    pe_attended reference, tiled;
    pe_error err = {0};
    pe_status status = pe_run_attention(&job, &reference, &err);
    job.method = PE_TILED;
    job.precision = precision;
    if (status == PE_OK)
        status = pe_run_attention(&job, &tiled, &err);
    if (status != PE_OK)
        printf("\n    %s", err.text);
    CU_ASSERT_EQUAL_FATAL(status, PE_OK);
    char what[160];
    snprintf(what, sizeof what, "%lld x %lld%s%s%s%s, %s=%s", (long long)s->nq, (long long)s->nk,
             s->causal ? " causal" : "", s->padded ? " padded" : "", s->masked ? " masked" : "",
             s->shuffled ? " shuffled" : "", settings[count - 1].name, settings[count - 1].text);
    expect_same_output(what, &reference.out, &tiled.out,
                       bound_of(&in, precision == PE_FLOAT ? (double)FLT_EPSILON : DBL_EPSILON));
    pe_attended_release(&reference);
    pe_attended_release(&tiled);
    pe_release(x.allowed);
    pe_release(x.index);
    release_inputs(&in);
    pe_instance_release(instance);
}

/* Reach 3: tables within one tile and weights gathered by row; 40: a table wider than a panel; 300:
 * rows for every offset, with weights sorted a few queries at a time. */
static void every_shape_in_float_and_double(const pe_setting *settings, int count)
{
    static const char *const reaches[] = {"3", "40", "300"};
    pe_setting all[4];
    memcpy(all, settings, (size_t)count * sizeof *all);
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < SHAPES; i++) {
            all[count] = (pe_setting){"reach", reaches[r]};
            expect_as_reference(&shapes[i], all, count + 1, PE_DOUBLE);
            expect_as_reference(&shapes[i], all, count + 1, PE_FLOAT);
        }
}

static void every_shape_agrees_with_the_reference(void)
{
    const pe_setting repeat[] = {{"values", "true"}, {"edge", "repeat"}};
    const pe_setting zero[] = {{"values", "true"}, {"edge", "zero"}};
    every_shape_in_float_and_double(repeat, 2);
    every_shape_in_float_and_double(zero, 2);
}

static void heads_together_agree_with_the_reference(void)
{
    const pe_setting together[] = {{"values", "true"}, {"heads_together", "true"}};
    every_shape_in_float_and_double(together, 2);
}

static void every_kind_of_kernels_agrees_with_the_reference(void)
{
    const pe_setting settings[] = {{"values", "true"}, {"reach", "40"}};
    const char *fastest = pe_kernels_now()->name;
    for (size_t k = 0; pe_kernels_name(k); k++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        for (int i = 0; i < SHAPES; i++)
            expect_as_reference(&shapes[i], settings, 2, PE_FLOAT);
    }
    pe_kernels_use(fastest);
}

static void expect_same_bytes(void)
{
    const pe_setting settings[] = {{"values", "true"}, {"reach", "40"}};
    const int most = omp_get_max_threads();
    pe_instance *instance = make_odd(settings, 2);
    inputs in = make_inputs(400, 400);
    pe_job job = job_of(instance, &in);
    job.method = PE_TILED;
    job.precision = PE_FLOAT;
    job.causal = true;
    pe_attended one, several;
    omp_set_num_threads(1);
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &one, NULL), PE_OK);
    for (int threads = 2; threads <= 5; threads++) {
        omp_set_num_threads(threads);
        CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &several, NULL), PE_OK);
        CU_ASSERT_EQUAL(memcmp(one.out.hi, several.out.hi, one.out.count * sizeof(double)), 0);
        pe_attended_release(&several);
    }
    omp_set_num_threads(most);
    pe_attended_release(&one);
    release_inputs(&in);
    pe_instance_release(instance);
}

static void the_bytes_are_the_same_at_any_number_of_threads(void)
{
    const char *fastest = pe_kernels_now()->name;
    for (size_t k = 0; pe_kernels_name(k); k++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        expect_same_bytes();
    }
    pe_kernels_use(fastest);
}

/* Logits of -inf weigh nothing next to finite ones, also when a whole tile of them comes first, and
 * alone they give NaN. */
static void logits_of_minus_infinity_weigh_nothing(void)
{
    pe_instance *instance = make_odd(NULL, 0);
    inputs in = make_inputs(3, 300);
    for (int64_t at = 0; at < B * H * in.nq * D; at++)
        in.q[at] = fabs(in.q[at]);
    for (int64_t j = 0; j < in.nk; j++)
        for (int d = 0; d < D; d++) {
            in.k[j * D + d] = j < 140 ? -HUGE_VAL : in.k[j * D + d]; /* head 0 */
            in.k[(in.nk + j) * D + d] = -HUGE_VAL;                   /* head 1 */
        }
    for (int method = 0; method < 2; method++) {
        pe_job job = job_of(instance, &in);
        job.method = (pe_method)method;
        pe_attended result;
        CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &result, NULL), PE_OK);
        for (int64_t at = 0; at < in.nq * D; at++) {
            CU_ASSERT_TRUE(isfinite(result.out.hi[at]));
            CU_ASSERT_TRUE(isnan(result.out.hi[in.nq * D + at]));
            CU_ASSERT_TRUE(isfinite(result.out.hi[2 * in.nq * D + at]));
        }
        pe_attended_release(&result);
    }
    release_inputs(&in);
    pe_instance_release(instance);
}

/* A value that only some may see is infinite: the others' results stay finite. */
static void infinite_values_reach_only_those_who_see_them(void)
{
    const pe_setting settings[] = {{"values", "true"}, {"reach", "40"}};
    pe_instance *instance = make_odd(settings, 2);
    inputs in = make_inputs(150, 150);
    in.v[140 * D] = HUGE_VAL;
    pe_job job = job_of(instance, &in);
    job.causal = true;
    pe_attended reference, tiled;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &reference, NULL), PE_OK);
    job.method = PE_TILED;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &tiled, NULL), PE_OK);
    for (int64_t i = 0; i < 150; i++)
        CU_ASSERT_EQUAL(isfinite(tiled.out.hi[i * D]) != 0, i < 140);
    for (size_t at = 0; at < tiled.out.count; at++)
        if (isfinite(reference.out.hi[at]))
            PE_NEAR("output", tiled.out.hi[at], reference.out.hi[at], bound_of(&in, DBL_EPSILON));
    pe_attended_release(&reference);
    pe_attended_release(&tiled);
    release_inputs(&in);
    pe_instance_release(instance);
}

/* ---- what is not finite, and what is almost nothing, by every kind of kernels ---- */

/* Spoils inputs of 150 x 150 tokens. */
typedef void (*spoil)(inputs *in, pe_job *job);

static void nan_query(inputs *in, pe_job *job)
{
    (void)job;
    in->q[70 * D + 2] = (double)NAN;
}

static void nan_key(inputs *in, pe_job *job)
{
    (void)job;
    in->k[140 * D + 1] = (double)NAN;
}

static void nan_value(inputs *in, pe_job *job)
{
    (void)job;
    in->v[140 * D] = (double)NAN;
}

static void infinite_logits(inputs *in, pe_job *job)
{
    (void)job;
    in->k[30 * D] = HUGE_VAL;
    in->k[131 * D] = -HUGE_VAL;
}

static void unseen_queries(inputs *in, pe_job *job)
{
    (void)in;
    static const int64_t starts[B] = {90, 149};
    job->key_starts = starts; /* causal: queries before these see nothing */
}

static void denormals(inputs *in, pe_job *job)
{
    (void)job;
    for (int64_t at = 0; at < B * H * in->nq * D; at++)
        in->q[at] *= 0x1p-135;
    for (int64_t at = 0; at < B * H * in->nk * D; at += 3)
        in->v[at] *= 0x1p-140;
}

static int kind_of(double x)
{
    return isnan(x) ? 0 : isfinite(x) ? 1 : x > 0 ? 2 : 3;
}

/* Finite, infinite and NaN where the reference in float is; finite ones within the bound. */
static void expect_same_kinds(const char *what, spoil spoils)
{
    const pe_setting settings[] = {{"values", "true"}, {"reach", "40"}};
    pe_instance *instance = make_odd(settings, 2);
    inputs in = make_inputs(150, 150);
    const double bound = bound_of(&in, (double)FLT_EPSILON);
    pe_job job = job_of(instance, &in);
    pe_attended reference, tiled;
    job.precision = PE_FLOAT;
    job.causal = true;
    spoils(&in, &job);
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &reference, NULL), PE_OK);
    job.method = PE_TILED;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &tiled, NULL), PE_OK);
    int other_kind = 0;
    for (size_t at = 0; at < tiled.out.count; at++) {
        other_kind += kind_of(tiled.out.hi[at]) != kind_of(reference.out.hi[at]);
        if (isfinite(reference.out.hi[at]) && isfinite(tiled.out.hi[at]))
            PE_NEAR(what, tiled.out.hi[at], reference.out.hi[at], bound);
    }
    if (other_kind)
        printf("\n    %s by %s: %d outputs", what, pe_kernels_now()->name, other_kind);
    CU_ASSERT_EQUAL(other_kind, 0);
    pe_attended_release(&reference);
    pe_attended_release(&tiled);
    release_inputs(&in);
    pe_instance_release(instance);
}

static void every_kind_of_kernels_keeps_nan_infinity_empty_rows_and_denormals(void)
{
    const char *fastest = pe_kernels_now()->name;
    for (size_t k = 0; pe_kernels_name(k); k++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        expect_same_kinds("NaN in a query", nan_query);
        expect_same_kinds("NaN in a key", nan_key);
        expect_same_kinds("NaN in a value", nan_value);
        expect_same_kinds("infinite logits", infinite_logits);
        expect_same_kinds("queries that see nothing", unseen_queries);
        expect_same_kinds("denormals", denormals);
    }
    pe_kernels_use(fastest);
}

PE_TEST_MAIN("core: tiled attention", PE_TEST(every_shape_agrees_with_the_reference),
             PE_TEST(heads_together_agree_with_the_reference),
             PE_TEST(every_kind_of_kernels_agrees_with_the_reference),
             PE_TEST(the_bytes_are_the_same_at_any_number_of_threads),
             PE_TEST(logits_of_minus_infinity_weigh_nothing),
             PE_TEST(every_kind_of_kernels_keeps_nan_infinity_empty_rows_and_denormals),
             PE_TEST(infinite_values_reach_only_those_who_see_them))
