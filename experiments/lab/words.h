/* Short ways of saying and judging, for all experiments. Numbers in sentences are formatted from
 * the run; verdicts always carry their rule. */
#ifndef PE_LAB_WORDS_H
#define PE_LAB_WORDS_H

#include "report/result.h"

#include <stdbool.h>

/* The larger one, or NaN when either is: a largest difference must not pass over what is no number,
 * as fmax does. */
double pe_worse(double so_far, double next);

/* A paragraph. */
void pe_say(pe_section *section, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A figure whose title states a finding with numbers of the run. */
pe_figure *pe_figure_titled(pe_figure_kind kind, const char *id, pe_error *err, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* A measured number without an expected one. `why` may be NULL. */
void pe_give(pe_section *section, const char *id, const char *variant, const char *quantity,
             double value, const char *why);

/* The same with an interval. */
void pe_give_interval(pe_section *section, const char *id, const char *variant,
                      const char *quantity, double value, double low, double high, const char *why);

/* PASS when |value - expected| <= tolerance, else FAIL, with the rule as reason; gives which. */
pe_judgement pe_expect(pe_section *section, const char *id, const char *variant,
                       const char *quantity, double value, double expected, double tolerance,
                       const char *source);

/* PASS when `holds`: for rules that are no distance ("at most", "all equal"). */
void pe_require(pe_section *section, const char *id, const char *variant, const char *quantity,
                double value, bool holds, const char *rule, const char *source);

/* What is judged, as data, by the rules of METRICS.md section 8: expected and its source may be
 * absent (NaN, NULL), and so may variant, unit and because. */
typedef struct pe_check {
    const char *id, *variant, *quantity, *unit;
    double value, expected;
    const char *source, *because;
} pe_check;
void pe_check_within(pe_section *section, const pe_check *check, double tolerance);
void pe_check_factor(pe_section *section, const pe_check *check, double factor);
void pe_check_at_most(pe_section *section, const pe_check *check);  /* value <= expected */
void pe_check_at_least(pe_section *section, const pe_check *check); /* value >= expected */
/* A measured number without an expected one; NaN: "not applicable", for which `because` must say
 * why. */
void pe_check_info(pe_section *section, const pe_check *check);

#endif
