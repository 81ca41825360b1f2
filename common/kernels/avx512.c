/* Kernels for AVX-512: blocks of 8 rows times 32 columns in 16 registers, each element of a
 * broadcast from memory. */
#include "kernels/kinds.h"
#include "kernels/series.h"

#ifdef PE_KERNELS_X86
#include <immintrin.h>
#include <math.h>

#define HERE        __attribute__((target("avx512f,avx2,fma")))
#define HERE_INLINE static inline __attribute__((always_inline, target("avx512f,avx2,fma")))

enum { ROWS = 8, VECTOR = 16, BLOCK = 2 * VECTOR, COPIED = 128 };

HERE_INLINE __mmask16 first_lanes(int n)
{
    const unsigned lanes = n >= VECTOR ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u;
    return (__mmask16)lanes; /* one cast: GCC finds more of them narrowing under UBSan */
}

/* Four rows of a square of 16 x 16: the p-th 128 bits of four[c] get column 4 p + c of them. */
HERE_INLINE void turn_four_rows(const __m512 row[4], __m512 four[4])
{
    const __m512 a = _mm512_unpacklo_ps(row[0], row[1]), b = _mm512_unpackhi_ps(row[0], row[1]);
    const __m512 c = _mm512_unpacklo_ps(row[2], row[3]), d = _mm512_unpackhi_ps(row[2], row[3]);
    const __m512d x[] = {_mm512_castps_pd(a), _mm512_castps_pd(b)};
    const __m512d y[] = {_mm512_castps_pd(c), _mm512_castps_pd(d)};
    for (int half = 0; half < 2; half++) {
        four[2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(x[half], y[half]));
        four[2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x[half], y[half]));
    }
}

/* four[c] of all rows, top to bottom, to the whole columns c, 4 + c, 8 + c, 12 + c. */
HERE_INLINE void join_parts(const __m512 part[4], __m512 column[4])
{
    const __m512 even[] = {_mm512_shuffle_f32x4(part[0], part[1], 0x88),
                           _mm512_shuffle_f32x4(part[2], part[3], 0x88)};
    const __m512 odd[] = {_mm512_shuffle_f32x4(part[0], part[1], 0xdd),
                          _mm512_shuffle_f32x4(part[2], part[3], 0xdd)};
    column[0] = _mm512_shuffle_f32x4(even[0], even[1], 0x88);
    column[1] = _mm512_shuffle_f32x4(odd[0], odd[1], 0x88);
    column[2] = _mm512_shuffle_f32x4(even[0], even[1], 0xdd);
    column[3] = _mm512_shuffle_f32x4(odd[0], odd[1], 0xdd);
}

/* Up to 16 rows and 16 columns of b, each column (with 0 for rows that are missing) to a row of the
 * panel. */
HERE_INLINE void pack_square(int rows, int columns, const float *b, size_t ldb, float *panel)
{
    const __mmask16 mask = first_lanes(columns);
    __m512 four[4][4];
    for (int g = 0; g < 4; g++) {
        __m512 row[4];
        for (int r = 0; r < 4; r++)
            row[r] = 4 * g + r < rows ? _mm512_maskz_loadu_ps(mask, b + (size_t)(4 * g + r) * ldb)
                                      : _mm512_setzero_ps();
        turn_four_rows(row, four[g]);
    }
    for (int c = 0; c < 4; c++) {
        const __m512 part[] = {four[0][c], four[1][c], four[2][c], four[3][c]};
        __m512 column[4];
        join_parts(part, column);
        for (int p = 0; p < 4; p++)
            if (4 * p + c < columns)
                _mm512_storeu_ps(panel + (4 * p + c) * PE_PANEL, column[p]);
    }
}

HERE static void pack(int n, int k, const float *b, int ldb, float *panels)
{
    for (int first = 0; first < n; first += VECTOR) {
        const float *from = b + (size_t)first * (size_t)ldb;
        float *to = panels + (size_t)(first / PE_PANEL) * PE_PANEL * (size_t)k + first % PE_PANEL;
        for (int c = 0; c < k; c += VECTOR, from += VECTOR, to += VECTOR * PE_PANEL)
            if (n - first >= VECTOR && k - c >= VECTOR)
                pack_square(VECTOR, VECTOR, from, (size_t)ldb, to);
            else
                pack_square(n - first, k - c, from, (size_t)ldb, to);
    }
    if (n % PE_PANEL && n % PE_PANEL <= VECTOR) /* the second half of the last panel */
        for (int c = 0; c < k; c++)
            _mm512_storeu_ps(panels + ((size_t)(n / PE_PANEL) * (size_t)k + (size_t)c) * PE_PANEL +
                                 VECTOR,
                             _mm512_setzero_ps());
}

