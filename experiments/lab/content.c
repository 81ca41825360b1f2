/* Content for the experiments: random vectors, and real text through a random layer. */
#include "lab/lab.h"
#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

static double *normals(const pe_lab *lab, const char *purpose, uint64_t draw, size_t count,
                       double sigma, pe_error *err)
{
    double *x = pe_allocate(count, sizeof *x, purpose, err);
    if (!x)
        return NULL;
    pe_stream stream = pe_stream_open(lab->size.seed, purpose, draw);
    pe_fill_normal(&stream, x, count, 0, sigma);
    return x;
}

void pe_content_release(pe_content *content)
{
    pe_release(content->q);
    pe_release(content->k);
    pe_release(content->v);
    pe_release(content->x);
    *content = (pe_content){0};
}

pe_status pe_lab_random_content(const pe_lab *lab, const pe_dims *dims, int64_t n, uint64_t draw,
                                pe_content *content, pe_error *err)
{
    const size_t kv = (size_t)(dims->kv_heads ? dims->kv_heads : dims->heads);
    const size_t vectors = (size_t)n * (size_t)dims->head_dim;
    const size_t width = (size_t)(dims->model_dim ? dims->model_dim : dims->heads * dims->head_dim);
    *content = (pe_content){
        .q = normals(lab, "content q", draw, (size_t)dims->heads * vectors, 1, err),
        .k = normals(lab, "content k", draw, kv * vectors, 1, err),
        .v = normals(lab, "content v", draw, kv * vectors, 1, err),
        .x = normals(lab, "content x", draw, (size_t)n * width, 1, err),
    };
    if (content->q && content->k && content->v && content->x)
        return PE_OK;
    pe_content_release(content);
    return PE_MEMORY;
}

/* ---- real text --------------------------------------------------------------------------------
 */

enum { BYTES = 256 };

void pe_text_weights_release(pe_text_weights *weights)
{
    pe_release(weights->table);
    pe_release(weights->Wq);
    pe_release(weights->Wk);
    pe_release(weights->Wv);
    *weights = (pe_text_weights){0};
}

/* Of a token's row, with the code beside it where that is how it is joined. */
static int width_of(const pe_instance *instance)
{
    const pe_setup *info = &instance->info;
    return instance->dims.model_dim + (info->flags & PE_CONCATENATE ? info->embed_width : 0);
}

pe_status pe_lab_text_weights(const pe_lab *lab, const pe_instance *instance, uint64_t draw,
                              pe_text_weights *weights, pe_error *err)
{
    const pe_dims *dims = &instance->dims;
    const size_t d = (size_t)dims->model_dim, wide = (size_t)width_of(instance);
    const size_t columns = (size_t)dims->heads * (size_t)dims->head_dim;
    const double sigma = 1 / sqrt((double)wide);
    *weights = (pe_text_weights){
        .table = normals(lab, "text table", draw, BYTES * d, 1, err),
        .Wq = normals(lab, "text Wq", draw, wide * columns, sigma, err),
        .Wk = normals(lab, "text Wk", draw, wide * columns, sigma, err),
        .Wv = normals(lab, "text Wv", draw, wide * columns, sigma, err),
    };
    if (weights->table && weights->Wq && weights->Wk && weights->Wv)
        return PE_OK;
    pe_text_weights_release(weights);
    return PE_MEMORY;
}

typedef struct text_layer {
    pe_text_weights own; /* empty where they are lent */
    const pe_text_weights *weights;
    int64_t *ids;
    double *coord;
    int64_t *index;
    pe_wide rows;
} text_layer;

static void release_layer(text_layer *layer)
{
    pe_text_weights_release(&layer->own);
    pe_release(layer->ids);
    pe_release(layer->coord);
    pe_release(layer->index);
    pe_wide_release(&layer->rows);
}

static pe_status make_layer(const pe_lab *lab, const pe_text_job *job, text_layer *layer,
                            pe_error *err)
{
    const pe_dims *dims = &job->instance->dims;
    *layer = (text_layer){
        .weights = job->weights ? job->weights : &layer->own,
        .ids = pe_allocate((size_t)job->n, sizeof(int64_t), "token ids", err),
        .coord =
            pe_allocate((size_t)job->n * (size_t)dims->axes, sizeof(double), "coordinates", err),
        .index = pe_allocate((size_t)job->n, sizeof(int64_t), "indices", err),
    };
    if (!layer->ids || !layer->coord || !layer->index)
        return PE_MEMORY;
    if (!job->weights &&
        pe_lab_text_weights(lab, job->instance, job->draw, &layer->own, err) != PE_OK)
        return PE_MEMORY;
    for (int64_t t = 0; t < job->n; t++) {
        layer->ids[t] = lab->text[(size_t)(job->first + t) % lab->text_length];
        layer->index[t] = job->shift + t;
    }
    const pe_places_request request = {
        .n = job->n, .start = job->shift, .ids = layer->ids, .seed = lab->size.seed};
    return pe_instance_coordinates(job->instance, NULL, &request, layer->coord, err);
}

pe_status pe_lab_run_text(const pe_lab *lab, const pe_text_job *job, pe_attended *result,
                          pe_error *err)
{
    int width = width_of(job->instance);
    text_layer layer = {0};
    pe_layered layered = {0};
    *result = (pe_attended){0};
    pe_status status = make_layer(lab, job, &layer, err);
    if (status == PE_OK) {
        const pe_embedding_job embedding = {.instance = job->instance,
                                            .precision = job->precision,
                                            .n = job->n,
                                            .ids = layer.ids,
                                            .table = layer.weights->table,
                                            .vocabulary = BYTES,
                                            .padding_id = -1,
                                            .coord = layer.coord};
        status = pe_run_embedding(&embedding, &layer.rows, &width, err);
    }
    if (status == PE_OK) {
        const pe_layer_job whole = {
            .attention = {.instance = job->instance,
                          .precision = job->precision,
                          .batch = 1,
                          .causal = job->causal,
                          .q_index = layer.index,
                          .k_index = layer.index,
                          .q_coord = layer.coord,
                          .k_coord = layer.coord,
                          .want_logits = true,
                          .want_weights = true},
            .length = job->n,
            .x = layer.rows.hi,
            .x_lo = layer.rows.lo,
            .width = width,
            .Wq = layer.weights->Wq,
            .Wk = layer.weights->Wk,
            .Wv = layer.weights->Wv,
        };
        status = pe_run_layer(&whole, &layered, err);
    }
    if (status == PE_OK) {
        *result = layered.attended;
        layered.attended = (pe_attended){0};
    }
    pe_layered_release(&layered);
    release_layer(&layer);
    return status;
}
