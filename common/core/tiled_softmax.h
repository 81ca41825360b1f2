/* The online softmax of a tile: logits to weights relative to the largest logit so far. Included by
 * tiled.c in each pass. */

/* What was gathered for query i of head g, times a factor. */
static void PE(shrink)(PE(worker) * w, int g, int i, pe_real factor)
{
    const int D = w->p->D;
    pe_real *acc = w->acc + (g * QUERIES + i) * D;
    w->sum[g * QUERIES + i] *= factor;
    for (int c = 0; c < D; c++)
        acc[c] *= factor;
    pe_real *band = w->band ? w->band + (g * QUERIES + i) * w->rows : NULL;
    for (int64_t c = 0; band && c < w->rows; c++)
        band[c] *= factor;
}

/* Masked logits become -inf, so that neither the largest nor the exponential needs the mask. False
 * when the query may see none of the keys. */
static bool PE(mask_row)(const PE(place) * t, const unsigned char *allowed, pe_real *row)
{
    if (t->whole)
        return true;
    if (!memchr(allowed, 1, (size_t)t->tk))
        return false;
    for (int j = 0; j < t->tk; j++)
        row[j] = allowed[j] ? row[j] : -(pe_real)HUGE_VAL;
    return true;
}

/* While a query has met nothing but logits of -inf, nothing is gathered: with a finite logit later
 * they weigh nothing, and without one the result is NaN (write_out), as -inf - -inf is in the
 * reference. */
static void PE(update_row)(PE(worker) * w, const PE(place) * t, int g, int i, pe_real *row)
{
    const bool divide = !(w->p->a->instance->info.flags & PE_NO_SOFTMAX_SUM);
    const int at = g * QUERIES + i;
    w->tile_sum[at] = 0;
    if (!PE(mask_row)(t, w->allowed + i * t->tk, row)) {
        memset(row, 0, (size_t)t->tk * sizeof *row);
        return;
    }
    pe_real top = divide ? PE_TILE(largest)(row, t->tk) : 0;
    if (w->seen[at] && !(top > w->largest[at]))
        top = w->largest[at];
    if (w->seen[at] && top != w->largest[at] && w->sum[at] != 0)
        PE(shrink)(w, g, i, pe_exp(w->largest[at] - top));
    w->seen[at] = 1;
    w->largest[at] = top;
    if (top == -(pe_real)HUGE_VAL) {
        memset(row, 0, (size_t)t->tk * sizeof *row);
        return;
    }
    w->tile_sum[at] = PE_TILE(exponentiate)(row, t->tk, top);
    w->sum[at] += w->tile_sum[at];
}

static void PE(update_softmax)(PE(worker) * w, const PE(place) * t, int g)
{
    pe_real *s = w->s + (int64_t)g * t->tq * t->tk;
    for (int i = 0; i < t->tq; i++)
        PE(update_row)(w, t, g, i, s + (int64_t)i * t->tk);
}

static void PE(write_out)(const PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const bool divide = !(p->a->instance->info.flags & PE_NO_SOFTMAX_SUM);
    for (int g = 0; g < w->group; g++)
        for (int i = 0; i < t->tq; i++) {
            const int at = g * QUERIES + i;
            const pe_real sum = divide ? w->sum[at] : 1;
            const pe_real *acc = w->acc + at * p->D;
            pe_real *out = p->a->out + ((t->b * p->H + t->head + g) * p->a->nq + t->i0 + i) * p->D;
            for (int c = 0; c < p->D; c++)
                out[c] = w->seen[at] ? acc[c] / sum : 0;
            if (p->a->row_log_sum)
                p->a->row_log_sum[(t->b * p->H + t->head + g) * p->a->nq + t->i0 + i] =
                    divide && w->seen[at] ? w->largest[at] + pe_log(sum) : 0;
        }
}
