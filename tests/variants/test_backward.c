/* Every backward twin of every variant against central differences (hooks_backward.h). */
#include "../../variants/template/template.c"
#include "hooks_backward.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define ODD                                                                                        \
    {                                                                                              \
        .heads = 3, .head_dim = 5, .model_dim = 7                                                  \
    }
#define EVEN                                                                                       \
    {                                                                                              \
        .heads = 3, .head_dim = 6, .model_dim = 8                                                  \
    }

/* All cases of one variant; how many hooks and blocks the first one must have compared. */
static void check(const pe_variant *variant, const pe_backward_case *cases, int count, int hooks,
                  int blocks)
{
    double difference = 0, in_float = 0;
    for (int i = 0; i < count; i++) {
        const pe_backward_result r = pe_check_backward(variant, &cases[i]);
        if (r.failure[0])
            printf("\n    %s: %s (%.3g, float %.3g)", cases[i].name, r.failure, r.difference,
                   r.in_float);
        CU_ASSERT_STRING_EQUAL(r.failure, "");
        CU_ASSERT_TRUE(i > 0 || (r.hooks == hooks && r.blocks == blocks));
        difference = r.difference > difference ? r.difference : difference;
        in_float = r.in_float > in_float ? r.in_float : in_float;
    }
    printf("\n    %s: differences %.2g, float %.2g epsilons", variant->id, difference, in_float);
}

