/* SPDX-License-Identifier: MIT
 *
 * No positional encoding: the control that stands beside every measurement.
 *   A_ij = q_i . k_j / sqrt(D)
 * Haviv et al. 2022, arXiv:2203.16634; Kazemnejad et al. 2023, arXiv:2305.19466 ("NoPE"). With a
 * causal mask a network can still learn where it is; without one it cannot (METRICS 2.4). */
#include "posenc.h"

#ifdef PE_FIRST
static bool setup(pe_setup *s)
{
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE |
                PE_CLAIM_BOUNDED | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    return true;
}
#endif

static const pe_ops PE(ops) = {0};

PE_VARIANT(none, .title = "None (NoPE)", .source = "arXiv:2203.16634; arXiv:2305.19466",
           .summary = "Nothing tells the tokens apart but, if there is one, the causal mask.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}}", .setup = setup);

#include PE_NEXT("none.c")
