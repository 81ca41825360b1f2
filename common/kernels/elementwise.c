#include "kernels/elementwise.h"
#include "kernels/kinds.h"

#include <math.h>
#include <string.h>

/* ---- float: three kinds from one source ------------------------------------------------------ */

/* exp(x) for -80 < x <= 0: k = round(x log2 e), the rest by its series to the seventh power. */
#define PE_EXP(x, result)                                                                          \
    do {                                                                                           \
        const float t_ = (x) < -80 ? -80 : (x);                                                    \
        const float k_ = (t_ * 1.44269504f + 12582912.0f) - 12582912.0f;                           \
        const float r_ = (t_ - k_ * 0.693145752f) - k_ * 1.42860677e-6f;                           \
        float p_ = 1.0f / 5040;                                                                    \
        p_ = p_ * r_ + 1.0f / 720;                                                                 \
        p_ = p_ * r_ + 1.0f / 120;                                                                 \
        p_ = p_ * r_ + 1.0f / 24;                                                                  \
        p_ = p_ * r_ + 1.0f / 6;                                                                   \
        p_ = p_ * r_ + 0.5f;                                                                       \
        p_ = p_ * r_ + 1;                                                                          \
        p_ = p_ * r_ + 1;                                                                          \
        const int32_t bits_ = ((int32_t)k_ + 127) * (1 << 23);                                     \
        float power_;                                                                              \
        memcpy(&power_, &bits_, sizeof power_);                                                    \
        (result) = p_ * power_;                                                                    \
    } while (0)

/* The normal distribution and its density: Abramowitz and Stegun 7.1.26 for erf, |error| < 1.5e-7,
 * whose exponential is the density's. NaN goes through. */
#define PHI(x, distribution, density)                                                              \
    do {                                                                                           \
        const float z_ = ((x) < 0 ? -(x) : (x)) * 0.707106781f;                                    \
        const float u_ = 1 / (1 + 0.3275911f * z_);                                                \
        float e_;                                                                                  \
        PE_EXP(-z_ *z_, e_);                                                                       \
        float q_ = 1.061405429f;                                                                   \
        q_ = q_ * u_ - 1.453152027f;                                                               \
        q_ = q_ * u_ + 1.421413741f;                                                               \
        q_ = q_ * u_ - 0.284496736f;                                                               \
        q_ = q_ * u_ + 0.254829592f;                                                               \
        const float tail_ = 0.5f * q_ * u_ * e_;                                                   \
        (distribution) = (x) < 0 ? tail_ : 1 - tail_;                                              \
        (density) = e_ * 0.398942280f;                                                             \
    } while (0)

#define REAL                    float
#define TYPE(name)              name##_f32
#define SQRT(x)                 sqrtf(x)
#define LOG(x)                  logf(x)
#define LARGEST(x, n)           pe_kernels_now()->largest(x, n)
#define EXPONENTIATE(x, n, top) pe_kernels_now()->exponentiate(x, n, top)

#define HERE
#define KIND(name) name##_portable
#define LANES      4
#include "kernels/elementwise_kind.h"

#ifdef PE_KERNELS_X86
#define HERE       __attribute__((target("avx2,fma")))
#define KIND(name) name##_avx2
#define LANES      8
#include "kernels/elementwise_kind.h"

#define HERE       __attribute__((target("avx512f,avx2,fma")))
#define KIND(name) name##_avx512
#define LANES      16
#include "kernels/elementwise_kind.h"
#endif

#undef REAL
#undef TYPE
#undef SQRT
#undef LOG
#undef LARGEST
#undef EXPONENTIATE
#undef PHI

const pe_elementwise_f32 *pe_elementwise_now_f32(void)
{
#ifdef PE_KERNELS_X86
    const char *name = pe_kernels_now()->name;
    if (strcmp(name, "avx512") == 0)
        return &set_avx512;
    if (strcmp(name, "avx2") == 0)
        return &set_avx2;
#endif
    return &set_portable;
}

/* ---- double ---------------------------------------------------------------------------------- */

static double largest_f64(const double *x, int n)
{
    double most = x[0];
    for (int i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static double exponentiate_f64(double *x, int n, double top)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] = exp(x[i] - top);
    return sum;
}

#define PHI(x, distribution, density)                                                              \
    do {                                                                                           \
        (distribution) = 0.5 * erfc(-(x)*0.70710678118654752440);                                  \
        (density) = exp(-0.5 * (x) * (x)) * 0.39894228040143267794;                                \
    } while (0)
#define REAL                    double
#define TYPE(name)              name##_f64
#define SQRT(x)                 sqrt(x)
#define LOG(x)                  log(x)
#define LARGEST(x, n)           largest_f64(x, n)
#define EXPONENTIATE(x, n, top) exponentiate_f64(x, n, top)
#define HERE
#define KIND(name) name##_double
#define LANES      2
#include "kernels/elementwise_kind.h"

const pe_elementwise_f64 *pe_elementwise_now_f64(void)
{
    return &set_double;
}