/* A block of `rows` (a constant after inlining) times up to 32 columns, or up to 16 when not
 * `both`: c = alpha times the product, or with `add` c += the product. Element (r, p) of a stands
 * at r row + p step. All 32 or 16 columns of b may be read: loads with a mask would run at 0.4 of
 * the speed. */
HERE_INLINE void block(const int rows, const bool both, const bool add, int wide, int k,
                       float alpha, const float *a, size_t row, size_t step, const float *b,
                       size_t ldb, float *c, int ldc)
{
    const __mmask16 left = first_lanes(wide), right = first_lanes(wide - VECTOR);
    __m512 x[ROWS], y[ROWS];
    for (int r = 0; r < rows; r++) {
        float *at = c + (size_t)r * (size_t)ldc;
        x[r] = add ? _mm512_maskz_loadu_ps(left, at) : _mm512_setzero_ps();
        if (both)
            y[r] = add ? _mm512_maskz_loadu_ps(right, at + VECTOR) : _mm512_setzero_ps();
    }
    for (int p = 0; p < k; p++, a += step, b += ldb) {
        const __m512 b0 = _mm512_loadu_ps(b), b1 = both ? _mm512_loadu_ps(b + VECTOR) : b0;
        for (int r = 0; r < rows; r++) {
            const __m512 v = _mm512_set1_ps(a[(size_t)r * row]);
            x[r] = _mm512_fmadd_ps(v, b0, x[r]);
            if (both)
                y[r] = _mm512_fmadd_ps(v, b1, y[r]);
        }
    }
    for (int r = 0; r < rows; r++) {
        float *at = c + (size_t)r * (size_t)ldc;
        const __m512 factor = _mm512_set1_ps(alpha);
        _mm512_mask_storeu_ps(at, left, add ? x[r] : _mm512_mul_ps(factor, x[r]));
        if (both)
            _mm512_mask_storeu_ps(at + VECTOR, right, add ? y[r] : _mm512_mul_ps(factor, y[r]));
    }
}

#define CASE(count, add)                                                                           \
    case count:                                                                                    \
        if (wide > VECTOR)                                                                         \
            block(count, true, add, wide, k, alpha, a, row, step, b, ldb, c, ldc);                 \
        else                                                                                       \
            block(count, false, add, wide, k, alpha, a, row, step, b, ldb, c, ldc);                \
        break;
#define BLOCKS(add)                                                                                \
    switch (rows) {                                                                                \
        CASE(1, add)                                                                               \
        CASE(2, add)                                                                               \
        CASE(3, add)                                                                               \
        CASE(4, add)                                                                               \
        CASE(5, add)                                                                               \
        CASE(6, add)                                                                               \
        CASE(7, add)                                                                               \
        CASE(8, add)                                                                               \
    }

HERE static void set_block(int rows, int wide, int k, float alpha, const float *a, size_t row,
                           size_t step, const float *b, size_t ldb, float *c,
                           int ldc){BLOCKS(false)}

HERE static void add_block(int rows, int wide, int k, float alpha, const float *a, size_t row,
                           size_t step, const float *b, size_t ldb, float *c, int ldc){BLOCKS(true)}

HERE static void times_panels(int m, int n, int k, float alpha, const float *a, int lda,
                              const float *panels, float *c, int ldc)
{
    for (int j = 0; j < n; j += PE_PANEL, panels += (size_t)k * PE_PANEL)
        for (int i = 0; i < m; i += ROWS)
            set_block(m - i < ROWS ? m - i : ROWS, n - j, k, alpha, a + (size_t)i * (size_t)lda,
                      (size_t)lda, 1, panels, PE_PANEL, c + (size_t)i * (size_t)ldc + j, ldc);
}

#include "kernels/columns.h"

/* max_ps gives its second operand when one is NaN. */
HERE static float largest(const float *x, int n)
{
    __m512 most = _mm512_set1_ps(x[0]);
    for (int j = 0; j < n; j += VECTOR)
        most = _mm512_max_ps(_mm512_mask_loadu_ps(most, first_lanes(n - j), x + j), most);
    float lane[VECTOR], found;
    _mm512_storeu_ps(lane, most);
    found = lane[0];
    for (int l = 1; l < VECTOR; l++)
        found = lane[l] > found ? lane[l] : found;
    return found;
}

