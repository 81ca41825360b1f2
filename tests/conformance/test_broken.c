/* A suite is worth what it catches: variants that each break one rule, and one that breaks none. */
#include "base/memory.h"
#include "conformance/claims.h"
#include "conformance/conformance.h"
#include "core/quad.h"
#include "testing.h"

#include <fenv.h>
#include <stdio.h>
#include <string.h>

#include "broken.h"

/* Variants are pure data, so what setup should answer is kept here between the calls. */
static pe_setup wanted;
static int setups;

static bool answer_setup(pe_setup *s)
{
    const pe_dims *dims = s->dims;
    const pe_value *opt = s->opt;
    *s = wanted;
    s->dims = dims;
    s->opt = opt;
    if (wanted.embed_width)
        s->embed_width = dims->model_dim;
    if (dims->axes != 1)
        return pe_refuse(s, "axes is %d, but must be 1", dims->axes);
    return true;
}

static pe_variant variant_of(broken which)
{
    pe_quad_lent = &pe_host_quad_math;
    return (pe_variant){.tag = "POSENC",
                        .abi = PE_ABI,
                        .size = sizeof(pe_variant),
                        .quad_digits = PE_QUAD_DIGITS,
                        .dims_size = PE_DIMS_SIZE,
                        .id = "under_test",
                        .title = "t",
                        .source = "s",
                        .summary = "u",
                        .formula = "f",
                        .setup = answer_setup,
                        .f64 = &table_f64[which],
                        .f32 = &table_f32[which],
                        .f128 = &table_f128[which],
                        .quad_math = &pe_quad_lent};
}

static const pe_setup plain = {.u = PE_NONE, .v = PE_NONE};
static const pe_setup coded = {.u = PE_NONE, .v = PE_NONE, .embed_width = 1};
static const pe_setup mapped = {
    .u = PE_NONE, .v = PE_NONE, .maps = PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY)};
static const pe_setup rowed = {
    .u = PE_NONE, .v = PE_NONE, .rows = PE_ROWS_BIAS, .row_heads = 1, .low = -2000, .high = 2000};

static pe_conformance report;

static pe_status run(const pe_variant *variant, pe_setup setup, pe_error *err)
{
    const pe_conformance_options options = {.seed = 3};
    const long blocks = pe_live_blocks();
    wanted = setup;
    const pe_status status = pe_conformance_run(variant, &options, &report, err);
    CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
    return status;
}

static void passes(broken which, pe_setup setup)
{
    pe_error err = {0};
    const pe_variant v = variant_of(which);
    const pe_status status = run(&v, setup, &err);
    if (status != PE_OK)
        printf("\n    %s", err.text);
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT_EQUAL(report.failed, 0);
}

static const pe_finding *failure(const char *name)
{
    for (int f = 0; f < report.count; f++)
        if (report.finding[f].outcome == PE_CHECK_FAILED && strstr(report.finding[f].name, name))
            return &report.finding[f];
    return NULL;
}

static void variant_is_caught(const pe_variant *v, pe_setup setup, const char *finding,
                              const char *text)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(run(v, setup, &err), PE_DIFFERS);
    const pe_finding *f = failure(finding);
    if (!f)
        printf("\n    nothing says \"%s\": %s", finding, err.text);
    CU_ASSERT_PTR_NOT_NULL(f);
    if (f)
        PE_CONTAINS(f->text, text);
}

static void caught(broken which, pe_setup setup, const char *finding, const char *text)
{
    const pe_variant v = variant_of(which);
    variant_is_caught(&v, setup, finding, text);
}

static pe_setup claiming(pe_setup setup, unsigned claims)
{
    setup.claims = claims;
    return setup;
}

/* ---- honest ones ------------------------------------------------------------------------------
 */

