#include "plot/figure_data.h"

#include "base/memory.h"
#include "plot/text.h"
#include "plot/style.h"
#include "plot/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CATEGORIES = 60, LONGEST_ID = 64, MOST_TEXT = 1 << 16 };

/* ---- errors and copies ---- */

static int is_well(const pe_figure *figure)
{
    return figure && figure->error.status == PE_OK;
}

/* Copies of text: NULL is "". The sentence of a refusal waits in the figure. */
static char *copy_text(pe_figure *figure, const char *text, const char *what)
{
    if (!text)
        text = "";
    if (strnlen(text, MOST_TEXT) == MOST_TEXT) {
        pe_fail(&figure->error, PE_USAGE, "%s: a text of over %d bytes", what, MOST_TEXT);
        return NULL;
    }
    if (pe_utf8_check(text, what, &figure->error) != PE_OK)
        return NULL;
    return pe_copy_text(text, what, &figure->error);
}

static void replace_text(pe_figure *figure, char **place, const char *text, const char *what)
{
    if (!is_well(figure))
        return;
    char *copy = copy_text(figure, text, what);
    if (!copy)
        return;
    pe_release(*place);
    *place = copy;
}

static double *copy_numbers(pe_figure *figure, size_t n, const double *from, const char *what)
{
    double *copy = pe_allocate(n, sizeof *copy, what, &figure->error);
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = from ? from[i] : (double)i;
    return copy;
}

/* One more element at the end of an array, all zero. */
static void *add_element(pe_figure *figure, void *array, size_t *count, size_t size,
                         const char *what)
{
    void *grown = pe_grow(array, *count, *count + 1, size, what, &figure->error);
    if (grown)
        (*count)++;
    return grown;
}

/* ---- life ---- */

static void check_id(pe_figure *figure, const char *id)
{
    size_t length = strnlen(id, LONGEST_ID + 1);
    int good = length > 0 && length <= LONGEST_ID && isalnum((unsigned char)id[0]);
    for (size_t i = 0; good && i < length; i++)
        good = isalnum((unsigned char)id[i]) || strchr("_-", id[i]);
    if (!good)
        pe_fail(&figure->error, PE_USAGE,
                "figure id '%.70s': wanted 1 to %d letters, digits, '_' or '-', a letter or "
                "digit first",
                id, LONGEST_ID);
}

pe_figure *pe_figure_new(pe_figure_kind kind, const char *id, const char *title, pe_error *err)
{
    pe_figure *figure = pe_allocate(1, sizeof *figure, "figure", err);
    if (!figure)
        return NULL;
    figure->kind = kind;
    figure->x.low = figure->x.high = figure->y.low = figure->y.high = (double)NAN;
    figure->colour.low = figure->colour.high = (double)NAN;
    char **texts[] = {&figure->alt, &figure->caption, &figure->x.label, &figure->y.label,
                      &figure->colour.label};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        replace_text(figure, texts[i], "", "figure");
    replace_text(figure, &figure->id, id, "figure id");
    replace_text(figure, &figure->title, title, "figure title");
    if (is_well(figure))
        check_id(figure, figure->id);
    if (is_well(figure))
        pe_title_wrap(figure->title, PE_PAGE_WIDTH - 2 * 40, &(pe_title){0}, &figure->error);
    if (figure->error.status == PE_MEMORY) {
        pe_fail(err, PE_MEMORY, "%s", figure->error.text);
        pe_figure_release(figure);
        return NULL;
    }
    return figure;
}

static void release_texts(char **text, size_t n)
{
    for (size_t i = 0; i < n && text; i++)
        pe_release(text[i]);
    pe_release(text);
}

static void release_curve(pe_curve *curve)
{
    pe_release(curve->name);
    pe_release(curve->x);
    pe_release(curve->y);
    pe_release(curve->low);
    pe_release(curve->high);
}

