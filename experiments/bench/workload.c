#include "bench/workload.h"
#include "bench/limits.h"
#include "analysis/gram_profile.h"
#include "base/memory.h"
#include "base/names.h"
#include "core/embed.h"
#include "core/stream.h"
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>

extern const char pe_bench_workloads[];

enum { BATCH = 4, HEADS = 8, HEAD_DIM = 64 }; /* of the peers' attention workloads */

const char *pe_workload_list(void)
{
    return pe_bench_workloads;
}

void pe_workload_release(pe_workload *w)
{
    pe_instance_release(w->instance);
    for (size_t i = 0; i < sizeof w->block / sizeof w->block[0]; i++)
        pe_release(w->block[i]);
    *w = (pe_workload){0};
}

/* ---- buffers ------------------------------------------------------------------------------------
 */

static void *add_block(pe_workload *w, int slot, size_t count, size_t size, pe_error *err)
{
    return w->block[slot] = pe_allocate(count, size, "benchmark buffer", err);
}

static float *add_normals(pe_workload *w, int slot, size_t count, uint64_t seed, pe_error *err)
{
    float *x = add_block(w, slot, count, sizeof *x, err);
    pe_core_stream stream;
    pe_core_stream_start(&stream, seed, "benchmark", (uint64_t)slot);
    for (size_t i = 0; x && i < count; i++)
        x[i] = (float)pe_core_normal(&stream);
    return x;
}

static double sum_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i];
    return sum;
}

/* ---- attention
 * ------------------------------------------------------------------------------------ */

enum { Q, K, V, OUT, Q_INDEX, K_INDEX, Q_COORD, K_COORD };

static pe_status run_attention(pe_workload *w, double *checksum, pe_error *err)
{
    const int64_t L = w->argument[0], M = w->argument[2];
    const pe_attention_f32 a = {.instance = w->instance,
                                .batch = BATCH,
                                .nq = L,
                                .nk = L + M,
                                .q_index = w->block[Q_INDEX],
                                .k_index = w->block[K_INDEX],
                                .q_coord = w->block[Q_COORD],
                                .k_coord = w->block[K_COORD],
                                .causal = w->argument[3] != 0,
                                .q = w->block[Q],
                                .k = w->block[K],
                                .v = w->block[V],
                                .out = w->block[OUT]};
    pe_status status = pe_attend_tiled_f32(&a, err);
    if (checksum)
        *checksum = sum_of(a.out, (size_t)(BATCH * HEADS * L * HEAD_DIM));
    return status;
}

static pe_status make_attention(pe_workload *w, int64_t M, bool causal, uint64_t seed,
                                pe_error *err)
{
    const int64_t L = w->argument[0], nk = L + M;
    const size_t queries = (size_t)(BATCH * HEADS * L * HEAD_DIM);
    const size_t keys = (size_t)(BATCH * HEADS * nk * HEAD_DIM);
    w->argument[2] = M;
    w->argument[3] = causal;
    w->run = run_attention;
    int64_t *qi = add_block(w, Q_INDEX, (size_t)L, sizeof *qi, err);
    int64_t *kj = add_block(w, K_INDEX, (size_t)nk, sizeof *kj, err);
    double *qx = add_block(w, Q_COORD, (size_t)L, sizeof *qx, err);
    double *kx = add_block(w, K_COORD, (size_t)nk, sizeof *kx, err);
    if (!qi || !kj || !qx || !kx || !add_normals(w, Q, queries, seed, err) ||
        !add_normals(w, K, keys, seed, err) || !add_normals(w, V, keys, seed, err) ||
        !add_block(w, OUT, queries, sizeof(float), err))
        return PE_MEMORY;
    for (int64_t j = 0; j < nk; j++)
        kx[j] = (double)(kj[j] = j);
    for (int64_t i = 0; i < L; i++)
        qx[i] = (double)(qi[i] = M + i);
    return PE_OK;
}

/* ---- tables, embedding, Gram statistics
 * ------------------------------------------------------------- */

enum { COORD, ROWS, IDS, TABLE, GRAM };

static pe_status run_table(pe_workload *w, double *checksum, pe_error *err)
{
    const size_t count = (size_t)(w->argument[0] * w->argument[1]);
    pe_status status = pe_instance_code_rows(w->instance, PE_FLOAT, w->argument[0], w->block[COORD],
                                             w->block[ROWS], err);
    if (checksum)
        *checksum = sum_of(w->block[ROWS], count);
    return status;
}