static void honest_variants_pass_with_their_claims(void)
{
    pe_setup codes =
        claiming(coded, PE_CLAIM_BOUNDED | PE_CLAIM_UNIQUE | PE_CLAIM_EXTRAPOLATES |
                            PE_CLAIM_CONTENT_FREE | PE_CLAIM_SYMMETRIC | PE_CLAIM_CAUSAL_ONLY);
    codes.bound = 1;
    codes.unique_up_to = 300;
    passes(HONEST, codes);
    passes(TURN, claiming(mapped, PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_NORM_PRESERVING |
                                      PE_CLAIM_DIRECTION_AWARE));
    passes(SLOPE, claiming(plain, PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_SYMMETRIC |
                                      PE_CLAIM_CONTENT_FREE));
    passes(SIGN, claiming(plain, PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_DIRECTION_AWARE));
    passes(LINEAR, claiming(rowed, PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_DIRECTION_AWARE |
                                       PE_CLAIM_CONTENT_FREE));
    passes(CONTENT, claiming(plain, PE_CLAIM_TRANSLATION_INVARIANT));
}

static void a_property_that_holds_unclaimed_is_mentioned_and_does_not_fail(void)
{
    passes(SLOPE, plain);
    bool mentioned = false;
    for (int f = 0; f < report.count; f++)
        mentioned |= strcmp(report.finding[f].name, "claim: translation invariant") == 0 &&
                     strstr(report.finding[f].text, "holds, not claimed") != NULL;
    CU_ASSERT(mentioned);
}

/* ---- memory and purity ------------------------------------------------------------------------
 */

static void a_write_past_the_end_is_caught(void)
{
    caught(PAST_THE_END, coded, "hooks f64: guard words", "embed wrote 8 bytes behind");
    caught(PAST_THE_END, coded, "hooks f32: guard words", "embed wrote 4 bytes behind");
}

static void a_write_in_front_is_caught(void)
{
    caught(BEFORE_THE_START, coded, "hooks f64: guard words", "in front of");
}

static void a_write_behind_the_scratch_is_caught(void)
{
    pe_setup s = coded;
    s.scratch = 5;
    caught(SCRATCH_OVERRUN, s, "guard words", "lent for its scratch");
}

static void an_output_that_is_not_written_is_caught(void)
{
    caught(UNWRITTEN, coded, "the same bytes again", "it was not written");
}

static void a_hook_with_a_memory_is_caught(void)
{
    caught(COUNTING, coded, "the same bytes again", "embed");
}

static void a_row_that_depends_on_its_company_is_caught(void)
{
    caught(CROWDED, coded, "one alone = among others", "embed");
    caught(BY_PLACE, rowed, "one alone = among others", "relative");
}

static void infinite_codes_are_caught(void)
{
    caught(INFINITE, coded, "finite", "embed");
}

static void a_changed_rounding_mode_is_caught_and_undone(void)
{
    caught(ROUNDING_MODE, coded, "surroundings", "the rounding mode was changed");
    CU_ASSERT_EQUAL(fegetround(), FE_TONEAREST);
}

/* ---- tiles and modes --------------------------------------------------------------------------
 */

static void logits_that_depend_on_the_tile_are_caught(void)
{
    caught(TILE_SIZE, plain, "cut = whole", "pair");
    caught(TILE_MEAN, plain, "cut = whole", "logits");
}

static void a_bias_that_follows_the_length_undeclared_is_caught(void)
{
    caught(LENGTH, plain, "modes: one row with a cache", "query");
}

static void nan_that_is_swallowed_is_caught(void)
{
    caught(SWALLOWS_NAN, plain, "NaN in, NaN out", "is NaN, but output");
}

static void a_precision_with_another_constant_is_caught(void)
{
    caught(COARSE, coded, "three precisions agree", "code entry");
}

/* ---- claims -----------------------------------------------------------------------------------
 */

