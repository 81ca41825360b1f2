/* The consistency matrix: ways of asking that must give the numbers of one full causal pass. */
#include "base/memory.h"
#include "conformance/report.h"

#include <float.h>
#include <string.h>

double pe_epsilon_of(const pe_trial *trial, pe_precision precision)
{
    return precision == PE_FLOAT    ? (double)FLT_EPSILON
           : precision == PE_DOUBLE ? DBL_EPSILON
                                    : trial->eps;
}

pe_status pe_output_bound(const pe_trial *trial, pe_precision precision, double *bound,
                          pe_error *err)
{
    pe_job job = pe_trial_job(trial, PE_DOUBLE, PE_REFERENCE);
    job.want_logits = true;
    pe_attended a;
    const pe_status status = pe_run_attention(&job, &a, err);
    if (status == PE_OK)
        *bound = pe_rounding_bound(
            pe_epsilon_of(trial, precision),
            pe_largest(trial->coord, (size_t)(trial->tokens * trial->instance->dims.axes)),
            pe_largest(a.logits.hi, a.logits.count) + pe_largest(a.out.hi, a.out.count));
    pe_attended_release(&a);
    return status;
}

bool pe_same_outputs(const pe_trial *trial, pe_outputs a, pe_outputs b, int64_t rows, double bound,
                     char *text, size_t size)
{
    const int64_t D = trial->instance->dims.head_dim;
    for (int64_t h = 0; h < trial->instance->dims.heads; h++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t c = 0; c < D; c++) {
                const size_t p = (size_t)((h * a.rows + a.first + i) * D + c);
                const size_t r = (size_t)((h * b.rows + b.first + i) * D + c);
                const double apart = (a.out->hi[p] - b.out->hi[r]) + (a.out->lo[p] - b.out->lo[r]);
                if (fabs(apart) <= bound)
                    continue;
                if (!text[0])
                    snprintf(text, size,
                             "output %lld of query %lld, head %lld: %.17g in one pass, %.17g here "
                             "(apart %.3g, rounding explains %.3g)",
                             (long long)c, (long long)(a.first + i), (long long)h, a.out->hi[p],
                             b.out->hi[r], fabs(apart), bound);
                return false;
            }
    return true;
}

/* One way of computing: everything below is asked in this precision by this method. */
typedef struct way {
    const pe_trial *trial;
    pe_precision precision;
    pe_method method;
    double bound;
    pe_attended full; /* the causal pass over all tokens */
    char text[PE_FINDING_TEXT];
} way;

static pe_job causal_job(const way *w)
{
    pe_job job = pe_trial_job(w->trial, w->precision, w->method);
    job.causal = true;
    return job;
}

/* Run a job whose queries are the full pass's rows first .. first + nq. */
static pe_status expect_rows(way *w, const pe_job *job, int64_t first, pe_error *err)
{
    pe_attended a;
    const pe_status status = pe_run_attention(job, &a, err);
    if (status == PE_OK)
        pe_same_outputs(w->trial, (pe_outputs){&w->full.out, w->trial->tokens, first},
                        (pe_outputs){&a.out, job->nq, 0}, job->nq, w->bound, w->text,
                        sizeof w->text);
    pe_attended_release(&a);
    return status;
}

/* ---- pieces of the content ------------------------------------------------------------------- */

/* Tokens first .. first + n of every head, `before` and `after` slots of noise around them. */
static pe_status cut_block(const way *w, const double *from, int64_t heads, int64_t width,
                           int64_t first, int64_t n, int64_t before, int64_t after, double **block,
                           pe_error *err)
{
    const int64_t T = w->trial->tokens, slots = before + n + after;
    *block = pe_draw_normal(w->trial, (size_t)(heads * slots * width), "noise in padding", 0, err);
    for (int64_t h = 0; h < heads && *block; h++)
        memcpy(*block + (h * slots + before) * width, from + (h * T + first) * width,
               (size_t)(n * width) * sizeof(double));
    return *block ? PE_OK : PE_MEMORY;
}

