/* A chunk of sequences through the network and back, in one precision: include with REAL, M(name),
 * PRECISION set. Rows of a chunk stand one after the other: row r = b n + t. Private to this room.
 */

/* What forward keeps of one layer for backward; rows R, widths as in pe_model. */
typedef struct M(layer_tape) {
    REAL *x, *mid;                     /* (R, X) before and between the two parts */
    REAL *n1, *n2;                     /* (R, X) after the norms */
    REAL *mean1, *inv1, *mean2, *inv2; /* (R) */
    REAL *q, *k, *v, *out;             /* (b, H, n or keys, D) */
    REAL *log_sum;                     /* (b, H, n) */
    REAL *joined;                      /* (R, I) */
    REAL *pre, *act;                   /* (R, F) before and after GELU */
} M(layer_tape);

typedef struct M(tape) {
    const pe_model *model;
    const REAL *w;
    int batch, first; /* sequences of this chunk, and the number of its first one */
    int64_t n, held;  /* tokens, and those of memory before them */
    size_t rows;
    const int32_t *tokens; /* (b, n) */
    int64_t *lengths;      /* (b) keys that count, or NULL */
    int64_t *index, *ids;  /* (held + n), (n) */
    double *coord;         /* (held + n, axes), or (b, ...) */
    bool per_sequence;     /* coordinates differ from sequence to sequence */
    bool training;
    uint64_t seed, step;
    pe_status (*check)(pe_error *err); /* asked within layers, or NULL */
    int total; /* sequences of the whole batch, for the numbers of the streams */
    pe_past *past;
    double *weights;                          /* of pe_evaluation, or NULL */
    M(layer_tape) layer[PE_MODEL_LAYERS + 1]; /* the last one: x only */
    REAL *final, *mean, *inv, *logits;        /* (R, X), (R), (R), (R, C) */
    REAL *wide;                               /* (R, max(3 I, F)) */
    REAL *narrow, *dx, *back;                 /* (R, X) */
    REAL *dq, *dk, *dv, *dout;                /* (b, H, n, D) */
    REAL *code;                               /* (n or R, e) */
    REAL *scratch;                            /* of hooks */
    REAL *g;                                  /* gradients of the lane */
} M(tape);

/* ---- room -------------------------------------------------------------------------------------
 */

/* Hand out parts of one block; with base NULL only count the bytes. */
typedef struct M(room) {
    char *base;
    size_t used;
} M(room);

static void *M(take)(M(room) * room, size_t count, size_t size)
{
    void *at = room->base ? room->base + room->used : NULL;
    room->used += (count * size + 63) & ~(size_t)63;
    return at;
}

#define TAKE(count) M(take)(room, (size_t)(count), sizeof(REAL))

static void M(place_layer)(M(room) * room, M(layer_tape) * t, const pe_model *m, size_t R,
                           size_t queries, size_t keys)
{
    const size_t X = (size_t)m->X, F = (size_t)m->F, I = (size_t)m->I;
    t->mid = TAKE(R * X);
    t->n1 = TAKE(R * X);
    t->n2 = TAKE(R * X);
    t->mean1 = TAKE(R);
    t->inv1 = TAKE(R);
    t->mean2 = TAKE(R);
    t->inv2 = TAKE(R);
    t->q = TAKE(queries * I);
    t->k = TAKE(keys * I);
    t->v = TAKE(keys * I);
    t->out = TAKE(queries * I);
    t->log_sum = TAKE(queries * (size_t)m->config.heads);
    t->joined = TAKE(R * I);
    t->pre = TAKE(R * F);
    t->act = TAKE(R * F);
}

/* Lay out everything for `batch` sequences; without `keep`, one layer's room serves all, but for x,
 * which alternates between two. */
static size_t M(place_tape)(M(tape) * t, void *base, bool keep)
{
    M(room) whole = {.base = base}, *room = &whole;
    const pe_model *m = t->model;
    const int L = m->config.layers;
    const size_t R = t->rows, X = (size_t)m->X, I = (size_t)m->I;
    const size_t b = (size_t)t->batch, keys = b * (size_t)(t->held + t->n);
    const size_t widest = 3 * I > (size_t)m->F ? 3 * I : (size_t)m->F;
    const pe_instance *code = pe_model_code(m);
    size_t scratch = 1;
    for (int l = 0; l <= L; l++) {
        if (keep || l < 2)
            t->layer[l].x = TAKE(R * X);
        else
            t->layer[l].x = t->layer[l - 2].x;
        if (l < L && (keep || l == 0))
            M(place_layer)(room, &t->layer[l], m, R, R, keys);
        else if (l < L) {
            REAL *x = t->layer[l].x;
            t->layer[l] = t->layer[0];
            t->layer[l].x = x;
        }
        if (l < L && m->encoding[l]->info.scratch > scratch)
            scratch = m->encoding[l]->info.scratch;
    }
    t->final = TAKE(R * X);
    t->mean = TAKE(R);
    t->inv = TAKE(R);
    t->logits = TAKE(R * (size_t)m->C);
    t->wide = TAKE(R * widest);
    t->narrow = TAKE(R * X);
    if (keep) {
        t->dx = TAKE(R * X);
        t->back = TAKE(R * X);
        t->dq = TAKE(R * I);
        t->dk = TAKE(R * I);
        t->dv = TAKE(R * I);
        t->dout = TAKE(R * I);
    }
    t->code = code ? TAKE(R * (size_t)code->info.embed_width) : NULL;
    t->scratch = TAKE(scratch);
    t->index = M(take)(room, (size_t)(t->held + t->n), sizeof *t->index);
    t->ids = M(take)(room, (size_t)(t->held + t->n), sizeof *t->ids);
    t->lengths = M(take)(room, b, sizeof *t->lengths);
    t->coord = M(take)(room, keys * (size_t)m->encoding[0]->dims.axes, sizeof *t->coord);
    return whole.used;
}

