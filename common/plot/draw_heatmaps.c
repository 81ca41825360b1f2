/* Matrices as colours: one, or small multiples with one colour box for all or one for each. */
#include "plot/drawing.h"
#include "plot/text.h"

#include "base/memory.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_SIZE = 20, BAR = 20, COLOUR_TIC_SIZE = 16, WIDEST_NAME = 300 };

typedef struct map_page {
    pe_grid grid;
    pe_box area;
    double gap_x, gap_y, tic_size;
    int per_panel; /* a colour box for each */
} map_page;

/* ---- one matrix ---- */

/* The edges of the first and the last cell. */
static pe_range edges(double first, double step, size_t n)
{
    double last = first + step * (double)(n - 1);
    return (pe_range){fmin(first, last) - fabs(step) / 2, fmax(first, last) + fabs(step) / 2};
}

/* Tics at cells only: between two of them there is nothing. */
static void choose_tics(double first, double step, size_t n, size_t wanted, pe_tics *tics)
{
    double last = first + step * (double)(n - 1);
    pe_range centres = {fmin(first, last), fmax(first, last)};
    if (n == 1) {
        tics->n = 1;
        tics->at[0] = first;
        pe_axis_number(first, 4, tics->text[0]);
        return;
    }
    pe_tics all;
    pe_tics_choose(centres, PE_LINEAR, wanted, &all);
    tics->n = 0;
    for (size_t i = 0; i < all.n; i++) {
        double cell = (all.at[i] - first) / step;
        if (fabs(cell - round(cell)) > 1e-6)
            continue;
        tics->at[tics->n] = all.at[i];
        for (size_t k = 0; k < PE_TIC_TEXT; k++)
            tics->text[tics->n][k] = all.text[i][k];
        tics->n++;
    }
}

/* gnuplot wants at least 2 x 2 cells: a single row or column is drawn as two halves. */
typedef struct cells {
    const pe_matrix *m;
    size_t rows, columns;
    double x0, dx, y0, dy;
} cells;

static cells cells_of(const pe_matrix *m)
{
    cells c = {m, m->rows, m->columns, m->x0, m->dx, m->y0, m->dy};
    if (m->rows == 1) {
        c.rows = 2;
        c.dy /= 2;
        c.y0 -= c.dy / 2;
    }
    if (m->columns == 1) {
        c.columns = 2;
        c.dx /= 2;
        c.x0 -= c.dx / 2;
    }
    return c;
}

static double cell(const cells *c, pe_scale scale, size_t row, size_t column)
{
    size_t i = c->m->rows == 1 ? 0 : row, j = c->m->columns == 1 ? 0 : column;
    double value = c->m->values[i * c->m->columns + j];
    return pe_axis_can_show(scale, value) ? value : (double)NAN;
}

static void plot_text(pe_drawing *d, const cells *c)
{
    pe_buffer_format(d->out, "$data%u << EOD\n", ++d->blocks);
    for (size_t i = 0; i < c->rows; i++) {
        for (size_t j = 0; j < c->columns; j++) {
            pe_buffer_text(d->out, j ? " " : "");
            pe_buffer_number(d->out, cell(c, d->figure->colour.scale, i, j));
        }
        pe_buffer_text(d->out, "\n");
    }
    pe_buffer_format(d->out, "EOD\nplot $data%u using (", d->blocks);
    pe_buffer_number(d->out, c->x0);
    pe_buffer_text(d->out, "+$1*(");
    pe_buffer_number(d->out, c->dx);
    pe_buffer_text(d->out, ")):(");
    pe_buffer_number(d->out, c->y0);
    pe_buffer_text(d->out, "+$2*(");
    pe_buffer_number(d->out, c->dy);
    pe_buffer_text(d->out, ")):3 matrix with image\n");
}

