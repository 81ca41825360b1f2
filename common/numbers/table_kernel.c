#include "numbers/table_kernel.h"
#include "numbers/table.h"

#include <math.h>
#include <string.h>

static const double slack = 2 * PE_TABLE_BOUND;

static void doubt(pe_table_strip *s, int g, int column)
{
    s->doubt[s->doubted++] = (uint16_t)(g * PE_TABLE_STRIP + column);
}

/* Columns from .. count-1 of anchor g. */
static void plain_part(pe_table_strip *s, int g, int from)
{
    for (int j = from; j < s->count; j++) {
        const double value = s->along[g][j] * s->step[j] + s->across[g][j] * s->turned[j];
        const float low = (float)(value - slack), high = (float)(value + slack);
        s->out[g][j] = low;
        if (!(low == high))
            doubt(s, g, j);
    }
}

static void portable(pe_table_strip *s)
{
    for (int g = 0; g < s->groups; g++)
        plain_part(s, g, 0);
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

static void doubt_lanes(pe_table_strip *s, int g, int column, unsigned lanes)
{
    for (; lanes; lanes &= lanes - 1)
        doubt(s, g, column + __builtin_ctz(lanes));
}

__attribute__((target("avx2,fma"))) static void avx2(pe_table_strip *s)
{
    const __m256d margin = _mm256_set1_pd(slack);
    const int whole = s->count / 8 * 8;
    for (int j = 0; j < whole; j += 8) {
        __m256d step[2], turned[2];
        for (int h = 0; h < 2; h++) {
            step[h] = _mm256_loadu_pd(s->step + j + 4 * h);
            turned[h] = _mm256_loadu_pd(s->turned + j + 4 * h);
        }
        for (int g = 0; g < s->groups; g++) {
            __m128 low[2], high[2];
            for (int h = 0; h < 2; h++) {
                const double *along = s->along[g] + j + 4 * h, *across = s->across[g] + j + 4 * h;
                const __m256d product = _mm256_mul_pd(_mm256_loadu_pd(across), turned[h]);
                const __m256d value = _mm256_fmadd_pd(_mm256_loadu_pd(along), step[h], product);
                low[h] = _mm256_cvtpd_ps(_mm256_sub_pd(value, margin));
                high[h] = _mm256_cvtpd_ps(_mm256_add_pd(value, margin));
            }
            const __m256 below = _mm256_set_m128(low[1], low[0]);
            const __m256 above = _mm256_set_m128(high[1], high[0]);
            if (s->stream)
                _mm256_stream_ps(s->out[g] + j, below);
            else
                _mm256_storeu_ps(s->out[g] + j, below);
            const int differ = _mm256_movemask_ps(_mm256_cmp_ps(below, above, _CMP_NEQ_UQ));
            if (__builtin_expect(differ != 0, 0))
                doubt_lanes(s, g, j, (unsigned)differ);
        }
    }
    for (int g = 0; g < s->groups; g++)
        plain_part(s, g, whole);
}

/* The whole proof for 16 entries. */
__attribute__((target("avx512f,avx512dq"))) static unsigned unproved(__m512d first, __m512d second)
{
    const __m512d margin = _mm512_set1_pd(slack), value[2] = {first, second};
    unsigned lanes = 0;
    for (int h = 0; h < 2; h++) {
        const __m256 low = _mm512_cvtpd_ps(_mm512_sub_pd(value[h], margin));
        const __m256 high = _mm512_cvtpd_ps(_mm512_add_pd(value[h], margin));
        const __m512 below = _mm512_castps256_ps512(low), above = _mm512_castps256_ps512(high);
        lanes |= (_mm512_cmp_ps_mask(below, above, _CMP_NEQ_UQ) & 0xffu) << 8 * h;
    }
    return lanes;
}

/* A quick look that passes what is certainly proved, all but one vector in 150. A float keeps 24 of
 * the 53 bits of a double, so the rounding hangs on its 29 lowest bits, and turns where these are
 * 2^28. From 2^-12 on, the doubled bound 2^-49 is at most 2^(12 + 52 - 49) = 2^15 in their unit;
 * bits within NEAR = 2^16 of 2^28 and numbers below 2^-12 need the whole proof. */
enum { NEAR = 1 << 16, HALF = 1 << 28, LOWEST = (1 << 29) - 1 };

__attribute__((target("avx512f,avx512dq"))) static inline bool
is_proved(__m512d first, __m512d second, __m512 rounded)
{
    const __m512i shift = _mm512_set1_epi32(HALF + NEAR); /* HALF - NEAR becomes 0 */
    const __m512i beyond = _mm512_set1_epi32(LOWEST & ~(2 * NEAR - 1));
    const __m512 bits = _mm512_shuffle_ps(_mm512_castpd_ps(first), _mm512_castpd_ps(second), 0x88);
    const __mmask16 near =
        _mm512_testn_epi32_mask(_mm512_add_epi32(_mm512_castps_si512(bits), shift), beyond);
    const __mmask16 small =
        _mm512_cmp_ps_mask(_mm512_abs_ps(rounded), _mm512_set1_ps(0x1p-12f), _CMP_NGE_UQ);
    return _mm512_kortestz(near, small);
}

/* Columns j .. j+15 of anchor g. */
__attribute__((target("avx512f,avx512dq"))) static inline void
avx512_part(pe_table_strip *s, int g, int j, const __m512d *step, const __m512d *turned,
            const bool stream)
{
    const double *along = s->along[g] + j, *across = s->across[g] + j;
    float *out = s->out[g] + j;
    __m512d value[2];
    for (int h = 0; h < 2; h++) {
        const __m512d product = _mm512_mul_pd(_mm512_loadu_pd(across + 8 * h), turned[h]);
        value[h] = _mm512_fmadd_pd(_mm512_loadu_pd(along + 8 * h), step[h], product);
    }
    const __m512 rounded = _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(value[0])),
                                              _mm512_cvtpd_ps(value[1]), 1);
    if (stream)
        _mm512_stream_ps(out, rounded);
    else
        _mm512_storeu_ps(out, rounded);
    if (__builtin_expect(!is_proved(value[0], value[1], rounded), 0))
        doubt_lanes(s, g, j, unproved(value[0], value[1]));
}

