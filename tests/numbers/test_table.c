#include "base/memory.h"
#include "judge.h"
#include "numbers/exact.h"
#include "numbers/table.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 400, ROWS = 700 };

/* Draws for each size and start; POSENC_TABLE_DRAWS in the environment asks for more. */
static long draws(void)
{
    const char *asked = getenv("POSENC_TABLE_DRAWS");
    return asked ? strtol(asked, NULL, 10) : 4000;
}

static pe_table *plan_of(int width, pe_table_layout layout)
{
    pe_table *plan = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_table_create_paper(10000, width, layout, &plan, &err), PE_OK);
    return plan;
}

static float *filled(const pe_table *plan, int width, int64_t first, int64_t rows, int threads)
{
    pe_error err = {0};
    float *out = pe_allocate((size_t)rows * (size_t)width, sizeof *out, "test table", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, first, rows, out, width, threads, &err), PE_OK);
    return out;
}

/* MPFR's value of one entry of an interleaved paper table, rounded once to float. */
static float judged(int64_t position, int column, int width)
{
    mpfr_t x, base;
    mpfr_inits2(BITS, x, base, (mpfr_ptr)0);
    mpfr_set_si(x, -(column - column % 2), MPFR_RNDN);
    mpfr_div_si(x, x, width, MPFR_RNDN);
    mpfr_set_si(base, 10000, MPFR_RNDN);
    mpfr_pow(x, base, x, MPFR_RNDN);
    mpfr_mul_si(x, x, (long)position, MPFR_RNDN);
    if (column % 2)
        mpfr_cos(x, x, MPFR_RNDN);
    else
        mpfr_sin(x, x, MPFR_RNDN);
    const float value = mpfr_get_flt(x, MPFR_RNDN);
    mpfr_clears(x, base, (mpfr_ptr)0);
    return value;
}

static long misrounded(const float *table, int width, int64_t first, int64_t rows, long count)
{
    uint64_t state = (uint64_t)first + (uint64_t)width;
    long wrong = 0;
    for (long i = 0; i < count; i++) {
        const int64_t row = (int64_t)draw_below(&state, (uint64_t)rows);
        const int column = (int)draw_below(&state, (uint64_t)width);
        const float want = judged(first + row, column, width);
        wrong += memcmp(&table[row * width + column], &want, sizeof want) != 0;
    }
    return wrong;
}

static void no_draw_is_misrounded_by_mpfrs_judgement(void)
{
    const int64_t first[] = {0, 1 << 24, (int64_t)1 << 31, (int64_t)1 << 40,
                             ((int64_t)1 << 53) - 5000};
    const struct {
        int width;
        int64_t rows;
    } size[] = {{512, 5000}, {128, 9000}};
    for (size_t s = 0; s < sizeof size / sizeof size[0]; s++) {
        pe_table *plan = plan_of(size[s].width, PE_TABLE_INTERLEAVED);
        for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
            const int64_t rows = i == 4 && size[s].rows > 5000 ? 5000 : size[s].rows;
            float *table = filled(plan, size[s].width, first[i], rows, 2);
            CU_ASSERT_EQUAL(misrounded(table, size[s].width, first[i], rows, draws()), 0);
            pe_release(table);
        }
        pe_table_release(plan);
    }
}

static void the_check_sees_planted_errors(void)
{
    pe_table *plan = plan_of(64, PE_TABLE_INTERLEAVED);
    float *table = filled(plan, 64, 0, ROWS, 1);
    CU_ASSERT_EQUAL(misrounded(table, 64, 0, ROWS, 4000), 0);
    for (int i = 0; i < ROWS * 64; i += 16)
        table[i] = nextafterf(table[i], 2); /* 1 ulp in one entry of 16 */
    CU_ASSERT(misrounded(table, 64, 0, ROWS, 4000) > 150);
    pe_release(table);
    pe_table_plant_error(plan, 1e-9);
    table = filled(plan, 64, 0, ROWS, 1);
    CU_ASSERT(misrounded(table, 64, 0, ROWS, 4000) > 0);
    pe_release(table);
    pe_table_release(plan);
}

