#include "identify/identify.h"
#include "identify/internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { CANDIDATES = 24, REFINED = 6 };

static const double pi = 3.14159265358979323846;

static pe_status check(const pe_matrix *m, pe_error *err)
{
    const size_t most = (size_t)1 << 26;
    if (m->layers == 0 || m->rows == 0 || m->columns == 0)
        return pe_fail(err, PE_USAGE, "there is nothing to identify in an empty matrix");
    if (m->layers > most / m->rows || m->layers * m->rows > most / m->columns)
        return pe_fail(err, PE_USAGE, "a matrix of more than 2^26 entries is not identified");
    for (size_t i = 0; i < m->layers * m->rows * m->columns; i++)
        if (isnan(m->values[i]) || m->values[i] == HUGE_VAL)
            return pe_fail(
                err, PE_USAGE, "entry (%zu, %zu) is %s; only -infinity, a mask, is taken",
                i / m->columns, i % m->columns, isnan(m->values[i]) ? "not a number" : "infinite");
    return PE_OK;
}

/* The narrowest format that holds every entry exactly, but nothing wider than the file says. */
static pe_format narrowest(const pe_matrix *m)
{
    static const pe_format formats[] = {PE_BF16, PE_FP16, PE_FP32};
    for (int k = 0; k < 3; k++) {
        bool holds = true;
        for (size_t i = 0; holds && i < m->layers * m->rows * m->columns; i++)
            holds = pe_round_to_format(formats[k], m->values[i]) == m->values[i];
        if (holds)
            return formats[k];
    }
    return PE_FP64;
}

/* ---- scales that people use ---- */

static void snap_scale(pe_finding *f)
{
    const double d = (double)f->width;
    const double nice[] = {1, sqrt(d), 1 / sqrt(d), sqrt(2 / d), 0.5, 2, 0.1, 10};
    for (size_t k = 0; k < sizeof nice / sizeof nice[0]; k++)
        if (fabs(f->scale / nice[k] - 1) < 0.004) {
            f->scale = nice[k];
            return;
        }
}

/* ---- rows that are clamped or start again ---- */

static bool same_row(const pe_matrix *m, size_t a, size_t b, double tolerance)
{
    for (size_t j = 0; j < m->columns; j++)
        if (fabs(m->values[a * m->columns + j] - m->values[b * m->columns + j]) > tolerance)
            return false;
    return true;
}

/* Which row is repeated from `turn` on, when t is one of them. */
static size_t repeated(pe_bug bug, size_t turn, size_t t)
{
    return bug == PE_BUG_CLAMPED_ROWS ? turn - 1 : bug == PE_BUG_RESTARTED_ROWS ? t - turn : 0;
}

static bool rows_follow(const pe_matrix *m, size_t turn, pe_bug bug, size_t end, double tolerance)
{
    for (size_t t = turn; t < end; t++)
        if (!same_row(m, t, repeated(bug, turn, t), tolerance))
            return false;
    return true;
}

/* A second start is no earlier row's repetition from 2 turn on, but for a third start. */
static size_t last_to_compare(const pe_matrix *m, size_t turn, pe_bug bug)
{
    return bug == PE_BUG_RESTARTED_ROWS && 2 * turn < m->rows ? 2 * turn : m->rows;
}

/* Two rows behind the turn at least; rows alike in the middle are rounded positions, no limit. */
static void find_turn(const pe_matrix *m, pe_finding *f)
{
    static const pe_bug bugs[] = {PE_BUG_CLAMPED_ROWS, PE_BUG_RESTARTED_ROWS, PE_BUG_CACHED_ROWS};
    const double tolerance = 0.012 * f->scale;
    for (size_t turn = 3; turn + 1 < m->rows; turn++) {
        const bool alike = same_row(m, turn, turn - 1, tolerance);
        if (!alike && !same_row(m, turn, 0, tolerance))
            continue;
        for (int b = alike ? 0 : 1; b < (alike ? 1 : 3); b++)
            if (rows_follow(m, turn, bugs[b], last_to_compare(m, turn, bugs[b]), tolerance)) {
                f->turn_row = turn;
                f->bug = bugs[b];
                f->periodic = rows_follow(m, turn, bugs[b], m->rows, tolerance);
                return;
            }
        if (alike)
            return;
    }
}

