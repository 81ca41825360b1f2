/* Lines, staircases and points. The name of a curve stands at its right end, where the eye arrives
 * with it, not in a legend. */
#include "plot/drawing.h"
#include "plot/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIC_SIZE = 18,
    LABEL_SIZE = 20,
    FEW_POINTS = 16, /* up to here a line shows its points */
    MOST_ENTRIES = 2 * PE_FIGURE_NAMES
};

typedef struct chart {
    pe_range x, y;
    pe_tics x_tics, y_tics;
    size_t entries;
    pe_key_entry entry[MOST_ENTRIES];
    double end_x[MOST_ENTRIES], end_y[MOST_ENTRIES]; /* last visible point, 0..1; NaN: none */
} chart;

/* ---- names ---- */

static void find_end(const pe_figure *f, const chart *c, const pe_curve *curve, double *x,
                     double *y)
{
    *x = *y = (double)NAN;
    for (size_t i = curve->n; i-- > 0;) {
        if (!pe_axis_can_show(f->x.scale, curve->x[i]) ||
            !pe_axis_can_show(f->y.scale, curve->y[i]))
            continue;
        double at = pe_axis_place(c->x, f->x.scale, curve->x[i]);
        double height = pe_axis_place(c->y, f->y.scale, curve->y[i]);
        if (at >= -1e-9 && at <= 1 + 1e-9 && height >= -1e-9 && height <= 1 + 1e-9) {
            *x = at;
            *y = height;
            return;
        }
    }
}

static int is_known(const chart *c, const char *name, size_t slot, pe_look look)
{
    for (size_t i = 0; i < c->entries; i++)
        if (strcmp(c->entry[i].name, name) == 0 && c->entry[i].slot == slot &&
            c->entry[i].look == look)
            return 1;
    return 0;
}

static void add_entry(chart *c, pe_key_entry entry, double x, double y)
{
    if (c->entries == MOST_ENTRIES || !entry.name || !*entry.name)
        return;
    c->end_x[c->entries] = x;
    c->end_y[c->entries] = y;
    c->entry[c->entries++] = entry;
}

static void collect_names(const pe_figure *f, chart *c)
{
    for (size_t i = 0; i < f->curves; i++) {
        const pe_curve *curve = &f->curve[i];
        double x, y;
        find_end(f, c, curve, &x, &y);
        if (!f->panels || !is_known(c, curve->name, curve->slot, curve->look))
            add_entry(c,
                      (pe_key_entry){.name = curve->name, .slot = curve->slot, .look = curve->look},
                      x, y);
    }
    for (size_t m = 0; m < f->marks; m++)
        if (!f->mark[m].vertical && f->mark[m].name &&
            !(f->panels && is_known(c, f->mark[m].name, 0, PE_LOOK_REFERENCE)))
            add_entry(c, (pe_key_entry){.name = f->mark[m].name, .look = PE_LOOK_REFERENCE}, 1,
                      pe_axis_place(c->y, f->y.scale, f->mark[m].at));
}

typedef struct wish {
    double y;
    size_t entry;
} wish;

static int from_top(const void *a, const void *b)
{
    const wish *p = a, *q = b;
    if (p->y != q->y)
        return p->y < q->y ? -1 : 1;
    return p->entry < q->entry ? -1 : 1;
}

/* From the curve's end to its sample: thin, so that it is not taken for data. */
static void connect(pe_drawing *d, const chart *c, size_t i, pe_box box, double y)
{
    char look[PE_LOOK_TEXT];
    if (isnan(c->end_y[i]))
        return;
    double x = box.left + c->end_x[i] * (box.right - box.left);
    double from = box.bottom - c->end_y[i] * (box.bottom - box.top);
    int early = c->end_x[i] < 0.98;
    if (c->entry[i].look == PE_LOOK_REFERENCE)
        strcpy(look, "linecolor rgb '" PE_SOFT "' linewidth 1");
    else
        pe_look_of(c->entry[i].slot, 1, look);
    char *dash = strstr(look, " dashtype");
    if (dash)
        *dash = '\0';
    if (early)
        strcat(look, " dashtype (2,6)");
    pe_draw_line(d, x, from, box.right + 22, y, look);
}

static void draw_names(pe_drawing *d, const chart *c, pe_box box)
{
    wish wishes[MOST_ENTRIES];
    double place[MOST_ENTRIES];
    for (size_t i = 0; i < c->entries; i++) {
        double y = isnan(c->end_y[i]) ? 0 : c->end_y[i];
        wishes[i] = (wish){box.bottom - y * (box.bottom - box.top), i};
    }
    qsort(wishes, c->entries, sizeof wishes[0], from_top);
    for (size_t i = 0; i < c->entries; i++)
        place[i] = wishes[i].y;
    double room = (box.bottom - box.top + 20) / (double)c->entries;
    double gap = fmin(d->kind == PE_ASCII ? 24 : 26, room), size = fmax(9, fmin(18, 0.8 * gap));
    pe_spread(place, c->entries, gap, box.top - 10, box.bottom + 10);
    for (size_t i = 0; i < c->entries; i++) {
        size_t e = wishes[i].entry;
        if (d->kind != PE_ASCII)
            connect(d, c, e, box, place[i]);
        pe_key_draw_at(d, &c->entry[e], box.right + 22, place[i], size,
                       pe_key_width(c->entry, c->entries) - 28);
    }
}

