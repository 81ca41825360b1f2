/* Inside the core: a run whose inputs are already arrays of the job's precision, so that a layer in
 * quad does not round its q, k, v on the way. */
#ifndef PE_CORE_RUN_TYPED_H
#define PE_CORE_RUN_TYPED_H

#include "core/parts.h"
#include "core/run.h"

/* in: q, k, v, x of job->precision, x may be NULL. */
pe_status pe_run_attention_typed(const pe_job *job, const void *const in[4], pe_attended *result,
                                 pe_error *err);

#endif
