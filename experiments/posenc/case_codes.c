/* Cases about code rows, alone or added to token rows. */
#include "case_run.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- ids to rows ---- */

typedef struct tokens {
    int64_t *ids; /* (B, L) */
    size_t batch, length;
    case_table table; /* (V, d); all zero when the case has none */
} tokens;

static void release_tokens(tokens *t)
{
    pe_release(t->ids);
    case_table_release(&t->table);
}

/* Without tok.npy: a table of zeros, so that the code rows stand alone. */
static pe_status zero_table(const case_run *run, tokens *t, pe_error *err)
{
    int64_t most = 0;
    for (size_t i = 0; i < t->batch * t->length; i++)
        most = t->ids[i] > most ? t->ids[i] : most;
    t->table.rank = 2;
    t->table.shape[0] = (size_t)most + 1;
    t->table.shape[1] = (size_t)run->instance->dims.model_dim;
    t->table.count = t->table.shape[0] * t->table.shape[1];
    t->table.values = pe_allocate(t->table.count, sizeof(double), "a table of zeros", err);
    return t->table.values ? PE_OK : PE_MEMORY;
}

static pe_status read_ids(const case_run *run, tokens *t, pe_error *err)
{
    case_table file;
    const pe_status status = case_read(run, "ids", &file, err);
    if (status != PE_OK)
        return status;
    if (!file.values || file.rank != 2 || file.count == 0) {
        case_table_release(&file);
        return pe_fail(err, PE_FORMAT, "%s needs ids.npy of shape (B, L)", pe_case_name(run->c));
    }
    t->batch = file.shape[0];
    t->length = file.shape[1];
    t->ids = pe_allocate(file.count, sizeof *t->ids, "ids", err);
    for (size_t i = 0; t->ids && i < file.count; i++)
        t->ids[i] = (int64_t)file.values[i];
    case_table_release(&file);
    return t->ids ? PE_OK : PE_MEMORY;
}

static pe_status read_tokens(const case_run *run, tokens *t, pe_error *err)
{
    *t = (tokens){0};
    pe_status status = read_ids(run, t, err);
    if (status == PE_OK)
        status = case_read(run, "tok", &t->table, err);
    if (status == PE_OK && !t->table.values)
        status = zero_table(run, t, err);
    if (status == PE_OK &&
        (t->table.rank != 2 || t->table.shape[1] != (size_t)run->instance->dims.model_dim))
        status = pe_fail(err, PE_FORMAT, "%s: tok.npy is not of shape (V, %d)",
                         pe_case_name(run->c), run->instance->dims.model_dim);
    return status;
}

static pe_embedding_job embedding_job(const case_run *run, const tokens *t, size_t b)
{
    return (pe_embedding_job){.instance = run->instance,
                              .precision = run->precision,
                              .n = (int64_t)t->length,
                              .ids = t->ids + b * t->length,
                              .table = t->table.values,
                              .vocabulary = (int64_t)t->table.shape[0],
                              .padding_id = run->padding_id,
                              .start = run->start,
                              .scale_sqrt_d = run->scale_sqrt_d,
                              .sequence = b};
}

/* Row b of the batch into rows[b]. */
static pe_status embed_one(case_run *run, const tokens *t, size_t b, pe_wide *rows, int *width,
                           pe_error *err)
{
    const pe_embedding_job job = embedding_job(run, t, b);
    pe_wide one = {0};
    pe_status status = pe_run_embedding(&job, &one, width, err);
    if (status == PE_OK && b == 0)
        status = pe_wide_allocate(rows, t->batch * one.count, "embedded rows", err);
    if (status == PE_OK) {
        memcpy(rows->hi + b * one.count, one.hi, one.count * sizeof *one.hi);
        memcpy(rows->lo + b * one.count, one.lo, one.count * sizeof *one.lo);
    }
    pe_wide_release(&one);
    return status;
}

pe_status case_embed_ids(case_run *run, pe_wide *rows, size_t shape[3], pe_error *err)
{
    tokens t;
    int width = 0;
    pe_status status = read_tokens(run, &t, err);
    for (size_t b = 0; status == PE_OK && b < t.batch; b++)
        status = embed_one(run, &t, b, rows, &width, err);
    shape[0] = t.batch;
    shape[1] = t.length;
    shape[2] = (size_t)width;
    release_tokens(&t);
    return status;
}

