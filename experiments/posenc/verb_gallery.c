/* posenc gallery: real bugs of real projects, measured. */
#include "verbs.h"

#include "analysis/start.h"
#include "base/memory.h"
#include "base/names.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "gallery/gallery.h"
#include "gallery_train.h"
#include "io/json.h"

#include <string.h>
#include <unistd.h>

static const pe_cli_option options[] = {
    {"length", 'L', PE_CLI_INT, "T", "128", 64, 1024, false, "tokens of the damage measures"},
    {"heads", 0, PE_CLI_INT, "H", "4", 1, 64, false,
     "attention heads, where an exhibit leaves them"},
    {"head-dim", 0, PE_CLI_INT, "D", "32", 8, 256, false, "width of one head"},
    {"text", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false,
     "real text, read as bytes (default: the licence text that comes with posenc)"},
};
static const pe_cli_group gallery_options = PE_CLI_GROUP("Measuring", options);

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* ---- list ---- */

static pe_status list(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"family", "id", "kind", "what is wrong", "reference"};
    const size_t count = pe_gallery_count();
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        const pe_exhibit *e = pe_gallery_at(i);
        const char *reference = e->reference;
        char first[96];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(reference, " "), reference);
        json_array_append_new(
            rows,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "family",
                      pe_family_id(e->family), "id", e->id, "kind", pe_exhibit_kind(e),
                      "what is wrong", e->title, "reference",
                      pe_cli_flag(cli, "json") ? reference : first, "reported", e->reported,
                      "lesson", e->lesson, "variant", text_or_null(e->bug.variant), "path",
                      text_or_null(e->bug.path), "twin variant", text_or_null(e->twin.variant),
                      "twin path", text_or_null(e->twin.path)));
    }
    rows = pe_rows_complete(rows, count);
    const pe_status status = pe_print_rows(cli, rows, 5, columns, err);
    json_decref(rows);
    return status;
}

/* ---- run ---- */

static const char *judgement(const pe_stated *f, double value)
{
    if (f->why_not)
        return pe_stated_agrees(f, value) ? "AGREES AFTER ALL" : "not reproduced";
    return pe_stated_agrees(f, value) ? "PASS" : "FAIL";
}

static pe_status add_figures(const pe_cli *cli, const pe_exhibit *e, json_t *rows, int *failed,
                             pe_error *err)
{
    for (int f = 0; f < e->figure_count; f++) {
        const pe_stated *s = &e->figure[f];
        double value;
        const pe_status status =
            pe_gallery_figure(e, s, (uint64_t)pe_cli_int(cli, "seed"), &value, err);
        if (status != PE_OK)
            return status;
        *failed += pe_stated_agrees(s, value) == (s->why_not != NULL);
        json_array_append_new(
            rows,
            json_pack("{s:s, s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "exhibit",
                      e->id, "of", s->of_twin ? "twin" : "bug", "quantity",
                      pe_measured_text(s->what), "width", s->width, "n", (json_int_t)s->n, "at",
                      pe_json_real(s->from), "value", pe_json_real(value), "reported",
                      pe_json_real(s->reported), "tolerance", pe_json_real(pe_stated_tolerance(s)),
                      "judgement", judgement(s, value), "source",
                      s->source ? s->source : e->reference, "why not", text_or_null(s->why_not)));
    }
    return PE_OK;
}

static json_t *broken_claims(const pe_damage *d)
{
    json_t *claims = json_array();
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        if (d->broken & (1u << c))
            json_array_append_new(claims, json_pack("{s:s, s:s}", "claim", pe_claim_name(1u << c),
                                                    "counter-example", d->counter[c]));
    return claims;
}

static void broken_words(const pe_damage *d, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s", d->broken ? "" : "none");
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        if ((d->broken & (1u << c)) && used < room)
            used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "",
                                     pe_claim_name(1u << c));
}

static json_t *damage_row(const pe_exhibit *e, const pe_damage *d)
{
    char words[256];
    json_t *row = json_pack("{s:s}", "exhibit", e->id);
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++)
        json_object_set_new(row, pe_damage_text((pe_damage_kind)kind),
                            pe_json_real(d->value[kind]));
    broken_words(d, words, sizeof words);
    json_object_set_new(row, "claims broken", json_string(words));
    json_object_set_new(row, "counter-examples", broken_claims(d));
    return row;
}

static pe_status print_all(const pe_cli *cli, json_t *figures, json_t *damage, pe_error *err)
{
    static const char *const columns[] = {"exhibit", "of",       "quantity",  "n",        "at",
                                          "value",   "reported", "tolerance", "judgement"};
    const char *measures[PE_DAMAGE_COUNT + 2] = {"exhibit"};
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++)
        measures[kind + 1] = pe_damage_text((pe_damage_kind)kind);
    measures[PE_DAMAGE_COUNT + 1] = "claims broken";
    if (pe_cli_flag(cli, "json")) {
        json_t *both = json_pack("{s:O, s:O}", "figures", figures, "damage", damage);
        const pe_status status = pe_print_json(both, err);
        json_decref(both);
        return status;
    }
    pe_status status = pe_print_rows(cli, figures, 9, columns, err);
    if (status == PE_OK && !pe_cli_flag(cli, "quiet"))
        putchar('\n');
    if (status == PE_OK)
        status = pe_print_rows(cli, damage, PE_DAMAGE_COUNT + 2, measures, err);
    return status;
}

