/* The probe in one precision; included three times by probe.c. Sizes: T tokens, D head_dim. */

typedef struct PE_H(bench) {
    const pe_trial *trial;
    const PE_H(pe_ops) * ops;
    pe_probe_faults *faults;
    double eps;
    PE_H(pe_call) call;
    PE_H_REAL *q, *k, *x;   /* the trial's content; owned */
    PE_H_REAL *state;       /* (T, state) as the state hook gives it, else 0; owned */
    PE_H_REAL *raw;         /* (H, T, T) logits made up for the logits hook; owned */
    unsigned char *allowed; /* (T, T) owned */
    double offset[PE_ROWS_AT_ONCE];
    int offsets;
    zone part[PARTS], scratch; /* what the hook may write */
    size_t width[PARTS];       /* numbers per item in each part */
    int parts;
    double bound; /* of what rounding can explain */
} PE_H(bench);

static PE_H_REAL *PE_H(cast)(const double *x, size_t count, pe_error *err)
{
    PE_H_REAL *y = pe_allocate(count, sizeof *y, "inputs of a hook", err);
    for (size_t i = 0; y && i < count; i++)
        y[i] = (PE_H_REAL)x[i];
    return y;
}

static void PE_H(bench_end)(PE_H(bench) * b)
{
    pe_release(b->q);
    pe_release(b->k);
    pe_release(b->x);
    pe_release(b->state);
    pe_release(b->raw);
    pe_release(b->allowed);
    pe_release(b->scratch.all);
}

static pe_status PE_H(bench_begin)(const pe_trial *trial, pe_probe_faults *faults, PE_H(bench) * b,
                                   pe_error *err)
{
    const pe_dims *d = &trial->instance->dims;
    const size_t T = (size_t)trial->tokens, D = (size_t)d->head_dim, H = (size_t)d->heads;
    *b = (PE_H(bench)){.trial = trial,
                       .ops = trial->instance->variant->PE_H_OPS,
                       .faults = faults,
                       .eps = PE_H_EPS,
                       .call = PE_H(pe_instance_call)(trial->instance, trial->tokens)};
    b->q = PE_H(cast)(trial->content.q, H * T * D, err);
    b->k = PE_H(cast)(trial->content.k, (size_t)d->kv_heads * T * D, err);
    b->x = PE_H(cast)(trial->content.x, T * (size_t)d->model_dim, err);
    b->state =
        pe_allocate(T * (size_t)trial->instance->info.state, sizeof *b->state, "states", err);
    b->raw = pe_allocate(H * T * T, sizeof *b->raw, "logits", err);
    b->allowed = pe_allocate(T * T, 1, "mask", err);
    if (!b->q || !b->k || !b->x || !b->state || !b->raw || !b->allowed ||
        !zone_begin(&b->scratch, trial->instance->info.scratch, sizeof(PE_H_REAL), err))
        return PE_MEMORY;
    for (size_t i = 0; i < T * T; i++)
        b->allowed[i] = !trial->causal || i % T <= i / T;
    for (size_t i = 0; i < H * T * T; i++) /* entries that are not allowed hold 0 */
        b->raw[i] = b->allowed[i % (T * T)] ? (PE_H_REAL)((double)(i % 7) / 4 - 0.75) : 0;
    if (trial->instance->info.rows)
        b->offsets = choose_offsets(&trial->instance->info, b->offset);
    b->bound = pe_rounding_bound(
        b->eps, pe_largest(trial->coord, T * (size_t)trial->instance->dims.axes) + 2000, 1);
    return PE_OK;
}

/* ---- one call of each hook ------------------------------------------------------------------- */

static bool PE_H(together)(const PE_H(bench) * b)
{
    return b->trial->instance->info.flags & PE_HEADS_TOGETHER;
}

/* Numbers that one item (token, offset, tile) writes into each part; 0 when there is no such part.
 */
