#include "identify/internal.h"

#include <math.h>
#include <string.h>

/* Bases that people use; 1e8 is missing, since it cannot be told from 10000 with 4i/d. */
static const double nice_bases[] = {10000,  500000, 1000000, 100,     1000,    100000,  10,
                                    500,    2000,   5000,    20000,   40000,   50000,   160000,
                                    200000, 250000, 2000000, 5000000, 8000000, 10000000};
enum { NICE = sizeof nice_bases / sizeof nice_bases[0], BASES = NICE + 1 };

static const double pi = 3.14159265358979323846;

enum { PROBE_ROWS = 7, PROBE_COLUMNS = 10, PAIRS = 64 };
static const size_t probe_rows[PROBE_ROWS] = {0, 1, 2, 3, 4, 5, 7};

/* One layout of one matrix: a few of its entries, and what its pairs say about frequencies. */
typedef struct probe {
    const pe_matrix *m;
    pe_finding wave; /* layout, width, pairs and padding set */
    size_t columns;  /* without padding */
    size_t rows;
    size_t column[PROBE_COLUMNS], column_count;
    bool pairwise;         /* sine and cosine of each pair are there */
    size_t pairs;          /* of the estimates below, at most PAIRS */
    double advance[PAIRS]; /* radians per row; 0: not known */
    double start[PAIRS];   /* phase of row 0 */
} probe;

static double entry(const pe_matrix *m, size_t row, size_t column)
{
    return m->values[row * m->columns + column];
}

static bool is_pairwise(pe_layout layout)
{
    return layout <= PE_LAYOUT_CONCAT_COS;
}

/* ---- is the layout possible at all? ---- */

static bool repeats(const pe_matrix *m, size_t columns, bool halves, double tolerance)
{
    if (columns % 2 || columns < 4)
        return false;
    for (size_t t = 0; t < m->rows; t++)
        for (size_t i = 0; i < columns / 2; i++) {
            const double a = entry(m, t, halves ? i : 2 * i);
            const double b = entry(m, t, halves ? i + columns / 2 : 2 * i + 1);
            if (fabs(a - b) > tolerance)
                return false;
        }
    return true;
}

static bool layout_possible(const pe_matrix *m, size_t columns, pe_layout layout, double largest)
{
    const bool halves = repeats(m, columns, true, 0.02 * largest);
    const bool repeated = repeats(m, columns, false, 0.02 * largest);
    switch (layout) {
    case PE_LAYOUT_COS_HALVES:
    case PE_LAYOUT_SIN_HALVES:
        return halves;
    case PE_LAYOUT_COS_REPEATED:
    case PE_LAYOUT_SIN_REPEATED:
        return repeated;
    case PE_LAYOUT_COS:
    case PE_LAYOUT_SIN:
        return !halves && !repeated;
    default:
        return columns >= 2;
    }
}

/* ---- what pairs of columns say ---- */

static size_t find_column(const probe *p, size_t pair, bool cosine)
{
    for (size_t j = 0; j < p->columns; j++) {
        const pe_wave_column at = pe_wave_column_at(p->wave.layout, p->columns, j);
        if (at.pair == pair && at.cosine == cosine)
            return j;
    }
    return p->columns;
}

/* Sine and cosine known: the advance is the argument of the mean of z(t+1) conj z(t). */
static void estimate_pair(probe *p, size_t i)
{
    const size_t s = find_column(p, i, false), c = find_column(p, i, true);
    if (s == p->columns || c == p->columns)
        return;
    double real = 0, imaginary = 0;
    for (size_t t = 0; t + 1 < p->rows; t++) {
        const double s0 = entry(p->m, t, s), c0 = entry(p->m, t, c);
        const double s1 = entry(p->m, t + 1, s), c1 = entry(p->m, t + 1, c);
        real += c1 * c0 + s1 * s0;
        imaginary += s1 * c0 - c1 * s0;
    }
    p->advance[i] = atan2(imaginary, real);
    p->start[i] = atan2(entry(p->m, 0, s), entry(p->m, 0, c));
}

