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

__attribute__((target("avx512f,avx512dq"))) static void avx512(pe_table_strip *s)
{
    const __m512d margin = _mm512_set1_pd(slack);
    const int whole = s->count / 16 * 16;
    for (int j = 0; j < whole; j += 16) {
        __m512d step[2], turned[2];
        for (int h = 0; h < 2; h++) {
            step[h] = _mm512_loadu_pd(s->step + j + 8 * h);
            turned[h] = _mm512_loadu_pd(s->turned + j + 8 * h);
        }
        for (int g = 0; g < s->groups; g++) {
            __m256 low[2], high[2];
            for (int h = 0; h < 2; h++) {
                const double *along = s->along[g] + j + 8 * h, *across = s->across[g] + j + 8 * h;
                const __m512d product = _mm512_mul_pd(_mm512_loadu_pd(across), turned[h]);
                const __m512d value = _mm512_fmadd_pd(_mm512_loadu_pd(along), step[h], product);
                low[h] = _mm512_cvtpd_ps(_mm512_sub_pd(value, margin));
                high[h] = _mm512_cvtpd_ps(_mm512_add_pd(value, margin));
            }
            const __m512 below = _mm512_insertf32x8(_mm512_castps256_ps512(low[0]), low[1], 1);
            const __m512 above = _mm512_insertf32x8(_mm512_castps256_ps512(high[0]), high[1], 1);
            if (s->stream)
                _mm512_stream_ps(s->out[g] + j, below);
            else
                _mm512_storeu_ps(s->out[g] + j, below);
            const unsigned differ = _mm512_cmp_ps_mask(below, above, _CMP_NEQ_UQ);
            if (__builtin_expect(differ != 0, 0))
                doubt_lanes(s, g, j, differ);
        }
    }
    for (int g = 0; g < s->groups; g++)
        plain_part(s, g, whole);
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
