/* Inputs that several core tests share: odd, unequal sizes, random content from a seed. */
#ifndef PE_CORE_FIXTURES_H
#define PE_CORE_FIXTURES_H

#include "base/memory.h"
#include "core/quad.h"
#include "core/run.h"
#include "core/stream.h"
#include "testing.h"

#include "odd.h"

enum { H = 3, D = 5, B = 2 };

typedef struct inputs {
    int64_t nq, nk;
    double *q, *k, *v;
} inputs;

static inline double *draw(uint64_t number, size_t count)
{
    double *x = pe_allocate(count, sizeof *x, "inputs", NULL);
    pe_core_stream stream;
    pe_core_stream_start(&stream, 2385, "inputs", number);
    for (size_t i = 0; i < count; i++)
        x[i] = pe_core_normal(&stream);
    return x;
}

static inline inputs make_inputs(int64_t nq, int64_t nk)
{
    return (inputs){nq, nk, draw(1, (size_t)(B * H * nq * D)), draw(2, (size_t)(B * H * nk * D)),
                    draw(3, (size_t)(B * H * nk * D))};
}

static inline void release_inputs(inputs *in)
{
    pe_release(in->q);
    pe_release(in->k);
    pe_release(in->v);
}

static inline pe_instance *make_odd(const pe_setting *settings, int count)
{
    *pe_variant_odd.quad_math = &pe_host_quad_math;
    const pe_dims dims = {.heads = H, .head_dim = D};
    pe_instance *instance = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(
        pe_instance_create(&pe_variant_odd, &dims, settings, count, 7, &instance, &err), PE_OK);
    return instance;
}

static inline pe_job job_of(pe_instance *instance, const inputs *in)
{
    return (pe_job){.instance = instance,
                    .precision = PE_DOUBLE,
                    .batch = B,
                    .nq = in->nq,
                    .nk = in->nk,
                    .q = in->q,
                    .k = in->k,
                    .v = in->v};
}

static inline void expect_same_output(const char *what, const pe_wide *a, const pe_wide *b,
                                      double tolerance)
{
    CU_ASSERT_EQUAL_FATAL(a->count, b->count);
    double worst = 0;
    for (size_t i = 0; i < a->count; i++)
        worst = fmax(worst, fabs(pe_wide_difference(a, b, i)));
    PE_NEAR(what, worst, 0, tolerance);
}

#endif
