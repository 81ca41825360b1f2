/* The experiment `probes` as a whole. */
#include "trained.h"

static void no_model_without_positions_beats_the_floor_and_others_do(void)
{
    static const char *const ids[] = {"none", "rope"};
    pe_buffer json = {0};
    run("probes", ids, 2, 24 + 4 + 2, &json);
    PE_CONTAINS(json.bytes, "accuracy of the left neighbour, no mask, seed 1");
    PE_CONTAINS(json.bytes, "accuracy of the left neighbour, causal mask, worst seed");
    pe_buffer_release(&json);
}

PE_EXPERIMENT_TEST_MAIN("program: probes",
                        PE_TEST(no_model_without_positions_beats_the_floor_and_others_do))