static void plot_binary(pe_drawing *d, const cells *c)
{
    size_t n = c->rows * c->columns;
    double *values = pe_allocate(n, sizeof *values, "heat map", NULL);
    if (!values) {
        d->out->status = PE_MEMORY;
        return;
    }
    for (size_t i = 0; i < c->rows; i++)
        for (size_t j = 0; j < c->columns; j++)
            values[i * c->columns + j] = cell(c, d->figure->colour.scale, i, j);
    pe_buffer line = {0};
    pe_buffer_format(&line, "plot '-' binary array=(%zu,%zu) format='%%float64' endian=default dx=",
                     c->columns, c->rows);
    pe_buffer_number(&line, fabs(c->dx));
    pe_buffer_text(&line, " dy=");
    pe_buffer_number(&line, fabs(c->dy));
    pe_buffer_format(&line, "%s%s origin=(", c->dx < 0 ? " flipx" : "", c->dy < 0 ? " flipy" : "");
    pe_buffer_number(&line, c->dx < 0 ? c->x0 + c->dx * (double)(c->columns - 1) : c->x0);
    pe_buffer_text(&line, ",");
    pe_buffer_number(&line, c->dy < 0 ? c->y0 + c->dy * (double)(c->rows - 1) : c->y0);
    pe_buffer_text(&line, ") with image");
    if (line.status == PE_OK)
        pe_gnuplot_binary(d->out, line.bytes, values, n * sizeof *values);
    else
        d->out->status = line.status;
    pe_buffer_release(&line);
    pe_release(values);
}

/* ---- colours ---- */

static void draw_colour_box(pe_drawing *d, pe_box box, pe_range range)
{
    pe_tics tics;
    pe_tics_choose(range, d->figure->colour.scale, (size_t)fmax(2, (box.bottom - box.top) / 70),
                   &tics);
    pe_draw_tics(d, "cb", &tics, 1, COLOUR_TIC_SIZE);
    pe_buffer_text(d->out, "set colorbox vertical user origin screen ");
    pe_buffer_number(d->out, box.left / PE_PAGE_WIDTH);
    pe_buffer_text(d->out, ",screen ");
    pe_buffer_number(d->out, 1 - box.bottom / PE_PAGE_HEIGHT);
    pe_buffer_text(d->out, " size screen ");
    pe_buffer_number(d->out, (box.right - box.left) / PE_PAGE_WIDTH);
    pe_buffer_text(d->out, ",screen ");
    pe_buffer_number(d->out, (box.bottom - box.top) / PE_PAGE_HEIGHT);
    pe_buffer_text(d->out, " noborder\n");
}

static double colour_tics_width(const pe_figure *f)
{
    double widest = 0;
    for (size_t p = 0; p < f->matrices; p++) {
        pe_tics tics;
        pe_tics_choose(pe_figure_colours_of(f, p), f->colour.scale, 6, &tics);
        widest = fmax(widest, pe_tics_width(&tics, COLOUR_TIC_SIZE));
    }
    return widest;
}

/* ---- the page ---- */

static double common_aspect(const pe_figure *f)
{
    for (size_t p = 0; p < f->matrices; p++)
        if (f->matrix[p].rows != f->matrix[p].columns ||
            fabs(f->matrix[p].dx) != fabs(f->matrix[p].dy))
            return 0;
    return 1;
}

static int has_titles(const pe_figure *f)
{
    for (size_t p = 0; p < f->matrices; p++)
        if (*f->matrix[p].title)
            return 1;
    return 0;
}

static int has_one_frame(const pe_figure *f)
{
    for (size_t p = 1; p < f->matrices; p++) {
        const pe_matrix *a = &f->matrix[0], *b = &f->matrix[p];
        if (a->rows != b->rows || a->columns != b->columns || a->x0 != b->x0 || a->dx != b->dx ||
            a->y0 != b->y0 || a->dy != b->dy)
            return 0;
    }
    return 1;
}

static double row_tics_width(const pe_figure *f, double size)
{
    double widest = 0;
    for (size_t p = 0; p < f->matrices; p++) {
        pe_tics tics;
        for (size_t i = 0; i < f->matrix[p].rows && f->matrix[p].row_name; i++)
            widest = fmax(widest, fmin(WIDEST_NAME, pe_text_width(f->matrix[p].row_name[i], size)));
        if (f->matrix[p].row_name)
            continue;
        choose_tics(f->matrix[p].y0, f->matrix[p].dy, f->matrix[p].rows, 5, &tics);
        widest = fmax(widest, pe_tics_width(&tics, size));
    }
    return widest;
}

