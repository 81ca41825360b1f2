/* Which claims of the twin an exhibit breaks. A gallery source claims what its twin claims: a bug
 * does not know that it is one. */
#include "forms.h"

#include <string.h>

enum { CLAIM_HEADS = 2, CLAIM_WIDTH = 6, CLAIM_ROWS = 2304 };

typedef struct filling {
    const pe_exhibit *exhibit;
    const pe_form *form;
} filling;

static pe_status fill(void *context, pe_instance *instance, pe_error *err)
{
    const filling *f = context;
    return form_fill(f->exhibit, f->form, 0, instance, err);
}

/* Paths are formed in float or less, so they are judged in the float build; variants in quad. */
static pe_status verify(const pe_exhibit *e, const pe_form *form, bool rotary, uint64_t seed,
                        pe_claim_result result[PE_CLAIM_COUNT], pe_error *err)
{
    form_choice choice;
    char text[FORM_TEXT];
    filling context = {e, form};
    const pe_dims dims = {.heads = e->heads ? e->heads : CLAIM_HEADS, .head_dim = CLAIM_WIDTH};
    form_text(e, form, rotary, 0, CLAIM_ROWS, text);
    pe_status status = form_read(text, &choice, err);
    if (status != PE_OK)
        return status;
    const pe_claims_request request = {.variant = choice.variant,
                                       .dims = &dims,
                                       .settings = choice.setting,
                                       .setting_count = choice.setting_count,
                                       .seed = seed,
                                       .in = form->path != NULL,
                                       .precision = PE_FLOAT,
                                       .prepare = form->path ? fill : NULL,
                                       .context = &context};
    return pe_claims_verify_as(&request, result, err);
}

/* Rounding is bounded there for frequencies up to 1. Where a bug makes phases a million times
 * larger, rounding is larger too; what is wrong in quad is wrong by 10^20 such units and more. */
static const double phases_units = 1e12;

static bool fails(const pe_claim_result *r, bool quad)
{
    return (r->verdict == PE_VERDICT_BROKEN || r->verdict == PE_VERDICT_ABSENT) &&
           !(quad && r->deviation < phases_units);
}

static pe_status compare(const pe_exhibit *e, bool rotary, uint64_t seed, pe_damage *d,
                         pe_error *err)
{
    pe_claim_result bug[PE_CLAIM_COUNT], twin[PE_CLAIM_COUNT];
    pe_status status = verify(e, &e->twin, rotary, seed, twin, err);
    if (status == PE_OK)
        status = verify(e, &e->bug, rotary, seed, bug, err);
    for (int c = 0; status == PE_OK && c < PE_CLAIM_COUNT; c++) {
        if (twin[c].verdict != PE_VERDICT_HELD)
            continue;
        d->held |= twin[c].claim;
        if (!fails(&bug[c], e->bug.path == NULL) || (d->broken & twin[c].claim))
            continue;
        d->broken |= twin[c].claim;
        memcpy(d->counter[c], bug[c].text, PE_CLAIM_TEXT);
    }
    return status;
}

/* A path has claims as a rotation and as a table of codes. */
pe_status pe_gallery_claims(const pe_exhibit *exhibit, uint64_t seed, pe_damage *damage,
                            pe_error *err)
{
    damage->held = damage->broken = 0;
    pe_status status = compare(exhibit, true, seed, damage, err);
    if (status == PE_OK && exhibit->bug.path)
        status = compare(exhibit, false, seed, damage, err);
    return status;
}
