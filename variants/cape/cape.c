/* SPDX-License-Identifier: MIT
 *
 * Likhomanenko et al. 2021, CAPE, arXiv:2106.03143, section 3: while training, positions are
 * shifted together, moved one by one and stretched; the code is then the usual sinusoid of real
 * positions.
 *
 *   p'_t = (p_t + shift + local_t) scale,  pe(p', 2k) = sin(p' w_k),  pe(p', 2k+1) = cos(p' w_k)
 *
 * shift ~ U(+-max_shift), local_t ~ U(+-max_local) spacings, scale = exp(U(+-ln max_scale)), drawn
 * once for a sequence (local: for each token), and only while training. `normalize` takes the mean
 * position off first. Half a spacing as max_local keeps the order of tokens.
 * Two axes (images): x, y in [-1, 1], both ends included, and
 *
 *   pe = [cos phase_j | sin phase_j],  phase_j = pi rho_j (x cos j + y sin j),  rho_j =
 * 10^(j/(h-1))
 *
 * with j in radians and h = d/2, as in the published code (gcambara/cape), whose local width is
 * half of the text's. With everything off, one axis is the sinusoidal variant, bit for bit. */
#include "posenc.h"

#ifdef PE_FIRST
enum { DELTA, NORMALIZE, SHIFT, SCALE, FREQ_SCALE, BASE, MAX_SHIFT, MAX_LOCAL, MAX_SCALE };
static const pe_option options[] = {
    {"delta", PE_REAL, 1, 1e-9, 1e9, NULL, "distance of neighbours, in the unit of positions"},
    {"normalize", PE_BOOL, 0, 0, 0, NULL, "take the mean position off"},
    {"shift", PE_LIST, 0, -1e9, 1e9, NULL,
     "fixed shift of all positions, one number for each axis"},
    {"scale", PE_REAL, 1, 1e-9, 1e9, NULL, "fixed factor on all positions"},
    {"freq_scale", PE_REAL, 1, 1e-9, 1e9, NULL, "factor on all frequencies (one axis)"},
    {"base", PE_REAL, 10000, 1, 1e12, NULL, "of the frequencies base^(-2k/d) (one axis)"},
    {"max_shift", PE_REAL, 5, 0, 1e9, NULL, "while training: largest shift of a sequence"},
    {"max_local", PE_REAL, 0.5, 0, 1e9, NULL,
     "while training: largest shift of one token, in spacings"},
    {"max_scale", PE_REAL, 1.03, 1, 1e9, NULL, "while training: largest factor, and 1 over it"}};

static bool setup(pe_setup *s)
{
    const int width = s->dims->model_dim;
    if (s->dims->axes > 2)
        return pe_refuse(s, "axes is %d, but the code is defined for 1 and 2", s->dims->axes);
    if (s->dims->axes == 2 && width % 2 != 0)
        return pe_refuse(s, "model_dim is %d, but with two axes it must be even", width);
    if (s->opt[SHIFT].n > s->dims->axes)
        return pe_refuse(s, "shift has %d numbers, but there are %d axes", s->opt[SHIFT].n,
                         s->dims->axes);
    s->embed_width = width;
    s->plan = (size_t)(s->dims->axes == 1 ? (width + 1) / 2 : width);
    s->claims = PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_BOUNDED |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    s->bound = 1;
    return true;
}

/* Index t of `points` on [-1, 1]; a single point lies in the middle. Without a grid the coordinate
 * is taken as it comes. */
static double on_unit_axis(double index, int64_t points)
{
    if (points <= 0)
        return index;
    return points == 1 ? 0 : -1 + 2 * index / (double)(points - 1);
}

static double spacing(const pe_places *p, int axis)
{
    if (p->dims->axes == 1)
        return pe_setup_real(p->opt, DELTA);
    return p->dims->grid[axis] > 1 ? 2 / (double)(p->dims->grid[axis] - 1) : 1;
}

static double uniform(pe_random *random, double reach)
{
    return reach * (2 * random->uniform(random->state) - 1);
}

