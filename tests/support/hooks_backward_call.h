/* One call of one hook, or of its twin, in one precision: all that it reads, its gradients, and
 * what it writes. hooks_backward.c includes this in each pass. */
#ifdef PE_FIRST
#include "hooks_backward.h"

enum { TOKENS = 7, QUERIES = 5, OFFSETS = 14, SLOTS = PE_MAX_PARAMS + 5 };
enum { PLAN, EMBED, MAP, RELATIVE, PAIR, STATE, LOGITS, HOOKS };
static const char *const hook_names[HOOKS] = {"plan", "embed", "map",   "relative",
                                              "pair", "state", "logits"};
/* What stands in a gradient before the twin adds to it: not 0, and exact in every precision. */
static const double stood = 2;

typedef struct where {
    int64_t index[TOKENS];
    double coord[TOKENS * PE_MAX_AXES], offset[OFFSETS];
    int offsets;
    unsigned char allowed[QUERIES * TOKENS];
} where;

/* Two indices are missing, as in a packed batch; the queries are the last tokens, and key 1 is
 * padding. */
static where make_where(const lab *l, bool causal)
{
    static const double tried[OFFSETS - 2] = {-40, -9, -3, -2, -1, 0, 1, 2, 3, 8, 13, 40};
    const bool whole = (l->info.flags & PE_WHOLE_COORDINATES) != 0;
    const double share = l->info.flags & PE_REAL_OFFSETS ? 0.25 : 0;
    const double low = (double)l->info.low, high = (double)l->info.high;
    where w = {.offsets = 0};
    for (int t = 0; t < TOKENS; t++) {
        w.index[t] = t + (t > 3 ? 2 : 0);
        for (int a = 0; a < l->dims.axes; a++)
            w.coord[t * l->dims.axes + a] = (double)w.index[t] + (whole ? 0 : 0.25 * (a + t % 2));
    }
    for (int i = 0; i < OFFSETS - 2; i++)
        if (tried[i] >= low && tried[i] + share <= high)
            w.offset[w.offsets++] = tried[i] + share;
    if (high < 1000) {
        w.offset[w.offsets++] = low;
        w.offset[w.offsets++] = high;
    }
    for (int at = 0; at < QUERIES * TOKENS; at++) {
        const int i = at / TOKENS + TOKENS - QUERIES, j = at % TOKENS;
        w.allowed[at] = j != 1 && (!causal || j <= i);
    }
    return w;
}

static bool trainable(const pe_setup *info)
{
    for (int p = 0; p < info->param_count; p++)
        if (!info->param[p].frozen)
            return true;
    return false;
}

static size_t count_of(const pe_param *p)
{
    size_t count = 1;
    for (int r = 0; r < p->rank; r++)
        count *= (size_t)p->shape[r];
    return count;
}
#endif

#if PE_PASS <= 2
/* One array that a hook reads, and its gradient. */
typedef struct PE(slot) {
    const char *name;
    size_t count;
    pe_real *x, *g;
    const unsigned char *compared; /* by element; NULL: all */
    bool overwritten;
} PE(slot);

/* One call of one hook. `part` is a head, a role and a head, or whether there is a token before. */
typedef struct PE(work) {
    lab *l;
    const where *w;
    const pe_ops *ops;
    int hook, part;
    bool asked; /* for the gradients that a caller may not want */
    pe_call c;
    PE(slot) slot[SLOTS];
    int slots;
    size_t outputs;
    pe_real *out, *upstream;
} PE(work);

static PE(slot) * PE(add_slot)(PE(work) * k, const char *name, size_t count, uint64_t *seed)
{
    PE(slot) *s = &k->slot[k->slots++];
    s->name = name;
    s->count = count;
    s->x = PE(lab_cast)(lab_draws(seed, count), count);
    s->g = lab_keep(count, sizeof *s->g);
    return s;
}

static PE(slot) * PE(find)(PE(work) * k, const char *name)
{
    static PE(slot) none;
    for (int i = 0; i < k->slots; i++)
        if (strcmp(k->slot[i].name, name) == 0)
            return &k->slot[i];
    return &none;
}
static pe_real *PE(value)(PE(work) * k, const char *name)
{
    return PE(find)(k, name)->x;
}
static pe_real *PE(wanted)(PE(work) * k, const char *name)
{
    return k->asked ? PE(find)(k, name)->g : NULL;
}

/* Role and head of part `part` of `map`. */
static pe_role PE(role)(const PE(work) * k)
{
    return (pe_role)(k->part / k->l->dims.heads);
}
static int PE(mapped_width)(const PE(work) * k)
{
    const pe_role role = PE(role)(k);
    const bool met = role == PE_ROLE_QUERY || role == PE_ROLE_KEY;
    return met && k->l->info.mapped_width ? k->l->info.mapped_width : k->l->dims.head_dim;
}

static size_t PE(rows_of)(const pe_rows *rows, const lab *l)
{
    const size_t wide = (size_t)l->dims.head_dim;
    return (rows->bias ? 1 : 0) + (rows->query ? wide : 0) + (rows->key ? wide : 0) +
           (rows->value ? wide : 0);
}

