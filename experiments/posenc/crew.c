#include "crew.h"

#include "cli/progress.h"
#include "cli/signals.h"
#include "base/clock.h"

#include <errno.h>
#include <omp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- what parent and children both see ----------------------------------------------------------
 */

typedef struct seat {
    _Atomic int permille; /* of the job */
    _Atomic int answered; /* the three below are whole */
    pe_status status;
    pe_error err;
    double seconds;
} seat;

typedef struct board {
    _Atomic int stop;    /* end as soon as you can */
    _Atomic int running; /* children that live now, or will */
    int threads;         /* for all of them */
    seat seats[CREW_JOBS];
} board;

/* In a child: where it tells how it goes. */
static board *shared;
static size_t own_seat;

/* ---- the child ----------------------------------------------------------------------------------
 */

static void take_threads(void)
{
    const int running = atomic_load(&shared->running);
    const int share = running > 0 ? shared->threads / running : shared->threads;
    omp_set_num_threads(share > 1 ? share : 1);
}

void crew_share(double share)
{
    atomic_store(&shared->seats[own_seat].permille, (int)(1000 * share));
    if (!omp_in_parallel())
        take_threads();
}

pe_status crew_check(pe_error *err)
{
    if (atomic_load(&shared->stop))
        return pe_fail(err, PE_INTERRUPTED, "stopped with the others");
    return PE_OK;
}

/* ---- the parent: starting and ending children ---------------------------------------------------
 */

typedef struct crew {
    const pe_cli *cli;
    size_t count;
    crew_job *jobs;
    crew_work work;
    crew_goes_on goes_on;
    void *context;
    board *board;
    pid_t parent, child[CREW_JOBS]; /* child: 0 before and after */
    int printed[CREW_JOBS];         /* what a job prints, in memory; -1: not begun, or shown */
    bool begun[CREW_JOBS];
    size_t next_shown;
} crew;

static bool is_led_by(const crew *c, size_t which, size_t leader)
{
    return c->jobs[which].leader == leader;
}

/* One job, with a place of its own for what it prints. */
static pe_status do_job(const crew *c, size_t which)
{
    seat *s = &shared->seats[which];
    const double begun = pe_seconds();
    if (dup2(c->printed[which], STDOUT_FILENO) < 0)
        _exit(1);
    own_seat = which;
    s->status = c->work(c->context, which, &s->err);
    fflush(stdout);
    s->seconds = pe_seconds() - begun;
    atomic_store(&s->answered, 1);
    return s->status;
}

/* Interrupts are the parent's: a child ends when it is told, with nothing left half-written. */
static void be_child(const crew *c, size_t leader)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != c->parent)
        _exit(1);
    shared = c->board;
    take_threads();
    for (size_t i = leader; i < c->count; i++)
        if (is_led_by(c, i, leader) && !c->goes_on(do_job(c, i)))
            break;
    _exit(0); /* the parent's exit handlers are not ours */
}

/* Where the jobs of a child print. */
static pe_status open_printed(crew *c, size_t leader, pe_error *err)
{
    for (size_t i = leader; i < c->count; i++) {
        if (!is_led_by(c, i, leader))
            continue;
        c->printed[i] = memfd_create("posenc", MFD_CLOEXEC);
        if (c->printed[i] < 0)
            return pe_fail(err, PE_MEMORY, "%s: no memory for what it prints: %s", c->jobs[i].name,
                           strerror(errno));
    }
    return PE_OK;
}

static pe_status begin(crew *c, size_t leader, pe_error *err)
{
    c->begun[leader] = true;
    pe_status status = open_printed(c, leader, err);
    if (status != PE_OK)
        return status;
    fflush(NULL); /* or the child would print again what waits in the parent's buffers */
    const pid_t child = fork();
    if (child == 0)
        be_child(c, leader);
    if (child < 0)
        return pe_fail(err, PE_MEMORY, "%s: no process for it: %s", c->jobs[leader].name,
                       strerror(errno));
    c->child[leader] = child;
    return PE_OK;
}

/* One that was told to stop has no answer of its own. */
static void take_answer(crew *c, size_t which)
{
    const seat *s = &c->board->seats[which];
    crew_job *job = &c->jobs[which];
    job->status = s->status;
    job->err = s->err;
    job->seconds = s->seconds;
    job->ended = !(s->status == PE_INTERRUPTED && atomic_load(&c->board->stop));
}

/* Of all jobs of a child that has ended, up to the first that cannot go on. */
static pe_status take_answers(crew *c, size_t leader, int how, pe_error *err)
{
    c->child[leader] = 0;
    for (size_t i = leader; i < c->count; i++) {
        if (!is_led_by(c, i, leader))
            continue;
        if (!atomic_load(&c->board->seats[i].answered))
            return pe_fail(err, PE_MEMORY, "%s: its process ended without a result (%s)",
                           c->jobs[i].name,
                           WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "it left");
        take_answer(c, i);
        if (!c->goes_on(c->jobs[i].status)) {
            atomic_store(&c->board->stop, 1);
            break;
        }
    }
    return PE_OK;
}

/* Children that have ended hand in what they found; *living is how many have not. */
static pe_status collect(crew *c, size_t *living, pe_error *err)
{
    pe_status status = PE_OK;
    *living = 0;
    for (size_t i = 0; i < c->count; i++) {
        int how = 0;
        if (!c->child[i])
            continue;
        if (waitpid(c->child[i], &how, WNOHANG) != c->child[i]) {
            ++*living;
            continue;
        }
        pe_error own = {0};
        const pe_status came = take_answers(c, i, how, &own);
        if (came != PE_OK && status == PE_OK)
            status = pe_fail(err, came, "%s", own.text);
    }
    return status;
}

