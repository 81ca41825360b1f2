/* What goes wrong, and how posenc says so: the documented exit code, exactly one sentence on
 * standard error, and nothing half-written. */
#include "program.h"

/* Folders and files that are wrong in one way each, made once. */
static const char preparation[] =
    "set -e\n"
    "make() { rm -rf \"$1\"; cp -r \"$G/shaw_L5_k9_h1_b1_d7\" \"$1\"; chmod -R u+w \"$1\"; }\n"
    "for c in good nan cut long liar gone badjson future option nowhere notol; do make $c; done\n"
    /* NaN as the last number of q */
    "size=$(wc -c <nan/q.npy)\n"
    "printf '\\000\\000\\000\\000\\000\\000\\370\\177' |"
    " dd of=nan/q.npy bs=1 seek=$((size - 8)) conv=notrunc 2>/dev/null\n"
    "head -c $((size - 8)) good/q.npy >cut/q.npy\n"
    "printf 12345678 >>long/q.npy\n"
    "sed 's/(1, 1, 5, 7)/(1, 1, 9, 7)/' good/q.npy >liar/q.npy\n"
    "rm gone/k.npy\n"
    "head -c 100 good/case.json >badjson/case.json\n"
    "sed -i 's/\"variant\": \"shaw\"/\"variant\": \"shw\"/' future/case.json\n"
    "sed -i 's/\"clip\"/\"clop\"/' option/case.json\n"
    "sed -i 's/\"tolerance\"/\"tolerated\"/' notol/case.json\n"
    "mkdir -p empty full; printf 'not a module' >fake.so; printf x >plain\n"
    /* a module under another name, and one that was compiled for another contract */
    "$P plugin new mine -q; cc -shared -fPIC -I \"$A\" mine/mine.c -o mine.so -lm\n"
    "cp mine.so other.so; cp -r \"$A\" older; chmod -R u+w older\n"
    "sed -i 's/\\(define PE_ABI\\) .*/\\1 77u/' older/posenc_types.h\n"
    "mkdir -p old; cc -shared -fPIC -I older mine/mine.c -o old/mine.so -lm\n";