/* ---- axes ---- */

static void number(pe_drawing *d, pe_scale scale, double value)
{
    pe_buffer_text(d->out, " ");
    pe_buffer_number(d->out, pe_axis_can_show(scale, value) ? value : (double)NAN);
}

static void draw_marks(pe_drawing *d, const chart *c, size_t panel, pe_box box)
{
    const pe_figure *f = d->figure;
    for (size_t m = 0; m < f->marks; m++) {
        const pe_mark *mark = &f->mark[m];
        double at = mark->vertical ? pe_axis_place(c->x, f->x.scale, mark->at)
                                   : pe_axis_place(c->y, f->y.scale, mark->at);
        if (mark->panel != panel || !(at >= 0 && at <= 1))
            continue;
        if (!mark->vertical) {
            double y = box.bottom - at * (box.bottom - box.top);
            pe_draw_line(d, box.left, y, box.right, y, "linestyle 100");
            continue;
        }
        double x = box.left + at * (box.right - box.left);
        pe_draw_line(d, x, box.top, x, box.bottom, "linestyle 100");
        if (mark->name)
            pe_draw_fitted(d, mark->name, at > 0.7 ? x - 8 : x + 8, box.top + 2,
                           at > 0.7 ? PE_FROM_RIGHT : PE_FROM_LEFT, 15,
                           (at > 0.7 ? at : 1 - at) * (box.right - box.left) - 10);
    }
}

static void draw_axis_labels(pe_drawing *d, pe_box all)
{
    const pe_figure *f = d->figure;
    pe_draw_fitted(d, f->x.label, (all.left + all.right) / 2, PE_PAGE_HEIGHT - 26, PE_CENTRED,
                   LABEL_SIZE, all.right - all.left + 80);
    pe_draw_fitted(d, f->y.label, 30, (all.top + all.bottom) / 2, PE_UPWARDS, LABEL_SIZE,
                   all.bottom - all.top + 80);
}

/* ---- data ---- */

static unsigned draw_block(pe_drawing *d, const pe_curve *curve)
{
    const pe_figure *f = d->figure;
    pe_buffer_format(d->out, "$data%u << EOD\n", ++d->blocks);
    for (size_t i = 0; i < curve->n; i++) {
        number(d, f->x.scale, curve->x[i]);
        number(d, f->y.scale, curve->y[i]);
        if (curve->low) {
            number(d, f->y.scale, curve->low[i]);
            number(d, f->y.scale, curve->high[i]);
        }
        pe_buffer_text(d->out, "\n");
    }
    pe_buffer_text(d->out, "EOD\n");
    return d->blocks;
}

static void with_look(pe_drawing *d, const pe_curve *curve, unsigned block)
{
    char look[PE_LOOK_TEXT];
    pe_look_of(curve->slot, 3, look);
    int point = pe_style_point(curve->slot);
    switch (curve->look) {
    case PE_LOOK_REFERENCE:
        pe_buffer_format(d->out, "$data%u using 1:2 with lines linestyle 100", block);
        break;
    case PE_LOOK_STEPS:
        pe_buffer_format(d->out, "$data%u using 1:2 with steps %s", block, look);
        break;
    case PE_LOOK_POINTS:
        if (curve->low)
            pe_buffer_format(d->out,
                             "$data%u using 1:2:3:4 with yerrorbars linecolor rgb '%s' linewidth 2 "
                             "pointtype %d pointsize 1.2",
                             block, pe_style_colour(curve->slot), point);
        else
            pe_buffer_format(d->out,
                             "$data%u using 1:2 with points linecolor rgb '%s' linewidth 2 "
                             "pointtype %d pointsize 1.2",
                             block, pe_style_colour(curve->slot), point);
        break;
    case PE_LOOK_LINE:
        pe_buffer_format(d->out, "$data%u using 1:2 with %s %s", block,
                         curve->n <= FEW_POINTS ? "linespoints" : "lines", look);
        if (curve->n <= FEW_POINTS)
            pe_buffer_format(d->out, " pointtype %d pointsize 1", point);
        break;
    }
}

/* Bands first, so that no curve is hidden by one. In a terminal each curve takes the next of
 * gnuplot's own characters, and bands would hide all. */
