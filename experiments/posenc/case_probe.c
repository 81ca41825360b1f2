/* Things that a case holds for finding the step that went wrong, and that the core never makes by
 * themselves: they are asked out of the variant's hooks when a file of that name is there. */
#include "case_run.h"

#include "ask.h"
#include "base/memory.h"

#include <string.h>

/* ---- slopes: minus the bias at offset 1 ---- */

static pe_status slopes_of(const case_run *run, pe_instance *instance, double *slopes,
                           pe_error *err)
{
    const double one = 1;
    const int H = instance->dims.heads, rows = instance->info.row_heads;
    pe_wide bias = {0};
    const pe_status status = ask_rows(instance, run->precision, PE_ROWS_BIAS, 1, &one, &bias, err);
    for (int h = 0; status == PE_OK && h < H; h++)
        slopes[h] = -bias.hi[rows == 1 ? 0 : h];
    pe_wide_release(&bias);
    return status;
}

static pe_status slopes_of_each(case_run *run, const double *heads, size_t count, pe_error *err)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(heads[i] >= 1 && heads[i] <= 4096))
            return pe_fail(err, PE_FORMAT, "%s: %g heads", pe_case_name(run->c), heads[i]);
        total += (size_t)heads[i];
    }
    double *slopes = case_add(run, "slopes", "output", "(sum of heads)", false, 1, &total, err);
    pe_status status = slopes ? PE_OK : PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < count; i++) {
        pe_instance *instance = NULL;
        status = case_another_instance(run, (int)heads[i], NULL, &instance, err);
        if (status == PE_OK)
            status = slopes_of(run, instance, slopes + at, err);
        at += (size_t)heads[i];
        pe_instance_release(instance);
    }
    return status;
}

static pe_status probe_slopes(case_run *run, pe_error *err)
{
    if (pe_case_option_kind(run->c, "heads") == PE_OPTION_LIST) {
        double *heads = NULL;
        size_t count = 0;
        pe_status status = pe_case_list(run->c, "heads", &heads, &count, err);
        if (status == PE_OK)
            status = slopes_of_each(run, heads, count, err);
        pe_release(heads);
        return status;
    }
    if (!(run->instance->info.rows & PE_ROWS_BIAS))
        return PE_OK;
    const size_t H = (size_t)run->instance->dims.heads;
    double *slopes = case_add(run, "slopes", "intermediate", "(H)", false, 1, &H, err);
    return slopes ? slopes_of(run, run->instance, slopes, err) : PE_MEMORY;
}

/* ---- bias of every pair ---- */

/* Offsets i - j of the attention, queries last unless the case says otherwise; owned. */
static double *pair_offsets(const case_run *run, pe_error *err)
{
    const int64_t first = run->query_offset < 0 ? run->nk - run->nq : run->query_offset;
    double *offset = pe_allocate((size_t)(run->nq * run->nk), sizeof *offset, "offsets", err);
    for (int64_t i = 0; offset && i < run->nq; i++)
        for (int64_t j = 0; j < run->nk; j++)
            offset[i * run->nk + j] = (double)(first + i - j);
    return offset;
}

static pe_status probe_bias(case_run *run, pe_error *err)
{
    const int H = run->instance->dims.heads, rows = run->instance->info.row_heads;
    if (!(run->instance->info.rows & PE_ROWS_BIAS) || run->nq == 0)
        return PE_OK;
    const size_t shape[3] = {(size_t)H, (size_t)run->nq, (size_t)run->nk};
    const size_t pairs = shape[1] * shape[2];
    double *offset = pair_offsets(run, err);
    pe_wide bias = {0};
    pe_status status = offset ? ask_rows(run->instance, run->precision, PE_ROWS_BIAS, (int)pairs,
                                         offset, &bias, err)
                              : PE_MEMORY;
    double *out = status == PE_OK
                      ? case_add(run, "bias", "intermediate", "(H, Lq, Lk)", false, 3, shape, err)
                      : NULL;
    if (status == PE_OK && !out)
        status = PE_MEMORY;
    for (size_t p = 0; status == PE_OK && p < pairs; p++)
        for (int h = 0; h < H; h++)
            out[(size_t)h * pairs + p] = bias.hi[p * (size_t)rows + (size_t)(rows == 1 ? 0 : h)];
    pe_wide_release(&bias);
    pe_release(offset);
    return status;
}

/* ---- which table row an offset reads ---- */

