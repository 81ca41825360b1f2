/* Every golden case, through the real program, in both precisions and by both methods; and a
 * planted error is found where it was planted. */
#include "program.h"

#include <dirent.h>

enum { MOST_CASES = 256 };

static char cases[MOST_CASES][128];
static int case_count;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_cases(void)
{
    if (case_count)
        return;
    DIR *folder = opendir(POSENC_SOURCE_DIR "/tests/golden");
    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        snprintf(path, sizeof path, POSENC_SOURCE_DIR "/tests/golden/%s/case.json", entry->d_name);
        if (access(path, R_OK) == 0 && case_count < MOST_CASES)
            snprintf(cases[case_count++], sizeof cases[0], "%.127s", entry->d_name);
    }
    closedir(folder);
    qsort(cases, (size_t)case_count, sizeof cases[0], by_name);
    CU_ASSERT_EQUAL(case_count, 54);
}

static int has_file(const char *name, const char *file)
{
    char path[1024];
    snprintf(path, sizeof path, POSENC_SOURCE_DIR "/tests/golden/%s/%s", name, file);
    return access(path, R_OK) == 0;
}

static void check_all(const char *options, int only_attention)
{
    list_cases();
    for (int i = 0; i < case_count; i++) {
        if (only_attention && !has_file(cases[i], "q.npy") && !has_file(cases[i], "Wq.npy"))
            continue;
        const outcome *o = run("$P check \"$G/%s\" %s", cases[i], options);
        EXPECT_CODE(o, 0, cases[i]);
        if (o->code == 0)
            PE_CONTAINS(last_line(o->out), "largest difference");
    }
}

static void every_case_passes_in_double(void)
{
    check_all("--precision f64", 0);
}

static void every_case_passes_in_float(void)
{
    check_all("--precision f32", 0);
}

static void every_attention_passes_in_blocks_in_double(void)
{
    check_all("--precision f64 --method tiled", 1);
}

static void every_attention_passes_in_blocks_in_float(void)
{
    check_all("--precision f32 --method tiled", 1);
}

static void every_case_passes_when_the_variants_come_from_files(void)
{
    check_all("--quiet $(for m in \"$M\"/*.so; do echo --replace \"$m\"; done)", 0);
}

