#include "bench/goals.h"

#include <stdio.h>
#include <string.h>

extern const char pe_bench_goals[]; /* the text of goals.txt */

static const char *const kinds[] = {"limit", "time", "rate", "memory", "peer"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static bool read_line(const char *line, pe_goal *goal)
{
    char kind[PE_GOAL_TEXT], sense[4], value[32];
    *goal = (pe_goal){0};
    if (*line == '#' || sscanf(line, "%95s %95s %95s %3s %31s %95[^\n]", kind, goal->ours,
                               goal->other, sense, value, goal->what) != 6)
        return false;
    goal->at_least = strcmp(sense, ">=") == 0;
    sscanf(value, "%lf", &goal->value);
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kind, kinds[k]) == 0) {
            goal->kind = (pe_goal_kind)k;
            return true;
        }
    return false;
}

size_t pe_goals_read(pe_goal goal[PE_GOALS_MOST])
{
    size_t count = 0;
    for (const char *at = pe_bench_goals; at && count < PE_GOALS_MOST;) {
        count += read_line(at, &goal[count]);
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return count;
}

double pe_goal_value(const pe_goal *goal, int threads)
{
    return goal->value + (goal->kind == PE_GOAL_MEMORY ? 4.0 * threads : 0);
}

bool pe_goal_met(const pe_goal *goal, double value, int threads, double slack)
{
    const double wanted = pe_goal_value(goal, threads);
    if (goal->kind == PE_GOAL_LIMIT)
        return true;
    return goal->at_least ? value >= wanted / slack : value <= wanted * slack;
}
