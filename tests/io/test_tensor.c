#include "base/memory.h"
#include "io/decimal.h"
#include "io/tensor.h"
#include "testing.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void shapes_are_written_as_python_writes_tuples(void)
{
    char text[PE_SHAPE_TEXT];
    const size_t shape[PE_SHAPE_RANK] = {3, 4, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, 1};
    CU_ASSERT_STRING_EQUAL(pe_shape_text(0, NULL, text), "()");
    CU_ASSERT_STRING_EQUAL(pe_shape_text(1, shape, text), "(3,)");
    CU_ASSERT_STRING_EQUAL(pe_shape_text(2, shape, text), "(3, 4)");
    PE_CONTAINS(pe_shape_text(8, shape, text), "18446744073709551615, 1)");
}

static void a_product_that_overflows_is_refused_wherever_a_zero_stands(void)
{
    const size_t huge = (size_t)1 << 40;
    const size_t shapes[][3] = {{huge, huge, 0}, {0, huge, huge}, {huge, 0, huge}, {huge, huge, 3}};
    size_t count = 7;
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_FALSE(pe_shape_count(3, shapes[i], 1, &count));
    CU_ASSERT_EQUAL(count, 7);
    const size_t empty[] = {3, 0, 4}, wide[] = {(size_t)1 << 61};
    CU_ASSERT_TRUE(pe_shape_count(3, empty, 8, &count));
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_FALSE(pe_shape_count(1, wide, 8, &count));
}

static double of_half(uint16_t bits, pe_dtype dtype)
{
    double *values = NULL;
    pe_tensor t = {.count = 1, .dtype = dtype, .data = &bits};
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, "half", &values, NULL, NULL), PE_OK);
    double value = values ? values[0] : (double)NAN;
    pe_release(values);
    return value;
}

/* IEEE 754-2008, binary16: 65504 largest, 2^-14 smallest normal, 2^-24 smallest. */
static void halves_become_the_doubles_that_the_standard_names(void)
{
    const struct {
        uint16_t bits;
        double value;
    } known[] = {{0x3c00, 1},
                 {0xc000, -2},
                 {0x7bff, 65504},
                 {0x0400, 0x1p-14},
                 {0x0001, 0x1p-24},
                 {0x83ff, -1023 * 0x1p-24},
                 {0x3555, 1365 * 0x1p-12}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        PE_NEAR("binary16", of_half(known[i].bits, PE_DTYPE_F16), known[i].value, 0);
    CU_ASSERT_TRUE(isnan(of_half(0x7e00, PE_DTYPE_F16)));
    CU_ASSERT_TRUE(isinf(of_half(0xfc00, PE_DTYPE_F16)) && of_half(0xfc00, PE_DTYPE_F16) < 0);
    CU_ASSERT_TRUE(signbit(of_half(0x8000, PE_DTYPE_F16)));
    PE_NEAR("bfloat16", of_half(0x3f80, PE_DTYPE_BF16), 1, 0);
    PE_NEAR("bfloat16", of_half(0xc018, PE_DTYPE_BF16), -2.375, 0);
    PE_NEAR("bfloat16", of_half(0x0001, PE_DTYPE_BF16), 0x1p-133, 0);
}

/* The compiler's own binary16 is the judge of all 65,536. */
static void every_half_agrees_with_the_compiler(void)
{
#if defined(__FLT16_MANT_DIG__)
    __extension__ typedef _Float16 half;
    size_t wrong = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t narrow = (uint16_t)bits;
        half want;
        memcpy(&want, &narrow, sizeof want);
        double got = of_half(narrow, PE_DTYPE_F16);
        wrong += !((isnan((double)want) && isnan(got)) ||
                   (got == (double)want && signbit(got) == signbit((double)want)));
    }
    CU_ASSERT_EQUAL(wrong, 0);
#endif
}

static void integers_beyond_what_a_double_holds_are_refused(void)
{
    int64_t edge = (int64_t)1 << 53, values[] = {-3, -edge, edge};
    double *doubles = NULL;
    pe_error err = {0};
    pe_tensor t = {.rank = 1, .shape = {3}, .count = 3, .dtype = PE_DTYPE_I64, .data = values};
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, "ids", &doubles, NULL, &err), PE_OK);
    PE_NEAR("2^53", doubles[2], 9007199254740992.0, 0);
    pe_release(doubles);
    values[1] = -edge - 1;
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, "ids", &doubles, NULL, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "ids: element 1 is -9007199254740993");
    values[1] = INT64_MIN;
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, "ids", &doubles, NULL, &err), PE_FORMAT);
}

