/* The way back from mapped vectors and states to what the caller gave. Compiled in three precisions
 * (posenc_pass.h). */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/backward.h"
#include "core/quad.h"

#include <omp.h>
#include <string.h>

#ifdef PE_FIRST
static bool trainable(const pe_setup *info)
{
    for (int p = 0; p < info->param_count; p++)
        if (!info->param[p].frozen)
            return true;
    return false;
}

const char *pe_instance_untrainable(const pe_instance *instance)
{
    const pe_ops_f64 *ops = instance->variant->f64;
    const pe_setup *info = &instance->info;
    const bool learns = trainable(info);
    const struct {
        const char *name;
        bool needed, there;
    } twin[] = {
        {"plan", ops->plan && (info->plan_depends & PE_ON_PARAMETERS), ops->plan_vjp},
        {"embed", ops->embed && info->embed_width > 0 && learns, ops->embed_vjp},
        {"map", ops->map && info->maps, ops->map_vjp},
        {"relative", ops->relative && info->rows && learns, ops->relative_vjp},
        {"pair", ops->pair && learns, ops->pair_vjp},
        {"state", ops->state && info->state > 0, ops->state_vjp},
        {"logits", ops->logits, ops->logits_vjp},
    };
    for (size_t i = 0; i < sizeof twin / sizeof twin[0]; i++)
        if (twin[i].needed && !twin[i].there)
            return twin[i].name;
    return NULL;
}

enum {
    OWN_DQ,
    OWN_DK,
    OWN_DV,
    OWN_MQ,
    OWN_MK,
    OWN_MV,
    OWN_DOUT,
    OWN_DQSTATE,
    OWN_DKSTATE,
    OWN_ALL
};
#endif

/* ---- arrays --------------------------------------------------------------------------------- */

/* The caller's array, or one that nobody will look at. */
static pe_real *PE(given_or_own)(PE(pe_backward) * w, int slot, pe_real *given, size_t count,
                                 pe_error *err)
{
    if (given)
        return given;
    w->owned[slot] = pe_allocate(count, sizeof(pe_real), "gradients", err);
    return w->owned[slot];
}

static pe_status PE(allocate_vectors)(PE(pe_backward) * w, pe_error *err)
{
    const PE(pe_parts) *p = w->p;
    const unsigned maps = p->a->instance->info.maps;
    const size_t queries = (size_t)p->a->batch * (size_t)p->H * (size_t)p->a->nq;
    const size_t keys = (size_t)p->a->batch * (size_t)p->kv_heads * (size_t)p->a->nk;
    const size_t D = (size_t)p->D, W = (size_t)p->W;
    w->dq = PE(given_or_own)(w, OWN_DQ, w->g->dq, queries * D, err);
    w->dk = PE(given_or_own)(w, OWN_DK, w->g->dk, keys * D, err);
    w->dv = PE(given_or_own)(w, OWN_DV, w->g->dv, keys * D, err);
    if (!w->dq || !w->dk || !w->dv)
        return PE_MEMORY;
    w->mq =
        PE(given_or_own)(w, OWN_MQ, maps & PE_MAPS(PE_ROLE_QUERY) ? NULL : w->dq, queries * W, err);
    w->mk = PE(given_or_own)(w, OWN_MK, maps & PE_MAPS(PE_ROLE_KEY) ? NULL : w->dk, keys * W, err);
    w->mv =
        PE(given_or_own)(w, OWN_MV, maps & PE_MAPS(PE_ROLE_VALUE) ? NULL : w->dv, keys * D, err);
    if (maps & PE_MAPS(PE_ROLE_OUTPUT)) {
        w->dout = PE(given_or_own)(w, OWN_DOUT, NULL, queries * D, err);
        if (!w->dout)
            return PE_MEMORY;
    }
    return w->mq && w->mk && w->mv ? PE_OK : PE_MEMORY;
}

static pe_status PE(allocate_states)(PE(pe_backward) * w, pe_error *err)
{
    const PE(pe_parts) *p = w->p;
    const size_t all = (size_t)w->copies * (size_t)p->a->batch * (size_t)p->S;
    if (p->S == 0)
        return PE_OK;
    w->dq_state = PE(given_or_own)(w, OWN_DQSTATE, NULL, all * (size_t)p->a->nq, err);
    if (w->dq_state)
        w->dk_state = PE(given_or_own)(w, OWN_DKSTATE, NULL, all * (size_t)p->a->nk, err);
    return w->dk_state ? PE_OK : PE_MEMORY;
}

