/* Cases with queries and keys: given as q, k, v, or made by a layer from x. */
#include "case_run.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

typedef struct inputs {
    case_table q, k, v, x, past, positions, Wq, Wk, Wv, Wo;
    int64_t *q_index;
    pe_wide embedded;
} inputs;

static void release_inputs(inputs *in)
{
    case_table *const tables[] = {&in->q,         &in->k,  &in->v,  &in->x,  &in->past,
                                  &in->positions, &in->Wq, &in->Wk, &in->Wv, &in->Wo};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        case_table_release(tables[i]);
    pe_release(in->q_index);
    pe_wide_release(&in->embedded);
}

static pe_status wrong_shape(const case_run *run, const char *name, const char *right,
                             pe_error *err)
{
    return pe_fail(err, PE_FORMAT, "%s: %s.npy is not of shape %s", pe_case_name(run->c), name,
                   right);
}

/* ---- what all attentions share ---- */

static bool is_input(const pe_case *c, const char *name)
{
    const pe_case_file *file = pe_case_find(c, name);
    return file && strncmp(file->role, "input", 5) == 0;
}

/* Positions given for the keys; the queries are the last of them. */
static pe_status use_positions(case_run *run, inputs *in, pe_job *job, pe_error *err)
{
    if (!is_input(run->c, "positions"))
        return PE_OK;
    const pe_status status = case_read(run, "positions", &in->positions, err);
    if (status != PE_OK)
        return status;
    const int64_t axes = run->instance->dims.axes;
    if (in->positions.count != (size_t)(run->nk * axes))
        return wrong_shape(run, "positions", "(keys) or (keys, axes)", err);
    job->k_coord = in->positions.values;
    job->q_coord = in->positions.values + (run->nk - run->nq) * axes;
    return PE_OK;
}

static pe_status use_query_offset(const case_run *run, inputs *in, pe_job *job, pe_error *err)
{
    if (run->query_offset < 0)
        return PE_OK;
    in->q_index = pe_allocate((size_t)run->nq, sizeof *in->q_index, "query indices", err);
    if (!in->q_index)
        return PE_MEMORY;
    for (int64_t i = 0; i < run->nq; i++)
        in->q_index[i] = run->query_offset + i;
    job->q_index = in->q_index;
    return PE_OK;
}

static pe_status start_job(case_run *run, inputs *in, int batch, pe_job *job, pe_error *err)
{
    const bool whole_matrix = run->method == PE_REFERENCE;
    if (run->key_lengths && run->key_length_count != (size_t)batch)
        return pe_fail(err, PE_FORMAT, "%s: %zu key lengths for a batch of %d",
                       pe_case_name(run->c), run->key_length_count, batch);
    *job = (pe_job){.instance = run->instance,
                    .precision = run->precision,
                    .method = run->method,
                    .batch = batch,
                    .nq = run->nq,
                    .nk = run->nk,
                    .causal = run->causal,
                    .key_lengths = run->key_lengths,
                    .want_logits = whole_matrix,
                    .want_weights = whole_matrix,
                    .want_terms = whole_matrix,
                    .want_mapped = run->instance->info.maps != 0};
    const pe_status status = use_positions(run, in, job, err);
    return status == PE_OK ? use_query_offset(run, in, job, err) : status;
}

/* ---- results ---- */

static const char pair_axes[] = "(B, H, Lq, Lk); 0 where mask is 0, ignore there";

/* Names of the terms in case folders; the first four as in the paper of Dai et al. 2019. */
static const char *const term_files[PE_TERM_COUNT] = {"term_a",    "term_b",        "term_c",
                                                      "term_d",    "term_key_rows", "term_bias",
                                                      "term_pair", "term_logits"};

static pe_status add_terms(case_run *run, const pe_attended *a, const size_t *shape, pe_error *err)
{
    pe_status status = PE_OK;
    for (int t = 0; status == PE_OK && t < PE_TERM_COUNT; t++)
        status = case_add_wide(run, term_files[t], "intermediate", pair_axes, 4, shape, &a->term[t],
                               err);
    return status;
}

