/* Asking a variant, in any precision, for what depends on a position: through the core where it has
 * a way, by calling the hook where the whole matrix would be needed only for its diagonal. */
#include "numerical_precision.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- options and instances ---- */

static int find_option(const pe_variant *variant, const char *name)
{
    for (int i = 0; i < variant->option_count; i++)
        if (strcmp(variant->options[i].name, name) == 0)
            return i;
    return PE_NONE;
}

bool precision_option(const pe_instance *instance, const char *name, double *value)
{
    const int at = find_option(instance->variant, name);
    if (at == PE_NONE || instance->opt[at].n != 1)
        return false;
    *value = instance->opt[at].x[0];
    return true;
}

enum { SETTING_TEXT = 4096 };

static void write_value(const pe_option *option, const pe_value *value, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    if (option->kind == PE_CHOICE) {
        const char *at = option->choices;
        for (int skip = (int)value->x[0]; skip > 0; skip--)
            at = strchr(at, '|') + 1;
        snprintf(text, SETTING_TEXT, "%.*s", (int)strcspn(at, "|"), at);
        return;
    }
    for (int i = 0; i < value->n && used < SETTING_TEXT; i++)
        used += (size_t)snprintf(text + used, SETTING_TEXT - used, "%s%.17g", i ? "," : "",
                                 value->x[i]);
}

pe_status precision_with(const pe_subject *subject, const pe_dims *dims, uint64_t seed,
                         const char *name, const char *text, pe_instance **instance, pe_error *err)
{
    const pe_variant *variant = subject->variant;
    const int changed = name ? find_option(variant, name) : PE_NONE;
    pe_setting settings[PE_MAX_OPTIONS];
    char *texts = pe_allocate(PE_MAX_OPTIONS, SETTING_TEXT, "settings", err);
    if (!texts)
        return PE_MEMORY;
    for (int i = 0; i < variant->option_count; i++) {
        char *own = texts + (size_t)i * SETTING_TEXT;
        write_value(&variant->options[i], &subject->instance->opt[i], own);
        settings[i] = (pe_setting){variant->options[i].name, i == changed ? text : own};
    }
    pe_status status =
        pe_instance_create(variant, dims, settings, variant->option_count, seed, instance, err);
    pe_release(texts);
    return status;
}

pe_status precision_set_formats(pe_instance *instance, unsigned places, pe_format format,
                                pe_error *err)
{
    pe_status status = PE_OK;
    for (int place = 0; status == PE_OK && place < PE_PLACE_COUNT; place++)
        status = pe_instance_set_format(instance, (pe_place)place,
                                        places & 1u << place ? format : PE_UNROUNDED, err);
    return status;
}

/* ---- what there is to ask ---- */

const char *precision_kind_text(precision_kind kind)
{
    static const char *const texts[PRECISION_KINDS] = {
        "code rows", "mapped vectors", "rows by offset", "pair bias", "last query's logits"};
    return texts[kind];
}

bool precision_has(const pe_instance *instance, precision_kind kind)
{
    const unsigned can = pe_lab_capabilities(instance);
    switch (kind) {
    case PRECISION_CODES:
        return (can & PE_CAN_EMBED) != 0;
    case PRECISION_MAPPED:
        return (instance->info.maps & (PE_MAPS(PE_ROLE_KEY) | PE_MAPS(PE_ROLE_QUERY))) != 0;
    case PRECISION_ROWS:
        return instance->info.rows != 0;
    case PRECISION_PAIR:
        return instance->variant->f64->pair != NULL;
    case PRECISION_LAST:
        return (can & (PE_CAN_STATE | PE_CAN_LOGITS)) != 0;
    default:
        return false;
    }
}

double precision_limit(const pe_instance *instance, precision_kind kind, double most)
{
    const pe_setup *s = &instance->info;
    if (kind == PRECISION_LAST)
        return fmin(most, 4095);
    if (kind == PRECISION_ROWS)
        return fmin(most, (double)s->high);
    const bool any = s->min_coord == 0 && s->max_coord == 0;
    return any || kind == PRECISION_PAIR ? most : fmin(most, floor(s->max_coord));
}

