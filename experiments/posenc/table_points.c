#include "table.h"

#include "base/memory.h"
#include "io/decimal.h"

#include <math.h>
#include <string.h>

static pe_status allocate(table_points *points, double n, int axes, pe_error *err)
{
    *points = (table_points){0};
    if (!(n >= 1 && n <= TABLE_POINTS))
        return pe_fail(err, PE_USAGE, "%.6g positions are not 1 to %d", n, TABLE_POINTS);
    points->n = (int64_t)n;
    points->axes = axes;
    points->x = pe_allocate((size_t)n * (size_t)axes, sizeof *points->x, "positions", err);
    return points->x ? PE_OK : PE_MEMORY;
}

/* One number up to `end`, which is one of the characters in `stop` or the end of the text. */
static pe_status one_number(const char **text, const char *stop, double *x, pe_error *err)
{
    const size_t size = strcspn(*text, stop);
    if (!pe_parse_f64(*text, size, x) || !isfinite(*x))
        return pe_fail(err, PE_USAGE, "--positions-list: '%.*s' is no finite number",
                       (int)(size < 40 ? size : 40), *text);
    *text += size;
    return PE_OK;
}

static pe_status read_list(const char *list, int axes, table_points *points, pe_error *err)
{
    double n = 1;
    for (const char *at = list; *at; at++)
        n += *at == ',';
    pe_status status = allocate(points, n, axes, err);
    for (int64_t t = 0; status == PE_OK && t < points->n; t++) {
        for (int a = 0; status == PE_OK && a < axes; a++) {
            status = one_number(&list, ",:", &points->x[t * axes + a], err);
            const char expected = a < axes - 1 ? ':' : ',';
            const bool last = t == points->n - 1 && a == axes - 1;
            if (status == PE_OK && !last && *list != expected)
                status = pe_fail(err, PE_USAGE,
                                 "--positions-list: %d numbers for each position, "
                                 "joined by ':'",
                                 axes);
            if (status == PE_OK && last && *list)
                status = pe_fail(err, PE_USAGE,
                                 "--positions-list: more than %d number%s for one "
                                 "position",
                                 axes, axes == 1 ? "" : "s");
            list += *list != 0;
        }
    }
    return status;
}

pe_status table_points_read(const char *list, double from, double to, double step, int axes,
                            table_points *points, pe_error *err)
{
    *points = (table_points){0};
    pe_status status;
    if (list) {
        status = read_list(list, axes, points, err);
    } else if (axes != 1) {
        return pe_fail(err, PE_USAGE, "%d axes need --positions-list, as in 0:0,0:1", axes);
    } else {
        const double steps = (to - from) / step;
        if (!(steps >= 0))
            return pe_fail(err, PE_USAGE, "a step of %g does not lead from %g to %g", step, from,
                           to);
        /* A last step that misses `to` by rounding still counts. */
        status = allocate(points, floor(steps + 1e-9) + 1, 1, err);
        for (int64_t t = 0; status == PE_OK && t < points->n; t++)
            points->x[t] = from + (double)t * step;
    }
    if (status != PE_OK)
        table_points_release(points);
    return status;
}

void table_points_release(table_points *points)
{
    pe_release(points->x);
    *points = (table_points){0};
}