static pe_status cut_content(const way *w, int64_t first_query, int64_t queries, int64_t keys,
                             int64_t before, int64_t after, pe_trial_content *content,
                             pe_error *err)
{
    const pe_dims *d = &w->trial->instance->dims;
    const pe_trial_content *c = &w->trial->content;
    *content = (pe_trial_content){0};
    pe_status status =
        cut_block(w, c->q, d->heads, d->head_dim, first_query, queries, 0, 0, &content->q, err);
    if (status == PE_OK)
        status =
            cut_block(w, c->k, d->kv_heads, d->head_dim, 0, keys, before, after, &content->k, err);
    if (status == PE_OK)
        status =
            cut_block(w, c->v, d->kv_heads, d->head_dim, 0, keys, before, after, &content->v, err);
    if (status == PE_OK)
        status = cut_block(w, c->x, 1, d->model_dim, 0, keys, before, after, &content->x, err);
    if (status != PE_OK)
        pe_trial_content_release(content);
    return status;
}

static void put_content(pe_job *job, const pe_trial_content *content)
{
    job->q = content->q;
    job->k = content->k;
    job->v = content->v;
    job->x = content->x;
}

/* ---- the modes ------------------------------------------------------------------------------- */

static pe_status mask_bytes(way *w, pe_error *err)
{
    const size_t T = (size_t)w->trial->tokens;
    unsigned char *allowed = pe_allocate(T * T, 1, "mask", err);
    if (!allowed)
        return PE_MEMORY;
    for (size_t i = 0; i < T * T; i++)
        allowed[i] = i % T <= i / T;
    pe_job job = causal_job(w);
    job.causal = false;
    job.allowed = allowed;
    const pe_status status = expect_rows(w, &job, 0, err);
    pe_release(allowed);
    return status;
}

/* The last `queries` tokens look at the first `keys` ones. */
static pe_status last_queries(way *w, int64_t queries, int64_t keys, pe_error *err)
{
    const int64_t first = keys - queries;
    pe_trial_content content;
    pe_status status = cut_content(w, first, queries, keys, 0, 0, &content, err);
    if (status != PE_OK)
        return status;
    pe_job job = causal_job(w);
    job.nq = queries;
    job.nk = keys;
    job.q_index += first;
    job.q_coord += first * w->trial->instance->dims.axes;
    put_content(&job, &content);
    status = expect_rows(w, &job, first, err);
    pe_trial_content_release(&content);
    return status;
}

static pe_status shorter_queries(way *w, pe_error *err)
{
    const int64_t T = w->trial->tokens;
    return last_queries(w, T > 5 ? 5 : 1, T, err);
}

static pe_status memory(way *w, pe_error *err)
{
    const int64_t T = w->trial->tokens;
    return last_queries(w, T - T / 3, T, err);
}

/* Row by row, as a decoder with a cache of k asks. A plan that follows the length is another
 * encoding at every length, so there only the last row must agree. */
static pe_status decoding(way *w, pe_error *err)
{
    const bool by_length = w->trial->instance->info.plan_depends & PE_ON_LENGTH;
    pe_status status = PE_OK;
    for (int64_t i = by_length ? w->trial->tokens - 1 : 0; i < w->trial->tokens && status == PE_OK;
         i++)
        status = last_queries(w, 1, i + 1, err);
    return status;
}

enum { PADDING = 4 };

/* Slots before or after the tokens hold noise, and the mask alone says so. */
static pe_status padded(way *w, int64_t before, int64_t after, pe_error *err)
{
    const pe_trial *t = w->trial;
    const int64_t T = t->tokens, slots = before + T + after, axes = t->instance->dims.axes;
    pe_trial_content content = {0};
    int64_t *index = pe_allocate((size_t)slots, sizeof *index, "slots", err);
    double *coord = pe_allocate((size_t)(slots * axes), sizeof *coord, "places of slots", err);
    pe_status status = index && coord ? PE_OK : PE_MEMORY;
    if (status == PE_OK)
        status = cut_content(w, 0, T, T, before, after, &content, err);
    if (status == PE_OK) {
        for (int64_t s = 0; s < slots; s++) {
            const int64_t token = s < before ? 0 : s - before < T ? s - before : T - 1;
            index[s] = s;
            memcpy(coord + s * axes, t->coord + token * axes, (size_t)axes * sizeof *coord);
        }
        const int64_t starts = before, lengths = before + T;
        pe_job job = causal_job(w);
        job.nk = slots;
        job.q_index = index + before;
        job.k_index = index;
        job.k_coord = coord;
        job.key_starts = before ? &starts : NULL;
        job.key_lengths = after ? &lengths : NULL;
        put_content(&job, &content);
        status = expect_rows(w, &job, 0, err);
    }
    pe_trial_content_release(&content);
    pe_release(index);
    pe_release(coord);
    return status;
}

