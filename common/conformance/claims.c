/* Each claim is one function that looks for a counter-example; claims.h has the definitions. */
#include "conformance/claims.h"
#include "base/memory.h"
#include "conformance/share.h"
#include "core/lent.h"
#include "core/quad.h"
#include "core/stream.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[PE_CLAIM_COUNT] = {
    "translation invariant", "symmetric",        "direction-aware", "norm preserving",
    "content-free",          "bounded",          "unique",          "extrapolates",
    "causal only",           "needs even width", "relative codes"};

const char *pe_claim_name(unsigned claim)
{
    for (int i = 0; i < PE_CLAIM_COUNT; i++)
        if (claim == 1u << i)
            return names[i];
    return NULL;
}

const char *pe_claim_verdict_name(pe_claim_verdict verdict)
{
    static const char *const verdicts[] = {"held", "BROKEN", "holds, not claimed", "not claimed",
                                           "not testable"};
    return verdicts[verdict];
}

/* What a test found, before it is set against what was claimed. */
typedef enum outcome { HOLDS, FAILS, VOID } outcome;

typedef struct question {
    const pe_trial *trial;
    bool claimed;
    char *text; /* PE_CLAIM_TEXT bytes */
    double *deviation;
} question;

/* A deviation that rounding explains up to `bound`, in the units of pe_claim_result. */
static void note_deviation(const question *q, double apart, double bound)
{
    const double units = 64 * apart / bound;
    if (!(units <= *q->deviation)) /* NaN at first */
        *q->deviation = units;
}

__attribute__((format(printf, 3, 4))) static outcome answer(const question *q, outcome what,
                                                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(q->text, PE_CLAIM_TEXT, format, args);
    va_end(args);
    return what;
}

static const pe_setup *info_of(const question *q)
{
    return &q->trial->instance->info;
}

static double coordinates_reach(const question *q)
{
    const pe_trial *t = q->trial;
    return pe_largest(t->coord, (size_t)(t->tokens * t->instance->dims.axes));
}

/* ---- translation invariant ------------------------------------------------------------------- */

/* Token rows and projections for the logits of (token + code) at a place. */
typedef struct layer {
    double *table, *Wq, *Wk, *Wv;
    int64_t *ids;
} layer;

static void layer_release(layer *l)
{
    pe_release(l->table);
    pe_release(l->Wq);
    pe_release(l->Wk);
    pe_release(l->Wv);
    pe_release(l->ids);
}

static pe_status layer_draw(const pe_trial *t, layer *l, pe_error *err)
{
    const pe_dims *d = &t->instance->dims;
    const bool beside = t->instance->info.flags & PE_CONCATENATE;
    const size_t width = (size_t)(d->model_dim + (beside ? t->instance->info.embed_width : 0));
    const size_t head = (size_t)d->head_dim;
    l->table = pe_draw_normal(t, (size_t)(t->tokens * d->model_dim), "test tokens", 0, err);
    l->Wq = pe_draw_normal(t, width * head * (size_t)d->heads, "test Wq", 0, err);
    l->Wk = pe_draw_normal(t, width * head * (size_t)d->kv_heads, "test Wk", 0, err);
    l->Wv = pe_draw_normal(t, width * head * (size_t)d->kv_heads, "test Wv", 0, err);
    l->ids = pe_allocate((size_t)t->tokens, sizeof *l->ids, "test ids", err);
    if (!l->table || !l->Wq || !l->Wk || !l->Wv || !l->ids)
        return PE_MEMORY;
    for (int64_t i = 0; i < t->tokens; i++)
        l->ids[i] = i;
    return PE_OK;
}

static pe_status take_layered(const pe_trial *t, const pe_layered *layered, pe_matrices *logits,
                              pe_error *err)
{
    const size_t square = (size_t)(t->tokens * t->tokens);
    const size_t count = square * (size_t)t->instance->dims.heads;
    *logits = (pe_matrices){.heads = t->instance->dims.heads, .tokens = t->tokens};
    logits->x = pe_allocate(count, sizeof *logits->x, "logits under test", err);
    logits->allowed = pe_allocate(square, 1, "mask under test", err);
    if (!logits->x || !logits->allowed) {
        pe_matrices_release(logits);
        return PE_MEMORY;
    }
    for (size_t i = 0; i < count; i++)
        logits->x[i] = pe_wide_at(&layered->attended.logits, i);
    memcpy(logits->allowed, layered->attended.allowed, square);
    return PE_OK;
}

static pe_status layer_logits(const pe_trial *t, const layer *l, const pe_job *job,
                              pe_matrices *logits, pe_error *err)
{
    pe_wide rows = {0};
    int width = 0;
    const pe_embedding_job embedding = {
        .instance = t->instance,
        .precision = t->judge,
        .n = t->tokens,
        .ids = l->ids,
        .table = l->table,
        .vocabulary = t->tokens,
        .padding_id = -1,
        .coord = job->k_coord,
    };
    pe_status status = pe_run_embedding(&embedding, &rows, &width, err);
    pe_layered layered = {0};
    pe_layer_job layer_job = {
        .attention = *job,
        .length = t->tokens,
        .x = rows.hi,
        .x_lo = rows.lo,
        .width = width,
        .Wq = l->Wq,
        .Wk = l->Wk,
        .Wv = l->Wv,
    };
    layer_job.attention.q = layer_job.attention.k = layer_job.attention.v = NULL;
    layer_job.attention.x = NULL;
    layer_job.attention.want_logits = true;
    if (status == PE_OK)
        status = pe_run_layer(&layer_job, &layered, err);
    if (status == PE_OK)
        status = take_layered(t, &layered, logits, err);
    pe_layered_release(&layered);
    pe_wide_release(&rows);
    return status;
}

