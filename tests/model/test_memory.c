/* Memory of a training step grows in proportion to the length: counted from what is allocated, so
 * that neither the machine nor its load matters. */
#include "base/memory.h"
#include "model/train.h"
#include "models.h"

enum { LAYERS = 4, WIDTH = 64, SPLIT = 4, LENGTHS = 4, FIRST = 256, SYMBOLS = 16 };

/* The most bytes that one step holds at once, beyond what the training holds before it. */
static double bytes_of_step(const char *id, int64_t length)
{
    const pe_task_config task_config = {
        .kind = PE_TASK_RECALL, .length = length, .symbols = SYMBOLS, .causal = true};
    pe_task *task = NULL;
    pe_training *training = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_task_create(&task_config, &task, NULL), PE_OK);
    const pe_model_config model_config = {.layers = LAYERS,
                                          .width = WIDTH,
                                          .heads = SPLIT,
                                          .vocabulary = pe_task_vocabulary(task),
                                          .length = length,
                                          .causal = true,
                                          .precision = PE_FLOAT,
                                          .variant = variant_of(id)};
    pe_model *model = model_of(&model_config);
    const pe_training_config config = {.model = model,
                                       .task = task,
                                       .optimiser = pe_optimiser_standard(),
                                       .batch = 1,
                                       .steps = 2,
                                       .held_out_every = -1};
    CU_ASSERT_EQUAL_FATAL(pe_training_create(&config, &training, NULL), PE_OK);
    pe_memory_restart_peak();
    const size_t before = pe_memory_held();
    CU_ASSERT_EQUAL(pe_training_run(training, 1, NULL), PE_OK);
    const double bytes = (double)(pe_memory_peak() - before);
    pe_training_release(training);
    pe_model_release(model);
    pe_task_release(task);
    return bytes;
}

/* Numbers that a token needs, from the list of model/pass_typed.h: for each layer rows x, mid and
 * two norms, q, k, v, out and joined, the MLP before and after GELU, means and sums; once the last
 * row, its norm, two gradients and a spare, four gradients of heads, the logits, the widest
 * product, a code. Then attention while it is pulled back: mapped q, k, v and their gradients, keys
 * and values in panels, a table of rows by offset with its gradient, panels and two bands of 64
 * queries. */
static double numbers_of_token(void)
{
    const double X = WIDTH, I = WIDTH, F = 4 * WIDTH, C = SYMBOLS + 3, D = WIDTH / SPLIT;
    const double layer = 4 * X + 5 * I + 2 * F + 4 + SPLIT;
    const double once = 5 * X + 4 * I + C + F + X + 2 + 8;
    const double attention = 3 * I + 3 * I + 2 * D + 3 * I + D + 4 * 64;
    return LAYERS * layer + once + attention;
}

/* An array over pairs of tokens would hold 4 MiB at 1024 tokens and 16 MiB at 2048, for one head. A
 * block of the allocator is rounded up to a large page, which few blocks of a step have. */
static void memory_of_a_step_is_linear_in_the_length(void)
{
    static const char *const ids[] = {"learned", "shaw", "transformer_xl", "rope"};
    const double page = 2.0 * (1 << 20), rounding = 2 * page;
    for (size_t v = 0; v < sizeof ids / sizeof ids[0]; v++) {
        double bytes[LENGTHS];
        for (int i = 0; i < LENGTHS; i++)
            bytes[i] = bytes_of_step(ids[v], FIRST << i);
        const double last = bytes[LENGTHS - 1], length = FIRST << (LENGTHS - 1);
        const double bound = 4 * numbers_of_token() * length + 2 * page + rounding;
        printf("\n    %s: %.2f MiB at %.0f tokens, bound %.2f; ", ids[v], last / (1 << 20), length,
               bound / (1 << 20));
        CU_ASSERT(last <= bound);
        for (int i = 2; i < LENGTHS; i++) {
            const double grown = bytes[i] - bytes[i - 1], before = bytes[i - 1] - bytes[i - 2];
            printf("%.3f ", grown / before);
            CU_ASSERT(grown <= 2 * before + rounding);
        }
    }
}

PE_TEST_MAIN("model: memory of training", PE_TEST(memory_of_a_step_is_linear_in_the_length))
