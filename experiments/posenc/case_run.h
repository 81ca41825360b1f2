/* A case folder, computed: which variant it is about, with which dimensions, options and tables,
 * and every number that follows from its inputs. tests/golden/README.md is the contract.
 *
 * What is computed is decided by the files that the case holds, never by a variant's name:
 *   q, k, v             one attention
 *   Wq, Wv and x or ids one attention layer, after an embedding when there are ids and tok
 *   ids, tok            an embedding
 *   otherwise           code rows: of v, of positions, of a grid, or of token numbers
 * and, when an option holds a list, once for each entry:
 *   heads: [1, 2, ..]   slopes: minus the bias at offset 1
 *   [{..}, {..}]        buckets: the row that each offset of rel reads */
#ifndef POSENC_CASE_RUN_H
#define POSENC_CASE_RUN_H

#include "core/run.h"
#include "io/case.h"

enum { CASE_RESULTS = 48, CASE_NAME = 64 };

/* One tensor that was computed: values are exact in double (quad: rounded to double). */
typedef struct case_result {
    char name[CASE_NAME]; /* as a file of the case would be called, without ".npy" */
    const char *role;     /* "output" or "intermediate" */
    const char *axes;
    bool whole;     /* integers, stored as such */
    bool beginning; /* the file may go on: only as many are compared as were computed */
    int rank;
    size_t shape[PE_SHAPE_RANK], count;
    double *values; /* owned by the run */
} case_result;

typedef struct case_run {
    const pe_case *c; /* lent */
    pe_precision precision;
    pe_method method;
    const pe_variant *variant;
    pe_instance *instance;
    bool causal, scale_sqrt_d;
    int64_t query_offset, start, padding_id; /* query_offset, padding_id < 0: not stated */
    int64_t first_position;                  /* of the first real token, as people count them */
    int64_t *key_lengths;                    /* (B) or NULL */
    size_t key_length_count;
    int64_t nq, nk; /* of the attention, 0 without one */
    int result_count;
    case_result result[CASE_RESULTS];
} case_run;

/* A table of inputs as doubles, and its shape. */
typedef struct case_table {
    int rank;
    size_t shape[PE_SHAPE_RANK], count;
    double *values; /* NULL: the case has no such file */
} case_table;

/* Read the case's options and parameters and make the instance. The caller owns *run until
 * case_run_release, also after a failure.
 *   PE_FORMAT  files or options that do not fit together
 *   PE_USAGE   a variant that is not here, options it does not have, dimensions it refuses */
pe_status case_run_begin(const pe_case *c, pe_precision precision, pe_method method, case_run *run,
                         pe_error *err);
void case_run_release(case_run *run);

/* Compute what follows from the inputs; results are added to run->result. */
pe_status case_run_compute(case_run *run, pe_error *err);

/* The result of that name, computed now when it is one of the things that are only made when asked
 * for (slopes, bias, buckets, index, R, frequencies, cos, sin); NULL when it cannot be made.
 * *status tells the difference between "cannot be made" (PE_OK) and a failure. */
const case_result *case_run_find(case_run *run, const char *name, pe_status *status, pe_error *err);

/* ---- between the files of this program ---- */

/* A file of the case as doubles (case_table_release); absent files give PE_OK and values NULL. */
pe_status case_read(const case_run *run, const char *name, case_table *table, pe_error *err);
void case_table_release(case_table *table);

/* Add a result of this shape; gives its zeroed values, or NULL (PE_MEMORY in err). */
double *case_add(case_run *run, const char *name, const char *role, const char *axes, bool whole,
                 int rank, const size_t *shape, pe_error *err);

/* Add the numbers of a pe_wide as a result; an empty one adds nothing. */
pe_status case_add_wide(case_run *run, const char *name, const char *role, const char *axes,
                        int rank, const size_t *shape, const pe_wide *wide, pe_error *err);

/* An instance like run->instance, but with `heads` heads (0: the same) and the settings of a JSON
 * object on top (NULL: none). Parameters are those of the seed. Owned by the caller. */
pe_status case_another_instance(const case_run *run, int heads, const json_t *more,
                                pe_instance **instance, pe_error *err);

/* Gradients of L = sum(out * G), where the case has G.npy and the variant can be trained: of one
 * attention, and of a layer with its weights and, where it was given, x and the memory. `job` is
 * that of the forward call. */
pe_status case_add_gradients(case_run *run, const pe_job *job, pe_error *err);
pe_status case_add_layer_gradients(case_run *run, const pe_layer_job *job,
                                   const pe_layered *layered, pe_error *err);

/* The same of an embedding: by the token table and the parameters of the code, with `drows` (B, L,
 * width) the gradient by the rows. A gradient that is there already is added to. */
pe_status case_add_embedding_gradients(case_run *run, const double *drows, pe_error *err);

/* Does the case ask for gradients, and can they be had? */
bool case_wants_gradients(const case_run *run);
/* G, the gradient by an output of `count` numbers (case_table_release). */
pe_status case_read_upstream(const case_run *run, size_t count, case_table *G, pe_error *err);

pe_status case_compute_attention(case_run *run, pe_error *err); /* q, k, v */
pe_status case_compute_layer(case_run *run, pe_error *err);     /* x or ids, Wq, ... */
pe_status case_compute_embedding(case_run *run, pe_error *err); /* ids, tok */
pe_status case_compute_codes(case_run *run, pe_error *err);

/* Rows of x for a layer: from x.npy, or embedded ids. (B, L, width). */
pe_status case_embed_ids(case_run *run, pe_wide *rows, size_t shape[3], pe_error *err);

/* The results that are made when asked for; PE_OK without a new result: cannot be made. */
pe_status case_probe(case_run *run, const char *name, pe_error *err);

#endif
