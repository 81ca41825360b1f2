/* By which arithmetic was this table computed? The paths that programs take (common/formation) are
 * gone again, and the one whose table is nearest wins; of equals, the first in the list below. */
#include "identify/internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* ---- the paths that are tried ---- */

#define STEP(kind, arithmetic, result)                                                             \
    {                                                                                              \
        kind, arithmetic, result                                                                   \
    }
#define PLAIN(kind, format) STEP(kind, format, PE_UNROUNDED)
#define ALL_IN(format, formula)                                                                    \
    {                                                                                              \
        .name = "custom", .summary = "a path without a name", .position = format,                  \
        .frequency = PLAIN(formula, format), .angle = PLAIN(PE_ANGLE_PRODUCT, format),             \
        .sine = PLAIN(PE_SINE_NATIVE, format)                                                      \
    }

/* All in double, rounded when stored; then all in float. */
static const pe_formation doubles[] = {
    ALL_IN(PE_FP64, PE_FREQUENCY_POW), ALL_IN(PE_FP64, PE_FREQUENCY_EXP_STEP),
    ALL_IN(PE_FP64, PE_FREQUENCY_RECIPROCAL_POW), ALL_IN(PE_FP64, PE_FREQUENCY_EXP_LOG)};
static const pe_formation floats[] = {
    ALL_IN(PE_FP32, PE_FREQUENCY_RECIPROCAL_POW), ALL_IN(PE_FP32, PE_FREQUENCY_EXP_STEP),
    ALL_IN(PE_FP32, PE_FREQUENCY_POW),
    ALL_IN(PE_FP32, PE_FREQUENCY_EXP_LOG), /* from here on with all places in float only */
    ALL_IN(PE_FP32, PE_FREQUENCY_TABLE)};
enum { DOUBLES = 4, FLOATS = 5, FLOATS_ROUNDED = 3 };
/* Every single operation in 16 bits. */
static const pe_formation narrow[] = {
    ALL_IN(PE_FP16, PE_FREQUENCY_EXP_STEP), ALL_IN(PE_FP16, PE_FREQUENCY_POW),
    ALL_IN(PE_BF16, PE_FREQUENCY_EXP_STEP), ALL_IN(PE_BF16, PE_FREQUENCY_POW)};
enum { NARROW = 4 };
/* Rarer ones, by their names in common/formation. */
static const char *const rare[] = {"double-angle", "running-product", "repeated-angle",
                                   "angle-addition", "exact"};
enum { RARE = sizeof rare / sizeof rare[0] };

enum { AT_POSITION = 1, AT_FREQUENCY = 2, AT_ANGLE = 4, AT_ALL = 7 };

static pe_formation rounded_at(const pe_formation *path, pe_format format, int places)
{
    pe_formation f = *path;
    if (places & AT_POSITION)
        f.position = format;
    if (places & AT_FREQUENCY)
        f.frequency.result = format;
    if (places & AT_ANGLE)
        f.angle.result = format;
    return f;
}

static pe_bug low_bug(int places)
{
    const bool position = places & AT_POSITION, omega = places & AT_FREQUENCY;
    return position && omega ? PE_BUG_LOW_BOTH
           : position        ? PE_BUG_LOW_POSITION
           : omega           ? PE_BUG_LOW_FREQUENCY
                             : PE_BUG_LOW_PHASE;
}

/* ---- tables by a path ---- */

enum { SAMPLE = 48 }; /* rows that decide between paths */

/* What all trials share. `sample` is the matrix, of some of the rows when there are many. */
typedef struct trial {
    const pe_finding *wave;
    pe_matrix sample;
    size_t row[SAMPLE]; /* in the matrix */
    double position[SAMPLE];
    double *values, *table; /* (rows, columns) */
    pe_formed formed;
} trial;

/* Both ends, where positions start and where their errors are largest, and some between. */
static void choose_rows(trial *t, const pe_matrix *m)
{
    const size_t n = m->rows < SAMPLE ? m->rows : SAMPLE, end = n / 3, rest = n - 2 * end;
    for (size_t k = 0; k < n; k++)
        t->row[k] = m->rows <= SAMPLE ? k
                    : k < end         ? k
                    : k >= n - end    ? m->rows - (n - k)
                                      : end + (k - end) * (m->rows - 2 * end) / rest;
    t->sample = (pe_matrix){t->values, 1, n, m->columns, m->stored};
    for (size_t k = 0; k < n; k++) {
        t->position[k] = pe_wave_position(t->wave, t->row[k]) * t->wave->unit;
        memcpy(t->values + k * m->columns, m->values + t->row[k] * m->columns,
               m->columns * sizeof *t->values);
    }
}

static bool is_double(const pe_formation *f)
{
    return f->sine.formula == PE_SINE_EXACT || f->sine.arithmetic == PE_FP64;
}

static double cosine_of(const pe_formation *f, double x)
{
    return is_double(f) ? cos(x) : (double)cosf((float)x);
}

static double stored_value(const pe_finding *wave, const pe_formed *formed, pe_format stored,
                           double x)
{
    if (wave->scale != 1)
        x = is_double(&formed->formation) ? wave->scale * x
                                          : (double)((float)wave->scale * (float)x);
    return pe_round_to_format(stored, x);
}