static void prepare(void)
{
    static int done;
    if (done++)
        return;
    const outcome *o = run("%s", preparation);
    EXPECT_CODE(o, 0, "preparation");
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

typedef struct bad {
    const char *command;
    int code;
    const char *sentence; /* part of what is said on standard error */
} bad;

static void expect_all(const bad *list, size_t count)
{
    prepare();
    for (size_t i = 0; i < count; i++) {
        const outcome *o = run("%s", list[i].command);
        EXPECT_CODE(o, list[i].code, list[i].command);
        PE_CONTAINS(o->err, list[i].sentence);
        if (lines_of(o->err) != 1)
            printf("\n    %s: %d lines on stderr: %s", list[i].command, lines_of(o->err), o->err);
        CU_ASSERT_EQUAL(lines_of(o->err), 1);
        CU_ASSERT_EQUAL(strncmp(o->err, "posenc", 6), 0);
    }
}
#define EXPECT_ALL(list) expect_all(list, sizeof(list) / sizeof((list)[0]))

static void wrong_use_is_exit_code_2(void)
{
    static const bad list[] = {
        {"$P", 2, "a verb comes first"},
        {"$P lst", 2, "did you mean 'list'?"},
        {"$P frobnicate", 2, "choose one of list"},
        {"$P help tabel", 2, "did you mean 'table'?"},
        {"$P list --jsno", 2, "did you mean '--json'?"},
        {"$P list extra", 2, "takes no words"},
        {"$P table", 2, "table needs VARIANT"},
        {"$P table shwa", 2, "did you mean \"shaw\"?"},
        {"$P table shaw:clp=3", 2, "did you mean"},
        {"$P table shaw:clip=-1", 2, "clip"},
        {"$P table shaw:clip=many", 2, "clip"},
        {"$P table shaw --width 0", 2, "--width 0 is out of range"},
        {"$P table shaw --width 99999999999999999999", 2, "--width needs a whole number"},
        {"$P table shaw --width 7 --heads 2", 2, "2 heads do not divide a width of 7"},
        {"$P table shaw --positions-list 0,x", 2, "'x' is no finite number"},
        {"$P table shaw --positions-list 0,nan", 2, "no finite number"},
        {"$P table shaw --positions-list 0,1.5", 2, "whole offsets only"},
        {"$P table shaw --from 5 --to 1", 2, "does not lead from 5 to 1"},
        {"$P table shaw --step 0", 2, "positions are not 1 to"},
        {"$P table shaw --to 1e300", 2, "positions are not 1 to"},
        {"$P table none", 2, "computes nothing from positions alone"},
        {"$P table shaw --what codes", 2, "no code rows"},
        {"$P table shaw -o table.xls", 2, "--output is FILE.npy, FILE.csv or -"},
        {"$P table shaw --format table=bf15", 2, "did you mean 'bf16'?"},
        {"$P attend good", 2, "attend needs -o OUT"},
        {"$P plugin test x", 2, "plugin knows"},
        {"$P plugin new 2bad", 2, "2bad"},
        {"$P plugin new int", 2, "int"},
    };
    EXPECT_ALL(list);
}

static void a_bad_input_file_is_exit_code_4(void)
{
    static const bad list[] = {
        {"$P check missing", 4, "missing"},
        {"$P check empty", 4, "case.json"},
        {"$P check plain", 4, "plain"},
        {"$P check nan", 4, "not finite"},
        {"$P check cut", 4, "q.npy"},
        {"$P check long", 4, "q.npy"},
        {"$P check liar", 4, "q.npy"},
        {"$P check gone", 4, "k.npy"},
        {"$P check badjson", 4, "case.json"},
        {"$P check future", 4, "did you mean \"shaw\"?"},
        {"$P check option", 4, "did you mean"},
        {"$P check notol", 4, "give --tolerance"},
        {"$P attend nan -o made", 4, "not finite"},
        {"$P table shaw --param rel_k=nowhere.npy", 4, "nowhere.npy"},
        {"$P table shaw --param rel_k=cut/q.npy", 4, "cut/q.npy"},
        {"$P table shaw --param rel_k=plain.safetensors:x", 4, "plain.safetensors"},
    };
    EXPECT_ALL(list);
    EXPECT_CODE(run("test ! -e made"), 0, "attend of a bad case made a folder");
}

/* The limit of attend leaves room for the 1024 bytes that clang's OpenMP registers itself with. */
static void what_cannot_be_written_is_exit_code_5_and_leaves_nothing(void)
{
    static const bad list[] = {
        {"$P table shaw -q -o absent/t.npy", 5, "absent"},
        {"$P table shaw -q -o full", 2, "--output"},
        {"mkdir -p full/t.csv; $P table shaw -q -o full/t.csv", 5, "full/t.csv"},
        {"$P attend good -o plain/out", 5, "plain"},
        {"$P attend good -o good", 5, "good"},
        {"ulimit -f 1; $P table shaw -q --to 999 -o full/t.npy", 5, "full/t.npy"},
        {"ulimit -f 2; $P attend good -o full/made", 5, "full/made"},
        {"$P list >&-", 5, "standard output"},
        {"$P list >/dev/full", 5, "standard output"},
        {"$P list --json >/dev/full", 5, "standard output"},
        {"$P table shaw -q >/dev/full", 5, "standard output"},
        {"$P check good >/dev/full", 5, "standard output"},
        {"$P --help >/dev/full", 5, "standard output"},
        {"$P version >/dev/full", 5, "standard output"},
    };
    EXPECT_ALL(list);
    const outcome *o = run("find full -type f");
    CU_ASSERT_STRING_EQUAL(o->out, "");
}

/* Long work is not begun when its results could not be kept. An ordinary user is needed for the
 * folders that only permissions protect: root may write everywhere. */
static void what_cannot_be_written_is_found_before_the_work(void)
{
    static const bad list[] = {
        {"$P train none --task left --steps 16000000 --out plain/run", 5, "plain"},
        {"$P run all --out plain", 5, "plain"},
        {"$P cards --out plain/cards", 5, "plain"},
        {"$P bench --ratios --out plain/bench", 5, "plain"},
        {"$P inspect good/q.npy --out plain/inspected", 5, "plain"},
        {"$P identify good/*.npy --expect shaw --csv absent/marks.csv", 5, "absent/marks.csv"},
        {"$P table sinusoidal --width 8192 --to 60000 -o absent/t.npy", 5, "absent/t.npy"},
        {"mkdir -p full/t.npy; $P table sinusoidal --width 8192 --to 60000 -o full/t.npy", 5,
         "full/t.npy"},
    };
    EXPECT_ALL(list);
    CU_ASSERT_STRING_EQUAL(run("ls full/t.npy")->out, "");
    static const bad as_nobody[] = {
        {"$N train none --task left --steps 16000000 --out locked", 5, "locked"},
        {"$N train none --task left --steps 16000000 --out locked/run", 5, "locked"},
        {"$N run all --out locked", 5, "locked"},
        {"$N cards --out locked", 5, "locked"},
        {"$N inspect good/q.npy --out locked", 5, "locked"},
        {"$N attend good -o locked/out", 5, "locked"},
        {"$N table shaw -q -o locked/t.csv", 5, "locked/t.csv"},
    };
    run("mkdir -p locked && chmod 555 locked && chmod 755 .");
    const char *nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups $P";
    setenv("N", geteuid() == 0 ? nobody : "$P", 1);
    if (run("eval \"$N version\"")->code != 0)
        return; /* root without setpriv, or in a place that nobody may enter */
    for (size_t i = 0; i < sizeof as_nobody / sizeof as_nobody[0]; i++) {
        const outcome *o = run("eval \"%s\"", as_nobody[i].command);
        EXPECT_CODE(o, as_nobody[i].code, as_nobody[i].command);
        PE_CONTAINS(o->err, as_nobody[i].sentence);
    }
    CU_ASSERT_STRING_EQUAL(run("ls locked")->out, "");
}

static void the_old_file_stays_when_the_new_one_does_not_fit(void)
{
    prepare();
    EXPECT_CODE(run("$P table shaw -q --to 3 -o keep.csv"), 0, "a first table");
    EXPECT_CODE(run("cp keep.csv kept && (ulimit -f 1; $P table shaw -q --to 999 -o keep.csv)"), 5,
                "a second one on a full disk");
    EXPECT_CODE(run("cmp keep.csv kept && test -z \"$(find . -name '*.tmp')\""), 0,
                "the first one is as it was");
}

static void too_much_memory_is_refused_at_once_with_exit_code_6(void)
{
    static const bad list[] = {
        {"$P table shaw -q --to 16000000 --width 65536", 6, "may be used"},
        {"$P info shaw:clip=65536,per_head=true --width 65536 --head-dim 65536 --heads 64", 6,
         "may be used"},
    };
    EXPECT_ALL(list);
}

static void a_bad_plug_in_is_exit_code_7_and_the_others_still_run(void)
{
    static const bad list[] = {
        {"$P list --plugin fake.so", 7, "fake.so"},
        {"$P list --plugin missing.so", 7, "missing.so"},
        {"$P plugin check fake.so", 7, "fake.so"},
        {"$P check good --replace fake.so", 7, "fake.so"},
        {"$P list --plugin ./other.so", 7, "other.so"},
        {"$P plugin check ./other.so", 7, "pe_variant_other"},
        {"$P list --plugin old/mine.so", 7, "found ABI version 77"},
        {"POSENC_VARIANT_PATH=old $P list --json", 7, "found ABI version 77"},
        {"$P run symmetry --dry-run --plugin old/mine.so", 7, "old/mine.so"},
    };
    EXPECT_ALL(list);
    EXPECT_CODE(run("$P list --plugin ./mine.so | grep -q '^mine'"), 0, "under its own name");
    const outcome *o = run("$P check good --plugin fake.so");
    EXPECT_CODE(o, 7, "a good check beside a bad plug-in");
    PE_CONTAINS(o->out, "largest difference");
}

static void small_and_odd_sizes_are_fine(void)
{
    static const char *const commands[] = {
        "$P check \"$G/shaw_L1_k2_h1_b1\"",    /* one token */
        "$P check \"$G/shaw_L5_k9_h1_b1_d7\"", /* clipped beyond the length */
        "$P check \"$G/shaw_L6_k0_h2\"",       /* one row for everything */
        "$P check \"$G/embedding_none_L1\"",
        "$P table shaw -q --width 1 --positions-list 0",
        "$P table shaw -q --width 7 --positions-list -9,0,9",
        "$P table shaw:clip=0 -q --width 3",
    };
    prepare();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const outcome *o = run("%s", commands[i]);
        EXPECT_CODE(o, 0, commands[i]);
        CU_ASSERT_STRING_EQUAL(o->err, "");
    }
}