/* Every entry of every format against exact.h, strides and odd widths included. */
static void check_formats(int width, pe_table_layout layout, int64_t first)
{
    enum { SPARE = 3, FEW = 150 };
    const int64_t stride = width + SPARE;
    const size_t count = (size_t)FEW * (size_t)stride;
    pe_error err = {0};
    pe_table *plan = plan_of(width, layout);
    float *f = pe_allocate(count, sizeof *f, "test", &err);
    double *d = pe_allocate(count, sizeof *d, "test", &err);
    uint16_t *h = pe_allocate(count, sizeof *h, "test", &err);
    uint16_t *b = pe_allocate(count, sizeof *b, "test", &err);
    CU_ASSERT_FATAL(f && d && h && b);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, first, FEW, f, stride, 2, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_table_fill_f64(plan, first, FEW, d, stride, 2, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_table_fill_f16(plan, first, FEW, h, stride, 2, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_table_fill_bf16(plan, first, FEW, b, stride, 2, &err), PE_OK);
    const int pairs = layout == PE_TABLE_CONCAT ? width / 2 : (width + 1) / 2;
    long wrong = 0;
    for (int c = 0; c < stride; c++) {
        const bool concat = layout == PE_TABLE_CONCAT,
                   empty = c >= width || (concat && c >= 2 * pairs);
        const int pair = concat ? c % (pairs ? pairs : 1) : c / 2;
        const bool cosine = concat ? c >= pairs : c % 2;
        pe_turns turns;
        pe_turns_prepare(&turns, &(pe_frequency){1, 10000, 2 * (double)pair, width});
        for (int r = 0; r < FEW; r++) {
            const double position = (double)(first + r);
            float want_f[2] = {0};
            double want_d[2] = {0};
            if (!empty) {
                pe_exact_f32(&turns, 1, &position, want_f, want_f + 1, 1);
                pe_exact_f64(&turns, 1, &position, want_d, want_d + 1, 1);
            }
            const size_t at = (size_t)(r * stride + c);
            wrong += !same((double)f[at], (double)want_f[cosine]) + !same(d[at], want_d[cosine]) +
                     (h[at] != pe_to_half_bits(want_d[cosine])) +
                     (b[at] != pe_to_bf16_bits(want_d[cosine]));
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    pe_release(f);
    pe_release(d);
    pe_release(h);
    pe_release(b);
    pe_table_release(plan);
}

static void every_format_layout_width_and_stride_agrees_with_exact(void)
{
    const int width[] = {1, 2, 7, 16, 33, 300};
    for (size_t i = 0; i < sizeof width / sizeof width[0]; i++) {
        check_formats(width[i], PE_TABLE_INTERLEAVED, 0);
        check_formats(width[i], PE_TABLE_CONCAT, 1 << 24);
    }
    check_formats(33, PE_TABLE_CONCAT, -77);
    check_formats(64, PE_TABLE_INTERLEAVED, -((int64_t)1 << 53));
}

static void any_kind_of_code_and_number_of_threads_gives_the_same_bits(void)
{
    static const char *const kind[] = {"portable", "avx2", "avx512"};
    enum { WIDTH = 272, MANY = 20000 }; /* above the size that is written past the caches */
    const size_t bytes = sizeof(float) * WIDTH * MANY;
    pe_table *plan = plan_of(WIDTH, PE_TABLE_INTERLEAVED);
    CU_ASSERT_TRUE_FATAL(pe_table_use("portable"));
    float *want = filled(plan, WIDTH, 12345, MANY, 1);
    for (size_t k = 0; k < sizeof kind / sizeof kind[0]; k++)
        for (int threads = 1; threads <= 3 && pe_table_use(kind[k]); threads++) {
            float *got = filled(plan, WIDTH, 12345, MANY, threads);
            CU_ASSERT_EQUAL(memcmp(got, want, bytes), 0);
            pe_release(got);
        }
    CU_ASSERT_FALSE(pe_table_use("no such code"));
    CU_ASSERT_TRUE(pe_table_use(NULL));
    pe_release(want);
    pe_table_release(plan);
}

static void bad_input_is_refused(void)
{
    pe_error err = {0};
    pe_table *none = NULL;
    float out[4];
    CU_ASSERT_EQUAL(pe_table_create_paper(10000, 0, PE_TABLE_CONCAT, &none, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_table_create_paper(10000, -4, PE_TABLE_CONCAT, &none, &err), PE_USAGE);
    CU_ASSERT_PTR_NULL(none);
    pe_table *plan = plan_of(4, PE_TABLE_INTERLEAVED);
    const int64_t far = (int64_t)1 << 53;
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, 0, -1, out, 4, 1, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, 0, 1, out, 3, 1, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, far, 2, out, 4, 1, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, -far - 1, 1, out, 4, 1, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, far, 1, out, 4, 1, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, 0, 0, NULL, 4, 1, &err), PE_OK);
    pe_table_release(plan);
}

static void failed_allocations_leave_nothing_behind(void)
{
    const long before = pe_live_blocks();
    float out[4 * 600];
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status != PE_OK && allowed < 100; allowed++) {
        pe_error err = {0};
        pe_table *plan = NULL;
        pe_fail_allocations_after(allowed);
        status = pe_table_create_paper(10000, 4, PE_TABLE_CONCAT, &plan, &err);
        if (status == PE_OK)
            status = pe_table_fill_f32(plan, 0, 600, out, 4, 2, &err);
        pe_fail_allocations_after(-1);
        pe_table_release(plan);
        CU_ASSERT(status == PE_OK || status == PE_MEMORY);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 10);
}

PE_TEST_MAIN("numbers: tables of sinusoids", PE_TEST(no_draw_is_misrounded_by_mpfrs_judgement),
             PE_TEST(the_check_sees_planted_errors),
             PE_TEST(every_format_layout_width_and_stride_agrees_with_exact),
             PE_TEST(any_kind_of_code_and_number_of_threads_gives_the_same_bits),
             PE_TEST(bad_input_is_refused), PE_TEST(failed_allocations_leave_nothing_behind))
