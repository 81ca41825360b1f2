/* The experiment `learning` as a whole, and trainings that are kept. */
#include "trained.h"

static void learning_raises_the_share_of_distance_and_leaves_unused_rows(void)
{
    static const char *const ids[] = {"none", "learned"};
    pe_buffer json = {0};
    run("learning", ids, 2, 6, &json);
    PE_CONTAINS(json.bytes, "R2 of the diagonals after training");
    PE_CONTAINS(json.bytes, "largest change of a row past the trained length");
    pe_buffer_release(&json);
}

/* ---- lab/training -------------------------------------------------------------------------------
 */

static pe_status count_look(pe_model *model, int stage, int64_t step, void *context, pe_error *err)
{
    int *seen = context;
    (void)model, (void)err;
    seen[stage]++;
    return step == 4 * stage ? PE_OK : PE_USAGE;
}

static int checks_left;
static pe_status interrupt_soon(pe_error *err)
{
    return checks_left-- > 0 ? PE_OK : pe_fail(err, PE_INTERRUPTED, "interrupted");
}

static void a_kept_training_goes_on_and_gives_the_same_bytes(void)
{
    static const char *const ids[] = {"learned"};
    static const int64_t stages[] = {0, 4, 8};
    const pe_task_config task = {.kind = PE_TASK_LEFT, .length = 8, .symbols = 4, .causal = true};
    char keep[512];
    int seen[3] = {0};
    pe_error err = {0};
    pe_lab lab;
    pe_trained trained[2];
    open_lab(&lab, ids, 1);
    pe_lab_recipe recipe = pe_lab_recipe_of(&lab, &task, 1, 8, 2);
    recipe.steps = 12, recipe.batch = 2;
    CU_ASSERT_EQUAL_FATAL(pe_lab_train(&lab, lab.subjects, &recipe, &trained[0], &err), PE_OK);
    CU_ASSERT_EQUAL(trained[0].row_count, 12);
    snprintf(keep, sizeof keep, "%s/kept", pe_test_folder());
    lab.keep = keep;
    recipe.stages = stages, recipe.stage_count = 3, recipe.look = count_look, recipe.context = seen;
    lab.check = interrupt_soon;
    checks_left = 14;
    CU_ASSERT_EQUAL(pe_lab_train(&lab, lab.subjects, &recipe, &trained[1], &err), PE_INTERRUPTED);
    CU_ASSERT_PTR_NULL(trained[1].model);
    CU_ASSERT_EQUAL(seen[0], 1);
    lab.check = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_lab_train(&lab, lab.subjects, &recipe, &trained[1], &err), PE_OK);
    CU_ASSERT_EQUAL(seen[0], 2); /* from its snapshot */
    CU_ASSERT_TRUE(seen[2] >= 1);
    CU_ASSERT_EQUAL(trained[1].row_count, 12);
    CU_ASSERT_EQUAL(trained[0].held_out, trained[1].held_out);
    CU_ASSERT_EQUAL(trained[0].rows[11].loss, trained[1].rows[11].loss);
    pe_lab_trained_release(&trained[0]);
    pe_lab_trained_release(&trained[1]);
    pe_lab_close(&lab);
}

static void who_cannot_do_a_task_says_why(void)
{
    static const char *const ids[] = {"learned"};
    const pe_task_config task = {.kind = PE_TASK_TEXT, .length = 16}; /* not causal */
    pe_error err = {0};
    pe_lab lab;
    pe_trained trained;
    open_lab(&lab, ids, 1);
    const pe_lab_recipe recipe = pe_lab_recipe_of(&lab, &task, 1, 8, 2);
    const pe_status status = pe_lab_train(&lab, lab.subjects, &recipe, &trained, &err);
    CU_ASSERT_TRUE(pe_lab_declined(status));
    CU_ASSERT_TRUE(strlen(err.text) > 10);
    CU_ASSERT_PTR_NULL(trained.task);
    pe_lab_close(&lab);
}

PE_EXPERIMENT_TEST_MAIN("program: learning",
                        PE_TEST(a_kept_training_goes_on_and_gives_the_same_bytes),
                        PE_TEST(who_cannot_do_a_task_says_why),
                        PE_TEST(learning_raises_the_share_of_distance_and_leaves_unused_rows))