static pe_bug wave_bug(const pe_finding *f)
{
    switch (f->rule) {
    case PE_RULE_DOUBLED:
    case PE_RULE_DOUBLED_CHANNEL:
        return PE_BUG_DOUBLED_EXPONENT;
    case PE_RULE_CHANNEL:
        return PE_BUG_CHANNEL_EXPONENT;
    case PE_RULE_STEP:
        return PE_BUG_FLOOR_DIVISION;
    case PE_RULE_ONE:
        return PE_BUG_INTEGER_DIVISION;
    case PE_RULE_RISING:
        return PE_BUG_RISING;
    default:
        break;
    }
    if (f->step == 0)
        return PE_BUG_CONSTANT_ROWS;
    if (f->replaced)
        return PE_BUG_REPLACED;
    return fabs(f->unit - 180 / pi) < 1e-9 || fabs(f->unit - pi / 180) < 1e-9 ? PE_BUG_DEGREES
                                                                              : PE_BUG_NONE;
}

static void insert(pe_identification *out, const pe_finding *f)
{
    int at = out->count;
    while (at > 0 && out->best[at - 1].rms > f->rms)
        at--;
    if (at >= PE_FINDINGS)
        return;
    if (out->count < PE_FINDINGS)
        out->count++;
    memmove(out->best + at + 1, out->best + at, (size_t)(out->count - 1 - at) * sizeof *f);
    out->best[at] = *f;
}

/* ---- waves ---- */

/* What a wave may be off by and still be itself: noise of 1e-3, and half a unit of the format. */
static double wave_tolerance(const pe_matrix *m, const pe_finding *f)
{
    return 3e-3 * fmax(fabs(f->scale), 0.5) + 0.5 * pe_format_epsilon(m->stored) * fabs(f->scale);
}

/* Of candidates that explain a few rows, all rows decide; where they are equal, the order of the
 * search, which prefers values that people use, stays. */
static pe_status refine_waves(const pe_matrix *m, pe_finding *found, size_t count, size_t *best,
                              pe_error *err)
{
    double least = HUGE_VAL;
    *best = 0;
    for (size_t k = 0; k < count; k++) {
        found[k].bug = wave_bug(&found[k]);
        snap_scale(&found[k]);
        if (found[k].step != 0)
            find_turn(m, &found[k]);
        const pe_status status = pe_wave_formation(m, &found[k], err);
        if (status != PE_OK)
            return status;
        const double score = found[k].rms;
        if (score < 0.9 * least) {
            least = score;
            *best = k;
        }
    }
    return PE_OK;
}

static pe_status identify_wave(const pe_matrix *m, pe_identification *out, pe_error *err)
{
    pe_finding found[CANDIDATES];
    size_t count = pe_wave_search(m, found, CANDIDATES), best = 0;
    count = count < REFINED ? count : REFINED;
    const pe_status status = refine_waves(m, found, count, &best, err);
    if (status != PE_OK || count == 0)
        return status;
    insert(out, &found[best]);
    for (size_t k = 0; k < count; k++)
        if (k != best) {
            found[k].rms = fmax(found[k].rms, out->best[0].rms);
            insert(out, &found[k]);
        }
    out->known = out->best[0].rms <= wave_tolerance(m, &out->best[0]);
    return PE_OK;
}

/* ---- the others ---- */

static void identify_slopes(const pe_matrix *m, pe_identification *out)
{
    pe_finding found[PE_FINDINGS];
    const size_t count = pe_slopes_search(m, found, PE_FINDINGS);
    for (size_t k = 0; k < count; k++)
        out->best[out->count++] = found[k];
    out->known = count > 0 && found[0].rms <= 2.5e-3 + 0.5 * pe_format_epsilon(m->stored);
}

static pe_status identify_square(const pe_matrix *m, pe_identification *out, pe_error *err)
{
    pe_finding found[PE_FINDINGS];
    size_t count = 0;
    const pe_status status = pe_bias_search(m, found, PE_FINDINGS, &count, err);
    for (size_t k = 0; k < count; k++)
        insert(out, &found[k]);
    out->known = count > 0;
    return status;
}

