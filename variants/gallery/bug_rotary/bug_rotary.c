/* SPDX-License-Identifier: MIT
 *
 * Rotary position as it went wrong in public code (../exhibits.h). Right is Su et al. 2021,
 * arXiv:2104.09864, eq. (34): pair (2k, 2k+1) turns by p w_k, w_k = base^(-2k/D).
 *
 *   mixed        angles laid out [w, w], pairs taken as (2k, 2k+1): the two rows of one rotation
 *                turn by different angles
 *   restart      tokens from `row` on, which are decoded one at a time, all have position 0
 *   gain_after   a learned gain for each column (the weight of a normalisation) after the rotation
 *   twice        YaRN's magnitude (arXiv:2309.00071, eq. (22)) 0.1 ln(factor) + 1 applied to the
 *                table and to the vectors
 * and two that are right, as twins:
 *   gain_before  the gain, then the rotation
 *   once         the magnitude, once. */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG, BASE, ROW, FACTOR };
enum { MIXED, RESTART, GAIN_AFTER, TWICE, GAIN_BEFORE, ONCE };
static const pe_option options[] = {
    {"bug", PE_CHOICE, MIXED, 0, 0, "mixed|restart|gain_after|twice|gain_before|once",
     "what is wrong, or right with gain_before and once"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies base^(-2k/D)"},
    {"row", PE_INT, 0, 0, 1 << 30, NULL, "first token that is decoded by itself"},
    {"factor", PE_REAL, 128, 1, 1e6, NULL, "by which YaRN stretches the context"}};

enum { GAIN };

static bool has_gain(const pe_setup *s)
{
    const int64_t bug = pe_setup_int(s->opt, BUG);
    return bug == GAIN_AFTER || bug == GAIN_BEFORE;
}

static bool setup(pe_setup *s)
{
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but pairs turn by one axis", s->dims->axes);
    if (s->dims->head_dim % 2 != 0)
        return pe_refuse(s, "head_dim is %d, but pairs need an even number", s->dims->head_dim);
    s->plan = (size_t)(s->dims->head_dim / 2);
    s->scratch = 2 * (size_t)s->dims->head_dim; /* a row and its gradient, on the way back */
    s->maps = PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY);
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_DIRECTION_AWARE | PE_CLAIM_EXTRAPOLATES |
                PE_CLAIM_CAUSAL_ONLY | PE_CLAIM_NEEDS_EVEN_WIDTH;
    if (pe_setup_int(s->opt, BUG) <= RESTART)
        s->claims |= PE_CLAIM_NORM_PRESERVING;
    if (has_gain(s)) {
        pe_add_param(s, "gain", PE_INIT_UNIFORM, 0.5, 1, s->dims->head_dim, 0, 0);
        s->param[GAIN].b = 1.5;
        s->param[GAIN].meaning = "factor of each column";
    }
    return true;
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    for (int k = 0; k < (int)c->info->plan; k++)
        plan[k] = pe_inverse_frequency(pe_opt_double(c, BASE), k, c->dims->head_dim);
}

static pe_real PE(magnitude)(const pe_call *c)
{
    const pe_real once = 1 + pe_log(pe_opt_real(c, FACTOR)) / 10;
    switch (pe_opt_int(c, BUG)) {
    case ONCE:
        return once;
    case TWICE:
        return once * once;
    default:
        return 1;
    }
}

static void PE(multiply_gain)(const pe_call *c, pe_real *row)
{
    for (int column = 0; column < c->dims->head_dim; column++)
        row[column] *= c->w[GAIN][column];
}

/* Columns 2k and 2k+1, each with the angle of its own column in [w, w]. */
static void PE(mix)(const pe_call *c, pe_real position, pe_real *row)
{
    const int pairs = (int)c->info->plan;
    for (int k = 0; k < pairs; k++) {
        const pe_real a = row[2 * k], b = row[2 * k + 1];
        const pe_real first = position * c->plan[(2 * k) % pairs];
        const pe_real second = position * c->plan[(2 * k + 1) % pairs];
        row[2 * k] = a * pe_cos(first) - b * pe_sin(first);
        row[2 * k + 1] = b * pe_cos(second) + a * pe_sin(second);
    }
}

