/* Evaluation: losses, hidden states, weights, and segments with memory against the whole text. */
#include "base/memory.h"
#include "model/evaluate.h"
#include "models.h"

#include <math.h>

enum { N = 24, V = 7, SEGMENT = 6, L = 2, H = 2, X = 8 };

static int32_t tokens[N], targets[N];

static void fill_tokens(void)
{
    for (int i = 0; i < N; i++) {
        tokens[i] = (i * i + 3 * i) % V;
        targets[i] = (i * 5 + 1) % V;
    }
}

static pe_model *model_for(const char *id, pe_precision precision)
{
    pe_model_config config = small_config(id, NULL);
    config.length = 64;
    config.precision = precision;
    fill_tokens();
    return model_of(&config);
}

/* Keys of all earlier segments are kept, so nothing is lost: the same logits. */
static void segments_with_memory_give_the_logits_of_the_whole(void)
{
    const char *ids[] = {"transformer_xl", "shaw", "rope", "learned", "sinusoidal", "fox", "t5"};
    for (int k = 0; k < 7; k++) {
        pe_model *model = model_for(ids[k], PE_DOUBLE);
        pe_past *past = NULL;
        double whole[N * V], part[SEGMENT * V], worst = 0;
        pe_evaluation all = {.batch = 1, .n = N, .tokens = tokens, .logits = whole};
        CU_ASSERT_EQUAL(pe_model_evaluate(model, &all, NULL), PE_OK);
        CU_ASSERT_EQUAL(pe_past_create(model, 1, N, &past, NULL), PE_OK);
        for (int from = 0; from < N; from += SEGMENT) {
            CU_ASSERT_EQUAL(pe_past_held(past), from);
            pe_evaluation job = {
                .batch = 1, .n = SEGMENT, .tokens = tokens + from, .past = past, .logits = part};
            CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, NULL), PE_OK);
            for (int i = 0; i < SEGMENT * V; i++)
                worst = fmax(worst, fabs(part[i] - whole[from * V + i]));
        }
        PE_NEAR(ids[k], worst, 0, 1e-12); /* some hundred roundings of double, logits below 10 */
        pe_past_release(past);
        pe_model_release(model);
    }
}

/* The largest change of the third segment's logits when token `at` is another one, with room for 4
 * tokens between the segments. */
static double effect_of(pe_model *model, int at)
{
    double logits[2][SEGMENT * V], worst = 0;
    for (int other = 0; other < 2; other++) {
        pe_past *past = NULL;
        pe_past_create(model, 1, 4, &past, NULL);
        int32_t text[N];
        memcpy(text, tokens, sizeof text);
        text[at] = other ? 5 : 2;
        for (int from = 0; from < 3 * SEGMENT; from += SEGMENT) {
            pe_evaluation job = {.batch = 1,
                                 .n = SEGMENT,
                                 .tokens = text + from,
                                 .past = past,
                                 .logits = logits[other]};
            CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, NULL), PE_OK);
        }
        CU_ASSERT_EQUAL(pe_past_held(past), 4);
        CU_ASSERT_EQUAL(pe_past_start(past), 3 * SEGMENT);
        pe_past_release(past);
    }
    for (int i = 0; i < SEGMENT * V; i++)
        worst = fmax(worst, fabs(logits[0][i] - logits[1][i]));
    return worst;
}

/* The third segment, tokens 12 .. 17, sees the kept rows 8 .. 11 of the second layer, which saw the
 * kept tokens 2 .. 5: with two layers that is as far as it goes. */
static void memory_reaches_as_far_as_room_and_depth_let_it(void)
{
    pe_model *model = model_for("rope", PE_DOUBLE);
    PE_NEAR("token 1", effect_of(model, 1), 0, 0);
    CU_ASSERT(effect_of(model, 2) > 1e-6);
    pe_model_release(model);
}

static void losses_are_those_of_the_logits(void)
{
    pe_model *model = model_for("shaw", PE_FLOAT);
    double logits[N * V], loss[N], sum = 0;
    int32_t best[N];
    targets[3] = PE_IGNORE;
    pe_evaluation job = {.batch = 2,
                         .n = N / 2,
                         .tokens = tokens,
                         .targets = targets,
                         .logits = logits,
                         .loss = loss,
                         .best = best};
    CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, NULL), PE_OK);
    for (int t = 0; t < N; t++) {
        double z = 0;
        for (int c = 0; c < V; c++) {
            z += exp(logits[t * V + c]);
            CU_ASSERT(logits[t * V + c] <= logits[t * V + best[t]]);
        }
        const double want = t == 3 ? 0 : log(z) - logits[t * V + targets[t]];
        PE_NEAR("loss", loss[t], want, 1e-12);
        sum += want;
    }
    CU_ASSERT_EQUAL(job.asked, N - 1);
    PE_NEAR("mean", job.mean_loss, sum / (N - 1), 1e-12);
    pe_model_release(model);
}