/* The logits of the content alone, and what the encoding adds: terms up to the key rows are dot
 * products before the scale, the others are added after it. */
static pe_status add_content_and_rest(case_run *run, const pe_attended *a, const size_t *shape,
                                      pe_error *err)
{
    const pe_setup *s = &run->instance->info;
    const double scale = s->scale > 0 ? s->scale : 1 / sqrt((double)run->instance->dims.head_dim);
    if (a->term[PE_TERM_CONTENT].count == 0)
        return PE_OK;
    double *content =
        case_add(run, "logits_content", "intermediate", pair_axes, false, 4, shape, err);
    double *rest =
        content ? case_add(run, "logits_relative", "intermediate", pair_axes, false, 4, shape, err)
                : NULL;
    if (!rest)
        return PE_MEMORY;
    for (int t = 0; t < PE_TERM_COUNT; t++) {
        const pe_wide *term = &a->term[t];
        double *sum = t == PE_TERM_CONTENT ? content : rest;
        const double factor = t <= PE_TERM_KEY_ROWS ? scale : 1;
        for (size_t i = 0; i < term->count; i++)
            sum[i] += factor * term->hi[i];
    }
    return PE_OK;
}

static pe_status add_mask(case_run *run, const pe_attended *a, int batch, pe_error *err)
{
    const size_t shape[3] = {(size_t)batch, (size_t)run->nq, (size_t)run->nk};
    if (!a->allowed)
        return PE_OK;
    double *mask =
        case_add(run, "mask", "intermediate", "(B, Lq, Lk), 1 = allowed", true, 3, shape, err);
    for (size_t i = 0; mask && i < shape[0] * shape[1] * shape[2]; i++)
        mask[i] = a->allowed[i];
    return mask ? PE_OK : PE_MEMORY;
}

static pe_status add_mapped(case_run *run, const pe_attended *a, int batch, pe_error *err)
{
    const pe_dims *dims = &run->instance->dims;
    const int W = run->instance->info.mapped_width;
    const size_t width = (size_t)(W ? W : dims->head_dim);
    const size_t q[4] = {(size_t)batch, (size_t)dims->heads, (size_t)run->nq, width};
    const size_t k[4] = {(size_t)batch, (size_t)dims->kv_heads, (size_t)run->nk, width};
    if (!run->instance->info.maps)
        return PE_OK;
    const pe_status status =
        case_add_wide(run, "q_rot", "output", "(B, H, L, D)", 4, q, &a->mapped_q, err);
    return status == PE_OK
               ? case_add_wide(run, "k_rot", "output", "(B, H, L, D)", 4, k, &a->mapped_k, err)
               : status;
}

static pe_status add_attended(case_run *run, const pe_attended *a, int batch, pe_error *err)
{
    const size_t shape[4] = {(size_t)batch, (size_t)run->instance->dims.heads, (size_t)run->nq,
                             (size_t)run->nk};
    pe_status status = add_mask(run, a, batch, err);
    if (status == PE_OK)
        status = add_mapped(run, a, batch, err);
    if (status == PE_OK)
        status = add_terms(run, a, shape, err);
    if (status == PE_OK)
        status = add_content_and_rest(run, a, shape, err);
    if (status == PE_OK)
        status = case_add_wide(run, "logits", "intermediate", pair_axes, 4, shape, &a->logits, err);
    if (status == PE_OK)
        status = case_add_wide(run, "probs", "intermediate", pair_axes, 4, shape, &a->weights, err);
    return status;
}

/* ---- q, k, v ---- */