static pe_status measure(const pe_cli *cli, pe_lab *lab, size_t n, const pe_exhibit *const *list,
                         pe_error *err)
{
    json_t *figures = json_array(), *damage = json_array();
    pe_progress progress;
    int failed = 0;
    pe_status status = figures && damage ? PE_OK : pe_fail(err, PE_MEMORY, "no memory for rows");
    pe_progress_begin(&progress, cli, "gallery", n);
    for (size_t i = 0; status == PE_OK && i < n; i++) {
        pe_damage d = {0};
        progress.what = list[i]->id;
        pe_progress_step(&progress, i);
        status = add_figures(cli, list[i], figures, &failed, err);
        if (status == PE_OK)
            status = pe_gallery_damage(lab, list[i], &d, err);
        if (status == PE_OK)
            status = pe_gallery_claims(list[i], lab->size.seed, &d, err);
        if (status == PE_OK)
            json_array_append_new(damage, damage_row(list[i], &d));
        pe_damage_release(&d);
        if (status == PE_OK)
            status = pe_signals_check(err);
    }
    pe_progress_end(&progress);
    if (status == PE_OK)
        status = print_all(cli, figures, damage, err);
    json_decref(figures);
    json_decref(damage);
    if (status == PE_OK && failed)
        status = pe_fail(err, PE_DIFFERS, "%d figures are not what they should be", failed);
    return status;
}

static pe_status open_lab(const pe_cli *cli, pe_lab *lab, pe_error *err)
{
    const char *given = pe_cli_text(cli, "text");
    const pe_lab_choice none = {0};
    pe_lab_size size = {
        .length = pe_cli_int(cli, "length"),
        .heads = (int)pe_cli_int(cli, "heads"),
        .head_dim = (int)pe_cli_int(cli, "head-dim"),
        .draws = 20,
        .seed = (uint64_t)pe_cli_int(cli, "seed"),
        .text = given                                    ? given
                : access(POSENC_DEFAULT_TEXT, R_OK) == 0 ? POSENC_DEFAULT_TEXT
                                                         : POSENC_INSTALLED_TEXT,
    };
    gallery_train_size(cli, &size);
    const pe_status status = pe_lab_open(lab, &size, &none, 0, err);
    lab->check = pe_signals_check;
    return status;
}

enum { MOST = 128 };

/* The exhibits that the words name, in their order; `all` alone is all of them. */
static pe_status read_exhibits(const pe_cli *cli, const pe_exhibit *list[MOST], size_t *n,
                               pe_error *err)
{
    *n = 0;
    for (int w = 1; w < cli->word_count && *n < MOST; w++) {
        if (strcmp(cli->words[w], "all") == 0) {
            for (*n = 0; *n < MOST && pe_gallery_at(*n); (*n)++)
                list[*n] = pe_gallery_at(*n);
            return PE_OK;
        }
        const pe_status status = pe_gallery_find(cli->words[w], &list[(*n)++], err);
        if (status != PE_OK)
            return status;
    }
    if (*n == 0)
        return pe_fail(err, PE_USAGE,
                       "gallery %s takes names of exhibits, or all; `posenc gallery` lists them",
                       cli->words[0]);
    return PE_OK;
}

static pe_status on_exhibits(const pe_cli *cli,
                             pe_status (*act)(const pe_cli *cli, pe_lab *lab, size_t n,
                                              const pe_exhibit *const *list, pe_error *err),
                             pe_error *err)
{
    const pe_exhibit *list[MOST];
    size_t n;
    pe_lab lab = {0};
    pe_status status = read_exhibits(cli, list, &n, err);
    if (status != PE_OK)
        return status;
    pe_analysis_start();
    status = open_lab(cli, &lab, err);
    if (status == PE_OK)
        status = act(cli, &lab, n, list, err);
    pe_lab_close(&lab);
    return status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    static const char *const actions[] = {"list", "run", "train"};
    const char *word = cli->word_count ? cli->words[0] : actions[0];
    char advice[256];
    if (strcmp(word, "list") == 0)
        return list(cli, err);
    if (strcmp(word, "run") == 0)
        return on_exhibits(cli, measure, err);
    if (strcmp(word, "train") == 0)
        return on_exhibits(cli, gallery_train, err);
    pe_name_advice(word, 3, actions, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "gallery: there is no action '%s'; %s", word, advice);
}

const pe_cli_verb verb_gallery = {
    .name = "gallery",
    .arguments = "[list | run ID...|all | train ID...|all]",
    .summary = "real bugs of real projects, and what they damage",
    .description =
        "Every exhibit is a wrong way and a right way of the same thing, from a public repository. "
        "`run` measures the figures that were reported there, judged with a stated tolerance, and "
        "the damage against the twin: tables, kernel, three-part split, logits, attention, and the "
        "claims of the twin that do not hold, with counter-examples under --json. Exit code 1 when "
        "a figure is not what it should be. `train` trains small models with the bug and with the "
        "twin, from the same weights on the same data, and says for each whether the held-out "
        "loss would have shown the bug, or only the loss of sequences four times as long, or "
        "neither: beyond the band of the twin's seeds, and the 95 % interval of the paired "
        "differences does not hold 0. What cannot be trained says why. Pages with figures: "
        "`posenc run gallery bugs_in_angles bugs_in_training`.",
    .examples = "posenc gallery\n"
                "posenc gallery run doubled_exponent pairing\n"
                "posenc gallery run all --json\n"
                "posenc gallery train batch_axis pairing --seeds 5",
    .least = 0,
    .most = -1,
    .groups = {&gallery_options, &gallery_train_options},
    .run = run,
};
