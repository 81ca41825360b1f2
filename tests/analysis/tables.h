/* Tables and matrices that the tests of this folder build themselves, by plain loops, and the loop
 * that fails every allocation in turn. */
#ifndef PE_TESTS_ANALYSIS_TABLES_H
#define PE_TESTS_ANALYSIS_TABLES_H

#include "analysis/start.h"
#include "base/memory.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__attribute__((constructor)) static void turn_gsl_aborts_off(void)
{
    pe_analysis_start();
}

/* Half a unit of the last digit of a number printed with that many decimals: the best agreement
 * that a printed value can be held to. */
#define PRINTED(decimals) (0.5 * pow(10.0, -(decimals)) * (1.0 + 1e-9))

static inline double *numbers(size_t n)
{
    double *x = calloc(n ? n : 1, sizeof *x);
    if (!x)
        abort();
    return x;
}

/* P (T,d): sine in column 2i, cosine in 2i+1, w_i = base^(-2i/d). Owned by the caller: free(). */
static inline double *sine_table(size_t T, size_t d, double base)
{
    double *P = numbers(T * d);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < d / 2; i++) {
            double angle = (double)t / pow(base, 2.0 * (double)i / (double)d);
            P[t * d + 2 * i] = sin(angle);
            P[t * d + 2 * i + 1] = cos(angle);
        }
    return P;
}

/* A (T,d) times B (T,d) transposed. */
static inline double *products(const double *A, const double *B, size_t T, size_t d)
{
    double *M = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++)
            for (size_t c = 0; c < d; c++)
                M[i * T + j] += A[i * d + c] * B[j * d + c];
    return M;
}

/* P W P^T for the (T,T) table of sines; W is (T,T). */
static inline double *projected(const double *W, size_t T)
{
    double *P = sine_table(T, T, 1e4), *PW = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++)
            for (size_t c = 0; c < T; c++)
                PW[i * T + j] += P[i * T + c] * W[c * T + j];
    double *M = products(PW, P, T, T);
    free(P);
    free(PW);
    return M;
}

/* -m |i - j| */
static inline double *linear_bias(size_t T, double m)
{
    double *M = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++)
            M[i * T + j] = -m * fabs((double)i - (double)j);
    return M;
}

static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* call is an expression of type pe_status. It must end with PE_MEMORY and nothing leaked for every
 * number of allocations let through, until it succeeds; undo releases what success owns. */
#define FAIL_EVERY_ALLOCATION(call, undo)                                                          \
    do {                                                                                           \
        long owned = pe_live_blocks(), allowed = 0;                                                \
        for (;; allowed++) {                                                                       \
            pe_fail_allocations_after(allowed);                                                    \
            pe_status status = (call);                                                             \
            pe_fail_allocations_after(-1);                                                         \
            if (status == PE_OK)                                                                   \
                break;                                                                             \
            CU_ASSERT_EQUAL_FATAL(status, PE_MEMORY);                                              \
            CU_ASSERT_EQUAL(pe_live_blocks(), owned);                                              \
        }                                                                                          \
        undo;                                                                                      \
        CU_ASSERT_TRUE(allowed > 0);                                                               \
        CU_ASSERT_EQUAL(pe_live_blocks(), owned);                                                  \
    } while (0)

#define OK(call)              CU_ASSERT_EQUAL_FATAL((call), PE_OK)
#define REFUSED(call, status) CU_ASSERT_EQUAL((call), (status))

#endif