/* One of both known: x(t+1) + x(t-1) = 2 cos(w) x(t), by least squares. */
static void estimate_single(probe *p, size_t i)
{
    const bool cosine = pe_wave_column_at(p->wave.layout, p->columns, 0).cosine;
    const size_t c = find_column(p, i, cosine);
    double above = 0, below = 0;
    for (size_t t = 1; t + 1 < p->rows; t++) {
        const double x = entry(p->m, t, c);
        above += x * (entry(p->m, t + 1, c) + entry(p->m, t - 1, c));
        below += 2 * x * x;
    }
    const double ratio = below > 0 ? above / below : 2;
    p->advance[i] = fabs(ratio) < 1 ? acos(ratio) : 0;
}

static void estimate(probe *p)
{
    p->pairs = p->wave.pairs < PAIRS ? p->wave.pairs : PAIRS;
    memset(p->advance, 0, sizeof p->advance);
    for (size_t i = 0; i < p->pairs; i++)
        p->pairwise ? estimate_pair(p, i) : estimate_single(p, i);
}

/* ---- from estimates to base, rate and first position ---- */

/* log advance = log rate - exponent log base, over the pairs whose advance is well known. */
static bool regress(const probe *p, const pe_finding *wave, double *base, double *rate)
{
    const double low = p->pairwise ? 1e-3 : 0.05, high = 2.9;
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < p->pairs; i++) {
        if (!(p->advance[i] > low && p->advance[i] < high))
            continue;
        const pe_wave_column at = {i, false};
        const double e = pe_wave_numerator(wave, at) / pe_wave_denominator(wave);
        const double v = log(p->advance[i]), w = p->advance[i] * p->advance[i];
        n += w, x += w * e, y += w * v, xx += w * e * e, xy += w * e * v;
    }
    const double spread = n * xx - x * x;
    if (!(n > 0) || !(spread > 1e-12 * n * xx))
        return false;
    const double slope = (n * xy - x * y) / spread;
    *base = exp(-slope);
    *rate = exp((y - slope * x) / n);
    return isfinite(*base) && *base > 1.5 && *base < 1e12;
}

/* The position of row 0 from its phases, from the slowest pair up: each faster one is known to
 * within a turn from the slower ones. */
static double walk_first(const probe *p, const pe_finding *wave)
{
    double first = 0;
    bool begun = false;
    for (size_t i = p->pairs; i-- > 0;) {
        const pe_wave_column at = {i, false};
        const double w = wave->unit * pe_wave_frequency(wave, at);
        if (!(w > 0) || w > 4)
            continue;
        const double turns = begun ? round((w * first - p->start[i]) / (2 * pi)) : 0;
        first = (p->start[i] + 2 * pi * turns) / w;
        begun = true;
    }
    return first;
}

/* ---- one candidate ---- */

/* Relative residual over the probed entries, with the best scale; 2 when hopeless. */
static double probe_residual(const probe *p, pe_finding *wave)
{
    double model[PROBE_ROWS * PROBE_COLUMNS], found[PROBE_ROWS * PROBE_COLUMNS];
    double mf = 0, mm = 0, ff = 0;
    size_t n = 0;
    for (size_t k = 0; k < p->column_count; k++) {
        const pe_wave_column at = pe_wave_column_at(wave->layout, p->columns, p->column[k]);
        const double w = wave->unit * pe_wave_frequency(wave, at);
        for (size_t r = 0; r < PROBE_ROWS && probe_rows[r] < p->m->rows; r++, n++) {
            const double phase = w * (wave->first + (double)probe_rows[r] * wave->step);
            model[n] = !at.cosine ? sin(phase) : wave->replaced ? cos(sin(phase)) : cos(phase);
            found[n] = entry(p->m, probe_rows[r], p->column[k]);
            mf += model[n] * found[n], mm += model[n] * model[n], ff += found[n] * found[n];
        }
    }
    wave->scale = mm > 0 ? mf / mm : 0;
    if (!(wave->scale > 0) || !(ff > 0))
        return 2;
    double rest = 0;
    for (size_t j = 0; j < n; j++)
        rest += (found[j] - wave->scale * model[j]) * (found[j] - wave->scale * model[j]);
    return sqrt(rest / ff);
}

typedef struct list {
    pe_finding *found;
    size_t count, room;
} list;

