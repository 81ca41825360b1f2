/* Kernels for AVX2 with fused multiply-add: blocks of 6 rows times 16 columns in 12 registers. */
#include "kernels/kinds.h"
#include "kernels/series.h"

#ifdef PE_KERNELS_X86
#include <immintrin.h>
#include <math.h>

#define HERE        __attribute__((target("avx2,fma")))
#define HERE_INLINE static inline __attribute__((always_inline, target("avx2,fma")))

enum { ROWS = 6, VECTOR = 8, BLOCK = 2 * VECTOR, COPIED = 128 };

HERE_INLINE __m256i first_lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

HERE static void pack(int n, int k, const float *b, int ldb, float *panels)
{
    const __m256i step =
        _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(ldb));
    const int padded = (n + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
    for (int first = 0; first < padded; first += VECTOR) {
        const __m256 mask = _mm256_castsi256_ps(first_lanes(n - first));
        const float *from = first < n ? b + (size_t)first * (size_t)ldb : b;
        float *to = panels + (size_t)(first / PE_PANEL) * PE_PANEL * (size_t)k + first % PE_PANEL;
        for (int c = 0; c < k; c++)
            _mm256_storeu_ps(
                to + (size_t)c * PE_PANEL,
                _mm256_mask_i32gather_ps(_mm256_setzero_ps(), from + c, step, mask, 4));
    }
}

/* A block of `rows` (a constant after inlining) times up to 16 columns, or up to 8 when not
 * `both`: c = alpha times the product, or with `add` c += the product. Element (r, p) of a stands
 * at r row + p step. All 16 or 8 columns of b may be read. */
