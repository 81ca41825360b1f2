/* Attention, and tables without any structure. */
#include "identify/internal.h"

#include <math.h>

bool pe_is_attention(const pe_matrix *m)
{
    if (m->columns < 2)
        return false;
    const double tolerance =
        2e-3 * sqrt((double)m->columns) + pe_format_epsilon(m->stored) * (double)m->columns / 2;
    for (size_t t = 0; t < m->layers * m->rows; t++) {
        double sum = 0;
        for (size_t j = 0; j < m->columns; j++) {
            const double x = m->values[t * m->columns + j];
            if (!(x > -5e-3 && x < 1.01))
                return false;
            sum += x;
        }
        if (fabs(sum - 1) > tolerance)
            return false;
    }
    return true;
}

/* Correlation of entries that are `lag` apart along an axis. */
static double correlation(const pe_matrix *m, size_t down, size_t right, double mean, double power)
{
    const size_t rows = m->layers * m->rows;
    double sum = 0;
    for (size_t t = 0; t + down < rows; t++)
        for (size_t j = 0; j + right < m->columns; j++)
            sum += (m->values[t * m->columns + j] - mean) *
                   (m->values[(t + down) * m->columns + j + right] - mean);
    const double n = (double)((rows - down) * (m->columns - right));
    return sum / n / power * sqrt(n);
}

/* Mean square of the cosine between rows, times the width: 1 for independent entries, more where
 * few directions make all rows. */
static double row_alignment(const pe_matrix *m, size_t rows, double mean, size_t *pairs)
{
    double sum = 0;
    *pairs = 0;
    for (size_t a = 0; a < rows; a++)
        for (size_t b = a + 1; b < rows; b++) {
            double ab = 0, aa = 0, bb = 0;
            for (size_t j = 0; j < m->columns; j++) {
                const double x = m->values[a * m->columns + j] - mean;
                const double y = m->values[b * m->columns + j] - mean;
                ab += x * y, aa += x * x, bb += y * y;
            }
            sum += aa > 0 && bb > 0 ? ab * ab / aa / bb : 1;
            ++*pairs;
        }
    return sum / (double)*pairs * (double)m->columns;
}

/* Within six standard errors of what independent rows have. */
static bool rows_are_independent(const pe_matrix *m, double mean)
{
    enum { MOST = 128 };
    const size_t rows = m->layers * m->rows;
    size_t pairs;
    const double found = row_alignment(m, rows < MOST ? rows : MOST, mean, &pairs);
    return fabs(found - 1) < 6 * sqrt(2 / (double)pairs) + 0.02;
}

/* Entries as independent draws would be: no correlation of neighbours up to three apart in either
 * direction beyond four standard errors, no heavy tails, and enough entries to say so. */
bool pe_is_random(const pe_matrix *m, double *deviation)
{
    const size_t rows = m->layers * m->rows, n = rows * m->columns;
    double mean = 0, power = 0, fourth = 0;
    if (n < 64 || rows < 5 || m->columns < 5 || !isfinite(pe_matrix_largest(m)))
        return false;
    for (size_t i = 0; i < n; i++)
        mean += m->values[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double x = m->values[i] - mean;
        power += x * x / (double)n;
        fourth += x * x * x * x / (double)n;
    }
    *deviation = sqrt(power);
    if (!(power > 0) || fabs(mean) > 5 * sqrt(power / (double)n) || fourth > 6 * power * power ||
        fourth < 1.4 * power * power)
        return false;
    for (size_t lag = 1; lag <= 3; lag++)
        if (fabs(correlation(m, lag, 0, mean, power)) > 4 ||
            fabs(correlation(m, 0, lag, mean, power)) > 4)
            return false;
    return fabs(correlation(m, 1, 1, mean, power)) < 4 && rows_are_independent(m, mean);
}