static pe_status read_qkv(case_run *run, inputs *in, pe_error *err)
{
    pe_status status = case_read(run, "q", &in->q, err);
    if (status == PE_OK)
        status = case_read(run, "k", &in->k, err);
    if (status == PE_OK)
        status = case_read(run, "v", &in->v, err);
    if (status != PE_OK)
        return status;
    const pe_dims *dims = &run->instance->dims;
    const size_t H = (size_t)dims->heads, kv = (size_t)dims->kv_heads, D = (size_t)dims->head_dim;
    const size_t *q = in->q.shape, *k = in->k.shape, *v = in->v.shape;
    if (in->q.rank != 4 || q[1] != H || q[3] != D)
        return wrong_shape(run, "q", "(B, heads, Lq, head_dim)", err);
    if (in->k.rank != 4 || k[0] != q[0] || k[1] != kv || k[3] != D)
        return wrong_shape(run, "k", "(B, heads, Lk, head_dim)", err);
    if (in->v.rank != 4 || v[0] != k[0] || v[1] != k[1] || v[2] != k[2] || v[3] != D)
        return wrong_shape(run, "v", "that of k.npy", err);
    if (q[2] == 0 || k[2] == 0 || q[0] == 0 || q[2] > k[2])
        return pe_fail(err, PE_FORMAT, "%s: %zu queries for %zu keys in a batch of %zu",
                       pe_case_name(run->c), q[2], k[2], q[0]);
    run->nq = (int64_t)q[2];
    run->nk = (int64_t)k[2];
    return PE_OK;
}

static pe_status attend(case_run *run, inputs *in, pe_error *err)
{
    pe_job job;
    const int batch = (int)in->q.shape[0];
    pe_status status = start_job(run, in, batch, &job, err);
    if (status != PE_OK)
        return status;
    job.q = in->q.values;
    job.k = in->k.values;
    job.v = in->v.values;
    pe_attended attended;
    status = pe_run_attention(&job, &attended, err);
    if (status == PE_OK)
        status = add_attended(run, &attended, batch, err);
    if (status == PE_OK)
        status = case_add_wide(run, "out", "output", "(B, H, Lq, D)", 4, in->q.shape, &attended.out,
                               err);
    pe_attended_release(&attended);
    return status == PE_OK ? case_add_gradients(run, &job, err) : status;
}

pe_status case_compute_attention(case_run *run, pe_error *err)
{
    inputs in = {0};
    pe_status status = read_qkv(run, &in, err);
    if (status == PE_OK)
        status = attend(run, &in, err);
    release_inputs(&in);
    return status;
}

/* ---- a layer ---- */

static pe_status read_x(case_run *run, inputs *in, pe_error *err)
{
    if (!is_input(run->c, "x")) {
        in->x.rank = 3;
        return case_embed_ids(run, &in->embedded, in->x.shape, err);
    }
    const pe_status status = case_read(run, "x", &in->x, err);
    if (status == PE_OK && (in->x.rank != 3 || in->x.count == 0))
        return wrong_shape(run, "x", "(B, L, d)", err);
    return status;
}

static pe_status read_weight(case_run *run, const char *name, size_t rows, size_t columns,
                             case_table *weight, pe_error *err)
{
    const pe_status status = case_read(run, name, weight, err);
    if (status != PE_OK)
        return status;
    if (!weight->values)
        return pe_fail(err, PE_FORMAT, "%s has no %s.npy", pe_case_name(run->c), name);
    if (weight->rank != 2 || weight->shape[0] != rows || (columns && weight->shape[1] != columns))
        return pe_fail(err, PE_FORMAT, "%s: %s.npy has not the %zu rows and %zu columns it needs",
                       pe_case_name(run->c), name, rows, columns);
    return PE_OK;
}

static pe_status read_weights(case_run *run, inputs *in, pe_error *err)
{
    const pe_dims *dims = &run->instance->dims;
    const size_t width = in->x.shape[2];
    const size_t q = (size_t)dims->heads * (size_t)dims->head_dim;
    const size_t kv = (size_t)dims->kv_heads * (size_t)dims->head_dim;
    const char *key_weight = pe_case_find(run->c, "WkE") ? "WkE" : "Wk";
    pe_status status = read_weight(run, "Wq", width, q, &in->Wq, err);
    if (status == PE_OK)
        status = read_weight(run, key_weight, width, kv, &in->Wk, err);
    if (status == PE_OK)
        status = read_weight(run, "Wv", width, kv, &in->Wv, err);
    if (status == PE_OK && pe_case_find(run->c, "Wo"))
        status = read_weight(run, "Wo", q, 0, &in->Wo, err);
    return status;
}

