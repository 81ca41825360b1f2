#include "numbers/table.h"
#include "base/memory.h"
#include "numbers/exact.h"
#include "numbers/format.h"
#include "numbers/table_kernel.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = PE_TABLE_BLOCK,
    GROUP = PE_TABLE_GROUP,
    STRIP = PE_TABLE_STRIP,
    BLOCKS = 128, /* of a superblock */
    GROUP_ROWS = BLOCK * GROUP
};
static const int64_t furthest = (int64_t)1 << 53;
static const int64_t stream_bytes = 16 << 20; /* an output of this size leaves the caches anyway */

struct pe_table {
    int width, padded, pairs;
    pe_table_layout layout;
    pe_turns *turns;       /* pairs */
    double *step, *turned; /* BLOCK x padded: sin s and cos s for a sine, cos s and sin s else */
    double *sine, *cosine; /* BLOCKS x pairs: of b = 64 j */
    double planted;
};

/* ---- columns ---- */

static bool is_zero(const pe_table *t, int column)
{
    return t->layout == PE_TABLE_CONCAT && column >= 2 * t->pairs;
}

static bool is_cosine(const pe_table *t, int column)
{
    return t->layout == PE_TABLE_CONCAT ? column >= t->pairs : column & 1;
}

static int pair_of(const pe_table *t, int column)
{
    return t->layout == PE_TABLE_CONCAT ? column % t->pairs : column / 2;
}

/* ---- the plan ---- */

void pe_table_release(pe_table *t)
{
    if (!t)
        return;
    pe_release(t->turns);
    pe_release(t->step);
    pe_release(t->turned);
    pe_release(t->sine);
    pe_release(t->cosine);
    pe_release(t);
}

static void fill_steps(pe_table *t)
{
    double s[BLOCK], sine[BLOCK], cosine[BLOCK], b[BLOCKS];
    for (int i = 0; i < BLOCK; i++)
        s[i] = i;
    for (int i = 0; i < BLOCKS; i++)
        b[i] = (double)i * BLOCK;
    for (int k = 0; k < t->pairs; k++) {
        pe_exact_f64(&t->turns[k], BLOCKS, b, t->sine + k, t->cosine + k, (size_t)t->pairs);
        pe_exact_f64(&t->turns[k], BLOCK, s, sine, cosine, 1);
        for (int kind = 0; kind < 2; kind++) {
            const int column = t->layout == PE_TABLE_CONCAT ? kind * t->pairs + k : 2 * k + kind;
            for (int i = 0; column < t->width && i < BLOCK; i++) {
                t->step[i * t->padded + column] = kind ? cosine[i] : sine[i];
                t->turned[i * t->padded + column] = kind ? sine[i] : cosine[i];
            }
        }
    }
}

pe_status pe_table_create(const pe_frequency *frequency, int width, pe_table_layout layout,
                          pe_table **plan, pe_error *err)
{
    if (width < 1 || width > 1 << 24)
        return pe_fail(err, PE_USAGE, "a table has 1 to 16777216 columns, not %d", width);
    pe_table *t = pe_allocate(1, sizeof *t, "table plan", err);
    if (!t)
        return PE_MEMORY;
    const int lanes = PE_TABLE_LANES;
    t->width = width;
    t->padded = (width + lanes - 1) / lanes * lanes;
    t->layout = layout;
    t->pairs = layout == PE_TABLE_CONCAT ? width / 2 : (width + 1) / 2;
    const size_t pairs = (size_t)t->pairs, steps = (size_t)t->padded * BLOCK;
    if (!(t->turns = pe_allocate(pairs, sizeof *t->turns, "table plan", err)) ||
        !(t->step = pe_allocate(steps, sizeof(double), "table plan", err)) ||
        !(t->turned = pe_allocate(steps, sizeof(double), "table plan", err)) ||
        !(t->sine = pe_allocate(pairs * BLOCKS, sizeof(double), "table plan", err)) ||
        !(t->cosine = pe_allocate(pairs * BLOCKS, sizeof(double), "table plan", err))) {
        pe_table_release(t);
        return PE_MEMORY;
    }
    for (size_t k = 0; k < pairs; k++)
        pe_turns_prepare(&t->turns[k], &frequency[k]);
    fill_steps(t);
    *plan = t;
    return PE_OK;
}

