/* The steps of reference attention that its gradient goes through, too: whole matrices of one batch
 * item. Included by reference.c and reference_gradient.c in each pass. */

/* Everything of one batch item: whole matrices of all heads. */
typedef struct PE(matrices) {
    unsigned char *allowed; /* (nq, nk) */
    pe_real *raw, *s;       /* (H, nq, nk) */
    pe_real *pair;          /* (H, nq, nk) or NULL */
    pe_real *row;           /* rows of one offset, when they are asked pair by pair */
    pe_real *scratch;
    pe_real *joined_k; /* (H, nk, D), where `logits` wants all heads and some share their keys */
    void *owned[7];
} PE(matrices);

static void PE(release_matrices)(PE(matrices) * m)
{
    for (size_t i = 0; i < sizeof m->owned / sizeof m->owned[0]; i++)
        pe_release(m->owned[i]);
}

/* Must keys be repeated, so that a tile of all heads holds those of each? */
static bool PE(shares_keys)(const PE(pe_parts) * p)
{
    return p->a->instance->variant->PE_OPS->logits && p->kv_heads < p->H &&
           (p->a->instance->info.flags & PE_HEADS_TOGETHER) != 0;
}

static pe_status PE(allocate_matrices)(PE(matrices) * m, const PE(pe_parts) * p, pe_error *err)
{
    const size_t pairs = (size_t)p->a->nq * (size_t)p->a->nk;
    const pe_setup *s = &p->a->instance->info;
    const size_t row = (size_t)(3 * p->D + 1) * (size_t)(s->row_heads > 0 ? s->row_heads : 1);
    size_t all;
    if (__builtin_mul_overflow(pairs, (size_t)p->H, &all))
        return pe_fail(err, PE_MEMORY, "the whole matrix of logits is more than memory can hold");
    *m = (PE(matrices)){0};
    m->owned[0] = m->allowed = pe_allocate(pairs, 1, "mask", err);
    if (m->allowed)
        m->owned[1] = m->raw = pe_allocate(all, sizeof(pe_real), "logits", err);
    if (m->raw)
        m->owned[2] = m->s = pe_allocate(all, sizeof(pe_real), "logits", err);
    if (m->s)
        m->owned[3] = m->row = pe_allocate(row, sizeof(pe_real), "relative rows", err);
    if (m->row)
        m->owned[4] = m->scratch = pe_allocate(s->scratch, sizeof(pe_real), "scratch", err);
    bool whole = m->scratch != NULL;
    if (whole && p->a->instance->variant->PE_OPS->pair) {
        m->owned[5] = m->pair = pe_allocate(all, sizeof(pe_real), "pair bias", err);
        whole = m->pair != NULL;
    }
    if (whole && PE(shares_keys)(p)) {
        const size_t keys = (size_t)p->H * (size_t)p->a->nk * (size_t)p->D;
        m->owned[6] = m->joined_k = pe_allocate(keys, sizeof(pe_real), "keys of all heads", err);
        whole = m->joined_k != NULL;
    }
    return whole ? PE_OK : PE_MEMORY;
}

static pe_real PE(dot)(const pe_real *x, const pe_real *y, int n)
{
#if PE_PASS == 3
    return pe_quad_dot(n, x, 1, y, 1);
#else
    pe_real sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
#endif
}

/* The offset of a pair where offsets are fractions; false when it has no rows. */
static bool PE(real_offset)(const PE(pe_parts) * p, int64_t i, int64_t j, double *offset)
{
    const pe_setup *s = &p->a->instance->info;
    const double x = p->a->q_coord[i] - p->a->k_coord[j];
    *offset = fmin(fmax(x, (double)s->low), (double)s->high);
    return s->edge == PE_EDGE_REPEAT || (x >= (double)s->low && x <= (double)s->high);
}

/* The rows of pair (i, j) for head h: from the table, or asked for at a real offset. Members are
 * NULL where nothing is added. */
static pe_rows PE(rows_of_pair)(const PE(pe_parts) * p, const PE(matrices) * m, int64_t i,
                                int64_t j, int h)
{
    const pe_setup *s = &p->a->instance->info;
    const int64_t heads = s->row_heads, head = heads == 1 ? 0 : h;
    pe_rows t = p->table;
    int64_t row = 0;
    if (p->real_offsets) {
        double offset;
        if (!PE(real_offset)(p, i, j, &offset))
            return (pe_rows){0};
        pe_real *at = m->row;
        t = (pe_rows){.query = p->rows & PE_ROWS_QUERY ? at : NULL,
                      .key = p->rows & PE_ROWS_KEY ? at + heads * p->D : NULL,
                      .value = p->rows & PE_ROWS_VALUE ? at + 2 * heads * p->D : NULL,
                      .bias = p->rows & PE_ROWS_BIAS ? at + 3 * heads * p->D : NULL};
        const pe_call c = PE(pe_parts_call)(p, m->scratch);
        p->a->instance->variant->PE_OPS->relative(&c, 1, &offset, &t);
        if (p->a->instance->formats[PE_AT_ROWS] != PE_UNROUNDED)
            PE(pe_lend).round((pe_format)p->a->instance->formats[PE_AT_ROWS],
                              (size_t)((3 * p->D + 1) * heads), m->row);
    } else {
        row = pe_row_of(s, p->first, p->qi[i] - p->kj[j]);
        if (row == PE_NONE)
            return (pe_rows){0};
    }
    const int64_t vector = (row * heads + head) * p->D;
    return (pe_rows){.bias = t.bias ? t.bias + row * heads + head : NULL,
                     .query = t.query ? t.query + vector : NULL,
                     .key = t.key ? t.key + vector : NULL,
                     .value = t.value ? t.value + vector : NULL};
}

