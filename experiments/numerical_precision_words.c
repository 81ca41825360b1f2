/* Judging by the rules of METRICS.md section 8, shared by the sections of this experiment. */
#include "numerical_precision.h"

#include <math.h>
#include <stdio.h>

static pe_verdict started(const precision_check *check)
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
    char text[PRECISION_TEXT];
    v->judgement = passes ? PE_VERDICT_PASS : PE_VERDICT_FAIL;
    snprintf(text, sizeof text, "%s%s%s", rule, v->because ? "; " : "",
             v->because ? v->because : "");
    v->because = text;
    pe_section_verdict(section, v);
}

void precision_within(pe_section *section, const precision_check *check, double tolerance)
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

void precision_factor(pe_section *section, const precision_check *check, double factor)
{
    pe_verdict v = started(check);
    char rule[64];
    v.tolerance = fabs(v.expected) * (factor - 1);
    snprintf(rule, sizeof rule, "accepted within a factor of %.3g", factor);
    judge(section, &v, v.value <= v.expected * factor && v.value >= v.expected / factor, rule);
}

void precision_at_most(pe_section *section, const precision_check *check)
{
    pe_verdict v = started(check);
    judge(section, &v, v.value <= v.expected, "an upper bound: accepted when not above it");
}

void precision_at_least(pe_section *section, const precision_check *check)
{
    pe_verdict v = started(check);
    judge(section, &v, v.value >= v.expected, "a lower bound: accepted when not below it");
}

void precision_info(pe_section *section, const precision_check *check)
{
    pe_verdict v = started(check);
    v.expected = (double)NAN;
    v.judgement = isnan(v.value) ? PE_VERDICT_NOT_APPLICABLE : PE_VERDICT_INFO;
    pe_section_verdict(section, &v);
}
