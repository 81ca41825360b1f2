/* Gradients by relative rows, and through them, of one tile. Included by tiled.c in each pass. */

/* Table row of a pair that may be seen, or PE_NONE. */
static int64_t PE(row_of_pair)(const PE(worker) * w, const PE(place) * t, int i, int j)
{
    if (!w->steps) {
        const int32_t row = w->row[i * t->tk + j];
        return row == PE_NONE ? PE_NONE : t->low + row;
    }
    const int64_t column = t->column - i + j;
    if (column >= 0 && column < w->rows)
        return column;
    return !PE(repeats)(w) ? PE_NONE : column < 0 ? 0 : w->rows - 1;
}

static const pe_real *PE(table_row)(const PE(worker) * w, const pe_real *table, int h, int64_t row)
{
    const int heads = w->p->a->instance->info.row_heads;
    return table + (row * heads + (heads == 1 ? 0 : h)) * w->p->D;
}

/* One use of rows: out_i += sum_j weight_ij row_ij, drow += weight_ij vector_i. */
typedef struct PE(use) {
    const pe_real *table;
    const pe_real *weights; /* (tq, tk) */
    const pe_real *vectors; /* (tq, ld) */
    int ld;
    pe_real *out, *drows, *band; /* (tq, D), (N, D), (QUERIES, N); each may be NULL */
} PE(use);

static void PE(use_plainly)(const PE(worker) * w, const PE(place) * t, int h, const PE(use) * u)
{
    const int D = w->p->D;
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int at = i * t->tk + j;
            const int64_t row = w->allowed[at] ? PE(row_of_pair)(w, t, i, j) : PE_NONE;
            if (row == PE_NONE)
                continue;
            if (u->out)
                pe_add_scaled(u->out + i * D, u->weights[at], PE(table_row)(w, u->table, h, row),
                              D);
            if (u->drows)
                pe_add_scaled(u->drows + row * D, u->weights[at], u->vectors + i * u->ld, D);
        }
}

/* Both products at once, of weights sorted by row: (tq, columns) of rows from `low` on. */
static void PE(use_sorted)(const PE(worker) * w, const PE(use) * u, int h, int i0, int tq,
                           int64_t low, int columns, const pe_real *sorted)
{
    const int D = w->p->D;
    if (u->out)
        PE_TILE(add_product)
    (tq, D, columns, sorted, columns, PE(table_row)(w, u->table, h, low),
     w->p->a->instance->info.row_heads * D, u->out + i0 * D, D);
    if (u->drows)
        PE_TILE(add_transposed)
    (columns, D, tq, sorted, columns, u->vectors + (int64_t)i0 * u->ld, u->ld, u->drows + low * D,
     D);
}

/* A few queries at a time, which together touch few more rows than one of them; or, where the table
 * is short, into a band that finish_use multiplies at the end of the item. */
static void PE(use_rows)(PE(pullback) * x, const PE(place) * t, int h, const PE(use) * u)
{
    const PE(worker) *w = &x->w;
    const int step = u->band ? t->tq : SORTED;
    if (!w->steps || !x->finite) {
        PE(use_plainly)(w, t, h, u);
        return;
    }
    for (int i0 = 0; i0 < t->tq; i0 += step) {
        PE(place) few = *t;
        few.i0 += i0;
        few.tq = t->tq - i0 < step ? t->tq - i0 : step;
        PE(find_columns)(w, &few);
        const int columns = (int)(few.high - few.low + 1);
        const int64_t wide = u->band ? w->rows : columns;
        pe_real *sorted = u->band ? u->band : x->sorted - few.low;
        if (!u->band)
            memset(x->sorted, 0, (size_t)few.tq * (size_t)columns * sizeof *x->sorted);
        for (int i = 0; i < few.tq; i++) {
            const pe_real *weights = u->weights + (i0 + i) * t->tk;
            const stretch part = PE(stretch_of)(w, &few, i);
            const bool outside = part.left == t->tk || part.right == 0;
            PE(sort_weights)
            (w, &few, i, outside ? PE_TILE(sum)(weights, t->tk) : 0, weights, sorted + i * wide);
        }
        if (!u->band)
            PE(use_sorted)(w, u, h, i0, few.tq, few.low, columns, x->sorted);
    }
}

