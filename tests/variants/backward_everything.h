/* A variant for test_backward_plan.c that has what no shipped one has: a plan that depends on a
 * parameter, a map that widens and reads the state, a tile of all heads. No encoding of use. */
#include "posenc.h"

#ifdef PE_FIRST
static bool setup(pe_setup *s)
{
    s->param[pe_add_param(s, "a", PE_INIT_CONSTANT, 1, 1, 2, 0, 0)].meaning = "exponents";
    s->plan = 2;
    s->plan_depends = PE_ON_PARAMETERS;
    s->maps = PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY) | PE_MAPS(PE_ROLE_VALUE);
    s->mapped_width = s->dims->head_dim + 1;
    s->state = 1;
    s->flags = PE_HEADS_TOGETHER;
    return true;
}
#endif

static void PE(plan)(const pe_call *c, pe_real *plan)
{
    for (int i = 0; i < 2; i++)
        plan[i] = pe_exp(c->w[0][i]);
}

static void PE(plan_vjp)(const pe_call *c, const pe_real *dplan)
{
    for (int i = 0; i < 2; i++)
        c->g[0][i] += dplan[i] * pe_exp(c->w[0][i]);
}

/* (x, x_0 state) plan_0; the value is only scaled. */
static void PE(map)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                    const pe_real *state, const pe_real *in, pe_real *out)
{
    (void)head, (void)coord;
    const int D = c->dims->head_dim, width = role == PE_ROLE_VALUE ? D : D + 1;
    for (int t = 0; t < n; t++)
        for (int d = 0; d < width; d++)
            out[t * width + d] = c->plan[0] * (d < D ? in[t * D + d] : in[t * D] * state[t]);
}

static void PE(map_vjp)(const pe_call *c, pe_role role, int head, int n, const double *coord,
                        const pe_real *state, const pe_real *in, const pe_real *dout, pe_real *din,
                        pe_real *dstate)
{
    (void)head, (void)coord;
    const int D = c->dims->head_dim, width = role == PE_ROLE_VALUE ? D : D + 1;
    for (int t = 0; t < n; t++)
        for (int d = 0; d < width; d++) {
            const pe_real x = in[t * D + (d < D ? d : 0)], factor = d < D ? 1 : state[t];
            const pe_real dx = dout[t * width + d];
            c->dplan[0] += dx * x * factor;
            din[t * D + (d < D ? d : 0)] += dx * c->plan[0] * factor;
            if (d == D)
                dstate[t] += dx * c->plan[0] * x;
        }
}

/* The running sum of the first column of the first key head. */
static void PE(state)(const pe_call *c, const pe_run *run, pe_real *state)
{
    for (int t = 0; t < run->n; t++)
        state[t] = run->k[t * c->dims->head_dim] + (t > 0         ? state[t - 1]
                                                    : run->before ? run->before[0]
                                                                  : 0);
}

static void PE(state_vjp)(const pe_call *c, const pe_run *run, const pe_real *state,
                          const pe_real *dstate, pe_run_gradient *g)
{
    (void)state;
    pe_real later = 0;
    for (int t = run->n - 1; t >= 0; t--) {
        later += dstate[t];
        if (g->k)
            g->k[t * c->dims->head_dim] += later;
    }
    if (g->before)
        g->before[0] += later;
}

/* s_h = raw_h raw_{h+1} + plan_1 q_h0 k_h0 */
static void PE(logits)(const pe_call *c, const pe_tile *tile, const pe_real *raw, pe_real *s)
{
    const int H = c->dims->heads, D = c->dims->head_dim, nq = tile->nq, nk = tile->nk;
    for (int h = 0; h < H; h++)
        for (int p = 0; p < nq * nk; p++)
            s[h * nq * nk + p] =
                raw[h * nq * nk + p] * raw[(h + 1) % H * nq * nk + p] +
                c->plan[1] * tile->q[(h * nq + p / nk) * D] * tile->k[(h * nk + p % nk) * D];
}

static void PE(logits_vjp)(const pe_call *c, const pe_tile *tile, const pe_real *raw,
                           const pe_real *ds, pe_real *draw, pe_tile_gradient *g)
{
    const int H = c->dims->heads, D = c->dims->head_dim, nq = tile->nq, nk = tile->nk;
    for (int h = 0; h < H; h++)
        for (int p = 0; p < nq * nk; p++) {
            const int next = (h + 1) % H * nq * nk + p, last = (h + H - 1) % H * nq * nk + p;
            const int i = (h * nq + p / nk) * D, j = (h * nk + p % nk) * D;
            const pe_real d = ds[h * nq * nk + p];
            draw[h * nq * nk + p] = d * raw[next] + ds[last] * raw[last];
            c->dplan[1] += d * tile->q[i] * tile->k[j];
            if (g->q)
                g->q[i] += d * c->plan[1] * tile->k[j];
            if (g->k)
                g->k[j] += d * c->plan[1] * tile->q[i];
        }
}

static const pe_ops PE(ops) = {.plan = PE(plan),
                               .plan_vjp = PE(plan_vjp),
                               .map = PE(map),
                               .map_vjp = PE(map_vjp),
                               .state = PE(state),
                               .state_vjp = PE(state_vjp),
                               .logits = PE(logits),
                               .logits_vjp = PE(logits_vjp)};
PE_VARIANT(everything, .title = "Everything", .source = "this file", .summary = "For a test.",
           .formula = "A", .setup = setup);
#include PE_NEXT("backward_everything.h")
