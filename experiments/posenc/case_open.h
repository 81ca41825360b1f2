/* Opening a case folder the way that check and attend share, and their common options. */
#ifndef POSENC_CASE_OPEN_H
#define POSENC_CASE_OPEN_H

#include "case_run.h"
#include "cli/options.h"

extern const pe_cli_group case_options; /* --precision --method --replace */

/* Modules named by --replace take the place of built-in variants; once, before the first case.
 *   PE_PLUGIN  a module that is refused */
pe_status case_replace_variants(const pe_cli *cli, pe_error *err);

/* Open the folder, set everything up and compute. The caller owns *c and *run (case_run_release
 * before pe_case_close), also after a failure. Status as in case_run.h and io/case.h; PE_USAGE
 * about what a case says is turned into PE_FORMAT, because the command line is not at fault. */
pe_status case_open_and_compute(const pe_cli *cli, const char *folder, pe_case **c, case_run *run,
                                pe_error *err);

#endif
