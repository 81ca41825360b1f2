/* Quad mathematics of the host: one name for glibc's sinf128, libquadmath's sinq or long double's
 * sinl, whichever CMake found. Core code in quad calls these directly (see PE_CORE in
 * posenc_pass.h); modules get them as a table. */
#ifndef PE_CORE_QUAD_H
#define PE_CORE_QUAD_H

#include "posenc_types.h"

#include <stdbool.h>

#define X(f) pe_quad pe_quad_##f(pe_quad x);
PE_QUAD_MATH_1(X)
#undef X
#define X(f) pe_quad pe_quad_##f(pe_quad x, pe_quad y);
PE_QUAD_MATH_2(X)
#undef X

extern const pe_quad_math pe_host_quad_math;

/* Is the quad pass a reference? False where it has no more digits than double, or where the library
 * returns double results in a wider type (wasi-libc's expl). Reports say "quad: no" then. */
bool pe_quad_is_reference(void);

#endif