/* ---- rows times weights -------------------------------------------------------------------------
 */

/* y (R, out) = x (R, in) W^T + bias, W (out, in). */
static void M(linear)(size_t R, int in, int out, const REAL *x, const REAL *W, const REAL *bias,
                      REAL *y)
{
    for (size_t r = 0; bias && r < R; r++)
        memcpy(y + r * (size_t)out, bias, (size_t)out * sizeof *y);
    M(pe_lend).gemm(false, true, (int)R, out, in, 1, x, in, W, in, bias ? 1 : 0, y, out);
}

/* dW += dy^T x, dbias += the sum of dy's rows, and dx (R, in) = dy W. */
static void M(linear_gradient)(size_t R, int in, int out, const REAL *x, const REAL *W,
                               const REAL *dy, REAL *dW, REAL *dbias, REAL *dx)
{
    M(pe_lend).gemm(true, false, out, in, (int)R, 1, dy, out, x, in, 1, dW, in);
    for (size_t r = 0; dbias && r < R; r++)
        M(pe_elementwise_now)()->add((size_t)out, dy + r * (size_t)out, dbias);
    M(pe_lend).gemm(false, false, (int)R, in, out, 1, dy, out, W, in, 0, dx, in);
}

static void M(norms)(size_t R, int X, const REAL *x, const REAL *gain, const REAL *shift, REAL *y,
                     REAL *mean, REAL *inv)
{
    for (size_t r = 0; r < R; r++)
        M(pe_elementwise_now)
    ()->norm(X, (REAL)NORM_EPSILON, x + r * (size_t)X, gain, shift, y + r * (size_t)X, &mean[r],
             &inv[r]);
}

/* dx += the gradient through the norm. */
static void M(norms_gradient)(size_t R, int X, const REAL *x, const REAL *gain, const REAL *mean,
                              const REAL *inv, const REAL *dy, REAL *dx, REAL *dgain, REAL *dshift)
{
    for (size_t r = 0; r < R; r++)
        M(pe_elementwise_now)
    ()->norm_gradient(X, x + r * (size_t)X, gain, mean[r], inv[r], dy + r * (size_t)X,
                      dx + r * (size_t)X, dgain, dshift);
}

/* Dropout of rows, sequence by sequence, so that the draws do not depend on the chunks. Place 0 is
 * x_0, then two for each layer. */
static void M(drop)(const M(tape) * t, int place, REAL *x)
{
    const double rate = t->model->config.dropout;
    if (!t->training || rate == 0)
        return;
    const size_t count = (size_t)t->n * (size_t)t->model->X;
    for (int b = 0; b < t->batch; b++) {
        pe_core_stream stream;
        const uint64_t sequence = t->step * (uint64_t)t->total + (uint64_t)(t->first + b);
        pe_core_stream_start(&stream, t->seed, "dropout", sequence * 1024 + (uint64_t)place);
        const uint32_t key = (uint32_t)(pe_core_uniform(&stream) * 0x1p32);
        M(pe_elementwise_now)()->drop(count, key, (REAL)(1 - rate), x + (size_t)b * count);
    }
}

/* ---- heads
 * ---------------------------------------------------------------------------------------
 */

/* Column block `part` of (R, width) to (b, H, keys, D), at key `from` and after; or back. */
static void M(split)(const M(tape) * t, const REAL *rows, int width, int part, int64_t keys,
                     int64_t from, REAL *heads)
{
    const int H = t->model->config.heads, D = t->model->config.head_dim;
    for (int64_t b = 0; b < t->batch; b++)
        for (int h = 0; h < H; h++)
            for (int64_t i = 0; i < t->n; i++)
                memcpy(heads + ((b * H + h) * keys + from + i) * D,
                       rows + (b * t->n + i) * width + part * H * D + h * D,
                       (size_t)D * sizeof *heads);
}

static void M(join)(const M(tape) * t, const REAL *heads, int width, int part, REAL *rows)
{
    const int H = t->model->config.heads, D = t->model->config.head_dim;
    for (int64_t b = 0; b < t->batch; b++)
        for (int h = 0; h < H; h++)
            for (int64_t i = 0; i < t->n; i++)
                memcpy(rows + (b * t->n + i) * width + part * H * D + h * D,
                       heads + ((b * H + h) * t->n + i) * D, (size_t)D * sizeof *heads);
}

/* ---- memory
 * --------------------------------------------------------------------------------------
 */

/* What is held of this chunk's sequences, before the new keys. */
static void M(recall)(const M(tape) * t, const REAL *kept, int parts, int64_t width, REAL *all)
{
    const int64_t keys = t->held + t->n;
    for (int64_t i = 0; i < (int64_t)t->batch * parts; i++)
        memcpy(all + i * keys * width,
               kept + ((int64_t)t->first * parts + i) * t->past->capacity * width,
               (size_t)(t->held * width) * sizeof *all);
}

