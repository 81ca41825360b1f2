/* posenc run when something is in the way: gnuplot, the disk, another run, a signal. */
#include "program.h"

/* The shortest run that there is. */
#define SMALL "$P run symmetry -q --length 8 --variant alibi --draws 2 --quick "

static void without_pictures_no_gnuplot_is_needed(void)
{
    EXPECT_CODE(run("PATH=/nowhere " SMALL "--plot none --out bare"), 0, "--plot none");
    EXPECT_CODE(
        run("grep -q '\"complete\": true' bare/symmetry/run.json && "
            "grep -q 'This picture was not drawn. It shows:' bare/symmetry/symmetry.html && "
            "test -z \"$(find bare -name '*.svg' -o -name '*.png')\""),
        0, "what is in the folder");
}

static void without_gnuplot_the_results_are_saved_and_the_package_is_named(void)
{
    const outcome *o = run("PATH=/nowhere " SMALL "--out numbers");
    EXPECT_CODE(o, 3, "no gnuplot");
    PE_CONTAINS(o->err, "gnuplot-nox");
    EXPECT_CODE(run("test -s numbers/symmetry/split.csv && test -s numbers/symmetry/split_bars.gp "
                    "&& test -s numbers/index.html"),
                0, "the results");
}

static void a_gnuplot_that_hangs_is_stopped_after_the_plot_timeout(void)
{
    run("printf '#!/bin/sh\\nsleep 1000\\n' >hangs; chmod +x hangs");
    const outcome *o =
        run("POSENC_GNUPLOT=./hangs " SMALL "--plot svg --plot-timeout 0.5 --out hung");
    EXPECT_CODE(o, 3, "a gnuplot that hangs");
    PE_CONTAINS(o->err, "was stopped after 0.5 s");
    EXPECT_CODE(run("test -s hung/symmetry/split.csv"), 0, "the results");
}

static void a_folder_in_use_is_refused_before_the_work(void)
{
    run("mkdir -p shared");
    const outcome *o =
        run("exec 9<shared; flock -n 9 || exit 77; " SMALL "--plot none --out shared");
    if (o->code == 77 || o->code == 127)
        return; /* no flock(1) here: tests/io/test_lock.c holds the rest */
    EXPECT_CODE(o, 5, "a folder in use");
    PE_CONTAINS(o->err, "shared: in use by");
    EXPECT_CODE(run("test -z \"$(ls -A shared)\""), 0, "nothing was written");
    EXPECT_CODE(run(SMALL "--plot none --out shared"), 0, "afterwards");
}

static void a_run_that_fails_leaves_no_run_json_of_an_earlier_one(void)
{
    EXPECT_CODE(run(SMALL "--plot none --out again && test -s again/symmetry/run.json"), 0,
                "the first run");
    EXPECT_CODE(run("ulimit -f 2; " SMALL "--seed 2 --plot none --out again"), 5, "a full disk");
    EXPECT_CODE(run("test ! -e again/symmetry/run.json && test -z \"$(find again -name '*.tmp')\""),
                0, "no run.json");
}

static void leftovers_of_a_killed_run_go_and_are_reported(void)
{
    run("mkdir -p torn/symmetry; sleep 0 & wait $!; echo x >torn/symmetry/.split.csv.$!.tmp");
    const outcome *o =
        run("$P run symmetry --length 8 --variant alibi --draws 2 --quick --plot none --out torn");
    EXPECT_CODE(o, 0, "a run after a killed one");
    PE_CONTAINS(o->err, "1 temporary file removed");
    EXPECT_CODE(run("test -z \"$(find torn -name '*.tmp')\""), 0, "they are gone");
}

static void the_command_in_a_report_names_what_was_loaded(void)
{
    EXPECT_CODE(run("$P plugin new own && cc -shared -fPIC -I \"$A\" own/own.c -o own.so -lm"), 0,
                "a plug-in");
    EXPECT_CODE(run("$P run symmetry -q --length 8 --variant own --draws 2 --quick --plot none "
                    "--plugin ./own.so --out loaded"),
                0, "a run with it");
    EXPECT_CODE(run("grep -q -- '--variant own --plugin ./own.so' loaded/symmetry/run.json"), 0,
                "the command");
}

static void an_interrupted_run_ends_with_130_and_keeps_nothing_unfinished(void)
{
    const outcome *o = run("$P run symmetry -q --length 1024 --plot none --out stopped & pid=$!; "
                           "until [ -d stopped ]; do sleep 0.02; done; kill -INT $pid; wait $pid");
    EXPECT_CODE(o, 130, "SIGINT");
    PE_CONTAINS(o->err, "interrupted; nothing unfinished was kept");
    EXPECT_CODE(run("test -z \"$(find stopped -type f)\""), 0, "no file");
}

static void wrong_names_are_answered_with_the_nearest(void)
{
    const outcome *o = run("$P run symetry");
    EXPECT_CODE(o, 2, "an unknown experiment");
    PE_CONTAINS(o->err, "did you mean symmetry?");
    o = run("$P run symmetry --variant rop");
    EXPECT_CODE(o, 2, "an unknown variant");
    PE_CONTAINS(o->err, "did you mean \"rope\"?");
    o = run("$P run symmetry --text absent.txt --out text");
    EXPECT_CODE(o, 4, "a missing text");
    PE_CONTAINS(o->err, "absent.txt");
}

PE_TEST_MAIN("program: run", PE_TEST(without_pictures_no_gnuplot_is_needed),
             PE_TEST(without_gnuplot_the_results_are_saved_and_the_package_is_named),
             PE_TEST(a_gnuplot_that_hangs_is_stopped_after_the_plot_timeout),
             PE_TEST(a_folder_in_use_is_refused_before_the_work),
             PE_TEST(a_run_that_fails_leaves_no_run_json_of_an_earlier_one),
             PE_TEST(leftovers_of_a_killed_run_go_and_are_reported),
             PE_TEST(the_command_in_a_report_names_what_was_loaded),
             PE_TEST(an_interrupted_run_ends_with_130_and_keeps_nothing_unfinished),
             PE_TEST(wrong_names_are_answered_with_the_nearest))
