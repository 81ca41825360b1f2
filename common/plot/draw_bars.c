/* Bars and dots lie, so that the names of categories can be read without turning the head. */
#include "plot/drawing.h"
#include "plot/text.h"

#include <math.h>
#include <stdlib.h>

enum { TIC_SIZE = 18, LABEL_SIZE = 20, WIDEST_CATEGORY = 260, MOST_VALUES = 30 };

typedef struct bars {
    pe_range range; /* of the values */
    pe_tics tics;
    pe_box box;
    double row;  /* pixels of one category */
    double size; /* of the category names, pixels */
} bars;

static size_t slot_of(const pe_figure *f, size_t series, size_t category)
{
    return f->curves == 1 && f->category_slot ? f->category_slot[category] : f->curve[series].slot;
}

/* ---- names and values as text ---- */

static void draw_categories(pe_drawing *d, const bars *b)
{
    const pe_figure *f = d->figure;
    for (size_t c = 0; c < f->categories; c++)
        pe_draw_fitted(d, f->category[c], b->box.left - 12, b->box.top + b->row * ((double)c + 0.5),
                       PE_FROM_RIGHT, b->size, WIDEST_CATEGORY);
}

static double pixel(const pe_figure *f, const bars *b, double value)
{
    return b->box.left + pe_axis_place(b->range, f->x.scale, value) * (b->box.right - b->box.left);
}

/* The number beside the end of its bar, or of its error bar. */
static void draw_value(pe_drawing *d, const bars *b, size_t s, size_t c, double middle, double size)
{
    const pe_figure *f = d->figure;
    const pe_curve *curve = &f->curve[s];
    double value = curve->y[c], end = value;
    char text[PE_TIC_TEXT];
    pe_axis_number(value, 3, text);
    double y = b->box.top + b->row * (middle + 0.5);
    if (!pe_axis_can_show(f->x.scale, value)) {
        double zero = pe_axis_can_show(f->x.scale, 0) ? fmax(b->range.low, 0) : b->range.low;
        pe_draw_text(d, isfinite(value) ? text : "no value", pixel(f, b, zero) + 8, y, PE_FROM_LEFT,
                     size);
        return;
    }
    if (curve->low && isfinite(curve->high[c]) && value >= 0)
        end = curve->high[c];
    if (curve->low && pe_axis_can_show(f->x.scale, curve->low[c]) && value < 0)
        end = curve->low[c];
    end = fmax(b->range.low, fmin(b->range.high, end));
    pe_draw_text(d, text, pixel(f, b, end) + (value < 0 ? -8 : 8), y,
                 value < 0 ? PE_FROM_RIGHT : PE_FROM_LEFT, size);
}

/* ---- geometry in rows: category c lies around y = c ---- */

static double bar_middle(const pe_figure *f, size_t s, size_t c)
{
    if (f->kind != PE_BARS_GROUPED)
        return (double)c;
    return (double)c + 0.8 * (((double)s + 0.5) / (double)f->curves - 0.5);
}

static double bar_half(const pe_figure *f)
{
    return f->kind == PE_BARS_GROUPED ? 0.37 / (double)f->curves : 0.34;
}

/* Where a stacked bar begins: at the end of those with the same sign before it. */
static double stack_start(const pe_figure *f, size_t s, size_t c)
{
    double start = 0, value = f->curve[s].y[c];
    for (size_t i = 0; i < s; i++) {
        double other = f->curve[i].y[c];
        if (isfinite(other) && (other < 0) == (value < 0))
            start += other;
    }
    return start;
}

static void numbers(pe_drawing *d, size_t n, const double *value)
{
    for (size_t i = 0; i < n; i++) {
        pe_buffer_text(d->out, " ");
        pe_buffer_number(d->out, value[i]);
    }
    pe_buffer_text(d->out, "\n");
}

static void draw_bar(pe_drawing *d, const bars *b, size_t s, size_t c)
{
    const pe_figure *f = d->figure;
    double value = f->curve[s].y[c], middle = bar_middle(f, s, c), half = bar_half(f);
    if (!pe_axis_can_show(f->x.scale, value))
        return;
    double start = f->x.scale != PE_LINEAR ? b->range.low : 0, end = value;
    if (f->kind == PE_BARS_STACKED) {
        start = stack_start(f, s, c);
        end = start + value;
    }
    start = fmax(b->range.low, fmin(b->range.high, start));
    end = fmax(b->range.low, fmin(b->range.high, end));
    numbers(
        d, 6,
        (double[]){end, middle, fmin(start, end), fmax(start, end), middle - half, middle + half});
}