/* Keep the last of the keys for the next segment. */
static void M(keep)(const M(tape) * t, const REAL *all, int parts, int64_t width, REAL *kept)
{
    const int64_t keys = t->held + t->n, room = t->past->capacity;
    const int64_t last = keys < room ? keys : room;
    for (int64_t i = 0; i < (int64_t)t->batch * parts; i++)
        memcpy(kept + ((int64_t)t->first * parts + i) * room * width,
               all + (i * keys + keys - last) * width, (size_t)(last * width) * sizeof *kept);
}

/* ---- positions
 * -----------------------------------------------------------------------------------
 */

static pe_status M(find_coordinates)(M(tape) * t, int64_t start, pe_error *err)
{
    const pe_model *m = t->model;
    const int64_t keys = t->held + t->n;
    const int axes = m->encoding[0]->dims.axes;
    for (int64_t j = 0; j < keys; j++)
        t->index[j] = start - t->held + j;
    t->per_sequence = pe_model_has_positions(m);
    pe_status status = PE_OK;
    for (int b = 0; status == PE_OK && b < (t->per_sequence ? t->batch : 1); b++) {
        for (int64_t i = 0; i < t->n; i++)
            t->ids[t->held + i] = t->tokens[(int64_t)b * t->n + i];
        const pe_places_request request = {.n = keys,
                                           .start = start - t->held,
                                           .length = t->lengths ? t->lengths[b] : 0,
                                           .ids = t->held ? NULL : t->ids,
                                           .training = t->training,
                                           .seed = t->seed,
                                           .sequence = t->step * (uint64_t)t->total +
                                                       (uint64_t)(t->first + b)};
        const pe_instance *judge = m->encoding[0];
        for (int l = 0; l < m->config.layers; l++)
            judge = m->encoding[l]->variant != &pe_model_plain ? m->encoding[l] : judge;
        status = pe_instance_coordinates(judge, m->map, &request, t->coord + b * keys * axes, err);
    }
    return status;
}

/* ---- embedding
 * -----------------------------------------------------------------------------------
 */

/* The code of the new tokens, (n, e) or (R, e). */
static pe_status M(find_code)(const M(tape) * t, pe_error *err)
{
    const pe_instance *code = pe_model_code(t->model);
    const int axes = code->dims.axes, e = code->info.embed_width;
    pe_status status = PE_OK;
    for (int b = 0; status == PE_OK && b < (t->per_sequence ? t->batch : 1); b++)
        status = pe_instance_code_rows(code, PRECISION, t->n,
                                       t->coord + (b * (t->held + t->n) + t->held) * axes,
                                       t->code + (size_t)b * (size_t)t->n * (size_t)e, err);
    return status;
}

static const REAL *M(code_of_row)(const M(tape) * t, size_t r, int e)
{
    return t->code + (t->per_sequence ? r : r % (size_t)t->n) * (size_t)e;
}

static REAL M(row_scale)(const pe_model *m)
{
    return m->config.scale_embedding ? (REAL)sqrt((double)m->config.width) : 1;
}

static pe_status M(embed_tokens)(const M(tape) * t, pe_error *err)
{
    const pe_model *m = t->model;
    const pe_instance *code = pe_model_code(m);
    const int d = m->config.width, e = code ? code->info.embed_width : 0;
    const REAL scale = M(row_scale)(m);
    pe_status status = code ? M(find_code)(t, err) : PE_OK;
    for (size_t r = 0; status == PE_OK && r < t->rows; r++) {
        const REAL *row = t->w + m->embedding + (size_t)t->tokens[r] * (size_t)d;
        REAL *x = t->layer[0].x + r * (size_t)m->X;
        for (int c = 0; c < d; c++)
            x[c] = row[c] * scale;
        if (code && m->X > d)
            memcpy(x + d, M(code_of_row)(t, r, e), (size_t)e * sizeof *x);
        else if (code)
            M(pe_elementwise_now)()->add((size_t)d, M(code_of_row)(t, r, e), x);
    }
    if (status == PE_OK)
        M(drop)(t, 0, t->layer[0].x);
    return status;
}

/* Gradient by the rows of the code, (n, e) summed over the chunk's sequences, or (R, e). */
static void M(code_gradient)(M(tape) * t, const pe_instance *code)
{
    const pe_model *m = t->model;
    const int e = code->info.embed_width, from = m->X > m->config.width ? m->config.width : 0;
    const size_t count = (t->per_sequence ? t->rows : (size_t)t->n) * (size_t)e;
    memset(t->code, 0, count * sizeof *t->code);
    for (size_t r = 0; r < t->rows; r++)
        M(pe_elementwise_now)
    ()->add((size_t)e, t->dx + r * (size_t)m->X + from,
            t->code + (t->per_sequence ? r : r % (size_t)t->n) * (size_t)e);
}

static pe_status M(embed_code_gradient)(M(tape) * t, pe_error *err)
{
    const pe_model *m = t->model;
    const pe_instance *code = pe_model_code(m);
    if (!code || !code->variant->OPS->embed_vjp)
        return PE_OK;
    REAL *blocks[PE_MAX_PARAMS] = {0}, *dplan = NULL;
    for (int p = 0; p < code->info.param_count; p++)
        blocks[p] = t->g + m->at[0].pe[p];
    const bool plans = (code->info.plan_depends & PE_ON_PARAMETERS) && code->info.plan > 0;
    if (plans && !(dplan = pe_allocate(code->info.plan, sizeof *dplan, "plan's gradient", err)))
        return PE_MEMORY;
    M(code_gradient)(t, code);
    M(pe_call) c = M(pe_instance_call)(code, t->n);
    c.g = blocks;
    c.dplan = dplan;
    c.scratch = t->scratch;
    const int axes = code->dims.axes, e = code->info.embed_width;
    for (int b = 0; b < (t->per_sequence ? t->batch : 1); b++)
        code->variant->OPS->embed_vjp(&c, (int)t->n, t->coord + b * t->n * axes,
                                      t->code + (size_t)b * (size_t)t->n * (size_t)e);
    if (plans && code->variant->OPS->plan_vjp)
        code->variant->OPS->plan_vjp(&c, dplan);
    pe_release(dplan);
    return PE_OK;
}

