#include "ask.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* The hook calls, once per precision. `part` holds the four blocks of pe_rows, NULL where the
 * variant declared none. */
#define CALLS(suffix)                                                                              \
    static void rows_##suffix(const pe_instance *instance, int n, const double *offset,            \
                              void *const part[4], void *scratch)                                  \
    {                                                                                              \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);           \
        pe_rows_##suffix rows = {part[0], part[1], part[2], part[3]};                              \
        c.scratch = scratch;                                                                       \
        instance->variant->suffix->relative(&c, n, offset, &rows);                                 \
    }                                                                                              \
    static void map_##suffix(const pe_instance *instance, int n, const double *coord,              \
                             const void *in, void *out, void *scratch)                             \
    {                                                                                              \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);           \
        c.scratch = scratch;                                                                       \
        instance->variant->suffix->map(&c, PE_ROLE_QUERY, 0, n, coord, NULL, in, out);             \
    }                                                                                              \
    static void pair_##suffix(const pe_instance *instance, const pe_tile_f64 *shape, void *bias,   \
                              void *scratch)                                                       \
    {                                                                                              \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, shape->nk);                       \
        const pe_tile_##suffix tile = {.nq = shape->nq,                                            \
                                       .nk = shape->nk,                                            \
                                       .head = -1,                                                 \
                                       .qi = shape->qi,                                            \
                                       .kj = shape->kj,                                            \
                                       .qx = shape->qx,                                            \
                                       .kx = shape->kx,                                            \
                                       .allowed = shape->allowed};                                 \
        c.scratch = scratch;                                                                       \
        instance->variant->suffix->pair(&c, &tile, bias);                                          \
    }
CALLS(f64)
CALLS(f32)
CALLS(f128)

static pe_status usable(const pe_instance *instance, pe_precision precision, bool has_hook,
                        const char *what, pe_error *err)
{
    const char *id = instance->variant->id;
    if (!has_hook)
        return pe_fail(err, PE_USAGE, "%s has no %s", id, what);
    if (precision == PE_QUADRUPLE && !instance->has_quad)
        return pe_fail(err, PE_USAGE, "%s was built with another quad type: no f128 here", id);
    return PE_OK;
}

static void *scratch_of(const pe_instance *instance, pe_error *err)
{
    return pe_allocate(instance->info.scratch, sizeof(pe_quad), "scratch", err);
}

/* ---- rows ---- */

enum { PARTS = 4 };

static int part_columns(const pe_instance *instance, int part)
{
    return part == 0 ? 1 : instance->dims.head_dim;
}

/* The offset at which the row stands; PE_OK and *zero when there is none and nothing is added. */
static pe_status place_offset(const pe_instance *instance, double offset, double *at, bool *zero,
                              pe_error *err)
{
    const pe_setup *s = &instance->info;
    const char *id = instance->variant->id;
    const double low = (double)s->low, high = (double)s->high;
    *zero = false;
    *at = offset;
    if (!isfinite(offset) || (!(s->flags & PE_REAL_OFFSETS) && offset != floor(offset)))
        return pe_fail(err, PE_USAGE, "%s has rows at whole offsets only, not at %g", id, offset);
    if (offset >= low && offset <= high)
        return PE_OK;
    if (s->edge == PE_EDGE_UNDEFINED)
        return pe_fail(err, PE_USAGE, "%s has rows for offsets %g to %g, not for %g", id, low, high,
                       offset);
    *zero = s->edge == PE_EDGE_ZERO;
    *at = offset < low ? low : high;
    return PE_OK;
}

typedef struct row_blocks {
    void *part[PARTS], *scratch;
} row_blocks;

static void release_blocks(row_blocks *b)
{
    for (int p = 0; p < PARTS; p++)
        pe_release(b->part[p]);
    pe_release(b->scratch);
}

