/* The gradient of tiled attention: the logits of a tile are formed again, and with the logarithms
 * of the sums that the forward way kept, its weights (Dao et al. 2022, arXiv:2205.14135, algorithm
 * 4), so that no array grows with nq * nk. Included by tiled.c in each pass.
 *
 * One unit of work is (heads that share keys, batch item), since gradients by keys come from all
 * queries. Units are cut into chunks whose number does not depend on the threads, each with blocks
 * of its own for what units share: parameters and relative rows. */

/* ---- one tile ------------------------------------------------------------------------------- */

/* Weights of head head + g where its logits stood. */
static void PE(repeat_weights)(PE(pullback) * x, const PE(place) * t, int g)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const pe_real *log_sum = x->log_sum + (t->b * p->H + t->head + g) * p->a->nq + t->i0;
    for (int i = 0; i < t->tq; i++) {
        pe_real *row = w->s + ((int64_t)g * t->tq + i) * t->tk;
        const unsigned char *allowed = w->allowed + i * t->tk;
        if (!PE(mask_row)(t, allowed, row)) {
            memset(row, 0, (size_t)t->tk * sizeof *row);
            continue;
        }
        PE_TILE(exponentiate)(row, t->tk, log_sum[i]);
        for (int j = 0; !t->whole && j < t->tk; j++) /* also where the sum is NaN */
            row[j] = allowed[j] ? row[j] : 0;
    }
}

/* c (tk, width) += weights (tq, tk)^T . vectors (tq, width). */
static void PE(add_to_keys)(const PE(pullback) * x, const PE(place) * t, int width,
                            const pe_real *weights, const pe_real *vectors, pe_real *c)
{
    if (x->finite) {
        PE_TILE(add_transposed)(t->tk, width, t->tq, weights, t->tk, vectors, width, c, width);
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++)
            if (x->w.allowed[i * t->tk + j])
                pe_add_scaled(c + (int64_t)j * width, weights[i * t->tk + j],
                              vectors + (int64_t)i * width, width);
}

/* c (tq, width) += weights (tq, tk) . vectors (tk, width). */
static void PE(add_to_queries)(const PE(pullback) * x, const PE(place) * t, int width,
                               const pe_real *weights, const pe_real *vectors, pe_real *c)
{
    if (x->finite) {
        PE_TILE(add_product)(t->tq, width, t->tk, weights, t->tk, vectors, width, c, width);
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++)
            if (x->w.allowed[i * t->tk + j])
                pe_add_scaled(c + (int64_t)i * width, weights[i * t->tk + j],
                              vectors + (int64_t)j * width, width);
}

/* ds from the gradients by weights, in their place. */
static void PE(softmax_backward)(const PE(pullback) * x, const PE(place) * t, int g)
{
    for (int i = 0; i < t->tq; i++) {
        const int64_t at = ((int64_t)g * t->tq + i) * t->tk;
        const pe_real *weight = x->w.s + at, mean = x->mean[g * QUERIES + i];
        const unsigned char *allowed = x->w.allowed + i * t->tk;
        pe_real *ds = x->ds + at;
        for (int j = 0; j < t->tk; j++)
            ds[j] = weight[j] * (ds[j] - mean);
        for (int j = 0; !t->whole && j < t->tk; j++)
            ds[j] = allowed[j] ? ds[j] : 0;
    }
}

/* Weights, ds, and the gradients by values and their rows. */
static void PE(values_backward)(PE(pullback) * x, const PE(place) * t, int g)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    const int64_t pairs = (int64_t)t->tq * t->tk, kv = PE(kv_head_of)(p, t->b, h);
    const pe_real *dout = PE(dout_of)(x, t, g);
    pe_real *ds = x->ds + g * pairs;
    PE(repeat_weights)(x, t, g);
    PE_TILE(times_panels)
    (t->tq, t->tk, p->D, 1, dout, p->D, PE(panels_of)(w, &x->values, t, h, p->v, p->D), ds, t->tk);
    PE(add_to_keys)
    (x, t, p->D, w->s + g * pairs, dout, x->back->mv + (kv * p->a->nk + t->j0) * p->D);
    if ((p->rows & PE_ROWS_VALUE) && p->real_offsets) {
        PE(use_real_rows)(x, t, g, BY_WEIGHTS);
        PE(use_real_rows)(x, t, g, BY_VALUE_ROWS);
    } else if (p->rows & PE_ROWS_VALUE) {
        const PE(use) u = PE(value_use)(x, t, g);
        PE(value_rows_products)(x, t, g, ds);
        if (u.drows)
            PE(use_rows)(x, t, h, &u);
    }
    PE(softmax_backward)(x, t, g);
}

