/* The kinds of kernels. Private to this room. */
#ifndef PE_KERNELS_KINDS_H
#define PE_KERNELS_KINDS_H

#include "kernels/kernels.h"

extern const pe_kernels pe_kernels_portable;
#if defined(__x86_64__) && defined(__GNUC__)
#define PE_KERNELS_X86
extern const pe_kernels pe_kernels_avx2, pe_kernels_avx512;
#endif

#endif
