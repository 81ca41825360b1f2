/* SPDX-License-Identifier: MIT
 *
 * Tables of sines and cosines as they went wrong in public code; which project each `bug` is from
 * stands in ../exhibits.h. Right is Vaswani et al. 2017, arXiv:1706.03762, section 3.5:
 *
 *   pe(p, 2k) = sin(p w_k),  pe(p, 2k+1) = cos(p w_k),  w_k = base^(-2k/d)
 *
 * Wrong frequencies, of column c = 2k or 2k+1:
 *   doubled           base^(-2c/d): the column's number where the pair's was meant
 *   own_cosine        base^(-c/d): the cosine has a frequency of its own
 *   floor_division    exp(-2k): "-ln(base) / d // 2" is a floor, -1
 *   integer_exponent  1: the exponent 2k/d in whole numbers is 0
 *   reciprocal        base^(2k/d): p / w_k for p w_k
 *   degrees           w_k pi/180
 * Wrong positions:
 *   one_row   every token has the row of number `row` (a batch index, or the sequence's length)
 *   restart   tokens from `row` on, which are decoded one at a time, all have position 0
 *   clamp     positions end at `row`, silently: the table is too short
 *   padding   of `row` tokens that are no padding, `position > row` is set to 0: row `row` stays
 *   padded    right, as a twin: `position >= row` is
 * Wrong arithmetic:
 *   replaced   the cosine is taken of the sine that has replaced the phase
 *   fp16_steps  tensor2tensor's rule and layout, every intermediate stored in fp16 */
#include "posenc.h"

#ifdef PE_FIRST
enum { BUG, BASE, ROW };
enum {
    DOUBLED,
    OWN_COSINE,
    FLOOR_DIVISION,
    INTEGER_EXPONENT,
    RECIPROCAL,
    DEGREES,
    ONE_ROW,
    RESTART,
    CLAMP,
    REPLACED,
    FP16_STEPS,
    PADDING,
    PADDED
};
static const pe_option options[] = {
    {"bug", PE_CHOICE, DOUBLED, 0, 0,
     "doubled|own_cosine|floor_division|integer_exponent|reciprocal|degrees|one_row|restart|clamp|"
     "replaced|fp16_steps|padding|padded",
     "what is wrong, or right with padded"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies"},
    {"row", PE_INT, 0, 0, 1 << 30, NULL, "the position at which a wrong position begins"}};

static bool setup(pe_setup *s)
{
    const int width = s->dims->model_dim;
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but the code is of one axis", s->dims->axes);
    if (width % 2 != 0 || width < 4)
        return pe_refuse(s, "model_dim is %d, but must be even and at least 4", width);
    s->embed_width = width;
    s->plan = (size_t)width;
    s->claims = PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_BOUNDED |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY | PE_CLAIM_UNIQUE |
                PE_CLAIM_RELATIVE_CODES; /* what the right one claims */
    s->bound = 1;
    s->unique_up_to = 1024;
    return true;
}
#endif

static pe_real PE(fp16)(const pe_call *c, pe_real x)
{
    c->lent->round(PE_FP16, 1, &x);
    return x;
}

/* exp(k * -(ln(base) / (h-1))), rounded after each operation. */
static pe_real PE(stepwise)(const pe_call *c, int k)
{
    const int half = c->dims->model_dim / 2;
    const pe_real log_base = PE(fp16)(c, pe_log(pe_opt_real(c, BASE)));
    const pe_real step = PE(fp16)(c, log_base / pe_num(half - 1));
    return PE(fp16)(c, pe_exp(PE(fp16)(c, pe_num(k) * -step)));
}

static pe_real PE(frequency)(const pe_call *c, int column)
{
    const int k = column / 2, width = c->dims->model_dim;
    const double base = pe_opt_double(c, BASE);
    switch (pe_opt_int(c, BUG)) {
    case DOUBLED:
        return pe_inverse_frequency(base, column, width);
    case OWN_COSINE:
        return pe_pow(pe_num(base), -(pe_num(column) / pe_num(width)));
    case FLOOR_DIVISION:
        return pe_exp(pe_num(-2 * k));
    case INTEGER_EXPONENT:
        return 1;
    case RECIPROCAL:
        return 1 / pe_inverse_frequency(base, k, width);
    case DEGREES:
        return pe_inverse_frequency(base, k, width) * PE_PI / 180;
    case FP16_STEPS:
        return PE(stepwise)(c, k);
    default:
        return pe_inverse_frequency(base, k, width);
    }
}

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    for (int column = 0; column < c->dims->model_dim; column++)
        plan[column] = PE(frequency)(c, column);
}

static pe_real PE(position)(const pe_call *c, double coord)
{
    const double row = pe_opt_double(c, ROW);
    switch (pe_opt_int(c, BUG)) {
    case ONE_ROW:
        return pe_num(row);
    case RESTART:
        return pe_num(coord < row ? coord : 0);
    case CLAMP:
        return pe_num(coord < row ? coord : row);
    default:
        return pe_num(coord);
    }
}

/* All sines, then all cosines, of positions that begin at 1. */
static void PE(stepwise_row)(const pe_call *c, double coord, pe_real *row)
{
    const int half = c->dims->model_dim / 2;
    for (int k = 0; k < half; k++) {
        const pe_real position = PE(fp16)(c, pe_num(coord + 1));
        const pe_real phase = PE(fp16)(c, position * c->plan[2 * k]);
        row[k] = PE(fp16)(c, pe_sin(phase));
        row[half + k] = PE(fp16)(c, pe_cos(phase));
    }
}

static bool PE(is_padding)(const pe_call *c, double coord)
{
    const int64_t bug = pe_opt_int(c, BUG);
    const double length = pe_opt_double(c, ROW);
    return (bug == PADDING && coord > length) || (bug == PADDED && coord >= length);
}

static void PE(plain_row)(const pe_call *c, double coord, pe_real *row)
{
    if (PE(is_padding)(c, coord)) {
        for (int column = 0; column < c->dims->model_dim; column++)
            row[column] = 0;
        return;
    }
    const pe_real position = PE(position)(c, coord);
    for (int column = 0; column < c->dims->model_dim; column += 2) {
        row[column] = pe_sin(position * c->plan[column]);
        row[column + 1] =
            pe_cos(pe_opt_int(c, BUG) == REPLACED ? row[column] : position * c->plan[column + 1]);
    }
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    for (int t = 0; t < n; t++) {
        pe_real *row = rows + (size_t)t * (size_t)c->dims->model_dim;
        if (pe_opt_int(c, BUG) == FP16_STEPS)
            PE(stepwise_row)(c, coord[t], row);
        else
            PE(plain_row)(c, coord[t], row);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .embed = PE(embed)};

PE_VARIANT(bug_sinusoid, .title = "Sinusoid with a bug", .source = "variants/gallery/exhibits.h",
           .summary = "Tables of sines and cosines as they went wrong in public code.",
           .formula = "p(t, c) \\ne \\sin(t \\omega_k)", PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("bug_sinusoid.c")
