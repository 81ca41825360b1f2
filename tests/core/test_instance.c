#include "fixtures.h"
#include "../../variants/template/template.c"

#include <string.h>

static void expect_refusal(const pe_variant *variant, pe_dims dims, const char *name,
                           const char *text, const char *sentence)
{
    const pe_setting setting = {name, text};
    pe_instance *instance = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_instance_create(variant, &dims, &setting, name ? 1 : 0, 7, &instance, &err),
                    PE_USAGE);
    CU_ASSERT_PTR_NULL(instance);
    PE_CONTAINS(err.text, sentence);
}

static void wrong_options_and_dims_get_a_sentence(void)
{
    const pe_dims dims = {.heads = 2, .head_dim = 4};
    const pe_variant *odd = &pe_variant_odd, *cosine = &pe_variant_template;
    expect_refusal(odd, dims, "edgy", "zero", "odd has no option edgy; did you mean edge?");
    expect_refusal(odd, dims, "edge", "left", "must be one of repeat|zero|undefined");
    expect_refusal(odd, dims, "values", "yes", "must be true or false");
    expect_refusal(cosine, dims, "length", "2.5", "must be a whole number from 1 to");
    expect_refusal(cosine, dims, "length", "0", "must be a whole number from 1 to");
    expect_refusal(cosine, dims, "length", "nan", "must be a whole number");
    expect_refusal(cosine, dims, "length", "12x", "must be a whole number");
    expect_refusal(odd, dims, "numbers", "1,9", "must be a number from -5 to 5");
    expect_refusal(odd, (pe_dims){.heads = 0, .head_dim = 4}, NULL, NULL, "heads is 0");
    expect_refusal(odd, (pe_dims){.heads = 2, .head_dim = -1}, NULL, NULL, "head_dim is -1");
    expect_refusal(odd, (pe_dims){.heads = 4, .head_dim = 4, .kv_heads = 3}, NULL, NULL,
                   "kv_heads is 3, but must divide heads, 4");
    expect_refusal(odd, (pe_dims){.heads = 1, .head_dim = 2000}, NULL, NULL,
                   "odd: head_dim is 2000, but at most 1000 fit");
}

static void null_means_the_default_and_lists_are_read(void)
{
    const pe_setting settings[] = {{"edge", "null"}, {"numbers", "1,-2.5,3"}};
    pe_instance *instance = make_odd(settings, 2);
    CU_ASSERT_EQUAL(instance->opt[ODD_EDGE].x[0], 0);
    CU_ASSERT_EQUAL(instance->opt[ODD_LIST].n, 3);
    CU_ASSERT_EQUAL(instance->opt[ODD_LIST].x[1], -2.5);
    pe_instance_release(instance);
}

static pe_instance *make_cosine(int width)
{
    *pe_variant_template.quad_math = &pe_host_quad_math;
    const pe_dims dims = {.heads = 1, .head_dim = width};
    pe_instance *instance = NULL;
    CU_ASSERT_EQUAL_FATAL(
        pe_instance_create(&pe_variant_template, &dims, NULL, 0, 7, &instance, NULL), PE_OK);
    return instance;
}

static void codes_come_in_three_precisions_that_agree(void)
{
    pe_instance *instance = make_cosine(6);
    const double coord[3] = {0, 5, 1234.5};
    pe_wide codes[3];
    for (int p = 0; p < 3; p++)
        CU_ASSERT_EQUAL_FATAL(
            pe_instance_codes(instance, (pe_precision)p, 3, coord, &codes[p], NULL), PE_OK);
    for (size_t at = 0; at < 18; at++) {
        PE_NEAR("float", pe_wide_difference(&codes[PE_FLOAT], &codes[PE_QUADRUPLE], at), 0, 1e-5);
        PE_NEAR("double", pe_wide_difference(&codes[PE_DOUBLE], &codes[PE_QUADRUPLE], at), 0,
                1e-14);
    }
    for (int p = 0; p < 3; p++)
        pe_wide_release(&codes[p]);
    pe_instance_release(instance);
}

