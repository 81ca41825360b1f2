/* One line on standard error that says how far a long computation is. It appears only on a
 * terminal that can rewrite a line, only after two seconds, at most ten times a second, and never
 * with --quiet. */
#ifndef PE_CLI_PROGRESS_H
#define PE_CLI_PROGRESS_H

#include "cli/options.h"

#include <stdio.h>

typedef struct pe_progress {
    FILE *out; /* NULL: stay silent */
    const char *what;
    size_t total;
    double started, shown; /* seconds; shown < 0: not yet */
    int width;             /* of the line that stands there, in columns */
} pe_progress;

/* `what` is lent until the end: "checking cases". cli may be NULL. */
void pe_progress_begin(pe_progress *p, const pe_cli *cli, const char *what, size_t total);

/* `done` of the total are finished. */
void pe_progress_step(pe_progress *p, size_t done);

/* For who computes without a command line: `context` is a pe_progress of PE_PROGRESS_PARTS, `share`
 * of the whole is done, and `what` (lent until the next call) comes next. */
enum { PE_PROGRESS_PARTS = 1000 };
void pe_progress_share(void *context, const char *what, double share);

/* The line, if there is one, is wiped away. */
void pe_progress_end(pe_progress *p);

/* The two above with the clock given, in seconds; for tests. */
void pe_progress_begin_at(pe_progress *p, FILE *out, const char *what, size_t total, double now);
void pe_progress_step_at(pe_progress *p, size_t done, double now);

#endif