void pe_figure_release(pe_figure *figure)
{
    if (!figure)
        return;
    char *texts[] = {figure->id,      figure->title,   figure->alt,         figure->caption,
                     figure->x.label, figure->y.label, figure->colour.label};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pe_release(texts[i]);
    release_texts(figure->panel_title, figure->panels);
    release_texts(figure->category, figure->categories);
    pe_release(figure->category_slot);
    for (size_t i = 0; i < figure->curves; i++)
        release_curve(&figure->curve[i]);
    pe_release(figure->curve);
    for (size_t i = 0; i < figure->marks; i++)
        pe_release(figure->mark[i].name);
    pe_release(figure->mark);
    for (size_t i = 0; i < figure->matrices; i++) {
        pe_release(figure->matrix[i].title);
        pe_release(figure->matrix[i].values);
        pe_release(figure->matrix[i].edge);
        release_texts(figure->matrix[i].row_name, figure->matrix[i].rows);
        release_texts(figure->matrix[i].column_name, figure->matrix[i].columns);
    }
    pe_release(figure->matrix);
    pe_release(figure);
}

/* ---- axes and texts ---- */

static void set_axis(pe_figure *figure, pe_figure_axis *axis, const char *label, pe_scale scale)
{
    replace_text(figure, &axis->label, label, "axis label");
    axis->scale = scale;
}

void pe_figure_x(pe_figure *figure, const char *label, pe_scale scale)
{
    if (figure)
        set_axis(figure, &figure->x, label, scale);
}

void pe_figure_y(pe_figure *figure, const char *label, pe_scale scale)
{
    if (figure)
        set_axis(figure, &figure->y, label, scale);
}

static void set_range(pe_figure *figure, pe_figure_axis *axis, double low, double high)
{
    if (!is_well(figure))
        return;
    if (isinf(low) || isinf(high) || low >= high)
        pe_fail(&figure->error, PE_USAGE, "figure %s: range from %g to %g", figure->id, low, high);
    axis->low = low;
    axis->high = high;
}

void pe_figure_x_range(pe_figure *figure, double low, double high)
{
    if (figure)
        set_range(figure, &figure->x, low, high);
}

void pe_figure_y_range(pe_figure *figure, double low, double high)
{
    if (figure)
        set_range(figure, &figure->y, low, high);
}

void pe_figure_describe(pe_figure *figure, const char *alt, const char *caption)
{
    if (!figure)
        return;
    replace_text(figure, &figure->alt, alt, "alt text");
    replace_text(figure, &figure->caption, caption, "caption");
}

/* ---- curves, bars, dots ---- */

/* A builder that this kind of figure does not have. */
static int is_wrong_kind(pe_figure *figure, int wrong, const char *what)
{
    if (!is_well(figure))
        return 1;
    if (wrong)
        pe_fail(&figure->error, PE_USAGE, "figure %s: no %s in a figure of this kind", figure->id,
                what);
    return wrong;
}

void pe_figure_panel(pe_figure *figure, const char *title)
{
    if (is_wrong_kind(figure, figure && figure->kind != PE_CURVES, "panel"))
        return;
    if (figure->panels == 0 && figure->curves + figure->marks > 0) {
        pe_fail(&figure->error, PE_USAGE, "figure %s: a panel after the first series", figure->id);
        return;
    }
    if (figure->panels == PE_FIGURE_PANELS) {
        pe_fail(&figure->error, PE_USAGE, "figure %s: more than %d panels", figure->id,
                PE_FIGURE_PANELS);
        return;
    }
    char **grown =
        add_element(figure, figure->panel_title, &figure->panels, sizeof *grown, "panel");
    if (!grown)
        return;
    figure->panel_title = grown;
    grown[figure->panels - 1] = copy_text(figure, title, "panel title");
}

static size_t current_panel(const pe_figure *figure)
{
    return figure->panels ? figure->panels - 1 : 0;
}