/* Fill every parameter so that each row holds its own row number. */
static pe_status number_rows(pe_instance *instance, pe_error *err)
{
    pe_status status = PE_OK;
    for (int which = 0; status == PE_OK && which < instance->info.param_count; which++) {
        const pe_param *param = &instance->info.param[which];
        const size_t count = pe_param_count(param);
        const size_t columns = (size_t)param->shape[param->rank - 1];
        const size_t rows = param->rank > 1 ? (size_t)param->shape[param->rank - 2] : 1;
        double *values = pe_allocate(count, sizeof *values, "row numbers", err);
        if (!values)
            return PE_MEMORY;
        for (size_t i = 0; i < count; i++)
            values[i] = (double)(i / columns % rows);
        status =
            pe_instance_set_param(instance, which, param->rank, param->shape, count, values, err);
        pe_release(values);
    }
    return status;
}

static unsigned first_part(const pe_instance *instance)
{
    return instance->info.rows & (0u - instance->info.rows);
}

static pe_status rows_read(const case_run *run, const json_t *more, size_t n, const double *offset,
                           double *row, pe_error *err)
{
    pe_instance *instance = NULL;
    pe_wide rows = {0};
    pe_status status = case_another_instance(run, 0, more, &instance, err);
    if (status == PE_OK)
        status = number_rows(instance, err);
    if (status == PE_OK)
        status =
            ask_rows(instance, run->precision, first_part(instance), (int)n, offset, &rows, err);
    const size_t width = n ? rows.count / n : 0;
    for (size_t i = 0; status == PE_OK && i < n; i++)
        row[i] = rows.hi[i * width];
    pe_wide_release(&rows);
    pe_instance_release(instance);
    return status;
}

/* The option that holds a list of objects, one set of settings each, or NULL. */
static const json_t *several_settings(const pe_case *c)
{
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)pe_case_options(c), name, value)
    {
        if (json_is_object(json_array_get(value, 0)))
            return value;
    }
    return NULL;
}

/* rel.npy holds key minus query; our offsets are query minus key. */
static pe_status rows_of_each(case_run *run, const char *name, const json_t *several, pe_error *err)
{
    case_table rel;
    pe_status status = case_read(run, "rel", &rel, err);
    if (status == PE_OK && !rel.values)
        status = pe_fail(err, PE_FORMAT, "%s has no rel.npy", pe_case_name(run->c));
    for (size_t i = 0; status == PE_OK && i < rel.count; i++)
        rel.values[i] = -rel.values[i];
    const size_t shape[2] = {json_array_size(several), rel.count};
    double *out =
        status == PE_OK ? case_add(run, name, "output", "(combo, R)", true, 2, shape, err) : NULL;
    if (status == PE_OK && !out)
        status = PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < shape[0]; i++)
        status = rows_read(run, json_array_get(several, i), rel.count, rel.values,
                           out + i * rel.count, err);
    case_table_release(&rel);
    return status;
}

static pe_status probe_row_numbers(case_run *run, const char *name, pe_error *err)
{
    const json_t *several = several_settings(run->c);
    if (several)
        return rows_of_each(run, name, several, err);
    if (run->instance->info.rows == 0 || run->instance->info.param_count == 0 || run->nq == 0)
        return PE_OK;
    const size_t shape[2] = {(size_t)run->nq, (size_t)run->nk};
    double *offset = pair_offsets(run, err);
    double *out =
        offset ? case_add(run, name, "intermediate", "(Lq, Lk)", true, 2, shape, err) : NULL;
    const pe_status status =
        out ? rows_read(run, NULL, shape[0] * shape[1], offset, out, err) : PE_MEMORY;
    pe_release(offset);
    return status;
}

/* ---- R: the codes that a projection turns into rows ---- */

/* The one parameter of shape (model_dim, heads * head_dim), or PE_NONE. */
static int projection(const pe_instance *instance)
{
    int found = PE_NONE;
    for (int i = 0; i < instance->info.param_count; i++) {
        const pe_param *p = &instance->info.param[i];
        if (p->rank != 2 || p->shape[0] != instance->dims.model_dim ||
            p->shape[1] != (int64_t)instance->dims.heads * instance->dims.head_dim)
            continue;
        if (found != PE_NONE)
            return PE_NONE;
        found = i;
    }
    return found;
}

