/* posenc precision: published figures through the program, files of paths, and bad input. */
#include "program.h"

#include <math.h>

/* Cell `column` of the table row that begins with the word, as a number. */
static double cell(const char *text, const char *word, int column)
{
    char line[PROGRAM_TEXT];
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const size_t n = strcspn(at, "\n");
        memcpy(line, at, n);
        line[n] = 0;
        char *item = strtok(line, " ");
        if (!item || strcmp(item, word) != 0)
            continue;
        for (int c = 0; c < column && item; c++)
            item = strtok(NULL, " ");
        return item ? strtod(item, NULL) : (double)NAN;
    }
    return (double)NAN;
}

enum { LARGEST = 1, AT, PAIR, FIRST_TENTH = 7, FIRST_ONE, DISTINCT, REPEATS };

static void every_shipped_path_is_listed_with_steps_that_are_read_again(void)
{
    const outcome *o = run("$P precision list");
    EXPECT_CODE(o, 0, "list");
    PE_CONTAINS(o->out, "exp-step");
    PE_CONTAINS(o->out, "position=bf16,frequency=pow:fp32:bf16,angle=product:fp32:bf16,"
                        "sine=native:fp32:bf16,store=bf16");
    o = run("$P precision | cmp - stdout.txt; $P precision list | awk 'NR > 1 {print $NF}' | "
            "xargs $P precision measure --length 3 --width 4 | grep -c custom");
    CU_ASSERT_EQUAL(atoi(last_line(o->out)), 17);
}

/* METRICS.md 3.4, 3.5; width 128, 4096 positions. */
static void published_figures_are_printed(void)
{
    const outcome *o = run("$P precision measure all-bf16 all-fp16 pow");
    EXPECT_CODE(o, 0, "measure");
    PE_NEAR("bf16 off by 0.1", cell(o->out, "all-bf16", FIRST_TENTH), 40, 0);
    PE_NEAR("bf16 off by 1", cell(o->out, "all-bf16", FIRST_ONE), 271, 0);
    PE_NEAR("fp16 off by 0.1", cell(o->out, "all-fp16", FIRST_TENTH), 196, 0);
    PE_NEAR("fp16 off by 1", cell(o->out, "all-fp16", FIRST_ONE), 2049, 0);
    PE_NEAR("bf16 distinct", cell(o->out, "all-bf16", DISTINCT), 769, 0);
    PE_NEAR("bf16 collision", cell(o->out, "all-bf16", REPEATS), 257, 0);
    PE_NEAR("fp16 collision", cell(o->out, "all-fp16", REPEATS), 2049, 0);
    PE_NEAR("pow below 4096", cell(o->out, "pow", LARGEST), 2.39e-4, 0.02 * 2.39e-4);
    o = run("$P precision measure all-fp16 --width 32 --length 2048 --json");
    EXPECT_CODE(o, 0, "json");
    PE_CONTAINS(o->out, "\"at\": 2008");
    PE_CONTAINS(o->out, "\"pair\": 1");
    PE_CONTAINS(o->out, "\"repeats\": null");
}

static void a_file_of_a_path_means_what_its_text_means(void)
{
    const outcome *o = run(
        "printf '{\"name\": \"mine\", \"frequency\": \"exp-log:fp32:bf16\", \"store\": \"fp16\"}' "
        "> mine.json; $P precision measure mine.json --length 300 | tail -1 | cut -d' ' -f2- > a; "
        "$P precision measure frequency=exp-log:fp32:bf16,store=fp16 --length 300 | tail -1 | "
        "cut -d' ' -f2- > b; tr -s ' ' < a > c; tr -s ' ' < b | cmp - c && echo same; "
        "$P precision measure mine.json --length 3");
    EXPECT_CODE(o, 0, "file");
    PE_CONTAINS(o->out, "same\n");
    PE_CONTAINS(o->out, "mine ");
}

static void blame_names_the_step(void)
{
    EXPECT_CODE(run("$P precision blame frequencies-bf16 | grep '^frequency.* most$'"), 0, "bf16");
    EXPECT_CODE(run("$P precision blame double-angle | grep '^angle.* most$'"), 0, "angle");
    EXPECT_CODE(run("$P precision blame exact | grep most"), 1, "nothing to blame");
}

static void safe_context_is_tabulated_for_what_people_deploy_and_for_a_path(void)
{
    const outcome *o = run("$P precision safe --most 100000 --json | grep -c '\"path\"'");
    CU_ASSERT_EQUAL(atoi(o->out), 18); /* 3 bases, 2 widths, 3 formats */
    o = run("$P precision safe all-bf16 --tolerance 0.1");
    EXPECT_CODE(o, 0, "safe");
    PE_NEAR("to", cell(o->out, "all-bf16", 3), 39, 0);
    o = run("$P precision safe pow all-bf16 --unit logit --tolerance 0.01 --most 1024");
    EXPECT_CODE(o, 0, "logit");
    PE_NEAR("float", cell(o->out, "pow", 3), 1024, 0);
    CU_ASSERT(cell(o->out, "all-bf16", 3) < 16);
    EXPECT_CODE(run("$P precision safe pow --unit weight --tolerance 0.01 --most 64"), 0, "weight");
}

static void wrong_use_is_one_clear_sentence(void)
{
    static const struct {
        const char *arguments;
        int code;
        const char *says;
    } wrong[] = {
        {"mesure pow", 2, "did you mean measure?"},
        {"measure", 2, "at least one path"},
        {"list pow", 2, "no path"},
        {"blame pow exact", 2, "one path"},
        {"measure pwo", 2, "there is no path 'pwo'"},
        {"measure angle=bf61", 2, "no format 'bf61'"},
        {"measure pow --width 7", 2, "an even number"},
        {"measure absent.json", 4, "absent.json"},
        {"measure list.json", 4, "one object"},
        {"measure other.json", 4, "'frequencies' is not one of"},
        {"measure comma.json", 4, "no step"},
        {"safe pow --tolerance 4", 2, "below pi"},
        {"safe pow --tolerance 0", 2, "above 0"},
    };
    run("echo '[]' > list.json; echo '{\"frequencies\": \"pow:fp32\"}' > other.json; "
        "echo '{\"store\": \"fp16,store=bf16\"}' > comma.json");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const outcome *o = run("$P precision %s", wrong[i].arguments);
        EXPECT_CODE(o, wrong[i].code, wrong[i].arguments);
        PE_CONTAINS(o->err, wrong[i].says);
        CU_ASSERT_STRING_EQUAL(o->out, "");
    }
}

PE_TEST_MAIN("program: precision",
             PE_TEST(every_shipped_path_is_listed_with_steps_that_are_read_again),
             PE_TEST(published_figures_are_printed),
             PE_TEST(a_file_of_a_path_means_what_its_text_means), PE_TEST(blame_names_the_step),
             PE_TEST(safe_context_is_tabulated_for_what_people_deploy_and_for_a_path),
             PE_TEST(wrong_use_is_one_clear_sentence))
