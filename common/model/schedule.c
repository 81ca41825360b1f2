/* Which layers use the encoding: "0,2-5". */
#include "model/inside.h"

#include <stdlib.h>
#include <string.h>

static bool read_range(const char **at, long *first, long *last)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    *first = *last = strtol(*at, &end, 10);
    if (*end == '-') {
        if (end[1] < '0' || end[1] > '9')
            return false;
        *last = strtol(end + 1, &end, 10);
    }
    *at = end;
    return *first <= *last;
}

pe_status pe_schedule_read(const char *text, int layers, bool *uses, pe_error *err)
{
    const bool all = !text || !text[0];
    for (int l = 0; l < layers; l++)
        uses[l] = all;
    for (const char *at = all ? "" : text; *at;) {
        long first, last;
        if (!read_range(&at, &first, &last) || last >= layers || (*at && *at != ',') ||
            (*at == ',' && !at[1]))
            return pe_fail(err, PE_USAGE,
                           "layers with the encoding are numbers from 0 to %d and ranges of them, "
                           "as in 0,2-5, not '%s'",
                           layers - 1, text);
        for (long l = first; l <= last; l++)
            uses[l] = true;
        at += *at == ',';
    }
    return PE_OK;
}

static bool plain_setup(pe_setup *s)
{
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES;
    return true;
}

static const pe_ops_f64 plain_f64 = {0};
static const pe_ops_f32 plain_f32 = {0};
static const pe_ops_f128 plain_f128 = {0};
static const pe_quad_math *plain_quad;

const pe_variant pe_model_plain = {.tag = "POSENC",
                                   .abi = PE_ABI,
                                   .size = sizeof(pe_variant),
                                   .quad_digits = PE_QUAD_DIGITS,
                                   .dims_size = PE_DIMS_SIZE,
                                   .id = "plain",
                                   .title = "a layer without encoding",
                                   .source = "",
                                   .summary = "",
                                   .formula = "",
                                   .setup = plain_setup,
                                   .f64 = &plain_f64,
                                   .f32 = &plain_f32,
                                   .f128 = &plain_f128,
                                   .quad_math = &plain_quad};
