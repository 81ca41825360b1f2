/* The option table: what is accepted, what is refused with which sentence, what is printed. */
#include "cli/help.h"
#include "cli/options.h"

#include "base/memory.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const pe_cli_option own_options[] = {
    {"count", 'n', PE_CLI_INT, "N", "7", -3, 40, false, "how many"},
    {"scale", 0, PE_CLI_REAL, "X", "2.385", 0, 0, false, "a factor"},
    {"mode", 'm', PE_CLI_CHOICE, "fast|exact", "exact", 0, 0, false, "which way"},
    {"note", 0, PE_CLI_TEXT, "TEXT", NULL, 0, 0, true, "a remark"},
};
static const pe_cli_group own = PE_CLI_GROUP("Own options", own_options);

static pe_status nothing(const pe_cli *cli, pe_error *err)
{
    (void)cli;
    (void)err;
    return PE_OK;
}

static const pe_cli_verb measure = {.name = "measure",
                                    .arguments = "FILE [FILE]",
                                    .summary = "measure files",
                                    .description = "A long text about measuring.",
                                    .examples = "demo measure a.npy  # one\ndemo measure a b",
                                    .least = 1,
                                    .most = 2,
                                    .groups = {&own},
                                    .run = nothing};
static const pe_cli_verb inspect = {.name = "inspect",
                                    .arguments = "",
                                    .summary = "look",
                                    .examples = "demo inspect",
                                    .run = nothing};
static const pe_cli_verb *const verbs[] = {&measure, &inspect};
static const pe_cli_program demo = {"demo", "a program for this test", verbs, 2};

enum { MOST_WORDS = 16 };

/* Parse "measure a b --x" as a shell without quotes would. */
static pe_status parse(const char *line, pe_cli *cli, pe_error *err)
{
    static char copy[512];
    static char *argv[MOST_WORDS + 1];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < MOST_WORDS; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return pe_cli_parse(&demo, &measure, argc, argv, cli, err);
}

