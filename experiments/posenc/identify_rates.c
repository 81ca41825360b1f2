/* posenc identify --self-test: how often is the answer right? */
#include "identify_made.h"

#include "base/memory.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "io/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Accepted rates. */
#define LEAST_RIGHT 0.98
#define MOST_WRONG  0.005

typedef enum outcome { RIGHT, NOT_SEEN, DOUBTED, WRONG, OUTCOMES } outcome;
static const char *const outcome_names[OUTCOMES] = {"right", "not recognised", "wrong, in doubt",
                                                    "wrong"};

enum { PAIRS = 256, MISTAKES = 64 };

/* One cell of the confusion table: an answer to a truth. */
typedef struct cell {
    char truth[128], answer[128];
    size_t count;
} cell;

typedef struct mistake {
    char name[160], answer[IDENTIFY_CLASS];
    outcome outcome;
} mistake;

typedef struct rates {
    size_t cases, count[OUTCOMES], pair_count, mistake_count;
    cell pair[PAIRS];
    mistake mistakes[MISTAKES];
} rates;

/* ---- judging one ---- */

static bool is_low(pe_bug bug)
{
    return bug >= PE_BUG_LOW_POSITION && bug <= PE_BUG_LOW_PHASE;
}

/* Linear biases of several heads carry the rule of their slopes. */
static bool same_rule(const made_truth *t, const pe_finding *f)
{
    return t->rule == PE_RULE_NONE || t->rule == f->rule ||
           (t->bug == PE_BUG_DOUBLED_EXPONENT && f->rule == PE_RULE_DOUBLED && t->layout == 0);
}

static bool matches(const made_truth *t, const pe_identification *what,
                    const identify_command *command)
{
    const pe_finding *f = &what->best[0];
    if (t->known != what->known)
        return false;
    if (!t->known)
        return true;
    if (t->command)
        return command->text[0] != 0;
    if (t->low_bug ? !is_low(f->bug) : t->bug != f->bug)
        return false;
    return t->family == f->family && same_rule(t, f) &&
           (t->layout == PE_LAYOUT_NONE || t->layout == f->layout) &&
           (t->base == 0 || fabs(f->base / t->base - 1) < 0.03) &&
           (isnan(t->first) || fabs(f->first - t->first) < 0.5);
}

static outcome judge(const made_truth *t, const pe_identification *what,
                     const identify_command *command)
{
    if (matches(t, what, command))
        return RIGHT;
    if (!what->known)
        return NOT_SEEN;
    return what->confidence < 0.9 ? DOUBTED : WRONG;
}

/* ---- classes of the confusion table: family, rule of a bias, bug ---- */

static void class_of(bool known, pe_family family, pe_rule rule, pe_bug bug, char text[128])
{
    const bool bias = family == PE_FAMILY_BIAS || family == PE_FAMILY_SLOPES;
    snprintf(text, 128, "%s%s%s%s%s", known ? pe_family_name(family) : "unknown",
             known && bias && rule ? ", " : "", known && bias && rule ? pe_rule_name(rule) : "",
             known && bug ? ", BUG: " : "", known ? pe_bug_name(bug) : "");
}

static void truth_class(const made *m, char text[128])
{
    if (m->truth.command)
        snprintf(text, 128, "a variant, by its command");
    else if (m->truth.low_bug)
        snprintf(text, 128, "position table, BUG: any of 16 bits");
    else
        class_of(m->truth.known, m->truth.family, m->truth.rule, m->truth.bug, text);
}

/* A right answer is counted under its truth, whatever finer words it has. */
static void note(rates *r, const made *m, const pe_identification *what,
                 const identify_command *command)
{
    const outcome o = judge(&m->truth, what, command);
    char truth[128], answer[128];
    truth_class(m, truth);
    if (o == RIGHT)
        snprintf(answer, sizeof answer, "%s", truth);
    else
        class_of(what->known, what->best[0].family, what->best[0].rule, what->best[0].bug, answer);
    r->cases++;
    r->count[o]++;
    if (o != RIGHT && r->mistake_count < MISTAKES) {
        mistake *k = &r->mistakes[r->mistake_count++];
        snprintf(k->name, sizeof k->name, "%s", m->name);
        identify_class(what, k->answer);
        k->outcome = o;
    }
    size_t at = 0;
    while (at < r->pair_count &&
           (strcmp(r->pair[at].truth, truth) != 0 || strcmp(r->pair[at].answer, answer) != 0))
        at++;
    if (at == PAIRS)
        return;
    if (at == r->pair_count) {
        r->pair_count++;
        snprintf(r->pair[at].truth, sizeof r->pair[at].truth, "%s", truth);
        snprintf(r->pair[at].answer, sizeof r->pair[at].answer, "%s", answer);
    }
    r->pair[at].count++;
}

