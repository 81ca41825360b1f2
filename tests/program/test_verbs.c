/* What holds for every verb, whichever there are: --help, --json, --quiet, --version and NO_COLOR.
 * The loops go over the program's own table, and over the examples that each verb's help shows, so
 * that a verb added tomorrow is held to the same. */
#include "program.h"

#include "io/safetensors.h"
#include "verbs.h"

#include <jansson.h>
#include <math.h>

/* ---- the examples ---- */

typedef struct example {
    const pe_cli_verb *verb;
    char text[512]; /* one line, without its comment */
} example;

/* Words that make a long example short; the last value given counts. */
static const struct {
    const char *begins, *words;
} shorter[] = {
    {"posenc run all", "--dry-run"},
    {"posenc run ", "--length 8 --draws 2 --quick --plot none --variant alibi --out tried"},
    {"posenc cards ", "--draws 2 --plot none"},
    {"posenc train ", "--steps 2 --layers 1 --width 8 --heads 1 --length 8 --batch 2"},
    {"posenc bench ", "--reps 3 --max-seconds 0.1"},
    {"posenc identify --self-test", "--cases 60"},
    {"posenc precision compare", "--length 256"},
};

/* What needs another program, minutes, or a machine that does nothing else; and where it is tried.
 */
static const char *const elsewhere[] = {
    "posenc bench --ratios",   /* machine.check_ratios, program.bench */
    "--against-torch",         /* program.bench, with peers of its own */
    "posenc gallery run all",  /* program.gallery_*, each exhibit */
    "posenc bench txl:2048",   /* program.bench, smaller */
    "posenc cards --out",      /* program.cards, each card */
    "posenc gallery train",    /* program.gallery_training, smaller */
    "posenc bench plain:512 ", /* as above */
};

static bool is_elsewhere(const char *text)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strstr(text, elsewhere[i]))
            return true;
    return false;
}

static void shorten(char text[512])
{
    for (size_t i = 0; i < sizeof shorter / sizeof shorter[0]; i++)
        if (strncmp(text, shorter[i].begins, strlen(shorter[i].begins)) == 0) {
            const size_t used = strlen(text);
            snprintf(text + used, 512 - used, " %s", shorter[i].words);
            return;
        }
}

static void for_each_example(void (*what)(const example *e))
{
    for (int v = 0; v < posenc_program.verb_count; v++) {
        example e = {.verb = posenc_program.verbs[v]};
        for (const char *at = e.verb->examples; at && *at; at += strcspn(at, "\n"), at += !!*at) {
            snprintf(e.text, sizeof e.text, "%.*s", (int)strcspn(at, "\n"), at);
            e.text[strcspn(e.text, "#")] = 0;
            shorten(e.text);
            if (!is_elsewhere(e.text))
                what(&e);
        }
    }
}

/* ---- the files that the examples name ---- */

static void write_checkpoint(void)
{
    const size_t shape[] = {64, 16};
    pe_tensor rows;
    CU_ASSERT_EQUAL_FATAL(pe_tensor_allocate(PE_DTYPE_F32, 2, shape, &rows, NULL), PE_OK);
    float *x = rows.data;
    for (size_t i = 0; i < 64 * 16; i++)
        x[i] = (float)sin(0.1 * (double)(i / 16) * (double)(1 + i % 16) + 0.3);
    const pe_safetensors_item items[] = {{"encoder.pos", &rows}, {"wpe.weight", &rows}};
    CU_ASSERT_EQUAL(pe_safetensors_write("material/model.safetensors", items, 2, NULL, 0, NULL),
                    PE_OK);
    pe_tensor_release(&rows);
}

/* A folder with all of them, entered afresh: what one example makes, another may use. */
static void begin(const char *folder)
{
    static int prepared;
    if (!prepared++) {
        EXPECT_CODE(
            run("set -e; mkdir -p material/handed_in; $P plugin new mine --folder material -q; "
                "cc -shared -fPIC -I \"$A\" material/mine/mine.c -o material/mine.so -lm; "
                "rm -r material/mine; cp -r \"$G/shaw_L5_k9_h1_b1_d7\" material/my_case; "
                "ln -s \"$G/..\" material/tests; cp \"$A/posenc.h\" material/README.md; "
                "cp \"$A/posenc.h\" material/book.txt; cd material; "
                "$P table sinusoidal:layout=concat --width 16 --to 63 -q -o mine.npy; "
                "$P table sinusoidal --width 16 --to 63 -q -o theirs.npy; cp mine.npy table.npy; "
                "cp mine.npy handed_in/a.npy; cp mine.npy handed_in/b.npy"),
            0, "the files of the examples");
        write_checkpoint();
    }
    EXPECT_CODE(run("cp -r material %s", folder), 0, folder);
    setenv("F", folder, 1);
}

/* Run as bash would that somebody pastes it into. */
static const outcome *try(const char *text)
{
    FILE *file = fopen("example.sh", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "PATH=$(dirname \"$P\"):$PATH\n%s\n", text);
    fclose(file);
    return run("cd \"$F\" && bash ../example.sh </dev/null");
}

