/* SPDX-License-Identifier: MIT
 *
 * Tancik et al. 2020, Fourier Features, arXiv:2006.10739, sections 4 (the mapping) and 6 (its
 * Gaussian form): random plane waves of real coordinates in one to three axes,
 *
 *   pe(v) = [cos 2 pi B v | sin 2 pi B v],   B (features, axes) drawn once, N(0, sigma^2)
 *
 * The published code puts the sines first (`order` sin_cos), the paper the cosines. B is saved with
 * the model but not trained. sigma counts turns for each unit of the coordinate: about 10 suits
 * coordinates in [0, 1]; the default suits tokens, one unit apart. */
#include "posenc.h"

#ifdef PE_FIRST
enum { FEATURES, SIGMA, ORDER };
enum { SIN_COS, COS_SIN };
static const pe_option options[] = {
    {"features", PE_INT, 0, 0, 1 << 19, NULL, "waves; 0: half of model_dim"},
    {"sigma", PE_REAL, 0.05, 0, 1e6, NULL,
     "standard deviation of B, turns for each unit of the coordinate"},
    {"order", PE_CHOICE, SIN_COS, 0, 0, "sin_cos|cos_sin", "which half comes first"}};

enum { WAVES };

static bool setup(pe_setup *s)
{
    const int64_t given = pe_setup_int(s->opt, FEATURES);
    const int features = given > 0 ? (int)given : s->dims->model_dim / 2;
    if (s->dims->axes > 3)
        return pe_refuse(s, "axes is %d, but must be from 1 to 3", s->dims->axes);
    if (features < 1)
        return pe_refuse(s, "model_dim is %d, but a wave needs 2 columns", s->dims->model_dim);
    pe_add_param(s, "B", PE_INIT_NORMAL, pe_setup_real(s->opt, SIGMA), 2, features, s->dims->axes,
                 0);
    s->param[WAVES].frozen = true;
    s->param[WAVES].per_model = true;
    s->param[WAVES].meaning = "wave vectors, turns for each unit";
    s->embed_width = 2 * features;
    if (s->embed_width != s->dims->model_dim)
        s->flags |= PE_CONCATENATE; /* it cannot be added, so it stands beside */
    s->claims = PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_BOUNDED |
                PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY;
    s->bound = 1;
    return true;
}
#endif

/* 2 pi b_f . v, radians. */
static pe_real PE(phase)(const pe_call *c, int f, const double *coord)
{
    const int axes = c->dims->axes;
    pe_real turns = 0;
    for (int a = 0; a < axes; a++)
        turns += c->w[WAVES][f * axes + a] * pe_at(c, PE_AT_POSITION, pe_num(coord[a]));
    return pe_at(c, PE_AT_PHASE, 2 * PE_PI * turns);
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int features = c->info->embed_width / 2, axes = c->dims->axes;
    const bool sines_first = pe_opt_int(c, ORDER) == SIN_COS;
    for (int t = 0; t < n; t++) {
        pe_real *row = rows + (size_t)t * (size_t)(2 * features);
        for (int f = 0; f < features; f++) {
            const pe_real phase = PE(phase)(c, f, coord + t * axes);
            row[sines_first ? f : features + f] = pe_sin(phase);
            row[sines_first ? features + f : f] = pe_cos(phase);
        }
        pe_store(c, PE_AT_TABLE, (size_t)(2 * features), row);
    }
}

/* d sin = cos d phase, d cos = -sin d phase, at the phase of `embed`. */
static void PE(embed_vjp)(const pe_call *c, int n, const double *coord, const pe_real *drows)
{
    const int features = c->info->embed_width / 2, axes = c->dims->axes;
    const bool sines_first = pe_opt_int(c, ORDER) == SIN_COS;
    for (int t = 0; t < n; t++) {
        const pe_real *drow = drows + (size_t)t * (size_t)(2 * features);
        for (int f = 0; f < features; f++) {
            const pe_real phase = PE(phase)(c, f, coord + t * axes);
            const pe_real dsine = drow[sines_first ? f : features + f];
            const pe_real dcosine = drow[sines_first ? features + f : f];
            const pe_real dphase = dsine * pe_cos(phase) - dcosine * pe_sin(phase);
            for (int a = 0; a < axes; a++)
                c->g[WAVES][f * axes + a] +=
                    2 * PE_PI * dphase * pe_at(c, PE_AT_POSITION, pe_num(coord[t * axes + a]));
        }
    }
}

static const pe_ops PE(ops) = {.embed = PE(embed), .embed_vjp = PE(embed_vjp)};

PE_VARIANT(fourier, .title = "Fourier features", .source = "arXiv:2006.10739, sections 4, 6",
           .summary = "Random waves of real coordinates: near points have similar codes.",
           .formula = "p(v) = [\\sin 2\\pi B v, \\cos 2\\pi B v], \\quad B_{fa} \\sim N(0, "
                      "\\sigma^2)",
           PE_OPTIONS(options), .setup = setup);

#include PE_NEXT("fourier.c")
