/* The inner loops of tiled attention in float, for the processor at hand: AVX-512, AVX2 with FMA,
 * or portable C. Chosen once, at the first call; POSENC_KERNELS=portable|avx2|avx512 in the
 * environment chooses another one that the processor has.
 *
 * Matrices are row-major with row strides ld*; all sizes are >= 0. Results of one kind of kernels
 * are the same bytes on every call; kinds differ by rounding, since fused multiply-add rounds once.
 * Every product sums in the order of its inner index. */
#ifndef PE_KERNELS_H
#define PE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of a packed panel, the same for all kinds so that packed data can be shared. */
enum { PE_PANEL = 32 };

typedef struct pe_kernels {
    const char *name; /* "avx512" */

    /* Rows b (n, k) to panels (ceil(n / PE_PANEL), k, PE_PANEL): panel[p][c][j] = b[32 p + j][c],
     * zero beyond the last row. */
    void (*pack)(int n, int k, const float *b, int ldb, float *panels);

    /* c (m, n) = alpha * a (m, k) . rows^T, with the first n rows of `panels` (k columns each). */
    void (*times_panels)(int m, int n, int k, float alpha, const float *a, int lda,
                         const float *panels, float *c, int ldc);

    /* c (m, n) += a (m, k) . b (k, n). */
    void (*add_product)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                        float *c, int ldc);

    /* c (m, n) += a (k, m)^T . b (k, n). */
    void (*add_transposed)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                           float *c, int ldc);

    /* Largest of n >= 1 numbers; NaN is passed over unless it comes first. */
    float (*largest)(const float *x, int n);

    /* x = exp(x - top) for n numbers, and their sum. NaN stays NaN; -inf gives 0. Relative error
     * below 2e-7 for results that are normal numbers. */
    float (*exponentiate)(float *x, int n, float top);

    /* y += x for n numbers, an array or one constant. */
    void (*add)(float *y, const float *x, int n);
    void (*add_constant)(float *y, float x, int n);

    /* Sum of n numbers, in an order that depends on n alone. */
    float (*sum)(const float *x, int n);

    /* sum += x and square += x * x for n numbers, in double. */
    void (*add_moments)(double *sum, double *square, const float *x, int n);

    /* out (tokens, ld_out) = scale * table (., n) at the rows ids, plus code (tokens, n) unless it
     * is NULL: one product and one sum, each rounded. `stream`: out is too large for the caches, so
     * it is written past them where its rows are aligned to 64 bytes. */
    void (*gather)(int64_t tokens, int n, const int64_t *ids, const float *table, float scale,
                   const float *code, float *out, int64_t ld_out, bool stream);

    /* Sine and cosine of n angles in radians, within 0.501 ulp; either may take the place of the
     * angles. Infinity and NaN give NaN. */
    void (*turn)(int n, const float *angle, float *sine, float *cosine);
} pe_kernels;

/* The kernels in use. */
const pe_kernels *pe_kernels_now(void);

/* Use the kernels of this name from now on; false when they are unknown or the processor lacks
 * them. Not while other threads compute. */
bool pe_kernels_use(const char *name);

/* The names that this processor can use, the fastest first; NULL beyond the last. */
const char *pe_kernels_name(size_t at);

#endif
