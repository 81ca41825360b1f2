/* posenc bench --ratios and --against-torch: the goals, measured and judged. */
#ifndef PE_POSENC_BENCH_GOALS_H
#define PE_POSENC_BENCH_GOALS_H

#include "cli/options.h"

/* Prints the rows, writes the report to --out. PE_DIFFERS when a goal is missed; PE_USAGE when no
 * goal has the names that were given. */
pe_status bench_goals(const pe_cli *cli, pe_error *err);

#endif