static void PE_H(measure)(PE_H(bench) * b, const probe_item *item)
{
    const pe_instance *instance = b->trial->instance;
    const pe_setup *s = &instance->info;
    const size_t D = (size_t)instance->dims.head_dim, H = (size_t)instance->dims.heads;
    const size_t rows = (size_t)s->row_heads, mapped = (size_t)s->mapped_width;
    const bool wide = item->role == PE_ROLE_QUERY || item->role == PE_ROLE_KEY;
    const size_t keys = (size_t)item->keys;
    memset(b->width, 0, sizeof b->width);
    b->parts = item->hook == RELATIVE ? PARTS : 1;
    switch (item->hook) {
    case PLAN:
        b->width[0] = s->plan;
        break;
    case EMBED:
        b->width[0] = (size_t)s->embed_width;
        break;
    case MAP:
        b->width[0] = wide && mapped ? mapped : D;
        break;
    case RELATIVE:
        b->width[0] = s->rows & PE_ROWS_BIAS ? rows : 0;
        b->width[1] = s->rows & PE_ROWS_QUERY ? rows * D : 0;
        b->width[2] = s->rows & PE_ROWS_KEY ? rows * D : 0;
        b->width[3] = s->rows & PE_ROWS_VALUE ? rows * D : 0;
        break;
    case PAIR:
        b->width[0] = H * keys;
        break;
    case STATE:
        b->width[0] = (size_t)s->state;
        break;
    case LOGITS:
        b->width[0] = (PE_H(together)(b) ? H : 1) * keys;
        break;
    case HOOKS:
        break;
    }
}

static PE_H_REAL *PE_H(part)(const PE_H(bench) * b, int p)
{
    return b->width[p] ? zone_of(&b->part[p]) : NULL;
}

/* Copy the block [first, first + rows) x [column, column + columns) of each of `planes` matrices
 * with T columns, rows of which are T apart. */
static void PE_H(cut_out)(const PE_H_REAL *from, int planes, int T, const probe_item *item,
                          PE_H_REAL *to)
{
    for (int p = 0; p < planes; p++)
        for (int i = 0; i < item->count; i++)
            for (int j = 0; j < item->keys; j++)
                *to++ = from[(p * T + item->first + i) * T + item->first_key + j];
}

typedef struct PE_H(cuts) {
    PE_H_REAL *raw, *q, *k; /* owned */
    unsigned char *allowed; /* owned */
} PE_H(cuts);

static void PE_H(cuts_end)(PE_H(cuts) * cuts)
{
    pe_release(cuts->raw);
    pe_release(cuts->q);
    pe_release(cuts->k);
    pe_release(cuts->allowed);
}

/* Vectors first .. first + count of `heads` heads with T vectors each. */
static void PE_H(cut_vectors)(const PE_H_REAL *from, int heads, int T, int D, int first, int count,
                              PE_H_REAL *to)
{
    for (int h = 0; h < heads; h++)
        memcpy(to + h * count * D, from + (h * T + first) * D, (size_t)(count * D) * sizeof *to);
}

/* The tile of an item, with its inputs packed as the core packs them. */
static pe_status PE_H(make_tile)(const PE_H(bench) * b, const probe_item *item, PE_H(cuts) * cuts,
                                 PE_H(pe_tile) * tile, pe_error *err)
{
    const pe_instance *instance = b->trial->instance;
    const int T = (int)b->trial->tokens, D = instance->dims.head_dim, axes = instance->dims.axes;
    const int heads = item->head < 0 ? instance->dims.heads : 1,
              head = item->head < 0 ? 0 : item->head;
    const size_t area = (size_t)(item->count * item->keys);
    *cuts = (PE_H(cuts)){
        .raw = pe_allocate((size_t)heads * area, sizeof(PE_H_REAL), "tile", err),
        .q = pe_allocate((size_t)(heads * item->count * D), sizeof(PE_H_REAL), "tile", err),
        .k = pe_allocate((size_t)(heads * item->keys * D), sizeof(PE_H_REAL), "tile", err),
        .allowed = pe_allocate(area, 1, "tile", err),
    };
    if (!cuts->raw || !cuts->q || !cuts->k || !cuts->allowed)
        return PE_MEMORY;
    PE_H(cut_out)(b->raw + head * T * T, heads, T, item, cuts->raw);
    PE_H(cut_vectors)(b->q + head * T * D, heads, T, D, item->first, item->count, cuts->q);
    PE_H(cut_vectors)(b->k + head * T * D, heads, T, D, item->first_key, item->keys, cuts->k);
    for (int i = 0; i < item->count; i++)
        memcpy(cuts->allowed + i * item->keys, b->allowed + (item->first + i) * T + item->first_key,
               (size_t)item->keys);
    const int states = instance->info.state;
    *tile = (PE_H(pe_tile)){
        .nq = item->count,
        .nk = item->keys,
        .head = item->head,
        .qi = b->trial->index + item->first,
        .kj = b->trial->index + item->first_key,
        .qx = b->trial->coord + item->first * axes,
        .kx = b->trial->coord + item->first_key * axes,
        .allowed = cuts->allowed,
        .q = item->hook == PAIR ? NULL : cuts->q,
        .k = item->hook == PAIR ? NULL : cuts->k,
        .q_state = states ? b->state + item->first * states : NULL,
        .k_state = states ? b->state + item->first_key * states : NULL,
    };
    return PE_OK;
}

