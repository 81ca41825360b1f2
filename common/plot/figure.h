/* A figure as data, independent of the program that draws it.
 *
 *     pe_figure *f = pe_figure_new(PE_CURVES, "profile", "Only X keeps falling to 4096", err);
 *     pe_figure_x(f, "offset k (tokens)", PE_LOG2);
 *     pe_figure_add_series(f, &(pe_series){.name = "X", .slot = 3, .n = n, .x = k, .y = g});
 *     status = pe_figure_save(f, folder, PE_FIGURE_SVG | PE_FIGURE_PNG, err);
 *     pe_figure_release(f);
 *
 * Builders copy all that they are given and report nothing: the first error waits in the figure for
 * pe_figure_check, which script, render and save ask first. NULL as figure does nothing and is
 * found there, too (PE_MEMORY). All texts are foreign: shown literally, control characters and
 * broken UTF-8 refused (PE_USAGE). NaN and infinities are gaps. */
#ifndef PE_PLOT_FIGURE_H
#define PE_PLOT_FIGURE_H

#include "plot/gnuplot.h"

typedef enum pe_figure_kind {
    PE_CURVES,       /* lines, staircases, points, mixed; one panel or small multiples */
    PE_BARS_GROUPED, /* bars lie: categories from top to bottom, values to the right; */
    PE_BARS_STACKED, /*   negative values go to the left (diverging bars) */
    PE_DOTS,         /* like grouped bars, but one dot per value, all on the category's row */
    PE_HEATMAPS      /* one matrix or small multiples */
} pe_figure_kind;

typedef enum pe_scale {
    PE_LINEAR,
    PE_LOG10,
    PE_LOG2
} pe_scale; /* on a logarithmic axis, values
               <= 0 are gaps */

typedef enum pe_look {
    PE_LOOK_LINE,
    PE_LOOK_STEPS,    /* the value holds until the next x */
    PE_LOOK_POINTS,   /* with error bars when low and high are given */
    PE_LOOK_REFERENCE /* thin and grey: a theory, chance level */
} pe_look;

typedef struct pe_series {
    const char *name;         /* written at the curve's right end, or in the key of bars */
    size_t slot;              /* colour: the variant's place in the registry, the same everywhere;
                                 from 8 on, colours come again with another dash and point */
    pe_look look;             /* PE_CURVES only */
    size_t n;                 /* >= 1; for bars and dots the number of categories */
    const double *x;          /* (n), ascending for lines; NULL: 0, 1, ... (always for bars) */
    const double *y;          /* (n) */
    const double *low, *high; /* (n) both or neither: a band behind a line, an error bar */
} pe_series;

typedef struct pe_matrix_panel {
    const char *title; /* NULL or "": none */
    size_t rows, columns;
    const double *values;  /* (rows, columns), row 0 on top */
    double x0, dx, y0, dy; /* coordinate of column 0 and step, row 0 and step; dx = dy = 0: indices
                            */
    const char *const *row_names,
        *const *column_names; /* (rows), (columns): written instead of
                               * coordinates, at most PE_FIGURE_NAMES of each; NULL: none */
    const double *edge; /* (columns): a line over the cells, at this y in each column: a bound that
                         * was predicted. NaN: a gap; NULL: no line */
} pe_matrix_panel;

typedef enum pe_palette {
    PE_SIGNED,  /* blue - white - vermilion, the range symmetric about zero */
    PE_AMOUNTS, /* dark to bright, from zero */
    PE_PAPER,   /* white to blue, from zero: small values vanish into the page */
    PE_PHASES   /* ends meet: -pi to pi */
} pe_palette;

enum { PE_FIGURE_SVG = 1 << PE_SVG, PE_FIGURE_PNG = 1 << PE_PNG, PE_FIGURE_ASCII = 1 << PE_ASCII };
enum { PE_FIGURE_PANELS = 24, PE_FIGURE_NAMES = 48 }; /* at most, per figure and per panel */

typedef struct pe_figure pe_figure;

/* id is the stem of the file names, [A-Za-z0-9][A-Za-z0-9_-]*, up to 64 bytes; title states the
 * finding, is wrapped to at most three lines and may have some 300 characters. NULL on failure
 * (PE_MEMORY); an unfit id or title is found by pe_figure_check. */
pe_figure *pe_figure_new(pe_figure_kind kind, const char *id, const char *title, pe_error *err);
void pe_figure_release(pe_figure *figure); /* NULL does nothing */

