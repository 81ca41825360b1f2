/* The passes through the network in float. */
#include "base/memory.h"
#include "core/gradient.h"
#include "core/lent.h"
#include "core/stream.h"
#include "kernels/elementwise.h"
#include "model/inside.h"
#include "model/pass.h"

#include <omp.h>
#include <string.h>

#define REAL      float
#define PRECISION PE_FLOAT
#define OPS       f32
#define M(name)   name##_f32
#include "model/pass_typed.h"
