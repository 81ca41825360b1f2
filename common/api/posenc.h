/* SPDX-License-Identifier: MIT
 *
 * posenc.h: write a positional encoding in one file.
 *
 *     #include "posenc.h"
 *     #ifdef PE_FIRST                      // once: options, parameters, setup
 *     static bool setup(pe_setup *s) { ... }
 *     #endif
 *     static void PE(embed)(const pe_call *c, int n, const double *x, pe_real *rows) { ... }
 *     static const pe_ops PE(ops) = {.embed = PE(embed)};
 *     PE_VARIANT(NAME, .title = "...", .source = "arXiv:..., eq. (1)", .setup = setup);
 *     #include PE_NEXT("NAME.c")           // this file again, for the next precision
 *
 * The file includes itself twice more and exists afterwards in three precisions (double, float,
 * quad), from one source. Hook code is written in `pe_real` with `pe_sin`, `pe_exp`, ... Integers
 * (`1 + x`, `2 * k`) are exact in every precision; every fraction is written `PE_C(0.5)`.
 * A stranger builds a module with
 *
 *     cc -shared -fPIC -I INCLUDE NAME.c -o NAME.so -lm
 *
 * (add -Wfatal-errors while writing: each mistake would otherwise be reported three times).
 * This header is for C, not C++. The types and the meaning of every hook: posenc_types.h and
 * posenc_hooks.h, beside this file. */

#include "posenc_types.h"
#include "posenc_pass.h"
