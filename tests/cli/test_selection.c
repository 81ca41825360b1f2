/* From words to instances. The built-in variants serve as they are; none is named here: the test
 * takes those that have what it needs. */
#include "cli/selection.h"

#include "base/memory.h"
#include "io/npy.h"
#include "registry/registry.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const pe_cli_verb verb = {.name = "demo",
                                 .arguments = "VARIANT",
                                 .examples = "demo",
                                 .most = -1,
                                 .groups = {&pe_cli_selection, &pe_cli_dims}};
static const pe_cli_verb *const verbs[] = {&verb};
static const pe_cli_program program = {"demo", "", verbs, 1};

enum { MOST_WORDS = 24 };

static pe_status parse(const char *line, pe_cli *cli)
{
    static char copy[1024];
    static char *argv[MOST_WORDS + 1];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < MOST_WORDS; word = strtok(NULL, " "))
        argv[argc++] = word;
    return pe_cli_parse(&program, &verb, argc, argv, cli, NULL);
}

/* The instance of a command line "demo ID ...". */
static pe_status make(const char *line, pe_instance **instance, pe_error *err)
{
    pe_cli cli;
    pe_dims dims;
    *instance = NULL;
    CU_ASSERT_EQUAL_FATAL(parse(line, &cli), PE_OK);
    pe_status status = pe_cli_read_dims(&cli, &dims, err);
    if (status == PE_OK)
        status = pe_cli_instance(&cli, cli.words[0], &dims, instance, err);
    pe_cli_release(&cli);
    return status;
}

/* A variant with a whole-number option and a parameter of rank 2 at width 8. */
static const pe_variant *tabled;
static const pe_option *whole_option;
static pe_param table;

static bool take_if_fit(const pe_variant *variant)
{
    const pe_dims dims = {.heads = 1, .head_dim = 8, .model_dim = 8, .max_len = 512};
    pe_instance *instance = NULL;
    if (pe_instance_create(variant, &dims, NULL, 0, 1, &instance, NULL) != PE_OK)
        return false;
    for (int o = 0; o < variant->option_count && !tabled; o++)
        if (variant->options[o].kind == PE_INT && instance->info.param_count > 0 &&
            instance->info.param[0].rank == 2) {
            tabled = variant;
            whole_option = &variant->options[o];
            table = instance->info.param[0];
        }
    pe_instance_release(instance);
    return tabled != NULL;
}

static void find_a_variant_with_a_table(void)
{
    for (size_t i = 0; i < pe_registry_count(); i++)
        if (take_if_fit(pe_registry_at(i)))
            return;
    CU_FAIL_FATAL("no built-in variant has a table and a whole-number option");
}

/* Every test begins with this, so that each can run alone. */
static void ready(void)
{
    if (tabled)
        return;
    CU_ASSERT_EQUAL_FATAL(chdir(pe_test_folder()), 0);
    pe_registry_start();
    find_a_variant_with_a_table();
}

static double option_value(const pe_instance *instance, const char *name)
{
    for (int i = 0; i < instance->variant->option_count; i++)
        if (strcmp(instance->variant->options[i].name, name) == 0)
            return instance->opt[i].x[0];
    return -1;
}

static void a_choice_is_an_id_with_settings(void)
{
    ready();
    static const char *const more[] = {"last=9"};
    pe_choice choice;
    char text[128];
    snprintf(text, sizeof text, "%s:first=1,list=1,2,3,mode=fast", tabled->id);
    CU_ASSERT_EQUAL_FATAL(pe_choice_parse(text, 1, more, &choice, NULL), PE_OK);
    CU_ASSERT_PTR_EQUAL(choice.variant, tabled);
    CU_ASSERT_EQUAL_FATAL(choice.setting_count, 4);
    CU_ASSERT_STRING_EQUAL(choice.settings[0].name, "first");
    CU_ASSERT_STRING_EQUAL(choice.settings[1].text, "1,2,3");
    CU_ASSERT_STRING_EQUAL(choice.settings[2].text, "fast");
    CU_ASSERT_STRING_EQUAL(choice.settings[3].name, "last");
    CU_ASSERT_STRING_EQUAL(choice.settings[3].text, "9");
    pe_choice_release(&choice);
}

static void a_setting_without_a_value_is_refused(void)
{
    ready();
    pe_choice choice;
    pe_error err = {0};
    char text[128];
    snprintf(text, sizeof text, "%s:clip", tabled->id);
    CU_ASSERT_EQUAL(pe_choice_parse(text, 0, NULL, &choice, &err), PE_USAGE);
    PE_CONTAINS(err.text, "'clip' is not name=value");
}

static void options_reach_the_instance_both_ways(void)
{
    ready();
    char line[256];
    pe_instance *instance;
    const double value = whole_option->low + 3;
    snprintf(line, sizeof line, "demo %s:%s=%.0f --width 8", tabled->id, whole_option->name, value);
    CU_ASSERT_EQUAL_FATAL(make(line, &instance, NULL), PE_OK);
    PE_NEAR("option", option_value(instance, whole_option->name), value, 0);
    pe_instance_release(instance);
    snprintf(line, sizeof line, "demo %s --option %s=%.0f --width 8", tabled->id,
             whole_option->name, value);
    CU_ASSERT_EQUAL_FATAL(make(line, &instance, NULL), PE_OK);
    PE_NEAR("option", option_value(instance, whole_option->name), value, 0);
    pe_instance_release(instance);
}

