/* Figures of tables of codes, wrong one and twin. */
#include "figures.h"

#include "base/memory.h"

/* (n, width) each, positions 0 .. n-1. */
typedef struct tables {
    size_t n, width;
    pe_wide bug, twin;
} tables;

static pe_status codes_of(pe_instance *instance, int64_t n, pe_wide *codes, pe_error *err)
{
    double *coord = pe_allocate((size_t)n, sizeof *coord, "coordinates", err);
    if (!coord)
        return PE_MEMORY;
    for (int64_t t = 0; t < n; t++)
        coord[t] = (double)t;
    const pe_status status = pe_instance_codes(instance, PE_DOUBLE, n, coord, codes, err);
    pe_release(coord);
    return status;
}

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++)
        sum += x[c] * y[c];
    return sum;
}

static double difference(const tables *t, bool mean)
{
    double most = 0, sum = 0;
    for (size_t at = 0; at < t->n * t->width; at++) {
        const double apart = fabs(t->bug.hi[at] - t->twin.hi[at]);
        most = fmax(most, apart);
        sum += apart;
    }
    return mean ? sum / (double)(t->n * t->width) : most;
}

static double last_row_likeness(const tables *t)
{
    const double *x = t->bug.hi + (t->n - 1) * t->width, *y = t->twin.hi + (t->n - 1) * t->width;
    return dot(x, y, t->width) / sqrt(dot(x, x, t->width) * dot(y, y, t->width));
}

/* Row 0 with row k, over row 0 with itself. */
static double kernel_difference(const tables *t)
{
    const double *x = t->bug.hi, *y = t->twin.hi;
    const double bug = dot(x, x, t->width), twin = dot(y, y, t->width);
    double most = 0;
    for (size_t k = 0; k < t->n; k++)
        most = fmax(most, fabs(dot(x, x + k * t->width, t->width) / bug -
                               dot(y, y + k * t->width, t->width) / twin));
    return most;
}

static double norm_extreme(const tables *t, bool most)
{
    double found = dot(t->bug.hi, t->bug.hi, t->width);
    for (size_t i = 1; i < t->n; i++) {
        const double *row = t->bug.hi + i * t->width;
        const double norm = dot(row, row, t->width);
        found = most ? fmax(found, norm) : fmin(found, norm);
    }
    return found;
}

static double gram_spread(const tables *t)
{
    double spread = 0;
    for (size_t k = 0; k < t->n; k++) {
        double low = (double)INFINITY, high = -(double)INFINITY;
        for (size_t i = 0; i + k < t->n; i++) {
            const double *row = t->bug.hi + i * t->width;
            const double product = dot(row, row + k * t->width, t->width);
            low = fmin(low, product);
            high = fmax(high, product);
        }
        spread = fmax(spread, high - low);
    }
    return spread;
}

/* Columns c, c + step, ... that reach less far than 0.01, from zero or from their first entry. */
static double quiet_columns(const tables *t, size_t step, bool from_zero)
{
    double count = 0;
    for (size_t c = 0; c < t->width; c += step) {
        double reach = 0;
        for (size_t i = 0; i < t->n; i++)
            reach = fmax(reach, fabs(t->bug.hi[i * t->width + c] - (from_zero ? 0 : t->bug.hi[c])));
        count += reach < 0.01;
    }
    return count;
}

static double different_rows(const tables *t)
{
    double count = 0;
    for (size_t i = 0; i < t->n; i++) {
        bool fresh = true;
        for (size_t j = 0; j < i && fresh; j++) {
            double apart = 0;
            for (size_t c = 0; c < t->width; c++)
                apart =
                    fmax(apart, fabs(t->bug.hi[i * t->width + c] - t->bug.hi[j * t->width + c]));
            fresh = apart > 0;
        }
        count += fresh;
    }
    return count;
}

static double nonzero_rows(const tables *t)
{
    double count = 0;
    for (size_t i = 0; i < t->n; i++) {
        const double *row = t->bug.hi + i * t->width;
        count += dot(row, row, t->width) > 0;
    }
    return count;
}

static double alike_pairs(const tables *t)
{
    double count = 0;
    for (size_t c = 0; c + 1 < t->width; c += 2) {
        double apart = 0;
        for (size_t i = 0; i < t->n; i++)
            apart = fmax(apart, fabs(t->bug.hi[i * t->width + c] - t->bug.hi[i * t->width]));
        count += apart < 1e-12;
    }
    return count;
}

static double value_of(pe_measured what, const tables *t)
{
    switch (what) {
    case PE_MEASURED_TABLE_MOST:
    case PE_MEASURED_TABLE_MEAN:
        return difference(t, what == PE_MEASURED_TABLE_MEAN);
    case PE_MEASURED_ROW_LIKE:
        return last_row_likeness(t);
    case PE_MEASURED_KERNEL:
        return kernel_difference(t);
    case PE_MEASURED_NORM_LEAST:
    case PE_MEASURED_NORM_MOST:
        return norm_extreme(t, what == PE_MEASURED_NORM_MOST);
    case PE_MEASURED_SPREAD:
        return gram_spread(t);
    case PE_MEASURED_STILL:
        return quiet_columns(t, 1, false);
    case PE_MEASURED_SLOW:
        return quiet_columns(t, 2, true);
    case PE_MEASURED_ROWS:
        return different_rows(t);
    case PE_MEASURED_NONZERO:
        return nonzero_rows(t);
    default:
        return alike_pairs(t);
    }
}

pe_status figure_of_codes(const figure_task *task, double *value, pe_error *err)
{
    const pe_stated *f = task->stated;
    tables t = {.n = (size_t)f->n, .width = (size_t)f->width};
    pe_exhibited pair;
    pe_status status = figure_open(task, 1, &pair, err);
    if (status != PE_OK)
        return status;
    status = codes_of(pair.bug, f->n, &t.bug, err);
    if (status == PE_OK)
        status = codes_of(pair.twin, f->n, &t.twin, err);
    if (status == PE_OK)
        *value = value_of(f->what, &t);
    pe_wide_release(&t.bug);
    pe_wide_release(&t.twin);
    pe_exhibit_close(&pair);
    return status;
}
