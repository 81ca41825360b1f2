/* SPDX-License-Identifier: MIT
 *
 * Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.5:
 *
 *   pe(p, 2k) = sin(p w_k),  pe(p, 2k+1) = cos(p w_k),  w_k = base^(-2k/d)
 *
 * Conventions in the wild, each an option:
 *   - `layout` concat: all sines, then all cosines (tensor2tensor, fairseq, Transformer-XL). An odd
 *     d has d div 2 frequencies and a last column of zeros; interleaved, it ends with a sine;
 *   - `rule` t2t: w_k = min (max/min)^(-k/(h-1)), h = d div 2, so that the slowest wavelength is
 *     exactly 2 pi max (tensor2tensor, fairseq). With h = 1 the only frequency is min;
 *   - `padding_idx`: fairseq counts real tokens from padding_idx + 1 (the core zeroes padding
 *     rows);
 *   - `scale`: a factor on the code (x-transformers starts a learned one at d^(-1/2));
 *   - `path`: how frequency and sine are formed: `pow`, the tutorials' `exp_log`, or `exact`,
 *     rounded once from the true value. */
#include "posenc.h"

#ifdef PE_FIRST
enum { LAYOUT, RULE, BASE, SCALE, PADDING, MIN, MAX, PATH };
enum { INTERLEAVED, CONCAT };
enum { PAPER, T2T };
enum { POW, EXP_LOG, EXACT };
static const pe_option options[] = {
    {"layout", PE_CHOICE, INTERLEAVED, 0, 0, "interleaved|concat", "order of the columns"},
    {"rule", PE_CHOICE, PAPER, 0, 0, "paper|t2t", "spacing of the frequencies"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies base^(-2k/d)"},
    {"scale", PE_REAL, 1, 0, 1e6, NULL, "factor on the code"},
    {"padding_idx", PE_INT, -1, -1, 1 << 30, NULL,
     "the first real token has position padding_idx + 1"},
    {"min_timescale", PE_REAL, 1, 1e-6, 1e12, NULL, "fastest frequency of rule t2t"},
    {"max_timescale", PE_REAL, 0, 0, 1e12, NULL,
     "min^2 over the slowest frequency of rule t2t; 0: the base"},
    {"path", PE_CHOICE, POW, 0, 0, "pow|exp_log|exact", "how frequencies and sines are formed"}};

enum { ROWS = 256 }; /* rows that one call of the exact sinusoid fills */

/* With an odd width the interleaved code ends with the sine of one more frequency. */
static int frequency_count(const pe_value *opt, int width)
{
    return pe_setup_int(opt, LAYOUT) == INTERLEAVED ? (width + 1) / 2 : width / 2;
}

static bool setup(pe_setup *s)
{
    const int width = s->dims->model_dim;
    const double scale = pe_setup_real(s->opt, SCALE), slowest = pe_setup_real(s->opt, MAX);
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but the code is of one axis", s->dims->axes);
    if (pe_setup_int(s->opt, RULE) == T2T && width < 2)
        return pe_refuse(s, "model_dim is %d, but rule t2t needs at least 2", width);
    if (slowest > 0 && slowest < pe_setup_real(s->opt, MIN))
        return pe_refuse(s, "max_timescale is %g, but must be at least min_timescale, %g", slowest,
                         pe_setup_real(s->opt, MIN));
    s->embed_width = width;
    s->plan = (size_t)frequency_count(s->opt, width);
    s->scratch = 2 * (s->plan > ROWS ? s->plan : ROWS);
    s->claims = PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_BOUNDED |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    s->bound = scale;
    if (width % 2 == 0 || pe_setup_int(s->opt, LAYOUT) != INTERLEAVED)
        s->claims |= PE_CLAIM_RELATIVE_CODES; /* an odd width ends with a sine alone */
    const bool by_one = pe_setup_int(s->opt, RULE) == PAPER || pe_setup_real(s->opt, MIN) == 1;
    if (width >= 2 && scale >= 1e-3 && by_one) {
        s->claims |= PE_CLAIM_UNIQUE; /* the fastest pair turns by 1 radian, no part of a turn */
        s->unique_up_to = 4096;
    }
    return true;
}

/* The exact frequency k as its four parts. */
static pe_frequency frequency_parts(const pe_value *opt, int k, int width)
{
    const int half = width / 2;
    const double base = pe_setup_real(opt, BASE), fastest = pe_setup_real(opt, MIN);
    const double slowest = pe_setup_real(opt, MAX) > 0 ? pe_setup_real(opt, MAX) : base;
    if (pe_setup_int(opt, RULE) == PAPER)
        return (pe_frequency){1, base, 2 * k, width};
    return (pe_frequency){fastest, slowest / fastest, half > 1 ? k : 0, half > 1 ? half - 1 : 1};
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int width = c->dims->model_dim, count = (int)c->info->plan;
    for (int k = 0; k < count; k++) {
        const pe_frequency w = frequency_parts(c->opt, k, width);
        const pe_real base = pe_num(w.base);
        pe_real power;
        if (pe_opt_int(c, PATH) == EXP_LOG) /* exp(2k * (-ln(base) / d)), as in the tutorials */
            power = pe_exp(pe_num(w.numerator) * (-pe_log(base) / pe_num(w.denominator)));
        else
            power = pe_pow(base, -(pe_num(w.numerator) / pe_num(w.denominator)));
        plan[k] = pe_num(w.scale) * power;
    }
    pe_store(c, PE_AT_FREQUENCY, (size_t)count, plan);
}

/* Columns of frequency k in one row. */
static void PE(put)(const pe_call *c, int k, pe_real sine, pe_real cosine, pe_real *row)
{
    const int width = c->dims->model_dim;
    const bool concat = pe_opt_int(c, LAYOUT) == CONCAT;
    const int at = concat ? k : 2 * k, beside = concat ? width / 2 + k : 2 * k + 1;
    const pe_real scale = pe_opt_real(c, SCALE);
    row[at] = scale * pe_at(c, PE_AT_TABLE, sine);
    if (beside < width)
        row[beside] = scale * pe_at(c, PE_AT_TABLE, cosine);
}

static double PE(place)(const pe_call *c, int t, const double *coord)
{
    return coord[t * c->dims->axes] + (double)(pe_opt_int(c, PADDING) + 1);
}

static void PE(exact)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->dims->model_dim;
    pe_real *sine = c->scratch, *cosine = c->scratch + ROWS;
    for (int from = 0; from < n; from += ROWS) {
        double position[ROWS];
        const int count = n - from < ROWS ? n - from : ROWS;
        for (int t = 0; t < count; t++)
            position[t] = PE(place)(c, from + t, coord);
        for (int k = 0; k < (int)c->info->plan; k++) {
            const pe_frequency w = frequency_parts(c->opt, k, width);
            c->lent->exact(&w, (size_t)count, position, sine, cosine, 1);
            for (int t = 0; t < count; t++)
                PE(put)(c, k, sine[t], cosine[t], rows + (size_t)(from + t) * (size_t)width);
        }
    }
}

