/* What experiments ask of a model, trained or not. Results are doubles whatever the precision of
 * the model; arrays are the caller's, and NULL where not wanted. No dropout, no augmentation; any
 * length that the encoding accepts, far beyond that of training. */
#ifndef PE_MODEL_EVALUATE_H
#define PE_MODEL_EVALUATE_H

#include "model/model.h"

/* Keys and values of earlier segments, kept for the next one (Dai et al. 2019, arXiv:1901.02860,
 * section 3.2): evaluation of a long text in segments costs what one segment costs. */
typedef struct pe_past pe_past;

/* Room for keys and values of the last `capacity` >= 1 tokens of each of B sequences. Owned until
 * pe_past_release; belongs to the model, whose parameters must not change while it is in use.
 *   PE_USAGE   the model is not causal
 *   PE_MEMORY */
pe_status pe_past_create(const pe_model *model, int batch, int64_t capacity, pe_past **past,
                         pe_error *err);
void pe_past_release(pe_past *past);        /* NULL does nothing */
void pe_past_clear(pe_past *past);          /* the next token is the first again */
int64_t pe_past_held(const pe_past *past);  /* tokens that are kept now */
int64_t pe_past_start(const pe_past *past); /* index of the next token */

typedef struct pe_evaluation {
    int batch;              /* B */
    int64_t n;              /* tokens of each sequence */
    const int32_t *tokens;  /* (B, n) */
    const int32_t *targets; /* (B, n), PE_IGNORE where nothing is asked, or NULL */
    const int64_t *lengths; /* (B) tokens that are not padding at the end, or NULL: n */
    int64_t start;          /* index of the first token; 0 but for shifted texts. Ignored with
                             * memory, which counts itself */
    pe_past *past;          /* earlier tokens, which are extended by these; or NULL */
    pe_status (*check)(pe_error *err); /* asked within layers, for signals: another status than
                                        * PE_OK ends the evaluation with it. Or NULL */

    double *logits;  /* (B, n, C) */
    double *loss;    /* (B, n) nats, 0 where ignored; needs targets */
    int32_t *best;   /* (B, n) the class of the largest logit */
    double *hidden;  /* (L + 1, B, n, X): x_0 after embedding, then x after each layer */
    double *weights; /* (L, B, H, n, keys), keys = n + held tokens of memory; through the reference
                      * attention, which needs n keys numbers of room per head */

    double mean_loss; /* out: over targets that are not ignored; 0 without any */
    int64_t asked;    /* out: how many those are */
    int64_t correct;  /* out: how many of them have `best` = target */
} pe_evaluation;

/* All sequences, by all threads; the bytes do not depend on their number.
 *   PE_USAGE   no tokens, a token or target out of range (the first is named), a length that the
 *              encoding refuses, or memory of another model or batch
 *   PE_MEMORY */
pe_status pe_model_evaluate(pe_model *model, pe_evaluation *job, pe_error *err);

/* The loss of a batch and its gradients: mean over the targets that are not ignored. */
typedef struct pe_gradient_job {
    int batch;
    int64_t n;
    const int32_t *tokens, *targets; /* as above */
    const int64_t *lengths;          /* (B) or NULL */
    bool training;                   /* dropout and position maps draw */
    uint64_t seed, step;             /* of those draws */
    double loss;                     /* out */
    double *gradient; /* (pe_model_size) by all parameters, overwritten, or NULL; frozen: 0 */
} pe_gradient_job;
pe_status pe_model_gradient(pe_model *model, pe_gradient_job *job, pe_error *err);

/* Pull a cotangent back to the rows x_0 of the tokens (effective context, Chi et al. 2023): give
 * one of dlogits (B, n, C) and dhidden (B, n, X), by the rows after the last layer before the last
 * norm; dinput (B, n, X) is overwritten.
 *   PE_USAGE   neither or both given, or the encoding lacks a backward twin */
typedef struct pe_pullback {
    int batch;
    int64_t n;
    const int32_t *tokens;
    const int64_t *lengths;
    const double *dlogits, *dhidden;
    double *dinput;
} pe_pullback;
pe_status pe_model_pullback(pe_model *model, const pe_pullback *job, pe_error *err);

#endif
