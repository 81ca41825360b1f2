/* posenc cards: does it matter? One page for one question, and an index. */
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
    json_t *rows;
    size_t failed;    /* verdicts */
    pe_error picture; /* why the first missing picture is missing */
} pack;

static json_t *row_of(const pe_card *card, const pe_result *result, pe_error *err)
{
    pe_buffer text = {0};
    json_t *row = NULL, *all = NULL;
    if (pe_report_json(result, &text, err) == PE_OK)
        all = pe_json_load_memory(text.bytes, text.size, card->id, err);
    const json_t *finding = json_object_get(all, "finding");
    if (all)
        row = json_pack("{s:s, s:s, s:O}", "card", card->id, "question", card->question, "answer",
                        finding ? finding : json_object_get(all, "question"));
    json_decref(all);
    pe_buffer_release(&text);
    return row;
}

static pe_status make_one(pack *p, const pe_card *card, pe_error *err)
{
    char folder[PATH_MAX];
    pe_result *result = NULL;
    if (snprintf(folder, sizeof folder, "%s/%s", p->folder, card->id) >= (int)sizeof folder)
        return pe_fail(err, PE_USAGE, "--out: the path is too long");
    pe_status status = pe_card_make(card, &p->lab, &result, err);
    if (status == PE_OK) {
        state_facts(p->cli, card, result);
        const unsigned pictures = PE_REPORT_SVG | PE_REPORT_PNG;
        status = pe_report_save(
            result, folder,
            pe_cli_choice(p->cli, "plot") == 0 ? PE_REPORT_ALL : PE_REPORT_ALL & ~pictures, err);
        p->failed += pe_result_count(result, PE_VERDICT_FAIL);
    }
    if (status == PE_TOOL) { /* all the rest is written; said at the end */
        p->picture = err ? *err : (pe_error){.status = PE_TOOL};
        status = PE_OK;
    }
    if (status == PE_OK && json_array_append_new(p->rows, row_of(card, result, err)) != 0)
        status = pe_fail(err, PE_MEMORY, "no memory for the answers");
    pe_result_release(result);
    return status;
}

static pe_status make_all(pack *p, pe_error *err)
{
    const size_t n = p->cli->word_count ? (size_t)p->cli->word_count : pe_card_count;
    pe_progress progress;
    pe_status status = PE_OK;
    pe_progress_begin(&progress, p->cli, "cards", n);
    for (size_t i = 0; status == PE_OK && i < n; i++) {
        const pe_card *card = &pe_cards[i % pe_card_count];
        if (p->cli->word_count)
            status = find_card(p->cli->words[i], &card, err);
        if (status == PE_OK)
            status = make_one(p, card, err);
        if (status == PE_OK)
            status = pe_signals_check(err);
        pe_progress_step(&progress, i + 1);
    }
    pe_progress_end(&progress);
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

static pe_status run(const pe_cli *cli, pe_error *err)
{
    if (pe_cli_flag(cli, "list"))
        return print_list(cli, err);
    const pe_card *card;
    for (int w = 0; w < cli->word_count; w++)
        if (find_card(cli->words[w], &card, err) != PE_OK)
            return PE_USAGE;
    pe_analysis_start();
    pack *p = pe_allocate(1, sizeof *p, "cards", err);
    if (!p)
        return PE_MEMORY;
    p->cli = cli;
    p->rows = json_array();
    pe_status status = open_lab(p, err);
    if (status == PE_OK)
        status = make_all(p, err);
    if (status == PE_OK)
        status = write_indexes(p, err);
    if (status == PE_OK)
        status = print_answers(p, err);
    if (status == PE_OK)
        status = verdict(p, err);
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