static void write_table(const char *path, size_t rows, size_t columns)
{
    const size_t shape[2] = {rows, columns};
    pe_tensor tensor = {0};
    CU_ASSERT_EQUAL_FATAL(pe_tensor_allocate(PE_DTYPE_F64, 2, shape, &tensor, NULL), PE_OK);
    for (size_t i = 0; i < tensor.count; i++)
        ((double *)tensor.data)[i] = 0.25 + (double)i;
    CU_ASSERT_EQUAL_FATAL(pe_npy_write(path, &tensor, NULL), PE_OK);
    pe_tensor_release(&tensor);
}

static void a_table_file_becomes_a_parameter(void)
{
    ready();
    char line[256];
    pe_instance *instance;
    write_table("table.npy", (size_t)table.shape[0], (size_t)table.shape[1]);
    snprintf(line, sizeof line, "demo %s --width 8 --param %s=table.npy", tabled->id, table.name);
    CU_ASSERT_EQUAL_FATAL(make(line, &instance, NULL), PE_OK);
    const int which = pe_instance_param(instance, table.name);
    PE_NEAR("second number", instance->master[which][1], 1.25, 0);
    pe_instance_release(instance);
}

static void wrong_tables_are_refused_with_a_reason(void)
{
    ready();
    char line[256];
    pe_instance *instance;
    pe_error err = {0};
    write_table("short.npy", 1, 1);
    snprintf(line, sizeof line, "demo %s --width 8 --param %s=short.npy", tabled->id, table.name);
    CU_ASSERT_NOT_EQUAL(make(line, &instance, &err), PE_OK);
    PE_CONTAINS(err.text, table.name);
    snprintf(line, sizeof line, "demo %s --width 8 --param %sx=short.npy", tabled->id, table.name);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean");
    snprintf(line, sizeof line, "demo %s --width 8 --param %s=nowhere.npy", tabled->id, table.name);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "nowhere.npy");
    snprintf(line, sizeof line, "demo %s --width 8 --param %s", tabled->id, table.name);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_USAGE);
    PE_CONTAINS(err.text, "NAME=FILE");
}

static void a_place_is_rounded_when_asked_for(void)
{
    ready();
    char line[256];
    pe_instance *instance;
    pe_error err = {0};
    snprintf(line, sizeof line, "demo %s --width 8 --format rows=bf16", tabled->id);
    CU_ASSERT_EQUAL_FATAL(make(line, &instance, NULL), PE_OK);
    CU_ASSERT_EQUAL(instance->formats[PE_AT_ROWS], PE_BF16);
    pe_instance_release(instance);
    snprintf(line, sizeof line, "demo %s --width 8 --format row=bf16", tabled->id);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_USAGE);
    PE_CONTAINS(err.text, "unknown place 'row': did you mean 'rows'?");
    snprintf(line, sizeof line, "demo %s --width 8 --format rows=bf17", tabled->id);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean 'bf16'?");
}

static void heads_that_do_not_divide_the_width_need_a_head_width(void)
{
    ready();
    char line[256];
    pe_instance *instance;
    pe_error err = {0};
    snprintf(line, sizeof line, "demo %s --width 8 --heads 3", tabled->id);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_USAGE);
    PE_CONTAINS(err.text, "3 heads do not divide a width of 8");
    snprintf(line, sizeof line, "demo %s --width 8 --heads 3 --head-dim 5", tabled->id);
    CU_ASSERT_EQUAL(make(line, &instance, &err), PE_OK);
    pe_instance_release(instance);
}

static void a_variant_that_leaves_positions_alone_is_no_position_map(void)
{
    ready();
    char line[256];
    pe_cli cli;
    pe_dims dims;
    pe_instance *map;
    pe_error err = {0};
    snprintf(line, sizeof line, "demo x --positions %s", tabled->id);
    CU_ASSERT_EQUAL_FATAL(parse(line, &cli), PE_OK);
    CU_ASSERT_EQUAL(pe_cli_read_dims(&cli, &dims, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_cli_position_map(&cli, &dims, &map, &err), PE_USAGE);
    PE_CONTAINS(err.text, "is no position map");
    pe_cli_release(&cli);
}

static void selection_survives_every_failed_allocation(void)
{
    ready();
    char line[256];
    pe_status status = PE_MEMORY;
    write_table("table.npy", (size_t)table.shape[0], (size_t)table.shape[1]);
    snprintf(line, sizeof line, "demo %s --width 8 --param %s=table.npy --format rows=bf16",
             tabled->id, table.name);
    pe_cli cli;
    pe_dims dims;
    CU_ASSERT_EQUAL_FATAL(parse(line, &cli), PE_OK);
    CU_ASSERT_EQUAL(pe_cli_read_dims(&cli, &dims, NULL), PE_OK);
    const long before = pe_live_blocks();
    for (long allowed = 0; status == PE_MEMORY && allowed < 200; allowed++) {
        pe_instance *instance = NULL;
        pe_error err = {0};
        pe_fail_allocations_after(allowed);
        status = pe_cli_instance(&cli, cli.words[0], &dims, &instance, &err);
        pe_fail_allocations_after(-1);
        pe_instance_release(instance);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    pe_cli_release(&cli);
}

PE_TEST_MAIN("cli: selection", PE_TEST(a_choice_is_an_id_with_settings),
             PE_TEST(a_setting_without_a_value_is_refused),
             PE_TEST(options_reach_the_instance_both_ways),
             PE_TEST(a_table_file_becomes_a_parameter),
             PE_TEST(wrong_tables_are_refused_with_a_reason),
             PE_TEST(a_place_is_rounded_when_asked_for),
             PE_TEST(heads_that_do_not_divide_the_width_need_a_head_width),
             PE_TEST(a_variant_that_leaves_positions_alone_is_no_position_map),
             PE_TEST(selection_survives_every_failed_allocation))