static pe_status make_blocks(const pe_instance *instance, row_blocks *b, pe_error *err)
{
    *b = (row_blocks){.scratch = scratch_of(instance, err)};
    bool good = b->scratch != NULL;
    for (int p = 0; p < PARTS && good; p++) {
        if (!(instance->info.rows & (1u << p)))
            continue;
        const size_t row = (size_t)instance->info.row_heads * (size_t)part_columns(instance, p);
        b->part[p] = pe_allocate(PE_ROWS_AT_ONCE * row, sizeof(pe_quad), "rows", err);
        good = b->part[p] != NULL;
    }
    if (!good)
        release_blocks(b);
    return good ? PE_OK : PE_MEMORY;
}

static void call_rows(const pe_instance *instance, pe_precision precision, int n,
                      const double *offset, const row_blocks *b)
{
    if (precision == PE_DOUBLE)
        rows_f64(instance, n, offset, b->part, b->scratch);
    else if (precision == PE_FLOAT)
        rows_f32(instance, n, offset, b->part, b->scratch);
    else
        rows_f128(instance, n, offset, b->part, b->scratch);
}

/* Rows first .. first + n - 1 of the answer. */
static pe_status one_block(pe_instance *instance, pe_precision precision, int part, int first,
                           int n, const double *offset, const row_blocks *b, pe_wide *rows,
                           pe_error *err)
{
    const size_t width = (size_t)instance->info.row_heads * (size_t)part_columns(instance, part);
    double at[PE_ROWS_AT_ONCE];
    bool zero[PE_ROWS_AT_ONCE];
    for (int i = 0; i < n; i++) {
        const pe_status status = place_offset(instance, offset[first + i], &at[i], &zero[i], err);
        if (status != PE_OK)
            return status;
    }
    call_rows(instance, precision, n, at, b);
    double *hi = rows->hi + (size_t)first * width, *lo = rows->lo + (size_t)first * width;
    pe_widen(precision, (size_t)n * width, b->part[part], hi, lo);
    for (int i = 0; i < n; i++)
        for (size_t c = 0; zero[i] && c < width; c++)
            hi[(size_t)i * width + c] = lo[(size_t)i * width + c] = 0;
    return PE_OK;
}

pe_status ask_rows(pe_instance *instance, pe_precision precision, unsigned part, int n,
                   const double *offset, pe_wide *rows, pe_error *err)
{
    const bool has = instance->variant->f64->relative && (instance->info.rows & part);
    pe_status status = usable(instance, precision, has, "such relative rows", err);
    if (status != PE_OK)
        return status;
    const int which = part == PE_ROWS_BIAS    ? 0
                      : part == PE_ROWS_QUERY ? 1
                      : part == PE_ROWS_KEY   ? 2
                                              : 3;
    const size_t width = (size_t)instance->info.row_heads * (size_t)part_columns(instance, which);
    row_blocks blocks;
    status = make_blocks(instance, &blocks, err);
    if (status != PE_OK)
        return status;
    status = pe_wide_allocate(rows, (size_t)n * width, "rows by offset", err);
    for (int first = 0; status == PE_OK && first < n; first += PE_ROWS_AT_ONCE) {
        const int count = n - first < PE_ROWS_AT_ONCE ? n - first : PE_ROWS_AT_ONCE;
        status = one_block(instance, precision, which, first, count, offset, &blocks, rows, err);
    }
    if (status != PE_OK)
        pe_wide_release(rows);
    release_blocks(&blocks);
    return status;
}

/* ---- pair ---- */

static pe_status call_pair(const pe_instance *instance, pe_precision precision,
                           const pe_tile_f64 *tile, pe_wide *bias, pe_error *err)
{
    const size_t count = (size_t)instance->dims.heads * (size_t)tile->nk;
    void *block = pe_allocate(count, sizeof(pe_quad), "a bias tile", err);
    void *scratch = block ? scratch_of(instance, err) : NULL;
    pe_status status = scratch ? pe_wide_allocate(bias, count, "a bias tile", err) : PE_MEMORY;
    if (status == PE_OK) {
        if (precision == PE_DOUBLE)
            pair_f64(instance, tile, block, scratch);
        else if (precision == PE_FLOAT)
            pair_f32(instance, tile, block, scratch);
        else
            pair_f128(instance, tile, block, scratch);
        pe_widen(precision, count, block, bias->hi, bias->lo);
    }
    pe_release(block);
    pe_release(scratch);
    return status;
}

