/* Parsing: the tables become getopt_long's, its complaints become our sentences. */
#include "cli/options.h"

#include "base/memory.h"
#include "io/decimal.h"
#include "base/names.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 96, LONG_BASE = 256, LONGEST_NAME = 128 };

static const pe_cli_option common_options[] = {
    {"help", 'h', PE_CLI_CHOICE, "text|man|bash|json", "text", 0, 0, false,
     "print this text, a man page, bash completion, or JSON, and stop"},
    {"version", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "print version, compiler and libraries, and stop"},
    {"json", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "results as JSON on standard output"},
    {"quiet", 'q', PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "no progress line, no notes, and no text that a file or the exit code says, too"},
    {"seed", 0, PE_CLI_INT, "N", "1", 0, 9007199254740992.0, false,
     "seed of everything that is drawn at random"},
    {"threads", 'j', PE_CLI_INT, "N", "0", 0, 1024, false, "worker threads; 0: one per core"},
    {"plugin", 0, PE_CLI_TEXT, "FILE.so", NULL, 0, 0, true, "load a variant from a shared object"},
    {"variant-path", 0, PE_CLI_TEXT, "DIR[:DIR...]", NULL, 0, 0, false,
     "load every variant in these folders (also POSENC_VARIANT_PATH)"},
    {"trust", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "do not try a loaded plug-in in a child process first"},
    {"color", 0, PE_CLI_CHOICE, "auto|always|never", "auto", 0, 0, false,
     "colours; auto: on a terminal, unless NO_COLOR is set"},
};
const pe_cli_group pe_cli_common = PE_CLI_GROUP("Options of every verb", common_options);

const pe_cli_group *pe_cli_group_at(const pe_cli_verb *verb, int g)
{
    int own = 0;
    while (verb && own < PE_CLI_GROUPS && verb->groups[own])
        own++;
    if (g < own)
        return verb->groups[g];
    return g == own ? &pe_cli_common : NULL;
}

/* All options of a verb in one list; gives their number. */
static int list_options(const pe_cli_verb *verb, const pe_cli_option *all[MAX_OPTIONS])
{
    int n = 0;
    const pe_cli_group *group;
    for (int g = 0; (group = pe_cli_group_at(verb, g)); g++)
        for (int i = 0; i < group->count; i++) {
            assert(n < MAX_OPTIONS);
            all[n++] = &group->options[i];
        }
    return n;
}