static pe_status logits_at(const pe_trial *t, const layer *l, int64_t shift, pe_matrices *logits,
                           pe_error *err)
{
    const size_t n = (size_t)t->tokens;
    *logits = (pe_matrices){0};
    int64_t *index = pe_allocate(n, sizeof *index, "shifted indices", err);
    double *coord =
        pe_allocate(n * (size_t)t->instance->dims.axes, sizeof *coord, "shifted places", err);
    pe_status status = index && coord ? PE_OK : PE_MEMORY;
    if (status == PE_OK)
        status = pe_trial_places(t, t->tokens, t->index, (double)shift, coord, err);
    pe_job job = pe_trial_job(t, t->judge, PE_REFERENCE);
    job.q_index = job.k_index = index;
    job.q_coord = job.k_coord = coord;
    for (size_t i = 0; i < n && index; i++)
        index[i] = t->index[i] + shift;
    if (status == PE_OK && t->instance->info.embed_width > 0)
        status = layer_logits(t, l, &job, logits, err);
    else if (status == PE_OK)
        status = pe_logits_of(&job, logits, err);
    pe_release(index);
    pe_release(coord);
    return status;
}

static pe_status compare_shifts(const question *q, const layer *l, const pe_matrices *here,
                                outcome *what, pe_error *err)
{
    static const int64_t shifts[] = {1, 17, 1009};
    int reached = 0;
    *what = answer(q, VOID, "no shift of 1, 17 or 1009 stays where positions are defined");
    for (size_t s = 0; s < sizeof shifts / sizeof shifts[0]; s++) {
        pe_matrices there;
        const pe_status status = logits_at(q->trial, l, shifts[s], &there, err);
        if (status == PE_USAGE)
            continue; /* beyond the places that the variant accepts */
        if (status != PE_OK)
            return status;
        const double bound = pe_rounding_bound(
            q->trial->eps, coordinates_reach(q) + (double)shifts[s], pe_matrices_largest(here));
        const pe_deviation d = pe_deviation_of(here, &there, false, bound);
        pe_matrices_release(&there);
        note_deviation(q, d.largest, bound);
        reached++;
        if (d.found) {
            *what = answer(q, FAILS,
                           "shift %lld: logit(%lld,%lld) of head %d is %.17g, and %.17g shifted "
                           "(apart %.3g, rounding explains %.3g)",
                           (long long)shifts[s], (long long)d.i, (long long)d.j, d.head, d.a, d.b,
                           fabs(d.a - d.b), bound);
            return PE_OK;
        }
        *what = answer(q, HOLDS, "%d shifts, largest deviation of the last %.3g (bound %.3g)",
                       reached, d.largest, bound);
    }
    return PE_OK;
}

static pe_status translation_invariant(const question *q, outcome *what, pe_error *err)
{
    layer l = {0};
    pe_matrices here = {0};
    pe_status status = layer_draw(q->trial, &l, err);
    if (status == PE_OK)
        status = logits_at(q->trial, &l, 0, &here, err);
    if (status == PE_OK)
        status = compare_shifts(q, &l, &here, what, err);
    pe_matrices_release(&here);
    layer_release(&l);
    return status;
}

/* ---- symmetric, direction-aware, content-free -------------------------------------------------
 */

/* Every token gets row 0 of each head: the same content everywhere, only the places differ. */
static void make_constant(const pe_trial *t, pe_trial_content *content)
{
    const pe_dims *d = &t->instance->dims;
    const int64_t T = t->tokens;
    double *const block[] = {content->q, content->k, content->v, content->x};
    const int64_t heads[] = {d->heads, d->kv_heads, d->kv_heads, 1};
    const int64_t width[] = {d->head_dim, d->head_dim, d->head_dim, d->model_dim};
    for (int b = 0; b < 4; b++)
        for (int64_t h = 0; h < heads[b]; h++)
            for (int64_t i = 1; i < T; i++)
                memcpy(block[b] + (h * T + i) * width[b], block[b] + h * T * width[b],
                       (size_t)width[b] * sizeof(double));
}

static pe_status constant_share(const pe_trial *t, uint64_t draw, pe_matrices *share, pe_error *err)
{
    pe_trial_content content;
    *share = (pe_matrices){0};
    pe_status status = pe_content_draw(t, t->tokens, draw, &content, err);
    if (status != PE_OK)
        return status;
    make_constant(t, &content);
    status = pe_share_of(t, &content, share, err);
    pe_trial_content_release(&content);
    return status;
}

enum { CONTENT_DRAWS = 3 };

/* The deviation of S from its transpose over several contents: the worst, or the first over the
 * bound. */
static pe_status mirror(const question *q, bool relative, pe_deviation *worst, double *bound,
                        pe_error *err)
{
    *worst = (pe_deviation){0};
    for (uint64_t draw = 1; draw <= CONTENT_DRAWS && !worst->found; draw++) {
        pe_matrices share;
        const pe_status status = constant_share(q->trial, draw, &share, err);
        if (status != PE_OK)
            return status;
        const double largest = pe_matrices_largest(&share);
        *bound = pe_rounding_bound(q->trial->eps, coordinates_reach(q), largest);
        if (relative && 1e-6 * largest > *bound)
            *bound = 1e-6 * largest;
        const pe_deviation d = pe_deviation_of(&share, &share, true, *bound);
        pe_matrices_release(&share);
        if (d.found || d.largest >= worst->largest)
            *worst = d;
    }
    return PE_OK;
}

static outcome describe_mirror(const question *q, outcome what, const pe_deviation *d, double bound)
{
    if (!d->found)
        return answer(q, what, "S(i,j) and S(j,i) are at most %.3g apart (bound %.3g)", d->largest,
                      bound);
    return answer(q, what, "S(%lld,%lld) of head %d is %.17g, S(%lld,%lld) is %.17g (bound %.3g)",
                  (long long)d->i, (long long)d->j, d->head, d->a, (long long)d->j, (long long)d->i,
                  d->b, bound);
}

