/* Tables, embedding, Gram statistics. */
#include "bench/workload_make.h"

#include "analysis/gram_profile.h"
#include "base/memory.h"
#include "core/embed.h"
#include "core/stream.h"
#include "numbers/table.h"

enum { COORD, ROWS, IDS, TABLE, GRAM };

static pe_status run_codes(pe_workload *w, double *checksum, pe_error *err)
{
    const size_t count = (size_t)(w->argument[0] * w->argument[1]);
    pe_status status = pe_instance_code_rows(w->instance, PE_FLOAT, w->argument[0], w->block[COORD],
                                             w->block[ROWS], err);
    if (checksum)
        *checksum = pe_workload_sum(w->block[ROWS], count);
    return status;
}

pe_status pe_workload_codes(pe_workload *w, pe_error *err)
{
    const size_t n = (size_t)w->argument[0];
    double *coord = pe_workload_block(w, COORD, n, sizeof *coord, err);
    if (!coord || !pe_workload_block(w, ROWS, n * (size_t)w->argument[1], sizeof(float), err))
        return PE_MEMORY;
    for (size_t t = 0; t < n; t++)
        coord[t] = (double)t;
    w->bytes = (double)n * (double)w->argument[1] * (double)sizeof(float);
    w->run = run_codes;
    return PE_OK;
}

static pe_status run_table(pe_workload *w, double *checksum, pe_error *err)
{
    const int64_t rows = w->argument[0], width = w->argument[1];
    float *out = w->block[ROWS];
    if (!out && !(out = pe_allocate_unset((size_t)(rows * width), sizeof *out, "table", err)))
        return PE_MEMORY;
    pe_status status = pe_table_fill_f32(w->table, 0, rows, out, width, 0, err);
    if (checksum)
        *checksum = pe_workload_sum(out, (size_t)(rows * width));
    if (!w->block[ROWS])
        pe_release(out);
    return status;
}

pe_status pe_workload_table(pe_workload *w, bool fresh, pe_error *err)
{
    const size_t count = (size_t)(w->argument[0] * w->argument[1]);
    w->bytes = (double)count * (double)sizeof(float);
    w->run = run_table;
    pe_status status =
        pe_table_create_paper(10000, (int)w->argument[1], PE_TABLE_INTERLEAVED, &w->table, err);
    if (status == PE_OK && !fresh && !pe_workload_block(w, ROWS, count, sizeof(float), err))
        status = PE_MEMORY;
    return status;
}

static pe_status run_embed(pe_workload *w, double *checksum, pe_error *err)
{
    const pe_embedding_f32 e = {.instance = w->instance,
                                .batch = (int)w->argument[2],
                                .n = w->argument[3],
                                .ids = w->block[IDS],
                                .table = w->block[TABLE],
                                .vocabulary = w->argument[0],
                                .padding_id = -1,
                                .coord = w->block[COORD],
                                .scale_sqrt_d = true,
                                .out = w->block[ROWS]};
    pe_status status = pe_embed_f32(&e, err);
    if (checksum)
        *checksum =
            pe_workload_sum(e.out, (size_t)(w->argument[2] * w->argument[3] * w->argument[1]));
    return status;
}

pe_status pe_workload_embed(pe_workload *w, uint64_t seed, pe_error *err)
{
    const size_t vocabulary = (size_t)w->argument[0], d = (size_t)w->argument[1];
    const size_t length = (size_t)w->argument[3], tokens = (size_t)w->argument[2] * length;
    float *table = pe_workload_block(w, TABLE, vocabulary * d, sizeof *table, err);
    int64_t *ids = pe_workload_block(w, IDS, tokens, sizeof *ids, err);
    double *coord = pe_workload_block(w, COORD, length, sizeof *coord, err);
    if (!table || !ids || !coord || !pe_workload_block(w, ROWS, tokens * d, sizeof(float), err))
        return PE_MEMORY;
    pe_core_stream stream;
    pe_core_stream_start(&stream, seed, "benchmark", TABLE);
    for (size_t i = 0; i < vocabulary * d; i++)
        table[i] = (float)pe_core_uniform(&stream);
    for (size_t t = 0; t < tokens; t++)
        ids[t] = (int64_t)(pe_core_uniform(&stream) * (double)vocabulary);
    for (size_t t = 0; t < length; t++)
        coord[t] = (double)t;
    w->bytes = (double)(tokens * d * sizeof(float));
    w->run = run_embed;
    return PE_OK;
}

/* The mean of P P^T by distance, as the peers compute it, and the second moment. */
static pe_status run_gram(pe_workload *w, double *checksum, pe_error *err)
{
    const size_t T = (size_t)w->argument[0];
    double *mean = w->block[GRAM];
    pe_status status =
        pe_gram_profile(w->block[ROWS], T, (size_t)w->argument[1], mean, mean + T, err);
    double sum = 0;
    for (size_t k = 0; k < T; k++)
        sum += mean[k];
    if (checksum)
        *checksum = sum;
    return status;
}

pe_status pe_workload_gram(pe_workload *w, pe_error *err)
{
    const size_t T = (size_t)w->argument[0], d = (size_t)w->argument[1];
    double *coord = pe_workload_block(w, COORD, T, sizeof *coord, err);
    float *rows = pe_workload_block(w, ROWS, T * d, sizeof *rows, err);
    if (!coord || !rows || !pe_workload_block(w, GRAM, 2 * T, sizeof(double), err))
        return PE_MEMORY;
    for (size_t t = 0; t < T; t++)
        coord[t] = (double)t;
    w->operations = (double)T * (double)(T + 1) * (double)d; /* each pair once */
    w->run = run_gram;
    return pe_instance_code_rows(w->instance, PE_FLOAT, (int64_t)T, coord, rows, err);
}
