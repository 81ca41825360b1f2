/* Claims are properties of the formula; here they are verified, on the quad build, so that no
 * tolerance has to be guessed: an error that is more than
 *     64 eps (1 + largest |coordinate|) (1 + largest |value|),   eps of quad,
 * is not rounding. (Rotations shifted by s tokens were seen at 0.05 of eps s max|value|.) Where
 * there is no quad worth the name, double and its eps stand in.
 *
 * Shapes are odd (23 tokens); q, k, x, token rows, projections and all trainable parameters are
 * random from the seed, inside their bounds. The positional share S(i,j), which four of the claims
 * are about, is
 *     S(i,j) = logit(i,j) - scale q_i . k_j + p_i . p_j
 * with q and k as they were before `map`, and p the code rows of `embed` (their Gram matrix): what
 * is left of the logits when a transformer without the variant is subtracted, plus what the codes
 * say to each other. Keys after the query are included wherever the variant defines them.
 *
 * - translation invariant: all coordinates and indices + 1, 17, 1009: every logit is the same. With
 *   codes: the logits of (token + code) through random projections.
 * - symmetric: S(i,j) = S(j,i) when every query is one vector a and every key one vector b, so that
 *   only the places are exchanged; several a, b.
 * - direction-aware: some pair has |S(i,j) - S(j,i)| > 1e-6 max|S|, and more than rounding, in
 *   the same setting.
 * - norm preserving: |map(x)| = |x|, every mapped role.
 * - content-free: S is the same for two independent draws of q, k and x.
 * - bounded: |entries| <= bound at 0, powers of two and random places up to 2^20: entries of code
 *   rows and of relative rows, and S itself, for unit q and k, where a variant maps, pairs or
 *   rewrites logits.
 * - unique: codes 0 .. N-1 differ pairwise by more than 1e-12 (beyond 4096: neighbours along a
 *   random projection).
 * - extrapolates: codes, logits and outputs exist and are finite at 8 max_len.
 * - causal only: with future keys, values and hidden states replaced by noise, every output under a
 *   causal mask keeps every bit.
 * - needs even width: setup refuses an odd width by a sentence.
 * - relative codes: p_i . p_j = p_0 . p_(j-i) at the places of the trial, shifted by 0, 1, 17,
 * 1009.
 *
 * The same can be asked of the double and of the float build, each with its own eps: an error of a
 * claim that holds is then some part of what rounding can explain. */
#ifndef PE_CONFORMANCE_CLAIMS_H
#define PE_CONFORMANCE_CLAIMS_H

#include "core/instance.h"

typedef enum pe_claim_verdict {
    PE_VERDICT_HELD,      /* claimed, and no counter-example found */
    PE_VERDICT_BROKEN,    /* claimed, and here is a counter-example */
    PE_VERDICT_UNCLAIMED, /* not claimed, but it holds here */
    PE_VERDICT_ABSENT,    /* not claimed, and does not hold: the text has the counter-example */
    PE_VERDICT_UNTESTABLE /* has no meaning for this variant, or cannot be reached: the text says
                             why */
} pe_claim_verdict;
const char *pe_claim_verdict_name(pe_claim_verdict verdict);

enum { PE_CLAIM_COUNT = 11, PE_CLAIM_TEXT = 320 };

typedef struct pe_claim_result {
    unsigned claim; /* PE_CLAIM_... */
    pe_claim_verdict verdict;
    char text[PE_CLAIM_TEXT]; /* smallest counter-example: positions, head, the two values; or the
                               * largest deviation and the tolerance */
    double deviation; /* the largest one, in units of eps (1 + |coordinate|) (1 + |value|); NaN for
                       * a claim that is no equation */
} pe_claim_result;

const char *pe_claim_name(unsigned claim); /* "translation invariant"; NULL for an unknown bit */

/* Verify every claim of a variant with these dims and settings (as pe_instance_create takes them).
 * result[i] is about claim 1 << i.
 *   PE_USAGE    the variant refuses the dims
 *   PE_MEMORY */
typedef struct pe_claims_request {
    const pe_variant *variant;
    const pe_dims *dims;
    const pe_setting *settings;
    int setting_count;
    uint64_t seed;
    bool in;                /* judge `precision` with its own eps; false: quad, or double without */
    pe_precision precision; /* of the build that is judged */
    /* After the parameters are drawn, what else the instance needs (frozen tables); or NULL. */
    pe_status (*prepare)(void *context, pe_instance *instance, pe_error *err);
    void *context;
} pe_claims_request;
pe_status pe_claims_verify_as(const pe_claims_request *request,
                              pe_claim_result result[PE_CLAIM_COUNT], pe_error *err);
pe_status pe_claims_verify(const pe_variant *variant, const pe_dims *dims,
                           const pe_setting *settings, int setting_count, uint64_t seed,
                           pe_claim_result result[PE_CLAIM_COUNT], pe_error *err);

#endif