static void false_claims_are_caught_with_a_counter_example(void)
{
    caught(ABSOLUTE, claiming(plain, PE_CLAIM_TRANSLATION_INVARIANT), "translation invariant",
           "shift 1: logit(0,0) of head 0");
    caught(HONEST, claiming(coded, PE_CLAIM_TRANSLATION_INVARIANT), "translation invariant",
           "shift 1: logit(");
    caught(SIGN, claiming(plain, PE_CLAIM_SYMMETRIC), "symmetric", "S(0,1) of head 0 is 0.125");
    caught(SLOPE, claiming(plain, PE_CLAIM_DIRECTION_AWARE), "direction-aware", "apart");
    caught(STRETCH, claiming(mapped, PE_CLAIM_NORM_PRESERVING), "norm preserving",
           "query at position 0, head 0");
    caught(CONTENT, claiming(plain, PE_CLAIM_CONTENT_FREE), "content-free", "S(0,0) of head 0");
    caught(SHORT_SIGHTED, claiming(coded, PE_CLAIM_EXTRAPOLATES), "extrapolates", "position 296");
    caught(SLOPE, claiming(plain, PE_CLAIM_NEEDS_EVEN_WIDTH), "needs even width",
           "setup accepts head_dim 7");
}

static void a_false_bound_is_caught(void)
{
    pe_setup s = claiming(coded, PE_CLAIM_BOUNDED);
    s.bound = 1000;
    caught(GROWING, s, "bounded", "largest entry 1048576");
}

static void codes_that_are_not_unique_are_caught(void)
{
    pe_setup s = claiming(coded, PE_CLAIM_UNIQUE);
    s.unique_up_to = 10;
    caught(CONSTANT, s, "unique", "positions 0 and 1, 0 apart");
    s.unique_up_to = 5000;
    caught(CONSTANT, s, "unique", "first 5000 codes");
}

static void a_hook_that_looks_behind_the_mask_is_caught(void)
{
    pe_error err = {0};
    const pe_variant v = variant_of(LOOKS_AHEAD);
    CU_ASSERT_EQUAL(run(&v, claiming(plain, PE_CLAIM_CAUSAL_ONLY), &err), PE_DIFFERS);
    CU_ASSERT(failure("causal only") || failure("cut = whole"));
    wanted = claiming(plain, PE_CLAIM_CAUSAL_ONLY);
    const pe_dims dims = {.heads = 2, .head_dim = 5};
    pe_claim_result result[PE_CLAIM_COUNT];
    CU_ASSERT_EQUAL_FATAL(pe_claims_verify(&v, &dims, NULL, 0, 5, result, &err), PE_OK);
    CU_ASSERT_EQUAL(result[8].claim, PE_CLAIM_CAUSAL_ONLY);
    CU_ASSERT_EQUAL(result[8].verdict, PE_VERDICT_BROKEN);
    PE_CONTAINS(result[8].text, "after keys beyond 11 changed");
}

static void a_claim_without_meaning_is_not_testable_rather_than_held(void)
{
    pe_error err = {0};
    pe_claim_result result[PE_CLAIM_COUNT];
    const pe_dims dims = {.heads = 2, .head_dim = 5};
    const pe_variant v = variant_of(SLOPE);
    wanted = claiming(plain, PE_CLAIM_UNIQUE | PE_CLAIM_NORM_PRESERVING);
    CU_ASSERT_EQUAL_FATAL(pe_claims_verify(&v, &dims, NULL, 0, 5, result, &err), PE_OK);
    CU_ASSERT_EQUAL(result[3].verdict, PE_VERDICT_UNTESTABLE);
    CU_ASSERT_EQUAL(result[6].verdict, PE_VERDICT_UNTESTABLE);
    CU_ASSERT_STRING_EQUAL(pe_claim_name(PE_CLAIM_UNIQUE), "unique");
    CU_ASSERT_PTR_NULL(pe_claim_name(1u << 20));
}