/* table (rows, columns) at the given positions, row by row of at most SAMPLE. */
static void fill(const pe_finding *wave, const pe_formed *formed, pe_format stored, size_t rows,
                 size_t all_columns, const double *position, double *table)
{
    double sine[SAMPLE], cosine[SAMPLE];
    const size_t columns = all_columns - (wave->padded ? 1 : 0);
    for (size_t j = 0; j < columns; j++) {
        const pe_wave_column at = pe_wave_column_at(wave->layout, columns, j);
        pe_formed_column(formed, pe_wave_index(wave, at), rows, position, sine, cosine, 1);
        for (size_t t = 0; t < rows; t++) {
            if (wave->replaced)
                cosine[t] = cosine_of(&formed->formation, sine[t]);
            table[t * all_columns + j] =
                stored_value(wave, formed, stored, at.cosine ? cosine[t] : sine[t]);
        }
    }
    for (size_t t = 0; wave->padded && t < rows; t++)
        table[t * all_columns + columns] = 0;
}

static bool better(const pe_finding *a, const pe_finding *b)
{
    if (a->differs == 0 || b->differs == 0)
        return a->differs < b->differs;
    return a->rms < 0.999999 * b->rms;
}

/* Whether it is the best so far. */
static bool consider(trial *t, pe_finding *best, const pe_formation *path)
{
    pe_finding one = *t->wave;
    one.formation = *path;
    one.formation.store = PE_UNROUNDED;
    pe_formed_change(&t->formed, &one.formation);
    fill(t->wave, &t->formed, t->sample.stored, t->sample.rows, t->sample.columns, t->position,
         t->table);
    pe_residual(&t->sample, t->table, &one);
    const bool won = best->formation.name[0] == 0 || better(&one, best);
    if (won)
        *best = one;
    return won;
}

/* Entries with more than 24 bits were not computed in float. */
static void consider_plain(trial *t, pe_finding *best)
{
    for (int p = 0; p < DOUBLES; p++)
        consider(t, best, &doubles[p]);
    if (t->sample.stored == PE_FP64)
        return;
    for (int p = 0; p < FLOATS; p++)
        consider(t, best, &floats[p]);
    for (size_t p = 0; best->differs && p < RARE; p++)
        consider(t, best, pe_formation_by_name(rare[p]));
}

/* Positions, frequencies, angles in 16 bits: only worth a try when float leaves something over. Two
 * more choices of format must pay for themselves. */
static void consider_low(trial *t, pe_finding *best)
{
    const pe_formation *wide = t->sample.stored == PE_FP64 ? doubles : floats;
    static const pe_format formats[] = {PE_BF16, PE_FP16};
    pe_finding with = *best;
    int low = 0;
    for (int k = 0; k < 2; k++)
        for (int places = 1; places <= AT_ALL; places++)
            for (int p = 0; p < FLOATS_ROUNDED; p++) {
                const pe_formation path = rounded_at(&wide[p], formats[k], places);
                if (consider(t, &with, &path))
                    low = places;
            }
    for (int p = 0; p < NARROW; p++)
        if (consider(t, &with, &narrow[p]))
            low = AT_ALL;
    if (low == 0 || !(with.differs == 0 || with.rms < 0.7 * best->rms))
        return;
    *best = with;
    if (best->bug == PE_BUG_NONE)
        best->bug = low_bug(low);
}

/* The name that common/formation has for these steps, if any. */
static void name_path(pe_formation *path, pe_format stored)
{
    path->store = stored;
    for (size_t i = 0; i < pe_formation_count; i++) {
        char mine[PE_FORMATION_TEXT], theirs[PE_FORMATION_TEXT];
        pe_formation_write(path, mine);
        pe_formation_write(&pe_formations[i], theirs);
        if (strcmp(mine, theirs) == 0)
            *path = pe_formations[i];
    }
}

/* All rows by the path that won, a block at a time. */
static pe_status compare_all(const pe_matrix *m, trial *t, pe_finding *best, pe_error *err)
{
    double *whole = pe_allocate(m->rows * m->columns, sizeof *whole, "a table to compare", err);
    if (!whole)
        return PE_MEMORY;
    pe_formed_change(&t->formed, &best->formation);
    for (size_t from = 0; from < m->rows; from += SAMPLE) {
        const size_t rows = m->rows - from < SAMPLE ? m->rows - from : SAMPLE;
        for (size_t k = 0; k < rows; k++)
            t->position[k] = pe_wave_position(best, from + k) * best->unit;
        fill(best, &t->formed, m->stored, rows, m->columns, t->position, whole + from * m->columns);
    }
    pe_residual(m, whole, best);
    pe_release(whole);
    return PE_OK;
}

pe_status pe_wave_formation(const pe_matrix *m, pe_finding *wave, pe_error *err)
{
    trial t = {.wave = wave};
    const pe_spectrum spectrum = pe_wave_spectrum(wave);
    const size_t rows = m->rows < SAMPLE ? m->rows : SAMPLE;
    t.values = pe_allocate(2 * rows * m->columns, sizeof *t.values, "rows to compare", err);
    if (!t.values)
        return PE_MEMORY;
    t.table = t.values + rows * m->columns;
    pe_status status = pe_formed_make(&doubles[0], &spectrum, &t.formed, err);
    if (status == PE_OK) {
        pe_finding best = *wave;
        best.formation.name[0] = 0;
        choose_rows(&t, m);
        consider_plain(&t, &best);
        if (best.differs)
            consider_low(&t, &best);
        status = compare_all(m, &t, &best, err);
        name_path(&best.formation, m->stored);
        *wave = best;
        pe_formed_release(&t.formed);
    }
    pe_release(t.values);
    return status;
}