/* exp(x) = 2^n exp(r), r = x - n ln 2 in two parts, |r| <= ln(2)/2. */
HERE_INLINE __m512 exponential(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-150), x); /* NaN second: it stays */
    x = _mm512_min_ps(_mm512_set1_ps(100), x);
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6f), r);
    __m512 p = _mm512_set1_ps(PE_EXP_6);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(PE_EXP_5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(PE_EXP_4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(PE_EXP_3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(PE_EXP_2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_scalef_ps(p, n);
}

/* Lane l and lane l + 8, then l + 4, l + 2 and l + 1. */
HERE_INLINE float across(__m512 sum)
{
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sum), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sum), upper);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

HERE static float exponentiate(float *x, int n, float top)
{
    const __m512 shift = _mm512_set1_ps(top);
    __m512 sum = _mm512_setzero_ps();
    int j = 0;
    for (; j + VECTOR <= n; j += VECTOR) {
        const __m512 e = exponential(_mm512_sub_ps(_mm512_loadu_ps(x + j), shift));
        _mm512_storeu_ps(x + j, e);
        sum = _mm512_add_ps(sum, e);
    }
    if (j < n) {
        const __mmask16 mask = first_lanes(n - j);
        const __m512 e = exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + j), shift));
        _mm512_mask_storeu_ps(x + j, mask, e);
        sum = _mm512_mask_add_ps(sum, mask, sum, e);
    }
    return across(sum);
}

HERE static void add(float *y, const float *x, int n)
{
    for (int j = 0; j < n; j += VECTOR) {
        const __mmask16 mask = first_lanes(n - j);
        _mm512_mask_storeu_ps(
            y + j, mask,
            _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y + j), _mm512_maskz_loadu_ps(mask, x + j)));
    }
}

HERE static void add_constant(float *y, float x, int n)
{
    const __m512 constant = _mm512_set1_ps(x);
    for (int j = 0; j < n; j += VECTOR) {
        const __mmask16 mask = first_lanes(n - j);
        _mm512_mask_storeu_ps(y + j, mask,
                              _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y + j), constant));
    }
}

HERE static float sum(const float *x, int n)
{
    __m512 lanes = _mm512_setzero_ps();
    for (int j = 0; j < n; j += VECTOR)
        lanes = _mm512_add_ps(lanes, _mm512_maskz_loadu_ps(first_lanes(n - j), x + j));
    return across(lanes);
}

#include "kernels/angles.h"

HERE_INLINE void turn_eight(__m256 angle, __m256 *sine, __m256 *cosine)
{
    const __m512d x = _mm512_cvtps_pd(angle);
    const __m512d k = _mm512_roundscale_pd(_mm512_mul_pd(x, _mm512_set1_pd(PE_TWO_OVER_PI)),
                                           _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512d r = _mm512_fnmadd_pd(k, _mm512_set1_pd(PE_HALF_PI), x);
    r = _mm512_fnmadd_pd(k, _mm512_set1_pd(PE_HALF_PI_REST), r);
    const __m512d square = _mm512_mul_pd(r, r);
    __m512d s = _mm512_set1_pd(pe_sine_series[0]), c = _mm512_set1_pd(pe_cosine_series[0]);
    for (int i = 1; i < PE_SERIES; i++) {
        s = _mm512_fmadd_pd(s, square, _mm512_set1_pd(pe_sine_series[i]));
        c = _mm512_fmadd_pd(c, square, _mm512_set1_pd(pe_cosine_series[i]));
    }
    to_quadrant(_mm512_cvtpd_epi32(k), _mm512_cvtpd_ps(_mm512_mul_pd(s, r)), _mm512_cvtpd_ps(c),
                sine, cosine);
}

#include "kernels/turn.h"

typedef __m512 vector;
#define load(x)             _mm512_loadu_ps(x)
#define store(to, x)        _mm512_storeu_ps(to, x)
#define stream_store(to, x) _mm512_stream_ps(to, x)
#define times(x, y)         _mm512_mul_ps(x, y)
#define plus(x, y)          _mm512_add_ps(x, y)
#define spread(x)           _mm512_set1_ps(x)
#include "kernels/gather.h"

enum { DOUBLES = 8 };
typedef __m512d doubles;
#define load_doubles(x)      _mm512_loadu_pd(x)
#define store_doubles(to, x) _mm512_storeu_pd(to, x)
#define widen(x)             _mm512_cvtps_pd(_mm256_loadu_ps(x))
#define plus_doubles(x, y)   _mm512_add_pd(x, y)
#define plus_square(x, y)    _mm512_fmadd_pd(y, y, x)
#include "kernels/moments.h"

const pe_kernels pe_kernels_avx512 = {
    .name = "avx512",
    .pack = pack,
    .times_panels = times_panels,
    .add_product = add_product,
    .add_transposed = add_transposed,
    .largest = largest,
    .exponentiate = exponentiate,
    .add = add,
    .add_constant = add_constant,
    .sum = sum,
    .add_moments = add_moments,
    .gather = gather,
    .turn = turn,
};
#endif
