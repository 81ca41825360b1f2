#include "lab/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { SENTENCE = 2048 };

double pe_worse(double so_far, double next)
{
    return isnan(so_far) || so_far > next ? so_far : next;
}

void pe_say(pe_section *section, const char *format, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pe_section_paragraph(section, text);
}

pe_figure *pe_figure_titled(pe_figure_kind kind, const char *id, pe_error *err, const char *format,
                            ...)
{
    char title[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(title, sizeof title, format, args);
    va_end(args);
    return pe_figure_new(kind, id, title, err);
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

/* ---- checks as data ---- */

static pe_verdict started(const pe_check *check)
{
    pe_verdict v = pe_verdict_blank();
    v.id = check->id;
    v.variant = check->variant;
    v.quantity = check->quantity;
    v.unit = check->unit;
    v.value = check->value;
    v.expected = check->expected;
    v.source = check->source;
    v.because = check->because;
    return v;
}

static void judge(pe_section *section, pe_verdict *v, bool passes, const char *rule)
{
    char text[SENTENCE];
    v->judgement = passes ? PE_VERDICT_PASS : PE_VERDICT_FAIL;
    snprintf(text, sizeof text, "%s%s%s", rule, v->because ? "; " : "",
             v->because ? v->because : "");
    v->because = text;
    pe_section_verdict(section, v);
}

void pe_check_within(pe_section *section, const pe_check *check, double tolerance)
{
    pe_verdict v = started(check);
    char rule[64];
    v.tolerance = tolerance;
    if (tolerance > 0)
        snprintf(rule, sizeof rule, "accepted within %.3g", tolerance);
    else
        snprintf(rule, sizeof rule, "accepted when exactly equal");
    judge(section, &v, pe_judge(v.value, v.expected, tolerance) == PE_VERDICT_PASS, rule);
}

void pe_check_factor(pe_section *section, const pe_check *check, double factor)
{
    pe_verdict v = started(check);
    char rule[64];
    v.tolerance = fabs(v.expected) * (factor - 1);
    snprintf(rule, sizeof rule, "accepted within a factor of %.3g", factor);
    judge(section, &v, v.value <= v.expected * factor && v.value >= v.expected / factor, rule);
}

void pe_check_at_most(pe_section *section, const pe_check *check)
{
    pe_verdict v = started(check);
    judge(section, &v, v.value <= v.expected, "an upper bound: accepted when not above it");
}

void pe_check_at_least(pe_section *section, const pe_check *check)
{
    pe_verdict v = started(check);
    judge(section, &v, v.value >= v.expected, "a lower bound: accepted when not below it");
}

void pe_check_info(pe_section *section, const pe_check *check)
{
    pe_verdict v = started(check);
    v.expected = (double)NAN;
    v.judgement = isnan(v.value) ? PE_VERDICT_NOT_APPLICABLE : PE_VERDICT_INFO;
    pe_section_verdict(section, &v);
}
