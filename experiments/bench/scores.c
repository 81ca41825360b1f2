#include "bench/scores.h"
#include "kernels/kernels.h"
#include "lab/words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t pe_scores_judged(const pe_scores *scores)
{
    size_t judged = 0;
    for (size_t i = 0; i < scores->count; i++)
        judged += scores->score[i].goal.kind != PE_GOAL_LIMIT;
    return judged;
}

size_t pe_scores_met(const pe_scores *scores)
{
    size_t met = 0;
    for (size_t i = 0; i < scores->count; i++)
        met += scores->score[i].goal.kind != PE_GOAL_LIMIT && scores->score[i].met;
    return met;
}

/* ---- the machine ---- */

/* The first value of a member of /proc/cpuinfo or /proc/loadavg; "unknown" where there is none. */
static void read_member(const char *path, const char *member, char *text, size_t room)
{
    char line[256];
    snprintf(text, room, "unknown");
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, member, strlen(member)) == 0) {
            const char *value = *member ? strchr(line, ':') : line;
            value = value ? value + strspn(value, ": \t") : line;
            snprintf(text, room, "%.*s", (int)strcspn(value, "\n"), value);
            break;
        }
    if (file)
        fclose(file);
}

static void state_machine(const pe_score_job *job, const char *command, pe_result *result)
{
    char text[256];
    const time_t now = time(NULL);
    struct tm when;
    read_member("/proc/cpuinfo", "model name", text, sizeof text);
    pe_result_parameter(result, "processor", text, "as the kernel names it");
    snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    pe_result_parameter(result, "cores", text, "that the system has");
    snprintf(text, sizeof text, "%d", job->threads);
    pe_result_parameter(result, "threads", text, "of both sides");
    pe_result_parameter(result, "kernels", pe_kernels_now()->name, "inner loops in use");
    if (gmtime_r(&now, &when) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &when) > 0)
        pe_result_parameter(result, "date", text, "at the end of the run");
    read_member("/proc/loadavg", "", text, sizeof text);
    pe_result_parameter(result, "load", text, "/proc/loadavg at the end: 1, 5, 15 minutes");
    snprintf(text, sizeof text, "posenc bench %s", command);
    pe_result_parameter(result, "command", text, "that does it again");
}

/* ---- the table ---- */

static void put_time(pe_sheet *sheet, double seconds)
{
    if (seconds > 0)
        pe_sheet_number(sheet, 1e3 * seconds);
    else
        pe_sheet_missing(sheet);
}

static void put_text(pe_sheet *sheet, const char *text)
{
    if (text)
        pe_sheet_text(sheet, text);
    else
        pe_sheet_missing(sheet);
}

static void put_score(pe_sheet *sheet, const pe_score *s, int threads)
{
    const bool judged = s->goal.kind != PE_GOAL_LIMIT;
    char goal[32];
    snprintf(goal, sizeof goal, "%s %.4g",
             s->goal.at_least ? ">=" : "<=", pe_goal_value(&s->goal, threads));
    pe_sheet_text(sheet, s->goal.what);
    pe_sheet_text(sheet, s->goal.ours);
    put_text(sheet, strcmp(s->goal.other, "-") == 0 ? NULL : s->goal.other);
    put_time(sheet, s->ours);
    put_time(sheet, s->other);
    pe_sheet_number(sheet, s->value);
    pe_sheet_number(sheet, s->best);
    put_text(sheet, judged ? goal : NULL);
    put_text(sheet, !judged ? NULL : s->met ? "met" : "missed");
}

static void show_table(const pe_scores *scores, const pe_score_job *job, pe_section *section)
{
    const pe_sheet_column columns[] = {
        {"what", NULL, 1, 0},           {"ours", NULL, 1, 0},          {"other", NULL, 1, 0},
        {"time of ours", "ms", 0, 4},   {"time of other", "ms", 0, 4}, {"value", NULL, 0, 4},
        {"of the fastest", NULL, 0, 4}, {"goal", NULL, 1, 0},          {"verdict", NULL, 1, 0}};
    pe_sheet *sheet =
        pe_section_table(section, "goals", "Every goal, measured in one run", 9, columns);
    for (size_t i = 0; i < scores->count; i++)
        put_score(sheet, &scores->score[i], job->threads);
}