static void PE(finish_use)(const PE(pullback) * x, const PE(place) * t, int h, const PE(use) * u)
{
    if (u->band && x->finite)
        PE(use_sorted)(&x->w, u, h, 0, t->tq, 0, (int)x->w.rows, u->band);
}

static PE(use) PE(value_use)(const PE(pullback) * x, const PE(place) * t, int g)
{
    const PE(worker) *w = &x->w;
    return (PE(use)){.table = w->p->table.value,
                     .weights = w->s + (int64_t)g * t->tq * t->tk,
                     .vectors = PE(dout_of)(x, t, g),
                     .ld = w->p->D,
                     .drows = PE(rows_gradient)(x, x->part->value, t->head + g, w->p->D),
                     .band = x->value_band ? x->value_band + (int64_t)g * QUERIES * w->rows : NULL};
}

static PE(use) PE(query_use)(const PE(pullback) * x, const PE(place) * t, int g, const pe_real *d)
{
    const PE(worker) *w = &x->w;
    return (PE(use)){.table = w->p->table.query,
                     .weights = d,
                     .vectors = PE(queries_of)(w, t, g, 1),
                     .ld = w->p->W,
                     .out = x->terms + g * QUERIES * w->p->D,
                     .drows = PE(rows_gradient)(x, x->part->query, t->head + g, w->p->D),
                     .band = x->query_band ? x->query_band + (int64_t)g * QUERIES * w->rows : NULL};
}

/* Gradients by weights, of the value rows. */
static void PE(value_rows_products)(PE(pullback) * x, const PE(place) * t, int g, pe_real *ds)
{
    const PE(worker) *w = &x->w;
    const int D = w->p->D, h = t->head + g;
    const pe_real *dout = PE(dout_of)(x, t, g);
    if (w->steps) {
        PE(move_window)(w, &x->value_rows, t, g, 1, dout, D);
        PE(add_window)(w, &x->value_rows, t, g, ds);
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int at = i * t->tk + j;
            const int64_t row = w->allowed[at] ? PE(row_of_pair)(w, t, i, j) : PE_NONE;
            for (int c = 0; row != PE_NONE && c < D; c++)
                ds[at] += dout[i * D + c] * PE(table_row)(w, w->p->table.value, h, row)[c];
        }
}

/* dk_j += d_ij row, drow += d_ij k_j. */
static void PE(use_key_rows)(const PE(pullback) * x, const PE(place) * t, int g, const pe_real *d,
                             pe_real *dk)
{
    const PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const int h = t->head + g;
    const pe_real *k = PE(key_of)(p, p->k, p->W, t->b, h, t->j0);
    pe_real *drows = PE(rows_gradient)(x, x->part->key, h, p->D);
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int at = i * t->tk + j;
            const int64_t row = w->allowed[at] ? PE(row_of_pair)(w, t, i, j) : PE_NONE;
            if (row == PE_NONE)
                continue;
            pe_add_scaled(dk + (int64_t)j * p->W, d[at], PE(table_row)(w, p->table.key, h, row),
                          p->D);
            if (drows)
                pe_add_scaled(drows + row * p->D, d[at], k + (int64_t)j * p->W, p->D);
        }
}

static void PE(use_biases)(const PE(pullback) * x, const PE(place) * t, int g, const pe_real *d)
{
    const PE(worker) *w = &x->w;
    pe_real *dbias = PE(rows_gradient)(x, x->part->bias, t->head + g, 1);
    for (int i = 0; dbias && i < t->tq; i++) {
        const pe_real *row = d + i * t->tk;
        if (w->steps) {
            PE(sort_weights)(w, t, i, PE_TILE(sum)(row, t->tk), row, dbias);
            continue;
        }
        for (int j = 0; j < t->tk; j++) {
            const int64_t n =
                w->allowed[i * t->tk + j] ? PE(row_of_pair)(w, t, i, j) : (int64_t)PE_NONE;
            if (n != PE_NONE)
                dbias[n] += row[j];
        }
    }
}

/* ---- real offsets --------------------------------------------------------------------------- */

#ifdef PE_FIRST
typedef enum real_use { BY_WEIGHTS, BY_VALUE_ROWS, BY_TERMS } real_use;
#endif