/* What is compared in an attention: nothing may silently drop out of the comparison. */
static void all_that_an_attention_holds_is_compared(void)
{
    static const struct {
        const char *name, *files;
    } expected[] = {
        {"shaw_cached_q2_kv9_k3_causal", "index mask logits_content logits_relative logits probs "
                                         "out grad_q grad_k grad_v grad_rel_k grad_rel_v"},
        {"txl_L4_M8_clamp5",
         "R mask term_a term_b term_c term_d logits probs attn_vec out grad_x grad_mem grad_Wq "
         "grad_WkE grad_Wv grad_WkR grad_u grad_vbias grad_Wo"},
        {"rope_half_partial6_d7", "cos sin q_rot k_rot mask logits probs out grad_q grad_k grad_v"},
        {"alibi_h6_L9_bidirectional", "slopes bias mask logits probs out grad_q grad_k grad_v"},
        {"t5_bidirectional_h4_L13",
         "buckets mask logits probs out grad_q grad_k grad_v grad_table"},
        {"absolute_learned_bidirectional_h1",
         "x mask logits probs out grad_tok grad_pos grad_Wq grad_Wk grad_Wv grad_Wo"},
        {"embedding_learned_scaled_start2_d6", "out grad_tok grad_pos"},
        {"embedding_sinusoidal_scaled_d7", "out grad_tok"},
        {"cape1d_shift_scale_L9_d7", "positions pe"},
        {"sinusoidal_padded_b3_L6_d12", "positions pe"},
        {"sinusoidal_t2t_d7_from3", "frequencies pe"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const outcome *o = run("$P check \"$G/%s\" | awk '$2 == \"same\" {print $1}' | xargs echo",
                               expected[i].name);
        char files[256];
        snprintf(files, sizeof files, "%s\n", expected[i].files);
        CU_ASSERT_STRING_EQUAL(o->out, files);
    }
}

static void every_gradient_file_is_compared(void)
{
    const outcome *o = run("ls \"$G\"/*/grad_*.npy | wc -l");
    CU_ASSERT_EQUAL(atoi(o->out), 149);
    o = run("$P check \"$G\"/*/ --files | awk '$1 ~ /^grad_/ {n[$2]++} "
            "END {for (v in n) print v, n[v]}'");
    CU_ASSERT_STRING_EQUAL(o->out, "same 149\n");
}

/* ---- planted errors ---- */

/* Add `change` to element `at` of a float64 file of a copy of a case. */
static void plant(const char *name, const char *file, long at, double change)
{
    char path[256];
    double x = 0;
    run("rm -rf planted && cp -r \"$G/%s\" planted && chmod -R u+w planted", name);
    snprintf(path, sizeof path, "planted/%s.npy", file);
    FILE *f = open_npy_at(path, "r+b", at);
    CU_ASSERT_EQUAL(fread(&x, sizeof x, 1, f), 1);
    x += change;
    CU_ASSERT_EQUAL(fseek(f, -8, SEEK_CUR), 0);
    CU_ASSERT_EQUAL(fwrite(&x, sizeof x, 1, f), 1);
    fclose(f);
}

static void a_wrong_output_is_found_and_its_place_is_named(void)
{
    plant("shaw_cached_q2_kv9_k3_causal", "out", 31, 1e-9); /* (1,4,2,6): [0][2][1][1] */
    const outcome *o = run("$P check planted");
    EXPECT_CODE(o, 1, "planted output");
    PE_CONTAINS(last_line(o->out), "planted/out.npy[0][2][1][1]");
    PE_CONTAINS(last_line(o->out), "largest difference 1e-09");
    PE_CONTAINS(o->err, "1 of 1 cases differ");
}

static void a_wrong_intermediate_is_found_too(void)
{
    plant("txl_L4_M8_clamp5", "term_b", 0, 1e-6);
    const outcome *o = run("$P check planted");
    EXPECT_CODE(o, 1, "planted term");
    PE_CONTAINS(last_line(o->out), "planted/term_b.npy[0][0][0][0]");
}

static void wrong_gradients_of_an_embedding_are_found(void)
{
    plant("embedding_learned_scaled_start2_d6", "grad_tok", 7, 1e-9);
    EXPECT_CODE(run("$P check planted"), 1, "planted gradient of the tokens");
    plant("absolute_learned_bidirectional_h1", "grad_pos", 8, 1e-9); /* (12,7): [1][1] */
    const outcome *o = run("$P check planted");
    EXPECT_CODE(o, 1, "planted gradient of the positions");
    PE_CONTAINS(last_line(o->out), "planted/grad_pos.npy[1][1]");
}

static void a_wrong_input_makes_outputs_differ(void)
{
    plant("shaw_L5_k9_h1_b1_d7", "q", 3, 1e-6);
    EXPECT_CODE(run("$P check planted"), 1, "planted input");
}

static void a_difference_within_the_tolerance_is_none(void)
{
    plant("shaw_cached_q2_kv9_k3_causal", "out", 31, 1e-13);
    EXPECT_CODE(run("$P check planted"), 0, "tiny change");
    EXPECT_CODE(run("$P check planted --tolerance 1e-15"), 1, "tiny change, tight tolerance");
}

static void what_lies_under_the_mask_is_not_compared(void)
{
    plant("shaw_L13_k3_h4_b3_causal", "logits", 1, 5.0); /* query 0, key 1: the future */
    EXPECT_CODE(run("$P check planted"), 0, "masked logit");
    plant("shaw_L13_k3_h4_b3_causal", "logits", 0, 5.0);
    EXPECT_CODE(run("$P check planted"), 1, "visible logit");
}

static void one_bad_case_among_good_ones_is_counted(void)
{
    plant("shaw_L5_k9_h1_b1_d7", "out", 0, 1.0);
    const outcome *o = run("$P check \"$G/shaw_L6_k0_h2\" planted \"$G/shaw_L1_k2_h1_b1\"");
    EXPECT_CODE(o, 1, "one of three");
    PE_CONTAINS(o->err, "1 of 3 cases differ");
    PE_CONTAINS(o->out, "DIFFERS planted");
}

static void json_says_the_same_as_the_text(void)
{
    plant("shaw_L5_k9_h1_b1_d7", "out", 2, 1.0);
    const outcome *o = run("$P check planted --json");
    EXPECT_CODE(o, 1, "json");
    PE_CONTAINS(o->out, "\"failed\": 1");
    PE_CONTAINS(o->out, "\"where\": \"planted/out.npy[0][0][0][2]\"");
}

/* ---- attend ---- */

static void what_attend_writes_is_a_case_that_passes(void)
{
    static const char *const names[] = {"shaw_padded_b3_L7_k2", "txl_L5_M3_h1_b3_headdim7",
                                        "shaw_cached_q2_kv9_k3_causal", "embedding_none_L1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EXPECT_CODE(run("rm -rf made && $P attend \"$G/%s\" -o made", names[i]), 0, names[i]);
        EXPECT_CODE(run("$P check made"), 0, names[i]);
        EXPECT_CODE(run("$P check made --precision f32 --method tiled"), 0, names[i]);
    }
}

