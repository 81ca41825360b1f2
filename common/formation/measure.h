/* What a formation path costs: its errors against the exact sinusoid, by position and pair; which
 * step is to blame; what is lost of the identities that a sinusoid keeps. METRICS.md, section 3. */
#ifndef PE_FORMATION_MEASURE_H
#define PE_FORMATION_MEASURE_H

#include "formation/formation.h"

/* One entry (a sine and its cosine) against the exact ones. An entry that is not finite is
 * infinitely far off and has the largest phase error there is. */
typedef struct pe_entry_error {
    double sine, cosine; /* absolute */
    double ulp;          /* the larger one, in units in the last place of pe_formation_format */
    double phase;        /* radians in [0, pi], pe_phase_error */
    double norm;         /* |sine^2 + cosine^2 - 1| */
} pe_entry_error;

/* The format that the table ends in: of the last step that rounds, fp64 when none does. */
pe_format pe_formation_format(const pe_formation *formation);

/* error[i] of pair `pair` at position[i]. PE_MEMORY */
pe_status pe_formation_errors(const pe_formed *formed, size_t pair, size_t n,
                              const double *position, pe_entry_error *error, pe_error *err);

/* The largest of something, and where. */
typedef struct pe_worst {
    double value, position;
    size_t pair;
} pe_worst;

typedef struct pe_formation_found {
    pe_worst absolute, cosine, ulp, phase, norm; /* absolute: of sines and cosines */
    double rms;                                  /* absolute error over all sines and cosines */
    double first_tenth,
        first_one; /* first position with an entry off by more than 0.1, 1; or NaN */
    double slope;  /* growth: the exponent s in "largest phase error below L ~ L^s", least squares
                      over the octaves from L = 64 on where it is above 0 and below 1 radian; NaN
                      when  fewer than three are left */
} pe_formation_found;

/* Over all pairs and the n positions, which ascend. PE_MEMORY */
pe_status pe_formation_measure(const pe_formed *formed, size_t n, const double *position,
                               pe_formation_found *found, pe_error *err);

/* The largest absolute error of several paths of one spectrum below rising lengths, for one forming
 * of the exact values: largest[p * cuts + l] of path p over all pairs and the first cut[l] of the n
 * positions, cut[0] <= ... <= n. The same numbers as `absolute` of pe_formation_measure. PE_USAGE
 * for a path that ends in fp64 or walks from position to position; PE_MEMORY */
pe_status pe_formation_largest(size_t paths, const pe_formed *formed, size_t n,
                               const double *position, size_t cuts, const size_t *cut,
                               double *largest, pe_error *err);

/* Rows of the table that are alike in every entry. */
typedef struct pe_formation_rows {
    size_t distinct;   /* different rows among the n */
    double repeats;    /* first position whose row is that of an earlier one; NaN: none */
    double repeats_of; /* that earlier position, the first */
} pe_formation_rows;
/* Rows are told apart by two 64-bit sums over their entries' bits; two different ones are taken for
 * the same once in 2^100. PE_MEMORY */
pe_status pe_formation_distinct(const pe_formed *formed, size_t n, const double *position,
                                pe_formation_rows *rows, pe_error *err);

/* Which step is to blame: the largest phase error with one step replaced by the exact one, and with
 * only that step as the path has it. The angle's formula and the sine's are replaced together with
 * their formats. PE_MEMORY */
typedef struct pe_formation_blame {
    double all; /* the whole path */
    double without[PE_STEP_COUNT], only[PE_STEP_COUNT];
    pe_step guilty; /* the step with the largest `only`; PE_STEP_COUNT when all are 0 */
} pe_formation_blame;
pe_status pe_formation_find_blame(const pe_formed *formed, size_t n, const double *position,
                                  pe_formation_blame *blame, pe_error *err);

/* The group law PE(t + k) = R(k) PE(t), with R(k) from the path's own sines and cosines of k:
 * the largest difference of an entry over pairs and positions, formed in double. PE_MEMORY */
pe_status pe_formation_group_law(const pe_formed *formed, size_t n, const double *position,
                                 double k, pe_worst *worst, pe_error *err);

/* Rotated attention: queries and keys of `tokens` tokens, (tokens, 2 * pairs) in pairs (2i, 2i +
 * 1), are turned by the path's sines and cosines of first + t in format `rotation`, kept in format
 * `vectors`, and multiplied in double: logits q.k / sqrt(2 * pairs). */
typedef struct pe_rotary {
    size_t tokens;
    const double *q, *k;
    pe_format rotation, vectors;
} pe_rotary;

/* What changes when a position `shift` is added to all. */
typedef struct pe_shift_change {
    double logit_rms, logit_most;    /* over queries i and keys j <= i */
    double weight_mean, weight_most; /* total variation of a query's causal attention weights */
} pe_shift_change;
/* Against the same path at first = 0. PE_MEMORY */
pe_status pe_formation_shift(const pe_formed *formed, const pe_rotary *rotary, double shift,
                             pe_shift_change *change, pe_error *err);

#endif
