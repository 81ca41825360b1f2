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

typedef struct text_layer {
    double *table, *Wq, *Wk, *Wv;
    int64_t *ids;
    double *coord;
    int64_t *index;
    pe_wide rows;
} text_layer;

static void release_layer(text_layer *layer)
{
    pe_release(layer->table);
    pe_release(layer->Wq);
    pe_release(layer->Wk);
    pe_release(layer->Wv);
    pe_release(layer->ids);
    pe_release(layer->coord);
    pe_release(layer->index);
    pe_wide_release(&layer->rows);
}

static pe_status make_layer(const pe_lab *lab, const pe_text_job *job, int width, text_layer *layer,
                            pe_error *err)
{
    const pe_dims *dims = &job->instance->dims;
    const size_t d = (size_t)dims->model_dim, wide = (size_t)width;
    const size_t columns = (size_t)dims->heads * (size_t)dims->head_dim;
    const double sigma = 1 / sqrt((double)width);
    *layer = (text_layer){
        .table = normals(lab, "text table", job->draw, BYTES * d, 1, err),
        .Wq = normals(lab, "text Wq", job->draw, wide * columns, sigma, err),
        .Wk = normals(lab, "text Wk", job->draw, wide * columns, sigma, err),
        .Wv = normals(lab, "text Wv", job->draw, wide * columns, sigma, err),
        .ids = pe_allocate((size_t)job->n, sizeof(int64_t), "token ids", err),
        .coord =
            pe_allocate((size_t)job->n * (size_t)dims->axes, sizeof(double), "coordinates", err),
        .index = pe_allocate((size_t)job->n, sizeof(int64_t), "indices", err),
    };
    if (!layer->table || !layer->Wq || !layer->Wk || !layer->Wv || !layer->ids || !layer->coord ||
        !layer->index)
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
    const pe_setup *info = &job->instance->info;
    const int d = job->instance->dims.model_dim;
    int width = d + (info->flags & PE_CONCATENATE ? info->embed_width : 0);
    text_layer layer = {0};
    pe_layered layered = {0};
    *result = (pe_attended){0};
    pe_status status = make_layer(lab, job, width, &layer, err);
    if (status == PE_OK) {
        const pe_embedding_job embedding = {.instance = job->instance,
                                            .precision = job->precision,
                                            .n = job->n,
                                            .ids = layer.ids,
                                            .table = layer.table,
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
            .Wq = layer.Wq,
            .Wk = layer.Wk,
            .Wv = layer.Wv,
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
