/* What the parts of the experiment `clipping` share. Private to clipping*.c. */
#ifndef CLIPPING_H
#define CLIPPING_H

#include "lab/fleet.h"
#include "lab/words.h"

enum {
    CL_CLIPS = 8,     /* tested clipping distances k = 0, 1, ... */
    CL_DISTANCES = 6, /* tested distances m = 1, 2, ... */
    CL_DEPTHS = 2,    /* one layer, two layers */
    CL_MODES = 4,     /* which rows are in force */
    CL_CASES = 24
};

/* A subject with a bound that an option moves, with some of its rows, in some depth. */
typedef struct cl_case {
    const pe_subject *subject;
    const char *clip;                        /* the option that is the bound */
    const char *off;                         /* the option that was turned off, or NULL */
    unsigned rows;                           /* PE_ROWS_... in force */
    int depth;                               /* layers */
    int seeds;                               /* that were trained */
    double accuracy[CL_DISTANCES][CL_CLIPS]; /* [m - 1][k], mean over seeds; NaN: refused */
    char because[PE_ERROR_TEXT];
} cl_case;

typedef struct cl_run {
    int clips, distances, depths, seeds, cases;
    int64_t steps, length;
    cl_case at[CL_CASES];
} cl_run;

/* Find the cases by capability, and say who has none. */
void cl_find_cases(const pe_lab *lab, cl_run *run, pe_section *section);
const char *cl_rows_text(unsigned rows); /* "key and value rows" */
bool cl_selects(const cl_case *c);       /* rows that decide where attention looks */
pe_status cl_measure(pe_lab *lab, cl_run *run, pe_error *err);
pe_status cl_show(const cl_run *run, pe_result *result, pe_error *err);

#endif