static bool lacks_the_future(const question *q)
{
    return q->trial->causal || q->trial->tokens < 2;
}

static pe_status symmetric(const question *q, outcome *what, pe_error *err)
{
    pe_deviation d;
    double bound = 0;
    if (lacks_the_future(q)) {
        *what = answer(q, VOID, "keys after the query are not defined, so nothing can be mirrored");
        return PE_OK;
    }
    const pe_status status = mirror(q, false, &d, &bound, err);
    if (status == PE_OK)
        note_deviation(q, d.largest, bound);
    *what = describe_mirror(q, d.found ? FAILS : HOLDS, &d, bound);
    return status;
}

static pe_status direction_aware(const question *q, outcome *what, pe_error *err)
{
    pe_deviation d;
    double bound = 0;
    if (lacks_the_future(q)) {
        *what = answer(q, VOID, "keys after the query are not defined, so nothing can be mirrored");
        return PE_OK;
    }
    const pe_status status = mirror(q, true, &d, &bound, err);
    *what = describe_mirror(q, d.found ? HOLDS : FAILS, &d, bound);
    return status;
}

static pe_status content_free(const question *q, outcome *what, pe_error *err)
{
    pe_matrices a = {0}, b = {0};
    pe_trial_content other = {0};
    pe_status status = pe_share_of(q->trial, &q->trial->content, &a, err);
    if (status == PE_OK)
        status = pe_content_draw(q->trial, q->trial->tokens, 7, &other, err);
    if (status == PE_OK)
        status = pe_share_of(q->trial, &other, &b, err);
    if (status == PE_OK) {
        /* S is what is left of logits of the size of q . k: that is what was rounded. */
        const double width = q->trial->instance->dims.head_dim;
        const double bound =
            pe_rounding_bound(q->trial->eps, coordinates_reach(q), pe_matrices_largest(&a) + width);
        const pe_deviation d = pe_deviation_of(&a, &b, false, bound);
        note_deviation(q, d.largest, bound);
        *what = answer(q, d.found ? FAILS : HOLDS,
                       "S(%lld,%lld) of head %d is %.17g with one content and %.17g with another "
                       "(bound %.3g)",
                       (long long)d.i, (long long)d.j, d.head, d.a, d.b, bound);
    }
    pe_trial_content_release(&other);
    pe_matrices_release(&a);
    pe_matrices_release(&b);
    return status;
}

/* ---- norm preserving ---------------------------------------------------------------------------
 */

static pe_quad norm(const pe_quad *x, int width)
{
    pe_quad sum = 0;
    for (int c = 0; c < width; c++)
        sum += x[c] * x[c];
    return pe_quad_sqrt(sum);
}

static int mapped_width(const pe_instance *instance, pe_role role)
{
    const bool wide = role == PE_ROLE_QUERY || role == PE_ROLE_KEY;
    return wide && instance->info.mapped_width ? instance->info.mapped_width
                                               : instance->dims.head_dim;
}

typedef struct mapping {
    pe_quad *in, *out, *state, *scratch;
} mapping;

static const char *const roles[] = {"query", "key", "value", "output"};

static void compare_norms(const question *q, const mapping *m, pe_role role, int head,
                          outcome *what, double *worst)
{
    const pe_trial *t = q->trial;
    const int D = t->instance->dims.head_dim, W = mapped_width(t->instance, role);
    const double bound = pe_rounding_bound(t->eps, coordinates_reach(q), (double)norm(m->in, D));
    for (int64_t i = 0; i < t->tokens && *what != FAILS; i++) {
        const pe_quad before = norm(m->in + i * D, D), after = norm(m->out + i * W, W);
        const double apart = fabs((double)(after - before));
        *worst = apart > *worst ? apart : *worst;
        note_deviation(q, apart, bound);
        if (!(apart <= bound))
            *what = answer(q, FAILS,
                           "%s at position %lld, head %d: length %.17g became %.17g (bound %.3g)",
                           roles[role], (long long)i, head, (double)before, (double)after, bound);
    }
}

static void map_all(const question *q, const mapping *m, outcome *what)
{
    const pe_instance *instance = q->trial->instance;
    const int D = instance->dims.head_dim, T = (int)q->trial->tokens;
    pe_call_f128 call = pe_instance_call_f128(instance, T);
    call.scratch = m->scratch;
    double worst = 0;
    *what = HOLDS;
    for (int role = 0; role < 4; role++)
        for (int h = 0; h < instance->dims.heads && (instance->info.maps & PE_MAPS(role)); h++) {
            const double *x = q->trial->content.q;
            for (int64_t i = 0; i < (int64_t)T * D; i++)
                m->in[i] = (pe_quad)x[(int64_t)h * T * D + i];
            if (mapped_width(instance, (pe_role)role) == D)
                memcpy(m->out, m->in, (size_t)(T * D) * sizeof *m->in);
            instance->variant->f128->map(&call, (pe_role)role, h, T, q->trial->coord, m->state,
                                         m->in, m->out);
            compare_norms(q, m, (pe_role)role, h, what, &worst);
        }
    if (*what == HOLDS)
        answer(q, HOLDS, "largest change of a length %.3g", worst);
}

