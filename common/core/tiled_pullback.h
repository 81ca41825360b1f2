/* What one worker of the tiled gradient has beside the worker of the forward way, whose logits it
 * repeats. Included by tiled.c in each pass. */
#ifdef PE_FIRST
enum { SORTED = 16 /* query rows whose gradients are sorted by offset in one go */ };
#endif

/* Gradients by relative rows that one chunk of items gathers, for the row heads from `head` on;
 * rows lie as those of the table do, but head by head. NULL: not wanted, or there are none. */
typedef struct PE(partial) {
    int head, heads;
    pe_real *query, *key, *value; /* (heads, N, D) */
    pe_real *bias;                /* (heads, N) */
} PE(partial);

/* Sizes as in tiled_worker.h. */
typedef struct PE(pullback) {
    PE(worker) w;
    PE(pe_backward) * back;
    const pe_real *out, *log_sum, *dout; /* of the forward way, and by it: (B, H, nq, ...) */
    int chunk, copy;                     /* in hand: of the items, of the gradients by states */
    const PE(partial) * part;
    bool finite; /* all inputs are: then a gradient of 0 adds nothing */
    PE(panels) values;
    PE(window) value_rows;
    pe_real *ds;                      /* (G, QUERIES, tk) first by weights, then by logits */
    pe_real *draw;                    /* the same before the `logits` hook, or NULL */
    pe_real *mean;                    /* (G, QUERIES) sum of weight times its gradient */
    pe_real *content;                 /* (G, QUERIES, W) by queries, of the keys */
    pe_real *terms;                   /* (G, QUERIES, D) by queries, of the rows */
    pe_real *query_band, *value_band; /* (G, QUERIES, N) by row so far, or NULL */
    pe_real *sorted;                  /* (SORTED, wide) by row, of a few queries */
    pe_real *djoined_q, *djoined_k;   /* (H, QUERIES, D), (H, tk, D), or NULL */
    pe_real *real_drows;              /* of PE_ROWS_AT_ONCE real offsets */
    void *block, *indices;
} PE(pullback);

static size_t PE(lay_out_pullback)(PE(pullback) * x, pe_real *block)
{
    const PE(worker) *w = &x->w;
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const size_t tk = (size_t)w->tk, G = (size_t)w->group, D = (size_t)p->D, N = (size_t)w->rows;
    const size_t tile = QUERIES * tk, padded = (tk + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
    const size_t heads = (size_t)instance->info.row_heads, H = (size_t)p->H;
    const bool queries = w->steps && (p->rows & PE_ROWS_QUERY);
    const bool values = w->steps && (p->rows & PE_ROWS_VALUE);
    const size_t band = G * QUERIES * (N <= WIDEST_BAND ? N : 0);
    const bool joined = w->joined_q != NULL;
    size_t used = 0;
    PE(take)(block, &used, (size_t)w->packed_tiles * padded * D, &x->values.packed);
    PE(take)
    (block, &used, values ? (N + PE_PANEL - 1) / PE_PANEL * PE_PANEL * D : 0,
     &x->value_rows.packed);
    PE(take)(block, &used, values ? G * QUERIES * (size_t)w->wide : 0, &x->value_rows.products);
    PE(take)(block, &used, G * tile, &x->ds);
    PE(take)(block, &used, instance->variant->PE_OPS->logits ? G * tile : 0, &x->draw);
    PE(take)(block, &used, G * QUERIES, &x->mean);
    PE(take)(block, &used, G * QUERIES * (size_t)p->W, &x->content);
    PE(take)(block, &used, G * QUERIES * D, &x->terms);
    PE(take)(block, &used, queries ? band : 0, &x->query_band);
    PE(take)(block, &used, values ? band : 0, &x->value_band);
    PE(take)(block, &used, queries || values ? SORTED * (size_t)w->wide : 0, &x->sorted);
    PE(take)(block, &used, joined ? H * QUERIES * D : 0, &x->djoined_q);
    PE(take)(block, &used, joined ? H * tk * D : 0, &x->djoined_k);
    return PE(take)(block, &used, p->real_offsets ? PE_ROWS_AT_ONCE * (3 * D + 1) * heads : 0,
                    &x->real_drows);
}

static pe_status PE(pullback_start)(PE(pullback) * x, pe_error *err)
{
    PE(worker) *w = &x->w;
    const int64_t panels = (w->rows + PE_PANEL - 1) / PE_PANEL;
    pe_status status = PE(worker_start)(w, err);
    if (status != PE_OK)
        return status;
    x->block = pe_allocate(PE(lay_out_pullback)(x, NULL), sizeof(pe_real), "tiles", err);
    x->indices = x->block ? pe_allocate((size_t)(w->packed_tiles + panels + 2 * w->group),
                                        sizeof(int64_t), "tags of tiles", err)
                          : NULL;
    if (!x->indices)
        return PE_MEMORY;
    PE(lay_out_pullback)(x, x->block);
    x->values.tag = x->indices;
    PE(tag_window)(&x->value_rows, x->values.tag + w->packed_tiles, panels, w->group);
    x->value_rows.table = w->p->table.value;
    return PE_OK;
}

static void PE(pullback_end)(PE(pullback) * x)
{
    PE(worker_end)(&x->w);
    pe_release(x->block);
    pe_release(x->indices);
}

/* Gradient by the rows of head h in a partial table, or NULL. */
static pe_real *PE(rows_gradient)(const PE(pullback) * x, pe_real *table, int h, int width)
{
    const int head = x->w.p->a->instance->info.row_heads == 1 ? 0 : h;
    return table ? table + (int64_t)(head - x->part->head) * x->w.rows * width : NULL;
}

static const pe_real *PE(dout_of)(const PE(pullback) * x, const PE(place) * t, int g)
{
    const PE(pe_parts) *p = x->w.p;
    return x->dout + ((t->b * p->H + t->head + g) * p->a->nq + t->i0) * p->D;
}