static pe_status add_embedded(case_run *run, const char *name, const char *axes, pe_error *err)
{
    pe_wide rows = {0};
    size_t shape[3];
    pe_status status = case_embed_ids(run, &rows, shape, err);
    if (status == PE_OK)
        status = case_add_wide(run, name, "output", axes, 3, shape, &rows, err);
    pe_wide_release(&rows);
    return status;
}

/* ---- gradients ---- */

/* The numbers of gradient `of` of the run: those that are there, or new ones at 0. */
static double *gradient_of(case_run *run, const char *of, int rank, const size_t *shape,
                           pe_error *err)
{
    char name[CASE_NAME];
    snprintf(name, sizeof name, "grad_%s", of);
    for (int r = 0; r < run->result_count; r++)
        if (strcmp(run->result[r].name, name) == 0)
            return run->result[r].values;
    return case_add(run, name, "gradient", "as the parameter", false, rank, shape, err);
}

static double *gradient_of_parameter(case_run *run, const pe_param *param, pe_error *err)
{
    size_t shape[PE_MAX_RANK];
    for (int r = 0; r < param->rank; r++)
        shape[r] = (size_t)param->shape[r];
    return gradient_of(run, param->name, param->rank, shape, err);
}

pe_status case_add_embedding_gradients(case_run *run, const double *drows, pe_error *err)
{
    const pe_setup *info = &run->instance->info;
    const int width =
        run->instance->dims.model_dim + (info->flags & PE_CONCATENATE ? info->embed_width : 0);
    double *dtable = NULL, *dparam[PE_MAX_PARAMS] = {0};
    tokens t;
    pe_status status = read_tokens(run, &t, err);
    if (status == PE_OK && pe_case_find(run->c, "tok") &&
        !(dtable = gradient_of(run, "tok", 2, t.table.shape, err)))
        status = PE_MEMORY;
    for (int p = 0; status == PE_OK && p < info->param_count; p++)
        if (!(dparam[p] = gradient_of_parameter(run, &info->param[p], err)))
            status = PE_MEMORY;
    for (size_t b = 0; status == PE_OK && b < t.batch; b++) {
        const pe_embedding_job job = embedding_job(run, &t, b);
        status = pe_run_embedding_gradient(&job, drows + b * t.length * (size_t)width, dtable,
                                           dparam, err);
    }
    release_tokens(&t);
    return status;
}

pe_status case_compute_embedding(case_run *run, pe_error *err)
{
    case_table G = {0};
    pe_status status = add_embedded(run, "out", "(B, L, d)", err);
    if (status != PE_OK || !case_wants_gradients(run))
        return status;
    status = case_read_upstream(run, run->result[run->result_count - 1].count, &G, err);
    if (status == PE_OK)
        status = case_add_embedding_gradients(run, G.values, err);
    case_table_release(&G);
    return status;
}

/* ---- padded code rows ---- */

/* Real tokens count from the first position; padding stands at its own id. */
static pe_status add_padded_positions(case_run *run, pe_error *err)
{
    tokens t = {0};
    pe_status status = read_ids(run, &t, err);
    const size_t shape[2] = {t.batch, t.length};
    double *positions =
        status == PE_OK ? case_add(run, "positions", "intermediate", "(B, L)", true, 2, shape, err)
                        : NULL;
    if (status == PE_OK && !positions)
        status = PE_MEMORY;
    for (size_t b = 0; status == PE_OK && b < t.batch; b++) {
        int64_t next = run->first_position;
        for (size_t i = b * t.length; i < (b + 1) * t.length; i++)
            positions[i] = (double)(t.ids[i] == run->padding_id ? run->padding_id : next++);
    }
    release_tokens(&t);
    return status;
}

/* ---- code rows ---- */

typedef struct places {
    case_table given, local;
    bool positions_given;
    int64_t n;
    double *coord; /* (n, axes) */
} places;

/* The file that holds code rows: pe.npy, or the one of this precision. */
static const char *code_name(const case_run *run)
{
    if (pe_case_find(run->c, "pe_f64") || pe_case_find(run->c, "pe_f32"))
        return run->precision == PE_FLOAT ? "pe_f32" : "pe_f64";
    return "pe";
}

