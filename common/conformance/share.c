#include "conformance/share.h"
#include "base/memory.h"
#include "core/quad.h"

#include <string.h>

void pe_matrices_release(pe_matrices *m)
{
    pe_release(m->x);
    pe_release(m->allowed);
    *m = (pe_matrices){0};
}

static size_t count_of(const pe_matrices *m)
{
    return (size_t)m->heads * (size_t)m->tokens * (size_t)m->tokens;
}

double pe_matrices_largest(const pe_matrices *m)
{
    double most = 0;
    for (size_t i = 0; i < count_of(m); i++)
        if (fabs((double)m->x[i]) > most)
            most = fabs((double)m->x[i]);
    return most;
}

static pe_status allocate(pe_matrices *m, int heads, int64_t tokens, pe_error *err)
{
    *m = (pe_matrices){.heads = heads, .tokens = tokens};
    const size_t square = (size_t)tokens * (size_t)tokens;
    m->x = pe_allocate(square * (size_t)heads, sizeof *m->x, "logits under test", err);
    m->allowed = pe_allocate(square, 1, "mask under test", err);
    if (m->x && m->allowed)
        return PE_OK;
    pe_matrices_release(m);
    return PE_MEMORY;
}

static pe_status take_logits(const pe_attended *attended, int heads, int64_t tokens, pe_matrices *m,
                             pe_error *err)
{
    const pe_status status = allocate(m, heads, tokens, err);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < count_of(m); i++)
        m->x[i] = pe_wide_at(&attended->logits, i);
    memcpy(m->allowed, attended->allowed, (size_t)tokens * (size_t)tokens);
    return PE_OK;
}

pe_status pe_logits_of(const pe_job *job, pe_matrices *logits, pe_error *err)
{
    pe_job with_logits = *job;
    with_logits.want_logits = true;
    pe_attended attended;
    *logits = (pe_matrices){0};
    pe_status status = pe_run_attention(&with_logits, &attended, err);
    if (status == PE_OK)
        status = take_logits(&attended, job->instance->dims.heads, job->nk, logits, err);
    pe_attended_release(&attended);
    return status;
}

/* S -= scale q_i . k_j: what a transformer without the variant would have computed. */
static void subtract_content(const pe_trial *trial, const pe_trial_content *content,
                             pe_matrices *share)
{
    const pe_dims *d = &trial->instance->dims;
    const int64_t T = share->tokens, D = d->head_dim;
    pe_quad scale = (pe_quad)trial->instance->info.scale;
    if (trial->instance->info.scale == 0)
        scale = 1 / pe_quad_sqrt((pe_quad)D);
    for (int64_t h = 0; h < d->heads; h++) {
        const double *q = content->q + h * T * D;
        const double *k = content->k + h * d->kv_heads / d->heads * T * D;
        for (int64_t i = 0; i < T; i++)
            for (int64_t j = 0; j < T; j++) {
                pe_quad dot = 0;
                for (int64_t c = 0; c < D; c++)
                    dot += (pe_quad)q[i * D + c] * (pe_quad)k[j * D + c];
                if (share->allowed[i * T + j])
                    share->x[(h * T + i) * T + j] -= scale * dot;
            }
    }
}

/* S += p_i . p_j, the same for every head. */
static pe_status add_gram(const pe_trial *trial, pe_matrices *share, pe_error *err)
{
    const int64_t T = share->tokens, width = trial->instance->info.embed_width;
    pe_wide codes = {0};
    const pe_status status =
        pe_instance_codes(trial->instance, trial->judge, T, trial->coord, &codes, err);
    for (int64_t i = 0; status == PE_OK && i < T; i++)
        for (int64_t j = 0; j < T; j++) {
            pe_quad dot = 0;
            for (int64_t c = 0; c < width; c++)
                dot += pe_wide_at(&codes, (size_t)(i * width + c)) *
                       pe_wide_at(&codes, (size_t)(j * width + c));
            for (int64_t h = 0; h < share->heads && share->allowed[i * T + j]; h++)
                share->x[(h * T + i) * T + j] += dot;
        }
    pe_wide_release(&codes);
    return status;
}

pe_status pe_share_of(const pe_trial *trial, const pe_trial_content *content, pe_matrices *share,
                      pe_error *err)
{
    pe_job job = pe_trial_job(trial, trial->judge, PE_REFERENCE);
    job.q = content->q;
    job.k = content->k;
    job.v = content->v;
    job.x = content->x;
    pe_status status = pe_logits_of(&job, share, err);
    if (status != PE_OK)
        return status;
    subtract_content(trial, content, share);
    if (trial->instance->info.embed_width > 0)
        status = add_gram(trial, share, err);
    if (status != PE_OK)
        pe_matrices_release(share);
    return status;
}

/* Both entries of a comparison must be allowed: a mask is not a property of the formula. */
static bool is_comparable(const pe_matrices *a, const pe_matrices *b, int64_t at, int64_t other)
{
    return a->allowed[at] && b->allowed[other];
}

pe_deviation pe_deviation_of(const pe_matrices *a, const pe_matrices *b, bool mirrored,
                             double tolerance)
{
    pe_deviation worst = {0}, first = {0};
    const int64_t T = a->tokens;
    for (int h = 0; h < a->heads; h++)
        for (int64_t i = 0; i < T; i++)
            for (int64_t j = 0; j < T; j++) {
                const int64_t at = i * T + j, other = mirrored ? j * T + i : at;
                if (!is_comparable(a, b, at, other))
                    continue;
                const pe_quad x = a->x[h * T * T + at], y = b->x[h * T * T + other];
                const double apart = fabs((double)(x - y));
                const pe_deviation here = {apart, true, h, i, j, (double)x, (double)y};
                if (!(apart <= tolerance) && (!first.found || i + j < first.i + first.j))
                    first = here;
                if (!(apart <= worst.largest) || !worst.found)
                    worst = here;
            }
    const double largest = worst.largest;
    if (!first.found) {
        first = worst;
        first.found = false;
    }
    first.largest = largest;
    return first;
}
