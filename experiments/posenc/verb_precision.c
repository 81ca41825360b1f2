/* posenc precision: how a sinusoid is formed, and what that costs. */
#include "verbs.h"

#include "base/memory.h"
#include "base/names.h"
#include "cli/print.h"
#include "io/json.h"
#include "precision.h"

#include <string.h>

static const pe_cli_option options[] = {
    {"base", 0, PE_CLI_REAL, "B", "10000", 1e-300, 1e300, false, "frequencies are B^(-2i/divisor)"},
    {"width", 0, PE_CLI_INT, "D", "128", 2, 8192, false,
     "sines and cosines in a row, two per pair"},
    {"divisor", 0, PE_CLI_REAL, "X", NULL, 1e-9, 1e9, false,
     "of the exponent 2i/X (default: the width)"},
    {"from", 0, PE_CLI_REAL, "P", "0", -9007199254740992.0, 9007199254740992.0, false,
     "first position"},
    {"length", 'n', PE_CLI_INT, "L", "4096", 1, 1 << 22, false, "number of positions"},
    {"shift", 'k', PE_CLI_REAL, "K", "1", 0, 1 << 22, false, "of the group law, in tokens"},
    {"unit", 'u', PE_CLI_CHOICE, "phase|logit|weight", "phase", 0, 0, false,
     "safe: of the tolerance: radians; RMS change of a logit, or mean total variation of a "
     "query's attention, under a common shift"},
    {"tolerance", 't', PE_CLI_REAL, "T", "0.1", 0, 0, false, "safe: what is still accepted"},
    {"most", 0, PE_CLI_REAL, "P", "16777216", 0, 2147483648.0, false, "safe: where to stop"},
};
static const pe_cli_group precision_options = PE_CLI_GROUP("Precision", options);

/* ---- list ---- */

static pe_status list(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"path", "what", "steps"};
    json_t *rows = json_array();
    for (size_t i = 0; i < pe_formation_count; i++) {
        char text[PE_FORMATION_TEXT];
        pe_formation_write(&pe_formations[i], text);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "path", pe_formations[i].name,
                                              "what", pe_formations[i].summary, "steps", text));
    }
    rows = pe_rows_complete(rows, pe_formation_count);
    const pe_status status = pe_print_rows(cli, rows, 3, columns, err);
    json_decref(rows);
    return status;
}

/* ---- measure, compare ---- */

static double *make_positions(const pe_cli *cli, size_t *n, pe_error *err)
{
    *n = (size_t)pe_cli_int(cli, "length");
    double *position = pe_allocate(*n, sizeof *position, "positions", err);
    for (size_t i = 0; position && i < *n; i++)
        position[i] = pe_cli_real(cli, "from") + (double)i;
    return position;
}

static json_t *found_row(const pe_formed *formed, const pe_formation_found *f,
                         const pe_formation_rows *rows, const pe_worst *law)
{
    char text[PE_FORMATION_TEXT];
    pe_formation_write(&formed->formation, text);
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
        "path", formed->formation.name, "steps", text, "largest", pe_json_real(f->absolute.value),
        "at", pe_json_real(f->absolute.position), "pair", (json_int_t)f->absolute.pair, "rms",
        pe_json_real(f->rms), "ulp", pe_json_real(f->ulp.value), "phase",
        pe_json_real(f->phase.value), "phase at", pe_json_real(f->phase.position), "slope",
        pe_json_real(f->slope), "off by 0.1", pe_json_real(f->first_tenth), "off by 1",
        pe_json_real(f->first_one), "distinct", (json_int_t)rows->distinct, "repeats",
        pe_json_real(rows->repeats), "repeats of", pe_json_real(rows->repeats_of), "group law",
        pe_json_real(law->value), "norm", pe_json_real(f->norm.value));
}

static pe_status measure_one(const pe_cli *cli, const char *word, size_t n, const double *position,
                             json_t *rows, pe_error *err)
{
    pe_formed formed;
    pe_formation_found found;
    pe_formation_rows distinct;
    pe_worst law;
    pe_status status = precision_formed(cli, word, &formed, err);
    if (status != PE_OK)
        return status;
    status = pe_formation_measure(&formed, n, position, &found, err);
    if (status == PE_OK)
        status = pe_formation_distinct(&formed, n, position, &distinct, err);
    if (status == PE_OK)
        status = pe_formation_group_law(&formed, n, position, pe_cli_real(cli, "shift"), &law, err);
    if (status == PE_OK)
        json_array_append_new(rows, found_row(&formed, &found, &distinct, &law));
    pe_formed_release(&formed);
    return status;
}

/* The paths of the words after the first; all shipped ones for `compare`. */
static pe_status measure(const pe_cli *cli, bool all, pe_error *err)
{
    static const char *const columns[] = {
        "path",       "largest",  "at",       "pair",    "ulp",       "phase", "slope",
        "off by 0.1", "off by 1", "distinct", "repeats", "group law", "norm"};
    size_t n;
    const size_t count = all ? pe_formation_count : (size_t)cli->word_count - 1;
    double *position = make_positions(cli, &n, err);
    json_t *rows = json_array();
    pe_status status = position ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < count; i++)
        status = measure_one(cli, all ? pe_formations[i].name : cli->words[i + 1], n, position,
                             rows, err);
    if (status == PE_OK) {
        rows = pe_rows_complete(rows, count);
        status = pe_print_rows(cli, rows, (int)(sizeof columns / sizeof columns[0]), columns, err);
    }
    json_decref(rows);
    pe_release(position);
    return status;
}