/* ---- what is held ---- */

static void every_verb_explains_itself_in_every_form(void)
{
    for (int v = 0; v < posenc_program.verb_count; v++) {
        const pe_cli_verb *verb = posenc_program.verbs[v];
        const outcome *o = run("$P %s --help", verb->name);
        EXPECT_CODE(o, 0, verb->name);
        CU_ASSERT_STRING_EQUAL(o->err, "");
        PE_CONTAINS(o->out, verb->summary);
        const pe_cli_group *group;
        for (int g = 0; (group = pe_cli_group_at(verb, g)); g++)
            for (int i = 0; i < group->count; i++)
                PE_CONTAINS(o->out, group->options[i].name);
        EXPECT_CODE(run("$P %s --help=man | grep -q '^.TH POSENC-'", verb->name), 0, verb->name);
        EXPECT_CODE(
            run("$P help %s >a && $P %s --help --bogus >b && cmp a b", verb->name, verb->name), 0,
            verb->name);
    }
}

/* What the last command printed: a file, because it may be longer than an outcome holds. */
static json_t *printed(const outcome *o, const char *what)
{
    json_error_t error;
    json_t *value = json_load_file("stdout.txt", JSON_REJECT_DUPLICATES, &error);
    if (!value)
        printf("\n    %s: line %d: %s: %.200s", what, error.line, error.text, o->out);
    CU_ASSERT_PTR_NOT_NULL(value);
    return value;
}

static void help_and_version_of_every_verb_are_json_too(void)
{
    for (int v = 0; v < posenc_program.verb_count; v++) {
        const char *name = posenc_program.verbs[v]->name;
        json_decref(printed(run("$P %s --help --json", name), name));
        json_decref(printed(run("$P help --json %s", name), name));
        json_t *version = printed(run("$P %s --version --json", name), name);
        CU_ASSERT_PTR_NOT_NULL(json_object_get(version, "version"));
        json_decref(version);
    }
    json_t *all = printed(run("$P --json --help"), "posenc");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "verbs")),
                    (size_t)posenc_program.verb_count);
    json_decref(all);
}

static void try_as_json(const example *e)
{
    char text[600];
    if (strpbrk(e->text, "<>")) /* it says itself where the output goes */
        return;
    snprintf(text, sizeof text, "%s --json --quiet", e->text);
    const outcome *o = try(text);
    EXPECT_CODE(o, 0, text);
    if (*o->err)
        printf("\n    %s: with --quiet it says: %s", text, o->err);
    CU_ASSERT_STRING_EQUAL(o->err, "");
    json_decref(printed(o, text));
}

static void every_example_of_the_help_gives_one_json_value_and_is_quiet_when_asked(void)
{
    begin("json");
    for_each_example(try_as_json);
}

static void try_on_a_terminal(const example *e)
{
    FILE *file = fopen("pasted.sh", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "cd \"$F\" && %s\n", e->text);
    fclose(file);
    const outcome *o = run("PATH=$(dirname \"$P\"):$PATH; export PATH TERM=xterm NO_COLOR=1; "
                           "script -qec 'bash pasted.sh' typescript </dev/null");
    EXPECT_CODE(o, 0, e->text);
    if (o->code != 0)
        printf("\n    it said: %s", o->out);
    EXPECT_CODE(run("! grep -q \"$(printf '\\033')\" typescript"), 0, e->text);
}

static void no_color_keeps_escapes_out_of_every_example_on_a_terminal(void)
{
    if (run("command -v script")->code != 0)
        return; /* util-linux' script makes the terminal */
    begin("terminal");
    EXPECT_CODE(run("TERM=xterm script -qec '$P doctor' typescript "
                    "</dev/null; grep -q \"$(printf '\\033')\" typescript"),
                0, "without NO_COLOR there are colours");
    for_each_example(try_on_a_terminal);
}

static void several_experiments_are_one_list_and_one_is_an_object(void)
{
    static const char small[] = "--length 8 --variant alibi --draws 2 --quick --plot none --json";
    json_t *one = printed(run("$P run symmetry %s --out one", small), "one");
    CU_ASSERT_TRUE(json_is_object(one));
    json_t *two = printed(run("$P run symmetry cost %s --out two", small), "two");
    CU_ASSERT_EQUAL(json_array_size(two), 2);
    json_decref(one);
    json_decref(two);
}

static void a_table_in_a_file_is_reported_to_programs(void)
{
    json_t *row = printed(run("$P table alibi -q --to 3 -o rows.csv --json"), "table");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "written")), "rows.csv");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "rows")), 4);
    json_decref(row);
}

PE_TEST_MAIN("program: every verb", PE_TEST(every_verb_explains_itself_in_every_form),
             PE_TEST(help_and_version_of_every_verb_are_json_too),
             PE_TEST(every_example_of_the_help_gives_one_json_value_and_is_quiet_when_asked),
             PE_TEST(no_color_keeps_escapes_out_of_every_example_on_a_terminal),
             PE_TEST(several_experiments_are_one_list_and_one_is_an_object),
             PE_TEST(a_table_in_a_file_is_reported_to_programs))
