#include "bench/workload_make.h"

#include "base/memory.h"
#include "base/names.h"
#include "bench/limits.h"
#include "core/stream.h"
#include "numbers/table.h"
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>

extern const char pe_bench_workloads[];

const char *pe_workload_list(void)
{
    return pe_bench_workloads;
}

void pe_workload_release(pe_workload *w)
{
    pe_instance_release(w->instance);
    pe_table_release(w->table);
    pe_workload_training_release(w->training);
    for (size_t i = 0; i < sizeof w->block / sizeof w->block[0]; i++)
        pe_release(w->block[i]);
    *w = (pe_workload){0};
}

/* ---- buffers ---- */

void *pe_workload_block(pe_workload *w, int slot, size_t count, size_t size, pe_error *err)
{
    return w->block[slot] = pe_allocate(count, size, "benchmark buffer", err);
}

float *pe_workload_normals(pe_workload *w, int slot, size_t count, uint64_t seed, pe_error *err)
{
    float *x = pe_workload_block(w, slot, count, sizeof *x, err);
    pe_core_stream stream;
    pe_core_stream_start(&stream, seed, "benchmark", (uint64_t)slot);
    for (size_t i = 0; x && i < count; i++)
        x[i] = (float)pe_core_normal(&stream);
    return x;
}

double pe_workload_sum(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i];
    return sum;
}

/* ---- from a name to a workload ---- */

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

static bool has_gradient(const line *l)
{
    return strcmp(l->kind, "attention") == 0 || strcmp(l->kind, "memory") == 0;
}

static pe_status read_arguments(const char *text, const line *l, int64_t *argument, bool *gradient,
                                pe_error *err)
{
    int wanted = strcmp(l->arguments, "-") != 0, got = 0;
    for (const char *c = l->arguments; *c; c++)
        wanted += *c == ':';
    const char *at = strchr(text, ':');
    while (at && got < 4) {
        char *end;
        long long value = strtoll(at + 1, &end, 10);
        if (got > 0 && end == at + 1 && strncmp(at, ":grad", 5) == 0 && strchr("@", at[5]) &&
            has_gradient(l)) {
            *gradient = true;
            at = NULL;
            break;
        }
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

static bool is_kind(const line *l, const char *kind)
{
    return strcmp(l->kind, kind) == 0;
}

static pe_dims dims_of(const line *l, const int64_t *argument)
{
    if (is_kind(l, "attention") || is_kind(l, "memory") || is_kind(l, "heads"))
        return (pe_dims){.heads = PE_BENCH_HEADS,
                         .head_dim = is_kind(l, "heads") ? (int)argument[1] : PE_BENCH_HEAD_DIM,
                         .max_len = argument[0]};
    return (pe_dims){.heads = 1, .head_dim = (int)argument[1], .max_len = argument[0]};
}

/* "clip=$2" with the arguments put in, or "name=value" as it stands; false without a setting. */
static bool fill_setting(const line *l, const int64_t *argument, char *room, pe_setting *setting)
{
    const char *equals = strchr(l->setting, '=');
    const int name = equals ? (int)(equals - l->setting) : 0;
    if (!equals)
        return false;
    if (equals[1] == '$')
        snprintf(room, 2 * FIELD, "%.*s%c%lld", name, l->setting, '\0',
                 (long long)argument[equals[2] - '1']);
    else
        snprintf(room, 2 * FIELD, "%.*s%c%s", name, l->setting, '\0', equals + 1);
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
    if (is_kind(l, "train"))
        return pe_workload_train(w, variant, settings ? &setting : NULL, seed, err);
    const pe_dims dims = dims_of(l, w->argument);
    status = pe_instance_create(variant, &dims, &setting, settings, seed, &w->instance, err);
    if (status != PE_OK)
        return status;
    if (is_kind(l, "codes"))
        return pe_workload_codes(w, err);
    if (is_kind(l, "embed"))
        return pe_workload_embed(w, seed, err);
    if (is_kind(l, "gram"))
        return pe_workload_gram(w, err);
    const bool memory = is_kind(l, "memory");
    return pe_workload_attention(w, memory ? w->argument[1] : 0, memory, seed, err);
}

/* The kinds without a variant first. */
static pe_status make(const char *text, const line *l, uint64_t seed, pe_workload *w, pe_error *err)
{
    static const char *const limits[] = {"write", "copy", "product"}; /* as in pe_limit */
    for (int i = 0; i < 3; i++)
        if (is_kind(l, limits[i]))
            return pe_limit_make((pe_limit)i, w, err);
    if (is_kind(l, "table") || is_kind(l, "fresh"))
        return pe_workload_table(w, is_kind(l, "fresh"), err);
    return make_with_variant(text, l, seed, w, err);
}

pe_status pe_workload_make(const char *text, uint64_t seed, pe_workload *w, pe_error *err)
{
    line lines[MOST];
    const size_t count = read_lines(lines);
    const line *l = NULL;
    *w = (pe_workload){0};
    pe_status status = find_line(text, lines, count, &l, err);
    if (status == PE_OK)
        status = read_arguments(text, l, w->argument, &w->gradient, err);
    if (status == PE_OK)
        status = make(text, l, seed, w, err);
    if (status != PE_OK)
        pe_workload_release(w);
    return status;
}