static pe_status M(embed_gradient)(M(tape) * t, pe_error *err)
{
    const pe_model *m = t->model;
    const int d = m->config.width;
    const REAL scale = M(row_scale)(m);
    M(drop)(t, 0, t->dx);
    for (size_t r = 0; r < t->rows; r++) {
        REAL *row = t->g + m->embedding + (size_t)t->tokens[r] * (size_t)d;
        const REAL *dx = t->dx + r * (size_t)m->X;
        for (int c = 0; c < d; c++)
            row[c] += dx[c] * scale;
    }
    return M(embed_code_gradient)(t, err);
}

/* ---- attention
 * -----------------------------------------------------------------------------------
 */

/* The call for sequences from .. from + count - 1 of the chunk. */
static M(pe_attention) M(attention_call)(const M(tape) * t, int l, int from, int count)
{
    const pe_model *m = t->model;
    const M(layer_tape) *y = &t->layer[l];
    const int64_t keys = t->held + t->n, I = m->I;
    const int axes = m->encoding[l]->dims.axes;
    const double *coord = t->coord + (t->per_sequence ? from * keys * axes : 0);
    const bool real = pe_model_has_positions(m) && m->encoding[l]->info.rows != 0;
    return (M(pe_attention)){
        .instance = m->encoding[l],
        .batch = count,
        .nq = t->n,
        .nk = keys,
        .q_index = t->index + t->held,
        .k_index = t->index,
        .q_coord = coord + t->held * axes, /* without memory the two are the same array */
        .k_coord = coord,
        .coord_per_batch = t->per_sequence && !real,
        .offsets_from_coordinates = real,
        .causal = m->config.causal,
        .key_lengths = t->lengths ? t->lengths + from : NULL,
        .q = y->q + from * t->n * I,
        .k = y->k + from * keys * I,
        .v = y->v + from * keys * I,
        .x = m->encoding[l]->info.flags & PE_NEEDS_HIDDEN ? y->n1 + from * t->n * (int64_t)m->X
                                                          : NULL,
        .out = y->out + from * t->n * I,
        .row_log_sum = y->log_sum + from * t->n * (int64_t)m->config.heads,
        .check = t->check,
    };
}

/* Offsets between coordinates are shared by the sequences of a call, so that sequences with draws
 * of their own come one by one. */
static int M(calls)(const M(tape) * t, int l)
{
    const bool alone = t->per_sequence && t->model->encoding[l]->info.rows != 0;
    return alone || (t->per_sequence && t->held > 0) ? t->batch : 1;
}

/* Weights through the reference, (H, n, keys) of every sequence of the call. */
static pe_status M(show_weights)(const M(tape) * t, M(pe_attention) * a, int l, int from,
                                 pe_error *err)
{
    const size_t one = (size_t)t->model->config.heads * (size_t)(a->nq * a->nk);
    REAL *weights = pe_allocate((size_t)a->batch * one, sizeof *weights, "weights", err);
    if (!weights)
        return PE_MEMORY;
    a->weights = weights;
    pe_status status = M(pe_attend_reference)(a, err);
    double *to = t->weights + ((size_t)l * (size_t)t->total + (size_t)(t->first + from)) * one;
    for (size_t i = 0; status == PE_OK && i < (size_t)a->batch * one; i++)
        to[i] = (double)weights[i];
    pe_release(weights);
    return status;
}

static pe_status M(attend)(const M(tape) * t, int l, const REAL *hidden, pe_error *err)
{
    const int calls = M(calls)(t, l), count = t->batch / calls;
    pe_status status = PE_OK;
    for (int c = 0; status == PE_OK && c < calls; c++) {
        M(pe_attention) a = M(attention_call)(t, l, c * count, count);
        if (hidden)
            a.x = hidden + (size_t)(c * count) * (size_t)a.nk * (size_t)t->model->X;
        status =
            t->weights ? M(show_weights)(t, &a, l, c * count, err) : M(pe_attend_tiled)(&a, err);
    }
    return status;
}

/* Keys and values of memory stand before the new ones. Hidden states too, where `state` reads them:
 * *hidden is owned by the caller then. */
static pe_status M(use_memory)(const M(tape) * t, int l, REAL **hidden, pe_error *err)
{
    pe_past *past = t->past;
    const M(layer_tape) *y = &t->layer[l];
    const int H = t->model->config.heads, D = t->model->config.head_dim, X = t->model->X;
    const int64_t keys = t->held + t->n;
    *hidden = NULL;
    if (!past)
        return PE_OK;
    M(recall)(t, past->k[l], H, D, y->k);
    M(recall)(t, past->v[l], H, D, y->v);
    M(keep)(t, y->k, H, D, past->k[l]);
    M(keep)(t, y->v, H, D, past->v[l]);
    if (!past->hidden[l])
        return PE_OK;
    REAL *all = pe_allocate((size_t)t->batch * (size_t)keys * (size_t)X, sizeof *all,
                            "hidden states of memory", err);
    if (!all)
        return PE_MEMORY;
    M(recall)(t, past->hidden[l], 1, X, all);
    for (int64_t b = 0; b < t->batch; b++)
        memcpy(all + (b * keys + t->held) * X, y->n1 + b * t->n * X,
               (size_t)(t->n * X) * sizeof *all);
    M(keep)(t, all, 1, X, past->hidden[l]);
    *hidden = all;
    return PE_OK;
}

