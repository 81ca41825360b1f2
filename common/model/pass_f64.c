/* The passes through the network in double. */
#include "base/memory.h"
#include "core/gradient.h"
#include "core/lent.h"
#include "core/stream.h"
#include "kernels/elementwise.h"
#include "model/inside.h"
#include "model/pass.h"

#include <omp.h>
#include <string.h>

#define REAL      double
#define PRECISION PE_DOUBLE
#define OPS       f64
#define M(name)   name##_f64
#include "model/pass_typed.h"