static void keep(list *l, const pe_finding *wave)
{
    size_t at = l->count;
    while (at > 0 && l->found[at - 1].rms > wave->rms)
        at--;
    if (at >= l->room)
        return;
    if (l->count < l->room)
        l->count++;
    memmove(l->found + at + 1, l->found + at, (l->count - 1 - at) * sizeof *l->found);
    l->found[at] = *wave;
}

/* A value that was estimated costs a little: one that people use is preferred when it explains the
 * matrix as well. */
static void try(const probe *p, list *l, pe_finding *wave, double price)
{
    wave->rms = probe_residual(p, wave) * price + 1e-9 * price;
    if (wave->rms < 2)
        keep(l, wave);
}

static double snap(double value, double grain, double tolerance)
{
    const double near = round(value / grain) * grain;
    return fabs(value - near) <= tolerance ? near : value;
}

static void try_firsts(const probe *p, list *l, pe_finding *wave, double price)
{
    static const double firsts[] = {0, 1, 2};
    for (size_t k = 0; k < sizeof firsts / sizeof firsts[0]; k++) {
        wave->first = firsts[k];
        try(p, l, wave, price * (1 + 0.001 * (double)k));
    }
    if (!p->pairwise)
        return;
    const double first = walk_first(p, wave), whole = round(first);
    if (fabs(first) > 1e7)
        return;
    wave->first = snap(first, 1, 0.05);
    if (wave->first != 0 && wave->first != 1 && wave->first != 2)
        try(p, l, wave, price * (wave->first == whole ? 1.02 : 1.2));
}

/* Rates (phase of the fastest pair per row) with a meaning, then the estimated one. */
static void try_rates(const probe *p, list *l, pe_finding *wave, double price, double rate)
{
    static const double units[] = {1, 180 / 3.14159265358979323846, 3.14159265358979323846 / 180,
                                   2 * 3.14159265358979323846};
    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
        wave->unit = units[k], wave->step = 1;
        try_firsts(p, l, wave, price * (1 + 0.01 * (double)k));
    }
    wave->unit = 1, wave->step = 0;
    try_firsts(p, l, wave, price * 1.03);
    if (!(rate > 0))
        return;
    const double inverse = snap(1 / rate, 0.5, 0.01 / rate);
    wave->step = rate < 1 ? 1 / inverse : snap(rate, 0.5, 0.01 * rate);
    if (wave->step != 1)
        try_firsts(p, l, wave, price * 1.06);
}

/* Noise biases an estimate; the base nearby that explains most is the better one (golden section
 * over its logarithm). first: position of row 0 where the pairs do not tell it. */
static void polish_base(const probe *p, pe_finding *wave, double first)
{
    const double ratio = 0.61803398874989485;
    double low = log(wave->base) - 0.1, high = log(wave->base) + 0.1;
    wave->unit = wave->step = 1;
    wave->first = p->pairwise ? snap(walk_first(p, wave), 1, 0.05) : first;
    for (int k = 0; k < 32; k++) {
        const double a = high - ratio * (high - low), b = low + ratio * (high - low);
        wave->base = exp(a);
        const double at_a = probe_residual(p, wave);
        wave->base = exp(b);
        if (at_a < probe_residual(p, wave))
            high = b;
        else
            low = a;
    }
    wave->base = exp((low + high) / 2);
}

/* The cosine column computed from the sine column: no estimate can see through that. */
static void try_replaced(const probe *p, list *l, pe_finding *wave)
{
    wave->replaced = true;
    wave->unit = wave->step = 1;
    for (size_t b = 0; b < NICE; b++)
        for (int first = 0; first < 2; first++) {
            wave->base = nice_bases[b];
            wave->first = first;
            try(p, l, wave, 1.05 + 0.0001 * (double)b + 0.001 * first);
        }
    wave->replaced = false;
}

