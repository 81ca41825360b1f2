/* From a file to a table: which tensor, which axes, which kind. */
#include "inspect/inspect.h"

#include "base/memory.h"
#include "io/npy.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_ROWS = 4, MOST_ROWS = 8192 };
#define MOST_BYTES ((size_t)1 << 30)

/* Ends of names in public checkpoints, the surest first. */
static const struct {
    const char *end;
    pe_inspect_kind kind;
} usual[] = {
    {"wpe.weight", PE_INSPECT_POSITIONS},                 /* GPT-2, minGPT */
    {"position_embeddings.weight", PE_INSPECT_POSITIONS}, /* BERT, RoBERTa */
    {"embed_positions.weight", PE_INSPECT_POSITIONS},     /* BART, OPT */
    {"position_embedding.weight", PE_INSPECT_POSITIONS},  /* CLIP */
    {"positional_embedding", PE_INSPECT_POSITIONS},       /* CLIP, Whisper as published */
    {"positional_embedding.weight", PE_INSPECT_POSITIONS},
    {"position_embeddings", PE_INSPECT_POSITIONS}, /* ViT in transformers */
    {"pos_embedding", PE_INSPECT_POSITIONS},       /* torchvision */
    {"pos_embed", PE_INSPECT_POSITIONS},           /* timm */
    {"pos_embed.weight", PE_INSPECT_POSITIONS},
    {"pos_emb.weight", PE_INSPECT_POSITIONS},
    {"relative_attention_bias.weight", PE_INSPECT_BUCKETS}, /* T5 */
    {"distance_embedding.weight", PE_INSPECT_OFFSETS},      /* BERT with relative keys */
    {"emb_rel_k", PE_INSPECT_OFFSETS},
    {"emb_rel_v", PE_INSPECT_OFFSETS},
    {"rel_k", PE_INSPECT_OFFSETS},
    {"rel_v", PE_INSPECT_OFFSETS},
};
enum { USUAL = sizeof usual / sizeof usual[0] };

const char *pe_inspect_kind_text(pe_inspect_kind kind)
{
    static const char *const text[] = {"positions", "offsets", "buckets"};
    return text[kind];
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);
    return n >= e && strcmp(name + n - e, end) == 0 && (n == e || name[n - e - 1] == '.');
}

static size_t usual_name(const char *name)
{
    size_t u = 0;
    while (u < USUAL && !ends_with(name, usual[u].end))
        u++;
    return u;
}

/* "a, b, c, ..." of the tensors that could be a table. */
static void list_tables(const pe_safetensors *file, char *text, size_t room)
{
    size_t used = 0, shown = 0;
    text[0] = '\0';
    for (size_t i = 0; i < pe_safetensors_count(file) && shown < 5; i++) {
        const pe_safetensors_entry *e = pe_safetensors_at(file, i);
        if (!e->readable || e->rank < 2 || used + 80 > room)
            continue;
        used += (size_t)snprintf(text + used, room - used, "%s%.60s", shown++ ? ", " : "", e->name);
    }
}

/* The first of the usual names, and how many tensors have one. */
static size_t best_name(const pe_safetensors *file, const char **name, int *usual_ones)
{
    size_t best = USUAL;
    *usual_ones = 0;
    for (size_t i = 0; i < pe_safetensors_count(file); i++) {
        const size_t u = usual_name(pe_safetensors_at(file, i)->name);
        *usual_ones += u < USUAL;
        if (u < best) {
            best = u;
            *name = pe_safetensors_at(file, i)->name;
        }
    }
    return best;
}

pe_status pe_inspect_choose(const pe_safetensors *file, const char *path,
                            char name[PE_INSPECT_NAME], pe_error *err)
{
    const char *found = NULL;
    int usual_ones;
    if (best_name(file, &found, &usual_ones) < USUAL) {
        snprintf(name, PE_INSPECT_NAME, "%s", found);
        return PE_OK;
    }
    char tables[420];
    list_tables(file, tables, sizeof tables);
    return pe_fail(err, PE_USAGE,
                   "%s: none of its %zu tensors has a usual name of a position table; name one "
                   "with --tensor%s%s",
                   path, pe_safetensors_count(file), tables[0] ? ": " : "", tables);
}

