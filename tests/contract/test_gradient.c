/* Gradients through a whole attention: of every variant, and of those made for the corners of the
 * contract. Nothing here knows a name. */
#include "base/memory.h"
#include "conformance/gradients.h"
#include "core/gradient.h"
#include "core/quad.h"
#include "registry/registry.h"
#include "testing.h"

#include "odd.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { SEED = 1803 };

/* Odd and unequal; D odd first, for variants that take it; then grouped key heads; then two axes.
 */
static const pe_dims shapes[] = {
    {.heads = 3, .head_dim = 5, .max_len = 37},
    {.heads = 3, .head_dim = 6, .max_len = 37},
    {.heads = 4, .kv_heads = 2, .head_dim = 4, .max_len = 37},
    {.heads = 2, .head_dim = 4, .axes = 2, .max_len = 35, .grid = {5, 7}}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static const pe_gradient_case cases[] = {{.batch = 2, .nq = 5, .nk = 7},
                                         {.batch = 2, .nq = 7, .nk = 7, .causal = true},
                                         {.batch = 2, .nq = 4, .nk = 5, .padded = true},
                                         {.batch = 1, .nq = 5, .nk = 6, .gaps = true}};
enum { CASES = sizeof cases / sizeof cases[0] };

static void expect(const pe_trial *trial, const pe_gradient_case *k)
{
    pe_error err = {0};
    pe_gradient_result r;
    const char *id = trial->instance->variant->id;
    const pe_status status = pe_gradient_measure(trial, k, &r, &err);
    if (status != PE_OK)
        printf("\n    %s: %s", id, err.text);
    CU_ASSERT_EQUAL(status, PE_OK);
    const double most = pe_gradient_bound(trial, k->nk);
    if (!(r.difference <= 1e-7))
        printf("\n    %s: %s is %.17g, central differences say %.17g", id, r.block, r.got,
               r.wanted);
    if (!(r.tiled <= most && r.in_float <= most))
        printf("\n    %s, %lld keys: %s differs by %.3g eps, %s in float by %.3g eps, of %.3g", id,
               (long long)k->nk, r.tiled_block, r.tiled, r.float_block, r.in_float, most);
    CU_ASSERT(r.blocks >= 3);
    CU_ASSERT(r.difference <= 1e-7);
    CU_ASSERT(r.tiled <= most);
    CU_ASSERT(r.in_float <= most);
}

static void measure(const pe_variant *variant, const pe_dims *dims, const pe_setting *settings,
                    int count, const pe_gradient_case *k, int *done)
{
    pe_trial trial;
    pe_error err = {0};
    if (pe_trial_begin(variant, dims, settings, count, SEED, &trial, &err) != PE_OK)
        return; /* not every shape is taken: `done` says that one was */
    expect(&trial, k);
    (*done)++;
    pe_trial_end(&trial);
}

/* A twin that forgets its parameter. */
static void idle_relative(const pe_call_f64 *c, int n, const double *offset,
                          const pe_rows_f64 *drows)
{
    (void)c, (void)n, (void)offset, (void)drows;
}

/* All cases on the first shape that is taken, one on each other. */
static void gradients_of_every_variant_are_those_of_central_differences(void)
{
    omp_set_num_threads(1); /* thousands of tiny calls */
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++) {
        int done = 0;
        for (int s = 0; s < SHAPES; s++) {
            measure(pe_registry_at(v), &shapes[s], NULL, 0, &cases[0], &done);
            for (int c = 1; c < CASES && done == 1; c++)
                measure(pe_registry_at(v), &shapes[s], NULL, 0, &cases[c], &(int){0});
        }
        CU_ASSERT(done >= 1);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* Long enough for several tiles, and for tables that are gathered in bands and those that are not.
 */
static void both_ways_agree_over_several_tiles(void)
{
    static const pe_gradient_case longer[] = {
        {.batch = 2, .nq = 150, .nk = 290, .no_differences = true},
        {.batch = 3, .nq = 140, .nk = 140, .causal = true, .no_differences = true},
        {.batch = 1, .nq = 100, .nk = 140, .gaps = true, .padded = true, .no_differences = true}};
    const pe_dims dims[] = {
        {.heads = 4, .kv_heads = 2, .head_dim = 6, .max_len = 290},
        {.heads = 2, .head_dim = 4, .axes = 2, .max_len = 300, .grid = {20, 15}}};
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++) {
        int done = 0;
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 2; d++)
                measure(pe_registry_at(v), &dims[d], NULL, 0, &longer[c], &done);
        CU_ASSERT(done >= 1);
    }
}

