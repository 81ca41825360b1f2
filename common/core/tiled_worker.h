/* What one worker of tiled attention has: buffers of its own, and the tile in hand. Included by
 * tiled.c in each pass. */
#include "core/tile_math.h"

#ifdef PE_FIRST
enum {
    QUERIES = 64,      /* rows of a tile */
    KEYS = 128,        /* columns of a tile */
    SKEWED = 8,        /* query rows whose weights are sorted by offset in one go */
    WIDEST_BAND = 256, /* rows of a table whose weights are gathered over all tiles */
    LANES = 16,        /* partial results, so that a sum need not wait for itself */
    ROWS_PER_PAIR = 4  /* a tile whose offsets span more rows than this times its sides gathers */
};

/* Which table rows the keys of a tile take for one query, when indices are consecutive. Tables lie
 * with the largest offset first, so the column (row of the table) grows with the key: key j takes
 * column + j. Keys before `left` would take a column before the first, keys from `right` on one
 * after the last. */
typedef struct stretch {
    int left, right;
    int64_t column;
} stretch;
#endif

/* Tiles of keys (or values) in panels, packed again only when the room holds another tile. */
typedef struct PE(panels) {
    pe_real *packed; /* (packed_tiles, tk to panels, width) */
    int64_t *tag;    /* (packed_tiles) which tile of which head lies packed, plus 1 */
} PE(panels);

/* Vectors of the queries of an item times a run of rows of a table. */
typedef struct PE(window) {
    const pe_real *table; /* (N, H', D), the largest offset first */
    pe_real *packed;      /* (N to panels, D) */
    int64_t *tag;         /* (N / PE_PANEL) of which head the panel of rows is, plus 1 */
    pe_real *products;    /* (G, QUERIES, wide) of rows from .. to - 1 */
    int64_t *from, *to;   /* (G) */
} PE(window);

/* Buffers. Sizes: G heads in a group, tk columns of a tile, N rows of the relative table. */
typedef struct PE(worker) {
    const PE(pe_parts) * p;
    int group, tk;
    bool finite;            /* values and their rows: then a weight of 0 adds nothing */
    bool consecutive;       /* token indices of queries and of keys */
    bool steps;             /* there are rows, offsets are consecutive, and tables lie reversed */
    int64_t rows;           /* N */
    int span;               /* most rows that a product covers where indices are not consecutive */
    int wide;               /* columns of a window */
    int packed_tiles;       /* tiles of keys that `packed_keys` holds */
    const pe_real *bias;    /* (H', N), largest offset first */
    unsigned char *allowed; /* (QUERIES, tk) */
    size_t ones;            /* how many of these from the first are known to be 1 */
    int32_t *row;           /* (QUERIES, tk) row of each pair, from the span's first, or PE_NONE */
    PE(panels) keys;
    pe_real *raw, *s;    /* (G, QUERIES, tk) */
    pe_real *pair;       /* (H, QUERIES, tk) */
    int64_t pair_tile;   /* which tile of every batch item `pair` holds, plus 1 */
    pe_real *shifted[2]; /* (G, QUERIES, W) q + u and q + v, or NULL */
    pe_real *mapped_q;   /* (G, QUERIES, W) where queries and keys come unmapped, or NULL */
    pe_real *mapped_k;   /* (tk, W) of the tile that is being packed, or NULL */
    PE(window) query_rows;
    pe_real *products;            /* rows times keys; or as `span` says */
    pe_real *band;                /* (G, QUERIES, N) weights by row so far, or NULL */
    pe_real *skew;                /* (SKEWED, wide) weights by row of a few queries */
    pe_real *tile_sum;            /* (G, QUERIES) sum of weights of the tile */
    pe_real *sum, *largest;       /* (G, QUERIES) */
    unsigned char *seen;          /* (G, QUERIES) some key may be seen */
    pe_real *acc;                 /* (G, QUERIES, D) */
    pe_real *joined_q, *joined_k; /* (H, QUERIES, D), (H, tk, D) for a tile of all heads */
    pe_real *real_rows;           /* rows of PE_ROWS_AT_ONCE real offsets */
    pe_real *scratch;
    void *block, *indices;
} PE(worker);

/* The tile in hand. */
typedef struct PE(place) {
    int64_t b, i0, j0;
    int head, tq, tk;  /* head: first of the group */
    bool whole;        /* every pair may be seen */
    int64_t column;    /* of query 0 and key 0 */
    int64_t low, high; /* columns (or rows) that the tile's offsets span */
} PE(place);

/* ---- memory -------------------------------------------------------------------------------- */

/* `count` numbers of the block, from a multiple of 16; NULL when there are none. */
static size_t PE(take)(pe_real *block, size_t *used, size_t count, pe_real **member)
{
    *member = block && count ? block + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return *used;
}

