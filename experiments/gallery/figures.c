/* Which way a stated figure is about, and who measures it; figures of formation paths. */
#include "figures.h"

#include "base/memory.h"

#include <stdlib.h>

pe_status pe_gallery_figure(const pe_exhibit *exhibit, const pe_stated *figure, uint64_t seed,
                            double *value, pe_error *err)
{
    const figure_task task = {exhibit, figure->of_twin ? &exhibit->twin : &exhibit->bug, figure,
                              seed};
    *value = (double)NAN;
    if (figure->what <= PE_MEASURED_COSINE_OF)
        return figure_of_path(&task, value, err);
    if (figure->what <= PE_MEASURED_ALIKE)
        return figure_of_codes(&task, value, err);
    return figure->what <= PE_MEASURED_CORRELATION ? figure_of_turns(&task, value, err)
                                                   : figure_of_terms(&task, value, err);
}

pe_status figure_open(const figure_task *task, int heads, pe_exhibited *pair, pe_error *err)
{
    const pe_dims dims = {.heads = heads, .head_dim = task->stated->width / heads};
    pe_exhibit shown = *task->exhibit;
    shown.bug = *task->form;
    return pe_exhibit_open(&shown, &dims, 0, task->stated->n, task->seed, pair, err);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t count_different(size_t n, double *x)
{
    size_t count = n > 0;
    qsort(x, n, sizeof *x, by_value);
    for (size_t i = 1; i < n; i++)
        count += x[i] > x[i - 1];
    return count;
}

/* ---- paths ---- */

static pe_status over_positions(const pe_formed *formed, const pe_stated *f, double *value,
                                pe_error *err)
{
    pe_formation_found found;
    pe_formation_rows rows;
    pe_status status = PE_OK;
    double *position = pe_allocate((size_t)f->n, sizeof *position, "positions", err);
    if (!position)
        return PE_MEMORY;
    for (int64_t t = 0; t < f->n; t++)
        position[t] = f->from + (double)t;
    if (f->what == PE_MEASURED_DISTINCT || f->what == PE_MEASURED_REPEATS) {
        status = pe_formation_distinct(formed, (size_t)f->n, position, &rows, err);
        if (status == PE_OK)
            *value = f->what == PE_MEASURED_DISTINCT ? (double)rows.distinct : rows.repeats;
    } else {
        status = pe_formation_measure(formed, (size_t)f->n, position, &found, err);
        if (status == PE_OK)
            *value = f->what == PE_MEASURED_ABSOLUTE ? found.absolute.value
                     : f->what == PE_MEASURED_COSINE ? found.cosine.value
                                                     : found.phase.value;
    }
    pe_release(position);
    return status;
}

static pe_status worst_sine(const pe_formed *formed, double position, double *value, pe_error *err)
{
    *value = 0;
    for (size_t k = 0; k < formed->spectrum.pairs; k++) {
        pe_entry_error error;
        pe_status status = pe_formation_errors(formed, k, 1, &position, &error, err);
        if (status != PE_OK)
            return status;
        *value = fmax(*value, error.sine);
    }
    return PE_OK;
}

static pe_status of_formed(const figure_task *task, const pe_formed *formed, double *value,
                           pe_error *err)
{
    const pe_stated *f = task->stated;
    double sine, low;
    switch (f->what) {
    case PE_MEASURED_HELD:
        *value = form_held(task->form, &formed->formation, f->from);
        return PE_OK;
    case PE_MEASURED_ANGLE:
        *value = pe_formed_angle(formed, 1, f->from, &low);
        return PE_OK;
    case PE_MEASURED_COSINE_OF:
        pe_formed_column(formed, 0, 1, &f->from, &sine, value, 1);
        return PE_OK;
    case PE_MEASURED_SINE_AT:
        return worst_sine(formed, f->from, value, err);
    default:
        return over_positions(formed, f, value, err);
    }
}

pe_status figure_of_path(const figure_task *task, double *value, pe_error *err)
{
    pe_formed formed;
    if (!task->form->path)
        return pe_fail(err, PE_USAGE, "exhibit %s: figure '%s' is about formation paths",
                       task->exhibit->id, pe_measured_text(task->stated->what));
    pe_status status = form_formed(task->exhibit, task->form, 10000,
                                   (size_t)task->stated->width / 2, &formed, err);
    if (status != PE_OK)
        return status;
    status = of_formed(task, &formed, value, err);
    pe_formed_release(&formed);
    return status;
}
