/* Rows of a table, scaled, plus a code, for kernels with vectors: include with HERE, HERE_INLINE,
 * VECTOR, vector and load, store, stream_store, times, plus, spread set. Private to this room. */
#include <string.h>

enum { AHEAD = 2, LINES = 48 }; /* rows fetched ahead, and how many cache lines of each */

HERE_INLINE void fetch(const float *row, int n)
{
    for (int line = 0; line < LINES && line * 16 < n; line++)
        __builtin_prefetch(row + line * 16);
}

HERE_INLINE void gather_row(const bool past_caches, int n, const float *row, float scale,
                            const float *code, float *out)
{
    const vector factor = spread(scale);
    int c = 0;
    for (; c + VECTOR <= n; c += VECTOR) {
        vector x = times(load(row + c), factor);
        if (code)
            x = plus(x, load(code + c));
        if (past_caches)
            stream_store(out + c, x);
        else
            store(out + c, x);
    }
    for (; c < n; c++) {
        const float x = row[c] * scale;
        out[c] = code ? x + code[c] : x;
    }
}

HERE static void gather(int64_t tokens, int n, const int64_t *ids, const float *table, float scale,
                        const float *code, float *out, int64_t ld_out, bool stream)
{
    const bool aligned = (uintptr_t)out % 64 == 0 && ld_out % 16 == 0;
    for (int64_t t = 0; t < tokens; t++) {
        const float *add = code ? code + t * n : NULL;
        if (t + AHEAD < tokens)
            fetch(table + ids[t + AHEAD] * n, n);
        if (stream && aligned)
            gather_row(true, n, table + ids[t] * n, scale, add, out + t * ld_out);
        else
            gather_row(false, n, table + ids[t] * n, scale, add, out + t * ld_out);
    }
    _mm_sfence();
}
