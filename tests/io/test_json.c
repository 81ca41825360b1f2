#include "base/memory.h"
#include "io/json.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *path_of(const char *name)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    return path;
}

static void doubtful_texts_are_refused_with_line_and_column(void)
{
    static char deep[200001];
    static const char *const texts[] = {"{\"a\":1,\"a\":2}",
                                        "[1e999]",
                                        "[1] x",
                                        "[\"\\u0000\"]",
                                        "[\"\xff\"]",
                                        "[9223372036854775808]",
                                        "\xEF\xBB\xBF[1]",
                                        "1",
                                        "[NaN]",
                                        "[1 // one\n]",
                                        "[01]",
                                        "[1,]",
                                        "",
                                        deep};
    memset(deep, '[', sizeof deep - 1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        pe_error err = {0};
        CU_ASSERT_PTR_NULL(pe_json_load_memory(texts[i], strlen(texts[i]), "c.json", &err));
        CU_ASSERT_EQUAL(err.status, PE_FORMAT);
        PE_CONTAINS(err.text, "c.json:1:");
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    pe_error err = {0};
    const char *third_line = "{\n \"a\": 1,\n \"b\": oops\n}";
    CU_ASSERT_PTR_NULL(pe_json_load_memory(third_line, strlen(third_line), "c.json", &err));
    PE_CONTAINS(err.text, "c.json:3:");
}

static void the_same_value_gives_the_same_bytes(void)
{
    const char *path = path_of("sorted.json");
    json_t *value = json_pack("{s:i, s:f, s:[i, i]}", "zeta", 1, "alpha", 0.1, "mid", 2, 3);
    pe_error err = {0};
    char text[256] = {0};
    CU_ASSERT_EQUAL(pe_json_save(path, value, &err), PE_OK);
    json_decref(value);
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    CU_ASSERT_STRING_EQUAL(text,
                           "{\n \"alpha\": 0.10000000000000001,\n \"mid\": [\n  2,\n  3\n ],\n"
                           " \"zeta\": 1\n}\n");
    json_t *back = pe_json_load(path, PE_JSON_MAX_BYTES, &err);
    PE_NEAR("alpha", json_number_value(json_object_get(back, "alpha")), 0.1, 0);
    json_decref(back);
    CU_ASSERT_PTR_NULL(pe_json_load(path, 10, &err));
    CU_ASSERT_EQUAL(err.status, PE_MEMORY);
    CU_ASSERT_PTR_NULL(pe_json_load(path_of("absent.json"), 10, &err));
    CU_ASSERT_EQUAL(err.status, PE_FORMAT);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void what_json_cannot_hold_is_null_or_refused(void)
{
    const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_TRUE(json_is_null(pe_json_real(odd[i])));
    json_t *number = pe_json_real(2.385), *object = json_object();
    PE_NEAR("real", json_real_value(number), 2.385, 0);
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_json_save(path_of("scalar.json"), number, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_json_save(path_of("none.json"), NULL, &err), PE_MEMORY);
    CU_ASSERT_PTR_NULL(fopen(path_of("scalar.json"), "rb"));
    CU_ASSERT_PTR_NULL(pe_json_text("caf\xe9", &err));
    CU_ASSERT_EQUAL(err.status, PE_USAGE);
    CU_ASSERT_EQUAL(pe_json_set(object, "caf\xe9", json_true(), &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_json_set(object, "n", NULL, &err), PE_MEMORY);
    CU_ASSERT_EQUAL(pe_json_set(object, "n", number, &err), PE_OK);
    json_decref(object);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status save_and_load(const char *path)
{
    pe_error err = {0};
    json_t *object = json_object();
    pe_status status = object ? PE_OK : PE_MEMORY;
    json_t *text = object ? pe_json_text("a text longer than the first buffer", &err) : NULL;
    if (object)
        status = text ? pe_json_set(object, "text", text, &err) : err.status;
    if (status == PE_OK)
        status = pe_json_save(path, object, &err);
    json_decref(object);
    if (status != PE_OK)
        return status;
    json_t *back = pe_json_load(path, 999, &err);
    status = back ? PE_OK : err.status;
    json_decref(back);
    return status;
}

static void every_failed_allocation_and_write_is_reported(void)
{
    const char *path = path_of("fail.json");
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status == PE_MEMORY && allowed < 999; allowed++) {
        pe_fail_allocations_after(allowed);
        status = save_and_load(path);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 20);
    status = PE_WRITE;
    for (long steps = 0; status == PE_WRITE && steps < 99; steps++) {
        pe_fail_writes_after(steps);
        status = save_and_load(path);
        pe_fail_writes_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: json", PE_TEST(doubtful_texts_are_refused_with_line_and_column),
             PE_TEST(the_same_value_gives_the_same_bytes),
             PE_TEST(what_json_cannot_hold_is_null_or_refused),
             PE_TEST(every_failed_allocation_and_write_is_reported))
