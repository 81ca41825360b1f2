/* The inside of a figure, for the files of this room. */
#ifndef PE_PLOT_FIGURE_DATA_H
#define PE_PLOT_FIGURE_DATA_H

#include "plot/axis.h"

typedef struct pe_figure_axis {
    char *label;
    pe_scale scale;
    double low, high; /* NaN: from the data */
} pe_figure_axis;

typedef struct pe_curve {
    char *name;
    size_t slot, panel;
    pe_look look;
    size_t n;
    double *x, *y, *low, *high; /* (n); low and high both or neither */
} pe_curve;

typedef struct pe_mark {
    char *name; /* NULL: none */
    int vertical;
    double at;
    size_t panel;
} pe_mark;

typedef struct pe_matrix {
    char *title;
    size_t rows, columns;
    double *values; /* (rows, columns) */
    double x0, dx, y0, dy;
    char **row_name, **column_name; /* (rows), (columns); NULL: none */
    double *edge;                   /* (columns); NULL: none */
} pe_matrix;

struct pe_figure {
    pe_figure_kind kind;
    char *id, *title, *alt, *caption;
    pe_figure_axis x, y, colour;
    pe_palette palette;
    int own_ranges;

    size_t panels; /* of curves: 0 for a single one without title */
    char **panel_title;
    size_t curves;
    pe_curve *curve;
    size_t marks;
    pe_mark *mark;
    size_t categories;
    char **category;
    size_t *category_slot; /* NULL: none */
    size_t matrices;
    pe_matrix *matrix;

    pe_error error; /* the first; PE_OK while all is well */
};

/* The range that the data ask for, before padding; all panels together, or one of them. */
pe_range pe_figure_data_range(const pe_figure *figure, int vertical);
pe_range pe_figure_colour_data(const pe_figure *figure, size_t panel); /* SIZE_MAX: all */
/* With the limits that were set by hand put in, and padded where not. */
pe_range pe_figure_axis_range(const pe_figure *figure, int vertical);
pe_range pe_figure_colours_of(const pe_figure *figure, size_t panel);

#endif