static void draw_dot(pe_drawing *d, size_t s, size_t c)
{
    const pe_curve *curve = &d->figure->curve[s];
    pe_scale scale = d->figure->x.scale;
    if (!pe_axis_can_show(scale, curve->y[c]))
        return;
    double low = curve->low && pe_axis_can_show(scale, curve->low[c]) ? curve->low[c] : curve->y[c];
    double high = curve->high && isfinite(curve->high[c]) ? curve->high[c] : curve->y[c];
    numbers(d, 4, (double[]){curve->y[c], bar_middle(d->figure, s, c), low, high});
}

/* ---- data: one block per colour, so that each has its own look ---- */

static int is_single_coloured(const pe_figure *f)
{
    return !(f->curves == 1 && f->category_slot);
}

static void draw_block(pe_drawing *d, const bars *b, size_t s, size_t first, size_t last, int dots)
{
    pe_buffer_format(d->out, "$data%u << EOD\n", ++d->blocks);
    /* outside every range: a block without any line would be an error */
    pe_buffer_text(d->out, "NaN NaN NaN NaN NaN NaN\n");
    for (size_t c = first; c <= last; c++) {
        if (dots)
            draw_dot(d, s, c);
        else
            draw_bar(d, b, s, c);
    }
    pe_buffer_text(d->out, "EOD\n");
}

static void plot_block(pe_drawing *d, size_t slot, int dots, int has_intervals, unsigned block)
{
    const char *colour = pe_style_colour(slot);
    if (!dots)
        pe_buffer_format(d->out,
                         "$data%u using 1:2:3:4:5:6 with boxxyerror fillcolor rgb '%s' fillstyle "
                         "solid %.2f border linecolor rgb '%s' linewidth 1",
                         block, colour, pe_style_fill(slot), colour);
    else
        pe_buffer_format(d->out,
                         "$data%u using 1:2%s linecolor rgb '%s' linewidth 2 "
                         "pointtype %d pointsize 2",
                         block, has_intervals ? ":3:4 with xerrorbars" : " with points", colour,
                         pe_style_point(slot));
}

static void draw_plot(pe_drawing *d, const bars *b)
{
    const pe_figure *f = d->figure;
    int dots = f->kind == PE_DOTS, single = is_single_coloured(f);
    unsigned first = d->blocks + 1;
    size_t blocks = single ? f->curves : f->categories;
    for (size_t i = 0; i < blocks; i++)
        draw_block(d, b, single ? i : 0, single ? 0 : i, single ? f->categories - 1 : i, dots);
    unsigned intervals = d->blocks + 1;
    for (size_t s = 0; s < f->curves; s++)
        if (f->kind == PE_BARS_GROUPED && f->curve[s].low)
            draw_block(d, b, s, 0, f->categories - 1, 1);
    pe_buffer_text(d->out, "plot ");
    for (size_t i = 0; i < blocks; i++) {
        pe_buffer_text(d->out, i ? ", " : "");
        plot_block(d, slot_of(f, single ? i : 0, single ? 0 : i), dots,
                   f->curve[single ? i : 0].low != NULL, first + (unsigned)i);
    }
    for (unsigned i = intervals; i <= d->blocks; i++)
        pe_buffer_format(d->out,
                         ", $data%u using 1:2:3:4 with xerrorbars linecolor rgb '" PE_INK
                         "' linewidth 1.5 pointtype 7 pointsize 0.3",
                         i);
    pe_buffer_text(d->out, "\n");
}

/* ---- the page ---- */

static void draw_lines(pe_drawing *d, const bars *b)
{
    const pe_figure *f = d->figure;
    if (f->x.scale == PE_LINEAR && b->range.low < 0 && b->range.high > 0) {
        double x = pixel(f, b, 0);
        pe_draw_line(d, x, b->box.top, x, b->box.bottom,
                     "linecolor rgb '" PE_SOFT "' linewidth 1.2");
    }
    for (size_t m = 0; m < f->marks; m++) {
        const pe_mark *mark = &f->mark[m];
        double at = pe_axis_place(b->range, f->x.scale, mark->at);
        if (!mark->vertical || !(at >= 0 && at <= 1))
            continue;
        double x = pixel(f, b, mark->at);
        pe_draw_line(d, x, b->box.top, x, b->box.bottom, "linestyle 100");
        if (mark->name)
            pe_draw_fitted(d, mark->name, at > 0.7 ? x - 6 : x + 6, b->box.top - 6,
                           at > 0.7 ? PE_FROM_RIGHT : PE_FROM_LEFT, 15,
                           (at > 0.7 ? at : 1 - at) * (b->box.right - b->box.left));
    }
}

