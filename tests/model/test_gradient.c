/* The gradients of a whole model against central differences of its loss, in double, on shapes that
 * are odd and small; and what must hold of them exactly. */
#include "base/memory.h"
#include "model/evaluate.h"
#include "models.h"

#include "model/inside.h"

#include <math.h>
#include <omp.h>

enum { BATCH = 3, LENGTH = 5 };

static const int32_t tokens[BATCH * LENGTH] = {3, 1, 4, 1, 5, 6, 2, 6, 5, 3, 0, 2, 1, 4, 6};
static const int32_t targets[BATCH * LENGTH] = {1, 4, -1, 5, 6, 2, 6, 5, 3, -1, 2, 1, 4, 6, 0};
static const int64_t lengths[BATCH] = {5, 3, 4};

/* Differences over 2e-5 of a loss near 2 have an error of about 4e-11 from rounding, which is 4e-8
 * of the least size of gradients counted here. At most `SAMPLES` numbers of a block are moved. */
static const double bound = 1e-7, step = 1e-5, least_size = 1e-3;
enum { SAMPLES = 16 };

typedef struct setup {
    bool training, padded;
} setup;

static double loss_of(pe_model *model, setup how, double *gradient)
{
    pe_gradient_job job = {.batch = BATCH,
                           .n = LENGTH,
                           .tokens = tokens,
                           .targets = targets,
                           .lengths = how.padded ? lengths : NULL,
                           .training = how.training,
                           .seed = 9,
                           .step = 4,
                           .gradient = gradient};
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_model_gradient(model, &job, &err), PE_OK);
    return job.loss;
}

/* The largest difference in a block, over the largest gradient in it. */
static double difference_in(pe_model *model, setup how, const pe_model_block *b,
                            const double *gradient)
{
    double *x = calloc(b->count, sizeof *x), worst = 0, most = least_size;
    CU_ASSERT_EQUAL(pe_model_get(model, b->name, b->count, x, NULL), PE_OK);
    for (size_t i = 0; i < b->count; i++)
        most = fmax(most, fabs(gradient[b->from + i]));
    const size_t stride = b->count / SAMPLES + 1;
    for (size_t i = 0; i < b->count; i += stride) {
        const double old = x[i];
        x[i] = old + step;
        pe_model_set(model, b->name, b->count, x, NULL);
        const double above = loss_of(model, how, NULL);
        x[i] = old - step;
        pe_model_set(model, b->name, b->count, x, NULL);
        const double below = loss_of(model, how, NULL);
        x[i] = old;
        worst = fmax(worst, fabs((above - below) / (2 * step) - gradient[b->from + i]));
    }
    pe_model_set(model, b->name, b->count, x, NULL);
    free(x);
    return worst / most;
}

static void check(const pe_model_config *config, setup how)
{
    pe_model *model = model_of(config);
    double *gradient = calloc(pe_model_size(model), sizeof *gradient);
    loss_of(model, how, gradient);
    for (size_t i = 0; i < pe_model_block_count(model); i++) {
        const pe_model_block *b = pe_model_block_at(model, i);
        if (!b->frozen)
            PE_NEAR(b->name, difference_in(model, how, b, gradient), 0, bound);
        for (size_t at = 0; b->frozen && at < b->count; at++)
            CU_ASSERT_EQUAL(gradient[b->from + at], 0); /* or clipping would count it */
    }
    free(gradient);
    pe_model_release(model);
}

static void gradients_are_right_for(const char *id, const pe_setting *setting)
{
    const pe_model_config config = small_config(id, setting);
    check(&config, (setup){0});
}

static void gradients_are_right_without_encoding(void)
{
    gradients_are_right_for("none", NULL);
}

static void gradients_are_right_for_code_rows(void)
{
    gradients_are_right_for("learned", NULL);
}

static void gradients_are_right_for_code_beside_the_rows(void)
{
    const pe_setting waves = {"features", "3"}; /* 6 columns beside 8 */
    const pe_model_config config = small_config("fourier", &waves);
    pe_model *model = model_of(&config);
    CU_ASSERT_TRUE(pe_model_code(model)->info.flags & PE_CONCATENATE);
    pe_model_release(model);
    check(&config, (setup){0});
}

static void gradients_are_right_for_rows_by_offset(void)
{
    const pe_setting clip = {"clip", "2"};
    gradients_are_right_for("shaw", &clip);
}

static void gradients_are_right_for_projected_rows_and_shared_vectors(void)
{
    gradients_are_right_for("transformer_xl", NULL);
}

static void gradients_are_right_for_turned_heads(void)
{
    gradients_are_right_for("rope", NULL);
}

static void gradients_are_right_for_pair_biases_and_states_and_logits(void)
{
    gradients_are_right_for("fire", NULL);
    gradients_are_right_for("fox", NULL);
    gradients_are_right_for("cope", NULL);
    gradients_are_right_for("t5", NULL);
}

static void gradients_are_right_when_a_position_map_draws(void)
{
    pe_model_config config = small_config("cape", NULL);
    check(&config, (setup){.training = true});
    config = small_config("transformer_xl", NULL);
    config.map = variant_of("cape");
    check(&config, (setup){.training = true});
}

static void gradients_are_right_with_dropout(void)
{
    pe_model_config config = small_config("learned", NULL);
    config.dropout = 0.3;
    check(&config, (setup){.training = true});
}

static void gradients_are_right_in_both_directions_with_padding(void)
{
    pe_model_config config = small_config("shaw", NULL);
    config.causal = false;
    check(&config, (setup){.padded = true});
}

