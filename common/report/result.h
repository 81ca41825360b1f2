/* What an experiment returns, and the only thing that is printed, drawn or saved: a document of
 * sections with paragraphs, formulas, tables, figures, verdicts and exercises.
 *
 *     pe_result *r = pe_result_new("symmetry", "Symmetry", "Does attention know left from right?",
 * err); pe_section *s = pe_result_section(r, "Mirror gap"); pe_section_paragraph(s, "The gap is
 * zero when $S(i,j) = S(j,i)$."); pe_section_verdict(s, &(pe_verdict){.id = "S2", .variant = id,
 * ...}); status = pe_report_save(r, folder, PE_REPORT_ALL, err);       (report.h)
 *     pe_result_release(r);
 *
 * Builders copy all that they are given, except a figure, which moves in. They report nothing: the
 * first error waits for pe_result_check, which every writer asks first. NULL as result, section or
 * table does nothing and is found there, too (PE_MEMORY). Texts are plain UTF-8; $...$ inside a
 * paragraph, note, question or hint is TeX; nothing else is markup. */
#ifndef PE_REPORT_RESULT_H
#define PE_REPORT_RESULT_H

#include "plot/figure.h"

#include <stdint.h>

typedef struct pe_result pe_result;
typedef struct pe_section pe_section; /* lives in its result */
typedef struct pe_sheet pe_sheet;     /* a table; lives in its section */

/* id: [a-z][a-z0-9_]*, the name of the folder and the stem of the page. */
pe_result *pe_result_new(const char *id, const char *title, const char *question, pe_error *err);
void pe_result_release(pe_result *result); /* NULL does nothing */

/* The one sentence for the index: what came out. */
void pe_result_finding(pe_result *result, const char *sentence);

/* How it was made. No time and no host name, so that a second run gives the same bytes. */
typedef struct pe_run_facts {
    const char *command; /* the command line that does it again: "posenc run symmetry --seed 7" */
    uint64_t seed;
    const char *version, *precision, *blas, *compiler; /* NULL: unknown */
    unsigned threads;
} pe_run_facts;
void pe_result_facts(pe_result *result, const pe_run_facts *facts);

/* A parameter of the run, for the table of parameters: "d_model", "512", "width of the model". */
void pe_result_parameter(pe_result *result, const char *name, const char *value,
                         const char *meaning);

pe_section *pe_result_section(pe_result *result, const char *title);

void pe_section_paragraph(pe_section *section, const char *text);
/* TeX on its own line; `where` explains the letters, with $...$, and may be NULL. */
void pe_section_formula(pe_section *section, const char *tex, const char *where);
/* "not applicable, because ...": for a variant (or NULL) that a measure does not fit. */
void pe_section_not_applicable(pe_section *section, const char *variant, const char *because);
/* The figure moves in, also when this fails. One with nothing to draw (pe_figure_check: PE_DIFFERS)
 * becomes a note that says so. */
void pe_section_figure(pe_section *section, pe_figure *figure);

/* ---- tables ---- */
typedef struct pe_sheet_column {
    const char *name;
    const char *unit; /* NULL or "": none */
    int is_text;      /* 0: numbers */
    int digits;       /* significant digits on a page; 0: 6. Files have all of them */
} pe_sheet_column;

/* id is the stem of its CSV file, as in figure.h. Cells come row by row, from left to right; a row
 * that is not complete at the end is an error (PE_USAGE). */
pe_sheet *pe_section_table(pe_section *section, const char *id, const char *caption, size_t columns,
                           const pe_sheet_column *column);
void pe_sheet_text(pe_sheet *sheet, const char *text);
void pe_sheet_number(pe_sheet *sheet, double value);
void pe_sheet_missing(pe_sheet *sheet); /* an empty cell, of either kind */

/* A curve as a table of two number columns; x and y are (n). */
void pe_section_series(pe_section *section, const char *id, const char *caption,
                       const pe_sheet_column column[2], size_t n, const double *x, const double *y);

/* ---- verdicts ---- */
typedef enum pe_judgement {
    PE_VERDICT_PASS,
    PE_VERDICT_FAIL,
    PE_VERDICT_INFO,
    PE_VERDICT_NOT_APPLICABLE
} pe_judgement;

typedef struct pe_verdict {
    const char *id;       /* of the measurement in METRICS.md: "D1" */
    const char *variant;  /* NULL: none */
    const char *quantity; /* "R² of the Toeplitz part" */
    const char *unit;     /* NULL: none */
    double value;
    double expected, tolerance; /* NaN: there is none */
    const char *source;         /* where the expected value stands: "eq. (4)", "closed form" */
    double ci_low, ci_high;     /* interval of the value; NaN: there is none */
    pe_judgement judgement;
    const char
        *because; /* one sentence; for PE_VERDICT_FAIL and PE_VERDICT_NOT_APPLICABLE required */
} pe_verdict;

/* All numbers NaN, all texts NULL, PE_VERDICT_INFO: what to start from. */
pe_verdict pe_verdict_blank(void);
/* PE_VERDICT_PASS when |value - expected| <= tolerance; a NaN among the three fails. */
pe_judgement pe_judge(double value, double expected, double tolerance);
const char *pe_judgement_text(pe_judgement judgement); /* "PASS", "NOT APPLICABLE", ... */

void pe_section_verdict(pe_section *section, const pe_verdict *verdict);

/* ---- exercises ---- */
typedef struct pe_checkable {
    const char *name; /* a Python identifier: the learner assigns to it */
    double value, tolerance;
} pe_checkable;
void pe_section_exercise(pe_section *section, const char *question, const char *hint, size_t n,
                         const pe_checkable *number);
/* A command of `posenc` to try, as arguments: {"heatmap", "--length", "128"}. */
void pe_section_try(pe_section *section, const char *what, size_t n, const char *const *argument);

/* The first error of the builders. PE_USAGE, PE_MEMORY */
pe_status pe_result_check(const pe_result *result, pe_error *err);
size_t pe_result_count(const pe_result *result, pe_judgement judgement); /* over all sections */

#endif
