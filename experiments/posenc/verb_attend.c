#include "verbs.h"

#include "base/memory.h"
#include "case_open.h"
#include "cli/print.h"
#include "core/gradient.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const pe_cli_option options[] = {
    {"output", 'o', PE_CLI_TEXT, "OUT", NULL, 0, 0, false, "the new case folder"},
    {"grad", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "also the gradients of L = sum(out * G), with G.npy of the case, as grad_*.npy"},
};
static const pe_cli_group attend_options = PE_CLI_GROUP("Result", options);

/* ---- results ---- */

static pe_status fill_tensor(const case_result *result, pe_tensor *tensor, pe_error *err)
{
    const pe_dtype dtype = result->whole ? PE_DTYPE_I64 : PE_DTYPE_F64;
    const pe_status status = pe_tensor_allocate(dtype, result->rank, result->shape, tensor, err);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < result->count; i++)
        if (result->whole)
            ((int64_t *)tensor->data)[i] = (int64_t)result->values[i];
        else
            ((double *)tensor->data)[i] = result->values[i];
    return PE_OK;
}

static pe_status add_results(pe_case_writer *w, const case_run *run, pe_error *err)
{
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < run->result_count; i++) {
        const case_result *result = &run->result[i];
        pe_tensor tensor = {0};
        status = fill_tensor(result, &tensor, err);
        if (status == PE_OK)
            status = pe_case_write_add(w, result->name, &tensor, result->axes, result->role, err);
        pe_tensor_release(&tensor);
    }
    return status;
}

/* ---- what the result follows from ---- */

static bool is_kept(const pe_case_file *file)
{
    return strncmp(file->role, "input", 5) == 0 || strncmp(file->role, "parameter", 9) == 0 ||
           strcmp(file->name, "G") == 0;
}

static pe_status copy_inputs(pe_case_writer *w, const pe_case *c, pe_error *err)
{
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < pe_case_file_count(c); i++) {
        const pe_case_file *file = pe_case_file_at(c, i);
        if (!is_kept(file))
            continue;
        pe_tensor tensor = {0};
        status = pe_case_tensor(c, file->name, &tensor, err);
        if (status == PE_OK)
            status = pe_case_write_add(w, file->name, &tensor, file->axes, file->role, err);
        pe_tensor_release(&tensor);
    }
    return status;
}

static pe_status copy_options(pe_case_writer *w, const pe_case *c, pe_error *err)
{
    const char *name;
    json_t *value;
    pe_status status = PE_OK;
    json_object_foreach((json_t *)pe_case_options(c), name, value)
    {
        if (status == PE_OK)
            status = pe_case_write_option(w, name, json_incref(value), err);
    }
    return status;
}

static pe_status copy_members(pe_case_writer *w, const pe_case *c, pe_error *err)
{
    const double f64 = pe_case_tolerance(c, PE_DTYPE_F64), f32 = pe_case_tolerance(c, PE_DTYPE_F32);
    pe_status status = pe_case_write_member(w, "formula", json_string(pe_case_formula(c)), err);
    if (status == PE_OK)
        status = pe_case_write_member(w, "seed", json_integer((json_int_t)pe_case_seed(c)), err);
    if (status == PE_OK && f64 >= 0 && f32 >= 0)
        status = pe_case_write_member(w, "tolerance",
                                      json_pack("{s:f, s:f}", "f64", f64, "f32", f32), err);
    return status;
}

static pe_status write_case(const char *folder, const case_run *run, pe_error *err)
{
    const pe_case *c = run->c;
    pe_case_writer *w = pe_case_write_begin(folder, pe_case_name(c), pe_case_variant(c), err);
    if (!w)
        return err->status;
    pe_status status = copy_members(w, c, err);
    if (status == PE_OK)
        status = copy_options(w, c, err);
    if (status == PE_OK)
        status = copy_inputs(w, c, err);
    if (status == PE_OK)
        status = add_results(w, run, err);
    if (status == PE_OK)
        return pe_case_write_commit(w, err);
    pe_case_write_abandon(w);
    return status;
}

/* ---- gradients ---- */

static bool is_gradient(const case_result *result)
{
    return strcmp(result->role, "gradient") == 0;
}

static void leave_gradients_out(case_run *run)
{
    int kept = 0;
    for (int i = 0; i < run->result_count; i++)
        if (is_gradient(&run->result[i]))
            pe_release(run->result[i].values);
        else
            run->result[kept++] = run->result[i];
    run->result_count = kept;
}

static pe_status demand_gradients(const case_run *run, pe_error *err)
{
    const char *missing = pe_instance_untrainable(run->instance);
    for (int i = 0; i < run->result_count; i++)
        if (is_gradient(&run->result[i]))
            return PE_OK;
    if (missing)
        return pe_fail(err, PE_USAGE, "%s can be used but not trained: its hook %s has no twin",
                       run->variant->id, missing);
    return pe_fail(err, PE_FORMAT,
                   "%s has no gradients: it wants G.npy, the gradient by out, and q, k, v, a "
                   "layer or ids and tok",
                   pe_case_name(run->c));
}

/* ---- run ---- */

static pe_status print_results(const pe_cli *cli, const case_run *run, pe_error *err)
{
    static const char *const columns[] = {"file", "shape", "role"};
    json_t *rows = json_array();
    for (int i = 0; i < run->result_count; i++) {
        char shape[PE_SHAPE_TEXT];
        const case_result *result = &run->result[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "file", result->name, "shape",
                                              pe_shape_text(result->rank, result->shape, shape),
                                              "role", result->role));
    }
    rows = pe_rows_complete(rows, (size_t)run->result_count);
    const pe_status status = pe_print_rows(cli, rows, 3, columns, err);
    json_decref(rows);
    return status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    const char *folder = pe_cli_text(cli, "output");
    pe_case *c;
    case_run computed;
    if (!folder)
        return pe_fail(err, PE_USAGE, "attend needs -o OUT, a folder for the results");
    pe_status status = case_replace_variants(cli, err);
    if (status != PE_OK)
        return status;
    status = case_open_and_compute(cli, cli->words[0], &c, &computed, err);
    if (status == PE_OK && computed.result_count == 0)
        status = pe_fail(err, PE_FORMAT, "%s has nothing to compute", pe_case_name(c));
    if (status == PE_OK && pe_cli_flag(cli, "grad"))
        status = demand_gradients(&computed, err);
    else if (status == PE_OK)
        leave_gradients_out(&computed);
    if (status == PE_OK)
        status = write_case(folder, &computed, err);
    if (status == PE_OK && (pe_cli_flag(cli, "json") || !pe_cli_flag(cli, "quiet")))
        status = print_results(cli, &computed, err);
    case_run_release(&computed);
    pe_case_close(c);
    return status;
}

const pe_cli_verb verb_attend = {
    .name = "attend",
    .arguments = "CASEDIR",
    .summary = "compute a case: logits, weights, terms and outputs into a new case folder",
    .description = "The new folder has the inputs and parameters, too, so that it is a whole case: "
                   "'posenc check OUT' passes, and another program can be compared with it.",
    .examples = "posenc attend my_case -o my_case_out\n"
                "posenc attend my_case -o out32 --precision f32\n"
                "posenc attend tests/golden/shaw_L13_k3_h4_b3 -o out --grad",
    .least = 1,
    .most = 1,
    .groups = {&attend_options, &case_options},
    .run = run,
};