/* One row by the paths that form each phase in pe_real. */
static void PE(turn)(const pe_call *c, double place, pe_real *row)
{
    const int count = (int)c->info->plan;
    const pe_real position = pe_at(c, PE_AT_POSITION, pe_num(place));
    pe_real *sine = c->scratch, *cosine = sine + count;
    for (int k = 0; k < count; k++)
        sine[k] = position * c->plan[k];
    pe_store(c, PE_AT_PHASE, (size_t)count, sine);
    c->lent->turn(count, sine, sine, cosine);
    for (int k = 0; k < count; k++)
        PE(put)(c, k, sine[k], cosine[k], row);
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->dims->model_dim;
    for (int t = 0; t < n; t++)
        rows[(size_t)(t + 1) * (size_t)width - 1] = 0; /* the column that concat may leave open */
    if (pe_opt_int(c, PATH) == EXACT) {
        PE(exact)(c, n, coord, rows);
        return;
    }
    for (int t = 0; t < n; t++)
        PE(turn)(c, PE(place)(c, t, coord), rows + (size_t)t * (size_t)width);
}

static const pe_ops PE(ops) = {.plan = PE(plan), .embed = PE(embed)};

PE_VARIANT(sinusoidal, .title = "Sinusoidal", .source = "arXiv:1706.03762, section 3.5",
           .summary = "Each pair of columns is a hand of a clock; slow hands tell far positions.",
           .formula =
               "p(t, 2k) = \\sin(t \\omega_k), \\quad p(t, 2k+1) = \\cos(t \\omega_k), \\quad "
               "\\omega_k = \\text{base}^{-2k/d}",
           .cases = "sinusoidal_padded", PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("sinusoidal.c")
