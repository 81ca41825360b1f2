/* A table of what a variant computes, by position or by offset. */
#ifndef POSENC_TABLE_H
#define POSENC_TABLE_H

#include "core/instance.h"

enum { TABLE_POINTS = 1 << 24, TABLE_NAME = 48 };

/* Positions or offsets, (n, axes). */
typedef struct table_points {
    int64_t n;
    int axes;
    double *x; /* owned */
} table_points;

/* From "0,1,2.5" (with several axes "0:0,1:2"), or, when list is NULL, from, from + step, ... up to
 * `to`. Owned by the caller until table_points_release.
 *   PE_USAGE   not such a list, a step that does not lead there, over 2^24 points */
pe_status table_points_read(const char *list, double from, double to, double step, int axes,
                            table_points *points, pe_error *err);
void table_points_release(table_points *points);

typedef enum table_view {
    TABLE_AUTO, /* the first of the others that the variant has */
    TABLE_CODES,
    TABLE_ROWS,
    TABLE_PAIR,
    TABLE_TURNS
} table_view;

typedef struct table_data {
    table_view view;        /* what it turned out to be */
    const char *point_name; /* "position" or "offset" */
    int64_t rows;
    int columns;
    char (*names)[TABLE_NAME]; /* (columns), owned */
    pe_wide values;            /* (rows, columns) */
} table_data;

/* Compute a view at the points: positions go through `map` (or the variant's own positions hook)
 * first; offsets are taken as they are. For a pair bias, `query` is the query's coordinate and the
 * key stands at query - offset. The caller owns *data until table_data_release.
 *   PE_USAGE   the variant has no such view, or not at these points */
pe_status table_compute(pe_instance *instance, const pe_instance *map, pe_precision precision,
                        table_view view, const table_points *points, double query, table_data *data,
                        pe_error *err);
void table_data_release(table_data *data);

/* Which view TABLE_AUTO means for this instance; TABLE_AUTO when it has none. */
table_view table_best_view(const pe_instance *instance);

/* What a reader should know about a view, one sentence; NULL for code rows. */
const char *table_view_note(table_view view);

#endif
