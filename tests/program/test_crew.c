/* Jobs beside each other in child processes: who runs with whom, and what comes back. */
#include "crew.h"
#include "testing.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { JOBS = 4 };

/* What children tell each other, in memory that they share. */
typedef struct slate {
    _Atomic int running, most, order, begun[JOBS], beside[JOBS], threads[JOBS];
} slate;

static slate *clean_slate(void)
{
    slate *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(s != MAP_FAILED);
    memset(s, 0, sizeof *s);
    return s;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static bool goes_on(pe_status status)
{
    return status == PE_OK || status == PE_DIFFERS;
}

static pe_status look_around(void *context, size_t which, pe_error *err)
{
    slate *s = context;
    s->begun[which] = ++s->order;
    const int now = ++s->running;
    for (int i = 0; i < 10; i++) {
        nap();
        crew_share(0.1 * i);
        if (s->running > s->most)
            s->most = s->running;
    }
    s->threads[which] = omp_get_max_threads();
    s->beside[which] = now - 1;
    s->running--;
    return which == 1 ? pe_fail(err, PE_DIFFERS, "job 1 differs") : PE_OK;
}

static void each_has_its_own_process_and_the_longest_begins_first(void)
{
    slate *s = clean_slate();
    crew_job jobs[JOBS] = {{.name = "short", .weight = 1, .leader = 0},
                           {.name = "long", .weight = 9, .leader = 1},
                           {.name = "timed", .weight = 99, .alone = true, .leader = 2},
                           {.name = "middle", .weight = 5, .leader = 3}};
    pe_error err = {0};
    CU_ASSERT_EQUAL(crew_run(NULL, 2, JOBS, jobs, look_around, goes_on, s, &err), PE_OK);
    CU_ASSERT_EQUAL(s->most, 2);
    CU_ASSERT(s->begun[1] <= 2 && s->begun[3] <= 2); /* two begin at once: either may look first */
    CU_ASSERT(s->begun[0] == 3 && s->begun[2] == 4);
    CU_ASSERT_EQUAL(s->beside[2], 0);
    CU_ASSERT_EQUAL(s->threads[2], 2); /* alone: all of them */
    CU_ASSERT(s->threads[1] == 1 && s->threads[3] == 1);
    CU_ASSERT_EQUAL(jobs[1].status, PE_DIFFERS);
    CU_ASSERT_STRING_EQUAL(jobs[1].err.text, "job 1 differs");
    for (int j = 0; j < JOBS; j++)
        CU_ASSERT(jobs[j].ended && jobs[j].seconds >= 0.2 && (j == 1 || jobs[j].status == PE_OK));
    munmap(s, sizeof *s);
}

static void with_one_thread_they_go_one_by_one(void)
{
    slate *s = clean_slate();
    crew_job jobs[] = {{.name = "a", .leader = 0}, {.name = "b", .leader = 1}};
    CU_ASSERT_EQUAL(crew_run(NULL, 1, 2, jobs, look_around, goes_on, s, NULL), PE_OK);
    CU_ASSERT(s->most == 1 && s->begun[0] == 1 && s->begun[1] == 2);
    munmap(s, sizeof *s);
}

static int remembered; /* in the child that set it */

static pe_status remember(void *context, size_t which, pe_error *err)
{
    (void)context;
    (void)err;
    remembered += (int)which + 1;
    return remembered == (int)which + 1 ? PE_OK : PE_DIFFERS;
}

static void jobs_of_one_leader_share_a_process(void)
{
    crew_job jobs[] = {{.name = "leader", .leader = 0},
                       {.name = "other", .leader = 1},
                       {.name = "led", .leader = 0}};
    CU_ASSERT_EQUAL(crew_run(NULL, 2, 3, jobs, remember, goes_on, NULL, NULL), PE_OK);
    CU_ASSERT(jobs[0].ended && jobs[0].status == PE_OK);
    CU_ASSERT(jobs[1].ended && jobs[1].status == PE_OK);
    CU_ASSERT(jobs[2].ended && jobs[2].status == PE_DIFFERS); /* it saw what the leader did */
    CU_ASSERT_EQUAL(remembered, 0);
}

static pe_status fail_or_wait(void *context, size_t which, pe_error *err)
{
    (void)context;
    nap();
    if (which == 1)
        return pe_fail(err, PE_WRITE, "no room");
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < 1500; i++) {
        nap();
        status = crew_check(err);
    }
    return status;
}

static void after_one_that_cannot_go_on_the_others_stop(void)
{
    crew_job jobs[] = {{.name = "waits", .weight = 2, .leader = 0},
                       {.name = "fails", .weight = 1, .leader = 1},
                       {.name = "led", .leader = 1},
                       {.name = "never", .leader = 3}};
    CU_ASSERT_EQUAL(crew_run(NULL, 2, 4, jobs, fail_or_wait, goes_on, NULL, NULL), PE_OK);
    CU_ASSERT(jobs[1].ended && jobs[1].status == PE_WRITE);
    CU_ASSERT(!jobs[0].ended && !jobs[2].ended && !jobs[3].ended);
}

static pe_status die(void *context, size_t which, pe_error *err)
{
    (void)context;
    (void)err;
    if (which == 0)
        _exit(3);
    return PE_OK;
}

static void one_that_leaves_without_an_answer_is_named(void)
{
    crew_job jobs[] = {{.name = "gone", .leader = 0}, {.name = "there", .leader = 1}};
    pe_error err = {0};
    CU_ASSERT_EQUAL(crew_run(NULL, 2, 2, jobs, die, goes_on, NULL, &err), PE_MEMORY);
    PE_CONTAINS(err.text, "gone: its process ended without a result");
    CU_ASSERT(!jobs[0].ended);
}

PE_TEST_MAIN("program: crew", PE_TEST(each_has_its_own_process_and_the_longest_begins_first),
             PE_TEST(with_one_thread_they_go_one_by_one),
             PE_TEST(jobs_of_one_leader_share_a_process),
             PE_TEST(after_one_that_cannot_go_on_the_others_stop),
             PE_TEST(one_that_leaves_without_an_answer_is_named))