/* Gradients by a tile of all heads, back to where the heads lie. */
static void PE(part_heads)(const PE(pullback) * x, const PE(place) * t)
{
    const PE(pe_parts) *p = x->w.p;
    for (int h = 0; h < p->H; h++) {
        const int64_t query = (t->b * p->H + h) * p->a->nq + t->i0;
        const int64_t key = PE(kv_head_of)(p, t->b, h) * p->a->nk + t->j0;
        pe_add_scaled(x->back->dq + query * p->D, 1, x->djoined_q + (int64_t)h * t->tq * p->D,
                      t->tq * p->D);
        pe_add_scaled(x->back->dk + key * p->D, 1, x->djoined_k + (int64_t)h * t->tk * p->D,
                      t->tk * p->D);
    }
}

/* ds to draw for one head (or all: -1), through the twin of `logits`. */
static void PE(unhook_logits)(PE(pullback) * x, const PE(place) * t, int head, int g)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const int64_t from = (int64_t)g * t->tq * t->tk;
    const pe_call c = PE(pe_backward_call)(x->back, x->chunk, w->scratch);
    const int64_t state = (int64_t)x->copy * a->batch + t->b;
    const pe_tile tile = PE(tile_for_hooks)(w, t, head);
    const int h = head < 0 ? 0 : head;
    const int64_t query = (t->b * p->H + h) * a->nq + t->i0;
    const int64_t key = PE(kv_head_of)(p, t->b, h) * a->nk + t->j0;
    pe_tile_gradient d = {
        .q = head < 0 ? x->djoined_q : x->back->dq + query * p->D,
        .k = head < 0 ? x->djoined_k : x->back->dk + key * p->D,
        .q_state = x->back->dq_state ? x->back->dq_state + (state * a->nq + t->i0) * p->S : NULL,
        .k_state = x->back->dk_state ? x->back->dk_state + (state * a->nk + t->j0) * p->S : NULL};
    if (head < 0) {
        memset(x->djoined_q, 0, (size_t)(p->H * t->tq * p->D) * sizeof *x->djoined_q);
        memset(x->djoined_k, 0, (size_t)(p->H * t->tk * p->D) * sizeof *x->djoined_k);
    }
    a->instance->variant->PE_OPS->logits_vjp(&c, &tile, w->raw + from, x->ds + from, x->draw + from,
                                             &d);
    if (head < 0)
        PE(part_heads)(x, t);
}

/* From final logits to those before the `logits` hook, and to `pair`. */
static void PE(hooks_backward)(PE(pullback) * x, const PE(place) * t)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const pe_ops *ops = instance->variant->PE_OPS;
    if (ops->logits && (instance->info.flags & PE_HEADS_TOGETHER))
        PE(unhook_logits)(x, t, -1, 0);
    else
        for (int g = 0; ops->logits && g < w->group; g++)
            PE(unhook_logits)(x, t, t->head + g, g);
    if (x->draw)
        PE(clear_masked)(w, t, x->draw);
    if (ops->pair && !p->no_pair && ops->pair_vjp) {
        const pe_call c = PE(pe_backward_call)(x->back, x->chunk, w->scratch);
        pe_tile tile = PE(tile_for_hooks)(w, t, -1);
        tile.q = tile.k = NULL;
        ops->pair_vjp(&c, &tile, x->draw ? x->draw : x->ds);
    }
}