/* Columns first .. of R: the projection takes them over one to one. */
static pe_status some_columns(const case_run *run, pe_instance *instance, int which, int first,
                              const double *offset, double *R, pe_error *err)
{
    const pe_param *p = &instance->info.param[which];
    const size_t count = pe_param_count(p);
    const int64_t d = p->shape[0], across = p->shape[1];
    const int64_t columns = d - first < across ? d - first : across;
    double *unit = pe_allocate(count, sizeof *unit, "a projection", err);
    if (!unit)
        return PE_MEMORY;
    for (int64_t c = 0; c < columns; c++)
        unit[(first + c) * across + c] = 1;
    pe_wide rows = {0};
    pe_status status = pe_instance_set_param(instance, which, 2, p->shape, count, unit, err);
    if (status == PE_OK)
        status = ask_rows(instance, run->precision, first_part(instance), (int)run->nk, offset,
                          &rows, err);
    for (int64_t m = 0; status == PE_OK && m < run->nk; m++)
        for (int64_t c = 0; c < columns; c++)
            R[m * d + first + c] = rows.hi[m * across + c];
    pe_wide_release(&rows);
    pe_release(unit);
    return status;
}

static pe_status probe_R(case_run *run, pe_error *err)
{
    const int which = projection(run->instance);
    const int d = run->instance->dims.model_dim;
    const int across = run->instance->dims.heads * run->instance->dims.head_dim;
    if (which == PE_NONE || run->nk == 0 || !(run->instance->info.rows & ~(unsigned)PE_ROWS_BIAS))
        return PE_OK;
    const size_t shape[2] = {(size_t)run->nk, (size_t)d};
    double *R = case_add(run, "R", "intermediate", "(M + L, d): row m is distance M+L-1-m", false,
                         2, shape, err);
    double *offset = R ? pe_allocate(shape[0], sizeof *offset, "offsets", err) : NULL;
    pe_instance *instance = NULL;
    pe_status status = offset ? case_another_instance(run, 0, NULL, &instance, err) : PE_MEMORY;
    for (int64_t m = 0; status == PE_OK && m < run->nk; m++)
        offset[m] = (double)(run->nk - 1 - m);
    for (int first = 0; status == PE_OK && first < d; first += across)
        status = some_columns(run, instance, which, first, offset, R, err);
    pe_instance_release(instance);
    pe_release(offset);
    return status;
}

/* ---- frequencies, cosines, sines ---- */

static pe_status probe_frequencies(case_run *run, pe_error *err)
{
    pe_wide frequencies = {0};
    if (run->instance->info.embed_width == 0)
        return PE_OK;
    pe_status status = ask_frequencies(run->instance, run->precision, &frequencies, err);
    if (status == PE_OK)
        status = case_add_wide(run, "frequencies", "intermediate", "(number of frequencies)", 1,
                               &frequencies.count, &frequencies, err);
    /* A file may list one more than the code uses: an odd width with sines and cosines apart. */
    if (status == PE_OK && frequencies.count)
        run->result[run->result_count - 1].beginning = true;
    pe_wide_release(&frequencies);
    return status;
}

static pe_status probe_turns(case_run *run, pe_error *err)
{
    case_table positions;
    ask_turns turns = {0};
    if (!run->instance->info.maps)
        return PE_OK;
    pe_status status = case_read(run, "positions", &positions, err);
    if (status != PE_OK || !positions.values)
        return status;
    status = ask_map(run->instance, run->precision, (int64_t)positions.count, positions.values,
                     &turns, err);
    const size_t shape[2] = {positions.count, (size_t)turns.pairs};
    if (status == PE_OK)
        status =
            case_add_wide(run, "cos", "intermediate", "(L, pairs)", 2, shape, &turns.cosine, err);
    if (status == PE_OK)
        status =
            case_add_wide(run, "sin", "intermediate", "(L, pairs)", 2, shape, &turns.sine, err);
    ask_turns_release(&turns);
    case_table_release(&positions);
    return status;
}

pe_status case_probe(case_run *run, const char *name, pe_error *err)
{
    if (strcmp(name, "slopes") == 0)
        return probe_slopes(run, err);
    if (strcmp(name, "bias") == 0)
        return probe_bias(run, err);
    if (strcmp(name, "buckets") == 0 || strcmp(name, "index") == 0)
        return probe_row_numbers(run, name, err);
    if (strcmp(name, "R") == 0)
        return probe_R(run, err);
    if (strcmp(name, "frequencies") == 0)
        return probe_frequencies(run, err);
    if (strcmp(name, "cos") == 0 || strcmp(name, "sin") == 0)
        return probe_turns(run, err);
    return PE_OK;
}
