#include "core/lent.h"
#include "core/quad.h"
#include "core/quad_dot.h"
#include "kernels/kernels.h"
#include "numbers/exact.h"
#include "numbers/format.h"

#ifdef PE_HAVE_CBLAS
#include <cblas.h>
extern char *openblas_get_config(void);
extern void openblas_set_num_threads(int threads);
#endif

#include <math.h>
#include <pthread.h>

/* In quad there is no library; inner products are exact until they are rounded. */
static void gemm_f128(bool ta, bool tb, int m, int n, int k, pe_quad alpha, const pe_quad *a,
                      int lda, const pe_quad *b, int ldb, pe_quad beta, pe_quad *c, int ldc)
{
    const ptrdiff_t a_row = ta ? 1 : lda, a_step = ta ? lda : 1;
    const ptrdiff_t b_column = tb ? ldb : 1, b_step = tb ? 1 : ldb;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            const pe_quad sum = pe_quad_dot(k, a + i * a_row, a_step, b + j * b_column, b_step);
            pe_quad *at = &c[(ptrdiff_t)i * ldc + j];
            *at = beta == 0 ? alpha * sum : alpha * sum + beta * *at;
        }
}

#ifdef PE_HAVE_CBLAS
/* Our threads own the work (one worker per head), so each worker's BLAS stays single-threaded:
 * OpenBLAS's own threads are slower on every shape this project has (PERFORMANCE.md, section 1). */
static pthread_once_t blas_started = PTHREAD_ONCE_INIT;
static void start_blas(void)
{
    openblas_set_num_threads(1);
}

#define BLAS_GEMM(suffix, real, call)                                                              \
    static void gemm_##suffix(bool ta, bool tb, int m, int n, int k, real alpha, const real *a,    \
                              int lda, const real *b, int ldb, real beta, real *c, int ldc)        \
    {                                                                                              \
        pthread_once(&blas_started, start_blas);                                                   \
        call(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,  \
             k, alpha, a, lda, b, ldb, beta, c, ldc);                                              \
    }
BLAS_GEMM(f64, double, cblas_dgemm)
BLAS_GEMM(f32, float, cblas_sgemm)

const char *pe_blas_name(void)
{
    return openblas_get_config();
}
#else
/* The product, straight from the definition. */
#define PLAIN_GEMM(suffix, real)                                                                   \
    static void plain_gemm_##suffix(bool ta, bool tb, int m, int n, int k, real alpha,             \
                                    const real *a, int lda, const real *b, int ldb, real beta,     \
                                    real *c, int ldc)                                              \
    {                                                                                              \
        for (int i = 0; i < m; i++)                                                                \
            for (int j = 0; j < n; j++) {                                                          \
                real sum = 0;                                                                      \
                for (int p = 0; p < k; p++)                                                        \
                    sum += a[ta ? (size_t)p * (size_t)lda + (size_t)i                              \
                                : (size_t)i * (size_t)lda + (size_t)p] *                           \
                           b[tb ? (size_t)j * (size_t)ldb + (size_t)p                              \
                                : (size_t)p * (size_t)ldb + (size_t)j];                            \
                real *at = &c[(size_t)i * (size_t)ldc + (size_t)j];                                \
                *at = beta == 0 ? alpha * sum : alpha * sum + beta * *at;                          \
            }                                                                                      \
    }

PLAIN_GEMM(f64, double)
PLAIN_GEMM(f32, float)
#define gemm_f64 plain_gemm_f64
#define gemm_f32 plain_gemm_f32

const char *pe_blas_name(void)
{
    return "plain loops";
}
#endif

#define EXACT(suffix, real)                                                                        \
    static void exact_##suffix(const pe_frequency *frequency, size_t n, const double *position,    \
                               real *sine, real *cosine, size_t stride)                            \
    {                                                                                              \
        pe_turns turns;                                                                            \
        pe_turns_prepare(&turns, frequency);                                                       \
        pe_exact_##suffix(&turns, n, position, sine, cosine, stride);                              \
    }
EXACT(f64, double)
EXACT(f32, float)
EXACT(f128, pe_quad)

#define TURN(suffix, real, sine_of, cosine_of)                                                     \
    static void turn_##suffix(int n, const real *angle, real *sine, real *cosine)                  \
    {                                                                                              \
        for (int i = 0; i < n; i++) {                                                              \
            const real x = angle[i]; /* the results may take its place */                          \
            sine[i] = sine_of(x);                                                                  \
            cosine[i] = cosine_of(x);                                                              \
        }                                                                                          \
    }
TURN(f64, double, sin, cos)
TURN(f128, pe_quad, pe_quad_sin, pe_quad_cos)

static void turn_f32(int n, const float *angle, float *sine, float *cosine)
{
    pe_kernels_now()->turn(n, angle, sine, cosine);
}

const pe_lent_f64 pe_lend_f64 = {gemm_f64, pe_round_array_f64, exact_f64, turn_f64};
const pe_lent_f32 pe_lend_f32 = {gemm_f32, pe_round_array_f32, exact_f32, turn_f32};
const pe_lent_f128 pe_lend_f128 = {gemm_f128, pe_round_array_f128, exact_f128, turn_f128};