pe_status pe_table_create_paper(double base, int width, pe_table_layout layout, pe_table **plan,
                                pe_error *err)
{
    const size_t pairs = width > 0 ? ((size_t)width + 1) / 2 : 0;
    pe_frequency *f = pe_allocate(pairs, sizeof *f, "frequencies", err);
    if (!f)
        return PE_MEMORY;
    for (size_t i = 0; i < pairs; i++)
        f[i] = (pe_frequency){1, base, 2 * (double)i, width};
    pe_status status = pe_table_create(f, width, layout, plan, err);
    pe_release(f);
    return status;
}

void pe_table_plant_error(pe_table *plan, double error)
{
    plan->planted = error;
}

/* ---- which code ---- */

static pe_table_kernel kernel;
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

/* A name that this processor does not have is passed over: the bits are the same with any. */
static void choose(void)
{
    kernel = pe_table_find_kernel(getenv("POSENC_KERNELS"));
    if (!kernel)
        kernel = pe_table_find_kernel(NULL);
}

bool pe_table_use(const char *kind)
{
    pthread_once(&chosen, choose);
    pe_table_kernel found = pe_table_find_kernel(kind);
    if (found)
        kernel = found;
    return found != NULL;
}

/* ---- one worker ---- */

typedef struct job {
    const pe_table *t;
    int64_t first, rows, stride;
    void *out;
    pe_format format;
    bool stream;
} job;

typedef struct worker {
    int64_t super;          /* which superblock sine and cosine are the first row of */
    double *sine, *cosine;  /* pairs */
    double *along, *across; /* GROUP x padded */
    pe_table_strip strip;
} worker;

static void worker_end(worker *w)
{
    if (!w)
        return;
    pe_release(w->sine);
    pe_release(w->cosine);
    pe_release(w->along);
    pe_release(w->across);
    pe_release(w);
}

static worker *worker_start(const pe_table *t, pe_error *err)
{
    const size_t pairs = (size_t)t->pairs, anchors = (size_t)t->padded * GROUP;
    worker *w = pe_allocate(1, sizeof *w, "table worker", err);
    if (w && (w->sine = pe_allocate(pairs, sizeof(double), "table row", err)) &&
        (w->cosine = pe_allocate(pairs, sizeof(double), "table row", err)) &&
        (w->along = pe_allocate(anchors, sizeof(double), "table row", err)) &&
        (w->across = pe_allocate(anchors, sizeof(double), "table row", err))) {
        w->super = -1;
        return w;
    }
    worker_end(w);
    return NULL;
}

/* The first row of a superblock turned by a block's angle, as the factors of `step` and `turned`:
 * sin(a + s) = cos a sin s + sin a cos s, cos(a + s) = cos a cos s - sin a sin s. */
static void turn_apart(const pe_table *t, const worker *w, const double *restrict turn_sine,
                       const double *restrict turn_cosine, double *restrict along,
                       double *restrict across)
{
    const int pairs = t->pairs;
    for (int k = 0; k < pairs; k++) {
        const double sine = w->sine[k] * turn_cosine[k] + w->cosine[k] * turn_sine[k] + t->planted;
        const double cosine = w->cosine[k] * turn_cosine[k] - w->sine[k] * turn_sine[k];
        along[k] = along[pairs + k] = cosine;
        across[k] = sine;
        across[pairs + k] = -sine;
    }
}

/* An odd width has room for the last cosine in the padding. */
static void turn_interleaved(const pe_table *t, const worker *w, const double *restrict turn_sine,
                             const double *restrict turn_cosine, double *restrict along,
                             double *restrict across)
{
    const double planted = t->planted;
    for (int k = 0; k < t->pairs; k++) {
        const double sine = w->sine[k] * turn_cosine[k] + w->cosine[k] * turn_sine[k] + planted;
        const double cosine = w->cosine[k] * turn_cosine[k] - w->sine[k] * turn_sine[k];
        along[2 * k] = along[2 * k + 1] = cosine;
        across[2 * k] = sine;
        across[2 * k + 1] = -sine;
    }
}