/* Rows of weights sum to 1, see no future, and do not change the logits; the last hidden state is
 * what the head reads. */
static void weights_and_hidden_states_belong_to_the_same_pass(void)
{
    pe_model *model = model_for("alibi", PE_DOUBLE);
    static double weights[L * H * N * N], hidden[(L + 1) * N * X], logits[N * V], plain[N * V];
    pe_evaluation job = {.batch = 1,
                         .n = N,
                         .tokens = tokens,
                         .logits = logits,
                         .hidden = hidden,
                         .weights = weights};
    pe_evaluation without = {.batch = 1, .n = N, .tokens = tokens, .logits = plain};
    CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_model_evaluate(model, &without, NULL), PE_OK);
    for (int row = 0; row < L * H * N; row++) {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            CU_ASSERT(j <= row % N || weights[row * N + j] == 0);
            sum += weights[row * N + j];
        }
        PE_NEAR("sum of weights", sum, 1, 1e-14);
    }
    double head[V * X], gain[X], worst = 0;
    pe_model_get(model, "head.weight", V * X, head, NULL);
    pe_model_get(model, "norm.weight", X, gain, NULL);
    for (int t = 0; t < N; t++) {
        const double *x = hidden + (L * N + t) * X;
        double mean = 0, variance = 0;
        for (int c = 0; c < X; c++)
            mean += x[c] / X;
        for (int c = 0; c < X; c++)
            variance += (x[c] - mean) * (x[c] - mean) / X;
        for (int o = 0; o < V; o++) {
            double sum = 0;
            for (int c = 0; c < X; c++)
                sum += head[o * X + c] * gain[c] * (x[c] - mean) / sqrt(variance + 1e-5);
            worst = fmax(worst, fabs(sum - logits[t * V + o]));
            worst = fmax(worst, fabs(plain[t * V + o] - logits[t * V + o]));
        }
    }
    PE_NEAR("head of the last hidden state", worst, 0, 1e-12);
    pe_model_release(model);
}

static void what_cannot_be_evaluated_is_refused_with_a_sentence(void)
{
    pe_model *model = model_for("learned", PE_FLOAT);
    static int32_t many[65];
    pe_error err = {0};
    pe_evaluation job = {.batch = 1, .n = 65, .tokens = many};
    CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, &err), PE_USAGE);
    PE_CONTAINS(err.text, "positions go from 0 to 63");
    many[2] = V;
    job.n = 8;
    CU_ASSERT_EQUAL(pe_model_evaluate(model, &job, &err), PE_USAGE);
    PE_CONTAINS(err.text, "token 2 is 7");
    pe_model_release(model);
    pe_model_config config = small_config("shaw", NULL);
    config.schedule = "0,7";
    CU_ASSERT_EQUAL(pe_model_create(&config, &model, &err), PE_USAGE);
    PE_CONTAINS(err.text, "0 to 1");
    config = small_config("shaw", NULL);
    config.heads = 3;
    CU_ASSERT_EQUAL(pe_model_create(&config, &model, &err), PE_USAGE);
    PE_CONTAINS(err.text, "do not divide");
    config = small_config("shaw", NULL);
    config.map = variant_of("rope");
    CU_ASSERT_EQUAL(pe_model_create(&config, &model, &err), PE_USAGE);
    PE_CONTAINS(err.text, "positions hook");
}

static void nothing_is_left_behind(void)
{
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("model: evaluation", PE_TEST(segments_with_memory_give_the_logits_of_the_whole),
             PE_TEST(memory_reaches_as_far_as_room_and_depth_let_it),
             PE_TEST(losses_are_those_of_the_logits),
             PE_TEST(weights_and_hidden_states_belong_to_the_same_pass),
             PE_TEST(what_cannot_be_evaluated_is_refused_with_a_sentence),
             PE_TEST(nothing_is_left_behind))