static int is_fit_series(pe_figure *figure, const pe_series *series)
{
    size_t in_panel = 0;
    for (size_t i = 0; i < figure->curves; i++)
        in_panel += figure->curve[i].panel == current_panel(figure);
    if (in_panel >= PE_FIGURE_NAMES)
        pe_fail(&figure->error, PE_USAGE, "figure %s: more than %d series; use panels", figure->id,
                PE_FIGURE_NAMES);
    else if (series->n == 0 || !series->y || !series->low != !series->high)
        pe_fail(&figure->error, PE_USAGE,
                "figure %s: a series needs values, and both ends of its intervals or none",
                figure->id);
    else if (figure->kind != PE_CURVES && series->n != figure->categories)
        pe_fail(&figure->error, PE_USAGE, "figure %s: %zu values for %zu categories", figure->id,
                series->n, figure->categories);
    return is_well(figure);
}

void pe_figure_add_series(pe_figure *figure, const pe_series *series)
{
    if (is_wrong_kind(figure, figure && figure->kind == PE_HEATMAPS, "series") ||
        !is_fit_series(figure, series))
        return;
    pe_curve *grown = add_element(figure, figure->curve, &figure->curves, sizeof *grown, "series");
    if (!grown)
        return;
    figure->curve = grown;
    pe_curve *curve = &grown[figure->curves - 1];
    *curve = (pe_curve){
        .slot = series->slot, .panel = current_panel(figure), .look = series->look, .n = series->n};
    curve->name = copy_text(figure, series->name, "series name");
    curve->x = copy_numbers(figure, series->n, figure->kind == PE_CURVES ? series->x : NULL, "x");
    curve->y = copy_numbers(figure, series->n, series->y, "y");
    if (!series->low)
        return;
    curve->low = copy_numbers(figure, series->n, series->low, "low");
    curve->high = copy_numbers(figure, series->n, series->high, "high");
}

static void add_mark(pe_figure *figure, int vertical, double at, const char *name)
{
    if (is_wrong_kind(figure, figure && figure->kind == PE_HEATMAPS, "mark"))
        return;
    if (!isfinite(at)) {
        pe_fail(&figure->error, PE_USAGE, "figure %s: a mark at %g", figure->id, at);
        return;
    }
    pe_mark *grown = add_element(figure, figure->mark, &figure->marks, sizeof *grown, "mark");
    if (!grown)
        return;
    figure->mark = grown;
    grown[figure->marks - 1] =
        (pe_mark){.vertical = vertical, .at = at, .panel = current_panel(figure)};
    if (name)
        grown[figure->marks - 1].name = copy_text(figure, name, "name of a mark");
}

void pe_figure_mark_x(pe_figure *figure, double at, const char *name)
{
    add_mark(figure, 1, at, name);
}

void pe_figure_mark_y(pe_figure *figure, double at, const char *name)
{
    add_mark(figure, 0, at, name);
}

static int has_categories(const pe_figure *figure)
{
    return figure->kind == PE_BARS_GROUPED || figure->kind == PE_BARS_STACKED ||
           figure->kind == PE_DOTS;
}

void pe_figure_categories(pe_figure *figure, size_t n, const char *const *names,
                          const size_t *slots)
{
    if (is_wrong_kind(figure, figure && !has_categories(figure), "categories"))
        return;
    if (figure->categories || n == 0 || n > MOST_CATEGORIES) {
        pe_fail(&figure->error, PE_USAGE, "figure %s: categories are given once, 1 to %d of them",
                figure->id, MOST_CATEGORIES);
        return;
    }
    figure->category = pe_allocate(n, sizeof *figure->category, "categories", &figure->error);
    if (!figure->category)
        return;
    figure->categories = n;
    for (size_t i = 0; i < n && is_well(figure); i++)
        figure->category[i] = copy_text(figure, names[i], "category");
    if (!slots || !is_well(figure))
        return;
    figure->category_slot = pe_allocate(n, sizeof *slots, "categories", &figure->error);
    if (figure->category_slot)
        memcpy(figure->category_slot, slots, n * sizeof *slots);
}

