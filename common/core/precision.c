#include "core/precision.h"
#include "base/memory.h"

#include <string.h>

static const char *const names[PE_PRECISION_COUNT] = {"f32", "f64", "f128"};

const char *pe_precision_name(pe_precision precision)
{
    return names[precision];
}

bool pe_precision_by_name(const char *name, pe_precision *precision)
{
    for (int p = 0; p < PE_PRECISION_COUNT; p++)
        if (strcmp(names[p], name) == 0) {
            *precision = (pe_precision)p;
            return true;
        }
    return false;
}

size_t pe_precision_size(pe_precision precision)
{
    static const size_t sizes[PE_PRECISION_COUNT] = {sizeof(float), sizeof(double),
                                                     sizeof(pe_quad)};
    return sizes[precision];
}

pe_status pe_wide_allocate(pe_wide *wide, size_t count, const char *what, pe_error *err)
{
    *wide = (pe_wide){.count = count};
    wide->hi = pe_allocate(count, sizeof *wide->hi, what, err);
    wide->lo = wide->hi ? pe_allocate(count, sizeof *wide->lo, what, err) : NULL;
    if (wide->lo)
        return PE_OK;
    pe_wide_release(wide);
    return PE_MEMORY;
}

void pe_wide_release(pe_wide *wide)
{
    pe_release(wide->hi);
    pe_release(wide->lo);
    *wide = (pe_wide){0};
}

double pe_wide_difference(const pe_wide *a, const pe_wide *b, size_t at)
{
    return (a->hi[at] - b->hi[at]) + (a->lo[at] - b->lo[at]);
}

void *pe_narrow_wide(pe_precision precision, size_t count, const double *hi, const double *lo,
                     const char *what, pe_error *err)
{
    void *block = pe_allocate(count, pe_precision_size(precision), what, err);
    if (!block)
        return NULL;
    for (size_t i = 0; i < count; i++)
        switch (precision) {
        case PE_FLOAT:
            ((float *)block)[i] = (float)hi[i];
            break;
        case PE_QUADRUPLE:
            ((pe_quad *)block)[i] = (pe_quad)hi[i] + (pe_quad)(lo ? lo[i] : 0);
            break;
        default:
            ((double *)block)[i] = hi[i];
        }
    return block;
}

void *pe_narrow(pe_precision precision, size_t count, const double *x, const char *what,
                pe_error *err)
{
    return pe_narrow_wide(precision, count, x, NULL, what, err);
}

void pe_widen(pe_precision precision, size_t count, const void *x, double *hi, double *lo)
{
    for (size_t i = 0; i < count; i++) {
        double low = 0;
        switch (precision) {
        case PE_FLOAT:
            hi[i] = (double)((const float *)x)[i];
            break;
        case PE_QUADRUPLE: {
            pe_quad value = ((const pe_quad *)x)[i];
            hi[i] = (double)value;
            low = hi[i] - hi[i] == 0 ? (double)(value - (pe_quad)hi[i]) : 0;
            break;
        }
        default:
            hi[i] = ((const double *)x)[i];
        }
        if (lo)
            lo[i] = low;
    }
}