static void try_rule(const probe *p, list *l, pe_rule rule)
{
    pe_finding wave = p->wave;
    wave.rule = rule;
    double base = 0, rate = 0;
    const bool known = regress(p, &wave, &base, &rate);
    if (rule == PE_RULE_ONE || rule == PE_RULE_STEP) {
        wave.base = rule == PE_RULE_ONE ? 1 : exp(1);
        try_rates(p, l, &wave, 1.02, 0);
        return;
    }
    /* An exponent of another kind is believed for the one base that everybody copies. */
    const bool common = rule == PE_RULE_PAPER || rule == PE_RULE_ENDPOINT;
    for (size_t b = 0; b < (common ? (size_t)NICE : 1); b++) {
        wave.base = nice_bases[b];
        /* 10000 to the power 4i/d with four pairs is 10^6 with the endpoint rule, and there are
         * more such pairs: the base that everybody copies is then believed before the rule is. */
        const double rare = rule == PE_RULE_ENDPOINT && b > 0 ? 0.02 : 0;
        const double price = common ? 1 + rare + 0.0001 * (double)b : 1.01;
        try_rates(p, l, &wave, price, known && fabs(log(base / wave.base)) < 0.2 ? rate : 0);
    }
    if (known && rule == PE_RULE_PAPER) {
        for (int first = 0; first < (p->pairwise ? 1 : 3); first++) {
            wave.base = base;
            polish_base(p, &wave, first);
            try_rates(p, l, &wave, 1.3, rate);
        }
    }
    if (common && p->pairwise)
        try_replaced(p, l, &wave);
}

/* ---- all layouts ---- */

static void spread_columns(probe *p)
{
    p->column_count = p->columns < PROBE_COLUMNS ? p->columns : PROBE_COLUMNS;
    /* Both ends, both halves, and denser where frequencies are high. */
    static const double at[PROBE_COLUMNS] = {0, 0.04, 0.08, 0.15, 0.25, 0.5, 0.54, 0.58, 0.7, 1};
    size_t last = 0;
    for (size_t k = 0; k < p->column_count; k++) {
        const double share =
            p->columns <= PROBE_COLUMNS ? (double)k : at[k] * (double)(p->columns - 1);
        size_t j = (size_t)ceil(share);
        if (k > 0 && j <= last)
            j = last + 1;
        p->column[k] = last = j;
    }
}

static void set_pairs(probe *p)
{
    pe_finding *w = &p->wave;
    switch (w->layout) {
    case PE_LAYOUT_COS:
    case PE_LAYOUT_SIN:
        w->pairs = p->columns;
        w->width = 2 * p->columns;
        break;
    default:
        w->pairs = (p->columns + 1) / 2;
        w->width = p->columns;
    }
}

static void search_layout(const pe_matrix *m, pe_layout layout, bool padded, list *l)
{
    probe p = {.m = m, .columns = m->columns - (padded ? 1 : 0)};
    p.wave = (pe_finding){.family = is_pairwise(layout) ? PE_FAMILY_POSITION_TABLE
                                                        : PE_FAMILY_ROTARY_TABLE,
                          .layout = layout,
                          .padded = padded};
    p.pairwise = is_pairwise(layout);
    p.rows = m->rows < 64 ? m->rows : 64;
    set_pairs(&p);
    spread_columns(&p);
    estimate(&p);
    for (pe_rule rule = PE_RULE_PAPER; rule <= PE_RULE_RISING; rule++)
        if (p.pairwise || (rule != PE_RULE_CHANNEL && rule != PE_RULE_DOUBLED_CHANNEL))
            try_rule(&p, l, rule);
}

static bool last_column_zero(const pe_matrix *m)
{
    for (size_t t = 0; t < m->rows; t++)
        if (entry(m, t, m->columns - 1) != 0)
            return false;
    return m->columns % 2 == 1 && m->columns > 1;
}

size_t pe_wave_search(const pe_matrix *m, pe_finding *found, size_t room)
{
    list l = {.found = found, .room = room};
    if (m->layers != 1 || m->rows < 2 || m->columns < 4)
        return 0;
    const double largest = pe_matrix_largest(m);
    if (!(largest > 0) || !isfinite(largest))
        return 0;
    const bool padded = last_column_zero(m);
    for (pe_layout layout = PE_LAYOUT_INTERLEAVED; layout < PE_LAYOUT_COUNT; layout++)
        if (layout_possible(m, m->columns - (padded ? 1 : 0), layout, largest))
            search_layout(m, layout, padded, &l);
    return l.count;
}
