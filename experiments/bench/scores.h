/* All goals measured, as one report. */
#ifndef PE_BENCH_SCORES_H
#define PE_BENCH_SCORES_H

#include "bench/score.h"
#include "report/result.h"

typedef struct pe_scores {
    size_t count;
    pe_score score[PE_GOALS_MOST];
} pe_scores;

/* How many scores with a goal there are, and how many of these are met. */
size_t pe_scores_judged(const pe_scores *scores);
size_t pe_scores_met(const pe_scores *scores);

/* Sections with what was measured, on which machine, when, and by which command (its words after
 * "posenc bench"). The builders' errors wait in the result. */
void pe_scores_show(const pe_scores *scores, const pe_score_job *job, const char *command,
                    pe_result *result, pe_error *err);

#endif
