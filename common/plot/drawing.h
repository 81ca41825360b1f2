/* A script in the making: small commands in page pixels, y downwards from the top. */
#ifndef PE_PLOT_DRAWING_H
#define PE_PLOT_DRAWING_H

#include "plot/figure_data.h"
#include "plot/layout.h"
#include "plot/style.h"

typedef struct pe_drawing {
    const pe_figure *figure;
    pe_picture kind;
    int binary; /* matrices as bytes, for the pipe; else as text, for people */
    pe_buffer *out;
    double top;      /* where the title ends */
    unsigned blocks; /* data blocks so far, for their names */
} pe_drawing;

typedef enum pe_side { PE_FROM_LEFT, PE_CENTRED, PE_FROM_RIGHT, PE_UPWARDS } pe_side;

void pe_draw_text(pe_drawing *d, const char *text, double x, double y, pe_side side, double size);
/* Shrunk to the width, then broken into two lines, then cut. */
void pe_draw_fitted(pe_drawing *d, const char *text, double x, double y, pe_side side, double size,
                    double width);
void pe_draw_line(pe_drawing *d, double x0, double y0, double x1, double y1, const char *look);
void pe_draw_point(pe_drawing *d, double x, double y, size_t slot);
void pe_draw_box(pe_drawing *d, pe_box box, size_t slot);
void pe_draw_forget(pe_drawing *d); /* texts, lines and boxes belong to the next plot only */

void pe_draw_title(pe_drawing *d);
void pe_draw_frame(pe_drawing *d, pe_box box); /* where the next plot goes */
/* axis 'x', 'y' or "cb"; labelled 0: the tics without their texts. */
void pe_draw_tics(pe_drawing *d, const char *axis, const pe_tics *tics, int labelled, double size);
void pe_draw_range(pe_drawing *d, const char *axis, pe_range range, pe_scale scale, int reversed);

/* A line look: "linecolor rgb '#0072B2' linewidth 3 dashtype 1", in room for it. */
enum { PE_LOOK_TEXT = 160 };
void pe_look_of(size_t slot, double width, char text[PE_LOOK_TEXT]);

/* Two columns of page: the picture, and the names of what is in it. */
typedef struct pe_key_entry {
    const char *name;
    size_t slot;
    pe_look look;
    int is_box; /* a bar's colour */
} pe_key_entry;
/* Pixels that n names need at the right of the picture; 0 for none. */
double pe_key_width(const pe_key_entry *entry, size_t n);
void pe_key_draw(pe_drawing *d, const pe_key_entry *entry, size_t n, pe_box picture);
void pe_key_draw_at(pe_drawing *d, const pe_key_entry *entry, double x, double y, double size,
                    double width);

/* One for each kind of figure: everything between the head of the script and its end. */
void pe_draw_curves(pe_drawing *d);
void pe_draw_bars(pe_drawing *d);
void pe_draw_heatmaps(pe_drawing *d);

#endif
