/* The experiment `symmetry` as a whole: the measures themselves are tested in tests/analysis. */
#include "experiment.h"

static pe_status run_at(int64_t length, const pe_lab_choice *choices, int count,
                        pe_status (*check)(pe_error *), pe_result **result, pe_error *err)
{
    pe_lab_size size = small_lab();
    size.length = length;
    return run_experiment("symmetry", &size, choices, count, check, result, err);
}

static pe_status run(const pe_lab_choice *choices, int count, pe_status (*check)(pe_error *),
                     pe_result **result, pe_error *err)
{
    return run_at(32, choices, count, check, result, err);
}

static void every_variant_passes_at_a_small_size(void)
{
    pe_result *result;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run(NULL, 0, NULL, &result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT_TRUE(pe_result_count(result, PE_VERDICT_PASS) > 50);
    pe_buffer drawn = {0};
    CU_ASSERT_EQUAL(pe_report_drawn(result, &drawn, &err), PE_OK);
    PE_CONTAINS(drawn.bytes, "relative, odd"); /* a panel's name: the figures are there */
    pe_buffer_release(&drawn);
    pe_result_release(result);
}

/* The licence begins with blanks: in windows of eight bytes, equal tokens have equal logits. */
static void windows_of_one_repeated_byte_are_left_out(void)
{
    pe_result *result;
    pe_error err = {0};
    pe_buffer text = {0};
    CU_ASSERT_EQUAL_FATAL(run_at(8, NULL, 0, NULL, &result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT_EQUAL(pe_report_text(result, &text, &err), PE_OK);
    PE_CONTAINS(text.bytes, "nothing to split");
    pe_buffer_release(&text);
    pe_result_release(result);
}

static void the_control_alone_is_a_sound_report(void)
{
    pe_result *result;
    pe_error err = {0};
    const pe_lab_choice control = {.variant = variant_of("none")};
    CU_ASSERT_EQUAL_FATAL(run(&control, 1, NULL, &result, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_result_check(result, &err), PE_OK);
    pe_result_release(result);
}

static void the_same_seed_gives_the_same_bytes(void)
{
    pe_buffer text[2] = {{0}, {0}};
    for (int r = 0; r < 2; r++) {
        pe_result *result;
        pe_error err = {0};
        CU_ASSERT_EQUAL_FATAL(run(NULL, 0, NULL, &result, &err), PE_OK);
        CU_ASSERT_EQUAL(pe_report_json(result, &text[r], &err), PE_OK);
        pe_result_release(result);
    }
    CU_ASSERT_EQUAL(text[0].size, text[1].size);
    CU_ASSERT_EQUAL(memcmp(text[0].bytes, text[1].bytes, text[0].size), 0);
    pe_buffer_release(&text[0]);
    pe_buffer_release(&text[1]);
}

/* A variant with codes whose setup also claims what cannot be true of codes. */
static const pe_variant *honest;
static bool boast(pe_setup *s)
{
    const bool fits = honest->setup(s);
    s->claims |= PE_CLAIM_TRANSLATION_INVARIANT;
    return fits;
}

static const pe_variant *first_random_table(void)
{
    const pe_dims dims = {.heads = 2, .head_dim = 8, .max_len = 32};
    for (size_t v = 0; v < pe_registry_count(); v++) {
        pe_instance *instance = NULL;
        if (pe_instance_create(pe_registry_at(v), &dims, NULL, 0, 1, &instance, NULL) != PE_OK)
            continue;
        const bool wanted = instance->info.embed_width > 0 && instance->info.param_count > 0 &&
                            !instance->info.param[0].frozen;
        pe_instance_release(instance);
        if (wanted)
            return pe_registry_at(v);
    }
    return NULL;
}

static void a_false_claim_is_reported_and_not_believed(void)
{
    honest = first_random_table();
    CU_ASSERT_PTR_NOT_NULL_FATAL(honest);
    pe_variant boaster = *honest;
    boaster.setup = boast;
    const pe_lab_choice choice = {.variant = &boaster};
    pe_result *result;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(run(&choice, 1, NULL, &result, &err), PE_OK);
    CU_ASSERT_TRUE(pe_result_count(result, PE_VERDICT_FAIL) >= 2); /* S1, and the claims matrix */
    pe_result_release(result);
}

static void an_interrupted_run_ends_and_leaks_nothing(void)
{
    const long before = pe_live_blocks();
    pe_result *result;
    pe_error err = {0};
    CU_ASSERT_EQUAL(run(NULL, 0, interrupted_at_once, &result, &err), PE_INTERRUPTED);
    pe_result_release(result);
    CU_ASSERT_EQUAL(pe_live_blocks(), before);
}

PE_EXPERIMENT_TEST_MAIN("program: symmetry", PE_TEST(every_variant_passes_at_a_small_size),
                        PE_TEST(windows_of_one_repeated_byte_are_left_out),
                        PE_TEST(the_control_alone_is_a_sound_report),
                        PE_TEST(the_same_seed_gives_the_same_bytes),
                        PE_TEST(a_false_claim_is_reported_and_not_believed),
                        PE_TEST(an_interrupted_run_ends_and_leaks_nothing))
