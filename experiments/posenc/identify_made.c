#include "identify_made.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

pe_status made_allocate(made *out, size_t layers, size_t rows, size_t columns, pe_error *err)
{
    out->values = pe_allocate(layers * rows * columns, sizeof *out->values, "a made matrix", err);
    out->matrix = (pe_matrix){out->values, layers, rows, columns, PE_FP64};
    return out->values ? PE_OK : PE_MEMORY;
}

void made_finish(made *out, pe_stream *stream, double noise, pe_format format)
{
    const pe_matrix *m = &out->matrix;
    char text[64];
    for (size_t i = 0; i < m->layers * m->rows * m->columns; i++) {
        const double added = noise * pe_stream_normal(stream);
        if (isfinite(out->values[i]))
            out->values[i] = pe_round_to_format(format, out->values[i] + added);
    }
    out->matrix.stored = format;
    snprintf(text, sizeof text, ", %s, noise %g", pe_format_name(format), noise);
    const size_t used = strlen(out->name);
    snprintf(out->name + used, sizeof out->name - used, "%s", text);
}

static const struct {
    const made_kind *kinds;
    const size_t *count;
} parts[] = {{made_tables, &made_table_kinds},
             {made_biases, &made_bias_kinds},
             {made_others, &made_other_kinds},
             {made_variants, &made_variant_kinds}};
enum { PARTS = sizeof parts / sizeof parts[0] };

size_t made_count(void)
{
    size_t n = 0;
    for (size_t p = 0; p < PARTS; p++)
        for (size_t k = 0; k < *parts[p].count; k++)
            n += parts[p].kinds[k].count;
    return n;
}

static const made_kind *find_kind(size_t *index)
{
    for (size_t p = 0; p < PARTS; p++)
        for (size_t k = 0; k < *parts[p].count; k++) {
            if (*index < parts[p].kinds[k].count)
                return &parts[p].kinds[k];
            *index -= parts[p].kinds[k].count;
        }
    return NULL;
}

pe_status made_case(size_t index, uint64_t seed, made *out, pe_error *err)
{
    pe_stream stream = pe_stream_open(seed, "made matrices", index);
    *out = (made){.truth.first = (double)NAN};
    const made_kind *kind = find_kind(&index);
    snprintf(out->kind, sizeof out->kind, "%s", kind->name);
    snprintf(out->name, sizeof out->name, "%s %zu", kind->name, index);
    const pe_status status = kind->make(index, &stream, out, err);
    out->matrix.values = out->values;
    if (status != PE_OK)
        made_release(out);
    return status;
}

void made_release(made *m)
{
    pe_release(m->values);
    m->values = NULL;
}