/* ---- heat maps ---- */

void pe_figure_colours(pe_figure *figure, pe_palette palette, const char *label, pe_scale scale)
{
    if (is_wrong_kind(figure, figure && figure->kind != PE_HEATMAPS, "palette"))
        return;
    if (scale != PE_LINEAR && (palette == PE_SIGNED || palette == PE_PHASES))
        pe_fail(&figure->error, PE_USAGE, "figure %s: signed colours on a logarithmic scale",
                figure->id);
    set_axis(figure, &figure->colour, label, scale);
    figure->palette = palette;
}

void pe_figure_colour_range(pe_figure *figure, double low, double high)
{
    if (!is_wrong_kind(figure, figure && figure->kind != PE_HEATMAPS, "palette"))
        set_range(figure, &figure->colour, low, high);
}

void pe_figure_own_ranges(pe_figure *figure)
{
    if (!is_wrong_kind(figure, figure && figure->kind != PE_HEATMAPS, "palette"))
        figure->own_ranges = 1;
}

/* n names, or NULL with the reason in the figure; NULL stays NULL. */
static char **copy_names(pe_figure *figure, size_t n, const char *const *names)
{
    if (!names)
        return NULL;
    if (n > PE_FIGURE_NAMES) {
        pe_fail(&figure->error, PE_USAGE, "figure %s: %zu names in a matrix; at most %d",
                figure->id, n, PE_FIGURE_NAMES);
        return NULL;
    }
    char **copy = pe_allocate(n, sizeof *copy, "names of a matrix", &figure->error);
    for (size_t i = 0; i < n && copy; i++)
        copy[i] = copy_text(figure, names[i], "name of a row or column");
    return copy;
}

void pe_figure_add_matrix(pe_figure *figure, const pe_matrix_panel *panel)
{
    if (is_wrong_kind(figure, figure && figure->kind != PE_HEATMAPS, "matrix"))
        return;
    size_t cells;
    if (figure->matrices == PE_FIGURE_PANELS || panel->rows == 0 || panel->columns == 0 ||
        !panel->values || __builtin_mul_overflow(panel->rows, panel->columns, &cells)) {
        pe_fail(&figure->error, PE_USAGE,
                "figure %s: a matrix of (%zu,%zu); at most %d panels, none of them empty",
                figure->id, panel->rows, panel->columns, PE_FIGURE_PANELS);
        return;
    }
    pe_matrix *grown =
        add_element(figure, figure->matrix, &figure->matrices, sizeof *grown, "matrix");
    if (!grown)
        return;
    figure->matrix = grown;
    pe_matrix *matrix = &grown[figure->matrices - 1];
    *matrix = (pe_matrix){.rows = panel->rows,
                          .columns = panel->columns,
                          .x0 = panel->x0,
                          .y0 = panel->y0,
                          .dx = panel->dx != 0 ? panel->dx : 1,
                          .dy = panel->dy != 0 ? panel->dy : 1};
    matrix->title = copy_text(figure, panel->title, "panel title");
    matrix->values = copy_numbers(figure, cells, panel->values, "matrix");
    matrix->row_name = copy_names(figure, panel->rows, panel->row_names);
    matrix->column_name = copy_names(figure, panel->columns, panel->column_names);
    if (panel->edge)
        matrix->edge = copy_numbers(figure, panel->columns, panel->edge, "edge");
}

/* ---- ranges ---- */

