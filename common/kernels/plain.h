/* The kernels in plain C, whose inner loops a compiler can vectorise, for any processor and any
 * real type: include with PE_PLAIN(name), PE_PLAIN_REAL and PE_PLAIN_EXP(x) set. What they do
 * stands in kernels.h. No include guard: each type includes it once. */
#include "kernels/kernels.h"

#include <string.h>

#ifndef PE_PLAIN_LANES
#define PE_PLAIN_LANES 8 /* partial results of a row */
#endif

static inline void PE_PLAIN(pack)(int n, int k, const PE_PLAIN_REAL *b, int ldb,
                                  PE_PLAIN_REAL *panels)
{
    for (int first = 0; first < n; first += PE_PANEL, panels += (size_t)k * PE_PANEL) {
        const int wide = n - first < PE_PANEL ? n - first : PE_PANEL;
        memset(panels, 0, (size_t)k * PE_PANEL * sizeof *panels);
        for (int j = 0; j < wide; j++)
            for (int c = 0; c < k; c++)
                panels[(size_t)c * PE_PANEL + (size_t)j] =
                    b[(size_t)(first + j) * (size_t)ldb + (size_t)c];
    }
}

/* One row of one panel. */
static inline void PE_PLAIN(row_times_panel)(int wide, int k, PE_PLAIN_REAL alpha,
                                             const PE_PLAIN_REAL *a, const PE_PLAIN_REAL *panel,
                                             PE_PLAIN_REAL *c)
{
    PE_PLAIN_REAL sum[PE_PANEL] = {0};
    for (int p = 0; p < k; p++)
        for (int j = 0; j < PE_PANEL; j++)
            sum[j] += a[p] * panel[(size_t)p * PE_PANEL + (size_t)j];
    for (int j = 0; j < wide; j++)
        c[j] = alpha * sum[j];
}

static inline void PE_PLAIN(times_panels)(int m, int n, int k, PE_PLAIN_REAL alpha,
                                          const PE_PLAIN_REAL *a, int lda,
                                          const PE_PLAIN_REAL *panels, PE_PLAIN_REAL *c, int ldc)
{
    for (int first = 0; first < n; first += PE_PANEL, panels += (size_t)k * PE_PANEL)
        for (int i = 0; i < m; i++)
            PE_PLAIN(row_times_panel)
    (n - first < PE_PANEL ? n - first : PE_PANEL, k, alpha, a + (size_t)i * (size_t)lda, panels,
     c + (size_t)i * (size_t)ldc + first);
}

static inline void PE_PLAIN(add_product)(int m, int n, int k, const PE_PLAIN_REAL *a, int lda,
                                         const PE_PLAIN_REAL *b, int ldb, PE_PLAIN_REAL *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int p = 0; p < k; p++) {
            const PE_PLAIN_REAL x = a[(size_t)i * (size_t)lda + (size_t)p];
            const PE_PLAIN_REAL *row = b + (size_t)p * (size_t)ldb;
            PE_PLAIN_REAL *out = c + (size_t)i * (size_t)ldc;
            for (int j = 0; j < n; j++)
                out[j] += x * row[j];
        }
}

static inline void PE_PLAIN(add_transposed)(int m, int n, int k, const PE_PLAIN_REAL *a, int lda,
                                            const PE_PLAIN_REAL *b, int ldb, PE_PLAIN_REAL *c,
                                            int ldc)
{
    for (int p = 0; p < k; p++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++)
                c[(size_t)i * (size_t)ldc + (size_t)j] +=
                    a[(size_t)p * (size_t)lda + (size_t)i] * b[(size_t)p * (size_t)ldb + (size_t)j];
}

/* Lanes, because one running maximum would make every step wait for the last. */
static inline PE_PLAIN_REAL PE_PLAIN(largest)(const PE_PLAIN_REAL *x, int n)
{
    PE_PLAIN_REAL lane[PE_PLAIN_LANES];
    int j = 0;
    for (int l = 0; l < PE_PLAIN_LANES; l++)
        lane[l] = x[0];
    for (; j + PE_PLAIN_LANES <= n; j += PE_PLAIN_LANES)
        for (int l = 0; l < PE_PLAIN_LANES; l++)
            lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
    for (; j < n; j++)
        lane[0] = x[j] > lane[0] ? x[j] : lane[0];
    for (int l = 1; l < PE_PLAIN_LANES; l++)
        lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
    return lane[0];
}

static inline void PE_PLAIN(add)(PE_PLAIN_REAL *y, const PE_PLAIN_REAL *x, int n)
{
    for (int j = 0; j < n; j++)
        y[j] += x[j];
}

static inline void PE_PLAIN(add_constant)(PE_PLAIN_REAL *y, PE_PLAIN_REAL x, int n)
{
    for (int j = 0; j < n; j++)
        y[j] += x;
}

static inline PE_PLAIN_REAL PE_PLAIN(sum)(const PE_PLAIN_REAL *x, int n)
{
    PE_PLAIN_REAL lane[PE_PLAIN_LANES] = {0};
    for (int j = 0; j < n; j++)
        lane[j % PE_PLAIN_LANES] += x[j];
    for (int l = 1; l < PE_PLAIN_LANES; l++)
        lane[0] += lane[l];
    return lane[0];
}

static inline PE_PLAIN_REAL PE_PLAIN(exponentiate)(PE_PLAIN_REAL *x, int n, PE_PLAIN_REAL top)
{
    for (int j = 0; j < n; j++)
        x[j] = PE_PLAIN_EXP(x[j] - top);
    return PE_PLAIN(sum)(x, n);
}

static inline void PE_PLAIN(gather)(int64_t tokens, int n, const int64_t *ids,
                                    const PE_PLAIN_REAL *table, PE_PLAIN_REAL scale,
                                    const PE_PLAIN_REAL *code, PE_PLAIN_REAL *out, int64_t ld_out,
                                    bool stream)
{
    (void)stream;
    for (int64_t t = 0; t < tokens; t++) {
        const PE_PLAIN_REAL *row = table + ids[t] * n, *add = code ? code + t * n : NULL;
        for (int c = 0; add && c < n; c++)
            out[t * ld_out + c] = row[c] * scale + add[c];
        for (int c = 0; !add && c < n; c++)
            out[t * ld_out + c] = row[c] * scale;
    }
}