#define CHECK(id, hooks, blocks, ...)                                                              \
    do {                                                                                           \
        extern const pe_variant pe_variant_##id;                                                   \
        static const pe_backward_case cases[] = {__VA_ARGS__};                                     \
        check(&pe_variant_##id, cases, PE_COUNT(cases), hooks, blocks);                            \
    } while (0)

static void the_twins_of_shaw_are_its_derivatives(void)
{
    CHECK(shaw, 1, 2, {"clip 3", ODD, {{"clip", 3}}, true}, {"clip 0", ODD, {{"clip", 0}}, false},
          {"a table for each head", ODD, {{"clip", 3}, {"per_head", 1}}, false},
          {"keys only", ODD, {{"clip", 2}, {"relative_values", 0}}, true},
          {"values only", ODD, {{"clip", 2}, {"relative_keys", 0}}, true},
          {"one head of one column", {.heads = 1, .head_dim = 1}, {{"clip", 50}}, false});
}

static void the_twins_of_learned_are_its_derivatives(void)
{
    CHECK(learned, 1, 1, {"a row each", ODD, {{"max_len", 9}}, true},
          {"clamped", ODD, {{"max_len", 4}, {"beyond", 1}}, true},
          {"wrapped", EVEN, {{"max_len", 4}, {"beyond", 2}}, false});
}

static void the_twins_of_transformer_xl_are_its_derivatives(void)
{
    CHECK(transformer_xl, 1, 3, {"odd width", ODD, {{0}}, true},
          {"clamped", EVEN, {{"clamp_len", 3}}, false},
          {"clamped to the token itself", ODD, {{"clamp_len", 0}, {"base", 50}}, false});
}

static void the_twins_of_rope_are_its_derivatives(void)
{
    CHECK(rope, 1, 6, {"neighbours", EVEN, {{0}}, true},
          {"halves", EVEN, {{"pairing", 1}, {"base", 50}}, false},
          {"columns that pass", ODD, {{"rotary_dim", 4}}, true},
          {"halves, columns that pass", ODD, {{"rotary_dim", 2}, {"pairing", 1}}, true});
}

static void the_twins_of_t5_are_its_derivatives(void)
{
    CHECK(t5, 1, 1, {"two sides", ODD, {{"num_buckets", 8}, {"max_distance", 20}}, false},
          {"one side", ODD, {{"bidirectional", 0}, {"num_buckets", 5}, {"max_distance", 13}}, true},
          {"scaled", EVEN, {{"scale_logits", 1}}, true});
}

static void the_twins_of_fourier_are_its_derivatives(void)
{
    CHECK(fourier, 1, 1, {"beside the row", ODD, {{"features", 3}}, true},
          {"cosines first", EVEN, {{"order", 1}}, true},
          {"three axes", {.heads = 1, .head_dim = 6, .axes = 3}, {{0}}, false});
}

static void the_twins_of_fire_are_its_derivatives(void)
{
    CHECK(fire, 1, 6,
          {"on both sides of the threshold", ODD, {{"width", 5}, {"threshold", 8}}, true},
          {"below the threshold, with eps", ODD, {{"width", 3}, {"eps", 0.25}}, false},
          {"beyond it", EVEN, {{"width", 1}, {"threshold", 0.5}}, true});
}

static void the_twins_of_fox_are_its_derivatives(void)
{
    CHECK(fox, 2, 32, {"causal", ODD, {{0}}, true}, {"mirror", ODD, {{0}}, false},
          {"own gates", EVEN, {{"future", 1}}, false});
}

static void the_twins_of_cope_are_its_derivatives(void)
{
    CHECK(cope, 1, 12, {"causal", ODD, {{"npos_max", 9}}, true},
          {"clipped, scaled", ODD, {{"npos_max", 3}, {"scaled_positions", 1}}, true},
          {"gates of q . k", ODD, {{"scaled_gates", 0}}, false},
          {"mirror", EVEN, {{"npos_max", 4}, {"future", 1}}, false},
          {"row", EVEN, {{"npos_max", 4}, {"future", 2}}, false},
          {"one row", ODD, {{"npos_max", 1}}, true});
}

/* Fixed codes and biases read no parameter and no content: nothing to differentiate. */
static void fixed_encodings_need_no_twin(void)
{
    CHECK(sinusoidal, 0, 0, {"standard", ODD, {{0}}, true});
    CHECK(cape, 0, 0, {"standard", ODD, {{0}}, true},
          {"plane", {.heads = 1, .head_dim = 6, .axes = 2}, {{0}}, true});
    CHECK(alibi, 0, 0, {"standard", ODD, {{0}}, true});
    CHECK(none, 0, 0, {"standard", ODD, {{0}}, true});
}

static void the_twins_of_template_are_its_derivatives(void)
{
    CHECK(template, 1, 1, {"standard", ODD, {{0}}, true}, {"short", EVEN, {{"length", 3}}, false});
}

/* ---- twins that are wrong ---- */

static void set_instead_of_added(const pe_call_f64 *c, int n, const double *coord,
                                 const double *drows)
{
    memset(c->g[GAIN], 0, (size_t)c->info->embed_width * sizeof *c->g[GAIN]);
    embed_vjp_f64(c, n, coord, drows);
}

static void added_twice(const pe_call_f64 *c, int n, const double *coord, const double *drows)
{
    embed_vjp_f64(c, n, coord, drows);
    embed_vjp_f64(c, n, coord, drows);
}

static void last_row_forgotten_in_float(const pe_call_f32 *c, int n, const double *coord,
                                        const float *drows)
{
    embed_vjp_f32(c, n - 1, coord, drows);
}

static void expect_complaint(const pe_ops_f64 *f64, const pe_ops_f32 *f32, const char *sentence)
{
    const pe_backward_case k = {"", ODD, {{0}}, true};
    pe_variant wrong = pe_variant_template;
    wrong.f64 = f64;
    wrong.f32 = f32;
    PE_CONTAINS(pe_check_backward(&wrong, &k).failure, sentence);
}

static void a_twin_that_is_wrong_or_missing_is_found(void)
{
    pe_ops_f64 wrong = ops_f64;
    wrong.embed_vjp = NULL;
    expect_complaint(&wrong, &ops_f32, "has no twin");
    wrong.embed_vjp = set_instead_of_added;
    expect_complaint(&wrong, &ops_f32, "gain is not that of central differences");
    wrong.embed_vjp = added_twice;
    expect_complaint(&wrong, &ops_f32, "gain is not that of central differences");
    pe_ops_f32 wrong_float = ops_f32;
    wrong_float.embed_vjp = last_row_forgotten_in_float;
    expect_complaint(&ops_f64, &wrong_float, "in float is further than 256 epsilons");
}

PE_TEST_MAIN("variants: backward", PE_TEST(the_twins_of_shaw_are_its_derivatives),
             PE_TEST(the_twins_of_learned_are_its_derivatives),
             PE_TEST(the_twins_of_transformer_xl_are_its_derivatives),
             PE_TEST(the_twins_of_rope_are_its_derivatives),
             PE_TEST(the_twins_of_t5_are_its_derivatives),
             PE_TEST(the_twins_of_fourier_are_its_derivatives),
             PE_TEST(the_twins_of_fire_are_its_derivatives),
             PE_TEST(the_twins_of_fox_are_its_derivatives),
             PE_TEST(the_twins_of_cope_are_its_derivatives), PE_TEST(fixed_encodings_need_no_twin),
             PE_TEST(the_twins_of_template_are_its_derivatives),
             PE_TEST(a_twin_that_is_wrong_or_missing_is_found))