static void options_that_are_not_given_have_their_defaults(void)
{
    pe_cli cli;
    CU_ASSERT_EQUAL_FATAL(parse("measure a.npy", &cli, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_cli_int(&cli, "count"), 7);
    PE_NEAR("scale", pe_cli_real(&cli, "scale"), 2.385, 0);
    CU_ASSERT_EQUAL(pe_cli_choice(&cli, "mode"), 1);
    CU_ASSERT_PTR_NULL(pe_cli_text(&cli, "note"));
    CU_ASSERT_FALSE(pe_cli_flag(&cli, "json"));
    CU_ASSERT_EQUAL(pe_cli_int(&cli, "seed"), 1);
    CU_ASSERT_EQUAL(cli.word_count, 1);
    pe_cli_release(&cli);
}

static void options_may_stand_anywhere_and_the_last_one_counts(void)
{
    pe_cli cli;
    CU_ASSERT_EQUAL_FATAL(
        parse("measure -n 3 a --scale=-0.5 --count -2 b --mode fast --json", &cli, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_cli_int(&cli, "count"), -2);
    PE_NEAR("scale", pe_cli_real(&cli, "scale"), -0.5, 0);
    CU_ASSERT_EQUAL(pe_cli_choice(&cli, "mode"), 0);
    CU_ASSERT_TRUE(pe_cli_flag(&cli, "json"));
    CU_ASSERT_EQUAL_FATAL(cli.word_count, 2);
    CU_ASSERT_STRING_EQUAL(cli.words[0], "a");
    CU_ASSERT_STRING_EQUAL(cli.words[1], "b");
    pe_cli_release(&cli);
}

static void repeated_options_are_all_kept_in_order(void)
{
    pe_cli cli;
    CU_ASSERT_EQUAL_FATAL(parse("measure a --note x --count 1 --note y", &cli, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_cli_each(&cli, "note", 0), "x");
    CU_ASSERT_STRING_EQUAL(pe_cli_each(&cli, "note", 1), "y");
    CU_ASSERT_PTR_NULL(pe_cli_each(&cli, "note", 2));
    pe_cli_release(&cli);
}

static void what_follows_two_dashes_is_no_option(void)
{
    pe_cli cli;
    CU_ASSERT_EQUAL_FATAL(parse("measure -- --count", &cli, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(cli.words[0], "--count");
    pe_cli_release(&cli);
}

static void wrong_use_is_one_sentence_that_says_what_is_right(void)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"measure a --cuont 3", "unknown option '--cuont': did you mean '--count'?"},
        {"measure a --cuont=3", "did you mean '--count'?"},
        {"measure a --xyzzyplugh", "unknown option '--xyzzyplugh': see --help"},
        {"measure a -Z", "unknown option '-Z'"},
        {"measure a --s 3", "'--s' is the beginning of 2 options"},
        {"measure a --json=yes", "--json takes no argument"},
        {"measure a --count", "--count needs N"},
        {"measure a -n", "--count needs N"},
        {"measure a -n three", "--count needs a whole number, not 'three'"},
        {"measure a -n 3.5", "--count needs a whole number, not '3.5'"},
        {"measure a -n 99999999999999999999", "--count needs a whole number"},
        {"measure a -n 41", "--count 41 is out of range: -3 to 40"},
        {"measure a -n -4", "--count -4 is out of range: -3 to 40"},
        {"measure a --scale nan", "--scale needs a finite number, not 'nan'"},
        {"measure a --scale 0x10", "--scale needs a finite number"},
        {"measure a --mode fats", "--mode is one of fast|exact, not 'fats'"},
        {"measure", "measure needs FILE [FILE]"},
        {"measure a b c", "measure takes only FILE [FILE]: 3 words given"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pe_cli cli;
        pe_error err = {0};
        CU_ASSERT_EQUAL(parse(cases[i].line, &cli, &err), PE_USAGE);
        PE_CONTAINS(err.text, cases[i].sentence);
        CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
    }
}

static void help_ends_the_parsing_whatever_follows(void)
{
    pe_cli cli;
    CU_ASSERT_EQUAL_FATAL(parse("measure --help=man --nonsense", &cli, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_cli_text(&cli, "help"), "man");
    pe_cli_release(&cli);
    CU_ASSERT_EQUAL_FATAL(parse("measure -h", &cli, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_cli_text(&cli, "help"), "text");
    pe_cli_release(&cli);
    CU_ASSERT_EQUAL_FATAL(parse("measure -h --nonsense --json", &cli, NULL), PE_OK);
    CU_ASSERT_TRUE(pe_cli_flag(&cli, "json"));
    pe_cli_release(&cli);
}

static void a_verb_is_found_by_name_or_suggested(void)
{
    const pe_cli_verb *verb = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_cli_find_verb(&demo, "inspect", &verb, &err), PE_OK);
    CU_ASSERT_PTR_EQUAL(verb, &inspect);
    CU_ASSERT_EQUAL(pe_cli_find_verb(&demo, "mesaure", &verb, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean 'measure'?");
    CU_ASSERT_EQUAL(pe_cli_find_verb(&demo, "qqqqqq", &verb, &err), PE_USAGE);
    PE_CONTAINS(err.text, "choose one of measure inspect");
}

/* ---- help ---- */

static char *help_of(const pe_cli_verb *verb, pe_cli_form form)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    pe_cli_help(out, &demo, verb, form);
    fclose(out);
    return text;
}

static void every_option_and_exit_code_is_in_all_three_kinds_of_help(void)
{
    static const pe_cli_form forms[] = {PE_HELP_TEXT, PE_HELP_MAN, PE_HELP_BASH};
    for (int f = 0; f < 3; f++) {
        char *text = help_of(&measure, forms[f]);
        const pe_cli_group *group;
        for (int g = 0; (group = pe_cli_group_at(&measure, g)); g++)
            for (int i = 0; i < group->count; i++)
                PE_CONTAINS(text, strrchr(group->options[i].name, '-')
                                      ? strrchr(group->options[i].name, '-') + 1
                                      : group->options[i].name);
        if (forms[f] != PE_HELP_BASH)
            PE_CONTAINS(text, "refused or crashed");
        free(text);
    }
}

static void text_help_shows_examples_before_options_and_stays_within_its_width(void)
{
    char *text = help_of(&measure, PE_HELP_TEXT);
    CU_ASSERT_TRUE(strstr(text, "Examples") < strstr(text, "Usage"));
    CU_ASSERT_TRUE(strstr(text, "Usage") < strstr(text, "--count"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        CU_ASSERT_TRUE(strcspn(line, "\n") <= 80);
    PE_CONTAINS(text, "[2.385]");
    free(text);
}

static void help_for_programs_has_every_verb_option_and_exit_code(void)
{
    json_t *all = pe_cli_help_json(&demo, NULL), *one = pe_cli_help_json(NULL, &measure);
    const json_t *listed = json_object_get(all, "verbs"),
                 *first = json_array_get(json_object_get(one, "options"), 0);
    CU_ASSERT_EQUAL(json_array_size(listed), (size_t)demo.verb_count);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "options")), (size_t)pe_cli_common.count);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "exit_codes")), PE_TERMINATED + 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "name")),
                           measure.groups[0]->options[0].name);
    json_decref(all);
    json_decref(one);
}

