/* "Did you mean" on the command line. */
#ifndef PE_CLI_SUGGEST_H
#define PE_CLI_SUGGEST_H

#include <stddef.h>

/* The nearest known name when it is near: at most a third of the longer name's letters differ (one
 * letter always may). Lent; NULL otherwise. */
const char *pe_cli_suggest(const char *wrong, size_t count, const char *const *known);

#endif
