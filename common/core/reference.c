/* Reference attention: the whole matrix, plain loops, straight from the formula in attention.h.
 * Compiled in three precisions (posenc_pass.h); no matrix product library, no threads, so that it
 * can judge the tiled way. */
#ifndef PE_CORE
#define PE_CORE
#endif
#include "posenc.h"

#include "base/memory.h"
#include "core/lent.h"
#include "core/parts.h"
#include "core/quad.h"
#include "core/quad_dot.h"

#include <string.h>

#include "core/reference_steps.h"

static void PE(weigh)(const PE(pe_parts) * p, PE(matrices) * m, int64_t b)
{
    const PE(pe_attention) *a = p->a;
    const size_t all = (size_t)p->H * (size_t)a->nq * (size_t)a->nk;
    for (int h = 0; h < p->H; h++)
        for (int64_t i = 0; i < a->nq; i++) {
            const int64_t query = (b * p->H + h) * a->nq + i;
            pe_real log_sum;
            const pe_real *row = PE(weigh_row)(p, m, h, i, &log_sum);
            PE(add_values)(p, m, b, h, i, row, a->out + query * p->D);
            if (a->row_log_sum)
                a->row_log_sum[query] = log_sum;
        }
    if (a->weights)
        memcpy(a->weights + (size_t)b * all, m->s, all * sizeof *m->s);
}

pe_status PE(pe_attend_reference)(const PE(pe_attention) * a, pe_error *err)
{
    PE(pe_parts) parts;
    PE(matrices) m = {0};
    pe_status status = PE(pe_parts_prepare)(&parts, a, false, err);
    if (status == PE_OK)
        status = PE(allocate_matrices)(&m, &parts, err);
    for (int64_t b = 0; status == PE_OK && b < a->batch; b++) {
        PE(fill_raw)(&parts, &m, b);
        PE(finish_logits)(&parts, &m, b);
        PE(weigh)(&parts, &m, b);
    }
    if (status == PE_OK)
        PE(pe_finish_output)(&parts);
    PE(release_matrices)(&m);
    PE(pe_parts_release)(&parts);
    return status;
}

#include PE_NEXT("reference.c")