/* Stacked bars: how far the positive and the negative values of a category reach. */
static void add_stacks(const pe_figure *figure, pe_range *range)
{
    for (size_t c = 0; c < figure->categories; c++) {
        double up = 0, down = 0;
        for (size_t s = 0; s < figure->curves; s++) {
            double value = figure->curve[s].y[c];
            up += isfinite(value) && value > 0 ? value : 0;
            down += isfinite(value) && value < 0 ? value : 0;
        }
        pe_range_add(range, PE_LINEAR, up);
        pe_range_add(range, PE_LINEAR, down);
    }
}

static void add_values(const pe_figure *figure, int intervals, int vertical, pe_range *range)
{
    pe_scale scale = vertical ? figure->y.scale : figure->x.scale;
    for (size_t s = 0; s < figure->curves; s++) {
        const pe_curve *curve = &figure->curve[s];
        for (size_t i = 0; i < curve->n; i++) {
            pe_range_add(range, scale, intervals ? curve->y[i] : curve->x[i]);
            if (curve->low && intervals) {
                pe_range_add(range, scale, curve->low[i]);
                pe_range_add(range, scale, curve->high[i]);
            }
        }
    }
    for (size_t m = 0; m < figure->marks; m++)
        if (figure->mark[m].vertical != vertical)
            pe_range_add(range, scale, figure->mark[m].at);
}

pe_range pe_figure_data_range(const pe_figure *figure, int vertical)
{
    pe_range range = PE_RANGE_EMPTY;
    if (figure->kind == PE_CURVES) {
        add_values(figure, vertical, vertical, &range);
        return range;
    }
    if (vertical)
        return (pe_range){-0.5, (double)figure->categories - 0.5};
    add_values(figure, 1, 0, &range);
    if (figure->kind == PE_BARS_STACKED)
        add_stacks(figure, &range);
    if (figure->kind != PE_DOTS && figure->x.scale == PE_LINEAR && !pe_range_is_empty(range))
        pe_range_add(&range, PE_LINEAR, 0);
    return range;
}

pe_range pe_figure_colour_data(const pe_figure *figure, size_t panel)
{
    pe_range range = PE_RANGE_EMPTY;
    for (size_t p = 0; p < figure->matrices; p++) {
        const pe_matrix *matrix = &figure->matrix[p];
        for (size_t i = 0; (panel == SIZE_MAX || panel == p) && i < matrix->rows * matrix->columns;
             i++)
            pe_range_add(&range, figure->colour.scale, matrix->values[i]);
    }
    return range;
}

/* Bars begin at zero, without a gap; their far ends need room for the value beside them. */
static pe_range pad_values(const pe_figure *figure, pe_range range)
{
    pe_range padded = pe_range_padded(range, figure->x.scale, 0.13);
    if (figure->kind == PE_DOTS || figure->x.scale != PE_LINEAR)
        return padded;
    if (range.low == 0)
        padded.low = 0;
    if (range.high == 0)
        padded.high = 0;
    return padded;
}

/* Room for whole points at the left and right ends. */
static double share_of_x(const pe_figure *figure)
{
    for (size_t i = 0; i < figure->curves; i++)
        if (figure->curve[i].look == PE_LOOK_POINTS)
            return 0.02;
    return 0;
}

static pe_range with_limits(pe_range range, const pe_figure_axis *axis)
{
    if (!isnan(axis->low))
        range.low = axis->low;
    if (!isnan(axis->high))
        range.high = axis->high;
    if (range.low < range.high)
        return range;
    /* A limit beyond all data. */
    double length = fmax(1, fabs(isnan(axis->low) ? axis->high : axis->low));
    return isnan(axis->low)
               ? (pe_range){axis->scale == PE_LINEAR ? range.high - length : range.high / 10,
                            range.high}
               : (pe_range){range.low, range.low + length};
}

pe_range pe_figure_axis_range(const pe_figure *figure, int vertical)
{
    pe_range data = pe_figure_data_range(figure, vertical);
    if (figure->kind == PE_CURVES && vertical)
        return with_limits(pe_range_padded(data, figure->y.scale, 0.04), &figure->y);
    if (figure->kind == PE_CURVES)
        return with_limits(pe_range_padded(data, figure->x.scale, share_of_x(figure)), &figure->x);
    return vertical ? data : with_limits(pad_values(figure, data), &figure->x);
}

