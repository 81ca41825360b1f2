/* The embedding of whole batches against the plain one of run.h, for every variant. */
#include "base/memory.h"
#include "core/embed.h"
#include "core/run.h"
#include "kernels/kernels.h"
#include "registry/registry.h"
#include "testing.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 3, TOKENS = 150, VOCABULARY = 40, PADDING = 7 };

static int64_t ids[BATCH * TOKENS];

/* Columns of the model: the width that has a partial vector in every kind of kernels. */
static pe_instance *make(const pe_variant *variant, int heads)
{
    const pe_dims dims = {.heads = heads, .head_dim = 38, .max_len = 512};
    pe_instance *instance = NULL;
    pe_error err = {0};
    if (pe_instance_create(variant, &dims, NULL, 0, 3, &instance, &err) != PE_OK)
        printf("\n    %s: %s", variant->id, err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(instance);
    return instance;
}

static void fill(double *table, float *narrow, size_t count)
{
    for (size_t i = 0; i < count; i++)
        table[i] = (double)(narrow[i] = (float)((double)(i * 2654435761u % 1000003) / 5e5 - 1));
    for (int t = 0; t < BATCH * TOKENS; t++)
        ids[t] = t * 13 % VOCABULARY; /* 7 comes again and again */
}

/* Bit for bit: both make one product and one sum of the same floats. */
static void expect_plain_rows(pe_instance *instance, bool padded)
{
    const int d = instance->dims.model_dim;
    const size_t count = (size_t)(VOCABULARY * d);
    double *table = pe_allocate(count, sizeof *table, "table", NULL);
    float *narrow = pe_allocate(count, sizeof *narrow, "table", NULL);
    double *coord = pe_allocate(BATCH * TOKENS, sizeof *coord, "coordinates", NULL);
    fill(table, narrow, count);
    for (int b = 0; b < BATCH; b++)
        for (int t = 0, real = 0; t < TOKENS; t++) {
            coord[b * TOKENS + t] = real;
            real += !padded || ids[b * TOKENS + t] != PADDING;
        }
    int width = 0;
    float *out = NULL;
    for (int b = 0; b < BATCH; b++) {
        const pe_embedding_job job = {.instance = instance,
                                      .precision = PE_FLOAT,
                                      .n = TOKENS,
                                      .ids = ids + b * TOKENS,
                                      .table = table,
                                      .vocabulary = VOCABULARY,
                                      .padding_id = padded ? PADDING : -1,
                                      .scale_sqrt_d = true};
        pe_wide rows;
        CU_ASSERT_EQUAL_FATAL(pe_run_embedding(&job, &rows, &width, NULL), PE_OK);
        if (b == 0) {
            out = pe_allocate((size_t)(BATCH * TOKENS * width), sizeof *out, "rows", NULL);
            const pe_embedding_f32 e = {.instance = instance,
                                        .batch = BATCH,
                                        .n = TOKENS,
                                        .ids = ids,
                                        .table = narrow,
                                        .vocabulary = VOCABULARY,
                                        .padding_id = padded ? PADDING : -1,
                                        .coord = coord,
                                        .coord_per_batch = padded,
                                        .scale_sqrt_d = true,
                                        .out = out};
            CU_ASSERT_EQUAL_FATAL(pe_embed_f32(&e, NULL), PE_OK);
        }
        int wrong = 0;
        for (size_t i = 0; i < rows.count; i++)
            wrong += (double)out[(size_t)b * rows.count + i] != rows.hi[i];
        CU_ASSERT_EQUAL(wrong, 0);
        pe_wide_release(&rows);
    }
    pe_release(out);
    pe_release(coord);
    pe_release(narrow);
    pe_release(table);
}

static void a_batch_has_the_rows_of_its_sequences(void)
{
    pe_registry_start();
    for (size_t v = 0; v < pe_registry_count(); v++)
        for (int heads = 1; heads <= 2; heads++) { /* 38 columns, or 76: past 64 */
            const pe_variant *variant = pe_registry_at(v);
            pe_instance *instance = make(variant, heads);
            expect_plain_rows(instance, false);
            expect_plain_rows(instance, true);
            pe_instance_release(instance);
        }
}

static void every_kind_of_kernels_and_every_number_of_threads_gives_the_same_bytes(void)
{
    const char *fastest = pe_kernels_now()->name;
    const int most = omp_get_max_threads();
    pe_instance *instance = make(pe_registry_at(1), 2);
    for (size_t k = 0; pe_kernels_name(k); k++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        omp_set_num_threads((int)k + 1);
        expect_plain_rows(instance, true);
    }
    pe_kernels_use(fastest);
    omp_set_num_threads(most);
    pe_instance_release(instance);
}

static void large_results_are_written_past_the_caches(void)
{
    enum { N = 1 << 13, WIDTH = 1024 }; /* 32 MiB */
    const pe_dims dims = {.heads = 1, .head_dim = WIDTH, .max_len = 512};
    pe_instance *instance = NULL;
    pe_registry_start();
    CU_ASSERT_EQUAL_FATAL(pe_instance_create(pe_registry_at(0), &dims, NULL, 0, 3, &instance, NULL),
                          PE_OK);
    float *table = pe_allocate(2 * WIDTH, sizeof *table, "table", NULL);
    float *out = pe_allocate((size_t)N * WIDTH + 16, sizeof *out, "rows", NULL);
    int64_t *which = pe_allocate(N, sizeof *which, "ids", NULL);
    double *coord = pe_allocate(N, sizeof *coord, "coordinates", NULL);
    for (int c = 0; c < 2 * WIDTH; c++)
        table[c] = (float)c;
    for (int t = 0; t < N; t++)
        which[t] = t % 3 == 0;
    for (int shift = 0; shift < 2; shift++) { /* rows aligned to 64 bytes, and not */
        const pe_embedding_f32 e = {.instance = instance,
                                    .batch = 1,
                                    .n = N,
                                    .ids = which,
                                    .table = table,
                                    .vocabulary = 2,
                                    .padding_id = 1,
                                    .coord = coord,
                                    .out = out + shift};
        size_t wrong = 0;
        CU_ASSERT_EQUAL_FATAL(pe_embed_f32(&e, NULL), PE_OK);
        for (size_t t = 0; t < N; t++)
            for (size_t c = 0; instance->info.embed_width == 0 && c < WIDTH; c++)
                wrong += e.out[t * WIDTH + c] != table[(size_t)which[t] * WIDTH + c];
        CU_ASSERT_EQUAL(wrong, 0);
    }
    CU_ASSERT_EQUAL(instance->info.embed_width, 0); /* else nothing was compared */
    pe_release(coord);
    pe_release(which);
    pe_release(out);
    pe_release(table);
    pe_instance_release(instance);
}

static void an_id_outside_the_table_is_named(void)
{
    pe_registry_start();
    pe_instance *instance = make(pe_registry_at(0), 1);
    const int64_t bad[] = {0, 1, 2, 5, 0, 0};
    const double coord[3] = {0, 1, 2};
    const float table[3 * 38] = {0};
    float out[6 * 38];
    pe_embedding_f32 e = {.instance = instance,
                          .batch = 2,
                          .n = 3,
                          .ids = bad,
                          .table = table,
                          .vocabulary = 3,
                          .padding_id = -1,
                          .coord = coord,
                          .out = out};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_embed_f32(&e, &err), PE_USAGE);
    PE_CONTAINS(err.text, "token 0 of sequence 1 has id 5, but the table has rows 0 to 2");
    e.n = 0;
    CU_ASSERT_EQUAL(pe_embed_f32(&e, &err), PE_USAGE);
    PE_CONTAINS(err.text, "at least one token");
    pe_instance_release(instance);
}

PE_TEST_MAIN("embedding", PE_TEST(a_batch_has_the_rows_of_its_sequences),
             PE_TEST(every_kind_of_kernels_and_every_number_of_threads_gives_the_same_bytes),
             PE_TEST(large_results_are_written_past_the_caches),
             PE_TEST(an_id_outside_the_table_is_named))