static void show_peers(const pe_scores *scores, pe_section *section)
{
    const pe_sheet_column columns[] = {{"workload", NULL, 1, 0},
                                       {"peer", NULL, 1, 0},
                                       {"value, as installed", NULL, 0, 4},
                                       {"value, keeping its memory", NULL, 0, 4},
                                       {"fastest setting of the peer", NULL, 1, 0},
                                       {"memory of ours", "MiB", 0, 4},
                                       {"memory of the peer", "MiB", 0, 4}};
    pe_sheet *sheet = pe_section_table(
        section, "peers",
        "Peers as they are installed, which goals are about, and with malloc told to keep what it "
        "has: the difference is the first touch of fresh pages",
        7, columns);
    for (size_t i = 0; i < scores->count; i++) {
        const pe_score *s = &scores->score[i];
        if (!s->setting)
            continue;
        pe_sheet_text(sheet, s->goal.ours);
        pe_sheet_text(sheet, s->goal.other);
        pe_sheet_number(sheet, s->value);
        pe_sheet_number(sheet, s->keeper);
        pe_sheet_text(sheet, s->setting);
        pe_sheet_number(sheet, s->ours_mb);
        pe_sheet_number(sheet, s->other_mb);
    }
}

/* ---- figures ---- */

enum { MOST_DOTS = 40 };

static void draw(const pe_scores *scores, bool peers, pe_section *section, pe_error *err)
{
    const char *names[MOST_DOTS];
    double value[MOST_DOTS], kept[MOST_DOTS], one[MOST_DOTS];
    size_t n = 0, met = 0;
    for (size_t i = 0; i < scores->count && n < MOST_DOTS; i++) {
        const pe_score *s = &scores->score[i];
        if (s->goal.kind == PE_GOAL_LIMIT || s->goal.kind == PE_GOAL_MEMORY ||
            (s->goal.kind == PE_GOAL_PEER) != peers)
            continue;
        names[n] = s->goal.ours;
        one[n] = s->goal.value;
        met += s->met;
        kept[n] = s->keeper;
        value[n++] = s->value;
    }
    if (n == 0)
        return;
    pe_figure *figure =
        peers ? pe_figure_titled(PE_DOTS, "against_peers", err,
                                 "%zu of %zu goals against PyTorch and NumPy are met", met, n)
              : pe_figure_titled(PE_DOTS, "own_ratios", err,
                                 "%zu of %zu goals against the machine and ourselves are met", met,
                                 n);
    pe_figure_x(figure, peers ? "time of the peer over ours" : "ratio of times, or of rates",
                PE_LOG2);
    pe_figure_categories(figure, n, names, NULL);
    pe_figure_add_series(figure, &(pe_series){.name = "measured", .slot = 0, .n = n, .y = value});
    pe_figure_add_series(figure, &(pe_series){.name = "goal", .slot = 1, .n = n, .y = one});
    if (peers)
        pe_figure_add_series(figure, &(pe_series){.name = "measured, the peer keeps its memory",
                                                  .slot = 2,
                                                  .n = n,
                                                  .y = kept});
    pe_figure_describe(figure, "Dots: what was measured and the goal, one row per workload.",
                       peers ? "Medians of runs in turn, the peer under its fastest setting; "
                               "right of the goal is better."
                             : "Times (goal: at most) and rates (goal: at least), both sides "
                               "measured in turn.");
    pe_section_figure(section, figure);
}

/* ---- all ---- */

void pe_scores_show(const pe_scores *scores, const pe_score_job *job, const char *command,
                    pe_result *result, pe_error *err)
{
    char text[128];
    const size_t judged = pe_scores_judged(scores), met = pe_scores_met(scores);
    state_machine(job, command, result);
    snprintf(text, sizeof text, "%zu of %zu goals are met.", met, judged);
    pe_result_finding(result, text);
    pe_section *section = pe_result_section(result, "Goals and what was measured");
    pe_say(section,
           "Medians of wall-clock seconds, float, %d threads, into buffers that exist already; "
           "what is compared ran in turn. Each peer was tried under several settings of its "
           "threads and then ran under the fastest. Other programs on the machine only ever make "
           "a run slower, so the ratio of the fastest runs stands beside that of the medians, "
           "which is judged.",
           job->threads);
    if (job->slack > 1)
        pe_say(section,
               "Goals are loosened by a factor of %g here, and either ratio may meet them.",
               job->slack);
    show_table(scores, job, section);
    draw(scores, true, section, err);
    draw(scores, false, section, err);
    show_peers(scores, section);
}
