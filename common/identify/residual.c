#include "identify/internal.h"

#include "numbers/ulp.h"

#include <math.h>

double pe_matrix_largest(const pe_matrix *m)
{
    double largest = 0;
    for (size_t i = 0; i < m->layers * m->rows * m->columns; i++)
        largest = fmax(largest, fabs(m->values[i]));
    return largest;
}

double pe_matrix_rms(const pe_matrix *m)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < m->layers * m->rows * m->columns; i++)
        if (isfinite(m->values[i]))
            sum += m->values[i] * m->values[i], n++;
    return n ? sqrt(sum / (double)n) : 0;
}

/* An infinity where none is expected is as wrong as anything can be. */
static double difference(double found, double expected)
{
    if (found == expected)
        return 0;
    return isfinite(found) && isfinite(expected) ? fabs(found - expected) : HUGE_VAL;
}

void pe_residual(const pe_matrix *m, const double *expected, pe_finding *f)
{
    const size_t n = m->layers * m->rows * m->columns;
    double sum = 0;
    size_t compared = 0, first = n;
    f->worst = f->worst_ulp = 0;
    f->differs = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = difference(m->values[i], expected[i]);
        compared += isfinite(expected[i]) || d > 0; /* not a mask where a mask belongs */
        if (d == 0)
            continue;
        f->differs++;
        first = i < first ? i : first;
        sum += d * d;
        f->worst = fmax(f->worst, d);
        f->worst_ulp = fmax(f->worst_ulp, pe_error_ulp(m->stored, m->values[i], expected[i], 0));
    }
    f->rms = compared ? sqrt(sum / (double)compared) : 0;
    f->identical = 1 - (double)f->differs / (double)n;
    if (first == n)
        return;
    f->layer = first / (m->rows * m->columns);
    f->row = first / m->columns % m->rows;
    f->column = first % m->columns;
    f->found = m->values[first];
    f->expected = expected[first];
}