static void draw_plot(pe_drawing *d, size_t panel)
{
    const pe_figure *f = d->figure;
    unsigned first = d->blocks + 1;
    for (size_t i = 0; i < f->curves; i++)
        if (f->curve[i].panel == panel)
            draw_block(d, &f->curve[i]);
    pe_buffer_text(d->out, "plot ");
    unsigned block = first;
    for (size_t i = 0; i < f->curves; i++) {
        const pe_curve *curve = &f->curve[i];
        if (curve->panel != panel)
            continue;
        if (curve->low && curve->look != PE_LOOK_POINTS && d->kind != PE_ASCII)
            pe_buffer_format(d->out,
                             "$data%u using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle "
                             "transparent solid 0.18 noborder, ",
                             block, pe_style_colour(curve->slot));
        block++;
    }
    block = first;
    for (size_t i = 0; i < f->curves; i++) {
        if (f->curve[i].panel != panel)
            continue;
        if (block > first)
            pe_buffer_text(d->out, ", ");
        with_look(d, &f->curve[i], block++);
        if (d->kind == PE_ASCII && *f->curve[i].name) {
            char name[PE_FITTED_TEXT];
            pe_text_fit(f->curve[i].name, 220, 18, 18, name);
            pe_buffer_text(d->out, " title ");
            pe_gp_quote(d->out, name, NULL);
        }
    }
    /* A panel of marks alone still has its axes. */
    pe_buffer_text(d->out, block == first ? "NaN\n" : "\n");
}

/* ---- pages ---- */

static void choose_axes(const pe_figure *f, chart *c, size_t wanted_x, size_t wanted_y)
{
    pe_tics_choose(c->x, f->x.scale, wanted_x, &c->x_tics);
    pe_tics_choose(c->y, f->y.scale, wanted_y, &c->y_tics);
}

static pe_box area_of(const pe_drawing *d, const chart *c, double key)
{
    const pe_figure *f = d->figure;
    double left = (*f->y.label ? 56 : 24) + pe_tics_width(&c->y_tics, TIC_SIZE) + 16;
    double bottom = PE_PAGE_HEIGHT - (*f->x.label ? 94 : 56);
    return (pe_box){left, d->top, PE_PAGE_WIDTH - (key > 0 ? key + 12 : 40), bottom};
}

static void draw_single(pe_drawing *d, chart *c)
{
    const pe_figure *f = d->figure;
    choose_axes(f, c, 8, 6);
    pe_box box = area_of(d, c, pe_key_width(c->entry, c->entries));
    if (d->kind == PE_ASCII)
        pe_buffer_text(d->out, "set key outside right top vertical Left reverse noautotitle\n");
    else
        draw_names(d, c, box);
    draw_axis_labels(d, box);
    draw_marks(d, c, 0, box);
    pe_draw_frame(d, box);
    pe_draw_tics(d, "x", &c->x_tics, 1, TIC_SIZE);
    pe_draw_tics(d, "y", &c->y_tics, 1, TIC_SIZE);
    draw_plot(d, 0);
}

static void draw_panel(pe_drawing *d, const chart *c, const pe_grid *grid, size_t p, pe_box box)
{
    const pe_figure *f = d->figure;
    int outer_x = p + grid->columns >= f->panels, outer_y = p % grid->columns == 0;
    pe_draw_fitted(d, f->panel_title[p], (box.left + box.right) / 2, box.top - 16, PE_CENTRED, 17,
                   box.right - box.left + 10);
    draw_marks(d, c, p, box);
    pe_draw_frame(d, box);
    pe_draw_tics(d, "x", &c->x_tics, outer_x, 15);
    pe_draw_tics(d, "y", &c->y_tics, outer_y, 15);
    draw_plot(d, p);
    pe_draw_forget(d);
}

static void draw_multiples(pe_drawing *d, chart *c)
{
    const pe_figure *f = d->figure;
    const double gap_x = 26, gap_y = 46;
    choose_axes(f, c, 4, 4);
    pe_box area = area_of(d, c, pe_key_width(c->entry, c->entries));
    area.top += 30;
    pe_grid grid = pe_grid_choose(f->panels, area, gap_x, gap_y, 0);
    choose_axes(f, c, (size_t)fmax(2, grid.width / 80), (size_t)fmax(2, grid.height / 50));
    draw_axis_labels(d, area);
    pe_key_draw(d, c->entry, c->entries, area);
    pe_buffer_text(d->out, "set multiplot\n");
    for (size_t p = 0; p < f->panels; p++)
        draw_panel(d, c, &grid, p, pe_grid_box(&grid, area, gap_x, gap_y, p));
    pe_buffer_text(d->out, "unset multiplot\n");
}

void pe_draw_curves(pe_drawing *d)
{
    chart c = {.x = pe_figure_axis_range(d->figure, 0), .y = pe_figure_axis_range(d->figure, 1)};
    collect_names(d->figure, &c);
    pe_draw_range(d, "x", c.x, d->figure->x.scale, 0);
    pe_draw_range(d, "y", c.y, d->figure->y.scale, 0);
    if (d->figure->panels)
        draw_multiples(d, &c);
    else
        draw_single(d, &c);
}
