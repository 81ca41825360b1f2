/* Relative rows where token indices are not consecutive, or offsets are fractions: each pair looks
 * its row up. Included by tiled.c in each pass. */

/* First and last table row that pairs of the tile can name. */
static void PE(find_span)(const PE(pe_parts) * p, PE(place) * t)
{
    int64_t qlow = p->qi[t->i0], qhigh = qlow, klow = p->kj[t->j0], khigh = klow;
    for (int i = 1; i < t->tq; i++) {
        int64_t x = p->qi[t->i0 + i];
        qlow = x < qlow ? x : qlow;
        qhigh = x > qhigh ? x : qhigh;
    }
    for (int j = 1; j < t->tk; j++) {
        int64_t x = p->kj[t->j0 + j];
        klow = x < klow ? x : klow;
        khigh = x > khigh ? x : khigh;
    }
    int64_t low = qlow - khigh, high = qhigh - klow;
    low = low < p->first ? p->first : low > p->last ? p->last : low;
    high = high < p->first ? p->first : high > p->last ? p->last : high;
    t->low = low - p->first;
    t->high = high - p->first;
}

/* The row of each pair, once for all products of the tile. A pair that may not be seen can lie
 * outside the table, and gets none. */
static void PE(find_rows)(PE(worker) * w, PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_setup *info = &p->a->instance->info;
    PE(find_span)(p, t);
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int at = i * t->tk + j;
            const int64_t offset = p->qi[t->i0 + i] - p->kj[t->j0 + j];
            const int64_t row = w->allowed[at] ? pe_row_of(info, p->first, offset) : PE_NONE;
            w->row[at] = row == PE_NONE ? PE_NONE : (int32_t)(row - t->low);
        }
}

/* All pairs of the tile have one and the same row: beyond the clipping distance most tiles do. */
static bool PE(one_row)(const PE(pe_parts) * p, const PE(place) * t)
{
    return t->whole && t->low == t->high && p->a->instance->info.edge == PE_EDGE_REPEAT;
}

/* s += scale * vectors . rows, gathered by offset: one product with all rows that the tile's
 * offsets span, then one look-up per pair. by_key: the vectors belong to keys. */
static void PE(gather_products)(PE(worker) * w, const PE(place) * t, int h, const pe_real *vectors,
                                bool by_key, const pe_real *table, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    const int span = (int)(t->high - t->low + 1), side = by_key ? t->tk : t->tq;
    const pe_real *rows = table + (t->low * heads + head) * p->D;
    const bool gathered = span > w->span;
    if (!gathered)
        PE(pe_lend).gemm(false, true, side, span, p->D, 1, vectors, p->D, rows, heads * p->D, 0,
                         w->products, span);
    if (PE(one_row)(p, t)) {
        for (int i = 0; i < t->tq; i++)
            for (int j = 0; j < t->tk; j++)
                s[i * t->tk + j] += p->scale * w->products[by_key ? j : i];
        return;
    }
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row == PE_NONE)
                continue;
            const int64_t vector = by_key ? j : i;
            pe_real product = 0;
            if (gathered)
                for (int c = 0; c < p->D; c++)
                    product += vectors[vector * p->D + c] * rows[row * heads * p->D + c];
            else
                product = w->products[vector * span + row];
            s[i * t->tk + j] += p->scale * product;
        }
}

static void PE(gather_biases)(PE(worker) * w, const PE(place) * t, int h, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row != PE_NONE)
                s[i * t->tk + j] += p->table.bias[(t->low + row) * heads + head];
        }
}

/* Rows at real offsets: asked for pair by pair, PE_ROWS_AT_ONCE keys of one query in a call. Does
 * the logit's terms, or with `weights` the value's, into out (tq, D). */
