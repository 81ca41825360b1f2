/* Kernels for any processor. */
#include "kernels/kinds.h"

#include <math.h>

#define PE_PLAIN(name)  plain_##name
#define PE_PLAIN_REAL   float
#define PE_PLAIN_EXP(x) expf(x)
#include "kernels/plain.h"

static void add_moments(double *sum, double *square, const float *x, int n)
{
    for (int j = 0; j < n; j++) {
        const double value = (double)x[j];
        sum[j] += value;
        square[j] += value * value;
    }
}

static void turn(int n, const float *angle, float *sine, float *cosine)
{
    for (int j = 0; j < n; j++) {
        const double x = (double)angle[j];
        sine[j] = (float)sin(x);
        cosine[j] = (float)cos(x);
    }
}

const pe_kernels pe_kernels_portable = {
    .name = "portable",
    .pack = plain_pack,
    .times_panels = plain_times_panels,
    .add_product = plain_add_product,
    .add_transposed = plain_add_transposed,
    .largest = plain_largest,
    .exponentiate = plain_exponentiate,
    .add = plain_add,
    .add_constant = plain_add_constant,
    .sum = plain_sum,
    .add_moments = add_moments,
    .gather = plain_gather,
    .turn = turn,
};