static pe_status PE_H(call_tile)(PE_H(bench) * b, const probe_item *item, PE_H_REAL *out,
                                 pe_error *err)
{
    PE_H(cuts) cuts;
    PE_H(pe_tile) tile;
    const pe_status status = PE_H(make_tile)(b, item, &cuts, &tile, err);
    if (status == PE_OK && item->hook == PAIR)
        b->ops->pair(&b->call, &tile, out);
    else if (status == PE_OK)
        b->ops->logits(&b->call, &tile, cuts.raw, out);
    /* What is written where nothing is allowed is ignored, so it counts as 0. */
    const size_t area = (size_t)(item->count * item->keys);
    for (size_t i = 0; status == PE_OK && i < (size_t)item->count * b->width[0]; i++)
        if (!cuts.allowed[i % area])
            out[i] = 0;
    PE_H(cuts_end)(&cuts);
    return status;
}

/* The run of an item; `before` is the state of the token before it, as the probe knows it. */
static pe_status PE_H(call_state)(PE_H(bench) * b, const probe_item *item, PE_H_REAL *out,
                                  pe_error *err)
{
    const pe_instance *instance = b->trial->instance;
    const pe_dims *d = &instance->dims;
    const int T = (int)b->trial->tokens, D = d->head_dim, states = instance->info.state;
    PE_H_REAL *q = pe_allocate((size_t)(d->heads * item->count * D), sizeof *q, "run", err);
    PE_H_REAL *k = pe_allocate((size_t)(d->kv_heads * item->count * D), sizeof *k, "run", err);
    if (q && k) {
        PE_H(cut_vectors)(b->q, d->heads, T, D, item->first, item->count, q);
        PE_H(cut_vectors)(b->k, d->kv_heads, T, D, item->first, item->count, k);
        const PE_H(pe_run) run = {
            .n = item->count,
            .index = b->trial->index + item->first,
            .coord = b->trial->coord + item->first * d->axes,
            .x = instance->info.flags & PE_NEEDS_HIDDEN ? b->x + item->first * d->model_dim : NULL,
            .q = q,
            .k = k,
            .before = item->first > 0 ? b->state + (item->first - 1) * states : NULL,
        };
        b->ops->state(&b->call, &run, out);
    }
    const pe_status status = q && k ? PE_OK : PE_MEMORY;
    pe_release(q);
    pe_release(k);
    return status;
}

static void PE_H(call_map)(PE_H(bench) * b, const probe_item *item, PE_H_REAL *out)
{
    const pe_instance *instance = b->trial->instance;
    const int T = (int)b->trial->tokens, D = instance->dims.head_dim, states = instance->info.state;
    const PE_H_REAL *in = b->q + (item->head * T + item->first) * D;
    if (b->width[0] == (size_t)D)
        memcpy(out, in, (size_t)(item->count * D) * sizeof *in);
    b->ops->map(&b->call, item->role, item->head, item->count,
                b->trial->coord + item->first * instance->dims.axes,
                states ? b->state + item->first * states : NULL, in, out);
}

