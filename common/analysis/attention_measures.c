#include "analysis/attention_measures.h"

#include <math.h>

static pe_status softmax_row(const double *logits, size_t end, double *a, size_t i, pe_error *err)
{
    double peak = -HUGE_VAL, sum = 0.0;
    for (size_t j = 0; j < end; j++) {
        if (isnan(logits[j]) || logits[j] == HUGE_VAL)
            return pe_fail(err, PE_FORMAT, "softmax: the logit at row %zu, column %zu is %g", i, j,
                           logits[j]);
        peak = fmax(peak, logits[j]);
    }
    if (peak == -HUGE_VAL)
        return pe_fail(err, PE_FORMAT, "softmax: row %zu has no finite logit", i);
    for (size_t j = 0; j < end; j++)
        sum += a[j] = exp(logits[j] - peak);
    for (size_t j = 0; j < end; j++)
        a[j] /= sum;
    return PE_OK;
}

pe_status pe_softmax_rows(const double *logits, size_t T, pe_region region, double *a,
                          pe_error *err)
{
    if (T == 0 || (region != PE_REGION_ALL && region != PE_REGION_CAUSAL))
        return pe_fail(err, PE_USAGE,
                       "softmax: needs T >= 1 and a row's own column in the region, got T = %zu",
                       T);
    for (size_t i = 0; i < T; i++) {
        size_t end = pe_region_end(region, T, i);
        pe_status st = softmax_row(logits + i * T, end, a + i * T, i, err);
        if (st != PE_OK)
            return st;
        for (size_t j = end; j < T; j++)
            a[i * T + j] = 0.0;
    }
    return PE_OK;
}

static pe_status check_weights(const double *a, size_t T, pe_error *err)
{
    if (T == 0)
        return pe_fail(err, PE_USAGE, "attention weights: T is 0");
    for (size_t i = 0; i < T; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < T; j++) {
            if (!(a[i * T + j] >= 0.0) || !isfinite(a[i * T + j]))
                return pe_fail(err, PE_FORMAT,
                               "attention weights: row %zu, column %zu is %g, not a weight", i, j,
                               a[i * T + j]);
            sum += a[i * T + j];
        }
        if (fabs(sum - 1.0) > PE_ROW_SUM_SLACK)
            return pe_fail(err, PE_FORMAT,
                           "attention weights: row %zu adds to %g instead of 1; were these logits?",
                           i, sum);
    }
    return PE_OK;
}

static size_t distance_of(size_t i, size_t j)
{
    return i > j ? i - j : j - i;
}

pe_status pe_locality(const double *a, size_t T, double *out, pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st != PE_OK)
        return st;
    double sum = 0.0;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++)
            sum += a[i * T + j] * exp2(-(double)distance_of(i, j));
    *out = sum / (double)T;
    return PE_OK;
}

static size_t reach_of(size_t T, size_t i)
{
    return i < T - 1 - i ? i : T - 1 - i;
}

static double gap_at(const double *a, size_t T, size_t i, size_t r)
{
    return fabs(a[i * T + i - r] - a[i * T + i + r]);
}

static double sum_of_gaps(const double *a, size_t T, size_t i)
{
    double sum = 0.0;
    for (size_t r = 1; r <= reach_of(T, i); r++)
        sum += gap_at(a, T, i, r);
    return sum;
}

/* sum of (gap - min)/(max - min); a row of equal gaps gives 0, which is what fools the score. */
static double sum_of_scaled_gaps(const double *a, size_t T, size_t i)
{
    double least = HUGE_VAL, most = -HUGE_VAL;
    for (size_t r = 1; r <= reach_of(T, i); r++) {
        least = fmin(least, gap_at(a, T, i, r));
        most = fmax(most, gap_at(a, T, i, r));
    }
    if (!(most > least))
        return 0.0;
    double sum = 0.0;
    for (size_t r = 1; r <= reach_of(T, i); r++)
        sum += (gap_at(a, T, i, r) - least) / (most - least);
    return sum;
}