bool precision_real_positions(const pe_instance *instance, precision_kind kind)
{
    if (kind == PRECISION_LAST || kind == PRECISION_PAIR)
        return false;
    if (kind == PRECISION_ROWS)
        return (instance->info.flags & PE_REAL_OFFSETS) != 0;
    return !(instance->info.flags & PE_WHOLE_COORDINATES);
}

size_t precision_spread(const pe_lab *lab, double limit, size_t each, double *position)
{
    pe_stream stream = pe_stream_open(lab->size.seed, "positions", 0);
    size_t n = 0;
    for (double low = 1; low <= limit; low *= 2) {
        const double high = fmin(2 * low, limit + 1), room = high - low;
        const size_t count = room <= (double)each ? (size_t)room : each;
        for (size_t i = 0; i < count; i++) {
            const double from = floor((double)i * room / (double)count);
            const double to = floor((double)(i + 1) * room / (double)count);
            position[n++] = low + from + floor(pe_stream_uniform(&stream) * (to - from));
        }
    }
    return n;
}

/* ---- by hook ---- */

#define HOOKS(suffix, real)                                                                        \
    static void rows_##suffix(const pe_instance *instance, void *scratch, int n,                   \
                              const double *offset, size_t columns, void *out)                     \
    {                                                                                              \
        const pe_setup *s = &instance->info;                                                       \
        const size_t heads = (size_t)s->row_heads, D = (size_t)instance->dims.head_dim;            \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);           \
        c.scratch = scratch;                                                                       \
        for (int t = 0; t < n; t++) {                                                              \
            real *at = (real *)out + (size_t)t * columns;                                          \
            pe_rows_##suffix rows = {0};                                                           \
            rows.bias = s->rows & PE_ROWS_BIAS ? at : NULL;                                        \
            at += rows.bias ? heads : 0;                                                           \
            rows.query = s->rows & PE_ROWS_QUERY ? at : NULL;                                      \
            at += rows.query ? heads * D : 0;                                                      \
            rows.key = s->rows & PE_ROWS_KEY ? at : NULL;                                          \
            at += rows.key ? heads * D : 0;                                                        \
            rows.value = s->rows & PE_ROWS_VALUE ? at : NULL;                                      \
            instance->variant->suffix->relative(&c, 1, offset + t, &rows);                         \
        }                                                                                          \
    }                                                                                              \
    static void pair_##suffix(const pe_instance *instance, void *scratch, int n,                   \
                              const double *position, size_t columns, void *out)                   \
    {                                                                                              \
        pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);           \
        c.scratch = scratch;                                                                       \
        for (int t = 0; t < n; t++) {                                                              \
            const double half = floor(position[t] / 2);                                            \
            const int64_t query = (int64_t)position[t], key = (int64_t)half;                       \
            const unsigned char allowed = 1;                                                       \
            const pe_tile_##suffix tile = {.nq = 1,                                                \
                                           .nk = 1,                                                \
                                           .head = -1,                                             \
                                           .qi = &query,                                           \
                                           .kj = &key,                                             \
                                           .qx = position + t,                                     \
                                           .kx = &half,                                            \
                                           .allowed = &allowed};                                   \
            instance->variant->suffix->pair(&c, &tile, (real *)out + (size_t)t * columns);         \
        }                                                                                          \
    }
HOOKS(f64, double)
HOOKS(f32, float)
HOOKS(f128, pe_quad)

typedef void hook(const pe_instance *, void *, int, const double *, size_t, void *);

