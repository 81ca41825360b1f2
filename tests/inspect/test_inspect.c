/* Tables with known answers, through files, into the inspection. */
#include "inspect/inspect.h"

#include "analysis/profile.h"
#include "analysis/random.h"
#include "analysis/start.h"
#include "base/memory.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { T = 128, D = 64 };

static double values[T * D];

static const char *path_of(const char *name)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    return path;
}

static void fill_sinusoid(size_t from, size_t to)
{
    for (size_t t = from; t < to; t++)
        for (size_t i = 0; i < D / 2; i++) {
            const double phase = (double)t * pow(10000, -2.0 * (double)i / D);
            values[t * D + 2 * i] = sin(phase);
            values[t * D + 2 * i + 1] = cos(phase);
        }
}

static void fill_noise(size_t from, size_t to, uint64_t seed)
{
    pe_stream s = pe_stream_open(seed, "untrained rows", 0);
    pe_fill_normal(&s, values + from * D, (to - from) * D, 0, 0.02);
}

static pe_inspect_table table_now(void)
{
    return (pe_inspect_table){.name = "t", .rows = T, .columns = D, .values = values};
}

static pe_inspect_found measure_now(void)
{
    pe_inspect_found found;
    pe_error err = {0};
    const pe_inspect_table table = table_now();
    CU_ASSERT_EQUAL_FATAL(pe_inspect_measure(&table, &found, &err), PE_OK);
    return found;
}

static void a_sinusoidal_table_is_called_so_and_has_no_untrained_row(void)
{
    fill_sinusoid(0, T);
    pe_inspect_found f = measure_now();
    CU_ASSERT(f.wave_share > 0.95);
    CU_ASSERT_EQUAL(f.untrained_rows, 0);
    PE_NEAR("norm", f.norm_mean, sqrt(D / 2.0), 1e-12);
    PE_NEAR("R2 of P P^T", f.r2, 1, 1e-12);
    PE_NEAR("even share", f.even, 1, 1e-12);
    double kernel = 0;
    for (int i = 0; i < D / 2; i++)
        kernel += cos(pow(10000, -2.0 * i / D)) / (D / 2.0);
    PE_NEAR("g(1)", f.g[1], kernel, 1e-12);
    pe_inspect_forget(&f);
}

static void noise_is_called_untrained(void)
{
    size_t rows = 0;
    double r2 = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        fill_noise(0, T, seed);
        pe_inspect_found f = measure_now();
        rows += f.untrained_rows;
        r2 += f.r2 / 20;
        CU_ASSERT(f.wave_share < 0.02);
        CU_ASSERT(fabs(f.g[1]) < f.g_noise * 1.5);
        CU_ASSERT_EQUAL(f.peaks, 0);
        pe_inspect_forget(&f);
    }
    CU_ASSERT((double)rows > 20.0 * T * 0.985); /* 0.99865 of them, but for the approximation */
    PE_NEAR("R2 against chance", r2, 2.0 / T, 0.5 * 2.0 / T);
}

static void rows_past_the_trained_length_are_found(void)
{
    fill_sinusoid(0, 80);
    fill_noise(80, T, 7);
    pe_inspect_found f = measure_now();
    CU_ASSERT(f.run_first >= 80 && f.run_first <= 81);
    CU_ASSERT(f.run_rows >= T - 82);
    CU_ASSERT(f.untrained_rows < T - 80 + 2);
    pe_inspect_forget(&f);
}

static void a_planted_period_and_a_special_row_are_found(void)
{
    fill_noise(0, T, 3);
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < D; c++)
            values[t * D + c] += 0.05 * cos(2 * 3.14159265358979 * 9 * (double)t / T + (double)c);
    for (size_t c = 0; c < D; c++)
        values[40 * D + c] *= 6;
    pe_inspect_found f = measure_now();
    CU_ASSERT(f.peaks >= 1);
    CU_ASSERT_EQUAL(f.peak[0], 9);
    CU_ASSERT_EQUAL(f.special, 40);
    CU_ASSERT(f.special_by > 20);
    pe_inspect_forget(&f);
}

static pe_tensor tensor_of(int rank, size_t a, size_t b, size_t c)
{
    return (pe_tensor){.rank = rank,
                       .shape = {a, b, c},
                       .count = a * b * c,
                       .dtype = PE_DTYPE_F64,
                       .data = values};
}

static void write_checkpoint(const char *path)
{
    pe_tensor other = tensor_of(2, 8, D, 1), wpe = tensor_of(2, T, D, 1), late = wpe;
    const pe_safetensors_item items[] = {
        {"h.0.attn.weight", &other}, {"transformer.wpe.weight", &wpe}, {"z.last", &late}};
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, NULL, 0, NULL), PE_OK);
}