static void the_man_page_escapes_dashes(void)
{
    char *text = help_of(&measure, PE_HELP_MAN);
    PE_CONTAINS(text, ".TH DEMO-MEASURE 1");
    PE_CONTAINS(text, "\\-\\-variant\\-path");
    CU_ASSERT_PTR_NULL(strstr(text, "\n--"));
    free(text);
}

static void completion_offers_verbs_and_options_in_bash(void)
{
    CU_ASSERT_EQUAL_FATAL(chdir(pe_test_folder()), 0);
    char *text = help_of(NULL, PE_HELP_BASH);
    FILE *file = fopen("completion.bash", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    free(text);
    const char *ask = "bash -c 'source ./completion.bash; COMP_WORDS=(demo measure --co); "
                      "COMP_CWORD=2; _demo; echo ${COMPREPLY[@]}'";
    char answer[128] = "";
    FILE *pipe = popen(ask, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    CU_ASSERT_PTR_NOT_NULL(fgets(answer, sizeof answer, pipe));
    pclose(pipe);
    CU_ASSERT_STRING_EQUAL(answer, "--count --color\n");
}

static void parsing_survives_every_failed_allocation(void)
{
    const long before = pe_live_blocks();
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 16; allowed++) {
        pe_cli cli;
        pe_error err = {0};
        pe_fail_allocations_after(allowed);
        status = parse("measure a --count 3", &cli, &err);
        pe_fail_allocations_after(-1);
        if (status == PE_OK)
            pe_cli_release(&cli);
        CU_ASSERT_EQUAL(pe_live_blocks(), before);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("cli: options", PE_TEST(options_that_are_not_given_have_their_defaults),
             PE_TEST(options_may_stand_anywhere_and_the_last_one_counts),
             PE_TEST(repeated_options_are_all_kept_in_order),
             PE_TEST(what_follows_two_dashes_is_no_option),
             PE_TEST(wrong_use_is_one_sentence_that_says_what_is_right),
             PE_TEST(help_ends_the_parsing_whatever_follows),
             PE_TEST(a_verb_is_found_by_name_or_suggested),
             PE_TEST(every_option_and_exit_code_is_in_all_three_kinds_of_help),
             PE_TEST(text_help_shows_examples_before_options_and_stays_within_its_width),
             PE_TEST(help_for_programs_has_every_verb_option_and_exit_code),
             PE_TEST(the_man_page_escapes_dashes),
             PE_TEST(completion_offers_verbs_and_options_in_bash),
             PE_TEST(parsing_survives_every_failed_allocation))
