/* The experiment `effective_context` as a whole. */
#include "trained.h"

static void linear_biases_have_exact_horizons_and_memory_gives_the_same_logits(void)
{
    static const char *const ids[] = {"none", "alibi", "transformer_xl"};
    pe_buffer json = {0};
    run("effective_context", ids, 3, 8 + 3, &json);
    PE_CONTAINS(json.bytes, "effective context by gradients, head 0, slope 0.5");
    PE_CONTAINS(json.bytes, "kept against recomputed");
    pe_buffer_release(&json);
}

PE_EXPERIMENT_TEST_MAIN("program: effective context",
                        PE_TEST(linear_biases_have_exact_horizons_and_memory_gives_the_same_logits))