static bool waits(const crew *c, size_t which)
{
    return !c->begun[which] && is_led_by(c, which, which);
}

/* The heaviest job that has not begun; those that want to be alone come last. -1: none */
static int choose(const crew *c)
{
    int best = -1;
    for (size_t i = 0; i < c->count; i++) {
        const crew_job *job = &c->jobs[i], *than = best < 0 ? NULL : &c->jobs[best];
        if (waits(c, i) && (!than || (than->alone && !job->alone) ||
                            (than->alone == job->alone && job->weight > than->weight)))
            best = (int)i;
    }
    return best;
}

static size_t waiting_together(const crew *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        n += waits(c, i) && !c->jobs[i].alone;
    return n;
}

/* As many children as there are threads. */
static pe_status begin_some(crew *c, size_t *living, pe_error *err)
{
    const size_t most = (size_t)c->board->threads;
    pe_status status = PE_OK;
    while (status == PE_OK && !atomic_load(&c->board->stop) && *living < most) {
        const size_t together = *living + waiting_together(c);
        const int next = choose(c);
        if (next < 0 || (c->jobs[next].alone && *living > 0))
            break;
        atomic_store(&c->board->running, (int)(together < most ? together : most));
        status = begin(c, (size_t)next, err);
        *living += status == PE_OK;
        if (c->jobs[next].alone)
            break;
    }
    if (waiting_together(c) == 0)
        atomic_store(&c->board->running, (int)*living);
    return status;
}

/* ---- the parent: what is seen -------------------------------------------------------------------
 */

static void copy_out(int from)
{
    char block[1 << 16];
    ssize_t size;
    for (off_t at = 0; (size = pread(from, block, sizeof block, at)) > 0; at += size)
        fwrite(block, 1, (size_t)size, stdout);
}

/* What ended jobs printed, up to the first in their order that has not ended; the progress line
 * makes room and comes again. */
static void show_printed(crew *c, pe_progress *progress)
{
    const pe_progress line = *progress;
    if (c->next_shown == c->count || !c->jobs[c->next_shown].ended)
        return;
    pe_progress_end(progress);
    for (; c->next_shown < c->count && c->jobs[c->next_shown].ended; c->next_shown++) {
        int *from = &c->printed[c->next_shown];
        copy_out(*from);
        close(*from);
        *from = -1;
    }
    fflush(stdout);
    *progress = line;
}

/* What a child is at: the first of its jobs without an answer. */
static size_t present_job(const crew *c, size_t leader)
{
    for (size_t i = leader; i < c->count; i++)
        if (is_led_by(c, i, leader) && !atomic_load(&c->board->seats[i].answered))
            return i;
    return leader;
}

/* "symmetry 40 %, learning 12 %": those that run now. */
static void describe(const crew *c, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < c->count && used < room; i++) {
        if (!c->child[i])
            continue;
        const size_t at = present_job(c, i);
        const int wrote =
            snprintf(text + used, room - used, "%s%s %d %%", used ? ", " : "", c->jobs[at].name,
                     atomic_load(&c->board->seats[at].permille) / 10);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void show_progress(const crew *c, pe_progress *progress, char *text, size_t room)
{
    size_t ended = 0;
    for (size_t i = 0; i < c->count; i++)
        ended += c->jobs[i].ended;
    describe(c, text, room);
    progress->what = text;
    pe_progress_step(progress, ended);
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

static pe_status attend(crew *c, pe_error *err)
{
    pe_status first = PE_OK;
    size_t living = 0;
    char text[256];
    pe_progress progress;
    pe_progress_begin(&progress, c->cli, "experiments", c->count);
    do {
        pe_error own = {0};
        pe_status status = collect(c, &living, &own);
        if (status == PE_OK)
            status = begin_some(c, &living, &own);
        if (status == PE_OK)
            status = pe_signals_check(&own);
        if (status != PE_OK) {
            atomic_store(&c->board->stop, 1);
            if (first == PE_OK && err)
                *err = own;
            first = first == PE_OK ? status : first;
        }
        show_printed(c, &progress);
        show_progress(c, &progress, text, sizeof text);
        if (living > 0)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    } while (living > 0 || (!atomic_load(&c->board->stop) && choose(c) >= 0));
    pe_progress_end(&progress);
    return first;
}

pe_status crew_run(const pe_cli *cli, int threads, size_t count, crew_job *jobs, crew_work work,
                   crew_goes_on goes_on, void *context, pe_error *err)
{
    crew c = {.cli = cli,
              .count = count,
              .jobs = jobs,
              .work = work,
              .goes_on = goes_on,
              .context = context,
              .parent = getpid()};
    if (count > CREW_JOBS)
        return pe_fail(err, PE_USAGE, "more than %d jobs at once", CREW_JOBS);
    c.board =
        mmap(NULL, sizeof *c.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.board == MAP_FAILED)
        return pe_fail(err, PE_MEMORY, "no memory that two processes share: %s", strerror(errno));
    c.board->threads = threads > 1 ? threads : 1;
    for (size_t i = 0; i < count; i++)
        c.printed[i] = -1;
    pe_status status = attend(&c, err);
    for (size_t i = 0; i < count; i++)
        if (c.printed[i] >= 0)
            close(c.printed[i]);
    munmap(c.board, sizeof *c.board);
    return status;
}
