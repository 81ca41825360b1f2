/* SPDX-License-Identifier: MIT
 *
 * Learned absolute positions: one trained row for each position, added to the token's row.
 *
 *   x_t = token_t + pos_t,  pos (max_len, d) trained
 *
 * Gehring et al. 2017, arXiv:1705.03122, section 3.1; Vaswani et al. 2017, arXiv:1706.03762, table
 * 3 row E; BERT, GPT-2. There is no row beyond the table: `beyond` says what then happens.
 * Frameworks raise an error (refuse); silent clamping and wrapping exist in the wild and are
 * options here so that their effect can be seen. `init` sinusoidal starts from the fixed table
 * (arXiv:1706.03762). */
#include "posenc.h"

#ifdef PE_FIRST
enum { MAX_LEN, INIT, SIGMA, BEYOND };
enum { NORMAL, UNIFORM, SINUSOIDAL };
enum { REFUSE, CLAMP, WRAP };
static const pe_option options[] = {
    {"max_len", PE_INT, 0, 0, 1 << 28, NULL,
     "rows of the table, in tokens; 0: the training length, or 512 when that is not stated"},
    {"init", PE_CHOICE, NORMAL, 0, 0, "normal|uniform|sinusoidal", "how the table starts"},
    {"sigma", PE_REAL, 0.02, 0, 100, NULL,
     "standard deviation of init normal, half width of init uniform"},
    {"beyond", PE_CHOICE, REFUSE, 0, 0, "refuse|clamp|wrap", "at positions without a row"}};

enum { POS };

static int64_t table_rows(const pe_setup *s)
{
    const int64_t given = pe_setup_int(s->opt, MAX_LEN);
    return given > 0 ? given : s->dims->max_len > 0 ? s->dims->max_len : 512;
}

static bool setup(pe_setup *s)
{
    const int64_t rows = table_rows(s), width = s->dims->model_dim;
    const double sigma = pe_setup_real(s->opt, SIGMA);
    const int64_t init = pe_setup_int(s->opt, INIT), beyond = pe_setup_int(s->opt, BEYOND);
    if (s->dims->axes != 1)
        return pe_refuse(s, "axes is %d, but the table has one row for each position of one axis",
                         s->dims->axes);
    pe_add_param(s, "pos", init == NORMAL ? PE_INIT_NORMAL : PE_INIT_HOOK, sigma, 2, rows, width,
                 0);
    if (init == UNIFORM) {
        s->param[POS].init = PE_INIT_UNIFORM;
        s->param[POS].a = -sigma;
        s->param[POS].b = sigma;
    }
    s->param[POS].meaning = "one row for each position";
    s->param[POS].per_model = true;
    s->embed_width = (int)width;
    s->flags = PE_WHOLE_COORDINATES;
    s->claims = PE_CLAIM_SYMMETRIC | PE_CLAIM_CONTENT_FREE | PE_CLAIM_CAUSAL_ONLY;
    if (beyond == REFUSE)
        s->max_coord = (double)(rows - 1);
    else
        s->claims |= PE_CLAIM_EXTRAPOLATES;
    if (beyond == REFUSE && rows == 1)
        s->min_coord = -0.5; /* both ends 0 would mean: any coordinate */
    return true;
}

/* init sinusoidal: the interleaved table of arXiv:1706.03762, section 3.5, base 10000. */
static void init(const pe_setup *s, int which, pe_random *random, double *out)
{
    (void)random;
    const int64_t rows = s->param[which].shape[0], width = s->param[which].shape[1];
    for (int64_t t = 0; t < rows; t++)
        for (int64_t c = 0; c < width; c++) {
            const double phase = (double)t * pow(10000, -(double)(c - c % 2) / (double)width);
            out[t * width + c] = c % 2 ? cos(phase) : sin(phase);
        }
}

/* A position can be whole and yet too large for an int64, so the row is found in double. */
static int64_t row_of(const pe_value *opt, int64_t rows, double coord)
{
    const double last = (double)(rows - 1);
    if (pe_setup_int(opt, BEYOND) == WRAP) {
        const double rest = fmod(coord, (double)rows);
        return (int64_t)(rest < 0 ? rest + (double)rows : rest);
    }
    return (int64_t)(coord < 0 ? 0 : coord > last ? last : coord);
}
#endif

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->info->embed_width;
    const int64_t table = c->info->param[POS].shape[0];
    for (int t = 0; t < n; t++) {
        const pe_real *row = c->w[POS] + row_of(c->opt, table, coord[t * c->dims->axes]) * width;
        for (int k = 0; k < width; k++)
            rows[(size_t)t * (size_t)width + (size_t)k] = row[k];
    }
}

static void PE(embed_vjp)(const pe_call *c, int n, const double *coord, const pe_real *drows)
{
    const int width = c->info->embed_width;
    const int64_t table = c->info->param[POS].shape[0];
    for (int t = 0; t < n; t++)
        pe_add_scaled(c->g[POS] + row_of(c->opt, table, coord[t * c->dims->axes]) * width, 1,
                      drows + (size_t)t * (size_t)width, width);
}

static const pe_ops PE(ops) = {.embed = PE(embed), .embed_vjp = PE(embed_vjp)};

PE_VARIANT(learned, .title = "Learned absolute", .source = "arXiv:1705.03122, section 3.1",
           .summary = "A trained row for each position; before training it is noise.",
           .formula = "x_t = e_t + p_t", PE_OPTIONS(options), .setup = setup, .init = init);

#include PE_NEXT("learned.c")
