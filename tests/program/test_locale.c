/* A machine whose decimal sign is a comma: the same bytes out, the same numbers in. The locale is
 * made here, so that the test needs none to be installed; without localedef or its sources there is
 * nothing to compare, and the test says so. */
#include "program.h"

static const char german[] = "LOCPATH=\"$PWD/loc\" LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8";

static int has_locale(void)
{
    static int made = -1;
    if (made < 0) {
        run("mkdir -p loc && localedef -i de_DE -f UTF-8 loc/de_DE.UTF-8");
        made = run("test \"$(%s locale decimal_point)\" = ,", german)->code == 0;
        if (!made)
            printf("(no de_DE.UTF-8 can be made here) ");
    }
    return made;
}

static void whatever_is_printed_has_the_same_bytes(void)
{
    static const char *const commands[] = {
        "--help",
        "help --json",
        "run --help=man",
        "list --json",
        "info fire",
        "info t5 --json",
        "table sinusoidal --width 6 --positions-list 0.5,1e6",
        "table sinusoidal:base=500.5 --width 6 --to 1 --json",
        "table alibi --heads 12 --width 12 --to 1 --precision f128",
        "table cape --width 4 -O shift=2.5 -O scale=1.25 --to 1",
        "precision measure pow all-fp16 --length 300 --base 500.5",
        "precision measure pow --length 64 --json",
        "precision safe pow --tolerance 0.05",
        "precision blame pow --length 64",
        "check \"$G/shaw_L5_k9_h1_b1_d7\" --tolerance 1e-9",
        "check \"$G/txl_L4_M8_clamp5\" --json",
        "gallery run pairing",
        "cards --list",
        "bench --list",
    };
    if (!has_locale())
        return;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        EXPECT_CODE(run("$P %s >plain.txt", commands[i]), 0, commands[i]);
        EXPECT_CODE(run("%s $P %s >comma.txt", german, commands[i]), 0, commands[i]);
        EXPECT_CODE(run("cmp plain.txt comma.txt"), 0, commands[i]);
    }
}

static void files_are_read_as_the_same_numbers(void)
{
    if (!has_locale())
        return;
    run("$P table sinusoidal:base=500.5 --width 8 --to 40 -o t.csv; "
        "$P table sinusoidal:base=500.5 --width 8 --to 40 -o t.npy; "
        "echo '{\"position\": \"fp32\", \"frequency\": \"pow:fp32\"}' >path.json");
    static const char *const commands[] = {"identify t.csv --json", "identify t.npy",
                                           "inspect t.npy --json",
                                           "precision measure path.json --length 100"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        EXPECT_CODE(run("$P %s >plain.txt", commands[i]), 0, commands[i]);
        EXPECT_CODE(run("%s $P %s >comma.txt", german, commands[i]), 0, commands[i]);
        EXPECT_CODE(run("cmp plain.txt comma.txt"), 0, commands[i]);
    }
    EXPECT_CODE(run("%s $P table shaw -q --positions-list 0,5", german), 0, "a list of two");
    EXPECT_CODE(run("%s $P precision safe pow --tolerance 0,05", german), 2, "no comma in numbers");
}

/* Tables, JSON, notebook, page, scripts of figures, and the pictures where gnuplot is there. */
static void a_run_writes_the_same_files(void)
{
    if (!has_locale())
        return;
    const char *plot = run("command -v gnuplot")->code == 0 ? "svg" : "none";
    static const char small[] = "run symmetry -q --length 8 --variant alibi "
                                "--variant rope --draws 2 --quick --plot";
    EXPECT_CODE(run("$P %s %s --out plain", small, plot), 0, "a run");
    EXPECT_CODE(run("%s $P %s %s --out comma", german, small, plot), 0, "a run with commas");
    run("sed -i '/\"seconds\"/d' plain/*/run.json comma/*/run.json"); /* how long it took */
    EXPECT_CODE(run("diff -r plain comma"), 0, "the files of both");
    EXPECT_CODE(run("find comma -name '*.gp' | grep -q ."), 0, "scripts of figures");
}

PE_TEST_MAIN("program: locale", PE_TEST(whatever_is_printed_has_the_same_bytes),
             PE_TEST(files_are_read_as_the_same_numbers), PE_TEST(a_run_writes_the_same_files))