/* The double or the float build, through the core: queries and keys. */
static pe_status compare_mapped(const question *q, outcome *what, pe_error *err)
{
    const pe_trial *t = q->trial;
    const int D = t->instance->dims.head_dim;
    const int64_t n = t->instance->dims.heads * t->tokens;
    pe_job job = pe_trial_job(t, t->judge, PE_REFERENCE);
    job.want_mapped = true;
    pe_attended attended;
    const pe_status status = pe_run_attention(&job, &attended, err);
    if (status != PE_OK)
        return status;
    const int W = mapped_width(t->instance, PE_ROLE_QUERY);
    *what = HOLDS;
    for (int64_t r = 0; r < n && *what != FAILS && attended.mapped_q.count; r++) {
        double before = 0, after = 0;
        for (int c = 0; c < D; c++)
            before += t->content.q[r * D + c] * t->content.q[r * D + c];
        for (int c = 0; c < W; c++)
            after += attended.mapped_q.hi[r * W + c] * attended.mapped_q.hi[r * W + c];
        const double apart = fabs(sqrt(after) - sqrt(before));
        const double bound = pe_rounding_bound(t->eps, coordinates_reach(q), sqrt(before));
        note_deviation(q, apart, bound);
        *what = answer(q, apart <= bound ? HOLDS : FAILS,
                       "query at position %lld, head %lld: length %.9g became %.9g (bound %.3g)",
                       (long long)(r % t->tokens), (long long)(r / t->tokens), sqrt(before),
                       sqrt(after), bound);
    }
    pe_attended_release(&attended);
    return PE_OK;
}

static pe_status norm_preserving(const question *q, outcome *what, pe_error *err)
{
    const pe_instance *instance = q->trial->instance;
    if (!instance->info.maps || !instance->variant->f64->map) {
        *what = answer(q, VOID, "nothing is mapped");
        return PE_OK;
    }
    if (q->trial->judge != PE_QUADRUPLE)
        return compare_mapped(q, what, err);
    const size_t T = (size_t)q->trial->tokens, D = (size_t)instance->dims.head_dim;
    const size_t W = (size_t)mapped_width(instance, PE_ROLE_QUERY);
    const size_t states = T * (size_t)instance->info.state;
    mapping m = {
        .in = pe_allocate(T * D, sizeof(pe_quad), "vectors to map", err),
        .out = pe_allocate(T * (W > D ? W : D), sizeof(pe_quad), "mapped vectors", err),
        .state = pe_allocate(states, sizeof(pe_quad), "states", err),
        .scratch = pe_allocate(instance->info.scratch, sizeof(pe_quad), "scratch", err),
    };
    const bool whole = m.in && m.out && m.state && m.scratch;
    if (whole) {
        pe_core_stream stream;
        pe_core_stream_start(&stream, q->trial->seed, "test states", 0);
        for (size_t i = 0; i < states; i++)
            m.state[i] = (pe_quad)pe_core_uniform(&stream);
        map_all(q, &m, what);
    }
    pe_release(m.in);
    pe_release(m.out);
    pe_release(m.state);
    pe_release(m.scratch);
    return whole ? PE_OK : PE_MEMORY;
}

/* ---- bounded ------------------------------------------------------------------------------------
 */

enum { POWERS = 21, FAR_PLACES = 64, SOME_PLACES = 24 }; /* 2^0 .. 2^20, and random ones */

/* Places 0, 2^k and random ones up to `most`, in rising order. */
static int far_places(const pe_trial *t, double most, int count, int64_t *place)
{
    pe_core_stream stream;
    pe_core_stream_start(&stream, t->seed, "far places", 0);
    int n = 0;
    place[n++] = 0;
    for (int k = 0; k < POWERS && n < count && (double)(1 << k) <= most; k++)
        place[n++] = (int64_t)1 << k;
    while (n < count)
        place[n++] = (int64_t)(pe_core_uniform(&stream) * (most + 1));
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && place[k] < place[k - 1]; k--) {
            const int64_t swap = place[k];
            place[k] = place[k - 1];
            place[k - 1] = swap;
        }
    return n;
}

/* The furthest place up to `most` that the variant accepts. */
static double reach_of(const pe_instance *instance, double most)
{
    const pe_setup *s = &instance->info;
    if ((s->min_coord != 0 || s->max_coord != 0) && s->max_coord < most)
        most = floor(s->max_coord);
    if (s->rows && s->edge == PE_EDGE_UNDEFINED && (double)s->high < most)
        most = (double)s->high;
    return most;
}

typedef struct entry {
    double value; /* |entry| */
    char where[96];
} entry;

static void note(entry *largest, double value, const char *what, double at)
{
    if (fabs(value) <= largest->value)
        return;
    largest->value = fabs(value);
    snprintf(largest->where, sizeof largest->where, "%s at %g", what, at);
}

static pe_status code_entries(const question *q, entry *largest, pe_error *err)
{
    const pe_trial *t = q->trial;
    const int axes = t->instance->dims.axes, width = t->instance->info.embed_width;
    int64_t place[FAR_PLACES];
    double coord[FAR_PLACES * PE_MAX_AXES];
    const int n = far_places(t, reach_of(t->instance, 1 << 20), FAR_PLACES, place);
    for (int i = 0; i < n; i++)
        for (int a = 0; a < axes; a++)
            coord[i * axes + a] = (double)place[i];
    pe_wide codes = {0};
    const pe_status status = pe_instance_codes(t->instance, t->judge, n, coord, &codes, err);
    for (int i = 0; status == PE_OK && i < n * width; i++)
        note(largest, codes.hi[i], "a code entry", (double)place[i / width]);
    pe_wide_release(&codes);
    return status;
}