static pe_status read_memory(case_run *run, inputs *in, pe_error *err)
{
    const pe_status status = case_read(run, "mem", &in->past, err);
    if (status != PE_OK || !in->past.values)
        return status;
    if (in->past.rank != 3 || in->past.shape[0] != in->x.shape[0] ||
        in->past.shape[2] != in->x.shape[2])
        return wrong_shape(run, "mem", "(B, M, d)", err);
    return PE_OK;
}

static pe_status add_layered(case_run *run, const inputs *in, const pe_layered *layered,
                             pe_error *err)
{
    const pe_dims *dims = &run->instance->dims;
    const int batch = (int)in->x.shape[0];
    const size_t joined[3] = {in->x.shape[0], in->x.shape[1],
                              (size_t)dims->heads * (size_t)dims->head_dim};
    const size_t out[3] = {joined[0], joined[1], in->Wo.values ? in->Wo.shape[1] : joined[2]};
    const pe_wide *result = in->Wo.values ? &layered->out : &layered->joined;
    pe_status status = add_attended(run, &layered->attended, batch, err);
    if (status == PE_OK)
        status = case_add_wide(run, "attn_vec", "intermediate", "(B, L, H*D)", 3, joined,
                               &layered->joined, err);
    if (status == PE_OK)
        status = case_add_wide(run, "out", "output", "(B, L, d)", 3, out, result, err);
    return status;
}

/* From the gradient by the embedded rows to those of the embedding. */
static pe_status add_embedding_gradients(case_run *run, const inputs *in, pe_error *err)
{
    pe_status status = PE_OK;
    if (in->embedded.count == 0 || !case_wants_gradients(run))
        return PE_OK;
    const case_result *by_rows = case_run_find(run, "grad_x", &status, err);
    return by_rows ? case_add_embedding_gradients(run, by_rows->values, err) : status;
}

static pe_status run_layer(case_run *run, inputs *in, pe_error *err)
{
    const int64_t memory = in->past.values ? (int64_t)in->past.shape[1] : 0;
    run->nq = (int64_t)in->x.shape[1];
    run->nk = run->nq + memory;
    pe_layer_job job = {.length = run->nq,
                        .memory = memory,
                        .x = in->x.values ? in->x.values : in->embedded.hi,
                        .x_lo = in->x.values ? NULL : in->embedded.lo,
                        .past = in->past.values,
                        .width = (int)in->x.shape[2],
                        .Wq = in->Wq.values,
                        .Wk = in->Wk.values,
                        .Wv = in->Wv.values,
                        .Wo = in->Wo.values,
                        .columns_out = in->Wo.values ? (int)in->Wo.shape[1] : 0};
    pe_status status = start_job(run, in, (int)in->x.shape[0], &job.attention, err);
    if (status != PE_OK)
        return status;
    pe_layered layered;
    status = pe_run_layer(&job, &layered, err);
    if (status == PE_OK)
        status = add_layered(run, in, &layered, err);
    if (status == PE_OK)
        status = case_add_layer_gradients(run, &job, &layered, err);
    if (status == PE_OK)
        status = add_embedding_gradients(run, in, err);
    pe_layered_release(&layered);
    return status;
}

pe_status case_compute_layer(case_run *run, pe_error *err)
{
    inputs in = {0};
    pe_status status = read_x(run, &in, err);
    if (status == PE_OK)
        status = read_weights(run, &in, err);
    if (status == PE_OK)
        status = read_memory(run, &in, err);
    if (status == PE_OK)
        status =
            case_add_wide(run, "x", "intermediate", "(B, L, d)", 3, in.x.shape, &in.embedded, err);
    if (status == PE_OK)
        status = run_layer(run, &in, err);
    release_inputs(&in);
    return status;
}
