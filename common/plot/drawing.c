#include "plot/drawing.h"

#include "plot/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT_EDGE = 40, TITLE_TOP = 34, MOST_KEY = 330, SAMPLE = 30 };

static void screen(pe_drawing *d, double x, double y)
{
    pe_buffer_text(d->out, "screen ");
    pe_buffer_number(d->out, round(1e5 * x / PE_PAGE_WIDTH) / 1e5);
    pe_buffer_text(d->out, ",screen ");
    pe_buffer_number(d->out, round(1e5 * (1 - y / PE_PAGE_HEIGHT)) / 1e5);
}

void pe_draw_text(pe_drawing *d, const char *text, double x, double y, pe_side side, double size)
{
    static const char *const how[] = {"left", "center", "right", "center rotate by 90"};
    pe_buffer_text(d->out, "set label ");
    if (pe_gp_quote(d->out, text, NULL) != PE_OK)
        pe_buffer_text(d->out, "''"); /* builders refuse such texts; a cut one says nothing */
    pe_buffer_text(d->out, " at ");
    screen(d, x, y);
    pe_buffer_format(d->out, " %s noenhanced front textcolor rgb '" PE_INK "' font ',", how[side]);
    pe_buffer_number(d->out, round(100 * pe_style_font(d->kind, size)) / 100);
    pe_buffer_text(d->out, "'\n");
}

/* The blank nearest to the middle, NULL when there is none. */
static const char *middle_blank(const char *text)
{
    const char *best = NULL, *middle = text + strlen(text) / 2;
    for (const char *c = text; *c; c++)
        if (*c == ' ' && c > text && (!best || labs(c - middle) < labs(best - middle)))
            best = c;
    return best;
}

void pe_draw_fitted(pe_drawing *d, const char *text, double x, double y, pe_side side, double size,
                    double width)
{
    enum { SMALLEST = 11 };
    char one[PE_FITTED_TEXT], first[PE_FITTED_TEXT], second[PE_FITTED_TEXT];
    double single = pe_text_fit(text, width, size, fmin(size, SMALLEST), one);
    const char *blank = middle_blank(text);
    if (!*one)
        return;
    if (single >= 0.8 * size || !blank || side == PE_UPWARDS || d->kind == PE_ASCII) {
        pe_draw_text(d, one, x, y, side, single);
        return;
    }
    snprintf(first, sizeof first, "%.*s", (int)(blank - text), text);
    double half = pe_text_fit(first, width, 0.72 * size, fmin(size, SMALLEST), one);
    half = fmin(half, pe_text_fit(blank + 1, width, 0.72 * size, fmin(size, SMALLEST), second));
    pe_draw_text(d, one, x, y - 0.6 * half, side, half);
    pe_draw_text(d, second, x, y + 0.6 * half, side, half);
}

void pe_draw_line(pe_drawing *d, double x0, double y0, double x1, double y1, const char *look)
{
    pe_buffer_text(d->out, "set arrow from ");
    screen(d, x0, y0);
    pe_buffer_text(d->out, " to ");
    screen(d, x1, y1);
    pe_buffer_format(d->out, " nohead %s%s\n", strncmp(look, "back ", 5) ? "front " : "", look);
}

void pe_draw_point(pe_drawing *d, double x, double y, size_t slot)
{
    pe_buffer_text(d->out, "set label '' at ");
    screen(d, x, y);
    pe_buffer_format(d->out,
                     " front point pointtype %d pointsize 1.2 linewidth 2 linecolor rgb '%s'\n",
                     pe_style_point(slot), pe_style_colour(slot));
}

void pe_draw_box(pe_drawing *d, pe_box box, size_t slot)
{
    pe_buffer_text(d->out, "set object rectangle from ");
    screen(d, box.left, box.bottom);
    pe_buffer_text(d->out, " to ");
    screen(d, box.right, box.top);
    pe_buffer_format(d->out,
                     " front fillcolor rgb '%s' fillstyle solid %.2f border linecolor rgb '%s'\n",
                     pe_style_colour(slot), pe_style_fill(slot), pe_style_colour(slot));
}

void pe_draw_forget(pe_drawing *d)
{
    pe_buffer_text(d->out, "unset label\nunset arrow\nunset object\n");
}

