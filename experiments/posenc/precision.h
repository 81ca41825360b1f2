/* The parts of `posenc precision`. Private to verb_precision.c and precision_*.c. */
#ifndef POSENC_PRECISION_H
#define POSENC_PRECISION_H

#include "cli/options.h"
#include "formation/safe.h"

/* What the options --base, --width and --divisor say. PE_USAGE for an odd width. */
pe_status precision_spectrum(const pe_cli *cli, pe_spectrum *spectrum, pe_error *err);

/* A shipped name, a list of steps, or FILE.json: one object with the members position, frequency,
 * angle, sine, store (each a text as in formation.h, absent ones exact) and name.
 *   PE_USAGE   no such path, step, formula or format; PE_FORMAT  no JSON, or other members */
pe_status precision_path(const char *word, pe_formation *path, pe_error *err);

/* The path of a word, ready. The caller releases it. */
pe_status precision_formed(const pe_cli *cli, const char *word, pe_formed *formed, pe_error *err);

pe_status precision_safe(const pe_cli *cli, pe_error *err);

#endif
