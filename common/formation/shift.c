/* Rotated attention under a common shift: logits and weights that should not change. */
#include "formation/measure.h"

#include "base/memory.h"

#include <math.h>

/* a x + b y, as a kernel does it: two products and a sum in `format`; fp64 and unrounded in double.
 */
static double combine(pe_format format, double a, double x, double b, double y)
{
    if (format == PE_FP64 || format == PE_UNROUNDED)
        return a * x + b * y;
    const double first = pe_round_to_format(format, (double)((float)a * (float)x));
    const double second = pe_round_to_format(format, (double)((float)b * (float)y));
    return pe_round_to_format(format, (double)((float)first + (float)second));
}

/* to (tokens, 2 pairs): x turned by the table of one pair, (tokens) sines and cosines. */
static void turn_pair(const pe_rotary *r, size_t pairs, size_t pair, const double *sine,
                      const double *cosine, const double *x, double *to)
{
    for (size_t t = 0; t < r->tokens; t++) {
        const size_t at = t * 2 * pairs + 2 * pair;
        const double first = combine(r->rotation, x[at], cosine[t], -x[at + 1], sine[t]);
        const double second = combine(r->rotation, x[at], sine[t], x[at + 1], cosine[t]);
        to[at] = pe_round_to_format(r->vectors, first);
        to[at + 1] = pe_round_to_format(r->vectors, second);
    }
}

/* logits (tokens, tokens), j <= i, with positions from `start` on. work: (tokens, 3 + 4 pairs). */
static void logits_from(const pe_formed *formed, const pe_rotary *r, double start, double *work,
                        double *logits)
{
    const size_t n = r->tokens, pairs = formed->spectrum.pairs, width = 2 * pairs;
    double *position = work, *sine = work + n, *cosine = work + 2 * n, *q = work + 3 * n,
           *k = q + n * width;
    for (size_t t = 0; t < n; t++)
        position[t] = start + (double)t;
    for (size_t p = 0; p < pairs; p++) {
        pe_formed_column(formed, p, n, position, sine, cosine, 1);
        turn_pair(r, pairs, p, sine, cosine, r->q, q);
        turn_pair(r, pairs, p, sine, cosine, r->k, k);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double dot = 0;
            for (size_t c = 0; c < width; c++)
                dot += q[i * width + c] * k[j * width + c];
            logits[i * n + j] = dot / sqrt((double)width);
        }
}

/* weight (n) of one query's logits (n). */
static void softmax(size_t n, const double *logits, double *weight)
{
    double most = -HUGE_VAL, sum = 0;
    for (size_t j = 0; j < n; j++)
        most = fmax(most, logits[j]);
    for (size_t j = 0; j < n; j++)
        sum += weight[j] = exp(logits[j] - most);
    for (size_t j = 0; j < n; j++)
        weight[j] /= sum;
}

static double total_variation(size_t n, const double *a, const double *b, double *work)
{
    double sum = 0;
    softmax(n, a, work);
    softmax(n, b, work + n);
    for (size_t j = 0; j < n; j++)
        sum += fabs(work[j] - work[n + j]) / 2;
    return sum;
}

static pe_shift_change compare(size_t n, const double *a, const double *b, double *work)
{
    pe_shift_change c = {0};
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            const double d = fabs(a[i * n + j] - b[i * n + j]);
            squares += d * d;
            if (!(d <= c.logit_most)) /* a NaN shows */
                c.logit_most = d;
        }
        const double moved = total_variation(i + 1, a + i * n, b + i * n, work);
        c.weight_mean += moved / (double)n;
        if (!(moved <= c.weight_most))
            c.weight_most = moved;
    }
    c.logit_rms = sqrt(squares / ((double)n * (double)(n + 1) / 2));
    return c;
}

pe_status pe_formation_shift(const pe_formed *formed, const pe_rotary *rotary, double shift,
                             pe_shift_change *change, pe_error *err)
{
    const size_t n = rotary->tokens, work_size = n * (3 + 4 * formed->spectrum.pairs);
    double *still = pe_allocate(2 * n * n + work_size, sizeof *still, "logits of a path", err);
    if (!still)
        return PE_MEMORY;
    double *moved = still + n * n, *work = moved + n * n;
    logits_from(formed, rotary, 0, work, still);
    logits_from(formed, rotary, shift, work, moved);
    *change = compare(n, still, moved, work);
    pe_release(still);
    return PE_OK;
}