/* From a logit's terms to queries, keys and rows. */
static void PE(terms_backward)(PE(pullback) * x, const PE(place) * t, int g)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    const int64_t pairs = (int64_t)t->tq * t->tk;
    pe_real *d = (x->draw ? x->draw : x->ds) + g * pairs;
    pe_real *dk = x->back->mk + (PE(kv_head_of)(p, t->b, h) * p->a->nk + t->j0) * p->W;
    if (p->rows && p->real_offsets)
        PE(use_real_rows)(x, t, g, BY_TERMS);
    else if (p->rows & PE_ROWS_BIAS)
        PE(use_biases)(x, t, g, d);
    for (int64_t at = 0; at < pairs; at++)
        d[at] *= p->scale;
    PE(add_to_queries)
    (x, t, p->W, d, PE(key_of)(p, p->k, p->W, t->b, h, t->j0), x->content + g * QUERIES * p->W);
    PE(add_to_keys)(x, t, p->W, d, PE(queries_of)(w, t, g, 0), dk);
    if ((p->rows & PE_ROWS_QUERY) && !p->real_offsets) {
        const PE(use) u = PE(query_use)(x, t, g, d);
        PE(use_rows)(x, t, h, &u);
    }
    if ((p->rows & PE_ROWS_KEY) && !p->real_offsets)
        PE(use_key_rows)(x, t, g, d, dk);
}

/* ---- one block of queries ------------------------------------------------------------------- */

static void PE(start_block)(PE(pullback) * x, const PE(place) * t)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const bool divide = !(p->a->instance->info.flags & PE_NO_SOFTMAX_SUM);
    const size_t group = PE(rows_in_use)(w, t), band = group * (size_t)w->rows;
    PE(start_item)(w, t);
    memset(x->content, 0, group * (size_t)p->W * sizeof *x->content);
    memset(x->terms, 0, group * (size_t)p->D * sizeof *x->terms);
    if (x->query_band)
        memset(x->query_band, 0, band * sizeof *x->query_band);
    if (x->value_band)
        memset(x->value_band, 0, band * sizeof *x->value_band);
    memset(x->value_rows.from, 0, 2 * (size_t)w->group * sizeof *x->value_rows.from);
    for (int g = 0; g < w->group; g++)
        for (int i = 0; i < t->tq; i++) {
            const int64_t query = (t->b * p->H + t->head + g) * p->a->nq + t->i0 + i;
            pe_real mean = 0;
            for (int c = 0; divide && c < p->D; c++)
                mean += x->dout[query * p->D + c] * x->out[query * p->D + c];
            x->mean[g * QUERIES + i] = mean;
        }
}

/* dst += sum of rows (n, width), stride apart. */
static void PE(add_sum)(pe_real *dst, const pe_real *rows, int n, int stride, int width)
{
    for (int i = 0; i < n; i++)
        pe_add_scaled(dst, 1, rows + i * stride, width);
}

/* Gradients by the queries, and by u and v, which every query has. */
static void PE(finish_block)(PE(pullback) * x, const PE(place) * t, int g)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const pe_setup *s = &p->a->instance->info;
    const int h = t->head + g;
    const pe_call c = PE(pe_backward_call)(x->back, x->chunk, w->scratch);
    const PE(use) values = PE(value_use)(x, t, g), queries = PE(query_use)(x, t, g, NULL);
    const pe_real *content = x->content + g * QUERIES * p->W;
    const pe_real *terms = x->terms + g * QUERIES * p->D;
    pe_real *dq = x->back->mq + ((t->b * p->H + h) * p->a->nq + t->i0) * p->W;
    PE(finish_use)(x, t, h, &values);
    PE(finish_use)(x, t, h, &queries);
    pe_add_scaled(dq, 1, content, t->tq * p->W);
    for (int i = 0; p->rows && i < t->tq; i++)
        pe_add_scaled(dq + i * p->W, 1, terms + i * p->D, p->D);
    if (p->u)
        PE(add_sum)(c.g[s->u] + h * p->D, content, t->tq, p->W, p->D);
    if (p->vb)
        PE(add_sum)(c.g[s->v] + h * p->D, terms, t->tq, p->D, p->D);
}

static void PE(pull_block)(PE(pullback) * x, int64_t b, int head, int64_t i0)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    PE(place) t = {.b = b, .i0 = i0, .head = head};
    t.tq = (int)(a->nq - i0 < QUERIES ? a->nq - i0 : QUERIES);
    PE(start_block)(x, &t);
    for (t.j0 = 0; t.j0 < a->nk; t.j0 += w->tk) {
        t.tk = (int)(a->nk - t.j0 < w->tk ? a->nk - t.j0 : w->tk);
        if (!PE(fill_mask)(w, &t))
            continue;
        if (w->steps)
            PE(find_columns)(w, &t);
        else if (p->rows && !p->real_offsets)
            PE(find_rows)(w, &t);
        PE(group_logits)(w, &t);
        for (int g = 0; g < w->group; g++)
            PE(values_backward)(x, &t, g);
        PE(hooks_backward)(x, &t);
        for (int g = 0; g < w->group; g++)
            PE(terms_backward)(x, &t, g);
    }
    for (int g = 0; g < w->group; g++)
        PE(finish_block)(x, &t, g);
}

