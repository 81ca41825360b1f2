/* Slopes, and T x T terms that depend on the offset or on the key. */
#include "identify/internal.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 1024 };

/* ---- slopes ---- */

static size_t power_below(size_t n)
{
    size_t p = 1;
    while (2 * p <= n)
        p *= 2;
    return p;
}

/* Press et al. 2022, and their code for other head counts: every second slope of twice as many. */
void pe_slopes_by_rule(pe_rule rule, size_t heads, double base, double *slope)
{
    const size_t n = power_below(heads);
    for (size_t k = 0; k < heads; k++) {
        double e = (double)(k + 1) / (double)heads;
        if (rule == PE_RULE_SLOPES || rule == PE_RULE_SLOPES_SORTED)
            e = k < n ? (double)(k + 1) / (double)n : (double)(2 * (k - n) + 1) / (double)(2 * n);
        else if (rule == PE_RULE_SLOPES_EARLY)
            e = (double)k / (double)heads;
        slope[k] = exp2(-base * e);
    }
    if (rule != PE_RULE_SLOPES_SORTED)
        return;
    for (size_t k = 1; k < heads; k++)
        for (size_t j = k; j > 0 && slope[j] > slope[j - 1]; j--) {
            const double x = slope[j];
            slope[j] = slope[j - 1], slope[j - 1] = x;
        }
}

static pe_bug slopes_bug(pe_rule rule)
{
    return rule == PE_RULE_SLOPES_PLAIN   ? PE_BUG_PLAIN_SLOPES
           : rule == PE_RULE_SLOPES_EARLY ? PE_BUG_EARLY_SLOPES
                                          : PE_BUG_NONE;
}

static void add(pe_finding *found, size_t room, size_t *count, const pe_finding *f)
{
    size_t at = *count;
    while (at > 0 && found[at - 1].rms > f->rms * 1.02 + 1e-15)
        at--;
    if (at >= room)
        return;
    if (*count < room)
        ++*count;
    memmove(found + at + 1, found + at, (*count - 1 - at) * sizeof *found);
    found[at] = *f;
}

/* Slopes of `vector` by one rule, with the sign that the vector has. */
static void try_slopes(const pe_matrix *vector, pe_rule rule, double base, pe_finding *found,
                       size_t room, size_t *count)
{
    double slope[HEADS] = {0};
    const size_t heads = vector->layers * vector->rows * vector->columns;
    const double sign = vector->values[0] < 0 ? -1 : 1;
    pe_slopes_by_rule(rule, heads, base, slope);
    for (size_t k = 0; k < heads; k++)
        slope[k] = pe_round_to_format(vector->stored, sign * slope[k]);
    pe_finding f = {.family = PE_FAMILY_SLOPES,
                    .rule = rule,
                    .base = base,
                    .scale = sign,
                    .unit = 1,
                    .bug = slopes_bug(rule)};
    pe_residual(vector, slope, &f);
    /* All slopes between 0 and 1: what counts is each against its own size. */
    double relative = 0;
    for (size_t k = 0; k < heads; k++)
        relative += pow((vector->values[k] - slope[k]) / fmax(fabs(slope[k]), 0.02), 2);
    const double rms = f.rms;
    f.rms = fmax(rms, 0.05 * sqrt(relative / (double)heads));
    add(found, room, count, &f);
}

size_t pe_slopes_search(const pe_matrix *m, pe_finding *found, size_t room)
{
    static const double bases[] = {8, 16, 4};
    const size_t heads = m->layers * m->rows * m->columns;
    size_t count = 0;
    if (heads < 2 || heads > HEADS || !isfinite(pe_matrix_largest(m)))
        return 0;
    const bool power = power_below(heads) == heads;
    for (int b = 0; b < 3; b++) {
        try_slopes(m, PE_RULE_SLOPES, bases[b], found, room, &count);
        try_slopes(m, PE_RULE_SLOPES_EARLY, bases[b], found, room, &count);
        if (power)
            continue;
        try_slopes(m, PE_RULE_SLOPES_PLAIN, bases[b], found, room, &count);
        try_slopes(m, PE_RULE_SLOPES_SORTED, bases[b], found, room, &count);
    }
    return count;
}

/* ---- T x T ---- */

typedef struct square {
    const pe_matrix *m;
    size_t n;
    bool causal;
    double tolerance;
} square;

