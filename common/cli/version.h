/* What this program is made of. */
#ifndef PE_CLI_VERSION_H
#define PE_CLI_VERSION_H

#include <jansson.h>

/* PE_VERSION, "0.1.0", comes from the project() line of CMakeLists.txt. */

/* {"version", "compiler", "gsl", "blas", "simd", "quad", "openmp"}: a new reference, NULL when
 * there is no memory. "gsl" is null in a program that does not link it; "quad" says whether the
 * quad pass is a reference (core/quad.h). */
json_t *pe_version(void);

#endif