/* ---- all units ------------------------------------------------------------------------------ */

/* Heads of a unit: those that share keys, or all where hooks serve all at once. */
static int PE(heads_together)(const PE(worker) * kind)
{
    const PE(pe_parts) *p = kind->p;
    return kind->group > 1 ? p->H : p->H / p->kv_heads;
}

static void PE(pull_chunk)(PE(pullback) * x, int64_t units, int count, int chunk, pe_status *stop,
                           pe_error *err)
{
    const PE(pe_parts) *p = x->w.p;
    const int64_t batch = p->a->batch;
    const int heads = PE(heads_together)(&x->w);
    const pe_chunk range = pe_chunk_at(units, count, chunk);
    x->chunk = chunk;
    for (int64_t unit = range.from; unit < range.to; unit++) {
        x->copy = (int)(unit / batch);
        for (int h = 0; h < heads; h += x->w.group)
            for (int64_t i0 = 0; i0 < p->a->nq; i0 += QUERIES) {
                if (PE(is_stopped)(p->a, stop, err))
                    return;
                PE(pull_block)(x, unit % batch, x->copy * heads + h, i0);
            }
    }
}

/* What each chunk gathers for relative rows, all in one block. */
typedef struct PE(gathered) {
    PE(partial) part[PE_CHUNKS];
    int count;
    int64_t units;
    void *block;
} PE(gathered);

static pe_status PE(gather_start)(PE(gathered) * all, const PE(worker) * kind, pe_error *err)
{
    const PE(pe_parts) *p = kind->p;
    const pe_ops *ops = p->a->instance->variant->PE_OPS;
    const int heads = PE(heads_together)(kind), shared = p->a->instance->info.row_heads == 1;
    const int64_t batch = p->a->batch;
    const size_t N = (size_t)kind->rows, D = (size_t)p->D;
    *all = (PE(gathered)){.units = batch * (p->H / heads)};
    all->count = pe_chunk_count(all->units);
    for (pe_real *at = NULL;; at = all->block) {
        size_t used = 0;
        for (int c = 0; c < all->count; c++) {
            const pe_chunk range = pe_chunk_at(all->units, all->count, c);
            const int first = (int)(range.from / batch), last = (int)((range.to - 1) / batch);
            PE(partial) *part = &all->part[c];
            part->head = shared ? 0 : first * heads;
            part->heads = shared ? 1 : (last - first + 1) * heads;
            const size_t rows = ops->relative_vjp ? (size_t)part->heads * N : 0;
            PE(take)(at, &used, p->rows & PE_ROWS_QUERY ? rows * D : 0, &part->query);
            PE(take)(at, &used, p->rows & PE_ROWS_KEY ? rows * D : 0, &part->key);
            PE(take)(at, &used, p->rows & PE_ROWS_VALUE ? rows * D : 0, &part->value);
            PE(take)(at, &used, p->rows & PE_ROWS_BIAS ? rows : 0, &part->bias);
        }
        if (at)
            return PE_OK;
        all->block = pe_allocate(used, sizeof *at, "gradients by relative rows", err);
        if (!all->block)
            return PE_MEMORY;
    }
}

/* dst (n, H', width) += rows from .. from + n - 1 of a member of all parts, in their order. */
static void PE(join_parts)(const PE(gathered) * all, int64_t N, int heads, int64_t from, int n,
                           size_t member, int width, pe_real *dst)
{
    for (int c = 0; c < all->count; c++) {
        const PE(partial) *part = &all->part[c];
        const pe_real *table = *(pe_real *const *)((const char *)part + member);
        for (int h = 0; h < part->heads; h++)
            for (int row = 0; row < n; row++)
                pe_add_scaled(dst + ((int64_t)row * heads + part->head + h) * width, 1,
                              table + (h * N + from + row) * width, width);
    }
}