/* Attention says what its logarithms say, up to a number per row. */
static pe_status identify_attention(const pe_matrix *m, pe_identification *out, pe_error *err)
{
    pe_finding f = {.family = PE_FAMILY_ATTENTION, .unit = 1, .scale = 1, .identical = 1};
    out->known = true;
    out->best[out->count++] = f;
    if (m->rows != m->columns || m->rows < 4)
        return PE_OK;
    const size_t n = m->rows;
    double *logits = pe_allocate(m->layers * n * n, sizeof *logits, "logarithms", err);
    if (!logits)
        return PE_MEMORY;
    bool usable = true;
    for (size_t t = 0; t < m->layers * n; t++) {
        const double own = m->values[t * n + t % n];
        for (size_t j = 0; j < n; j++) {
            const double x = m->values[t * n + j];
            if (j > t % n)
                out->best[0].causal = x <= 0 || (x < 1e-12 && out->best[0].causal);
            usable = usable && own > 0 && (x > 0 || j > t % n);
            logits[t * n + j] = x > 0 ? log(x / own) : -HUGE_VAL;
        }
    }
    pe_identification inner = {0};
    const pe_matrix l = {logits, m->layers, n, n, PE_FP64};
    const pe_status status = usable ? identify_square(&l, &inner, err) : PE_OK;
    pe_release(logits);
    if (status == PE_OK && inner.known && inner.best[0].rms < 0.05) {
        out->best[0].rule = inner.best[0].rule;
        out->best[0].base = inner.best[0].base;
        out->best[0].scale = inner.best[0].scale;
        out->best[0].bug = inner.best[0].bug;
        out->best[0].rms = inner.best[0].rms;
    }
    return status;
}

static void identify_random(const pe_matrix *m, pe_identification *out)
{
    double deviation = 0;
    if (!pe_is_random(m, &deviation))
        return;
    const pe_finding f = {
        .family = PE_FAMILY_RANDOM_TABLE, .unit = 1, .scale = deviation, .identical = 1};
    memmove(out->best + 1, out->best, (PE_FINDINGS - 1) * sizeof f);
    out->best[0] = f;
    out->count += out->count < PE_FINDINGS;
    out->known = true;
}

/* How sure: the residual against what a match may have, and how far the next answer is. */
static double sureness(const pe_matrix *m, const pe_identification *out)
{
    if (!out->known)
        return out->count == 0 ? 1 : 0.9;
    const pe_finding *f = &out->best[0];
    if (f->differs == 0 && f->family != PE_FAMILY_RANDOM_TABLE && f->family != PE_FAMILY_LOGITS)
        return 1;
    const double share = f->rms / wave_tolerance(m, f);
    return share < 0.5 ? 0.99 : share < 1 ? 0.9 : 0.7;
}

/* One number throughout: it says nothing, whatever it fits. */
static bool is_constant(const pe_matrix *m)
{
    size_t i = 1;
    while (i < m->layers * m->rows * m->columns && m->values[i] == m->values[0])
        i++;
    return i == m->layers * m->rows * m->columns;
}

static bool is_vector(const pe_matrix *m)
{
    return (m->rows == 1) + (m->columns == 1) + (m->layers == 1) >= 2;
}

pe_status pe_identify(const pe_matrix *matrix, pe_identification *out, pe_error *err)
{
    *out = (pe_identification){0};
    pe_status status = check(matrix, err);
    if (status != PE_OK)
        return status;
    pe_matrix m = *matrix;
    m.stored = out->stored = narrowest(matrix);
    out->rms = pe_matrix_rms(matrix);
    if (is_vector(&m)) {
        identify_slopes(&m, out);
        out->confidence = sureness(&m, out);
        return PE_OK;
    }
    if (pe_is_attention(&m))
        status = identify_attention(&m, out, err);
    if (is_constant(&m)) {
        out->confidence = sureness(&m, out);
        return status;
    }
    if (status == PE_OK && !out->known)
        status = identify_wave(&m, out, err);
    if (status == PE_OK && !out->known && m.rows == m.columns)
        status = identify_square(&m, out, err);
    if (status == PE_OK && !out->known)
        identify_random(&m, out);
    out->confidence = sureness(&m, out);
    return status;
}
