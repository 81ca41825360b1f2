/* The house style: page, palettes, and one colour, dash and point per slot. */
#ifndef PE_PLOT_STYLE_H
#define PE_PLOT_STYLE_H

#include "plot/figure.h"

#define PE_INK   "#222222" /* text */
#define PE_SOFT  "#8a8a8a" /* axes, tics, reference lines */
#define PE_FAINT "#e4e4e4" /* grid, and cells without a value */

enum { PE_PAGE_WIDTH = 1280, PE_PAGE_HEIGHT = 720 }; /* pixels of the SVG; all layout is in these */

/* The commands that come first, after pe_style_terminal. */
extern const char pe_style_commands[];
const char *pe_style_terminal(pe_picture kind);
/* A font size in page pixels, in the terminal's own unit. */
double pe_style_font(pe_picture kind, double pixels);

const char *pe_style_colour(size_t slot); /* "#0072B2" */
const char *pe_style_dash(size_t slot);   /* gnuplot dash type */
int pe_style_point(size_t slot);          /* gnuplot point type */
double pe_style_fill(size_t slot);        /* 1, or paler for the second round of colours */
const char *pe_style_palette(pe_palette palette);

#endif