static pe_status make_table(pe_workload *w, pe_error *err)
{
    const size_t n = (size_t)w->argument[0];
    double *coord = add_block(w, COORD, n, sizeof *coord, err);
    if (!coord || !add_block(w, ROWS, n * (size_t)w->argument[1], sizeof(float), err))
        return PE_MEMORY;
    for (size_t t = 0; t < n; t++)
        coord[t] = (double)t;
    w->run = run_table;
    return PE_OK;
}

static pe_status run_embed(pe_workload *w, double *checksum, pe_error *err)
{
    const pe_embedding_f32 e = {.instance = w->instance,
                                .batch = (int)w->argument[2],
                                .n = w->argument[3],
                                .ids = w->block[IDS],
                                .table = w->block[TABLE],
                                .vocabulary = w->argument[0],
                                .padding_id = -1,
                                .coord = w->block[COORD],
                                .scale_sqrt_d = true,
                                .out = w->block[ROWS]};
    pe_status status = pe_embed_f32(&e, err);
    if (checksum)
        *checksum = sum_of(e.out, (size_t)(w->argument[2] * w->argument[3] * w->argument[1]));
    return status;
}

static pe_status make_embed(pe_workload *w, uint64_t seed, pe_error *err)
{
    const size_t vocabulary = (size_t)w->argument[0], d = (size_t)w->argument[1];
    const size_t length = (size_t)w->argument[3], tokens = (size_t)w->argument[2] * length;
    float *table = add_block(w, TABLE, vocabulary * d, sizeof *table, err);
    int64_t *ids = add_block(w, IDS, tokens, sizeof *ids, err);
    double *coord = add_block(w, COORD, length, sizeof *coord, err);
    if (!table || !ids || !coord || !add_block(w, ROWS, tokens * d, sizeof(float), err))
        return PE_MEMORY;
    pe_core_stream stream;
    pe_core_stream_start(&stream, seed, "benchmark", TABLE);
    for (size_t i = 0; i < vocabulary * d; i++)
        table[i] = (float)pe_core_uniform(&stream);
    for (size_t t = 0; t < tokens; t++)
        ids[t] = (int64_t)(pe_core_uniform(&stream) * (double)vocabulary);
    for (size_t t = 0; t < length; t++)
        coord[t] = (double)t;
    w->run = run_embed;
    return PE_OK;
}

/* The mean of P P^T by distance, as the peers compute it, and the second moment. */
static pe_status run_gram(pe_workload *w, double *checksum, pe_error *err)
{
    const size_t T = (size_t)w->argument[0];
    double *mean = w->block[GRAM];
    pe_status status =
        pe_gram_profile(w->block[ROWS], T, (size_t)w->argument[1], mean, mean + T, err);
    double sum = 0;
    for (size_t k = 0; k < T; k++)
        sum += mean[k];
    if (checksum)
        *checksum = sum;
    return status;
}

static pe_status make_gram(pe_workload *w, pe_error *err)
{
    const size_t T = (size_t)w->argument[0], d = (size_t)w->argument[1];
    double *coord = add_block(w, COORD, T, sizeof *coord, err);
    float *rows = add_block(w, ROWS, T * d, sizeof *rows, err);
    if (!coord || !rows || !add_block(w, GRAM, 2 * T, sizeof(double), err))
        return PE_MEMORY;
    for (size_t t = 0; t < T; t++)
        coord[t] = (double)t;
    w->run = run_gram;
    return pe_instance_code_rows(w->instance, PE_FLOAT, (int64_t)T, coord, rows, err);
}

/* ---- from a name to a workload
 * ----------------------------------------------------------------------- */

enum { FIELD = 64, MOST = 32 };
typedef struct line {
    char name[FIELD], kind[FIELD], arguments[FIELD], variant[FIELD], setting[FIELD];
} line;

static size_t read_lines(line *lines)
{
    size_t count = 0;
    for (const char *at = pe_bench_workloads; at && *at && count < MOST;) {
        line *l = &lines[count];
        *l = (line){0};
        if (*at != '#' && sscanf(at, "%63s %63s %63s %63s%*[ ]%63[^\n ]", l->name, l->kind,
                                 l->arguments, l->variant, l->setting) >= 4)
            count++;
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return count;
}

static pe_status find_line(const char *text, const line *lines, size_t count, const line **found,
                           pe_error *err)
{
    char name[FIELD];
    const char *known[MOST];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, ":"), text);
    for (size_t i = 0; i < count; i++) {
        known[i] = lines[i].name;
        if (strcmp(name, lines[i].name) == 0) {
            *found = &lines[i];
            return PE_OK;
        }
    }
    char advice[PE_ERROR_TEXT / 2];
    pe_name_advice(name, count, known, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "there is no workload %s; %s", name, advice);
}

