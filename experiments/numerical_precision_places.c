/* What is rounded, where, and to what. */
#include "numerical_precision.h"

#include <math.h>

static const struct {
    const char *name, *what, *who;
} places[PE_PLACE_COUNT] = {
    [PE_AT_POSITION] = {"position", "a coordinate, before it is multiplied", "variant"},
    [PE_AT_FREQUENCY] = {"frequency", "an entry of a frequency table", "variant"},
    [PE_AT_PHASE] = {"phase", "position times frequency", "variant"},
    [PE_AT_TABLE] = {"table", "a sine, a cosine, a slope, a bias kept as a buffer", "variant"},
    [PE_AT_PARAMETER] = {"parameter", "a trainable number", "core"},
    [PE_AT_CODE] = {"code", "a code row, as added to the embedding", "core"},
    [PE_AT_ROWS] = {"rows", "a relative row", "core"},
    [PE_AT_QUERY] = {"query", "the query that enters the product, after the map", "core"},
    [PE_AT_KEY] = {"key", "the key, likewise", "core"},
    [PE_AT_VALUE] = {"value", "the value", "core"},
    [PE_AT_LOGITS] = {"logits", "the finished logit", "core"},
    [PE_AT_WEIGHTS] = {"weights", "the attention weight after softmax", "core"},
    [PE_AT_OUTPUT] = {"output", "the attention output of one head", "core"},
};

/* First whole number that the format does not hold. All up to 2^digits are held by every format
 * here (its largest number lies beyond). NaN for fp64: doubles count here, and cannot reach its
 * 2^53 + 1.
 */
static double first_lost(pe_format format)
{
    if (pe_format_digits(format) >= pe_format_digits(PE_FP64))
        return (double)NAN;
    double n = exp2((double)pe_format_digits(format));
    while (pe_round_to_format(format, n) == n)
        n++;
    return n;
}

static void show_formats(pe_section *section)
{
    const pe_sheet_column columns[] = {{"format", NULL, 1, 0},
                                       {"digits", "bits", 0, 3},
                                       {"epsilon", NULL, 0, 4},
                                       {"largest number", NULL, 0, 6},
                                       {"first whole number lost", "tokens", 0, 17},
                                       {"largest storage error below 1", NULL, 0, 4}};
    pe_sheet *sheet =
        pe_section_table(section, "formats", "The formats, as rounding finds them", 6, columns);
    for (int f = PE_FP64; f < PE_FORMAT_COUNT; f++) {
        const pe_format format = (pe_format)f;
        pe_sheet_text(sheet, pe_format_name(format));
        pe_sheet_number(sheet, pe_format_digits(format));
        pe_sheet_number(sheet, pe_format_epsilon(format));
        pe_sheet_number(sheet, pe_format_largest(format));
        if (isnan(first_lost(format)))
            pe_sheet_missing(sheet);
        else
            pe_sheet_number(sheet, first_lost(format));
        pe_sheet_number(sheet, pe_format_epsilon(format) / 4);
    }
}

pe_status precision_places(precision_run *run, pe_error *err)
{
    pe_section *section = pe_result_section(run->result, "What is rounded, and where");
    pe_say(section,
           "Two things are kept apart here. Arithmetic happens in float (24 digits), in "
           "double (53) or in quad (113). Storage happens wherever a framework would "
           "have written a tensor: there a number is rounded once more, to nearest even, to "
           "a storage format. The variant marks the first four places of the table, "
           "because only it sees them; the core rounds at all others.");
    pe_say(section,
           "The judge is the quad build of the same source: it catches rounding, not wrong "
           "formulas. A difference float minus quad is formed without cancellation, so an "
           "error of 1e-17 would still be seen.");
    const pe_sheet_column columns[] = {
        {"place", NULL, 1, 0}, {"what is stored there", NULL, 1, 0}, {"who rounds", NULL, 1, 0}};
    pe_sheet *sheet =
        pe_section_table(section, "places", "The places where a number is stored", 3, columns);
    for (int p = 0; p < PE_PLACE_COUNT; p++) {
        pe_sheet_text(sheet, places[p].name);
        pe_sheet_text(sheet, places[p].what);
        pe_sheet_text(sheet, places[p].who);
    }
    show_formats(section);
    pe_say(section,
           "A format with $p$ digits holds every whole number up to $2^p$ and loses "
           "$2^p + 1$. bf16 therefore counts to %.0f, and token %.0f is token %.0f to it; "
           "fp16 loses %.0f first. Several published bugs below are this and no more.",
           first_lost(PE_BF16) - 1, first_lost(PE_BF16),
           pe_round_to_format(PE_BF16, first_lost(PE_BF16)), first_lost(PE_FP16));
    return pe_lab_step(run->lab, "places and formats", 0.01, err);
}
