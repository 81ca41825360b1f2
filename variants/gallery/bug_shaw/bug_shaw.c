/* SPDX-License-Identifier: MIT
 *
 * Vectors by offset as they went wrong in public code (../exhibits.h). Right is Shaw et al. 2018,
 * arXiv:1803.02155, eq. (4), keys only: q_i . (k_j + rel_k[clamp(j - i) + clip]) / sqrt(D).
 *
 *   cached   a decoding step forgets where it is: tokens from `row` on have offset 0 to every key
 *   sign     the index is clamp(i - j): every entry off the diagonal is its mirror's */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG, ROW, CLIP };
enum { CACHED, SIGN };
enum { REL_K };
static const pe_option options[] = {
    {"bug", PE_CHOICE, CACHED, 0, 0, "cached|sign", "what is wrong"},
    {"row", PE_INT, 64, 0, 1 << 30, NULL, "first token that is decoded by itself"},
    {"clip", PE_INT, 16, 0, 65536, NULL, "offsets beyond this count as it, in tokens"}};

static bool setup(pe_setup *s)
{
    const int width = s->dims->head_dim;
    pe_add_param(s, "rel_k", PE_INIT_NORMAL, 1 / sqrt((double)width), 2,
                 2 * pe_setup_int(s->opt, CLIP) + 1, width, 0);
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY |
                PE_CLAIM_DIRECTION_AWARE;
    s->param[REL_K].meaning = "added to the key, by clipped offset";
    return true;
}

static int64_t clamped(int64_t n, int64_t clip)
{
    return n < -clip ? -clip : n > clip ? clip : n;
}
#endif

/* Where the vector of a pair begins in the table. */
static int64_t PE(place_of)(const pe_call *c, int64_t query, int64_t key)
{
    const int64_t clip = pe_opt_int(c, CLIP), offset = key - query;
    const bool sign = pe_opt_int(c, BUG) == SIGN;
    const int64_t n = sign ? -offset : query >= pe_opt_int(c, ROW) ? 0 : offset;
    return (clamped(n, clip) + clip) * c->dims->head_dim;
}

static void PE(logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const int D = c->dims->head_dim;
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++) {
            const pe_real *row = c->w[REL_K] + PE(place_of)(c, tile->qi[i], tile->kj[j]);
            pe_real sum = 0;
            for (int d = 0; d < D; d++)
                sum += tile->q[i * D + d] * row[d];
            s[i * tile->nk + j] = raw[i * tile->nk + j] + sum / pe_sqrt(pe_num(D));
        }
}

static void PE(logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                           const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    (void)raw;
    const int D = c->dims->head_dim;
    for (int i = 0; i < tile->nq; i++)
        for (int j = 0; j < tile->nk; j++) {
            const int64_t at = PE(place_of)(c, tile->qi[i], tile->kj[j]);
            const pe_real d = ds[i * tile->nk + j] / pe_sqrt(pe_num(D));
            draw[i * tile->nk + j] = ds[i * tile->nk + j];
            pe_add_scaled(c->g[REL_K] + at, d, tile->q + i * D, D);
            if (g->q)
                pe_add_scaled(g->q + i * D, d, c->w[REL_K] + at, D);
        }
}

static const pe_ops PE(ops) = {.logits = PE(logits), .logits_vjp = PE(logits_vjp)};

PE_VARIANT(bug_shaw, .title = "Shaw with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "Vectors by offset as they went wrong in public code.",
           .formula = "A_{ij} \\ne q_i \\cdot (k_j + a_{c(j-i)})", PE_OPTIONS(options),
           .setup = setup);

#include PE_NEXT("bug_shaw.c")
