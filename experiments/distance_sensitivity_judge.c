/* Judging what a subject declares, shared by the sections of this experiment. */
#include "distance_sensitivity.h"

#include <math.h>
#include <stdio.h>

pe_verdict distance_verdict(const char *id, const distance_subject *d, const char *quantity,
                            double value)
{
    pe_verdict v = pe_verdict_blank();
    v.id = id;
    v.variant = d ? d->id : NULL;
    v.quantity = quantity;
    v.value = value;
    return v;
}

void distance_expect(pe_section *section, pe_verdict *v, double expected, double tolerance,
                     const char *source, const char *because)
{
    v->expected = expected;
    v->tolerance = tolerance;
    v->source = source;
    v->judgement = pe_judge(v->value, expected, tolerance);
    v->because = because                           ? because
                 : v->judgement == PE_VERDICT_PASS ? NULL
                                                   : "the value is farther off than the tolerance";
    pe_section_verdict(section, v);
}

void distance_info(pe_section *section, pe_verdict *v, const char *because)
{
    v->judgement = PE_VERDICT_INFO;
    v->because = because;
    pe_section_verdict(section, v);
}

void distance_closed_form(pe_section *section, const distance_subject *d, pe_verdict *v,
                          double expected, double tolerance, const char *source)
{
    char because[256];
    switch (d->kernel) {
    case DISTANCE_KERNEL:
        distance_expect(section, v, expected, tolerance, source, NULL);
        return;
    case DISTANCE_KERNEL_NEAR:
        snprintf(because, sizeof because,
                 "its kernel is within %.2g of the closed form of base %g, but not the same",
                 d->kernel_gap, d->base);
        distance_expect(section, v, expected, tolerance, source, because);
        return;
    case DISTANCE_KERNEL_OTHER:
        snprintf(because, sizeof because,
                 "no expected value: its kernel differs from the closed form of base %g by %.2g",
                 d->base, d->kernel_gap);
        break;
    default:
        snprintf(because, sizeof because, "no expected value: %s",
                 d->subject->random_table ? "an untrained table"
                                          : "it declares no base of frequencies");
    }
    distance_info(section, v, because);
}

void distance_number_or_never(pe_sheet *sheet, size_t value)
{
    if (value == PE_NEVER)
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, (double)value);
}

const char *distance_label(const distance_subject *d)
{
    static char text[256];
    snprintf(text, sizeof text, "%s%s", d->title, d->subject->random_table ? " (untrained)" : "");
    return text;
}

const char *distance_rule_text(pe_frequency_rule rule)
{
    return rule == PE_FREQUENCIES_PAPER ? "exponent 2i/d" : "exponent i/(d/2 - 1)";
}