static bool follows_length(const way *w)
{
    return w->trial->instance->info.plan_depends & PE_ON_LENGTH;
}

static pe_status padded_right(way *w, pe_error *err)
{
    return follows_length(w) ? PE_OK : padded(w, 0, PADDING, err);
}

static pe_status padded_left(way *w, pe_error *err)
{
    return follows_length(w) ? PE_OK : padded(w, PADDING, 0, err);
}

/* Two sequences in one call: each must be as if alone. */
static pe_status batch(way *w, pe_error *err)
{
    const pe_dims *d = &w->trial->instance->dims;
    const size_t T = (size_t)w->trial->tokens;
    const size_t sizes[] = {
        (size_t)d->heads * T * (size_t)d->head_dim, (size_t)d->kv_heads * T * (size_t)d->head_dim,
        (size_t)d->kv_heads * T * (size_t)d->head_dim, T * (size_t)d->model_dim};
    const pe_trial_content *c = &w->trial->content;
    const double *const from[] = {c->q, c->k, c->v, c->x};
    double *two[4] = {0};
    pe_status status = PE_OK;
    for (int b = 0; b < 4 && status == PE_OK; b++) {
        two[b] = pe_draw_normal(w->trial, 2 * sizes[b], "other sequence", (uint64_t)b, err);
        if (!two[b])
            status = PE_MEMORY;
        else
            memcpy(two[b] + sizes[b], from[b], sizes[b] * sizeof(double));
    }
    pe_attended a = {0};
    if (status == PE_OK) {
        pe_job job = causal_job(w);
        job.batch = 2;
        put_content(&job, &(pe_trial_content){two[0], two[1], two[2], two[3]});
        status = pe_run_attention(&job, &a, err);
    }
    if (status == PE_OK) {
        const pe_wide second = {sizes[0], a.out.hi + sizes[0], a.out.lo + sizes[0]};
        pe_same_outputs(w->trial, (pe_outputs){&w->full.out, (int64_t)T, 0},
                        (pe_outputs){&second, (int64_t)T, 0}, (int64_t)T, w->bound, w->text,
                        sizeof w->text);
    }
    pe_attended_release(&a);
    for (int b = 0; b < 4; b++)
        pe_release(two[b]);
    return status;
}

static pe_status nothing_to_see(way *w, pe_error *err)
{
    const int64_t none = 0;
    pe_job job = causal_job(w);
    job.key_lengths = &none;
    pe_attended a;
    const pe_status status = pe_run_attention(&job, &a, err);
    for (size_t i = 0; status == PE_OK && i < a.out.count; i++)
        if (a.out.hi[i] != 0 && !w->text[0])
            snprintf(w->text, sizeof w->text, "output %zu is %g though no key may be seen", i,
                     a.out.hi[i]);
    pe_attended_release(&a);
    return status;
}

/* The reference in the same precision, with the mask that the trial allows and under a causal one.
 */
static pe_status other_method(way *w, pe_error *err)
{
    pe_job job = causal_job(w);
    job.method = w->method == PE_TILED ? PE_REFERENCE : PE_TILED;
    pe_status status = expect_rows(w, &job, 0, err);
    if (status != PE_OK || w->trial->causal)
        return status;
    pe_attended a = {0}, b = {0};
    job.causal = false;
    status = pe_run_attention(&job, &a, err);
    job.method = w->method;
    if (status == PE_OK)
        status = pe_run_attention(&job, &b, err);
    if (status == PE_OK)
        pe_same_outputs(w->trial, (pe_outputs){&a.out, w->trial->tokens, 0},
                        (pe_outputs){&b.out, w->trial->tokens, 0}, w->trial->tokens, w->bound,
                        w->text, sizeof w->text);
    pe_attended_release(&a);
    pe_attended_release(&b);
    return status;
}

/* ---- one key head for all query heads: as if every head had that key head of its own ----------
 */

