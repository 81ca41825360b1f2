/* The rule of tests/golden/README.md: per file, max|x - ref| <= tolerance (1 + max|ref|).
 * With tolerance 0 in float, ref is rounded to float first: a float cannot be nearer. */
#ifndef POSENC_CASE_COMPARE_H
#define POSENC_CASE_COMPARE_H

#include "case_run.h"

typedef enum case_verdict {
    CASE_SAME,    /* within the tolerance */
    CASE_DIFFERS, /* outside, or of another shape, or an output that could not be computed */
    CASE_SKIPPED  /* does not count: the text says why */
} case_verdict;
const char *case_verdict_name(case_verdict verdict); /* "same", "DIFFERS", "not compared" */

typedef struct case_difference {
    char name[CASE_NAME];
    case_verdict verdict;
    double largest, allowed; /* largest |x - ref|, and the bound */
    double got, expected;    /* there */
    char where[80];          /* "[0][1][2]", "" when nothing was compared */
    char why[160];           /* of a verdict that is not a matter of numbers, "" otherwise */
} case_difference;

typedef struct case_report {
    int count, same, differing, skipped;
    case_difference *item; /* owned, in the order of case.json; inputs are left out */
    int worst;             /* the item nearest to, or farthest beyond, its bound; -1: none */
} case_report;

/* Compare every output and intermediate that the case holds. `tolerance` < 0: the one that the case
 * states for this precision. The caller owns *report until case_report_release.
 *   PE_OK      also when something differs: see report->differing
 *   PE_FORMAT  no tolerance stated, or a file that cannot be read */
pe_status case_compare(case_run *run, double tolerance, case_report *report, pe_error *err);
void case_report_release(case_report *report);

/* largest / allowed; infinite when nothing was allowed. */
double case_share(const case_difference *d);

#endif