static pe_status choose(const pe_safetensors *file, const char *path, pe_inspect_table *out,
                        pe_error *err)
{
    const char *found = NULL;
    int usual_ones;
    best_name(file, &found, &usual_ones);
    if (usual_ones > 1)
        snprintf(out->found, sizeof out->found,
                 "by its name, the first of %d that are usual for positions", usual_ones);
    else
        snprintf(out->found, sizeof out->found, "by its name");
    return pe_inspect_choose(file, path, out->name, err);
}

static pe_status take_tensor(const char *path, const char *tensor, pe_inspect_table *out,
                             pe_tensor *t, pe_error *err)
{
    pe_safetensors *file = NULL;
    pe_status status = pe_safetensors_open_partial(path, &file, err);
    if (status != PE_OK)
        return status;
    if (tensor) {
        snprintf(out->name, sizeof out->name, "%s", tensor);
        snprintf(out->found, sizeof out->found, "as asked");
    } else {
        status = choose(file, path, out, err);
    }
    if (status == PE_OK)
        status = pe_safetensors_read(file, out->name, MOST_BYTES, t, err);
    pe_safetensors_close(file);
    return status;
}

static bool is_npy(const char *path)
{
    char magic[6] = "";
    FILE *f = fopen(path, "rb");
    const size_t got = f ? fread(magic, 1, sizeof magic, f) : 0;
    if (f)
        fclose(f);
    return got == sizeof magic && memcmp(magic, "\x93NUMPY", sizeof magic) == 0;
}

static pe_status take_npy(const char *path, const char *tensor, pe_inspect_table *out, pe_tensor *t,
                          pe_error *err)
{
    if (tensor)
        return pe_fail(err, PE_USAGE,
                       "%s: a .npy file holds one array without a name; leave out "
                       "--tensor %s",
                       path, tensor);
    const char *slash = strrchr(path, '/');
    snprintf(out->name, sizeof out->name, "%s", slash ? slash + 1 : path);
    snprintf(out->found, sizeof out->found, "the only one");
    return pe_npy_read(path, MOST_BYTES, t, err);
}

/* Two axes are left when those of length 1 are dropped. */
static pe_status take_shape(const pe_tensor *t, const char *path, pe_inspect_table *out,
                            pe_error *err)
{
    char text[PE_SHAPE_TEXT];
    size_t axis[2] = {0, 0};
    int axes = 0;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] != 1) {
            if (axes < 2)
                axis[axes] = t->shape[i];
            axes++;
        }
    if (axes != 2)
        return pe_fail(err, PE_FORMAT,
                       "%s: %s has shape %s; a table has two axes, rows and columns", path,
                       out->name, pe_shape_text(t->rank, t->shape, text));
    if (axis[0] < LEAST_ROWS || axis[0] > MOST_ROWS)
        return pe_fail(err, PE_FORMAT, "%s: %s has %zu rows; between %d and %d can be inspected",
                       path, out->name, axis[0], LEAST_ROWS, MOST_ROWS);
    out->rows = axis[0];
    out->columns = axis[1];
    return PE_OK;
}

static pe_status take_values(const pe_tensor *t, const char *path, pe_inspect_table *out,
                             pe_error *err)
{
    size_t nonfinite = 0;
    pe_status status = pe_tensor_as_doubles(t, out->name, &out->values, &nonfinite, err);
    if (status != PE_OK || nonfinite == 0)
        return status;
    size_t at = 0;
    while (isfinite(out->values[at]))
        at++;
    return pe_fail(err, PE_FORMAT,
                   "%s: %s has %zu values that are not finite, the first in row %zu, column %zu",
                   path, out->name, nonfinite, at / out->columns, at % out->columns);
}

pe_status pe_inspect_open(const char *path, const char *tensor, pe_inspect_table *out,
                          pe_error *err)
{
    pe_tensor t = {0};
    *out = (pe_inspect_table){0};
    pe_status status = is_npy(path) ? take_npy(path, tensor, out, &t, err)
                                    : take_tensor(path, tensor, out, &t, err);
    if (status == PE_OK)
        status = take_shape(&t, path, out, err);
    if (status == PE_OK)
        status = take_values(&t, path, out, err);
    if (status == PE_OK) {
        const size_t u = usual_name(out->name);
        out->kind = u < USUAL ? usual[u].kind : PE_INSPECT_POSITIONS;
        snprintf(out->dtype, sizeof out->dtype, "%s", pe_dtype_name(t.dtype));
    } else {
        pe_inspect_release(out);
    }
    pe_tensor_release(&t);
    return status;
}

void pe_inspect_release(pe_inspect_table *table)
{
    pe_release(table->values);
    table->values = NULL;
}
