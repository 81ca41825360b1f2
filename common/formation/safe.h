/* Safe context: how far a formation path can be trusted. */
#ifndef PE_FORMATION_SAFE_H
#define PE_FORMATION_SAFE_H

#include "formation/measure.h"

typedef struct pe_safe {
    double position; /* the largest that is safe, with all below it; -1: not even 0 */
    bool reached;    /* something behind it is not; false: the search ended there */
    size_t pair;     /* the first pair that is not; 0 for measures over all pairs */
} pe_safe;

/* The largest whole position up to which no pair's phase error (pe_phase_error of the finished
 * table) exceeds `tolerance` radians; `most` is the last one that is looked at. Exhaustive: a
 * position is passed over only where an a-priori bound on its error holds (the running error
 * analysis of Higham 2002, section 3.1, for the one product of the angle; plus, for sine and store,
 * half a unit per rounding, two units for a library's sine).
 *   PE_USAGE  tolerance not in (0, pi) or most not in [0, 2^31]; PE_MEMORY */
pe_status pe_safe_phase(const pe_formed *formed, double tolerance, double most, pe_safe *safe,
                        pe_error *err);

typedef enum pe_safe_unit { PE_SAFE_LOGIT, PE_SAFE_WEIGHT } pe_safe_unit;

/* The largest common shift, of those that are tried, up to which the RMS logit change, or the mean
 * total variation of a query's attention weights, is within `tolerance` (pe_formation_shift). Tried
 * are all whole shifts up to 16 and eight in every octave above, until one fails; with these random
 * measures, a shift between them is taken to be like its neighbours.
 *   PE_USAGE  tolerance not above 0 or most not in [0, 2^31]; PE_MEMORY */
pe_status pe_safe_shift(const pe_formed *formed, const pe_rotary *rotary, pe_safe_unit unit,
                        double tolerance, double most, pe_safe *safe, pe_error *err);

#endif