static double at(const square *s, size_t h, size_t i, size_t j)
{
    return s->m->values[(h * s->n + i) * s->n + j];
}

static bool masked(double x)
{
    return x < -1e30 || x == -65504;
}

static bool find_mask(square *s)
{
    size_t above = 0, elsewhere = 0;
    for (size_t h = 0; h < s->m->layers; h++)
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = 0; j < s->n; j++)
                if (masked(at(s, h, i, j)))
                    j > i ? above++ : elsewhere++;
    s->causal = above > 0;
    return elsewhere == 0 && (above == 0 || above == s->m->layers * s->n * (s->n - 1) / 2);
}

/* Above the diagonal there may be zeros in place of a mask (a lower-triangular bias). */
static bool upper_zero(const square *s)
{
    for (size_t h = 0; h < s->m->layers; h++)
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = i + 1; j < s->n; j++)
                if (at(s, h, i, j) != 0)
                    return false;
    return true;
}

/* Mean of one diagonal, offset i - j = d; false when an entry is farther than the tolerance. */
static bool diagonal(const square *s, size_t h, long d, double *mean)
{
    double sum = 0, low = HUGE_VAL, high = -HUGE_VAL;
    const size_t first = d > 0 ? (size_t)d : 0, count = s->n - (size_t)labs(d);
    for (size_t k = 0; k < count; k++) {
        const double x = at(s, h, first + k, (size_t)((long)(first + k) - d));
        sum += x;
        low = fmin(low, x), high = fmax(high, x);
    }
    *mean = sum / (double)count;
    return high - low <= s->tolerance + 0.01 * fabs(*mean);
}

/* b(d) for d = -(n-1) .. n-1, at profile[d + n - 1] of each head. */
static bool offsets(const square *s, double *profile)
{
    const long n = (long)s->n;
    for (size_t h = 0; h < s->m->layers; h++)
        for (long d = s->causal ? 0 : 1 - n; d < n; d++)
            if (!diagonal(s, h, d, &profile[(long)h * (2 * n - 1) + d + n - 1]))
                return false;
    return true;
}

typedef double (*term)(double slope, double shift, double i, double j);
static double term_linear(double slope, double shift, double i, double j)
{
    return -slope * (fabs(i - j) + shift);
}
static double term_key(double slope, double shift, double i, double j)
{
    (void)i;
    return slope * (j + shift);
}
static double term_signed(double slope, double shift, double i, double j)
{
    (void)shift;
    return -slope * (i - j);
}

static void fill(const square *s, const double *slope, double shift, term of, double *table)
{
    for (size_t h = 0; h < s->m->layers; h++)
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = 0; j < s->n; j++) {
                const double x = of(slope[h], shift, (double)i, (double)j);
                const double found = at(s, h, i, j);
                table[(h * s->n + i) * s->n + j] =
                    s->causal && j > i ? found : pe_round_to_format(s->m->stored, x);
            }
}

/* Least squares through the origin for each head. */
static void fit_slopes(const square *s, double shift, term of, double *slope)
{
    for (size_t h = 0; h < s->m->layers; h++) {
        double xy = 0, xx = 0;
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = 0; j < s->n; j++) {
                if (s->causal && j > i)
                    continue;
                const double x = of(1, shift, (double)i, (double)j);
                xy += x * at(s, h, i, j), xx += x * x;
            }
        slope[h] = xx > 0 ? xy / xx : 0;
    }
}

/* Slopes of all heads by a rule, when one fits; a single head keeps its own. */
static void name_slopes(const square *s, double *slope, pe_finding *f)
{
    if (s->m->layers < 2) {
        const double exponent = -log2(fabs(slope[0]));
        if (fabs(exponent - round(2 * exponent) / 2) < 0.01)
            slope[0] = copysign(exp2(-round(2 * exponent) / 2), slope[0]);
        f->scale = slope[0];
        return;
    }
    pe_finding best[4];
    const pe_matrix vector = {slope, 1, 1, s->m->layers, s->m->stored};
    if (pe_slopes_search(&vector, best, 4) == 0 || best[0].rms > 0.005)
        return;
    if (f->rule == PE_RULE_LINEAR)
        f->rule = best[0].rule;
    f->base = best[0].base;
    f->scale = best[0].scale;
    if (f->bug == PE_BUG_NONE)
        f->bug = best[0].bug;
    pe_slopes_by_rule(best[0].rule, s->m->layers, best[0].base, slope);
    for (size_t h = 0; h < s->m->layers; h++)
        slope[h] = pe_round_to_format(s->m->stored, best[0].scale * slope[h]);
}

