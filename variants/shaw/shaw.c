/* SPDX-License-Identifier: MIT
 *
 * Shaw, Uszkoreit, Vaswani 2018, arXiv:1803.02155: a learned vector per clipped offset, added to
 * keys and values.
 *
 *   logit_ij = q_i . (k_j + rel_k[r]) / sqrt(D)      eq. (4)
 *   out_i    = sum_j weight_ij (v_j + rel_v[r])      eq. (3)
 *   r        = clamp(j - i, -clip, clip) + clip      section 3.2
 *
 * Row 0 is "clip or more to the left", row `clip` the token itself.
 * Conventions in the wild:
 *   - the paper and tensor2tensor count j - i, this library n = i - j: row r = clip - n;
 *   - one table for all heads (the paper, section 3.3), or one per head (`per_head`);
 *   - keys only, as in most later code: `relative_values` false. With neither, which is the last
 *     line of the paper's table 3, nothing is left: no positional encoding;
 *   - the paper does not say how the tables start, tensor2tensor uses Glorot's rule. Ours are
 *     normal with deviation 1/sqrt(D), the same size for its shapes. */
#include "posenc.h"

#ifdef PE_FIRST
enum { CLIP, RELATIVE_KEYS, RELATIVE_VALUES, PER_HEAD };
static const pe_option options[] = {
    {"clip", PE_INT, 16, 0, 65536, NULL,
     "offsets beyond this count as it, in tokens (the paper's k)"},
    {"relative_keys", PE_BOOL, 1, 0, 0, NULL, "vectors added to the keys"},
    {"relative_values", PE_BOOL, 1, 0, 0, NULL, "vectors added to the values"},
    {"per_head", PE_BOOL, 0, 0, 0, NULL, "a table for each head instead of one for all"}};

enum { REL_K, REL_V };

static void add_table(pe_setup *s, const char *name, bool wanted, const char *meaning)
{
    const int64_t rows = wanted ? 2 * pe_setup_int(s->opt, CLIP) + 1 : 0, width = s->dims->head_dim;
    const bool per_head = pe_setup_bool(s->opt, PER_HEAD);
    const double deviation = 1 / sqrt((double)width);
    const int which =
        per_head ? pe_add_param(s, name, PE_INIT_NORMAL, deviation, 3, s->dims->heads, rows, width)
                 : pe_add_param(s, name, PE_INIT_NORMAL, deviation, 2, rows, width, 0);
    s->param[which].meaning = meaning;
}

static bool setup(pe_setup *s)
{
    const bool keys = pe_setup_bool(s->opt, RELATIVE_KEYS);
    const bool values = pe_setup_bool(s->opt, RELATIVE_VALUES);
    add_table(s, "rel_k", keys, "added to the key, by clipped offset");
    add_table(s, "rel_v", values, "added to the value, by clipped offset");
    s->rows = (keys ? PE_ROWS_QUERY : 0u) | (values ? PE_ROWS_VALUE : 0u);
    s->row_heads = pe_setup_bool(s->opt, PER_HEAD) ? s->dims->heads : 1;
    s->edge = PE_EDGE_REPEAT;
    s->high = pe_setup_int(s->opt, CLIP);
    s->low = -s->high;
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY |
                (keys && s->high > 0 ? PE_CLAIM_DIRECTION_AWARE : (unsigned)PE_CLAIM_SYMMETRIC) |
                (keys ? 0u : PE_CLAIM_CONTENT_FREE);
    return true;
}
#endif

/* Row r of every head's table (H', 2 clip + 1, D), side by side: (H', D). */
static void PE(copy_row)(const pe_call *c, const pe_real *table, int64_t r, pe_real *row)
{
    const int width = c->dims->head_dim;
    const int64_t rows = 2 * c->info->high + 1;
    for (int h = 0; h < c->info->row_heads; h++)
        for (int d = 0; d < width; d++)
            row[h * width + d] = table[(h * rows + r) * width + d];
}

static void PE(relative)(const pe_call *c, int n, const double *offset, pe_rows *rows)
{
    const int64_t width = (int64_t)c->info->row_heads * c->dims->head_dim;
    for (int t = 0; t < n; t++) {
        const int64_t r = c->info->high - (int64_t)offset[t];
        if (rows->query)
            PE(copy_row)(c, c->w[REL_K], r, rows->query + t * width);
        if (rows->value)
            PE(copy_row)(c, c->w[REL_V], r, rows->value + t * width);
    }
}

/* The other way: what came for row r of every head, added to the table's gradient. */
static void PE(add_row)(const pe_call *c, pe_real *gradient, int64_t r, const pe_real *row)
{
    const int width = c->dims->head_dim;
    const int64_t rows = 2 * c->info->high + 1;
    for (int h = 0; h < c->info->row_heads; h++)
        pe_add_scaled(gradient + (h * rows + r) * width, 1, row + h * width, width);
}

static void PE(relative_vjp)(const pe_call *c, int n, const double *offset, const pe_rows *drows)
{
    const int64_t width = (int64_t)c->info->row_heads * c->dims->head_dim;
    for (int t = 0; t < n; t++) {
        const int64_t r = c->info->high - (int64_t)offset[t];
        if (drows->query)
            PE(add_row)(c, c->g[REL_K], r, drows->query + t * width);
        if (drows->value)
            PE(add_row)(c, c->g[REL_V], r, drows->value + t * width);
    }
}

static const pe_ops PE(ops) = {.relative = PE(relative), .relative_vjp = PE(relative_vjp)};

PE_VARIANT(shaw, .title = "Shaw relative", .source = "arXiv:1803.02155, eqs. (3), (4)",
           PE_OPTIONS(options),
           .summary = "Every clipped offset has a learned vector, added to keys and to values.",
           .formula = "A_{ij} = \\frac{q_i \\cdot (k_j + a^K_{c(j-i)})}{\\sqrt{D}},\\quad "
                      "z_i = \\sum_j \\alpha_{ij} (v_j + a^V_{c(j-i)}),\\quad c(x) = "
                      "\\max(-\\text{clip}, \\min(x, \\text{clip}))",
           .setup = setup);

#include PE_NEXT("shaw.c")
