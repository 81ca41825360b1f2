/* Published figures as rows of a table: what is measured, on which path, and what was found by
 * others. Private to numerical_precision_published*.c. */
#ifndef NUMERICAL_PRECISION_PUBLISHED_H
#define NUMERICAL_PRECISION_PUBLISHED_H

#include "formation/measure.h"
#include "numerical_precision.h"

typedef enum what {
    FREQUENCY, /* largest relative error of a frequency, in 2^-24 */
    ABSOLUTE,  /* largest error of an entry */
    COSINE,    /* of a cosine */
    RMS,
    FIRST_TENTH,
    FIRST_ONE,
    DISTINCT,
    REPEATS,
    ANGLE, /* of position `from` and pair 1 */
    WHATS
} what;
typedef struct published {
    const char *path;
    int width;
    double divisor; /* 0: the width */
    double from;
    size_t n; /* every position up to 32768, every 7th above */
    what what;
    double expected, tolerance; /* relative, when negative */
    const char *source;
} published;

/* How many of the rows agree, for the one verdict of the table. */
typedef struct agreement {
    size_t rows, close;
} agreement;

pe_status published_add_rows(pe_sheet *sheet, const published *rows, size_t n, agreement *a,
                             pe_error *err);
/* METRICS.md 3.6. */
pe_status published_shifts(const precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err);

/* Reports of bugs that are formation paths: the figures are those of the gallery's exhibits. A row
 * that says why it is not reproduced does not count. */
pe_status published_reports(const precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err);

#endif
