/* One variant under examination: an instance with random parameters, and random q, k, v, x for T
 * tokens at places that it accepts. Internal to the room. */
#ifndef PE_CONFORMANCE_TRIAL_H
#define PE_CONFORMANCE_TRIAL_H

#include "core/instance.h"
#include "core/run.h"

/* q (H, T, D), k and v (kv_heads, T, D), x (T, model_dim), all exact in float, so that no precision
 * starts with an error. Owned. */
typedef struct pe_trial_content {
    double *q, *k, *v, *x;
} pe_trial_content;

typedef struct pe_trial {
    pe_instance *instance; /* owned */
    uint64_t seed;
    int64_t tokens; /* T */
    int64_t *index; /* (T) 0, 1, ... ; owned */
    double *coord;  /* (T, axes) owned */
    bool causal;    /* offsets n < 0 are undefined: keys after the query are masked everywhere */
    pe_precision judge; /* quad, or double where quad is no reference */
    double eps;         /* of the judge */
    pe_trial_content content;
} pe_trial;

/* T = 23, or fewer when the variant takes fewer coordinates.
 *   PE_USAGE   the variant refuses the dims or every place */
pe_status pe_trial_begin(const pe_variant *variant, const pe_dims *dims, const pe_setting *settings,
                         int setting_count, uint64_t seed, pe_trial *trial, pe_error *err);
/* Ask this build, with its own eps, instead of the best one. */
void pe_trial_judge(pe_trial *trial, pe_precision precision);
void pe_trial_end(pe_trial *trial);

/* Independent content number `draw` for `tokens` tokens. */
pe_status pe_content_draw(const pe_trial *trial, int64_t tokens, uint64_t draw,
                          pe_trial_content *content, pe_error *err);
void pe_trial_content_release(pe_trial_content *content);

/* count normal numbers of a stream of its own, each exact in float; owned block. */
double *pe_draw_normal(const pe_trial *trial, size_t count, const char *purpose, uint64_t draw,
                       pe_error *err);

/* Coordinates (n, axes) of tokens index[0..n-1], every natural place shifted by `shift` per axis.
 *   PE_USAGE   outside of what the variant accepts */
pe_status pe_trial_places(const pe_trial *trial, int64_t n, const int64_t *index, double shift,
                          double *coord, pe_error *err);

/* The job of all T tokens; change what should differ. */
pe_job pe_trial_job(const pe_trial *trial, pe_precision precision, pe_method method);

/* Number i of a wide array in quad. */
static inline pe_quad pe_wide_at(const pe_wide *wide, size_t i)
{
    return (pe_quad)wide->hi[i] + (pe_quad)wide->lo[i];
}

/* 64 eps (1 + largest |coordinate|) (1 + largest |value|): what rounding can explain. */
double pe_rounding_bound(double eps, double largest_coordinate, double largest_value);
double pe_largest(const double *x, size_t count); /* max |x|, NaN when one is NaN, 0 when empty */

#endif
