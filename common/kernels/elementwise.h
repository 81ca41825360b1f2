/* What a transformer does between its matrix products, forward and backward, in float for the
 * processor at hand (the kind of kernels.h) and in double plainly. Pure functions of their
 * arguments: the same kind gives the same bytes. */
#ifndef PE_KERNELS_ELEMENTWISE_H
#define PE_KERNELS_ELEMENTWISE_H

#include "kernels/kernels.h"

#define PE_E(name) name##_f32
#define PE_E_REAL  float
#include "kernels/elementwise_types.h"
#undef PE_E
#undef PE_E_REAL
#define PE_E(name) name##_f64
#define PE_E_REAL  double
#include "kernels/elementwise_types.h"
#undef PE_E
#undef PE_E_REAL

const pe_elementwise_f32 *pe_elementwise_now_f32(void);
const pe_elementwise_f64 *pe_elementwise_now_f64(void);

#endif