/* ---- all ---- */

static pe_status try_case(size_t index, uint64_t seed, rates *r, pe_error *err)
{
    made m;
    pe_identification what;
    identify_command command = {0};
    pe_status status = made_case(index, seed, &m, err);
    if (status != PE_OK || !m.values)
        return status;
    status = pe_identify(&m.matrix, &what, err);
    if (status == PE_OK && m.truth.command)
        status = identify_find_command(&m.matrix, &what, &command, err);
    if (status == PE_OK)
        note(r, &m, &what, &command);
    made_release(&m);
    return status;
}

static pe_status try_all(const pe_cli *cli, rates *r, pe_error *err)
{
    const size_t all = made_count();
    const size_t asked = (size_t)pe_cli_int(cli, "cases");
    const size_t n = asked == 0 || asked > all ? all : asked;
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, cli, "identifying", n);
    for (size_t i = 0; status == PE_OK && i < n; i++) {
        status = try_case(i * all / n, (uint64_t)pe_cli_int(cli, "seed"), r, err);
        if (status == PE_OK)
            status = pe_signals_check(err);
        pe_progress_step(&progress, i + 1);
    }
    pe_progress_end(&progress);
    return status;
}

static double share(const rates *r, outcome o)
{
    return r->cases ? (double)r->count[o] / (double)r->cases : 0;
}

/* ---- out ---- */

static void print_text(FILE *out, const void *data)
{
    const rates *r = data;
    fprintf(out, "%-64s %-64s %s\n", "what it is", "what was answered", "cases");
    for (size_t i = 0; i < r->pair_count; i++)
        fprintf(out, "%-64.64s %-64.64s %5zu\n", r->pair[i].truth,
                strcmp(r->pair[i].truth, r->pair[i].answer) == 0 ? "(the same)" : r->pair[i].answer,
                r->pair[i].count);
    for (size_t i = 0; i < r->mistake_count; i++)
        fprintf(out, "%s: %s; answered: %s\n", outcome_names[r->mistakes[i].outcome],
                r->mistakes[i].name, r->mistakes[i].answer);
    fprintf(out, "%zu matrices:", r->cases);
    for (int o = 0; o < OUTCOMES; o++)
        fprintf(out, "%s %zu %s (%.2f %%)", o ? "," : "", r->count[o], outcome_names[o],
                100 * share(r, (outcome)o));
    fputs("\n", out);
}

static pe_status print_json(const rates *r, pe_error *err)
{
    json_t *table = json_array(), *mistakes = json_array();
    for (size_t i = 0; i < r->pair_count; i++)
        json_array_append_new(table,
                              json_pack("{s:s, s:s, s:I}", "truth", r->pair[i].truth, "answer",
                                        r->pair[i].answer, "cases", (json_int_t)r->pair[i].count));
    for (size_t i = 0; i < r->mistake_count; i++)
        json_array_append_new(mistakes, json_pack("{s:s, s:s, s:s}", "case", r->mistakes[i].name,
                                                  "answer", r->mistakes[i].answer, "outcome",
                                                  outcome_names[r->mistakes[i].outcome]));
    json_t *all =
        json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "cases", (json_int_t)r->cases, "right",
                  pe_json_real(share(r, RIGHT)), "wrong_but_confident",
                  pe_json_real(share(r, WRONG)), "not_recognised", pe_json_real(share(r, NOT_SEEN)),
                  "confusion", pe_rows_complete(table, r->pair_count), "mistakes",
                  pe_rows_complete(mistakes, r->mistake_count));
    const pe_status status = pe_print_json(all, err);
    json_decref(all);
    return status;
}

pe_status identify_self_test(const pe_cli *cli, pe_error *err)
{
    rates *r = pe_allocate(1, sizeof *r, "rates", err);
    if (!r)
        return PE_MEMORY;
    pe_status status = try_all(cli, r, err);
    if (status == PE_OK && pe_cli_flag(cli, "json"))
        status = print_json(r, err);
    else if (status == PE_OK && !pe_cli_flag(cli, "quiet"))
        status = pe_print_text(print_text, r, err);
    if (status == PE_OK && (share(r, RIGHT) < LEAST_RIGHT || share(r, WRONG) > MOST_WRONG))
        status = pe_fail(err, PE_DIFFERS,
                         "%.2f %% right and %.2f %% wrong but confident; at least %.0f and at most "
                         "%.1f are asked for",
                         100 * share(r, RIGHT), 100 * share(r, WRONG), 100 * LEAST_RIGHT,
                         100 * MOST_WRONG);
    pe_release(r);
    return status;
}
