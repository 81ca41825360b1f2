/* P2, P3: the error of float against quad, as a function of position, for every subject. */
#include "numerical_precision_growth.h"

#include <math.h>
#include <string.h>

enum { PER_OCTAVE = 24, MOST = 64 * PER_OCTAVE, FIT_FROM = 5 };

static void running_maximum(const pe_wide *got, const pe_wide *want, size_t n, size_t columns,
                            const double *position, growth *g, double *error)
{
    memset(error, 0, GROWTH_OCTAVES * sizeof *error);
    for (size_t t = 0; t < n; t++) {
        const int octave = ilogb(position[t]);
        for (size_t c = 0; c < columns; c++) {
            const double e = fabs(pe_wide_difference(got, want, t * columns + c));
            if (!(e <= error[octave])) /* a NaN stays in sight */
                error[octave] = e;
        }
    }
    for (int m = 1; m < g->octaves; m++)
        if (error[m] < error[m - 1])
            error[m] = error[m - 1];
}

/* The largest change of an entry per token, from positions a thousandth apart. */
static pe_status measure_speed(const pe_lab *lab, pe_instance *instance, precision_kind kind,
                               size_t n, const double *position, growth *g, pe_error *err)
{
    const double step = 0x1p-10;
    double near[MOST];
    pe_wide a = {0}, b = {0};
    size_t columns;
    g->speed = (double)NAN;
    if (!precision_real_positions(instance, kind) || n < 2)
        return PE_OK;
    n -= 1; /* the last one may be the last that is allowed */
    n = n < 64 ? n : 64;
    for (size_t t = 0; t < n; t++)
        near[t] = position[t] + step;
    pe_status status =
        precision_ask(lab, instance, kind, PE_QUADRUPLE, n, position, &a, &columns, err);
    if (status == PE_OK)
        status = precision_ask(lab, instance, kind, PE_QUADRUPLE, n, near, &b, &columns, err);
    for (size_t i = 0; status == PE_OK && i < a.count; i++)
        g->speed = fmax(g->speed, fabs(pe_wide_difference(&b, &a, i)) / step);
    pe_wide_release(&a);
    pe_wide_release(&b);
    return status;
}

/* Only rows of code say how wide their frequencies are spaced: w_1 = base^(-2/width). */
static double declared_frequency(const pe_instance *instance, precision_kind kind)
{
    double base;
    if (kind != PRECISION_CODES || !precision_option(instance, "base", &base))
        return (double)NAN;
    return pow(base, -2.0 / instance->info.embed_width);
}

static void fit(growth *g)
{
    int to = g->octaves;
    while (to > FIT_FROM && !(g->float_error[to - 1] < 0.3))
        to--; /* beyond, a sine cannot be more wrong than 2 */
    g->line = (pe_line){.slope = (double)NAN};
    if (to < FIT_FROM + 5 || g->float_error[FIT_FROM] <= 0 ||
        pe_fit_power(g->L + FIT_FROM, g->float_error + FIT_FROM, (size_t)(to - FIT_FROM), &g->line,
                     NULL) != PE_OK)
        return;
    g->kind = g->line.slope > 0.8   ? GROWTH_PROPORTIONAL
              : g->line.slope > 0.3 ? GROWTH_SLOW
                                    : GROWTH_FLAT;
}

pe_status growth_measure(const pe_lab *lab, pe_instance *instance, precision_kind kind, growth *g,
                         pe_error *err)
{
    const size_t each = lab->size.quick ? PER_OCTAVE / 3 : PER_OCTAVE;
    static const pe_precision precisions[] = {PE_FLOAT, PE_DOUBLE};
    double position[MOST];
    pe_wide reference = {0}, got = {0};
    size_t columns;
    *g = (growth){.limit = precision_limit(instance, kind, exp2(GROWTH_OCTAVES) - 1)};
    const size_t n = precision_spread(lab, g->limit, each, position);
    g->octaves = n ? ilogb(position[n - 1]) + 1 : 0;
    g->declared = declared_frequency(instance, kind);
    pe_status status =
        precision_ask(lab, instance, kind, PE_QUADRUPLE, n, position, &reference, &columns, err);
    for (int p = 0; status == PE_OK && p < 2; p++) {
        status =
            precision_ask(lab, instance, kind, precisions[p], n, position, &got, &columns, err);
        if (status == PE_OK)
            running_maximum(&got, &reference, n, columns, position, g,
                            p == 0 ? g->float_error : g->double_error);
        pe_wide_release(&got);
    }
    if (status == PE_OK)
        status = measure_speed(lab, instance, kind, n, position, g, err);
    const double w = isnan(g->declared) ? g->speed : g->declared;
    for (int m = 0; m < g->octaves; m++) {
        g->L[m] = fmin(exp2(m + 1), g->limit + 1);
        g->bound[m] = 0x1p-23 * g->L[m] * w;
    }
    fit(g);
    pe_wide_release(&reference);
    return status;
}

double growth_below(const growth *g, double L)
{
    for (int m = 0; m < g->octaves; m++)
        if (g->L[m] == L)
            return g->float_error[m];
    return (double)NAN;
}