static pe_status PE_H(call_hook)(PE_H(bench) * b, const probe_item *item, pe_error *err)
{
    PE_H_REAL *out = zone_of(&b->part[0]);
    PE_H(pe_rows) rows;
    b->faults->calls++;
    switch (item->hook) {
    case PLAN:
        b->ops->plan(&b->call, out);
        return PE_OK;
    case EMBED:
        b->ops->embed(&b->call, item->count,
                      b->trial->coord + item->first * b->trial->instance->dims.axes, out);
        return PE_OK;
    case MAP:
        PE_H(call_map)(b, item, out);
        return PE_OK;
    case RELATIVE:
        rows =
            (PE_H(pe_rows)){PE_H(part)(b, 0), PE_H(part)(b, 1), PE_H(part)(b, 2), PE_H(part)(b, 3)};
        b->ops->relative(&b->call, item->count, b->offset + item->first, &rows);
        return PE_OK;
    case STATE:
        return PE_H(call_state)(b, item, out, err);
    case PAIR:
    case LOGITS:
        return PE_H(call_tile)(b, item, out, err);
    case HOOKS:
        break;
    }
    return PE_OK;
}

/* ---- between guard zones --------------------------------------------------------------------- */

static pe_status PE_H(lend)(PE_H(bench) * b, const probe_item *item, pe_error *err)
{
    PE_H(measure)(b, item);
    bool whole = true;
    for (int p = 0; p < b->parts && whole; p++)
        whole = zone_begin(&b->part[p], b->width[p] * (size_t)item->count, sizeof(PE_H_REAL), err);
    return whole ? PE_OK : PE_MEMORY;
}

static void PE_H(take_back)(PE_H(bench) * b)
{
    for (int p = 0; p < PARTS; p++) {
        pe_release(b->part[p].all);
        b->part[p].all = NULL;
    }
}

static void PE_H(look_outside)(PE_H(bench) * b, const probe_item *item)
{
    for (int p = 0; p <= b->parts; p++) {
        const bool scratch = p == b->parts;
        const long bytes = zone_overrun(scratch ? &b->scratch : &b->part[p]);
        if (bytes)
            blame(b->faults->outside,
                  "%s wrote %ld bytes %s the %zu that were lent for its %s (head %d, %d items)",
                  hook_names[item->hook], labs(bytes), bytes > 0 ? "behind" : "in front of",
                  scratch ? b->scratch.bytes : b->part[p].bytes, scratch ? "scratch" : "result",
                  item->head, item->count);
    }
}

/* Call with arrays full of `garbage`, and append all results to `out` (NULL: drop them). */
static pe_status PE_H(call_guarded)(PE_H(bench) * b, const probe_item *item, int garbage,
                                    PE_H_REAL *out, pe_error *err)
{
    for (int p = 0; p < b->parts; p++)
        zone_fill(&b->part[p], garbage);
    zone_fill(&b->scratch, garbage);
    b->call.scratch = zone_of(&b->scratch);
    pe_random random;
    pe_core_stream stream; /* the same draws in every call */
    pe_core_stream_start(&stream, b->trial->seed, "plan", 0);
    random = pe_core_random(&stream);
    b->call.random = b->trial->instance->info.plan_depends & PE_ON_RANDOM ? &random : NULL;
    const pe_status status = PE_H(call_hook)(b, item, err);
    b->call.random = NULL;
    PE_H(look_outside)(b, item);
    for (int p = 0; out && p < b->parts; p++) {
        memcpy(out, zone_of(&b->part[p]), b->part[p].bytes);
        out += b->part[p].bytes / sizeof *out;
    }
    return status;
}

static size_t PE_H(item_size)(const PE_H(bench) * b, const probe_item *item)
{
    size_t width = 0;
    for (int p = 0; p < b->parts; p++)
        width += b->width[p];
    return width * (size_t)item->count;
}

static double PE_H(largest)(const PE_H_REAL *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)x[i]) <= most))
            most = fabs((double)x[i]);
    return most;
}

/* Twice, with different garbage in every array that is lent: deterministic, and all of it written.
 */
static pe_status PE_H(call_twice)(PE_H(bench) * b, const probe_item *item, PE_H_REAL *first,
                                  pe_error *err)
{
    const size_t count = PE_H(item_size)(b, item);
    PE_H_REAL *second = pe_allocate(count, sizeof *second, "results of a hook", err);
    if (!second)
        return PE_MEMORY;
    pe_status status = PE_H(call_guarded)(b, item, GARBAGE_A, first, err);
    if (status == PE_OK)
        status = PE_H(call_guarded)(b, item, GARBAGE_B, second, err);
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        if (memcmp(&first[i], &second[i], sizeof(PE_H_REAL) < 10 ? sizeof(PE_H_REAL) : 10) != 0)
            blame(b->faults->repeat,
                  "%s (head %d): number %zu of %zu was %.9g and is %.9g in the same call again: it "
                  "was not written, or depends on something else",
                  hook_names[item->hook], item->head, i, count, (double)first[i],
                  (double)second[i]);
        if (!isfinite((double)first[i]))
            blame(b->faults->infinite, "%s (head %d): number %zu of %zu is %g",
                  hook_names[item->hook], item->head, i, count, (double)first[i]);
    }
    pe_release(second);
    return status;
}