static void an_embedding_scales_the_token_and_not_the_code(void)
{
    pe_instance *instance = make_cosine(4);
    const double table[8] = {1, 2, 3, 4, -1, 0, 1, 0};
    const int64_t ids[3] = {1, 0, 1};
    pe_embedding_job job = {.instance = instance,
                            .precision = PE_DOUBLE,
                            .n = 3,
                            .ids = ids,
                            .table = table,
                            .vocabulary = 2,
                            .padding_id = -1,
                            .start = 2,
                            .scale_sqrt_d = true};
    pe_wide rows, codes;
    int width;
    CU_ASSERT_EQUAL_FATAL(pe_run_embedding(&job, &rows, &width, NULL), PE_OK);
    CU_ASSERT_EQUAL(width, 4);
    const double coord[3] = {2, 3, 4};
    pe_instance_codes(instance, PE_DOUBLE, 3, coord, &codes, NULL);
    for (int t = 0; t < 3; t++)
        for (int c = 0; c < 4; c++)
            PE_NEAR("row", rows.hi[t * 4 + c], 2 * table[ids[t] * 4 + c] + codes.hi[t * 4 + c], 0);
    pe_wide_release(&rows);
    pe_wide_release(&codes);
    pe_instance_release(instance);
}

static void padding_has_no_code_and_positions_count_real_tokens(void)
{
    pe_instance *instance = make_cosine(4);
    const double table[8] = {0};
    const int64_t ids[4] = {1, 0, 1, 0}; /* 1 is padding */
    pe_embedding_job job = {.instance = instance,
                            .precision = PE_DOUBLE,
                            .n = 4,
                            .ids = ids,
                            .table = table,
                            .vocabulary = 2,
                            .padding_id = 1};
    pe_wide rows, codes;
    int width;
    CU_ASSERT_EQUAL_FATAL(pe_run_embedding(&job, &rows, &width, NULL), PE_OK);
    const double coord[2] = {0, 1};
    pe_instance_codes(instance, PE_DOUBLE, 2, coord, &codes, NULL);
    for (int c = 0; c < 4; c++) {
        CU_ASSERT_EQUAL(rows.hi[c], 0);
        CU_ASSERT_EQUAL(rows.hi[4 + c], codes.hi[c]);
        CU_ASSERT_EQUAL(rows.hi[8 + c], 0);
        CU_ASSERT_EQUAL(rows.hi[12 + c], codes.hi[4 + c]);
    }
    pe_wide_release(&rows);
    pe_wide_release(&codes);
    pe_instance_release(instance);
}

static void dropout_keeps_the_mean_and_its_seed(void)
{
    pe_instance *instance = make_cosine(64);
    double table[64];
    int64_t ids[64] = {0};
    for (int c = 0; c < 64; c++)
        table[c] = 100;
    pe_embedding_job job = {.instance = instance,
                            .precision = PE_DOUBLE,
                            .n = 64,
                            .ids = ids,
                            .table = table,
                            .vocabulary = 1,
                            .padding_id = -1,
                            .dropout = 0.25,
                            .seed = 11};
    pe_wide first, second, other;
    int width, kept = 0;
    pe_run_embedding(&job, &first, &width, NULL);
    pe_run_embedding(&job, &second, &width, NULL);
    job.sequence = 1;
    pe_run_embedding(&job, &other, &width, NULL);
    CU_ASSERT_EQUAL(memcmp(first.hi, second.hi, 4096 * sizeof(double)), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first.hi, other.hi, 4096 * sizeof(double)), 0);
    for (int at = 0; at < 4096; at++)
        kept += first.hi[at] != 0;
    PE_NEAR("share kept", kept / 4096.0, 0.75, 4 * sqrt(0.75 * 0.25 / 4096));
    pe_wide_release(&first);
    pe_wide_release(&second);
    pe_wide_release(&other);
    pe_instance_release(instance);
}

static void a_token_outside_the_table_is_named(void)
{
    pe_instance *instance = make_cosine(4);
    const double table[8] = {0};
    const int64_t ids[2] = {0, 2};
    const pe_embedding_job job = {.instance = instance,
                                  .precision = PE_DOUBLE,
                                  .n = 2,
                                  .ids = ids,
                                  .table = table,
                                  .vocabulary = 2,
                                  .padding_id = -1};
    pe_wide rows;
    int width;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_run_embedding(&job, &rows, &width, &err), PE_USAGE);
    PE_CONTAINS(err.text, "token 1 has id 2, but the table has rows 0 to 1");
    pe_instance_release(instance);
}

PE_TEST_MAIN("core: instance", PE_TEST(wrong_options_and_dims_get_a_sentence),
             PE_TEST(null_means_the_default_and_lists_are_read),
             PE_TEST(codes_come_in_three_precisions_that_agree),
             PE_TEST(an_embedding_scales_the_token_and_not_the_code),
             PE_TEST(padding_has_no_code_and_positions_count_real_tokens),
             PE_TEST(dropout_keeps_the_mean_and_its_seed),
             PE_TEST(a_token_outside_the_table_is_named))