static pe_status mean_gap(const double *a, size_t T,
                          double (*row_sum)(const double *a, size_t T, size_t i), double *out,
                          pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st != PE_OK)
        return st;
    if (T < 3)
        return pe_fail(err, PE_USAGE, "mirror gap: no position has two neighbours at T = %zu", T);
    double sum = 0.0;
    size_t gaps = 0;
    for (size_t i = 0; i < T; i++) {
        sum += row_sum(a, T, i);
        gaps += reach_of(T, i);
    }
    *out = sum / (double)gaps;
    return PE_OK;
}

pe_status pe_mirror_gap(const double *a, size_t T, double *out, pe_error *err)
{
    return mean_gap(a, T, sum_of_gaps, out, err);
}

pe_status pe_published_symmetry(const double *a, size_t T, double *out, pe_error *err)
{
    double scaled = 0.0;
    pe_status st = mean_gap(a, T, sum_of_scaled_gaps, &scaled, err);
    if (st == PE_OK)
        *out = 1.0 - scaled;
    return st;
}

static double row_balance(const double *a, size_t T, size_t i)
{
    double before = 0.0, after = 0.0;
    for (size_t j = 0; j < i; j++)
        before += a[i * T + j];
    for (size_t j = T; j-- > i + 1;)
        after += a[i * T + j];
    return before - after;
}

pe_status pe_direction_balance(const double *a, size_t T, double *out, pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st != PE_OK)
        return st;
    size_t from = T < 4 ? 0 : T / 4, to = T < 4 ? T : T - T / 4;
    double sum = 0.0;
    for (size_t i = from; i < to; i++)
        sum += row_balance(a, T, i);
    *out = sum / (double)(to - from);
    return PE_OK;
}

pe_status pe_distance_histogram(const double *a, size_t T, double *share, double *mean_distance,
                                pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st != PE_OK)
        return st;
    double mean = 0.0;
    for (size_t r = 0; r < T; r++)
        share[r] = 0.0;
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < T; j++)
            share[distance_of(i, j)] += a[i * T + j];
    for (size_t r = 0; r < T; r++) {
        share[r] /= (double)T;
        mean += (double)r * share[r];
    }
    if (mean_distance)
        *mean_distance = mean;
    return PE_OK;
}

static double row_entropy(const double *p, size_t n)
{
    double entropy = 0.0;
    for (size_t j = 0; j < n; j++)
        if (p[j] > 0.0)
            entropy -= p[j] * log(p[j]);
    return entropy;
}

pe_status pe_attention_entropy(const double *a, size_t T, double *rows, double *out, pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st != PE_OK)
        return st;
    double sum = 0.0;
    for (size_t i = 0; i < T; i++) {
        double entropy = row_entropy(a + i * T, T);
        if (rows)
            rows[i] = entropy;
        sum += entropy;
    }
    *out = sum / (double)T;
    return PE_OK;
}

/* (KL(p||m) + KL(q||m)) / 2 with m = (p+q)/2: each term is exactly 0 where p = q. */
static double row_divergence(const double *p, const double *q, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) {
        double middle = 0.5 * (p[j] + q[j]);
        if (p[j] > 0.0)
            sum += p[j] * log(p[j] / middle);
        if (q[j] > 0.0)
            sum += q[j] * log(q[j] / middle);
    }
    return 0.5 * sum;
}

pe_status pe_attention_divergence(const double *a, const double *b, size_t T, double *out,
                                  pe_error *err)
{
    pe_status st = check_weights(a, T, err);
    if (st == PE_OK)
        st = check_weights(b, T, err);
    if (st != PE_OK)
        return st;
    double sum = 0.0;
    for (size_t i = 0; i < T; i++)
        sum += row_divergence(a + i * T, b + i * T, T);
    *out = sum / (double)T;
    return PE_OK;
}