static pe_status ask_hook(pe_instance *instance, precision_kind kind, pe_precision precision,
                          size_t n, const double *position, pe_wide *values, size_t *columns,
                          pe_error *err)
{
    static hook *const hooks[2][PE_PRECISION_COUNT] = {
        {[PE_FLOAT] = rows_f32, [PE_DOUBLE] = rows_f64, [PE_QUADRUPLE] = rows_f128},
        {[PE_FLOAT] = pair_f32, [PE_DOUBLE] = pair_f64, [PE_QUADRUPLE] = pair_f128}};
    const pe_setup *s = &instance->info;
    const size_t heads = (size_t)s->row_heads, D = (size_t)instance->dims.head_dim;
    const size_t vectors = (size_t)(!!(s->rows & PE_ROWS_QUERY) + !!(s->rows & PE_ROWS_KEY) +
                                    !!(s->rows & PE_ROWS_VALUE));
    *columns = kind == PRECISION_PAIR ? (size_t)instance->dims.heads
                                      : heads * (vectors * D + !!(s->rows & PE_ROWS_BIAS));
    /* a hook may be asked for 64 rows and has scratch for them */
    void *scratch = pe_allocate(s->scratch, sizeof(pe_quad), "scratch", err);
    void *out = pe_allocate(n * *columns, pe_precision_size(precision), "values", err);
    pe_status status =
        scratch && out ? pe_wide_allocate(values, n * *columns, "values", err) : PE_MEMORY;
    if (status == PE_OK) {
        hooks[kind == PRECISION_PAIR][precision](instance, scratch, (int)n, position, *columns,
                                                 out);
        pe_widen(precision, n * *columns, out, values->hi, values->lo);
    }
    pe_release(scratch);
    pe_release(out);
    return status;
}

/* ---- through the core ---- */

static pe_status coordinates(const pe_lab *lab, const pe_instance *instance, size_t n,
                             const double *position, double **coord, pe_error *err)
{
    *coord = pe_allocate(n * (size_t)instance->dims.axes, sizeof **coord, "coordinates", err);
    if (!*coord)
        return PE_MEMORY;
    const pe_places_request request = {.n = (int64_t)n, .in = position, .seed = lab->size.seed};
    return pe_instance_coordinates(instance, NULL, &request, *coord, err);
}

static pe_status ask_codes(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                           size_t n, const double *position, pe_wide *values, size_t *columns,
                           pe_error *err)
{
    double *coord = NULL;
    *columns = (size_t)instance->info.embed_width;
    pe_status status = coordinates(lab, instance, n, position, &coord, err);
    if (status == PE_OK)
        status = pe_instance_codes(instance, precision, (int64_t)n, coord, values, err);
    pe_release(coord);
    return status;
}

/* (heads, n, W) to (n, heads * W). */
static pe_status tokens_first(const pe_wide *from, size_t heads, size_t n, pe_wide *to,
                              pe_error *err)
{
    const size_t W = from->count / heads / n;
    pe_status status = pe_wide_allocate(to, from->count, "values", err);
    for (size_t h = 0; status == PE_OK && h < heads; h++)
        for (size_t t = 0; t < n; t++) {
            const size_t source = (h * n + t) * W, target = (t * heads + h) * W;
            memcpy(to->hi + target, from->hi + source, W * sizeof *to->hi);
            memcpy(to->lo + target, from->lo + source, W * sizeof *to->lo);
        }
    return status;
}

/* The keys (or, where only queries turn, the queries) of a call with one token on the other side.
 */
static pe_status ask_mapped(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                            size_t n, const double *position, pe_wide *values, size_t *columns,
                            pe_error *err)
{
    const pe_dims *dims = &instance->dims;
    const bool keys = (instance->info.maps & PE_MAPS(PE_ROLE_KEY)) != 0;
    const size_t heads = (size_t)(keys ? dims->kv_heads : dims->heads);
    const size_t axes = (size_t)dims->axes;
    double *coord = NULL;
    int64_t *index = pe_allocate(n, sizeof *index, "indices", err);
    pe_content content = {0};
    pe_attended attended = {0};
    pe_status status = index ? coordinates(lab, instance, n, position, &coord, err) : PE_MEMORY;
    if (status == PE_OK)
        status = pe_lab_random_content(lab, dims, (int64_t)n, 0, &content, err);
    for (size_t i = 0; status == PE_OK && i < n; i++)
        index[i] = (int64_t)i;
    if (status == PE_OK) {
        const size_t vectors = (size_t)dims->heads * n * (size_t)dims->head_dim;
        for (size_t i = 0; i < vectors; i++)
            content.q[i] = 1;
        for (size_t i = 0; i < (size_t)dims->kv_heads * n * (size_t)dims->head_dim; i++)
            content.k[i] = 1;
        const pe_job job = {.instance = instance,
                            .precision = precision,
                            .batch = 1,
                            .nq = keys ? 1 : (int64_t)n,
                            .nk = keys ? (int64_t)n : 1,
                            .q_index = keys ? index + n - 1 : index,
                            .k_index = index,
                            .q_coord = keys ? coord + (n - 1) * axes : coord,
                            .k_coord = coord,
                            .q = content.q,
                            .k = content.k,
                            .v = content.v,
                            .x = content.x,
                            .want_mapped = true};
        status = pe_run_attention(&job, &attended, err);
    }
    const pe_wide *mapped = keys ? &attended.mapped_k : &attended.mapped_q;
    *columns = mapped->count / n;
    if (status == PE_OK)
        status = tokens_first(mapped, heads, n, values, err);
    pe_attended_release(&attended);
    pe_content_release(&content);
    pe_release(coord);
    pe_release(index);
    return status;
}

