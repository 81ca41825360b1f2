/* Encodings x claims: what is claimed and what holds, as a picture; and every claim that is an
 * equation in float, double and quad, each with its own eps. */
#include "symmetry.h"

#include "base/memory.h"

#include <math.h>

/* ---- the matrix ---- */

/* 1 claimed and held, 0.4 holds unclaimed, -1 claimed and broken, NaN: neither, or no meaning. */
static double mark_of(pe_claim_verdict verdict)
{
    switch (verdict) {
    case PE_VERDICT_HELD:
        return 1;
    case PE_VERDICT_UNCLAIMED:
        return 0.4;
    case PE_VERDICT_BROKEN:
        return -1;
    default:
        return (double)NAN;
    }
}

static pe_status draw_matrix(pe_section *section, const symmetry_claimed *all, size_t n,
                             pe_error *err)
{
    const char *claim[PE_CLAIM_COUNT];
    const char **encoding = pe_allocate(n + 1, sizeof *encoding, "names", err);
    double *mark = pe_allocate((n + 1) * PE_CLAIM_COUNT, sizeof *mark, "claims", err);
    size_t broken = 0;
    if (!encoding || !mark) {
        pe_release(encoding);
        pe_release(mark);
        return PE_MEMORY;
    }
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        claim[c] = pe_claim_name(1u << c);
    for (size_t i = 0; i < n; i++) {
        encoding[i] = all[i].subject->title;
        for (size_t c = 0; c < PE_CLAIM_COUNT; c++) {
            mark[i * PE_CLAIM_COUNT + c] = mark_of(all[i].result[c].verdict);
            broken += all[i].result[c].verdict == PE_VERDICT_BROKEN;
        }
    }
    pe_figure *figure = pe_figure_titled(PE_HEATMAPS, "claims_matrix", err,
                                         "%zu encodings by %d properties: %zu claims are broken", n,
                                         (int)PE_CLAIM_COUNT, broken);
    pe_figure_x(figure, "property", PE_LINEAR);
    pe_figure_y(figure, "encoding", PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "1 held, 0.4 unclaimed, -1 broken", PE_LINEAR);
    pe_figure_colour_range(figure, -1, 1);
    pe_figure_add_matrix(figure, &(pe_matrix_panel){.rows = n,
                                                    .columns = PE_CLAIM_COUNT,
                                                    .values = mark,
                                                    .row_names = encoding,
                                                    .column_names = claim});
    pe_figure_describe(
        figure,
        "A heat map: a row for each encoding, a column for each property; full "
        "colour where it is claimed and held, light where it holds unclaimed.",
        "Empty: it does not hold, or has no meaning there. Counter-examples stand in "
        "the verdicts.");
    pe_section_figure(section, figure);
    pe_release(encoding);
    pe_release(mark);
    return PE_OK;
}

/* ---- three precisions ---- */

typedef struct tally {
    int claims, kept; /* held by quad; and by the narrower build */
    double worst;     /* largest deviation of those, in units */
} tally;

static pe_status verify_in(const pe_lab *lab, const pe_variant *variant, pe_precision precision,
                           pe_claim_result result[PE_CLAIM_COUNT], pe_error *err)
{
    const pe_claims_request request = {.variant = variant,
                                       .dims = &symmetry_claim_dims,
                                       .seed = lab->size.seed,
                                       .in = true,
                                       .precision = precision};
    return pe_claims_verify_as(&request, result, err);
}

static void add_units(pe_sheet *sheet, double units)
{
    if (isnan(units))
        pe_sheet_missing(sheet);
    else
        pe_sheet_number(sheet, units);
}

static void add_row(pe_section *section, pe_sheet *sheet, const symmetry_claimed *c, int claim,
                    const pe_claim_result *single, const pe_claim_result *twice, tally sum[2])
{
    const pe_claim_result *narrow[2] = {single, twice};
    pe_sheet_text(sheet, c->subject->title);
    pe_sheet_text(sheet, pe_claim_name(1u << claim));
    for (int p = 0; p < 2; p++) {
        const bool kept = narrow[p][claim].verdict == PE_VERDICT_HELD;
        add_units(sheet, narrow[p][claim].deviation);
        sum[p].claims++;
        sum[p].kept += kept;
        sum[p].worst = fmax(sum[p].worst, kept ? narrow[p][claim].deviation : 0);
        if (!kept)
            pe_say(section, "In %s, %s: %s: %s.", p ? "double" : "float", c->subject->title,
                   pe_claim_name(1u << claim), narrow[p][claim].text);
    }
    add_units(sheet, c->result[claim].deviation);
}

static pe_status compare_precisions(const pe_lab *lab, pe_section *section,
                                    const symmetry_claimed *all, int count, tally sum[2],
                                    pe_error *err)
{
    const pe_sheet_column columns[] = {{"encoding", NULL, 1, 0},
                                       {"claim", NULL, 1, 0},
                                       {"float", "units", 0, 3},
                                       {"double", "units", 0, 3},
                                       {"quad", "units", 0, 3}};
    pe_sheet *sheet =
        pe_section_table(section, "claims_in_precisions",
                         "Largest deviation of each claim that quad confirms", 5, columns);
    for (int i = 0; i < count; i++) {
        pe_claim_result single[PE_CLAIM_COUNT], twice[PE_CLAIM_COUNT];
        const pe_variant *variant = all[i].subject->variant;
        pe_status status = verify_in(lab, variant, PE_FLOAT, single, err);
        if (status == PE_OK)
            status = verify_in(lab, variant, PE_DOUBLE, twice, err);
        if (status != PE_OK)
            return status;
        for (int c = 0; c < PE_CLAIM_COUNT; c++)
            if (all[i].result[c].verdict == PE_VERDICT_HELD)
                add_row(section, sheet, &all[i], c, single, twice, sum);
    }
    return PE_OK;
}

pe_status symmetry_claims_matrix(pe_lab *lab, pe_section *section, const symmetry_claimed *all,
                                 int count, pe_error *err)
{
    tally sum[2] = {{0}};
    if (count == 0)
        return PE_OK;
    pe_status status = draw_matrix(section, all, (size_t)count, err);
    if (status == PE_OK)
        status = compare_precisions(lab, section, all, count, sum, err);
    if (status != PE_OK)
        return status;
    pe_say(section,
           "The same claims in float and double, each with its own eps: a deviation is stated in "
           "units of $\\epsilon (1 + |p|)(1 + |value|)$, and 64 units are what rounding explains. "
           "Of %d claims that quad confirms, the float build keeps %d (largest deviation %.3g "
           "units) and the double build %d (%.3g units). Claims that are no equations have no "
           "deviation.",
           sum[0].claims, sum[0].kept, sum[0].worst, sum[1].kept, sum[1].worst);
    pe_require(section, "claims", NULL, "claims kept by the float build", sum[0].kept,
               sum[0].kept == sum[0].claims, "all that quad confirms", "64 eps of float");
    pe_require(section, "claims", NULL, "claims kept by the double build", sum[1].kept,
               sum[1].kept == sum[1].claims, "all that quad confirms", "64 eps of double");
    return PE_OK;
}