static void the_corners_of_the_contract_have_gradients(void)
{
    static const pe_setting corners[][3] = {
        {{"values", "1"}, {"edge", "repeat"}, {"map_output", "1"}},
        {{"values", "1"}, {"edge", "zero"}, {"no_softmax_sum", "0"}},
        {{"values", "1"}, {"edge", "zero"}, {"heads_together", "1"}},
        {{"values", "1"}, {"real_offsets", "1"}, {"edge", "repeat"}},
        {{"values", "1"}, {"real_offsets", "1"}, {"edge", "zero"}},
        {{"no_softmax_sum", "1"}, {"edge", "repeat"}, {"values", "0"}},
        {{"edge", "undefined"}, {"reach", "20"}, {"values", "1"}}};
    const pe_gradient_case longer = {.batch = 2, .nq = 80, .nk = 140, .no_differences = true};
    *pe_variant_odd.quad_math = &pe_host_quad_math;
    for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++) {
        int done = 0;
        for (int c = 0; c < CASES; c++)
            measure(&pe_variant_odd, &shapes[0], corners[i], 3, &cases[c], &done);
        CU_ASSERT_EQUAL(done, CASES);
        if (i != 6 && i != 5) /* rows end at 20; exp(s) of long sums is beyond float */
            measure(&pe_variant_odd, &shapes[0], corners[i], 3, &longer, &done);
    }
}

static void nan_in_gives_nan_out(void)
{
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++)
        for (int spoilt = 1; spoilt <= 3; spoilt++) {
            const pe_gradient_case k = {.batch = 1,
                                        .nq = 70,
                                        .nk = 140,
                                        .causal = true,
                                        .no_differences = true,
                                        .spoilt = spoilt};
            const pe_dims dims = {.heads = 2, .head_dim = 6, .max_len = 140};
            pe_trial trial;
            pe_gradient_result r;
            if (pe_trial_begin(pe_registry_at(v), &dims, NULL, 0, SEED, &trial, NULL) != PE_OK)
                continue;
            CU_ASSERT_EQUAL(pe_gradient_measure(&trial, &k, &r, NULL), PE_OK);
            CU_ASSERT(r.nan > 0);
            CU_ASSERT_EQUAL(r.lost, 0);
            pe_trial_end(&trial);
        }
}

static void gradients_of_codes_are_those_of_central_differences(void)
{
    int learned = 0;
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++)
        for (int s = 0; s < SHAPES; s++) {
            pe_trial trial;
            pe_gradient_result r;
            if (pe_trial_begin(pe_registry_at(v), &shapes[s], NULL, 0, SEED, &trial, NULL) != PE_OK)
                continue;
            CU_ASSERT_EQUAL(pe_gradient_measure_codes(&trial, 0, &r, NULL), PE_OK);
            CU_ASSERT(r.difference <= 1e-7);
            learned += r.blocks > 0;
            pe_trial_end(&trial);
        }
    CU_ASSERT(learned > 0);
}

static void failed_allocations_are_reported_and_leak_nothing(void)
{
    const pe_gradient_case k = {.batch = 1, .nq = 3, .nk = 4, .no_differences = true};
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++) {
        pe_trial trial;
        pe_status status = PE_MEMORY;
        if (pe_trial_begin(pe_registry_at(v), &shapes[1], NULL, 0, SEED, &trial, NULL) != PE_OK)
            continue;
        const long blocks = pe_live_blocks();
        for (long allowed = 0; status == PE_MEMORY && allowed < 1000; allowed++) {
            pe_gradient_result r;
            pe_fail_allocations_after(allowed);
            status = pe_gradient_measure(&trial, &k, &r, NULL);
            pe_fail_allocations_after(-1);
            CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
        }
        CU_ASSERT_EQUAL(status, PE_OK);
        pe_trial_end(&trial);
    }
}

