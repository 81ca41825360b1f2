/* What the common options do before a verb runs. */
#ifndef PE_CLI_SESSION_H
#define PE_CLI_SESSION_H

#include "cli/options.h"

/* Fill the registry with the built-in variants, set --threads, load --plugin and --variant-path
 * (and POSENC_VARIANT_PATH). A module that is loaded runs for the first time in a child process,
 * where its crash is a report (conformance/conformance.h), unless --trust is given. Every refusal
 * is one sentence on standard error and is counted in *refused; the other variants stay usable.
 * Call once, before any thread exists.
 *   PE_MEMORY */
pe_status pe_session_begin(const pe_cli *cli, int *refused, pe_error *err);

#endif