/* Rows that setup declared, one after the other in `at`; at = NULL only counts them. */
static pe_rows PE(split_rows)(const PE(work) * k, pe_real *at)
{
    const lab *l = k->l;
    const size_t bias = (size_t)k->w->offsets * (size_t)l->info.row_heads;
    const size_t wide = bias * (size_t)l->dims.head_dim;
    pe_rows rows = {0};
    pe_real **member[] = {&rows.bias, &rows.query, &rows.key, &rows.value};
    for (int i = 0; i < 4; i++)
        if (l->info.rows & 1u << i) {
            *member[i] = at;
            at += i == 0 ? bias : wide;
        }
    return rows;
}

static pe_tile PE(tile)(PE(work) * k)
{
    const where *w = k->w;
    const int axes = k->l->dims.axes, first = TOKENS - QUERIES;
    const bool alone = k->hook == LOGITS && !(k->l->info.flags & PE_HEADS_TOGETHER);
    return (pe_tile){.nq = QUERIES,
                     .nk = TOKENS,
                     .head = alone ? k->part : -1,
                     .qi = w->index + first,
                     .kj = w->index,
                     .qx = w->coord + first * axes,
                     .kx = w->coord,
                     .allowed = w->allowed,
                     .q = PE(value)(k, "q"),
                     .k = PE(value)(k, "k"),
                     .q_state = PE(value)(k, "q_state"),
                     .k_state = PE(value)(k, "k_state")};
}

static pe_run PE(run)(PE(work) * k)
{
    return (pe_run){.n = TOKENS,
                    .index = k->w->index,
                    .coord = k->w->coord,
                    .x = PE(value)(k, "x"),
                    .q = PE(value)(k, "q"),
                    .k = PE(value)(k, "k"),
                    .before = PE(value)(k, "before")};
}

static void PE(spoil)(size_t count, pe_real *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] = (pe_real)(double)NAN;
}

/* The hook itself: out is overwritten. */
static void PE(forward)(PE(work) * k)
{
    const lab *l = k->l;
    const pe_call *c = &k->c;
    const pe_tile tile = PE(tile)(k);
    const pe_run run = PE(run)(k);
    pe_rows rows = PE(split_rows)(k, k->out);
    PE(spoil)(k->outputs, k->out);
    PE(spoil)(l->info.scratch, c->scratch);
    switch (k->hook) {
    case PLAN:
        k->ops->plan(c, k->out);
        break;
    case EMBED:
        k->ops->embed(c, TOKENS, k->w->coord, k->out);
        break;
    case MAP:
        if (PE(mapped_width)(k) == l->dims.head_dim)
            memcpy(k->out, PE(value)(k, "in"), k->outputs * sizeof *k->out);
        k->ops->map(c, PE(role)(k), k->part % l->dims.heads, TOKENS, k->w->coord,
                    PE(value)(k, "state"), PE(value)(k, "in"), k->out);
        break;
    case RELATIVE:
        k->ops->relative(c, k->w->offsets, k->w->offset, &rows);
        break;
    case PAIR:
        k->ops->pair(c, &tile, k->out);
        break;
    case STATE:
        k->ops->state(c, &run, k->out);
        break;
    default:
        k->ops->logits(c, &tile, PE(value)(k, "raw"), k->out);
        break;
    }
}

/* Its twin, on gradients that hold `stood`, or NaN where they are overwritten. */
static void PE(backward)(PE(work) * k)
{
    const lab *l = k->l;
    const pe_call *c = &k->c;
    const pe_tile tile = PE(tile)(k);
    const pe_run run = PE(run)(k);
    const pe_rows drows = PE(split_rows)(k, k->upstream);
    pe_tile_gradient gt = {.q = PE(wanted)(k, "q"),
                           .k = PE(wanted)(k, "k"),
                           .q_state = PE(wanted)(k, "q_state"),
                           .k_state = PE(wanted)(k, "k_state")};
    pe_run_gradient gr = {.x = PE(wanted)(k, "x"),
                          .q = PE(wanted)(k, "q"),
                          .k = PE(wanted)(k, "k"),
                          .before = PE(wanted)(k, "before")};
    for (int s = 0; s < k->slots; s++)
        for (size_t i = 0; i < k->slot[s].count; i++)
            k->slot[s].g[i] = k->slot[s].overwritten ? (pe_real)(double)NAN : pe_num(stood);
    if (k->hook == STATE)
        PE(forward)(k); /* the twin is given what the hook wrote */
    PE(spoil)(l->info.scratch, c->scratch);
    switch (k->hook) {
    case PLAN:
        k->ops->plan_vjp(c, k->upstream);
        break;
    case EMBED:
        k->ops->embed_vjp(c, TOKENS, k->w->coord, k->upstream);
        break;
    case MAP:
        k->ops->map_vjp(c, PE(role)(k), k->part % l->dims.heads, TOKENS, k->w->coord,
                        PE(value)(k, "state"), PE(value)(k, "in"), k->upstream,
                        PE(find)(k, "in")->g, PE(find)(k, "state")->g);
        break;
    case RELATIVE:
        k->ops->relative_vjp(c, k->w->offsets, k->w->offset, &drows);
        break;
    case PAIR:
        k->ops->pair_vjp(c, &tile, k->upstream);
        break;
    case STATE:
        k->ops->state_vjp(c, &run, k->out, k->upstream, &gr);
        break;
    default:
        k->ops->logits_vjp(c, &tile, PE(value)(k, "raw"), k->upstream, PE(find)(k, "raw")->g, &gt);
        break;
    }
}