static void PE(give_rows)(PE(pe_backward) * back, const PE(worker) * kind, const PE(gathered) * all,
                          pe_real *room, int chunk, int64_t from)
{
    const PE(pe_parts) *p = kind->p;
    const int heads = p->a->instance->info.row_heads;
    const int64_t N = kind->rows;
    const int n = (int)(N - from < PE_ROWS_AT_ONCE ? N - from : PE_ROWS_AT_ONCE);
    double offset[PE_ROWS_AT_ONCE];
    for (int row = 0; row < n; row++)
        offset[row] = (double)(kind->steps ? p->last - (from + row) : p->first + from + row);
    memset(room, 0, PE_ROWS_AT_ONCE * (size_t)((3 * p->D + 1) * heads) * sizeof *room);
    pe_rows rows = PE(split_real_rows)(p, room);
    const struct {
        pe_real *dst;
        size_t member;
        int width;
    } kinds[] = {{rows.query, offsetof(PE(partial), query), p->D},
                 {rows.key, offsetof(PE(partial), key), p->D},
                 {rows.value, offsetof(PE(partial), value), p->D},
                 {rows.bias, offsetof(PE(partial), bias), 1}};
    for (int k = 0; k < 4; k++)
        if (kinds[k].dst)
            PE(join_parts)
    (all, N, heads, from, n, kinds[k].member, kinds[k].width, kinds[k].dst);
    pe_call c = PE(pe_parts_own_call)(p);
    c = PE(pe_backward_call)(back, chunk, c.scratch);
    p->a->instance->variant->PE_OPS->relative_vjp(&c, n, offset, &rows);
}

/* The twin of `relative`, PE_ROWS_AT_ONCE rows at a time. */
static pe_status PE(give_all_rows)(PE(pe_backward) * back, const PE(worker) * kind,
                                   const PE(gathered) * all, pe_error *err)
{
    const PE(pe_parts) *p = kind->p;
    const size_t numbers =
        PE_ROWS_AT_ONCE * (size_t)((3 * p->D + 1) * p->a->instance->info.row_heads);
    const int64_t blocks = (kind->rows + PE_ROWS_AT_ONCE - 1) / PE_ROWS_AT_ONCE;
    const int count = pe_chunk_count(blocks);
    if (kind->rows == 0 || !p->a->instance->variant->PE_OPS->relative_vjp)
        return PE_OK;
    pe_real *room = pe_allocate_unset(numbers * (size_t)omp_get_max_threads(), sizeof *room,
                                      "gradients by relative rows", err);
    if (!room)
        return PE_MEMORY;
#pragma omp parallel for schedule(dynamic, 1)
    for (int chunk = 0; chunk < count; chunk++) {
        const pe_chunk range = pe_chunk_at(blocks, count, chunk);
        for (int64_t block = range.from; block < range.to; block++)
            PE(give_rows)
        (back, kind, all, room + numbers * (size_t)omp_get_thread_num(), chunk,
         block * PE_ROWS_AT_ONCE);
    }
    pe_release(room);
    return PE_OK;
}

static pe_status PE(pull_all)(const PE(pullback) * kind, const PE(gathered) * all, pe_error *err)
{
    pe_status status = PE_OK, stop = PE_OK;
#pragma omp parallel
    {
        PE(pullback) x = *kind;
        pe_error own = {0};
        if (PE(pullback_start)(&x, &own) != PE_OK) {
#pragma omp critical
            status = pe_fail(err, PE_MEMORY, "%s", own.text);
        }
#pragma omp barrier
        if (status == PE_OK) {
#pragma omp for schedule(dynamic, 1)
            for (int chunk = 0; chunk < all->count; chunk++) {
                x.part = &all->part[chunk];
                PE(pull_chunk)(&x, all->units, all->count, chunk, &stop, err);
            }
        }
        PE(pullback_end)(&x);
    }
    return status == PE_OK ? stop : status;
}

static bool PE(array_is_finite)(const pe_real *array, size_t count)
{
    const int64_t pieces = ((int64_t)count + 65535) / 65536;
    bool finite = true;
#pragma omp parallel for reduction(&& : finite)
    for (int64_t piece = 0; piece < pieces; piece++) {
        const size_t from = (size_t)piece * 65536, left = count - from;
        finite = finite && PE(are_finite)(array + from, left < 65536 ? left : 65536);
    }
    return finite;
}