/* Lay all buffers into one block; with block = NULL only count. */
static size_t PE(lay_out)(PE(worker) * w, pe_real *block)
{
    const PE(pe_parts) *p = w->p;
    const pe_instance *instance = p->a->instance;
    const size_t tk = (size_t)w->tk, G = (size_t)w->group, D = (size_t)p->D, W = (size_t)p->W;
    const size_t tile = QUERIES * tk, N = (size_t)w->rows, heads = (size_t)instance->info.row_heads;
    const size_t padded = (tk + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
    const size_t side = tk > QUERIES ? tk : QUERIES;
    const bool queries = w->steps && (p->rows & PE_ROWS_QUERY);
    const bool values = w->steps && (p->rows & PE_ROWS_VALUE);
    size_t used = 0;
    PE(take)(block, &used, (size_t)w->packed_tiles * padded * W, &w->keys.packed);
    PE(take)
    (block, &used, queries ? (N + PE_PANEL - 1) / PE_PANEL * PE_PANEL * D : 0,
     &w->query_rows.packed);
    PE(take)(block, &used, G * tile, &w->s);
    PE(take)(block, &used, instance->variant->PE_OPS->logits ? G * tile : 0, &w->raw);
    PE(take)(block, &used, instance->variant->PE_OPS->pair ? (size_t)p->H * tile : 0, &w->pair);
    PE(take)(block, &used, p->u ? G * QUERIES * W : 0, &w->shifted[0]);
    PE(take)(block, &used, p->vb ? G * QUERIES * W : 0, &w->shifted[1]);
    PE(take)(block, &used, p->unmapped ? G * QUERIES * W : 0, &w->mapped_q);
    PE(take)(block, &used, p->unmapped ? tk * W : 0, &w->mapped_k);
    PE(take)(block, &used, queries ? G * QUERIES * (size_t)w->wide : 0, &w->query_rows.products);
    PE(take)
    (block, &used,
     w->steps && (p->rows & PE_ROWS_KEY) ? (size_t)w->wide * tk : side * (size_t)w->span,
     &w->products);
    PE(take)(block, &used, values ? G * QUERIES * (size_t)(N <= WIDEST_BAND ? N : 0) : 0, &w->band);
    PE(take)(block, &used, values ? SKEWED * (size_t)w->wide : 0, &w->skew);
    PE(take)(block, &used, G * QUERIES, &w->tile_sum);
    PE(take)(block, &used, G * QUERIES, &w->sum);
    PE(take)(block, &used, G * QUERIES, &w->largest);
    PE(take)(block, &used, G * QUERIES * D, &w->acc);
    PE(take)
    (block, &used, p->real_offsets ? PE_ROWS_AT_ONCE * (3 * D + 1) * heads : 0, &w->real_rows);
    const bool joined =
        instance->variant->PE_OPS->logits && (instance->info.flags & PE_HEADS_TOGETHER);
    PE(take)(block, &used, joined ? (size_t)p->H * QUERIES * D : 0, &w->joined_q);
    PE(take)(block, &used, joined ? (size_t)p->H * tk * D : 0, &w->joined_k);
    return PE(take)(block, &used, instance->info.scratch, &w->scratch);
}

/* Tags of a window with N rows, of G heads, from `tags`; gives where the next may lie. */
static int64_t *PE(tag_window)(PE(window) * x, int64_t *tags, int64_t panels, int group)
{
    x->tag = tags;
    x->from = x->tag + panels;
    x->to = x->from + group;
    return x->to + group;
}

static pe_status PE(worker_start)(PE(worker) * w, pe_error *err)
{
    const size_t tile = QUERIES * (size_t)w->tk, G = (size_t)w->group;
    const int64_t panels = (w->rows + PE_PANEL - 1) / PE_PANEL;
    const size_t tags = (size_t)w->packed_tiles + (size_t)panels + 2 * G;
    w->block = pe_allocate(PE(lay_out)(w, NULL), sizeof(pe_real), "tiles", err);
    w->indices = w->block ? pe_allocate(tags, sizeof(int64_t), "tags of tiles", err) : NULL;
    w->allowed = w->indices ? pe_allocate(tile + G * QUERIES, 1, "mask of a tile", err) : NULL;
    w->row =
        w->allowed ? pe_allocate(w->steps ? 1 : tile, sizeof *w->row, "rows of a tile", err) : NULL;
    if (!w->row)
        return PE_MEMORY;
    PE(lay_out)(w, w->block);
    w->seen = w->allowed + tile;
    w->keys.tag = w->indices;
    PE(tag_window)(&w->query_rows, w->keys.tag + w->packed_tiles, panels, w->group);
    w->query_rows.table = w->p->table.query;
    memset(w->indices, 0, tags * sizeof(int64_t));
    return PE_OK;
}

static void PE(worker_end)(PE(worker) * w)
{
    pe_release(w->block);
    pe_release(w->indices);
    pe_release(w->allowed);
    pe_release(w->row);
}

/* ---- where things are --------------------------------------------------------------------------
 */

static const pe_real *PE(query_of)(const PE(pe_parts) * p, int64_t b, int h, int64_t i)
{
    return p->q + ((b * p->H + h) * p->a->nq + i) * p->W;
}

static int64_t PE(kv_head_of)(const PE(pe_parts) * p, int64_t b, int h)
{
    return b * p->kv_heads + h / (p->H / p->kv_heads);
}

static const pe_real *PE(key_of)(const PE(pe_parts) * p, const pe_real *k, int width, int64_t b,
                                 int h, int64_t j)
{
    return k + (PE(kv_head_of)(p, b, h) * p->a->nk + j) * width;
}

static const pe_real *PE(unshifted_queries)(const PE(worker) * w, const PE(place) * t, int g)
{
    return w->mapped_q ? w->mapped_q + (int64_t)g * QUERIES * w->p->W
                       : PE(query_of)(w->p, t->b, t->head + g, t->i0);
}

/* Queries of head head + g of the item: as they are, or with a vector added (0: u, 1: v). */
static const pe_real *PE(queries_of)(const PE(worker) * w, const PE(place) * t, int g, int which)
{
    const PE(pe_parts) *p = w->p;
    if (which == 0 ? p->u != NULL : p->vb != NULL)
        return w->shifted[which] + (int64_t)g * QUERIES * p->W;
    return PE(unshifted_queries)(w, t, g);
}

static void PE(map_queries)(PE(worker) * w, const PE(place) * t)
{
    const pe_call c = PE(pe_parts_call)(w->p, w->scratch);
    for (int g = 0; w->mapped_q && g < w->group; g++)
        PE(pe_map_tokens)
    (w->p, &c, PE_ROLE_QUERY, t->b, t->head + g, t->i0, t->tq,
     w->mapped_q + (int64_t)g * QUERIES * w->p->W);
}

static void PE(shift_queries)(PE(worker) * w, const PE(place) * t)
{
    const PE(pe_parts) *p = w->p;
    const pe_real *const vector[2] = {p->u, p->vb};
    for (int which = 0; which < 2; which++)
        for (int g = 0; vector[which] && g < w->group; g++) {
            const pe_real *q = PE(unshifted_queries)(w, t, g);
            const pe_real *add = vector[which] + (t->head + g) * p->D;
            pe_real *out = w->shifted[which] + (int64_t)g * QUERIES * p->W;
            for (int i = 0; i < t->tq; i++)
                for (int c = 0; c < p->W; c++)
                    out[i * p->W + c] = q[i * p->W + c] + add[c];
        }
}

/* The tile's keys of head h, mapped. */
static const pe_real *PE(map_keys)(const PE(worker) * w, const PE(place) * t, int h)
{
    const PE(pe_parts) *p = w->p;
    const pe_call c = PE(pe_parts_call)(p, w->scratch);
    PE(pe_map_tokens)
    (p, &c, PE_ROLE_KEY, t->b, h / (p->H / p->kv_heads), t->j0, t->tk, w->mapped_k);
    return w->mapped_k;
}

/* The tile's keys (or values) of head h in panels; keys that must be mapped first when `vectors` is
 * NULL. */
static const pe_real *PE(panels_of)(const PE(worker) * w, PE(panels) * x, const PE(place) * t,
                                    int h, const pe_real *vectors, int width)
{
    const PE(pe_parts) *p = w->p;
    const int64_t tile = t->j0 / w->tk, tiles = (p->a->nk + w->tk - 1) / w->tk;
    const int64_t tag = PE(kv_head_of)(p, t->b, h) * tiles + tile + 1;
    const int64_t slot = tile % w->packed_tiles;
    const int padded = (w->tk + PE_PANEL - 1) / PE_PANEL * PE_PANEL;
    pe_real *panels = x->packed + slot * padded * width;
    if (x->tag[slot] != tag) {
        PE_TILE(pack)
        (t->tk, width,
         vectors ? PE(key_of)(p, vectors, width, t->b, h, t->j0) : PE(map_keys)(w, t, h), width,
         panels);
        x->tag[slot] = tag;
    }
    return panels;
}

static const pe_real *PE(packed_keys_of)(PE(worker) * w, const PE(place) * t, int h)
{
    return PE(panels_of)(w, &w->keys, t, h, w->mapped_k ? NULL : w->p->k, w->p->W);
}