/* Content that a float holds exactly, so that a float run differs by its arithmetic alone. */
static void round_to_float(double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = (double)(float)x[i];
}

/* position[t] is a distance here: from the last token of a sequence back to a key. */
static pe_status ask_last(const pe_lab *lab, pe_instance *instance, pe_precision precision,
                          size_t n, const double *position, pe_wide *values, size_t *columns,
                          pe_error *err)
{
    const int64_t tokens = (int64_t)position[n - 1] + 1;
    const size_t heads = (size_t)instance->dims.heads;
    pe_content content = {0};
    pe_attended attended = {0};
    pe_status status = pe_lab_random_content(lab, &instance->dims, tokens, 0, &content, err);
    if (status == PE_OK) {
        const size_t count = (size_t)tokens * (size_t)instance->dims.head_dim;
        round_to_float(content.q, (size_t)instance->dims.heads * count);
        round_to_float(content.k, (size_t)instance->dims.kv_heads * count);
        round_to_float(content.x, (size_t)tokens * (size_t)instance->dims.model_dim);
        const pe_job job = {.instance = instance,
                            .precision = precision,
                            .batch = 1,
                            .nq = 1,
                            .nk = tokens,
                            .causal = true,
                            .q = content.q,
                            .k = content.k,
                            .v = content.v,
                            .x = content.x,
                            .want_logits = true};
        status = pe_run_attention(&job, &attended, err);
    }
    *columns = heads;
    if (status == PE_OK)
        status = pe_wide_allocate(values, n * heads, "values", err);
    for (size_t t = 0; status == PE_OK && t < n; t++)
        for (size_t h = 0; h < heads; h++) {
            const size_t key = (size_t)(tokens - 1) - (size_t)position[t];
            values->hi[t * heads + h] = attended.logits.hi[h * (size_t)tokens + key];
            values->lo[t * heads + h] = attended.logits.lo[h * (size_t)tokens + key];
        }
    pe_attended_release(&attended);
    pe_content_release(&content);
    return status;
}

pe_status precision_ask(const pe_lab *lab, pe_instance *instance, precision_kind kind,
                        pe_precision precision, size_t n, const double *position, pe_wide *values,
                        size_t *columns, pe_error *err)
{
    *values = (pe_wide){0};
    *columns = 0;
    if (precision == PE_QUADRUPLE && !instance->has_quad)
        return pe_fail(err, PE_USAGE, "%s was built with another quad type: no reference here",
                       instance->variant->id);
    pe_status status = PE_OK;
    if (kind == PRECISION_CODES)
        status = ask_codes(lab, instance, precision, n, position, values, columns, err);
    else if (kind == PRECISION_MAPPED)
        status = ask_mapped(lab, instance, precision, n, position, values, columns, err);
    else if (kind == PRECISION_LAST)
        status = ask_last(lab, instance, precision, n, position, values, columns, err);
    else
        status = ask_hook(instance, kind, precision, n, position, values, columns, err);
    if (status != PE_OK)
        pe_wide_release(values);
    return status;
}