static pe_status M(attention_part)(const M(tape) * t, int l, pe_error *err)
{
    const pe_model *m = t->model;
    const pe_layer_places *at = &m->at[l];
    const M(layer_tape) *y = &t->layer[l];
    const int64_t keys = t->held + t->n;
    const int X = m->X, I = m->I;
    M(norms)(t->rows, X, y->x, t->w + at->norm1, t->w + at->shift1, y->n1, y->mean1, y->inv1);
    M(linear)(t->rows, X, 3 * I, y->n1, t->w + at->qkv, t->w + at->qkv_bias, t->wide);
    M(split)(t, t->wide, 3 * I, 0, t->n, 0, y->q);
    M(split)(t, t->wide, 3 * I, 1, keys, t->held, y->k);
    M(split)(t, t->wide, 3 * I, 2, keys, t->held, y->v);
    REAL *hidden;
    pe_status status = M(use_memory)(t, l, &hidden, err);
    if (status == PE_OK)
        status = M(attend)(t, l, hidden, err);
    pe_release(hidden);
    M(join)(t, y->out, I, 0, y->joined);
    M(linear)(t->rows, I, X, y->joined, t->w + at->out, t->w + at->out_bias, y->mid);
    M(drop)(t, 2 * l + 1, y->mid);
    M(pe_elementwise_now)()->add(t->rows * (size_t)X, y->x, y->mid);
    return status;
}

/* d_mid in t->dx becomes d_x. */
static pe_status M(attention_part_gradient)(const M(tape) * t, int l, pe_error *err)
{
    const pe_model *m = t->model;
    const pe_layer_places *at = &m->at[l];
    const M(layer_tape) *y = &t->layer[l];
    const int X = m->X, I = m->I;
    const size_t heads = t->rows * (size_t)I;
    REAL *dparam[PE_MAX_PARAMS];
    for (int p = 0; p < PE_MAX_PARAMS; p++)
        dparam[p] = t->g + at->pe[p];
    memcpy(t->narrow, t->dx, t->rows * (size_t)X * sizeof *t->narrow);
    M(drop)(t, 2 * l + 1, t->narrow);
    M(linear_gradient)
    (t->rows, I, X, y->joined, t->w + at->out, t->narrow, t->g + at->out, t->g + at->out_bias,
     t->wide);
    M(split)(t, t->wide, I, 0, t->n, 0, t->dout);
    memset(t->dq, 0, heads * sizeof *t->dq);
    memset(t->dk, 0, heads * sizeof *t->dk);
    memset(t->dv, 0, heads * sizeof *t->dv);
    const bool state = m->encoding[l]->info.flags & PE_NEEDS_HIDDEN;
    memset(t->back, 0, state ? t->rows * (size_t)X * sizeof *t->back : 0);
    const int calls = M(calls)(t, l), count = t->batch / calls;
    pe_status status = PE_OK;
    for (int c = 0; status == PE_OK && c < calls; c++) {
        const size_t from = (size_t)(c * count) * (size_t)t->n;
        const M(pe_attention) a = M(attention_call)(t, l, c * count, count);
        const M(pe_attention_gradient) g = {.dout = t->dout + from * (size_t)I,
                                            .dq = t->dq + from * (size_t)I,
                                            .dk = t->dk + from * (size_t)I,
                                            .dv = t->dv + from * (size_t)I,
                                            .dx = state ? t->back + from * (size_t)X : NULL,
                                            .dparam = dparam};
        status = ATTEND_GRADIENT(&a, &g, err);
    }
    M(join)(t, t->dq, 3 * I, 0, t->wide);
    M(join)(t, t->dk, 3 * I, 1, t->wide);
    M(join)(t, t->dv, 3 * I, 2, t->wide);
    M(linear_gradient)
    (t->rows, X, 3 * I, y->n1, t->w + at->qkv, t->wide, t->g + at->qkv, t->g + at->qkv_bias,
     t->narrow);
    if (state)
        M(pe_elementwise_now)()->add(t->rows * (size_t)X, t->back, t->narrow);
    M(norms_gradient)
    (t->rows, X, y->x, t->w + at->norm1, y->mean1, y->inv1, t->narrow, t->dx, t->g + at->norm1,
     t->g + at->shift1);
    return status;
}

/* ---- MLP
 * -----------------------------------------------------------------------------------------
 */

static void M(mlp_part)(const M(tape) * t, int l)
{
    const pe_model *m = t->model;
    const pe_layer_places *at = &m->at[l];
    const M(layer_tape) *y = &t->layer[l];
    REAL *next = t->layer[l + 1].x;
    const int X = m->X, F = m->F;
    M(norms)(t->rows, X, y->mid, t->w + at->norm2, t->w + at->shift2, y->n2, y->mean2, y->inv2);
    M(linear)(t->rows, X, F, y->n2, t->w + at->up, t->w + at->up_bias, y->pre);
    M(pe_elementwise_now)()->gelu(t->rows * (size_t)F, y->pre, y->act);
    M(linear)(t->rows, F, X, y->act, t->w + at->down, t->w + at->down_bias, next);
    M(drop)(t, 2 * l + 2, next);
    M(pe_elementwise_now)()->add(t->rows * (size_t)X, y->mid, next);
}

