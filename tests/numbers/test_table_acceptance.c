/* The acceptance of the exact table: draws judged by MPFR at every size and start of
 * PERFORMANCE.md, section 2.1, and every entry of a table against its direct evaluation.
 *
 * A small part as a rule. POSENC_ACCEPTANCE=1 in the environment asks for all of it: 1,000,000
 * draws for each size, shared by its starts, and all of 65536 x 1024; some minutes. What was found
 * is printed. */
#include "base/memory.h"
#include "judge.h"
#include "numbers/exact.h"
#include "numbers/table.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 400 };

static bool all_of_it(void)
{
    const char *asked = getenv("POSENC_ACCEPTANCE");
    return asked && strcmp(asked, "0") != 0;
}

/* ---- the judge ---- */

/* The frequencies base^(-2 i / width), once for all draws. Owned. */
static mpfr_t *frequencies(int width)
{
    const int pairs = (width + 1) / 2;
    mpfr_t *f = pe_allocate((size_t)pairs, sizeof *f, "frequencies", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < pairs; i++) {
        mpfr_t base;
        mpfr_init2(f[i], BITS);
        mpfr_init2(base, BITS);
        mpfr_set_si(base, 10000, MPFR_RNDN);
        mpfr_set_si(f[i], -2L * i, MPFR_RNDN);
        mpfr_div_si(f[i], f[i], width, MPFR_RNDN);
        mpfr_pow(f[i], base, f[i], MPFR_RNDN);
        mpfr_clear(base);
    }
    return f;
}

static void release_frequencies(mpfr_t *f, int width)
{
    for (int i = 0; i < (width + 1) / 2; i++)
        mpfr_clear(f[i]);
    pe_release(f);
}

/* Draws of a table that MPFR rounds to another float, among `count`; the largest error in ulp. */
static long misrounded(const float *table, mpfr_t *f, int width, int64_t first, int64_t rows,
                       long count, double *worst)
{
    long wrong = 0;
#pragma omp parallel for reduction(+ : wrong) reduction(max : worst[:1]) schedule(dynamic, 1024)
    for (long i = 0; i < count; i++) {
        uint64_t state = (uint64_t)first * 31 + (uint64_t)width + (uint64_t)i * 977;
        const int64_t row = (int64_t)draw_below(&state, (uint64_t)rows);
        const int column = (int)draw_below(&state, (uint64_t)width);
        const float got = table[row * width + column];
        mpfr_t x;
        mpfr_init2(x, BITS);
        mpfr_mul_si(x, f[column / 2], (long)(first + row), MPFR_RNDN);
        if (column % 2)
            mpfr_cos(x, x, MPFR_RNDN);
        else
            mpfr_sin(x, x, MPFR_RNDN);
        const float want = mpfr_get_flt(x, MPFR_RNDN);
        wrong += memcmp(&got, &want, sizeof want) != 0;
        mpfr_sub_d(x, x, (double)got, MPFR_RNDN);
        const double size = fabs((double)want);
        const double ulp = ldexp(1, (size > 0x1p-126 ? ilogb(size) : -126) - 23);
        worst[0] = fmax(worst[0], fabs(mpfr_get_d(x, MPFR_RNDN)) / ulp);
        mpfr_clear(x);
    }
    return wrong;
}

static float *filled(const pe_table *plan, int width, int64_t first, int64_t rows)
{
    pe_error err = {0};
    float *out = pe_allocate_unset((size_t)(rows * width), sizeof *out, "test table", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(pe_table_fill_f32(plan, first, rows, out, width, 0, &err), PE_OK);
    return out;
}

/* ---- draws ---- */

static const int64_t starts[] = {0, (int64_t)1 << 24, (int64_t)1 << 31, (int64_t)1 << 40,
                                 ((int64_t)1 << 53) - 5000};
enum { STARTS = sizeof starts / sizeof starts[0], TO_THE_END = 5000 };

static void judge_size(int64_t all_rows, int width, long draws)
{
    pe_table *plan = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_table_create_paper(10000, width, PE_TABLE_INTERLEAVED, &plan, NULL),
                          PE_OK);
    mpfr_t *f = frequencies(width);
    for (int s = 0; s < STARTS; s++) {
        const int64_t rows = s == STARTS - 1 && all_rows > TO_THE_END ? TO_THE_END : all_rows;
        double worst = 0;
        float *table = filled(plan, width, starts[s], rows);
        const long wrong = misrounded(table, f, width, starts[s], rows, draws / STARTS, &worst);
        printf("\n    %lld x %d from %lld: %ld of %ld draws misrounded, at most %.6f ulp",
               (long long)rows, width, (long long)starts[s], wrong, draws / STARTS, worst);
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT(worst <= 0.5001);
        pe_release(table);
    }
    release_frequencies(f, width);
    pe_table_release(plan);
}

static void no_draw_at_any_size_and_start_is_misrounded(void)
{
    const bool all = all_of_it();
    const long draws = all ? 1000000 : 5000;
    judge_size(5000, 512, draws);
    judge_size(all ? 65536 : 2048, 1024, draws);
    judge_size(all ? 1048576 : 4096, 128, draws);
}

/* ---- every entry ---- */

/* Entries that differ from sine and cosine formed one by one, each on 128 bits or more. */
static long differing(const float *table, int64_t rows, int width)
{
    enum { AT_ONCE = 256 };
    long wrong = 0;
#pragma omp parallel for reduction(+ : wrong) schedule(dynamic, 1)
    for (int k = 0; k < width / 2; k++) {
        const pe_frequency frequency = {1, 10000, 2.0 * k, width};
        pe_turns turns;
        pe_turns_prepare(&turns, &frequency);
        for (int64_t from = 0; from < rows; from += AT_ONCE) {
            double position[AT_ONCE];
            float want[2 * AT_ONCE];
            for (int i = 0; i < AT_ONCE; i++)
                position[i] = (double)(from + i);
            pe_exact_f32(&turns, AT_ONCE, position, want, want + 1, 2);
            for (int i = 0; i < AT_ONCE; i++)
                wrong +=
                    memcmp(&table[(from + i) * width + 2 * k], &want[2 * i], 2 * sizeof *want) != 0;
        }
    }
    return wrong;
}

static void every_entry_is_its_direct_evaluation_and_a_planted_error_is_found(void)
{
    const int64_t rows = all_of_it() ? 65536 : 2048;
    const int width = all_of_it() ? 1024 : 256;
    pe_table *plan = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_table_create_paper(10000, width, PE_TABLE_INTERLEAVED, &plan, NULL),
                          PE_OK);
    float *table = filled(plan, width, 0, rows);
    const long wrong = differing(table, rows, width);
    printf("\n    %lld x %d: %ld of %lld pairs differ from their direct evaluation",
           (long long)rows, width, wrong, (long long)rows * width / 2);
    CU_ASSERT_EQUAL(wrong, 0);
    pe_release(table);
    pe_table_plant_error(plan, 1e-11);
    table = filled(plan, width, 0, rows);
    const long planted = differing(table, rows, width);
    printf("\n    with 1e-11 planted in the first row of every block: %ld", planted);
    CU_ASSERT(planted > 0);
    pe_release(table);
    pe_table_release(plan);
}

PE_TEST_MAIN("numbers: acceptance of the table",
             PE_TEST(no_draw_at_any_size_and_start_is_misrounded),
             PE_TEST(every_entry_is_its_direct_evaluation_and_a_planted_error_is_found))