/* The dots of a row belong together. */
static void draw_rows(pe_drawing *d, const bars *b)
{
    const pe_figure *f = d->figure;
    for (size_t c = 0; c < f->categories && f->kind == PE_DOTS; c++) {
        pe_range row = PE_RANGE_EMPTY;
        for (size_t s = 0; s < f->curves; s++)
            pe_range_add(&row, f->x.scale, f->curve[s].y[c]);
        if (pe_range_is_empty(row) || row.low == row.high)
            continue;
        double y = b->box.top + b->row * ((double)c + 0.5);
        pe_draw_line(d, pixel(f, b, fmax(row.low, b->range.low)), y,
                     pixel(f, b, fmin(row.high, b->range.high)), y,
                     "back linecolor rgb '" PE_FAINT "' linewidth 4");
    }
}

static void draw_values(pe_drawing *d, const bars *b)
{
    const pe_figure *f = d->figure;
    double thickness = b->row * 2 * bar_half(f);
    if (f->kind != PE_BARS_GROUPED || f->curves * f->categories > MOST_VALUES || thickness < 11)
        return;
    for (size_t s = 0; s < f->curves; s++)
        for (size_t c = 0; c < f->categories; c++)
            draw_value(d, b, s, c, bar_middle(f, s, c), fmin(17, 0.85 * thickness));
}

static size_t collect_key(const pe_figure *f, pe_key_entry *entry)
{
    size_t n = 0;
    for (size_t s = 0; s < f->curves && f->curves > 1; s++)
        if (*f->curve[s].name)
            entry[n++] = (pe_key_entry){.name = f->curve[s].name,
                                        .slot = f->curve[s].slot,
                                        .look = PE_LOOK_POINTS,
                                        .is_box = f->kind != PE_DOTS};
    return n;
}

static bars plan(const pe_drawing *d, double key)
{
    const pe_figure *f = d->figure;
    bars b = {.range = pe_figure_axis_range(f, 0)};
    double bottom = PE_PAGE_HEIGHT - (*f->x.label ? 94 : 56), top = d->top + 12, widest = 0;
    b.row = (bottom - top) / (double)f->categories;
    b.size = fmin(20, 0.78 * b.row);
    for (size_t c = 0; c < f->categories; c++)
        widest = fmax(widest, fmin(WIDEST_CATEGORY, pe_text_width(f->category[c], b.size)));
    double left = fmax(60, 28 + (*f->y.label ? 30 : 0) + widest + 12);
    b.box = (pe_box){left, top, PE_PAGE_WIDTH - (key > 0 ? key + 12 : 60), bottom};
    pe_tics_choose(b.range, f->x.scale, (size_t)((b.box.right - left) / 110), &b.tics);
    return b;
}

void pe_draw_bars(pe_drawing *d)
{
    const pe_figure *f = d->figure;
    pe_key_entry entry[PE_FIGURE_NAMES];
    size_t entries = collect_key(f, entry);
    bars b = plan(d, pe_key_width(entry, entries));
    draw_categories(d, &b);
    draw_values(d, &b);
    draw_rows(d, &b);
    draw_lines(d, &b);
    pe_key_draw(d, entry, entries, b.box);
    pe_draw_fitted(d, f->x.label, (b.box.left + b.box.right) / 2, PE_PAGE_HEIGHT - 26, PE_CENTRED,
                   LABEL_SIZE, b.box.right - b.box.left + 80);
    pe_draw_fitted(d, f->y.label, 30, (b.box.top + b.box.bottom) / 2, PE_UPWARDS, LABEL_SIZE,
                   b.box.bottom - b.box.top);
    pe_draw_frame(d, b.box);
    pe_draw_range(d, "x", b.range, f->x.scale, 0);
    pe_draw_range(d, "y", pe_figure_axis_range(f, 1), PE_LINEAR, 1);
    pe_draw_tics(d, "x", &b.tics, 1, TIC_SIZE);
    pe_buffer_text(d->out, "unset ytics\nset border 1\n");
    draw_plot(d, &b);
}