static void try_linear(const square *s, pe_rule rule, term of, double shift, double *table,
                       pe_finding *found, size_t room, size_t *count)
{
    double slope[HEADS] = {0};
    pe_finding f = {.family = PE_FAMILY_BIAS,
                    .rule = rule,
                    .causal = s->causal,
                    .unit = 1,
                    .bug = rule == PE_RULE_LINEAR_OFF ? PE_BUG_DISTANCE_OFF : PE_BUG_NONE};
    fit_slopes(s, shift, of, slope);
    name_slopes(s, slope, &f);
    if (rule == PE_RULE_LINEAR && slope[0] < 0)
        f.bug = PE_BUG_SIGN;
    fill(s, slope, shift, of, table);
    pe_residual(s->m, table, &f);
    add(found, room, count, &f);
}

/* Raffel et al. 2020, the reference code: half the buckets exact, the rest on a log scale. */
static int bucket(long offset, bool both, int buckets, int farthest)
{
    long n = offset; /* query - key: the past is positive */
    int first = 0, count = buckets;
    if (both) {
        count /= 2;
        first = offset < 0 ? count : 0;
        n = labs(offset);
    } else if (n < 0)
        n = 0;
    const int exact = count / 2;
    if (n < exact)
        return first + (int)n;
    const double share = log((double)n / exact) / log((double)farthest / exact);
    const int far = exact + (int)((double)(float)share * (count - exact));
    return first + (far < count - 1 ? far : count - 1);
}

static int clipped(long offset, bool both, int buckets, int farthest)
{
    (void)both, (void)buckets;
    return (int)(offset > farthest ? farthest : offset < -farthest ? -farthest : offset) + farthest;
}

enum { GROUPS = 4096 };

/* Mean of the profile in every group, written back; 1 when no entry is far from its group's mean
 * and the groups that touch differ. *seen: how many groups there were. */
static bool grouped(const square *s, const double *profile, bool clip, bool both, int buckets,
                    int farthest, int *seen)
{
    const long n = (long)s->n;
    for (size_t h = 0; h < s->m->layers; h++) {
        static _Thread_local double low[GROUPS], high[GROUPS];
        for (int g = 0; g < GROUPS; g++)
            low[g] = HUGE_VAL, high[g] = -HUGE_VAL;
        for (long d = s->causal ? 0 : 1 - n; d < n; d++) {
            const int g = (clip ? clipped : bucket)(d, both, buckets, farthest);
            const double x = profile[(long)h * (2 * n - 1) + d + n - 1];
            low[g] = fmin(low[g], x), high[g] = fmax(high[g], x);
        }
        *seen = 0;
        for (int g = 0; g < GROUPS; g++) {
            if (high[g] - low[g] > s->tolerance)
                return false;
            *seen += high[g] >= low[g];
        }
    }
    return true;
}

static void find_groups(const square *s, const double *profile, pe_finding *f)
{
    static const int sizes[] = {32, 64, 16, 8, 128}, reach[] = {128, 64, 32, 256, 512, 1024};
    int fewest = (int)(s->causal ? s->n : 2 * s->n - 1), seen = 0;
    f->rule = PE_RULE_OFFSET;
    for (int farthest = 1; farthest + 1 < (int)s->n && farthest < GROUPS / 2; farthest++)
        if (grouped(s, profile, true, true, 0, farthest, &seen) && seen < fewest) {
            f->rule = PE_RULE_CLIPPED, f->distance = farthest, fewest = seen;
            break;
        }
    for (int both = 1; both >= 0; both--)
        for (size_t b = 0; b < sizeof sizes / sizeof sizes[0]; b++)
            for (size_t r = 0; r < sizeof reach / sizeof reach[0]; r++) {
                if (reach[r] <= sizes[b] / 2 ||
                    !grouped(s, profile, false, both, sizes[b], reach[r], &seen) || seen >= fewest)
                    continue;
                fewest = seen;
                f->rule = PE_RULE_BUCKETS, f->both = both;
                f->buckets = sizes[b], f->distance = reach[r];
            }
}

