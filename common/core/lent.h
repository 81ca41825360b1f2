/* What the host lends to hooks, in three precisions: matrix product, rounding to a storage format,
 * exact sinusoids (posenc_hooks.h says what each must do). The core uses the same functions. */
#ifndef PE_CORE_LENT_H
#define PE_CORE_LENT_H

#include "posenc_types.h"

extern const pe_lent_f64 pe_lend_f64;
extern const pe_lent_f32 pe_lend_f32;
extern const pe_lent_f128 pe_lend_f128;

/* Name of the matrix product behind gemm, for run.json: "OpenBLAS ..." or "plain loops". */
const char *pe_blas_name(void);

#endif
