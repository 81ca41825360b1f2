/* posenc bench: what it says, never how long it takes. */
#include "program.h"

/* A Python of our own: answers like peers.py with 1.5 seconds and 80 MB, and remembers under which
 * setting it was asked to run. The setting "BLAS on one thread" is the fastest, above all with
 * memory kept. */
static void make_python(void)
{
    run("cat >python <<'END'\n"
        "#!/bin/sh\n"
        "case $2 in *'def shaw_good('*) ;; *) echo 'no peers in -c'; exit 1 ;; esac\n"
        "[ \"$3\" = plain:16 ] || { echo \"there is no peer for $3\"; exit 1; }\n"
        "echo \"$OMP_NUM_THREADS $OPENBLAS_NUM_THREADS ${OMP_WAIT_POLICY:-active}"
        " ${MALLOC_MMAP_MAX_:-gives}\" >>asked\n"
        "time=1.5; [ \"$OPENBLAS_NUM_THREADS\" = 1 ] && time=0.5\n"
        "[ \"$OPENBLAS_NUM_THREADS$MALLOC_MMAP_MAX_\" = 10 ] && time=0.25\n"
        "echo a warning of some library\n"
        "echo ready 30\n"
        "while read -r line; do echo $time 80; done\n"
        "END\n"
        "chmod +x python; rm -f asked");
}

static void a_peer_runs_under_every_setting_and_then_under_the_fastest(void)
{
    make_python();
    unsetenv("OMP_WAIT_POLICY"); /* ctest sets it, and the first setting is the user's own */
    const outcome *r = run("$P bench plain:16 --against-torch --python ./python --reps 3 "
                           "--threads 2 --json");
    CU_ASSERT_EQUAL(r->code, 0);
    PE_CONTAINS(r->out, "\"peer_setting\": \"BLAS on one thread\"");
    PE_CONTAINS(r->out, "\"peer_s\": 0.5");
    PE_CONTAINS(r->out, "\"keeper_s\": 0.25");
    PE_CONTAINS(r->out, "\"peer_mb\": 50");
    PE_CONTAINS(r->out, "\"workload\": \"plain:16\"");
    r = run("cat asked");
    CU_ASSERT_STRING_EQUAL(r->out, "2 2 active 0\n2 2 passive 0\n2 1 active 0\n1 1 active 0\n"
                                   "2 2 passive 0\n2 1 active gives\n2 1 active 0\n");
}

static void a_python_without_peers_is_named_with_its_last_words(void)
{
    make_python();
    const outcome *r = run("$P bench plain:17 --against-torch --python ./python");
    CU_ASSERT_EQUAL(r->code, 3);
    PE_CONTAINS(r->err, "./python cannot run the peers (there is no peer for plain:17)");
    r = run("$P bench plain:16 --against-torch --python ./no-such-python");
    CU_ASSERT_EQUAL(r->code, 3);
    PE_CONTAINS(r->err, "./no-such-python: No such file or directory");
    PE_CONTAINS(r->err, "--python");
    r = run("printf '#!/bin/sh\\necho ready 1\\nread line\\n' >dies; chmod +x dies;"
            "$P bench plain:16 --against-torch --python ./dies");
    CU_ASSERT_EQUAL(r->code, 3);
    PE_CONTAINS(r->err, "the peer ended without a word");
}

static void limits_and_any_variant_can_be_timed(void)
{
    const outcome *r = run("$P bench write:1 copy:1 sgemm:33:17:5 attention:20@t5 gram:70:6 "
                           "embed:9:6:2:5 --reps 3 --json");
    CU_ASSERT_EQUAL(r->code, 0);
    /* C[0][0] of the product: row 0 of A is -6 .. -2, column 0 of B is 17 p mod 17 - 8 = -8 */
    PE_CONTAINS(r->out, "\"checksum\": 160");
    PE_CONTAINS(r->out, "\"workload\": \"attention:20@t5\"");
}

/* What the numbers are is the machine's; that each goal is there, judged and written, is ours. */
static void goals_are_measured_judged_and_written(void)
{
    const outcome *r = run("$P bench --ratios plain:513 write:256 --reps 3 --max-seconds 0.4 "
                           "--slack 100 --json --out bench_out");
    CU_ASSERT(r->code == 0 || r->code == 3); /* 3: no gnuplot */
    PE_CONTAINS(r->out, "\"workload\": \"plain:513\"");
    PE_CONTAINS(r->out, "\"against\": \"plain:512\"");
    PE_CONTAINS(r->out, "\"verdict\": \"met\"");
    r = run("cat bench_out/goals.csv bench_out/result.json");
    CU_ASSERT_EQUAL(r->code, 0);
    PE_CONTAINS(r->out, "plain:513,plain:512,");
    PE_CONTAINS(r->out, "posenc bench --ratios plain:513 write:256");
    PE_CONTAINS(r->out, "UTC");
    r = run("$P bench --ratios no_such_workload");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "no goal is about no_such_workload");
}

static void a_missed_goal_is_exit_code_1_and_named(void)
{
    make_python();
    run("sed -i 's/plain:16/plain:512/g; s/time=0.5/time=1e-9/; s/time=1.5/time=1e-9/' python");
    const outcome *r = run("$P bench --ratios --against-torch plain:512 --python ./python "
                           "--reps 3 --max-seconds 0.4 --slack 50");
    CU_ASSERT_EQUAL(r->code, 1);
    PE_CONTAINS(r->out, "missed");
    PE_CONTAINS(r->err, "plain:512 against PyTorch");
}

static void a_training_step_of_any_length_and_variant_can_be_timed(void)
{
    const outcome *r = run("$P bench training:48:2@shaw training:16:3@t5 --reps 3 --json");
    CU_ASSERT_EQUAL(r->code, 0);
    PE_CONTAINS(r->out, "\"workload\": \"training:48:2@shaw\"");
    PE_CONTAINS(r->out, "\"rss_delta_mb\"");
    r = run("$P bench training:48@shaw");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "training:LEN:BATCH");
}

static void wrong_names_are_refused_with_what_would_be_right(void)
{
    const outcome *r = run("$P bench attention:20");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "wants a variant: attention:L@VARIANT");
    r = run("$P bench plain:20@t5");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "has its variant: write it without @t5");
    r = run("$P bench attention:20@no_such");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "no_such");
    r = run("$P bench sgemm:20");
    CU_ASSERT_EQUAL(r->code, 2);
    PE_CONTAINS(r->err, "sgemm:M:N:K");
}

static void the_list_of_workloads_is_json_for_programs(void)
{
    const outcome *r = run("$P bench --list --json");
    CU_ASSERT_EQUAL(r->code, 0);
    PE_CONTAINS(r->out, "\"workload\": \"shaw_good\"");
    PE_CONTAINS(r->out, "\"settings\": \"clip=$2\"");
    PE_CONTAINS(r->out, "\"settings\": \"tie_uv=false\""); /* as the peer of train_txl */
    CU_ASSERT_PTR_NULL(strchr(r->out, '#'));
}

PE_TEST_MAIN("program: bench", PE_TEST(the_list_of_workloads_is_json_for_programs),
             PE_TEST(a_peer_runs_under_every_setting_and_then_under_the_fastest),
             PE_TEST(a_python_without_peers_is_named_with_its_last_words),
             PE_TEST(limits_and_any_variant_can_be_timed),
             PE_TEST(a_training_step_of_any_length_and_variant_can_be_timed),
             PE_TEST(goals_are_measured_judged_and_written),
             PE_TEST(a_missed_goal_is_exit_code_1_and_named),
             PE_TEST(wrong_names_are_refused_with_what_would_be_right))