static void a_reader_that_leaves_is_no_error(void)
{
    prepare();
    const outcome *o = run("($P table shaw -q --to 200000 --width 8; echo $? >code) | head -1");
    CU_ASSERT_STRING_EQUAL(o->err, "");
    EXPECT_CODE(run("test \"$(cat code)\" = 0"), 0, "exit code before a pipe");
    o = run("($P list; echo $? >code) | head -1");
    CU_ASSERT_STRING_EQUAL(o->err, "");
    PE_CONTAINS(o->out, "id");
}

static void an_interrupted_check_ends_with_130_and_a_terminated_one_with_143(void)
{
    prepare();
    /* The signal comes once the program, not the shell before it, catches it: bit 1 (INT) or 14
       (TERM) of SigCgt. A program that never would runs to its end, and its exit code says so. */
    static const char command[] =
        "words=$(i=0; while [ $i -lt 20000 ]; do echo good; i=$((i + 1)); done); "
        "$P check $words & pid=$!; "
        "until [ \"$(cat /proc/$pid/comm)\" = posenc ] && grep -q 'SigCgt:.*%s$' "
        "/proc/$pid/status; "
        "do kill -0 $pid || break; sleep 0.02; done 2>/dev/null; kill -%s $pid; wait $pid";
    /* A shell's background jobs ignore SIGINT; the program asks for it again. */
    const outcome *o = run(command, "[2367abef]", "INT");
    EXPECT_CODE(o, 130, "SIGINT");
    PE_CONTAINS(o->err, "interrupted");
    CU_ASSERT_STRING_EQUAL(o->out, "");
    o = run(command, "[4-7c-f]...", "TERM");
    EXPECT_CODE(o, 143, "SIGTERM");
    PE_CONTAINS(o->err, "terminated");
}

