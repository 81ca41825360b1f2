#include "bench/score.h"
#include "analysis/summary.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bench/against.h"
#include "bench/process.h"
#include "bench/workload.h"

#include <string.h>

enum { FEWEST = 3 };

typedef struct times {
    double *ours, *other;
    int64_t count;
} times;

static pe_status time_one(pe_workload *w, double *seconds, pe_error *err)
{
    const double begin = pe_seconds();
    pe_status status = w->run(w, NULL, err);
    *seconds = pe_seconds() - begin;
    return status;
}

/* other may be NULL. The first round warms up and is not kept. */
static pe_status take_turns(const pe_score_job *job, pe_workload *ours, pe_workload *other,
                            times *t, pe_error *err)
{
    const double begin = pe_seconds();
    pe_status status = time_one(ours, t->ours, err);
    if (status == PE_OK && other)
        status = time_one(other, t->other, err);
    for (t->count = 0; status == PE_OK && t->count < job->reps; t->count++) {
        if (t->count >= FEWEST && pe_seconds() - begin > job->seconds)
            break;
        status = time_one(ours, &t->ours[t->count], err);
        if (status == PE_OK && other)
            status = time_one(other, &t->other[t->count], err);
        if (status == PE_OK)
            status = job->check(err);
    }
    return status;
}

/* What ours does a second, in the unit of the two: operations, else bytes. */
static double amount(const pe_workload *w)
{
    return w->operations > 0 ? w->operations : w->bytes;
}

static void judge(const pe_score_job *job, pe_score *s)
{
    s->met = pe_goal_met(&s->goal, s->value, job->threads, job->slack) ||
             (job->slack > 1 && pe_goal_met(&s->goal, s->best, job->threads, job->slack));
}

static void compare(const pe_workload *ours, const pe_workload *other, const pe_summary *a,
                    const pe_summary *b, pe_score *s)
{
    s->ours = a->median;
    s->other = other ? b->median : 0;
    if (s->goal.kind == PE_GOAL_LIMIT) {
        s->value = amount(ours) / a->median / 1e9;
        s->best = amount(ours) / a->min / 1e9;
    } else if (s->goal.kind == PE_GOAL_TIME) {
        s->value = a->median / b->median;
        s->best = a->min / b->min;
    } else {
        s->value = amount(ours) / a->median / (amount(other) / b->median);
        s->best = amount(ours) / a->min / (amount(other) / b->min);
    }
}

static pe_status measure_times(const pe_score_job *job, pe_workload *ours, pe_workload *other,
                               pe_score *s, pe_error *err)
{
    times t = {.ours = pe_allocate((size_t)job->reps, sizeof(double), "times", err),
               .other = pe_allocate((size_t)job->reps, sizeof(double), "times", err)};
    pe_summary a, b = {0};
    pe_status status = t.ours && t.other ? take_turns(job, ours, other, &t, err) : PE_MEMORY;
    if (status == PE_OK)
        status = pe_summarise(t.ours, (size_t)t.count, &a, err);
    if (status == PE_OK && other)
        status = pe_summarise(t.other, (size_t)t.count, &b, err);
    if (status == PE_OK)
        compare(ours, other, &a, &b, s);
    pe_release(t.ours);
    pe_release(t.other);
    return status;
}

/* By the count of what is allocated: stacks and the BLAS's own buffers are not in it. */
static pe_status measure_memory(pe_workload *ours, pe_score *s, pe_error *err)
{
    pe_status status = time_one(ours, &s->ours, err);
    const size_t held = pe_memory_held();
    pe_memory_restart_peak();
    if (status == PE_OK)
        status = time_one(ours, &s->ours, err);
    s->value = s->best = s->ours_mb = (double)(pe_memory_peak() - held) / 1048576;
    return status;
}

static pe_status measure_own(const pe_score_job *job, pe_score *s, pe_error *err)
{
    const bool alone = strcmp(s->goal.other, "-") == 0;
    pe_workload ours = {0}, other = {0};
    pe_status status = pe_workload_make(s->goal.ours, (uint64_t)job->seed, &ours, err);
    if (status == PE_OK && !alone)
        status = pe_workload_make(s->goal.other, (uint64_t)job->seed, &other, err);
    if (status == PE_OK && s->goal.kind == PE_GOAL_MEMORY)
        status = measure_memory(&ours, s, err);
    else if (status == PE_OK)
        status = measure_times(job, &ours, alone ? NULL : &other, s, err);
    pe_workload_release(&ours);
    pe_workload_release(&other);
    return status;
}

static pe_status measure_peer(const pe_score_job *job, pe_score *s, pe_error *err)
{
    pe_against r;
    const pe_against_job against = {.workload = s->goal.ours,
                                    .python = job->python,
                                    .threads = job->threads,
                                    .reps = job->reps,
                                    .seed = job->seed,
                                    .seconds = job->seconds,
                                    .check = job->check};
    pe_status status = pe_against_run(&against, &r, err);
    if (status != PE_OK)
        return status;
    s->ours = r.ours;
    s->other = r.peer;
    s->value = r.peer / r.ours;
    s->best = r.peer_least / r.ours_least;
    s->keeper = r.keeper / r.ours;
    s->ours_mb = r.ours_mb;
    s->other_mb = r.peer_mb;
    s->setting = r.setting;
    return PE_OK;
}

pe_status pe_score_measure(const pe_score_job *job, const pe_goal *goal, pe_score *score,
                           pe_error *err)
{
    *score = (pe_score){.goal = *goal};
    pe_status status =
        goal->kind == PE_GOAL_PEER ? measure_peer(job, score, err) : measure_own(job, score, err);
    if (status == PE_OK)
        judge(job, score);
    return status;
}