void pe_draw_title(pe_drawing *d)
{
    pe_title title;
    pe_title_wrap(d->figure->title, PE_PAGE_WIDTH - 2 * LEFT_EDGE, &title, NULL);
    double step = fmax(1.3 * title.size, d->kind == PE_ASCII ? 24 : 0);
    for (size_t i = 0; i < title.lines; i++)
        pe_draw_text(d, title.line[i], LEFT_EDGE, TITLE_TOP + step * (double)i, PE_FROM_LEFT,
                     title.size);
    d->top = TITLE_TOP + step * ((double)title.lines - 0.5) + 22;
}

static void margin(pe_drawing *d, const char *side, double share)
{
    pe_buffer_format(d->out, "set %smargin at screen ", side);
    pe_buffer_number(d->out, round(1e5 * share) / 1e5);
    pe_buffer_text(d->out, "\n");
}

void pe_draw_frame(pe_drawing *d, pe_box box)
{
    margin(d, "l", box.left / PE_PAGE_WIDTH);
    margin(d, "r", box.right / PE_PAGE_WIDTH);
    margin(d, "t", 1 - box.top / PE_PAGE_HEIGHT);
    margin(d, "b", 1 - box.bottom / PE_PAGE_HEIGHT);
}

void pe_draw_tics(pe_drawing *d, const char *axis, const pe_tics *tics, int labelled, double size)
{
    pe_buffer_format(d->out, "set %stics (", axis);
    for (size_t i = 0; i < tics->n; i++) {
        int minor = tics->text[i][0] == '\0';
        pe_buffer_format(d->out, "%s'%s' ", i ? "," : "", labelled ? tics->text[i] : "");
        pe_buffer_number(d->out, tics->at[i]);
        pe_buffer_text(d->out, minor ? " 1" : " 0");
    }
    pe_buffer_text(d->out, ") font ',");
    pe_buffer_number(d->out, round(100 * pe_style_font(d->kind, size)) / 100);
    pe_buffer_text(d->out, "'\n");
}

void pe_draw_range(pe_drawing *d, const char *axis, pe_range range, pe_scale scale, int reversed)
{
    pe_buffer_format(d->out, "%s logscale %s\n", scale == PE_LINEAR ? "unset" : "set", axis);
    pe_buffer_format(d->out, "set %srange [", axis);
    pe_buffer_number(d->out, reversed ? range.high : range.low);
    pe_buffer_text(d->out, ":");
    pe_buffer_number(d->out, reversed ? range.low : range.high);
    pe_buffer_text(d->out, "]\n");
}

void pe_look_of(size_t slot, double width, char text[PE_LOOK_TEXT])
{
    snprintf(text, PE_LOOK_TEXT, "linecolor rgb '%s' linewidth %d dashtype %s",
             pe_style_colour(slot), (int)width, pe_style_dash(slot));
}

/* ---- the key ---- */

static double key_size(size_t n)
{
    double gap = 460.0 / (double)(n ? n : 1);
    return fmax(9, fmin(18, 0.8 * gap));
}

double pe_key_width(const pe_key_entry *entry, size_t n)
{
    double widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, pe_text_width(entry[i].name, key_size(n)));
    return n ? fmin(MOST_KEY, 28 + SAMPLE + 8 + widest + 12) : 0;
}

/* x is where the sample begins. */
void pe_key_draw_at(pe_drawing *d, const pe_key_entry *entry, double x, double y, double size,
                    double width)
{
    char look[PE_LOOK_TEXT];
    pe_look_of(entry->slot, 3, look);
    if (entry->is_box)
        pe_draw_box(d, (pe_box){x + 8, y - 8, x + SAMPLE - 6, y + 8}, entry->slot);
    else if (entry->look == PE_LOOK_POINTS)
        pe_draw_point(d, x + SAMPLE / 2.0, y, entry->slot);
    else
        pe_draw_line(d, x, y, x + SAMPLE, y,
                     entry->look == PE_LOOK_REFERENCE ? "linestyle 100" : look);
    pe_draw_fitted(d, entry->name, x + SAMPLE + 8, y, PE_FROM_LEFT, size, width - SAMPLE - 8);
}

void pe_key_draw(pe_drawing *d, const pe_key_entry *entry, size_t n, pe_box picture)
{
    double size = key_size(n), width = pe_key_width(entry, n);
    double gap = fmin(1.6 * size, (picture.bottom - picture.top) / (double)(n ? n : 1));
    if (d->kind == PE_ASCII)
        gap = 24;
    for (size_t i = 0; i < n; i++)
        pe_key_draw_at(d, &entry[i], picture.right + 24, picture.top + gap * ((double)i + 0.5),
                       size, width - 28);
}