static void without_gnuplot_the_doctor_says_so_with_exit_code_3(void)
{
    static const bad list[] = {{"PATH=/nowhere $P doctor", 3, "install gnuplot-nox"}};
    EXPECT_ALL(list);
    const outcome *o = run("PATH=/nowhere POSENC_KERNELS=portable $P doctor --json");
    PE_CONTAINS(o->out, "\"portable\"");
    PE_CONTAINS(o->out, "\"missing\"");
}

PE_TEST_MAIN("program: bad input", PE_TEST(wrong_use_is_exit_code_2),
             PE_TEST(a_bad_input_file_is_exit_code_4),
             PE_TEST(what_cannot_be_written_is_exit_code_5_and_leaves_nothing),
             PE_TEST(what_cannot_be_written_is_found_before_the_work),
             PE_TEST(the_old_file_stays_when_the_new_one_does_not_fit),
             PE_TEST(too_much_memory_is_refused_at_once_with_exit_code_6),
             PE_TEST(a_bad_plug_in_is_exit_code_7_and_the_others_still_run),
             PE_TEST(small_and_odd_sizes_are_fine), PE_TEST(a_reader_that_leaves_is_no_error),
             PE_TEST(an_interrupted_check_ends_with_130_and_a_terminated_one_with_143),
             PE_TEST(without_gnuplot_the_doctor_says_so_with_exit_code_3))
