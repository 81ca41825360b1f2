/* posenc train that is stopped half-way: by signals, by a power cut, by a damaged file. */
#include "train.h"

/* About a second of work, in many steps; a checkpoint twenty times. */
#define WORK                                                                                       \
    "shaw:clip=4 --task recall --distance 3 --length 32 --layers 2 --width 32 --heads 2 "          \
    "--batch 8 --dropout 0.1 --steps 400 --warm-up 10 --held-out-every 50 --checkpoint-every 20 "

/* Start WORK in a folder, wait for its first checkpoint, and send a signal. */
static const outcome *stop_early(const char *folder, const char *signal)
{
    return run("$P train " WORK "--out %s & pid=$!; "
               "until [ -f %s/checkpoint.a.safetensors ]; do sleep 0.01; done; "
               "kill -%s $pid; wait $pid",
               folder, folder, signal);
}

/* The checkpoint of the last step; the shell function `last FOLDER STEP` prints its path. */
#define LAST "last() { grep -al '\"step\": *\"'$2'\"' $1/checkpoint.?.safetensors; }; "

static void make_whole(void)
{
    if (access("whole/log.csv", R_OK) != 0)
        EXPECT_CODE(run("$P train " WORK "--out whole"), 0, "without interruption");
}

static void ends_like_whole(const char *folder)
{
    EXPECT_CODE(run("cmp whole/log.csv %s/log.csv", folder), 0, "the log");
    EXPECT_CODE(run(LAST "cmp \"$(last whole 400)\" \"$(last %s 400)\"", folder), 0,
                "the last checkpoint");
    EXPECT_CODE(run("test -z \"$(find %s -name '*.tmp')\"", folder), 0, "no leftovers");
}

static void a_signal_keeps_what_was_done_and_resuming_gives_the_same_bytes(void)
{
    static const struct {
        const char *name;
        int code;
    } signals[] = {{"INT", 130}, {"TERM", 143}};
    make_whole();
    for (int i = 0; i < 2; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "stopped%d", i);
        const outcome *o = stop_early(folder, signals[i].name);
        EXPECT_CODE(o, signals[i].code, signals[i].name);
        PE_CONTAINS(o->err, "interrupted after step");
        PE_CONTAINS(o->err, "--resume goes on");
        EXPECT_CODE(run("$P train " WORK "--out %s --resume", folder), 0, "--resume");
        ends_like_whole(folder);
    }
}

static void a_killed_training_goes_on_from_its_last_checkpoint(void)
{
    make_whole();
    EXPECT_CODE(stop_early("killed", "KILL"), 137, "SIGKILL");
    EXPECT_CODE(run("$P train " WORK "--out killed --resume"), 0, "--resume");
    ends_like_whole("killed");
}

static void a_finished_training_resumes_to_itself(void)
{
    make_whole();
    EXPECT_CODE(run("rm -rf again; cp -r whole again; $P train " WORK "--out again --resume"), 0,
                "nothing left to do");
    ends_like_whole("again");
}

static void a_truncated_newest_checkpoint_falls_back_to_the_other(void)
{
    make_whole();
    const outcome *o = run(LAST "rm -rf torn; cp -r whole torn; f=$(last torn 400); "
                                "truncate -s -100 $f; $P train " WORK "--out torn --resume");
    EXPECT_CODE(o, 0, "one is truncated");
    PE_CONTAINS(o->err, "going on from checkpoint.");
    PE_CONTAINS(o->err, ", step 380");
    ends_like_whole("torn");
}

static void two_damaged_checkpoints_are_both_named_and_nothing_is_overwritten(void)
{
    make_whole();
    const outcome *o = run("rm -rf worse; cp -r whole worse; "
                           "truncate -s -100 worse/checkpoint.a.safetensors; "
                           "truncate -s 5 worse/checkpoint.b.safetensors; "
                           "$P train " WORK "--out worse --resume");
    EXPECT_CODE(o, 4, "both are truncated");
    PE_CONTAINS(o->err, "checkpoint.a.safetensors");
    PE_CONTAINS(o->err, "checkpoint.b.safetensors");
    EXPECT_CODE(run("test $(wc -c <worse/checkpoint.b.safetensors) = 5"), 0, "left as it is");
    o = run("mkdir -p nothing; $P train " WORK "--out nothing --resume");
    EXPECT_CODE(o, 4, "no checkpoint at all");
}

static void other_settings_are_refused_by_the_one_that_differs(void)
{
    make_whole();
    const outcome *o = run("$P train " WORK "--out whole --resume --width 16");
    EXPECT_CODE(o, 2, "another width");
    PE_CONTAINS(o->err, "width was '32' and is now '16'");
}

/* ---- how long a signal takes ---- */

/* What this machine takes, as it is loaded and watched now, for a process that trains one tiny step
 * and writes its checkpoint: the slowest of five. */
static double seconds_of_a_short_run(void)
{
    double most = 0;
    for (int i = 0; i < 5; i++) {
        const outcome *o = run("from=$(date +%%s%%N); $P train rope --task left --length 8 " SMALL
                               "-q --steps 1 --out short && echo $(($(date +%%s%%N) - from))");
        EXPECT_CODE(o, 0, "a short run");
        const double took = 1e-9 * atof(last_line(o->out));
        most = took > most ? took : most;
    }
    return most;
}

/* A sequence of this model takes more than a second, and a step sixteen of them, so that whoever
 * waits for the end of either is found. The limit is ten short runs, and never below half a second.
 */
static void a_signal_in_a_long_step_does_not_wait_for_its_end(void)
{
    const double unit = seconds_of_a_short_run(), limit = unit > 0.05 ? 10 * unit : 0.5;
    const outcome *o = run("$P train shaw --task recall --length 4096 --layers 3 --width 128 "
                           "--batch 16 --steps 3 --out long & pid=$!; "
                           "until [ -d long ]; do sleep 0.01; done; sleep 1; "
                           "from=$(date +%%s%%N); kill -INT $pid; wait $pid; code=$?; "
                           "to=$(date +%%s%%N); echo $((to - from)); exit $code");
    EXPECT_CODE(o, 130, "SIGINT in the first step");
    PE_CONTAINS(o->err, "interrupted");
    const double took = 1e-9 * atof(o->out);
    printf("\n    stopped after %.2f s; the limit is %.2f s", took, limit);
    CU_ASSERT(took <= limit);
}

PE_TEST_MAIN("program: train, stopped",
             PE_TEST(a_signal_keeps_what_was_done_and_resuming_gives_the_same_bytes),
             PE_TEST(a_killed_training_goes_on_from_its_last_checkpoint),
             PE_TEST(a_finished_training_resumes_to_itself),
             PE_TEST(a_truncated_newest_checkpoint_falls_back_to_the_other),
             PE_TEST(two_damaged_checkpoints_are_both_named_and_nothing_is_overwritten),
             PE_TEST(other_settings_are_refused_by_the_one_that_differs),
             PE_TEST(a_signal_in_a_long_step_does_not_wait_for_its_end))