static const pe_cli_option *find_option(const pe_cli_verb *verb, const char *name)
{
    const pe_cli_option *all[MAX_OPTIONS];
    const int n = list_options(verb, all);
    for (int i = 0; i < n; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

/* ---- the values ---- */

static int word_index(const char *words, const char *text, size_t length)
{
    for (int at = 0; words; at++) {
        const char *end = strchr(words, '|');
        const size_t size = end ? (size_t)(end - words) : strlen(words);
        if (size == length && memcmp(words, text, length) == 0)
            return at;
        words = end ? end + 1 : NULL;
    }
    return -1;
}

static bool parse_int(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    const long long x = strtoll(text, &end, 10);
    *value = x;
    return *text && !*end && errno == 0 && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

static pe_status check_number(const pe_cli_option *option, const char *text, pe_error *err)
{
    const bool whole = option->kind == PE_CLI_INT;
    int64_t integer = 0;
    double x = 0;
    const bool good = whole ? parse_int(text, &integer) : pe_parse_f64(text, strlen(text), &x);
    if (!good || (!whole && !isfinite(x)))
        return pe_fail(err, PE_USAGE, "--%s needs a %s number, not '%s'", option->name,
                       whole ? "whole" : "finite", text);
    if (whole)
        x = (double)integer;
    const bool limited = option->low < 0 || option->low > 0 || option->high < 0 || option->high > 0;
    if (limited && (x < option->low || x > option->high))
        return pe_fail(err, PE_USAGE,
                       whole ? "--%s %s is out of range: %.0f to %.0f"
                             : "--%s %s is out of range: %.9g to %.9g",
                       option->name, text, option->low, option->high);
    return PE_OK;
}

static pe_status check_value(const pe_cli_option *option, const char *text, pe_error *err)
{
    switch (option->kind) {
    case PE_CLI_INT:
    case PE_CLI_REAL:
        return check_number(option, text, err);
    case PE_CLI_CHOICE:
        if (word_index(option->argument, text, strlen(text)) < 0)
            return pe_fail(err, PE_USAGE, "--%s is one of %s, not '%s'", option->name,
                           option->argument, text);
        return PE_OK;
    case PE_CLI_FLAG:
    case PE_CLI_TEXT:
        break;
    }
    return PE_OK;
}

/* ---- getopt_long ---- */

typedef struct getopt_tables {
    const pe_cli_option *all[MAX_OPTIONS];
    int count;
    struct option named[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 2];
} getopt_tables;

static void fill_tables(const pe_cli_verb *verb, getopt_tables *t)
{
    memset(t, 0, sizeof *t);
    t->count = list_options(verb, t->all);
    char *letter = t->letters;
    *letter++ = ':'; /* a missing argument is told from an unknown option */
    for (int i = 0; i < t->count; i++) {
        const pe_cli_option *option = t->all[i];
        const bool may_be_bare = strcmp(option->name, "help") == 0;
        t->named[i] = (struct option){.name = option->name,
                                      .has_arg = option->kind == PE_CLI_FLAG ? no_argument
                                                 : may_be_bare               ? optional_argument
                                                                             : required_argument,
                                      .val = LONG_BASE + i};
        if (!option->letter)
            continue;
        *letter++ = option->letter;
        if (option->kind != PE_CLI_FLAG && !may_be_bare)
            *letter++ = ':';
    }
}

static const pe_cli_option *option_of(const getopt_tables *t, int code)
{
    if (code >= LONG_BASE)
        return t->all[code - LONG_BASE];
    for (int i = 0; i < t->count; i++)
        if (t->all[i]->letter == code)
            return t->all[i];
    return NULL;
}

/* getopt_long answered '?': an unknown or ambiguous name, or an argument for a flag. */
static pe_status unknown_option(const getopt_tables *t, const char *given, pe_error *err)
{
    if (optopt >= LONG_BASE)
        return pe_fail(err, PE_USAGE, "--%s takes no argument", option_of(t, optopt)->name);
    if (optopt)
        return pe_fail(err, PE_USAGE, "unknown option '-%c': see --help", optopt);
    char name[LONGEST_NAME];
    const char *known[MAX_OPTIONS];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    int beginning = 0;
    for (int i = 0; i < t->count; i++) {
        known[i] = t->all[i]->name;
        beginning += strncmp(known[i], name, strlen(name)) == 0;
    }
    if (beginning > 1)
        return pe_fail(err, PE_USAGE, "'--%s' is the beginning of %d options: write it out", name,
                       beginning);
    const char *near = pe_nearest_name(name, (size_t)t->count, known);
    if (near)
        return pe_fail(err, PE_USAGE, "unknown option '--%s': did you mean '--%s'?", name, near);
    return pe_fail(err, PE_USAGE, "unknown option '--%s': see --help", name);
}

static pe_status take(pe_cli *cli, const pe_cli_option *option, const char *text, pe_error *err)
{
    if (text) {
        const pe_status status = check_value(option, text, err);
        if (status != PE_OK)
            return status;
    }
    cli->given[cli->given_count].option = option;
    cli->given[cli->given_count++].text = text;
    return PE_OK;
}

/* The rest of the line is not read any more, but for how the answer is wanted. */
static pe_status look_for_json(pe_cli *cli, int argc, char **argv, pe_error *err)
{
    for (int i = optind; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return take(cli, find_option(cli->verb, "json"), NULL, err);
    return PE_OK;
}

static bool stops(const pe_cli_option *option)
{
    return strcmp(option->name, "help") == 0 || strcmp(option->name, "version") == 0;
}

static pe_status check_words(const pe_cli_verb *verb, int count, pe_error *err)
{
    if (count < verb->least)
        return pe_fail(err, PE_USAGE, "%s needs %s: see '%s --help'", verb->name, verb->arguments,
                       verb->name);
    if (verb->most >= 0 && count > verb->most)
        return pe_fail(err, PE_USAGE, "%s takes %s%s: %d word%s given", verb->name,
                       verb->most ? "only " : "no words", verb->most ? verb->arguments : "", count,
                       count == 1 ? "" : "s");
    return PE_OK;
}

static pe_status parse_all(pe_cli *cli, int argc, char **argv, pe_error *err)
{
    getopt_tables tables;
    fill_tables(cli->verb, &tables);
    optind = 0; /* glibc: start afresh */
    opterr = 0;
    for (;;) {
        const int before = optind ? optind : 1;
        const int code = getopt_long(argc, argv, tables.letters, tables.named, NULL);
        if (code == -1)
            break;
        if (code == '?')
            return unknown_option(&tables, argv[optind > before ? optind - 1 : before], err);
        const pe_cli_option *option = option_of(&tables, code == ':' ? optopt : code);
        if (code == ':')
            return pe_fail(err, PE_USAGE, "--%s needs %s", option->name, option->argument);
        const pe_status status = take(cli, option, optarg, err);
        if (status != PE_OK)
            return status;
        if (stops(option))
            return look_for_json(cli, argc, argv, err);
    }
    for (int i = optind; i < argc; i++)
        cli->words[cli->word_count++] = argv[i];
    return check_words(cli->verb, cli->word_count, err);
}

pe_status pe_cli_parse(const pe_cli_program *program, const pe_cli_verb *verb, int argc,
                       char **argv, pe_cli *cli, pe_error *err)
{
    *cli = (pe_cli){.program = program, .verb = verb, .argc = argc, .argv = argv};
    cli->words = pe_allocate((size_t)argc + 1, sizeof *cli->words, "the command line", err);
    cli->given = cli->words
                     ? pe_allocate((size_t)argc + 1, sizeof *cli->given, "the command line", err)
                     : NULL;
    if (!cli->given) {
        pe_cli_release(cli);
        return PE_MEMORY;
    }
    const pe_status status = parse_all(cli, argc, argv, err);
    if (status != PE_OK)
        pe_cli_release(cli);
    return status;
}

void pe_cli_release(pe_cli *cli)
{
    pe_release(cli->words);
    pe_release(cli->given);
    cli->words = NULL;
    cli->given = NULL;
    cli->word_count = cli->given_count = 0;
}

/* ---- asking ---- */

static const struct pe_cli_given *last_given(const pe_cli *cli, const char *name)
{
    assert(find_option(cli->verb, name));
    for (int i = cli->given_count - 1; i >= 0; i--)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return &cli->given[i];
    return NULL;
}

bool pe_cli_given(const pe_cli *cli, const char *name)
{
    return last_given(cli, name) != NULL;
}

bool pe_cli_flag(const pe_cli *cli, const char *name)
{
    return pe_cli_given(cli, name);
}

const char *pe_cli_text(const pe_cli *cli, const char *name)
{
    const struct pe_cli_given *given = last_given(cli, name);
    return given && given->text ? given->text : find_option(cli->verb, name)->standard;
}

int64_t pe_cli_int(const pe_cli *cli, const char *name)
{
    return strtoll(pe_cli_text(cli, name), NULL, 10);
}

double pe_cli_real(const pe_cli *cli, const char *name)
{
    const char *text = pe_cli_text(cli, name);
    double x = 0;
    pe_parse_f64(text, strlen(text), &x);
    return x;
}

int pe_cli_choice(const pe_cli *cli, const char *name)
{
    const char *text = pe_cli_text(cli, name);
    return word_index(find_option(cli->verb, name)->argument, text, strlen(text));
}

const char *pe_cli_each(const pe_cli *cli, const char *name, int at)
{
    assert(find_option(cli->verb, name));
    for (int i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0 && at-- == 0)
            return cli->given[i].text;
    return NULL;
}

pe_status pe_cli_find_verb(const pe_cli_program *program, const char *name,
                           const pe_cli_verb **verb, pe_error *err)
{
    const char *known[MAX_OPTIONS];
    char list[512] = "";
    assert(program->verb_count < MAX_OPTIONS);
    for (int i = 0; i < program->verb_count; i++) {
        known[i] = program->verbs[i]->name;
        if (strcmp(known[i], name) == 0) {
            *verb = program->verbs[i];
            return PE_OK;
        }
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? " " : "", known[i]);
    }
    const char *near = pe_nearest_name(name, (size_t)program->verb_count, known);
    if (near)
        return pe_fail(err, PE_USAGE, "unknown verb '%s': did you mean '%s'?", name, near);
    return pe_fail(err, PE_USAGE, "unknown verb '%s': choose one of %s", name, list);
}