/* ---- blame ---- */

static void step_text(const pe_formation *path, pe_step step, char text[PE_FORMATION_TEXT])
{
    char whole[PE_FORMATION_TEXT];
    pe_formation_write(path, whole);
    const char *at = whole; /* steps in order, separated by commas */
    for (int s = 0; s < (int)step; s++)
        at = strchr(at, ',') + 1;
    at = strchr(at, '=') + 1;
    const size_t n = strcspn(at, ",");
    memcpy(text, at, n);
    text[n] = 0;
}

static json_t *blame_rows(const pe_formed *formed, const pe_formation_blame *blame)
{
    json_t *rows = json_array();
    for (int s = 0; s < PE_STEP_COUNT; s++) {
        char text[PE_FORMATION_TEXT];
        step_text(&formed->formation, (pe_step)s, text);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o, s:s}", "step",
                                              pe_step_name((pe_step)s), "formed by", text,
                                              "only it", pe_json_real(blame->only[s]), "without it",
                                              pe_json_real(blame->without[s]), "blame",
                                              s == (int)blame->guilty ? "most" : ""));
    }
    rows = pe_rows_complete(rows, PE_STEP_COUNT);
    json_t *all =
        json_pack("{s:s, s:s, s:o, s:o, s:s}", "step", "all", "formed by", formed->formation.name,
                  "only it", pe_json_real(blame->all), "without it", json_null(), "blame", "");
    if (rows)
        json_array_append_new(rows, all);
    else
        json_decref(all);
    return pe_rows_complete(rows, PE_STEP_COUNT + 1);
}

static pe_status find_blame(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"step", "formed by", "only it", "without it", "blame"};
    pe_formed formed;
    pe_formation_blame blame;
    size_t n;
    pe_status status = precision_formed(cli, cli->words[1], &formed, err);
    if (status != PE_OK)
        return status;
    double *position = make_positions(cli, &n, err);
    status = position ? pe_formation_find_blame(&formed, n, position, &blame, err) : PE_MEMORY;
    if (status == PE_OK) {
        json_t *rows = blame_rows(&formed, &blame);
        status = pe_print_rows(cli, rows, 5, columns, err);
        json_decref(rows);
    }
    pe_release(position);
    pe_formed_release(&formed);
    return status;
}

/* ---- which one ---- */

static pe_status run(const pe_cli *cli, pe_error *err)
{
    static const char *const actions[] = {"list", "measure", "blame", "safe", "compare"};
    enum { ACTIONS = 5 };
    static const int least[ACTIONS] = {0, 1, 1, 0, 0}, most[ACTIONS] = {0, 1000, 1, 1000, 0};
    const char *word = cli->word_count ? cli->words[0] : actions[0];
    const int paths = cli->word_count ? cli->word_count - 1 : 0;
    char advice[256];
    int action = 0;
    while (action < ACTIONS && strcmp(actions[action], word) != 0)
        action++;
    if (action == ACTIONS) {
        pe_name_advice(word, ACTIONS, actions, advice, sizeof advice);
        return pe_fail(err, PE_USAGE, "precision: there is no action '%s'; %s", word, advice);
    }
    if (paths < least[action] || paths > most[action])
        return pe_fail(err, PE_USAGE, "precision %s takes %s", word,
                       most[action] == 0   ? "no path"
                       : most[action] == 1 ? "one path"
                                           : "at least one path");
    switch (action) {
    case 0:
        return list(cli, err);
    case 2:
        return find_blame(cli, err);
    case 3:
        return precision_safe(cli, err);
    default:
        return measure(cli, action == 4, err);
    }
}

const pe_cli_verb verb_precision = {
    .name = "precision",
    .arguments = "[list | measure PATH... | blame PATH | safe [PATH...] | compare]",
    .summary = "how sinusoids are formed, and what each way costs",
    .description =
        "PATH is a name from `list`, a list of steps, or FILE.json with the same steps as members. "
        "A step is position, frequency, angle, sine or store; its value is FORMULA:FORMAT, "
        "FORMULA:ARITHMETIC:RESULT, FORMAT or exact, and a step that is not named is exact. "
        "Formats: fp64 fp32 tf32 fp16 bf16 e4m3 e5m2. Frequencies: pow reciprocal-pow exp-step "
        "exp-log product table; angles: product repeated addition; sines: native. measure prints "
        "the largest error of an entry and its place, errors in ulp and radians, their growth, "
        "first positions that are off, distinct rows, and the group law; blame keeps one step at a "
        "time, and replaces one at a time by the exact one; safe prints the last position within "
        "--tolerance, without PATH for bases, widths and formats in common use.",
    .examples =
        "posenc precision list\n"
        "posenc precision measure pow all-bf16 --length 4096\n"
        "posenc precision blame position=fp32,frequency=pow:fp32:bf16,angle=fp32,sine=fp32\n"
        "posenc precision safe pow all-bf16 --base 500000 --tolerance 0.01\n"
        "posenc precision compare --json",
    .least = 0,
    .most = -1,
    .groups = {&precision_options},
    .run = run,
};
