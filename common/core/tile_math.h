/* The inner loops of tiles in three precisions: float through the kernels of this processor, double
 * and quad in plain C. Sizes, order and edge cases stand in kernels/kernels.h. Included by tiled.c
 * in each pass of posenc_pass.h. */
#include "kernels/kernels.h"

#undef PE_TILE

#if PE_PASS == 2
#define PE_TILE(name) pe_kernels_now()->name
#else
#define PE_PLAIN(name)  PE(plain_##name)
#define PE_PLAIN_REAL   pe_real
#define PE_PLAIN_EXP(x) pe_exp(x)
#include "kernels/plain.h"
#undef PE_PLAIN
#undef PE_PLAIN_REAL
#undef PE_PLAIN_EXP
#define PE_TILE(name) PE(plain_##name)
#endif