static void PE(keep_term)(const PE(pe_attention) * a, pe_term term, size_t at, pe_real value)
{
    if (a->term[term])
        a->term[term][at] = value;
}

/* One logit before the `logits` hook; `at` is its place in (B, H, nq, nk). */
static pe_real PE(one_logit)(const PE(pe_parts) * p, const PE(matrices) * m, int64_t b, int h,
                             int64_t i, int64_t j, size_t at)
{
    const PE(pe_attention) *a = p->a;
    const int64_t kv = h / (p->H / p->kv_heads);
    const pe_real *q = p->q + ((b * p->H + h) * a->nq + i) * p->W;
    const pe_real *k = p->k + ((b * p->kv_heads + kv) * a->nk + j) * p->W;
    pe_real term[PE_TERM_COUNT] = {0};
    term[PE_TERM_CONTENT] = PE(dot)(q, k, p->W);
    if (p->u)
        term[PE_TERM_GLOBAL_CONTENT] = PE(dot)(p->u + h * p->D, k, p->D);
    if (p->rows) {
        const pe_rows rows = PE(rows_of_pair)(p, m, i, j, h);
        if (rows.query) {
            term[PE_TERM_QUERY_ROWS] = PE(dot)(q, rows.query, p->D);
            if (p->vb)
                term[PE_TERM_GLOBAL_ROWS] = PE(dot)(p->vb + h * p->D, rows.query, p->D);
        }
        if (rows.key)
            term[PE_TERM_KEY_ROWS] = PE(dot)(k, rows.key, p->D);
        if (rows.bias)
            term[PE_TERM_BIAS] = *rows.bias;
    }
    if (m->pair)
        term[PE_TERM_PAIR] = m->pair[((int64_t)h * a->nq + i) * a->nk + j];
    for (int t = 0; t < PE_TERM_COUNT; t++)
        PE(keep_term)(a, (pe_term)t, at, term[t]);
    return p->scale *
               (term[PE_TERM_CONTENT] + term[PE_TERM_QUERY_ROWS] + term[PE_TERM_GLOBAL_CONTENT] +
                term[PE_TERM_GLOBAL_ROWS] + term[PE_TERM_KEY_ROWS]) +
           term[PE_TERM_BIAS] + term[PE_TERM_PAIR];
}

static pe_tile PE(whole_tile)(const PE(pe_parts) * p, const PE(matrices) * m, int64_t b, int h)
{
    const PE(pe_attention) *a = p->a;
    const int64_t kv = h < 0 ? 0 : h / (p->H / p->kv_heads);
    const int64_t head = h < 0 ? 0 : h;
    return (pe_tile){
        .nq = (int)a->nq,
        .nk = (int)a->nk,
        .head = h,
        .qi = a->q_index,
        .kj = a->k_index,
        .qx = a->q_coord + (a->coord_per_batch ? b * a->nq * p->axes : 0),
        .kx = a->k_coord + (a->coord_per_batch ? b * a->nk * p->axes : 0),
        .allowed = m->allowed,
        .q = a->q + (b * p->H + head) * a->nq * p->D,
        .k = h < 0 && m->joined_k ? m->joined_k : a->k + (b * p->kv_heads + kv) * a->nk * p->D,
        .q_state = p->q_state ? p->q_state + b * a->nq * p->S : NULL,
        .k_state = p->k_state ? p->k_state + b * a->nk * p->S : NULL,
    };
}

static void PE(fill_raw)(const PE(pe_parts) * p, PE(matrices) * m, int64_t b)
{
    const PE(pe_attention) *a = p->a;
    const size_t pairs = (size_t)a->nq * (size_t)a->nk;
    for (int64_t i = 0; i < a->nq; i++)
        for (int64_t j = 0; j < a->nk; j++)
            m->allowed[i * a->nk + j] = PE_MAY_SEE(a, b, i, j);
    if (m->pair && !p->no_pair) {
        pe_tile tile = PE(whole_tile)(p, m, b, -1);
        tile.q = tile.k = NULL;
        const pe_call c = PE(pe_parts_call)(p, m->scratch);
        a->instance->variant->PE_OPS->pair(&c, &tile, m->pair);
    }
    for (int h = 0; h < p->H; h++)
        for (int64_t i = 0; i < a->nq; i++)
            for (int64_t j = 0; j < a->nk; j++) {
                const size_t here = (size_t)(i * a->nk + j);
                const size_t at = ((size_t)b * (size_t)p->H + (size_t)h) * pairs + here;
                m->raw[(size_t)h * pairs + here] =
                    m->allowed[here] ? PE(one_logit)(p, m, b, h, i, j, at) : 0;
            }
}