HERE_INLINE void block(const int rows, const bool both, const bool add, int wide, int k,
                       float alpha, const float *a, size_t row, size_t step, const float *b,
                       size_t ldb, float *c, int ldc)
{
    const __m256i left = first_lanes(wide), right = first_lanes(wide - VECTOR);
    const __m256 factor = _mm256_set1_ps(alpha);
    __m256 x[ROWS], y[ROWS];
    for (int r = 0; r < rows; r++) {
        float *at = c + (size_t)r * (size_t)ldc;
        x[r] = add ? _mm256_maskload_ps(at, left) : _mm256_setzero_ps();
        if (both)
            y[r] = add ? _mm256_maskload_ps(at + VECTOR, right) : _mm256_setzero_ps();
    }
    for (int p = 0; p < k; p++, a += step, b += ldb) {
        const __m256 b0 = _mm256_loadu_ps(b), b1 = both ? _mm256_loadu_ps(b + VECTOR) : b0;
        for (int r = 0; r < rows; r++) {
            const __m256 v = _mm256_broadcast_ss(a + (size_t)r * row);
            x[r] = _mm256_fmadd_ps(v, b0, x[r]);
            if (both)
                y[r] = _mm256_fmadd_ps(v, b1, y[r]);
        }
    }
    for (int r = 0; r < rows; r++) {
        float *at = c + (size_t)r * (size_t)ldc;
        _mm256_maskstore_ps(at, left, add ? x[r] : _mm256_mul_ps(factor, x[r]));
        if (both)
            _mm256_maskstore_ps(at + VECTOR, right, add ? y[r] : _mm256_mul_ps(factor, y[r]));
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
    }

HERE static void set_block(int rows, int wide, int k, float alpha, const float *a, size_t row,
                           size_t step, const float *b, size_t ldb, float *c,
                           int ldc){BLOCKS(false)}

HERE static void add_block(int rows, int wide, int k, float alpha, const float *a, size_t row,
                           size_t step, const float *b, size_t ldb, float *c, int ldc){BLOCKS(true)}

HERE static void times_panels(int m, int n, int k, float alpha, const float *a, int lda,
                              const float *panels, float *c, int ldc)
{
    for (int j = 0; j < n; j += BLOCK) {
        const float *panel =
            panels + (size_t)(j / PE_PANEL) * PE_PANEL * (size_t)k + (size_t)(j % PE_PANEL);
        for (int i = 0; i < m; i += ROWS)
            set_block(m - i < ROWS ? m - i : ROWS, n - j, k, alpha, a + (size_t)i * (size_t)lda,
                      (size_t)lda, 1, panel, PE_PANEL, c + (size_t)i * (size_t)ldc + j, ldc);
    }
}

#include "kernels/columns.h"

/* max_ps gives its second operand when one is NaN. */
HERE static float largest(const float *x, int n)
{
    __m256 most = _mm256_set1_ps(x[0]);
    int j = 0;
    for (; j + VECTOR <= n; j += VECTOR)
        most = _mm256_max_ps(_mm256_loadu_ps(x + j), most);
    float lane[VECTOR], found;
    _mm256_storeu_ps(lane, most);
    found = lane[0];
    for (int l = 1; l < VECTOR; l++)
        found = lane[l] > found ? lane[l] : found;
    for (; j < n; j++)
        found = x[j] > found ? x[j] : found;
    return found;
}

/* As in avx512.c; 2^n in two factors, because n reaches beyond the exponents of a float. */
HERE_INLINE __m256 power_of_two(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

HERE_INLINE __m256 exponential(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(-150), x); /* NaN second: it stays */
    x = _mm256_min_ps(_mm256_set1_ps(100), x);
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e4p-1f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(1.42860677e-6f), r);
    __m256 p = _mm256_set1_ps(PE_EXP_6);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(PE_EXP_5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(PE_EXP_4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(PE_EXP_3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(PE_EXP_2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    p = _mm256_mul_ps(p, power_of_two(half));
    return _mm256_mul_ps(p, power_of_two(_mm256_sub_epi32(whole, half)));
}

HERE_INLINE float across(__m256 sum)
{
    float lane[VECTOR];
    _mm256_storeu_ps(lane, sum);
    for (int half = VECTOR / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

HERE static float exponentiate(float *x, int n, float top)
{
    const __m256 shift = _mm256_set1_ps(top);
    __m256 sum = _mm256_setzero_ps();
    for (int j = 0; j < n; j += VECTOR) {
        const __m256i mask = first_lanes(n - j);
        const __m256 e =
            _mm256_and_ps(_mm256_castsi256_ps(mask),
                          exponential(_mm256_sub_ps(_mm256_maskload_ps(x + j, mask), shift)));
        _mm256_maskstore_ps(x + j, mask, e);
        sum = _mm256_add_ps(sum, e);
    }
    return across(sum);
}

HERE static void add(float *y, const float *x, int n)
{
    int j = 0;
    for (; j + VECTOR <= n; j += VECTOR)
        _mm256_storeu_ps(y + j, _mm256_add_ps(_mm256_loadu_ps(y + j), _mm256_loadu_ps(x + j)));
    for (; j < n; j++)
        y[j] += x[j];
}

HERE static void add_constant(float *y, float x, int n)
{
    const __m256 constant = _mm256_set1_ps(x);
    int j = 0;
    for (; j + VECTOR <= n; j += VECTOR)
        _mm256_storeu_ps(y + j, _mm256_add_ps(_mm256_loadu_ps(y + j), constant));
    for (; j < n; j++)
        y[j] += x;
}

HERE static float sum(const float *x, int n)
{
    __m256 lanes = _mm256_setzero_ps();
    for (int j = 0; j < n; j += VECTOR)
        lanes = _mm256_add_ps(lanes, _mm256_maskload_ps(x + j, first_lanes(n - j)));
    return across(lanes);
}

#include "kernels/angles.h"

HERE_INLINE void turn_four(__m128 angle, __m128i *k_out, __m128 *sine, __m128 *cosine)
{
    const __m256d x = _mm256_cvtps_pd(angle);
    const __m256d k = _mm256_round_pd(_mm256_mul_pd(x, _mm256_set1_pd(PE_TWO_OVER_PI)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256d r = _mm256_fnmadd_pd(k, _mm256_set1_pd(PE_HALF_PI), x);
    r = _mm256_fnmadd_pd(k, _mm256_set1_pd(PE_HALF_PI_REST), r);
    const __m256d square = _mm256_mul_pd(r, r);
    __m256d s = _mm256_set1_pd(pe_sine_series[0]), c = _mm256_set1_pd(pe_cosine_series[0]);
    for (int i = 1; i < PE_SERIES; i++) {
        s = _mm256_fmadd_pd(s, square, _mm256_set1_pd(pe_sine_series[i]));
        c = _mm256_fmadd_pd(c, square, _mm256_set1_pd(pe_cosine_series[i]));
    }
    *k_out = _mm256_cvtpd_epi32(k);
    *sine = _mm256_cvtpd_ps(_mm256_mul_pd(s, r));
    *cosine = _mm256_cvtpd_ps(c);
}

HERE_INLINE void turn_eight(__m256 angle, __m256 *sine, __m256 *cosine)
{
    __m128i low, high;
    __m128 s[2], c[2];
    turn_four(_mm256_castps256_ps128(angle), &low, &s[0], &c[0]);
    turn_four(_mm256_extractf128_ps(angle, 1), &high, &s[1], &c[1]);
    to_quadrant(_mm256_set_m128i(high, low), _mm256_set_m128(s[1], s[0]),
                _mm256_set_m128(c[1], c[0]), sine, cosine);
}

#include "kernels/turn.h"

typedef __m256 vector;
#define load(x)             _mm256_loadu_ps(x)
#define store(to, x)        _mm256_storeu_ps(to, x)
#define stream_store(to, x) _mm256_stream_ps(to, x)
#define times(x, y)         _mm256_mul_ps(x, y)
#define plus(x, y)          _mm256_add_ps(x, y)
#define spread(x)           _mm256_set1_ps(x)
#include "kernels/gather.h"

enum { DOUBLES = 4 };
typedef __m256d doubles;
#define load_doubles(x)      _mm256_loadu_pd(x)
#define store_doubles(to, x) _mm256_storeu_pd(to, x)
#define widen(x)             _mm256_cvtps_pd(_mm_loadu_ps(x))
#define plus_doubles(x, y)   _mm256_add_pd(x, y)
#define plus_square(x, y)    _mm256_fmadd_pd(y, y, x)
#include "kernels/moments.h"

const pe_kernels pe_kernels_avx2 = {
    .name = "avx2",
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
