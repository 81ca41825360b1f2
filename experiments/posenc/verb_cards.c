/* posenc cards: does it matter? One page for one question, and an index. */
#include "crew.h"
#include "verbs.h"

#include "analysis/start.h"
#include "base/memory.h"
#include "base/names.h"
#include "cards/cards.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "core/lent.h"
#include "io/json.h"
#include "io/output.h"
#include "report/report.h"

#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const pe_cli_option options[] = {
    {"out", 'o', PE_CLI_TEXT, "DIR", "notebooks_out", 0, 0, false,
     "folder of results: the pages go to DIR/cards, and its index gets a link"},
    {"plot", 0, PE_CLI_CHOICE, "all|none", "all", 0, 0, false, "pictures to make"},
    {"draws", 0, PE_CLI_INT, "N", "20", 2, 10000, false, "random draws behind a mean"},
    {"list", 'l', PE_CLI_FLAG, NULL, NULL, 0, 0, false, "say which cards there are, and stop"},
};
static const pe_cli_group card_options = PE_CLI_GROUP("Cards", options);

static void state_facts(const pe_cli *cli, const pe_card *card, pe_result *result)
{
    char command[256];
    json_t *version = pe_version();
    snprintf(command, sizeof command, "posenc cards %s --draws %lld --seed %lld", card->id,
             (long long)pe_cli_int(cli, "draws"), (long long)pe_cli_int(cli, "seed"));
    pe_result_facts(result, &(pe_run_facts){
                                .command = command,
                                .seed = (uint64_t)pe_cli_int(cli, "seed"),
                                .version = PE_VERSION,
                                .precision = "double",
                                .blas = pe_blas_name(),
                                .compiler = json_string_value(json_object_get(version, "compiler")),
                                .threads = (unsigned)pe_cli_int(cli, "threads"),
                            });
    const char *const words[] = {"cards", card->id};
    pe_section_try(pe_result_section(result, "Command"), "The same numbers again:", 2, words);
    json_decref(version);
}

static pe_status find_card(const char *id, const pe_card **card, pe_error *err)
{
    const char *known[64];
    char advice[PE_ERROR_TEXT / 2];
    for (size_t i = 0; i < pe_card_count; i++) {
        known[i] = pe_cards[i].id;
        if (strcmp(known[i], id) == 0) {
            *card = &pe_cards[i];
            return PE_OK;
        }
    }
    pe_name_advice(id, pe_card_count, known, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "there is no card %s; %s", id, advice);
}

/* ---- making ---- */

typedef struct pack {
    const pe_cli *cli;
    pe_lab lab;
    char folder[PATH_MAX];
    size_t count;
    const pe_card *card[CREW_JOBS];
    crew_job jobs[CREW_JOBS]; /* in the same order */
    json_t *rows;
    size_t failed;    /* verdicts */
    pe_error picture; /* why the first missing picture is missing */
} pack;

static pe_status folder_of(const pack *p, const pe_card *card, const char *file,
                           char folder[PATH_MAX], pe_error *err)
{
    if (snprintf(folder, PATH_MAX, "%s/%s%s", p->folder, card->id, file) >= PATH_MAX)
        return pe_fail(err, PE_USAGE, "--out: the path is too long");
    return PE_OK;
}

static pe_status make_one(void *context, size_t which, pe_error *err)
{
    pack *p = context;
    const pe_card *card = p->card[which];
    char folder[PATH_MAX];
    pe_result *result = NULL;
    pe_status status = folder_of(p, card, "", folder, err);
    if (status == PE_OK)
        status = pe_card_make(card, &p->lab, &result, err);
    if (status == PE_OK) {
        state_facts(p->cli, card, result);
        const unsigned pictures = PE_REPORT_SVG | PE_REPORT_PNG;
        status = pe_report_save(
            result, folder,
            pe_cli_choice(p->cli, "plot") == 0 ? PE_REPORT_ALL : PE_REPORT_ALL & ~pictures, err);
    }
    pe_result_release(result);
    return status;
}

static pe_status make_in_crew(void *context, size_t which, pe_error *err)
{
    pack *p = context;
    p->lab.check = crew_check;
    return make_one(p, which, err);
}

/* Without a picture all the rest is written; it is said at the end. */
static bool goes_on(pe_status status)
{
    return status == PE_OK || status == PE_TOOL;
}

static pe_status make_here(pack *p, pe_error *err)
{
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, p->cli, "cards", p->count);
    for (size_t i = 0; status == PE_OK && i < p->count; i++) {
        crew_job *job = &p->jobs[i];
        job->status = make_one(p, i, &job->err);
        job->ended = true;
        if (!goes_on(job->status))
            break;
        status = pe_signals_check(err);
        pe_progress_step(&progress, i + 1);
    }
    pe_progress_end(&progress);
    return status;
}

/* What the page that was just written says. */
static pe_status read_answer(pack *p, const pe_card *card, pe_error *err)
{
    enum { MOST_BYTES = 1 << 24 };
    char path[PATH_MAX];
    pe_status status = folder_of(p, card, "/run.json", path, err);
    json_t *all = status == PE_OK ? pe_json_load(path, MOST_BYTES, err) : NULL;
    if (!all)
        return status == PE_OK ? PE_WRITE : status;
    const char *finding = json_string_value(json_object_get(all, "finding"));
    json_t *row = json_pack("{s:s, s:s, s:s}", "card", card->id, "question", card->question,
                            "answer", finding && *finding ? finding : card->question);
    p->failed += (size_t)json_integer_value(json_object_get(all, "failed"));
    json_decref(all);
    return json_array_append_new(p->rows, row) == 0
               ? PE_OK
               : pe_fail(err, PE_MEMORY, "no memory for the answers");
}