/* The first row of block `block` of the output, as the factors of `step` and `turned`. */
static void set_anchor(const job *j, worker *w, int64_t block, double *along, double *across)
{
    const pe_table *t = j->t;
    const int64_t super = block / BLOCKS;
    const double *turn_sine = t->sine + (block % BLOCKS) * t->pairs;
    const double *turn_cosine = t->cosine + (block % BLOCKS) * t->pairs;
    if (super != w->super) {
        const double position = (double)(j->first + super * BLOCKS * BLOCK);
        for (int k = 0; k < t->pairs; k++)
            pe_exact_f64(&t->turns[k], 1, &position, &w->sine[k], &w->cosine[k], 1);
        w->super = super;
    }
    if (t->layout == PE_TABLE_CONCAT)
        turn_apart(t, w, turn_sine, turn_cosine, along, across);
    else
        turn_interleaved(t, w, turn_sine, turn_cosine, along, across);
}

/* ---- an entry once more, exactly ---- */

static float exact_float(const pe_table *t, int64_t position, int column)
{
    const double p = (double)position;
    float value = 0;
    if (is_zero(t, column))
        return 0;
    const bool cosine = is_cosine(t, column);
    pe_exact_f32(&t->turns[pair_of(t, column)], 1, &p, cosine ? NULL : &value,
                 cosine ? &value : NULL, 1);
    return value;
}

static void settle(const job *j, const pe_table_strip *s, int64_t row, int from, int64_t left)
{
    for (size_t i = 0; i < s->doubted; i++) {
        const int g = s->doubt[i] / STRIP, column = s->doubt[i] % STRIP;
        if ((int64_t)g * BLOCK < left)
            s->out[g][column] =
                exact_float(j->t, j->first + row + (int64_t)g * BLOCK, from + column);
    }
}

/* Rows of GROUP blocks from `row` on. */
static void fill_group_f32(const job *j, worker *w, int64_t row)
{
    const pe_table *t = j->t;
    pe_table_strip *s = &w->strip;
    const int64_t left = j->rows - row;
    for (int g = 0; g < GROUP && g * BLOCK < left; g++)
        set_anchor(j, w, row / BLOCK + g, w->along + g * t->padded, w->across + g * t->padded);
    s->stream = j->stream;
    for (int from = 0; from < t->width; from += STRIP) {
        s->count = t->width - from < STRIP ? t->width - from : STRIP;
        for (int step = 0; step < BLOCK && step < left; step++) {
            s->step = t->step + step * t->padded + from;
            s->turned = t->turned + step * t->padded + from;
            s->doubted = 0;
            for (s->groups = 0; s->groups < GROUP && s->groups * BLOCK + step < left; s->groups++) {
                const int g = s->groups;
                s->along[g] = w->along + g * t->padded + from;
                s->across[g] = w->across + g * t->padded + from;
                s->out[g] = (float *)j->out + (row + step + g * BLOCK) * j->stride + from;
            }
            kernel(s);
            if (s->doubted > 0)
                settle(j, s, row + step, from, left - step);
        }
    }
}

/* ---- 16 bits ---- */

static uint16_t to_bits(pe_format format, double x)
{
    return format == PE_FP16 ? pe_to_half_bits(x) : pe_to_bf16_bits(x);
}

/* From a quad, moved towards zero by its last bit: that settles a tie the way the sine of a tiny
 * phase lies, just below the phase, and no other value is so close to one. */
static uint16_t exact_bits(const job *j, int64_t position, int column)
{
    const pe_table *t = j->t;
    const double p = (double)position;
    pe_quad value = 0;
    if (is_zero(t, column))
        return 0;
    const bool cosine = is_cosine(t, column);
    pe_exact_f128(&t->turns[pair_of(t, column)], 1, &p, cosine ? NULL : &value,
                  cosine ? &value : NULL, 1);
    if (value != 0) /* a zero keeps its sign */
        value -= value * (pe_quad)ldexp(1.0, 1 - (int)PE_QUAD_DIGITS);
    pe_round_array_f128(j->format, 1, &value);
    return to_bits(j->format, (double)value);
}

static void fill_row_bits(const job *j, const worker *w, int64_t row, int step)
{
    const pe_table *t = j->t;
    const double *x = t->step + step * t->padded, *z = t->turned + step * t->padded;
    uint16_t *out = (uint16_t *)j->out + row * j->stride;
    for (int c = 0; c < t->width; c++) {
        const double value = w->along[c] * x[c] + w->across[c] * z[c];
        const uint16_t low = to_bits(j->format, value - 2 * PE_TABLE_BOUND);
        const uint16_t high = to_bits(j->format, value + 2 * PE_TABLE_BOUND);
        out[c] = low == high && value == value ? low : exact_bits(j, j->first + row, c);
    }
}

