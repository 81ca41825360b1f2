/* The frame of every program: signals, limits, --help, --version, the verb, one sentence on failure
 * and the exit code. */
#ifndef PE_CLI_PROGRAM_H
#define PE_CLI_PROGRAM_H

#include "cli/options.h"

/* `program VERB words options`; returns the exit code. "help VERB" and "VERB --help" are the same.
 */
int pe_cli_main(const pe_cli_program *program, int argc, char **argv);

/* `name words options`: the same with a fixed verb of the program. */
int pe_cli_main_verb(const pe_cli_program *program, const char *verb, int argc, char **argv);

/* Print the help of the given form ("text", "man", "bash", "json") on standard output. */
pe_status pe_cli_print_help(const pe_cli_program *program, const pe_cli_verb *verb,
                            const char *form, pe_error *err);

/* Print what pe_version() says, as text or as JSON. */
pe_status pe_cli_print_version(const pe_cli_program *program, bool json, pe_error *err);

#endif
