/* posenc: one program, many verbs (verbs.h). */
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

int main(int argc, char **argv)
{
    return pe_cli_main(&posenc_program, argc, argv);
}
