#include "core/quad.h"

#include <math.h>

#if defined(PE_QUAD_LIBM)
#define NATIVE(f) f##f128
#elif defined(PE_QUAD_LIBQUADMATH)
#define NATIVE(f) f##q
#else
#define NATIVE(f) f##l
#endif

/* Declared here: <quadmath.h> lies in gcc's private folder, and glibc hides its f128 functions from
 * strict C11. */
#define X(f)                                                                                       \
    extern pe_quad NATIVE(f)(pe_quad);                                                             \
    pe_quad pe_quad_##f(pe_quad x)                                                                 \
    {                                                                                              \
        return NATIVE(f)(x);                                                                       \
    }
PE_QUAD_MATH_1(X)
#undef X
#define X(f)                                                                                       \
    extern pe_quad NATIVE(f)(pe_quad, pe_quad);                                                    \
    pe_quad pe_quad_##f(pe_quad x, pe_quad y)                                                      \
    {                                                                                              \
        return NATIVE(f)(x, y);                                                                    \
    }
PE_QUAD_MATH_2(X)
#undef X

const pe_quad_math pe_host_quad_math = {
#define X(f) .f = pe_quad_##f,
    PE_QUAD_MATH_1(X) PE_QUAD_MATH_2(X)
#undef X
};

bool pe_quad_is_reference(void)
{
    pe_quad e = pe_quad_exp(1);
    return PE_QUAD_DIGITS > 64 && e - (pe_quad)(double)e != 0;
}
