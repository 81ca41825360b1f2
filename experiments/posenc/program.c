/* The program: its verbs, in the order of the help. A program of its own per experiment uses the
 * same one with a fixed verb (experiments/fixed.c.in). */
#include "verbs.h"

#include "cli/program.h"

#define X(name) &verb_##name,
static const pe_cli_verb *const verbs[] = {POSENC_VERBS(X)};
#undef X

const pe_cli_program posenc_program = {
    .name = "posenc",
    .summary = "a laboratory for positional encodings",
    .verbs = verbs,
    .verb_count = (int)(sizeof verbs / sizeof verbs[0]),
};