static void attend_shows_the_terms_one_by_one(void)
{
    EXPECT_CODE(run("rm -rf made && $P attend \"$G/txl_L1_M6_h2_b1\" -o made"), 0, "attend");
    EXPECT_CODE(run("cd made && ls out.npy logits.npy probs.npy mask.npy term_a.npy term_b.npy "
                    "term_c.npy term_d.npy x.npy WkR.npy case.json"),
                0, "files of attend");
}

static void attend_writes_the_gradients_of_an_embedding(void)
{
    static const char *const names[] = {"embedding_learned_d8",
                                        "absolute_learned_bidirectional_h1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EXPECT_CODE(run("rm -rf made && $P attend \"$G/%s\" -o made --grad", names[i]), 0,
                    names[i]);
        const outcome *o = run("$P check made --files | awk '$1 ~ /^grad_(tok|pos)$/ {print $2}' "
                               "| xargs echo");
        CU_ASSERT_STRING_EQUAL(o->out, "same same\n");
    }
}

PE_TEST_MAIN(
    "program: golden cases", PE_TEST(every_case_passes_in_double),
    PE_TEST(every_case_passes_in_float), PE_TEST(every_attention_passes_in_blocks_in_double),
    PE_TEST(every_attention_passes_in_blocks_in_float),
    PE_TEST(every_case_passes_when_the_variants_come_from_files),
    PE_TEST(all_that_an_attention_holds_is_compared), PE_TEST(every_gradient_file_is_compared),
    PE_TEST(wrong_gradients_of_an_embedding_are_found),
    PE_TEST(a_wrong_output_is_found_and_its_place_is_named),
    PE_TEST(a_wrong_intermediate_is_found_too), PE_TEST(a_wrong_input_makes_outputs_differ),
    PE_TEST(a_difference_within_the_tolerance_is_none),
    PE_TEST(what_lies_under_the_mask_is_not_compared),
    PE_TEST(one_bad_case_among_good_ones_is_counted), PE_TEST(json_says_the_same_as_the_text),
    PE_TEST(what_attend_writes_is_a_case_that_passes), PE_TEST(attend_shows_the_terms_one_by_one),
    PE_TEST(attend_writes_the_gradients_of_an_embedding))
