/* SPDX-License-Identifier: MIT
 *
 * Lin et al. 2025, Forgetting Transformer (FoX), arXiv:2503.02130, section 3: a forget gate per
 * token and head,
 *
 *   f_t      = sigmoid(x_t . Wf + bf)
 *   logit_ij = q_i . k_j / sqrt(D) + sum_{l = j+1 .. i} log f_l
 *            = q_i . k_j / sqrt(D) + c_i - c_j,   c_t = log f_0 + ... + log f_t
 *
 * The running sums c_t are the state that a token keeps.
 * Conventions in the wild:
 *   - the paper is causal. Read literally without a mask, c_i - c_j would reward keys to the right.
 *     Instead, `future` chooses what they get; under a causal mask the choices agree:
 *       mirror     -|c_i - c_j|: what was forgotten between the two tokens, either way;
 *       own_gates  sum_{l = i+1 .. j} log f'_l of a second set of gates, as DataDependentAlibi in
 *                  x-transformers: columns H .. 2H-1 of Wf and bf;
 *   - the published code starts at Wf ~ N(0, 0.02), bf = 0: gates of 1/2, so half is forgotten with
 *     every token. x-transformers starts at bf = 5 (`bias_init`);
 *   - with Wf = 0 it is ALiBi of slope -log sigmoid(bf): the paper's data-independent gate.
 * Numbers: c_t falls without end and c_i - c_j cancels, so a format with p bits leaves an error of
 * about 2^-p |c|. A stored c (PE_AT_TABLE) is what the next token continues from, as in a cache. */
#include "posenc.h"

#ifdef PE_FIRST
enum { FUTURE, BIAS_INIT };
enum { MIRROR, OWN_GATES };
static const pe_option options[] = {
    {"future", PE_CHOICE, MIRROR, 0, 0, "mirror|own_gates",
     "what keys to the right of the query get, when there is no causal mask"},
    {"bias_init", PE_REAL, 0, -100, 100, NULL,
     "first value of bf: the gates start at its sigmoid"}};

enum { WF, BF };

static bool setup(pe_setup *s)
{
    const bool own = pe_setup_int(s->opt, FUTURE) == OWN_GATES;
    s->state = s->dims->heads * (own ? 2 : 1);
    s->flags = PE_NEEDS_HIDDEN;
    pe_add_param(s, "Wf", PE_INIT_NORMAL, 0.02, 2, s->dims->model_dim, s->state, 0);
    pe_add_param(s, "bf", PE_INIT_CONSTANT, pe_setup_real(s->opt, BIAS_INIT), 1, s->state, 0, 0);
    s->param[WF].meaning = "hidden state to the logits of the forget gates";
    s->param[BF].meaning = "added to the logits of the forget gates";
    s->claims = PE_CLAIM_TRANSLATION_INVARIANT | PE_CLAIM_EXTRAPOLATES | PE_CLAIM_CAUSAL_ONLY |
                (own ? PE_CLAIM_DIRECTION_AWARE : (unsigned)PE_CLAIM_SYMMETRIC);
    return true;
}
#endif

/* Without overflow on either side; NaN takes the second branch and stays. */
static pe_real PE(log_sigmoid)(pe_real x)
{
    return x >= 0 ? -pe_log1p(pe_exp(-x)) : x - pe_log1p(pe_exp(x));
}

static void PE(state)(const pe_call *c, const pe_run *run, pe_real *state)
{
    const int width = c->info->state, from = c->dims->model_dim;
    c->lent->gemm(false, false, run->n, width, from, 1, run->x, from, c->w[WF], width, 0, state,
                  width);
    const pe_real *before = run->before;
    for (int t = 0; t < run->n; t++) {
        pe_real *now = state + (size_t)t * (size_t)width;
        for (int h = 0; h < width; h++) {
            const pe_real log_gate = PE(log_sigmoid)(now[h] + c->w[BF][h]);
            now[h] = pe_at(c, PE_AT_TABLE, before ? before[h] + log_gate : log_gate);
        }
        before = now;
    }
}

static void PE(logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const size_t nk = (size_t)tile->nk, width = (size_t)c->info->state;
    const bool own = pe_opt_int(c, FUTURE) == OWN_GATES;
    const int past = tile->head, future = tile->head + (own ? c->dims->heads : 0);
    for (size_t i = 0; i < (size_t)tile->nq; i++)
        for (size_t j = 0; j < nk; j++) {
            const pe_real *ci = tile->q_state + i * width, *cj = tile->k_state + j * width;
            const pe_real kept =
                tile->kj[j] <= tile->qi[i] ? ci[past] - cj[past] : cj[future] - ci[future];
            s[i * nk + j] = raw[i * nk + j] + kept;
        }
}

/* d log sigmoid(z) / dz = 1 - f = sigmoid(-z) at the gate of one token. */
static pe_real PE(shut)(const pe_call *c, const pe_real *x, int h)
{
    const int width = c->info->state;
    pe_real z = c->w[BF][h];
    for (int m = 0; m < c->dims->model_dim; m++)
        z += x[m] * c->w[WF][m * width + h];
    return 1 / (1 + pe_exp(z));
}

/* c_t = log f_0 + ... + log f_t: a gate gets all gradients from its token on. */
static void PE(state_vjp)(const pe_call *c, const pe_run *run, const pe_real *state,
                          const pe_real *dstate, pe_run_gradient *g)
{
    (void)state;
    const int width = c->info->state, from = c->dims->model_dim;
    for (int h = 0; h < width; h++) {
        pe_real later = 0;
        for (int t = run->n - 1; t >= 0; t--) {
            const pe_real *x = run->x + (size_t)t * (size_t)from;
            later += dstate[(size_t)t * (size_t)width + (size_t)h];
            const pe_real d = later * PE(shut)(c, x, h);
            c->g[BF][h] += d;
            for (int m = 0; m < from; m++) {
                c->g[WF][m * width + h] += d * x[m];
                if (g->x)
                    g->x[(size_t)t * (size_t)from + (size_t)m] += d * c->w[WF][m * width + h];
            }
        }
        if (g->before)
            g->before[h] += later;
    }
}

static void PE(logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                           const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    (void)raw;
    const size_t nk = (size_t)tile->nk, width = (size_t)c->info->state;
    const bool own = pe_opt_int(c, FUTURE) == OWN_GATES;
    const int past = tile->head, future = tile->head + (own ? c->dims->heads : 0);
    for (size_t i = 0; i < (size_t)tile->nq; i++)
        for (size_t j = 0; j < nk; j++) {
            const pe_real d = draw[i * nk + j] = ds[i * nk + j];
            const bool left = tile->kj[j] <= tile->qi[i];
            if (g->q_state)
                g->q_state[i * width + (size_t)(left ? past : future)] += left ? d : -d;
            if (g->k_state)
                g->k_state[j * width + (size_t)(left ? past : future)] += left ? -d : d;
        }
}

static const pe_ops PE(ops) = {.state = PE(state),
                               .state_vjp = PE(state_vjp),
                               .logits = PE(logits),
                               .logits_vjp = PE(logits_vjp)};

PE_VARIANT(fox, .title = "Forgetting Transformer", .source = "arXiv:2503.02130, section 3",
           PE_OPTIONS(options),
           .summary = "Every token forgets a share of what came before it, by its own content.",
           .formula = "A_{ij} = \\frac{q_i \\cdot k_j}{\\sqrt{D}} + \\sum_{l=j+1}^{i} "
                      "\\log\\sigma(w_f \\cdot x_l + b_f)",
           .setup = setup);

#include PE_NEXT("fox.c")