/* Sum of cos(d base^(-i/h)): products of the rows of a sine table; profile even in d. */
static bool is_kernel(const square *s, const double *profile, pe_finding *f)
{
    static const double bases[] = {10000, 100, 1000, 100000, 500000, 1000000};
    const long n = (long)s->n;
    for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++)
        for (size_t h = 2; h <= 1024; h += h < 64 ? 1 : h < 128 ? 4 : 16) {
            double worst = 0;
            const double peak = profile[n - 1];
            for (long d = 0; d < n && worst <= 0.01; d++) {
                double sum = 0;
                for (size_t i = 0; i < h; i++)
                    sum += cos((double)d * pow(bases[b], -(double)i / (double)h));
                worst = fmax(worst, fabs(profile[d + n - 1] / peak - sum / (double)h));
            }
            if (worst > 0.005)
                continue;
            f->rule = PE_RULE_PRODUCTS, f->base = bases[b];
            f->width = 2 * h, f->pairs = h, f->scale = peak / (double)h;
            return true;
        }
    return false;
}

static void expect_profile(const square *s, const double *profile, double *table)
{
    const long n = (long)s->n;
    for (size_t h = 0; h < s->m->layers; h++)
        for (long i = 0; i < n; i++)
            for (long j = 0; j < n; j++)
                table[((long)h * n + i) * n + j] =
                    s->causal && j > i
                        ? at(s, h, (size_t)i, (size_t)j)
                        : pe_round_to_format(s->m->stored,
                                             profile[(long)h * (2 * n - 1) + i - j + n - 1]);
}

static void search_offsets(const square *s, double *profile, double *table, pe_finding *found,
                           size_t room, size_t *count)
{
    const bool one_per_offset = offsets(s, profile);
    if (one_per_offset) {
        pe_finding f = {.family = PE_FAMILY_BIAS, .causal = s->causal, .unit = 1, .scale = 1};
        const double peak = profile[s->n - 1];
        if (s->m->layers == 1 && peak > 0 && is_kernel(s, profile, &f))
            f.family = PE_FAMILY_LOGITS;
        else
            find_groups(s, profile, &f);
        expect_profile(s, profile, table);
        pe_residual(s->m, table, &f);
        add(found, room, count, &f);
    } else if (s->causal && s->m->layers == 1) {
        pe_finding f = {
            .family = PE_FAMILY_LOGITS, .causal = true, .unit = 1, .scale = 1, .identical = 1};
        add(found, room, count, &f);
    }
}

pe_status pe_bias_search(const pe_matrix *m, pe_finding *found, size_t room, size_t *count,
                         pe_error *err)
{
    square s = {.m = m, .n = m->rows};
    *count = 0;
    if (m->rows != m->columns || m->rows < 4 || m->layers > HEADS || !find_mask(&s))
        return PE_OK;
    const double rms = pe_matrix_rms(m);
    s.causal = s.causal || upper_zero(&s);
    s.tolerance = 0.008 * fmin(rms, 1) + 2 * pe_format_epsilon(m->stored) * rms;
    double *profile = pe_allocate(m->layers * (2 * s.n - 1), sizeof *profile, "a profile", err);
    double *table = pe_allocate(m->layers * s.n * s.n, sizeof *table, "biases", err);
    if (profile && table && rms > 0) {
        try_linear(&s, PE_RULE_LINEAR, term_linear, 0, table, found, room, count);
        try_linear(&s, PE_RULE_LINEAR_OFF, term_linear, 1, table, found, room, count);
        try_linear(&s, PE_RULE_LINEAR_KEY, term_key, 0, table, found, room, count);
        try_linear(&s, PE_RULE_LINEAR_KEY, term_key, 1 - (double)s.n, table, found, room, count);
        if (!s.causal)
            try_linear(&s, PE_RULE_LINEAR_SIGNED, term_signed, 0, table, found, room, count);
        const bool linear = *count && found[0].rms <= 0.004 * fmax(rms, 0.25);
        if (!linear) {
            *count = 0;
            search_offsets(&s, profile, table, found, room, count);
        }
    }
    const bool whole = profile && table;
    pe_release(profile);
    pe_release(table);
    return whole ? PE_OK : PE_MEMORY;
}
