/* Backward twins of the gallery: every exhibit, wrong way and right way, against central
 * differences, and the tiled way against the reference. */
#include "gallery_each.h"

#include "base/memory.h"
#include "conformance/gradients.h"
#include "core/gradient.h"
#include "gallery/forms.h"
#include "registry/registry.h"

#include <omp.h>
#include <stdio.h>

enum { ROWS = 64 };

static const pe_gradient_case cases[] = {
    {.batch = 2, .nq = 5, .nk = 7, .trained = true},
    {.batch = 2, .nq = 7, .nk = 7, .causal = true, .trained = true},
    {.batch = 2, .nq = 5, .nk = 5, .padded = true, .trained = true},
    {.batch = 1, .nq = 6, .nk = 6, .gaps = true, .trained = true},
    {.batch = 2, .nq = 90, .nk = 90, .causal = true, .no_differences = true, .trained = true}};
enum { CASES = sizeof cases / sizeof cases[0] };

static bool within(const pe_trial *trial, const pe_exhibit *e, const pe_gradient_case *k,
                   const pe_gradient_result *r)
{
    const double most = pe_gradient_bound(trial, k->nk);
    if (r->blocks >= 3 && r->difference <= 1e-7 && r->tiled <= most && r->in_float <= most)
        return true;
    printf(
        "\n    %s, %s, %lld keys: %s is %.17g, central differences say %.17g; %s differs by %.3g "
        "eps, %s in float by %.3g eps, of %.3g",
        e->id, trial->instance->variant->id, (long long)k->nk, r->block, r->got, r->wanted,
        r->tiled_block, r->tiled, r->float_block, r->in_float, most);
    return false;
}

static void begin(const pe_exhibit *e, const pe_form *form, pe_trial *trial)
{
    const pe_dims dims = {.heads = 3, .head_dim = 4, .max_len = 37};
    form_choice choice;
    char text[FORM_TEXT];
    pe_error err = {0};
    form_text(e, form, e->rotary, 0, 2 * ROWS, text);
    CU_ASSERT_EQUAL_FATAL(form_read(text, &choice, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_trial_begin(choice.variant, &dims, choice.setting,
                                         choice.setting_count, GALLERY_SEED, trial, &err),
                          PE_OK);
    CU_ASSERT_EQUAL_FATAL(form_fill(e, form, e->first, trial->instance, &err), PE_OK);
}

static void measure(const pe_exhibit *e, const pe_form *form)
{
    pe_trial trial;
    begin(e, form, &trial);
    CU_ASSERT_PTR_NULL(pe_instance_untrainable(trial.instance));
    for (int c = 0; c < CASES; c++) {
        pe_gradient_result r;
        pe_error err = {0};
        if (pe_gradient_measure(&trial, &cases[c], &r, &err) == PE_OK) {
            CU_ASSERT(within(&trial, e, &cases[c], &r));
            continue;
        }
        printf("\n    %s, %s: %s", e->id, trial.instance->variant->id, err.text);
        CU_FAIL("not measured");
    }
    pe_trial_end(&trial);
}

static void gradients_of_every_exhibit_are_those_of_central_differences(void)
{
    omp_set_num_threads(1); /* thousands of tiny calls */
    pe_registry_start();
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        measure(pe_gallery_at(i), &pe_gallery_at(i)->bug);
        measure(pe_gallery_at(i), &pe_gallery_at(i)->twin);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("gallery: gradients",
             PE_TEST(gradients_of_every_exhibit_are_those_of_central_differences))