static pe_status PE_H(probe_call)(PE_H(bench) * b, const probe_item *item, PE_H_REAL **results,
                                  pe_error *err)
{
    pe_status status = PE_H(lend)(b, item, err);
    *results = NULL;
    if (status == PE_OK) {
        *results = pe_allocate(PE_H(item_size)(b, item), sizeof **results, "results", err);
        status = *results ? PE_H(call_twice)(b, item, *results, err) : PE_MEMORY;
    }
    PE_H(take_back)(b);
    return status;
}

/* Number `column` of part p of item i in results laid out part after part. */
static size_t PE_H(at)(const PE_H(bench) * b, int items, int p, int i, size_t column)
{
    size_t before = 0;
    for (int r = 0; r < p; r++)
        before += b->width[r] * (size_t)items;
    return before + b->width[p] * (size_t)i + column;
}

/* Is item i the same when it is asked for alone? */
static pe_status PE_H(probe_alone)(PE_H(bench) * b, const probe_item *all, const PE_H_REAL *results,
                                   int i, pe_error *err)
{
    probe_item one = *all;
    one.first = all->first + i;
    one.count = 1;
    PE_H_REAL *alone;
    const pe_status status = PE_H(probe_call)(b, &one, &alone, err);
    const double bound =
        status == PE_OK ? b->bound * (1 + PE_H(largest)(alone, PE_H(item_size)(b, &one))) : 0;
    for (int p = 0; status == PE_OK && p < b->parts; p++)
        for (size_t c = 0; c < b->width[p]; c++) {
            const PE_H_REAL x = results[PE_H(at)(b, all->count, p, i, c)];
            const PE_H_REAL y = alone[PE_H(at)(b, 1, p, 0, c)];
            if (!(fabs((double)(x - y)) <= bound))
                blame(b->faults->alone,
                      "%s (head %d): item %d of %d is %.9g among the others and %.9g alone, column "
                      "%zu (rounding explains %.3g)",
                      hook_names[all->hook], all->head, i, all->count, (double)x, (double)y, c,
                      bound);
        }
    pe_release(alone);
    return status;
}

/* Is the tile (or run) the same when it is made of pieces? */
static pe_status PE_H(probe_piece)(PE_H(bench) * b, const probe_item *all, const probe_item *piece,
                                   const PE_H_REAL *results, pe_error *err)
{
    PE_H_REAL *part;
    const pe_status status = PE_H(probe_call)(b, piece, &part, err);
    const bool tile = all->hook != STATE;
    const int columns = tile ? piece->keys : (int)b->width[0];
    const int planes = tile ? (int)b->width[0] / piece->keys : 1;
    const double bound =
        status == PE_OK ? b->bound * (1 + PE_H(largest)(part, PE_H(item_size)(b, piece))) : 0;
    for (int h = 0; status == PE_OK && h < planes; h++)
        for (int i = 0; i < piece->count; i++)
            for (int j = 0; j < columns; j++) {
                const PE_H_REAL y = part[(h * piece->count + i) * columns + j];
                const int row = h * all->count + piece->first + i;
                const PE_H_REAL x = tile ? results[row * all->keys + piece->first_key + j]
                                         : results[row * columns + j];
                if (!(fabs((double)(x - y)) <= bound))
                    blame(b->faults->cut,
                          "%s (head %d): entry (%d,%d) is %.9g in one piece and %.9g when cut at "
                          "(%d,%d) (rounding explains %.3g)",
                          hook_names[all->hook], all->head, piece->first + i, piece->first_key + j,
                          (double)x, (double)y, piece->first, piece->first_key, bound);
            }
    pe_release(part);
    return status;
}