static pe_status same_parameters(const pe_instance *from, pe_instance *to, bool *same,
                                 pe_error *err)
{
    pe_status status = PE_OK;
    *same = from->info.param_count == to->info.param_count;
    for (int p = 0; p < to->info.param_count && *same && status == PE_OK; p++) {
        const size_t count = pe_param_count(&from->info.param[p]);
        *same = count == pe_param_count(&to->info.param[p]);
        if (*same)
            status = pe_instance_set_param(to, p, 0, NULL, count, from->master[p], err);
    }
    return status;
}

static pe_status compare_groups(way *w, pe_instance *grouped, pe_error *err)
{
    const pe_dims *d = &w->trial->instance->dims;
    const size_t head = (size_t)(w->trial->tokens * d->head_dim);
    double *k = pe_allocate(2 * (size_t)d->heads * head, sizeof *k, "repeated heads", err);
    if (!k)
        return PE_MEMORY;
    double *v = k + (size_t)d->heads * head;
    for (int h = 0; h < d->heads; h++) {
        memcpy(k + (size_t)h * head, w->trial->content.k, head * sizeof *k);
        memcpy(v + (size_t)h * head, w->trial->content.v, head * sizeof *v);
    }
    pe_attended a = {0}, b = {0};
    pe_job job = causal_job(w);
    job.instance = grouped; /* reads the first head of k and v only */
    pe_status status = pe_run_attention(&job, &b, err);
    job.instance = w->trial->instance;
    job.k = k;
    job.v = v;
    if (status == PE_OK)
        status = pe_run_attention(&job, &a, err);
    if (status == PE_OK)
        pe_same_outputs(w->trial, (pe_outputs){&a.out, w->trial->tokens, 0},
                        (pe_outputs){&b.out, w->trial->tokens, 0}, w->trial->tokens, w->bound,
                        w->text, sizeof w->text);
    pe_attended_release(&a);
    pe_attended_release(&b);
    pe_release(k);
    return status;
}

/* A variant that keeps numbers per key head, or refuses groups, has nothing to compare. */
static pe_status grouped_heads(way *w, pe_error *err)
{
    const pe_instance *instance = w->trial->instance;
    pe_dims dims = instance->dims;
    pe_instance *grouped = NULL;
    bool same = false;
    dims.kv_heads = 1;
    if (instance->info.state > 0)
        return PE_OK;
    pe_status status =
        pe_instance_create(instance->variant, &dims, NULL, 0, instance->seed, &grouped, err);
    if (status != PE_OK)
        return status == PE_USAGE ? PE_OK : status;
    status = same_parameters(instance, grouped, &same, err);
    if (status == PE_OK && same)
        status = compare_groups(w, grouped, err);
    pe_instance_release(grouped);
    return status;
}

/* ---- codes under padding ------------------------------------------------------------------------
 */

static pe_status embed_tokens(const way *w, int64_t before, const int64_t *ids, const double *table,
                              pe_wide *rows, int *width, pe_error *err)
{
    const int64_t T = w->trial->tokens;
    const pe_embedding_job job = {
        .instance = w->trial->instance,
        .precision = w->precision,
        .n = before + T,
        .ids = ids + PADDING - before,
        .table = table,
        .vocabulary = T + 1,
        .padding_id = T,
    };
    return pe_run_embedding(&job, rows, width, err);
}

/* Padding has no code and takes no position: the tokens behind it keep every bit of theirs. Asked
 * in one axis only: a grid has a place for every slot. */
static void compare_rows(way *w, const pe_wide *alone, const pe_wide *behind, int width,
                         const double *table)
{
    const int64_t T = w->trial->tokens, model = w->trial->instance->dims.model_dim;
    const size_t skipped = (size_t)(PADDING * width);
    for (size_t i = 0; i < alone->count && !w->text[0]; i++)
        if (alone->hi[i] != behind->hi[skipped + i] || alone->lo[i] != behind->lo[skipped + i])
            snprintf(w->text, sizeof w->text,
                     "column %zu of token %zu is %.17g alone and %.17g behind padding",
                     i % (size_t)width, i / (size_t)width, alone->hi[i], behind->hi[skipped + i]);
    for (int64_t c = 0; c < width && !w->text[0]; c++)
        if (behind->hi[c] != (c < model ? table[T * model + c] : 0))
            snprintf(w->text, sizeof w->text, "a padding token has a code: column %lld is %.17g",
                     (long long)c, behind->hi[c]);
}

