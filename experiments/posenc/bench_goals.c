#include "bench_goals.h"

#include "base/memory.h"
#include "bench/scores.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "core/lent.h"
#include "io/output.h"
#include "report/report.h"

#include <omp.h>
#include <string.h>

static const double own_share = 0.25; /* of --max-seconds: what both sides of ours need less of */

static bool is_asked(const pe_cli *cli, const pe_goal *goal)
{
    bool named = cli->word_count == 0;
    for (int i = 0; i < cli->word_count; i++)
        named |= strncmp(goal->ours, cli->words[i], strlen(cli->words[i])) == 0;
    return named && (goal->kind != PE_GOAL_PEER || pe_cli_flag(cli, "against-torch"));
}

/* ---- measuring ---- */

static pe_status measure_all(const pe_cli *cli, const pe_score_job *job, pe_scores *scores,
                             pe_error *err)
{
    pe_goal goal[PE_GOALS_MOST];
    const size_t count = pe_goals_read(goal);
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, cli, "measuring goals", count);
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        pe_score_job own = *job;
        own.seconds *= goal[i].kind == PE_GOAL_PEER ? 1 : own_share;
        if (is_asked(cli, &goal[i]))
            status = pe_score_measure(&own, &goal[i], &scores->score[scores->count++], err);
        pe_progress_step(&progress, i + 1);
    }
    pe_progress_end(&progress);
    if (status == PE_OK && scores->count == 0)
        return pe_fail(err, PE_USAGE, "no goal is about %s; experiments/bench/goals.txt has all",
                       cli->words[0]);
    return status;
}

/* ---- printing ---- */

static json_t *row_of(const pe_score *s, int threads)
{
    const bool judged = s->goal.kind != PE_GOAL_LIMIT;
    char goal[32];
    snprintf(goal, sizeof goal, "%s %.4g",
             s->goal.at_least ? ">=" : "<=", pe_goal_value(&s->goal, threads));
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:s, s:s}", "what", s->goal.what,
                     "workload", s->goal.ours, "against", s->goal.other, "ours_s", s->ours,
                     "other_s", s->other, "value", s->value, "best", s->best, "keeping", s->keeper,
                     "goal", judged ? goal : "-", "verdict",
                     !judged  ? "-"
                     : s->met ? "met"
                              : "missed");
}

static pe_status print_scores(const pe_cli *cli, const pe_scores *scores, int threads,
                              pe_error *err)
{
    static const char *const columns[] = {"workload", "against", "ours_s", "other_s", "value",
                                          "best",     "keeping", "goal",   "verdict", "what"};
    json_t *rows = json_array();
    for (size_t i = 0; i < scores->count; i++)
        json_array_append_new(rows, row_of(&scores->score[i], threads));
    rows = pe_rows_complete(rows, scores->count);
    pe_status status =
        pe_print_rows(cli, rows, (int)(sizeof columns / sizeof columns[0]), columns, err);
    json_decref(rows);
    return status;
}

/* ---- writing ---- */

static void write_command(const pe_cli *cli, char *text, size_t room)
{
    int used = snprintf(text, room, "--%s",
                        pe_cli_flag(cli, "against-torch") ? "against-torch" : "ratios");
    for (int i = 0; i < cli->word_count && used > 0 && (size_t)used < room; i++)
        used += snprintf(text + used, room - (size_t)used, " %s", cli->words[i]);
    if (used > 0 && (size_t)used < room)
        snprintf(text + used, room - (size_t)used, " --reps %lld --max-seconds %g --slack %g",
                 (long long)pe_cli_int(cli, "reps"), pe_cli_real(cli, "max-seconds"),
                 pe_cli_real(cli, "slack"));
}

static pe_status save_scores(const pe_cli *cli, const pe_score_job *job, const pe_scores *scores,
                             pe_error *err)
{
    char command[512];
    json_t *version = pe_version();
    write_command(cli, command, sizeof command);
    pe_result *result =
        pe_result_new("bench", "Speed", "How fast is it, against what and why?", err);
    pe_scores_show(scores, job, command, result, err);
    const pe_run_facts facts = {
        .command = command,
        .seed = (uint64_t)job->seed,
        .version = PE_VERSION,
        .precision = "float",
        .blas = pe_blas_name(),
        .compiler = json_string_value(json_object_get(version, "compiler")),
        .threads = (unsigned)job->threads,
    };
    pe_result_facts(result, &facts);
    pe_status status =
        result ? pe_report_save(result, pe_cli_text(cli, "out"), PE_REPORT_ALL, err) : PE_MEMORY;
    pe_result_release(result);
    json_decref(version);
    return status;
}

static pe_status say_missed(const pe_scores *scores, pe_error *err)
{
    const size_t judged = pe_scores_judged(scores), met = pe_scores_met(scores);
    const pe_score *first = scores->score;
    if (met == judged)
        return PE_OK;
    while (first->met)
        first++;
    return pe_fail(err, PE_DIFFERS, "%zu of %zu goals are missed, the first by %s against %s",
                   judged - met, judged, first->goal.ours, first->goal.other);
}

pe_status bench_goals(const pe_cli *cli, pe_error *err)
{
    const pe_score_job job = {.python = pe_cli_text(cli, "python"),
                              .threads = omp_get_max_threads(),
                              .reps = pe_cli_int(cli, "reps"),
                              .seed = pe_cli_int(cli, "seed"),
                              .seconds = pe_cli_real(cli, "max-seconds"),
                              .slack = pe_cli_real(cli, "slack"),
                              .check = pe_signals_check};
    pe_scores *scores = pe_allocate(1, sizeof *scores, "scores", err);
    pe_status status = scores ? PE_OK : PE_MEMORY;
    if (status == PE_OK && pe_cli_text(cli, "out"))
        status = pe_output_folder(pe_cli_text(cli, "out"), err); /* before the minutes, not after */
    if (status == PE_OK)
        status = measure_all(cli, &job, scores, err);
    if (status == PE_OK)
        status = print_scores(cli, scores, job.threads, err);
    if (status == PE_OK && pe_cli_text(cli, "out"))
        status = save_scores(cli, &job, scores, err);
    if (status == PE_OK)
        status = say_missed(scores, err);
    pe_release(scores);
    return status;
}
