/* SPDX-License-Identifier: MIT
 *
 * Su et al. 2021, RoFormer, arXiv:2104.09864, eqs. (14) to (16) and (34): each pair of columns of
 * the query and of the key is turned by its position,
 *
 *   (a, b) -> (a cos p w_k - b sin p w_k,  a sin p w_k + b cos p w_k),   w_k = base^(-2k/r)
 *
 * so that q_i . k_j depends on i - j alone. r = rotary_dim columns turn, the rest passes through.
 * Conventions in the wild:
 *   - `pairing` interleaved: columns 2k and 2k+1 (the paper, GPT-J, llama2.c); half: columns k and
 *     k + r/2 (GPT-NeoX, transformers). With the same weights they are different models;
 *   - `rotary_dim`: GPT-J turns 64 of 256 columns, GPT-NeoX a quarter of them;
 *   - the division stays 1/sqrt(head_dim), however many columns turn. */
#include "posenc.h"

#ifdef PE_FIRST
enum { PAIRING, BASE, ROTARY };
enum { INTERLEAVED, HALF };
static const pe_option options[] = {
    {"pairing", PE_CHOICE, INTERLEAVED, 0, 0, "interleaved|half", "which columns form a pair"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies base^(-2k/rotary_dim)"},
    {"rotary_dim", PE_INT, 0, 0, 1 << 20, NULL, "columns of a head that turn; 0: all of them"}};

static int rotary_dim(const pe_setup *s)
{
    const int64_t given = pe_setup_int(s->opt, ROTARY);
    return given > 0 ? (int)given : s->dims->head_dim;
}

static bool setup(pe_setup *s)
{
    const int turned = rotary_dim(s);
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but pairs turn by one axis", s->dims->axes);
    if (turned % 2 != 0)
        return pe_refuse(s,
                         "%d columns of a head would turn, but pairs need an even number: set "
                         "rotary_dim or an even head_dim",
                         turned);
    if (turned > s->dims->head_dim)
        return pe_refuse(s, "rotary_dim is %d, but a head has %d columns", turned,
                         s->dims->head_dim);
    s->plan = (size_t)(turned / 2);
    s->scratch = 3 * s->plan;
    s->maps = PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY);
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_DIRECTION_AWARE |
                PE_CLAIM_NORM_PRESERVING | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    if (pe_setup_int(s->opt, ROTARY) == 0)
        s->claims |= PE_CLAIM_NEEDS_EVEN_WIDTH;
    return true;
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int pairs = (int)c->info->plan;
    for (int k = 0; k < pairs; k++)
        plan[k] = pe_inverse_frequency(pe_opt_double(c, BASE), k, 2 * pairs);
    pe_store(c, PE_AT_FREQUENCY, (size_t)pairs, plan);
}

/* Sines and cosines of all pairs at one position, in the call's scratch. */
static void PE(fill_turns)(const pe_call *c, double coord, pe_real *sine, pe_real *cosine)
{
    const int pairs = (int)c->info->plan;
    pe_real *phase = c->scratch;
    const pe_real position = pe_at(c, PE_AT_POSITION, pe_num(coord));
    for (int k = 0; k < pairs; k++)
        phase[k] = position * c->plan[k];
    pe_store(c, PE_AT_PHASE, (size_t)pairs, phase);
    c->lent->turn(pairs, phase, sine, cosine);
    pe_store(c, PE_AT_TABLE, (size_t)pairs, sine);
    pe_store(c, PE_AT_TABLE, (size_t)pairs, cosine);
}

/* The core has copied in to out, so columns that do not turn are in place. */
static void PE(map)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                    const pe_real *state, const pe_real *in, pe_real *out)
{
    (void)role, (void)head, (void)state, (void)in;
    const int pairs = (int)c->info->plan;
    const bool half = pe_opt_int(c, PAIRING) == HALF;
    pe_real *sine = c->scratch + pairs, *cosine = c->scratch + 2 * pairs;
    for (int t = 0; t < n; t++) {
        pe_real *row = out + (size_t)t * (size_t)c->dims->head_dim;
        PE(fill_turns)(c, coord[t * c->dims->axes], sine, cosine);
        for (int k = 0; half && k < pairs; k++)
            pe_turn(row + k, row + pairs + k, cosine[k], sine[k]);
        for (int k = 0; !half && k < pairs; k++)
            pe_turn(row + 2 * k, row + 2 * k + 1, cosine[k], sine[k]);
    }
}

/* A turn by minus the angle is the transposed turn; columns that do not turn pass through. */
static void PE(map_vjp)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, const pe_real *dout, pe_real *din,
                        pe_real *dstate)
{
    (void)role, (void)head, (void)state, (void)in, (void)dstate;
    const int pairs = (int)c->info->plan, width = c->dims->head_dim;
    const bool half = pe_opt_int(c, PAIRING) == HALF;
    pe_real *sine = c->scratch + pairs, *cosine = c->scratch + 2 * pairs;
    for (int t = 0; t < n; t++) {
        const pe_real *from = dout + (size_t)t * (size_t)width;
        pe_real *to = din + (size_t)t * (size_t)width;
        PE(fill_turns)(c, coord[t * c->dims->axes], sine, cosine);
        for (int k = 0; k < pairs; k++) {
            const int first = half ? k : 2 * k, second = half ? pairs + k : 2 * k + 1;
            pe_real a = from[first], b = from[second];
            pe_turn(&a, &b, cosine[k], -sine[k]);
            to[first] += a;
            to[second] += b;
        }
        pe_add_scaled(to + 2 * pairs, 1, from + 2 * pairs, width - 2 * pairs);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .map = PE(map), .map_vjp = PE(map_vjp)};

PE_VARIANT(rope, .title = "RoPE", .source = "arXiv:2104.09864, eqs. (14)-(16), (34)",
           .summary = "Queries and keys are turned by their position; only the difference is left.",
           .formula = "A_{ij} = \\frac{(R_i q_i) \\cdot (R_j k_j)}{\\sqrt{D}} = \\frac{q_i \\cdot "
                      "(R_{j-i} k_j)}{\\sqrt{D}}",
           PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("rope.c")
