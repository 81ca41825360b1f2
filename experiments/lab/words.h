/* Short ways of saying and judging, for all experiments. Numbers in sentences are formatted from
 * the run; verdicts always carry their rule. */
#ifndef PE_LAB_WORDS_H
#define PE_LAB_WORDS_H

#include "report/result.h"

#include <stdbool.h>

/* A paragraph. */
void pe_say(pe_section *section, const char *format, ...) __attribute__((format(printf, 2, 3)));

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

#endif
