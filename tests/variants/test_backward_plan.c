/* The rest of the contract's backward half: what no shipped variant uses. */
#include "backward_everything.h"
#include "hooks_backward.h"
#include "testing.h"

static const pe_backward_case odd = {"", {.heads = 3, .head_dim = 5, .model_dim = 7}, {{0}}, true};

static void plans_of_parameters_wide_maps_and_heads_together_are_compared(void)
{
    const pe_backward_result r = pe_check_backward(&pe_variant_everything, &odd);
    CU_ASSERT_STRING_EQUAL(r.failure, "");
    CU_ASSERT_EQUAL(r.hooks, 4);
    CU_ASSERT_TRUE(r.difference > 0 && r.difference <= 1e-7);
}

static void a_plan_of_parameters_without_a_twin_is_found(void)
{
    pe_ops_f64 ops = ops_f64;
    pe_variant wrong = pe_variant_everything;
    ops.plan_vjp = NULL;
    wrong.f64 = &ops;
    PE_CONTAINS(pe_check_backward(&wrong, &odd).failure, "plan of everything");
}

PE_TEST_MAIN("variants: backward of the rest",
             PE_TEST(plans_of_parameters_wide_maps_and_heads_together_are_compared),
             PE_TEST(a_plan_of_parameters_without_a_twin_is_found))
