/* Making of workloads by kind, private to this room. w has its arguments and, where the kind has a
 * variant, its instance; each function adds buffers, the work and what it counts. PE_MEMORY */
#ifndef PE_BENCH_WORKLOAD_MAKE_H
#define PE_BENCH_WORKLOAD_MAKE_H

#include "bench/workload.h"

#include <stddef.h>

enum { PE_BENCH_BATCH = 4, PE_BENCH_HEADS = 8, PE_BENCH_HEAD_DIM = 64 }; /* of the peers */

/* Zeros, or normal numbers, that w owns as block `slot`. NULL: no memory. */
void *pe_workload_block(pe_workload *w, int slot, size_t count, size_t size, pe_error *err);
float *pe_workload_normals(pe_workload *w, int slot, size_t count, uint64_t seed, pe_error *err);
double pe_workload_sum(const float *x, size_t count);

/* argument[0] queries and M keys more, of the peers' batch and the instance's heads. */
pe_status pe_workload_attention(pe_workload *w, int64_t M, bool causal, uint64_t seed,
                                pe_error *err);

pe_status pe_workload_codes(pe_workload *w, pe_error *err); /* by the variant's hook */
/* The correctly rounded table (numbers/table.h): into the same buffer, or into fresh memory. */
pe_status pe_workload_table(pe_workload *w, bool fresh, pe_error *err);
pe_status pe_workload_embed(pe_workload *w, uint64_t seed, pe_error *err);
pe_status pe_workload_gram(pe_workload *w, pe_error *err);

/* One step of training a small transformer (workload_train.c says its size) with argument[1]
 * sequences of argument[0] tokens; 0: those of the peers. The setting may be NULL. */
pe_status pe_workload_train(pe_workload *w, const pe_variant *variant, const pe_setting *setting,
                            uint64_t seed, pe_error *err);
void pe_workload_training_release(struct pe_bench_training *training);

#endif
