/* One option table: what a program understands, written once. The same table is parsed with
 * getopt_long and printed as --help, as a man page and as bash completion (help.h), so they cannot
 * disagree. */
#ifndef PE_CLI_OPTIONS_H
#define PE_CLI_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum pe_cli_kind {
    PE_CLI_FLAG,   /* no argument */
    PE_CLI_INT,    /* a whole number in [low, high] */
    PE_CLI_REAL,   /* a finite number in [low, high] */
    PE_CLI_CHOICE, /* one of the words in `argument`, "auto|always|never" */
    PE_CLI_TEXT    /* anything */
} pe_cli_kind;

typedef struct pe_cli_option {
    const char *name; /* long name, without dashes */
    char letter;      /* short name, or 0 */
    pe_cli_kind kind;
    const char *argument; /* its name in help: "FILE"; NULL for a flag */
    const char *standard; /* default as text, or NULL: none */
    double low, high;     /* of numbers, inclusive; both 0: any */
    bool repeats;         /* may be given several times */
    const char *help;     /* one sentence, without a full stop */
} pe_cli_option;

/* Options that belong together under one heading. */
typedef struct pe_cli_group {
    const char *title;
    const pe_cli_option *options;
    int count;
} pe_cli_group;

enum { PE_CLI_GROUPS = 4 };
#define PE_CLI_GROUP(heading, table)                                                               \
    {                                                                                              \
        .title = (heading), .options = (table), .count = (int)(sizeof(table) / sizeof((table)[0])) \
    }

/* --help, --version, --json, --quiet, --seed, --threads, --plugin, --variant-path, --color: every
 * verb has them. */
extern const pe_cli_group pe_cli_common;

typedef struct pe_cli pe_cli;

typedef struct pe_cli_verb {
    const char *name;
    const char *arguments;   /* usage of the words after it: "CASEDIR..."; "" when there are none */
    const char *summary;     /* one line, without a full stop */
    const char *description; /* a paragraph, or NULL */
    const char *examples;    /* lines "command  # what it does", separated by newlines */
    int least, most;         /* how many words; most < 0: any number */
    const pe_cli_group
        *groups[PE_CLI_GROUPS]; /* its own, NULL after the last; common ones are added */
    pe_status (*run)(const pe_cli *cli, pe_error *err);
} pe_cli_verb;

typedef struct pe_cli_program {
    const char *name, *summary;
    const pe_cli_verb *const *verbs;
    int verb_count;
} pe_cli_program;

/* A parsed command line. Everything it holds is lent by argv, but for the two blocks that
 * pe_cli_release gives back. */
struct pe_cli {
    const pe_cli_program *program;
    const pe_cli_verb *verb;
    int argc; /* the whole command line, for run.json */
    char **argv;
    int word_count;
    const char **words; /* what is no option, in order */
    int given_count;
    struct pe_cli_given {
        const pe_cli_option *option;
        const char *text; /* NULL: given without an argument */
    } * given;            /* in order */
};

/* Parse argv[1 .. argc-1] for a verb; argv may be reordered, as getopt_long does. Stops without a
 * complaint at --help and --version. On success the caller owns *cli until pe_cli_release.
 *   PE_USAGE   unknown option (with "did you mean"), a missing, malformed or superfluous argument,
 *              a number out of range, too few or too many words
 *   PE_MEMORY */
pe_status pe_cli_parse(const pe_cli_program *program, const pe_cli_verb *verb, int argc,
                       char **argv, pe_cli *cli, pe_error *err);
void pe_cli_release(pe_cli *cli);

/* Values by long name, the last one given or else the default. The option must be in the table of
 * the verb (asserted), and numbers must have a default or have been given. */
bool pe_cli_given(const pe_cli *cli, const char *name);
bool pe_cli_flag(const pe_cli *cli, const char *name);
const char *pe_cli_text(const pe_cli *cli, const char *name); /* NULL without a default */
int64_t pe_cli_int(const pe_cli *cli, const char *name);
double pe_cli_real(const pe_cli *cli, const char *name);
int pe_cli_choice(const pe_cli *cli, const char *name); /* index into the words of `argument` */

/* The at-th text of an option that repeats, or NULL beyond the last. */
const char *pe_cli_each(const pe_cli *cli, const char *name, int at);

/* The g-th group of a verb, the common one last; NULL beyond. verb may be NULL. */
const pe_cli_group *pe_cli_group_at(const pe_cli_verb *verb, int g);

/* By name; PE_USAGE with "did you mean" and the list of verbs. */
pe_status pe_cli_find_verb(const pe_cli_program *program, const char *name,
                           const pe_cli_verb **verb, pe_error *err);

#endif