static pe_status PE_H(probe_cuts)(PE_H(bench) * b, const probe_item *all, const PE_H_REAL *results,
                                  pe_error *err)
{
    static const int cuts[] = {1, 4, 7, 16};
    const bool whole_rows = all->hook == LOGITS && (b->trial->instance->info.flags & PE_WHOLE_ROWS);
    pe_status status = PE_OK;
    for (size_t c = 0; c < sizeof cuts / sizeof cuts[0] && status == PE_OK; c++) {
        const int at = cuts[c], key = whole_rows || all->hook == STATE ? 0 : cuts[c];
        if (at >= all->count || key >= all->keys)
            continue;
        probe_item piece = *all;
        piece.first = at;
        piece.count = all->count - at;
        piece.first_key = key;
        piece.keys = all->keys - key;
        status = PE_H(probe_piece)(b, all, &piece, results, err);
        piece.first = piece.first_key = 0;
        piece.count = at;
        piece.keys = key ? key : all->keys;
        if (status == PE_OK)
            status = PE_H(probe_piece)(b, all, &piece, results, err);
    }
    return status;
}

/* ---- all hooks ------------------------------------------------------------------------------- */

static pe_status PE_H(probe_item)(PE_H(bench) * b, const probe_item *item, pe_error *err)
{
    PE_H_REAL *results;
    pe_status status = PE_H(probe_call)(b, item, &results, err);
    if (status == PE_OK && item->hook == STATE)
        memcpy(b->state, results, PE_H(item_size)(b, item) * sizeof *results);
    const bool by_item = item->hook == EMBED || item->hook == MAP || item->hook == RELATIVE;
    for (int i = 0; by_item && status == PE_OK && i < item->count; i += 3)
        status = PE_H(probe_alone)(b, item, results, i, err);
    if (item->hook == PAIR || item->hook == STATE || item->hook == LOGITS)
        if (status == PE_OK)
            status = PE_H(probe_cuts)(b, item, results, err);
    pe_release(results);
    return status;
}

static pe_status PE_H(probe_heads)(PE_H(bench) * b, probe_item item, pe_error *err)
{
    const bool together = item.hook == LOGITS && PE_H(together)(b);
    pe_status status = PE_OK;
    for (int h = 0; status == PE_OK && h < (together ? 1 : b->trial->instance->dims.heads); h++) {
        item.head = together ? -1 : h;
        status = PE_H(probe_item)(b, &item, err);
    }
    return status;
}

static pe_status PE_H(probe_all)(PE_H(bench) * b, pe_error *err)
{
    const pe_setup *s = &b->trial->instance->info;
    const int T = (int)b->trial->tokens;
    const bool exists[HOOKS] = {[PLAN] = b->ops->plan && s->plan,
                                [EMBED] = b->ops->embed && s->embed_width,
                                [STATE] = b->ops->state && s->state,
                                [RELATIVE] = b->ops->relative && s->rows,
                                [PAIR] = b->ops->pair};
    static const hook order[] = {PLAN, EMBED, STATE, RELATIVE, PAIR}; /* state before its users */
    pe_status status = PE_OK;
    for (size_t i = 0; i < sizeof order / sizeof order[0] && status == PE_OK; i++) {
        const int count = order[i] == PLAN ? 1 : order[i] == RELATIVE ? b->offsets : T;
        const probe_item item = {.hook = order[i], .head = -1, .count = count, .keys = T};
        if (exists[order[i]])
            status = PE_H(probe_item)(b, &item, err);
    }
    for (int role = 0; b->ops->map && role < 4 && status == PE_OK; role++)
        if (s->maps & PE_MAPS(role))
            status = PE_H(probe_heads)(
                b, (probe_item){.hook = MAP, .role = (pe_role)role, .count = T, .keys = T}, err);
    if (b->ops->logits && status == PE_OK)
        status = PE_H(probe_heads)(b, (probe_item){.hook = LOGITS, .count = T, .keys = T}, err);
    return status;
}

static pe_status PE_H(probe)(const pe_trial *trial, pe_probe_faults *faults, pe_error *err)
{
    PE_H(bench) b;
    pe_status status = PE_H(bench_begin)(trial, faults, &b, err);
    if (status == PE_OK)
        status = PE_H(probe_all)(&b, err);
    PE_H(bench_end)(&b);
    return status;
}
