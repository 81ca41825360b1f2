/* Tables in, results out, and the choice of what to compute. */
#include "case_run.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

pe_status case_read(const case_run *run, const char *name, case_table *table, pe_error *err)
{
    *table = (case_table){0};
    if (!pe_case_find(run->c, name))
        return PE_OK;
    pe_tensor tensor = {0};
    size_t nonfinite = 0;
    pe_status status = pe_case_tensor(run->c, name, &tensor, err);
    if (status != PE_OK)
        return status;
    status = pe_tensor_as_doubles(&tensor, name, &table->values, &nonfinite, err);
    table->rank = tensor.rank;
    memcpy(table->shape, tensor.shape, sizeof table->shape);
    table->count = tensor.count;
    pe_tensor_release(&tensor);
    if (status == PE_OK && nonfinite)
        status = pe_fail(err, PE_FORMAT, "%s: %s.npy holds %zu numbers that are not finite",
                         pe_case_name(run->c), name, nonfinite);
    if (status != PE_OK)
        case_table_release(table);
    return status;
}

void case_table_release(case_table *table)
{
    pe_release(table->values);
    *table = (case_table){0};
}

double *case_add(case_run *run, const char *name, const char *role, const char *axes, bool whole,
                 int rank, const size_t *shape, pe_error *err)
{
    size_t count;
    if (run->result_count == CASE_RESULTS || !pe_shape_count(rank, shape, sizeof(double), &count)) {
        pe_fail(err, PE_MEMORY, "%s: too many results, or one too large", name);
        return NULL;
    }
    case_result *result = &run->result[run->result_count];
    *result =
        (case_result){.role = role, .axes = axes, .whole = whole, .rank = rank, .count = count};
    snprintf(result->name, sizeof result->name, "%s", name);
    memcpy(result->shape, shape, (size_t)rank * sizeof *shape);
    result->values = pe_allocate(count, sizeof(double), name, err);
    run->result_count += result->values != NULL;
    return result->values;
}

pe_status case_add_wide(case_run *run, const char *name, const char *role, const char *axes,
                        int rank, const size_t *shape, const pe_wide *wide, pe_error *err)
{
    if (wide->count == 0)
        return PE_OK;
    double *values = case_add(run, name, role, axes, false, rank, shape, err);
    if (!values)
        return PE_MEMORY;
    for (size_t i = 0; i < wide->count; i++)
        values[i] = wide->hi[i] + wide->lo[i];
    return PE_OK;
}

pe_status case_run_compute(case_run *run, pe_error *err)
{
    const pe_case *c = run->c;
    if (pe_case_find(c, "q") && pe_case_find(c, "k") && pe_case_find(c, "v"))
        return case_compute_attention(run, err);
    if (pe_case_find(c, "Wq") && pe_case_find(c, "Wv"))
        return case_compute_layer(run, err);
    if (pe_case_find(c, "ids") && pe_case_find(c, "tok"))
        return case_compute_embedding(run, err);
    if (run->instance->info.embed_width > 0)
        return case_compute_codes(run, err);
    return PE_OK; /* only what is asked for by name: slopes, buckets */
}

static const case_result *find(const case_run *run, const char *name)
{
    for (int i = 0; i < run->result_count; i++)
        if (strcmp(run->result[i].name, name) == 0)
            return &run->result[i];
    return NULL;
}

const case_result *case_run_find(case_run *run, const char *name, pe_status *status, pe_error *err)
{
    const case_result *result = find(run, name);
    *status = PE_OK;
    if (result)
        return result;
    *status = case_probe(run, name, err);
    return *status == PE_OK ? find(run, name) : NULL;
}