__attribute__((target("avx512f,avx512dq"))) static inline void
avx512_strip(pe_table_strip *s, const int groups, const bool stream)
{
    for (int j = 0; j < s->count / 16 * 16; j += 16) {
        const __m512d step[2] = {_mm512_loadu_pd(s->step + j), _mm512_loadu_pd(s->step + j + 8)};
        const __m512d turned[2] = {_mm512_loadu_pd(s->turned + j),
                                   _mm512_loadu_pd(s->turned + j + 8)};
        for (int g = 0; g < groups; g++)
            avx512_part(s, g, j, step, turned, stream);
    }
}

__attribute__((target("avx512f,avx512dq"))) static void avx512(pe_table_strip *s)
{
    if (s->stream && s->groups == PE_TABLE_GROUP)
        avx512_strip(s, PE_TABLE_GROUP, true);
    else if (s->stream)
        avx512_strip(s, s->groups, true);
    else
        avx512_strip(s, s->groups, false);
    for (int g = 0; g < s->groups; g++)
        plain_part(s, g, s->count / 16 * 16);
}

void pe_table_end_stream(void)
{
    _mm_sfence();
}

pe_table_kernel pe_table_find_kernel(const char *kind)
{
    if ((!kind || strcmp(kind, "avx512") == 0) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq"))
        return avx512;
    if ((!kind || strcmp(kind, "avx2") == 0) && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("fma"))
        return avx2;
    return !kind || strcmp(kind, "portable") == 0 ? portable : NULL;
}
#else
void pe_table_end_stream(void) {}

pe_table_kernel pe_table_find_kernel(const char *kind)
{
    return !kind || strcmp(kind, "portable") == 0 ? portable : NULL;
}
#endif
