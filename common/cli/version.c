#include "cli/version.h"

#include "core/lent.h"
#include "core/quad.h"

#include <stddef.h>

/* Present when something else in the program links GSL; this room does not. */
extern const char *gsl_version __attribute__((weak));

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* What the compiler was allowed to use, not what the processor has. */
static const char simd[] = ""
#ifdef __SSE2__
                           "sse2 "
#endif
#ifdef __AVX__
                           "avx "
#endif
#ifdef __AVX2__
                           "avx2 "
#endif
#ifdef __FMA__
                           "fma "
#endif
#ifdef __AVX512F__
                           "avx512f "
#endif
#ifdef __ARM_NEON
                           "neon "
#endif
    ;

json_t *pe_version(void)
{
    const int simd_length = (int)sizeof simd - 1 - (sizeof simd > 1);
    return json_pack("{s:s, s:s, s:s?, s:s, s:s%, s:b, s:i}", "version", PE_VERSION, "compiler",
                     COMPILER, "gsl", &gsl_version ? gsl_version : NULL, "blas", pe_blas_name(),
                     "simd", simd, (size_t)simd_length, "quad", pe_quad_is_reference(), "openmp",
#ifdef _OPENMP
                     _OPENMP
#else
                     0
#endif
    );
}