static pe_status make_all(pack *p, int threads, pe_error *err)
{
    for (size_t i = 0; i < p->count; i++)
        p->jobs[i] = (crew_job){.name = p->card[i]->id, .leader = i};
    pe_status status = p->count < 2 || threads < 2 ? make_here(p, err)
                                                   : crew_run(p->cli, threads, p->count, p->jobs,
                                                              make_in_crew, goes_on, p, err);
    for (size_t i = 0; status == PE_OK && i < p->count; i++) {
        const crew_job *job = &p->jobs[i];
        if (job->ended && !goes_on(job->status))
            return pe_fail(err, job->status, "%s", job->err.text);
        if (job->ended && job->status == PE_TOOL)
            p->picture = job->err;
    }
    for (size_t i = 0; status == PE_OK && i < p->count; i++)
        status = read_answer(p, p->card[i], err);
    return status;
}

static pe_status print_answers(const pack *p, pe_error *err)
{
    static const char *const columns[] = {"card", "answer"};
    if (pe_cli_flag(p->cli, "quiet") && !pe_cli_flag(p->cli, "json"))
        return PE_OK;
    return pe_print_rows(p->cli, p->rows, 2, columns, err);
}

/* The pages' own index, then the one above, which links to it. */
static pe_status write_indexes(const pack *p, pe_error *err)
{
    const pe_status status = pe_report_index(p->folder, NULL, err);
    return status == PE_OK ? pe_report_index(pe_cli_text(p->cli, "out"), NULL, err) : status;
}

static pe_status verdict(pack *p, pe_error *err)
{
    if (p->failed)
        return pe_fail(err, PE_DIFFERS, "%zu verdicts failed; verdicts.csv in %s/* lists them",
                       p->failed, p->folder);
    return p->picture.status == PE_TOOL ? pe_fail(err, PE_TOOL, "%s", p->picture.text) : PE_OK;
}

static pe_status open_lab(pack *p, pe_error *err)
{
    const pe_lab_size size = {
        .length = 128,
        .heads = 4,
        .head_dim = 32,
        .draws = (int)pe_cli_int(p->cli, "draws"),
        .seed = (uint64_t)pe_cli_int(p->cli, "seed"),
        .text =
            access(POSENC_DEFAULT_TEXT, R_OK) == 0 ? POSENC_DEFAULT_TEXT : POSENC_INSTALLED_TEXT,
    };
    snprintf(p->folder, sizeof p->folder, "%.4000s/cards", pe_cli_text(p->cli, "out"));
    const pe_status status = pe_output_folder(p->folder, err);
    return status == PE_OK ? pe_lab_open(&p->lab, &size, NULL, 0, err) : status;
}

static pe_status print_list(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"card", "question"};
    json_t *rows = json_array();
    for (size_t i = 0; i < pe_card_count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:s}", "card", pe_cards[i].id, "question",
                                              pe_cards[i].question));
    rows = pe_rows_complete(rows, pe_card_count);
    const pe_status status = pe_print_rows(cli, rows, 2, columns, err);
    json_decref(rows);
    return status;
}

/* In the order of the words, each once; all without a word. */
static pe_status choose_cards(pack *p, pe_error *err)
{
    const pe_cli *cli = p->cli;
    for (size_t i = 0; !cli->word_count && i < pe_card_count; i++)
        p->card[p->count++] = &pe_cards[i];
    for (int w = 0; w < cli->word_count; w++) {
        const pe_card *card = NULL;
        pe_status status = find_card(cli->words[w], &card, err);
        if (status != PE_OK)
            return status;
        size_t at = 0;
        while (at < p->count && p->card[at] != card)
            at++;
        p->card[at] = card;
        p->count += at == p->count;
    }
    return PE_OK;
}

static pe_status make_and_say(pack *p, pe_error *err)
{
    const int threads = omp_get_max_threads();
    pe_status status = choose_cards(p, err);
    if (status != PE_OK)
        return status;
    if (p->count > 1 && threads > 1)
        omp_set_num_threads(1); /* crew.h: no threads here before it forks */
    pe_analysis_start();
    status = open_lab(p, err);
    if (status == PE_OK)
        status = make_all(p, threads, err);
    if (status == PE_OK)
        status = write_indexes(p, err);
    if (status == PE_OK)
        status = print_answers(p, err);
    return status == PE_OK ? verdict(p, err) : status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    if (pe_cli_flag(cli, "list"))
        return print_list(cli, err);
    pack *p = pe_allocate(1, sizeof *p, "cards", err);
    if (!p)
        return PE_MEMORY;
    p->cli = cli;
    p->rows = json_array();
    const pe_status status = make_and_say(p, err);
    json_decref(p->rows);
    pe_lab_close(&p->lab);
    pe_release(p);
    return status;
}

const pe_cli_verb verb_cards = {
    .name = "cards",
    .arguments = "[CARD...]",
    .summary = "does it matter? one question, one number, one page",
    .description = "Each card has a question that people ask about positional encodings, an "
                   "experiment, its number, "
                   "and when the answer flips; without CARD, all of them. The pages go to "
                   "DIR/cards/CARD, with an "
                   "index beside them.",
    .examples = "posenc cards --list\n"
                "posenc cards decay                        # one page\n"
                "posenc cards --out results                # all pages and their index",
    .least = 0,
    .most = 64,
    .groups = {&card_options},
    .run = run,
};