static void a_wrong_twin_is_found_and_a_missing_one_named(void)
{
    const pe_dims dims = {.heads = 3, .head_dim = 5};
    pe_variant wrong = pe_variant_odd;
    pe_ops_f64 ops = *wrong.f64;
    pe_trial trial;
    pe_gradient_result r;
    pe_error err = {0};
    *pe_variant_odd.quad_math = &pe_host_quad_math;
    ops.logits_vjp = NULL;
    wrong.f64 = &ops;
    CU_ASSERT_EQUAL_FATAL(pe_trial_begin(&wrong, &dims, NULL, 0, SEED, &trial, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_instance_untrainable(trial.instance), "logits");
    CU_ASSERT_EQUAL(pe_gradient_measure(&trial, &cases[0], &r, &err), PE_USAGE);
    PE_CONTAINS(err.text, "its hook logits has no backward twin");
    pe_trial_end(&trial);
    ops = *pe_variant_odd.f64;
    ops.relative_vjp = idle_relative;
    CU_ASSERT_EQUAL_FATAL(pe_trial_begin(&wrong, &dims, NULL, 0, SEED, &trial, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_gradient_measure(&trial, &cases[0], &r, &err), PE_OK);
    CU_ASSERT(r.difference > 1e-3);
    CU_ASSERT_STRING_EQUAL(r.block, "strength[0]");
    pe_trial_end(&trial);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* dq, dk, dv and the parameters of a trial, by the tiled way in float; the caller owns it. */
static float *differentiate(const pe_trial *trial, int threads, size_t *count)
{
    const pe_dims *d = &trial->instance->dims;
    const pe_setup *s = &trial->instance->info;
    const size_t T = (size_t)trial->tokens, D = (size_t)d->head_dim, H = (size_t)d->heads;
    size_t parameters = 0;
    for (int p = 0; p < s->param_count; p++)
        parameters += pe_param_count(&s->param[p]);
    *count = 3 * H * T * D + T * (size_t)d->model_dim + parameters;
    float *all = pe_allocate(*count, sizeof *all, "gradients", NULL), *param[PE_MAX_PARAMS];
    float *at = all + 3 * H * T * D + T * (size_t)d->model_dim;
    for (int p = 0; p < s->param_count; p++) {
        param[p] = at;
        at += pe_param_count(&s->param[p]);
    }
    float *q = pe_narrow(PE_FLOAT, H * T * D, trial->content.q, "q", NULL);
    float *k = pe_narrow(PE_FLOAT, H * T * D, trial->content.k, "k", NULL);
    float *v = pe_narrow(PE_FLOAT, H * T * D, trial->content.v, "v", NULL);
    float *x = pe_narrow(PE_FLOAT, T * (size_t)d->model_dim, trial->content.x, "x", NULL);
    const pe_attention_f32 a = {.instance = trial->instance,
                                .batch = 1,
                                .nq = trial->tokens,
                                .nk = trial->tokens,
                                .q_index = trial->index,
                                .k_index = trial->index,
                                .q_coord = trial->coord,
                                .k_coord = trial->coord,
                                .q = q,
                                .k = k,
                                .v = v,
                                .x = x};
    const pe_attention_gradient_f32 g = {.dout = v,
                                         .dq = all,
                                         .dk = all + H * T * D,
                                         .dv = all + 2 * H * T * D,
                                         .dx = all + 3 * H * T * D,
                                         .dparam = param};
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    CU_ASSERT_EQUAL(pe_attend_tiled_gradient_f32(&a, &g, NULL), PE_OK);
    omp_set_num_threads(before);
    float *const inputs[] = {q, k, v, x};
    for (int i = 0; i < 4; i++)
        pe_release(inputs[i]);
    return all;
}

static void gradients_have_the_same_bytes_at_any_number_of_threads(void)
{
    static const int threads[] = {2, 3, 7};
    const pe_dims dims = {.heads = 6, .head_dim = 6, .max_len = 37};
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++) {
        pe_trial trial;
        size_t count = 0;
        if (pe_trial_begin(pe_registry_at(v), &dims, NULL, 0, SEED, &trial, NULL) != PE_OK)
            continue;
        float *alone = differentiate(&trial, 1, &count);
        for (int i = 0; i < 3; i++) {
            float *together = differentiate(&trial, threads[i], &count);
            CU_ASSERT_EQUAL(memcmp(alone, together, count * sizeof *alone), 0);
            pe_release(together);
        }
        pe_release(alone);
        pe_trial_end(&trial);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("gradients", PE_TEST(gradients_of_every_variant_are_those_of_central_differences),
             PE_TEST(both_ways_agree_over_several_tiles),
             PE_TEST(gradients_of_codes_are_those_of_central_differences),
             PE_TEST(failed_allocations_are_reported_and_leak_nothing),
             PE_TEST(a_wrong_twin_is_found_and_a_missing_one_named),
             PE_TEST(the_corners_of_the_contract_have_gradients), PE_TEST(nan_in_gives_nan_out),
             PE_TEST(gradients_have_the_same_bytes_at_any_number_of_threads))
