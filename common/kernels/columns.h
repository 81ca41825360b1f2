/* add_product and add_transposed from blocks, for kernels with vectors: include with HERE, ROWS,
 * BLOCK (the columns of a block), VECTOR (half of them), COPIED and add_block set. Private to this
 * room. */
#include <string.h>

/* a has its element (i, p) at i row + p step. */
HERE static void add_columns(int m, int wide, int k, const float *a, size_t row, size_t step,
                             const float *b, size_t ldb, float *c, int ldc)
{
    for (int i = 0; i < m; i += ROWS)
        add_block(m - i < ROWS ? m - i : ROWS, wide, k, 1, a + (size_t)i * row, row, step, b, ldb,
                  c + (size_t)i * (size_t)ldc, ldc);
}

/* The last columns, fewer than half a block has, from a copy with room beyond them. */
static void add_last_columns(int m, int wide, int k, const float *a, size_t row, size_t step,
                             const float *b, int ldb, float *c, int ldc)
{
    float copy[COPIED * VECTOR];
    memset(copy, 0, (size_t)(k < COPIED ? k : COPIED) * VECTOR * sizeof *copy);
    for (int from = 0; from < k; from += COPIED) {
        const int n = k - from < COPIED ? k - from : COPIED;
        for (int p = 0; p < n; p++)
            memcpy(copy + p * VECTOR, b + (size_t)(from + p) * (size_t)ldb,
                   (size_t)wide * sizeof *copy);
        add_columns(m, wide, n, a + (size_t)from * step, row, step, copy, VECTOR, c, ldc);
    }
}

static void add_any(int m, int n, int k, const float *a, size_t row, size_t step, const float *b,
                    int ldb, float *c, int ldc)
{
    int j = 0;
    for (; j + BLOCK <= n; j += BLOCK)
        add_columns(m, BLOCK, k, a, row, step, b + j, (size_t)ldb, c + j, ldc);
    if (j + VECTOR <= n) {
        add_columns(m, VECTOR, k, a, row, step, b + j, (size_t)ldb, c + j, ldc);
        j += VECTOR;
    }
    if (j < n)
        add_last_columns(m, n - j, k, a, row, step, b + j, ldb, c + j, ldc);
}

static void add_product(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                        float *c, int ldc)
{
    add_any(m, n, k, a, (size_t)lda, 1, b, ldb, c, ldc);
}

static void add_transposed(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                           float *c, int ldc)
{
    add_any(m, n, k, a, 1, (size_t)lda, b, ldb, c, ldc);
}