/* What the hook reads besides parameters and plan. */
static void PE(add_inputs)(PE(work) * k, uint64_t *seed)
{
    const pe_setup *info = &k->l->info;
    const size_t H = (size_t)k->l->dims.heads, D = (size_t)k->l->dims.head_dim;
    const size_t kept = (size_t)info->state;
    const bool together = (info->flags & PE_HEADS_TOGETHER) != 0;
    if (k->hook == MAP) {
        PE(add_slot)(k, "in", TOKENS * D, seed);
        if (kept)
            PE(add_slot)(k, "state", TOKENS * kept, seed);
    }
    if (k->hook == STATE) {
        PE(add_slot)(k, "q", H * TOKENS * D, seed);
        PE(add_slot)(k, "k", (size_t)k->l->dims.kv_heads * TOKENS * D, seed);
        if (info->flags & PE_NEEDS_HIDDEN)
            PE(add_slot)(k, "x", TOKENS * (size_t)k->l->dims.model_dim, seed);
        if (k->part)
            PE(add_slot)(k, "before", kept, seed);
    }
    if (k->hook == LOGITS) {
        PE(slot) *raw = PE(add_slot)(k, "raw", k->outputs, seed);
        for (size_t i = 0; i < k->outputs; i++)
            raw->x[i] = k->w->allowed[i % (QUERIES * TOKENS)] ? raw->x[i] : 0;
        raw->overwritten = true;
        raw->compared = k->w->allowed;
        PE(add_slot)(k, "q", (together ? H : 1) * QUERIES * D, seed);
        PE(add_slot)(k, "k", (together ? H : 1) * TOKENS * D, seed);
        if (kept) {
            PE(add_slot)(k, "q_state", QUERIES * kept, seed);
            PE(add_slot)(k, "k_state", TOKENS * kept, seed);
        }
    }
}

static size_t PE(output_count)(const PE(work) * k)
{
    const lab *l = k->l;
    const size_t H = (size_t)l->dims.heads, pairs = QUERIES * TOKENS;
    pe_real any;
    const pe_rows rows = PE(split_rows)(k, &any);
    switch (k->hook) {
    case PLAN:
        return l->info.plan;
    case EMBED:
        return TOKENS * (size_t)l->info.embed_width;
    case MAP:
        return TOKENS * (size_t)PE(mapped_width)(k);
    case RELATIVE:
        return (size_t)k->w->offsets * (size_t)l->info.row_heads * PE(rows_of)(&rows, l);
    case PAIR:
        return H * pairs;
    case STATE:
        return TOKENS * (size_t)l->info.state;
    default:
        return l->info.flags & PE_HEADS_TOGETHER ? H * pairs : pairs;
    }
}

static PE(work) PE(make_work)(lab *l, const where *w, int hook, int part)
{
    uint64_t seed = 7;
    PE(work) k = {.l = l, .w = w, .ops = l->variant->PE_OPS, .hook = hook, .part = part};
    pe_real **params = lab_keep(PE_MAX_PARAMS, sizeof *params);
    pe_real **gradients = lab_keep(PE_MAX_PARAMS, sizeof *gradients);
    k.c = PE(lab_call)(l);
    for (int p = 0; p < l->info.param_count; p++) {
        const size_t count = count_of(&l->info.param[p]);
        PE(slot) *s = PE(add_slot)(&k, l->info.param[p].name, count, &seed);
        for (size_t i = 0; i < count; i++)
            s->x[i] = k.c.w[p][i];
        params[p] = s->x;
        gradients[p] = s->g;
    }
    k.c.w = (const pe_real *const *)params;
    k.c.g = gradients;
    if (l->info.plan_depends & PE_ON_PARAMETERS && hook != PLAN) {
        PE(slot) *s = PE(add_slot)(&k, "plan", l->info.plan, &seed);
        for (size_t i = 0; i < l->info.plan; i++)
            s->x[i] = k.c.plan[i];
        k.c.plan = s->x;
        k.c.dplan = s->g;
    }
    k.outputs = PE(output_count)(&k);
    PE(add_inputs)(&k, &seed);
    k.out = lab_keep(k.outputs, sizeof(pe_real));
    k.upstream = PE(lab_cast)(lab_draws(&seed, k.outputs), k.outputs);
    for (size_t i = 0; hook == LOGITS && i < k.outputs; i++)
        k.upstream[i] = w->allowed[i % (QUERIES * TOKENS)] ? k.upstream[i] : 0;
    return k;
}
#endif
