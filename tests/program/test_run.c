/* posenc run when something is in the way: gnuplot, the disk, another run, a signal. */
#include "program.h"

/* The shortest run that there is. */
#define LEAST "--length 8 --variant alibi --draws 2 --quick --plot none "
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

/* posenc in front of the command's other words, given to a shell, finds the file again. */
static void the_command_in_a_report_can_be_pasted_into_a_shell(void)
{
    run("seq 3000 >\"it's a text.txt\"");
    EXPECT_CODE(run("$P run symmetry " LEAST "-q --text \"it's a text.txt\" --out quoted"), 0,
                "a name with blanks and a quote");
    EXPECT_CODE(run("command=$(sed -n 's/^ \"command\": \"posenc \\(.*\\)\",$/\\1/p' "
                    "quoted/symmetry/run.json | sed 's/\\\\\\\\/\\\\/g'); "
                    "eval \"$P $command -q --plot none --out pasted\" && "
                    "cmp quoted/symmetry/verdicts.csv pasted/symmetry/verdicts.csv"),
                0, "its command again");
}

static void results_name_the_options_of_a_variant(void)
{
    EXPECT_CODE(run("$P run distance_sensitivity symmetry -q --length 16 --draws 2 --quick --plot "
                    "none --variant learned:max_len=8,beyond=clamp --variant "
                    "learned:max_len=8,beyond=wrap --variant learned:max_len=8 --variant "
                    "learned:init=sinusoidal "
                    "--out named"),
                0, "one encoding, four ways");
    EXPECT_CODE(run("$P run symmetry -q --length 16 --draws 2 --quick --plot none --variant "
                    "learned:max_len=8 --out short"),
                0, "one that fits no sequence");
    EXPECT_CODE(run("$P run symmetry -q --length 16 --draws 2 --quick --plot none --variant "
                    "transformer_xl --variant transformer_xl --out twice"),
                0, "the same twice");
    EXPECT_CODE(run("for way in clamp wrap; do "
                    "for id in distance_sensitivity symmetry; do "
                    "grep -q \"Learned absolute, max_len=8, beyond=$way\" named/$id/$id.html && "
                    "grep -q learned:max_len=8,beyond=$way named/$id/verdicts.csv || exit 1; "
                    "done; done; grep -q '>learned:max_len=8</code>: not applicable, because' "
                    "named/symmetry/symmetry.html"),
                0, "each way has its name");
}

static void an_interrupted_run_ends_with_130_and_keeps_nothing_unfinished(void)
{
    const outcome *o = run("$P run symmetry -q --length 1024 --plot none --out stopped & pid=$!; "
                           "until [ -d stopped ]; do sleep 0.02; done; kill -INT $pid; wait $pid");
    EXPECT_CODE(o, 130, "SIGINT");
    PE_CONTAINS(o->err, "interrupted; nothing unfinished was kept");
    EXPECT_CODE(run("test -z \"$(find stopped -type f)\""), 0, "no file");
}

/* ---- several experiments, side by side in child processes ---------------------------------------
 */

#define TWO "symmetry distance_sensitivity "

static void side_by_side_they_write_and_print_what_they_do_one_after_the_other(void)
{
    EXPECT_CODE(run("$P run " TWO LEAST "--threads 1 --out one >one.txt"), 0, "one by one");
    EXPECT_CODE(run("$P run " TWO LEAST "--threads 2 --out two >two.txt"), 0, "side by side");
    EXPECT_CODE(run("test -s one.txt && cmp one.txt two.txt"), 0, "what is printed, in order");
    EXPECT_CODE(run("diff -rq one two | grep -v -e run.json -e result.json -e '[.]ipynb' "
                    "-e '[.]html'"),
                1, "tables and index");
    EXPECT_CODE(run("diff -r one two | grep '^[<>]' | grep -vi -e threads -e seconds "
                    "-e '\"[a-z_]*[.]\\(html\\|ipynb\\|json\\)\": \"'"),
                1, "documents differ in the number of threads alone");
}