static pe_status row_entries(const question *q, entry *largest, pe_error *err)
{
    const pe_instance *instance = q->trial->instance;
    const pe_setup *s = &instance->info;
    const size_t heads = (size_t)s->row_heads, head = heads * (size_t)instance->dims.head_dim;
    const double most = s->high < 1 << 20 ? (double)s->high : 1 << 20;
    int64_t place[FAR_PLACES];
    double offset[FAR_PLACES];
    const int n = far_places(q->trial, most > 0 ? most : 0, FAR_PLACES, place);
    for (int i = 0; i < n; i++) /* half of them into the future, where that exists */
        offset[i] = i % 2 && -place[i] >= s->low ? (double)-place[i] : (double)place[i];
    const size_t width[] = {s->rows & PE_ROWS_BIAS ? heads : 0, s->rows & PE_ROWS_QUERY ? head : 0,
                            s->rows & PE_ROWS_KEY ? head : 0, s->rows & PE_ROWS_VALUE ? head : 0};
    pe_quad *x = pe_allocate((size_t)n * (heads + 3 * head), sizeof *x, "rows", err);
    pe_quad *scratch = pe_allocate(s->scratch, sizeof *scratch, "scratch", err);
    if (x && scratch) {
        pe_quad *part[4] = {x, x + (size_t)n * heads, x + (size_t)n * (heads + head),
                            x + (size_t)n * (heads + 2 * head)};
        pe_rows_f128 rows = {width[0] ? part[0] : NULL, width[1] ? part[1] : NULL,
                             width[2] ? part[2] : NULL, width[3] ? part[3] : NULL};
        pe_call_f128 call = pe_instance_call_f128(instance, q->trial->tokens);
        call.scratch = scratch;
        instance->variant->f128->relative(&call, n, offset, &rows);
        for (int p = 0; p < 4; p++)
            for (size_t i = 0; i < (size_t)n * width[p]; i++)
                note(largest, (double)part[p][i], "a row entry", offset[i / width[p]]);
    }
    const pe_status status = x && scratch ? PE_OK : PE_MEMORY;
    pe_release(x);
    pe_release(scratch);
    return status;
}

/* Scale every row of q and k to length 1, so that a mapped product has a size of its own. */
static void make_unit(double *x, int64_t rows, int64_t width)
{
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t c = 0; c < width; c++)
            sum += x[r * width + c] * x[r * width + c];
        for (int64_t c = 0; c < width && sum > 0; c++)
            x[r * width + c] /= sqrt(sum);
    }
}

static pe_status share_entries(const question *q, entry *largest, pe_error *err)
{
    pe_trial far = *q->trial; /* same instance, other places */
    const int axes = far.instance->dims.axes;
    int64_t place[SOME_PLACES];
    double coord[SOME_PLACES * PE_MAX_AXES];
    far.tokens = far_places(&far, reach_of(far.instance, 1 << 20), SOME_PLACES, place);
    for (int64_t i = 0; i < far.tokens; i++)
        for (int a = 0; a < axes; a++)
            coord[i * axes + a] = (double)place[i];
    far.index = place;
    far.coord = coord;
    pe_matrices share = {0};
    pe_trial_content content = {0};
    pe_status status = pe_content_draw(&far, far.tokens, 9, &content, err);
    if (status != PE_OK)
        return status;
    make_unit(content.q, far.instance->dims.heads * far.tokens, far.instance->dims.head_dim);
    make_unit(content.k, far.instance->dims.kv_heads * far.tokens, far.instance->dims.head_dim);
    status = pe_share_of(&far, &content, &share, err);
    for (int64_t i = 0; status == PE_OK && i < share.heads * far.tokens * far.tokens; i++)
        note(largest, (double)share.x[i], "S of the query",
             (double)place[i / far.tokens % far.tokens]);
    pe_matrices_release(&share);
    pe_trial_content_release(&content);
    return status;
}

static pe_status bounded(const question *q, outcome *what, pe_error *err)
{
    const pe_variant *v = q->trial->instance->variant;
    const pe_setup *s = info_of(q);
    const bool through_share = v->f64->pair || v->f64->logits || s->maps;
    entry largest = {.where = "nothing at all"};
    pe_status status = PE_OK;
    if (s->embed_width > 0)
        status = code_entries(q, &largest, err);
    if (status == PE_OK && s->rows && q->trial->judge == PE_QUADRUPLE)
        status = row_entries(q, &largest, err);
    if (status == PE_OK && through_share)
        status = share_entries(q, &largest, err);
    const double bound = s->bound + pe_rounding_bound(q->trial->eps, 1 << 20, s->bound);
    const bool holds = q->claimed && largest.value <= bound;
    *what = answer(q, holds ? HOLDS : FAILS, "largest entry %.17g: %s; declared bound %g",
                   largest.value, largest.where, s->bound);
    return status;
}

/* ---- unique
 * -------------------------------------------------------------------------------------- */

enum { ALL_PAIRS = 4096, UNCLAIMED_CODES = 256 };

typedef struct projected {
    double along; /* projection of the code on a random direction */
    int64_t at;
} projected;

static int by_projection(const void *a, const void *b)
{
    const projected *x = a, *y = b;
    return (x->along > y->along) - (x->along < y->along);
}

static double distance(const pe_wide *codes, int64_t a, int64_t b, int width)
{
    double sum = 0;
    for (int c = 0; c < width; c++) {
        const size_t p = (size_t)(a * width + c), r = (size_t)(b * width + c);
        const double d = (codes->hi[p] - codes->hi[r]) + (codes->lo[p] - codes->lo[r]);
        sum += d * d;
    }
    return sqrt(sum);
}

typedef struct nearest {
    double apart;
    int64_t a, b;
} nearest;

static void note_pair(nearest *n, const pe_wide *codes, int64_t a, int64_t b, int width)
{
    const double apart = distance(codes, a, b, width);
    if (apart < n->apart)
        *n = (nearest){apart, a < b ? a : b, a < b ? b : a};
}

static nearest all_pairs(const pe_wide *codes, int64_t count, int width)
{
    nearest n = {.apart = HUGE_VAL};
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = a + 1; b < count; b++)
            note_pair(&n, codes, a, b, width);
    return n;
}