static void fill_group_bits(const job *j, worker *w, int64_t row)
{
    for (int64_t at = row; at < j->rows && at < row + GROUP_ROWS; at++) {
        const int step = (int)(at % BLOCK);
        if (step == 0)
            set_anchor(j, w, at / BLOCK, w->along, w->across);
        fill_row_bits(j, w, at, step);
    }
}

/* ---- double ---- */

static void fill_group_f64(const job *j, int64_t row)
{
    const pe_table *t = j->t;
    const int64_t left = j->rows - row;
    const size_t n = (size_t)(left < GROUP_ROWS ? left : GROUP_ROWS);
    double position[GROUP_ROWS], *out = (double *)j->out + row * j->stride;
    for (size_t i = 0; i < n; i++)
        position[i] = (double)(j->first + row + (int64_t)i);
    for (int c = 0; c < t->width; c++) {
        double *column = out + c;
        if (is_zero(t, c))
            for (size_t i = 0; i < n; i++)
                column[(int64_t)i * j->stride] = 0;
        else
            pe_exact_f64(&t->turns[pair_of(t, c)], n, position, is_cosine(t, c) ? NULL : column,
                         is_cosine(t, c) ? column : NULL, (size_t)j->stride);
    }
}

/* ---- all rows ---- */

static void fill_group(const job *j, worker *w, int64_t row)
{
    if (j->format == PE_FP32)
        fill_group_f32(j, w, row);
    else if (j->format == PE_FP64)
        fill_group_f64(j, row);
    else
        fill_group_bits(j, w, row);
}

static pe_status fill(const job *j, int threads, pe_error *err)
{
    const int64_t groups = (j->rows + GROUP_ROWS - 1) / GROUP_ROWS;
    const int most = threads > 0 ? threads : omp_get_max_threads();
    const int count = groups < most ? (int)groups : most;
    pe_status status = PE_OK;
    pthread_once(&chosen, choose);
    if (count == 0)
        return PE_OK;
#pragma omp parallel num_threads(count)
    {
        pe_error own = {0};
        worker *w = worker_start(j->t, &own);
        if (!w) {
#pragma omp critical(pe_table_failure)
            status = pe_fail(err, PE_MEMORY, "%s", own.text);
        }
#pragma omp barrier
        if (status == PE_OK) {
#pragma omp for schedule(static)
            for (int64_t group = 0; group < groups; group++)
                fill_group(j, w, group * GROUP_ROWS);
        }
        pe_table_end_stream();
        worker_end(w);
    }
    return status;
}

static pe_status check(const job *j, pe_error *err)
{
    if (j->rows < 0 || j->stride < j->t->width)
        return pe_fail(err, PE_USAGE,
                       "a table of %d columns wants rows >= 0 and a row stride of at least that, "
                       "not %lld and %lld",
                       j->t->width, (long long)j->rows, (long long)j->stride);
    if (j->first < -furthest || j->first > furthest || j->rows > furthest - j->first + 1)
        return pe_fail(err, PE_USAGE,
                       "positions from %lld on, %lld of them, pass 2^53, beyond which a double "
                       "does not hold every whole number",
                       (long long)j->first, (long long)j->rows);
    return PE_OK;
}

static bool worth_streaming(const job *j)
{
    return j->rows * (int64_t)sizeof(float) * j->t->width >= stream_bytes &&
           (uintptr_t)j->out % 64 == 0 && j->stride % PE_TABLE_LANES == 0;
}

#define FILL(suffix, real, of_format)                                                              \
    pe_status pe_table_fill_##suffix(const pe_table *plan, int64_t first, int64_t rows, real *out, \
                                     int64_t row_stride, int threads, pe_error *err)               \
    {                                                                                              \
        job j = {plan, first, rows, row_stride, out, of_format, false};                            \
        pe_status status = check(&j, err);                                                         \
        j.stream = status == PE_OK && j.format == PE_FP32 && worth_streaming(&j);                  \
        return status == PE_OK ? fill(&j, threads, err) : status;                                  \
    }
FILL(f32, float, PE_FP32)
FILL(f64, double, PE_FP64)
FILL(f16, uint16_t, PE_FP16)
FILL(bf16, uint16_t, PE_BF16)
