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

int main(int argc, char **argv)
{
    static const pe_test tests[] = {
        PE_TEST(no_model_without_positions_beats_the_floor_and_others_do)};
    pe_analysis_start();
    pe_registry_start();
    return pe_run_tests("program: probes", tests, sizeof tests / sizeof tests[0], argc, argv);
}