static void what_is_not_finite_is_counted(void)
{
    float values[] = {2.385f, (float)NAN, -INFINITY, 0.1f};
    pe_tensor t = {.rank = 1, .shape = {4}, .count = 4, .dtype = PE_DTYPE_F32, .data = values};
    double *doubles = NULL;
    size_t nonfinite = 99;
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, "x", &doubles, &nonfinite, NULL), PE_OK);
    CU_ASSERT_EQUAL(nonfinite, 2);
    PE_NEAR("float", doubles[3], (double)0.1f, 0);
    pe_release(doubles);
    int32_t small[] = {-7};
    uint8_t byte[] = {255};
    pe_tensor i = {.count = 1, .dtype = PE_DTYPE_I32, .data = small};
    pe_tensor u = {.count = 1, .dtype = PE_DTYPE_U8, .data = byte};
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&i, "i", &doubles, &nonfinite, NULL), PE_OK);
    PE_NEAR("i32", doubles[0], -7, 0);
    pe_release(doubles);
    CU_ASSERT_EQUAL(pe_tensor_as_doubles(&u, "u", &doubles, &nonfinite, NULL), PE_OK);
    PE_NEAR("u8", doubles[0], 255, 0);
    CU_ASSERT_EQUAL(nonfinite, 0);
    pe_release(doubles);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_tensor_that_cannot_be_allocated_says_why(void)
{
    pe_error err = {0};
    pe_tensor t = {0};
    const size_t shape[] = {(size_t)1 << 33, (size_t)1 << 33}, small[] = {2, 3};
    CU_ASSERT_EQUAL(pe_tensor_allocate(PE_DTYPE_F64, 2, shape, &t, &err), PE_MEMORY);
    PE_CONTAINS(err.text, "(8589934592, 8589934592)");
    CU_ASSERT_EQUAL(pe_tensor_allocate(PE_DTYPE_F64, 9, shape, &t, &err), PE_USAGE);
    pe_fail_allocations_after(0);
    CU_ASSERT_EQUAL(pe_tensor_allocate(PE_DTYPE_F64, 2, small, &t, &err), PE_MEMORY);
    pe_fail_allocations_after(-1);
    CU_ASSERT_PTR_NULL(t.data);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void numbers_read_back_to_the_same_bits(void)
{
    char text[PE_DECIMAL_TEXT];
    const double values[] = {0.1, -0.0, 5e-324, 1.7976931348623157e308, 1.0 / 3, 9007199254740991};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double back = 7;
        pe_f64_text(values[i], text);
        CU_ASSERT_TRUE(pe_parse_f64(text, strlen(text), &back));
        CU_ASSERT_EQUAL(memcmp(&back, &values[i], sizeof back), 0);
    }
    CU_ASSERT_STRING_EQUAL(pe_f64_text(0.1, text), "0.10000000000000001");
    CU_ASSERT_STRING_EQUAL(pe_f32_text(0.1f, text), "0.100000001");
    CU_ASSERT_STRING_EQUAL(pe_f64_text(-(double)NAN, text), "nan");
    CU_ASSERT_STRING_EQUAL(pe_f64_text(-(double)INFINITY, text), "-inf");
}

static void only_whole_decimal_numbers_are_numbers(void)
{
    static const char *const wrong[] = {"",         " 1",   "1 ",  "0x10", "1,5", "1e999",
                                        "-1e999",   "1e",   ".",   "+",    "NaN", "Inf",
                                        "infinity", "1.5f", "--1", "1_0",  "e5"};
    static const char *const right[] = {"+5", ".5", "5.", "1e-999", "-0", "inf", "nan", "-inf"};
    double value;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (pe_parse_f64(wrong[i], strlen(wrong[i]), &value))
            CU_FAIL(wrong[i]);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        if (!pe_parse_f64(right[i], strlen(right[i]), &value))
            CU_FAIL(right[i]);
    CU_ASSERT_FALSE(pe_parse_f64("1\0", 2, &value));
}

/* A locale with a decimal comma, if the machine has one. */
static void a_decimal_comma_changes_nothing(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    char text[PE_DECIMAL_TEXT];
    double value = 0;
    for (size_t i = 0; i < 3; i++)
        if (setlocale(LC_ALL, names[i]))
            break;
    CU_ASSERT_STRING_EQUAL(pe_f64_text(2.5, text), "2.5");
    CU_ASSERT_TRUE(pe_parse_f64("2.5", 3, &value));
    CU_ASSERT_FALSE(pe_parse_f64("2,5", 3, &value));
    setlocale(LC_ALL, "C");
}

PE_TEST_MAIN("io: tensors and decimals", PE_TEST(shapes_are_written_as_python_writes_tuples),
             PE_TEST(a_product_that_overflows_is_refused_wherever_a_zero_stands),
             PE_TEST(halves_become_the_doubles_that_the_standard_names),
             PE_TEST(every_half_agrees_with_the_compiler),
             PE_TEST(integers_beyond_what_a_double_holds_are_refused),
             PE_TEST(what_is_not_finite_is_counted),
             PE_TEST(a_tensor_that_cannot_be_allocated_says_why),
             PE_TEST(numbers_read_back_to_the_same_bits),
             PE_TEST(only_whole_decimal_numbers_are_numbers),
             PE_TEST(a_decimal_comma_changes_nothing))