static void PE(real_rows)(PE(worker) * w, const PE(place) * t, int h, pe_real *s,
                          const pe_real *weights, pe_real *out)
{
    const PE(pe_parts) *p = w->p;
    const PE(pe_attention) *a = p->a;
    const pe_setup *info = &a->instance->info;
    const int heads = info->row_heads, head = heads == 1 ? 0 : h, wide = heads * p->D;
    const pe_call c = PE(pe_parts_call)(p, w->scratch);
    pe_rows rows = {
        .query = p->rows & PE_ROWS_QUERY ? w->real_rows : NULL,
        .key = p->rows & PE_ROWS_KEY ? w->real_rows + PE_ROWS_AT_ONCE * wide : NULL,
        .value = p->rows & PE_ROWS_VALUE ? w->real_rows + 2 * PE_ROWS_AT_ONCE * wide : NULL,
        .bias = p->rows & PE_ROWS_BIAS ? w->real_rows + 3 * PE_ROWS_AT_ONCE * wide : NULL};
    for (int i = 0; i < t->tq; i++)
        for (int j0 = 0; j0 < t->tk; j0 += PE_ROWS_AT_ONCE) {
            double offset[PE_ROWS_AT_ONCE];
            bool inside[PE_ROWS_AT_ONCE];
            int n = 0;
            for (; n < PE_ROWS_AT_ONCE && j0 + n < t->tk; n++) {
                double x = a->q_coord[t->i0 + i] - a->k_coord[t->j0 + j0 + n];
                inside[n] = info->edge == PE_EDGE_REPEAT ||
                            (x >= (double)info->low && x <= (double)info->high);
                offset[n] = fmin(fmax(x, (double)info->low), (double)info->high);
            }
            a->instance->variant->PE_OPS->relative(&c, n, offset, &rows);
            if (a->instance->formats[PE_AT_ROWS] != PE_UNROUNDED)
                PE(pe_lend).round((pe_format)a->instance->formats[PE_AT_ROWS],
                                  (size_t)(PE_ROWS_AT_ONCE * (3 * wide + heads)), w->real_rows);
            const pe_real *q = PE(query_of)(p, t->b, h, t->i0 + i);
            for (int m = 0; m < n; m++) {
                const int64_t at = (int64_t)i * t->tk + j0 + m;
                if (!w->allowed[at] || !inside[m])
                    continue;
                const int64_t vector = (int64_t)(m * heads + head) * p->D;
                if (weights) {
                    pe_add_scaled(out + (int64_t)i * p->D, weights[at], rows.value + vector, p->D);
                    continue;
                }
                const pe_real *k = PE(key_of)(p, p->k, p->W, t->b, h, t->j0 + j0 + m);
                pe_real product = 0;
                for (int d = 0; d < p->D; d++) {
                    if (rows.query)
                        product +=
                            (q[d] + (p->vb ? p->vb[h * p->D + d] : 0)) * rows.query[vector + d];
                    if (rows.key)
                        product += k[d] * rows.key[vector + d];
                }
                s[at] += p->scale * product + (rows.bias ? rows.bias[m * heads + head] : 0);
            }
        }
}

/* acc += weights . rows of the value, by offset: sum the weights of each row, then one product. */
static void PE(gather_value_rows)(PE(worker) * w, const PE(place) * t, int h,
                                  const pe_real *weights, pe_real *acc)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    const int span = (int)(t->high - t->low + 1);
    const pe_real *rows = p->table.value + (t->low * heads + head) * p->D;
    const bool gathered = span > w->span;
    if (PE(one_row)(p, t)) {
        for (int i = 0; i < t->tq; i++) {
            pe_real total = 0;
            for (int j = 0; j < t->tk; j++)
                total += weights[i * t->tk + j];
            pe_add_scaled(acc + i * p->D, total, rows, p->D);
        }
        return;
    }
    if (!gathered)
        memset(w->products, 0, (size_t)t->tq * (size_t)span * sizeof *w->products);
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            const int64_t row = w->row[i * t->tk + j];
            if (row == PE_NONE)
                continue;
            if (gathered)
                pe_add_scaled(acc + i * p->D, weights[i * t->tk + j], rows + row * heads * p->D,
                              p->D);
            else
                w->products[i * span + row] += weights[i * t->tk + j];
        }
    if (!gathered)
        PE(pe_lend).gemm(false, false, t->tq, p->D, span, 1, w->products, span, rows, heads * p->D,
                         1, acc, p->D);
}
