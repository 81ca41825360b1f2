/* What the option tables look like when they are printed. */
#ifndef PE_CLI_HELP_H
#define PE_CLI_HELP_H

#include "cli/options.h"

#include <jansson.h>
#include <stdio.h>

typedef enum pe_cli_form { PE_HELP_TEXT, PE_HELP_MAN, PE_HELP_BASH } pe_cli_form;

/* Help on one verb, or on the whole program when verb is NULL. Completion always covers the whole
 * program. */
void pe_cli_help(FILE *out, const pe_cli_program *program, const pe_cli_verb *verb,
                 pe_cli_form form);

/* The same for programs: one verb with its options, examples and exit codes, or the whole program
 * with all its verbs. A new reference; NULL without memory. */
json_t *pe_cli_help_json(const pe_cli_program *program, const pe_cli_verb *verb);

#endif
