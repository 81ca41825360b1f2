/* Relative rows of a tile whose token indices are consecutive. One query's offsets to the keys of a
 * tile are then a run of table rows, so its logits get a run of a product (queries times rows), and
 * its weights fill a run of a matrix that is multiplied by the value rows. Included by tiled.c in
 * each pass. */

static stretch PE(stretch_of)(const PE(worker) * w, const PE(place) * t, int i)
{
    const int64_t column = t->column - i, end = w->rows - column;
    stretch x = {.column = column};
    x.left = column >= 0 ? 0 : column <= -t->tk ? t->tk : (int)-column;
    x.right = end >= t->tk ? t->tk : end <= 0 ? 0 : (int)end;
    return x;
}

static bool PE(repeats)(const PE(worker) * w)
{
    return w->p->a->instance->info.edge == PE_EDGE_REPEAT;
}

static void PE(find_columns)(const PE(worker) * w, PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    t->column = p->last - p->qi[t->i0] + p->kj[t->j0];
    const int64_t low = t->column - (t->tq - 1), high = t->column + t->tk - 1;
    t->low = low < 0 ? 0 : low < w->rows ? low : w->rows - 1;
    t->high = high < 0 ? 0 : high < w->rows ? high : w->rows - 1;
}

/* s (tk) += what query i takes from x, where x[column] belongs to a column. */
static void PE(add_stretch)(const PE(worker) * w, const PE(place) * t, int i, const pe_real *x,
                            pe_real *s)
{
    const stretch part = PE(stretch_of)(w, t, i);
    if (part.right > part.left)
        PE_TILE(add)(s + part.left, x + part.column + part.left, part.right - part.left);
    if (!PE(repeats)(w))
        return;
    if (part.left > 0)
        PE_TILE(add_constant)(s, x[0], part.left);
    if (part.right < t->tk)
        PE_TILE(add_constant)(s + part.right, x[w->rows - 1], t->tk - part.right);
}

/* ---- query rows --------------------------------------------------------------------------------
 */

static void PE(pack_rows)(const PE(worker) * w, PE(window) * x, int h, int64_t from, int64_t to)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, head = heads == 1 ? 0 : h;
    for (int64_t column = from; column < to; column += PE_PANEL) {
        const int64_t panel = column / PE_PANEL, left = w->rows - column;
        if (x->tag[panel] == head + 1)
            continue;
        PE_TILE(pack)
        (left < PE_PANEL ? (int)left : PE_PANEL, p->D, x->table + (column * heads + head) * p->D,
         heads * p->D, x->packed + column * p->D);
        x->tag[panel] = head + 1;
    }
}

/* Make the window of head + g, of vectors (tq, ld), cover the tile's columns: going through the
 * keys of an item it only moves to later columns, so what it has in common with the tile before is
 * kept. */
static void PE(move_window)(const PE(worker) * w, PE(window) * x, const PE(place) * t, int g,
                            pe_real scale, const pe_real *vectors, int ld)
{
    const PE(pe_parts) *p = w->p;
    const int64_t low = t->low / PE_PANEL * PE_PANEL, up = t->high / PE_PANEL * PE_PANEL + PE_PANEL;
    const int64_t high = up < w->rows ? up : w->rows;
    int64_t *from = &x->from[g], *to = &x->to[g];
    pe_real *window = x->products + (int64_t)g * QUERIES * w->wide;
    if (low < *from || low >= *to)
        *from = *to = low;
    else if (low > *from) {
        for (int i = 0; i < t->tq; i++)
            memmove(window + i * w->wide, window + i * w->wide + (low - *from),
                    (size_t)(*to - low) * sizeof *window);
        *from = low;
    }
    if (high <= *to)
        return;
    /* The window ends inside a panel only at the table's end. */
    PE(pack_rows)(w, x, t->head + g, *to, high);
    PE_TILE(times_panels)
    (t->tq, (int)(high - *to), p->D, scale, vectors, ld, x->packed + *to * p->D,
     window + (*to - low), w->wide);
    *to = high;
}

/* s += what the window has for each pair. */
static void PE(add_window)(const PE(worker) * w, PE(window) * x, const PE(place) * t, int g,
                           pe_real *s)
{
    const pe_real *window = x->products + (int64_t)g * QUERIES * w->wide - x->from[g];
    for (int i = 0; i < t->tq; i++)
        PE(add_stretch)(w, t, i, window + i * w->wide, s + i * t->tk);
}

static void PE(add_query_rows)(PE(worker) * w, const PE(place) * t, int g, pe_real *s)
{
    PE(move_window)
    (w, &w->query_rows, t, g, w->p->scale, PE(queries_of)(w, t, g, 1), w->p->W);
    PE(add_window)(w, &w->query_rows, t, g, s);
}

/* ---- key rows and biases -------------------------------------------------------------------- */

