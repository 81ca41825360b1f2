#include "lab/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { SENTENCE = 2048 };

void pe_say(pe_section *section, const char *format, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pe_section_paragraph(section, text);
}

static pe_verdict verdict_of(const char *id, const char *variant, const char *quantity,
                             double value)
{
    pe_verdict v = pe_verdict_blank();
    v.id = id;
    v.variant = variant;
    v.quantity = quantity;
    v.value = value;
    return v;
}

void pe_give(pe_section *section, const char *id, const char *variant, const char *quantity,
             double value, const char *why)
{
    pe_verdict v = verdict_of(id, variant, quantity, value);
    v.because = why;
    pe_section_verdict(section, &v);
}

void pe_give_interval(pe_section *section, const char *id, const char *variant,
                      const char *quantity, double value, double low, double high, const char *why)
{
    pe_verdict v = verdict_of(id, variant, quantity, value);
    v.ci_low = low;
    v.ci_high = high;
    v.because = why;
    pe_section_verdict(section, &v);
}

pe_judgement pe_expect(pe_section *section, const char *id, const char *variant,
                       const char *quantity, double value, double expected, double tolerance,
                       const char *source)
{
    char rule[96];
    pe_verdict v = verdict_of(id, variant, quantity, value);
    v.expected = expected;
    v.tolerance = tolerance;
    v.source = source;
    v.judgement = pe_judge(value, expected, tolerance);
    snprintf(rule, sizeof rule, tolerance > 0 ? "accepted within %.3g" : "accepted when equal",
             tolerance);
    v.because = rule;
    pe_section_verdict(section, &v);
    return v.judgement;
}

void pe_require(pe_section *section, const char *id, const char *variant, const char *quantity,
                double value, bool holds, const char *rule, const char *source)
{
    pe_verdict v = verdict_of(id, variant, quantity, value);
    v.judgement = holds ? PE_VERDICT_PASS : PE_VERDICT_FAIL;
    v.because = rule;
    v.source = source;
    pe_section_verdict(section, &v);
}