static void PE(turn)(const pe_call *c, pe_real position, pe_real *row)
{
    const pe_real magnitude = PE(magnitude)(c);
    for (int k = 0; k < (int)c->info->plan; k++) {
        const pe_real phase = position * c->plan[k];
        pe_turn(row + 2 * k, row + 2 * k + 1, magnitude * pe_cos(phase), magnitude * pe_sin(phase));
    }
}

static pe_real PE(position)(const pe_call *c, double coord)
{
    const bool restarted = pe_opt_int(c, BUG) == RESTART && coord >= pe_opt_double(c, ROW);
    return pe_num(restarted ? 0 : coord);
}

static void PE(map)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                    const pe_real *state, const pe_real *in, pe_real *out)
{
    (void)role, (void)head, (void)state, (void)in;
    const int64_t bug = pe_opt_int(c, BUG);
    for (int t = 0; t < n; t++) {
        const pe_real position = PE(position)(c, coord[t]);
        pe_real *row = out + (size_t)t * (size_t)c->dims->head_dim;
        if (bug == GAIN_BEFORE)
            PE(multiply_gain)(c, row);
        if (bug == MIXED)
            PE(mix)(c, position, row);
        else
            PE(turn)(c, position, row);
        if (bug == GAIN_AFTER)
            PE(multiply_gain)(c, row);
    }
}

/* ---- the way back: transposed, in the other order ---- */

static void PE(unmix)(const pe_call *c, pe_real position, pe_real *drow)
{
    const int pairs = (int)c->info->plan;
    for (int k = 0; k < pairs; k++) {
        const pe_real a = drow[2 * k], b = drow[2 * k + 1];
        const pe_real first = position * c->plan[(2 * k) % pairs];
        const pe_real second = position * c->plan[(2 * k + 1) % pairs];
        drow[2 * k] = a * pe_cos(first) + b * pe_sin(second);
        drow[2 * k + 1] = b * pe_cos(second) - a * pe_sin(first);
    }
}

static void PE(unturn)(const pe_call *c, pe_real position, pe_real *drow)
{
    const pe_real magnitude = PE(magnitude)(c);
    for (int k = 0; k < (int)c->info->plan; k++) {
        const pe_real phase = position * c->plan[k];
        pe_turn(drow + 2 * k, drow + 2 * k + 1, magnitude * pe_cos(phase),
                -magnitude * pe_sin(phase));
    }
}

/* row is what the gain met. */
static void PE(multiply_gain_vjp)(const pe_call *c, const pe_real *row, pe_real *drow)
{
    for (int column = 0; column < c->dims->head_dim; column++) {
        c->g[GAIN][column] += drow[column] * row[column];
        drow[column] *= c->w[GAIN][column];
    }
}

static void PE(map_vjp)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, const pe_real *dout, pe_real *din,
                        pe_real *dstate)
{
    (void)role, (void)head, (void)state, (void)dstate;
    const int64_t bug = pe_opt_int(c, BUG);
    const int width = c->dims->head_dim;
    pe_real *row = c->scratch, *drow = c->scratch + width;
    for (int t = 0; t < n; t++) {
        const pe_real position = PE(position)(c, coord[t]);
        for (int column = 0; column < width; column++) {
            row[column] = in[t * width + column];
            drow[column] = dout[t * width + column];
        }
        if (bug == GAIN_AFTER) {
            PE(turn)(c, position, row);
            PE(multiply_gain_vjp)(c, row, drow);
        }
        if (bug == MIXED)
            PE(unmix)(c, position, drow);
        else
            PE(unturn)(c, position, drow);
        if (bug == GAIN_BEFORE)
            PE(multiply_gain_vjp)(c, row, drow);
        pe_add_scaled(din + (size_t)t * (size_t)width, 1, drow, width);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .map = PE(map), .map_vjp = PE(map_vjp)};

PE_VARIANT(bug_rotary, .title = "Rotary with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "Rotary position as it went wrong in public code.",
           .formula = "q_i \\cdot k_j \\ne q_i \\cdot (R_{j-i} k_j)", PE_OPTIONS(options),
           .setup = setup);

#include PE_NEXT("bug_rotary.c")
