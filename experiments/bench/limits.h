#ifndef PE_BENCH_LIMITS_H
#define PE_BENCH_LIMITS_H

#include "bench/workload.h"

/* Workloads that only move or multiply numbers, float, all threads:
 *   PE_LIMIT_WRITE    argument[0] MiB written past the caches
 *   PE_LIMIT_COPY     the same, read from a table of that size
 *   PE_LIMIT_PRODUCT  C (M,N) = A (M,K) B (K,N) by the BLAS, M, N, K = argument[0 .. 2] */
typedef enum pe_limit { PE_LIMIT_WRITE, PE_LIMIT_COPY, PE_LIMIT_PRODUCT } pe_limit;

/* w has its arguments; fills the rest. PE_MEMORY */
pe_status pe_limit_make(pe_limit limit, pe_workload *w, pe_error *err);

#endif
