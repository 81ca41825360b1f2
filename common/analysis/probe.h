/* How well a linear map reads the position from the code (METRICS 4.1, after Wang and Chen 2020,
 * table 1): ridge regression t <- PE(t) with an intercept, tested on rows it has not seen. */
#ifndef PE_ANALYSIS_PROBE_H
#define PE_ANALYSIS_PROBE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pe_position_probe {
    double ridge;  /* as given: print it, it moves the error by orders */
    double mae;    /* mean |t - predicted| over the held-out rows, in positions */
    double worst;  /* largest of these */
    double chance; /* MAE of predicting the mean of the training positions */
    size_t trained, tested;
} pe_position_probe;

/* P is (T,d). A random share of the rows (0 < held_out < 1, at least one row, at least two left) is
 * held out; the choice depends on seed alone. Minimises |y - c - X w|^2 + ridge |w|^2 by QR of the
 * augmented system (columns centred, so that the intercept is free of the penalty); ridge > 0. */
pe_status pe_probe_position(const double *P, size_t T, size_t d, double held_out, double ridge,
                            uint64_t seed, pe_position_probe *out, pe_error *err);

#endif