/* One axis of all tokens. */
static void move_axis(const pe_places *p, int axis, double stretch, double *out)
{
    const int axes = p->dims->axes;
    double mean = 0;
    for (int64_t t = 0; t < p->n; t++) {
        const double in = p->in[t * axes + axis];
        const double x =
            axes == 1 ? in * pe_setup_real(p->opt, DELTA) : on_unit_axis(in, p->dims->grid[axis]);
        out[t * axes + axis] = x;
        mean += t < p->length ? x / (double)p->length : 0;
    }
    if (!pe_setup_bool(p->opt, NORMALIZE))
        mean = 0;
    double shift = p->opt[SHIFT].n > axis ? p->opt[SHIFT].x[axis] : 0;
    if (p->training)
        shift += uniform(p->random, pe_setup_real(p->opt, MAX_SHIFT));
    for (int64_t t = 0; t < p->n; t++) {
        double local = p->local ? p->local[t] : 0;
        if (p->training && !p->local)
            local = uniform(p->random, pe_setup_real(p->opt, MAX_LOCAL) * spacing(p, axis));
        double *at = &out[t * axes + axis];
        *at = (*at - mean + shift + local) * pe_setup_real(p->opt, SCALE) * stretch;
    }
}

static void positions(const pe_places *p, double *out)
{
    double stretch = 1;
    if (p->training)
        stretch = exp(uniform(p->random, log(pe_setup_real(p->opt, MAX_SCALE))));
    for (int axis = 0; axis < p->dims->axes; axis++)
        move_axis(p, axis, stretch, out);
}
#endif

/* One axis: frequencies. Two: for each j the factors of x and of y. */
static void PE(plan)(const pe_call *c, pe_real *plan)
{
    const int width = c->dims->model_dim, half = width / 2;
    if (c->dims->axes == 1)
        for (int k = 0; k < (int)c->info->plan; k++)
            plan[k] =
                pe_opt_real(c, FREQ_SCALE) * pe_inverse_frequency(pe_opt_double(c, BASE), k, width);
    else
        for (int j = 0; j < half; j++) {
            const pe_real rho = half > 1 ? pe_pow(10, pe_num(j) / pe_num(half - 1)) : 1;
            plan[2 * j] = PE_PI * rho * pe_cos(pe_num(j));
            plan[2 * j + 1] = PE_PI * rho * pe_sin(pe_num(j));
        }
    pe_store(c, PE_AT_FREQUENCY, c->info->plan, plan);
}

static void PE(embed_line)(const pe_call *c, const double *coord, pe_real *row)
{
    const int width = c->dims->model_dim;
    const pe_real position = pe_at(c, PE_AT_POSITION, pe_num(coord[0]));
    for (int k = 0; k < (int)c->info->plan; k++) {
        const pe_real phase = pe_at(c, PE_AT_PHASE, position * c->plan[k]);
        row[2 * k] = pe_sin(phase);
        if (2 * k + 1 < width)
            row[2 * k + 1] = pe_cos(phase);
    }
}

static void PE(embed_plane)(const pe_call *c, const double *coord, pe_real *row)
{
    const int half = c->dims->model_dim / 2;
    const pe_real x = pe_at(c, PE_AT_POSITION, pe_num(coord[0]));
    const pe_real y = pe_at(c, PE_AT_POSITION, pe_num(coord[1]));
    for (int j = 0; j < half; j++) {
        const pe_real phase = pe_at(c, PE_AT_PHASE, c->plan[2 * j] * x + c->plan[2 * j + 1] * y);
        row[j] = pe_cos(phase);
        row[half + j] = pe_sin(phase);
    }
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->dims->model_dim;
    for (int t = 0; t < n; t++) {
        pe_real *row = rows + (size_t)t * (size_t)width;
        if (c->dims->axes == 1)
            PE(embed_line)(c, coord + t, row);
        else
            PE(embed_plane)(c, coord + 2 * t, row);
        pe_store(c, PE_AT_TABLE, (size_t)width, row);
    }
}

static const pe_ops PE(ops) = {.plan = PE(plan), .embed = PE(embed)};

PE_VARIANT(cape, .title = "CAPE", .source = "arXiv:2106.03143, section 3",
           .summary = "Sinusoids of positions that are shifted and stretched while training.",
           .formula = "p'_t = (p_t + \\Delta + \\epsilon_t) e^{\\lambda}, \\quad p(t, 2k) = "
                      "\\sin(p'_t \\omega_k), \\quad p(t, 2k+1) = \\cos(p'_t \\omega_k)",
           .cases = "cape1d cape2d", PE_OPTIONS(options), .setup = setup, .positions = positions);

#include PE_NEXT("cape.c")
