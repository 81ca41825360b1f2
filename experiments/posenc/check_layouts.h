/* posenc check --layouts A B: two tables whose columns are the same in another order. */
#ifndef POSENC_CHECK_LAYOUTS_H
#define POSENC_CHECK_LAYOUTS_H

#include "cli/options.h"

/* Print the permutation and what follows for weights, or why there is none.
 *   PE_DIFFERS  there is none; others as identify_open and pe_find_permutation */
pe_status check_layouts(const pe_cli *cli, pe_error *err);

#endif