static bool PE(all_finite)(const PE(pe_parts) * p, const PE(pullback) * x)
{
    const size_t D = (size_t)p->D, W = (size_t)p->W, H = (size_t)p->H;
    const size_t queries = (size_t)p->a->batch * H * (size_t)p->a->nq;
    const size_t keys = (size_t)p->a->batch * (size_t)p->kv_heads * (size_t)p->a->nk;
    const size_t rows = (size_t)(x->w.rows * p->a->instance->info.row_heads) * D;
    const struct {
        const pe_real *array;
        size_t count;
    } arrays[] = {{p->q, queries * W},    {p->k, keys * W},      {p->v, keys * D},
                  {x->dout, queries * D}, {p->u, H * D},         {p->vb, H * D},
                  {p->table.query, rows}, {p->table.value, rows}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        if (arrays[i].array && !PE(array_is_finite)(arrays[i].array, arrays[i].count))
            return false;
    return true;
}

/* `forward`: the output and the sums are not known yet. */
static pe_status PE(pull)(PE(pe_backward) * back, bool forward, pe_error *err)
{
    const PE(pe_parts) *p = back->p;
    PE(pullback) kind = {.back = back, .out = p->a->out, .log_sum = p->a->row_log_sum};
    PE(gathered) all = {.count = 0};
    pe_real *bias = NULL;
    kind.w = PE(describe_worker)(p);
    pe_status status = kind.w.steps ? PE(reverse_tables)(p, kind.w.rows, &bias, err) : PE_OK;
    kind.w.bias = bias;
    kind.w.finite = PE(values_are_finite)(p, kind.w.rows);
    if (status == PE_OK && forward)
        status = PE(run_items)(&kind.w, err);
    if (status == PE_OK && back->dout)
        PE(pe_backward_output)(back, p->a->out);
    kind.dout = back->dout ? back->dout : back->g->dout;
    if (status == PE_OK) {
        kind.finite = PE(all_finite)(p, &kind);
        status = PE(gather_start)(&all, &kind.w, err);
    }
    if (status == PE_OK)
        status = PE(pull_all)(&kind, &all, err);
    if (status == PE_OK)
        status = PE(give_all_rows)(back, &kind.w, &all, err);
    pe_release(all.block);
    pe_release(bias);
    return status;
}

pe_status PE(pe_attend_tiled_gradient)(const PE(pe_attention) * given,
                                       const PE(pe_attention_gradient) * g, pe_error *err)
{
    PE(pe_attention) a = *given;
    const pe_instance *instance = a.instance;
    const size_t queries = (size_t)a.batch * (size_t)instance->dims.heads * (size_t)a.nq;
    const bool forward = !a.out || !a.row_log_sum || instance->formats[PE_AT_OUTPUT] ||
                         (instance->info.maps & PE_MAPS(PE_ROLE_OUTPUT));
    void *owned[2] = {NULL, NULL};
    a.logits = a.weights = a.mapped_q = a.mapped_k = a.states = NULL;
    PE(pe_parts) parts;
    PE(pe_backward) back = {.p = NULL};
    pe_status status = PE(check_tiled)(&a, err);
    if (status != PE_OK)
        return status;
    status = PE(pe_parts_prepare)(&parts, &a, false, err);
    if (status == PE_OK)
        status = PE(pe_backward_begin)(&back, &parts, g, instance->dims.heads, err);
    if (status == PE_OK && forward) {
        owned[0] = a.out = pe_allocate(queries * (size_t)parts.D, sizeof(pe_real), "output", err);
        owned[1] = a.row_log_sum = pe_allocate(queries, sizeof(pe_real), "sums", err);
        status = a.out && a.row_log_sum ? PE_OK : PE_MEMORY;
    }
    if (status == PE_OK)
        status = PE(pull)(&back, forward, err);
    if (status == PE_OK)
        PE(pe_backward_end)(&back);
    PE(pe_backward_release)(&back);
    PE(pe_parts_release)(&parts);
    pe_release(owned[0]);
    pe_release(owned[1]);
    return status;
}
