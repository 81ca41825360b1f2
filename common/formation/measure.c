/* Errors against the exact sinusoid. */
#include "formation/measure.h"

#include "base/memory.h"
#include "numbers/ulp.h"

#include <math.h>
#include <omp.h>

enum { AT_ONCE = 256 };

pe_format pe_formation_format(const pe_formation *path)
{
    const pe_format last[] = {path->store, path->sine.result, path->sine.arithmetic};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        if (last[i] != PE_UNROUNDED)
            return last[i];
    return PE_FP64;
}

/* ---- one pair, AT_ONCE positions at once ---- */

typedef struct reference {
    double sine[AT_ONCE], cosine[AT_ONCE];           /* rounded to double */
    double sine_rest[AT_ONCE], cosine_rest[AT_ONCE]; /* what that left: 0 but for double tables */
} reference;

static void split(size_t n, const pe_quad *x, double *high, double *low)
{
    for (size_t i = 0; i < n; i++) {
        high[i] = (double)x[i];
        low[i] = (double)(x[i] - (pe_quad)high[i]);
    }
}

static void refer(const pe_formed *formed, size_t pair, pe_format format, size_t n,
                  const double *position, reference *r)
{
    if (format != PE_FP64) {
        pe_formed_reference(formed, pair, n, position, r->sine, r->cosine, 1);
        for (size_t i = 0; i < n; i++)
            r->sine_rest[i] = r->cosine_rest[i] = 0;
        return;
    }
    pe_quad sine[AT_ONCE], cosine[AT_ONCE];
    pe_exact_f128(&formed->turns[pair], n, position, sine, cosine, 1);
    split(n, sine, r->sine, r->sine_rest);
    split(n, cosine, r->cosine, r->cosine_rest);
}

static pe_entry_error error_of(pe_format format, double s, double c, const reference *r, size_t i)
{
    if (!isfinite(s) || !isfinite(c))
        return (pe_entry_error){HUGE_VAL, HUGE_VAL, HUGE_VAL, acos(-1), HUGE_VAL};
    return (pe_entry_error){
        .sine = pe_error_absolute(s, r->sine[i], r->sine_rest[i]),
        .cosine = pe_error_absolute(c, r->cosine[i], r->cosine_rest[i]),
        .ulp = fmax(pe_error_ulp(format, s, r->sine[i], r->sine_rest[i]),
                    pe_error_ulp(format, c, r->cosine[i], r->cosine_rest[i])),
        .phase = pe_phase_error(s, c, r->sine[i], r->cosine[i]),
        .norm = fabs(s * s + c * c - 1),
    };
}

/* A block's work space: too large for the stack of a thread. */
typedef struct block {
    reference reference;
    double sine[AT_ONCE], cosine[AT_ONCE];
    pe_entry_error error[AT_ONCE];
} block;

static void measure_block(const pe_formed *formed, size_t pair, size_t n, const double *position,
                          block *b, pe_entry_error *error)
{
    const pe_format format = pe_formation_format(&formed->formation);
    pe_formed_column(formed, pair, n, position, b->sine, b->cosine, 1);
    refer(formed, pair, format, n, position, &b->reference);
    for (size_t i = 0; i < n; i++)
        error[i] = error_of(format, b->sine[i], b->cosine[i], &b->reference, i);
}

/* A path that walks from position to position was asked for all of them at once, so that it did not
 * start anew with every block: walked has its n sines and n cosines. Otherwise it is NULL. */
static void measure_part(const pe_formed *formed, size_t pair, size_t n, const double *position,
                         size_t from, const double *walked, block *b, pe_entry_error *error)
{
    const pe_format format = pe_formation_format(&formed->formation);
    const size_t count = n - from < AT_ONCE ? n - from : AT_ONCE;
    if (!walked) {
        measure_block(formed, pair, count, position + from, b, error + from);
        return;
    }
    refer(formed, pair, format, count, position + from, &b->reference);
    for (size_t i = 0; i < count; i++)
        error[from + i] =
            error_of(format, walked[from + i], walked[n + from + i], &b->reference, i);
}