/* Equal codes have equal projections, so they end up side by side. */
static pe_status neighbours(const pe_trial *t, const pe_wide *codes, int64_t count, int width,
                            nearest *n, pe_error *err)
{
    double *direction = pe_draw_normal(t, (size_t)width, "direction", 0, err);
    projected *p = pe_allocate((size_t)count, sizeof *p, "projected codes", err);
    *n = (nearest){.apart = HUGE_VAL};
    const pe_status status = direction && p ? PE_OK : PE_MEMORY;
    for (int64_t i = 0; status == PE_OK && i < count; i++) {
        p[i].at = i;
        for (int c = 0; c < width; c++)
            p[i].along += direction[c] * codes->hi[i * width + c];
    }
    if (status == PE_OK)
        qsort(p, (size_t)count, sizeof *p, by_projection);
    for (int64_t i = 1; status == PE_OK && i < count; i++)
        note_pair(n, codes, p[i - 1].at, p[i].at, width);
    pe_release(direction);
    pe_release(p);
    return status;
}

static pe_status codes_of_first(const pe_trial *t, int64_t count, pe_wide *codes, pe_error *err)
{
    int64_t *index = pe_allocate((size_t)count, sizeof *index, "indices", err);
    double *coord =
        pe_allocate((size_t)(count * t->instance->dims.axes), sizeof *coord, "coordinates", err);
    pe_status status = index && coord ? PE_OK : PE_MEMORY;
    for (int64_t i = 0; i < count && index; i++)
        index[i] = i;
    if (status == PE_OK)
        status = pe_trial_places(t, count, index, 0, coord, err);
    if (status == PE_OK)
        status = pe_instance_codes(t->instance, t->judge, count, coord, codes, err);
    pe_release(index);
    pe_release(coord);
    return status;
}

static pe_status unique(const question *q, outcome *what, pe_error *err)
{
    const pe_instance *instance = q->trial->instance;
    const int width = info_of(q)->embed_width;
    int64_t count = q->claimed ? info_of(q)->unique_up_to
                               : (int64_t)reach_of(instance, UNCLAIMED_CODES - 1) + 1;
    if (width == 0 || count < 2) {
        *what = answer(q, VOID, width ? "unique_up_to is below 2" : "there are no codes");
        return PE_OK;
    }
    pe_wide codes = {0};
    nearest n = {0};
    pe_status status = codes_of_first(q->trial, count, &codes, err);
    if (status == PE_OK && count <= ALL_PAIRS)
        n = all_pairs(&codes, count, width);
    else if (status == PE_OK)
        status = neighbours(q->trial, &codes, count, width, &n, err);
    pe_wide_release(&codes);
    if (status == PE_USAGE) { /* claimed for places that it does not accept */
        *what = answer(q, FAILS, "the first %lld positions are not all accepted", (long long)count);
        return PE_OK;
    }
    *what = answer(q, n.apart > 1e-12 ? HOLDS : FAILS,
                   "nearest of the first %lld codes: positions %lld and %lld, %.3g apart",
                   (long long)count, (long long)n.a, (long long)n.b, n.apart);
    return status;
}

/* ---- extrapolates
 * --------------------------------------------------------------------------------- */

enum { EXTRAPOLATED_TOKENS = 2048, STATED_LENGTH = 64 };

static const char *first_not_finite(const pe_attended *a)
{
    if (isnan(pe_largest(a->logits.hi, a->logits.count)) ||
        isinf(pe_largest(a->logits.hi, a->logits.count)))
        return "a logit";
    const double out = pe_largest(a->out.hi, a->out.count);
    return isfinite(out) ? NULL : "an output";
}

static pe_status codes_are_finite(const pe_trial *t, int64_t n, const double *coord, bool *finite,
                                  pe_error *err)
{
    *finite = true;
    if (t->instance->info.embed_width == 0)
        return PE_OK;
    pe_wide codes = {0};
    const pe_status status = pe_instance_codes(t->instance, PE_DOUBLE, n, coord, &codes, err);
    if (status == PE_OK)
        *finite = isfinite(pe_largest(codes.hi, codes.count));
    pe_wide_release(&codes);
    return status;
}

/* The last token looks at all that came before, up to 2048 of them. */
static pe_status attend_far(const pe_trial *t, int64_t n, const int64_t *index, const double *coord,
                            const pe_trial_content *content, pe_attended *attended, pe_error *err)
{
    const pe_job job = {
        .instance = t->instance,
        .precision = PE_DOUBLE,
        .batch = 1,
        .nq = 1,
        .nk = n,
        .q_index = index + n - 1,
        .k_index = index,
        .q_coord = coord + (n - 1) * t->instance->dims.axes,
        .k_coord = coord,
        .causal = true,
        .q = content->q,
        .k = content->k,
        .v = content->v,
        .x = content->x,
        .want_logits = true,
    };
    return pe_run_attention(&job, attended, err);
}

