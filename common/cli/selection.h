/* Which variant, with which options, tables, storage formats and position map: from the words of a
 * command line to a pe_instance.
 *
 *     --variant ID[:option=value,option=value...]     a comma inside a list value is no new option
 *     --option name=value                             the same, one at a time
 *     --param NAME=FILE.npy, --param NAME=FILE.safetensors:TENSOR
 *     --format PLACE=bf16
 *     --positions ID[:option=value,...]               a position map before the encoding */
#ifndef PE_CLI_SELECTION_H
#define PE_CLI_SELECTION_H

#include "cli/options.h"
#include "core/instance.h"

/* Tables for a verb's `groups`. */
extern const pe_cli_group pe_cli_variant;   /* --variant, repeatable */
extern const pe_cli_group pe_cli_selection; /* --option --param --format --positions */
extern const pe_cli_group pe_cli_dims; /* --width --heads --kv-heads --head-dim --axes --max-len */

/* A variant with settings. Owned by the caller until pe_choice_release; settings are lent by it. */
typedef struct pe_choice {
    const pe_variant *variant;
    int setting_count;
    pe_setting *settings;
    char *text; /* the copy that settings point into */
} pe_choice;

/* Read "ID:name=value,..."; `more` (count of them, "name=value" each, may be NULL) come after.
 *   PE_USAGE   unknown variant ("did you mean"), or a part without '='
 *   PE_MEMORY */
pe_status pe_choice_parse(const char *text, int count, const char *const *more, pe_choice *choice,
                          pe_error *err);
void pe_choice_release(pe_choice *choice);

/* The dims options as pe_dims: head_dim is width / heads unless given.
 *   PE_USAGE   heads do not divide the width and --head-dim is not given */
pe_status pe_cli_read_dims(const pe_cli *cli, pe_dims *dims, pe_error *err);

/* An instance of the variant that `text` names, with --option, --param, --format and --seed of the
 * command line (a verb with pe_cli_selection). *dims is what pe_instance_create takes. Owned by
 * the caller.
 *   PE_USAGE   as above, and unknown options, parameters, places or formats ("did you mean")
 *   PE_FORMAT  a table that cannot be read or has the wrong shape
 *   PE_MEMORY */
pe_status pe_cli_instance(const pe_cli *cli, const char *text, const pe_dims *dims,
                          pe_instance **instance, pe_error *err);

/* The position map of --positions, or *map = NULL without that option. Owned by the caller.
 *   PE_USAGE   also when the variant named there has no positions hook */
pe_status pe_cli_position_map(const pe_cli *cli, const pe_dims *dims, pe_instance **map,
                              pe_error *err);

/* Names of the places where values are stored: "position", ..., "output". */
const char *pe_place_name(pe_place place);

/* Load one table into a parameter: "NAME=FILE.npy" or "NAME=FILE.safetensors:TENSOR". */
pe_status pe_load_param(pe_instance *instance, const char *text, pe_error *err);

/* Round at a place: "PLACE=FORMAT". */
pe_status pe_apply_format(pe_instance *instance, const char *text, pe_error *err);

#endif