/* The gradient by x_(l+1) in t->dx becomes that by x_mid. */
static void M(mlp_part_gradient)(const M(tape) * t, int l)
{
    const pe_model *m = t->model;
    const pe_layer_places *at = &m->at[l];
    const M(layer_tape) *y = &t->layer[l];
    const int X = m->X, F = m->F;
    memcpy(t->narrow, t->dx, t->rows * (size_t)X * sizeof *t->narrow);
    M(drop)(t, 2 * l + 2, t->narrow);
    M(linear_gradient)
    (t->rows, F, X, y->act, t->w + at->down, t->narrow, t->g + at->down, t->g + at->down_bias,
     t->wide);
    M(pe_elementwise_now)()->gelu_gradient(t->rows * (size_t)F, y->pre, t->wide);
    M(linear_gradient)
    (t->rows, X, F, y->n2, t->w + at->up, t->wide, t->g + at->up, t->g + at->up_bias, t->narrow);
    M(norms_gradient)
    (t->rows, X, y->mid, t->w + at->norm2, y->mean2, y->inv2, t->narrow, t->dx, t->g + at->norm2,
     t->g + at->shift2);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

/* Work between two questions is a part of a layer, or within attention a block of queries. */
static pe_status M(ask)(const M(tape) * t, pe_error *err)
{
    return t->check ? t->check(err) : PE_OK;
}

static pe_status M(forward)(M(tape) * t, double *hidden, pe_error *err)
{
    const pe_model *m = t->model;
    const int L = m->config.layers;
    const size_t count = t->rows * (size_t)m->X;
    pe_status status = M(embed_tokens)(t, err);
    for (int l = 0; status == PE_OK && l <= L; l++) {
        double *to = hidden ? hidden + ((size_t)l * (size_t)t->total + (size_t)t->first) *
                                           (size_t)t->n * (size_t)m->X
                            : NULL;
        for (size_t i = 0; hidden && i < count; i++)
            to[i] = (double)t->layer[l].x[i];
        if (l == L)
            break;
        status = M(attention_part)(t, l, err);
        if (status == PE_OK)
            status = M(ask)(t, err);
        if (status == PE_OK)
            M(mlp_part)(t, l);
    }
    if (status != PE_OK)
        return status;
    M(norms)
    (t->rows, m->X, t->layer[L].x, t->w + m->norm, t->w + m->shift, t->final, t->mean, t->inv);
    M(linear)(t->rows, m->X, m->C, t->final, t->w + m->head, NULL, t->logits);
    return PE_OK;
}

/* From the gradient by logits (in t->logits), or by the last x (in t->dx), to everything. */
static pe_status M(backward)(M(tape) * t, bool from_logits, pe_error *err)
{
    const pe_model *m = t->model;
    const int L = m->config.layers;
    if (from_logits) {
        memset(t->dx, 0, t->rows * (size_t)m->X * sizeof *t->dx);
        M(linear_gradient)
        (t->rows, m->X, m->C, t->final, t->w + m->head, t->logits, t->g + m->head, NULL, t->narrow);
        M(norms_gradient)
        (t->rows, m->X, t->layer[L].x, t->w + m->norm, t->mean, t->inv, t->narrow, t->dx,
         t->g + m->norm, t->g + m->shift);
    }
    pe_status status = PE_OK;
    for (int l = L - 1; status == PE_OK && l >= 0; l--) {
        M(mlp_part_gradient)(t, l);
        status = M(ask)(t, err);
        if (status == PE_OK)
            status = M(attention_part_gradient)(t, l, err);
    }
    return status == PE_OK ? M(embed_gradient)(t, err) : status;
}

/* The logits become their gradients; the sum of the losses, times `scale`. */
static double M(losses)(const M(tape) * t, const int32_t *targets, double scale)
{
    const int C = t->model->C;
    double sum = 0;
    for (size_t r = 0; r < t->rows; r++) {
        REAL *row = t->logits + r * (size_t)C;
        if (targets[r] == PE_IGNORE)
            memset(row, 0, (size_t)C * sizeof *row);
        else
            sum += (double)M(pe_elementwise_now)()->cross_entropy(C, targets[r], (REAL)scale, row);
    }
    return sum * scale;
}

/* ---- a batch, in chunks and lanes
 * ----------------------------------------------------------------
 */

static int M(chunk_of)(int64_t n, int batch)
{
    const int chunk = n >= ROWS_OF_CHUNK ? 1 : (int)(ROWS_OF_CHUNK / n);
    return chunk < batch ? chunk : batch;
}

/* One piece of work is done by the caller: threads that are woken to wait for it cost more than a
 * token with kept keys. Gives the number of threads that must be set again. */
static int M(begin_team)(size_t pieces)
{
    const int threads = omp_get_max_threads();
    if (pieces == 1)
        omp_set_num_threads(1);
    return threads;
}

static M(tape) * M(start_tape)(const pe_pass *p, int chunk, pe_error *err)
{
    M(tape) *t = pe_allocate(1, sizeof *t, "worker", err);
    if (t)
        *t = (M(tape)){.model = p->model,
                       .w = p->model->w,
                       .batch = chunk,
                       .n = p->n,
                       .rows = (size_t)chunk * (size_t)p->n,
                       .training = p->training,
                       .seed = p->seed,
                       .step = p->step,
                       .check = p->check,
                       .total = p->batch};
    return t;
}

/* Lay the tape of a worker out for the chunk that begins at sequence `first`. */
static void M(turn_to)(M(tape) * t, const int32_t *tokens, const int64_t *lengths, int first,
                       int chunk, void *arena, bool keep)
{
    t->first = first;
    t->batch = t->total - first < chunk ? t->total - first : chunk;
    t->rows = (size_t)t->batch * (size_t)t->n;
    t->tokens = tokens + (int64_t)first * t->n;
    M(place_tape)(t, arena, keep);
    for (int b = 0; lengths && b < t->batch; b++)
        t->lengths[b] = t->held + lengths[first + b];
    if (!lengths)
        t->lengths = NULL;
}

static void M(set_cotangent)(M(tape) * t, const pe_pass *p)
{
    const size_t width = (size_t)(p->dlogits ? t->model->C : t->model->X);
    const double *from =
        (p->dlogits ? p->dlogits : p->dhidden) + (size_t)t->first * (size_t)t->n * width;
    REAL *to = p->dlogits ? t->logits : t->dx;
    for (size_t i = 0; i < t->rows * width; i++)
        to[i] = (REAL)from[i];
}

static pe_status M(run_chunk)(M(tape) * t, pe_pass *p, double scale, double *loss, pe_error *err)
{
    pe_status status = M(find_coordinates)(t, 0, err);
    if (status == PE_OK)
        status = M(forward)(t, NULL, err);
    if (status != PE_OK)
        return status;
    if (p->targets)
        *loss += M(losses)(t, p->targets + (int64_t)t->first * t->n, scale);
    else
        M(set_cotangent)(t, p);
    status = M(backward)(t, !p->dhidden, err);
    const size_t count = t->rows * (size_t)t->model->X;
    double *to =
        p->dinput ? p->dinput + (size_t)t->first * (size_t)t->n * (size_t)t->model->X : NULL;
    for (size_t i = 0; to && i < count; i++)
        to[i] = (double)t->dx[i];
    return status;
}

static int64_t M(count_asked)(const pe_pass *p)
{
    int64_t asked = 0;
    for (int64_t i = 0; p->targets && i < p->batch * p->n; i++)
        asked += p->targets[i] != PE_IGNORE;
    return asked;
}

/* A worker's arena, large enough. */
static pe_status M(grow_arena)(pe_pass_room *room, size_t worker, size_t bytes, pe_error *err)
{
    if (room->arena_bytes[worker] >= bytes)
        return PE_OK;
    pe_release(room->arena[worker]);
    room->arena[worker] = pe_allocate_unset(bytes, 1, "activations", err);
    room->arena_bytes[worker] = room->arena[worker] ? bytes : 0;
    return room->arena[worker] ? PE_OK : PE_MEMORY;
}

static pe_status M(prepare_room)(pe_pass_room *room, const pe_pass *p, size_t lanes, pe_error *err)
{
    const size_t size = p->model->size, workers = (size_t)omp_get_max_threads();
    for (; room->lanes < lanes; room->lanes++)
        if (!(room->lane[room->lanes] = pe_allocate(size, sizeof(REAL), "gradients", err)))
            return PE_MEMORY;
    if (room->workers < workers) {
        void **arena = pe_grow(room->arena, room->workers, workers, sizeof *arena, "workers", err);
        if (!arena)
            return PE_MEMORY;
        room->arena = arena;
        size_t *bytes =
            pe_grow(room->arena_bytes, room->workers, workers, sizeof *bytes, "workers", err);
        if (!bytes)
            return PE_MEMORY;
        room->arena_bytes = bytes;
        room->workers = workers;
    }
    if (!room->squares)
        room->squares = pe_allocate(size / PIECE + 1, sizeof(double), "norms", err);
    return room->squares ? PE_OK : PE_MEMORY;
}

/* Parameters that are never trained have no gradient: clipping must not see one. */
static void M(forget_frozen)(const pe_model *model, pe_pass_room *room, size_t lanes)
{
    for (size_t i = 0; i < model->block_count; i++) {
        const pe_model_block *b = &model->blocks[i];
        for (size_t lane = 0; b->frozen && lane < lanes; lane++)
            memset((REAL *)room->lane[lane] + b->from, 0, b->count * sizeof(REAL));
    }
}

/* Lane 0 becomes the sum of all, in their order; and the norm of it. */
static double M(sum_lanes)(pe_pass_room *room, size_t lanes, size_t size)
{
    const int64_t pieces = (int64_t)(size / PIECE + 1);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t piece = 0; piece < pieces; piece++) {
        const size_t from = (size_t)piece * PIECE;
        const size_t count = size - from < PIECE ? size - from : PIECE;
        REAL *sum = (REAL *)room->lane[0] + from;
        for (size_t lane = 1; lane < lanes; lane++)
            M(pe_elementwise_now)()->add(count, (const REAL *)room->lane[lane] + from, sum);
        room->squares[piece] = M(pe_elementwise_now)()->squares(count, sum);
    }
    double sum = 0;
    for (int64_t piece = 0; piece < pieces; piece++)
        sum += room->squares[piece];
    return sqrt(sum);
}

