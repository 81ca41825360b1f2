/* Ranges and tics of an axis, computed here and not by gnuplot, so that the room for their labels
 * is known before anything is drawn. */
#ifndef PE_PLOT_AXIS_H
#define PE_PLOT_AXIS_H

#include "plot/figure.h"

typedef struct pe_range {
    double low, high; /* low > high: empty */
} pe_range;

#define PE_RANGE_EMPTY ((pe_range){.low = 1, .high = -1})

int pe_range_is_empty(pe_range range);
/* Can the value be drawn on such an axis? */
int pe_axis_can_show(pe_scale scale, double value);
void pe_range_add(pe_range *range, pe_scale scale, double value); /* gaps are passed over */

/* A margin of `share` of its length on both sides; a single value, or none, becomes a range. */
pe_range pe_range_padded(pe_range range, pe_scale scale, double share);

/* Where a value stands between low (0) and high (1). */
double pe_axis_place(pe_range range, pe_scale scale, double value);

enum { PE_TICS = 64, PE_TIC_TEXT = 32 };

typedef struct pe_tics {
    size_t n;
    double at[PE_TICS];
    char text[PE_TICS][PE_TIC_TEXT]; /* "" for a minor tic */
} pe_tics;

/* About `wanted` labelled tics at round values inside the range. */
void pe_tics_choose(pe_range range, pe_scale scale, size_t wanted, pe_tics *tics);
double pe_tics_width(const pe_tics *tics, double size); /* of the widest label */

/* "0.25", "−3", "1.5·10⁻⁶": `digits` significant digits, powers of ten where a plain number would
 * be long. */
void pe_axis_number(double value, int digits, char text[PE_TIC_TEXT]);

#endif