static void PE(join_keys)(const PE(pe_parts) * p, PE(matrices) * m, int64_t b)
{
    const int64_t keys = p->a->nk * p->D;
    for (int h = 0; m->joined_k && h < p->H; h++)
        memcpy(m->joined_k + h * keys,
               p->a->k + (b * p->kv_heads + h / (p->H / p->kv_heads)) * keys,
               (size_t)keys * sizeof *m->joined_k);
}

/* The `logits` hook, one head at a time or all together. */
static void PE(finish_logits)(const PE(pe_parts) * p, PE(matrices) * m, int64_t b)
{
    const PE(pe_attention) *a = p->a;
    const size_t pairs = (size_t)a->nq * (size_t)a->nk, all = (size_t)p->H * pairs;
    const pe_ops *ops = a->instance->variant->PE_OPS;
    const bool together = (a->instance->info.flags & PE_HEADS_TOGETHER) != 0;
    memcpy(m->s, m->raw, all * sizeof *m->s);
    PE(join_keys)(p, m, b);
    const pe_call c = PE(pe_parts_call)(p, m->scratch);
    for (int h = together ? -1 : 0; ops->logits && h < (together ? 0 : p->H); h++) {
        const pe_tile tile = PE(whole_tile)(p, m, b, h);
        const size_t from = h < 0 ? 0 : (size_t)h * pairs;
        ops->logits(&c, &tile, m->raw + from, m->s + from);
    }
    for (size_t at = 0; at < all; at++) {
        if (!m->allowed[at % pairs])
            m->s[at] = 0;
        else if (ops->logits)
            PE(keep_term)(a, PE_TERM_LOGITS, (size_t)b * all + at, m->s[at] - m->raw[at]);
    }
    if (a->instance->formats[PE_AT_LOGITS] != PE_UNROUNDED)
        PE(pe_lend).round((pe_format)a->instance->formats[PE_AT_LOGITS], all, m->s);
    if (a->logits)
        memcpy(a->logits + (size_t)b * all, m->s, all * sizeof *m->s);
}

/* One row of logits to weights in place; gives the logarithm of the sum that they are divided by.
 * The largest is taken without regard to NaN, which comes back through exp and the sum. */
static pe_real PE(softmax_row)(pe_real *s, const unsigned char *allowed, int64_t nk, bool divide)
{
    pe_real largest = 0, sum = 0;
    bool any = false;
    for (int64_t j = 0; j < nk; j++)
        if (allowed[j] && (!any || s[j] > largest)) {
            largest = s[j];
            any = true;
        }
    if (!divide)
        largest = 0;
    for (int64_t j = 0; j < nk; j++) {
        s[j] = allowed[j] ? pe_exp(s[j] - largest) : 0;
        sum += s[j];
    }
    for (int64_t j = 0; divide && any && j < nk; j++)
        s[j] = allowed[j] ? s[j] / sum : 0;
    return divide && any ? largest + pe_log(sum) : 0;
}

/* The weights of query i and head h, where the logits stood. */
static pe_real *PE(weigh_row)(const PE(pe_parts) * p, PE(matrices) * m, int h, int64_t i,
                              pe_real *log_sum)
{
    const PE(pe_attention) *a = p->a;
    const pe_instance *instance = a->instance;
    pe_real *row = m->s + (h * a->nq + i) * a->nk;
    *log_sum = PE(softmax_row)(row, m->allowed + i * a->nk, a->nk,
                               !(instance->info.flags & PE_NO_SOFTMAX_SUM));
    if (instance->formats[PE_AT_WEIGHTS] != PE_UNROUNDED)
        PE(pe_lend).round((pe_format)instance->formats[PE_AT_WEIGHTS], (size_t)a->nk, row);
    return row;
}

static void PE(add_values)(const PE(pe_parts) * p, const PE(matrices) * m, int64_t b, int h,
                           int64_t i, const pe_real *weight, pe_real *out)
{
    const PE(pe_attention) *a = p->a;
    const int64_t kv = h / (p->H / p->kv_heads);
    const pe_real *v = p->v + (b * p->kv_heads + kv) * a->nk * p->D;
    for (int c = 0; c < p->D; c++)
        out[c] = 0;
    for (int64_t j = 0; j < a->nk; j++) {
        if (!m->allowed[i * a->nk + j])
            continue;
        pe_add_scaled(out, weight[j], v + j * p->D, p->D);
        if (p->rows & PE_ROWS_VALUE) {
            const pe_rows rows = PE(rows_of_pair)(p, m, i, j, h);
            if (rows.value)
                pe_add_scaled(out, weight[j], rows.value, p->D);
        }
    }
}
