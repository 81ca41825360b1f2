/* The verbs of posenc. A new one is one line here and one file verb_NAME.c that defines
 * `const pe_cli_verb verb_NAME`. */
#ifndef POSENC_VERBS_H
#define POSENC_VERBS_H

#include "cli/options.h"

#define POSENC_VERBS(X)                                                                            \
    X(list)                                                                                        \
    X(info)                                                                                        \
    X(table)                                                                                       \
    X(attend)                                                                                      \
    X(check)                                                                                       \
    X(precision)                                                                                   \
    X(identify)                                                                                    \
    X(gallery)                                                                                     \
    X(inspect)                                                                                     \
    X(cards)                                                                                       \
    X(run)                                                                                         \
    X(train)                                                                                       \
    X(bench)                                                                                       \
    X(plugin)                                                                                      \
    X(doctor)                                                                                      \
    X(version)                                                                                     \
    X(help)

#define X(name) extern const pe_cli_verb verb_##name;
POSENC_VERBS(X)
#undef X

extern const pe_cli_program posenc_program;

#endif
