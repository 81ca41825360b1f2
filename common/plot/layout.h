/* Where things go on the page; pixels from the top left corner, y downwards. */
#ifndef PE_PLOT_LAYOUT_H
#define PE_PLOT_LAYOUT_H

#include <stddef.h>

typedef struct pe_box {
    double left, top, right, bottom;
} pe_box;

/* n boxes in rows and columns inside `area`, as large as they can be. gap_x and gap_y lie between
 * them; aspect is width / height, 0 for any (then near 1.6). */
typedef struct pe_grid {
    size_t columns, rows;
    double width, height; /* of one box */
} pe_grid;
pe_grid pe_grid_choose(size_t n, pe_box area, double gap_x, double gap_y, double aspect);
pe_box pe_grid_box(const pe_grid *grid, pe_box area, double gap_x, double gap_y, size_t which);

/* Move places (n, ascending) apart until neighbours are at least `gap` away, each as near as it can
 * be to where it wanted to be, all of them in [low, high] (when n gaps fit at all). */
void pe_spread(double *place, size_t n, double gap, double low, double high);

#endif