static pe_status extrapolates(const question *q, outcome *what, pe_error *err)
{
    const pe_trial *t = q->trial;
    const int64_t trained = t->instance->dims.max_len ? t->instance->dims.max_len : STATED_LENGTH;
    const int64_t far = 8 * trained;
    const int64_t n = far < EXTRAPOLATED_TOKENS ? far : EXTRAPOLATED_TOKENS;
    int64_t *index = pe_allocate((size_t)n, sizeof *index, "indices", err);
    double *coord =
        pe_allocate((size_t)(n * t->instance->dims.axes), sizeof *coord, "coordinates", err);
    pe_trial_content content = {0};
    pe_attended attended = {0};
    bool finite = true;
    pe_error why = {.text = "no memory"};
    pe_status status = index && coord ? PE_OK : PE_MEMORY;
    for (int64_t i = 0; i < n && index; i++)
        index[i] = far - n + 1 + i;
    if (status == PE_OK)
        status = pe_content_draw(t, n, 11, &content, err);
    if (status == PE_OK)
        status = pe_trial_places(t, n, index, 0, coord, &why);
    if (status == PE_OK)
        status = codes_are_finite(t, n, coord, &finite, &why);
    if (status == PE_OK)
        status = attend_far(t, n, index, coord, &content, &attended, &why);
    const char *bad = status == PE_OK ? first_not_finite(&attended) : NULL;
    if (status == PE_USAGE)
        *what = answer(q, FAILS, "position %lld is refused: %.200s", (long long)far, why.text);
    else if (bad || !finite)
        *what = answer(q, FAILS, "%s is not finite at 8 times the length, position %lld",
                       finite ? bad : "a code entry", (long long)far);
    else
        *what = answer(q, HOLDS, "everything is finite up to position %lld", (long long)far);
    pe_attended_release(&attended);
    pe_trial_content_release(&content);
    pe_release(index);
    pe_release(coord);
    return status == PE_USAGE ? PE_OK : status;
}

/* ---- causal only
 * ---------------------------------------------------------------------------------- */

/* Tokens after `cut` from `other`, those up to it as they are. */
static void replace_future(const pe_trial *t, int64_t cut, pe_trial_content *other)
{
    const pe_dims *d = &t->instance->dims;
    const int64_t T = t->tokens, past = cut + 1;
    double *const to[] = {other->q, other->k, other->v, other->x};
    const double *const from[] = {t->content.q, t->content.k, t->content.v, t->content.x};
    const int64_t heads[] = {d->heads, d->kv_heads, d->kv_heads, 1};
    const int64_t width[] = {d->head_dim, d->head_dim, d->head_dim, d->model_dim};
    for (int b = 0; b < 4; b++)
        for (int64_t h = 0; h < heads[b]; h++)
            memcpy(to[b] + h * T * width[b], from[b] + h * T * width[b],
                   (size_t)(past * width[b]) * sizeof(double));
}

/* Do the outputs of queries 0 .. cut have the same bits? */
static void compare_past(const question *q, const pe_attended *a, const pe_attended *b, int64_t cut,
                         outcome *what)
{
    const pe_dims *d = &q->trial->instance->dims;
    for (int64_t h = 0; h < d->heads; h++)
        for (int64_t i = 0; i <= cut; i++)
            for (int64_t c = 0; c < d->head_dim; c++) {
                const size_t at = (size_t)((h * q->trial->tokens + i) * d->head_dim + c);
                if (a->out.hi[at] == b->out.hi[at] && a->out.lo[at] == b->out.lo[at])
                    continue;
                *what = answer(q, FAILS,
                               "output %lld of query %lld, head %lld, was %.17g and is %.17g after "
                               "keys beyond %lld changed",
                               (long long)c, (long long)i, (long long)h, a->out.hi[at],
                               b->out.hi[at], (long long)cut);
                return;
            }
}

static pe_status causal_in(const question *q, pe_precision precision, pe_method method,
                           outcome *what, pe_error *err)
{
    const int64_t cut = q->trial->tokens / 2;
    pe_trial_content other = {0};
    pe_attended a = {0}, b = {0};
    pe_status status = pe_content_draw(q->trial, q->trial->tokens, 13, &other, err);
    if (status != PE_OK)
        return status;
    replace_future(q->trial, cut, &other);
    pe_job job = pe_trial_job(q->trial, precision, method);
    job.causal = true;
    status = pe_run_attention(&job, &a, err);
    job.q = other.q;
    job.k = other.k;
    job.v = other.v;
    job.x = other.x;
    if (status == PE_OK)
        status = pe_run_attention(&job, &b, err);
    if (status == PE_OK)
        compare_past(q, &a, &b, cut, what);
    pe_attended_release(&a);
    pe_attended_release(&b);
    pe_trial_content_release(&other);
    return status;
}

static pe_status causal_only(const question *q, outcome *what, pe_error *err)
{
    *what = answer(q, HOLDS, "every output up to query %lld keeps its bits",
                   (long long)(q->trial->tokens / 2));
    pe_status status = causal_in(q, q->trial->judge, PE_REFERENCE, what, err);
    if (status == PE_OK && *what == HOLDS)
        status = causal_in(q, PE_DOUBLE, PE_TILED, what, err);
    return status;
}

/* ---- needs even width
 * ------------------------------------------------------------------------------ */

static pe_status needs_even_width(const question *q, outcome *what, pe_error *err)
{
    const pe_instance *instance = q->trial->instance;
    pe_setup s = {.opt = instance->opt, .u = PE_NONE, .v = PE_NONE};
    pe_dims odd = instance->dims;
    (void)err;
    odd.head_dim |= 1;
    odd.heads = odd.kv_heads = 3;
    odd.model_dim = odd.heads * odd.head_dim;
    s.dims = &odd;
    if (instance->variant->setup(&s))
        *what = answer(q, FAILS, "setup accepts head_dim %d, model_dim %d", odd.head_dim,
                       odd.model_dim);
    else if (!s.refusal[0])
        *what = answer(q, FAILS, "setup refuses head_dim %d without a sentence", odd.head_dim);
    else
        *what = answer(q, HOLDS, "head_dim %d: %.200s", odd.head_dim, s.refusal);
    return PE_OK;
}

/* ---- relative codes
 * --------------------------------------------------------------------------------- */