pe_range pe_figure_colours_of(const pe_figure *figure, size_t panel)
{
    const double pi = 3.14159265358979323846;
    pe_range data = pe_figure_colour_data(figure, figure->own_ranges ? panel : SIZE_MAX);
    pe_scale scale = figure->colour.scale;
    if (figure->palette == PE_PHASES) {
        data = (pe_range){-pi, pi};
    } else if (figure->palette == PE_SIGNED) {
        double most = pe_range_is_empty(data) ? 0 : fmax(fabs(data.low), fabs(data.high));
        data = (pe_range){most > 0 ? -most : -1, most > 0 ? most : 1};
    } else if (scale == PE_LINEAR) {
        pe_range_add(&data, PE_LINEAR, 0);
        if (data.low == data.high)
            data.high = 1;
    } else {
        data = pe_range_padded(data, scale, 0);
    }
    return with_limits(data, &figure->colour);
}

/* ---- what is still missing ---- */

static int has_nothing_to_show(const pe_figure *figure)
{
    pe_range range = PE_RANGE_EMPTY;
    if (figure->kind == PE_HEATMAPS)
        range = pe_figure_colour_data(figure, SIZE_MAX);
    else
        for (size_t s = 0; s < figure->curves; s++)
            for (size_t i = 0; i < figure->curve[s].n; i++)
                pe_range_add(&range, figure->kind == PE_CURVES ? figure->y.scale : figure->x.scale,
                             figure->curve[s].y[i]);
    return pe_range_is_empty(range);
}

static int has_unfit_limits(const pe_figure *figure)
{
    const pe_figure_axis *axes[] = {&figure->x, &figure->y, &figure->colour};
    for (size_t i = 0; i < 3; i++)
        if (axes[i]->scale != PE_LINEAR && (axes[i]->low <= 0 || axes[i]->high <= 0))
            return 1;
    return 0;
}

pe_status pe_figure_check(const pe_figure *figure, pe_error *err)
{
    if (!figure)
        return pe_fail(err, PE_MEMORY, "the figure could not be made");
    if (figure->error.status != PE_OK)
        return pe_fail(err, figure->error.status, "%s", figure->error.text);
    if (figure->kind == PE_BARS_STACKED && figure->x.scale != PE_LINEAR)
        return pe_fail(err, PE_USAGE, "figure %s: stacked bars on a logarithmic axis", figure->id);
    if (has_unfit_limits(figure))
        return pe_fail(err, PE_USAGE, "figure %s: a limit <= 0 on a logarithmic axis", figure->id);
    if (has_nothing_to_show(figure))
        return pe_fail(err, PE_DIFFERS, "figure %s: not one value that can be shown", figure->id);
    return PE_OK;
}

/* ---- what a report needs to know again ---- */

pe_figure_kind pe_figure_kind_of(const pe_figure *figure)
{
    return figure->kind;
}

const char *pe_figure_id(const pe_figure *figure)
{
    return figure->id;
}

const char *pe_figure_title(const pe_figure *figure)
{
    return figure->title;
}

const char *pe_figure_alt(const pe_figure *figure)
{
    return *figure->alt ? figure->alt : figure->title;
}

const char *pe_figure_caption(const pe_figure *figure)
{
    return figure->caption;
}

const char *pe_figure_x_label(const pe_figure *figure)
{
    return figure->x.label;
}

const char *pe_figure_y_label(const pe_figure *figure)
{
    return figure->y.label;
}

pe_scale pe_figure_x_scale(const pe_figure *figure)
{
    return figure->x.scale;
}

pe_scale pe_figure_y_scale(const pe_figure *figure)
{
    return figure->y.scale;
}