static pe_status read_arguments(const char *text, const line *l, int64_t *argument, pe_error *err)
{
    int wanted = 1, got = 0;
    for (const char *c = l->arguments; *c; c++)
        wanted += *c == ':';
    const char *at = strchr(text, ':');
    while (at && got < 4) {
        char *end;
        long long value = strtoll(at + 1, &end, 10);
        if (end == at + 1 || value < 1 || value > (1 << 24) || !strchr(":@", *end))
            break;
        argument[got++] = value;
        at = *end == ':' ? end : NULL;
    }
    if (got == wanted && !at)
        return PE_OK;
    return pe_fail(err, PE_USAGE, "workload %s wants %s:%s, whole numbers from 1 to 16777216", text,
                   l->name, l->arguments);
}

static pe_dims dims_of(const line *l, const int64_t *argument)
{
    if (strcmp(l->kind, "attention") == 0 || strcmp(l->kind, "memory") == 0)
        return (pe_dims){.heads = HEADS, .head_dim = HEAD_DIM, .max_len = argument[0]};
    return (pe_dims){.heads = 1, .head_dim = (int)argument[1], .max_len = argument[0]};
}

/* "clip=$2" with the arguments put in; false without a setting. */
static bool fill_setting(const line *l, const int64_t *argument, char *room, pe_setting *setting)
{
    const char *equals = strchr(l->setting, '=');
    if (!equals || equals[1] != '$')
        return false;
    snprintf(room, 2 * FIELD, "%.*s%c%lld", (int)(equals - l->setting), l->setting, '\0',
             (long long)argument[equals[2] - '1']);
    *setting = (pe_setting){room, room + (equals - l->setting) + 1};
    return true;
}

/* The variant of the line, or the one that the name asks for: "attention:2048@ID". */
static pe_status find_variant(const char *text, const line *l, const pe_variant **variant,
                              pe_error *err)
{
    const char *at = strchr(text, '@');
    const bool asks = strcmp(l->variant, "@") == 0;
    if (asks && (!at || !at[1]))
        return pe_fail(err, PE_USAGE, "workload %s wants a variant: %s:%s@VARIANT", text, l->name,
                       l->arguments);
    if (!asks && at)
        return pe_fail(err, PE_USAGE, "workload %s has its variant: write it without %s", text, at);
    return pe_registry_find(asks ? at + 1 : l->variant, variant, err);
}

static pe_status make_with_variant(const char *text, const line *l, uint64_t seed, pe_workload *w,
                                   pe_error *err)
{
    const pe_variant *variant = NULL;
    pe_status status = find_variant(text, l, &variant, err);
    if (status != PE_OK)
        return status;
    char room[2 * FIELD];
    pe_setting setting;
    const int settings = fill_setting(l, w->argument, room, &setting);
    const pe_dims dims = dims_of(l, w->argument);
    status = pe_instance_create(variant, &dims, &setting, settings, seed, &w->instance, err);
    if (status != PE_OK)
        return status;
    if (strcmp(l->kind, "table") == 0)
        return make_table(w, err);
    if (strcmp(l->kind, "embed") == 0)
        return make_embed(w, seed, err);
    if (strcmp(l->kind, "gram") == 0)
        return make_gram(w, err);
    const bool memory = strcmp(l->kind, "memory") == 0;
    return make_attention(w, memory ? w->argument[1] : 0, memory, seed, err);
}

pe_status pe_workload_make(const char *text, uint64_t seed, pe_workload *w, pe_error *err)
{
    static const char *const limits[] = {"write", "copy", "product"}; /* as in pe_limit */
    line lines[MOST];
    const size_t count = read_lines(lines);
    const line *l = NULL;
    int limit = 0;
    *w = (pe_workload){0};
    pe_status status = find_line(text, lines, count, &l, err);
    if (status == PE_OK)
        status = read_arguments(text, l, w->argument, err);
    if (status != PE_OK)
        return status;
    while (limit < 3 && strcmp(l->kind, limits[limit]) != 0)
        limit++;
    status = limit < 3 ? pe_limit_make((pe_limit)limit, w, err)
                       : make_with_variant(text, l, seed, w, err);
    if (status != PE_OK)
        pe_workload_release(w);
    return status;
}
