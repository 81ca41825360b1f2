/* The goals as data: lines of goals.txt. */
#ifndef PE_BENCH_GOALS_H
#define PE_BENCH_GOALS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum pe_goal_kind {
    PE_GOAL_LIMIT,  /* GB/s or 1e9 operations a second of `ours`; nothing to meet */
    PE_GOAL_TIME,   /* seconds of ours / seconds of other */
    PE_GOAL_RATE,   /* operations a second, ours / other */
    PE_GOAL_MEMORY, /* MiB of ours */
    PE_GOAL_PEER    /* seconds of the peer / seconds of ours */
} pe_goal_kind;

enum { PE_GOAL_TEXT = 96, PE_GOALS_MOST = 96 };

typedef struct pe_goal {
    pe_goal_kind kind;
    char ours[PE_GOAL_TEXT],
        other[PE_GOAL_TEXT]; /* workloads; other "-": none, of a peer: its name */
    bool at_least;           /* else at most */
    double value;
    char what[PE_GOAL_TEXT];
} pe_goal;

/* All goals, in the order of the file; how many. */
size_t pe_goals_read(pe_goal goal[PE_GOALS_MOST]);

/* Whether the value meets the goal, loosened by a factor slack >= 1. NaN meets none. */
bool pe_goal_met(const pe_goal *goal, double value, int threads, double slack);

/* The number to meet: of memory, 4 MiB per thread more than the line says. */
double pe_goal_value(const pe_goal *goal, int threads);

#endif