static void gradients_are_right_with_a_tied_head_and_scaled_rows(void)
{
    pe_model_config config = small_config("learned", NULL);
    config.tied = config.scale_embedding = true;
    check(&config, (setup){0});
}

static void gradients_are_right_with_a_layer_schedule(void)
{
    pe_model_config config = small_config("shaw", NULL);
    config.schedule = "1";
    check(&config, (setup){0});
}

/* Pulling e_c back from one logit gives its gradient by the token's row, which summed over the
 * places of a token is the gradient by E. */
static void a_pullback_agrees_with_differences_of_the_logit(void)
{
    const pe_model_config config = small_config("rope", NULL);
    pe_model *model = model_of(&config);
    double dlogits[LENGTH * 7] = {0}, dinput[LENGTH * 8], row[7 * 8];
    dlogits[4 * 7 + 2] = 1;
    const pe_pullback job = {
        .batch = 1, .n = LENGTH, .tokens = tokens, .dlogits = dlogits, .dinput = dinput};
    CU_ASSERT_EQUAL(pe_model_pullback(model, &job, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_model_get(model, "embedding.weight", 7 * 8, row, NULL), PE_OK);
    for (int c = 0; c < 8; c++) {
        double logit[2];
        for (int side = 0; side < 2; side++) {
            double logits[LENGTH * 7], moved[7 * 8];
            memcpy(moved, row, sizeof row);
            moved[1 * 8 + c] += side ? -step : step; /* token 1 stands at places 1 and 3 */
            pe_model_set(model, "embedding.weight", 7 * 8, moved, NULL);
            pe_evaluation e = {.batch = 1, .n = LENGTH, .tokens = tokens, .logits = logits};
            CU_ASSERT_EQUAL(pe_model_evaluate(model, &e, NULL), PE_OK);
            logit[side] = logits[4 * 7 + 2];
        }
        PE_NEAR("pullback", dinput[1 * 8 + c] + dinput[3 * 8 + c],
                (logit[0] - logit[1]) / (2 * step), 1e-8);
    }
    pe_model_release(model);
}

/* 70 sequences of 40 tokens are six chunks; so few threads that some get several of them. */
static void gradients_have_the_same_bytes_at_any_number_of_threads(void)
{
    enum { B = 70, N = 40 };
    static int32_t x[B * N], y[B * N];
    pe_model_config config = small_config("shaw", NULL);
    config.precision = PE_FLOAT;
    config.dropout = 0.1;
    pe_model *model = model_of(&config);
    const size_t size = pe_model_size(model);
    double *gradient[3];
    for (int i = 0; i < B * N; i++) {
        x[i] = i * i % 7;
        y[i] = i * 5 % 7;
    }
    const int before = omp_get_max_threads();
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        gradient[threads - 1] = calloc(size, sizeof(double));
        pe_gradient_job job = {.batch = B,
                               .n = N,
                               .tokens = x,
                               .targets = y,
                               .training = true,
                               .gradient = gradient[threads - 1]};
        CU_ASSERT_EQUAL(pe_model_gradient(model, &job, NULL), PE_OK);
    }
    omp_set_num_threads(before);
    for (int t = 1; t < 3; t++)
        CU_ASSERT_EQUAL(memcmp(gradient[0], gradient[t], size * sizeof(double)), 0);
    for (int t = 0; t < 3; t++)
        free(gradient[t]);
    pe_model_release(model);
}

static void a_float_model_differs_from_a_double_one_by_rounding(void)
{
    pe_model_config config = small_config("transformer_xl", NULL);
    pe_model *wide = model_of(&config);
    config.precision = PE_FLOAT;
    pe_model *narrow = model_of(&config);
    const size_t size = pe_model_size(wide);
    double *a = calloc(size, sizeof *a), *b = calloc(size, sizeof *b), worst = 0;
    loss_of(wide, (setup){0}, a);
    loss_of(narrow, (setup){0}, b);
    for (size_t i = 0; i < size; i++)
        worst = fmax(worst, fabs(a[i] - b[i]));
    PE_NEAR("float gradient", worst, 0, 64 * 1.2e-7); /* 64 epsilons of float */
    free(a);
    free(b);
    pe_model_release(wide);
    pe_model_release(narrow);
}

static void nothing_is_left_behind(void)
{
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("model: gradients", PE_TEST(gradients_are_right_without_encoding),
             PE_TEST(gradients_are_right_for_code_rows),
             PE_TEST(gradients_are_right_for_code_beside_the_rows),
             PE_TEST(gradients_are_right_for_rows_by_offset),
             PE_TEST(gradients_are_right_for_projected_rows_and_shared_vectors),
             PE_TEST(gradients_are_right_for_turned_heads),
             PE_TEST(gradients_are_right_for_pair_biases_and_states_and_logits),
             PE_TEST(gradients_are_right_when_a_position_map_draws),
             PE_TEST(gradients_are_right_with_dropout),
             PE_TEST(gradients_are_right_in_both_directions_with_padding),
             PE_TEST(gradients_are_right_with_a_tied_head_and_scaled_rows),
             PE_TEST(gradients_are_right_with_a_layer_schedule),
             PE_TEST(a_pullback_agrees_with_differences_of_the_logit),
             PE_TEST(gradients_have_the_same_bytes_at_any_number_of_threads),
             PE_TEST(a_float_model_differs_from_a_double_one_by_rounding),
             PE_TEST(nothing_is_left_behind))