pe_status pe_formation_errors(const pe_formed *formed, size_t pair, size_t n,
                              const double *position, pe_entry_error *error, pe_error *err)
{
    const bool walks = formed->formation.angle.formula == PE_ANGLE_ADDITION;
    const size_t threads = n > AT_ONCE ? (size_t)omp_get_max_threads() : 1;
    block *b = pe_allocate_unset(threads, sizeof *b, "errors of a path", err);
    double *walked = pe_allocate_unset(walks ? 2 * n : 0, sizeof *walked, "sines and cosines", err);
    const bool ready = b && walked;
    if (ready && walks)
        pe_formed_column(formed, pair, n, position, walked, walked + n, 1);
    if (ready)
#pragma omp parallel for schedule(dynamic) num_threads((int)threads) if (threads > 1)
        for (size_t from = 0; from < n; from += AT_ONCE)
            measure_part(formed, pair, n, position, from, walks ? walked : NULL,
                         &b[omp_get_thread_num()], error);
    pe_release(b);
    pe_release(walked);
    return ready ? PE_OK : PE_MEMORY;
}

/* ---- all pairs ---- */

enum { OCTAVES = 64, FIRST_OCTAVE = 6 };

typedef struct tally {
    pe_formation_found found;
    double squares;
    double octave[OCTAVES]; /* largest phase error at positions in [2^m, 2^(m+1)) */
} tally;

static void worse(pe_worst *worst, double value, double position, size_t pair)
{
    if (value > worst->value)
        *worst = (pe_worst){value, position, pair};
}

static void first(double *at, bool off, double position)
{
    if (off && !(*at <= position))
        *at = position;
}

static void count_entry(tally *t, const pe_entry_error *e, double position, size_t pair)
{
    const double absolute = fmax(e->sine, e->cosine);
    worse(&t->found.absolute, absolute, position, pair);
    worse(&t->found.cosine, e->cosine, position, pair);
    worse(&t->found.ulp, e->ulp, position, pair);
    worse(&t->found.phase, e->phase, position, pair);
    worse(&t->found.norm, e->norm, position, pair);
    first(&t->found.first_tenth, absolute > 0.1, position);
    first(&t->found.first_one, absolute > 1, position);
    t->squares += e->sine * e->sine + e->cosine * e->cosine;
    if (position >= 1 && position < 0x1p63) {
        const int m = ilogb(position);
        t->octave[m] = fmax(t->octave[m], e->phase);
    }
}

/* Least squares of log2 of the running maximum against the octave. */
static double growth(const double *octave)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0, largest = 0;
    for (int m = 0; m < OCTAVES; m++) {
        if (octave[m] == 0)
            continue; /* no position there, or no error */
        largest = fmax(largest, octave[m]);
        if (m < FIRST_OCTAVE || !(largest < 1))
            continue;
        const double v = log2(largest);
        n++;
        x += m;
        y += v;
        xx += (double)m * m;
        xy += m * v;
    }
    return n < 3 ? (double)NAN : (n * xy - x * y) / (n * xx - x * x);
}

pe_status pe_formation_measure(const pe_formed *formed, size_t n, const double *position,
                               pe_formation_found *found, pe_error *err)
{
    const size_t pairs = formed->spectrum.pairs;
    tally t = {.found = {.first_tenth = (double)NAN, .first_one = (double)NAN}};
    pe_entry_error *error = pe_allocate_unset(n, sizeof *error, "errors of a path", err);
    pe_status status = error ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < pairs; i++) {
        status = pe_formation_errors(formed, i, n, position, error, err);
        for (size_t p = 0; status == PE_OK && p < n; p++)
            count_entry(&t, &error[p], position[p], i);
    }
    pe_release(error);
    t.found.rms = sqrt(t.squares / (2.0 * (double)pairs * (double)n));
    t.found.slope = growth(t.octave);
    if (status == PE_OK)
        *found = t.found;
    return status;
}