/* Rows times keys: product (columns, tk), of which query i and key j want column + j - i. */
static void PE(add_key_rows)(PE(worker) * w, const PE(place) * t, int g, pe_real *s)
{
    const PE(pe_parts) *p = w->p;
    const int heads = p->a->instance->info.row_heads, h = t->head + g, head = heads == 1 ? 0 : h;
    const int columns = (int)(t->high - t->low + 1);
    PE_TILE(times_panels)
    (columns, t->tk, p->D, p->scale, p->table.key + (t->low * heads + head) * p->D, heads * p->D,
     PE(packed_keys_of)(w, t, h), w->products, t->tk);
    for (int i = 0; i < t->tq; i++) {
        const stretch part = PE(stretch_of)(w, t, i);
        pe_real *row = s + i * t->tk;
        for (int j = part.left; j < part.right; j++)
            row[j] += w->products[(part.column + j - t->low) * t->tk + j];
        if (!PE(repeats)(w))
            continue;
        for (int j = 0; j < part.left; j++)
            row[j] += w->products[j];
        for (int j = part.right; j < t->tk; j++)
            row[j] += w->products[(columns - 1) * t->tk + j];
    }
}

static void PE(add_biases)(const PE(worker) * w, const PE(place) * t, int g, pe_real *s)
{
    const int heads = w->p->a->instance->info.row_heads;
    const pe_real *bias = w->bias + (heads == 1 ? 0 : t->head + g) * w->rows;
    for (int i = 0; i < t->tq; i++)
        PE(add_stretch)(w, t, i, bias, s + i * t->tk);
}

/* ---- value rows -------------------------------------------------------------------------------
 */

/* out[column] += the weights of query i that fall on the column; out is (N), or the part of it that
 * the tile spans. */
static void PE(sort_weights)(const PE(worker) * w, const PE(place) * t, int i, pe_real total,
                             const pe_real *weights, pe_real *out)
{
    const stretch part = PE(stretch_of)(w, t, i);
    if (part.right > part.left)
        PE_TILE(add)(out + part.column + part.left, weights + part.left, part.right - part.left);
    if (!PE(repeats)(w))
        return;
    if (part.left > 0)
        out[0] += part.left == t->tk ? total : PE_TILE(sum)(weights, part.left);
    if (part.right < t->tk)
        out[w->rows - 1] +=
            part.right == 0 ? total : PE_TILE(sum)(weights + part.right, t->tk - part.right);
}

static const pe_real *PE(value_rows_of)(const PE(worker) * w, int h, int64_t column)
{
    const int heads = w->p->a->instance->info.row_heads;
    return w->p->table.value + (column * heads + (heads == 1 ? 0 : h)) * w->p->D;
}

/* acc += weights . value rows, a few queries at a time: together they touch few more columns than
 * one of them. */
static void PE(add_skewed)(PE(worker) * w, const PE(place) * t, int g, const pe_real *weights,
                           pe_real *acc)
{
    const PE(pe_parts) *p = w->p;
    const int stride = p->a->instance->info.row_heads * p->D;
    for (int i0 = 0; i0 < t->tq; i0 += SKEWED) {
        PE(place) few = *t;
        few.i0 += i0;
        few.tq = t->tq - i0 < SKEWED ? t->tq - i0 : SKEWED;
        PE(find_columns)(w, &few);
        const int columns = (int)(few.high - few.low + 1);
        memset(w->skew, 0, (size_t)few.tq * (size_t)columns * sizeof *w->skew);
        for (int i = 0; i < few.tq; i++)
            PE(sort_weights)
        (w, &few, i, w->tile_sum[g * QUERIES + i0 + i], weights + (i0 + i) * t->tk,
         w->skew + i * columns - few.low);
        PE_TILE(add_product)
        (few.tq, p->D, columns, w->skew, columns, PE(value_rows_of)(w, t->head + g, few.low),
         stride, acc + i0 * p->D, p->D);
    }
}

static void PE(add_value_rows)(PE(worker) * w, const PE(place) * t, int g, const pe_real *weights,
                               pe_real *acc)
{
    if (!w->band) {
        PE(add_skewed)(w, t, g, weights, acc);
        return;
    }
    pe_real *band = w->band + (int64_t)g * QUERIES * w->rows;
    for (int i = 0; i < t->tq; i++)
        PE(sort_weights)
    (w, t, i, w->tile_sum[g * QUERIES + i], weights + i * t->tk, band + i * w->rows);
}

/* At the end of an item: the weights that were gathered by row, times the rows. */
static void PE(finish_bands)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    for (int g = 0; g < w->group; g++)
        PE_TILE(add_product)
    (t->tq, p->D, (int)w->rows, w->band + (int64_t)g * QUERIES * w->rows, (int)w->rows,
     PE(value_rows_of)(w, t->head + g, 0), p->a->instance->info.row_heads * p->D,
     w->acc + g * QUERIES * p->D, p->D);
}

/* The same pair by pair, for values that are not finite. */
static void PE(add_value_rows_plainly)(const PE(worker) * w, const PE(place) * t, int g,
                                       const pe_real *weights, pe_real *acc)
{
    const int D = w->p->D;
    for (int i = 0; i < t->tq; i++)
        for (int j = 0; j < t->tk; j++) {
            int64_t column = t->column - i + j;
            const bool outside = column < 0 || column >= w->rows;
            if (!w->allowed[i * t->tk + j] || (outside && !PE(repeats)(w)))
                continue;
            column = column < 0 ? 0 : column < w->rows ? column : w->rows - 1;
            pe_add_scaled(acc + i * D, weights[i * t->tk + j],
                          PE(value_rows_of)(w, t->head + g, column), D);
        }
}