static bool positions_are_input(const pe_case *c)
{
    const pe_case_file *file = pe_case_find(c, "positions");
    return file && strncmp(file->role, "input", 5) == 0;
}

static pe_status read_places(case_run *run, places *p, pe_error *err)
{
    const pe_dims *dims = &run->instance->dims;
    p->positions_given = positions_are_input(run->c);
    pe_status status = case_read(run, p->positions_given ? "positions" : "v", &p->given, err);
    if (status == PE_OK)
        status = case_read(run, "local", &p->local, err);
    if (status != PE_OK)
        return status;
    const pe_case_file *pe = pe_case_find(run->c, code_name(run));
    if (p->given.values && p->given.count % (size_t)dims->axes != 0)
        return pe_fail(err, PE_FORMAT, "%s: %zu numbers are no positions of %d axes",
                       pe_case_name(run->c), p->given.count, dims->axes);
    if (p->given.values)
        p->n = (int64_t)p->given.count / dims->axes;
    else if (dims->grid[0])
        p->n = dims->grid[0] * dims->grid[1];
    else if (p->local.values)
        p->n = (int64_t)p->local.count;
    else if (pe && pe->rank == 2)
        p->n = (int64_t)pe->shape[0];
    else
        return pe_fail(err, PE_FORMAT, "%s has neither positions nor a grid", pe_case_name(run->c));
    if (p->local.values && p->local.count != (size_t)p->n)
        return pe_fail(err, PE_FORMAT, "%s: local.npy has %zu draws for %" PRId64 " tokens",
                       pe_case_name(run->c), p->local.count, p->n);
    return PE_OK;
}

static pe_status place_tokens(case_run *run, places *p, pe_error *err)
{
    const pe_places_request request = {.n = p->n,
                                       .in = p->given.values,
                                       .start = run->start,
                                       .local = p->local.values,
                                       .seed = pe_case_seed(run->c)};
    p->coord = pe_allocate((size_t)p->n * (size_t)run->instance->dims.axes, sizeof *p->coord,
                           "positions", err);
    return p->coord ? pe_instance_coordinates(run->instance, NULL, &request, p->coord, err)
                    : PE_MEMORY;
}

static pe_status add_positions(case_run *run, const places *p, pe_error *err)
{
    const size_t shape[2] = {(size_t)p->n, (size_t)run->instance->dims.axes};
    double *out = case_add(run, "positions", "intermediate", "(L) or (L, axes)", false,
                           shape[1] == 1 ? 1 : 2, shape, err);
    if (!out)
        return PE_MEMORY;
    memcpy(out, p->coord, shape[0] * shape[1] * sizeof *out);
    return PE_OK;
}

static pe_status add_codes(case_run *run, const places *p, pe_error *err)
{
    const pe_dims *dims = &run->instance->dims;
    const size_t width = (size_t)run->instance->info.embed_width;
    const size_t list[2] = {(size_t)p->n, width};
    const size_t grid[3] = {(size_t)dims->grid[0], (size_t)dims->grid[1], width};
    const bool gridded = dims->grid[0] != 0;
    pe_wide codes = {0};
    pe_status status =
        pe_instance_codes(run->instance, run->precision, p->n, p->coord, &codes, err);
    if (status == PE_OK)
        status = case_add_wide(run, code_name(run), "output", gridded ? "(nx, ny, d)" : "(L, d)",
                               gridded ? 3 : 2, gridded ? grid : list, &codes, err);
    pe_wide_release(&codes);
    return status;
}

pe_status case_compute_codes(case_run *run, pe_error *err)
{
    if (pe_case_find(run->c, "ids")) {
        const pe_status status = add_embedded(run, code_name(run), "(B, L, d)", err);
        return status == PE_OK ? add_padded_positions(run, err) : status;
    }
    places p = {0};
    pe_status status = read_places(run, &p, err);
    if (status == PE_OK)
        status = place_tokens(run, &p, err);
    if (status == PE_OK)
        status = add_codes(run, &p, err);
    if (status == PE_OK && !p.positions_given)
        status = add_positions(run, &p, err);
    case_table_release(&p.given);
    case_table_release(&p.local);
    pe_release(p.coord);
    return status;
}