static pe_status padded_tokens(way *w, pe_error *err)
{
    const int64_t T = w->trial->tokens, model = w->trial->instance->dims.model_dim;
    if (w->trial->instance->info.embed_width == 0 || w->trial->instance->dims.axes != 1)
        return PE_OK;
    double *table = pe_draw_normal(w->trial, (size_t)((T + 1) * model), "token table", 0, err);
    int64_t *ids = pe_allocate((size_t)(PADDING + T), sizeof *ids, "token ids", err);
    pe_wide alone = {0}, behind = {0};
    int width = 0;
    pe_status status = table && ids ? PE_OK : PE_MEMORY;
    for (int64_t i = 0; status == PE_OK && i < PADDING + T; i++)
        ids[i] = i < PADDING ? T : i - PADDING;
    if (status == PE_OK)
        status = embed_tokens(w, 0, ids, table, &alone, &width, err);
    if (status == PE_OK)
        status = embed_tokens(w, PADDING, ids, table, &behind, &width, err);
    if (status == PE_OK)
        compare_rows(w, &alone, &behind, width, table);
    pe_wide_release(&alone);
    pe_wide_release(&behind);
    pe_release(table);
    pe_release(ids);
    return status;
}

static const struct {
    const char *name;
    pe_status (*ask)(way *w, pe_error *err);
} modes[] = {{"reference = tiled", other_method},    {"mask bytes", mask_bytes},
             {"shorter queries", shorter_queries},   {"memory", memory},
             {"one row with a cache", decoding},     {"padded right", padded_right},
             {"padded left", padded_left},           {"batch", batch},
             {"no key to see", nothing_to_see},      {"grouped key heads", grouped_heads},
             {"codes behind padding", padded_tokens}};

/* One finding per mode; the ways are tried until one fails. */
static pe_status ask_in(const pe_trial *trial, pe_precision precision, pe_method method,
                        size_t mode, char *text, size_t size, pe_error *err)
{
    way w = {.trial = trial, .precision = precision, .method = method};
    pe_error why;
    pe_status status = pe_output_bound(trial, precision, &w.bound, &why);
    pe_job job = causal_job(&w);
    if (status == PE_OK)
        status = pe_run_attention(&job, &w.full, &why);
    if (status == PE_OK)
        status = modes[mode].ask(&w, &why);
    pe_attended_release(&w.full);
    if (status == PE_MEMORY) {
        pe_fail(err, status, "%s", why.text);
        return status;
    }
    if (status != PE_OK)
        snprintf(text, size, "%s, %s: refused: %.200s", pe_precision_name(precision),
                 method == PE_TILED ? "tiled" : "reference", why.text);
    else if (w.text[0])
        snprintf(text, size, "%s, %s: %.300s", pe_precision_name(precision),
                 method == PE_TILED ? "tiled" : "reference", w.text);
    return PE_OK;
}

pe_status pe_check_modes(const pe_trial *trial, pe_conformance *report, pe_error *err)
{
    const struct {
        pe_precision precision;
        pe_method method;
    } ways[] = {{trial->judge, PE_REFERENCE}, {PE_DOUBLE, PE_TILED}, {PE_FLOAT, PE_TILED}};
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        char text[PE_FINDING_TEXT] = "";
        for (size_t w = 0; w < sizeof ways / sizeof ways[0] && !text[0]; w++) {
            const pe_status status =
                ask_in(trial, ways[w].precision, ways[w].method, m, text, sizeof text, err);
            if (status != PE_OK)
                return status;
        }
        char name[PE_FINDING_NAME];
        snprintf(name, sizeof name, "modes: %s", modes[m].name);
        if (text[0])
            pe_report_add(report, PE_CHECK_FAILED, name, "%s", text);
        else
            pe_report_add(report, PE_CHECK_PASSED, name,
                          "as one causal pass of %lld tokens, in %s, f64 and f32",
                          (long long)trial->tokens, pe_precision_name(trial->judge));
    }
    return PE_OK;
}
