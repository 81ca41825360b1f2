/* How wide a text will be, and how to make it fit. Widths are those of DejaVu Sans, rounded up by
 * class of character, since the picture must not be cut wherever its font is replaced. */
#ifndef PE_PLOT_TEXT_H
#define PE_PLOT_TEXT_H

#include "base/status.h"

#include <stddef.h>

enum { PE_FITTED_TEXT = 512, PE_TITLE_LINES = 3 };

double pe_text_width(const char *text, double size); /* pixels, for a font of `size` pixels */

/* The text, cut at a character with an ellipsis when even the smallest font is too wide; the return
 * is the largest font from `size` down to `smallest` in which it is no wider than `width`. */
double pe_text_fit(const char *text, double width, double size, double smallest,
                   char fitted[PE_FITTED_TEXT]);

typedef struct pe_title {
    size_t lines;
    double size; /* pixels */
    char line[PE_TITLE_LINES][PE_FITTED_TEXT];
} pe_title;

/* Wrapped between words into the fewest lines that keep the font large. PE_USAGE when it does not
 * fit into three lines of the smallest font. */
pe_status pe_title_wrap(const char *text, double width, pe_title *title, pe_error *err);

#endif
