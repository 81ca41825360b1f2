/* The experiment `extrapolation` on small models and few steps. */
#include "experiment.h"

#include <jansson.h>

static pe_result *run(const char *const *ids, int count)
{
    const pe_lab_size size = small_lab();
    pe_lab_choice choices[8];
    choices_of(ids, count, choices);
    return result_of("extrapolation", &size, choices, count);
}

static bool is_named(const json_t *verdict, const char *key, const char *text)
{
    const char *own = json_string_value(json_object_get(verdict, key));
    return own && strcmp(own, text) == 0;
}

/* The value of a verdict; -1 without one. */
static double value_of(const pe_result *result, const char *id, const char *variant,
                       const char *quantity)
{
    pe_buffer text = {0};
    pe_error err = {0};
    double found = -1;
    size_t s, b, v;
    json_t *section, *block, *verdict;
    CU_ASSERT_EQUAL_FATAL(pe_report_json(result, &text, &err), PE_OK);
    json_t *root = json_loadb(text.bytes, text.size, 0, NULL);
    json_array_foreach(json_object_get(root, "sections"), s, section)
        json_array_foreach(json_object_get(section, "blocks"), b, block) json_array_foreach(
            json_object_get(block, "verdicts"), v,
            verdict) if (is_named(verdict, "id", id) && is_named(verdict, "variant", variant) &&
                         strstr(json_string_value(json_object_get(verdict, "quantity")), quantity))
            found = json_number_value(json_object_get(verdict, "value"));
    json_decref(root);
    pe_buffer_release(&text);
    return found;
}

static const char *title(const char *id)
{
    return variant_of(id)->title;
}

static void rows_by_offset_go_on_and_tables_and_codes_do_not(void)
{
    static const char *const ids[] = {"learned", "shaw", "sinusoidal", "rope"};
    pe_result *result = run(ids, 4);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    CU_ASSERT(value_of(result, "far", title("shaw"), "from L to 2L") > 0.9);
    CU_ASSERT(value_of(result, "near", title("shaw"), "below 0.9") > 2);
    const double table = value_of(result, "near", title("learned"), "from L to 2L");
    CU_ASSERT(table >= 0 && table < 0.5);
    CU_ASSERT_DOUBLE_EQUAL(value_of(result, "order", title("learned"), "undefined beyond L"), 1, 0);
    const double code = value_of(result, "near", title("sinusoidal"), "from L to 2L");
    CU_ASSERT(code >= 0 && code < 0.5);
    pe_result_release(result);
}

static void a_position_map_stands_before_a_code(void)
{
    static const char *const ids[] = {"sinusoidal", "cape"};
    pe_result *result = run(ids, 2);
    char name[128];
    snprintf(name, sizeof name, "%s + %s", title("sinusoidal"), title("cape"));
    CU_ASSERT(value_of(result, "CAPE", name, "behind a map") >= 0);
    CU_ASSERT(value_of(result, "CAPE", title("sinusoidal"), "past L") >= 0);
    CU_ASSERT_EQUAL(pe_result_count(result, PE_VERDICT_FAIL), 0);
    pe_result_release(result);
}

PE_EXPERIMENT_TEST_MAIN("program: extrapolation",
                        PE_TEST(rows_by_offset_go_on_and_tables_and_codes_do_not),
                        PE_TEST(a_position_map_stands_before_a_code))