static void the_seconds_of_each_are_told_and_kept(void)
{
    const outcome *o = run("$P run " TWO LEAST "--threads 2 --out timed >/dev/null");
    EXPECT_CODE(o, 0, "two experiments");
    PE_CONTAINS(o->err, "posenc run: 2 experiments in ");
    PE_CONTAINS(o->err, " s: symmetry ");
    PE_CONTAINS(o->err, ", distance_sensitivity ");
    EXPECT_CODE(run("grep -q '\"seconds\": [0-9.]*' timed/symmetry/run.json"), 0, "run.json");
    o = run("$P run " TWO TWO LEAST "-q --threads 2 --out timed");
    EXPECT_CODE(o, 0, "a name given twice");
    CU_ASSERT_STRING_EQUAL(o->err, "");
}

static void two_run_at_once(void)
{
    const outcome *o =
        run("$P run " TWO "-q --length 1024 --threads 2 --plot none --out both & pid=$!; "
            "until [ -d both ]; do sleep 0.02; done; n=0; tries=0; "
            "while [ $n -lt 2 ] && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); "
            "n=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v p=$pid '$4 == p' | wc -l); done; "
            "kill -INT $pid; wait $pid; [ $n -eq 2 ]");
    EXPECT_CODE(o, 0, "two children of one run");
}

static void an_interrupt_ends_all_of_them_and_nothing_unfinished_stays(void)
{
    const outcome *o = run("$P run " TWO "-q --length 1024 --threads 2 --plot none --out halted & "
                           "pid=$!; until [ -d halted ]; do sleep 0.02; done; sleep 0.5; "
                           "kill -INT $pid; wait $pid");
    EXPECT_CODE(o, 130, "SIGINT");
    CU_ASSERT_STRING_EQUAL(o->err, "posenc run: interrupted; nothing unfinished was kept\n");
    EXPECT_CODE(run("test -z \"$(find halted -type f)\""), 0, "no file");
    o = run("flock -n halted true");
    CU_ASSERT(o->code == 0 || o->code == 127); /* no child lives, or no flock(1) */
}

static void children_do_not_outlive_a_killed_parent(void)
{
    const outcome *o =
        run("command -v flock >/dev/null || exit 77; "
            "$P run " TWO "-q --length 1024 --threads 2 --plot none --out orphans & pid=$!; "
            "until [ -d orphans ]; do sleep 0.02; done; sleep 0.5; kill -KILL $pid; wait $pid; "
            "flock -w 20 orphans true");
    CU_ASSERT(o->code == 0 || o->code == 77);
}

static void one_that_cannot_write_ends_the_others(void)
{
    const outcome *o = run("ulimit -f 2; $P run " TWO LEAST "-q --threads 2 --out full");
    EXPECT_CODE(o, 5, "a full disk");
    EXPECT_CODE(run("test ! -e full/index.html && test -z \"$(find full -name '*.tmp')\""), 0,
                "no index");
}

static void a_child_that_dies_is_reported(void)
{
    EXPECT_CODE(run("$P plugin new dying && sed -i '1i #include <stdlib.h>' dying/dying.c && "
                    "sed -i 's/const int width = .*/& if (getenv(\"DIE\")) abort();/' "
                    "dying/dying.c && "
                    "cc -shared -fPIC -I \"$A\" dying/dying.c -o dying.so -lm"),
                0, "a plug-in");
    const outcome *o = run("DIE=1 $P run " TWO "-q --length 8 --draws 2 --quick --threads 2 "
                           "--plot none --plugin ./dying.so --trust --variant dying --out dead");
    EXPECT_CODE(o, 6, "a plug-in that calls abort");
    PE_CONTAINS(o->err, "its process ended without a result (Aborted)");
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
             PE_TEST(the_command_in_a_report_can_be_pasted_into_a_shell),
             PE_TEST(results_name_the_options_of_a_variant),
             PE_TEST(an_interrupted_run_ends_with_130_and_keeps_nothing_unfinished),
             PE_TEST(side_by_side_they_write_and_print_what_they_do_one_after_the_other),
             PE_TEST(the_seconds_of_each_are_told_and_kept), PE_TEST(two_run_at_once),
             PE_TEST(an_interrupt_ends_all_of_them_and_nothing_unfinished_stays),
             PE_TEST(children_do_not_outlive_a_killed_parent),
             PE_TEST(one_that_cannot_write_ends_the_others), PE_TEST(a_child_that_dies_is_reported),
             PE_TEST(wrong_names_are_answered_with_the_nearest))