/* Blocks are cleared by the system, page by page when they are touched. */
static pe_status PE(allocate_blocks)(PE(pe_backward) * w, pe_error *err)
{
    const pe_instance *instance = w->p->a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    const pe_setup *s = &instance->info;
    const bool touched = ops->map_vjp || ops->relative_vjp || ops->pair_vjp || ops->state_vjp ||
                         ops->logits_vjp || s->u != PE_NONE || s->v != PE_NONE;
    size_t at[PE_MAX_PARAMS] = {0};
    for (int i = 0; touched && i < s->param_count; i++) {
        at[i] = w->block;
        w->block += (pe_param_count(&s->param[i]) + 15) / 16 * 16;
    }
    w->plan = w->block;
    w->block += touched ? (s->plan + 15) / 16 * 16 : 0;
    size_t total;
    if (__builtin_mul_overflow(w->block, (size_t)PE_CHUNKS, &total))
        return pe_fail(err, PE_MEMORY, "the gradients by parameters are more than memory can hold");
    w->blocks = PE(given_or_own)(w, OWN_ALL, NULL, total, err);
    for (int c = 0; w->blocks && c < PE_CHUNKS; c++)
        for (int i = 0; i < s->param_count; i++)
            w->param[c][i] = w->blocks + (size_t)c * w->block + at[i];
    return w->blocks ? PE_OK : PE_MEMORY;
}

pe_status PE(pe_backward_begin)(PE(pe_backward) * w, const PE(pe_parts) * p,
                                const PE(pe_attention_gradient) * g, int copies, pe_error *err)
{
    const char *missing = pe_instance_untrainable(p->a->instance);
    *w = (PE(pe_backward)){.p = p, .g = g, .copies = copies};
    if (missing)
        return pe_fail(err, PE_USAGE,
                       "%s can be used but not trained: its hook %s has no backward twin %s_vjp",
                       p->a->instance->variant->id, missing, missing);
    pe_status status = PE(allocate_vectors)(w, err);
    if (status == PE_OK)
        status = PE(allocate_states)(w, err);
    return status == PE_OK ? PE(allocate_blocks)(w, err) : status;
}

void PE(pe_backward_release)(PE(pe_backward) * w)
{
    for (size_t i = 0; i < sizeof w->owned / sizeof w->owned[0]; i++)
        pe_release(w->owned[i]);
    *w = (PE(pe_backward)){0};
}

pe_call PE(pe_backward_call)(PE(pe_backward) * w, int chunk, pe_real *scratch)
{
    pe_call c = PE(pe_parts_call)(w->p, scratch);
    c.g = w->param[chunk];
    c.dplan = w->blocks + (size_t)chunk * w->block + w->plan;
    w->used[chunk] = true;
    return c;
}

static pe_call PE(own_call)(PE(pe_backward) * w, int chunk)
{
    return PE(pe_backward_call)(w, chunk, PE(pe_parts_own_call)(w->p).scratch);
}

/* ---- map ------------------------------------------------------------------------------------ */

/* One role and its arrays: (B, heads, n, D) before, (B, heads, n, width) after `map`. */
typedef struct PE(role) {
    pe_role role;
    int heads, width;
    int64_t n;
    const double *coord;
    const pe_real *state, *in, *dout;
    pe_real *din, *dstate;
} PE(role);

static void PE(unmap_head)(const PE(pe_parts) * p, const pe_call *c, const PE(role) * r, int64_t b,
                           int h)
{
    const int64_t vector = (b * r->heads + h) * r->n, token = b * r->n;
    const int64_t place = p->a->coord_per_batch ? token : 0;
    for (int64_t t = 0; t < r->n; t += PE_MAPPED_AT_ONCE) {
        const int64_t n = r->n - t < PE_MAPPED_AT_ONCE ? r->n - t : PE_MAPPED_AT_ONCE;
        p->a->instance->variant->PE_OPS->map_vjp(
            c, r->role, h, (int)n, r->coord + (place + t) * p->axes,
            r->state ? r->state + (token + t) * p->S : NULL, r->in + (vector + t) * p->D,
            r->dout + (vector + t) * r->width, r->din + (vector + t) * p->D,
            r->dstate ? r->dstate + (token + t) * p->S : NULL);
    }
}

/* The heads of one batch item share its states, so that they follow one another where there are
 * states. */
static void PE(unmap_role)(PE(pe_backward) * w, const PE(role) * r)
{
    const PE(pe_parts) *p = w->p;
    const int64_t together = r->dstate ? r->heads : 1;
    const int64_t units = (int64_t)p->a->batch * r->heads / together;
    const int count = pe_chunk_count(units);
    if (!(p->a->instance->info.maps & PE_MAPS(r->role)))
        return;
#pragma omp parallel for schedule(dynamic, 1)
    for (int chunk = 0; chunk < count; chunk++) {
        const pe_call c = PE(own_call)(w, chunk);
        const pe_chunk part = pe_chunk_at(units, count, chunk);
        for (int64_t at = part.from * together; at < part.to * together; at++)
            PE(unmap_head)(p, &c, r, at / r->heads, (int)(at % r->heads));
    }
}

