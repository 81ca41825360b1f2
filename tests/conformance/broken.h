/* Hooks that each break one rule, written like a variant's (this file includes itself for the next
 * precision). The tests put them into descriptors and see whether the suite notices. */
#include "posenc.h"

#ifdef PE_FIRST
static int calls; /* the writable state that a variant must not have */
#endif

#define EMBED(name)                                                                                \
    static void PE(name)(const pe_call *c, int n, const double *coord, pe_real *rows)
#define PAIR(name) static void PE(name)(const pe_call *c, const pe_tile *tile, pe_real *bias)
#define LOGITS(name)                                                                               \
    static void PE(name)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)

/* ---- codes ----------------------------------------------------------------------------------- */

EMBED(honest) /* cos and sin of t / (k + 1) */
{
    const int width = c->info->embed_width;
    for (int t = 0; t < n; t++)
        for (int k = 0; k < width; k++) {
            const pe_real phase = pe_num(coord[t * c->dims->axes]) / pe_num(k / 2 + 1);
            rows[t * width + k] = k % 2 ? pe_cos(phase) : pe_sin(phase);
        }
}
EMBED(past_the_end)
{
    PE(honest)(c, n, coord, rows);
    rows[n * c->info->embed_width] = 1;
}
EMBED(before_the_start)
{
    PE(honest)(c, n, coord, rows);
    rows[-1] = 1;
}
EMBED(scratch_overrun)
{
    PE(honest)(c, n, coord, rows);
    c->scratch[c->info->scratch] = 1;
}
EMBED(unwritten)
{
    PE(honest)(c, n - 1, coord, rows);
}
EMBED(counting)
{
    PE(honest)(c, n, coord, rows);
    rows[0] += pe_num(calls++ % 7);
}
EMBED(crowded) /* depends on how many are asked for */
{
    PE(honest)(c, n, coord, rows);
    rows[0] += pe_num(n);
}
EMBED(infinite)
{
    PE(honest)(c, n, coord, rows);
    rows[0] = 1 / (rows[0] - rows[0]);
}
EMBED(constant)
{
    (void)coord;
    for (int i = 0; i < n * c->info->embed_width; i++)
        rows[i] = PE_C(0.5);
}
EMBED(growing)
{
    for (int i = 0; i < n * c->info->embed_width; i++)
        rows[i] = pe_num(coord[i / c->info->embed_width * c->dims->axes]);
}
EMBED(short_sighted) /* not a number beyond position 200 */
{
    PE(honest)(c, n, coord, rows);
    for (int i = 0; i < n * c->info->embed_width; i++)
        if (coord[i / c->info->embed_width * c->dims->axes] > 200)
            rows[i] = (rows[i] - rows[i]) / (rows[i] - rows[i]);
}
EMBED(coarse) /* a constant with seven digits only in one precision */
{
    PE(honest)(c, n, coord, rows);
    if (sizeof(pe_real) == sizeof(double))
        for (int i = 0; i < n * c->info->embed_width; i++)
            rows[i] *= 1 + PE_C(1e-7);
}
EMBED(rounding_mode)
{
    PE(honest)(c, n, coord, rows);
    fesetround(FE_TOWARDZERO);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void PE(turn)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                     const pe_real *state, const pe_real *in, pe_real *out)
{
    (void)role, (void)head, (void)state;
    const int D = c->dims->head_dim;
    for (int t = 0; t < n; t++) {
        const pe_real phase = pe_num(coord[t * c->dims->axes]);
        for (int k = 0; k + 1 < D; k += 2) {
            pe_real a = in[t * D + k], b = in[t * D + k + 1];
            pe_turn(&a, &b, pe_cos(phase), pe_sin(phase));
            out[t * D + k] = a;
            out[t * D + k + 1] = b;
        }
    }
}
static void PE(stretch)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, pe_real *out)
{
    PE(turn)(c, role, head, n, coord, state, in, out);
    for (int i = 0; i < n * c->dims->head_dim; i++)
        out[i] *= 1 + PE_C(1e-12);
}

/* ---- pairs: bias (H, nq, nk) ------------------------------------------------------------------
 */

#define EACH_PAIR(value)                                                                           \
    for (int h = 0; h < c->dims->heads; h++)                                                       \
        for (int i = 0; i < tile->nq; i++)                                                         \
            for (int j = 0; j < tile->nk; j++) {                                                   \
                const pe_real n = pe_num(tile->qi[i] - tile->kj[j]);                               \
                bias[(h * tile->nq + i) * tile->nk + j] = value;                                   \
                (void)n;                                                                           \
            }