pe_status M(pe_pass_gradient)(pe_pass *p, pe_pass_room *room, pe_error *err)
{
    const int chunk = M(chunk_of)(p->n, p->batch), chunks = (p->batch + chunk - 1) / chunk;
    const size_t lanes = chunks < LANES_MOST ? (size_t)chunks : LANES_MOST;
    const int64_t asked = M(count_asked)(p);
    const double scale = asked ? 1 / (double)asked : 0;
    double loss[LANES_MOST] = {0};
    pe_status status = M(prepare_room)(room, p, lanes, err);
    for (int l = 0; status == PE_OK && l < p->model->config.layers; l++)
        status = pe_instance_prepare(p->model->encoding[l], p->n, err);
    if (status != PE_OK)
        return status;
    const int threads = M(begin_team)(lanes);
#pragma omp parallel
    {
        const size_t self = (size_t)omp_get_thread_num();
        pe_error own = {0};
        pe_status mine = PE_OK;
        M(tape) *t = M(start_tape)(p, chunk, &own);
        const size_t bytes = t ? M(place_tape)(t, NULL, true) : 0;
        mine = t ? PE_OK : PE_MEMORY;
#pragma omp for schedule(dynamic, 1)
        for (size_t lane = 0; lane < lanes; lane++) {
            if (mine == PE_OK) /* who gets no lane needs no room */
                mine = M(grow_arena)(room, self, bytes, &own);
            if (mine == PE_OK) {
                memset(room->lane[lane], 0, p->model->size * sizeof(REAL));
                t->g = room->lane[lane];
            }
            for (int c = (int)lane; mine == PE_OK && c < chunks; c += (int)lanes) {
#pragma omp atomic read
                mine = status;
                if (mine == PE_OK && p->check)
                    mine = p->check(&own);
                if (mine != PE_OK)
                    break;
                M(turn_to)(t, p->tokens, p->lengths, c * chunk, chunk, room->arena[self], true);
                mine = M(run_chunk)(t, p, scale, &loss[lane], &own);
            }
        }
        if (mine != PE_OK && own.text[0]) {
#pragma omp critical
            status = pe_fail(err, mine, "%s", own.text);
        }
        pe_release(t);
    }
    omp_set_num_threads(threads);
    if (status != PE_OK)
        return status;
    p->loss = 0;
    for (size_t lane = 0; lane < lanes; lane++)
        p->loss += loss[lane];
    M(forget_frozen)(p->model, room, lanes);
    p->norm = M(sum_lanes)(room, lanes, p->model->size);
    return PE_OK;
}

