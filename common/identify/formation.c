/* By which arithmetic was this table computed? Each way that programs go is gone again, and the one
 * whose table is nearest wins; of equals, the first in the list below. */
#include "identify/internal.h"

#include "base/memory.h"

#include <math.h>

enum { AT_POSITION = 1 << PE_AT_POSITION, AT_FREQUENCY = 1 << PE_AT_FREQUENCY };
enum { AT_PHASE = 1 << PE_AT_PHASE, AT_TABLE = 1 << PE_AT_TABLE };

static const pe_formation_path paths[] = {
    PE_FORM_DOUBLE_POW, PE_FORM_DOUBLE_EXP, PE_FORM_RECIPROCAL, PE_FORM_EXP_STEP,
    PE_FORM_POW,        PE_FORM_EXP_LOG,    PE_FORM_ROUNDED,    PE_FORM_ANGLE};
enum { PATHS = sizeof paths / sizeof paths[0], FLOAT_PATHS = 3 };

static const unsigned low_places[] = {AT_POSITION,
                                      AT_FREQUENCY,
                                      AT_POSITION | AT_FREQUENCY,
                                      AT_PHASE,
                                      AT_POSITION | AT_PHASE,
                                      AT_FREQUENCY | AT_PHASE,
                                      AT_POSITION | AT_FREQUENCY | AT_PHASE};
enum { LOW_PLACES = sizeof low_places / sizeof low_places[0] };

static double frequency(const pe_finding *wave, pe_formation_path path, pe_wave_column at)
{
    const double n = pe_wave_numerator(wave, at), d = pe_wave_denominator(wave);
    const float exponent = (float)n / (float)d, base = (float)wave->base;
    switch (path) {
    case PE_FORM_DOUBLE_EXP:
        return exp(-log(wave->base) * (n / d));
    case PE_FORM_EXP_STEP:
        return (double)expf((float)n * (float)(-log(wave->base) / d));
    case PE_FORM_EXP_LOG:
        return (double)expf(-exponent * logf(base));
    case PE_FORM_RECIPROCAL:
        return (double)(1 / powf(base, exponent));
    case PE_FORM_POW:
        return (double)powf(base, -exponent);
    case PE_FORM_ROUNDED:
        return (double)(float)pow(wave->base, -(n / d));
    default:
        return pow(wave->base, -(n / d));
    }
}

static double low(const pe_formation *f, unsigned place, double x)
{
    return f->places & place ? pe_round_to_format(f->format, x) : x;
}

/* One entry before it is stored. */
static double form(const pe_finding *wave, const pe_formation *f, bool cosine, double w, double p)
{
    if (f->path == PE_FORM_DOUBLE_POW || f->path == PE_FORM_DOUBLE_EXP) {
        const double phase = wave->unit * p * w;
        return wave->scale * (cosine ? cos(phase) : sin(phase));
    }
    const float scale = (float)wave->scale;
    if (f->path == PE_FORM_ANGLE) {
        const float phase = (float)(wave->unit * p * w);
        return (double)(scale * (cosine ? cosf(phase) : sinf(phase)));
    }
    const float position = (float)low(f, AT_POSITION, (double)(float)p);
    const float omega = (float)low(f, AT_FREQUENCY, w);
    float phase = (float)low(f, AT_PHASE, (double)(position * omega));
    if (wave->unit != 1)
        phase *= (float)wave->unit;
    return (double)(scale * (cosine ? cosf(phase) : sinf(phase)));
}

static void fill(const pe_matrix *m, const pe_finding *wave, const pe_formation *f, double *table)
{
    const size_t columns = m->columns - (wave->padded ? 1 : 0);
    for (size_t j = 0; j < columns; j++) {
        const pe_wave_column at = pe_wave_column_at(wave->layout, columns, j);
        const double w = frequency(wave, f->path, at);
        for (size_t t = 0; t < m->rows; t++)
            table[t * m->columns + j] = pe_round_to_format(
                m->stored, form(wave, f, at.cosine, w, pe_wave_position(wave, t)));
    }
    if (wave->padded)
        for (size_t t = 0; t < m->rows; t++)
            table[t * m->columns + columns] = 0;
}

static bool better(const pe_finding *a, const pe_finding *b)
{
    if (a->differs == 0 || b->differs == 0)
        return a->differs < b->differs;
    return a->rms < 0.999999 * b->rms;
}

static void consider(const pe_matrix *m, pe_finding *best, const pe_finding *wave, pe_formation f,
                     double *table)
{
    pe_finding trial = *wave;
    trial.formation = f;
    fill(m, wave, &f, table);
    pe_residual(m, table, &trial);
    if (best->formation.path == PE_FORM_NONE || better(&trial, best))
        *best = trial;
}

/* Positions, frequencies, phases in 16 bits: only worth a try when float leaves something over. */
static void consider_low(const pe_matrix *m, pe_finding *best, const pe_finding *wave,
                         double *table)
{
    static const pe_format formats[] = {PE_BF16, PE_FP16};
    for (int k = 0; k < 2; k++)
        for (int s = 0; s < LOW_PLACES; s++)
            for (int p = 0; p < FLOAT_PATHS; p++)
                consider(m, best, wave, (pe_formation){paths[2 + p], formats[k], low_places[s]},
                         table);
}

static pe_bug low_bug(unsigned places)
{
    const bool position = places & AT_POSITION, omega = places & AT_FREQUENCY;
    if (places & AT_PHASE && !position && !omega)
        return PE_BUG_LOW_PHASE;
    return position && omega ? PE_BUG_LOW_BOTH
           : position        ? PE_BUG_LOW_POSITION
           : omega           ? PE_BUG_LOW_FREQUENCY
                             : PE_BUG_NONE;
}

pe_status pe_wave_formation(const pe_matrix *m, pe_finding *wave, pe_error *err)
{
    double *table =
        pe_allocate(m->rows * m->columns, sizeof *table, "a table to compare with", err);
    if (!table)
        return PE_MEMORY;
    pe_finding best = *wave;
    best.formation.path = PE_FORM_NONE;
    for (int p = 0; p < PATHS; p++)
        consider(m, &best, wave, (pe_formation){paths[p], PE_UNROUNDED, 0}, table);
    const double plain = best.rms;
    if (best.differs) {
        pe_finding with = best;
        consider_low(m, &with, wave, table);
        /* Two more choices of format must pay for themselves. */
        if (with.formation.places && (with.differs == 0 || with.rms < 0.7 * plain)) {
            best = with;
            if (best.bug == PE_BUG_NONE)
                best.bug = low_bug(best.formation.places);
        }
    }
    pe_release(table);
    *wave = best;
    return PE_OK;
}
