/* What every file of this room needs from GSL: no abort, every code checked, no NaN let in. */
#ifndef PE_ANALYSIS_START_H
#define PE_ANALYSIS_START_H

#include "base/status.h"

#include <math.h>
#include <stddef.h>

/* The standard NAN is a float, and a silent promotion is an error here. */
#define PE_NAN ((double)NAN)

/* Call once before anything else of this room: GSL's default handler ends the program on an error;
 * from here on GSL returns its codes and this room turns them into sentences. */
void pe_analysis_start(void);

/* PE_OK for GSL_SUCCESS; PE_MEMORY for GSL_ENOMEM; PE_FORMAT otherwise, naming `what` and GSL's
 * own words. */
pe_status pe_gsl(int code, const char *what, pe_error *err);

/* PE_FORMAT when any of x[0..n-1] is NaN or infinite: says how many and where the first is. */
pe_status pe_require_finite(const double *x, size_t n, const char *what, pe_error *err);

#endif