/* ---- evaluation
 * ----------------------------------------------------------------------------------
 */

/* Logits of row r to what was asked for; loss through double. */
static void M(read_row)(const M(tape) * t, size_t r, pe_evaluation *job)
{
    const int C = t->model->C;
    const size_t at = (size_t)t->first * (size_t)t->n + r;
    const REAL *row = t->logits + r * (size_t)C;
    int best = 0;
    double sum = 0;
    for (int c = 1; c < C; c++)
        best = row[c] > row[best] ? c : best;
    for (int c = 0; c < C; c++)
        sum += exp((double)row[c] - (double)row[best]);
    for (int c = 0; job->logits && c < C; c++)
        job->logits[at * (size_t)C + (size_t)c] = (double)row[c];
    if (job->best)
        job->best[at] = best;
    const int32_t target = job->targets ? job->targets[at] : PE_IGNORE;
    const double loss =
        target == PE_IGNORE ? 0 : log(sum) + (double)row[best] - (double)row[target];
    if (job->loss)
        job->loss[at] = loss;
}

static pe_status M(evaluate_chunk)(M(tape) * t, pe_evaluation *job, int64_t start, pe_error *err)
{
    pe_status status = M(find_coordinates)(t, start, err);
    if (status == PE_OK)
        status = M(forward)(t, job->hidden, err);
    for (size_t r = 0; status == PE_OK && r < t->rows; r++)
        M(read_row)(t, r, job);
    return status;
}

pe_status M(pe_pass_evaluate)(pe_model *model, pe_evaluation *job, pe_error *err)
{
    const pe_pass p = {.model = model, .batch = job->batch, .n = job->n, .check = job->check};
    const int chunk = M(chunk_of)(job->n, job->batch), chunks = (job->batch + chunk - 1) / chunk;
    const int64_t held = job->past ? job->past->held : 0;
    const int64_t start = job->past ? job->past->start : job->start;
    pe_status status = PE_OK;
    for (int l = 0; status == PE_OK && l < model->config.layers; l++)
        status = pe_instance_prepare(model->encoding[l], held + job->n, err);
    if (status != PE_OK)
        return status;
    const int threads = M(begin_team)((size_t)chunks);
#pragma omp parallel
    {
        pe_error own = {0};
        pe_status mine = PE_MEMORY;
        void *arena = NULL;
        M(tape) *t = M(start_tape)(&p, chunk, &own);
        if (t) {
            t->held = held;
            t->past = job->past;
            t->weights = job->weights;
            arena = pe_allocate_unset(M(place_tape)(t, NULL, false), 1, "activations", &own);
            mine = arena ? PE_OK : PE_MEMORY;
        }
#pragma omp for schedule(dynamic, 1)
        for (int c = 0; c < chunks; c++) {
            if (mine == PE_OK)
                mine = M(ask)(t, &own);
            if (mine != PE_OK)
                continue;
            M(turn_to)(t, job->tokens, job->lengths, c * chunk, chunk, arena, false);
            mine = M(evaluate_chunk)(t, job, start, &own);
        }
        if (mine != PE_OK) {
#pragma omp critical
            status = pe_fail(err, mine, "%s", own.text);
        }
        pe_release(arena);
        pe_release(t);
    }
    omp_set_num_threads(threads);
    return status;
}