/* label: quantity and unit, "offset k (tokens)". For bars and dots, x is the axis of values and y
 * has no numbers. For heat maps x counts columns, y rows. */
void pe_figure_x(pe_figure *figure, const char *label, pe_scale scale);
void pe_figure_y(pe_figure *figure, const char *label, pe_scale scale);
/* NaN as low or high: from the data. */
void pe_figure_x_range(pe_figure *figure, double low, double high);
void pe_figure_y_range(pe_figure *figure, double low, double high);

/* alt: what the picture shows, for those who cannot see it; caption: how to read it. */
void pe_figure_describe(pe_figure *figure, const char *alt, const char *caption);

/* PE_CURVES: what is added from here on goes into a new small multiple with this title. All share
 * their axes, and one key at the right stands for the names at the curves' ends. */
void pe_figure_panel(pe_figure *figure, const char *title);

/* PE_CURVES, bars and dots. */
void pe_figure_add_series(pe_figure *figure, const pe_series *series);
/* A thin grey line over the whole panel, at x or at y = `at`; name may be NULL. */
void pe_figure_mark_x(pe_figure *figure, double at, const char *name);
void pe_figure_mark_y(pe_figure *figure, double at, const char *name);

/* Bars and dots: before the first series. With a single series each bar has the colour of its
 * category when slots (n) are given, as for categories that are variants; NULL: the series' colour.
 */
void pe_figure_categories(pe_figure *figure, size_t n, const char *const *names,
                          const size_t *slots);

/* PE_HEATMAPS. */
void pe_figure_colours(pe_figure *figure, pe_palette palette, const char *label, pe_scale scale);
void pe_figure_colour_range(pe_figure *figure, double low, double high); /* NaN: from the data */
void pe_figure_own_ranges(pe_figure *figure); /* each panel its own range and colour box */
void pe_figure_add_matrix(pe_figure *figure, const pe_matrix_panel *panel);

/* The first error of the builders (PE_USAGE, PE_MEMORY), or PE_DIFFERS when there is nothing to
 * draw: no series, or not one value that the axis can show. */
pe_status pe_figure_check(const pe_figure *figure, pe_error *err);

/* The script, with its data in it as text: `gnuplot ID.gp > picture` draws it again. */
pe_status pe_figure_script(const pe_figure *figure, pe_picture kind, pe_buffer *script,
                           pe_error *err);

/* Width of PNG pictures from now on, in pixels (the height is 9/16 of it); 1920 at first. */
void pe_figure_set_png_width(int pixels);

/* The picture, appended to *picture. PE_TOOL as in gnuplot.h; heat maps in ASCII need no gnuplot.
 */
pe_status pe_figure_render(const pe_figure *figure, pe_picture kind, pe_buffer *picture,
                           pe_error *err);

/* ID.gp, and ID.svg, ID.png, ID.txt as `formats` says (0: the script alone), into a folder that
 * exists. The script is written first and stays when a picture fails.
 *   PE_TOOL as in gnuplot.h; PE_WRITE as in io/output.h */
pe_status pe_figure_save(const pe_figure *figure, const char *folder, unsigned formats,
                         pe_error *err);

/* What a report needs to know again; all lent. */
pe_figure_kind pe_figure_kind_of(const pe_figure *figure);
const char *pe_figure_id(const pe_figure *figure);
const char *pe_figure_title(const pe_figure *figure);
const char *pe_figure_alt(const pe_figure *figure);     /* the title when none was given */
const char *pe_figure_caption(const pe_figure *figure); /* "" when none was given */
const char *pe_figure_x_label(const pe_figure *figure);
const char *pe_figure_y_label(const pe_figure *figure);
pe_scale pe_figure_x_scale(const pe_figure *figure);
pe_scale pe_figure_y_scale(const pe_figure *figure);

/* The numbers behind the picture as CSV files in a folder: ID.csv, or ID.1.csv, ID.2.csv, ... for
 * heat maps with several panels. Curves: panel,series,x,y,low,high; bars and dots:
 * category,series,value,low,high; heat maps: row,c0,c1,... with the coordinates as the first row's
 * names say. PE_WRITE, PE_MEMORY. */
pe_status pe_figure_save_data(const pe_figure *figure, const char *folder, pe_error *err);
/* How many such files there are, and their names ("profile.csv"), in the room given. */
size_t pe_figure_data_files(const pe_figure *figure);
void pe_figure_data_name(const pe_figure *figure, size_t which, char *name, size_t room);

#endif