PAIR(slope){EACH_PAIR(-pe_fabs(n) / 8)} PAIR(sign){EACH_PAIR(-n / 8)} PAIR(absolute){
    EACH_PAIR(-pe_fabs(n) / 8 + pe_num(tile->qx[i * c->dims->axes]) / 1000)} PAIR(tile_size){
    EACH_PAIR(-pe_fabs(n) / 8 + pe_num(tile->nk) / 100)} PAIR(length){
    EACH_PAIR(-pe_fabs(n) / pe_num(c->length))}

/* ---- logits ------------------------------------------------------------------------------------
 */

LOGITS(content)
{
    (void)c;
    for (int i = 0; i < tile->nq * tile->nk; i++)
        s[i] = 2 * raw[i];
}
LOGITS(swallows_nan)
{
    (void)c;
    for (int i = 0; i < tile->nq * tile->nk; i++)
        s[i] = pe_fmax(raw[i], PE_C(-1000.0));
}
LOGITS(tile_mean)
{
    pe_real mean = 0;
    (void)c;
    for (int i = 0; i < tile->nq * tile->nk; i++)
        mean += raw[i] / pe_num(tile->nq * tile->nk);
    for (int i = 0; i < tile->nq * tile->nk; i++)
        s[i] = raw[i] + mean;
}
LOGITS(looks_ahead) /* at keys that the mask hides */
{
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++)
            s[i * tile->nk + j] = raw[i * tile->nk + j] +
                                  tile->k[(tile->nk - 1) * c->dims->head_dim] * pe_num(j) / 10;
}

/* ---- rows --------------------------------------------------------------------------------------
 */

static void PE(linear)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    (void)c;
    for (int i = 0; i < n; i++)
        rows->bias[i] = pe_num(offset[i]) / 16;
}
static void PE(by_place)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    PE(linear)(c, n, offset, rows);
    rows->bias[n - 1] += pe_num(n) / 4;
}

#ifdef PE_FIRST
typedef enum broken {
    HONEST,
    PAST_THE_END,
    BEFORE_THE_START,
    SCRATCH_OVERRUN,
    UNWRITTEN,
    COUNTING,
    CROWDED,
    INFINITE,
    CONSTANT,
    GROWING,
    SHORT_SIGHTED,
    COARSE,
    ROUNDING_MODE,
    TURN,
    STRETCH,
    SLOPE,
    SIGN,
    ABSOLUTE,
    TILE_SIZE,
    LENGTH,
    CONTENT,
    SWALLOWS_NAN,
    TILE_MEAN,
    LOOKS_AHEAD,
    LINEAR,
    BY_PLACE,
    BROKEN
} broken;
#endif

static const pe_ops PE(table)[BROKEN] = {
    [HONEST] = {.embed = PE(honest)},
    [PAST_THE_END] = {.embed = PE(past_the_end)},
    [BEFORE_THE_START] = {.embed = PE(before_the_start)},
    [SCRATCH_OVERRUN] = {.embed = PE(scratch_overrun)},
    [UNWRITTEN] = {.embed = PE(unwritten)},
    [COUNTING] = {.embed = PE(counting)},
    [CROWDED] = {.embed = PE(crowded)},
    [INFINITE] = {.embed = PE(infinite)},
    [CONSTANT] = {.embed = PE(constant)},
    [GROWING] = {.embed = PE(growing)},
    [SHORT_SIGHTED] = {.embed = PE(short_sighted)},
    [COARSE] = {.embed = PE(coarse)},
    [ROUNDING_MODE] = {.embed = PE(rounding_mode)},
    [TURN] = {.map = PE(turn)},
    [STRETCH] = {.map = PE(stretch)},
    [SLOPE] = {.pair = PE(slope)},
    [SIGN] = {.pair = PE(sign)},
    [ABSOLUTE] = {.pair = PE(absolute)},
    [TILE_SIZE] = {.pair = PE(tile_size)},
    [LENGTH] = {.pair = PE(length)},
    [CONTENT] = {.logits = PE(content)},
    [SWALLOWS_NAN] = {.logits = PE(swallows_nan)},
    [TILE_MEAN] = {.logits = PE(tile_mean)},
    [LOOKS_AHEAD] = {.logits = PE(looks_ahead)},
    [LINEAR] = {.relative = PE(linear)},
    [BY_PLACE] = {.relative = PE(by_place)},
};
#undef EMBED
#undef PAIR
#undef LOGITS
#undef EACH_PAIR
#include PE_NEXT("broken.h")