/* ---- several paths against the same exact values ---- */

/* As error_of has it, without the rest. */
static double absolute_of(double s, double c, const reference *r, size_t i)
{
    if (!isfinite(s) || !isfinite(c))
        return HUGE_VAL;
    return fmax(pe_error_absolute(s, r->sine[i], 0), pe_error_absolute(c, r->cosine[i], 0));
}

/* Up to each cut, of one pair. */
static void follow(const block *b, size_t from, size_t count, size_t cuts, const size_t *cut,
                   double *largest)
{
    for (size_t l = 0, i = 0; l < cuts; l++) {
        double worst = 0;
        for (; i < count && from + i < cut[l]; i++)
            worst = fmax(worst, absolute_of(b->sine[i], b->cosine[i], &b->reference, i));
        for (size_t later = l; later < cuts; later++)
            largest[later] = fmax(largest[later], worst);
    }
}

static bool is_fit(const pe_formed *formed)
{
    return formed->formation.angle.formula != PE_ANGLE_ADDITION &&
           pe_formation_format(&formed->formation) != PE_FP64;
}

pe_status pe_formation_largest(size_t paths, const pe_formed *formed, size_t n,
                               const double *position, size_t cuts, const size_t *cut,
                               double *largest, pe_error *err)
{
    for (size_t p = 0; p < paths; p++)
        if (!is_fit(&formed[p]))
            return pe_fail(err, PE_USAGE, "path %zu ends in fp64, or walks", p);
    block *b = pe_allocate_unset(1, sizeof *b, "errors of paths", err);
    if (!b)
        return PE_MEMORY;
    for (size_t at = 0; at < paths * cuts; at++)
        largest[at] = 0;
    for (size_t pair = 0; pair < formed->spectrum.pairs; pair++)
        for (size_t from = 0; from < n; from += AT_ONCE) {
            const size_t count = n - from < AT_ONCE ? n - from : AT_ONCE;
            refer(formed, pair, PE_FP32, count, position + from, &b->reference);
            for (size_t p = 0; p < paths; p++) {
                pe_formed_column(&formed[p], pair, count, position + from, b->sine, b->cosine, 1);
                follow(b, from, count, cuts, cut, largest + p * cuts);
            }
        }
    pe_release(b);
    return PE_OK;
}

/* ---- blame ---- */

static pe_status largest_phase(const pe_formation *path, const pe_spectrum *spectrum, size_t n,
                               const double *position, double *phase, pe_error *err)
{
    pe_formed formed;
    pe_formation_found found;
    pe_status status = pe_formed_make(path, spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    status = pe_formation_measure(&formed, n, position, &found, err);
    if (status == PE_OK)
        *phase = found.phase.value;
    pe_formed_release(&formed);
    return status;
}

/* A double's own rounding, which the reader of an exact table cannot avoid. */
static const double unavoidable = 0x1p-50;

pe_status pe_formation_find_blame(const pe_formed *formed, size_t n, const double *position,
                                  pe_formation_blame *blame, pe_error *err)
{
    const pe_formation *path = &formed->formation;
    const pe_spectrum *spectrum = &formed->spectrum;
    double largest = unavoidable;
    blame->guilty = PE_STEP_COUNT;
    pe_status status = largest_phase(path, spectrum, n, position, &blame->all, err);
    for (int s = 0; status == PE_OK && s < PE_STEP_COUNT; s++) {
        const pe_formation without = pe_formation_without(path, (pe_step)s);
        const pe_formation only = pe_formation_only(path, (pe_step)s);
        status = largest_phase(&without, spectrum, n, position, &blame->without[s], err);
        if (status == PE_OK)
            status = largest_phase(&only, spectrum, n, position, &blame->only[s], err);
        if (status == PE_OK && blame->only[s] > largest) {
            largest = blame->only[s];
            blame->guilty = (pe_step)s;
        }
    }
    return status;
}