static void the_usual_name_is_found_in_a_file_that_broke_off_behind_it(void)
{
    pe_inspect_table t;
    pe_error err = {0};
    const char *path = path_of("model.safetensors");
    fill_sinusoid(0, T);
    write_checkpoint(path);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    fclose(f);
    CU_ASSERT_EQUAL(truncate(path, size - 100), 0);
    CU_ASSERT_EQUAL_FATAL(pe_inspect_open(path, NULL, &t, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(t.name, "transformer.wpe.weight");
    CU_ASSERT_EQUAL(t.kind, PE_INSPECT_POSITIONS);
    CU_ASSERT_EQUAL(t.rows, T);
    CU_ASSERT_EQUAL(memcmp(t.values, values, sizeof values), 0);
    pe_inspect_release(&t);
    CU_ASSERT_EQUAL(pe_inspect_open(path, "z.last", &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "cut off");
    CU_ASSERT_EQUAL(pe_inspect_open(path, "h.0.attn.weigth", &t, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void without_a_usual_name_the_sentence_lists_what_there_is(void)
{
    pe_inspect_table t;
    pe_error err = {0};
    const char *path = path_of("other.safetensors");
    const pe_tensor table = tensor_of(2, T, D, 1);
    const pe_safetensors_item items[] = {{"encoder.xwpe.weight", &table}};
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 1, NULL, 0, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_inspect_open(path, NULL, &t, &err), PE_USAGE);
    PE_CONTAINS(err.text, "--tensor: encoder.xwpe.weight");
}

static void axes_of_one_are_dropped_and_other_shapes_refused(void)
{
    static const struct {
        int rank;
        size_t a, b, c;
        const char *sentence; /* NULL: taken */
    } shapes[] = {
        {3, 1, T, D, NULL},        {2, T, D, 1, NULL},     {1, T, 1, 1, "shape"},
        {3, 4, 16, D, "two axes"}, {2, 3, D, 1, "3 rows"},
    };
    pe_error err = {0};
    const char *path = path_of("table.npy");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        pe_inspect_table t;
        const pe_tensor tensor = tensor_of(shapes[i].rank, shapes[i].a, shapes[i].b, shapes[i].c);
        CU_ASSERT_EQUAL(pe_npy_write(path, &tensor, &err), PE_OK);
        const pe_status status = pe_inspect_open(path, NULL, &t, &err);
        CU_ASSERT_EQUAL(status, shapes[i].sentence ? PE_FORMAT : PE_OK);
        if (shapes[i].sentence)
            PE_CONTAINS(err.text, shapes[i].sentence);
        pe_inspect_release(&t);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void what_is_not_finite_or_zero_is_refused_with_its_place(void)
{
    pe_inspect_table t;
    pe_inspect_found found;
    pe_error err = {0};
    const char *path = path_of("nan.npy");
    fill_sinusoid(0, T);
    values[5 * D + 3] = (double)NAN;
    const pe_tensor tensor = tensor_of(2, T, D, 1);
    CU_ASSERT_EQUAL(pe_npy_write(path, &tensor, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_inspect_open(path, NULL, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "row 5, column 3");
    memset(values + 5 * D, 0, D * sizeof *values);
    t = table_now();
    CU_ASSERT_EQUAL(pe_inspect_measure(&t, &found, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "row 5 of t is zero");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status inspect_all(const char *path)
{
    pe_inspect_table t;
    pe_inspect_found found;
    pe_error err = {0};
    pe_status status = pe_inspect_open(path, NULL, &t, &err);
    if (status != PE_OK)
        return status;
    status = pe_inspect_measure(&t, &found, &err);
    pe_result *result = NULL;
    if (status == PE_OK) {
        result = pe_result_new("inspect", "t", "q?", &err);
        status = result ? PE_OK : err.status;
    }
    if (status == PE_OK) {
        pe_inspect_show(&t, &found, result, &err);
        status = err.status != PE_OK ? err.status : pe_result_check(result, &err);
    }
    pe_result_release(result);
    pe_inspect_forget(&found);
    pe_inspect_release(&t);
    return status;
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    const char *path = path_of("memory.safetensors");
    pe_status status = PE_MEMORY;
    long allowed = 0;
    fill_sinusoid(0, T);
    write_checkpoint(path);
    for (; status == PE_MEMORY && allowed < 9999; allowed++) {
        pe_fail_allocations_after(allowed);
        status = inspect_all(path);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 50);
}

PE_TEST_MAIN("inspect", PE_TEST(a_sinusoidal_table_is_called_so_and_has_no_untrained_row),
             PE_TEST(noise_is_called_untrained), PE_TEST(rows_past_the_trained_length_are_found),
             PE_TEST(a_planted_period_and_a_special_row_are_found),
             PE_TEST(the_usual_name_is_found_in_a_file_that_broke_off_behind_it),
             PE_TEST(without_a_usual_name_the_sentence_lists_what_there_is),
             PE_TEST(axes_of_one_are_dropped_and_other_shapes_refused),
             PE_TEST(what_is_not_finite_or_zero_is_refused_with_its_place),
             PE_TEST(every_failed_allocation_is_told_and_leaves_nothing))