static map_page plan(const pe_drawing *d)
{
    const pe_figure *f = d->figure;
    map_page page = {.per_panel = f->own_ranges && f->matrices > 1,
                     .tic_size = f->matrices > 6 ? 14 : 17};
    double beside = BAR + 14 + colour_tics_width(f) + 12; /* colour box and its numbers */
    double tics = row_tics_width(f, page.tic_size) + 12, label = *f->colour.label ? 34 : 0;
    double left = (*f->y.label ? 54 : 20) + tics;
    double right = PE_PAGE_WIDTH - 20 - label - beside - 14;
    double titles = has_titles(f) ? 32 : 4;
    page.gap_x = (has_one_frame(f) ? 20 : 12 + tics) + (page.per_panel ? beside : 0);
    page.gap_y = titles + (has_one_frame(f) ? 14 : 34);
    page.area = (pe_box){left, d->top + titles, right, PE_PAGE_HEIGHT - (*f->x.label ? 84 : 48)};
    page.grid = pe_grid_choose(f->matrices, page.area, page.gap_x, page.gap_y, common_aspect(f));
    /* Square cells leave room: in the middle of the page, with the colour box close by. */
    double used = (double)page.grid.columns * (page.grid.width + page.gap_x) - page.gap_x;
    double spare = page.area.right - page.area.left - used;
    page.area.left += spare / 2;
    page.area.right -= spare / 2;
    double tall = (double)page.grid.rows * (page.grid.height + page.gap_y) - page.gap_y;
    page.area.top += (page.area.bottom - page.area.top - tall) / 2;
    page.area.bottom = page.area.top + tall;
    return page;
}

static void draw_labels(pe_drawing *d, const map_page *page)
{
    const pe_figure *f = d->figure;
    const pe_box *a = &page->area;
    double tics = row_tics_width(f, page->tic_size) + 12;
    double beside = BAR + 14 + colour_tics_width(f) + 12;
    pe_draw_fitted(d, f->x.label, (a->left + a->right) / 2,
                   fmin(PE_PAGE_HEIGHT - 26, a->bottom + 56), PE_CENTRED, LABEL_SIZE,
                   a->right - a->left + 200);
    pe_draw_fitted(d, f->y.label, a->left - tics - 24, (a->top + a->bottom) / 2, PE_UPWARDS,
                   LABEL_SIZE, a->bottom - a->top + 60);
    pe_draw_fitted(d, f->colour.label, a->right + beside + 22, (a->top + a->bottom) / 2, PE_UPWARDS,
                   LABEL_SIZE, a->bottom - a->top + 60);
}

/* At which no word of a column's name is wider than its column. */
static double column_name_size(const pe_matrix *m, double wide, double size)
{
    char word[128];
    double fits = size;
    for (size_t j = 0; j < m->columns && m->column_name; j++)
        for (const char *at = m->column_name[j]; *at; at += strspn(at, " ")) {
            const size_t n = strcspn(at, " ");
            snprintf(word, sizeof word, "%.*s", (int)n, at);
            fits = fmin(fits, size * wide / fmax(pe_text_width(word, size), 1));
            at += n;
        }
    return fmax(fits, 0.62 * size); /* widths of texts are estimated from above */
}

/* As many words on a line as fit; `top` is the middle of the first line. */
static void draw_wrapped(pe_drawing *d, const char *text, double x, double top, double size,
                         double width)
{
    char line[128] = "", longer[260];
    for (const char *at = text; *at; at += strspn(at, " ")) {
        const size_t n = strcspn(at, " ");
        snprintf(longer, sizeof longer, "%s%s%.*s", line, *line ? " " : "",
                 (int)(n < 127 ? n : 127), at);
        if (*line && pe_text_width(longer, size) > width) {
            pe_draw_text(d, line, x, top, PE_CENTRED, size);
            top += 1.15 * size;
            snprintf(line, sizeof line, "%.*s", (int)(n < 127 ? n : 127), at);
        } else {
            snprintf(line, sizeof line, "%.127s", longer);
        }
        at += n;
    }
    pe_draw_text(d, line, x, top, PE_CENTRED, size);
}

/* Names beside the rows and below the columns, instead of tics. */
static void draw_names(pe_drawing *d, const pe_matrix *m, pe_box box, double size)
{
    const double wide = (box.right - box.left) / (double)m->columns;
    const double tall = (box.bottom - box.top) / (double)m->rows;
    for (size_t i = 0; i < m->rows && m->row_name; i++)
        pe_draw_fitted(d, m->row_name[i], box.left - 8, box.top + tall * ((double)i + 0.5),
                       PE_FROM_RIGHT, fmin(size, 0.85 * tall), WIDEST_NAME);
    const double below = column_name_size(m, wide - 10, size);
    for (size_t j = 0; j < m->columns && m->column_name; j++)
        draw_wrapped(d, m->column_name[j], box.left + wide * ((double)j + 0.5), box.bottom + 14,
                     below, wide - 8);
    if (m->row_name)
        pe_buffer_text(d->out, "unset ytics\n");
    if (m->column_name)
        pe_buffer_text(d->out, "unset xtics\n");
}