static pe_rows PE(split_real_rows)(const PE(pe_parts) * p, pe_real *at)
{
    const int wide = PE_ROWS_AT_ONCE * p->a->instance->info.row_heads * p->D;
    return (pe_rows){.query = p->rows & PE_ROWS_QUERY ? at : NULL,
                     .key = p->rows & PE_ROWS_KEY ? at + wide : NULL,
                     .value = p->rows & PE_ROWS_VALUE ? at + 2 * wide : NULL,
                     .bias = p->rows & PE_ROWS_BIAS ? at + 3 * wide : NULL};
}

/* One pair, whose rows are number m of `rows`. */
static void PE(use_real_pair)(PE(pullback) * x, const PE(place) * t, int g, real_use what, int i,
                              int j, int m, const pe_rows *rows, pe_rows *d)
{
    const PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, h = t->head + g, head = heads == 1 ? 0 : h;
    const int64_t bias = m * heads + head, vector = bias * p->D;
    const int64_t at = ((int64_t)g * t->tq + i) * t->tk + j;
    const pe_real *dout = PE(dout_of)(x, t, g) + (int64_t)i * p->D;
    const pe_real own = (x->draw ? x->draw : x->ds)[at], scaled = p->scale * own;
    if (what == BY_WEIGHTS)
        for (int c = 0; c < p->D; c++)
            x->ds[at] += dout[c] * rows->value[vector + c];
    if (what == BY_VALUE_ROWS)
        pe_add_scaled(d->value + vector, w->s[at], dout, p->D);
    if (what != BY_TERMS)
        return;
    const int64_t key = (PE(kv_head_of)(p, t->b, h) * p->a->nk + t->j0 + j) * p->W;
    if (rows->query) {
        pe_add_scaled(x->terms + (g * QUERIES + i) * p->D, scaled, rows->query + vector, p->D);
        pe_add_scaled(d->query + vector, scaled, PE(queries_of)(w, t, g, 1) + i * p->W, p->D);
    }
    if (rows->key) {
        pe_add_scaled(x->back->mk + key, scaled, rows->key + vector, p->D);
        pe_add_scaled(d->key + vector, scaled, p->k + key, p->D);
    }
    if (rows->bias)
        d->bias[bias] += own;
}

static void PE(use_real_rows)(PE(pullback) * x, const PE(place) * t, int g, real_use what)
{
    PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const pe_setup *info = &a->instance->info;
    const pe_ops *ops = a->instance->variant->PE_OPS;
    const size_t numbers = PE_ROWS_AT_ONCE * (size_t)((3 * p->D + 1) * info->row_heads);
    const pe_call c = PE(pe_backward_call)(x->back, x->chunk, w->scratch);
    pe_rows rows = PE(split_real_rows)(p, w->real_rows), d = PE(split_real_rows)(p, x->real_drows);
    for (int i = 0; i < t->tq; i++)
        for (int j0 = 0; j0 < t->tk; j0 += PE_ROWS_AT_ONCE) {
            const int n = t->tk - j0 < PE_ROWS_AT_ONCE ? t->tk - j0 : PE_ROWS_AT_ONCE;
            double offset[PE_ROWS_AT_ONCE];
            bool inside[PE_ROWS_AT_ONCE];
            for (int m = 0; m < n; m++) {
                const double apart = a->q_coord[t->i0 + i] - a->k_coord[t->j0 + j0 + m];
                inside[m] = info->edge == PE_EDGE_REPEAT ||
                            (apart >= (double)info->low && apart <= (double)info->high);
                offset[m] = fmin(fmax(apart, (double)info->low), (double)info->high);
            }
            ops->relative(&c, n, offset, &rows);
            if (a->instance->formats[PE_AT_ROWS] != PE_UNROUNDED)
                PE(pe_lend).round((pe_format)a->instance->formats[PE_AT_ROWS], numbers,
                                  w->real_rows);
            memset(x->real_drows, 0, numbers * sizeof *x->real_drows);
            for (int m = 0; m < n; m++)
                if (inside[m] && w->allowed[i * t->tk + j0 + m])
                    PE(use_real_pair)(x, t, g, what, i, j0 + m, m, &rows, &d);
            if (what != BY_WEIGHTS && ops->relative_vjp)
                ops->relative_vjp(&c, n, offset, &d);
        }
}