pe_status ask_pair(pe_instance *instance, pe_precision precision, double query, int n,
                   const double *key, pe_wide *bias, pe_error *err)
{
    pe_status status =
        usable(instance, precision, instance->variant->f64->pair != NULL, "pair bias", err);
    if (status == PE_OK && instance->dims.axes != 1)
        status = pe_fail(err, PE_USAGE, "%s: a list of offsets has one axis, this has %d",
                         instance->variant->id, instance->dims.axes);
    if (status != PE_OK)
        return status;
    int64_t *index = pe_allocate((size_t)n, sizeof *index, "indices", err);
    unsigned char *allowed = index ? pe_allocate((size_t)n, 1, "a mask", err) : NULL;
    if (allowed) {
        const int64_t query_index = (int64_t)query;
        for (int i = 0; i < n; i++)
            index[i] = (int64_t)key[i];
        memset(allowed, 1, (size_t)n);
        const pe_tile_f64 tile = {.nq = 1,
                                  .nk = n,
                                  .head = -1,
                                  .qi = &query_index,
                                  .kj = index,
                                  .qx = &query,
                                  .kx = key,
                                  .allowed = allowed};
        status = call_pair(instance, precision, &tile, bias, err);
    } else {
        status = PE_MEMORY;
    }
    pe_release(index);
    pe_release(allowed);
    return status;
}

/* ---- map ---- */

typedef struct map_buffers {
    double *unit; /* (n, D) */
    void *in, *out, *scratch;
    pe_wide mapped; /* (n, D) */
} map_buffers;

static void release_buffers(map_buffers *b)
{
    pe_release(b->unit);
    pe_release(b->in);
    pe_release(b->out);
    pe_release(b->scratch);
    pe_wide_release(&b->mapped);
}

/* Unit vector `column` at n coordinates, mapped. */
static pe_status map_unit(const pe_instance *instance, pe_precision precision, int64_t n,
                          const double *coord, int column, map_buffers *b, pe_error *err)
{
    const int D = instance->dims.head_dim;
    const size_t count = (size_t)n * (size_t)D;
    *b = (map_buffers){.unit = pe_allocate(count, sizeof(double), "unit vectors", err)};
    if (!b->unit)
        return PE_MEMORY;
    for (int64_t t = 0; t < n; t++)
        b->unit[t * D + column] = 1;
    b->in = pe_narrow(precision, count, b->unit, "unit vectors", err);
    b->out = b->in ? pe_narrow(precision, count, b->unit, "mapped vectors", err) : NULL;
    b->scratch = b->out ? scratch_of(instance, err) : NULL;
    if (!b->scratch || pe_wide_allocate(&b->mapped, count, "mapped vectors", err) != PE_OK) {
        release_buffers(b);
        return PE_MEMORY;
    }
    if (precision == PE_DOUBLE)
        map_f64(instance, (int)n, coord, b->in, b->out, b->scratch);
    else if (precision == PE_FLOAT)
        map_f32(instance, (int)n, coord, b->in, b->out, b->scratch);
    else
        map_f128(instance, (int)n, coord, b->in, b->out, b->scratch);
    pe_widen(precision, count, b->out, b->mapped.hi, b->mapped.lo);
    return PE_OK;
}

/* Columns that a unit vector is turned into at coordinate 1, where no sine of a frequency is 0. */
static pe_status find_pairs(const pe_instance *instance, ask_turns *turns, pe_error *err)
{
    const int D = instance->dims.head_dim;
    const double one[PE_MAX_AXES] = {1, 1, 1, 1};
    for (int c = 0; c < D; c++) {
        map_buffers b;
        const pe_status status = map_unit(instance, PE_DOUBLE, 1, one, c, &b, err);
        if (status != PE_OK)
            return status;
        int partner = PE_NONE, partners = 0;
        for (int k = 0; k < D; k++)
            if (k != c && fabs(b.mapped.hi[k]) > 0) {
                partner = k;
                partners++;
            }
        release_buffers(&b);
        if (partners > 1)
            return pe_fail(err, PE_USAGE, "%s mixes more than pairs of columns",
                           instance->variant->id);
        if (partner > c) {
            turns->first[turns->pairs] = c;
            turns->second[turns->pairs++] = partner;
        }
    }
    return PE_OK;
}

