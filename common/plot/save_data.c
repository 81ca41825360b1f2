/* The numbers behind a picture, for other programs. */
#include "plot/figure_data.h"

#include "base/memory.h"
#include "io/csv.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

/* A gap is an empty field. */
static void field(pe_csv *csv, double value)
{
    if (isnan(value))
        pe_csv_empty(csv);
    else
        pe_csv_f64(csv, value);
}

static void interval(pe_csv *csv, const pe_curve *curve, size_t i)
{
    field(csv, curve->low ? curve->low[i] : (double)NAN);
    field(csv, curve->low ? curve->high[i] : (double)NAN);
}

static pe_status save_curves(const pe_figure *f, const char *path, pe_error *err)
{
    static const char *const names[] = {"panel", "series", "x", "y", "low", "high"};
    pe_csv *csv = pe_csv_begin(path, 6, names, err);
    if (!csv)
        return err->status;
    for (size_t s = 0; s < f->curves; s++)
        for (size_t i = 0; i < f->curve[s].n; i++) {
            const pe_curve *curve = &f->curve[s];
            pe_csv_text(csv, f->panels ? f->panel_title[curve->panel] : "");
            pe_csv_text(csv, curve->name);
            field(csv, curve->x[i]);
            field(csv, curve->y[i]);
            interval(csv, curve, i);
            pe_csv_end_row(csv);
        }
    return pe_csv_commit(csv, err);
}

static pe_status save_bars(const pe_figure *f, const char *path, pe_error *err)
{
    static const char *const names[] = {"category", "series", "value", "low", "high"};
    pe_csv *csv = pe_csv_begin(path, 5, names, err);
    if (!csv)
        return err->status;
    for (size_t c = 0; c < f->categories; c++)
        for (size_t s = 0; s < f->curves; s++) {
            pe_csv_text(csv, f->category[c]);
            pe_csv_text(csv, f->curve[s].name);
            field(csv, f->curve[s].y[c]);
            interval(csv, &f->curve[s], c);
            pe_csv_end_row(csv);
        }
    return pe_csv_commit(csv, err);
}

/* Column names are the coordinates of the columns. */
static pe_csv *begin_matrix(const pe_matrix *m, const char *path, pe_error *err)
{
    enum { NAME = 32 };
    pe_csv *csv = NULL;
    char *text = pe_allocate(m->columns, NAME, "column names", err);
    const char **name = pe_allocate(m->columns + 1, sizeof *name, "column names", err);
    if (text && name) {
        name[0] = "row";
        for (size_t c = 0; c < m->columns; c++) {
            pe_buffer number = {0};
            pe_buffer_number(&number, m->x0 + m->dx * (double)c);
            snprintf(text + c * NAME, NAME, "c%s", number.bytes ? number.bytes : "");
            pe_buffer_release(&number);
            name[c + 1] = text + c * NAME;
        }
        csv = pe_csv_begin(path, m->columns + 1, name, err);
    }
    pe_release(text);
    pe_release(name);
    return csv;
}

static pe_status save_matrix(const pe_matrix *m, const char *path, pe_error *err)
{
    pe_csv *csv = begin_matrix(m, path, err);
    if (!csv)
        return err->status;
    for (size_t r = 0; r < m->rows; r++) {
        pe_csv_f64(csv, m->y0 + m->dy * (double)r);
        for (size_t c = 0; c < m->columns; c++)
            field(csv, m->values[r * m->columns + c]);
        pe_csv_end_row(csv);
    }
    return pe_csv_commit(csv, err);
}

size_t pe_figure_data_files(const pe_figure *figure)
{
    return figure->kind == PE_HEATMAPS ? figure->matrices : 1;
}

void pe_figure_data_name(const pe_figure *figure, size_t which, char *name, size_t room)
{
    if (pe_figure_data_files(figure) == 1)
        snprintf(name, room, "%s.csv", figure->id);
    else
        snprintf(name, room, "%s.%zu.csv", figure->id, which + 1);
}

pe_status pe_figure_save_data(const pe_figure *figure, const char *folder, pe_error *err)
{
    pe_error local = {0};
    err = err ? err : &local;
    pe_status status = pe_figure_check(figure, err);
    for (size_t i = 0; status == PE_OK && i < pe_figure_data_files(figure); i++) {
        char path[PATH_MAX], name[128];
        pe_figure_data_name(figure, i, name, sizeof name);
        if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
            return pe_fail(err, PE_WRITE, "%.200s...: path too long", folder);
        status = figure->kind == PE_HEATMAPS ? save_matrix(&figure->matrix[i], path, err)
                 : figure->kind == PE_CURVES ? save_curves(figure, path, err)
                                             : save_bars(figure, path, err);
    }
    return status;
}
