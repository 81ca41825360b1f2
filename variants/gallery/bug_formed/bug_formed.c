/* SPDX-License-Identifier: MIT
 *
 * A sinusoid whose sines and cosines are given: row r of `sine` and `cosine` is position first + r,
 * column k pair k. The host fills them as a program in the field would have (../exhibits.h), so
 * that a formation path can be looked at as any other variant:
 *
 *   table    added to a token's row: sine in column 2k, cosine in column 2k+1
 *   rotary   pair (2k, 2k+1) of queries and keys turns by them */
#include "posenc.h"

#ifdef PE_FIRST
enum { USE, FIRST, ROWS };
enum { TABLE, ROTARY };
static const pe_option options[] = {
    {"use", PE_CHOICE, TABLE, 0, 0, "table|rotary", "what is done with the sines and cosines"},
    {"first", PE_INT, 0, 0, 1 << 30, NULL, "position of the first row"},
    {"rows", PE_INT, 64, 1, 1 << 20, NULL, "rows of the two tables"}};

enum { SINE, COSINE };

static bool setup(pe_setup *s)
{
    const bool rotary = pe_setup_int(s->opt, USE) == ROTARY;
    const int width = rotary ? s->dims->head_dim : s->dims->model_dim;
    const int64_t rows = pe_setup_int(s->opt, ROWS);
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but the sines are of one axis", s->dims->axes);
    if (width % 2 != 0)
        return pe_refuse(s, "%s is %d, but pairs need an even number",
                         rotary ? "head_dim" : "model_dim", width);
    pe_add_param(s, "sine", PE_INIT_ZERO, 0, 2, rows, width / 2, 0);
    pe_add_param(s, "cosine", PE_INIT_CONSTANT, 1, 2, rows, width / 2, 0);
    s->param[SINE].frozen = s->param[COSINE].frozen = true;
    s->param[SINE].per_model = s->param[COSINE].per_model = true;
    s->min_coord = pe_setup_real(s->opt, FIRST);
    s->max_coord = s->min_coord + (double)rows - 1;
    s->flags = PE_WHOLE_COORDINATES;
    s->claims = PE_CLAIM_CAUSAL_ONLY;
    if (rotary) {
        s->maps = PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY);
        s->claims |=
            PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_DIRECTION_AWARE | PE_CLAIM_NORM_PRESERVING;
    } else {
        s->embed_width = width;
        s->claims |=
            PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_UNIQUE | PE_CLAIM_RELATIVE_CODES;
        s->unique_up_to = rows < 4096 ? rows : 4096;
    }
    return true;
}
#endif

/* Where the numbers of a position begin in either table. */
static size_t PE(row_of)(const pe_call *c, double coord)
{
    return (size_t)(coord - pe_opt_double(c, FIRST)) * (size_t)c->info->param[SINE].shape[1];
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int pairs = c->dims->model_dim / 2;
    for (int t = 0; t < n; t++)
        for (int k = 0; k < pairs; k++) {
            *rows++ = c->w[SINE][PE(row_of)(c, coord[t]) + (size_t)k];
            *rows++ = c->w[COSINE][PE(row_of)(c, coord[t]) + (size_t)k];
        }
}

static void PE(map)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                    const pe_real *state, const pe_real *in, pe_real *out)
{
    const int pairs = c->dims->head_dim / 2;
    (void)role, (void)head, (void)state, (void)in;
    for (int t = 0; t < n; t++)
        for (int k = 0; k < pairs; k++) {
            const size_t at = PE(row_of)(c, coord[t]) + (size_t)k;
            pe_real *pair = out + (size_t)(t * 2 * pairs + 2 * k);
            pe_turn(pair, pair + 1, c->w[COSINE][at], c->w[SINE][at]);
        }
}

/* The transposed turn. The tables are frozen, so that nobody asks for their gradients, and a code
 * that is added has no others. */
static void PE(map_vjp)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, const pe_real *dout, pe_real *din,
                        pe_real *dstate)
{
    const int pairs = c->dims->head_dim / 2;
    (void)role, (void)head, (void)state, (void)in, (void)dstate;
    for (int t = 0; t < n; t++)
        for (int k = 0; k < pairs; k++) {
            const size_t at = PE(row_of)(c, coord[t]) + (size_t)k;
            const size_t pair = (size_t)(t * 2 * pairs + 2 * k);
            pe_real da = dout[pair], db = dout[pair + 1];
            pe_turn(&da, &db, c->w[COSINE][at], -c->w[SINE][at]);
            din[pair] += da;
            din[pair + 1] += db;
        }
}

static const pe_ops PE(ops) = {.embed = PE(embed), .map = PE(map), .map_vjp = PE(map_vjp)};

PE_VARIANT(bug_formed, .title = "Sinusoid as formed", .source = "variants/gallery/exhibits.h",
           .summary = "Sines and cosines that are given, row by row.",
           .formula = "p(t, 2k) = s_{tk}, p(t, 2k+1) = c_{tk}", PE_OPTIONS(options),
           .setup = setup);

#include PE_NEXT("bug_formed.c")