static void refused_dims_are_wrong_use_and_no_verdict(void)
{
    pe_error err = {0};
    pe_claim_result result[PE_CLAIM_COUNT];
    const pe_dims dims = {.heads = 2, .head_dim = 5, .axes = 2};
    const pe_variant v = variant_of(SLOPE);
    wanted = plain;
    CU_ASSERT_EQUAL(pe_claims_verify(&v, &dims, NULL, 0, 5, result, &err), PE_USAGE);
    PE_CONTAINS(err.text, "axes is 2, but must be 1");
}

/* ---- setup and descriptor ---------------------------------------------------------------------
 */

static bool wavering_setup(pe_setup *s)
{
    const bool yes = answer_setup(s);
    s->bound = setups++;
    return yes;
}
static bool silent_setup(pe_setup *s)
{
    return answer_setup(s) && s->dims->heads != 4;
}
static bool greedy_setup(pe_setup *s)
{
    const bool yes = answer_setup(s);
    s->param_count = 1000;
    return yes;
}
static bool stern_setup(pe_setup *s)
{
    return pe_refuse(s, "nothing is good enough");
}

static void bad_setups_are_caught(void)
{
    pe_variant v = variant_of(SLOPE);
    v.setup = wavering_setup;
    variant_is_caught(&v, plain, "setup: pure", "different answers");
    v.setup = silent_setup;
    variant_is_caught(&v, plain, "setup: any shape", "heads 4, head_dim 1");
    v.setup = greedy_setup;
    variant_is_caught(&v, plain, "setup: inside the limits", "param_count");
    v.setup = stern_setup;
    variant_is_caught(&v, plain, "shape", "nothing is good enough");
}

static void declarations_without_hooks_are_caught(void)
{
    pe_setup s = plain;
    s.state = 3;
    caught(SLOPE, s, "setup: known bits", "a state is declared without a state hook");
    s = plain;
    s.claims = 1u << 30;
    caught(SLOPE, s, "setup: known bits", "claims has an unknown bit");
    s = plain;
    s.flags = 1u << 30;
    caught(SLOPE, s, "setup: known bits", "flags has an unknown bit");
}

static void a_malformed_descriptor_ends_the_suite_at_once(void)
{
    pe_variant v = variant_of(SLOPE);
    v.summary = NULL;
    variant_is_caught(&v, plain, "descriptor", "no summary");
    CU_ASSERT_EQUAL(report.count, 1);
}

PE_TEST_MAIN(
    "conformance: broken variants", PE_TEST(honest_variants_pass_with_their_claims),
    PE_TEST(a_property_that_holds_unclaimed_is_mentioned_and_does_not_fail),
    PE_TEST(a_write_past_the_end_is_caught), PE_TEST(a_write_in_front_is_caught),
    PE_TEST(a_write_behind_the_scratch_is_caught), PE_TEST(an_output_that_is_not_written_is_caught),
    PE_TEST(a_hook_with_a_memory_is_caught), PE_TEST(a_row_that_depends_on_its_company_is_caught),
    PE_TEST(infinite_codes_are_caught), PE_TEST(a_changed_rounding_mode_is_caught_and_undone),
    PE_TEST(logits_that_depend_on_the_tile_are_caught),
    PE_TEST(a_bias_that_follows_the_length_undeclared_is_caught),
    PE_TEST(nan_that_is_swallowed_is_caught), PE_TEST(a_precision_with_another_constant_is_caught),
    PE_TEST(false_claims_are_caught_with_a_counter_example), PE_TEST(a_false_bound_is_caught),
    PE_TEST(codes_that_are_not_unique_are_caught),
    PE_TEST(a_hook_that_looks_behind_the_mask_is_caught),
    PE_TEST(a_claim_without_meaning_is_not_testable_rather_than_held),
    PE_TEST(refused_dims_are_wrong_use_and_no_verdict), PE_TEST(bad_setups_are_caught),
    PE_TEST(declarations_without_hooks_are_caught),
    PE_TEST(a_malformed_descriptor_ends_the_suite_at_once))