static pe_status codes_shifted(const pe_trial *t, int64_t shift, pe_wide *codes, pe_error *err)
{
    const size_t n = (size_t)(t->tokens * t->instance->dims.axes);
    double *coord = pe_allocate(n, sizeof *coord, "shifted places", err);
    *codes = (pe_wide){0};
    if (!coord)
        return PE_MEMORY;
    pe_status status = pe_trial_places(t, t->tokens, t->index, (double)shift, coord, err);
    if (status == PE_OK)
        status = pe_instance_codes(t->instance, t->judge, t->tokens, coord, codes, err);
    pe_release(coord);
    return status;
}

static pe_quad code_product(const pe_wide *codes, int width, int64_t i, int64_t j)
{
    pe_quad sum = 0;
    for (int c = 0; c < width; c++)
        sum +=
            pe_wide_at(codes, (size_t)(i * width + c)) * pe_wide_at(codes, (size_t)(j * width + c));
    return sum;
}

/* p_(i+shift) . p_(j+shift) against p_0 . p_(j-i), i <= j: products are symmetric. */
static void compare_products(const question *q, const pe_wide *here, const pe_wide *there,
                             int64_t shift, outcome *what)
{
    const pe_trial *t = q->trial;
    const int width = t->instance->info.embed_width;
    const double size = fabs((double)code_product(here, width, 0, 0));
    const double bound = pe_rounding_bound(t->eps, coordinates_reach(q) + (double)shift, size);
    for (int64_t j = 0; j < t->tokens; j++)
        for (int64_t i = 0; i <= j && *what != FAILS; i++) {
            const pe_quad a = code_product(here, width, 0, j - i);
            const pe_quad b = code_product(there, width, i, j);
            const double apart = fabs((double)(a - b));
            note_deviation(q, apart, bound);
            if (!(apart <= bound))
                *what = answer(q, FAILS,
                               "codes %lld and %lld: product %.17g, but %.17g of codes 0 and %lld "
                               "(bound %.3g)",
                               (long long)(i + shift), (long long)(j + shift), (double)b, (double)a,
                               (long long)(j - i), bound);
        }
}

static pe_status relative_codes(const question *q, outcome *what, pe_error *err)
{
    static const int64_t shifts[] = {0, 1, 17, 1009};
    const pe_instance *instance = q->trial->instance;
    if (instance->info.embed_width == 0 || instance->dims.axes != 1) {
        *what = answer(q, VOID,
                       instance->info.embed_width ? "codes of several axes" : "there are no codes");
        return PE_OK;
    }
    pe_wide here = {0};
    pe_status status = codes_shifted(q->trial, 0, &here, err);
    *what = HOLDS;
    for (size_t s = 0; s < 4 && status == PE_OK && *what == HOLDS; s++) {
        pe_wide there = {0};
        status = codes_shifted(q->trial, shifts[s], &there, err);
        if (status == PE_OK)
            compare_products(q, &here, &there, shifts[s], what);
        else if (status == PE_USAGE && s > 0)
            status = PE_OK; /* beyond the places that the variant accepts */
        pe_wide_release(&there);
    }
    if (status == PE_OK && *what == HOLDS)
        answer(q, HOLDS, "products agree within %.3g of what rounding explains",
               *q->deviation / 64);
    pe_wide_release(&here);
    return status;
}

/* ---- all of them
 * ------------------------------------------------------------------------------------ */

static pe_claim_verdict judge(bool claimed, outcome what)
{
    if (what == VOID)
        return PE_VERDICT_UNTESTABLE;
    if (claimed)
        return what == HOLDS ? PE_VERDICT_HELD : PE_VERDICT_BROKEN;
    return what == HOLDS ? PE_VERDICT_UNCLAIMED : PE_VERDICT_ABSENT;
}

static pe_status verify_all(const pe_trial *trial, pe_claim_result *result, pe_error *err)
{
    static pe_status (*const tests[PE_CLAIM_COUNT])(const question *, outcome *, pe_error *) = {
        translation_invariant, symmetric,        direction_aware, norm_preserving,
        content_free,          bounded,          unique,          extrapolates,
        causal_only,           needs_even_width, relative_codes};
    for (int i = 0; i < PE_CLAIM_COUNT; i++) {
        pe_claim_result *r = &result[i];
        *r = (pe_claim_result){.claim = 1u << i, .deviation = (double)NAN};
        const question q = {trial, (trial->instance->info.claims & r->claim) != 0, r->text,
                            &r->deviation};
        outcome what = VOID;
        pe_error why;
        const pe_status status = tests[i](&q, &what, &why);
        if (status == PE_MEMORY) {
            if (err)
                *err = why;
            return status;
        }
        if (status != PE_OK)
            what = answer(&q, q.claimed ? FAILS : VOID, "the test was refused: %.240s", why.text);
        r->verdict = judge(q.claimed, what);
    }
    return PE_OK;
}

pe_status pe_claims_verify_as(const pe_claims_request *r, pe_claim_result result[PE_CLAIM_COUNT],
                              pe_error *err)
{
    pe_trial trial;
    pe_status status =
        pe_trial_begin(r->variant, r->dims, r->settings, r->setting_count, r->seed, &trial, err);
    if (status != PE_OK)
        return status;
    if (r->in)
        pe_trial_judge(&trial, r->precision);
    if (r->prepare)
        status = r->prepare(r->context, trial.instance, err);
    if (status == PE_OK)
        status = verify_all(&trial, result, err);
    pe_trial_end(&trial);
    return status;
}

pe_status pe_claims_verify(const pe_variant *variant, const pe_dims *dims,
                           const pe_setting *settings, int setting_count, uint64_t seed,
                           pe_claim_result result[PE_CLAIM_COUNT], pe_error *err)
{
    const pe_claims_request request = {.variant = variant,
                                       .dims = dims,
                                       .settings = settings,
                                       .setting_count = setting_count,
                                       .seed = seed};
    return pe_claims_verify_as(&request, result, err);
}