/* A staircase over the cells, in page pixels: dark below white, so that it is seen on any colour.
 */
static void draw_edge(pe_drawing *d, const pe_matrix *m, pe_box box)
{
    static const char *const looks[] = {"linecolor rgb '#000000' linewidth 6",
                                        "linecolor rgb '#ffffff' linewidth 2.5"};
    const double wide = (box.right - box.left) / (double)m->columns;
    const double tall = (box.bottom - box.top) / (m->dy * (double)m->rows);
    for (size_t look = 0; m->edge && look < 2; look++) {
        double before = (double)NAN;
        for (size_t j = 0; j < m->columns; j++) {
            const double x = box.left + wide * (double)j;
            const double y =
                fmax(box.top, fmin(box.bottom, box.top + (m->edge[j] - m->y0 + m->dy / 2) * tall));
            if (isfinite(m->edge[j]))
                pe_draw_line(d, x, y, x + wide, y, looks[look]);
            if (isfinite(m->edge[j]) && isfinite(before) && fabs(y - before) > 0.5)
                pe_draw_line(d, x, before, x, y, looks[look]);
            before = isfinite(m->edge[j]) ? y : (double)NAN;
        }
    }
}

static void draw_panel(pe_drawing *d, const map_page *page, size_t p)
{
    const pe_figure *f = d->figure;
    const pe_matrix *m = &f->matrix[p];
    const map_page *g = page;
    pe_box box = pe_grid_box(&g->grid, g->area, g->gap_x, g->gap_y, p);
    int one = has_one_frame(f);
    pe_tics x_tics, y_tics;
    choose_tics(m->x0, m->dx, m->columns, (size_t)fmax(2, g->grid.width / 90), &x_tics);
    choose_tics(m->y0, m->dy, m->rows, (size_t)fmax(2, g->grid.height / 60), &y_tics);
    pe_draw_fitted(d, m->title, (box.left + box.right) / 2, box.top - 16, PE_CENTRED,
                   f->matrices > 6 ? 16 : 18, box.right - box.left + g->gap_x - 10);
    pe_draw_frame(d, box);
    pe_draw_range(d, "x", edges(m->x0, m->dx, m->columns), PE_LINEAR, m->dx < 0);
    pe_draw_range(d, "y", edges(m->y0, m->dy, m->rows), PE_LINEAR, m->dy > 0);
    pe_draw_tics(d, "x", &x_tics, !one || p + g->grid.columns >= f->matrices, g->tic_size);
    pe_draw_tics(d, "y", &y_tics, !one || p % g->grid.columns == 0, g->tic_size);
    draw_names(d, m, box, g->tic_size);
    draw_edge(d, m, box);
    pe_range colours = pe_figure_colours_of(f, p);
    pe_draw_range(d, "cb", colours, f->colour.scale, 0);
    if (g->per_panel)
        draw_colour_box(
            d, (pe_box){box.right + 10, box.top, box.right + 10 + BAR / 2.0, box.bottom}, colours);
    else if (p == 0)
        draw_colour_box(
            d, (pe_box){g->area.right + 14, g->area.top, g->area.right + 14 + BAR, g->area.bottom},
            colours);
    else
        pe_buffer_text(d->out, "unset colorbox\n");
    pe_buffer_text(d->out, "set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb "
                           "'" PE_FAINT "' fillstyle solid noborder\n");
    cells c = cells_of(m);
    if (d->binary)
        plot_binary(d, &c);
    else
        plot_text(d, &c);
    pe_draw_forget(d);
}

void pe_draw_heatmaps(pe_drawing *d)
{
    const pe_figure *f = d->figure;
    map_page page = plan(d);
    pe_buffer_text(d->out, pe_style_palette(f->palette));
    pe_buffer_text(d->out, "unset grid\nset border 0\nset tics scale 0\n");
    draw_labels(d, &page);
    if (f->matrices > 1)
        pe_buffer_text(d->out, "set multiplot\n");
    for (size_t p = 0; p < f->matrices; p++)
        draw_panel(d, &page, p);
    if (f->matrices > 1)
        pe_buffer_text(d->out, "unset multiplot\n");
}