static void PE(unmap)(PE(pe_backward) * w)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const PE(role) roles[] = {
        {PE_ROLE_QUERY, p->H, p->W, a->nq, a->q_coord, p->q_state, a->q, w->mq, w->dq, w->dq_state},
        {PE_ROLE_KEY, p->kv_heads, p->W, a->nk, a->k_coord, p->k_state, a->k, w->mk, w->dk,
         w->dk_state},
        {PE_ROLE_VALUE, p->kv_heads, p->D, a->nk, a->k_coord, p->k_state, a->v, w->mv, w->dv,
         w->dk_state}};
    for (int r = 0; r < 3; r++)
        PE(unmap_role)(w, &roles[r]);
}

void PE(pe_backward_output)(PE(pe_backward) * w, const pe_real *out)
{
    const PE(pe_parts) *p = w->p;
    const PE(role) r = {PE_ROLE_OUTPUT, p->H, p->D,       p->a->nq, p->a->q_coord,
                        p->q_state,     out,  w->g->dout, w->dout,  w->dq_state};
    PE(unmap_role)(w, &r);
}

/* ---- states --------------------------------------------------------------------------------- */

/* Of one batch item: all copies, and what queries have of the key slot with their index. */
static void PE(join_states)(PE(pe_backward) * w, int64_t b)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    pe_real *total = w->dk_state + b * a->nk * p->S;
    for (int64_t copy = 1; copy < w->copies; copy++)
        pe_add_scaled(total, 1, w->dk_state + (copy * a->batch + b) * a->nk * p->S,
                      (int)(a->nk * p->S));
    for (int64_t copy = 0; copy < w->copies; copy++)
        for (int64_t i = 0, j = 0; i < a->nq; i++) {
            j = pe_slot_of_index(a->k_index, a->nk, a->q_index[i], j);
            pe_add_scaled(total + j * p->S, 1,
                          w->dq_state + ((copy * a->batch + b) * a->nq + i) * p->S, p->S);
        }
}

static void PE(unstate)(PE(pe_backward) * w, const pe_call *c, int64_t b)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const int64_t d_model = a->instance->dims.model_dim;
    const int64_t queries = b * p->H * a->nq * p->D, keys = b * p->kv_heads * a->nk * p->D;
    const bool same = a->nq == a->nk;
    const pe_run run = {
        .n = (int)a->nk,
        .index = a->k_index,
        .coord = a->k_coord + (a->coord_per_batch ? b * a->nk * p->axes : 0),
        .x = a->x ? a->x + b * a->nk * d_model : NULL,
        .q = same ? a->q + queries : NULL,
        .k = a->k + keys,
    };
    pe_run_gradient g = {.x = w->g->dx ? w->g->dx + b * a->nk * d_model : NULL,
                         .q = same ? w->dq + queries : NULL,
                         .k = w->dk + keys};
    a->instance->variant->PE_OPS->state_vjp(c, &run, p->k_state + b * a->nk * p->S,
                                            w->dk_state + b * a->nk * p->S, &g);
}

/* States that were kept from earlier are constants. */
static void PE(unstate_all)(PE(pe_backward) * w)
{
    const PE(pe_attention) *a = w->p->a;
    const int count = pe_chunk_count(a->batch);
    if (w->p->S == 0 || a->k_state)
        return;
#pragma omp parallel for schedule(dynamic, 1)
    for (int chunk = 0; chunk < count; chunk++) {
        const pe_call c = PE(own_call)(w, chunk);
        const pe_chunk part = pe_chunk_at(a->batch, count, chunk);
        for (int64_t b = part.from; b < part.to; b++) {
            PE(join_states)(w, b);
            PE(unstate)(w, &c, b);
        }
    }
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* All blocks into the first, in their order. */
static void PE(join_blocks)(PE(pe_backward) * w)
{
    const int64_t pieces = ((int64_t)w->block + 4095) / 4096;
#pragma omp parallel for
    for (int64_t piece = 0; piece < pieces; piece++) {
        const size_t from = (size_t)piece * 4096, left = w->block - from;
        for (int c = 1; c < PE_CHUNKS; c++)
            if (w->used[c])
                pe_add_scaled(w->blocks + from, 1, w->blocks + (size_t)c * w->block + from,
                              (int)(left < 4096 ? left : 4096));
    }
}

void PE(pe_backward_end)(PE(pe_backward) * w)
{
    const pe_instance *instance = w->p->a->instance;
    const pe_setup *s = &instance->info;
    PE(unmap)(w);
    PE(unstate_all)(w);
    PE(join_blocks)(w);
    if ((s->plan_depends & PE_ON_PARAMETERS) && instance->variant->PE_OPS->plan_vjp) {
        const pe_call c = PE(own_call)(w, 0);
        instance->variant->PE_OPS->plan_vjp(&c, c.dplan);
    }
    for (int i = 0; w->block > 0 && w->g->dparam && i < s->param_count; i++)
        if (w->g->dparam[i])
            pe_add_scaled(w->g->dparam[i], 1, w->param[0][i], (int)pe_param_count(&s->param[i]));
}

#include PE_NEXT("backward.c")