static pe_status read_turns(const pe_instance *instance, pe_precision precision, int64_t n,
                            const double *coord, ask_turns *turns, pe_error *err)
{
    const int D = instance->dims.head_dim;
    for (int p = 0; p < turns->pairs; p++) {
        map_buffers b;
        const pe_status status = map_unit(instance, precision, n, coord, turns->first[p], &b, err);
        if (status != PE_OK)
            return status;
        for (int64_t t = 0; t < n; t++) {
            const int64_t to = t * turns->pairs + p;
            turns->cosine.hi[to] = b.mapped.hi[t * D + turns->first[p]];
            turns->cosine.lo[to] = b.mapped.lo[t * D + turns->first[p]];
            turns->sine.hi[to] = b.mapped.hi[t * D + turns->second[p]];
            turns->sine.lo[to] = b.mapped.lo[t * D + turns->second[p]];
        }
        release_buffers(&b);
    }
    return PE_OK;
}

static pe_status can_map(const pe_instance *instance, pe_precision precision, pe_error *err)
{
    const pe_setup *s = &instance->info;
    const bool has = instance->variant->f64->map && (s->maps & PE_MAPS(PE_ROLE_QUERY));
    const pe_status status = usable(instance, precision, has, "map of the query", err);
    if (status != PE_OK)
        return status;
    if (s->state || (s->mapped_width && s->mapped_width != instance->dims.head_dim))
        return pe_fail(err, PE_USAGE, "%s does not turn pairs of columns by coordinates alone",
                       instance->variant->id);
    return PE_OK;
}

pe_status ask_map(pe_instance *instance, pe_precision precision, int64_t n, const double *coord,
                  ask_turns *turns, pe_error *err)
{
    *turns = (ask_turns){0};
    pe_status status = can_map(instance, precision, err);
    if (status != PE_OK)
        return status;
    const size_t half = (size_t)instance->dims.head_dim / 2 + 1;
    turns->first = pe_allocate(half, sizeof *turns->first, "pairs", err);
    turns->second = turns->first ? pe_allocate(half, sizeof *turns->second, "pairs", err) : NULL;
    status = turns->second ? find_pairs(instance, turns, err) : PE_MEMORY;
    const size_t count = (size_t)n * (size_t)turns->pairs;
    if (status == PE_OK)
        status = pe_wide_allocate(&turns->cosine, count, "cosines", err);
    if (status == PE_OK)
        status = pe_wide_allocate(&turns->sine, count, "sines", err);
    if (status == PE_OK)
        status = read_turns(instance, precision, n, coord, turns, err);
    if (status != PE_OK)
        ask_turns_release(turns);
    return status;
}

void ask_turns_release(ask_turns *turns)
{
    pe_release(turns->first);
    pe_release(turns->second);
    pe_wide_release(&turns->cosine);
    pe_wide_release(&turns->sine);
    *turns = (ask_turns){0};
}

/* ---- frequencies ---- */

pe_status ask_frequencies(pe_instance *instance, pe_precision precision, pe_wide *frequencies,
                          pe_error *err)
{
    const double tiny = 0x1p-40;
    double coord[2 * PE_MAX_AXES] = {0};
    coord[instance->dims.axes] = tiny;
    pe_wide codes = {0};
    pe_status status = pe_instance_codes(instance, precision, 2, coord, &codes, err);
    if (status == PE_OK)
        status = pe_wide_allocate(frequencies, codes.count / 2, "frequencies", err);
    if (status == PE_OK) {
        const size_t width = codes.count / 2;
        size_t found = 0;
        for (size_t c = 0; c < width; c++) {
            const bool is_sine = !(fabs(codes.hi[c]) > 0) && fabs(codes.hi[width + c]) > 0;
            if (!is_sine)
                continue;
            frequencies->hi[found] = codes.hi[width + c] / tiny;
            frequencies->lo[found++] = codes.lo[width + c] / tiny;
        }
        frequencies->count = found;
    }
    pe_wide_release(&codes);
    return status;
}
